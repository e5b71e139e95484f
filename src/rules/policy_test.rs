//! `rules/tests/*.yaml`: a recommendation, the facts, and what must come out.
//!
//! Only the shape is here; `gate::policy` runs them, because that takes risk and gate.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RuleFiles;
use crate::domain::documents::{Requirement, Role, schema_tag};
use crate::domain::ids::{
    ActionName, AgentName, EvidenceName, GroupName, LabelName, ParameterName, TargetName,
    TriggerId, WindowName,
};
use crate::domain::level::{Level, Score};
use crate::domain::mode::Mode;
use crate::domain::problem::{Problem, Problems};
use crate::domain::value::{Number, Value};
use crate::domain::yaml;

schema_tag! {
    /// The value of `schema` in a file of policy tests.
    PolicyTestSchema, "countersign/policy-test/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPolicyTests {
    schema: PolicyTestSchema,
    tests: Vec<PolicyTest>,
}

/// A policy test and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedTest {
    /// The test.
    pub test: PolicyTest,
    /// Its file.
    pub file: String,
    /// Its place among the tests of that file, from 0.
    pub index: usize,
}

impl PlacedTest {
    /// What is wrong with it, with its place in the file.
    pub fn problem(&self, files: &RuleFiles, message: impl Into<String>) -> Problem {
        let key = format!("tests[{}]", self.index);
        let mut problem = Problem::of_key(&self.file, key, message);
        if let Some(bytes) = files.get(&self.file) {
            yaml::place(bytes, [&mut problem]);
        }
        problem
    }
}

/// One policy test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTest {
    /// What it shows, as a sentence.
    pub name: String,
    /// The mode to decide in; absent: the mode of `rules/governance.yaml`.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// What is proposed.
    #[serde(default)]
    pub recommend: Option<Proposal>,
    /// In place of that: the files that a governance change touches.
    #[serde(default)]
    pub change: Option<Vec<String>>,
    /// What is so on `main`.
    #[serde(default)]
    pub given: Given,
    /// What must come out.
    pub expect: Expected,
}

/// What is proposed, as far as it matters for risk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The proposing agent; absent: one that is registered and may propose this.
    #[serde(default)]
    pub agent: Option<AgentName>,
    /// The action type.
    pub action: ActionName,
    /// The targets.
    #[serde(default)]
    pub targets: Vec<TargetName>,
    /// The new values.
    #[serde(default)]
    pub changes: BTreeMap<ParameterName, Value>,
    /// What its executor is told besides.
    #[serde(default)]
    pub details: BTreeMap<String, Value>,
}

/// What is so on `main`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The targets that exist.
    #[serde(default)]
    pub targets: BTreeMap<TargetName, GivenTarget>,
    /// Whether a commit is by nobody that the rules know.
    #[serde(default)]
    pub unattributed: bool,
    /// The windows that are open.
    #[serde(default)]
    pub windows: BTreeSet<WindowName>,
    /// What is vouched for, by the names of `rules/evidence.yaml`.
    #[serde(default)]
    pub evidence: BTreeMap<EvidenceName, Value>,
    /// How much is used of the limits of rules, by their ids; absent: nothing.
    #[serde(default)]
    pub used: BTreeMap<TriggerId, Number>,
}

/// A target that exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenTarget {
    /// Where it runs.
    pub environment: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<LabelName, String>,
    /// Its present values.
    #[serde(default)]
    pub parameters: BTreeMap<ParameterName, Value>,
    /// The values that people approved or set last, of the parameters that agents have moved since.
    #[serde(default)]
    pub baselines: BTreeMap<ParameterName, Value>,
}

/// What must come out. What is absent is not looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The level.
    pub level: Level,
    /// The score, to the hundredth.
    #[serde(default)]
    pub score: Option<Score>,
    /// Exactly the triggers that fire.
    #[serde(default)]
    pub triggers: Option<BTreeSet<TriggerId>>,
    /// Texts that must each be in the reason of a factor or of a trigger.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Whether a rule refuses it.
    #[serde(default)]
    pub refused: Option<bool>,
    /// Whether a rule holds it back.
    #[serde(default)]
    pub held: Option<bool>,
    /// Exactly the groups that rules ask for.
    #[serde(default)]
    pub asks: Option<BTreeSet<GroupName>>,
    /// Who must approve.
    #[serde(default)]
    pub role: Option<Role>,
    /// The whole requirement.
    #[serde(default)]
    pub requires: Option<Requirement>,
}

/// Reads a file of policy tests.
pub fn read(path: &str, bytes: &[u8]) -> Result<Vec<PolicyTest>, Problems> {
    let raw: RawPolicyTests = yaml::read(path, bytes)?;
    let mut seen = BTreeSet::new();
    let twice = raw
        .tests
        .iter()
        .enumerate()
        .find(|(_, test)| !seen.insert(test.name.as_str()));
    if let Some((index, test)) = twice {
        return Err(Problem::of_key(
            path,
            format!("tests[{index}].name"),
            format!(
                "two tests are named {}: give each its own name",
                crate::domain::ids::quoted(&test.name)
            ),
        )
        .into());
    }
    let unclear =
        { raw.tests.iter() }.position(|test| test.recommend.is_some() == test.change.is_some());
    if let Some(index) = unclear {
        let message =
            "give either `recommend`, or `change` with the files that a governance change touches";
        return Err(Problem::of_key(path, format!("tests[{index}]"), message).into());
    }
    Ok(raw.tests)
}
