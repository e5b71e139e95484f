//! A person's word on a pull request of the local forge: recorded, and what follows from it as far as that
//! can be told now. On GitHub people review on GitHub.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Bot, BotError, Pending};
use crate::domain::amendment::AmendmentText;
use crate::domain::documents::RejectionCategory;
use crate::domain::ids::{Login, PullNumber, Sha};
use crate::domain::pull::Pull;
use crate::domain::review::{Confidence, Opinion};
use crate::forge::{ForgeError, NewReview};
use crate::gate::verdict::{GateResult, NO_REJECTION, Verdict};

/// What somebody says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewWord {
    /// Yes, to exactly that commit.
    Approve {
        confidence: Option<Confidence>,
        /// Only this of it; none: all.
        less: Option<AmendmentText>,
    },
    /// Not like this: blocks until the same person approves.
    RequestChanges,
    /// No, and that ends it.
    Reject(RejectionCategory),
    /// The own former review is taken back.
    Dismiss,
}

/// A review that is to be recorded.
#[derive(Debug, Clone)]
pub struct NewWord {
    /// On which pull request.
    pub number: PullNumber,
    /// Who says it.
    pub by: Login,
    /// What they say.
    pub word: ReviewWord,
    /// Why, in their words.
    pub message: String,
    /// For which commit; none: for the newest one.
    pub head: Option<Sha>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A review that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reviewed {
    /// On which pull request.
    pub number: PullNumber,
    /// For which commit.
    pub head: Sha,
    /// `approval`, `request for changes`, `rejection` or `dismissal`.
    pub opinion: &'static str,
    /// Whether it counts; unknown as long as the proposal is invalid.
    pub counts: Option<bool>,
    /// Why it does not count.
    pub reason: Option<String>,
    /// What follows from it.
    pub meaning: String,
}

impl NewWord {
    const fn opinion(&self) -> Opinion {
        match self.word {
            ReviewWord::Approve { .. } => Opinion::Approve,
            ReviewWord::Dismiss => Opinion::Dismissed,
            ReviewWord::RequestChanges | ReviewWord::Reject(_) => Opinion::RequestChanges,
        }
    }

    const fn noun(&self) -> &'static str {
        match self.word {
            ReviewWord::Approve { .. } => "approval",
            ReviewWord::Dismiss => "dismissal",
            ReviewWord::Reject(_) => "rejection",
            ReviewWord::RequestChanges => "request for changes",
        }
    }

    const fn is_dismissal(&self) -> bool {
        matches!(self.word, ReviewWord::Dismiss)
    }

    /// The command comes first, where no code block or quotation of the message takes it in. A longer reason
    /// goes below it, because a command is one line.
    fn body(&self) -> String {
        let message = &self.message;
        let body = match &self.word {
            ReviewWord::Reject(category) if message.contains('\n') => {
                format!("/reject {category}\n\n{message}")
            }
            ReviewWord::Reject(category) => format!("/reject {category}: {message}"),
            ReviewWord::Approve { confidence, less } => {
                let confidence = confidence.map(|sure| format!("/confidence {sure}\n"));
                let less = less.as_ref().map(|less| format!("/approve {less}\n"));
                let commands: Vec<String> = confidence.into_iter().chain(less).collect();
                match commands.is_empty() {
                    true => message.clone(),
                    false => format!("{}\n{message}", commands.concat()),
                }
            }
            ReviewWord::RequestChanges | ReviewWord::Dismiss => message.clone(),
        };
        body.trim_end().to_owned()
    }

