//! What GitHub refuses, and that every operation of the double was answered as GitHub describes it.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::{FILE, Stage, bot, opened};
use crate::double::{APP_ID, INSTALLATION, Response, ask, crypto, routes};

fn at(stage: &Stage, token: &str, method: &str, path: &str, body: Option<Value>) -> Response {
    ask(
        &format!("{}{path}", stage.url()),
        token,
        method,
        body.as_ref(),
    )
}

fn said(response: Response, status: u16) -> String {
    response.gives(status).to_string()
}

#[test]
fn an_app_shows_who_it_is_and_gets_a_token_for_an_hour() {
    let stage = Stage::new();
    let path = format!("/app/installations/{INSTALLATION}/access_tokens");
    let (now, key) = (Utc::now().timestamp(), stage.private_key_pem());
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let jwt = stage.app_jwt();
    assert_eq!(
        at(&stage, &jwt, "GET", "/app", None).gives(200)["slug"],
        "countersign"
    );
    let found = at(
        &stage,
        &jwt,
        "GET",
        "/repos/acme/governance/installation",
        None,
    )
    .gives(200);
    assert_eq!(found["id"], INSTALLATION);
    let made = at(&stage, &jwt, "POST", &path, None).gives(201);
    let token = made["token"].as_str().unwrap();
    bot(&stage, token, "GET", "/pulls", None).gives(200);
    // The App itself is nobody in a repository.
    bot(&stage, &jwt, "GET", "/pulls", None).gives(404);
    let wrong = [
        crypto::app_jwt(APP_ID, now - 700, 600),
        crypto::app_jwt(APP_ID, now, 900),
        crypto::app_jwt(APP_ID + 1, now, 600),
        format!("{}x", &jwt[..jwt.len() - 1]),
        jwt.replacen('.', ".e30", 1),
    ];
    for jwt in wrong {
        at(&stage, &jwt, "POST", &path, None).gives(401);
    }
    stage.wait(TimeDelta::hours(1));
    bot(&stage, token, "GET", "/pulls", None).gives(401);
    stage.world(|world| world.app.suspended = true);
    at(&stage, &jwt, "POST", &path, None).gives(403);
}

#[test]
fn checks_are_for_apps() {
    let stage = Stage::new();
    opened(&stage);
    let head = stage.pull(1).head_sha;
    let check = json!({"name": "countersign", "head_sha": head, "status": "queued"});
    let personal = stage.personal_token("carol");
    let words = said(
        bot(
            &stage,
            &personal,
            "POST",
            "/check-runs",
            Some(check.clone()),
        ),
        403,
    );
    assert!(
        words.contains("You must authenticate via a GitHub App"),
        "{words}"
    );
    let made = bot(
        &stage,
        &stage.installation_token(),
        "POST",
        "/check-runs",
        Some(check.clone()),
    )
    .gives(201);
    let actions = stage.actions_token();
    let path = format!("/check-runs/{}", made["id"]);
    let words = said(
        bot(
            &stage,
            &actions,
            "PATCH",
            &path,
            Some(json!({"status": "in_progress"})),
        ),
        403,
    );
    assert!(
        words.contains("can only be modified by the GitHub App that created it"),
        "{words}"
    );
    bot(&stage, &actions, "POST", "/check-runs", Some(check.clone())).gives(201);
    stage.app_may("checks", "read");
    let words = said(
        bot(
            &stage,
            &stage.installation_token(),
            "POST",
            "/check-runs",
            Some(check),
        ),
        403,
    );
    assert!(
        words.contains("Resource not accessible by integration"),
        "{words}"
    );
    let unknown = json!({"name": "countersign", "head_sha": "0".repeat(40)});
    let words = said(
        bot(&stage, &actions, "POST", "/check-runs", Some(unknown)),
        422,
    );
    assert!(words.contains("No commit found for SHA"), "{words}");
    let long = json!({"name": "countersign", "head_sha": head, "output": {"title": "t", "summary": "s".repeat(65536)}});
    bot(&stage, &actions, "POST", "/check-runs", Some(long)).gives(422);
    let too_long = stage.take_violations();
    assert!(
        too_long[0].ends_with("is longer than 65535 characters") && too_long[0].len() < 600,
        "{too_long:?}"
    );
}

