//! Where pull requests live: one port, several forges, one contract that all of them pass.
//!
//! A forge shows its pull requests in the domain's words, publishes `main` by compare-and-swap, and
//! tells people. Everything that it tells can be repeated without harm, so a crash after the publish
//! is made good by telling it again.

pub mod local;

use chrono::{DateTime, Utc};

use crate::domain::documents::Status;
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::pull::Pull;
use crate::git::{GitError, ObjectBuffer, Repository};

/// A place where pull requests live.
pub trait Forge {
    /// Every pull request that the bot has not ended yet, in the order of their numbers.
    ///
    /// # Errors
    /// When the forge cannot be asked. Nothing is decided then.
    fn open_pulls(
        &mut self,
        repo: &Repository,
        now: DateTime<Utc>,
    ) -> Result<Vec<Pull>, ForgeError>;

    /// One pull request, ended or not.
    ///
    /// # Errors
    /// When the forge cannot be asked.
    fn find_pull(
        &mut self,
        repo: &Repository,
        number: PullNumber,
    ) -> Result<Option<Pull>, ForgeError>;

    /// Stores the objects, moves `main` from `base` to `tip` if it is still at `base`, and only then
    /// carries out the conclusions. With `tip == base` only the conclusions are (again) carried out.
    ///
    /// # Errors
    /// When something fails; what was published stays published, and the rest is done by the next run.
    fn publish(
        &mut self,
        repo: &Repository,
        publication: Publication,
    ) -> Result<Published, ForgeError>;

    /// Tells the people of open pull requests what the bot thinks of them.
    ///
    /// # Errors
    /// When the forge cannot be told.
    fn report(
        &mut self,
        repo: &Repository,
        reports: Vec<(PullNumber, Report)>,
        now: DateTime<Utc>,
    ) -> Result<(), ForgeError>;
}

/// New commits of `main`, and what follows from them.
#[derive(Debug)]
pub struct Publication {
    /// What `main` must be; none if it must not exist.
    pub base: Option<Sha>,
    /// What `main` becomes.
    pub tip: Sha,
    /// The objects to store first.
    pub buffer: ObjectBuffer,
    /// The pull requests that end with it.
    pub conclusions: Vec<Conclusion>,
    /// When.
    pub now: DateTime<Utc>,
}

/// The end of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// Which.
    pub number: PullNumber,
    /// Its branch.
    pub branch: String,
    /// The commit that was decided.
    pub head: Sha,
    /// How it ended.
    pub status: Status,
    /// What people are told.
    pub report: Report,
}

/// What came of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is on `main`.
    Done,
    /// `main` had moved: nothing was published; decide again.
    Lost,
}

/// What people are told about a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether the check passes, fails or waits.
    pub state: ReportState,
    /// One line.
    pub title: String,
    /// The whole explanation, as Markdown that is readable as plain text.
    pub body: String,
}

/// The state of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportState {
    /// Merged, or about to be.
    Success,
    /// It waits for people.
    Waiting,
    /// Nothing will happen until it is mended, or it ended without a merge.
    Failure,
}

impl ReportState {
    /// One word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Waiting => "waiting",
            Self::Failure => "failure",
        }
    }
}

impl Report {
    /// The report as one text.
    pub fn text(&self) -> String {
        format!("{}: {}\n\n{}", self.state.as_str(), self.title, self.body)
    }
}

/// Why a forge could not be asked or told.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A record of a pull request cannot be read.
    #[error("the record of pull request {number} cannot be read: {reason}")]
    Record {
        /// Which.
        number: PullNumber,
        /// Why not.
        reason: String,
    },
    /// There is no such pull request.
    #[error("there is no pull request {0}: `countersign list` shows the open ones")]
    NoSuchPull(PullNumber),
    /// The pull request has ended.
    #[error(
        "pull request {0} has ended: nothing more can be said on it; use `countersign feedback`"
    )]
    Ended(PullNumber),
    /// Other writers were faster every time.
    #[error("the record of pull requests was changed by others {0} times in a row: try again")]
    Busy(u32),
}
