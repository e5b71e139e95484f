//! What is carried out elsewhere: a signed request over real HTTP, sent once and never a second time, whatever
//! answers; and a workflow, which only GitHub starts.

mod receiver;

use std::time::{Duration, Instant};

use crate::support::proposals::AGENT;
use crate::support::{Ran, TestRepo, has, has_not, trail};
use aws_lc_rs::hmac;
use chrono::TimeDelta;
use countersign::domain::documents::Recommendation;
use receiver::{Receiver, Request, answer};
use serde_json::Value as Json;

const LOW: &str = "action: optimize\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}";
const MEDIUM: &str = "action: optimize\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 1.5}";
const SECRET: &str = "correct horse battery staple";
const TRUSTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/executors/tls/ca.pem");

/// The rules with `optimize` carried out like this; `settings` is YAML in one line.
fn rules(stage: &TestRepo, executor: &str, settings: &str) -> [(String, String); 2] {
    let actions = stage.file("rules/actions.yaml");
    let (before, own) = actions.split_once("  optimize:\n").unwrap();
    let new = format!("executor: {executor}\n    {settings}\n");
    let own = own.replacen("executor: apply\n", &new, 1);
    let governance = stage.file("rules/governance.yaml").replace(
        "executors: [none, apply, command, external]",
        "executors: [none, apply, command, external, http, dispatch]",
    );
    [
        (
            "rules/actions.yaml".to_owned(),
            format!("{before}  optimize:\n{own}"),
        ),
        ("rules/governance.yaml".to_owned(), governance),
    ]
}

/// A stage whose `optimize` is carried out like this, by a governance change that carol approves.
fn stage_with(executor: &str, settings: &str) -> TestRepo {
    let mut stage = TestRepo::example();
    let files = rules(&stage, executor, settings);
    let files = files
        .each_ref()
        .map(|(path, text)| (path.as_str(), text.as_str()));
    stage.govern("dana", "executor", &files);
    stage.run();
    has(&stage.report(1), "waiting: governance change, HIGH");
    stage.approve(1, "carol");
    stage.run();
    has(&stage.report(1), "approved and merged");
    stage
}

fn hook(url: &str, seconds: u32) -> String {
    format!("http: {{url: '{url}', secret: DEPLOY, time_limit_seconds: {seconds}}}")
}

fn stage_of(receiver: &Receiver) -> TestRepo {
    stage_with("http", &hook(&receiver.url("/hooks/deploy"), 30))
}

/// The bot with the secret, and with everything logged that there is to log.
#[track_caller]
fn run(stage: &TestRepo) -> Ran {
    let mut command = stage.command(&["run"]);
    command
        .env("COUNTERSIGN_SECRET_DEPLOY", SECRET)
        .env("RUST_LOG", "trace");
    let ran = Ran::of(&command.output().unwrap()).succeeds();
    has_not(&ran.text(), SECRET);
    ran
}

fn show(stage: &TestRepo, id: &str) -> Json {
    stage
        .countersign(&["show", id, "--format", "json"])
        .succeeds()
        .json()
}

/// The only outcome there is.
#[track_caller]
fn outcome(stage: &TestRepo, id: &str) -> Json {
    let outcomes = show(stage, id)["outcomes"].clone();
    assert_eq!(outcomes.as_array().unwrap().len(), 1, "{outcomes}");
    outcomes[0].clone()
}

#[track_caller]
fn assert_signed(request: &Request) {
    let signature = &request.headers["x-countersign-signature-256"];
    let digits = signature.strip_prefix("sha256=").unwrap();
    let tag: Vec<u8> = (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, &request.body, &tag).expect("the signature is not the body's");
}

