//! `rules/parameters.yaml`: what is a usual value of each parameter, and what is a safety control.
//!
//! The shape of the YAML is in `raw`, what contradicts itself is found in `validate`, and where the guidance differs
//! by target is in [`conditions`].

pub mod conditions;
mod raw;
mod validate;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

pub use super::pattern::Pattern;
use super::{RuleFiles, file};
use crate::domain::ids::ParameterName;
use crate::domain::problem::Problems;
use crate::domain::value::{Value, ValueType};
use crate::domain::yaml;
pub use conditions::{Circumstances, Conditions};
pub use raw::RawParameters;
pub(super) use validate::find_unlisted;

/// Where this document is kept.
pub const PATH: &str = "rules/parameters.yaml";

/// How usual a value is. The order is from harmless to extreme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Harmless.
    Conservative,
    /// Usual, with some risk.
    Moderate,
    /// Bold.
    Aggressive,
    /// Beyond everything that the guidance names.
    Beyond,
}

impl Tier {
    /// The name as the rules write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conservative => "conservative",
            Self::Moderate => "moderate",
            Self::Aggressive => "aggressive",
            Self::Beyond => "beyond all tiers",
        }
    }
}

/// The values of one tier.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// As much as the first to as much as the second, both included.
    Range(Decimal, Decimal),
    /// Exactly these.
    AnyOf(BTreeSet<Value>),
    /// Texts that match as a whole.
    Matching(Pattern),
}

/// How far a value may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// As a part of the value that it moves from: 0.1 is 10 %.
    Relative(Decimal),
    Absolute(Decimal),
}

impl Limit {
    /// The farthest that a value may move from this one; none if it cannot be computed.
    fn distance(self, from: Decimal) -> Option<Decimal> {
        match self {
            Self::Relative(part) => from.abs().checked_mul(part),
            Self::Absolute(distance) => Some(distance),
        }
    }
}

/// How far a value may move in each tier, the nearest first; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement(Vec<(Tier, Limit)>);

impl Movement {
    /// Whether the limits are parts of the value that it moves from.
    pub fn is_relative(&self) -> bool {
        let relative = |(_, limit): &(Tier, Limit)| matches!(limit, Limit::Relative(_));
        self.0.iter().any(relative)
    }

    /// The farthest that a value may move from this one in each tier.
    pub fn distances(&self, from: Decimal) -> impl Iterator<Item = Decimal> {
        let limits = self.0.iter();
        limits.filter_map(move |(_, limit)| limit.distance(from))
    }

    /// The tier of a movement.
    pub fn tier_of(&self, from: Decimal, to: Decimal) -> Tier {
        let Some(moved) = to.checked_sub(from) else {
            return Tier::Beyond;
        };
        let is_within = |(_, limit): &&(Tier, Limit)| {
            let distance = limit.distance(from);
            distance.is_some_and(|distance| moved.abs() <= distance)
        };
        let within = self.0.iter().find(is_within);
        within.map_or(Tier::Beyond, |(tier, _)| *tier)
    }

    /// The lowest and the highest that a movement of at most this tier reaches.
    pub fn reach(&self, most: Tier, from: Decimal) -> Option<(Decimal, Decimal)> {
        let mut limits = self.0.iter().rev();
        let (_, limit) = limits.find(|(tier, _)| *tier <= most)?;
        let distance = limit.distance(from)?;
        Some((from.checked_sub(distance)?, from.checked_add(distance)?))
    }
}

/// What is usual for the elements of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Elements {
    /// For each that is added.
    pub each: Option<Box<UsualValues>>,
    /// So many may be added in each tier.
    pub added: Option<Vec<(Tier, u64)>>,
    /// So many may be removed in each tier.
    pub removed: Option<Vec<(Tier, u64)>>,
}

impl Elements {
    /// The tier of so many; where nothing is said of them, any is beyond.
    pub fn tier_of_count(limits: Option<&[(Tier, u64)]>, count: usize) -> Tier {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let limits = limits.unwrap_or_default().iter();
        let mut within = limits.filter(|(_, most)| count <= *most);
        within.next().map_or(Tier::Beyond, |(tier, _)| *tier)
    }
}

/// Which values are usual, under the same conditions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UsualValues {
    /// None where the guidance neither says it nor gives anything that has an order.
    pub value_type: Option<ValueType>,
    /// The tiers that are named, harmless first.
    pub tiers: Vec<(Tier, Values)>,
    /// Mean and standard deviation of usual values.
    pub spread: Option<(Decimal, Decimal)>,
    /// A value above this is extreme.
    pub extreme_above: Option<Decimal>,
    /// A value below this is extreme.
    pub extreme_below: Option<Decimal>,
    /// How far a value may move, if that matters.
    pub movement: Option<Movement>,
    /// Of a list.
    pub elements: Elements,
}

impl UsualValues {
    /// How much a value is; none if it is of another type, or of one without an order.
    pub fn measure(&self, value: &Value) -> Option<Decimal> {
        self.value_type?.measure(value)
    }

