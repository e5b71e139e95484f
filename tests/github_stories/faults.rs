//! What goes wrong on GitHub, and what people see of it: nothing twice, nothing lost, nothing assumed.

use std::time::Instant;

use chrono::TimeDelta;
use countersign::forge::github::webhook;

use crate::github_double::Fault;
use crate::support::has;
use crate::world::{Duty, Running, decision, however_it_runs};
use crate::{HIGH, LOW, MEDIUM, WHY};

/// The first check run with the first comment, or with the label of what is merged at once; and before that, the making
/// of a label that is not there yet.
const OPENING: &str = "/graphql (mutation)";
const CHECKS: &str = "/repos/{owner}/{repo}/check-runs";
const COMMENTS: &str = "/repos/{owner}/{repo}/issues/{issue_number}/comments";
const MEMBERS: &str = "/orgs/{org}/teams/{team_slug}/members";

// Not however it runs: it is about how long one process waits.
#[test]
fn a_limit_is_waited_for() {
    for status in [403, 429] {
        let mut duty = Duty::new();
        let number = duty.proposes(LOW);
        duty.github.fault(
            Fault::secondary_limit(status, 1)
                .on("POST", OPENING)
                .after(1),
        );
        let begun = Instant::now();
        duty.hears();
        assert!(begun.elapsed().as_millis() >= 900);
        has(&duty.check(number), "success: LOW");
        duty.github.read_all();
    }
}

// Not however it runs: it is about what one run leaves to the next.
#[test]
fn a_long_limit_ends_the_run_and_the_next_one_goes_on() {
    let mut duty = Duty::new();
    let number = duty.proposes(LOW);
    duty.github
        .fault(Fault::rate_limited(3600).on("POST", OPENING).after(1));
    assert!(duty.takes_events());
    let error = duty.tries_to_run().unwrap_err();
    has(&error.to_string(), "rate limit is used up");
    // The decision was not held up by it.
    assert!(duty.github.pull(number).merged_at.is_some());
    duty.restarts(true);
    duty.runs();
    has(
        &duty.check(number),
        "success: auto_approved: recorded on main",
    );
    duty.github.read_all();
}

#[test]
fn a_write_that_may_have_arrived_is_not_sent_twice() {
    for route in [OPENING, CHECKS, COMMENTS] {
        for arrives in [true, false] {
            however_it_runs(|running| {
                let mut duty = Duty::running(running);
                let number = duty.proposes(MEDIUM);
                let fault = if arrives {
                    Fault::bad_gateway_after_write()
                } else {
                    Fault::bad_gateway_on_write()
                };
                // A job writes both one by one, the comment first.
                let is_job = running == Running::NewProcessForEachEvent;
                let happens = !(is_job && route == OPENING);
                if route != OPENING && !is_job {
                    // Refused there, so that both are written one by one.
                    let words = "Resource not accessible by integration";
                    duty.github
                        .fault(Fault::answers(403, words).on("POST", OPENING));
                }
                if happens {
                    duty.github.fault(fault.on("POST", route));
                }
                assert_eq!(duty.tries_to_hear().is_empty(), !happens);
                duty.runs_by_timer();
                duty.hears();
                let runs = duty
                    .github
                    .world(|world| world.repos["acme/governance"].checks.len());
                assert_eq!(
                    (runs, duty.github.all_comments(number).len()),
                    (1, 1),
                    "{route} {arrives} {running:?}"
                );
                has(&duty.check(number), "needs 1 approval by a reviewer");
                duty.github.read_all();
                duty
            });
        }
    }
}

// Not however it runs: a job's token lasts as long as the job.
#[test]
fn a_token_that_ends_in_the_middle_is_replaced() {
    let mut duty = Duty::new();
    let number = duty.proposes(MEDIUM);
    duty.github
        .fault(Fault::token_expires().on("POST", OPENING));
    duty.hears();
    has(&duty.check(number), "needs 1 approval by a reviewer");
    duty.github.user("alice").approves(number, "Fine.");
    duty.github.fault(Fault::token_expires().on_git());
    duty.hears();
    assert!(duty.github.pull(number).merged_at.is_some());
    let number = duty.proposes(LOW);
    duty.github
        .fault(Fault::token_expires().on("POST", OPENING).after(1));
    duty.hears();
    has(&duty.check(number), "success: LOW");
    duty.github.read_all();
}

