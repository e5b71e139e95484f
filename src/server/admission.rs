//! Who somebody is that comes with a token, at this moment.
//!
//! A token says whose it is and which repository it is for, so nobody has to name one. Whether that person
//! or agent is still known is asked of the rules at the tip of `main` at every use.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use chrono::Utc;
use secrecy::SecretString;

use super::keeper::Keeper;
use super::library::{LibraryError, rules_on_main};
use super::office::Office;
use super::tokens::{Bearer, Found, Token, TokensError};
use crate::domain::documents::Role;
use crate::domain::ids::AgentName;
use crate::domain::problem::Reading;
use crate::rules::Rules;
use crate::rules::people::PersonName;

/// Somebody whom the rules on `main` know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A person.
    Person {
        /// Who, as the rules name them.
        name: PersonName,
        /// The most they may do.
        role: Role,
    },
    /// An agent.
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
pub struct Admitted {
    /// The repository that they were let into.
    pub keeper: Keeper,
    /// Who they are.
    pub caller: Caller,
    /// By which token.
    pub token: Token,
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// Nobody ever had this token.
    #[error("this token is nobody's")]
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
    Library(#[from] LibraryError),
    /// The tokens cannot be read.
    #[error("tokens cannot be read at the moment")]
    Tokens(#[from] TokensError),
}

impl Office {
    /// Lets somebody in by a token, wherever they come from.
    ///
    /// # Errors
    /// When they are not let in.
    pub async fn admit(&self, secret: SecretString, from: IpAddr) -> Result<Admitted, NotAdmitted> {
        let keepers = self.keepers();
        let looking = tokio::task::spawn_blocking(move || look_up(keepers, &secret));
        match looking.await.map_err(|_| LibraryError::Panicked)?? {
            // A good token always works: others fail behind the same address.
            None => match self.attempts().fail(from, Instant::now()) {
                Some(wait) => Err(NotAdmitted::TooMany(wait)),
                None => Err(NotAdmitted::Unknown),
            },
            Some((_, Found::Bad(why))) => Err(NotAdmitted::NoLongerGood(why)),
            Some((keeper, Found::Good(token))) => {
                let caller = keeper.recognise(&token.bearer).await?;
                Ok(Admitted {
                    keeper,
                    caller,
                    token,
                })
            }
        }
    }
}

/// Every repository is asked, so that the time does not tell which one knows the token.
fn look_up(
    keepers: Vec<Keeper>,
    secret: &SecretString,
) -> Result<Option<(Keeper, Found)>, TokensError> {
    let now = Utc::now();
    let mut found = None;
    for keeper in keepers {
        let Some(tokens) = keeper.tokens() else {
            continue;
        };
        match tokens.find(secret, now) {
            Ok(Some(one)) => found = Some((keeper, one)),
            Ok(None) => {}
            Err(error) => {
                tracing::error!("{error}");
                return Err(error);
            }
        }
    }
    Ok(found)
}

impl Keeper {
    /// Whom the rules know at the tip of `main` at this moment: asked again at every use, also of a session
    /// that began long ago.
    ///
    /// # Errors
    /// When they are not listed, or the rules cannot be read.
    pub async fn recognise(&self, bearer: &Bearer) -> Result<Caller, NotAdmitted> {
        let wanted = bearer.clone();
        // No case is asked about, so nothing has to be read of those that were added since.
        let asked = self.library().consult(move |repo, rulebook| {
            let version = rules_on_main(repo, rulebook)?;
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
                Err(NotAdmitted::NotListed(bearer.to_string(), file))
            }
            Ok(Reading::Invalid(problems)) => {
                tracing::error!("{problems}");
                Err(NotAdmitted::NoRules)
            }
            Err(error) => {
                tracing::error!("{error}");
                Err(NotAdmitted::NoRules)
            }
        }
    }
}
