//! `countersign propose`: writes a recommendation, commits it as the agent, and opens the pull request.

use std::path::PathBuf;

use super::arguments::{Description, document};
use super::options::{Options, rules_on_main};
use super::place::Place;
use super::{CommandOutcome, Result, check, failure, output};
use crate::bot::check::{Checked, check};
use crate::bot::propose::{NewProposal, Opened, branch_of, find_email};
use crate::domain::documents::{Recommendation, RuleEffect};
use crate::git::Repository;

/// Propose a recommendation: open a pull request as the agent
///
/// Writes the file, commits it on top of `main`, and puts that on a branch `recommend/ID`.
/// Describe it with the options of `countersign new`, or give a file. An invalid one is refused with
/// exit status 3, and nothing is pushed.
#[derive(Debug, clap::Args)]
pub struct Propose {
    #[command(flatten)]
    description: Description,
    /// Propose this file as it is; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["agent", "action", "targets", "changes", "rationale", "expects", "details", "citations"])]
    file: Option<PathBuf>,
    /// The e-mail address of the commit [default: the agent's first one in rules/agents.yaml]
    #[arg(long = "as", value_name = "EMAIL")]
    by: Option<String>,
}

impl Propose {
    /// Proposes it.
    ///
    /// # Errors
    /// When the repository cannot be written, or the agent has no e-mail address.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open_forge()?;
        let (name, bytes) = match &self.file {
            Some(file) => check::read(file)?,
            None => {
                let recommendation = self.description.recommendation(options.now())?;
                (
                    Recommendation::path_of(recommendation.id),
                    document(&recommendation)?.into_bytes(),
                )
            }
        };
        let checked = check(&repo, &name, &bytes, options.now())?;
        let recommendation = match Recommendation::read_proposed(&name, &bytes) {
            Ok(recommendation) if checked.valid => recommendation,
            _ => return refuse_invalid(options, &checked),
        };
        let new = NewProposal {
            recommendation: &recommendation,
            bytes: &bytes,
            email: &self.email(&repo, &recommendation)?,
            now: options.now(),
        };
        let opened = open(options, &repo, new)?;
        if options.is_json() {
            output::json(&opened)?;
        } else {
            let Opened {
                id,
                number,
                branch,
                head,
            } = opened;
            output::text(&format!(
                "{id} is pull request {number}, branch {branch} at {}\n{}",
                head.short(),
                expectation(&checked)
            ))?;
        }
        Ok(CommandOutcome::Done)
    }

    /// Under which address the commit is made.
    fn email(&self, repo: &Repository, recommendation: &Recommendation) -> Result<String> {
        if let Some(email) = &self.by {
            if !email.contains('@')
                || email
                    .chars()
                    .any(|c| c.is_whitespace() || c.is_control() || "<>".contains(c))
            {
                return Err(failure::usage(
                    "`--as` takes an e-mail address, such as `tuner@agents.example.org`",
                ));
            }
            return Ok(email.clone());
        }
        let (rules, name) = (rules_on_main(repo)?.rules, &recommendation.agent);
        if let Some(email) = find_email(&rules, name) {
            return Ok(email.to_owned());
        }
        let what = if rules.agents.contains_key(name) {
            "has no e-mail address"
        } else {
            "is not registered"
        };
        Err(failure::hinted(
            format!(
                "`{name}` {what} in `rules/agents.yaml`, so it is not clear how to commit in its name"
            ),
            "an admin lists the agent there; until then name the address with `--as EMAIL`",
        ))
    }
}

pub(super) fn refuse_invalid(options: &Options, checked: &Checked) -> Result {
    if options.is_json() {
        output::json(checked)?;
        return Ok(CommandOutcome::No);
    }
    let problems: Vec<String> = checked.errors.iter().map(ToString::to_string).collect();
    failure::report(&anyhow::anyhow!(
        "the recommendation is invalid, so nothing was proposed:\n{}",
        problems.join("\n")
    ));
    Ok(CommandOutcome::No)
}

/// Commits the file on top of `main` and lets the forge notice the branch.
fn open(options: &Options, repo: &Repository, new: NewProposal<'_>) -> Result<Opened> {
    if let Place::Github(forge) = options.place()? {
        return Ok(new.open_on_github(repo, forge)?);
    }
    new.open_here(repo)?.ok_or_else(|| {
        let branch = branch_of(new.recommendation.id);
        failure::hinted(
            format!("the branch `{branch}` exists already: this id is proposed"),
            "take a fresh id with `countersign new`",
        )
    })
}

/// What will become of it, as far as that can be told now.
fn expectation(checked: &Checked) -> String {
    let (Some(risk), Some(requires)) = (&checked.risk, checked.requires) else {
        return String::new();
    };
    let fired_with = |effect| {
        let mut fired = risk.triggers.iter();
        fired.find(|fired| fired.has_effect(effect))
    };
    if let Some(refused) = fired_with(RuleEffect::Refuse) {
        return format!(
            "{} {}: refused by the rule {}: {}",
            risk.level, risk.score, refused.id, refused.reason
        );
    }
    let mut needs = match (requires.in_words(), checked.asks.is_empty()) {
        (None, false) => "needs".to_owned(),
        (None, true) => "needs no approval".to_owned(),
        (Some(approval), true) => format!("needs {approval}"),
        (Some(approval), false) => format!("needs {approval}, and"),
    };
    for (place, asked) in checked.asks.iter().enumerate() {
        let separator = if place == 0 { " " } else { "; " };
        needs.push_str(&format!("{separator}{} ({})", asked.ask, asked.rule));
    }
    if let Some(held) = fired_with(RuleEffect::Wait) {
        needs.push_str(&format!(
            "; held back for now: {} ({})",
            held.reason, held.id
        ));
    }
    format!(
        "{} {}: {needs}; `countersign run` works it off",
        risk.level, risk.score
    )
}