#[test]
fn anybody_who_can_push_may_set_a_status() {
    let stage = Stage::new();
    opened(&stage);
    let head = stage.pull(1).head_sha;
    let personal = stage.personal_token("carol");
    let status = json!({"state": "pending", "context": "countersign", "description": "waits"});
    bot(
        &stage,
        &personal,
        "POST",
        &format!("/statuses/{head}"),
        Some(status.clone()),
    )
    .gives(201);
    let done = json!({"state": "success", "context": "countersign"});
    bot(
        &stage,
        &personal,
        "POST",
        &format!("/statuses/{head}"),
        Some(done),
    )
    .gives(201);
    let all = bot(
        &stage,
        &personal,
        "GET",
        &format!("/commits/{head}/statuses"),
        None,
    )
    .gives(200);
    assert_eq!(
        (all[0]["state"].as_str(), all[1]["state"].as_str()),
        (Some("success"), Some("pending"))
    );
    let combined = bot(
        &stage,
        &personal,
        "GET",
        &format!("/commits/{head}/status"),
        None,
    )
    .gives(200);
    assert_eq!(
        (combined["state"].as_str(), combined["total_count"].as_u64()),
        (Some("success"), Some(1))
    );
    bot(
        &stage,
        &stage.installation_token(),
        "POST",
        &format!("/statuses/{head}"),
        Some(status),
    )
    .gives(403);
}

#[test]
fn teams_are_found_by_slug_and_not_by_a_workflow() {
    let stage = Stage::new();
    let token = stage.installation_token();
    let member = |token: &str, team: &str, login: &str| {
        at(
            &stage,
            token,
            "GET",
            &format!("/orgs/acme/teams/{team}/memberships/{login}"),
            None,
        )
    };
    assert_eq!(
        member(&token, "reviewers", "Alice").gives(200)["state"],
        "active"
    );
    member(&token, "The%20reviewers", "alice").gives(404);
    member(&token, "reviewers", "carol").gives(404);
    member(&token, "nobodies", "alice").gives(404);
    stage.invites("reviewers", "dana");
    assert_eq!(
        member(&token, "reviewers", "dana").gives(200)["state"],
        "pending"
    );
    stage.removes_member("reviewers", "alice");
    member(&token, "reviewers", "alice").gives(404);
    stage.removes_team("reviewers");
    member(&token, "reviewers", "bob").gives(404);
    member(&stage.actions_token(), "admins", "carol").gives(403);
    stage.app_may("members", "none");
    member(&stage.installation_token(), "admins", "carol").gives(403);
}

#[test]
fn reviewers_are_asked_within_limits() {
    let stage = Stage::new();
    opened(&stage);
    let ask = |token: &str, body: Value| {
        bot(
            &stage,
            token,
            "POST",
            "/pulls/1/requested_reviewers",
            Some(body),
        )
    };
    let actions = stage.actions_token();
    let words = said(ask(&actions, json!({"team_reviewers": ["reviewers"]})), 422);
    assert!(
        words.contains("Reviews may only be requested from collaborators"),
        "{words}"
    );
    ask(&actions, json!({"reviewers": ["alice"]})).gives(201);
    let token = stage.installation_token();
    ask(&token, json!({"reviewers": ["strategy-optimizer"]})).gives(422);
    ask(&token, json!({"reviewers": ["nobody-at-all"]})).gives(422);
    ask(&token, json!({"team_reviewers": ["reviewers"]})).gives(201);
    stage.user("alice").approves(1, "");
    assert!(
        stage.pull(1).asked_users.is_empty(),
        "who reviewed is no longer asked"
    );
    assert_eq!(stage.pull(1).asked_teams, ["reviewers"]);
}

#[test]
fn reviews_belong_to_a_commit_and_not_to_the_author() {
    let stage = Stage::new();
    opened(&stage);
    let own = stage.agent("strategy-optimizer").asks(
        "POST",
        "/pulls/1/reviews",
        Some(&json!({"event": "APPROVE"})),
    );
    let words = said(own, 422);
    assert!(
        words.contains("Can not approve your own pull request"),
        "{words}"
    );
    let old = stage.pull(1).head_sha;
    let id = stage.user("alice").approves(1, "Good.");
    stage
        .agent("strategy-optimizer")
        .pushes_more("recommend/a", &[("b", "b\n")]);
    stage.user("bob").requests_changes(1, "Not this.");
    stage
        .user("carol")
        .approves_commit(1, &old, "The first one.");
    let reviews = stage.pull(1).reviews;
    assert!(reviews[0].commit == old && reviews[1].commit != old && reviews[2].commit == old);
    stage.user("carol").dismisses(1, id, "It moved.");
    assert_eq!(stage.pull(1).reviews[0].state, "DISMISSED");
}

