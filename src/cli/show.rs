//! `countersign show`: one whole case, for a person or for a program.

mod words;

use serde::Serialize;

use super::case_ref::CaseRef;
use super::list::PENDING;
use super::options::Options;
use super::{Answer, Result, failure, output};
use crate::bot::{Bot, Pending};
use crate::domain::documents::{Assessment, Claim, Decision, Feedback, Outcome, Recommendation};
use crate::domain::ids::{CaseId, PullNumber, Sha};
use crate::domain::pull::{Pull, PullState};
use crate::domain::yaml;
use crate::forge::{ForgeError, ReportState};
use crate::git::Repository;
use crate::ledger::{CaseFile, CaseRow, Entry, LedgerError, MAIN, Trail};

/// Show one whole case: what, why this score, who decided and why, what came of it
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The case, or the number of its pull request
    #[arg(value_name = "ID|NUMBER")]
    case: CaseRef,
}

/// Everything about one case.
#[derive(Debug, Serialize)]
pub struct Shown {
    id: Option<CaseId>,
    status: String,
    recommendation: Option<Recommendation>,
    /// As decided; while it is pending, as it is now.
    risk: Option<Assessment>,
    decision: Option<Decision>,
    claim: Option<Claim>,
    /// The last word.
    outcome: Option<Outcome>,
    /// All attempts, the first one first.
    outcomes: Vec<Outcome>,
    feedback: Vec<Feedback>,
    pull: Option<ShownPull>,
    /// What the bot tells people, while it is pending.
    report: Option<ShownReport>,
    /// The ids of its commits on `main`, oldest first.
    commits: Vec<Sha>,
    /// The same commits, with what happened in each.
    events: Vec<ShownEvent>,
}

#[derive(Debug, Serialize)]
struct ShownPull {
    number: PullNumber,
    head: Sha,
    branch: String,
    /// `open`, `merged` or `closed`.
    state: &'static str,
}

#[derive(Debug, Serialize)]
struct ShownReport {
    state: &'static str,
    title: String,
    body: String,
}

#[derive(Debug, Serialize)]
struct ShownEvent {
    commit: Sha,
    event: Option<&'static str>,
    at: String,
    subject: String,
}

impl Show {
    /// Shows it.
    ///
    /// # Errors
    /// When there is no such case.
    pub fn run(&self, options: &Options) -> Result {
        let shown = find(options, self.case)?;
        if options.is_json() {
            output::json(&shown)?;
        } else {
            output::text(&words::said(&shown))?;
        }
        Ok(Answer::Done)
    }
}

fn find(options: &Options, case: CaseRef) -> Result<Shown> {
    let repo = options.open()?;
    let trail = Trail::read(&repo)?;
    let is_asked = |row: &&CaseRow| match case {
        CaseRef::Id(id) => row.id == id,
        CaseRef::Number(number) => row.number == Some(number.0),
    };
    if let Some(row) = trail.cases.iter().rev().find(is_asked) {
        return decided(
            &repo,
            row,
            trail.commits.get(&row.id).map_or(&[], Vec::as_slice),
        );
    }
    if repo.is_bare() {
        return undecided(&mut options.bot()?, case);
    }
    let hint = "`countersign list` shows the decided ones; pending ones are known to the governance repository itself, not to a clone";
    Err(failure::hinted(
        "there is no such decided case in this clone",
        hint,
    ))
}

