//! A history that was rewritten: commits dropped, squashed, reordered, re-dated, forged, and trees with
//! more in them.

use chrono::TimeDelta;
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::{every_event, one_of_each};
use super::world::{Edit, Forgery, point, replace};
use super::{edited, finds, forging, told};

#[test]
fn rules_changed_in_the_past_do_not_fit_the_decisions() {
    let softened = replace("rules/governance.yaml", "low_up_to: 30", "low_up_to: 60");
    let world = one_of_each();
    let line = world.forge(
        0,
        &Forgery {
            files: vec![softened.clone()],
            ..Forgery::default()
        },
    );
    let found = world.verify();
    finds(&found, line[1], FindingKind::WrongRules);
    finds(&found, line[3], FindingKind::WrongLevel);
    let world = one_of_each();
    let found = forging(
        &world,
        2,
        &Forgery {
            files: vec![softened],
            ..Forgery::default()
        },
        FindingKind::UnexpectedChange,
    );
    assert!(
        told(&found)
            .contains("`rules/governance.yaml` is changed, which this event does not explain"),
        "{}",
        told(&found)
    );
}

#[test]
fn a_dropped_commit_leaves_its_changes_behind() {
    let world = one_of_each();
    let line = world.forge(
        2,
        &Forgery {
            drop: true,
            ..Forgery::default()
        },
    );
    let found = world.verify();
    finds(&found, line[1], FindingKind::MissingOutcome);
    finds(&found, line[2], FindingKind::UnexpectedChange);
}

#[test]
fn squashed_commits_do_more_than_one_event() {
    let world = one_of_each();
    let line = world.forge(
        1,
        &Forgery {
            drop: true,
            ..Forgery::default()
        },
    );
    finds(&world.verify(), line[1], FindingKind::UnexpectedChange);
    finds(&world.verify(), line[1], FindingKind::WithoutDecision);
}

#[test]
fn reordered_commits_stand_on_others() {
    let world = every_event();
    let (first, second) = (
        world.place("decision: withdraw"),
        world.place("decision: expire"),
    );
    assert_eq!(first + 1, second);
    let line = world.line();
    let base = world.repo.read_commit(line[first - 1]).unwrap();
    let (one, two) = (
        world.repo.read_commit(line[first]).unwrap(),
        world.repo.read_commit(line[second]).unwrap(),
    );
    let expired = world.case_folder(second);
    let files: Vec<(String, Edit)> = ["decision.yaml", "recommendation.yaml"]
        .map(|name| {
            let path = format!("{expired}/{name}");
            let text = String::from_utf8(
                world
                    .repo
                    .read_path(two.tree, &path)
                    .unwrap()
                    .unwrap()
                    .to_vec(),
            )
            .unwrap();
            (path, Edit::Put(text))
        })
        .into();
    let between = world.forged_tree(base.tree, &files);
    let early = world.commit_tree(
        &between,
        &[base.id],
        (&two.message, &two.committer),
        (TimeDelta::zero(), None),
    );
    let late = world.commit_tree(
        &two.tree.to_string(),
        &[early],
        (&one.message, &one.committer),
        (TimeDelta::zero(), None),
    );
    point(&world.repo, MAIN, late);
    let found = world.verify();
    finds(&found, early, FindingKind::WrongBase);
    finds(&found, late, FindingKind::WrongBase);
    finds(&found, late, FindingKind::TimeRunsBackwards);
}

#[test]
fn a_re_dated_commit_contradicts_its_record_or_its_neighbours() {
    let world = one_of_each();
    forging(
        &world,
        3,
        &Forgery {
            later: TimeDelta::minutes(1),
            ..Forgery::default()
        },
        FindingKind::WrongTime,
    );
    let world = one_of_each();
    let mut forgery = edited(
        &world,
        5,
        &[(
            "decided_at: 2026-11-02T10:14:00Z",
            "decided_at: 2026-11-02T08:14:00Z",
        )],
        None,
    );
    forgery.later = TimeDelta::hours(-2);
    let found = forging(&world, 5, &forgery, FindingKind::TimeRunsBackwards);
    finds(&found, world.line()[5], FindingKind::WrongTime);
}

