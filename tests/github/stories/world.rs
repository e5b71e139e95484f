//! The bot on a GitHub: the example's repository on the double, its webhooks heard as a server hears them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use countersign::bot::{Adopted, Bot, BotError, NewOutcome, Summary};
use countersign::domain::documents::Decision;
use countersign::forge::github::{Auth, Connection, GithubConfig, GithubForge, Timer, webhook};

use crate::double::{APP_ID, Delivery, GithubStage, REPO};
use crate::support::TestRepo;

/// How the bot lives through a story. However that is, the story ends the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// It hears everything.
    OneProcess,
    /// It is started again before each event, on the clone and the state of the process before.
    RestartBeforeEachEvent,
    /// Jobs of GitHub Actions without a cache: each event starts one that knows nothing, and those that start none are
    /// never heard.
    NewProcessForEachEvent,
}

/// Tells a story once for each way to run the bot, and asserts that it ends the same.
#[track_caller]
pub fn however_it_runs(story: impl Fn(Running) -> GithubFixture) {
    let end = End::of(&story(Running::OneProcess));
    for running in [
        Running::RestartBeforeEachEvent,
        Running::NewProcessForEachEvent,
    ] {
        // Shown where the story itself fails.
        eprintln!("{running:?}");
        assert_eq!(End::of(&story(running)), end, "{running:?}");
    }
}

/// What is left of a story, without what differs from telling to telling: times, commits and GitHub's numbers.
#[derive(Debug, PartialEq, Eq)]
struct End {
    main: Vec<String>,
    pulls: Vec<EndOfPull>,
    decisions: Vec<EndOfCase>,
}

#[derive(Debug, PartialEq, Eq)]
struct EndOfPull {
    is_open: bool,
    is_merged: bool,
    labels: Vec<String>,
    check: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct EndOfCase {
    status: String,
    counted: Vec<String>,
    ignored: Vec<String>,
    rejected: Option<String>,
}

impl End {
    fn of(fixture: &GithubFixture) -> Self {
        let github = &fixture.github;
        let numbers: Vec<u64> =
            github.world(|world| world.repos[REPO].pulls.keys().copied().collect());
        let pulls = numbers.into_iter().map(|number| {
            let pull = github.pull(number);
            let says = |line: &&str| line.contains("not counted:") || line.contains("not taken:");
            let check = github.find_check_run(number).map(|_| fixture.check(number));
            let check = check.unwrap_or_default();
            let first = check.lines().take(1);
            EndOfPull {
                is_open: pull.open,
                is_merged: pull.merged_at.is_some(),
                check: first
                    .chain(check.lines().filter(says))
                    .map(without_commits)
                    .collect(),
                labels: pull.labels,
            }
        });
        let listed = github.git(&["ls-tree", "-r", "--name-only", "main"]);
        let found = listed
            .lines()
            .filter(|path| path.ends_with("/decision.yaml"));
        let mut decisions: Vec<EndOfCase> = found.map(|path| EndOfCase::of(github, path)).collect();
        decisions.sort_by_key(|case| format!("{case:?}"));
        // The double's own commits tell their time.
        let without_time = |subject: &String| match subject.split_once(" at 20") {
            Some((subject, _)) => subject.to_owned(),
            None => subject.clone(),
        };
        Self {
            main: github
                .log()
                .iter()
                .map(|subject| without_commits(&without_time(subject)))
                .collect(),
            pulls: pulls.collect(),
            decisions,
        }
    }
}

impl EndOfCase {
    fn of(github: &GithubStage, path: &str) -> Self {
        let decision: Decision = serde_yaml::from_str(&github.file(path)).unwrap();
        let counted = decision.approvals.iter();
        let ignored = decision.ignored.iter();
        Self {
            status: decision.status.to_string(),
            counted: counted
                .map(|approval| format!("{} {:?}", approval.by, approval.role))
                .collect(),
            ignored: ignored
                .map(|review| {
                    let reason = without_commits(&review.reason.to_string());
                    format!("{:?}: {reason}", review.account.login)
                })
                .collect(),
            rejected: decision
                .rejection
                .map(|rejection| format!("{:?} {}", rejection.category, rejection.reason)),
        }
    }
}

/// The text with every commit as `COMMIT`, and without the folder of a case.
fn without_commits(text: &str) -> String {
    let folder = text.find("recommendations/2").and_then(|start| {
        let end = start + text[start..].find("/recommendation.yaml")?;
        Some(start..end)
    });
    let mut text = text.to_owned();
    if let Some(folder) = folder {
        text.replace_range(folder, "CASE");
    }
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let shorten = |word: &str| {
        let core = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        // A short name may be of letters only, such as `aedcdbf`.
        let is_commit = core.len() >= 7 && core.chars().all(|c| c.is_ascii_hexdigit());
        match is_commit {
            true => word.replace(core, "COMMIT"),
            false => word.to_owned(),
        }
    };
    words.map(shorten).collect()
}

/// A GitHub with the example in it, and the bot on duty.
pub struct GithubFixture {
    running: Running,
    pub github: GithubStage,
    pub example: TestRepo,
    pub forge: GithubForge,
    bot: Bot,
    auth: Auth,
    /// The time that limits are kept by, if not the machine's own.
    timer: Option<Arc<dyn Timer>>,
    clones: u32,
    clock: Arc<AtomicI64>,
}

/// As an App, which is how a server runs.
pub fn app(github: &GithubStage) -> Auth {
    Auth::App {
        id: APP_ID,
        key: github.private_key_pem().into(),
    }
}

impl GithubFixture {
    pub fn new() -> Self {
        Self::with(app, |_| {})
    }

