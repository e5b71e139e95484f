//! What can stop the bot. Nothing of this ever approves anything.

use std::fmt;

use super::Summary;
use crate::forge::{ForgeError, Untold};
use crate::git::GitError;
use crate::ledger::LedgerError;

/// Why the bot could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The trail failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The forge failed.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// The answer is no, for a reason that the user can do something about.
    #[error("{0}")]
    Refused(String),
    /// Everything was decided and done, and some people could not be told.
    #[error("{0}")]
    Untold(Box<UntoldRun>),
    /// `main` moved under every attempt.
    #[error("main was moved by others {0} times in a row: try again")]
    Busy(u32),
}

/// A run that did its work, and could not tell everybody.
#[derive(Debug)]
pub struct UntoldRun {
    /// What it did.
    pub summary: Summary,
    /// Who was not told, and why. The next run tells them.
    pub untold: Vec<Untold>,
}

impl fmt::Display for UntoldRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let untold: Vec<String> = self.untold.iter().map(ToString::to_string).collect();
        let untold = untold.join("; ");
        write!(
            f,
            "not everybody could be told, and the next run tells them: {untold}"
        )
    }
}
