//! The bot on a GitHub: the example's repository on the double, its webhooks heard as a server hears them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use countersign::bot::{Bot, BotError, NewOutcome, Summary};
use countersign::forge::github::{Auth, Connection, GithubConfig, GithubForge, Timer, webhook};

use crate::github_double::{APP_ID, GithubStage, REPO};
use crate::support::Stage;

/// A GitHub with the example in it, and the bot on duty.
pub struct Duty {
    pub github: GithubStage,
    pub example: Stage,
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

impl Duty {
    pub fn new() -> Self {
        Self::with(app, |_| {})
    }

    /// Another way to sign in, and changes of the example before it is taken over.
    pub fn with(auth: impl Fn(&GithubStage) -> Auth, prepare: impl Fn(&Stage)) -> Self {
        Self::made(None::<fn(&GithubStage) -> Arc<dyn Timer>>, auth, prepare)
    }

    /// The same, with a time of its own for the limits that GitHub sets.
    pub fn by(
        timer: impl Fn(&GithubStage) -> Arc<dyn Timer>,
        auth: impl Fn(&GithubStage) -> Auth,
        prepare: impl Fn(&Stage),
    ) -> Self {
        Self::made(Some(timer), auth, prepare)
    }

    fn made(
        timer: Option<impl Fn(&GithubStage) -> Arc<dyn Timer>>,
        auth: impl Fn(&GithubStage) -> Auth,
        prepare: impl Fn(&Stage),
    ) -> Self {
        let (github, example) = (GithubStage::new(), Stage::example());
        example.knows_accounts(&github.accounts());
        prepare(&example);
        github.starts_as(&example.repo);
        let auth = auth(&github);
        let clock = Arc::new(AtomicI64::new(github.now().timestamp()));
        let timer = timer.map(|timer| timer(&github));
        let (forge, bot) = hire(forge(&github, &auth, timer.as_ref(), 0), &clock);
        let mut duty = Self {
            github,
            example,
            forge,
            bot,
            auth,
            timer,
            clones: 0,
            clock,
        };
        duty.runs();
        duty.github.forget_webhooks();
        duty.github.forget_calls();
        duty
    }

    /// The process dies, and another one starts; with its clone or without.
    pub fn restarts(&mut self, keeps_clone: bool) {
        if !keeps_clone {
            self.clones += 1;
        }
        (self.forge, self.bot) = hire(self.another_forge(self.clones), &self.clock);
        self.github.forget_webhooks();
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

    #[track_caller]
    pub fn runs(&mut self) -> Summary {
        self.tries_to_run().unwrap()
    }

    /// Hears the webhooks that wait, and runs if one of them calls for it.
    #[track_caller]
    pub fn hears(&mut self) {
        while self.takes_events() {
            self.runs();
        }
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
pub fn decision(duty: &Duty) -> String {
    let listed = duty
        .github
        .git(&["ls-tree", "-r", "--name-only", "main", "recommendations"]);
    let mut found = listed
        .lines()
        .filter(|path| path.ends_with("decision.yaml"));
    found.next_back().unwrap().to_owned()
}
