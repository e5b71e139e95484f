//! Many whole cases at once, for exports: they are read on all processors, and what is made of each comes in the
//! order in which they are asked for.

use super::workers::{self, Work};
use super::{CaseFile, LedgerError};
use crate::domain::ids::{CaseId, Sha};
use crate::git::Repository;

/// Reads these cases from a tree. `make` is called wherever a case was read, which is also where what it leaves
/// of the case is dropped; `then` gets the results here, in the order of the cases. A case that cannot be read
/// is an error of its own.
///
/// # Errors
/// When the repository cannot be opened once more for another thread.
pub fn read_all<C: Send, T: Send>(
    repo: &Repository,
    root: Sha,
    cases: impl ExactSizeIterator<Item = (CaseId, C)> + Send,
    make: &(dyn Fn(C, Result<CaseFile, LedgerError>) -> T + Sync),
    then: &mut dyn FnMut(T),
) -> Result<(), LedgerError> {
    let mut handles = workers::handles(&repo.for_bulk()?, cases.len())?;
    let start = |handle| -> Work<'_, (CaseId, C), T> {
        let objects = Repository::objects(handle);
        Box::new(move |(id, case)| make(case, CaseFile::read(objects, root, id)))
    };
    workers::in_order(&mut handles, cases, &start, then);
    Ok(())
}
