//! What an agent may propose as `main` stands, so that it need not find out by trying. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::BotError;
use crate::domain::documents::{Baselines, ExecutorKind, Freeze, Requirement, Target};
use crate::domain::ids::{
    ActionName, AgentName, EvidenceName, LabelName, ParameterName, Sha, TargetName, TriggerId,
    WindowName, quoted,
};
use crate::domain::level::{Level, Score};
use crate::domain::page::{Line, cut};
use crate::domain::problem::{Problem, Problems, Reading};
use crate::domain::similar::{did_you_mean, expected_one_of};
use crate::domain::value::{Value, ValueType};
use crate::domain::yaml;
use crate::gate::requirement;
use crate::git::{Mode, Repository};
use crate::ledger::{LedgerError, MAIN, RulesCache, facts};
use crate::risk::{KnownTarget, may_apply};
use crate::rules::Rules;
use crate::rules::actions::{Effect, Reversibility};
use crate::rules::parameters::{Applicable, Circumstances, Guidance};

/// So many targets are described.
const MOST_TARGETS: usize = 20;
/// So many of the others are named.
const MOST_NAMES: usize = 100;
/// So many parameters of one target are described.
const MOST_PARAMETERS: usize = 60;
/// A present value that takes more bytes as JSON is not repeated.
const MOST_VALUE_BYTES: usize = 1_000;

/// What is asked about.
#[derive(Debug, Clone)]
pub struct ChoicesQuery {
    pub agent: AgentName,
    /// Only this action.
    pub action: Option<ActionName>,
    /// Only these targets; all where none is named.
    pub targets: Vec<TargetName>,
    pub now: DateTime<Utc>,
}

/// What an agent may propose, and what comes of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Choices {
    /// For whom this holds.
    pub agent: AgentName,
    /// Whether it is listed in `rules/agents.yaml`.
    pub registered: bool,
    /// Whether nothing is merged or carried out at present.
    pub frozen: bool,
    /// The actions that it may propose.
    pub actions: Vec<ActionChoice>,
    /// What there is to act on, in the order of the names.
    pub targets: Vec<TargetChoice>,
    /// How many targets there are beside those; ask for them by name.
    pub more_targets: usize,
    /// The names of the first of those.
    pub more_target_names: Vec<TargetName>,
    /// Guidance for parameters that none of these targets has.
    pub other_parameters: Vec<ParameterChoice>,
    /// What each level asks for.
    pub levels: Vec<LevelChoice>,
    /// The named times that rules look at.
    pub windows: Vec<WindowChoice>,
    /// The rules that may apply to these actions, in their order.
    pub rules: Vec<RuleChoice>,
    /// What others vouch for, as far as those rules read it: what is missing makes a case HIGH.
    pub evidence: Vec<EvidenceChoice>,
    /// How many proposals of the agent may wait for people at a time.
    pub pending_limit: u32,
    /// Targets that cannot be read, so that nothing can be proposed about them.
    pub errors: Vec<Problem>,
}

/// An action type.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ActionChoice {
    /// What `action` of a recommendation says.
    pub name: ActionName,
    /// What it is.
    pub description: Option<String>,
    /// What it does to its targets.
    pub effect: Effect,
    /// How hard it is to undo.
    pub reversibility: Reversibility,
    /// What else it touches.
    pub affects: BTreeSet<String>,
    /// Who carries it out.
    pub executor: ExecutorKind,
    /// What it does, and how hard that is to undo, in words.
    pub text: String,
    /// What a recommendation of it names.
    pub takes: String,
}

/// A target as it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TargetChoice {
    /// What `targets` of a recommendation says.
    pub name: TargetName,
    /// What it is.
    pub description: Option<String>,
    /// Where it runs.
    pub environment: String,
    /// Whether that is production.
    pub production: bool,
    /// What else is so of it.
    pub labels: BTreeMap<LabelName, String>,
    /// A target on which a change can be tried first.
    pub rehearsal: Option<TargetName>,
    /// Its parameters, in the order of the names.
    pub parameters: Vec<ParameterChoice>,
    /// How many more it has.
    pub more_parameters: usize,
}

