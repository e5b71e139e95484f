//! The branch behind a decision: its commits, and what they propose against where they left `main`.

use super::commit_check::CommitCheck;
use super::finding::FindingKind;
use crate::domain::documents::Status;
use crate::domain::ids::Sha;
use crate::git::{Change, Commit, GitError};
use crate::ledger::entry::is_event;
use crate::ledger::proposal::{
    self, Candidate, Examined, MOST_COMMITS, MOST_FILES, Main, Objection, Refusal,
};

/// What a branch adds to the tip that it was decided against.
#[derive(Debug)]
pub struct Branch {
    /// Its own commits, newest first.
    pub commits: Vec<Commit>,
    /// What they change against where the branch began.
    pub changes: Vec<Change>,
    /// A commit of the bot that the branch stands on, and that is not on the trail.
    pub lost: Option<Sha>,
    /// Why the bot does not even look at what it changes.
    unread: Option<Objection>,
}

impl Branch {
    /// Reads the branch of a decision; none if this clone does not hold it.
    ///
    /// # Errors
    /// When it is there but cannot be read, or is larger than anything that is decided.
    pub fn read(check: &CommitCheck, head: Sha) -> Result<Option<Self>, GitError> {
        let (repo, Some((base, _))) = (check.repo, check.parent) else {
            return Ok(None);
        };
        if !repo.contains(head)? {
            return Ok(None);
        }
        let newest = repo.read_commit(head)?;
        let tree = newest.tree;
        let unread = |objection| {
            Ok(Some(Self {
                commits: Vec::new(),
                changes: Vec::new(),
                lost: None,
                unread: Some(objection),
            }))
        };
        let mut commits = if is_one_commit(check, &newest) {
            vec![newest]
        } else {
            match repo.commits_between(base, head, MOST_COMMITS) {
                Err(error) if error.is_content() => {
                    return unread(proposal::too_many_commits(&error));
                }
                commits => commits?,
            }
        };
        // Only a trail gives a branch commits like these: the bot refuses any that look so.
        let lost = commits.iter().find(|commit| is_event(commit));
        let lost = lost.map(|commit| commit.id);
        commits.retain(|commit| !is_event(commit));
        let fork = match find_fork(&commits) {
            Some(fork) => Some(fork),
            None => repo.merge_base(base, head)?,
        };
        let Some(fork) = fork else {
            return unread(proposal::no_common_history());
        };
        let before = repo.read_commit(fork)?.tree;
        let changes = match repo.diff_trees(Some(before), Some(tree), MOST_FILES) {
            Err(error) if error.is_content() => return unread(proposal::too_many_files(&error)),
            changes => changes?,
        };
        Ok(Some(Self {
            commits,
            changes,
            lost,
            unread: None,
        }))
    }

    /// The ids of its own commits.
    pub fn ids(&self) -> impl Iterator<Item = Sha> + '_ {
        self.commits.iter().map(|commit| commit.id)
    }

    /// A branch that stands on something the trail lost bears witness against it.
    pub fn check_fork(&self, check: &mut CommitCheck) {
        let Some(lost) = self.lost else { return };
        let message = format!(
            "its branch stands on {}, an event that is no longer on the trail: what comes before was rewritten",
            lost.short()
        );
        check.say(FindingKind::CutOrRewritten, message);
    }

    /// What keeps any branch from being decided, whatever it proposes; and of one that was merged, whether git shows
    /// its commits as they are.
    pub fn check(&self, check: &mut CommitCheck, status: Status) -> Result<(), GitError> {
        if self.unread.is_some() {
            check.object(self.unread.clone());
            return Ok(());
        }
        if self.commits.is_empty() {
            check.say(
                FindingKind::InvalidProposal,
                "the commit it merges was on `main` before",
            );
        }
        for commit in &self.commits {
            if status.is_approval() {
                check.check_merged_shown(commit)?;
            }
            let objection = proposal::find_commit_objection(commit);
            // Which is a finding of its own.
            let objection =
                objection.filter(|objection| objection.refusal != Refusal::ForeignEncoding);
            check.object(objection);
        }
        Ok(())
    }

    /// Which kind of proposal its changes are, if they are one.
    pub fn classify(&self, check: &mut CommitCheck) -> Result<Option<Candidate>, GitError> {
        let Some((_, root)) = check.parent.filter(|_| self.unread.is_none()) else {
            return Ok(None);
        };
        let objects = check.repo.objects();
        match proposal::classify(&Main { objects, root }, &self.changes)? {
            Examined::Accepted(candidate) => Ok(Some(candidate)),
            Examined::Refused(objections) => {
                check.object(objections);
                Ok(None)
            }
        }
    }
}

impl CommitCheck<'_> {
    /// Writes down why the bot refuses what was decided.
    pub fn object(&mut self, objections: impl IntoIterator<Item = Objection>) {
        for objection in objections {
            let kind = match objection.refusal {
                Refusal::Impersonation | Refusal::AnotherAgent => FindingKind::Impersonation,
                _ => FindingKind::InvalidProposal,
            };
            self.say(kind, format!("the bot refuses this: {objection}"));
        }
    }
}

/// Whether a branch is this one commit on top of the trail as it was, which spares asking history: most are.
///
/// A commit in the middle of a branch that was merged before looks the same; `links` finds those.
fn is_one_commit(check: &CommitCheck, newest: &Commit) -> bool {
    let base = check
        .parent
        .and_then(|(base, _)| check.chain.place_of(base));
    let ([parent], Some(base)) = (newest.parents.as_slice(), base) else {
        return false;
    };
    check.chain.place_of(newest.id).is_none()
        && check
            .chain
            .place_of(*parent)
            .is_some_and(|fork| fork <= base)
        && !check.chain.is_merged_before(newest.id, base + 1)
}

/// Where a branch without merges left `main`: the parent of its oldest commit.
fn find_fork(commits: &[Commit]) -> Option<Sha> {
    if commits.iter().any(|commit| commit.parents.len() != 1) {
        return None;
    }
    commits.last()?.parents.first().copied()
}
