//! `/cases`: every case, searched and filtered; what is asked for stays in the address.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::case_store::Reader;
use super::page_context::{Frame, PageContext};
use super::pages::page;
use super::period::{self, Asked};
use super::row::Row;
use super::text::{counted, status_word, thousands};
use crate::domain::documents::Status;
use crate::domain::level::Level;
use crate::domain::problem::Reading;
use crate::insight::{self, Case, CaseStatus};

/// So many are on a page.
const PAGE: usize = 50;
/// So many names are suggested.
const MOST_SUGGESTED: usize = 200;

/// What an address asks for, as it is written there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Filters {
    q: String,
    agent: String,
    action: String,
    target: String,
    level: String,
    status: String,
    outcome: String,
    session: String,
    by: String,
    category: String,
    trigger: String,
    period: String,
    since: String,
    until: String,
    page: String,
}

/// A filter that has no field of its own and came with a link.
#[derive(Debug)]
struct Extra {
    key: &'static str,
    name: &'static str,
    value: String,
    /// The address without it.
    without: String,
}

/// A choice of a list.
#[derive(Debug)]
struct Choice {
    value: &'static str,
    text: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "dashboard/cases.html")]
struct CasesPage {
    frame: Frame,
    filters: Filters,
    is_filtered: bool,
    levels: Vec<Choice>,
    statuses: Vec<Choice>,
    outcomes: Vec<Choice>,
    extras: Vec<Extra>,
    agents: Vec<String>,
    actions: Vec<String>,
    problems: Vec<String>,
    rows: Vec<Row>,
    found: String,
    from: String,
    to: String,
    before: Option<String>,
    after: Option<String>,
}

fn given(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What a word stands for; what is no such word is a problem that the page shows.
fn read<T: std::str::FromStr>(text: &str, name: &str, problems: &mut Vec<String>) -> Option<T> {
    let text = given(text)?;
    match text.parse() {
        Ok(value) => Some(value),
        Err(_) => {
            problems.push(format!("{text} is no {name}, so that is left out."));
            None
        }
    }
}

impl Filters {
    fn query(&self, now: DateTime<Utc>, problems: &mut Vec<String>) -> insight::Query {
        let named = Asked {
            name: self.period.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
        };
        let typed = [(&self.since, "first"), (&self.until, "last")];
        for (text, which) in typed {
            if !text.is_empty() && period::between(text, text) == insight::Period::ALL {
                problems.push(format!("{text} is no day, so the {which} day is left out."));
            }
        }
        insight::Query {
            kind: None,
            standing: read(&self.status, "status", problems),
            agent: given(&self.agent),
            session: given(&self.session),
            action: given(&self.action),
            target: given(&self.target),
            level: read(&self.level, "level", problems),
            decided_by: given(&self.by),
            category: read(&self.category, "category of rejections", problems),
            trigger: given(&self.trigger),
            ending: read(&self.outcome, "outcome", problems),
            period: named.period(now),
            text: given(&self.q),
        }
    }

    fn pairs(&self) -> [(&'static str, &str); 14] {
        [
            ("q", &self.q),
            ("agent", &self.agent),
            ("action", &self.action),
            ("target", &self.target),
            ("level", &self.level),
            ("status", &self.status),
            ("outcome", &self.outcome),
            ("session", &self.session),
            ("by", &self.by),
            ("category", &self.category),
            ("trigger", &self.trigger),
            ("period", &self.period),
            ("since", &self.since),
            ("until", &self.until),
        ]
    }

    /// The address of a page of the same cases, without one of the filters.
    fn address(&self, base: &str, page: usize, without: &str) -> String {
        let mut address = format!("{base}/cases");
        let mut separator = '?';
        for (key, value) in self.pairs() {
            if !value.is_empty() && key != without {
                address.push_str(&format!("{separator}{key}={}", encoded(value)));
                separator = '&';
            }
        }
        if page > 1 {
            address.push_str(&format!("{separator}page={page}"));
        }
        address
    }

    fn extras(&self, base: &str) -> Vec<Extra> {
        let named = [
            ("session", "Session", &self.session),
            ("by", "Decided by", &self.by),
            ("category", "Rejected for", &self.category),
            ("trigger", "Trigger", &self.trigger),
            ("period", "Last", &self.period),
        ];
        let set = named.into_iter().filter(|(_, _, value)| !value.is_empty());
        set.map(|(key, name, value)| Extra {
            key,
            name,
            value: value.clone(),
            without: self.address(base, 1, key),
        })
        .collect()
    }
}

/// A text as part of an address.
pub fn encoded(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    let mut query = String::with_capacity(text.len());
    for byte in text.as_bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
                query.push(char::from(*byte))
            }
            _ => query.push_str(&format!("%{byte:02X}")),
        }
    }
    query
}

