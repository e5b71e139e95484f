//! Changes single values of a document that people also edit by hand, keeping their comments,
//! order, blank lines and quotes.
//!
//! Edits are cuts in the text at places that the tree knows. Whether they were the right cuts is
//! not trusted: the result is read again and must be the old document with exactly these changes.

mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::domain::problem::{Problem, Problems};
use crate::domain::value::Value;
use crate::domain::yaml::tree::{Entry, Kind, Node, Style};
use crate::domain::yaml::{self, inline};
use verify::verify;

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
    let source = std::str::from_utf8(bytes).unwrap_or_default();
    let edits = plan(file, source, &root, mapping, changes)?;
    let edited = apply(source, edits);
    verify(file, &root, &edited, mapping, changes)?;
    Ok(edited.into_bytes())
}

/// One cut: these bytes become this text.
struct Edit {
    range: Range<usize>,
    text: String,
}

/// The document and what its lines end with.
struct Source<'a> {
    text: &'a str,
    newline: &'static str,
}

fn plan(
    file: &str,
    text: &str,
    root: &Node<'_>,
    mapping: &str,
    changes: &BTreeMap<String, Value>,
) -> Result<Vec<Edit>, Problems> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let source = Source { text, newline };
    let entries = entries_of(root).ok_or_else(|| not_a_mapping(file, root, ""))?;
    if mapping.is_empty() {
        return Ok(source.edit_mapping(root, changes, None));
    }
    let Some(entry) = find(entries, mapping) else {
        let created: BTreeMap<_, _> = kept(changes);
        if created.is_empty() {
            return Ok(Vec::new());
        }
        return Ok(source.create_mapping(root, mapping, created));
    };
    if entries_of(&entry.value).is_some() {
        return Ok(source.edit_mapping(&entry.value, changes, Some(entry)));
    }
    if !is_null(&entry.value) {
        return Err(not_a_mapping(file, &entry.value, mapping));
    }
    let created = kept(changes);
    if created.is_empty() {
        return Ok(Vec::new());
    }
    Ok(source.replace_value(entry, &inline(&Value::Map(created))))
}

fn entries_of<'n, 'a>(node: &'n Node<'a>) -> Option<&'n [Entry<'a>]> {
    match &node.kind {
        Kind::Map { entries, .. } => Some(entries),
        _ => None,
    }
}

fn find<'n, 'a>(entries: &'n [Entry<'a>], key: &str) -> Option<&'n Entry<'a>> {
    entries.iter().find(|entry| entry.key.text == key)
}

fn is_null(node: &Node<'_>) -> bool {
    match &node.kind {
        Kind::Scalar { text, style } => {
            *style == Style::Plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL")
        }
        _ => false,
    }
}

