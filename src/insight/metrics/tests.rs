//! Figures of a handful of cases, counted by hand.

use chrono::{NaiveDate, TimeDelta};

use super::*;
use crate::domain::documents::Status::{Approved, AutoApproved, Expired, Rejected};
use crate::insight::fixtures::{case, executed, id, index, monday};
use crate::insight::{CaseStatus, Kind};

fn sample() -> Index {
    let mut index = index(vec![
        executed(case(1, "tuner", AutoApproved, 10, 0), Some(true)),
        executed(case(2, "tuner", Approved, 45, 0), Some(false)),
        case(3, "tuner", Rejected, 75, 3),
        executed(case(4, "scout", Approved, 100, 9), Some(true)),
        executed(case(5, "scout", AutoApproved, 30, 9), None),
        case(6, "scout", Expired, 50, 9),
        Case {
            kind: Kind::Governance,
            ..case(7, "nobody", Approved, 100, 9)
        },
    ]);
    index.know_pending(vec![Case {
        decided_at: None,
        ..Case::new(Some(id(8)), Kind::Recommendation, CaseStatus::Pending)
    }]);
    index
}

#[test]
fn cards_levels_and_agents_are_counted_by_hand() {
    let metrics = Metrics::of(&sample(), Period::ALL, Interval::Day);
    assert_eq!(
        (metrics.total, metrics.pending, metrics.governance),
        (7, 1, 1)
    );
    assert_eq!(metrics.approval, Proportion::new(4, 6));
    assert_eq!(metrics.success, Proportion::new(2, 3));
    let levels: Vec<_> = metrics
        .levels
        .iter()
        .map(|l| (l.share, l.approval, l.success))
        .collect();
    assert_eq!(
        levels,
        [
            (
                Proportion::new(2, 6),
                Proportion::new(2, 2),
                Proportion::new(1, 1)
            ),
            (
                Proportion::new(2, 6),
                Proportion::new(1, 2),
                Proportion::new(0, 1)
            ),
            (
                Proportion::new(2, 6),
                Proportion::new(1, 2),
                Proportion::new(1, 1)
            ),
        ]
    );
    let agents: Vec<_> = metrics
        .agents
        .iter()
        .map(|a| {
            (
                a.agent.as_str(),
                a.recommendations,
                a.approval,
                a.success,
                a.mean_score,
            )
        })
        .collect();
    assert_eq!(
        agents,
        [
            (
                "scout",
                3,
                Proportion::new(2, 3),
                Proportion::new(1, 1),
                Some(60.0)
            ),
            (
                "tuner",
                3,
                Proportion::new(2, 3),
                Proportion::new(1, 2),
                Some(43.33)
            ),
        ]
    );
    assert_eq!(
        metrics.outcomes,
        Outcomes {
            success: 2,
            failure: 1,
            unknown: 1,
            rescored: 0,
            open: 0
        }
    );
    assert_eq!(
        metrics.rejections.first(),
        Some(&(RejectionCategory::TooRisky, 1))
    );
    assert!(metrics.statuses.contains(&(Rejected, 1)));
    let bars: Vec<(usize, u32)> = metrics
        .histogram
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(bars, [(2, 1), (6, 1), (9, 1), (10, 1), (15, 1), (19, 1)]);
}

#[test]
fn a_trend_has_no_gaps_and_weeks_begin_on_monday() {
    let index = sample();
    let days = Metrics::of(&index, Period::ALL, Interval::Day).trend;
    assert_eq!(days.len(), 10);
    assert_eq!(
        days.iter().map(|day| day.approval.of).collect::<Vec<_>>(),
        [2, 0, 0, 1, 0, 0, 0, 0, 0, 3]
    );
    let weeks = Metrics::of(&index, Period::ALL, Interval::Week).trend;
    let date = |day| NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
    assert_eq!(
        weeks
            .iter()
            .map(|week| (week.start, week.levels))
            .collect::<Vec<_>>(),
        [(date(2), [1, 1, 1]), (date(9), [1, 1, 1])]
    );
}

#[test]
fn a_period_is_half_open_and_leaves_the_present_alone() {
    let period = Period {
        since: Some(monday()),
        until: Some(monday() + TimeDelta::days(9)),
    };
    let metrics = Metrics::of(&sample(), period, Interval::Day);
    assert_eq!((metrics.total, metrics.pending), (4, 1));
}

#[test]
fn a_clock_gone_wrong_does_not_make_a_million_buckets() {
    let index = index(vec![
        case(1, "a", Approved, 10, 0),
        case(2, "a", Approved, 10, 200_000),
    ]);
    let metrics = Metrics::of(&index, Period::ALL, Interval::Day);
    assert_eq!(metrics.step, Interval::Year);
    assert_eq!(metrics.trend.len(), 2);
}

#[test]
fn quantiles_are_members() {
    assert_eq!(quantile(&[1, 2, 3, 4, 100], 0.5), Some(3));
    assert_eq!(quantile(&[1, 2, 3, 4, 100], 0.9), Some(100));
    assert_eq!(quantile::<u8>(&[], 0.5), None);
}
