//! The proposals that are made up: a plain one for each kind of action and target, and what is varied of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::boundaries::{Boundaries, Boundary, Setting, present, start};
use super::values::{UNLISTED, UNLISTED_ACTION, UNLISTED_AGENT, UNLISTED_TARGET};
use crate::domain::documents::{Citation, Recommendation, RecommendationSchema};
use crate::domain::ids::{
    ActionName, AgentName, CaseId, EvidenceName, Session, TargetName, TriggerId,
};
use crate::domain::value::Value;
use crate::risk::limits::{UsedLimits, UsedPart, possible_keys};
use crate::risk::{KnownTarget, RiskContext};
use crate::rules::Rules;
use crate::rules::actions::{ActionType, Effect};
use crate::rules::evidence::EvidenceState;

/// Targets by name.
pub type Targets = BTreeMap<TargetName, Arc<KnownTarget>>;

/// What each boundary is, of those that are not left as they are.
pub(super) type Settings = BTreeMap<Boundary, Setting>;

/// What proposals begin with.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub action: ActionName,
    pub agent: AgentName,
    pub session: Session,
    pub target: TargetName,
    /// As `main` has it; none where it is yet to be made.
    pub known: Option<Arc<KnownTarget>>,
    /// So that the rules ask for as little as they can.
    pub settings: Settings,
    /// Whether parameters can be changed by it, in either version.
    pub takes_changes: bool,
    /// What is changed, where otherwise nothing would be.
    pub filler: Option<(Boundary, Setting)>,
}

/// A proposal and its circumstances, before any rules.
#[derive(Debug)]
pub(super) struct Proposed {
    pub recommendation: Recommendation,
    pub targets: Targets,
    pub evidence: BTreeMap<EvidenceName, Value>,
    pub unattributed: bool,
    /// What is used of each limit.
    pub used: BTreeMap<TriggerId, Decimal>,
    pub at: DateTime<Utc>,
}

impl Proposed {
    /// What is so of it under these rules.
    pub fn context(&self, rules: &Rules) -> RiskContext {
        let mut evidence = rules.evidence_states(&[], self.at);
        for (name, value) in &self.evidence {
            let rule = rules.evidence.get(name);
            if let Some(Ok(known)) = rule.map(|rule| rule.read_value(value)) {
                evidence.insert(name.clone(), EvidenceState::Known(known));
            }
        }
        let mut used = UsedLimits::default();
        for (rule, _, key) in possible_keys(&self.recommendation, &self.targets, rules) {
            let parts = self.used.get(&rule.id).map(|used| UsedPart {
                used: *used,
                free_at: None,
            });
            used.insert(rule.id.clone(), key, parts.into_iter().collect());
        }
        RiskContext {
            used,
            targets: self.targets.clone(),
            agent_registered: rules.agents.contains_key(&self.recommendation.agent),
            unattributed: self.unattributed,
            windows: rules.governance.windows.open_at(self.at),
            evidence,
            ..RiskContext::default()
        }
    }
}

impl Base {
    /// With these boundaries set otherwise; none where such a proposal cannot be written.
    pub fn proposed(
        &self,
        varied: &[(Boundary, Setting)],
        all: &Boundaries<'_>,
    ) -> Option<Proposed> {
        let mut settings: BTreeMap<&Boundary, &Setting> = self.settings.iter().collect();
        let is_change = |(boundary, _): &(Boundary, _)| matches!(boundary, Boundary::Parameter(_));
        if !varied.iter().any(is_change) {
            settings.extend(
                self.filler
                    .iter()
                    .map(|(boundary, setting)| (boundary, setting)),
            );
        }
        settings.extend(varied.iter().map(|(boundary, setting)| (boundary, setting)));
        let mut draft = Draft::of(self);
        for (boundary, setting) in settings {
            draft.set(boundary, setting.as_ref(), all)?;
        }
        draft.finished()
    }
}

/// A proposal while it is put together.
struct Draft {
    proposed: Proposed,
    target: TargetName,
    known: Option<KnownTarget>,
    count: usize,
}

