//! The people and agents of a story: each has a token and a clone, and does everything over HTTP, as people do.
//!
//! So what they do is counted, checked against GitHub's description and told by webhooks like everything else.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::git_room;
use super::stage::GithubStage;

/// Somebody, in one repository.
pub struct Person<'a> {
    pub stage: &'a GithubStage,
    pub login: String,
    /// The repository whose pull requests they speak of.
    pub repo: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Response {
    /// Fails the test unless it is this status.
    #[track_caller]
    pub fn gives(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
    /// Fails the test unless it went well.
    #[track_caller]
    pub fn succeeds(self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{}: {}",
            self.status,
            self.body
        );
        self.body
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(held, _)| held == name)?;
        Some(&found.1)
    }
}

/// Asks the API, as anybody with a token.
pub fn ask(url: &str, token: &str, method: &str, body: Option<&Value>) -> Response {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .build()
        .into();
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(url)
        .header("accept", "application/vnd.github+json")
        .header("user-agent", "a story");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answered = match body {
        Some(body) => {
            let request = request.header("content-type", "application/json");
            agent.run(
                agent
                    .configure_request(request.body(body.to_string()).unwrap())
                    .build(),
            )
        }
        None => agent.run(request.body(()).unwrap()),
    };
    let mut answered = answered.unwrap();
    let text = answered.body_mut().read_to_string().unwrap();
    let headers = answered.headers().iter().map(|(name, value)| {
        (
            name.as_str().to_owned(),
            value.to_str().unwrap_or_default().to_owned(),
        )
    });
    Response {
        status: answered.status().as_u16(),
        headers: headers.collect(),
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

impl Person<'_> {
    /// The same person, looking at another repository.
    pub fn at(self, repo: &str) -> Self {
        Self {
            repo: repo.to_owned(),
            ..self
        }
    }

    pub fn token(&self) -> String {
        self.stage.token_of(&self.login)
    }

    /// Asks the API; `path` begins behind the repository's own address.
    pub fn asks(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let url = format!("{}/repos/{}{path}", self.stage.url(), self.repo);
        ask(&url, &self.token(), method, body)
    }

    #[track_caller]
    fn does(&self, method: &str, path: &str, body: &Value) -> Value {
        self.asks(method, path, Some(body)).succeeds()
    }

    fn remote(&self, repo: &str) -> String {
        let address = self.stage.url().replacen("http://", "", 1);
        format!(
            "http://x-access-token:{}@{address}/{repo}.git",
            self.token()
        )
    }

    fn git(&self, folder: &std::path::Path) -> std::process::Command {
        let mut command = git_room::command(folder);
        git_room::speak_as(&mut command, &self.login, &self.stage.email_of(&self.login));
        command
    }

    /// Their clone, at the present `main` of their repository.
    fn fresh_clone(&self, repo: &str) -> PathBuf {
        let name = format!("{}-{}", self.login, repo.replace('/', "-"));
        let path = self.stage.folder().join("clones").join(name);
        if !path.exists() {
            std::fs::create_dir_all(&path).unwrap();
            git_room::run(self.git(&path).args(["init", "-q", "--template="]));
        }
        let remote = self.remote(repo);
        git_room::run(self.git(&path).args([
            "fetch",
            "-q",
            &remote,
            "+refs/heads/*:refs/remotes/origin/*",
        ]));
        path
    }

    /// Commits files on top of a ref of their clone and gives the commit.
    fn commits_on(&self, path: &std::path::Path, start: &str, files: &[(&str, &str)]) -> String {
        git_room::run(
            self.git(path)
                .args(["checkout", "-q", "-f", "--detach", start]),
        );
        for (name, text) in files {
            let file = path.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        git_room::run(self.git(path).args(["add", "-A", "-f"]));
        let message = format!("Change by {}", self.login);
        git_room::run(
            self.git(path)
                .args(["commit", "-q", "--allow-empty", "-m", &message]),
        );
        git_room::run(self.git(path).args(["rev-parse", "HEAD"]))
            .trim()
            .to_owned()
    }

    /// Pushes; what git said if it was refused.
    pub fn tries_to_push(
        &self,
        repo: &str,
        path: &std::path::Path,
        refspec: &str,
    ) -> Result<(), String> {
        let remote = self.remote(repo);
        let output = self
            .git(path)
            .args(["push", "-q", &remote, refspec])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).replace(&self.token(), "TOKEN");
        if output.status.success() {
            Ok(())
        } else {
            Err(said)
        }
    }

    /// Pushes a new branch with one commit on top of `main`; gives the commit.
    #[track_caller]
    pub fn pushes_branch(&self, branch: &str, files: &[(&str, &str)]) -> String {
        self.pushes_branch_to(&self.repo.clone(), branch, files)
    }

    #[track_caller]
    fn pushes_branch_to(&self, repo: &str, branch: &str, files: &[(&str, &str)]) -> String {
        let path = self.fresh_clone(repo);
        let made = self.commits_on(&path, "origin/main", files);
        self.tries_to_push(repo, &path, &format!("+HEAD:refs/heads/{branch}"))
            .unwrap();
        made
    }

    /// Pushes one more commit to a branch.
    #[track_caller]
    pub fn pushes_more(&self, branch: &str, files: &[(&str, &str)]) -> String {
        let path = self.fresh_clone(&self.repo);
        let made = self.commits_on(&path, &format!("origin/{branch}"), files);
        self.tries_to_push(&self.repo, &path, &format!("HEAD:refs/heads/{branch}"))
            .unwrap();
        made
    }

    /// Tries to push a commit to `main` directly.
    pub fn tries_to_push_main(&self, files: &[(&str, &str)]) -> Result<String, String> {
        let path = self.fresh_clone(&self.repo);
        let made = self.commits_on(&path, "origin/main", files);
        self.tries_to_push(&self.repo, &path, "HEAD:refs/heads/main")
            .map(|()| made)
    }

    #[track_caller]
    pub fn pushes_main(&self, files: &[(&str, &str)]) -> String {
        self.tries_to_push_main(files).unwrap()
    }

    /// Merges a head into `main` in their own clone and pushes that: nobody clicked anything.
    #[track_caller]
    pub fn merges_by_push(&self, number: u64) -> String {
        let path = self.fresh_clone(&self.repo);
        let remote = self.remote(&self.repo);
        git_room::run(self.git(&path).args([
            "fetch",
            "-q",
            &remote,
            &format!("refs/pull/{number}/head"),
        ]));
        let head = git_room::run(self.git(&path).args(["rev-parse", "FETCH_HEAD"]))
            .trim()
            .to_owned();
        git_room::run(
            self.git(&path)
                .args(["checkout", "-q", "-f", "--detach", "origin/main"]),
        );
        git_room::run(self.git(&path).args([
            "merge",
            "-q",
            "--no-ff",
            "-m",
            "Merge by hand",
            &head,
        ]));
        self.tries_to_push(&self.repo, &path, "HEAD:refs/heads/main")
            .unwrap();
        git_room::run(self.git(&path).args(["rev-parse", "HEAD"]))
            .trim()
            .to_owned()
    }

    #[track_caller]
    pub fn deletes_branch(&self, branch: &str) {
        let path = self.fresh_clone(&self.repo);
        self.tries_to_push(&self.repo, &path, &format!(":refs/heads/{branch}"))
            .unwrap();
    }

    /// Pushes a branch and opens a pull request of it; gives its number.
    #[track_caller]
    pub fn opens_pull(&self, branch: &str, files: &[(&str, &str)]) -> u64 {
        self.pushes_branch(branch, files);
        self.opens_pull_of(branch, branch)
    }

    /// Opens a pull request of a branch that is there, `owner:branch` for a fork's.
    #[track_caller]
    pub fn opens_pull_of(&self, head: &str, title: &str) -> u64 {
        let body = json!({"title": title, "head": head, "base": "main", "body": "As discussed."});
        self.does("POST", "/pulls", &body)["number"]
            .as_u64()
            .unwrap()
    }

    /// The same, as a draft.
    #[track_caller]
    pub fn opens_draft_of(&self, head: &str, title: &str) -> u64 {
        let body = json!({"title": title, "head": head, "base": "main", "draft": true});
        self.does("POST", "/pulls", &body)["number"]
            .as_u64()
            .unwrap()
    }

    /// Opens a pull request from a fork of theirs, which is made when it is first needed.
    #[track_caller]
    pub fn opens_pull_from_fork(&self, branch: &str, files: &[(&str, &str)]) -> u64 {
        let fork = self.stage.fork(&self.repo, &self.login);
        self.pushes_branch_to(&fork, branch, files);
        self.opens_pull_of(&format!("{}:{branch}", self.login), branch)
    }

    fn edits_pull(&self, number: u64, change: &Value) {
        self.does("PATCH", &format!("/pulls/{number}"), change);
    }
    pub fn closes(&self, number: u64) {
        self.edits_pull(number, &json!({"state": "closed"}));
    }
    pub fn reopens(&self, number: u64) {
        self.edits_pull(number, &json!({"state": "open"}));
    }
    pub fn retargets(&self, number: u64, base: &str) {
        self.edits_pull(number, &json!({"base": base}));
    }
    pub fn edits_description(&self, number: u64, body: &str) {
        self.edits_pull(number, &json!({"body": body}));
    }
    /// Presses the merge button.
    pub fn merges(&self, number: u64) -> Value {
        self.does("PUT", &format!("/pulls/{number}/merge"), &json!({}))
    }

    /// Reviews; gives the review's id.
    #[track_caller]
    pub fn reviews(&self, number: u64, event: &str, text: &str) -> u64 {
        let body = json!({"event": event, "body": text});
        self.does("POST", &format!("/pulls/{number}/reviews"), &body)["id"]
            .as_u64()
            .unwrap()
    }
    #[track_caller]
    pub fn approves(&self, number: u64, text: &str) -> u64 {
        self.reviews(number, "APPROVE", text)
    }
    /// Approves a commit that may no longer be the head.
    #[track_caller]
    pub fn approves_commit(&self, number: u64, commit: &str, text: &str) -> u64 {
        let body = json!({"event": "APPROVE", "body": text, "commit_id": commit});
        self.does("POST", &format!("/pulls/{number}/reviews"), &body)["id"]
            .as_u64()
            .unwrap()
    }
    #[track_caller]
    pub fn requests_changes(&self, number: u64, text: &str) -> u64 {
        self.reviews(number, "REQUEST_CHANGES", text)
    }
    /// Edits the text of a review on its page, which who may write can do to anybody's.
    pub fn edits_review(&self, number: u64, review: u64, text: &str) {
        let repo = self.repo.clone();
        self.stage.world(|world| {
            super::routes::edit_review(world, &repo, (number, review), &self.login, text);
        });
    }
    #[track_caller]
    pub fn dismisses(&self, number: u64, review: u64, why: &str) {
        let body = json!({"message": why});
        self.does(
            "PUT",
            &format!("/pulls/{number}/reviews/{review}/dismissals"),
            &body,
        );
    }

    /// Comments; gives the comment's id.
    #[track_caller]
    pub fn comments(&self, number: u64, text: &str) -> u64 {
        let path = format!("/issues/{number}/comments");
        self.does("POST", &path, &json!({"body": text}))["id"]
            .as_u64()
            .unwrap()
    }
    #[track_caller]
    pub fn edits_comment(&self, id: u64, text: &str) {
        self.does(
            "PATCH",
            &format!("/issues/comments/{id}"),
            &json!({"body": text}),
        );
    }
    #[track_caller]
    pub fn deletes_comment(&self, id: u64) {
        self.asks("DELETE", &format!("/issues/comments/{id}"), None)
            .succeeds();
    }
    #[track_caller]
    pub fn adds_label(&self, number: u64, label: &str) {
        self.does(
            "POST",
            &format!("/issues/{number}/labels"),
            &json!({"labels": [label]}),
        );
    }
    #[track_caller]
    pub fn removes_label(&self, number: u64, label: &str) {
        let label = label.replace(' ', "%20").replace(':', "%3A");
        self.asks("DELETE", &format!("/issues/{number}/labels/{label}"), None)
            .succeeds();
    }
    /// Asks these for a review.
    #[track_caller]
    pub fn requests_review(&self, number: u64, of: &[&str]) {
        let path = format!("/pulls/{number}/requested_reviewers");
        self.does("POST", &path, &json!({"reviewers": of}));
    }
    /// Presses `Re-run` on the check of a pull request.
    #[track_caller]
    pub fn reruns_check(&self, number: u64) {
        let id = self.stage.check_run(number).id;
        self.does("POST", &format!("/check-runs/{id}/rerequest"), &json!({}));
    }
    /// Presses `Re-run all checks` of a pull request.
    #[track_caller]
    pub fn reruns_all_checks(&self, number: u64) {
        let id = self.stage.check_run(number).id + super::routes::SUITE;
        let path = format!("/check-suites/{id}/rerequest");
        self.does("POST", &path, &json!({}));
    }
    /// Presses one of the buttons that the check of a pull request offers.
    #[track_caller]
    pub fn presses(&self, number: u64, identifier: &str) {
        let run = self.stage.check_run(number);
        let offered = run
            .actions
            .iter()
            .any(|action| action["identifier"] == identifier);
        assert!(
            offered,
            "the check of #{number} offers no `{identifier}`: {:?}",
            run.actions
        );
        let repo = self.repo.clone();
        self.stage.world(|world| {
            super::routes::press(world, &repo, &run, identifier, &self.login);
        });
    }
}
