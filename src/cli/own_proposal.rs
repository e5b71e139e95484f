//! `countersign amend` and `countersign withdraw`: what an agent does with a proposal of its own that waits.

use std::path::PathBuf;

use super::arguments::{Edits, document};
use super::options::{Options, rules_on_main};
use super::propose::refuse_invalid;
use super::review::number;
use super::{CommandOutcome, Result, check, failure, output};
use crate::bot::check::check;
use crate::bot::own_proposal::{NewAmendment, NewWithdrawal};
use crate::bot::propose::{NewProposal, find_email};
use crate::domain::documents::Recommendation;
use crate::domain::ids::{AgentName, PullNumber};

/// Amend a proposal that waits: push a new head, as the agent
///
/// Changes what is named and leaves the rest, or takes the text of a file, which keeps the id. It is scored anew, and no
/// approval that was given before counts. An invalid one is refused with exit status 3, and nothing is pushed.
#[derive(Debug, clap::Args)]
pub struct Amend {
    /// The number of the pull request
    #[arg(value_parser = number)]
    number: PullNumber,
    #[command(flatten)]
    edits: Edits,
    /// Propose this file instead; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["changes", "unset", "targets", "rationale"])]
    file: Option<PathBuf>,
    /// Who amends: a name from rules/agents.yaml
    #[arg(
        long,
        value_name = "NAME",
        env = "COUNTERSIGN_AGENT",
        hide_env_values = true
    )]
    agent: AgentName,
}

/// Withdraw a proposal that waits, as the agent
#[derive(Debug, clap::Args)]
pub struct Withdraw {
    /// The number of the pull request
    #[arg(value_parser = number)]
    number: PullNumber,
    /// Who takes it back: a name from rules/agents.yaml
    #[arg(
        long,
        value_name = "NAME",
        env = "COUNTERSIGN_AGENT",
        hide_env_values = true
    )]
    agent: AgentName,
}

impl Amend {
    /// Amends it.
    ///
    /// # Errors
    /// When there is no such open pull request of this agent, or it cannot be written.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open_forge()?;
        let (name, bytes) = match &self.file {
            Some(file) => check::read(file)?,
            None => {
                let amended = self.amended(options)?;
                (
                    Recommendation::path_of(amended.id),
                    document(&amended)?.into_bytes(),
                )
            }
        };
        let checked = check(&repo, &name, &bytes, options.now())?;
        let recommendation = match Recommendation::read_proposed(&name, &bytes) {
            Ok(recommendation) if checked.valid => recommendation,
            _ => return refuse_invalid(options, &checked),
        };
        if recommendation.agent != self.agent {
            return Err(failure::hinted(
                format!(
                    "what {} is to say is of `{}`, not of `{}`",
                    self.number, recommendation.agent, self.agent
                ),
                "an agent changes and takes back only what it proposed",
            ));
        }
        let rules = rules_on_main(&repo)?.rules;
        let email = find_email(&rules, &self.agent).ok_or_else(|| {
            failure::hinted(
                format!(
                    "`{}` has no e-mail address in `rules/agents.yaml`, so it is not clear how to commit in its name",
                    self.agent
                ),
                "an admin lists the agent there",
            )
        })?;
        let amended = options.bot()?.amend(NewAmendment {
            number: self.number,
            proposal: NewProposal {
                recommendation: &recommendation,
                bytes: &bytes,
                email,
                now: options.now(),
            },
        })?;
        if options.is_json() {
            output::json(&amended)?;
        } else {
            let (number, head) = (amended.number, amended.head.short());
            output::text(&match amended.created {
                true => format!(
                    "{number} is amended, its head is {head} now; `countersign run` scores it anew"
                ),
                false => format!("{number} says the same already, at {head}"),
            })?;
        }
        Ok(CommandOutcome::Done)
    }

    /// What it says now, with the edits.
    fn amended(&self, options: &Options) -> Result<Recommendation> {
        if self.edits.is_empty() {
            return Err(failure::usage(
                "nothing is to be changed: give `--set`, `--unset`, `--target`, `--rationale` or `--file`",
            ));
        }
        let shown = options.bot()?.show_undecided(self.number)?;
        let present = shown.and_then(|shown| shown.recommendation);
        let present = present.ok_or_else(|| {
            failure::hinted(
                format!(
                    "what {} proposes cannot be read, or it has ended",
                    self.number
                ),
                "look at it with `countersign show`; `--file` replaces all of it",
            )
        })?;
        self.edits.apply(present)
    }
}

impl Withdraw {
    /// Takes it back.
    ///
    /// # Errors
    /// When there is no such open pull request of this agent, or it cannot be closed.
    pub fn run(&self, options: &Options) -> Result {
        options.open_forge()?;
        let withdrawn = options.bot()?.withdraw(&NewWithdrawal {
            number: self.number,
            by: self.agent.clone(),
            at: options.now(),
        })?;
        if options.is_json() {
            output::json(&withdrawn)?;
        } else {
            output::text(&format!(
                "{} is withdrawn by {}; `countersign run` records it",
                self.number, self.agent
            ))?;
        }
        Ok(CommandOutcome::Done)
    }
}
