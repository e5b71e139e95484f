//! Guidance in sentences, for people who do not read `rules/parameters.yaml`.

use rust_decimal::Decimal;

use super::{Elements, Guidance, Limit, Movement, Tier, UsualValues, Values};
use crate::domain::page::Line;
use crate::domain::value::{Value, ValueType};

impl Guidance {
    /// All that it says; where it differs by target, the first whose conditions hold counts.
    pub fn in_words(&self) -> Vec<Line> {
        let unit = self.unit.as_deref();
        let specials = self.specials.iter().map(|special| {
            let place = Line::from("Where ").code(&special.conditions).say(": ");
            place.line(special.usual.in_words(unit))
        });
        let mut said: Vec<Line> = specials.collect();
        let place = if said.is_empty() { "" } else { "Elsewhere: " };
        said.push(Line::from(place).line(self.usual.in_words(unit)));
        said.extend(self.safety_in_words().map(Line::from));
        said
    }

    /// What it is beside its values.
    pub fn safety_in_words(&self) -> Option<&'static str> {
        self.safety_control.then_some(
            "A safety control: the rules say what follows where it is switched off or removed.",
        )
    }
}

impl UsualValues {
    /// Which values are in which tier, how far they may move, and what is extreme.
    pub fn in_words(&self, unit: Option<&str>) -> Line {
        let movement = self.movement.as_ref();
        self.with_movement(movement.map(|known| known.in_words(self, unit)), unit)
    }

    /// The same of a value that is there: how far it may move is said from there.
    pub fn in_words_from(&self, present: &Value, unit: Option<&str>) -> Line {
        match (&self.movement, self.measure(present)) {
            (Some(movement), Some(from)) => {
                self.with_movement(Some(movement.steps_in_words(from, self, unit)), unit)
            }
            _ => self.in_words(unit),
        }
    }

    fn with_movement(&self, movement: Option<Line>, unit: Option<&str>) -> Line {
        let line = match self.value_type {
            Some(ValueType::List) => self.elements.in_words(),
            Some(ValueType::Mapping) => "A mapping: each part counts by itself.".into(),
            _ => self.tiers_in_words(unit),
        };
        let line = match movement {
            Some(movement) => line.say(" ").line(movement),
            None => line,
        };
        let outside = |below: Option<Decimal>, above: Option<Decimal>| {
            let below =
                below.map(|below| Line::from("below ").line(self.amount_in_words(below, unit)));
            let above =
                above.map(|above| Line::from("above ").line(self.amount_in_words(above, unit)));
            Line::default().joined(below.into_iter().chain(above), " or ")
        };
        let line = match (self.extreme_below, self.extreme_above) {
            (None, None) => line,
            (below, above) => line
                .say(" Extreme is ")
                .line(outside(below, above))
                .say("."),
        };
        let Some((mean, deviation)) = self.spread else {
            return line;
        };
        let twice = deviation * Decimal::TWO;
        let line = line
            .say(" Usual is ")
            .line(self.amount_in_words(mean, unit))
            .say("; ");
        line.line(outside(mean.checked_sub(twice), mean.checked_add(twice)))
            .say(" is more than 2 standard deviations away.")
    }

    fn tiers_in_words(&self, unit: Option<&str>) -> Line {
        if self.tiers.is_empty() {
            return "Every value is beyond all tiers.".into();
        }
        let mut line = Line::default();
        for (index, (tier, values)) in self.tiers.iter().enumerate() {
            line = match index {
                0 => line,
                _ => line.say(", otherwise "),
            };
            line = line
                .line(self.values_in_words(values, unit))
                .say(if index == 0 { " is " } else { " " })
                .say(tier.as_str());
        }
        line.say("; anything else is beyond all tiers.")
    }

    fn values_in_words(&self, values: &Values, unit: Option<&str>) -> Line {
        match values {
            Values::Range(from, to) if from == to => {
                Line::from("exactly ").line(self.amount_in_words(*from, unit))
            }
            Values::Range(from, to) => {
                let from = self.amount_in_words(*from, None);
                from.say(" to ").line(self.amount_in_words(*to, unit))
            }
            Values::AnyOf(values) => {
                let values = values.iter().map(|value| match value {
                    Value::Text(_) | Value::List(_) | Value::Map(_) => Line::default().code(value),
                    plain => Line::default().say(plain),
                });
                Line::default().joined(values, " or ")
            }
            Values::Matching(pattern) => Line::from("text that matches ").code(pattern.as_str()),
        }
    }

