//! What is said on a pull request after it has ended: feedback is recorded, and nothing else changes.

use chrono::TimeDelta;

use super::elsewhere::said_after_end;
use super::ways::verified;
use super::world::{GithubFixture, Running, however_it_runs};
use super::{LOW, MEDIUM};
use crate::double::{Fault, GithubStage};
use crate::support::{has, has_not};

const CHECK: &str = "/repos/{owner}/{repo}/check-runs/{check_run_id}";
const COMMENTS: &str = "/repos/{owner}/{repo}/issues/{issue_number}/comments";

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
fn ended(running: Running) -> (GithubFixture, [u64; 3]) {
    let mut fixture = GithubFixture::running(running);
    let (merged, rejected) = (fixture.proposes(LOW), fixture.proposes(MEDIUM));
    fixture.hears();
    let withdrawn = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture
        .github
        .user("bob")
        .comments(rejected, "/reject bad_timing: earnings this week");
    fixture.github.agent("strategy-optimizer").closes(withdrawn);
    fixture.hears();
    fixture.wait(TimeDelta::minutes(5));
    (fixture, [merged, rejected, withdrawn])
}

#[test]
fn feedback_on_what_has_ended_is_recorded_once() {
    however_it_runs(|running| {
        let (mut fixture, numbers) = ended(running);
        let before: Vec<String> = numbers
            .iter()
            .map(|number| fixture.check(*number))
            .collect();
        fixture.github.forget_calls();
        for number in numbers {
            let text = format!("Looked at it later.\n\n/feedback #{number} held up well");
            fixture.github.user("alice").comments(number, &text);
        }
        let told = fixture.github.waiting();
        fixture.hears();
        let expected = numbers.map(|number| format!("by: alice message: '#{number} held up well'"));
        assert_eq!(feedback(&fixture.github), expected);
        fixture.costs_at_most_in_one_process(0);
        // It is delivered again, to this process and to the next.
        fixture.hears_of(&told);
        fixture.restarts(true);
        fixture.hears_of(&told);
        fixture.restarts(false);
        fixture.hears_of(&told);
        assert_eq!(feedback(&fixture.github), expected);
        has(
            fixture.github.log().last().unwrap(),
            "feedback: alice on modify_parameters on rsi-eurusd",
        );
        for (number, before) in numbers.iter().zip(before) {
            assert!(!fixture.github.pull(*number).open);
            assert_eq!(fixture.check(*number), before);
        }
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn only_unedited_words_of_people_who_are_listed_are_feedback() {
    however_it_runs(|running| {
        let (mut fixture, [merged, rejected, _]) = ended(running);
        let github = &fixture.github;
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
        fixture.hears();
        fixture.wait(TimeDelta::seconds(30));
        // Anybody who may write can edit what alice said.
        fixture
            .github
            .user("carol")
            .edits_comment(id, "/feedback never do this again");
        let told = fixture.github.waiting();
        fixture.hears();
        fixture.hears_of(&told);
        assert_eq!(feedback(&fixture.github), Vec::<String>::new());
        assert_eq!(fixture.github.log(), before);
        assert!(!fixture.github.pull(merged).open && !fixture.github.pull(rejected).open);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn feedback_that_no_event_told_is_found_by_a_look_at_what_changed() {
    for keeps_clone in [true, false] {
        let (mut fixture, [merged, rejected, _]) = ended(Running::OneProcess);
        fixture
            .github
            .user("bob")
            .comments(merged, "/feedback the drawdown is smaller");
        fixture.github.user("dana").comments(rejected, "A pity.");
        fixture.github.forget_webhooks();
        fixture.restarts(keeps_clone);
        fixture.runs();
        let expected = ["by: bob message: the drawdown is smaller"];
        assert_eq!(feedback(&fixture.github), expected, "{keeps_clone}");
        // What was read once is not read again.
        fixture.restarts(true);
        fixture.github.forget_calls();
        fixture.runs();
        fixture.costs_at_most(1);
        assert_eq!(feedback(&fixture.github), expected);
        fixture.github.read_all();
    }
}

#[test]
fn a_review_of_what_has_ended_may_hold_feedback_and_approves_nothing() {
    however_it_runs(|running| {
        let (mut fixture, [_, rejected, _]) = ended(running);
        let alice = fixture.github.user("alice");
        alice.approves(rejected, "I would have.\n\n/feedback ask again next week");
        let id = fixture
            .github
            .user("bob")
            .reviews(rejected, "COMMENT", "Well.");
        let edited = "/feedback never again";
        fixture.wait(TimeDelta::seconds(30));
        fixture
            .github
            .user("bob")
            .edits_review(rejected, id, edited);
        let told = fixture.github.waiting();
        fixture.hears();
        fixture.hears_of(&told);
        assert_eq!(
            feedback(&fixture.github),
            ["by: alice message: ask again next week"]
        );
        assert!(!fixture.github.pull(rejected).open);
        has_not(
            &fixture.github.log().join("\n"),
            "approve modify_parameters on rsi-eurusd (",
        );
        fixture.github.read_all();
        fixture
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
            let (mut fixture, [merged, rejected, _]) = ended(running);
            let alice = fixture.github.user("alice");
            match in_review {
                true => _ = alice.reviews(merged, "COMMENT", "/freeze the market is mad"),
                false => _ = alice.comments(merged, "/freeze the market is mad"),
            }
            // Whoever may not, does not.
            let stranger = fixture.github.user("dana");
            stranger.comments(rejected, "/freeze I say so");
            let told = fixture.github.waiting();
            fixture.hears();
            let waiting = fixture.proposes(LOW);
            fixture.hears();
            assert_eq!(stops(&fixture.github), ["freeze: alice stops everything"]);
            has(
                &fixture.github.file("freeze.yaml"),
                "reason: the market is mad",
            );
            assert!(fixture.github.pull(waiting).open);
            let answers = said_after_end(&fixture, merged);
            let [answer] = answers.as_slice() else {
                panic!("{answers:?}")
            };
            let since = fixture.github.file("freeze.yaml");
            let since = since.lines().find_map(|line| line.strip_prefix("at: "));
            let (_, said) = answer.split_once('\n').unwrap();
            let expected = format!(
                "**Everything is frozen** since {}, by `alice`: nothing is merged or executed until an admin runs \
                 `countersign unfreeze --as LOGIN`.\n",
                since.unwrap().trim_matches('\'')
            );
            assert_eq!(said, expected);
            assert_eq!(said_after_end(&fixture, rejected), [""; 0]);
            // Another one while everything is frozen has its effect, too.
            fixture
                .github
                .user("bob")
                .comments(rejected, "/freeze it is mad");
            fixture.hears();
            fixture.unfreezes("carol");
            let all = ["freeze: alice stops everything", "unfreeze: by carol"];
            for keeps_clone in [true, false] {
                fixture.hears_of(&told);
                fixture.restarts(keeps_clone);
                fixture.runs();
                fixture.wait(TimeDelta::minutes(20));
                fixture.github.user("dana").comments(rejected, "A pity.");
                fixture.github.user("dana").comments(merged, "A pity.");
                fixture.github.forget_webhooks();
                fixture.runs_by_timer();
                assert_eq!(stops(&fixture.github), all, "{keeps_clone}");
                let answers = [merged, rejected].map(|ended| said_after_end(&fixture, ended).len());
                assert_eq!(answers, [1, 1], "{keeps_clone}");
            }
            assert!(fixture.github.pull(waiting).merged_at.is_some());
            assert_eq!(verified(&fixture.github).findings, []);
            fixture.github.read_all();
            fixture
        });
    }
}

#[test]
fn a_freeze_on_what_has_ended_is_answered_as_soon_as_github_takes_the_answer() {
    let (mut fixture, [merged, ..]) = ended(Running::OneProcess);
    fixture
        .github
        .user("alice")
        .comments(merged, "/freeze it is mad");
    // It is tried before anything is merged, and once more when what was said after the end is recorded.
    let fault = Fault::answers(502, "Server Error")
        .on("POST", COMMENTS)
        .times(2);
    fixture.github.fault(fault);
    fixture.takes_events();
    assert!(fixture.tries_to_run().is_err());
    assert_eq!(stops(&fixture.github), ["freeze: alice stops everything"]);
    assert_eq!(said_after_end(&fixture, merged), [""; 0]);
    for _ in 0..2 {
        fixture.runs();
        assert_eq!(said_after_end(&fixture, merged).len(), 1);
    }
    assert_eq!(stops(&fixture.github), ["freeze: alice stops everything"]);
    fixture.github.read_all();
}

#[test]
fn feedback_is_not_lost_while_the_end_could_not_be_told() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.user("alice").approves(number, "Fine.");
    let fault = Fault::answers(502, "Server Error").on("PATCH", CHECK);
    fixture.github.fault(fault);
    fixture.takes_events();
    assert!(fixture.tries_to_run().is_err());
    assert!(fixture.github.pull(number).merged_at.is_some());
    // What the webhooks say of the end comes before it could be told, and the feedback in between.
    fixture
        .github
        .user("alice")
        .comments(number, "/feedback good");
    fixture.takes_events();
    fixture.runs();
    assert_eq!(feedback(&fixture.github), ["by: alice message: good"]);
    fixture.github.read_all();
}