#[test]
fn what_was_approved_is_sent_once_and_signed() {
    let receiver = Receiver::answering(answer("200 OK", "order 17 placed\n"));
    let mut stage = stage_of(&receiver);
    let id = stage.propose(AGENT, "a", MEDIUM);
    run(&stage);
    assert_eq!(receiver.seen().len(), 0, "nothing was approved yet");
    stage.approve(2, "alice");
    run(&stage);
    run(&stage);
    stage.read_all();
    let seen = receiver.seen();
    let [request] = seen.as_slice() else {
        panic!("{} requests", seen.len())
    };
    assert_eq!(request.line, "POST /hooks/deploy HTTP/1.1");
    assert_signed(request);
    assert_eq!(request.headers["idempotency-key"], format!("{id}-1"));
    assert_eq!(request.headers["content-type"], "application/json");
    let told: Json = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&told["id"], &told["attempt"]),
        (&id.clone().into(), &1.into())
    );
    assert_eq!(told["recommendation"]["changes"]["stop_loss_pct"], 1.5);
    assert_eq!(told["decision"]["status"], "approved");
    assert_eq!(told["decision"]["level"], "MEDIUM");
    assert_eq!(
        told["decision"]["approved_by"],
        serde_json::json!(["alice"])
    );
    let shown = show(&stage, &id);
    assert_eq!(
        told["decision"]["decided_at"],
        shown["decision"]["decided_at"]
    );
    let claimed = stage.git(&["rev-parse", "main^"]);
    assert_eq!(
        told["decision"]["main"],
        claimed.trim(),
        "{:?}",
        stage.log()
    );
    let outcome = outcome(&stage, &id);
    assert_eq!(outcome["executor"], "http");
    assert_eq!(outcome["success"], true);
    assert_eq!(outcome["details"]["status"], 200);
    assert_eq!(outcome["details"]["answer"], "order 17 placed");
    has_not(&stage.git(&["log", "-p", "--format=%B", "main"]), SECRET);
    stage.verifies();
}

#[test]
fn the_answer_says_how_it_went() {
    let elsewhere = Receiver::answering(answer("200 OK", ""));
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        elsewhere.url("/stolen")
    );
    let wild = format!("\u{1b}[2J{}", "spam".repeat(500_000));
    for (reply, success, error) in [
        (
            answer("500 Oh", "no"),
            Some(false),
            "it answered with HTTP 500",
        ),
        (
            answer("404 Not Found", ""),
            Some(false),
            "it answered with HTTP 404",
        ),
        (
            redirect,
            Some(false),
            "HTTP 307: a redirect is not followed",
        ),
        (answer("202 Accepted", &wild), Some(true), ""),
        // It was read to its end, and then nobody knows whether it was obeyed.
        (String::new(), None, "it was sent and not answered"),
    ] {
        let receiver = Receiver::answering(reply);
        let mut stage = stage_of(&receiver);
        let id = stage.propose(AGENT, "a", LOW);
        run(&stage);
        run(&stage);
        stage.read_all();
        assert_eq!(receiver.seen().len(), 1, "{error}");
        let outcome = outcome(&stage, &id);
        assert_eq!(outcome["success"], success.map_or(Json::Null, Json::from));
        has(outcome["error"].as_str().unwrap_or_default(), error);
        let text = outcome["details"]["answer"].as_str().unwrap_or_default();
        assert!(text.len() < 4_200, "{}", text.len());
        has_not(text, "\u{1b}");
        assert_eq!(
            text.contains("[the rest was not read]"),
            success == Some(true)
        );
        if success.is_none() {
            let report = ["outcome", &id, "--success", "--as", "carol"];
            stage.countersign(&report).succeeds();
            run(&stage);
            assert_eq!(
                receiver.seen().len(),
                1,
                "a person's word does not send it again"
            );
        }
        stage.verifies();
    }
    assert_eq!(elsewhere.seen().len(), 0);
}

#[test]
fn who_never_answers_is_not_waited_for() {
    let receiver = Receiver::silent();
    let mut stage = stage_with("http", &hook(&receiver.url("/"), 1));
    let id = stage.propose(AGENT, "a", LOW);
    run(&stage);
    run(&stage);
    stage.read_all();
    assert_eq!(receiver.seen().len(), 1);
    let outcome = outcome(&stage, &id);
    assert_eq!(outcome["success"], Json::Null);
    has(
        outcome["error"].as_str().unwrap(),
        "it was sent and not answered (timeout",
    );
}