#[test]
fn a_forged_commit_of_the_bot_has_no_record() {
    let world = one_of_each();
    let message = world.repo.read_commit(world.line()[3]).unwrap().message;
    let forged = world.append(&message.replace("000002\n", "000009\n"), &[], None);
    finds(&world.verify(), forged, FindingKind::MissingChange);
    let world = one_of_each();
    let forged = world.append(
        "chore: tidy up",
        &[replace(
            "targets/rsi-eurusd.yaml",
            "stop_loss_pct: 4",
            "stop_loss_pct: 40",
        )],
        None,
    );
    finds(&world.verify(), forged, FindingKind::Unexplained);
    finds(&world.verify(), forged, FindingKind::UnexpectedChange);
}

#[test]
fn a_foreign_commit_on_main_is_named() {
    let world = one_of_each();
    let forged = world.append(
        "hotfix",
        &[("README.md".to_owned(), Edit::Put("hello\n".to_owned()))],
        Some("mallory@example.org"),
    );
    let found = world.verify();
    finds(&found, forged, FindingKind::ForeignIdentity);
    finds(&found, forged, FindingKind::Unexplained);
}

#[test]
fn records_are_never_edited_or_removed() {
    for name in ["decision.yaml", "recommendation.yaml"] {
        let world = one_of_each();
        let path = format!("{}/{name}", world.case_folder(1));
        forging(
            &world,
            4,
            &Forgery {
                files: vec![(path, Edit::Remove)],
                ..Forgery::default()
            },
            FindingKind::EditedRecord,
        );
        let world = one_of_each();
        let path = format!("{}/{name}", world.case_folder(1));
        let files = vec![replace(path, "rsi-eurusd-draft", "rsi-eurusd")];
        let files = if name == "decision.yaml" {
            vec![replace(
                world.decision(1),
                "status: auto_approved",
                "status: rejected",
            )]
        } else {
            files
        };
        forging(
            &world,
            4,
            &Forgery {
                files,
                ..Forgery::default()
            },
            FindingKind::EditedRecord,
        );
    }
}

#[test]
fn targets_change_only_as_approved() {
    let world = every_event();
    let place = world.place("feedback: dana");
    let sneaky = replace(
        "targets/rsi-eurusd.yaml",
        "stop_loss_pct: 4",
        "stop_loss_pct: 40",
    );
    forging(
        &world,
        place,
        &Forgery {
            files: vec![sneaky],
            ..Forgery::default()
        },
        FindingKind::UnexpectedChange,
    );
    let world = one_of_each();
    let bolder = replace(
        "targets/rsi-eurusd.yaml",
        "stop_loss_pct: 4",
        "stop_loss_pct: 40",
    );
    let found = forging(
        &world,
        4,
        &Forgery {
            files: vec![bolder],
            ..Forgery::default()
        },
        FindingKind::WrongOutcome,
    );
    assert!(
        told(&found).contains("becomes something else than what was approved"),
        "{}",
        told(&found)
    );
    let world = one_of_each();
    let undone = replace(
        "targets/rsi-eurusd.yaml",
        "stop_loss_pct: 4",
        "stop_loss_pct: 3.0",
    );
    forging(
        &world,
        4,
        &Forgery {
            files: vec![undone],
            ..Forgery::default()
        },
        FindingKind::WrongOutcome,
    );
}

#[test]
fn a_merge_smuggles_nothing_in() {
    let world = one_of_each();
    let extra = (
        "rules/tests/extra.yaml".to_owned(),
        Edit::Put("x: 1\n".to_owned()),
    );
    forging(
        &world,
        3,
        &Forgery {
            files: vec![extra],
            ..Forgery::default()
        },
        FindingKind::UnexpectedChange,
    );
}

#[test]
fn a_merge_is_of_the_head_that_was_decided() {
    let world = one_of_each();
    let other = world.repo.read_commit(world.line()[1]).unwrap().parents[1];
    forging(
        &world,
        3,
        &Forgery {
            merges: Some(vec![other]),
            ..Forgery::default()
        },
        FindingKind::WrongParents,
    );
    let world = one_of_each();
    let head = world.repo.read_commit(world.line()[3]).unwrap().parents[1];
    let other = world.repo.read_commit(world.line()[1]).unwrap().parents[1];
    let mut forgery = edited(&world, 3, &[(&head.to_string(), &other.to_string())], None);
    forgery.merges = Some(vec![other]);
    forging(&world, 3, &forgery, FindingKind::InvalidProposal);
    let world = one_of_each();
    forging(
        &world,
        3,
        &Forgery {
            merges: Some(Vec::new()),
            ..Forgery::default()
        },
        FindingKind::WrongParents,
    );
}
