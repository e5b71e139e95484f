//! `countersign feedback`: what a person has to say about a decided case, any time later.

use serde_json::json;

use super::arguments::random_bits;
use super::case_ref::CaseRef;
use super::options::Options;
use super::{CommandOutcome, Result, failure, output};
use crate::bot::NewFeedback;
use crate::domain::ids::Login;

/// Say something about a decided case, for the agent to learn from
#[derive(Debug, clap::Args)]
pub struct Feedback {
    /// The case, or the number of its pull request
    #[arg(value_name = "ID|NUMBER")]
    case: CaseRef,
    /// Who says it: a login from rules/people.yaml
    #[arg(long = "as", value_name = "LOGIN")]
    by: Login,
    /// What
    #[arg(long, short, value_name = "TEXT")]
    message: String,
}

impl Feedback {
    /// Records it.
    ///
    /// # Errors
    /// When there is no such decided case, or the person is unknown.
    pub fn run(&self, options: &Options) -> Result {
        if self.message.trim().is_empty() {
            return Err(failure::usage(
                "the feedback is empty: say something with `--message TEXT`",
            ));
        }
        let id = self.case.decided(&options.open_forge()?)?;
        let new = NewFeedback {
            id,
            by: self.by.clone(),
            message: self.message.clone(),
            random: random_bits(),
        };
        let commit = options.bot()?.record_feedback(&new)?;
        if options.is_json() {
            output::json(&json!({"id": id, "by": self.by, "commit": commit}))?;
        } else {
            output::text(&format!(
                "recorded: feedback of {} on {id}, in commit {}",
                self.by,
                commit.short()
            ))?;
        }
        Ok(CommandOutcome::Done)
    }
}
