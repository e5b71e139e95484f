//! What operators follow: a line of JSON for each decision, execution and refusal.

use serde_json::Value;

use crate::support::browser::Browser;
use crate::support::proposals::{AGENT, LOW, MEDIUM};
use crate::support::serving::{Serving, persons_token, serve};
use crate::support::{TestRepo, redact};

/// The events in a log, without the times.
fn events(log: &str) -> String {
    let lines = log.lines().map(|line| {
        let mut event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let fields = event.as_object_mut().unwrap();
        assert!(fields.remove("timestamp").is_some());
        for field in ["took_ms", "repository", "token"] {
            if let Some(value) = fields.get_mut(field) {
                *value = format!("[{field}]").into();
            }
        }
        redact(&event.to_string())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_decision_and_execution_is_a_line_of_json() {
    let mut stage = TestRepo::example();
    stage.add_command("notify", "cat > /dev/null");
    stage.propose(AGENT, "low", LOW);
    stage.propose(
        AGENT,
        "medium",
        &MEDIUM.replace("modify_parameters", "notify"),
    );
    stage.run();
    stage.wait(chrono::TimeDelta::minutes(7));
    stage.approve(3, "bob");
    let ran = stage
        .countersign(&["run", "--log-format", "json"])
        .succeeds();
    insta::assert_snapshot!(events(&ran.stderr), @r#"
    {"by":"bob","case":"[id]","event":"decision","level":"INFO","pull":3,"risk":"MEDIUM","status":"approved","target":"countersign::events","waited_seconds":420}
    {"case":"[id]","event":"execution","executor":"command","level":"INFO","outcome":"success","target":"countersign::events","took_ms":"[took_ms]"}
    "#);
    stage.read_all();
    // As text only where more is asked for.
    assert_eq!(stage.countersign(&["run"]).succeeds().stderr, "");
}

#[test]
fn who_signs_in_and_who_is_refused_is_a_line_of_json() {
    let stage = TestRepo::example();
    let mut command = serve(&stage, &["--log-format", "json"]);
    let mut serving = Serving::start(&mut command);
    serving.is_ready();
    let token = persons_token(&stage, "alice");
    Browser::signed_in(&serving, &token);
    let refused = Serving::fetch(&serving.url, "/api/v1/recommendations", "cs_nobodys");
    refused.unwrap().gives(401);
    assert!(serving.is_told("-TERM").success());
    let said = serving.said();
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with('{')).collect();
    insta::assert_snapshot!(events(&lines.join("\n")), @r#"
    {"by":"alice","event":"sign-in","level":"INFO","repository":"[repository]","target":"countersign::events","token":"[token]"}
    {"event":"refusal","level":"INFO","reason":"unknown token","target":"countersign::events"}
    "#);
}
