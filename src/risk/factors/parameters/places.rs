//! Where a change takes effect, as far as guidance differs by it.
//!
//! What is not known may be anything, and no claim makes it known: labels are those of `main`, the environments that a
//! target has now and would have then both count, and an action is only known if the agent may propose it.

use std::collections::BTreeMap;

use crate::domain::ids::{ActionName, LabelName, TargetName};
use crate::domain::value::Value;
use crate::risk::risk_context::KnownTarget;
use crate::risk::subject::ScoringInput;
use crate::rules::actions::Effect;
use crate::rules::parameters::Circumstances;

/// A target, or that nothing is known of any.
pub(super) struct Place<'a> {
    pub(super) target: Option<&'a TargetName>,
    pub(super) known: Option<&'a KnownTarget>,
    environments: Vec<Option<&'a str>>,
    labels: Option<&'a BTreeMap<LabelName, String>>,
    action: Option<&'a ActionName>,
}

static NO_LABELS: BTreeMap<LabelName, String> = BTreeMap::new();

/// Every place of a proposal; one of which nothing is known where it names no target.
pub(super) fn places_of<'a>(subject: &ScoringInput<'a>) -> Vec<Place<'a>> {
    let action = known_action(subject);
    if subject.targets.is_empty() {
        return vec![Place {
            target: None,
            known: None,
            environments: vec![None],
            labels: None,
            action,
        }];
    }
    let targets = subject.targets.iter();
    let places = targets.map(|(name, known)| Place {
        target: Some(name),
        known: *known,
        environments: environments(subject, *known),
        labels: match known {
            Some(known) => Some(&known.labels),
            None if subject.effect() == Some(Effect::Create) => Some(&NO_LABELS),
            None => None,
        },
        action,
    });
    places.collect()
}

impl<'a> Place<'a> {
    /// Whether the same is said of a value there that moves from the same one.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.environments == other.environments
            && self.labels == other.labels
            && self.known.is_some() == other.known.is_some()
    }

    /// Each thing that may be so.
    pub(super) fn circumstances(&self) -> impl Iterator<Item = Circumstances<'a>> {
        let environments = self.environments.iter();
        environments.map(|environment| Circumstances {
            environment: *environment,
            labels: self.labels,
            action: self.action,
        })
    }
}

/// The environments that a target has and would have, each once; none for one that nobody knows.
fn environments<'a>(
    subject: &ScoringInput<'a>,
    known: Option<&'a KnownTarget>,
) -> Vec<Option<&'a str>> {
    let governance = &subject.rules.governance;
    let parameter = &governance.environment_parameter;
    let listed =
        |name: &'a str| Some(name).filter(|name| governance.environments.contains_key(*name));
    let named = |value: &'a Value| value.text().and_then(listed);
    let present = known
        .into_iter()
        .flat_map(|known| known.environments(governance));
    let proposed = subject.proposed(parameter).map(named);
    let mut environments: Vec<Option<&str>> = present.chain(proposed).collect();
    environments.sort_unstable();
    environments.dedup();
    if environments.is_empty() || known.is_none() && subject.effect() != Some(Effect::Create) {
        environments = vec![None];
    }
    environments
}

/// The action, if the rules list it and the agent may propose it: another one says nothing.
fn known_action<'a>(subject: &ScoringInput<'a>) -> Option<&'a ActionName> {
    let agent = subject.rules.agents.get(subject.agent);
    let may_propose = agent.is_none_or(|agent| agent.actions.contains(subject.action));
    let is_known =
        subject.action_type.is_some() && subject.situation.agent_registered && may_propose;
    is_known.then_some(subject.action)
}
