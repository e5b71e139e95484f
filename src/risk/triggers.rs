//! The rules of `rules/policy.yaml` over one proposal: which of them fire, and what follows.
//!
//! The conditions are CEL; here are the facts they ask for, derived from `main` and from the proposal. A condition that
//! fails counts as fired, because a rule that cannot be evaluated must not let anything pass.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rust_decimal::Decimal;

use crate::domain::documents::{FiredTrigger, Lift, RuleAsk, RuleEffect};
use crate::domain::ids::{ActionName, AgentName, GroupName, LabelName, ParameterName, WindowName};
use crate::domain::level::{Level, Score};
use crate::domain::value::Value;
use crate::risk::factors::parameters::{Change, baseline_of, present_value};
use crate::risk::limits::{self, Scored, Standing};
use crate::risk::safety::switches_off;
use crate::risk::score::Measured;
use crate::risk::subject::ScoringInput;
use crate::rules::Rules;
use crate::rules::actions::{ActionType, Effect};
use crate::rules::condition::{AnswerError, ChangeFact, Evaluator, Fact, Facts, TargetFact};
use crate::rules::evidence::EvidenceState;
use crate::rules::governance::Governance;
use crate::rules::policy::{Ask, AskFrom, Consequence, Limit, PolicyRule};

/// The facts that no edit of a proposal's values or targets changes.
pub(crate) const LASTING_FACTS: [&str; 12] = [
    "action",
    "effect",
    "reversibility",
    "affects",
    "agent",
    "agent_registered",
    "unattributed",
    "session",
    "windows",
    "evidence",
    "details",
    "citations",
];

/// The facts of one proposal; lists are made when a condition first asks for them.
pub(crate) struct ProposalFacts<'s, 'a> {
    subject: &'s ScoringInput<'a>,
    measured: &'s Measured<'a>,
    affects: OnceLock<Vec<&'a str>>,
    parameters: OnceLock<Vec<&'a str>>,
    unknown_parameters: OnceLock<Vec<&'a str>>,
    safety_off: OnceLock<Vec<&'a str>>,
    extreme: OnceLock<Vec<&'a str>>,
    deviant: OnceLock<Vec<&'a str>>,
    windows: OnceLock<Vec<&'a str>>,
    citations: OnceLock<Vec<&'a str>>,
    changes: OnceLock<Vec<ChangeFact<'a>>>,
    targets: OnceLock<Vec<TargetFact<'a>>>,
}

impl<'s, 'a> ProposalFacts<'s, 'a> {
    pub(crate) const fn of(subject: &'s ScoringInput<'a>, measured: &'s Measured<'a>) -> Self {
        Self {
            subject,
            measured,
            affects: OnceLock::new(),
            parameters: OnceLock::new(),
            unknown_parameters: OnceLock::new(),
            safety_off: OnceLock::new(),
            extreme: OnceLock::new(),
            deviant: OnceLock::new(),
            windows: OnceLock::new(),
            citations: OnceLock::new(),
            changes: OnceLock::new(),
            targets: OnceLock::new(),
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

    fn changes(&self) -> Vec<ChangeFact<'a>> {
        let changed = self.measured.parameters.changed.iter();
        changed.map(|change| self.change(change)).collect()
    }

    fn change(&self, change: &Change<'a>) -> ChangeFact<'a> {
        let measure = |value: &Value| {
            let known = change.guidance.and_then(|known| known.usual.value_type);
            let amount = known.and_then(|known| known.measure_for_conditions(value));
            amount.or_else(|| value.number())
        };
        let amount = measure(change.value);
        let targets = self.subject.targets.iter();
        let present = targets.map(|(_, known)| present_value(*known, change.name, &[]));
        let present: Vec<Option<&'a Value>> = present.collect();
        let targets = self.subject.targets.iter().zip(&present);
        let baselines = targets.map(|((_, known), present)| {
            let baseline = baseline_of(*known, change.name);
            baseline.map_or(*present, |baseline| Some(&baseline.value))
        });
        let baselines: Vec<Option<&'a Value>> = baselines.collect();
        let moves = Moves::of(amount, &present, measure);
        let since = match baselines == present {
            true => moves,
            false => Moves::of(amount, &baselines, measure),
        };
        ChangeFact {
            parameter: change.name,
            value: change.value,
            before: same(&present),
            tier: change.tier.as_str(),
            amount,
            delta: moves.delta,
            ratio: moves.ratio,
            baseline: same(&baselines),
            baseline_delta: since.delta,
            baseline_ratio: since.ratio,
        }
    }

    fn targets(&self) -> Vec<TargetFact<'a>> {
        let targets = self.subject.targets.iter();
        let targets = targets.map(|(name, known)| TargetFact {
            name,
            environment: known.map_or("unknown", |target| target.environment.as_str()),
            labels: known.map_or(&NO_LABELS, |target| &target.labels),
            parameters: known.map_or(&NO_PARAMETERS, |target| &target.parameters),
        });
        targets.collect()
    }
}

static NO_LABELS: BTreeMap<LabelName, String> = BTreeMap::new();
static NO_PARAMETERS: BTreeMap<ParameterName, Value> = BTreeMap::new();

/// The value that is the same on all targets.
fn same<'a>(values: &[Option<&'a Value>]) -> Option<&'a Value> {
    let first = values.first().copied().flatten();
    first.filter(|first| values.iter().all(|other| *other == Some(*first)))
}

