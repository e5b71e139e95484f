//! `rules/policy.yaml`: conditions, what follows from each, and who must approve because of it.
//!
//! `rules/triggers.yaml`, the form before it, is read as well: its entries lift to HIGH, or to MEDIUM.

mod ask;
mod limit;
mod path_rule;
mod words;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RuleFiles;
use super::condition::{Condition, FACTS, find};
use super::evidence::EvidenceRules;
use crate::domain::documents::schema_tag;
use crate::domain::ids::TriggerId;
use crate::domain::level::Level;
use crate::domain::problem::{Problem, Problems};
use crate::domain::similar::expected_one_of;
use crate::domain::yaml;

pub use ask::{Ask, AskFrom, AskPart, RawAsk};
pub use limit::{Counted, Dimension, Limit, Period, RawLimit};
pub use path_rule::{PathRule, RawPathRule, fired as fired_by_paths};

/// Where this document is kept.
pub const PATH: &str = "rules/policy.yaml";
/// Where the form before it is kept.
pub const TRIGGERS: &str = "rules/triggers.yaml";

schema_tag! {
    /// The value of `schema` in the policy.
    PolicySchema, "countersign/policy/v1"
}

schema_tag! {
    /// The value of `schema` in the triggers.
    TriggersSchema, "countersign/triggers/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPolicy {
    schema: PolicySchema,
    /// The rules, in the order in which they are reported.
    rules: Vec<RawRule>,
    /// Who must approve a governance change because of the files that it touches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    paths: Vec<RawPathRule>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawRule {
    /// Its name in reports.
    id: TriggerId,
    /// A CEL expression over the facts; one that fails counts as fired.
    when: String,
    /// How much may be approved before it holds; absent: it always holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<RawLimit>,
    /// What follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    then: Option<Consequence>,
    /// Who must approve, beside whom the level asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask: Option<RawAsk>,
    /// What people are told; `{fact}` is replaced by the fact's value.
    reason: String,
}

/// The document of the form before, as written.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum TriggerLevel {
    /// Lifts the score to `medium_trigger_score`.
    Medium,
    /// Lifts the score to `trigger_score`.
    #[default]
    High,
}

impl TriggerLevel {
    fn is_high(&self) -> bool {
        *self == Self::High
    }
}

/// What follows from a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Consequence {
    /// It is recorded and shown, and changes nothing.
    #[serde(rename = "note")]
    Note,
    /// Lifts the score to `medium_trigger_score`, at least.
    #[serde(rename = "MEDIUM")]
    Medium,
    /// Lifts the score to `trigger_score`, at least.
    #[serde(rename = "HIGH")]
    High,
    /// Approvals are collected, and nothing is merged while the condition holds.
    #[serde(rename = "wait")]
    Wait,
    /// The proposal ends as refused; no approval lifts that.
    #[serde(rename = "refuse")]
    Refuse,
}

impl Consequence {
    /// The level that it makes, at least; none if it lifts nothing.
    pub const fn level(self) -> Option<Level> {
        match self {
            Self::Medium => Some(Level::Medium),
            Self::High => Some(Level::High),
            Self::Note | Self::Wait | Self::Refuse => None,
        }
    }
}

/// A validated rule.
#[derive(Debug)]
pub struct PolicyRule {
    /// Its name in reports.
    pub id: TriggerId,
    /// When it fires.
    pub when: Condition,
    /// How much may be approved before it does.
    pub limit: Option<Limit>,
    /// What follows; none: it only asks.
    pub then: Option<Consequence>,
    /// Who must approve, beside whom the level asks for.
    pub ask: Option<Ask>,
    /// What people are told, with `{fact}` for a fact's value.
    pub reason: String,
    place: Place,
}

/// Where a rule is written.
#[derive(Debug, Clone)]
struct Place {
    file: &'static str,
    key: String,
}

impl PolicyRule {
    /// What is wrong with one of its keys.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        self.place.problem(key, message)
    }

    /// Where it stands: the file, and the key of its `id`.
    pub fn place(&self) -> Problem {
        self.problem("id", "")
    }

    /// The level that it makes, at least; none if it lifts nothing.
    pub fn level(&self) -> Option<Level> {
        self.then.and_then(Consequence::level)
    }
}

impl Place {
    fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        Problem::of_key(self.file, format!("{}.{key}", self.key), message)
    }
}

/// Everything that a policy says.
#[derive(Debug)]
pub struct Policy {
    /// Of recommendations.
    pub rules: Vec<PolicyRule>,
    /// Of governance changes.
    pub paths: Vec<PathRule>,
}

