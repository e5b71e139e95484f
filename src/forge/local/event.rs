//! The history of a pull request on the local forge: one line of JSON an event, folded by one match.
//!
//! The shapes are stored for ever: a new field needs a default, a new event a new variant (see the samples in the
//! tests).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::documents::{AccountRecord, Status};
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::pull::{Pull, PullState, Pushes};
use crate::domain::review::{Comment, Opinion, Review};

/// Something that happened to a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum PullEvent {
    /// A branch was pushed.
    Opened {
        branch: String,
        head: Sha,
        /// Whose commit that is.
        author: AccountRecord,
        /// When the forge saw it.
        at: DateTime<Utc>,
        /// Whether it was pushed. What is proposed through us gets its branch when it has to wait.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        has_branch: bool,
    },
    /// The branch of a pull request that was opened without one was made.
    Branched { at: DateTime<Utc> },
    /// The branch was moved.
    Pushed {
        head: Sha,
        /// When the forge saw it.
        at: DateTime<Utc>,
    },
    Reviewed {
        account: AccountRecord,
        opinion: Opinion,
        head: Sha,
        /// The tip of `main` at that moment.
        main: Option<Sha>,
        body: String,
        at: DateTime<Utc>,
    },
    Commented {
        account: AccountRecord,
        body: String,
        at: DateTime<Utc>,
    },
    /// The bot said something new.
    Reported { text: String, at: DateTime<Utc> },
    /// The branch was deleted before a decision.
    Closed {
        /// Whose branch it was.
        by: AccountRecord,
        /// When the forge saw it.
        at: DateTime<Utc>,
    },
    /// The branch is there again, before a decision.
    Reopened {
        /// When the forge saw it.
        at: DateTime<Utc>,
    },
    /// The bot ended it.
    Ended {
        status: Status,
        /// The commit that was decided; the branch may have moved on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<Sha>,
        /// The tip of `main` that records it.
        main: Sha,
        /// What the bot said last.
        text: String,
        at: DateTime<Utc>,
    },
}

impl PullEvent {
    /// What happened, in a word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Branched { .. } => "branched",
            Self::Pushed { .. } => "pushed",
            Self::Reviewed { .. } => "reviewed",
            Self::Commented { .. } => "commented",
            Self::Reported { .. } => "reported",
            Self::Closed { .. } => "closed",
            Self::Reopened { .. } => "reopened",
            Self::Ended { .. } => "ended",
        }
    }

    pub const fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Opened { at, .. }
            | Self::Branched { at }
            | Self::Pushed { at, .. }
            | Self::Reviewed { at, .. }
            | Self::Commented { at, .. }
            | Self::Reported { at, .. }
            | Self::Closed { at, .. }
            | Self::Reopened { at }
            | Self::Ended { at, .. } => *at,
        }
    }

    /// The commit that the pull request has from then on.
    pub const fn head(&self) -> Option<Sha> {
        match self {
            Self::Opened { head, .. } | Self::Pushed { head, .. } => Some(*head),
            _ => None,
        }
    }

    /// The head that nothing else keeps from then on: no branch leads to it, and `main` does not.
    pub fn leaves_behind(&self, before: Option<&Pull>) -> Option<Sha> {
        let before = before.map(|pull| pull.head);
        match self {
            Self::Opened {
                head,
                has_branch: false,
                ..
            } => Some(*head),
            Self::Pushed { .. } | Self::Closed { .. } => before,
            Self::Ended { status, head, .. } if !status.is_approval() => head.or(before),
            _ => None,
        }
    }

    /// Whether the pull request already is as this event would make it, so that repeating it says nothing.
    pub fn is_redundant_on(&self, pull: Option<&Pull>) -> bool {
        match (self, pull) {
            (Self::Opened { .. }, Some(_)) => true,
            (_, None) => false,
            (Self::Pushed { head, .. }, Some(pull)) => {
                pull.head == *head || pull.state == PullState::Done
            }
            (Self::Reported { text, .. }, Some(pull)) => {
                pull.last_report.as_ref() == Some(text) || pull.state == PullState::Done
            }
            (Self::Closed { .. }, Some(pull)) => pull.state != PullState::Open,
            (Self::Reopened { .. }, Some(pull)) => !matches!(pull.state, PullState::Closed { .. }),
            (Self::Ended { .. }, Some(pull)) => pull.state == PullState::Done,
            (Self::Reviewed { .. } | Self::Commented { .. } | Self::Branched { .. }, Some(_)) => {
                false
            }
        }
    }

    /// Applies the event to what came before it.
    pub fn fold(self, number: PullNumber, before: Option<Pull>) -> Result<Pull, Misplaced> {
        let (event, mut pull) = match (self, before) {
            (
                Self::Opened {
                    branch,
                    head,
                    author,
                    at,
                    has_branch: _,
                },
                None,
            ) => return Ok(opened(number, branch, head, author, at)),
            (Self::Opened { .. }, Some(_)) => return Err(Misplaced::OpenedTwice),
            (_, None) => return Err(Misplaced::BeforeOpened),
            (event, Some(pull)) => (event, pull),
        };
        let id = format!("r{}", pull.reviews.len() + pull.comments.len() + 1);
        match event {
            Self::Opened { .. } | Self::Branched { .. } => {}
            Self::Pushed { head, .. } => pull.head = head,
            Self::Reviewed {
                account,
                opinion,
                head,
                main,
                body,
                at,
            } => {
                pull.reviews.push(Review {
                    id,
                    account,
                    is_bot: false,
                    opinion,
                    head,
                    main,
                    body,
                    at,
                    edited: false,
                });
            }
            Self::Commented { account, body, at } => pull.comments.push(Comment {
                id,
                account,
                is_bot: false,
                body,
                at,
                edited: false,
            }),
            Self::Reported { text, .. } => pull.last_report = Some(text),
            Self::Closed { by, at } => pull.state = PullState::Closed { by, at },
            Self::Reopened { .. } => pull.state = PullState::Open,
            Self::Ended { text, head, .. } => {
                pull.state = PullState::Done;
                pull.head = head.unwrap_or(pull.head);
                pull.last_report = Some(text);
            }
        }
        Ok(pull)
    }
}

