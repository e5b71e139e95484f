//! The documents of the cases that a report or lesson quotes, read from the tip of `main`.

use std::sync::Arc;

use super::{CaseFolder, LedgerError, MAIN};
use crate::domain::ids::CaseId;
use crate::git::Repository;
use crate::insight::case_documents::{CaseDocuments, Documents};

/// Reads the documents of these cases, and says which could not be read and why.
pub fn read(
    repo: &Repository,
    wanted: &[CaseId],
) -> Result<(Documents, Vec<(CaseId, LedgerError)>), LedgerError> {
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    let (mut documents, mut unread) = (Documents::new(), Vec::new());
    for id in wanted {
        let folder = CaseFolder::open(repo.objects(), root, *id);
        match folder.and_then(|folder| read_folder(&folder)) {
            Ok(found) => {
                documents.insert(*id, Arc::new(found));
            }
            Err(error) => unread.push((*id, error)),
        }
    }
    Ok((documents, unread))
}

/// Reads the documents of a decided case.
fn read_folder(folder: &CaseFolder<'_>) -> Result<CaseDocuments, LedgerError> {
    Ok(CaseDocuments {
        recommendation: Some(folder.recommendation()?),
        decision: Some(folder.decision()?),
        outcomes: folder.outcomes()?,
        feedback: folder.feedback()?,
    })
}
