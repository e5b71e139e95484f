//! `rules/autonomy.yaml`: which cases pass without a person, as long as the record of their agent bears it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RuleFiles, Rules, governance};
use crate::domain::documents::{TrackRecord, schema_tag};
use crate::domain::ids::{ActionName, AgentName, GrantId, LabelName, quoted};
use crate::domain::page::{Line, counted};
use crate::domain::problem::{Problem, Problems};
use crate::domain::proportion::Percent;
use crate::domain::similar::{did_you_mean, expected_one_of};
use crate::domain::value::Duration;
use crate::domain::yaml;

/// Where this document is kept; it need not be there.
pub const PATH: &str = "rules/autonomy.yaml";

/// How the file begins where there is none.
pub const HEADER: &str = "\
# Which cases up to MEDIUM pass without a person, as long as the record of their agent (track_records/) bears it.
#
#   agents, actions, environments, labels   whose cases, of what, where; labels of every target. Without `agents`: any
#                                           registered one, each by its own record
#   needs      so many that people decided within that time, and the least lower bounds (Wilson, 95 %) of the rates
#              of approvals and of executions that succeeded
#   lost_by    what ends it at once, until it is older than `within`
#   sample     so many are decided by people all the same, drawn by the bot's key
#
# HIGH, what a rule refuses and what a rule asks somebody about are never granted. Of several that are earned, the
# first decides.
schema: countersign/autonomy/v1
grants:
";

/// How many grants there may be.
const MOST: usize = 50;
const MILLISECONDS_A_DAY: u64 = 24 * 60 * 60 * 1_000;

schema_tag! {
    /// The value of `schema` in the grants.
    AutonomySchema, "countersign/autonomy/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAutonomy {
    schema: AutonomySchema,
    /// The first that the record of a case bears decides it.
    grants: Vec<RawGrant>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawGrant {
    id: GrantId,
    /// Whose cases; absent: those of every registered agent, each by its own record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agents: Option<BTreeSet<AgentName>>,
    actions: BTreeSet<ActionName>,
    /// Every environment that a target is in, or would be in, is one of these.
    environments: BTreeSet<String>,
    /// Every target carries these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<LabelName, String>,
    needs: RawNeeds,
    lost_by: RawLoss,
    /// How many of the cases that would be granted people decide all the same, such as `10 %`.
    sample: String,
}

/// What the record has to show of the same agent, action and environment.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawNeeds {
    /// So many that people decided.
    decided: u32,
    /// Within so many days, today included: `90d`.
    within: String,
    /// The least lower bound of the rate of those that they approved.
    approval_rate: String,
    /// The least lower bound of the rate of executions that succeeded.
    success_rate: String,
}

/// What ends it at once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawLoss {
    /// So many rejections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rejections: Option<u32>,
    /// So many failed executions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failures: Option<u32>,
    /// So many of which people approved only less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amendments: Option<u32>,
    /// Within so many days before today: `30d`.
    within: String,
}

/// Which cases pass without a person, and as long as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: GrantId,
    /// None: of every registered agent.
    pub agents: Option<BTreeSet<AgentName>>,
    pub actions: BTreeSet<ActionName>,
    pub environments: BTreeSet<String>,
    pub labels: BTreeMap<LabelName, String>,
    pub needs: Needs,
    pub lost_by: Loss,
    pub sample: Percent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    pub decided: u32,
    /// Days, today included.
    pub within: u32,
    pub approval_rate: Percent,
    pub success_rate: Percent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    pub rejections: Option<u32>,
    pub failures: Option<u32>,
    pub amendments: Option<u32>,
    /// Days before today.
    pub within: u32,
}

impl Needs {
    /// What is proposed to ask for.
    const PROPOSED: Self = Self {
        decided: 50,
        within: 90,
        approval_rate: Percent::from_hundredths(9_000),
        success_rate: Percent::from_hundredths(9_000),
    };
}

impl Loss {
    /// What is proposed to end it.
    const PROPOSED: Self = Self {
        rejections: Some(1),
        failures: Some(2),
        amendments: Some(2),
        within: 30,
    };

