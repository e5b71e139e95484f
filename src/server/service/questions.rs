//! Questions of people to the agent of a case, and its answers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AuthContext, CaseName, Kind, Result, ServiceError, now};
use crate::bot::questions::{AskedQuestion, GivenAnswer, NewAnswer, NewQuestion};
use crate::domain::ids::{CaseId, PullNumber};
use crate::server::authentication::Caller;

/// A question to the agent of a pending case.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionRequest {
    /// What is asked, in at most 4,000 characters.
    pub text: String,
}

/// An answer of the agent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// The `id` of the question; the oldest one without an answer if it is left out.
    #[serde(default)]
    pub question: Option<String>,
    /// What is answered, in at most 4,000 characters.
    pub text: String,
}

/// A case that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingCase {
    pub number: PullNumber,
    pub id: Option<CaseId>,
}

impl AuthContext {
    /// Asks the agent of a pending case something.
    ///
    /// # Errors
    /// When there is no such pending case, the question cannot be taken, it is on GitHub, or who asks is an agent.
    pub async fn ask(&self, case: CaseName, asked: QuestionRequest) -> Result<AskedQuestion> {
        let Caller::Person { name, .. } = &self.caller else {
            return Err(ServiceError::new(
                Kind::Forbidden,
                "a question is for people: agents answer",
                "use a person's token",
            ));
        };
        let by = name.login().clone();
        let number = self.find_pending(case).await?.number;
        if let Some(github) = self.worker.github() {
            return Err(ServiceError::new(
                Kind::Forbidden,
                format!(
                    "people ask on GitHub itself in `{}`, where it is certain who they are",
                    github.repository()
                ),
                format!(
                    "comment `/ask TEXT` on {}/pull/{}",
                    github.web_url(),
                    number.0
                ),
            ));
        }
        let new = NewQuestion {
            number,
            by,
            text: asked.text,
            at: now(),
        };
        let asked = self.worker.with_bot(move |bot| bot.ask(&new)).await??;
        self.worker.wake();
        Ok(asked)
    }

    /// Answers a question in the name of the agent that asks this.
    ///
    /// # Errors
    /// When there is no such pending case or question, the answer cannot be taken, or who answers is a person.
    pub async fn answer(&self, case: CaseName, answer: AnswerRequest) -> Result<GivenAnswer> {
        let by = self.agent("answering")?.clone();
        let number = self.find_pending(case).await?.number;
        self.refuse_bots_account(number, "answers")?;
        let new = NewAnswer {
            number,
            by,
            question: answer.question,
            text: answer.text,
            at: now(),
        };
        let given = self.worker.with_bot(move |bot| bot.answer(&new)).await??;
        self.worker.wake();
        Ok(given)
    }

    /// A case that is pending, and of this agent if an agent asks.
    pub(super) async fn find_pending(&self, case: CaseName) -> Result<PendingCase> {
        let shown = self.show(case).await?;
        match shown.pull.as_ref().filter(|_| shown.is_pending()) {
            Some(pull) => Ok(PendingCase {
                number: pull.number,
                id: shown.id,
            }),
            None => Err(ServiceError::new(
                Kind::Conflict,
                format!("the case is not pending any more: {}", shown.status),
                "look at the case to see how it ended; feedback can be given at any time",
            )),
        }
    }

    /// On GitHub an agent is its account, so a server, whose account is the bot's, speaks for none there.
    pub(super) fn refuse_bots_account(&self, number: PullNumber, what: &str) -> Result<()> {
        let Some(forge) = self.worker.github().filter(|_| self.worker.decides()) else {
            return Ok(());
        };
        Err(ServiceError::new(
            Kind::Forbidden,
            format!(
                "on GitHub an agent {what} under its own account, and this server has only the bot's in `{}`",
                forge.repository()
            ),
            format!(
                "do it at {}/pull/{} with the agent's own account; `countersign` and `countersign mcp` do that with the agent's COUNTERSIGN_TOKEN",
                forge.web_url(),
                number.0
            ),
        ))
    }
}
