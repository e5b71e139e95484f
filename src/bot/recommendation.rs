//! A recommendation: from its document to a judgement, and from the judgement to the trail.

use std::collections::BTreeMap;

use crate::domain::documents::{Decision, ExecutorKind, GrantRecord, Recommendation, Status};
use crate::domain::ids::Sha;
use crate::domain::problem::{Problems, Reading};
use crate::domain::pull::Pull;
use crate::domain::yaml;
use crate::execute;
use crate::gate::attestations::{AttestationContext, Attested};
use crate::gate::grants::{CaseKind, DRAW_NAMESPACE, GrantCase};
use crate::gate::permit::{DecidedCase, DecisionOutcome, judge};
use crate::gate::verdict::Kind;
use crate::ledger::facts::{self, Targets};
use crate::ledger::proposal::{self, Objection, Refusal};
use crate::ledger::usage::{self, UsageError};
use crate::ledger::{CaseFile, Files, Landed, LedgerError, Version};
use crate::risk::limits::{self, UsedLimits};
use crate::risk::narrowing::{Left, Scored};
use crate::risk::{self, RiskContext};
use crate::rules::Rules;
use crate::rules::executor::Executor;
use crate::rules::governance::Signing;

use super::decide::Evaluator;
use super::error::{Evaluated, InvalidPull, of_record};
use super::evaluation::{Evaluation, GateQuestion, PlannedAction, PullContext, ended};
use super::preview::Preview;
use super::{BotError, report, survival};

/// A recommendation with its place in the repository.
#[derive(Debug)]
pub struct Proposed {
    pub document: Recommendation,
    pub path: String,
    pub blob: Sha,
}

/// A recommendation that the gate has answered, with what its execution needs.
#[derive(Debug)]
pub struct JudgedRecommendation {
    document: Recommendation,
    judgement: DecisionOutcome,
    targets: Targets,
    /// What changes of the use of limits, if it is approved.
    usage: Files,
    version: Version,
}

