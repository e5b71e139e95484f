//! A document as a tree that remembers where each node stands, built from the parser's events.
//!
//! What YAML allows and this product does not (anchors, aliases, tags, merge keys, directives,
//! several documents, duplicate keys, depth) is refused here, before any type is looked at.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, options,
};

use super::MAX_DEPTH;
use super::error::{Error, Mark, one_line};
use crate::domain::ids::quoted;

/// A value of the document and where it stands.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) mark: Mark,
    /// Byte offsets of the first character and of the one after the last. A block scalar begins
    /// at its text, not at its indicator; a value that is not written is empty.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Kind<'a> {
    Scalar { text: Cow<'a, str>, style: Style },
    List { items: Vec<Node<'a>> },
    Map { entries: Vec<Entry<'a>>, flow: bool },
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    /// `|` or `>`.
    Block,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Key<'a>,
    pub(crate) value: Node<'a>,
}

#[derive(Debug)]
pub(crate) struct Key<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) mark: Mark,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Nodes that say the same in the same writing are equal, wherever they stand.
impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<'a> Node<'a> {
    /// The entries, if it is a mapping.
    pub(crate) fn entries(&self) -> Option<&[Entry<'a>]> {
        match &self.kind {
            Kind::Map { entries, .. } => Some(entries),
            Kind::Scalar { .. } | Kind::List { .. } => None,
        }
    }

    /// The entry of this key, if it is a mapping that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries()?.iter().find(|entry| entry.key.text == key)
    }

    /// Whether nothing is written where it should stand.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.start == self.end
            && matches!(
                &self.kind,
                Kind::Scalar {
                    style: Style::Plain,
                    ..
                }
            )
    }
}

/// Parses a document whose characters have been checked.
pub(super) fn parse(text: &str) -> Result<Node<'_>, Error> {
    let limit = MAX_DEPTH * 2;
    let options = options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: limit,
        block_nesting_limit: limit,
    };
    Reader {
        source: text,
        events: Parser::new_from_str_with_options(text, options),
        depth: 0,
        end: 0,
    }
    .document()
}

struct Reader<'a> {
    source: &'a str,
    events: Parser<'a, StrInput<'a>>,
    depth: usize,
    /// Where the event ended that was read last.
    end: usize,
}

