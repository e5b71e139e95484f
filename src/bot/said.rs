//! Commands inside reviews and comments that the gate does not take: `/feedback` and `/freeze`.

use chrono::{DateTime, Utc};

use crate::domain::command::Command;
use crate::domain::documents::{AccountRecord, Feedback, Freeze, Recommendation};
use crate::domain::ids::CaseId;
use crate::domain::pull::Pull;
use crate::gate::eligibility::{Principal, may_speak, principal_of};
use crate::git::blob_id;
use crate::ledger::{Entry, Event, Version};

use super::BotError;
use super::decide::Evaluator;

/// How much of somebody's words goes into a record, in characters.
const MOST_WORDS: usize = 4_000;

impl Evaluator<'_, '_> {
    /// `/feedback` in reviews and comments becomes a record of its own, together with the decision.
    pub(super) fn record_feedback_commands(
        &mut self,
        pull: &Pull,
        document: &Recommendation,
        version: &Version,
    ) -> Result<(), BotError> {
        for (account, at, id, body) in said_by_people(pull) {
            let Principal::Person(person) = principal_of(account, &version.rules) else {
                continue;
            };
            let texts = Command::find_all(body)
                .into_iter()
                .filter_map(|command| match command {
                    Ok(Command::Feedback(text)) => Some(text),
                    _ => None,
                });
            for (index, message) in texts.enumerate() {
                let random = blob_id(format!("{}{id}{index}", pull.number).as_bytes()).seed();
                let feedback = Feedback {
                    schema: Default::default(),
                    id: CaseId::from_parts(at, random),
                    recommendation: document.id,
                    by: person.name.login().clone(),
                    message: cut(&message),
                    at: self.now,
                };
                self.draft.feedback(&feedback, document)?;
            }
        }
        Ok(())
    }

    /// `/freeze` by a reviewer stops everything, once: a command that is older than the last freeze or
    /// its end has had its effect.
    pub(super) fn take_freeze_commands(&mut self, pull: &Pull) -> Result<(), BotError> {
        let said = said_by_people(pull);
        let commands = said.into_iter().filter_map(|(account, at, _, body)| {
            let reason = Command::find_all(body)
                .into_iter()
                .find_map(|command| match command {
                    Ok(Command::Freeze(reason)) => Some(reason),
                    _ => None,
                })?;
            Some((account, at, reason))
        });
        for (account, at, reason) in commands {
            let Ok(version) = self.read_rules()? else {
                return Ok(());
            };
            let Principal::Person(person) = principal_of(account, &version.rules) else {
                continue;
            };
            if may_speak(person)
                && self.draft.find(Freeze::PATH)?.is_none()
                && !self.froze_since(at)?
            {
                self.draft.freeze(&Freeze {
                    schema: Default::default(),
                    by: person.name.login().clone(),
                    reason: cut(&reason),
                    at: self.now,
                })?;
            }
        }
        Ok(())
    }

    fn froze_since(&self, at: DateTime<Utc>) -> Result<bool, BotError> {
        let Some(base) = self.draft.base() else {
            return Ok(false);
        };
        for commit in self.repo.first_parents(base) {
            let entry = Entry::of(&commit?);
            if entry.at < at {
                return Ok(false);
            }
            if entry.event == Some(Event::Freeze) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether anybody at all asks to stop everything on a pull request.
pub(super) fn may_freeze(pull: &Pull) -> bool {
    let is_freeze = |command| matches!(command, Ok(Command::Freeze(_)));
    said_by_people(pull)
        .into_iter()
        .any(|(.., body)| Command::find_all(body).into_iter().any(is_freeze))
}

/// As much of somebody's words as a record holds: one that were too large could never be written.
fn cut(text: &str) -> String {
    text.chars().take(MOST_WORDS).collect()
}

/// Unedited words of people: account, time, id, text.
fn said_by_people(pull: &Pull) -> Vec<(&AccountRecord, DateTime<Utc>, &str, &str)> {
    let reviews = pull
        .reviews
        .iter()
        .filter(|r| !r.edited && !r.is_bot)
        .map(|r| (&r.account, r.at, r.id.as_str(), r.body.as_str()));
    let comments = pull
        .comments
        .iter()
        .filter(|c| !c.edited && !c.is_bot)
        .map(|c| (&c.account, c.at, c.id.as_str(), c.body.as_str()));
    reviews.chain(comments).collect()
}
