//! The triggers: conditions that make a proposal at least MEDIUM or HIGH whatever its score.
//!
//! The conditions are the rules' (`rules/triggers.yaml`, CEL); here are the facts they ask for,
//! derived from `main` and from the proposal. A condition that fails counts as fired, because a
//! rule that cannot be evaluated must not let anything pass.

use std::sync::OnceLock;

use crate::domain::documents::{FiredTrigger, Lift};
use crate::domain::ids::ParameterName;
use crate::domain::level::{Level, Score};
use crate::domain::value::Value;
use crate::risk::factors::parameters::Change;
use crate::risk::safety::switches_off;
use crate::risk::score::Measured;
use crate::risk::subject::ScoringInput;
use crate::rules::actions::Effect;
use crate::rules::condition::{self, Fact, Facts};
use crate::rules::governance::Governance;
use crate::rules::triggers::{Trigger, TriggerLevel};

/// The facts that no edit of a proposal's values or targets changes.
pub(crate) const LASTING_FACTS: [&str; 8] = [
    "action",
    "effect",
    "reversibility",
    "affects",
    "agent",
    "agent_registered",
    "unattributed",
    "session",
];

/// The facts of one proposal; lists are made when a condition first asks for them.
struct ProposalFacts<'s, 'a> {
    subject: &'s ScoringInput<'a>,
    measured: &'s Measured<'a>,
    affects: OnceLock<Vec<&'a str>>,
    parameters: OnceLock<Vec<&'a str>>,
    unknown_parameters: OnceLock<Vec<&'a str>>,
    safety_off: OnceLock<Vec<&'a str>>,
    extreme: OnceLock<Vec<&'a str>>,
    deviant: OnceLock<Vec<&'a str>>,
    changes: OnceLock<Vec<(&'a ParameterName, &'a Value, &'static str)>>,
}

impl<'s, 'a> ProposalFacts<'s, 'a> {
    const fn of(subject: &'s ScoringInput<'a>, measured: &'s Measured<'a>) -> Self {
        Self {
            subject,
            measured,
            affects: OnceLock::new(),
            parameters: OnceLock::new(),
            unknown_parameters: OnceLock::new(),
            safety_off: OnceLock::new(),
            extreme: OnceLock::new(),
            deviant: OnceLock::new(),
            changes: OnceLock::new(),
        }
    }

    fn names(&self, wanted: impl Fn(&Change<'a>) -> bool) -> Vec<&'a str> {
        let changed = self.measured.parameters.changed.iter();
        changed
            .filter(|change| wanted(change))
            .map(|change| change.name.as_str())
            .collect()
    }

    fn affects(&self) -> Vec<&'a str> {
        let affected = self
            .subject
            .action_type
            .into_iter()
            .flat_map(|action| &action.affects);
        affected.map(String::as_str).collect()
    }

    fn changes(&self) -> Vec<(&'a ParameterName, &'a Value, &'static str)> {
        let changed = self.measured.parameters.changed.iter();
        changed
            .map(|change| (change.name, change.value, change.tier.as_str()))
            .collect()
    }
}

impl Facts for ProposalFacts<'_, '_> {
    fn find_fact(&self, name: &str) -> Option<Fact<'_>> {
        let (subject, measured) = (self.subject, self.measured);
        Some(match name {
            "action" => Fact::Text(subject.action.as_str()),
            "effect" => Fact::Text(effect_name(subject.effect())),
            "reversibility" => Fact::Text(
                subject
                    .action_type
                    .map_or("unknown", |action| action.reversibility.as_str()),
            ),
            "affects" => Fact::Names(self.affects.get_or_init(|| self.affects())),
            "agent" => Fact::Text(subject.agent.as_str()),
            "agent_registered" => Fact::Bool(subject.situation.agent_registered),
            "unattributed" => Fact::Bool(subject.situation.unattributed),
            "session" => Fact::Text(subject.session.as_str()),
            "target_count" => Fact::Count(measured.scope.count),
            "bulk" => Fact::Bool(measured.scope.bulk),
            "environment" => Fact::Text(measured.environment.name),
            "production" => Fact::Bool(measured.environment.production),
            "to_production" => Fact::Bool(measured.environment.to_production),
            "parameters" => Fact::Names(self.parameters.get_or_init(|| self.names(|_| true))),
            "unknown_parameters" => Fact::Names(
                self.unknown_parameters
                    .get_or_init(|| self.names(Change::is_unknown)),
            ),
            "safety_off" => Fact::Names(
                self.safety_off
                    .get_or_init(|| self.names(|change| switches_off(subject, change))),
            ),
            "extreme" => Fact::Names(self.extreme.get_or_init(|| self.names(Change::is_extreme))),
            "deviant" => Fact::Names(self.deviant.get_or_init(|| self.names(Change::is_deviant))),
            "changes" => Fact::Changes(self.changes.get_or_init(|| self.changes())),
            _ => return None,
        })
    }
}

const fn effect_name(effect: Option<Effect>) -> &'static str {
    match effect {
        None => "unknown",
        Some(Effect::None) => "none",
        Some(Effect::Modify) => "modify",
        Some(Effect::Create) => "create",
        Some(Effect::Delete) => "delete",
    }
}

