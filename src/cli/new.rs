//! `countersign new`: the text of a recommendation, for an agent that pushes it with plain git.

use serde_json::json;

use super::arguments::{Description, document};
use super::options::Options;
use super::{CommandOutcome, Result, failure, output};
use crate::domain::documents::Recommendation;

/// Print the path and the text of a recommendation, with a fresh id
///
/// Needs no repository. The first line is the path, as a YAML comment: write everything to that path on
/// a branch `recommend/…`, commit it as the agent, and push.
#[derive(Debug, clap::Args)]
pub struct New {
    #[command(flatten)]
    description: Description,
}

impl New {
    /// Prints it.
    pub fn run(&self, options: &Options) -> Result {
        let recommendation = self.description.recommendation(options.now())?;
        let path = Recommendation::path_of(recommendation.id);
        let text = document(&recommendation)?;
        if let Err(problems) = Recommendation::read(&path, text.as_bytes()) {
            failure::report(&anyhow::anyhow!(
                "the recommendation is invalid:\n{problems}"
            ));
            return Ok(CommandOutcome::No);
        }
        if options.is_json() {
            output::json(&json!({"id": recommendation.id, "path": path, "text": text}))?;
        } else {
            output::text(&format!("# {path}\n{text}"))?;
        }
        Ok(CommandOutcome::Done)
    }
}
