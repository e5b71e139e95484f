//! The double's own tests: what everything else rests on must itself be held against something.
//!
//! Each fault that it can induce is shown to happen, and its checks are shown to catch what they are there for.

mod emulate;
mod faults;
mod git;
mod rules;
mod webhooks;

use std::panic::AssertUnwindSafe;

use crate::double::stage::GithubStage as Stage;
use crate::double::{REPO, Response, ask};
use serde_json::{Value, json};

const FILE: &[(&str, &str)] = &[("a.yaml", "a: 1\n")];

/// The program under test, as far as these tests need one.
fn bot(stage: &Stage, token: &str, method: &str, path: &str, body: Option<Value>) -> Response {
    ask(
        &format!("{}/repos/{REPO}{path}", stage.url()),
        token,
        method,
        body.as_ref(),
    )
}

fn opened(stage: &Stage) -> u64 {
    stage
        .agent("strategy-optimizer")
        .opens_pull("recommend/a", FILE)
}

/// The words with which something fails.
fn failure_of(what: impl FnOnce()) -> String {
    let Err(panicked) = std::panic::catch_unwind(AssertUnwindSafe(what)) else {
        panic!("it went well");
    };
    let text = panicked.downcast_ref::<String>().cloned();
    text.or_else(|| {
        panicked
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
    })
    .unwrap()
}

