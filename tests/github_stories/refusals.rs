//! What GitHub refuses, and what others do on it: nobody is forgotten for it, and nothing of theirs is taken for ours.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use countersign::bot::BotError;
use countersign::forge::github::Timer;

use crate::github_double::world::{CheckRun, Comment};
use crate::github_double::{Fault, GithubStage, REPO, StoryClock};
use crate::support::{has, has_not};
use crate::world::{Duty, app};
use crate::{LOW, MEDIUM};

const CHECKS: &str = "/repos/{owner}/{repo}/check-runs";
const REQUESTS: &str = "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers";

/// A run that did its work and could not tell everybody: how many it handled, and what it says.
#[track_caller]
fn untold(duty: &mut Duty) -> (usize, String) {
    match duty.tries_to_run().unwrap_err() {
        BotError::Untold(run) => (run.summary.handled.len(), run.to_string()),
        other => panic!("{other}"),
    }
}

#[test]
fn one_that_cannot_be_told_silences_no_other() {
    let mut duty = Duty::new();
    let numbers = [
        duty.proposes(LOW),
        duty.proposes(LOW),
        duty.proposes(MEDIUM),
    ];
    // Refused where both are written at once (after the label was made), and again where they are written one by one.
    let words = "Resource not accessible by integration";
    let fault = Fault::answers(403, words).on("POST", "/graphql (mutation)");
    duty.github.fault(fault.after(1));
    duty.github
        .fault(Fault::answers(422, "No commit found for SHA").on("POST", CHECKS));
    assert!(duty.takes_events());
    let (handled, said) = untold(&mut duty);
    assert_eq!(handled, 3);
    assert_eq!(
        said,
        "not everybody could be told, and the next run tells them: \
         #1: GitHub answered `POST /repos/acme/governance/check-runs` with 422: No commit found for SHA"
    );
    has(&duty.check(numbers[1]), "success: LOW 0.00");
    has(&duty.check(numbers[2]), "needs 1 approval by a reviewer");
    duty.runs();
    has(&duty.check(numbers[0]), "success: LOW 0.00");
    duty.github.read_all();
}

#[test]
fn a_refusal_stands_for_one_pull_request_and_one_time() {
    let mut duty = Duty::new();
    let numbers = [duty.proposes(MEDIUM), duty.proposes(MEDIUM)];
    let words = "Resource not accessible by integration";
    // Refused where both are written at once, and again where they are written one by one.
    for route in ["/graphql (mutation)", CHECKS] {
        duty.github
            .fault(Fault::answers(403, words).on("POST", route));
    }
    assert!(duty.takes_events());
    let (_, said) = untold(&mut duty);
    has(
        &said,
        "#1: GitHub answered `POST /repos/acme/governance/check-runs` with 403",
    );
    has(&duty.check(numbers[1]), "needs 1 approval by a reviewer");
    duty.runs();
    has(&duty.check(numbers[0]), "needs 1 approval by a reviewer");
    duty.github.read_all();
}

#[test]
fn without_check_runs_a_status_stands_in_until_they_are_permitted() {
    let mut duty = Duty::new();
    duty.github.app_may("checks", "none");
    duty.github.app_may("statuses", "write");
    let number = duty.proposes(MEDIUM);
    duty.hears();
    let states = duty.github.world(|world| {
        let statuses = world.repos[REPO].statuses.iter();
        statuses.map(|one| one.state.clone()).collect::<Vec<_>>()
    });
    assert_eq!(states, ["pending"]);
    duty.github.app_may("checks", "write");
    duty.github.user("alice").approves(number, "Fine.");
    duty.hears();
    has(&duty.check(number), "success: MEDIUM 55.00");
    duty.github.read_all();
}

