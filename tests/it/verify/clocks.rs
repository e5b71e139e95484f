//! Clocks that are wrong, of bots and of people: whatever the bot writes by them verifies.

use chrono::{DateTime, TimeDelta, Utc};
use countersign::domain::documents::{Decision, time};
use countersign::domain::ids::Sha;
use countersign::domain::review::Opinion;
use countersign::domain::yaml;
use countersign::ledger::verify::FindingKind;

use super::story::{LOW, MEDIUM};
use super::world::{Forgery, World};
use super::{forging, only, told};

const JUSTIFICATION: &str = "Agreed in the meeting of Monday, for all of us.";

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

fn decision(world: &World, place: usize) -> Decision {
    let (path, tip) = (world.decision(place), *world.line().last().unwrap());
    let tree = world.repo.read_commit(tip).unwrap().tree;
    yaml::read(&path, &world.repo.read_path(tree, &path).unwrap().unwrap()).unwrap()
}

fn time_of(world: &World, commit: Sha) -> DateTime<Utc> {
    world.repo.read_commit(commit).unwrap().committer.time
}

#[track_caller]
fn verifies(world: &World) {
    assert_eq!(told(&world.verify()), "");
}

#[test]
fn a_bot_that_was_ahead_and_is_corrected_waits_and_then_goes_on() {
    let mut world = World::new(&[]);
    world.wait(minutes(10));
    world.propose("strategy-optimizer", LOW);
    world.run();
    let (ahead, before) = (world.now(), world.line());
    assert_eq!(before.len(), 3);
    world.wait(minutes(-10));
    world.propose("strategy-optimizer", &LOW.replace("1.5", "1.75"));
    let refused = world.bot().run(&mut |_, _| {}).unwrap_err();
    let said = format!(
        "the clock of this machine says {}, and the newest commit of `main` is dated {}: one of both machines is wrong, \
         and nothing is written until they are less than 5 minutes apart",
        time::text(&world.now()),
        time::text(&ahead)
    );
    assert_eq!(refused.to_string(), said);
    assert_eq!(world.line(), before);
    // What is only shown is shown.
    assert_eq!(world.bot().pending().unwrap().len(), 1);
    world.wait(minutes(5));
    let clock = world.now();
    world.run();
    let line = world.line();
    assert_eq!(line.len(), 5);
    for commit in &line[3..] {
        let commit = world.repo.read_commit(*commit).unwrap();
        assert_eq!(commit.committer.time, ahead);
        let last = commit.message.lines().last().unwrap();
        assert_eq!(last, format!("Bot-clock: {}", time::text(&clock)));
    }
    assert_eq!(decision(&world, 3).decided_at, ahead);
    verifies(&world);
    // Once it is past that moment, there is nothing to note any more.
    world.wait(minutes(6));
    world.propose("strategy-optimizer", &LOW.replace("1.5", "2"));
    world.run();
    let tip = *world.line().last().unwrap();
    assert_eq!(time_of(&world, tip), world.now());
    assert!(
        !world
            .repo
            .read_commit(tip)
            .unwrap()
            .message
            .contains("Bot-clock")
    );
    verifies(&world);
}

/// The way that docs/operators.md shows.
#[test]
fn what_a_bot_wrote_a_year_ahead_can_be_taken_back() {
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", LOW);
    world.run();
    let right = world.line();
    world.wait(TimeDelta::days(365));
    world.propose("strategy-optimizer", &LOW.replace("1.5", "1.75"));
    world.run();
    world.wait(TimeDelta::days(-365));
    world.wait(minutes(1));
    assert!(world.bot().run(&mut |_, _| {}).is_err());
    let wrong = world.line();
    let (last, tip) = (right.last().unwrap(), wrong.last().unwrap());
    let (last, tip) = (last.to_string(), tip.to_string());
    let update = ["update-ref", "refs/heads/main", &last, &tip];
    world.git(&[], "", &update);
    world.propose("strategy-optimizer", &LOW.replace("1.5", "2"));
    world.run();
    let line = world.line();
    assert_eq!(
        (&line[..right.len()], line.len()),
        (right.as_slice(), right.len() + 2)
    );
    verifies(&world);
}

