//! `/api/v1`: the counter over HTTP, for agents and for programs of people.
//!
//! Who asks is told by a token (`Authorization: Bearer …`), which also says which repository is meant. Every
//! error is a problem (RFC 9457) that says what to do next. The description of it all is at
//! `/api/v1/openapi.json`, made from the code that answers.

mod cases;
mod figures;
mod problem;
mod request;
mod schema;

use std::sync::OnceLock;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::service::{Kind, ServiceError};
use super::state::AppState;

pub(super) use problem::Problem;

/// Where it all is.
const PREFIX: &str = "/api/v1";

/// The routes of the API.
pub fn router() -> Router<AppState> {
    let (router, described) = OpenApiRouter::new()
        .routes(routes!(figures::identity))
        .routes(routes!(cases::choices))
        .routes(routes!(cases::check))
        .routes(routes!(cases::list, cases::propose))
        .routes(routes!(cases::show, cases::amend, cases::withdraw))
        .routes(routes!(cases::outcome))
        .routes(routes!(cases::feedback))
        .routes(routes!(cases::review))
        .routes(routes!(cases::ask))
        .routes(routes!(cases::answer))
        .routes(routes!(figures::metrics))
        .routes(routes!(figures::lessons))
        .routes(routes!(figures::report))
        .split_for_parts();
    let described = schema::frame().nest(PREFIX, described);
    let text = OnceLock::new();
    let description = move || {
        let text = text.get_or_init(|| schema::whole(&described));
        let answer = ([(header::CONTENT_TYPE, "application/json")], text.clone());
        std::future::ready(answer.into_response())
    };
    let router = router
        .route("/openapi.json", get(description))
        .fallback(async || nothing_here())
        .method_not_allowed_fallback(async || not_like_this());
    Router::new().nest(PREFIX, router)
}

fn nothing_here() -> Problem {
    Problem::from(ServiceError::new(
        Kind::NotFound,
        "there is nothing at this address",
        format!("{PREFIX}/openapi.json describes what there is"),
    ))
}

fn not_like_this() -> Problem {
    Problem::from(ServiceError::new(
        Kind::WrongMethod,
        "this address does not answer to this method",
        format!("{PREFIX}/openapi.json describes what there is"),
    ))
}
