//! Questions about history: what a branch adds, where it left `main`, and the trail itself.

use std::borrow::Borrow;

use super::commit::{Commit, StoredCommit};
use super::error::{GitError, Result, ResultExt};
use super::repository::{Repository, oid, sha};
use crate::domain::ids::Sha;

/// A branch that is further from `main` than this is left to libgit2's own search.
const MOST_ON_A_SIDE: usize = 1000;

impl Repository {
    /// The commits that are reachable from `head` and not from `excluded`, a child before its parents.
    /// More than `most` are an error.
    ///
    /// Costs the commits of `excluded` that are newer than where `head` left it, and those only
    /// once: this handle remembers them while `excluded` stays or moves on. If `head` has more than
    /// `most`, or its own root commit, the whole history is read once.
    pub fn commits_between(&self, excluded: Sha, head: Sha, most: usize) -> Result<Vec<Commit>> {
        let mut ancestry = self.ancestry.borrow_mut();
        ancestry.move_to(self, excluded)?;
        let Some(side) = ancestry.fork(self, head, most)? else {
            return Err(GitError::content(format!(
                "`{head}` has more than {most} commits that `{excluded}` has not"
            )));
        };
        side.own
            .into_iter()
            .map(|id| self.read_commit(id))
            .collect()
    }

    /// The best common ancestor; `None` if there is none. Cheap in the same way as
    /// [`Repository::commits_between`] when `a` is always the same branch.
    pub fn merge_base(&self, a: Sha, b: Sha) -> Result<Option<Sha>> {
        let mut ancestry = self.ancestry.borrow_mut();
        ancestry.move_to(self, a)?;
        if let Some(side) = ancestry.fork(self, b, MOST_ON_A_SIDE)? {
            match side.joints.as_slice() {
                [] => return Ok(None),
                [only] => return Ok(Some(*only)),
                _ => {}
            }
        }
        match self.inner.merge_base(oid(a)?, oid(b)?) {
            Ok(id) => sha(id).map(Some),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) if error.message().contains("failed to parse commit") => {
                let said = error.message();
                Err(GitError::content(format!(
                    "cannot find where `{a}` and `{b}` part: {said}"
                )))
            }
            Err(error) => Err(error).context(|| format!("find where `{a}` and `{b}` part")),
        }
    }

    /// Whether a commit is part of the history of a branch. Cheap in the same way as
    /// [`Repository::commits_between`].
    pub fn is_reachable(&self, tip: Sha, id: Sha) -> Result<bool> {
        let mut ancestry = self.ancestry.borrow_mut();
        ancestry.move_to(self, tip)?;
        let side = ancestry.fork(self, id, MOST_ON_A_SIDE)?;
        Ok(side.is_some_and(|side| side.own.is_empty()))
    }

    /// The first-parent history as ids, each with all its parents: a third of the work. Ends after the first
    /// error.
    pub fn first_parent_links(
        &self,
        tip: Sha,
    ) -> impl Iterator<Item = Result<(Sha, Vec<Sha>)>> + '_ {
        self.first_parents_as_stored(tip).map(|commit| {
            let commit = commit?;
            Ok((commit.id, commit.links()?.parents))
        })
    }

    /// The first-parent history, newest first, beginning with `tip` itself. Ends after the first error.
    pub fn first_parents(&self, tip: Sha) -> impl Iterator<Item = Result<Commit>> + '_ {
        self.first_parents_as_stored(tip)
            .map(|commit| commit?.read())
    }

    /// As [`Repository::first_parents`], for whoever reads the commits elsewhere.
    pub const fn first_parents_as_stored(&self, tip: Sha) -> FirstParents<&Self> {
        FirstParents {
            repo: self,
            next: Some(tip),
        }
    }

    /// As [`Repository::first_parents_as_stored`], for another thread.
    pub const fn into_first_parents(self, tip: Sha) -> FirstParents<Self> {
        FirstParents {
            repo: self,
            next: Some(tip),
        }
    }
}

/// See [`Repository::first_parents_as_stored`]. One commit leads to the next, so this is what cannot be spread
/// over processors: no more of a commit is read than where it leads.
#[derive(Debug)]
pub struct FirstParents<R> {
    repo: R,
    next: Option<Sha>,
}

impl<R: Borrow<Repository>> Iterator for FirstParents<R> {
    type Item = Result<StoredCommit>;

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.next.take()?;
        let commit = self.repo.borrow().objects().read_stored_commit(id);
        if let Ok(commit) = &commit {
            self.next = commit.first_parent();
        }
        Some(commit)
    }
}
