//! The branches of people: by whom they are, and how they go when their pull request has ended.

use super::Result;
use crate::domain::documents::AccountRecord;
use crate::domain::ids::Sha;
use crate::git::{Durability, Expect, RefEdit, RefsUpdate, Repository};

/// The longest address that is kept, in characters; real ones have at most 254.
const MOST_EMAIL: usize = 320;

/// By whom the newest commit is; nobody if it cannot be read, which never approves anything.
pub fn author_of(repo: &Repository, head: Sha) -> AccountRecord {
    // One that is longer than any real one is cut: it becomes part of a record, which has its limits.
    let email = repo
        .read_commit(head)
        .ok()
        .map(|commit| commit.author.email.chars().take(MOST_EMAIL).collect());
    AccountRecord {
        email,
        ..AccountRecord::default()
    }
}

/// Whether a branch that was not listed is deleted; one may also be unreadable, or have come back just now.
pub fn is_gone(repo: &Repository, branch: &str) -> bool {
    match repo.find_ref(&format!("refs/heads/{branch}")) {
        Ok(found) => found.is_none(),
        Err(error) => {
            tracing::error!("{error}; its pull request waits until that is mended");
            false
        }
    }
}

/// Deletes a branch if it is still where the decision found it.
pub fn deletion(branch: &str, head: Sha) -> RefEdit {
    RefEdit {
        name: format!("refs/heads/{branch}"),
        expected: Expect::Is(head),
        new: None,
    }
}

/// Deletes branches. One that is gone already, or was pushed to after the decision, is left alone.
pub fn delete(repo: &Repository, mut branches: Vec<RefEdit>) -> Result<()> {
    while !branches.is_empty() {
        let mut left = Vec::new();
        for branch in branches {
            if repo.find_ref(&branch.name)?.map(Expect::Is) == Some(branch.expected) {
                left.push(branch);
            }
        }
        branches = match repo.update_refs(&left, Durability::Fast)? {
            RefsUpdate::Done => Vec::new(),
            // Somebody was faster between the look and the lock: look again.
            RefsUpdate::Lost { .. } => left,
        };
    }
    Ok(())
}
