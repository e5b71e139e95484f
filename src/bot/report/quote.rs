//! Somebody else's words inside what the bot says: shown exactly, and never able to pass for its own.

use crate::domain::hidden::is_hidden;
use crate::risk::code_span;

/// How much of somebody's text is shown; the whole text is in the file.
const MOST_RATIONALE: usize = 2_000;
/// How much of a problem goes into one line.
const MOST_TITLE: usize = 300;

/// Somebody's words as a block that nothing in them can end: no markup, no links, no mentions.
pub fn fenced(text: &str) -> String {
    let cut = if text.chars().nth(MOST_RATIONALE).is_some() {
        "\n[…]"
    } else {
        ""
    };
    let shown: String = text.chars().take(MOST_RATIONALE).collect();
    block(&format!("{shown}{cut}"))
}

/// A text as a block that nothing in it can end.
pub fn block(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|c| if c == '\n' { '\n' } else { visible(c) })
        .collect();
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}", shown.trim_end_matches('\n'))
}

/// A sentence of ours that may name somebody else's files and keys: as it is where that is harmless,
/// else as a code span.
pub fn sentence(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST_TITLE).collect();
    if text.chars().nth(MOST_TITLE).is_some() {
        shown.push('…');
    }
    // Code spans of single backticks pair in one way only; what is inside of them is harmless.
    let pairs = shown.matches('`').count().is_multiple_of(2) && !shown.contains("``");
    let means_something = |text: &str| {
        text.contains(['@', '<', '>', '[', ']', '!', '#'])
            || text.contains("://")
            || text.contains("www.")
    };
    let outside = shown.split('`').step_by(2);
    let is_plain = pairs
        && !shown.chars().any(is_hidden)
        && !outside
            .map(without_indexes)
            .any(|text| means_something(&text));
    if is_plain { shown } else { code_span(&shown) }
}

/// The text without the places in lists that our keys have, such as `targets[0]`: a number in brackets is no markup as
/// long as no address follows.
fn without_indexes(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once('[') {
        kept.push_str(before);
        match after.split_once(']') {
            Some((index, next))
                if !index.is_empty()
                    && index.chars().all(|c| c.is_ascii_digit())
                    && !next.starts_with(['(', '[']) =>
            {
                rest = next;
            }
            _ => {
                kept.push('[');
                rest = after;
            }
        }
    }
    kept.push_str(rest);
    kept
}

/// Control and direction characters are shown as a mark, so that a text cannot hide or turn around.
fn visible(c: char) -> char {
    if is_hidden(c) { '\u{fffd}' } else { c }
}