fn decided(repo: &Repository, row: &CaseRow, commits: &[Sha]) -> Result<Shown> {
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    let governance = Decision::governance_path_of(row.id);
    let (file, decision) = match repo.read_path(root, &governance)? {
        Some(bytes) => (None, yaml::read::<Decision>(&governance, &bytes)?),
        None => {
            let file = CaseFile::read(repo.objects(), root, row.id)?;
            let decision = file.decision.clone();
            (Some(file), decision)
        }
    };
    let pull = ShownPull {
        number: decision.pull.number,
        head: decision.pull.head,
        branch: decision.pull.branch.clone(),
        state: if decision.status.is_approval() {
            "merged"
        } else {
            "closed"
        },
    };
    let mut shown = Shown {
        id: Some(row.id),
        status: decision.status.to_string(),
        recommendation: None,
        risk: Some(decision.risk.clone()),
        decision: Some(decision),
        claim: None,
        outcome: None,
        outcomes: Vec::new(),
        feedback: Vec::new(),
        pull: Some(pull),
        report: None,
        commits: commits.to_vec(),
        events: commits
            .iter()
            .map(|commit| event(repo, *commit))
            .collect::<Result<_>>()?,
    };
    if let Some(file) = file {
        shown.recommendation = Some(file.recommendation);
        shown.claim = file.claim;
        shown.outcome = file.outcomes.last().cloned();
        shown.outcomes = file.outcomes;
        shown.feedback = file.feedback;
    }
    Ok(shown)
}

fn event(repo: &Repository, id: Sha) -> Result<ShownEvent> {
    let commit = repo.read_commit(id)?;
    let entry = Entry::of(&commit);
    Ok(ShownEvent {
        commit: id,
        event: entry.event.map(|event| event.as_str()),
        at: crate::domain::documents::time::text(&entry.at),
        subject: commit.message.lines().next().unwrap_or_default().to_owned(),
    })
}

/// A case that is pending, or a pull request that ended without becoming one.
fn undecided(bot: &mut Bot, case: CaseRef) -> Result<Shown> {
    let mut pulls = bot.open_pulls()?;
    match case {
        CaseRef::Number(number) => {
            if let Some(pull) = pulls.into_iter().find(|pull| pull.number == number) {
                return Ok(pending(bot.hear(pull)?));
            }
            let pull = bot
                .find_pull(number)?
                .ok_or(ForgeError::NoSuchPull(number))?;
            Ok(without_case(pull))
        }
        CaseRef::Id(id) => {
            // The branch is named after the id by custom, so that one is tried first.
            pulls.sort_by_key(|pull| !pull.branch.ends_with(&id.to_string()));
            for pull in pulls {
                let heard = bot.hear(pull)?;
                if heard.hearing.id == Some(id) {
                    return Ok(pending(heard));
                }
            }
            Err(failure::hinted(
                format!("there is no case `{id}`, neither decided nor pending"),
                "`countersign list` shows all cases",
            ))
        }
    }
}

fn pending(heard: Pending) -> Shown {
    let report = &heard.hearing.report;
    let report = ShownReport {
        state: report.state.as_str(),
        title: report.title.clone(),
        body: report.body.clone(),
    };
    Shown {
        id: heard.hearing.id,
        recommendation: heard.hearing.document,
        risk: heard.hearing.assessment,
        report: Some(report),
        ..without_case(heard.pull)
    }
}

fn without_case(pull: Pull) -> Shown {
    let is_open = pull.state == PullState::Open;
    let report = pull.last_report.as_deref().map(read_report);
    Shown {
        id: None,
        status: if pull.state == PullState::Done {
            "ended".to_owned()
        } else {
            PENDING.to_owned()
        },
        recommendation: None,
        risk: None,
        decision: None,
        claim: None,
        outcome: None,
        outcomes: Vec::new(),
        feedback: Vec::new(),
        pull: Some(ShownPull {
            number: pull.number,
            head: pull.head,
            branch: pull.branch,
            state: if is_open { "open" } else { "closed" },
        }),
        report,
        commits: Vec::new(),
        events: Vec::new(),
    }
}

/// A report as the forge keeps it: state, title and body in one text.
fn read_report(text: &str) -> ShownReport {
    let (first, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let states = [
        ReportState::Success,
        ReportState::Waiting,
        ReportState::Failure,
    ];
    let known = states.into_iter().find_map(|state| {
        let title = first.strip_prefix(state.as_str())?.strip_prefix(": ")?;
        Some((state, title))
    });
    let (state, title) = known.unwrap_or((ReportState::Failure, first));
    ShownReport {
        state: state.as_str(),
        title: title.to_owned(),
        body: body.to_owned(),
    }
}
