//! What holds for every request, whoever answers it: how much, how long, and what a browser may do with
//! the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;
use tower_http::set_header::SetResponseHeaderLayer;

use super::webhooks;

/// The largest body, unless a route says otherwise.
const MOST_BYTES: usize = 1 << 20;
/// The longest time until an answer begins; a stream may go on after that. Whoever waits for a decision may
/// wait for a minute.
const LONGEST: Duration = Duration::from_secs(75);

/// So much of bodies is taken in at a time.
const MOST_BYTES_AT_ONCE: usize = 64 << 20;
/// Smaller bodies are not counted: connections are.
const SMALL_BODY: usize = 64 << 10;
/// How long a large body waits for its turn.
const TURN: Duration = Duration::from_secs(5);

const TOO_LONG: &str =
    "this took too long, and may still be done: look at the case before you send it again\n";

/// The same routes, guarded.
pub fn guarded(router: Router) -> Router {
    let large = Arc::new(Semaphore::new(MOST_BYTES_AT_ONCE / SMALL_BODY));
    // The first is the outermost.
    router.layer((
        unless_said(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        unless_said(header::X_FRAME_OPTIONS, "DENY"),
        unless_said(header::REFERRER_POLICY, "no-referrer"),
        unless_said(header::CACHE_CONTROL, "no-store"),
        unless_said(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        middleware::from_fn(with_host),
        middleware::from_fn(in_time),
        middleware::from_fn_with_state(large, in_turn),
        DefaultBodyLimit::max(MOST_BYTES),
    ))
}

async fn in_time(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(LONGEST, next.run(request)).await;
    answered.unwrap_or_else(|_| (StatusCode::SERVICE_UNAVAILABLE, TOO_LONG).into_response())
}

/// A header of every answer that does not say otherwise.
pub fn unless_said(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// Large bodies are let in as far as together they fit into what may be taken in at a time. One that does not say
/// how large it is counts as the largest.
async fn in_turn(State(free): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let size = request.body().size_hint();
    let size = size.upper().and_then(|bytes| usize::try_from(bytes).ok());
    let size = size.unwrap_or(usize::MAX).min(webhooks::MOST_BYTES);
    if size <= SMALL_BODY {
        return next.run(request).await;
    }
    let parts = u32::try_from(size.div_ceil(SMALL_BODY)).unwrap_or(u32::MAX);
    match tokio::time::timeout(TURN, free.acquire_many(parts)).await {
        Ok(Ok(_until_answered)) => next.run(request).await,
        Ok(Err(_)) | Err(_) => {
            let why = "too many large requests at once: send it again later\n";
            (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
        }
    }
}

/// A request says whom it asks. HTTP/1.0 has no way to.
async fn with_host(request: Request, next: Next) -> Response {
    let hosts: Vec<_> = request.headers().get_all(header::HOST).iter().collect();
    let is_said = match hosts.as_slice() {
        [host] => !host.is_empty(),
        [] => request.version() == Version::HTTP_10 || request.uri().authority().is_some(),
        _ => false,
    };
    if is_said {
        return next.run(request).await;
    }
    let why = "the request has to name the server once, in the header `Host`\n";
    (StatusCode::BAD_REQUEST, why).into_response()
}
