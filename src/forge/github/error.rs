//! What can go wrong between us and GitHub. No text of it holds a token.

use chrono::{DateTime, Utc};

/// Why GitHub could not be asked or told.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// Nobody answered, or the answer broke off. A write may have been carried out all the same.
    #[error("GitHub did not answer `{request}`: {reason}")]
    Unreachable { request: String, reason: String },
    /// It answered with an error.
    #[error("GitHub answered `{request}` with {status}: {message}")]
    Status {
        request: String,
        status: u16,
        message: String,
    },
    /// It wants to be left alone for a while.
    #[error(
        "GitHub's rate limit is used up: nothing is asked before {until}; the next run goes on from there"
    )]
    Limited {
        /// When it may be asked again.
        until: DateTime<Utc>,
    },
    /// Its answer is not what the documentation says.
    #[error("GitHub's answer to `{request}` cannot be read: {reason}")]
    Unreadable { request: String, reason: String },
    /// The repository was renamed or given to somebody else.
    #[error(
        "`{repository}` {}", .to.as_ref().map_or_else(
            || "has another name now: look it up on GitHub, and serve it under that".to_owned(),
            |to| format!("is called `{to}` now: name it so, with `--repo {to}`"),
        )
    )]
    Moved {
        /// What it was called.
        repository: String,
        /// What it is called, if GitHub says so.
        to: Option<String>,
    },
    /// The App or the token does not work.
    #[error("cannot sign in to GitHub: {0}")]
    SignIn(String),
}

impl ApiError {
    /// The status of an answer, where there was one.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether a write that failed so may have been carried out.
    pub const fn is_uncertain(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unreadable { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            Self::Limited { .. } | Self::Moved { .. } | Self::SignIn(_) => false,
        }
    }
}
