//! What is carried out of a proposal is what people approved of it: less, scored as it says, and nothing else.

use countersign::domain::review::Opinion;
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::MEDIUM;
use super::world::{World, point};
use super::{edited, forging, told};
use crate::support::redact;

/// alice approves less than is proposed.
fn amended() -> World {
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", MEDIUM);
    world.run();
    world.review(
        1,
        "alice",
        Opinion::Approve,
        "/approve with stop_loss_pct=3.5\n\nHalf of it.",
    );
    world.run();
    world
}

#[test]
fn an_amendment_that_is_made_up_is_found() {
    let world = amended();
    assert_eq!(told(&world.verify()), "");
    let tip = *world.line().last().unwrap();
    let place = world.place("decision: approve");
    let mut found = Vec::new();
    for (from, to) in [
        // More than was proposed, what is there already, what was proposed.
        ("      stop_loss_pct: 3.5", "      stop_loss_pct: 4.5"),
        ("      stop_loss_pct: 3.5", "      stop_loss_pct: 2"),
        ("      stop_loss_pct: 3.5", "      stop_loss_pct: 4"),
        ("      stop_loss_pct: 3.5", "      take_profit_pct: 3.5"),
        (
            "reason: stop_loss_pct 3.5 is moderate",
            "reason: stop_loss_pct 3.5 is conservative",
        ),
    ] {
        let forgery = edited(&world, place, &[(from, to)], None);
        let verification = forging(&world, place, &forgery, FindingKind::WrongAmendment);
        found.push(format!(
            "{from} => {}\n{}",
            to.trim(),
            redact(&told(&verification))
        ));
        point(&world.repo, MAIN, tip);
    }
    insta::assert_snapshot!(found.join("\n"), @"
          stop_loss_pct: 3.5 => stop_loss_pct: 4.5
    [commit]: wrong_amendment: recommendations/[date]/[id]/decision.yaml:52: `amendment`: `stop_loss_pct: 4.5` does not lie between the present `3.0` of `rsi-eurusd` and the proposed `4`: the agent has to propose it
    [commit]: wrong_outcome: `targets/rsi-eurusd.yaml` becomes something else than what was approved

          stop_loss_pct: 3.5 => stop_loss_pct: 2
    [commit]: wrong_amendment: recommendations/[date]/[id]/decision.yaml:52: `amendment`: its `risk` is not what it is when computed again: MEDIUM 40.00
    [commit]: wrong_outcome: `targets/rsi-eurusd.yaml` becomes something else than what was approved

          stop_loss_pct: 3.5 => stop_loss_pct: 4
    [commit]: wrong_amendment: recommendations/[date]/[id]/decision.yaml:52: `amendment`: it is not less of what was proposed
    [commit]: wrong_outcome: `targets/rsi-eurusd.yaml` becomes something else than what was approved

          stop_loss_pct: 3.5 => take_profit_pct: 3.5
    [commit]: wrong_message: line 13 of the commit message reads `Amended-parameter: stop_loss_pct`, but the record says `Amended-parameter: take_profit_pct`
    [commit]: wrong_amendment: recommendations/[date]/[id]/decision.yaml:52: `amendment`: it is not less of what was proposed
    [commit]: wrong_outcome: `targets/rsi-eurusd.yaml` becomes something else than what was approved

    reason: stop_loss_pct 3.5 is moderate => reason: stop_loss_pct 3.5 is conservative
    [commit]: wrong_amendment: recommendations/[date]/[id]/decision.yaml:52: `amendment`: its `risk` is not what it is when computed again: MEDIUM 55.00
    ");
}
