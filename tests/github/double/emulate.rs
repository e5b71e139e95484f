//! The other GitHub: npm's `emulate`, which people wrote who know nothing of this project.
//!
//! It has no git transport, makes up commits and lacks statuses, so it cannot carry a whole story. But where both have
//! an operation they must agree, and the program's REST part can be run against it as it is.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use super::crypto;
use super::openapi::npm_folder;
use super::people::{Response, ask};
use super::stage::{APP_ID, INSTALLATION};

/// Starts it on a free port, tells where, and ends with the test: when its standard input ends.
const SCRIPT: &str = r"
const {createEmulator} = await import(process.argv[1]);
const github = await createEmulator({service: 'github', port: 0, seed: JSON.parse(process.argv[2])});
console.log(JSON.stringify({url: github.url}));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
";

/// A running one.
pub struct Emulated {
    child: Child,
    _stdin: ChildStdin,
    pub url: String,
}

impl Emulated {
    /// With the App of the double, by the same key and installation, with `acme/governance` and the people of
    /// [`super::GithubStage`]; a person's token is `token-` and the login.
    pub fn new() -> Self {
        let people = ["alice", "bob", "carol", "dana", "strategy-optimizer"];
        let tokens = people.map(|login| {
            (
                format!("token-{login}"),
                json!({"login": login, "scopes": ["repo", "admin:org"]}),
            )
        });
        let members = people.map(|login| json!({"login": login, "role": if login == "carol" { "admin" } else { "member" }}));
        let seed = json!({
            "tokens": Value::Object(tokens.into_iter().collect()),
            "github": {
                "users": people.map(|login| json!({"login": login})),
                "orgs": [{"login": "acme", "members": members}],
                "repos": [{"owner": "acme", "name": "governance", "auto_init": true}],
                "apps": [{
                    "app_id": APP_ID, "private_key": crypto::private_key_pem(), "slug": "countersign", "name": "countersign",
                    "permissions": {"contents": "write", "pull_requests": "write", "checks": "write", "issues": "write", "members": "read", "metadata": "read"},
                    "installations": [{"installation_id": INSTALLATION, "account": "acme", "repository_selection": "all"}],
                }],
            },
        });
        let module = npm_folder().join("node_modules/emulate/dist/api.js");
        assert!(
            module.exists(),
            "{} is missing: `.ci/run npm` fetches it",
            module.display()
        );
        let mut child = Command::new("node")
            .args(["--input-type=module", "-e", SCRIPT, "--"])
            .arg(&module)
            .arg(seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is needed for the tests: install it");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("`emulate` did not start: {error}: {line}"));
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        let stdin = child.stdin.take().unwrap();
        Self {
            url: text("url"),
            child,
            _stdin: stdin,
        }
    }

    /// Asks in somebody's name.
    pub fn asks(&self, login: &str, method: &str, path: &str, body: Option<&Value>) -> Response {
        ask(
            &format!("{}{path}", self.url),
            &format!("token-{login}"),
            method,
            body,
        )
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