/// How far a value moves.
#[derive(Clone, Copy, Default)]
struct Moves {
    /// On the target on which it moves furthest.
    delta: Option<Decimal>,
    /// On the target on which that is furthest from one.
    ratio: Option<Decimal>,
}

impl Moves {
    /// Where it is not known how far it moves on one target, it is not known at all.
    fn of(
        amount: Option<Decimal>,
        from: &[Option<&Value>],
        measure: impl Fn(&Value) -> Option<Decimal>,
    ) -> Self {
        let Some(amount) = amount else {
            return Self::default();
        };
        let moves = from.iter().map(|from| {
            let from = measure((*from)?)?;
            Some((amount.checked_sub(from)?, amount.checked_div(from)?))
        });
        let moves: Vec<(Decimal, Decimal)> = moves.collect::<Option<_>>().unwrap_or_default();
        let deltas = moves.iter().map(|(delta, _)| *delta);
        let ratios = moves.iter().map(|(_, ratio)| *ratio);
        Self {
            delta: deltas.max_by_key(Decimal::abs),
            ratio: ratios.max_by_key(|ratio| (ratio - Decimal::ONE).abs()),
        }
    }
}

impl Facts for ProposalFacts<'_, '_> {
    fn find_fact(&self, name: &str) -> Option<Fact<'_>> {
        let (subject, measured) = (self.subject, self.measured);
        Some(match name {
            "action" => Fact::Text(subject.action.as_str()),
            "effect" => Fact::Text(effect_name(subject.effect())),
            "reversibility" => Fact::Text(reversibility_name(subject.action_type)),
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
            "windows" => Fact::Names(self.windows.get_or_init(|| {
                let open = subject.situation.windows.iter();
                open.map(WindowName::as_str).collect()
            })),
            "evidence" => Fact::Evidence(&subject.situation.evidence),
            "changes" => Fact::Changes(self.changes.get_or_init(|| self.changes())),
            "targets" => Fact::Targets(self.targets.get_or_init(|| self.targets())),
            "details" => Fact::Map(subject.details),
            "citations" => Fact::Names(self.citations.get_or_init(|| {
                let cited = subject.citations.iter();
                cited
                    .filter_map(|citation| citation.url.as_deref())
                    .collect()
            })),
            _ => return None,
        })
    }
}

/// What is known of a proposal before anything of it is but the agent and the action.
struct ActionFacts<'a> {
    agent: &'a AgentName,
    action: &'a ActionName,
    rules: &'a Rules,
    affects: Vec<&'a str>,
}

