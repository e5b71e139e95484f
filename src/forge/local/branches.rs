//! The refs of pull requests: the branches of people, by whom they are and how they go when their pull request has
//! ended, and the refs by which others fetch the head of one that is open.

use std::collections::BTreeMap;

use super::Result;
use crate::domain::documents::AccountRecord;
use crate::domain::ids::{PullNumber, Sha};
use crate::git::{Durability, Expect, RefEdit, RefsUpdate, Repository};

/// The longest address that is kept, in characters; real ones have at most 254.
const MOST_EMAIL: usize = 320;

/// The ref by which others fetch the head of an open pull request.
pub fn head_ref(number: PullNumber) -> String {
    format!("refs/pull/{}/head", number.0)
}

pub fn branch_ref(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// By whom the newest commit is; nobody if it is malformed, which never approves anything. None if it is not there.
pub fn find_author(repo: &Repository, head: Sha) -> Result<Option<AccountRecord>> {
    let email = match repo.read_commit(head) {
        // One that is longer than any real one is cut: it becomes part of a record, which has its limits.
        Ok(commit) => Some(commit.author.email.chars().take(MOST_EMAIL).collect()),
        Err(error) if error.is_content() => None,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(AccountRecord {
        email,
        ..AccountRecord::default()
    }))
}

/// The branches with one of these prefixes, without `refs/heads/`.
pub fn alive(repo: &Repository, prefixes: &[&str]) -> Result<BTreeMap<String, Sha>> {
    let mut alive = BTreeMap::new();
    for prefix in prefixes {
        for (name, head) in repo.refs_under(&format!("refs/heads/{prefix}"))? {
            if let Some(branch) = name.strip_prefix("refs/heads/") {
                alive.insert(branch.to_owned(), head);
            }
        }
    }
    Ok(alive)
}

/// Makes a branch, if there is none of that name.
pub fn creation(branch: &str, head: Sha) -> RefEdit {
    RefEdit {
        name: branch_ref(branch),
        expected: Expect::Absent,
        new: Some(head),
    }
}

/// Whether a branch that was not listed is deleted; one may also be unreadable, or have come back just now.
pub fn is_gone(repo: &Repository, branch: &str) -> bool {
    match repo.find_ref(&branch_ref(branch)) {
        Ok(found) => found.is_none(),
        Err(error) => {
            tracing::error!("{error}; its pull request waits until that is mended");
            false
        }
    }
}

/// What has to become of refs: changed together, and again until it is so.
#[derive(Debug, Default)]
pub struct Tidying {
    /// Branches to delete if they are still here.
    branches: BTreeMap<String, Sha>,
    /// Other refs, and what they become.
    refs: BTreeMap<String, Option<Sha>>,
}

impl Tidying {
    /// Deletes the branch of a pull request that has ended, and the ref of its head. A branch that was pushed to after
    /// the decision is left alone: it is a new pull request.
    pub fn end(&mut self, number: PullNumber, branch: &str, head: Sha) {
        self.branches.insert(branch_ref(branch), head);
        self.refs.insert(head_ref(number), None);
    }

    /// Lets others fetch the head of an open pull request.
    pub fn point(&mut self, number: PullNumber, head: Sha) {
        self.refs.insert(head_ref(number), Some(head));
    }

    /// Deletes a ref of ours.
    pub fn remove(&mut self, name: String) {
        self.refs.insert(name, None);
    }

    /// Makes it so, in one change of refs.
    pub fn carry_out(&self, repo: &Repository) -> Result<()> {
        loop {
            let mut edits = Vec::new();
            for (name, new) in &self.refs {
                if repo.find_ref(name).ok() != Some(*new) {
                    edits.push(RefEdit {
                        name: name.clone(),
                        expected: Expect::Any,
                        new: *new,
                    });
                }
            }
            for (name, head) in &self.branches {
                if repo.find_ref(name)? == Some(*head) {
                    edits.push(RefEdit {
                        name: name.clone(),
                        expected: Expect::Is(*head),
                        new: None,
                    });
                }
            }
            match edits.is_empty()
                || repo.update_refs(&edits, Durability::Fast)? == RefsUpdate::Done
            {
                true => return Ok(()),
                // Somebody was faster between the look and the lock: look again.
                false => continue,
            }
        }
    }
}
