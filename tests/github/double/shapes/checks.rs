//! Check runs and statuses, and the App that writes them.

use serde_json::{Value, json};

use super::super::world::{CheckRun, Status, World, node, stamp};

impl World {
    pub fn check_run(&self, repo: &str, run: &CheckRun) -> Value {
        let url = format!("{}/repos/{repo}/check-runs/{}", self.api, run.id);
        let known = &self.repos[repo];
        let short = |full: &str| {
            json!({
                "id": self.repos[full].id,
                "url": format!("{}/repos/{full}", self.api),
                "name": self.repos[full].name,
            })
        };
        let pulls: Vec<Value> = known
            .pulls
            .values()
            .filter(|pull| pull.open && pull.head_sha == run.head_sha)
            // A fork's pull requests are never named here.
            .filter(|pull| pull.head_repo.as_deref() == Some(repo))
            .map(|pull| {
                json!({
                    "id": pull.id,
                    "number": pull.number,
                    "url": format!("{}/repos/{repo}/pulls/{}", self.api, pull.number),
                    "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": short(repo)},
                    "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": short(repo)},
                })
            })
            .collect();
        let details = run
            .details_url
            .clone()
            .unwrap_or_else(|| "https://countersign.example.org".to_owned());
        json!({
            "id": run.id,
            "node_id": node("CR", run.id),
            "head_sha": run.head_sha,
            "external_id": run.external_id.clone().unwrap_or_default(),
            "url": url,
            "html_url": format!("{}/{repo}/runs/{}", self.api, run.id),
            "details_url": details,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": stamp(run.started_at),
            "completed_at": run.completed_at.map(stamp),
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": run.text,
                "annotations_count": run.annotations,
                "annotations_url": format!("{url}/annotations"),
            },
            "name": run.name,
            "check_suite": {"id": run.id + 2_000_000},
            "app": self.app_of(&run.app),
            "pull_requests": pulls,
        })
    }

    pub fn status(&self, repo: &str, status: &Status) -> Value {
        let author = self.user(&status.author);
        json!({
            "url": format!("{}/repos/{repo}/statuses/{}", self.api, status.sha),
            "avatar_url": author["avatar_url"],
            "id": status.id,
            "node_id": node("SC", status.id),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": stamp(status.at),
            "updated_at": stamp(status.at),
            "creator": author,
        })
    }

    /// The App under test.
    pub fn integration(&self) -> Value {
        json!({
            "id": self.app.id,
            "slug": self.app.slug,
            "client_id": "Iv23double",
            "node_id": node("A", self.app.id),
            "owner": self.user(&self.app.org),
            "name": self.app.slug,
            "description": "",
            "external_url": "https://countersign.example.org",
            "html_url": format!("{}/apps/{}", self.api, self.app.slug),
            "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2020-01-01T00:00:00Z",
            "permissions": self.app.permissions,
            "events": ["issue_comment", "pull_request", "pull_request_review"],
        })
    }

    pub fn app_of(&self, login: &str) -> Value {
        let mut made = self.integration();
        if login != self.app.login() {
            let id = self.users[login].id;
            let slug = login.trim_end_matches("[bot]");
            let is_actions = slug == "github-actions";
            made["id"] = json!(if is_actions { 15368 } else { id });
            made["slug"] = json!(slug);
            made["name"] = json!(if is_actions { "GitHub Actions" } else { slug });
            made["node_id"] = json!(node("A", id));
        }
        made
    }

    pub fn installation(&self) -> Value {
        self.installation_of(&self.app.org, self.app.installation)
    }

    pub fn installation_of(&self, org: &str, id: u64) -> Value {
        let app = &self.app;
        json!({
            "id": id,
            "account": self.user(org),
            "repository_selection": "selected",
            "access_tokens_url": format!("{}/app/installations/{id}/access_tokens", self.api),
            "repositories_url": format!("{}/installation/repositories", self.api),
            "html_url": format!("{}/organizations/{}/settings/installations/{id}", self.api, org),
            "app_id": app.id,
            "app_slug": app.slug,
            "target_id": self.users[org].id,
            "target_type": "Organization",
            "permissions": app.permissions,
            "events": ["issue_comment", "pull_request", "pull_request_review"],
            "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2020-01-01T00:00:00Z",
            "single_file_name": null,
            "suspended_by": null,
            "suspended_at": app.suspended.then(|| stamp(self.now)),
        })
    }
}
