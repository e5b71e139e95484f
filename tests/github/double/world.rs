//! What this GitHub knows: people, teams, repositories, pull requests, the App and its tokens.
//!
//! Plain data behind one lock. What changes here is told as webhooks by the same function that changes it, so that
//! no event can be forgotten or told without a cause.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::calls::Call;
use super::faults::Armed;
use super::git_room;
use super::openapi;
use super::webhooks::Outbox;

/// Everything.
pub struct World {
    /// Where the API is reached.
    pub api: String,
    /// The folder that holds the repositories.
    pub root: PathBuf,
    pub now: DateTime<Utc>,
    pub last_id: u64,
    pub users: BTreeMap<String, User>,
    pub teams: Vec<Team>,
    pub repos: BTreeMap<String, Repo>,
    pub tokens: BTreeMap<String, Token>,
    pub app: App,
    pub outbox: Outbox,
    pub faults: Vec<Armed>,
    pub calls: Vec<Call>,
    pub violations: Vec<String>,
    /// No list gives more than this a page, so that few items suffice for a second page.
    pub page_limit: usize,
    /// Requests left, by who asks.
    pub rate: BTreeMap<String, u64>,
    /// What the one under test said on pull requests: (repository, number, text), edits included.
    pub said: Vec<(String, u64, String)>,
    /// Manifests that were confirmed in a browser, by the code that it was given.
    pub manifests: BTreeMap<String, Value>,
    pub dispatches: Vec<Value>,
    /// What the token of a workflow's job may do, as the workflow says.
    pub job_permissions: BTreeMap<String, String>,
    /// Pushes merge nothing for a while: GitHub was seen to overlook them.
    pub overlooks_merges: bool,
    /// Old names of repositories, and the new ones.
    pub renamed: BTreeMap<String, String>,
    /// Whether writes are refused beyond what GitHub takes of them in a minute, and when the last ones came.
    pub minds_pace: bool,
    pub writes: Vec<DateTime<Utc>>,
}

/// An account. Organisations are accounts as well.
#[derive(Clone)]
pub struct User {
    pub id: u64,
    pub login: String,
    /// `User`, `Bot` or `Organization`.
    pub kind: &'static str,
    pub email: String,
}

pub struct Team {
    pub id: u64,
    pub org: String,
    pub slug: String,
    pub name: String,
    /// Login and state: `active` or `pending`.
    pub members: BTreeMap<String, String>,
}

/// The GitHub App under test.
pub struct App {
    pub id: u64,
    pub slug: String,
    pub installation: u64,
    pub org: String,
    /// Other organisations that installed it, and the id of each installation.
    pub others: BTreeMap<String, u64>,
    pub permissions: BTreeMap<String, String>,
    /// The repositories in which it is installed.
    pub repos: BTreeSet<String>,
    pub suspended: bool,
}

impl App {
    pub fn login(&self) -> String {
        format!("{}[bot]", self.slug)
    }

    /// The organisation of each installation, and its id.
    pub fn installations(&self) -> impl Iterator<Item = (&str, u64)> {
        let others = self.others.iter().map(|(org, id)| (org.as_str(), *id));
        std::iter::once((self.org.as_str(), self.installation)).chain(others)
    }

    pub fn find_installation_of(&self, org: &str) -> Option<u64> {
        let mut all = self.installations();
        all.find(|(owner, _)| *owner == org).map(|(_, id)| id)
    }
}

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Personal,
    Installation,
    /// `GITHUB_TOKEN` of a workflow.
    Actions,
    /// The App itself, by its JWT.
    App,
    Nobody,
}

