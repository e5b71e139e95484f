//! Commands inside reviews and comments that the gate does not take: `/feedback` and `/freeze`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::command::Command;
use crate::domain::documents::{
    AccountRecord, Feedback, Freeze, Recommendation, SaidIn, SaidInKind,
};
use crate::domain::ids::{CaseId, Login, PullNumber, Sha};
use crate::domain::problem::Reading;
use crate::domain::pull::Pull;
use crate::domain::review::{Comment, Review};
use crate::forge::{AfterEnd, Afterword};
use crate::gate::eligibility::{Principal, may_speak, principal_of};
use crate::git::{Repository, blob_id};
use crate::ledger::{CaseFile, Entry, Event, Version};
use crate::rules::Rules;

use super::decide::Evaluator;
use super::error::{Evaluated, Validated, of_record, separate};
use super::{BotError, report};

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
        let all = feedback_of(&Talk::of(pull), &version.rules);
        self.record_feedback(&all, document)
    }

    fn record_feedback(&mut self, all: &[GivenFeedback], about: &Recommendation) -> Evaluated<()> {
        for given in all {
            // What is told twice is recorded once.
            if self
                .draft
                .find(&Feedback::path_of(about.id, given.id))?
                .is_some()
            {
                continue;
            }
            let feedback = Feedback {
                schema: Default::default(),
                id: given.id,
                recommendation: about.id,
                by: given.by.clone(),
                message: given.message.clone(),
                at: self.now,
            };
            of_record(self.draft.feedback(&feedback, about))?;
        }
        Ok(())
    }

    /// `/feedback` that was given after the end becomes a record as well.
    pub(super) fn record_afterwords(
        &mut self,
        said: &[Afterword],
    ) -> Result<CommandReading, BotError> {
        let Some(base) = self.draft.base() else {
            return Ok(CommandReading::Nothing);
        };
        let Reading::Valid(version) = self.read_rules()? else {
            return Ok(CommandReading::Nothing);
        };
        let mut given: BTreeMap<PullNumber, Vec<GivenFeedback>> = BTreeMap::new();
        for after in said {
            let all = feedback_of(&Talk::after_end(after), &version.rules);
            if !all.is_empty() {
                given.insert(after.number, all);
            }
        }
        for commit in self.repo.first_parents(base) {
            if given.is_empty() {
                break;
            }
            let entry = Entry::of(&commit?);
            let (Some(Event::Decision), Some(case)) = (entry.event, entry.case) else {
                continue;
            };
            if let Some(all) = entry.pull().and_then(|number| given.remove(&number)) {
                let file = CaseFile::read(self.draft.objects(), self.draft.root()?, case)?;
                let recorded = self.record_feedback(&all, &file.recommendation);
                if let Validated::Invalid(invalid) = separate(recorded)? {
                    tracing::warn!("feedback on `{case}` is not recorded: {}", invalid.problems);
                }
            }
        }
        Ok(CommandReading::Everything)
    }

    /// The first `/freeze` that was not heard before stops everything.
    pub(super) fn take_freeze_commands(&mut self, talks: &[Talk<'_>]) -> Result<(), BotError> {
        let Some(base) = self.draft.base() else {
            return Ok(());
        };
        if self.draft.find_unadopted()?.is_some() {
            return Ok(());
        }
        let Reading::Valid(version) = self.read_rules()? else {
            return Ok(());
        };
        if self.draft.find(Freeze::PATH)?.is_some() {
            return Ok(());
        }
        let commands = freeze_commands(talks, &version.rules);
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

/// Whether what was said could be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandReading {
    Everything,
    /// Nobody is known while the rules cannot be read.
    Nothing,
}

/// A `/feedback` by somebody who is listed.
struct GivenFeedback {
    /// The same however often it is told.
    id: CaseId,
    by: Login,
    message: String,
}

fn feedback_of(talk: &Talk<'_>, rules: &Rules) -> Vec<GivenFeedback> {
    let number = talk.number;
    let mut given = Vec::new();
    for said in talk.said_by_people() {
        let Principal::Person(person) = principal_of(said.account, rules) else {
            continue;
        };
        let commands = Command::find_all(said.body).into_iter();
        let texts = commands.filter_map(|command| match command {
            Ok(Command::Feedback(text)) => Some(text),
            _ => None,
        });
        for (index, message) in texts.enumerate() {
            let random = blob_id(format!("{number}{}{index}", said.id).as_bytes()).seed();
            given.push(GivenFeedback {
                id: CaseId::from_parts(said.at, random),
                by: person.name.login().clone(),
                message: cut(&message),
            });
        }
    }
    given
}

/// A `/freeze` by somebody who may.
pub(super) struct FreezeCommand {
    pub said_in: SaidIn,
    by: Login,
    reason: String,
    at: DateTime<Utc>,
    /// Whether it was said on one that had ended.
    is_after_end: bool,
}

impl FreezeCommand {
    /// What is said on a pull request that had ended, while this freeze stands; nothing to a command from before it,
    /// which was lifted since.
    pub(super) fn answer(&self, freeze: &Freeze) -> Option<AfterEnd> {
        let is_this = freeze.said_in.as_ref() == Some(&self.said_in);
        if !is_this && self.at + CLOCK_TOLERANCE < freeze.at {
            return None;
        }
        let SaidIn { pull, kind, id } = &self.said_in;
        Some(AfterEnd {
            number: *pull,
            key: format!("freeze-{}-{id}", kind.as_str()),
            text: report::frozen(freeze),
        })
    }
}

/// Every `/freeze` on these pull requests by somebody who may, oldest first, one for each review and comment.
pub(super) fn freeze_commands(talks: &[Talk<'_>], rules: &Rules) -> Vec<FreezeCommand> {
    let mut commands = Vec::new();
    for talk in talks {
        for said in talk.said_by_people() {
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
                        pull: talk.number,
                        kind: said.kind,
                        id: said.id.to_owned(),
                    },
                    by: person.name.login().clone(),
                    reason,
                    at: said.at,
                    is_after_end: talk.has_ended,
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
        // Whoever lifted it need not have looked at all that had ended long before.
        if entry.event == Some(Event::Unfreeze) {
            let latest = entry.at - CLOCK_TOLERANCE;
            commands.retain(|command| !command.is_after_end || command.at > latest);
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

/// As much of somebody's words as a record holds: one that were too large could never be written.
fn cut(text: &str) -> String {
    text.chars().take(MOST_WORDS).collect()
}

/// Unedited words of a person.
struct UneditedText<'p> {
    account: &'p AccountRecord,
    at: DateTime<Utc>,
    kind: SaidInKind,
    id: &'p str,
    body: &'p str,
}

/// What was said on a pull request, or on one that had ended.
pub(super) struct Talk<'p> {
    number: PullNumber,
    reviews: &'p [Review],
    comments: &'p [Comment],
    has_ended: bool,
}

impl<'p> Talk<'p> {
    pub(super) fn of(pull: &'p Pull) -> Self {
        Self {
            number: pull.number,
            reviews: &pull.reviews,
            comments: &pull.comments,
            has_ended: false,
        }
    }

    pub(super) fn after_end(said: &'p Afterword) -> Self {
        Self {
            number: said.number,
            reviews: &said.reviews,
            comments: &said.comments,
            has_ended: true,
        }
    }

    /// Everything that is said on any of these.
    pub(super) fn of_all(pulls: &'p [Pull], afterwords: &'p [Afterword]) -> Vec<Self> {
        let open = pulls.iter().map(Self::of);
        open.chain(afterwords.iter().map(Self::after_end)).collect()
    }

    /// Whether anybody at all asks to stop everything.
    pub(super) fn may_freeze(&self) -> bool {
        let is_freeze = |command| matches!(command, Ok(Command::Freeze(_)));
        let mut said = self.said_by_people();
        said.any(|said| Command::find_all(said.body).into_iter().any(is_freeze))
    }

    fn said_by_people(&self) -> impl Iterator<Item = UneditedText<'p>> + use<'p> {
        let reviews = self.reviews.iter().filter(|r| !r.edited && !r.is_bot);
        let reviews = reviews.map(|review| UneditedText {
            account: &review.account,
            at: review.at,
            kind: SaidInKind::Review,
            id: &review.id,
            body: &review.body,
        });
        let comments = self.comments.iter().filter(|c| !c.edited && !c.is_bot);
        let comments = comments.map(|comment| UneditedText {
            account: &comment.account,
            at: comment.at,
            kind: SaidInKind::Comment,
            id: &comment.id,
            body: &comment.body,
        });
        reviews.chain(comments)
    }
}