#[test]
fn comments_have_an_end_and_an_owner() {
    let stage = Stage::new();
    opened(&stage);
    let token = stage.installation_token();
    let post = |text: &str| {
        bot(
            &stage,
            &token,
            "POST",
            "/issues/1/comments",
            Some(json!({"body": text})),
        )
    };
    post(&"x".repeat(65537)).gives(422);
    post(" ").gives(422);
    let id = stage.user("alice").comments(1, "mine");
    let edit = Some(json!({"body": "yours"}));
    bot(
        &stage,
        &token,
        "PATCH",
        &format!("/issues/comments/{id}"),
        edit,
    )
    .gives(403);
    stage.wait(TimeDelta::seconds(5));
    stage.user("alice").edits_comment(id, "mine, edited");
    let shown = bot(&stage, &token, "GET", "/issues/1/comments", None).gives(200);
    assert_ne!(shown[0]["created_at"], shown[0]["updated_at"]);
    stage.user("carol").deletes_comment(id);
    assert!(stage.all_comments(1).is_empty());
}

#[test]
fn strangers_and_bots_are_who_they_are() {
    let stage = Stage::new();
    let stranger = stage.joins("mallory", "none");
    stranger.asks("GET", "/pulls", None).gives(404);
    let reader = stage.joins("rita", "read");
    reader
        .asks("POST", "/labels", Some(&json!({"name": "x"})))
        .gives(403);
    let number = stage
        .bot_joins("renovate[bot]")
        .opens_pull("renovate/x", FILE);
    let shown = stage
        .user("alice")
        .asks("GET", &format!("/pulls/{number}"), None)
        .gives(200);
    assert_eq!(shown["user"]["type"], "Bot");
    // A token that was asked for one repository does not open another.
    stage.world(|world| world.add_repo("acme", "other", None));
    at(
        &stage,
        &stage.installation_token(),
        "GET",
        "/repos/acme/other",
        None,
    )
    .gives(404);
}

#[test]
fn a_name_can_change_hands_and_a_number_cannot() {
    let stage = Stage::new();
    opened(&stage);
    stage.user("alice").approves(1, "Good.");
    let number = stage.id_of("alice");
    stage.renames("alice", "alicia");
    stage.joins("alice", "write");
    let shown = stage
        .user("bob")
        .asks("GET", "/pulls/1/reviews", None)
        .gives(200);
    assert_eq!(shown[0]["user"]["login"], "alicia");
    assert_eq!(shown[0]["user"]["id"], number);
    assert_ne!(stage.id_of("alice"), number);
    stage.user("alicia").comments(1, "still me");
}

#[test]
fn the_app_comes_goes_and_is_stopped() {
    let stage = Stage::new();
    stage.world(|world| world.add_repo("acme", "other", None));
    stage.app_enters("acme/other");
    stage.app_leaves(crate::double::REPO);
    let token = stage.installation_token();
    bot(&stage, &token, "GET", "/pulls", None).gives(404);
    stage.suspends_app(true);
    stage.suspends_app(false);
    let told: Vec<_> = stage
        .waiting()
        .into_iter()
        .map(|one| (one.event, one.action.unwrap()))
        .collect();
    let told: Vec<(&str, &str)> = told
        .iter()
        .map(|(event, action)| (&**event, &**action))
        .collect();
    let repositories = "installation_repositories";
    assert_eq!(
        told,
        [
            (repositories, "added"),
            (repositories, "removed"),
            ("installation", "suspend"),
            ("installation", "unsuspend")
        ]
    );
}

#[test]
fn a_review_can_be_bound_to_another_commit() {
    let stage = Stage::new();
    opened(&stage);
    let review = stage.user("alice").approves(1, "Good.");
    let new = stage
        .agent("strategy-optimizer")
        .pushes_more("recommend/a", &[("b", "b\n")]);
    stage.rebinds_review(1, review, &new);
    assert_eq!(stage.pull(1).reviews[0].commit, new);
}