impl Evaluator<'_, '_, '_> {
    pub(super) fn evaluate_recommendation(
        &mut self,
        context: &PullContext<'_>,
        proposed: Proposed,
    ) -> Evaluated<Evaluation> {
        let &PullContext {
            pull,
            interests,
            version,
            ..
        } = context;
        let id = proposed.document.id;
        let invalid =
            |objections: Vec<Objection>| Err(InvalidPull::new(objections).with_case(id).into());
        if let Some(evaluation) = self.find_landed(pull, &proposed)? {
            return Ok(evaluation);
        }
        let impersonation = proposal::find_impersonation(
            &pull.author,
            interests.contributions,
            &proposed.document,
            &version.rules,
        );
        if let Some(objection) = impersonation {
            return invalid(vec![objection]);
        }
        let (document, path) = (&proposed.document, &proposed.path);
        if let Some(problem) = self.find_owner_of_id(pull, document, path, &version.rules)? {
            return invalid(Objection::of_all(Refusal::OwnedId, [problem]));
        }
        let targets =
            match facts::targets_by(&proposed.document, |path| self.draft.read_file(path))? {
                Reading::Valid(targets) => targets,
                Reading::Invalid(Problems(problems)) => {
                    return invalid(Objection::of_all(Refusal::UnreadableTarget, problems));
                }
            };
        let checks = match &mut self.forge {
            Some(forge) if version.rules.is_vouched_for_by_app() => {
                forge.check_runs(pull.head).map_err(BotError::from)?
            }
            _ => Vec::new(),
        };
        // What people said has a time of their clocks.
        let attestations = AttestationContext {
            pull: &pull.until(self.now),
            interests,
            rules: &version.rules,
            now: self.now,
        };
        let attested = attestations.attested(&checks);
        let mut risk_context = facts::situation(
            &proposed.document,
            targets.known.clone(),
            interests.contributions,
            &attested.evidence,
            &version.rules,
            self.now,
        );
        risk_context.used = match self.read_usage(&proposed.document, &targets, &version.rules)? {
            Reading::Valid(used) => used,
            Reading::Invalid(Problems(problems)) => {
                return invalid(Objection::of_all(Refusal::UnreadableTarget, problems));
            }
        };
        let root = self.draft.root()?;
        let objects = self.draft.objects();
        risk_context.near = facts::find_near(objects, root, &proposed.document, &targets.known)?;
        let mut problems = risk::validity::problems(
            &proposed.path,
            &proposed.document,
            &risk_context,
            &version.rules,
        );
        if !problems.is_empty() {
            yaml::place(&objects.read_blob(proposed.blob)?, &mut problems);
            return invalid(Objection::of_all(Refusal::NotAllowed, problems));
        }
        self.judge_recommendation(context, proposed, targets, &risk_context, attested)
    }

    /// What is used of the limits that it counts in.
    pub(super) fn read_usage(
        &mut self,
        about: &Recommendation,
        targets: &Targets,
        rules: &Rules,
    ) -> Evaluated<Reading<UsedLimits>> {
        let read = |path: &str| self.draft.read(path);
        Ok(usage::read_by(
            about,
            &targets.known,
            rules,
            self.now,
            read,
        )?)
    }

    /// A case that is on `main` already, decided with this head or with another.
    fn find_landed(&mut self, pull: &Pull, proposed: &Proposed) -> Evaluated<Option<Evaluation>> {
        let id = proposed.document.id;
        match CaseFile::landed(self.draft, id, &Decision::path_of(id), pull.head)? {
            None => Ok(None),
            Some(Landed::ThisHead { status, number }) => {
                let main = self.draft.tip()?;
                Ok(Some(ended(pull, Some(id), number, status, main)))
            }
            Some(Landed::Otherwise) => {
                let message = "this id is decided already, and a record is never edited: take a fresh id (`countersign new`)";
                let objection =
                    Objection::of_key(Refusal::DecidedId, &proposed.path, "id", message);
                Err(InvalidPull::new(vec![objection]).with_case(id).into())
            }
        }
    }

    fn judge_recommendation(
        &mut self,
        context: &PullContext<'_>,
        proposed: Proposed,
        targets: Targets,
        risk_context: &RiskContext,
        attested: Attested,
    ) -> Evaluated<Evaluation> {
        let &PullContext {
            pull,
            interests,
            version,
            ..
        } = context;
        let Proposed { document, blob, .. } = proposed;
        let rules = &version.rules;
        let assessment = risk::assess(&document, risk_context, rules);
        let current = survival::Facts {
            targets: &targets,
            evidence: &attested.evidence,
            level: assessment.level,
            rules,
        };
        let outdated = self.outdated_reviews(pull, &document, interests, current)?;
        let kind = CaseKind::of(&document, risk_context, rules);
        let proposed_case = Scored {
            about: &document,
            situation: risk_context,
            assessment: &assessment,
        };
        let grant = match &kind {
            Some(kind) => self.find_grant(kind, proposed_case, rules)?,
            None => None,
        };
        let (parts, left) = self.read_parts(pull, proposed_case, &targets, rules)?;
        let question = GateQuestion {
            kind: Kind::Recommendation,
            assessment: &assessment,
            outdated: &outdated,
            grant: grant.as_ref(),
            parts: &parts,
            amendment: None,
        };
        let of_all = self.ask_gate(context, question)?;
        let answered = self.answer_parts(context, question, of_all, left)?;
        let (gate_result, amended) = (answered.gate_result, answered.amended);
        let gate_result = gate_result.with_attested(&attested, rules);
        let gate_result = gate_result.with_questions(pull, Some(&document.agent), rules);
        let explanation = risk::Explanation::of(
            &document,
            risk_context,
            rules,
            &assessment,
            gate_result.asked(),
        );
        let action = risk::ProposedAction::of(&document, risk_context).with_units(rules);
        let vouched = rules.evidence_in_words(&attested.evidence, self.now);
        let case = report::ExplainedCase {
            document: &document,
            action: &action,
            vouched: &vouched,
            explanation: &explanation,
            amended: amended.as_ref(),
            waiting_parts: &answered.waiting,
        };
        let report = report::recommendation(&case, &gate_result, rules);
        let preview = Preview::of(action, vouched, &explanation, answered.waiting);
        let subject = DecidedCase {
            evidence: attested.evidence.clone(),
            track_record: kind.as_ref().map(CaseKind::track_record),
            amendment: amended.as_ref().map(Left::record),
            ..self.subject(pull, document.id, Some(blob), version, assessment.clone())?
        };
        let (act, report) = match judge(gate_result.clone(), subject) {
            DecisionOutcome::Wait => {
                let agent = Some(&document.agent);
                let report = self.count_waiting(agent, report, &gate_result, rules);
                (PlannedAction::Wait, report)
            }
            judgement => {
                let executed = amended.as_ref().map_or(proposed_case, Left::scored);
                let uses = match &judgement {
                    DecisionOutcome::Merge(_) => {
                        limits::uses(executed.about, executed.situation, rules)
                    }
                    _ => Vec::new(),
                };
                let usage = usage::changed(&uses, self.now, |path| self.draft.read(path));
                let judged = JudgedRecommendation {
                    document: document.clone(),
                    judgement,
                    targets,
                    usage: usage.map_err(of_usage)?,
                    version: version.clone(),
                };
                (PlannedAction::Recommendation(Box::new(judged)), report)
            }
        };
        let evaluation = Evaluation::only(Some(document.id), report, act);
        Ok(Evaluation {
            document: Some(document),
            assessment: Some(assessment),
            gate_result: Some(gate_result),
            attested,
            preview,
            ..evaluation
        })
    }

    /// What the grant that it is a case of comes to, by the track record at the tip of the draft.
    fn find_grant(
        &mut self,
        kind: &CaseKind<'_>,
        proposed: Scored<'_>,
        rules: &Rules,
    ) -> Evaluated<Option<GrantRecord>> {
        let case = GrantCase {
            kind,
            situation: proposed.situation,
            assessment: proposed.assessment,
            rules,
            now: self.now,
        };
        if !case.is_grantable() {
            return Ok(None);
        }
        let record = self.draft.read_track_record(&case.kind.track_record())?;
        let signing = case.rules.governance.signing.as_ref();
        let drawing = signing.and_then(Signing::drawing_key);
        let grant = case.evaluate(&record, |text| {
            let Some(signer) = self.draft.signer() else {
                return Ok(None);
            };
            let is_drawing = drawing.is_some_and(|key| {
                signer
                    .public()
                    .is_ok_and(|own| own.as_str() == key.as_str())
            });
            match is_drawing {
                true => signer.sign_for(DRAW_NAMESPACE, text.as_bytes()).map(Some),
                false => Ok(None),
            }
        });
        Ok(grant.map_err(BotError::from)?)
    }

    /// Appends the decision, its outcome if that is part of the push, and the feedback given so far.
    pub(super) fn record_recommendation(
        &mut self,
        pull: &Pull,
        judged: JudgedRecommendation,
    ) -> Evaluated<Status> {
        let JudgedRecommendation {
            document,
            judgement,
            targets,
            usage,
            version,
        } = judged;
        let status = match judgement {
            DecisionOutcome::Wait => {
                return Err(
                    BotError::Refused("a case that waits cannot be recorded".to_owned()).into(),
                );
            }
            DecisionOutcome::Close(decision) => {
                of_record(self.draft.close(&decision, &document))?;
                decision.status
            }
            DecisionOutcome::Merge(permit) => {
                let action = version.rules.actions.get(&document.action);
                // An unknown action has nobody who carries it out: a person reports what they did.
                let executor =
                    action.map_or(ExecutorKind::External, |action| action.executor.kind());
                of_record(
                    self.draft
                        .merge(&permit, &document, executor.as_str(), &usage),
                )?;
                self.execute_in_push(&document, &targets, &version, permit.decision())?;
                permit.decision().status
            }
        };
        self.record_feedback_commands(pull, &document, &version)?;
        Ok(status)
    }

    fn execute_in_push(
        &mut self,
        document: &Recommendation,
        targets: &Targets,
        version: &Version,
        decision: &Decision,
    ) -> Evaluated<()> {
        let Some(action) = version.rules.actions.get(&document.action) else {
            return Ok(());
        };
        let (files, finished) = match &action.executor {
            Executor::None => (Vec::new(), execute::ExecutionResult::well(BTreeMap::new())),
            Executor::Apply => {
                let governance = &version.rules.governance;
                let by = decision.status.into();
                let executed = decision.executed(document);
                execute::apply::apply(&executed, action.effect, targets, governance, by)
            }
            Executor::Command(_)
            | Executor::Http(_)
            | Executor::Dispatch(_)
            | Executor::External => return Ok(()),
        };
        let executor = action.executor.kind();
        let outcome = finished.record(document.id, 1, executor, self.now, self.now);
        of_record(self.draft.outcome(&outcome, document, decision, &files))?;
        Ok(())
    }
}

fn of_usage(error: UsageError<LedgerError>) -> BotError {
    match error {
        UsageError::Lookup(error) => error.into(),
        other => BotError::Refused(other.to_string()),
    }
}
