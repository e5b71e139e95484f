//! Signing in with a personal token, and out again.

use std::time::Instant;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;

use super::super::authentication::{Caller, NotAuthenticated};
use super::super::client_address::ClientAddress;
use super::super::secrets::is_equal;
use super::super::state::AppState;
use super::super::tokens::{Tokens, TokensError};
use super::super::worker::RepositoryWorker;
use super::assets::{Addresses, addresses};
use super::cases::encoded;
use super::page_context::{LIVE_HEADER, cookie_name, ends, find_cookie, find_session, slugs};
use super::pages::{PageError, page, refused};
use super::session::{Grant, Lasts, digits, key_of};

/// The longest token that is looked at.
const LONGEST: usize = 512;

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    next: String,
}

/// The form for signing in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Entering {
    token: String,
    next: String,
    keep: String,
}

/// The form for signing out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Leaving {
    csrf: String,
}

#[derive(Template)]
#[template(path = "dashboard/sign_in.html")]
struct SignInPage {
    assets: Addresses,
    next: String,
    problem: String,
}

fn ask_again(status: StatusCode, next: &str, problem: impl Into<String>) -> Response {
    let shown = SignInPage {
        assets: addresses(),
        next: own(next).to_owned(),
        problem: problem.into(),
    };
    page(status, &shown).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// An address of this server; the overview for everything else.
pub fn own(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let is_plain = next.chars().all(|c| c.is_ascii_graphic());
    let leads_back = next.starts_with("/sign-");
    if is_path && is_plain && !leads_back {
        next
    } else {
        "/"
    }
}

/// Where to sign in, to come back to a page of ours.
pub fn address(page: &str) -> String {
    format!("/sign-in?next={}", encoded(own(page)))
}

/// The answer to somebody who has to sign in first.
pub fn demanded(path: &str, parts: &Parts) -> Response {
    let is_page = parts.method.is_safe()
        && !parts.headers.contains_key(LIVE_HEADER)
        && !path.contains("/live");
    if is_page {
        return Redirect::to(&address(path)).into_response();
    }
    let mut refusal = PageError::new(
        "Sign in first",
        "Your session has ended, so nothing was done. Sign in and try again.",
    );
    refusal.next = (address(path), "Sign in");
    refused(StatusCode::UNAUTHORIZED, refusal)
}

/// Asks for the token.
pub async fn ask(Query(asked): Query<Asked>) -> Response {
    ask_again(StatusCode::OK, &asked.next, "")
}

pub async fn enter(
    State(app_state): State<AppState>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    headers: HeaderMap,
    Form(entering): Form<Entering>,
) -> Response {
    let token = entering.token.trim();
    if token.is_empty() || token.len() > LONGEST {
        return ask_again(
            StatusCode::UNPROCESSABLE_ENTITY,
            &entering.next,
            "Paste the whole token.",
        );
    }
    let authentication = match app_state.authenticate(token.to_owned().into(), from).await {
        Ok(authentication) => authentication,
        Err(error) => return turned_away(&error, &entering.next),
    };
    if let Caller::Agent(name) = &authentication.caller {
        let problem = format!(
            "This is the token of the agent {name}. Agents use the API; people sign in here with their own."
        );
        return ask_again(StatusCode::FORBIDDEN, &entering.next, problem);
    }
    let grant = Grant {
        token: authentication.token.id.clone(),
        bearer: authentication.token.bearer.clone(),
    };
    let name = authentication.worker.name();
    let earlier = find_cookie(&headers, &app_state);
    let is_kept = !entering.keep.is_empty();
    let lasts = if is_kept {
        Lasts::Until(ends(&authentication.token))
    } else {
        Lasts::AWhile
    };
    let sessions = app_state.front().sessions();
    let Ok(cookie) = sessions.begin(earlier, name, grant, lasts, Instant::now()) else {
        return ask_again(
            StatusCode::SERVICE_UNAVAILABLE,
            &entering.next,
            "The machine has no randomness.",
        );
    };
    tracing::info!(
        "{} has signed in to `{name}` with token {}",
        authentication.caller.name(),
        authentication.token.id
    );
    let next = match own(&entering.next) {
        "/" => home(&app_state, name),
        next => next.to_owned(),
    };
    if let Some(earlier) = earlier {
        let before = digits(&key_of(earlier));
        about_tokens(&app_state.workers(), move |tokens| {
            tokens.forget_session(&before)
        })
        .await;
    }
    let mut lasts = String::new();
    if is_kept {
        let kept = digits(&key_of(&cookie));
        let (worker, id) = (
            authentication.worker.clone(),
            authentication.token.id.clone(),
        );
        about_tokens(&[worker], move |tokens| tokens.keep_session(&id, &kept)).await;
        let left = (authentication.token.expires_at - Utc::now()).num_seconds();
        lasts = format!("; Max-Age={}", left.max(0));
    }
    with_cookie(
        Redirect::to(&next).into_response(),
        &app_state,
        &cookie,
        &lasts,
    )
}

/// Changes what is kept beside the tokens of some repositories. Where that fails a session ends with the process, or
/// with its cookie.
async fn about_tokens(
    workers: &[RepositoryWorker],
    change: impl Fn(&Tokens) -> Result<(), TokensError> + Send + 'static,
) {
    let all: Vec<Tokens> = workers
        .iter()
        .filter_map(|worker| worker.tokens().cloned())
        .collect();
    let changed = tokio::task::spawn_blocking(move || {
        for tokens in all {
            if let Err(error) = change(&tokens) {
                tracing::warn!("{error}");
            }
        }
    });
    if changed.await.is_err() {
        tracing::error!("what is kept beside the tokens was not changed");
    }
}

/// The overview of the repository that somebody was let into.
fn home(app_state: &AppState, name: &str) -> String {
    let workers = app_state.workers();
    if workers.len() < 2 {
        return "/".to_owned();
    }
    let mut slugs = slugs(&workers).into_iter();
    let found = slugs.find(|(_, worker)| worker.name() == name);
    found.map_or_else(|| "/".to_owned(), |(slug, _)| format!("/r/{slug}/"))
}

fn turned_away(error: &NotAuthenticated, next: &str) -> Response {
    let (status, problem) = match error {
        NotAuthenticated::Unknown => (
            StatusCode::FORBIDDEN,
            "Nobody has this token. Check that you pasted all of it.".to_owned(),
        ),
        NotAuthenticated::NoLongerGood(why) => (
            StatusCode::FORBIDDEN,
            format!("This token has been {why}. Make a new one with countersign token create."),
        ),
        NotAuthenticated::NotListed(name, file) => (
            StatusCode::FORBIDDEN,
            format!("{name} is not listed in {file} on main."),
        ),
        NotAuthenticated::TooMany(wait) => {
            let seconds = wait.as_secs().max(1);
            let problem = format!(
                "Too many tries have failed from your address. Try again in {seconds} seconds."
            );
            let mut response = ask_again(StatusCode::TOO_MANY_REQUESTS, next, problem);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
            return response;
        }
        NotAuthenticated::NoRules => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The rules on main cannot be read, so nobody is let in.".to_owned(),
        ),
        NotAuthenticated::Library(_) | NotAuthenticated::Tokens(_) => {
            tracing::error!("somebody cannot be let in: {error}");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "Nobody can be let in at the moment. Try again soon.".to_owned(),
            )
        }
    };
    ask_again(status, next, problem)
}

