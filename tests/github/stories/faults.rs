//! What goes wrong on GitHub, and what people see of it: nothing twice, nothing lost, nothing assumed.

use std::time::Instant;

use chrono::TimeDelta;
use countersign::forge::github::webhook;

use super::world::{GithubFixture, Running, decision, however_it_runs};
use super::{HIGH, LOW, MEDIUM, WHY};
use crate::double::Fault;
use crate::support::has;

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
        let mut fixture = GithubFixture::new();
        let number = fixture.proposes(LOW);
        fixture.github.fault(
            Fault::secondary_limit(status, 1)
                .on("POST", OPENING)
                .after(1),
        );
        let begun = Instant::now();
        fixture.hears();
        assert!(begun.elapsed().as_millis() >= 900);
        has(&fixture.check(number), "success: LOW");
        fixture.github.read_all();
    }
}

// Not however it runs: it is about what one run leaves to the next.
#[test]
fn a_long_limit_ends_the_run_and_the_next_one_goes_on() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(LOW);
    fixture
        .github
        .fault(Fault::rate_limited(3600).on("POST", OPENING).after(1));
    assert!(fixture.takes_events());
    let error = fixture.tries_to_run().unwrap_err();
    has(&error.to_string(), "rate limit is used up");
    // The decision was not held up by it.
    assert!(fixture.github.pull(number).merged_at.is_some());
    fixture.restarts(true);
    fixture.runs();
    has(
        &fixture.check(number),
        "success: auto_approved: recorded on main",
    );
    fixture.github.read_all();
}

#[test]
fn a_write_that_may_have_arrived_is_not_sent_twice() {
    for route in [OPENING, CHECKS, COMMENTS] {
        for arrives in [true, false] {
            however_it_runs(|running| {
                let mut fixture = GithubFixture::running(running);
                let number = fixture.proposes(MEDIUM);
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
                    fixture
                        .github
                        .fault(Fault::answers(403, words).on("POST", OPENING));
                }
                if happens {
                    fixture.github.fault(fault.on("POST", route));
                }
                assert_eq!(fixture.tries_to_hear().is_empty(), !happens);
                fixture.runs_by_timer();
                fixture.hears();
                let runs = fixture
                    .github
                    .world(|world| world.repos["acme/governance"].checks.len());
                assert_eq!(
                    (runs, fixture.github.all_comments(number).len()),
                    (1, 1),
                    "{route} {arrives} {running:?}"
                );
                has(&fixture.check(number), "needs 1 approval by a reviewer");
                fixture.github.read_all();
                fixture
            });
        }
    }
}

// Not however it runs: a job's token lasts as long as the job.
#[test]
fn a_token_that_ends_in_the_middle_is_replaced() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    fixture
        .github
        .fault(Fault::token_expires().on("POST", OPENING));
    fixture.hears();
    has(&fixture.check(number), "needs 1 approval by a reviewer");
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.github.fault(Fault::token_expires().on_git());
    fixture.hears();
    assert!(fixture.github.pull(number).merged_at.is_some());
    let number = fixture.proposes(LOW);
    fixture
        .github
        .fault(Fault::token_expires().on("POST", OPENING).after(1));
    fixture.hears();
    has(&fixture.check(number), "success: LOW");
    fixture.github.read_all();
}

#[test]
fn a_lost_race_is_decided_again() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(LOW);
        fixture.github.fault(Fault::main_moves_before_push("dana"));
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        has(&fixture.github.log().join("\n"), "outcome: success");
        assert!(!fixture.github.file("moved-meanwhile.txt").is_empty());
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn a_push_whose_answer_is_lost_is_looked_up() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(LOW);
        fixture.github.fault(
            Fault::bad_gateway_after_write()
                .on("POST", "git-receive-pack")
                .on_git(),
        );
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        has(
            &fixture.check(number),
            "success: LOW 0.00: merged by the bot",
        );
        let decisions = fixture
            .github
            .log()
            .iter()
            .filter(|line| line.starts_with("decision:"))
            .count();
        assert_eq!(decisions, 1);
        fixture.github.read_all();
        fixture
    });
}

// Not however it runs: it is about what one run says to whoever operates it.
#[test]
fn a_protected_main_says_what_to_do() {
    let mut fixture = GithubFixture::new();
    fixture.github.protects("main", &["carol"]);
    let number = fixture.proposes(LOW);
    assert!(fixture.takes_events());
    let error = fixture.tries_to_run().unwrap_err().to_string();
    has(&error, "refused to move `main`");
    has(&error, "bypass_actors");
    assert!(fixture.github.pull(number).open);
    fixture.github.protects_main();
    fixture.runs();
    assert!(fixture.github.pull(number).merged_at.is_some());
    fixture.github.read_all();
}

