//! The local forge keeps the contract, whatever happens to its refs and to its records.

use std::fs;

use chrono::{DateTime, Utc};
use countersign::domain::ids::{PullNumber, Sha};
use countersign::domain::pull::PullState;
use countersign::forge::Forge;
use countersign::forge::local::LocalForge;
use countersign::git::{NewCommit, ObjectBuffer, Repository, Signature};

use crate::support::forge_contract::{World, numbers, publication, publish};
use crate::support::{PULLS, TestRepo, has, trail};

// On GitHub a branch that is pushed to after the decision stays the pull request that it was.
passes_the_contract!(Local::new(); a_push_after_the_decision_is_a_new_pull_request);

/// The embedded forge, with plain `git push` and the command line as the people.
struct Local {
    stage: TestRepo,
    repo: Repository,
}

impl Local {
    fn new() -> Self {
        let stage = TestRepo::example();
        let repo = Repository::open(&stage.repo).unwrap();
        Self { stage, repo }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // A record that was damaged on purpose has nothing that could be read.
            self.stage.read_all();
        }
    }
}

impl World for Local {
    fn forge(&self) -> Box<dyn Forge> {
        Box::new(LocalForge::new())
    }
    fn repo(&self) -> &Repository {
        &self.repo
    }
    fn now(&self) -> DateTime<Utc> {
        self.stage.now()
    }
    fn push(&self, branch: &str, text: &str) -> Sha {
        let clone = self.stage.clone_of("strategy-optimizer").start();
        clone.write("notes.txt", text).commit(text).push(branch);
        clone.git(&["rev-parse", "HEAD"]).trim().parse().unwrap()
    }
    fn delete(&self, branch: &str) {
        let clone = self.stage.clone_of("strategy-optimizer");
        clone.git(&["push", "-q", "origin", &format!(":{branch}")]);
    }
    fn branches(&self) -> Vec<String> {
        trail::branches(&self.stage).into_iter().collect()
    }
    fn approve(&self, number: PullNumber, login: &str, text: &str) {
        let number = number.0.to_string();
        self.stage.countersign(&["show", &number]).succeeds();
        self.stage
            .countersign(&["review", &number, "--as", login, "--approve", "-m", text])
            .succeeds();
    }
    fn times_told(&self, number: PullNumber) -> usize {
        self.stage.said_on(number.0).len()
    }
    fn damage(&self, number: PullNumber) {
        let garbage = self.stage.folder("garbage");
        std::fs::write(&garbage, "{\"event\": ").unwrap();
        let blob = self
            .stage
            .git(&["hash-object", "-w", garbage.to_str().unwrap()]);
        let index = self.stage.folder("index-of-damage");
        let git = |arguments: &[&str]| {
            let mut command = std::process::Command::new("git");
            command
                .arg("--git-dir")
                .arg(&self.stage.repo)
                .args(arguments)
                .env("GIT_INDEX_FILE", &index);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["read-tree", PULLS]);
        let path = format!("open/0/{}/{}", number.0 / 100, number.0);
        let entry = format!("100644,{},{path}", blob.trim());
        git(&["update-index", "--cacheinfo", &entry]);
        let tree = git(&["write-tree"]);
        let author = [
            "-c",
            "user.name=nobody",
            "-c",
            "user.email=nobody@example.org",
        ];
        let commit = ["commit-tree", "-p", PULLS, "-m", "damage", tree.as_str()];
        let commit = git(&[author.as_slice(), commit.as_slice()].concat());
        git(&["update-ref", PULLS, &commit]);
    }
}

// What only the embedded forge can suffer.

/// Two open pull requests, one of them reviewed, and a third that has ended.
fn populated() -> Local {
    let world = Local::new();
    for branch in ["recommend/a", "recommend/b", "recommend/c"] {
        world.push(branch, branch);
        world.open();
    }
    world.approve(PullNumber(2), "alice", "");
    let mut forge = world.forge();
    let pulls = forge.open_pulls(world.repo(), world.now()).unwrap();
    publish(&world, forge.as_mut(), &[&pulls[0]]);
    world
}

