//! Who is there, and who acts for the program under test.

use std::path::Path;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::crypto;
use super::super::git_room;
use super::super::people::Person;
use super::super::routes::made_by_other;
use super::super::world::{Actor, CheckRun, Kind, Team};
use super::{APP_ID, GithubStage, ORG, REPO};

/// What a check run of another App says.
#[derive(Debug, Clone, Copy)]
pub struct AppCheck<'a> {
    pub name: &'a str,
    pub conclusion: &'a str,
    pub summary: &'a str,
}

impl GithubStage {
    /// One of the people.
    #[track_caller]
    pub fn user(&self, login: &str) -> Person<'_> {
        let known = self.world(|world| world.users.contains_key(login));
        assert!(
            known,
            "there is no `{login}` here: let them join with `joins`"
        );
        Person {
            stage: self,
            login: login.to_owned(),
            repo: REPO.to_owned(),
        }
    }
    /// One of the agents: a user to GitHub.
    #[track_caller]
    pub fn agent(&self, name: &str) -> Person<'_> {
        self.user(name)
    }
    /// Somebody new, with `read`, `write` or `admin` on the repository, or `none`.
    pub fn joins(&self, login: &str, level: &str) -> Person<'_> {
        self.world(|world| {
            world.add_user(login, "User");
            let held = &mut world.repos.get_mut(REPO).unwrap().collaborators;
            held.remove(login);
            if level != "none" {
                held.insert(login.to_owned(), level.to_owned());
            }
        });
        self.user(login)
    }
    /// Somebody else's bot.
    pub fn bot_joins(&self, login: &str) -> Person<'_> {
        self.world(|world| {
            world.add_user(login, "Bot");
            let held = &mut world.repos.get_mut(REPO).unwrap().collaborators;
            held.insert(login.to_owned(), "write".to_owned());
        });
        self.user(login)
    }
    /// Another App has checked a commit.
    pub fn app_checks(&self, slug: &str, head: &str, said: AppCheck<'_>) {
        let login = format!("{slug}[bot]");
        self.world(|world| {
            if !world.users.contains_key(&login) {
                world.add_user(&login, "Bot");
            }
            let run = CheckRun {
                id: world.fresh_id(),
                head_sha: head.to_owned(),
                name: said.name.to_owned(),
                status: "completed".to_owned(),
                conclusion: Some(said.conclusion.to_owned()),
                external_id: None,
                details_url: None,
                title: Some(said.name.to_owned()),
                summary: Some(said.summary.to_owned()),
                text: None,
                annotations: 0,
                actions: Vec::new(),
                started_at: world.now,
                completed_at: Some(world.now),
                app: login,
                is_job: false,
            };
            made_by_other(world, REPO, run);
        });
    }
    pub fn email_of(&self, login: &str) -> String {
        self.world(|world| world.users[login].email.clone())
    }
    /// The account's number, which stays when its name changes.
    pub fn id_of(&self, login: &str) -> u64 {
        self.world(|world| world.users[login].id)
    }
    /// A team with exactly these members; an older one of the name is gone.
    /// The numeric ids of all accounts.
    pub fn accounts(&self) -> Vec<(String, u64)> {
        self.world(|world| {
            let users = world.users.values();
            users.map(|user| (user.login.clone(), user.id)).collect()
        })
    }
    pub fn has_team(&self, slug: &str, members: &[&str]) {
        self.removes_team(slug);
        self.world(|world| {
            let id = world.fresh_id();
            let members = members
                .iter()
                .map(|login| ((*login).to_owned(), "active".to_owned()));
            // The name differs from the slug: whoever asks by name finds nothing.
            let name = format!("The {slug}");
            let team = Team {
                id,
                org: ORG.to_owned(),
                slug: slug.to_owned(),
                name,
                members: members.collect(),
            };
            world.teams.push(team);
        });
    }
    pub fn removes_team(&self, slug: &str) {
        self.world(|world| world.teams.retain(|team| team.slug != slug));
    }
    /// Somebody is invited but has not accepted.
    pub fn invites(&self, slug: &str, login: &str) {
        self.sets_membership(slug, login, "pending");
    }
    pub fn adds_member(&self, slug: &str, login: &str) {
        self.sets_membership(slug, login, "active");
    }
    fn sets_membership(&self, slug: &str, login: &str, state: &str) {
        self.world(|world| {
            let team = world
                .teams
                .iter_mut()
                .find(|team| team.slug == slug)
                .unwrap();
            team.members.insert(login.to_owned(), state.to_owned());
        });
    }
    pub fn removes_member(&self, slug: &str, login: &str) {
        self.world(|world| {
            let team = world
                .teams
                .iter_mut()
                .find(|team| team.slug == slug)
                .unwrap();
            team.members.remove(login);
        });
    }
}

