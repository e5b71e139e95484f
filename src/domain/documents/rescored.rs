//! `rescored.yaml`: what was decided would be asked more by now, so the bot does not carry it out.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assessment, ExecutorKind, Requirement, RulesRecord, schema_tag};
use crate::domain::ids::CaseId;
use crate::domain::level::{Level, Score};

schema_tag! {
    /// The value of `schema` in a record of a case that was scored again.
    RescoredSchema, "countersign/rescored/v1"
}

/// An approved case that was scored again on the tip of `main` before it was carried out, and would be asked more
/// than it was: a higher level, a higher role, more approvals or a justification.
///
/// The bot does not carry it out, now or later. A person proposes it anew with a fresh id, or carries it out by hand
/// and reports that with `countersign outcome`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rescored {
    /// `countersign/rescored/v1`.
    pub schema: RescoredSchema,
    /// The case.
    pub id: CaseId,
    /// When it was scored again.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
    /// What it was approved for: `external` where somebody else had carried it out before the bot could say this.
    pub executor: ExecutorKind,
    /// The engine and its version.
    pub engine: String,
    /// The rules that it was scored by again.
    pub rules: RulesRecord,
    /// What the decision says.
    pub was: Asked,
    /// What it would be asked now.
    pub now: AskedAgain,
}

/// How risky a case was when it was decided, and what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The score.
    pub score: Score,
    /// The level.
    pub level: Level,
    /// What the gate asked for.
    pub required: Requirement,
}

/// How risky the same case is later, and what would be asked of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedAgain {
    /// The whole assessment.
    pub risk: Assessment,
    /// What the gate would ask for.
    pub required: Requirement,
}

impl AskedAgain {
    /// Whether more is asked for than was.
    pub fn exceeds(&self, was: &Asked) -> bool {
        let (now, before) = (self.required, was.required);
        self.risk.level > was.level
            || now.role > before.role
            || now.approvals > before.approvals
            || (now.justification && !before.justification)
    }
}

impl Rescored {
    /// Its name in the folder of its case.
    pub const FILE: &str = "rescored.yaml";
    /// What became of the case, in one word.
    pub const WORD: &str = "rescored";

    /// Where the record is kept.
    pub fn path_of(id: CaseId) -> String {
        format!("recommendations/{}/{}", id.folder(), Self::FILE)
    }

    /// What changed, in a few words: `LOW 5.00 is now MEDIUM 45.00`.
    pub fn change(&self) -> String {
        let (was, now) = (&self.was, &self.now.risk);
        if (was.level, was.score) == (now.level, now.score) {
            return format!(
                "{} {}, for which the rules ask more now",
                was.level, was.score
            );
        }
        format!(
            "{} {} is now {} {}",
            was.level, was.score, now.level, now.score
        )
    }

    /// What people can do about it.
    pub fn advice(&self) -> &'static str {
        match self.executor {
            ExecutorKind::External => {
                "Somebody else reports that it was carried out; look whether that should have been"
            }
            _ => {
                "The bot does not carry it out: propose it anew with a fresh id, or carry it out by hand and report that with `countersign outcome`"
            }
        }
    }
}
