//! The only module that reads or writes YAML: strict reading of what others wrote,
//! deterministic writing of what we write.
//!
//! The parser library turns bytes into events; everything else is decided here. The events become
//! a small tree that remembers where each node stands (`tree`), types are read from that tree
//! (`decode`), and so every refusal can name line, column and key path (`error`).

mod chars;
mod decode;
mod error;
mod place;
mod scalar;
pub(crate) mod tree;
mod writer;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::problem::{Problem, Problems};
pub(crate) use scalar::{NumberText, number_of};
pub use writer::WriteError;
pub(crate) use writer::inline;

/// The largest document that is read or written: 64 KiB.
pub const MAX_BYTES: usize = 64 * 1024;

/// How deep lists and mappings may stand inside each other.
pub const MAX_DEPTH: usize = 32;

/// Reads one document strictly: whatever is doubtful is refused, and the refusal says where.
///
/// `file` is the name that the problems carry.
pub fn read<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, Problems> {
    read_node(file, &read_tree(file, bytes)?)
}

/// Reads the tree of a document, also for edits that must keep its comments and layout.
pub(crate) fn read_tree<'a>(file: &str, bytes: &'a [u8]) -> Result<tree::Node<'a>, Problems> {
    let root = chars::checked_text(bytes).and_then(tree::parse);
    Ok(root.map_err(|error| error.into_problem(file))?)
}

/// Reads one node of a tree, as [`read`] reads a whole document.
pub(crate) fn read_node<T: DeserializeOwned>(
    file: &str,
    node: &tree::Node<'_>,
) -> Result<T, Problems> {
    Ok(decode::decode(node).map_err(|error| error.into_problem(file))?)
}

/// Gives the problems that name a key of this document, but were found after it was read, their line and column.
pub fn place<'p>(bytes: &[u8], problems: impl IntoIterator<Item = &'p mut Problem>) {
    let mut unplaced = problems
        .into_iter()
        .filter(|found| found.line.is_none() && found.key.is_some())
        .peekable();
    if unplaced.peek().is_none() {
        return;
    }
    if let Ok(root) = read_tree("", bytes) {
        unplaced.for_each(|problem| place::place(&root, problem));
    }
}

/// The keys of the mapping under this key whose values are not written at all.
pub fn empty_values(bytes: &[u8], key: &str) -> Vec<String> {
    let root = read_tree("", bytes).ok();
    let mapping = root.as_ref().and_then(|root| root.entry(key));
    let entries = mapping.and_then(|entry| entry.value.entries());
    let empty = entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.value.is_unwritten());
    empty.map(|entry| entry.key.text.to_string()).collect()
}

/// Writes a document of our own: the same value always gives the same bytes, and [`read`] gives
/// the same value back.
pub fn write<T: Serialize>(value: &T) -> Result<String, WriteError> {
    writer::write(value, writer::Moments::Plain)
}

/// As [`write()`], for a document that has no moments of its own: a text that reads like one is quoted, too.
pub fn write_without_moments<T: Serialize>(value: &T) -> Result<String, WriteError> {
    writer::write(value, writer::Moments::None)
}

#[cfg(test)]
mod tests;
