//! Git over HTTP: `git http-backend`, run as a CGI program behind GitHub's doors.
//!
//! What a push did is read from the refs afterwards, and pull requests follow from it as they do on GitHub: new heads,
//! merges that nobody clicked, branches that are gone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::git_room;
use super::server::Reply;
use super::world::{Activity, Actor, World, stamp};

/// One request of a git client.
pub struct GitRequest<'a> {
    pub method: &'a str,
    /// `owner/name`.
    pub repo: &'a str,
    /// What follows the repository: `info/refs`, `git-upload-pack`, `git-receive-pack`.
    pub service: &'a str,
    pub query: &'a str,
    pub headers: &'a BTreeMap<String, String>,
    pub body: &'a [u8],
    pub actor: &'a str,
}

impl GitRequest<'_> {
    /// Whether it is part of a push.
    pub fn writes(&self) -> bool {
        self.service == "git-receive-pack" || self.query.contains("service=git-receive-pack")
    }
}

/// Lets git answer.
pub fn answer(root: &std::path::Path, request: &GitRequest) -> Reply {
    let mut backend = git_room::command(root);
    let header = |name: &str| request.headers.get(name).map_or("", String::as_str);
    backend
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", request.method)
        .env(
            "PATH_INFO",
            format!("/{}.git/{}", request.repo, request.service),
        )
        .env("QUERY_STRING", request.query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_USER", request.actor)
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("DOUBLE_ACTOR", request.actor);
    let output = git_room::feed(&mut backend, request.body);
    let end = output
        .stdout
        .windows(4)
        .position(|part| part == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| {
        panic!(
            "`git http-backend` gave no answer: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let head = String::from_utf8_lossy(&output.stdout[..end]).into_owned();
    let mut reply = Reply::plain(200, output.stdout[end + 4..].to_vec());
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        match name {
            "Status" => reply.status = value[..3].parse().unwrap(),
            _ => reply.headers.push((name.to_lowercase(), value.to_owned())),
        }
    }
    reply
}

impl World {
    /// Looks at the branches of a repository and lets everything follow that follows on GitHub.
    pub fn branches_moved(&mut self, repo: &str, pusher: &str) {
        let path = self.repo_path(repo);
        let new = git_room::branches(&path);
        let known = self.repos.get_mut(repo).unwrap();
        let old = std::mem::replace(&mut known.branches, new.clone());
        let mut moved: Vec<&String> = new
            .iter()
            .filter(|(name, sha)| old.get(*name) != Some(sha))
            .map(|(name, _)| name)
            .collect();
        // The base first: a head that was merged and moved in one push was merged.
        let default = &known.default_branch.clone();
        moved.sort_by_key(|name| *name != default);
        for branch in moved {
            let before = old.get(branch);
            self.note_push(repo, branch, before, Some(&new[branch]), pusher);
            self.tell_push(repo, branch, before, Some(&new[branch]), pusher);
            self.base_moved(repo, branch, &new[branch], pusher);
            self.head_moved(repo, branch, &new[branch], pusher);
        }
        for (branch, before) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
            self.note_push(repo, branch, Some(before), None, pusher);
            self.tell_push(repo, branch, Some(before), None, pusher);
            self.branch_gone(repo, branch, pusher);
        }
    }

    fn note_push(
        &mut self,
        repo: &str,
        branch: &str,
        before: Option<&String>,
        after: Option<&String>,
        pusher: &str,
    ) {
        let zeros = "0".repeat(40);
        let path = self.repo_path(repo);
        let kind = match (before, after) {
            (None, _) => "branch_creation",
            (_, None) => "branch_deletion",
            (Some(before), Some(after)) if git_room::is_ancestor(&path, before, after) => "push",
            _ => "force_push",
        };
        let made = Activity {
            id: self.fresh_id(),
            branch: branch.to_owned(),
            before: before.unwrap_or(&zeros).clone(),
            after: after.unwrap_or(&zeros).clone(),
            kind,
            actor: Some(pusher.to_owned()),
            at: self.now,
        };
        self.repos.get_mut(repo).unwrap().activity.push(made);
    }

    fn open_pulls_where(
        &self,
        wanted: impl Fn(&str, &super::world::Pull) -> bool,
    ) -> Vec<(String, u64)> {
        let pulls = self
            .repos
            .iter()
            .flat_map(|(repo, known)| known.pulls.values().map(move |pull| (repo, pull)));
        pulls
            .filter(|(repo, pull)| pull.open && wanted(repo, pull))
            .map(|(repo, pull)| (repo.clone(), pull.number))
            .collect()
    }

    /// A push that contains a pull request's head merges it.
    fn base_moved(&mut self, repo: &str, branch: &str, tip: &str, pusher: &str) {
        let path = self.repo_path(repo);
        if self.overlooks_merges {
            return;
        }
        for (_, number) in
            self.open_pulls_where(|name, pull| name == repo && pull.base_ref == branch)
        {
            let head = self.repos[repo].pulls[&number].head_sha.clone();
            if git_room::is_ancestor(&path, &head, tip) {
                let merge = git_room::merge_of(&path, &head, tip);
                self.end_pull(repo, number, pusher, Some(&merge));
            } else {
                self.pull_mut(repo, number).base_sha = tip.to_owned();
            }
        }
    }

    fn head_moved(&mut self, repo: &str, branch: &str, tip: &str, pusher: &str) {
        let mine = self.open_pulls_where(|_, pull| {
            pull.head_repo.as_deref() == Some(repo) && pull.head_ref == branch
        });
        for (base, number) in mine {
            let before = self.repos[&base].pulls[&number].head_sha.clone();
            if before == tip {
                continue;
            }
            self.pin_head(&base, number, repo, tip);
            self.pull_mut(&base, number).head_sha = tip.to_owned();
            let change = json!({"before": before, "after": tip});
            self.tell_pull(&base, number, "synchronize", pusher, change);
        }
    }

    fn branch_gone(&mut self, repo: &str, branch: &str, pusher: &str) {
        let mine = self.open_pulls_where(|name, pull| {
            let head = pull.head_repo.as_deref() == Some(repo) && pull.head_ref == branch;
            head || (name == repo && pull.base_ref == branch)
        });
        for (base, number) in mine {
            self.end_pull(&base, number, pusher, None);
        }
    }

    /// Keeps a head under `refs/pull`, in the repository that it would be merged into.
    pub fn pin_head(&mut self, base: &str, number: u64, head_repo: &str, sha: &str) {
        let path = self.repo_path(base);
        let name = format!("refs/pull/{number}/head");
        if base != head_repo {
            git_room::copy(&self.repo_path(head_repo), &path, &format!("+{sha}:{name}"));
        }
        git_room::set_ref(&path, &name, sha);
    }

    fn tell_push(
        &mut self,
        repo: &str,
        branch: &str,
        before: Option<&String>,
        after: Option<&String>,
        pusher: &str,
    ) {
        let zero = "0".repeat(40);
        let path = self.repo_path(repo);
        let commits = match (before, after) {
            (Some(before), Some(after)) => {
                git_room::commits(&path, &[&format!("{before}..{after}")])
            }
            (None, Some(after)) => git_room::commits(&path, &["-1", after]),
            _ => Vec::new(),
        };
        let commits: Vec<Value> = commits
            .iter()
            .map(|commit| self.pushed_commit(repo, commit))
            .collect();
        let forced = match (before, after) {
            (Some(before), Some(after)) => !git_room::is_ancestor(&path, before, after),
            _ => false,
        };
        let payload = json!({
            "ref": format!("refs/heads/{branch}"),
            "before": before.unwrap_or(&zero),
            "after": after.unwrap_or(&zero),
            "base_ref": null,
            "created": before.is_none(),
            "deleted": after.is_none(),
            "forced": forced,
            "compare": format!("{}/{repo}/compare/{branch}", self.api),
            "head_commit": after.and_then(|_| commits.last()),
            "commits": commits,
            "pusher": {"name": pusher, "email": self.find_user(pusher).map(|user| &user.email)},
        });
        self.tell(repo, pusher, "push", payload);
    }

    fn pushed_commit(&self, repo: &str, commit: &git_room::Commit) -> Value {
        let person =
            |who: &(String, String, String)| json!({"name": who.0, "email": who.1, "date": who.2});
        json!({
            "id": commit.sha,
            "tree_id": commit.tree,
            "distinct": true,
            "message": commit.message,
            "timestamp": commit.committer.2,
            "url": format!("{}/{repo}/commit/{}", self.api, commit.sha),
            "author": person(&commit.author),
            "committer": person(&commit.committer),
            "added": [], "removed": [], "modified": [],
        })
    }

    /// Somebody else moves a branch, without a client of theirs.
    pub fn moves_branch(
        &mut self,
        repo: &str,
        branch: &str,
        by: &str,
        files: &[(&str, &str)],
    ) -> String {
        let email = self.users[by].email.clone();
        let path = self.repo_path(repo);
        let message = format!("Change by {by} at {}", stamp(self.now));
        let made = git_room::commit_files(&path, branch, (by, &email), &message, files);
        self.branches_moved(repo, by);
        made
    }

    /// Whether git may be used so; the answer if not.
    pub fn git_refusal(&self, repo: &str, actor: &Actor, writes: bool) -> Option<Reply> {
        let needed = if writes { 2 } else { 1 };
        let power = self.power(actor, repo);
        let by_app = match (actor.kind, writes) {
            (super::world::Kind::Installation, true) => self.app_may("contents", "write"),
            (super::world::Kind::Installation, false) => self.app_may("contents", "read"),
            _ => true,
        };
        if power == 0 {
            return Some(Reply::plain(404, b"Repository not found.".to_vec()));
        }
        (power < needed || !by_app)
            .then(|| Reply::plain(403, b"Write access to repository not granted.".to_vec()))
    }
}
