//! Killed anywhere, made good by the next run. A debug build gets a real `kill -9` at its Nth step, for
//! N = 1, 2, 3 … until it survives; after each death the same command is run again, and then nothing may be
//! lost, nothing done twice, and nothing left that a person would have to clear away.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::TestRepo;
use crate::support::proposals::{ANALYZE, HIGH, LOW, MEDIUM, NOTIFY, REASON};
use crate::support::trail::{self, count, decisions, events};

/// Runs a command that dies at a step; whether it did.
#[track_caller]
fn dies(stage: &TestRepo, step: usize, arguments: &[&str]) -> bool {
    let mut command = stage.command(arguments);
    command.env("COUNTERSIGN_DIE_AT_STEP", step.to_string());
    let output = command.output().unwrap();
    let died = output.status.code().is_none();
    assert!(
        died || output.status.success(),
        "step {step}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    died
}

/// How a step is made good, and looked at afterwards.
type MakeGood<'f> = &'f mut dyn FnMut(&TestRepo, usize);

/// Kills a command at one of its steps, in a fresh copy of the stage, and looks at what is left before and
/// after it is made good; whether it died.
#[track_caller]
fn at_step(stage: &TestRepo, step: usize, arguments: &[&str], make_good: MakeGood<'_>) -> bool {
    let mut take = stage.copy();
    let died = dies(&take, step, arguments);
    trail::assert_whole(&take);
    if died {
        make_good(&take, step);
    }
    trail::assert_settled(&take);
    // Our own locks are taken over at once, so nothing here had to wait until one is old.
    let locks = trail::files(&take.repo, ".lock");
    assert_eq!(locks, Vec::<PathBuf>::new(), "step {step}");
    if died {
        // Whoever runs next clears away what is left of the dead; a run has been here already.
        if arguments != ["run"] {
            take.run();
        }
        trail::assert_nothing_left(&take.repo);
    }
    take.read_all();
    died
}

/// The same at every step there is; how many there are.
#[track_caller]
fn at_every_step(stage: &TestRepo, arguments: &[&str], make_good: MakeGood<'_>) -> usize {
    let survived = (1..).find(|step| !at_step(stage, *step, arguments, make_good));
    survived.unwrap() - 1
}

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// One pull request of every kind, and what has to become of each.
struct Backlog {
    stage: TestRepo,
    /// What the command leaves behind, a line each time that it is run.
    outside: PathBuf,
    /// By branch: the case and how it ends; `pending` if it does not.
    expected: BTreeMap<&'static str, (String, &'static str)>,
}

impl Backlog {
    fn new() -> Self {
        let stage = TestRepo::example();
        let outside = stage.folder("outside.txt");
        stage.add_command(
            "notify",
            &format!("echo $COUNTERSIGN_CASE >> {}", outside.display()),
        );
        let mut expected = BTreeMap::new();
        for (branch, body, end) in [
            ("applied", LOW, "auto_approved"),
            ("notified", NOTIFY, "auto_approved"),
            ("read", ANALYZE, "auto_approved"),
            ("approved", MEDIUM, "approved"),
            ("waits", HIGH, "pending"),
            ("rejected", HIGH, "rejected"),
            ("withdrawn", HIGH, "withdrawn"),
            ("broken", "action: analyze\nsurprise: 1", "pending"),
        ] {
            let id = stage.propose("strategy-optimizer", branch, body);
            expected.insert(branch, (id, end));
        }
        stage.govern("dana", "readme", &[("README.md", "Read me again.\n")]);
        let mut backlog = Self {
            stage,
            outside,
            expected,
        };
        backlog.hear_people();
        backlog
    }

    fn hear_people(&mut self) {
        let stage = &self.stage;
        // The first review makes the forge notice all branches.
        let no = ["--reject", "bad_timing", "-m", REASON];
        stage.review(2, "dana", &["--request-changes"]).succeeds();
        let numbers: BTreeMap<String, u64> = trail::pulls(stage)
            .into_iter()
            .map(|(number, branch)| (branch, number))
            .collect();
        let number = |branch: &str| numbers[branch];
        stage
            .review(number("recommend/approved"), "alice", &["--approve"])
            .succeeds();
        stage
            .review(number("recommend/rejected"), "bob", &no)
            .succeeds();
        stage
            .review(
                number("govern/readme"),
                "carol",
                &["--approve", "-m", REASON],
            )
            .succeeds();
        stage
            .clone_of("strategy-optimizer")
            .git(&["push", "-q", "origin", ":recommend/withdrawn"]);
    }

