//! Values that begin and end on one line: words, quotes, and brackets as JSON has them.

use std::borrow::Cow;

use super::{Line, MAX_KEY, has_duplicates};
use crate::domain::yaml::MAX_DEPTH;
use crate::domain::yaml::tree::{Entry, Key, Kind, Node, Style};

/// The value that is all of a line but for a comment, inside so many others; none if only the strict reader can tell.
pub(super) fn value(at: Line<'_>, depth: usize) -> Option<Node<'_>> {
    let node = match at.text.as_bytes().first()? {
        b'"' => scalar(at, double_quoted(at.text)?, Style::Quoted),
        b'\'' => scalar(at, single_quoted(at.text)?, Style::Quoted),
        // After other characters bytes are no columns.
        b'[' | b'{' => at.text.is_ascii().then(|| brackets(at, depth))??,
        _ => scalar(at, plain(at.text)?, Style::Plain),
    };
    ends_after(at.text, node.end - at.start)?;
    Some(node)
}

/// A list or mapping in brackets; more may follow.
fn brackets(at: Line<'_>, depth: usize) -> Option<Node<'_>> {
    if depth >= MAX_DEPTH {
        return None;
    }
    let is_list = at.text.starts_with('[');
    let close = if is_list { ']' } else { '}' };
    let (mut items, mut entries) = (Vec::new(), Vec::new());
    let mut rest = at.skip(1)?.skip_spaces()?;
    let mut more = !rest.text.starts_with(close);
    while more {
        let mut key = None;
        if !is_list {
            let (text, len) = double_quoted(rest.text).filter(|(_, len)| *len <= MAX_KEY)?;
            key = Some(Key {
                text,
                mark: rest.mark(),
                start: rest.start,
                end: rest.start + len,
            });
            let colon = rest.skip(len).filter(|rest| rest.text.starts_with(':'))?;
            rest = colon.skip(1)?.skip_spaces()?;
        }
        let value = match rest.text.as_bytes().first()? {
            b'[' | b'{' => brackets(rest, depth + 1)?,
            b'"' => scalar(rest, double_quoted(rest.text)?, Style::Quoted),
            _ => scalar(rest, word(rest.text)?, Style::Plain),
        };
        rest = rest.skip(value.end - rest.start)?.skip_spaces()?;
        match key {
            Some(key) => entries.push(Entry { key, value }),
            None => items.push(value),
        }
        more = rest.text.starts_with(',');
        if more {
            rest = rest.skip(1)?.skip_spaces()?;
        }
    }
    if !rest.text.starts_with(close) || has_duplicates(&entries) {
        return None;
    }
    let kind = if is_list {
        Kind::List { items }
    } else {
        let flow = true;
        Kind::Map { entries, flow }
    };
    Some(Node {
        kind,
        mark: at.mark(),
        start: at.start,
        end: rest.start + 1,
    })
}

/// A number, or a word that can be nothing else in brackets.
fn word(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let bytes = text.as_bytes();
    let len = bytes.iter().position(|byte| !is_inside(byte))?;
    let begins_well = match bytes.first()? {
        b'-' => bytes.get(1).is_some_and(u8::is_ascii_digit),
        byte => byte.is_ascii_alphanumeric(),
    };
    let ends_well = matches!(bytes.get(len)?, b',' | b']' | b'}' | b' ');
    (begins_well && ends_well).then_some((Cow::Borrowed(text.get(..len)?), len))
}

fn scalar<'a>(at: Line<'a>, (text, len): (Cow<'a, str>, usize), style: Style) -> Node<'a> {
    Node {
        kind: Kind::Scalar { text, style },
        mark: at.mark(),
        start: at.start,
        end: at.start + len,
    }
}

/// Nothing but a comment follows.
fn ends_after(text: &str, len: usize) -> Option<()> {
    let rest = text.get(len..)?;
    let trimmed = rest.trim_start_matches(' ');
    (trimmed.is_empty() || (trimmed.len() < rest.len() && trimmed.starts_with('#'))).then_some(())
}

/// A word or several, up to the comment, and how long that is.
fn plain(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let bytes = text.as_bytes();
    let begins_well = match bytes.first()? {
        b'-' => bytes.get(1).is_some_and(u8::is_ascii_digit),
        byte => byte.is_ascii_alphanumeric() || b"_./(".contains(byte),
    };
    if !begins_well {
        return None;
    }
    let mut len = bytes.len();
    let mut before = b' ';
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'#' if before == b' ' => {
                len = at;
                break;
            }
            b' ' if before == b':' => return None,
            _ => {}
        }
        before = *byte;
    }
    let text = text.get(..len)?.trim_end_matches(' ');
    (!text.ends_with(':')).then_some((Cow::Borrowed(text), text.len()))
}

fn single_quoted(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let inside = text.strip_prefix('\'')?;
    let mut at = 0;
    let mut doubled = false;
    loop {
        at += inside.get(at..)?.find('\'')?;
        if inside.as_bytes().get(at + 1) != Some(&b'\'') {
            break;
        }
        doubled = true;
        at += 2;
    }
    let inside = inside.get(..at)?;
    let read = if doubled {
        Cow::Owned(inside.replace("''", "'"))
    } else {
        Cow::Borrowed(inside)
    };
    Some((read, at + 2))
}

/// A text in double quotes with those escapes that our own writer uses, and how long that is; more may follow.
fn double_quoted(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let inside = text.strip_prefix('"')?;
    let end = inside.find(['"', '\\'])?;
    if inside.as_bytes().get(end) == Some(&b'"') {
        return Some((Cow::Borrowed(inside.get(..end)?), end + 2));
    }
    let mut read = inside.get(..end)?.to_owned();
    let mut rest = inside.get(end..)?;
    loop {
        let stop = rest.find(['"', '\\'])?;
        read.push_str(rest.get(..stop)?);
        let escape = rest.get(stop + 1..)?;
        if rest.as_bytes().get(stop) == Some(&b'"') {
            return Some((Cow::Owned(read), text.len() - escape.len()));
        }
        let (c, len) = match escape.as_bytes().first()? {
            b'"' => ('"', 1),
            b'\\' => ('\\', 1),
            b'n' => ('\n', 1),
            b'r' => ('\r', 1),
            b't' => ('\t', 1),
            b'u' => {
                let digits = escape.get(1..5)?;
                let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
                (char::from_u32(code)?, 5)
            }
            _ => return None,
        };
        read.push(c);
        rest = escape.get(len..)?;
    }
}