    /// `1 rejection or 2 failures within 30 days`
    pub fn in_words(&self) -> String {
        let what = [
            self.rejections.map(|most| counted(most, "rejection")),
            self.failures.map(|most| counted(most, "failure")),
            self.amendments.map(|most| counted(most, "amendment")),
        ];
        let what: Vec<String> = what.into_iter().flatten().collect();
        let what = match what.split_last() {
            Some((last, before)) if before.len() > 1 => format!("{} or {last}", before.join(", ")),
            _ => what.join(" or "),
        };
        format!("{what} within {}", counted(self.within, "day"))
    }
}

/// Whether a track record can be kept of an environment: its name is part of a path.
pub fn is_on_record(environment: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    (1..=64).contains(&environment.len()) && environment.chars().all(is_plain)
}

impl Grant {
    /// Whether it is about what an agent does in an environment, on whatever targets.
    pub fn is_about(&self, agent: &AgentName, action: &ActionName, environment: &str) -> bool {
        let agents = self.agents.as_ref();
        agents.is_none_or(|agents| agents.contains(agent))
            && self.actions.contains(action)
            && self.environments.contains(environment)
    }

    /// What is proposed for what an agent does in an environment.
    pub fn proposed(
        id: GrantId,
        agent: &AgentName,
        action: &ActionName,
        environment: &str,
    ) -> Self {
        Self {
            id,
            agents: Some(BTreeSet::from([agent.clone()])),
            actions: BTreeSet::from([action.clone()]),
            environments: BTreeSet::from([environment.to_owned()]),
            labels: BTreeMap::new(),
            needs: Needs::PROPOSED,
            lost_by: Loss::PROPOSED,
            sample: Percent::from_hundredths(1_000),
        }
    }

    /// As an entry of the file.
    pub fn to_yaml(&self) -> String {
        let list = |names: Vec<String>| format!("[{}]", names.join(", "));
        let agents = self.agents.iter().flatten().map(ToString::to_string);
        let actions = self.actions.iter().map(ToString::to_string);
        let environments = self.environments.iter().cloned();
        let Needs {
            decided,
            within,
            approval_rate,
            success_rate,
        } = self.needs;
        let loss = &self.lost_by;
        let ends = [
            ("rejections", loss.rejections),
            ("failures", loss.failures),
            ("amendments", loss.amendments),
        ];
        let ends = ends.into_iter();
        let ends: String = ends
            .filter_map(|(key, most)| Some(format!("{key}: {}, ", most?)))
            .collect();
        format!(
            "  - id: {}\n    agents: {}\n    actions: {}\n    environments: {}\n    needs: {{decided: {decided}, within: {within}d, \
             approval_rate: {approval_rate}, success_rate: {success_rate}}}\n    lost_by: {{{ends}within: {}d}}\n    sample: {}\n",
            self.id,
            list(agents.collect()),
            list(actions.collect()),
            list(environments.collect()),
            loss.within,
            self.sample
        )
    }

    /// What it lets pass, what for, what ends it and who looks at it all the same, a sentence each.
    pub fn in_words(&self) -> Vec<Line> {
        let names = |line: Line, names: Vec<Line>, last: &str| line.joined(names, last);
        let agents = match &self.agents {
            None => Line::from("any registered agent"),
            Some(agents) => {
                let agents = agents.iter().map(|name| Line::default().name(name));
                names(Line::default(), agents.collect(), " or ")
            }
        };
        let actions = self.actions.iter().map(|name| Line::default().name(name));
        let places = self.environments.iter();
        let places = places.map(|name| Line::default().name(name));
        let mut what = Line::from("Up to MEDIUM, nobody is asked about ");
        what = names(what, actions.collect(), " or ")
            .say(" by ")
            .line(agents);
        what = names(what.say(" in "), places.collect(), " or ");
        if !self.labels.is_empty() {
            let labels = self.labels.iter();
            let labels =
                labels.map(|(name, value)| Line::default().name(format_args!("{name}: {value}")));
            what = names(what.say(", on targets with "), labels.collect(), " and ");
        }
        let Needs {
            decided,
            within,
            approval_rate,
            success_rate,
        } = self.needs;
        vec![
            what.say(", unless a rule asks for somebody."),
            Line::from(format!(
                "Each agent earns it for each action and environment: by {decided} that people decided within {within} days, of which at \
                 least {approval_rate} are approved and at least {success_rate} of the executions succeed, with a confidence of 95 %."
            )),
            Line::from(format!(
                "It ends with {}. Of what it lets pass, people decide {} all the same.",
                self.lost_by.in_words(),
                self.sample
            )),
        ]
    }

