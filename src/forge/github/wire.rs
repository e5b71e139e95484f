//! What we read of GitHub's answers and webhooks: small shapes of our own, that take what we need and
//! ignore the rest, so that a field added or left out by GitHub stops nothing.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::documents::AccountRecord;
use crate::domain::ids::Sha;
use crate::domain::pull::CheckRun;
use crate::domain::review::{Comment, Opinion, Review};

/// An edit within this time of the first writing is the writing itself.
const WRITING: TimeDelta = TimeDelta::seconds(1);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Its name, which may change hands.
    pub login: String,
    /// Its number, which does not.
    pub id: u64,
    /// `User`, `Bot` or `Organization`.
    #[serde(default, rename = "type")]
    pub kind: String,
}

impl User {
    /// Whether GitHub marks it as a program.
    pub fn is_bot(&self) -> bool {
        self.kind == "Bot"
    }
    /// As the domain records it.
    pub fn account(&self) -> AccountRecord {
        AccountRecord {
            login: self.login.parse().ok(),
            id: Some(self.id),
            email: None,
        }
    }
    /// The account of somebody; nobody if it was deleted, which never approves anything.
    pub fn record(user: Option<&Self>) -> AccountRecord {
        user.map(Self::account).unwrap_or_default()
    }
}

/// One end of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct End {
    #[serde(rename = "ref")]
    pub branch: String,
    pub sha: Sha,
    /// Its repository; none once that is gone.
    #[serde(default)]
    pub repo: Option<WireRepository>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WireRepository {
    /// `OWNER/NAME`.
    pub full_name: String,
    /// Its id in GraphQL.
    #[serde(default)]
    pub node_id: Option<String>,
}

/// One entry of GitHub's account of what befell a branch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WireActivity {
    /// Where the branch was.
    pub before: Sha,
    pub after: Sha,
    pub timestamp: DateTime<Utc>,
    /// `push`, `force_push`, `branch_creation`, `branch_deletion`, `pr_merge` or `merge_queue_merge`.
    pub activity_type: String,
    /// Who did it; nobody once the account is gone.
    pub actor: Option<User>,
}

impl WireActivity {
    /// Whether it made the branch.
    pub fn is_creation(&self) -> bool {
        self.activity_type == "branch_creation"
    }
    /// Whether it put commits on the branch.
    pub fn moves(&self) -> bool {
        self.activity_type != "branch_deletion"
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Label {
    pub name: String,
    /// Its id in GraphQL.
    #[serde(default)]
    pub node_id: Option<String>,
}

/// A team that was asked for a review.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Team {
    /// Its name in addresses.
    #[serde(default)]
    pub slug: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WirePull {
    pub number: u64,
    /// Its id in GraphQL.
    #[serde(default)]
    pub node_id: Option<String>,
    /// Its address for people.
    #[serde(default)]
    pub html_url: Option<String>,
    /// `open` or `closed`.
    pub state: String,
    /// Whether its author still works on it.
    #[serde(default)]
    pub draft: bool,
    pub user: Option<User>,
    pub head: End,
    pub base: End,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When anything about it changed.
    #[serde(default)]
    pub updated_at: Option<DateTime<Utc>>,
    /// When it was closed.
    #[serde(default)]
    pub closed_at: Option<DateTime<Utc>>,
    /// When it was merged.
    #[serde(default)]
    pub merged_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub labels: Vec<Label>,
    /// People who were asked for a review and have not given one.
    #[serde(default)]
    pub requested_reviewers: Vec<Option<User>>,
    #[serde(default)]
    pub requested_teams: Vec<Team>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WireReview {
    pub id: u64,
    pub user: Option<User>,
    #[serde(default)]
    pub body: Option<String>,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED` or `PENDING`, in either case.
    pub state: String,
    /// The commit that it was given for.
    #[serde(default)]
    pub commit_id: Option<Sha>,
    /// When it was given.
    #[serde(default)]
    pub submitted_at: Option<DateTime<Utc>>,
    /// When its text was changed, where GitHub says so.
    #[serde(default)]
    pub updated_at: Option<DateTime<Utc>>,
}

impl WireReview {
    /// As the domain hears it; none while it is not submitted, or for no commit.
    pub fn review(&self) -> Option<Review> {
        let opinion = match self.state.to_ascii_lowercase().as_str() {
            "approved" => Opinion::Approve,
            "changes_requested" => Opinion::RequestChanges,
            "dismissed" => Opinion::Dismissed,
            "commented" => Opinion::Comment,
            _ => return None,
        };
        let at = self.submitted_at?;
        Some(Review {
            id: self.id.to_string(),
            account: User::record(self.user.as_ref()),
            is_bot: self.user.as_ref().is_none_or(User::is_bot),
            opinion,
            head: self.commit_id?,
            main: None,
            body: self.body.clone().unwrap_or_default(),
            at,
            edited: self
                .updated_at
                .is_some_and(|changed| changed - at > WRITING),
        })
    }
}

/// A comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WireComment {
    pub id: u64,
    pub user: Option<User>,
    #[serde(default)]
    pub body: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was changed.
    #[serde(default)]
    pub updated_at: Option<DateTime<Utc>>,
    /// The App by which it was written.
    #[serde(default, rename = "performed_via_github_app")]
    pub app: Option<WireApp>,
}

impl WireComment {
    /// As the domain hears it.
    pub fn comment(&self) -> Comment {
        Comment {
            id: self.id.to_string(),
            account: User::record(self.user.as_ref()),
            is_bot: self.user.as_ref().is_none_or(User::is_bot),
            body: self.body.clone().unwrap_or_default(),
            at: self.created_at,
            edited: self
                .updated_at
                .is_some_and(|changed| changed - self.created_at > WRITING),
        }
    }
}

/// An issue, as far as it says who closed it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WireIssue {
    #[serde(default)]
    pub closed_by: Option<User>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WireApp {
    pub id: u64,
    /// Its name in addresses.
    #[serde(default)]
    pub slug: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WireCheckRun {
    pub id: u64,
    #[serde(default)]
    pub name: String,
    /// What we wrote there: a fingerprint of what it says.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The commit that it is for.
    #[serde(default)]
    pub head_sha: Option<Sha>,
    /// Whether it is completed.
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub conclusion: Option<String>,
    #[serde(default)]
    pub output: WireOutput,
    /// The App that made it.
    #[serde(default)]
    pub app: Option<WireApp>,
    #[serde(default)]
    pub completed_at: Option<DateTime<Utc>>,
    /// Its address for people.
    #[serde(default)]
    pub html_url: Option<String>,
}

impl WireCheckRun {
    /// As the domain hears it; none while it is not completed.
    pub fn check_run(self) -> Option<CheckRun> {
        let (app, completed_at) = (self.app?, self.completed_at?);
        let parts = [self.output.summary, self.output.text];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (self.status == "completed").then(|| CheckRun {
            id: self.id,
            name: self.name,
            app: app.slug,
            app_id: app.id,
            is_success: self.conclusion.as_deref() == Some("success"),
            text: parts.join("\n\n"),
            completed_at,
            url: self.html_url,
        })
    }
}

/// What a check run says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct WireOutput {
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub summary: Option<String>,
    #[serde(default)]
    pub text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WireStatus {
    pub context: String,
    /// `success`, `pending`, `failure` or `error`.
    pub state: String,
    #[serde(default)]
    pub description: Option<String>,
}

/// Something with a number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WireNumbered {
    pub id: u64,
}
