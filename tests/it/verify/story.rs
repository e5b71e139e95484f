//! Honest trails for the forger to work on.

use chrono::TimeDelta;
use countersign::bot::{NewFeedback, NewOutcome};
use countersign::domain::ids::CaseId;
use countersign::domain::review::Opinion;
use countersign::git::{Durability, Expect, RefEdit};

use super::world::{World, shipped_rules};
pub use crate::support::proposals::{HIGH, LOW, MEDIUM};

pub const JUSTIFICATION: &str =
    "Thirty clean days on paper, limits unchanged.\n\n/confidence confident";

/// LOW (#1), MEDIUM approved by alice (#2), HIGH approved by carol (#3); the last one stands at the tip.
pub fn one_of_each() -> World {
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", LOW);
    world.run();
    world.wait(TimeDelta::hours(1));
    world.propose("strategy-optimizer", MEDIUM);
    world.run();
    world.wait(TimeDelta::minutes(7));
    world.review(2, "alice", Opinion::Approve, "fine\n/confidence uncertain");
    world.run();
    world.wait(TimeDelta::hours(1));
    world.propose("risk-manager", HIGH);
    world.run();
    world.wait(TimeDelta::minutes(7));
    world.review(3, "carol", Opinion::Approve, JUSTIFICATION);
    world.run();
    world
}

/// A trail with every event, and every way in which a case can end.
pub fn every_event() -> World {
    let mut world = one_of_each();
    world.wait(TimeDelta::hours(1));
    endings(&mut world);
    world.wait(TimeDelta::hours(1));
    governance(&mut world);
    world.wait(TimeDelta::hours(1));
    freezes(&mut world);
    world.wait(TimeDelta::hours(1));
    executions(&mut world);
    world
}

/// Rejected in words, rejected by asking, withdrawn, expired; #4 to #6.
fn endings(world: &mut World) {
    let other = MEDIUM.replace("stop_loss_pct: 4", "stop_loss_pct: 4.5");
    world.propose("strategy-optimizer", &other);
    let withdrawn = world.propose("strategy-optimizer", &other);
    world.propose("strategy-optimizer", &other);
    world.run();
    world.review(
        4,
        "bob",
        Opinion::Comment,
        "Not in this market.\n/reject bad_timing",
    );
    let branch = format!("refs/heads/recommend/{withdrawn}");
    world
        .repo
        .update_refs(
            &[RefEdit {
                name: branch,
                expected: Expect::Any,
                new: None,
            }],
            Durability::Fast,
        )
        .unwrap();
    world.wait(TimeDelta::minutes(1));
    world.run();
    world.review(6, "alice", Opinion::RequestChanges, "Why so much?");
    world.review(6, "dana", Opinion::Approve, "I own it, and I like it.");
    world.wait(TimeDelta::days(8));
    world.run();
}

/// A change of the rules by bob that carol approves, and one that she rejects; #7 and #8.
fn governance(world: &mut World) {
    let rules = shipped_rules();
    let notify = "actions:\n  notify:\n    effect: modify\n    reversibility: easy\n    executor: command\n    command: {argv: [\"true\"], time_limit_seconds: 5}\n";
    let actions = rules["rules/actions.yaml"].replacen("actions:\n", notify, 1);
    let agents =
        rules["rules/agents.yaml"].replacen("actions: [analyze,", "actions: [analyze, notify,", 1);
    world.branch(
        "govern/notify",
        "bob@example.org",
        &[
            ("rules/actions.yaml", &actions),
            ("rules/agents.yaml", &agents),
        ],
        "Let analysts notify",
    );
    world.branch(
        "govern/readme",
        "bob@example.org",
        &[("README.md", "read me\n")],
        "Say something",
    );
    world.run();
    world.wait(TimeDelta::minutes(3));
    world.review(
        7,
        "carol",
        Opinion::Approve,
        "Notifications are harmless, and we want them.",
    );
    world.review(
        8,
        "carol",
        Opinion::Comment,
        "/reject unclear_benefit: it says nothing",
    );
    world.run();
}

/// Stopped by alice, and set going by carol, while something waits; #9.
fn freezes(world: &mut World) {
    world
        .bot()
        .freeze(&"alice".parse().unwrap(), "prices are wrong")
        .unwrap();
    world.wait(TimeDelta::minutes(1));
    world.propose("strategy-optimizer", &LOW.replace("1.5", "2"));
    world.run();
    world.wait(TimeDelta::minutes(1));
    world.bot().unfreeze(&"carol".parse().unwrap()).unwrap();
    world.run();
}

/// A command with its claim, a target made and removed, an outcome that is reported, and corrected; feedback.
fn executions(world: &mut World) {
    world.propose(
        "market-analyst",
        "action: notify\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 2.5}",
    );
    world.run();
    world.wait(TimeDelta::minutes(1));
    world.propose("strategy-optimizer", "action: create_strategy\ntargets: [fresh]\nchanges: {trading_mode: inactive, stop_loss_pct: 2}");
    world.run();
    world.wait(TimeDelta::minutes(1));
    world.propose(
        "strategy-optimizer",
        "action: delete_strategy\ntargets: [fresh]",
    );
    let external = world.propose(
        "risk-manager",
        "action: rebalance_portfolio\ntargets: [rsi-eurusd-draft]\nchanges: {position_size_pct: 1}",
    );
    world.run();
    world.review(12, "alice", Opinion::Approve, "It is of no use.");
    world.review(13, "alice", Opinion::Approve, "Sell.");
    world.run();
    world.wait(TimeDelta::minutes(1));
    for success in [false, true] {
        report(world, external, success);
    }
    let feedback = NewFeedback {
        id: external,
        by: "dana".parse().unwrap(),
        message: "It was late.".to_owned(),
        random: 7,
    };
    world.bot().record_feedback(&feedback).unwrap();
}

fn report(world: &World, id: CaseId, success: bool) {
    let new = NewOutcome {
        id,
        success,
        details: Default::default(),
        error: (!success).then(|| "refused".to_owned()),
        by: "alice".to_owned(),
    };
    world.bot().record_outcome(&new).unwrap();
}
