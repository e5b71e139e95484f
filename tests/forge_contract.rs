//! One contract for every forge: whoever holds the pull requests, the bot relies on exactly this.
//!
//! A suite is generic over a [`World`], which makes forges and acts as people do. A further forge passes
//! the same suite with a world of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[cfg(feature = "github-descriptions")]
mod github_double;
#[cfg(feature = "github-descriptions")]
#[path = "forge_contract/github.rs"]
mod github_world;
mod support;

use chrono::{DateTime, Utc};
use countersign::domain::documents::{Freeze, Status};
use countersign::domain::ids::{PullNumber, Sha};
use countersign::domain::pull::{Pull, PullState};
use countersign::domain::review::Opinion;
use countersign::forge::local::LocalForge;
use countersign::forge::{Conclusion, Details, Forge, Publication, Published, Report, ReportState};
use countersign::git::{NewCommit, ObjectBuffer, Repository, Signature};
use countersign::ledger::Draft;
use support::{PULLS, TestRepo, has};

/// A forge with people around it.
trait World {
    /// A forge as a fresh process would make it, knowing nothing.
    fn forge(&self) -> Box<dyn Forge>;
    /// The repository that the bot works in.
    fn repo(&self) -> &Repository;
    fn now(&self) -> DateTime<Utc>;
    /// An agent pushes a new commit with this text; gives its id.
    fn push(&self, branch: &str, text: &str) -> Sha;
    /// An agent deletes a branch.
    fn delete(&self, branch: &str);
    /// The branches that are there.
    fn branches(&self) -> Vec<String>;
    /// A person approves the newest commit.
    fn approve(&self, number: PullNumber, login: &str, text: &str);
    /// How often the bot spoke on a pull request.
    fn times_told(&self, number: PullNumber) -> usize;
    /// Makes the record of a pull request unreadable, where the forge keeps it where that can happen.
    fn damage(&self, number: PullNumber);
    /// The tip of `main`.
    fn main(&self) -> Sha {
        self.repo().find_ref("refs/heads/main").unwrap().unwrap()
    }
    /// The open pull requests, as a fresh process sees them.
    fn open(&self) -> Vec<Pull> {
        self.forge().open_pulls(self.repo(), self.now()).unwrap()
    }
    fn find(&self, number: u64) -> Option<Pull> {
        self.forge()
            .find_pull(self.repo(), PullNumber(number))
            .unwrap()
    }
}

fn numbers(pulls: &[Pull]) -> Vec<(u64, &str)> {
    let pair = |pull: &'_ Pull| pull.number.0;
    pulls
        .iter()
        .map(|pull| (pair(pull), pull.branch.as_str()))
        .collect()
}

fn said(title: &str) -> Report {
    Report {
        state: ReportState::Success,
        title: title.to_owned(),
        body: "body".to_owned(),
        details: Details::default(),
    }
}

/// Any event on top of a commit.
fn event(world: &dyn World, base: Sha, at: DateTime<Utc>, merged: &[Sha]) -> (Sha, ObjectBuffer) {
    let mut draft = Draft::on(world.repo(), Some(base)).unwrap();
    let freeze = Freeze {
        schema: Default::default(),
        by: "alice".parse().unwrap(),
        reason: "a test".to_owned(),
        at,
        said_in: None,
    };
    let tip = match draft.find(Freeze::PATH).unwrap() {
        None => draft.freeze(&freeze).unwrap(),
        Some(_) => draft.unfreeze(&"carol".parse().unwrap(), &[], at).unwrap(),
    };
    let (mut tip, tree) = (tip, draft.root().unwrap());
    let mut buffer = draft.into_buffer();
    let bot = Signature {
        name: "Countersign".to_owned(),
        email: "bot@countersign.invalid".to_owned(),
        time: at,
    };
    // What is approved is merged: a forge may tell by that alone that it has ended.
    for head in merged {
        tip = buffer.put_commit(&NewCommit {
            tree,
            parents: vec![tip, *head],
            author: bot.clone(),
            committer: bot.clone(),
            message: "merge\n\nEvent: genesis\n".to_owned(),
            signature: None,
        });
    }
    (tip, buffer)
}

