//! Tables, the same for every format: of each column its name, what it holds, and how a row gets it.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::documents::CountedApproval;
use crate::domain::ids::PullNumber;
use crate::domain::level::Score;

/// What a sink is made for, with rows of one type.
pub struct Table<R: 'static> {
    pub name: &'static str,
    pub columns: &'static [Column<R>],
    /// The names and columns of its indexes; SQLite has them beside the table, not inside of it.
    pub indexes: &'static [(&'static str, &'static str)],
}

pub struct Column<R> {
    pub name: &'static str,
    pub kind: Kind,
    /// How SQLite declares it.
    pub declared: &'static str,
    cell: fn(&R) -> Cell,
}

pub(super) const fn column<R>(
    name: &'static str,
    kind: Kind,
    declared: &'static str,
    cell: fn(&R) -> Cell,
) -> Column<R> {
    Column {
        name,
        kind,
        declared,
        cell,
    }
}

impl<R> Table<R> {
    /// One cell a column.
    pub fn cells(&self, row: &R) -> Vec<Cell> {
        let cells = self.columns.iter().map(|column| (column.cell)(row));
        cells.collect()
    }
}

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

impl Cell {
    /// A text; nothing if it is empty.
    pub fn text(text: impl Display) -> Self {
        let text = text.to_string();
        if text.is_empty() {
            Self::Null
        } else {
            Self::Text(text)
        }
    }

    /// A value as JSON; of a document, which can be written as such.
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(text) if text != "null" => Self::Json(text),
            _ => Self::Null,
        }
    }

    /// What each approver wrote, a line each.
    pub fn justifications(approvals: &[CountedApproval]) -> Self {
        let lines = approvals.iter().filter_map(|approval| {
            let words = approval.justification.as_deref()?;
            Some(format!("{}: {words}", approval.by))
        });
        Self::text(lines.collect::<Vec<_>>().join("\n"))
    }
}

impl From<DateTime<Utc>> for Cell {
    fn from(at: DateTime<Utc>) -> Self {
        Self::Time(at)
    }
}
impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<Score> for Cell {
    fn from(score: Score) -> Self {
        Self::Score(score.as_hundredths())
    }
}
impl From<PullNumber> for Cell {
    fn from(number: PullNumber) -> Self {
        Self::Whole(i64::try_from(number.0).unwrap_or(i64::MAX))
    }
}
impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
