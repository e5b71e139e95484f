//! What is carried out by a workflow: started once, reported by somebody else, or not at all.

use chrono::TimeDelta;
use countersign::ledger::verify::verify;

use crate::LOW;
use crate::github_double::Fault;
use crate::support::{Stage, has};
use crate::world::{Duty, app};

const DISPATCHES: &str = "/repos/{owner}/{repo}/dispatches";

/// `modify_parameters` is carried out by a workflow.
fn with_workflow(example: &Stage) {
    let (from, to) = ("external]\n", "external, dispatch]\n");
    example.edit_on_main("rules/governance.yaml", from, to);
    let to = "executor: dispatch\n    dispatch: {event_type: deploy, time_limit_seconds: 3600}\n";
    example.edit_on_main("rules/actions.yaml", "executor: apply\n", to);
}

/// The subject of the newest commit of `main`.
fn newest(duty: &Duty) -> String {
    duty.github.log().last().unwrap().clone()
}

#[track_caller]
fn assert_whole(duty: &Duty) {
    let clone = duty.forge.open_clone().unwrap();
    let verification = verify(&clone, None, &mut |_, _| {}).unwrap();
    let findings = verification.findings.iter();
    // The example was edited by hand to begin with.
    let found: Vec<_> = findings
        .filter(|finding| !finding.message.contains("no event"))
        .map(|finding| (finding.kind, finding.message.clone()))
        .collect();
    let cases = found
        .iter()
        .filter(|(_, message)| message.contains("executor") || message.contains("claim"));
    assert_eq!(cases.count(), 0, "{found:?}");
}

#[test]
fn a_workflow_is_started_once_and_reports() {
    let mut duty = Duty::with(app, with_workflow);
    let number = duty.proposes(LOW);
    duty.hears();
    assert!(duty.github.pull(number).merged_at.is_some());
    for _ in 0..2 {
        duty.restarts(true);
        duty.runs();
    }
    let started = duty.github.dispatches();
    assert_eq!(started.len(), 1, "{started:?}");
    assert_eq!(started[0]["event_type"], "deploy");
    assert_eq!(started[0]["repository"], "acme/governance");
    let told = &started[0]["client_payload"];
    assert_eq!(told["attempt"], 1);
    assert_eq!(told["recommendation"]["changes"]["stop_loss_pct"], 1.5);
    assert_eq!(told["decision"]["status"], "auto_approved");
    has(&newest(&duty), "claim: dispatch for modify_parameters");
    let id = told["id"].as_str().unwrap().to_owned();
    duty.reports(&id, true).unwrap();
    has(&newest(&duty), "outcome: success of modify_parameters");
    has(
        &duty.reports(&id, true).unwrap_err().to_string(),
        "already ended in success",
    );
    duty.wait(TimeDelta::hours(2));
    duty.runs();
    has(&newest(&duty), "outcome: success of modify_parameters");
    assert_eq!(duty.github.dispatches().len(), 1);
    assert_whole(&duty);
    duty.github.read_all();
}

#[test]
fn a_workflow_that_does_not_report_is_unknown() {
    let mut duty = Duty::with(app, with_workflow);
    duty.proposes(LOW);
    // It started, and the answer that says so was lost.
    let fault = Fault::bad_gateway_after_write().on("POST", DISPATCHES);
    duty.github.fault(fault);
    duty.hears();
    duty.wait(TimeDelta::minutes(59));
    duty.runs();
    assert_eq!(duty.github.dispatches().len(), 1);
    has(&newest(&duty), "claim: dispatch");
    duty.wait(TimeDelta::minutes(2));
    duty.runs();
    duty.runs();
    has(&newest(&duty), "outcome: unknown of modify_parameters");
    let id = duty.github.dispatches()[0]["client_payload"]["id"].clone();
    duty.reports(id.as_str().unwrap(), false).unwrap();
    has(&newest(&duty), "outcome: failure of modify_parameters");
    assert_eq!(duty.github.dispatches().len(), 1);
    assert_whole(&duty);
    duty.github.read_all();
}

#[test]
fn a_workflow_that_github_refuses_to_start_is_a_failure() {
    let mut duty = Duty::with(app, with_workflow);
    duty.proposes(LOW);
    let fault = Fault::answers(404, "Not Found").on("POST", DISPATCHES);
    duty.github.fault(fault);
    duty.hears();
    duty.runs();
    has(&newest(&duty), "outcome: failure of modify_parameters");
    assert_eq!(duty.github.dispatches().len(), 0);
    duty.github.read_all();
}
