//! Webhooks as values. The signature was checked before; what we do not need is none at all.
//!
//! An event only says where to look: what is decided follows from the state, so that a delivery that is
//! lost, repeated or late changes nothing.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::external_id::ExternalId;
use super::wire::{User, WireCheckRun, WireComment, WirePull, WireReview};
use crate::domain::ids::Sha;

/// What happened, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// `OWNER/NAME`; none for what is about the installation as a whole.
    pub repository: Option<String>,
    /// The installation of the App that was told.
    pub installation: Option<u64>,
    pub what: EventKind,
}

/// What was done to a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullChange {
    /// It is new, so that nobody has said anything on it.
    Opened,
    /// It was closed, and is open again.
    Reopened,
    /// Somebody pushed to its branch.
    Pushed {
        /// Where the branch was.
        before: Option<Sha>,
    },
    /// It was aimed at another branch.
    Retargeted,
    /// It got a label, or lost one.
    Labelled,
    /// Closed, made a draft, or no draft any more.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A pull request was opened, pushed to, retargeted, closed or opened again.
    Pull {
        /// How it is now.
        pull: Box<WirePull>,
        by: Option<User>,
        change: PullChange,
    },
    /// A review was given, edited or dismissed.
    Review {
        pull: Box<WirePull>,
        /// The review as it is now.
        review: Box<WireReview>,
        /// Whether its text was changed.
        was_edited: bool,
    },
    /// A comment was written, edited or removed.
    Comment {
        /// The number of the pull request.
        number: u64,
        /// The comment as it is, or was.
        comment: Box<WireComment>,
        by: Option<User>,
        /// Whether its text was changed.
        was_edited: bool,
        /// Whether it is gone.
        was_deleted: bool,
    },
    /// A branch was moved.
    Push {
        name: String,
        /// Where it was; none if it is new.
        before: Option<Sha>,
        /// Where to; none if it is gone.
        after: Option<Sha>,
        by: Option<User>,
    },
    /// Somebody asked for our check run again, or for all of our App's.
    CheckAgain { head: Option<Sha> },
    /// A check run of another App has ended.
    Checked { head: Option<Sha> },
    /// Repositories were added to the App or taken from it.
    Installation,
    /// Who is in a team has changed.
    Team,
}

/// Why a webhook could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the `{event}` webhook cannot be read: {reason}")]
pub struct InvalidWebhook {
    event: String,
    reason: String,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    action: Option<String>,
    repository: Option<Repository>,
    installation: Option<Installation>,
    sender: Option<User>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct OfPull {
    pull_request: WirePull,
    #[serde(default)]
    changes: Changes,
    #[serde(default)]
    before: Option<Sha>,
}

#[derive(Deserialize, Default)]
struct Changes {
    base: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct OfReview {
    pull_request: WirePull,
    review: WireReview,
}

#[derive(Deserialize)]
struct OfComment {
    issue: Issue,
    comment: WireComment,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    pull_request: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct OfPush {
    #[serde(rename = "ref")]
    name: String,
    #[serde(default)]
    before: Option<Sha>,
    #[serde(default)]
    after: Option<Sha>,
}

#[derive(Deserialize)]
struct OfCheckRun {
    check_run: WireCheckRun,
}

#[derive(Deserialize)]
struct OfCheckSuite {
    check_suite: CheckSuite,
}

#[derive(Deserialize)]
struct CheckSuite {
    #[serde(default)]
    head_sha: Option<Sha>,
}

/// Reads a webhook by its event (`X-GitHub-Event`) and body; none if it is nothing to us.
///
/// # Errors
/// When the body is not what GitHub documents for that event.
pub fn parse(event: &str, body: &[u8]) -> Result<Option<WebhookEvent>, InvalidWebhook> {
    if !matches!(
        event,
        "pull_request"
            | "pull_request_review"
            | "issue_comment"
            | "push"
            | "check_run"
            | "check_suite"
            | "installation"
            | "installation_repositories"
            | "membership"
            | "team"
    ) {
        return Ok(None);
    }
    let envelope: Envelope = read(event, body)?;
    let action = envelope.action.as_deref().unwrap_or_default();
    let what = match event {
        "pull_request" => pull(action, read(event, body)?, envelope.sender),
        "pull_request_review" => review(action, read(event, body)?),
        "issue_comment" => comment(action, read(event, body)?, envelope.sender),
        "push" => {
            let OfPush {
                name,
                before,
                after,
            } = read(event, body)?;
            // Of what is not there GitHub writes zeros.
            let there = |id: &Sha| id.as_bytes() != &[0; 20];
            name.starts_with("refs/heads/").then(|| EventKind::Push {
                name,
                before: before.filter(there),
                after: after.filter(there),
                by: envelope.sender,
            })
        }
        "check_run" => {
            let OfCheckRun { check_run } = read(event, body)?;
            let is_ours = ExternalId::of(&check_run).is_some();
            let head = check_run.head_sha;
            match action {
                "rerequested" | "requested_action" if is_ours => {
                    Some(EventKind::CheckAgain { head })
                }
                "completed" if !is_ours => Some(EventKind::Checked { head }),
                _ => None,
            }
        }
        "check_suite" => {
            let OfCheckSuite { check_suite } = read(event, body)?;
            (action == "rerequested").then_some(EventKind::CheckAgain {
                head: check_suite.head_sha,
            })
        }
        "membership" | "team" => Some(EventKind::Team),
        _ => Some(EventKind::Installation),
    };
    Ok(what.map(|what| WebhookEvent {
        repository: envelope.repository.map(|repository| repository.full_name),
        installation: envelope.installation.map(|installation| installation.id),
        what,
    }))
}

fn pull(action: &str, of: OfPull, by: Option<User>) -> Option<EventKind> {
    let change = match action {
        "opened" => PullChange::Opened,
        "reopened" => PullChange::Reopened,
        "synchronize" => PullChange::Pushed { before: of.before },
        "closed" | "ready_for_review" | "converted_to_draft" => PullChange::Other,
        "edited" if of.changes.base.is_some() => PullChange::Retargeted,
        "labeled" | "unlabeled" => PullChange::Labelled,
        _ => return None,
    };
    Some(EventKind::Pull {
        pull: Box::new(of.pull_request),
        by,
        change,
    })
}

fn review(action: &str, of: OfReview) -> Option<EventKind> {
    matches!(action, "submitted" | "edited" | "dismissed").then(|| EventKind::Review {
        pull: Box::new(of.pull_request),
        review: Box::new(of.review),
        was_edited: action == "edited",
    })
}

fn comment(action: &str, of: OfComment, by: Option<User>) -> Option<EventKind> {
    let is_news = matches!(action, "created" | "edited" | "deleted");
    (is_news && of.issue.pull_request.is_some()).then(|| EventKind::Comment {
        number: of.issue.number,
        comment: Box::new(of.comment),
        by,
        was_edited: action == "edited",
        was_deleted: action == "deleted",
    })
}

fn read<T: DeserializeOwned>(event: &str, body: &[u8]) -> Result<T, InvalidWebhook> {
    serde_json::from_slice(body).map_err(|error| InvalidWebhook {
        event: event.to_owned(),
        reason: error.to_string(),
    })
}
