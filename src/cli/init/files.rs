//! What a new governance repository holds: the project's own rules and a few templates, compiled in.

use std::collections::BTreeMap;

use crate::cli::Result;
use crate::domain::ids::Login;
use crate::domain::mode::Mode;
use crate::domain::value::Value;
use crate::domain::yaml_edit;
use crate::rules::{RuleFiles, governance};

/// Runs in the bare repository for each pushed ref.
pub const UPDATE_HOOK: &str = include_str!("../templates/update.sh");

macro_rules! own {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../", $path)))),*]
    };
}

/// The project's own rules that say nothing about anybody.
const RULES: [(&str, &str); 8] = own![
    "rules/governance.yaml",
    "rules/parameters.yaml",
    "rules/actions.yaml",
    "rules/triggers.yaml",
    "rules/tests/factors.yaml",
    "rules/tests/framework.yaml",
    "rules/tests/modes.yaml",
    "rules/tests/triggers.yaml",
];

/// The example's people and agents.
const EXAMPLE: [(&str, &str); 2] = own!["rules/people.yaml", "rules/agents.yaml"];

const EXAMPLE_TARGETS: [(&str, &str); 3] = [
    (
        "targets/rsi-eurusd.yaml",
        include_str!("../templates/targets/rsi-eurusd.yaml"),
    ),
    (
        "targets/rsi-eurusd-paper.yaml",
        include_str!("../templates/targets/rsi-eurusd-paper.yaml"),
    ),
    (
        "targets/rsi-eurusd-draft.yaml",
        include_str!("../templates/targets/rsi-eurusd-draft.yaml"),
    ),
];
const EXAMPLE_ADMINS: &str = "@carol";

const PEOPLE: &str = include_str!("../templates/people.yaml");
const AGENTS: &str = include_str!("../templates/agents.yaml");
const CODEOWNERS: &str = include_str!("../templates/CODEOWNERS");
const README: &str = include_str!("../templates/README.md");
const TARGETS_README: &str = include_str!("../templates/targets/README.md");

/// A person who administers from the beginning.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Their login.
    pub login: Login,
    /// The address of their commits.
    pub email: String,
}

/// The files of the first commit.
#[derive(Debug)]
pub struct Files {
    /// Path and content of each.
    pub all: Vec<(String, Vec<u8>)>,
}

impl Files {
    /// The example.
    ///
    /// # Errors
    /// When the mode cannot be written into the rules.
    pub fn example(mode: Option<Mode>) -> Result<Self> {
        let mut files = Self::shared(EXAMPLE_ADMINS, mode)?;
        for (path, text) in EXAMPLE.iter().chain(&EXAMPLE_TARGETS) {
            files.add(path, text);
        }
        Ok(files)
    }

    /// A beginning without agents and targets.
    ///
    /// # Errors
    /// When the mode cannot be written into the rules.
    pub fn plain(admins: &[Admin], mode: Option<Mode>) -> Result<Self> {
        let owners: Vec<String> = admins
            .iter()
            .map(|admin| format!("@{}", admin.login))
            .collect();
        let mut files = Self::shared(&owners.join(" "), mode)?;
        let mut people = Vec::new();
        for Admin { login, email } in admins {
            // JSON text is YAML text.
            people.push(format!(
                "  {}: {{emails: [{}]}}",
                serde_json::to_string(login)?,
                serde_json::to_string(email)?
            ));
        }
        let logins = admins
            .iter()
            .map(|admin| Ok(serde_json::to_string(&admin.login)?))
            .collect::<Result<Vec<_>>>()?;
        files.add(
            "rules/people.yaml",
            &PEOPLE
                .replace("{{people}}", &people.join("\n"))
                .replace("{{admins}}", &logins.join(", ")),
        );
        let owner = admins.first().map_or("alice", |admin| admin.login.as_str());
        files.add("rules/agents.yaml", &AGENTS.replace("{{owner}}", owner));
        Ok(files)
    }

    fn shared(owners: &str, mode: Option<Mode>) -> Result<Self> {
        let mut files = Self { all: Vec::new() };
        for (path, text) in RULES {
            match mode.filter(|_| path == governance::PATH) {
                Some(mode) => {
                    let change =
                        BTreeMap::from([("mode".to_owned(), Value::Text(mode.to_string()))]);
                    let edited = yaml_edit::set_in_mapping(path, text.as_bytes(), "", &change)?;
                    files.all.push((path.to_owned(), edited));
                }
                None => files.add(path, text),
            }
        }
        files.add("README.md", README);
        files.add("CODEOWNERS", &CODEOWNERS.replace("{{admins}}", owners));
        files.add("targets/README.md", TARGETS_README);
        Ok(files)
    }

    fn add(&mut self, path: &str, text: &str) {
        self.all.push((path.to_owned(), text.as_bytes().to_vec()));
    }

    /// The mode that the rules are in.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn mode(&self) -> Result<Mode> {
        let rules: RuleFiles = self.all.iter().cloned().collect();
        Ok(governance::read(&rules)?.mode)
    }
}
