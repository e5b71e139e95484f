//! What a new governance repository holds: the project's own rules and a few templates, compiled in.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::cli::Result;
use crate::domain::ids::{Login, Sha};
use crate::domain::mode::Mode;
use crate::domain::value::Value;
use crate::domain::yaml_edit;
use crate::rules::{RuleFiles, governance, people};

use super::packs::Pack;

/// Runs in the bare repository for each pushed ref.
pub const UPDATE_HOOK: &str = include_str!("../templates/update.sh");

const EXAMPLE_ADMINS: &str = "@carol";

const PEOPLE: &str = include_str!("../templates/people.yaml");
const AGENTS: &str = include_str!("../templates/agents.yaml");
const CODEOWNERS: &str = include_str!("../templates/CODEOWNERS");
const README: &str = include_str!("../templates/README.md");
const AGENTS_PAGE: &str = include_str!("../templates/AGENTS.md");
const TARGETS_README: &str = include_str!("../templates/targets/README.md");

/// What runs the bot on GitHub without a server, and the place of the step in each that runs Countersign.
const WORKFLOWS: [(&str, &str); 3] = [
    (
        ".github/workflows/countersign.yml",
        include_str!("../templates/workflows/countersign.yml"),
    ),
    (
        ".github/workflows/countersign-review.yml",
        include_str!("../templates/workflows/countersign-review.yml"),
    ),
    (
        ".github/workflows/countersign-report.yml",
        include_str!("../templates/workflows/countersign-report.yml"),
    ),
];
const ACTION_STEP: &str = r"      - uses: {{uses}}
        with:
          # Both empty until you give them: then the job's own token is used.
          app-id: ${{ vars.COUNTERSIGN_APP_ID }}
          app-key: ${{ secrets.COUNTERSIGN_APP_KEY }}";
const REPORT_STEP: &str = r#"      - uses: {{uses}}
        with:
          run: report ${{ env.REVIEW }} --format markdown
          output: ${{ runner.temp }}/review.md"#;
const OWN_ACTION_STEP: &str = r"      # The runner brings the program: `countersign init --action OWNER/NAME@COMMIT` pins one that is built there instead.
      - run: countersign action
        env:
          COUNTERSIGN_APP_ID: ${{ vars.COUNTERSIGN_APP_ID }}
          COUNTERSIGN_APP_KEY: ${{ secrets.COUNTERSIGN_APP_KEY }}
          COUNTERSIGN_REPO: ${{ github.repository }}
          GITHUB_TOKEN: ${{ github.token }}";
const OWN_REPORT_STEP: &str = r#"      - run: countersign report "$REVIEW" --format markdown > "$RUNNER_TEMP/review.md"
        env:
          COUNTERSIGN_REPO: ${{ github.repository }}
          GITHUB_TOKEN: ${{ github.token }}"#;
/// Where the action is in Countersign's own repository.
const ACTION_FOLDER: &str = ".github/actions/countersign";

/// Where the workflows take Countersign from: its own repository on GitHub, at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedAction {
    repository: String,
    commit: Sha,
}

impl FromStr for PinnedAction {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let read = text.split_once('@').and_then(|(repository, commit)| {
            let is_part = |part: &str| {
                !part.is_empty()
                    && part
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            };
            let (owner, name) = repository.split_once('/')?;
            (is_part(owner) && is_part(name)).then_some(Self {
                repository: repository.to_owned(),
                commit: commit.parse().ok()?,
            })
        });
        read.ok_or_else(|| {
            "expected OWNER/NAME@COMMIT with all 40 digits of the commit, because a branch or tag can be moved".to_owned()
        })
    }
}

impl fmt::Display for PinnedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{ACTION_FOLDER}@{}", self.repository, self.commit)
    }
}

