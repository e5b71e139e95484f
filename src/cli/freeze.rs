//! `countersign freeze` and `countersign unfreeze`: stop and go.

use serde_json::json;

use super::options::Options;
use super::{CommandOutcome, Result, failure, output};
use crate::domain::ids::Login;

/// Stop everything: nothing is merged or executed until an admin lifts it
#[derive(Debug, clap::Args)]
pub struct Freeze {
    /// Who: a reviewer or an admin
    #[arg(long = "as", value_name = "LOGIN")]
    by: Login,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Let everything go on
#[derive(Debug, clap::Args)]
pub struct Unfreeze {
    /// Who: an admin
    #[arg(long = "as", value_name = "LOGIN")]
    by: Login,
}

impl Freeze {
    /// Stops.
    pub fn run(&self, options: &Options) -> Result {
        if self.reason.trim().is_empty() {
            return Err(failure::usage(
                "the reason is empty: say it with `--reason TEXT`",
            ));
        }
        let commit = options.bot()?.freeze(&self.by, &self.reason)?;
        if options.is_json() {
            output::json(&json!({"frozen": true, "by": self.by, "commit": commit}))?;
        } else {
            output::text(&format!(
                "frozen by {} in commit {}: nothing is merged or executed until an admin runs `countersign unfreeze`",
                self.by,
                commit.short()
            ))?;
        }
        Ok(CommandOutcome::Done)
    }
}

impl Unfreeze {
    /// Goes on.
    pub fn run(&self, options: &Options) -> Result {
        let commit = options.bot()?.unfreeze(&self.by)?;
        if options.is_json() {
            output::json(&json!({"frozen": false, "by": self.by, "commit": commit}))?;
        } else {
            output::text(&format!(
                "lifted by {} in commit {}: `countersign run` works off what waited",
                self.by,
                commit.short()
            ))?;
        }
        Ok(CommandOutcome::Done)
    }
}
