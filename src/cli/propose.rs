//! `countersign propose`: writes a recommendation, commits it as the agent, and opens the pull request.

use std::path::PathBuf;

use serde_json::json;

use super::arguments::{Description, document};
use super::options::{Options, rules_on_main};
use super::{Answer, Result, check, failure, output};
use crate::bot::check::{Checked, check};
use crate::domain::documents::{Recommendation, Role};
use crate::domain::ids::{PullNumber, Sha};
use crate::forge::local::LocalForge;
use crate::forge::{Forge as _, ForgeError};
use crate::git::{
    Durability, Expect, Mode, NewCommit, ObjectBuffer, RefEdit, RefsUpdate, Repository, Signature,
    TreeEditor,
};
use crate::ledger::{LedgerError, MAIN};

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

/// What was opened.
struct Opened {
    number: PullNumber,
    branch: String,
    head: Sha,
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
        let recommendation = match Recommendation::read(&name, &bytes) {
            Ok(recommendation) if checked.valid => recommendation,
            _ => return refuse(options, &checked),
        };
        let agent = self.identity(&repo, &recommendation)?;
        let opened = open(options, &repo, &recommendation, &bytes, agent)?;
        if options.is_json() {
            let Opened {
                number,
                branch,
                head,
            } = opened;
            output::json(
                &json!({"id": recommendation.id, "number": number, "branch": branch, "head": head}),
            )?;
        } else {
            let Opened {
                number,
                branch,
                head,
            } = opened;
            let id = recommendation.id;
            output::text(&format!(
                "{id} is pull request {number}, branch {branch} at {}\n{}",
                head.short(),
                expectation(&checked)
            ))?;
        }
        Ok(Answer::Done)
    }

    /// In whose name the commit is made.
    fn identity(&self, repo: &Repository, recommendation: &Recommendation) -> Result<Signature> {
        let name = recommendation.agent.to_string();
        let time = recommendation.created_at;
        if let Some(email) = &self.by {
            if !email.contains('@')
                || email
                    .chars()
                    .any(|c| c.is_whitespace() || c.is_control() || "<>".contains(c))
            {
                return Err(failure::usage(
                    "`--as` takes an e-mail address, such as `strategy-optimizer@agents.example.org`",
                ));
            }
            return Ok(Signature {
                name,
                email: email.clone(),
                time,
            });
        }
        let version = rules_on_main(repo)?;
        let known = version.rules.agents.get(&recommendation.agent);
        match known.and_then(|agent| agent.emails.first()) {
            Some(email) => Ok(Signature {
                name,
                email: email.clone(),
                time,
            }),
            None => {
                let what = if known.is_some() {
                    "has no e-mail address"
                } else {
                    "is not registered"
                };
                let hint =
                    "an admin lists the agent there; until then name the address with `--as EMAIL`";
                Err(failure::hinted(
                    format!(
                        "`{name}` {what} in `rules/agents.yaml`, so it is not clear how to commit in its name"
                    ),
                    hint,
                ))
            }
        }
    }
}

fn refuse(options: &Options, checked: &Checked) -> Result {
    if options.is_json() {
        output::json(checked)?;
        return Ok(Answer::No);
    }
    let problems: Vec<String> = checked.errors.iter().map(ToString::to_string).collect();
    failure::report(&anyhow::anyhow!(
        "the recommendation is invalid, so nothing was proposed:\n{}",
        problems.join("\n")
    ));
    Ok(Answer::No)
}

/// Commits the file on top of `main` and lets the forge notice the branch.
fn open(
    options: &Options,
    repo: &Repository,
    recommendation: &Recommendation,
    bytes: &[u8],
    agent: Signature,
) -> Result<Opened> {
    let now = options.now();
    let signature = Signature { time: now, ..agent };
    let base = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let mut buffer = ObjectBuffer::new();
    let blob = buffer.put_blob(bytes);
    let mut tree = TreeEditor::new(Some(repo.read_commit(base)?.tree));
    tree.insert(
        repo.objects(),
        &Recommendation::path_of(recommendation.id),
        Mode::File,
        blob,
    )?;
    let commit = NewCommit {
        tree: tree.write(&mut buffer),
        parents: vec![base],
        author: signature.clone(),
        committer: signature,
        message: subject(recommendation),
        signature: None,
    };
    let head = buffer.put_commit(&commit);
    buffer.flush(repo)?;
    let branch = format!("recommend/{}", recommendation.id);
    let edit = RefEdit {
        name: format!("refs/heads/{branch}"),
        expected: Expect::Absent,
        new: Some(head),
    };
    if repo.update_refs(&[edit], Durability::Durable)? != RefsUpdate::Done {
        return Err(failure::hinted(
            format!("the branch `{branch}` exists already: this id is proposed"),
            "take a fresh id with `countersign new`",
        ));
    }
    let mut forge = LocalForge::new();
    let pulls = forge.open_pulls(repo, now)?;
    let number = pulls
        .iter()
        .find(|pull| pull.branch == branch)
        .map(|pull| pull.number);
    forge.write_seen(repo)?;
    let number = number.ok_or_else(|| ForgeError::Record {
        number: PullNumber(0),
        reason: "the new branch was not noticed".to_owned(),
    })?;
    Ok(Opened {
        number,
        branch,
        head,
    })
}

/// `recommend: modify_parameters on rsi-eurusd and 2 more`: all of it are checked names.
fn subject(recommendation: &Recommendation) -> String {
    let mut text = format!("recommend: {}", recommendation.action);
    if let Some(first) = recommendation.targets.first() {
        text.push_str(&format!(" on {first}"));
    }
    if recommendation.targets.len() > 1 {
        text.push_str(&format!(" and {} more", recommendation.targets.len() - 1));
    }
    text
}

/// What will become of it, as far as that can be told now.
fn expectation(checked: &Checked) -> String {
    let (Some(risk), Some(requires)) = (&checked.risk, checked.requires) else {
        return String::new();
    };
    let needs = match (requires.role, requires.approvals) {
        (Role::None, _) => "needs no approval".to_owned(),
        (Role::Reviewer, 1) => "needs the approval of a reviewer".to_owned(),
        (Role::Reviewer, n) => format!("needs the approval of {n} reviewers"),
        (Role::Admin, 1) => "needs the approval of an admin".to_owned(),
        (Role::Admin, n) => format!("needs the approval of {n} admins"),
    };
    let why = if requires.justification {
        ", with a justification"
    } else {
        ""
    };
    format!(
        "{} {}: {needs}{why}; `countersign run` works it off",
        risk.level, risk.score
    )
}
