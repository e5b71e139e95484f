//! Changes single values of a document that people also edit by hand, keeping their comments,
//! order, blank lines and quotes.
//!
//! Edits are cuts in the text at places that the tree knows. Whether they were the right cuts is
//! not trusted: the result is read again and must be the old document with exactly these changes.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::domain::ids::quoted;
use crate::domain::problem::{Problem, Problems};
use crate::domain::value::Value;
use crate::domain::yaml::tree::{Entry, Kind, Node, Style};
use crate::domain::yaml::{self, inline};

/// Sets keys of one mapping of a document: the mapping under the top-level key `mapping`, or the
/// top level itself if that is empty.
///
/// A key that is missing is added at the end of the mapping, a mapping that is missing at the end
/// of the document; [`Value::Null`] removes the key. Everything else stays byte for byte.
pub fn set_in_mapping(
    file: &str,
    bytes: &[u8],
    mapping: &str,
    changes: &BTreeMap<String, Value>,
) -> Result<Vec<u8>, Problems> {
    let root = yaml::read_tree(file, bytes)?;
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let not_a_mapping = |node: &Node<'_>| Problem {
        line: Some(node.mark.line.into()),
        column: Some(node.mark.column.into()),
        key: (!std::ptr::eq(node, &root)).then(|| mapping.to_owned()),
        ..Problem::of_file(file, "expected a mapping whose keys can be set")
    };
    if root.entries().is_none() {
        return Err(not_a_mapping(&root).into());
    }
    let mut editor = Editor {
        text,
        newline: if text.contains("\r\n") { "\r\n" } else { "\n" },
        edits: Vec::new(),
    };
    let set = set_values(changes);
    match root.entry(mapping) {
        _ if mapping.is_empty() => editor.edit_mapping(&root, changes, None),
        Some(entry) if entry.value.entries().is_some() => {
            editor.edit_mapping(&entry.value, changes, Some(entry));
        }
        Some(entry) if !is_null(&entry.value) => return Err(not_a_mapping(&entry.value).into()),
        _ if set.is_empty() => {}
        Some(entry) => editor.replace_value(entry, &inline(&Value::Map(set))),
        None => editor.create_mapping(&root, mapping, set),
    }
    let edited = editor.apply();
    verify(file, &root, &edited, mapping, changes)?;
    Ok(edited.into_bytes())
}

/// The changes that do not remove a key.
fn set_values(changes: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut set = changes.clone();
    set.retain(|_, value| !value.is_null());
    set
}

fn is_null(node: &Node<'_>) -> bool {
    match &node.kind {
        Kind::Scalar { text, style } => {
            *style == Style::Plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL")
        }
        Kind::List { .. } | Kind::Map { .. } => false,
    }
}

/// One line for each entry.
fn lines(entries: &BTreeMap<String, Value>) -> Vec<String> {
    let line = |(key, value): (&String, &Value)| {
        format!("{}: {}", inline(&Value::from(key.as_str())), inline(value))
    };
    entries.iter().map(line).collect()
}

/// The document and what shall become of it.
struct Editor<'a> {
    text: &'a str,
    /// What its lines end with.
    newline: &'static str,
    /// These bytes become this text.
    edits: Vec<(Range<usize>, String)>,
}

