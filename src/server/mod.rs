//! The server: webhooks, timers, and everything that is asked over HTTP.
//!
//! An [`Office`] holds one [`Keeper`] a governance repository: a thread that owns the repository's bot. A
//! handler never touches a repository itself: it wakes the keeper, hands it work
//! ([`Keeper::with_bot`]) or watches where it stands ([`Keeper::watch`]). What is accepted and not done
//! when the process dies is done by the next one, because every start reads everything anew.
//!
//! Further routes are one more `Router<Office>` in [`router`].

mod admission;
mod api;
mod attempts;
mod client_address;
mod connections;
mod counter;
mod credentials;
mod dashboard;
mod guard;
mod health;
mod keeper;
mod library;
mod mcp;
mod metrics;
mod office;
mod proposals;
mod search;
mod secrets;
mod setup;
mod shelf;
mod shift;
mod signals;
mod tokens;
mod webhooks;

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

pub use admission::{Admitted, Caller, NotAdmitted};
pub use client_address::{TrustedProxies, TrustedProxy};
pub use credentials::{AppCredentials, CredentialsError, make_private_folder};
pub use dashboard::{Doorway, Harmless, PublicUrl};
pub use keeper::{Charge, Hire, Keeper, KeeperError, Pace, Standing};
pub use library::{Holdings, Library, LibraryError, Reader};
pub use mcp::serve_on_stdio;
pub use metrics::Metrics;
pub use office::Office;
pub use search::{Finding, Search};
pub use setup::Setup;
pub use signals::signalled;
pub use tokens::{Bearer, Found, Token, Tokens, TokensError};

/// What people say on a page or over the API fits into so many characters, as a rationale does.
const LONGEST_TEXT: usize = 10_000;
/// How long answers that have begun may take once the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Every route, guarded.
pub fn router(office: Office) -> Router {
    let routes = Router::new()
        .merge(health::router())
        .merge(webhooks::router())
        .merge(setup::router())
        .merge(api::router())
        .merge(mcp::router(&office))
        .merge(dashboard::router(&office));
    guard::guarded(routes.with_state(office))
}

/// Serves until `stop` ends, then works off what was accepted.
pub async fn serve(
    listener: TcpListener,
    office: Office,
    proxies: TrustedProxies,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let closing = office.clone();
    let stopping = async move {
        stop.await;
        closing.close();
    };
    let mut closed = office.closing();
    let overdue = async move {
        // The office outlives this, so that the wait cannot fail.
        let _ = closed.wait_for(|is_closing| *is_closing).await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    let routes = router(office.clone());
    tokio::select! {
        () = connections::serve(listener, routes, proxies, stopping) => {}
        () = overdue => {}
    }
    office.close();
    office.closed().await;
}