/// Reads the rules of both files, those of the older form first. Where the evidence cannot be read, nothing is known
/// of what conditions name of it.
///
/// # Errors
/// When both are missing, or one is unreadable, or an expression does not compile.
pub fn read(files: &RuleFiles, evidence: Option<&EvidenceRules>) -> Result<Policy, Problems> {
    let mut problems = Vec::new();
    let mut paths = Vec::new();
    let mut written = Vec::new();
    if let Some(bytes) = files.get(TRIGGERS) {
        match yaml::read::<RawTriggers>(TRIGGERS, bytes) {
            Ok(raw) => {
                let triggers = raw.triggers.into_iter().enumerate();
                written.extend(triggers.map(|(index, raw)| of_trigger(index, raw)));
            }
            Err(found) => problems.extend(found.0),
        }
    }
    if let Some(bytes) = files.get(PATH) {
        match yaml::read::<RawPolicy>(PATH, bytes) {
            Ok(raw) => {
                let rules = raw.rules.into_iter().enumerate();
                written.extend(rules.map(|(index, raw)| of_rule(index, raw)));
                paths = raw.paths;
            }
            Err(found) => problems.extend(found.0),
        }
    } else if !files.contains_key(TRIGGERS) {
        super::file(files, PATH)?;
    }
    let mut seen = BTreeSet::new();
    let rules = written.into_iter().filter_map(|(raw, place)| {
        if !seen.insert(raw.id.clone()) {
            let message = format!("`{}` is there twice: give each rule its own id", raw.id);
            problems.push(place.problem("id", message));
        }
        validated(raw, place, evidence, &mut problems)
    });
    let rules: Vec<PolicyRule> = rules.collect();
    let mut read = Vec::new();
    for (index, raw) in paths.into_iter().enumerate() {
        read.extend(path_rule::validated(raw, index, &mut problems));
    }
    for rule in &read {
        if !seen.insert(rule.id.clone()) {
            let message = format!("`{}` is there twice: give each rule its own id", rule.id);
            problems.push(rule.problem("id", message));
        }
    }
    if problems.is_empty() {
        Ok(Policy { rules, paths: read })
    } else {
        Err(Problems(problems))
    }
}

fn of_trigger(index: usize, raw: RawTrigger) -> (RawRule, Place) {
    let rule = RawRule {
        id: raw.id,
        when: raw.when,
        limit: None,
        then: Some(match raw.then {
            TriggerLevel::Medium => Consequence::Medium,
            TriggerLevel::High => Consequence::High,
        }),
        ask: None,
        reason: raw.reason,
    };
    let place = Place {
        file: TRIGGERS,
        key: format!("triggers[{index}]"),
    };
    (rule, place)
}

fn of_rule(index: usize, raw: RawRule) -> (RawRule, Place) {
    let place = Place {
        file: PATH,
        key: format!("rules[{index}]"),
    };
    (raw, place)
}

fn validated(
    raw: RawRule,
    place: Place,
    evidence: Option<&EvidenceRules>,
    problems: &mut Vec<Problem>,
) -> Option<PolicyRule> {
    if raw.then.is_none() && raw.ask.is_none() {
        let message = "nothing follows from this rule: give `then` (note, MEDIUM, HIGH, wait or refuse), `ask`, or both";
        problems.push(place.problem("then", message));
    }
    if raw.ask.is_some() && matches!(raw.then, Some(Consequence::Refuse | Consequence::Note)) {
        let message =
            "what is refused or only noted asks nobody: leave `ask` out, or choose another `then`";
        problems.push(place.problem("ask", message));
    }
    for word in placeholders(&raw.reason).filter(|word| find(word).is_none()) {
        let known: Vec<&str> = FACTS.iter().map(|fact| fact.name).collect();
        let expected = expected_one_of(word, &known);
        let message = format!("`{{{word}}}` is not a fact{expected}");
        problems.push(place.problem("reason", message));
    }
    let ask = raw.ask.map(|ask| Ask::validated(ask, &place, problems));
    let when = Condition::compile(&raw.when, evidence);
    let reads_claims = |when: &Condition| {
        let mut facts = when.facts().iter();
        facts.any(|fact| matches!(*fact, "details" | "citations" | "session"))
    };
    if ask.as_ref().is_some_and(|ask| ask.instead) && when.as_ref().is_ok_and(reads_claims) {
        let message = "what an agent claims (`details`, `citations`, `session`) cannot have others asked instead: look at what \
                       `main` says, or leave `instead` out";
        problems.push(place.problem("ask", message));
    }
    if raw.limit.is_some() && ask.as_ref().is_some_and(|ask| ask.instead) {
        let message = "who is asked instead does not depend on how much was used: leave `instead` or `limit` out";
        problems.push(place.problem("limit", message));
    }
    let limit = match raw.limit {
        Some(limit) => Some(Limit::validated(limit, &place, problems)?),
        None => None,
    };
    match when {
        Ok(when) => Some(PolicyRule {
            id: raw.id,
            when,
            limit,
            then: raw.then,
            ask,
            reason: raw.reason,
            place,
        }),
        Err(error) => {
            problems.push(place.problem("when", error.to_string()));
            None
        }
    }
}

fn placeholders(reason: &str) -> impl Iterator<Item = &str> {
    let parts = reason.split('{').skip(1);
    parts.filter_map(|rest| Some(rest.split_once('}')?.0))
}
