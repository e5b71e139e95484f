//! `countersign review`: a person's word on a pull request of the local forge.

use super::options::{Options, rules_on_main};
use super::{Answer, Result, failure, output};
use crate::bot::review::{NewWord, Word};
use crate::domain::documents::{AccountRecord, RejectionCategory, Role};
use crate::domain::ids::{Login, PullNumber, Sha};
use crate::domain::review::Confidence;
use crate::gate::eligibility::{Principal, principal_of};
use crate::rules::Rules;

/// Review a pull request of the local forge
///
/// The review is for the present head of the branch, unless --head names another commit. It is only
/// recorded: `countersign run` decides. Exactly one of --approve, --request-changes, --reject and
/// --dismiss is needed.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("opinion").required(true))]
pub struct Review {
    /// The number of the pull request
    #[arg(value_parser = number)]
    number: PullNumber,
    /// Who reviews: a login from rules/people.yaml
    #[arg(long = "as", value_name = "LOGIN")]
    by: Login,
    /// Yes, to exactly this commit
    #[arg(long, group = "opinion")]
    approve: bool,
    /// Not like this: blocks until the same person approves
    #[arg(long, group = "opinion")]
    request_changes: bool,
    /// No, and that ends it: too_risky, unclear_benefit, bad_timing, need_more_information or other
    #[arg(long, group = "opinion", value_name = "CATEGORY")]
    reject: Option<RejectionCategory>,
    /// Take the own former review back
    #[arg(long, group = "opinion")]
    dismiss: bool,
    /// The review's text: the justification of an approval, the reason of a rejection
    #[arg(
        long,
        short,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    message: String,
    /// How sure: very_confident, confident or uncertain
    #[arg(long, value_name = "CONFIDENCE", requires = "approve")]
    confidence: Option<Confidence>,
    /// The commit that the review is for
    #[arg(long, value_name = "SHA")]
    head: Option<Sha>,
}

impl Review {
    /// Records it, and says what it means.
    ///
    /// # Errors
    /// When there is no such open pull request or no such person.
    pub fn run(&self, options: &Options) -> Result {
        options.place()?.review_here(self.number)?;
        let repo = options.open_forge()?;
        refuse_strangers(&self.by, &rules_on_main(&repo)?.rules)?;
        if let Some(head) = self.head.filter(|head| repo.read_commit(*head).is_err()) {
            let hint = "`git rev-parse BRANCH` tells the commit of a branch; without --head the review is for the newest one";
            return Err(failure::hinted(
                format!("there is no commit `{head}` in this repository"),
                hint,
            ));
        }
        let reviewed = options.bot()?.review(&NewWord {
            number: self.number,
            by: self.by.clone(),
            word: self.word(),
            message: self.message.clone(),
            head: self.head,
            at: options.now(),
        })?;
        if options.is_json() {
            output::json(&reviewed)?;
        } else {
            output::text(&format!(
                "recorded: {} of {} at {}; {}",
                reviewed.opinion,
                self.number,
                reviewed.head.short(),
                reviewed.meaning
            ))?;
        }
        Ok(Answer::Done)
    }

    const fn word(&self) -> Word {
        match (self.approve, self.dismiss, self.reject) {
            (true, ..) => Word::Approve(self.confidence),
            (_, true, _) => Word::Dismiss,
            (.., Some(category)) => Word::Reject(category),
            _ => Word::RequestChanges,
        }
    }
}

/// A login that nobody has is a slip of the fingers. A known one that may not decide is recorded: it
/// belongs in the trail that somebody tried.
fn refuse_strangers(login: &Login, rules: &Rules) -> Result<()> {
    let account = AccountRecord {
        login: Some(login.clone()),
        ..AccountRecord::default()
    };
    let is_agents_name = rules.agents.contains_key(login.as_str());
    if is_agents_name || principal_of(&account, rules) != Principal::Unknown {
        return Ok(());
    }
    let names: Vec<&str> = rules
        .people
        .with_role(Role::Reviewer)
        .map(|person| person.name.as_str())
        .take(10)
        .collect();
    let hint = match names.as_slice() {
        [] => "an admin lists people there through a pull request".to_owned(),
        names => format!("reviewers and admins are {}", names.join(", ")),
    };
    Err(failure::hinted(
        format!("`{login}` is not listed in `rules/people.yaml`"),
        hint,
    ))
}

fn number(text: &str) -> std::result::Result<PullNumber, String> {
    let number = text
        .trim_start_matches('#')
        .parse()
        .map_err(|_| "expected the number of a pull request, such as `12`".to_owned())?;
    Ok(PullNumber(number))
}
