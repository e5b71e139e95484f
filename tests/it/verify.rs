//! `verify` finds nothing on an honest trail and every forgery on a dishonest one, and names the commit.

mod amendments;
mod approvals;
mod canonical;
mod checkpoint;
mod clocks;
mod engines;
mod evidence;
mod findings;
mod history;
mod insider;
mod links;
mod memory;
mod objects;
mod places;
mod proposals;
mod questions;
mod refusals;
mod rescored;
mod shown;
mod signing;
pub mod story;
mod track_records;
pub mod world;

use countersign::domain::ids::Sha;
use countersign::ledger::verify::{FindingKind, Verification};

use story::{every_event, one_of_each};
use world::{Edit, Forgery, World, replace};

#[track_caller]
fn finds(verification: &Verification, commit: Sha, kind: FindingKind) {
    let found = verification
        .findings
        .iter()
        .any(|finding| finding.commit == commit && finding.kind == kind);
    assert!(
        found,
        "expected {kind} at {commit} among:\n{}",
        told(verification)
    );
    assert!(!verification.ok);
}

fn told(verification: &Verification) -> String {
    verification
        .findings
        .iter()
        .map(|finding| format!("{finding}\n"))
        .collect()
}

/// Forges one commit of a trail, and says what is found.
#[track_caller]
fn forging(world: &World, place: usize, forgery: &Forgery, kind: FindingKind) -> Verification {
    let line = world.forge(place, forgery);
    let verification = world.verify();
    finds(&verification, line[place], kind);
    verification
}

/// Changes texts of the decision at a place, and its message with it.
fn edited(
    world: &World,
    place: usize,
    edits: &[(&str, &str)],
    message: Option<(&str, &str)>,
) -> Forgery {
    let path = world.decision(place);
    let files = edits
        .iter()
        .map(|(from, to)| replace(&path, from, to))
        .collect();
    Forgery {
        files,
        message: message.map(|(from, to)| (from.to_owned(), to.to_owned())),
        ..Forgery::default()
    }
}

/// That is all that is found, but for later branches that stand on the trail as it was.
#[track_caller]
fn only(verification: &Verification, kind: FindingKind) {
    only_these(verification, &[kind]);
}

#[track_caller]
fn only_these(verification: &Verification, kinds: &[FindingKind]) {
    let mut found: Vec<FindingKind> = verification
        .findings
        .iter()
        .map(|finding| finding.kind)
        .collect();
    found.retain(|found| *found != FindingKind::CutOrRewritten);
    assert_eq!(found, kinds, "{}", told(verification));
}

#[test]
fn an_honest_trail_has_no_findings() {
    let world = every_event();
    let verification = world.verify();
    assert_eq!(told(&verification), "", "{:#?}", world.subjects());
    assert!(verification.ok);
    assert_eq!(verification.commits, world.line().len());
    for event in [
        "genesis",
        "decision",
        "claim",
        "outcome",
        "feedback",
        "governance",
        "freeze",
        "unfreeze",
    ] {
        assert!(
            verification.events.contains_key(event),
            "{event} in {:?}",
            verification.events
        );
    }
    assert_eq!(
        verification.recomputed,
        verification.events["decision"] + verification.events["governance"]
    );
    assert_eq!(verification.without_branch, 0);
}

#[test]
fn an_edited_score_is_computed_again() {
    let world = one_of_each();
    let forgery = edited(
        &world,
        3,
        &[("score: 55.0", "score: 45.0")],
        Some(("55.00", "45.00")),
    );
    let found = forging(&world, 3, &forgery, FindingKind::WrongScore);
    only(&found, FindingKind::WrongScore);
    let message = &found.findings[0].message;
    assert!(
        message.contains("/decision.yaml:20: `risk.score` is 45.00, but it is 55.00"),
        "{message}"
    );
}

#[test]
fn an_edited_factor_is_computed_again() {
    let world = one_of_each();
    let forgery = edited(
        &world,
        3,
        &[
            ("points: 50.0", "points: 25.0"),
            ("contribution: 15.0", "contribution: 7.5"),
        ],
        Some(("parameters=15.00", "parameters=7.50")),
    );
    only(
        &forging(&world, 3, &forgery, FindingKind::WrongFactor),
        FindingKind::WrongFactor,
    );
}

