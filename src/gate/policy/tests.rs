//! A policy test fails when, and only when, something else comes out; and says what.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::risk::fixtures;

fn failures_of(yaml: &str) -> Vec<String> {
    let yaml = format!("schema: countersign/policy-test/v1\ntests:\n- name: it\n{yaml}");
    let tests = crate::rules::policy_test::read("rules/tests/x.yaml", yaml.as_bytes());
    let tests = tests.unwrap_or_else(|problems| panic!("{problems}"));
    run(tests.first().unwrap(), fixtures::rules()).failures
}

#[test]
fn a_failure_says_what_was_expected_what_was_found_and_why() {
    let failures = failures_of(
        "  recommend: {action: modify_parameters, targets: [s], changes: {stop_loss_pct: 4}}
  given: {targets: {s: {environment: live}}}
  expect: {level: LOW, score: 10, triggers: [unattributed], reasons: [because], role: admin, requires: {role: none, approvals: 0, justification: false}}
",
    );
    assert_eq!(
        failures.join("\n"),
        "\
level: expected LOW, found MEDIUM
score: expected 10.00, found 55.00
triggers: expected unattributed, found none
role: expected admin, found reviewer
requires: expected {role: none, approvals: 0, justification: false}, found {role: reviewer, approvals: 1, justification: false}
reasons: expected one with \"because\", found none
MEDIUM RISK (score 55.00)
This is MEDIUM risk because:
  +40.00 environment: live (targets/s.yaml): counts as production
  +15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate
  +0.00 scope: 1 target (recommendation.yaml): single entity
  +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible
No edit that was tried reaches a lower level. What lowers the score most:
  stop_loss_pct: 3 lowers the score to MEDIUM 40.00
It needs the approval of a reviewer."
    );
}

#[test]
fn a_proposal_that_would_be_refused_fails_the_test() {
    let failures = failures_of(
        "  recommend: {action: analyze, changes: {leverage: 1}}\n  expect: {level: LOW}\n",
    );
    assert!(
        failures
            .concat()
            .contains("the proposal is invalid: recommend: changes: `analyze` has no effect")
    );
    let failures = failures_of(
        "  recommend: {agent: market-analyst, action: optimize, targets: [s], changes: {leverage: 1}}\n  expect: {level: LOW}\n",
    );
    assert!(
        failures
            .concat()
            .contains("it may propose analyze, query_documentation")
    );
}
