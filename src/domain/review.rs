//! What people do to a pull request: reviews, comments, and the commands inside them.

use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::documents::{AccountRecord, RejectionCategory};
use super::ids::Sha;

/// A review as the forge holds it now.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::VeryConfident, Self::Confident, Self::Uncertain]
            .into_iter()
            .find(|c| c.as_str() == text)
            .ok_or_else(|| {
                format!(
                    "{} is not a confidence: expected very_confident, confident or uncertain",
                    super::ids::quoted(text)
                )
            })
    }
}

/// A line that begins with a slash, in a review or a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `/reject CATEGORY: reason`
    Reject {
        /// The main concern.
        category: RejectionCategory,
        /// In the person's words.
        reason: String,
    },
    /// `/confidence very_confident|confident|uncertain`
    Confidence(Confidence),
    /// `/feedback TEXT`
    Feedback(String),
    /// `/freeze REASON`
    Freeze(String),
    /// `/recheck`
    Recheck,
}

impl Command {
    /// The commands in a text, one a line; a line that is meant as one but cannot be read is an error
    /// that says how it is written. Lines that begin with another slash word are nobody's.
    pub fn find_all(text: &str) -> Vec<Result<Self, String>> {
        text.lines()
            .filter_map(|line| Self::find_in_line(line.trim()))
            .collect()
    }

    fn find_in_line(line: &str) -> Option<Result<Self, String>> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let needs = |text: &str, usage: &str| {
            if text.is_empty() {
                Err(format!("expected `{usage}`"))
            } else {
                Ok(text.to_owned())
            }
        };
        Some(match word {
            "/reject" => {
                let (category, reason) = rest.split_once(':').unwrap_or((rest, ""));
                category.trim().parse().map(|category| Self::Reject {
                    category,
                    reason: reason.trim().to_owned(),
                })
            }
            "/confidence" => rest.parse().map(Self::Confidence),
            "/feedback" => needs(rest, "/feedback TEXT").map(Self::Feedback),
            "/freeze" => needs(rest, "/freeze REASON").map(Self::Freeze),
            "/recheck" => Ok(Self::Recheck),
            _ => return None,
        })
    }

    /// The text without its command lines: what a justification is measured by.
    pub fn strip(text: &str) -> String {
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| Self::find_in_line(line.trim()).is_none())
            .collect();
        kept.join("\n").trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_lines_that_begin_with_a_slash() {
        let found = Command::find_all(
            "looks wrong\n/reject too_risky: leverage\n  /confidence uncertain\n/usr/bin is a path\nsee /reject",
        );
        assert_eq!(
            found,
            [
                Ok(Command::Reject {
                    category: RejectionCategory::TooRisky,
                    reason: "leverage".into()
                }),
                Ok(Command::Confidence(Confidence::Uncertain)),
            ]
        );
        let wrong = Command::find_all("/reject because").remove(0).unwrap_err();
        assert!(wrong.contains("`because` is not a category"), "{wrong}");
        assert_eq!(
            Command::strip("fine\n/confidence confident\nby me"),
            "fine\nby me"
        );
    }
}
