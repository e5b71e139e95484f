//! What verify says of genesis, rules, claims, outcomes, feedback, freezes and changes of governance, word by word:
//! one row for each forgery, all of them on one honest trail.

use chrono::TimeDelta;
use countersign::domain::ids::{CaseId, Sha};
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::{every_event, one_of_each};
use super::world::{Edit, Forgery, World, point, replace};
use super::{edited, finds, told};

const STRANGE: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Forges the commit at a place, looks for the words at the place where it must be found, and takes it back.
#[track_caller]
fn check(
    world: &World,
    (place, forgery): (usize, Forgery),
    (found_at, kind): (usize, FindingKind),
    words: &str,
) {
    let honest = *world.line().last().unwrap();
    let line = world.forge(place, &forgery);
    let found = world.verify();
    finds(&found, line[found_at], kind);
    assert!(told(&found).contains(words), "{words}:\n{}", told(&found));
    point(&world.repo, MAIN, honest);
}

fn with_files(files: Vec<(String, Edit)>) -> Forgery {
    Forgery {
        files,
        ..Forgery::default()
    }
}

fn saying(from: &str, to: &str) -> Forgery {
    Forgery {
        message: Some((from.to_owned(), to.to_owned())),
        ..Forgery::default()
    }
}

/// The record of this name in the folder of the case at a place.
fn record(world: &World, place: usize, name: &str) -> String {
    format!("{}/{name}", world.case_folder(place))
}

#[test]
fn a_trail_begins_once_and_with_nothing_decided() {
    let world = one_of_each();
    let early = format!("recommendations/2026/11/01/00/{STRANGE}/recommendation.yaml");
    check(
        &world,
        (0, saying("Event: genesis", "Event: freeze")),
        (0, FindingKind::NoGenesis),
        "the trail does not begin with a genesis",
    );
    check(
        &world,
        (
            0,
            with_files(vec![(early.clone(), Edit::Put("early\n".to_owned()))]),
        ),
        (0, FindingKind::UnexpectedChange),
        &format!("`{early}` is there from the beginning, without a decision"),
    );
    check(
        &world,
        (
            0,
            with_files(vec![replace("rules/governance.yaml", "mode: ", "mod: ")]),
        ),
        (0, FindingKind::UnreadableDocument),
        "rules/governance.yaml:",
    );
    let genesis = world.repo.read_commit(world.line()[0]).unwrap().message;
    let again = world.append(&genesis, &[], None);
    let found = world.verify();
    finds(&found, again, FindingKind::SecondGenesis);
}

#[test]
fn every_commit_says_of_which_case_it_is() {
    let world = every_event();
    let feedback = world.place("feedback: dana");
    let id = world
        .case_folder(feedback)
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let remark = format!(
        "{}/feedback/01M72XEFD00000000000000007.yaml",
        world.case_folder(feedback)
    );
    check(
        &world,
        (3, saying("Recommendation: ", "Recommended: ")),
        (3, FindingKind::Unexplained),
        "its trailers say `Event: decision`, but not of which case",
    );
    check(
        &world,
        (
            feedback,
            Forgery {
                files: vec![(remark.clone(), Edit::Remove)],
                ..Forgery::default()
            },
        ),
        (feedback, FindingKind::MissingChange),
        "it adds no feedback in `recommendations/",
    );
    check(
        &world,
        (
            feedback,
            with_files(vec![replace(
                &remark,
                &format!("recommendation: {id}"),
                &format!("recommendation: {STRANGE}"),
            )]),
        ),
        (feedback, FindingKind::Misplaced),
        &format!("is feedback `01M72XEFD00000000000000007` on `{STRANGE}`"),
    );
    let text = world.git(&[], "", &["show", &format!("main:{remark}")]);
    let message = world
        .repo
        .read_commit(world.line()[feedback])
        .unwrap()
        .message;
    let folder = STRANGE.parse::<CaseId>().unwrap().folder().to_string();
    let place = format!("recommendations/{folder}/feedback/01M72XEFD00000000000000007.yaml");
    let moved = Edit::Put(format!("{}\n", text.replace(&id, STRANGE)));
    let forged = world.append(&message.replace(&id, STRANGE), &[(place, moved)], None);
    let found = world.verify();
    finds(&found, forged, FindingKind::WithoutDecision);
    let words = format!(
        "nothing was decided about `{STRANGE}` before: there is no `recommendations/{folder}/recommendation.yaml`"
    );
    assert!(told(&found).contains(&words), "{}", told(&found));
}

