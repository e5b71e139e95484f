//! What an agent does about a proposal of its own that waits (it answers, amends, withdraws, reads what was said), by
//! API, MCP and command line alike.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::support::asking::{Asking, medium};
use crate::support::mcp::Client;
use crate::support::proposals::AGENT;
use crate::support::serving::{Answer, nobody, token};
use crate::support::{TestRepo, has, redact};

const OTHER: &str = "risk-manager";

/// What a refusal of the API says, and what to do next.
#[track_caller]
fn refused(answer: Answer, status: u16) -> String {
    let problem = answer.gives(status).json();
    let said = |key: &str| problem[key].as_str().unwrap().to_owned();
    redact(&format!("{}\n  {}", said("detail"), said("next")))
}

/// The three ways.
enum Way {
    Api { asking: Box<Asking>, agent: String },
    Mcp(Box<Client>),
    CommandLine,
}

impl Way {
    fn all(stage: impl Fn() -> TestRepo) -> Vec<(TestRepo, Self)> {
        let (api, mcp, command_line) = (stage(), stage(), stage());
        let way = Self::Api {
            agent: token(&api, &["--agent", AGENT]),
            asking: Box::new(Asking::start(&api)),
        };
        let client = Client::start(nobody(&mut mcp.command(&["mcp", "--agent", AGENT])));
        vec![
            (api, way),
            (mcp, Self::Mcp(Box::new(client))),
            (command_line, Self::CommandLine),
        ]
    }

    #[track_caller]
    fn shows(&mut self, stage: &TestRepo) -> Json {
        match self {
            Self::Api { asking, agent } => {
                asking.get(agent, "/recommendations/1").gives(200).json()
            }
            Self::Mcp(client) => client.call("show_recommendation", &json!({"case": "1"})),
            Self::CommandLine => {
                let shown = stage.countersign(&["show", "1", "--format", "json"]);
                shown.succeeds().json()
            }
        }
    }

