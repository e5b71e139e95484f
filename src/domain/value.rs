//! Free-form data in documents: an agent's changes and details, a target's parameters.
//!
//! Numbers are exact decimals, because a tier's bound must not depend on how a float rounds.

mod duration;
mod number;
mod quantity;
mod value_type;

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::domain::ids::quoted;
use crate::domain::yaml;
pub use duration::Duration;
pub use number::Number;
pub use value_type::ValueType;

/// Any value that a document can hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An exact number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping, in the order of its keys.
    Map(BTreeMap<String, Value>),
}

/// Why something is not a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(String);

impl Value {
    /// Reads the value of a `KEY=VALUE` argument: a number, `true`, `false`, `null`, JSON if it
    /// begins as a list, a mapping or quoted text does, and otherwise the text as it stands.
    pub fn from_argument(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "true" => return Ok(Self::Bool(true)),
            "false" => return Ok(Self::Bool(false)),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        if text.starts_with(['[', '{', '"']) {
            return serde_json::from_str(text).map_err(|error| {
                InvalidValue(format!(
                    "{} begins like JSON but is not: {error}",
                    quoted(text)
                ))
            });
        }
        if yaml::number_of(text).is_some() {
            return text.parse().map(Self::Number);
        }
        Ok(Self::Text(text.to_owned()))
    }

    /// The number, if it is one.
    pub const fn number(&self) -> Option<Decimal> {
        match self {
            Self::Number(number) => Some(number.decimal()),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub const fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether this is nothing.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    fn show(&self, shown: &mut String) {
        match self {
            Self::Null => shown.push_str("(none)"),
            Self::Bool(value) => shown.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => shown.push_str(&number.to_string()),
            Self::Text(text) => show_text(text, shown),
            Self::List(items) => {
                shown.push('[');
                for (index, item) in items.iter().enumerate() {
                    separate(index, shown);
                    item.show(shown);
                }
                shown.push(']');
            }
            Self::Map(entries) => {
                shown.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    separate(index, shown);
                    show_text(key, shown);
                    shown.push_str(": ");
                    value.show(shown);
                }
                shown.push('}');
            }
        }
    }
}

fn separate(index: usize, shown: &mut String) {
    if index > 0 {
        shown.push_str(", ");
    }
}

/// Untrusted text: nothing invisible, nothing that moves the cursor or turns the line around.
fn show_text(text: &str, shown: &mut String) {
    for c in text.chars() {
        match c {
            '"' | '\'' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 80;
        let mut shown = String::new();
        self.show(&mut shown);
        match shown.char_indices().nth(MAX_CHARS) {
            None => f.write_str(&shown),
            Some((end, _)) => write!(f, "{}…", shown.get(..end).unwrap_or_default()),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => serializer.collect_map(entries),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::try_from(value)
            .map(Value::Number)
            .map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries: BTreeMap<String, Value> = BTreeMap::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = access.next_value()?;
            if entries.contains_key(&key) {
                return Err(de::Error::custom(format!(
                    "the key {} is given twice",
                    quoted(&key)
                )));
            }
            entries.insert(key, value);
        }
        Ok(Value::Map(entries))
    }
}

impl schemars::JsonSchema for Value {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"description": "any value: text, number, true or false, null, list or mapping"})
    }
}

#[cfg(test)]
mod tests;
