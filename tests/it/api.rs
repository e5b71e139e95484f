//! The API as agents and programs meet it: a real server, real HTTP, real tokens. Every answer is held against
//! the description that the server gives of itself.

mod tokens;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use crate::support::asking::{Asking, low, medium};
use crate::support::serving::token;
use crate::support::{TestRepo, has};
use serde_json::{Value as Json, json};

const OPTIMIZER: [&str; 2] = ["--agent", "strategy-optimizer"];
const MANAGER: [&str; 2] = ["--agent", "risk-manager"];
const ALICE: [&str; 2] = ["--as", "alice"];

/// What a refusal says, with what to do next.
#[track_caller]
fn refused(answer: &crate::support::serving::Answer, status: u16, why: &str) -> Json {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    has(problem["detail"].as_str().unwrap(), why);
    assert!(!problem["next"].as_str().unwrap().is_empty(), "{problem}");
    problem
}

#[test]
fn an_agents_whole_life() {
    let mut stage = TestRepo::example();
    let (agent, alice) = (token(&stage, &OPTIMIZER), token(&stage, &ALICE));
    let asking = Asking::start(&stage);
    let me = asking.get(&agent, "/identity").gives(200).json();
    assert_eq!(
        (&me["kind"], &me["name"]),
        (&json!("agent"), &json!("strategy-optimizer"))
    );

    let checked = asking.post(&agent, "/check", &medium()).gives(200).json();
    assert_eq!(checked["risk"]["level"], "MEDIUM");
    assert_eq!(checked["requires"]["role"], "reviewer");
    has(
        checked["explanation"].as_str().unwrap(),
        "stop_loss_pct 4 is moderate",
    );

    let opened = asking
        .post(&agent, "/recommendations", &medium())
        .gives(201);
    let proposed = opened.json();
    let id = proposed["id"].as_str().unwrap().to_owned();
    assert_eq!(
        opened.header("location"),
        format!("/api/v1/recommendations/{id}")
    );
    assert_eq!(
        (&proposed["number"], &proposed["branch"]),
        (&json!(1), &json!(format!("recommend/{id}")))
    );
    // It can be read at once, whether the bot has seen it yet or not.
    let shown = asking
        .get(&agent, &format!("/recommendations/{id}"))
        .gives(200)
        .json();
    assert_eq!(
        (&shown["status"], &shown["pull"]["number"]),
        (&json!("pending"), &json!(1))
    );
    assert_eq!(shown["pull"]["head"], proposed["head"]);

    // The agent waits, and hears of the decision when it is made.
    let decided = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let path = format!("/recommendations/{id}?wait=50");
            asking.get(&agent, &path).gives(200).json()
        });
        let word = json!({"opinion": "approve", "head": proposed["head"], "confidence": "confident", "message": "I read it."});
        let review = asking
            .post(&alice, "/recommendations/1/review", &word)
            .gives(201)
            .json();
        assert_eq!(
            (&review["opinion"], &review["counts"]),
            (&json!("approval"), &json!(true))
        );
        waiting.join().unwrap()
    });
    assert_eq!(decided["status"], "approved", "{decided}");
    assert_eq!(decided["decision"]["approvals"][0]["by"], "alice");
    assert_eq!(
        decided["decision"]["approvals"][0]["confidence"],
        "confident"
    );
    assert_eq!(decided["outcome"]["success"], true);
    has(&stage.file("targets/rsi-eurusd.yaml"), "stop_loss_pct: 4");

    asking.serving.stops();
    stage.verifies();
    stage.read_all();
}

