//! What agents and people report and say: outcomes, feedback, reviews. Each becomes a record.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AuthContext, CaseName, Kind, Result, ServiceError, now};
use crate::bot::review::{NewWord, ReviewWord, Reviewed};
use crate::bot::{BotError, NewFeedback, NewOutcome};
use crate::domain::amendment::AmendmentText;
use crate::domain::documents::{ExecutorKind, Outcome, RejectionCategory};
use crate::domain::ids::{CaseId, ParameterName, PullNumber, Sha};
use crate::domain::review::Confidence;
use crate::domain::value::Value;
use crate::execute::REPORTED_BY_BOT;
use crate::ledger::LedgerError;
use crate::rules::people::PersonName;
use crate::server::LONGEST_TEXT;
use crate::server::authentication::Caller;

/// What came of an approved case.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Whether it did what was approved.
    pub success: bool,
    /// What there is to say, such as `{"orders": 3}`.
    #[serde(default)]
    pub details: BTreeMap<String, Value>,
    /// What went wrong.
    #[serde(default)]
    pub error: Option<String>,
}

/// Something about a decided case, for the agent to learn from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackRequest {
    /// What.
    pub message: String,
}

/// A person's word on a pull request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOpinion {
    /// What is said.
    pub opinion: OpinionWord,
    /// The commit that was read: the word is for this one and no other.
    pub head: Sha,
    /// The justification of an approval, the reason of a rejection.
    #[serde(default)]
    pub message: String,
    /// The main concern of a rejection; required with `reject` and only there.
    #[serde(default)]
    pub category: Option<RejectionCategory>,
    /// How sure; only with `approve`.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// Approve only these values of what it changes; only with `approve`.
    #[serde(default)]
    pub set: BTreeMap<ParameterName, Value>,
    /// Approve all but these parameters and targets; only with `approve`.
    #[serde(default)]
    pub without: BTreeSet<String>,
}

/// What a person can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpinionWord {
    /// Yes, to exactly that commit.
    Approve,
    /// Not like this: blocks until the same person approves.
    RequestChanges,
    /// No, and that ends it.
    Reject,
    /// The own former review is taken back.
    Dismiss,
}

/// Something that was recorded on `main`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Recorded {
    /// The case.
    pub id: CaseId,
    /// `success` or `failure`, for an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// By whom.
    pub by: String,
    /// The commit of the record.
    pub commit: Sha,
}

/// What the rights to report depend on.
struct Decided {
    id: CaseId,
    agent: Option<String>,
    executor: Option<String>,
    owner: Option<PersonName>,
}

impl AuthContext {
    /// Records what came of an approved case: by its agent if another system carries it out, by the agent's
    /// owner, a reviewer or an admin in any case.
    ///
    /// # Errors
    /// When there is no such approved case, nothing new is said about it, or who asks may not.
    pub async fn report(&self, case: CaseName, report: Report) -> Result<Recorded> {
        if report.error.is_some() && report.success {
            return Err(ServiceError::new(
                Kind::Malformed,
                "a success has no `error`",
                "leave `error` out, or report a failure",
            ));
        }
        let decided = self.decided(case).await?;
        self.may_report(&decided)?;
        let by = self.caller.name().to_owned();
        if by.eq_ignore_ascii_case(REPORTED_BY_BOT) {
            return Err(ServiceError::new(
                Kind::Forbidden,
                format!("`{by}` is the name of the bot itself"),
                "report in another name",
            ));
        }
        let new = NewOutcome {
            id: decided.id,
            success: report.success,
            details: report.details,
            error: report.error,
            by: by.clone(),
        };
        let outcome = Some(Outcome::word(Some(new.success)));
        let commit = self
            .worker
            .with_bot(move |bot| bot.record_outcome(&new))
            .await?;
        Ok(Recorded {
            id: decided.id,
            outcome,
            by,
            commit: commit?,
        })
    }

    fn may_report(&self, decided: &Decided) -> Result<()> {
        let Caller::Agent(name) = &self.caller else {
            return if self.is_over(decided.owner.as_ref()) {
                Ok(())
            } else {
                Err(ServiceError::new(
                    Kind::Forbidden,
                    "only the owner of the agent, reviewers and admins report what came of its cases",
                    "ask one of them",
                ))
            };
        };
        // Whether there is such a case is nobody else's business.
        self.own(decided.agent.as_deref())
            .map_err(|_| not_decided())?;
        if decided.executor.as_deref() != Some(ExecutorKind::External.as_str()) {
            return Err(ServiceError::new(
                Kind::Forbidden,
                format!(
                    "`{name}` reports only on what another system carries out; this case is not approved, or the bot itself carries it out and records what came of it"
                ),
                "look at the case to see its outcome; a person can correct it",
            ));
        }
        Ok(())
    }

