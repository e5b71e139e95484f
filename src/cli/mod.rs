//! The command line: what a person or an agent types, one file per subcommand.
//!
//! Results go to standard output, everything else to standard error. [`main`] is the only place that
//! turns an answer into an exit status: 0 done, 1 failed, 2 wrong usage, 3 the answer is no.

mod action;
mod adopt;
mod arguments;
mod ask;
mod attest;
mod backtest;
mod case_ref;
mod cases;
mod check;
mod completions;
mod contain;
#[cfg(debug_assertions)]
mod crash_point;
mod demo;
mod doctor;
mod explain_rules;
mod export;
mod failure;
mod feedback;
mod freeze;
mod identity;
mod init;
mod last_shown;
mod lessons;
mod list;
mod mcp;
mod new;
mod options;
mod outcome;
mod output;
mod own_proposal;
mod page;
mod place;
mod propose;
mod report;
mod report_autonomy;
mod review;
mod run;
mod schema;
mod sections;
mod serve;
mod show;
mod test;
mod token;
mod verify;
mod watch;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use clap::ValueEnum as _;
use options::Options;
use output::Format;

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
    Doctor(doctor::Doctor),
    New(new::New),
    Propose(propose::Propose),
    Amend(own_proposal::Amend),
    Withdraw(own_proposal::Withdraw),
    Check(check::Check),
    Run(run::Run),
    Serve(serve::Serve),
    Action(action::Action),
    Review(review::Review),
    Attest(attest::Attest),
    Ask(ask::Ask),
    Answer(ask::Answer),
    List(list::List),
    Show(show::Show),
    Outcome(outcome::Outcome),
    Feedback(feedback::Feedback),
    Freeze(freeze::Freeze),
    Unfreeze(freeze::Unfreeze),
    Adopt(adopt::Adopt),
    Verify(verify::Verify),
    Backtest(backtest::Backtest),
    Report(report::Report),
    Lessons(lessons::Lessons),
    Export(export::Export),
    Test(test::Test),
    ExplainRules(explain_rules::ExplainRules),
    Schema(schema::Schema),
    Token(token::Token),
    Mcp(mcp::Mcp),
    Completions(completions::Completions),
    Contain(contain::Contain),
}

/// What a command came to, when nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandOutcome {
    /// It is done, or the answer is yes.
    Done,
    /// The answer is no: an invalid document, a verification or policy test that fails.
    No,
    /// As the command that was run ended.
    Ended(u8),
}

/// What every command gives.
pub type Result<T = CommandOutcome> = anyhow::Result<T>;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const NO: u8 = 3;

/// Reads the arguments, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.options.start_tracing();
    match cli.command.run(&cli.options) {
        Ok(CommandOutcome::Done) => ExitCode::SUCCESS,
        Ok(CommandOutcome::No) => ExitCode::from(NO),
        Ok(CommandOutcome::Ended(status)) => ExitCode::from(status),
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
    /// What its results can look like.
    fn formats(&self) -> &'static [Format] {
        match self {
            Self::Report(_) | Self::Lessons(_) | Self::Backtest(_) | Self::ExplainRules(_) => {
                &[Format::Text, Format::Json, Format::Markdown]
            }
            // An export says itself which it takes.
            Self::Export(_) => Format::value_variants(),
            _ => &[Format::Text, Format::Json],
        }
    }

    fn run(&self, options: &Options) -> Result {
        let formats = self.formats();
        if !formats.contains(&options.format) {
            let names: Vec<String> = formats.iter().map(Format::to_string).collect();
            return Err(failure::usage(format!(
                "this command has no results of `--format {}`: expected {}",
                options.format,
                names.join(" or ")
            )));
        }
        match self {
            Self::Init(command) => command.run(options),
            Self::Demo(command) => demo::run(command).map(|()| CommandOutcome::Done),
            Self::Doctor(command) => command.run(options),
            Self::New(command) => command.run(options),
            Self::Propose(command) => command.run(options),
            Self::Amend(command) => command.run(options),
            Self::Withdraw(command) => command.run(options),
            Self::Check(command) => command.run(options),
            Self::Run(command) => command.run(options),
            Self::Serve(command) => command.run(options),
            Self::Action(command) => command.run(options),
            Self::Review(command) => command.run(options),
            Self::Attest(command) => command.run(options),
            Self::Ask(command) => command.run(options),
            Self::Answer(command) => command.run(options),
            Self::List(command) => command.run(options),
            Self::Show(command) => command.run(options),
            Self::Outcome(command) => command.run(options),
            Self::Feedback(command) => command.run(options),
            Self::Freeze(command) => command.run(options),
            Self::Unfreeze(command) => command.run(options),
            Self::Adopt(command) => command.run(options),
            Self::Verify(command) => command.run(options),
            Self::Backtest(command) => command.run(options),
            Self::Report(command) => command.run(options),
            Self::Lessons(command) => command.run(options),
            Self::Export(command) => command.run(options),
            Self::Test(command) => command.run(options),
            Self::ExplainRules(command) => command.run(options),
            Self::Schema(command) => command.run(options),
            Self::Token(command) => command.run(options),
            Self::Mcp(command) => command.run(options),
            Self::Completions(command) => command.run(),
            Self::Contain(command) => Ok(command.run()),
        }
    }
}
