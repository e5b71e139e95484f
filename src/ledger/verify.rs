//! Proves the trail from a clone: every first-parent commit of `main` is explained by exactly one event,
//! changes exactly what that event may change, and says nothing that cannot be computed again.
//!
//! A commit is examined by itself (one file a kind of event): what it needs to know is in its own tree, in
//! its parent's tree and in the branch it merges, so many can be examined at once. What holds between
//! commits (order, attempts, claims) is checked afterwards, oldest first, by `links`. No finding is
//! fatal: an auditor wants to see all that is wrong.
//!
//! Every object that is read is hashed again: a clone over the network was checked on arrival, but an
//! auditor may be handed a folder.

mod adopted;
mod amendment;
mod approvals;
mod assessment;
mod branch;
mod checkpoint;
mod commit_check;
mod commit_verifier;
mod cross_commit_checks;
mod decision;
mod document;
mod engines;
mod evidence;
mod execution;
mod finding;
mod first_parent_chain;
mod freeze;
mod genesis;
mod governance;
mod ignored;
mod message;
mod opinions;
mod outcome_files;
mod overlays;
mod questions;
mod record;
mod remarks;
mod rescored;
mod shown;
mod signature;
mod track_record;

use std::collections::BTreeMap;

use serde::Serialize;

use super::facts::TargetCache;
use super::{LedgerError, MAIN, workers};
use crate::domain::ids::Sha;
use crate::git::{CommitGraph, Repository};

pub use adopted::find_unadoptable;
pub use checkpoint::Checkpoint;
pub use finding::{Finding, FindingKind};

use adopted::Adoptions;
use commit_verifier::{CommitVerifier, Examined};
use cross_commit_checks::CrossCommitChecks;
use engines::EngineHistory;
use first_parent_chain::FirstParentChain;

/// Where a clone keeps the trail when it has no `main` of its own.
const REMOTE_MAIN: &str = "refs/remotes/origin/main";

/// What came of a verification.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// Whether nothing is wrong; notes are not.
    pub ok: bool,
    /// The tip that was verified.
    pub tip: Sha,
    /// How many commits the trail has.
    pub commits: usize,
    /// How many of each event.
    pub events: BTreeMap<&'static str, usize>,
    /// How many decisions were computed again, score and verdict, and came out the same or are findings.
    pub recomputed: usize,
    /// Of those: cases closed without a merge whose branch this clone does not hold, so that who wrote
    /// its commits is known from the record alone.
    pub without_branch: usize,
    /// How many commits carry a good signature that the rules ask for.
    pub signed: usize,
    /// How many approvals and rejections were by members of a team of the forge, which is known from the
    /// record alone: a clone cannot ask who was in it.
    pub by_team: usize,
    /// Everything that is wrong, oldest commit first, and notes about older engines and adopted commits.
    pub findings: Vec<Finding>,
}

/// Verifies the trail of a repository, and that nothing of what was `seen` before is gone from it.
/// `progress` is told how many of how many commits are done.
///
/// # Errors
/// When the repository cannot be read at all. What is wrong with single commits are findings.
pub fn verify(
    repo: &Repository,
    seen: Option<&Checkpoint>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Verification, LedgerError> {
    let (branch, tip) = match repo.find_ref(MAIN)? {
        Some(tip) => (MAIN, tip),
        None => (
            REMOTE_MAIN,
            repo.find_ref(REMOTE_MAIN)?.ok_or(LedgerError::NoMain)?,
        ),
    };
    let repo = &repo.for_bulk()?;
    repo.check_ids();
    let (chain, mut findings) = FirstParentChain::read(repo, tip)?;
    findings.extend(overlays::find(repo, branch, &chain)?);
    let graph = match repo.commit_graph() {
        Ok(graph) => graph,
        Err(error) => {
            findings.push(Finding {
                commit: tip,
                kind: FindingKind::WrongCommitGraph,
                message: error.to_string(),
            });
            CommitGraph::default()
        }
    };
    if let Some(seen) = seen {
        findings.extend(seen.find_loss(&chain));
    }
    let mut events: BTreeMap<&'static str, usize> = BTreeMap::new();
    let (mut recomputed, mut without_branch) = (0, 0);
    let (mut signed, mut by_team) = (0, 0);
    let mut links = CrossCommitChecks::default();
    let mut engines = EngineHistory::default();
    let mut adoptions = Adoptions::default();
    let mut handles = workers::handles(repo, chain.len())?;
    let target_cache = TargetCache::default();
    let start = |handle| -> workers::Work<'_, usize, Examined> {
        let mut verifier = CommitVerifier::new(handle, &chain, target_cache.clone(), &graph);
        Box::new(move |place| verifier.examine(place))
    };
    let mut done = 0;
    workers::in_order(&mut handles, 0..chain.len(), &start, &mut |mut examined| {
        done += 1;
        findings.extend(adoptions.follow(&mut examined));
        findings.extend(engines.follow(&mut examined));
        if let Some(event) = examined.event {
            *events.entry(event.as_str()).or_default() += 1;
        }
        recomputed += usize::from(examined.recomputed);
        without_branch += usize::from(examined.without_branch);
        signed += usize::from(examined.signed);
        by_team += examined.by_team;
        findings.extend(adoptions.hold(&examined, links.follow(&examined)));
        progress(done, chain.len());
    });
    findings.extend(adoptions.finish());
    findings.extend(links.finish());
    findings.extend(engines.finish());
    Ok(Verification {
        ok: findings.iter().all(|finding| finding.kind.is_note()),
        tip,
        commits: chain.len(),
        events,
        recomputed,
        without_branch,
        signed,
        by_team,
        findings,
    })
}
