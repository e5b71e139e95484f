//! `countersign schema`: the JSON Schema of each kind of document, made from the types that read it.

use schemars::{Schema as JsonSchema, schema_for};

use super::options::Options;
use super::{CommandOutcome, Result, failure, output};
use crate::domain::documents;
use crate::rules::{
    actions, agents, autonomy, evidence, governance, parameters, people, policy, policy_test,
};

/// Print the JSON Schema of a kind of document
///
/// Editors complete and check documents with it. Without KIND it lists the kinds.
#[derive(Debug, clap::Args)]
pub struct Schema {
    /// Which kind
    kind: Option<String>,
}

/// The name of a kind, and how its schema is made.
type Kind = (&'static str, fn() -> JsonSchema);

/// Every kind of document.
const KINDS: [Kind; 21] = [
    ("recommendation", || schema_for!(documents::Recommendation)),
    ("decision", || schema_for!(documents::Decision)),
    ("outcome", || schema_for!(documents::Outcome)),
    ("rescored", || schema_for!(documents::Rescored)),
    ("claim", || schema_for!(documents::Claim)),
    ("feedback", || schema_for!(documents::Feedback)),
    ("freeze", || schema_for!(documents::Freeze)),
    ("baselines", || schema_for!(documents::Baselines)),
    ("usage", || schema_for!(documents::Usage)),
    ("track-record", || schema_for!(documents::TrackRecord)),
    ("target", || schema_for!(documents::Target)),
    ("governance", || schema_for!(governance::RawGovernance)),
    ("parameters", || schema_for!(parameters::RawParameters)),
    ("actions", || schema_for!(actions::RawActions)),
    ("evidence", || schema_for!(evidence::RawEvidence)),
    ("autonomy", || schema_for!(autonomy::RawAutonomy)),
    ("policy", || schema_for!(policy::RawPolicy)),
    ("triggers", || schema_for!(policy::RawTriggers)),
    ("agents", || schema_for!(agents::RawAgents)),
    ("people", || schema_for!(people::RawPeople)),
    ("policy-test", || schema_for!(policy_test::RawPolicyTests)),
];

impl Schema {
    /// Prints it.
    pub fn run(&self, options: &Options) -> Result {
        let kinds: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        let Some(kind) = &self.kind else {
            if options.is_json() {
                output::json(&kinds)?;
            } else {
                output::text(&kinds.join("\n"))?;
            }
            return Ok(CommandOutcome::Done);
        };
        let Some((_, schema)) = KINDS.iter().find(|(name, _)| name == kind) else {
            let shown = crate::domain::ids::quoted(kind);
            return Err(failure::usage(format!(
                "{shown} is not a kind of document: expected {}",
                kinds.join(", ")
            )));
        };
        let mut schema = schema();
        // The type's own name means nothing to people.
        schema.insert("title".to_owned(), format!("countersign {kind}").into());
        output::json(&schema)?;
        Ok(CommandOutcome::Done)
    }
}