/// A parameter, or a part of one that is a mapping.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ParameterChoice {
    /// Its name; `limits.memory` is a part of `limits`, which is proposed whole.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The type of its values; none where the rules do not say it and there is no present one.
    #[serde(rename = "type")]
    pub value_type: Option<ValueType>,
    /// What a number counts.
    pub unit: Option<String>,
    /// The present value.
    pub value: Option<Value>,
    /// Whether switching it off or removing it switches a safety control off.
    pub safety_control: bool,
    /// Which values are in which tier there, and how far the present one may move, in words. Of several the worst counts.
    pub guidance: Vec<String>,
}

/// What a level asks for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LevelChoice {
    /// Which.
    pub level: Level,
    /// The highest score of it; none of the highest level.
    pub up_to: Option<Score>,
    /// What approval it needs, beside what rules ask for.
    pub requires: Requirement,
    /// The same in words.
    pub text: String,
}

/// A named time.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WindowChoice {
    /// Which.
    pub name: WindowName,
    /// Whether it is open now.
    pub open: bool,
    /// When it is open, and until when it stays as it is.
    pub text: String,
}

/// A rule that may apply.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RuleChoice {
    /// Its name.
    pub id: TriggerId,
    /// Why it is there; `…` stands for what it is about.
    pub reason: String,
    /// When it applies.
    pub when: String,
    /// What follows.
    pub follows: Vec<String>,
    /// To which of the actions it may apply.
    pub actions: Vec<ActionName>,
}

