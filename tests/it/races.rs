//! Everybody at once: several bots, agents, reviewers and git itself on one repository. They meet only in
//! compare-and-swap, so whoever loses decides again, and the trail is the same as if they had queued.

mod storm;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::proposals::{ANALYZE, LOW, MEDIUM, NOTIFY, REASON};
use crate::support::trail::{self, count, decisions, events};
use crate::support::{Ran, TestRepo};
use chrono::{DateTime, Utc};
use countersign::bot::{Bot, BotError, NewFeedback};
use countersign::domain::documents::AccountRecord;
use countersign::domain::ids::PullNumber;
use countersign::domain::pull::Pull;
use countersign::forge::local::LocalForge;
use countersign::forge::{Forge, ForgeError, NewHead, Publication, Published, Report};
use countersign::git::Repository;

/// No story takes as long as this; one that does hangs.
const TIMEOUTS: Duration = Duration::from_secs(60);

/// A process that waits at the line until [`go`] lets it run.
fn at_the_line(stage: &TestRepo, arguments: &[&str]) -> Child {
    let wanted = stage.command(arguments);
    let mut command = Command::new("sh");
    command
        .args(["-c", "read go && exec \"$@\"", "sh"])
        .arg(wanted.get_program())
        .args(wanted.get_args())
        .current_dir(wanted.get_current_dir().unwrap());
    for (name, value) in wanted.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets them all run at once, to their ends.
fn go(mut racers: Vec<Child>) -> Vec<Ran> {
    for racer in &mut racers {
        racer.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    racers
        .into_iter()
        .map(|racer| Ran::of(&racer.wait_with_output().unwrap()))
        .collect()
}

/// Looks until it is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < TIMEOUTS, "still not: {what}");
        thread::yield_now();
    }
}

fn bots_at_once(count_of_bots: usize) {
    let mut stage = TestRepo::example();
    let proposals: Vec<(String, String)> = (0..60)
        .map(|n| {
            let body = if n % 3 == 0 { LOW } else { ANALYZE };
            (format!("n{n}"), body.to_owned())
        })
        .collect();
    let ids = stage.propose_many("strategy-optimizer", &proposals);
    let racers = (0..count_of_bots).map(|_| at_the_line(&stage, &["run"]));
    for ran in go(racers.collect()) {
        ran.succeeds();
    }
    let events = events(&stage);
    assert_eq!(events.len(), 1 + 2 * ids.len());
    for id in &ids {
        assert_eq!(count(&events, id, "decision"), 1);
        assert_eq!(count(&events, id, "outcome"), 1);
    }
    assert_eq!(trail::branches(&stage), BTreeSet::new());
    assert_eq!(trail::pulls(&stage).len(), ids.len());
    trail::assert_settled(&stage);
    stage.read_all();
}

#[test]
fn two_bots_decide_everything_once() {
    bots_at_once(2);
}

#[test]
fn four_bots_decide_everything_once() {
    bots_at_once(4);
}

/// The number of the pull request of a branch, once it has one.
fn find_number(stage: &TestRepo, branch: &str) -> Option<u64> {
    let pulls = trail::pulls(stage);
    pulls
        .into_iter()
        .find(|(_, of)| of == branch)
        .map(|(number, _)| number)
}

/// The MEDIUM proposals of the storm, by branch.
const CONTESTED: usize = 6;

fn contested(n: usize) -> String {
    format!("contested{n}")
}

/// Approves whatever is there, again and again; some of it is pushed to or decided in between.
fn review_all(stage: &TestRepo) {
    for round in 0..4 {
        for n in 0..CONTESTED {
            let branch = format!("recommend/{}", contested(n));
            let Some(number) = find_number(stage, &branch) else {
                continue;
            };
            let login = if round % 2 == 0 { "alice" } else { "bob" };
            let number = number.to_string();
            let ran = stage.countersign(&["review", &number, "--as", login, "--approve"]);
            // Somebody pushed since it was opened: then nobody is held to have read that.
            let is_unread = ran.stderr.contains("an approval is for what you have read");
            assert!(
                ran.status == 0 || is_unread || ran.stderr.contains("has ended"),
                "{}",
                ran.text()
            );
        }
    }
}

