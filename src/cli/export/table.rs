//! The table that every format writes: the framework's `agent_governance_log`, column by column, with a few
//! columns of ours at its end.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::record::{Approved, Rated, Record};
use crate::domain::documents::{Outcome, Recommendation};
use crate::domain::ids::{ParameterName, TargetName};
use crate::domain::level::Score;
use crate::domain::value::Value;
use crate::insight::Case;

/// A table: what a sink is made for.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    /// All columns, in order.
    pub columns: &'static [Column],
    /// The names and columns of its indexes; SQLite has them beside the table, not inside of it.
    pub indexes: &'static [(&'static str, &'static str)],
}

/// The cases that agents proposed.
pub const CASES: Table = Table {
    name: "agent_governance_log",
    columns: &COLUMNS,
    indexes: &[
        ("idx_agent_name", "agent_name"),
        ("idx_session_id", "session_id"),
        ("idx_risk_level", "risk_level"),
        ("idx_approval_status", "approval_status"),
        ("idx_created_at", "created_at"),
    ],
};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Whole,
    /// A score: hundredths are exact.
    Score,
    Bool,
    Text,
    Json,
    Time,
}

#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// How the framework's schema declares it.
    pub declared: &'static str,
}

pub(super) const fn column(name: &'static str, kind: Kind, declared: &'static str) -> Column {
    Column {
        name,
        kind,
        declared,
    }
}

/// All columns, in order.
#[rustfmt::skip]
const COLUMNS: [Column; 36] = [
    column("id",                  Kind::Whole, "INTEGER PRIMARY KEY AUTOINCREMENT"),
    column("agent_name",          Kind::Text,  "TEXT NOT NULL"),
    column("session_id",          Kind::Text,  "TEXT NOT NULL"),
    column("action_type",         Kind::Text,  "TEXT NOT NULL"),
    column("action_details",      Kind::Json,  "JSON NOT NULL"),
    column("recommended_changes", Kind::Json,  "JSON"),
    column("rationale",           Kind::Text,  "TEXT"),
    column("research_citations",  Kind::Json,  "JSON"),
    column("risk_score",          Kind::Score, "INTEGER NOT NULL"),
    column("risk_level",          Kind::Text,  "TEXT NOT NULL"),
    column("risk_factors",        Kind::Json,  "JSON"),
    column("requires_approval",   Kind::Bool,  "BOOLEAN NOT NULL DEFAULT 0"),
    column("approval_status",     Kind::Text,  "TEXT"),
    column("approved_by",         Kind::Text,  "TEXT"),
    column("approval_timestamp",  Kind::Time,  "DATETIME"),
    column("rejection_reason",    Kind::Text,  "TEXT"),
    column("executed",            Kind::Bool,  "BOOLEAN DEFAULT 0"),
    column("execution_timestamp", Kind::Time,  "DATETIME"),
    column("execution_result",    Kind::Text,  "TEXT"),
    column("outcome_success",     Kind::Bool,  "BOOLEAN"),
    column("outcome_details",     Kind::Json,  "JSON"),
    column("outcome_timestamp",   Kind::Time,  "DATETIME"),
    column("user_feedback",       Kind::Text,  "TEXT"),
    column("feedback_timestamp",  Kind::Time,  "DATETIME"),
    column("created_at",          Kind::Time,  "DATETIME NOT NULL"),
    column("updated_at",          Kind::Time,  "DATETIME NOT NULL"),
    // Ours.
    column("case_id",             Kind::Text,  "TEXT NOT NULL"),
    column("pull_request",        Kind::Whole, "INTEGER"),
    column("targets",             Kind::Json,  "JSON"),
    column("risk_triggers",       Kind::Json,  "JSON"),
    column("rejection_words",     Kind::Text,  "TEXT"),
    column("confidence",          Kind::Text,  "TEXT"),
    column("executor",            Kind::Text,  "TEXT"),
    column("decision_commit",     Kind::Text,  "TEXT"),
    column("rejected_by",         Kind::Text,  "TEXT"),
    column("justification",       Kind::Text,  "TEXT"),
];

#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Whole(i64),
    /// A score, in hundredths.
    Score(u32),
    Bool(bool),
    Text(String),
    /// A JSON value, as text.
    Json(String),
    Time(DateTime<Utc>),
}

/// A row: one cell a column.
pub type Row = [Cell; COLUMNS.len()];

impl From<Option<DateTime<Utc>>> for Cell {
    fn from(at: Option<DateTime<Utc>>) -> Self {
        at.map_or(Self::Null, Self::Time)
    }
}
impl Cell {
    /// A value as JSON; of a document, which can be written as such.
    fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(text) if text != "null" => Self::Json(text),
            _ => Self::Null,
        }
    }
}

/// Of a proposal, what is neither its action nor its changes.
#[derive(Serialize)]
struct Input<'a> {
    details: &'a BTreeMap<String, Value>,
    expects: &'a BTreeMap<ParameterName, Value>,
    targets: &'a [TargetName],
}

/// What a row is made of, whether the case is decided or waits.
pub struct Parts<'a> {
    /// The row's number: decided cases keep theirs for ever, because decisions are only added.
    pub number: i64,
    pub case: &'a Case,
    pub about: &'a Recommendation,
    /// How risky that is; none while it is invalid.
    pub risk: Option<&'a Rated>,
    /// Whether people have to approve.
    pub requires_approval: bool,
    /// What is on record, if it is decided.
    pub record: Option<&'a Record>,
}

