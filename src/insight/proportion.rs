//! So many of so many, with what can be said of the true rate behind it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

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
    fn a_percentage_does_not_round_to_certainty() {
        assert_eq!(Proportion::new(999, 1000).percent(), "> 99 %");
        assert_eq!(Proportion::new(1, 1000).percent(), "< 1 %");
        assert_eq!(Proportion::new(1000, 1000).percent(), "100 %");
        assert_eq!(Proportion::new(0, 0).percent(), "–");
        assert_eq!(Proportion::new(2, 3).in_words(), "2 of 3 (67 %)");
        assert_eq!(Proportion::new(0, 20).range(), "0 to 16 %");
    }
}
