//! What agents and people can ask of a governance repository, and who may ask it.
//!
//! The API and MCP both call it. Rights are checked here and nowhere else, so that both give
//! the same ones, and the same as elsewhere: an agent speaks only for itself, and never decides.

mod answers;
mod choices;
mod error;
mod figures;
mod filters;
pub mod operations;
mod own_proposal;
mod proposal;
mod questions;
mod reporting;

use chrono::{DateTime, SubsecRound as _, Utc};

use super::authentication::Caller;
use super::worker::RepositoryWorker;
use crate::domain::documents::Role;
use crate::domain::ids::{AgentName, CaseId, PullNumber, quoted};
use crate::rules::people::PersonName;

pub use answers::{MOST_ROWS, MOST_SECONDS, Wait};
pub use choices::ChoicesRequest;
pub use error::{Kind, NEW_TOKEN, ServiceError};
pub use filters::{Filters, period, read, wrong};
pub use proposal::{
    Document, ProposalText, Proposed, Sent, propose_together, read_json, read_object,
};
pub use questions::{AnswerRequest, QuestionRequest};
pub use reporting::{FeedbackRequest, NewOpinion, Recorded, Report};

type Result<T> = std::result::Result<T, ServiceError>;

/// An authenticated caller of one repository.
#[derive(Debug, Clone)]
pub struct AuthContext {
    worker: RepositoryWorker,
    caller: Caller,
}

/// A case as people name it: by its id, or by the number of its pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseName {
    /// The id of a case.
    Id(CaseId),
    /// The number of a pull request.
    Number(PullNumber),
}

impl std::str::FromStr for CaseName {
    type Err = ServiceError;
    fn from_str(text: &str) -> Result<Self> {
        if let Ok(number) = text.trim_start_matches('#').parse() {
            return Ok(Self::Number(PullNumber(number)));
        }
        text.parse().map(Self::Id).map_err(|_| {
            let what = format!(
                "{} is neither the id of a case nor the number of a pull request",
                quoted(text)
            );
            ServiceError::new(
                Kind::Malformed,
                what,
                "an id has 26 upper-case characters, as `propose` answers it",
            )
        })
    }
}

impl AuthContext {
    /// Somebody whom the rules know.
    pub const fn new(worker: RepositoryWorker, caller: Caller) -> Self {
        Self { worker, caller }
    }

    /// The agent that this is.
    fn agent(&self, what: &str) -> Result<&AgentName> {
        match &self.caller {
            Caller::Agent(name) => Ok(name),
            Caller::Person { .. } => Err(ServiceError::new(
                Kind::Forbidden,
                format!("{what} is for agents"),
                "use the agent's own token: `countersign token create --agent NAME`",
            )),
        }
    }

    /// Refuses an agent that asks for what is another's.
    fn own(&self, agent: Option<&str>) -> Result<()> {
        match &self.caller {
            Caller::Agent(name) if agent != Some(name.as_str()) => Err(ServiceError::new(
                Kind::Forbidden,
                format!("`{name}` may ask for its own cases only"),
                "leave the agent out, or ask with a person's token",
            )),
            _ => Ok(()),
        }
    }

    /// Whether this person answers for the cases of an agent: as its owner, reviewer or admin.
    fn is_over(&self, owner: Option<&PersonName>) -> bool {
        match &self.caller {
            Caller::Person { name, role } => *role >= Role::Reviewer || owner == Some(name),
            Caller::Agent(_) => false,
        }
    }
}

/// The time, in whole seconds as documents carry it.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(0)
}
