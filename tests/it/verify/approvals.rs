//! Approvals that were edited, made up, or given by somebody who could not give them.

use chrono::TimeDelta;
use countersign::domain::engine::ENGINE;
use countersign::domain::review::Opinion;
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::{MEDIUM, one_of_each};
use super::world::{World, point};
use super::{edited, finds, forging, only, only_these, told};

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
    let log = [
        "log",
        "--first-parent",
        "--grep=^Pull-request: #2$",
        "--format=%B",
        "main",
    ];
    let message = world.git(&[], "", &log);
    let (_, told) = message.split_once("Decision: approved\n").unwrap();
    let (told, _) = told.split_once("Opened: ").unwrap();
    let untold = told
        .replace("Approved-by: alice\n", "")
        .replace("Confidence: uncertain\n", "");
    let forgery = edited(
        &world,
        3,
        &[
            (approvals, "approvals: []\n"),
            ("status: approved", "status: auto_approved"),
        ],
        Some((
            &format!("Decision: approved\n{told}"),
            &format!("Decision: auto_approved\n{untold}"),
        )),
    );
    only_these(
        &forging(&world, 3, &forgery, FindingKind::NotEnoughApprovals),
        // What nobody approved has a baseline, which the bot did not write, and counts for nobody.
        &[
            FindingKind::UnexpectedChange,
            FindingKind::WrongTrackRecord,
            FindingKind::WrongOpinions,
            FindingKind::NotEnoughApprovals,
            FindingKind::WrongBaseline,
        ],
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
        &[(
            &format!("engine: {ENGINE}"),
            "engine: countersign 99.0.0 engine 99",
        )],
        None,
    );
    forging(&world, 5, &forgery, FindingKind::UnknownEngine);
}

#[test]
fn a_member_of_a_team_is_known_by_the_record_alone() {
    let login = ("login: alice", "login: zoe\n    id: 4711");
    for (members, id, by_team) in [
        ("members: [alice, bob]\n  team: acme/reviewers", true, 1),
        // Without a number, anybody could have had that login.
        ("members: [alice, bob]\n  team: acme/reviewers", false, 0),
        // No team, nobody beside those who are listed.
        ("members: [alice, bob, dana]", true, 0),
    ] {
        let mut world = World::new(&[("rules/people.yaml", "members: [alice, bob]", members)]);
        world.propose("strategy-optimizer", MEDIUM);
        world.run();
        world.review(1, "alice", Opinion::Approve, "fine");
        world.run();
        let login = if id {
            login
        } else {
            ("login: alice", "login: zoe")
        };
        let edits = [("by: alice", "by: zoe"), login];
        let forgery = edited(&world, 1, &edits, Some(("alice", "zoe")));
        world.forge(1, &forgery);
        let found = world.verify();
        assert_eq!(found.by_team, by_team, "{}", told(&found));
        let is_listed = !told(&found).contains("`zoe` is not listed");
        assert_eq!(is_listed, by_team == 1, "{}", told(&found));
    }
}

#[test]
fn a_review_is_not_left_out_under_a_pretext() {
    let world = one_of_each();
    let head = world.repo.read_commit(world.line()[3]).unwrap().parents[1];
    let no = format!(
        "ignored:\n- account:\n    login: bob\n  at: 2026-11-02T09:01:00Z\n  head: {head}\n  review: '9'\n  reason: 'the request for changes does not block: `bob` is neither reviewer nor admin'\n"
    );
    let forgery = edited(&world, 3, &[("ignored: []\n", &no)], None);
    let found = forging(&world, 3, &forgery, FindingKind::WrongIgnored);
    finds(&found, world.line()[3], FindingKind::WrongStatus);
    assert!(
        told(&found).contains("its request for changes blocks when it is heard again"),
        "{}",
        told(&found)
    );
    let world = super::story::every_event();
    let place = world.place("decision: expire");
    let forgery = edited(
        &world,
        place,
        &[("`dana` is the owner of the agent", "`dana` was too late")],
        None,
    );
    only(
        &forging(&world, place, &forgery, FindingKind::WrongIgnored),
        FindingKind::WrongIgnored,
    );
}