/// Somebody else's check run of our name, on the head of a pull request.
fn another_check(duty: &Duty, number: u64, app: &str, external_id: &str) {
    duty.github.world(|world| {
        let id = world.fresh_id();
        let (head_sha, now) = (world.repos[REPO].pulls[&number].head_sha.clone(), world.now);
        let run = CheckRun {
            id,
            head_sha,
            name: "countersign".to_owned(),
            status: "completed".to_owned(),
            conclusion: Some("success".to_owned()),
            external_id: Some(external_id.to_owned()),
            details_url: None,
            title: Some("Merged".to_owned()),
            summary: None,
            text: None,
            annotations: 0,
            actions: Vec::new(),
            started_at: now,
            completed_at: Some(now),
            app: app.to_owned(),
            is_job: false,
        };
        world.repos.get_mut(REPO).unwrap().checks.push(run);
    });
}

#[test]
fn a_check_run_of_our_name_by_somebody_else_is_not_ours() {
    let mut duty = Duty::new();
    let number = duty.proposes(MEDIUM);
    another_check(&duty, number, "github-actions[bot]", "countersign:v1:");
    // Of our App as well, when some other program acts as it.
    another_check(&duty, number, "countersign[bot]", "");
    duty.restarts(true);
    duty.runs();
    has(
        &duty.check(number),
        "in_progress: MEDIUM 55.00: needs 1 approval",
    );
    let count = duty.github.world(|world| world.repos[REPO].checks.len());
    assert_eq!(count, 3);
    another_check(&duty, number, "github-actions[bot]", "");
    duty.restarts(true);
    duty.runs();
    let count = duty.github.world(|world| world.repos[REPO].checks.len());
    assert_eq!(count, 4, "it is told already");
    duty.github.read_all();
}

/// A comment of another App, with all that ours begins with.
fn copied_comment(duty: &Duty, number: u64, body: &str) -> u64 {
    duty.github.world(|world| {
        world.add_user("others[bot]", "Bot");
        let (id, now) = (world.fresh_id(), world.now);
        let comment = Comment {
            id,
            author: "others[bot]".to_owned(),
            body: body.to_owned(),
            created_at: now,
            updated_at: now,
            by_app: true,
        };
        world.pull_mut(REPO, number).comments.push(comment);
        id
    })
}

#[test]
fn a_comment_that_holds_our_mark_is_not_ours_for_that() {
    let mut duty = Duty::new();
    let (first, second) = (duty.proposes(MEDIUM), duty.proposes(MEDIUM));
    duty.hears();
    let ours = duty.github.all_comments(first)[0].body.clone();
    duty.restarts(true);
    let copy = copied_comment(&duty, second, &ours);
    duty.github
        .user("bob")
        .comments(second, "/reject other: no");
    duty.runs();
    let comments = duty.github.all_comments(second);
    assert_eq!(
        comments.iter().find(|one| one.id == copy).unwrap().body,
        ours
    );
    has(&comments[0].body, "rejected by bob");
    duty.github.read_all();
}

#[test]
fn what_somebody_made_of_our_comment_is_put_right() {
    let mut duty = Duty::new();
    let number = duty.proposes(MEDIUM);
    duty.hears();
    let ours = duty.github.all_comments(number)[0].clone();
    let edits = [
        ours.body.replace("MEDIUM 55.00", "LOW 0.00"),
        "Approved.".to_owned(),
    ];
    for edit in &edits {
        duty.github.user("dana").edits_comment(ours.id, edit);
        duty.hears();
        assert_eq!(duty.github.all_comments(number)[0].body, ours.body);
        // While nobody was on duty, too.
        duty.github.user("dana").edits_comment(ours.id, edit);
        duty.restarts(true);
        duty.runs();
        let comments = duty.github.all_comments(number);
        assert_eq!(comments.len(), 1);
        assert_eq!(comments[0].body, ours.body);
    }
    // Our own repair is no news.
    duty.github.forget_calls();
    duty.hears();
    duty.costs_at_most(0);
    duty.github.read_all();
}

