//! `POST /webhooks`: what GitHub tells us, believed only if it is signed, answered at once.
//!
//! | answer | when |
//! | --- | --- |
//! | 202 | there may be something to do: the repository's worker was woken |
//! | 200 | nothing to do: not for us, no news, or the same delivery again |
//! | 400 | signed, and not what GitHub documents |
//! | 401 | not signed, or with another secret |
//! | 413 | larger than GitHub ever sends |
//! | 503 | no secret is configured, or the server stops |
//!
//! Nothing is lost by an answer other than 202: every start and a timer read everything anew.

use std::collections::{HashSet, VecDeque};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use secrecy::{ExposeSecret as _, SecretString};

use super::state::AppState;
use crate::forge::github::webhook::{self, EventKind, WebhookEvent};

/// The largest body that GitHub sends.
pub const MOST_BYTES: usize = 25 << 20;
/// How many deliveries are remembered.
const MOST_REMEMBERED: usize = 10_000;
/// No delivery's id is longer.
const LONGEST_ID: usize = 100;

/// The events that we count by name.
const EVENTS: [&str; 11] = [
    "check_run",
    "installation",
    "installation_repositories",
    "issue_comment",
    "membership",
    "ping",
    "pull_request",
    "pull_request_review",
    "push",
    "team",
    "check_suite",
];

/// The routes of this file.
pub fn router() -> Router<AppState> {
    Router::new().route("/webhooks", post(receive))
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Received {
    Accepted,
    Irrelevant,
    Repeated,
    Unsigned,
    Unreadable,
    TooLarge,
    Unprepared,
    Stopping,
}

impl Received {
    const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Irrelevant => "irrelevant",
            Self::Repeated => "repeated",
            Self::Unsigned => "unsigned",
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::Unprepared => "unprepared",
            Self::Stopping => "stopping",
        }
    }

    const fn said(self) -> (StatusCode, &'static str) {
        match self {
            Self::Accepted => (StatusCode::ACCEPTED, "accepted\n"),
            Self::Irrelevant => (StatusCode::OK, "nothing to do\n"),
            Self::Repeated => (StatusCode::OK, "heard before\n"),
            Self::Unsigned => (
                StatusCode::UNAUTHORIZED,
                "`X-Hub-Signature-256` is missing or wrong: the webhook's secret must be the server's\n",
            ),
            Self::Unreadable => (
                StatusCode::BAD_REQUEST,
                "the body is not what GitHub documents for this event\n",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "more than 25 MB\n"),
            Self::Unprepared => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no webhook secret is configured: set COUNTERSIGN_WEBHOOK_SECRET, or register an App at `/setup`\n",
            ),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n"),
        }
    }
}

async fn receive(State(app_state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let event = header(&parts.headers, "x-github-event").to_owned();
    let received = receive_event(&app_state, &parts.headers, &event, body).await;
    let known = EVENTS.iter().find(|known| **known == event);
    // Whoever is not signed does not choose what we count by.
    let counted = known.copied().unwrap_or("other");
    app_state.metrics().delivered(counted, received.word());
    received.said().into_response()
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

async fn receive_event(
    app_state: &AppState,
    headers: &HeaderMap,
    event: &str,
    body: Body,
) -> Received {
    let Some(secret) = app_state.webhook_secret() else {
        return Received::Unprepared;
    };
    // Looked at before the body, so that nobody without a signature makes us take one in.
    let Some(signature) = find_signature(header(headers, "x-hub-signature-256")) else {
        return Received::Unsigned;
    };
    let Ok(body) = body::to_bytes(body, MOST_BYTES).await else {
        return Received::TooLarge;
    };
    if !is_signed(&secret, &body, &signature) {
        return Received::Unsigned;
    }
    if app_state.is_closing() {
        return Received::Stopping;
    }
    let parsed = match webhook::parse(event, &body) {
        Ok(parsed) => parsed,
        Err(error) => {
            tracing::warn!("{error}; what it would have told is read by the timer");
            return Received::Unreadable;
        }
    };
    let id = header(headers, "x-github-delivery");
    if !app_state.remember_delivery(id) {
        return Received::Repeated;
    }
    match parsed {
        Some(event) if tell(app_state, &event) => Received::Accepted,
        _ => Received::Irrelevant,
    }
}

/// Tells the workers whom it concerns; says whether there may be something to do.
fn tell(app_state: &AppState, event: &WebhookEvent) -> bool {
    if event.what == EventKind::Installation {
        app_state.look_around();
    }
    let workers = match &event.repository {
        Some(name) => app_state.find_worker(name).into_iter().collect(),
        // About the App or the organisation: all of them are told.
        None => app_state.workers(),
    };
    let mut is_news = event.what == EventKind::Installation;
    for worker in workers {
        let Some(github) = worker.github() else {
            continue;
        };
        if github.on_event(event.clone()) {
            worker.wake();
            is_news = true;
        }
    }
    is_news
}

fn find_signature(header: &str) -> Option<[u8; 32]> {
    let mut signature = [0; 32];
    hex::decode_to_slice(header.strip_prefix("sha256=")?, &mut signature).ok()?;
    Some(signature)
}

/// HMAC-SHA-256 over the raw body, compared in constant time.
fn is_signed(secret: &SecretString, body: &[u8], signature: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    hmac::verify(&key, body, signature).is_ok()
}

/// The deliveries that were heard last. A process that starts anew forgets them, and computes once more
/// what follows from the state: that changes nothing.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Deliveries {
    /// Whether it is new. One without an id is always new.
    pub(super) fn remember(&mut self, id: &str) -> bool {
        if id.is_empty() || id.len() > LONGEST_ID {
            return true;
        }
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > MOST_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn githubs_own_example_of_a_signature_is_accepted() {
        // From GitHub's page on validating webhook deliveries.
        let secret = SecretString::from("It's a Secret to Everybody");
        let header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let signature = find_signature(header).unwrap();
        assert!(is_signed(&secret, b"Hello, World!", &signature));
        assert!(!is_signed(&secret, b"Hello, World?", &signature));
        assert!(!is_signed(&"another".into(), b"Hello, World!", &signature));
        for wrong in [
            "",
            "sha256=",
            "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
            "sha256=+57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "sha256=é57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
        ] {
            assert_eq!(find_signature(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_so_many_deliveries_are_remembered() {
        let mut deliveries = Deliveries::default();
        assert!(deliveries.remember("") && deliveries.remember(""));
        assert!(deliveries.remember("first") && !deliveries.remember("first"));
        for number in 0..MOST_REMEMBERED {
            assert!(deliveries.remember(&number.to_string()));
        }
        assert_eq!(deliveries.ids.len(), MOST_REMEMBERED);
        assert!(deliveries.remember("first"), "it was forgotten");
    }
}
