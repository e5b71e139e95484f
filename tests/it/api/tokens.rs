//! Whom a token lets in, to what, and who has to wait.

use super::{ALICE, MANAGER, OPTIMIZER, refused};
use crate::support::asking::{Asking, medium};
use crate::support::serving::{Serving, about_tokens, serve, token};
use crate::support::{TestRepo, has, has_not};
use chrono::TimeDelta;
use serde_json::{Value as Json, json};

#[test]
fn a_token_is_one_agents_and_gives_no_more() {
    let mut stage = TestRepo::example();
    let (agent, other, alice) = (
        token(&stage, &OPTIMIZER),
        token(&stage, &MANAGER),
        token(&stage, &ALICE),
    );
    let asking = Asking::start(&stage);
    let before = stage.main();
    // A stolen token does not make somebody else.
    let mut posing = medium();
    posing["agent"] = json!("strategy-optimizer");
    refused(
        &asking.post(&other, "/recommendations", &posing),
        403,
        "cannot propose in the name of `strategy-optimizer`",
    );
    let (_, text) = stage.recommendation("strategy-optimizer", "action: analyze");
    let posing = asking.ask_with(
        &other,
        ("POST", "/recommendations"),
        "application/yaml",
        text.into_bytes(),
    );
    refused(&posing, 403, "cannot propose in the name of");
    assert_eq!(
        stage.git(&["for-each-ref", "refs/heads/recommend"]),
        "",
        "something was opened"
    );
    refused(
        &asking.post(&alice, "/recommendations", &medium()),
        403,
        "is for agents",
    );

    let head = asking
        .post(&agent, "/recommendations", &medium())
        .gives(201)
        .json()["head"]
        .clone();
    asking.get(&agent, "/recommendations/1").gives(200);
    refused(
        &asking.get(&other, "/recommendations/1"),
        404,
        "there is no pull request #1",
    );
    assert_eq!(
        asking.get(&other, "/recommendations").gives(200).json(),
        json!([])
    );
    refused(
        &asking.get(&other, "/recommendations?agent=strategy-optimizer"),
        403,
        "own cases only",
    );
    refused(
        &asking.get(&other, "/lessons?agent=strategy-optimizer"),
        403,
        "own cases only",
    );
    refused(&asking.get(&other, "/metrics"), 403, "is for people");
    // No agent decides, and nobody decides on another's behalf.
    let word = json!({"opinion": "approve", "head": head});
    for token in [&agent, &other] {
        refused(
            &asking.post(token, "/recommendations/1/review", &word),
            403,
            "agents never decide",
        );
        refused(
            &asking.post(
                token,
                "/recommendations/1/feedback",
                &json!({"message": "x"}),
            ),
            403,
            "agents never decide",
        );
    }
    // The owner of the agent may speak, and is not counted.
    let dana = token(&stage, &["--as", "dana"]);
    let review = asking
        .post(&dana, "/recommendations/1/review", &word)
        .gives(201)
        .json();
    assert_eq!(review["counts"], false, "{review}");
    asking.serving.stops();
    stage.main_is_still(&before);
    stage.read_all();
}

#[test]
fn tokens_that_are_not_good_open_nothing() {
    let mut stage = TestRepo::example();
    stage.wait(-TimeDelta::days(2));
    let old = token(&stage, &["--as", "bob", "--days", "1"]);
    stage.wait(TimeDelta::days(2));
    let (agent, alice) = (token(&stage, &OPTIMIZER), token(&stage, &ALICE));
    let asking = Asking::start(&stage);
    let nobody = asking.get("", "/identity");
    refused(&nobody, 401, "carries no token");
    assert_eq!(nobody.header("www-authenticate"), "Bearer");
    refused(
        &asking.get("countersign_x", "/identity"),
        401,
        "unknown token",
    );
    refused(
        &asking.get(&agent[..agent.len() - 1], "/identity"),
        401,
        "unknown token",
    );
    refused(&asking.get(&old, "/identity"), 401, "expired");

    // Revoked by another process: refused by this one at once.
    asking.get(&agent, "/identity").gives(200);
    let all = about_tokens(&stage, &["list", "--format", "json"])
        .succeeds()
        .json();
    let is_agents = |token: &&Json| token["name"] == "strategy-optimizer";
    let id = all.as_array().unwrap().iter().find(is_agents).unwrap()["id"].clone();
    about_tokens(&stage, &["revoke", id.as_str().unwrap()]).succeeds();
    refused(&asking.get(&agent, "/identity"), 401, "revoked");
    has(
        &about_tokens(&stage, &["list"]).succeeds().stdout,
        "revoked",
    );

    // Whoever is no longer in the rules is nobody, from the next request on.
    asking.get(&alice, "/identity").gives(200);
    let without = stage.file("rules/people.yaml").replace("alice", "alicia");
    stage.commit_to_main(&[("rules/people.yaml", Some(&without))]);
    refused(
        &asking.get(&alice, "/identity"),
        403,
        "`alice` is not listed in `rules/people.yaml`",
    );
    // Rules that nobody can read let nobody in.
    stage.commit_to_main(&[("rules/people.yaml", Some("people: ["))]);
    refused(&asking.get(&alice, "/identity"), 503, "cannot be read");
}

