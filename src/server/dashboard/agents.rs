//! `/agents/NAME`: how one agent fares, what it did last, and what it can learn.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::case_store::Reader;
use super::cases::encoded;
use super::charts::{self, Stack};
use super::overview::{Figure, share_figure};
use super::page_context::{Frame, PageContext};
use super::pages::{PageError, page, refused};
use super::row::Row;
use super::text::{counted, thousands};
use crate::domain::page::{Block, Line, Span};
use crate::domain::problem::Reading;
use crate::insight::case_documents::Documents;
use crate::insight::lessons::Lessons;
use crate::insight::metrics::Tally;
use crate::insight::{Index, Period, Query};

/// So many cases are shown, the newest first.
const MOST_CASES: usize = 15;
/// So many facts are told.
const MOST_LESSONS: usize = 20;

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

pub async fn show(context: PageContext, Path(asked): Path<Asked>) -> Response {
    let name = asked.name.clone();
    let wanted = move |index: &Index| Lessons::wanted(index, &name, Period::ALL);
    // What hinders this hinders the page, too, which says so.
    let _ = context.worker.case_store().fetch(wanted).await;
    context
        .show("", move |reader, frame| {
            let wanted = Lessons::wanted(reader.snapshot.index(), &asked.name, Period::ALL);
            let documents = reader.documents(&wanted)?;
            make(reader, frame, asked.name, &documents)
        })
        .await
}

fn make(
    reader: &mut Reader<'_>,
    frame: Frame,
    name: String,
    documents: &Documents,
) -> anyhow::Result<Response> {
    let registered = match reader.rules() {
        Ok(Reading::Valid(version)) => version
            .rules
            .agents
            .get(name.as_str())
            .map(|agent| agent.owner.to_string()),
        _ => None,
    };
    let index = reader.snapshot.index();
    let tally = tally(index, &name);
    if tally.cases == 0 && registered.is_none() {
        let mut refusal = PageError::new(
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
    let mut shared = MOST_LESSONS;
    let told = Lessons::of(index, name, Period::ALL, documents).page(|_| {
        let fits = shared > 0;
        shared = shared.saturating_sub(1);
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
        Span::Name(text) | Span::Code(text) => Piece { kind: "name", text },
        Span::Words(text) => Piece {
            kind: "words",
            text,
        },
    };
    line.0.into_iter().map(piece).collect()
}
