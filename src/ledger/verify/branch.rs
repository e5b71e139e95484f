//! The branch behind a decision: its commits, and what they propose against where they left `main`.

use super::finding::FindingKind;
use super::step::Step;
use crate::domain::ids::Sha;
use crate::git::{Change, Commit, GitError};
use crate::ledger::entry::is_event;
use crate::ledger::{BOT_EMAIL, find_forged};

/// The most commits and files of one proposal: the bot decides no larger ones.
const MOST_COMMITS: usize = 250;
const MOST_FILES: usize = 1_000;

/// What a branch adds to the tip that it was decided against.
#[derive(Debug)]
pub struct Branch {
    /// Its own commits, newest first.
    pub commits: Vec<Commit>,
    /// What they change against where the branch began.
    pub changes: Vec<Change>,
    /// A commit of the bot that the branch stands on, and that is not on the trail.
    pub lost: Option<Sha>,
}

impl Branch {
    /// Reads the branch of a decision; none if this clone does not hold it.
    ///
    /// # Errors
    /// When it is there but cannot be read, or is larger than anything that is decided.
    pub fn read(step: &Step, head: Sha) -> Result<Option<Self>, GitError> {
        let (repo, Some((base, _))) = (step.repo, step.parent) else {
            return Ok(None);
        };
        if !repo.contains(head)? {
            return Ok(None);
        }
        let newest = repo.read_commit(head)?;
        let tree = newest.tree;
        let mut commits = if is_one_commit(step, &newest) {
            vec![newest]
        } else {
            repo.commits_between(base, head, MOST_COMMITS)?
        };
        // Only a trail gives a branch commits like these: the bot refuses any that look so.
        let lost = commits.iter().find(|commit| is_event(commit));
        let lost = lost.map(|commit| commit.id);
        commits.retain(|commit| !is_event(commit));
        let fork = match find_fork(&commits) {
            Some(fork) => Some(fork),
            None => repo.merge_base(base, head)?,
        };
        let before = fork
            .map(|fork| repo.read_commit(fork))
            .transpose()?
            .map(|fork| fork.tree);
        let changes = repo.diff_trees(before, Some(tree), MOST_FILES)?;
        Ok(Some(Self {
            commits,
            changes,
            lost,
        }))
    }

    /// The ids of its own commits.
    pub fn ids(&self) -> impl Iterator<Item = Sha> + '_ {
        self.commits.iter().map(|commit| commit.id)
    }

    /// A branch that stands on something the trail lost bears witness against it.
    pub fn check_fork(&self, step: &mut Step) {
        let Some(lost) = self.lost else { return };
        let message = format!(
            "its branch stands on {}, an event that is no longer on the trail: what comes before was rewritten",
            lost.short()
        );
        step.say(FindingKind::CutOrRewritten, message);
    }

    /// What keeps any branch from being merged, whatever it proposes.
    pub fn check(&self, step: &mut Step) -> Result<(), GitError> {
        if self.commits.is_empty() {
            step.say(
                FindingKind::InvalidProposal,
                "the commit it merges was on `main` before",
            );
        }
        for commit in &self.commits {
            step.check_merged_shown(commit)?;
            let people = [&commit.author, &commit.committer];
            if people
                .iter()
                .any(|who| who.email.eq_ignore_ascii_case(BOT_EMAIL))
            {
                let message = format!(
                    "the merged commit {} is in the name of the bot",
                    commit.id.short()
                );
                step.say(FindingKind::InvalidProposal, message);
            }
            if let Some(key) = find_forged(&commit.message) {
                let message = format!(
                    "the merged commit {} carries the trailer `{key}`, which only the bot writes",
                    commit.id.short()
                );
                step.say(FindingKind::InvalidProposal, message);
            }
        }
        Ok(())
    }
}

/// Whether a branch is this one commit on top of the trail as it was, which spares asking history: most are.
///
/// A commit in the middle of a branch that was merged before looks the same; `links` finds those.
fn is_one_commit(step: &Step, newest: &Commit) -> bool {
    let base = step.parent.and_then(|(base, _)| step.line.place_of(base));
    let ([parent], Some(base)) = (newest.parents.as_slice(), base) else {
        return false;
    };
    step.line.place_of(newest.id).is_none()
        && step.line.place_of(*parent).is_some_and(|fork| fork <= base)
        && !step.line.is_merged_before(newest.id, base + 1)
}

/// Where a branch without merges left `main`: the parent of its oldest commit.
fn find_fork(commits: &[Commit]) -> Option<Sha> {
    if commits.iter().any(|commit| commit.parents.len() != 1) {
        return None;
    }
    commits.last()?.parents.first().copied()
}
