//! A governance change: tried, judged by the rules on `main`, merged with its decision.

use crate::domain::documents::{Decision, Status};
use crate::domain::ids::CaseId;
use crate::domain::pull::{Pull, PullState};
use crate::forge::Report;
use crate::gate::amendments;
use crate::gate::attestations::Attested;
use crate::gate::eligibility::{Principal, agent_of, principal_of};
use crate::gate::permit::{DecisionOutcome, judge};
use crate::gate::verdict::{GateResult, Kind};
use crate::git::Change;
use crate::ledger::proposal::{Objection, Refusal};
use crate::ledger::{CaseFile, Landed, LedgerError, Version};
use crate::risk;

use super::decide::Evaluator;
use super::diff::{self, Diff, FetchedFrom};
use super::error::{Evaluated, InvalidPull, of_record};
use super::evaluation::{Evaluation, GateQuestion, PlannedAction, PullContext, ended};
use super::preview::Preview;
use super::rule_change::RuleChangePreview;
use super::{BotError, report};

/// A governance change that the gate has answered.
#[derive(Debug)]
pub struct JudgedChange {
    changes: Vec<Change>,
    paths: Vec<String>,
    judgement: DecisionOutcome,
}

/// The id of a governance change: it follows from the pull request, so that deciding it again finds it.
fn id_of(pull: &Pull) -> CaseId {
    CaseId::from_parts(pull.opened_at, pull.head.seed())
}

impl Evaluator<'_, '_, '_> {
    pub(super) fn evaluate_governance_change(
        &mut self,
        context: &PullContext<'_>,
        changes: Vec<Change>,
    ) -> Evaluated<Evaluation> {
        let &PullContext { pull, version, .. } = context;
        let id = id_of(pull);
        let invalid = |objections: Vec<Objection>| InvalidPull {
            is_governance: true,
            ..InvalidPull::new(objections).with_case(id)
        };
        let path = Decision::governance_path_of(id);
        match CaseFile::landed(self.draft, id, &path, pull.head)? {
            Some(Landed::ThisHead { status, number }) => {
                let main = self.draft.tip()?;
                return Ok(ended(pull, Some(id), number, status, main));
            }
            Some(Landed::Otherwise) => {
                let message = "another change is on record under the same id: push this one anew with another commit";
                let objection = Objection::of_file(Refusal::DecidedId, path, message);
                return Err(invalid(vec![objection]).into());
            }
            None => {}
        }
        let paths: Vec<String> = changes.iter().map(Change::path_text).collect();
        let rule_change = RuleChangePreview::of(
            self.repo,
            self.draft,
            self.rules_cache,
            &changes,
            pull.forge(),
        )?;
        let validation = &rule_change.validation;
        if let (Some(limit), PullState::Open) = (validation.took_too_long, &pull.state) {
            let report = report::took_too_long(limit);
            return Ok(Evaluation {
                is_governance: true,
                ..Evaluation::only(Some(id), report, PlannedAction::Wait)
            });
        }
        if !validation.objections.is_empty() {
            return Err(invalid(rule_change.validation.objections).into());
        }
        let assessment = risk::assess_governance_change(&paths, &version.rules);
        let outdated = self.outdated_governance_reviews(pull, version)?;
        let parts = amendments::of_governance_change(pull);
        let question = GateQuestion {
            kind: Kind::GovernanceChange,
            assessment: &assessment,
            outdated: &outdated,
            grant: None,
            parts: &parts,
            amendment: None,
        };
        let gate_result = self.ask_gate(context, question)?;
        let agent = agent_of(&pull.author, &version.rules);
        let gate_result = gate_result.with_questions(pull, agent, &version.rules);
        let diff = self.diff_of(pull, &changes)?;
        let mut report = report::governance(
            &diff,
            &rule_change,
            &assessment,
            &gate_result,
            &version.rules,
        );
        let preview = Preview::of_governance_change(diff, rule_change);
        let subject = self.subject(pull, id, None, version, assessment.clone())?;
        let act = match judge(gate_result.clone(), subject) {
            DecisionOutcome::Wait => {
                report = self.count_change(pull, report, &gate_result, version);
                PlannedAction::Wait
            }
            judgement => PlannedAction::Governance(Box::new(JudgedChange {
                changes,
                paths,
                judgement,
            })),
        };
        let (assessment, gate_result) = (Some(assessment), Some(gate_result));
        Ok(Evaluation {
            id: Some(id),
            is_governance: true,
            document: None,
            opened_by: None,
            assessment,
            gate_result,
            attested: Attested::default(),
            report,
            preview,
            act,
        })
    }

    fn diff_of(&self, pull: &Pull, changes: &[Change]) -> Result<Diff, BotError> {
        let base = self.draft.base().ok_or(LedgerError::NoMain)?;
        let range = diff::Range {
            fork: self.repo.merge_base(base, pull.head)?.unwrap_or(base),
            head: pull.head,
            fetched_from: Some(FetchedFrom::Head(pull.number)),
        };
        Ok(Diff::of(self.draft.objects(), changes, range)?)
    }

    /// What people propose is not counted; what agents and strangers do is, like their recommendations.
    fn count_change(
        &mut self,
        pull: &Pull,
        report: Report,
        gate_result: &GateResult,
        version: &Version,
    ) -> Report {
        let rules = &version.rules;
        match principal_of(&pull.author, rules) {
            Principal::Person(_) => report,
            Principal::Agent(name) => self.count_waiting(Some(name), report, gate_result, rules),
            Principal::Unknown => self.count_waiting(None, report, gate_result, rules),
        }
    }

    /// Appends the decision, with the change if it was approved.
    pub(super) fn record_governance_change(&mut self, judged: JudgedChange) -> Evaluated<Status> {
        let JudgedChange {
            changes,
            paths,
            judgement,
        } = judged;
        match judgement {
            DecisionOutcome::Wait => {
                Err(BotError::Refused("a case that waits cannot be recorded".to_owned()).into())
            }
            DecisionOutcome::Close(decision) => {
                of_record(self.draft.close_governance(&decision, &paths))?;
                Ok(decision.status)
            }
            DecisionOutcome::Merge(permit) => {
                of_record(self.draft.merge_governance(&permit, &changes))?;
                Ok(permit.decision().status)
            }
        }
    }
}
