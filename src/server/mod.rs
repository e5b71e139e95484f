//! The server: webhooks, timers, and everything that is asked over HTTP.
//!
//! An [`AppState`] holds one [`RepositoryWorker`] a governance repository: a thread that owns the repository's bot. A
//! handler never touches a repository itself: it wakes the worker, hands it work ([`RepositoryWorker::with_bot`]) or
//! watches where it stands ([`RepositoryWorker::watch`]). What is accepted and not done when the process dies is done
//! by the next one, because every start reads everything anew.
//!
//! Further routes are one more `Router<AppState>` in [`router`].

mod api;
mod attempts;
mod authentication;
mod case_store;
mod client_address;
mod connections;
mod credentials;
mod dashboard;
mod document_cache;
mod guard;
mod health;
mod listen_config;
mod mcp;
mod metrics;
mod private_files;
mod proposals;
mod search;
mod secrets;
mod service;
mod setup;
mod signals;
mod state;
mod tokens;
mod webhooks;
mod worker;
mod worker_loop;

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

pub use authentication::{Authentication, Caller, NotAuthenticated};
pub use case_store::{CaseStore, CaseStoreError, Reader, Snapshot};
pub use client_address::{TrustedProxies, TrustedProxy};
pub use credentials::{AppCredentials, CredentialsError};
pub use dashboard::Harmless;
pub use document_cache::limit_document_cache;
pub use listen_config::{ListenConfig, PublicUrl};
pub use mcp::serve_on_stdio;
pub use metrics::Metrics;
pub use private_files::make_private_folder;
pub use search::{Finding, Search};
pub use setup::Setup;
pub use signals::signalled;
pub use state::AppState;
pub use tokens::{Bearer, Found, Token, Tokens, TokensError};
pub use worker::{
    BotFactory, PollIntervals, RepositoryWorker, WorkerConfig, WorkerError, WorkerStatus,
};

/// What people say on a page or over the API fits into so many characters, as a rationale does.
const LONGEST_TEXT: usize = 10_000;
/// How long answers that have begun may take once the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

pub fn router(app_state: AppState) -> Router {
    let routes = Router::new()
        .merge(health::router())
        .merge(webhooks::router())
        .merge(setup::router())
        .merge(api::router())
        .merge(mcp::router(&app_state))
        .merge(dashboard::router(&app_state));
    guard::guarded(routes.with_state(app_state))
}

/// Serves until `stop` ends, then works off what was accepted.
pub async fn serve(
    listener: TcpListener,
    app_state: AppState,
    proxies: TrustedProxies,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let closing = app_state.clone();
    let stopping = async move {
        stop.await;
        closing.close();
    };
    let mut closed = app_state.closing();
    let overdue = async move {
        // The server state outlives this, so that the wait cannot fail.
        let _ = closed.wait_for(|is_closing| *is_closing).await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    let routes = router(app_state.clone());
    tokio::select! {
        () = connections::serve(listener, routes, proxies, stopping) => {}
        () = overdue => {}
    }
    app_state.close();
    app_state.closed().await;
}
