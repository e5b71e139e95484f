//! What a look at everything costs, and what it finds.

use chrono::TimeDelta;

use super::world::GithubFixture;
use super::{LOW, MEDIUM};
use crate::support::has;

/// The timer's run, by this process or by a new one.
fn reconciles(fixture: &mut GithubFixture, by_new_process: bool) {
    if by_new_process {
        fixture.restarts(true);
    }
    fixture.wait(TimeDelta::minutes(10));
    fixture.github.forget_webhooks();
    fixture.forge.reconcile();
    fixture.runs();
}

#[test]
fn what_did_not_change_costs_one_page_whatever_its_number() {
    let mut fixture = GithubFixture::new();
    let mut numbers = Vec::new();
    for body in [MEDIUM, MEDIUM, MEDIUM, MEDIUM, "action: nonsense: x", LOW] {
        numbers.push(fixture.proposes(body));
        fixture.hears();
        fixture.wait(TimeDelta::seconds(5));
    }
    let agent = fixture.github.agent("strategy-optimizer");
    agent.closes(numbers[4]);
    fixture.hears();
    // What we wrote ourselves is a change like any other, once.
    reconciles(&mut fixture, false);
    fixture.github.pages_of(2);
    for by_new_process in [false, true, false] {
        fixture.github.forget_calls();
        reconciles(&mut fixture, by_new_process);
        fixture.costs_at_most(2);
    }
    // What no webhook told is found, in the middle of the others.
    fixture.github.user("alice").approves(numbers[2], "Fine.");
    fixture
        .github
        .user("bob")
        .comments(numbers[1], "/reject other: no");
    reconciles(&mut fixture, true);
    assert!(fixture.github.pull(numbers[2]).merged_at.is_some());
    has(&fixture.check(numbers[1]), "rejected by bob");
    fixture.github.read_all();
}

#[test]
fn a_pull_request_that_was_retargeted_unheard_is_no_longer_ours() {
    let mut fixture = GithubFixture::new();
    let dana = fixture.github.user("dana");
    dana.pushes_branch("release", &[("x.txt", "x")]);
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.wait(TimeDelta::minutes(1));
    let agent = fixture.github.agent("strategy-optimizer");
    agent.retargets(number, "release");
    reconciles(&mut fixture, false);
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.hears();
    assert!(fixture.github.pull(number).open);
    fixture.github.read_all();
}

#[test]
fn a_merge_that_github_overlooks_is_ended_by_us() {
    for by_new_process in [false, true] {
        let mut fixture = GithubFixture::new();
        fixture.github.world(|world| world.overlooks_merges = true);
        let number = fixture.proposes(LOW);
        fixture.hears();
        // It may come to it yet.
        fixture.forge.reconcile();
        fixture.runs();
        assert!(fixture.github.pull(number).open);
        reconciles(&mut fixture, by_new_process);
        assert!(!fixture.github.pull(number).open);
        has(
            &fixture.check(number),
            "success: auto_approved: recorded on main",
        );
        for by_new_process in [false, true] {
            fixture.github.forget_calls();
            reconciles(&mut fixture, by_new_process);
            fixture.costs_at_most(2);
        }
        fixture.github.read_all();
    }
}