    /// One that runs so.
    pub fn running(running: Running) -> Self {
        Self::running_with(running, |_| {})
    }

    /// The same, with changes of the example before it is taken over.
    pub fn running_with(running: Running, prepare: impl Fn(&TestRepo)) -> Self {
        let auth = |github: &GithubStage| match running {
            Running::OneProcess | Running::RestartBeforeEachEvent => app(github),
            Running::NewProcessForEachEvent => Auth::Actions(github.actions_token().into()),
        };
        Self {
            running,
            ..Self::with(auth, prepare)
        }
    }

    /// Another way to sign in, and changes of the example before it is taken over.
    pub fn with(auth: impl Fn(&GithubStage) -> Auth, prepare: impl Fn(&TestRepo)) -> Self {
        Self::made(None::<fn(&GithubStage) -> Arc<dyn Timer>>, auth, prepare)
    }

    /// The same, with a time of its own for the limits that GitHub sets.
    pub fn by(
        timer: impl Fn(&GithubStage) -> Arc<dyn Timer>,
        auth: impl Fn(&GithubStage) -> Auth,
        prepare: impl Fn(&TestRepo),
    ) -> Self {
        Self::made(Some(timer), auth, prepare)
    }

    fn made(
        timer: Option<impl Fn(&GithubStage) -> Arc<dyn Timer>>,
        auth: impl Fn(&GithubStage) -> Auth,
        prepare: impl Fn(&TestRepo),
    ) -> Self {
        let (github, example) = (GithubStage::new(), TestRepo::example());
        example.knows_accounts(&github.accounts());
        prepare(&example);
        github.starts_as(&example.repo);
        let auth = auth(&github);
        let clock = Arc::new(AtomicI64::new(github.now().timestamp()));
        let timer = timer.map(|timer| timer(&github));
        let (forge, bot) = hire(forge(&github, &auth, timer.as_ref(), 0), &clock);
        let mut fixture = Self {
            running: Running::OneProcess,
            github,
            example,
            forge,
            bot,
            auth,
            timer,
            clones: 0,
            clock,
        };
        fixture.runs();
        fixture.github.forget_webhooks();
        fixture.github.forget_calls();
        fixture
    }

    /// The process dies, and another one starts; with its clone or without.
    pub fn restarts(&mut self, keeps_clone: bool) {
        self.starts(keeps_clone);
        self.github.forget_webhooks();
    }

    fn starts(&mut self, keeps_clone: bool) {
        if !keeps_clone {
            self.clones += 1;
        }
        (self.forge, self.bot) = hire(self.another_forge(self.clones), &self.clock);
    }

    /// Another forge on a connection of its own.
    pub fn another_forge(&self, clone: u32) -> GithubForge {
        forge(&self.github, &self.auth, self.timer.as_ref(), clone)
    }

    pub fn tries_to_run(&mut self) -> Result<Summary, BotError> {
        let now = self.github.now().timestamp();
        self.clock.store(now, Ordering::Relaxed);
        self.bot.run(&mut |_, _| {})
    }

    /// A workflow reports how it ended.
    pub fn reports(&mut self, id: &str, success: bool) -> Result<(), BotError> {
        let now = self.github.now().timestamp();
        self.clock.store(now, Ordering::Relaxed);
        let report = NewOutcome {
            id: id.parse().unwrap(),
            success,
            details: Default::default(),
            error: None,
            by: "deployer".to_owned(),
        };
        self.bot.record_outcome(&report).map(|_| ())
    }

    /// An admin lets everything go on, in another process with a clone of its own.
    #[track_caller]
    pub fn unfreezes(&mut self, admin: &str) {
        let now = self.github.now().timestamp();
        self.clock.store(now, Ordering::Relaxed);
        let clone = self.clones + 1_000;
        let (_, mut bot) = hire(self.another_forge(clone), &self.clock);
        bot.unfreeze(&admin.parse().unwrap()).unwrap();
    }

    /// An admin takes over what was pushed to `main`, up to this commit.
    pub fn adopts(&mut self, commit: &str, by: &str) -> Result<Adopted, BotError> {
        let now = self.github.now().timestamp();
        self.clock.store(now, Ordering::Relaxed);
        self.bot
            .adopt(commit.parse().unwrap(), &by.parse().unwrap())
    }

    #[track_caller]
    pub fn runs(&mut self) -> Summary {
        self.tries_to_run().unwrap()
    }

