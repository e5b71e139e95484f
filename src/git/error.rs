//! One error for everything that can go wrong with git, so that callers never see git2's own and
//! every message says what was being done.

use std::fmt::Display;
use std::path::Path;

/// Why git could not do it: one lower-case sentence that names what was being done.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct GitError {
    message: String,
    cause: Cause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Something is not there.
    Missing,
    /// An object, or the history it is part of, is not what can be worked with: whoever made it is the reason.
    Content,
    /// Another process has it locked.
    Locked,
    /// Anything else: the disk, a permission, damage.
    Failed,
}

/// The result of every fallible function of this module.
pub(super) type Result<T> = std::result::Result<T, GitError>;

impl GitError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: Cause::Failed,
        }
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: Cause::Missing,
        }
    }

    /// For a lock file that is another process's.
    pub(super) fn locked(lock: &Path) -> Self {
        Self {
            message: format!(
                "`{}` has been locked by another process for 10 s: try again, and if no git process runs, remove that file",
                lock.display()
            ),
            cause: Cause::Locked,
        }
    }

    /// For an object that could be read, and is not what git would have written or more than was asked for.
    pub(super) fn content(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: Cause::Content,
        }
    }

    /// The same error, with more in its message.
    pub(super) fn reworded(&self, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: self.cause,
        }
    }

    /// Whether the reason is that an object or file is not there (as against unreadable).
    pub fn is_missing(&self) -> bool {
        self.cause == Cause::Missing
    }

    /// Whether it may go if it is tried again.
    pub(super) fn is_locked(&self) -> bool {
        self.cause == Cause::Locked
    }

    /// Whether the reason is what an object says, which is the same for everybody who has it: the repository itself
    /// works.
    pub fn is_content(&self) -> bool {
        self.cause == Cause::Content
    }
}

/// Adds to a foreign error what was being done when it came.
pub(super) trait ResultExt<T> {
    /// `what` continues the sentence "cannot …".
    fn context<D: Display>(self, what: impl FnOnce() -> D) -> Result<T>;
}

impl<T> ResultExt<T> for std::result::Result<T, git2::Error> {
    fn context<D: Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| GitError {
            message: format!("cannot {}: {}", what(), error.message()),
            cause: match error.code() {
                git2::ErrorCode::NotFound => Cause::Missing,
                _ => Cause::Failed,
            },
        })
    }
}

impl<T> ResultExt<T> for std::io::Result<T> {
    fn context<D: Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| GitError {
            message: format!("cannot {}: {error}", what()),
            cause: match error.kind() {
                std::io::ErrorKind::NotFound => Cause::Missing,
                _ => Cause::Failed,
            },
        })
    }
}