pub async fn leave(
    State(app_state): State<AppState>,
    headers: HeaderMap,
    Form(leaving): Form<Leaving>,
) -> Response {
    if let Some(session) = find_session(&headers, &app_state) {
        if !is_equal(&session.csrf, &leaving.csrf) {
            let why = "The form does not belong to your session. Open the page again.";
            return refused(
                StatusCode::FORBIDDEN,
                PageError::new("Still signed in", why),
            );
        }
        app_state.front().sessions().end(&session.key);
        let kept = digits(&session.key);
        about_tokens(&app_state.workers(), move |tokens| {
            tokens.forget_session(&kept)
        })
        .await;
    }
    with_cookie(
        Redirect::to("/").into_response(),
        &app_state,
        "",
        "; Max-Age=0",
    )
}

fn with_cookie(mut response: Response, app_state: &AppState, value: &str, end: &str) -> Response {
    let secure = if app_state.front().listen_config().is_https() {
        "; Secure"
    } else {
        ""
    };
    // A link from elsewhere comes with the cookie; a form from elsewhere does not, and `listen_config` refuses it
    // besides.
    let cookie = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{end}",
        cookie_name(app_state)
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere_after_signing_in() {
        for good in ["/", "/cases?q=a%20b", "/r/acme/pending"] {
            assert_eq!(own(good), good);
        }
        for bad in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "/sign-out",
            "javascript:alert(1)",
            "/a\r\nb",
        ] {
            assert_eq!(own(bad), "/", "{bad}");
        }
    }
}
