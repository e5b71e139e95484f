//! What differs between two trees, by walking the pair and skipping what has the same id: libgit2's
//! own comparison reads the whole of both, which takes seconds in a large repository.

use std::cmp::Ordering;

use super::error::{GitError, Result};
use super::objects::{Entry, Kind, Mode, RawEntry, parse_tree};
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
            return Err(GitError::new(format!(
                "folders are nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let load = |id: Option<Sha>| {
            id.map_or(Ok(Vec::new()), |id| self.objects.read_kind(id, Kind::Tree))
        };
        let (old_bytes, new_bytes) = (load(old)?, load(new)?);
        let parse = |id: Option<Sha>, bytes| {
            parse_tree(bytes)
                .map_err(|error| id.map_or_else(|| error.clone(), |id| in_tree(id, &error)))
        };
        let mut olds = parse(old, &old_bytes)?.into_iter().peekable();
        let mut news = parse(new, &new_bytes)?.into_iter().peekable();
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
                return Err(GitError::new(format!(
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
