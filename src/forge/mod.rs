//! Where pull requests live: one port, several forges, one contract that all of them pass.
//!
//! A forge shows its pull requests in the domain's words, publishes `main` by compare-and-swap, and
//! tells people. Everything that it tells can be repeated without harm, so a crash after the publish
//! is made good by telling it again.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod github;
pub mod local;

use std::fmt;

use chrono::{DateTime, Utc};

use crate::domain::documents::{AccountRecord, Status};
use crate::domain::ids::{GroupName, Login, PullNumber, Sha};
use crate::domain::level::Level;
use crate::domain::problem::Problem;
use crate::domain::pull::{CheckRun, Pull};
use crate::domain::review::{Comment, Opinion, Review};
use crate::git::{GitError, ObjectBuffer, RemoteError, Repository};

/// A place where pull requests live. A server keeps it on a thread of its own.
pub trait Forge: Send {
    /// Every pull request that the bot has not ended yet, drafts among them, in the order of their numbers.
    fn open_pulls(
        &mut self,
        repo: &Repository,
        now: DateTime<Utc>,
    ) -> Result<Vec<Pull>, ForgeError>;

    /// One pull request, ended or not.
    fn find_pull(
        &mut self,
        repo: &Repository,
        number: PullNumber,
    ) -> Result<Option<Pull>, ForgeError>;

    /// Records a review, where reviews are given through us, and gives its pull request as it is then.
    ///
    /// # Errors
    /// When they are given on the forge itself, there is no such open pull request, or it cannot be written.
    fn review(&mut self, _repo: &Repository, _review: NewReview) -> Result<Pull, ForgeError> {
        Err(ForgeError::ReviewedThere)
    }

    /// Writes a comment, and gives its pull request as it is then. Where people speak on the forge itself, only an agent
    /// does so through us, with a token of its own account.
    ///
    /// # Errors
    /// When it is not ours to write there, there is no such open pull request, or it cannot be written.
    fn comment(&mut self, _repo: &Repository, _comment: NewComment) -> Result<Pull, ForgeError> {
        Err(ForgeError::ReviewedThere)
    }

    /// Moves the branch of an open pull request to a new head, for the agent whose it is.
    ///
    /// # Errors
    /// When it was moved by somebody else, or cannot be written.
    fn push_head(&mut self, repo: &Repository, new: NewHead) -> Result<(), ForgeError>;

    /// Closes an open pull request, for the agent whose it is.
    ///
    /// # Errors
    /// When it cannot be written.
    fn withdraw(
        &mut self,
        repo: &Repository,
        pull: &Pull,
        by: AccountRecord,
        at: DateTime<Utc>,
    ) -> Result<(), ForgeError>;

    /// The same pull request as the forge says now that it is, asked because it is about to be merged; none if it may
    /// not be decided at the moment. Events alone are believed when they stop something, never when they let it go on.
    ///
    /// # Errors
    /// When the forge cannot be asked. Then it is not merged.
    fn confirm(
        &mut self,
        _repo: &Repository,
        pull: &Pull,
        _basis: Basis,
    ) -> Result<Option<Pull>, ForgeError> {
        Ok(Some(pull.clone()))
    }

    /// Whether [`Forge::confirm`] asks: then each answer is acted upon at once, so that nothing else is waited for in
    /// between.
    fn asks_before_merge(&self) -> bool {
        false
    }

    /// The commit that a pull request was opened with, asked because it is not told and something rests on it; none
    /// where the forge does not know it.
    fn find_opening_head(&mut self, _number: PullNumber) -> Result<Option<Sha>, ForgeError> {
        Ok(None)
    }

    /// Stores the objects, moves `main` from `base` to `tip` if it is still at `base`, and only then
    /// carries out the conclusions. With `tip == base` only the conclusions are (again) carried out. One of
    /// them that fails keeps back no other: see [`Forge::end_run`].
    ///
    /// # Errors
    /// When something fails; what was published stays published, and the rest is done by the next run.
    fn publish(
        &mut self,
        repo: &Repository,
        publication: Publication,
    ) -> Result<Published, ForgeError>;

    /// Tells the people of open pull requests what the bot thinks of them. One that fails keeps back no
    /// other: see [`Forge::end_run`].
    fn report(
        &mut self,
        repo: &Repository,
        reports: Vec<(PullNumber, Report)>,
        now: DateTime<Utc>,
    ) -> Result<(), ForgeError>;

    /// A run has ended: gives the pull requests that could not be told everything in it. The next run tells them.
    fn end_run(&mut self, _repo: &Repository) -> Vec<Unreported> {
        Vec::new()
    }

