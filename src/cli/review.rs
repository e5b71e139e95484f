//! `countersign review`: a person's word on a pull request of the local forge.

use std::io::{self, IsTerminal as _, Write as _};

use super::arguments::{once_each, parameter};
use super::last_shown::LastShown;
use super::options::{Options, rules_on_main};
use super::{CommandOutcome, Result, failure, output};
use crate::bot::review::{NewWord, ReviewWord};
use crate::domain::amendment::AmendmentText;
use crate::domain::documents::{AccountRecord, RejectionCategory, Role};
use crate::domain::ids::{Login, ParameterName, PullNumber, Sha};
use crate::domain::review::Confidence;
use crate::domain::value::Value;
use crate::forge::local::LocalForge;
use crate::gate::eligibility::{Principal, principal_of};
use crate::git::Repository;
use crate::rules::Rules;

/// Review a pull request of the local forge
///
/// The review is for the present head of the branch, unless --head names another commit; an approval is for
/// the head that `countersign show` showed you last. Where that is not the present one, a terminal shows it and
/// asks, and --head is needed elsewhere. It is only recorded: `countersign run` decides. Exactly one of
/// --approve, --request-changes, --reject and --dismiss is needed.
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
    /// Approve only this value of something that it changes; several times for several
    #[arg(long, value_name = "KEY=VALUE", requires = "approve", value_parser = parameter)]
    set: Vec<(ParameterName, Value)>,
    /// Approve all but this parameter or target; several times for several
    #[arg(long, value_name = "NAME", requires = "approve")]
    without: Vec<String>,
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
        let head = match self.head {
            None if self.approve => match self.find_read_head(options, &repo)? {
                ReadHead::This(head) => Some(head),
                ReadHead::Unknown => None,
                ReadHead::Declined => return Ok(CommandOutcome::No),
            },
            head => head,
        };
        let reviewed = options.bot()?.review(&NewWord {
            number: self.number,
            by: self.by.clone(),
            word: self.word()?,
            message: self.message.clone(),
            head,
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
        Ok(CommandOutcome::Done)
    }

    /// The commit that this person has read.
    fn find_read_head(&self, options: &Options, repo: &Repository) -> Result<ReadHead> {
        let heads = LocalForge::new().heads(repo, self.number, options.now())?;
        let Some(present) = heads.last().copied() else {
            return Ok(ReadHead::Unknown);
        };
        let last = LastShown::of(options, repo);
        let shown = last.as_ref().and_then(|last| last.find(self.number));
        if shown == Some(present) {
            return Ok(ReadHead::This(present));
        }
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            return self.show_and_ask(options, last.as_ref());
        }
        match shown {
            // There was never another one that could have been meant.
            None if heads.len() == 1 => Ok(ReadHead::This(present)),
            None => Err(self.refuse(present, "its head has changed since it was opened")),
            Some(shown) => {
                let short = shown.short();
                Err(self.refuse(present, &format!("you were shown its head {short}")))
            }
        }
    }

    fn show_and_ask(&self, options: &Options, last: Option<&LastShown>) -> Result<ReadHead> {
        let Some(head) = super::show::show_open(options, self.number)? else {
            return Ok(ReadHead::Unknown);
        };
        if let Some(last) = last {
            last.remember(self.number, head);
        }
        let mut answer = String::new();
        write!(
            io::stderr(),
            "\nApprove {} at {}? [y/N] ",
            self.number,
            head.short()
        )?;
        io::stdin().read_line(&mut answer)?;
        Ok(match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => ReadHead::This(head),
            _ => ReadHead::Declined,
        })
    }

    fn refuse(&self, present: Sha, why: &str) -> anyhow::Error {
        let number = self.number;
        let typed = std::env::args_os().skip(1);
        let typed: Vec<String> = typed
            .map(|word| shell_word(&word.to_string_lossy()))
            .collect();
        failure::usage(format!(
            "{why}, and {number} is now at {}: an approval is for what you have read. Read it with `countersign show {}`, then\n\n  \
             countersign {} --head {present}",
            present.short(),
            number.0,
            typed.join(" ")
        ))
    }

    fn word(&self) -> Result<ReviewWord> {
        let set = once_each("--set", &self.set)?;
        let less = AmendmentText::new(set, self.without.iter().cloned());
        Ok(match (self.approve, self.dismiss, self.reject) {
            (true, ..) => ReviewWord::Approve {
                confidence: self.confidence,
                less: Some(less).filter(|less| !less.is_empty()),
            },
            (_, true, _) => ReviewWord::Dismiss,
            (.., Some(category)) => ReviewWord::Reject(category),
            _ => ReviewWord::RequestChanges,
        })
    }
}

/// What is known of the commit that somebody has read.
enum ReadHead {
    This(Sha),
    /// There is no such open pull request; why not is said where the review is recorded.
    Unknown,
    /// They were shown it and did not say yes.
    Declined,
}

/// A word as a shell takes it for one.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@#,+%".contains(c);
    if !word.is_empty() && !word.starts_with('#') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A login that nobody has is a slip of the fingers. A known one that may not decide is recorded: it
/// belongs in the trail that somebody tried.
pub(super) fn refuse_strangers(login: &Login, rules: &Rules) -> Result<()> {
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

pub(super) fn number(text: &str) -> std::result::Result<PullNumber, String> {
    let number = text
        .trim_start_matches('#')
        .parse()
        .map_err(|_| "expected the number of a pull request, such as `12`".to_owned())?;
    Ok(PullNumber(number))
}
