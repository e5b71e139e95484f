//! Whether the server is alive, whether it does its work, and what it has counted.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use chrono::{TimeDelta, Utc};
use serde::Serialize;

use super::keeper::Keeper;
use super::office::Office;

/// How many times the interval of reconciling may pass without a good run.
const MOST_MISSED: i32 = 3;
/// However short that interval is, so long may pass.
const LEAST_AGE: TimeDelta = TimeDelta::minutes(5);

/// The routes of this file.
pub fn router() -> Router<Office> {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    repositories: Vec<Kept>,
}

#[derive(Serialize)]
struct Kept {
    name: String,
    ready: bool,
    /// Why it is not.
    reason: Option<&'static str>,
    /// What somebody has to look at, although the work goes on.
    alarm: Option<&'static str>,
    last_success: Option<String>,
}

async fn readiness(State(office): State<Office>) -> Response {
    let reconcile = TimeDelta::from_std(office.pace().reconcile).unwrap_or(TimeDelta::MAX);
    let oldest = reconcile
        .checked_mul(MOST_MISSED)
        .unwrap_or(TimeDelta::MAX)
        .max(LEAST_AGE);
    let repositories: Vec<Kept> = office
        .keepers()
        .iter()
        .map(|keeper| kept(keeper, oldest))
        .collect();
    let ready = office.is_searched() && repositories.iter().all(|kept| kept.ready);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = Readiness {
        ready,
        repositories,
    };
    (status, Json(body)).into_response()
}

/// Why it failed stays in the log: this page is open to everybody.
fn kept(keeper: &Keeper, oldest: TimeDelta) -> Kept {
    let standing = keeper.standing();
    let reason = match standing.last_success {
        None => Some("not reconciled yet"),
        Some(at) if Utc::now() - at > oldest => Some("the last good run is too long ago"),
        Some(_) => None,
    };
    Kept {
        name: keeper.name().to_owned(),
        ready: reason.is_none(),
        reason,
        alarm: (!standing.foreign.is_empty()).then_some(
            "`main` holds commits that the bot did not make: the log and the dashboard name them",
        ),
        last_success: standing.last_success.map(|at| at.to_rfc3339()),
    }
}

async fn metrics(State(office): State<Office>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match office.metrics().text() {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(error) => {
            tracing::error!("what was counted cannot be written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
