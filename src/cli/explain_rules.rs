//! `countersign explain-rules`: what the rules in force mean, in sentences for people who do not read them.

mod content;

use std::path::PathBuf;

use super::options::Options;
use super::output::Format;
use super::sections::Told;
use super::test::rules_of;
use super::{CommandOutcome, Result, failure, output};
use crate::rules::Rules;

/// Say in sentences what the rules in force mean
///
/// Who decides what, until when, what agents may do, which values are usual, and what follows from what. A condition
/// that no sentence says exactly is shown as it is written.
#[derive(Debug, clap::Args)]
pub struct ExplainRules {
    /// A folder that holds `rules/`, or `rules` itself; without it, `main` of the repository
    dir: Option<PathBuf>,
}

impl ExplainRules {
    pub fn run(&self, options: &Options) -> Result {
        let files = rules_of(self.dir.as_deref(), options)?;
        let rules = Rules::read(&files).map_err(|problems| {
            failure::hinted(
                format!("these rules cannot be read:\n{problems}"),
                "mend what is named; `countersign test` tries them",
            )
        })?;
        let told = Told {
            title: "What the rules mean",
            sections: content::of(&rules, options.now()),
        };
        match options.format {
            Format::Json => output::json(&told)?,
            Format::Markdown => output::text(&told.markdown())?,
            _ => output::text(&told.text())?,
        }
        Ok(CommandOutcome::Done)
    }
}
