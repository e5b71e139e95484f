//! Commits on `main` that the bot did not make: somebody pressed the merge button, or pushed.
//!
//! This only raises the alarm, as soon as such a commit is there; `verify` proves the whole trail.

use chrono::{DateTime, Utc};

use super::{BOT_EMAIL, BOT_NAME, Entry};
use crate::domain::ids::Sha;
use crate::git::{GitError, Repository, Signature};

/// A commit that the bot did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignCommit {
    pub commit: Sha,
    /// Who made it, as it says itself.
    pub by: String,
    pub subject: String,
    pub at: DateTime<Utc>,
}

/// How far back to look.
#[derive(Debug, Clone, Copy)]
pub enum LookBack {
    /// To this commit, which was looked at before.
    To(Sha),
    /// As far as this time.
    Until(DateTime<Utc>),
}

/// Those on the first-parent line of `tip`, the newest first.
pub fn foreign_commits(
    repo: &Repository,
    tip: Sha,
    look_back: LookBack,
) -> Result<Vec<ForeignCommit>, GitError> {
    let mut found = Vec::new();
    for commit in repo.first_parents(tip) {
        let commit = commit?;
        let is_far_enough = match look_back {
            LookBack::To(known) => commit.id == known,
            LookBack::Until(time) => commit.committer.time < time,
        };
        if is_far_enough {
            break;
        }
        let is_bots = [&commit.author, &commit.committer].into_iter().all(is_bot);
        if is_bots && Entry::of(&commit).event.is_some() {
            continue;
        }
        found.push(ForeignCommit {
            commit: commit.id,
            by: commit.author.name.clone(),
            subject: commit.message.lines().next().unwrap_or_default().to_owned(),
            at: commit.committer.time,
        });
    }
    Ok(found)
}

fn is_bot(who: &Signature) -> bool {
    who.name == BOT_NAME && who.email == BOT_EMAIL
}
