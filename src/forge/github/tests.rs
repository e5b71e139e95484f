//! Webhooks as GitHub sends them, lost, late, repeated and forged: what the forge makes of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::pull_cache::{Posted, PullRequestCache, We};
use super::webhook::{EventKind, WebhookEvent, parse};
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::pull::{PullState, Pushes};
use crate::domain::review::Opinion;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn sha(text: &str) -> Sha {
    text.parse().unwrap()
}

fn user(login: &str, id: u64) -> Value {
    let kind = if login.ends_with("[bot]") {
        "Bot"
    } else {
        "User"
    };
    json!({ "login": login, "id": id, "type": kind, "gravatar_id": "", "unheard_of": [1, 2] })
}

fn pull(head: &str, minute: u32) -> Value {
    json!({
        "number": 7, "state": "open", "draft": false, "html_url": "https://example.org/7",
        "user": user("agent[bot]", 99),
        "head": { "ref": "recommend/x", "sha": head, "repo": null },
        "base": { "ref": "main", "sha": A },
        "created_at": "2026-11-23T10:00:00Z",
        "updated_at": format!("2026-11-23T10:{minute:02}:00Z"),
        "labels": [{ "name": "risk: medium" }, { "name": "good first issue" }],
        "requested_reviewers": [], "requested_teams": [],
    })
}

fn event(name: &str, body: &Value) -> Option<WebhookEvent> {
    let mut body = body.clone();
    body["repository"] = json!({ "full_name": "acme/governance", "id": 1 });
    body["installation"] = json!({ "id": 42, "node_id": "x" });
    parse(name, body.to_string().as_bytes()).unwrap()
}

fn pull_event(action: &str, pull: Value) -> WebhookEvent {
    let body = json!({ "action": action, "number": 7, "pull_request": pull, "sender": user("dana", 4), "changes": { "base": { "ref": { "from": "old" } } } });
    event("pull_request", &body).unwrap()
}

fn review_event(action: &str, state: &str, head: &str, body: &str) -> WebhookEvent {
    let review = json!({ "id": 500, "user": user("alice", 1), "body": body, "state": state, "commit_id": head, "submitted_at": "2026-11-23T10:05:00Z" });
    let body = json!({ "action": action, "review": review, "pull_request": pull(B, 5), "sender": user("alice", 1) });
    event("pull_request_review", &body).unwrap()
}

fn comment_event(action: &str, who: Value, body: &str) -> WebhookEvent {
    let app = match who["login"].as_str() {
        Some("us[bot]") => json!({ "id": 4711, "slug": "us" }),
        Some("others[bot]") => json!({ "id": 1, "slug": "others" }),
        _ => Value::Null,
    };
    let comment = json!({ "id": 600, "user": who, "body": body, "created_at": "2026-11-23T10:06:00Z", "updated_at": "2026-11-23T10:06:00Z", "performed_via_github_app": app });
    let body = json!({ "action": action, "issue": { "number": 7, "pull_request": {} }, "comment": comment, "sender": user("mallory", 6) });
    event("issue_comment", &body).unwrap()
}

fn pull_cache() -> PullRequestCache {
    let mut pull_cache = PullRequestCache::of(We::App(4711));
    pull_cache.sync(Default::default());
    pull_cache
}

fn opened() -> PullRequestCache {
    let mut pull_cache = pull_cache();
    assert!(pull_cache.take(pull_event("opened", pull(B, 0))));
    pull_cache
}

const SEVEN: PullNumber = PullNumber(7);

#[test]
fn an_opened_pull_request_needs_no_question() {
    let pull_cache = opened();
    let tracked = &pull_cache.pulls[&SEVEN];
    assert!(tracked.is_whole);
    assert_eq!(
        (tracked.check, tracked.comment),
        (Posted::Nothing, Posted::Nothing)
    );
    assert_eq!(tracked.pull.head, sha(B));
    assert_eq!(tracked.pull.author.id, Some(99));
    assert_eq!(tracked.labels.iter().collect::<Vec<_>>(), ["risk: medium"]);
}

#[test]
fn what_is_nothing_to_us_is_no_event() {
    for (name, body) in [
        ("star", json!({ "action": "created" })),
        (
            "issue_comment",
            json!({ "action": "created", "issue": { "number": 1 }, "comment": { "id": 1, "user": user("alice", 1), "created_at": "2026-11-23T10:06:00Z" } }),
        ),
        ("push", json!({ "ref": "refs/tags/v1", "after": A })),
        (
            "check_run",
            json!({ "action": "created", "check_run": { "id": 1, "name": "countersign" } }),
        ),
        (
            "pull_request",
            json!({ "action": "milestoned", "pull_request": pull(B, 1) }),
        ),
    ] {
        assert_eq!(event(name, &body), None, "{name}");
    }
    assert!(parse("push", b"{").is_err());
}

#[test]
fn a_late_event_does_not_bring_an_old_head_back() {
    let mut pull_cache = opened();
    assert!(pull_cache.take(pull_event("synchronize", pull(A, 9))));
    assert!(!pull_cache.take(pull_event("synchronize", pull(B, 3))));
    assert_eq!(pull_cache.pulls[&SEVEN].pull.head, sha(A));
}