#[test]
fn it_answers_as_the_command_line_does() {
    let mut stage = TestRepo::example();
    let (agent, alice) = (token(&stage, &OPTIMIZER), token(&stage, &ALICE));
    let asking = Asking::start(&stage);
    let proposed = asking.post(&agent, "/recommendations", &low());
    let id = proposed.gives(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/recommendations/{id}");
    asking
        .serving
        .wait_until_json(&agent, &path, |shown| shown["status"] == "auto_approved");
    // What is learned before somebody says more must not hide it afterwards.
    let before = asking.get(&agent, "/lessons").gives(200).json();
    assert_eq!(before["decided"], 1, "{before}");
    let said = json!({"message": "Next time with a longer backtest."});
    let path = format!("/recommendations/{id}/feedback");
    assert_eq!(
        asking.post(&alice, &path, &said).gives(201).json()["by"],
        "alice"
    );
    let shown =
        asking
            .serving
            .wait_until_json(&agent, &format!("/api/v1/recommendations/{id}"), |shown| {
                shown["feedback"].as_array().unwrap().len() == 1
            });
    assert_eq!(
        shown["feedback"][0]["message"],
        "Next time with a longer backtest."
    );
    // By its number it is the same, and as the command line shows it.
    let by_number = asking.get(&agent, "/recommendations/1").gives(200).json();
    assert_eq!(
        by_number,
        stage
            .countersign(&["show", "1", "--format", "json"])
            .succeeds()
            .json()
    );
    let listed = asking.get(&agent, "/recommendations").gives(200).json();
    assert_eq!(
        listed,
        stage
            .countersign(&["list", "--format", "json"])
            .succeeds()
            .json()
    );
    let lessons = asking.get(&agent, "/lessons").gives(200).json();
    let printed = stage.countersign(&[
        "lessons",
        "--agent",
        "strategy-optimizer",
        "--format",
        "json",
    ]);
    assert_eq!(lessons, printed.succeeds().json());
    has(&lessons.to_string(), "Next time with a longer backtest.");
    assert_eq!(asking.get(&alice, "/metrics").gives(200).json()["total"], 1);
    let report = asking
        .get(&alice, "/reports/agents?since=7d")
        .gives(200)
        .json();
    assert_eq!(report["report"], "agents");
    asking.serving.stops();
    stage.verifies();
    stage.read_all();
}

#[test]
fn what_another_system_carries_out_is_reported_by_who_may() {
    let mut stage = TestRepo::example();
    let (manager, other) = (token(&stage, &MANAGER), token(&stage, &OPTIMIZER));
    let dana = token(&stage, &["--as", "dana"]);
    let asking = Asking::start(&stage);
    let rebalance = json!({"action": "rebalance_portfolio", "targets": ["rsi-eurusd"], "changes": {"stop_loss_pct": 2.5}});
    let proposed = asking
        .post(&manager, "/recommendations", &rebalance)
        .gives(201)
        .json();
    assert_eq!(proposed["requires"]["role"], "admin", "{proposed}");
    let listed = "/api/v1/recommendations";
    let is_known = |cases: &Json| cases[0]["status"] == "pending";
    asking.serving.wait_until_json(&manager, listed, is_known);
    let good = json!({"success": true});
    let early = asking.post(&manager, "/recommendations/1/outcome", &good);
    refused(&early, 403, "this case is not approved");
    let why = "I read it and agree with every line of it.";
    let word = json!({"opinion": "approve", "head": proposed["head"], "message": why});
    let carol = token(&stage, &["--as", "carol"]);
    asking
        .post(&carol, "/recommendations/1/review", &word)
        .gives(201);
    asking
        .serving
        .wait_until_json(&manager, "/api/v1/recommendations/1", |shown| {
            shown["status"] != "pending"
        });
    refused(
        &asking.post(
            &other,
            "/recommendations/1/outcome",
            &json!({"success": true}),
        ),
        404,
        "there is no such case",
    );
    let failed =
        json!({"success": false, "error": "the broker was closed", "details": {"orders": 3}});
    let recorded = asking
        .post(&manager, "/recommendations/1/outcome", &failed)
        .gives(201)
        .json();
    assert_eq!(
        (&recorded["outcome"], &recorded["by"]),
        (&json!("failure"), &json!("risk-manager"))
    );
    refused(
        &asking.post(&manager, "/recommendations/1/outcome", &failed),
        409,
        "already ended in failure",
    );
    // Its owner knows better, in a further record.
    let corrected = asking
        .post(
            &dana,
            "/recommendations/1/outcome",
            &json!({"success": true}),
        )
        .gives(201)
        .json();
    assert_eq!(corrected["by"], "dana");
    let shown = asking
        .serving
        .wait_until_json(&manager, "/api/v1/recommendations/1", |shown| {
            shown["outcomes"].as_array().unwrap().len() == 2
        });
    assert_eq!(shown["outcomes"][0]["error"], "the broker was closed");
    assert_eq!(shown["outcome"]["reported_by"], "dana");
    asking.serving.stops();
    stage.verifies();
    stage.read_all();
}

/// An agent that waits hears of a request for changes, with its words, and of whatever comes after it.
#[test]
fn a_wait_ends_when_changes_are_requested() {
    let mut stage = TestRepo::example();
    let (agent, bob) = (token(&stage, &OPTIMIZER), token(&stage, &["--as", "bob"]));
    let asking = Asking::start(&stage);
    let opened = asking.post(&agent, "/recommendations", &medium());
    let opened = opened.gives(201).json();
    let get = |path: &str| asking.get(&agent, path).gives(200).json();
    let path = "/recommendations/1";
    let before = get(path);
    assert!(before["news"].is_null());
    let says = |opinion: &str, message: &str| {
        let said = json!({"opinion": opinion, "head": opened["head"], "message": message});
        asking
            .post(&bob, "/recommendations/1/review", &said)
            .gives(201);
    };
    let news = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let seen = before["state"].as_str().unwrap();
            get(&format!("{path}?wait=50&seen={seen}"))
        });
        says("request_changes", "Halve it first.");
        waiting.join().unwrap()
    });
    assert_eq!(news["status"], "pending");
    assert_eq!(
        news["news"],
        json!({"kind": "changes_requested", "what": "bob requested changes: Halve it first."})
    );
    assert_eq!(news["blocked_by"], json!(["bob"]));
    assert_eq!(news["opinions"][0]["words"], "Halve it first.");
    // Whoever begins to wait afterwards is told at once; who has seen it waits for what comes next.
    let again = get(&format!("{path}?wait=50"));
    assert_eq!(again["news"], news["news"]);
    let seen = again["state"].as_str().unwrap();
    let quiet = get(&format!("{path}?wait=1&seen={seen}"));
    assert!(quiet["news"].is_null());
    says("approve", "");
    let decided = get(&format!("{path}?wait=50&seen={seen}"));
    assert_eq!(decided["id"], opened["id"]);
    assert_eq!(
        decided["news"],
        json!({"kind": "decided", "what": "approved"})
    );
    assert_eq!(decided["decision"]["opinions"], decided["opinions"]);
    asking.serving.stops();
    stage.read_all();
}