#[test]
fn somebody_elses_request_takes_nothing_from_ours() {
    let mut duty = Duty::new();
    let number = duty.proposes(MEDIUM);
    duty.github.user("dana").requests_review(number, &["dana"]);
    duty.hears();
    let asked = duty.github.pull(number).asked_users;
    assert_eq!(asked, ["dana", "alice", "bob", "carol"]);
    // Nobody is asked twice, by this process or another.
    duty.github.user("bob").reviews(number, "COMMENT", "Hm.");
    duty.restarts(true);
    duty.github.forget_calls();
    duty.runs();
    duty.hears();
    let again = duty.github.calls().under_test().to("POST", REQUESTS);
    assert_eq!(again.count(), 0);
    duty.github.read_all();
}

#[test]
fn one_without_access_keeps_nobody_from_being_asked() {
    let mut duty = Duty::new();
    duty.github.joins("bob", "none");
    let number = duty.proposes(MEDIUM);
    duty.hears();
    assert_eq!(duty.github.pull(number).asked_users, ["alice", "carol"]);
    has(
        &duty.github.read_comment(number),
        "**MEDIUM 55.00** needs 1 approval by a reviewer. Asked: alice, carol. \
         Not asked: bob (GitHub takes no request for people without access to the repository).",
    );
    has_not(&duty.check(number), "Asked:");
    has(&duty.check(number), "Who may give it: alice, bob, carol.");
    duty.github.read_all();
}

#[test]
fn the_admins_are_asked_after_a_restart_too() {
    for restarts in [false, true] {
        let mut duty = Duty::new();
        let number = duty.proposes(MEDIUM);
        duty.github.joins("carol", "none");
        duty.hears();
        assert_eq!(duty.github.pull(number).asked_users, ["alice", "bob"]);
        duty.github.joins("carol", "admin");
        duty.wait(TimeDelta::days(2));
        if restarts {
            duty.restarts(true);
        }
        duty.runs();
        assert_eq!(
            duty.github.pull(number).asked_users,
            ["alice", "bob", "carol"]
        );
        has(&duty.check(number), "the admins are asked");
        duty.github.read_all();
    }
}

#[test]
fn all_checks_can_be_run_again() {
    let mut duty = Duty::new();
    let number = duty.proposes(MEDIUM);
    duty.hears();
    let first = duty.github.check_run(number).id;
    duty.github.user("dana").reruns_all_checks(number);
    duty.hears();
    let second = duty.github.check_run(number);
    assert!(second.id > first);
    has(&duty.check(number), "needs 1 approval by a reviewer");
    duty.github.read_all();
}

/// Waits by the story's clock.
#[derive(Clone)]
struct ByStory(StoryClock);

impl std::fmt::Debug for ByStory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByStory")
    }
}

impl Timer for ByStory {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.wait(TimeDelta::from_std(time).unwrap());
        Box::pin(std::future::ready(()))
    }
}

#[test]
fn writes_are_paced_as_github_asks() {
    let timer = |github: &GithubStage| -> Arc<dyn Timer> { Arc::new(ByStory(github.clock())) };
    let mut duty = Duty::by(timer, app, |_| {});
    duty.github.world(|world| world.minds_pace = true);
    let begun = duty.github.now();
    let numbers: Vec<u64> = (0..50).map(|_| duty.proposes(LOW)).collect();
    duty.hears();
    for number in numbers {
        has(&duty.check(number), "success: LOW");
    }
    // A hundred writes, eighty a minute.
    assert_eq!(duty.github.now() - begun, TimeDelta::minutes(1));
    let calls = duty.github.calls().under_test().api();
    assert!(calls.0.iter().all(|call| call.status < 400), "{calls}");
    duty.github.read_all();
}

#[test]
fn a_renamed_repository_says_its_new_name() {
    let mut duty = Duty::new();
    duty.github.renames_repository("policy");
    let says =
        "`acme/governance` is called `acme/policy` now: name it so, with `--repo acme/policy`";
    assert_eq!(duty.tries_to_run().unwrap_err().to_string(), says);
    // A new process does not know its installation.
    let forge = duty.another_forge(7);
    has(&forge.open_clone().unwrap_err().to_string(), says);
}
