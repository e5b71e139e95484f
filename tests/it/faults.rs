//! One bad thing never stops the others, and a repository that fails costs nothing. What goes wrong with one pull
//! request makes that one invalid; what goes wrong with the repository or the forge stops the run, ends no pull
//! request, and the next run does the rest. Shown by real damage to every object that a run could need, by a branch
//! that is malformed at every level, and by a forge that fails at every call.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::proposals::{ANALYZE, LOW};
use crate::support::trail::{self, decisions, events};
use crate::support::{Ran, TestRepo, has};
use chrono::{DateTime, Utc};
use countersign::bot::{Bot, BotError};
use countersign::domain::documents::AccountRecord;
use countersign::domain::ids::PullNumber;
use countersign::domain::pull::Pull;
use countersign::forge::local::LocalForge;
use countersign::forge::{Basis, Forge, ForgeError, NewHead, Publication, Published, Report};
use countersign::git::Repository;

/// The branches, in the order of their numbers.
const BRANCHES: [&str; 3] = ["a", "b", "c"];
const MIDDLE: &str = "b";

/// Three proposals of three agents that a run merges by itself; their ids by branch.
struct Three {
    stage: TestRepo,
    ids: BTreeMap<&'static str, String>,
}

impl Three {
    /// With every object in a file of its own, so that one can be damaged.
    fn new() -> Self {
        let stage = TestRepo::example();
        let bodies = [LOW, ANALYZE, LOW];
        let agents = ["strategy-optimizer", "market-analyst", "risk-manager"];
        let ids = BRANCHES
            .into_iter()
            .zip(agents)
            .zip(bodies)
            .map(|((branch, agent), body)| (branch, stage.propose(agent, branch, body)));
        let ids = ids.collect();
        unpack(&stage);
        Self { stage, ids }
    }

    /// The branches whose cases are decided.
    #[track_caller]
    fn decided(&self, take: &TestRepo) -> BTreeSet<&'static str> {
        let decided = decisions(&events(take));
        let is_decided = |branch: &&str| decided.contains_key(&self.ids[*branch]);
        BRANCHES.into_iter().filter(is_decided).collect()
    }

    /// Nothing is lost: each case is decided, or its branch is there and its pull request is open.
    #[track_caller]
    fn assert_none_lost(&self, take: &TestRepo, what: &str) {
        let (decided, alive) = (self.decided(take), trail::branches(take));
        for branch in BRANCHES {
            let is_open = alive.contains(&format!("recommend/{branch}"));
            assert!(
                is_open || decided.contains(branch),
                "{what}: {branch} is lost"
            );
        }
    }

    /// Once everything is mended, one run does all that is left, and each case was decided once.
    #[track_caller]
    fn assert_finishes(&self, mut take: TestRepo, what: &str) {
        take.run();
        assert_eq!(self.decided(&take), BTreeSet::from(BRANCHES), "{what}");
        let cases: Vec<String> = events(&take)
            .into_iter()
            .filter(|event| event.kind == "decision")
            .map(|event| event.case)
            .collect();
        assert_eq!(cases.len(), BRANCHES.len(), "{what}: decided once each");
        trail::assert_settled(&take);
        take.verifies();
        take.read_all();
    }
}

/// Gives every object a file of its own.
fn unpack(stage: &TestRepo) {
    let folder = stage.repo.join("objects/pack");
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let aside = stage.folder("aside.pack");
        if path.extension().is_some_and(|ending| ending == "pack") {
            fs::rename(&path, &aside).unwrap();
            fs::remove_file(path.with_extension("idx")).unwrap();
            let script = format!(
                "git -C '{}' unpack-objects -q < '{}'",
                stage.repo.display(),
                aside.display()
            );
            let ran = std::process::Command::new("sh")
                .args(["-c", &script])
                .output();
            Ran::of(&ran.unwrap()).succeeds();
        }
    }
}

fn file_of(stage: &TestRepo, object: &str) -> PathBuf {
    let (folder, name) = object.split_at(2);
    stage.repo.join("objects").join(folder).join(name)
}

