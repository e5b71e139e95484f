//! `countersign list`: every case in one line, newest first.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::cases::{self, Wanted};
use super::options::Options;
use super::{CommandOutcome, Result, output};
use crate::domain::ids::{AgentName, PullNumber};
use crate::domain::level::Level;
use crate::insight::{Case, CaseStatus, Query, Unseen};

/// List decided and pending cases, newest first
///
/// In a clone, which knows no pull requests, only the decided ones.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only these: pending, auto_approved, granted, approved, rejected, refused, withdrawn or expired
    #[arg(long, value_name = "STATUS")]
    status: Option<CaseStatus>,
    /// Only those of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// Only those of this level: LOW, MEDIUM or HIGH
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,
    /// Only those that mention each of these words: in id, number, names, targets, people or triggers
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

/// The table fits into so many columns.
const WIDTH: usize = 100;

impl List {
    /// Lists.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open_whole()?;
        let wanted = match self.status {
            None => Wanted::All,
            Some(CaseStatus::Pending) => Wanted::Pending,
            Some(CaseStatus::Decided(_)) => Wanted::Decided,
        };
        let index = cases::read(options, &repo, wanted)?;
        if let (Wanted::All | Wanted::Pending, Some(Unseen::InClone)) = (wanted, index.unseen()) {
            output::note(&Unseen::InClone.to_string());
        }
        let query = self.query();
        let found: Vec<&Case> = index.query(&query).collect();
        if options.is_json() {
            output::json(&found)?;
        } else if found.is_empty() {
            output::note(if query.is_filtered() {
                "no case matches"
            } else {
                "no case yet: agents propose with `countersign propose`, or with plain git"
            });
        } else {
            output::text(&table(&found))?;
        }
        Ok(CommandOutcome::Done)
    }

    fn query(&self) -> Query {
        Query {
            standing: self.status,
            agent: self.agent.as_ref().map(ToString::to_string),
            level: self.level,
            text: self.search.clone(),
            ..Query::default()
        }
    }
}

fn table(rows: &[&Case]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .force_no_tty();
    let mut lines: Vec<[String; COLUMNS]> = rows.iter().map(|case| cells(case)).collect();
    // Who approved and who rejected take room only where somebody did.
    let is_empty = |column: usize| {
        let mut cells = lines.iter().filter_map(|line| line.get(column));
        cells.all(String::is_empty)
    };
    let columns: Vec<usize> = (0..COLUMNS)
        .filter(|column| !(MAY_BE_EMPTY.contains(column) && is_empty(*column)))
        .collect();
    // Only what is done may be long; it gets the room that the others leave.
    let taken = columns
        .iter()
        .filter(|column| **column != WHAT)
        .map(|column| width_of(&lines, *column))
        .sum::<usize>();
    let room = WIDTH
        .saturating_sub(taken + columns.len() * PADDING)
        .max(LEAST_WHAT);
    for ([.., what, _, _, _], row) in lines.iter_mut().zip(rows) {
        *what = describe(row, room);
    }
    let of_columns = |line: &[String; COLUMNS]| -> Vec<String> {
        columns
            .iter()
            .filter_map(|column| line.get(*column).cloned())
            .collect()
    };
    table.set_header(of_columns(&HEADER.map(str::to_owned)));
    table.add_rows(lines.iter().map(of_columns));
    if let Some(numbers) = table.column_mut(0) {
        numbers.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

const COLUMNS: usize = 8;
const HEADER: [&str; COLUMNS] = [
    "#", "STATUS", "RISK", "AGENT", "WHAT", "APPROVED", "REJECTED", "OUTCOME",
];
const WHAT: usize = 4;
/// APPROVED and REJECTED.
const MAY_BE_EMPTY: [usize; 2] = [5, 6];
const PADDING: usize = 2;
const LEAST_WHAT: usize = 20;
const LEAST_ACTION: usize = 6;
const MOST_AGENT: usize = 20;
const MOST_BY: usize = 12;

fn cells(row: &Case) -> [String; COLUMNS] {
    let risk = match (row.level, row.score) {
        (Some(level), Some(score)) => format!("{level} {score}"),
        _ if row.is_pending() => "invalid".to_owned(),
        _ => String::new(),
    };
    [
        row.number
            .map(|PullNumber(number)| number.to_string())
            .unwrap_or_default(),
        standing(row),
        risk,
        cut(row.agent.as_deref().unwrap_or_default(), MOST_AGENT),
        describe(row, usize::MAX),
        cut(&row.approvers().unwrap_or_default(), MOST_BY),
        cut(row.rejected_by.as_deref().unwrap_or_default(), MOST_BY),
        row.outcome().unwrap_or_default().to_owned(),
    ]
}

/// `pending, asked` while a question to its agent has no answer.
fn standing(row: &Case) -> String {
    match row.open_questions() {
        0 => row.standing.to_string(),
        _ => format!("{}, asked", row.standing),
    }
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
fn describe(row: &Case, room: usize) -> String {
    let object = match (&*row.targets, &row.place) {
        ([], None) => String::new(),
        ([], Some(place)) => output::one_line(&place.branch),
        ([only], _) => only.to_string(),
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