    fn problem(&self, key: &str, message: String) -> Problem {
        problem_of(&self.id, key, message)
    }
}

fn problem_of(id: &GrantId, key: &str, message: String) -> Problem {
    let message = format!("grant `{id}`: {message}");
    Problem::of_key(PATH, key.to_owned(), message)
}

/// Reads the file, where it is there.
///
/// # Errors
/// When it is unreadable, or something in it cannot be meant.
pub fn read(files: &RuleFiles) -> Result<Vec<Grant>, Problems> {
    let Some(bytes) = files.get(PATH) else {
        return Ok(Vec::new());
    };
    let raw: RawAutonomy = yaml::read(PATH, bytes)?;
    let mut problems = Vec::new();
    if raw.grants.len() > MOST {
        let message = format!("there are {} grants: at most {MOST}", raw.grants.len());
        problems.push(Problem::of_key(PATH, "grants", message));
    }
    let mut known = BTreeSet::new();
    let mut grants = Vec::new();
    for (index, raw) in raw.grants.into_iter().enumerate() {
        let place = format!("grants[{index}]");
        if !known.insert(raw.id.clone()) {
            let key = format!("{place}.id");
            let message = format!("`{}` is there twice: an id is one grant's", raw.id);
            problems.push(Problem::of_key(PATH, key, message));
        }
        grants.extend(validated(raw, &place, &mut problems));
    }
    match problems.is_empty() {
        true => Ok(grants),
        false => Err(Problems(problems)),
    }
}

/// What would grant nothing, or for ever.
fn find_void(raw: &RawGrant, place: &str, problems: &mut Vec<Problem>) {
    let mut say = |key: &str, message: String| {
        problems.push(Problem::of_key(PATH, format!("{place}.{key}"), message));
    };
    if raw.actions.is_empty() {
        say(
            "actions",
            "it names no action, so it grants nothing: name some".to_owned(),
        );
    }
    if raw.agents.as_ref().is_some_and(BTreeSet::is_empty) {
        let message = "it names no agent, so it grants nothing: name some, or leave the key out for every registered agent";
        say("agents", message.to_owned());
    }
    if raw.environments.is_empty() {
        let message = "it names no environment, so it grants nothing: name some of `points.environment` in `rules/governance.yaml`";
        say("environments", message.to_owned());
    }
    if raw.needs.decided == 0 {
        let message = "what nobody ever decided is not earned: expected 1 or more";
        say("needs.decided", message.to_owned());
    }
    for (key, count) in [
        ("lost_by.rejections", raw.lost_by.rejections),
        ("lost_by.failures", raw.lost_by.failures),
        ("lost_by.amendments", raw.lost_by.amendments),
    ] {
        if count == Some(0) {
            let message =
                "it would be lost before it is earned: expected 1 or more, or leave the key out";
            say(key, message.to_owned());
        }
    }
    let loss = &raw.lost_by;
    if loss
        .rejections
        .or(loss.failures)
        .or(loss.amendments)
        .is_none()
    {
        let message = "nothing would ever end it: name `rejections`, `failures` or `amendments`";
        say("lost_by", message.to_owned());
    }
}

