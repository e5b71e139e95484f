//! Every fault happens, to whom it is meant for, as often as it should, and not silently never.

use chrono::TimeDelta;
use serde_json::json;

use super::{Stage, bot, failure_of, opened};
use crate::double::Fault;

const COMMENTS: &str = "/repos/{owner}/{repo}/issues/{issue_number}/comments";

#[test]
fn a_write_fails_with_502_and_was_not_carried_out() {
    let stage = Stage::new();
    opened(&stage);
    let token = stage.installation_token();
    stage.fault(Fault::bad_gateway_on_write());
    bot(&stage, &token, "GET", "/pulls/1", None).gives(200);
    let body = Some(json!({"body": "hello"}));
    bot(&stage, &token, "POST", "/issues/1/comments", body.clone()).gives(502);
    assert!(stage.all_comments(1).is_empty());
    bot(&stage, &token, "POST", "/issues/1/comments", body).gives(201);
    assert_eq!(stage.read_comment(1), "hello");
}

#[test]
fn a_write_fails_with_502_although_it_was_carried_out() {
    let stage = Stage::new();
    opened(&stage);
    let token = stage.installation_token();
    stage.fault(Fault::bad_gateway_after_write().on("POST", COMMENTS));
    let body = Some(json!({"body": "hello"}));
    bot(&stage, &token, "POST", "/issues/1/comments", body.clone()).gives(502);
    bot(&stage, &token, "POST", "/issues/1/comments", body).gives(201);
    assert_eq!(
        stage.all_comments(1).len(),
        2,
        "who repeats it writes twice"
    );
    stage.read_all();
}

#[test]
fn limits_say_how_long_to_wait() {
    let stage = Stage::new();
    opened(&stage);
    let token = stage.installation_token();
    for status in [403, 429] {
        stage.fault(Fault::secondary_limit(status, 7));
        let answer = bot(&stage, &token, "GET", "/pulls/1", None);
        assert_eq!(answer.header("retry-after"), Some("7"));
        assert!(
            answer.gives(status)["message"]
                .as_str()
                .unwrap()
                .contains("secondary rate limit")
        );
    }
    stage.fault(Fault::rate_limited(90));
    let answer = bot(&stage, &token, "GET", "/pulls/1", None);
    assert_eq!(
        (answer.status, answer.header("x-ratelimit-remaining")),
        (403, Some("0"))
    );
    let answer = bot(&stage, &token, "GET", "/pulls/1", None);
    assert_eq!(
        (answer.status, answer.header("x-ratelimit-limit")),
        (200, Some("5000"))
    );
}

#[test]
fn a_token_expires_in_the_middle() {
    let stage = Stage::new();
    opened(&stage);
    let (old, new) = (stage.installation_token(), stage.installation_token());
    stage.fault(Fault::token_expires().after(1));
    bot(&stage, &old, "GET", "/pulls/1", None).gives(200);
    bot(&stage, &old, "GET", "/pulls/1", None).gives(401);
    bot(&stage, &old, "GET", "/pulls/1", None).gives(401);
    bot(&stage, &new, "GET", "/pulls/1", None).gives(200);
    stage.wait(TimeDelta::minutes(59));
    bot(&stage, &new, "GET", "/pulls/1", None).gives(200);
    stage.wait(TimeDelta::minutes(2));
    bot(&stage, &new, "GET", "/pulls/1", None).gives(401);
}

#[test]
fn faults_spare_the_people_of_the_story() {
    let stage = Stage::new();
    opened(&stage);
    stage.fault(Fault::answers(503, "Service Unavailable").times(2));
    stage.user("alice").comments(1, "still here");
    let token = stage.installation_token();
    bot(&stage, &token, "GET", "/pulls/1", None).gives(503);
    bot(&stage, &token, "GET", "/pulls/1", None).gives(503);
    bot(&stage, &token, "GET", "/pulls/1", None).gives(200);
}

#[test]
fn a_fault_that_never_happens_fails_the_story() {
    let words = failure_of(|| {
        let stage = Stage::new();
        stage.fault(Fault::bad_gateway_on_write());
    });
    assert!(words.contains("a fault never happened"), "{words}");
}

#[test]
fn lists_have_a_second_page_whose_address_is_whole() {
    let stage = Stage::new();
    opened(&stage);
    for number in 0..5 {
        stage
            .user("alice")
            .comments(1, &format!("comment {number}"));
    }
    stage.pages_of(2);
    let token = stage.installation_token();
    let first = bot(
        &stage,
        &token,
        "GET",
        "/issues/1/comments?per_page=100",
        None,
    );
    let link = first.header("link").unwrap().to_owned();
    let next = link
        .split("rel=\"next\"")
        .next()
        .unwrap()
        .split(['<', '>'])
        .nth(1)
        .unwrap();
    assert!(next.starts_with(stage.url()), "{link}");
    let second = crate::double::ask(next, &token, "GET", None);
    assert_eq!(second.gives(200)[1]["body"], "comment 3");
    let last = bot(
        &stage,
        &token,
        "GET",
        "/issues/1/comments?per_page=100&page=3",
        None,
    );
    assert!(!last.header("link").unwrap().contains("rel=\"next\""));
    assert_eq!(last.body.as_array().unwrap().len(), 1);
}

#[test]
fn calls_are_counted_by_who_and_what() {
    let stage = Stage::new();
    opened(&stage);
    stage.forget_calls();
    let token = stage.installation_token();
    bot(&stage, &token, "GET", "/issues/1/comments", None).gives(200);
    stage.user("alice").comments(1, "hello");
    let calls = stage.calls();
    assert_eq!(calls.count(), 2);
    assert_eq!(calls.under_test().count(), 1);
    assert_eq!(calls.by("alice").to("POST", COMMENTS).count(), 1);
    let words = failure_of(|| calls.at_most(1));
    assert!(
        words.contains(
            "2 calls, at most 1 allowed:\n200 GET /repos/acme/governance/issues/1/comments"
        ),
        "{words}"
    );
}