#[test]
fn a_wait_ends_with_the_time_and_with_the_server() {
    let mut stage = TestRepo::example();
    let agent = token(&stage, &OPTIMIZER);
    let mut asking = Asking::start(&stage);
    asking
        .post(&agent, "/recommendations", &medium())
        .gives(201);
    let begun = Instant::now();
    let shown = asking
        .get(&agent, "/recommendations/1?wait=1")
        .gives(200)
        .json();
    assert_eq!(shown["status"], "pending");
    assert!(begun.elapsed().as_millis() >= 1000, "{:?}", begun.elapsed());
    let mut waiting = TcpStream::connect(asking.serving.url.trim_start_matches("http://")).unwrap();
    let ask = format!(
        "GET /api/v1/recommendations/1?wait=60 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {agent}\r\n\r\n"
    );
    waiting.write_all(ask.as_bytes()).unwrap();
    // Whoever came later was answered, so the first request is in.
    asking.get(&agent, "/recommendations/1").gives(200);
    let begun = Instant::now();
    assert!(asking.serving.is_told("-TERM").success());
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    has(&answer, "HTTP/1.1 200 OK");
    has(&answer, "\"status\":\"pending\"");
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    stage.read_all();
}

#[test]
fn a_request_can_be_repeated() {
    let mut stage = TestRepo::example();
    let (agent, other) = (token(&stage, &OPTIMIZER), token(&stage, &MANAGER));
    let asking = Asking::start(&stage);
    let mut pending = medium();
    pending["id"] = json!(stage.fresh_id());
    let first = asking
        .post(&agent, "/recommendations", &pending)
        .gives(201)
        .json();
    let again = asking
        .post(&agent, "/recommendations", &pending)
        .gives(200)
        .json();
    assert_eq!(
        (&again["number"], &again["created"]),
        (&first["number"], &json!(false))
    );
    assert_eq!(
        (&again["head"], &again["status"]),
        (&first["head"], &json!("pending"))
    );
    // The same id with something else is somebody's mistake, or somebody else.
    let mut changed = pending.clone();
    changed["changes"] = json!({"stop_loss_pct": 4.5});
    refused(
        &asking.post(&agent, "/recommendations", &changed),
        409,
        "is taken by another recommendation",
    );
    refused(
        &asking.post(&other, "/recommendations", &pending),
        409,
        "is taken by another recommendation",
    );
    // Also when it is decided, and its branch is gone.
    let mut decided = low();
    decided["id"] = json!(stage.fresh_id());
    asking.post(&agent, "/recommendations", &decided).gives(201);
    let path = format!(
        "/api/v1/recommendations/{}",
        decided["id"].as_str().unwrap()
    );
    asking
        .serving
        .wait_until_json(&agent, &path, |shown| shown["status"] == "auto_approved");
    let again = asking
        .post(&agent, "/recommendations", &decided)
        .gives(200)
        .json();
    assert_eq!(
        (&again["status"], &again["number"]),
        (&json!("auto_approved"), &json!(2))
    );
    refused(
        &asking.post(&other, "/recommendations", &decided),
        409,
        "is taken by another recommendation",
    );
    assert_eq!(stage.log().len(), 3, "{:?}", stage.log());
    asking.serving.stops();
    stage.read_all();
}

