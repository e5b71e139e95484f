//! `/cases/ID`: one whole case: what was proposed, why this score, who decided, what came of it, what people
//! said, and the commits with the git commands that show the same.
//!
//! Each record is read by itself, so that one that cannot be read hides none of the others, and is said.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::Utc;
use serde::Deserialize;

use super::super::case_store::Reader;
use super::super::secrets::random;
use super::form::{DecisionPanel, Typed};
use super::history::{TimelineEntry, events, questions, said};
use super::page_context::{Frame, PageContext, Viewer};
use super::pages::{PageError, page, refused};
use super::pending_view::{AgentText, Changes, Executed, PendingView, ViewContext, Why};
use super::records::{Records, TreeReader};
use super::row::{self, Row};
use super::text::Moment;
use crate::bot::case_view::{action_as_decided, diff_as_decided};
use crate::domain::documents::EvidenceRecord;
use crate::domain::ids::{CaseId, PullNumber};
use crate::git::Repository;
use crate::insight::Case;
use crate::ledger::{LedgerError, MAIN};

/// So many targets are named.
const MOST_NAMED: usize = 20;
/// So many commits are shown.
const MOST_COMMITS: usize = 50;

/// A commit that tells of the case.
#[derive(Debug)]
struct CommitView {
    short: String,
    subject: String,
    at: Moment,
}

/// Where people say something about it.
#[derive(Debug)]
struct FeedbackForm {
    csrf: String,
    once: String,
}

#[derive(Template)]
#[template(path = "dashboard/case.html")]
struct CasePage {
    frame: Frame,
    row: Row,
    id: String,
    targets: String,
    session: Option<String>,
    pull: Option<(String, Option<String>)>,
    executed: Executed,
    changed: Option<Changes>,
    /// What others vouched for, each with its source.
    vouched: Vec<String>,
    why: Option<Why>,
    rules: Option<String>,
    events: Vec<TimelineEntry>,
    questions: Vec<TimelineEntry>,
    feedback: Vec<TimelineEntry>,
    words: AgentText,
    commits: Vec<CommitView>,
    commands: Vec<String>,
    problems: Vec<String>,
    form: Option<FeedbackForm>,
}

#[derive(Template)]
#[template(path = "dashboard/waiting.html")]
struct WaitingPage {
    frame: Frame,
    cards: Vec<PendingView>,
    id: String,
}

/// The case in the address: its id, or the number of its pull request.
#[derive(Debug, Deserialize)]
pub struct Asked {
    id: String,
}

pub async fn show(context: PageContext, Path(asked): Path<Asked>) -> Response {
    let view_context = ViewContext {
        base: context.base.clone(),
        viewer: context.viewer.clone(),
        is_on_github: context.worker.github().is_some(),
        now: Utc::now(),
    };
    context
        .show("cases", move |reader, frame| {
            make(reader, frame, &view_context, &asked.id)
        })
        .await
}

fn make(
    reader: &mut Reader<'_>,
    frame: Frame,
    view_context: &ViewContext,
    asked: &str,
) -> anyhow::Result<Response> {
    let snapshot = reader.snapshot;
    let index = snapshot.index();
    let id = asked.parse::<CaseId>().ok();
    let number = asked.parse().ok().map(PullNumber);
    let decided = match (id, number) {
        (Some(id), _) => index.find_decided(id),
        (_, Some(number)) => index.find_number(number).filter(|case| !case.is_pending()),
        _ => None,
    };
    if let Some(case) = decided {
        return page(
            StatusCode::OK,
            &whole(reader, frame, view_context.viewer.as_ref(), case)?,
        );
    }
    let waits = match (id, number) {
        (Some(id), _) => snapshot.find_pending(id),
        (_, Some(number)) => snapshot.pending().get(&number),
        _ => None,
    };
    let Some(pending) = waits else {
        let mut refusal = PageError::new(
            "There is no such case",
            "Neither a decided nor a pending case has this id or number.",
        );
        refusal.next = (format!("{}/cases", view_context.base), "To all cases");
        return Ok(refused(StatusCode::NOT_FOUND, refusal));
    };
    let card = PendingView::of(pending, view_context, reader, Typed::default())?;
    let id = pending
        .evaluation
        .id
        .map(|id| id.to_string())
        .unwrap_or_default();
    page(
        StatusCode::OK,
        &WaitingPage {
            frame,
            cards: vec![card],
            id,
        },
    )
}