#[test]
fn who_asks_for_more_for_ever_is_not_waited_for() {
    let receiver = Receiver::continuing();
    let mut stage = stage_with("http", &hook(&receiver.url("/"), 1));
    let id = stage.propose(AGENT, "a", LOW);
    let begun = Instant::now();
    run(&stage);
    // The limit is one second; without one the receiver would go on for ever.
    assert!(begun.elapsed() < Duration::from_secs(20));
    stage.read_all();
    let outcome = outcome(&stage, &id);
    assert_eq!(outcome["success"], Json::Null);
    has(
        outcome["error"].as_str().unwrap(),
        "it was sent and not answered (timeout",
    );
}

#[test]
fn what_was_not_sent_is_a_failure_and_not_a_riddle() {
    let url = Receiver::answering(String::new()).gone("/x");
    let mut stage = stage_with("http", &hook(&url, 30));
    let id = stage.propose(AGENT, "a", LOW);
    run(&stage);
    stage.read_all();
    let outcome = outcome(&stage, &id);
    assert_eq!(outcome["success"], false);
    has(outcome["error"].as_str().unwrap(), "it was not sent: ");
    stage.verifies();
}

#[test]
fn a_bot_without_the_secret_leaves_it_to_one_that_has_it() {
    let receiver = Receiver::answering(answer("200 OK", ""));
    let mut stage = stage_of(&receiver);
    let id = stage.propose(AGENT, "a", LOW);
    let mut short = stage.command(&["run"]);
    short.env("COUNTERSIGN_SECRET_DEPLOY", "guess me");
    for ran in [stage.run(), Ran::of(&short.output().unwrap()).succeeds()] {
        has(
            &ran.stderr,
            "is not carried out: the environment has no `COUNTERSIGN_SECRET_DEPLOY` of at least 16 characters",
        );
    }
    assert_eq!(show(&stage, &id)["outcome"], Json::Null);
    run(&stage);
    stage.read_all();
    assert_eq!(receiver.seen().len(), 1);
    assert_eq!(outcome(&stage, &id)["success"], true);
}

#[test]
fn tls_is_trusted_as_the_system_says_and_no_further() {
    let receiver = Receiver::answering_over_tls(answer("200 OK", "hello"));
    let url = receiver.url("/x");
    has(&url, "https://");
    for (trusted, success) in [(None, false), (Some(TRUSTED), true)] {
        let mut stage = stage_with("http", &hook(&url, 30));
        let id = stage.propose(AGENT, "a", LOW);
        let mut command = stage.command(&["run"]);
        command.env("COUNTERSIGN_SECRET_DEPLOY", SECRET);
        if let Some(file) = trusted {
            command.env("SSL_CERT_FILE", file);
        }
        assert!(command.output().unwrap().status.success());
        stage.read_all();
        let outcome = outcome(&stage, &id);
        assert_eq!(outcome["success"], success, "{outcome}");
        match trusted {
            None => has(outcome["error"].as_str().unwrap(), "it was not sent: "),
            Some(_) => assert_eq!(outcome["details"]["answer"], "hello"),
        }
        assert_eq!(receiver.seen().len(), usize::from(success));
    }
}