#[test]
fn a_lost_race_is_decided_again() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(LOW);
        duty.github.fault(Fault::main_moves_before_push("dana"));
        duty.hears();
        assert!(duty.github.pull(number).merged_at.is_some());
        has(&duty.github.log().join("\n"), "outcome: success");
        assert!(!duty.github.file("moved-meanwhile.txt").is_empty());
        duty.github.read_all();
        duty
    });
}

#[test]
fn a_push_whose_answer_is_lost_is_looked_up() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(LOW);
        duty.github.fault(
            Fault::bad_gateway_after_write()
                .on("POST", "git-receive-pack")
                .on_git(),
        );
        duty.hears();
        assert!(duty.github.pull(number).merged_at.is_some());
        has(&duty.check(number), "success: LOW 0.00: merged by the bot");
        let decisions = duty
            .github
            .log()
            .iter()
            .filter(|line| line.starts_with("decision:"))
            .count();
        assert_eq!(decisions, 1);
        duty.github.read_all();
        duty
    });
}

// Not however it runs: it is about what one run says to whoever operates it.
#[test]
fn a_protected_main_says_what_to_do() {
    let mut duty = Duty::new();
    duty.github.protects("main", &["carol"]);
    let number = duty.proposes(LOW);
    assert!(duty.takes_events());
    let error = duty.tries_to_run().unwrap_err().to_string();
    has(&error, "refused to move `main`");
    has(&error, "bypass_actors");
    assert!(duty.github.pull(number).open);
    duty.github.protects_main();
    duty.runs();
    assert!(duty.github.pull(number).merged_at.is_some());
    duty.github.read_all();
}

#[test]
fn a_team_that_cannot_be_asked_has_no_members() {
    however_it_runs(|running| {
        let mut duty = Duty::running_with(running, |example| {
            example.edit_on_main(
                "rules/people.yaml",
                "members: [carol]",
                "team: acme/no-such-team",
            );
        });
        let number = duty.proposes(HIGH);
        duty.hears();
        has(&duty.github.read_comment(number), "**HIGH");
        duty.github.user("carol").approves(number, WHY);
        duty.hears();
        assert!(duty.github.pull(number).open);
        has(&duty.check(number), "not counted: the review of `carol`");
        duty.github.read_all();
        duty
    });
}

#[test]
fn a_deleted_branch_withdraws() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        duty.hears();
        let branch = duty.github.pull(number).head_ref;
        duty.github
            .agent("strategy-optimizer")
            .deletes_branch(&branch);
        duty.hears();
        has(&duty.check(number), "withdrawn by its author");
        duty.github.read_all();
        duty
    });
}

#[test]
fn an_approval_of_another_difference_does_not_come_along() {
    for hears_of_it in [true, false] {
        however_it_runs(|running| {
            let mut duty = Duty::running(running);
            duty.github
                .user("dana")
                .pushes_branch("release", &[("x.txt", "x")]);
            let number = duty.proposes(MEDIUM);
            duty.hears();
            let agent = duty.github.agent("strategy-optimizer");
            agent.retargets(number, "release");
            duty.github.user("alice").approves(number, "Fine.");
            duty.wait(TimeDelta::seconds(5));
            duty.github
                .agent("strategy-optimizer")
                .retargets(number, "main");
            if hears_of_it {
                duty.hears();
            } else {
                duty.restarts(true);
                duty.runs();
            }
            assert!(duty.github.pull(number).open);
            has(
                &duty.check(number),
                "not counted: the review of `alice`: it is older than the last change of the base branch: approve again",
            );
            duty.wait(TimeDelta::seconds(5));
            duty.github.user("alice").approves(number, "Fine.");
            duty.hears();
            assert!(duty.github.pull(number).merged_at.is_some());
            has(&duty.github.file(&decision(&duty)), "base_changed_at: ");
            duty.github.read_all();
            duty
        });
    }
}

