//! What a grant of `rules/autonomy.yaml` came to in one case: with which figures nobody was asked, or why people were.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::ids::GrantId;
use crate::domain::proportion::{Percent, Proportion};

/// A grant, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRecord {
    /// Its id in `rules/autonomy.yaml`.
    pub id: GrantId,
    pub answer: GrantAnswer,
    /// Which case of the grant and of its kind this is, counted from 1.
    pub number: u64,
    /// How many of its kind people approved, of those that they decided within the time of the grant.
    pub approved: RateRecord,
    /// How many of its kind were carried out successfully within that time.
    pub succeeded: RateRecord,
    /// The bot's signature over the grant and the number, by which it was drawn or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<String>,
    /// All of that in words.
    pub reason: String,
}

impl GrantRecord {
    /// Whether anybody is asked, and why.
    pub fn sentence(&self) -> String {
        let who = match self.answer {
            GrantAnswer::Granted => "Nobody is asked",
            _ => "People are asked",
        };
        format!("{who}: {}.", self.reason)
    }

    /// Whether it lets the case pass.
    pub fn is_granted(&self) -> bool {
        self.answer == GrantAnswer::Granted
    }
}

/// What came of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantAnswer {
    /// Nobody is asked.
    Granted,
    /// It is in the sample that people decide.
    Drawn,
    /// It would be granted, but the bot that decided it did not have the key that draws.
    NotDrawn,
    /// The record does not bear it yet, or does no longer.
    NotEarned,
    /// It was lost by what happened lately.
    Lost,
}

/// So many of so many, and what can be said of the true rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateRecord {
    pub count: u32,
    pub of: u32,
    /// The lower end of Wilson's interval of 95 %, rounded down.
    pub at_least: Percent,
}

impl From<Proportion> for RateRecord {
    fn from(share: Proportion) -> Self {
        Self {
            count: share.count,
            of: share.of,
            at_least: share.lower_bound(),
        }
    }
}

/// `58 of 60 (at least 88.64 %)`
impl fmt::Display for RateRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            count,
            of,
            at_least,
        } = self;
        write!(f, "{count} of {of} (at least {at_least})")
    }
}
