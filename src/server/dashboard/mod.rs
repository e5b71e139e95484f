//! The dashboard: what happens, what waits, and why, for people with a browser.
//!
//! Every page is made on the server from the case store of its repository, and can be read and used without
//! a script; the one script only shows what is new ([`live`]). People sign in with a personal token
//! ([`sign_in`], [`session`]); [`ListenConfig`](super::ListenConfig) says who may read without. Forms go to the local
//! forge alone: on GitHub, where it is certain who somebody is, people review there.

mod agents;
mod assets;
mod case;
mod cases;
mod charts;
mod decide;
mod feedback;
mod form;
mod history;
mod live;
mod notices;
mod overview;
mod page_context;
mod pages;
mod pending;
mod pending_view;
mod period;
mod question;
mod records;
mod row;
mod session;
mod sign_in;
mod text;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::middleware;
use axum::routing::{get, post};

use super::guard::unless_said;
use super::listen_config;
use super::state::AppState;
pub use live::MOST_FOLLOWERS;
pub use session::Sessions;
pub use text::Harmless;

/// Our own styles, scripts, pictures and forms, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The routes of this folder.
pub fn router(app_state: &AppState) -> Router<AppState> {
    let of_repository = |base: &str| {
        Router::new()
            .route(&format!("{base}/pending"), get(pending::show))
            .route(&format!("{base}/pending/{{number}}"), post(decide::decide))
            .route(
                &format!("{base}/pending/{{number}}/questions"),
                post(question::ask),
            )
            .route(&format!("{base}/cases"), get(cases::show))
            .route(&format!("{base}/cases/{{id}}"), get(case::show))
            .route(
                &format!("{base}/cases/{{id}}/feedback"),
                post(feedback::give),
            )
            .route(&format!("{base}/agents/{{name}}"), get(agents::show))
            .route(&format!("{base}/live"), get(live::follow))
    };
    Router::new()
        .route("/", get(overview::at_root))
        .route("/r/{repository}/", get(overview::show))
        .merge(of_repository(""))
        .merge(of_repository("/r/{repository}"))
        .route("/sign-in", get(sign_in::ask).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/notices/{id}", post(notices::dismiss))
        .route("/assets/{name}", get(assets::serve))
        // Only these routes: a layer would stand before every address that nobody answers to.
        .route_layer((
            middleware::from_fn_with_state(app_state.clone(), listen_config::keep),
            unless_said(header::CONTENT_SECURITY_POLICY, POLICY),
            // `no-referrer` would make browsers hide from us where a form was sent.
            unless_said(header::REFERRER_POLICY, "same-origin"),
            unless_said(
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ),
            unless_said(
                HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ),
        ))
}