    /// Whether everything is as it has to be in the end.
    #[track_caller]
    fn assert_done(&self, take: &TestRepo, step: usize) {
        let events = events(take);
        let decided = decisions(&events);
        let mut alive = BTreeSet::new();
        for (branch, (id, end)) in &self.expected {
            let how = decided.get(id).map_or("pending", |event| &event.word);
            assert_eq!(how, *end, "step {step}: {branch}");
            let outcomes = usize::from(matches!(*end, "auto_approved" | "approved"));
            assert_eq!(
                count(&events, id, "outcome"),
                outcomes,
                "step {step}: {branch}"
            );
            if *end == "pending" {
                alive.insert(format!("recommend/{branch}"));
            }
        }
        assert_eq!(count(&events, &self.expected["notified"].0, "claim"), 1);
        assert_eq!(decided.len(), 6 + 2, "both governance changes too");
        assert_eq!(trail::branches(take), alive, "step {step}");
        let branches: Vec<String> = trail::pulls(take).into_values().collect();
        let expected = self
            .expected
            .keys()
            .map(|branch| format!("recommend/{branch}"));
        let expected: BTreeSet<String> = expected
            .chain(["govern/a-command".to_owned(), "govern/readme".to_owned()])
            .collect();
        assert_eq!(
            branches.len(),
            expected.len(),
            "step {step}: one number a branch: {branches:?}"
        );
        assert_eq!(branches.into_iter().collect::<BTreeSet<_>>(), expected);
        self.assert_executed_once(take, &events, step);
        // Each time another case is shown, which over all steps are all of them.
        let (branch, (id, end)) = self
            .expected
            .iter()
            .nth(step % self.expected.len())
            .unwrap();
        if *branch == "broken" {
            // It has no id that could be read.
            return;
        }
        let shown = take
            .countersign(&["show", id, "--format", "json"])
            .succeeds()
            .json();
        match *end {
            "pending" => assert_eq!(shown["decision"], serde_json::Value::Null),
            end => assert_eq!(shown["decision"]["status"], end),
        }
    }

    fn assert_executed_once(&self, take: &TestRepo, events: &[trail::Event], step: usize) {
        let id = &self.expected["notified"].0;
        let ran = lines(&self.outside);
        let outcome = events
            .iter()
            .find(|event| event.case == *id && event.kind == "outcome")
            .unwrap();
        match outcome.word.as_str() {
            "success" => assert_eq!(ran, [id.as_str()], "step {step}"),
            "unknown" => {
                assert!(ran.len() <= 1, "step {step}: {ran:?}");
                take.countersign(&["outcome", id, "--success", "--as", "carol"])
                    .succeeds();
                let shown = take.countersign(&["show", id, "--format", "json"]).json();
                assert_eq!(shown["outcome"]["success"], true, "step {step}");
            }
            word => panic!("step {step}: {word}"),
        }
    }
}

#[test]
fn a_run_over_one_of_everything_may_die_at_every_step() {
    // Two stages, so that two cores have something to do: one for the odd steps, one for the even ones.
    let (steps, unknown): (Vec<usize>, Vec<usize>) = std::thread::scope(|scope| {
        let workers = [1, 2].map(|first| scope.spawn(move || die_at_every_other_step(first)));
        workers
            .map(|worker| worker.join().unwrap())
            .into_iter()
            .unzip()
    });
    let steps = steps.into_iter().max().unwrap();
    assert!(steps > 60, "only {steps} steps: are they still emitted?");
    assert!(
        unknown.iter().sum::<usize>() > 0,
        "no death between claim and outcome"
    );
}

