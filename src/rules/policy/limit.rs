//! `limit` of a rule: how much may be approved within a time before the rule holds.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::Place;
use crate::domain::ids::{EvidenceName, LabelName, ParameterName, quoted};
use crate::domain::problem::Problem;
use crate::domain::value::{Duration, Number};

/// A rolling time is counted in so many parts: what was used is free again at most one such part late.
const PARTS: i32 = 24;
/// For how many things together a limit may count by itself.
const MOST_DIMENSIONS: usize = 4;

/// How much may be approved within a time, as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLimit {
    /// The most that is approved before the rule holds.
    at_most: Number,
    /// What is counted: `decisions` (as it is where nothing is said), or the sum of `parameter.NAME`, `details.NAME` or
    /// `evidence.NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// For each of what it is counted by itself: `agent`, `action`, `target`, `parameter` (each that changes), `proposal`
    /// (exactly the same), `label.NAME`, `parameter.NAME` (its proposed value), `details.NAME`; one, or a list.
    #[serde(default)]
    per: RawPer,
    /// Within which time: a rolling one such as `24h`, the calendar's `day` or `month`, or `ever`.
    within: String,
    /// Whose calendar, such as `Europe/Berlin`; UTC where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[serde(transparent)]
struct RawPer(Vec<String>);

impl<'de> Deserialize<'de> for RawPer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = RawPer;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one name, or a list of names")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawPer, E> {
                Ok(RawPer(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawPer, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(RawPer)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// How much may be approved within a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub at_most: Number,
    pub of: Counted,
    /// In the order in which they are written; none: everything is counted together.
    pub per: Vec<Dimension>,
    pub within: Period,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    Decisions,
    Parameter(ParameterName),
    /// A number that the executor of the action obeys.
    Detail(String),
    Evidence(EvidenceName),
}

/// For each of what it is counted by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    Agent,
    Action,
    Target,
    /// Each parameter that changes.
    Parameter,
    /// Exactly the same proposal.
    Proposal,
    /// The value that is proposed for a parameter.
    Value(ParameterName),
    Label(LabelName),
    Detail(String),
}

/// Within which time it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Rolling(Duration),
    Day(Tz),
    Month(Tz),
    Ever,
}

impl Limit {
    pub(super) fn validated(
        raw: RawLimit,
        place: &Place,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let before = problems.len();
        let mut wrong = |key: &str, message: String| {
            problems.push(place.problem(&format!("limit.{key}"), message))
        };
        let of = Counted::read(raw.of.as_deref().unwrap_or(Counted::DECISIONS));
        let of = of.map_err(|message| wrong("of", message)).ok();
        let per = raw.per.0.iter().map(|name| name.parse::<Dimension>());
        let per: Result<Vec<Dimension>, String> = per.collect();
        let per = per
            .map_err(|message| wrong("per", message))
            .unwrap_or_default();
        if per.len() > MOST_DIMENSIONS {
            wrong(
                "per",
                format!("it names {}: at most {MOST_DIMENSIONS}", per.len()),
            );
        }
        let twice = |(index, dimension): (usize, &Dimension)| {
            per.iter().take(index).any(|other| other == dimension)
        };
        if per.iter().enumerate().any(twice) {
            wrong("per", "it names one thing twice: leave one out".to_owned());
        }
        let zone = raw.timezone.as_deref().map(|name| {
            Tz::from_str(name).map_err(|_| {
                format!(
                    "{} is not a timezone: expected one such as `Europe/Berlin` or `UTC`",
                    quoted(name)
                )
            })
        });
        let zone = zone
            .transpose()
            .map_err(|message| wrong("timezone", message))
            .ok()
            .flatten();
        let within = Period::read(&raw.within, zone);
        let within = within.map_err(|message| wrong("within", message)).ok();
        if raw.timezone.is_some() && matches!(within, Some(Period::Rolling(_) | Period::Ever)) {
            wrong(
                "timezone",
                "only `day` and `month` have one: leave it out".to_owned(),
            );
        }
        if raw.at_most.decimal().is_sign_negative() {
            wrong("at_most", "it is negative: expected 0 or more".to_owned());
        }
        (problems.len() == before).then_some(())?;
        Some(Self {
            at_most: raw.at_most,
            of: of?,
            per,
            within: within?,
        })
    }

    /// Whether every proposal can be told apart by it: it does not count by what one may leave out.
    pub fn is_always_counted(&self) -> bool {
        let mut per = self.per.iter();
        per.all(|dimension| matches!(dimension, Dimension::Agent | Dimension::Action))
    }

    /// What it counts, as the files of its use name it: with another one, counting begins anew.
    pub fn definition(&self) -> String {
        let per: Vec<String> = self.per.iter().map(Dimension::to_string).collect();
        let per = match per.as_slice() {
            [] => String::new(),
            per => format!(" per {}", per.join(", ")),
        };
        format!("{}{per} within {}", self.of, self.within)
    }
}

