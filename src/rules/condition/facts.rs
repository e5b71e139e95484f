//! The facts that a condition may use: the one description of their names, types and meanings. Conditions are held
//! against it when they are read, and the comment of `rules/policy.yaml` is printed from it.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;

use crate::domain::ids::{EvidenceName, LabelName, ParameterName, TargetName};
use crate::domain::value::Value;
use crate::rules::evidence::EvidenceState;

/// A fact as the rules know it.
#[derive(Debug, Clone, Copy)]
pub struct FactInfo {
    pub name: &'static str,
    pub of_type: FactType,
    pub meaning: &'static str,
}

/// The type of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactType {
    Bool,
    Int,
    Text,
    /// A text that is always one of these.
    Word(&'static [&'static str]),
    /// A list of texts.
    Names,
    /// A number with a fraction.
    Number,
    /// A map of anything.
    Map,
    /// A map of texts.
    Texts,
    /// A list of such maps.
    Records(&'static Record),
    /// What `rules/evidence.yaml` names, read by name only.
    Evidence,
}

impl fmt::Display for FactType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Text | Self::Word(_) => "string",
            Self::Names => "list(string)",
            Self::Number => "double",
            Self::Map | Self::Texts | Self::Evidence => "map",
            Self::Records(_) => "list(map)",
        })
    }
}

const fn fact(name: &'static str, of_type: FactType, meaning: &'static str) -> FactInfo {
    FactInfo {
        name,
        of_type,
        meaning,
    }
}

const EFFECTS: &[&str] = &["none", "modify", "create", "delete", "unknown"];
const REVERSIBILITIES: &[&str] = &["easy", "effort", "irreversible", "unknown"];
const TIERS: &[&str] = &["conservative", "moderate", "aggressive", "beyond all tiers"];

#[rustfmt::skip]
pub static FACTS: [FactInfo; 24] = [
    fact("action", FactType::Text, "the action type"),
    fact("effect", FactType::Word(EFFECTS), "what it does to its targets"),
    fact("reversibility", FactType::Word(REVERSIBILITIES), "how hard it is to undo"),
    fact("affects", FactType::Names, "what else the action type touches, such as real_money"),
    fact("agent", FactType::Text, "the proposing agent"),
    fact("agent_registered", FactType::Bool, "whether the agent is listed in rules/agents.yaml"),
    fact("unattributed", FactType::Bool, "whether a commit of the branch is by nobody that the rules know"),
    fact("session", FactType::Text, "the agent's session"),
    fact("target_count", FactType::Int, "how many targets are acted on"),
    fact("bulk", FactType::Bool, "whether that is bulk"),
    fact("environment", FactType::Text, "the riskiest environment of the targets now, and of those proposed"),
    fact("production", FactType::Bool, "whether that environment is production (100 points)"),
    fact("to_production", FactType::Bool, "whether a target is moved into production from elsewhere"),
    fact("parameters", FactType::Names, "the parameters that change"),
    fact("unknown_parameters", FactType::Names, "those without guidance"),
    fact("safety_off", FactType::Names, "the safety controls switched off (to false, 0, off, no, nothing), and the limits removed"),
    fact("extreme", FactType::Names, "the parameters whose new value is past the extreme threshold"),
    fact("deviant", FactType::Names, "those more than 2 standard deviations from the mean"),
    fact("changes", FactType::Records(&CHANGE), "each change"),
    fact("targets", FactType::Records(&TARGET), "each target, as `main` has it"),
    fact("details", FactType::Map, "what the agent gives its executor"),
    fact("citations", FactType::Names, "the addresses that it cites"),
    fact("windows", FactType::Names, "the windows of governance.yaml that are open now"),
    fact("evidence", FactType::Evidence, "what others vouch for, by the names of evidence.yaml; what is missing makes it HIGH"),
];

/// What a list of maps holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// What one of them is: `a change`.
    pub noun: &'static str,
    pub keys: &'static [RecordKey],
}

/// A key of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordKey {
    pub name: &'static str,
    /// The type of its value; none if that depends on the proposal.
    pub of_type: Option<FactType>,
    /// What the name does not say.
    pub meaning: &'static str,
}

const fn key(name: &'static str, of_type: Option<FactType>, meaning: &'static str) -> RecordKey {
    RecordKey {
        name,
        of_type,
        meaning,
    }
}

