//! Lengths of time as people write them: `30s`, `1h30m`, `7d`. The one parser of them.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

use crate::domain::unexpected::Unexpected;

/// A length of time, to the millisecond; never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    milliseconds: u64,
}

/// A unit and its milliseconds, the longest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 24 * 60 * 60 * 1_000),
    ("h", 60 * 60 * 1_000),
    ("m", 60 * 1_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Of one number, so that no sum overflows.
const MOST_DIGITS: usize = 9;

impl Duration {
    pub const fn milliseconds(self) -> u64 {
        self.milliseconds
    }

    pub const fn from_milliseconds(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    /// None if it is longer than chrono can count.
    pub fn time_delta(self) -> Option<TimeDelta> {
        TimeDelta::try_milliseconds(self.milliseconds.try_into().ok()?)
    }
}

impl FromStr for Duration {
    type Err = Unexpected;

    /// Whole numbers with a unit each, the longest unit first and none twice.
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        read(text).map(Self::from_milliseconds).ok_or_else(|| {
            Unexpected::is_not(text, "a length of time", "such as `30m`, `24h` or `7d`")
        })
    }
}

fn read(text: &str) -> Option<u64> {
    let mut units = UNITS.iter();
    let mut sum = 0u64;
    let mut rest = text;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        if number.is_empty() || number.len() > MOST_DIGITS {
            return None;
        }
        let end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, milliseconds) = units.find(|(known, _)| *known == unit)?;
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(*milliseconds)?)?;
        if after.is_empty() {
            return Some(sum);
        }
        rest = after;
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milliseconds == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.milliseconds;
        for (unit, milliseconds) in UNITS {
            let count = rest / milliseconds;
            rest %= milliseconds;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_read_as_it_is_written() {
        for (text, milliseconds, written) in [
            ("30s", 30_000, "30s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90m", 5_400_000, "1h30m"),
            ("7d", 604_800_000, "7d"),
            ("1d2h3m4s5ms", 93_784_005, "1d2h3m4s5ms"),
            ("0s", 0, "0s"),
            ("250ms", 250, "250ms"),
        ] {
            let read: Duration = text.parse().unwrap();
            assert_eq!(read.milliseconds(), milliseconds, "{text}");
            assert_eq!(read.to_string(), written);
        }
        for no in [
            "",
            "30",
            "s",
            "-30s",
            "+30s",
            "1m1h",
            "1h1h",
            "1.5h",
            "1 h",
            "1H",
            "1y",
            "1w",
            "٣٠s",
            "1h30",
            "9999999999s",
            "h1",
            "1e3s",
            "30s ",
            "1:30",
        ] {
            assert!(no.parse::<Duration>().is_err(), "{no}");
        }
    }
}
