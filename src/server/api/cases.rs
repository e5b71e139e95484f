//! Cases over HTTP: checking, proposing, listing, showing, reporting, reviewing.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::{Problem, Problems};
use super::request::{JsonBody, Path, Query, Recommendation};
use super::schema::Cases;
use crate::bot::case_view::CaseView;
use crate::bot::check::Checked;
use crate::bot::choices::Choices;
use crate::bot::own_proposal::{Amended, Withdrawn};
use crate::bot::questions::{AskedQuestion, GivenAnswer};
use crate::bot::review::Reviewed;
use crate::domain::ids::PullNumber;
use crate::server::service::operations::{
    AMEND, ANSWER, ASK, CHECK, CHOICES, LIST, PROPOSE, REPORT, SHOW, WAIT, WITHDRAW,
};
use crate::server::service::{
    AnswerRequest, AuthContext, CaseName, ChoicesRequest, Document, FeedbackRequest, Filters,
    MOST_ROWS, MOST_SECONDS, NewOpinion, Proposed, QuestionRequest, Recorded, Report, Wait, read,
    wrong,
};
use crate::server::state::AppState;

/// Rows of a page, where nothing is said.
const ROWS: usize = 50;

/// Of what it is asked.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChoicesFilter {
    /// For this agent; known from an agent's token
    agent: Option<String>,
    /// Only this action
    action: Option<String>,
    /// Only this target
    target: Option<String>,
}

#[utoipa::path(
    get, path = "/choices", tag = "recommendations", security(("token" = [])), params(ChoicesFilter),
    summary = CHOICES.summary, description = CHOICES.details,
    responses((status = 200, description = "What may be proposed", body = Choices), Problems),
)]
pub async fn choices(
    auth: AuthContext,
    Query(filter): Query<ChoicesFilter>,
) -> Result<Json<Choices>, Problem> {
    let request = ChoicesRequest {
        agent: read("agent", filter.agent.as_ref())?,
        action: read("action", filter.action.as_ref())?,
        targets: read("target", filter.target.as_ref())?
            .into_iter()
            .collect(),
    };
    Ok(Json(auth.choices(request).await?))
}

#[utoipa::path(
    post, path = "/check", tag = "recommendations", security(("token" = [])),
    summary = CHECK.summary, description = CHECK.details,
    request_body(content = Document, description = "JSON, or with `Content-Type: application/yaml` the text of the file"),
    responses((status = 200, description = "What the bot would say to it", body = Checked), Problems),
)]
pub async fn check(
    auth: AuthContext,
    Recommendation(sent): Recommendation,
) -> Result<Json<Checked>, Problem> {
    Ok(Json(auth.check(sent).await?))
}

#[utoipa::path(
    post, path = "/recommendations", tag = "recommendations", security(("token" = [])),
    summary = PROPOSE.summary, description = PROPOSE.details,
    request_body(content = Document, description = "JSON, or with `Content-Type: application/yaml` the text of the file"),
    responses(
        (status = 201, description = "Opened", body = Proposed),
        (status = 200, description = "The same was proposed before", body = Proposed),
        (status = 409, description = "The id is taken", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Invalid; `errors` says where and why", body = Problem, content_type = "application/problem+json"),
        Problems,
    ),
)]
pub async fn propose(
    auth: AuthContext,
    Recommendation(sent): Recommendation,
) -> Result<Response, Problem> {
    let proposed = auth.propose(sent).await?;
    let status = if proposed.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let place = format!("{}/recommendations/{}", super::PREFIX, proposed.opened.id);
    Ok((status, [(header::LOCATION, place)], Json(proposed)).into_response())
}

#[utoipa::path(
    get, path = "/recommendations", tag = "recommendations", security(("token" = [])),
    summary = LIST.summary, description = LIST.details,
    params(Filters),
    responses(
        (status = 200, description = "One page", body = Cases, headers(("Link", description = "While there is more: where, with `rel=\"next\"`"))),
        Problems,
    ),
)]
pub async fn list(
    auth: AuthContext,
    uri: Uri,
    Query(filters): Query<Filters>,
) -> Result<Response, Problem> {
    let limit = read("limit", filters.limit.as_ref())?.unwrap_or(ROWS);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(wrong("limit", &format!("expected 1 to {MOST_ROWS}")).into());
    }
    let cursor = filters.cursor.clone();
    let listed = auth
        .list(filters.query()?, limit, cursor.as_deref())
        .await?;
    let mut response = Json(listed.rows).into_response();
    if let Some(next) = listed.next
        && let Ok(link) = next_page(&uri, &next).parse()
    {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// The same address with another cursor.
fn next_page(uri: &Uri, cursor: &str) -> String {
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

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CasePath {
    /// The id of the case, or the number of its pull request
    case: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PullPath {
    /// The number of the pull request
    #[param(value_type = u64)]
    number: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// Wait so many seconds for news, up to 60
    #[param(value_type = Option<u32>)]
    wait: Option<String>,
    /// The `state` of the last answer: wait for what is new since
    seen: Option<String>,
}

#[utoipa::path(
    get, path = "/recommendations/{case}", tag = "recommendations", security(("token" = [])),
    summary = SHOW.summary, description = format!("{}\n\nWith `wait`: {}", SHOW.details, WAIT.details),
    params(CasePath, Waiting),
    responses((status = 200, description = "The case as it stands", body = CaseView), Problems),
)]
pub async fn show(
    State(app_state): State<AppState>,
    auth: AuthContext,
    Path(path): Path<CasePath>,
    Query(waiting): Query<Waiting>,
) -> Result<Json<CaseView>, Problem> {
    let case: CaseName = path.case.parse()?;
    let Some(seconds) = read("wait", waiting.wait.as_ref())? else {
        return Ok(Json(auth.show(case).await?));
    };
    if seconds > MOST_SECONDS {
        return Err(wrong("wait", &format!("expected at most {MOST_SECONDS} seconds")).into());
    }
    let wait = Wait {
        longest: Duration::from_secs(seconds),
        seen: waiting.seen,
    };
    let mut closing = app_state.closing();
    let closed = async {
        // The server state outlives its handlers, so that the wait cannot fail.
        let _ = closing.wait_for(|is_closing| *is_closing).await;
    };
    tokio::select! {
        shown = auth.wait(case, wait) => Ok(Json(shown?)),
        () = closed => Ok(Json(auth.show(case).await?)),
    }
}

#[utoipa::path(
    post, path = "/recommendations/{case}/outcome", tag = "records", security(("token" = [])),
    summary = REPORT.summary, description = REPORT.details,
    params(CasePath), request_body = Report,
    responses((status = 201, description = "Recorded", body = Recorded), Problems),
)]
pub async fn outcome(
    auth: AuthContext,
    Path(path): Path<CasePath>,
    JsonBody(report): JsonBody<Report>,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    let recorded = auth.report(path.case.parse()?, report).await?;
    Ok((StatusCode::CREATED, Json(recorded)))
}

