//! What goes wrong between a server and GitHub, and what people see of it.

use super::world::{Host, serve, stage};
use super::{HIGH, LOW, MEDIUM, WHY};
use crate::double::{Fault, REPO};
use crate::support::serving::Serving;
use crate::support::{has, has_not};

/// The first comment and the first check run, in one request.
const OPENING: &str = "/graphql (mutation)";
const CHECKS: &str = "/repos/{owner}/{repo}/check-runs";
const COMMENTS: &str = "/repos/{owner}/{repo}/issues/{issue_number}/comments";

#[test]
fn a_push_between_approval_and_merge_needs_a_new_approval() {
    let host = Host::new();
    let number = host.proposes(HIGH);
    host.rests();
    host.github.webhooks_live(false);
    host.approves("carol", number, WHY);
    let branch = host.github.pull(number).head_ref;
    let listed = host
        .github
        .git(&["ls-tree", "-r", "--name-only", &branch, "recommendations"]);
    let path = listed.trim();
    let text = host.github.git(&["show", &format!("{branch}:{path}")]);
    let changed = text.replace("live}", "live, stop_loss_pct: 3.5}");
    host.github
        .agent("strategy-optimizer")
        .pushes_more(&branch, &[(path, &changed)]);
    // The approval is heard when the push has happened, and its webhook has not come.
    host.github.deliver();
    host.github.webhooks_live(true);
    host.rests();
    assert!(host.github.pull(number).open);
    has(&host.check(number), "the head is now");
    host.approves("carol", number, WHY);
    host.rests();
    host.is_merged(number);
    host.github.read_all();
}

#[test]
fn a_force_push_is_a_new_head() {
    let host = Host::new();
    let number = host.proposes(MEDIUM);
    host.rests();
    host.github.webhooks_live(false);
    host.approves("alice", number, "Fine.");
    let branch = host.github.pull(number).head_ref;
    let (path, text) = host.example.recommendation("strategy-optimizer", MEDIUM);
    host.github
        .agent("strategy-optimizer")
        .pushes_branch(&branch, &[(&path, &text)]);
    host.github.deliver();
    host.github.webhooks_live(true);
    host.rests();
    assert!(host.github.pull(number).open);
    has(&host.check(number), "needs 1 approval by a reviewer");
    host.github.read_all();
}

#[test]
fn a_retargeted_pull_request_waits_until_it_is_ours_again() {
    let host = Host::new();
    let dana = host.github.user("dana");
    dana.pushes_branch("release", &[("x.txt", "x")]);
    let number = host.proposes(MEDIUM);
    host.rests();
    let agent = host.github.agent("strategy-optimizer");
    agent.retargets(number, "release");
    host.approves("alice", number, "Fine.");
    host.rests();
    assert!(host.github.pull(number).open);
    host.github
        .agent("strategy-optimizer")
        .retargets(number, "main");
    host.rests();
    // What alice approved was another difference.
    assert!(host.github.pull(number).open);
    has(
        &host.check(number),
        "not counted: the review of `alice`: it is older than the last change of the base branch",
    );
    host.github.wait(chrono::TimeDelta::seconds(5));
    // At that time: the host's own approvals are of now.
    host.github.user("alice").approves(number, "Fine.");
    host.rests();
    host.is_merged(number);
    host.github.read_all();
}

#[test]
fn a_deleted_branch_withdraws() {
    let host = Host::new();
    let number = host.proposes(MEDIUM);
    host.rests();
    let branch = host.github.pull(number).head_ref;
    host.github
        .agent("strategy-optimizer")
        .deletes_branch(&branch);
    host.rests();
    has(&host.check(number), "withdrawn by its author");
    host.github.read_all();
}

#[test]
fn a_forks_pull_request_is_like_any_other() {
    let host = Host::new();
    let (path, text) = host.example.recommendation("strategy-optimizer", MEDIUM);
    let number = host
        .github
        .agent("strategy-optimizer")
        .opens_pull_from_fork("recommend/fork", &[(&path, &text)]);
    host.rests();
    has(&host.check(number), "needs 1 approval by a reviewer");
    host.approves("alice", number, "Fine.");
    host.rests();
    host.is_merged(number);
    host.github.read_all();
}

#[test]
fn a_team_that_does_not_exist_has_no_members() {
    let host = Host::with(&[], |example| {
        example.edit_on_main(
            "rules/people.yaml",
            "members: [carol]",
            "team: acme/no-such-team",
        );
    });
    let number = host.proposes(HIGH);
    host.rests();
    host.approves("carol", number, WHY);
    host.rests();
    assert!(host.github.pull(number).open);
    has(&host.check(number), "not counted: the review of `carol`");
    has(&host.serving.said(), "`acme/no-such-team`");
    host.github.read_all();
}

