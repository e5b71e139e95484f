//! What is said on a pull request after it has ended: feedback is recorded, and nothing else changes.

use chrono::TimeDelta;

use crate::github_double::{Fault, GithubStage};
use crate::support::{has, has_not};
use crate::ways::verified;
use crate::world::{Duty, Running, however_it_runs};
use crate::{LOW, MEDIUM};

const CHECK: &str = "/repos/{owner}/{repo}/check-runs/{check_run_id}";

/// The feedback on `main`: who, and what.
fn feedback(github: &GithubStage) -> Vec<String> {
    let listed = github.git(&["ls-tree", "-r", "--name-only", "main", "recommendations"]);
    let paths = listed.lines().filter(|path| path.contains("/feedback/"));
    let mut said: Vec<String> = paths
        .map(|path| {
            let text = github.file(path);
            let lines = text.lines();
            let kept =
                lines.filter(|line| line.starts_with("by: ") || line.starts_with("message: "));
            kept.collect::<Vec<_>>().join(" ")
        })
        .collect();
    said.sort();
    said
}

/// A merged one, a rejected one, and one that its author took back.
fn ended(running: Running) -> (Duty, [u64; 3]) {
    let mut duty = Duty::running(running);
    let (merged, rejected) = (duty.proposes(LOW), duty.proposes(MEDIUM));
    duty.hears();
    let withdrawn = duty.proposes(MEDIUM);
    duty.hears();
    duty.github
        .user("bob")
        .comments(rejected, "/reject bad_timing: earnings this week");
    duty.github.agent("strategy-optimizer").closes(withdrawn);
    duty.hears();
    duty.wait(TimeDelta::minutes(5));
    (duty, [merged, rejected, withdrawn])
}

#[test]
fn feedback_on_what_has_ended_is_recorded_once() {
    however_it_runs(|running| {
        let (mut duty, numbers) = ended(running);
        let before: Vec<String> = numbers.iter().map(|number| duty.check(*number)).collect();
        duty.github.forget_calls();
        for number in numbers {
            let text = format!("Looked at it later.\n\n/feedback #{number} held up well");
            duty.github.user("alice").comments(number, &text);
        }
        let told = duty.github.waiting();
        duty.hears();
        let expected = numbers.map(|number| format!("by: alice message: '#{number} held up well'"));
        assert_eq!(feedback(&duty.github), expected);
        duty.costs_at_most_in_one_process(0);
        // It is delivered again, to this process and to the next.
        duty.hears_of(&told);
        duty.restarts(true);
        duty.hears_of(&told);
        duty.restarts(false);
        duty.hears_of(&told);
        assert_eq!(feedback(&duty.github), expected);
        has(
            duty.github.log().last().unwrap(),
            "feedback: alice on modify_parameters on rsi-eurusd",
        );
        for (number, before) in numbers.iter().zip(before) {
            assert!(!duty.github.pull(*number).open);
            assert_eq!(duty.check(*number), before);
        }
        duty.github.read_all();
        duty
    });
}

#[test]
fn only_unedited_words_of_people_who_are_listed_are_feedback() {
    however_it_runs(|running| {
        let (mut duty, [merged, rejected, _]) = ended(running);
        let github = &duty.github;
        let before = github.log();
        github
            .agent("strategy-optimizer")
            .comments(merged, "/feedback I was right");
        github
            .agent("risk-manager")
            .comments(rejected, "/feedback as I said");
        let alice = github.user("alice");
        alice.comments(merged, "/approve\n\n    /feedback in code\n\nThanks!");
        alice.comments(rejected, "/reject other: still no\n/confidence confident");
        let id = alice.comments(merged, "Well.");
        duty.hears();
        duty.wait(TimeDelta::seconds(30));
        // Anybody who may write can edit what alice said.
        duty.github
            .user("carol")
            .edits_comment(id, "/feedback never do this again");
        let told = duty.github.waiting();
        duty.hears();
        duty.hears_of(&told);
        assert_eq!(feedback(&duty.github), Vec::<String>::new());
        assert_eq!(duty.github.log(), before);
        assert!(!duty.github.pull(merged).open && !duty.github.pull(rejected).open);
        duty.github.read_all();
        duty
    });
}

