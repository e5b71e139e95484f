//! What differs between two trees, by walking the pair and skipping what has the same id: libgit2's
//! own comparison reads the whole of both, which takes seconds in a large repository.

use std::cmp::Ordering;
use std::sync::Arc;

use super::error::{GitError, Result};
use super::objects::{
    Entry, Mode, RawEntry, broken_tree, check_name, find_entry, first_entry, first_entry_len,
    out_of_order, parse_tree,
};
use super::read::{Objects, in_tree};
use super::repository::Repository;
use crate::domain::ids::Sha;

/// Deeper folders than this are refused before they use up the stack.
const MAX_DEPTH: usize = 64;

/// One file, symlink or submodule that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The whole path. Not necessarily UTF-8.
    pub path: Vec<u8>,
    /// What it was; `None` if it was not there.
    pub old: Option<Entry>,
    /// What it is now; `None` if it is gone.
    pub new: Option<Entry>,
}

impl Change {
    /// The path as text; what is not UTF-8 in it is replaced.
    pub fn path_text(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }
}

impl Repository {
    /// See [`Objects::diff_trees`].
    pub fn diff_trees(
        &self,
        old: Option<Sha>,
        new: Option<Sha>,
        most: usize,
    ) -> Result<Vec<Change>> {
        self.objects().diff_trees(old, new, most)
    }
}

impl Objects<'_> {
    /// The leaves (files, symlinks, submodules) that differ, in git's order of paths; `None` is the
    /// empty tree. A file that became a folder gives its removal and the additions below it. More
    /// than `most` differences are an error.
    pub fn diff_trees(
        &self,
        old: Option<Sha>,
        new: Option<Sha>,
        most: usize,
    ) -> Result<Vec<Change>> {
        let mut walk = Walk {
            objects: *self,
            most,
            path: Vec::new(),
            depth: 0,
            changes: Vec::new(),
        };
        if old != new {
            walk.pair(old, new)?;
        }
        Ok(walk.changes)
    }
}

struct Walk<'a> {
    objects: Objects<'a>,
    most: usize,
    path: Vec<u8>,
    depth: usize,
    changes: Vec<Change>,
}

