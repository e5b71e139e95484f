//! One contract for every forge: whoever holds the pull requests, the bot relies on exactly this.
//!
//! A suite is generic over a [`World`], which makes forges and acts as people do. A further forge passes
//! the same suite with a world of its own.

use chrono::{DateTime, Utc};
use countersign::domain::documents::{Freeze, Status};
use countersign::domain::ids::{PullNumber, Sha};
use countersign::domain::pull::{Pull, PullState};
use countersign::domain::review::Opinion;
use countersign::forge::{Conclusion, Details, Forge, Publication, Published, Report, ReportState};
use countersign::git::{NewCommit, ObjectBuffer, Repository, Signature};
use countersign::ledger::Draft;

/// A forge with people around it.
pub trait World {
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

pub fn numbers(pulls: &[Pull]) -> Vec<(u64, &str)> {
    let pair = |pull: &'_ Pull| pull.number.0;
    pulls
        .iter()
        .map(|pull| (pair(pull), pull.branch.as_str()))
        .collect()
}

pub fn said(title: &str) -> Report {
    Report {
        state: ReportState::Success,
        title: title.to_owned(),
        body: "body".to_owned(),
        details: Details::default(),
    }
}

/// Any event on top of a commit.
pub fn event(
    world: &dyn World,
    base: Sha,
    at: DateTime<Utc>,
    merged: &[Sha],
) -> (Sha, ObjectBuffer) {
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

pub fn publication(world: &dyn World, base: Sha, ends: &[&Pull]) -> Publication {
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

pub fn publish(world: &dyn World, forge: &mut dyn Forge, ends: &[&Pull]) -> Sha {
    let publication = publication(world, world.main(), ends);
    let tip = publication.tip;
    let published = forge.publish(world.repo(), publication).unwrap();
    assert_eq!((published, world.main()), (Published::Done, tip));
    tip
}

pub fn opened_pulls_have_numbers_in_order_that_stay(world: &dyn World) {
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

pub fn what_is_no_proposal_is_no_pull_request(world: &dyn World) {
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

pub fn the_head_follows_pushes(world: &dyn World) {
    let first = world.push("recommend/a", "1");
    assert_eq!(world.open()[0].head, first);
    for text in ["2", "3"] {
        let head = world.push("recommend/a", text);
        let pulls = world.open();
        assert_eq!((pulls.len(), pulls[0].number.0), (1, 1));
        assert_eq!(pulls[0].head, head);
    }
}

pub fn the_head_follows_while_one_forge_looks_on(world: &dyn World) {
    let mut forge = world.forge();
    for text in ["1", "2", "3"] {
        let head = world.push("recommend/a", text);
        let pulls = forge.open_pulls(world.repo(), world.now()).unwrap();
        assert_eq!(pulls[0].head, head);
        let found = forge.find_pull(world.repo(), PullNumber(1)).unwrap();
        assert_eq!(found.unwrap().head, head);
    }
}

pub fn reviews_are_bound_to_the_head_and_to_main(world: &dyn World) {
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

pub fn a_withdrawn_proposal_is_seen(world: &dyn World) {
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

pub fn what_comes_back_before_a_decision_is_open_again(world: &dyn World) {
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

pub fn publishing_is_a_compare_and_swap(world: &dyn World) {
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

pub fn a_publication_ends_its_pull_requests(world: &dyn World) {
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

pub fn conclusions_can_be_repeated(world: &dyn World) {
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

pub fn a_push_after_the_decision_is_a_new_pull_request(world: &dyn World) {
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

pub fn it_is_said_only_what_is_new(world: &dyn World) {
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

pub fn ended_pull_requests_stay_readable(world: &dyn World) {
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

pub fn an_unreadable_record_does_not_stop_the_others(world: &dyn World) {
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

/// Makes a test of each clause for one kind of world.
macro_rules! passes_the_contract {
    ($world:expr; $($more:ident),* $(,)?) => {
        passes_the_contract!(@tests $world;
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
    (@tests $world:expr; $($clause:ident,)*) => {
        $(#[test]
        fn $clause() {
            $crate::support::forge_contract::$clause(&$world);
        })*
    };
}