#[test]
fn a_body_that_cannot_be_understood_is_said_and_changes_nothing() {
    let stage = TestRepo::example();
    let agent = token(&stage, &OPTIMIZER);
    let asking = Asking::start(&stage);
    let before = stage.main();
    let invalid = asking.post(
        &agent,
        "/recommendations",
        &json!({"action": "analyze", "changes": {"a": 1}}),
    );
    let problem = refused(&invalid, 422, "the recommendation is invalid");
    assert_eq!(problem["valid"], false);
    assert_eq!(problem["errors"][0]["file"], "request", "{problem}");
    let unknown = asking.post(
        &agent,
        "/recommendations",
        &json!({"action": "analyze", "risk": "LOW"}),
    );
    has(
        &refused(&unknown, 422, "unknown field `risk`")["errors"][0]["message"].to_string(),
        "unknown field",
    );
    for body in [json!([]), json!(["analyze", []])] {
        let array = asking.post(&agent, "/recommendations", &body);
        refused(&array, 422, "the recommendation is invalid");
        let array = asking.post(&agent, "/recommendations/1/feedback", &body);
        refused(&array, 400, "expected an object");
    }
    let checked = asking
        .post(&agent, "/check", &json!({"action": "a b"}))
        .gives(200)
        .json();
    assert_eq!(checked["valid"], false);
    let (_, text) = stage.recommendation("strategy-optimizer", "action: analyze\naction: analyze");
    let yaml = asking.ask_with(
        &agent,
        ("POST", "/check"),
        "application/yaml",
        text.into_bytes(),
    );
    let checked = yaml.gives(200).json();
    assert_eq!(
        (&checked["valid"], &checked["errors"][0]["line"]),
        (&json!(false), &json!(7)),
        "{checked}"
    );

    let broken = asking.ask_with(
        &agent,
        ("POST", "/recommendations"),
        "application/json",
        b"{".to_vec(),
    );
    refused(&broken, 400, "no JSON");
    let picture = asking.ask_with(
        &agent,
        ("POST", "/recommendations"),
        "image/png",
        b"x".to_vec(),
    );
    refused(&picture, 400, "neither JSON nor YAML");
    let huge = vec![b' '; (1 << 20) + 1];
    let huge = asking.ask_with(
        &agent,
        ("POST", "/recommendations"),
        "application/json",
        huge,
    );
    refused(&huge, 400, "too large");

    asking.serving.stops();
    stage.main_is_still(&before);
}

#[test]
fn an_address_that_cannot_be_understood_is_said() {
    let mut stage = TestRepo::example();
    let (agent, alice) = (token(&stage, &OPTIMIZER), token(&stage, &ALICE));
    let asking = Asking::start(&stage);
    asking
        .post(&agent, "/recommendations", &medium())
        .gives(201);
    for (path, why) in [
        ("/recommendations?level=RED", "`level`"),
        ("/recommendations?status=open", "`status`"),
        ("/recommendations?limit=0", "`limit`"),
        ("/recommendations?limit=1000", "`limit`"),
        ("/recommendations?cursor=zzz", "the cursor"),
        ("/recommendations?since=yesterday", "`since`"),
        ("/recommendations?sort=id", "unknown field `sort`"),
        ("/recommendations/1?wait=61", "at most 60 seconds"),
        ("/recommendations/1?wait=-1", "`wait`"),
        ("/recommendations/..", "neither the id of a case"),
        ("/lessons", "whose lessons"),
        ("/reports/nothing", "expected one of"),
    ] {
        refused(&asking.get(&alice, path), 400, why);
    }
    refused(
        &asking.get(&alice, "/recommendations/99"),
        404,
        "there is no pull request #99",
    );
    refused(
        &asking.get(&alice, &format!("/recommendations/{}", stage.fresh_id())),
        404,
        "there is no case",
    );
    refused(
        &asking.get(&alice, "/nothing"),
        404,
        "nothing at this address",
    );
    refused(
        &asking.ask(&alice, "DELETE", "/recommendations", None),
        405,
        "this method",
    );
    asking.serving.stops();
    stage.read_all();
}

