//! The scale of risk: points, scores and levels, in exact hundredths and never in floats.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::unexpected::Unexpected;

/// Hundredths of a point on the scale from 0 to 100: a score, a factor's points or a contribution.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Score(u32);

impl Score {
    /// No risk at all.
    pub const ZERO: Self = Self(0);
    /// The end of the scale: 100.00.
    pub const MAX: Self = Self(10_000);

    /// A whole number of points.
    pub const fn points(points: u32) -> Self {
        Self(points * 100)
    }
    /// A number of hundredths.
    pub const fn hundredths(hundredths: u32) -> Self {
        Self(hundredths)
    }
    /// As people write it: `30`, `37.50`.
    pub fn short(self) -> String {
        let text = self.to_string();
        text.strip_suffix(".00").map_or(text.clone(), str::to_owned)
    }
    /// This score in hundredths.
    pub const fn as_hundredths(self) -> u32 {
        self.0
    }
    /// What a factor with these points contributes under `weight` percent, rounded half up to a hundredth.
    pub fn weighted(self, weight: u32) -> Self {
        Self((self.0 * weight + 50) / 100)
    }
    /// The mean of several scores, rounded half up; zero for none.
    pub fn mean(scores: &[Self]) -> Self {
        let count = u32::try_from(scores.len()).unwrap_or(u32::MAX);
        if count == 0 {
            return Self::ZERO;
        }
        let sum: u32 = scores.iter().map(|s| s.0).sum();
        Self((sum + count / 2) / count)
    }
}

impl std::ops::Add for Score {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl std::iter::Sum for Score {
    fn sum<I: Iterator<Item = Self>>(scores: I) -> Self {
        scores.fold(Self::ZERO, |a, b| a + b)
    }
}
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}
impl fmt::Debug for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl std::str::FromStr for Score {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let wrong = || Unexpected::is_not(text, "a score", "0.00 to 100.00");
        let (whole, part) = text.split_once('.').ok_or_else(wrong)?;
        if part.len() != 2
            || whole.is_empty()
            || !format!("{whole}{part}").bytes().all(|b| b.is_ascii_digit())
        {
            return Err(wrong());
        }
        let whole: u32 = whole.parse().map_err(|_| wrong())?;
        let part: u32 = part.parse().map_err(|_| wrong())?;
        if whole > 100 {
            return Err(wrong());
        }
        Ok(Self(whole * 100 + part))
    }
}
impl Serialize for Score {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 100.0)
    }
}
impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let points = f64::deserialize(deserializer)?;
        let hundredths = (points * 100.0).round();
        if !(0.0..=10_000.0).contains(&hundredths) || (points * 100.0 - hundredths).abs() > 1e-6 {
            return Err(serde::de::Error::custom(
                "expected a number from 0 to 100 with at most two decimals",
            ));
        }
        // In range and whole, so the cast is exact.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(Self(hundredths as u32))
    }
}
impl schemars::JsonSchema for Score {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Score".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "minimum": 0, "maximum": 100, "description": "points, in exact hundredths"})
    }
}

/// How risky: decides the gate.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Merged by the bot alone.
    Low,
    /// A reviewer confirms.
    Medium,
    /// An admin confirms, with a justification.
    High,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];
    /// The name in capitals, as documents and people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl std::str::FromStr for Level {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| Unexpected::is_not(text, "a level", "LOW, MEDIUM or HIGH"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contributions_are_exact_hundredths() {
        assert_eq!(Score::points(75).weighted(30).to_string(), "22.50");
        assert_eq!(
            Score::mean(&[Score::points(0), Score::points(50), Score::points(50)]).to_string(),
            "33.33"
        );
        assert_eq!(
            serde_json::to_string(&Score::hundredths(5_750)).unwrap(),
            "57.5"
        );
        assert_eq!("45.00".parse::<Score>().unwrap(), Score::points(45));
        assert!("101.00".parse::<Score>().is_err());
    }
}
