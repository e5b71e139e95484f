//! Which characters a document may hold: what a reviewer cannot see must not be able to change
//! what the document says.

use crate::domain::problem::Problem;
use crate::domain::yaml::MAX_BYTES;

/// So many bytes of a document are looked at together.
const PIECE: usize = 256;

/// Why a character may not stand in a document, unless written as an escape in double quotes.
pub(super) fn refusal(c: char) -> Option<&'static str> {
    match c {
        '\n' | '\r' | '\t' => None,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Some("a control character"),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' => {
            Some("a bidirectional control character")
        }
        '\u{feff}' => Some("a byte order mark"),
        // A line break to readers of YAML 1.1 only: a comment for one would be content for another.
        '\u{2028}' | '\u{2029}' => Some("a Unicode line separator"),
        // Not characters at all, and not printable to other readers of YAML.
        '\u{fffe}' | '\u{ffff}' => Some("a noncharacter"),
        _ => None,
    }
}

/// The document as text, if it is small enough and holds nothing that is hidden from a reader.
pub(super) fn checked_text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Problem> {
    if bytes.len() > MAX_BYTES {
        return Err(Problem::of_file(
            file,
            format!(
                "the document has {} bytes: expected at most {MAX_BYTES} (64 KiB)",
                bytes.len()
            ),
        ));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let before = String::from_utf8_lossy(before);
            let message = "the document is not valid UTF-8: save it with that encoding";
            return Err(problem_after(file, &before, message.to_owned()));
        }
    };
    // Nearly every document is nothing but this. Looked at by the piece, because that is done many bytes at once.
    let is_plain = |piece: &[u8]| {
        let plain = piece.iter().map(|byte| matches!(byte, b'\n' | b' '..=b'~'));
        plain.fold(true, |all, is| all & is)
    };
    if bytes.chunks(PIECE).all(is_plain) {
        return Ok(text);
    }
    match first_refused(text) {
        None => Ok(text),
        Some((offset, message)) => Err(problem_after(
            file,
            text.get(..offset).unwrap_or_default(),
            message,
        )),
    }
}

fn first_refused(text: &str) -> Option<(usize, String)> {
    let mut previous_was_return = false;
    for (offset, c) in text.char_indices() {
        if previous_was_return && c != '\n' {
            return Some((offset.saturating_sub(1), LONE_RETURN.to_owned()));
        }
        previous_was_return = c == '\r';
        if let Some(what) = refusal(c) {
            return Some((
                offset,
                format!(
                    "{what} (U+{:04X}) is not allowed here: remove it, or write it as an escape in double quotes",
                    u32::from(c)
                ),
            ));
        }
    }
    previous_was_return.then(|| (text.len().saturating_sub(1), LONE_RETURN.to_owned()))
}

/// Editors and diffs show it as nothing, readers of YAML take it as a line break.
const LONE_RETURN: &str = "a carriage return without a line feed is not allowed: end lines with a line feed, or with both";

fn problem_after(file: &str, before: &str, message: String) -> Problem {
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    Problem {
        line: u64::try_from(line).ok(),
        column: u64::try_from(column).ok(),
        ..Problem::of_file(file, message)
    }
}