#[test]
fn feedback_that_no_event_told_is_found_by_a_look_at_what_changed() {
    for keeps_clone in [true, false] {
        let (mut duty, [merged, rejected, _]) = ended(Running::OneProcess);
        duty.github
            .user("bob")
            .comments(merged, "/feedback the drawdown is smaller");
        duty.github.user("dana").comments(rejected, "A pity.");
        duty.github.forget_webhooks();
        duty.restarts(keeps_clone);
        duty.runs();
        let expected = ["by: bob message: the drawdown is smaller"];
        assert_eq!(feedback(&duty.github), expected, "{keeps_clone}");
        // What was read once is not read again.
        duty.restarts(true);
        duty.github.forget_calls();
        duty.runs();
        duty.costs_at_most(1);
        assert_eq!(feedback(&duty.github), expected);
        duty.github.read_all();
    }
}

#[test]
fn a_review_of_what_has_ended_may_hold_feedback_and_approves_nothing() {
    however_it_runs(|running| {
        let (mut duty, [_, rejected, _]) = ended(running);
        let alice = duty.github.user("alice");
        alice.approves(rejected, "I would have.\n\n/feedback ask again next week");
        let id = duty
            .github
            .user("bob")
            .reviews(rejected, "COMMENT", "Well.");
        let edited = "/feedback never again";
        duty.wait(TimeDelta::seconds(30));
        duty.github.user("bob").edits_review(rejected, id, edited);
        let told = duty.github.waiting();
        duty.hears();
        duty.hears_of(&told);
        assert_eq!(
            feedback(&duty.github),
            ["by: alice message: ask again next week"]
        );
        assert!(!duty.github.pull(rejected).open);
        has_not(
            &duty.github.log().join("\n"),
            "approve modify_parameters on rsi-eurusd (",
        );
        duty.github.read_all();
        duty
    });
}

/// The subjects of the commits that stopped everything, or let it go on.
fn stops(github: &GithubStage) -> Vec<String> {
    let log = github.log().into_iter();
    log.filter(|subject| subject.contains("freeze: ")).collect()
}

#[test]
fn a_freeze_on_what_has_ended_stops_everything_once() {
    for in_review in [false, true] {
        however_it_runs(|running| {
            let (mut duty, [merged, rejected, _]) = ended(running);
            let alice = duty.github.user("alice");
            match in_review {
                true => _ = alice.reviews(merged, "COMMENT", "/freeze the market is mad"),
                false => _ = alice.comments(merged, "/freeze the market is mad"),
            }
            // Whoever may not, does not.
            let stranger = duty.github.user("dana");
            stranger.comments(rejected, "/freeze I say so");
            let told = duty.github.waiting();
            duty.hears();
            let waiting = duty.proposes(LOW);
            duty.hears();
            assert_eq!(stops(&duty.github), ["freeze: alice stops everything"]);
            has(
                &duty.github.file("freeze.yaml"),
                "reason: the market is mad",
            );
            assert!(duty.github.pull(waiting).open);
            // Another one while everything is frozen has its effect, too.
            duty.github
                .user("bob")
                .comments(rejected, "/freeze it is mad");
            duty.hears();
            duty.unfreezes("carol");
            let all = ["freeze: alice stops everything", "unfreeze: by carol"];
            for keeps_clone in [true, false] {
                duty.hears_of(&told);
                duty.restarts(keeps_clone);
                duty.runs();
                duty.wait(TimeDelta::minutes(20));
                duty.github.user("dana").comments(rejected, "A pity.");
                duty.github.user("dana").comments(merged, "A pity.");
                duty.github.forget_webhooks();
                duty.runs_by_timer();
                assert_eq!(stops(&duty.github), all, "{keeps_clone}");
            }
            assert!(duty.github.pull(waiting).merged_at.is_some());
            assert_eq!(verified(&duty.github).findings, []);
            duty.github.read_all();
            duty
        });
    }
}

#[test]
fn feedback_is_not_lost_while_the_end_could_not_be_told() {
    let mut duty = Duty::new();
    let number = duty.proposes(MEDIUM);
    duty.hears();
    duty.github.user("alice").approves(number, "Fine.");
    let fault = Fault::answers(502, "Server Error").on("PATCH", CHECK);
    duty.github.fault(fault);
    duty.takes_events();
    assert!(duty.tries_to_run().is_err());
    assert!(duty.github.pull(number).merged_at.is_some());
    // What the webhooks say of the end comes before it could be told, and the feedback in between.
    duty.github.user("alice").comments(number, "/feedback good");
    duty.takes_events();
    duty.runs();
    assert_eq!(feedback(&duty.github), ["by: alice message: good"]);
    duty.github.read_all();
}
