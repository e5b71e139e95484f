//! Pull requests, and what people say on them.

use serde_json::{Map, Value, json};

use super::super::git_room;
use super::super::world::{Comment, Review, World, node, stamp};
use super::with;

impl World {
    /// A pull request; `whole` adds what lists leave out.
    pub fn pull(&self, repo: &str, number: u64, whole: bool) -> Value {
        let pull = &self.repos[repo].pulls[&number];
        let url = format!("{}/repos/{repo}/pulls/{number}", self.api);
        let issue = format!("{}/repos/{repo}/issues/{number}", self.api);
        let html = format!("{}/{repo}/pull/{number}", self.api);
        let statuses = format!("{}/repos/{repo}/statuses/{}", self.api, pull.head_sha);
        let links = [
            ("self", url.clone()),
            ("html", html.clone()),
            ("issue", issue.clone()),
            ("comments", format!("{issue}/comments")),
            ("review_comments", format!("{url}/comments")),
            (
                "review_comment",
                format!("{}/repos/{repo}/pulls/comments{{/number}}", self.api),
            ),
            ("commits", format!("{url}/commits")),
            ("statuses", statuses),
        ];
        let mut made = Map::new();
        for (key, href) in &links {
            if !matches!(*key, "self" | "html" | "issue") {
                made.insert(format!("{key}_url"), json!(href));
            }
        }
        let links: Map<String, Value> = links
            .into_iter()
            .map(|(key, href)| (key.to_owned(), json!({"href": href})))
            .collect();
        let users: Vec<Value> = pull
            .asked_users
            .iter()
            .map(|login| self.user(login))
            .collect();
        let owner = &self.repos[repo].owner;
        let teams: Vec<Value> = pull
            .asked_teams
            .iter()
            .map(|slug| self.team(owner, slug))
            .collect();
        let made = with(
            Value::Object(made),
            json!({
                "_links": links,
                "url": url,
                "id": pull.id,
                "node_id": node("PR", pull.id),
                "html_url": html,
                "diff_url": format!("{html}.diff"),
                "patch_url": format!("{html}.patch"),
                "issue_url": issue,
                "number": number,
                "state": if pull.open { "open" } else { "closed" },
                "locked": false,
                "title": pull.title,
                "user": self.user(&pull.author),
                "body": pull.body,
                "labels": self.labels_of(repo, number),
                "milestone": null,
                "active_lock_reason": null,
                "created_at": stamp(pull.created_at),
                "updated_at": stamp(pull.updated_at),
                "closed_at": pull.closed_at.map(stamp),
                "merged_at": pull.merged_at.map(stamp),
                "merge_commit_sha": pull.merge_commit,
                "assignee": null,
                "assignees": [],
                "requested_reviewers": users,
                "requested_teams": teams,
                "head": self.side(pull.head_repo.as_deref(), &pull.head_ref, &pull.head_sha, &pull.author),
                "base": self.side(Some(repo), &pull.base_ref, &pull.base_sha, owner),
                "author_association": self.association(repo, &pull.author),
                "auto_merge": null,
                "draft": pull.draft,
            }),
        );
        if whole {
            return with(made, self.pull_details(repo, number));
        }
        made
    }

    fn pull_details(&self, repo: &str, number: u64) -> Value {
        let pull = &self.repos[repo].pulls[&number];
        let path = self.repo_path(repo);
        let size = git_room::size(&path, &pull.base_sha, &pull.head_sha);
        let clean = pull
            .open
            .then(|| git_room::merged_tree(&path, &pull.base_sha, &pull.head_sha).is_some());
        let state = match clean {
            Some(true) => "clean",
            Some(false) => "dirty",
            None => "unknown",
        };
        json!({
            "merged": pull.merged_at.is_some(),
            "mergeable": clean,
            "rebaseable": clean,
            "mergeable_state": state,
            "merged_by": pull.merged_by.as_ref().map(|login| self.user(login)),
            "comments": pull.comments.len(),
            "review_comments": 0,
            "maintainer_can_modify": pull.maintainers_edit,
            "commits": size.commits,
            "additions": size.additions,
            "deletions": size.deletions,
            "changed_files": size.files,
        })
    }

