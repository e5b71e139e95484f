//! `countersign serve` as a GitHub App: a real process that hears real webhooks, against the GitHub of the
//! tests. Every story ends on what a person sees there.

mod copies;
mod deliveries;
mod faults;
mod insight;
mod installations;
mod places;
mod questions;
mod setup;
mod world;

use crate::support::has;
use crate::support::proposals::{HIGH, LOW, MEDIUM, WHY};
use world::Host;

#[test]
fn low_risk_is_merged_with_two_calls() {
    let host = Host::new();
    let number = host.proposes(LOW);
    host.rests();
    host.is_merged(number);
    has(&host.check(number), "success: LOW 0.00: merged by the bot");
    host.costs_at_most(2);
    host.github.read_all();
}

#[test]
fn medium_risk_costs_five_calls() {
    let host = Host::new();
    let number = host.proposes(MEDIUM);
    host.rests();
    has(&host.check(number), "needs 1 approval by a reviewer");
    host.approves("alice", number, "Looks fine.");
    host.rests();
    host.is_merged(number);
    has(
        &host.check(number),
        "success: MEDIUM 55.00: approved and merged",
    );
    host.costs_at_most(5);
    host.github.read_all();
}

#[test]
fn high_risk_costs_five_calls() {
    let host = Host::new();
    let number = host.proposes(HIGH);
    host.rests();
    has(&host.check(number), "1 approval by an admin");
    host.approves("carol", number, WHY);
    host.rests();
    host.is_merged(number);
    host.costs_at_most(5);
    host.github.read_all();
}

#[test]
fn what_is_irrelevant_costs_nothing() {
    let host = Host::new();
    let number = host.proposes(MEDIUM);
    host.rests();
    host.github.forget_calls();
    let runs = host.runs();
    let dana = host.github.user("dana");
    dana.adds_label(number, "good first issue");
    dana.edits_description(number, "Now with more words.");
    host.github
        .user("dana")
        .pushes_branch("elsewhere", &[("notes.txt", "x")]);
    host.rests();
    host.costs_at_most(0);
    assert_eq!(host.runs(), runs, "no run either");
    // A question decides nothing, but the agent may wait for it: it is taken in, without asking GitHub anything.
    let id = dana.comments(number, "What is this about?");
    dana.edits_comment(id, "What is all this about?");
    host.rests();
    host.costs_at_most(0);
    host.github.read_all();
}