/// The objects that are reachable from these and not from those.
fn objects(stage: &TestRepo, from: &[&str], not: &[&str]) -> Vec<String> {
    let mut arguments = vec!["rev-list", "--objects", "--no-object-names"];
    arguments.extend(from);
    if !not.is_empty() {
        arguments.push("--not");
        arguments.extend(not);
    }
    let listed = stage.git(&arguments);
    listed.lines().map(str::to_owned).collect()
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// Half of its file is left.
    Cut,
    /// Its file is gone.
    Gone,
}

impl Damage {
    fn run(self, take: &TestRepo, object: &str) -> Ran {
        let file = file_of(take, object);
        let content = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        if self == Self::Cut {
            fs::write(&file, &content[..content.len() / 2]).unwrap();
        }
        let ran = take.countersign(&["run"]);
        drop(fs::remove_file(&file));
        fs::write(&file, &content).unwrap();
        ran
    }
}

/// How often the bot said anything on a pull request.
fn said_in_all(take: &TestRepo) -> usize {
    let numbers = take.numbers().into_iter();
    numbers.map(|number| take.said_on(number).len()).sum()
}

#[test]
fn a_damaged_object_of_one_branch_ends_nothing_and_is_named() {
    let three = Three::new();
    let others = ["main", "recommend/a", "recommend/c"];
    let own = objects(&three.stage, &["recommend/b"], &others);
    assert!(own.len() > 7, "{own:?}");
    let mut take = three.stage.copy();
    for object in &own {
        // The disk fails: nothing is decided.
        let ran = Damage::Cut.run(&take, object);
        has(&ran.stderr, object);
        assert_eq!(ran.status, 1, "{object}: {}", ran.text());
        three.assert_none_lost(&take, object);
        assert_eq!(three.decided(&take), BTreeSet::new(), "{object}");
    }
    assert_eq!(said_in_all(&take), 0);
    three.assert_finishes(take, "after all of them");
    for object in &own {
        // This one has to wait; the others do not.
        take = three.stage.copy();
        let ran = Damage::Gone.run(&take, object);
        has(&ran.stderr, object);
        assert!(trail::branches(&take).contains("recommend/b"), "{object}");
        assert_eq!(three.decided(&take), BTreeSet::from(["a", "c"]), "{object}");
        take.run();
        assert_eq!(three.decided(&take), BTreeSet::from(BRANCHES), "{object}");
        take.read_all();
    }
}

/// It is not said that it cannot be seen from here, as if this were a clone.
#[test]
fn why_what_waits_could_not_be_read_is_said_beside_what_is_decided() {
    let three = Three::new();
    let others = ["main", "recommend/a", "recommend/c"];
    let commit = objects(&three.stage, &["recommend/b"], &others).remove(0);
    let file = file_of(&three.stage, &commit);
    let content = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, &content[..content.len() / 2]).unwrap();
    let listed = three.stage.countersign(&["list"]).succeeds();
    let (first, rest) = listed.stderr.split_once('\n').unwrap();
    has(first, "warning: what waits for people could not be read: ");
    has(first, &commit);
    assert_eq!(
        rest,
        "no case yet: agents propose with `countersign propose`, or with plain git\n"
    );
    let weekly = three.stage.countersign(&["report", "weekly"]).succeeds();
    has(
        &weekly.stdout,
        "Not known: what waits for people could not be read: ",
    );
    let pending = ["list", "--status", "pending"];
    has(&three.stage.countersign(&pending).exits(1).stderr, &commit);
}