/// A fact that others vouch for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EvidenceChoice {
    /// Its name.
    pub name: EvidenceName,
    /// What it is.
    pub description: Option<String>,
    /// The type of its value.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// What a number counts.
    pub unit: Option<String>,
    /// Who vouches for it.
    pub text: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChoicesError {
    /// There is nothing of that name.
    #[error("{0}")]
    Unknown(String),
    #[error(transparent)]
    Bot(#[from] BotError),
}

/// What an agent may propose on `main`.
///
/// # Errors
/// When there is no such action or target, or `main` cannot be read.
pub fn choices(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    query: &ChoicesQuery,
) -> Result<Choices, ChoicesError> {
    let tip = OnMain::read(repo, rules_cache)?;
    let rules = &*tip.rules;
    let actions = actions(rules, query)?;
    let (wanted, more) = tip.wanted_targets(query)?;
    let mut errors = Vec::new();
    let mut targets = Vec::new();
    for name in wanted {
        match tip.read_target(repo, &name)? {
            Reading::Valid(described) => {
                targets.push(describe(name, described, rules, query.action.as_ref()))
            }
            Reading::Invalid(Problems(problems)) => errors.extend(problems),
        }
    }
    let listed: BTreeSet<&str> = targets
        .iter()
        .flat_map(|target| &target.parameters)
        .map(|parameter| parameter.name.as_str())
        .collect();
    let takes_values = actions
        .iter()
        .any(|action| matches!(action.effect, Effect::Modify | Effect::Create));
    let others = rules.parameters.iter().filter(|(name, guidance)| {
        let is_mapping = guidance.value_type() == Some(ValueType::Mapping);
        takes_values && !listed.contains(name.as_str()) && !is_mapping
    });
    let other_parameters = others.map(|(name, guidance)| ParameterChoice {
        guidance: guidance.in_words().iter().map(Line::to_string).collect(),
        ..ParameterChoice::of(name.as_str(), None, Some(guidance))
    });
    let names: Vec<&ActionName> = actions.iter().map(|action| &action.name).collect();
    let applicable = applicable_rules(rules, &query.agent, &names);
    Ok(Choices {
        registered: rules.agents.contains_key(&query.agent),
        frozen: tip.frozen,
        other_parameters: other_parameters.collect(),
        levels: levels(rules),
        windows: windows(rules, query.now),
        evidence: evidence(rules, &applicable),
        rules: applicable,
        pending_limit: rules.governance.pending_limit,
        more_targets: more.len(),
        more_target_names: more.into_iter().take(MOST_NAMES).collect(),
        agent: query.agent.clone(),
        actions,
        targets,
        errors,
    })
}

/// What `main` holds.
struct OnMain {
    root: Sha,
    rules: Arc<Rules>,
    frozen: bool,
    targets: Vec<TargetName>,
}

impl OnMain {
    fn read(repo: &Repository, rules_cache: &mut RulesCache) -> Result<Self, BotError> {
        let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
        let root = repo.read_commit(tip)?.tree;
        let version = rules_cache.read(repo.objects(), root)?;
        let version = version.into_result().map_err(LedgerError::from)?;
        let files = repo.list_dir(root, Target::FOLDER)?;
        let files = files.iter().filter(|entry| entry.mode == Mode::File);
        let targets = files.filter_map(|entry| {
            let name = std::str::from_utf8(&entry.name).ok()?;
            name.strip_suffix(".yaml")?.parse().ok()
        });
        let mut targets: Vec<TargetName> = targets.collect();
        targets.sort();
        Ok(Self {
            root,
            rules: version.rules,
            frozen: repo.entry_at(root, Freeze::PATH)?.is_some(),
            targets,
        })
    }

    /// The targets to describe, and those that are left.
    fn wanted_targets(
        &self,
        query: &ChoicesQuery,
    ) -> Result<(Vec<TargetName>, Vec<TargetName>), ChoicesError> {
        let unknown = query
            .targets
            .iter()
            .find(|name| !self.targets.contains(name));
        if let Some(unknown) = unknown {
            let known = self.targets.iter().map(TargetName::as_str);
            let meant = did_you_mean(unknown.as_str(), known);
            return Err(ChoicesError::Unknown(format!(
                "there is no `targets/{unknown}.yaml`{meant}"
            )));
        }
        let mut wanted = match query.targets.is_empty() {
            true => self.targets.clone(),
            false => query.targets.clone(),
        };
        let more = wanted.split_off(wanted.len().min(MOST_TARGETS));
        Ok((wanted, more))
    }

    fn read_target(
        &self,
        repo: &Repository,
        name: &TargetName,
    ) -> Result<Reading<Described>, BotError> {
        let path = Target::path_of(name);
        let bytes = repo.read_path(self.root, &path)?.unwrap_or_default();
        let baselines = repo.read_path(self.root, &Baselines::path_of(name))?;
        let read = || -> Result<Described, Problems> {
            let target: Target = yaml::read(&path, &bytes)?;
            let description = target.description.clone();
            let known = facts::known_target(name, target, baselines.as_deref())?;
            Ok(Described { description, known })
        };
        Ok(read().into())
    }
}

/// The actions that the agent may propose. Whoever is not registered may propose any, and each is HIGH.
fn actions(rules: &Rules, query: &ChoicesQuery) -> Result<Vec<ActionChoice>, ChoicesError> {
    let agent = rules.agents.get(&query.agent);
    let may = |name: &ActionName| agent.is_none_or(|agent| agent.actions.contains(name));
    let allowed: Vec<&ActionName> = rules.actions.keys().filter(|name| may(name)).collect();
    if let Some(unknown) = query.action.as_ref().filter(|name| !allowed.contains(name)) {
        let names: Vec<&str> = allowed.iter().map(|name| name.as_str()).collect();
        let shown = quoted(unknown.as_str());
        let agent = &query.agent;
        let expected = expected_one_of(unknown.as_str(), &names);
        return Err(ChoicesError::Unknown(format!(
            "{shown} is not an action that `{agent}` may propose{expected}"
        )));
    }
    let wanted = |name: &ActionName| query.action.as_ref().is_none_or(|wanted| wanted == name);
    let chosen = rules
        .actions
        .iter()
        .filter(|(name, _)| may(name) && wanted(name));
    let environment = &rules.governance.environment_parameter;
    let chosen = chosen.map(|(name, action)| ActionChoice {
        name: name.clone(),
        description: action.description.as_deref().map(cut),
        effect: action.effect,
        reversibility: action.reversibility,
        affects: action.affects.clone(),
        executor: action.executor.kind(),
        text: action.in_words().to_string(),
        takes: match action.effect {
            Effect::None => "no new values; targets where it is about some".to_owned(),
            Effect::Modify => "one target or more, and new values of their parameters".to_owned(),
            Effect::Create => format!(
                "one target with a name that is free, and its values, `{environment}` among them"
            ),
            Effect::Delete => "one target or more, and no new values".to_owned(),
        },
    });
    Ok(chosen.collect())
}

/// A target as `main` describes it.
struct Described {
    description: Option<String>,
    known: KnownTarget,
}

fn describe(
    name: TargetName,
    Described { description, known }: Described,
    rules: &Rules,
    action: Option<&ActionName>,
) -> TargetChoice {
    let description = description.as_deref().map(cut);
    let governance = &rules.governance;
    let mut environments = known.environments(governance);
    let production =
        environments.any(|name| name.is_none_or(|name| governance.is_production(name)));
    let mut found = Vec::new();
    for (parameter, value) in &known.parameters {
        find_parts(rules, parameter.as_str(), value, &mut found);
    }
    let more_parameters = found.len().saturating_sub(MOST_PARAMETERS);
    found.truncate(MOST_PARAMETERS);
    let parameters = found.into_iter().map(|(path, value)| {
        let guidance = rules.parameters.get(path.as_str());
        let whole = path.split_once('.').map(|(whole, _)| whole);
        let whole = whole.filter(|_| !known.parameters.contains_key(path.as_str()));
        let part = whole.map(|whole| format!("A part of {whole}, which is proposed whole."));
        let there = guidance_there(&known, rules, guidance, value, action);
        let name = whole.unwrap_or(&path).parse::<ParameterName>().ok();
        let baseline = name.and_then(|name| known.baselines.get(&name));
        let moved = baseline.map(|baseline| {
            let seen = &baseline.value;
            format!("Agents have moved it since people saw it last ({seen}): movement is measured from there, too.")
        });
        ParameterChoice {
            guidance: there.into_iter().chain(part).chain(moved).collect(),
            ..ParameterChoice::of(&path, Some(value), guidance)
        }
    });
    TargetChoice {
        name,
        description,
        environment: known.environment.clone(),
        production,
        labels: known.labels.clone(),
        rehearsal: known.rehearsal.clone(),
        parameters: parameters.collect(),
        more_parameters,
    }
}

/// A parameter, or the parts of a mapping of which the rules say something by themselves.
fn find_parts<'v>(
    rules: &Rules,
    path: &str,
    value: &'v Value,
    found: &mut Vec<(String, &'v Value)>,
) {
    let guidance = rules.parameters.get(path);
    match value {
        Value::Map(entries)
            if guidance.is_some_and(|known| known.value_type() == Some(ValueType::Mapping)) =>
        {
            for (key, value) in entries {
                find_parts(rules, &format!("{path}.{key}"), value, found);
            }
        }
        value => found.push((path.to_owned(), value)),
    }
}

/// What is usual of a value on a target, as far as that is known before anything is proposed.
fn guidance_there(
    known: &KnownTarget,
    rules: &Rules,
    guidance: Option<&Guidance>,
    value: &Value,
    action: Option<&ActionName>,
) -> Vec<String> {
    let Some(guidance) = guidance else {
        return vec!["The rules say nothing of it: any change is beyond all tiers.".to_owned()];
    };
    let unit = guidance.unit.as_deref();
    let mut said = Vec::new();
    for environment in known.environments(&rules.governance) {
        let circumstances = Circumstances {
            environment,
            labels: Some(&known.labels),
            action,
        };
        for Applicable { conditions, usual } in guidance.applicable(circumstances) {
            let may_hold = conditions.filter(|conditions| conditions.hold(circumstances).is_none());
            let mut line = match may_hold {
                Some(conditions) => Line::from("Where ").code(conditions).say(": "),
                None => Line::default(),
            };
            line = line.line(usual.in_words_from(value, unit));
            let line = line.to_string();
            if !said.contains(&line) {
                said.push(line);
            }
        }
    }
    said.extend(guidance.safety_in_words().map(str::to_owned));
    said
}

impl ParameterChoice {
    fn of(path: &str, value: Option<&Value>, guidance: Option<&Guidance>) -> Self {
        let of_rules = guidance.and_then(Guidance::value_type);
        let is_short = |value: &&Value| {
            serde_json::to_string(value).is_ok_and(|json| json.len() <= MOST_VALUE_BYTES)
        };
        Self {
            name: path.to_owned(),
            description: guidance.and_then(|known| known.description.as_deref().map(cut)),
            value_type: of_rules.or_else(|| value.and_then(ValueType::of)),
            unit: guidance.and_then(|known| known.unit.clone()),
            value: value.filter(is_short).cloned(),
            safety_control: guidance.is_some_and(|known| known.safety_control),
            guidance: Vec::new(),
        }
    }
}

fn levels(rules: &Rules) -> Vec<LevelChoice> {
    let governance = &rules.governance;
    let levels = [Level::Low, Level::Medium, Level::High];
    let levels = levels.into_iter().map(|level| LevelChoice {
        level,
        up_to: match level {
            Level::Low => Some(governance.low_up_to),
            Level::Medium => Some(governance.medium_up_to),
            Level::High => None,
        },
        requires: requirement::of_level(level, governance),
        text: requirement::level_in_words(level, governance),
    });
    levels.collect()
}

fn windows(rules: &Rules, now: DateTime<Utc>) -> Vec<WindowChoice> {
    let windows = rules.governance.windows.iter();
    let windows = windows.map(|(name, window)| WindowChoice {
        name: name.clone(),
        open: window.is_open(now),
        text: format!("{}; {}", window.in_words(), window.state_in_words(now)),
    });
    windows.collect()
}

/// What these rules read.
fn evidence(rules: &Rules, applicable: &[RuleChoice]) -> Vec<EvidenceChoice> {
    let is_applicable = |id: &TriggerId| applicable.iter().any(|choice| choice.id == *id);
    let read = rules.policy.iter().filter(|rule| is_applicable(&rule.id));
    let read: BTreeSet<&EvidenceName> = read.flat_map(|rule| rule.when.evidence()).collect();
    let facts = rules
        .evidence
        .iter()
        .filter(|(name, _)| read.contains(name));
    let facts = facts.map(|(name, fact)| EvidenceChoice {
        name: name.clone(),
        description: fact.description.as_deref().map(cut),
        value_type: fact.value_type,
        unit: fact.unit.clone(),
        text: fact.attesters_in_words().to_string(),
    });
    facts.collect()
}

fn applicable_rules(rules: &Rules, agent: &AgentName, actions: &[&ActionName]) -> Vec<RuleChoice> {
    let choices = rules.policy.iter().filter_map(|rule| {
        let may = |action: &&&ActionName| may_apply(rule, agent, action, rules);
        let actions: Vec<ActionName> = actions
            .iter()
            .filter(may)
            .map(|action| (*action).clone())
            .collect();
        if actions.is_empty() {
            return None;
        }
        let follows = rule.then.map(|then| then.in_words().to_owned());
        let asks = rule.ask.as_ref().map(|ask| ask.in_words().to_string());
        Some(RuleChoice {
            id: rule.id.clone(),
            reason: rule.reason_in_words(),
            when: rule.condition_in_words().to_string(),
            follows: follows.into_iter().chain(asks).collect(),
            actions,
        })
    });
    choices.collect()
}
