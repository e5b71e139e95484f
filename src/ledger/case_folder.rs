//! The folder of one case in a tree of `main`: listed once, its documents read as they are asked for.

use serde::de::DeserializeOwned;

use super::LedgerError;
use crate::domain::documents::{Claim, Decision, Feedback, Outcome, Recommendation, Rescored};
use crate::domain::ids::{CaseId, Sha};
use crate::domain::problem::{Problem, Problems};
use crate::domain::yaml;
use crate::git::{Entry, Mode, Objects};

type Result<T> = std::result::Result<T, LedgerError>;

/// The folder of a case.
pub struct CaseFolder<'a> {
    objects: Objects<'a>,
    id: CaseId,
    path: String,
    entries: Vec<Entry>,
}

impl<'a> CaseFolder<'a> {
    /// Lists it. A case that is not there has an empty folder.
    pub fn open(objects: Objects<'a>, tree: Sha, id: CaseId) -> Result<Self> {
        let path = format!("recommendations/{}", id.folder());
        let entries = objects.list_dir(tree, &path)?;
        Ok(Self {
            objects,
            id,
            path,
            entries,
        })
    }

    pub fn recommendation(&self) -> Result<Recommendation> {
        self.needed(Recommendation::FILE)
    }

    /// What was decided: the whole [`Decision`], or those of its keys that a type asks for.
    pub fn decision<D: DeserializeOwned>(&self) -> Result<D> {
        self.needed(Decision::FILE)
    }

    /// Whether it would have been asked more before it ran.
    pub fn rescored(&self) -> Result<Option<Rescored>> {
        self.document(Rescored::FILE)
    }

    /// Whether an execution was claimed.
    pub fn claim(&self) -> Result<Option<Claim>> {
        self.document(Claim::FILE)
    }

    /// What came of it, first attempt first.
    pub fn outcomes(&self) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        while let Some(outcome) = self.document(&Outcome::file_of(next_attempt(&outcomes)))? {
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// What people had to say, oldest first.
    pub fn feedback(&self) -> Result<Vec<Feedback>> {
        let is_it = |entry: &&Entry| entry.name == b"feedback" && entry.mode == Mode::Tree;
        let Some(folder) = self.entries.iter().find(is_it) else {
            return Ok(Vec::new());
        };
        let entries = self.objects.read_tree(folder.id)?;
        let all = entries.iter().map(|entry| {
            let name = String::from_utf8_lossy(&entry.name);
            self.read(&format!("feedback/{name}"), entry)
        });
        let mut feedback = all.collect::<Result<Vec<Feedback>>>()?;
        feedback.sort_by_key(|feedback| (feedback.at, feedback.id));
        Ok(feedback)
    }

    fn needed<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let found = self.document(name)?;
        found.ok_or_else(|| LedgerError::NoSuchCase(self.id.to_string()))
    }

    fn document<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let mut entries = self.entries.iter();
        match entries.find(|entry| entry.name == name.as_bytes()) {
            Some(entry) => self.read(name, entry).map(Some),
            None => Ok(None),
        }
    }

    fn read<T: DeserializeOwned>(&self, name: &str, entry: &Entry) -> Result<T> {
        let path = format!("{}/{name}", self.path);
        if !matches!(entry.mode, Mode::File | Mode::Executable) {
            let problem = Problem::of_file(&path, "is not a regular file");
            return Err(Problems::from(problem).into());
        }
        Ok(yaml::read(&path, &self.objects.read_blob(entry.id)?)?)
    }
}

/// The number of the attempt after these.
pub(super) fn next_attempt(outcomes: &[Outcome]) -> u32 {
    u32::try_from(outcomes.len())
        .unwrap_or(u32::MAX)
        .saturating_add(1)
}
