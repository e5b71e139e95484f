//! What people and other systems report: outcomes, feedback, freeze and its end; one commit each.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::commands::{Talk, freeze_commands, without_heard};
use super::executions::{rules_of, score_again};
use super::{Bot, BotError};
use crate::domain::documents::{
    AccountRecord, ExecutorKind, Feedback, Freeze, Outcome, Role, SaidIn,
};
use crate::domain::ids::{CaseId, Login, Sha};
use crate::domain::value::Value;
use crate::gate::eligibility::{Principal, may_speak, principal_of};
use crate::ledger::rescore::Again;
use crate::ledger::{CaseFile, Draft, Version};
use crate::rules::people::Person;

/// An outcome that somebody reports.
#[derive(Debug, Clone)]
pub struct NewOutcome {
    pub id: CaseId,
    /// Whether it did what was approved.
    pub success: bool,
    /// What there is to say.
    pub details: BTreeMap<String, Value>,
    pub error: Option<String>,
    /// Who reports it: a login, an agent's name.
    pub by: String,
}

/// A feedback that somebody gives.
#[derive(Debug, Clone)]
pub struct NewFeedback {
    pub id: CaseId,
    pub by: Login,
    pub message: String,
    /// Random bits for the feedback's own id.
    pub random: u128,
}

impl Bot {
    /// Records an outcome.
    ///
    /// # Errors
    /// When there is no such approved case, or its outcome is settled and the report agrees with nothing new.
    pub fn record_outcome(&mut self, new: &NewOutcome) -> Result<Sha, BotError> {
        self.record(|draft, version, now| {
            let case = CaseFile::read(draft.objects(), draft.root()?, new.id)?;
            if !case.decision.status.is_approval() {
                return Err(BotError::Refused(format!("`{}` was {}: only what was approved has an outcome", new.id, case.decision.status)));
            }
            // A workflow reports; anything else that is claimed is reported by the bot that runs it.
            let claim = case.claim.as_ref().filter(|_| case.outcomes.is_empty());
            if claim.is_some_and(|claim| !claim.executor.is_reported()) {
                let message = "its execution is claimed and has not ended: `countersign run` settles it, then report what you know";
                return Err(BotError::Refused(format!("`{}`: {message}", new.id)));
            }
            if let Some(last) = case.outcomes.last().filter(|last| last.success == Some(new.success)) {
                let word = Outcome::word(last.success);
                return Err(BotError::Refused(format!("`{}` already ended in {word}, reported by {}", new.id, last.reported_by)));
            }
            let outcome = Outcome {
                schema: Default::default(),
                id: new.id,
                attempt: case.next_attempt(),
                executor: match (claim, case.outcomes.last()) {
                    (Some(claim), _) => claim.executor,
                    (None, last) => last.map_or(ExecutorKind::External, |last| last.executor),
                },
                started_at: claim.map_or(now, |claim| claim.started_at),
                finished_at: now,
                success: Some(new.success),
                details: new.details.clone(),
                error: new.error.clone(),
                reported_by: new.by.clone(),
            };
            // What somebody carried out by themselves could not be held back; the trail says that it would have been.
            let is_by_itself = claim.is_none() && case.outcomes.is_empty() && case.rescored.is_none();
            if is_by_itself
                && let Some(Again::More(more)) = score_again(draft, &case, version, now)?
            {
                let rules = rules_of(draft, version)?;
                let rescored = more.record(new.id, ExecutorKind::External, rules, now);
                let rescored = draft.rescored(&rescored, &case.recommendation);
                rescored.map_err(BotError::of_report)?;
            }
            let reported = draft.outcome(&outcome, &case.recommendation, &case.decision, &[]);
            reported.map_err(BotError::of_report)
        })
    }

