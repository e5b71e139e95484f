//! `targets/<name>.yaml`: what is governed, and the trusted facts about it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema_tag;
use crate::domain::ids::{LabelName, ParameterName, TargetName};
use crate::domain::value::Value;

schema_tag! {
    /// The value of `schema` in a target.
    TargetSchema, "countersign/target/v1"
}

/// Something that agents may propose to change, as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `countersign/target/v1`.
    pub schema: TargetSchema,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it runs: a name listed under `points.environment` in `rules/governance.yaml`.
    pub environment: String,
    /// What else is so of it, which rules may look at. No agent changes it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<LabelName, String>,
    /// A target in a less risky environment on which a change can be tried first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<TargetName>,
    /// The present values of its parameters.
    #[serde(default)]
    pub parameters: BTreeMap<ParameterName, Value>,
}

impl Target {
    /// The folder of all targets.
    pub const FOLDER: &str = "targets";
    /// What the file of the target of this name is called there.
    pub fn file_of(name: &TargetName) -> String {
        format!("{name}.yaml")
    }
    /// Where the target of this name is kept.
    pub fn path_of(name: &TargetName) -> String {
        format!("{}/{}", Self::FOLDER, Self::file_of(name))
    }
}
