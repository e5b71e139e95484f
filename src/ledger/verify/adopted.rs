//! An adoption: who took over what the bot did not make, and what of those commits is explained by it.

use super::commit_check::CommitCheck;
use super::commit_verifier::{CheckResult, CommitVerifier, Examined};
use super::finding::{Finding, FindingKind};
use super::first_parent_chain::FirstParentChain;
use crate::domain::documents::Role;
use crate::domain::ids::{Login, Sha, quoted};
use crate::git::{GitError, Repository};
use crate::ledger::facts::TargetCache;
use crate::ledger::{ForeignCommit, LedgerError, entry, find_unadopted};

/// What follows from the bot not having made a commit, and nothing else: an adoption explains it. That a record was
/// touched, or that git shows it otherwise, it does not.
const EXPLAINED: [FindingKind; 9] = [
    FindingKind::Unexplained,
    FindingKind::ForeignIdentity,
    FindingKind::NotCanonical,
    FindingKind::Unsigned,
    FindingKind::ForeignSignature,
    FindingKind::BadSignature,
    FindingKind::UnexpectedChange,
    // The rules that it stands on: nothing was decided by them.
    FindingKind::UnreadableDocument,
    FindingKind::TimeRunsBackwards,
];

/// Checks an adoption by itself. The rules before the adopted commits say who may.
pub fn check(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
) -> Result<CheckResult, GitError> {
    check.check_parents(None);
    let by = check.entry.trailers.find("By");
    let Some(by) = by.and_then(|by| by.parse::<Login>().ok()) else {
        check.say(
            FindingKind::WrongMessage,
            "the trailer `By` does not say who adopts",
        );
        return Ok(CheckResult::default());
    };
    let Some((parent, _)) = check.parent else {
        return Ok(CheckResult::default());
    };
    let unadopted = find_unadopted(check.repo, parent)?;
    let Some((commits, base)) = unadopted.and_then(|it| it.base.map(|base| (it.commits, base)))
    else {
        check.say(
            FindingKind::Unexplained,
            "it adopts nothing: the bot made the commit before it, or none at all",
        );
        return Ok(CheckResult::default());
    };
    if let Some(posing) = commits.iter().find_map(find_event) {
        check.say(
            FindingKind::Unexplained,
            format!("it cannot adopt {posing}"),
        );
    }
    check.check_message(&entry::adopted_message(&by, commits.len(), parent));
    let before = check.repo.read_commit(base)?.tree;
    let version = verifier.rules_cache.read(check.repo.objects(), before)?;
    check.version = version.valid();
    check.check_role(&by, Role::Admin, "adopts commits that the bot did not make");
    Ok(CheckResult {
        adopted_by: Some(by),
        ..CheckResult::default()
    })
}

/// An event is the bot's alone: everything that reads the trail would take it for one.
fn find_event(commit: &ForeignCommit) -> Option<String> {
    let event = commit.event?;
    let short = commit.commit.short();
    Some(format!(
        "{short}, whose trailers say `Event: {event}`: that is an event, and the bot did not make it"
    ))
}

/// What is wrong with commits at the tip of `main`, the newest first, that their adoption would not explain.
///
/// # Errors
/// When the repository cannot be read.
pub fn find_unadoptable(
    repo: &Repository,
    commits: &[ForeignCommit],
) -> Result<Option<String>, LedgerError> {
    let Some(newest) = commits.first() else {
        return Ok(None);
    };
    if let Some(posing) = commits.iter().find_map(find_event) {
        return Ok(Some(posing));
    }
    let repo = &repo.for_bulk()?;
    let (chain, _) = FirstParentChain::read(repo, newest.commit)?;
    let graph = repo.commit_graph().unwrap_or_default();
    let mut verifier = CommitVerifier::new(repo, &chain, TargetCache::default(), &graph);
    let places = chain.len().saturating_sub(commits.len())..chain.len();
    let mut findings = places.flat_map(|place| verifier.examine(place).findings);
    let unexplained = findings.find(|finding| !is_explained(finding));
    Ok(unexplained.map(|finding| finding.to_string()))
}

fn is_explained(finding: &Finding) -> bool {
    EXPLAINED.contains(&finding.kind)
}

/// The findings on foreign commits, held back until it is known whether they are adopted.
#[derive(Debug, Default)]
pub struct Adoptions {
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    commit: Sha,
    what: String,
    findings: Vec<Finding>,
}

impl Adoptions {
    /// Takes the findings of the next commit, oldest first, if it may yet be adopted; gives those that are certain by
    /// it.
    pub fn follow(&mut self, examined: &mut Examined) -> Vec<Finding> {
        if let Some(foreign) = examined.find_adoptable() {
            self.pending.push(Pending {
                commit: foreign.commit,
                what: format!("{} by {}", quoted(&foreign.subject), quoted(&foreign.by)),
                findings: std::mem::take(&mut examined.findings),
            });
            return Vec::new();
        }
        let held = std::mem::take(&mut self.pending).into_iter();
        // A wrong adoption adopts nothing.
        let Some(by) = examined
            .adopted_by
            .as_ref()
            .filter(|_| examined.findings.is_empty())
        else {
            return held.flat_map(|held| held.findings).collect();
        };
        let adoption = examined.commit.short();
        held.flat_map(|held| {
            let note = Finding {
                commit: held.commit,
                kind: FindingKind::Adopted,
                message: format!(
                    "{}: the bot did not make it, and `{by}` adopted it in {adoption}",
                    held.what
                ),
            };
            let rest = held.findings.into_iter();
            std::iter::once(note).chain(rest.filter(|finding| !is_explained(finding)))
        })
        .collect()
    }

    /// Takes also what does not follow from the commits before it, if it may yet be adopted; else gives it back.
    pub fn hold(&mut self, examined: &Examined, found: Vec<Finding>) -> Vec<Finding> {
        match self.pending.last_mut() {
            Some(held) if held.commit == examined.commit => {
                held.findings.extend(found);
                Vec::new()
            }
            _ => found,
        }
    }

    /// What nobody has adopted at the tip.
    pub fn finish(self) -> Vec<Finding> {
        let held = self.pending.into_iter();
        held.flat_map(|held| held.findings).collect()
    }
}
