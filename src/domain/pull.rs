//! A pull request, as every forge can show it.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::documents::AccountRecord;
use super::ids::{PullNumber, Sha};
use super::review::{Comment, Review};

/// A pull request and everything that people said on it, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// Its number on the forge.
    pub number: PullNumber,
    /// Its address, where the forge has one.
    pub url: Option<String>,
    /// The branch it proposes from.
    pub branch: String,
    pub author: AccountRecord,
    /// Who is known to have pushed to its branch, where the forge says it.
    pub pushers: Vec<AccountRecord>,
    /// Whether that is everybody who did.
    pub pushes: Pushes,
    /// When it was aimed at `main`, if it was aimed elsewhere before: what was said until then was said of another
    /// difference.
    pub base_changed_at: Option<DateTime<Utc>>,
    /// The newest commit of it.
    pub head: Sha,
    /// The commit that it was opened with, where the forge has told it.
    #[serde(default)]
    pub opened_with: Option<Sha>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// Whether it is still to be decided.
    pub state: PullState,
    /// Its reviews, oldest first.
    pub reviews: Vec<Review>,
    /// Its comments, oldest first.
    pub comments: Vec<Comment>,
    /// What the bot last said on it, so that it speaks only when it has something new to say.
    pub last_report: Option<String>,
}

const SECOND: TimeDelta = TimeDelta::seconds(1);

impl Pull {
    /// The same, with nothing said before it was opened or later than `now`, whatever the clock of whoever said it
    /// read. Their order stays.
    pub fn until(&self, now: DateTime<Utc>) -> Cow<'_, Self> {
        let opened_at = self.opened_at.min(now);
        let seen = |at: DateTime<Utc>| at.clamp(opened_at, now);
        // A review counts only if it is later than the last change of base, in whole seconds.
        let base_changed_at = self.base_changed_at.map(|at| at.min(now - SECOND));
        let reviewed = |at: DateTime<Utc>| match (self.base_changed_at, base_changed_at) {
            (Some(change), Some(seen_change)) if at <= change => seen(at).min(seen_change),
            _ => seen(at),
        };
        let comments = self.comments.iter().map(|comment| comment.at);
        let closed = match self.state {
            PullState::Closed { at, .. } => Some(at),
            PullState::Open | PullState::Draft | PullState::Done => None,
        };
        let is_seen = base_changed_at == self.base_changed_at
            && self.reviews.iter().all(|one| one.at == reviewed(one.at))
            && comments.chain(closed).all(|at| at == seen(at));
        if is_seen {
            return Cow::Borrowed(self);
        }
        let mut pull = self.clone();
        pull.base_changed_at = base_changed_at;
        for review in &mut pull.reviews {
            review.at = reviewed(review.at);
        }
        for comment in &mut pull.comments {
            comment.at = seen(comment.at);
        }
        if let PullState::Closed { at, .. } = &mut pull.state {
            *at = seen(*at);
        }
        Cow::Owned(pull)
    }
}

/// How much is known of who pushed to the branch of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pushes {
    /// Everybody who pushed is known.
    Known,
    /// The forge was not asked yet: it is, before anything is merged because people approved it.
    NotAsked,
    /// The forge cannot say it, so no approval counts.
    Unknown {
        /// What people can do about it.
        help: String,
    },
}

/// Whether a pull request is still to be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullState {
    /// Still to be decided.
    Open,
    /// Its author still works on it. It is not decided, but what is said on it counts for others of its case.
    Draft,
    /// Closed by hand, without a decision.
    Closed {
        by: AccountRecord,
        at: DateTime<Utc>,
    },
    /// Ended by the bot: merged, or closed after a recorded decision.
    Done,
}

/// A completed check run of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    /// Its id on the forge.
    pub id: u64,
    pub name: String,
    /// The slug of the App that made it, and its numeric id.
    pub app: String,
    pub app_id: u64,
    /// Whether it ended as a success.
    pub is_success: bool,
    /// Summary and text, as Markdown.
    pub text: String,
    pub completed_at: DateTime<Utc>,
    /// Its address for people.
    pub url: Option<String>,
}

/// What somebody had to do with the commits of a pull request: none of them may approve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    pub account: AccountRecord,
    pub part: Part,
    pub commit: Sha,
}

/// The part somebody had in a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Opened the pull request.
    Opener,
    Author,
    /// Made the commit, and on the local forge pushed it.
    Committer,
    /// Is named in a `Co-authored-by` trailer.
    CoAuthor,
    /// Pushed to the branch, whoever wrote the commits.
    Pusher,
}

impl Part {
    /// The noun for a part in a commit; none for having opened the pull request.
    pub const fn find_noun(self) -> Option<&'static str> {
        match self {
            Self::Opener => None,
            Self::Author => Some("author"),
            Self::Committer => Some("committer"),
            Self::CoAuthor => Some("co-author"),
            Self::Pusher => Some("pusher"),
        }
    }
}
