//! Writes our own documents, so that the strict reader, and any other reader of YAML 1.1 or 1.2,
//! gets back exactly what was written.
//!
//! The library does not know which characters and words the reader refuses: texts that need care stand in double
//! quotes with escapes. All others are laid out by it, and lists and mappings as it does.

use std::fmt::Write;

use serde::Serialize;
use serde_yaml::Value as Tree;

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
    let mut layout = Layout {
        out: String::new(),
        moments,
    };
    match &tree {
        tree if is_block(tree) => layout.block(tree, Position::NewLine { indent: 0 }, 0)?,
        tree => layout.line(tree, 0, 0)?,
    }
    if layout.out.len() > MAX_BYTES {
        return Err(WriteError::TooLarge(layout.out.len()));
    }
    Ok(layout.out)
}

/// A document in block style, as the library lays it out.
struct Layout {
    out: String,
    moments: Moments,
}

/// Where a list or mapping begins.
#[derive(Clone, Copy)]
enum Position {
    NewLine {
        indent: usize,
    },
    /// Behind `- ` or `: `.
    SameLine {
        indent: usize,
    },
}

/// What the library takes for a key of one line, in bytes.
const MAX_SIMPLE_KEY: usize = 128;

impl Layout {
    fn block(&mut self, tree: &Tree, position: Position, depth: usize) -> Result<(), WriteError> {
        if depth >= MAX_DEPTH {
            return Err(WriteError::TooDeep);
        }
        let (indent, mut is_indented) = match position {
            Position::NewLine { indent } => (indent, false),
            Position::SameLine { indent } => (indent, true),
        };
        let mut begin_line = |out: &mut String| {
            if !std::mem::take(&mut is_indented) {
                push_spaces(indent, out);
            }
        };
        match tree {
            Tree::Sequence(items) => {
                for item in items {
                    begin_line(&mut self.out);
                    self.item("- ", item, indent, depth)?;
                }
            }
            Tree::Mapping(entries) => {
                for (key, value) in entries {
                    begin_line(&mut self.out);
                    self.entry(key, value, indent, depth)?;
                }
            }
            // The reader refuses tags; it reads a variant from a mapping of one key.
            Tree::Tagged(tagged) => {
                begin_line(&mut self.out);
                let name = tagged.tag.to_string();
                let name = name.strip_prefix('!').unwrap_or(&name).to_owned();
                self.entry(&Tree::String(name), &tagged.value, indent, depth)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn item(
        &mut self,
        indicator: &str,
        item: &Tree,
        indent: usize,
        depth: usize,
    ) -> Result<(), WriteError> {
        self.out.push_str(indicator);
        if is_block(item) {
            let indent = indent + 2;
            return self.block(item, Position::SameLine { indent }, depth + 1);
        }
        self.line(item, indent, depth + 1)
    }

    fn entry(
        &mut self,
        key: &Tree,
        value: &Tree,
        indent: usize,
        depth: usize,
    ) -> Result<(), WriteError> {
        let is_simple = match key {
            // The reader takes a key on one line, of at most 1,024 characters with its quotes.
            Tree::String(text) if text.len() > 150 => return Err(WriteError::Key),
            Tree::String(text) if text.contains('\n') || needs_care(text, self.moments) => {
                push_quoted(text, &mut self.out);
                true
            }
            Tree::String(text) if text.len() > MAX_SIMPLE_KEY => {
                self.out.push_str("? ");
                self.text(text, indent)?;
                false
            }
            Tree::String(text) => {
                self.text(text, indent)?;
                true
            }
            Tree::Number(_) | Tree::Bool(_) => {
                self.scalar(key, indent)?;
                true
            }
            _ => return Err(WriteError::Key),
        };
        if !is_simple {
            self.out.push('\n');
            push_spaces(indent, &mut self.out);
            return self.item(": ", value, indent, depth);
        }
        self.out.push(':');
        if is_block(value) {
            // Items of a list stand below their key.
            let below = match value {
                Tree::Sequence(_) => indent,
                _ => indent + 2,
            };
            self.out.push('\n');
            return self.block(value, Position::NewLine { indent: below }, depth + 1);
        }
        self.out.push(' ');
        self.line(value, indent, depth + 1)
    }

    /// What is no list or mapping with anything in it, to the end of its line.
    fn line(&mut self, tree: &Tree, indent: usize, depth: usize) -> Result<(), WriteError> {
        if depth >= MAX_DEPTH && matches!(tree, Tree::Sequence(_) | Tree::Mapping(_)) {
            return Err(WriteError::TooDeep);
        }
        self.scalar(tree, indent)?;
        self.out.push('\n');
        Ok(())
    }

    fn scalar(&mut self, tree: &Tree, indent: usize) -> Result<(), WriteError> {
        match tree {
            Tree::Null => self.out.push_str("null"),
            Tree::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Tree::Number(number) => match number.as_f64() {
                Some(value) if !value.is_finite() => return Err(WriteError::NonFinite(value)),
                // Writing to a text cannot fail.
                _ => _ = write!(self.out, "{number}"),
            },
            Tree::String(text) if needs_care(text, self.moments) => {
                push_quoted(text, &mut self.out);
            }
            Tree::String(text) => self.text(text, indent)?,
            Tree::Sequence(_) => self.out.push_str("[]"),
            Tree::Mapping(_) | Tree::Tagged(_) => self.out.push_str("{}"),
        }
        Ok(())
    }

    /// A text that the library's layout suits.
    fn text(&mut self, text: &str, indent: usize) -> Result<(), WriteError> {
        if is_plain(text) {
            self.out.push_str(text);
            return Ok(());
        }
        let laid_out = serde_yaml::to_string(text)?;
        for (index, line) in laid_out.trim_end_matches('\n').split('\n').enumerate() {
            if index > 0 {
                self.out.push('\n');
                push_spaces(if line.is_empty() { 0 } else { indent }, &mut self.out);
            }
            self.out.push_str(line);
        }
        Ok(())
    }
}

fn is_block(tree: &Tree) -> bool {
    match tree {
        Tree::Sequence(items) => !items.is_empty(),
        Tree::Mapping(entries) => !entries.is_empty(),
        Tree::Tagged(_) => true,
        _ => false,
    }
}

fn push_spaces(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// Whether a text that needs no care surely stands without quotes, as nearly all do.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    is_word(bytes.first())
        && is_word(bytes.last())
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.contains(": ")
        && !text.contains(" #")
}

/// Whether the library's own layout of a text would be refused or read differently.
fn needs_care(text: &str, moments: Moments) -> bool {
    let is_moment =
        moments == Moments::Plain && is_date(text) && text.contains('T') && text.ends_with('Z');
    if !(is_moment || is_text_everywhere(text)) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::domain::yaml::tests::properties::any_value;

    /// The same with other texts in place of those that the library must not lay out.
    fn without_careful(tree: Tree) -> Tree {
        match tree {
            Tree::String(text) if text.contains('\u{0}') || needs_care(&text, Moments::Plain) => {
                Tree::String(format!("text {}", text.len()))
            }
            Tree::Sequence(items) => {
                Tree::Sequence(items.into_iter().map(without_careful).collect())
            }
            Tree::Mapping(entries) => Tree::Mapping(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let key = match key {
                            Tree::String(text) => Tree::String(text.replace('\n', " ")),
                            key => key,
                        };
                        (without_careful(key), without_careful(value))
                    })
                    .collect(),
            ),
            tree => tree,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn lists_and_mappings_stand_as_the_library_lays_them_out(value in any_value()) {
            let tree = without_careful(serde_yaml::to_value(&value).unwrap());
            if let Ok(text) = write(&tree, Moments::Plain) {
                prop_assert_eq!(text, serde_yaml::to_string(&tree).unwrap());
            }
        }
    }
}
