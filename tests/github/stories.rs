//! The life of a recommendation on GitHub: every story ends on what a person sees there.

mod afterwards;
mod amendments;
mod approvals;
mod elsewhere;
mod entitled;
mod evidence;
mod faults;
mod identity;
mod questions;
mod reconciling;
mod refusals;
mod siblings;
mod ways;
mod world;

use crate::support::proposals::{HIGH, LOW, MEDIUM, WHY};
use crate::support::{has, has_not};
use chrono::TimeDelta;
use world::{GithubFixture, Running, however_it_runs};

#[test]
fn low_risk_is_merged_with_two_calls() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(LOW);
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        has(
            &fixture.check(number),
            "success: LOW 0.00: merged by the bot",
        );
        assert_eq!(fixture.github.labels(number), ["risk: low"]);
        has(
            fixture.github.log().last().unwrap(),
            "outcome: success of modify_parameters on rsi-eurusd-draft",
        );
        fixture.costs_at_most_in_one_process(2);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn medium_risk_asks_the_reviewers_and_costs_five_calls() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        let check = fixture.check(number);
        has(
            &check,
            "in_progress: MEDIUM 55.00: needs 1 approval by a reviewer",
        );
        has(&check, "\n  stop_loss_pct: 3.0 → 4\n");
        let comment = fixture.github.read_comment(number);
        has(
            &comment,
            "**MEDIUM 55.00** needs 1 approval by a reviewer. Asked: alice, bob, carol.",
        );
        assert_eq!(fixture.github.labels(number), ["risk: medium"]);
        assert_eq!(
            fixture.github.pull(number).asked_users,
            ["alice", "bob", "carol"]
        );
        fixture.github.user("alice").approves(number, "Looks fine.");
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        has(
            &fixture.check(number),
            "success: MEDIUM 55.00: approved and merged",
        );
        fixture.costs_at_most_in_one_process(5);
        assert_eq!(fixture.github.all_comments(number).len(), 1);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn high_risk_needs_an_admins_reasons_and_costs_five_calls() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(HIGH);
        fixture.hears();
        has(
            &fixture.check(number),
            "1 approval by an admin, with a justification",
        );
        has(&fixture.github.read_comment(number), "**HIGH");
        assert_eq!(fixture.github.labels(number), ["risk: high"]);
        assert_eq!(fixture.github.pull(number).asked_users, ["carol"]);
        fixture.github.user("carol").approves(number, WHY);
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        fixture.costs_at_most_in_one_process(5);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn an_approval_that_does_not_count_is_told_why() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(HIGH);
        fixture.hears();
        fixture.github.user("carol").approves(number, "ok");
        fixture.github.user("alice").approves(number, WHY);
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        let check = fixture.check(number);
        has(
            &check,
            "not counted: the review of `carol`: it has no justification",
        );
        has(
            &check,
            "not counted: the review of `alice`: `alice` is a reviewer: this needs an admin",
        );
        assert_eq!(fixture.github.all_comments(number).len(), 1);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn what_is_irrelevant_costs_nothing() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.forget_calls();
    let dana = fixture.github.user("dana");
    dana.adds_label(number, "good first issue");
    dana.edits_description(number, "Now with more words.");
    fixture
        .github
        .user("dana")
        .pushes_branch("elsewhere", &[("notes.txt", "x")]);
    assert!(!fixture.takes_events());
    // A question decides nothing, but the agent may wait for it.
    let dana = fixture.github.user("dana");
    let id = dana.comments(number, "What is this about?");
    dana.edits_comment(id, "What is all this about?");
    assert!(fixture.takes_events());
    fixture.runs();
    fixture.costs_at_most(0);
    fixture.github.read_all();
}

