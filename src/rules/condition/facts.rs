//! The facts that a condition may use: the one description of their names, types and meanings. Conditions are held
//! against it when they are read, and the comment of `rules/policy.yaml` is printed from it.

use std::fmt;

use crate::domain::ids::ParameterName;
use crate::domain::value::Value;

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
    /// A list of maps with the keys of `CHANGE`.
    Changes,
}

impl fmt::Display for FactType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Text | Self::Word(_) => "string",
            Self::Names => "list(string)",
            Self::Changes => "list(map)",
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
pub const FACTS: [FactInfo; 20] = [
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
    fact("changes", FactType::Changes, "each change"),
    fact("windows", FactType::Names, "the windows of governance.yaml that are open now"),
];

/// The key of a change.
#[derive(Debug, Clone, Copy)]
pub struct ChangeKey {
    pub name: &'static str,
    /// The type of its value; none if that depends on the proposal.
    pub of_type: Option<FactType>,
}

/// The keys of each change.
pub const CHANGE: [ChangeKey; 3] = [
    ChangeKey {
        name: "parameter",
        of_type: Some(FactType::Text),
    },
    ChangeKey {
        name: "value",
        of_type: None,
    },
    ChangeKey {
        name: "tier",
        of_type: Some(FactType::Word(TIERS)),
    },
];

/// The fact of this name.
pub fn find(name: &str) -> Option<&'static FactInfo> {
    FACTS.iter().find(|fact| fact.name == name)
}

/// The facts with their types and meanings, a line each, as the comment of `rules/policy.yaml` has them.
pub fn described() -> Vec<String> {
    let lines = FACTS.iter().map(|fact| {
        let more = match fact.of_type {
            FactType::Word(words) => format!(": {}", words.join(", ")),
            FactType::Changes => {
                let keys = CHANGE.iter().map(|key| match key.of_type {
                    Some(FactType::Word(words)) => format!("{} ({})", key.name, words.join(", ")),
                    _ => key.name.to_owned(),
                });
                format!(": {}", keys.collect::<Vec<_>>().join(", "))
            }
            _ => String::new(),
        };
        let of_type = fact.of_type.to_string();
        format!("{:<20} {of_type:<13} {}{more}", fact.name, fact.meaning)
    });
    lines.collect()
}

/// The value of one fact.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    Bool(bool),
    Count(usize),
    Text(&'a str),
    Names(&'a [&'a str]),
    /// What changes: parameter, new value, tier.
    Changes(&'a [(&'a ParameterName, &'a Value, &'static str)]),
}

/// Something that can say the value of each of the [`FACTS`].
pub trait Facts: Send + Sync {
    /// The fact of this name.
    fn find_fact(&self, name: &str) -> Option<Fact<'_>>;
}
