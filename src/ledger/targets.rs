//! What an approved change makes of the targets' files, comments kept.
//!
//! It only computes; the executor `apply` has the result recorded, and `verify` computes it again.

use std::collections::BTreeMap;

use super::facts::Targets;
use crate::domain::documents::{Recommendation, Target};
use crate::domain::ids::{ParameterName, TargetName};
use crate::domain::problem::Problems;
use crate::domain::value::Value;
use crate::domain::{yaml, yaml_edit};
use crate::risk::KnownTarget;
use crate::rules::actions::Effect;
use crate::rules::governance::Governance;

/// Why a change cannot be written into its targets.
#[derive(Debug, thiserror::Error)]
pub enum Inapplicable {
    #[error("target `{name}` exists already: `{path}`")]
    Exists { name: TargetName, path: String },
    #[error("target `{name}` does not exist: there is no `{path}`")]
    Missing { name: TargetName, path: String },
    #[error("a new target needs its environment: propose `{0}` among the changes")]
    NoEnvironment(ParameterName),
    #[error(transparent)]
    Unwritable(#[from] yaml::WriteError),
    #[error(transparent)]
    Unreadable(#[from] Problems),
}

/// New content by path; none removes the file.
pub type Files = Vec<(String, Option<Vec<u8>>)>;

/// The files that an approved recommendation changes, given its targets as they are.
///
/// # Errors
/// Why a target cannot be written; then none is, so that nothing is ever half a change.
pub fn changed_files(
    about: &Recommendation,
    effect: Effect,
    present: &Targets,
    governance: &Governance,
) -> Result<Files, Inapplicable> {
    let mut files = Files::new();
    for name in &about.targets {
        let path = Target::path_of(name);
        let is = present.files.get(name).zip(present.known.get(name));
        match (effect, is) {
            (Effect::Create, Some(_)) => {
                let name = name.clone();
                return Err(Inapplicable::Exists { name, path });
            }
            (Effect::Create, None) => files.push((path, Some(created(about, governance)?))),
            (_, None) => {
                let name = name.clone();
                return Err(Inapplicable::Missing { name, path });
            }
            (Effect::Delete, Some(_)) => files.push((path, None)),
            (Effect::Modify | Effect::None, Some((bytes, known))) => {
                let changed = modified(&path, bytes, known, about, governance)?;
                files.push((path, Some(changed)));
            }
        }
    }
    Ok(files)
}

fn created(about: &Recommendation, governance: &Governance) -> Result<Vec<u8>, Inapplicable> {
    let Some(environment) = about
        .changes
        .get(&governance.environment_parameter)
        .and_then(Value::text)
    else {
        let parameter = governance.environment_parameter.clone();
        return Err(Inapplicable::NoEnvironment(parameter));
    };
    let target = Target {
        schema: Default::default(),
        description: None,
        environment: environment.to_owned(),
        labels: BTreeMap::new(),
        rehearsal: None,
        parameters: about
            .changes
            .iter()
            .filter(|(_, value)| **value != Value::Null)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    };
    Ok(yaml::write_without_moments(&target)?.into_bytes())
}

fn modified(
    path: &str,
    bytes: &[u8],
    target: &KnownTarget,
    about: &Recommendation,
    governance: &Governance,
) -> Result<Vec<u8>, Inapplicable> {
    let changes: BTreeMap<String, Value> = about
        .changes
        .iter()
        .map(|(name, value)| (name.to_string(), value.clone()))
        .collect();
    let edited = yaml_edit::set_in_mapping(path, bytes, "parameters", &changes)?;
    // `environment` says where the target runs; the parameter that names it says the same.
    let environment = about
        .changes
        .get(&governance.environment_parameter)
        .and_then(Value::text);
    let edited = match environment {
        Some(new) if new != target.environment => {
            let change = BTreeMap::from([("environment".to_owned(), Value::Text(new.to_owned()))]);
            yaml_edit::set_in_mapping(path, &edited, "", &change)?
        }
        _ => edited,
    };
    yaml::read::<Target>(path, &edited)?;
    Ok(edited)
}
