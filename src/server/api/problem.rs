//! A refusal as HTTP says it: problem+json, after RFC 9457.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use utoipa::IntoResponses;

use crate::bot::check::Checked;
use crate::server::service::{Kind, ServiceError};

/// Why a request was refused, and what to do next.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Problem {
    /// Which kind of problem: `urn:countersign:problem:` and one word.
    r#type: String,
    /// The kind in words.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// Why this request was refused.
    detail: String,
    /// What to do next.
    next: String,
    /// For an invalid recommendation: everything that `check` says to it.
    #[serde(flatten)]
    checked: Option<Box<Checked>>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// The problems that every operation may answer with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub enum Problems {
    /// Refused
    #[response(status = "4XX", content_type = "application/problem+json")]
    Refused(Problem),
    /// Not at the moment, or an error of the server
    #[response(status = "5XX", content_type = "application/problem+json")]
    Failed(Problem),
}

/// The status, the word and the title of each kind.
const fn named(kind: Kind) -> (StatusCode, &'static str, &'static str) {
    match kind {
        Kind::Malformed => (
            StatusCode::BAD_REQUEST,
            "malformed",
            "the request cannot be understood",
        ),
        Kind::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "it is not clear who asks",
        ),
        Kind::Forbidden => (
            StatusCode::FORBIDDEN,
            "forbidden",
            "who asks may not do this",
        ),
        Kind::NotFound => (StatusCode::NOT_FOUND, "not_found", "there is no such thing"),
        Kind::WrongMethod => (
            StatusCode::METHOD_NOT_ALLOWED,
            "wrong_method",
            "not with this method",
        ),
        Kind::Conflict => (
            StatusCode::CONFLICT,
            "conflict",
            "this contradicts what there is already",
        ),
        Kind::Invalid => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "the recommendation is invalid",
        ),
        Kind::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many", "too often"),
        Kind::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "not at the moment",
        ),
        Kind::Internal => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "an error of the server",
        ),
    }
}

impl From<ServiceError> for Problem {
    fn from(refusal: ServiceError) -> Self {
        let (status, word, title) = named(refusal.kind);
        Self {
            r#type: format!("urn:countersign:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: refusal.detail,
            next: refusal.next,
            checked: refusal.checked,
            // Whoever comes a fraction of a second too early would be refused again.
            retry_after: refusal.wait.map(|wait| wait.as_secs() + 1),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
