//! `countersign ask` and `countersign answer`: a question to the agent of a pull request, and what it says to that.

use super::options::{Options, rules_on_main};
use super::place::Place;
use super::review::{number, refuse_strangers};
use super::{CommandOutcome, Result, failure, output};
use crate::bot::questions::{NewAnswer, NewQuestion};
use crate::domain::ids::{AgentName, Login, PullNumber};

/// Ask the agent of a pull request something
///
/// Reviewers, admins and those whom a rule asks may. It blocks nothing: it is shown as open until the agent answers, and
/// the agent's wait ends with it. On GitHub comment `/ask TEXT` on the pull request.
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// The number of the pull request
    #[arg(value_parser = number)]
    number: PullNumber,
    /// Who asks: a login from rules/people.yaml
    #[arg(long = "as", value_name = "LOGIN")]
    by: Login,
    /// The question, in at most 4,000 characters
    #[arg(value_name = "TEXT")]
    text: String,
}

/// Answer a question as the agent that proposed
///
/// On GitHub it is a comment of the account whose token is in COUNTERSIGN_TOKEN, which must be the agent's own.
#[derive(Debug, clap::Args)]
pub struct Answer {
    /// The number of the pull request
    #[arg(value_parser = number)]
    number: PullNumber,
    /// Who answers: a name from rules/agents.yaml
    #[arg(
        long,
        value_name = "NAME",
        env = "COUNTERSIGN_AGENT",
        hide_env_values = true
    )]
    agent: AgentName,
    /// Which question, as it is shown [default: the oldest one that is open]
    #[arg(long, value_name = "ID")]
    question: Option<String>,
    /// The answer, in at most 4,000 characters
    #[arg(value_name = "TEXT")]
    text: String,
}

impl Ask {
    /// Asks it.
    ///
    /// # Errors
    /// When there is no such open pull request, or the question cannot be taken.
    pub fn run(&self, options: &Options) -> Result {
        refuse_github(options.place()?, self.number)?;
        let repo = options.open_forge()?;
        refuse_strangers(&self.by, &rules_on_main(&repo)?.rules)?;
        let asked = options.bot()?.ask(&NewQuestion {
            number: self.number,
            by: self.by.clone(),
            text: self.text.clone(),
            at: options.now(),
        })?;
        if options.is_json() {
            output::json(&asked)?;
        } else {
            let (question, number) = (&asked.question, self.number);
            output::text(&match asked.created {
                true => format!(
                    "recorded: question {question} of {} on {number}; the agent answers it with `countersign answer {}`, the API, MCP \
                     or a comment",
                    self.by, number.0
                ),
                false => format!(
                    "{} asks this on {number} already: question {question}",
                    self.by
                ),
            })?;
        }
        Ok(CommandOutcome::Done)
    }
}

impl Answer {
    /// Answers it.
    ///
    /// # Errors
    /// When there is no such open pull request or question, or it is another agent's.
    pub fn run(&self, options: &Options) -> Result {
        options.open_forge()?;
        let given = options.bot()?.answer(&NewAnswer {
            number: self.number,
            by: self.agent.clone(),
            question: self.question.clone(),
            text: self.text.clone(),
            at: options.now(),
        })?;
        if options.is_json() {
            output::json(&given)?;
        } else {
            let open = match given.open.as_slice() {
                [] => "no question is open".to_owned(),
                open => format!("still open: {}", open.join(", ")),
            };
            output::text(&format!(
                "recorded: the answer of {} to question {} on {}; {open}",
                self.agent, given.question, self.number
            ))?;
        }
        Ok(CommandOutcome::Done)
    }
}

fn refuse_github(place: &Place, number: PullNumber) -> Result<()> {
    match place {
        Place::Local(_) => Ok(()),
        Place::Github(forge) => Err(failure::hinted(
            format!(
                "people ask on GitHub itself in `{}`, where it is certain who they are",
                forge.repository()
            ),
            format!(
                "comment `/ask TEXT` on {}/pull/{}",
                forge.web_url(),
                number.0
            ),
        )),
    }
}
