//! `/live`: tells pages that the repository has something new, as a stream of server-sent events.
//!
//! Only the number of the edition is sent: a page fetches itself anew, as whoever looks at it.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::page_context::PageContext;

/// More pages than these do not follow at once.
pub const MOST_FOLLOWERS: usize = 512;
/// A stream ends after this time, and the browser asks for the next one: as whoever they are then.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How often something is sent, so that nothing in between takes the silence for an end.
const PULSE: Duration = Duration::from_secs(20);
/// How soon a browser asks again, in milliseconds.
const AGAIN: Duration = Duration::from_millis(1_500);

/// One page that follows.
struct Follower {
    edition: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    until: tokio::time::Instant,
    is_first: bool,
    _permit: OwnedSemaphorePermit,
}

pub async fn follow(context: PageContext) -> Response {
    let Ok(permit) = context.app_state.followers().try_acquire_owned() else {
        let why = "too many pages follow already; reload by hand\n";
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "60")],
            why,
        )
            .into_response();
    };
    let follower = Follower {
        closing: context.app_state.closing(),
        edition: context.worker.case_store().watch(),
        until: tokio::time::Instant::now() + LONGEST,
        is_first: true,
        _permit: permit,
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
