//! The values of a parameter at which what the rules say of it may change.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use crate::domain::value::{Value, ValueType};
use crate::rules::condition::Constant;
use crate::rules::parameters::{Elements, Guidance, UsualValues, Values};

/// A text that no rule names.
pub(super) const UNLISTED: &str = "anything-else";
/// An agent that neither version lists, and so on.
pub(super) const UNLISTED_AGENT: &str = "unregistered-agent";
pub(super) const UNLISTED_ACTION: &str = "unlisted-action";
pub(super) const UNLISTED_TARGET: &str = "unlisted-target";
pub(super) const UNLISTED_PARAMETER: &str = "unlisted-parameter";
/// The longest list that is made up.
const MOST_ELEMENTS: usize = 64;

/// What a condition compares a part of a change with: `amount`, `value`, `before`, `ratio` or `delta`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangeConstant {
    pub key: String,
    pub with: Constant,
}

/// The values to try of one parameter, where it has this value now; none removes it.
pub(super) fn of_parameter<'g>(
    guidance: impl Iterator<Item = &'g Guidance> + Clone,
    constants: &BTreeSet<ChangeConstant>,
    present: Option<&Value>,
) -> BTreeSet<Value> {
    let value_type = guidance.clone().find_map(Guidance::value_type);
    let mut found = Finder {
        value_type: value_type.unwrap_or(ValueType::Number),
        present,
        values: present.map(|_| Value::Null).into_iter().collect(),
    };
    let said = guidance.clone().flat_map(Guidance::everywhere);
    for usual in said {
        found.usual(usual);
    }
    if guidance.clone().any(|guidance| guidance.safety_control) {
        found.values.extend([false.into(), 0.into()]);
    }
    for constant in constants {
        found.constant(constant);
    }
    if guidance.count() == 0 {
        found.values.insert(1.into());
    }
    found
        .values
        .into_iter()
        .filter(|value| Some(value) != present)
        .collect()
}

/// What lies just below, at and just above a number.
pub(super) fn around(number: Decimal) -> Vec<Decimal> {
    let step = Decimal::new(1, number.normalize().scale().saturating_add(1).min(20));
    around_by(number, step)
}

fn around_by(number: Decimal, step: Decimal) -> Vec<Decimal> {
    let below = number.checked_sub(step);
    [below, Some(number), number.checked_add(step)]
        .into_iter()
        .flatten()
        .collect()
}

/// A number as an agent would write it.
pub(super) fn number(number: Decimal) -> Option<Value> {
    ValueType::Number.write(number, &Value::Null)
}

struct Finder<'p> {
    value_type: ValueType,
    present: Option<&'p Value>,
    values: BTreeSet<Value>,
}

