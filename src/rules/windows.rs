//! `windows` of `rules/governance.yaml`: named times, such as the weekend, in which rules may hold proposals back.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use chrono::{
    DateTime, Datelike as _, NaiveDateTime, TimeDelta, TimeZone as _, Timelike as _, Utc, Weekday,
};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::documents::WindowRecord;
use crate::domain::ids::{WindowName, quoted};
use crate::domain::problem::Problem;

const MINUTES_A_DAY: u32 = 24 * 60;
const MINUTES_A_WEEK: u32 = 7 * MINUTES_A_DAY;
/// How many windows there may be.
const MOST: usize = 50;

/// A window as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWindow {
    /// When it opens: weekly as `Fri 17:00`, or once as `2026-12-18 18:00`.
    from: String,
    /// When it ends, in the same form: the first minute that is not in it.
    to: String,
    /// In which timezone that is, such as `Europe/Berlin` or `UTC`.
    timezone: String,
}

/// A named time.
#[derive(Debug, Clone)]
pub struct Window {
    span: Span,
    timezone: Tz,
}

#[derive(Debug, Clone, Copy)]
enum Span {
    /// Minutes of the week, from Monday 00:00 on; from the first until before the second.
    Weekly { from: u32, to: u32 },
    Once {
        from: NaiveDateTime,
        to: NaiveDateTime,
    },
}

/// One end of a window.
enum End {
    Weekly(u32),
    Once(NaiveDateTime),
}

impl Window {
    /// Whether it is open at a moment.
    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        let local = self.local(at);
        match self.span {
            Span::Weekly { from, to } => {
                let minute = minute_of_week(local);
                match from < to {
                    true => (from..to).contains(&minute),
                    false => minute >= from || minute < to,
                }
            }
            Span::Once { from, to } => from <= local && local < to,
        }
    }

    /// When it is open: `every week from Friday 17:00 to Monday 09:00 (Europe/Berlin)`.
    pub fn in_words(&self) -> String {
        let zone = self.timezone;
        match self.span {
            Span::Weekly { from, to } => format!(
                "every week from {} to {} ({zone})",
                time_of_week(from),
                time_of_week(to)
            ),
            Span::Once { from, to } => {
                let form = "%A %Y-%m-%d %H:%M";
                format!("from {} to {} ({zone})", from.format(form), to.format(form))
            }
        }
    }

    /// How it stands at a moment, in its own time: `open now, until Monday 2026-11-30 09:00`.
    pub fn state_in_words(&self, now: DateTime<Utc>) -> String {
        let next = self.next_change(now);
        let next = next.map(|next| self.local(next).format("%A %Y-%m-%d %H:%M").to_string());
        match (self.is_open(now), next) {
            (true, Some(end)) => format!("open now, until {end}"),
            (true, None) => "open now".to_owned(),
            (false, Some(start)) => format!("closed now, opens on {start}"),
            (false, None) => "over".to_owned(),
        }
    }

    fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.timezone).naive_local()
    }

    /// When it opens or ends next; none if it never does again.
    fn next_change(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = self.local(now);
        let ends: Vec<NaiveDateTime> = match self.span {
            Span::Once { from, to } => vec![from, to],
            Span::Weekly { from, to } => {
                let days = i64::from(local.weekday().num_days_from_monday());
                let monday = local.date().checked_sub_signed(TimeDelta::days(days))?;
                let monday = monday.and_hms_opt(0, 0, 0)?;
                let minutes = [from, to, from + MINUTES_A_WEEK, to + MINUTES_A_WEEK];
                let minutes = minutes.into_iter();
                minutes
                    .map(|minute| monday + TimeDelta::minutes(i64::from(minute)))
                    .collect()
            }
        };
        let ends = ends.into_iter().filter_map(|end| {
            // An hour that a change of the clocks leaves out ends where the next one begins.
            let found = self.timezone.from_local_datetime(&end).earliest();
            let found = found.or_else(|| {
                let later = end + TimeDelta::hours(1);
                self.timezone.from_local_datetime(&later).earliest()
            });
            found.map(|end| end.with_timezone(&Utc))
        });
        ends.filter(|end| *end > now).min()
    }
}

/// `Friday 17:00`.
fn time_of_week(minute: u32) -> String {
    let days = [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ];
    let day = usize::try_from(minute / MINUTES_A_DAY)
        .ok()
        .and_then(|day| days.get(day));
    let (hour, minute) = (minute % MINUTES_A_DAY / 60, minute % 60);
    format!("{} {hour:02}:{minute:02}", day.unwrap_or(&""))
}

