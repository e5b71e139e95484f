//! `rules/triggers.yaml`: conditions that make a proposal at least MEDIUM or HIGH whatever its score.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, FACTS, find};
use super::{RuleFiles, file};
use crate::domain::documents::schema_tag;
use crate::domain::ids::TriggerId;
use crate::domain::level::Level;
use crate::domain::problem::{Problem, Problems};
use crate::domain::similar::expected_one_of;
use crate::domain::yaml;

/// Where this document is kept.
pub const PATH: &str = "rules/triggers.yaml";

schema_tag! {
    /// The value of `schema` in the triggers.
    TriggersSchema, "countersign/triggers/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTriggers {
    schema: TriggersSchema,
    /// The triggers, in the order in which they are reported.
    triggers: Vec<RawTrigger>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawTrigger {
    /// Its name in reports.
    id: TriggerId,
    /// A CEL expression over the facts; one that fails counts as fired.
    when: String,
    /// The level that it makes, at least.
    #[serde(default, skip_serializing_if = "TriggerLevel::is_high")]
    then: TriggerLevel,
    /// What people are told; `{fact}` is replaced by the fact's value.
    reason: String,
}

/// The level that a trigger makes, at least.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum TriggerLevel {
    /// Lifts the score to `medium_trigger_score`.
    Medium,
    /// Lifts the score to `trigger_score`.
    #[default]
    High,
}

impl TriggerLevel {
    /// The level itself.
    pub const fn level(self) -> Level {
        match self {
            Self::Medium => Level::Medium,
            Self::High => Level::High,
        }
    }

    fn is_high(&self) -> bool {
        *self == Self::High
    }
}

/// A validated trigger.
#[derive(Debug)]
pub struct Trigger {
    /// Its name in reports.
    pub id: TriggerId,
    /// When it fires.
    pub when: Condition,
    /// The level that it makes, at least.
    pub then: TriggerLevel,
    /// What people are told, with `{fact}` for a fact's value.
    pub reason: String,
}

/// Reads the file.
///
/// # Errors
/// When it is missing, unreadable, or an expression does not compile.
pub fn read(files: &RuleFiles) -> Result<Vec<Trigger>, Problems> {
    let raw: RawTriggers = yaml::read(PATH, file(files, PATH)?)?;
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    let mut triggers = Vec::new();
    for (index, raw) in raw.triggers.into_iter().enumerate() {
        let mut say = |key: &str, message: String| {
            problems.push(Problem::of_key(
                PATH,
                format!("triggers[{index}].{key}"),
                message,
            ))
        };
        if !seen.insert(raw.id.clone()) {
            say(
                "id",
                format!("`{}` is there twice: give each trigger its own id", raw.id),
            );
        }
        for word in raw
            .reason
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(word, _)| word)
        {
            if find(word).is_none() {
                let known: Vec<&str> = FACTS.iter().map(|fact| fact.name).collect();
                let expected = expected_one_of(word, &known);
                say("reason", format!("`{{{word}}}` is not a fact{expected}"));
            }
        }
        match Condition::compile(&raw.when) {
            Ok(when) => triggers.push(Trigger {
                id: raw.id,
                when,
                then: raw.then,
                reason: raw.reason,
            }),
            Err(error) => say("when", error.to_string()),
        }
    }
    if problems.is_empty() {
        Ok(triggers)
    } else {
        Err(Problems(problems))
    }
}
