//! `apply`: writes the approved changes into the targets' files, keeping their comments.
//!
//! The files are published together with the decision and the outcome, so the change happens exactly
//! once.

use std::collections::BTreeMap;

use super::ExecutionResult;
use crate::domain::documents::Recommendation;
use crate::domain::value::Value;
use crate::ledger::facts::Targets;
use crate::ledger::{Files, changed_files};
use crate::rules::actions::Effect;
use crate::rules::governance::Governance;

/// The files that an approved recommendation changes, given its targets as they are, and how it went.
pub fn apply(
    about: &Recommendation,
    effect: Effect,
    present: &Targets,
    governance: &Governance,
) -> (Files, ExecutionResult) {
    match changed_files(about, effect, present, governance) {
        Ok(files) => {
            let written = files
                .iter()
                .map(|(path, _)| Value::Text(path.clone()))
                .collect();
            (
                files,
                ExecutionResult::well(BTreeMap::from([("files".to_owned(), Value::List(written))])),
            )
        }
        Err(reason) => (Files::new(), ExecutionResult::badly(reason.to_string())),
    }
}
