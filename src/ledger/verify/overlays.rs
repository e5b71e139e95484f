//! What an auditor who reads the trail with git would see instead of it, wherever that comes from.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind};
use super::first_parent_chain::FirstParentChain;
use crate::domain::ids::{Sha, quoted};
use crate::git::{GitError, Overlay, Repository};

/// So many of a kind are named.
const MOST_OF_A_KIND: usize = 10;

/// Everything in the repository that makes git show something else than this branch.
///
/// # Errors
/// When the refs or one of git's own files cannot be read.
pub fn find(
    repo: &Repository,
    branch: &str,
    chain: &FirstParentChain,
) -> Result<Vec<Finding>, GitError> {
    let Some(tip) = chain.tip() else {
        return Ok(Vec::new());
    };
    let mut findings = Vec::new();
    let mut left_out: BTreeMap<FindingKind, usize> = BTreeMap::new();
    let mut named: BTreeMap<FindingKind, usize> = BTreeMap::new();
    for overlay in repo.overlays(branch, tip)? {
        let finding = told(&overlay, tip);
        let count = named.entry(finding.kind).or_default();
        *count += 1;
        if *count <= MOST_OF_A_KIND {
            findings.push(finding);
        } else {
            *left_out.entry(finding.kind).or_default() += 1;
        }
    }
    findings.extend(left_out.into_iter().map(|(kind, count)| Finding {
        commit: tip,
        kind,
        message: format!("and {count} more like these"),
    }));
    Ok(findings)
}

fn told(overlay: &Overlay, tip: Sha) -> Finding {
    let (commit, kind, message) = match overlay {
        Overlay::Replaced { object, by } => (
            object.parse().unwrap_or(tip),
            FindingKind::Replaced,
            format!(
                "git shows {} in its place, because of the ref `refs/replace/{}`: take it away with `git replace -d {}`",
                by.short(),
                object.escape_default(),
                object.escape_default()
            ),
        ),
        Overlay::Grafted { commit } => (
            *commit,
            FindingKind::Grafted,
            "git takes other parents for its own, because of the file `info/grafts`: remove that file".to_owned(),
        ),
        Overlay::Shallow { commit } => (
            *commit,
            FindingKind::Shallow,
            "git shows nothing older than it, because of the file `shallow`: fetch the rest with `git fetch --unshallow`".to_owned(),
        ),
        Overlay::Notes { name, at } => (
            *at,
            FindingKind::Notes,
            format!(
                "git shows the notes of {} below the commits, and nothing proves them: take them away with `git update-ref -d {name}`",
                quoted(name)
            ),
        ),
        Overlay::HeadElsewhere { at } => (
            *at,
            FindingKind::HeadElsewhere,
            format!(
                "`HEAD` is this commit, so git shows it where nothing is named, and not {}, which was verified: `git switch main`, or `git symbolic-ref HEAD refs/heads/main` in a bare repository",
                tip.short()
            ),
        ),
        Overlay::Shadowed { short, name, at } => (
            at.unwrap_or(tip),
            FindingKind::AmbiguousName,
            format!(
                "git takes `{short}` for `{name}`, which was not verified: take it away with `git update-ref -d {name}`, or remove the file of that name"
            ),
        ),
    };
    Finding {
        commit,
        kind,
        message,
    }
}