#[test]
fn the_proxy_that_the_environment_names_is_used() {
    let receiver = Receiver::answering_over_tls(answer("200 OK", "hello"));
    let (proxy, asked) = receiver::proxy();
    let mut stage = stage_with("http", &hook(&receiver.url("/x"), 30));
    let id = stage.propose(AGENT, "a", LOW);
    let mut command = stage.command(&["run"]);
    for name in ["https_proxy", "NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    command
        .env("COUNTERSIGN_SECRET_DEPLOY", SECRET)
        .env("SSL_CERT_FILE", TRUSTED)
        .env("HTTPS_PROXY", proxy);
    assert!(command.output().unwrap().status.success());
    stage.read_all();
    assert_eq!(outcome(&stage, &id)["details"]["answer"], "hello");
    let target = receiver.url("").replace("https://", "");
    assert_eq!(
        *asked.lock().unwrap(),
        [format!("CONNECT {target} HTTP/1.1")]
    );
}

#[test]
fn sending_may_die_at_every_step() {
    let receiver = Receiver::answering(answer("200 OK", ""));
    let mut stage = stage_of(&receiver);
    let id = stage.propose(AGENT, "a", LOW);
    let (mut unknown, mut step) = (0, 0);
    loop {
        step += 1;
        receiver.forget();
        let mut take = stage.copy();
        let mut command = take.command(&["run"]);
        command
            .env("COUNTERSIGN_SECRET_DEPLOY", SECRET)
            .env("COUNTERSIGN_DIE_AT_STEP", step.to_string());
        let died = command.output().unwrap().status.code().is_none();
        run(&take);
        run(&take);
        take.read_all();
        let events = trail::events(&take);
        assert_eq!(trail::count(&events, &id, "claim"), 1, "step {step}");
        let outcome = outcome(&take, &id);
        match outcome["success"].as_bool() {
            Some(true) => assert_eq!(receiver.seen().len(), 1, "step {step}"),
            Some(false) => panic!("step {step}: {outcome}"),
            None => {
                unknown += 1;
                assert!(receiver.seen().len() <= 1, "step {step}");
            }
        }
        take.verifies();
        if !died {
            break;
        }
    }
    stage.read_all();
    assert!(step > 20 && unknown >= 2, "{step} steps, {unknown} unknown");
}

#[test]
fn rules_that_could_leak_or_name_what_is_not_allowed_are_invalid() {
    let mut stage = TestRepo::example();
    let good = "http: {url: 'https://example.org/', secret: DEPLOY, time_limit_seconds: 30}";
    let cases = [
        (
            "http",
            good.replace("https:", "http:"),
            "without TLS it is sent to the bot's own machine only",
        ),
        (
            "http",
            good.replace("//example", "//me:pw@example"),
            "a name or password does not belong here",
        ),
        (
            "http",
            good.replace("DEPLOY", "github_token"),
            "`DEPLOY` stands for the environment variable `COUNTERSIGN_SECRET_DEPLOY`",
        ),
        (
            "http",
            good.replace("30", "0"),
            "0 is out of range: expected 1 to 3600",
        ),
        (
            "http",
            String::new(),
            "the executor `http` needs `http: {url: ",
        ),
        (
            "dispatch",
            good.to_owned(),
            "only the executor `http` takes this",
        ),
        (
            "dispatch",
            "dispatch: {event_type: 'a b', time_limit_seconds: 5}".to_owned(),
            "expected up to 100 letters",
        ),
        (
            "dispatch",
            "dispatch: {event_type: a, repository: ../x, time_limit_seconds: 5}".to_owned(),
            "expected OWNER/NAME",
        ),
    ];
    for (at, (executor, settings, complaint)) in cases.iter().enumerate() {
        let files = rules(&stage, executor, settings);
        let files = files
            .each_ref()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        stage.govern("dana", &format!("bad-{at}"), &files);
        stage.run();
        let number = u64::try_from(at).unwrap() + 1;
        has(&stage.report(number), complaint);
    }
    // Good in itself, and not listed.
    let [actions, _] = rules(&stage, "http", good);
    stage.govern("dana", "unlisted", &[(&actions.0, &actions.1)]);
    stage.run();
    has(
        &stage.report(cases.len() as u64 + 1),
        "`http` is not among the executors that `rules/governance.yaml` allows",
    );
}

#[test]
fn a_folder_starts_no_workflow_and_says_so() {
    let mut stage = stage_with(
        "dispatch",
        "dispatch: {event_type: deploy, time_limit_seconds: 60}",
    );
    let id = stage.propose(AGENT, "a", LOW);
    stage.run();
    stage.wait(TimeDelta::hours(1));
    stage.run();
    stage.read_all();
    let outcome = outcome(&stage, &id);
    assert_eq!(
        (&outcome["success"], &outcome["executor"]),
        (&false.into(), &"dispatch".into())
    );
    has(
        outcome["error"].as_str().unwrap(),
        "the executor `dispatch` needs GitHub",
    );
    stage.verifies();
}

#[test]
fn what_no_workflow_could_be_started_with_is_invalid() {
    let workflow = "dispatch: {event_type: deploy, time_limit_seconds: 60}";
    let mut stage = stage_with("dispatch", workflow);
    // As JSON each takes six bytes.
    let bells = |count: usize| format!("{LOW}\nrationale: \"{}\"", "\\a".repeat(count));
    let id = stage.propose(AGENT, "large", &bells(9_990));
    stage.propose(AGENT, "small", &bells(9_900));
    stage.run();
    let path = Recommendation::path_of(id.parse().unwrap());
    let problem = format!(
        "{path}:9:12: rationale: the recommendation takes 60199 bytes as JSON, and a workflow (`executor: dispatch`) is started \
         with at most 60000: leave something out"
    );
    assert_eq!(
        stage.report(2),
        format!(
            "failure: invalid: {problem}\n\nMend this and push again; nothing is merged until then:\n\n```text\n{problem}\n```\n"
        )
    );
    has(&stage.report(3), "success: LOW 5.00: merged by the bot");
    stage.read_all();
}

#[test]
fn what_would_be_asked_more_is_neither_sent_nor_started() {
    let receiver = Receiver::answering(answer("200 OK", ""));
    let dispatch = "dispatch: {event_type: deploy, time_limit_seconds: 60}".to_owned();
    for (executor, settings) in [
        ("http", hook(&receiver.url("/"), 30)),
        ("dispatch", dispatch),
    ] {
        let mut stage = stage_with(executor, &settings);
        let id = low_and_then_live(&stage);
        // Whoever cannot send it may say that it is not to be sent.
        let said = stage.run();
        has(
            &said.stdout,
            &format!("{id} not executed: LOW 5.00 is now MEDIUM 45.00."),
        );
        run(&stage);
        stage.read_all();
        let shown = show(&stage, &id);
        assert_eq!(shown["rescored"]["executor"], executor);
        assert_eq!(
            (&shown["claim"], &shown["outcome"]),
            (&Json::Null, &Json::Null)
        );
        stage.verifies();
    }
    assert_eq!(receiver.seen().len(), 0);
}

/// A LOW optimization of the draft; and, decided and carried out in the same run, the change that makes the draft live.
fn low_and_then_live(stage: &TestRepo) -> String {
    let id = stage.propose(AGENT, "a", LOW);
    let promote =
        "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {trading_mode: live}";
    stage.propose(AGENT, "b", promote);
    let reason = "I read it and agree with every line of it.";
    let approve = ["--approve", "--message", reason];
    stage.review(3, "carol", &approve).succeeds();
    id
}

#[test]
fn what_others_did_by_themselves_is_told_when_they_report_it() {
    let mut stage = stage_with("external", "# by another system");
    let id = low_and_then_live(&stage);
    stage.run();
    stage.read_all();
    assert_eq!(show(&stage, &id)["rescored"], Json::Null);
    let report = ["outcome", &id, "--success", "--as", "carol"];
    stage.countersign(&report).succeeds();
    let log = stage.log();
    assert_eq!(
        log[log.len() - 2..],
        [
            "rescored: optimize on rsi-eurusd-draft (LOW 5.00 is now MEDIUM 45.00)",
            "outcome: success of optimize on rsi-eurusd-draft",
        ]
    );
    let text = stage.countersign(&["show", &id]).succeeds().stdout;
    has(
        &text,
        ": LOW 5.00 is now MEDIUM 45.00\nSomebody else reports that it was carried out; look whether that should have been\n",
    );
    assert_eq!(show(&stage, &id)["rescored"]["executor"], "external");
    stage.verifies();
}
