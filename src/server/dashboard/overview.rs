//! `/`: how everything stands, at a glance.

use askama::Template;
use axum::extract::{FromRequestParts as _, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::case_store::Reader;
use super::super::state::AppState;
use super::charts::{self, Columns, Lines, Stack};
use super::page_context::{Frame, PageContext, choose};
use super::pages::page;
use super::period::{Asked, Choice, step};
use super::row::{Risk, Row};
use super::text::{category, counted, duration, status_word, thousands, unquoted};
use crate::insight::metrics::{AgentFigures, LevelFigures, Metrics};
use crate::insight::trend::Interval;
use crate::insight::{Case, Proportion};

/// So many waiting cases are shown, the oldest first.
const MOST_WAITING: usize = 5;
/// So many agents are shown.
const MOST_AGENTS: usize = 50;
/// So many commits without a case are shown.
const MOST_UNREADABLE: usize = 20;

/// What an address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Query_ {
    period: String,
    since: String,
    until: String,
}

#[derive(Template)]
#[template(path = "dashboard/overview.html")]
struct OverviewPage {
    frame: Frame,
    periods: Vec<Choice>,
    asked: Asked,
    total: Figure,
    approval: Figure,
    success: Figure,
    pending: Figure,
    waiting: Vec<Waits>,
    levels: Vec<LevelRow>,
    agents: Vec<AgentRow>,
    more_agents: usize,
    histogram: Columns,
    trend: Columns,
    rates: Lines,
    step: &'static str,
    outcomes: Vec<Part>,
    statuses: Vec<Part>,
    rejections: Vec<Part>,
    unreadable: Vec<(String, String)>,
    /// The same time, for addresses of lists.
    time: String,
    all_unreadable: String,
}

impl OverviewPage {
    /// Wholes that are shown by their parts.
    fn wholes(&self) -> [(&'static str, &'static str, &[Part]); 3] {
        [
            ("outcomes-title", "What came of it", &self.outcomes),
            ("statuses-title", "How it was decided", &self.statuses),
            ("rejections-title", "Why it was rejected", &self.rejections),
        ]
    }
}

#[derive(Debug)]
pub struct Figure {
    pub text: String,
    pub under: String,
    pub more: String,
}

/// A case that waits.
#[derive(Debug)]
struct Waits {
    row: Row,
    since: String,
    title: String,
    /// Whether a question to its agent has no answer.
    is_asked: bool,
}

/// How a level fares.
#[derive(Debug)]
struct LevelRow {
    risk: Risk,
    count: String,
    percent: String,
    width: String,
    approval: String,
    success: String,
}

/// How an agent fares.
#[derive(Debug)]
struct AgentRow {
    name: String,
    cases: String,
    levels: Stack,
    level_words: String,
    approval: String,
    approval_of: String,
    success: String,
    success_of: String,
    score: String,
}

/// A part of a whole.
#[derive(Debug)]
struct Part {
    name: &'static str,
    class: &'static str,
    count: String,
    percent: String,
    width: String,
    /// The cases that it counts.
    query: String,
}