    /// The case, once it is so.
    #[track_caller]
    fn shows_that(&mut self, stage: &TestRepo, is_so: impl Fn(&Json) -> bool) -> Json {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let shown = self.shows(stage);
            if is_so(&shown) {
                return shown;
            }
            assert!(Instant::now() < end, "{shown:#}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn answers(&mut self, stage: &TestRepo, text: &str) -> Json {
        match self {
            Self::Api { asking, agent } => {
                let answer =
                    asking.post(agent, "/recommendations/1/answers", &json!({"text": text}));
                answer.gives(201).json()
            }
            Self::Mcp(client) => {
                client.call("answer_question", &json!({"case": "1", "text": text}))
            }
            Self::CommandLine => {
                let given = ["answer", "1", "--agent", AGENT, text, "--format", "json"];
                stage.countersign(&given).succeeds().json()
            }
        }
    }

    /// Proposes another value.
    #[track_caller]
    fn amends(&mut self, stage: &TestRepo, value: f64) -> Json {
        let mut document = medium();
        document["changes"]["stop_loss_pct"] = json!(value);
        match self {
            Self::Api { asking, agent } => {
                let amended = asking.ask(agent, "PUT", "/recommendations/1", Some(&document));
                amended.gives(200).json()
            }
            Self::Mcp(client) => {
                let arguments = json!({"case": "1", "recommendation": document});
                client.call("amend_recommendation", &arguments)
            }
            Self::CommandLine => {
                let set = format!("stop_loss_pct={value}");
                let amend = [
                    "amend", "1", "--agent", AGENT, "--set", &set, "--format", "json",
                ];
                stage.countersign(&amend).succeeds().json()
            }
        }
    }

    #[track_caller]
    fn withdraws(&mut self, stage: &TestRepo) -> Json {
        match self {
            Self::Api { asking, agent } => {
                let withdrawn = asking.ask(agent, "DELETE", "/recommendations/1", None);
                withdrawn.gives(200).json()
            }
            Self::Mcp(client) => client.call("withdraw_recommendation", &json!({"case": "1"})),
            Self::CommandLine => {
                let withdraw = ["withdraw", "1", "--agent", AGENT, "--format", "json"];
                stage.countersign(&withdraw).succeeds().json()
            }
        }
    }

    fn ends(self) {
        match self {
            Self::Api { asking, .. } => asking.serving.stops(),
            Self::Mcp(client) => client.ends(),
            Self::CommandLine => {}
        }
    }
}

/// The example with a proposal that waits for a reviewer.
fn waiting() -> TestRepo {
    let mut stage = TestRepo::example();
    let propose = [
        "propose",
        "--agent",
        AGENT,
        "--action",
        "modify_parameters",
        "--target",
        "rsi-eurusd",
        "--set",
        "stop_loss_pct=4",
        "--rationale",
        "Backtests.",
    ];
    stage.countersign(&propose).succeeds();
    stage.run();
    stage.report(1);
    stage
}

#[test]
fn an_agent_answers_and_amends_and_reads_what_was_said_by_every_way() {
    for (mut stage, mut way) in Way::all(waiting) {
        stage
            .review(
                1,
                "bob",
                &[
                    "--request-changes",
                    "--message",
                    "Half of that.\n\n/ask Why 4?",
                ],
            )
            .succeeds();
        let shown = way.shows_that(&stage, |shown| shown["blocked_by"] == json!(["bob"]));
        assert_eq!(
            shown["opinions"][0]["words"],
            "Half of that.\n\n/ask Why 4?"
        );
        assert_eq!(shown["questions"][0]["text"], "Why 4?");
        let given = way.answers(&stage, "It was stopped out at 3.");
        assert_eq!(
            (&given["question"], &given["open"]),
            (&json!("r1"), &json!([])),
            "{given}"
        );
        let amended = way.amends(&stage, 3.5);
        assert_eq!(
            (&amended["number"], &amended["created"]),
            (&json!(1), &json!(true))
        );
        assert_eq!(amended["id"], shown["id"]);
        assert_ne!(amended["head"], shown["pull"]["head"]);
        // The same once more changes nothing.
        let again = way.amends(&stage, 3.5);
        assert_eq!(
            (&again["head"], &again["created"]),
            (&amended["head"], &json!(false))
        );
        let is_new = |shown: &Json| shown["pull"]["head"] == amended["head"];
        let shown = way.shows_that(&stage, is_new);
        assert_eq!(
            shown["recommendation"]["changes"]["stop_loss_pct"], 3.5,
            "{shown}"
        );
        assert_eq!(shown["recommendation"]["rationale"], "Backtests.");
        assert_eq!(
            shown["questions"][0]["answers"][0]["text"],
            "It was stopped out at 3."
        );
        way.ends();
        stage.run();
        stage.countersign(&["show", "1"]).succeeds();
        stage.approve(1, "bob");
        stage.run();
        let shown = stage.countersign(&["show", "1", "--format", "json"]);
        assert_eq!(shown.succeeds().json()["status"], "approved");
        has(&stage.file("targets/rsi-eurusd.yaml"), "stop_loss_pct: 3.5");
        stage.verifies();
        stage.read_all();
    }
}

#[test]
fn an_agent_withdraws_by_every_way() {
    for (mut stage, mut way) in Way::all(waiting) {
        let withdrawn = way.withdraws(&stage);
        assert_eq!(withdrawn["number"], 1);
        assert!(withdrawn["id"].is_string());
        way.ends();
        stage.run();
        has(&stage.report(1), "withdrawn by its author");
        let shown = stage
            .countersign(&["show", "1", "--format", "json"])
            .succeeds()
            .json();
        assert_eq!(
            (&shown["status"], &shown["id"]),
            (&json!("withdrawn"), &withdrawn["id"])
        );
        stage.verifies();
        stage.read_all();
    }
}

#[test]
fn a_proposal_that_has_no_branch_yet_is_amended_and_withdrawn_too() {
    let mut stage = TestRepo::example();
    let mut client = Client::start(nobody(&mut stage.command(&["mcp", "--agent", AGENT])));
    let first = client.call("propose_recommendation", &medium());
    let second = client.call("propose_recommendation", &medium());
    let mut document = medium();
    document["changes"]["stop_loss_pct"] = json!(3.5);
    let arguments = json!({"case": first["id"], "recommendation": document});
    let amended = client.call("amend_recommendation", &arguments);
    client.call("withdraw_recommendation", &json!({"case": second["id"]}));
    client.ends();
    stage.run();
    stage.report(1);
    stage.report(2);
    let shown = stage
        .countersign(&["show", "1", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(
        (&shown["status"], &shown["pull"]["head"]),
        (&json!("pending"), &amended["head"])
    );
    let shown = stage
        .countersign(&["show", "2", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(shown["status"], "withdrawn");
    stage.verifies();
    stage.read_all();
}

#[test]
fn the_wait_of_an_agent_ends_with_a_question_and_says_it() {
    let mut stage = waiting();
    let agent = token(&stage, &["--agent", AGENT]);
    let alice = token(&stage, &["--as", "alice"]);
    let asking = Asking::start(&stage);
    let wait = |seen: &Json| {
        let path = format!("/recommendations/1?wait=50&seen={}", seen.as_str().unwrap());
        asking.get(&agent, &path).gives(200).json()
    };
    let question = |text: &str, status| {
        let asked = json!({"text": text});
        asking
            .post(&alice, "/recommendations/1/questions", &asked)
            .gives(status)
            .json()
    };
    let shown = asking.get(&agent, "/recommendations/1").gives(200).json();
    let (heard, asked) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(&shown["state"]));
        let asked = question("Why 4?", 201);
        (waiting.join().unwrap(), asked)
    });
    insta::assert_snapshot!(serde_json::to_string(&heard["news"]).unwrap(), @r#"{"kind":"question","what":"alice asks (question r1): Why 4?"}"#);
    assert_eq!(asked["question"], heard["questions"][0]["id"]);
    // The same once more is the same question, and nobody is told twice.
    assert_eq!(question("Why 4?", 200)["question"], asked["question"]);
    // Who has seen nothing is told what is open.
    let fresh = asking
        .get(&agent, "/recommendations/1?wait=50")
        .gives(200)
        .json();
    assert_eq!(fresh["news"], heard["news"]);
    let answer = json!({"text": "It was stopped out at 3.", "question": asked["question"]});
    let given = asking
        .post(&agent, "/recommendations/1/answers", &answer)
        .gives(201)
        .json();
    // Its own answer is no news to who goes on from there; to others it is.
    let told = wait(&asked["state"]);
    insta::assert_snapshot!(serde_json::to_string(&told["news"]).unwrap(), @r#"{"kind":"answer","what":"strategy-optimizer answers question r1: It was stopped out at 3."}"#);
    let second = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(&given["state"]));
        question("And why now?", 201);
        waiting.join().unwrap()
    });
    insta::assert_snapshot!(serde_json::to_string(&second["news"]).unwrap(), @r#"{"kind":"question","what":"alice asks (question r3): And why now?"}"#);
    let listed = asking
        .get(&alice, "/recommendations?status=pending")
        .gives(200)
        .json();
    assert_eq!(listed[0]["open_questions"], 1, "{listed}");
    asking.serving.stops();
    stage.run();
    stage.report(1);
    stage.read_all();
}

#[test]
fn the_api_says_who_may_ask_answer_amend_and_withdraw() {
    let mut stage = waiting();
    let agent = token(&stage, &["--agent", AGENT]);
    let other = token(&stage, &["--agent", OTHER]);
    let (alice, dana) = (
        token(&stage, &["--as", "alice"]),
        token(&stage, &["--as", "dana"]),
    );
    let asking = Asking::start(&stage);
    let text = json!({"text": "Why?"});
    let ask = |token: &str, body: &Json| asking.post(token, "/recommendations/1/questions", body);
    let answer = |token: &str, body: &Json| asking.post(token, "/recommendations/1/answers", body);
    insta::assert_snapshot!(refused(ask(&agent, &text), 403), @r"
        a question is for people: agents answer
          use a person's token
        ");
    insta::assert_snapshot!(refused(ask(&dana, &text), 403), @r"
        `dana` is neither reviewer nor admin; reviewers and admins may
          nothing was recorded; an admin lists people and agents in the rules
        ");
    insta::assert_snapshot!(refused(ask(&alice, &json!({"text": ""})), 400), @r"
        it says nothing: write `/ask TEXT`
          nothing was recorded; mend the text and send it again
        ");
    insta::assert_snapshot!(refused(ask(&alice, &json!({"text": "?".repeat(4_001)})), 400), @r"
        it has 4001 characters, and at most 4000 are taken: shorten it
          nothing was recorded; mend the text and send it again
        ");
    insta::assert_snapshot!(refused(ask(&alice, &json!({"text": "a\u{202e}b"})), 400), @r"
        it holds a bidirectional control character (U+202E): leave it out
          nothing was recorded; mend the text and send it again
        ");
    insta::assert_snapshot!(refused(answer(&agent, &text), 409), @r"
        no question is open
          nothing was recorded; `questions` of the case says what is open
        ");
    ask(&alice, &text).gives(201);
    insta::assert_snapshot!(refused(answer(&alice, &text), 403), @r"
        answering is for agents
          use the agent's own token: `countersign token create --agent NAME`
        ");
    insta::assert_snapshot!(refused(answer(&other, &text), 404), @r"
        there is no pull request #1
          list the cases to see which there are; an agent sees its own
        ");
    let named = json!({"text": "x", "question": "r9"});
    insta::assert_snapshot!(refused(answer(&agent, &named), 409), @r"
        there is no question r9; open: r1
          nothing was recorded; `questions` of the case says what is open
        ");
    let amend = |token: &str, path: &str, body: &Json| asking.ask(token, "PUT", path, Some(body));
    insta::assert_snapshot!(refused(amend(&alice, "/recommendations/1", &medium()), 403), @r"
        amending is for agents
          use the agent's own token: `countersign token create --agent NAME`
        ");
    insta::assert_snapshot!(refused(amend(&other, "/recommendations/1", &medium()), 404), @r"
        there is no pull request #1
          list the cases to see which there are; an agent sees its own
        ");
    let mut invalid = medium();
    invalid["targets"] = json!(["nothing-of-the-kind"]);
    insta::assert_snapshot!(refused(amend(&agent, "/recommendations/1", &invalid), 422), @r"
        the recommendation is invalid: request: targets[0]: there is no `targets/nothing-of-the-kind.yaml`: name a target that is there, or create it first
          mend what `errors` names, check it, and propose it again: nothing was opened
        ");
    let mut elsewhere = medium();
    elsewhere["id"] = json!(stage.fresh_id());
    insta::assert_snapshot!(refused(amend(&agent, "/recommendations/1", &elsewhere), 409), @r"
        pull request #1 is not about `[id]`: what is amended keeps its id
          nothing was recorded; look at the case as it is now
        ");
    let withdraw = |token: &str| asking.ask(token, "DELETE", "/recommendations/1", None);
    insta::assert_snapshot!(refused(withdraw(&alice), 403), @r"
        withdrawing is for agents
          use the agent's own token: `countersign token create --agent NAME`
        ");
    insta::assert_snapshot!(refused(withdraw(&other), 404), @r"
        there is no pull request #1
          list the cases to see which there are; an agent sees its own
        ");
    withdraw(&agent).gives(200);
    let ended = |cases: &Json| cases[0]["status"] == "withdrawn";
    asking
        .serving
        .wait_until_json(&agent, "/api/v1/recommendations", ended);
    insta::assert_snapshot!(refused(withdraw(&agent), 409), @r"
        the case is not pending any more: withdrawn
          look at the case to see how it ended; feedback can be given at any time
        ");
    insta::assert_snapshot!(refused(ask(&alice, &text), 409), @r"
        the case is not pending any more: withdrawn
          look at the case to see how it ended; feedback can be given at any time
        ");
    insta::assert_snapshot!(refused(answer(&agent, &text), 409), @r"
        the case is not pending any more: withdrawn
          look at the case to see how it ended; feedback can be given at any time
        ");
    asking.serving.stops();
    stage.report(1);
    stage.verifies();
    stage.read_all();
}

#[test]
fn the_command_line_says_what_cannot_be_amended_or_withdrawn() {
    let mut stage = waiting();
    let refused =
        |command: &[&str], status| redact(&stage.countersign(command).exits(status).stderr);
    insta::assert_snapshot!(refused(&["withdraw", "1", "--agent", OTHER], 1), @"error: pull request #1 is not of `risk-manager`: an agent changes and takes back only what it proposed");
    insta::assert_snapshot!(refused(&["withdraw", "7", "--agent", AGENT], 1), @r"
        error: there is no pull request #7
        hint: `countersign list --status pending` shows the open ones
        ");
    insta::assert_snapshot!(refused(&["amend", "1", "--agent", OTHER, "--set", "stop_loss_pct=3.5"], 1), @r"
        error: what #1 is to say is of `strategy-optimizer`, not of `risk-manager`
        hint: an agent changes and takes back only what it proposed
        ");
    insta::assert_snapshot!(refused(&["amend", "1", "--agent", AGENT], 2), @r"
        error: nothing is to be changed: give `--set`, `--unset`, `--target`, `--rationale` or `--file`

        Usage: countersign [OPTIONS] <COMMAND>

        For more information, try '--help'.
        ");
    insta::assert_snapshot!(refused(&["amend", "1", "--agent", AGENT, "--unset", "leverage"], 2), @r"
        error: `--unset leverage`: the proposal does not change `leverage`

        Usage: countersign [OPTIONS] <COMMAND>

        For more information, try '--help'.
        ");
    insta::assert_snapshot!(refused(&["amend", "1", "--agent", AGENT, "--set", "stop_loss_pct=x"], 3), @r"
        error: the recommendation is invalid, so nothing was proposed:
        recommendations/[date]/[id]/recommendation.yaml:9:18: changes.stop_loss_pct: expected a number, as in `targets/rsi-eurusd.yaml` (3.0), found the text `x`
        ");
    insta::assert_snapshot!(stage.countersign(&["withdraw", "1", "--agent", AGENT]).succeeds().stdout, @"#1 is withdrawn by strategy-optimizer; `countersign run` records it");
    insta::assert_snapshot!(refused(&["withdraw", "1", "--agent", AGENT], 1), @r"
        error: pull request #1 has ended: nothing more can be said on it
        hint: `countersign show NUMBER` tells how it ended; `countersign feedback` says something about it
        ");
    insta::assert_snapshot!(refused(&["amend", "1", "--agent", AGENT, "--set", "stop_loss_pct=3"], 1), @r"
        error: pull request #1 has ended: nothing more can be said on it
        hint: `countersign show NUMBER` tells how it ended; `countersign feedback` says something about it
        ");
    stage.run();
    stage.report(1);
    stage.read_all();
}

#[test]
fn what_has_become_invalid_is_still_its_agents_to_read_amend_and_withdraw() {
    let mut stage = waiting();
    let propose = [
        "propose",
        "--agent",
        AGENT,
        "--action",
        "modify_parameters",
        "--target",
        "rsi-eurusd",
        "--set",
        "stop_loss_pct=3.5",
    ];
    stage.countersign(&propose).succeeds();
    let agent = token(&stage, &["--agent", AGENT]);
    let other = token(&stage, &["--agent", OTHER]);
    // Their target goes away.
    stage.commit_to_main(&[("targets/rsi-eurusd.yaml", None)]);
    stage.run();
    let asking = Asking::start(&stage);
    let shown = asking.get(&agent, "/recommendations/1").gives(200).json();
    has(shown["report"]["title"].as_str().unwrap(), "invalid: ");
    asking.get(&other, "/recommendations/1").gives(404);
    let text = json!({"text": "Sorry."});
    insta::assert_snapshot!(refused(asking.post(&agent, "/recommendations/1/answers", &text), 409), @r"
        nothing can be asked and answered on #1 as long as it cannot be decided: invalid: recommendations/[date]/[id]/recommendation.yaml:7:3: targets[0]: there is no `targets/rsi-eurusd.yaml`: name a target that is there, or create it first
          nothing was recorded; look at the case as it is now
        ");
    let mut document = medium();
    document["targets"] = json!(["rsi-eurusd-draft"]);
    document["changes"]["stop_loss_pct"] = json!(1.5);
    let amended = asking.ask(&agent, "PUT", "/recommendations/1", Some(&document));
    assert_eq!(amended.gives(200).json()["id"], shown["id"]);
    asking
        .ask(&other, "DELETE", "/recommendations/2", None)
        .gives(404);
    asking
        .ask(&agent, "DELETE", "/recommendations/2", None)
        .gives(200);
    let decided = |shown: &Json| shown["status"] == "auto_approved";
    asking
        .serving
        .wait_until_json(&agent, "/api/v1/recommendations/1", decided);
    asking.serving.stops();
    stage.read_all();
}