#[test]
fn a_story_runs_from_proposal_to_merge_by_push() {
    let stage = Stage::new();
    let number = opened(&stage);
    assert_eq!(number, 1);
    let token = stage.installation_token();
    let head = stage.pull(1).head_sha;
    let check = json!({
        "name": "countersign", "head_sha": head, "status": "in_progress",
        "output": {"title": "MEDIUM 55.00", "summary": "needs 1 approval"},
    });
    let made = bot(&stage, &token, "POST", "/check-runs", Some(check)).gives(201);
    let comment = json!({"body": "waiting: MEDIUM 55.00"});
    bot(&stage, &token, "POST", "/issues/1/comments", Some(comment)).gives(201);
    let label = json!({"labels": ["risk: medium"]});
    bot(&stage, &token, "POST", "/issues/1/labels", Some(label)).gives(200);
    let asked = json!({"reviewers": ["bob"], "team_reviewers": ["reviewers"]});
    bot(
        &stage,
        &token,
        "POST",
        "/pulls/1/requested_reviewers",
        Some(asked),
    )
    .gives(201);
    stage
        .user("alice")
        .approves(1, "Thirty clean days on paper.");
    let merge = stage.user("carol").merges_by_push(1);
    let done = json!({"status": "completed", "conclusion": "success"});
    bot(
        &stage,
        &token,
        "PATCH",
        &format!("/check-runs/{}", made["id"]),
        Some(done),
    )
    .gives(200);

    let pull = stage.pull(1);
    assert!(!pull.open && pull.merged_by.as_deref() == Some("carol"));
    assert_eq!(pull.merge_commit, Some(merge));
    assert_eq!(pull.reviews[0].commit, head);
    assert_eq!(pull.asked_users, ["bob"]);
    assert_eq!(stage.labels(1), ["risk: medium"]);
    assert_eq!(stage.check_run(1).conclusion.as_deref(), Some("success"));
    assert_eq!(stage.read_comment(1), "waiting: MEDIUM 55.00");
    stage.calls().under_test().api().at_most(5);
    let told: Vec<String> = stage
        .waiting()
        .iter()
        .map(|one| format!("{} {}", one.event, one.action.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        told,
        [
            "push -",
            "pull_request opened",
            "check_run created",
            "issue_comment created",
            "pull_request labeled",
            "pull_request review_requested",
            "pull_request review_requested",
            "pull_request_review submitted",
            "push -",
            "pull_request closed",
            "check_run completed",
        ]
    );
}

#[test]
fn an_unread_comment_fails_the_story() {
    let words = failure_of(|| {
        let stage = Stage::new();
        opened(&stage);
        let token = stage.installation_token();
        bot(
            &stage,
            &token,
            "POST",
            "/issues/1/comments",
            Some(json!({"body": "hear me"})),
        )
        .gives(201);
    });
    assert!(
        words.contains("nobody read what the bot said on acme/governance#1:\nhear me"),
        "{words}"
    );
}

#[test]
fn an_edited_comment_must_be_read_again() {
    let stage = Stage::new();
    opened(&stage);
    let token = stage.installation_token();
    let made = bot(
        &stage,
        &token,
        "POST",
        "/issues/1/comments",
        Some(json!({"body": "one"})),
    )
    .gives(201);
    bot(
        &stage,
        &token,
        "PATCH",
        &format!("/issues/comments/{}", made["id"]),
        Some(json!({"body": "two"})),
    )
    .gives(200);
    assert_eq!(stage.read_comment(1), "one");
    assert_eq!(stage.read_comment(1), "two");
    let words = failure_of(|| drop(stage.read_comment(1)));
    assert!(words.contains("the bot said nothing more on #1"), "{words}");
}

#[test]
fn what_github_does_not_describe_is_caught() {
    let stage = Stage::new();
    opened(&stage);
    let token = stage.installation_token();
    let head = stage.pull(1).head_sha;
    // The conclusion is no word of GitHub's, the name is missing, one key is misspelt.
    let wrong = json!({"head_sha": head, "conclusion": "done", "sumary": "x"});
    bot(&stage, &token, "POST", "/check-runs", Some(wrong));
    bot(&stage, &token, "GET", "/pulls?stat=open", None);
    bot(&stage, &token, "POST", "/issues/1/comments", None);
    bot(&stage, &token, "POST", "/issues/1/coments", Some(json!({})));
    let found = stage.take_violations().join("\n");
    for part in [
        "\"name\" is a required property",
        "`/conclusion`",
        "GitHub knows no key `sumary`",
        "GitHub knows no query parameter `stat`",
        "the request needs a body",
        "/issues/1/coments: the double does not know this operation",
    ] {
        assert!(found.contains(part), "`{part}` is not in:\n{found}");
    }
    stage.read_all();
}

#[test]
fn what_this_double_answers_wrongly_is_caught() {
    use crate::double::openapi::{Exchange, api, webhooks};
    let route = "/repos/{owner}/{repo}/issues/{issue_number}/comments";
    let query = std::collections::BTreeMap::new();
    let exchange = Exchange {
        method: "POST",
        route,
        query: &query,
        body: None,
    };
    let wrong = api().check_answer(&exchange, 201, Some(&json!({"id": "seven"})));
    assert!(
        wrong.iter().any(|line| line.contains("at `/id`")),
        "{wrong:?}"
    );
    assert!(
        wrong
            .iter()
            .any(|line| line.contains("\"user\" is a required property")),
        "{wrong:?}"
    );
    let misspelt = json!({"id": 1, "boddy": ""});
    let wrong = api().check_answer(&exchange, 201, Some(&misspelt));
    assert!(
        wrong
            .iter()
            .any(|line| line.contains("GitHub knows no key `boddy`")),
        "{wrong:?}"
    );
    let never = api().check_answer(&exchange, 207, None);
    assert!(
        never[0].contains("GitHub never answers 207 here"),
        "{never:?}"
    );
    let hook = webhooks().check_webhook("pull_request", &json!({"action": "opened", "number": 1}));
    assert!(
        hook.iter()
            .any(|line| line.contains("\"pull_request\" is a required property")),
        "{hook:?}"
    );
    let unknown = webhooks().check_webhook("pull_request", &json!({"action": "eaten"}));
    assert!(
        unknown[0].contains("GitHub describes no such event"),
        "{unknown:?}"
    );
}

#[test]
fn a_wrong_exchange_fails_the_story_at_its_end() {
    let words = failure_of(|| {
        let stage = Stage::new();
        let token = stage.installation_token();
        bot(&stage, &token, "GET", "/pulls?stat=open", None).gives(200);
    });
    assert!(words.contains("not as GitHub describes it"), "{words}");
}
