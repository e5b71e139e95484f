//! `/live`: tells pages that the repository has something new, as a stream of server-sent events.
//!
//! Only the number of the edition is sent: a page fetches itself anew, as whoever looks at it.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::watch;

use super::super::state::AppState;
use super::page_context::PageContext;

/// More pages than these do not follow at once.
const MOST: usize = 512;
/// A stream ends after this time, and the browser asks for the next one: as whoever they are then.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How often something is sent, so that nothing in between takes the silence for an end.
const PULSE: Duration = Duration::from_secs(20);
/// How soon a browser asks again, in milliseconds.
const AGAIN: Duration = Duration::from_millis(1_500);

/// One page that follows.
struct Follower {
    app_state: AppState,
    edition: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    until: tokio::time::Instant,
    is_first: bool,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.app_state
            .front()
            .followers
            .fetch_sub(1, Ordering::Relaxed);
    }
}

pub async fn follow(context: PageContext) -> Response {
    let app_state = context.app_state.clone();
    if app_state.front().followers.fetch_add(1, Ordering::Relaxed) >= MOST {
        app_state.front().followers.fetch_sub(1, Ordering::Relaxed);
        let why = "too many pages follow already; reload by hand\n";
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "60")],
            why,
        )
            .into_response();
    }
    let follower = Follower {
        closing: app_state.closing(),
        app_state,
        edition: context.worker.case_store().watch(),
        until: tokio::time::Instant::now() + LONGEST,
        is_first: true,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let edition = follower.next().await?;
        let event = Event::default()
            .event("edition")
            .data(edition.to_string())
            .retry(AGAIN);
        Some((Ok::<_, Infallible>(event), follower))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(PULSE))
        .into_response()
}

impl Follower {
    /// The next edition; none when it is time to go.
    async fn next(&mut self) -> Option<u64> {
        if std::mem::take(&mut self.is_first) {
            return Some(*self.edition.borrow_and_update());
        }
        tokio::select! {
            moved = self.edition.changed() => moved.ok()?,
            _ = self.closing.wait_for(|is_closing| *is_closing) => return None,
            () = tokio::time::sleep_until(self.until) => return None,
        }
        Some(*self.edition.borrow_and_update())
    }
}