/// The part of a dotted name after what it begins with.
fn name_after<T: FromStr>(text: &str, prefix: &str) -> Option<T> {
    text.strip_prefix(prefix)?.parse().ok()
}

fn detail(text: &str) -> Option<String> {
    name_after::<String>(text, "details.").filter(|name| !name.is_empty())
}

impl Counted {
    const DECISIONS: &str = "decisions";

    fn read(text: &str) -> Result<Self, String> {
        let decisions = (text == Self::DECISIONS).then_some(Self::Decisions);
        let found = decisions
            .or_else(|| name_after(text, "parameter.").map(Self::Parameter))
            .or_else(|| name_after(text, "evidence.").map(Self::Evidence))
            .or_else(|| detail(text).map(Self::Detail));
        found.ok_or_else(|| {
            format!(
                "{} cannot be counted: expected `decisions`, `parameter.NAME`, `details.NAME` or `evidence.NAME`",
                quoted(text)
            )
        })
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decisions => f.write_str(Self::DECISIONS),
            Self::Parameter(name) => write!(f, "parameter.{name}"),
            Self::Detail(name) => write!(f, "details.{name}"),
            Self::Evidence(name) => write!(f, "evidence.{name}"),
        }
    }
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = match text {
            "agent" => Some(Self::Agent),
            "action" => Some(Self::Action),
            "target" => Some(Self::Target),
            "parameter" => Some(Self::Parameter),
            "proposal" => Some(Self::Proposal),
            _ => name_after(text, "label.")
                .map(Self::Label)
                .or_else(|| name_after(text, "parameter.").map(Self::Value))
                .or_else(|| detail(text).map(Self::Detail)),
        };
        found.ok_or_else(|| {
            format!(
                "{} cannot be counted by: expected `agent`, `action`, `target`, `parameter`, `proposal`, \
                 `label.NAME`, `parameter.NAME` or `details.NAME`",
                quoted(text)
            )
        })
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent => f.write_str("agent"),
            Self::Action => f.write_str("action"),
            Self::Target => f.write_str("target"),
            Self::Parameter => f.write_str("parameter"),
            Self::Proposal => f.write_str("proposal"),
            Self::Value(name) => write!(f, "parameter.{name}"),
            Self::Label(name) => write!(f, "label.{name}"),
            Self::Detail(name) => write!(f, "details.{name}"),
        }
    }
}

impl Period {
    fn read(text: &str, zone: Option<Tz>) -> Result<Self, String> {
        let zone = zone.unwrap_or(Tz::UTC);
        match text {
            "day" => return Ok(Self::Day(zone)),
            "month" => return Ok(Self::Month(zone)),
            "ever" => return Ok(Self::Ever),
            _ => {}
        }
        let expected = "expected a time such as `24h` or `7d`, `day`, `month` or `ever`";
        let time: Duration = text
            .parse()
            .map_err(|_| format!("{} is no such time: {expected}", quoted(text)))?;
        let least = Duration::from_milliseconds(1_000 * u64::from(PARTS.unsigned_abs()));
        let most = TimeDelta::days(3_660);
        match time.time_delta() {
            Some(delta) if time >= least && delta <= most => Ok(Self::Rolling(time)),
            _ => Err(format!(
                "{} is too short or too long: expected 24 seconds to ten years",
                quoted(text)
            )),
        }
    }

    /// When the part of the time began in which something is counted that was decided at a moment.
    pub fn part_of(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let began = match self {
            Self::Rolling(_) => {
                let width = self.width().num_seconds().max(1);
                let seconds = at.timestamp().div_euclid(width) * width;
                DateTime::from_timestamp(seconds, 0)
            }
            Self::Day(zone) => midnight(zone, at.with_timezone(&zone).date_naive()),
            Self::Month(zone) => {
                let first = at.with_timezone(&zone).date_naive().with_day(1);
                first.and_then(|first| midnight(zone, first))
            }
            Self::Ever => Some(DateTime::UNIX_EPOCH),
        };
        began.unwrap_or(at)
    }

    /// When what is counted in a part that began then is free again; none: never.
    pub fn free_at(self, part: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Rolling(time) => part
                .checked_add_signed(self.width())?
                .checked_add_signed(time.time_delta()?),
            Self::Day(zone) => midnight(zone, part.with_timezone(&zone).date_naive().succ_opt()?),
            Self::Month(zone) => {
                let first = part.with_timezone(&zone).date_naive();
                midnight(zone, first.checked_add_months(chrono::Months::new(1))?)
            }
            Self::Ever => None,
        }
    }

    fn width(self) -> TimeDelta {
        let Self::Rolling(time) = self else {
            return TimeDelta::zero();
        };
        let part = time.time_delta().unwrap_or_default() / PARTS;
        // Whole seconds, and none too few.
        TimeDelta::seconds(part.num_seconds() + i64::from(part.subsec_nanos() > 0))
    }
}

