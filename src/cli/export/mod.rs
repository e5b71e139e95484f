//! `countersign export`: the whole trail as a table, for tools that know nothing of git.

mod case_table;
mod csv;
mod event_table;
mod file;
mod jsonl;
mod parquet;
mod sqlite;
mod table;

use std::path::PathBuf;

use self::case_table::{CASES, CaseRow, Record};
use self::event_table::EVENTS;
use self::file::Beside;
use self::table::{Cell, Table};
use super::cases;
use super::options::Options;
use super::output::{self, Format};
use super::{CommandOutcome, Result, failure};
use crate::bot::Pending;
use crate::domain::documents::Role;
use crate::domain::ids::CaseId;
use crate::git::Repository;
use crate::insight::{Case, Index};
use crate::ledger::{CaseFolder, LedgerError, case_folders};

/// Write all recommendations, decided and pending, into a file: --format sqlite, csv, jsonl or parquet
///
/// The table is `agent_governance_log` with the framework's columns; in SQLite its indexes too. Governance changes
/// and freezes are a table of their own, `governance_events`: in SQLite in the same file, else in a second one beside
/// it, such as `trail.events.csv`. Each file is there whole or not at all. Cases whose documents cannot be read are
/// left out, said on standard error, and make the exit status 3.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The file; an older one is replaced once the new one is whole
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// Something that takes rows.
trait Sink {
    /// Takes one.
    fn row(&mut self, row: &[Cell]) -> Result<()>;
    /// Writes what is left.
    fn finish(self: Box<Self>) -> Result<()>;
}

impl Export {
    /// Exports.
    ///
    /// # Errors
    /// When the repository cannot be read or the file cannot be written.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open_whole()?.for_bulk()?;
        let (index, waiting) = cases::read_with_pending(options, &repo)?;
        let beside = Beside::of(&self.output)?;
        let mut exported = Exported {
            sink: sink(options.format, &beside, &CASES)?,
            rows: 0,
            left_out: 0,
        };
        exported.put_decided(&repo, &index)?;
        exported.put_pending(&index, &waiting)?;
        exported.sink.finish()?;
        // Only a database holds two tables.
        let events_path = self.output_of_events(options.format);
        let events_beside = events_path.as_deref().map(Beside::of).transpose()?;
        let place_of_events = events_beside.as_ref().unwrap_or(&beside);
        exported.sink = sink(options.format, place_of_events, &EVENTS)?;
        let rows = std::mem::take(&mut exported.rows);
        exported.put_events(&repo, &index)?;
        exported.sink.finish()?;
        if let Some(events_beside) = events_beside {
            events_beside.place()?;
        }
        beside.place()?;
        output::note(&format!("{rows} rows in `{}`", self.output.display()));
        output::note(&format!(
            "governance changes and freezes: {} rows in `{}`",
            exported.rows,
            events_path.as_ref().unwrap_or(&self.output).display()
        ));
        if let Some(unseen) = index.unseen() {
            output::note(&format!("left out: {unseen}"));
        }
        if exported.left_out > 0 {
            output::warning(&format!(
                "cases left out, because they cannot be read: {}",
                exported.left_out
            ));
            return Ok(CommandOutcome::No);
        }
        Ok(if index.unreadable().is_empty() {
            CommandOutcome::Done
        } else {
            CommandOutcome::No
        })
    }
}

impl Export {
    /// Where the second table goes, if not into the same file: `trail.csv` has `trail.events.csv` beside it.
    fn output_of_events(&self, format: Format) -> Option<PathBuf> {
        if format == Format::Sqlite {
            return None;
        }
        let extension = self.output.extension().unwrap_or_default();
        let extension = extension.to_string_lossy();
        let dot = if extension.is_empty() { "" } else { "." };
        Some(
            self.output
                .with_extension(format!("events{dot}{extension}")),
        )
    }
}

