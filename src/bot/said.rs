//! Commands inside reviews and comments that the gate does not take: `/feedback` and `/freeze`.

use chrono::{DateTime, Utc};

use crate::domain::command::Command;
use crate::domain::documents::{
    AccountRecord, Feedback, Freeze, Recommendation, SaidIn, SaidInKind,
};
use crate::domain::ids::{CaseId, Login, Sha};
use crate::domain::pull::Pull;
use crate::gate::eligibility::{Principal, may_speak, principal_of};
use crate::git::{Repository, blob_id};
use crate::ledger::{Entry, Event, Version};
use crate::rules::Rules;

use super::BotError;
use super::decide::Evaluator;
use super::error::{Evaluated, of_record};

/// How much of somebody's words goes into a record, in characters.
const MOST_WORDS: usize = 4_000;

impl Evaluator<'_, '_, '_> {
    /// `/feedback` in reviews and comments becomes a record of its own, together with the decision.
    pub(super) fn record_feedback_commands(
        &mut self,
        pull: &Pull,
        document: &Recommendation,
        version: &Version,
    ) -> Evaluated<()> {
        for said in said_by_people(pull) {
            let Principal::Person(person) = principal_of(said.account, &version.rules) else {
                continue;
            };
            let texts =
                Command::find_all(said.body)
                    .into_iter()
                    .filter_map(|command| match command {
                        Ok(Command::Feedback(text)) => Some(text),
                        _ => None,
                    });
            for (index, message) in texts.enumerate() {
                let random =
                    blob_id(format!("{}{}{index}", pull.number, said.id).as_bytes()).seed();
                let feedback = Feedback {
                    schema: Default::default(),
                    id: CaseId::from_parts(said.at, random),
                    recommendation: document.id,
                    by: person.name.login().clone(),
                    message: cut(&message),
                    at: self.now,
                };
                of_record(self.draft.feedback(&feedback, document))?;
            }
        }
        Ok(())
    }

    /// The first `/freeze` that was not heard before stops everything.
    pub(super) fn take_freeze_commands(&mut self, pulls: &[Pull]) -> Result<(), BotError> {
        let Some(base) = self.draft.base() else {
            return Ok(());
        };
        let Ok(version) = self.read_rules()? else {
            return Ok(());
        };
        if self.draft.find(Freeze::PATH)?.is_some() {
            return Ok(());
        }
        let commands = freeze_commands(pulls, &version.rules);
        let new = without_heard(self.repo, base, commands)?;
        if let Some(first) = new.into_iter().next() {
            let frozen = self.draft.freeze(&Freeze {
                schema: Default::default(),
                by: first.by,
                reason: cut(&first.reason),
                at: self.now,
                said_in: Some(first.said_in),
            });
            frozen.map_err(BotError::of_report)?;
        }
        Ok(())
    }
}

/// A `/freeze` by somebody who may.
pub(super) struct FreezeCommand {
    pub said_in: SaidIn,
    by: Login,
    reason: String,
    at: DateTime<Utc>,
}

/// Every `/freeze` on these pull requests by somebody who may, oldest first, one for each review and comment.
pub(super) fn freeze_commands(pulls: &[Pull], rules: &Rules) -> Vec<FreezeCommand> {
    let mut commands = Vec::new();
    for pull in pulls {
        for said in said_by_people(pull) {
            let given = Command::find_all(said.body);
            let reason = given.into_iter().find_map(|command| match command {
                Ok(Command::Freeze(reason)) => Some(reason),
                _ => None,
            });
            if let Some(reason) = reason
                && let Principal::Person(person) = principal_of(said.account, rules)
                && may_speak(person)
            {
                commands.push(FreezeCommand {
                    said_in: SaidIn {
                        pull: pull.number,
                        kind: said.kind,
                        id: said.id.to_owned(),
                    },
                    by: person.name.login().clone(),
                    reason,
                    at: said.at,
                });
            }
        }
    }
    commands.sort_by(|a, b| (a.at, &a.said_in).cmp(&(b.at, &b.said_in)));
    commands
}

/// Those that the trail up to `base` does not know: what was heard once is never heard again, whatever the clocks
/// say. They are looked for from the newest commit back, and only a new one is not found.
pub(super) fn without_heard(
    repo: &Repository,
    base: Sha,
    mut commands: Vec<FreezeCommand>,
) -> Result<Vec<FreezeCommand>, BotError> {
    if commands.is_empty() {
        return Ok(commands);
    }
    for commit in repo.first_parents(base) {
        let entry = Entry::of(&commit?);
        if !matches!(entry.event, Some(Event::Freeze | Event::Unfreeze)) {
            continue;
        }
        if entry.is_old_unfreeze() {
            commands.retain(|command| command.at > entry.at);
        }
        for heard in entry.said_in() {
            commands.retain(|command| command.said_in != heard);
        }
        if commands.is_empty() {
            break;
        }
    }
    Ok(commands)
}

/// Whether anybody at all asks to stop everything on a pull request.
pub(super) fn may_freeze(pull: &Pull) -> bool {
    let is_freeze = |command| matches!(command, Ok(Command::Freeze(_)));
    said_by_people(pull)
        .into_iter()
        .any(|said| Command::find_all(said.body).into_iter().any(is_freeze))
}

/// As much of somebody's words as a record holds: one that were too large could never be written.
fn cut(text: &str) -> String {
    text.chars().take(MOST_WORDS).collect()
}

/// Unedited words of a person.
struct Said<'p> {
    account: &'p AccountRecord,
    at: DateTime<Utc>,
    kind: SaidInKind,
    id: &'p str,
    body: &'p str,
}

fn said_by_people(pull: &Pull) -> Vec<Said<'_>> {
    let reviews = pull.reviews.iter().filter(|r| !r.edited && !r.is_bot);
    let reviews = reviews.map(|review| Said {
        account: &review.account,
        at: review.at,
        kind: SaidInKind::Review,
        id: &review.id,
        body: &review.body,
    });
    let comments = pull.comments.iter().filter(|c| !c.edited && !c.is_bot);
    let comments = comments.map(|comment| Said {
        account: &comment.account,
        at: comment.at,
        kind: SaidInKind::Comment,
        id: &comment.id,
        body: &comment.body,
    });
    reviews.chain(comments).collect()
}
