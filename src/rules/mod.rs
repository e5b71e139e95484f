//! The rule files of a governance repository, read once into types that cannot be wrong.
//!
//! One file a document: [`governance`], [`parameters`], [`actions`], [`evidence`], [`policy`], [`autonomy`],
//! [`agents`], [`people`]; [`policy_test`] is the shape of `rules/tests/*.yaml`. Each holds the `Raw…` shape of
//! the YAML and its validated form. [`Rules::read`] takes the files' bytes, whoever fetched them.

pub mod actions;
pub mod agents;
pub mod autonomy;
pub mod condition;
pub mod cost;
pub mod evidence;
pub mod executor;
pub mod governance;
pub mod parameters;
mod pattern;
pub mod people;
pub mod policy;
pub mod policy_test;
pub mod windows;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::documents::{AccountRecord, Role, TeamMember};
use crate::domain::ids::{ActionName, AgentName, EvidenceName, ParameterName, WindowName, quoted};
use crate::domain::problem::{Problem, Problems};
use crate::domain::similar::{did_you_mean, expected_one_of};
use crate::domain::yaml;

use actions::ActionType;
use agents::Agent;
use autonomy::Grant;
use evidence::EvidenceRules;
use governance::Governance;
use parameters::Guidance;
use people::People;
use policy::{Ask, AskFrom, Counted, PathRule, PolicyRule};
use policy_test::PlacedTest;

/// Everything that the bot decides by, as one version of `rules/` says it.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Mode, numbers and deadlines.
    pub governance: Governance,
    /// What is a usual value of each parameter.
    pub parameters: BTreeMap<ParameterName, Guidance>,
    /// What each type of action does, and who carries it out.
    pub actions: BTreeMap<ActionName, ActionType>,
    /// The facts that somebody vouches for.
    pub evidence: EvidenceRules,
    /// The conditions and what follows from each, in their order.
    pub policy: Arc<Vec<PolicyRule>>,
    /// Whom a governance change asks because of the files that it touches.
    pub path_rules: Arc<Vec<PathRule>>,
    /// Which cases pass without a person, the first that is earned first.
    pub grants: Arc<Vec<Grant>>,
    /// The agents that may propose.
    pub agents: BTreeMap<AgentName, Agent>,
    /// The people who may decide.
    pub people: People,
}

/// The files that make up a set of rules: path in the repository → bytes.
pub type RuleFiles = BTreeMap<String, Vec<u8>>;

impl Rules {
    /// The folder that holds them.
    pub const FOLDER: &'static str = "rules";
    /// The files that must be there, beside the optional `rules/tests/*.yaml` `rules/evidence.yaml` and
    /// `rules/autonomy.yaml`; `rules/triggers.yaml` may stand for the policy, or beside it.
    pub const FILES: [&'static str; 6] = [
        "rules/governance.yaml",
        "rules/parameters.yaml",
        "rules/actions.yaml",
        policy::PATH,
        "rules/agents.yaml",
        "rules/people.yaml",
    ];

    /// Reads and validates a set of rules.
    ///
    /// # Errors
    /// Everything that is wrong in any of the files, with its place. Policy tests are not read here.
    pub fn read(files: &RuleFiles) -> Result<Self, Problems> {
        if let Some(problem) = cost::find_too_large(files) {
            return Err(problem.into());
        }
        let mut problems = Vec::new();
        let governance = keep(governance::read(files), &mut problems);
        let parameters = keep(parameters::read(files), &mut problems);
        let actions = keep(actions::read(files), &mut problems);
        let evidence = keep(evidence::read(files), &mut problems);
        let policy = keep(policy::read(files, evidence.as_ref()), &mut problems);
        let grants = keep(autonomy::read(files), &mut problems);
        let people = keep(people::read(files), &mut problems);
        let agents = keep(agents::read(files, people.as_ref()), &mut problems);
        match (
            governance, parameters, actions, evidence, policy, grants, agents, people,
        ) {
            (
                Some(governance),
                Some(parameters),
                Some(actions),
                Some(evidence),
                Some(policy),
                Some(grants),
                Some(agents),
                Some(people),
            ) => {
                let rules = Self {
                    governance,
                    parameters,
                    actions,
                    evidence,
                    policy: Arc::new(policy.rules),
                    path_rules: Arc::new(policy.paths),
                    grants: Arc::new(grants),
                    agents,
                    people,
                };
                let mut across = rules.problems_across_files();
                across.extend(rules.find_costly_rule());
                if across.is_empty() {
                    Ok(rules)
                } else {
                    Err(placed(files, across))
                }
            }
            _ => Err(placed(files, problems)),
        }
    }

