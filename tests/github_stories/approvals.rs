//! What GitHub is asked before an approval counts: who pushed, whether a text was edited, where it was aimed, and
//! whether it is open.

use chrono::TimeDelta;
use countersign::forge::github::webhook;

use crate::github_double::{Fault, REPO};
use crate::support::{has, has_not};
use crate::world::{Duty, Running, decision, however_it_runs};
use crate::{HIGH, LOW, MEDIUM, WHY};

const ACTIVITY: &str = "/repos/{owner}/{repo}/activity";
const GRAPHQL: &str = "/graphql";

/// Alice puts a commit of the agent's on its branch.
fn alice_pushes(duty: &Duty, number: u64) {
    let branch = duty.github.pull(number).head_ref;
    let (path, text) = duty.example.recommendation("strategy-optimizer", MEDIUM);
    duty.github
        .agent("strategy-optimizer")
        .pushes_branch("elsewhere", &[(&path, &text)]);
    let alice = duty.github.user("alice");
    alice.pushes_branch("junk", &[("notes.txt", "x")]);
    let clone = duty.github.folder().join("clones/alice-acme-governance");
    let refspec = format!("+refs/remotes/origin/elsewhere:refs/heads/{branch}");
    alice.tries_to_push(REPO, &clone, &refspec).unwrap();
}

fn asked(duty: &Duty, method: &str, route: &str) -> usize {
    duty.github.calls().under_test().to(method, route).count()
}

#[test]
fn whoever_pushed_is_known_to_the_next_process() {
    // The check run of the head tells it; where nobody wrote one, GitHub's account of the pushes does.
    for (hears, questions) in [(true, 0), (false, 1)] {
        however_it_runs(|running| {
            let mut duty = Duty::running(running);
            let number = duty.proposes(MEDIUM);
            duty.hears();
            alice_pushes(&duty, number);
            if hears {
                duty.hears();
            }
            duty.restarts(true);
            duty.github.user("alice").approves(number, "Fine.");
            duty.github.forget_calls();
            duty.runs();
            assert!(duty.github.pull(number).open);
            has(
                &duty.check(number),
                "not counted: the review of `alice`: `alice` is the pusher of commit",
            );
            if running == Running::OneProcess {
                assert_eq!(asked(&duty, "GET", ACTIVITY), questions, "{hears}");
            }
            duty.github.user("bob").approves(number, "Fine.");
            duty.hears();
            assert!(duty.github.pull(number).merged_at.is_some());
            let decision = duty.github.file(&decision(&duty));
            has(&decision, "  pushers:\n  - login: alice\n");
            duty.github.read_all();
            duty
        });
    }
}

#[test]
fn what_is_handed_on_by_a_check_run_is_handed_on_again() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        duty.hears();
        alice_pushes(&duty, number);
        duty.hears();
        let branch = duty.github.pull(number).head_ref;
        let (path, text) = duty.example.recommendation("strategy-optimizer", MEDIUM);
        duty.github
            .agent("strategy-optimizer")
            .pushes_branch(&branch, &[(&path, &text)]);
        duty.hears();
        // Who made the branch, only the one process heard. A job believes no check run, which others who are the same
        // App could have written: it asks for the pushes.
        let knows_all = running == Running::OneProcess;
        if knows_all {
            let carried = duty.github.check_run(number).external_id.unwrap();
            assert!(carried.starts_with("countersign:v1:"), "{carried}");
            has(&carried, ";all=");
            has(&carried, ":alice");
        }
        duty.restarts(true);
        duty.github.forget_calls();
        duty.github.user("alice").approves(number, "Fine.");
        duty.runs();
        assert!(duty.github.pull(number).open);
        has(
            &duty.check(number),
            "not counted: the review of `alice`: `alice` is the pusher of commit",
        );
        assert_eq!(
            asked(&duty, "GET", ACTIVITY),
            usize::from(running == Running::NewProcessForEachEvent)
        );
        duty.github.read_all();
        duty
    });
}

