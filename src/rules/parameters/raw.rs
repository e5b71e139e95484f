//! The document as written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::domain::documents::schema_tag;
use crate::domain::ids::{ActionName, LabelName, ParameterName};
use crate::domain::value::{Value, ValueType};

schema_tag! {
    /// The value of `schema` in the parameter guidance.
    ParametersSchema, "countersign/parameters/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawParameters {
    schema: ParametersSchema,
    /// Guidance for each parameter, or for a part of a mapping (`limits.memory`); what is not listed counts as beyond
    /// all tiers.
    pub(super) parameters: BTreeMap<ParameterName, RawGuidance>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGuidance {
    /// What it is, for people.
    #[serde(default)]
    pub(super) description: Option<String>,
    /// The type of its values; absent: `number` where something of it has an order, else any.
    #[serde(default, rename = "type")]
    pub(super) value_type: Option<ValueType>,
    /// What a number counts, for people: `EUR`, `%`.
    #[serde(default)]
    pub(super) unit: Option<String>,
    /// Turning it from true to false, or removing it, switches a safety control off.
    #[serde(default)]
    pub(super) safety_control: bool,
    /// `[from, to]` for what has an order (both included), `{any_of: [...]}`, or `{matches: REGEX}` for text.
    #[serde(default)]
    pub(super) conservative: Option<RawTier>,
    /// As `conservative`.
    #[serde(default)]
    pub(super) moderate: Option<RawTier>,
    /// As `conservative`.
    #[serde(default)]
    pub(super) aggressive: Option<RawTier>,
    /// The usual value, with `standard_deviation`.
    #[serde(default)]
    pub(super) mean: Option<Value>,
    /// How far values usually are from the mean; more than two of these away is HIGH.
    #[serde(default)]
    pub(super) standard_deviation: Option<Value>,
    /// A value above this is HIGH.
    #[serde(default)]
    pub(super) extreme_above: Option<Value>,
    /// A value below this is HIGH.
    #[serde(default)]
    pub(super) extreme_below: Option<Value>,
    /// How far a value may move against the present one, at most, in each tier: `10 %`, or as much as a value says.
    #[serde(default)]
    pub(super) change: Option<RawChange>,
    /// Of a list: the values of each element that is added.
    #[serde(default)]
    pub(super) each: Option<RawEach>,
    /// Of a list: how many elements may be added, at most, in each tier.
    #[serde(default)]
    pub(super) added: Option<RawCounts>,
    /// Of a list: how many elements may be removed, at most, in each tier.
    #[serde(default)]
    pub(super) removed: Option<RawCounts>,
    /// Guidance that counts instead of the above under conditions: the first entry whose conditions hold.
    #[serde(default, rename = "where")]
    pub(super) specials: Vec<RawSpecial>,
}

/// Guidance under conditions. It stands on its own: what it does not name is beyond all tiers there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpecial {
    /// The environment of the target: its present one and the one that is proposed both count.
    #[serde(default)]
    pub(super) environment: Option<OneOrMore<String>>,
    /// Labels of the target on `main`.
    #[serde(default)]
    pub(super) label: BTreeMap<LabelName, OneOrMore<String>>,
    /// The action type.
    #[serde(default)]
    pub(super) action: Option<OneOrMore<ActionName>>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) conservative: Option<RawTier>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) moderate: Option<RawTier>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) aggressive: Option<RawTier>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) mean: Option<Value>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) standard_deviation: Option<Value>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) extreme_above: Option<Value>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) extreme_below: Option<Value>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) change: Option<RawChange>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) each: Option<RawEach>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) added: Option<RawCounts>,
    /// As outside of `where`.
    #[serde(default)]
    pub(super) removed: Option<RawCounts>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChange {
    /// `10 %` of the present value, or as much as a value of the parameter's type says.
    #[serde(default)]
    pub(super) conservative: Option<Value>,
    /// As `conservative`.
    #[serde(default)]
    pub(super) moderate: Option<Value>,
    /// As `conservative`.
    #[serde(default)]
    pub(super) aggressive: Option<Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEach {
    /// The type of an element.
    #[serde(default, rename = "type")]
    pub(super) value_type: Option<ValueType>,
    /// As for a parameter.
    #[serde(default)]
    pub(super) conservative: Option<RawTier>,
    /// As for a parameter.
    #[serde(default)]
    pub(super) moderate: Option<RawTier>,
    /// As for a parameter.
    #[serde(default)]
    pub(super) aggressive: Option<RawTier>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCounts {
    #[serde(default)]
    pub(super) conservative: Option<u64>,
    #[serde(default)]
    pub(super) moderate: Option<u64>,
    #[serde(default)]
    pub(super) aggressive: Option<u64>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawTier {
    /// From the first to the second.
    Range([Value; 2]),
    Named(RawNamed),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNamed {
    /// The values of this tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) any_of: Option<Vec<Value>>,
    /// A regular expression that the whole text matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) matches: Option<String>,
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
        f.write_str("`[from, to]`, `{any_of: [...]}` or `{matches: REGEX}`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawTier, A::Error> {
        let bounds = Vec::<Value>::deserialize(SeqAccessDeserializer::new(items))?;
        <[Value; 2]>::try_from(bounds)
            .map(RawTier::Range)
            .map_err(|bounds| de::Error::invalid_length(bounds.len(), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<RawTier, A::Error> {
        RawNamed::deserialize(MapAccessDeserializer::new(entries)).map(RawTier::Named)
    }
}

/// One value, or a list of them of which one is enough.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor(PhantomData))
    }
}

struct OneOrMoreVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMoreVisitor<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a list of texts")
    }

    fn visit_str<E: de::Error>(self, one: &str) -> Result<OneOrMore<T>, E> {
        T::deserialize(StrDeserializer::new(one)).map(|one| OneOrMore(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<OneOrMore<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(OneOrMore)
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore{}", T::schema_name()).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({"anyOf": [one, {"type": "array", "items": one}]})
    }
}