impl Finder<'_> {
    fn usual(&mut self, usual: &UsualValues) {
        for (_, values) in &usual.tiers {
            self.tier(values);
        }
        if let Some((mean, deviation)) = usual.spread
            && let Some(two) = deviation.checked_mul(Decimal::TWO)
        {
            let ends = [mean.checked_sub(two), mean.checked_add(two)];
            ends.into_iter().flatten().for_each(|end| self.bound(end));
        }
        let extremes = [usual.extreme_above, usual.extreme_below];
        extremes
            .into_iter()
            .flatten()
            .for_each(|bound| self.bound(bound));
        let present = self.present.and_then(|present| usual.measure(present));
        if let (Some(movement), Some(from)) = (&usual.movement, present) {
            for distance in movement.distances(from) {
                let ends = [from.checked_sub(distance), from.checked_add(distance)];
                ends.into_iter().flatten().for_each(|end| self.bound(end));
            }
        }
        self.elements(&usual.elements);
    }

    fn tier(&mut self, values: &Values) {
        match values {
            Values::Range(from, to) => [*from, *to].into_iter().for_each(|end| self.bound(end)),
            Values::AnyOf(values) => {
                self.values.extend(values.iter().cloned());
                if values.iter().any(|value| value.text().is_some()) {
                    self.values.insert(UNLISTED.into());
                }
            }
            Values::Matching(pattern) => {
                self.values.extend(pattern.example().map(Value::from));
                self.values.insert(UNLISTED.into());
            }
        }
    }

    /// An amount in the parameter's own measure.
    fn bound(&mut self, amount: Decimal) {
        let around = match self.value_type {
            ValueType::Quantity => around_by(amount, Decimal::ONE),
            ValueType::Duration => around_by(amount, Decimal::ONE_THOUSAND),
            _ => around(amount),
        };
        let binary = Value::from("1Mi");
        let is_binary = amount
            .checked_rem(Decimal::from(1024))
            .is_some_and(|rest| rest.is_zero());
        let like = match (self.present, is_binary) {
            (Some(present), _) => present,
            (None, true) => &binary,
            (None, false) => &Value::Null,
        };
        let written = around
            .into_iter()
            .filter_map(|amount| self.value_type.write(amount, like));
        self.values.extend(written);
    }

    fn constant(&mut self, constant: &ChangeConstant) {
        let ChangeConstant { key, with } = constant;
        match with {
            Constant::Number(number) => {
                let measure = |value: &Value| self.value_type.measure_for_conditions(value);
                let present = self.present.and_then(measure);
                let amount = match (key.as_str(), present) {
                    ("amount" | "value" | "before" | "baseline", _) => Some(*number),
                    ("ratio" | "baseline_ratio", Some(from)) => from.checked_mul(*number),
                    ("delta" | "baseline_delta", Some(from)) => from.checked_add(*number),
                    _ => None,
                };
                let scale = match self.value_type {
                    ValueType::Duration => Decimal::ONE_THOUSAND,
                    _ => Decimal::ONE,
                };
                let amount = amount.and_then(|amount| amount.checked_mul(scale));
                amount.into_iter().for_each(|amount| self.bound(amount));
            }
            Constant::Text(text) if key == "value" => {
                self.values.extend([text.as_str().into(), UNLISTED.into()]);
            }
            Constant::Part(text) if key == "value" => {
                self.values.extend([text.as_str().into(), UNLISTED.into()]);
            }
            Constant::Flag if key == "value" => self.values.extend([true.into(), false.into()]),
            _ => {}
        }
    }

    /// Lists with so many more and fewer elements than now.
    fn elements(&mut self, elements: &Elements) {
        if self.value_type != ValueType::List {
            return;
        }
        let present: Vec<Value> = match self.present {
            Some(Value::List(present)) => present.clone(),
            _ => Vec::new(),
        };
        let with = |added: &[Value]| Value::List([present.as_slice(), added].concat());
        let mut each = BTreeSet::new();
        if let Some(usual) = &elements.each {
            let mut inner = Finder {
                value_type: usual.value_type.unwrap_or(ValueType::Text),
                present: None,
                values: BTreeSet::new(),
            };
            inner.usual(usual);
            each = inner.values;
        }
        let mut lists: Vec<Value> = each
            .iter()
            .map(|one| with(std::slice::from_ref(one)))
            .collect();
        let counts = |limits: &Option<Vec<_>>| {
            let limits = limits.iter().flatten();
            let most =
                limits.map(|(_, most): &(_, u64)| usize::try_from(*most).unwrap_or(usize::MAX));
            let most = most.flat_map(|most| [most, most.saturating_add(1)]);
            most.filter(|count| *count <= MOST_ELEMENTS)
                .collect::<Vec<usize>>()
        };
        for count in counts(&elements.added) {
            let mut added: Vec<Value> = each.iter().take(count).cloned().collect();
            let more = (added.len()..count).map(|index| format!("{UNLISTED}-{index}").into());
            added.extend(more);
            lists.push(with(&added));
        }
        for count in counts(&elements.removed) {
            let left = present.len().checked_sub(count);
            let left = left.and_then(|left| present.get(..left));
            lists.extend(left.map(|left| Value::List(left.to_vec())));
        }
        self.values.extend(lists);
    }
}