/// Why an event cannot have happened where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    #[error("it is opened twice")]
    OpenedTwice,
    #[error("something happened before it was opened")]
    BeforeOpened,
}

const fn yes() -> bool {
    true
}

/// As serde asks it.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_yes(answer: &bool) -> bool {
    *answer
}

fn opened(
    number: PullNumber,
    branch: String,
    head: Sha,
    author: AccountRecord,
    opened_at: DateTime<Utc>,
) -> Pull {
    Pull {
        number,
        url: None,
        branch,
        author,
        pushers: Vec::new(),
        // A push has no account here: whoever made the commits is held to have pushed them.
        pushes: Pushes::Known,
        base_changed_at: None,
        head,
        opened_with: Some(head),
        opened_at,
        state: PullState::Open,
        reviews: Vec::new(),
        comments: Vec::new(),
        last_report: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// One stored sample of every shape that was ever written. Add to it; never change a line.
    const SAMPLES: [&str; 10] = [
        r#"{"event":"opened","branch":"recommend/a","head":"9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a","author":{"email":"a@agents.example.org"},"at":"2026-11-23T14:02:11Z"}"#,
        r#"{"event":"branched","at":"2026-11-23T14:02:12Z"}"#,
        r#"{"event":"pushed","head":"8f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a","at":"2026-11-23T14:03:11Z"}"#,
        r#"{"event":"reviewed","account":{"login":"alice"},"opinion":"approve","head":"8f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a","main":"7f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a","body":"fine","at":"2026-11-23T14:04:11Z"}"#,
        r#"{"event":"commented","account":{"login":"alice"},"body":"/confidence confident","at":"2026-11-23T14:05:11Z"}"#,
        r#"{"event":"reported","text":"waiting: MEDIUM","at":"2026-11-23T14:05:12Z"}"#,
        r#"{"event":"closed","by":{"email":"a@agents.example.org"},"at":"2026-11-23T14:06:11Z"}"#,
        r#"{"event":"reopened","at":"2026-11-23T14:06:11Z"}"#,
        r#"{"event":"ended","status":"withdrawn","head":"8f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a","main":"7f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a","text":"failure: withdrawn","at":"2026-11-23T14:06:12Z"}"#,
        r#"{"event":"ended","status":"withdrawn","main":"7f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a","text":"failure: withdrawn","at":"2026-11-23T14:06:12Z"}"#,
    ];

    #[test]
    fn one_without_a_branch_is_stored_as_such() {
        let sample = r#"{"event":"opened","branch":"recommend/a","head":"9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a","author":{"email":"a@agents.example.org"},"at":"2026-11-23T14:02:11Z","has_branch":false}"#;
        let event: PullEvent = serde_json::from_str(sample).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), sample);
    }

    #[test]
    fn every_shape_ever_stored_still_folds() {
        let mut pull = None;
        for sample in SAMPLES {
            let event: PullEvent = serde_json::from_str(sample).unwrap();
            assert_eq!(serde_json::to_string(&event).unwrap(), sample);
            pull = Some(event.fold(PullNumber(1), pull).unwrap());
        }
        let pull = pull.unwrap();
        assert_eq!(
            (pull.state, pull.reviews.len(), pull.comments.len()),
            (PullState::Done, 1, 1)
        );
        assert_eq!(pull.last_report.as_deref(), Some("failure: withdrawn"));
    }
}