#[test]
fn a_repeated_review_is_one_and_keeps_its_commit() {
    let mut pull_cache = opened();
    pull_cache.main = Some(sha(A));
    for _ in 0..2 {
        assert!(pull_cache.take(review_event("submitted", "approved", B, "fine")));
    }
    // After a rebase GitHub may say that the review is for the new head.
    pull_cache.main = Some(sha(B));
    pull_cache.take(review_event("submitted", "approved", A, "fine"));
    let reviews = &pull_cache.pulls[&SEVEN].pull.reviews;
    assert_eq!(reviews.len(), 1);
    assert_eq!((reviews[0].head, reviews[0].main), (sha(B), Some(sha(A))));
    assert_eq!(reviews[0].account.id, Some(1));
}

#[test]
fn an_edit_and_a_dismissal_are_not_taken_back() {
    let mut pull_cache = opened();
    pull_cache.take(review_event("submitted", "approved", B, "fine"));
    pull_cache.take(review_event(
        "edited",
        "approved",
        B,
        "fine\n/reject other: no",
    ));
    pull_cache.take(review_event("dismissed", "dismissed", B, "fine"));
    pull_cache.take(review_event("submitted", "approved", B, "fine"));
    let review = &pull_cache.pulls[&SEVEN].pull.reviews[0];
    assert!(review.edited);
    assert_eq!(review.opinion, Opinion::Dismissed);
}

#[test]
fn a_comment_is_news_once() {
    let mut pull_cache = opened();
    assert!(pull_cache.take(comment_event("created", user("alice", 1), "nice")));
    assert!(!pull_cache.take(comment_event("created", user("alice", 1), "nice")));
    assert!(pull_cache.take(comment_event(
        "edited",
        user("alice", 1),
        "/reject other: no"
    )));
    let comment = &pull_cache.pulls[&SEVEN].pull.comments[0];
    assert!(comment.edited);
    assert!(pull_cache.take(comment_event("deleted", user("alice", 1), "")));
    assert!(pull_cache.pulls[&SEVEN].pull.comments.is_empty());
}

#[test]
fn only_what_our_own_app_wrote_is_ours() {
    let text = super::words::comment("/reject other: mine");
    let mut pull_cache = opened();
    pull_cache.take(comment_event("created", user("mallory", 6), &text));
    assert_eq!(pull_cache.pulls[&SEVEN].pull.comments.len(), 1);
    assert!(!pull_cache.take(comment_event("created", user("others[bot]", 8), &text)));
    assert_eq!(pull_cache.pulls[&SEVEN].comment, Posted::Nothing);
    assert!(!pull_cache.take(comment_event("created", user("us[bot]", 7), &text)));
    let print = super::words::print_of_comment(&text);
    assert!(print.is_some());
    assert_eq!(pull_cache.pulls[&SEVEN].comment, Posted::This((600, print)));
}

#[test]
fn what_somebody_made_of_our_comment_is_news_until_it_is_put_right() {
    let mut pull_cache = opened();
    let us = || user("us[bot]", 7);
    let text = super::words::comment("**MEDIUM 55.00** needs 1 approval.");
    pull_cache.take(comment_event("created", us(), &text));
    for edited in [
        text.replace("MEDIUM", "LOW"),
        "Approved.".to_owned(),
        String::new(),
    ] {
        assert!(
            pull_cache.take(comment_event("edited", us(), &edited)),
            "{edited}"
        );
        assert_eq!(pull_cache.pulls[&SEVEN].comment, Posted::This((600, None)));
        assert!(!pull_cache.take(comment_event("edited", us(), &text)));
    }
    // GitHub's own line ends are no edit.
    let returned = text.replace('\n', "\r\n");
    assert!(!pull_cache.take(comment_event("edited", us(), &returned)));
}

#[test]
fn closed_by_hand_says_by_whom_and_opened_again_is_open() {
    let mut pull_cache = opened();
    let mut closed = pull(B, 4);
    closed["state"] = json!("closed");
    closed["closed_at"] = json!("2026-11-23T10:04:00Z");
    assert!(pull_cache.take(pull_event("closed", closed.clone())));
    let PullState::Closed { by, .. } = &pull_cache.pulls[&SEVEN].pull.state else {
        unreachable!("it is closed");
    };
    assert_eq!(by.id, Some(4));
    assert!(pull_cache.take(pull_event("reopened", pull(B, 5))));
    assert_eq!(pull_cache.pulls[&SEVEN].pull.state, PullState::Open);
    // What we ended ourselves stays ended when the same news comes late.
    pull_cache.end(SEVEN, "2026-11-23T10:06:00Z".parse().unwrap());
    assert!(!pull_cache.take(pull_event("closed", closed)));
    assert!(pull_cache.pulls.is_empty());
}