impl<'a> Reader<'a> {
    fn document(mut self) -> Result<Node<'a>, Error> {
        let root = loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd, _) => return Err(is_empty()),
                (event, span) => break self.node(event, &span)?,
            }
        };
        loop {
            match self.next()? {
                (Event::DocumentStart(..), span) => {
                    let message = "a second document begins here: expected one document, so remove this `---`";
                    return Err(Error::new(message).at(mark_of(span.start)));
                }
                (Event::StreamEnd, _) => return Ok(root),
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Error> {
        let (event, span) = self
            .events
            .next()
            .ok_or_else(is_empty)?
            .map_err(|error| syntax_error(&error))?;
        self.end = offset_of(span.end);
        Ok((event, span))
    }

    /// The next node; none at the end of the list or mapping.
    fn next_node(&mut self) -> Result<Option<Node<'a>>, Error> {
        match self.next()? {
            (Event::SequenceEnd | Event::MappingEnd, _) => Ok(None),
            (event, span) => self.node(event, &span).map(Some),
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Node<'a>, Error> {
        refuse_decorations(&event, span)?;
        let (mark, start, mut end) = (mark_of(span.start), offset_of(span.start), self.end);
        let kind = match event {
            Event::SequenceStart(style, ..) => {
                let items = self.within(mark, Self::items)?;
                end = self.end_of_collection(style, items.last(), start);
                Kind::List { items }
            }
            Event::MappingStart(style, ..) => {
                let entries = self.within(mark, Self::entries)?;
                let last = entries.last().map(|entry| &entry.value);
                end = self.end_of_collection(style, last, start);
                let flow = style == StructureStyle::Flow;
                Kind::Map { entries, flow }
            }
            Event::Scalar(text, ScalarStyle::Plain, ..) => Kind::Scalar {
                // The parser says `~` for a value that is not written.
                text: if start == end {
                    Cow::Borrowed("")
                } else {
                    text
                },
                style: Style::Plain,
            },
            Event::Scalar(text, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                end = self.end_of_block_text(&text, start);
                let style = Style::Block;
                Kind::Scalar { text, style }
            }
            Event::Scalar(text, ..) => Kind::Scalar {
                text,
                style: Style::Quoted,
            },
            _ => return Err(is_empty()),
        };
        Ok(Node {
            kind,
            mark,
            start,
            end,
        })
    }

    /// Reads what is inside of a list or mapping.
    fn within<T>(
        &mut self,
        mark: Mark,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth >= MAX_DEPTH {
            let message = format!(
                "lists and mappings are nested too deeply: expected at most {MAX_DEPTH} levels"
            );
            return Err(Error::new(message).at(mark));
        }
        self.depth += 1;
        let inside = read(self)?;
        self.depth -= 1;
        Ok(inside)
    }

    fn items(&mut self) -> Result<Vec<Node<'a>>, Error> {
        let mut items = Vec::new();
        while let Some(item) = self
            .next_node()
            .map_err(|error| error.within_item(items.len()))?
        {
            items.push(item);
        }
        Ok(items)
    }

    fn entries(&mut self) -> Result<Vec<Entry<'a>>, Error> {
        let mut entries = Vec::new();
        while let Some(key) = self.next_key()? {
            let value = self
                .next_node()
                .map_err(|error| error.within_key(&key.text))?;
            entries.extend(value.map(|value| Entry { key, value }));
        }
        refuse_duplicates(&entries)?;
        Ok(entries)
    }

    /// The next key; none at the end of the mapping.
    fn next_key(&mut self) -> Result<Option<Key<'a>>, Error> {
        let (event, span) = self.next()?;
        refuse_decorations(&event, &span)?;
        let (mark, start, end) = (mark_of(span.start), offset_of(span.start), self.end);
        let wrong = match event {
            Event::MappingEnd => return Ok(None),
            Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<" => {
                "merge keys (`<<`) are not allowed: write the keys themselves, or put the text in quotes"
            }
            Event::Scalar(_, ScalarStyle::Plain, ..) if start == end => {
                "expected a key before the `:`"
            }
            Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                "expected a key on one line"
            }
            Event::Scalar(text, ..) => {
                return Ok(Some(Key {
                    text,
                    mark,
                    start,
                    end,
                }));
            }
            _ => "expected a word or quoted text as the key, found a list or mapping",
        };
        Err(Error::new(wrong).at(mark))
    }

    /// The end of a list or mapping in block style is told only when the next thing begins.
    fn end_of_collection(
        &self,
        style: StructureStyle,
        last: Option<&Node<'_>>,
        start: usize,
    ) -> usize {
        match style {
            StructureStyle::Flow => self.end,
            _ => last.map_or(start, |last| last.end),
        }
    }

    /// The parser goes on to the next thing, over blank lines and its indentation.
    fn end_of_block_text(&self, text: &str, start: usize) -> usize {
        let read = self.source.get(..self.end).unwrap_or_default();
        let keeps_blank_lines = text.ends_with("\n\n") || text == "\n";
        let content = if keeps_blank_lines {
            read.trim_end_matches([' ', '\t'])
        } else {
            read.trim_end()
        };
        let rest = read.get(content.len()..).unwrap_or_default();
        let newline = match rest.find('\n') {
            Some(newline) if !content.ends_with('\n') => newline + 1,
            _ => 0,
        };
        (content.len() + newline).max(start)
    }
}

/// Anchors, aliases and tags make a document mean something that its text does not show.
fn refuse_decorations(event: &Event<'_>, span: &Span) -> Result<(), Error> {
    let (marker, message) = match event {
        Event::Alias(_) | Event::UnresolvedAlias(_) => (
            span.start,
            "aliases (`*name`) are not allowed: write the value itself, or put the text in quotes",
        ),
        event if event.anchor_id().is_some_and(|id| id != 0) => (
            span.start,
            "anchors (`&name`) are not allowed: write the value where it is needed, or put the text in quotes",
        ),
        event if event.tag().is_some() => (
            span.tag_start.unwrap_or(span.start),
            "tags (`!name`) are not allowed: remove it, or put the text in quotes",
        ),
        _ => return Ok(()),
    };
    Err(Error::new(message).at(mark_of(marker)))
}

fn refuse_duplicates(entries: &[Entry<'_>]) -> Result<(), Error> {
    let mut seen: HashMap<&str, Mark> = HashMap::with_capacity(entries.len());
    for Entry { key, .. } in entries {
        if let Some(first) = seen.insert(&key.text, key.mark) {
            let message = format!(
                "the key {} is given twice: it is also on line {}, so remove one of them",
                quoted(&key.text),
                first.line
            );
            return Err(Error::new(message).at(key.mark).within_key(&key.text));
        }
    }
    Ok(())
}

fn syntax_error(error: &ScanError) -> Error {
    let message = format!("this is not valid YAML: {}", one_line(&error.info()));
    Error::new(message).at(mark_of(*error.marker()))
}

fn is_empty() -> Error {
    Error::new("the document is empty: expected a mapping").at(Mark::of(1, 1))
}

fn mark_of(marker: Marker) -> Mark {
    Mark::of(marker.line(), marker.col().saturating_add(1))
}

fn offset_of(marker: Marker) -> usize {
    marker.byte_offset().unwrap_or_default()
}