/// The first moment of a day; where the clock is put forward at midnight, the first that there is.
fn midnight(zone: Tz, day: NaiveDate) -> Option<DateTime<Utc>> {
    (0..4).find_map(|hour| {
        let local = zone.from_local_datetime(&day.and_hms_opt(hour, 0, 0)?);
        Some(local.earliest()?.with_timezone(&Utc))
    })
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rolling(time) => fmt::Display::fmt(time, f),
            Self::Day(Tz::UTC) => f.write_str("day"),
            Self::Day(zone) => write!(f, "day in {zone}"),
            Self::Month(Tz::UTC) => f.write_str("month"),
            Self::Month(zone) => write!(f, "month in {zone}"),
            Self::Ever => f.write_str("ever"),
        }
    }
}

impl Counted {
    /// An amount in words: `3 decisions`, `340 amount`.
    pub fn in_words(&self, amount: Decimal) -> String {
        let amount = amount.normalize();
        match self {
            Self::Decisions if amount == Decimal::ONE => "1 decision".to_owned(),
            Self::Decisions => format!("{amount} decisions"),
            Self::Parameter(name) => format!("{amount} {name}"),
            Self::Detail(name) => format!("{amount} {name}"),
            Self::Evidence(name) => format!("{amount} {name}"),
        }
    }
}

impl Dimension {
    /// What it is called in a sentence.
    pub fn name(&self) -> String {
        match self {
            Self::Agent | Self::Action | Self::Target | Self::Parameter => self.to_string(),
            Self::Proposal => "identical proposal".to_owned(),
            Self::Value(name) => name.to_string(),
            Self::Label(name) => format!("label {name}"),
            Self::Detail(name) => name.clone(),
        }
    }
}

impl Period {
    /// The end of a sentence about what was used: ` within 24h`.
    pub fn in_words(self) -> String {
        match self {
            Self::Rolling(time) => format!(" within {time}"),
            Self::Day(zone) => format!(" on one day ({zone})"),
            Self::Month(zone) => format!(" in one month ({zone})"),
            Self::Ever => " so far".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn period(text: &str, zone: &str) -> Period {
        Period::read(text, Some(zone.parse().unwrap())).unwrap()
    }

    #[test]
    fn what_was_used_is_free_again_when_its_time_is_over() {
        let cases = [
            // Parts of an hour, counted until the last moment of each is a day ago.
            (
                "24h",
                "UTC",
                "2026-11-30T10:59:59Z",
                "2026-11-30T10:00:00Z",
                "2026-12-01T11:00:00Z",
            ),
            (
                "1h",
                "UTC",
                "2026-11-30T10:59:59Z",
                "2026-11-30T10:57:30Z",
                "2026-11-30T12:00:00Z",
            ),
            (
                "day",
                "Europe/Berlin",
                "2026-11-30T22:59:59Z",
                "2026-11-29T23:00:00Z",
                "2026-11-30T23:00:00Z",
            ),
            // The day on which the clock is put back has 25 hours.
            (
                "day",
                "Europe/Berlin",
                "2026-10-25T10:00:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            // There is no midnight where the clock is put forward then.
            (
                "day",
                "America/Santiago",
                "2026-09-06T12:00:00Z",
                "2026-09-06T04:00:00Z",
                "2026-09-07T03:00:00Z",
            ),
            (
                "month",
                "UTC",
                "2026-12-31T23:59:59Z",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
        ];
        for (text, zone, decided, part, free) in cases {
            let period = period(text, zone);
            assert_eq!(period.part_of(at(decided)), at(part), "{text} {decided}");
            assert_eq!(period.free_at(at(part)), Some(at(free)), "{text} {decided}");
        }
        let ever = period("ever", "UTC");
        assert_eq!(ever.free_at(ever.part_of(at("2026-12-31T23:59:59Z"))), None);
    }

    proptest! {
        /// What was decided within the time is never free again too early, and at most a part of the time late.
        #[test]
        fn a_rolling_time_is_never_too_short(seconds in 24u64..10_000_000, decided in 0i64..4_000_000_000) {
            let period = Period::read(&format!("{seconds}s"), None).unwrap();
            let decided = DateTime::from_timestamp(decided, 0).unwrap();
            let free = period.free_at(period.part_of(decided)).unwrap();
            let seconds = i64::try_from(seconds).unwrap();
            let late = (free - decided).num_seconds() - seconds;
            prop_assert!(late > 0 && late <= seconds / i64::from(PARTS) + 1, "{late}");
        }
    }
}
