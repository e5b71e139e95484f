//! What an approval was given on: it survives a moved `main` only if nothing that it rested on changed.
//!
//! The bot asks this before it merges and `verify` asks it again, of the same objects by the same code.

use chrono::{DateTime, Utc};

use super::RulesCache;
use super::facts::{self, TargetCache, Targets};
use super::usage;
use crate::domain::documents::{EvidenceRecord, Recommendation, TeamMember};
use crate::domain::ids::Sha;
use crate::domain::level::Level;
use crate::domain::problem::Reading;
use crate::domain::pull::Contribution;
use crate::git::{GitError, Objects};
use crate::risk;

/// A case, as far as it is the same on every tip.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    pub recommendation: &'a Recommendation,
    pub contributions: &'a [Contribution],
    /// What was vouched for.
    pub evidence: &'a [EvidenceRecord],
    /// When it is decided: by what is open then, both moments are judged.
    pub at: DateTime<Utc>,
    /// Who is on record as a member of a team; nobody where the rules cache knows the teams itself.
    pub team_members: &'a [TeamMember],
}

/// What an older tip said about a case; none if it could not be read then.
#[derive(Debug)]
pub struct ApprovalSnapshot(Option<(Targets, Level)>);

impl ApprovalSnapshot {
    /// Derives it from the tree of that tip.
    pub fn read(
        objects: Objects<'_>,
        rules_cache: &mut RulesCache,
        root: Sha,
        about: About<'_>,
    ) -> Result<Self, GitError> {
        let targets = facts::targets(objects, root, about.recommendation)?;
        Self::of(objects, rules_cache, root, about, targets)
    }

    /// The same, by targets that are known from a cache.
    pub fn read_by(
        objects: Objects<'_>,
        rules_cache: &mut RulesCache,
        target_cache: &TargetCache,
        root: Sha,
        about: About<'_>,
    ) -> Result<Self, GitError> {
        let targets = target_cache.targets(objects, root, about.recommendation)?;
        Self::of(objects, rules_cache, root, about, targets)
    }

    fn of(
        objects: Objects<'_>,
        rules_cache: &mut RulesCache,
        root: Sha,
        about: About<'_>,
        targets: Reading<Targets>,
    ) -> Result<Self, GitError> {
        let (Reading::Valid(targets), Reading::Valid(version)) =
            (targets, rules_cache.read(objects, root)?)
        else {
            return Ok(Self(None));
        };
        let About {
            recommendation,
            contributions,
            evidence,
            at,
            team_members,
        } = about;
        let rules = version.rules.with_team_members(team_members);
        let known = targets.known.clone();
        let used = usage::read(objects, root, recommendation, &known, &rules, at)?;
        let Reading::Valid(used) = used else {
            return Ok(Self(None));
        };
        let mut situation =
            facts::situation(recommendation, known, contributions, evidence, &rules, at);
        situation.used = used;
        let level = risk::assess(recommendation, &situation, &rules).level;
        Ok(Self(Some((targets, level))))
    }
}

/// Why an approval that was given then is worth nothing now.
pub fn find_change(then: &ApprovalSnapshot, targets: &Targets, level: Level) -> Option<String> {
    match &then.0 {
        None => Some("`main` has become readable again".to_owned()),
        Some((before, _)) if before.blobs != targets.blobs => {
            Some("a target has changed on `main`".to_owned())
        }
        Some((_, before)) if *before != level => {
            Some(format!("the level has changed from {before} to {level}"))
        }
        Some(_) => None,
    }
}
