//! What people say on a pull request after it has ended: nothing that changes its end, but feedback is recorded, and a
//! freeze stops everything.
//!
//! Events tell it; where they were lost, a list shows that something changed, and what was said is read.

use serde_json::json;

use super::client::Method;
use super::connection::lock;
use super::pull_cache::PullRequestCache;
use super::wire::{WireComment, WireReview};
use super::{GithubForge, Result, confirm, read};
use crate::domain::command::Command;
use crate::domain::ids::PullNumber;
use crate::domain::review::{Comment, Review};
use crate::forge::{AfterEnd, Afterword};

impl PullRequestCache {
    /// Keeps what may be feedback or a freeze.
    pub(super) fn keep_afterwords(
        &mut self,
        number: PullNumber,
        reviews: Vec<Review>,
        comments: Vec<Comment>,
    ) -> bool {
        let reviews = reviews.into_iter();
        let reviews = reviews.filter(|r| !r.edited && !r.is_bot && is_heard(&r.body));
        let comments = comments.into_iter();
        let comments = comments.filter(|c| !c.edited && !c.is_bot && is_heard(&c.body));
        let mut said = Afterword {
            number,
            reviews: reviews.collect(),
            comments: comments.collect(),
        };
        if said.reviews.is_empty() && said.comments.is_empty() {
            return false;
        }
        let known = self.afterwords.entry(number).or_insert(Afterword {
            number,
            reviews: Vec::new(),
            comments: Vec::new(),
        });
        let reviews = &mut known.reviews;
        reviews.retain(|one| said.reviews.iter().all(|new| new.id != one.id));
        reviews.append(&mut said.reviews);
        let comments = &mut known.comments;
        comments.retain(|one| said.comments.iter().all(|new| new.id != one.id));
        comments.append(&mut said.comments);
        true
    }

    pub(super) fn hear_late_review(
        &mut self,
        number: PullNumber,
        wire: &WireReview,
        was_edited: bool,
    ) -> bool {
        let Some(mut review) = wire.review() else {
            return false;
        };
        review.edited |= was_edited;
        if let Some(known) = self.afterwords.get_mut(&number) {
            known.reviews.retain(|known| known.id != review.id);
        }
        self.keep_afterwords(number, vec![review], Vec::new())
    }

    pub(super) fn hear_late_comment(
        &mut self,
        number: PullNumber,
        wire: &WireComment,
        change: LateChange,
    ) -> bool {
        let mut comment = wire.comment();
        comment.edited |= change.was_edited;
        if let Some(known) = self.afterwords.get_mut(&number) {
            known.comments.retain(|known| known.id != comment.id);
        }
        !change.was_deleted && self.keep_afterwords(number, Vec::new(), vec![comment])
    }
}

/// What was done to a comment, unless it is new.
#[derive(Debug, Clone, Copy)]
pub(super) struct LateChange {
    pub(super) was_edited: bool,
    pub(super) was_deleted: bool,
}

/// Whether it holds a command that is heard after the end.
fn is_heard(text: &str) -> bool {
    let is_one = |command| matches!(command, Ok(Command::Feedback(_) | Command::Freeze(_)));
    text.contains('/') && Command::find_all(text).into_iter().any(is_one)
}

impl GithubForge {
    /// Comments on a pull request that has ended, unless that comment is there.
    pub(super) fn comment_after_end(&self, said: &AfterEnd) -> Result<()> {
        if lock(&self.shared.said_after_end).contains(&said.key) {
            return Ok(());
        }
        let client = &self.shared.client;
        let (number, we) = (said.number, client.we()?);
        let mark = format!("<!-- countersign-after-end {} -->", said.key);
        let is_said = |wire: &WireComment| {
            let body = wire.body.as_deref().unwrap_or_default();
            we.wrote(wire) && body.starts_with(&mark)
        };
        if !read::comments(client, number)?.iter().any(is_said) {
            let path = client.path(&format!("/issues/{}/comments", number.0));
            let body = json!({ "body": format!("{mark}\n{}", said.text) });
            client.write(Method::Post, &path, &body)?;
        }
        lock(&self.shared.said_after_end).insert(said.key.clone());
        Ok(())
    }

    /// What people said on those that have ended.
    pub(super) fn read_afterwords(&self, numbers: impl Iterator<Item = PullNumber>) -> Result<()> {
        let client = &self.shared.client;
        for number in numbers {
            let we = client.we()?;
            let comments = read::comments(client, number)?.into_iter();
            let others = comments.filter(|wire| we.find_own_words(wire).is_none());
            let others = others.map(|wire| wire.comment()).collect();
            let reviews = confirm::read_reviews(client, number)?;
            self.pull_cache().keep_afterwords(number, reviews, others);
        }
        Ok(())
    }
}
