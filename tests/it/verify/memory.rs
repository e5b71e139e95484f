//! Baselines and the use of limits: what the bot keeps beside its records follows from them, byte for byte.

use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::LOW;
use super::world::{Forgery, World, point, replace};
use super::{edited, forging, only_these, told};

const LIMIT: (&str, &str, &str) = (
    "rules/policy.yaml",
    "rules:\n",
    "rules:\n  - id: many\n    when: effect == 'modify'\n    limit: {at_most: 3, per: agent, within: 1h}\n    then: MEDIUM\n    reason: many\n",
);

/// One step and another, which nobody saw; both use the limit.
fn two_steps() -> World {
    let mut world = World::new(&[LIMIT]);
    world.propose("strategy-optimizer", LOW);
    world.run();
    world.propose("strategy-optimizer", &LOW.replace("1.5", "1.2"));
    world.run();
    let found = world.verify();
    assert_eq!(told(&found), "", "{:#?}", world.subjects());
    world
}

/// The place of the last commit with such a subject.
fn last(world: &World, subject: &str) -> usize {
    let subjects = world.subjects();
    let found = subjects
        .iter()
        .rposition(|other| other.starts_with(subject));
    found.unwrap_or_else(|| panic!("{subjects:#?}"))
}

fn forged(path: &str, from: &str, to: &str) -> Forgery {
    Forgery {
        files: vec![replace(path, from, to)],
        ..Forgery::default()
    }
}

#[test]
fn a_baseline_is_where_people_saw_it_last() {
    let world = two_steps();
    let path = "baselines/rsi-eurusd-draft.yaml";
    let tip = *world.line().last().unwrap();
    for (from, to) in [("value: 3.0", "value: 1.5"), ("now: 1.2", "now: 1.5")] {
        let forgery = forged(path, from, to);
        let place = last(&world, "outcome:");
        let found = forging(&world, place, &forgery, FindingKind::WrongBaseline);
        only_these(&found, &[FindingKind::WrongBaseline]);
        point(&world.repo, MAIN, tip);
    }
    // Without it the decision is another.
    let place = last(&world, "decision:");
    let record = world.decision(place);
    let text = world.git(&[], "", &["show", &format!("main:{record}")]);
    let baselines = &text[text.find("  baselines:\n").unwrap()..text.find("required:").unwrap()];
    let forgery = edited(&world, place, &[(baselines, "")], None);
    let found = forging(&world, place, &forgery, FindingKind::WrongBaseline);
    only_these(&found, &[FindingKind::WrongBaseline]);
}

#[test]
fn what_is_used_of_a_limit_is_what_was_approved() {
    let world = two_steps();
    let place = last(&world, "decision:");
    let paths = world.git(&[], "", &["ls-tree", "-r", "--name-only", "main", "usage"]);
    let path = paths.trim();
    let tip = *world.line().last().unwrap();
    for (from, to) in [("used: \"2\"", "used: \"1\""), ("within 1h", "within 2h")] {
        let forgery = forged(path, from, to);
        let found = forging(&world, place, &forgery, FindingKind::WrongUsage);
        only_these(&found, &[FindingKind::WrongUsage]);
        point(&world.repo, MAIN, tip);
    }
}
