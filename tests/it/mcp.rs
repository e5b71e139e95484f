//! MCP as a language model's client meets it: the real process on standard input and output, and the real
//! server over HTTP.

use crate::support::asking::{low, medium};
use crate::support::mcp::{Client, good, refused};
use crate::support::serving::{Serving, nobody, serve, token};
use crate::support::{TestRepo, has};
use serde_json::{Value as Json, json};

/// A client of the server of an agent.
#[track_caller]
fn client(stage: &TestRepo, agent: &str) -> Client {
    Client::start(nobody(&mut stage.command(&["mcp", "--agent", agent])))
}

#[test]
fn an_agents_whole_life_on_stdio() {
    let mut stage = TestRepo::example();
    let mut client = client(&stage, "strategy-optimizer");
    let tools = client.ask("tools/list", &json!({}))["tools"].clone();
    let names: Vec<&str> = tools
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    let expected = [
        "amend_recommendation",
        "answer_question",
        "check_recommendation",
        "list_choices",
        "list_recommendations",
        "propose_recommendation",
        "read_lessons",
        "report_outcome",
        "show_recommendation",
        "wait_for_decision",
        "withdraw_recommendation",
    ];
    assert_eq!(names, expected);
    for tool in tools.as_array().unwrap() {
        jsonschema::meta::validate(&tool["inputSchema"]).unwrap();
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert!(tool["description"].as_str().unwrap().len() > 80, "{tool}");
    }
    // The schema takes what the tool takes, and nothing else.
    let schema = jsonschema::validator_for(&tools[2]["inputSchema"]).unwrap();
    assert!(schema.is_valid(&medium()));
    assert!(!schema.is_valid(&json!({"action": "analyze", "risk": "LOW"})));

    assert_eq!(client.call("read_lessons", &json!({}))["decided"], 0);
    let checked = client.call("check_recommendation", &medium());
    assert_eq!(
        (&checked["valid"], &checked["risk"]["level"]),
        (&json!(true), &json!("MEDIUM"))
    );
    let proposed = client.call("propose_recommendation", &medium());
    assert_eq!(
        (&proposed["number"], &proposed["status"]),
        (&json!(1), &json!("pending"))
    );
    // It looks on, and decides nothing.
    let early = client.call("wait_for_decision", &json!({"case": "1", "seconds": 1}));
    assert_eq!(early["status"], "pending");
    stage.approve(1, "alice");
    let waiting = client.begin(
        "tools/call",
        &json!({"name": "wait_for_decision", "arguments": {"case": proposed["id"]}}),
    );
    stage.run();
    let result = client.answer(waiting);
    let decided = good(&result);
    assert_eq!(decided["status"], "approved", "{decided}");
    assert_eq!(decided["outcome"]["success"], true);
    let shown = client.call("show_recommendation", &json!({"case": "#1"}));
    assert_eq!(shown["decision"]["approvals"][0]["by"], "alice");
    let listed = client.call("list_recommendations", &json!({"status": "approved"}));
    assert_eq!(listed["recommendations"][0]["number"], 1);
    assert_eq!(listed["next"], Json::Null);
    assert_eq!(client.call("read_lessons", &json!({}))["decided"], 1);

    // What goes wrong is told to the model, with what to do next.
    let invalid = client.refused(
        "propose_recommendation",
        &json!({"action": "analyze", "changes": {"a": 1}}),
        "is invalid",
    );
    assert_eq!(invalid["check"]["valid"], false);
    let mut posing = medium();
    posing["agent"] = json!("risk-manager");
    client.refused(
        "propose_recommendation",
        &posing,
        "cannot propose in the name of `risk-manager`",
    );
    client.refused(
        "propose_recommendation",
        &json!({"actoin": "analyze"}),
        "unknown field `actoin`",
    );
    client.refused("list_recommendations", &json!({"level": "RED"}), "`level`");
    client.refused(
        "show_recommendation",
        &json!({"case": "77"}),
        "no pull request #77",
    );
    client.refused(
        "report_outcome",
        &json!({"case": "1", "success": false}),
        "the bot itself carries it out",
    );
    client.ends();
    stage.read_all();
}

