//! Limits of rules over one proposal: of what it is counted, how much it uses, and whether that goes past what is left.
//!
//! What cannot be told (a detail that is missing, an amount that is no number, or that no executor obeys) counts as past
//! every limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sha1::{Digest as _, Sha1};

use super::risk_context::{KnownTarget, RiskContext};
use super::score::Measured;
use super::subject::ScoringInput;
use super::triggers::{Firing, ProposalFacts};
use crate::domain::documents::{LimitRecord, Recommendation, UsageKey, time};
use crate::domain::ids::{ParameterName, TargetName, TriggerId};
use crate::domain::value::Value;
use crate::rules::Rules;
use crate::rules::evidence::EvidenceState;
use crate::rules::policy::{Counted, Dimension, Limit, PolicyRule};

/// The longest detail that stands in a key as it is, in bytes.
const LONGEST_KEY: usize = 100;

/// What was used of limits before a proposal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UsedLimits {
    by_rule: BTreeMap<TriggerId, BTreeMap<UsageKey, Vec<UsedPart>>>,
    /// Whether the proposal has been counted already: what was decided within its limits stays so.
    is_counted: bool,
}

/// What was used in a part of the time, and when it is free again; none: never.
#[derive(Debug, Clone, PartialEq)]
pub struct UsedPart {
    pub used: Decimal,
    pub free_at: Option<DateTime<Utc>>,
}

/// What a proposal uses of a limit.
#[derive(Debug, Clone)]
pub struct Use<'r> {
    pub rule: &'r PolicyRule,
    pub limit: &'r Limit,
    pub key: UsageKey,
    pub amount: Decimal,
}

impl UsedLimits {
    /// For a proposal that is decided already.
    pub fn counted() -> Self {
        Self {
            is_counted: true,
            ..Self::default()
        }
    }

    /// For a proposal before which nothing was used.
    pub fn nothing(
        about: &Recommendation,
        targets: &BTreeMap<TargetName, Arc<KnownTarget>>,
        rules: &Rules,
    ) -> Self {
        let mut used = Self::default();
        for (rule, _, key) in possible_keys(about, targets, rules) {
            used.insert(rule.id.clone(), key, Vec::new());
        }
        used
    }

    pub fn insert(&mut self, rule: TriggerId, key: UsageKey, parts: Vec<UsedPart>) {
        self.by_rule.entry(rule).or_default().insert(key, parts);
    }

    fn find(&self, rule: &TriggerId, key: &UsageKey) -> Option<&[UsedPart]> {
        self.by_rule.get(rule)?.get(key).map(Vec::as_slice)
    }

    /// The most that was used by any key.
    fn most(&self, rule: &TriggerId) -> Decimal {
        let keys = self
            .by_rule
            .get(rule)
            .into_iter()
            .flat_map(BTreeMap::values);
        let sums = keys.map(|parts| sum(parts.iter().map(|part| part.used)));
        sums.max().unwrap_or_default()
    }
}

/// What is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scored {
    /// What was used was read for it.
    Proposal,
    /// One that nobody proposed may be counted by what nobody has read.
    Variation,
}

/// How a proposal stands to a limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    Within,
    Past(Box<LimitRecord>),
    /// Why nobody can tell, which counts as past it.
    Unknown(String),
    /// The same of evidence, which makes it HIGH.
    NoEvidence(String),
}

/// Every key by which a limit may count a proposal, with any of its targets left out, or any rehearsal in their place.
pub fn possible_keys<'r>(
    about: &Recommendation,
    targets: &BTreeMap<TargetName, Arc<KnownTarget>>,
    rules: &'r Rules,
) -> Vec<(&'r PolicyRule, &'r Limit, UsageKey)> {
    if limits(rules).next().is_none() {
        return Vec::new();
    }
    let environment = &rules.governance.environment_parameter;
    let parameters: BTreeSet<&ParameterName> = about.changes.keys().chain([environment]).collect();
    let named = about
        .targets
        .iter()
        .filter(|name| !targets.contains_key(*name));
    let known = targets
        .iter()
        .map(|(name, known)| (name, Some(known.as_ref())));
    let counting = Counting {
        agent: about.agent.as_str(),
        action: about.action.as_str(),
        targets: known.chain(named.map(|name| (name, None))).collect(),
        named: about.targets.iter().collect(),
        parameters: parameters.into_iter().collect(),
        details: &about.details,
        changes: about.changes.iter().collect(),
    };
    let mut keys = Vec::new();
    for (rule, limit) in limits(rules) {
        // Of what cannot be told nothing is read.
        let found = counting.keys(limit).unwrap_or_default();
        keys.extend(found.into_iter().map(|key| (rule, limit, key)));
    }
    keys
}

