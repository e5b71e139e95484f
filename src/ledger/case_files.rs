//! Many whole cases at once, for exports: they are read on all processors, and come in the order in which they
//! are asked for.

use super::workers::{self, Work};
use super::{CaseFile, LedgerError};
use crate::domain::ids::{CaseId, Sha};
use crate::git::Repository;

/// Reads these cases from a tree; `then` gets each, in the same order. A case that cannot be read is an
/// error of its own.
///
/// # Errors
/// When the repository cannot be opened once more for another thread.
pub fn read_all(
    repo: &Repository,
    root: Sha,
    ids: &[CaseId],
    then: &mut dyn FnMut(CaseId, Result<CaseFile, LedgerError>),
) -> Result<(), LedgerError> {
    let mut handles = workers::handles(&repo.for_bulk()?, ids.len())?;
    let start = |handle| -> Work<'_, &CaseId, Read> {
        let objects = Repository::objects(handle);
        Box::new(move |id| (*id, CaseFile::read(objects, root, *id)))
    };
    workers::in_order(&mut handles, ids.iter(), &start, &mut |(id, file)| {
        then(id, file);
    });
    Ok(())
}

/// A case that was asked for, and what was found.
type Read = (CaseId, Result<CaseFile, LedgerError>);