#[test]
fn another_base_and_a_draft_are_not_decided() {
    let mut pull_cache = opened();
    let mut draft = pull(B, 3);
    draft["draft"] = json!(true);
    assert!(!pull_cache.take(pull_event("converted_to_draft", draft)));
    let states = |pull_cache: &PullRequestCache| -> Vec<PullState> {
        pull_cache
            .ready()
            .map(|tracked| tracked.shown().state)
            .collect()
    };
    assert_eq!(states(&pull_cache), [PullState::Draft]);
    assert!(pull_cache.take(pull_event("ready_for_review", pull(B, 4))));
    assert_eq!(states(&pull_cache), [PullState::Open]);
    let mut elsewhere = pull(B, 5);
    elsewhere["base"]["ref"] = json!("release");
    pull_cache.take(pull_event("edited", elsewhere));
    assert!(pull_cache.pulls.is_empty());
    assert!(pull_cache.take(pull_event("edited", pull(B, 6))));
    // Nobody told us what was said on it meanwhile.
    assert!(!pull_cache.pulls[&SEVEN].is_whole);
}

#[test]
fn events_before_the_first_reading_are_heard_after_it() {
    let mut pull_cache = PullRequestCache::of(We::App(4711));
    assert!(pull_cache.take(review_event("submitted", "approved", B, "fine")));
    assert!(pull_cache.pulls.is_empty());
    pull_cache.sync(Default::default());
    assert_eq!(pull_cache.pulls[&SEVEN].pull.reviews.len(), 1);
    assert!(!pull_cache.pulls[&SEVEN].is_whole);
}

#[test]
fn a_push_of_our_own_is_no_news() {
    let mut pull_cache = pull_cache();
    pull_cache.main = Some(sha(A));
    let push =
        |after: &str| event("push", &json!({ "ref": "refs/heads/main", "after": after })).unwrap();
    assert!(!pull_cache.take(push(A)));
    assert!(pull_cache.take(push(B)));
}

#[test]
fn a_check_that_is_asked_for_again_is_written_anew() {
    let mut pull_cache = opened();
    let tracked = pull_cache.pulls.get_mut(&SEVEN).unwrap();
    tracked.check = Posted::This((1, Some(sha(A))));
    let again = json!({ "action": "rerequested", "check_run": { "id": 1, "name": "countersign", "external_id": "countersign:v1:", "head_sha": B } });
    assert!(pull_cache.take(event("check_run", &again).unwrap()));
    assert_eq!(pull_cache.pulls[&SEVEN].check, Posted::Nothing);
    // The job's own check run may have the same name; to run it again is its own business.
    let job = json!({ "action": "rerequested", "check_run": { "id": 2, "name": "countersign", "external_id": "ca395085-040a", "head_sha": B } });
    assert_eq!(event("check_run", &job), None);
    let tracked = pull_cache.pulls.get_mut(&SEVEN).unwrap();
    tracked.check = Posted::This((1, Some(sha(A))));
    let suite = json!({ "action": "rerequested", "check_suite": { "id": 3, "head_sha": B } });
    assert!(pull_cache.take(event("check_suite", &suite).unwrap()));
    assert_eq!(pull_cache.pulls[&SEVEN].check, Posted::Nothing);
    let installed = json!({ "action": "created", "sender": user("dana", 4) });
    assert_eq!(
        event("installation", &installed).unwrap().what,
        EventKind::Installation
    );
}

#[test]
fn pushes_are_linked_from_the_one_that_made_the_branch() {
    const NONE: &str = "0000000000000000000000000000000000000000";
    let push = |before: &str, after: &str, who: Value| {
        let body = json!({ "ref": "refs/heads/recommend/x", "before": before, "after": after, "sender": who });
        event("push", &body).unwrap()
    };
    let pull = |head: &str, minute: u32| {
        let mut made = pull(head, minute);
        made["head"]["repo"] = json!({ "full_name": "Acme/Governance" });
        made
    };
    let (agent, alice) = (user("agent[bot]", 99), user("alice", 1));
    let mut pull_cache = pull_cache();
    // No news: only remembered.
    assert!(!pull_cache.take(push(NONE, B, agent)));
    pull_cache.take(pull_event("opened", pull(B, 0)));
    let shown = pull_cache.pulls[&SEVEN].shown();
    assert_eq!((shown.pushes, shown.pushers), (Pushes::Known, Vec::new()));
    assert!(!pull_cache.take(push(B, A, alice)));
    pull_cache.take(pull_event("synchronize", pull(A, 1)));
    let shown = pull_cache.pulls[&SEVEN].shown();
    assert_eq!(shown.pushes, Pushes::Known);
    assert_eq!(shown.pushers[0].id, Some(1));
    // One that nobody told breaks the link.
    let c = "cccccccccccccccccccccccccccccccccccccccc";
    pull_cache.take(push(c, B, user("dana", 4)));
    pull_cache.take(pull_event("ready_for_review", pull(B, 2)));
    let shown = pull_cache.pulls[&SEVEN].shown();
    assert_eq!((shown.pushes, shown.pushers.len()), (Pushes::NotAsked, 2));
}