    /// Records what a person has to say about a decided case.
    ///
    /// # Errors
    /// When there is no such case, or who asks is an agent.
    pub async fn say(&self, case: CaseName, said: FeedbackRequest) -> Result<Recorded> {
        let Caller::Person { name, .. } = &self.caller else {
            return Err(people_only("feedback"));
        };
        let message = meant("message", said.message)?;
        let id = self.decided(case).await?.id;
        let new = NewFeedback {
            id,
            by: name.login().clone(),
            message,
            random: ulid::Ulid::generate().random(),
        };
        let commit = self
            .worker
            .with_bot(move |bot| bot.record_feedback(&new))
            .await?;
        Ok(Recorded {
            id,
            outcome: None,
            by: name.to_string(),
            commit: commit?,
        })
    }

    /// Records a person's review on a pull request of a local repository.
    ///
    /// # Errors
    /// When there is no such open pull request, it is on GitHub, or who asks is an agent.
    pub async fn review(&self, number: PullNumber, opinion: NewOpinion) -> Result<Reviewed> {
        let Caller::Person { name, .. } = &self.caller else {
            return Err(people_only("a review"));
        };
        if let Some(github) = self.worker.github() {
            return Err(ServiceError::new(
                Kind::Forbidden,
                format!(
                    "pull requests of `{}` are reviewed on GitHub, where it is certain who you are",
                    github.repository()
                ),
                format!("review it at {}/pull/{}", github.web_url(), number.0),
            ));
        }
        let word = opinion.word()?;
        if opinion.message.chars().count() > LONGEST_TEXT {
            return Err(too_long("message"));
        }
        let new = NewWord {
            number,
            by: name.login().clone(),
            word,
            message: opinion.message,
            head: Some(opinion.head),
            at: now(),
        };
        let reviewed = self.worker.with_bot(move |bot| bot.review(&new)).await??;
        self.worker.wake();
        Ok(reviewed)
    }

    /// The decided case of this name, with what rights to report on it depend on.
    async fn decided(&self, case: CaseName) -> Result<Decided> {
        let found = self.worker.case_store().read(move |reader| {
            let index = reader.snapshot.index();
            let found = match case {
                CaseName::Id(id) => index.find(id),
                CaseName::Number(number) => index.find_number(number),
            };
            let mut decided = found.and_then(|case| {
                Some(Decided {
                    id: case.id?,
                    agent: case.agent.as_ref().map(ToString::to_string),
                    executor: case.executor.as_ref().map(ToString::to_string),
                    owner: None,
                })
            });
            if let Some(decided) = &mut decided {
                let version = reader.rules()?.into_result().map_err(LedgerError::from)?;
                let agent = decided
                    .agent
                    .as_deref()
                    .and_then(|name| version.rules.agents.get(name));
                decided.owner = agent.map(|agent| agent.owner.clone());
            }
            Ok::<_, BotError>(decided)
        });
        found.await??.ok_or_else(not_decided)
    }
}

fn not_decided() -> ServiceError {
    ServiceError::new(
        Kind::NotFound,
        "there is no such case",
        "list the cases to see which there are; what is proposed has to be decided first",
    )
}

impl NewOpinion {
    fn word(&self) -> Result<ReviewWord> {
        let wrong = |what: &str, next: &str| Err(ServiceError::new(Kind::Malformed, what, next));
        if self.confidence.is_some() && self.opinion != OpinionWord::Approve {
            return wrong("`confidence` belongs to an approval", "leave it out");
        }
        let less = AmendmentText::new(self.set.clone(), self.without.iter().cloned());
        if !less.is_empty() && self.opinion != OpinionWord::Approve {
            return wrong(
                "`set` and `without` belong to an approval",
                "leave them out",
            );
        }
        match (self.opinion, self.category) {
            (OpinionWord::Reject, Some(category)) => Ok(ReviewWord::Reject(category)),
            (OpinionWord::Reject, None) => wrong(
                "a rejection names its main concern",
                "give `category`: too_risky, unclear_benefit, bad_timing, need_more_information or other",
            ),
            (_, Some(_)) => wrong("`category` belongs to a rejection", "leave it out"),
            (OpinionWord::Approve, None) => Ok(ReviewWord::Approve {
                confidence: self.confidence,
                less: Some(less).filter(|less| !less.is_empty()),
            }),
            (OpinionWord::RequestChanges, None) => Ok(ReviewWord::RequestChanges),
            (OpinionWord::Dismiss, None) => Ok(ReviewWord::Dismiss),
        }
    }
}

fn people_only(what: &str) -> ServiceError {
    ServiceError::new(
        Kind::Forbidden,
        format!("{what} is for people: agents never decide, and never speak for those who do"),
        "use a person's token",
    )
}

fn meant(key: &str, text: String) -> Result<String> {
    if text.trim().is_empty() {
        return Err(ServiceError::new(
            Kind::Malformed,
            format!("`{key}` is empty"),
            "say something",
        ));
    }
    if text.chars().count() > LONGEST_TEXT {
        return Err(too_long(key));
    }
    Ok(text)
}

fn too_long(key: &str) -> ServiceError {
    ServiceError::new(
        Kind::Malformed,
        format!("`{key}` is too long: at most {LONGEST_TEXT} characters"),
        "put the rest elsewhere, and name where",
    )
}
