//! The cases that a command looks at: the whole trail, and what waits.

use super::options::Options;
use super::{CommandOutcome, Result, output};
use crate::bot::Pending;
use crate::domain::ids::CaseId;
use crate::git::Repository;
use crate::insight::case_documents::Documents;
use crate::insight::{Index, Unseen};
use crate::ledger::{case_documents, index};

/// Which cases are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Decided,
    /// All; a clone, which knows no pull requests, has only decided ones.
    All,
    /// Pending ones above all: it is a failure if they cannot be told.
    Pending,
}

/// Reads them. What no case could be made of is said on standard error.
pub fn read(options: &Options, repo: &Repository, wanted: Wanted) -> Result<Index> {
    let mut index = read_decided(repo)?;
    if wanted != Wanted::Decided {
        put_pending(options, repo, &mut index, wanted)?;
    }
    Ok(index)
}

/// Reads all of them, with what the bot makes of those that wait.
///
/// # Errors
/// When the repository cannot be read, or what waits cannot be told where it is known.
pub fn read_with_pending(options: &Options, repo: &Repository) -> Result<(Index, Vec<Pending>)> {
    let mut index = read_decided(repo)?;
    let pending = put_pending(options, repo, &mut index, Wanted::Pending)?;
    Ok((index, pending))
}

fn read_decided(repo: &Repository) -> Result<Index> {
    let index = index::read(repo)?;
    if let Some(first) = index.unreadable().first() {
        output::warning(&format!(
            "{} of {} commits on `main` are in no case, the first is `{}`: {}; `countersign verify` says more",
            index.unreadable().len(),
            index.commits(),
            first.commit.short(),
            first.reason
        ));
    }
    Ok(index)
}

fn put_pending(
    options: &Options,
    repo: &Repository,
    index: &mut Index,
    wanted: Wanted,
) -> Result<Vec<Pending>> {
    if !repo.is_bare() {
        return Ok(Vec::new());
    }
    match options.bot().and_then(|mut bot| Ok(bot.pending()?)) {
        Ok(pending) => {
            index.know_pending(pending.iter().map(Pending::case).collect());
            Ok(pending)
        }
        // Whoever may only read the repository still gets to see what is decided.
        Err(error) if wanted == Wanted::All => {
            let unseen = Unseen::Failed(error.to_string());
            output::warning(&unseen.to_string());
            index.miss_pending(unseen);
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Reads the documents of these cases. Those that cannot be read are said on standard error, and the answer is then
/// no: what is made of the rest is not the whole.
pub fn documents(repo: &Repository, wanted: &[CaseId]) -> Result<(Documents, CommandOutcome)> {
    let (documents, unread) = case_documents::read(repo, wanted)?;
    for (id, error) in &unread {
        output::warning(&format!("the documents of `{id}` cannot be read: {error}"));
    }
    let answer = if unread.is_empty() {
        CommandOutcome::Done
    } else {
        CommandOutcome::No
    };
    Ok((documents, answer))
}