#[test]
fn a_label_of_ours_that_somebody_changed_is_put_right() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        fixture.wait(TimeDelta::minutes(2));
        let dana = fixture.github.user("dana");
        dana.adds_label(number, "good first issue");
        dana.adds_label(number, "risk: appetite");
        dana.removes_label(number, "risk: medium");
        dana.adds_label(number, "risk: low");
        fixture.github.forget_calls();
        fixture.hears();
        fixture.costs_at_most_in_one_process(2);
        if running != Running::OneProcess {
            // No job is started by a label: the timer's sees it.
            fixture.runs_by_timer();
        }
        let labels = fixture.github.labels(number);
        assert_eq!(
            labels,
            ["good first issue", "risk: appetite", "risk: medium"]
        );
        assert_eq!(fixture.github.all_comments(number).len(), 1);
        fixture.github.read_comment(number);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn an_invalid_file_is_marked_on_its_line() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes("action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}\nsurprise: 1");
        fixture.hears();
        let check = fixture.check(number);
        has(&check, "failure: invalid:");
        assert_eq!(fixture.github.check_run(number).annotations, 1);
        assert!(fixture.github.all_comments(number).is_empty());
        assert!(fixture.github.pull(number).open);
        fixture
    });
}

#[test]
fn a_command_rejects_and_the_comment_says_so() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        fixture
            .github
            .user("bob")
            .comments(number, "/reject bad_timing: earnings this week");
        fixture.hears();
        let pull = fixture.github.pull(number);
        assert!(!pull.open && pull.merged_at.is_none());
        has(
            &fixture.check(number),
            "failure: MEDIUM 55.00: rejected by bob (bad_timing)",
        );
        fixture.github.read_comment(number);
        has(&fixture.github.read_comment(number), "rejected by bob");
        has(
            fixture.github.log().last().unwrap(),
            "decision: reject modify_parameters",
        );
        fixture.hears();
        assert_eq!(fixture.runs().handled.len(), 0);
        fixture
    });
}

#[test]
fn an_edited_comment_commands_nothing() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        let id = fixture.github.user("bob").comments(number, "Hm.");
        fixture.wait(TimeDelta::seconds(30));
        fixture
            .github
            .user("carol")
            .edits_comment(id, "/reject other: not mine");
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        // Not after a restart either, when only the lists are read.
        fixture.restarts(true);
        fixture.runs();
        assert!(fixture.github.pull(number).open);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn closing_by_hand_is_recorded() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let (first, second) = (fixture.proposes(MEDIUM), fixture.proposes(MEDIUM));
        fixture.hears();
        fixture.github.agent("strategy-optimizer").closes(first);
        fixture.hears();
        has(&fixture.check(first), "withdrawn by its author");
        has(fixture.github.log().last().unwrap(), "decision: withdraw");
        // While nobody was on duty, too.
        fixture.github.user("carol").closes(second);
        fixture.restarts(true);
        fixture.runs();
        has(&fixture.check(second), "rejected by carol");
        let length = fixture.github.log().len();
        fixture.runs();
        assert_eq!(fixture.github.log().len(), length);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn a_new_head_needs_a_new_approval() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(HIGH);
        fixture.hears();
        fixture.github.user("carol").approves(number, WHY);
        let branch = fixture.github.pull(number).head_ref;
        let path =
            fixture
                .github
                .git(&["ls-tree", "-r", "--name-only", &branch, "recommendations"]);
        let path = path.trim().to_owned();
        let text = fixture.github.git(&["show", &format!("{branch}:{path}")]);
        let changed = text.replace("live}", "live, stop_loss_pct: 3.5}");
        fixture
            .github
            .agent("strategy-optimizer")
            .pushes_more(&branch, &[(&path, &changed)]);
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        has(&fixture.check(number), "the head is now");
        fixture.github.user("carol").approves(number, WHY);
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn what_was_said_before_a_restart_is_not_said_again() {
    let mut fixture = GithubFixture::new();
    let (waits, wrong) = (
        fixture.proposes(MEDIUM),
        fixture.proposes("action: nonsense: x"),
    );
    fixture.hears();
    fixture.github.user("alice").approves(waits, "");
    for keeps_clone in [true, false] {
        fixture.restarts(keeps_clone);
        fixture.github.forget_calls();
        fixture.runs();
        if keeps_clone {
            assert!(fixture.github.pull(waits).merged_at.is_some());
            continue;
        }
        assert_eq!(
            fixture
                .github
                .calls()
                .under_test()
                .api()
                .writes()
                .to("POST", "/repos/{owner}/{repo}/check-runs")
                .count(),
            0
        );
    }
    assert!(fixture.github.pull(wrong).open);
    assert_eq!(fixture.github.all_comments(waits).len(), 1);
    has_not(&fixture.check(waits), "recorded on main");
    fixture.github.read_all();
}
