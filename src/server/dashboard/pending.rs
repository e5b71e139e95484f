//! `/pending`: everything that waits, and the place to decide it.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::Utc;
use serde::Deserialize;

use super::super::case_store::Reader;
use super::form::{DecisionPanel, Typed};
use super::page_context::{Frame, PageContext};
use super::pages::page;
use super::pending_view::{PendingView, ViewContext};
use crate::domain::ids::PullNumber;

/// So many are on a page.
const PAGE: usize = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    page: usize,
}

#[derive(Template)]
#[template(path = "dashboard/pending.html")]
struct PendingPage {
    frame: Frame,
    cards: Vec<PendingView>,
    total: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// What came back from a form, with what was typed.
#[derive(Debug)]
pub struct Returned {
    pub number: PullNumber,
    pub typed: Typed,
}

/// Shows what waits, the oldest first.
pub async fn show(context: PageContext, Query(asked): Query<Asked>) -> Response {
    listed(context, asked.page.max(1), None).await
}

/// Shows what waits once more, because a form could not be taken.
pub async fn show_again(context: PageContext, returned: Returned) -> Response {
    listed(context, 0, Some(returned)).await
}

async fn listed(context: PageContext, number: usize, returned: Option<Returned>) -> Response {
    let view_context = ViewContext {
        base: context.base.clone(),
        viewer: context.viewer.clone(),
        is_on_github: context.worker.github().is_some(),
        now: Utc::now(),
    };
    context
        .show("pending", move |reader, frame| {
            let status = if returned.is_some() {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::OK
            };
            page(
                status,
                &make(reader, frame, &view_context, number, returned)?,
            )
        })
        .await
}

fn make(
    reader: &mut Reader<'_>,
    frame: Frame,
    view_context: &ViewContext,
    number: usize,
    mut returned: Option<Returned>,
) -> anyhow::Result<PendingPage> {
    let snapshot = reader.snapshot;
    // Between the decision and the end of its pull request a case is both: then it is decided.
    let index = snapshot.index();
    let waits = |number| {
        index
            .find_number(number)
            .is_none_or(|case| case.is_pending())
    };
    let all = snapshot
        .pending()
        .iter()
        .filter(|(number, _)| waits(**number));
    let all: Vec<_> = all.collect();
    let total = all.len();
    let last = total.div_ceil(PAGE).max(1);
    // The form that came back is on the page where it was.
    let place = returned.as_ref().and_then(|returned| {
        all.iter()
            .position(|(number, _)| **number == returned.number)
    });
    let number = place
        .map_or(number, |place| place / PAGE + 1)
        .clamp(1, last);
    let mut cards = Vec::new();
    for (_, pending) in all.into_iter().skip((number - 1) * PAGE).take(PAGE) {
        let is_it = returned
            .as_ref()
            .is_some_and(|returned| returned.number == pending.pull.number);
        let typed = returned.take_if(|_| is_it).map(|returned| returned.typed);
        cards.push(PendingView::of(
            pending,
            view_context,
            reader,
            typed.unwrap_or_default(),
        )?);
    }
    Ok(PendingPage {
        frame,
        cards,
        total,
        before: (number > 1).then(|| number - 1),
        after: (number < last).then_some(number + 1),
    })
}