fn sink<R>(format: Format, beside: &Beside, table: &Table<R>) -> Result<Box<dyn Sink>> {
    Ok(match format {
        Format::Sqlite => Box::new(sqlite::Sqlite::create(beside.path(), table)?),
        Format::Csv => Box::new(csv::Csv::create(beside.open()?, table)?),
        Format::Jsonl => Box::new(jsonl::Jsonl::create(beside.open()?, table)),
        Format::Parquet => Box::new(parquet::Parquet::create(beside.open()?, table)?),
        Format::Text | Format::Json | Format::Markdown => {
            return Err(failure::usage(
                "an export needs `--format sqlite`, `csv`, `jsonl` or `parquet`",
            ));
        }
    })
}

struct Exported {
    sink: Box<dyn Sink>,
    rows: u64,
    left_out: u64,
}

impl Exported {
    fn put_decided(&mut self, repo: &Repository, index: &Index) -> Result<()> {
        let tip = index.tip().ok_or(LedgerError::NoMain)?;
        let root = repo.read_commit(tip)?.tree;
        // Numbers follow the order of decision, so that a row keeps its own for ever.
        let cases = index.cases().iter().filter(|case| case.is_recommendation());
        let named = cases.filter_map(|case| Some((case.id?, case)));
        let numbered: Vec<(CaseId, (i64, &Case))> = (1..)
            .zip(named)
            .map(|(number, (id, case))| (id, (number, case)))
            .collect();
        let mut failed = None;
        case_folders::read_all(
            repo,
            root,
            numbered.into_iter(),
            &|(number, case), folder| decided_row(number, case, folder),
            &mut |row| {
                if failed.is_some() {
                    return;
                }
                match row {
                    Ok(cells) => failed = self.put(&cells).err(),
                    Err(warning) => {
                        self.left_out += 1;
                        output::warning(&warning);
                    }
                }
            },
        )?;
        failed.map_or(Ok(()), Err)
    }

    fn put_pending(&mut self, index: &Index, waiting: &[Pending]) -> Result<()> {
        let decided = index.cases().iter().filter(|case| case.is_recommendation());
        let first = i64::try_from(decided.count())
            .unwrap_or(i64::MAX)
            .saturating_add(1);
        let mut number = first;
        for pending in waiting {
            let case = pending.case();
            if !index.pending().contains(&case) || !case.is_recommendation() {
                continue;
            }
            let Some(about) = &pending.evaluation.document else {
                self.left_out += 1;
                output::warning(&format!(
                    "pull request {} is left out: {}",
                    pending.pull.number, pending.evaluation.report.title
                ));
                continue;
            };
            let gate_result = pending.evaluation.gate_result.as_ref();
            self.put(&CASES.cells(&CaseRow {
                number,
                recommendation: about.clone(),
                assessment: pending.evaluation.assessment.clone(),
                requires_approval:
                    gate_result.is_none_or(|gate_result| gate_result.required.role != Role::None),
                record: Record::default(),
                case,
            }))?;
            number = number.saturating_add(1);
        }
        Ok(())
    }

    fn put_events(&mut self, repo: &Repository, index: &Index) -> Result<()> {
        let tip = index.tip().ok_or(LedgerError::NoMain)?;
        let root = repo.read_commit(tip)?.tree;
        for event in event_table::read(repo, root, index)? {
            match event {
                Ok(row) => self.put(&EVENTS.cells(&row))?,
                Err(warning) => {
                    self.left_out += 1;
                    output::warning(&warning);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, cells: &[Cell]) -> Result<()> {
        self.sink.row(cells)?;
        self.rows += 1;
        Ok(())
    }
}

/// The row of a decided case; or why it is left out.
fn decided_row(
    number: i64,
    case: &Case,
    folder: std::result::Result<CaseFolder<'_>, LedgerError>,
) -> std::result::Result<Vec<Cell>, String> {
    let read = folder.and_then(|folder| Ok((folder.recommendation()?, Record::read(&folder)?)));
    let (recommendation, record) = read.map_err(|error| {
        let id = case.id.map(|id| id.to_string()).unwrap_or_default();
        format!("`{id}` is left out: {error}")
    })?;
    let decision = record.decision.as_ref();
    Ok(CASES.cells(&CaseRow {
        number,
        case: case.clone(),
        recommendation,
        assessment: None,
        requires_approval: decision.is_none_or(|decision| decision.required.role != Role::None),
        record,
    }))
}