    /// What people said on pull requests after they had ended, as far as it was told; it is shown until
    /// [`Forge::forget_afterwords`].
    fn afterwords(&mut self) -> Vec<Afterword> {
        Vec::new()
    }

    /// These are recorded, or nothing is to be recorded of them.
    fn forget_afterwords(&mut self, _heard: &[Afterword]) {}

    /// Says something on a pull request that has ended, once, however often it is asked to.
    fn say_after_end(&mut self, _said: &AfterEnd) -> Told {
        Told::Done
    }

    /// Who is in a team, as `ORGANISATION/SLUG`; nobody where the forge knows no teams.
    ///
    /// # Errors
    /// When the forge cannot be asked: then nobody is taken for a member.
    fn team_members(&mut self, _team: &str) -> Result<Vec<AccountRecord>, ForgeError> {
        Ok(Vec::new())
    }

    /// Who of those whose approval is needed was asked for it; none where this forge asks nobody.
    fn asked(&self, _number: PullNumber, _asks: &[Ask]) -> Option<Asked> {
        None
    }

    /// The completed check runs of a commit, asked only where the rules have an App vouch for something; none where the
    /// forge knows none.
    ///
    /// # Errors
    /// When the forge cannot be asked. Then nothing is decided.
    fn check_runs(&mut self, _head: Sha) -> Result<Vec<CheckRun>, ForgeError> {
        Ok(Vec::new())
    }

    /// Starts a workflow, once; it reports by itself how it ended.
    ///
    /// # Errors
    /// When the forge has no workflows or does not start this one. [`ForgeError::is_uncertain`] says
    /// whether it may have started all the same.
    fn start_workflow(&mut self, _order: &WorkflowOrder) -> Result<(), ForgeError> {
        Err(ForgeError::NoWorkflows)
    }
}

/// A review to be recorded.
#[derive(Debug, Clone)]
pub struct NewReview {
    pub number: PullNumber,
    pub by: Login,
    pub opinion: Opinion,
    /// For which commit; none: the newest one.
    pub head: Option<Sha>,
    pub body: String,
    pub at: DateTime<Utc>,
}

/// A comment to be written.
#[derive(Debug, Clone)]
pub struct NewComment {
    pub number: PullNumber,
    /// Whose it is; on GitHub whose token we have.
    pub by: AccountRecord,
    pub body: String,
    pub at: DateTime<Utc>,
}

/// A new commit of an open pull request.
#[derive(Debug)]
pub struct NewHead {
    /// As it was when the commit was made.
    pub pull: Pull,
    pub head: Sha,
    /// The objects to store first.
    pub buffer: ObjectBuffer,
    pub at: DateTime<Utc>,
}

/// A pull request whose people could not be told everything.
#[derive(Debug, thiserror::Error)]
#[error("{number}: {error}")]
pub struct Unreported {
    pub number: PullNumber,
    #[source]
    pub error: ForgeError,
}

/// What was said on a pull request after it had ended. It changes nothing about how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Afterword {
    pub number: PullNumber,
    /// Its reviews, as far as they are news.
    pub reviews: Vec<Review>,
    pub comments: Vec<Comment>,
}

impl Afterword {
    /// Without the reviews and comments that the other holds too.
    pub fn forget(&mut self, other: &Self) {
        self.reviews.retain(|said| !other.reviews.contains(said));
        self.comments.retain(|said| !other.comments.contains(said));
    }
}

/// What is said on a pull request after its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AfterEnd {
    pub number: PullNumber,
    /// The same for what is the same, a word without blanks.
    pub key: String,
    pub text: String,
}

/// Whether somebody was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Now or before, or there is nobody to tell.
    Done,
    /// That failed, which the end of the run says: it has to be tried again.
    Later,
}

/// What a merge rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Nobody was asked, because of its level and the mode.
    Risk(Level),
    /// People approved it, or may merge their own.
    People,
}

/// A workflow to start.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowOrder {
    /// Where it is, as `OWNER/NAME`; none for the repository of the forge itself.
    pub repository: Option<String>,
    /// What it listens for.
    pub event_type: String,
    /// What it is told: an object of at most ten keys.
    pub payload: serde_json::Value,
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
    pub now: DateTime<Utc>,
}

/// The end of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    pub number: PullNumber,
    pub branch: String,
    /// The commit that was decided.
    pub head: Sha,
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
    pub title: String,
    /// The whole explanation, as Markdown that is readable as plain text.
    pub body: String,
    /// The same as data, for a forge that can show more than text.
    pub details: Details,
}