#[test]
fn where_it_is_not_known_who_pushed_the_case_waits_and_says_what_helps() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        // Nobody hears how it began, and the account of who pushed it is gone.
        duty.github.world(|world| {
            for push in &mut world.repos.get_mut(REPO).unwrap().activity {
                push.actor = None;
            }
        });
        duty.restarts(true);
        duty.runs();
        duty.github.user("alice").approves(number, "Fine.");
        duty.hears();
        assert!(duty.github.pull(number).open);
        let check = duty.check(number);
        has(
            &check,
            "not counted: the review of `alice`: it is not known who pushed commit",
        );
        has(&check, "it waits until the agent pushes a new head");
        let branch = duty.github.pull(number).head_ref;
        let agent = duty.github.agent("strategy-optimizer");
        let (path, text) = duty.example.recommendation("strategy-optimizer", MEDIUM);
        agent.pushes_branch(&branch, &[(&path, &text)]);
        duty.hears();
        duty.github.user("alice").approves(number, "Fine.");
        duty.hears();
        assert!(duty.github.pull(number).merged_at.is_some());
        duty.github.read_all();
        duty
    });
}

#[test]
fn a_fork_that_maintainers_may_push_to_is_not_trusted() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let (path, text) = duty.example.recommendation("strategy-optimizer", MEDIUM);
        let number = duty
            .github
            .agent("strategy-optimizer")
            .opens_pull_from_fork("recommend/fork", &[(&path, &text)]);
        let edits = |allowed: bool| {
            duty.github
                .world(|world| world.pull_mut(REPO, number).maintainers_edit = allowed)
        };
        edits(true);
        duty.github.fault(
            Fault::answers(404, "Not Found")
                .on("GET", ACTIVITY)
                .times(9),
        );
        duty.hears();
        duty.github.user("alice").approves(number, "Fine.");
        duty.hears();
        assert!(duty.github.pull(number).open);
        has(
            &duty.check(number),
            "switch off `Allow edits by maintainers`",
        );
        duty.github
            .world(|world| world.pull_mut(REPO, number).maintainers_edit = false);
        duty.github.user("bob").approves(number, "Fine.");
        duty.hears();
        assert!(duty.github.pull(number).merged_at.is_some());
        duty.github.read_all();
        duty
    });
}

#[test]
fn a_text_that_somebody_edited_justifies_nothing() {
    for (editor, hears) in [("dana", false), ("carol", false), ("dana", true)] {
        however_it_runs(|running| {
            let mut duty = Duty::running(running);
            let number = duty.proposes(HIGH);
            duty.hears();
            let review = duty.github.user("carol").approves(number, "");
            duty.wait(TimeDelta::seconds(30));
            duty.github.user(editor).edits_review(number, review, WHY);
            if hears {
                duty.hears();
            }
            // REST tells nothing of it.
            duty.restarts(true);
            duty.runs();
            assert!(duty.github.pull(number).open, "{editor} {hears}");
            has(
                &duty.check(number),
                "not counted: the review of `carol`: it has no justification",
            );
            has(&duty.check(number), "a text that was edited does not count");
            duty.github.user("carol").approves(number, WHY);
            duty.hears();
            assert!(duty.github.pull(number).merged_at.is_some());
            duty.github.read_all();
            duty
        });
    }
}

#[test]
fn every_review_is_asked_for_to_the_last_page() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(HIGH);
        duty.hears();
        for login in ["dana", "bob"] {
            duty.github.user(login).reviews(number, "COMMENT", "Hm.");
        }
        let review = duty.github.user("carol").approves(number, "");
        duty.wait(TimeDelta::seconds(30));
        duty.github.user("dana").edits_review(number, review, WHY);
        duty.github.pages_of(1);
        duty.restarts(true);
        duty.runs();
        assert!(duty.github.pull(number).open);
        assert!(asked(&duty, "POST", GRAPHQL) >= 3);
        duty.github.read_all();
        duty
    });
}

#[test]
fn without_an_answer_nothing_is_merged_and_the_others_go_on() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        duty.hears();
        let other = duty.proposes(LOW);
        duty.github.forget_webhooks();
        duty.github.user("alice").approves(number, "Fine.");
        let fault = Fault::answers(502, "Server Error").on("POST", GRAPHQL);
        duty.github.fault(fault.times(1_000));
        if running == Running::OneProcess {
            // That the other is open is told by nobody; a process that starts looks for itself.
            duty.forge.reconcile();
        }
        let errors = duty.tries_to_hear();
        assert!(!errors.is_empty());
        for error in &errors {
            has(error, "POST /graphql");
        }
        assert!(duty.github.pull(number).open);
        // Its state came with the answer to the making of its label.
        assert!(duty.github.pull(other).merged_at.is_some());
        duty.github.world(|world| world.faults.clear());
        duty.runs_by_timer();
        assert!(duty.github.pull(number).merged_at.is_some());
        duty.github.read_all();
        duty
    });
}

