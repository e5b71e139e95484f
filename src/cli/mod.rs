//! The command line: what a person or an agent types, one file per subcommand.
//!
//! Results go to standard output, everything else to standard error. [`main`] is the only place that
//! turns an answer into an exit status: 0 done, 1 failed, 2 wrong usage, 3 the answer is no.

mod arguments;
mod case_ref;
mod check;
mod completions;
mod demo;
mod failure;
mod feedback;
mod freeze;
mod init;
mod list;
#[cfg(debug_assertions)]
mod mortal;
mod new;
mod options;
mod outcome;
mod output;
mod propose;
mod review;
mod run;
mod schema;
mod show;
mod test;
mod verify;
mod watch;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use options::Options;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit status: 0 done; 1 failed; 2 wrong usage; 3 the answer is no (invalid document, failed verification or policy test).
Begin with `countersign demo`, or with `countersign init --example`.";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    /// Tell the whole story in a new folder, step by step
    Demo(demo::Demo),
    New(new::New),
    Propose(propose::Propose),
    Check(check::Check),
    Run(run::Run),
    Review(review::Review),
    List(list::List),
    Show(show::Show),
    Outcome(outcome::Outcome),
    Feedback(feedback::Feedback),
    Freeze(freeze::Freeze),
    Unfreeze(freeze::Unfreeze),
    Verify(verify::Verify),
    Test(test::Test),
    Schema(schema::Schema),
    Completions(completions::Completions),
}

/// What a command came to, when nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is done, or the answer is yes.
    Done,
    /// The answer is no: an invalid document, a verification or policy test that fails.
    No,
}

/// What every command gives.
pub type Result<T = Answer> = anyhow::Result<T>;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const NO: u8 = 3;

/// Reads the arguments, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.options.start_tracing();
    match cli.command.run(&cli.options) {
        Ok(Answer::Done) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(NO),
        // Whoever read our output has seen enough, as in `| head`.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<clap::Error>() {
            Some(usage) => {
                let _ = usage.print();
                ExitCode::from(USAGE)
            }
            None => {
                failure::report(&error);
                ExitCode::from(FAILED)
            }
        },
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

impl Command {
    fn run(&self, options: &Options) -> Result {
        match self {
            Self::Init(command) => command.run(options),
            Self::Demo(command) => demo::run(command).map(|()| Answer::Done),
            Self::New(command) => command.run(options),
            Self::Propose(command) => command.run(options),
            Self::Check(command) => command.run(options),
            Self::Run(command) => command.run(options),
            Self::Review(command) => command.run(options),
            Self::List(command) => command.run(options),
            Self::Show(command) => command.run(options),
            Self::Outcome(command) => command.run(options),
            Self::Feedback(command) => command.run(options),
            Self::Freeze(command) => command.run(options),
            Self::Unfreeze(command) => command.run(options),
            Self::Verify(command) => command.run(options),
            Self::Test(command) => command.run(options),
            Self::Schema(command) => command.run(options),
            Self::Completions(command) => command.run(),
        }
    }
}
