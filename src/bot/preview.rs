//! What a person sees of a proposal beside its score: first what it would change, then what would lower its risk.

use std::collections::BTreeSet;

use super::trial::Trial;
use crate::domain::documents::Recommendation;
use crate::domain::ids::{ParameterName, TriggerId};
use crate::domain::value::Value;
use crate::risk::{Explanation, Reduction, Situation};

/// What a proposal would do, and what would make it less risky.
#[derive(Debug, Default)]
pub struct Preview {
    /// Every parameter that it changes, with the present value.
    pub changes: Vec<Difference>,
    /// The files that a governance change touches.
    pub paths: Vec<String>,
    /// What came of trying a governance change.
    pub trial: Option<Trial>,
    /// The smallest edits that reach a lower level.
    pub reductions: Vec<Reduction>,
    /// The triggers that no edit removes.
    pub lasting: Vec<TriggerId>,
}

/// A parameter that is to be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Which.
    pub name: ParameterName,
    /// What it is now.
    pub before: Before,
    /// What it would be.
    pub after: Value,
}

/// What a parameter is now.
#[derive(Debug, Clone, PartialEq)]
pub enum Before {
    /// No target has it.
    Unset,
    /// This, in every target that has it.
    Is(Value),
    /// The targets differ.
    Various,
}

impl std::fmt::Display for Before {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unset => f.write_str("unset"),
            Self::Is(value) => write!(f, "{value}"),
            Self::Various => f.write_str("various"),
        }
    }
}

impl Preview {
    /// What there is to see of a recommendation.
    pub(super) fn of(
        document: &Recommendation,
        situation: &Situation,
        explanation: &Explanation<'_>,
    ) -> Self {
        Self {
            changes: differences(document, situation),
            reductions: explanation.reductions.clone(),
            lasting: explanation.lasting.clone(),
            ..Self::default()
        }
    }

    /// What there is to see of a governance change.
    pub(super) fn of_governance_change(paths: &[String], trial: Trial) -> Self {
        Self {
            paths: paths.to_vec(),
            trial: Some(trial),
            ..Self::default()
        }
    }
}

/// The canonical change, against what is on `main`.
pub(super) fn differences(document: &Recommendation, situation: &Situation) -> Vec<Difference> {
    let difference = |(name, value): (&ParameterName, &Value)| {
        let present: BTreeSet<&Value> = document
            .targets
            .iter()
            .filter_map(|target| situation.find_target(target)?.parameters.get(name))
            .collect();
        let before = match (present.len(), present.first()) {
            (1, Some(value)) => Before::Is((*value).clone()),
            (0, _) => Before::Unset,
            _ => Before::Various,
        };
        Difference {
            name: name.clone(),
            before,
            after: value.clone(),
        }
    };
    document.changes.iter().map(difference).collect()
}
