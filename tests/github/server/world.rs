//! A server on duty as the App of a GitHub with the example in it.

use std::path::PathBuf;
use std::process::Command;

use chrono::{SubsecRound as _, TimeDelta, Utc};

use crate::double::{APP_ID, GithubStage, REPO, SECRET};
use crate::support::serving::{Serving, nobody};
use crate::support::{COUNTERSIGN, TestRepo, clean};

/// A GitHub, and the server that it tells.
pub struct Host {
    pub github: GithubStage,
    pub example: TestRepo,
    pub serving: Serving,
}

impl Host {
    pub fn new() -> Self {
        Self::with(&[], |_| {})
    }

    /// More arguments, and changes of the example before it is taken over.
    pub fn with(arguments: &[&str], prepare: impl Fn(&TestRepo)) -> Self {
        let (github, example) = stage(prepare);
        let serving = Serving::start(&mut serve(&github, "state", arguments));
        let host = Self {
            github,
            example,
            serving,
        };
        host.serving.is_ready();
        host.hears_through(&host.serving);
        host
    }

    /// Webhooks go to this server from now on; what was before is forgotten.
    pub fn hears_through(&self, serving: &Serving) {
        self.github
            .webhooks_to(&format!("{}/webhooks", serving.url));
        self.github.webhooks_live(true);
        self.github.forget_calls();
    }

    /// GitHub's clock goes as the server's does, and one commit of it is before whatever follows.
    pub fn ticks(&self) {
        let now = Utc::now().trunc_subsecs(0) + TimeDelta::seconds(2);
        self.github.world(|world| world.now = now);
    }

    /// Somebody approves.
    pub fn approves(&self, login: &str, number: u64, text: &str) {
        self.ticks();
        self.github.user(login).approves(number, text);
    }

    /// An agent opens a pull request with a recommendation.
    pub fn proposes(&self, body: &str) -> u64 {
        self.ticks();
        let (path, text) = self.example.recommendation("strategy-optimizer", body);
        let branch = format!("recommend/{}", path.split('/').nth(5).unwrap());
        self.github
            .agent("strategy-optimizer")
            .opens_pull(&branch, &[(&path, &text)])
    }

    /// Waits until every webhook was heard, and nothing follows from any.
    #[track_caller]
    pub fn rests(&self) {
        loop {
            self.github.settle();
            self.serving.is_idle();
            let rests = self
                .github
                .world(|world| world.outbox.waiting.is_empty() && world.outbox.on_the_way == 0);
            if rests {
                return;
            }
        }
    }

    pub fn runs(&self) -> f64 {
        self.serving.counts("countersign_runs_total", &[])
    }

    #[track_caller]
    pub fn is_merged(&self, number: u64) {
        assert!(
            self.github.pull(number).merged_at.is_some(),
            "{number} is not merged:\n{}",
            self.serving.said()
        );
    }

    #[track_caller]
    pub fn comes_to_be_merged(&self, number: u64) {
        self.github.wait_until("it is merged", |world| {
            world.repos[REPO].pulls[&number].merged_at.is_some()
        });
    }

    #[track_caller]
    pub fn check(&self, number: u64) -> String {
        let run = self.github.check_run(number);
        format!(
            "{}: {}\n\n{}",
            run.conclusion.unwrap_or(run.status),
            run.title.unwrap_or_default(),
            run.summary.unwrap_or_default()
        )
    }

    #[track_caller]
    pub fn costs_at_most(&self, calls: usize) {
        let mut asked = self.github.calls().under_test().api();
        // A token is good for an hour and for every pull request in it.
        asked
            .0
            .retain(|call| !call.route.ends_with("access_tokens"));
        asked.at_most(calls);
    }

    /// The statuses of everything that was delivered so far.
    pub fn statuses(&self) -> Vec<u16> {
        let sent = self.github.sent();
        sent.iter().map(|sent| sent.status.unwrap_or(0)).collect()
    }

    /// How many commits of `main` record the decision of this pull request.
    pub fn decisions(&self, number: u64) -> usize {
        let trailer = format!("--grep=^Pull-request: #{number}$");
        let found = self.github.git(&[
            "log",
            "--first-parent",
            "--format=%s",
            &trailer,
            "--grep=^Event: decision$",
            "--all-match",
            "main",
        ]);
        found.lines().count()
    }
}

/// A GitHub with the example in it.
pub fn stage(prepare: impl Fn(&TestRepo)) -> (GithubStage, TestRepo) {
    let (github, example) = (GithubStage::new(), TestRepo::example());
    example.knows_accounts(&github.accounts());
    prepare(&example);
    github.starts_as(&example.repo);
    (github, example)
}

/// A command without an identity, with a home of its own.
pub fn command(github: &GithubStage, arguments: &[&str]) -> Command {
    let mut command = Command::new(COUNTERSIGN);
    command.args(arguments).current_dir(github.folder());
    command
        .env_remove("COUNTERSIGN_REPO")
        .env_remove("XDG_STATE_HOME");
    clean(nobody(&mut command), "nobody@example.org");
    command
        .env("HOME", github.folder())
        .env("NO_COLOR", "1")
        .env("COUNTERSIGN_API_URL", github.url());
    command
}

/// The server as the App, with a state folder of this name.
pub fn serve(github: &GithubStage, state: &str, arguments: &[&str]) -> Command {
    serve_all(github, state, &[&["--repo", REPO], arguments].concat())
}

/// The same for whatever the App is installed on, unless the arguments name something.
pub fn serve_all(github: &GithubStage, state: &str, arguments: &[&str]) -> Command {
    let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
    all.extend(arguments);
    let mut command = as_app(github, state, &all);
    command.env("COUNTERSIGN_WEBHOOK_SECRET", SECRET);
    command
}

/// A command of the App, with a state folder of this name.
pub fn as_app(github: &GithubStage, state: &str, arguments: &[&str]) -> Command {
    let key: PathBuf = github.folder().join("app.pem");
    std::fs::write(&key, github.private_key_pem()).unwrap();
    let mut command = command(github, arguments);
    command
        .env("COUNTERSIGN_APP_ID", APP_ID.to_string())
        .env("COUNTERSIGN_APP_KEY_FILE", key)
        .env("COUNTERSIGN_STATE", github.folder().join(state));
    command
}
