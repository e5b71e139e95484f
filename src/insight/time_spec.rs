//! A moment as people say it: a day, a time, so long ago.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::domain::unexpected::Unexpected;

/// A moment as people say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSpec {
    Moment(DateTime<Utc>),
    /// A day, of UTC.
    Day(NaiveDate),
    Ago(TimeDelta),
}

impl FromStr for TimeSpec {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        if let Ok(day) = text.parse() {
            return Ok(Self::Day(day));
        }
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Moment(at.to_utc()));
        }
        let ago = |unit: char, seconds: i64| {
            let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
            TimeDelta::try_seconds(number.checked_mul(seconds)?)
                .filter(|ago| *ago >= TimeDelta::zero())
        };
        ago('d', 24 * 60 * 60)
            .or_else(|| ago('h', 60 * 60))
            .map(Self::Ago)
            .ok_or_else(|| {
                Unexpected::expected(
                    "a day such as 2026-11-01, a moment such as 2026-11-01T12:00:00Z, or 7d or 12h",
                )
            })
    }
}

impl TimeSpec {
    /// The first moment that is meant, if it is now so late.
    pub fn since(self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.moment(now, false)
    }

    /// The first moment that is no longer meant: a day belongs to what it ends.
    pub fn until(self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.moment(now, true)
    }

    fn moment(self, now: DateTime<Utc>, next_day: bool) -> DateTime<Utc> {
        let midnight = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
        match self {
            Self::Moment(at) => at,
            Self::Day(day) if next_day => midnight(day.succ_opt().unwrap_or(day)),
            Self::Day(day) => midnight(day),
            Self::Ago(ago) => now.checked_sub_signed(ago).unwrap_or(DateTime::UNIX_EPOCH),
        }
    }
}