impl Facts for ActionFacts<'_> {
    fn find_fact(&self, name: &str) -> Option<Fact<'_>> {
        let action_type = self.rules.actions.get(self.action);
        Some(match name {
            "action" => Fact::Text(self.action.as_str()),
            "effect" => Fact::Text(effect_name(action_type.map(|action| action.effect))),
            "reversibility" => Fact::Text(reversibility_name(action_type)),
            "affects" => Fact::Names(&self.affects),
            "agent" => Fact::Text(self.agent.as_str()),
            "agent_registered" => Fact::Bool(self.rules.agents.contains_key(self.agent)),
            _ if !takes_no_values(action_type) => return None,
            "to_production" => Fact::Bool(false),
            "changes" => Fact::Changes(&[]),
            "parameters" | "unknown_parameters" | "safety_off" | "extreme" | "deviant" => {
                Fact::Names(&[])
            }
            _ => return None,
        })
    }
}

/// Whether a proposal of it that changes values is invalid.
fn takes_no_values(action_type: Option<&ActionType>) -> bool {
    action_type.is_some_and(|action| matches!(action.effect, Effect::None | Effect::Delete))
}

/// Whether a rule may apply to what an agent proposes with this action, whatever else it is about: what is not known
/// yet fails to be read, and what fails because of it may come out either way.
pub fn may_apply(rule: &PolicyRule, agent: &AgentName, action: &ActionName, rules: &Rules) -> bool {
    let action_type = rules.actions.get(action);
    let affects = action_type.into_iter().flat_map(|known| &known.affects);
    let facts = ActionFacts {
        agent,
        action,
        rules,
        affects: affects.map(String::as_str).collect(),
    };
    Evaluator::over(&facts).any_fires([&rule.when])
}

fn reversibility_name(action_type: Option<&ActionType>) -> &'static str {
    action_type.map_or("unknown", |action| action.reversibility.as_str())
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

/// The rules over one variation of a proposal, as far as a search for milder ones asks; [`fired`] says more and costs more.
pub(crate) struct Firing<'f> {
    subject: &'f ScoringInput<'f>,
    measured: &'f Measured<'f>,
    answers: Evaluator<'f>,
}

impl<'f> Firing<'f> {
    pub(crate) const fn over(facts: &'f ProposalFacts<'f, 'f>) -> Self {
        Self {
            subject: facts.subject,
            measured: facts.measured,
            answers: Evaluator::over(facts),
        }
    }