impl Parts<'_> {
    pub fn row(&self) -> Row {
        let Self {
            number,
            case,
            about,
            risk,
            requires_approval,
            record,
        } = *self;
        let [result, success, details, started, finished] = self.outcome();
        let [said, said_at] = self.feedback();
        let rejection = record.and_then(|record| record.decision.rejection.as_ref());
        let category = rejection.map(|no| no.category.to_string());
        let [targets, triggers, words, sure, executor, commit] = self.ours();
        [
            Cell::Whole(number),
            Cell::Text(about.agent.to_string()),
            Cell::Text(about.session.to_string()),
            Cell::Text(about.action.to_string()),
            Cell::json(&Input {
                details: &about.details,
                expects: &about.expects,
                targets: &about.targets,
            }),
            Cell::json(&about.changes),
            told(about.rationale.clone()),
            Cell::json(&about.citations),
            Cell::Score(risk.map_or(Score::MAX, |risk| risk.score).as_hundredths()),
            Cell::Text(
                risk.map_or("INVALID", |risk| risk.level.as_str())
                    .to_owned(),
            ),
            risk.map_or(Cell::Null, factors),
            Cell::Bool(requires_approval),
            Cell::Text(case.standing.to_string()),
            told(case.approvers().unwrap_or_default()),
            case.decided_at.into(),
            told(category.unwrap_or_default()),
            Cell::Bool(case.is_executed()),
            started,
            result,
            success,
            details,
            finished,
            said,
            said_at,
            Cell::Time(about.created_at),
            Cell::Time(self.updated_at()),
            Cell::Text(about.id.to_string()),
            case.number.map_or(Cell::Null, |number| {
                Cell::Whole(i64::try_from(number.0).unwrap_or(i64::MAX))
            }),
            targets,
            triggers,
            words,
            sure,
            executor,
            commit,
            told(case.rejected_by.as_deref().unwrap_or_default().to_owned()),
            told(record.map_or_else(String::new, |record| {
                justifications(&record.decision.approvals)
            })),
        ]
    }

    /// The last of our own columns: targets, triggers, words of a rejection, confidence, executor, commit.
    fn ours(&self) -> [Cell; 6] {
        let case = self.case;
        let rejection = self
            .record
            .and_then(|record| record.decision.rejection.as_ref());
        let words = rejection.map(|no| no.reason.clone());
        let sure: Vec<&str> = case.confidence.iter().map(|word| word.as_str()).collect();
        let executor = case.executor.as_deref().unwrap_or_default();
        let commit = case.commits.first().map(ToString::to_string);
        [
            Cell::json(&self.about.targets),
            self.risk
                .map_or(Cell::Null, |risk| Cell::json(&risk.triggers)),
            told(words.unwrap_or_default()),
            told(sure.join(", ")),
            told(executor.to_owned()),
            told(commit.unwrap_or_default()),
        ]
    }

    /// Result, success, details, start and end of the last attempt.
    fn outcome(&self) -> [Cell; 5] {
        let Some(outcome) = self.record.and_then(|record| record.outcomes.last()) else {
            let result = told(self.case.outcome().unwrap_or_default().to_owned());
            return [result, Cell::Null, Cell::Null, Cell::Null, Cell::Null];
        };
        let details = match &outcome.error {
            Some(error) if !outcome.details.contains_key("error") => {
                let mut details = outcome.details.clone();
                details.insert("error".to_owned(), Value::Text(error.clone()));
                Cell::json(&details)
            }
            _ => Cell::json(&outcome.details),
        };
        [
            Cell::Text(Outcome::word(outcome.success).to_owned()),
            outcome.success.map_or(Cell::Null, Cell::Bool),
            details,
            Cell::Time(outcome.started_at),
            Cell::Time(outcome.finished_at),
        ]
    }

    /// Everything that people said, and when they last did.
    fn feedback(&self) -> [Cell; 2] {
        let said = self.record.map_or(&[][..], |record| &record.feedback);
        let lines: Vec<String> = said
            .iter()
            .map(|feedback| format!("{}: {}", feedback.by, feedback.message))
            .collect();
        [
            told(lines.join("\n")),
            said.last().map(|feedback| feedback.at).into(),
        ]
    }

    fn updated_at(&self) -> DateTime<Utc> {
        let outcomes = self.record.into_iter().flat_map(|record| &record.outcomes);
        let feedback = self.record.into_iter().flat_map(|record| &record.feedback);
        let times = outcomes
            .map(|outcome| outcome.finished_at)
            .chain(feedback.map(|feedback| feedback.at))
            .chain(self.case.rescored_at)
            .chain(self.case.decided_at);
        times.max().unwrap_or(self.about.created_at)
    }
}

/// What each approver wrote, a line each.
pub(super) fn justifications(approvals: &[Approved]) -> String {
    let lines = approvals.iter().filter_map(|approval| {
        let words = approval.justification.as_deref()?;
        Some(format!("{}: {words}", approval.by))
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn told(text: String) -> Cell {
    if text.is_empty() {
        Cell::Null
    } else {
        Cell::Text(text)
    }
}

/// The points of each factor by its name, as the framework keeps them.
fn factors(risk: &Rated) -> Cell {
    let factors = risk.factors.iter();
    let points: BTreeMap<&str, _> = factors
        .map(|factor| (factor.name.as_str(), factor.points))
        .collect();
    Cell::json(&points)
}
