//! What two versions of the rules distinguish, and the values of it at which what they say may change.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeZone as _, Utc};
use rust_decimal::Decimal;
use serde::Serialize;

use super::values::{
    self, ChangeConstant, UNLISTED, UNLISTED_AGENT, UNLISTED_PARAMETER, UNLISTED_TARGET,
};
use crate::domain::documents::Recommendation;
use crate::domain::ids::{
    ActionName, AgentName, EvidenceName, LabelName, ParameterName, TriggerId,
};
use crate::domain::value::{Value, ValueType};
use crate::risk::KnownTarget;
use crate::rules::Rules;
use crate::rules::condition::{Compared, Constant};
use crate::rules::parameters::Guidance;
use crate::rules::policy::{AskFrom, Counted, PolicyRule};

/// What may be varied of a proposal and its circumstances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// The value that is proposed.
    Parameter(ParameterName),
    /// A part of `details`.
    Detail(Vec<String>),
    Evidence(EvidenceName),
    /// Of the target.
    Label(LabelName),
    /// The present value of one of the target's parameters.
    Present(ParameterName),
    TargetName,
    TargetCount,
    Agent,
    Session,
    Citations,
    /// Whether a commit is by nobody that the rules know.
    Authorship,
    /// How much is used of the limit of a rule.
    Used(TriggerId),
    /// When it is decided.
    Time,
}

/// What one of them is: a value, or that it is not there.
pub type Setting = Option<Value>;

/// A rule, and the boundaries that its condition looks at.
#[derive(Debug)]
pub(super) struct RuleBoundaries {
    pub looks_at: BTreeSet<Boundary>,
    /// Whether it looks at parameters without naming any.
    pub looks_at_any_parameter: bool,
    /// Whether it is another one than before.
    pub is_changed: bool,
}

/// Everything that both versions distinguish.
#[derive(Debug)]
pub(super) struct Boundaries<'r> {
    pub old: &'r Rules,
    pub new: &'r Rules,
    settings: BTreeMap<Boundary, BTreeSet<Setting>>,
    parameters: BTreeMap<ParameterName, BTreeSet<ChangeConstant>>,
    pub rules: BTreeMap<TriggerId, RuleBoundaries>,
    /// The actions that conditions name, or what their names contain.
    named_actions: BTreeSet<String>,
    /// Those that a condition compares with each other.
    pairs: BTreeSet<(Boundary, Boundary)>,
}

/// A Monday, from which windows are looked for: what is compared does not depend on when that is done.
pub(super) fn start() -> DateTime<Utc> {
    const MONDAY: i64 = 1_704_067_200;
    Utc.timestamp_opt(MONDAY, 0).single().unwrap_or_default()
}

/// A moment as a setting.
fn at(moment: DateTime<Utc>) -> Setting {
    Some(moment.timestamp().into())
}

impl<'r> Boundaries<'r> {
    pub fn of(old: &'r Rules, new: &'r Rules) -> Self {
        let names = [old, new]
            .into_iter()
            .flat_map(|rules| rules.parameters.keys());
        let unlisted = UNLISTED_PARAMETER.parse::<ParameterName>().ok();
        let environments = [old, new].map(|rules| rules.governance.environment_parameter.clone());
        let names = names.cloned().chain(environments).chain(unlisted);
        let mut found = Self {
            old,
            new,
            settings: BTreeMap::new(),
            parameters: names.map(|name| (name, BTreeSet::new())).collect(),
            rules: BTreeMap::new(),
            named_actions: BTreeSet::new(),
            pairs: BTreeSet::new(),
        };
        for rules in [old, new] {
            for rule in rules.policy.iter() {
                found.rule(rule);
            }
            found.governance(rules);
            found.labels(rules);
        }
        found.agents();
        found.pair_up();
        found
    }

    pub fn versions(&self) -> [&'r Rules; 2] {
        [self.old, self.new]
    }

    fn add(&mut self, boundary: Boundary, settings: impl IntoIterator<Item = Setting>) {
        self.settings.entry(boundary).or_default().extend(settings);
    }

