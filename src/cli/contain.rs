//! `countersign contain`: what the bot runs commands in.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::CommandOutcome;
use crate::execute::contain::{self, Ended};

/// The exit status of a shell whose command is not there.
const NOT_STARTED: u8 = 127;

/// Run a command so that whatever it starts ends with it
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub struct Contain {
    /// Seconds after which it is killed
    #[arg(long, value_name = "SECONDS")]
    limit: u64,
    /// The folder of the control group to run it in
    #[arg(long, value_name = "FOLDER")]
    cgroup: Option<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, last = true)]
    command: Vec<OsString>,
}

impl Contain {
    /// Runs it, and ends as it ended.
    pub fn run(&self) -> CommandOutcome {
        let limit = Duration::from_secs(self.limit);
        match contain::run(&self.command, limit, self.cgroup.as_deref()) {
            Ok(Ended::With(status)) => CommandOutcome::Ended(status),
            Ok(Ended::BySignal) => contain::end_by_signal(),
            Err(error) => {
                let program = self.command.first().cloned().unwrap_or_default();
                eprintln!("cannot run `{}`: {error}", program.display());
                CommandOutcome::Ended(NOT_STARTED)
            }
        }
    }
}
