//! What is so on `main`, as far as risk depends on it: the facts that no claim can change.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::documents::{Baseline, Baselines, Target};
use crate::domain::ids::{EvidenceName, LabelName, ParameterName, TargetName, WindowName};
use crate::domain::value::Value;
use crate::risk::limits::UsedLimits;
use crate::rules::evidence::EvidenceState;
use crate::rules::governance::Governance;

/// A target as `main` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownTarget {
    /// Where it runs, as `environment` of its file says.
    pub environment: String,
    /// What else is so of it, as its file says.
    pub labels: BTreeMap<LabelName, String>,
    /// The present values of its parameters.
    pub parameters: BTreeMap<ParameterName, Value>,
    /// Where its parameters were when people saw them last, if that is not where they are.
    pub baselines: BTreeMap<ParameterName, Baseline>,
    /// A target in a less risky environment on which a change can be tried first.
    pub rehearsal: Option<TargetName>,
}

impl KnownTarget {
    /// The environments that its file names, which may be two; none for one that the rules do not list.
    pub fn environments<'t>(
        &'t self,
        governance: &Governance,
    ) -> impl Iterator<Item = Option<&'t str>> {
        let listed = |name: &'t str| {
            let is_listed = governance.environments.contains_key(name);
            is_listed.then_some(name)
        };
        let by_parameter = self.parameters.get(&governance.environment_parameter);
        let by_parameter = by_parameter.map(|value| value.text().and_then(listed));
        std::iter::once(listed(&self.environment)).chain(by_parameter)
    }
}

impl KnownTarget {
    /// With its baselines, as far as they are of what it is now: where it is something else, people have set that.
    #[must_use]
    pub fn with_baselines(mut self, baselines: Baselines) -> Self {
        let baselines = baselines.parameters.into_iter();
        let is_current = |(name, baseline): &(ParameterName, Baseline)| {
            baseline.now == *self.parameters.get(name).unwrap_or(&Value::Null)
        };
        self.baselines = baselines.filter(is_current).collect();
        self
    }
}

impl From<Target> for KnownTarget {
    fn from(target: Target) -> Self {
        Self {
            environment: target.environment,
            labels: target.labels,
            parameters: target.parameters,
            baselines: BTreeMap::new(),
            rehearsal: target.rehearsal,
        }
    }
}

/// Everything outside the recommendation and the rules that the risk depends on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RiskContext {
    /// Those of the named targets, and of their rehearsals, that exist on `main`. Shared, because many cases are
    /// about the same.
    pub targets: BTreeMap<TargetName, Arc<KnownTarget>>,
    /// Whether the proposing agent is listed in `rules/agents.yaml`.
    pub agent_registered: bool,
    /// Whether a commit of the branch is by nobody that the rules know.
    pub unattributed: bool,
    /// The windows of the rules that are open, in the order of their names.
    pub windows: Vec<WindowName>,
    /// What is known of each fact that somebody vouches for.
    pub evidence: BTreeMap<EvidenceName, EvidenceState>,
    /// What was used of limits before.
    pub used: UsedLimits,
    /// For a named target that does not exist, the one that was probably meant. Only ever part of a message.
    pub near: BTreeMap<TargetName, TargetName>,
}

impl RiskContext {
    /// What `main` says of a target; none if it does not exist there.
    pub fn find_target(&self, name: &TargetName) -> Option<&KnownTarget> {
        self.targets.get(name).map(Arc::as_ref)
    }
}
