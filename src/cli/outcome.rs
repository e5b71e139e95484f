//! `countersign outcome`: what came of an approved case, reported by whoever carried it out.

use std::collections::BTreeMap;

use serde_json::json;

use super::case_ref::CaseRef;
use super::options::{Options, rules_on_main};
use super::place::Place;
use super::{CommandOutcome, Result, failure, output};
use crate::bot::NewOutcome;
use crate::domain::documents::{AccountRecord, Outcome as Document};
use crate::domain::ids::Login;
use crate::domain::value::Value;
use crate::execute::REPORTED_BY_BOT;
use crate::gate::eligibility::{Principal, principal_of};
use crate::git::{Repository, configured_identity};

/// Report what came of an approved case
///
/// For actions of the executor `external`, and to settle or correct an earlier outcome: a correction is
/// a further record. Exactly one of --success and --failure is needed.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("end").required(true))]
pub struct Outcome {
    /// The case, or the number of its pull request
    #[arg(value_name = "ID|NUMBER")]
    case: CaseRef,
    /// It did what was approved
    #[arg(long, group = "end")]
    success: bool,
    /// It did not
    #[arg(long, group = "end")]
    failure: bool,
    /// What there is to say: a JSON object, such as '{"orders": 3}'
    #[arg(long, value_name = "JSON", value_parser = object)]
    details: Option<Details>,
    /// What went wrong
    #[arg(long, value_name = "TEXT", requires = "failure")]
    error: Option<String>,
    /// Who reports: a login or an agent's name [default: whoever git's user.email is]
    #[arg(long = "as", value_name = "WHO")]
    by: Option<Login>,
}

#[derive(Debug, Clone)]
struct Details(BTreeMap<String, Value>);

impl Outcome {
    /// Records it.
    ///
    /// # Errors
    /// When there is no such approved case, or nothing new is said about it.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open_forge()?;
        let id = self.case.decided(&repo)?;
        let by = self.reporter(&repo, options.place()?)?;
        let details = self
            .details
            .clone()
            .map(|details| details.0)
            .unwrap_or_default();
        let new = NewOutcome {
            id,
            success: self.success,
            details,
            error: self.error.clone(),
            by: by.clone(),
        };
        let commit = options.bot()?.record_outcome(&new)?;
        let word = Document::word(Some(self.success));
        if options.is_json() {
            output::json(&json!({"id": id, "outcome": word, "reported_by": by, "commit": commit}))?;
        } else {
            output::text(&format!(
                "recorded: {word} of {id}, reported by {by}, in commit {}",
                commit.short()
            ))?;
        }
        Ok(CommandOutcome::Done)
    }

    fn reporter(&self, repo: &Repository, place: &Place) -> Result<String> {
        let nobody = || {
            failure::hinted(
                "it is not clear who reports this",
                "say it with `--as LOGIN`, or set git's `user.email` to an address that the rules know",
            )
        };
        let account = match &self.by {
            Some(login) => AccountRecord {
                login: Some(login.clone()),
                ..AccountRecord::default()
            },
            None => {
                let (_, email) = configured_identity().ok_or_else(nobody)?;
                place.forge_kind().account_of(&email)
            }
        };
        if let Some(login) = &account.login
            && login.as_str().eq_ignore_ascii_case(REPORTED_BY_BOT)
        {
            return Err(failure::hinted(
                format!("`{login}` is the bot itself"),
                "report in your own name: `--as LOGIN`",
            ));
        }
        // Who is in a team is not asked for this: a login says who reports, listed or not.
        match (
            principal_of(&account, &rules_on_main(repo)?.rules),
            &account.login,
        ) {
            (Principal::Person(person), _) => Ok(person.name.to_string()),
            (Principal::Agent(name), None) => Ok(name.to_string()),
            (Principal::Agent(_) | Principal::Unknown, Some(login)) => Ok(login.to_string()),
            (Principal::Unknown, None) => Err(nobody()),
        }
    }
}

fn object(text: &str) -> std::result::Result<Details, String> {
    match serde_json::from_str(text) {
        Ok(Value::Map(details)) => Ok(Details(details)),
        Ok(_) => Err("expected a JSON object, such as '{\"orders\": 3}'".to_owned()),
        Err(error) => Err(format!("expected a JSON object: {error}")),
    }
}