impl Editor<'_> {
    fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.edits.push((range, text.into()));
    }

    fn cut(&mut self, range: Range<usize>) {
        self.replace(range, "");
    }

    fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    fn apply(mut self) -> String {
        self.edits
            .sort_by_key(|(range, _)| (range.start, range.end));
        let mut edited = String::with_capacity(self.text.len() + 64);
        let mut done = 0;
        for (range, text) in self.edits {
            // Cuts that overlap leave something over; the verification then refuses the result.
            edited.push_str(self.text.get(done..range.start).unwrap_or_default());
            edited.push_str(&text);
            done = range.end.max(done);
        }
        edited.push_str(self.text.get(done..).unwrap_or_default());
        edited
    }

    /// Changes the values of a mapping that stands under this key, or is the document.
    fn edit_mapping(
        &mut self,
        node: &Node<'_>,
        changes: &BTreeMap<String, Value>,
        under: Option<&Entry<'_>>,
    ) {
        let Kind::Map { entries, flow } = &node.kind else {
            return;
        };
        let removed = |entry: &Entry<'_>| changes.get(&*entry.key.text).is_some_and(Value::is_null);
        let mut added = set_values(changes);
        added.retain(|key, _| node.entry(key).is_none());
        if entries.iter().all(removed) {
            let text = inline(&Value::Map(added));
            return match under {
                Some(above) if !*flow => {
                    self.remove_lines(entries, removed);
                    self.insert(self.after_colon(above), format!(" {text}"));
                }
                _ => self.replace(node.start..node.end, text),
            };
        }
        for entry in entries {
            match changes.get(&*entry.key.text) {
                None | Some(Value::Null) => {}
                Some(value) => self.replace_value(entry, &inline(value)),
            }
        }
        if *flow {
            self.remove_in_flow(entries, removed);
            let last = entries.iter().rfind(|entry| !removed(entry));
            self.add_in_flow(last, added);
        } else {
            self.remove_lines(entries, removed);
            self.add_lines(node, &lines(&added));
        }
    }

    fn create_mapping(&mut self, root: &Node<'_>, name: &str, entries: BTreeMap<String, Value>) {
        match &root.kind {
            Kind::Map {
                entries: others,
                flow: true,
            } => {
                let added = BTreeMap::from([(name.to_owned(), Value::Map(entries))]);
                match others.last() {
                    None => self.replace(root.start..root.end, inline(&Value::Map(added))),
                    last => self.add_in_flow(last, added),
                }
            }
            _ => {
                let mut added = vec![format!("{}:", inline(&Value::from(name)))];
                added.extend(lines(&entries).iter().map(|line| format!("  {line}")));
                self.add_lines(root, &added);
            }
        }
    }

    /// Gives a key another value, written on the line of the key.
    fn replace_value(&mut self, entry: &Entry<'_>, text: &str) {
        let value = &entry.value;
        let after_key = self.after_colon(entry);
        let put = match self.colon(entry) {
            Some(_) => format!(" {text}"),
            None => format!(": {text}"),
        };
        let gap = self.text.get(after_key..value.start).unwrap_or_default();
        if matches!(
            &value.kind,
            Kind::Scalar {
                style: Style::Block,
                ..
            }
        ) {
            // Its indicator stands before its text, with perhaps a comment that goes with it.
            let before = self.text.get(..value.end).unwrap_or_default();
            let end = before.trim_end_matches(['\n', '\r']).len();
            self.replace(after_key..end.max(after_key), put);
        } else if value.start == value.end {
            self.insert(after_key, put);
        } else if gap.contains('\n') {
            // A comment beside the key stays; the lines of the old value go.
            self.insert(after_key, put);
            self.cut(self.line_start(value.start)..self.line_end(value.end));
        } else {
            self.replace(value.start..value.end, text);
        }
    }

    fn remove_lines(&mut self, entries: &[Entry<'_>], removed: impl Fn(&Entry<'_>) -> bool) {
        for entry in entries.iter().filter(|entry| removed(entry)) {
            self.cut(self.line_start(entry.key.start)..self.line_end(self.entry_end(entry)));
        }
    }

    /// Adds lines after the last one of a block mapping.
    fn add_lines(&mut self, node: &Node<'_>, lines: &[String]) {
        let at = self.line_end(node.end);
        let indent = " ".repeat(usize::try_from(node.mark.column.saturating_sub(1)).unwrap_or(0));
        let before = self.text.get(..at).unwrap_or_default();
        let (begin, end) = match before.is_empty() || before.ends_with('\n') {
            true => ("", self.newline),
            false => (self.newline, ""),
        };
        let lines = lines
            .iter()
            .map(|line| format!("{begin}{indent}{line}{end}"));
        self.insert(at, lines.collect::<String>());
    }

    fn remove_in_flow(&mut self, entries: &[Entry<'_>], removed: impl Fn(&Entry<'_>) -> bool) {
        let first_kept = entries.iter().position(|entry| !removed(entry));
        let (leading, rest) = entries.split_at(first_kept.unwrap_or(entries.len()));
        if let (Some(first), Some(kept)) = (leading.first(), rest.first()) {
            self.cut(first.key.start..kept.key.start);
        }
        for pair in rest.windows(2) {
            if let [before, entry] = pair
                && removed(entry)
            {
                self.cut_after(before, entry);
            }
        }
    }

    /// Cuts an entry and the comma before it, but not a comment between the two.
    fn cut_after(&mut self, before: &Entry<'_>, entry: &Entry<'_>) {
        let (from, to) = (self.entry_end(before), self.entry_end(entry));
        let gap = self.text.get(from..entry.key.start).unwrap_or_default();
        if !gap.contains('#') {
            return self.cut(from..to);
        }
        let comma = from + gap.len() - gap.trim_start().len();
        if gap.trim_start().starts_with(',') {
            self.cut(comma..comma + 1);
        }
        self.cut(entry.key.start..to);
    }

    fn add_in_flow(&mut self, last: Option<&Entry<'_>>, added: BTreeMap<String, Value>) {
        let inside = inline(&Value::Map(added));
        let inside = inside
            .strip_prefix('{')
            .and_then(|inside| inside.strip_suffix('}'));
        if let (Some(last), Some(inside)) = (last, inside.filter(|inside| !inside.is_empty())) {
            // A value that is replaced ends where its replacement does: same place, sorted after it.
            self.insert(self.entry_end(last), format!(", {inside}"));
        }
    }

    fn colon(&self, entry: &Entry<'_>) -> Option<usize> {
        let after = self.text.get(entry.key.end..)?;
        let colon = after.trim_start();
        let blanks = after.len() - colon.len();
        colon.starts_with(':').then_some(entry.key.end + blanks)
    }

    fn after_colon(&self, entry: &Entry<'_>) -> usize {
        self.colon(entry).map_or(entry.key.end, |colon| colon + 1)
    }

    fn entry_end(&self, entry: &Entry<'_>) -> usize {
        entry.value.end.max(self.after_colon(entry))
    }

    fn line_start(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// After the newline of the line on which something ends.
    fn line_end(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        if before.ends_with('\n') {
            return offset;
        }
        let after = self.text.get(offset..).unwrap_or_default();
        after
            .find('\n')
            .map_or(self.text.len(), |newline| offset + newline + 1)
    }
}

