//! The agents of docs/examples/, each of its own framework, on the real server: only the model is played, by a script
//! that speaks as its API does.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::serving::{Serving, serve, token};
use crate::support::{Ran, TestRepo};

/// What `.ci/run npm` fetched.
fn npm() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("npm-agents");
    assert!(
        folder.join("complete").exists(),
        "`{}` is not complete: `.ci/run npm` fetches what the agents are made with",
        folder.display()
    );
    folder
}

/// The model; it ends with the test.
struct Model {
    node: Child,
    url: String,
}

impl Model {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/model.mjs");
        let mut node = Command::new("node")
            .arg(script)
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is needed");
        let mut port = String::new();
        let output = node.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut port).unwrap();
        Self {
            node,
            url: format!("http://127.0.0.1:{}", port.trim()),
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

/// Has an agent do what it is told, and says what it answers.
#[track_caller]
fn runs(example: &str) {
    let mut stage = TestRepo::example();
    let agent = token(&stage, &["--agent", "strategy-optimizer"]);
    let serving = Serving::start(&mut serve(&stage, &[]));
    serving.is_ready();
    let model = Model::start();
    // Its packages are found from where it lies.
    let script = npm().join(example);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    std::fs::copy(source.join(example), &script).unwrap();
    let output = Command::new("node")
        .arg(script)
        .arg("Lower the stop loss of the paper strategy.")
        .env("COUNTERSIGN_URL", format!("{}/mcp", serving.url))
        .env("COUNTERSIGN_TOKEN", agent)
        .env("OPENAI_API_KEY", "none")
        .env("OPENAI_BASE_URL", &model.url)
        .env("ANTHROPIC_API_KEY", "none")
        .env("ANTHROPIC_BASE_URL", &model.url)
        .output()
        .unwrap();
    let ran = Ran::of(&output).succeeds();
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("It is auto_approved, and carried out: true.\n", "")
    );
    assert_eq!(
        stage.log()[1..],
        [
            "decision: approve modify_parameters on rsi-eurusd-paper (LOW 20.00)",
            "outcome: success of modify_parameters on rsi-eurusd-paper",
        ]
    );
    stage.read_all();
    stage.verifies();
}

#[test]
fn an_agent_of_langgraph_proposes_and_waits() {
    runs("langgraph.mjs");
}

#[test]
fn an_agent_of_the_openai_agents_sdk_proposes_and_waits() {
    runs("openai-agents.mjs");
}

#[test]
fn an_agent_of_the_claude_api_proposes_and_waits() {
    runs("claude.mjs");
}
