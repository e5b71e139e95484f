//! What is on record of the cases of an agent is what happened, and nothing that somebody with the bot's name writes.

use countersign::ledger::verify::FindingKind;

use super::story::one_of_each;
use super::world::{Edit, Forgery, replace};
use super::{edited, forging, told};
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
