//! What an agent does on its own pull request, under the account whose token we have: it answers a question, pushes a
//! new head, or takes it back.

use serde_json::json;

use super::client::Method;
use super::error::ApiError;
use super::wire::WireComment;
use super::{GithubForge, Result};
use crate::domain::pull::{Pull, PullState};
use crate::forge::{ForgeError, NewComment, NewHead};
use crate::git::{Push, Pushed, Repository};

impl GithubForge {
    /// Comments, and gives the pull request with the comment.
    pub(super) fn comment_as_agent(&self, mut pull: Pull, comment: &NewComment) -> Result<Pull> {
        self.refuse_app()?;
        refuse_ended(&pull)?;
        let client = &self.shared.client;
        let path = client.path(&format!("/issues/{}/comments", pull.number.0));
        let body = json!({ "body": comment.body });
        let written = client.write(Method::Post, &path, &body)?;
        let written: WireComment = serde_json::from_value(written).map_err(|error| {
            ForgeError::Github(ApiError::Unreadable {
                request: path,
                reason: error.to_string(),
            })
        })?;
        let (number, said) = (pull.number, written.comment());
        if let Some(tracked) = self.pull_cache().pulls.get_mut(&number)
            && tracked.pull.comments.iter().all(|one| one.id != said.id)
        {
            tracked.pull.comments.push(said.clone());
        }
        pull.comments.push(said);
        Ok(pull)
    }

    /// Pushes a new head to its branch.
    pub(super) fn push_own_head(&self, repo: &Repository, new: NewHead) -> Result<()> {
        self.refuse_app()?;
        refuse_ended(&new.pull)?;
        let NewHead {
            pull,
            head,
            mut buffer,
            at: _,
        } = new;
        let known = self.pull_cache().pulls.get(&pull.number).cloned();
        let is_here = known
            .and_then(|tracked| tracked.branch)
            .is_some_and(|branch| branch.is_in(self.repository()));
        if !is_here {
            return Err(ForgeError::Refused {
                number: pull.number,
                reason: "it is in another repository; push the new head there".to_owned(),
            });
        }
        let name = format!("refs/heads/{}", pull.branch);
        let push = Push {
            name: &name,
            old: Some(pull.head),
            new: head,
        };
        let _kept = buffer.flush(repo)?;
        match self.shared.content.remote.push(repo, &push)? {
            Pushed::Done => Ok(()),
            Pushed::Refused(reason) => Err(ForgeError::Refused {
                number: pull.number,
                reason,
            }),
        }
    }

    /// Closes it, as the account whose token we have.
    pub(super) fn close_own(&self, pull: &Pull) -> Result<()> {
        self.refuse_app()?;
        refuse_ended(pull)?;
        let client = &self.shared.client;
        let path = client.path(&format!("/pulls/{}", pull.number.0));
        client.write(Method::Patch, &path, &json!({ "state": "closed" }))?;
        // What it is now, the next look reads.
        self.reconcile();
        Ok(())
    }

    /// The App would speak in its own name, and no agent of that account is registered.
    fn refuse_app(&self) -> Result<()> {
        if !self.shared.client.is_app() {
            return Ok(());
        }
        Err(ForgeError::Github(ApiError::SignIn(
            "the App does not speak for an agent: set COUNTERSIGN_TOKEN to the token of the agent's own account".to_owned(),
        )))
    }
}

fn refuse_ended(pull: &Pull) -> Result<()> {
    match pull.state {
        PullState::Open | PullState::Draft => Ok(()),
        PullState::Closed { .. } | PullState::Done => Err(ForgeError::Ended(pull.number)),
    }
}
