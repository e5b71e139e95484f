//! `countersign list`: every case in one line, newest first.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::options::Options;
use super::{Answer, Result, output};
use crate::bot::Pending;
use crate::domain::documents::Status;
use crate::domain::ids::{AgentName, CaseId};
use crate::domain::level::{Level, Score};
use crate::ledger::{CaseRow, Trail};

/// List decided and pending cases, newest first
///
/// In a clone, which knows no pull requests, only the decided ones.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only these: pending, auto_approved, approved, rejected, withdrawn or expired
    #[arg(long, value_name = "STATUS")]
    status: Option<StatusWord>,
    /// Only those of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// Only those of this level: LOW, MEDIUM or HIGH
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,
}

/// `pending` or how a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StatusWord(Option<Status>);

impl StatusWord {
    const fn as_str(self) -> &'static str {
        match self.0 {
            Some(status) => status.as_str(),
            None => PENDING,
        }
    }
}

impl FromStr for StatusWord {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == PENDING {
            return Ok(Self(None));
        }
        let expected = || {
            "expected pending, auto_approved, approved, rejected, withdrawn or expired".to_owned()
        };
        text.parse()
            .map(|status| Self(Some(status)))
            .map_err(|_: String| expected())
    }
}

/// The status of a case that is not decided.
pub const PENDING: &str = "pending";
/// The action of a change to the rules or to anything else on `main`.
const GOVERNANCE_CHANGE: &str = "governance_change";
/// The table fits into so many columns.
const WIDTH: usize = 100;

/// One case, decided or pending.
#[derive(Debug, Serialize)]
struct Row {
    /// Unknown while the document of a pending one cannot be read.
    id: Option<CaseId>,
    number: Option<u64>,
    agent: Option<String>,
    session: Option<String>,
    action: Option<String>,
    targets: Vec<String>,
    score: Option<Score>,
    level: Option<Level>,
    status: String,
    decided_by: Option<String>,
    decided_at: Option<DateTime<Utc>>,
    executed: bool,
    success: Option<bool>,
    /// Where a pending one stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    /// What the bot says to a pending one.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

impl List {
    /// Lists.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open()?;
        let mut rows: Vec<Row> = Vec::new();
        if repo.is_bare() && self.status.is_none_or(|status| status.0.is_none()) {
            match options.bot()?.pending() {
                Ok(pending) => rows.extend(pending.into_iter().rev().map(Row::from)),
                // Whoever may only read the repository still gets to see what is decided.
                Err(error) if self.status.is_none() => {
                    tracing::warn!("what is pending is left out: {error}");
                }
                Err(error) => return Err(error.into()),
            }
        }
        let decided = Trail::read(&repo)?.cases;
        // Between the decision and the end of its pull request a case is both; it is decided.
        let known: BTreeSet<_> = decided.iter().map(|case| (case.id, case.number)).collect();
        rows.retain(|row| row.id.is_none_or(|id| !known.contains(&(id, row.number))));
        if self.status != Some(StatusWord(None)) {
            rows.extend(decided.into_iter().rev().map(Row::from));
        }
        rows.retain(|row| self.wants(row));
        if options.is_json() {
            output::json(&rows)?;
        } else if rows.is_empty() {
            output::note(if self.is_filtered() {
                "no case matches"
            } else {
                "no case yet: agents propose with `countersign propose`, or with plain git"
            });
        } else {
            output::text(&table(&rows))?;
        }
        Ok(Answer::Done)
    }

    fn wants(&self, row: &Row) -> bool {
        self.status
            .is_none_or(|status| row.status == status.as_str())
            && self
                .agent
                .as_ref()
                .is_none_or(|agent| row.agent.as_deref() == Some(agent.as_str()))
            && self.level.is_none_or(|level| row.level == Some(level))
    }

    const fn is_filtered(&self) -> bool {
        self.status.is_some() || self.agent.is_some() || self.level.is_some()
    }
}

impl From<CaseRow> for Row {
    fn from(row: CaseRow) -> Self {
        Self {
            id: Some(row.id),
            number: row.number,
            agent: row.agent,
            session: row.session,
            action: Some(row.action),
            targets: row.targets,
            score: row.score,
            level: row.level,
            status: row.status,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            executed: row.executed,
            success: row.success,
            branch: None,
            title: None,
        }
    }
}

