//! `countersign review`: a person's word on a pull request of the local forge.

use serde_json::json;

use super::options::{Options, rules_on_main};
use super::{Answer, Result, failure, output};
use crate::bot::Pending;
use crate::domain::documents::{AccountRecord, RejectionCategory, Role};
use crate::domain::ids::{Login, PullNumber, Sha};
use crate::domain::review::{Confidence, Opinion};
use crate::forge::ForgeError;
use crate::forge::local::{LocalForge, NewReview};
use crate::gate::eligibility::{Principal, principal_of};
use crate::gate::verdict::{Ruling, Verdict};
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
        let repo = options.open_forge()?;
        refuse_strangers(&self.by, &rules_on_main(&repo)?.rules)?;
        if let Some(head) = self.head.filter(|head| repo.read_commit(*head).is_err()) {
            let hint = "`git rev-parse BRANCH` tells the commit of a branch; without --head the review is for the newest one";
            return Err(failure::hinted(
                format!("there is no commit `{head}` in this repository"),
                hint,
            ));
        }
        let review = NewReview {
            number: self.number,
            by: self.by.clone(),
            opinion: self.opinion(),
            head: self.head,
            body: self.body(),
            at: options.now(),
        };
        let pull = LocalForge::new().review(&repo, review)?;
        let (id, head) = pull
            .reviews
            .last()
            .map(|review| (review.id.clone(), review.head))
            .ok_or(ForgeError::NoSuchPull(self.number))?;
        let heard = options.bot()?.hear(pull)?;
        let ignored = heard
            .hearing
            .ruling
            .as_ref()
            .and_then(|ruling| find_ignored(ruling, &id));
        if options.is_json() {
            let counts = heard
                .hearing
                .ruling
                .as_ref()
                .filter(|_| !self.dismiss)
                .map(|_| ignored.is_none());
            let opinion = self.opinion_word();
            output::json(
                &json!({"number": self.number, "head": head, "opinion": opinion, "counts": counts, "reason": ignored}),
            )?;
        } else {
            output::text(&format!(
                "recorded: {} of {} at {}; {}",
                self.opinion_word(),
                self.number,
                head.short(),
                self.meaning(&heard, ignored)
            ))?;
        }
        Ok(Answer::Done)
    }

    const fn opinion(&self) -> Opinion {
        match (self.approve, self.dismiss) {
            (true, _) => Opinion::Approve,
            (_, true) => Opinion::Dismissed,
            _ => Opinion::RequestChanges,
        }
    }

    const fn opinion_word(&self) -> &'static str {
        match (self.approve, self.dismiss, &self.reject) {
            (true, ..) => "approval",
            (_, true, _) => "dismissal",
            (.., Some(_)) => "rejection",
            _ => "request for changes",
        }
    }

    /// A longer reason goes below the command, because a command is one line.
    fn body(&self) -> String {
        let mut body = match &self.reject {
            Some(category) if self.message.contains('\n') => {
                format!("/reject {category}\n{}", self.message)
            }
            Some(category) => format!("/reject {category}: {}", self.message),
            None => self.message.clone(),
        };
        if let Some(confidence) = self.confidence {
            body.push_str(&format!("\n/confidence {confidence}"));
        }
        body.trim().to_owned()
    }

    /// What follows from it, as far as that can be told now.
    fn meaning(&self, heard: &Pending, ignored: Option<&str>) -> String {
        if let Some(reason) = ignored.filter(|_| !self.dismiss) {
            return format!("it will not count: {reason}");
        }
        let Some(ruling) = &heard.hearing.ruling else {
            return format!(
                "nothing follows until the proposal is mended: {}",
                heard.hearing.report.title
            );
        };
        let by = |login: &Login| *login == self.by;
        match &ruling.verdict {
            Verdict::Approve(_) => "`countersign run` merges it".to_owned(),
            Verdict::Reject(rejection) if by(&rejection.by) => "`countersign run` closes it".to_owned(),
            Verdict::Reject(rejection) => format!("{} has rejected it: `countersign run` closes it", rejection.by),
            Verdict::Withdraw | Verdict::Expire => "`countersign run` closes it".to_owned(),
            Verdict::Wait(_) if self.reject.is_some() => "the rejection will not count: only reviewers and admins can reject".to_owned(),
            Verdict::Wait(wait) if wait.frozen => "it counts, but everything is frozen: an admin lifts that with `countersign unfreeze`".to_owned(),
            Verdict::Wait(wait) if wait.blocked_by.iter().any(by) => "it waits until the same person approves".to_owned(),
            Verdict::Wait(wait) if !wait.blocked_by.is_empty() => {
                let names: Vec<&str> = wait.blocked_by.iter().map(Login::as_str).collect();
                format!("it still waits for {}, who requested changes", names.join(", "))
            }
            Verdict::Wait(wait) if wait.missing == 1 => format!("it still needs 1 approval by {}", whom(ruling)),
            Verdict::Wait(wait) => format!("it still needs {} approvals, each by {}", wait.missing, whom(ruling)),
        }
    }
}

const fn whom(ruling: &Ruling) -> &'static str {
    match ruling.required.role {
        Role::Admin => "an admin",
        Role::Reviewer | Role::None => "a reviewer",
    }
}

fn find_ignored<'r>(ruling: &'r Ruling, review: &str) -> Option<&'r str> {
    ruling
        .ignored
        .iter()
        .find(|ignored| ignored.review == review)
        .map(|ignored| ignored.reason.as_str())
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
        .map(|person| person.login.as_str())
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
