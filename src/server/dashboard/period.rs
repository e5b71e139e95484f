//! The stretch of time that a page looks at, as its address says.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::insight::trend::Interval;
use crate::insight::{Index, Period};

/// The stretches that are one click away: as addresses write them, as people read them, in days.
const NAMED: [(&str, &str, i64); 4] = [
    ("7d", "7 days", 7),
    ("30d", "30 days", 30),
    ("90d", "90 days", 90),
    ("1y", "1 year", 365),
];

/// What an address says of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// A named stretch, or nothing for all of time or for what the two others say.
    pub name: String,
    pub since: String,
    pub until: String,
}

/// A stretch to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub value: &'static str,
    pub text: &'static str,
    pub is_chosen: bool,
}

fn day(text: &str) -> Option<NaiveDate> {
    text.trim().parse().ok()
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// From the first of these days to the last; what is no day is nothing.
pub fn between(since: &str, until: &str) -> Period {
    let after = day(until).and_then(|day| day.checked_add_days(Days::new(1)));
    Period {
        since: day(since).map(midnight),
        until: after.map(midnight),
    }
}

impl Asked {
    /// The stretch of time.
    pub fn period(&self, now: DateTime<Utc>) -> Period {
        let named = NAMED.iter().find(|(value, ..)| *value == self.name);
        match named {
            Some((_, _, days)) => Period {
                since: Some(midnight((now - TimeDelta::days(days - 1)).date_naive())),
                until: None,
            },
            None => between(&self.since, &self.until),
        }
    }

    /// The stretches to choose from.
    pub fn choices(&self) -> Vec<Choice> {
        let is_named = NAMED.iter().any(|(value, ..)| *value == self.name);
        let is_all = !is_named && day(&self.since).is_none() && day(&self.until).is_none();
        let named = NAMED.iter().map(|(value, text, _)| Choice {
            value,
            text,
            is_chosen: *value == self.name,
        });
        let all = Choice {
            value: "all",
            text: "All",
            is_chosen: is_all,
        };
        named.chain([all]).collect()
    }

    /// The same as an address writes it; nothing for all of time.
    pub fn query(&self) -> String {
        if NAMED.iter().any(|(value, ..)| *value == self.name) {
            return format!("period={}", self.name);
        }
        let given = [("since", day(&self.since)), ("until", day(&self.until))];
        let given = given
            .into_iter()
            .filter_map(|(key, day)| Some(format!("{key}={}", day?)));
        given.collect::<Vec<_>>().join("&")
    }

    /// Whether it is one that somebody typed.
    pub fn is_typed(&self) -> bool {
        !self.choices().iter().any(|choice| choice.is_chosen)
    }
}

/// How wide the buckets of a trend have to be to be told apart.
pub fn step(index: &Index, period: Period, now: DateTime<Utc>) -> Interval {
    let first = index.cases().first().and_then(|case| case.decided_at);
    let last = index.cases().last().and_then(|case| case.decided_at);
    let since = period.since.max(first).unwrap_or(now);
    let until = match (period.until, last) {
        (Some(until), Some(last)) => until.min(last),
        (until, last) => until.or(last).unwrap_or(now),
    };
    match (until - since).num_days() {
        ..=62 => Interval::Day,
        63..=550 => Interval::Week,
        551..=3_650 => Interval::Month,
        _ => Interval::Year,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_include_the_last() {
        let period = between("2026-11-01", "2026-11-02");
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert!(period.contains(at("2026-11-01T00:00:00Z")));
        assert!(period.contains(at("2026-11-02T23:59:59Z")));
        assert!(!period.contains(at("2026-11-03T00:00:00Z")));
        assert_eq!(between("soon", ""), Period::ALL);
        let week = Asked {
            name: "7d".to_owned(),
            ..Asked::default()
        };
        assert_eq!(
            week.period(at("2026-11-23T12:00:00Z")).since,
            Some(at("2026-11-17T00:00:00Z"))
        );
    }

    #[test]
    fn what_is_chosen_is_said() {
        let chosen = |asked: &Asked| {
            asked
                .choices()
                .into_iter()
                .find(|choice| choice.is_chosen)
                .map(|choice| choice.value)
        };
        assert_eq!(chosen(&Asked::default()), Some("all"));
        let month = Asked {
            name: "30d".to_owned(),
            ..Asked::default()
        };
        assert_eq!(chosen(&month), Some("30d"));
        let typed = Asked {
            since: "2026-11-01".to_owned(),
            ..Asked::default()
        };
        assert!(typed.is_typed());
    }
}
