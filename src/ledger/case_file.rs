//! One whole case, read from the tree of `main`: proposal, decision, claim, outcomes, feedback.

use crate::domain::documents::{Claim, Decision, Feedback, Outcome, Recommendation, Status};
use crate::domain::ids::{CaseId, Sha};
use crate::domain::problem::{Problem, Problems};
use crate::domain::yaml;
use crate::git::{Entry, Mode, Objects};

use super::{Draft, LedgerError};

type Result<T> = std::result::Result<T, LedgerError>;

/// Everything on record about one recommendation.
#[derive(Debug, Clone)]
pub struct CaseFile {
    /// What was proposed.
    pub recommendation: Recommendation,
    /// What was decided.
    pub decision: Decision,
    /// Whether an execution was claimed.
    pub claim: Option<Claim>,
    /// What came of it, first attempt first.
    pub outcomes: Vec<Outcome>,
    /// What people had to say, oldest first.
    pub feedback: Vec<Feedback>,
}

/// Whether a case is on `main`, and with which pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// The very commit that is asked about was decided, like this.
    ThisHead(Status),
    /// The id was decided with another commit or pull request.
    Otherwise,
}

impl CaseFile {
    /// Reads a case from a tree.
    ///
    /// # Errors
    /// When there is no such case or a document of it cannot be read.
    pub fn read(objects: Objects<'_>, tree: Sha, id: CaseId) -> Result<Self> {
        let folder = format!("recommendations/{}", id.folder());
        let reader = Reader {
            objects,
            entries: objects.list_dir(tree, &folder)?,
            folder,
        };
        let recommendation = reader.document(&Recommendation::path_of(id))?;
        let decision = reader.document(&Decision::path_of(id))?;
        let (Some(recommendation), Some(decision)) = (recommendation, decision) else {
            return Err(LedgerError::NoSuchCase(id.to_string()));
        };
        let claim = reader.document(&Claim::path_of(id))?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        while let Some(outcome) = reader.document(&Outcome::path_of(id, next_attempt(&outcomes)))? {
            outcomes.push(outcome);
        }
        let mut feedback = reader.feedback()?;
        feedback.sort_by_key(|feedback: &Feedback| (feedback.at, feedback.id));
        Ok(Self {
            recommendation,
            decision,
            claim,
            outcomes,
            feedback,
        })
    }

    /// The number that the next attempt gets.
    pub fn next_attempt(&self) -> u32 {
        next_attempt(&self.outcomes)
    }

    /// Whether, and how, a case is decided in a draft.
    ///
    /// # Errors
    /// When its decision cannot be read.
    pub fn landed(
        draft: &mut Draft<'_>,
        id: CaseId,
        path: &str,
        head: Sha,
    ) -> Result<Option<Landed>> {
        let Some(bytes) = draft.read(path)? else {
            return Ok(draft
                .find(&Recommendation::path_of(id))?
                .map(|_| Landed::Otherwise));
        };
        let decision: Decision = yaml::read(path, &bytes)?;
        Ok(Some(if decision.pull.head == head {
            Landed::ThisHead(decision.status)
        } else {
            Landed::Otherwise
        }))
    }
}

fn next_attempt(outcomes: &[Outcome]) -> u32 {
    u32::try_from(outcomes.len())
        .unwrap_or(u32::MAX)
        .saturating_add(1)
}

/// The folder of a case, listed once.
struct Reader<'a> {
    objects: Objects<'a>,
    folder: String,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn document<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some(entry) = self
            .entries
            .iter()
            .find(|entry| entry.name == name.as_bytes())
        else {
            return Ok(None);
        };
        if !matches!(entry.mode, Mode::File | Mode::Executable) {
            let problem = Problem::of_file(path, "is not a regular file");
            return Err(Problems::from(problem).into());
        }
        Ok(Some(yaml::read(path, &self.objects.read_blob(entry.id)?)?))
    }

    fn feedback(&self) -> Result<Vec<Feedback>> {
        let is_it = |entry: &&Entry| entry.name == b"feedback" && entry.mode == Mode::Tree;
        let Some(folder) = self.entries.iter().find(is_it) else {
            return Ok(Vec::new());
        };
        let reader = Self {
            objects: self.objects,
            folder: format!("{}/feedback", self.folder),
            entries: self.objects.read_tree(folder.id)?,
        };
        let mut feedback = Vec::new();
        for entry in &reader.entries {
            let path = format!("{}/{}", reader.folder, String::from_utf8_lossy(&entry.name));
            feedback.extend(reader.document(&path)?);
        }
        Ok(feedback)
    }
}