    /// The rules with those as members of a team whom a record names as such.
    pub fn with_team_members(&self, members: &[TeamMember]) -> Cow<'_, Self> {
        let mut rules = Cow::Borrowed(self);
        for member in members {
            let account = AccountRecord {
                login: Some(member.login.clone()),
                id: Some(member.id),
                email: None,
            };
            let people = &mut rules.to_mut().people;
            if member.role > Role::None || member.groups.is_empty() {
                people.admit_recorded(&account, member.role);
            }
            people.admit_recorded_to(&account, &member.groups);
        }
        rules
    }

    /// Those who decide, but would not count for what is HIGH on GitHub. Whether the rules are for GitHub, they say
    /// only by naming teams or ids.
    pub fn find_people_without_id(&self) -> Vec<Problem> {
        let agents = self.agents.values().any(|agent| !agent.ids.is_empty());
        let is_for_github = agents || self.people.is_for_github();
        let people = self.people.with_role(Role::Reviewer);
        people
            .filter(|person| is_for_github && person.id.is_none())
            .map(|person| {
                let name = &person.name;
                let message = format!(
                    "has no `id`: on GitHub they do not count for HIGH and for changes of the rules unless a team holds \
                     them; `gh api users/{name} --jq .id` prints it"
                );
                Problem::of_key(people::PATH, format!("people.{name}"), message)
            })
            .collect()
    }

    /// Reads the policy tests among the files.
    pub fn read_tests(files: &RuleFiles) -> Result<Vec<PlacedTest>, Problems> {
        if let Some(problem) = cost::find_too_large(files) {
            return Err(problem.into());
        }
        let mut problems = Vec::new();
        let mut tests = Vec::new();
        for (path, bytes) in files
            .iter()
            .filter(|(path, _)| path.starts_with("rules/tests/") && path.ends_with(".yaml"))
        {
            if let Some(file) = keep(policy_test::read(path, bytes), &mut problems) {
                let placed = file
                    .into_iter()
                    .enumerate()
                    .map(|(index, test)| PlacedTest {
                        test,
                        file: path.clone(),
                        index,
                    });
                tests.extend(placed);
            }
        }
        if problems.is_empty() {
            Ok(tests)
        } else {
            Err(placed(files, problems))
        }
    }

    fn problems_across_files(&self) -> Vec<Problem> {
        let mut found =
            parameters::find_unlisted(&self.parameters, &self.governance, &self.actions);
        for (name, action) in &self.actions {
            let kind = action.executor.kind();
            if !self.governance.executors.contains(&kind) {
                found.push(Problem::of_key(
                    "rules/actions.yaml",
                    format!("actions.{name}.executor"),
                    format!("`{kind}` is not among the executors that `rules/governance.yaml` allows: add it there or choose another"),
                ));
            }
        }
        for rule in self.policy.iter() {
            let unmeetable = rule.ask.iter().flat_map(|ask| self.find_unmeetable(ask));
            found.extend(unmeetable.map(|message| rule.problem("ask", message)));
            found.extend(self.find_unknown_window(rule));
            found.extend(self.find_uncountable(rule));
        }
        found.extend(self.find_wrong_attesters());
        found.extend(self.find_wrong_grants());
        for rule in self.path_rules.iter() {
            let unmeetable = self.find_unmeetable(&rule.ask).into_iter();
            found.extend(unmeetable.map(|message| rule.problem("ask", message)));
        }
        for (name, agent) in &self.agents {
            for action in agent
                .actions
                .iter()
                .filter(|action| !self.actions.contains_key(*action))
            {
                let known = self.actions.keys().map(ActionName::as_str);
                found.push(Problem::of_key(
                    "rules/agents.yaml",
                    format!("agents.{name}.actions"),
                    format!(
                        "`{action}` is not an action of `rules/actions.yaml`{}",
                        did_you_mean(action.as_str(), known)
                    ),
                ));
            }
            for account in agent.accounts() {
                if let Some(person) = self.people.find_by_account(&account) {
                    found.push(Problem::of_key(
                        "rules/agents.yaml",
                        format!("agents.{name}"),
                        format!(
                            "an identity of it is also `{}`'s in `rules/people.yaml`: nobody is both an agent and a person",
                            person.name
                        ),
                    ));
                }
            }
        }
        found
    }
}