fn minute_of_week(local: NaiveDateTime) -> u32 {
    local.weekday().num_days_from_monday() * MINUTES_A_DAY + local.hour() * 60 + local.minute()
}

/// The windows of one version of the rules.
#[derive(Debug, Clone, Default)]
pub struct Windows(BTreeMap<WindowName, Window>);

impl Windows {
    /// Those that are open at a moment, in the order of their names.
    pub fn open_at(&self, at: DateTime<Utc>) -> Vec<WindowName> {
        let open = self.0.iter().filter(|(_, window)| window.is_open(at));
        open.map(|(name, _)| name.clone()).collect()
    }

    /// All of them as a decision at that moment records them.
    pub fn recorded_at(&self, at: DateTime<Utc>) -> Vec<WindowRecord> {
        let windows = self.0.iter().map(|(name, window)| WindowRecord {
            name: name.clone(),
            open: window.is_open(at),
            local_time: at.with_timezone(&window.timezone).fixed_offset(),
        });
        windows.collect()
    }

    /// When any of them opens or ends next.
    pub fn next_change(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let windows = self.0.values();
        windows.filter_map(|window| window.next_change(now)).min()
    }

    /// When each opens and ends for the first time after a moment, and the minute before.
    pub fn edges(&self, after: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let edges = self.0.values().flat_map(|window| {
            let first = window.next_change(after);
            let second = first.and_then(|first| window.next_change(first));
            [first, second]
        });
        let edges = edges.flatten();
        edges
            .flat_map(|edge| [edge - TimeDelta::minutes(1), edge])
            .collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&WindowName, &Window)> {
        self.0.iter()
    }

    pub fn names(&self) -> impl Iterator<Item = &WindowName> {
        self.0.keys()
    }
}

/// Reads the windows of a file; says what is wrong with them.
pub fn read(
    file: &str,
    raw: BTreeMap<WindowName, RawWindow>,
    problems: &mut Vec<Problem>,
) -> Windows {
    if raw.len() > MOST {
        let message = format!("there are {} windows: at most {MOST}", raw.len());
        problems.push(Problem::of_key(file, "windows", message));
    }
    let windows = raw.into_iter().filter_map(|(name, raw)| {
        let mut say = |key: &str, message: String| {
            problems.push(Problem::of_key(
                file,
                format!("windows.{name}.{key}"),
                message,
            ));
        };
        let timezone = Tz::from_str(&raw.timezone).map_err(|_| {
            let shown = quoted(&raw.timezone);
            say(
                "timezone",
                format!("{shown} is not a timezone: expected such as `Europe/Berlin` or `UTC`"),
            );
        });
        let mut end = |key: &str, text: &str| {
            let end = parse(text);
            if end.is_none() {
                let shown = quoted(text);
                say(
                    key,
                    format!(
                        "{shown} is no time: expected such as `Fri 17:00`, or `2026-12-18 18:00`"
                    ),
                );
            }
            end
        };
        let (from, to) = (end("from", &raw.from), end("to", &raw.to));
        let span = match (from?, to?) {
            (End::Weekly(from), End::Weekly(to)) if from != to => Span::Weekly { from, to },
            (End::Once(from), End::Once(to)) if from < to => Span::Once { from, to },
            (End::Weekly(_), End::Weekly(_)) => {
                say(
                    "to",
                    "it ends when it opens: expected another time than `from`".to_owned(),
                );
                return None;
            }
            (End::Once(_), End::Once(_)) => {
                say(
                    "to",
                    "it ends before it opens: expected a time after `from`".to_owned(),
                );
                return None;
            }
            _ => {
                say(
                    "to",
                    "expected the same form as `from`: both weekly, or both with a date".to_owned(),
                );
                return None;
            }
        };
        let window = Window {
            span,
            timezone: timezone.ok()?,
        };
        Some((name, window))
    });
    Windows(windows.collect())
}

fn parse(text: &str) -> Option<End> {
    let (day, time) = text.split_once(' ')?;
    let (hour, minute) = time.split_once(':')?;
    let is_number = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    if let Ok(date) = chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d") {
        return date.and_hms_opt(hour, minute, 0).map(End::Once);
    }
    let weekday = Weekday::from_str(day).ok().filter(|_| day.len() == 3)?;
    let is_time = hour < 24 && minute < 60;
    is_time.then(|| {
        let days = weekday.num_days_from_monday();
        End::Weekly(days * MINUTES_A_DAY + hour * 60 + minute)
    })
}

#[cfg(test)]
mod tests;