fn validated(raw: RawGrant, place: &str, problems: &mut Vec<Problem>) -> Option<Grant> {
    let before = problems.len();
    find_void(&raw, place, problems);
    let mut say = |key: &str, message: String| {
        problems.push(Problem::of_key(PATH, format!("{place}.{key}"), message));
    };
    let mut percent = |key: &str, text: &str, is_all_meant: bool| {
        let read = text.parse::<Percent>();
        match read {
            Err(error) => say(key, error.to_string()),
            Ok(percent) if percent == Percent::default() => {
                say(
                    key,
                    format!("{} is nothing at all: expected more than 0 %", quoted(text)),
                );
            }
            Ok(percent) if percent == Percent::ALL && !is_all_meant => {
                let message = "no lower bound reaches 100 %, however many there are: expected less";
                say(key, message.to_owned());
            }
            Ok(percent) => return Some(percent),
        }
        None
    };
    let approval_rate = percent("needs.approval_rate", &raw.needs.approval_rate, false);
    let success_rate = percent("needs.success_rate", &raw.needs.success_rate, false);
    let sample = percent("sample", &raw.sample, true);
    let mut days = |key: &str, text: &str| {
        let whole = |length: Duration| {
            let is_whole = length.milliseconds().is_multiple_of(MILLISECONDS_A_DAY);
            let days = u32::try_from(length.milliseconds() / MILLISECONDS_A_DAY).ok()?;
            (is_whole && (1..TrackRecord::MOST_DAYS).contains(&days)).then_some(days)
        };
        let read = text.parse::<Duration>().map(whole);
        match read {
            Ok(Some(days)) => return Some(days),
            Ok(None) => say(
                key,
                format!(
                    "{} is out of range: a track record has whole days, so expected 1d to {}d",
                    quoted(text),
                    TrackRecord::MOST_DAYS - 1
                ),
            ),
            Err(error) => say(key, error.to_string()),
        }
        None
    };
    let within = days("needs.within", &raw.needs.within);
    let lost_within = days("lost_by.within", &raw.lost_by.within);
    if problems.len() > before {
        return None;
    }
    Some(Grant {
        id: raw.id,
        agents: raw.agents,
        actions: raw.actions,
        environments: raw.environments,
        labels: raw.labels,
        needs: Needs {
            decided: raw.needs.decided,
            within: within?,
            approval_rate: approval_rate?,
            success_rate: success_rate?,
        },
        lost_by: Loss {
            rejections: raw.lost_by.rejections,
            failures: raw.lost_by.failures,
            amendments: raw.lost_by.amendments,
            within: lost_within?,
        },
        sample: sample?,
    })
}

impl Rules {
    /// What the grants name and nobody knows, and that nothing draws their sample.
    pub(super) fn find_wrong_grants(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let drawing = self.governance.signing.as_ref();
        if let (Some(grant), None) = (
            self.grants.first(),
            drawing.and_then(governance::Signing::drawing_key),
        ) {
            let message = format!(
                "nothing draws its sample: list an Ed25519 key of the bot under `signing.keys` in `{}`, and start the bot with it \
                 (`--signing-key`)",
                governance::PATH
            );
            found.push(grant.problem("grants", message));
        }
        for (index, grant) in self.grants.iter().enumerate() {
            let mut say = |key: &str, message: String| {
                found.push(grant.problem(&format!("grants[{index}].{key}"), message));
            };
            for agent in grant.agents.iter().flatten() {
                if !self.agents.contains_key(agent) {
                    let known = self.agents.keys().map(AgentName::as_str);
                    let meant = did_you_mean(agent.as_str(), known);
                    say(
                        "agents",
                        format!("`{agent}` is not in `rules/agents.yaml`{meant}"),
                    );
                }
            }
            for action in &grant.actions {
                if !self.actions.contains_key(action) {
                    let known = self.actions.keys().map(ActionName::as_str);
                    let meant = did_you_mean(action.as_str(), known);
                    say(
                        "actions",
                        format!("`{action}` is not an action of `rules/actions.yaml`{meant}"),
                    );
                }
            }
            for environment in &grant.environments {
                let known = &self.governance.environments;
                if !known.contains_key(environment) {
                    let known: Vec<&str> = known.keys().map(String::as_str).collect();
                    let meant = expected_one_of(environment, &known);
                    let message = format!(
                        "{} is not an environment of `{}`{meant}",
                        quoted(environment),
                        governance::PATH
                    );
                    say("environments", message);
                } else if !is_on_record(environment) {
                    let message = format!(
                        "no track record is kept of {}: expected a name of 1 to 64 of a-z, 0-9, `-` and `_`; call it otherwise",
                        quoted(environment)
                    );
                    say("environments", message);
                }
            }
        }
        found
    }
}