/// The branches are not lost: they are taken for new ones, which nobody has reviewed. No number is given to them that
/// anything still tells of.
#[track_caller]
fn assert_noticed_anew(world: &Local) {
    let pulls = world.open();
    assert_eq!(numbers(&pulls), [(3, "recommend/b"), (4, "recommend/c")]);
    assert!(pulls[0].reviews.is_empty());
    world.push("recommend/a", "again");
    assert_eq!(numbers(&world.open())[2], (5, "recommend/a"));
}

#[test]
fn records_of_garbage_do_not_stop_the_bot() {
    let world = populated();
    let garbage = world.stage.folder("garbage");
    std::fs::write(&garbage, "{\"next\": ").unwrap();
    let blob = world
        .stage
        .git(&["hash-object", "-w", garbage.to_str().unwrap()]);
    world.stage.git(&["update-ref", PULLS, blob.trim()]);
    assert_noticed_anew(&world);
}

#[test]
fn records_that_are_lost_do_not_stop_the_bot() {
    let world = populated();
    world.stage.git(&["update-ref", "-d", PULLS]);
    assert_noticed_anew(&world);
}

#[test]
fn a_ref_that_a_power_failure_emptied_does_not_stop_the_bot() {
    let world = populated();
    std::fs::write(world.stage.repo.join(PULLS), "").unwrap();
    assert_noticed_anew(&world);
}

#[test]
fn a_pinned_head_that_is_missing_comes_back() {
    let world = populated();
    let head = world.open()[0].head;
    world.stage.git(&["update-ref", "-d", "refs/pull/2/head"]);
    assert_eq!(world.open()[0].head, head);
    world.approve(PullNumber(2), "bob", "");
    let pinned = world.stage.git(&["rev-parse", "refs/pull/2/head"]);
    assert_eq!(pinned.trim(), head.to_string());
    // A number whose record was lost is not given to another branch.
    world.stage.git(&["update-ref", "refs/pull/7/head", "main"]);
    world.stage.git(&["update-ref", "-d", PULLS]);
    world.push("recommend/new", "new");
    assert_eq!(numbers(&world.open())[2], (10, "recommend/new"));
}

/// What is open and what has ended, by path.
fn paths(world: &Local) -> Vec<String> {
    let paths = world.stage.git(&["ls-tree", "-r", "--name-only", PULLS]);
    paths.lines().map(str::to_owned).collect()
}