/// Pushes other content to the branches that are being reviewed.
fn push_all(stage: &TestRepo, paths: &BTreeMap<String, (String, String)>) {
    let clone = stage.clone_of("strategy-optimizer");
    for round in 0..3 {
        for (branch, (path, text)) in paths {
            clone.git(&["fetch", "-q", "origin"]);
            clone.git(&["checkout", "-q", "--detach", "origin/main"]);
            if clone.path.join(path).exists() {
                continue;
            }
            let text = text.replace("stop_loss_pct: 4", &format!("stop_loss_pct: 4.{round}"));
            clone
                .write(path, &text)
                .commit(&format!("Round {round}"))
                .push(branch);
        }
    }
}

fn freeze_and_lift(stage: &TestRepo) {
    for _ in 0..4 {
        stage
            .countersign(&["freeze", "--as", "alice", "--reason", "Exchange outage"])
            .succeeds();
        stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    }
}

fn propose_more(stage: &TestRepo) -> Vec<String> {
    let body = |n| if n % 2 == 0 { LOW } else { ANALYZE };
    (0..10)
        .map(|n| stage.propose("market-analyst", &format!("late{n}"), body(n + 1)))
        .collect()
}

/// Three changes of the rules, each pushed and approved while everything else goes on.
fn govern(stage: &TestRepo) {
    for round in 0..3 {
        let branch = format!("govern/round{round}");
        let rules = format!("{}# {round}\n", stage.file("rules/governance.yaml"));
        stage.govern(
            "dana",
            &format!("round{round}"),
            &[("rules/governance.yaml", &rules)],
        );
        until("the governance change has a number", || {
            find_number(stage, &branch).is_some()
        });
        let number = find_number(stage, &branch).unwrap().to_string();
        until("the governance change is merged", || {
            let approve = [
                "review",
                &number,
                "--as",
                "carol",
                "--approve",
                "-m",
                REASON,
            ];
            let ran = stage.countersign(&approve);
            assert!(
                ran.status == 0 || ran.stderr.contains("has ended"),
                "{}",
                ran.text()
            );
            stage.file("rules/governance.yaml") == rules
        });
    }
}

fn keep_house(stage: &TestRepo, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        stage.git(&["pack-refs", "--all"]);
        stage.git(&["gc", "-q"]);
    }
}

/// Every decision is for the head that was approved, by the rules of its own first parent, and none came
/// while everything was frozen.
fn assert_decisions_stand(stage: &TestRepo) {
    let mut frozen = false;
    for event in events(stage) {
        match event.kind.as_str() {
            "freeze" => frozen = true,
            "unfreeze" => frozen = false,
            _ => {}
        }
        let folder = match event.kind.as_str() {
            "decision" => "recommendations",
            "governance" => "governance",
            _ => continue,
        };
        let is_merge = event.word.ends_with("approved");
        assert!(!(frozen && is_merge), "merged while frozen: {event:?}");
        let id: countersign::domain::ids::CaseId = event.case.parse().unwrap();
        let path = format!("{folder}/{}/decision.yaml", id.folder());
        let text = stage.git(&["show", &format!("{}:{path}", event.commit)]);
        let decision: countersign::domain::documents::Decision =
            countersign::domain::yaml::read(&path, text.as_bytes()).unwrap();
        let parent = &event.parents[0];
        assert_eq!(decision.rules.commit.to_string(), *parent);
        let rules = stage.git(&["rev-parse", &format!("{parent}:rules")]);
        assert_eq!(decision.rules.tree.to_string(), rules.trim());
        if is_merge {
            assert_eq!(event.parents[1], decision.pull.head.to_string());
        }
        for approval in &decision.approvals {
            assert_eq!(approval.head, decision.pull.head, "{event:?}");
        }
    }
}

