//! What holds between commits.

use chrono::TimeDelta;
use countersign::domain::review::Opinion;
use countersign::ledger::verify::FindingKind;

use super::story::{MEDIUM, every_event, one_of_each};
use super::world::{Edit, Forgery, World, replace};
use super::{edited, finds, forging, told};

fn saying(from: &str, to: &str) -> Forgery {
    Forgery {
        message: Some((from.to_owned(), to.to_owned())),
        ..Forgery::default()
    }
}

#[test]
fn only_an_admin_lifts_a_freeze() {
    let world = every_event();
    let found = forging(
        &world,
        world.place("unfreeze: by carol"),
        &saying("carol", "alice"),
        FindingKind::NotEntitled,
    );
    assert!(
        told(&found)
            .contains("`alice` lifts the freeze, which takes the role admin; theirs was reviewer"),
        "{}",
        told(&found)
    );
    let mut freeze = saying("alice", "dana");
    freeze.files = vec![replace("freeze.yaml", "by: alice", "by: dana")];
    let world = every_event();
    forging(
        &world,
        world.place("freeze: alice stops"),
        &freeze,
        FindingKind::NotEntitled,
    );
    let world = every_event();
    let thawed = Forgery {
        files: vec![("freeze.yaml".to_owned(), Edit::Remove)],
        ..Forgery::default()
    };
    let place = world.place("unfreeze: by carol");
    forging(&world, place - 1, &thawed, FindingKind::MissingChange);
}

#[test]
fn nothing_is_merged_or_executed_while_frozen() {
    let world = every_event();
    let text = world.git(
        &[],
        "",
        &[
            "show",
            &format!("{}:freeze.yaml", world.line()[world.place("freeze: alice")]),
        ],
    );
    for (before, place) in [(4, 5), (world.place("claim:") - 1, world.place("claim:"))] {
        let world = every_event();
        let files = vec![("freeze.yaml".to_owned(), Edit::Put(format!("{text}\n")))];
        let line = world.forge(
            before,
            &Forgery {
                files,
                ..Forgery::default()
            },
        );
        let found = world.verify();
        finds(&found, line[before], FindingKind::UnexpectedChange);
        finds(&found, line[place], FindingKind::WhileFrozen);
    }
}

#[test]
fn executions_are_claimed_and_attempts_are_counted() {
    let world = every_event();
    let place = world.place("claim:");
    let line = world.forge(
        place,
        &Forgery {
            drop: true,
            ..Forgery::default()
        },
    );
    finds(&world.verify(), line[place], FindingKind::WithoutClaim);
    let world = every_event();
    let place = world.place("outcome: failure of rebalance");
    let line = world.forge(
        place,
        &Forgery {
            drop: true,
            ..Forgery::default()
        },
    );
    finds(&world.verify(), line[place], FindingKind::WrongAttempt);
    let world = every_event();
    let place = world.place("claim:");
    let path = format!("{}/claim.yaml", world.case_folder(place));
    let ends_by = world
        .git(&[], "", &["show", &format!("main:{path}")])
        .lines()
        .find(|line| line.starts_with("ends_by"))
        .unwrap()
        .to_owned();
    let files = vec![replace(path, &ends_by, "ends_by: 2030-01-01T00:00:00Z")];
    forging(
        &world,
        place,
        &Forgery {
            files,
            ..Forgery::default()
        },
        FindingKind::WrongClaim,
    );
}

#[test]
fn an_outcome_is_by_the_executor_of_the_rules() {
    let world = one_of_each();
    let path = format!("{}/outcome.yaml", world.case_folder(4));
    let mut forgery = saying("Executor: apply", "Executor: external");
    forgery.files = vec![replace(path, "executor: apply", "executor: external")];
    forging(&world, 4, &forgery, FindingKind::WrongExecutor);
    let world = one_of_each();
    let path = format!("{}/outcome.yaml", world.case_folder(4));
    let mut forgery = saying("success", "failure");
    forgery.files = vec![replace(path, "success: true", "success: false")];
    let found = forging(&world, 4, &forgery, FindingKind::WrongOutcome);
    assert!(
        told(&found).contains("says failure, but computed again it is success"),
        "{}",
        told(&found)
    );
}

