//! Repositories, labels and commits.

use serde_json::{Map, Value, json};

use super::super::git_room;
use super::super::world::{Label, World, node, stamp};
use super::{encoded, with};

/// The links of a repository and what follows its address.
const REPOSITORY_URLS: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    (
        "notifications_url",
        "/notifications{?since,all,participating}",
    ),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

impl World {
    /// A repository as it stands in other objects.
    pub fn repository(&self, full_name: &str) -> Value {
        let repo = &self.repos[full_name];
        let url = format!("{}/repos/{full_name}", self.api);
        let html = format!("{}/{full_name}", self.api);
        let time = stamp(repo.created_at);
        let open = repo.pulls.values().filter(|pull| pull.open).count();
        let mut made = Map::new();
        let texts = [
            ("node_id", node("R", repo.id)),
            ("name", repo.name.clone()),
            ("full_name", full_name.to_owned()),
            ("html_url", html.clone()),
            ("url", url.clone()),
            ("git_url", format!("git://example.org/{full_name}.git")),
            ("ssh_url", format!("git@example.org:{full_name}.git")),
            ("clone_url", format!("{html}.git")),
            ("svn_url", html),
            ("default_branch", repo.default_branch.clone()),
            (
                "visibility",
                if repo.private { "private" } else { "public" }.to_owned(),
            ),
            ("created_at", time.clone()),
            ("updated_at", time.clone()),
            ("pushed_at", time),
        ];
        for (key, value) in texts {
            made.insert(key.to_owned(), json!(value));
        }
        for (key, end) in REPOSITORY_URLS {
            made.insert((*key).to_owned(), json!(format!("{url}{end}")));
        }
        for key in [
            "description",
            "homepage",
            "language",
            "mirror_url",
            "license",
        ] {
            made.insert(key.to_owned(), Value::Null);
        }
        for key in ["stargazers_count", "watchers_count", "watchers"] {
            made.insert(key.to_owned(), json!(0));
        }
        for key in ["forks_count", "forks", "size"] {
            made.insert(key.to_owned(), json!(0));
        }
        for key in ["open_issues_count", "open_issues"] {
            made.insert(key.to_owned(), json!(open));
        }
        for key in ["has_issues", "has_projects", "has_wiki", "allow_forking"] {
            made.insert(key.to_owned(), json!(true));
        }
        for key in [
            "has_pages",
            "has_downloads",
            "has_discussions",
            "archived",
            "disabled",
            "is_template",
        ] {
            made.insert(key.to_owned(), json!(false));
        }
        made.insert("id".to_owned(), json!(repo.id));
        made.insert("private".to_owned(), json!(repo.private));
        made.insert("fork".to_owned(), json!(repo.fork_of.is_some()));
        made.insert("topics".to_owned(), json!([]));
        made.insert("owner".to_owned(), self.user(&repo.owner));
        Value::Object(made)
    }

    /// A repository asked for by itself.
    pub fn full_repository(&self, full_name: &str) -> Value {
        let repo = &self.repos[full_name];
        let mut made = with(
            self.repository(full_name),
            json!({"network_count": 0, "subscribers_count": 0}),
        );
        if let Some(parent) = &repo.fork_of {
            made["parent"] = self.repository(parent);
            made["source"] = self.repository(parent);
        }
        made
    }

    /// A repository as the webhooks of installations name it.
    pub fn short_repository(&self, full_name: &str) -> Value {
        let repo = &self.repos[full_name];
        json!({
            "id": repo.id,
            "node_id": node("R", repo.id),
            "name": repo.name,
            "full_name": full_name,
            "private": repo.private,
        })
    }

    /// A repository in a webhook; a push writes some times as numbers.
    pub fn webhook_repository(&self, full_name: &str, event: &str) -> Value {
        let mut made = self.repository(full_name);
        if event == "push" {
            let repo = &self.repos[full_name];
            made["created_at"] = json!(repo.created_at.timestamp());
            made["pushed_at"] = json!(self.now.timestamp());
            made["stargazers"] = json!(0);
            made["master_branch"] = json!(repo.default_branch);
        }
        made
    }

    pub fn label(&self, repo: &str, label: &Label) -> Value {
        json!({
            "id": label.id,
            "node_id": node("LA", label.id),
            "url": format!("{}/repos/{repo}/labels/{}", self.api, encoded(&label.name)),
            "name": label.name,
            "description": label.description,
            "color": label.color,
            "default": false,
        })
    }

    pub fn labels_of(&self, repo: &str, number: u64) -> Vec<Value> {
        let known = &self.repos[repo];
        known.pulls[&number]
            .labels
            .iter()
            .map(|name| self.label(repo, &known.labels[name]))
            .collect()
    }

    /// A commit; people are known by their e-mail.
    pub fn commit(&self, repo: &str, commit: &git_room::Commit) -> Value {
        let url = format!("{}/repos/{repo}/commits/{}", self.api, commit.sha);
        let person = |email: &str| {
            self.users
                .values()
                .find(|user| user.email == email)
                .map(|user| self.user(&user.login))
        };
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|sha| {
                json!({
                    "sha": sha,
                    "url": format!("{}/repos/{repo}/commits/{sha}", self.api),
                    "html_url": format!("{}/{repo}/commit/{sha}", self.api),
                })
            })
            .collect();
        json!({
            "url": url,
            "sha": commit.sha,
            "node_id": format!("C_{}", commit.sha),
            "html_url": format!("{}/{repo}/commit/{}", self.api, commit.sha),
            "comments_url": format!("{url}/comments"),
            "commit": {
                "url": format!("{}/repos/{repo}/git/commits/{}", self.api, commit.sha),
                "author": {"name": commit.author.0, "email": commit.author.1, "date": commit.author.2},
                "committer": {"name": commit.committer.0, "email": commit.committer.1, "date": commit.committer.2},
                "message": commit.message,
                "comment_count": 0,
                "tree": {
                    "sha": commit.tree,
                    "url": format!("{}/repos/{repo}/git/trees/{}", self.api, commit.tree),
                },
                "verification": {
                    "verified": false, "reason": "unsigned", "signature": null, "payload": null,
                    "verified_at": null,
                },
            },
            "author": person(&commit.author.1),
            "committer": person(&commit.committer.1),
            "parents": parents,
        })
    }
}
