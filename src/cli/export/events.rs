//! The second table: governance changes, decided and pending, and freezes with their ends. They are no agent's, so they
//! have no place in the framework's table.

use serde::Deserialize;

use super::record::{Approved, Refused};
use super::table::{Cell, Column, Kind, Table, column, justifications, told};
use crate::cli::Result;
use crate::domain::documents::{Decision, DecisionSchema, Freeze};
use crate::domain::ids::Sha;
use crate::domain::yaml;
use crate::git::Repository;
use crate::insight::{Case, Index};
use crate::ledger::Entry;

/// What is exported of them.
pub const EVENTS: Table = Table {
    name: "governance_events",
    columns: &COLUMNS,
    indexes: &[],
};

#[rustfmt::skip]
const COLUMNS: [Column; 17] = [
    column("id",               Kind::Whole, "INTEGER PRIMARY KEY AUTOINCREMENT"),
    column("event",            Kind::Text,  "TEXT NOT NULL"),
    column("happened_at",      Kind::Time,  "DATETIME"),
    column("summary",          Kind::Text,  "TEXT"),
    column("case_id",          Kind::Text,  "TEXT"),
    column("pull_request",     Kind::Whole, "INTEGER"),
    column("approval_status",  Kind::Text,  "TEXT"),
    column("risk_score",       Kind::Score, "INTEGER"),
    column("risk_level",       Kind::Text,  "TEXT"),
    column("approved_by",      Kind::Text,  "TEXT"),
    column("rejected_by",      Kind::Text,  "TEXT"),
    column("rejection_reason", Kind::Text,  "TEXT"),
    column("rejection_words",  Kind::Text,  "TEXT"),
    column("justification",    Kind::Text,  "TEXT"),
    column("confidence",       Kind::Text,  "TEXT"),
    column("acted_by",         Kind::Text,  "TEXT"),
    column("reason",           Kind::Text,  "TEXT"),
];

/// A row: one cell a column.
type Row = [Cell; COLUMNS.len()];

/// A row, or why it is left out.
type Read = std::result::Result<Row, String>;

/// Of a `decision.yaml`.
#[derive(Deserialize)]
struct Decided {
    #[serde(rename = "schema")]
    _schema: DecisionSchema,
    #[serde(default)]
    approvals: Vec<Approved>,
    rejection: Option<Refused>,
}

/// All of them: governance changes in the order of decision, then freezes, then what waits.
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
            Ok(decided) => rows.push(Ok(changed(case, Some(&decided), summary(repo, case)?))),
            Err(problems) => rows.push(Err(format!("`{id}` is left out: {problems}"))),
        }
    }
    for commit in index.freezes() {
        rows.push(frozen(repo, *commit)?);
    }
    let pending = index.pending().iter();
    for case in pending.filter(|case| !case.is_recommendation()) {
        let title = case.place.as_ref().map(|place| place.title.to_string());
        rows.push(Ok(changed(case, None, title.unwrap_or_default())));
    }
    for (number, row) in (1..).zip(rows.iter_mut().flatten()) {
        if let Some(first) = row.first_mut() {
            *first = Cell::Whole(number);
        }
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

fn changed(case: &Case, decided: Option<&Decided>, summary: String) -> Row {
    let rejection = decided.and_then(|decided| decided.rejection.as_ref());
    let sure: Vec<&str> = case.confidence.iter().map(|word| word.as_str()).collect();
    let level = case.level.map_or("", |level| level.as_str());
    let number = case
        .number
        .map(|number| i64::try_from(number.0).unwrap_or(i64::MAX));
    [
        Cell::Null,
        Cell::Text("governance".to_owned()),
        case.time().into(),
        told(summary),
        told(case.id.map_or_else(String::new, |id| id.to_string())),
        number.map_or(Cell::Null, Cell::Whole),
        Cell::Text(case.standing.to_string()),
        case.score
            .map_or(Cell::Null, |score| Cell::Score(score.as_hundredths())),
        told(level.to_owned()),
        told(case.approvers().unwrap_or_default()),
        told(case.rejected_by.as_deref().unwrap_or_default().to_owned()),
        told(rejection.map_or_else(String::new, |no| no.category.to_string())),
        told(rejection.map_or_else(String::new, |no| no.reason.clone())),
        told(decided.map_or_else(String::new, |decided| justifications(&decided.approvals))),
        told(sure.join(", ")),
        Cell::Null,
        Cell::Null,
    ]
}

/// A freeze, or its end: whichever the tree of its commit shows.
fn frozen(repo: &Repository, id: Sha) -> Result<Read> {
    let commit = repo.read_commit(id)?;
    let entry = Entry::of(&commit);
    let freeze = match repo.read_path(commit.tree, Freeze::PATH)? {
        None => None,
        Some(bytes) => match yaml::read::<Freeze>(Freeze::PATH, &bytes) {
            Ok(freeze) => Some(freeze),
            Err(problems) => return Ok(Err(format!("`{id}` is left out: {problems}"))),
        },
    };
    let event = if freeze.is_some() {
        "freeze"
    } else {
        "unfreeze"
    };
    let by = entry.trailers.find("By").unwrap_or_default().to_owned();
    let mut row: Row = [const { Cell::Null }; COLUMNS.len()];
    for (place, cell) in [
        (1, Cell::Text(event.to_owned())),
        (2, Cell::Time(entry.at)),
        (3, told(subject(&commit.message))),
        (15, told(by)),
        (
            16,
            told(freeze.map_or_else(String::new, |freeze| freeze.reason)),
        ),
    ] {
        if let Some(there) = row.get_mut(place) {
            *there = cell;
        }
    }
    Ok(Ok(row))
}