#[test]
fn tokens_are_made_for_those_whom_the_rules_know_and_kept_as_hashes() {
    let stage = TestRepo::example();
    let said = about_tokens(&stage, &["create", "--as", "mallory"])
        .exits(1)
        .stderr;
    has(&said, "`mallory` is not listed in `rules/people.yaml`");
    about_tokens(&stage, &["create"]).exits(2);
    let made = about_tokens(
        &stage,
        &["create", "--agent", "risk-manager", "--days", "7"],
    )
    .succeeds();
    let token = made.stdout.trim();
    has(token, "countersign_");
    has(&made.stderr, "it is not shown again");
    let list = about_tokens(&stage, &["list"]).succeeds().stdout;
    has(&list, "risk-manager");
    has(&list, &token[token.len() - 4..]);
    has_not(&list, token);
    let folder = stage.folder("state").join("tokens");
    for file in std::fs::read_dir(&folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        has_not(&text, &token["countersign_".len()..]);
    }
    let refs = stage.git(&["for-each-ref", "--format=%(refname)"]);
    assert_eq!(
        refs.trim(),
        "refs/heads/main",
        "a token must leave nothing in the repository"
    );
    has(
        &about_tokens(&stage, &["revoke", "000000000000"])
            .exits(1)
            .stderr,
        "there is no token",
    );
}

#[test]
fn whoever_guesses_is_stopped() {
    let stage = TestRepo::example();
    let alice = token(&stage, &ALICE);
    let asking = Asking::start(&stage);
    let guess = |n: u32| asking.get(&format!("countersign_{n}"), "/identity");
    let refusals: Vec<u16> = (0..25).map(|n| guess(n).status).collect();
    assert_eq!(
        refusals.iter().filter(|status| **status == 401).count(),
        20,
        "{refusals:?}"
    );
    let stopped = guess(25);
    refused(&stopped, 429, "too many tries");
    let seconds: u64 = stopped.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&seconds), "{seconds}");
    // Others come from the same address.
    asking.get(&alice, "/identity").gives(200);
    asking.serving.at("/healthz").gives(200);
}

#[test]
fn a_trusted_proxy_says_who_guesses() {
    let stage = TestRepo::example();
    let serving = Serving::start(&mut serve(&stage, &["--trusted-proxy", "127.0.0.0/8"]));
    let guess = |address: &str| {
        let request = ureq::http::Request::get(format!("{}/api/v1/identity", serving.url))
            .header("Authorization", "Bearer countersign_1")
            .header("X-Forwarded-For", address);
        serving.ask(request.body(Vec::new()).unwrap()).status
    };
    let refusals: Vec<u16> = (0..21).map(|_| guess("192.0.2.1")).collect();
    assert_eq!(refusals[..20], [401; 20]);
    assert_eq!(refusals[20], 429);
    assert_eq!(guess("192.0.2.2"), 401);
    // What the client itself wrote is not believed.
    assert_eq!(guess("192.0.2.2, 192.0.2.1"), 429);
}

#[test]
fn a_token_says_which_repository_is_meant() {
    let (mut first, mut second) = (TestRepo::example(), TestRepo::example());
    let state = first.folder("state");
    let agent = token(&first, &OPTIMIZER);
    let both = [state.to_str().unwrap(), second.repo.to_str().unwrap()];
    let made = first.countersign(&[
        "token",
        "create",
        "--state",
        both[0],
        "--repo",
        both[1],
        "--agent",
        "strategy-optimizer",
    ]);
    let other = made.succeeds().stdout.trim().to_owned();
    let mut command = serve(
        &first,
        &["--repo", first.repo.to_str().unwrap(), "--repo", both[1]],
    );
    let asking = Asking::with(Serving::start(&mut command));
    asking
        .post(&agent, "/recommendations", &medium())
        .gives(201);
    assert_eq!(
        asking.get(&agent, "/recommendations/1").gives(200).json()["status"],
        "pending"
    );
    refused(
        &asking.get(&other, "/recommendations/1"),
        404,
        "there is no pull request",
    );
    for (token, stage) in [(&agent, &first), (&other, &second)] {
        let me = asking.get(token, "/identity").gives(200).json();
        assert_eq!(me["repository"], stage.repo.to_str().unwrap());
    }
    assert_eq!(second.git(&["for-each-ref", "refs/heads/recommend"]), "");
    asking.serving.stops();
    first.read_all();
    second.read_all();
}