#[test]
fn a_team_that_cannot_be_asked_has_no_members() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running_with(running, |example| {
            example.edit_on_main(
                "rules/people.yaml",
                "members: [carol]",
                "team: acme/no-such-team",
            );
        });
        let number = fixture.proposes(HIGH);
        fixture.hears();
        has(&fixture.github.read_comment(number), "**HIGH");
        fixture.github.user("carol").approves(number, WHY);
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        has(&fixture.check(number), "not counted: the review of `carol`");
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn a_deleted_branch_withdraws() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        let branch = fixture.github.pull(number).head_ref;
        fixture
            .github
            .agent("strategy-optimizer")
            .deletes_branch(&branch);
        fixture.hears();
        has(&fixture.check(number), "withdrawn by its author");
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn an_approval_of_another_difference_does_not_come_along() {
    for hears_of_it in [true, false] {
        however_it_runs(|running| {
            let mut fixture = GithubFixture::running(running);
            fixture
                .github
                .user("dana")
                .pushes_branch("release", &[("x.txt", "x")]);
            let number = fixture.proposes(MEDIUM);
            fixture.hears();
            let agent = fixture.github.agent("strategy-optimizer");
            agent.retargets(number, "release");
            fixture.github.user("alice").approves(number, "Fine.");
            fixture.wait(TimeDelta::seconds(5));
            fixture
                .github
                .agent("strategy-optimizer")
                .retargets(number, "main");
            if hears_of_it {
                fixture.hears();
            } else {
                fixture.restarts(true);
                fixture.runs();
            }
            assert!(fixture.github.pull(number).open);
            has(
                &fixture.check(number),
                "not counted: the review of `alice`: it is older than the last change of the base branch: approve again",
            );
            fixture.wait(TimeDelta::seconds(5));
            fixture.github.user("alice").approves(number, "Fine.");
            fixture.hears();
            assert!(fixture.github.pull(number).merged_at.is_some());
            has(
                &fixture.github.file(&decision(&fixture)),
                "base_changed_at: ",
            );
            fixture.github.read_all();
            fixture
        });
    }
}

#[test]
fn a_force_push_is_a_new_head() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        fixture.github.user("alice").approves(number, "Fine.");
        let branch = fixture.github.pull(number).head_ref;
        let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
        fixture
            .github
            .agent("strategy-optimizer")
            .pushes_branch(&branch, &[(&path, &text)]);
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        has(&fixture.check(number), "needs 1 approval by a reviewer");
        fixture.github.read_all();
        fixture
    });
}

// Not however it runs: it is about the timer of one process; approvals.rs repeats and reverses them however it runs.
#[test]
fn lost_repeated_and_reversed_webhooks_change_nothing() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.user("alice").approves(number, "Fine.");
    // Nobody hears it; the timer's reconciling run does.
    fixture.github.forget_webhooks();
    fixture.runs();
    assert!(fixture.github.pull(number).open);
    fixture.forge.reconcile();
    fixture.runs();
    assert!(fixture.github.pull(number).merged_at.is_some());
    let log = fixture.github.log();
    fixture.forge.reconcile();
    fixture.runs();
    assert_eq!(fixture.github.log(), log);
    fixture.github.read_all();
}

// Not however it runs: a process that begins without a clone has nothing to compare with.
#[test]
fn a_main_that_was_rewritten_stops_everything() {
    let mut fixture = GithubFixture::new();
    let first = fixture.proposes(LOW);
    fixture.hears();
    assert!(fixture.github.pull(first).merged_at.is_some());
    fixture
        .github
        .git(&["update-ref", "refs/heads/main", "main~2"]);
    let second = fixture.proposes(LOW);
    fixture.takes_events();
    let error = fixture.tries_to_run().unwrap_err().to_string();
    has(&error, "was rewritten");
    assert!(fixture.github.pull(second).open);
    fixture.github.read_all();
}

// Not however it runs: a job asks no team, because its token sees none.
#[test]
fn membership_is_never_assumed() {
    let mut fixture = GithubFixture::with(super::world::app, super::ways::with_teams);
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.restarts(true);
    fixture.github.fault(
        Fault::answers(502, "Server Error")
            .on("GET", MEMBERS)
            .times(6),
    );
    fixture.runs();
    assert!(fixture.github.pull(number).open);
    has(&fixture.check(number), "not counted: the review of `alice`");
    // As soon as GitHub says who is in it, it counts.
    let team = r#"{"action":"edited","organization":{"login":"acme"}}"#;
    let event = webhook::parse("team", team.as_bytes()).unwrap().unwrap();
    assert!(fixture.forge.on_event(event));
    fixture.runs();
    assert!(fixture.github.pull(number).merged_at.is_some());
    fixture.github.read_all();
}

// Not however it runs: it is about the files of one process.
#[test]
fn no_token_is_written_down() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(LOW);
    fixture.hears();
    assert!(fixture.github.pull(number).merged_at.is_some());
    let tokens: Vec<String> = fixture
        .github
        .world(|world| world.tokens.keys().cloned().collect());
    assert!(!tokens.is_empty());
    let mut folders = vec![fixture.github.folder().join("clone-0.git")];
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
    let shown = format!("{:?}", fixture.forge);
    assert!(!tokens.iter().any(|token| shown.contains(token)), "{shown}");
    fixture.github.read_all();
}
