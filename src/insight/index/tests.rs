//! What an index finds, and what it does with what cannot be.

use chrono::TimeDelta;

use super::*;
use crate::domain::documents::RejectionCategory;
use crate::domain::documents::Status::{Approved, AutoApproved, Rejected};
use crate::insight::fixtures::{case, executed, id, index, monday};
use crate::insight::{CaseStatus, Ending, Kind, Period, Place};

fn numbers(index: &Index, query: &Query) -> Vec<u64> {
    index
        .query(query)
        .filter_map(|case| Some(case.number?.0))
        .collect()
}

fn waiting(number: u64) -> Case {
    Case {
        number: Some(PullNumber(number)),
        ..Case::new(Some(id(number)), Kind::Recommendation, CaseStatus::Pending)
    }
}

#[test]
fn cases_are_found_by_everything_that_is_known_of_them() {
    let mut index = index(vec![
        executed(case(1, "tuner", AutoApproved, 10, 0), Some(true)),
        case(2, "tuner", Rejected, 45, 1),
        case(3, "scout", Approved, 75, 2),
    ]);
    index.know_pending(vec![waiting(4)]);
    let find = |query: Query| numbers(&index, &query);
    assert_eq!(find(Query::default()), [4, 3, 2, 1]);
    let of = |agent: &str| Query {
        agent: Some(agent.to_owned()),
        ..Query::default()
    };
    assert_eq!(find(of("tuner")), [2, 1]);
    assert_eq!(
        find(Query {
            standing: Some(CaseStatus::Pending),
            ..Query::default()
        }),
        [4]
    );
    assert_eq!(
        find(Query {
            ending: Some(Ending::Success),
            ..Query::default()
        }),
        [1]
    );
    assert_eq!(
        find(Query {
            ending: Some(Ending::Open),
            ..Query::default()
        }),
        [3]
    );
    assert_eq!(
        find(Query {
            decided_by: Some("ALICE".into()),
            ..Query::default()
        }),
        [3]
    );
    assert_eq!(
        find(Query {
            category: Some(RejectionCategory::TooRisky),
            ..Query::default()
        }),
        [2]
    );
    let text = |text: &str| Query {
        text: Some(text.to_owned()),
        ..Query::default()
    };
    assert_eq!(find(text("RSI tuner")), [2, 1]);
    assert_eq!(find(text("too_risky")), [2]);
    assert_eq!(find(text("#3")), [3]);
    assert_eq!(find(text(&id(1).to_string())), [1]);
    assert_eq!(find(text("nothing like it")), [0_u64; 0]);
    assert_eq!(find(text("Tuner AUTO_approved")), [1]);
    let period = Period {
        since: Some(monday()),
        until: Some(monday() + chrono::TimeDelta::days(1)),
    };
    assert_eq!(
        find(Query {
            period,
            ..Query::default()
        }),
        [4, 1]
    );
    assert_eq!(
        index.find_number(PullNumber(2)).and_then(|case| case.id),
        Some(id(2))
    );
    assert_eq!(index.find(id(4)).map(Case::is_pending), Some(true));
    assert_eq!(
        index.agents(),
        [InternedName::from("scout"), InternedName::from("tuner")]
    );
}

#[test]
fn a_word_is_looked_for_in_each_name_and_in_the_whole_id() {
    let mut index = index(vec![
        case(1, "tuner", Approved, 45, 0),
        case(12, "scout", Rejected, 45, 1),
    ]);
    let place = Place {
        branch: "Tuner/next".to_owned(),
        title: "Waits for a reviewer".to_owned(),
        open_questions: 0,
    };
    index.know_pending(vec![Case {
        place: Some(Box::new(place)),
        ..waiting(20)
    }]);
    let find = |text: &str| {
        let query = Query {
            text: Some(text.to_owned()),
            ..Query::default()
        };
        numbers(&index, &query)
    };
    // A number is one as a whole, and `2` is in none of the names.
    assert_eq!((find("12"), find("#12")), (vec![12], vec![12]));
    assert_eq!((find("2"), find("012")), (vec![], vec![]));
    assert_eq!(find("tuner"), [20, 1]);
    assert_eq!(find("REVIEWER tuner"), [20]);
    // Three letters of an id are in too many of them to mean one.
    let first = id(1).to_string();
    assert_eq!(find(&first.to_lowercase()), [1]);
    assert_eq!(find(&first[..3]), [0_u64; 0]);
    assert_eq!(find(&first[..4]).last(), Some(&1));
    // The end of one name and the beginning of the next are no word.
    let agent_and_session = case(1, "tuner", Approved, 45, 0)
        .session
        .map(|session| format!("tuner{session}"));
    assert_eq!(find(&agent_and_session.unwrap_or_default()), [0_u64; 0]);
}

#[test]
fn what_is_decided_waits_no_longer() {
    let mut index = index(vec![case(1, "tuner", Approved, 45, 0)]);
    index.know_pending(vec![waiting(1), waiting(2)]);
    assert_eq!(index.pending().len(), 1);
    let decided = case(2, "tuner", Approved, 45, 0);
    index.add(Sha::from_bytes([9; 20]), Added::Decided(Box::new(decided)));
    assert_eq!(index.pending().len(), 0);
}

#[test]
fn what_cannot_be_is_kept_as_such() {
    let mut index = index(vec![case(1, "tuner", Approved, 45, 0)]);
    let at = |byte: u8| Sha::from_bytes([byte; 20]);
    index.add(
        at(7),
        Added::Decided(Box::new(case(1, "forger", Rejected, 10, 1))),
    );
    index.add(at(8), Added::Feedback(id(99)));
    index.add(at(9), Added::Unreadable("it says nothing".to_owned()));
    assert_eq!(
        index.find(id(1)).and_then(|case| case.agent.as_deref()),
        Some("tuner")
    );
    let commits: Vec<Sha> = index
        .unreadable()
        .iter()
        .map(|found| found.commit)
        .collect();
    assert_eq!(commits, [at(7), at(8), at(9)]);
    assert!(
        index
            .unreadable()
            .iter()
            .all(|found| !found.reason.is_empty())
    );
    assert_eq!((index.tip(), index.commits()), (Some(at(9)), 4));
}

#[test]
fn a_period_has_all_its_cases_even_where_a_clock_went_back() {
    let day = |day| monday() + TimeDelta::days(day);
    let period = |since, until| Query {
        period: Period {
            since: Some(day(since)),
            until: Some(day(until)),
        },
        ..Query::default()
    };
    let decided = |days: &[i64]| {
        let numbered = (1..).zip(days);
        index(
            numbered
                .map(|(number, day)| case(number, "tuner", Approved, 45, *day))
                .collect(),
        )
    };
    let ordered = decided(&[0, 1, 1, 2, 3]);
    let asked = period(1, 3);
    assert_eq!(numbers(&ordered, &asked), [4, 3, 2]);
    assert_eq!(ordered.cases_about(asked.period).len(), 3);
    assert!(numbers(&ordered, &period(3, 1)).is_empty());
    let disordered = decided(&[0, 2, 9, 1, 3]);
    assert_eq!(numbers(&disordered, &asked), [4, 2]);
}