#[derive(Clone)]
pub struct Token {
    pub actor: Actor,
    pub expires_at: Option<DateTime<Utc>>,
    /// The only repositories that it opens; none means all of its owner's.
    pub repos: Option<BTreeSet<String>>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Actor {
    pub login: String,
    pub kind: Kind,
    /// Whether this is the program under test, and not one of the story's people.
    pub under_test: bool,
    /// As in [`Token::repos`].
    pub only: Option<BTreeSet<String>>,
}

impl Actor {
    pub fn nobody() -> Self {
        Self {
            login: "nobody".to_owned(),
            kind: Kind::Nobody,
            under_test: true,
            only: None,
        }
    }
}

pub struct Repo {
    pub id: u64,
    pub owner: String,
    pub name: String,
    pub private: bool,
    pub fork_of: Option<String>,
    pub default_branch: String,
    pub next_number: u64,
    pub pulls: BTreeMap<u64, Pull>,
    pub labels: BTreeMap<String, Label>,
    pub statuses: Vec<Status>,
    pub checks: Vec<CheckRun>,
    /// Login and `read`, `write` or `admin`.
    pub collaborators: BTreeMap<String, String>,
    /// The branches as they were when they were last looked at.
    pub branches: BTreeMap<String, String>,
    /// Branches that only these logins may move.
    pub protected: BTreeMap<String, Vec<String>>,
    /// Every push, oldest first.
    pub activity: Vec<Activity>,
    pub created_at: DateTime<Utc>,
}

/// What befell a branch, as `GET /activity` tells it.
#[derive(Clone)]
pub struct Activity {
    pub id: u64,
    pub branch: String,
    pub before: String,
    pub after: String,
    pub kind: &'static str,
    /// Nobody once the account is gone.
    pub actor: Option<String>,
    pub at: DateTime<Utc>,
}

impl Repo {
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

#[derive(Clone)]
pub struct Label {
    pub id: u64,
    pub name: String,
    pub color: String,
    pub description: Option<String>,
}

#[derive(Clone)]
pub struct Pull {
    pub id: u64,
    pub number: u64,
    pub title: String,
    pub body: Option<String>,
    pub author: String,
    /// The repository of the head; none once the fork is gone.
    pub head_repo: Option<String>,
    pub head_ref: String,
    pub head_sha: String,
    pub base_ref: String,
    pub base_sha: String,
    pub open: bool,
    pub draft: bool,
    pub merged_by: Option<String>,
    /// Who closed or merged it last.
    pub closed_by: Option<String>,
    pub merged_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    pub merge_commit: Option<String>,
    pub labels: Vec<String>,
    pub asked_users: Vec<String>,
    pub asked_teams: Vec<String>,
    pub reviews: Vec<Review>,
    pub comments: Vec<Comment>,
    /// When it was aimed at another branch.
    pub base_changes: Vec<DateTime<Utc>>,
    /// Whether who may write to its base may push to its fork.
    pub maintainers_edit: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone)]
pub struct Review {
    pub id: u64,
    pub author: String,
    pub body: String,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED` or `DISMISSED`.
    pub state: String,
    pub commit: String,
    pub at: DateTime<Utc>,
    /// When its text was changed, and by whom: REST does not tell.
    pub edited: Option<(DateTime<Utc>, String)>,
}

#[derive(Clone, Debug)]
pub struct Comment {
    pub id: u64,
    pub author: String,
    pub body: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Whether an App wrote it: the one under test, or a workflow's.
    pub by_app: bool,
}

#[derive(Clone)]
pub struct Status {
    pub id: u64,
    pub sha: String,
    pub state: String,
    pub context: String,
    pub description: Option<String>,
    pub target_url: Option<String>,
    pub author: String,
    pub at: DateTime<Utc>,
}

#[derive(Clone)]
pub struct CheckRun {
    pub id: u64,
    pub head_sha: String,
    pub name: String,
    pub status: String,
    pub conclusion: Option<String>,
    pub external_id: Option<String>,
    pub details_url: Option<String>,
    pub title: Option<String>,
    pub summary: Option<String>,
    pub text: Option<String>,
    pub annotations: usize,
    pub actions: Vec<Value>,
    pub started_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
    /// The login of the App that made it.
    pub app: String,
    /// Whether it is a job's own: GitHub keeps it, and nobody changes it by the API.
    pub is_job: bool,
}

impl World {
    pub fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn add_user(&mut self, login: &str, kind: &'static str) -> &User {
        if !self.users.contains_key(login) {
            let id = self.fresh_id();
            let email = match kind {
                "Bot" => format!("{id}+{login}@users.noreply.github.com"),
                _ => format!("{login}@example.org"),
            };
            let user = User {
                id,
                login: login.to_owned(),
                kind,
                email,
            };
            self.users.insert(login.to_owned(), user);
        }
        &self.users[login]
    }

    /// Logins are the same in any case.
    pub fn find_user(&self, login: &str) -> Option<&User> {
        self.users
            .values()
            .find(|user| user.login.eq_ignore_ascii_case(login))
    }

    pub fn find_team(&self, org: &str, slug: &str) -> Option<&Team> {
        self.teams
            .iter()
            .find(|team| team.org.eq_ignore_ascii_case(org) && team.slug == slug)
    }

    pub fn repo_path(&self, full_name: &str) -> PathBuf {
        self.root.join(format!("{full_name}.git"))
    }

    pub fn add_repo(&mut self, owner: &str, name: &str, fork_of: Option<&str>) {
        let full = format!("{owner}/{name}");
        let path = self.repo_path(&full);
        match fork_of {
            None => git_room::make(&path),
            Some(parent) => git_room::fork(&self.repo_path(parent), &path),
        }
        let id = self.fresh_id();
        let branches = git_room::branches(&path);
        let mut collaborators = BTreeMap::new();
        if self.users[owner].kind == "User" {
            collaborators.insert(owner.to_owned(), "admin".to_owned());
        }
        let repo = Repo {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            private: fork_of.is_none(),
            fork_of: fork_of.map(str::to_owned),
            default_branch: "main".to_owned(),
            next_number: 1,
            pulls: BTreeMap::new(),
            labels: BTreeMap::new(),
            statuses: Vec::new(),
            checks: Vec::new(),
            collaborators,
            branches,
            protected: BTreeMap::new(),
            activity: Vec::new(),
            created_at: self.now,
        };
        self.repos.insert(full, repo);
    }

    /// Tells the world by webhook. `payload` holds what is the event's own; the rest is added here.
    pub fn tell(&mut self, repo: &str, sender: &str, event: &str, mut payload: Value) {
        payload["repository"] = self.webhook_repository(repo, event);
        if self.users[&self.repos[repo].owner].kind == "Organization" {
            payload["organization"] = self.webhook_organization(&self.repos[repo].owner);
        }
        payload["sender"] = self.user(sender);
        if self.app.repos.contains(repo) && !self.app.suspended {
            let owner = &self.repos[repo].owner;
            let id = self.app.find_installation_of(owner).unwrap();
            payload["installation"] = json!({"id": id, "node_id": node("IN", id)});
        }
        self.violations
            .extend(openapi::webhooks().check_webhook(event, &payload));
        self.outbox.push(event, &payload);
    }

    /// Tells that the App came, went, or was stopped; this concerns no single repository.
    pub fn tell_installation(&mut self, event: &str, action: &str, by: &str, more: Value) {
        let mut payload = json!({
            "action": action,
            "installation": self.installation(),
            "organization": self.webhook_organization(&self.app.org),
            "sender": self.user(by),
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            payload[key] = value.clone();
        }
        self.violations
            .extend(openapi::webhooks().check_webhook(event, &payload));
        self.outbox.push(event, &payload);
    }

    /// Gives an account another name; its number stays, and everything that it said is under the new name.
    pub fn rename_user(&mut self, old: &str, new: &str) {
        let mut user = self.users.remove(old).unwrap();
        new.clone_into(&mut user.login);
        self.users.insert(new.to_owned(), user);
        let change = |login: &mut String| {
            if login == old {
                new.clone_into(login);
            }
        };
        for team in &mut self.teams {
            if let Some(state) = team.members.remove(old) {
                team.members.insert(new.to_owned(), state);
            }
        }
        for token in self.tokens.values_mut() {
            change(&mut token.actor.login);
        }
        for repo in self.repos.values_mut() {
            if let Some(level) = repo.collaborators.remove(old) {
                repo.collaborators.insert(new.to_owned(), level);
            }
            for pull in repo.pulls.values_mut() {
                change(&mut pull.author);
                pull.asked_users.iter_mut().for_each(change);
                pull.merged_by.iter_mut().for_each(change);
                pull.reviews
                    .iter_mut()
                    .for_each(|review| change(&mut review.author));
                pull.comments
                    .iter_mut()
                    .for_each(|comment| change(&mut comment.author));
            }
            repo.statuses
                .iter_mut()
                .for_each(|status| change(&mut status.author));
        }
    }

    /// Tells about a pull request.
    pub fn tell_pull(&mut self, repo: &str, number: u64, action: &str, by: &str, more: Value) {
        let mut payload = json!({
            "action": action,
            "number": number,
            "pull_request": self.pull(repo, number, true),
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            payload[key] = value.clone();
        }
        self.tell(repo, by, "pull_request", payload);
    }

    pub fn pull_mut(&mut self, repo: &str, number: u64) -> &mut Pull {
        let now = self.now;
        let pull = self
            .repos
            .get_mut(repo)
            .unwrap()
            .pulls
            .get_mut(&number)
            .unwrap();
        pull.updated_at = now;
        pull
    }

    /// Ends a pull request; `merge` is the commit by which it was merged, if it was.
    pub fn end_pull(&mut self, repo: &str, number: u64, by: &str, merge: Option<&str>) {
        let now = self.now;
        let pull = self.pull_mut(repo, number);
        pull.open = false;
        pull.closed_at = Some(now);
        pull.closed_by = Some(by.to_owned());
        if let Some(commit) = merge {
            pull.merged_at = Some(now);
            pull.merged_by = Some(by.to_owned());
            pull.merge_commit = Some(commit.to_owned());
        }
        self.tell_pull(repo, number, "closed", by, json!({}));
    }

    /// What somebody may do in a repository: 0 nothing, 1 read, 2 write, 3 administer.
    pub fn power(&self, actor: &Actor, repo: &str) -> u8 {
        let Some(known) = self.repos.get(repo) else {
            return 0;
        };
        if actor.only.as_ref().is_some_and(|only| !only.contains(repo)) {
            return 0;
        }
        let by_role = match known.collaborators.get(&actor.login).map(String::as_str) {
            Some("admin") => 3,
            Some("write") => 2,
            Some(_) => 1,
            None => u8::from(!known.private),
        };
        match actor.kind {
            Kind::Actions => 2,
            Kind::Installation if self.app.repos.contains(repo) => 2,
            Kind::Personal => by_role,
            _ => u8::from(!known.private),
        }
    }

    pub fn association(&self, repo: &str, login: &str) -> &'static str {
        let known = &self.repos[repo];
        if known.owner == login {
            return "OWNER";
        }
        let in_org = self
            .teams
            .iter()
            .any(|team| team.org == known.owner && team.members.contains_key(login));
        match known.collaborators.contains_key(login) {
            _ if in_org => "MEMBER",
            true => "COLLABORATOR",
            false => "NONE",
        }
    }

    /// A token that nobody knows yet.
    pub fn mint(&mut self, actor: Actor, lifetime: Option<TimeDelta>) -> String {
        let id = self.fresh_id();
        let prefix = match actor.kind {
            Kind::Personal => "ghp",
            _ => "ghs",
        };
        // As long as GitHub's own have become, so that a column or a log line that cannot hold one is found.
        let token = format!("{prefix}_{id:0>16}{}", "x".repeat(500));
        let expires_at = lifetime.map(|lifetime| self.now + lifetime);
        let repos = actor.only.clone();
        self.tokens.insert(
            token.clone(),
            Token {
                actor,
                expires_at,
                repos,
            },
        );
        token
    }
}

/// A node id: opaque to everybody.
pub fn node(kind: &str, id: u64) -> String {
    format!("{kind}_double{id}")
}

/// How GitHub writes a time.
pub fn stamp(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
