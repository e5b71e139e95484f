//! The documents of cases that were asked for before, of all repositories together: lessons and reports look at the
//! same ones again and again.

use std::sync::{Arc, LazyLock, Mutex};

use super::worker::lock;
use crate::cache::GenerationalCache;
use crate::domain::ids::{CaseId, Sha};
use crate::git::Repository;
use crate::insight::Index;
use crate::insight::case_documents::{CaseDocuments, Documents};
use crate::ledger::{LedgerError, case_documents};

/// How many bytes are kept unless somebody says otherwise.
const USUAL: usize = 8 * 1024 * 1024;
/// In memory, documents take about so many times the bytes that they have as text.
const IN_MEMORY: usize = 3;

/// A case and the last commit that tells of it: its documents are the same until another one does.
type CacheKey = (CaseId, Sha);

/// A clone is the same cache.
#[derive(Debug, Clone)]
pub(super) struct DocumentCache(Arc<Mutex<GenerationalCache<CacheKey, Arc<CaseDocuments>>>>);

/// Cases, each with the last commit that tells of it; none where that is not known.
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
    pub(super) fn of_process() -> Self {
        static OF_PROCESS: LazyLock<DocumentCache> =
            LazyLock::new(|| DocumentCache(Arc::new(Mutex::new(GenerationalCache::new(USUAL)))));
        OF_PROCESS.clone()
    }

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
        let mut kept = lock(&self.0);
        let (mut documents, mut missing) = (Documents::new(), Vec::new());
        for (id, last) in &wanted.0 {
            match last.and_then(|last| kept.find((*id, last))) {
                Some(found) => {
                    documents.insert(*id, found);
                }
                None => missing.push(*id),
            }
        }
        (documents, missing)
    }

    fn keep(&self, wanted: &Wanted, read: &Documents) {
        for (id, last) in &wanted.0 {
            if let (Some(last), Some(found)) = (last, read.get(id)) {
                let bytes = serde_json::to_vec(found.as_ref()).map_or(0, |text| text.len());
                lock(&self.0).keep((*id, *last), Arc::clone(found), bytes * IN_MEMORY);
            }
        }
    }
}

/// The documents of all repositories of this process together take at most about so many bytes.
pub fn limit_document_cache(bytes: usize) {
    lock(&DocumentCache::of_process().0).limit(bytes);
}
