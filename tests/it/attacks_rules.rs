//! Attempts to be asked less by what rules look at: labels, targets and windows.

use chrono::TimeDelta;

use crate::policy::with_rules;
use crate::support::proposals::{AGENT, MEDIUM, WHY};
use crate::support::{TestRepo, redact};

const OWNERS: &str = "  - id: owners\n    when: effect != 'none'\n    ask: {from: {label: owner}}\n    reason: its owners agree\n";
const TARGET: &str = "targets/rsi-eurusd.yaml";

/// What the bot says in one line.
fn title(stage: &mut TestRepo, number: u64) -> String {
    let report = redact(&stage.report(number));
    report.lines().next().unwrap().to_owned()
}

#[test]
fn the_approval_of_those_who_owned_it_is_none_of_those_who_do() {
    let mut stage = with_rules(OWNERS);
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    stage.approve(1, "erin");
    let given_away = stage
        .file(TARGET)
        .replace("owner: payments", "owner: security");
    stage.commit_to_main(&[(TARGET, Some(&given_away))]);
    stage.approve(1, "bob");
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 1), @"waiting: MEDIUM 55.00: needs 1 approval from security (owners)");
    stage.approve(1, "frank");
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 1), @"success: MEDIUM 55.00: approved and merged");
    stage.verifies();
}

#[test]
fn an_agent_gives_no_label_to_what_it_makes() {
    let mut stage = with_rules(OWNERS);
    let make = "action: create_strategy\ntargets: [fresh]\nchanges: {trading_mode: inactive, labels: {owner: payments}}";
    stage.propose(AGENT, "a", make);
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 1), @"waiting: LOW 30.00: needs 1 approval from admins (owners)");
    stage
        .review(1, "carol", &["--approve", "--message", WHY])
        .succeeds();
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(stage.file("targets/fresh.yaml"), @"
    schema: countersign/target/v1
    environment: inactive
    parameters:
      labels:
        owner: payments
      trading_mode: inactive
    ");
    let change = "action: modify_parameters\ntargets: [fresh]\nchanges: {stop_loss_pct: 1.5}";
    stage.propose(AGENT, "b", change);
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 2), @"waiting: LOW 0.00: needs 1 approval from admins (owners)");
    stage.verifies();
}

#[test]
fn beside_another_target_each_owner_is_asked_all_the_same() {
    let mut stage = with_rules(OWNERS);
    stage.propose(
        AGENT,
        "a",
        &MEDIUM.replace("[rsi-eurusd]", "[rsi-eurusd, rsi-eurusd-draft]"),
    );
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 1), @"waiting: MEDIUM 65.00: needs 1 approval by a reviewer; 1 approval from admins and 1 approval from payments (owners)");
    stage.read_all();
}

#[test]
fn what_was_approved_before_a_window_is_not_merged_in_it() {
    let mut stage = with_rules(
        "  - id: still\n    when: \"'quiet' in windows\"\n    then: wait\n    reason: a quiet time\n",
    );
    let local = |hours| {
        let at = stage.now() + TimeDelta::hours(hours);
        at.format("%Y-%m-%d %H:%M").to_string()
    };
    let (from, to) = (local(1), local(3));
    let governance = format!(
        "{}\nwindows: {{quiet: {{from: {from}, to: {to}, timezone: UTC}}}}\n",
        stage.file("rules/governance.yaml")
    );
    stage.commit_to_main(&[("rules/governance.yaml", Some(&governance))]);
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    stage.approve(1, "bob");
    stage.wait(TimeDelta::hours(2));
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 1), @"waiting: MEDIUM 55.00: held back: a quiet time (still)");
    stage.wait(TimeDelta::hours(2));
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 1), @"success: MEDIUM 55.00: approved and merged");
    stage.verifies();
}
