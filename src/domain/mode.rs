//! The deployment modes: how much of the gate is closed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::unexpected::Unexpected;

/// `mode` in `rules/governance.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything is scored, logged and shown; nothing waits.
    AutoApprove,
    /// Only HIGH waits, for an admin.
    HighOnly,
    /// MEDIUM and HIGH wait for a reviewer.
    SingleTier,
    /// MEDIUM waits for a reviewer, HIGH for an admin with a justification.
    TwoTier,
}

impl Mode {
    /// The name as documents write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AutoApprove => "auto_approve",
            Self::HighOnly => "high_only",
            Self::SingleTier => "single_tier",
            Self::TwoTier => "two_tier",
        }
    }
}
impl Mode {
    /// Whether anything waits for people.
    pub const fn asks_people(self) -> bool {
        !matches!(self, Self::AutoApprove)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl std::str::FromStr for Mode {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        [
            Self::AutoApprove,
            Self::HighOnly,
            Self::SingleTier,
            Self::TwoTier,
        ]
        .into_iter()
        .find(|mode| mode.as_str() == text)
        .ok_or_else(|| {
            let expected = "auto_approve, high_only, single_tier or two_tier";
            Unexpected::is_not(text, "a mode", expected)
        })
    }
}
