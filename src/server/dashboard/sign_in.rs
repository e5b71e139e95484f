//! Signing in with a personal token, and out again.

use std::net::SocketAddr;
use std::time::Instant;

use askama::Template;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::super::admission::{Caller, NotAdmitted};
use super::super::office::Office;
use super::super::secrets::is_equal;
use super::assets::{Addresses, addresses};
use super::cases::encoded;
use super::desk::{LIVE_HEADER, cookie_name, find_cookie, find_session, slugs};
use super::pages::{Refusal, page, refused};
use super::session::Grant;

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
fn own(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let is_plain = next.chars().all(|c| c.is_ascii_graphic());
    let leads_back = next.starts_with("/sign-");
    if is_path && is_plain && !leads_back {
        next
    } else {
        "/"
    }
}

/// The answer to somebody who has to sign in first.
pub fn demanded(path: &str, parts: &Parts) -> Response {
    let is_page = parts.method.is_safe()
        && !parts.headers.contains_key(LIVE_HEADER)
        && !path.contains("/live");
    if is_page {
        let query = encoded(own(path));
        return Redirect::to(&format!("/sign-in?next={query}")).into_response();
    }
    let mut refusal = Refusal::new(
        "Sign in first",
        "Your session has ended, so nothing was done. Sign in and try again.",
    );
    refusal.next = ("/sign-in".to_owned(), "Sign in");
    refused(StatusCode::UNAUTHORIZED, refusal)
}

/// Asks for the token.
pub async fn ask(Query(asked): Query<Asked>) -> Response {
    ask_again(StatusCode::OK, &asked.next, "")
}

/// Lets somebody in.
pub async fn enter(
    State(office): State<Office>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
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
    let admitted = match office.admit(token.to_owned().into(), from.ip()).await {
        Ok(admitted) => admitted,
        Err(error) => return turned_away(&error, &entering.next),
    };
    if let Caller::Agent(name) = &admitted.caller {
        let problem = format!(
            "This is the token of the agent {name}. Agents use the API; people sign in here with their own."
        );
        return ask_again(StatusCode::FORBIDDEN, &entering.next, problem);
    }
    let grant = Grant {
        token: admitted.token.id.clone(),
        bearer: admitted.token.bearer.clone(),
    };
    let name = admitted.keeper.name();
    let earlier = find_cookie(&headers, &office);
    let Ok(cookie) = office
        .front()
        .sessions()
        .begin(earlier, name, grant, Instant::now())
    else {
        return ask_again(
            StatusCode::SERVICE_UNAVAILABLE,
            &entering.next,
            "The machine has no randomness.",
        );
    };
    tracing::info!(
        "{} has signed in to `{name}` with token {}",
        admitted.caller.name(),
        admitted.token.id
    );
    let next = match own(&entering.next) {
        "/" => home(&office, name),
        next => next.to_owned(),
    };
    with_cookie(Redirect::to(&next).into_response(), &office, &cookie, "")
}

/// The overview of the repository that somebody was let into.
fn home(office: &Office, name: &str) -> String {
    let keepers = office.keepers();
    if keepers.len() < 2 {
        return "/".to_owned();
    }
    let mut slugs = slugs(&keepers).into_iter();
    let found = slugs.find(|(_, keeper)| keeper.name() == name);
    found.map_or_else(|| "/".to_owned(), |(slug, _)| format!("/r/{slug}/"))
}

fn turned_away(error: &NotAdmitted, next: &str) -> Response {
    let (status, problem) = match error {
        NotAdmitted::Unknown => (
            StatusCode::FORBIDDEN,
            "Nobody has this token. Check that you pasted all of it.".to_owned(),
        ),
        NotAdmitted::NoLongerGood(why) => (
            StatusCode::FORBIDDEN,
            format!("This token has been {why}. Make a new one with countersign token create."),
        ),
        NotAdmitted::NotListed(name, file) => (
            StatusCode::FORBIDDEN,
            format!("{name} is not listed in {file} on main."),
        ),
        NotAdmitted::TooMany(wait) => {
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
        NotAdmitted::NoRules => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The rules on main cannot be read, so nobody is let in.".to_owned(),
        ),
        NotAdmitted::Library(_) | NotAdmitted::Tokens(_) => {
            tracing::error!("somebody cannot be let in: {error}");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "Nobody can be let in at the moment. Try again soon.".to_owned(),
            )
        }
    };
    ask_again(status, next, problem)
}

/// Ends the session.
pub async fn leave(
    State(office): State<Office>,
    headers: HeaderMap,
    Form(leaving): Form<Leaving>,
) -> Response {
    if let Some(session) = find_session(&headers, &office) {
        if !is_equal(&session.csrf, &leaving.csrf) {
            let why = "The form does not belong to your session. Open the page again.";
            return refused(StatusCode::FORBIDDEN, Refusal::new("Still signed in", why));
        }
        office.front().sessions().end(&session.key);
    }
    with_cookie(
        Redirect::to("/").into_response(),
        &office,
        "",
        "; Max-Age=0",
    )
}

fn with_cookie(mut response: Response, office: &Office, value: &str, end: &str) -> Response {
    let secure = if office.front().doorway().is_https() {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{end}",
        cookie_name(office)
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