    fn side(&self, repo: Option<&str>, branch: &str, sha: &str, author: &str) -> Value {
        let owner = repo.map_or(author, |repo| repo.split('/').next().unwrap());
        json!({
            "label": format!("{owner}:{branch}"),
            "ref": branch,
            "sha": sha,
            "user": self.user(owner),
            "repo": repo.map(|repo| self.repository(repo)),
        })
    }

    /// A pull request as an issue: in comments' webhooks and under `/issues`.
    pub fn issue(&self, repo: &str, number: u64) -> Value {
        let pull = &self.repos[repo].pulls[&number];
        let url = format!("{}/repos/{repo}/issues/{number}", self.api);
        let html = format!("{}/{repo}/pull/{number}", self.api);
        json!({
            "id": pull.id + 1_000_000,
            "node_id": node("I", pull.id),
            "url": url,
            "repository_url": format!("{}/repos/{repo}", self.api),
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "timeline_url": format!("{url}/timeline"),
            "html_url": html,
            "number": number,
            "title": pull.title,
            "user": self.user(&pull.author),
            "labels": self.labels_of(repo, number),
            "state": if pull.open { "open" } else { "closed" },
            "state_reason": null,
            "locked": false,
            "assignee": null,
            "assignees": [],
            "milestone": null,
            "comments": pull.comments.len(),
            "created_at": stamp(pull.created_at),
            "updated_at": stamp(pull.updated_at),
            "closed_at": pull.closed_at.map(stamp),
            "author_association": self.association(repo, &pull.author),
            "active_lock_reason": null,
            "draft": pull.draft,
            "body": pull.body,
            "reactions": reactions(&url),
            "performed_via_github_app": null,
            "pull_request": {
                "url": format!("{}/repos/{repo}/pulls/{number}", self.api),
                "html_url": html,
                "diff_url": format!("{html}.diff"),
                "patch_url": format!("{html}.patch"),
                "merged_at": pull.merged_at.map(stamp),
            },
        })
    }

    pub fn comment(&self, repo: &str, number: u64, comment: &Comment) -> Value {
        let url = format!("{}/repos/{repo}/issues/comments/{}", self.api, comment.id);
        json!({
            "id": comment.id,
            "node_id": node("IC", comment.id),
            "url": url,
            "html_url": format!("{}/{repo}/pull/{number}#issuecomment-{}", self.api, comment.id),
            "issue_url": format!("{}/repos/{repo}/issues/{number}", self.api),
            "user": self.user(&comment.author),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "body": comment.body,
            "author_association": self.association(repo, &comment.author),
            "performed_via_github_app": comment.by_app.then(|| self.app_of(&comment.author)),
            "reactions": reactions(&url),
        })
    }

    pub fn review(&self, repo: &str, number: u64, review: &Review) -> Value {
        let html = format!(
            "{}/{repo}/pull/{number}#pullrequestreview-{}",
            self.api, review.id
        );
        let pull = format!("{}/repos/{repo}/pulls/{number}", self.api);
        json!({
            "id": review.id,
            "node_id": node("PRR", review.id),
            "user": self.user(&review.author),
            "body": review.body,
            "state": review.state,
            "html_url": html,
            "pull_request_url": pull,
            "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
            "submitted_at": stamp(review.at),
            "commit_id": review.commit,
            "author_association": self.association(repo, &review.author),
        })
    }
}

fn reactions(url: &str) -> Value {
    json!({
        "url": format!("{url}/reactions"), "total_count": 0, "+1": 0, "-1": 0, "laugh": 0, "confused": 0,
        "heart": 0, "hooray": 0, "eyes": 0, "rocket": 0,
    })
}
