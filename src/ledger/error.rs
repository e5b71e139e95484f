//! What can go wrong with the trail: with the repository that holds it, or with one record that was to be appended.
//!
//! The two are different types with no way from one to the other, so that a record which cannot be written never
//! stops the bot, and a repository that fails is never blamed on a proposal.

use chrono::{DateTime, Utc};

use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::documents::time;
use crate::domain::ids::Sha;
use crate::domain::problem::Problems;
use crate::git::{GitError, InsertError};

/// Why the trail could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Git(#[from] GitError),
    /// A document cannot be read.
    #[error("{0}")]
    Document(#[from] Problems),
    /// A permit is for another tip: the decision is stale.
    #[error("the permit is for tip {permitted}, but main is at {actual}: decide again")]
    StalePermit {
        /// The tip it was made for.
        permitted: Sha,
        /// The tip there is.
        actual: Sha,
    },
    /// `main` was decided on by a newer engine.
    #[error(
        "the newest decision on `main` was made by {newest}, which `{ours}` does not know: update this bot; nothing is decided until then"
    )]
    NewerEngine {
        /// The newest decision's engine, quoted.
        newest: String,
        ours: &'static str,
    },
    /// The clock is too far behind the newest commit.
    #[error(
        "the clock of this machine says {}, and the newest commit of `main` is dated {}: one of both machines is wrong, and nothing is written until they are less than {} minutes apart",
        time::text(clock),
        time::text(latest),
        CLOCK_TOLERANCE.num_minutes()
    )]
    ClockBehind {
        clock: DateTime<Utc>,
        latest: DateTime<Utc>,
    },
    /// An event is dated before the one that it follows.
    #[error(
        "an event of {} cannot follow one of {}: decide again",
        time::text(at),
        time::text(latest)
    )]
    TooEarly {
        at: DateTime<Utc>,
        latest: DateTime<Utc>,
    },
    /// Nobody has adopted the tip of `main`.
    #[error(
        "the bot did not make {0}, the newest commit of `main`, and writes nothing on top of it before an admin has adopted it"
    )]
    Unadopted(Sha),
    /// The rules ask for signed commits, and there is no key to sign with.
    #[error("`rules/governance.yaml` asks for signed commits, and no key to sign with was given")]
    Unsigned,
    /// The rules ask for signatures of other keys.
    #[error("`rules/governance.yaml` does not list the key that was given to sign with: `{0}`")]
    ForeignKey(String),
    /// There is no such case.
    #[error("there is no decided case `{0}`: `countersign list` shows all")]
    NoSuchCase(String),
    /// The repository has no trail.
    #[error(
        "this repository has no `main`: make a governance repository with `countersign init PATH`"
    )]
    NoMain,
}

/// Why one record, or one change, cannot be appended, whoever tries and however often: its content or its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrecordable {
    /// The document is larger than a record may be, or holds what cannot be written.
    #[error("`{path}` cannot be written: {reason}")]
    Document {
        /// Where it was to go.
        path: String,
        reason: String,
    },
    /// A record is there already; records are never changed.
    #[error("`{0}` is already recorded: records are never changed, make a new one")]
    AlreadyRecorded(String),
    /// Something else stands in its way.
    #[error("{0}")]
    Occupied(String),
}

/// Why an event was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// This event is the reason.
    #[error(transparent)]
    Unrecordable(#[from] Unrecordable),
    /// The repository, the rules or the key to sign with are.
    #[error(transparent)]
    Failed(#[from] LedgerError),
}

impl From<GitError> for AppendError {
    fn from(error: GitError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<InsertError> for AppendError {
    fn from(error: InsertError) -> Self {
        match error {
            InsertError::Occupied(what) => Unrecordable::Occupied(what).into(),
            InsertError::Git(error) => error.into(),
        }
    }
}
