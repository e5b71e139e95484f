//! The stage of a story on GitHub: one organisation, its people, one repository, the App, and the strings to pull.

pub mod cast;
mod post;
mod scene;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::calls::Calls;
use super::faults::{Armed, Fault};
use super::server::{self, Shared};
use super::webhooks::Outbox;
use super::world::{App, World};

/// The organisation of every story, and its repository.
pub const ORG: &str = "acme";
pub const REPO: &str = "acme/governance";
/// The secret of the App's webhooks.
pub const SECRET: &str = "the secret of the webhook";
/// The App.
pub const APP_ID: u64 = 4711;
pub const INSTALLATION: u64 = 8150;

/// How long a test waits for what must come. Only a test that fails waits so long.
const TIMEOUTS: Duration = Duration::from_secs(60);

/// A GitHub of one test.
pub struct GithubStage {
    folder: tempfile::TempDir,
    url: String,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
    /// Personal tokens of the story's people.
    tokens: Mutex<BTreeMap<String, String>>,
    /// How much of what the bot said was read, by pull request.
    read: Mutex<BTreeMap<(String, u64), usize>>,
}

fn empty_world(url: &str, root: PathBuf) -> World {
    // What an App needs at the least; a test that takes one away sees what happens then.
    let permissions = [
        ("contents", "write"),
        ("pull_requests", "write"),
        ("checks", "write"),
        ("issues", "write"),
        ("members", "read"),
        ("metadata", "read"),
    ];
    World {
        api: url.to_owned(),
        root,
        now: DateTime::from_timestamp(Utc::now().timestamp(), 0).unwrap(),
        last_id: 5000,
        users: BTreeMap::new(),
        teams: Vec::new(),
        repos: BTreeMap::new(),
        tokens: BTreeMap::new(),
        app: App {
            id: APP_ID,
            slug: "countersign".to_owned(),
            installation: INSTALLATION,
            org: ORG.to_owned(),
            others: BTreeMap::new(),
            permissions: permissions
                .map(|(name, level)| (name.to_owned(), level.to_owned()))
                .into(),
            repos: [REPO.to_owned()].into(),
            suspended: false,
        },
        outbox: Outbox {
            secret: SECRET.to_owned(),
            app_id: APP_ID,
            ..Outbox::default()
        },
        faults: Vec::new(),
        calls: Vec::new(),
        violations: Vec::new(),
        page_limit: 100,
        rate: BTreeMap::new(),
        said: Vec::new(),
        manifests: BTreeMap::new(),
        dispatches: Vec::new(),
        job_permissions: [
            ("contents", "write"),
            ("pull_requests", "write"),
            ("checks", "write"),
            ("issues", "write"),
        ]
        .map(|(name, level)| (name.to_owned(), level.to_owned()))
        .into(),
        overlooks_merges: false,
        renamed: BTreeMap::new(),
        minds_pace: false,
        writes: Vec::new(),
    }
}