impl Draft {
    fn of(base: &Base) -> Self {
        Self {
            proposed: Proposed {
                recommendation: Recommendation {
                    schema: RecommendationSchema,
                    id: CaseId::from_parts(start(), 0),
                    agent: base.agent.clone(),
                    session: base.session.clone(),
                    action: base.action.clone(),
                    targets: Vec::new(),
                    changes: BTreeMap::new(),
                    rationale: String::new(),
                    citations: Vec::new(),
                    details: BTreeMap::new(),
                    expects: BTreeMap::new(),
                    created_at: start(),
                },
                targets: Targets::new(),
                evidence: BTreeMap::new(),
                unattributed: false,
                used: BTreeMap::new(),
                at: start(),
            },
            target: base.target.clone(),
            known: base.known.as_deref().cloned(),
            count: 1,
        }
    }

    fn set(
        &mut self,
        boundary: &Boundary,
        setting: Option<&Value>,
        all: &Boundaries<'_>,
    ) -> Option<()> {
        let text = || setting.and_then(Value::text);
        let count = || usize::try_from(setting?.number()?).ok();
        let recommendation = &mut self.proposed.recommendation;
        match boundary {
            Boundary::Parameter(name) => {
                let Some(value) = setting else {
                    return Some(());
                };
                let Some(whole) = all.whole_of(name) else {
                    recommendation.changes.insert(name.clone(), value.clone());
                    return Some(());
                };
                let known = self.known.as_ref();
                let is = || {
                    known
                        .and_then(|known| present(known, &whole, None))
                        .cloned()
                };
                let changed = recommendation.changes.remove(&whole).or_else(is);
                let keys = name
                    .as_str()
                    .strip_prefix(whole.as_str())?
                    .strip_prefix('.')?;
                let keys: Vec<&str> = keys.split('.').collect();
                recommendation
                    .changes
                    .insert(whole, with_part(changed, &keys, Some(value)));
            }
            Boundary::Detail(keys) => {
                let (first, rest) = keys.split_first()?;
                let Some(value) = setting else {
                    return Some(());
                };
                let keys: Vec<&str> = rest.iter().map(String::as_str).collect();
                let whole = recommendation.details.remove(first);
                recommendation
                    .details
                    .insert(first.clone(), with_part(whole, &keys, Some(value)));
            }
            Boundary::Evidence(name) => {
                let value = setting.cloned();
                self.proposed
                    .evidence
                    .extend(value.map(|value| (name.clone(), value)));
            }
            Boundary::Label(name) => {
                let labels = &mut self.known.as_mut()?.labels;
                match text() {
                    Some(text) => labels.insert(name.clone(), text.to_owned()),
                    None => labels.remove(name),
                };
            }
            Boundary::Present(name) => {
                let parameters = &mut self.known.as_mut()?.parameters;
                match setting {
                    Some(value) => parameters.insert(name.clone(), value.clone()),
                    None => parameters.remove(name),
                };
            }
            Boundary::TargetName => {
                self.target = text()?.parse().ok()?;
                if self.target.as_str() == UNLISTED_TARGET {
                    self.known = None;
                }
            }
            Boundary::TargetCount => self.count = count()?,
            Boundary::Agent => recommendation.agent = text()?.parse().ok()?,
            Boundary::Session => recommendation.session = text()?.parse().ok()?,
            Boundary::Citations => {
                let Some(Value::List(cited)) = setting else {
                    return Some(());
                };
                let cited = cited.iter().filter_map(Value::text);
                recommendation.citations = cited
                    .map(|url| Citation {
                        title: url.to_owned(),
                        url: Some(url.to_owned()),
                    })
                    .collect();
            }
            Boundary::Used(rule) => {
                let used = setting.and_then(Value::number);
                let used = used.map(|used| (rule.clone(), used));
                self.proposed.used.extend(used);
            }
            Boundary::Authorship => self.proposed.unattributed = setting.is_some(),
            Boundary::Time => {
                let seconds = i64::try_from(setting?.number()?).ok()?;
                self.proposed.at = DateTime::from_timestamp(seconds, 0)?;
            }
        }
        Some(())
    }

