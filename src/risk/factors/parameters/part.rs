//! What differs of one parameter: itself, or the parts of a mapping.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::finding::{Finding, Found, Measurable, Named};
use super::places::Place;
use crate::domain::documents::Baseline;
use crate::domain::ids::ParameterName;
use crate::domain::value::{Value, ValueType};
use crate::risk::risk_context::KnownTarget;
use crate::risk::subject::ScoringInput;
use crate::rules::parameters::Guidance;

/// A parameter, or a part of one that is a mapping.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    /// `stop_loss_pct`, `limits.memory`
    pub(crate) path: Cow<'a, str>,
    /// The keys that lead to it inside of the parameter.
    pub(crate) keys: Vec<&'a str>,
    /// The proposed value; nothing where it is removed.
    pub(crate) value: &'a Value,
    pub(crate) guidance: Option<&'a Guidance>,
    /// The worst of all targets.
    pub(crate) finding: Finding<'a>,
    pub(crate) extreme: bool,
    pub(crate) deviant: bool,
}

/// How many elements and parts of one parameter are compared over all targets. An agent proposes a list once, and it
/// is held against what each target has.
const MOST_COMPARED: usize = 100_000;
/// Against how many kinds of targets another one is held before it is looked at by itself.
const MOST_KINDS: usize = 16;

static NOTHING: Value = Value::Null;
static NO_ENTRIES: BTreeMap<String, Value> = BTreeMap::new();

/// Whether a target has to be looked at to say how unusual a value is.
pub(super) fn depends_on_target(guidance: &Guidance) -> bool {
    guidance.depends_on_target() || guidance.value_type() == Some(ValueType::Mapping)
}

/// The value that a parameter, or a part of one, has on a target.
pub(crate) fn present_value<'a>(
    known: Option<&'a KnownTarget>,
    parameter: &ParameterName,
    keys: &[&str],
) -> Option<&'a Value> {
    part_of(known?.parameters.get(parameter)?, keys)
}

/// The baseline of a parameter on a target, if that is not the value that it has.
pub(crate) fn baseline_of<'a>(
    known: Option<&'a KnownTarget>,
    parameter: &ParameterName,
) -> Option<&'a Baseline> {
    known?.baselines.get(parameter)
}

/// What keys lead to inside of a value.
pub(crate) fn part_of<'a>(whole: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().try_fold(whole, |value, key| match value {
        Value::Map(entries) => entries.get(*key),
        _ => None,
    })
}

/// How many elements and parts a value has, itself included.
fn size_of(value: &Value) -> usize {
    let inside: usize = match value {
        Value::List(elements) => elements.iter().map(size_of).sum(),
        Value::Map(entries) => entries.values().map(size_of).sum(),
        _ => 0,
    };
    inside + 1
}

impl<'a> Part<'a> {
    /// A whole parameter, of which the same is said on every target.
    pub(super) fn everywhere(
        name: &'a ParameterName,
        value: &'a Value,
        guidance: Option<&'a Guidance>,
    ) -> Self {
        let found = match guidance {
            None => Found::without_guidance(),
            Some(guidance) => {
                let measurable = Measurable {
                    value,
                    present: None,
                    baseline: None,
                    target: None,
                };
                Found::everywhere(guidance, measurable)
            }
        };
        Self::found(name, value, guidance, found)
    }

    fn found(
        name: &'a ParameterName,
        value: &'a Value,
        guidance: Option<&'a Guidance>,
        found: Found<'a>,
    ) -> Self {
        Self {
            path: Cow::Borrowed(name.as_str()),
            keys: Vec::new(),
            value,
            guidance,
            finding: found.finding,
            extreme: found.extreme,
            deviant: found.deviant,
        }
    }

    /// Whether it was not looked at, because that would take too long.
    pub(crate) fn is_too_large(&self) -> bool {
        self.finding.is_too_large()
    }

    pub(super) fn unit(&self) -> Option<&'a str> {
        let unit = self.guidance?.unit.as_deref();
        unit.filter(|_| matches!(self.value, Value::Number(_)))
    }

    pub(super) fn reason(&self) -> String {
        self.finding.reason(Named {
            path: &self.path,
            value: self.value,
            unit: self.unit(),
        })
    }

    fn add(&mut self, found: Found<'a>) {
        let before = Found {
            finding: self.finding.clone(),
            extreme: self.extreme,
            deviant: self.deviant,
        };
        let worse = before.worse(found);
        self.finding = worse.finding;
        self.extreme = worse.extreme;
        self.deviant = worse.deviant;
    }
}