/// The overview of the one repository, or the choice between several.
pub async fn at_root(State(app_state): State<AppState>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if app_state.workers().len() != 1 {
        return choose(&app_state, &parts.headers).await;
    }
    let query = Query::try_from_uri(&parts.uri).unwrap_or_default();
    match PageContext::from_request_parts(&mut parts, &app_state).await {
        Ok(context) => show(context, query).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// The overview of a repository.
pub async fn show(context: PageContext, Query(query): Query<Query_>) -> Response {
    let asked = Asked {
        name: query.period,
        since: query.since,
        until: query.until,
    };
    let now = Utc::now();
    context
        .show("overview", move |reader, frame| {
            page(StatusCode::OK, &overview(reader, frame, asked, now))
        })
        .await
}

fn overview(reader: &Reader<'_>, frame: Frame, asked: Asked, now: DateTime<Utc>) -> OverviewPage {
    let index = reader.snapshot.index();
    let period = asked.period(now);
    let metrics = Metrics::of(index, period, step(index, period, now));
    let waiting = index.pending().iter().take(MOST_WAITING);
    let unreadable = index.unreadable();
    OverviewPage {
        periods: asked.choices(),
        total: Figure {
            text: thousands(metrics.total.into()),
            under: format!("{} decided", thousands(metrics.approval.of.into())),
            more: match metrics.governance {
                0 => String::new(),
                count => format!("and {}", counted(count.into(), "governance change")),
            },
        },
        approval: share_figure(metrics.approval, "decided"),
        success: share_figure(metrics.success, "carried out"),
        pending: Figure {
            text: thousands(index.pending().len() as u64),
            under: oldest(index.pending(), now),
            more: String::new(),
        },
        waiting: waiting.map(|case| waits(&frame.base, case, now)).collect(),
        levels: metrics.levels.iter().map(level_row).collect(),
        agents: metrics
            .agents
            .iter()
            .take(MOST_AGENTS)
            .map(agent_row)
            .collect(),
        more_agents: metrics.agents.len().saturating_sub(MOST_AGENTS),
        histogram: charts::histogram(&metrics.histogram),
        trend: charts::trend(&metrics.trend, metrics.step),
        rates: charts::rates(&metrics.trend, metrics.step),
        step: step_word(metrics.step),
        outcomes: outcomes(&metrics),
        statuses: statuses(&metrics),
        rejections: rejections(&metrics),
        unreadable: unreadable
            .iter()
            .rev()
            .take(MOST_UNREADABLE)
            .map(|one| (one.commit.short(), one.reason.clone()))
            .collect(),
        all_unreadable: counted(unreadable.len() as i64, "commit"),
        time: asked.query(),
        asked,
        frame,
    }
}

const fn step_word(step: Interval) -> &'static str {
    match step {
        Interval::Day => "day",
        Interval::Week => "week",
        Interval::Month => "month",
        Interval::Year => "year",
    }
}

/// A rate, with what can be said of the true one behind it.
pub fn share_figure(share: Proportion, of: &str) -> Figure {
    Figure {
        text: share.percent(),
        under: match share.of {
            0 => format!("nothing {of} yet"),
            all => format!(
                "{} of {} {of}",
                thousands(share.count.into()),
                thousands(all.into())
            ),
        },
        more: match share.of {
            0 => String::new(),
            _ => format!("likely {}", share.range()),
        },
    }
}

fn oldest(pending: &[Case], now: DateTime<Utc>) -> String {
    match pending.iter().filter_map(Case::asked_at).min() {
        Some(at) => format!("the oldest for {}", duration(now - at)),
        None => "nothing waits".to_owned(),
    }
}

fn waits(base: &str, case: &Case, now: DateTime<Utc>) -> Waits {
    Waits {
        row: Row::of(base, case),
        since: case
            .asked_at()
            .map(|at| duration(now - at))
            .unwrap_or_default(),
        title: case
            .place
            .as_ref()
            .map(|place| unquoted(&place.title))
            .unwrap_or_default(),
        is_asked: case.open_questions() > 0,
    }
}

fn level_row(figures: &LevelFigures) -> LevelRow {
    LevelRow {
        risk: Risk::new(figures.level, Default::default()),
        count: thousands(figures.share.count.into()),
        percent: figures.share.percent(),
        width: charts::bar(figures.share),
        approval: figures.approval.percent(),
        success: figures.success.percent(),
    }
}

fn agent_row(figures: &AgentFigures) -> AgentRow {
    let [low, medium, high] = figures.levels;
    let of = |share: Proportion| format!("of {}", thousands(share.of.into()));
    AgentRow {
        name: figures.agent.to_string(),
        cases: thousands(figures.recommendations.into()),
        levels: charts::stack(figures.levels),
        level_words: format!("{low} LOW, {medium} MEDIUM, {high} HIGH"),
        approval: figures.approval.percent(),
        approval_of: of(figures.approval),
        success: figures.success.percent(),
        success_of: of(figures.success),
        score: figures
            .mean_score
            .map_or_else(|| "–".to_owned(), |score| format!("{score:.2}")),
    }
}

fn part(name: &'static str, class: &'static str, count: u32, all: u32, query: String) -> Part {
    let share = Proportion::new(count, all);
    Part {
        name,
        class,
        count: thousands(count.into()),
        percent: share.percent(),
        width: charts::bar(share),
        query,
    }
}

fn outcomes(metrics: &Metrics) -> Vec<Part> {
    let counts = metrics.outcomes;
    let all = counts.success + counts.failure + counts.unknown + counts.rescored + counts.open;
    let ending = |word: &str| format!("outcome={word}");
    let mut parts = vec![
        part("Success", "low", counts.success, all, ending("success")),
        part("Failure", "high", counts.failure, all, ending("failure")),
        part("Unknown", "medium", counts.unknown, all, ending("unknown")),
        part("Not carried out", "plain", counts.open, all, ending("open")),
    ];
    if counts.rescored > 0 {
        parts.push(part(
            "Scored again",
            "medium",
            counts.rescored,
            all,
            ending("rescored"),
        ));
    }
    parts
}

fn statuses(metrics: &Metrics) -> Vec<Part> {
    let all = metrics.statuses.iter().map(|(_, count)| count).sum();
    let each = metrics.statuses.iter().map(|(status, count)| {
        let class = if status.is_approval() { "low" } else { "plain" };
        part(
            status_word(*status),
            class,
            *count,
            all,
            format!("status={status}"),
        )
    });
    each.collect()
}

fn rejections(metrics: &Metrics) -> Vec<Part> {
    let all = metrics.rejections.iter().map(|(_, count)| count).sum();
    let each = metrics.rejections.iter().map(|(concern, count)| {
        part(
            category(*concern),
            "plain",
            *count,
            all,
            format!("category={concern}"),
        )
    });
    each.collect()
}