#[test]
fn what_is_closed_is_not_merged_however_late_that_is_told() {
    for body in [MEDIUM, LOW] {
        for late in [TimeDelta::zero(), TimeDelta::minutes(5)] {
            however_it_runs(|running| {
                let mut duty = Duty::running(running);
                let number = duty.proposes(body);
                if body == MEDIUM {
                    duty.hears();
                    duty.github.user("alice").approves(number, "Fine.");
                }
                let told = duty.github.waiting();
                duty.wait(late);
                duty.github.user("carol").closes(number);
                duty.github.forget_webhooks();
                // What was told before comes late, and says that it is open.
                duty.hears_of(&told);
                assert!(duty.github.pull(number).merged_at.is_none(), "{body}");
                has(&duty.check(number), "rejected by carol");
                has_not(&duty.github.log().join("\n"), "approve modify_parameters");
                duty.github.read_all();
                duty
            });
        }
    }
}

#[test]
fn a_low_that_is_another_by_now_is_not_merged_on_an_old_event() {
    for what in ["retargeted", "draft", "pushed"] {
        let mut duty = Duty::new();
        let number = duty.proposes(LOW);
        let told = duty.github.waiting();
        let branch = duty.github.pull(number).head_ref;
        let agent = duty.github.agent("strategy-optimizer");
        match what {
            "retargeted" => {
                agent.pushes_branch("release", &[("x.txt", "x")]);
                agent.retargets(number, "release");
            }
            "draft" => duty
                .github
                .world(|world| world.pull_mut(REPO, number).draft = true),
            _ => drop(agent.pushes_more(&branch, &[("notes.txt", "x")])),
        }
        duty.github.forget_webhooks();
        duty.hears_of(&told);
        assert!(duty.github.pull(number).open, "{what}");
        has_not(&duty.github.log().join("\n"), "approve modify_parameters");
        duty.github.read_all();
    }
}

#[test]
fn a_review_that_tells_of_the_closing_stops_it() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let number = duty.proposes(MEDIUM);
        duty.hears();
        duty.github.user("carol").closes(number);
        duty.github.forget_webhooks();
        duty.github.user("alice").approves(number, "Fine.");
        duty.hears();
        assert!(duty.github.pull(number).merged_at.is_none());
        has(&duty.check(number), "rejected by carol");
        duty.github.read_all();
        duty
    });
}

#[test]
fn what_is_told_late_and_again_changes_nothing() {
    however_it_runs(|running| {
        let mut duty = Duty::running(running);
        let (merged, rejected) = (duty.proposes(MEDIUM), duty.proposes(MEDIUM));
        let mut told = duty.github.waiting();
        duty.hears();
        duty.github.user("alice").approves(merged, "Fine.");
        duty.github
            .user("bob")
            .comments(rejected, "/reject bad_timing: earnings this week");
        told.extend(duty.github.waiting());
        duty.hears();
        let said = [merged, rejected].map(|number| duty.check(number));
        let log = duty.github.log();
        duty.wait(TimeDelta::seconds(5));
        told.reverse();
        duty.hears_of(&told);
        duty.hears();
        assert_eq!([merged, rejected].map(|number| duty.check(number)), said);
        assert_eq!(duty.github.log(), log);
        assert!(!duty.github.pull(rejected).open);
        duty.github.read_all();
        duty
    });
}

// Not however it runs: it is about what late webhooks cost the process that has heard the end.
#[test]
fn what_is_told_late_does_not_bring_back_what_has_ended() {
    let mut duty = Duty::new();
    let number = duty.proposes(MEDIUM);
    let opened = duty.github.waiting();
    duty.hears();
    duty.wait(TimeDelta::seconds(5));
    duty.github
        .user("bob")
        .comments(number, "/reject bad_timing: earnings this week");
    duty.hears();
    let said = duty.check(number);
    has(&said, "rejected by bob (bad_timing)");
    duty.github.forget_calls();
    for restarts in [false, true] {
        if restarts {
            duty.restarts(true);
            duty.runs();
            duty.github.forget_calls();
        }
        for delivery in &opened {
            let parsed = webhook::parse(&delivery.event, delivery.body.as_bytes()).unwrap();
            assert!(!duty.forge.on_event(parsed.unwrap()), "{}", delivery.event);
        }
        duty.runs();
        duty.costs_at_most(0);
        assert_eq!(duty.check(number), said);
    }
    // Who opens it again has it heard anew.
    duty.wait(TimeDelta::seconds(5));
    duty.github.user("carol").reopens(number);
    assert!(duty.takes_events());
    duty.github.read_all();
}