#[test]
fn only_what_waits_has_refs() {
    let mut stage = TestRepo::example();
    let low = "action: analyze\ntargets: [rsi-eurusd]";
    let medium = "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}";
    stage.propose("strategy-optimizer", "low", low);
    stage.propose("strategy-optimizer", "medium", medium);
    stage.run();
    let refs = |stage: &TestRepo| {
        let refs = stage.git(&["for-each-ref", "--format=%(refname)"]);
        refs.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let always = [
        "refs/countersign/pulls",
        "refs/countersign/settled",
        "refs/heads/main",
    ];
    let waiting = stage.git(&[
        "for-each-ref",
        "--format=%(refname:lstrip=2)",
        "refs/heads/recommend",
    ]);
    assert_eq!(waiting, "recommend/medium\n");
    let number = match stage.said_on(1).last().unwrap().contains("merged") {
        true => 2,
        false => 1,
    };
    let head = format!("refs/pull/{number}/head");
    let rejected = stage.git(&["rev-parse", &head]).trim().to_owned();
    let mut expected: Vec<&str> = always.to_vec();
    expected.extend(["refs/heads/recommend/medium", &head]);
    assert_eq!(refs(&stage), expected);
    let no = [
        "--reject",
        "bad_timing",
        "-m",
        "Not this week, the exchange is closed.",
    ];
    stage.review(number, "alice", &no).succeeds();
    stage.run();
    assert_eq!(refs(&stage), always);
    // Its head is in no branch any more, and is kept all the same.
    stage.git(&["gc", "-q", "--prune=now"]);
    stage.git(&["cat-file", "-e", &rejected]);
    let parents = stage.git(&["log", "--format=%P", PULLS]);
    assert!(parents.contains(&rejected), "{parents}");
    stage.read_all();
}

/// Git that reads `refs/countersign/pulls` just before the end of a pull request, and its branch just after that, finds
/// the head in no ref.
#[test]
fn a_head_is_kept_from_git_that_reads_refs_while_its_pull_request_ends() {
    for clean_up in [
        &["prune"][..],
        &["gc", "-q", "--prune=now"],
        &["repack", "-a", "-d", "-q"],
    ] {
        let mut stage = TestRepo::example();
        let medium =
            "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}";
        stage.propose("strategy-optimizer", "medium", medium);
        stage.run();
        if clean_up[0] == "repack" {
            stage.git(&["repack", "-a", "-d", "-q"]);
        }
        let head = stage
            .git(&["rev-parse", "refs/pull/1/head"])
            .trim()
            .to_owned();
        let pulls = stage.repo.join(PULLS);
        let before = stage.git(&["rev-parse", PULLS]);
        let packs_before = trail::files(&stage.repo, ".pack");
        let no = ["--reject", "other", "-m", "Not this week."];
        stage.review(1, "alice", &no).succeeds();
        stage.run();
        let after = fs::read(&pulls).unwrap();
        // Nor does it know of the packs that are made meanwhile.
        let mut made = trail::files(&stage.repo, ".pack");
        made.retain(|pack| !packs_before.contains(pack));
        let keeps: Vec<_> = made
            .iter()
            .map(|pack| pack.with_extension("keep"))
            .collect();
        keeps.iter().for_each(|keep| fs::write(keep, "").unwrap());
        fs::write(&pulls, before).unwrap();
        stage.git(clean_up);
        keeps.iter().for_each(|keep| fs::remove_file(keep).unwrap());
        fs::write(&pulls, after).unwrap();
        stage.git(&["cat-file", "-e", &head]);
        trail::assert_whole(&stage);
        stage.read_all();
    }
}

#[test]
fn what_was_pushed_over_is_kept() {
    let world = Local::new();
    let first = world.push("recommend/a", "1");
    world.open();
    world.approve(PullNumber(1), "alice", "");
    world.push("recommend/a", "2");
    world.approve(PullNumber(1), "alice", "");
    world
        .stage
        .git(&["reflog", "expire", "--expire=now", "--all"]);
    world.stage.git(&["gc", "-q", "--prune=now"]);
    assert!(world.repo().read_commit(first).is_ok());
}

/// The same repository as the version before this one would have left it.
fn in_the_old_form(world: &Local) {
    let repo = world.repo();
    let mut open = serde_json::Map::new();
    let mut buffer = ObjectBuffer::new();
    let mut refs = Vec::new();
    for path in paths(world) {
        let Ok(number) = path.rsplit('/').next().unwrap().parse::<u64>() else {
            continue;
        };
        let mut tip: Option<Sha> = None;
        for event in world.stage.events_of(number) {
            let bot = Signature {
                name: "Countersign".to_owned(),
                email: "bot@countersign.invalid".to_owned(),
                time: world.now(),
            };
            let head = event["head"].as_str().map(|head| head.parse().unwrap());
            let head: Option<Sha> =
                head.filter(|_| event["event"] == "opened" || event["event"] == "pushed");
            if let Some(head) = head {
                refs.push((format!("refs/pull/{number}/head"), head));
            }
            if event["event"] == "opened" && path.starts_with("open/") {
                let pull = serde_json::json!({
                    "number": number, "head": event["head"], "author": event["author"], "opened_at": event["at"],
                });
                open.insert(event["branch"].as_str().unwrap().to_owned(), pull);
            }
            let tree = buffer.put_empty_tree();
            tip = Some(buffer.put_commit(&NewCommit {
                tree,
                parents: tip.into_iter().chain(head).collect(),
                author: bot.clone(),
                committer: bot,
                message: format!("an event\n\n{event}"),
                signature: None,
            }));
        }
        refs.push((format!("refs/pull/{number}/meta"), tip.unwrap()));
    }
    let next = world
        .stage
        .git(&["cat-file", "blob", &format!("{PULLS}:next")]);
    let index = serde_json::json!({"next": next.trim().parse::<u64>().unwrap(), "open": open});
    let blob = buffer.put_blob(index.to_string().as_bytes());
    let _kept = buffer.flush(repo).unwrap();
    for (name, id) in &refs {
        world.stage.git(&["update-ref", name, &id.to_string()]);
    }
    world.stage.git(&["update-ref", PULLS, &blob.to_string()]);
}

#[test]
fn the_old_form_is_converted_and_its_refs_go_with_the_next_run() {
    let world = populated();
    let (open, ended) = (world.open(), world.find(1).unwrap());
    in_the_old_form(&world);
    assert_eq!(world.open(), open);
    assert_eq!(world.find(1), Some(ended.clone()));
    let refs = || {
        world
            .stage
            .git(&["for-each-ref", "--format=%(refname)", "refs/pull"])
    };
    assert_eq!(
        refs(),
        "refs/pull/1/head\nrefs/pull/1/meta\nrefs/pull/2/head\nrefs/pull/2/meta\nrefs/pull/3/head\nrefs/pull/3/meta\n"
    );
    world.stage.run();
    assert_eq!(refs(), "refs/pull/2/head\nrefs/pull/3/head\n");
    assert_eq!(world.find(1), Some(ended));
    assert_eq!(world.find(2).unwrap().reviews, open[0].reviews);
    world.push("recommend/new", "new");
    assert_eq!(numbers(&world.open())[2], (4, "recommend/new"));
}

#[test]
fn the_old_form_whose_index_is_lost_is_converted() {
    let world = populated();
    let open = world.open();
    in_the_old_form(&world);
    world.stage.git(&["update-ref", "-d", PULLS]);
    assert_eq!(world.open(), open);
    assert_eq!(world.find(1).unwrap().state, PullState::Done);
}

#[test]
fn a_head_whose_objects_are_gone_does_not_stop_the_bot() {
    let world = Local::new();
    let gone = world.push("recommend/a", "1");
    let id = world.stage.propose(
        "strategy-optimizer",
        "b",
        "action: analyze\ntargets: [rsi-eurusd]",
    );
    world.open();
    let name = gone.to_string();
    let object = world
        .stage
        .repo
        .join("objects")
        .join(&name[..2])
        .join(&name[2..]);
    let hidden = world.stage.folder("hidden");
    std::fs::rename(&object, &hidden).unwrap();
    // The others are decided, and whoever runs it is told.
    let ran = world.stage.countersign(&["run"]).exits(1);
    has(
        &ran.stderr,
        &format!("#1 is left for the next run: cannot read the object `{gone}`"),
    );
    let shown = world
        .stage
        .countersign(&["show", &id, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(shown["decision"]["status"], "auto_approved");
    std::fs::rename(&hidden, &object).unwrap();
}

#[test]
fn what_could_not_be_published_is_not_told_with_something_else() {
    let world = Local::new();
    world.push("recommend/a", "1");
    let mut forge = world.forge();
    let pulls = forge.open_pulls(world.repo(), world.now()).unwrap();
    let base = world.main();
    // A lock that nobody can take away.
    let lock = world.stage.repo.join("refs/heads/main.lock");
    std::fs::create_dir(&lock).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(90);
    std::fs::File::open(&lock)
        .unwrap()
        .set_modified(old)
        .unwrap();
    let failed = forge.publish(world.repo(), publication(&world, base, &[&pulls[0]]));
    assert!(failed.is_err(), "{failed:?}");
    std::fs::remove_dir(&lock).unwrap();
    publish(&world, forge.as_mut(), &[]);
    assert_eq!(numbers(&world.open()), [(1, "recommend/a")]);
    assert_eq!(world.find(1).unwrap().state, PullState::Open);
    assert_eq!(world.branches(), ["recommend/a"]);
}

#[test]
fn a_branch_that_a_power_failure_emptied_is_not_taken_for_withdrawn() {
    let world = Local::new();
    for branch in ["recommend/a", "recommend/b"] {
        world.push(branch, branch);
    }
    let heads = world.open();
    let file = world.stage.repo.join("refs/heads/recommend/a");
    std::fs::write(&file, "").unwrap();
    assert!(
        world
            .open()
            .iter()
            .all(|pull| pull.state == PullState::Open)
    );
    world.approve(PullNumber(2), "alice", "");
    std::fs::write(&file, format!("{}\n", heads[0].head)).unwrap();
    let pulls = world.open();
    assert_eq!(numbers(&pulls), [(1, "recommend/a"), (2, "recommend/b")]);
    assert!(pulls.iter().all(|pull| pull.state == PullState::Open));
}
