//! A quick reader of plain block style: what our own writer makes, and most of what people write by hand.
//!
//! Verifying a trail reads millions of documents, nearly all of them written by [`super::write`], and the
//! parser library takes ten times as long for one as all the rest. This reader knows only what it is sure
//! of: block mappings and lists, words, quotes on one line, literal blocks, comments. Whatever else it meets
//! (and whatever is wrong) it leaves to the strict one, by giving none. The same tree comes out of both, to
//! the byte offsets; the tests hold every accepted text against the strict reader.

use std::borrow::Cow;
use std::collections::HashSet;

use super::MAX_DEPTH;
use super::error::Mark;
use super::tree::{Entry, Key, Kind, Node, Style};

/// Most mappings have no more keys than this.
const USUAL_KEYS: usize = 8;
/// A mapping with more keys than this is searched for duplicates by hashing.
const MANY_KEYS: usize = 16;

/// The tree of a document whose characters have been checked; none if only the strict reader can tell.
pub(super) fn parse(text: &str) -> Option<Node<'_>> {
    if memchr::memchr2(b'\t', b'\r', text.as_bytes()).is_some() {
        return None;
    }
    let mut reader = Reader {
        text,
        next: 0,
        number: 0,
        line: None,
        depth: 0,
    };
    reader.advance();
    let root = match reader.line {
        Some(line) if line.indent == 0 => reader.collection((0, false))?,
        _ => return None,
    };
    reader.line.is_none().then_some(root)
}

/// The part of a line that is still to be read.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// From the first character that counts, without the line end.
    text: &'a str,
    /// Where that is in the document.
    start: usize,
    /// How far it is indented: its column, from 0.
    indent: usize,
    number: u32,
}

impl<'a> Line<'a> {
    /// What follows after so many bytes.
    fn skip(self, bytes: usize) -> Option<Self> {
        Some(Self {
            text: self.text.get(bytes..)?,
            start: self.start + bytes,
            indent: self.indent + bytes,
            number: self.number,
        })
    }

    /// What follows after the spaces.
    fn skip_spaces(self) -> Option<Self> {
        self.skip(self.text.len() - self.text.trim_start_matches(' ').len())
    }

    /// All that stands before it on its line is plain ASCII, so bytes are characters.
    fn mark(self) -> Mark {
        Mark {
            line: self.number,
            column: u32::try_from(self.indent + 1).unwrap_or(u32::MAX),
        }
    }

