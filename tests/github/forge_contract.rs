//! GitHub keeps the contract: the double with the example in it, and people who use it as they use GitHub.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use countersign::domain::ids::{PullNumber, Sha};
use countersign::forge::Forge;
use countersign::forge::github::{Auth, Connection, GithubConfig, GithubForge};
use countersign::git::Repository;

use crate::double::world::Pull;
use crate::double::{APP_ID, GithubStage, REPO};
use crate::support::TestRepo;
use crate::support::forge_contract::World;
use crate::support::proposals::AGENT;

passes_the_contract!(OnGithub::new(););

/// A GitHub with the example in it.
struct OnGithub {
    github: GithubStage,
    repo: Repository,
}

impl OnGithub {
    fn new() -> Self {
        let (github, example) = (GithubStage::new(), TestRepo::example());
        example.knows_accounts(&github.accounts());
        github.starts_as(&example.repo);
        let repo = forge(&github).open_clone().unwrap();
        Self { github, repo }
    }

    fn find_pull(&self, wanted: impl Fn(&Pull) -> bool) -> Option<Pull> {
        self.github.world(|world| {
            let pulls = world.repos[REPO].pulls.values();
            pulls.filter(|pull| wanted(pull)).last().cloned()
        })
    }

    /// GitHub's clock has seconds, and what happened in the same one has no order.
    fn tick(&self) {
        self.github.wait(TimeDelta::seconds(2));
    }
}

fn forge(github: &GithubStage) -> GithubForge {
    let key = github.private_key_pem().into();
    let auth = Auth::App { id: APP_ID, key };
    let connection = Arc::new(Connection::new(github.url(), auth).unwrap());
    let config = GithubConfig {
        repository: REPO.to_owned(),
        clone_path: github.folder().join("clone.git"),
        git_url: None,
    };
    GithubForge::new(connection, config).unwrap()
}

impl Drop for OnGithub {
    fn drop(&mut self) {
        self.github.read_all();
    }
}

impl World for OnGithub {
    fn forge(&self) -> Box<dyn Forge> {
        Box::new(forge(&self.github))
    }
    fn repo(&self) -> &Repository {
        &self.repo
    }
    fn now(&self) -> DateTime<Utc> {
        self.github.now()
    }
    fn push(&self, branch: &str, text: &str) -> Sha {
        self.tick();
        let agent = self.github.agent(AGENT);
        let files = [("notes.txt", text)];
        let known = self.find_pull(|pull| pull.head_ref == branch);
        let head = match known {
            Some(pull) if pull.open => agent.pushes_more(branch, &files),
            Some(pull) if pull.merged_at.is_none() => {
                // `Restore branch`, then `Reopen`: GitHub opens nothing again whose branch has moved.
                self.github.git(&[
                    "update-ref",
                    &format!("refs/heads/{branch}"),
                    &pull.head_sha,
                ]);
                self.github.world(|world| world.branches_moved(REPO, AGENT));
                agent.reopens(pull.number);
                agent.pushes_more(branch, &files)
            }
            _ => {
                let head = agent.pushes_branch(branch, &files);
                agent.opens_pull_of(branch, branch);
                head
            }
        };
        head.parse().unwrap()
    }
    fn delete(&self, branch: &str) {
        self.tick();
        self.github.agent(AGENT).deletes_branch(branch);
    }
    /// Those that are still proposed: GitHub itself removes a decided branch, if its owner wants that.
    fn branches(&self) -> Vec<String> {
        self.github.world(|world| {
            let pulls = world.repos[REPO].pulls.values();
            let open = pulls.filter(|pull| pull.open);
            open.map(|pull| pull.head_ref.clone()).collect()
        })
    }
    fn approve(&self, number: PullNumber, login: &str, text: &str) {
        self.tick();
        self.github.user(login).approves(number.0, text);
    }
    fn times_told(&self, _: PullNumber) -> usize {
        let writes = self.github.calls().under_test().writes();
        let mut told = writes.api();
        told.0.retain(|call| call.route.contains("/check-runs"));
        told.count()
    }
    fn damage(&self, _: PullNumber) {}
}