/// What a report says, as far as a forge has a place of its own for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// How risky it is; none while it cannot be scored.
    pub level: Option<Level>,
    /// Whose approvals are still needed, each group once.
    pub asks: Vec<Ask>,
    /// What is worth a comment; none for what needs nobody.
    pub comment: Option<Box<CommentText>>,
    /// What is wrong with its files.
    pub problems: Vec<Problem>,
}

/// A comment. Between its two parts the forge says whom it has asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentText {
    pub lead: String,
    pub rest: String,
}

impl CommentText {
    /// The whole, with what the forge has to say about whom it has asked.
    pub fn text(&self, asked: &str) -> String {
        format!("{}{asked}{}", self.lead, self.rest)
    }
}

/// Whose approval is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub group: GroupName,
    /// Their teams, as `ORGANISATION/SLUG`.
    pub teams: Vec<String>,
    /// Those of them who are known by name: asked where no team can be.
    pub people: Vec<Login>,
}

/// Who was asked for an approval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The teams that were asked, as `ORGANISATION/SLUG`.
    pub teams: Vec<String>,
    pub people: Vec<Login>,
    /// Those for whom GitHub takes no request.
    pub refused: Vec<Login>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let teams = self.teams.iter().map(|team| format!("the team {team}"));
        let people = self.people.iter().map(Login::to_string);
        let asked: Vec<String> = teams.chain(people).collect();
        let asked = (!asked.is_empty()).then(|| format!("Asked: {}.", asked.join(", ")));
        let refused: Vec<&str> = self.refused.iter().map(Login::as_str).collect();
        let refused = (!refused.is_empty()).then(|| {
            format!(
                "Not asked: {} (GitHub takes no request for people without access to the repository).",
                refused.join(", ")
            )
        });
        let said: Vec<String> = asked.into_iter().chain(refused).collect();
        f.write_str(&said.join(" "))
    }
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
    #[error(transparent)]
    Git(#[from] GitError),
    /// A record of a pull request cannot be read.
    #[error("the record of pull request {number} cannot be read: {reason}")]
    Record { number: PullNumber, reason: String },
    /// There is no such pull request.
    #[error("there is no pull request {0}: `countersign list` shows the open ones")]
    NoSuchPull(PullNumber),
    /// The pull request has ended.
    #[error(
        "pull request {0} has ended: nothing more can be said on it; use `countersign feedback`"
    )]
    Ended(PullNumber),
    /// The server of the repository could not be asked or told.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// GitHub could not be asked or told.
    #[error(transparent)]
    Github(#[from] github::ApiError),
    /// It starts no workflows.
    #[error(
        "pull requests live in a folder here, which starts no workflows: the executor `dispatch` needs GitHub"
    )]
    NoWorkflows,
    /// Somebody has rewritten `main`.
    #[error(
        "`main` of `{repository}` was rewritten: it was at {was} and is now at {is}, which does not contain it. \
         Nothing is decided until it is put back, or the clone `{clone}` is removed on purpose"
    )]
    Rewritten {
        repository: String,
        /// Where we last saw it.
        was: Sha,
        is: Sha,
        /// Our clone, which remembers.
        clone: String,
    },
    /// The server keeps us from moving `main`.
    #[error(
        "`{repository}` refused to move `main`: {reason}. Let the bot push there: list it under `bypass_actors` of the ruleset, or among those who may push to the protected branch"
    )]
    Protected {
        repository: String,
        /// In the server's words.
        reason: String,
    },
    /// Its pull requests are not reviewed through us.
    #[error("pull requests on GitHub are reviewed on GitHub, where it is certain who you are")]
    ReviewedThere,
    /// Somebody else moved its branch.
    #[error("the branch of pull request {0} was moved meanwhile: look at it again")]
    Moved(PullNumber),
    /// Its branch is not ours to move.
    #[error("the branch of pull request {number} cannot be moved: {reason}")]
    Refused {
        number: PullNumber,
        /// In the server's words.
        reason: String,
    },
    /// Other writers were faster every time.
    #[error("the record of pull requests was changed by others {0} times in a row: try again")]
    Busy(u32),
}

impl ForgeError {
    /// Whether what failed so may have been done all the same.
    pub const fn is_uncertain(&self) -> bool {
        match self {
            Self::Github(error) => error.is_uncertain(),
            _ => false,
        }
    }

    /// What happened in a few words that stay the same as long as it does, for a report.
    pub fn brief(&self) -> String {
        match self {
            Self::Github(error) => match error.status() {
                Some(404) => "there is no such team, or the bot may not see it".to_owned(),
                Some(status) => format!("GitHub answered with {status}"),
                None => "GitHub did not answer".to_owned(),
            },
            _ => "the forge did not answer".to_owned(),
        }
    }
}
