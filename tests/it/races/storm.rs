//! Bots and a server that are killed at any moment, agents, reviewers, and all of git's own maintenance on one
//! repository: in the end every proposal is decided once, and nothing of what died is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::Duration;

use super::{REASON, until};
use crate::support::serving::{SERVE, nobody};
use crate::support::trail::{self, count, decisions, events};
use crate::support::{Clone, TestRepo};

/// How many rounds there are, unless the environment says.
const ROUNDS: u64 = 3;
const ROUNDS_VARIABLE: &str = "COUNTERSIGN_STORM_ROUNDS";
const SEED_VARIABLE: &str = "COUNTERSIGN_STORM_SEED";
/// What each does in a round.
const PUSHES: u64 = 5;
const REVIEWS: u64 = 5;
const KILLS: u64 = 10;
/// Git's own way to say that somebody else was at it.
const MOST_TRIES: u64 = 100;

const AGENTS: [&str; 2] = ["strategy-optimizer", "market-analyst"];

const MAINTENANCE: [&[&str]; 8] = [
    &["gc", "-q"],
    &["gc", "-q", "--prune=now"],
    &["repack", "-a", "-d", "-q"],
    &["repack", "-A", "-d", "-q"],
    &["repack", "--geometric=2", "-d", "-q"],
    &["maintenance", "run", "--quiet"],
    &["pack-refs", "--all"],
    &["prune"],
];

const REVIEWS_GIVEN: [&[&str]; 4] = [
    &["--approve", "-m", REASON],
    &["--approve", "-m", REASON],
    &["--request-changes", "-m", REASON],
    &["--reject", "bad_timing", "-m", REASON],
];

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.below(all.len() as u64);
        &all[usize::try_from(at).unwrap()]
    }
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A bot or a server, started again whenever it is killed.
struct Killable<'s> {
    stage: &'s TestRepo,
    name: &'static str,
    arguments: Vec<&'static str>,
    child: Child,
}

const SLOTS: [&str; 4] = ["bot1", "bot2", "bot3", "server"];

