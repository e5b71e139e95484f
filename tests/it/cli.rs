//! The command line as its users meet it: exit statuses, what goes to which stream, the JSON shapes, and
//! the ways in which things go wrong.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{COUNTERSIGN, Ran, TestRepo, clean, redact};
use serde_json::Value as Json;

const TUNE_LIVE: [&str; 9] = [
    "propose",
    "--agent",
    "strategy-optimizer",
    "--action",
    "modify_parameters",
    "--target",
    "rsi-eurusd",
    "--set",
    "stop_loss_pct=4",
];

/// A command outside of any repository, with no settings of anybody's.
fn bare(folder: &std::path::Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(COUNTERSIGN);
    command
        .current_dir(folder)
        .args(arguments)
        .env("NO_COLOR", "1");
    command
        .env_remove("COUNTERSIGN_REPO")
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder);
    clean(&mut command, "nobody@example.org");
    Ran::of(&command.output().unwrap())
}

fn keys(json: &Json) -> Vec<&str> {
    let mut keys: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

#[track_caller]
fn has_keys(json: &Json, wanted: &[&str]) {
    for key in wanted {
        assert!(
            json.get(key).is_some(),
            "`{key}` is missing in {:?}",
            keys(json)
        );
    }
}

/// An error in one line with backticks, then a hint; nothing on standard output.
#[track_caller]
fn fails_with(ran: &Ran, error: &str, hint: &str) {
    assert_eq!(ran.status, 1, "{}", ran.text());
    assert_eq!(ran.stdout, "", "an error is no result");
    let mut lines = ran.stderr.lines();
    assert_eq!(
        lines.next(),
        Some(format!("error: {error}").as_str()),
        "{}",
        ran.stderr
    );
    assert_eq!(
        lines.next(),
        Some(format!("hint: {hint}").as_str()),
        "{}",
        ran.stderr
    );
}

/// Every key of a case in a list.
const LISTED: &[&str] = &[
    "action",
    "agent",
    "approved_by",
    "category",
    "confidence",
    "decided_at",
    "decided_by",
    "executed",
    "executor",
    "factors",
    "feedback",
    "id",
    "kind",
    "level",
    "number",
    "opened_at",
    "outcome",
    "outcome_at",
    "rejected_by",
    "rescored_at",
    "score",
    "session",
    "status",
    "success",
    "targets",
    "triggers",
];

#[test]
fn a_whole_case_in_json() {
    let mut stage = TestRepo::example();
    let propose = [
        TUNE_LIVE.as_slice(),
        &["--rationale", "Wider.", "--format", "json"],
    ]
    .concat();
    let opened = stage.countersign(&propose).succeeds().json();
    assert_eq!(keys(&opened), ["branch", "head", "id", "number"]);
    let id = opened["id"].as_str().unwrap();
    assert_eq!(opened["branch"], format!("recommend/{id}"));

    let listed = stage
        .countersign(&["list", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(listed[0]["id"], id);
    assert_eq!(listed[0]["number"], 1);
    assert_eq!(listed[0]["status"], "pending");
    assert_eq!(listed[0]["score"], 55.0);
    assert_eq!(listed[0]["level"], "MEDIUM");

    let ran = stage
        .countersign(&["run", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(keys(&ran), ["executed", "handled", "rescored"]);
    has_keys(
        &ran["handled"][0],
        &["number", "id", "status", "state", "title"],
    );
    assert_eq!(ran["handled"][0]["status"], "pending");

    let review = ["review", "1", "--as", "alice", "--approve"];
    let reviewed = stage
        .countersign(&[review.as_slice(), &["--format", "json"]].concat())
        .succeeds()
        .json();
    assert_eq!(reviewed["counts"], true);
    stage.run();
    stage
        .countersign(&[
            "feedback",
            "1",
            "--as",
            "bob",
            "--message",
            "Worked out well.",
        ])
        .succeeds();

    let shown = stage
        .countersign(&["show", id, "--format", "json"])
        .succeeds()
        .json();
    has_keys(
        &shown,
        &[
            "recommendation",
            "decision",
            "outcome",
            "feedback",
            "pull",
            "commits",
        ],
    );
    assert_eq!(shown["recommendation"]["changes"]["stop_loss_pct"], 4);
    assert_eq!(shown["decision"]["approvals"][0]["by"], "alice");
    assert_eq!(shown["feedback"][0]["message"], "Worked out well.");
    assert_eq!(keys(&shown["pull"]), ["branch", "head", "number", "state"]);
    assert_eq!(shown["pull"]["state"], "merged");
    assert_eq!(shown["commits"].as_array().unwrap().len(), 3);

    let listed = stage
        .countersign(&["list", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(keys(&listed[0]), LISTED);
    assert_eq!(listed[0]["decided_by"], "alice");
    assert_eq!(listed[0]["approved_by"], serde_json::json!(["alice"]));
    assert_eq!(listed[0]["rejected_by"], serde_json::Value::Null);
    assert_eq!(listed[0]["success"], true);
    assert_eq!(listed[0]["factors"]["environment"], 40.0);
    assert_eq!(listed[0]["executor"], "apply");
    assert_eq!(listed[0]["feedback"], 1);
    stage.read_all();
}

#[test]
fn the_first_proposal_of_the_readme_is_told_what_would_help() {
    let stage = TestRepo::example();
    let body = "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}";
    let (_, text) = stage.recommendation("strategy-optimizer", body);
    let file = stage.folder("proposal.yaml");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        stage.countersign(&["check", file]).succeeds().stdout,
        "\
MEDIUM RISK (score 55.00)

This is MEDIUM risk because:
  +40.00 environment: live (targets/rsi-eurusd.yaml): counts as production
  +15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate
  +0.00 scope: 1 target (recommendation.yaml): single entity
  +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible

To make it less risky:
  stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)

It needs the approval of a reviewer.
"
    );
    let json = stage.countersign(&["check", file, "--format", "json"]);
    assert_eq!(
        json.succeeds().json()["reduce"],
        serde_json::json!([{
            "edits": {"stop_loss_pct": 2, "targets": ["rsi-eurusd-paper"]},
            "score": 20.0,
            "level": "LOW",
            "note": "on one rehearsal target first",
        }])
    );
}

#[test]
fn a_trigger_to_medium_is_shown_as_one() {
    let mut stage = TestRepo::example();
    let body = "action: delete_strategy\ntargets: [rsi-eurusd-draft]";
    let id = stage.propose("strategy-optimizer", "a", body);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 50.00: needs 1 approval by a reviewer

    **delete_strategy** on `rsi-eurusd-draft`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd-draft (inactive)
    ```

    **MEDIUM RISK (score 50.00)**

    This is MEDIUM risk because:

    - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
    - `+0.00 parameters: no change (recommendation.yaml): nothing changes`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+10.00 reversibility: irreversible (rules/actions.yaml): delete_strategy is irreversible`
    - `lifts to at least MEDIUM 50.00, irreversible: delete_strategy cannot be undone (no edit removes this)`

    No edit that was tried makes it less risky.

    It needs the approval of a reviewer.

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    stage.approve(1, "bob");
    stage.run();
    let shown = stage.countersign(&["show", "1"]).succeeds().stdout;
    insta::assert_snapshot!(redact(&shown), @"
    [id]  approved
    pull request #1 (merged), branch recommend/a at [commit]

    delete_strategy, proposed by strategy-optimizer in session story-1 on [time]
      target rsi-eurusd-draft (inactive)

    MEDIUM RISK, score 50.00
      +0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points
      +0.00 parameters: no change (recommendation.yaml): nothing changes
      +0.00 scope: 1 target (recommendation.yaml): single entity
      +10.00 reversibility: irreversible (rules/actions.yaml): delete_strategy is irreversible
      lifts to at least MEDIUM 50.00, irreversible: delete_strategy cannot be undone

    Decision: approved on [time], in mode two_tier, by the rules of [commit]
      approved by bob (reviewer) on [time]

    What was said
      bob approved on [time], commit [commit]
      | I read it and agree with every line of it.

    Outcome: success on [time], executor apply, reported by countersign
      files: [targets/rsi-eurusd-draft.yaml]

    Commits on main
      [commit] [time]  decision: approve delete_strategy on rsi-eurusd-draft (MEDIUM 50.00)
      [commit] [time]  outcome: success of delete_strategy on rsi-eurusd-draft
    ");
    let json = stage.countersign(&["show", &id, "--format", "json"]);
    assert_eq!(
        json.succeeds().json()["decision"]["risk"]["triggers"],
        serde_json::json!([{
            "id": "irreversible",
            "reason": "delete_strategy cannot be undone",
            "then": {"level": "MEDIUM", "score": 50.0},
        }])
    );
    stage.countersign(&["verify"]).succeeds();
    stage.read_all();
}

#[test]
fn check_answers_yes_and_no() {
    let stage = TestRepo::example();
    let (_, text) = stage.recommendation(
        "strategy-optimizer",
        "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 8}",
    );
    let file_name = "proposal.yaml";
    let file = stage.folder(file_name);
    std::fs::write(&file, &text).unwrap();
    let yes = stage
        .countersign(&["check", file_name, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(
        keys(&yes),
        [
            "asks",
            "errors",
            "explanation",
            "reduce",
            "requires",
            "risk",
            "valid"
        ]
    );
    has_keys(&yes["risk"], &["score", "level", "factors", "triggers"]);
    assert_eq!(
        keys(&yes["risk"]["factors"][0]),
        [
            "contribution",
            "input",
            "name",
            "points",
            "reason",
            "source",
            "weight"
        ]
    );
    assert_eq!(
        yes["requires"],
        serde_json::json!({"role": "admin", "approvals": 1, "justification": true})
    );
    has_keys(&yes["reduce"][0], &["edits", "score", "level"]);
    let words = stage.countersign(&["check", file_name]).succeeds();
    insta::assert_snapshot!(redact(&words.stdout), @"
    HIGH RISK (score 75.00)

    This is HIGH risk because:
      +40.00 environment: live (targets/rsi-eurusd.yaml): counts as production
      +22.50 parameters: stop_loss_pct: 8 (rules/parameters.yaml): stop_loss_pct 8 is aggressive
      +0.00 scope: 1 target (recommendation.yaml): single entity
      +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible
      HIGH in any case, deviant_value: more than 2 standard deviations from the mean: stop_loss_pct

    To make it less risky:
      stop_loss_pct: 7 reaches MEDIUM 62.50
      stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)

    It needs the approval of an admin, with a justification.
    ");
    assert_eq!(words.stderr, "");

    std::fs::write(
        &file,
        text.replace("stop_loss_pct: 8", "stop_loss_pct: .nan"),
    )
    .unwrap();
    let no = stage
        .countersign(&["check", file_name, "--format", "json"])
        .exits(3)
        .json();
    assert_eq!(no["valid"], false);
    assert_eq!(no["risk"], Json::Null);
    assert_eq!(
        keys(&no["errors"][0]),
        ["column", "file", "key", "line", "message"]
    );
    let words = stage.countersign(&["check", file_name]).exits(3);
    insta::assert_snapshot!(redact(&words.stdout), @"
    INVALID

      proposal.yaml:8:26: changes.stop_loss_pct: expected a finite number, or text in quotes, found `.nan`
    ");

    let missing = stage.countersign(&["check", "no-such-file.yaml"]);
    fails_with(
        &missing,
        "cannot read `no-such-file.yaml`: no such file or directory",
        "`countersign new` writes a recommendation to start from",
    );
}

#[test]
fn check_and_propose_read_standard_input() {
    let mut stage = TestRepo::example();
    let (_, text) =
        stage.recommendation("market-analyst", "action: analyze\ntargets: [rsi-eurusd]");
    assert_cmd::Command::from_std(stage.command(&["check", "-"]))
        .write_stdin(text.clone())
        .assert()
        .code(0);
    assert_cmd::Command::from_std(stage.command(&["check", "-"]))
        .write_stdin(format!("{text}extra: 1\n"))
        .assert()
        .code(3);
    assert_cmd::Command::from_std(stage.command(&["propose", "--file", "-"]))
        .write_stdin(text)
        .assert()
        .code(0);
    stage.run();
    stage.read_all();
}

#[test]
fn an_id_from_the_future_is_invalid() {
    let mut stage = TestRepo::example();
    stage.wait(chrono::TimeDelta::hours(2));
    let (_, text) =
        stage.recommendation("market-analyst", "action: analyze\ntargets: [rsi-eurusd]");
    stage.wait(chrono::TimeDelta::hours(-2));
    std::fs::write(stage.folder("early.yaml"), text).unwrap();
    let no = stage.countersign(&["check", "early.yaml"]).exits(3);
    insta::assert_snapshot!(redact(&no.stdout), @"
    INVALID

      early.yaml:2:5: id: this id is from the future: take a fresh one with `countersign new`

    LOW RISK (score 0.00)

    This is LOW risk because:
      +0.00 environment: live (targets/rsi-eurusd.yaml): the action has no effect on its targets
      +0.00 parameters: no change (recommendation.yaml): nothing changes
      +0.00 scope: 1 target (recommendation.yaml): single entity
      +0.00 reversibility: easy (rules/actions.yaml): analyze has no effect to reverse

    It needs no approval.
    ");
}

#[test]
fn what_is_invalid_is_not_proposed() {
    let stage = TestRepo::example();
    let before = stage.git(&["for-each-ref"]);
    let refused = stage.countersign(&[
        "propose",
        "--agent",
        "market-analyst",
        "--action",
        "delete_strategy",
        "--target",
        "rsi-eurusd",
    ]);
    assert_eq!((refused.status, refused.stdout.as_str()), (3, ""));
    insta::assert_snapshot!(redact(&refused.stderr), @"
    error: the recommendation is invalid, so nothing was proposed:
    recommendations/[date]/[id]/recommendation.yaml:5:9: action: `market-analyst` may not propose `delete_strategy`: it may propose analyze, query_documentation; an admin can change that in `rules/agents.yaml`
    ");
    assert_eq!(stage.git(&["for-each-ref"]), before);
    let unknown = stage.countersign(&["propose", "--agent", "stranger", "--action", "analyze"]);
    assert_eq!(unknown.status, 1, "{}", unknown.text());
    assert_eq!(stage.git(&["for-each-ref"]), before);
}

#[test]
fn a_new_recommendation_needs_no_repository_and_is_valid() {
    let stage = TestRepo::example();
    let folder = stage.folder("");
    let new = [
        "new",
        "--agent",
        "strategy-optimizer",
        "--action",
        "modify_parameters",
        "--target",
        "rsi-eurusd",
        "--set",
        "stop_loss_pct=2.5",
        "stop_loss_enabled=true",
        "--expect",
        "stop_loss_pct=3.0",
        "--detail",
        "ticket=OPS-1",
        "--cite",
        "a=b, a study=https://example.org/?q=1",
        "--rationale",
        "two\nlines",
    ];
    let ran = bare(&folder, &new).succeeds();
    let path = ran
        .stdout
        .lines()
        .next()
        .unwrap()
        .strip_prefix("# ")
        .unwrap();
    assert!(
        path.starts_with("recommendations/2") && path.ends_with("/recommendation.yaml"),
        "{path}"
    );
    std::fs::write(stage.folder("new.yaml"), &ran.stdout).unwrap();
    stage
        .countersign(&["check", "new.yaml", "--format", "json"])
        .succeeds();
    insta::assert_snapshot!(redact(&ran.stdout), @"
    # recommendations/[date]/[id]/recommendation.yaml
    schema: countersign/recommendation/v1
    id: [id]
    agent: strategy-optimizer
    session: cli-[date]
    action: modify_parameters
    targets:
    - rsi-eurusd
    changes:
      stop_loss_enabled: true
      stop_loss_pct: 2.5
    rationale: |-
      two
      lines
    citations:
    - title: a=b, a study
      url: https://example.org/?q=1
    details:
      ticket: OPS-1
    expects:
      stop_loss_pct: 3.0
    created_at: [time]
    ");

    for (arguments, message) in [
        (
            ["--set", "stop_loss_pct"],
            "expected KEY=VALUE, such as `replicas=3`",
        ),
        (["--set", "Stop=1"], "is not a parameter name"),
        (["--cite", "only a title"], "expected 'TITLE=URL'"),
        (["--session", "with space"], "is not a session"),
    ] {
        let wrong = bare(
            &folder,
            &[
                ["new", "--agent", "a", "--action", "b"].as_slice(),
                &arguments,
            ]
            .concat(),
        );
        assert_eq!((wrong.status, wrong.stdout.as_str()), (2, ""));
        assert!(wrong.stderr.contains(message), "{}", wrong.stderr);
    }
    let twice = bare(
        &folder,
        &[
            "new", "--agent", "a", "--action", "b", "--set", "x=1", "x=2",
        ],
    );
    assert_eq!(twice.status, 2);
    assert!(twice.stderr.contains("given twice"), "{}", twice.stderr);
}

#[test]
fn without_a_governance_repository_the_hint_says_how_to_make_one() {
    let stage = TestRepo::example();
    let folder = stage.folder("");
    fails_with(
        &bare(&folder, &["list", "--repo", "nowhere"]),
        "there is no git repository at `nowhere`",
        "make one with `countersign init nowhere`, or name another with `--repo PATH|OWNER/NAME` or COUNTERSIGN_REPO",
    );
    crate::support::git(&folder, "a@example.org", &["init", "-q", "--bare", "empty"]);
    for command in ["list", "run"] {
        fails_with(
            &bare(&folder, &[command, "--repo", "empty"]),
            "this repository has no branch `main`, so it is no governance repository",
            "make one with `countersign init PATH`, or name another with `--repo PATH`",
        );
    }
}

#[test]
fn a_clone_can_be_read_and_not_written() {
    let mut stage = TestRepo::example();
    stage.propose(
        "strategy-optimizer",
        "a",
        "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 2}",
    );
    stage.run();
    stage.countersign(&TUNE_LIVE).succeeds();
    let clone = stage.folder("auditor");
    let (from, to) = (stage.repo.to_str().unwrap(), clone.to_str().unwrap());
    crate::support::git(
        &stage.folder(""),
        "a@example.org",
        &["clone", "-q", from, to],
    );
    let listed = stage
        .countersign(&["list", "--repo", to, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "no pending ones");
    let shown = stage.countersign(&["show", "1", "--repo", to]).succeeds();
    insta::assert_snapshot!(redact(&shown.stdout), @"
    [id]  auto_approved
    pull request #1 (merged), branch recommend/a at [commit]

    modify_parameters, proposed by strategy-optimizer in session story-1 on [time]
      target rsi-eurusd-draft (inactive)
        stop_loss_pct: 3.0 → 2

    LOW RISK, score 0.00
      +0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points
      +0.00 parameters: stop_loss_pct: 2 (rules/parameters.yaml): stop_loss_pct 2 is conservative
      +0.00 scope: 1 target (recommendation.yaml): single entity
      +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible

    Decision: auto_approved on [time], in mode two_tier, by the rules of [commit]
      nobody had to approve

    Outcome: success on [time], executor apply, reported by countersign
      files: [targets/rsi-eurusd-draft.yaml]

    Commits on main
      [commit] [time]  decision: approve modify_parameters on rsi-eurusd-draft (LOW 0.00)
      [commit] [time]  outcome: success of modify_parameters on rsi-eurusd-draft
    ");
    fails_with(
        &stage.countersign(&["show", "2", "--repo", to]),
        "there is no such decided case in this clone",
        "`countersign list` shows the decided ones; pending ones are known to the governance repository itself, not to a clone",
    );
    let run = stage.countersign(&["run", "--repo", to]);
    fails_with(
        &run,
        &format!("`{to}` is a clone with a working folder: it can only be read"),
        "name the bare governance repository itself with `--repo PATH`",
    );
    stage.run();
    stage.read_all();
}

#[test]
fn reviews_that_cannot_be_or_will_not_count_say_so() {
    let mut stage = TestRepo::example();
    stage.countersign(&TUNE_LIVE).succeeds();
    stage.run();
    fails_with(
        &stage.countersign(&["review", "1", "--as", "mallory", "--approve"]),
        "`mallory` is not listed in `rules/people.yaml`",
        "reviewers and admins are alice, bob, carol",
    );
    fails_with(
        &stage.countersign(&["review", "9", "--as", "alice", "--approve"]),
        "there is no pull request #9",
        "`countersign list --status pending` shows the open ones",
    );
    let dana = stage
        .countersign(&["review", "1", "--as", "dana", "--approve"])
        .succeeds();
    insta::assert_snapshot!(redact(&dana.stdout), @"recorded: approval of #1 at [commit]; it will not count: `dana` is the owner of the agent");
    let other = "0123456789012345678901234567890123456789";
    let head = stage.countersign(&["review", "1", "--as", "bob", "--approve", "--head", other]);
    assert_eq!((head.status, head.stdout.as_str()), (1, ""));
    insta::assert_snapshot!(redact(&head.stderr), @"
    error: there is no commit `[commit]` in this repository
    hint: `git rev-parse BRANCH` tells the commit of a branch; without --head the review is for the newest one
    ");
    let none = stage.countersign(&["review", "1", "--as", "bob"]).exits(2);
    insta::assert_snapshot!(redact(&none.stderr), @"
    error: the following required arguments were not provided:
      <--approve|--request-changes|--reject <CATEGORY>|--dismiss>

    Usage: countersign review --as <LOGIN> --repo <PATH|OWNER/NAME> <--approve|--request-changes|--reject <CATEGORY>|--dismiss> <NUMBER>

    For more information, try '--help'.
    ");
    stage
        .countersign(&["review", "1", "--as", "bob", "--reject", "nonsense"])
        .exits(2);
    stage
        .countersign(&[
            "review",
            "1",
            "--as",
            "bob",
            "--reject",
            "bad_timing",
            "--message",
            "Not\ntoday.",
        ])
        .succeeds();
    stage.run();
    let shown = stage
        .countersign(&["show", "1", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(shown["decision"]["rejection"]["reason"], "Not\ntoday.");
    fails_with(
        &stage.countersign(&["review", "1", "--as", "alice", "--approve"]),
        "pull request #1 has ended: nothing more can be said on it",
        "`countersign show NUMBER` tells how it ended; `countersign feedback` says something about it",
    );
    stage.read_all();
}

#[test]
fn a_dismissed_request_for_changes_blocks_no_more() {
    let mut stage = TestRepo::example();
    stage.countersign(&TUNE_LIVE).succeeds();
    stage
        .countersign(&["review", "1", "--as", "bob", "--request-changes"])
        .succeeds();
    let waits = stage
        .countersign(&["review", "1", "--as", "alice", "--approve"])
        .succeeds();
    insta::assert_snapshot!(redact(&waits.stdout), @"recorded: approval of #1 at [commit]; it still waits for bob, who requested changes");
    let merges = stage
        .countersign(&["review", "1", "--as", "bob", "--dismiss"])
        .succeeds();
    insta::assert_snapshot!(redact(&merges.stdout), @"recorded: dismissal of #1 at [commit]; `countersign run` merges it");
    let shown = stage.countersign(&["show", "1"]).succeeds();
    insta::assert_snapshot!(redact(&shown.stdout), @"
    [id]  pending
    pull request #1 (open), branch recommend/[id] at [commit]

    waiting: MEDIUM 55.00: the next run of the bot merges it

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    To make it less risky:

    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    It needs the approval of a reviewer.

    - approved by alice (reviewer)
    - not counted: the review of `bob`: it was dismissed

    What was said
      bob requested changes on [time], commit [commit]
      alice approved on [time], commit [commit]
      bob gave a review that was dismissed on [time], commit [commit]
    ");
    stage.run();
    stage.read_all();
}

#[test]
fn outcomes_are_reported_by_somebody() {
    let mut stage = TestRepo::example();
    stage.propose(
        "risk-manager",
        "a",
        "action: rebalance_portfolio\ntargets: [rsi-eurusd-draft]\nchanges: {position_size_pct: 1}",
    );
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 50.00: needs 1 approval by a reviewer

    **rebalance_portfolio** on `rsi-eurusd-draft`, proposed by `risk-manager` as `[id]`

    ```text
    target rsi-eurusd-draft (inactive)
      position_size_pct: unset → 1
    ```

    **MEDIUM RISK (score 50.00)**

    This is MEDIUM risk because:

    - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
    - `+0.00 parameters: position_size_pct: 1 (rules/parameters.yaml): position_size_pct 1 is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+10.00 reversibility: irreversible (rules/actions.yaml): rebalance_portfolio is irreversible`
    - `lifts to at least MEDIUM 50.00, irreversible: rebalance_portfolio cannot be undone (no edit removes this)`

    No edit that was tried makes it less risky.

    It needs the approval of a reviewer.

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    stage.approve(1, "alice");
    stage.run();
    let listed = stage
        .countersign(&["list", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(
        (&listed[0]["status"], &listed[0]["executed"]),
        (&Json::from("approved"), &Json::from(false))
    );
    let bot = stage.countersign(&["outcome", "1", "--success", "--as", "countersign"]);
    assert_eq!(bot.status, 1, "{}", bot.text());
    stage
        .countersign(&["outcome", "1", "--as", "dana"])
        .exits(2);
    let details = r#"{"orders": 3}"#;
    let reported = [
        "outcome",
        "1",
        "--failure",
        "--error",
        "broker said no",
        "--details",
        details,
        "--as",
        "dana",
    ];
    stage.countersign(&reported).succeeds();
    let shown = stage.countersign(&["show", "1"]).succeeds().stdout;
    insta::assert_snapshot!(redact(&shown), @"
    [id]  approved
    pull request #1 (merged), branch recommend/a at [commit]

    rebalance_portfolio, proposed by risk-manager in session story-1 on [time]
      target rsi-eurusd-draft (inactive)
        position_size_pct: unset → 1

    MEDIUM RISK, score 50.00
      +0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points
      +0.00 parameters: position_size_pct: 1 (rules/parameters.yaml): position_size_pct 1 is conservative
      +0.00 scope: 1 target (recommendation.yaml): single entity
      +10.00 reversibility: irreversible (rules/actions.yaml): rebalance_portfolio is irreversible
      lifts to at least MEDIUM 50.00, irreversible: rebalance_portfolio cannot be undone

    Decision: approved on [time], in mode two_tier, by the rules of [commit]
      approved by alice (reviewer) on [time]

    What was said
      alice approved on [time], commit [commit]
      | I read it and agree with every line of it.

    Outcome: failure on [time], executor external, reported by dana
      orders: 3
      | broker said no

    Commits on main
      [commit] [time]  decision: approve rebalance_portfolio on rsi-eurusd-draft (MEDIUM 50.00)
      [commit] [time]  outcome: failure of rebalance_portfolio on rsi-eurusd-draft
    ");
    let listed = stage
        .countersign(&["list", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(listed[0]["success"], false);
    stage.read_all();
}

#[test]
fn init_refuses_a_folder_in_use_and_a_repository_without_admin() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("used")).unwrap();
    std::fs::write(folder.path().join("used/file"), "x").unwrap();
    let used = bare(folder.path(), &["init", "used", "--example"]);
    assert_eq!(used.status, 1);
    insta::assert_snapshot!(redact(&used.stderr), @"error: cannot make a repository at `used`: the folder is not empty, choose a new one");
    let nobody = bare(folder.path(), &["init", "fresh"]);
    fails_with(
        &nobody,
        "a governance repository needs an admin, and git knows no name and e-mail address of yours",
        "name one with `--admin LOGIN=EMAIL`, or look around first with `--example`",
    );
    assert!(!folder.path().join("fresh").exists());
    std::fs::write(
        folder.path().join(".gitconfig"),
        "[user]\nname = Ann\nemail = ann.o+x@example.org\n",
    )
    .unwrap();
    let ann = bare(folder.path(), &["init", "fresh"]).succeeds();
    insta::assert_snapshot!(redact(&ann.stderr), @"warning: there is only one admin, and nobody approves their own change of the rules: begin again with a second `--admin LOGIN=EMAIL`, or with `--mode auto_approve`");
    let people = crate::support::git(
        &folder.path().join("fresh"),
        "a@example.org",
        &["show", "main:rules/people.yaml"],
    );
    assert!(
        people.contains(r#""ann.ox": {emails: ["ann.o+x@example.org"]}"#),
        "{people}"
    );
}

#[test]
fn an_admin_of_github_begins_with_the_id_of_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let people_of = |name: &str| {
        let path = folder.path().join(name);
        crate::support::git(&path, "a@example.org", &["show", "main:rules/people.yaml"])
    };
    let action = format!("acme/countersign@{}", "a".repeat(40));
    let carols = "13+carol@users.noreply.github.com";
    let (by_address, by_number) = (format!("carol={carols}"), "bob:12=bob@example.org");
    let mut given = vec!["init", "given", "--action", &action, "--admin", &by_address];
    given.extend(["--admin", by_number, "--admin", "ann=ann@example.org"]);
    let made = bare(folder.path(), &given).succeeds();
    let people = people_of("given");
    for line in [
        "  \"carol\": {id: 13, emails: [\"13+carol@users.noreply.github.com\"]}\n",
        "  \"bob\": {id: 12, emails: [\"bob@example.org\"]}\n",
        "  \"ann\": {emails: [\"ann@example.org\"]}\n",
    ] {
        assert!(people.contains(line), "{people}");
    }
    assert_eq!(
        made.stderr,
        "warning: on GitHub `ann` will not count without the numeric id of their account: begin again with \
         `--admin ann:ID=ann@example.org`; `gh api users/ann --jq .id` prints it\n"
    );
    let tested = bare(folder.path(), &["test", "--repo", "given"]).succeeds();
    let warning = "warning: rules/people.yaml: people.ann: has no `id`: on GitHub they do not count for HIGH and for changes of the \
                   rules unless a team holds them; `gh api users/ann --jq .id` prints it\n";
    assert!(tested.stdout.starts_with(warning), "{}", tested.stdout);
    assert_eq!(tested.stdout.matches("warning").count(), 1);
    let git = format!("[user]\nname = Carol\nemail = {carols}\n");
    std::fs::write(folder.path().join(".gitconfig"), git).unwrap();
    bare(folder.path(), &["init", "own"]).succeeds();
    let people = people_of("own");
    assert!(people.contains("  \"carol\": {id: 13, emails"), "{people}");
    // Rules that do not look like GitHub's are not warned of.
    bare(folder.path(), &["init", "local", "--example"]).succeeds();
    let tested = bare(folder.path(), &["test", "--repo", "local"]).succeeds();
    assert!(!tested.stdout.contains("warning"), "{}", tested.stdout);
}

#[test]
fn every_mode_begins_with_rules_that_pass_their_tests() {
    let folder = tempfile::tempdir().unwrap();
    let people = ["--admin", "a=a@example.org", "--admin", "b=b@example.org"];
    for mode in ["auto_approve", "high_only", "single_tier", "two_tier"] {
        for (name, options) in [("example", ["--example"].as_slice()), ("plain", &people)] {
            let path = format!("{mode}-{name}");
            let init = [["init", &path, "--mode", mode].as_slice(), options].concat();
            let made = bare(folder.path(), &init).succeeds();
            assert_eq!(made.stderr, "");
            let tested = bare(
                folder.path(),
                &["test", "--repo", &path, "--format", "json"],
            )
            .succeeds()
            .json();
            assert_eq!(tested["ok"], true);
            assert!(tested["tests"].as_u64().unwrap() > 50);
            crate::support::git(
                &folder.path().join(&path),
                "a@example.org",
                &["fsck", "--strict"],
            );
        }
    }
}

#[test]
fn only_proposals_come_in_by_a_push() {
    let stage = TestRepo::example();
    let clone = stage.clone_of("risk-manager").start();
    clone.write("x.txt", "x").commit("x");
    for name in ["refs/heads/main", "refs/heads/other", "refs/tags/v1"] {
        let refused = clone.try_git(&["push", "-q", "origin", &format!("HEAD:{name}")]);
        assert_ne!(refused.status, 0);
        assert!(
            refused
                .stderr
                .contains(&format!("`{name}` is not open for pushes")),
            "{}",
            refused.stderr
        );
    }
    for name in ["refs/pull/1/head", "refs/countersign/pulls"] {
        let refused = clone.try_git(&["push", "-q", "origin", &format!("HEAD:{name}")]);
        assert!(refused.stderr.contains("hidden ref"), "{}", refused.stderr);
    }
    clone.push("govern/x");
}

#[test]
fn policy_tests_that_fail_say_what_was_expected_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir_all(rules.join("tests")).unwrap();
    for entry in std::fs::read_dir("rules").unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, rules.join(path.file_name().unwrap())).unwrap();
        }
    }
    let none = bare(folder.path(), &["test", "."]).succeeds();
    insta::assert_snapshot!(redact(&none.stdout), @"
    warning: 11 rules fire in no policy test:
        rules/policy.yaml:79: to_production
        rules/policy.yaml:84: safety_off
        rules/policy.yaml:89: extreme_value
        rules/policy.yaml:94: deviant_value
        rules/policy.yaml:100: bulk_in_production
        rules/policy.yaml:106: bulk
        rules/policy.yaml:111: irreversible
        rules/policy.yaml:116: irreversible_bulk
        rules/policy.yaml:121: real_money_or_production_data
        rules/policy.yaml:126: unregistered_agent
        rules/policy.yaml:131: unattributed
    there are no policy tests: add some in `rules/tests/*.yaml`
    ");
    let test = "schema: countersign/policy-test/v1\ntests:\n  - name: wrong on purpose\n    recommend: {action: analyze}\n    expect: {level: HIGH}\n";
    std::fs::write(rules.join("tests/a.yaml"), test).unwrap();
    let failed = bare(folder.path(), &["test", "rules"]).exits(3);
    insta::assert_snapshot!(redact(&failed.stdout), @"
    warning: 11 rules fire in no policy test:
        rules/policy.yaml:79: to_production
        rules/policy.yaml:84: safety_off
        rules/policy.yaml:89: extreme_value
        rules/policy.yaml:94: deviant_value
        rules/policy.yaml:100: bulk_in_production
        rules/policy.yaml:106: bulk
        rules/policy.yaml:111: irreversible
        rules/policy.yaml:116: irreversible_bulk
        rules/policy.yaml:121: real_money_or_production_data
        rules/policy.yaml:126: unregistered_agent
        rules/policy.yaml:131: unattributed
    FAILED rules/tests/a.yaml:3: wrong on purpose
        level: expected HIGH, found LOW
        LOW RISK (score 0.00)
        This is LOW risk because:
          +0.00 environment: no target (recommendation.yaml): the action has no effect on its targets
          +0.00 parameters: no change (recommendation.yaml): nothing changes
          +0.00 scope: no target (recommendation.yaml): nothing is acted on
          +0.00 reversibility: easy (rules/actions.yaml): analyze has no effect to reverse
        It needs no approval.
    1 of 1 policy tests failed
    ");
    std::fs::write(rules.join("policy.yaml"), "schema: nonsense\n").unwrap();
    let unreadable = bare(folder.path(), &["test", "rules", "--format", "json"]).exits(3);
    assert_eq!(unreadable.json()["errors"][0]["file"], "rules/policy.yaml");
    let nothing = bare(folder.path(), &["test", "rules/tests"]);
    assert_eq!(nothing.status, 1, "{}", nothing.text());
}

/// Rules of both forms.
#[test]
fn rules_that_no_policy_test_touches_are_named() {
    let admins = [
        "--admin",
        "carol=carol@example.org",
        "--admin",
        "bob=bob@example.org",
    ];
    let stage = TestRepo::of_pack("blank", &admins);
    let policy = stage.file("rules/policy.yaml").replace(
        "  - id: unknown_parameter\n",
        "  - id: never_tried\n    when: target_count == 7\n    then: refuse\n    reason: seven\n\n  - id: unknown_parameter\n",
    );
    let triggers = "schema: countersign/triggers/v1\ntriggers:\n  - id: of_before\n    when: agent == 'nobody'\n    reason: no\n";
    stage.commit_to_main(&[
        ("rules/policy.yaml", Some(&policy)),
        ("rules/triggers.yaml", Some(triggers)),
    ]);
    let tested = stage.countersign(&["test"]).succeeds();
    insta::assert_snapshot!(redact(&tested.text()), @"
    warning: 2 rules fire in no policy test:
        rules/triggers.yaml:3: of_before
        rules/policy.yaml:96: never_tried
    17 policy tests pass
    ");
    let strict = stage.countersign(&["test", "--strict"]).exits(3);
    insta::assert_snapshot!(redact(strict.text().lines().last().unwrap()), @"17 policy tests pass, and `--strict` fails on the warnings");
    let json = |options: &[&str], status| {
        let asked = [["test", "--format", "json"].as_slice(), options].concat();
        let json = stage.countersign(&asked).exits(status).json();
        format!("{} {}", json["ok"], json["untested"])
    };
    insta::assert_snapshot!(redact(&json(&[], 0)), @r#"true [{"file":"rules/triggers.yaml","id":"of_before","line":3},{"file":"rules/policy.yaml","id":"never_tried","line":96}]"#);
    insta::assert_snapshot!(redact(&json(&["--strict"], 3)), @r#"false [{"file":"rules/triggers.yaml","id":"of_before","line":3},{"file":"rules/policy.yaml","id":"never_tried","line":96}]"#);
}

#[test]
fn every_kind_has_a_schema() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = bare(folder.path(), &["schema"]).succeeds().stdout;
    assert_eq!(kinds.lines().count(), 21);
    for kind in kinds.lines() {
        let schema = bare(folder.path(), &["schema", kind]).succeeds().json();
        assert_eq!(schema["title"], format!("countersign {kind}"));
        assert_eq!(schema["additionalProperties"], false, "{kind}");
        has_keys(&schema["properties"], &["schema"]);
    }
    let unknown = bare(folder.path(), &["schema", "nonsense"]);
    assert_eq!((unknown.status, unknown.stdout.as_str()), (2, ""));
    insta::assert_snapshot!(redact(&unknown.stderr), @"
    error: `nonsense` is not a kind of document: expected recommendation, decision, outcome, rescored, claim, feedback, freeze, baselines, usage, track-record, target, governance, parameters, actions, evidence, autonomy, policy, triggers, agents, people, policy-test

    Usage: countersign [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = bare(folder.path(), &["completions", shell]).succeeds();
        assert!(script.stdout.contains("request-changes"));
    }
}

#[test]
fn what_an_agent_wrote_cannot_move_the_cursor_or_forge_a_line() {
    let mut stage = TestRepo::example();
    let rationale = "\"wipe \\u001b[2J turn \\u202e around\\nerror: forged\"";
    stage.propose(
        "strategy-optimizer",
        "a",
        &format!("action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {{stop_loss_pct: 2}}\nrationale: {rationale}"),
    );
    stage.run();
    for format in ["text", "json"] {
        let shown = stage
            .countersign(&["show", "1", "--format", format])
            .succeeds()
            .stdout;
        let hidden = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(hidden), "{shown:?}");
        assert!(shown.contains("wipe"), "{shown}");
        assert!(
            !shown.lines().any(|line| line.starts_with("error:")),
            "{shown}"
        );
    }
    stage.read_all();
}

#[test]
fn a_long_list_keeps_its_width_and_its_targets() {
    let mut stage = TestRepo::example();
    for target in ["rsi-eurusd", "rsi-eurusd-paper", "rsi-eurusd-draft"] {
        let body = format!(
            "action: modify_parameters\ntargets: [{target}]\nchanges: {{stop_loss_pct: 4}}"
        );
        stage.propose("strategy-optimizer", target, &body);
    }
    stage.run();
    let listed = stage.countersign(&["list"]).succeeds().stdout;
    assert!(
        listed.lines().all(|line| line.chars().count() <= 100),
        "{listed}"
    );
    insta::assert_snapshot!(redact(&listed), @"
    #  STATUS         RISK          AGENT               WHAT                                OUTCOME
    3  pending        MEDIUM 35.00  strategy-optimizer  modify_parameters rsi-eurusd-paper
    1  pending        MEDIUM 55.00  strategy-optimizer  modify_parameters rsi-eurusd
    2  auto_approved  LOW 15.00     strategy-optimizer  modify_parameters rsi-eurusd-draft  success
    ");
    let filtered = [
        ("--status", "pending", 2),
        ("--level", "low", 1),
        ("--agent", "risk-manager", 0),
    ];
    for (option, value, count) in filtered {
        let listed = stage
            .countersign(&["list", option, value, "--format", "json"])
            .succeeds()
            .json();
        assert_eq!(listed.as_array().unwrap().len(), count, "{option} {value}");
    }
    let none = stage
        .countersign(&["list", "--agent", "risk-manager"])
        .succeeds();
    assert_eq!(
        (none.stdout.as_str(), none.stderr.as_str()),
        ("", "no case matches\n")
    );
    stage.read_all();
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let stage = TestRepo::example();
    let mut child = stage
        .command(&["schema", "decision"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), stderr.as_str()),
        (Some(0), "")
    );
}

#[cfg(unix)]
#[test]
fn watching_works_off_what_comes_until_it_is_told_to_stop() {
    let mut stage = TestRepo::example();
    let mut child = stage
        .command(&["run", "--watch", "--interval", "1", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.countersign(&TUNE_LIVE).succeeds();
    let begun = Instant::now();
    while stage.said_on(1).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does nothing");
        std::thread::sleep(Duration::from_millis(100));
    }
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
    let line: Json = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    assert_eq!(line["handled"][0]["number"], 1);
    assert!(
        stderr.starts_with("watching `") && stderr.ends_with("stopped\n"),
        "{stderr}"
    );
    stage.read_all();
}

#[test]
fn an_invalid_pull_request_can_be_found_and_seen_after_its_end() {
    let mut stage = TestRepo::example();
    let body = "action: analyze\ntargets: [rsi-eurusd]\nrational: a slip";
    stage.propose("market-analyst", "slip", body);
    stage.run();
    let listed = stage.countersign(&["list"]).succeeds().stdout;
    insta::assert_snapshot!(redact(&listed), @"
    #  STATUS   RISK     AGENT  WHAT            OUTCOME
    1  pending  invalid         recommend/slip
    ");
    let shown = stage.countersign(&["show", "1"]).succeeds().stdout;
    insta::assert_snapshot!(redact(&shown), @"
    pending
    pull request #1 (open), branch recommend/slip at [commit]

    failure: invalid: recommendations/[date]/[id]/recommendation.yaml:8:1: rational: unknown key `rational`: did you mean `rationale`? expected one of `schema`, `id`, `agent`, `session`, `action`, `targets`, `changes`, `rationale`, `citations`, `details`, `expects`, `created_at`

    Mend this and push again; nothing is merged until then:

    ```text
    recommendations/[date]/[id]/recommendation.yaml:8:1: rational: unknown key `rational`: did you mean `rationale`? expected one of `schema`, `id`, `agent`, `session`, `action`, `targets`, `changes`, `rationale`, `citations`, `details`, `expects`, `created_at`
    ```
    ");
    stage.git(&["branch", "-q", "-D", "recommend/slip"]);
    stage.run();
    let ended = stage
        .countersign(&["show", "1", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(
        (&ended["status"], &ended["pull"]["state"]),
        (&"ended".into(), &"closed".into())
    );
    assert_eq!(ended["report"]["state"], "failure");
    assert!(
        ended["report"]["title"]
            .as_str()
            .unwrap()
            .starts_with("invalid: ")
    );
    let none = stage.countersign(&["list", "--status", "pending", "--format", "json"]);
    assert_eq!(none.succeeds().json(), serde_json::json!([]));
    stage.read_all();
}
