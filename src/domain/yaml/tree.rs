//! A document as a tree that remembers where each node stands, built from the parser's events.
//!
//! What YAML allows and this product does not (anchors, aliases, tags, merge keys, directives,
//! several documents, duplicate keys, depth) is refused here, before any type is looked at.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    Event, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, options,
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

/// What a node is.
#[derive(Debug)]
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

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Key<'a>,
    pub(crate) value: Node<'a>,
}

/// A key of a mapping.
#[derive(Debug)]
pub(crate) struct Key<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) mark: Mark,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A collection whose end has not come yet.
struct Open<'a> {
    mark: Mark,
    start: usize,
    flow: bool,
    inside: Inside<'a>,
}

enum Inside<'a> {
    List(Vec<Node<'a>>),
    Map {
        entries: Vec<Entry<'a>>,
        key: Option<Key<'a>>,
    },
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
    let mut builder = Builder {
        source: text,
        open: Vec::new(),
        root: None,
    };
    let parser: Parser<'_, StrInput<'_>> = Parser::new_from_str_with_options(text, options);
    for next in parser {
        match next {
            Ok((event, span)) => builder.accept(event, &span)?,
            Err(error) => return Err(builder.path(syntax_error(&error))),
        }
    }
    builder
        .root
        .ok_or_else(|| Error::new("the document is empty: expected a mapping").at(mark_of(1, 0)))
}

fn syntax_error(error: &ScanError) -> Error {
    let marker = error.marker();
    let message = format!("this is not valid YAML: {}", one_line(&error.info()));
    Error::new(message).at(mark_of(marker.line(), marker.col()))
}

fn mark_of(line: usize, column_from_0: usize) -> Mark {
    Mark {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column_from_0.saturating_add(1)).unwrap_or(u32::MAX),
    }
}

fn mark_of_span(span: &Span) -> Mark {
    mark_of(span.start.line(), span.start.col())
}

fn start_of(span: &Span) -> usize {
    span.start.byte_offset().unwrap_or_default()
}

fn end_of(span: &Span) -> usize {
    span.end.byte_offset().unwrap_or_default()
}

struct Builder<'a> {
    source: &'a str,
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
}

impl<'a> Builder<'a> {
    fn accept(&mut self, event: Event<'a>, span: &Span) -> Result<(), Error> {
        self.refuse_decorations(&event, span)?;
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let message =
                    "a second document begins here: expected one document, so remove this `---`";
                Err(Error::new(message).at(mark_of_span(span)))
            }
            Event::Scalar(text, style, ..) => self.scalar(text, style, span),
            Event::SequenceStart(style, ..) => {
                self.begin(Inside::List(Vec::new()), is_flow(style), span)
            }
            Event::MappingStart(style, ..) => {
                let (entries, key) = (Vec::new(), None);
                self.begin(Inside::Map { entries, key }, is_flow(style), span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(span),
            _ => Ok(()),
        }
    }

    /// Anchors, aliases and tags make a document mean something that its text does not show.
    fn refuse_decorations(&self, event: &Event<'_>, span: &Span) -> Result<(), Error> {
        let (mark, what) = match event {
            Event::Alias(_) | Event::UnresolvedAlias(_) => (
                mark_of_span(span),
                "aliases (`*name`) are not allowed: write the value itself, or put the text in quotes",
            ),
            event if event.anchor_id().is_some_and(|id| id != 0) => (
                mark_of_span(span),
                "anchors (`&name`) are not allowed: write the value where it is needed, or put the text in quotes",
            ),
            event if event.tag().is_some() => {
                let mark = span
                    .tag_start
                    .map_or_else(|| mark_of_span(span), |m| mark_of(m.line(), m.col()));
                (
                    mark,
                    "tags (`!name`) are not allowed: remove it, or put the text in quotes",
                )
            }
            _ => return Ok(()),
        };
        Err(self.path(Error::new(what).at(mark)))
    }