/// Reads an edited document again: it must be the old one with exactly the wanted changes, because
/// a target's file that says something else than what was approved is worse than no edit.
fn verify(
    file: &str,
    before: &Node<'_>,
    edited: &str,
    mapping: &str,
    changes: &BTreeMap<String, Value>,
) -> Result<(), Problems> {
    let refuse = |why: &str| {
        let keys: Vec<_> = changes.keys().map(|key| quoted(key)).collect();
        let message = format!(
            "cannot change {} without touching anything else ({why}): edit the file by hand, or write it in block style, one key a line",
            keys.join(", ")
        );
        Err(Problem::of_file(file, message).into())
    };
    let after = match yaml::read_tree(file, edited.as_bytes()) {
        Ok(after) => after,
        Err(problems) => return refuse(&problems.to_string()),
    };
    let (mut old, mut new) = (Some(before), Some(&after));
    if !mapping.is_empty() {
        let is_other = |key: &str| key != mapping;
        if entries_of(old, is_other) != entries_of(new, is_other) {
            return refuse(OTHER_DOCUMENT);
        }
        old = before.entry(mapping).map(|entry| &entry.value);
        new = after.entry(mapping).map(|entry| &entry.value);
    }
    let is_changed = |key: &str| changes.contains_key(key);
    let changed = entries_of(new, is_changed).and_then(|entries| {
        let values = entries.into_iter().map(|entry| {
            let value = yaml::read_node::<Value>(file, &entry.value).ok()?;
            Some((entry.key.text.to_string(), value))
        });
        values.collect::<Option<BTreeMap<_, _>>>()
    });
    if entries_of(old, |key| !is_changed(key)) != entries_of(new, |key| !is_changed(key))
        || changed != Some(set_values(changes))
    {
        return refuse(OTHER_DOCUMENT);
    }
    Ok(())
}

const OTHER_DOCUMENT: &str = "the result would be another document";

/// The entries of these keys, in their order. What is missing or null has none; what is no mapping cannot be told.
fn entries_of<'n, 'a>(
    node: Option<&'n Node<'a>>,
    is_meant: impl Fn(&str) -> bool,
) -> Option<Vec<&'n Entry<'a>>> {
    let entries = match node {
        Some(node) if !is_null(node) => node.entries()?,
        _ => &[],
    };
    let meant = entries.iter().filter(|entry| is_meant(&entry.key.text));
    Some(meant.collect())
}

#[cfg(test)]
mod tests;
