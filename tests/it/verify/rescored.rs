//! What verify says of cases that were scored again before they ran: that it was due, that its numbers are right,
//! and that nothing of them ran afterwards.

use countersign::domain::engine::ENGINE;
use countersign::domain::ids::CaseId;
use countersign::domain::review::Opinion;
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::JUSTIFICATION;
use super::world::{Edit, Forgery, World, point, replace};
use super::{finds, told};

const OPTIMIZE: &str =
    "action: optimize\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}";
const PROMOTE: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {trading_mode: live}";

/// `optimize` is carried out by a command. It was proposed, and then another change that is decided in the same run and
/// comes before it.
fn story(body: &str, other: &str) -> (World, CaseId) {
    let own = "takes a new study to take back.\n    effect: modify\n    reversibility: effort\n    executor: ";
    let command = format!("{own}command\n    command: {{argv: [\"true\"], time_limit_seconds: 5}}");
    let mut world = World::new(&[(
        "rules/actions.yaml",
        &format!("{own}apply"),
        command.as_str(),
    )]);
    let id = world.propose("strategy-optimizer", body);
    world.propose("strategy-optimizer", other);
    world.review(2, "carol", Opinion::Approve, JUSTIFICATION);
    world.run();
    (world, id)
}

fn record(id: CaseId, name: &str) -> String {
    format!("recommendations/{}/{name}", id.folder())
}

/// A claim on top of `main`, as the bot would write it.
fn claim(world: &World, id: CaseId) -> countersign::domain::ids::Sha {
    let at = world.now();
    let text = format!(
        "schema: countersign/claim/v1\nid: {id}\nexecutor: command\nstarted_at: {}\nends_by: {}\nhost: here\n",
        at.format("%Y-%m-%dT%H:%M:%SZ"),
        (at + chrono::TimeDelta::seconds(5)).format("%Y-%m-%dT%H:%M:%SZ"),
    );
    let message = format!(
        "claim: command for optimize on rsi-eurusd-draft\n\nEvent: claim\nRecommendation: {id}\nAgent: strategy-optimizer\nSession: story-1\nAction: optimize\nTarget: rsi-eurusd-draft\nExecutor: command\n"
    );
    world.append(
        &message,
        &[(record(id, "claim.yaml"), Edit::Put(text))],
        None,
    )
}

#[test]
fn a_case_that_was_scored_again_is_computed_again() {
    let (world, id) = story(OPTIMIZE, PROMOTE);
    let honest = world.line();
    let found = world.verify();
    assert_eq!(told(&found), "", "{:#?}", world.subjects());
    assert_eq!(found.events["rescored"], 1);
    assert!(!found.events.contains_key("claim"));
    let place =
        world.place("rescored: optimize on rsi-eurusd-draft (LOW 5.00 is now MEDIUM 45.00)");
    let path = record(id, "rescored.yaml");
    for (from, to, kind, words) in [
        (
            "score: 45.0",
            "score: 46.0",
            FindingKind::WrongScore,
            "`now.risk.score` is 46.00, but it is 45.00 when computed again",
        ),
        (
            "level: MEDIUM",
            "level: HIGH",
            FindingKind::WrongLevel,
            "`now.risk.level` is HIGH, but it is MEDIUM when computed again",
        ),
        (
            "role: reviewer",
            "role: admin",
            FindingKind::WrongRequirement,
            "but the rules ask for 1 of role reviewer without justification",
        ),
        (
            "level: LOW",
            "level: MEDIUM",
            FindingKind::WrongRescoring,
            "`was` is not what its decision says: LOW 5.00",
        ),
        (
            "executor: command",
            "executor: http",
            FindingKind::WrongExecutor,
            "was approved for the executor command, but scored again for http",
        ),
        (
            ENGINE,
            "countersign 9.0.0 engine 99",
            FindingKind::UnknownEngine,
            "`engine` is `countersign 9.0.0 engine 99`",
        ),
    ] {
        let forgery = Forgery {
            files: vec![replace(&path, from, to)],
            ..Forgery::default()
        };
        let line = world.forge(place, &forgery);
        let found = world.verify();
        finds(&found, line[place], kind);
        assert!(told(&found).contains(words), "{words}:\n{}", told(&found));
        point(&world.repo, MAIN, *honest.last().unwrap());
    }
    // The draft never went live, so nothing more was asked.
    let forgery = Forgery {
        files: vec![replace(
            "targets/rsi-eurusd-draft.yaml",
            ": live",
            ": inactive",
        )],
        ..Forgery::default()
    };
    let line = world.forge(place - 1, &forgery);
    let found = world.verify();
    finds(&found, line[place], FindingKind::WrongRescoring);
    let words = "computed again, nothing more is asked than was";
    assert!(told(&found).contains(words), "{}", told(&found));
}

#[test]
fn nothing_runs_that_would_have_been_asked_more() {
    let (world, id) = story(OPTIMIZE, PROMOTE);
    let line = world.line();
    let place = world.place("rescored: ");
    // After the record of it …
    let claimed = claim(&world, id);
    let found = world.verify();
    finds(&found, claimed, FindingKind::NotRescored);
    let words = "was scored again and would be asked more, so the bot may not execute it";
    assert!(told(&found).contains(words), "{}", told(&found));
    // … and without one.
    point(&world.repo, MAIN, line[place - 1]);
    let claimed = claim(&world, id);
    let found = world.verify();
    finds(&found, claimed, FindingKind::NotRescored);
    let words = "it was decided as LOW 5.00 and would have been MEDIUM 45.00 by then, so it had to go back to people";
    assert!(told(&found).contains(words), "{}", told(&found));
}

#[test]
fn what_could_not_be_proposed_any_more_fails_with_its_claim() {
    let expecting = format!("{OPTIMIZE}\nexpects: {{stop_loss_pct: 3.0}}");
    let other = "action: delete_strategy\ntargets: [rsi-eurusd-draft]";
    let (world, _) = story(&expecting, other);
    assert_eq!(told(&world.verify()), "", "{:#?}", world.subjects());
    let claimed = world.place("claim: command for optimize");
    assert_eq!(world.place("outcome: failure of optimize"), claimed + 1);
    let line = world.line();
    point(&world.repo, MAIN, line[claimed]);
    let found = world.verify();
    finds(&found, line[claimed], FindingKind::MissingOutcome);
    let words = "could not be proposed any more when it was claimed, but the next commit is not its failure";
    assert!(told(&found).contains(words), "{}", told(&found));
}