#[test]
fn in_a_storm_every_case_is_decided_once_for_the_head_that_was_approved() {
    let mut stage = TestRepo::example();
    let mut paths = BTreeMap::new();
    let mut ids = Vec::new();
    for n in 0..CONTESTED {
        let id = stage.propose("strategy-optimizer", &contested(n), MEDIUM);
        let clone = stage.clone_of("strategy-optimizer");
        let path = clone
            .git(&["ls-files", &format!("*{id}*")])
            .trim()
            .to_owned();
        let text = std::fs::read_to_string(clone.path.join(&path)).unwrap();
        paths.insert(format!("recommend/{}", contested(n)), (path, text));
        ids.push(id);
    }
    // Whoever clones does so before the storm, as agents and people do.
    for who in ["market-analyst", "dana"] {
        stage.clone_of(who);
    }
    let (people_done, bots_done) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let stage = &stage;
        let run = || {
            while !people_done.load(Ordering::Relaxed) {
                stage.run();
            }
        };
        let bots = [scope.spawn(run), scope.spawn(run)];
        let house = scope.spawn(|| keep_house(stage, &bots_done));
        let people = [
            scope.spawn(|| review_all(stage)),
            scope.spawn(|| push_all(stage, &paths)),
            scope.spawn(|| freeze_and_lift(stage)),
            scope.spawn(|| govern(stage)),
        ];
        let late = scope.spawn(|| propose_more(stage));
        let mut results: Vec<thread::Result<()>> =
            people.into_iter().map(|person| person.join()).collect();
        results.push(late.join().map(|late| ids.extend(late)));
        people_done.store(true, Ordering::Relaxed);
        results.extend(bots.into_iter().map(|bot| bot.join()));
        bots_done.store(true, Ordering::Relaxed);
        results.push(house.join());
        for result in results {
            if let Err(panic) = result {
                std::panic::resume_unwind(panic);
            }
        }
    });
    stage.run();
    assert_decisions_stand(&stage);
    trail::assert_settled(&stage);
    assert_nothing_lost(&stage, &ids);
    stage.read_all();
}

/// Every proposal is decided once or still open, and every branch is an open pull request.
fn assert_nothing_lost(stage: &TestRepo, ids: &[String]) {
    let rows = stage.countersign(&["list", "--format", "json"]).json();
    let listed: BTreeSet<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["id"].as_str())
        .collect();
    for id in ids {
        assert!(listed.contains(id.as_str()), "lost: {id}");
    }
    let pending = rows.as_array().unwrap().iter();
    let pending = pending.filter(|row| row["status"] == "pending").count();
    assert_eq!(trail::branches(stage).len(), pending);
    let late = |event: &&trail::Event| event.word == "auto_approved";
    let decided = decisions(&events(stage));
    assert!(decided.values().filter(late).count() >= 5, "{decided:?}");
}

#[test]
fn watching_bots_end_cleanly_when_they_are_told_to() {
    let mut stage = TestRepo::example();
    let mut bots: Vec<(Child, &str)> = ["INT", "TERM"]
        .into_iter()
        .map(|signal| {
            let mut command = stage.command(&["run", "--watch", "--interval", "1"]);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            (command.spawn().unwrap(), signal)
        })
        .collect();
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(stage.propose("market-analyst", &format!("n{n}"), ANALYZE));
    }
    until("all are decided", || {
        trail::branches(&stage).is_empty() && decisions(&events(&stage)).len() == ids.len()
    });
    for (bot, signal) in &mut bots {
        // Signals are heard from the moment it says that it watches.
        let mut said = BufReader::new(bot.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("watching"), "{line}");
        let sent = Command::new("kill")
            .args([format!("-{signal}"), bot.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let rest: Vec<String> = said.lines().map(|line| line.unwrap()).collect();
        assert!(bot.wait().unwrap().success(), "{signal}: {rest:?}");
        assert!(rest.iter().any(|line| line.contains("stopped")), "{rest:?}");
    }
    trail::assert_settled(&stage);
    stage.read_all();
}

#[test]
fn a_command_that_runs_is_left_alone_by_the_other_bots() {
    let mut stage = TestRepo::example();
    let (began, goes_on) = (stage.folder("began"), stage.folder("goes-on"));
    for pipe in [&began, &goes_on] {
        let made = Command::new("mkfifo").arg(pipe).status();
        assert!(made.unwrap().success());
    }
    let outside = stage.folder("outside.txt");
    let script = format!(
        "echo ran >> {}; echo began > {}; read go < {}",
        outside.display(),
        began.display(),
        goes_on.display()
    );
    stage.add_command("notify", &script);
    let id = stage.propose("strategy-optimizer", "a", NOTIFY);
    let mut first = stage.command(&["run"]);
    let first = first.stdout(Stdio::piped()).spawn().unwrap();
    // Opening the pipe waits until the program is at it.
    std::fs::read_to_string(&began).unwrap();
    stage.run();
    let middle = events(&stage);
    assert_eq!(
        (count(&middle, &id, "claim"), count(&middle, &id, "outcome")),
        (1, 0)
    );
    std::fs::write(&goes_on, "go\n").unwrap();
    assert!(first.wait_with_output().unwrap().status.success());
    stage.run();
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "ran\n");
    let end = events(&stage);
    assert_eq!(
        (count(&end, &id, "claim"), count(&end, &id, "outcome")),
        (1, 1)
    );
    assert_eq!(
        stage.log().last().unwrap(),
        "outcome: success of notify on rsi-eurusd-draft"
    );
    trail::assert_settled(&stage);
    stage.read_all();
}