#[test]
fn a_main_that_others_move_is_decided_on_again() {
    let host = Host::new();
    host.github.fault(Fault::main_moves_before_push("dana"));
    let number = host.proposes(LOW);
    host.rests();
    host.is_merged(number);
    assert!(!host.github.file("moved-meanwhile.txt").is_empty());
    assert_eq!(host.decisions(number), 1);
    host.github.read_all();
}

#[test]
fn a_limit_is_waited_for_as_long_as_github_says() {
    for status in [403, 429] {
        let host = Host::new();
        host.github.fault(
            Fault::secondary_limit(status, 1)
                .on("POST", OPENING)
                .after(1),
        );
        let number = host.proposes(LOW);
        host.rests();
        host.is_merged(number);
        has(&host.check(number), "success: LOW");
        assert_eq!(
            host.serving
                .counts("countersign_runs_total", &["result=\"failure\""]),
            0.0
        );
        host.github.read_all();
    }
}

#[test]
fn a_long_limit_stops_no_decision_and_is_told() {
    let host = Host::new();
    host.github
        .fault(Fault::rate_limited(3600).on("POST", OPENING).after(1));
    let number = host.proposes(LOW);
    host.comes_to_be_merged(number);
    has(
        &host.serving.find_line("rate limit is used up").unwrap(),
        "trying again in",
    );
    // Nothing is asked before the hour is over.
    let calls = host.github.calls().under_test().api().to("POST", OPENING);
    assert_eq!(calls.count(), 2);
    host.github.read_all();
}

#[test]
fn a_write_that_may_have_arrived_is_not_sent_twice() {
    for route in [OPENING, CHECKS, COMMENTS] {
        for arrives in [true, false] {
            let host = Host::new();
            let fault = if arrives {
                Fault::bad_gateway_after_write()
            } else {
                Fault::bad_gateway_on_write()
            };
            if route != OPENING {
                // Refused there, so that both are written one by one.
                let words = "Resource not accessible by integration";
                host.github
                    .fault(Fault::answers(403, words).on("POST", OPENING));
            }
            host.github.fault(fault.on("POST", route));
            let number = host.proposes(MEDIUM);
            host.serving
                .wait_for_count("countersign_runs_total", &["result=\"failure\""], 1.0);
            // It tries again by itself, and looks first.
            host.github.wait_until("it is told", |world| {
                let repo = &world.repos[REPO];
                let is_asked = !repo.pulls[&number].asked_users.is_empty();
                is_asked && !repo.checks.is_empty() && !repo.pulls[&number].comments.is_empty()
            });
            host.rests();
            let runs = host.github.world(|world| world.repos[REPO].checks.len());
            assert_eq!(
                (runs, host.github.all_comments(number).len()),
                (1, 1),
                "{route} {arrives}"
            );
            host.github.read_all();
        }
    }
}

#[test]
fn a_token_that_ends_in_the_middle_is_replaced() {
    let host = Host::new();
    host.github
        .fault(Fault::token_expires().on("POST", OPENING));
    let number = host.proposes(MEDIUM);
    host.rests();
    has(&host.check(number), "needs 1 approval by a reviewer");
    host.github.fault(Fault::token_expires().on_git());
    host.approves("alice", number, "Fine.");
    host.rests();
    host.is_merged(number);
    host.github.read_all();
}

#[test]
fn a_server_that_is_killed_at_any_step_loses_nothing() {
    let mut step = 0;
    loop {
        step += 1;
        let (github, example) = stage(|_| {});
        let at = step.to_string();
        let mut dying = serve(&github, "state", &[]);
        dying.env("COUNTERSIGN_DIE_AT_STEP", &at);
        let propose = |body: &str| {
            let (path, text) = example.recommendation("strategy-optimizer", body);
            let branch = format!("recommend/{}", path.split('/').nth(5).unwrap());
            github
                .agent("strategy-optimizer")
                .opens_pull(&branch, &[(&path, &text)])
        };
        let (low, medium) = (propose(LOW), propose(MEDIUM));
        github.user("alice").approves(medium, "Fine.");
        let mut first = Serving::try_to_start(&mut dying);
        let survived = first.is_done_or_dead();
        drop(first);
        let second = Serving::start(&mut serve(&github, "state", &[]));
        let host = Host {
            github,
            example,
            serving: second,
        };
        host.serving.is_ready();
        host.serving.is_idle();
        for number in [low, medium] {
            host.is_merged(number);
            assert_eq!(host.decisions(number), 1, "step {step}");
            let check = host.check(number);
            has(&check, "success: ");
            has_not(&check, "needs 1 approval");
        }
        let outcomes = host.github.log().join("\n");
        assert_eq!(
            outcomes.matches("outcome: success").count(),
            2,
            "{outcomes}"
        );
        host.github.read_all();
        if survived {
            break;
        }
    }
    assert!(step > 5, "it died at {step} steps only");
}