impl GithubStage {
    /// The App's private key.
    pub fn private_key_pem(&self) -> String {
        crypto::private_key_pem()
    }
    /// A token of the App itself, as it would make one.
    pub fn app_jwt(&self) -> String {
        crypto::app_jwt(APP_ID, Utc::now().timestamp() - 30, 600)
    }
    fn mint(&self, login: &str, kind: Kind, lifetime: Option<TimeDelta>) -> String {
        let only = (kind != Kind::Personal).then(|| [REPO.to_owned()].into());
        let actor = Actor {
            login: login.to_owned(),
            kind,
            under_test: true,
            only,
        };
        self.world(|world| world.mint(actor, lifetime))
    }
    /// A token of the installation, without asking for it over HTTP.
    pub fn installation_token(&self) -> String {
        self.mint(
            "countersign[bot]",
            Kind::Installation,
            Some(TimeDelta::hours(1)),
        )
    }
    /// `GITHUB_TOKEN` of a workflow run.
    pub fn actions_token(&self) -> String {
        self.mint("github-actions[bot]", Kind::Actions, None)
    }
    /// A personal token with which the program under test acts.
    pub fn personal_token(&self, login: &str) -> String {
        self.mint(login, Kind::Personal, None)
    }
    /// The token of one of the story's people.
    pub fn token_of(&self, login: &str) -> String {
        let mut tokens = self.tokens.lock().unwrap();
        let mint = || {
            let actor = Actor {
                login: login.to_owned(),
                kind: Kind::Personal,
                under_test: false,
                only: None,
            };
            self.world(|world| world.mint(actor, None))
        };
        tokens.entry(login.to_owned()).or_insert_with(mint).clone()
    }
    /// Gives the App another level of a permission, or `none`.
    pub fn app_may(&self, permission: &str, level: &str) {
        self.world(|world| {
            world
                .app
                .permissions
                .insert(permission.to_owned(), level.to_owned());
            world.app.permissions.retain(|_, level| level != "none");
        });
    }

    /// Another organisation, with a repository of this name and a `main` from elsewhere, installs the App.
    pub fn app_is_installed_by(&self, org: &str, id: u64, name: &str, main: &Path) {
        self.world(|world| {
            world.add_user(org, "Organization");
            world.add_repo(org, name, None);
            world.app.others.insert(org.to_owned(), id);
            let full = format!("{org}/{name}");
            let people = world.repos[REPO].collaborators.clone();
            git_room::copy(
                main,
                &world.repo_path(&full),
                "+refs/heads/main:refs/heads/main",
            );
            let branches = git_room::branches(&world.repo_path(&full));
            let repo = world.repos.get_mut(&full).unwrap();
            repo.collaborators = people;
            repo.branches = branches;
            world.app.repos.insert(full);
        });
    }

    /// The App comes to a repository that is there already.
    pub fn app_enters(&self, repo: &str) {
        self.world(|world| {
            world.app.repos.insert(repo.to_owned());
            let more = moved(&[world.short_repository(repo)], &[]);
            world.tell_installation("installation_repositories", "added", "carol", more);
        });
    }
    /// The App is taken from a repository: its tokens no longer open it, and nothing more is told from there.
    pub fn app_leaves(&self, repo: &str) {
        self.world(|world| {
            world.app.repos.remove(repo);
            let more = moved(&[], &[world.short_repository(repo)]);
            world.tell_installation("installation_repositories", "removed", "carol", more);
        });
    }
    /// An owner of the organisation stops the App, or lets it go on.
    pub fn suspends_app(&self, suspended: bool) {
        self.world(|world| {
            world.app.suspended = suspended;
            let action = if suspended { "suspend" } else { "unsuspend" };
            let mut installation = world.installation();
            installation["suspended_by"] = if suspended {
                world.user("carol")
            } else {
                Value::Null
            };
            let repos: Vec<Value> = world
                .app
                .repos
                .iter()
                .map(|repo| world.short_repository(repo))
                .collect();
            let more = json!({"installation": installation, "repositories": repos});
            world.tell_installation("installation", action, "carol", more);
        });
    }
    /// The repository takes another name. GitHub redirects from the old one.
    pub fn renames_repository(&self, new: &str) {
        self.world(|world| {
            let full = format!("{ORG}/{new}");
            let mut repo = world.repos.remove(REPO).unwrap();
            new.clone_into(&mut repo.name);
            std::fs::rename(world.repo_path(REPO), world.repo_path(&full)).unwrap();
            world.repos.insert(full.clone(), repo);
            world.app.repos.remove(REPO);
            world.app.repos.insert(full.clone());
            for token in world.tokens.values_mut() {
                if let Some(repos) = &mut token.repos
                    && repos.remove(REPO)
                {
                    repos.insert(full.clone());
                }
            }
            world.renamed.insert(REPO.to_owned(), full);
        });
    }
    /// An account takes another name. Its number stays; the old name is free for anybody.
    pub fn renames(&self, old: &str, new: &str) {
        self.world(|world| world.rename_user(old, new));
        let mut tokens = self.tokens.lock().unwrap();
        if let Some(token) = tokens.remove(old) {
            tokens.insert(new.to_owned(), token);
        }
    }
    /// Binds a review to another commit, as GitHub was seen to do after a rebase that changes no line.
    pub fn rebinds_review(&self, number: u64, review: u64, commit: &str) {
        self.world(|world| {
            let reviews = &mut world.pull_mut(REPO, number).reviews;
            let found = reviews.iter_mut().find(|one| one.id == review).unwrap();
            commit.clone_into(&mut found.commit);
        });
    }
}

/// What an installation gained and lost.
fn moved(added: &[Value], removed: &[Value]) -> Value {
    json!({
        "repositories_added": added,
        "repositories_removed": removed,
        "repository_selection": "selected",
        "requester": null,
    })
}
