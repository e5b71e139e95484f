//! One whole case, read from the tree of `main`: proposal, decision, claim, outcomes, feedback.

use std::borrow::Cow;

use super::case_folder::{CaseFolder, next_attempt};
use super::{Draft, LedgerError};
use crate::domain::documents::{
    Claim, Decision, Feedback, Outcome, Recommendation, Rescored, Status,
};
use crate::domain::ids::{CaseId, PullNumber, Sha};
use crate::domain::yaml;
use crate::git::Objects;

type Result<T> = std::result::Result<T, LedgerError>;

/// Everything on record about one recommendation.
#[derive(Debug, Clone)]
pub struct CaseFile {
    pub recommendation: Recommendation,
    pub decision: Decision,
    /// Whether it would have been asked more before it ran.
    pub rescored: Option<Rescored>,
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
    ThisHead {
        status: Status,
        /// The pull request that was decided.
        number: PullNumber,
    },
    /// The id was decided with another commit or pull request.
    Otherwise,
}

impl CaseFile {
    /// Reads a case from a tree.
    ///
    /// # Errors
    /// When there is no such case or a document of it cannot be read.
    pub fn read(objects: Objects<'_>, tree: Sha, id: CaseId) -> Result<Self> {
        let folder = CaseFolder::open(objects, tree, id)?;
        Ok(Self {
            recommendation: folder.recommendation()?,
            decision: folder.decision()?,
            rescored: folder.rescored()?,
            claim: folder.claim()?,
            outcomes: folder.outcomes()?,
            feedback: folder.feedback()?,
        })
    }

    /// What of it is carried out.
    pub fn executed(&self) -> Cow<'_, Recommendation> {
        self.decision.executed(&self.recommendation)
    }

    /// The number that the next attempt gets.
    pub fn next_attempt(&self) -> u32 {
        next_attempt(&self.outcomes)
    }

    /// Whether, and how, a case is decided in a draft.
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
            Landed::ThisHead {
                status: decision.status,
                number: decision.pull.number,
            }
        } else {
            Landed::Otherwise
        }))
    }
}