#[test]
fn a_damaged_object_of_main_stops_the_run_and_the_next_one_finishes() {
    let three = Three::new();
    let mut take = three.stage.copy();
    let mut stopped = 0;
    for object in objects(&three.stage, &["main"], &[]) {
        for damage in [Damage::Cut, Damage::Gone] {
            let what = format!("{damage:?} {object}");
            let ran = damage.run(&take, &object);
            three.assert_none_lost(&take, &what);
            if ran.status == 0 {
                // Nobody needs it.
                take.read_all();
                take = three.stage.copy();
                continue;
            }
            stopped += 1;
            has(&ran.stderr, &object);
            // Those were left that need it; nobody was told anything else.
            let decided = three.decided(&take).len();
            assert_eq!(said_in_all(&take), decided, "{what}");
            if decided > 0 {
                assert_eq!(damage, Damage::Gone, "{what}");
                take.read_all();
                take = three.stage.copy();
            }
        }
    }
    three.assert_finishes(take, "after all of them");
    // The commit, the root, the rules and the targets that are asked about.
    assert!(stopped > 20, "{stopped}");
}

/// A branch that is malformed at one of its levels.
struct Malformed {
    what: String,
    /// The commit, as the branch names it.
    head: String,
}

/// An object of any content, which git itself would refuse.
fn store(stage: &TestRepo, kind: &str, content: &[u8]) -> String {
    let file = stage.folder("object");
    fs::write(&file, content).unwrap();
    let stored = stage.git(&[
        "hash-object",
        "--literally",
        "-w",
        "-t",
        kind,
        file.to_str().unwrap(),
    ]);
    stored.trim().to_owned()
}

fn raw(stage: &TestRepo, kind: &str, object: &str) -> Vec<u8> {
    let mut command = std::process::Command::new("git");
    command.current_dir(&stage.repo);
    command.args(["cat-file", kind, object]);
    command.output().unwrap().stdout
}

fn hex(id: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).unwrap();
    (0..id.len()).step_by(2).map(digit).collect()
}

/// Every way in which one object of a kind can be wrong, in words and as bytes.
fn wrong_trees(tree: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let entry = |mode: &str, name: &str| {
        let mut bytes = format!("{mode} {name}\0").into_bytes();
        bytes.extend([7; 20]);
        bytes
    };
    vec![
        ("cut short", tree[..tree.len() - 3].to_vec()),
        ("an entry twice", [tree, tree].concat()),
        (
            "out of order",
            [entry("100644", "zz"), entry("100644", "aa"), tree.to_vec()].concat(),
        ),
        ("no mode", [entry("what", "aa"), tree.to_vec()].concat()),
        ("a way out", [entry("40000", ".."), tree.to_vec()].concat()),
        (
            "the folder of git",
            [entry("40000", ".git"), tree.to_vec()].concat(),
        ),
    ]
}

fn wrong_commits(commit: &str) -> Vec<(&'static str, String)> {
    let without = |start: &str| -> String {
        let kept = commit.lines().filter(|line| !line.starts_with(start));
        kept.map(|line| format!("{line}\n")).collect()
    };
    vec![
        ("without a committer", without("committer ")),
        ("without an author", without("author ")),
        ("without a tree", without("tree ")),
        (
            "a time without end",
            commit
                .replace("+0000", "99999999999999999999999 +0000")
                .replacen("> ", "> 9999999999999999999", 2),
        ),
        ("cut short", commit[..60].to_owned()),
    ]
}

