//! `limit` of a rule: what is approved adds up, whoever proposes it and however it is split, and is free again in time.

use std::process::Child;

use chrono::TimeDelta;

use crate::support::proposals::{AGENT, WHY};
use crate::support::{TestRepo, has, redact};

/// The example with one more rule.
fn stage(rule: &str) -> TestRepo {
    let stage = TestRepo::example();
    let policy = format!("{}\n{rule}", stage.file("rules/policy.yaml"));
    stage.commit_to_main(&[("rules/policy.yaml", Some(&policy))]);
    stage
}

const THREE_AN_HOUR: &str = "  - id: many\n    when: effect == 'modify'\n    limit: {at_most: 3, per: agent, within: 1h}\n    \
    then: MEDIUM\n    reason: an agent that changes so much is looked at\n";

fn set(value: usize) -> String {
    format!(
        "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {{stop_loss_pct: 1.{value}}}"
    )
}

/// The files below `usage/`, with their content.
fn used(stage: &TestRepo) -> String {
    let paths = stage.git(&["ls-tree", "-r", "--name-only", "main", "usage"]);
    let files = paths.lines().map(|path| stage.file(path));
    redact(&files.collect::<Vec<_>>().join("---\n"))
}

#[test]
fn proposals_of_one_batch_see_each_other_and_what_is_used_is_free_again() {
    let mut stage = stage(THREE_AN_HOUR);
    for value in 1..=5 {
        stage.propose(AGENT, &format!("b{value}"), &set(value));
    }
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(4)), @"
    waiting: MEDIUM 50.00: needs 1 approval by a reviewer

    **modify_parameters** on `rsi-eurusd-draft`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd-draft (inactive)
      stop_loss_pct: 1.3 → 1.4 (3.0 when people saw it last)
    ```

    **MEDIUM RISK (score 50.00)**

    This is MEDIUM risk because:

    - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
    - `+0.00 parameters: stop_loss_pct: 1.4 (rules/parameters.yaml): stop_loss_pct 1.4 is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `lifts to at least MEDIUM 50.00, many: an agent that changes so much is looked at: 3 of 3 decisions used for agent strategy-optimizer within 1h, and this adds 1; enough is free again at [time] (no edit removes this)`

    No edit that was tried makes it less risky.

    It needs the approval of a reviewer.

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    insta::assert_snapshot!(stage.listed(), @"
     #  STATUS         RISK          AGENT               WHAT                                OUTCOME
     5  pending        MEDIUM 50.00  strategy-optimizer  modify_parameters rsi-eurusd-draft
     4  pending        MEDIUM 50.00  strategy-optimizer  modify_parameters rsi-eurusd-draft
     3  auto_approved  LOW 0.00      strategy-optimizer  modify_parameters rsi-eurusd-draft  success
     2  auto_approved  LOW 0.00      strategy-optimizer  modify_parameters rsi-eurusd-draft  success
     1  auto_approved  LOW 0.00      strategy-optimizer  modify_parameters rsi-eurusd-draft  success
    warning: 1 of 9 commits on `main` are in no case, the first is `[commit]`: it does not say which event it is: the bot did not make it; `countersign verify` says more
    ");
    insta::assert_snapshot!(used(&stage), @r#"
    schema: countersign/usage/v1
    rule: many
    counts: decisions per agent within 1h
    per:
      agent: strategy-optimizer
    parts:
    - from: [time]
      used: "3"
    "#);
    // A person's approval counts as well.
    stage.approve(4, "alice");
    stage.run();
    stage.wait(TimeDelta::minutes(50));
    stage.run();
    stage.wait(TimeDelta::minutes(20));
    stage.run();
    insta::assert_snapshot!(stage.listed(), @"
     #  STATUS         RISK          AGENT               WHAT                         APPROVED  OUTCOME
     5  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
     4  approved       MEDIUM 50.00  strategy-optimizer  modify_pa… rsi-eurusd-draft  alice     success
     3  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
     2  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
     1  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
    warning: 1 of 13 commits on `main` are in no case, the first is `[commit]`: it does not say which event it is: the bot did not make it; `countersign verify` says more
    ");
    insta::assert_snapshot!(used(&stage), @r#"
    schema: countersign/usage/v1
    rule: many
    counts: decisions per agent within 1h
    per:
      agent: strategy-optimizer
    parts:
    - from: [time]
      used: "1"
    "#);
    stage.verifies();
}

/// An HTTP or program executor obeys the details of its action; here one that does nothing.
fn refunds(rule: &str) -> TestRepo {
    let stage = TestRepo::example();
    let policy = format!("{}\n{rule}", stage.file("rules/policy.yaml"));
    let actions = format!(
        "{}\n  refund:\n    description: Pays back.\n    effect: modify\n    reversibility: easy\n    obeys: [amount, customer]\n    \
         executor: external\n",
        stage.file("rules/actions.yaml")
    );
    let agents = stage.file("rules/agents.yaml").replacen(
        "      - modify_parameters\n",
        "      - modify_parameters\n      - refund\n",
        1,
    );
    assert!(agents.contains("refund"));
    stage.commit_to_main(&[
        ("rules/policy.yaml", Some(&policy)),
        ("rules/actions.yaml", Some(&actions)),
        ("rules/agents.yaml", Some(&agents)),
    ]);
    stage
}

fn refund(details: &str) -> String {
    format!(
        "action: refund\ntargets: [rsi-eurusd-draft]\nchanges: {{stop_loss_pct: 2}}\ndetails: {{{details}}}"
    )
}

const A_DAY: &str = "  - id: refunds\n    when: action == 'refund'\n    \
    limit: {of: details.amount, at_most: 100, per: details.customer, within: day, timezone: Europe/Berlin}\n    \
    then: MEDIUM\n    reason: so much is paid back to a customer on one day\n";

#[test]
fn amounts_add_up_for_each_customer_however_they_are_written() {
    let mut stage = refunds(A_DAY);
    let details = [
        "amount: 60, customer: \"42\"",
        // The same customer, written otherwise.
        "amount: 50, customer: 42",
        "amount: 50, customer: \" 042.0 \"",
        // Another one, and what is no amount.
        "amount: 50, customer: 43",
        "amount: -50, customer: 43",
        "amount: lots, customer: 43",
        "amount: 50",
        "amount: 40.01, customer: 42",
    ];
    for (index, details) in details.iter().enumerate() {
        stage.propose(AGENT, &format!("r{index}"), &refund(details));
    }
    stage.run();
    let reasons: Vec<String> = [2, 3, 5, 6, 7, 8]
        .iter()
        .map(|number| {
            let report = redact(&stage.report(*number));
            let line = report.lines().find(|line| line.contains("refunds: "));
            line.unwrap_or("nothing fired").to_owned()
        })
        .collect();
    insta::assert_snapshot!(reasons.join("\n"), @"
    - `lifts to at least MEDIUM 50.00, refunds: so much is paid back to a customer on one day: 60 of 100 amount used for customer 42 on one day (Europe/Berlin), and this adds 50; enough is free again at [time] (no edit removes this)`
    - `lifts to at least MEDIUM 50.00, refunds: so much is paid back to a customer on one day: 60 of 100 amount used for customer 42 on one day (Europe/Berlin), and this adds 50; enough is free again at [time] (no edit removes this)`
    - `lifts to at least MEDIUM 50.00, refunds: so much is paid back to a customer on one day: details.amount is no amount of 0 or more (no edit removes this)`
    - `lifts to at least MEDIUM 50.00, refunds: so much is paid back to a customer on one day: details.amount is no amount of 0 or more (no edit removes this)`
    - `lifts to at least MEDIUM 50.00, refunds: so much is paid back to a customer on one day: details.customer is missing, or no text or number (no edit removes this)`
    - `lifts to at least MEDIUM 50.00, refunds: so much is paid back to a customer on one day: 60 of 100 amount used for customer 42 on one day (Europe/Berlin), and this adds 40.01; enough is free again at [time] (no edit removes this)`
    ");
    insta::assert_snapshot!(stage.listed(), @"
     #  STATUS         RISK          AGENT               WHAT                     OUTCOME
     8  pending        MEDIUM 50.00  strategy-optimizer  refund rsi-eurusd-draft
     7  pending        MEDIUM 50.00  strategy-optimizer  refund rsi-eurusd-draft
     6  pending        MEDIUM 50.00  strategy-optimizer  refund rsi-eurusd-draft
     5  pending        MEDIUM 50.00  strategy-optimizer  refund rsi-eurusd-draft
     3  pending        MEDIUM 50.00  strategy-optimizer  refund rsi-eurusd-draft
     2  pending        MEDIUM 50.00  strategy-optimizer  refund rsi-eurusd-draft
     4  auto_approved  LOW 0.00      strategy-optimizer  refund rsi-eurusd-draft
     1  auto_approved  LOW 0.00      strategy-optimizer  refund rsi-eurusd-draft
    warning: 1 of 5 commits on `main` are in no case, the first is `[commit]`: it does not say which event it is: the bot did not make it; `countersign verify` says more
    ");
    insta::assert_snapshot!(used(&stage), @r#"
    schema: countersign/usage/v1
    rule: refunds
    counts: details.amount per details.customer within day in Europe/Berlin
    per:
      details.customer: "42"
    parts:
    - from: [time]
      used: "60"
    ---
    schema: countersign/usage/v1
    rule: refunds
    counts: details.amount per details.customer within day in Europe/Berlin
    per:
      details.customer: "43"
    parts:
    - from: [time]
      used: "50"
    "#);
    stage.verifies();
}

#[test]
fn a_backtest_counts_what_was_approved_before_there_was_a_limit() {
    let mut stage = TestRepo::example();
    for value in 1..=5 {
        stage.propose(AGENT, &format!("b{value}"), &set(value));
    }
    stage.run();
    stage.wait(TimeDelta::hours(2));
    stage.propose(AGENT, "later", &set(6));
    stage.run();
    let policy = format!("{}\n{THREE_AN_HOUR}", stage.file("rules/policy.yaml"));
    stage.govern("carol", "govern/limit", &[("rules/policy.yaml", &policy)]);
    stage.run();
    let report = redact(&stage.report(7));
    let backtest = report.find("past decisions replayed").unwrap();
    let backtest = &report[report[..backtest].rfind("\n\n").unwrap()..];
    insta::assert_snapshot!(backtest.trim(), @"
    6 past decisions replayed: 2 would have had another level, 2 been asked of other people.
    - LOW → LOW: 4
    - LOW → MEDIUM: 2

    Approvals asked for: 0 then, 2 now.
    More of people would be asked in 2, nobody then in 2 of them: 0 were HIGH, 0 were rejected, 0 failed, 2 succeeded.

    Other decisions that come out differently, newest first:

    - #5 `[id]` modify_parameters on `rsi-eurusd-draft`: LOW 0.00 → MEDIUM 50.00, asks 1 reviewer instead of nobody; auto_approved, success
    - #4 `[id]` modify_parameters on `rsi-eurusd-draft`: LOW 0.00 → MEDIUM 50.00, asks 1 reviewer instead of nobody; auto_approved, success


    Still needed: 1 approval by an admin, with a justification.
    ");
    stage.read_all();
    stage.verifies();
}

#[test]
fn what_was_rejected_or_withdrawn_neither_counts_nor_resets_anything() {
    let mut stage = stage(THREE_AN_HOUR);
    for value in 1..=3 {
        stage.propose(AGENT, &format!("b{value}"), &set(value));
    }
    stage.run();
    stage.propose(AGENT, "rejected", &set(4));
    stage.propose(AGENT, "withdrawn", &set(5));
    stage.run();
    let no = ["--reject", "too_risky", "--message", WHY];
    stage.review(4, "alice", &no).succeeds();
    stage.git(&["update-ref", "-d", "refs/heads/recommend/withdrawn"]);
    stage.run();
    let before = used(&stage);
    stage.propose(AGENT, "once-more", &set(6));
    stage.run();
    insta::assert_snapshot!(stage.listed(), @"
     #  STATUS         RISK          AGENT               WHAT                         REJECTED  OUTCOME
     6  pending        MEDIUM 50.00  strategy-optimizer  modify_pa… rsi-eurusd-draft
     5  withdrawn      MEDIUM 50.00  strategy-optimizer  modify_pa… rsi-eurusd-draft
     4  rejected       MEDIUM 50.00  strategy-optimizer  modify_pa… rsi-eurusd-draft  alice
     3  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
     2  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
     1  auto_approved  LOW 0.00      strategy-optimizer  modify_pa… rsi-eurusd-draft            success
    warning: 1 of 11 commits on `main` are in no case, the first is `[commit]`: it does not say which event it is: the bot did not make it; `countersign verify` says more
    ");
    assert_eq!(used(&stage), before);
    stage.verifies();
}

#[test]
fn two_bots_at_once_approve_no_more_than_the_limit() {
    let mut stage = stage(THREE_AN_HOUR);
    for value in 1..=6 {
        stage.propose(AGENT, &format!("b{value}"), &set(value));
    }
    let started: Vec<Child> = (0..3)
        .map(|_| stage.command(&["run"]).spawn().unwrap())
        .collect();
    for mut bot in started {
        bot.wait().unwrap();
    }
    stage.run();
    stage.read_all();
    let listed = stage.countersign(&["list", "--status", "auto_approved"]);
    assert_eq!(listed.text().matches("auto_approved").count(), 3);
    stage.verifies();
}

#[test]
fn exactly_the_same_is_approved_once() {
    let mut stage = stage(
        "  - id: once\n    when: effect == 'modify'\n    limit: {at_most: 1, per: proposal, within: ever}\n    then: refuse\n    \
         reason: exactly this was done before\n",
    );
    stage.propose(AGENT, "a", &set(5));
    stage.propose(AGENT, "b", &set(6));
    stage.propose(
        AGENT,
        "c",
        "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.50}",
    );
    stage.run();
    insta::assert_snapshot!(stage.listed(), @"
     #  STATUS         RISK      AGENT               WHAT                                OUTCOME
     3  refused        LOW 0.00  strategy-optimizer  modify_parameters rsi-eurusd-draft
     2  auto_approved  LOW 0.00  strategy-optimizer  modify_parameters rsi-eurusd-draft  success
     1  auto_approved  LOW 0.00  strategy-optimizer  modify_parameters rsi-eurusd-draft  success
    warning: 1 of 8 commits on `main` are in no case, the first is `[commit]`: it does not say which event it is: the bot did not make it; `countersign verify` says more
    ");
    stage.verifies();
}

#[test]
fn a_limit_that_cannot_be_meant_is_refused() {
    let stage = TestRepo::example();
    let policy = stage.file("rules/policy.yaml");
    let said: Vec<String> = [
        "limit: {at_most: 3}",
        "limit: {at_most: -1, within: 1h}",
        "limit: {at_most: 3, within: soon}",
        "limit: {at_most: 3, within: 5s}",
        "limit: {at_most: 3, of: money, within: 1h}",
        "limit: {at_most: 3, of: parameter.stop_los_pct, within: 1h}",
        "limit: {at_most: 3, of: parameter.trading_mode, within: 1h}",
        "limit: {at_most: 3, of: evidence.cost, within: 1h}",
        "limit: {at_most: 3, of: details.amount, within: 1h}",
        "limit: {at_most: 3, per: [agent, agents], within: 1h}",
        "limit: {at_most: 3, per: [agent, agent], within: 1h}",
        "limit: {at_most: 3, within: 1h, timezone: Europe/Berlin}",
        "limit: {at_most: 3, within: day, timezone: Europe/Bonn}",
        "limit: {at_most: 3, within: 1h}\n    ask: {from: reviewers, instead: true}",
    ]
    .iter()
    .map(|limit| {
        let rule = format!("{policy}\n  - id: wrong\n    when: bulk\n    {limit}\n    then: MEDIUM\n    reason: wrong\n");
        let copy = stage.copy();
        copy.commit_to_main(&[("rules/policy.yaml", Some(&rule))]);
        let tested = copy.countersign(&["test"]);
        assert_ne!(tested.status, 0, "{limit}");
        redact(&tested.stderr)
    })
    .collect();
    insta::assert_snapshot!(said.concat(), @"
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:12: rules[11].limit.within: missing key `within`: add it
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:22: rules[11].limit.at_most: it is negative: expected 0 or more
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:33: rules[11].limit.within: `soon` is no such time: expected a time such as `24h` or `7d`, `day`, `month` or `ever`
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:33: rules[11].limit.within: `5s` is too short or too long: expected 24 seconds to ten years
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:29: rules[11].limit.of: `money` cannot be counted: expected `decisions`, `parameter.NAME`, `details.NAME` or `evidence.NAME`
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:29: rules[11].limit.of: `stop_los_pct` is not a parameter of `rules/parameters.yaml`: did you mean `stop_loss_pct`? expected one of circuit_breaker_enabled, leverage, max_drawdown_pct, position_size_pct, stop_loss_enabled, stop_loss_pct, take_profit_pct, trading_mode
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:29: rules[11].limit.of: `trading_mode` is no number, quantity or duration in `rules/parameters.yaml`: only what has an order can be summed
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:29: rules[11].limit.of: `cost` is not in `rules/evidence.yaml`, which names nothing
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:29: rules[11].limit.of: no executor obeys `details.amount`, so an agent could write anything there: name it in `obeys` of its actions in `rules/actions.yaml`, or count something else
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:25: rules[11].limit.per: `agents` cannot be counted by: expected `agent`, `action`, `target`, `parameter`, `proposal`, `label.NAME`, `parameter.NAME` or `details.NAME`
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:25: rules[11].limit.per: it names one thing twice: leave one out
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:47: rules[11].limit.timezone: only `day` and `month` have one: leave it out
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:48: rules[11].limit.timezone: `Europe/Bonn` is not a timezone: expected one such as `Europe/Berlin` or `UTC`
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    error: the rules on `main` cannot be read:
    rules/policy.yaml:162:5: rules[11].limit: who is asked instead does not depend on how much was used: leave `instead` or `limit` out
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    ");
}

#[test]
fn a_forged_use_of_a_limit_is_found_and_none_is_proposed() {
    let mut stage = stage(THREE_AN_HOUR);
    stage.propose(AGENT, "a", &set(1));
    stage.run();
    let path = stage.git(&["ls-tree", "-r", "--name-only", "main", "usage"]);
    let path = path.trim();
    let less = stage.file(path).replace("used: \"1\"", "used: \"0\"");
    assert_ne!(less, stage.file(path));
    stage.govern("carol", "govern/usage", &[(path, &less)]);
    stage.run();
    has(&stage.report(2), "a record is never edited or removed");
    stage.read_all();
    stage.verifies();
    stage.write_to_main(&[(path, Some(&less))]);
    let verified = stage.countersign(&["verify"]);
    assert_ne!(verified.status, 0);
    has(&verified.text(), "a record is never edited or removed");
}
