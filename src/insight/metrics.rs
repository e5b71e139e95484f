//! The figures of the dashboard: cards, distributions, trends, and how agents and levels fare.
//!
//! Recommendations only; governance changes are counted apart. What is pending is in `total` and
//! `pending` and in no rate: nobody has said anything about it yet.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use foldhash::fast::RandomState;
use serde::Serialize;

use super::case::{Case, Execution};
use super::index::Index;
use super::interner::InternedName;
use super::query::Period;
use super::trend::{Bucket, Interval, Trend};
use crate::domain::documents::{RejectionCategory, Status};
use crate::domain::level::Level;
use crate::domain::proportion::Proportion;

/// How many bars the histogram has, each of the same width.
pub const BARS: usize = 20;

/// Figures of a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// Recommendations, decided and pending.
    pub total: u32,
    /// Recommendations that wait now, whatever the period.
    pub pending: u32,
    pub governance: u32,
    /// Approved, by the bot or by people, of all decided.
    pub approval: Proportion,
    /// Successful of all executions that ended with a known result.
    pub success: Proportion,
    /// How many ended in which way, in the order of [`Status::ALL`].
    pub statuses: Vec<(Status, u32)>,
    /// LOW, MEDIUM and HIGH.
    pub levels: Vec<LevelFigures>,
    /// How many scores are in each bar; the last one includes 100.
    pub histogram: [u32; BARS],
    /// Every agent of the period, the busiest first.
    pub agents: Vec<AgentFigures>,
    /// What came of executions.
    pub outcomes: Outcomes,
    /// Rejections by their main concern, in the order of [`RejectionCategory::ALL`].
    pub rejections: Vec<(RejectionCategory, u32)>,
    /// The width of the buckets of `trend`.
    pub step: Interval,
    /// Decisions over time, without gaps.
    pub trend: Vec<Bucket>,
}

/// How a level fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelFigures {
    pub level: Level,
    /// Cases of it of all that have a level, pending ones included.
    pub share: Proportion,
    /// Approved of decided.
    pub approval: Proportion,
    /// Successful of executed.
    pub success: Proportion,
}

/// How an agent fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentFigures {
    pub agent: InternedName,
    /// Its recommendations, decided and pending.
    pub recommendations: u32,
    pub pending: u32,
    /// Approved of decided.
    pub approval: Proportion,
    /// Approved by the bot alone, of decided.
    pub automatic: Proportion,
    /// Successful of executed.
    pub success: Proportion,
    /// The mean of its scores; none if there are none.
    pub mean_score: Option<f64>,
    /// Its cases of each level: LOW, MEDIUM, HIGH.
    pub levels: [u32; 3],
}

/// What came of the approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Outcomes {
    /// It did what was approved.
    pub success: u32,
    pub failure: u32,
    pub unknown: u32,
    /// Not executed, because it would have been asked more by then.
    pub rescored: u32,
    /// Approved, and no attempt has ended: nothing is to be done, or it is not done yet.
    pub open: u32,
}

impl Outcomes {
    pub fn add(&mut self, case: &Case) {
        match case.execution {
            Some(Execution {
                success: Some(true),
                ..
            }) => self.success += 1,
            Some(Execution {
                success: Some(false),
                ..
            }) => self.failure += 1,
            Some(Execution { success: None, .. }) => self.unknown += 1,
            None if case.rescored_at.is_some() => self.rescored += 1,
            None if case.is_approved() => self.open += 1,
            None => {}
        }
    }
}

/// What is summed up of any set of cases.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Cases, decided and pending.
    pub cases: u32,
    pub pending: u32,
    /// Approved of decided.
    pub approval: Proportion,
    /// Approved by the bot alone, of decided.
    pub automatic: Proportion,
    /// Rejected of decided.
    pub rejection: Proportion,
    /// Successful of executed.
    pub success: Proportion,
    /// Cases of each level.
    pub levels: [u32; 3],
    hundredths: u64,
    scored: u32,
}

impl Tally {
    pub fn add(&mut self, case: &Case) {
        self.cases += 1;
        match case.standing.status() {
            None => self.pending += 1,
            Some(status) => {
                self.approval.add(status.is_approval());
                self.automatic.add(status.is_automatic());
                self.rejection.add(status == Status::Rejected);
            }
        }
        if let Some(success) = case.success() {
            self.success.add(success);
        }
        if let Some(score) = case.score {
            self.hundredths += u64::from(score.as_hundredths());
            self.scored += 1;
        }
        if let Some(count) = case
            .level
            .and_then(|level| self.levels.get_mut(place(level)))
        {
            *count += 1;
        }
    }

    /// The mean of the scores, to the hundredth.
    pub fn mean_score(&self) -> Option<f64> {
        let scored = u64::from(self.scored);
        // Below 2^53, so exact.
        #[allow(clippy::cast_precision_loss)]
        (scored > 0).then(|| ((self.hundredths + scored / 2) / scored) as f64 / 100.0)
    }
}

