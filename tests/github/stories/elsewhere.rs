//! What is carried out by a workflow: started once, reported by somebody else, or not at all.

use chrono::TimeDelta;
use countersign::ledger::verify::verify;

use super::world::{GithubFixture, Running, app, however_it_runs};
use super::{LOW, WHY};
use crate::double::Fault;
use crate::support::{TestRepo, has};

const DISPATCHES: &str = "/repos/{owner}/{repo}/dispatches";

/// `modify_parameters` is carried out by a workflow.
fn with_workflow(example: &TestRepo) {
    let (from, to) = ("external]\n", "external, dispatch]\n");
    example.edit_on_main("rules/governance.yaml", from, to);
    let to = "executor: dispatch\n    dispatch: {event_type: deploy, time_limit_seconds: 3600}\n";
    example.edit_on_main("rules/actions.yaml", "executor: apply\n", to);
}

/// The subject of the newest commit of `main`.
fn newest(fixture: &GithubFixture) -> String {
    fixture.github.log().last().unwrap().clone()
}

#[track_caller]
fn assert_whole(fixture: &GithubFixture) {
    let clone = fixture.forge.open_clone().unwrap();
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
    let mut fixture = GithubFixture::with(app, with_workflow);
    let number = fixture.proposes(LOW);
    fixture.hears();
    assert!(fixture.github.pull(number).merged_at.is_some());
    for _ in 0..2 {
        fixture.restarts(true);
        fixture.runs();
    }
    let started = fixture.github.dispatches();
    assert_eq!(started.len(), 1, "{started:?}");
    assert_eq!(started[0]["event_type"], "deploy");
    assert_eq!(started[0]["repository"], "acme/governance");
    let told = &started[0]["client_payload"];
    assert_eq!(told["attempt"], 1);
    assert_eq!(told["recommendation"]["changes"]["stop_loss_pct"], 1.5);
    assert_eq!(told["decision"]["status"], "auto_approved");
    has(&newest(&fixture), "claim: dispatch for modify_parameters");
    let id = told["id"].as_str().unwrap().to_owned();
    fixture.reports(&id, true).unwrap();
    has(&newest(&fixture), "outcome: success of modify_parameters");
    has(
        &fixture.reports(&id, true).unwrap_err().to_string(),
        "already ended in success",
    );
    fixture.wait(TimeDelta::hours(2));
    fixture.runs();
    has(&newest(&fixture), "outcome: success of modify_parameters");
    assert_eq!(fixture.github.dispatches().len(), 1);
    assert_whole(&fixture);
    fixture.github.read_all();
}

#[test]
fn a_workflow_that_does_not_report_is_unknown() {
    let mut fixture = GithubFixture::with(app, with_workflow);
    fixture.proposes(LOW);
    // It started, and the answer that says so was lost.
    let fault = Fault::bad_gateway_after_write().on("POST", DISPATCHES);
    fixture.github.fault(fault);
    fixture.hears();
    fixture.wait(TimeDelta::minutes(59));
    fixture.runs();
    assert_eq!(fixture.github.dispatches().len(), 1);
    has(&newest(&fixture), "claim: dispatch");
    fixture.wait(TimeDelta::minutes(2));
    fixture.runs();
    fixture.runs();
    has(&newest(&fixture), "outcome: unknown of modify_parameters");
    let id = fixture.github.dispatches()[0]["client_payload"]["id"].clone();
    fixture.reports(id.as_str().unwrap(), false).unwrap();
    has(&newest(&fixture), "outcome: failure of modify_parameters");
    assert_eq!(fixture.github.dispatches().len(), 1);
    assert_whole(&fixture);
    fixture.github.read_all();
}

#[test]
fn a_workflow_that_github_refuses_to_start_is_a_failure() {
    let mut fixture = GithubFixture::with(app, with_workflow);
    fixture.proposes(LOW);
    let fault = Fault::answers(404, "Not Found").on("POST", DISPATCHES);
    fixture.github.fault(fault);
    fixture.hears();
    fixture.runs();
    has(&newest(&fixture), "outcome: failure of modify_parameters");
    assert_eq!(fixture.github.dispatches().len(), 0);
    fixture.github.read_all();
}

