//! Cases for tests, in as few words as possible.

use chrono::{DateTime, TimeDelta, Utc};

use super::case::{Case, CaseStatus, Execution, FactorShare, Kind};
use super::index::{Added, Index};
use super::interner::InternedName;
use crate::domain::documents::{RejectionCategory, Status};
use crate::domain::ids::{CaseId, PullNumber, Sha};
use crate::domain::level::{Level, Score};

/// 2026-11-02, a Monday, at noon.
pub fn monday() -> DateTime<Utc> {
    "2026-11-02T12:00:00Z".parse().unwrap()
}

/// The id of the case of this number.
pub fn id(number: u64) -> CaseId {
    CaseId::from_parts(monday(), u128::from(number))
}

/// A case that was opened an hour before it was decided, so many days after that Monday.
pub fn case(number: u64, agent: &str, status: Status, points: u32, days: i64) -> Case {
    let at = monday() + TimeDelta::days(days);
    Case {
        number: Some(PullNumber(number)),
        agent: Some(InternedName::from(agent)),
        session: Some(InternedName::from("s-1")),
        action: Some(InternedName::from("modify_parameters")),
        targets: [InternedName::from("rsi-eurusd")].into(),
        score: Some(Score::points(points)),
        level: Some(match points {
            0..=30 => Level::Low,
            31..=70 => Level::Medium,
            _ => Level::High,
        }),
        opened_at: Some(at - TimeDelta::hours(1)),
        decided_at: Some(at),
        approved_by: match status {
            Status::Approved => [InternedName::from("alice")].into(),
            _ => Box::default(),
        },
        rejected_by: (status == Status::Rejected).then(|| InternedName::from("bob")),
        category: (status == Status::Rejected).then_some(RejectionCategory::TooRisky),
        ..Case::new(
            Some(id(number)),
            Kind::Recommendation,
            CaseStatus::Decided(status),
        )
    }
}

/// The same case, executed a minute after its decision.
pub fn executed(case: Case, success: Option<bool>) -> Case {
    let at = case.decided_at.unwrap() + TimeDelta::minutes(1);
    Case {
        execution: Some(Execution {
            success,
            at,
            attempt: 1,
        }),
        ..case
    }
}

/// The same case, with these contributions and triggers.
pub fn weighed(case: Case, factors: &[(&str, u32)], triggers: &[&str]) -> Case {
    let share = |(name, points): &(&str, u32)| FactorShare {
        name: InternedName::from(*name),
        contribution: Score::points(*points),
    };
    Case {
        factors: factors.iter().map(share).collect(),
        triggers: triggers.iter().map(|id| InternedName::from(*id)).collect(),
        ..case
    }
}

/// An index of these cases.
pub fn index(cases: Vec<Case>) -> Index {
    let mut index = Index::default();
    for (place, case) in (0u8..).zip(cases) {
        index.add(Sha::from_bytes([place; 20]), Added::Decided(Box::new(case)));
    }
    index
}
