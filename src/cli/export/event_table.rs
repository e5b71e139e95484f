//! The second table: governance changes, decided and pending, and freezes with their ends. They are no agent's, so they
//! have no place in the framework's table.

use chrono::{DateTime, Utc};

use super::case_table::Decided;
use super::table::{Cell, Column, Kind, Table, column};
use crate::cli::Result;
use crate::domain::documents::{CountedApproval, Decision, Freeze, Rejection};
use crate::domain::ids::Sha;
use crate::domain::yaml;
use crate::git::Repository;
use crate::insight::{Case, Index};
use crate::ledger::Entry;

/// What is exported of them.
pub const EVENTS: Table<EventRow> = Table {
    name: "governance_events",
    columns: COLUMNS,
    indexes: &[],
};

/// What happened; its place among the others is its number.
pub struct EventRow {
    number: i64,
    summary: String,
    event: Event,
}

enum Event {
    /// With its decision, if it is decided.
    Change(Box<Case>, Option<Box<Decided>>),
    Freeze {
        at: DateTime<Utc>,
        by: String,
        /// None for its end.
        reason: Option<String>,
    },
}

#[rustfmt::skip]
const COLUMNS: &[Column<EventRow>] = &[
    column("id",               Kind::Whole, "INTEGER PRIMARY KEY AUTOINCREMENT", |row| Cell::Whole(row.number)),
    column("event",            Kind::Text,  "TEXT NOT NULL",                     |row| Cell::text(row.event.name())),
    column("happened_at",      Kind::Time,  "DATETIME",                          |row| row.event.time().into()),
    column("summary",          Kind::Text,  "TEXT",                              |row| Cell::text(&row.summary)),
    column("case_id",          Kind::Text,  "TEXT",                              |row| row.case().and_then(|case| case.id).map_or(Cell::Null, Cell::text)),
    column("pull_request",     Kind::Whole, "INTEGER",                           |row| row.case().and_then(|case| case.number).into()),
    column("approval_status",  Kind::Text,  "TEXT",                              |row| row.of_case(|case| Cell::text(case.standing))),
    column("risk_score",       Kind::Score, "INTEGER",                           |row| row.case().and_then(|case| case.score).into()),
    column("risk_level",       Kind::Text,  "TEXT",                              |row| row.case().and_then(|case| case.level).map_or(Cell::Null, Cell::text)),
    column("approved_by",      Kind::Text,  "TEXT",                              |row| row.of_case(|case| Cell::text(case.approvers().unwrap_or_default()))),
    column("rejected_by",      Kind::Text,  "TEXT",                              |row| row.of_case(|case| Cell::text(case.rejected_by.as_deref().unwrap_or_default()))),
    column("rejection_reason", Kind::Text,  "TEXT",                              |row| row.rejection().map_or(Cell::Null, |no| Cell::text(no.category))),
    column("rejection_words",  Kind::Text,  "TEXT",                              |row| row.rejection().map_or(Cell::Null, |no| Cell::text(&no.reason))),
    column("justification",    Kind::Text,  "TEXT",                              |row| Cell::justifications(row.approvals())),
    column("confidence",       Kind::Text,  "TEXT",                              |row| row.of_case(|case| Cell::text(case.confidence_in_words()))),
    column("acted_by",         Kind::Text,  "TEXT",                              |row| row.event.acted_by()),
    column("reason",           Kind::Text,  "TEXT",                              |row| row.event.reason()),
];

impl EventRow {
    fn case(&self) -> Option<&Case> {
        match &self.event {
            Event::Change(case, _) => Some(case),
            Event::Freeze { .. } => None,
        }
    }

    fn of_case(&self, cell: impl Fn(&Case) -> Cell) -> Cell {
        self.case().map_or(Cell::Null, cell)
    }

    fn decision(&self) -> Option<&Decided> {
        match &self.event {
            Event::Change(_, decision) => decision.as_deref(),
            Event::Freeze { .. } => None,
        }
    }

