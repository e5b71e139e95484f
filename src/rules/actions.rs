//! `rules/actions.yaml`: what each type of action does, how hard it is to undo, who carries it out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RuleFiles, file};
use crate::domain::documents::{ExecutorKind, schema_tag};
use crate::domain::ids::ActionName;
use crate::domain::problem::{Problem, Problems};
use crate::domain::yaml;

/// Where this document is kept.
pub const PATH: &str = "rules/actions.yaml";

schema_tag! {
    /// The value of `schema` in the action types.
    ActionsSchema, "countersign/actions/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawActions {
    schema: ActionsSchema,
    /// Each action type; one that is not listed counts as irreversible.
    actions: BTreeMap<ActionName, RawAction>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawAction {
    /// What it is, for people.
    #[serde(default)]
    description: Option<String>,
    /// What it does to its targets.
    effect: Effect,
    /// How hard it is to undo.
    reversibility: Reversibility,
    /// What else it touches, such as `real_money` or `production_data`: names for the triggers.
    #[serde(default)]
    affects: BTreeSet<String>,
    /// Who carries it out: `none`, `apply`, `command` or `external`.
    executor: ExecutorKind,
    /// For `command`: the program and its limits.
    #[serde(default)]
    command: Option<RawCommand>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawCommand {
    /// The program and its arguments; no shell. The recommendation comes as JSON on standard input.
    argv: Vec<String>,
    /// Seconds after which it is killed.
    time_limit_seconds: u32,
}

/// What an action does to its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing: it reads, analyses or documents.
    None,
    /// Changes parameters of targets that exist.
    Modify,
    /// Makes a target that does not exist yet.
    Create,
    /// Removes targets.
    Delete,
}

/// How hard an action is to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reversibility {
    /// Undone at once.
    Easy,
    /// Undone with effort.
    Effort,
    /// Not undone.
    Irreversible,
}

impl Reversibility {
    /// The name as the rules write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Effort => "effort",
            Self::Irreversible => "irreversible",
        }
    }
}

/// Who carries an action out, with everything needed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executor {
    /// Nothing is to be done.
    None,
    /// The changes are written into the targets' files.
    Apply,
    /// A program is run.
    Command(CommandLine),
    /// Another system does it and reports.
    External,
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// After this it is killed.
    pub time_limit: Duration,
}

impl Executor {
    /// Its kind, as documents name it.
    pub const fn kind(&self) -> ExecutorKind {
        match self {
            Self::None => ExecutorKind::None,
            Self::Apply => ExecutorKind::Apply,
            Self::Command(_) => ExecutorKind::Command,
            Self::External => ExecutorKind::External,
        }
    }
}

/// A validated action type.
#[derive(Debug, Clone)]
pub struct ActionType {
    /// What it is, for people.
    pub description: Option<String>,
    /// What it does to its targets.
    pub effect: Effect,
    /// How hard it is to undo.
    pub reversibility: Reversibility,
    /// What else it touches.
    pub affects: BTreeSet<String>,
    /// Who carries it out.
    pub executor: Executor,
}

/// Reads the file.
///
/// # Errors
/// When it is missing, unreadable or contradicts itself.
pub fn read(files: &RuleFiles) -> Result<BTreeMap<ActionName, ActionType>, Problems> {
    let raw: RawActions = yaml::read(PATH, file(files, PATH)?)?;
    let mut problems = Vec::new();
    let mut actions = BTreeMap::new();
    for (name, raw) in raw.actions {
        match validate(raw) {
            Ok(action) => {
                actions.insert(name, action);
            }
            Err((key, message)) => problems.push(Problem::of_key(
                PATH,
                format!("actions.{name}.{key}"),
                message,
            )),
        }
    }
    if problems.is_empty() {
        Ok(actions)
    } else {
        Err(Problems(problems))
    }
}

fn validate(raw: RawAction) -> Result<ActionType, (&'static str, String)> {
    let executor = match (raw.executor, raw.command) {
        (ExecutorKind::Command, Some(command)) => Executor::Command(command_line(command)?),
        (ExecutorKind::Command, None) => {
            return Err((
                "command",
                "the executor `command` needs `command: {argv: [...], time_limit_seconds: 60}`"
                    .to_owned(),
            ));
        }
        (_, Some(_)) => {
            return Err((
                "command",
                "only the executor `command` takes this: remove it or change the executor"
                    .to_owned(),
            ));
        }
        (ExecutorKind::None, None) => Executor::None,
        (ExecutorKind::Apply, None) => Executor::Apply,
        (ExecutorKind::External, None) => Executor::External,
        (ExecutorKind::Http | ExecutorKind::Dispatch, None) => {
            return Err((
                "executor",
                "this version carries out `none`, `apply`, `command` and `external`".to_owned(),
            ));
        }
    };
    if raw.effect == Effect::None && matches!(executor, Executor::Apply) {
        return Err(("executor", "an action without effect has nothing to apply: expected `none`, `command` or `external`".to_owned()));
    }
    Ok(ActionType {
        description: raw.description,
        effect: raw.effect,
        reversibility: raw.reversibility,
        affects: raw.affects,
        executor,
    })
}

fn command_line(raw: RawCommand) -> Result<CommandLine, (&'static str, String)> {
    let mut argv = raw.argv.into_iter();
    let program = argv.next().filter(|program| !program.is_empty());
    let Some(program) = program else {
        return Err((
            "command.argv",
            "expected the program and its arguments, such as `[/usr/local/bin/deploy, --now]`"
                .to_owned(),
        ));
    };
    if !(1..=3_600).contains(&raw.time_limit_seconds) {
        return Err((
            "command.time_limit_seconds",
            format!(
                "{} is out of range: expected 1 to 3600",
                raw.time_limit_seconds
            ),
        ));
    }
    Ok(CommandLine {
        program,
        arguments: argv.collect(),
        time_limit: Duration::from_secs(raw.time_limit_seconds.into()),
    })
}
