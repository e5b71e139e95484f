//! What was decided is what the branch proposes: branches that bring more, less, or something from somebody else, and
//! records that speak of another case.

use chrono::TimeDelta;
use countersign::domain::ids::Sha;
use countersign::domain::review::Opinion;
use countersign::ledger::BOT_EMAIL;
use countersign::ledger::verify::{FindingKind, Verification};

use super::story::{MEDIUM, every_event, one_of_each};
use super::world::{Edit, Forgery, World, replace};
use super::{edited, finds, forging, told};

/// The MEDIUM decision of a trail with one of each.
const PLACE: usize = 3;
const AGENT: &str = "strategy-optimizer@agents.example.org";

#[track_caller]
fn says(found: &Verification, words: &str) {
    assert!(told(found).contains(words), "{}", told(found));
}

/// A branch with one commit, in the place of the one that was decided.
fn another_branch(
    world: &World,
    changes: &[(String, Edit)],
    email: &'static str,
    message: &str,
) -> Sha {
    let decided = world.repo.read_commit(world.line()[PLACE]).unwrap();
    let head = world.repo.read_commit(decided.parents[1]).unwrap();
    let tree = world.forged_tree(head.tree, changes);
    let (like, later) = (&head.committer, TimeDelta::zero());
    world.commit_tree(&tree, &head.parents, (message, like), (later, Some(email)))
}

/// The decision names, and the commit merges, this head instead of the one that was decided.
fn merging(world: &World, head: Sha) -> Verification {
    let decided = world.repo.read_commit(world.line()[PLACE]).unwrap();
    let was = decided.parents[1].to_string();
    let mut forgery = edited(world, PLACE, &[(&was, &head.to_string())], None);
    forgery.merges = Some(vec![head]);
    forging(world, PLACE, &forgery, FindingKind::InvalidProposal)
}

#[test]
fn a_branch_brings_the_one_file_that_was_decided() {
    let world = one_of_each();
    let more = [("notes.md".to_owned(), Edit::Put("seen\n".to_owned()))];
    let head = another_branch(&world, &more, AGENT, "Propose");
    says(
        &merging(&world, head),
        "notes.md: a recommendation and a governance change in one pull request",
    );
    let world = one_of_each();
    let path = format!("{}/recommendation.yaml", world.case_folder(PLACE));
    let instead = [
        (path.clone(), Edit::Remove),
        ("notes.md".to_owned(), Edit::Put("seen\n".to_owned())),
    ];
    let head = another_branch(&world, &instead, AGENT, "Propose");
    says(
        &merging(&world, head),
        &format!("the commit that was decided does not propose this `{path}`"),
    );
}

#[test]
fn a_branch_brings_something_new_in_its_own_name() {
    let world = one_of_each();
    let head = another_branch(&world, &[], BOT_EMAIL, "Propose");
    says(&merging(&world, head), "is in the name of the bot");
    let world = one_of_each();
    let head = another_branch(&world, &[], AGENT, "Propose\n\nDecision: approved");
    says(
        &merging(&world, head),
        "carries the trailer `Decision`, which only the bot writes",
    );
    let world = one_of_each();
    let on_main = world.line()[PLACE - 1];
    says(
        &merging(&world, on_main),
        "the commit it merges was on `main` before",
    );
}

#[test]
fn a_record_is_about_the_case_of_its_folder() {
    let another = "id: 01ARZ3NDEKTSV4RRFFQ69G5FAV\n";
    for name in ["decision.yaml", "recommendation.yaml"] {
        let world = one_of_each();
        let folder = world.case_folder(PLACE);
        let id = format!("id: {}\n", folder.rsplit('/').next().unwrap());
        let path = format!("{folder}/{name}");
        let forgery = Forgery {
            files: vec![replace(&path, &id, another)],
            ..Forgery::default()
        };
        let found = forging(&world, PLACE, &forgery, FindingKind::Misplaced);
        says(
            &found,
            &format!("{path}:2: `id` is `01ARZ3NDEKTSV4RRFFQ69G5FAV`, not the case of its folder"),
        );
    }
}

#[test]
fn nobody_proposes_in_the_name_of_an_agent() {
    let world = one_of_each();
    let stranger = "email: stranger@example.org";
    let forgery = edited(
        &world,
        PLACE,
        &[(&format!("email: {AGENT}"), stranger)],
        None,
    );
    let found = forging(&world, PLACE, &forgery, FindingKind::Impersonation);
    says(
        &found,
        "`stranger@example.org` is not an identity of `strategy-optimizer`",
    );
}

#[test]
fn approvals_stand_in_the_order_in_which_they_were_given() {
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", MEDIUM);
    world.run();
    for person in ["alice", "bob"] {
        world.wait(TimeDelta::minutes(1));
        world.review(1, person, Opinion::Approve, "fine");
    }
    world.run();
    assert_eq!(told(&world.verify()), "");
    let text = world.git(&[], "", &["show", &format!("main:{}", world.decision(1))]);
    let (before, rest) = text.split_once("approvals:\n- by: alice").unwrap();
    let (alice, rest) = rest.split_once("- by: bob").unwrap();
    let (bob, after) = rest.split_once("ignored:").unwrap();
    let swapped = format!("{before}approvals:\n- by: bob{bob}- by: alice{alice}ignored:{after}\n");
    let words = (
        "Approved-by: alice\nApproved-by: bob",
        "Approved-by: bob\nApproved-by: alice",
    );
    let forgery = Forgery {
        files: vec![(world.decision(1), Edit::Put(swapped))],
        message: Some((words.0.to_owned(), words.1.to_owned())),
        ..Forgery::default()
    };
    let found = forging(&world, 1, &forgery, FindingKind::WrongApproval);
    says(&found, "they are not in the order in which they were given");
}

#[test]
fn nothing_expires_while_nobody_could_approve() {
    let world = every_event();
    let frozen = world.line()[world.place("freeze: alice")];
    let text = world.git(&[], "", &["show", &format!("{frozen}:freeze.yaml")]);
    let place = world.place("decision: expire");
    let forgery = Forgery {
        files: vec![("freeze.yaml".to_owned(), Edit::Put(format!("{text}\n")))],
        ..Forgery::default()
    };
    let line = world.forge(place - 1, &forgery);
    let found = world.verify();
    finds(&found, line[place], FindingKind::WhileFrozen);
    says(&found, "it expired while everything was frozen");
}