#[test]
fn what_a_decision_was_made_from_can_be_read() {
    let world = one_of_each();
    let decision = world.decision(3);
    let large = format!("# {}\nschema: ", "x".repeat(64 * 1024));
    check(
        &world,
        (
            2,
            with_files(vec![replace("rules/governance.yaml", "mode: ", "mod: ")]),
        ),
        (3, FindingKind::UnreadableDocument),
        "the rules that it was decided by cannot be read: rules/governance.yaml:",
    );
    check(
        &world,
        (
            2,
            with_files(vec![(
                "targets/rsi-eurusd.yaml".to_owned(),
                Edit::Put("- nothing\n".to_owned()),
            )]),
        ),
        (3, FindingKind::UnreadableDocument),
        "it was decided on what cannot be read: targets/rsi-eurusd.yaml:1",
    );
    check(
        &world,
        (
            2,
            with_files(vec![replace(
                "rules/agents.yaml",
                "      - modify_parameters\n",
                "",
            )]),
        ),
        (3, FindingKind::InvalidProposal),
        "`strategy-optimizer` may not propose `modify_parameters`",
    );
    check(
        &world,
        (3, with_files(vec![replace(&decision, "schema: ", &large)])),
        (3, FindingKind::UnreadableDocument),
        &format!("{decision}: larger than any document may be (64 KiB)"),
    );
    check(
        &world,
        (3, with_files(vec![(decision.clone(), Edit::Run)])),
        (3, FindingKind::WrongFileMode),
        &format!("`{decision}` has the mode 100755, expected a regular file (100644)"),
    );
}

#[test]
fn what_was_merged_has_the_status_that_the_gate_gives() {
    let world = one_of_each();
    let rejection = "ignored: []\nrejection:\n  by: bob\n  account:\n    login: bob\n  category: bad_timing\n  reason: Not now.\n  at: 2026-11-02T09:05:00Z\n";
    check(
        &world,
        (
            3,
            edited(
                &world,
                3,
                &[("status: approved", "status: auto_approved")],
                Some(("Decision: approved", "Decision: auto_approved")),
            ),
        ),
        (3, FindingKind::WrongStatus),
        "/decision.yaml:3: `status` is auto_approved, but the gate says approved",
    );
    check(
        &world,
        (3, edited(&world, 3, &[("ignored: []\n", rejection)], None)),
        (3, FindingKind::WrongStatus),
        "/decision.yaml:3: `status` is approved, but it was rejected or withdrawn",
    );
    check(
        &world,
        (
            1,
            Forgery {
                later: TimeDelta::seconds(1),
                ..Forgery::default()
            },
        ),
        (3, FindingKind::CutOrRewritten),
        "an event that is no longer on the trail: what comes before was rewritten",
    );
}

#[test]
fn claims_and_outcomes_are_of_their_case_and_executor() {
    let world = every_event();
    let claim = world.place("claim:");
    let claimed = record(&world, claim, "claim.yaml");
    let id = world
        .case_folder(claim)
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let external = world.place("outcome: failure of rebalance");
    let outcome = record(&world, external, "outcome.yaml");
    let started = "started_at: 2026-11-10T14:23:00Z";
    check(
        &world,
        (
            claim,
            with_files(vec![replace(
                &claimed,
                &format!("id: {id}"),
                &format!("id: {STRANGE}"),
            )]),
        ),
        (claim, FindingKind::Misplaced),
        &format!("{claimed}:2: `id` is `{STRANGE}`, not the case of its folder"),
    );
    check(
        &world,
        (
            claim,
            Forgery {
                message: Some(("Executor: command".to_owned(), "Executor: http".to_owned())),
                ..with_files(vec![replace(
                    &claimed,
                    "executor: command",
                    "executor: http",
                )])
            },
        ),
        (claim, FindingKind::WrongExecutor),
        &format!("{claimed}:3: `executor` is http, but the rules let command carry out `notify`"),
    );
    check(
        &world,
        (
            external,
            with_files(vec![replace(&outcome, "attempt: 1", "attempt: 2")]),
        ),
        (external, FindingKind::Misplaced),
        "is attempt 2 of `",
    );
    check(
        &world,
        (
            external,
            with_files(vec![replace(
                &outcome,
                started,
                "started_at: 2026-11-10T15:23:00Z",
            )]),
        ),
        (external, FindingKind::WrongTime),
        &format!("{outcome}:5: `started_at` is later than its end"),
    );
}

