//! The life of a recommendation on GitHub: every story ends on what a person sees there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod github_double;
mod support;

#[path = "github_stories/afterwards.rs"]
mod afterwards;
#[path = "github_stories/approvals.rs"]
mod approvals;
#[path = "github_stories/elsewhere.rs"]
mod elsewhere;
#[path = "github_stories/entitled.rs"]
mod entitled;
#[path = "github_stories/faults.rs"]
mod faults;
#[path = "github_stories/identity.rs"]
mod identity;
#[path = "github_stories/reconciling.rs"]
mod reconciling;
#[path = "github_stories/refusals.rs"]
mod refusals;
#[path = "github_stories/siblings.rs"]
mod siblings;
#[path = "github_stories/ways.rs"]
mod ways;
#[path = "github_stories/world.rs"]
mod world;

use chrono::TimeDelta;
use support::{has, has_not};
use world::{Duty, Running, however_it_runs};

const LOW: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}";
const MEDIUM: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}";
const HIGH: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-paper]\nchanges: {trading_mode: live}";
const WHY: &str = "Thirty clean days on paper, and the desk has agreed to watch it.";

#[test]
fn low_risk_is_merged_with_two_calls() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(LOW);
        duty.hears();
        assert!(duty.github.pull(number).merged_at.is_some());
        has(&duty.check(number), "success: LOW 0.00: merged by the bot");
        assert_eq!(duty.github.labels(number), ["risk: low"]);
        has(
            duty.github.log().last().unwrap(),
            "outcome: success of modify_parameters on rsi-eurusd-draft",
        );
        duty.costs_at_most_in_one_process(2);
        duty.github.read_all();
        duty
    });
}

#[test]
fn medium_risk_asks_the_reviewers_and_costs_five_calls() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        duty.hears();
        let check = duty.check(number);
        has(
            &check,
            "in_progress: MEDIUM 55.00: needs 1 approval by a reviewer",
        );
        has(&check, "\n  stop_loss_pct: 3.0 → 4\n");
        let comment = duty.github.read_comment(number);
        has(
            &comment,
            "**MEDIUM 55.00** needs 1 approval by a reviewer. Asked: alice, bob, carol.",
        );
        assert_eq!(duty.github.labels(number), ["risk: medium"]);
        assert_eq!(
            duty.github.pull(number).asked_users,
            ["alice", "bob", "carol"]
        );
        duty.github.user("alice").approves(number, "Looks fine.");
        duty.hears();
        assert!(duty.github.pull(number).merged_at.is_some());
        has(
            &duty.check(number),
            "success: MEDIUM 55.00: approved and merged",
        );
        duty.costs_at_most_in_one_process(5);
        assert_eq!(duty.github.all_comments(number).len(), 1);
        duty.github.read_all();
        duty
    });
}

#[test]
fn high_risk_needs_an_admins_reasons_and_costs_five_calls() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(HIGH);
        duty.hears();
        has(
            &duty.check(number),
            "1 approval by an admin, with a justification",
        );
        has(&duty.github.read_comment(number), "**HIGH");
        assert_eq!(duty.github.labels(number), ["risk: high"]);
        assert_eq!(duty.github.pull(number).asked_users, ["carol"]);
        duty.github.user("carol").approves(number, WHY);
        duty.hears();
        assert!(duty.github.pull(number).merged_at.is_some());
        duty.costs_at_most_in_one_process(5);
        duty.github.read_all();
        duty
    });
}

#[test]
fn an_approval_that_does_not_count_is_told_why() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(HIGH);
        duty.hears();
        duty.github.user("carol").approves(number, "ok");
        duty.github.user("alice").approves(number, WHY);
        duty.hears();
        assert!(duty.github.pull(number).open);
        let check = duty.check(number);
        has(
            &check,
            "not counted: the review of `carol`: it has no justification",
        );
        has(
            &check,
            "not counted: the review of `alice`: `alice` is a reviewer: this needs an admin",
        );
        assert_eq!(duty.github.all_comments(number).len(), 1);
        duty.github.read_all();
        duty
    });
}

#[test]
fn what_is_irrelevant_costs_nothing() {
    let mut duty = Duty::new();
    let number = duty.proposes(MEDIUM);
    duty.hears();
    duty.github.forget_calls();
    let dana = duty.github.user("dana");
    dana.adds_label(number, "good first issue");
    dana.edits_description(number, "Now with more words.");
    duty.github
        .user("dana")
        .pushes_branch("elsewhere", &[("notes.txt", "x")]);
    assert!(!duty.takes_events());
    // A question decides nothing, but the agent may wait for it.
    let dana = duty.github.user("dana");
    let id = dana.comments(number, "What is this about?");
    dana.edits_comment(id, "What is all this about?");
    assert!(duty.takes_events());
    duty.runs();
    duty.costs_at_most(0);
    duty.github.read_all();
}

