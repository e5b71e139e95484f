//! What an agent may propose, for who asks.

use super::{AuthContext, Kind, Result, ServiceError, now};
use crate::bot::choices::{Choices, ChoicesError, ChoicesQuery, choices};
use crate::domain::ids::{ActionName, AgentName, TargetName};
use crate::server::authentication::Caller;

/// Of what it is asked.
#[derive(Debug, Default)]
pub struct ChoicesRequest {
    /// Known from who asks, if that is an agent.
    pub agent: Option<AgentName>,
    pub action: Option<ActionName>,
    pub targets: Vec<TargetName>,
}

impl AuthContext {
    /// What an agent may propose; an agent asks for itself.
    ///
    /// # Errors
    /// When it is not said which agent, or there is no such action or target.
    pub async fn choices(&self, request: ChoicesRequest) -> Result<Choices> {
        let agent = match (&self.caller, request.agent) {
            (Caller::Agent(name), None) => name.clone(),
            (_, Some(agent)) => agent,
            (Caller::Person { .. }, None) => {
                return Err(ServiceError::new(
                    Kind::Malformed,
                    "it is not said which agent's choices",
                    "name the agent in `agent`",
                ));
            }
        };
        self.own(Some(agent.as_str()))?;
        let query = ChoicesQuery {
            agent,
            action: request.action,
            targets: request.targets,
            now: now(),
        };
        let asked = self
            .worker
            .case_store()
            .consult(move |repo, rules_cache| choices(repo, rules_cache, &query));
        asked.await?.map_err(|error| match error {
            ChoicesError::Unknown(what) => {
                ServiceError::new(Kind::NotFound, what, "leave it out to see all there are")
            }
            ChoicesError::Bot(error) => error.into(),
        })
    }
}