    fn governance(&mut self, rules: &Rules) {
        let bulk_at = i64::from(rules.governance.bulk_at);
        let counts = [0, 1, 2, bulk_at - 1, bulk_at, bulk_at + 1];
        self.add(
            Boundary::TargetCount,
            counts.map(|count| Some(count.into())),
        );
        self.add(Boundary::Authorship, [None, Some(true.into())]);
        self.add(Boundary::TargetName, [Some(UNLISTED_TARGET.into())]);
        let edges = rules.governance.windows.edges(start());
        if !edges.is_empty() {
            self.add(Boundary::Time, [at(start())]);
            self.add(Boundary::Time, edges.into_iter().map(at));
        }
    }

    /// The labels that choose guidance and groups, with each value that makes a difference.
    fn labels(&mut self, rules: &Rules) {
        for guidance in rules.parameters.values() {
            for special in &guidance.specials {
                for (label, values) in &special.conditions.labels {
                    let values = values.iter().map(|value| Some(value.as_str().into()));
                    self.add(Boundary::Label(label.clone()), values.chain([None]));
                }
            }
        }
        let asks = rules.policy.iter().filter_map(|rule| rule.ask.as_ref());
        for part in asks.flat_map(|ask| ask.parts()) {
            if let AskFrom::Label(from) = &part.from {
                let groups = rules.people.group_names().map(|name| Some(name.into()));
                let none = [None, Some(UNLISTED.into())];
                self.add(Boundary::Label(from.label.clone()), groups.chain(none));
            }
        }
    }

    /// One that is not registered, and those of whom the two versions do not say the same.
    fn agents(&mut self) {
        let [old, new] = self.versions().map(|rules| &rules.agents);
        let names: BTreeSet<&AgentName> = old.keys().chain(new.keys()).collect();
        let differ = names.into_iter().filter(|name| {
            let actions = [old, new].map(|agents| agents.get(*name).map(|agent| &agent.actions));
            let [then, now] = actions;
            then != now
        });
        let differ: Vec<Setting> = differ.map(|name| Some(name.as_str().into())).collect();
        self.add(Boundary::Agent, differ);
        self.add(Boundary::Agent, [Some(UNLISTED_AGENT.into())]);
    }

    fn rule(&mut self, rule: &PolicyRule) {
        let compared = rule.when.compared();
        let named: BTreeSet<ParameterName> = compared.iter().filter_map(named_parameter).collect();
        let mut looks_at: BTreeSet<Boundary> =
            named.iter().cloned().map(Boundary::Parameter).collect();
        for name in &named {
            self.parameters.entry(name.clone()).or_default();
        }
        for one in &compared {
            let boundary = self.compared(one, &named);
            if let (Constant::Other(keys), Some(boundary)) = (&one.with, &boundary) {
                let is_change = keys.first().is_some_and(|fact| fact == "changes");
                let changed = named.iter().filter(|_| is_change);
                let pairs =
                    changed.map(|name| (Boundary::Parameter(name.clone()), boundary.clone()));
                self.pairs.extend(pairs);
            }
            looks_at.extend(boundary);
        }
        looks_at.extend(self.limit(rule));
        let facts = rule.when.facts();
        let of_parameters = [
            "changes",
            "parameters",
            "extreme",
            "deviant",
            "safety_off",
            "unknown_parameters",
        ];
        let looks_at_parameters = facts.iter().any(|fact| of_parameters.contains(fact));
        let same = |rules: &Rules| {
            let other = rules.policy.iter().find(|other| other.id == rule.id);
            other.is_some_and(|other| {
                other.when.text() == rule.when.text()
                    && other.then == rule.then
                    && other.ask == rule.ask
                    && other.limit == rule.limit
            })
        };
        let is_changed = !self.versions().into_iter().all(same);
        let known = self.rules.entry(rule.id.clone()).or_insert(RuleBoundaries {
            looks_at: BTreeSet::new(),
            looks_at_any_parameter: false,
            is_changed,
        });
        known.looks_at.extend(looks_at);
        known.looks_at_any_parameter |= looks_at_parameters && named.is_empty();
    }

