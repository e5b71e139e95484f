//! `countersign show`: one whole case, for a person or for a program.

mod words;

use anyhow::Context as _;

use super::case_ref::CaseRef;
use super::last_shown::LastShown;
use super::options::Options;
use super::{CommandOutcome, Result, failure, output};
use crate::bot::Bot;
use crate::bot::case_view::CaseView;
use crate::domain::ids::{PullNumber, Sha};
use crate::forge::ForgeError;
use crate::ledger::index;

/// Show one whole case: what, why this score, who decided and why, what came of it
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The case, or the number of its pull request
    #[arg(value_name = "ID|NUMBER")]
    case: CaseRef,
}

impl Show {
    /// Shows it.
    pub fn run(&self, options: &Options) -> Result {
        let shown = find(options, self.case)?;
        if let Some(pull) = shown.pull.as_ref().filter(|_| shown.is_pending())
            && let Some(last) = LastShown::of(options, &options.open_whole()?)
        {
            last.remember(pull.number, pull.head);
        }
        if options.is_json() {
            output::json(&shown)?;
        } else {
            output::text(&words::said(&shown))?;
        }
        Ok(CommandOutcome::Done)
    }
}

/// Prints a pull request that is open, and says which commit of it that was.
pub(super) fn show_open(options: &Options, number: PullNumber) -> Result<Option<Sha>> {
    let shown = undecided(&mut options.bot()?, CaseRef::Number(number))?;
    output::text(&words::said(&shown))?;
    Ok(shown.pull.map(|pull| pull.head))
}

fn find(options: &Options, case: CaseRef) -> Result<CaseView> {
    let repo = options.open_whole()?;
    let index = index::read(&repo)?;
    if let Some(found) = case.find(&index) {
        let id = found.id.context("a decided case has an id")?;
        return Ok(CaseView::decided(&repo, id, &found.commits)?);
    }
    if repo.is_bare() {
        return undecided(&mut options.bot()?, case);
    }
    let hint = "`countersign list` shows the decided ones; pending ones are known to the governance repository itself, not to a clone";
    Err(failure::hinted(
        "there is no such decided case in this clone",
        hint,
    ))
}

/// A case that is pending, or a pull request that ended without becoming one.
fn undecided(bot: &mut Bot, case: CaseRef) -> Result<CaseView> {
    match case {
        CaseRef::Number(number) => {
            let shown = bot.show_undecided(number)?;
            Ok(shown.ok_or(ForgeError::NoSuchPull(number))?)
        }
        CaseRef::Id(id) => {
            if let Some(shown) = bot.show_named(id)? {
                return Ok(shown);
            }
            let pending = bot.pending()?;
            if let Some(pending) = pending
                .iter()
                .find(|pending| pending.evaluation.id == Some(id))
            {
                return Ok(CaseView::pending(pending));
            }
            Err(failure::hinted(
                format!("there is no case `{id}`, neither decided nor pending"),
                "`countersign list` shows all cases",
            ))
        }
    }
}