/// What an approved proposal uses of each limit whose condition it meets.
pub fn uses<'r>(about: &Recommendation, situation: &RiskContext, rules: &'r Rules) -> Vec<Use<'r>> {
    if limits(rules).next().is_none() {
        return Vec::new();
    }
    let subject = ScoringInput::new(about, situation, rules);
    let measured = Measured::of(&subject);
    let facts = ProposalFacts::of(&subject, &measured);
    let firing = Firing::over(&facts);
    let mut uses = Vec::new();
    for (rule, limit) in limits(rules).filter(|(rule, _)| firing.meets(rule)) {
        let keys = Counting::of(&subject, &measured)
            .keys(limit)
            .unwrap_or_default();
        let amount = amount(limit, &subject).unwrap_or_default();
        uses.extend(keys.into_iter().map(|key| Use {
            rule,
            limit,
            key,
            amount,
        }));
    }
    uses
}

fn limits(rules: &Rules) -> impl Iterator<Item = (&PolicyRule, &Limit)> {
    let rules = rules.policy.iter();
    rules.filter_map(|rule| Some((rule, rule.limit.as_ref()?)))
}

/// How a proposal stands to the limit of a rule whose condition it meets.
pub(crate) fn standing(
    rule: &PolicyRule,
    limit: &Limit,
    subject: &ScoringInput<'_>,
    measured: &Measured<'_>,
    scored: Scored,
) -> Standing {
    let used = &subject.situation.used;
    if used.is_counted {
        return Standing::Within;
    }
    let adds = match amount(limit, subject) {
        Ok(amount) => amount,
        Err(NoAmount::Unknown(why)) => return Standing::Unknown(why),
        Err(NoAmount::NoEvidence(why)) => return Standing::NoEvidence(why),
    };
    // A search for milder edits asks this often, and mostly nothing is near its limit.
    let is_near = || used.most(&rule.id).saturating_add(adds) > limit.at_most.decimal();
    if scored == Scored::Variation && limit.is_always_counted() && !is_near() {
        return Standing::Within;
    }
    let keys = match Counting::of(subject, measured).keys(limit) {
        Ok(keys) => keys,
        Err(why) => return Standing::Unknown(why),
    };
    let mut worst: Option<LimitRecord> = None;
    for key in keys {
        let parts = match (used.find(&rule.id, &key), scored) {
            (Some(parts), _) => parts,
            (None, Scored::Variation) => &[],
            (None, Scored::Proposal) => {
                return Standing::Unknown(format!("what is used of {key:?} was not read"));
            }
        };
        let before = sum(parts.iter().map(|part| part.used));
        let most = limit.at_most.decimal();
        let over = before.saturating_add(adds).saturating_sub(most);
        let is_worse = worst.as_ref().is_none_or(|worst| before > worst.used);
        if over > Decimal::ZERO && is_worse {
            worst = Some(LimitRecord {
                counts: limit.definition(),
                per: key,
                at_most: most,
                used: before,
                adds,
                free_at: free_at(parts, over),
            });
        }
    }
    worst.map_or(Standing::Within, |worst| Standing::Past(Box::new(worst)))
}

/// Amounts may be as large as an agent writes them.
pub fn sum(amounts: impl Iterator<Item = Decimal>) -> Decimal {
    amounts.fold(Decimal::ZERO, Decimal::saturating_add)
}

/// When so much is free again; none: never.
fn free_at(parts: &[UsedPart], needed: Decimal) -> Option<DateTime<Utc>> {
    let mut freed = Decimal::ZERO;
    let last = parts.iter().find(|part| {
        freed = freed.saturating_add(part.used);
        freed >= needed
    });
    last?.free_at
}

