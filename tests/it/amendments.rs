//! Approval of less than was proposed: what it takes, what is carried out, and what is refused.

use crate::support::proposals::{AGENT, MEDIUM, WHY};
use crate::support::{TestRepo, redact};

fn approve(stage: &TestRepo, number: u64, who: &str, more: &[&str]) -> String {
    let words = [&["--approve"], more].concat();
    let ran = stage.review(number, who, &words).succeeds();
    redact(&ran.text())
}

fn message(stage: &TestRepo, commit: &str) -> String {
    redact(&stage.git(&["log", "-1", "--format=%B", commit]))
}

/// The part of the decision of a pull request that says what was approved of it.
fn amendment(stage: &TestRepo) -> String {
    let path = stage.git(&["ls-tree", "-r", "--name-only", "main", "recommendations"]);
    let mut path = path.lines().filter(|path| path.ends_with("/decision.yaml"));
    let text = stage.file(path.next_back().unwrap());
    let (_, from) = text.split_once("amendment:\n").unwrap();
    let lines = from.lines().take_while(|line| line.starts_with(' '));
    redact(&lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn less_is_approved_carried_out_and_recorded() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "wider", MEDIUM);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer

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

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    insta::assert_snapshot!(approve(&stage, 1, "alice", &["--set", "stop_loss_pct=3.5", "-m", "Half of it."]), @"recorded: approval of #1 at [commit]; `countersign run` merges it");
    insta::assert_snapshot!(redact(&stage.countersign(&["show", "1"]).succeeds().text()), @"
    [id]  pending
    pull request #1 (open), branch recommend/wider at [commit]

    waiting: MEDIUM 55.00: the next run of the bot merges it

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4
    ```

    **Less than that was approved**, `with stop_loss_pct=3.5`, which is MEDIUM 55.00:

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 3.5
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

    What was said
      alice approved on [time], commit [commit]
      | /approve with stop_loss_pct=3.5
      | 
      | Half of it.
    ");
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    success: MEDIUM 55.00, less than proposed: approved and merged

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4
    ```

    **Less than that was approved**, `with stop_loss_pct=3.5`, which is MEDIUM 55.00:

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 3.5
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
    ");
    insta::assert_snapshot!(stage.file("targets/rsi-eurusd.yaml"), @"
    # A strategy that trades real money. What an agent proposes for it is scored against this file, as it
    # stands on `main`: nobody's claim about it counts. The bot writes approved changes into it and keeps
    # the comments.
    schema: countersign/target/v1
    description: RSI strategy on EUR/USD, live account.

    # Where it runs; the points of each environment are in rules/governance.yaml.
    environment: live

    # Where a change can be tried first: the explanation of a risky proposal points there.
    rehearsal: rsi-eurusd-paper

    parameters:
      stop_loss_pct: 3.5        # close a position at this loss, in percent
      stop_loss_enabled: true   # a safety control: switching it off is HIGH
      trading_mode: live        # says the same as `environment`
    ");
    insta::assert_snapshot!(message(&stage, "main~1"), @"
    decision: approve modify_parameters on rsi-eurusd (MEDIUM 55.00)

    Event: decision
    Recommendation: [id]
    Agent: strategy-optimizer
    Session: story-1
    Action: modify_parameters
    Target: rsi-eurusd
    Risk: MEDIUM 55.00
    Decision: approved
    Approved-by: alice
    Amended: MEDIUM 55.00
    Amended-parameter: stop_loss_pct
    Amended-by: alice
    Rules: [commit]
    Pull-request: #1
    Executor: apply
    Factors: environment=40.00 parameters=15.00 scope=0.00 reversibility=0.00
    Opened: [time]
    ");
    let lessons = ["lessons", "--agent", AGENT];
    insta::assert_snapshot!(redact(&stage.countersign(&lessons).succeeds().text()), @"
    Lessons for strategy-optimizer
    ==============================

    - Reviewers approved less of stop_loss_pct by modify_parameters in live: another value in 1 of 1, to 3.5 on average.
    - Your record: 1 approved by people, 0 by the bot alone, 0 rejected, 0 withdrawn or expired; 1 executions succeeded, 0 failed.
    - stop_loss_pct on rsi-eurusd: 4 was MEDIUM (once).
    ");
    let oversight = stage
        .countersign(&["report", "oversight"])
        .succeeds()
        .text();
    let amended = oversight
        .lines()
        .find(|line| line.contains("less than was proposed"));
    insta::assert_snapshot!(amended.unwrap(), @"- 1 of 1 (100 %) approvals were of less than was proposed, 95 % interval 21 to 100 %");
    insta::assert_snapshot!(amendment(&stage), @"
    edits:
      set:
        stop_loss_pct: 3.5
    risk:
      score: 55.0
      level: MEDIUM
      factors:
      - name: environment
        input: live
        source: targets/rsi-eurusd.yaml
        points: 100.0
        weight: 40
        contribution: 40.0
        reason: counts as production
      - name: parameters
        input: 'stop_loss_pct: 3.5'
        source: rules/parameters.yaml
        points: 50.0
        weight: 30
        contribution: 15.0
        reason: stop_loss_pct 3.5 is moderate
      - name: scope
        input: 1 target
        source: recommendation.yaml
        points: 0.0
        weight: 20
        contribution: 0.0
        reason: single entity
      - name: reversibility
        input: easy
        source: rules/actions.yaml
        points: 0.0
        weight: 10
        contribution: 0.0
        reason: modify_parameters is easily reversible
      triggers: []
    ");
    insta::assert_snapshot!(redact(&stage.countersign(&["show", "1"]).succeeds().text()), @"
    [id]  approved
    pull request #1 (merged), branch recommend/wider at [commit]

    modify_parameters, proposed by strategy-optimizer in session story-1 on [time]
      target rsi-eurusd (live)
        stop_loss_pct: 3.0 → 4

    MEDIUM RISK, score 55.00
      +40.00 environment: live (targets/rsi-eurusd.yaml): counts as production
      +15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate
      +0.00 scope: 1 target (recommendation.yaml): single entity
      +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible

    Decision: approved on [time], in mode two_tier, by the rules of [commit]
      approved by alice (reviewer) on [time]
      only with stop_loss_pct=3.5 (MEDIUM 55.00) was approved and is carried out

    What was said
      alice approved on [time], commit [commit]
      | /approve with stop_loss_pct=3.5
      | 
      | Half of it.

    Outcome: success on [time], executor apply, reported by countersign
      files: [targets/rsi-eurusd.yaml]

    Commits on main
      [commit] [time]  decision: approve modify_parameters on rsi-eurusd (MEDIUM 55.00)
      [commit] [time]  outcome: success of modify_parameters on rsi-eurusd
    ");
    stage.verifies();
}

#[test]
fn what_is_left_asks_for_those_that_it_would_ask_for_by_itself() {
    let mut stage = TestRepo::example();
    stage.propose(
        AGENT,
        "far",
        &MEDIUM.replace("stop_loss_pct: 4", "stop_loss_pct: 11"),
    );
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(approve(&stage, 1, "alice", &[]), @"recorded: approval of #1 at [commit]; it will not count: `alice` is a reviewer: this needs an admin");
    insta::assert_snapshot!(approve(&stage, 1, "alice", &["--set", "stop_loss_pct=4"]), @"recorded: approval of #1 at [commit]; `countersign run` merges it");
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    success: MEDIUM 55.00 instead of HIGH 75.00: approved and merged

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 11
    ```

    **Less than that was approved**, `with stop_loss_pct=4`, which is MEDIUM 55.00:

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4
    ```

    **HIGH RISK (score 75.00)**

    This is HIGH risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+30.00 parameters: stop_loss_pct: 11 (rules/parameters.yaml): stop_loss_pct 11 is beyond all tiers`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `HIGH in any case, deviant_value: more than 2 standard deviations from the mean: stop_loss_pct`

    To make it less risky:

    - `stop_loss_pct: 7 reaches MEDIUM 62.50`
    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    It needs the approval of a reviewer.

    - approved by alice (reviewer)
    ");
    // By the same rules it would have come out as it did.
    let backtest = stage
        .countersign(&["backtest", "--rules", "main"])
        .succeeds();
    let text = backtest.text();
    let replayed = text.split("\n\n").next().unwrap();
    insta::assert_snapshot!(replayed, @"
    1 past decisions replayed: 0 would have had another level, 0 been asked of other people.
      MEDIUM → MEDIUM: 1
    ");
    stage.verifies();
}

#[test]
fn two_approve_the_same_or_nothing() {
    let mut stage = TestRepo::example();
    stage.edit_on_main("rules/governance.yaml", "MEDIUM: 1", "MEDIUM: 2");
    stage.propose(AGENT, "wider", MEDIUM);
    stage.run();
    insta::assert_snapshot!(approve(&stage, 1, "alice", &["--set", "stop_loss_pct=3.5"]), @"recorded: approval of #1 at [commit]; it counts for that alone: `with stop_loss_pct=3.5` is MEDIUM 55.00, and still needs 1 approval by a reviewer, of the same");
    insta::assert_snapshot!(approve(&stage, 1, "bob", &[]), @"recorded: approval of #1 at [commit]; it still needs 1 approval by a reviewer");
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(approve(&stage, 1, "bob", &["--set", "stop_loss_pct=3.4"]), @"recorded: approval of #1 at [commit]; it counts for that alone: `with stop_loss_pct=3.4` is MEDIUM 55.00, and still needs 1 approval by a reviewer, of the same");
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 55.00: needs 2 approvals by different reviewers

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

    It needs the approval of 2 reviewers.

    Less of it was approved:

    - `with stop_loss_pct=3.4` is MEDIUM 55.00, and still needs 1 approval by a reviewer, of the same
    - `with stop_loss_pct=3.5` is MEDIUM 55.00, and still needs 1 approval by a reviewer, of the same

    - not counted: the review of `alice`: it approves only `with stop_loss_pct=3.5`
    - not counted: the review of `bob`: it approves only `with stop_loss_pct=3.4`

    Still needed: 2 approvals by different reviewers. Who may give it: alice, bob, carol.
    ");
    insta::assert_snapshot!(approve(&stage, 1, "bob", &["--set", "stop_loss_pct=3.5"]), @"recorded: approval of #1 at [commit]; `countersign run` merges it");
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(stage.log().last().unwrap(), @"outcome: success of modify_parameters on rsi-eurusd");
    stage.verifies();
}

#[test]
fn what_is_more_or_other_or_unclear_counts_for_nothing() {
    let mut stage = TestRepo::example();
    let body = "action: modify_parameters\ntargets: [rsi-eurusd, rsi-eurusd-paper]\nchanges: {stop_loss_pct: 4, take_profit_pct: 6}";
    stage.propose(AGENT, "both", body);
    stage.run();
    let mut said = Vec::new();
    for words in [
        &["--set", "stop_loss_pct=4.5"][..],
        &["--set", "stop_loss_pct=2.9"],
        &["--set", "stop_loss_pct=4"],
        &["--set", "stop_loss_pct=none"],
        &["--set", "leverage=1"],
        &["--without", "rsi-gbpusd"],
        &["--without", "rsi-eurusd", "--without", "rsi-eurusd-paper"],
        &["--set", "stop_loss_pct=3.5", "--without", "stop_loss_pct"],
        &["-m", "Fine with `/approve with stop_loss_pct=3`"],
        &["-m", "> /approve with stop_loss_pct=3.5"],
        &["-m", "/approve"],
        &[
            "-m",
            "/approve with stop_loss_pct=3.5\n/approve with stop_loss_pct=3.4",
        ],
        &["-m", "/approve with stop_loss_pct=<b>3</b>"],
    ] {
        said.push(format!(
            "{words:?}\n  {}",
            approve(&stage, 1, "alice", words)
        ));
        stage.run();
    }
    insta::assert_snapshot!(said.join(""), @r#"
    ["--set", "stop_loss_pct=4.5"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `with stop_loss_pct=4.5`, which it cannot: `stop_loss_pct: 4.5` does not lie between the present `3.0` of `rsi-eurusd` and the proposed `4`: the agent has to propose it
    ["--set", "stop_loss_pct=2.9"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `with stop_loss_pct=2.9`, which it cannot: `stop_loss_pct: 2.9` does not lie between the present `3.0` of `rsi-eurusd` and the proposed `4`: the agent has to propose it
    ["--set", "stop_loss_pct=4"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `with stop_loss_pct=4`, which it cannot: `stop_loss_pct` is `4` already
    ["--set", "stop_loss_pct=none"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `with stop_loss_pct=none`, which it cannot: changes.stop_loss_pct: expected a number, as in `targets/rsi-eurusd.yaml` (3.0), found the text `none`
    ["--set", "leverage=1"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `with leverage=1`, which it cannot: `leverage` is none of what it changes
    ["--without", "rsi-gbpusd"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `without rsi-gbpusd`, which it cannot: `rsi-gbpusd` is none of what it changes
    ["--without", "rsi-eurusd", "--without", "rsi-eurusd-paper"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `without rsi-eurusd, rsi-eurusd-paper`, which it cannot: nothing would be left of it: reject it instead
    ["--set", "stop_loss_pct=3.5", "--without", "stop_loss_pct"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `with stop_loss_pct=3.5 without stop_loss_pct`, which it cannot: `stop_loss_pct` is given a value and left out
    ["-m", "Fine with `/approve with stop_loss_pct=3`"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `/approve`, which it cannot: a command stands on a line of its own, and in no code or quotation
    ["-m", "> /approve with stop_loss_pct=3.5"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `/approve`, which it cannot: a command stands on a line of its own, and in no code or quotation
    ["-m", "/approve"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `/approve`, which it cannot: expected `/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a value has blanks or commas
    ["-m", "/approve with stop_loss_pct=3.5\n/approve with stop_loss_pct=3.4"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `with stop_loss_pct=3.5`, which it cannot: it says so more than once
    ["-m", "/approve with stop_loss_pct=<b>3</b>"]
      recorded: approval of #1 at [commit]; it will not count: it approves only `with stop_loss_pct=\"<b>3</b>\"`, which it cannot: changes.stop_loss_pct: expected a number, as in `targets/rsi-eurusd.yaml` (3.0), found the text `<b>3</b>`
    "#);
    stage.read_all();
    let main = stage.main();
    // Nothing of that was merged; less of the targets is.
    insta::assert_snapshot!(approve(&stage, 1, "alice", &["--without", "rsi-eurusd, take_profit_pct"]), @"recorded: approval of #1 at [commit]; `countersign run` merges it");
    insta::assert_snapshot!(approve(&stage, 1, "alice", &["--without", "rsi-eurusd", "--without", "take_profit_pct"]), @"recorded: approval of #1 at [commit]; `countersign run` merges it");
    stage.main_is_still(&main);
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(message(&stage, "main~1"), @"
    decision: approve modify_parameters on rsi-eurusd and 1 more (MEDIUM 65.00)

    Event: decision
    Recommendation: [id]
    Agent: strategy-optimizer
    Session: story-1
    Action: modify_parameters
    Target: rsi-eurusd
    Target: rsi-eurusd-paper
    Risk: MEDIUM 65.00
    Decision: approved
    Approved-by: alice
    Amended: MEDIUM 35.00
    Amended-parameter: take_profit_pct
    Amended-by: alice
    Rules: [commit]
    Pull-request: #1
    Executor: apply
    Factors: environment=40.00 parameters=15.00 scope=10.00 reversibility=0.00
    Opened: [time]
    ");
    insta::assert_snapshot!(stage.git(&["diff", "--stat", "main~1", "main", "--", "targets"]), @"
    targets/rsi-eurusd-paper.yaml | 2 +-
    1 file changed, 1 insertion(+), 1 deletion(-)
    ");
    stage.verifies();
}

#[test]
fn a_new_head_drops_it() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "wider", MEDIUM);
    stage.run();
    stage.edit_on_main("rules/governance.yaml", "MEDIUM: 1", "MEDIUM: 2");
    approve(&stage, 1, "alice", &["--set", "stop_loss_pct=3.5"]);
    stage.propose(
        AGENT,
        "wider",
        &MEDIUM.replace("stop_loss_pct: 4", "stop_loss_pct: 4.5"),
    );
    stage.run();
    stage.read_all();
    stage.countersign(&["show", "1"]).succeeds();
    insta::assert_snapshot!(approve(&stage, 1, "bob", &["--set", "stop_loss_pct=3.5"]), @"recorded: approval of #1 at [commit]; it counts for that alone: `with stop_loss_pct=3.5` is MEDIUM 55.00, and still needs 1 approval by a reviewer, of the same");
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 55.00: needs 2 approvals by different reviewers

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4.5
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 4.5 (rules/parameters.yaml): stop_loss_pct 4.5 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    To make it less risky:

    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    It needs the approval of 2 reviewers.

    Less of it was approved:

    - `with stop_loss_pct=3.5` is MEDIUM 55.00, and still needs 1 approval by a reviewer, of the same

    - not counted: the review of `alice`: it is for commit [commit]: the head is now [commit]
    - not counted: the review of `bob`: it approves only `with stop_loss_pct=3.5`

    Still needed: 2 approvals by different reviewers. Who may give it: alice, bob, carol.
    ");
}

#[test]
fn a_governance_change_is_approved_as_it_is() {
    let mut stage = TestRepo::example();
    let text = stage
        .file("rules/governance.yaml")
        .replace("escalate_after: 24h", "escalate_after: 12h");
    stage.govern("dana", "more", &[("rules/governance.yaml", &text)]);
    stage.run();
    stage.read_all();
    let message = format!("/approve without targets\n\n{WHY}");
    insta::assert_snapshot!(approve(&stage, 1, "carol", &["-m", &message]), @"recorded: approval of #1 at [commit]; it will not count: it approves only `/approve`, which it cannot: a governance change is approved as it is, or not");
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(approve(&stage, 1, "carol", &["-m", WHY]), @"recorded: approval of #1 at [commit]; `countersign run` merges it");
    stage.run();
    stage.read_all();
    stage.verifies();
}

#[test]
fn an_executor_gets_what_was_approved() {
    let mut stage = TestRepo::example();
    let got = stage.folder("got.json");
    stage.add_command("notify", &format!("cat > {}", got.display()));
    stage.read_all();
    let body = MEDIUM.replace("modify_parameters", "notify");
    stage.propose(AGENT, "wider", &body);
    stage.run();
    approve(&stage, 2, "alice", &["--set", "stop_loss_pct=3.5"]);
    stage.run();
    stage.read_all();
    let got: serde_json::Value = serde_json::from_slice(&std::fs::read(got).unwrap()).unwrap();
    insta::assert_snapshot!(got["changes"], @r#"{"stop_loss_pct":3.5}"#);
    stage.verifies();
}

#[test]
fn what_changes_nothing_can_be_approved_of_fewer_targets() {
    let mut stage = TestRepo::example();
    stage.edit_on_main("rules/policy.yaml", "rules:\n", "rules:\n  - id: looked_at\n    when: action == 'analyze'\n    then: MEDIUM\n    reason: somebody looks at analyses\n");
    stage.propose(
        AGENT,
        "look",
        "action: analyze\ntargets: [rsi-eurusd, rsi-eurusd-paper]",
    );
    stage.run();
    insta::assert_snapshot!(approve(&stage, 1, "alice", &["--without", "rsi-eurusd"]), @"recorded: approval of #1 at [commit]; `countersign run` merges it");
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(stage.log().last().unwrap(), @"outcome: success of analyze on rsi-eurusd and 1 more");
    stage.verifies();
}
