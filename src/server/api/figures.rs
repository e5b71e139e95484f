//! Figures, lessons and reports over HTTP, and who one is.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::IntoParams;

use super::problem::{Problem, Problems};
use super::request::{Path, Query};
use super::schema::Figures;
use crate::domain::documents::{Role, time};
use crate::insight::lessons::Lessons;
use crate::insight::reports::{Name, Scope};
use crate::server::authentication::{Authentication, Caller};
use crate::server::service::operations::LESSONS;
use crate::server::service::{AuthContext, period, read};

/// Whose token this is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Identity {
    /// The governance repository that the token is for.
    repository: String,
    /// `person` or `agent`.
    kind: &'static str,
    /// Login or name.
    name: String,
    /// The role of a person.
    role: Option<Role>,
    /// When the token ends.
    expires_at: String,
}

/// Say whose token this is, and for which repository
#[utoipa::path(
    get, path = "/identity", tag = "identity", security(("token" = [])),
    responses((status = 200, description = "Whose token this is", body = Identity), Problems),
)]
pub async fn identity(authentication: Authentication) -> Json<Identity> {
    let (kind, role) = match &authentication.caller {
        Caller::Person { role, .. } => ("person", Some(*role)),
        Caller::Agent(_) => ("agent", None),
    };
    Json(Identity {
        repository: authentication.worker.name().to_owned(),
        kind,
        name: authentication.caller.name().to_owned(),
        role,
        expires_at: time::text(&authentication.token.expires_at),
    })
}

/// What part of the trail is asked about.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Only of this agent; known from an agent's token
    agent: Option<String>,
    /// Decided from then on: a day, a moment (RFC 3339), or 7d or 12h ago
    since: Option<String>,
    /// Decided before then; a day belongs to it
    until: Option<String>,
}

/// The same, for figures about everybody.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// From then on: a day, a moment (RFC 3339), or 7d or 12h ago
    since: Option<String>,
    /// Before then; a day belongs to it
    until: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ReportPath {
    /// rejections, successes, calibration, agents, factors, oversight, weekly or monthly
    name: String,
}

/// Figures of all recommendations: how many, how risky, how they were decided and what came of them; people only
#[utoipa::path(
    get, path = "/metrics", tag = "figures", security(("token" = [])), params(Stretch),
    responses((status = 200, description = "The figures", body = Figures), Problems),
)]
pub async fn metrics(
    auth: AuthContext,
    Query(asked): Query<Stretch>,
) -> Result<Json<Value>, Problem> {
    let period = period(asked.since.as_ref(), asked.until.as_ref())?;
    Ok(Json(auth.metrics(period).await?))
}

#[utoipa::path(
    get, path = "/lessons", tag = "figures", security(("token" = [])), params(Part),
    summary = LESSONS.summary, description = LESSONS.details,
    responses((status = 200, description = "The facts, the most useful first", body = Figures), Problems),
)]
pub async fn lessons(
    auth: AuthContext,
    Query(asked): Query<Part>,
) -> Result<Json<Lessons>, Problem> {
    let period = period(asked.since.as_ref(), asked.until.as_ref())?;
    let agent = read("agent", asked.agent.as_ref())?;
    Ok(Json(auth.lessons(agent, period).await?))
}

/// A report: rejections, successes, calibration, agents, factors, oversight, weekly or monthly; people only
#[utoipa::path(
    get, path = "/reports/{name}", tag = "figures", security(("token" = [])), params(ReportPath, Part),
    responses((status = 200, description = "What it is about, and its figures", body = Figures), Problems),
)]
pub async fn report(
    auth: AuthContext,
    Path(path): Path<ReportPath>,
    Query(asked): Query<Part>,
) -> Result<Json<Value>, Problem> {
    let Some(name) = read::<Name>("name", Some(&path.name))? else {
        return Err(super::nothing_here());
    };
    let scope = Scope {
        period: period(asked.since.as_ref(), asked.until.as_ref())?,
        agent: asked.agent,
    };
    Ok(Json(auth.figures(name, scope).await?))
}
