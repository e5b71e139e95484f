//! What becomes of the baselines of targets when an approved change is written into them.
//!
//! Only `apply` moves what `main` says of a target, and only in the outcome's commit; there the bot writes the baselines
//! too, and `verify` computes them again. What people approve or set has no baseline but itself.

use std::collections::BTreeMap;

use super::facts::Targets;
use super::targets::Files;
use crate::domain::documents::{Baseline, Baselines, Recommendation, Status};
use crate::domain::ids::ParameterName;
use crate::domain::value::Value;
use crate::domain::yaml;
use crate::risk::KnownTarget;
use crate::rules::actions::Effect;

/// Who approved a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovedBy {
    /// Nobody was asked.
    Rules,
    People,
}

impl From<Status> for ApprovedBy {
    fn from(status: Status) -> Self {
        match status {
            Status::AutoApproved | Status::Granted => Self::Rules,
            _ => Self::People,
        }
    }
}

/// The files of baselines that change with the targets of an approved recommendation.
pub fn changed_baselines(
    about: &Recommendation,
    effect: Effect,
    present: &Targets,
    by: ApprovedBy,
) -> Result<Files, yaml::WriteError> {
    let mut files = Files::new();
    for name in &about.targets {
        let known = present.known.get(name);
        let parameters = match (effect, known) {
            (Effect::Modify | Effect::None, Some(known)) => moved(about, known, by),
            // A new target is as it was made, and one that is gone has nothing that moves.
            _ => BTreeMap::new(),
        };
        let path = Baselines::path_of(name);
        if !parameters.is_empty() {
            let baselines = Baselines {
                schema: Default::default(),
                parameters,
            };
            let text = yaml::write_without_moments(&baselines)?;
            files.push((path, Some(text.into_bytes())));
        } else if present.with_baselines.contains(name) {
            files.push((path, None));
        }
    }
    Ok(files)
}

fn moved(
    about: &Recommendation,
    known: &KnownTarget,
    by: ApprovedBy,
) -> BTreeMap<ParameterName, Baseline> {
    let mut parameters = known.baselines.clone();
    for (name, now) in &about.changes {
        let earlier = parameters.remove(name);
        if by == ApprovedBy::People {
            continue;
        }
        let present = known.parameters.get(name).unwrap_or(&Value::Null);
        let (value, since) = earlier.map_or_else(
            || (present.clone(), about.id),
            |earlier| (earlier.value, earlier.since),
        );
        if value != *now {
            let now = now.clone();
            parameters.insert(name.clone(), Baseline { value, now, since });
        }
    }
    parameters
}
