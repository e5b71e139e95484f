//! `POST /notices/ID`: whoever was told something has read it.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::super::listen_config::ListenConfig;
use super::super::secrets::is_equal;
use super::page_context::find_cookie;
use super::pages::{PageError, refused};
use super::session::{Sessions, csrf_of, key_of};
use super::sign_in::own;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Read {
    csrf: String,
    /// The page that it was read on.
    next: String,
}

/// Takes it off every page.
pub async fn dismiss(
    State(listen_config): State<Arc<ListenConfig>>,
    State(sessions): State<Sessions>,
    headers: HeaderMap,
    Path(id): Path<u64>,
    Form(read): Form<Read>,
) -> Response {
    if let Some(cookie) = find_cookie(&headers, &listen_config) {
        if !is_equal(&csrf_of(&cookie), &read.csrf) {
            let why = "The form does not belong to your session. Open the page again.";
            return refused(StatusCode::FORBIDDEN, PageError::new("Not dismissed", why));
        }
        sessions.dismiss(&key_of(&cookie), id);
    }
    Redirect::to(own(&read.next)).into_response()
}