/// How far it goes past the limit, as the end of a sentence.
pub(crate) fn past_in_words(limit: &Limit, record: &LimitRecord) -> String {
    let LimitRecord {
        per,
        at_most,
        used,
        adds,
        free_at,
        ..
    } = record;
    let per: Vec<String> = limit
        .per
        .iter()
        .map(|dimension| {
            let value = per.get(&dimension.to_string()).map_or("", String::as_str);
            match (dimension, value) {
                (Dimension::Proposal, _) => "exactly this".to_owned(),
                (_, "") => format!("no {}", dimension.name()),
                _ => format!("{} {}", dimension.name(), crate::risk::words::shown(value)),
            }
        })
        .collect();
    let per = match per.as_slice() {
        [] => String::new(),
        per => format!(" for {}", per.join(" and ")),
    };
    let free = match free_at {
        Some(at) => format!("enough is free again at {}", time::text(at)),
        None => "that much is never free again".to_owned(),
    };
    format!(
        "{} of {} used{per}{}, and this adds {}; {free}",
        used.normalize(),
        limit.of.in_words(*at_most),
        limit.within.in_words(),
        adds.normalize(),
    )
}

/// Why it is not known how much a proposal uses.
enum NoAmount {
    Unknown(String),
    NoEvidence(String),
}

/// How much a proposal uses of a limit, for each key.
fn amount(limit: &Limit, subject: &ScoringInput<'_>) -> Result<Decimal, NoAmount> {
    let count = Decimal::from(subject.targets.len().max(1));
    let is_per_target = limit
        .per
        .iter()
        .any(|dimension| matches!(dimension, Dimension::Target | Dimension::Label(_)));
    let unknown = |why: String| Err(NoAmount::Unknown(why));
    let amount = match &limit.of {
        Counted::Decisions => return Ok(Decimal::ONE),
        Counted::Parameter(name) => match subject.proposed(name) {
            None => return Ok(Decimal::ZERO),
            Some(value) => {
                let guidance = subject.rules.parameters.get(name);
                let of_type = guidance.and_then(|guidance| guidance.value_type());
                let measured = of_type.and_then(|known| known.measure_for_conditions(value));
                let each = measured.or_else(|| value.number());
                // The same is proposed for each target.
                match is_per_target {
                    true => each,
                    false => each.and_then(|each| each.checked_mul(count)),
                }
            }
        },
        Counted::Detail(name) => {
            if !subject
                .action_type
                .is_some_and(|action| action.obeys.contains(name))
            {
                return unknown(format!(
                    "the executor of {} does not obey details.{name} (obeys in rules/actions.yaml)",
                    subject.action
                ));
            }
            subject.details.get(name).and_then(Value::number)
        }
        Counted::Evidence(name) => match subject.situation.evidence.get(name) {
            Some(EvidenceState::Known(known)) => known.value.number(),
            Some(EvidenceState::Missing(why)) => return Err(NoAmount::NoEvidence(why.clone())),
            None => None,
        },
    };
    match amount {
        Some(amount) if amount >= Decimal::ZERO => Ok(amount),
        _ => unknown(format!("{} is no amount of 0 or more", limit.of)),
    }
}

/// A proposal as far as limits count by it.
struct Counting<'a> {
    agent: &'a str,
    action: &'a str,
    targets: Vec<(&'a TargetName, Option<&'a KnownTarget>)>,
    /// Those of them that it names.
    named: Vec<&'a TargetName>,
    /// Those that change.
    parameters: Vec<&'a ParameterName>,
    details: &'a BTreeMap<String, Value>,
    changes: Vec<(&'a ParameterName, &'a Value)>,
}

impl<'a> Counting<'a> {
    fn of(subject: &ScoringInput<'a>, measured: &Measured<'a>) -> Self {
        let changed = measured.parameters.changed.iter();
        Self {
            agent: subject.agent.as_str(),
            action: subject.action.as_str(),
            targets: subject.targets.clone(),
            named: subject.targets.iter().map(|(name, _)| *name).collect(),
            parameters: changed.map(|change| change.name).collect(),
            details: subject.details,
            changes: subject.changes.clone(),
        }
    }

