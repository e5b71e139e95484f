//! `countersign new`: the text of a recommendation, for an agent that pushes it with plain git; and what it may propose.

mod told;

use serde_json::json;

use super::arguments::{Description, document};
use super::options::Options;
use super::{CommandOutcome, Result, failure, output};
use crate::bot::choices::{ChoicesError, ChoicesQuery, choices};
use crate::domain::documents::Recommendation;
use crate::ledger::RulesCache;
use told::told;

/// Print the path and the text of a recommendation, with a fresh id
///
/// Needs no repository. The first line is the path, as a YAML comment: write everything to that path on
/// a branch `recommend/…`, commit it as the agent, and push. With `--list` it says what the agent may propose
/// on `main` instead.
#[derive(Debug, clap::Args)]
pub struct New {
    #[command(flatten)]
    description: Description,
    /// Say what the agent may propose: actions, targets, values, and what is asked for; `--action` and `--target` choose
    #[arg(long, conflicts_with_all = ["changes", "rationale", "expects", "details", "citations"])]
    list: bool,
}

impl New {
    /// Prints it.
    pub fn run(&self, options: &Options) -> Result {
        if self.list {
            return self.list(options);
        }
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

    fn list(&self, options: &Options) -> Result {
        let Some(agent) = self.description.agent.clone() else {
            return Err(failure::usage(
                "`--agent` is missing: what may be proposed differs from agent to agent",
            ));
        };
        let query = ChoicesQuery {
            agent,
            action: self.description.action.clone(),
            targets: self.description.targets.clone(),
            now: options.now(),
        };
        let found = choices(&options.open()?, &mut RulesCache::default(), &query);
        let found = found.map_err(|error| match error {
            ChoicesError::Unknown(what) => {
                failure::hinted(what, "leave it out to see all there are")
            }
            ChoicesError::Bot(error) => error.into(),
        })?;
        if options.is_json() {
            output::json(&found)?;
        } else {
            output::text(&told(&found).text())?;
        }
        Ok(CommandOutcome::Done)
    }
}
