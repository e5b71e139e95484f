//! The folders of many cases at once, for exports: they are read on all processors, and what is made of each comes
//! in the order in which they are asked for.

use super::workers::{self, Work};
use super::{CaseFolder, LedgerError};
use crate::domain::ids::{CaseId, Sha};
use crate::git::Repository;

/// Opens the folders of these cases in a tree. `make` is called wherever one was opened, and reads of it what it
/// needs; `then` gets the results here, in the order of the cases. A folder that cannot be opened is an error
/// of its own.
///
/// # Errors
/// When the repository cannot be opened once more for another thread.
pub fn read_all<C: Send, T: Send>(
    repo: &Repository,
    root: Sha,
    cases: impl ExactSizeIterator<Item = (CaseId, C)> + Send,
    make: &(dyn Fn(C, Result<CaseFolder<'_>, LedgerError>) -> T + Sync),
    then: &mut dyn FnMut(T),
) -> Result<(), LedgerError> {
    let mut handles = workers::handles(&repo.for_bulk()?, cases.len())?;
    let start = |handle| -> Work<'_, (CaseId, C), T> {
        let objects = Repository::objects(handle);
        Box::new(move |(id, case)| make(case, CaseFolder::open(objects, root, id)))
    };
    workers::in_order(&mut handles, cases, &start, then);
    Ok(())
}
