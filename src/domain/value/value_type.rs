//! Of which type a value is, and what can be compared because it has an order.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Number, Value, quantity};

/// The type of a parameter's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// A plain number.
    Number,
    /// As Kubernetes writes it: `512Mi`, `500m`, `2`.
    Quantity,
    /// A length of time: `30s`, `1h30m`, `7d`.
    Duration,
    /// Text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A list.
    List,
    /// A mapping, whose parts have guidance of their own.
    Mapping,
}

impl ValueType {
    /// The type that a value without any guidance has; nothing has none.
    pub const fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(_) => Some(Self::Boolean),
            Value::Number(_) => Some(Self::Number),
            Value::Text(_) => Some(Self::Text),
            Value::List(_) => Some(Self::List),
            Value::Map(_) => Some(Self::Mapping),
        }
    }

    /// The name as the rules write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Quantity => "quantity",
            Self::Duration => "duration",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Mapping => "mapping",
        }
    }

    /// As a sentence says what was expected.
    pub const fn described(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Quantity => "a quantity such as `512Mi`, `500m` or `2`",
            Self::Duration => "a duration such as `30s`, `1h30m` or `7d`",
            Self::Text => "text",
            Self::Boolean => "`true` or `false`",
            Self::List => "a list",
            Self::Mapping => "a mapping",
        }
    }

    /// Whether one value of it can be more than another.
    pub const fn has_order(self) -> bool {
        matches!(self, Self::Number | Self::Quantity | Self::Duration)
    }

    /// How much a value is: a number, a quantity in its base unit, a duration in milliseconds; none if it is of
    /// another type.
    pub fn measure(self, value: &Value) -> Option<Decimal> {
        match (self, value) {
            (Self::Number | Self::Quantity, Value::Number(number)) => Some(number.decimal()),
            (Self::Quantity, Value::Text(text)) => quantity::read(text),
            (Self::Duration, Value::Text(text)) => {
                let duration: Duration = text.parse().ok()?;
                Some(Decimal::from(duration.milliseconds()))
            }
            _ => None,
        }
    }

    /// The same as conditions see it: of a duration the seconds.
    pub fn measure_for_conditions(self, value: &Value) -> Option<Decimal> {
        let amount = self.measure(value)?;
        match self {
            Self::Duration => amount.checked_div(Decimal::ONE_THOUSAND),
            _ => Some(amount),
        }
    }

    /// Whether a value is of this type.
    pub fn holds(self, value: &Value) -> bool {
        match self {
            Self::Number | Self::Quantity | Self::Duration => self.measure(value).is_some(),
            Self::Text | Self::Boolean | Self::List | Self::Mapping => {
                Self::of(value) == Some(self)
            }
        }
    }

    /// The value that is so much, written as another value is; none if it cannot be written exactly.
    pub fn write(self, amount: Decimal, like: &Value) -> Option<Value> {
        match self {
            Self::Number => number(amount).map(Value::Number),
            Self::Quantity => match like {
                Value::Number(_) if amount.is_integer() => number(amount).map(Value::Number),
                like => {
                    let in_binary = like.text().is_some_and(quantity::is_binary);
                    quantity::write(amount, in_binary).map(Value::Text)
                }
            },
            Self::Duration if amount.is_integer() => {
                let milliseconds = u64::try_from(amount).ok()?;
                let duration = Duration::from_milliseconds(milliseconds);
                Some(Value::Text(duration.to_string()))
            }
            _ => None,
        }
    }

    /// The largest round amount that is not above this: a power of ten, of two for quantities such as `512Mi`, and
    /// of a whole unit for durations.
    pub fn round_step(self, most: Decimal, like: &Value) -> Option<Decimal> {
        match self {
            Self::Duration => {
                let steps = DURATION_STEPS.iter().rev();
                steps.copied().map(Decimal::from).find(|step| *step <= most)
            }
            Self::Quantity if like.text().is_some_and(quantity::is_binary) => {
                power_not_above(most, Decimal::TWO)
            }
            _ => power_not_above(most, Decimal::TEN),
        }
    }

    /// The value of this type that another value reads like, as it would be written.
    pub fn find_meant(self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Number, Value::Text(text)) => {
                let digits = text.trim().trim_end_matches('%').trim().replace(',', ".");
                let number = Value::from_argument(&digits).ok()?;
                number.number().map(|_| number.to_string())
            }
            (Self::Quantity, Value::Text(text)) => meant_quantity(text),
            (Self::Duration, Value::Text(text)) => meant_duration(text),
            (Self::Boolean, Value::Text(text)) => {
                let meant = match text.trim().to_ascii_lowercase().as_str() {
                    "true" | "yes" | "on" | "y" | "1" => "true",
                    "false" | "no" | "off" | "n" | "0" => "false",
                    _ => return None,
                };
                Some(meant.to_owned())
            }
            (Self::Text, Value::Number(number)) => Some(format!("\"{number}\"")),
            (Self::List, Value::Text(_) | Value::Number(_)) => Some(format!("[{value}]")),
            _ => None,
        }
    }
}

