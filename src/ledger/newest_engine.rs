//! The engine of the newest decision: a bot that knows less than it does not decide after it.

use super::{Entry, Event, LedgerError};
use crate::domain::documents::Decision;
use crate::domain::engine::{ENGINE, Engine};
use crate::domain::ids::Sha;
use crate::git::{GitError, Repository};

/// Refuses to go on from a tip whose newest decision was made by a newer engine than this one: its rules might mean
/// something that this one does not know, and along a trail engines only go forward.
///
/// # Errors
/// [`LedgerError::NewerEngine`], or when the repository fails.
pub fn check(repo: &Repository, tip: Sha) -> Result<(), LedgerError> {
    match find(repo, tip)? {
        Some(text) if Engine::parse(&text).is_none_or(Engine::is_newer) => {
            Err(LedgerError::NewerEngine {
                newest: crate::domain::ids::quoted(&text),
                ours: ENGINE,
            })
        }
        _ => Ok(()),
    }
}

/// What the newest decision says of its engine. Read as a line: the document of a newer engine may have keys that this
/// one does not know.
fn find(repo: &Repository, tip: Sha) -> Result<Option<String>, GitError> {
    for commit in repo.first_parents(tip) {
        let commit = commit?;
        let entry = Entry::of(&commit);
        let path = match (entry.event, entry.case) {
            (Some(Event::Decision), Some(case)) => Decision::path_of(case),
            (Some(Event::Governance), Some(case)) => Decision::governance_path_of(case),
            _ => continue,
        };
        let Some(bytes) = repo.read_path(commit.tree, &path)? else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        let engine = text.lines().find_map(|line| line.strip_prefix("engine: "));
        return Ok(engine.map(|engine| engine.trim_matches(['"', '\'']).to_owned()));
    }
    Ok(None)
}
