//! Opens a pull request, for whoever proposes with a token and without a clone of their own.

use serde_json::json;

use super::client::Method;
use super::error::ApiError;
use super::{GithubForge, Result};
use crate::domain::ids::{PullNumber, Sha};
use crate::forge::ForgeError;
use crate::git::{ObjectBuffer, Push, Pushed, Repository};

/// A pull request to be opened.
#[derive(Debug, Clone, Copy)]
pub struct NewPull<'a> {
    /// The name of its branch, which must not exist.
    pub branch: &'a str,
    pub head: Sha,
    pub title: &'a str,
    pub body: &'a str,
}

impl GithubForge {
    /// Where people read about the repository.
    pub fn web_url(&self) -> &str {
        let url = self.shared.content.remote.url();
        url.strip_suffix(".git").unwrap_or(url)
    }

    /// Pushes the objects as a new branch and opens a pull request for it.
    ///
    /// # Errors
    /// When the branch exists or may not be pushed, or the pull request cannot be opened: then the
    /// branch is there, and the error says so.
    pub fn open_pull(
        &self,
        repo: &Repository,
        new: NewPull<'_>,
        mut buffer: ObjectBuffer,
    ) -> Result<PullNumber> {
        if self.shared.client.is_app() {
            // It would be the author, and no agent of that account is registered.
            return Err(ForgeError::Github(ApiError::SignIn(
                "the App does not propose to itself: set COUNTERSIGN_TOKEN to the token of the agent's own account".to_owned(),
            )));
        }
        let name = format!("refs/heads/{}", new.branch);
        let push = Push {
            name: &name,
            old: None,
            new: new.head,
        };
        let _kept = buffer.flush(repo)?;
        if let Pushed::Refused(reason) = self.shared.content.remote.push(repo, &push)? {
            return Err(ForgeError::Github(ApiError::SignIn(format!(
                "`{}` refused the branch `{}`: {reason}; a token that may write contents can push it, once",
                self.repository(),
                new.branch
            ))));
        }
        let client = &self.shared.client;
        let body =
            json!({"title": new.title, "body": new.body, "head": new.branch, "base": "main"});
        let request = client.path("/pulls");
        let opened = client.write(Method::Post, &request, &body)?;
        let number = opened.get("number").and_then(serde_json::Value::as_u64);
        number.map(PullNumber).ok_or_else(|| {
            ForgeError::Github(ApiError::Unreadable {
                request,
                reason: "it has no number".to_owned(),
            })
        })
    }
}
