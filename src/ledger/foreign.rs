//! Commits on `main` that the bot did not make: somebody pressed the merge button, or pushed.
//!
//! The bot writes nothing on top of one before an admin has adopted it (`countersign adopt`). This looks at what a
//! commit says of itself, and at its signature where the rules before it ask for one; `verify` proves the whole
//! trail.

use chrono::{DateTime, Utc};

use super::rules_cache::read_signing;
use super::{BOT_EMAIL, BOT_NAME, Entry, Event};
use crate::domain::ids::Sha;
use crate::domain::signing::Signed;
use crate::git::{Commit, GitError, Repository, Signature};
use crate::rules::governance::{self, Signing};

/// A commit that the bot did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignCommit {
    pub commit: Sha,
    /// Who made it, as it says itself.
    pub by: String,
    pub subject: String,
    pub at: DateTime<Utc>,
    /// The event that it says it is, which only the bot's own commits are.
    pub event: Option<Event>,
}

/// How far back to look.
#[derive(Debug, Clone, Copy)]
pub enum LookBack {
    /// To this commit, which was looked at before.
    To(Sha),
    /// As far as this time.
    Until(DateTime<Utc>),
}

/// What a part of the first-parent line holds that the bot did not make.
#[derive(Debug, Default)]
pub struct ForeignCommits {
    /// Those that nobody has adopted, the newest first.
    pub unadopted: Vec<ForeignCommit>,
    /// Whether somebody has adopted commits there.
    pub has_adoption: bool,
    /// Whether the commit that was looked at before was found.
    pub is_continued: bool,
}

/// Those on the first-parent line of `tip`.
pub fn foreign_commits(
    repo: &Repository,
    tip: Sha,
    look_back: LookBack,
) -> Result<ForeignCommits, GitError> {
    let mut found = ForeignCommits::default();
    let mut check = ForeignCheck::new(repo);
    let mut is_adopted = false;
    for commit in repo.first_parents(tip) {
        let commit = commit?;
        match look_back {
            LookBack::To(known) if commit.id == known => {
                found.is_continued = true;
                break;
            }
            LookBack::Until(time) if commit.committer.time < time => break,
            LookBack::To(_) | LookBack::Until(_) => {}
        }
        if !check.is_foreign(&commit)? {
            is_adopted = Entry::of(&commit).event == Some(Event::Adopted);
            found.has_adoption |= is_adopted;
        } else if !is_adopted {
            found.unadopted.push(ForeignCommit::of(&commit));
        }
    }
    Ok(found)
}

/// Tells which commits the bot did not make.
#[derive(Debug)]
pub struct ForeignCheck<'r> {
    repo: &'r Repository,
    /// The rules about signatures that were read last, and the file that they are in.
    signing: Option<(Sha, Option<Signing>)>,
}

impl<'r> ForeignCheck<'r> {
    /// A check of commits of this repository.
    pub const fn new(repo: &'r Repository) -> Self {
        Self {
            repo,
            signing: None,
        }
    }

    /// Whether the bot did not make a commit: as it says itself, or because it lacks the signature that the rules of
    /// its parent ask for.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn is_foreign(&mut self, commit: &Commit) -> Result<bool, GitError> {
        if !says_the_bots(commit) {
            return Ok(true);
        }
        let Some(parent) = commit.parents.first() else {
            return Ok(false);
        };
        let before = self.repo.read_commit(*parent)?.tree;
        let Some(signing) = self.read_signing(before)? else {
            return Ok(false);
        };
        let stored = self.repo.objects().read_stored_commit(commit.id)?;
        Ok(match stored.find_signature() {
            None => signing.required,
            Some(signature) => !matches!(signature.check(&signing.keys), Signed::By(_)),
        })
    }

    fn read_signing(&mut self, root: Sha) -> Result<Option<Signing>, GitError> {
        let Some(file) = self.repo.entry_at(root, governance::PATH)? else {
            return Ok(None);
        };
        match &self.signing {
            Some((known, signing)) if *known == file.id => Ok(signing.clone()),
            _ => {
                let signing = read_signing(self.repo.objects(), root)?;
                self.signing = Some((file.id, signing.clone()));
                Ok(signing)
            }
        }
    }
}

/// Whether a commit says of itself that the bot made it.
pub fn says_the_bots(commit: &Commit) -> bool {
    let is_bots = [&commit.author, &commit.committer].into_iter().all(is_bot);
    is_bots && Entry::of(commit).event.is_some()
}

/// The commits at a tip that nobody has adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unadopted {
    /// The newest first; never empty.
    pub commits: Vec<ForeignCommit>,
    /// The newest commit that the bot made; none if it made none.
    pub base: Option<Sha>,
}

/// Those commits; none where the bot made the tip.
///
/// # Errors
/// When the history cannot be read.
pub fn find_unadopted(repo: &Repository, tip: Sha) -> Result<Option<Unadopted>, GitError> {
    let (mut commits, mut base) = (Vec::new(), None);
    let mut check = ForeignCheck::new(repo);
    for commit in repo.first_parents(tip) {
        let commit = commit?;
        if !check.is_foreign(&commit)? {
            base = Some(commit.id);
            break;
        }
        commits.push(ForeignCommit::of(&commit));
    }
    Ok((!commits.is_empty()).then_some(Unadopted { commits, base }))
}

impl ForeignCommit {
    pub fn of(commit: &Commit) -> Self {
        Self {
            commit: commit.id,
            by: commit.author.name.clone(),
            subject: commit.message.lines().next().unwrap_or_default().to_owned(),
            at: commit.committer.time,
            event: Entry::of(commit).event,
        }
    }
}

fn is_bot(who: &Signature) -> bool {
    who.name == BOT_NAME && who.email == BOT_EMAIL
}