#[test]
fn a_force_push_is_a_new_head() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        duty.hears();
        duty.github.user("alice").approves(number, "Fine.");
        let branch = duty.github.pull(number).head_ref;
        let (path, text) = duty.example.recommendation("strategy-optimizer", MEDIUM);
        duty.github
            .agent("strategy-optimizer")
            .pushes_branch(&branch, &[(&path, &text)]);
        duty.hears();
        assert!(duty.github.pull(number).open);
        has(&duty.check(number), "needs 1 approval by a reviewer");
        duty.github.read_all();
        duty
    });
}

// Not however it runs: it is about the timer of one process; approvals.rs repeats and reverses them however it runs.
#[test]
fn lost_repeated_and_reversed_webhooks_change_nothing() {
    let mut duty = Duty::new();
    let number = duty.proposes(MEDIUM);
    duty.hears();
    duty.github.user("alice").approves(number, "Fine.");
    // Nobody hears it; the timer's reconciling run does.
    duty.github.forget_webhooks();
    duty.runs();
    assert!(duty.github.pull(number).open);
    duty.forge.reconcile();
    duty.runs();
    assert!(duty.github.pull(number).merged_at.is_some());
    let log = duty.github.log();
    duty.forge.reconcile();
    duty.runs();
    assert_eq!(duty.github.log(), log);
    duty.github.read_all();
}

// Not however it runs: a process that begins without a clone has nothing to compare with.
#[test]
fn a_main_that_was_rewritten_stops_everything() {
    let mut duty = Duty::new();
    let first = duty.proposes(LOW);
    duty.hears();
    assert!(duty.github.pull(first).merged_at.is_some());
    duty.github
        .git(&["update-ref", "refs/heads/main", "main~2"]);
    let second = duty.proposes(LOW);
    duty.takes_events();
    let error = duty.tries_to_run().unwrap_err().to_string();
    has(&error, "was rewritten");
    assert!(duty.github.pull(second).open);
    duty.github.read_all();
}

// Not however it runs: a job asks no team, because its token sees none.
#[test]
fn membership_is_never_assumed() {
    let mut duty = Duty::with(crate::world::app, crate::ways::with_teams);
    let number = duty.proposes(MEDIUM);
    duty.hears();
    duty.github.user("alice").approves(number, "Fine.");
    duty.restarts(true);
    duty.github.fault(
        Fault::answers(502, "Server Error")
            .on("GET", MEMBERS)
            .times(6),
    );
    duty.runs();
    assert!(duty.github.pull(number).open);
    has(&duty.check(number), "not counted: the review of `alice`");
    // As soon as GitHub says who is in it, it counts.
    let team = r#"{"action":"edited","organization":{"login":"acme"}}"#;
    let event = webhook::parse("team", team.as_bytes()).unwrap().unwrap();
    assert!(duty.forge.on_event(event));
    duty.runs();
    assert!(duty.github.pull(number).merged_at.is_some());
    duty.github.read_all();
}

// Not however it runs: it is about the files of one process.
#[test]
fn no_token_is_written_down() {
    let mut duty = Duty::new();
    let number = duty.proposes(LOW);
    duty.hears();
    assert!(duty.github.pull(number).merged_at.is_some());
    let tokens: Vec<String> = duty
        .github
        .world(|world| world.tokens.keys().cloned().collect());
    assert!(!tokens.is_empty());
    let mut folders = vec![duty.github.folder().join("clone-0.git")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            let leaked = tokens.iter().any(|token| text.contains(token));
            assert!(!leaked, "a token is in {}", path.display());
        }
    }
    assert!(files > 3);
    let shown = format!("{:?}", duty.forge);
    assert!(!tokens.iter().any(|token| shown.contains(token)), "{shown}");
    duty.github.read_all();
}
