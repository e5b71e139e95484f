//! Exact decimal numbers: what a float would round, and what a person did not write, is refused.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::InvalidValue;
use crate::domain::ids::quoted;
use crate::domain::yaml;

/// An exact number that remembers whether it was written with a fraction.
///
/// It compares by value (`3.0` is `3`), but is written back as it came.
#[derive(Clone, Copy)]
pub struct Number {
    decimal: Decimal,
    is_float: bool,
}

impl Number {
    /// The exact value.
    pub const fn decimal(&self) -> Decimal {
        self.decimal
    }

    /// Whether it was written with a fraction or an exponent.
    pub const fn is_float(&self) -> bool {
        self.is_float
    }

    fn whole(decimal: Decimal) -> Self {
        Self {
            decimal,
            is_float: false,
        }
    }

    fn float_text(&self) -> String {
        let text = self.decimal.normalize().to_string();
        if text.contains('.') {
            text
        } else {
            format!("{text}.0")
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::whole(Decimal::from(value))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::whole(Decimal::from(value))
    }
}

impl TryFrom<f64> for Number {
    type Error = InvalidValue;

    /// Takes the float's shortest decimal text, so that `0.1` is one tenth.
    fn try_from(value: f64) -> Result<Self, InvalidValue> {
        if !value.is_finite() {
            return Err(InvalidValue(format!(
                "`{value}` is not a number: expected a finite one"
            )));
        }
        let decimal = Decimal::from_str_exact(&value.to_string()).map_err(|_| {
            InvalidValue(format!(
                "the number `{value:?}` is too large or too small: expected at most 28 digits before and after the point together"
            ))
        })?;
        let decimal = if decimal.is_zero() {
            Decimal::ZERO
        } else {
            decimal
        };
        Ok(Self {
            decimal,
            is_float: true,
        })
    }
}

impl FromStr for Number {
    type Err = InvalidValue;

    /// Reads plain decimal digits, as in JSON; a number that would be rounded is refused.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match yaml::number_of(text) {
            Some(yaml::NumberText::Whole) => {
                let whole = text.parse::<i64>().map(Self::from);
                whole
                    .or_else(|_| text.parse::<u64>().map(Self::from))
                    .map_err(|_| {
                        InvalidValue(format!(
                            "the number {} is too large: expected a whole number from {} to {}",
                            quoted(text),
                            i64::MIN,
                            u64::MAX
                        ))
                    })
            }
            Some(yaml::NumberText::Fraction(Some(value))) => Self::try_from(value),
            Some(yaml::NumberText::Fraction(None)) => Err(InvalidValue(format!(
                "the number {} cannot be kept exactly: expected at most 15 significant digits",
                quoted(text)
            ))),
            None => Err(InvalidValue(format!(
                "{} is not a number: expected decimal digits such as `2.5`",
                quoted(text)
            ))),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.decimal == other.decimal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.decimal.cmp(&other.decimal)
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.decimal.normalize().hash(state);
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_float {
            f.write_str(&self.float_text())
        } else {
            fmt::Display::fmt(&self.decimal, f)
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        if self.is_float {
            let value = self.float_text().parse().map_err(S::Error::custom)?;
            return serializer.serialize_f64(value);
        }
        if let Ok(value) = u64::try_from(self.decimal) {
            return serializer.serialize_u64(value);
        }
        let value = i64::try_from(self.decimal).map_err(S::Error::custom)?;
        serializer.serialize_i64(value)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number::from(value))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number::from(value))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
                Number::try_from(value).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

impl schemars::JsonSchema for Number {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "description": "a number, kept exactly"})
    }
}