    /// The keys of everything that the proposal is counted by.
    fn keys(&self, limit: &Limit) -> Result<BTreeSet<UsageKey>, String> {
        let no_target = [None];
        let some: Vec<Option<&(&TargetName, Option<&KnownTarget>)>>;
        let needs_target = limit
            .per
            .iter()
            .any(|dimension| matches!(dimension, Dimension::Target | Dimension::Label(_)));
        let targets: &[_] = match needs_target {
            true if self.targets.is_empty() => return Err("it names no target".to_owned()),
            true => {
                some = self.targets.iter().map(Some).collect();
                &some
            }
            false => &no_target,
        };
        let needs_parameter = limit.per.contains(&Dimension::Parameter);
        let parameters: Vec<Option<&ParameterName>> = match needs_parameter {
            true => self.parameters.iter().copied().map(Some).collect(),
            false => vec![None],
        };
        let mut keys = BTreeSet::new();
        for target in targets {
            for parameter in &parameters {
                let mut key = UsageKey::new();
                for dimension in &limit.per {
                    let value = match (dimension, target, parameter) {
                        (Dimension::Agent, ..) => self.agent.to_owned(),
                        (Dimension::Action, ..) => self.action.to_owned(),
                        (Dimension::Target, Some((name, _)), _) => name.to_string(),
                        (Dimension::Label(label), Some((_, known)), _) => {
                            let value = known.and_then(|known| known.labels.get(label));
                            value.cloned().unwrap_or_default()
                        }
                        (Dimension::Parameter, _, Some(name)) => name.to_string(),
                        (Dimension::Proposal, ..) => self.fingerprint(),
                        (Dimension::Detail(name), ..) => {
                            spelled(dimension, self.details.get(name))?
                        }
                        (Dimension::Value(name), ..) => {
                            let mut changes = self.changes.iter();
                            let proposed = changes.find(|(changed, _)| *changed == name);
                            spelled(dimension, proposed.map(|(_, value)| *value))?
                        }
                        (Dimension::Target | Dimension::Label(_) | Dimension::Parameter, ..) => {
                            String::new()
                        }
                    };
                    key.insert(dimension.to_string(), value);
                }
                keys.insert(key);
            }
        }
        Ok(keys)
    }

    /// The same for all proposals that do the same.
    fn fingerprint(&self) -> String {
        let mut text = format!("{:?}", self.action);
        let mut targets: Vec<&str> = self.named.iter().map(|name| name.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        text.push_str(&format!("{targets:?}"));
        for (name, value) in &self.changes {
            text.push_str(&format!("{:?}:", name.as_str()));
            push_canonical(value, &mut text);
        }
        text.push('|');
        for (name, value) in self.details {
            text.push_str(&format!("{name:?}:"));
            push_canonical(value, &mut text);
        }
        digest(&text)
    }
}

fn digest(text: &str) -> String {
    let digest = Sha1::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is counted by a value that an agent writes.
fn spelled(dimension: &Dimension, value: Option<&Value>) -> Result<String, String> {
    let text = value.and_then(plain);
    text.ok_or_else(|| format!("{dimension} is missing, or no text or number"))
}

/// What a detail is counted by: other spellings of the same are the same. A long one stands as its digest.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::Text(text) => text.trim().to_lowercase(),
        Value::Number(number) => number.decimal().to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => return None,
    };
    let number = Decimal::from_str_exact(&text).ok();
    let text = number.map_or(text, |number| number.normalize().to_string());
    Some(match text.len() > LONGEST_KEY {
        true => digest(&text),
        false => text,
    })
}

/// A value without what makes no difference: `3.0` is `3`.
fn push_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Null | Value::Bool(_) => text.push_str(&value.to_string()),
        Value::Number(number) => text.push_str(&number.decimal().normalize().to_string()),
        Value::Text(inner) => text.push_str(&format!("{inner:?}")),
        Value::List(items) => {
            text.push('[');
            for item in items {
                push_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Map(entries) => {
            text.push('{');
            for (key, item) in entries {
                text.push_str(&format!("{key:?}:"));
                push_canonical(item, text);
                text.push(',');
            }
            text.push('}');
        }
    }
}

#[cfg(test)]
mod tests;
