//! What somebody elsewhere is told to carry out: the recommendation as it was approved, and the decision.

use std::borrow::Cow;

use serde::Serialize;

use crate::domain::documents::{Recommendation, time};
use crate::domain::ids::{CaseId, Sha};
use crate::ledger::CaseFile;

/// So many are named; `decision.yaml` names all. What is sent has a bounded length beyond the recommendation's.
const MOST_APPROVERS: usize = 40;

/// One attempt to carry out an approved recommendation elsewhere.
#[derive(Debug, Clone, Serialize)]
pub struct ExecutionRequest<'c> {
    id: CaseId,
    attempt: u32,
    recommendation: Cow<'c, Recommendation>,
    decision: DecisionSummary,
}

/// As much of the decision as the receiver needs to see that it may.
#[derive(Debug, Clone, Serialize)]
struct DecisionSummary {
    status: &'static str,
    level: String,
    score: String,
    decided_at: String,
    approved_by: Vec<String>,
    main: Sha,
}

impl<'c> ExecutionRequest<'c> {
    /// To carry out the next attempt of a case, which `main` holds together with the claim.
    pub fn of(case: &'c CaseFile, main: Sha) -> Self {
        let decision = &case.decision;
        let risk = decision.risk_of_executed();
        let approvals = decision.approvals.iter().take(MOST_APPROVERS);
        Self {
            id: case.recommendation.id,
            attempt: case.next_attempt(),
            recommendation: case.executed(),
            decision: DecisionSummary {
                status: decision.status.as_str(),
                level: risk.level.to_string(),
                score: risk.score.to_string(),
                decided_at: time::text(&decision.decided_at),
                approved_by: approvals.map(|approval| approval.by.to_string()).collect(),
                main,
            },
        }
    }

    /// The same for every delivery of this attempt, and for no other.
    pub fn idempotency_key(&self) -> String {
        format!("{}-{}", self.id, self.attempt)
    }
}
