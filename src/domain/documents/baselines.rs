//! `baselines/<name>.yaml`: what people saw last of the parameters of a target that have moved since without them.
//!
//! The bot writes it together with the target's file, and `verify` computes it again. A parameter that is not listed
//! has the value that people approved or set.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema_tag;
use crate::domain::ids::{CaseId, ParameterName, TargetName};
use crate::domain::value::Value;

schema_tag! {
    /// The value of `schema` in the baselines of a target.
    BaselinesSchema, "countersign/baselines/v1"
}

/// The baselines of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baselines {
    /// `countersign/baselines/v1`.
    pub schema: BaselinesSchema,
    /// Each parameter that has moved.
    pub parameters: BTreeMap<ParameterName, Baseline>,
}

/// Where a parameter was when people saw it last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The value that people approved or set last; null if there was none.
    pub value: Value,
    /// What agents have made of it since. Where the target has another value, people have set that.
    pub now: Value,
    /// The first case that moved it since then.
    pub since: CaseId,
}

/// A baseline that a decision was made by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineRecord {
    pub parameter: ParameterName,
    /// The value that people approved or set last; null if there was none.
    pub value: Value,
    /// The first case that moved it since then.
    pub since: CaseId,
    /// The targets of which this is so.
    pub targets: Vec<TargetName>,
}

/// `stop_loss_pct was 2 when people saw it last, before 01J… (rsi-draft)`
impl fmt::Display for BaselineRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            parameter,
            value,
            since,
            targets,
        } = self;
        write!(
            f,
            "`{parameter}` was {value} when people saw it last, before `{since}` ("
        )?;
        for (index, target) in targets.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{target}")?;
        }
        f.write_str(")")
    }
}

impl Baselines {
    /// The folder of all baselines.
    pub const FOLDER: &str = "baselines";

    /// Where those of a target are kept.
    pub fn path_of(name: &TargetName) -> String {
        format!("{}/{}", Self::FOLDER, super::Target::file_of(name))
    }
}
