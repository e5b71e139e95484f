//! The life of a recommendation, told as its people see it: every story ends on the text that somebody reads.

use crate::support::proposals::{HIGH, LOW, MEDIUM};
use crate::support::{TestRepo, has, has_not, redact};
use chrono::TimeDelta;

#[test]
fn low_risk_is_merged_and_applied_by_the_bot_alone() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", LOW);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    success: LOW 0.00: merged by the bot

    **modify_parameters** on `rsi-eurusd-draft`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd-draft (inactive)
      stop_loss_pct: 3.0 → 1.5
    ```

    **LOW RISK (score 0.00)**

    This is LOW risk because:

    - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
    - `+0.00 parameters: stop_loss_pct: 1.5 (rules/parameters.yaml): stop_loss_pct 1.5 is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    It needs no approval.
    ");
    assert_eq!(
        &stage.log()[1..],
        [
            "decision: approve modify_parameters on rsi-eurusd-draft (LOW 0.00)",
            "outcome: success of modify_parameters on rsi-eurusd-draft"
        ]
    );
    insta::assert_snapshot!(stage.file("targets/rsi-eurusd-draft.yaml"), @"
    # A draft that runs nowhere: conservative changes of it are LOW and need nobody.
    schema: countersign/target/v1
    description: RSI strategy on EUR/USD, a draft.
    environment: inactive

    parameters:
      stop_loss_pct: 1.5
      stop_loss_enabled: true
      trading_mode: inactive
    ");
    let shown = stage
        .countersign(&["show", &id, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(shown["decision"]["status"], "auto_approved");
    assert_eq!(shown["outcome"]["success"], true);
    assert_eq!(
        stage.git(&["for-each-ref", "refs/heads"]).lines().count(),
        1,
        "a decided branch is deleted"
    );
}

#[test]
fn medium_risk_waits_for_a_reviewer() {
    let mut stage = TestRepo::example();
    stage.propose("strategy-optimizer", "a", MEDIUM);
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
    assert_eq!(stage.log().len(), 1, "nothing is merged while it waits");
    stage
        .countersign(&[
            "review",
            "1",
            "--as",
            "alice",
            "--approve",
            "--confidence",
            "confident",
        ])
        .succeeds();
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    success: MEDIUM 55.00: approved and merged

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
    ");
    let message = stage.git(&["log", "-1", "--merges", "--format=%B", "main"]);
    insta::assert_snapshot!(redact(&message), @"
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
    Rules: [commit]
    Pull-request: #1
    Executor: apply
    Factors: environment=40.00 parameters=15.00 scope=0.00 reversibility=0.00
    Confidence: confident
    Opened: [time]
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
      stop_loss_pct: 4        # close a position at this loss, in percent
      stop_loss_enabled: true   # a safety control: switching it off is HIGH
      trading_mode: live        # says the same as `environment`
    ");
}

#[test]
fn high_risk_needs_an_admin_and_a_justification() {
    let mut stage = TestRepo::example();
    stage.propose("risk-manager", "a", HIGH);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r#"
    waiting: HIGH 75.00: needs 1 approval by an admin, with a justification

    **modify_parameters** on `rsi-eurusd-paper`, proposed by `risk-manager` as `[id]`

    ```text
    target rsi-eurusd-paper (paper)
      trading_mode: "paper" → "live"
    ```

    **HIGH RISK (score 75.00)**

    This is HIGH risk because:

    - `+40.00 environment: live (recommendation.yaml): counts as production, where the proposal moves it`
    - `+0.00 parameters: trading_mode: live (rules/parameters.yaml): trading_mode live is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `HIGH in any case, to_production: switches from test to production (live)`

    To make it less risky:

    - `trading_mode: inactive reaches LOW 20.00`

    It needs the approval of an admin, with a justification.

    To approve less, in an approving review:

    - `/approve with trading_mode=inactive` (LOW 20.00)

    Still needed: 1 approval by an admin, with a justification. Who may give it: carol.
    "#);
    stage
        .countersign(&[
            "review",
            "1",
            "--as",
            "alice",
            "--approve",
            "--message",
            "I am sure that this is a good idea.",
        ])
        .succeeds();
    stage
        .countersign(&[
            "review",
            "1",
            "--as",
            "carol",
            "--approve",
            "--message",
            "ok",
        ])
        .succeeds();
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r#"
    waiting: HIGH 75.00: needs 1 approval by an admin, with a justification

    **modify_parameters** on `rsi-eurusd-paper`, proposed by `risk-manager` as `[id]`

    ```text
    target rsi-eurusd-paper (paper)
      trading_mode: "paper" → "live"
    ```

    **HIGH RISK (score 75.00)**

    This is HIGH risk because:

    - `+40.00 environment: live (recommendation.yaml): counts as production, where the proposal moves it`
    - `+0.00 parameters: trading_mode: live (rules/parameters.yaml): trading_mode live is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `HIGH in any case, to_production: switches from test to production (live)`

    To make it less risky:

    - `trading_mode: inactive reaches LOW 20.00`

    It needs the approval of an admin, with a justification.

    To approve less, in an approving review:

    - `/approve with trading_mode=inactive` (LOW 20.00)

    - not counted: the review of `alice`: `alice` is a reviewer: this needs an admin
    - not counted: the review of `carol`: it has no justification: the review's text needs at least 20 characters

    Still needed: 1 approval by an admin, with a justification. Who may give it: carol.
    "#);
    stage
        .countersign(&[
            "review",
            "1",
            "--as",
            "carol",
            "--approve",
            "--message",
            "Thirty clean days on paper, limits unchanged.",
        ])
        .succeeds();
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r#"
    success: HIGH 75.00: approved and merged

    **modify_parameters** on `rsi-eurusd-paper`, proposed by `risk-manager` as `[id]`

    ```text
    target rsi-eurusd-paper (paper)
      trading_mode: "paper" → "live"
    ```

    **HIGH RISK (score 75.00)**

    This is HIGH risk because:

    - `+40.00 environment: live (recommendation.yaml): counts as production, where the proposal moves it`
    - `+0.00 parameters: trading_mode: live (rules/parameters.yaml): trading_mode live is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `HIGH in any case, to_production: switches from test to production (live)`

    To make it less risky:

    - `trading_mode: inactive reaches LOW 20.00`

    It needs the approval of an admin, with a justification.

    - approved by carol (admin)
    - not counted: the review of `alice`: `alice` is a reviewer: this needs an admin
    "#);
    insta::assert_snapshot!(stage.file("targets/rsi-eurusd-paper.yaml"), @"
    # The same strategy on simulated money: the place to try a change before it goes live.
    schema: countersign/target/v1
    description: RSI strategy on EUR/USD, paper account.
    environment: live

    parameters:
      stop_loss_pct: 3.0
      stop_loss_enabled: true
      trading_mode: live
    ");
}

#[test]
fn a_rejection_is_recorded_with_its_category_and_reason() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.run();
    stage.report(1);
    stage
        .countersign(&[
            "review",
            "1",
            "--as",
            "bob",
            "--reject",
            "bad_timing",
            "--message",
            "Not in the news hour.",
        ])
        .succeeds();
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    failure: MEDIUM 55.00: rejected by bob (bad_timing)

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

    Rejected by bob (bad_timing):

    ```text
    Not in the news hour.
    ```
    ");
    assert_eq!(
        stage.log()[1],
        "decision: reject modify_parameters on rsi-eurusd (MEDIUM 55.00)"
    );
    let shown = stage
        .countersign(&["show", &id, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(shown["decision"]["rejection"]["category"], "bad_timing");
    assert_eq!(shown["outcome"], serde_json::Value::Null);
    has(&stage.file("targets/rsi-eurusd.yaml"), "stop_loss_pct: 3.0");
    assert_eq!(
        stage
            .git(&["rev-list", "--merges", "--count", "main"])
            .trim(),
        "0",
        "a rejected head is not merged"
    );
}

#[test]
fn a_request_for_changes_blocks_until_that_person_approves() {
    let mut stage = TestRepo::example();
    stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.countersign(&["run"]).succeeds();
    stage.report(1);
    stage
        .countersign(&[
            "review",
            "1",
            "--as",
            "bob",
            "--request-changes",
            "--message",
            "Show the drawdown.",
        ])
        .succeeds();
    stage
        .countersign(&["review", "1", "--as", "alice", "--approve"])
        .succeeds();
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 55.00: changes requested

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
    - bob requested changes: it waits until they approve
    ");
    stage
        .countersign(&["review", "1", "--as", "bob", "--approve"])
        .succeeds();
    stage.run();
    has(&stage.report(1), "approved and merged");
}

#[test]
fn a_deleted_branch_is_withdrawn() {
    let mut stage = TestRepo::example();
    stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.run();
    stage.report(1);
    stage
        .clone_of("strategy-optimizer")
        .git(&["push", "-q", "origin", ":recommend/a"]);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    failure: MEDIUM 55.00: withdrawn by its author

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
    ");
    assert_eq!(
        stage.log()[1],
        "decision: withdraw modify_parameters on rsi-eurusd (MEDIUM 55.00)"
    );
}

#[test]
fn what_nobody_decides_is_escalated_and_then_expires() {
    let mut stage = TestRepo::example();
    stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.run();
    stage.report(1);
    stage.wait(TimeDelta::hours(25));
    stage.run();
    let late = stage.report(1);
    insta::assert_snapshot!(redact(&late), @"
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

    It has waited too long for its reviewers, so the admins are asked too. Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    has(&stage.countersign(&["show", "1"]).succeeds().stdout, &late);
    stage.wait(TimeDelta::days(7));
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    failure: MEDIUM 55.00: expired, nobody decided in time

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
    ");
    assert_eq!(
        stage.log()[1],
        "decision: expire modify_parameters on rsi-eurusd (MEDIUM 55.00)"
    );
}

#[test]
fn an_escalated_proposal_still_needs_what_it_needed() {
    let mut stage = TestRepo::example();
    stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.wait(TimeDelta::hours(25));
    stage.run();
    has(
        &stage.report(1),
        "waiting: MEDIUM 55.00: needs 1 approval by a reviewer",
    );
    stage.approve(1, "alice");
    stage.run();
    has(&stage.report(1), "MEDIUM 55.00: approved and merged");
    stage.read_all();
    stage.verifies();
}

/// Whoever decides on several targets sees what each of them is now, and everything that the executor is told.
#[test]
fn everything_that_is_executed_is_shown_whole() {
    let mut stage = TestRepo::example();
    let long = "x".repeat(300);
    let id = stage.propose(
        "strategy-optimizer",
        "a",
        &format!(
            "action: modify_parameters\ntargets: [rsi-eurusd, rsi-eurusd-draft, rsi-eurusd-paper]\nchanges: {{stop_loss_pct: 4, trading_mode: paper}}\nexpects: {{stop_loss_pct: 3.0}}\ndetails: {{command: \"rm -rf /\", note: {long}, limits: {{most: 100000000000001, list: [1.50, true]}}}}\ncitations: [{{title: Study, url: 'https://example.org/study'}}]\nrationale: \"{}\"",
            "why ".repeat(1000)
        ),
    );
    stage.run();
    let told = format!(
        "target rsi-eurusd (live)
  stop_loss_pct: 3.0 → 4
  trading_mode: \"live\" → \"paper\"
target rsi-eurusd-draft (inactive)
  stop_loss_pct: 3.0 → 4
  trading_mode: \"inactive\" → \"paper\"
target rsi-eurusd-paper (paper)
  stop_loss_pct: 3.0 → 4
  trading_mode: \"paper\" → \"paper\"
only if it is still so that
  stop_loss_pct: 3.0
details
  \"command\": \"rm -rf /\"
  \"limits\": {{\"list\": [1.5, true], \"most\": 100000000000001}}
  \"note\":
    \"{x}\"
    \"{x}\"
    \"{x}\"
    \"{rest}\"
citations
  - title: \"Study\"
    url: \"https://example.org/study\"
",
        x = "x".repeat(96),
        rest = "x".repeat(300 - 3 * 96),
    );
    let said = stage.report(1);
    has(
        &said,
        &format!(
            "**modify_parameters** on 3 targets, proposed by `strategy-optimizer` as `{id}`\n\n```text\n{told}```\n"
        ),
    );
    has(
        &said,
        &format!("```text\n{}", "why ".repeat(1000).trim_end()),
    );
    let pending = stage
        .countersign(&["show", "1", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(
        pending["action"]["targets"][1]["changes"][1],
        serde_json::json!({"name": "trading_mode", "before": "inactive", "after": "paper"})
    );
    assert_eq!(pending["action"]["details"]["command"], "rm -rf /");
    stage.approve(1, "carol");
    stage.run();
    // Decided, it is shown against what it was decided on.
    let decided = stage.countersign(&["show", &id]).succeeds().stdout;
    has(&decided, told.replace('\n', "\n  ").trim_end());
    stage.read_all();
    stage.verifies();
}

#[test]
fn what_is_too_long_to_be_shown_whole_is_invalid() {
    let mut stage = TestRepo::example();
    let about = |characters: usize| {
        format!(
            "{LOW}\ndetails: {{note: \"{}\"}}",
            "x ".repeat(characters / 2)
        )
    };
    stage.propose("strategy-optimizer", "a", &about(20_000));
    stage.propose("strategy-optimizer", "b", &about(45_000));
    stage.run();
    has(&stage.report(1), "merged by the bot");
    insta::assert_snapshot!(redact(&stage.report(2)), @"
    failure: invalid: recommendations/[date]/[id]/recommendation.yaml:9:1: details: what whoever decides is shown would take 48395 bytes, and nothing of it may be cut off: at most 40000 (`max_shown_bytes` in `rules/governance.yaml`); split the recommendation, or leave something out

    Mend this and push again; nothing is merged until then:

    ```text
    recommendations/[date]/[id]/recommendation.yaml:9:1: details: what whoever decides is shown would take 48395 bytes, and nothing of it may be cut off: at most 40000 (`max_shown_bytes` in `rules/governance.yaml`); split the recommendation, or leave something out
    ```
    ");
    stage.read_all();
    stage.verifies();
}

/// A request for changes is somebody's words: they reach whoever looks at the case, and stay on record.
#[test]
fn what_people_say_is_shown_and_recorded_in_order() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.run();
    stage.read_all();
    let long = format!("Halve it first.\n{}", "x".repeat(5_000));
    stage
        .review(1, "bob", &["--request-changes", "--message", &long])
        .succeeds();
    stage.wait(TimeDelta::minutes(1));
    stage
        .review(1, "dana", &["--approve", "--message", "Fine."])
        .succeeds();
    let pending = stage.countersign(&["show", "1"]).succeeds().stdout;
    let (_, said) = pending.split_once("What was said\n").unwrap();
    let said = redact(said).replace(&"x".repeat(3_984), "[3984 x]");
    insta::assert_snapshot!(said, @"
    bob requested changes on [time], commit [commit]
    | Halve it first.
    | [3984 x]
    and 1016 more characters that are not kept
    dana approved on [time], commit [commit]
    | Fine.
    ");
    let json = |stage: &TestRepo| {
        stage
            .countersign(&["show", "1", "--format", "json"])
            .succeeds()
            .json()
    };
    assert_eq!(json(&stage)["blocked_by"], serde_json::json!(["bob"]));
    stage.wait(TimeDelta::minutes(1));
    stage
        .review(1, "bob", &["--approve", "--message", "I see why."])
        .succeeds();
    stage.run();
    let shown = json(&stage);
    assert_eq!(shown["decision"]["opinions"], shown["opinions"]);
    let said: Vec<_> = shown["opinions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let words = one["words"].as_str().unwrap().lines().next().unwrap();
            format!("{}: {}: {words}", one["account"]["login"], one["kind"])
        })
        .collect();
    assert_eq!(
        said,
        [
            r#""bob": "request_changes": Halve it first."#,
            r#""dana": "approve": Fine."#,
            r#""bob": "approve": I see why."#,
        ]
    );
    assert_eq!(shown["opinions"][0]["omitted_characters"], 1016);
    let decided = stage.countersign(&["show", &id]).succeeds().stdout;
    has(&decided, "\n  | I see why.\n");
    stage.read_all();
    stage.verifies();
}

/// However much is said, the decision can be written: what is left out is said.
#[test]
fn what_people_say_never_keeps_a_decision_from_being_written() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.run();
    stage.read_all();
    for index in 0..40 {
        let words = format!("{index}: {}", "\u{1f600}\u{202e}".repeat(2_000));
        stage
            .review(1, "bob", &["--request-changes", "--message", &words])
            .succeeds();
    }
    stage
        .review(1, "bob", &["--approve", "--message", &"y".repeat(4_000)])
        .succeeds();
    stage.run();
    has(&stage.report(1), "MEDIUM 55.00: approved and merged");
    let shown = stage
        .countersign(&["show", &id, "--format", "json"])
        .succeeds()
        .json();
    let opinions = shown["decision"]["opinions"].as_array().unwrap();
    assert_eq!(opinions.len(), 41);
    let kept = opinions[0]["words"].as_str().unwrap().chars().count();
    let omitted = opinions[0]["omitted_characters"].as_u64().unwrap();
    assert!(
        kept > 0 && kept as u64 + omitted == 4_003,
        "{kept} {omitted}"
    );
    stage.read_all();
    stage.verifies();
}

/// Whoever decides on a governance change sees its lines, before and after it is decided.
#[test]
fn a_governance_change_shows_its_diff() {
    let mut stage = TestRepo::example();
    let rules = stage.file("rules/governance.yaml");
    let looser = rules.replace("pending_limit: 20", "pending_limit: 2000");
    let long: String = (0..50).map(|line| format!("{line} ```\n")).collect();
    stage.govern(
        "alice",
        "a",
        &[("rules/governance.yaml", &looser), ("docs/x.md", "one\n")],
    );
    stage.govern("alice", "b", &[("docs/long.md", &long)]);
    stage.run();
    let at = rules.lines().position(|line| line == "pending_limit: 20");
    let at = at.unwrap() + 1;
    let lines: Vec<&str> = rules.lines().collect();
    let context = |from: usize| {
        let lines = lines[from - 1..from + 2].iter();
        lines.map(|line| format!(" {line}\n")).collect::<String>()
    };
    let from = at - 3;
    let patch = format!(
        "--- a/rules/governance.yaml\n+++ b/rules/governance.yaml\n@@ -{from},7 +{from},7 @@\n{}-pending_limit: 20\n+pending_limit: 2000\n{}",
        context(from),
        context(at + 1)
    );
    let new = "--- /dev/null\n+++ b/docs/x.md\n@@ -0,0 +1 @@\n+one\n";
    let block = format!("```diff\n{new}{patch}```\n");
    let said = stage.report(1);
    has(
        &said,
        &format!(
            "- `docs/x.md`: new, 1 line\n- `rules/governance.yaml`: 1 line added, 1 removed\n\n{block}\nThe same in a clone: `git fetch origin refs/pull/1/head && git diff "
        ),
    );
    let folded = stage.report(2);
    has(
        &folded,
        "<details><summary>The diff, 53 lines</summary>\n\n````diff\n--- /dev/null\n+++ b/docs/long.md\n@@ -0,0 +1,50 @@\n+0 ```\n",
    );
    has(&folded, "+49 ```\n````\n\n</details>\n");
    // A terminal folds nothing.
    let plain = stage.countersign(&["show", "2"]).succeeds().stdout;
    has(&plain, "The diff, 53 lines:\n\n````diff\n");
    has_not(&plain, "<details>");
    let json = |stage: &TestRepo| {
        stage
            .countersign(&["show", "1", "--format", "json"])
            .succeeds()
            .json()
    };
    let pending = json(&stage);
    assert_eq!(pending["diff"]["files"][1]["patch"], patch);
    stage.approve(1, "carol");
    stage.run();
    let decided = json(&stage);
    assert_eq!(decided["status"], "approved");
    assert_eq!(decided["diff"]["files"], pending["diff"]["files"]);
    let command = decided["diff"]["command"].as_str().unwrap();
    let arguments: Vec<&str> = command.split(' ').skip(1).collect();
    has(&stage.git(&arguments), "+pending_limit: 2000");
    has(&stage.countersign(&["show", "1"]).succeeds().stdout, &block);
    stage.read_all();
    stage.verifies();
}

#[test]
fn while_it_is_frozen_nothing_is_merged() {
    let mut stage = TestRepo::example();
    stage
        .countersign(&["freeze", "--as", "alice", "--reason", "Exchange outage"])
        .succeeds();
    stage.propose("strategy-optimizer", "a", LOW);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: LOW 0.00: everything is frozen

    **modify_parameters** on `rsi-eurusd-draft`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd-draft (inactive)
      stop_loss_pct: 3.0 → 1.5
    ```

    **LOW RISK (score 0.00)**

    This is LOW risk because:

    - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
    - `+0.00 parameters: stop_loss_pct: 1.5 (rules/parameters.yaml): stop_loss_pct 1.5 is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    It needs no approval.

    Everything is frozen: nothing is merged until an admin lifts it.
    ");
    stage.countersign(&["unfreeze", "--as", "alice"]).exits(1);
    stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    stage.run();
    has(&stage.report(1), "merged by the bot");
    assert_eq!(
        stage.log()[1..3],
        ["freeze: alice stops everything", "unfreeze: by carol"]
    );
}

#[test]
fn a_push_after_the_approval_needs_a_new_approval() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.run();
    stage.report(1);
    stage
        .countersign(&["review", "1", "--as", "alice", "--approve"])
        .succeeds();
    let clone = stage.clone_of("strategy-optimizer");
    let path = clone
        .git(&["ls-files", &format!("*{id}*")])
        .trim()
        .to_owned();
    let text = std::fs::read_to_string(clone.path.join(&path))
        .unwrap()
        .replace("stop_loss_pct: 4", "stop_loss_pct: 5");
    clone
        .write(&path, &text)
        .commit("A little more")
        .push("recommend/a");
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 5
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 5 (rules/parameters.yaml): stop_loss_pct 5 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    To make it less risky:

    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    It needs the approval of a reviewer.

    - not counted: the review of `alice`: it is for commit [commit]: the head is now [commit]

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    assert_eq!(stage.log().len(), 1);
}

#[test]
fn an_approval_survives_a_moved_main_only_if_its_facts_are_the_same() {
    let mut stage = TestRepo::example();
    stage.propose("strategy-optimizer", "a", MEDIUM);
    stage.propose(
        "strategy-optimizer",
        "b",
        "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {take_profit_pct: 6}",
    );
    stage.run();
    stage.read_all();
    for number in ["1", "2"] {
        stage
            .countersign(&["review", number, "--as", "alice", "--approve"])
            .succeeds();
    }
    stage.run();
    has(&stage.report(1), "approved and merged");
    insta::assert_snapshot!(redact(&stage.report(2)), @"
    waiting: MEDIUM 40.00: needs 1 approval by a reviewer

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      take_profit_pct: unset → 6
    ```

    **MEDIUM RISK (score 40.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+0.00 parameters: take_profit_pct: 6 (rules/parameters.yaml): take_profit_pct 6 is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    To make it less risky:

    - `only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    It needs the approval of a reviewer.

    - not counted: the review of `alice`: since it was given, a target has changed on `main`: approve again

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    stage
        .countersign(&["review", "2", "--as", "alice", "--approve"])
        .succeeds();
    stage.propose(
        "market-analyst",
        "c",
        "action: analyze\ntargets: [rsi-eurusd]",
    );
    stage.run();
    has(&stage.report(2), "approved and merged");
    stage.read_all();
}

#[test]
fn in_auto_approve_everything_is_scored_logged_and_merged() {
    let mut stage = TestRepo::in_mode("auto_approve");
    stage.propose("risk-manager", "a", HIGH);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r#"
    success: HIGH 75.00: merged by the bot

    **modify_parameters** on `rsi-eurusd-paper`, proposed by `risk-manager` as `[id]`

    ```text
    target rsi-eurusd-paper (paper)
      trading_mode: "paper" → "live"
    ```

    **HIGH RISK (score 75.00)**

    This is HIGH risk because:

    - `+40.00 environment: live (recommendation.yaml): counts as production, where the proposal moves it`
    - `+0.00 parameters: trading_mode: live (rules/parameters.yaml): trading_mode live is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `HIGH in any case, to_production: switches from test to production (live)`

    To make it less risky:

    - `trading_mode: inactive reaches LOW 20.00`

    It needs no approval.
    "#);
}

#[test]
fn feedback_is_a_commit_of_its_own() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "a", LOW);
    stage.run();
    stage.report(1);
    stage
        .countersign(&["feedback", &id, "--as", "alice", "--message", "Good call."])
        .succeeds();
    stage
        .countersign(&["feedback", &id, "--as", "mallory", "--message", "Mine too."])
        .exits(1);
    assert_eq!(
        stage.log()[3],
        "feedback: alice on modify_parameters on rsi-eurusd-draft"
    );
    let shown = stage
        .countersign(&["show", &id, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(shown["feedback"][0]["message"], "Good call.");
}

#[test]
fn a_governance_change_needs_an_admin_other_than_its_author() {
    let mut stage = TestRepo::example();
    let rules = stage
        .file("rules/governance.yaml")
        .replace("mode: two_tier", "mode: high_only");
    stage.govern("carol", "loosen", &[("rules/governance.yaml", &rules)]);
    stage.run();
    has(
        &stage.report(1),
        "waiting: governance change, HIGH: needs 1 approval by an admin, with a justification",
    );
    stage
        .countersign(&[
            "review",
            "1",
            "--as",
            "carol",
            "--approve",
            "--message",
            "I wrote it, so I know it is right.",
        ])
        .succeeds();
    stage.run();
    has(&stage.report(1), "`carol` opened the pull request");
    assert_eq!(stage.log().len(), 1);
}

#[test]
fn a_bot_with_a_key_signs_its_commits_as_git_verifies_them() {
    let mut stage = TestRepo::example();
    let key = stage.folder("bot-key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "bot", "-f"])
        .arg(&key)
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "ssh-keygen is needed for this test: install openssh-client"
    );
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let allowed = stage.folder("allowed");
    std::fs::write(&allowed, format!("bot@countersign.invalid {public}")).unwrap();
    stage.propose("strategy-optimizer", "a", LOW);
    stage
        .countersign(&["run", "--signing-key", key.to_str().unwrap()])
        .succeeds();
    has(&stage.report(1), "merged by the bot");
    let allowed = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    stage.git(&["-c", &allowed, "verify-commit", "main", "main^1"]);
    let broken = stage.folder("no-key");
    std::fs::write(&broken, "nonsense").unwrap();
    stage.propose("strategy-optimizer", "b", LOW);
    let refused = stage
        .countersign(&["run", "--signing-key", broken.to_str().unwrap()])
        .exits(1);
    has(&refused.stderr, "is not an OpenSSH private key");
    assert_eq!(
        stage.log().len(),
        3,
        "nothing is merged unsigned for want of a key"
    );
}