    fn finished(mut self) -> Option<Proposed> {
        let known = self.known.map(Arc::new);
        for index in 1..=self.count {
            let name = match index {
                1 => self.target.clone(),
                index => format!("{}-{index}", self.target).parse().ok()?,
            };
            if let Some(known) = &known {
                self.proposed
                    .targets
                    .insert(name.clone(), Arc::clone(known));
            }
            self.proposed.recommendation.targets.push(name);
        }
        Some(self.proposed)
    }
}

/// A value with one of its parts set, or removed.
fn with_part(whole: Option<Value>, keys: &[&str], value: Option<&Value>) -> Value {
    let Some((first, rest)) = keys.split_first() else {
        return value.cloned().unwrap_or(Value::Null);
    };
    let mut entries = match whole {
        Some(Value::Map(entries)) => entries,
        _ => BTreeMap::new(),
    };
    let part = entries.remove(*first);
    match value {
        Some(value) if rest.is_empty() && value.is_null() => {}
        value => {
            entries.insert((*first).to_owned(), with_part(part, rest, value));
        }
    }
    Value::Map(entries)
}

/// An action as far as rules can tell it from others.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ActionKind {
    types: [Option<(u8, &'static str, Vec<String>)>; 2],
    agents: [Vec<AgentName>; 2],
    name: Option<ActionName>,
}

/// One action of each kind, and one that is in neither version.
fn actions(all: &Boundaries<'_>) -> Vec<ActionName> {
    let names = all
        .versions()
        .into_iter()
        .flat_map(|rules| rules.actions.keys());
    let names: BTreeSet<ActionName> = names.cloned().chain(UNLISTED_ACTION.parse().ok()).collect();
    let mut kinds: BTreeMap<ActionKind, ActionName> = BTreeMap::new();
    for name in names {
        let of_type = |action: &ActionType| {
            let effect = match action.effect {
                Effect::None => 0,
                Effect::Modify => 1,
                Effect::Create => 2,
                Effect::Delete => 3,
            };
            let affects = action.affects.iter().cloned().collect();
            (effect, action.reversibility.as_str(), affects)
        };
        let kind = ActionKind {
            types: all
                .versions()
                .map(|rules| rules.actions.get(&name).map(of_type)),
            agents: all.versions().map(|rules| {
                let agents = rules.agents.iter();
                let may = agents.filter(|(_, agent)| agent.actions.contains(&name));
                may.map(|(agent, _)| agent.clone()).collect()
            }),
            name: all.is_named(&name).then(|| name.clone()),
        };
        kinds.entry(kind).or_insert(name);
    }
    kinds.into_values().collect()
}

/// One that may propose it in both versions, or else in one.
fn agent_for(action: &ActionName, all: &Boundaries<'_>) -> Option<AgentName> {
    let may = |rules: &Rules, name: &AgentName| {
        let agent = rules.agents.get(name);
        agent.is_some_and(|agent| agent.actions.contains(action))
    };
    let names = all
        .versions()
        .into_iter()
        .flat_map(|rules| rules.agents.keys());
    let names: BTreeSet<&AgentName> = names.collect();
    let in_how_many = |name: &AgentName| {
        all.versions()
            .into_iter()
            .filter(|rules| may(rules, name))
            .count()
    };
    let mut best: Option<&AgentName> = None;
    for name in names {
        if best.is_none_or(|best| in_how_many(name) > in_how_many(best)) {
            best = Some(name);
        }
    }
    best.cloned().or_else(|| UNLISTED_AGENT.parse().ok())
}

/// So many kinds of targets are looked at.
const MOST_TARGETS: usize = 24;

/// Targets of which one of each kind is looked at.
pub(super) struct TargetKinds {
    pub kinds: Targets,
    /// How many more there are.
    pub left_out: usize,
}

/// One target of each environment with the labels that rules name, and one in each environment in which there is none.
pub(super) fn target_kinds(targets: &Targets, all: &Boundaries<'_>) -> TargetKinds {
    let labels: Vec<_> = all.label_names().collect();
    let named: BTreeSet<&str> = all
        .settings_of(&Boundary::TargetName, None)
        .iter()
        .flatten()
        .filter_map(Value::text)
        .filter_map(|name| targets.get_key_value(name))
        .map(|(name, _)| name.as_str())
        .collect();
    let mut kinds = BTreeMap::new();
    for (name, known) in targets {
        let environments = all.versions().map(|rules| {
            known
                .parameters
                .get(&rules.governance.environment_parameter)
        });
        let labels: Vec<Option<&String>> = labels
            .iter()
            .map(|label| known.labels.get(*label))
            .collect();
        let own = named.get(name.as_str());
        kinds
            .entry((&known.environment, environments, labels, own))
            .or_insert((name, known));
    }
    let points = |environment: &str| {
        all.versions()
            .map(|rules| rules.governance.environments.get(environment))
    };
    let mut seen: BTreeSet<_> = kinds
        .keys()
        .map(|(environment, ..)| points(environment))
        .collect();
    let found: Vec<(TargetName, Arc<KnownTarget>)> = kinds
        .into_values()
        .map(|(name, known)| (name.clone(), Arc::clone(known)))
        .collect();
    let mut left_out = found.len().saturating_sub(MOST_TARGETS);
    let mut kinds: Targets = found.into_iter().take(MOST_TARGETS).collect();
    let environments = all
        .versions()
        .into_iter()
        .flat_map(|rules| rules.governance.environments.keys());
    for environment in environments.collect::<BTreeSet<_>>() {
        if !seen.insert(points(environment)) {
            continue;
        }
        let known = KnownTarget {
            environment: environment.clone(),
            labels: BTreeMap::new(),
            parameters: BTreeMap::new(),
            baselines: BTreeMap::new(),
            rehearsal: None,
        };
        match format!("some-{environment}").parse() {
            Ok(name) if kinds.len() < MOST_TARGETS => {
                kinds.insert(name, Arc::new(known));
            }
            _ => left_out += 1,
        }
    }
    TargetKinds { kinds, left_out }
}

/// What to begin with: each kind of action on each kind of target.
pub(super) fn bases(kinds: &Targets, all: &Boundaries<'_>) -> Vec<Base> {
    let mut bases = Vec::new();
    let (Ok(session), Ok(new_target)) = (
        UNLISTED.parse::<Session>(),
        "new-target".parse::<TargetName>(),
    ) else {
        return bases;
    };
    for action in actions(all) {
        let Some(agent) = agent_for(&action, all) else {
            continue;
        };
        let effects = all
            .versions()
            .map(|rules| rules.actions.get(&action).map(|action| action.effect));
        let base = Base {
            action,
            agent,
            session: session.clone(),
            target: new_target.clone(),
            known: None,
            settings: Settings::new(),
            takes_changes: effects
                .iter()
                .any(|effect| !matches!(effect, Some(Effect::None | Effect::Delete))),
            filler: None,
        };
        if effects.contains(&Some(Effect::Create)) {
            let mut environments = BTreeSet::new();
            for governance in all.versions().map(|rules| &rules.governance) {
                let names = governance.environments.keys();
                environments.extend(names.map(|name| (&governance.environment_parameter, name)));
            }
            let points = |environment: &str| {
                all.versions()
                    .map(|rules| rules.governance.environments.get(environment))
            };
            let mut seen = BTreeSet::new();
            for (parameter, environment) in environments {
                if seen.insert((parameter, points(environment))) {
                    let boundary = Boundary::Parameter(parameter.clone());
                    let setting = Some(environment.as_str().into());
                    let settings = Settings::from([(boundary, setting)]);
                    bases.push(Base {
                        settings,
                        ..base.clone()
                    });
                }
            }
        }
        if effects != [Some(Effect::Create); 2] {
            bases.extend(kinds.iter().map(|(name, known)| Base {
                target: name.clone(),
                known: Some(Arc::clone(known)),
                ..base.clone()
            }));
        }
    }
    bases
}