fn choices<const N: usize>(all: [(&'static str, &'static str); N], chosen: &str) -> Vec<Choice> {
    let choice = |(value, text): (&'static str, &'static str)| Choice {
        value,
        text,
        is_chosen: value.eq_ignore_ascii_case(chosen.trim()),
    };
    all.into_iter().map(choice).collect()
}

fn statuses(chosen: &str) -> Vec<Choice> {
    let all = Status::ALL.map(|status| (status.as_str(), status_word(status)));
    let mut list = choices([(CaseStatus::Pending.as_str(), "pending")], chosen);
    list.extend(choices(all, chosen));
    list
}

/// Shows what is asked for.
pub async fn show(context: PageContext, Query(filters): Query<Filters>) -> Response {
    context
        .show("cases", move |reader, frame| {
            page(StatusCode::OK, &make(reader, frame, filters, Utc::now()))
        })
        .await
}

fn make(reader: &mut Reader<'_>, frame: Frame, filters: Filters, now: DateTime<Utc>) -> CasesPage {
    let mut problems = Vec::new();
    let query = filters.query(now, &mut problems);
    let index = reader.snapshot.index();
    let found: Vec<&Case> = index.query(&query).collect();
    let total = found.len();
    let last = total.div_ceil(PAGE).max(1);
    let number = filters.page.parse::<usize>().unwrap_or(1).clamp(1, last);
    let first = (number - 1) * PAGE;
    let shown = found.into_iter().skip(first).take(PAGE);
    let rows: Vec<Row> = shown.map(|case| Row::of(&frame.base, case)).collect();
    let (agents, actions) = suggestions(reader);
    CasesPage {
        is_filtered: query.is_filtered(),
        levels: choices(
            Level::ALL.map(|level| (level.as_str(), level.as_str())),
            &filters.level,
        ),
        statuses: statuses(&filters.status),
        outcomes: choices(
            [
                ("success", "success"),
                ("failure", "failure"),
                ("unknown", "unknown"),
                ("rescored", "scored again"),
                ("open", "not carried out"),
            ],
            &filters.outcome,
        ),
        extras: filters.extras(&frame.base),
        agents,
        actions,
        problems,
        found: counted(total as i64, "case"),
        from: thousands(if total == 0 { 0 } else { first as u64 + 1 }),
        to: thousands((first + rows.len()) as u64),
        rows,
        before: (number > 1).then(|| filters.address(&frame.base, number - 1, "")),
        after: (number < last).then(|| filters.address(&frame.base, number + 1, "")),
        filters,
        frame,
    }
}

/// Names to choose from: those that the rules know at this moment.
fn suggestions(reader: &mut Reader<'_>) -> (Vec<String>, Vec<String>) {
    match reader.rules() {
        Ok(Reading::Valid(version)) => {
            let agents = version.rules.agents.keys().take(MOST_SUGGESTED);
            let actions = version.rules.actions.keys().take(MOST_SUGGESTED);
            (
                agents.map(ToString::to_string).collect(),
                actions.map(ToString::to_string).collect(),
            )
        }
        // Without readable rules the fields take any name all the same.
        _ => (Vec::new(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_in_the_address() {
        let filters = Filters {
            q: "a&b c".to_owned(),
            level: "HIGH".to_owned(),
            by: "carol".to_owned(),
            ..Filters::default()
        };
        assert_eq!(
            filters.address("/r/x", 3, ""),
            "/r/x/cases?q=a%26b%20c&level=HIGH&by=carol&page=3"
        );
        assert_eq!(
            filters.extras("")[0].without,
            "/cases?q=a%26b%20c&level=HIGH"
        );
        assert_eq!(Filters::default().address("", 1, ""), "/cases");
    }

    #[test]
    fn what_cannot_be_read_is_said_and_left_out() {
        let filters = Filters {
            level: "ENORMOUS".to_owned(),
            since: "yesterday".to_owned(),
            status: "auto_approved".to_owned(),
            ..Filters::default()
        };
        let mut problems = Vec::new();
        let query = filters.query(Utc::now(), &mut problems);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(
            query.standing,
            Some(CaseStatus::Decided(Status::AutoApproved))
        );
        assert_eq!((query.level, query.period), (None, insight::Period::ALL));
    }
}
