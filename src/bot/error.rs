//! What can stop the bot. Nothing of this ever approves anything.

use crate::forge::ForgeError;
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
    /// `main` moved under every attempt.
    #[error("main was moved by others {0} times in a row: try again")]
    Busy(u32),
}