/// One of the `changes`.
#[rustfmt::skip]
pub static CHANGE: Record = Record {
    noun: "a change",
    keys: &[
        key("parameter", Some(FactType::Text), ""),
        key("value", None, ""),
        key("before", None, "the present value; null where the targets have none, or different ones"),
        key("tier", Some(FactType::Word(TIERS)), ""),
        key("amount", Some(FactType::Number), "the value as a number: bytes, seconds"),
        key("delta", Some(FactType::Number), "how far it moves"),
        key("ratio", Some(FactType::Number), "how many times the present value it is"),
        key("baseline", None, "what people approved or set last, as `before`; agents may have moved it since"),
        key("baseline_delta", Some(FactType::Number), "how far it moves from there"),
        key("baseline_ratio", Some(FactType::Number), "how many times that it is"),
    ],
};

/// One of the `targets`.
#[rustfmt::skip]
pub static TARGET: Record = Record {
    noun: "a target",
    keys: &[
        key("name", Some(FactType::Text), ""),
        key("environment", Some(FactType::Text), "unknown where it does not exist"),
        key("labels", Some(FactType::Texts), ""),
        key("parameters", Some(FactType::Map), "its present values"),
    ],
};

impl Record {
    pub fn find(&self, name: &str) -> Option<&'static RecordKey> {
        let keys: &'static [RecordKey] = self.keys;
        keys.iter().find(|key| key.name == name)
    }
}

/// The fact of this name.
pub fn find(name: &str) -> Option<&'static FactInfo> {
    FACTS.iter().find(|fact| fact.name == name)
}

/// The facts with their types and meanings, a line each, as the comment of `rules/policy.yaml` has them.
pub fn described() -> Vec<String> {
    let mut lines = Vec::new();
    for fact in &FACTS {
        let more = match fact.of_type {
            FactType::Word(words) => format!(": {}", words.join(", ")),
            FactType::Records(record) => {
                let keys = record.keys.iter();
                let plain = keys.filter(|key| key.meaning.is_empty());
                let keys = plain.map(|key| match key.of_type {
                    Some(FactType::Word(words)) => format!("{} ({})", key.name, words.join(", ")),
                    _ => key.name.to_owned(),
                });
                format!(": {}; and", keys.collect::<Vec<_>>().join(", "))
            }
            _ => String::new(),
        };
        let of_type = fact.of_type.to_string();
        lines.push(format!(
            "{:<20} {of_type:<13} {}{more}",
            fact.name, fact.meaning
        ));
        if let FactType::Records(record) = fact.of_type {
            let keys = record.keys.iter().filter(|key| !key.meaning.is_empty());
            lines.extend(keys.map(|key| format!("{:36}{:<14} {}", "", key.name, key.meaning)));
        }
    }
    lines
}

/// The value of one fact.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    Bool(bool),
    Count(usize),
    Text(&'a str),
    Names(&'a [&'a str]),
    Map(&'a BTreeMap<String, Value>),
    Evidence(&'a BTreeMap<EvidenceName, EvidenceState>),
    Changes(&'a [ChangeFact<'a>]),
    Targets(&'a [TargetFact<'a>]),
}

/// One of the `changes`.
#[derive(Debug, Clone, Copy)]
pub struct ChangeFact<'a> {
    pub parameter: &'a ParameterName,
    pub value: &'a Value,
    /// The present value, where it is the same on all targets.
    pub before: Option<&'a Value>,
    pub tier: &'static str,
    /// The value as a number; none if it is of a type without an order.
    pub amount: Option<Decimal>,
    /// How far it moves, on the target on which it moves furthest.
    pub delta: Option<Decimal>,
    /// How many times the present value it is, on the target on which that is furthest from one.
    pub ratio: Option<Decimal>,
    /// The value that people approved or set last, where it is the same on all targets.
    pub baseline: Option<&'a Value>,
    /// How far it moves from there, on the target on which that is furthest.
    pub baseline_delta: Option<Decimal>,
    /// How many times that it is, on the target on which that is furthest from one.
    pub baseline_ratio: Option<Decimal>,
}

/// One of the `targets`.
#[derive(Debug, Clone, Copy)]
pub struct TargetFact<'a> {
    pub name: &'a TargetName,
    pub environment: &'a str,
    pub labels: &'a BTreeMap<LabelName, String>,
    pub parameters: &'a BTreeMap<ParameterName, Value>,
}

/// Something that can say the value of each of the [`FACTS`].
pub trait Facts: Send + Sync {
    /// The fact of this name.
    fn find_fact(&self, name: &str) -> Option<Fact<'_>>;
}