fn malformed_branches(stage: &TestRepo) -> Vec<Malformed> {
    let mut found = Vec::new();
    let commit = String::from_utf8(raw(stage, "commit", "recommend/b")).unwrap();
    for (what, bytes) in wrong_commits(&commit) {
        let head = store(stage, "commit", bytes.as_bytes());
        found.push(Malformed {
            what: format!("a commit {what}"),
            head,
        });
    }
    // From the root down: the trees on the way to the file, and then the file.
    let id = commit
        .lines()
        .next()
        .unwrap()
        .strip_prefix("tree ")
        .unwrap();
    let path = stage.git(&["diff", "--name-only", "main...recommend/b"]);
    let names: Vec<&str> = path.trim().split('/').collect();
    let mut chain = vec![id.to_owned()];
    for end in 1..names.len() {
        let folder = format!("recommend/b:{}", names[..end].join("/"));
        chain.push(stage.git(&["rev-parse", &folder]).trim().to_owned());
    }
    let rebuild = |level: usize, replacement: String| {
        let mut new = replacement;
        for (above, old) in (0..level).rev().map(|above| (above, &chain[above + 1])) {
            let mut tree = raw(stage, "tree", &chain[above]);
            let old = hex(old);
            let at = tree.windows(20).position(|window| window == old).unwrap();
            tree[at..at + 20].copy_from_slice(&hex(&new));
            new = store(stage, "tree", &tree);
        }
        let text = commit.replacen(id, &new, 1);
        store(stage, "commit", text.as_bytes())
    };
    let last = chain.len() - 1;
    for (level, tree) in chain.iter().enumerate() {
        for (turn, (what, bytes)) in wrong_trees(&raw(stage, "tree", tree))
            .into_iter()
            .enumerate()
        {
            // All of them at both ends, and one at each level between.
            if level != 0 && level != last && turn != level {
                continue;
            }
            let head = rebuild(level, store(stage, "tree", &bytes));
            let what = format!("folder {level} {what}");
            found.push(Malformed { what, head });
        }
    }
    let main = stage.main();
    let files: [(&str, &str, Vec<u8>); 4] = [
        ("a file that is a commit", "100644", hex(&main)),
        ("a file that is a folder", "100644", hex(&chain[0])),
        (
            "a file that is no text",
            "100644",
            hex(&store(stage, "blob", &[0xff, 0xfe, 0, 1])),
        ),
        (
            "a folder that is a file",
            "40000",
            hex(&store(stage, "blob", b"x")),
        ),
    ];
    for (what, mode, id) in files {
        let mut tree = format!("{mode} {}\0", names[names.len() - 1]).into_bytes();
        tree.extend(id);
        let head = rebuild(last, store(stage, "tree", &tree));
        found.push(Malformed {
            what: what.to_owned(),
            head,
        });
    }
    found
}

#[test]
fn a_branch_that_is_malformed_at_any_level_is_invalid_and_the_others_go_on() {
    let three = Three::new();
    let all = malformed_branches(&three.stage);
    assert!(all.len() > 24, "{}", all.len());
    let last = all.len() - 1;
    for (place, Malformed { what, head }) in all.into_iter().enumerate() {
        let mut take = three.stage.copy();
        // Git would not set it.
        let branch = take.repo.join("refs/heads/recommend").join(MIDDLE);
        let sound = fs::read(&branch).unwrap();
        fs::write(&branch, format!("{head}\n")).unwrap();
        let ran = take.countersign(&["run"]);
        assert_eq!(ran.status, 0, "{what}: {}", ran.text());
        assert_eq!(three.decided(&take), BTreeSet::from(["a", "c"]), "{what}");
        let shown = take.countersign(&["show", "2", "--format", "json"]);
        let shown = shown.succeeds().json();
        let title = shown["report"]["title"].as_str().unwrap();
        assert!(title.starts_with("invalid: "), "{what}: {title}");
        assert_eq!(shown["pull"]["state"], "open", "{what}");
        if place == last {
            // Its author mends it.
            for command in ["list", "verify"] {
                take.countersign(&[command]).succeeds();
            }
            fs::write(&branch, &sound).unwrap();
            take.run();
            assert_eq!(three.decided(&take), BTreeSet::from(BRANCHES), "{what}");
            take.verifies();
        }
        take.read_all();
    }
}

/// When a call of the forge fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Before anything came of it.
    Before,
    /// After it was done, as a connection that breaks before the answer.
    After,
}

/// A forge of which one call fails.
struct Failing {
    inner: LocalForge,
    calls: Arc<AtomicUsize>,
    fails: (usize, Moment),
}

impl Failing {
    fn call<T>(
        &mut self,
        with: impl FnOnce(&mut LocalForge) -> Result<T, ForgeError>,
    ) -> Result<T, ForgeError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let (at, moment) = self.fails;
        if call != at {
            return with(&mut self.inner);
        }
        if moment == Moment::After {
            with(&mut self.inner)?;
        }
        Err(ForgeError::Busy(7))
    }
}

