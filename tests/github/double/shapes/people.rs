//! Accounts, organisations and teams.

use serde_json::{Value, json};

use super::super::world::{World, node};
use super::{encoded, with};

/// The links of an account.
const USER_URLS: &[(&str, &str)] = &[
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("organizations_url", "/orgs"),
    ("repos_url", "/repos"),
    ("events_url", "/events{/privacy}"),
    ("received_events_url", "/received_events"),
];

impl World {
    /// An account as it stands in other objects. One that this GitHub does not know is the ghost.
    pub fn user(&self, login: &str) -> Value {
        let (id, kind) = self
            .find_user(login)
            .map_or((10137, "User"), |user| (user.id, user.kind));
        let url = format!("{}/users/{}", self.api, encoded(login));
        let mut made = json!({
            "login": login,
            "id": id,
            "node_id": node("U", id),
            "avatar_url": format!("{}/avatars/{id}", self.api),
            "gravatar_id": "",
            "url": url,
            "html_url": format!("{}/{}", self.api, encoded(login)),
            "type": kind,
            "user_view_type": "public",
            "site_admin": false,
        });
        for (key, end) in USER_URLS {
            made[*key] = json!(format!("{url}{end}"));
        }
        made
    }

    /// An account asked for by itself.
    pub fn full_user(&self, login: &str) -> Value {
        let more = json!({
            "name": login, "company": null, "blog": "", "location": null, "email": null, "hireable": null,
            "bio": null, "twitter_username": null, "public_repos": 0, "public_gists": 0, "followers": 0,
            "following": 0, "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
        });
        with(self.user(login), more)
    }

    pub fn webhook_organization(&self, login: &str) -> Value {
        let user = &self.users[login];
        let url = format!("{}/orgs/{login}", self.api);
        let mut made = json!({
            "login": login,
            "id": user.id,
            "node_id": node("O", user.id),
            "url": url,
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": format!("{}/avatars/{}", self.api, user.id),
            "description": null,
        });
        for name in ["repos", "events", "hooks", "issues"] {
            made[format!("{name}_url")] = json!(format!("{url}/{name}"));
        }
        made
    }

    pub fn team(&self, org: &str, slug: &str) -> Value {
        let team = self.find_team(org, slug).unwrap();
        let url = format!(
            "{}/organizations/{}/team/{}",
            self.api, self.users[org].id, team.id
        );
        json!({
            "id": team.id,
            "node_id": node("T", team.id),
            "name": team.name,
            "slug": team.slug,
            "description": null,
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "push",
            "url": url,
            "html_url": format!("{}/orgs/{org}/teams/{slug}", self.api),
            "members_url": format!("{url}/members{{/member}}"),
            "repositories_url": format!("{url}/repos"),
            "type": "organization",
            "organization_id": self.users[org].id,
            "parent": null,
        })
    }

    pub fn full_team(&self, org: &str, slug: &str) -> Value {
        let team = self.find_team(org, slug).unwrap();
        let more = json!({
            "members_count": team.members.len(),
            "repos_count": self.repos.values().filter(|repo| repo.owner == org).count(),
            "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2020-01-01T00:00:00Z",
            "organization": with(self.webhook_organization(org), json!({
                "html_url": format!("{}/{org}", self.api),
                "has_organization_projects": true, "has_repository_projects": true,
                "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
                "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
                "archived_at": null, "type": "Organization",
            })),
        });
        with(self.team(org, slug), more)
    }
}
