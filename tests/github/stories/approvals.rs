//! What GitHub is asked before an approval counts: who pushed, whether a text was edited, where it was aimed, and
//! whether it is open.

use chrono::TimeDelta;
use countersign::forge::github::webhook;

use super::world::{GithubFixture, Running, decision, however_it_runs};
use super::{HIGH, LOW, MEDIUM, WHY};
use crate::double::{Fault, REPO};
use crate::support::{has, has_not};

const ACTIVITY: &str = "/repos/{owner}/{repo}/activity";
const GRAPHQL: &str = "/graphql";

/// Alice puts a commit of the agent's on its branch.
fn alice_pushes(fixture: &GithubFixture, number: u64) {
    let branch = fixture.github.pull(number).head_ref;
    let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
    fixture
        .github
        .agent("strategy-optimizer")
        .pushes_branch("elsewhere", &[(&path, &text)]);
    let alice = fixture.github.user("alice");
    alice.pushes_branch("junk", &[("notes.txt", "x")]);
    let clone = fixture.github.folder().join("clones/alice-acme-governance");
    let refspec = format!("+refs/remotes/origin/elsewhere:refs/heads/{branch}");
    alice.tries_to_push(REPO, &clone, &refspec).unwrap();
}

fn asked(fixture: &GithubFixture, method: &str, route: &str) -> usize {
    fixture
        .github
        .calls()
        .under_test()
        .to(method, route)
        .count()
}

#[test]
fn whoever_pushed_is_known_to_the_next_process() {
    // The check run of the head tells it; where nobody wrote one, GitHub's account of the pushes does.
    for (hears, questions) in [(true, 0), (false, 1)] {
        however_it_runs(|running| {
            let mut fixture = GithubFixture::running(running);
            let number = fixture.proposes(MEDIUM);
            fixture.hears();
            alice_pushes(&fixture, number);
            if hears {
                fixture.hears();
            }
            fixture.restarts(true);
            fixture.github.user("alice").approves(number, "Fine.");
            fixture.github.forget_calls();
            fixture.runs();
            assert!(fixture.github.pull(number).open);
            has(
                &fixture.check(number),
                "not counted: the review of `alice`: `alice` is the pusher of commit",
            );
            if running == Running::OneProcess {
                assert_eq!(asked(&fixture, "GET", ACTIVITY), questions, "{hears}");
            }
            fixture.github.user("bob").approves(number, "Fine.");
            fixture.hears();
            assert!(fixture.github.pull(number).merged_at.is_some());
            let decision = fixture.github.file(&decision(&fixture));
            has(&decision, "  pushers:\n  - login: alice\n");
            fixture.github.read_all();
            fixture
        });
    }
}

