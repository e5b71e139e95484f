//! A text that is none of ours, and what was expected in its place.

use super::ids::quoted;

/// Why a text could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unexpected {
    /// Told beside the text, which whoever asked for it shows.
    #[error("expected {0}")]
    Expected(String),
    #[error("{found} is not {kind}: expected {expected}")]
    IsNot {
        found: String,
        kind: &'static str,
        expected: &'static str,
    },
}

impl Unexpected {
    pub fn expected(what: impl Into<String>) -> Self {
        Self::Expected(what.into())
    }

    pub fn is_not(found: &str, kind: &'static str, expected: &'static str) -> Self {
        Self::IsNot {
            found: quoted(found),
            kind,
            expected,
        }
    }
}