/// A person who administers from the beginning.
#[derive(Debug, Clone)]
pub struct Admin {
    pub login: Login,
    /// The numeric id of their account on the forge.
    pub id: Option<u64>,
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
    /// A beginning with the pack's people, agents and targets. The admins given, if any, take the place of its own.
    pub fn example(pack: Pack, admins: &[Admin], mode: Option<Mode>) -> Result<Self> {
        let owners = if admins.is_empty() {
            EXAMPLE_ADMINS.to_owned()
        } else {
            owners(admins)
        };
        let mut files = Self::shared(pack, &owners, mode)?;
        for (path, text) in pack.people().iter().chain(pack.targets()) {
            let text = pack.explained(path, text);
            let text = match *path {
                people::PATH if !admins.is_empty() => administered(&text, admins)?,
                _ => text.into_bytes(),
            };
            files.all.push(((*path).to_owned(), text));
        }
        Ok(files)
    }

    /// A beginning without agents and targets.
    pub fn plain(pack: Pack, admins: &[Admin], mode: Option<Mode>) -> Result<Self> {
        let mut files = Self::shared(pack, &owners(admins), mode)?;
        let mut people = Vec::new();
        for Admin { login, id, email } in admins {
            let id = id.map(|id| format!("id: {id}, ")).unwrap_or_default();
            // JSON text is YAML text.
            people.push(format!(
                "  {}: {{{id}emails: [{}]}}",
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

    fn shared(pack: Pack, owners: &str, mode: Option<Mode>) -> Result<Self> {
        let mut files = Self { all: Vec::new() };
        for (path, text) in pack.rules() {
            let text = &pack.explained(path, text);
            match mode.filter(|_| *path == governance::PATH) {
                Some(mode) => {
                    let change =
                        BTreeMap::from([("mode".to_owned(), Value::Text(mode.to_string()))]);
                    let edited = yaml_edit::set_in_mapping(path, text.as_bytes(), "", &change)?;
                    files.all.push(((*path).to_owned(), edited));
                }
                None => files.add(path, text),
            }
        }
        files.add("README.md", README);
        files.add("AGENTS.md", AGENTS_PAGE);
        files.add("CODEOWNERS", &CODEOWNERS.replace("{{admins}}", owners));
        files.add("targets/README.md", TARGETS_README);
        Ok(files)
    }

    /// Adds what runs the bot on GitHub without a server.
    pub fn add_workflows(&mut self, action: Option<&PinnedAction>) {
        let steps = match action {
            Some(action) => {
                [ACTION_STEP, REPORT_STEP].map(|step| step.replace("{{uses}}", &action.to_string()))
            }
            None => [OWN_ACTION_STEP, OWN_REPORT_STEP].map(str::to_owned),
        };
        let [run, report] = steps;
        for (path, text) in WORKFLOWS {
            let text = text.replace("{{action}}", &run);
            self.add(path, &text.replace("{{report}}", &report));
        }
    }

    fn add(&mut self, path: &str, text: &str) {
        self.all.push((path.to_owned(), text.as_bytes().to_vec()));
    }

    /// The mode that the rules are in.
    pub fn mode(&self) -> Result<Mode> {
        let rules: RuleFiles = self.all.iter().cloned().collect();
        Ok(governance::read(&rules)?.mode)
    }
}

fn owners(admins: &[Admin]) -> String {
    let owners = admins.iter().map(|admin| format!("@{}", admin.login));
    owners.collect::<Vec<_>>().join(" ")
}

/// The people of a pack with these admins in place of its own.
fn administered(text: &str, admins: &[Admin]) -> Result<Vec<u8>> {
    let logins = admins.iter().map(|admin| admin.login.to_string());
    let members = Value::List(logins.map(Value::Text).collect());
    let people = admins.iter().map(|admin| {
        let emails = Value::List(vec![Value::Text(admin.email.clone())]);
        let id = admin
            .id
            .map(|id| ("id".to_owned(), Value::Number(id.into())));
        let person = id.into_iter().chain([("emails".to_owned(), emails)]);
        (admin.login.to_string(), Value::Map(person.collect()))
    });
    let set = |bytes: &[u8], mapping, changes| {
        yaml_edit::set_in_mapping(people::PATH, bytes, mapping, &changes)
    };
    let listed = set(text.as_bytes(), "people", people.collect())?;
    let members = BTreeMap::from([("members".to_owned(), members)]);
    Ok(set(&listed, "admins", members)?)
}
