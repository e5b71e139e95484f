//! The arguments that describe a recommendation, for `new` and `propose`, and how they become one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Result, failure};
use crate::domain::documents::{Citation, Recommendation};
use crate::domain::ids::{ActionName, AgentName, CaseId, ParameterName, Session, TargetName};
use crate::domain::value::Value;
use crate::domain::yaml;

/// What an agent proposes.
#[derive(Debug, clap::Args)]
pub struct Description {
    /// Who proposes: a name from rules/agents.yaml
    #[arg(long, value_name = "NAME")]
    pub agent: Option<AgentName>,
    /// What to do: a name from rules/actions.yaml
    #[arg(long, value_name = "NAME")]
    pub action: Option<ActionName>,
    /// What to act on: names of files in targets/
    #[arg(long = "target", value_name = "NAME", num_args = 1..)]
    pub targets: Vec<TargetName>,
    /// A parameter's new value: number, true, false, null (removes it), JSON or text
    #[arg(long = "set", value_name = "KEY=VALUE", num_args = 1.., value_parser = parameter)]
    pub changes: Vec<(ParameterName, Value)>,
    /// The run or conversation this comes from [default: `cli-` and the date, which groups a day's work by hand]
    #[arg(
        long,
        value_name = "TEXT",
        env = "COUNTERSIGN_SESSION",
        hide_env_values = true
    )]
    pub session: Option<Session>,
    /// Why, for the people who decide
    #[arg(long, value_name = "TEXT")]
    pub rationale: Option<String>,
    /// A present value that this relies on: refused when it is no longer so
    #[arg(long = "expect", value_name = "KEY=VALUE", num_args = 1.., value_parser = parameter)]
    pub expects: Vec<(ParameterName, Value)>,
    /// Something the executor needs; never part of the score
    #[arg(long = "detail", value_name = "KEY=VALUE", num_args = 1.., value_parser = detail)]
    pub details: Vec<(String, Value)>,
    /// A source that the rationale rests on
    #[arg(long = "cite", value_name = "TITLE=URL", num_args = 1.., value_parser = citation)]
    pub citations: Vec<Citation>,
}

impl Description {
    /// The recommendation that the arguments describe, with a fresh id.
    pub fn recommendation(&self, now: DateTime<Utc>) -> Result<Recommendation> {
        let missing = |option: &str| {
            failure::usage(format!(
                "`{option}` is missing: a recommendation needs it; `countersign new --list --agent NAME` says what there is"
            ))
        };
        let session = match &self.session {
            Some(session) => session.clone(),
            None => now.format("cli-%Y%m%d").to_string().parse()?,
        };
        Ok(Recommendation {
            schema: Default::default(),
            id: CaseId::from_parts(now, random_bits()),
            agent: self.agent.clone().ok_or_else(|| missing("--agent"))?,
            session,
            action: self.action.clone().ok_or_else(|| missing("--action"))?,
            targets: self.targets.clone(),
            changes: once_each("--set", &self.changes)?,
            rationale: self.rationale.clone().unwrap_or_default(),
            citations: self.citations.clone(),
            details: once_each("--detail", &self.details)?,
            expects: once_each("--expect", &self.expects)?,
            created_at: now,
        })
    }
}

/// What is to be otherwise in a recommendation.
#[derive(Debug, clap::Args)]
pub struct Edits {
    /// A parameter's new value: number, true, false, null (removes it from the target), JSON or text
    #[arg(long = "set", value_name = "KEY=VALUE", num_args = 1.., value_parser = parameter)]
    pub changes: Vec<(ParameterName, Value)>,
    /// A parameter that is not to be changed after all
    #[arg(long, value_name = "KEY", num_args = 1..)]
    pub unset: Vec<ParameterName>,
    /// What to act on instead: names of files in targets/
    #[arg(long = "target", value_name = "NAME", num_args = 1..)]
    pub targets: Vec<TargetName>,
    /// Why, for the people who decide
    #[arg(long, value_name = "TEXT")]
    pub rationale: Option<String>,
}

impl Edits {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.unset.is_empty()
            && self.targets.is_empty()
            && self.rationale.is_none()
    }

    /// The same recommendation with these edits.
    ///
    /// # Errors
    /// When a key is given twice, or one is not there that is to go.
    pub fn apply(&self, mut recommendation: Recommendation) -> Result<Recommendation> {
        for key in &self.unset {
            if recommendation.changes.remove(key).is_none() {
                return Err(failure::usage(format!(
                    "`--unset {key}`: the proposal does not change `{key}`"
                )));
            }
        }
        recommendation
            .changes
            .extend(once_each("--set", &self.changes)?);
        if !self.targets.is_empty() {
            recommendation.targets.clone_from(&self.targets);
        }
        if let Some(rationale) = &self.rationale {
            recommendation.rationale.clone_from(rationale);
        }
        Ok(recommendation)
    }
}

/// The text of a recommendation as its file holds it.
pub fn document(recommendation: &Recommendation) -> Result<String> {
    Ok(yaml::write(recommendation)?)
}

/// Bits that nobody can guess, for an id of our own.
pub fn random_bits() -> u128 {
    ulid::Ulid::generate().random()
}

pub(super) fn once_each<K: Ord + Clone + std::fmt::Display>(
    option: &str,
    pairs: &[(K, Value)],
) -> Result<BTreeMap<K, Value>> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        if map.insert(key.clone(), value.clone()).is_some() {
            return Err(failure::usage(format!(
                "`{option} {key}=…` is given twice: give each key once"
            )));
        }
    }
    Ok(map)
}

fn split<'t>(text: &'t str, expected: &str) -> std::result::Result<(&'t str, &'t str), String> {
    text.split_once('=')
        .ok_or_else(|| format!("expected {expected}"))
}

pub(super) fn parameter(text: &str) -> std::result::Result<(ParameterName, Value), String> {
    let (key, value) = split(text, "KEY=VALUE, such as `replicas=3`")?;
    let key = key.parse().map_err(|error| format!("{error}"))?;
    Ok((
        key,
        Value::from_argument(value).map_err(|error| error.to_string())?,
    ))
}

fn detail(text: &str) -> std::result::Result<(String, Value), String> {
    let (key, value) = split(text, "KEY=VALUE, such as `ticket=OPS-12`")?;
    Ok((
        key.to_owned(),
        Value::from_argument(value).map_err(|error| error.to_string())?,
    ))
}

/// The address is what follows the first `=` before `http`, so that a title may hold one too.
fn citation(text: &str) -> std::result::Result<Citation, String> {
    let expected = || {
        "expected 'TITLE=URL', such as 'Walk-forward study=https://example.org/study'".to_owned()
    };
    let at = ["=https://", "=http://"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .ok_or_else(expected)?;
    let (title, url) = text.split_at(at);
    if title.is_empty() {
        return Err(expected());
    }
    Ok(Citation {
        title: title.to_owned(),
        url: Some(url.trim_start_matches('=').to_owned()),
    })
}