#[test]
fn pull_requests_follow_their_branches() {
    let stage = Stage::new();
    let agent = stage.agent("strategy-optimizer");
    let number = opened(&stage);
    let again = json!({"title": "a", "head": "recommend/a", "base": "main"});
    let words = said(agent.asks("POST", "/pulls", Some(&again)), 422);
    assert!(
        words.contains("A pull request already exists for acme:recommend/a."),
        "{words}"
    );
    let nothing = json!({"title": "a", "head": "main", "base": "main"});
    let words = said(agent.asks("POST", "/pulls", Some(&nothing)), 422);
    assert!(
        words.contains("No commits between main and main"),
        "{words}"
    );
    stage.user("alice").closes(number);
    assert_eq!(agent.asks("GET", "/pulls", None).gives(200), json!([]));
    assert_eq!(
        agent.asks("GET", "/pulls?state=closed", None).gives(200)[0]["number"],
        1
    );
    stage.user("alice").reopens(number);
    let wrong = json!({"sha": "0".repeat(40)});
    let words = said(
        stage
            .user("carol")
            .asks("PUT", "/pulls/1/merge", Some(&wrong)),
        409,
    );
    assert!(words.contains("Head branch was modified"), "{words}");
    stage.protects_main();
    stage
        .user("carol")
        .asks("PUT", "/pulls/1/merge", Some(&json!({})))
        .gives(405);
    stage.protects("main", &["carol"]);
    let merged = stage.user("carol").merges(number);
    assert_eq!(merged["sha"], stage.tip());
    assert_eq!(stage.pull(number).merged_by.as_deref(), Some("carol"));
}

/// Asks for everything that can be read, as the App, and for the rest of the writes.
fn ask_for_everything(stage: &Stage) {
    let head = stage.pull(1).head_sha;
    let (jwt, token, alice) = (
        stage.app_jwt(),
        stage.installation_token(),
        stage.token_of("alice"),
    );
    at(stage, &jwt, "GET", "/app/installations", None).gives(200);
    at(
        stage,
        &jwt,
        "GET",
        &format!("/app/installations/{INSTALLATION}"),
        None,
    )
    .gives(200);
    at(stage, &jwt, "GET", "/orgs/acme/installation", None).gives(200);
    at(stage, &jwt, "GET", "/app", None).gives(200);
    at(
        stage,
        &jwt,
        "GET",
        "/repos/acme/governance/installation",
        None,
    )
    .gives(200);
    at(
        stage,
        &jwt,
        "POST",
        &format!("/app/installations/{INSTALLATION}/access_tokens"),
        Some(json!({"repositories": ["governance"]})),
    )
    .gives(201);
    at(stage, &alice, "GET", "/user", None).gives(200);
    let alices = stage.id_of("alice");
    for path in [
        "/installation/repositories".to_owned(),
        "/users/alice".to_owned(),
        format!("/user/{alices}"),
        "/rate_limit".to_owned(),
        "/orgs/acme/teams/reviewers".to_owned(),
        "/orgs/acme/teams/reviewers/members?per_page=100".to_owned(),
        "/orgs/acme/teams/reviewers/memberships/alice".to_owned(),
    ] {
        at(stage, &token, "GET", &path, None).gives(200);
    }
    let check = json!({"name": "countersign", "head_sha": head, "conclusion": "neutral",
        "actions": [{"label": "Re-check", "description": "Looks again.", "identifier": "recheck"}],
        "output": {"title": "LOW 0.00", "summary": "merged", "text": "all of it"}});
    let run = bot(stage, &token, "POST", "/check-runs", Some(check)).gives(201)["id"].clone();
    stage.user("alice").reruns_check(1);
    stage.user("alice").reruns_all_checks(1);
    stage.user("alice").presses(1, "recheck");
    let review = stage.user("bob").approves(1, "");
    let comment = stage.user("bob").comments(1, "hello");
    for path in [
        String::new(),
        "/collaborators/alice/permission".to_owned(),
        "/branches/recommend/a".to_owned(),
        "/git/ref/heads/recommend/a".to_owned(),
        "/pulls?state=all&sort=updated&direction=desc&per_page=5&head=acme:recommend/a&base=main"
            .to_owned(),
        "/pulls/1".to_owned(),
        "/pulls/1/commits".to_owned(),
        "/pulls/1/files".to_owned(),
        "/pulls/1/requested_reviewers".to_owned(),
        "/pulls/1/reviews".to_owned(),
        format!("/pulls/1/reviews/{review}"),
        "/issues/1".to_owned(),
        "/issues/1/comments?since=2020-01-01T00:00:00Z".to_owned(),
        format!("/issues/comments/{comment}"),
        "/issues/1/labels".to_owned(),
        "/labels".to_owned(),
        format!("/check-runs/{run}"),
        format!("/commits/{head}/check-runs?check_name=countersign&filter=latest"),
        format!("/commits/{head}/statuses"),
        format!("/commits/{head}/status"),
        "/commits/recommend/a".to_owned(),
        "/activity?ref=refs/heads/recommend/a".to_owned(),
    ] {
        bot(stage, &token, "GET", &path, None).gives(200);
    }
    bot(stage, &token, "GET", "/pulls/1/merge", None).gives(404);
    write_everything_else(stage, &token, &run, &head);
}

