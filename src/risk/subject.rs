//! A proposal beside everything that is known of it: what the factors and triggers look at.
//!
//! It borrows, so that a variation of a proposal (another value, fewer targets) costs no copy of
//! the whole recommendation.

use std::collections::BTreeMap;

use crate::domain::documents::{Citation, Recommendation};
use crate::domain::ids::{ActionName, AgentName, ParameterName, Session, TargetName};
use crate::domain::value::Value;
use crate::risk::risk_context::{KnownTarget, RiskContext};
use crate::rules::Rules;
use crate::rules::actions::{ActionType, Effect};

/// A proposal, its targets on `main`, and the rules.
#[derive(Clone)]
pub(crate) struct ScoringInput<'a> {
    pub(crate) agent: &'a AgentName,
    pub(crate) session: &'a Session,
    pub(crate) action: &'a ActionName,
    /// The action's type; none when the rules do not list it.
    pub(crate) action_type: Option<&'a ActionType>,
    /// Each named target with what `main` says of it; none when it does not exist there.
    pub(crate) targets: Vec<(&'a TargetName, Option<&'a KnownTarget>)>,
    /// What the agent gives the executor beside the changes.
    pub(crate) details: &'a BTreeMap<String, Value>,
    pub(crate) citations: &'a [Citation],
    /// Each entry of `changes`, in the order of the names.
    pub(crate) changes: Vec<(&'a ParameterName, &'a Value)>,
    pub(crate) situation: &'a RiskContext,
    pub(crate) rules: &'a Rules,
}

impl<'a> ScoringInput<'a> {
    pub(crate) fn new(
        recommendation: &'a Recommendation,
        situation: &'a RiskContext,
        rules: &'a Rules,
    ) -> Self {
        let targets = recommendation.targets.iter();
        Self {
            agent: &recommendation.agent,
            session: &recommendation.session,
            action: &recommendation.action,
            action_type: rules.actions.get(&recommendation.action),
            targets: targets
                .map(|name| (name, situation.find_target(name)))
                .collect(),
            details: &recommendation.details,
            citations: &recommendation.citations,
            changes: recommendation.changes.iter().collect(),
            situation,
            rules,
        }
    }

    /// What the action does; none when the rules do not list it.
    pub(crate) fn effect(&self) -> Option<Effect> {
        self.action_type.map(|action| action.effect)
    }

    /// The proposed value of a parameter.
    pub(crate) fn proposed(&self, name: &ParameterName) -> Option<&'a Value> {
        let at = self
            .changes
            .binary_search_by(|(change, _)| (*change).cmp(name))
            .ok()?;
        self.changes.get(at).map(|(_, value)| *value)
    }

    /// Whether a proposed value differs from the present one on any target. What is not known to
    /// be equal differs.
    ///
    /// A target's environment is present twice, in `environment` of its file and in the parameter that
    /// names it; to propose it sets both, so it differs where either does.
    pub(crate) fn differs(&self, name: &ParameterName, value: &Value) -> bool {
        let mut targets = self.targets.iter();
        targets.len() == 0 || targets.any(|(_, known)| self.differs_on(*known, name, value))
    }

    /// Whether a proposed value differs from the present one on this target.
    pub(crate) fn differs_on(
        &self,
        known: Option<&KnownTarget>,
        name: &ParameterName,
        value: &Value,
    ) -> bool {
        let moves = |target: &KnownTarget| {
            *name == self.rules.governance.environment_parameter
                && value.text().is_some_and(|new| new != target.environment)
        };
        match known {
            Some(target) if moves(target) => true,
            Some(target) => match target.parameters.get(name) {
                Some(present) => present != value,
                None => !value.is_null(),
            },
            None => !(self.effect() == Some(Effect::Create) && value.is_null()),
        }
    }
}