    /// What is used of a limit, and what is counted by it, where one goes past it.
    fn limit(&mut self, rule: &PolicyRule) -> Vec<Boundary> {
        let Some(limit) = &rule.limit else {
            return Vec::new();
        };
        let most = limit.at_most.decimal();
        let one_less = most.checked_sub(Decimal::ONE);
        let used = [one_less, Some(most)].into_iter().flatten();
        let used = used
            .filter(|used| *used > Decimal::ZERO)
            .filter_map(values::number);
        let boundary = Boundary::Used(rule.id.clone());
        self.add(boundary.clone(), used.map(Some).chain([None]));
        let with = Constant::Number(most);
        let counted = match &limit.of {
            Counted::Decisions => None,
            Counted::Parameter(name) => {
                let constant = ChangeConstant {
                    key: "amount".to_owned(),
                    with,
                };
                let constants = self.parameters.entry(name.clone()).or_default();
                constants.insert(constant);
                Some(Boundary::Parameter(name.clone()))
            }
            Counted::Detail(name) => {
                let counted = Boundary::Detail(vec![name.clone()]);
                self.add(counted.clone(), any(&with).into_iter().chain([None]));
                Some(counted)
            }
            Counted::Evidence(name) => {
                let counted = Boundary::Evidence(name.clone());
                self.add(counted.clone(), self.evidence(name, &with));
                Some(counted)
            }
        };
        counted.into_iter().chain([boundary]).collect()
    }

    /// What is compared with a proposed value is tried next to each value that is tried of that, and the other way around.
    fn pair_up(&mut self) {
        for (changed, other) in self.pairs.clone() {
            let Boundary::Parameter(name) = &changed else {
                continue;
            };
            let own = self.settings.get(&other).cloned().unwrap_or_default();
            let own = own.into_iter().flatten().filter_map(|value| value.number());
            let constants = self.parameters.entry(name.clone()).or_default();
            constants.extend(own.map(|number| ChangeConstant {
                key: "amount".to_owned(),
                with: Constant::Number(number),
            }));
            let numbers: BTreeSet<Decimal> = {
                let values = self.values_of(name, None);
                values.iter().filter_map(Value::number).collect()
            };
            // What lies next to one is tried on the other side.
            let is_bound = |number: &&Decimal| {
                let mut around = values::around(**number).into_iter();
                around.all(|next| numbers.contains(&next))
            };
            let bounds = numbers.iter().filter(is_bound).copied();
            self.add(other, bounds.filter_map(values::number).map(Some));
        }
    }

    /// Takes in what a fact is compared with, and says what has to be varied for it.
    fn compared(&mut self, one: &Compared, named: &BTreeSet<ParameterName>) -> Option<Boundary> {
        let first = one.keys.first();
        let (boundary, settings) = match (one.fact, first) {
            ("target_count" | "bulk", _) => (Boundary::TargetCount, counts(&one.with)),
            ("targets", None) => (Boundary::TargetCount, counts(&one.with)),
            ("targets", Some(key)) => match (key.as_str(), one.keys.get(1)) {
                ("name", _) => (Boundary::TargetName, one_text(&one.with)),
                ("labels", Some(label)) => {
                    let settings = texts(&one.with).into_iter().chain([None]);
                    (Boundary::Label(label.parse().ok()?), settings.collect())
                }
                ("parameters", Some(name)) => {
                    (Boundary::Present(name.parse().ok()?), any(&one.with))
                }
                _ => return None,
            },
            ("details", Some(_)) => {
                let settings = any(&one.with).into_iter().chain([None]);
                (Boundary::Detail(one.keys.clone()), settings.collect())
            }
            ("evidence", Some(name)) => {
                let name: EvidenceName = name.parse().ok()?;
                (
                    Boundary::Evidence(name.clone()),
                    self.evidence(&name, &one.with),
                )
            }
            ("agent", _) => (Boundary::Agent, one_text(&one.with)),
            ("agent_registered", _) => (Boundary::Agent, Vec::new()),
            ("session", _) => (Boundary::Session, texts(&one.with)),
            ("citations", _) => (Boundary::Citations, citations(&one.with)),
            ("unattributed", _) => (Boundary::Authorship, Vec::new()),
            ("windows", _) => (Boundary::Time, Vec::new()),
            ("changes", Some(key)) => {
                self.changes(key, &one.with, named);
                return None;
            }
            ("action", _) => {
                if let Constant::Text(text) | Constant::Part(text) = &one.with {
                    self.named_actions.insert(text.clone());
                }
                return None;
            }
            _ => return None,
        };
        self.add(boundary.clone(), settings);
        Some(boundary)
    }