/// Every part that differs on some target, with the worst that was found of it on any.
pub(super) fn parts_of<'a>(
    subject: &ScoringInput<'a>,
    places: &[Place<'a>],
    name: &'a ParameterName,
    value: &'a Value,
) -> Vec<Part<'a>> {
    let mut parts = BTreeMap::new();
    // A long list for many targets alike is looked at once.
    let mut seen: Vec<(&Place<'a>, Option<&Value>, Option<&Baseline>)> = Vec::new();
    let size = size_of(value);
    let mut compared = 0_usize;
    for place in places {
        let present = present_value(place.known, name, &[]);
        let baseline = baseline_of(place.known, name);
        let former = baseline.map_or(0, |baseline| size_of(&baseline.value));
        compared = compared.saturating_add(size + present.map_or(0, size_of) + former);
        if compared > MOST_COMPARED {
            let guidance = subject.rules.parameters.get(name);
            return vec![Part::found(name, value, guidance, Found::too_large())];
        }
        let is_seen =
            |(other, before, former): &(&Place<'a>, Option<&Value>, Option<&Baseline>)| {
                *before == present && *former == baseline && place.is_like(other)
            };
        if !subject.differs_on(place.known, name, value) || seen.iter().any(is_seen) {
            continue;
        }
        if seen.len() < MOST_KINDS {
            seen.push((place, present, baseline));
        }
        let mut walk = Walk {
            subject,
            place,
            parameter: name,
            parts: &mut parts,
        };
        walk.visit(Cow::Borrowed(name.as_str()), &[], value);
    }
    if parts.is_empty() {
        return vec![Part::everywhere(
            name,
            value,
            subject.rules.parameters.get(name),
        )];
    }
    parts.into_values().collect()
}

struct Walk<'s, 'a> {
    subject: &'s ScoringInput<'a>,
    place: &'s Place<'a>,
    parameter: &'a ParameterName,
    parts: &'s mut BTreeMap<Cow<'a, str>, Part<'a>>,
}

impl<'a> Walk<'_, 'a> {
    /// Looks at what differs at this path and below it.
    fn visit(&mut self, path: Cow<'a, str>, keys: &[&'a str], value: &'a Value) {
        let guidance = self.subject.rules.parameters.get(path.as_ref());
        let Some(guidance) = guidance else {
            return self.keep(path, keys, value, None);
        };
        if guidance.value_type() != Some(ValueType::Mapping) {
            return self.keep(path, keys, value, Some(guidance));
        }
        let present = present_value(self.place.known, self.parameter, keys);
        let entries_of = |value: Option<&'a Value>| match value {
            Some(Value::Map(entries)) => Some(entries),
            _ => None,
        };
        let after = entries_of(Some(value));
        let before = entries_of(present);
        let is_empty = |entries: Option<&BTreeMap<_, _>>| entries.is_none_or(BTreeMap::is_empty);
        // What is no mapping, or has no part, says nothing of its parts.
        if after.is_none() || is_empty(after) && is_empty(before) {
            self.keep(path.clone(), keys, value, Some(guidance));
        }
        let removed = before.into_iter().flatten().filter_map(|(key, _)| {
            let is_there = after.is_some_and(|after| after.contains_key(key));
            (!is_there).then_some((key, &NOTHING))
        });
        let differing = after.unwrap_or(&NO_ENTRIES).iter().filter(|(key, value)| {
            let is = before.and_then(|before| before.get(*key));
            is != Some(*value)
        });
        let differing: Vec<(&'a String, &'a Value)> = removed.chain(differing).collect();
        for (key, value) in differing {
            let mut keys = keys.to_vec();
            keys.push(key);
            let path = format!("{path}.{key}");
            // A key with a dot in it would read like a part of a part.
            if key.contains('.') {
                self.keep(Cow::Owned(path), &keys, value, None);
            } else {
                self.visit(Cow::Owned(path), &keys, value);
            }
        }
    }

    fn keep(
        &mut self,
        path: Cow<'a, str>,
        keys: &[&'a str],
        value: &'a Value,
        guidance: Option<&'a Guidance>,
    ) {
        let found = match guidance {
            None => Found::without_guidance(),
            Some(guidance) => {
                let baseline = baseline_of(self.place.known, self.parameter);
                let measurable = Measurable {
                    value,
                    present: present_value(self.place.known, self.parameter, keys),
                    baseline: baseline.map(|baseline| part_of(&baseline.value, keys)),
                    target: self.place.target,
                };
                Found::at(self.place, guidance, measurable)
            }
        };
        if let Some(part) = self.parts.get_mut(&path) {
            return part.add(found);
        }
        let part = Part {
            path: path.clone(),
            keys: keys.to_vec(),
            value,
            guidance,
            finding: found.finding,
            extreme: found.extreme,
            deviant: found.deviant,
        };
        self.parts.insert(path, part);
    }
}