const fn place(level: Level) -> usize {
    match level {
        Level::Low => 0,
        Level::Medium => 1,
        Level::High => 2,
    }
}

impl Metrics {
    /// Computes all figures; `step` is the least width of a bucket of the trend.
    pub fn of(index: &Index, period: Period, step: Interval) -> Self {
        let mut sums = Sums::default();
        let decided = index.cases_about(period).iter();
        for case in decided.filter(|case| period.holds(case)) {
            sums.add(case);
        }
        let waiting = index.pending().iter();
        for case in waiting.filter(|case| case.is_recommendation()) {
            sums.add(case);
        }
        sums.figures(step)
    }
}

#[derive(Default)]
struct Sums<'a> {
    all: Tally,
    governance: u32,
    statuses: [u32; Status::ALL.len()],
    rejections: BTreeMap<RejectionCategory, u32>,
    levels: [Tally; 3],
    agents: HashMap<&'a InternedName, Tally, RandomState>,
    histogram: [u32; BARS],
    outcomes: Outcomes,
    trend: Trend,
}

impl<'a> Sums<'a> {
    fn add(&mut self, case: &'a Case) {
        if !case.is_recommendation() {
            self.governance += 1;
            return;
        }
        self.all.add(case);
        if let Some(tally) = case
            .level
            .and_then(|level| self.levels.get_mut(place(level)))
        {
            tally.add(case);
        }
        if let Some(agent) = &case.agent {
            self.agents.entry(agent).or_default().add(case);
        }
        if let Some(score) = case.score {
            let bar = score.as_hundredths() as usize * BARS / 10_000;
            if let Some(count) = self.histogram.get_mut(bar.min(BARS - 1)) {
                *count += 1;
            }
        }
        self.outcomes.add(case);
        let counts = Status::ALL.into_iter().zip(&mut self.statuses);
        for (status, count) in counts {
            *count += u32::from(case.standing.status() == Some(status));
        }
        if let Some(category) = case.category {
            *self.rejections.entry(category).or_default() += 1;
        }
        self.trend.add(case);
    }

    fn figures(self, step: Interval) -> Metrics {
        let levelled: u32 = self.levels.iter().map(|tally| tally.cases).sum();
        let levels = Level::ALL.into_iter().zip(&self.levels);
        let agents = self.agents.iter();
        let mut agents: Vec<AgentFigures> = agents
            .map(|(agent, tally)| AgentFigures::of(agent, tally))
            .collect();
        agents.sort_by(AgentFigures::busiest_first);
        let (step, trend) = self.trend.buckets(step);
        Metrics {
            total: self.all.cases,
            pending: self.all.pending,
            governance: self.governance,
            approval: self.all.approval,
            success: self.all.success,
            statuses: Status::ALL.into_iter().zip(self.statuses).collect(),
            levels: levels
                .map(|(level, tally)| LevelFigures {
                    level,
                    share: Proportion::new(tally.cases, levelled),
                    approval: tally.approval,
                    success: tally.success,
                })
                .collect(),
            histogram: self.histogram,
            agents,
            outcomes: self.outcomes,
            rejections: RejectionCategory::ALL
                .map(|category| {
                    (
                        category,
                        self.rejections.get(&category).copied().unwrap_or(0),
                    )
                })
                .to_vec(),
            step,
            trend,
        }
    }
}

impl AgentFigures {
    /// The figures of an agent, from what is summed up of it.
    pub fn of(agent: &InternedName, tally: &Tally) -> Self {
        Self {
            agent: agent.clone(),
            recommendations: tally.cases,
            pending: tally.pending,
            approval: tally.approval,
            automatic: tally.automatic,
            success: tally.success,
            mean_score: tally.mean_score(),
            levels: tally.levels,
        }
    }

    /// The order in which agents are shown.
    pub fn busiest_first(&self, other: &Self) -> Ordering {
        let key = |figures: &Self| Reverse(figures.recommendations);
        let by_name = || self.agent.cmp(&other.agent);
        key(self).cmp(&key(other)).then_with(by_name)
    }
}

/// How long the cases of a period waited for people, from the pull request to the decision.
pub fn waits(cases: &[&Case]) -> Vec<chrono::TimeDelta> {
    let by_people = cases.iter().filter(|case| case.deciders().next().is_some());
    let mut waits: Vec<chrono::TimeDelta> = by_people
        .filter_map(|case| Some(case.decided_at? - case.opened_at?))
        .collect();
    waits.sort();
    waits
}

/// The value below which this part of sorted values lies.
pub fn quantile<T: Copy>(sorted: &[T], part: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    // Lengths are far below 2^53, and the product is within them.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let place = (last as f64 * part).round() as usize;
    sorted.get(place.min(last)).copied()
}

/// The time as reports write it.
pub fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests;
