//! The score: the weighted sum of the factors, lifted by the triggers, and the level it means.

use crate::domain::documents::{
    Assessment, Baseline, BaselineRecord, FiredTrigger, Recommendation,
};
use crate::domain::ids::quoted;
use crate::domain::level::{Level, Score};
use crate::risk::factors::environment::{self, Environment};
use crate::risk::factors::parameters::{self, Parameters};
use crate::risk::factors::reversibility::{self, Reversibility};
use crate::risk::factors::scope::{self, Scope};
use crate::risk::risk_context::RiskContext;
use crate::risk::subject::ScoringInput;
use crate::risk::triggers;
use crate::rules::Rules;
use crate::rules::governance::Governance;
use crate::rules::policy::fired_by_paths;

/// The four factors, before anything is said about them.
pub(crate) struct Measured<'a> {
    pub(crate) environment: Environment<'a>,
    pub(crate) parameters: Parameters<'a>,
    pub(crate) scope: Scope,
    pub(crate) reversibility: Reversibility<'a>,
}

impl<'a> Measured<'a> {
    pub(crate) fn of(subject: &ScoringInput<'a>) -> Self {
        Self {
            environment: environment::measure(subject),
            parameters: parameters::measure(subject),
            scope: scope::measure(subject),
            reversibility: reversibility::measure(subject),
        }
    }

    /// The sum of the contributions of all factors but the parameters.
    pub(crate) fn sum_without_parameters(subject: &ScoringInput<'_>) -> Score {
        let weights = subject.rules.governance.weights;
        let contributions = [
            environment::measure(subject)
                .points
                .weighted(weights.environment),
            scope::measure(subject).points.weighted(weights.scope),
            reversibility::measure(subject)
                .points
                .weighted(weights.reversibility),
        ];
        contributions.into_iter().sum()
    }

    /// The sum of the contributions, before any trigger.
    pub(crate) fn sum(&self, governance: &Governance) -> Score {
        let weights = governance.weights;
        let contributions = [
            self.environment.points.weighted(weights.environment),
            self.parameters.points.weighted(weights.parameters),
            self.scope.points.weighted(weights.scope),
            self.reversibility.points.weighted(weights.reversibility),
        ];
        contributions.into_iter().sum()
    }
}

/// How risky a recommendation is: a pure function, the same for ever from the same three inputs.
///
/// The score is exactly the sum of the factors' contributions, or what a trigger that fired lifts it
/// to, where the sum is lower.
pub fn assess(
    recommendation: &Recommendation,
    situation: &RiskContext,
    rules: &Rules,
) -> Assessment {
    let governance = &rules.governance;
    let subject = ScoringInput::new(recommendation, situation, rules);
    let measured = Measured::of(&subject);
    let triggers = triggers::fired(&subject, &measured);
    let least = triggers.iter().filter_map(|fired| match fired.then {
        Some(lift) => Some(lift.score),
        None => fired.effect.is_none().then_some(governance.trigger_score),
    });
    let score = measured
        .sum(governance)
        .max(least.max().unwrap_or_default());
    Assessment {
        score,
        level: governance.level_of(score),
        factors: vec![
            measured.environment.factor(governance),
            measured.parameters.factor(governance),
            measured.scope.factor(governance),
            measured.reversibility.factor(governance),
        ],
        triggers,
        baselines: baselines(&subject, &measured),
    }
}

/// Where what changes was when people saw it last, if that is not where it is; targets alike together.
fn baselines(subject: &ScoringInput<'_>, measured: &Measured<'_>) -> Vec<BaselineRecord> {
    let mut records: Vec<BaselineRecord> = Vec::new();
    for change in &measured.parameters.changed {
        let of_earlier = records.len();
        for (target, known) in &subject.targets {
            let Some(Baseline { value, since, .. }) = parameters::baseline_of(*known, change.name)
            else {
                continue;
            };
            let mut same = records.iter_mut().skip(of_earlier);
            match same.find(|record| record.value == *value && record.since == *since) {
                Some(record) => record.targets.push((*target).clone()),
                None => records.push(BaselineRecord {
                    parameter: change.name.clone(),
                    value: value.clone(),
                    since: *since,
                    targets: vec![(*target).clone()],
                }),
            }
        }
    }
    records
}

/// How risky a change of the rules, targets, agents or people is: always HIGH, by one trigger; more say whom its files ask.
///
/// `paths` are the files it touches.
pub fn assess_governance_change(paths: &[String], rules: &Rules) -> Assessment {
    const MOST: usize = 5;
    let shown: Vec<String> = paths.iter().take(MOST).map(|path| quoted(path)).collect();
    let more = match paths.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let reason = format!(
        "changes what decisions are made by: {}{more}",
        shown.join(", ")
    );
    // The name is a constant of this program and always parses.
    let id = "governance_change".parse().ok();
    let changed = id.map(|id| FiredTrigger {
        id,
        reason,
        then: None,
        effect: None,
        ask: None,
        limit: None,
    });
    let mut triggers: Vec<FiredTrigger> = changed.into_iter().collect();
    triggers.extend(fired_by_paths(&rules.path_rules, paths));
    Assessment {
        score: rules.governance.trigger_score,
        level: Level::High,
        factors: Vec::new(),
        triggers,
        baselines: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