impl Walk<'_> {
    fn pair(&mut self, old: Option<Sha>, new: Option<Sha>) -> Result<()> {
        if self.depth > MAX_DEPTH {
            return Err(GitError::content(format!(
                "folders are nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let load = |id: Option<Sha>| {
            id.map_or_else(|| Ok(Arc::from([])), |id| self.objects.read_raw_tree(id))
        };
        let (old_bytes, new_bytes): (Arc<[u8]>, Arc<[u8]>) = (load(old)?, load(new)?);
        if self.depth > 0 && new.is_some() && new_bytes.is_empty() {
            return Err(GitError::content(format!(
                "the folder `{}` is empty, which git never stores: leave it out",
                String::from_utf8_lossy(&self.path).escape_default()
            )));
        }
        let said = |id: Option<Sha>| {
            move |error: GitError| id.map_or_else(|| error.clone(), |id| in_tree(id, &error))
        };
        let mut differing = Differing::of(&old_bytes, &new_bytes).map_err(said(new))?;
        let (olds, news) = loop {
            let (olds, old_left) = differing.entries(&old_bytes).map_err(said(old))?;
            let (news, new_left) = differing.entries(&new_bytes).map_err(said(new))?;
            if old_left == new_left {
                break (olds, news);
            }
            // The same bytes need not be the same entries: on until both are between two of them.
            differing.same_end = old_left.min(new_left);
        };
        let (mut olds, mut news) = (olds.into_iter().peekable(), news.into_iter().peekable());
        loop {
            let order = match (olds.peek(), news.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.cmp_key(b.name, b.is_tree()),
            };
            let a = if order.is_le() { olds.next() } else { None };
            let b = if order.is_ge() { news.next() } else { None };
            self.entry(a, b)?;
        }
    }

    /// Two entries of the same name, both folders or both not; or one alone.
    fn entry(&mut self, old: Option<RawEntry<'_>>, new: Option<RawEntry<'_>>) -> Result<()> {
        let same = |e: Option<RawEntry<'_>>| e.map(|e| (e.mode, e.id));
        let Some(any) = new.or(old) else {
            return Ok(());
        };
        if same(old) == same(new) {
            return Ok(());
        }
        let parent_len = self.path.len();
        if parent_len > 0 {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(any.name);
        if any.mode == Mode::Tree {
            self.depth += 1;
            self.pair(old.map(|e| e.id), new.map(|e| e.id))?;
            self.depth -= 1;
        } else {
            if self.changes.len() >= self.most {
                return Err(GitError::content(format!(
                    "more than {} files differ",
                    self.most
                )));
            }
            self.changes.push(Change {
                path: self.path.clone(),
                old: old.map(RawEntry::to_entry),
                new: new.map(RawEntry::to_entry),
            });
        }
        self.path.truncate(parent_len);
        Ok(())
    }
}

/// Where two trees differ. One new record adds one entry to a folder of many: the bytes before and after it
/// are the same in both, and nobody needs to know what they say.
#[derive(Debug, Clone, Copy)]
struct Differing {
    /// Where the entry before the first difference begins, if there is one.
    neighbour: Option<usize>,
    /// Where the first entry that differs begins, in both.
    start: usize,
    /// So many bytes at the end are the same, or a little less: entries are not looked for from behind.
    same_end: usize,
}

impl Differing {
    fn of(old: &[u8], new: &[u8]) -> Result<Self> {
        let same_start = same_start(old, new);
        let (mut neighbour, mut start) = (None, 0);
        loop {
            let rest = new.get(start..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let len = first_entry_len(rest).ok_or_else(broken_tree)?;
            if start + len > same_start {
                break;
            }
            neighbour = Some(start);
            start += len;
        }
        let after = |bytes: &'_ [u8]| bytes.len().saturating_sub(start);
        let same_end = same_end(old, new);
        Ok(Self {
            neighbour,
            start,
            same_end: same_end.min(after(old)).min(after(new)),
        })
    }

    /// The entries that may differ, and how many bytes follow them. They and their neighbours have to be as
    /// [`parse_tree`] wants them; the rest was looked at when it was new itself.
    fn entries<'a>(&self, tree: &'a [u8]) -> Result<(Vec<RawEntry<'a>>, usize)> {
        // What is the same at the end need not begin with an entry: one that begins before is read, too.
        let ends_at = tree.len().saturating_sub(self.same_end);
        let mut entries: Vec<RawEntry<'a>> = Vec::new();
        let mut at = self.neighbour.unwrap_or(self.start);
        let mut before: Option<RawEntry<'a>> = None;
        while let Some(rest) = tree.get(at..).filter(|rest| !rest.is_empty()) {
            let entry = first_entry(rest)?;
            if let Some(before) = before
                && before.cmp_key(entry.name, entry.is_tree()) != Ordering::Less
            {
                return Err(out_of_order(entry.name));
            }
            before = Some(entry);
            if at >= ends_at {
                break;
            }
            if at >= self.start {
                check_name(entry.name)?;
                entries.push(entry);
                if entries.len() <= FEW {
                    check_only_one(tree, entry, rest.get(entry.len..).unwrap_or_default())?;
                }
            }
            at += entry.len;
        }
        if entries.len() > FEW {
            parse_tree(tree)?;
        }
        Ok((entries, tree.len().saturating_sub(at)))
    }
}

/// Refuses a file and a folder of one name, which need not be neighbours: whatever stands between them begins
/// with it, the file before, the folder after.
fn check_only_one(tree: &[u8], entry: RawEntry<'_>, mut after: &[u8]) -> Result<()> {
    let name = entry.name;
    if entry.is_tree() {
        return find_entry(tree, name).map(drop);
    }
    while !after.is_empty() {
        let entry = first_entry(after)?;
        if entry.name == name {
            return Err(out_of_order(name));
        }
        if !entry.name.starts_with(name) {
            break;
        }
        after = after.get(entry.len..).unwrap_or_default();
    }
    Ok(())
}

/// So many names are looked for one by one.
const FEW: usize = 8;

/// Bytes are compared in blocks of these sizes first, which is many times as fast as one by one.
const BLOCKS: [usize; 2] = [4096, 64];

/// How many bytes at the start are the same in both.
fn same_start(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for block in BLOCKS {
        let (a, b) = (
            a.get(same..).unwrap_or_default(),
            b.get(same..).unwrap_or_default(),
        );
        let blocks = a.chunks_exact(block).zip(b.chunks_exact(block));
        same += block * blocks.take_while(|(a, b)| a == b).count();
    }
    let rest = a.iter().zip(b).skip(same);
    same + rest.take_while(|(a, b)| a == b).count()
}

/// How many bytes at the end are the same in both.
fn same_end(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for block in BLOCKS {
        let (a_rest, b_rest) = (a.len().saturating_sub(same), b.len().saturating_sub(same));
        let (a, b) = (
            a.get(..a_rest).unwrap_or_default(),
            b.get(..b_rest).unwrap_or_default(),
        );
        let blocks = a.rchunks_exact(block).zip(b.rchunks_exact(block));
        same += block * blocks.take_while(|(a, b)| a == b).count();
    }
    let rest = a.iter().rev().zip(b.iter().rev()).skip(same);
    same + rest.take_while(|(a, b)| a == b).count()
}
