//! A set of edits that was scored, as documents and programs read it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::amendment::Amendment;
use crate::domain::documents::Recommendation;
use crate::domain::level::{Level, Score};
use crate::domain::value::Value;

/// The key of [`Reduction::edits`] that replaces the targets.
pub const TARGETS: &str = "targets";
/// The key of [`Reduction::edits`] that lists the changes to leave out.
pub const DROP: &str = "drop";

/// Parameters of these names are never given a new value, so that a key among the edits has one
/// meaning.
pub(super) const RESERVED: [&str; 2] = [TARGETS, DROP];

/// A set of edits that reaches a lower level, or at least a lower score.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Reduction {
    /// What to write instead: `{"stop_loss_pct": 5}` gives that entry of `changes` another value,
    /// `{"targets": ["a"]}` replaces the targets, `{"drop": ["leverage"]}` leaves these entries of
    /// `changes` out. `targets` and `drop` always mean that: a parameter of such a name is only
    /// ever dropped.
    pub edits: BTreeMap<String, Value>,
    /// The score of the edited recommendation.
    pub score: Score,
    /// Its level.
    pub level: Level,
    /// Whether it is there because no rule asks for approvals of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unasked: bool,
    /// What to bear in mind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

impl Reduction {
    /// What somebody would approve who approves the recommendation with these edits, if that is less of it: nothing
    /// but what is proposed.
    pub fn as_amendment(&self, recommendation: &Recommendation) -> Option<Amendment> {
        Amendment::between(recommendation, &self.apply(recommendation))
    }

    /// The recommendation with these edits.
    pub fn apply(&self, recommendation: &Recommendation) -> Recommendation {
        let mut edited = recommendation.clone();
        for (key, value) in &self.edits {
            match (key.as_str(), value) {
                (TARGETS, Value::List(names)) => {
                    let names = names.iter().filter_map(Value::text);
                    edited.targets = names.filter_map(|name| name.parse().ok()).collect();
                }
                (DROP, Value::List(names)) => {
                    for name in names.iter().filter_map(Value::text) {
                        edited.changes.remove(name);
                    }
                }
                (name, value) => {
                    if let Ok(name) = name.parse() {
                        edited.changes.insert(name, value.clone());
                    }
                }
            }
        }
        edited
    }
}
