//! What an agent does with a proposal of its own that waits: it pushes a new head, or takes it back.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::propose::NewProposal;
use super::{Bot, BotError, Pending};
use crate::domain::ids::{AgentName, CaseId, PullNumber, Sha, quoted};
use crate::domain::pull::Pull;
use crate::forge::NewHead;
use crate::gate::eligibility::agent_of;

/// A proposal that is to become another one.
#[derive(Debug, Clone, Copy)]
pub struct NewAmendment<'a> {
    pub number: PullNumber,
    /// What it is to say, under the id that it has.
    pub proposal: NewProposal<'a>,
}

/// A proposal that is to be taken back.
#[derive(Debug, Clone)]
pub struct NewWithdrawal {
    pub number: PullNumber,
    pub by: AgentName,
    pub at: DateTime<Utc>,
}

/// A proposal that was amended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Amended {
    pub number: PullNumber,
    pub id: CaseId,
    pub head: Sha,
    /// Whether that is new; false if it says the same already.
    pub created: bool,
}

/// A proposal that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Withdrawn {
    pub number: PullNumber,
    pub id: Option<CaseId>,
}

impl Bot {
    /// Replaces what a proposal says: a new head, for which no approval counts that was given before.
    ///
    /// # Errors
    /// When there is no such open pull request of this agent, it is of another case, or it cannot be written.
    pub fn amend(&mut self, new: NewAmendment<'_>) -> Result<Amended, BotError> {
        let NewAmendment { number, proposal } = new;
        let (pull, pending) = self.find_own(number, &proposal.recommendation.agent)?;
        let id = proposal.recommendation.id;
        let present = pending.evaluation.id;
        if present.is_some_and(|present| present != id) || !is_named_after(&pull, present, id) {
            return Err(BotError::Refused(format!(
                "pull request {number} is not about {}: what is amended keeps its id",
                quoted(&id.to_string())
            )));
        }
        let Some((buffer, head)) = proposal.commit_onto(&self.repo, pull.head)? else {
            return Ok(Amended {
                number,
                id,
                head: pull.head,
                created: false,
            });
        };
        let at = proposal.now;
        self.forge.push_head(
            &self.repo,
            NewHead {
                pull,
                head,
                buffer,
                at,
            },
        )?;
        Ok(Amended {
            number,
            id,
            head,
            created: true,
        })
    }

    /// Takes a proposal back, in the name of the agent that made it.
    ///
    /// # Errors
    /// When there is no such open pull request of this agent, or it cannot be closed.
    pub fn withdraw(&mut self, new: &NewWithdrawal) -> Result<Withdrawn, BotError> {
        let (pull, pending) = self.find_own(new.number, &new.by)?;
        let by = self.account_of(&new.by)?;
        self.forge.withdraw(&self.repo, &pull, by, new.at)?;
        Ok(Withdrawn {
            number: new.number,
            id: pending.evaluation.id,
        })
    }

    /// An open pull request of an agent.
    fn find_own(
        &mut self,
        number: PullNumber,
        agent: &AgentName,
    ) -> Result<(Pull, Pending), BotError> {
        let open = self.open_pulls()?;
        let pull = self.find_open(&open, number)?;
        let pending = self.hear(pull.clone(), &open)?;
        let rules = self.rules()?;
        let document = pending.evaluation.document.as_ref();
        // What is invalid, and a change of the rules, is of whoever opened it.
        let is_own = match document {
            Some(document) => document.agent == *agent,
            None => agent_of(&pull.author, &rules) == Some(agent),
        };
        match is_own {
            true => Ok((pull, pending)),
            false => Err(BotError::Refused(format!(
                "pull request {number} is not of `{agent}`: an agent changes and takes back only what it proposed"
            ))),
        }
    }
}

/// Whether a pull request whose case is not known is about this one, by its branch.
fn is_named_after(pull: &Pull, known: Option<CaseId>, id: CaseId) -> bool {
    known.is_some() || pull.branch.ends_with(&id.to_string())
}