    fn rejection(&self) -> Option<&Rejection> {
        self.decision()?.rejection.as_ref()
    }

    fn approvals(&self) -> &[CountedApproval] {
        self.decision()
            .map_or(&[], |decision| decision.approvals.as_slice())
    }
}

impl Event {
    const fn name(&self) -> &'static str {
        match self {
            Self::Change(..) => "governance",
            Self::Freeze {
                reason: Some(_), ..
            } => "freeze",
            Self::Freeze { reason: None, .. } => "unfreeze",
        }
    }

    fn time(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Change(case, _) => case.time(),
            Self::Freeze { at, .. } => Some(*at),
        }
    }

    fn acted_by(&self) -> Cell {
        match self {
            Self::Change(..) => Cell::Null,
            Self::Freeze { by, .. } => Cell::text(by),
        }
    }

    fn reason(&self) -> Cell {
        match self {
            Self::Freeze {
                reason: Some(reason),
                ..
            } => Cell::text(reason),
            Self::Change(..) | Self::Freeze { .. } => Cell::Null,
        }
    }
}

/// A row, or why it is left out.
type Read = std::result::Result<EventRow, String>;

/// All of them: governance changes and freezes in the order in which they happened, so that a row keeps its number,
/// then what waits.
pub fn read(repo: &Repository, root: Sha, index: &Index) -> Result<Vec<Read>> {
    let mut rows = Vec::new();
    let changes = index
        .cases()
        .iter()
        .filter(|case| !case.is_recommendation());
    for case in changes {
        let Some(id) = case.id else { continue };
        let path = Decision::governance_path_of(id);
        let bytes = repo.read_path(root, &path)?.unwrap_or_default();
        match yaml::read::<Decided>(&path, &bytes) {
            Ok(decision) => rows.push(Ok(EventRow {
                number: 0,
                summary: summary(repo, case)?,
                event: Event::Change(Box::new(case.clone()), Some(Box::new(decision))),
            })),
            Err(problems) => rows.push(Err(format!("`{id}` is left out: {problems}"))),
        }
    }
    for commit in index.freezes() {
        rows.push(frozen(repo, *commit)?);
    }
    rows.sort_by_key(|row: &Read| row.as_ref().ok().and_then(|row| row.event.time()));
    let pending = index.pending().iter();
    for case in pending.filter(|case| !case.is_recommendation()) {
        let title = case.place.as_ref().map(|place| place.title.to_string());
        rows.push(Ok(EventRow {
            number: 0,
            summary: title.unwrap_or_default(),
            event: Event::Change(Box::new(case.clone()), None),
        }));
    }
    for (number, row) in (1..).zip(rows.iter_mut().flatten()) {
        row.number = number;
    }
    Ok(rows)
}

/// The subject of the commit that tells of it.
fn summary(repo: &Repository, case: &Case) -> Result<String> {
    let Some(commit) = case.commits.first() else {
        return Ok(String::new());
    };
    Ok(subject(&repo.read_commit(*commit)?.message))
}

fn subject(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// A freeze, or its end: whichever the tree of its commit shows.
fn frozen(repo: &Repository, id: Sha) -> Result<Read> {
    let commit = repo.read_commit(id)?;
    let entry = Entry::of(&commit);
    let reason = match repo.read_path(commit.tree, Freeze::PATH)? {
        None => None,
        Some(bytes) => match yaml::read::<Freeze>(Freeze::PATH, &bytes) {
            Ok(freeze) => Some(freeze.reason),
            Err(problems) => return Ok(Err(format!("`{id}` is left out: {problems}"))),
        },
    };
    Ok(Ok(EventRow {
        number: 0,
        summary: subject(&commit.message),
        event: Event::Freeze {
            at: entry.at,
            by: entry.trailers.find("By").unwrap_or_default().to_owned(),
            reason,
        },
    }))
}