impl Forge for Failing {
    fn open_pulls(
        &mut self,
        repo: &Repository,
        now: DateTime<Utc>,
    ) -> Result<Vec<Pull>, ForgeError> {
        self.call(|inner| inner.open_pulls(repo, now))
    }
    fn find_pull(
        &mut self,
        repo: &Repository,
        number: PullNumber,
    ) -> Result<Option<Pull>, ForgeError> {
        self.call(|inner| inner.find_pull(repo, number))
    }
    fn confirm(
        &mut self,
        repo: &Repository,
        pull: &Pull,
        basis: Basis,
    ) -> Result<Option<Pull>, ForgeError> {
        self.call(|inner| inner.confirm(repo, pull, basis))
    }
    fn push_head(&mut self, repo: &Repository, new: NewHead) -> Result<(), ForgeError> {
        self.call(|inner| inner.push_head(repo, new))
    }
    fn withdraw(
        &mut self,
        repo: &Repository,
        pull: &Pull,
        by: AccountRecord,
        at: DateTime<Utc>,
    ) -> Result<(), ForgeError> {
        self.call(|inner| inner.withdraw(repo, pull, by, at))
    }
    fn publish(
        &mut self,
        repo: &Repository,
        publication: Publication,
    ) -> Result<Published, ForgeError> {
        self.call(|inner| inner.publish(repo, publication))
    }
    fn report(
        &mut self,
        repo: &Repository,
        reports: Vec<(PullNumber, Report)>,
        now: DateTime<Utc>,
    ) -> Result<(), ForgeError> {
        self.call(|inner| inner.report(repo, reports, now))
    }
}

#[test]
fn a_forge_that_fails_at_any_call_ends_nothing_and_the_next_run_finishes() {
    let three = Three::new();
    for moment in [Moment::Before, Moment::After] {
        let failed = Cell::new(0);
        for call in 1.. {
            let take = three.stage.copy();
            let calls = Arc::new(AtomicUsize::new(0));
            let forge = Failing {
                inner: LocalForge::new(),
                calls: Arc::clone(&calls),
                fails: (call, moment),
            };
            let now = take.now();
            let repo = Repository::open(&take.repo).unwrap();
            let mut bot = Bot::new(repo, Box::new(forge), Box::new(move || now));
            let ran = bot.run(&mut |_, _| ());
            let what = format!("call {call}, {moment:?}");
            three.assert_none_lost(&take, &what);
            if calls.load(Ordering::Relaxed) < call {
                ran.unwrap();
                three.assert_finishes(take, &what);
                break;
            }
            failed.set(failed.get() + 1);
            let error = ran.unwrap_err();
            assert!(
                matches!(error, BotError::Forge(ForgeError::Busy(7))),
                "{what}: {error}"
            );
            three.assert_finishes(take, &what);
        }
        assert!(failed.get() > 5, "{moment:?}: {}", failed.get());
    }
}

#[test]
fn what_people_write_never_keeps_a_decision_from_being_recorded() {
    let mut stage = TestRepo::example();
    let bob = stage.file("rules/people.yaml");
    let bob = bob.lines().find(|line| line.starts_with("  bob:")).unwrap();
    let more = format!(
        "{bob}\n{}\n{}",
        bob.replace("bob", "erin"),
        bob.replace("bob", "frank")
    );
    stage.edit_on_main("rules/people.yaml", bob, &more);
    let (from, to) = ("[alice, bob]", "[alice, bob, erin, frank]");
    stage.edit_on_main("rules/people.yaml", from, to);
    let medium = "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}";
    let id = stage.propose("strategy-optimizer", "a", medium);
    stage.propose("market-analyst", "b", ANALYZE);
    let words = "\u{1f600}".repeat(4_000);
    for who in ["alice", "bob", "carol", "erin", "frank"] {
        let approve = ["--approve", "--message", &words];
        stage.review(1, who, &approve).succeeds();
    }
    stage.run();
    let case: countersign::domain::ids::CaseId = id.parse().unwrap();
    let decision = stage.file(&format!("recommendations/{}/decision.yaml", case.folder()));
    assert!(decision.len() <= 64 * 1024, "{}", decision.len());
    let approved = decision.matches("\n  - by: ").count() + decision.matches("\n- by: ").count();
    assert_eq!(approved, 5, "{decision}");
    let by_hand = stage.git(&["log", "--format=%H", "--grep=By hand", "main"]);
    assert!(trail::branches(&stage).is_empty());
    // Nothing is wrong but the commits by hand.
    let said = stage.countersign(&["verify", "--format", "json"]).json();
    for finding in said["findings"].as_array().unwrap() {
        has(&by_hand, finding["commit"].as_str().unwrap());
    }
    stage.read_all();
}

