//! So many of so many, with what can be said of the true rate behind it.

use std::fmt;
use std::str::FromStr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::domain::unexpected::Unexpected;

/// How often something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proportion {
    /// How often it did.
    pub count: u32,
    /// How often it could have.
    pub of: u32,
}

/// The 0.975 quantile of the normal distribution: 95 % on both sides together.
const Z: f64 = 1.959_963_984_540_054;
/// Its square, in billionths.
const Z2: u128 = 3_841_458_821;
const Z2_UNIT: u128 = 1_000_000_000;

/// Hundredths of a percent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Percent(u32);

impl Percent {
    pub const ALL: Self = Self(10_000);

    pub const fn from_hundredths(hundredths: u32) -> Self {
        Self(hundredths)
    }

    pub const fn hundredths(self) -> u32 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = Unexpected;

    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let wrong = || Unexpected::is_not(text, "a percentage", "such as `95 %` or `99.5 %`");
        let number = text.strip_suffix('%').ok_or_else(wrong)?.trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |digits: &str, most| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
        };
        if !is_number(whole, 3) || !is_number(part, 2) {
            return Err(wrong());
        }
        let hundredths = format!("{whole}{part:0<2}").parse();
        let hundredths = hundredths.map_err(|_| wrong())?;
        match hundredths <= Self::ALL.0 {
            true => Ok(Self(hundredths)),
            false => Err(wrong()),
        }
    }
}

/// `95 %`, `99.5 %`.
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match (part, part % 10) {
            (0, _) => write!(f, "{whole} %"),
            (_, 0) => write!(f, "{whole}.{} %", part / 10),
            _ => write!(f, "{whole}.{part:02} %"),
        }
    }
}
impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> serde::Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
impl schemars::JsonSchema for Percent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Percent".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^[0-9]{1,3}(\.[0-9]{1,2})? *%$",
            "description": "a percentage, such as `95 %`"
        })
    }
}

impl Proportion {
    pub const fn new(count: u32, of: u32) -> Self {
        Self { count, of }
    }

    /// One more time that it could have happened.
    pub fn add(&mut self, happened: bool) {
        self.count += u32::from(happened);
        self.of += 1;
    }

    /// As many more times as another share tells of.
    pub const fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.of += other.of;
    }

    /// The rate from 0 to 1; none where it could never happen.
    pub fn rate(self) -> Option<f64> {
        (self.of > 0).then(|| f64::from(self.count) / f64::from(self.of))
    }

    /// Wilson's interval: where the true rate lies with 95 % confidence, also for few and for extreme ones.
    pub fn interval(self) -> Option<(f64, f64)> {
        let (n, rate) = (f64::from(self.of), self.rate()?);
        let z2 = Z * Z;
        let middle = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z / (1.0 + z2 / n) * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt();
        Some(((middle - half).max(0.0), (middle + half).min(1.0)))
    }

    /// The lower end of that interval, rounded down: exact, because something is decided by it.
    pub fn lower_bound(self) -> Percent {
        let (mut reached, mut missed) = (0, Percent::ALL.0 + 1);
        while missed - reached > 1 {
            let middle = reached.midpoint(missed);
            match self.is_at_least(Percent(middle)) {
                true => reached = middle,
                false => missed = middle,
            }
        }
        Percent(reached)
    }

    /// Whether the lower end of the interval is no lower than a rate: Wilson's interval holds the rates that a
    /// test of the normal approximation does not reject.
    fn is_at_least(self, rate: Percent) -> bool {
        let (count, of) = (u128::from(self.count), u128::from(self.of));
        let (all, rate) = (u128::from(Percent::ALL.0), u128::from(rate.0));
        let Some(above) = (count * all).checked_sub(of * rate) else {
            return false;
        };
        of > 0 && above * above * Z2_UNIT >= Z2 * rate * (all - rate) * of
    }

    /// The fewest times that bear a rate if it happens each time: the lower end of the interval reaches it. None for 100 %.
    pub fn fewest_all(rate: Percent) -> Option<u32> {
        let missing = Percent::ALL
            .0
            .checked_sub(rate.0)
            .filter(|missing| *missing > 0)?;
        let fewest = (Z2 * u128::from(rate.0)).div_ceil(Z2_UNIT * u128::from(missing));
        u32::try_from(fewest.max(1)).ok()
    }

    /// `94 %`, or a dash where there is no rate.
    pub fn percent(self) -> String {
        self.rate().map_or_else(|| "–".to_owned(), percent)
    }

    /// `47 of 50 (94 %)`.
    pub fn in_words(self) -> String {
        match self.rate() {
            Some(rate) => format!("{} of {} ({})", self.count, self.of, percent(rate)),
            None => "none".to_owned(),
        }
    }

    /// `84 to 98 %`: the interval.
    pub fn range(self) -> String {
        self.interval().map_or_else(
            || "–".to_owned(),
            |(low, high)| format!("{:.0} to {:.0} %", low * 100.0, high * 100.0),
        )
    }
}

