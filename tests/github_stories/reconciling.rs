//! What a look at everything costs, and what it finds.

use chrono::TimeDelta;

use crate::support::has;
use crate::world::Duty;
use crate::{LOW, MEDIUM};

/// The timer's run, by this process or by a new one.
fn reconciles(duty: &mut Duty, by_new_process: bool) {
    if by_new_process {
        duty.restarts(true);
    }
    duty.wait(TimeDelta::minutes(10));
    duty.github.forget_webhooks();
    duty.forge.reconcile();
    duty.runs();
}

#[test]
fn what_did_not_change_costs_one_page_whatever_its_number() {
    let mut duty = Duty::new();
    let mut numbers = Vec::new();
    for body in [MEDIUM, MEDIUM, MEDIUM, MEDIUM, "action: nonsense: x", LOW] {
        numbers.push(duty.proposes(body));
        duty.hears();
        duty.wait(TimeDelta::seconds(5));
    }
    let agent = duty.github.agent("strategy-optimizer");
    agent.closes(numbers[4]);
    duty.hears();
    // What we wrote ourselves is a change like any other, once.
    reconciles(&mut duty, false);
    duty.github.pages_of(2);
    for by_new_process in [false, true, false] {
        duty.github.forget_calls();
        reconciles(&mut duty, by_new_process);
        duty.costs_at_most(2);
    }
    // What no webhook told is found, in the middle of the others.
    duty.github.user("alice").approves(numbers[2], "Fine.");
    duty.github
        .user("bob")
        .comments(numbers[1], "/reject other: no");
    reconciles(&mut duty, true);
    assert!(duty.github.pull(numbers[2]).merged_at.is_some());
    has(&duty.check(numbers[1]), "rejected by bob");
    duty.github.read_all();
}

#[test]
fn a_pull_request_that_was_retargeted_unheard_is_no_longer_ours() {
    let mut duty = Duty::new();
    let dana = duty.github.user("dana");
    dana.pushes_branch("release", &[("x.txt", "x")]);
    let number = duty.proposes(MEDIUM);
    duty.hears();
    duty.wait(TimeDelta::minutes(1));
    let agent = duty.github.agent("strategy-optimizer");
    agent.retargets(number, "release");
    reconciles(&mut duty, false);
    duty.github.user("alice").approves(number, "Fine.");
    duty.hears();
    assert!(duty.github.pull(number).open);
    duty.github.read_all();
}

#[test]
fn a_merge_that_github_overlooks_is_ended_by_us() {
    for by_new_process in [false, true] {
        let mut duty = Duty::new();
        duty.github.world(|world| world.overlooks_merges = true);
        let number = duty.proposes(LOW);
        duty.hears();
        // It may come to it yet.
        duty.forge.reconcile();
        duty.runs();
        assert!(duty.github.pull(number).open);
        reconciles(&mut duty, by_new_process);
        assert!(!duty.github.pull(number).open);
        has(
            &duty.check(number),
            "success: auto_approved: recorded on main",
        );
        for by_new_process in [false, true] {
            duty.github.forget_calls();
            reconciles(&mut duty, by_new_process);
            duty.costs_at_most(2);
        }
        duty.github.read_all();
    }
}