impl From<Pending> for Row {
    fn from(pending: Pending) -> Self {
        let document = pending.hearing.document.as_ref();
        // The branch of a proposal is named after it by custom, which is better than nothing.
        let by_branch = || {
            pending
                .pull
                .branch
                .rsplit('/')
                .next()
                .and_then(|name| name.parse().ok())
        };
        Self {
            id: pending.hearing.id.or_else(by_branch),
            number: Some(pending.pull.number.0),
            agent: document.map(|document| document.agent.to_string()),
            session: document.map(|document| document.session.to_string()),
            action: document
                .map(|document| document.action.to_string())
                .or_else(|| {
                    pending
                        .hearing
                        .is_governance
                        .then(|| GOVERNANCE_CHANGE.to_owned())
                }),
            targets: document
                .map(|document| document.targets.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            score: pending
                .hearing
                .assessment
                .as_ref()
                .map(|assessment| assessment.score),
            level: pending
                .hearing
                .assessment
                .as_ref()
                .map(|assessment| assessment.level),
            status: PENDING.to_owned(),
            decided_by: None,
            decided_at: None,
            executed: false,
            success: None,
            branch: Some(pending.pull.branch),
            title: Some(pending.hearing.report.title),
        }
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .force_no_tty();
    table.set_header(HEADER);
    let mut lines: Vec<[String; COLUMNS]> = rows.iter().map(cells).collect();
    // Only what is done may be long; it gets the room that the others leave.
    let taken = (0..COLUMNS)
        .filter(|column| *column != WHAT)
        .map(|column| width_of(&lines, column))
        .sum::<usize>();
    let room = WIDTH
        .saturating_sub(taken + COLUMNS * PADDING)
        .max(LEAST_WHAT);
    for ([.., what, _, _], row) in lines.iter_mut().zip(rows) {
        *what = describe(row, room);
    }
    table.add_rows(lines);
    if let Some(numbers) = table.column_mut(0) {
        numbers.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

const COLUMNS: usize = 7;
const HEADER: [&str; COLUMNS] = ["#", "STATUS", "RISK", "AGENT", "WHAT", "BY", "OUTCOME"];
const WHAT: usize = 4;
const PADDING: usize = 2;
const LEAST_WHAT: usize = 20;
const LEAST_ACTION: usize = 6;
const MOST_AGENT: usize = 20;
const MOST_BY: usize = 12;

fn cells(row: &Row) -> [String; COLUMNS] {
    let risk = match (row.level, row.score) {
        (Some(level), Some(score)) => format!("{level} {score}"),
        _ if row.status == PENDING => "invalid".to_owned(),
        _ => String::new(),
    };
    [
        row.number
            .map(|number| number.to_string())
            .unwrap_or_default(),
        row.status.clone(),
        risk,
        cut(row.agent.as_deref().unwrap_or_default(), MOST_AGENT),
        describe(row, usize::MAX),
        cut(row.decided_by.as_deref().unwrap_or_default(), MOST_BY),
        outcome(row).to_owned(),
    ]
}

fn width_of(lines: &[[String; COLUMNS]], column: usize) -> usize {
    let cells = lines
        .iter()
        .filter_map(|line| line.get(column))
        .map(|cell| cell.chars().count());
    cells
        .chain(HEADER.get(column).map(|head| head.len()))
        .max()
        .unwrap_or(0)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

/// `modify_parameters rsi-eurusd and 2 more`. If there is no room for all of it, the action is cut: it
/// tells one line from the next less often than the target does. What names no target is told by its
/// branch, as long as it has one.
fn describe(row: &Row, room: usize) -> String {
    let object = match (row.targets.as_slice(), &row.branch) {
        ([], None) => String::new(),
        ([], Some(branch)) => output::one_line(branch),
        ([only], _) => only.clone(),
        ([first, others @ ..], _) => format!("{first} and {} more", others.len()),
    };
    let Some(action) = &row.action else {
        return cut(&object, room);
    };
    if object.is_empty() {
        return cut(action, room);
    }
    let left = room
        .saturating_sub(object.chars().count() + 1)
        .max(LEAST_ACTION);
    cut(&format!("{} {object}", cut(action, left)), room)
}

const fn outcome(row: &Row) -> &'static str {
    match (row.success, row.executed) {
        (Some(true), _) => "success",
        (Some(false), _) => "failure",
        (None, true) => "unknown",
        (None, false) => "",
    }
}
