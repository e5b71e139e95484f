//! What is on record of the cases of an agent is what happened, and nothing that somebody with the bot's name writes.

use chrono::TimeDelta;
use countersign::domain::review::Opinion;
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::{JUSTIFICATION, MEDIUM, one_of_each};
use super::world::{Edit, Forgery, World, point, replace, shipped_rules};
use super::{edited, forging, told};
use crate::autonomy::GRANT;
use crate::support::redact;

const LIVE: &str = "track_records/strategy-optimizer/modify_parameters/live.yaml";

#[test]
fn a_count_that_is_made_up_is_found() {
    let world = one_of_each();
    let forgery = Forgery {
        files: vec![replace(LIVE, "approved: 1", "approved: 9")],
        ..Forgery::default()
    };
    let found = forging(&world, 3, &forgery, FindingKind::WrongTrackRecord);
    insta::assert_snapshot!(redact(&told(&found)), @"
    [commit]: wrong_track_record: `track_records/strategy-optimizer/modify_parameters/live.yaml` counts something else than what happened
    [commit]: cut_or_rewritten: its branch stands on [commit], an event that is no longer on the trail: what comes before was rewritten
    ");
}

#[test]
fn a_case_that_is_not_counted_is_found() {
    let world = one_of_each();
    let mut forgery = edited(&world, 3, &[(&format!("track_record: {LIVE}\n"), "")], None);
    forgery.files.push((LIVE.to_owned(), Edit::Remove));
    let found = forging(&world, 3, &forgery, FindingKind::WrongTrackRecord);
    insta::assert_snapshot!(redact(&told(&found)), @"
    [commit]: wrong_track_record: recommendations/[date]/[id]/decision.yaml: `track_record`: it counts in `track_records/strategy-optimizer/modify_parameters/live.yaml`
    [commit]: cut_or_rewritten: its branch stands on [commit], an event that is no longer on the trail: what comes before was rewritten
    ");
}

#[test]
fn a_grant_that_is_made_up_is_found() {
    let world = one_of_each();
    let grant = "grant:\n  id: tuning\n  answer: granted\n  number: 1\n  approved:\n    count: 9\n    of: 9\n    at_least: 70.08 %\n  \
                 succeeded:\n    count: 9\n    of: 9\n    at_least: 70.08 %\n  reason: it is earned\ntrack_record:";
    let edits = [
        ("status: approved", "status: granted"),
        ("track_record:", grant),
    ];
    let message = ("Decision: approved", "Decision: granted");
    let forgery = edited(&world, 3, &edits, Some(message));
    let found = forging(&world, 3, &forgery, FindingKind::WrongGrant);
    insta::assert_snapshot!(redact(&told(&found)), @"
    [commit]: wrong_grant: recommendations/[date]/[id]/decision.yaml:56: `grant` is not what it is when computed again: it is a case of none
    [commit]: wrong_track_record: `track_records/strategy-optimizer/modify_parameters/live.yaml` counts something else than what happened
    [commit]: wrong_status: recommendations/[date]/[id]/decision.yaml:3: `status` is granted, but the gate says approved
    [commit]: wrong_baseline: `baselines/rsi-eurusd.yaml` should be changed by it as approved, but is not
    [commit]: cut_or_rewritten: its branch stands on [commit], an event that is no longer on the trail: what comes before was rewritten
    ");
}

/// The bot's key is listed and a grant made (#1), people decide two cases, and the grant lets two pass.
fn granted() -> World {
    let mut world = World::new(&[]);
    let (key, public) = world.new_key("bot");
    world.key = Some(key);
    let governance = &shipped_rules()["rules/governance.yaml"];
    let governance = format!("{governance}\nsigning:\n  keys:\n    - {public}\n");
    let grant = GRANT
        .replace("decided: 4", "decided: 2")
        .replace("50 %", "30 %");
    let files = [
        ("rules/governance.yaml", governance.as_str()),
        ("rules/autonomy.yaml", grant.as_str()),
    ];
    world.branch("govern/grant", "bob@example.org", &files, "Grant");
    world.run();
    world.review(1, "carol", Opinion::Approve, JUSTIFICATION);
    world.run();
    for number in 2..=5 {
        let value = ["4", "4.5"][number % 2];
        let body = MEDIUM.replace("stop_loss_pct: 4", &format!("stop_loss_pct: {value}"));
        world.wait(TimeDelta::hours(1));
        world.propose("strategy-optimizer", &body);
        world.run();
        if number <= 3 {
            world.review(
                number.try_into().unwrap(),
                "alice",
                Opinion::Approve,
                "Fine.",
            );
            world.run();
        }
    }
    world
}

#[test]
fn a_draw_that_is_not_the_keys_own_is_found() {
    let world = granted();
    assert_eq!(told(&world.verify()), "");
    let line = world.line();
    let tip = *line.last().unwrap();
    let decided: Vec<usize> = (0..line.len())
        .filter(|place| world.subjects()[*place].starts_with("decision:"))
        .collect();
    let read = |place: usize| {
        let path = world.decision(place);
        let bytes = world
            .repo
            .read_path(world.repo.read_commit(tip).unwrap().tree, &path);
        String::from_utf8(bytes.unwrap().unwrap().to_vec()).unwrap()
    };
    let draw_of = |place: usize| {
        let text = read(place);
        let from = text.find("  draw: ").unwrap();
        let to = text[from..].find("  reason: ").unwrap();
        text[from..from + to].to_owned()
    };
    let [first, second] = [decided[2], decided[3]];
    let (of_first, of_second) = (draw_of(first), draw_of(second));
    // The draw of another number, which the same key made; and none at all.
    for draw in [of_first.as_str(), ""] {
        let forgery = edited(&world, second, &[(&of_second, draw)], None);
        let found = forging(&world, second, &forgery, FindingKind::WrongGrant);
        insta::allow_duplicates! {
            insta::assert_snapshot!(redact(&told(&found)), @"
            [commit]: unsigned: it is not signed, but the rules of its parent ask for the bot's signature
            [commit]: wrong_grant: recommendations/[date]/[id]/decision.yaml:62: `grant` is not what it is when computed again: grant tuning is earned for modify_parameters by strategy-optimizer in live, but the key that draws its sample was not at hand
            [commit]: not_enough_approvals: it was merged, but 0 of its approvals count, and 1 of role reviewer are needed
            [commit]: unsigned: it is not signed, but the rules of its parent ask for the bot's signature
            ");
        }
        point(&world.repo, MAIN, tip);
    }
}