    /// As the rules would write it, with the unit behind.
    pub fn amount_in_words(&self, amount: Decimal, unit: Option<&str>) -> Line {
        let line = Line::default().say(self.written(amount));
        let is_plain = |unit: &str| {
            unit.chars()
                .all(|c| c.is_alphanumeric() || "%/".contains(c))
        };
        match unit {
            Some(unit) if is_plain(unit) => line.say(" ").say(unit),
            Some(unit) => line.say(" ").name(unit),
            None => line,
        }
    }

    fn written(&self, amount: Decimal) -> String {
        let written = |like: &str| {
            let value_type = self.value_type?;
            value_type.write(amount, &Value::from(like))
        };
        let written: Option<Value> = match self.value_type {
            // Whichever is shorter: powers of two or of ten.
            Some(ValueType::Quantity) => [written("1Mi"), written("1M")]
                .into_iter()
                .flatten()
                .min_by_key(|value| value.to_string().len()),
            _ => written(""),
        };
        written.map_or_else(|| amount.normalize().to_string(), |value| value.to_string())
    }
}

impl Movement {
    fn in_words(&self, usual: &UsualValues, unit: Option<&str>) -> Line {
        let limits = self.0.iter().enumerate().map(|(index, (tier, limit))| {
            let line = Line::from("by up to ");
            let line = match limit {
                Limit::Relative(part) => {
                    let percent = part.checked_mul(Decimal::ONE_HUNDRED).unwrap_or(*part);
                    let line = line.say(percent.normalize()).say(" %");
                    if index == 0 {
                        line.say(" of its present value")
                    } else {
                        line
                    }
                }
                // Of a number that is a percentage itself, `10 %` could be of its value.
                Limit::Absolute(distance) if unit == Some("%") => line
                    .line(usual.amount_in_words(*distance, None))
                    .say(" percentage points"),
                Limit::Absolute(distance) => line.line(usual.amount_in_words(*distance, unit)),
            };
            line.say(if index == 0 { " is " } else { " " })
                .say(tier.as_str())
        });
        let line = Line::from("Moving it ").joined(limits, ", ");
        line.say("; further is beyond all tiers.")
    }

    /// Where a value may go from this one in each tier, the nearest first.
    fn steps_in_words(&self, from: Decimal, usual: &UsualValues, unit: Option<&str>) -> Line {
        let tiers = self.0.iter().map(|(tier, _)| *tier);
        let steps = tiers.enumerate().filter_map(|(index, tier)| {
            let (low, high) = self.reach(tier, from)?;
            let line = usual.amount_in_words(low, None).say(" to ");
            let line = line.line(usual.amount_in_words(high, unit));
            let is = if index == 0 { " is " } else { " " };
            Some(line.say(is).say(tier.as_str()))
        });
        let line = Line::from("As a move from there, ").joined(steps, ", ");
        line.say("; further is beyond all tiers.")
    }
}

impl Elements {
    fn in_words(&self) -> Line {
        let counts = |verb: &str, limits: Option<&[(Tier, u64)]>| {
            let Some(limits) = limits.filter(|limits| !limits.is_empty()) else {
                return Line::from(verb).say(" any element is beyond all tiers.");
            };
            let limits = limits.iter().enumerate().map(|(index, (tier, most))| {
                let is = match (index, most) {
                    (0, 1) => " element is ",
                    (0, _) => " elements is ",
                    _ => " ",
                };
                Line::from("up to ").say(most).say(is).say(tier.as_str())
            });
            let line = Line::from(verb).say(" ").joined(limits, ", ");
            line.say("; more is beyond all tiers.")
        };
        let mut line = Line::default();
        if let Some(each) = &self.each {
            line = line
                .say("Of each element that is added, ")
                .line(each.tiers_in_words(None))
                .say(" ");
        }
        if self.added.is_some() || self.each.is_none() {
            line = line.line(counts("Adding", self.added.as_deref())).say(" ");
        }
        line.line(counts("Removing", self.removed.as_deref()))
    }
}
