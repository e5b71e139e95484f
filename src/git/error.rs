//! One error for everything that can go wrong with git, so that callers never see git2's own and
//! every message says what was being done.

use std::fmt::Display;

/// Why git could not do it: one lower-case sentence that names what was being done.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct GitError {
    message: String,
    missing: bool,
}

/// The result of every fallible function of this room.
pub(super) type Result<T> = std::result::Result<T, GitError>;

impl GitError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            missing: false,
        }
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            missing: true,
        }
    }

    /// Whether the reason is that an object or file is not there (as against unreadable).
    pub fn is_missing(&self) -> bool {
        self.missing
    }
}

/// Adds to a foreign error what was being done when it came.
pub(super) trait During<T> {
    /// `what` continues the sentence "cannot …".
    fn during<D: Display>(self, what: impl FnOnce() -> D) -> Result<T>;
}

impl<T> During<T> for std::result::Result<T, git2::Error> {
    fn during<D: Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| GitError {
            message: format!("cannot {}: {}", what(), error.message()),
            missing: error.code() == git2::ErrorCode::NotFound,
        })
    }
}

impl<T> During<T> for std::io::Result<T> {
    fn during<D: Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| GitError {
            message: format!("cannot {}: {error}", what()),
            missing: error.kind() == std::io::ErrorKind::NotFound,
        })
    }
}