impl GithubStage {
    /// `acme/governance` with a `main`; alice and bob in the team `reviewers`, carol in `admins`, dana in no team;
    /// three agents with accounts that may push.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut world = empty_world(&url, folder.path().join("repositories"));
        world.add_user(ORG, "Organization");
        for login in ["alice", "bob", "carol", "dana"] {
            world.add_user(login, "User");
        }
        for login in ["strategy-optimizer", "risk-manager", "market-analyst"] {
            world.add_user(login, "User");
            let email = format!("{login}@agents.example.org");
            world.users.get_mut(login).unwrap().email = email;
        }
        world.add_user(&world.app.login(), "Bot");
        world.add_user("github-actions[bot]", "Bot");
        world.add_repo(ORG, "governance", None);
        let people: Vec<String> = world
            .users
            .values()
            .filter(|user| user.kind == "User")
            .map(|user| user.login.clone())
            .collect();
        let repo = world.repos.get_mut(REPO).unwrap();
        for login in people {
            let level = if login == "carol" { "admin" } else { "write" };
            repo.collaborators.insert(login, level.to_owned());
        }
        let stage = Self {
            folder,
            url,
            shared: Shared::new(world),
            runtime: None,
            tokens: Mutex::default(),
            read: Mutex::default(),
        };
        stage.has_team("reviewers", &["alice", "bob"]);
        stage.has_team("admins", &["carol"]);
        stage.starts_with(&[("README.md", "# Governance\n")]);
        stage.opens_doors(listener)
    }

    fn opens_doors(mut self, listener: TcpListener) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        server::serve(&runtime, listener, Arc::clone(&self.shared));
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || post::post_live(&shared));
        self.runtime = Some(runtime);
        self
    }

    /// The API's address; git is reached at `{url}/{owner}/{name}.git`.
    pub fn url(&self) -> &str {
        &self.url
    }
    pub fn clone_url(&self) -> String {
        format!("{}/{REPO}.git", self.url)
    }
    /// A folder of its own for the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
    /// The bare repository itself, for a test that looks behind the doors.
    pub fn repository(&self) -> PathBuf {
        self.shared.lock().repo_path(REPO)
    }

    /// Looks at, or changes, anything. The world is locked meanwhile: ask the stage nothing else from inside.
    pub fn world<T>(&self, what: impl FnOnce(&mut World) -> T) -> T {
        let made = what(&mut self.shared.lock());
        self.shared.changed.notify_all();
        made
    }

    // Counting and breaking.

    /// Every request so far.
    pub fn calls(&self) -> Calls {
        self.world(|world| Calls(world.calls.clone()))
    }
    /// Forgets the requests so far.
    pub fn forget_calls(&self) {
        self.world(|world| world.calls.clear());
    }
    pub fn fault(&self, fault: Fault) {
        self.world(|world| {
            let (left, skip) = (fault.times, fault.skip);
            world.faults.push(Armed {
                fault,
                left,
                skip,
                happened: 0,
            });
        });
    }
    /// No list gives more than this a page.
    pub fn pages_of(&self, items: usize) {
        self.world(|world| world.page_limit = items);
    }
    /// What was not as GitHub describes it; taking it makes it expected.
    pub fn take_violations(&self) -> Vec<String> {
        self.world(|world| std::mem::take(&mut world.violations))
    }

    // Time.

    /// The story's clock, for who has to wait by it.
    pub fn clock(&self) -> StoryClock {
        StoryClock(Arc::clone(&self.shared))
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.world(|world| world.now)
    }
    /// Lets time pass: tokens expire by this clock.
    pub fn wait(&self, time: TimeDelta) {
        self.world(|world| world.now += time);
    }
    /// Waits until something is so. Woken by every change here, so nothing sleeps.
    #[track_caller]
    pub fn wait_until(&self, what: &str, so: impl Fn(&World) -> bool) {
        let end = Instant::now() + TIMEOUTS;
        let mut world = self.shared.lock();
        while !so(&world) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain until {what}");
            let waited = self.shared.changed.wait_timeout(world, left);
            world = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

/// The clock of a story: it goes only when somebody waits by it.
#[derive(Clone)]
pub struct StoryClock(Arc<Shared>);

impl StoryClock {
    pub fn now(&self) -> DateTime<Utc> {
        self.0.lock().now
    }
    pub fn wait(&self, time: TimeDelta) {
        self.0.lock().now += time;
    }
}

impl Drop for GithubStage {
    fn drop(&mut self) {
        self.world(|world| world.outbox.closed = true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if std::thread::panicking() {
            return;
        }
        let world = self.shared.lock();
        assert!(
            world.violations.is_empty(),
            "not as GitHub describes it:\n{}",
            world.violations.join("\n")
        );
        for armed in &world.faults {
            assert!(
                armed.happened > 0,
                "a fault never happened: {:?}",
                armed.fault
            );
        }
        let read = self.read.lock().unwrap();
        let mut count: BTreeMap<(&str, u64), usize> = BTreeMap::new();
        for (repo, number, text) in &world.said {
            let seen = count.entry((repo, *number)).or_insert(0);
            *seen += 1;
            let done = read.get(&(repo.clone(), *number)).copied().unwrap_or(0);
            assert!(
                *seen <= done,
                "nobody read what the bot said on {repo}#{number}:\n{text}"
            );
        }
    }
}