#[test]
fn an_agent_that_nobody_knows_gets_nothing() {
    let stage = TestRepo::example();
    let mut client = client(&stage, "mallory");
    client.refused(
        "propose_recommendation",
        &low(),
        "`mallory` is not listed in `rules/agents.yaml`",
    );
    client.refused("list_recommendations", &json!({}), "not listed");
    client.ends();
    assert_eq!(stage.git(&["for-each-ref", "refs/heads/recommend"]), "");
}

#[test]
fn it_needs_a_repository_and_an_agent() {
    let stage = TestRepo::example();
    stage.countersign(&["mcp"]).exits(2);
    let nowhere = stage.folder("nowhere");
    let said = stage.countersign(&[
        "mcp",
        "--agent",
        "risk-manager",
        "--repo",
        nowhere.to_str().unwrap(),
    ]);
    has(&said.exits(1).stderr, "there is no git repository");
}

/// A server, asked by MCP over HTTP.
struct Web(Serving);

impl Web {
    fn post(&self, headers: &[(&str, &str)], message: &Json) -> crate::support::serving::Answer {
        let own = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2025-06-18"),
        ];
        self.0.posts(
            "/mcp",
            &[&own, headers].concat(),
            message.to_string().as_bytes(),
        )
    }

    #[track_caller]
    fn call(&self, token: &str, tool: &str, arguments: &Json) -> Json {
        let bearer = format!("Bearer {token}");
        let parameters = json!({"name": tool, "arguments": arguments});
        let message =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters});
        let answer = self
            .post(&[("authorization", &bearer)], &message)
            .gives(200)
            .json();
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }
}

#[test]
fn an_agents_whole_life_over_http() {
    let mut stage = TestRepo::example();
    let agent = token(&stage, &["--agent", "risk-manager"]);
    let other = token(&stage, &["--agent", "market-analyst"]);
    let web = Web(Serving::start(&mut serve(&stage, &[])));
    web.0.is_ready();
    let checked = good(&web.call(&agent, "check_recommendation", &low()));
    assert_eq!(checked["requires"]["role"], "none");
    let proposed = good(&web.call(&agent, "propose_recommendation", &low()));
    let case = json!({"case": proposed["id"]});
    let decided = good(&web.call(&agent, "wait_for_decision", &case));
    assert_eq!(decided["status"], "auto_approved");
    assert_eq!(decided["outcome"]["success"], true);
    // Every call is judged by its own token.
    refused(
        &web.call(&other, "show_recommendation", &case),
        "there is no case",
    );
    assert_eq!(
        good(&web.call(&other, "list_recommendations", &json!({})))["recommendations"],
        json!([])
    );
    assert_eq!(
        good(&web.call(&agent, "read_lessons", &json!({})))["agent"],
        "risk-manager"
    );
    // A person has no agent's tools.
    let alice = token(&stage, &["--as", "alice"]);
    refused(
        &web.call(&alice, "propose_recommendation", &low()),
        "is for agents",
    );
    web.0.stops();
    stage.verifies();
    stage.read_all();
}

#[test]
fn over_http_nobody_comes_in_without_a_token_or_under_another_name() {
    let stage = TestRepo::example();
    let agent = token(&stage, &["--agent", "risk-manager"]);
    let mut served = serve(&stage, &["--host", "countersign.example.org"]);
    let web = Web(Serving::start(&mut served));
    web.0.is_ready();
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let bearer = format!("Bearer {agent}");
    let with = ("authorization", bearer.as_str());
    for headers in [vec![], vec![("authorization", "Bearer countersign_x")]] {
        let answer = web.post(&headers, &list);
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    web.post(&[with], &list).gives(200);
    web.post(&[with, ("host", "countersign.example.org")], &list)
        .gives(200);
    web.post(&[with, ("host", "evil.example.com")], &list)
        .gives(403);
    web.post(
        &[with, ("origin", "https://countersign.example.org")],
        &list,
    )
    .gives(200);
    web.post(&[with, ("origin", "https://evil.example.com")], &list)
        .gives(403);
    web.post(&[with, ("origin", "null")], &list).gives(403);
}