    /// What follows from it, as far as that can be told now.
    fn meaning(&self, by: &Login, pending: &Pending, ignored: Option<&str>) -> String {
        let mut parts = pending.evaluation.preview.waiting_parts.iter();
        if let Some(reason) = ignored
            && let Some(part) = parts.find(|part| part.is_reason(reason))
        {
            return format!("it counts for that alone: {}", part.sentence);
        }
        if let Some(reason) = ignored.filter(|_| !self.is_dismissal()) {
            let reason = reason.strip_prefix(NO_REJECTION).unwrap_or(reason);
            return format!("it will not count: {reason}");
        }
        let Some(gate_result) = &pending.evaluation.gate_result else {
            return format!(
                "nothing follows until the proposal is mended: {}",
                pending.evaluation.report.title
            );
        };
        match &gate_result.verdict {
            Verdict::Approve(_) => "`countersign run` merges it".to_owned(),
            Verdict::Reject(rejection) if self.is_dismissal() => format!("it does not take the rejection of {} back, which stands: `countersign run` closes it", rejection.by),
            Verdict::Reject(rejection) if rejection.by == *by => "`countersign run` closes it".to_owned(),
            Verdict::Reject(rejection) => format!("{} has rejected it: `countersign run` closes it", rejection.by),
            Verdict::Withdraw | Verdict::Refuse | Verdict::Expire => "`countersign run` closes it".to_owned(),
            Verdict::Wait(wait) if wait.frozen => "it counts, but everything is frozen: an admin lifts that with `countersign unfreeze`".to_owned(),
            Verdict::Wait(wait) if wait.blocked_by.iter().any(|who| who.login() == by) => "it waits until the same person approves".to_owned(),
            Verdict::Wait(wait) if !wait.blocked_by.is_empty() => {
                let names: Vec<String> = wait.blockers().collect();
                format!("it still waits for {}, who requested changes", names.join(", "))
            }
            Verdict::Wait(_) => {
                match (gate_result.still_needed(), gate_result.escalation()) {
                    (Some(needed), Some(late)) => format!("it still needs {needed}. {late}"),
                    (Some(needed), None) => format!("it still needs {needed}"),
                    (None, _) => format!("it counts, but a rule holds it back: {}", gate_result.held().unwrap_or_default()),
                }
            }
        }
    }
}

impl Bot {
    /// Records a review of the local forge, and says what it means.
    ///
    /// # Errors
    /// When there is no such open pull request, or no such commit.
    pub fn review(&mut self, new: &NewWord) -> Result<Reviewed, BotError> {
        if let Some(head) = new.head
            && self.repo.read_commit(head).is_err()
        {
            return Err(BotError::Refused(format!(
                "there is no commit `{head}` in this repository"
            )));
        }
        let review = NewReview {
            number: new.number,
            by: new.by.clone(),
            opinion: new.opinion(),
            head: new.head,
            body: new.body(),
            at: new.at,
        };
        let pull = self.forge.review(&self.repo, review)?;
        let recorded = pull.reviews.last();
        let (id, head) = recorded
            .map(|review| (review.id.clone(), review.head))
            .ok_or(ForgeError::NoSuchPull(new.number))?;
        let by = self.listed_name(&new.by)?;
        let takes_nothing_back = new.is_dismissal() && !self.has_opinion_before(&pull, &by, &id)?;
        let open = self.open_pulls()?;
        let pending = self.hear(pull, &open)?;
        let gate_result = pending.evaluation.gate_result.as_ref();
        let ignored = gate_result.and_then(|gate_result| find_ignored(gate_result, &id));
        let is_heard = gate_result.is_some() && !new.is_dismissal();
        let mut meaning = new.meaning(&by, &pending, ignored);
        if takes_nothing_back {
            meaning = format!("there was no review of {by} to take back; {meaning}");
        }
        Ok(Reviewed {
            number: new.number,
            head,
            opinion: new.noun(),
            counts: is_heard.then_some(ignored.is_none()),
            reason: ignored.map(str::to_owned),
            meaning,
        })
    }
}

impl Bot {
    /// The login under which the rules list a person, whichever of theirs was given; itself if they list nobody so.
    fn listed_name(&mut self, login: &Login) -> Result<Login, BotError> {
        let root = self.repo.read_commit(self.main()?)?.tree;
        let version = self.rules_cache.read(self.repo.objects(), root)?;
        let listed = version
            .valid()
            .and_then(|version| Some(version.rules.people.find(login)?.name.login().clone()));
        Ok(listed.unwrap_or_else(|| login.clone()))
    }

    /// Whether somebody's newest opinion before this review says yes or no.
    fn has_opinion_before(
        &mut self,
        pull: &Pull,
        by: &Login,
        review: &str,
    ) -> Result<bool, BotError> {
        let before = pull.reviews.iter().rev().skip_while(|r| r.id != review);
        for review in before.skip(1).filter(|r| r.opinion != Opinion::Comment) {
            if let Some(login) = &review.account.login
                && self.listed_name(login)? == *by
            {
                return Ok(review.opinion != Opinion::Dismissed);
            }
        }
        Ok(false)
    }
}

fn find_ignored<'r>(gate_result: &'r GateResult, review: &str) -> Option<&'r str> {
    gate_result
        .ignored
        .iter()
        .find(|ignored| ignored.review == review)
        .map(|ignored| ignored.reason.as_str())
}