fn kept(changes: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    changes
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn not_a_mapping(file: &str, node: &Node<'_>, key: &str) -> Problems {
    Problem {
        line: Some(node.mark.line.into()),
        column: Some(node.mark.column.into()),
        key: (!key.is_empty()).then(|| key.to_owned()),
        ..Problem::of_file(file, "expected a mapping whose keys can be set")
    }
    .into()
}

fn apply(source: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut edited = String::with_capacity(source.len() + 64);
    let mut done = 0;
    for Edit { range, text } in edits {
        // Cuts that overlap leave something over; the verification then refuses the result.
        edited.push_str(source.get(done..range.start).unwrap_or_default());
        edited.push_str(&text);
        done = range.end.max(done);
    }
    edited.push_str(source.get(done..).unwrap_or_default());
    edited
}

impl Source<'_> {
    fn edit_mapping(
        &self,
        node: &Node<'_>,
        changes: &BTreeMap<String, Value>,
        under: Option<&Entry<'_>>,
    ) -> Vec<Edit> {
        let Kind::Map { entries, flow } = &node.kind else {
            return Vec::new();
        };
        let removed = |entry: &Entry<'_>| changes.get(&*entry.key.text).is_some_and(Value::is_null);
        let present: BTreeSet<&str> = entries.iter().map(|entry| &*entry.key.text).collect();
        let added: BTreeMap<String, Value> = kept(changes)
            .into_iter()
            .filter(|(key, _)| !present.contains(key.as_str()))
            .collect();
        if entries.iter().all(removed) {
            let text = inline(&Value::Map(added));
            return match under {
                Some(above) if !*flow => {
                    let put = self.after_colon(above);
                    let mut edits = self.remove_lines(entries, &removed);
                    edits.push(Edit {
                        range: put..put,
                        text: format!(" {text}"),
                    });
                    edits
                }
                _ => vec![Edit {
                    range: node.start..node.end,
                    text,
                }],
            };
        }
        let mut edits = Vec::new();
        for entry in entries {
            match changes.get(&*entry.key.text) {
                None | Some(Value::Null) => {}
                Some(value) => edits.extend(self.replace_value(entry, &inline(value))),
            }
        }
        if *flow {
            edits.extend(self.remove_in_flow(entries, &removed));
            edits.extend(self.add_in_flow(entries, &removed, &added));
        } else {
            edits.extend(self.remove_lines(entries, &removed));
            edits.extend(self.add_lines(node, &lines(&added)));
        }
        edits
    }

    /// Gives a key another value, written on the line of the key.
    fn replace_value(&self, entry: &Entry<'_>, text: &str) -> Vec<Edit> {
        let value = &entry.value;
        let after_key = self.after_colon(entry);
        let begins_below = self
            .text
            .get(after_key..value.start)
            .is_some_and(|gap| gap.contains('\n'));
        let is_block_text = matches!(
            value.kind,
            Kind::Scalar {
                style: Style::Block,
                ..
            }
        );
        let colon = if self.has_colon(entry) { " " } else { ": " };
        if is_block_text {
            // Its indicator stands before its text, with perhaps a comment that goes with it.
            let end = self.before_newline(value.end);
            return vec![Edit {
                range: after_key..end.max(after_key),
                text: format!("{colon}{text}"),
            }];
        }
        if value.start == value.end {
            return vec![Edit {
                range: after_key..after_key,
                text: format!("{colon}{text}"),
            }];
        }
        if begins_below {
            // A comment beside the key stays; the lines of the old value go.
            let below = self.line_start(value.start)..self.line_end(value.end);
            let put = Edit {
                range: after_key..after_key,
                text: format!("{colon}{text}"),
            };
            let cut = Edit {
                range: below,
                text: String::new(),
            };
            return vec![put, cut];
        }
        vec![Edit {
            range: value.start..value.end,
            text: text.to_owned(),
        }]
    }

    fn remove_lines(
        &self,
        entries: &[Entry<'_>],
        removed: &dyn Fn(&Entry<'_>) -> bool,
    ) -> Vec<Edit> {
        let gone = entries.iter().filter(|entry| removed(entry));
        gone.map(|entry| Edit {
            range: self.line_start(entry.key.start)..self.line_end(self.entry_end(entry)),
            text: String::new(),
        })
        .collect()
    }

    fn remove_in_flow(
        &self,
        entries: &[Entry<'_>],
        removed: &dyn Fn(&Entry<'_>) -> bool,
    ) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut previous: Option<&Entry<'_>> = None;
        let mut leading: Option<usize> = None;
        for entry in entries {
            match (removed(entry), previous, leading) {
                (true, None, _) => leading = leading.or(Some(entry.key.start)),
                (true, Some(before), _) => edits.extend(self.cut_after(before, entry)),
                (false, None, Some(start)) => edits.push(Edit {
                    range: start..entry.key.start,
                    text: String::new(),
                }),
                (false, ..) => {}
            }
            if !removed(entry) || previous.is_some() {
                previous = Some(entry);
            }
        }
        edits
    }

    /// Cuts an entry and the comma before it, but not a comment between the two.
    fn cut_after(&self, before: &Entry<'_>, entry: &Entry<'_>) -> Vec<Edit> {
        let (from, to) = (self.entry_end(before), self.entry_end(entry));
        let cut = |range| Edit {
            range,
            text: String::new(),
        };
        let gap = self.text.get(from..entry.key.start).unwrap_or_default();
        if !gap.contains('#') {
            return vec![cut(from..to)];
        }
        let blanks = gap.len() - gap.trim_start().len();
        let comma = from + blanks..from + blanks + usize::from(gap.trim_start().starts_with(','));
        vec![cut(comma), cut(entry.key.start..to)]
    }

    fn add_in_flow(
        &self,
        entries: &[Entry<'_>],
        removed: &dyn Fn(&Entry<'_>) -> bool,
        added: &BTreeMap<String, Value>,
    ) -> Option<Edit> {
        let last = entries.iter().rev().find(|entry| !removed(entry))?;
        let inside = inline(&Value::Map(added.clone()));
        let inside = inside.strip_prefix('{')?.strip_suffix('}')?;
        if inside.is_empty() {
            return None;
        }
        // A value that is replaced ends where its replacement does: same place, sorted after it.
        let end = self.entry_end(last);
        Some(Edit {
            range: end..end,
            text: format!(", {inside}"),
        })
    }

    /// Adds lines after the last one of a block mapping.
    fn add_lines(&self, node: &Node<'_>, lines: &[String]) -> Option<Edit> {
        if lines.is_empty() {
            return None;
        }
        let at = self.line_end(node.end);
        let indent = " ".repeat(usize::try_from(node.mark.column.saturating_sub(1)).unwrap_or(0));
        let before = self.text.get(..at).unwrap_or_default();
        let unfinished = !before.is_empty() && !before.ends_with('\n');
        let mut text = String::new();
        for line in lines {
            if unfinished {
                text.push_str(self.newline);
            }
            text.push_str(&indent);
            text.push_str(line);
            if !unfinished {
                text.push_str(self.newline);
            }
        }
        Some(Edit {
            range: at..at,
            text,
        })
    }

    fn create_mapping(
        &self,
        root: &Node<'_>,
        mapping: &str,
        created: BTreeMap<String, Value>,
    ) -> Vec<Edit> {
        let key = inline(&Value::from(mapping));
        let Kind::Map { entries, flow } = &root.kind else {
            return Vec::new();
        };
        if *flow {
            let added = BTreeMap::from([(mapping.to_owned(), Value::Map(created))]);
            if entries.is_empty() {
                return vec![Edit {
                    range: root.start..root.end,
                    text: inline(&Value::Map(added)),
                }];
            }
            return self
                .add_in_flow(entries, &|_| false, &added)
                .into_iter()
                .collect();
        }
        let mut added = vec![format!("{key}:")];
        added.extend(lines(&created).into_iter().map(|line| format!("  {line}")));
        self.add_lines(root, &added).into_iter().collect()
    }

    fn has_colon(&self, entry: &Entry<'_>) -> bool {
        self.colon(entry).is_some()
    }

    fn colon(&self, entry: &Entry<'_>) -> Option<usize> {
        let after = self.text.get(entry.key.end..)?;
        let blanks = after.len() - after.trim_start().len();
        after
            .trim_start()
            .starts_with(':')
            .then_some(entry.key.end + blanks)
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

    fn before_newline(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        before.trim_end_matches(['\n', '\r']).len()
    }
}

/// One line for each entry.
fn lines(entries: &BTreeMap<String, Value>) -> Vec<String> {
    let line = |(key, value): (&String, &Value)| {
        format!("{}: {}", inline(&Value::from(key.as_str())), inline(value))
    };
    entries.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