#[test]
fn a_bot_that_is_nine_minutes_behind_writes_nothing() {
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", LOW);
    world.wait(minutes(-9));
    let before = world.line();
    assert!(world.bot().run(&mut |_, _| {}).is_err());
    assert!(
        world
            .bot()
            .freeze(&"alice".parse().unwrap(), "Stop.")
            .is_err()
    );
    assert_eq!(world.line(), before);
    world.wait(minutes(9));
    world.run();
    verifies(&world);
}

#[test]
fn what_people_say_with_a_clock_ahead_counts_as_of_when_it_was_seen() {
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", MEDIUM);
    world.propose("strategy-optimizer", MEDIUM);
    world.run();
    world.wait(minutes(15));
    // The last word of each counts, though both are of the future.
    world.review(1, "alice", Opinion::RequestChanges, "Why?");
    world.wait(minutes(1));
    world.review(1, "alice", Opinion::Approve, "Fine.");
    world.review(2, "bob", Opinion::Comment, "/reject bad_timing: not now");
    world.wait(minutes(-15));
    world.run();
    let approved = decision(&world, world.place("decision: approve"));
    assert_eq!(approved.approvals[0].at, approved.decided_at);
    assert!(
        approved
            .opinions
            .iter()
            .all(|opinion| opinion.at <= approved.decided_at)
    );
    let rejected = decision(&world, world.place("decision: reject"));
    assert_eq!(rejected.rejection.unwrap().at, rejected.decided_at);
    verifies(&world);
}

#[test]
fn a_change_that_a_bot_ahead_saw_first_is_decided_once_and_verifies() {
    let world = World::new(&[]);
    let files = [("docs/notes.md", "Notes.\n")];
    world.branch("govern/notes", "bob@example.org", &files, "Add notes");
    world.wait(minutes(25));
    world.run();
    world.wait(minutes(-25));
    world.review(1, "carol", Opinion::Approve, JUSTIFICATION);
    let records = world.path().join("refs/countersign");
    assert!(records.exists() || world.path().join("packed-refs").exists());
    world.run();
    let line = world.line();
    assert_eq!(line.len(), 2);
    let decided = decision(&world, 1);
    assert_eq!(decided.pull.opened_at, decided.decided_at);
    assert!(decided.id.time() > decided.decided_at);
    verifies(&world);
    world.wait(minutes(1));
    world.run();
    assert_eq!(world.line(), line);
}

#[test]
fn a_note_of_a_clock_that_does_not_follow_is_found() {
    // Behind by two minutes: the decision and its outcome carry the time of the commit before.
    let behind = || {
        let mut world = World::new(&[]);
        world.wait(minutes(2));
        world.propose("strategy-optimizer", LOW);
        world.run();
        world.wait(minutes(-2));
        world.propose("strategy-optimizer", &LOW.replace("1.5", "1.75"));
        world.run();
        verifies(&world);
        world
    };
    let says = |from: &str, to: &str| Forgery {
        message: Some((from.to_owned(), to.to_owned())),
        ..Forgery::default()
    };
    let note = "Bot-clock: 2026-11-02T08:00:00Z\n";
    for wrong in [
        "Bot-clock: 2026-11-02T08:02:00Z\n",
        "Bot-clock: 2026-11-02T07:56:59Z\n",
    ] {
        let found = forging(&behind(), 3, &says(note, wrong), FindingKind::WrongTime);
        only(&found, FindingKind::WrongTime);
    }
    for wrong in [
        "Bot-clock: yesterday\n",
        "Bot-clock:  2026-11-02T08:00:00Z\n",
    ] {
        let found = forging(&behind(), 3, &says(note, wrong), FindingKind::WrongMessage);
        only(&found, FindingKind::WrongMessage);
    }
    // A commit with a time of its own notes nothing.
    let world = behind();
    let last = world.repo.read_commit(world.line()[1]).unwrap().message;
    let last = last.lines().last().unwrap();
    let noted = format!("{last}\nBot-clock: 2026-11-02T08:01:00Z");
    let found = forging(&world, 1, &says(last, &noted), FindingKind::WrongTime);
    assert!(
        told(&found).contains(
            "it says that the bot's clock was behind, at 2026-11-02T08:01:00Z, and so has the time of the commit before; but it is dated 2026-11-02T08:02:00Z"
        ),
        "{}",
        told(&found)
    );
}
