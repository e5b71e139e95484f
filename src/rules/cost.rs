//! What rules may cost: they are read, and their conditions evaluated, at each proposal and at each look, so that what
//! anybody proposes must not be able to keep everybody waiting. Told from their text alone.

use super::condition::{self, Sizes};
use super::policy_test::PlacedTest;
use super::{RuleFiles, Rules};
use crate::domain::problem::Problem;

/// The steps that all conditions together may take over one proposal, however large it is.
pub const MOST_STEPS: u64 = 5_000_000;
/// The steps that all policy tests together may take.
pub const MOST_TEST_STEPS: u64 = 20_000_000;
/// How many policy tests there may be.
pub const MOST_TESTS: usize = 2_000;
/// How many files there may be below `rules/`.
pub const MOST_FILES: usize = 200;
/// How many bytes they may have together.
pub const MOST_BYTES: usize = 1024 * 1024;

/// What is wrong with the size of these files; nothing else of them is read then.
pub(super) fn find_too_large(files: &RuleFiles) -> Option<Problem> {
    let bytes: usize = files.values().map(Vec::len).sum();
    let (what, most) = match (files.len() > MOST_FILES, bytes > MOST_BYTES) {
        (true, _) => ("files", format!("{MOST_FILES} are read")),
        (false, true) => ("bytes", "1 MiB is read".to_owned()),
        (false, false) => return None,
    };
    let message = format!(
        "there are too many {what}: at most {most}; merge policy tests into fewer files, and drop those that show nothing new"
    );
    Some(Problem::of_file(Rules::FOLDER, message))
}

impl Rules {
    /// The condition with which all together come to take too long.
    pub(super) fn find_costly_rule(&self) -> Option<Problem> {
        let sizes = Sizes::most(self.most_affected());
        let mut steps = 0u64;
        for rule in self.policy.iter() {
            let own = rule.when.steps(sizes);
            steps = steps.saturating_add(own);
            if steps > MOST_STEPS {
                let message = format!(
                    "up to here the conditions take up to {steps} steps for the largest proposal, {own} of them this one: \
                     at most {MOST_STEPS}; avoid a loop inside of a loop, or drop a rule"
                );
                return Some(rule.problem("when", message));
            }
        }
        None
    }

    /// The policy test with which all together come to take too long.
    pub fn find_costly_test(&self, tests: &[PlacedTest], files: &RuleFiles) -> Option<Problem> {
        let affects = self.most_affected();
        let mut steps = 0u64;
        for (index, placed) in tests.iter().enumerate() {
            let Some(proposal) = &placed.test.recommend else {
                continue;
            };
            let changes = &proposal.changes;
            let parts: usize = changes.values().map(condition::parts).sum();
            let sizes = Sizes {
                changes: u64::try_from(changes.len()).unwrap_or(u64::MAX),
                parts: u64::try_from(parts).unwrap_or(u64::MAX),
                ..Sizes::most(affects)
            };
            let rules = self.policy.iter();
            let own = rules.fold(0u64, |sum, rule| sum.saturating_add(rule.when.steps(sizes)));
            steps = steps.saturating_add(own);
            let message = if index >= MOST_TESTS {
                format!(
                    "there are {} policy tests: at most {MOST_TESTS}; drop those that show nothing new",
                    tests.len()
                )
            } else if steps > MOST_TEST_STEPS {
                format!(
                    "up to here the policy tests take up to {steps} steps, {own} of them this one: at most \
                     {MOST_TEST_STEPS}; let it change less, or drop those that show nothing new"
                )
            } else {
                continue;
            };
            return Some(placed.problem(files, message));
        }
        None
    }

    fn most_affected(&self) -> usize {
        let affected = self.actions.values().map(|action| action.affects.len());
        affected.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