    fn changes(&mut self, key: &str, with: &Constant, named: &BTreeSet<ParameterName>) {
        let constant = ChangeConstant {
            key: key.to_owned(),
            with: with.clone(),
        };
        for (name, constants) in &mut self.parameters {
            if named.is_empty() || named.contains(name) {
                constants.insert(constant.clone());
            }
        }
    }

    fn evidence(&self, name: &EvidenceName, with: &Constant) -> Vec<Setting> {
        let known = self
            .versions()
            .into_iter()
            .find_map(|rules| rules.evidence.get(name));
        let Some(known) = known else {
            return Vec::new();
        };
        let numbers = |numbers: Vec<Decimal>| {
            let scale = match known.value_type {
                ValueType::Duration => Decimal::ONE_THOUSAND,
                _ => Decimal::ONE,
            };
            let amounts = numbers
                .into_iter()
                .filter_map(move |number| number.checked_mul(scale));
            let written = amounts.filter_map(|amount| known.value_type.write(amount, &Value::Null));
            written.map(Some).collect::<Vec<Setting>>()
        };
        let mut settings = match (known.value_type, with) {
            (_, Constant::Number(number)) => numbers(values::around(*number)),
            (ValueType::Boolean, _) => vec![Some(true.into()), Some(false.into())],
            (ValueType::Text, with) => texts(with),
            _ => numbers(vec![0.into(), 1.into()]),
        };
        settings.push(None);
        settings
    }

    /// Everything that is varied but for the parameters, in its order.
    pub fn circumstances(&self) -> impl Iterator<Item = &Boundary> {
        self.settings.keys()
    }

    pub fn parameters(&self) -> impl Iterator<Item = &ParameterName> {
        self.parameters.keys()
    }

    /// Whether the two versions say other things of a parameter.
    pub fn is_changed(&self, name: &ParameterName) -> bool {
        self.old.parameters.get(name) != self.new.parameters.get(name)
    }

    /// Whether a mapping of one of the versions has this as a part, and which.
    pub fn whole_of(&self, name: &ParameterName) -> Option<ParameterName> {
        let is_mapping = |whole: &str| {
            let guidance = |rules: &'r Rules| rules.parameters.get(whole);
            let mut guidance = self.versions().into_iter().filter_map(guidance);
            guidance.any(|guidance| guidance.value_type() == Some(ValueType::Mapping))
        };
        let mut dots = name.as_str().match_indices('.');
        dots.find_map(|(at, _)| {
            let whole = name.as_str().get(..at)?;
            is_mapping(whole).then(|| whole.parse().ok()).flatten()
        })
    }

    /// What a boundary is varied to, for a proposal about this target.
    pub fn settings_of(&self, boundary: &Boundary, target: Option<&KnownTarget>) -> Vec<Setting> {
        match boundary {
            Boundary::Parameter(name) => {
                let values = self.values_of(name, target).into_iter();
                values.map(Some).chain([None]).collect()
            }
            other => self
                .settings
                .get(other)
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
        }
    }

    fn values_of(&self, name: &ParameterName, target: Option<&KnownTarget>) -> BTreeSet<Value> {
        let guidance: Vec<&Guidance> = self
            .versions()
            .into_iter()
            .filter_map(|rules| rules.parameters.get(name))
            .collect();
        let nothing = BTreeSet::new();
        let constants = self.parameters.get(name).unwrap_or(&nothing);
        let present = target.and_then(|target| present(target, name, self.whole_of(name).as_ref()));
        let mut values = values::of_parameter(guidance.into_iter(), constants, present);
        let environments = self.versions().map(|rules| &rules.governance);
        for governance in environments {
            if *name == governance.environment_parameter {
                let names = governance.environments.keys();
                values.extend(names.map(|name| Value::from(name.as_str())));
                values.insert(UNLISTED.into());
            }
        }
        values
    }

