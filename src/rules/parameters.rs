//! `rules/parameters.yaml`: what is a usual value of each parameter, and what is a safety control.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{RuleFiles, file};
use crate::domain::documents::schema_tag;
use crate::domain::ids::ParameterName;
use crate::domain::problem::{Problem, Problems};
use crate::domain::value::{Number, Value};
use crate::domain::yaml;

/// Where this document is kept.
pub const PATH: &str = "rules/parameters.yaml";

schema_tag! {
    /// The value of `schema` in the parameter guidance.
    ParametersSchema, "countersign/parameters/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawParameters {
    schema: ParametersSchema,
    /// Guidance for each parameter; one that is not listed counts as beyond all tiers.
    parameters: BTreeMap<ParameterName, RawGuidance>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawGuidance {
    /// What it is, for people.
    #[serde(default)]
    description: Option<String>,
    /// `[from, to]` for numbers (both included), or `{any_of: [...]}`.
    #[serde(default)]
    conservative: Option<RawTier>,
    /// As `conservative`.
    #[serde(default)]
    moderate: Option<RawTier>,
    /// As `conservative`.
    #[serde(default)]
    aggressive: Option<RawTier>,
    /// The usual value, with `standard_deviation`.
    #[serde(default)]
    mean: Option<Number>,
    /// How far values usually are from the mean; more than two of these away is HIGH.
    #[serde(default)]
    standard_deviation: Option<Number>,
    /// A value above this is HIGH.
    #[serde(default)]
    extreme_above: Option<Number>,
    /// A value below this is HIGH.
    #[serde(default)]
    extreme_below: Option<Number>,
    /// Turning it from true to false, or removing it, switches a safety control off.
    #[serde(default)]
    safety_control: bool,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
enum RawTier {
    Range([Number; 2]),
    AnyOf(AnyOf),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AnyOf {
    /// The values of this tier.
    any_of: Vec<Value>,
}

/// By hand, because what serde makes of an untagged enum says neither what was expected nor where.
impl<'de> Deserialize<'de> for RawTier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TierVisitor)
    }
}

struct TierVisitor;

impl<'de> Visitor<'de> for TierVisitor {
    type Value = RawTier;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`[from, to]` with two numbers, or `{any_of: [...]}`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawTier, A::Error> {
        let numbers = Vec::<Number>::deserialize(SeqAccessDeserializer::new(items))?;
        <[Number; 2]>::try_from(numbers)
            .map(RawTier::Range)
            .map_err(|numbers| de::Error::invalid_length(numbers.len(), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<RawTier, A::Error> {
        AnyOf::deserialize(MapAccessDeserializer::new(entries)).map(RawTier::AnyOf)
    }
}

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
    /// Numbers from the first to the second, both included.
    Range(Decimal, Decimal),
    /// Exactly these.
    AnyOf(BTreeSet<Value>),
}

impl Values {
    /// Whether the value is one of these.
    pub fn contain(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Range(from, to), Value::Number(number)) => {
                (*from..=*to).contains(&number.decimal())
            }
            (Self::AnyOf(values), value) => values.contains(value),
            (Self::Range(..), _) => false,
        }
    }
}

/// What is known about one parameter.
#[derive(Debug, Clone, Default)]
pub struct Guidance {
    /// What it is, for people.
    pub description: Option<String>,
    /// The tiers that the guidance names, harmless first.
    pub tiers: Vec<(Tier, Values)>,
    /// Mean and standard deviation of usual values.
    pub spread: Option<(Decimal, Decimal)>,
    /// A value above this is extreme.
    pub extreme_above: Option<Decimal>,
    /// A value below this is extreme.
    pub extreme_below: Option<Decimal>,
    /// Whether turning it off, or removing it, switches a safety control off.
    pub safety_control: bool,
}