/// What people said is held against what was made of it: neither can be edited alone.
#[test]
fn what_was_said_agrees_with_what_was_made_of_it() {
    for (from, to, why) in [
        (
            "kind: approve",
            "kind: comment",
            "`alice` did not say what was counted as an approval",
        ),
        (
            "words: I read it.",
            "words: I did not read it.",
            "the justification of `alice` is in other words",
        ),
        (
            "person: bob",
            "person: carol",
            "`carol` is not who `bob` is",
        ),
        (
            "kind: comment",
            "kind: request_changes",
            "it was merged although `bob` requested changes, and nothing says why that did not block",
        ),
        (
            "review: r2\n  words: I read it.",
            "review: r9\n  words: I read it.",
            "the approval of `alice` is not among them",
        ),
        (
            "words: What for?\n",
            "words: What for?\n  surprise: true\n",
            "",
        ),
    ] {
        let mut world = World::new(&[]);
        world.propose("strategy-optimizer", MEDIUM);
        world.review(1, "bob", Opinion::Comment, "What for?");
        world.wait(TimeDelta::minutes(1));
        world.review(1, "alice", Opinion::Approve, "I read it.");
        world.run();
        let place = world.place("decision: approve");
        let kind = if why.is_empty() {
            FindingKind::UnreadableDocument
        } else {
            FindingKind::WrongOpinions
        };
        let forgery = edited(&world, place, &[(from, to)], None);
        let found = forging(&world, place, &forgery, kind);
        assert!(told(&found).contains(why), "{}", told(&found));
    }
}

/// Rules that ask the group `payments`, and that know a window.
fn with_rules() -> World {
    World::new(&[
        (
            "rules/people.yaml",
            "reviewers:\n",
            "groups:\n  payments: {members: [alice]}\nreviewers:\n",
        ),
        (
            "rules/policy.yaml",
            "rules:\n  - id: to_production",
            "rules:\n  - id: owners\n    when: production\n    ask: {from: payments}\n    reason: it is theirs\n\n  - id: to_production",
        ),
        (
            "rules/governance.yaml",
            "pending_limit:",
            "windows: {quiet: {from: 2020-01-01 00:00, to: 2020-01-02 00:00, timezone: Europe/Berlin}}\n\npending_limit:",
        ),
    ])
}

#[test]
fn whom_a_rule_asks_is_asked_again() {
    let decided = || {
        let mut world = with_rules();
        world.propose("strategy-optimizer", MEDIUM);
        world.run();
        world.review(1, "alice", Opinion::Approve, "fine");
        world.run();
        assert_eq!(told(&world.verify()), "");
        let place = world.place("decision: approve");
        (world, place)
    };
    let (world, place) = decided();
    let by_bob = [("by: alice", "by: bob"), ("login: alice", "login: bob")];
    let forgery = edited(&world, place, &by_bob, Some(("alice", "bob")));
    let found = forging(&world, place, &forgery, FindingKind::NotEnoughApprovals);
    let said = told(&found);
    let missing = "it was merged, but it still needed 1 approval from payments (owners)";
    assert!(said.contains(missing), "{said}");
    // As if the rule had not fired.
    let (world, place) = decided();
    let other = [("from: payments", "from: reviewers")];
    let forgery = edited(&world, place, &other, None);
    let found = forging(&world, place, &forgery, FindingKind::WrongTrigger);
    assert!(told(&found).contains("owners"), "{}", told(&found));
    // As if it had been another time.
    let (world, place) = decided();
    let other = [("open: false", "open: true")];
    let forgery = edited(&world, place, &other, None);
    forging(&world, place, &forgery, FindingKind::WrongFactor);
}

#[test]
fn nothing_is_refused_that_no_rule_refuses() {
    let mut world = with_rules();
    world.propose("strategy-optimizer", MEDIUM);
    world.run();
    world.review(1, "alice", Opinion::RequestChanges, "/reject too_risky: no");
    world.run();
    let place = world.place("decision: reject");
    let forgery = edited(
        &world,
        place,
        &[("status: rejected", "status: refused")],
        Some(("rejected", "refused")),
    );
    let found = forging(&world, place, &forgery, FindingKind::WrongStatus);
    let said = told(&found);
    assert!(
        said.contains("is refused, but no rule refuses it"),
        "{said}"
    );
}
