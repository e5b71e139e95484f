//! The facts of a proposal, derived from `main` and from the commits of its branch; never from its claims.
//!
//! The bot decides on them and `verify` derives them again, from the same objects by the same code.

use std::collections::BTreeMap;

use crate::domain::documents::{AccountRecord, Recommendation, Target};
use crate::domain::ids::{Sha, TargetName};
use crate::domain::problem::Problems;
use crate::domain::pull::{Contribution, Part};
use crate::domain::yaml;
use crate::gate::eligibility::{Principal, principal_of};
use crate::git::{Commit, GitError, Mode, Objects};
use crate::risk::{KnownTarget, Situation};
use crate::rules::Rules;

/// The targets that a proposal is about, as a tree of `main` holds them.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// Those that exist, the rehearsals of the named ones included.
    pub known: BTreeMap<TargetName, KnownTarget>,
    /// The files of the named ones, byte for byte.
    pub files: BTreeMap<TargetName, Vec<u8>>,
    /// Their blob ids: equal ids, equal facts.
    pub blobs: BTreeMap<TargetName, Sha>,
}

/// Reads the targets that a recommendation names, as a stored tree holds them.
///
/// # Errors
/// The outer error when the repository fails, the inner one when a target's file cannot be read:
/// then nothing is known, and nothing is decided.
pub fn targets(
    objects: Objects<'_>,
    root: Sha,
    about: &Recommendation,
) -> Result<Result<Targets, Problems>, GitError> {
    targets_by(about, |path| {
        let entry = objects
            .entry_at(root, path)?
            .filter(|entry| entry.mode == Mode::File);
        entry
            .map(|entry| Ok((entry.id, objects.read_blob(entry.id)?)))
            .transpose()
    })
}

/// Reads the targets that a recommendation names, through whatever gives a regular file's blob id and
/// content by its path.
///
/// # Errors
/// As [`targets`].
pub fn targets_by<E>(
    about: &Recommendation,
    mut read_file: impl FnMut(&str) -> Result<Option<(Sha, Vec<u8>)>, E>,
) -> Result<Result<Targets, Problems>, E> {
    let mut targets = Targets::default();
    let mut rehearsals = Vec::new();
    for name in &about.targets {
        let path = Target::path_of(name);
        let Some((blob, bytes)) = read_file(&path)? else {
            continue;
        };
        let known = match yaml::read::<Target>(&path, &bytes) {
            Ok(target) => KnownTarget::from(&target),
            Err(problems) => return Ok(Err(problems)),
        };
        rehearsals.extend(known.rehearsal.clone());
        targets.blobs.insert(name.clone(), blob);
        targets.files.insert(name.clone(), bytes);
        targets.known.insert(name.clone(), known);
    }
    for name in rehearsals {
        if targets.known.contains_key(&name) {
            continue;
        }
        let path = Target::path_of(&name);
        // A rehearsal only ever serves a suggestion, so an unreadable one is left out.
        if let Some((_, bytes)) = read_file(&path)?
            && let Ok(target) = yaml::read::<Target>(&path, &bytes)
        {
            targets.known.insert(name, KnownTarget::from(&target));
        }
    }
    Ok(Ok(targets))
}

/// Everything outside the recommendation and the rules that its risk depends on.
pub fn situation(
    about: &Recommendation,
    targets: &Targets,
    contributions: &[Contribution],
    rules: &Rules,
) -> Situation {
    Situation {
        targets: targets.known.clone(),
        agent_registered: rules.agents.contains_key(&about.agent),
        unattributed: contributions
            .iter()
            .any(|c| principal_of(&c.account, rules) == Principal::Unknown),
    }
}

/// Everyone who had a hand in the branch, each account and part once.
pub fn contributions(author: &AccountRecord, head: Sha, commits: &[Commit]) -> Vec<Contribution> {
    let mut all = vec![Contribution {
        account: author.clone(),
        part: Part::Opener,
        commit: head,
    }];
    for commit in commits {
        let mut add = |email: &str, part: Part| {
            let account = AccountRecord {
                email: Some(email.to_owned()),
                ..AccountRecord::default()
            };
            if !all
                .iter()
                .any(|known: &Contribution| known.account == account && known.part == part)
            {
                all.push(Contribution {
                    account,
                    part,
                    commit: commit.id,
                });
            }
        };
        add(&commit.author.email, Part::Author);
        add(&commit.committer.email, Part::Committer);
        for email in co_authors(&commit.message) {
            add(&email, Part::CoAuthor);
        }
    }
    all
}

/// The addresses in `Co-authored-by` lines, wherever in the message they stand. A line that names none
/// stands for itself: nobody knows that address, so the commit counts as unattributed.
fn co_authors(message: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in message.lines() {
        let Some((key, value)) = line.trim().split_once(':') else {
            continue;
        };
        if !key.trim().eq_ignore_ascii_case("co-authored-by") {
            continue;
        }
        let before = found.len();
        let addresses = value.split('<').skip(1);
        found.extend(addresses.filter_map(|rest| Some(rest.split_once('>')?.0.trim().to_owned())));
        if found.len() == before {
            found.push(value.trim().to_owned());
        }
    }
    found
}