fn whole(
    reader: &Reader<'_>,
    frame: Frame,
    viewer: Option<&Viewer>,
    case: &Case,
) -> anyhow::Result<CasePage> {
    let id = case.id.unwrap_or_else(|| CaseId::from_parts(Utc::now(), 0));
    let tip = reader.repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let reader = TreeReader {
        repo: reader.repo,
        root: reader.repo.read_commit(tip)?.tree,
    };
    let records = reader.records(case, id)?;
    let decision = records.decision.as_ref();
    let names: Vec<&str> = case.targets.iter().map(|target| target.as_str()).collect();
    let form = viewer.filter(|_| case.is_recommendation()).map(|viewer| {
        Ok::<_, std::io::Error>(FeedbackForm {
            csrf: viewer.csrf.clone(),
            once: random::<16>()?,
        })
    });
    Ok(CasePage {
        row: Row::of(&frame.base, case),
        id: id.to_string(),
        targets: row::targets(&names, MOST_NAMED),
        session: case.session.as_ref().map(ToString::to_string),
        pull: decision.map(|decision| {
            let url = decision
                .pull
                .url
                .clone()
                .filter(|url| url.starts_with("https://"));
            (
                format!("{} from {}", decision.pull.number, decision.pull.branch),
                url,
            )
        }),
        executed: executed(reader.repo, &records)?,
        changed: decision
            .filter(|_| !case.is_recommendation())
            .and_then(|decision| diff_as_decided(reader.repo, decision))
            .map(|diff| Changes::of(&diff)),
        vouched: decision
            .iter()
            .flat_map(|decision| &decision.evidence)
            .map(EvidenceRecord::in_words)
            .collect(),
        why: decision.map(|decision| Why::of(&decision.risk, &[])),
        rules: decision.map(|decision| decision.rules.commit.short()),
        events: events(case, &records),
        questions: decision
            .map(|decision| questions(&decision.questions))
            .unwrap_or_default(),
        feedback: records.feedback.iter().map(said).collect(),
        words: records
            .recommendation
            .as_ref()
            .map(AgentText::of)
            .unwrap_or_default(),
        commits: commits(reader.repo, case)?,
        commands: commands(case, id),
        problems: records.problems,
        form: form.transpose()?,
        frame,
    })
}

/// What was executed, against the targets as they were when it was decided.
fn executed(repo: &Repository, records: &Records) -> anyhow::Result<Executed> {
    let (Some(document), Some(decision)) = (&records.recommendation, &records.decision) else {
        return Ok(Executed::default());
    };
    Ok(Executed::of(&action_as_decided(repo, document, decision)?))
}

fn commits(repo: &Repository, case: &Case) -> anyhow::Result<Vec<CommitView>> {
    let mut told = Vec::new();
    for id in case.commits.iter().take(MOST_COMMITS) {
        let commit = repo.read_commit(*id)?;
        told.push(CommitView {
            short: id.short(),
            subject: commit.message.lines().next().unwrap_or_default().to_owned(),
            at: Moment::of(commit.committer.time),
        });
    }
    Ok(told)
}

/// How anybody with a clone sees the same.
fn commands(case: &Case, id: CaseId) -> Vec<String> {
    let key = if case.is_recommendation() {
        "Recommendation"
    } else {
        "Governance"
    };
    let folder = if case.is_recommendation() {
        "recommendations"
    } else {
        "governance"
    };
    let mut commands = vec![
        format!("git log --first-parent --grep='^{key}: {id}$' main"),
        format!("git show main:{folder}/{}/decision.yaml", id.folder()),
    ];
    let shown = case.commits.iter().take(MOST_COMMITS);
    commands.extend(shown.map(|commit| format!("git show {}", commit.short())));
    commands
}