const COMMENTS: &str = "/repos/{owner}/{repo}/issues/{issue_number}/comments";

/// What alice approved, and the change that raises its risk, which carol approved: both are decided in the next run.
fn approved_and_overtaken(fixture: &mut GithubFixture) -> (u64, String) {
    let number = fixture.proposes(OPTIMIZE);
    let promotion = fixture.proposes(PROMOTE);
    fixture.hears();
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.github.user("carol").approves(promotion, WHY);
    let listed = [
        "diff",
        "--name-only",
        "main",
        &format!("refs/pull/{number}/head"),
    ];
    let path = fixture.github.git(&listed).trim().to_owned();
    (number, path.replace("recommendation.yaml", "rescored.yaml"))
}

const OPTIMIZE: &str = "action: optimize\ntargets: [rsi-eurusd-paper, rsi-eurusd-draft]\nchanges: {stop_loss_pct: 5.5}";
const PROMOTE: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-paper]\nchanges: {trading_mode: live}";

/// `optimize` is carried out by a workflow.
fn with_workflow_for_optimize(example: &TestRepo) {
    let (from, to) = ("external]\n", "external, dispatch]\n");
    example.edit_on_main("rules/governance.yaml", from, to);
    let actions = example.file("rules/actions.yaml");
    let (before, own) = actions.split_once("  optimize:\n").unwrap();
    let to = "executor: dispatch\n    dispatch: {event_type: deploy, time_limit_seconds: 3600}\n";
    let own = own.replacen("executor: apply\n", to, 1);
    let actions = format!("{before}  optimize:\n{own}");
    example.commit_to_main(&[("rules/actions.yaml", Some(&actions))]);
}

/// What the bot wrote on a pull request after its end.
pub fn said_after_end(fixture: &GithubFixture, number: u64) -> Vec<String> {
    let all = fixture.github.all_comments(number).into_iter();
    let said = all.map(|comment| comment.body);
    said.filter(|body| body.starts_with("<!-- countersign-after-end "))
        .collect()
}

#[test]
fn who_approved_what_is_rescored_is_told_once_on_the_pull_request() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running_with(running, with_workflow_for_optimize);
        let (number, path) = approved_and_overtaken(&mut fixture);
        match running {
            Running::OneProcess => fixture.hears(),
            // Both are decided in one run, which no single event would start.
            Running::RestartBeforeEachEvent | Running::NewProcessForEachEvent => {
                fixture.github.forget_webhooks();
                fixture.runs_by_timer();
            }
        }
        fixture.runs_by_timer();
        fixture.runs_by_timer();
        let id = path.split('/').nth(5).unwrap();
        let expected = format!(
            "<!-- countersign-after-end rescored-{id} -->\n\
             **Scored again: MEDIUM 57.50 is now HIGH 77.50**\n\n\
             It was decided with 1 approval by a reviewer, and would need 1 approval by an admin, with a justification now.\n\n\
             The bot does not carry it out: propose it anew with a fresh id, or carry it out by hand and report that with \
             `countersign outcome`. Both scores are on `main`, in `{path}`.\n"
        );
        assert_eq!(said_after_end(&fixture, number), [expected]);
        assert_eq!(fixture.github.dispatches().len(), 0);
        assert!(fixture.github.pull(number).merged_at.is_some());
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn who_could_not_be_told_of_it_is_told_by_the_next_run() {
    for restarts in [false, true] {
        let mut fixture = GithubFixture::with(app, with_workflow_for_optimize);
        let (number, _) = approved_and_overtaken(&mut fixture);
        fixture.takes_events();
        let fault = Fault::answers(502, "Server Error").on("POST", COMMENTS);
        fixture.github.fault(fault);
        let failed = fixture.tries_to_run().unwrap_err().to_string();
        has(
            &failed,
            &format!(
                "not everybody could be told, and the next run tells them: #{number}: GitHub answered"
            ),
        );
        assert_eq!(said_after_end(&fixture, number).len(), 0);
        if restarts {
            fixture.restarts(true);
        }
        fixture.runs();
        assert_eq!(said_after_end(&fixture, number).len(), 1);
        fixture.restarts(true);
        fixture.runs();
        assert_eq!(said_after_end(&fixture, number).len(), 1);
        fixture.github.read_all();
    }
}