/// What the triggers lift the score to, zero if none fires; says no more, and so costs less than [`fired`].
pub(crate) fn least_score(subject: &ScoringInput<'_>, measured: &Measured<'_>) -> Score {
    let facts = ProposalFacts::of(subject, measured);
    let fires = |level: TriggerLevel| {
        let triggers = subject.rules.triggers.iter();
        let conditions = triggers.filter(|trigger| trigger.then == level);
        condition::any_fires(conditions.map(|trigger| &trigger.when), &facts)
    };
    let levels = [TriggerLevel::High, TriggerLevel::Medium];
    let highest = levels.into_iter().find(|level| fires(*level));
    highest.map_or(Score::ZERO, |level| {
        lifted_to(level, &subject.rules.governance)
    })
}

/// The score that a trigger of this level lifts to, at least.
pub(crate) const fn lifted_to(level: TriggerLevel, governance: &Governance) -> Score {
    match level {
        TriggerLevel::Medium => governance.medium_trigger_score,
        TriggerLevel::High => governance.trigger_score,
    }
}

/// Whether this one trigger fires.
pub(crate) fn fires(
    trigger: &Trigger,
    subject: &ScoringInput<'_>,
    measured: &Measured<'_>,
) -> bool {
    condition::any_fires([&trigger.when], &ProposalFacts::of(subject, measured))
}

/// Every trigger that fires, in the order of the rules, with its reason.
pub(crate) fn fired(subject: &ScoringInput<'_>, measured: &Measured<'_>) -> Vec<FiredTrigger> {
    let facts = ProposalFacts::of(subject, measured);
    let triggers = &subject.rules.triggers;
    let answers = condition::evaluate(triggers.iter().map(|trigger| &trigger.when), &facts);
    let fired = triggers
        .iter()
        .zip(answers)
        .filter_map(|(trigger, answer)| {
            let reason = match answer {
                Ok(false) => return None,
                Ok(true) => filled(&trigger.reason, &facts),
                Err(error) => format!(
                    "{} (counts as fired, because its expression fails: {})",
                    filled(&trigger.reason, &facts),
                    crate::risk::words::shown(&error.to_string())
                ),
            };
            Some(FiredTrigger {
                id: trigger.id.clone(),
                reason,
                then: match trigger.then {
                    TriggerLevel::High => None,
                    TriggerLevel::Medium => Some(Lift {
                        level: Level::Medium,
                        score: subject.rules.governance.medium_trigger_score,
                    }),
                },
            })
        });
    fired.collect()
}

/// The reason with each `{fact}` replaced by the fact's value.
fn filled(reason: &str, facts: &dyn Facts) -> String {
    let mut text = String::with_capacity(reason.len() + 16);
    let mut rest = reason;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let placeholder = after.split_once('}');
        let fact =
            placeholder.and_then(|(name, after)| facts.find_fact(name).map(|fact| (fact, after)));
        match fact {
            Some((fact, after)) => {
                push_fact(&mut text, fact);
                rest = after;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn push_fact(text: &mut String, fact: Fact<'_>) {
    match fact {
        Fact::Bool(value) => text.push_str(if value { "true" } else { "false" }),
        Fact::Count(count) => text.push_str(&count.to_string()),
        Fact::Text(value) => text.push_str(&crate::risk::words::shown(value)),
        Fact::Names(names) => text.push_str(&names.join(", ")),
        Fact::Changes(changes) => {
            let changes = changes
                .iter()
                .map(|(name, value, _)| format!("{name}: {value}"));
            text.push_str(&changes.collect::<Vec<_>>().join(", "));
        }
    }
}

/// Whether the trigger depends only on what no edit of the proposal changes.
pub(crate) fn is_lasting(trigger: &Trigger) -> bool {
    let facts = trigger.when.facts();
    facts.iter().all(|fact| LASTING_FACTS.contains(fact))
}

#[cfg(test)]
mod tests;