    /// Hears the webhooks that wait, and runs if one of them calls for it.
    #[track_caller]
    pub fn hears(&mut self) {
        let errors = self.tries_to_hear();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    /// The same where something goes wrong; gives the errors. A run that failed is not repeated.
    pub fn tries_to_hear(&mut self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.running == Running::OneProcess {
            while self.takes_events() {
                errors.extend(self.tries_to_run().err().map(|error| error.to_string()));
            }
            return errors;
        }
        loop {
            let waiting = self.github.waiting();
            self.github.forget_webhooks();
            if waiting.is_empty() {
                return errors;
            }
            for delivery in waiting {
                let ran = self.tries_to_hear_in_new_process(&delivery);
                errors.extend(ran.err().map(|error| error.to_string()));
            }
        }
    }

    /// Hears these, however late, and whatever else has happened by now.
    #[track_caller]
    pub fn hears_of(&mut self, told: &[Delivery]) {
        if self.running != Running::OneProcess {
            for delivery in told {
                self.tries_to_hear_in_new_process(delivery).unwrap();
            }
            return;
        }
        for delivery in told {
            let parsed = webhook::parse(&delivery.event, delivery.body.as_bytes()).unwrap();
            if let Some(event) = parsed {
                self.forge.on_event(event);
            }
        }
        self.runs();
    }

    /// Runs without an event, as the timer has it.
    #[track_caller]
    pub fn runs_by_timer(&mut self) -> Summary {
        match self.running {
            Running::OneProcess => {}
            Running::RestartBeforeEachEvent => self.starts(true),
            Running::NewProcessForEachEvent => self.starts(false),
        }
        self.runs()
    }

    fn tries_to_hear_in_new_process(&mut self, delivery: &Delivery) -> Result<(), BotError> {
        let mut is_heard = true;
        if self.running == Running::NewProcessForEachEvent {
            // What a job's own token does starts no job.
            if delivery.payload()["sender"]["login"] == "github-actions[bot]" {
                return Ok(());
            }
            match delivery.event.as_str() {
                "pull_request" | "issue_comment" => {}
                // The job for a review starts another one, which is not told which review it was.
                "pull_request_review" => is_heard = false,
                _ => return Ok(()),
            }
        }
        self.starts(self.running == Running::RestartBeforeEachEvent);
        if is_heard {
            let parsed = webhook::parse(&delivery.event, delivery.body.as_bytes()).unwrap();
            let Some(event) = parsed else { return Ok(()) };
            self.forge.on_event(event);
        }
        self.tries_to_run().map(|_| ())
    }

    /// Hears the webhooks that wait; says whether there is something to do.
    pub fn takes_events(&mut self) -> bool {
        let waiting = self.github.waiting();
        self.github.forget_webhooks();
        let mut is_news = false;
        for delivery in waiting {
            let parsed = webhook::parse(&delivery.event, delivery.body.as_bytes()).unwrap();
            if let Some(event) = parsed {
                is_news |= self.forge.on_event(event);
            }
        }
        is_news
    }

    /// An agent opens a pull request with a recommendation.
    pub fn proposes(&self, body: &str) -> u64 {
        let (path, text) = self.example.recommendation("strategy-optimizer", body);
        let branch = format!("recommend/{}", path.split('/').nth(5).unwrap());
        self.github
            .agent("strategy-optimizer")
            .opens_pull(&branch, &[(&path, &text)])
    }

    pub fn wait(&self, time: TimeDelta) {
        self.github.wait(time);
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

    /// A process that begins anew has more to ask: this is about the one that goes on.
    #[track_caller]
    pub fn costs_at_most_in_one_process(&self, calls: usize) {
        if self.running == Running::OneProcess {
            self.costs_at_most(calls);
        }
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
}

fn forge(
    github: &GithubStage,
    auth: &Auth,
    timer: Option<&Arc<dyn Timer>>,
    clone: u32,
) -> GithubForge {
    let connection = match timer {
        Some(timer) => Connection::with_timer(github.url(), auth.clone(), Arc::clone(timer)),
        None => Connection::new(github.url(), auth.clone()),
    };
    let connection = Arc::new(connection.unwrap());
    let config = GithubConfig {
        repository: REPO.to_owned(),
        clone_path: github.folder().join(format!("clone-{clone}.git")),
        git_url: None,
    };
    GithubForge::new(connection, config).unwrap()
}

fn hire(forge: GithubForge, clock: &Arc<AtomicI64>) -> (GithubForge, Bot) {
    let repo = forge.open_clone().unwrap();
    let clock = Arc::clone(clock);
    let now = move || -> DateTime<Utc> {
        DateTime::from_timestamp(clock.load(Ordering::Relaxed), 0).unwrap()
    };
    let bot = Bot::new(repo, Box::new(forge.clone()), Box::new(now));
    (forge, bot)
}

/// Where the newest decision is recorded.
pub fn decision(fixture: &GithubFixture) -> String {
    let listed = fixture
        .github
        .git(&["ls-tree", "-r", "--name-only", "main", "recommendations"]);
    let mut found = listed
        .lines()
        .filter(|path| path.ends_with("decision.yaml"));
    found.next_back().unwrap().to_owned()
}
