//! What GitHub refuses, and what others do on it: nobody is forgotten for it, and nothing of theirs is taken for ours.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use countersign::bot::BotError;
use countersign::forge::github::Timer;

use super::world::{GithubFixture, app};
use super::{LOW, MEDIUM};
use crate::double::world::{CheckRun, Comment};
use crate::double::{Fault, GithubStage, REPO, StoryClock};
use crate::support::{has, has_not};

const CHECKS: &str = "/repos/{owner}/{repo}/check-runs";
pub const REQUESTS: &str = "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers";

/// A run that did its work and could not tell everybody: how many it handled, and what it says.
#[track_caller]
fn untold(fixture: &mut GithubFixture) -> (usize, String) {
    match fixture.tries_to_run().unwrap_err() {
        BotError::Unreported(run) => (run.summary.handled.len(), run.to_string()),
        other => panic!("{other}"),
    }
}

#[test]
fn one_that_cannot_be_told_silences_no_other() {
    let mut fixture = GithubFixture::new();
    let numbers = [
        fixture.proposes(LOW),
        fixture.proposes(LOW),
        fixture.proposes(MEDIUM),
    ];
    // Refused where both are written at once (after the label was made), and again where they are written one by one.
    let words = "Resource not accessible by integration";
    let fault = Fault::answers(403, words).on("POST", "/graphql (mutation)");
    fixture.github.fault(fault.after(1));
    fixture
        .github
        .fault(Fault::answers(422, "No commit found for SHA").on("POST", CHECKS));
    assert!(fixture.takes_events());
    let (handled, said) = untold(&mut fixture);
    assert_eq!(handled, 3);
    assert_eq!(
        said,
        "not everybody could be told, and the next run tells them: \
         #1: GitHub answered `POST /repos/acme/governance/check-runs` with 422: No commit found for SHA"
    );
    has(&fixture.check(numbers[1]), "success: LOW 0.00");
    has(&fixture.check(numbers[2]), "needs 1 approval by a reviewer");
    fixture.runs();
    has(&fixture.check(numbers[0]), "success: LOW 0.00");
    fixture.github.read_all();
}

#[test]
fn a_refusal_stands_for_one_pull_request_and_one_time() {
    let mut fixture = GithubFixture::new();
    let numbers = [fixture.proposes(MEDIUM), fixture.proposes(MEDIUM)];
    let words = "Resource not accessible by integration";
    // Refused where both are written at once, and again where they are written one by one.
    for route in ["/graphql (mutation)", CHECKS] {
        fixture
            .github
            .fault(Fault::answers(403, words).on("POST", route));
    }
    assert!(fixture.takes_events());
    let (_, said) = untold(&mut fixture);
    has(
        &said,
        "#1: GitHub answered `POST /repos/acme/governance/check-runs` with 403",
    );
    has(&fixture.check(numbers[1]), "needs 1 approval by a reviewer");
    fixture.runs();
    has(&fixture.check(numbers[0]), "needs 1 approval by a reviewer");
    fixture.github.read_all();
}

#[test]
fn without_check_runs_a_status_stands_in_until_they_are_permitted() {
    let mut fixture = GithubFixture::new();
    fixture.github.app_may("checks", "none");
    fixture.github.app_may("statuses", "write");
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    let states = fixture.github.world(|world| {
        let statuses = world.repos[REPO].statuses.iter();
        statuses.map(|one| one.state.clone()).collect::<Vec<_>>()
    });
    assert_eq!(states, ["pending"]);
    fixture.github.app_may("checks", "write");
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.hears();
    has(&fixture.check(number), "success: MEDIUM 55.00");
    fixture.github.read_all();
}

