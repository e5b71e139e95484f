//! Figures, lessons and reports over HTTP, and who one is.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Problem;
use super::cases::{period, read};
use super::request::{self, Asked, Authenticated, Named};
use crate::domain::documents::{Role, time};
use crate::insight::lessons::Lessons;
use crate::insight::reports::{Name, Scope};
use crate::server::authentication::Caller;

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
    responses(
        (status = 200, description = "Whose token this is", body = ref("#/components/schemas/Identity")),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn identity(caller: Authenticated) -> Json<Identity> {
    let authentication = caller.authentication;
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
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    agent: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

/// The same, for figures about everybody.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    since: Option<String>,
    until: Option<String>,
}

/// Figures of all recommendations: how many, how risky, how they were decided and what came of them; people only
#[utoipa::path(
    get, path = "/metrics", tag = "figures", security(("token" = [])),
    params(
        ("since" = Option<String>, Query, description = "From then on: a day, a moment (RFC 3339), or 7d or 12h ago"),
        ("until" = Option<String>, Query, description = "Before then; a day belongs to it"),
    ),
    responses(
        (status = 200, description = "The figures", body = ref("#/components/schemas/Figures")),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn metrics(caller: Authenticated, asked: Asked<Stretch>) -> Result<Json<Value>, Problem> {
    let asked = request::asked(asked)?;
    let period = period(asked.since.as_ref(), asked.until.as_ref())?;
    Ok(Json(caller.auth.metrics(period).await?))
}

/// What an agent can learn from its own decided cases; an agent asks for its own
#[utoipa::path(
    get, path = "/lessons", tag = "figures", security(("token" = [])),
    params(
        ("agent" = Option<String>, Query, description = "Whose; known from an agent's token"),
        ("since" = Option<String>, Query, description = "From cases decided from then on"),
        ("until" = Option<String>, Query, description = "From cases decided before then"),
    ),
    responses(
        (status = 200, description = "The facts, the most useful first", body = ref("#/components/schemas/Figures")),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn lessons(caller: Authenticated, asked: Asked<Part>) -> Result<Json<Lessons>, Problem> {
    let asked = request::asked(asked)?;
    let period = period(asked.since.as_ref(), asked.until.as_ref())?;
    let agent = read("agent", asked.agent.as_ref())?;
    Ok(Json(caller.auth.lessons(agent, period).await?))
}

/// A report: rejections, successes, calibration, agents, factors, weekly or monthly; people only
#[utoipa::path(
    get, path = "/reports/{name}", tag = "figures", security(("token" = [])),
    params(
        ("name" = String, Path, description = "rejections, successes, calibration, agents, factors, weekly or monthly"),
        ("agent" = Option<String>, Query, description = "Only of this agent"),
        ("since" = Option<String>, Query, description = "From then on: a day, a moment (RFC 3339), or 7d or 12h ago"),
        ("until" = Option<String>, Query, description = "Before then; a day belongs to it"),
    ),
    responses(
        (status = 200, description = "What it is about, and its figures", body = ref("#/components/schemas/Figures")),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn report(
    caller: Authenticated,
    name: Named<String>,
    asked: Asked<Part>,
) -> Result<Json<Value>, Problem> {
    let name: Option<Name> = read("name", Some(&request::named(name)?))?;
    let asked = request::asked(asked)?;
    let scope = Scope {
        period: period(asked.since.as_ref(), asked.until.as_ref())?,
        agent: asked.agent,
    };
    let Some(name) = name else {
        return Err(super::nothing_here());
    };
    Ok(Json(caller.auth.figures(name, scope).await?))
}