/// A forge whose `main` moves in the very moment of a publication, so many times.
struct Contested {
    inner: LocalForge,
    meddlers: Vec<Meddler>,
    /// How many publications lost.
    lost: Arc<AtomicUsize>,
}

/// Does in a copy what a command does, and brings that here as a mirror does: such a one waits for nobody.
struct Meddler {
    command: Command,
    copy: PathBuf,
}

impl Meddler {
    fn new(stage: &TestRepo, arguments: &[&str]) -> Self {
        let copy = stage.folder("copy.git");
        let mut command = stage.command(arguments);
        command.env("COUNTERSIGN_REPO", &copy);
        Self { command, copy }
    }

    fn meddle(mut self, repo: &Path) {
        let mut copying = Command::new("cp");
        copying.arg("-a").args([repo, &self.copy]);
        let mut fetching = Command::new("git");
        fetching.arg("-C").arg(repo);
        fetching.args(["fetch", "-q", "--prune", "--no-auto-maintenance"]);
        fetching.arg(&self.copy);
        fetching.arg("+refs/*:refs/*");
        for command in [&mut copying, &mut self.command, &mut fetching] {
            Ran::of(&command.output().unwrap()).succeeds();
        }
        std::fs::remove_dir_all(&self.copy).unwrap();
    }
}

impl Forge for Contested {
    fn open_pulls(
        &mut self,
        repo: &Repository,
        now: DateTime<Utc>,
    ) -> Result<Vec<Pull>, ForgeError> {
        self.inner.open_pulls(repo, now)
    }
    fn find_pull(
        &mut self,
        repo: &Repository,
        number: PullNumber,
    ) -> Result<Option<Pull>, ForgeError> {
        self.inner.find_pull(repo, number)
    }
    fn push_head(&mut self, repo: &Repository, new: NewHead) -> Result<(), ForgeError> {
        self.inner.push_head(repo, new)
    }
    fn withdraw(
        &mut self,
        repo: &Repository,
        pull: &Pull,
        by: AccountRecord,
        at: DateTime<Utc>,
    ) -> Result<(), ForgeError> {
        self.inner.withdraw(repo, pull, by, at)
    }
    fn publish(
        &mut self,
        repo: &Repository,
        publication: Publication,
    ) -> Result<Published, ForgeError> {
        if let Some(meddler) = self.meddlers.pop() {
            meddler.meddle(repo.path());
        }
        let published = self.inner.publish(repo, publication)?;
        if published == Published::Lost {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(published)
    }
    fn report(
        &mut self,
        repo: &Repository,
        reports: Vec<(PullNumber, Report)>,
        now: DateTime<Utc>,
    ) -> Result<(), ForgeError> {
        self.inner.report(repo, reports, now)
    }
}

/// Runs a bot in this process, on a forge whose `main` is moved under its publications.
fn run_contested(stage: &TestRepo, times: usize, arguments: &[&str]) -> Result<(), BotError> {
    let forge = Contested {
        inner: LocalForge::new(),
        meddlers: (0..times).map(|_| Meddler::new(stage, arguments)).collect(),
        lost: Arc::default(),
    };
    let now = stage.now();
    let repo = Repository::open(&stage.repo).unwrap();
    let mut bot = Bot::new(repo, Box::new(forge), Box::new(move || now));
    bot.run(&mut |_, _| ()).map(|_| ())
}

#[test]
fn a_lost_race_is_decided_again_on_the_new_tip() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", LOW);
    let before = stage.git(&["rev-parse", "main"]);
    let freeze = ["freeze", "--as", "alice", "--reason", "Exchange outage"];
    run_contested(
        &stage,
        1,
        &["freeze", "--as", "alice", "--reason", "Exchange outage"],
    )
    .unwrap();
    assert_ne!(freeze.len(), 0);
    assert_eq!(
        stage.log()[1..],
        ["freeze: alice stops everything"],
        "it had been scored as LOW before, and must not be merged on that"
    );
    assert!(stage.report(1).contains("Everything is frozen"));
    assert_ne!(stage.git(&["rev-parse", "main"]), before);
    stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    run_contested(&stage, 1, &freeze).unwrap();
    assert_eq!(count(&events(&stage), &id, "decision"), 0);
    stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    stage.run();
    assert!(stage.report(1).contains("merged by the bot"));
    assert_decisions_stand(&stage);
    trail::assert_settled(&stage);
}

