//! `countersign completions`: what the shell needs to complete our words.

use clap::CommandFactory as _;

use super::{Cli, CommandOutcome, Result, output};

/// Print completions for a shell
///
/// For example `source <(countersign completions bash)`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    /// Prints them.
    pub fn run(&self) -> Result {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "countersign", &mut script);
        output::script(&script)?;
        Ok(CommandOutcome::Done)
    }
}
