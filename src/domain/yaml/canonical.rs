//! A quick reader of plain style: what our own writer makes, and most of what people and programs write.
//!
//! Verifying a trail reads millions of documents, nearly all of them written by [`super::write`], and the
//! parser library takes ten times as long for one as all the rest. This reader knows only what it is sure
//! of: block mappings and lists, words, quotes and JSON on one line, literal blocks, comments. Whatever else it meets
//! (and whatever is wrong) it leaves to the strict one, by giving none. The same tree comes out of both, to
//! the byte offsets; the tests hold every accepted text against the strict reader.

mod one_line;

use std::borrow::Cow;
use std::collections::HashSet;

use super::MAX_DEPTH;
use super::error::Mark;
use super::tree::{Entry, Key, Kind, Node, Style};

/// Most mappings have no more keys than this.
const USUAL_KEYS: usize = 8;
/// A mapping with more keys than this is searched for duplicates by hashing.
const MANY_KEYS: usize = 16;
/// A longer key is left to the strict reader.
const MAX_KEY: usize = 150;

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
            let name = line.text.get(..key_len)?;
            let key = Key {
                text: Cow::Borrowed(name),
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
        if rest.text.starts_with('|') {
            return self.block(rest, indent);
        }
        let node = one_line::value(rest, self.depth)?;
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
    (begins_well && ends_well && len <= MAX_KEY).then_some(len)
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