impl Rules {
    /// What the limit of a rule counts that the other files do not know.
    fn find_uncountable(&self, rule: &PolicyRule) -> Option<Problem> {
        let limit = rule.limit.as_ref()?;
        let message = match &limit.of {
            Counted::Decisions => None,
            Counted::Parameter(name) => match self.parameters.get(name) {
                None => {
                    let known: Vec<&str> =
                        self.parameters.keys().map(ParameterName::as_str).collect();
                    let meant = expected_one_of(name.as_str(), &known);
                    Some(format!(
                        "`{name}` is not a parameter of `rules/parameters.yaml`{meant}"
                    ))
                }
                Some(guidance) if guidance.value_type().is_none_or(|known| !known.has_order()) => {
                    Some(format!(
                        "`{name}` is no number, quantity or duration in `rules/parameters.yaml`: only what has an order can be summed"
                    ))
                }
                Some(_) => None,
            },
            Counted::Evidence(name) => match self.evidence.get(name) {
                None => {
                    let known: Vec<&str> = self.evidence.keys().map(EvidenceName::as_str).collect();
                    let meant = match known.as_slice() {
                        [] => ", which names nothing".to_owned(),
                        known => expected_one_of(name.as_str(), known),
                    };
                    Some(format!("`{name}` is not in `rules/evidence.yaml`{meant}"))
                }
                Some(known) if !known.value_type.has_order() => Some(format!(
                    "`{name}` is no number, quantity or duration in `rules/evidence.yaml`: only what has an order can be summed"
                )),
                Some(_) => None,
            },
            Counted::Detail(name) => {
                let is_obeyed = self
                    .actions
                    .values()
                    .any(|action| action.obeys.contains(name));
                (!is_obeyed).then(|| format!(
                    "no executor obeys `details.{name}`, so an agent could write anything there: name it in `obeys` of its \
                     actions in `rules/actions.yaml`, or count something else"
                ))
            }
        };
        message.map(|message| rule.problem("limit.of", message))
    }

    fn find_unknown_window(&self, rule: &PolicyRule) -> Option<Problem> {
        let known = self.governance.windows.names();
        let known: Vec<&str> = known.map(WindowName::as_str).collect();
        let mut named = rule.when.windows().iter();
        let unknown = named.find(|name| !known.contains(&name.as_str()))?;
        let meant = expected_one_of(unknown, &known);
        let message = format!(
            "{} is not among the `windows` of `rules/governance.yaml`{meant}",
            quoted(unknown)
        );
        Some(rule.problem("when", message))
    }

    /// What is asked for that nobody can give.
    fn find_unmeetable(&self, ask: &Ask) -> Vec<String> {
        let problems = ask.parts().filter_map(|part| {
            let AskFrom::Group(group) = &part.from else {
                return None;
            };
            if !self.people.has_group(group) {
                let known: Vec<&str> = self.people.group_names().collect();
                let meant = expected_one_of(group.as_str(), &known);
                return Some(format!("`{group}` is not a group of `rules/people.yaml`{meant}"));
            }
            let members = self.people.members(group).count();
            let needed = usize::try_from(part.approvals).unwrap_or(usize::MAX);
            let is_short = members < needed && self.people.teams_of(group).is_empty();
            is_short.then(|| {
                format!(
                    "it asks for {needed} approvals from `{group}`, which has only {members}: nobody could ever approve it; \
                     ask for fewer, or add people to the group"
                )
            })
        });
        problems.collect()
    }
}

/// The bytes of one of the files that must be there.
fn file<'f>(files: &'f RuleFiles, path: &str) -> Result<&'f [u8], Problems> {
    files.get(path).map(Vec::as_slice).ok_or_else(|| {
        Problem::of_file(
            path,
            "this rule file is missing: `countersign init` writes one to start from",
        )
        .into()
    })
}

/// The problems with their lines and columns, those found after a file was read included.
fn placed(files: &RuleFiles, mut problems: Vec<Problem>) -> Problems {
    for (path, bytes) in files {
        let of_file = problems.iter_mut().filter(|found| found.file == *path);
        yaml::place(bytes, of_file);
    }
    Problems(problems)
}

/// Keeps what was read, or the problems.
fn keep<T>(read: Result<T, Problems>, problems: &mut Vec<Problem>) -> Option<T> {
    read.map_err(|found| problems.extend(found.0)).ok()
}

#[cfg(test)]
mod tests;