    fn is_item(self) -> bool {
        self.text.starts_with("- ")
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Where the next line begins.
    next: usize,
    /// The number of the line before it.
    number: u32,
    /// The line that is being read; none at the end.
    line: Option<Line<'a>>,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// The next line as it stands, if there is one.
    fn raw_line(&mut self) -> Option<Line<'a>> {
        let rest = self.text.get(self.next..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr(b'\n', rest.as_bytes());
        let text = rest.get(..end.unwrap_or(rest.len()))?;
        let start = self.next;
        self.next = (start + text.len() + 1).min(self.text.len());
        self.number += 1;
        Some(Line {
            text,
            start,
            indent: 0,
            number: self.number,
        })
    }

    /// Goes to the next line that is neither blank nor a comment.
    fn advance(&mut self) {
        self.line = loop {
            let Some(line) = self.raw_line().map(Line::skip_spaces) else {
                break None;
            };
            match line {
                Some(line) if line.text.is_empty() || line.text.starts_with('#') => {}
                other => break other,
            }
        };
    }

    /// The mapping or list that begins at the present line; a list may be indented no more than its key.
    fn collection(&mut self, (indent, is_flush): (usize, bool)) -> Option<Node<'a>> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let node = if self.line?.is_item() {
            self.list(indent, is_flush)
        } else {
            self.mapping(indent)
        };
        self.depth -= 1;
        node
    }

    fn mapping(&mut self, indent: usize) -> Option<Node<'a>> {
        let first = self.line?;
        let mut entries: Vec<Entry<'a>> = Vec::with_capacity(USUAL_KEYS);
        while let Some(line) = self.line.filter(|line| line.indent >= indent) {
            if line.indent > indent {
                return None;
            }
            let key_len = key_len(line.text)?;
            let key = Key {
                text: Cow::Borrowed(line.text.get(..key_len)?),
                mark: line.mark(),
                start: line.start,
                end: line.start + key_len,
            };
            let value = self.value(line.skip(key_len + 1)?, (indent, true))?;
            entries.push(Entry { key, value });
        }
        if has_duplicates(&entries) {
            return None;
        }
        let end = entries.last()?.value.end;
        Some(Node {
            kind: Kind::Map {
                entries,
                flow: false,
            },
            mark: first.mark(),
            start: first.start,
            end,
        })
    }

    fn list(&mut self, indent: usize, is_flush: bool) -> Option<Node<'a>> {
        // The parser lets a flush list begin behind its first dash.
        let first = self.line?.skip(if is_flush { 2 } else { 0 })?;
        let mut items = Vec::new();
        while let Some(line) = self.line.filter(|line| line.indent >= indent) {
            if line.indent > indent {
                return None;
            }
            if !line.is_item() {
                break;
            }
            let item = line.skip(2)?;
            if item.text.starts_with([' ', '-', '#']) {
                return None;
            }
            items.push(if key_len(item.text).is_some() {
                self.line = Some(item);
                self.collection((item.indent, false))?
            } else {
                self.value(item, (indent, false))?
            });
        }
        let end = items.last()?.end;
        Some(Node {
            kind: Kind::List { items },
            mark: first.mark(),
            start: first.start,
            end,
        })
    }

    /// The value that begins on the present line, or below it; it belongs to something at `indent`.
    fn value(&mut self, rest: Line<'a>, (indent, in_mapping): (usize, bool)) -> Option<Node<'a>> {
        let rest = rest.skip_spaces()?;
        if rest.text.is_empty() || rest.text.starts_with('#') {
            self.advance();
            let below = self.line?;
            let is_flush = in_mapping && below.indent == indent && below.is_item();
            return if is_flush || below.indent > indent {
                self.collection((below.indent, is_flush))
            } else {
                None
            };
        }
        let node = match rest.text.as_bytes().first()? {
            b'|' => return self.block(rest, indent),
            b'"' => scalar(rest, double_quoted(rest.text)?, Style::Quoted),
            b'\'' => scalar(rest, single_quoted(rest.text)?, Style::Quoted),
            b'[' | b'{' => empty(rest)?,
            _ => scalar(rest, plain(rest.text)?, Style::Plain),
        };
        self.advance();
        // A deeper line would go on with it.
        match self.line {
            Some(line) if line.indent > indent => None,
            _ => Some(node),
        }
    }

    /// A literal block: `|-` or `|` with lines below it that are indented alike.
    fn block(&mut self, header: Line<'a>, indent: usize) -> Option<Node<'a>> {
        let keeps_end = match header.text {
            "|" => true,
            "|-" => false,
            _ => return None,
        };
        let first = self.raw_line()?.skip_spaces()?;
        if first.indent <= indent || first.text.is_empty() {
            return None;
        }
        let mut text = first.text.to_owned();
        let mut end = first.start + first.text.len();
        let mut blank = 0;
        loop {
            let before = (self.next, self.number);
            let Some(line) = self.raw_line() else { break };
            if line.text.is_empty() {
                blank += 1;
                continue;
            }
            let content = line.skip_spaces()?;
            if content.indent < first.indent {
                // What follows must be something new, and nothing that could be part of the block.
                if content.indent > indent
                    || content.text.starts_with('#')
                    || content.text.is_empty()
                {
                    return None;
                }
                (self.next, self.number) = before;
                break;
            }
            text.extend(std::iter::repeat_n('\n', blank + 1));
            blank = 0;
            text.push_str(line.text.get(first.indent..)?);
            end = line.start + line.text.len();
        }
        // Blank lines at its end, and a last line without an end, are for the strict reader.
        if blank > 0 || self.text.as_bytes().get(end) != Some(&b'\n') {
            return None;
        }
        if keeps_end {
            text.push('\n');
        }
        self.advance();
        Some(Node {
            kind: Kind::Scalar {
                text: Cow::Owned(text),
                style: Style::Block,
            },
            mark: first.mark(),
            start: first.start,
            end: end + 1,
        })
    }
}

/// How long the key is that begins these bytes, if they begin with a plain one.
fn key_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let len = bytes.iter().position(|byte| {
        !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'))
    })?;
    let begins_well = bytes
        .first()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let ends_well =
        bytes.get(len) == Some(&b':') && matches!(bytes.get(len + 1), None | Some(b' '));
    (begins_well && ends_well && len <= 150).then_some(len)
}

fn scalar<'a>(at: Line<'a>, (text, len): (Cow<'a, str>, usize), style: Style) -> Node<'a> {
    Node {
        kind: Kind::Scalar { text, style },
        mark: at.mark(),
        start: at.start,
        end: at.start + len,
    }
}

/// `[]` or `{}`.
fn empty(at: Line<'_>) -> Option<Node<'_>> {
    let kind = match at.text.get(..2)? {
        "[]" => Kind::List { items: Vec::new() },
        "{}" => Kind::Map {
            entries: Vec::new(),
            flow: true,
        },
        _ => return None,
    };
    ends_after(at.text, 2)?;
    Some(Node {
        kind,
        mark: at.mark(),
        start: at.start,
        end: at.start + 2,
    })
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
    ends_after(text, at + 2)?;
    let inside = inside.get(..at)?;
    let read = if doubled {
        Cow::Owned(inside.replace("''", "'"))
    } else {
        Cow::Borrowed(inside)
    };
    Some((read, at + 2))
}

/// With those escapes that our own writer uses.
fn double_quoted(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let inside = text.strip_prefix('"')?;
    let end = inside.find(['"', '\\'])?;
    if inside.as_bytes().get(end) == Some(&b'"') {
        ends_after(text, end + 2)?;
        return Some((Cow::Borrowed(inside.get(..end)?), end + 2));
    }
    let mut read = inside.get(..end)?.to_owned();
    let mut rest = inside.get(end..)?;
    loop {
        let stop = rest.find(['"', '\\'])?;
        read.push_str(rest.get(..stop)?);
        let escape = rest.get(stop + 1..)?;
        if rest.as_bytes().get(stop) == Some(&b'"') {
            let len = text.len() - escape.len();
            ends_after(text, len)?;
            return Some((Cow::Owned(read), len));
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

fn has_duplicates(entries: &[Entry<'_>]) -> bool {
    if entries.len() > MANY_KEYS {
        let mut seen = HashSet::with_capacity(entries.len());
        return !entries.iter().all(|entry| seen.insert(&entry.key.text));
    }
    let mut rest = entries;
    while let [first, others @ ..] = rest {
        if others.iter().any(|other| other.key.text == first.key.text) {
            return true;
        }
        rest = others;
    }
    false
}

#[cfg(test)]
mod tests;