    /// Whether its values have an order.
    pub fn has_order(&self) -> bool {
        self.value_type.is_some_and(ValueType::has_order)
    }

    /// The first tier that holds the value.
    pub fn tier_of(&self, value: &Value) -> Tier {
        let mut tiers = self.tiers.iter();
        let found = tiers.find(|(_, values)| self.is_in(values, value));
        found.map_or(Tier::Beyond, |(tier, _)| *tier)
    }

    fn is_in(&self, values: &Values, value: &Value) -> bool {
        match values {
            Values::Range(from, to) => self
                .measure(value)
                .is_some_and(|amount| (*from..=*to).contains(&amount)),
            Values::AnyOf(values) => {
                let amount = self.measure(value);
                let is_as_much = |listed: &Value| self.measure(listed) == amount;
                values.contains(value) || amount.is_some() && values.iter().any(is_as_much)
            }
            Values::Matching(pattern) => value.text().is_some_and(|text| pattern.matches(text)),
        }
    }

    /// Whether the value is past its extreme threshold, on either side.
    ///
    /// What is of another type cannot be shown to be within a threshold: writing `"50"` for 50 must
    /// not get around it. Removing the parameter is judged by its tier and as a safety control.
    pub fn is_extreme(&self, value: &Value) -> bool {
        let Some(amount) = self.measure(value) else {
            return !value.is_null()
                && (self.extreme_above.is_some() || self.extreme_below.is_some());
        };
        self.extreme_above.is_some_and(|most| amount > most)
            || self.extreme_below.is_some_and(|least| amount < least)
    }

    /// Whether the value is more than two standard deviations from the mean, on either side.
    pub fn is_deviant(&self, value: &Value) -> bool {
        let (Some(amount), Some((mean, deviation))) = (self.measure(value), self.spread) else {
            return false;
        };
        match amount.checked_sub(mean) {
            Some(distance) => distance.abs() > deviation * Decimal::TWO,
            None => true,
        }
    }
}

/// What is usual where some conditions hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Special {
    pub conditions: Conditions,
    pub usual: UsualValues,
}

/// What is known about one parameter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Guidance {
    /// What it is, for people.
    pub description: Option<String>,
    /// What a number counts, for people: `EUR`, `%`.
    pub unit: Option<String>,
    /// Whether turning it off, or removing it, switches a safety control off.
    pub safety_control: bool,
    /// Where the guidance differs: the first whose conditions hold counts.
    pub specials: Vec<Special>,
    /// What is usual everywhere else.
    pub usual: UsualValues,
}

impl Guidance {
    /// The type of its values, where the guidance says it or gives anything that has an order.
    pub const fn value_type(&self) -> Option<ValueType> {
        self.usual.value_type
    }

    /// What is usual anywhere.
    pub fn everywhere(&self) -> impl Iterator<Item = &UsualValues> {
        let specials = self.specials.iter().map(|special| &special.usual);
        specials.chain([&self.usual])
    }

    /// Whether what is said of a value depends on the target that it is of.
    pub fn depends_on_target(&self) -> bool {
        !self.specials.is_empty()
            || self.usual.movement.is_some()
            || self.value_type() == Some(ValueType::List)
    }

    /// What may be usual: the first whose conditions hold, and before it each of which that is not known.
    pub fn applicable<'g>(
        &'g self,
        circumstances: Circumstances<'_>,
    ) -> impl Iterator<Item = Applicable<'g>> {
        let holds = move |special: &Special| special.conditions.hold(circumstances);
        let first = self
            .specials
            .iter()
            .position(|special| holds(special) == Some(true));
        let considered = first.map_or(self.specials.len(), |at| at + 1);
        let specials = self.specials.iter().take(considered);
        let specials = specials
            .filter(move |special| holds(special) != Some(false))
            .map(|special| Applicable {
                conditions: Some(&special.conditions),
                usual: &special.usual,
            });
        let everywhere = Applicable {
            conditions: None,
            usual: &self.usual,
        };
        specials.chain(first.is_none().then_some(everywhere))
    }

    /// Whether a tier lists a value by itself, whatever its type.
    pub fn lists(&self, value: &Value) -> bool {
        let mut tiers = self.everywhere().flat_map(|usual| &usual.tiers);
        tiers.any(|(_, values)| matches!(values, Values::AnyOf(values) if values.contains(value)))
    }

    /// The riskiest tier that a value has under any conditions.
    pub fn worst_tier_of(&self, value: &Value) -> Tier {
        let tiers = self.everywhere().map(|usual| usual.tier_of(value));
        tiers.fold(Tier::Conservative, Tier::max)
    }
}

/// What is usual, and under which conditions if not everywhere.
#[derive(Debug, Clone, Copy)]
pub struct Applicable<'g> {
    pub conditions: Option<&'g Conditions>,
    pub usual: &'g UsualValues,
}

/// Reads the file.
pub fn read(files: &RuleFiles) -> Result<BTreeMap<ParameterName, Guidance>, Problems> {
    let raw: RawParameters = yaml::read(PATH, file(files, PATH)?)?;
    validate::guidance_of(raw)
}

#[cfg(test)]
mod tests;
