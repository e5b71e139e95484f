//! `freeze.yaml`: there only while nothing may be merged or executed.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema_tag;
use crate::domain::ids::{Login, PullNumber};

schema_tag! {
    /// The value of `schema` in a freeze.
    FreezeSchema, "countersign/freeze/v1"
}

/// Everything is stopped: by whom, since when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// `countersign/freeze/v1`.
    pub schema: FreezeSchema,
    /// Who stopped it: a reviewer or an admin.
    pub by: Login,
    /// Why.
    pub reason: String,
    /// Since when.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
    /// The review or comment whose `/freeze` it was, which is never heard again; absent if it was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_in: Option<SaidIn>,
}

/// Where a command was given. Written as `#12 review r3` in a trailer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaidIn {
    /// The number of the pull request.
    pub pull: PullNumber,
    pub kind: SaidInKind,
    /// The id on the forge of the review or comment.
    pub id: String,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SaidInKind {
    Review,
    Comment,
}

impl SaidInKind {
    const ALL: [Self; 2] = [Self::Review, Self::Comment];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Comment => "comment",
        }
    }
}

impl fmt::Display for SaidIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.pull, self.kind.as_str(), self.id)
    }
}

/// What a text that is no [`SaidIn`] should have been.
#[derive(Debug, thiserror::Error)]
#[error("expected `#NUMBER review ID` or `#NUMBER comment ID`")]
pub struct SaidInError;

impl FromStr for SaidIn {
    type Err = SaidInError;
    fn from_str(text: &str) -> Result<Self, SaidInError> {
        let mut words = text.splitn(3, ' ');
        let (Some(pull), Some(kind), Some(id)) = (words.next(), words.next(), words.next()) else {
            return Err(SaidInError);
        };
        let number = pull
            .strip_prefix('#')
            .and_then(|number| number.parse().ok());
        let kind = SaidInKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind);
        Ok(Self {
            pull: PullNumber(number.ok_or(SaidInError)?),
            kind: kind.ok_or(SaidInError)?,
            id: id.to_owned(),
        })
    }
}

impl Freeze {
    /// Where the document is kept.
    pub const PATH: &'static str = "freeze.yaml";
}