#[test]
fn what_the_bot_did_itself_is_done_again() {
    let world = one_of_each();
    let outcome = record(&world, 4, "outcome.yaml");
    let freeze = "schema: countersign/freeze/v1\nby: alice\nreason: prices are wrong\nat: 2026-11-02T09:07:00Z\n";
    let (files, reported) = (
        "details:\n  files:\n  - targets/rsi-eurusd.yaml\n",
        "reported_by: countersign",
    );
    check(
        &world,
        (
            4,
            Forgery {
                message: Some(("By: countersign".to_owned(), "By: alice".to_owned())),
                ..with_files(vec![replace(&outcome, reported, "reported_by: alice")])
            },
        ),
        (4, FindingKind::WrongOutcome),
        "is `alice`, but only the bot itself does this",
    );
    check(
        &world,
        (
            3,
            with_files(vec![(
                "freeze.yaml".to_owned(),
                Edit::Put(freeze.to_owned()),
            )]),
        ),
        (4, FindingKind::WhileFrozen),
        "it was executed while everything was frozen",
    );
    check(
        &world,
        (
            3,
            with_files(vec![(
                "targets/rsi-eurusd.yaml".to_owned(),
                Edit::Put("- nothing\n".to_owned()),
            )]),
        ),
        (4, FindingKind::UnreadableDocument),
        "it was executed on a target that cannot be read: targets/rsi-eurusd.yaml:1",
    );
    check(
        &world,
        (
            4,
            with_files(vec![replace(
                &outcome,
                "success: true\n",
                "success: true\nerror: refused\n",
            )]),
        ),
        (4, FindingKind::WrongOutcome),
        "`error` is not the one that is computed again",
    );
    check(
        &world,
        (4, with_files(vec![replace(&outcome, files, "")])),
        (4, FindingKind::WrongOutcome),
        "does not name the files that it changes",
    );
}

#[test]
fn a_freeze_is_made_and_lifted_but_never_edited() {
    let world = every_event();
    let (stops, lets) = (
        world.place("freeze: alice"),
        world.place("unfreeze: by carol"),
    );
    let text = world.git(
        &[],
        "",
        &["show", &format!("{}:freeze.yaml", world.line()[stops])],
    );
    let edited = text.replace("prices are wrong", "prices are right");
    check(
        &world,
        (
            lets,
            with_files(vec![("freeze.yaml".to_owned(), Edit::Put(edited))]),
        ),
        (lets, FindingKind::EditedRecord),
        "`freeze.yaml` is changed: a freeze is lifted and made anew, never edited",
    );
    check(
        &world,
        (lets, saying("By: carol", "By: nobody at all")),
        (lets, FindingKind::WrongMessage),
        "the trailer `By` does not say who lifts the freeze",
    );
}

/// What bob's branch at a place becomes with other changes, and the decision that names and merges it.
fn governing(world: &World, place: usize, changes: &[(String, Edit)]) -> Forgery {
    let decided = world.repo.read_commit(world.line()[place]).unwrap();
    let head = world.repo.read_commit(decided.parents[1]).unwrap();
    let tree = world.forged_tree(head.tree, changes);
    let other: Sha = world.commit_tree(
        &tree,
        &head.parents,
        ("Let analysts notify", &head.committer),
        (TimeDelta::zero(), None),
    );
    let mut files = changes.to_vec();
    files.push(replace(
        world.decision(place),
        &format!("head: {}", head.id),
        &format!("head: {other}"),
    ));
    Forgery {
        merges: Some(vec![other]),
        ..with_files(files)
    }
}

#[test]
fn a_governance_change_is_a_decision_about_rules_alone() {
    let world = every_event();
    let place = world.place("governance: approve");
    let decision = world.decision(place);
    let case = decision.rsplit('/').nth(1).unwrap();
    let broken = replace("rules/actions.yaml", "effect: none", "effect: magic");
    check(
        &world,
        (place, governing(&world, place, &[broken])),
        (place, FindingKind::InvalidProposal),
        "the bot refuses this: rules/actions.yaml:",
    );
    let harmless = ("README.md".to_owned(), Edit::Put("read me\n".to_owned()));
    check(
        &world,
        (
            place,
            governing(&world, place, std::slice::from_ref(&harmless)),
        ),
        (place, FindingKind::Misplaced),
        &format!("`id` is `{case}`, which does not follow from its pull request and its folder"),
    );
    let record = format!("{}/recommendation.yaml", world.case_folder(1));
    let edit = replace(&record, "stop_loss_pct: 1.5", "stop_loss_pct: 1.6");
    check(
        &world,
        (place, governing(&world, place, &[edit])),
        (place, FindingKind::InvalidProposal),
        "a recommendation and a governance change in one pull request",
    );
    let about = world.git(&[], "", &["rev-parse", &format!("main:{record}")]);
    let more = "rules:\n  commit: ";
    let named = format!("recommendation: {about}\n{more}");
    check(
        &world,
        (place, edited(&world, place, &[(more, &named)], None)),
        (place, FindingKind::Misplaced),
        "`recommendation`: a governance change decides no recommendation",
    );
    let overwritten = governing(&world, place, &[harmless]);
    world.forge(
        place - 1,
        &with_files(vec![(
            "README.md".to_owned(),
            Edit::Put("before\n".to_owned()),
        )]),
    );
    check(
        &world,
        (place, overwritten),
        (place, FindingKind::InvalidProposal),
        "README.md: was changed on `main` in the meantime: bring the branch up to date",
    );
}