    fn rules(&self, wanted: impl Fn(&PolicyRule) -> bool) -> impl Iterator<Item = &'f PolicyRule> {
        let rules = self.subject.rules.policy.iter();
        rules.filter(move |rule| wanted(rule))
    }

    /// Whether a rule of these fires.
    fn any(&self, wanted: impl Fn(&PolicyRule) -> bool) -> bool {
        let unlimited = self.rules(|rule| rule.limit.is_none() && wanted(rule));
        let mut limited = self.rules(|rule| rule.limit.is_some() && wanted(rule));
        self.answers.any_fires(unlimited.map(|rule| &rule.when))
            || limited.any(|rule| self.fires(rule))
    }

    /// What the rules lift the score to, zero if none does.
    pub(crate) fn least_score(&self) -> Score {
        let levels = [Level::High, Level::Medium];
        let highest = match self.lacks_evidence() {
            true => Some(Level::High),
            false => levels
                .into_iter()
                .find(|level| self.any(|rule| rule.level() == Some(*level))),
        };
        highest.map_or(Score::ZERO, |level| {
            lifted_to(level, &self.subject.rules.governance)
        })
    }

    /// Whether a rule from which anything follows reads evidence that is missing.
    fn lacks_evidence(&self) -> bool {
        let is_meant = |rule: &PolicyRule| rule.then != Some(Consequence::Note);
        let mut limited = self.rules(|rule| rule.limit.is_some() && is_meant(rule));
        let counts_missing = limited.any(|rule| {
            let standing = rule.limit.as_ref().map(|limit| self.standing(rule, limit));
            matches!(standing, Some(Standing::NoEvidence(_))) && self.meets(rule)
        });
        let reading = self.rules(|rule| !rule.when.evidence().is_empty() && is_meant(rule));
        let answers = self.answers.evaluate(reading.map(|rule| &rule.when));
        let lacks = |answer| matches!(answer, &Err(AnswerError::NoEvidence(_)));
        counts_missing || answers.iter().any(lacks)
    }

    /// Whether a rule that refuses fires.
    pub(crate) fn is_refused(&self) -> bool {
        let refusals = self.rules(|rule| rule.then == Some(Consequence::Refuse));
        let refusals: Vec<&PolicyRule> = refusals.collect();
        let answers = self
            .answers
            .evaluate(refusals.iter().map(|rule| &rule.when));
        let mut answered = refusals.into_iter().zip(answers);
        answered.any(|(rule, answer)| match (&rule.limit, answer) {
            // What lacks evidence waits for it.
            (_, Ok(false) | Err(AnswerError::NoEvidence(_))) => false,
            (Some(limit), Ok(true)) => matches!(
                self.standing(rule, limit),
                Standing::Past(_) | Standing::Unknown(_)
            ),
            _ => true,
        })
    }

    /// Whether a rule asks for approvals.
    pub(crate) fn asks_somebody(&self) -> bool {
        self.any(|rule| rule.ask.is_some())
    }

    /// Whether this one rule fires.
    pub(crate) fn fires(&self, rule: &PolicyRule) -> bool {
        let is_within = |limit| self.standing(rule, limit) == Standing::Within;
        self.meets(rule) && !rule.limit.as_ref().is_some_and(is_within)
    }

    /// Whether the condition of a rule is met, or fails.
    pub(crate) fn meets(&self, rule: &PolicyRule) -> bool {
        self.answers.any_fires([&rule.when])
    }

    fn standing(&self, rule: &PolicyRule, limit: &Limit) -> Standing {
        limits::standing(rule, limit, self.subject, self.measured, Scored::Variation)
    }
}

/// The score that a rule which makes this level lifts to, at least.
pub(crate) const fn lifted_to(level: Level, governance: &Governance) -> Score {
    match level {
        Level::Low => Score::ZERO,
        Level::Medium => governance.medium_trigger_score,
        Level::High => governance.trigger_score,
    }
}