#[test]
fn a_label_of_ours_that_somebody_changed_is_put_right() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        duty.hears();
        duty.wait(TimeDelta::minutes(2));
        let dana = duty.github.user("dana");
        dana.adds_label(number, "good first issue");
        dana.adds_label(number, "risk: appetite");
        dana.removes_label(number, "risk: medium");
        dana.adds_label(number, "risk: low");
        duty.github.forget_calls();
        duty.hears();
        duty.costs_at_most_in_one_process(2);
        if running != Running::OneProcess {
            // No job is started by a label: the timer's sees it.
            duty.runs_by_timer();
        }
        let labels = duty.github.labels(number);
        assert_eq!(
            labels,
            ["good first issue", "risk: appetite", "risk: medium"]
        );
        assert_eq!(duty.github.all_comments(number).len(), 1);
        duty.github.read_comment(number);
        duty.github.read_all();
        duty
    });
}

#[test]
fn an_invalid_file_is_marked_on_its_line() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes("action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}\nsurprise: 1");
        duty.hears();
        let check = duty.check(number);
        has(&check, "failure: invalid:");
        assert_eq!(duty.github.check_run(number).annotations, 1);
        assert!(duty.github.all_comments(number).is_empty());
        assert!(duty.github.pull(number).open);
        duty
    });
}

#[test]
fn a_command_rejects_and_the_comment_says_so() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        duty.hears();
        duty.github
            .user("bob")
            .comments(number, "/reject bad_timing: earnings this week");
        duty.hears();
        let pull = duty.github.pull(number);
        assert!(!pull.open && pull.merged_at.is_none());
        has(
            &duty.check(number),
            "failure: MEDIUM 55.00: rejected by bob (bad_timing)",
        );
        duty.github.read_comment(number);
        has(&duty.github.read_comment(number), "rejected by bob");
        has(
            duty.github.log().last().unwrap(),
            "decision: reject modify_parameters",
        );
        duty.hears();
        assert_eq!(duty.runs().handled.len(), 0);
        duty
    });
}

#[test]
fn an_edited_comment_commands_nothing() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        duty.hears();
        let id = duty.github.user("bob").comments(number, "Hm.");
        duty.wait(TimeDelta::seconds(30));
        duty.github
            .user("carol")
            .edits_comment(id, "/reject other: not mine");
        duty.hears();
        assert!(duty.github.pull(number).open);
        // Not after a restart either, when only the lists are read.
        duty.restarts(true);
        duty.runs();
        assert!(duty.github.pull(number).open);
        duty.github.read_all();
        duty
    });
}

#[test]
fn closing_by_hand_is_recorded() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let (first, second) = (duty.proposes(MEDIUM), duty.proposes(MEDIUM));
        duty.hears();
        duty.github.agent("strategy-optimizer").closes(first);
        duty.hears();
        has(&duty.check(first), "withdrawn by its author");
        has(duty.github.log().last().unwrap(), "decision: withdraw");
        // While nobody was on duty, too.
        duty.github.user("carol").closes(second);
        duty.restarts(true);
        duty.runs();
        has(&duty.check(second), "rejected by carol");
        let length = duty.github.log().len();
        duty.runs();
        assert_eq!(duty.github.log().len(), length);
        duty.github.read_all();
        duty
    });
}

#[test]
fn a_new_head_needs_a_new_approval() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(HIGH);
        duty.hears();
        duty.github.user("carol").approves(number, WHY);
        let branch = duty.github.pull(number).head_ref;
        let path = duty
            .github
            .git(&["ls-tree", "-r", "--name-only", &branch, "recommendations"]);
        let path = path.trim().to_owned();
        let text = duty.github.git(&["show", &format!("{branch}:{path}")]);
        let changed = text.replace("live}", "live, stop_loss_pct: 3.5}");
        duty.github
            .agent("strategy-optimizer")
            .pushes_more(&branch, &[(&path, &changed)]);
        duty.hears();
        assert!(duty.github.pull(number).open);
        has(&duty.check(number), "the head is now");
        duty.github.user("carol").approves(number, WHY);
        duty.hears();
        assert!(duty.github.pull(number).merged_at.is_some());
        duty.github.read_all();
        duty
    });
}

#[test]
fn what_was_said_before_a_restart_is_not_said_again() {
    let mut duty = Duty::new();
    let (waits, wrong) = (duty.proposes(MEDIUM), duty.proposes("action: nonsense: x"));
    duty.hears();
    duty.github.user("alice").approves(waits, "");
    for keeps_clone in [true, false] {
        duty.restarts(keeps_clone);
        duty.github.forget_calls();
        duty.runs();
        if keeps_clone {
            assert!(duty.github.pull(waits).merged_at.is_some());
            continue;
        }
        assert_eq!(
            duty.github
                .calls()
                .under_test()
                .api()
                .writes()
                .to("POST", "/repos/{owner}/{repo}/check-runs")
                .count(),
            0
        );
    }
    assert!(duty.github.pull(wrong).open);
    assert_eq!(duty.github.all_comments(waits).len(), 1);
    has_not(&duty.check(waits), "recorded on main");
    duty.github.read_all();
}