/// Say something about a decided case, for the agent to learn from; people only
#[utoipa::path(
    post, path = "/recommendations/{case}/feedback", tag = "records", security(("token" = [])),
    params(CasePath), request_body = FeedbackRequest,
    responses((status = 201, description = "Recorded", body = Recorded), Problems),
)]
pub async fn feedback(
    auth: AuthContext,
    Path(path): Path<CasePath>,
    JsonBody(said): JsonBody<FeedbackRequest>,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    let recorded = auth.say(path.case.parse()?, said).await?;
    Ok((StatusCode::CREATED, Json(recorded)))
}

/// Review a pull request of a repository that is its own forge; people only
///
/// The word is for the commit named in `head` and for no other.
#[utoipa::path(
    post, path = "/recommendations/{number}/review", tag = "records", security(("token" = [])),
    params(PullPath), request_body = NewOpinion,
    responses((status = 201, description = "Recorded; whether it counts, and what follows", body = Reviewed), Problems),
)]
pub async fn review(
    auth: AuthContext,
    Path(path): Path<PullPath>,
    JsonBody(opinion): JsonBody<NewOpinion>,
) -> Result<(StatusCode, Json<Reviewed>), Problem> {
    let Ok(CaseName::Number(PullNumber(number))) = path.number.parse() else {
        let why = "a review is for a pull request: name it by its number";
        return Err(wrong("number", why).into());
    };
    let reviewed = auth.review(PullNumber(number), opinion).await?;
    Ok((StatusCode::CREATED, Json(reviewed)))
}

#[utoipa::path(
    post, path = "/recommendations/{case}/questions", tag = "records", security(("token" = [])),
    summary = ASK.summary, description = ASK.details,
    params(CasePath), request_body = QuestionRequest,
    responses(
        (status = 201, description = "Asked", body = AskedQuestion),
        (status = 200, description = "Asked before, and open", body = AskedQuestion),
        Problems,
    ),
)]
pub async fn ask(
    auth: AuthContext,
    Path(path): Path<CasePath>,
    JsonBody(asked): JsonBody<QuestionRequest>,
) -> Result<(StatusCode, Json<AskedQuestion>), Problem> {
    let asked = auth.ask(path.case.parse()?, asked).await?;
    let status = match asked.created {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, Json(asked)))
}

#[utoipa::path(
    post, path = "/recommendations/{case}/answers", tag = "records", security(("token" = [])),
    summary = ANSWER.summary, description = ANSWER.details,
    params(CasePath), request_body = AnswerRequest,
    responses((status = 201, description = "Answered", body = GivenAnswer), Problems),
)]
pub async fn answer(
    auth: AuthContext,
    Path(path): Path<CasePath>,
    JsonBody(answer): JsonBody<AnswerRequest>,
) -> Result<(StatusCode, Json<GivenAnswer>), Problem> {
    let given = auth.answer(path.case.parse()?, answer).await?;
    Ok((StatusCode::CREATED, Json(given)))
}

#[utoipa::path(
    put, path = "/recommendations/{case}", tag = "recommendations", security(("token" = [])),
    summary = AMEND.summary, description = AMEND.details,
    params(CasePath),
    request_body(content = Document, description = "JSON, or with `Content-Type: application/yaml` the text of the file"),
    responses(
        (status = 200, description = "Amended, or it says the same already", body = Amended),
        (status = 422, description = "Invalid; `errors` says where and why", body = Problem, content_type = "application/problem+json"),
        Problems,
    ),
)]
pub async fn amend(
    auth: AuthContext,
    Path(path): Path<CasePath>,
    Recommendation(sent): Recommendation,
) -> Result<Json<Amended>, Problem> {
    Ok(Json(auth.amend(path.case.parse()?, sent).await?))
}

#[utoipa::path(
    delete, path = "/recommendations/{case}", tag = "recommendations", security(("token" = [])),
    summary = WITHDRAW.summary, description = WITHDRAW.details,
    params(CasePath),
    responses((status = 200, description = "Withdrawn", body = Withdrawn), Problems),
)]
pub async fn withdraw(
    auth: AuthContext,
    Path(path): Path<CasePath>,
) -> Result<Json<Withdrawn>, Problem> {
    Ok(Json(auth.withdraw(path.case.parse()?).await?))
}
