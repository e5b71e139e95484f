//! `rules/agents.yaml`: the registered agents, who answers for them, and by what they are known.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::people::{self, People, PersonName};
use super::{RuleFiles, file};
use crate::domain::documents::{AccountRecord, schema_tag};
use crate::domain::forge_kind::ForgeKind;
use crate::domain::ids::{ActionName, AgentName, Login};
use crate::domain::problem::{Problem, Problems};
use crate::domain::similar::nearest;
use crate::domain::yaml;

/// Where this document is kept.
pub const PATH: &str = "rules/agents.yaml";

schema_tag! {
    /// The value of `schema` in the agents.
    AgentsSchema, "countersign/agents/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAgents {
    schema: AgentsSchema,
    /// Each agent by name; a proposal of an agent that is not listed is HIGH.
    agents: BTreeMap<AgentName, RawAgent>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawAgent {
    /// What it is, for people.
    #[serde(default)]
    description: Option<String>,
    /// The person who answers for it, and who may therefore not approve what it proposes.
    owner: Login,
    /// The addresses of its commits.
    #[serde(default)]
    emails: Vec<String>,
    /// Its accounts on the forge.
    #[serde(default)]
    logins: Vec<Login>,
    /// The numeric ids of its accounts on the forge.
    #[serde(default)]
    ids: Vec<u64>,
    /// What it may propose.
    actions: BTreeSet<ActionName>,
}

/// A registered agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// What it is, for people.
    pub description: Option<String>,
    /// The person who answers for it.
    pub owner: PersonName,
    /// The addresses of its commits, in lower case.
    pub emails: Vec<String>,
    /// Its accounts on the forge.
    pub logins: Vec<Login>,
    /// The numeric ids of its accounts.
    pub ids: Vec<u64>,
    /// What it may propose.
    pub actions: BTreeSet<ActionName>,
}

impl Agent {
    /// Each of its identities as an account of its own; a private address of GitHub as the account that it names.
    pub fn accounts(&self) -> Vec<AccountRecord> {
        let none = AccountRecord::default;
        let github = ForgeKind::Github { host: None };
        let emails = self.emails.iter().map(|email| github.account_of(email));
        let logins = self.logins.iter().map(|login| AccountRecord {
            login: Some(login.clone()),
            ..none()
        });
        let ids = self.ids.iter().map(|id| AccountRecord {
            id: Some(*id),
            ..none()
        });
        emails.chain(logins).chain(ids).collect()
    }

    /// Whether the account is this agent's. Of accounts on the forge, numeric ids decide where the agent lists any.
    pub fn owns(&self, account: &AccountRecord) -> bool {
        let is_own = |email: &String| {
            let mut own = self.emails.iter();
            own.any(|own| own.eq_ignore_ascii_case(email))
        };
        if account.email.as_ref().is_some_and(is_own) {
            return true;
        }
        if let (Some(id), false) = (account.id, self.ids.is_empty()) {
            return self.ids.contains(&id);
        }
        let login = account.login.as_ref();
        login.is_some_and(|login| self.logins.contains(login))
    }
}

/// Reads the file. Owners are people: without the people only the rest of it can be checked.
///
/// # Errors
/// When it is missing, unreadable or contradicts itself, or an owner is nobody who is listed.
pub fn read(
    files: &RuleFiles,
    people: Option<&People>,
) -> Result<BTreeMap<AgentName, Agent>, Problems> {
    let raw: RawAgents = yaml::read(PATH, file(files, PATH)?)?;
    let mut problems = Vec::new();
    let mut known: BTreeMap<String, AgentName> = BTreeMap::new();
    let mut agents = BTreeMap::new();
    for (name, raw) in raw.agents {
        let emails: Vec<String> = raw.emails.iter().map(|e| e.to_ascii_lowercase()).collect();
        let logins = raw.logins.iter().map(|l| l.as_str().to_ascii_lowercase());
        let identities = emails.iter().cloned().chain(logins);
        let identities: Vec<String> = identities
            .chain(raw.ids.iter().map(|id| format!("#{id}")))
            .collect();
        if identities.is_empty() {
            problems.push(Problem::of_key(
                PATH,
                format!("agents.{name}"),
                "has no identity: list at least one of `emails`, `logins`, `ids`",
            ));
        }
        for identity in identities {
            if let Some(other) = known.insert(identity.clone(), name.clone()) {
                problems.push(Problem::of_key(
                    PATH,
                    format!("agents.{name}"),
                    format!("`{identity}` belongs to `{other}` too: an identity is one agent's"),
                ));
            }
        }
        let Some(people) = people else { continue };
        let Some(owner) = people.find(&raw.owner) else {
            problems.push(Problem::of_key(
                PATH,
                format!("agents.{name}.owner"),
                unknown_owner(&raw.owner, people),
            ));
            continue;
        };
        let agent = Agent {
            description: raw.description,
            owner: owner.name.clone(),
            emails,
            logins: raw.logins,
            ids: raw.ids,
            actions: raw.actions,
        };
        agents.insert(name, agent);
    }
    if problems.is_empty() {
        Ok(agents)
    } else {
        Err(Problems(problems))
    }
}

/// Nobody would be kept from approving by an owner whom the rules do not know. A team does not help: who is in it
/// is known only at the moment of a decision.
fn unknown_owner(owner: &Login, people: &People) -> String {
    let logins = people.logins().map(Login::as_str);
    let meant = nearest(owner.as_str(), logins).map_or_else(
        || ";".to_owned(),
        |near| format!(": did you mean `{near}`?"),
    );
    let teams = if people.teams().is_empty() {
        ""
    } else {
        ", also if a team holds them"
    };
    format!(
        "`{owner}` is not listed under `people` in `{}`{meant} add `{owner}: {{}}` there{teams}: the owner of an agent is always a person whom the rules know",
        people::PATH
    )
}