fn temporary(stage: &TestRepo, name: &str) -> PathBuf {
    let folder = stage.folder(&format!("tmp-{name}"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A command of the product with a temporary folder of its own.
fn with_temporary(stage: &TestRepo, name: &str, arguments: &[&str]) -> Command {
    let mut command = stage.command(arguments);
    nobody(&mut command)
        .env("TMPDIR", temporary(stage, name))
        .env("COUNTERSIGN_STATE", stage.folder("state"));
    command
}

fn start(stage: &TestRepo, name: &str, arguments: &[&str]) -> Child {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(stage.folder(&format!("{name}.log")))
        .unwrap();
    with_temporary(stage, name, arguments)
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl<'s> Killable<'s> {
    fn start(stage: &'s TestRepo, name: &'static str) -> Self {
        let arguments = match name {
            "server" => SERVE.to_vec(),
            _ => vec!["run", "--watch", "--interval", "1"],
        };
        Self {
            stage,
            name,
            child: start(stage, name, &arguments),
            arguments,
        }
    }

    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.child.id());
        let sent = Command::new("kill").args([signal, "--", &group]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it with all that it started, and starts it again.
    fn kill(&mut self) {
        assert!(
            self.child.try_wait().unwrap().is_none(),
            "{} ended by itself:\n{}",
            self.name,
            said(self.stage, self.name)
        );
        self.signal("-KILL");
        self.child.wait().unwrap();
        self.child = start(self.stage, self.name, &self.arguments);
    }

    fn stop(mut self) {
        self.signal("-KILL");
        self.child.wait().unwrap();
    }
}

fn said(stage: &TestRepo, name: &str) -> String {
    fs::read_to_string(stage.folder(&format!("{name}.log"))).unwrap_or_default()
}

/// What everybody shares.
struct Storm<'s> {
    stage: &'s TestRepo,
    seed: u64,
    /// What was pushed: the case and its branch.
    proposed: Mutex<BTreeMap<String, String>>,
    /// Git says itself that nobody may push while it throws out what is new and not needed by a ref yet.
    pushing: RwLock<()>,
}

impl Storm<'_> {
    fn random(&self, who: u64, round: u64) -> Random {
        Random(self.seed ^ (who << 32) ^ round)
    }

    fn push_all(&self, agent: usize, round: u64) {
        let mut random = self.random(agent as u64, round);
        let clone = self.stage.clone_of(AGENTS[agent]);
        for number in 0..PUSHES {
            let body = match random.below(4) {
                0 => "action: analyze\ntargets: [rsi-eurusd]".to_owned(),
                1 => format!(
                    "action: notify\ntargets: [rsi-eurusd-draft]\nchanges: {{stop_loss_pct: 2.{number}}}"
                ),
                2 => format!(
                    "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {{stop_loss_pct: 4.{number}}}"
                ),
                _ => format!(
                    "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {{stop_loss_pct: 1.{number}}}"
                ),
            };
            let branch = format!("recommend/{}-{round}-{number}", AGENTS[agent]);
            let (path, text) = self.stage.recommendation(AGENTS[agent], &body);
            let id = path.split('/').nth(5).unwrap().to_owned();
            self.push(&clone, (&path, &text), &branch);
            self.proposed.lock().unwrap().insert(id, branch);
        }
    }

    fn push(&self, clone: &Clone, file: (&str, &str), branch: &str) {
        let target = format!("HEAD:refs/heads/{branch}");
        let again = |arguments: &[&str]| {
            let mut last = String::new();
            for _ in 0..MOST_TRIES {
                let _nobody_prunes = self.pushing.read().unwrap();
                let ran = clone.try_git(arguments);
                if ran.status == 0 {
                    return;
                }
                last = ran.text();
            }
            panic!("git {arguments:?}:\n{last}");
        };
        again(&["fetch", "-q", "origin"]);
        again(&["checkout", "-q", "-f", "--detach", "origin/main"]);
        clone.write(file.0, file.1).commit("Propose");
        again(&["push", "-q", "-f", "origin", &target]);
    }

    fn review_all(&self, round: u64) {
        let mut random = self.random(7, round);
        for _ in 0..REVIEWS {
            let listed = self
                .stage
                .countersign(&["list", "--status", "pending", "--format", "json"]);
            let rows = listed.succeeds().json();
            let rows = rows.as_array().unwrap();
            let numbers: Vec<String> = { rows.iter() }
                .filter_map(|row| Some(row["number"].as_u64()?.to_string()))
                .collect();
            if numbers.is_empty() {
                continue;
            }
            let what = random.pick(&REVIEWS_GIVEN);
            let who = random.pick(&["alice", "bob", "carol"]);
            let number = random.pick(&numbers);
            let review = [&["review", number, "--as", who], *what].concat();
            let ran = self.stage.countersign(&review);
            // It was decided meanwhile, or is not for this person to say.
            assert!(
                matches!(ran.status, 0 | 1 | 3),
                "{review:?}: {}",
                ran.text()
            );
        }
    }

    fn maintain(&self, round: u64) {
        let mut random = self.random(8, round);
        let mut left = MAINTENANCE.to_vec();
        while !left.is_empty() {
            let at = random.below(left.len() as u64);
            let arguments = left.remove(usize::try_from(at).unwrap());
            let throws_out = arguments.contains(&"prune") || arguments.contains(&"--prune=now");
            let _nobody_pushes = throws_out.then(|| self.pushing.write().unwrap());
            // It gives up where somebody holds a lock, or has changed what it looks at.
            let git = Command::new("git")
                .arg("-C")
                .arg(&self.stage.repo)
                .args(arguments)
                .stderr(Stdio::null())
                .status();
            git.unwrap();
        }
    }

    fn kill_all(&self, killables: &mut [Killable<'_>], round: u64) {
        let mut random = self.random(9, round);
        for _ in 0..KILLS {
            // Any moment is as good as another: nothing is waited for.
            thread::sleep(Duration::from_millis(random.below(400)));
            let at = random.below(killables.len() as u64);
            killables[usize::try_from(at).unwrap()].kill();
        }
    }
}

#[test]
fn what_is_killed_in_a_storm_loses_nothing_doubles_nothing_and_leaves_nothing() {
    let rounds = from_environment(ROUNDS_VARIABLE, ROUNDS);
    let seed = from_environment(SEED_VARIABLE, 7);
    let mut stage = TestRepo::example();
    let executed = stage.folder("executed.txt");
    let script = format!(
        "cat > /dev/null; echo $COUNTERSIGN_CASE >> {}; sleep 0.1",
        executed.display()
    );
    stage.add_command("notify", &script);
    for agent in AGENTS {
        stage.clone_of(agent);
    }
    let proposed = {
        let storm = Storm {
            stage: &stage,
            seed,
            proposed: Mutex::default(),
            pushing: RwLock::default(),
        };
        let mut killables: Vec<Killable<'_>> =
            SLOTS.map(|name| Killable::start(&stage, name)).into();
        for round in 0..rounds {
            thread::scope(|scope| {
                let storm = &storm;
                scope.spawn(move || storm.push_all(0, round));
                scope.spawn(move || storm.push_all(1, round));
                scope.spawn(move || storm.review_all(round));
                scope.spawn(move || storm.maintain(round));
                storm.kill_all(&mut killables, round);
            });
        }
        for killable in killables {
            killable.stop();
        }
        storm.proposed.into_inner().unwrap()
    };
    come_to_rest(&stage);
    let decided = assert_everything_once(&stage, &proposed, &executed);
    assert_targets_hold(&stage);
    trail::assert_settled(&stage);
    stage.git(&["fsck", "--full", "--strict"]);
    stage.verifies();
    trail::assert_nothing_left(&stage.repo);
    println!(
        "{} kills, {} proposed, {decided} decided, 0 lost, 0 doubled",
        rounds * KILLS,
        proposed.len()
    );
    stage.read_all();
}

/// Each is started once more, as it is after a kill, until what it left is gone.
fn come_to_rest(stage: &TestRepo) {
    for name in SLOTS {
        let folder = temporary(stage, name);
        until("the temporary folder is empty", || {
            let ran = with_temporary(stage, name, &["run"]).output().unwrap();
            let words = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(ran.status.success(), "{words}");
            fs::read_dir(&folder).unwrap().next().is_none()
        });
    }
}

/// How many are decided.
fn assert_everything_once(
    stage: &TestRepo,
    proposed: &BTreeMap<String, String>,
    executed: &Path,
) -> usize {
    let events = events(stage);
    let (decided, branches) = (decisions(&events), trail::branches(stage));
    for (id, branch) in proposed {
        let times = count(&events, id, "decision");
        let is_open = branches.contains(branch);
        assert_eq!(times + usize::from(is_open), 1, "{id} of {branch}");
        let is_approved = decided
            .get(id)
            .is_some_and(|event| event.word.ends_with("approved"));
        assert_eq!(
            count(&events, id, "outcome"),
            usize::from(is_approved),
            "{id}"
        );
    }
    let executed = fs::read_to_string(executed).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for id in executed.lines() {
        assert!(seen.insert(id), "executed twice: {id}");
        assert!(decided[id].word.ends_with("approved"), "executed: {id}");
    }
    decided.len()
}

/// What was merged last is what a target holds.
fn assert_targets_hold(stage: &TestRepo) {
    let mut last = BTreeMap::new();
    for event in events(stage) {
        if event.kind != "decision" || !event.word.ends_with("approved") {
            continue;
        }
        let id: countersign::domain::ids::CaseId = event.case.parse().unwrap();
        let path = format!("recommendations/{}/recommendation.yaml", id.folder());
        let text = stage.git(&["show", &format!("{}:{path}", event.commit)]);
        let read: countersign::domain::documents::Recommendation =
            countersign::domain::yaml::read(&path, text.as_bytes()).unwrap();
        if read.action.to_string() == "modify_parameters" {
            let line = text
                .lines()
                .find(|line| line.contains("stop_loss_pct"))
                .unwrap();
            let value = line
                .rsplit_once("stop_loss_pct: ")
                .unwrap()
                .1
                .trim_end_matches('}');
            last.insert(read.targets[0].to_string(), value.to_owned());
        }
    }
    assert!(!last.is_empty());
    for (target, value) in last {
        let text = stage.file(&format!("targets/{target}.yaml"));
        let expected = format!("stop_loss_pct: {value}");
        assert!(
            text.contains(&expected),
            "{target}: not {expected} in:\n{text}"
        );
    }
}
