//! Reads an edited document again: it must be the old one with exactly the wanted changes, because
//! a target's file that says something else than what was approved is worse than no edit.

use std::collections::BTreeMap;

use super::{entries_of, find, is_null, kept};
use crate::domain::ids::quoted;
use crate::domain::problem::{Problem, Problems};
use crate::domain::value::Value;
use crate::domain::yaml;
use crate::domain::yaml::tree::{Entry, Kind, Node};

/// Reads the result and holds it against the old document.
pub(super) fn verify(
    file: &str,
    before: &Node<'_>,
    edited: &str,
    mapping: &str,
    changes: &BTreeMap<String, Value>,
) -> Result<(), Problems> {
    let refuse = |why: &str| {
        Problems::from(Problem::of_file(
            file,
            format!(
                "cannot change {} without touching anything else ({why}): edit the file by hand, or write it in block style, one key a line",
                changes
                    .keys()
                    .map(|key| quoted(key))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        ))
    };
    let after = yaml::read_tree(file, edited.as_bytes())
        .map_err(|problems| refuse(&problems.to_string()))?;
    let good = if mapping.is_empty() {
        matches_changes(file, Some(before), Some(&after), changes)
    } else {
        rest_is_same(before, &after, mapping) && {
            let old = entries_of(before).and_then(|entries| find(entries, mapping));
            let new = entries_of(&after).and_then(|entries| find(entries, mapping));
            let (old, new) = (old.map(|entry| &entry.value), new.map(|entry| &entry.value));
            matches_changes(file, old, new, changes)
        }
    };
    if good {
        Ok(())
    } else {
        Err(refuse("the result would be another document"))
    }
}

/// Whether all top-level keys but one are the same, in the same order.
fn rest_is_same(before: &Node<'_>, after: &Node<'_>, but: &str) -> bool {
    let (Some(before), Some(after)) = (entries_of(before), entries_of(after)) else {
        return false;
    };
    let mut old = before.iter().filter(|entry| entry.key.text != but);
    let mut new = after.iter().filter(|entry| entry.key.text != but);
    loop {
        match (old.next(), new.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.key.text == b.key.text && same(&a.value, &b.value) => {}
            _ => return false,
        }
    }
}

/// Whether a mapping is the old one with exactly these changes. A missing one counts as empty.
fn matches_changes(
    file: &str,
    before: Option<&Node<'_>>,
    after: Option<&Node<'_>>,
    changes: &BTreeMap<String, Value>,
) -> bool {
    let old = before.and_then(entries_of).unwrap_or_default();
    let new = match after {
        None => &[],
        Some(node) => match entries_of(node) {
            Some(entries) => entries,
            None if is_null(node) => &[],
            None => return false,
        },
    };
    let wanted = kept(changes);
    let untouched = |entry: &&Entry<'_>| !changes.contains_key(&*entry.key.text);
    let old: Vec<_> = old.iter().filter(untouched).collect();
    let others: Vec<_> = new.iter().filter(untouched).collect();
    let others_are_same = old.len() == others.len()
        && old
            .iter()
            .zip(&others)
            .all(|(a, b)| a.key.text == b.key.text && same(&a.value, &b.value));
    let set = new.iter().filter(|entry| !untouched(entry));
    let mut count = 0;
    let all_set = set.into_iter().all(|entry| {
        count += 1;
        yaml::read_node::<Value>(file, &entry.value).ok().as_ref() == wanted.get(&*entry.key.text)
    });
    others_are_same && all_set && count == wanted.len()
}

/// Whether two nodes say the same, wherever they stand.
fn same(a: &Node<'_>, b: &Node<'_>) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Scalar { text: x, style: s }, Kind::Scalar { text: y, style: t }) => {
            x == y && s == t
        }
        (Kind::List { items: x, .. }, Kind::List { items: y, .. }) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (Kind::Map { entries: x, .. }, Kind::Map { entries: y, .. }) => {
            x.len() == y.len()
                && x.iter()
                    .zip(y)
                    .all(|(x, y)| x.key.text == y.key.text && same(&x.value, &y.value))
        }
        _ => false,
    }
}