#[test]
fn an_edited_level_is_computed_again() {
    let world = one_of_each();
    let forgery = edited(
        &world,
        5,
        &[("level: HIGH", "level: MEDIUM")],
        Some(("HIGH", "MEDIUM")),
    );
    only(
        &forging(&world, 5, &forgery, FindingKind::WrongLevel),
        FindingKind::WrongLevel,
    );
}

#[test]
fn a_trigger_that_was_taken_out_fires_again() {
    let world = one_of_each();
    let trigger =
        "  triggers:\n  - id: to_production\n    reason: switches from test to production (live)\n";
    let forgery = edited(
        &world,
        5,
        &[(trigger, "  triggers: []\n")],
        Some(("Trigger: to_production\n", "")),
    );
    only(
        &forging(&world, 5, &forgery, FindingKind::WrongTrigger),
        FindingKind::WrongTrigger,
    );
}

#[test]
fn a_trigger_that_lifts_less_is_computed_again() {
    let world = one_of_each();
    let reason = "    reason: switches from test to production (live)\n";
    let then = format!("{reason}    then:\n      level: MEDIUM\n      score: 50.0\n");
    let forgery = edited(&world, 5, &[(reason, &then)], None);
    let found = forging(&world, 5, &forgery, FindingKind::WrongTrigger);
    only(&found, FindingKind::WrongTrigger);
    let message = &found.findings[0].message;
    assert!(
        message.ends_with(
            "`to_production`: lifts to at least MEDIUM 50.00, but computed again: HIGH in any case"
        ),
        "{message}"
    );
}

#[test]
fn an_amended_message_differs_from_its_record() {
    for (from, to, line) in [
        ("Approved-by: alice", "Approved-by: carol", "line 11"),
        (
            "decision: approve modify_parameters",
            "decision: approve analyze",
            "line 1",
        ),
        (
            "Pull-request: #2",
            "Pull-request: #2\nApproved-by: carol",
            "line 14",
        ),
        ("parameters=15.00", "parameters=7.50", "line 15"),
        ("Confidence: uncertain", "Confidence: confident", "line 16"),
    ] {
        let world = one_of_each();
        let forgery = Forgery {
            message: Some((from.to_owned(), to.to_owned())),
            ..Forgery::default()
        };
        let found = forging(&world, 3, &forgery, FindingKind::WrongMessage);
        only(&found, FindingKind::WrongMessage);
        assert!(told(&found).contains(line), "{}", told(&found));
    }
    let world = one_of_each();
    let forgery = Forgery {
        message: Some(("Event: decision".to_owned(), "Event: nothing".to_owned())),
        ..Forgery::default()
    };
    forging(&world, 3, &forgery, FindingKind::Unexplained);
}

#[test]
fn the_recommendation_is_the_one_that_was_decided() {
    let world = one_of_each();
    let path = format!("{}/recommendation.yaml", world.case_folder(3));
    let forgery = Forgery {
        files: vec![replace(path, "stop_loss_pct: 4", "stop_loss_pct: 4.2")],
        ..Forgery::default()
    };
    let found = forging(&world, 3, &forgery, FindingKind::EditedRecord);
    finds(&found, world.line()[3], FindingKind::InvalidProposal);
}

#[test]
fn an_outcome_needs_an_approval() {
    let world = every_event();
    let (rejected, outcome) = (
        world.place("decision: reject"),
        world.place("outcome: failure of rebalance"),
    );
    let (folder, like) = (world.case_folder(rejected), world.case_folder(outcome));
    let id = folder.rsplit('/').next().unwrap().to_owned();
    let old = like.rsplit('/').next().unwrap().to_owned();
    let text = world
        .git(&[], "", &["show", &format!("main:{like}/outcome.yaml")])
        .replace(&old, &id);
    let message = world
        .repo
        .read_commit(world.line()[outcome])
        .unwrap()
        .message
        .replace(&old, &id);
    let forged = world.append(
        &message,
        &[(
            format!("{folder}/outcome.yaml"),
            Edit::Put(format!("{text}\n")),
        )],
        None,
    );
    let found = world.verify();
    finds(&found, forged, FindingKind::WithoutDecision);
    assert!(told(&found).contains("was rejected"), "{}", told(&found));
}

#[test]
fn documents_are_read_strictly() {
    let world = one_of_each();
    let forgery = edited(
        &world,
        3,
        &[("status: approved", "status: approved\nstatus: approved")],
        None,
    );
    let found = forging(&world, 3, &forgery, FindingKind::UnreadableDocument);
    assert!(
        told(&found).contains("/decision.yaml:4"),
        "{}",
        told(&found)
    );
}
