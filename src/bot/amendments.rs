//! What people approve that is less than what was proposed: scored like a proposal, and answered by the gate.

use std::collections::BTreeSet;

use crate::domain::amendment::Amendment;
use crate::domain::documents::Assessment;
use crate::domain::problem::Reading;
use crate::domain::pull::Pull;
use crate::domain::review::Opinion;
use crate::gate::amendments::{self, ApprovedPart, ApprovedParts};
use crate::gate::eligibility::{Principal, principal_of};
use crate::gate::verdict::{GateResult, Uncounted, Verdict};
use crate::ledger::facts::Targets;
use crate::risk::code_span;
use crate::risk::narrowing::{Left, Scored};
use crate::rules::Rules;

use super::decide::Evaluator;
use super::error::Evaluated;
use super::evaluation::{GateQuestion, PullContext};

/// What the gate says of a proposal, and of what people approved of it.
pub(super) struct Answered {
    pub gate_result: GateResult,
    /// What is decided, if that is less than all.
    pub amended: Option<Left>,
    pub waiting: Vec<WaitingPart>,
}

/// What people approved that is less, and what that waits for.
#[derive(Debug, Clone)]
pub struct WaitingPart {
    pub amendment: Amendment,
    /// `` `with stop_loss_pct=3` is MEDIUM 55.00, and still needs 1 approval by a reviewer, of the same ``
    pub sentence: String,
}

impl WaitingPart {
    fn of(left: &Left, answer: &GateResult) -> Self {
        let Assessment { level, score, .. } = &left.assessment;
        let needs = match answer.still_needed() {
            Some(needed) => format!(", and still needs {needed}, of the same"),
            None => String::new(),
        };
        let amendment = left.amendment.clone();
        Self {
            sentence: format!(
                "{} is {level} {score}{needs}",
                code_span(&amendment.to_string())
            ),
            amendment,
        }
    }

    /// Whether this is the reason why an approval does not count for all.
    pub fn is_reason(&self, reason: &str) -> bool {
        let part = ApprovedPart::Less(self.amendment.clone());
        reason == Uncounted::Less(part).to_string()
    }
}

impl Evaluator<'_, '_, '_> {
    /// What the approvals are of, and what may be approved in place of all, the last first.
    pub(super) fn read_parts(
        &mut self,
        pull: &Pull,
        proposed: Scored<'_>,
        targets: &Targets,
        rules: &Rules,
    ) -> Evaluated<(ApprovedParts, Vec<Left>)> {
        let mut parts = amendments::of(pull, proposed.about);
        let mut all = Vec::new();
        for amendment in newest_first(&parts, pull, rules) {
            let document = amendment.applied_to(proposed.about);
            let scored = match self.read_usage(&document, targets, rules)? {
                Reading::Valid(used) => Left::score(proposed, amendment.clone(), used, rules),
                Reading::Invalid(problems) => Err(problems.in_one_line()),
            };
            match scored {
                Ok(left) => all.push(left),
                Err(why) => amendments::refuse(&mut parts, &amendment, &why),
            }
        }
        Ok((parts, all))
    }

    /// Asks the gate about each part that people approved. What is approved goes before all of it: whoever approved less
    /// has seen no more.
    pub(super) fn answer_parts(
        &mut self,
        context: &PullContext<'_>,
        of_all: GateQuestion<'_>,
        gate_result: GateResult,
        left: Vec<Left>,
    ) -> Evaluated<Answered> {
        let mut waiting = Vec::new();
        if matches!(gate_result.verdict, Verdict::Wait(_) | Verdict::Approve(_)) {
            for part in left {
                let question = GateQuestion {
                    assessment: &part.assessment,
                    grant: None,
                    amendment: Some(&part.amendment),
                    ..of_all
                };
                let answer = self.ask_gate(context, question)?;
                if matches!(answer.verdict, Verdict::Approve(_)) {
                    return Ok(Answered {
                        // What the grant came to is of all of it.
                        gate_result: GateResult {
                            grant: gate_result.grant,
                            ..answer
                        },
                        amended: Some(part),
                        waiting: Vec::new(),
                    });
                }
                waiting.push(WaitingPart::of(&part, &answer));
            }
        }
        Ok(Answered {
            gate_result,
            amended: None,
            waiting,
        })
    }
}

/// What each person whom the rules know approved last, if that is less; the newest first, and each once. Of strangers
/// nothing is scored: there may be any number of them.
fn newest_first(parts: &ApprovedParts, pull: &Pull, rules: &Rules) -> Vec<Amendment> {
    let mut people = BTreeSet::new();
    let mut all = Vec::new();
    for review in pull.reviews.iter().rev() {
        let Principal::Person(person) = principal_of(&review.account, rules) else {
            continue;
        };
        if review.opinion != Opinion::Comment
            && people.insert(person.name.as_str())
            && let Some(ApprovedPart::Less(amendment)) = parts.get(&review.id)
            && !all.contains(amendment)
        {
            all.push(amendment.clone());
        }
    }
    all
}