/// How many steps there are, and how often nobody knew what came of the command.
fn die_at_every_other_step(first: usize) -> (usize, usize) {
    let mut backlog = Backlog::new();
    let mut unknown = 0;
    let mut step = first;
    loop {
        drop(std::fs::remove_file(&backlog.outside));
        let died = at_step(&backlog.stage, step, &["run"], &mut |take, step| {
            take.run();
            let word = |event: &trail::Event| event.word == "unknown";
            unknown += usize::from(events(take).iter().any(word));
            // A second run finds nothing more to do, and says nothing more. Every second step will do.
            if matches!(step % 4, 1 | 2) {
                let refs = || take.git(&["for-each-ref", "refs/heads", "refs/pull"]);
                let before = refs();
                take.run();
                assert_eq!(refs(), before, "step {step}");
            }
            backlog.assert_done(take, step);
        });
        if !died {
            backlog.stage.read_all();
            return (step - 1, unknown);
        }
        step += 2;
    }
}

#[test]
fn going_back_to_people_may_die_at_every_step() {
    let mut stage = TestRepo::example();
    let outside = stage.folder("outside.txt");
    let actions = stage.file("rules/actions.yaml");
    let (before, own) = actions.split_once("  optimize:\n").unwrap();
    let script = format!("echo ran >> {}", outside.display());
    let command = format!(
        "executor: command\n    command: {{argv: [sh, -c, {script:?}], time_limit_seconds: 60}}\n"
    );
    let own = own.replacen("executor: apply\n", &command, 1);
    let actions = format!("{before}  optimize:\n{own}");
    stage.govern("dana", "command", &[("rules/actions.yaml", &actions)]);
    stage.run();
    let approve = ["--approve", "-m", REASON];
    stage.review(1, "carol", &approve).succeeds();
    stage.run();
    let optimize = LOW.replace("modify_parameters", "optimize");
    let id = stage.propose("strategy-optimizer", "a", &optimize);
    // Decided after it in the same run, and carried out before it: then the draft is live.
    let promote = HIGH.replace("rsi-eurusd-paper", "rsi-eurusd-draft");
    stage.propose("strategy-optimizer", "b", &promote);
    stage.review(3, "carol", &approve).succeeds();
    let steps = at_every_step(&stage, &["run"], &mut |take, step| {
        take.run();
        let events = events(take);
        let happened = ["decision", "rescored", "claim", "outcome"];
        let happened = happened.map(|kind| count(&events, &id, kind));
        assert_eq!(happened, [1, 1, 0, 0], "step {step}");
        let main = take.main();
        take.run();
        take.main_is_still(&main);
        assert!(!outside.exists(), "step {step}");
        trail::assert_settled(take);
    });
    assert!(steps > 20, "{steps}");
    stage.read_all();
}

#[test]
fn noticing_a_large_backlog_may_die_at_every_step() {
    let mut stage = TestRepo::example();
    // So many new refs are written straight into `packed-refs`.
    let proposals: Vec<(String, String)> = (0..70)
        .map(|n| (format!("n{n}"), MEDIUM.to_owned()))
        .collect();
    stage.propose_many("strategy-optimizer", &proposals);
    let steps = at_every_step(&stage, &["run"], &mut |take, step| {
        take.run();
        assert_eq!(trail::pulls(take).len(), 70, "step {step}");
        assert_eq!(trail::branches(take).len(), 70, "step {step}");
        for number in [1, 35, 70] {
            assert_eq!(take.said_on(number).len(), 1, "step {step}");
        }
    });
    assert!(steps > 5, "{steps}");
    stage.read_all();
}

/// `propose`, `review` and the others: died, then typed again by the same person.
fn again(take: &TestRepo, arguments: &[&str], done_already: &str) {
    let again = take.countersign(arguments);
    assert!(
        again.status == 0 || again.stderr.contains(done_already),
        "{}",
        again.text()
    );
}