impl Guidance {
    /// Whether its values are numbers.
    pub fn is_numeric(&self) -> bool {
        let in_numbers = |(_, values): &(Tier, Values)| matches!(values, Values::Range(..));
        self.spread.is_some()
            || self.extreme_above.is_some()
            || self.extreme_below.is_some()
            || self.tiers.iter().any(in_numbers)
    }

    /// The first tier that holds the value.
    pub fn tier_of(&self, value: &Value) -> Tier {
        self.tiers
            .iter()
            .find(|(_, values)| values.contain(value))
            .map_or(Tier::Beyond, |(tier, _)| *tier)
    }

    /// Whether the value is past its extreme threshold, on either side.
    ///
    /// Anything but a number cannot be shown to be within a threshold: writing `"50"` for 50 must
    /// not get around it. Removing the parameter is judged by its tier and as a safety control.
    pub fn is_extreme(&self, value: &Value) -> bool {
        let Value::Number(number) = value else {
            return !value.is_null()
                && (self.extreme_above.is_some() || self.extreme_below.is_some());
        };
        self.extreme_above
            .is_some_and(|most| number.decimal() > most)
            || self
                .extreme_below
                .is_some_and(|least| number.decimal() < least)
    }

    /// Whether the value is more than two standard deviations from the mean, on either side.
    pub fn is_deviant(&self, value: &Value) -> bool {
        let (Value::Number(number), Some((mean, deviation))) = (value, self.spread) else {
            return false;
        };
        match number.decimal().checked_sub(mean) {
            Some(distance) => distance.abs() > deviation * Decimal::TWO,
            None => true,
        }
    }
}

/// Reads the file.
pub fn read(files: &RuleFiles) -> Result<BTreeMap<ParameterName, Guidance>, Problems> {
    let raw: RawParameters = yaml::read(PATH, file(files, PATH)?)?;
    let mut problems = Vec::new();
    let guidance = raw.parameters.into_iter().map(|(name, raw)| {
        let read = validate(&name, raw, &mut problems);
        (name, read)
    });
    let guidance = guidance.collect();
    if problems.is_empty() {
        Ok(guidance)
    } else {
        Err(Problems(problems))
    }
}

fn validate(name: &ParameterName, raw: RawGuidance, problems: &mut Vec<Problem>) -> Guidance {
    let mut say = |key: &str, message: &str| {
        problems.push(Problem::of_key(
            PATH,
            format!("parameters.{name}.{key}"),
            message,
        ))
    };
    let spread = match (&raw.mean, &raw.standard_deviation) {
        (Some(mean), Some(deviation))
            if deviation.decimal() >= Decimal::ZERO
                && deviation.decimal() < Decimal::from(10_i64.pow(15)) =>
        {
            Some((mean.decimal(), deviation.decimal()))
        }
        (Some(_), Some(_)) => {
            say("standard_deviation", "expected a number from 0 to 10^15");
            None
        }
        (None, None) => None,
        _ => {
            say(
                "mean",
                "`mean` and `standard_deviation` go together: give both or neither",
            );
            None
        }
    };
    let mut tiers = Vec::new();
    let written = [
        (Tier::Conservative, raw.conservative),
        (Tier::Moderate, raw.moderate),
        (Tier::Aggressive, raw.aggressive),
    ];
    for (tier, values) in written {
        match values {
            None => {}
            Some(RawTier::Range([from, to])) if from.decimal() > to.decimal() => {
                say(
                    tier.as_str(),
                    "the range is empty: expected `[from, to]` with from not above to",
                );
            }
            Some(RawTier::Range([from, to])) => {
                tiers.push((tier, Values::Range(from.decimal(), to.decimal())))
            }
            Some(RawTier::AnyOf(AnyOf { any_of })) => {
                tiers.push((tier, Values::AnyOf(any_of.into_iter().collect())))
            }
        }
    }
    Guidance {
        description: raw.description,
        tiers,
        spread,
        extreme_above: raw.extreme_above.map(|n| n.decimal()),
        extreme_below: raw.extreme_below.map(|n| n.decimal()),
        safety_control: raw.safety_control,
    }
}