fn write_everything_else(stage: &Stage, token: &str, run: &Value, head: &str) {
    let patch = json!({"status": "completed", "conclusion": "success"});
    bot(
        stage,
        token,
        "PATCH",
        &format!("/check-runs/{run}"),
        Some(patch),
    )
    .gives(200);
    let name = json!({"name": "risk: low", "color": "00ff00", "description": "as it should be"});
    bot(stage, token, "POST", "/labels", Some(name)).gives(201);
    bot(stage, token, "GET", "/labels/risk%3A%20low", None).gives(200);
    let labels = Some(json!({"labels": ["risk: low", "new"]}));
    bot(stage, token, "POST", "/issues/1/labels", labels.clone()).gives(200);
    bot(stage, token, "PUT", "/issues/1/labels", labels).gives(200);
    bot(
        stage,
        token,
        "DELETE",
        "/issues/1/labels/risk%3A%20low",
        None,
    )
    .gives(200);
    bot(stage, token, "DELETE", "/issues/1/labels", None).gives(204);
    let comment = stage.user("alice").comments(1, "one");
    stage.user("alice").edits_comment(comment, "two");
    stage.user("alice").deletes_comment(comment);
    let asked = Some(json!({"reviewers": ["alice"], "team_reviewers": ["admins"]}));
    bot(
        stage,
        token,
        "POST",
        "/pulls/1/requested_reviewers",
        asked.clone(),
    )
    .gives(201);
    bot(
        stage,
        token,
        "DELETE",
        "/pulls/1/requested_reviewers",
        asked,
    )
    .gives(200);
    let review = stage.user("alice").approves(1, "");
    stage.user("carol").dismisses(1, review, "no");
    stage.user("carol").edits_description(1, "Other.");
    let status =
        json!({"state": "success", "context": "c", "description": null, "target_url": null});
    bot(
        stage,
        &stage.personal_token("alice"),
        "POST",
        &format!("/statuses/{head}"),
        Some(json!({"state": status["state"]})),
    )
    .gives(201);
    let dispatch = json!({"event_type": "deploy", "client_payload": {"id": "1"}});
    bot(stage, token, "POST", "/dispatches", Some(dispatch)).gives(204);
    assert_eq!(stage.dispatches()[0]["client_payload"]["id"], "1");
    stage.user("carol").merges(1);
    bot(stage, token, "GET", "/pulls/1/merge", None).gives(204);
    bot(stage, token, "DELETE", "/git/refs/heads/recommend/a", None).gives(204);
    bot(stage, token, "GET", "/contents/README.md", None).gives(200);
    // Last, because the App that is made of it may do what the manifest says and no more.
    let manifest = json!({"name": "Countersign", "default_permissions": {"contents": "write"},
        "default_events": ["pull_request"]});
    stage.world(|world| world.manifests.insert("once".to_owned(), manifest));
    let conversion = "/app-manifests/once/conversions";
    at(stage, token, "POST", conversion, None).gives(201);
}

#[test]
fn every_operation_answers_as_github_describes_it() {
    let stage = Stage::new();
    opened(&stage);
    ask_for_everything(&stage);
    let calls = stage.calls().api();
    let went_well = calls.0.iter().filter(|call| call.status < 300);
    let asked: BTreeSet<(&str, &str)> = went_well
        .map(|call| (&*call.method, &*call.route))
        .collect();
    let unasked: Vec<_> = routes::known()
        .into_iter()
        .filter(|known| !asked.contains(known))
        .collect();
    assert!(
        unasked.is_empty(),
        "never answered here, so never checked: {unasked:?}"
    );
    // What is wrong fails the story when it ends.
}