#[test]
fn proposing_may_die_at_every_step() {
    let stage = TestRepo::example();
    let (path, text) = stage.recommendation("strategy-optimizer", LOW);
    let id = path.split('/').nth(5).unwrap();
    let file = stage.folder("mine.yaml");
    std::fs::write(&file, text).unwrap();
    let propose = ["propose", "--file", file.to_str().unwrap()];
    let steps = at_every_step(&stage, &propose, &mut |take, step| {
        again(take, &propose, "exists already");
        take.run();
        let events = events(take);
        assert_eq!(count(&events, id, "decision"), 1, "step {step}");
        assert_eq!(count(&events, id, "outcome"), 1, "step {step}");
        assert_eq!(trail::pulls(take).len(), 1, "step {step}");
        assert_eq!(trail::branches(take).len(), 0, "step {step}");
    });
    assert!(steps > 10, "{steps}");
}

#[test]
fn reviewing_may_die_at_every_step() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", MEDIUM);
    let approve = ["review", "1", "--as", "alice", "--approve"];
    let steps = at_every_step(&stage, &approve, &mut |take, step| {
        again(take, &approve, "never");
        take.run();
        let events = events(take);
        assert_eq!(count(&events, &id, "decision"), 1, "step {step}");
        let message = take.git(&["log", "--merges", "--format=%B", "main"]);
        assert_eq!(
            message.matches("Approved-by: alice").count(),
            1,
            "{message}"
        );
    });
    assert!(steps > 10, "{steps}");
    stage.read_all();
}

#[test]
fn freezing_may_die_at_every_step() {
    let stage = TestRepo::example();
    let freeze = ["freeze", "--as", "alice", "--reason", "Exchange outage"];
    at_every_step(&stage, &freeze, &mut |take, step| {
        again(take, &freeze, "frozen already");
        let frozen = events(take).iter().filter(|e| e.kind == "freeze").count();
        assert_eq!(frozen, 1, "step {step}");
        let unfreeze = ["unfreeze", "--as", "carol"];
        take.countersign(&unfreeze).succeeds();
    });
}

#[test]
fn reporting_an_outcome_may_die_at_every_step() {
    let mut stage = TestRepo::in_mode("auto_approve");
    let body = "action: rebalance_portfolio\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 2}";
    let id = stage.propose("risk-manager", "a", body);
    stage.run();
    let report = ["outcome", &id, "--success", "--as", "carol"];
    at_every_step(&stage, &report, &mut |take, step| {
        again(take, &report, "already ended in success");
        assert_eq!(count(&events(take), &id, "outcome"), 1, "step {step}");
    });
    stage.read_all();
}

#[test]
fn giving_feedback_may_die_at_every_step() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", LOW);
    stage.run();
    let say = ["feedback", &id, "--as", "alice", "-m", "Good call."];
    at_every_step(&stage, &say, &mut |take, step| {
        let before = count(&events(take), &id, "feedback");
        take.countersign(&say).succeeds();
        // Whoever says it again has said it again; but it is never half said.
        assert_eq!(
            count(&events(take), &id, "feedback"),
            before + 1,
            "step {step}"
        );
    });
    stage.read_all();
}

#[test]
fn making_a_repository_may_die_at_every_step() {
    let folder = tempfile::tempdir().unwrap();
    for step in 1.. {
        let path = folder.path().join(format!("{step}.git"));
        let run = |die: usize| {
            let mut command = std::process::Command::new(crate::support::COUNTERSIGN);
            command.arg("init").arg(&path).arg("--example");
            command.env("COUNTERSIGN_DIE_AT_STEP", die.to_string());
            crate::support::clean(&mut command, "nobody@example.org");
            command.output().unwrap()
        };
        let died = run(step).status.code().is_none();
        if died {
            let again = run(0);
            let said = String::from_utf8_lossy(&again.stderr);
            assert!(
                again.status.success() || said.contains("not empty"),
                "step {step}: {said}"
            );
        }
        let log = crate::support::git(
            &path,
            "auditor@example.org",
            &["log", "--format=%s", "main"],
        );
        assert_eq!(
            log.trim(),
            "genesis: a governance repository in mode two_tier",
            "step {step}"
        );
        let damage = ["fsck", "--strict", "--no-dangling"];
        assert_eq!(
            crate::support::git(&path, "auditor@example.org", &damage),
            ""
        );
        assert!(path.join("hooks/update").exists(), "step {step}");
        if !died {
            assert!(step > 5, "only {step} steps");
            return;
        }
    }
}