#[test]
fn what_cannot_be_recorded_makes_that_one_invalid_and_leaves_nothing_of_it() {
    let mut stage = TestRepo::example();
    stage.govern(
        "dana",
        "folder",
        &[("targets/zz.yaml/x", "Not a target.\n")],
    );
    stage.run();
    stage.read_all();
    stage.approve(1, "carol");
    stage.run();
    stage.read_all();
    let create = "action: create_strategy\ntargets: [zz]\nchanges: {trading_mode: inactive}";
    let id = stage.propose("strategy-optimizer", "create", create);
    stage.propose("risk-manager", "low", LOW);
    let before = stage.log().len();
    stage.run();
    assert_eq!(
        stage.report(2),
        "failure: invalid: pull request: what it comes to cannot be recorded: `targets/zz.yaml` is a folder, and a file does not take its place: choose another name\n\n\
         Mend this and push again; nothing is merged until then:\n\n```text\n\
         pull request: what it comes to cannot be recorded: `targets/zz.yaml` is a folder, and a file does not take its place: choose another name\n```\n"
    );
    has(&stage.report(3), "success: LOW 0.00: merged by the bot");
    let log = stage.log();
    assert_eq!(log.len(), before + 2, "a decision and its outcome: {log:?}");
    let case: countersign::domain::ids::CaseId = id.parse().unwrap();
    let listed = stage.git(&["ls-tree", "-r", "--name-only", "main"]);
    assert!(!listed.contains(&case.folder()), "{listed}");
    assert!(trail::branches(&stage).contains("recommend/create"));
    stage.verifies();
}

#[test]
fn policy_tests_that_take_too_long_make_the_change_wait_and_nothing_is_recorded() {
    let mut stage = TestRepo::example();
    let rules = format!("{}# A remark.\n", stage.file("rules/policy.yaml"));
    stage.govern("dana", "rules", &[("rules/policy.yaml", &rules)]);
    stage.propose("risk-manager", "low", LOW);
    let run_for = |stage: &TestRepo, limit: Duration| {
        let now = stage.now();
        let repo = Repository::open(&stage.repo).unwrap();
        let bot = Bot::new(repo, Box::new(LocalForge::new()), Box::new(move || now));
        bot.with_test_limit(limit).run(&mut |_, _| ()).unwrap();
    };
    run_for(&stage, Duration::ZERO);
    assert_eq!(
        stage.report(2),
        "waiting: governance change: its policy tests take longer than 0 s\n\n\
         Nothing is decided on it, and nothing is recorded; the next run tries again. If it stays so, give it fewer or \
         cheaper policy tests and conditions, or the bot a faster machine.\n"
    );
    has(&stage.report(1), "success: LOW 0.00: merged by the bot");
    let before = stage.main();
    stage.approve(2, "carol");
    run_for(&stage, Duration::ZERO);
    stage.main_is_still(&before);
    assert!(trail::branches(&stage).contains("govern/rules"));
    run_for(&stage, Duration::from_secs(60));
    assert_eq!(stage.file("rules/policy.yaml"), rules);
    stage.read_all();
    stage.verifies();
}