    /// Records a feedback, by anybody that `rules/people.yaml` lists.
    ///
    /// # Errors
    /// When there is no such case or the person is unknown.
    pub fn record_feedback(&mut self, new: &NewFeedback) -> Result<Sha, BotError> {
        self.record(|draft, version, now| {
            let person = person(version, &new.by)?;
            let case = CaseFile::read(draft.objects(), draft.root()?, new.id)?;
            let feedback = Feedback {
                schema: Default::default(),
                id: CaseId::from_parts(now, new.random),
                recommendation: new.id,
                by: person.name.login().clone(),
                message: new.message.clone(),
                at: now,
            };
            let given = draft.feedback(&feedback, &case.recommendation);
            given.map_err(BotError::of_report)
        })
    }

    /// Stops everything: nothing is merged or executed until an admin lets it go on.
    ///
    /// # Errors
    /// When it is stopped already, or the person is neither reviewer nor admin.
    pub fn freeze(&mut self, by: &Login, reason: &str) -> Result<Sha, BotError> {
        self.record(|draft, version, now| {
            let person = person(version, by)?;
            if !may_speak(person) {
                return Err(BotError::Refused(format!(
                    "`{by}` is neither reviewer nor admin: only they may freeze"
                )));
            }
            if draft.find(Freeze::PATH)?.is_some() {
                return Err(BotError::Refused(
                    "it is frozen already: `countersign unfreeze --as ADMIN` lets it go on"
                        .to_owned(),
                ));
            }
            let frozen = draft.freeze(&Freeze {
                schema: Default::default(),
                by: person.name.login().clone(),
                reason: reason.to_owned(),
                at: now,
                said_in: None,
            });
            frozen.map_err(BotError::of_report)
        })
    }

    /// Lets everything go on. Every `/freeze` that was said by now has had its effect.
    ///
    /// # Errors
    /// When nothing is stopped, or the person is no admin; also when the forge cannot be asked what was said.
    pub fn unfreeze(&mut self, by: &Login) -> Result<Sha, BotError> {
        let pulls = self.open_pulls()?;
        let afterwords = self.forge.afterwords();
        self.learn_teams()?;
        let repo = self.repo.reopen()?;
        self.record(|draft, version, now| {
            let person = person(version, by)?;
            if person.role < Role::Admin {
                return Err(BotError::Refused(format!(
                    "`{by}` is no admin: any reviewer may freeze, but only an admin lifts it"
                )));
            }
            if draft.find(Freeze::PATH)?.is_none() {
                return Err(BotError::Refused(
                    "it is not frozen: there is nothing to lift".to_owned(),
                ));
            }
            let talks = Talk::of_all(&pulls, &afterwords);
            let mut commands = freeze_commands(&talks, &version.rules);
            if let Some(base) = draft.base() {
                commands = without_heard(&repo, base, commands)?;
            }
            let said_in: Vec<SaidIn> = commands
                .into_iter()
                .map(|command| command.said_in)
                .collect();
            let unfrozen = draft.unfreeze(person.name.login(), &said_in, now);
            unfrozen.map_err(BotError::of_report)
        })
    }

    /// Appends to `main` whatever `append` makes of its tip and the rules there, as often as others are faster.
    pub(super) fn record<T>(
        &mut self,
        mut append: impl FnMut(&mut Draft<'_>, &Version, DateTime<Utc>) -> Result<T, BotError>,
    ) -> Result<T, BotError> {
        self.append(&[], |evaluator| {
            let version = evaluator.read_rules()?.into_result().map_err(|problems| {
                BotError::Refused(format!(
                    "the rules on `main` cannot be read, so nothing is done:\n{problems}"
                ))
            })?;
            append(evaluator.draft, &version, evaluator.now)
        })
    }
}

pub(super) fn person<'v>(version: &'v Version, login: &Login) -> Result<&'v Person, BotError> {
    let account = AccountRecord {
        login: Some(login.clone()),
        ..AccountRecord::default()
    };
    match principal_of(&account, &version.rules) {
        Principal::Person(person) => Ok(person),
        Principal::Agent(_) | Principal::Unknown => Err(BotError::Refused(format!(
            "`{login}` is not listed in `rules/people.yaml`: an admin adds people there"
        ))),
    }
}
