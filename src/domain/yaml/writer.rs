//! Writes our own documents, so that the strict reader, and any other reader of YAML 1.1 or 1.2,
//! gets back exactly what was written.
//!
//! The library lays out the document. It does not know which characters and words the reader
//! refuses, so texts that need care go through it as placeholders and are put in afterwards, in
//! double quotes with escapes.

use std::fmt::Write;

use serde::Serialize;
use serde_yaml::value::TaggedValue;
use serde_yaml::{Mapping, Value as Tree};

use super::scalar::{is_date, is_text_everywhere};
use super::{MAX_BYTES, MAX_DEPTH, chars};
use crate::domain::value::Value;

/// Why a value cannot be written as a document.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The reader would refuse it for its size.
    #[error("the document would have {0} bytes: at most {MAX_BYTES} (64 KiB) can be written")]
    TooLarge(usize),
    /// The reader would refuse it for its depth.
    #[error("lists and mappings are nested too deeply: at most {MAX_DEPTH} levels can be written")]
    TooDeep,
    /// Not a number or infinite.
    #[error("`{0}` is not a number that a document can hold")]
    NonFinite(f64),
    /// A key that the reader would not take.
    #[error("a key must be a number or text of at most 150 bytes")]
    Key,
    /// Serialization itself failed.
    #[error("the value cannot be written as YAML")]
    Yaml(#[from] serde_yaml::Error),
}

/// Whether a document holds moments of our own, which stand without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moments {
    Plain,
    None,
}

pub(super) fn write<T: Serialize>(value: &T, moments: Moments) -> Result<String, WriteError> {
    let tree = serde_yaml::to_value(value)?;
    let mut careful = Careful {
        texts: Vec::new(),
        moments,
    };
    let tree = careful.prepare(tree, 0)?;
    let laid_out = serde_yaml::to_string(&tree)?;
    let text = careful.put_in(laid_out);
    if text.len() > MAX_BYTES {
        return Err(WriteError::TooLarge(text.len()));
    }
    Ok(text)
}

/// The texts that the library must not lay out, in the order of their placeholders.
struct Careful {
    texts: Vec<String>,
    moments: Moments,
}

const PLACEHOLDER: &str = "countersign-careful-text-";

impl Careful {
    fn prepare(&mut self, tree: Tree, depth: usize) -> Result<Tree, WriteError> {
        if depth > MAX_DEPTH {
            return Err(WriteError::TooDeep);
        }
        Ok(match tree {
            Tree::String(text) => Tree::String(self.text(text)),
            Tree::Number(number) => match number.as_f64() {
                Some(value) if !value.is_finite() => return Err(WriteError::NonFinite(value)),
                _ => Tree::Number(number),
            },
            Tree::Sequence(items) => {
                if depth == MAX_DEPTH {
                    return Err(WriteError::TooDeep);
                }
                let items = items.into_iter().map(|item| self.prepare(item, depth + 1));
                Tree::Sequence(items.collect::<Result<_, _>>()?)
            }
            Tree::Mapping(entries) => self.mapping(entries, depth)?,
            // The reader refuses tags; it reads a variant from a mapping of one key.
            Tree::Tagged(tagged) => {
                let TaggedValue { tag, value } = *tagged;
                let name = tag.to_string();
                let name = name.strip_prefix('!').unwrap_or(&name).to_owned();
                let entry = std::iter::once((Tree::String(name), value));
                self.mapping(entry.collect(), depth)?
            }
            other => other,
        })
    }

    fn mapping(&mut self, entries: Mapping, depth: usize) -> Result<Tree, WriteError> {
        if depth == MAX_DEPTH {
            return Err(WriteError::TooDeep);
        }
        let mut prepared = Mapping::with_capacity(entries.len());
        for (key, value) in entries {
            let key = match key {
                // The reader takes a key on one line, of at most 1,024 characters with its quotes.
                Tree::String(text) if text.len() > 150 => return Err(WriteError::Key),
                Tree::String(text) if text.contains('\n') => Tree::String(self.careful(text)),
                Tree::String(text) => Tree::String(self.text(text)),
                Tree::Number(_) | Tree::Bool(_) => key,
                _ => return Err(WriteError::Key),
            };
            prepared.insert(key, self.prepare(value, depth + 1)?);
        }
        Ok(Tree::Mapping(prepared))
    }

    fn text(&mut self, text: String) -> String {
        if !needs_care(&text, self.moments) {
            return text;
        }
        self.careful(text)
    }

    fn careful(&mut self, text: String) -> String {
        self.texts.push(text);
        format!("{PLACEHOLDER}{}-", self.texts.len() - 1)
    }

    fn put_in(&self, laid_out: String) -> String {
        if self.texts.is_empty() {
            return laid_out;
        }
        let mut whole = String::with_capacity(laid_out.len());
        let mut rest = laid_out.as_str();
        while let Some((before, after)) = rest.split_once(PLACEHOLDER) {
            whole.push_str(before);
            let (index, after) = after.split_once('-').unwrap_or((after, ""));
            let text = index.parse().ok().and_then(|i: usize| self.texts.get(i));
            push_quoted(text.map_or("", String::as_str), &mut whole);
            rest = after;
        }
        whole.push_str(rest);
        whole
    }
}

/// Whether the library's own layout of a text would be refused or read differently.
fn needs_care(text: &str, moments: Moments) -> bool {
    let is_moment =
        moments == Moments::Plain && is_date(text) && text.contains('T') && text.ends_with('Z');
    // Whoever writes our placeholder's words gets them quoted like any other doubtful text.
    if text.contains(PLACEHOLDER) || !(is_moment || is_text_everywhere(text)) {
        return true;
    }
    // A block of lines is for prose; anything that depends on blanks at its edges is not.
    let lines_need_care = text.contains('\n')
        && (text.starts_with([' ', '\n'])
            || text.ends_with("\n\n")
            || text.lines().any(|line| line.ends_with(' ')));
    lines_need_care
        || text.starts_with(['\t', '%', '<', '='])
        || text
            .chars()
            .any(|c| matches!(c, '\r' | '\t') || chars::refusal(c).is_some() || is_unusual(c))
}

/// Invisible, or not printable to the library, which would choose escapes of its own.
fn is_unusual(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{10000}'..)
}

/// Double quotes and the escapes that every reader of YAML or JSON knows.
fn push_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if chars::refusal(c).is_some() || is_unusual(c) && u32::from(c) < 0x10000 => {
                // Writing to a text cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A value on one line, in flow style: what an edit of an existing document puts in.
pub(crate) fn inline(value: &Value) -> String {
    let mut out = String::new();
    push_inline(value, &mut out);
    out
}

fn push_inline(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Text(text) => push_word(text, out),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                push_inline(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                push_word(key, out);
                out.push_str(": ");
                push_inline(value, out);
            }
            out.push('}');
        }
    }
}

/// Text without quotes if it is as plain as a name, in quotes if there is any doubt.
fn push_word(text: &str, out: &mut String) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ');
    let edges = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if is_text_everywhere(text)
        && text.chars().all(plain)
        && text.starts_with(edges)
        && text.ends_with(edges)
    {
        out.push_str(text);
    } else {
        push_quoted(text, out);
    }
}
