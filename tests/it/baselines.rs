//! What people saw last of a parameter is what small steps are measured from, until people see it again.

use crate::support::proposals::{AGENT, WHY};
use crate::support::{TestRepo, redact};

/// Nothing moves more than by half without people, however many steps it takes.
const NO_FURTHER: &str = "  - id: too_far\n    when: changes.exists(c, c.baseline_ratio > 1.5)\n    then: MEDIUM\n    \
    reason: \"{parameters} would be more than half above what people saw last\"\n";

/// The example with a present value of 2 on the draft, and that rule.
fn stage() -> TestRepo {
    let stage = TestRepo::example();
    let policy = format!("{}\n{NO_FURTHER}", stage.file("rules/policy.yaml"));
    let target = stage.file("targets/rsi-eurusd-draft.yaml");
    let target = target.replace("stop_loss_pct: 3.0", "stop_loss_pct: 2");
    stage.commit_to_main(&[
        ("rules/policy.yaml", Some(&policy)),
        ("targets/rsi-eurusd-draft.yaml", Some(&target)),
    ]);
    stage
}

fn set(value: &str) -> String {
    format!(
        "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {{stop_loss_pct: {value}}}"
    )
}

#[test]
fn many_small_steps_are_one_large_one_until_people_see_it() {
    let mut stage = stage();
    for (branch, value) in [("a", "2.2"), ("b", "2.4"), ("c", "2.7"), ("d", "2.9")] {
        stage.propose(AGENT, branch, &set(value));
        stage.run();
    }
    insta::assert_snapshot!(redact(&stage.file("baselines/rsi-eurusd-draft.yaml")), @"
    schema: countersign/baselines/v1
    parameters:
      stop_loss_pct:
        value: 2
        now: 2.9
        since: [id]
    ");
    stage.propose(AGENT, "e", &set("3.1"));
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(5)), @"
    waiting: MEDIUM 50.00: needs 1 approval by a reviewer

    **modify_parameters** on `rsi-eurusd-draft`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd-draft (inactive)
      stop_loss_pct: 2.9 → 3.1 (2 when people saw it last)
    ```

    **MEDIUM RISK (score 50.00)**

    This is MEDIUM risk because:

    - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
    - `+15.00 parameters: stop_loss_pct: 3.1 (rules/parameters.yaml): stop_loss_pct 3.1 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `lifts to at least MEDIUM 50.00, too_far: stop_loss_pct would be more than half above what people saw last`

    To make it less risky:

    - `stop_loss_pct: 3 reaches LOW 0.00`

    It needs the approval of a reviewer.

    To approve less, in an approving review:

    - `/approve with stop_loss_pct=3` (LOW 0.00)

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    stage.review(5, "alice", &["--approve"]).succeeds();
    stage.run();
    // People saw it: from here on it is measured anew.
    let main = stage.git(&["ls-tree", "-r", "--name-only", "main", "baselines"]);
    assert_eq!(main, "");
    stage.propose(AGENT, "f", &set("4"));
    stage.run();
    insta::assert_snapshot!(stage.listed(), @"
     #  STATUS         RISK          AGENT               WHAT                         APPROVED  OUTCOME
     6  auto_approved  LOW 15.00     strategy-optimizer  modify_pa… rsi-eurusd-draft            success
     5  approved       MEDIUM 50.00  strategy-optimizer  modify_pa… rsi-eurusd-draft  alice     success
     4  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
     3  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
     2  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
     1  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
    warning: 1 of 15 commits on `main` are in no case, the first is `[commit]`: it does not say which event it is: the bot did not make it; `countersign verify` says more
    ");
    let decided = stage
        .countersign(&["show", "5", "--format", "json"])
        .succeeds();
    insta::assert_snapshot!(redact(&decided.json()["decision"]["risk"]["baselines"].to_string()), @r#"[{"parameter":"stop_loss_pct","since":"[id]","targets":["rsi-eurusd-draft"],"value":2}]"#);
    stage.verifies();
}

#[test]
fn the_worse_of_the_present_value_and_the_one_that_people_saw_counts() {
    let mut stage = TestRepo::example();
    let parameters = stage.file("rules/parameters.yaml").replacen(
        "    aggressive: [5, 10]\n",
        "    aggressive: [5, 10]\n    change: {conservative: 10 %, moderate: 25 %, aggressive: 60 %}\n",
        1,
    );
    stage.commit_to_main(&[("rules/parameters.yaml", Some(&parameters))]);
    // Up, and down past what people saw, and up again: each step is within 25 % of 3, but not of the one before.
    for (branch, value) in [("a", "3.6"), ("b", "2.4"), ("c", "3.6"), ("d", "3.9")] {
        stage.propose(AGENT, branch, &set(value));
        stage.run();
    }
    let shown: Vec<String> = (1..=4)
        .map(|number| {
            let shown = stage.countersign(&["show", &number.to_string(), "--format", "json"]);
            let factor = &shown.json()["decision"]["risk"]["factors"][1];
            redact(factor["reason"].as_str().unwrap())
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    stop_loss_pct 3.6 is moderate, and moving it by 20 % from 3.0 (targets/rsi-eurusd-draft.yaml) is moderate
    stop_loss_pct 2.4 is conservative, and moving it by 33.34 % from 3.6 (targets/rsi-eurusd-draft.yaml) is aggressive
    stop_loss_pct 3.6 is moderate, and moving it by 50 % from 2.4 (targets/rsi-eurusd-draft.yaml) is aggressive
    stop_loss_pct 3.9 is moderate, and moving it by 30 % from 3.0 (baselines/rsi-eurusd-draft.yaml), where people saw it last, is aggressive
    ");
    stage.read_all();
    stage.verifies();
}

#[test]
fn what_people_set_is_what_they_saw() {
    let mut stage = stage();
    stage.propose(AGENT, "a", &set("2.9"));
    stage.run();
    stage.edit_on_main(
        "targets/rsi-eurusd-draft.yaml",
        "stop_loss_pct: 2.9",
        "stop_loss_pct: 2.8",
    );
    stage.propose(AGENT, "b", &set("4"));
    stage.run();
    insta::assert_snapshot!(stage.listed(), @"
     #  STATUS         RISK       AGENT               WHAT                                OUTCOME
     2  auto_approved  LOW 15.00  strategy-optimizer  modify_parameters rsi-eurusd-draft  success
     1  auto_approved  LOW 0.00   strategy-optimizer  modify_parameters rsi-eurusd-draft  success
    warning: 2 of 9 commits on `main` are in no case, the first is `[commit]`: it does not say which event it is: the bot did not make it; `countersign verify` says more
    ");
    insta::assert_snapshot!(redact(&stage.file("baselines/rsi-eurusd-draft.yaml")), @"
    schema: countersign/baselines/v1
    parameters:
      stop_loss_pct:
        value: 2.8
        now: 4
        since: [id]
    ");
    stage.verifies();
}

#[test]
fn what_was_rejected_is_not_what_people_agreed_to() {
    let mut stage = stage();
    for (branch, value) in [("a", "2.9"), ("b", "3.1")] {
        stage.propose(AGENT, branch, &set(value));
        stage.run();
    }
    let no = ["--reject", "too_risky", "--message", WHY];
    stage.review(2, "alice", &no).succeeds();
    stage.propose(AGENT, "c", &set("3.1"));
    stage.run();
    insta::assert_snapshot!(redact(stage.report(3).lines().next().unwrap()), @"waiting: MEDIUM 50.00: needs 1 approval by a reviewer");
    let listed = [
        "new",
        "--list",
        "--agent",
        AGENT,
        "--target",
        "rsi-eurusd-draft",
    ];
    let listed = stage.countersign(&listed).succeeds().text();
    let told = listed
        .lines()
        .find(|line| line.contains("people saw it last"));
    insta::assert_snapshot!(told.unwrap().trim(), @"have moved it since people saw it last (2): movement is measured from there, too.");
    stage.read_all();
    stage.verifies();
}

#[test]
fn what_returns_to_what_people_saw_has_not_moved() {
    let mut stage = stage();
    for (branch, value) in [("a", "2.5"), ("b", "2")] {
        stage.propose(AGENT, branch, &set(value));
        stage.run();
    }
    let main = stage.git(&["ls-tree", "-r", "--name-only", "main", "baselines"]);
    assert_eq!(main, "");
    stage.read_all();
    stage.verifies();
}

/// Nobody but the bot writes a baseline.
#[test]
fn a_baseline_is_not_proposed_pushed_or_forged() {
    let mut stage = stage();
    stage.propose(AGENT, "a", &set("2.9"));
    stage.run();
    let baselines = stage.file("baselines/rsi-eurusd-draft.yaml");
    let raised = baselines.replace("value: 2\n", "value: 2.9\n");
    assert_ne!(baselines, raised);
    let files = [("baselines/rsi-eurusd-draft.yaml", &*raised)];
    stage.govern("carol", "govern/baseline", &files);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(2)), @"
    failure: invalid: baselines/rsi-eurusd-draft.yaml: a record is never edited or removed: a correction is a new record (`countersign feedback`, or a new recommendation)

    Mend this and push again; nothing is merged until then:

    ```text
    baselines/rsi-eurusd-draft.yaml: a record is never edited or removed: a correction is a new record (`countersign feedback`, or a new recommendation)
    ```
    ");
    stage.review(2, "alice", &["--approve", "--message", WHY]);
    stage.run();
    assert_eq!(stage.file("baselines/rsi-eurusd-draft.yaml"), baselines);
    stage.read_all();
    stage.verifies();
}