    /// Whether a condition, or guidance that differs by action, names it.
    pub fn is_named(&self, action: &ActionName) -> bool {
        let mut parts = self.named_actions.iter();
        let by_guidance = |rules: &Rules| {
            let specials = rules
                .parameters
                .values()
                .flat_map(|guidance| &guidance.specials);
            let mut named = specials.filter_map(|special| special.conditions.actions.as_ref());
            named.any(|named| named.contains(action))
        };
        parts.any(|part| action.as_str().contains(part.as_str()))
            || self.versions().into_iter().any(by_guidance)
    }

    /// The labels that make a difference.
    pub fn label_names(&self) -> impl Iterator<Item = &LabelName> {
        self.settings.keys().filter_map(|boundary| match boundary {
            Boundary::Label(label) => Some(label),
            _ => None,
        })
    }
}

/// The present value of a parameter, or of a part of one.
pub(super) fn present<'t>(
    target: &'t KnownTarget,
    name: &ParameterName,
    whole: Option<&ParameterName>,
) -> Option<&'t Value> {
    let Some(whole) = whole else {
        return target.parameters.get(name);
    };
    let keys = name
        .as_str()
        .strip_prefix(whole.as_str())?
        .strip_prefix('.')?;
    let mut value = target.parameters.get(whole)?;
    for key in keys.split('.') {
        let Value::Map(entries) = value else {
            return None;
        };
        value = entries.get(key)?;
    }
    Some(value)
}

fn named_parameter(one: &Compared) -> Option<ParameterName> {
    let is_name = match one.fact {
        "parameters" | "extreme" | "deviant" | "safety_off" | "unknown_parameters" => true,
        "changes" => one.keys.first().is_none_or(|key| key == "parameter"),
        _ => false,
    };
    match &one.with {
        Constant::Text(text) if is_name => text.parse().ok(),
        _ => None,
    }
}

fn counts(with: &Constant) -> Vec<Setting> {
    let (Constant::Number(number) | Constant::Size(number)) = with else {
        return Vec::new();
    };
    let most = i64::try_from(Recommendation::MOST_TARGETS).unwrap_or(i64::MAX);
    let count = i64::try_from(*number).unwrap_or(i64::MAX);
    let counts = [count.saturating_sub(1), count, count.saturating_add(1)];
    let counts = counts
        .into_iter()
        .filter(|count| (0..=most).contains(count));
    counts.map(|count| Some(count.into())).collect()
}

fn one_text(with: &Constant) -> Vec<Setting> {
    match with {
        Constant::Text(text) | Constant::Part(text) => vec![Some(text.as_str().into())],
        _ => Vec::new(),
    }
}

fn texts(with: &Constant) -> Vec<Setting> {
    let other = Some(UNLISTED.into());
    one_text(with).into_iter().chain([other]).collect()
}

fn citations(with: &Constant) -> Vec<Setting> {
    let lists: Vec<Vec<Value>> = match with {
        Constant::Text(text) | Constant::Part(text) => {
            vec![vec![text.as_str().into()], vec![CITATION.into()]]
        }
        with => counts(with)
            .into_iter()
            .flatten()
            .filter_map(|count| usize::try_from(count.number()?).ok())
            .filter(|count| *count <= MOST_CITATIONS)
            .map(|count| vec![CITATION.into(); count])
            .collect(),
    };
    let lists = lists.into_iter().map(|list| Some(Value::List(list)));
    lists.chain([None]).collect()
}

/// An address that no rule names.
const CITATION: &str = "https://example.org/anything-else";
const MOST_CITATIONS: usize = 32;

/// What may be anything.
fn any(with: &Constant) -> Vec<Setting> {
    match with {
        Constant::Number(number) => {
            let numbers = values::around(*number).into_iter();
            numbers.filter_map(values::number).map(Some).collect()
        }
        Constant::Size(_) => counts(with)
            .into_iter()
            .flatten()
            .filter_map(|count| usize::try_from(count.number()?).ok())
            .filter(|count| *count <= MOST_CITATIONS)
            .map(|count| Some(Value::List(vec![0.into(); count])))
            .collect(),
        Constant::Text(_) | Constant::Part(_) => texts(with),
        Constant::Other(_) => Vec::new(),
        Constant::Flag => vec![Some(true.into()), Some(false.into())],
    }
}
