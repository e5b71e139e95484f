//! Signing in with a personal token, and out again.

use std::time::Instant;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use chrono::Utc;
use serde::Deserialize;

use super::super::authentication::{Authentication, Caller, NotAuthenticated};
use super::super::case_store::CaseStoreError;
use super::super::client_address::ClientAddress;
use super::super::secrets::{is_equal, random};
use super::super::state::AppState;
use super::super::tokens::{BeginSession, Lasts, Tokens, TokensError};
use super::assets::{Addresses, addresses};
use super::cases::encoded;
use super::page_context::{LIVE_HEADER, cookie_name, find_cookie, slugs};
use super::pages::{PageError, page, refused};
use super::session::{csrf_of, key_of};
use crate::domain::events::EVENTS;

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
    let Ok(value) = random::<32>() else {
        return ask_again(
            StatusCode::SERVICE_UNAVAILABLE,
            &entering.next,
            "The machine has no randomness.",
        );
    };
    let begin = BeginSession {
        key: key_of(&value),
        earlier: find_cookie(&headers, app_state.listen_config()).map(|cookie| key_of(&cookie)),
        lasts: if entering.keep.is_empty() {
            Lasts::WhileUsed
        } else {
            Lasts::AsItsToken
        },
        now: Utc::now(),
    };
    let (name, token) = (authentication.worker.name(), &authentication.token);
    if let Err(error) = begin_session(&app_state, &authentication, begin.clone()).await {
        return turned_away(&error, &entering.next);
    }
    tracing::info!(
        target: EVENTS,
        event = "sign-in",
        by = %authentication.caller.name(),
        repository = %name,
        token = %token.id,
    );
    let next = match own(&entering.next) {
        "/" => home(&app_state, name),
        next => next.to_owned(),
    };
    let mut cookie = Cookie::build(session_cookie(&app_state, value));
    if begin.lasts == Lasts::AsItsToken {
        let left = (token.expires_at - begin.now).to_std().unwrap_or_default();
        cookie = cookie.max_age(left.try_into().unwrap_or_default());
    }
    (CookieJar::new().add(cookie), Redirect::to(&next)).into_response()
}

/// Begins a session with a token. What the browser was let into elsewhere before goes over to it.
async fn begin_session(
    app_state: &AppState,
    authentication: &Authentication,
    begin: BeginSession,
) -> Result<(), NotAuthenticated> {
    let (name, id) = (
        authentication.worker.name().to_owned(),
        authentication.token.id.clone(),
    );
    let (key, earlier) = (begin.key.clone(), begin.earlier.clone());
    let sessions = app_state.sessions();
    let is_in_use = |earlier: &String| sessions.is_in_use(earlier, Instant::now());
    let carried: &'static [Lasts] = match earlier.as_ref().is_some_and(is_in_use) {
        true => &[Lasts::AsItsToken, Lasts::WhileUsed],
        false => &[Lasts::AsItsToken],
    };
    about_tokens(app_state, move |worker, tokens| {
        if worker == name {
            tokens.begin_session(&id, &begin)
        } else if let Some(earlier) = &begin.earlier {
            tokens.rename_session(earlier, &begin.key, carried)
        } else {
            Ok(())
        }
    })
    .await?;
    sessions.begin(&key, earlier.as_deref(), Instant::now());
    Ok(())
}

/// Changes the sessions that are kept beside the tokens of each repository, which is told by its name.
async fn about_tokens(
    app_state: &AppState,
    change: impl Fn(&str, &Tokens) -> Result<(), TokensError> + Send + 'static,
) -> Result<(), NotAuthenticated> {
    let workers = app_state.workers();
    let changed = tokio::task::spawn_blocking(move || {
        let with_tokens = workers.iter().filter_map(|w| Some((w.name(), w.tokens()?)));
        let changed = with_tokens.map(|(name, tokens)| change(name, tokens));
        // One that fails keeps back no other.
        changed.fold(Ok(()), Result::and)
    });
    Ok(changed.await.map_err(|_| CaseStoreError::Panicked)??)
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
    error.log();
    let (status, problem) = match error {
        NotAuthenticated::Unknown => (
            StatusCode::FORBIDDEN,
            "Unknown token. Check that you pasted all of it.".to_owned(),
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
        NotAuthenticated::Cases(_) | NotAuthenticated::Tokens(_) => {
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
    if let Some(cookie) = find_cookie(&headers, app_state.listen_config()) {
        if !is_equal(&csrf_of(&cookie), &leaving.csrf) {
            let why = "The form does not belong to your session. Open the page again.";
            return refused(
                StatusCode::FORBIDDEN,
                PageError::new("Still signed in", why),
            );
        }
        let key = key_of(&cookie);
        app_state.sessions().end(&key);
        let ended = about_tokens(&app_state, move |_, tokens| tokens.end_session(&key)).await;
        if let Err(error) = ended {
            tracing::error!("{error}");
            let why = "The server could not end your session. Its log says why.";
            return refused(
                StatusCode::SERVICE_UNAVAILABLE,
                PageError::new("Still signed in", why),
            );
        }
    }
    let jar = CookieJar::from_headers(&headers).remove(session_cookie(&app_state, String::new()));
    (jar, Redirect::to("/")).into_response()
}

/// A link from elsewhere comes with the cookie; a form from elsewhere does not, and is refused besides.
fn session_cookie(app_state: &AppState, value: String) -> Cookie<'static> {
    Cookie::build((cookie_name(app_state.listen_config()), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app_state.listen_config().is_https())
        .build()
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