#[test]
fn an_approval_does_not_survive_a_target_that_changes_under_the_publication() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.propose(
        "strategy-optimizer",
        "b",
        "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {take_profit_pct: 6}",
    );
    stage.run();
    for number in ["1", "2"] {
        stage
            .countersign(&["review", number, "--as", "alice", "--approve"])
            .succeeds();
    }
    // The other bot decides both, in the moment in which this one publishes its own decision on the first.
    run_contested(&stage, 1, &["run"]).unwrap();
    let events = events(&stage);
    assert_eq!(count(&events, &id, "decision"), 1);
    assert_eq!(decisions(&events).len(), 1, "{:?}", stage.log());
    assert_decisions_stand(&stage);
    trail::assert_settled(&stage);
    stage.read_all();
}

#[test]
fn who_loses_every_race_says_so_and_has_done_nothing() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", LOW);
    stage.run();
    assert!(stage.report(1).contains("merged"));
    let body = format!("{ANALYZE}\nrationale: again");
    let late = stage.propose("market-analyst", "b", &body);
    let feedback = ["feedback", "1", "--as", "alice", "-m", "More."];
    assert_eq!(feedback.len(), 6);
    let lost = run_contested(
        &stage,
        51,
        &["feedback", "1", "--as", "alice", "-m", "More."],
    );
    assert!(matches!(lost, Err(BotError::Busy(_))), "{lost:?}");
    let events = events(&stage);
    assert_eq!(count(&events, &late, "decision"), 0);
    assert_eq!(count(&events, &id, "feedback"), 51);
    stage.run();
    assert!(stage.report(2).contains("merged"));
    trail::assert_settled(&stage);
}

#[test]
fn who_writes_main_waits_for_the_others_and_loses_to_none_of_them() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", LOW);
    stage.run();
    let (lost, now) = (Arc::new(AtomicUsize::new(0)), stage.now());
    let give_feedback = |writer: u128| {
        let forge = Contested {
            inner: LocalForge::new(),
            meddlers: Vec::new(),
            lost: Arc::clone(&lost),
        };
        let repo = Repository::open(&stage.repo).unwrap();
        let mut bot = Bot::new(repo, Box::new(forge), Box::new(move || now));
        for number in 0..20 {
            let feedback = NewFeedback {
                id: id.parse().unwrap(),
                by: "alice".parse().unwrap(),
                message: format!("{writer} says {number}"),
                random: writer * 100 + number,
            };
            bot.record_feedback(&feedback).unwrap();
        }
    };
    thread::scope(|scope| {
        for writer in 0..4 {
            let give_feedback = &give_feedback;
            scope.spawn(move || give_feedback(writer));
        }
    });
    assert_eq!(count(&events(&stage), &id, "feedback"), 80);
    assert_eq!(lost.load(Ordering::Relaxed), 0);
    stage.read_all();
}