#[test]
fn what_is_handed_on_by_a_check_run_is_handed_on_again() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        alice_pushes(&fixture, number);
        fixture.hears();
        let branch = fixture.github.pull(number).head_ref;
        let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
        fixture
            .github
            .agent("strategy-optimizer")
            .pushes_branch(&branch, &[(&path, &text)]);
        fixture.hears();
        // Who made the branch, only the one process heard. A job believes no check run, which others who are the same
        // App could have written: it asks for the pushes.
        let knows_all = running == Running::OneProcess;
        if knows_all {
            let carried = fixture.github.check_run(number).external_id.unwrap();
            assert!(carried.starts_with("countersign:v1:"), "{carried}");
            has(&carried, ";all=");
            has(&carried, ":alice");
        }
        fixture.restarts(true);
        fixture.github.forget_calls();
        fixture.github.user("alice").approves(number, "Fine.");
        fixture.runs();
        assert!(fixture.github.pull(number).open);
        has(
            &fixture.check(number),
            "not counted: the review of `alice`: `alice` is the pusher of commit",
        );
        assert_eq!(
            asked(&fixture, "GET", ACTIVITY),
            usize::from(running == Running::NewProcessForEachEvent)
        );
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn where_it_is_not_known_who_pushed_the_case_waits_and_says_what_helps() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        // Nobody hears how it began, and the account of who pushed it is gone.
        fixture.github.world(|world| {
            for push in &mut world.repos.get_mut(REPO).unwrap().activity {
                push.actor = None;
            }
        });
        fixture.restarts(true);
        fixture.runs();
        fixture.github.user("alice").approves(number, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        let check = fixture.check(number);
        has(
            &check,
            "not counted: the review of `alice`: it is not known who pushed commit",
        );
        has(&check, "it waits until the agent pushes a new head");
        let branch = fixture.github.pull(number).head_ref;
        let agent = fixture.github.agent("strategy-optimizer");
        let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
        agent.pushes_branch(&branch, &[(&path, &text)]);
        fixture.hears();
        fixture.github.user("alice").approves(number, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn a_fork_that_maintainers_may_push_to_is_not_trusted() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
        let number = fixture
            .github
            .agent("strategy-optimizer")
            .opens_pull_from_fork("recommend/fork", &[(&path, &text)]);
        let edits = |allowed: bool| {
            fixture
                .github
                .world(|world| world.pull_mut(REPO, number).maintainers_edit = allowed)
        };
        edits(true);
        fixture.github.fault(
            Fault::answers(404, "Not Found")
                .on("GET", ACTIVITY)
                .times(9),
        );
        fixture.hears();
        fixture.github.user("alice").approves(number, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        has(
            &fixture.check(number),
            "switch off `Allow edits by maintainers`",
        );
        fixture
            .github
            .world(|world| world.pull_mut(REPO, number).maintainers_edit = false);
        fixture.github.user("bob").approves(number, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn a_text_that_somebody_edited_justifies_nothing() {
    for (editor, hears) in [("dana", false), ("carol", false), ("dana", true)] {
        however_it_runs(|running| {
            let mut fixture = GithubFixture::running(running);
            let number = fixture.proposes(HIGH);
            fixture.hears();
            let review = fixture.github.user("carol").approves(number, "");
            fixture.wait(TimeDelta::seconds(30));
            fixture
                .github
                .user(editor)
                .edits_review(number, review, WHY);
            if hears {
                fixture.hears();
            }
            // REST tells nothing of it.
            fixture.restarts(true);
            fixture.runs();
            assert!(fixture.github.pull(number).open, "{editor} {hears}");
            has(
                &fixture.check(number),
                "not counted: the review of `carol`: it has no justification",
            );
            has(
                &fixture.check(number),
                "a text that was edited does not count",
            );
            fixture.github.user("carol").approves(number, WHY);
            fixture.hears();
            assert!(fixture.github.pull(number).merged_at.is_some());
            fixture.github.read_all();
            fixture
        });
    }
}

#[test]
fn every_review_is_asked_for_to_the_last_page() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(HIGH);
        fixture.hears();
        for login in ["dana", "bob"] {
            fixture.github.user(login).reviews(number, "COMMENT", "Hm.");
        }
        let review = fixture.github.user("carol").approves(number, "");
        fixture.wait(TimeDelta::seconds(30));
        fixture
            .github
            .user("dana")
            .edits_review(number, review, WHY);
        fixture.github.pages_of(1);
        fixture.restarts(true);
        fixture.runs();
        assert!(fixture.github.pull(number).open);
        assert!(asked(&fixture, "POST", GRAPHQL) >= 3);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn without_an_answer_nothing_is_merged_and_the_others_go_on() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        let other = fixture.proposes(LOW);
        fixture.github.forget_webhooks();
        fixture.github.user("alice").approves(number, "Fine.");
        let fault = Fault::answers(502, "Server Error").on("POST", GRAPHQL);
        fixture.github.fault(fault.times(1_000));
        if running == Running::OneProcess {
            // That the other is open is told by nobody; a process that starts looks for itself.
            fixture.forge.reconcile();
        }
        let errors = fixture.tries_to_hear();
        assert!(!errors.is_empty());
        for error in &errors {
            has(error, "POST /graphql");
        }
        assert!(fixture.github.pull(number).open);
        // Its state came with the answer to the making of its label.
        assert!(fixture.github.pull(other).merged_at.is_some());
        fixture.github.world(|world| world.faults.clear());
        fixture.runs_by_timer();
        assert!(fixture.github.pull(number).merged_at.is_some());
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn what_is_closed_is_not_merged_however_late_that_is_told() {
    for body in [MEDIUM, LOW] {
        for late in [TimeDelta::zero(), TimeDelta::minutes(5)] {
            however_it_runs(|running| {
                let mut fixture = GithubFixture::running(running);
                let number = fixture.proposes(body);
                if body == MEDIUM {
                    fixture.hears();
                    fixture.github.user("alice").approves(number, "Fine.");
                }
                let told = fixture.github.waiting();
                fixture.wait(late);
                fixture.github.user("carol").closes(number);
                fixture.github.forget_webhooks();
                // What was told before comes late, and says that it is open.
                fixture.hears_of(&told);
                assert!(fixture.github.pull(number).merged_at.is_none(), "{body}");
                has(&fixture.check(number), "rejected by carol");
                has_not(
                    &fixture.github.log().join("\n"),
                    "approve modify_parameters",
                );
                fixture.github.read_all();
                fixture
            });
        }
    }
}

#[test]
fn a_low_that_is_another_by_now_is_not_merged_on_an_old_event() {
    for what in ["retargeted", "draft", "pushed"] {
        let mut fixture = GithubFixture::new();
        let number = fixture.proposes(LOW);
        let told = fixture.github.waiting();
        let branch = fixture.github.pull(number).head_ref;
        let agent = fixture.github.agent("strategy-optimizer");
        match what {
            "retargeted" => {
                agent.pushes_branch("release", &[("x.txt", "x")]);
                agent.retargets(number, "release");
            }
            "draft" => fixture
                .github
                .world(|world| world.pull_mut(REPO, number).draft = true),
            _ => drop(agent.pushes_more(&branch, &[("notes.txt", "x")])),
        }
        fixture.github.forget_webhooks();
        fixture.hears_of(&told);
        assert!(fixture.github.pull(number).open, "{what}");
        has_not(
            &fixture.github.log().join("\n"),
            "approve modify_parameters",
        );
        fixture.github.read_all();
    }
}

#[test]
fn a_review_that_tells_of_the_closing_stops_it() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        fixture.github.user("carol").closes(number);
        fixture.github.forget_webhooks();
        fixture.github.user("alice").approves(number, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_none());
        has(&fixture.check(number), "rejected by carol");
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn what_is_told_late_and_again_changes_nothing() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let (merged, rejected) = (fixture.proposes(MEDIUM), fixture.proposes(MEDIUM));
        let mut told = fixture.github.waiting();
        fixture.hears();
        fixture.github.user("alice").approves(merged, "Fine.");
        fixture
            .github
            .user("bob")
            .comments(rejected, "/reject bad_timing: earnings this week");
        told.extend(fixture.github.waiting());
        fixture.hears();
        let said = [merged, rejected].map(|number| fixture.check(number));
        let log = fixture.github.log();
        fixture.wait(TimeDelta::seconds(5));
        told.reverse();
        fixture.hears_of(&told);
        fixture.hears();
        assert_eq!([merged, rejected].map(|number| fixture.check(number)), said);
        assert_eq!(fixture.github.log(), log);
        assert!(!fixture.github.pull(rejected).open);
        fixture.github.read_all();
        fixture
    });
}

// Not however it runs: it is about what late webhooks cost the process that has heard the end.
#[test]
fn what_is_told_late_does_not_bring_back_what_has_ended() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    let opened = fixture.github.waiting();
    fixture.hears();
    fixture.wait(TimeDelta::seconds(5));
    fixture
        .github
        .user("bob")
        .comments(number, "/reject bad_timing: earnings this week");
    fixture.hears();
    let said = fixture.check(number);
    has(&said, "rejected by bob (bad_timing)");
    fixture.github.forget_calls();
    for restarts in [false, true] {
        if restarts {
            fixture.restarts(true);
            fixture.runs();
            fixture.github.forget_calls();
        }
        for delivery in &opened {
            let parsed = webhook::parse(&delivery.event, delivery.body.as_bytes()).unwrap();
            assert!(
                !fixture.forge.on_event(parsed.unwrap()),
                "{}",
                delivery.event
            );
        }
        fixture.runs();
        fixture.costs_at_most(0);
        assert_eq!(fixture.check(number), said);
    }
    // Who opens it again has it heard anew.
    fixture.wait(TimeDelta::seconds(5));
    fixture.github.user("carol").reopens(number);
    assert!(fixture.takes_events());
    fixture.github.read_all();
}
