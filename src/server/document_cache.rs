//! The documents of cases that were asked for before: lessons and reports look at the same ones again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::worker::lock;
use crate::domain::ids::{CaseId, Sha};
use crate::git::Repository;
use crate::insight::Index;
use crate::insight::case_documents::{CaseDocuments, Documents};
use crate::ledger::{LedgerError, case_documents};

/// The documents of so many cases are kept.
const MOST_KEPT: usize = 5_000;

/// Documents, with the last commit that told of their case when they were read: good until another one does.
type CachedDocuments = (Option<Sha>, Arc<CaseDocuments>);

/// Documents of the cases of one repository.
#[derive(Debug, Default)]
pub(super) struct DocumentCache(Mutex<HashMap<CaseId, CachedDocuments>>);

/// Cases, each with the last commit that tells of it.
pub(super) struct Wanted(Vec<(CaseId, Option<Sha>)>);

/// What was read, and why the rest could not be.
type Read = (Documents, Vec<(CaseId, LedgerError)>);

impl Wanted {
    /// These cases as they are in the index.
    pub(super) fn of(index: &Index, cases: &[CaseId]) -> Self {
        let last = |id| index.find_decided(id)?.commits.last().copied();
        Self(cases.iter().map(|id| (*id, last(*id))).collect())
    }
}

impl DocumentCache {
    /// The documents of these cases; those that are not here yet are read, and kept.
    pub(super) fn read(&self, repo: &Repository, wanted: &Wanted) -> Result<Read, LedgerError> {
        let (mut documents, missing) = self.find(wanted);
        if missing.is_empty() {
            return Ok((documents, Vec::new()));
        }
        let (read, unread) = case_documents::read(repo, &missing)?;
        self.keep(wanted, &read);
        documents.extend(read);
        Ok((documents, unread))
    }

    /// What is here, and which are not.
    fn find(&self, wanted: &Wanted) -> (Documents, Vec<CaseId>) {
        let kept = lock(&self.0);
        let (mut documents, mut missing) = (Documents::new(), Vec::new());
        for (id, last) in &wanted.0 {
            match kept.get(id) {
                Some((then, found)) if then == last => {
                    documents.insert(*id, Arc::clone(found));
                }
                _ => missing.push(*id),
            }
        }
        (documents, missing)
    }

    fn keep(&self, wanted: &Wanted, read: &Documents) {
        let mut kept = lock(&self.0);
        if kept.len() + read.len() > MOST_KEPT {
            kept.clear();
        }
        for (id, last) in &wanted.0 {
            if let Some(found) = read.get(id) {
                kept.insert(*id, (*last, Arc::clone(found)));
            }
        }
    }
}