#[test]
fn words_that_cannot_be_understood_are_not_recorded() {
    let mut stage = TestRepo::example();
    let (agent, alice) = (token(&stage, &OPTIMIZER), token(&stage, &ALICE));
    let asking = Asking::start(&stage);
    let before = stage.main();
    asking
        .post(&agent, "/recommendations", &medium())
        .gives(201);
    let head = "0".repeat(40);
    for (word, status, why) in [
        (json!({"opinion": "approve"}), 400, "missing field `head`"),
        (
            json!({"opinion": "reject", "head": head}),
            400,
            "main concern",
        ),
        (
            json!({"opinion": "approve", "head": head, "category": "other"}),
            400,
            "belongs to a rejection",
        ),
        (
            json!({"opinion": "reject", "head": head, "category": "other", "confidence": "confident"}),
            400,
            "belongs to an approval",
        ),
        (
            json!({"opinion": "approve", "head": head}),
            409,
            "there is no commit",
        ),
    ] {
        refused(
            &asking.post(&alice, "/recommendations/1/review", &word),
            status,
            why,
        );
    }
    refused(
        &asking.post(
            &alice,
            "/recommendations/1/feedback",
            &json!({"message": " "}),
        ),
        400,
        "is empty",
    );
    let long = json!({"message": "x".repeat(10_001)});
    refused(
        &asking.post(&alice, "/recommendations/1/feedback", &long),
        400,
        "too long",
    );
    let both = json!({"success": true, "error": "x"});
    refused(
        &asking.post(&alice, "/recommendations/1/outcome", &both),
        400,
        "a success has no `error`",
    );
    let pending = asking.post(
        &alice,
        "/recommendations/1/outcome",
        &json!({"success": true}),
    );
    refused(&pending, 404, "");
    asking.serving.stops();
    stage.main_is_still(&before);
    stage.read_all();
}

#[test]
fn a_list_is_read_page_by_page() {
    let mut stage = TestRepo::example();
    let body = |target: &str, value: usize| {
        format!(
            "action: modify_parameters\ntargets: [{target}]\nchanges: {{stop_loss_pct: 4.{value}}}"
        )
    };
    let proposals: Vec<_> = (1..=7)
        .map(|n| (format!("draft-{n}"), body("rsi-eurusd-draft", n)))
        .collect();
    stage.propose_many("strategy-optimizer", &proposals);
    stage.run();
    let waiting: Vec<_> = (1..=4)
        .map(|n| (format!("live-{n}"), body("rsi-eurusd", n)))
        .collect();
    stage.propose_many("strategy-optimizer", &waiting);
    let alice = token(&stage, &ALICE);
    let asking = Asking::start(&stage);
    let whole = asking.get(&alice, "/recommendations").gives(200);
    assert_eq!(whole.header("link"), "");
    let whole = whole.json();
    assert_eq!(whole.as_array().unwrap().len(), 11, "{whole}");
    let (mut path, mut pages) = (
        "/recommendations?agent=strategy-optimizer&limit=3".to_owned(),
        Vec::new(),
    );
    loop {
        let page = asking.get(&alice, &path).gives(200);
        pages.push(page.json().as_array().unwrap().clone());
        let link = page.header("link");
        if link.is_empty() {
            break;
        }
        has(link, "agent=strategy-optimizer");
        path = link
            .split(['<', '>'])
            .nth(1)
            .unwrap()
            .strip_prefix("/api/v1")
            .unwrap()
            .to_owned();
    }
    let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 3, 3, 2]);
    assert_eq!(json!(pages.concat()), whole);
    let pending = asking
        .get(&alice, "/recommendations?status=pending&level=MEDIUM")
        .gives(200)
        .json();
    assert_eq!(pending.as_array().unwrap().len(), 4);
    asking.serving.stops();
    stage.read_all();
}

#[test]
fn the_description_is_a_whole_one() {
    let stage = TestRepo::example();
    let asking = Asking::start(&stage);
    let document = &asking.described.document;
    has(document["openapi"].as_str().unwrap(), "3.1");
    assert_eq!(
        document["components"]["securitySchemes"]["token"]["scheme"],
        "bearer"
    );
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let pointer = reference.split('"').next().unwrap().trim_start_matches('#');
        assert!(
            document.pointer(pointer).is_some(),
            "{pointer} leads nowhere"
        );
    }
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 13, "{:?}", paths.keys());
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name}");
            assert_eq!(operation["security"], json!([{"token": []}]), "{name}");
            assert!(operation["responses"]["4XX"].is_object(), "{name}");
            let named: Vec<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
            for parameter in named {
                let known = operation["parameters"].as_array().unwrap();
                assert!(
                    known
                        .iter()
                        .any(|known| known["name"] == parameter && known["in"] == "path"),
                    "{name}"
                );
            }
        }
    }
}
