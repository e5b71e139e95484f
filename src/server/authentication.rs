//! Who somebody is that comes with a token, at this moment.
//!
//! A token says whose it is and which repository it is for, so nobody has to name one. Whether that person
//! or agent is still known is asked of the rules at the tip of `main` at every use.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use chrono::Utc;
use secrecy::SecretString;

use super::case_store::{CaseStoreError, rules_on_main};
use super::state::AppState;
use super::tokens::{Bearer, Found, Token, TokensError};
use super::worker::RepositoryWorker;
use crate::domain::documents::Role;
use crate::domain::events::EVENTS;
use crate::domain::ids::AgentName;
use crate::domain::problem::Reading;
use crate::rules::Rules;
use crate::rules::people::PersonName;

/// Somebody whom the rules on `main` know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Person {
        /// Who, as the rules name them.
        name: PersonName,
        /// The most they may do.
        role: Role,
    },
    Agent(AgentName),
}

impl Caller {
    /// How records name them.
    pub fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } => name.as_str(),
            Self::Agent(name) => name.as_str(),
        }
    }

    /// Whom the rules know behind a token; nobody if it is not listed, or no longer.
    pub fn find(bearer: &Bearer, rules: &Rules) -> Option<Self> {
        match bearer {
            Bearer::Person(login) => rules.people.find(login).map(|person| Self::Person {
                name: person.name.clone(),
                role: person.role,
            }),
            Bearer::Agent(name) => {
                let is_known = rules.agents.contains_key(name);
                is_known.then(|| Self::Agent(name.clone()))
            }
        }
    }
}

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// The repository that they were let into.
    pub worker: RepositoryWorker,
    pub caller: Caller,
    pub token: Token,
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// Nobody ever had this token.
    #[error("unknown token")]
    Unknown,
    /// The token is no longer good.
    #[error("this token has been {0}")]
    NoLongerGood(&'static str),
    /// The rules on `main` do not know its bearer.
    #[error("`{0}` is not listed in `{1}` on `main`")]
    NotListed(String, &'static str),
    /// Too many tries failed from this address.
    #[error("too many tries have failed from this address")]
    TooMany(Duration),
    /// The rules cannot be read.
    #[error("the rules on `main` cannot be read, so nobody is let in")]
    NoRules,
    /// The cases cannot be read at the moment.
    #[error(transparent)]
    Cases(#[from] CaseStoreError),
    /// The tokens cannot be read.
    #[error("tokens cannot be read at the moment")]
    Tokens(#[from] TokensError),
}

impl NotAuthenticated {
    pub fn log(&self) {
        tracing::info!(target: EVENTS, event = "refusal", reason = %self);
    }
}

impl AppState {
    /// Lets somebody in by a token, wherever they come from.
    pub async fn authenticate(
        &self,
        secret: SecretString,
        from: IpAddr,
    ) -> Result<Authentication, NotAuthenticated> {
        let workers = self.workers();
        let looking = tokio::task::spawn_blocking(move || look_up(workers, &secret));
        match looking.await.map_err(|_| CaseStoreError::Panicked)?? {
            // A good token always works: others fail behind the same address.
            None => match self.attempts().fail(from, Instant::now()) {
                Some(wait) => Err(NotAuthenticated::TooMany(wait)),
                None => Err(NotAuthenticated::Unknown),
            },
            Some((_, Found::Bad(why))) => Err(NotAuthenticated::NoLongerGood(why)),
            Some((worker, Found::Good(token))) => {
                let caller = worker.recognise(&token.bearer).await?;
                Ok(Authentication {
                    worker,
                    caller,
                    token,
                })
            }
        }
    }
}

/// Every repository is asked, so that the time does not tell which one knows the token.
fn look_up(
    workers: Vec<RepositoryWorker>,
    secret: &SecretString,
) -> Result<Option<(RepositoryWorker, Found)>, TokensError> {
    let now = Utc::now();
    let mut found = None;
    for worker in workers {
        let Some(tokens) = worker.tokens() else {
            continue;
        };
        match tokens.find(secret, now) {
            Ok(Some(one)) => found = Some((worker, one)),
            Ok(None) => {}
            Err(error) => {
                tracing::error!("{error}");
                return Err(error);
            }
        }
    }
    Ok(found)
}

impl RepositoryWorker {
    /// Whom the rules know at the tip of `main` at this moment: asked again at every use, also of a session
    /// that began long ago.
    ///
    /// # Errors
    /// When they are not listed, or the rules cannot be read.
    pub async fn recognise(&self, bearer: &Bearer) -> Result<Caller, NotAuthenticated> {
        let wanted = bearer.clone();
        // No case is asked about, so nothing has to be read of those that were added since.
        let asked = self.case_store().consult(move |repo, rules_cache| {
            let version = rules_on_main(repo, rules_cache)?;
            Ok::<_, crate::bot::BotError>(
                version.map(|version| Caller::find(&wanted, &version.rules)),
            )
        });
        match asked.await? {
            Ok(Reading::Valid(Some(caller))) => Ok(caller),
            Ok(Reading::Valid(None)) => {
                let file = match bearer {
                    Bearer::Person(_) => crate::rules::people::PATH,
                    Bearer::Agent(_) => crate::rules::agents::PATH,
                };
                Err(NotAuthenticated::NotListed(bearer.to_string(), file))
            }
            Ok(Reading::Invalid(problems)) => {
                tracing::error!("{problems}");
                Err(NotAuthenticated::NoRules)
            }
            Err(error) => {
                tracing::error!("{error}");
                Err(NotAuthenticated::NoRules)
            }
        }
    }
}
