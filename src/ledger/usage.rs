//! What is used of the limits of rules: read for a proposal from the tree that it is decided on, and written with each
//! decision that counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::facts::{self, KnownTargets};
use super::targets::Files;
use crate::domain::documents::{Recommendation, Usage, UsageKey, UsagePart};
use crate::domain::ids::{Sha, TriggerId};
use crate::domain::problem::{Problem, Problems, Reading};
use crate::domain::yaml;
use crate::git::{GitError, Objects, blob_id};
use crate::risk::limits::{self, Use, UsedLimits, UsedPart};
use crate::rules::Rules;
use crate::rules::policy::Limit;

/// Where the use of a rule's limit by a key is kept. Keys may be anything, so that the path is made of their digest.
fn path_of(rule: &TriggerId, key: &UsageKey) -> String {
    let text: String = key
        .iter()
        .map(|(name, value)| format!("{} {name} {} {value}\n", name.len(), value.len()))
        .collect();
    let digest = blob_id(text.as_bytes()).to_string();
    let (first, rest) = digest.split_at(2);
    let (second, rest) = rest.split_at(2);
    format!("{}/{rule}/{first}/{second}/{rest}.yaml", Usage::FOLDER)
}

/// What was used before a proposal, as a stored tree holds it. Where a file cannot be read, nothing is decided.
pub fn read(
    objects: Objects<'_>,
    root: Sha,
    about: &Recommendation,
    targets: &KnownTargets,
    rules: &Rules,
    at: DateTime<Utc>,
) -> Result<Reading<UsedLimits>, GitError> {
    read_by(about, targets, rules, at, |path| {
        Ok(facts::read_file(objects, root, path)?.map(|(_, bytes)| bytes))
    })
}

/// The same through whatever gives a file's content by its path.
pub fn read_by<E>(
    about: &Recommendation,
    targets: &KnownTargets,
    rules: &Rules,
    at: DateTime<Utc>,
    mut read_file: impl FnMut(&str) -> Result<Option<Arc<[u8]>>, E>,
) -> Result<Reading<UsedLimits>, E> {
    let mut used = UsedLimits::default();
    for (rule, limit, key) in limits::possible_keys(about, targets, rules) {
        let path = path_of(&rule.id, &key);
        let file = read_file(&path)?;
        let parts = match parts_of(&path, file.as_deref(), &rule.id, limit, &key) {
            Ok(parts) => parts,
            Err(problems) => return Ok(Reading::Invalid(problems)),
        };
        let parts = current(parts, limit, at).map(|part| UsedPart {
            used: part.used,
            free_at: limit.within.free_at(part.from),
        });
        let parts = parts.collect();
        used.insert(rule.id.clone(), key, parts);
    }
    Ok(Reading::Valid(used))
}

/// The parts of a file; none of one that counts something else.
fn parts_of(
    path: &str,
    file: Option<&[u8]>,
    rule: &TriggerId,
    limit: &Limit,
    key: &UsageKey,
) -> Result<Vec<UsagePart>, Problems> {
    let Some(bytes) = file else {
        return Ok(Vec::new());
    };
    let usage: Usage = yaml::read(path, bytes)?;
    if usage.rule != *rule || usage.per != *key {
        let message = "it is the use of another limit, or by another key, than its path says";
        return Err(Problem::of_file(path, message).into());
    }
    Ok(match usage.counts == limit.definition() {
        true => usage.parts,
        false => Vec::new(),
    })
}

/// Those that are not free again.
fn current(
    parts: Vec<UsagePart>,
    limit: &Limit,
    at: DateTime<Utc>,
) -> impl Iterator<Item = UsagePart> {
    let within = limit.within;
    let is_used = move |part: &UsagePart| within.free_at(part.from).is_none_or(|free| free > at);
    parts.into_iter().filter(is_used)
}

/// Why the use of a limit cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum UsageError<E> {
    #[error(transparent)]
    Unreadable(#[from] Problems),
    #[error(transparent)]
    Unwritable(#[from] yaml::WriteError),
    #[error("the use of a limit cannot be looked up")]
    Lookup(#[source] E),
}

/// The files that change with the decision on what uses limits.
pub fn changed<E>(
    uses: &[Use<'_>],
    at: DateTime<Utc>,
    mut read_file: impl FnMut(&str) -> Result<Option<Arc<[u8]>>, E>,
) -> Result<Files, UsageError<E>> {
    let mut files = BTreeMap::new();
    for used in uses.iter().filter(|used| !used.amount.is_zero()) {
        let Use {
            rule,
            limit,
            key,
            amount,
        } = used;
        let path = path_of(&rule.id, key);
        let file = read_file(&path).map_err(UsageError::Lookup)?;
        let parts = parts_of(&path, file.as_deref(), &rule.id, limit, key)?;
        let mut parts: Vec<UsagePart> = current(parts, limit, at).collect();
        let from = limit.within.part_of(at);
        match parts.iter_mut().find(|part| part.from == from) {
            Some(part) => part.used = part.used.saturating_add(*amount),
            None => parts.push(UsagePart {
                from,
                used: *amount,
            }),
        }
        let usage = Usage {
            schema: Default::default(),
            rule: rule.id.clone(),
            counts: limit.definition(),
            per: key.clone(),
            parts,
        };
        files.insert(path, Some(yaml::write(&usage)?.into_bytes()));
    }
    Ok(files.into_iter().collect())
}
