//! What people do to a pull request: reviews and comments.

use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::documents::AccountRecord;
use super::ids::Sha;
use super::unexpected::Unexpected;

/// A review as the forge holds it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Its id on the forge.
    pub id: String,
    /// Who gave it.
    pub account: AccountRecord,
    /// Whether the forge marks that account as a program.
    pub is_bot: bool,
    /// What it says.
    pub opinion: Opinion,
    /// The commit that it was given for.
    pub head: Sha,
    /// The tip of `main` when it was given, where the forge records it.
    pub main: Option<Sha>,
    /// Its text.
    pub body: String,
    /// When it was given.
    pub at: DateTime<Utc>,
    /// Whether its text was changed afterwards: then no command in it is taken.
    pub edited: bool,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// Yes, to exactly that commit.
    Approve,
    /// Not like this.
    RequestChanges,
    /// Neither.
    Comment,
    /// Taken back, by its author or somebody entitled.
    Dismissed,
}

/// A comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Its id on the forge.
    pub id: String,
    /// Who wrote it.
    pub account: AccountRecord,
    /// Whether the forge marks that account as a program.
    pub is_bot: bool,
    /// Its text.
    pub body: String,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Whether its text was changed afterwards: then no command in it is taken.
    pub edited: bool,
}

/// How sure an approver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Would do it again blindfold.
    VeryConfident,
    /// Sure enough.
    Confident,
    /// Not sure: worth a look at the outcome.
    Uncertain,
}

impl Confidence {
    /// The name as people and documents write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VeryConfident => "very_confident",
            Self::Confident => "confident",
            Self::Uncertain => "uncertain",
        }
    }
}
impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl std::str::FromStr for Confidence {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        [Self::VeryConfident, Self::Confident, Self::Uncertain]
            .into_iter()
            .find(|c| c.as_str() == text)
            .ok_or_else(|| {
                let expected = "very_confident, confident or uncertain";
                Unexpected::is_not(text, "a confidence", expected)
            })
    }
}
