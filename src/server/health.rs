//! Whether the server is alive, whether it does its work, and what it has counted.

use axum::Json;
use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use chrono::{TimeDelta, Utc};
use serde::Serialize;

use super::api::Problem;
use super::metrics::Metrics;
use super::service::AuthContext;
use super::state::AppState;
use super::worker::RepositoryWorker;

/// How many times the interval of reconciling may pass without a good run.
const MOST_MISSED: i32 = 3;
/// However short that interval is, so long may pass.
const LEAST_AGE: TimeDelta = TimeDelta::minutes(5);

/// The routes of this file.
pub fn router() -> Router<AppState> {
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
    /// Told to those who may read the repository only.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    ready: bool,
    /// Why it is not.
    reason: Option<&'static str>,
    /// What somebody has to look at, although the work goes on.
    alarm: Option<&'static str>,
    last_success: Option<String>,
}

/// Somebody may know which repositories there are: with a token, or where everybody may read them.
struct MayKnow;

impl FromRequestParts<AppState> for MayKnow {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app_state: &AppState) -> Result<Self, Problem> {
        let listen_config = app_state.listen_config();
        if !listen_config.may_all_read(&parts.headers) {
            AuthContext::from_request_parts(parts, app_state).await?;
        }
        Ok(Self)
    }
}

async fn readiness(
    State(app_state): State<AppState>,
    may_know: Result<MayKnow, Problem>,
) -> Response {
    let reconcile = TimeDelta::from_std(app_state.intervals().reconcile).unwrap_or(TimeDelta::MAX);
    let oldest = reconcile
        .checked_mul(MOST_MISSED)
        .unwrap_or(TimeDelta::MAX)
        .max(LEAST_AGE);
    let repositories: Vec<Kept> = app_state
        .workers()
        .iter()
        .map(|worker| Kept {
            name: may_know.is_ok().then(|| worker.name().to_owned()),
            ..kept(worker, oldest)
        })
        .collect();
    let ready = app_state.is_searched() && repositories.iter().all(|kept| kept.ready);
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
fn kept(worker: &RepositoryWorker, oldest: TimeDelta) -> Kept {
    let standing = worker.standing();
    let reason = match standing.last_success {
        None => Some("not reconciled yet"),
        Some(at) if Utc::now() - at > oldest => Some("the last good run is too long ago"),
        Some(_) => None,
    };
    Kept {
        name: None,
        ready: reason.is_none(),
        reason,
        alarm: (!standing.foreign.is_empty()).then_some(
            "`main` holds commits that the bot did not make: the log and the dashboard name them",
        ),
        last_success: standing.last_success.map(|at| at.to_rfc3339()),
    }
}

async fn metrics(_: MayKnow, State(metrics): State<Metrics>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(error) => {
            tracing::error!("what was counted cannot be written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
