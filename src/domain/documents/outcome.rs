//! `claim.yaml`, `outcome.yaml` and `feedback/<id>.yaml`: what became of an approved recommendation.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema_tag;
use crate::domain::ids::{CaseId, Login};
use crate::domain::unexpected::Unexpected;
use crate::domain::value::Value;

schema_tag! {
    /// The value of `schema` in an outcome.
    OutcomeSchema, "countersign/outcome/v1"
}
schema_tag! {
    /// The value of `schema` in a claim.
    ClaimSchema, "countersign/claim/v1"
}
schema_tag! {
    /// The value of `schema` in a feedback.
    FeedbackSchema, "countersign/feedback/v1"
}

/// What carries out an approved action.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ExecutorKind {
    /// Nothing is to be done.
    None,
    /// The changes are written into the targets' files, together with the decision.
    Apply,
    /// A program is run on the bot's machine.
    Command,
    /// A signed request is sent.
    Http,
    /// A workflow is started through `repository_dispatch`, which reports how it ended.
    Dispatch,
    /// Another system does it and reports.
    External,
}

impl ExecutorKind {
    /// The name as documents write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Apply => "apply",
            Self::Command => "command",
            Self::Http => "http",
            Self::Dispatch => "dispatch",
            Self::External => "external",
        }
    }
    /// Whether the work is done by the very commits that record it, so that it cannot happen twice.
    pub const fn is_part_of_the_push(self) -> bool {
        matches!(self, Self::None | Self::Apply)
    }
    /// Whether the bot claims it by a commit before it starts, so that it is never started twice.
    pub const fn is_claimed(self) -> bool {
        matches!(self, Self::Command | Self::Http | Self::Dispatch)
    }
    /// Whether somebody else says how it ended, once the bot has started it.
    pub const fn is_reported(self) -> bool {
        matches!(self, Self::Dispatch)
    }
}
impl fmt::Display for ExecutorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl std::str::FromStr for ExecutorKind {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        [
            Self::None,
            Self::Apply,
            Self::Command,
            Self::Http,
            Self::Dispatch,
            Self::External,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| {
            let expected = "none, apply, command, http, dispatch or external";
            Unexpected::is_not(text, "an executor", expected)
        })
    }
}

/// What came of an attempt to carry out an approved recommendation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// `countersign/outcome/v1`.
    pub schema: OutcomeSchema,
    /// The case.
    pub id: CaseId,
    /// Counted from 1; a correction or a person's word on an unknown outcome is a further attempt.
    pub attempt: u32,
    /// What carried it out.
    pub executor: ExecutorKind,
    /// When it began.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub started_at: DateTime<Utc>,
    /// When it ended, or was found to have been cut off.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub finished_at: DateTime<Utc>,
    /// Whether it did what was approved; null when nobody knows, because the bot died in between.
    pub success: Option<bool>,
    /// What the executor had to say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Value>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The bot, or the login of the person or agent who reported it.
    pub reported_by: String,
}

impl Outcome {
    /// The name of this attempt's file in the folder of its case: the first is `outcome.yaml`, later ones are numbered.
    pub fn file_of(attempt: u32) -> Cow<'static, str> {
        match attempt {
            0 | 1 => Cow::Borrowed("outcome.yaml"),
            n => Cow::Owned(format!("outcome-{n}.yaml")),
        }
    }

    /// Where the outcome of this attempt is kept.
    pub fn path_of(id: CaseId, attempt: u32) -> String {
        format!("recommendations/{}/{}", id.folder(), Self::file_of(attempt))
    }

    /// `success`, `failure` or `unknown`.
    pub const fn word(success: Option<bool>) -> &'static str {
        match success {
            Some(true) => "success",
            Some(false) => "failure",
            None => "unknown",
        }
    }
}

/// Says that an execution is about to start, so that it is never started twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// `countersign/claim/v1`.
    pub schema: ClaimSchema,
    /// The case.
    pub id: CaseId,
    /// What is about to run.
    pub executor: ExecutorKind,
    /// When it was claimed.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub started_at: DateTime<Utc>,
    /// The latest moment at which it can still be running.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub ends_by: DateTime<Utc>,
    /// The machine that claimed it.
    pub host: String,
}

impl Claim {
    /// Its name in the folder of its case.
    pub const FILE: &str = "claim.yaml";

    /// Where the claim is kept.
    pub fn path_of(id: CaseId) -> String {
        format!("recommendations/{}/{}", id.folder(), Self::FILE)
    }
}

/// What a person has to say about a case, any time later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// `countersign/feedback/v1`.
    pub schema: FeedbackSchema,
    /// This feedback's own id.
    pub id: CaseId,
    /// The case it is about.
    pub recommendation: CaseId,
    /// Who says it.
    pub by: Login,
    /// What they say.
    pub message: String,
    /// When.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
}

impl Feedback {
    /// Where this feedback is kept.
    pub fn path_of(case: CaseId, feedback: CaseId) -> String {
        format!("recommendations/{}/feedback/{feedback}.yaml", case.folder())
    }
}
