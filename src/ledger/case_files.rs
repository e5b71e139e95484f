//! Many whole cases at once, for exports: every folder is read once, on all processors, and the
//! cases come in the order in which they are asked for.

use std::collections::BTreeMap;

use super::workers::{self, Work};
use super::{CaseFile, LedgerError};
use crate::domain::documents::{Claim, Feedback, Outcome};
use crate::domain::ids::{CaseId, Sha};
use crate::domain::yaml;
use crate::git::{Mode, Repository};

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
    let mut handles = workers::handles(repo, ids.len())?;
    let start = |handle| -> Work<'_, Option<(CaseId, Result<CaseFile, LedgerError>)>> {
        let mut reader = Reader::of(handle, root);
        Box::new(move |place| {
            let id = *ids.get(place)?;
            Some((id, reader.read(id)))
        })
    };
    workers::in_order(&mut handles, ids.len(), &start, &mut |result| {
        if let Some((id, file)) = result {
            then(id, file);
        }
    });
    Ok(())
}

/// Reads one case after the other; neighbours share the folder of their hour.
struct Reader<'r> {
    repo: &'r Repository,
    root: Sha,
    /// The folder of the hour that was read last, and its cases.
    hour: Option<(String, BTreeMap<Vec<u8>, Sha>)>,
}

impl<'r> Reader<'r> {
    const fn of(repo: &'r Repository, root: Sha) -> Self {
        Self {
            repo,
            root,
            hour: None,
        }
    }

    fn read(&mut self, id: CaseId) -> Result<CaseFile, LedgerError> {
        let missing = || LedgerError::NoSuchCase(id.to_string());
        let folder = self.folder(id)?.ok_or_else(missing)?;
        let files = Files::of(self.repo, folder, id)?;
        let recommendation = files.document("recommendation.yaml")?;
        let decision = files.document("decision.yaml")?;
        let mut outcomes: Vec<(u32, Outcome)> = Vec::new();
        for (attempt, name) in files.attempts() {
            outcomes.extend(files.document(&name)?.map(|outcome| (attempt, outcome)));
        }
        outcomes.sort_by_key(|(attempt, _)| *attempt);
        Ok(CaseFile {
            claim: files.document::<Claim>("claim.yaml")?,
            feedback: files.feedback()?,
            outcomes: outcomes.into_iter().map(|(_, outcome)| outcome).collect(),
            recommendation: recommendation.ok_or_else(missing)?,
            decision: decision.ok_or_else(missing)?,
        })
    }

    fn folder(&mut self, id: CaseId) -> Result<Option<Sha>, LedgerError> {
        let folder = id.folder();
        let (hour, name) = folder.rsplit_once('/').unwrap_or(("", &folder));
        if self.hour.as_ref().is_none_or(|(known, _)| known != hour) {
            let path = format!("recommendations/{hour}");
            let entries = self.repo.list_dir(self.root, &path)?.into_iter();
            let folders = entries.filter(|entry| entry.mode == Mode::Tree);
            let cases = folders.map(|entry| (entry.name, entry.id)).collect();
            self.hour = Some((hour.to_owned(), cases));
        }
        let cases = self.hour.as_ref().map(|(_, cases)| cases);
        Ok(cases.and_then(|cases| cases.get(name.as_bytes()).copied()))
    }
}

/// The files of one case by their names.
struct Files<'r> {
    repo: &'r Repository,
    id: CaseId,
    entries: BTreeMap<Vec<u8>, (Mode, Sha)>,
}

impl<'r> Files<'r> {
    fn of(repo: &'r Repository, folder: Sha, id: CaseId) -> Result<Self, LedgerError> {
        let entries = repo.read_tree(folder)?.into_iter();
        Ok(Self {
            repo,
            id,
            entries: entries
                .map(|entry| (entry.name, (entry.mode, entry.id)))
                .collect(),
        })
    }

    fn document<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, LedgerError> {
        let Some((Mode::File, blob)) = self.entries.get(name.as_bytes()) else {
            return Ok(None);
        };
        self.read(*blob, name).map(Some)
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        blob: Sha,
        name: &str,
    ) -> Result<T, LedgerError> {
        let bytes = self.repo.read_blob(blob)?;
        match yaml::read(name, &bytes) {
            Ok(document) => Ok(document),
            // Read once more with the whole path, which only a failure is worth.
            Err(_) => {
                let path = format!("recommendations/{}/{name}", self.id.folder());
                Ok(yaml::read(&path, &bytes)?)
            }
        }
    }

    /// Every attempt's number and file.
    fn attempts(&self) -> Vec<(u32, String)> {
        let names = self
            .entries
            .keys()
            .filter_map(|name| std::str::from_utf8(name).ok());
        let attempt = |name: &str| match name.strip_suffix(".yaml")?.strip_prefix("outcome")? {
            "" => Some(1),
            number => number.strip_prefix('-')?.parse().ok(),
        };
        names
            .filter_map(|name| Some((attempt(name)?, name.to_owned())))
            .collect()
    }

    fn feedback(&self) -> Result<Vec<Feedback>, LedgerError> {
        let Some((Mode::Tree, folder)) = self.entries.get(b"feedback".as_slice()) else {
            return Ok(Vec::new());
        };
        let mut said: Vec<Feedback> = Vec::new();
        for entry in self.repo.read_tree(*folder)? {
            let name = format!("feedback/{}", String::from_utf8_lossy(&entry.name));
            said.push(self.read(entry.id, &name)?);
        }
        said.sort_by_key(|feedback| (feedback.at, feedback.id));
        Ok(said)
    }
}