fn publication(world: &dyn World, base: Sha, ends: &[&Pull]) -> Publication {
    let heads: Vec<Sha> = ends.iter().map(|pull| pull.head).collect();
    let (tip, buffer) = event(world, base, world.now(), &heads);
    let conclude = |pull: &&Pull| Conclusion {
        number: pull.number,
        branch: pull.branch.clone(),
        head: pull.head,
        status: Status::Approved,
        report: said("merged"),
    };
    Publication {
        base: Some(base),
        tip,
        buffer,
        conclusions: ends.iter().map(conclude).collect(),
        now: world.now(),
    }
}

fn publish(world: &dyn World, forge: &mut dyn Forge, ends: &[&Pull]) -> Sha {
    let publication = publication(world, world.main(), ends);
    let tip = publication.tip;
    let published = forge.publish(world.repo(), publication).unwrap();
    assert_eq!((published, world.main()), (Published::Done, tip));
    tip
}

fn opened_pulls_have_numbers_in_order_that_stay(world: &dyn World) {
    assert!(world.open().is_empty());
    let head = world.push("recommend/m", "1");
    let pulls = world.open();
    assert_eq!(numbers(&pulls), [(1, "recommend/m")]);
    assert_eq!((pulls[0].head, &pulls[0].state), (head, &PullState::Open));
    world.push("recommend/a", "2");
    world.push("govern/z", "3");
    let pulls = world.open();
    assert_eq!(pulls[0].branch, "recommend/m");
    assert_eq!(
        pulls.iter().map(|pull| pull.number.0).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(numbers(&world.open()), numbers(&pulls));
}

fn what_is_no_proposal_is_no_pull_request(world: &dyn World) {
    let repo = world.repo();
    let edit = countersign::git::RefEdit {
        name: "refs/heads/scratch".to_owned(),
        expected: countersign::git::Expect::Absent,
        new: Some(world.main()),
    };
    repo.update_refs(&[edit], countersign::git::Durability::Fast)
        .unwrap();
    assert!(world.open().is_empty());
}

fn the_head_follows_pushes(world: &dyn World) {
    let first = world.push("recommend/a", "1");
    assert_eq!(world.open()[0].head, first);
    for text in ["2", "3"] {
        let head = world.push("recommend/a", text);
        let pulls = world.open();
        assert_eq!((pulls.len(), pulls[0].number.0), (1, 1));
        assert_eq!(pulls[0].head, head);
    }
}

fn the_head_follows_while_one_forge_looks_on(world: &dyn World) {
    let mut forge = world.forge();
    for text in ["1", "2", "3"] {
        let head = world.push("recommend/a", text);
        let pulls = forge.open_pulls(world.repo(), world.now()).unwrap();
        assert_eq!(pulls[0].head, head);
        let found = forge.find_pull(world.repo(), PullNumber(1)).unwrap();
        assert_eq!(found.unwrap().head, head);
    }
}

fn reviews_are_bound_to_the_head_and_to_main(world: &dyn World) {
    let head = world.push("recommend/a", "1");
    let main = world.main();
    world.open();
    world.approve(PullNumber(1), "alice", "Fine by me.");
    publish(world, world.forge().as_mut(), &[]);
    world.push("recommend/a", "2");
    world.approve(PullNumber(1), "bob", "");
    let pulls = world.open();
    let [first, second] = pulls[0].reviews.as_slice() else {
        panic!("{:?}", pulls[0].reviews);
    };
    assert_eq!((first.head, first.main), (head, Some(main)));
    assert_eq!(
        (first.opinion, first.body.as_str()),
        (Opinion::Approve, "Fine by me.")
    );
    assert_eq!(first.account.login.as_ref().unwrap().as_str(), "alice");
    assert_eq!(
        (second.head, second.main),
        (pulls[0].head, Some(world.main()))
    );
    assert_ne!(first.id, second.id);
}

fn a_withdrawn_proposal_is_seen(world: &dyn World) {
    let head = world.push("recommend/a", "1");
    world.push("recommend/b", "2");
    let author = world.open()[0].author.clone();
    world.delete("recommend/a");
    let pulls = world.open();
    assert_eq!(numbers(&pulls), [(1, "recommend/a"), (2, "recommend/b")]);
    let PullState::Closed { by, .. } = &pulls[0].state else {
        panic!("{:?}", pulls[0].state);
    };
    assert_eq!((by, pulls[0].head), (&author, head));
    assert_eq!(pulls[1].state, PullState::Open);
}

fn what_comes_back_before_a_decision_is_open_again(world: &dyn World) {
    world.push("recommend/a", "1");
    world.open();
    world.delete("recommend/a");
    assert_ne!(world.open()[0].state, PullState::Open);
    // The forge writes down what it saw together with the next thing that is said.
    world.push("recommend/b", "2");
    world.open();
    world.approve(PullNumber(2), "alice", "");
    let head = world.push("recommend/a", "3");
    let pulls = world.open();
    assert_eq!(numbers(&pulls), [(1, "recommend/a"), (2, "recommend/b")]);
    assert_eq!((&pulls[0].state, pulls[0].head), (&PullState::Open, head));
    world.approve(PullNumber(1), "alice", "");
    assert_eq!(world.open()[0].state, PullState::Open);
}

fn publishing_is_a_compare_and_swap(world: &dyn World) {
    world.push("recommend/a", "1");
    let mut forge = world.forge();
    let pulls = forge.open_pulls(world.repo(), world.now()).unwrap();
    let stale = world.main();
    let late = publication(world, stale, &[&pulls[0]]);
    let ours = late.tip;
    // Somebody else is faster.
    let (tip, mut buffer) = event(world, stale, world.now(), &[]);
    assert_ne!(tip, ours);
    let other = Publication {
        base: Some(stale),
        tip,
        buffer: std::mem::take(&mut buffer),
        conclusions: Vec::new(),
        now: world.now(),
    };
    world.forge().publish(world.repo(), other).unwrap();
    let lost = forge.publish(world.repo(), late).unwrap();
    assert_eq!((lost, world.main()), (Published::Lost, tip));
    // Nothing of it can be seen, then or with the next publication.
    publish(world, forge.as_mut(), &[]);
    assert_eq!(world.open()[0].state, PullState::Open);
    assert_eq!(world.times_told(PullNumber(1)), 0);
    assert_eq!(world.branches(), ["recommend/a"]);
}

fn a_publication_ends_its_pull_requests(world: &dyn World) {
    world.push("recommend/a", "1");
    world.push("recommend/b", "2");
    let mut forge = world.forge();
    let pulls = forge.open_pulls(world.repo(), world.now()).unwrap();
    publish(world, forge.as_mut(), &[&pulls[0]]);
    assert_eq!(numbers(&world.open()), [(2, "recommend/b")]);
    assert_eq!(world.branches(), ["recommend/b"]);
    assert_eq!(world.times_told(PullNumber(1)), 1);
    world.push("recommend/c", "3");
    assert_eq!(numbers(&world.open())[1], (3, "recommend/c"));
}

fn conclusions_can_be_repeated(world: &dyn World) {
    world.push("recommend/a", "1");
    let mut forge = world.forge();
    let pull = forge
        .open_pulls(world.repo(), world.now())
        .unwrap()
        .remove(0);
    let tip = publish(world, forge.as_mut(), &[&pull]);
    for forge in [forge.as_mut(), world.forge().as_mut()] {
        let again = Publication {
            base: Some(tip),
            tip,
            buffer: ObjectBuffer::new(),
            conclusions: publication(world, tip, &[&pull]).conclusions,
            now: world.now(),
        };
        let published = forge.publish(world.repo(), again).unwrap();
        assert_eq!((published, world.main()), (Published::Done, tip));
    }
    assert_eq!(world.times_told(PullNumber(1)), 1);
    assert!(world.open().is_empty());
}

fn a_push_after_the_decision_is_a_new_pull_request(world: &dyn World) {
    let decided = world.push("recommend/a", "1");
    let mut forge = world.forge();
    let pull = forge
        .open_pulls(world.repo(), world.now())
        .unwrap()
        .remove(0);
    let head = world.push("recommend/a", "2");
    // Another process sees the push before this one publishes.
    world.open();
    publish(world, forge.as_mut(), &[&pull]);
    let pulls = world.open();
    assert_eq!(numbers(&pulls), [(2, "recommend/a")]);
    assert_eq!(pulls[0].head, head);
    assert_eq!(world.find(1).unwrap().head, decided);
}

fn it_is_said_only_what_is_new(world: &dyn World) {
    world.push("recommend/a", "1");
    let tell = |title: &str| {
        let mut forge = world.forge();
        forge.open_pulls(world.repo(), world.now()).unwrap();
        let reports = vec![(PullNumber(1), said(title))];
        forge.report(world.repo(), reports, world.now()).unwrap();
        world.times_told(PullNumber(1))
    };
    assert_eq!([tell("one"), tell("one")], [1, 1]);
    assert_eq!([tell("two"), tell("two"), tell("one")], [2, 2, 3]);
    assert_eq!(
        world.open()[0].last_report,
        Some("success: one\n\nbody".to_owned())
    );
}

fn ended_pull_requests_stay_readable(world: &dyn World) {
    let head = world.push("recommend/a", "1");
    world.open();
    world.approve(PullNumber(1), "alice", "Fine by me.");
    let mut forge = world.forge();
    let pull = forge
        .open_pulls(world.repo(), world.now())
        .unwrap()
        .remove(0);
    publish(world, forge.as_mut(), &[&pull]);
    let ended = world.find(1).unwrap();
    assert_eq!((ended.state, ended.head), (PullState::Done, head));
    assert_eq!(ended.reviews.len(), 1);
    assert_eq!(
        ended.last_report.as_deref(),
        Some("success: merged\n\nbody")
    );
    assert!(world.repo().read_commit(head).is_ok(), "its head is kept");
    assert_eq!(world.find(2), None);
}

fn an_unreadable_record_does_not_stop_the_others(world: &dyn World) {
    for branch in ["recommend/a", "recommend/b"] {
        world.push(branch, branch);
        world.open();
    }
    world.approve(PullNumber(1), "alice", "");
    world.approve(PullNumber(2), "alice", "");
    world.damage(PullNumber(1));
    let pulls = world.open();
    let readable = pulls.iter().find(|pull| pull.branch == "recommend/b");
    assert_eq!(readable.unwrap().reviews.len(), 1);
    world.push("recommend/c", "3");
    assert!(world.open().iter().any(|pull| pull.branch == "recommend/c"));
    let mut forge = world.forge();
    let pulls = forge.open_pulls(world.repo(), world.now()).unwrap();
    let end: Vec<&Pull> = pulls.iter().filter(|p| p.branch == "recommend/b").collect();
    publish(world, forge.as_mut(), &end);
    assert!(!world.branches().contains(&"recommend/b".to_owned()));
}

/// The whole suite for one kind of world.
macro_rules! contract {
    ($module:ident, $world:expr; $($clause:ident),* $(,)?) => {
        mod $module {
            use super::*;
            $(#[test]
            fn $clause() {
                super::$clause(&$world);
            })*
        }
    };
}

macro_rules! passes_the_contract {
    ($module:ident, $world:expr; $($more:ident),* $(,)?) => {
        contract!($module, $world;
            opened_pulls_have_numbers_in_order_that_stay,
            what_is_no_proposal_is_no_pull_request,
            the_head_follows_pushes,
            the_head_follows_while_one_forge_looks_on,
            reviews_are_bound_to_the_head_and_to_main,
            a_withdrawn_proposal_is_seen,
            what_comes_back_before_a_decision_is_open_again,
            publishing_is_a_compare_and_swap,
            a_publication_ends_its_pull_requests,
            conclusions_can_be_repeated,
            it_is_said_only_what_is_new,
            ended_pull_requests_stay_readable,
            an_unreadable_record_does_not_stop_the_others,
            $($more,)*
        );
    };
}

// On GitHub a branch that is pushed to after the decision stays the pull request that it was.
passes_the_contract!(local, Local::new(); a_push_after_the_decision_is_a_new_pull_request);
#[cfg(feature = "github-descriptions")]
passes_the_contract!(github, github_world::OnGithub::new(););

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
        support::trail::branches(&self.stage).into_iter().collect()
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
