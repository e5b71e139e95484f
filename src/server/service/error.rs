//! Why somebody does not get what they ask for, and what to do next: said in the same words by the API (as
//! problem+json) and by MCP (as a tool's error).

use std::time::Duration;

use crate::bot::BotError;
use crate::bot::check::Checked;
use crate::forge::ForgeError;
use crate::gate::questions::NotTaken;
use crate::ledger::LedgerError;
use crate::server::authentication::NotAuthenticated;
use crate::server::case_store::CaseStoreError;
use crate::server::worker::WorkerError;

/// What kind of a no it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be understood.
    Malformed,
    /// It is not clear who asks.
    Unauthorized,
    /// Who asks may not.
    Forbidden,
    /// There is nothing of that name.
    NotFound,
    /// There is something, but not for this method.
    WrongMethod,
    /// It contradicts what there is already.
    Conflict,
    /// The document is invalid.
    Invalid,
    TooMany,
    /// Not at the moment.
    Unavailable,
    /// An error of ours.
    Internal,
}

/// A no, why, and what to do next.
#[derive(Debug, Clone)]
pub struct ServiceError {
    /// What kind of a no.
    pub kind: Kind,
    pub detail: String,
    /// What to do next.
    pub next: String,
    /// What is wrong with the document, if there is one.
    pub checked: Option<Box<Checked>>,
    /// When to try again.
    pub wait: Option<Duration>,
}

const TRY_AGAIN: &str = "try again in a moment";
const SEE_LOG: &str = "an administrator finds the reason in the server's log";

impl ServiceError {
    pub fn new(kind: Kind, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            next: next.into(),
            checked: None,
            wait: None,
        }
    }

    /// A document that is invalid.
    pub fn invalid(checked: Checked) -> Self {
        let said: Vec<String> = checked.errors.iter().map(ToString::to_string).collect();
        Self {
            checked: Some(Box::new(checked)),
            ..Self::new(
                Kind::Invalid,
                format!("the recommendation is invalid: {}", said.join("; ")),
                "mend what `errors` names, check it, and propose it again: nothing was opened",
            )
        }
    }

    fn busy() -> Self {
        Self {
            wait: Some(Duration::from_secs(1)),
            ..Self::new(
                Kind::Unavailable,
                "others were faster again and again",
                TRY_AGAIN,
            )
        }
    }

    /// An error of ours: its words stay in the log.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!("{error}");
        Self::new(Kind::Internal, "the server could not do this", SEE_LOG)
    }
}

impl From<CaseStoreError> for ServiceError {
    fn from(error: CaseStoreError) -> Self {
        match error {
            CaseStoreError::NotYet(_) => Self {
                wait: Some(Duration::from_secs(2)),
                ..Self::new(Kind::Unavailable, error.to_string(), TRY_AGAIN)
            },
            CaseStoreError::Git(_) | CaseStoreError::Ledger(_) | CaseStoreError::Panicked => {
                Self::internal(&error)
            }
        }
    }
}

impl From<WorkerError> for ServiceError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Stopping | WorkerError::Unreachable { .. } => Self {
                wait: Some(Duration::from_secs(5)),
                ..Self::new(Kind::Unavailable, error.to_string(), TRY_AGAIN)
            },
            WorkerError::Panicked(_) => Self::internal(&error),
        }
    }
}

impl From<BotError> for ServiceError {
    fn from(error: BotError) -> Self {
        match error {
            BotError::Refused(why) => Self::new(
                Kind::Conflict,
                why,
                "nothing was recorded; look at the case as it is now",
            ),
            BotError::NotTaken(reason) => {
                let (kind, next) = match &reason {
                    NotTaken::MayNotAsk(_)
                    | NotTaken::MayNotAnswer { .. }
                    | NotTaken::UnlistedAgent(_) => (
                        Kind::Forbidden,
                        "nothing was recorded; an admin lists people and agents in the rules",
                    ),
                    NotTaken::Empty(_)
                    | NotTaken::TooLong(_)
                    | NotTaken::Hidden { .. }
                    | NotTaken::NoQuestionId(_)
                    | NotTaken::NoRoom { .. } => (
                        Kind::Malformed,
                        "nothing was recorded; mend the text and send it again",
                    ),
                    NotTaken::NoAgent | NotTaken::NoSuchQuestion { .. } | NotTaken::NothingOpen => {
                        (
                            Kind::Conflict,
                            "nothing was recorded; `questions` of the case says what is open",
                        )
                    }
                };
                Self::new(kind, reason.to_string(), next)
            }
            BotError::Unrecordable(what) => Self::new(
                Kind::Malformed,
                format!("this cannot be recorded: {what}"),
                "shorten it, and leave out characters that are not text",
            ),
            BotError::Busy(_) | BotError::Forge(ForgeError::Busy(_)) => Self::busy(),
            BotError::Ledger(LedgerError::Unadopted(_)) => Self::new(
                Kind::Conflict,
                error.to_string(),
                "nothing was recorded; try again when that is done",
            ),
            BotError::Ledger(LedgerError::NoSuchCase(id)) => Self::new(
                Kind::NotFound,
                format!("there is no decided case `{id}`"),
                "list the cases to see which there are; a pending one has to be decided first",
            ),
            BotError::Forge(ForgeError::NoSuchPull(number)) => Self::new(
                Kind::NotFound,
                format!("there is no pull request {number}"),
                "list the pending cases to see which are open",
            ),
            BotError::Forge(ForgeError::Ended(number)) => Self::new(
                Kind::Conflict,
                format!("pull request {number} has ended: nothing more can be said on it"),
                "look at the case to see how it ended; feedback can be given at any time",
            ),
            BotError::Forge(ForgeError::Moved(_)) => Self::new(
                Kind::Conflict,
                error.to_string(),
                "nothing was changed; look at the case as it is now",
            ),
            BotError::Forge(
                ForgeError::Refused { .. }
                | ForgeError::Protected { .. }
                | ForgeError::Remote(_)
                | ForgeError::Github(_),
            ) => Self::new(
                Kind::Unavailable,
                error.to_string(),
                "if that stays so, an administrator looks at the rights of this account",
            ),
            error => Self::internal(&error),
        }
    }
}

impl From<NotAuthenticated> for ServiceError {
    fn from(error: NotAuthenticated) -> Self {
        error.log();
        let said = error.to_string();
        match error {
            NotAuthenticated::Unknown => Self::new(Kind::Unauthorized, said, NEW_TOKEN),
            NotAuthenticated::NoLongerGood(_) => Self::new(Kind::Unauthorized, said, NEW_TOKEN),
            NotAuthenticated::NotListed(..) => Self::new(
                Kind::Forbidden,
                said,
                "an admin lists people and agents there through a pull request",
            ),
            NotAuthenticated::TooMany(wait) => Self {
                wait: Some(wait),
                ..Self::new(Kind::TooMany, said, "wait as long as `Retry-After` says")
            },
            NotAuthenticated::NoRules | NotAuthenticated::Tokens(_) => {
                Self::new(Kind::Unavailable, said, SEE_LOG)
            }
            NotAuthenticated::Cases(error) => error.into(),
        }
    }
}

/// What to do without a good token.
pub const NEW_TOKEN: &str =
    "whoever administers the server makes one with `countersign token create`";
