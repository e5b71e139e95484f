//! The documents of the cases that a report or lesson quotes, read from the tip of `main`.

use std::sync::Arc;

use super::{CaseFolder, LedgerError, MAIN};
use crate::domain::ids::{CaseId, Sha};
use crate::git::{Objects, Repository};
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
        match read_one(repo.objects(), root, *id) {
            Ok(found) => {
                documents.insert(*id, Arc::new(found));
            }
            Err(error) => unread.push((*id, error)),
        }
    }
    Ok((documents, unread))
}

fn read_one(objects: Objects<'_>, root: Sha, id: CaseId) -> Result<CaseDocuments, LedgerError> {
    let folder = CaseFolder::open(objects, root, id)?;
    Ok(CaseDocuments {
        recommendation: Some(folder.recommendation()?),
        decision: Some(folder.decision()?),
        outcomes: folder.outcomes()?,
        feedback: folder.feedback()?,
    })
}
