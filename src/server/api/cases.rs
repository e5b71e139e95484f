//! Cases over HTTP: checking, proposing, listing, showing, reporting, reviewing.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::Problem;
use super::request::{self, Asked, Authenticated, Body, Named};
use crate::bot::case_view::CaseView;
use crate::bot::check::Checked;
use crate::bot::review::Reviewed;
use crate::domain::ids::PullNumber;
use crate::insight::{Period, Query, TimeSpec};
use crate::server::service::{
    CaseName, Kind, MOST_ROWS, MOST_SECONDS, Recorded, ServiceError, Wait,
};
use crate::server::state::AppState;

/// Rows of a page, where nothing is said.
const ROWS: usize = 50;

/// Validate and score a recommendation; changes nothing
///
/// Says what approval it would need, and the smallest edits that would make it less risky. An invalid one is
/// answered with `valid: false`. The body is JSON, or with `Content-Type: application/yaml` the text of the file.
#[utoipa::path(
    post, path = "/check", tag = "recommendations", security(("token" = [])),
    request_body(content = ref("#/components/schemas/Document"), content_type = "application/json"),
    responses(
        (status = 200, description = "What the bot would say to it", body = ref("#/components/schemas/Checked")),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn check(
    caller: Authenticated,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Checked>, Problem> {
    let sent = request::recommendation(&headers, body)?;
    Ok(Json(caller.auth.check(sent).await?))
}

/// Propose a recommendation: open a pull request in the name of the agent whose token this is
///
/// With an `id` of your own the request can be repeated: the same content is proposed once (200 instead of 201).
/// Only on repositories that are their own forge: on GitHub an agent opens its pull requests itself.
#[utoipa::path(
    post, path = "/recommendations", tag = "recommendations", security(("token" = [])),
    request_body(content = ref("#/components/schemas/Document"), content_type = "application/json"),
    responses(
        (status = 201, description = "Opened", body = ref("#/components/schemas/Proposed")),
        (status = 200, description = "The same was proposed before", body = ref("#/components/schemas/Proposed")),
        (status = 409, description = "The id is taken", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = 422, description = "Invalid; `errors` says where and why", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn propose(
    caller: Authenticated,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let sent = request::recommendation(&headers, body)?;
    let proposed = caller.auth.propose(sent).await?;
    let status = if proposed.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let place = format!("{}/recommendations/{}", super::PREFIX, proposed.opened.id);
    Ok((status, [(header::LOCATION, place)], Json(proposed)).into_response())
}

/// What is asked for in a list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    status: Option<String>,
    agent: Option<String>,
    session: Option<String>,
    action: Option<String>,
    target: Option<String>,
    level: Option<String>,
    decided_by: Option<String>,
    category: Option<String>,
    trigger: Option<String>,
    outcome: Option<String>,
    since: Option<String>,
    until: Option<String>,
    search: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// List cases: pending ones first, then decided ones, each the newest first
///
/// An agent sees its own. While there is more, a `Link` header with `rel="next"` leads to the next page.
#[utoipa::path(
    get, path = "/recommendations", tag = "recommendations", security(("token" = [])),
    params(
        ("status" = Option<String>, Query, description = "pending, auto_approved, approved, rejected, withdrawn or expired"),
        ("agent" = Option<String>, Query, description = "Of this agent"),
        ("session" = Option<String>, Query, description = "Of this session of an agent"),
        ("action" = Option<String>, Query, description = "Of this action type; `governance_change` for changes of the rules"),
        ("target" = Option<String>, Query, description = "That name this target"),
        ("level" = Option<String>, Query, description = "LOW, MEDIUM or HIGH"),
        ("decided_by" = Option<String>, Query, description = "That this person approved or rejected"),
        ("category" = Option<String>, Query, description = "Rejected for this concern"),
        ("trigger" = Option<String>, Query, description = "For which this trigger fired"),
        ("outcome" = Option<String>, Query, description = "success, failure, unknown or open"),
        ("since" = Option<String>, Query, description = "Decided from then on: a day, a moment (RFC 3339), or 7d or 12h ago"),
        ("until" = Option<String>, Query, description = "Decided before then; a day belongs to it"),
        ("search" = Option<String>, Query, description = "That mention each of these words"),
        ("limit" = Option<u32>, Query, description = "At most so many, up to 200; 50 if nothing is said"),
        ("cursor" = Option<String>, Query, description = "Where the page begins: from the link to it"),
    ),
    responses(
        (status = 200, description = "One page", body = ref("#/components/schemas/Cases"), headers(("Link", description = "The next page"))),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn list(
    caller: Authenticated,
    uri: axum::http::Uri,
    filters: Asked<Filters>,
) -> Result<Response, Problem> {
    let filters = request::asked(filters)?;
    let limit = match &filters.limit {
        None => ROWS,
        Some(limit) => read("limit", Some(limit))?.unwrap_or(ROWS),
    };
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(wrong("limit", &format!("expected 1 to {MOST_ROWS}")).into());
    }
    let cursor = filters.cursor.clone();
    let query = filters.query()?;
    let listed = caller.auth.list(query, limit, cursor.as_deref()).await?;
    let mut response = Json(listed.rows).into_response();
    if let Some(next) = listed.next
        && let Ok(link) = next_page(&uri, &next).parse()
    {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// The same address with another cursor.
fn next_page(uri: &axum::http::Uri, cursor: &str) -> String {
    let asked = uri.query().unwrap_or_default().split('&');
    let mut asked: Vec<&str> = asked
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="))
        .collect();
    let cursor = format!("cursor={cursor}");
    asked.push(&cursor);
    format!(
        "<{}/recommendations?{}>; rel=\"next\"",
        super::PREFIX,
        asked.join("&")
    )
}

impl Filters {
    fn query(self) -> Result<Query, ServiceError> {
        Ok(Query {
            kind: None,
            standing: read("status", self.status.as_ref())?,
            agent: self.agent,
            session: self.session,
            action: self.action,
            target: self.target,
            level: read("level", self.level.as_ref())?,
            decided_by: self.decided_by,
            category: read("category", self.category.as_ref())?,
            trigger: self.trigger,
            ending: read("outcome", self.outcome.as_ref())?,
            period: period(self.since.as_ref(), self.until.as_ref())?,
            text: self.search,
        })
    }
}

/// A stretch of time.
pub fn period(since: Option<&String>, until: Option<&String>) -> Result<Period, ServiceError> {
    let now = chrono::Utc::now();
    Ok(Period {
        since: read::<TimeSpec>("since", since)?.map(|when| when.since(now)),
        until: read::<TimeSpec>("until", until)?.map(|when| when.until(now)),
    })
}

/// The value of a parameter.
pub fn read<T: FromStr<Err: Display>>(
    name: &str,
    value: Option<&String>,
) -> Result<Option<T>, ServiceError> {
    let read: Result<Option<T>, T::Err> = value.map(|value| value.parse()).transpose();
    read.map_err(|error| wrong(name, &error.to_string()))
}

fn wrong(name: &str, why: &str) -> ServiceError {
    let next = "mend that parameter, or leave it out";
    ServiceError::new(
        Kind::Malformed,
        format!("`{name}` cannot be understood: {why}"),
        next,
    )
}

/// How long somebody waits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    wait: Option<String>,
    seen: Option<String>,
}

/// Show one whole case: what was proposed, why this score, who decided and why, what came of it
///
/// With `wait` the answer comes as soon as the case is decided, changes are requested, something is asked, or it
/// stands otherwise, and `news` says what; or with `status: pending` when the time is up. With the `state` of the
/// last answer as `seen` nothing is missed between two waits; without it, one for whom changes are requested is told
/// at once.
#[utoipa::path(
    get, path = "/recommendations/{case}", tag = "recommendations", security(("token" = [])),
    params(
        ("case" = String, Path, description = "The id of the case, or the number of its pull request"),
        ("wait" = Option<u32>, Query, description = "Wait so many seconds for news, up to 60"),
        ("seen" = Option<String>, Query, description = "The `state` of the last answer: wait for what is new since"),
    ),
    responses(
        (status = 200, description = "The case as it stands", body = ref("#/components/schemas/Shown")),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn show(
    State(app_state): State<AppState>,
    caller: Authenticated,
    case: Named<String>,
    waiting: Asked<Waiting>,
) -> Result<Json<CaseView>, Problem> {
    let case: CaseName = request::named(case)?.parse()?;
    let waiting = request::asked(waiting)?;
    let Some(wait) = read("wait", waiting.wait.as_ref())? else {
        return Ok(Json(caller.auth.show(case).await?));
    };
    if wait > MOST_SECONDS {
        return Err(wrong("wait", &format!("expected at most {MOST_SECONDS} seconds")).into());
    }
    let mut closing = app_state.closing();
    let closed = async {
        // The server state outlives its handlers, so that the wait cannot fail.
        let _ = closing.wait_for(|is_closing| *is_closing).await;
    };
    tokio::select! {
        shown = caller.auth.wait(case, wait_for(wait, waiting.seen)) => Ok(Json(shown?)),
        () = closed => Ok(Json(caller.auth.show(case).await?)),
    }
}

const fn wait_for(seconds: u64, seen: Option<String>) -> Wait {
    Wait {
        longest: Duration::from_secs(seconds),
        seen,
    }
}

/// Report what came of an approved case
///
/// By its agent, if another system carries it out (executor `external`); by the agent's owner, a reviewer or an
/// admin in any case. A correction is a further record.
#[utoipa::path(
    post, path = "/recommendations/{case}/outcome", tag = "records", security(("token" = [])),
    params(("case" = String, Path, description = "The id of the case, or the number of its pull request")),
    request_body(content = ref("#/components/schemas/Report"), content_type = "application/json"),
    responses(
        (status = 201, description = "Recorded", body = ref("#/components/schemas/Recorded")),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn outcome(
    caller: Authenticated,
    case: Named<String>,
    body: Body,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    let case: CaseName = request::named(case)?.parse()?;
    let recorded = caller.auth.report(case, request::json(body)?).await?;
    Ok((StatusCode::CREATED, Json(recorded)))
}

/// Say something about a decided case, for the agent to learn from; people only
#[utoipa::path(
    post, path = "/recommendations/{case}/feedback", tag = "records", security(("token" = [])),
    params(("case" = String, Path, description = "The id of the case, or the number of its pull request")),
    request_body(content = ref("#/components/schemas/Said"), content_type = "application/json"),
    responses(
        (status = 201, description = "Recorded", body = ref("#/components/schemas/Recorded")),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn feedback(
    caller: Authenticated,
    case: Named<String>,
    body: Body,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    let case: CaseName = request::named(case)?.parse()?;
    let recorded = caller.auth.say(case, request::json(body)?).await?;
    Ok((StatusCode::CREATED, Json(recorded)))
}

/// Review a pull request of a repository that is its own forge; people only
///
/// The word is for the commit named in `head` and for no other.
#[utoipa::path(
    post, path = "/recommendations/{number}/review", tag = "records", security(("token" = [])),
    params(("number" = u64, Path, description = "The number of the pull request")),
    request_body(content = ref("#/components/schemas/NewOpinion"), content_type = "application/json"),
    responses(
        (status = 201, description = "Recorded; whether it counts, and what follows", body = ref("#/components/schemas/Reviewed")),
        (status = "4XX", description = "Refused", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        (status = "5XX", description = "Not at the moment, or an error of the server", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
)]
pub async fn review(
    caller: Authenticated,
    number: Named<String>,
    body: Body,
) -> Result<(StatusCode, Json<Reviewed>), Problem> {
    let number = request::named(number)?;
    let Ok(CaseName::Number(PullNumber(number))) = number.parse() else {
        return Err(wrong(
            "number",
            "a review is for a pull request: name it by its number",
        )
        .into());
    };
    let reviewed = caller
        .auth
        .review(PullNumber(number), request::json(body)?)
        .await?;
    Ok((StatusCode::CREATED, Json(reviewed)))
}