#[test]
fn endings_without_a_merge_are_checked_too() {
    let world = every_event();
    let place = world.place("decision: reject");
    let found = forging(
        &world,
        place,
        &edited(&world, place, &[("bob", "dana")], Some(("bob", "dana"))),
        FindingKind::WrongRejection,
    );
    assert!(
        told(&found).contains("`dana` could not reject it"),
        "{}",
        told(&found)
    );
    let world = every_event();
    let place = world.place("decision: expire");
    let opened = world.git(
        &[],
        "",
        &["show", &format!("main:{}", world.decision(place))],
    );
    let opened = opened
        .lines()
        .find(|line| line.starts_with("  opened_at"))
        .unwrap()
        .to_owned();
    forging(
        &world,
        place,
        &edited(
            &world,
            place,
            &[(&opened, "  opened_at: 2026-11-09T12:00:00Z")],
            None,
        ),
        FindingKind::NotExpired,
    );
    let world = every_event();
    let place = world.place("decision: withdraw");
    let forgery = edited(
        &world,
        place,
        &[("status: withdrawn", "status: rejected")],
        Some(("Decision: withdrawn", "Decision: rejected")),
    );
    forging(&world, place, &forgery, FindingKind::WrongStatus);
}

#[test]
fn a_governance_change_is_the_one_of_its_branch() {
    let promoted = || {
        replace(
            "rules/people.yaml",
            "members: [carol]",
            "members: [carol, bob]",
        )
    };
    let world = every_event();
    let place = world.place("governance: approve");
    forging(
        &world,
        place,
        &Forgery {
            files: vec![promoted()],
            ..Forgery::default()
        },
        FindingKind::UnexpectedChange,
    );
    let world = every_event();
    let agents = replace(
        "rules/agents.yaml",
        "actions: [analyze, notify,",
        "actions: [analyze, notify, optimize,",
    );
    let found = forging(
        &world,
        place,
        &Forgery {
            files: vec![agents],
            ..Forgery::default()
        },
        FindingKind::UnexpectedChange,
    );
    assert!(
        told(&found).contains("becomes something else than its branch proposes"),
        "{}",
        told(&found)
    );
    let world = every_event();
    let undone = replace(
        "rules/agents.yaml",
        "actions: [analyze, notify,",
        "actions: [analyze,",
    );
    forging(
        &world,
        place,
        &Forgery {
            files: vec![undone],
            ..Forgery::default()
        },
        FindingKind::MissingChange,
    );
}

#[test]
fn a_governance_change_needs_an_admin_other_than_its_author() {
    let world = every_event();
    let place = world.place("governance: approve");
    let mut forgery = saying("carol", "bob");
    forgery.files = vec![replace(world.decision(place), "carol", "bob")];
    let found = forging(&world, place, &forgery, FindingKind::NotEnoughApprovals);
    assert!(
        told(&found).contains("the approval of `bob` does not count"),
        "{}",
        told(&found)
    );
}

#[test]
fn in_auto_approve_an_admins_own_change_stands() {
    let mut world = World::new(&[(
        "rules/governance.yaml",
        "mode: two_tier",
        "mode: auto_approve",
    )]);
    world.branch(
        "govern/readme",
        "carol@example.org",
        &[("README.md", "read me\n")],
        "Say something",
    );
    world.propose("strategy-optimizer", super::story::HIGH);
    world.run();
    assert_eq!(told(&world.verify()), "");
    assert_eq!(world.line().len(), 4, "{:#?}", world.subjects());
}

#[test]
fn two_people_are_two_people() {
    let mut world = World::new(&[("rules/governance.yaml", "  MEDIUM: 1", "  MEDIUM: 2")]);
    world.propose("strategy-optimizer", MEDIUM);
    world.run();
    for who in ["bob", "alice"] {
        world.wait(TimeDelta::minutes(1));
        world.review(1, who, Opinion::Approve, "fine");
    }
    world.run();
    assert_eq!(told(&world.verify()), "");
    let found = forging(
        &world,
        1,
        &edited(&world, 1, &[("alice", "bob")], Some(("alice", "bob"))),
        FindingKind::NotEnoughApprovals,
    );
    finds(&found, world.line()[1], FindingKind::WrongApproval);
}