    fn scalar(&mut self, text: Cow<'a, str>, style: ScalarStyle, span: &Span) -> Result<(), Error> {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
            _ => Style::Quoted,
        };
        if self.wants_key() {
            return self.key(text, style, span);
        }
        let (start, mut end, mark) = (start_of(span), end_of(span), mark_of_span(span));
        if style == Style::Block {
            end = self.end_of_block_text(&text, start, end);
        }
        // The parser says `~` for a value that is not written.
        let unwritten = style == Style::Plain && start == end;
        let text = if unwritten { Cow::Borrowed("") } else { text };
        self.add(Node {
            kind: Kind::Scalar { text, style },
            mark,
            start,
            end,
        });
        Ok(())
    }

    /// The parser goes on to the next thing, over blank lines and its indentation.
    fn end_of_block_text(&self, text: &str, start: usize, end: usize) -> usize {
        let read = self.source.get(..end).unwrap_or_default();
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

    fn wants_key(&self) -> bool {
        matches!(
            self.open.last().map(|open| &open.inside),
            Some(Inside::Map { key: None, .. })
        )
    }

    fn key(&mut self, text: Cow<'a, str>, style: Style, span: &Span) -> Result<(), Error> {
        let (start, end, mark) = (start_of(span), end_of(span), mark_of_span(span));
        let wrong = match (style, text.as_ref()) {
            (Style::Plain, "<<") => Some(
                "merge keys (`<<`) are not allowed: write the keys themselves, or put the text in quotes",
            ),
            (Style::Plain, "~") if start == end => Some("expected a key before the `:`"),
            (Style::Block, _) => Some("expected a key on one line"),
            _ => None,
        };
        if let Some(message) = wrong {
            return Err(self.path(Error::new(message).at(mark)));
        }
        if let Some(Inside::Map { key, .. }) = self.open.last_mut().map(|open| &mut open.inside) {
            *key = Some(Key {
                text,
                mark,
                start,
                end,
            });
        }
        Ok(())
    }

    fn begin(&mut self, inside: Inside<'a>, flow: bool, span: &Span) -> Result<(), Error> {
        let mark = mark_of_span(span);
        if self.wants_key() {
            let message = "expected a word or quoted text as the key, found a list or mapping";
            return Err(self.path(Error::new(message).at(mark)));
        }
        if self.open.len() >= MAX_DEPTH {
            let message = format!(
                "lists and mappings are nested too deeply: expected at most {MAX_DEPTH} levels"
            );
            return Err(Error::new(message).at(mark));
        }
        self.open.push(Open {
            mark,
            start: start_of(span),
            flow,
            inside,
        });
        Ok(())
    }

    fn finish(&mut self, span: &Span) -> Result<(), Error> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let flow = open.flow;
        let kind = match open.inside {
            Inside::List(items) => Kind::List { items },
            Inside::Map { entries, .. } => {
                refuse_duplicates(&entries).map_err(|error| self.path(error))?;
                Kind::Map { entries, flow }
            }
        };
        let last_end = match &kind {
            Kind::List { items, .. } => items.last().map(|item| item.end),
            Kind::Map { entries, .. } => entries.last().map(|entry| entry.value.end),
            Kind::Scalar { .. } => None,
        };
        // The end of a block collection is told only when the next thing begins.
        let end = if flow {
            end_of(span)
        } else {
            last_end.unwrap_or(open.start)
        };
        let (mark, start) = (open.mark, open.start);
        self.add(Node {
            kind,
            mark,
            start,
            end,
        });
        Ok(())
    }

    fn add(&mut self, node: Node<'a>) {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map { entries, key }) => {
                if let Some(key) = key.take() {
                    entries.push(Entry { key, value: node });
                }
            }
        }
    }

    /// Adds the path of the place that has been reached.
    fn path(&self, error: Error) -> Error {
        self.open
            .iter()
            .rev()
            .fold(error, |error, open| match &open.inside {
                Inside::List(items) => error.within_item(items.len()),
                Inside::Map { key: Some(key), .. } => error.within_key(&key.text),
                Inside::Map { key: None, .. } => error,
            })
    }
}

fn is_flow(style: StructureStyle) -> bool {
    matches!(style, StructureStyle::Flow)
}

fn refuse_duplicates(entries: &[Entry<'_>]) -> Result<(), Error> {
    if entries.len() < 2 {
        return Ok(());
    }
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