#[test]
fn a_bot_that_dies_while_its_command_runs_leaves_a_question_for_a_person() {
    let mut stage = TestRepo::example();
    let outside = stage.folder("outside.txt");
    // Between the bot and its command stands the process that contains it.
    let script = format!(
        "echo ran >> {}; read -r _ _ _ bot _ < /proc/$PPID/stat; kill -9 $bot",
        outside.display()
    );
    stage.add_command("notify", &script);
    let id = stage.propose("strategy-optimizer", "a", NOTIFY);
    let died = stage.countersign(&["run"]);
    assert_eq!(died.status, -1, "{}", died.text());
    let early = stage.countersign(&["outcome", &id, "--success", "--as", "carol"]);
    assert!(early.exits(1).stderr.contains("claimed and has not ended"));
    let told = stage.run();
    assert!(told.stdout.contains("executed: unknown"), "{}", told.text());
    stage.run();
    assert_eq!(lines(&outside), ["ran"], "never run again");
    let shown = stage.countersign(&["show", &id, "--format", "json"]).json();
    assert_eq!(shown["outcome"]["success"], serde_json::Value::Null);
    stage
        .countersign(&["outcome", &id, "--failure", "--as", "carol"])
        .succeeds();
    let shown = stage.countersign(&["show", &id, "--format", "json"]).json();
    assert_eq!(shown["outcome"]["success"], false);
    assert_eq!(count(&events(&stage), &id, "claim"), 1);
    assert_eq!(count(&events(&stage), &id, "outcome"), 2);
    trail::assert_settled(&stage);
    stage.read_all();
}

#[test]
fn leftovers_of_killed_processes_do_not_stop_the_next_run() {
    let mut stage = TestRepo::example();
    stage.propose("strategy-optimizer", "a", LOW);
    stage.git(&["pack-refs", "--all"]);
    for lock in ["refs/heads/main.lock", "packed-refs.lock"] {
        let path = stage.repo.join(lock);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let packs = stage.repo.join("objects/pack");
    for leftover in ["tmp_pack_1_0", "tmp_idx_1_0"] {
        std::fs::write(packs.join(leftover), "PACK").unwrap();
    }
    std::fs::write(packs.join(format!("pack-{}.pack", "0".repeat(40))), "PACK").unwrap();
    trail::age_locks(&stage.repo);
    stage.run();
    assert!(stage.report(1).contains("merged by the bot"));
    assert_eq!(trail::files(&stage.repo, ".lock"), Vec::<PathBuf>::new());
    trail::assert_settled(&stage);
}

#[test]
fn three_hundred_proposals_leave_few_packs_and_no_litter() {
    let mut stage = TestRepo::example();
    let proposals: Vec<(String, String)> = (0..300)
        .map(|n| (format!("n{n}"), ANALYZE.to_owned()))
        .collect();
    let ids = stage.propose_many("strategy-optimizer", &proposals);
    let told = stage.run();
    assert!(
        told.stdout.contains("300 merged, 0 closed, 0 waiting"),
        "{}",
        told.text()
    );
    let events = events(&stage);
    for id in &ids {
        assert_eq!(count(&events, id, "decision"), 1);
        assert_eq!(count(&events, id, "outcome"), 1);
    }
    let packs = trail::files(&stage.repo.join("objects/pack"), ".pack").len();
    assert!(packs < 10, "{packs} packs");
    let counted = stage.git(&["count-objects", "-v"]);
    let loose = counted.lines().next().unwrap();
    let loose: usize = loose.strip_prefix("count: ").unwrap().parse().unwrap();
    assert!(loose < 10, "{counted}");
    assert!(counted.contains("garbage: 0"), "{counted}");
    assert_eq!(trail::branches(&stage).len(), 0);
    assert_eq!(trail::files(&stage.repo, ".lock"), Vec::<PathBuf>::new());
    trail::assert_settled(&stage);
    stage.read_all();
}