/// Every rule that fires, in their order, with its reason.
pub(crate) fn fired(subject: &ScoringInput<'_>, measured: &Measured<'_>) -> Vec<FiredTrigger> {
    let facts = ProposalFacts::of(subject, measured);
    let rules = &subject.rules.policy;
    let answers = Evaluator::over(&facts).evaluate(rules.iter().map(|rule| &rule.when));
    let fired = rules.iter().zip(answers).filter_map(|(rule, answer)| {
        let standing = match (&rule.limit, &answer) {
            (Some(limit), Ok(true)) => {
                let standing = limits::standing(rule, limit, subject, measured, Scored::Proposal);
                Some((limit, standing))
            }
            _ => None,
        };
        let (answer, past) = match standing {
            Some((_, Standing::Within)) => return None,
            Some((_, Standing::NoEvidence(why))) => (Err(AnswerError::NoEvidence(why)), None),
            Some((_, Standing::Unknown(why))) => (answer, Some((why, None))),
            Some((limit, Standing::Past(record))) => {
                let words = limits::past_in_words(limit, &record);
                (answer, Some((words, Some(*record))))
            }
            None => (answer, None),
        };
        // A rule that cannot be evaluated may ask for more, and never for others instead.
        let has_failed = answer.is_err();
        let lacks_evidence = matches!(answer, Err(AnswerError::NoEvidence(_)));
        let reason = match answer {
            Ok(false) => return None,
            Ok(true) => filled(&rule.reason, &facts),
            Err(AnswerError::NoEvidence(why)) => why,
            Err(error) => format!(
                "{} (counts as fired, because its expression fails: {})",
                filled(&rule.reason, &facts),
                crate::risk::words::shown(&error.to_string())
            ),
        };
        let (reason, limit) = match past {
            Some((words, record)) => (format!("{reason}: {words}"), record),
            None => (reason, None),
        };
        let governance = &subject.rules.governance;
        let lift_to = |level: Level| Lift {
            level,
            score: lifted_to(level, governance),
        };
        let (then, effect) = match rule.then {
            Some(Consequence::Note) => (None, Some(RuleEffect::Note)),
            // What might be refused waits until it is known.
            Some(Consequence::Wait | Consequence::Refuse) if lacks_evidence => {
                (Some(lift_to(Level::High)), Some(RuleEffect::Wait))
            }
            _ if lacks_evidence => (None, None),
            None => (None, Some(RuleEffect::Ask)),
            Some(Consequence::Wait) => (None, Some(RuleEffect::Wait)),
            Some(Consequence::Refuse) => (None, Some(RuleEffect::Refuse)),
            Some(Consequence::Medium) => (Some(lift_to(Level::Medium)), None),
            Some(Consequence::High) => (None, None),
        };
        Some(FiredTrigger {
            id: rule.id.clone(),
            reason,
            then,
            effect,
            ask: rule.ask.as_ref().map(|ask| {
                let ask = asked(ask, subject);
                RuleAsk {
                    instead: ask.instead && !has_failed,
                    ..ask
                }
            }),
            limit,
        })
    });
    fired.collect()
}

/// Who is asked, with the groups that labels name.
fn asked(ask: &Ask, subject: &ScoringInput<'_>) -> RuleAsk {
    ask.recorded(|from| match from {
        AskFrom::Group(group) => vec![group.clone()],
        AskFrom::Label(from) => labelled(&from.label, subject),
    })
}

/// The groups that a label of the targets names, each once. Where a target has no such label, or it names no group,
/// the admins are asked: nobody gets around a group by leaving its name away.
fn labelled(label: &LabelName, subject: &ScoringInput<'_>) -> Vec<GroupName> {
    let people = &subject.rules.people;
    let groups = subject.targets.iter().map(|(_, known)| {
        let named = known.and_then(|target| target.labels.get(label));
        let named = named.and_then(|name| name.parse::<GroupName>().ok());
        named
            .filter(|group| people.has_group(group))
            .unwrap_or_else(GroupName::admins)
    });
    let mut groups: Vec<GroupName> = groups.collect();
    if groups.is_empty() {
        groups.push(GroupName::admins());
    }
    groups.sort();
    groups.dedup();
    groups
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
        Fact::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}: {value}"));
            text.push_str(&crate::risk::words::shown(
                &entries.collect::<Vec<_>>().join(", "),
            ));
        }
        Fact::Evidence(states) => {
            let known = states.iter().filter_map(|(name, state)| match state {
                EvidenceState::Known(known) => Some(format!("{name}: {}", known.shown)),
                EvidenceState::Missing(_) => None,
            });
            text.push_str(&crate::risk::words::shown(
                &known.collect::<Vec<_>>().join(", "),
            ));
        }
        Fact::Changes(changes) => {
            let changes = changes
                .iter()
                .map(|change| format!("{}: {}", change.parameter, change.value));
            text.push_str(&changes.collect::<Vec<_>>().join(", "));
        }
        Fact::Targets(targets) => {
            let names = targets.iter().map(|target| target.name.as_str());
            text.push_str(&names.collect::<Vec<_>>().join(", "));
        }
    }
}

/// Whether the rule depends only on what no edit of the proposal changes.
pub(crate) fn is_lasting(trigger: &PolicyRule) -> bool {
    let facts = trigger.when.facts();
    trigger.limit.is_none() && facts.iter().all(|fact| LASTING_FACTS.contains(fact))
}

#[cfg(test)]
mod tests;
