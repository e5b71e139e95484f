//! Where a key path stands in a document that was read into a type.

use super::error::Mark;
use super::tree::{Entry, Kind, Node};
use crate::domain::ids::quoted;
use crate::domain::problem::Problem;

/// Gives a problem the place of its key, or of the innermost part of its path that is written.
pub(super) fn place(root: &Node<'_>, problem: &mut Problem) {
    let Some(key) = &problem.key else { return };
    let mark = find(root, key, root.mark);
    problem.line = Some(mark.line.into());
    problem.column = Some(mark.column.into());
}

/// The place of a path below a node; that of the node itself where nothing on the path is there.
fn find(node: &Node<'_>, path: &str, own: Mark) -> Mark {
    match &node.kind {
        Kind::Scalar { .. } => own,
        Kind::List { items } => {
            let index = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let item = index.and_then(|(index, rest)| {
                let item = items.get(index.parse::<usize>().ok()?)?;
                Some((item, rest))
            });
            item.map_or(own, |(item, rest)| find(item, rest, item.mark))
        }
        Kind::Map { entries, .. } => {
            let path = path.strip_prefix('.').unwrap_or(path);
            // A key may hold a dot, so the longest one that fits is meant.
            let fitting = entries
                .iter()
                .filter_map(|entry| Some((entry, rest_after(path, entry)?)));
            let entry = fitting.min_by_key(|(_, rest)| rest.len());
            entry.map_or(own, |(entry, rest)| {
                find(&entry.value, rest, mark_of(entry))
            })
        }
    }
}

/// What of the path is left after this key, as it is written or in quotes.
fn rest_after<'p>(path: &'p str, entry: &Entry<'_>) -> Option<&'p str> {
    let key: &str = &entry.key.text;
    let rest = path
        .strip_prefix(key)
        .filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    rest.or_else(|| path.strip_prefix(quoted(key).as_str()))
}

/// A word stands where it is written, a list or mapping where its key is.
fn mark_of(entry: &Entry<'_>) -> Mark {
    match &entry.value.kind {
        Kind::Scalar { .. } if !entry.value.is_unwritten() => entry.value.mark,
        _ => entry.key.mark,
    }
}
