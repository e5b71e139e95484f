//! `apply`: writes the approved changes into the targets' files, keeping their comments, and what follows for their
//! baselines.
//!
//! The files are published together with the decision and the outcome, so the change happens exactly
//! once.

use std::collections::BTreeMap;

use super::ExecutionResult;
use crate::domain::documents::Recommendation;
use crate::domain::value::Value;
use crate::ledger::facts::Targets;
use crate::ledger::{ApprovedBy, Files, changed_baselines, changed_files};
use crate::rules::actions::Effect;
use crate::rules::governance::Governance;

/// The files that an approved recommendation changes, given its targets as they are, and how it went.
pub fn apply(
    about: &Recommendation,
    effect: Effect,
    present: &Targets,
    governance: &Governance,
    by: ApprovedBy,
) -> (Files, ExecutionResult) {
    let changed = changed_files(about, effect, present, governance);
    let with_baselines = changed.and_then(|files| {
        let baselines = changed_baselines(about, effect, present, by)?;
        Ok((files, baselines))
    });
    match with_baselines {
        Ok((mut files, baselines)) => {
            let written = files.iter().map(|(path, _)| Value::Text(path.clone()));
            let written = Value::List(written.collect());
            files.extend(baselines);
            let details = BTreeMap::from([("files".to_owned(), written)]);
            (files, ExecutionResult::well(details))
        }
        Err(reason) => (Files::new(), ExecutionResult::badly(reason.to_string())),
    }
}
