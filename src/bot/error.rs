//! What can stop the bot, and what is wrong with one pull request only. Nothing of either ever approves anything.
//!
//! [`BotError`] stops a run: the repository, the forge or the rules are the reason. Nothing is lost by it, and no pull
//! request ends. [`InvalidPull`] makes one pull request invalid, with the reason, and the others go on. Neither becomes
//! the other: an evaluation that comes to no end gives an [`EvaluationError`], which says which of the two it is.

use std::fmt;

use super::Summary;
use crate::domain::ids::CaseId;
use crate::domain::problem::Problems;
use crate::forge::{ForgeError, Unreported};
use crate::gate::questions::NotTaken;
use crate::git::GitError;
use crate::ledger::proposal::{self, Objection, Refusal};
use crate::ledger::{AppendError, LedgerError, Unrecordable};

/// Why the bot could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// The answer is no, for a reason that the user can do something about.
    #[error("{0}")]
    Refused(String),
    /// A question or an answer that would be only text.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// What a person or a system reports cannot be recorded as it is.
    #[error("{0}")]
    Unrecordable(Unrecordable),
    /// Everything was decided and done, and some people could not be told.
    #[error("{0}")]
    Unreported(Box<UnreportedRun>),
    /// `main` moved under every attempt.
    #[error("main was moved by others {0} times in a row: try again")]
    Busy(u32),
}

impl BotError {
    /// Why something that was reported on its own, and not on a pull request, was not recorded.
    pub(super) fn of_report(error: AppendError) -> Self {
        match error {
            AppendError::Unrecordable(what) => Self::Unrecordable(what),
            AppendError::Failed(error) => error.into(),
        }
    }

    /// Whether an object that ought to be there is not.
    pub(super) fn is_missing(&self) -> bool {
        match self {
            Self::Git(error)
            | Self::Ledger(LedgerError::Git(error))
            | Self::Forge(ForgeError::Git(error)) => error.is_missing(),
            _ => false,
        }
    }
}

/// What is wrong with one pull request: with what it contains, or with what would be recorded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPull {
    /// The case, where it is known.
    pub case: Option<CaseId>,
    /// Whether it is a governance change, as far as that is known.
    pub is_governance: bool,
    pub problems: Problems,
}

impl InvalidPull {
    /// By one of the refusals, of which `verify` knows all, or several.
    pub fn new(objections: Vec<Objection>) -> Self {
        Self {
            case: None,
            is_governance: false,
            problems: proposal::problems(objections),
        }
    }

    #[must_use]
    pub fn with_case(self, case: CaseId) -> Self {
        Self {
            case: Some(case),
            ..self
        }
    }
}

/// Why an evaluation did not come to its end.
#[derive(Debug)]
pub enum EvaluationError {
    /// This pull request is the reason: it is invalid, and the others go on.
    Invalid(InvalidPull),
    /// The repository, the forge or the rules are: nothing is decided.
    Stopped(BotError),
}

impl From<InvalidPull> for EvaluationError {
    fn from(invalid: InvalidPull) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Objection> for EvaluationError {
    fn from(objection: Objection) -> Self {
        InvalidPull::new(vec![objection]).into()
    }
}

impl<E: Into<BotError>> From<E> for EvaluationError {
    fn from(error: E) -> Self {
        Self::Stopped(error.into())
    }
}

/// What came of one part of an evaluation.
pub(super) type Evaluated<T> = Result<T, EvaluationError>;

/// What an evaluation came to that was not stopped.
#[derive(Debug)]
pub(super) enum Validated<T> {
    Valid(T),
    Invalid(InvalidPull),
}

impl<T> Validated<T> {
    pub(super) fn map<U>(self, of: impl FnOnce(T) -> U) -> Validated<U> {
        match self {
            Self::Valid(value) => Validated::Valid(of(value)),
            Self::Invalid(invalid) => Validated::Invalid(invalid),
        }
    }
}

/// Separates the two: a pull request that is invalid is an answer, anything else goes up.
pub(super) fn separate<T>(evaluated: Evaluated<T>) -> Result<Validated<T>, BotError> {
    match evaluated {
        Ok(value) => Ok(Validated::Valid(value)),
        Err(EvaluationError::Invalid(invalid)) => Ok(Validated::Invalid(invalid)),
        Err(EvaluationError::Stopped(error)) => Err(error),
    }
}

/// What was read of the commits that a pull request brings: objects that git would not have written, or more of them
/// than a proposal may have, are its own doing.
pub(super) fn of_branch<T>(read: Result<T, GitError>) -> Evaluated<T> {
    read.map_err(|error| match error.is_content() {
        true => {
            let message = error.to_string();
            Objection::of_proposal(Refusal::Malformed, message).into()
        }
        false => error.into(),
    })
}

/// What came of appending to the trail what a pull request comes to.
pub(super) fn of_record<T>(appended: Result<T, AppendError>) -> Evaluated<T> {
    appended.map_err(|error| match error {
        AppendError::Unrecordable(what) => {
            let message = format!("what it comes to cannot be recorded: {what}");
            Objection::of_proposal(Refusal::Unrecordable, message).into()
        }
        AppendError::Failed(error) => error.into(),
    })
}

/// A run that did its work, and could not tell everybody.
#[derive(Debug)]
pub struct UnreportedRun {
    pub summary: Summary,
    /// Who was not told, and why. The next run tells them.
    pub untold: Vec<Unreported>,
}

impl fmt::Display for UnreportedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let untold: Vec<String> = self.untold.iter().map(ToString::to_string).collect();
        let untold = untold.join("; ");
        write!(
            f,
            "not everybody could be told, and the next run tells them: {untold}"
        )
    }
}
