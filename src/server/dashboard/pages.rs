//! How pages become answers, and the few pages that are about no repository.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};

use super::assets::{Addresses, addresses};

/// A page as an answer.
pub fn page(status: StatusCode, page: &impl Template) -> anyhow::Result<Response> {
    let text = page.render()?;
    let mut response = (status, Html(text)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let soon = header::HeaderValue::from_static("3");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
    Ok(response)
}

/// Why somebody does not get what they asked for.
#[derive(Debug)]
pub struct PageError {
    pub title: &'static str,
    pub why: String,
    pub detail: Option<String>,
    /// What they typed, so that it is not lost.
    pub typed: String,
    /// Where to go on.
    pub next: (String, &'static str),
}

impl PageError {
    pub fn new(title: &'static str, why: impl Into<String>) -> Self {
        Self {
            title,
            why: why.into(),
            detail: None,
            typed: String::new(),
            next: ("/".to_owned(), "To the overview"),
        }
    }
}

#[derive(Template)]
#[template(path = "dashboard/refused.html")]
struct RefusedPage {
    assets: Addresses,
    refusal: PageError,
}

pub fn refused(status: StatusCode, refusal: PageError) -> Response {
    let shown = RefusedPage {
        assets: addresses(),
        refusal,
    };
    page(status, &shown).unwrap_or_else(|error| {
        tracing::error!("a page cannot be made: {error}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

/// A repository to choose.
#[derive(Debug)]
pub struct Choice {
    pub href: String,
    pub name: String,
    /// How many pull requests wait there.
    pub open: usize,
}

/// The page of a server that keeps several repositories, or none yet.
#[derive(Debug, Template)]
#[template(path = "dashboard/chooser.html")]
pub struct Chooser {
    pub assets: Addresses,
    pub choices: Vec<Choice>,
}
