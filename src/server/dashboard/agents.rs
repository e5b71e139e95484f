//! `/agents/NAME`: how one agent fares, what it did last, and what it can learn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::keeper::lock;
use super::super::library::Reader;
use super::cases::encoded;
use super::charts::{self, Stack};
use super::desk::{Desk, Frame};
use super::overview::{Figure, share_figure};
use super::pages::{Refusal, page, refused};
use super::row::Row;
use super::text::{counted, thousands};
use crate::domain::ids::CaseId;
use crate::insight::lessons::Lessons;
use crate::insight::metrics::Tally;
use crate::insight::page::{Block, Line, Span};
use crate::insight::papers::{Documents, Papers};
use crate::insight::{Index, Period, Query};
use crate::ledger::{CaseFile, LedgerError, MAIN};

/// So many cases are shown, the newest first.
const MOST_CASES: usize = 15;
/// So many facts are told.
const MOST_LESSONS: usize = 20;
/// The documents of so many cases are kept for the next look.
const MOST_KEPT: usize = 5_000;

/// A piece of a lesson.
#[derive(Debug)]
struct Piece {
    /// `ours`, `name` or `words`.
    kind: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "dashboard/agent.html")]
struct AgentPage {
    frame: Frame,
    name: String,
    owner: Option<String>,
    is_registered: bool,
    total: Figure,
    approval: Figure,
    success: Figure,
    score: Figure,
    levels: Stack,
    level_words: String,
    rows: Vec<Row>,
    all: String,
    lessons: Vec<Vec<Piece>>,
    notes: Vec<String>,
}

/// The agent in the address.
#[derive(Debug, Deserialize)]
pub struct Asked {
    name: String,
}

/// The documents of a case of a repository, with the number of commits that told of it then.
type KeptPapers = HashMap<(String, CaseId), (usize, Arc<Papers>)>;

/// Documents that were read before. A record is never edited, so one is good as long as nothing was added
/// to its case.
#[derive(Debug, Default)]
pub struct Kept(Mutex<KeptPapers>);

impl Kept {
    fn find(&self, key: &(String, CaseId), commits: usize) -> Option<Arc<Papers>> {
        let kept = lock(&self.0);
        let (of, papers) = kept.get(key)?;
        (*of == commits).then(|| Arc::clone(papers))
    }

    fn keep(&self, key: (String, CaseId), commits: usize, papers: Arc<Papers>) {
        let mut kept = lock(&self.0);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(key, (commits, papers));
    }
}

/// Shows it.
pub async fn show(desk: Desk, Path(asked): Path<Asked>) -> Response {
    let (office, repository) = (desk.office.clone(), desk.keeper.name().to_owned());
    desk.show("", move |reader, frame| {
        let documents = documents(reader, office.front().kept(), &repository, &asked.name)?;
        make(reader, frame, asked.name, &documents)
    })
    .await
}

fn documents(
    reader: &Reader<'_>,
    kept: &Kept,
    repository: &str,
    agent: &str,
) -> anyhow::Result<Documents> {
    let index = reader.holdings.index();
    let tip = reader.repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = reader.repo.read_commit(tip)?.tree;
    let mut documents = Documents::new();
    for id in Lessons::wanted(index, agent, Period::ALL) {
        let commits = index.find_decided(id).map_or(0, |case| case.commits.len());
        let key = (repository.to_owned(), id);
        let papers = match kept.find(&key, commits) {
            Some(papers) => papers,
            None => {
                // What cannot be read is counted by the lessons themselves.
                let Ok(file) = CaseFile::read(reader.repo.objects(), root, id) else {
                    continue;
                };
                let papers = Arc::new(papers(file));
                kept.keep(key, commits, Arc::clone(&papers));
                papers
            }
        };
        documents.insert(id, Papers::clone(&papers));
    }
    Ok(documents)
}

fn papers(file: CaseFile) -> Papers {
    Papers {
        recommendation: Some(file.recommendation),
        decision: Some(file.decision),
        outcomes: file.outcomes,
        feedback: file.feedback,
    }
}

fn make(
    reader: &mut Reader<'_>,
    frame: Frame,
    name: String,
    documents: &Documents,
) -> anyhow::Result<Response> {
    let registered = match reader.rules() {
        Ok(Ok(version)) => version
            .rules
            .agents
            .get(name.as_str())
            .map(|agent| agent.owner.to_string()),
        _ => None,
    };
    let index = reader.holdings.index();
    let tally = tally(index, &name);
    if tally.cases == 0 && registered.is_none() {
        let mut refusal = Refusal::new(
            "There is no such agent",
            "No agent of this name is registered, and none has ever proposed anything.",
        );
        refusal.next = (format!("{}/", frame.base), "To the overview");
        return Ok(refused(StatusCode::NOT_FOUND, refusal));
    }
    let query = Query {
        agent: Some(name.clone()),
        ..Query::default()
    };
    let newest = index.query(&query).take(MOST_CASES);
    let rows = newest.map(|case| Row::of(&frame.base, case)).collect();
    let (lessons, notes) = lessons(index, &name, documents);
    let [low, medium, high] = tally.levels;
    let shown = AgentPage {
        rows,
        lessons,
        notes,
        is_registered: registered.is_some(),
        owner: registered,
        total: Figure {
            text: thousands(tally.cases.into()),
            under: format!("{} pending", thousands(tally.pending.into())),
            more: String::new(),
        },
        approval: share_figure(tally.approval, "decided"),
        success: share_figure(tally.success, "carried out"),
        score: Figure {
            text: tally
                .mean_score()
                .map_or_else(|| "–".to_owned(), |score| format!("{score:.2}")),
            under: counted(tally.automatic.count.into(), "approval"),
            more: "by the bot alone".to_owned(),
        },
        levels: charts::stack(tally.levels),
        level_words: format!("{low} LOW, {medium} MEDIUM, {high} HIGH"),
        all: format!("{}/cases?agent={}", frame.base, encoded(&name)),
        name,
        frame,
    };
    page(StatusCode::OK, &shown)
}

fn tally(index: &Index, name: &str) -> Tally {
    let mut tally = Tally::default();
    let all = index.cases().iter().chain(index.pending());
    let own = all.filter(|case| case.agent.as_deref() == Some(name) && case.is_recommendation());
    own.for_each(|case| tally.add(case));
    tally
}

/// The facts, and what is said about them.
fn lessons(index: &Index, name: &str, documents: &Documents) -> (Vec<Vec<Piece>>, Vec<String>) {
    let mut room = MOST_LESSONS;
    let told = Lessons::of(index, name, Period::ALL, documents).page(|_| {
        let fits = room > 0;
        room = room.saturating_sub(1);
        fits
    });
    let (mut facts, mut notes) = (Vec::new(), Vec::new());
    for block in told.blocks {
        match block {
            Block::List(lines) => facts.extend(lines.into_iter().map(pieces)),
            Block::Text(line) => {
                notes.push(pieces(line).into_iter().map(|piece| piece.text).collect())
            }
            Block::Heading(..) | Block::Table { .. } => {}
        }
    }
    (facts, notes)
}

fn pieces(line: Line) -> Vec<Piece> {
    let piece = |span| match span {
        Span::Ours(text) => Piece { kind: "ours", text },
        Span::Name(text) => Piece { kind: "name", text },
        Span::Words(text) => Piece {
            kind: "words",
            text,
        },
    };
    line.0.into_iter().map(piece).collect()
}