/// In milliseconds.
const DURATION_STEPS: [u64; 12] = [
    1,
    10,
    100,
    1_000,
    10_000,
    60_000,
    600_000,
    3_600_000,
    21_600_000,
    86_400_000,
    864_000_000,
    8_640_000_000,
];

fn power_not_above(most: Decimal, base: Decimal) -> Option<Decimal> {
    let mut step = Decimal::ONE;
    while step > most {
        step = step.checked_div(base)?;
        if step.is_zero() {
            return None;
        }
    }
    loop {
        let larger = step.checked_mul(base)?;
        if larger > most {
            return Some(step);
        }
        step = larger;
    }
}

/// A number as it is written: whole where it is.
fn number(decimal: Decimal) -> Option<Number> {
    match i64::try_from(decimal) {
        Ok(whole) if decimal.is_integer() => Some(Number::from(whole)),
        _ => decimal.normalize().to_string().parse().ok(),
    }
}

/// `512 MiB` for `512Mi`, `512mi` for `512Mi`.
fn meant_quantity(text: &str) -> Option<String> {
    let compact: String = text.split_whitespace().collect();
    let compact = compact.trim_end_matches(['b', 'B']);
    let end = compact.find(|c: char| c.is_alphabetic())?;
    let (digits, suffix) = compact.split_at(end);
    let cased = match suffix.to_ascii_lowercase().as_str() {
        "k" => "k".to_owned(),
        lower if lower.len() == 2 => {
            let (first, second) = lower.split_at_checked(1)?;
            format!("{}{second}", first.to_ascii_uppercase())
        }
        lower => lower.to_ascii_uppercase(),
    };
    let mut candidates = [suffix.to_owned(), cased].into_iter();
    let meant = candidates.find_map(|suffix| {
        let candidate = format!("{digits}{suffix}");
        quantity::read(&candidate).map(|_| candidate)
    })?;
    (meant != text).then_some(meant)
}

/// `1 hour` for `1h`, `90 min` for `90m`.
fn meant_duration(text: &str) -> Option<String> {
    let lower: String = text
        .split_whitespace()
        .collect::<String>()
        .to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = lower.split_at(end);
    let unit = match unit {
        "ms" | "msec" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    };
    let meant = format!("{number}{unit}");
    meant.parse::<Duration>().ok().map(|_| meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::from_argument(text).unwrap()
    }

    #[test]
    fn only_a_value_of_the_type_can_be_measured() {
        let measured = |of_type: ValueType, text: &str| {
            of_type
                .measure(&value(text))
                .map(|amount| amount.normalize().to_string())
        };
        assert_eq!(measured(ValueType::Number, "1e3"), Some("1000".to_owned()));
        assert_eq!(measured(ValueType::Number, "\"50\""), None);
        assert_eq!(measured(ValueType::Quantity, "0.5"), Some("0.5".to_owned()));
        assert_eq!(
            measured(ValueType::Quantity, "500m"),
            Some("0.5".to_owned())
        );
        assert_eq!(measured(ValueType::Duration, "30"), None);
        assert_eq!(measured(ValueType::Duration, "-30s"), None);
        assert_eq!(
            measured(ValueType::Duration, "30s"),
            Some("30000".to_owned())
        );
        assert_eq!(measured(ValueType::Text, "1"), None);
    }

    #[test]
    fn what_was_probably_meant_is_told() {
        for (of_type, text, meant) in [
            (ValueType::Quantity, "512 MiB", Some("512Mi")),
            (ValueType::Quantity, "512mi", Some("512Mi")),
            (ValueType::Quantity, "512MB", Some("512M")),
            (ValueType::Quantity, "1K", Some("1k")),
            (ValueType::Quantity, "lots", None),
            (ValueType::Duration, "1 hour", Some("1h")),
            (ValueType::Duration, "90 min", Some("90m")),
            (ValueType::Duration, "soon", None),
            (ValueType::Duration, "-30s", None),
            (ValueType::Number, "3,5", Some("3.5")),
            (ValueType::List, "nginx", Some("[nginx]")),
        ] {
            let found = of_type.find_meant(&value(text));
            assert_eq!(found.as_deref(), meant, "{text}");
        }
    }
}
