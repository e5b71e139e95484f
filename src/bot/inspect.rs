//! Looks into a pull request: what its commits and its diff propose, or why that is refused.

use chrono::{DateTime, Utc};

use crate::domain::documents::Recommendation;
use crate::domain::ids::Sha;
use crate::domain::pull::{Contribution, Pull};
use crate::git::{Change, Repository};
use crate::ledger::proposal::{
    self, Candidate, Examined, MOST_COMMITS, MOST_FILES, Main, find_commit_objection,
};
use crate::ledger::{Draft, LedgerError, facts};

use super::error::{Evaluated, InvalidPull, of_branch};

/// What a valid pull request proposes.
#[derive(Debug)]
pub enum Proposal {
    Recommendation {
        document: Box<Recommendation>,
        path: String,
        blob: Sha,
    },
    /// A change of anything that is not a record.
    Governance {
        /// The changes against where the branch began.
        changes: Vec<Change>,
    },
}

/// A pull request that was looked into.
#[derive(Debug)]
pub struct Inspected {
    pub proposal: Proposal,
    /// Everyone who had a hand in it.
    pub contributions: Vec<Contribution>,
}

/// Looks into a pull request.
pub fn inspect(
    repo: &Repository,
    draft: &mut Draft<'_>,
    pull: &Pull,
    now: DateTime<Utc>,
) -> Evaluated<Inspected> {
    let Some(base) = draft.base() else {
        return Err(LedgerError::NoMain.into());
    };
    let commits = match repo.commits_between(base, pull.head, MOST_COMMITS) {
        Err(error) if error.is_content() => return Err(proposal::too_many_commits(&error).into()),
        commits => commits?,
    };
    let Some(fork) = of_branch(repo.merge_base(base, pull.head))? else {
        return Err(proposal::no_common_history().into());
    };
    if let Some(objection) = commits.iter().find_map(find_commit_objection) {
        return Err(objection.into());
    }
    let before = repo.read_commit(fork)?.tree;
    let after = of_branch(repo.read_commit(pull.head))?.tree;
    let changes = match repo.diff_trees(Some(before), Some(after), MOST_FILES) {
        Err(error) if error.is_content() => return Err(proposal::too_many_files(&error).into()),
        changes => changes?,
    };
    let contributions = facts::contributions(pull, &commits);
    let proposal = judge(draft, changes, now)?;
    Ok(Inspected {
        proposal,
        contributions,
    })
}

/// Tells a recommendation from a governance change, and reads it.
fn judge(draft: &Draft<'_>, changes: Vec<Change>, now: DateTime<Utc>) -> Evaluated<Proposal> {
    let main = Main {
        objects: draft.objects(),
        root: draft.root()?,
    };
    let candidate = accepted(of_branch(proposal::classify(&main, &changes))?)?;
    let (path, blob) = match candidate {
        Candidate::Governance => return Ok(Proposal::Governance { changes }),
        Candidate::Recommendation { path, blob } => (path, blob),
    };
    let read = of_branch(proposal::read_recommendation(
        main.objects,
        &path,
        blob,
        now,
    ))?;
    Ok(Proposal::Recommendation {
        document: Box::new(accepted(read)?),
        path,
        blob,
    })
}

fn accepted<T>(examined: Examined<T>) -> Evaluated<T> {
    match examined {
        Examined::Accepted(part) => Ok(part),
        Examined::Refused(objections) => Err(InvalidPull::new(objections).into()),
    }
}
