//! Which characters a document may hold: what a reviewer cannot see must not be able to change
//! what the document says.

use super::MAX_BYTES;
use super::error::{Error, Mark};

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
pub(super) fn checked_text(bytes: &[u8]) -> Result<&str, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::new(format!(
            "the document has {} bytes: expected at most {MAX_BYTES} (64 KiB)",
            bytes.len()
        )));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        Error::new("the document is not valid UTF-8: save it with that encoding")
            .at(mark_after(&String::from_utf8_lossy(before)))
    })?;
    let mut rest = text.char_indices().peekable();
    while let Some((offset, c)) = rest.next() {
        let message = match (c, rest.peek()) {
            ('\r', Some((_, '\n'))) => continue,
            // Editors and diffs show it as nothing, readers of YAML take it as a line break.
            ('\r', _) => "a carriage return without a line feed is not allowed: end lines with a line feed, or with both".to_owned(),
            _ => match refusal(c) {
                Some(what) => format!(
                    "{what} (U+{:04X}) is not allowed here: remove it, or write it as an escape in double quotes",
                    u32::from(c)
                ),
                None => continue,
            },
        };
        let before = text.get(..offset).unwrap_or_default();
        return Err(Error::new(message).at(mark_after(before)));
    }
    Ok(text)
}

/// Where the character stands that comes after this text.
fn mark_after(before: &str) -> Mark {
    let line = before.rsplit('\n').next().unwrap_or_default();
    Mark::of(before.matches('\n').count() + 1, line.chars().count() + 1)
}
