//! What a person sees of a proposal beside its score: first what it would change, then what would lower its risk.

use super::amendments::WaitingPart;
use super::diff::Diff;
use super::rule_change::RuleChangePreview;
use crate::domain::ids::TriggerId;
use crate::risk::{Explanation, ProposedAction, Reduction};

/// What a proposal would do, and what would make it less risky.
#[derive(Debug, Default)]
pub struct Preview {
    /// What is executed; none for a governance change.
    pub action: Option<ProposedAction>,
    /// What others vouch for, each with its source.
    pub vouched: Vec<String>,
    /// What a governance change changes, line by line.
    pub diff: Option<Diff>,
    pub rule_change: Option<RuleChangePreview>,
    /// The smallest edits that reach a lower level, or the one that lowers the score most.
    pub reductions: Vec<Reduction>,
    /// The triggers that no edit removes.
    pub lasting: Vec<TriggerId>,
    /// What people approved that is less, and what that waits for.
    pub waiting_parts: Vec<WaitingPart>,
}

impl Preview {
    /// What there is to see of a recommendation.
    pub(super) fn of(
        action: ProposedAction,
        vouched: Vec<String>,
        explanation: &Explanation<'_>,
        waiting_parts: Vec<WaitingPart>,
    ) -> Self {
        Self {
            action: Some(action),
            vouched,
            reductions: explanation.reductions.clone(),
            lasting: explanation.lasting.clone(),
            waiting_parts,
            ..Self::default()
        }
    }

    /// What there is to see of a governance change.
    pub(super) fn of_governance_change(diff: Diff, rule_change: RuleChangePreview) -> Self {
        Self {
            diff: Some(diff),
            rule_change: Some(rule_change),
            ..Self::default()
        }
    }
}