/// A rate in whole percent, but never 0 or 100 for what is neither.
pub fn percent(rate: f64) -> String {
    if rate > 0.0 && rate < 0.005 {
        "< 1 %".to_owned()
    } else if (0.995..1.0).contains(&rate) {
        "> 99 %".to_owned()
    } else {
        format!("{:.0} %", rate * 100.0)
    }
}

impl Serialize for Proportion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("count", &self.count)?;
        map.serialize_entry("of", &self.of)?;
        map.serialize_entry("rate", &self.rate().map(rounded))?;
        let interval = self
            .interval()
            .map(|(low, high)| [rounded(low), rounded(high)]);
        map.serialize_entry("interval", &interval)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the textbook: Newcombe 1998, Wilson's method without continuity correction.
    #[test]
    fn intervals_are_wilsons() {
        for (count, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (l, h) = Proportion::new(count, of).interval().unwrap();
            assert!(
                (l - low).abs() < 5e-5 && (h - high).abs() < 5e-5,
                "{count}/{of}: {l} {h}"
            );
        }
        assert_eq!(Proportion::default().interval(), None);
    }

    #[test]
    fn the_lower_bound_is_the_lower_end_rounded_down() {
        for (count, of) in [
            (81, 263),
            (15, 148),
            (0, 20),
            (1, 29),
            (60, 60),
            (1, 1),
            (4_000_000, 4_000_001),
        ] {
            let share = Proportion::new(count, of);
            let (low, _) = share.interval().unwrap();
            let bound = f64::from(share.lower_bound().hundredths()) / 10_000.0;
            assert!(
                bound <= low + 1e-9 && low < bound + 1e-4,
                "{count}/{of}: {bound} {low}"
            );
        }
        assert_eq!(Proportion::new(0, 0).lower_bound(), Percent::default());
    }

    #[test]
    fn fewest_all_is_the_first_that_bears_a_rate() {
        for hundredths in [1, 5_000, 5_101, 9_000, 9_950, 9_999] {
            let rate = Percent::from_hundredths(hundredths);
            let fewest = Proportion::fewest_all(rate).unwrap();
            assert!(Proportion::new(fewest, fewest).is_at_least(rate), "{rate}");
            assert!(
                fewest == 1 || !Proportion::new(fewest - 1, fewest - 1).is_at_least(rate),
                "{rate}"
            );
        }
        assert_eq!(Proportion::fewest_all(Percent::ALL), None);
    }

    #[test]
    fn a_percentage_is_read_as_it_is_written() {
        for (text, hundredths) in [
            ("95 %", 9_500),
            ("99.5%", 9_950),
            ("0.05 %", 5),
            ("100 %", 10_000),
        ] {
            let percent: Percent = text.parse().unwrap();
            assert_eq!(percent.hundredths(), hundredths);
            assert_eq!(percent.to_string().replace(' ', ""), text.replace(' ', ""));
        }
        for wrong in ["", "95", "%", "101 %", "1.555 %", "-1 %", "1. %", "1e2 %"] {
            assert!(wrong.parse::<Percent>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_percentage_does_not_round_to_certainty() {
        assert_eq!(Proportion::new(999, 1000).percent(), "> 99 %");
        assert_eq!(Proportion::new(1, 1000).percent(), "< 1 %");
        assert_eq!(Proportion::new(1000, 1000).percent(), "100 %");
        assert_eq!(Proportion::new(0, 0).percent(), "–");
        assert_eq!(Proportion::new(2, 3).in_words(), "2 of 3 (67 %)");
        assert_eq!(Proportion::new(0, 20).range(), "0 to 16 %");
    }
}
