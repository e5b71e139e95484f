//! Everything that is printed passes through here: results to standard output, the rest to standard
//! error, and nothing that an agent wrote reaches a terminal as anything but visible characters.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::domain::hidden::is_hidden;

/// What results look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For issues and chats: of reports, lessons, backtests and rules.
    Markdown,
    /// A database: of exports.
    Sqlite,
    /// For spreadsheets: of exports.
    Csv,
    /// A JSON value a line: of exports.
    Jsonl,
    /// Columns: of exports.
    Parquet,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self);
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Prints a result for people.
///
/// # Errors
/// When it cannot be written; a closed pipe is told apart where errors become exit statuses.
pub fn text(text: &str) -> io::Result<()> {
    write(&visible(text))
}

/// Prints a result for programs, over several lines.
pub fn json<T: Serialize>(value: &T) -> io::Result<()> {
    write(&escaped(&serde_json::to_string_pretty(value)?))
}

/// Prints a result for programs on one line, for answers that come one after the other.
pub fn json_line<T: Serialize>(value: &T) -> io::Result<()> {
    write(&escaped(&serde_json::to_string(value)?))
}

/// Prints a program text of our own, byte for byte.
pub fn script(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Says something beside the result.
pub fn note(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{}", visible(text.trim_end()));
}

/// Says something beside the result, after a word that is coloured on a terminal.
pub fn labelled(label: &str, colour: u8, text: &str) {
    let text = visible(text.trim_end());
    let _ = if is_coloured() {
        writeln!(
            io::stderr().lock(),
            "\u{1b}[1;{colour}m{label}:\u{1b}[0m {text}"
        )
    } else {
        writeln!(io::stderr().lock(), "{label}: {text}")
    };
}

/// Says what somebody will regret not to have known.
pub fn warning(text: &str) {
    labelled("warning", YELLOW, text);
}

const YELLOW: u8 = 33;

/// Whether standard error takes colours.
pub fn is_coloured() -> bool {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    wanted && io::stderr().is_terminal()
}

/// A text of one line: what would end the line is shown as an escape.
pub fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_unicode())
        } else {
            shown.push(c)
        }
    }
    shown
}

/// Somebody's words under a margin on every line, so that none of them passes for ours.
pub fn quoted_block(text: &str) -> String {
    text.trim_end()
        .split('\n')
        .fold(String::new(), |mut block, line| {
            let _ = writeln!(block, "  | {}", one_line(line.trim_end_matches('\r')));
            block
        })
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Lines stay lines; every other character that moves the cursor, hides or turns text around is shown.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_hidden(c) {
            shown.extend(c.escape_unicode())
        } else {
            shown.push(c)
        }
    }
    shown
}

/// JSON that means the same and shows every character: they can only be inside of its strings.
fn escaped(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_hidden(c) {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_reaches_a_terminal() {
        assert_eq!(
            visible("a\u{1b}[2Jb\nc\u{202e}d\rX"),
            "a\\u{1b}[2Jb\nc\\u{202e}d\\u{d}X"
        );
        assert_eq!(one_line("a\nb"), "a\\u{a}b");
        assert_eq!(
            quoted_block("one\nerror: two\n"),
            "  | one\n  | error: two\n"
        );
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({"a": "x\u{202e}y\u{e0041}z\u{1b}"});
        let text = escaped(&value.to_string());
        assert!(text.is_ascii(), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).ok(),
            Some(value)
        );
    }
}
