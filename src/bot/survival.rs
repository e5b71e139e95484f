//! Whether an approval survives a moved `main`: only if what it was given for is still so.

use std::collections::BTreeMap;

use crate::domain::documents::{EvidenceRecord, Recommendation};
use crate::domain::ids::Sha;
use crate::domain::level::Level;
use crate::domain::pull::Pull;
use crate::domain::review::{Opinion, Review};
use crate::gate::attestations;
use crate::gate::eligibility::Interests;
use crate::ledger::Version;
use crate::ledger::facts::Targets;
use crate::ledger::stale_approvals::{self, About, ApprovalSnapshot};
use crate::rules::Rules;

use super::BotError;
use super::decide::Evaluator;

/// What is so of a case now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub targets: &'a Targets,
    /// What was vouched for.
    pub evidence: &'a [EvidenceRecord],
    pub level: Level,
    pub rules: &'a Rules,
}

impl Evaluator<'_, '_, '_> {
    /// Approvals of this head that were given while `main`, or who vouches for facts, said something else about the
    /// case.
    pub(super) fn outdated_reviews(
        &mut self,
        pull: &Pull,
        document: &Recommendation,
        interests: Interests,
        facts: Facts<'_>,
    ) -> Result<BTreeMap<String, String>, BotError> {
        let Facts {
            targets,
            evidence,
            level,
            rules,
        } = facts;
        let mut outdated = BTreeMap::new();
        for review in approvals(pull) {
            if let Some(how) = attestations::find_change(evidence, rules, review.at, self.now) {
                outdated.insert(review.id.clone(), how);
            }
        }
        for (id, main) in approvals_on_older_main(pull, self.draft.tip()?) {
            let Some(root) = self.find_root(main)? else {
                outdated.insert(id, GONE.to_owned());
                continue;
            };
            let about = About {
                recommendation: document,
                contributions: interests.contributions,
                evidence,
                at: self.now,
                team_members: &[],
            };
            let then = ApprovalSnapshot::read(self.repo.objects(), self.rules_cache, root, about)?;
            if let Some(how) = stale_approvals::find_change(&then, targets, level) {
                outdated.insert(id, how);
            }
        }
        Ok(outdated)
    }

    /// Approvals of a governance change that were given under other rules.
    pub(super) fn outdated_governance_reviews(
        &mut self,
        pull: &Pull,
        version: &Version,
    ) -> Result<BTreeMap<String, String>, BotError> {
        let mut outdated = BTreeMap::new();
        for (id, main) in approvals_on_older_main(pull, self.draft.tip()?) {
            let Some(root) = self.find_root(main)? else {
                outdated.insert(id, GONE.to_owned());
                continue;
            };
            let then = self.repo.entry_at(root, Rules::FOLDER)?;
            if then.map(|entry| entry.id) != Some(version.tree) {
                outdated.insert(id, "the rules have changed on `main`".to_owned());
            }
        }
        Ok(outdated)
    }

    /// The tree of an older tip; none if it is not in this repository any more.
    fn find_root(&self, main: Sha) -> Result<Option<Sha>, BotError> {
        match self.repo.read_commit(main) {
            Ok(commit) => Ok(Some(commit.tree)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Why an approval does not survive whose `main` is gone, as after a restore from a backup.
const GONE: &str = "`main` was put back to what it was before";

fn approvals(pull: &Pull) -> impl Iterator<Item = &Review> {
    let reviews = pull.reviews.iter();
    reviews.filter(|review| review.opinion == Opinion::Approve && review.head == pull.head)
}

fn approvals_on_older_main(pull: &Pull, tip: Sha) -> Vec<(String, Sha)> {
    approvals(pull)
        .filter_map(|review| {
            review
                .main
                .filter(|main| *main != tip)
                .map(|main| (review.id.clone(), main))
        })
        .collect()
}
