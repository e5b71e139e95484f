//! Approvals that were edited, made up, or given by somebody who could not give them.

use chrono::TimeDelta;
use countersign::domain::review::Opinion;
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use crate::story::{MEDIUM, one_of_each};
use crate::world::{World, point};
use crate::{edited, finds, forging, only, told};

#[test]
fn an_edited_approver_has_another_account() {
    let world = one_of_each();
    let forgery = edited(
        &world,
        3,
        &[("by: alice", "by: bob")],
        Some(("alice", "bob")),
    );
    forging(&world, 3, &forgery, FindingKind::WrongApproval);
}

#[test]
fn an_approver_needs_the_right_to_approve() {
    for (place, from, to, why) in [
        (
            5,
            "carol",
            "alice",
            "`alice` is a reviewer: this needs an admin",
        ),
        (3, "alice", "dana", "`dana` is the owner of the agent"),
        (3, "alice", "mallory", "`mallory` is not listed"),
        (
            3,
            "alice",
            "strategy-optimizer",
            "`strategy-optimizer` is an agent",
        ),
    ] {
        let world = one_of_each();
        let role = if place == 5 {
            ("role: admin\n  at:", "role: reviewer\n  at:")
        } else {
            ("role: reviewer", "role: reviewer")
        };
        let forgery = edited(&world, place, &[(from, to), role], Some((from, to)));
        let found = forging(&world, place, &forgery, FindingKind::WrongApproval);
        finds(&found, world.line()[place], FindingKind::NotEnoughApprovals);
        assert!(told(&found).contains(why), "{}", told(&found));
    }
}

#[test]
fn nobody_who_had_a_hand_in_it_approves() {
    let mut world = World::new(&[(
        "rules/people.yaml",
        "members: [alice, bob]",
        "members: [alice, bob, dana]",
    )]);
    let id = world.propose("strategy-optimizer", MEDIUM);
    let head = world
        .repo
        .find_ref(&format!("refs/heads/recommend/{id}"))
        .unwrap()
        .unwrap();
    // Bob begins the branch, and names dana.
    let (head, main) = (
        world.repo.read_commit(head).unwrap(),
        world.repo.read_commit(world.line()[0]).unwrap(),
    );
    let message = "Begin\n\nCo-authored-by: D <dana@example.org>";
    let begun = world.commit_tree(
        &main.tree.to_string(),
        &[main.id],
        (message, &head.committer),
        (TimeDelta::zero(), Some("bob@example.org")),
    );
    let new = world.commit_tree(
        &head.tree.to_string(),
        &[begun],
        ("Propose", &head.committer),
        (TimeDelta::zero(), None),
    );
    point(&world.repo, &format!("refs/heads/recommend/{id}"), new);
    world.run();
    world.review(1, "alice", Opinion::Approve, "fine");
    world.run();
    assert_eq!(told(&world.verify()), "");
    for (who, why) in [
        ("bob", "`bob` is the author of commit"),
        ("dana", "`dana` is the owner"),
    ] {
        let forgery = edited(
            &world,
            1,
            &[
                ("by: alice", &format!("by: {who}")),
                ("login: alice", &format!("login: {who}")),
            ],
            Some(("alice", who)),
        );
        let before = *world.line().last().unwrap();
        let found = forging(&world, 1, &forgery, FindingKind::WrongApproval);
        assert!(told(&found).contains(why), "{}", told(&found));
        point(&world.repo, MAIN, before);
    }
}

#[test]
fn an_approval_is_for_the_head_that_was_merged() {
    let world = one_of_each();
    let head = world.repo.read_commit(world.line()[3]).unwrap().parents[1].to_string();
    let other = world.line()[0].to_string();
    let forgery = edited(
        &world,
        3,
        &[(
            &format!("  head: {head}\n  main"),
            &format!("  head: {other}\n  main"),
        )],
        None,
    );
    forging(&world, 3, &forgery, FindingKind::WrongApproval);
}

#[test]
fn an_approval_does_not_survive_another_target() {
    // Given on a `main` before the target was changed by the decision before it.
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", MEDIUM);
    world.propose(
        "strategy-optimizer",
        &MEDIUM.replace("stop_loss_pct: 4", "stop_loss_pct: 4.5"),
    );
    let before = world.line()[0];
    world.run();
    for number in [1, 2] {
        world.review(number, "alice", Opinion::Approve, "fine");
        world.run();
    }
    assert_eq!(told(&world.verify()), "");
    let place = world.place("decision: approve");
    let text = world.git(
        &[],
        "",
        &["show", &format!("main:{}", world.decision(place))],
    );
    let given = text
        .lines()
        .find_map(|line| line.strip_prefix("  main: "))
        .unwrap()
        .to_owned();
    let forgery = edited(
        &world,
        place,
        &[(&format!("  main: {given}"), &format!("  main: {before}"))],
        None,
    );
    let found = forging(&world, place, &forgery, FindingKind::WrongApproval);
    assert!(
        told(&found).contains("a target has changed on `main`"),
        "{}",
        told(&found)
    );
    let place = world.place("decision: approve");
    let never = "0".repeat(40);
    let forgery = edited(
        &world,
        place,
        &[(&format!("  main: {before}"), &format!("  main: {never}"))],
        None,
    );
    let found = forging(&world, place, &forgery, FindingKind::WrongApproval);
    assert!(
        told(&found).contains("never was before"),
        "{}",
        told(&found)
    );
}

#[test]
fn an_approval_is_not_made_up_by_the_bot() {
    let world = one_of_each();
    let text = world.git(&[], "", &["show", &format!("main:{}", world.decision(3))]);
    let approvals = &text[text.find("approvals:\n- by").unwrap()..text.find("ignored:").unwrap()];
    let forgery = edited(
        &world,
        3,
        &[
            (approvals, "approvals: []\n"),
            ("status: approved", "status: auto_approved"),
        ],
        Some((
            "Decision: approved\nApproved-by: alice",
            "Decision: auto_approved",
        )),
    );
    only(
        &forging(&world, 3, &forgery, FindingKind::NotEnoughApprovals),
        FindingKind::NotEnoughApprovals,
    );
}

#[test]
fn what_the_gate_asks_for_is_what_the_rules_say() {
    let world = one_of_each();
    let forgery = edited(
        &world,
        5,
        &[("justification: true", "justification: false")],
        None,
    );
    only(
        &forging(&world, 5, &forgery, FindingKind::WrongRequirement),
        FindingKind::WrongRequirement,
    );
    let world = one_of_each();
    let forgery = edited(&world, 5, &[("mode: two_tier", "mode: single_tier")], None);
    only(
        &forging(&world, 5, &forgery, FindingKind::WrongMode),
        FindingKind::WrongMode,
    );
    let world = one_of_each();
    let forgery = edited(
        &world,
        5,
        &[("engine: countersign 0.1.0", "engine: countersign 99.0.0")],
        None,
    );
    forging(&world, 5, &forgery, FindingKind::UnknownEngine);
}
