//! `rules/actions.yaml`: what each type of action does, how hard it is to undo, who carries it out.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::executor::{self, Executor, RawCommand, RawDispatch, RawHttp, RawSettings};
use super::{RuleFiles, file};
use crate::domain::documents::{ExecutorKind, schema_tag};
use crate::domain::ids::ActionName;
use crate::domain::page::Line;
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
    /// The details that its executor obeys, which a limit may count.
    #[serde(default)]
    obeys: BTreeSet<String>,
    /// Who carries it out: `none`, `apply`, `command`, `http`, `dispatch` or `external`.
    executor: ExecutorKind,
    /// For `command`: the program and its limits.
    #[serde(default)]
    command: Option<RawCommand>,
    /// For `http`: where to send the request.
    #[serde(default)]
    http: Option<RawHttp>,
    /// For `dispatch`: the workflow to start.
    #[serde(default)]
    dispatch: Option<RawDispatch>,
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
    /// The details that its executor obeys.
    pub obeys: BTreeSet<String>,
    /// Who carries it out.
    pub executor: Executor,
}

impl ActionType {
    /// What it does, and how hard that is to undo, in sentences.
    pub fn in_words(&self) -> Line {
        let effect = match self.effect {
            Effect::None => return "It changes nothing.".into(),
            Effect::Modify => "It changes parameters of targets; ",
            Effect::Create => "It makes a new target; ",
            Effect::Delete => "It removes targets; ",
        };
        let line = Line::from(effect).say(match self.reversibility {
            Reversibility::Easy => "that is easy to undo.",
            Reversibility::Effort => "that takes effort to undo.",
            Reversibility::Irreversible => "that cannot be undone.",
        });
        if self.affects.is_empty() {
            return line;
        }
        let affects = self.affects.iter().map(|name| Line::default().name(name));
        line.say(" It touches ").joined(affects, " and ").say(".")
    }
}

/// Reads the file.
pub fn read(files: &RuleFiles) -> Result<BTreeMap<ActionName, ActionType>, Problems> {
    let raw: RawActions = yaml::read(PATH, file(files, PATH)?)?;
    let mut problems = Vec::new();
    let mut actions = BTreeMap::new();
    for (name, raw) in raw.actions {
        match validate(raw) {
            Ok(action) => {
                actions.insert(name, action);
            }
            Err(found) => problems.extend(found.into_iter().map(|(key, message)| {
                Problem::of_key(PATH, format!("actions.{name}.{key}"), message)
            })),
        }
    }
    if problems.is_empty() {
        Ok(actions)
    } else {
        Err(Problems(problems))
    }
}

/// The key, and what is wrong with its value.
type Wrong = (&'static str, String);

fn validate(raw: RawAction) -> Result<ActionType, Vec<Wrong>> {
    let contradictions = against_no_effect(&raw);
    if !contradictions.is_empty() {
        return Err(contradictions);
    }
    if !raw.obeys.is_empty() && matches!(raw.executor, ExecutorKind::None | ExecutorKind::Apply) {
        let message = format!(
            "the executor `{}` is told no details, so it obeys none: leave `obeys` out, or choose another executor",
            raw.executor
        );
        return Err(vec![("obeys", message)]);
    }
    let settings = RawSettings {
        command: raw.command,
        http: raw.http,
        dispatch: raw.dispatch,
    };
    let executor = executor::read(raw.executor, settings).map_err(|wrong| vec![wrong])?;
    Ok(ActionType {
        description: raw.description,
        effect: raw.effect,
        reversibility: raw.reversibility,
        affects: raw.affects,
        obeys: raw.obeys,
        executor,
    })
}

/// What an action type says of itself that one without effect cannot be. Such a type adds nothing to the
/// score and needs no target, so nothing may carry it out.
fn against_no_effect(raw: &RawAction) -> Vec<Wrong> {
    let mut found = Vec::new();
    if raw.effect != Effect::None {
        return found;
    }
    if raw.executor != ExecutorKind::None {
        found.push((
            "executor",
            format!(
                "an action with `effect: none` is not carried out, so `{}` cannot be its executor: expected `executor: none`, or the effect that it has (modify, create or delete)",
                raw.executor
            ),
        ));
    }
    if !raw.affects.is_empty() {
        found.push((
            "affects",
            "an action with `effect: none` affects nothing: expected no `affects`, or the effect that it has (modify, create or delete)".to_owned(),
        ));
    }
    if raw.reversibility != Reversibility::Easy {
        found.push((
            "reversibility",
            format!(
                "an action with `effect: none` leaves nothing to reverse, so it cannot be `{}`: expected `reversibility: easy`, or the effect that it has (modify, create or delete)",
                raw.reversibility.as_str()
            ),
        ));
    }
    found
}

#[cfg(test)]
mod tests;