/// Somebody else's check run of our name, on the head of a pull request.
fn another_check(fixture: &GithubFixture, number: u64, app: &str, external_id: &str) {
    fixture.github.world(|world| {
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
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    another_check(&fixture, number, "github-actions[bot]", "countersign:v1:");
    // Of our App as well, when some other program acts as it.
    another_check(&fixture, number, "countersign[bot]", "");
    fixture.restarts(true);
    fixture.runs();
    has(
        &fixture.check(number),
        "in_progress: MEDIUM 55.00: needs 1 approval",
    );
    let count = fixture.github.world(|world| world.repos[REPO].checks.len());
    assert_eq!(count, 3);
    another_check(&fixture, number, "github-actions[bot]", "");
    fixture.restarts(true);
    fixture.runs();
    let count = fixture.github.world(|world| world.repos[REPO].checks.len());
    assert_eq!(count, 4, "it is told already");
    fixture.github.read_all();
}

/// A comment of another App, with all that ours begins with.
fn copied_comment(fixture: &GithubFixture, number: u64, body: &str) -> u64 {
    fixture.github.world(|world| {
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
    let mut fixture = GithubFixture::new();
    let (first, second) = (fixture.proposes(MEDIUM), fixture.proposes(MEDIUM));
    fixture.hears();
    let ours = fixture.github.all_comments(first)[0].body.clone();
    fixture.restarts(true);
    let copy = copied_comment(&fixture, second, &ours);
    fixture
        .github
        .user("bob")
        .comments(second, "/reject other: no");
    fixture.runs();
    let comments = fixture.github.all_comments(second);
    assert_eq!(
        comments.iter().find(|one| one.id == copy).unwrap().body,
        ours
    );
    has(&comments[0].body, "rejected by bob");
    fixture.github.read_all();
}

#[test]
fn what_somebody_made_of_our_comment_is_put_right() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    let ours = fixture.github.all_comments(number)[0].clone();
    let edits = [
        ours.body.replace("MEDIUM 55.00", "LOW 0.00"),
        "Approved.".to_owned(),
    ];
    for edit in &edits {
        fixture.github.user("dana").edits_comment(ours.id, edit);
        fixture.hears();
        assert_eq!(fixture.github.all_comments(number)[0].body, ours.body);
        // While nobody was on duty, too.
        fixture.github.user("dana").edits_comment(ours.id, edit);
        fixture.restarts(true);
        fixture.runs();
        let comments = fixture.github.all_comments(number);
        assert_eq!(comments.len(), 1);
        assert_eq!(comments[0].body, ours.body);
    }
    // Our own repair is no news.
    fixture.github.forget_calls();
    fixture.hears();
    fixture.costs_at_most(0);
    fixture.github.read_all();
}

#[test]
fn somebody_elses_request_takes_nothing_from_ours() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    fixture
        .github
        .user("dana")
        .requests_review(number, &["dana"]);
    fixture.hears();
    let asked = fixture.github.pull(number).asked_users;
    assert_eq!(asked, ["dana", "alice", "bob", "carol"]);
    // Nobody is asked twice, by this process or another.
    fixture.github.user("bob").reviews(number, "COMMENT", "Hm.");
    fixture.restarts(true);
    fixture.github.forget_calls();
    fixture.runs();
    fixture.hears();
    let again = fixture.github.calls().under_test().to("POST", REQUESTS);
    assert_eq!(again.count(), 0);
    fixture.github.read_all();
}

#[test]
fn one_without_access_keeps_nobody_from_being_asked() {
    let mut fixture = GithubFixture::new();
    fixture.github.joins("bob", "none");
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    assert_eq!(fixture.github.pull(number).asked_users, ["alice", "carol"]);
    has(
        &fixture.github.read_comment(number),
        "**MEDIUM 55.00** needs 1 approval by a reviewer. Asked: alice, carol. \
         Not asked: bob (GitHub takes no request for people without access to the repository).",
    );
    has_not(&fixture.check(number), "Asked:");
    has(
        &fixture.check(number),
        "Who may give it: alice, bob, carol.",
    );
    fixture.github.read_all();
}

#[test]
fn the_admins_are_asked_after_a_restart_too() {
    for restarts in [false, true] {
        let mut fixture = GithubFixture::new();
        let number = fixture.proposes(MEDIUM);
        fixture.github.joins("carol", "none");
        fixture.hears();
        assert_eq!(fixture.github.pull(number).asked_users, ["alice", "bob"]);
        fixture.github.joins("carol", "admin");
        fixture.wait(TimeDelta::days(2));
        if restarts {
            fixture.restarts(true);
        }
        fixture.runs();
        assert_eq!(
            fixture.github.pull(number).asked_users,
            ["alice", "bob", "carol"]
        );
        has(&fixture.check(number), "the admins are asked");
        fixture.github.read_all();
    }
}

#[test]
fn all_checks_can_be_run_again() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    let first = fixture.github.check_run(number).id;
    fixture.github.user("dana").reruns_all_checks(number);
    fixture.hears();
    let second = fixture.github.check_run(number);
    assert!(second.id > first);
    has(&fixture.check(number), "needs 1 approval by a reviewer");
    fixture.github.read_all();
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
    let mut fixture = GithubFixture::by(timer, app, |_| {});
    fixture.github.world(|world| world.minds_pace = true);
    let begun = fixture.github.now();
    let numbers: Vec<u64> = (0..50).map(|_| fixture.proposes(LOW)).collect();
    fixture.hears();
    for number in numbers {
        has(&fixture.check(number), "success: LOW");
    }
    // A hundred writes, eighty a minute.
    assert_eq!(fixture.github.now() - begun, TimeDelta::minutes(1));
    let calls = fixture.github.calls().under_test().api();
    assert!(calls.0.iter().all(|call| call.status < 400), "{calls}");
    fixture.github.read_all();
}

#[test]
fn a_renamed_repository_says_its_new_name() {
    let mut fixture = GithubFixture::new();
    fixture.github.renames_repository("policy");
    let says =
        "`acme/governance` is called `acme/policy` now: name it so, with `--repo acme/policy`";
    assert_eq!(fixture.tries_to_run().unwrap_err().to_string(), says);
    // A new process does not know its installation.
    let forge = fixture.another_forge(7);
    has(&forge.open_clone().unwrap_err().to_string(), says);
}
