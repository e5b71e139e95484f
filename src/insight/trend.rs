//! Decisions over time, in buckets of a day, a week, a month or a year, without gaps.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use serde::Serialize;

use super::case::Case;
use super::metrics::Tally;
use crate::domain::proportion::Proportion;

/// A trend with more buckets than these takes the next step: nobody could read it.
const MOST_BUCKETS: usize = 400;

/// How wide a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// From midnight to midnight, UTC.
    Day,
    /// From Monday to Monday.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

impl Interval {
    /// The first day of the bucket that a day belongs to.
    pub fn start(self, day: NaiveDate) -> NaiveDate {
        let back = match self {
            Self::Day => 0,
            Self::Week => day.weekday().num_days_from_monday(),
            Self::Month => day.day0(),
            Self::Year => day.ordinal0(),
        };
        day - TimeDelta::days(i64::from(back))
    }

    /// The first day of the bucket after the one that begins on this day; none at the end of the calendar.
    pub fn next(self, start: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => start.succ_opt(),
            Self::Week => start.checked_add_signed(TimeDelta::days(7)),
            Self::Month => start.checked_add_months(Months::new(1)),
            Self::Year => start.checked_add_months(Months::new(12)),
        }
    }

    const fn wider(self) -> Self {
        match self {
            Self::Day => Self::Week,
            Self::Week => Self::Month,
            Self::Month | Self::Year => Self::Year,
        }
    }
}

/// What was decided in one stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bucket {
    pub start: NaiveDate,
    /// Cases of each level: LOW, MEDIUM, HIGH.
    pub levels: [u32; 3],
    /// Approved of decided.
    pub approval: Proportion,
    /// Successful of executed, of the cases that were decided in it.
    pub success: Proportion,
    /// The mean of the scores.
    pub mean_score: Option<f64>,
}

/// Sums by day, from which wider buckets are made.
#[derive(Debug, Default)]
pub struct Trend(BTreeMap<i64, Vec<Tally>>, Option<(i64, Tally)>);

const DAY_SECONDS: i64 = 24 * 60 * 60;

impl Trend {
    /// Counts a decided case.
    pub fn add(&mut self, case: &Case) {
        let Some(at) = case.decided_at else {
            return;
        };
        let day = at.timestamp().div_euclid(DAY_SECONDS);
        // Cases come in the order of their decision, so the day is nearly always the same as before.
        match &mut self.1 {
            Some((current, tally)) if *current == day => tally.add(case),
            current => {
                let mut tally = Tally::default();
                tally.add(case);
                if let Some((day, tally)) = current.replace((day, tally)) {
                    self.0.entry(day).or_default().push(tally);
                }
            }
        }
    }

    /// The buckets from the first case to the last, and how wide they came to be.
    pub fn buckets(mut self, least: Interval) -> (Interval, Vec<Bucket>) {
        if let Some((day, tally)) = self.1.take() {
            self.0.entry(day).or_default().push(tally);
        }
        let mut step = least;
        loop {
            let buckets = self.at(step);
            if buckets.len() <= MOST_BUCKETS || step == Interval::Year {
                return (step, buckets);
            }
            step = step.wider();
        }
    }

    fn at(&self, step: Interval) -> Vec<Bucket> {
        let mut sums: BTreeMap<NaiveDate, Sum> = BTreeMap::new();
        for (day, tallies) in &self.0 {
            let Some(at) = DateTime::<Utc>::from_timestamp(day * DAY_SECONDS, 0) else {
                continue;
            };
            let sum = sums.entry(step.start(at.date_naive())).or_default();
            tallies.iter().for_each(|tally| sum.add(tally));
        }
        let (Some(first), Some(last)) = (sums.keys().next().copied(), sums.keys().last().copied())
        else {
            return Vec::new();
        };
        let starts: Vec<NaiveDate> = std::iter::successors(Some(first), |start| step.next(*start))
            .take_while(|start| *start <= last)
            .take(MOST_BUCKETS + 1)
            .collect();
        if starts.len() > MOST_BUCKETS && step == Interval::Year {
            // Centuries: somebody's clock was wrong. What there is stays, the gaps do not.
            return sums
                .into_iter()
                .map(|(start, sum)| sum.bucket(start))
                .collect();
        }
        let sum = |start| sums.get(&start).copied().unwrap_or_default();
        starts
            .into_iter()
            .map(|start| sum(start).bucket(start))
            .collect()
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    levels: [u32; 3],
    approval: Proportion,
    success: Proportion,
    score: f64,
    scored: f64,
}

impl Sum {
    fn add(&mut self, tally: &Tally) {
        for (sum, count) in self.levels.iter_mut().zip(tally.levels) {
            *sum += count;
        }
        self.approval.merge(tally.approval);
        self.success.merge(tally.success);
        if let Some(mean) = tally.mean_score() {
            self.score += mean * f64::from(tally.cases);
            self.scored += f64::from(tally.cases);
        }
    }

    fn bucket(self, start: NaiveDate) -> Bucket {
        Bucket {
            start,
            levels: self.levels,
            approval: self.approval,
            success: self.success,
            mean_score: (self.scored > 0.0)
                .then(|| (self.score / self.scored * 100.0).round() / 100.0),
        }
    }
}
