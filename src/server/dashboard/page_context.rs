//! One request: which repository it is about, who asks, and what every page shows around its
//! own content.
//!
//! A server of one repository shows it at `/`. A server of several lets people choose there, and shows each
//! at `/r/NAME/`; that address works for a single one as well.

use std::time::Instant;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::CookieJar;
use chrono::Utc;

use super::super::authentication::{Caller, NotAuthenticated};
use super::super::case_store::{CaseStoreError, Reader};
use super::super::listen_config::ListenConfig;
use super::super::state::AppState;
use super::super::tokens::Bearer;
use super::super::worker::RepositoryWorker;
use super::assets::{Addresses, addresses};
use super::pages::{Choice, Chooser, PageError, page, refused};
use super::session::{Notice, csrf_of, key_of};
use super::sign_in;
use super::text::Moment;
use crate::domain::documents::{Freeze, Role};
use crate::domain::ids::Login;
use crate::domain::yaml;
use crate::ledger::ForeignCommit;
use crate::ledger::{LedgerError, MAIN};

/// The cookie of a session, where TLS is not certain.
const COOKIE: &str = "countersign";
/// The same where it is: browsers then refuse one that anybody else has set.
const SECURE_COOKIE: &str = "__Host-countersign";
/// What the script adds when a page fetches itself.
pub const LIVE_HEADER: &str = "x-countersign-live";

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct Viewer {
    pub login: Login,
    pub role: Role,
    pub csrf: String,
    /// By which their session is found.
    pub key: String,
}

pub struct PageContext {
    pub app_state: AppState,
    pub worker: RepositoryWorker,
    /// What addresses of this repository begin with: nothing, or `/r/NAME`.
    pub base: String,
    pub viewer: Option<Viewer>,
    /// The page that was asked for, or that the form was on.
    pub path: String,
    is_one_of_several: bool,
}

/// What every page shows around its own content.
#[derive(Debug)]
pub struct Frame {
    pub assets: Addresses,
    pub base: String,
    pub repository: String,
    pub is_one_of_several: bool,
    /// The part of the dashboard that it is: `overview`, `pending`, `cases` or nothing.
    pub here: &'static str,
    pub pending: usize,
    pub edition: u64,
    pub viewer: Option<ShownViewer>,
    /// Where to come back to after signing in.
    pub path: String,
    pub can_sign_in: bool,
    pub frozen: Option<Frozen>,
    /// Why the bot's last run failed.
    pub failure: Option<String>,
    /// Commits on `main` that the bot did not make.
    pub foreign: Vec<Foreign>,
    pub notices: Vec<Notice>,
}

/// A commit on `main` that the bot did not make.
#[derive(Debug)]
pub struct Foreign {
    pub commit: String,
    pub by: String,
    pub subject: String,
    pub at: Moment,
}

/// Who is signed in.
#[derive(Debug)]
pub struct ShownViewer {
    pub login: String,
    pub role: &'static str,
    pub csrf: String,
}

/// That everything is stopped.
#[derive(Debug)]
pub struct Frozen {
    pub by: String,
    pub reason: String,
    pub at: Moment,
}

/// So many foreign commits are shown.
const MOST_FOREIGN: usize = 5;

fn foreign(found: &ForeignCommit) -> Foreign {
    Foreign {
        commit: found.commit.short(),
        by: found.by.clone(),
        subject: found.subject.clone(),
        at: Moment::of(found.at),
    }
}

impl FromRequestParts<AppState> for PageContext {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app_state: &AppState) -> Result<Self, Response> {
        let (worker, base) = find_worker(parts, app_state).await?;
        let viewer = find_viewer(&parts.headers, app_state, &worker).await;
        let path = asked_for(parts);
        if viewer.is_none() && !is_open(&worker, app_state, &parts.headers) {
            return Err(sign_in::demanded(&path, parts));
        }
        Ok(Self {
            app_state: app_state.clone(),
            is_one_of_several: app_state.workers().len() > 1,
            worker,
            base,
            viewer,
            path,
        })
    }
}

/// The path and query of the page that a browser asked for, or that the form was on that it sent: each form goes to an
/// address below that of its page.
fn asked_for(parts: &Parts) -> String {
    if parts.method.is_safe() {
        let path = parts.uri.path_and_query();
        return path.map_or("/", |path| path.as_str()).to_owned();
    }
    match parts.uri.path().rsplit_once('/') {
        Some((page, _)) if !page.is_empty() => page.to_owned(),
        _ => "/".to_owned(),
    }
}

async fn find_worker(
    parts: &mut Parts,
    app_state: &AppState,
) -> Result<(RepositoryWorker, String), Response> {
    let params = RawPathParams::from_request_parts(parts, app_state)
        .await
        .ok();
    let named = params.and_then(|params| {
        let mut params = params.iter();
        params
            .find(|(key, _)| *key == "repository")
            .map(|(_, name)| name.to_owned())
    });
    let workers = app_state.workers();
    match (named, workers.as_slice()) {
        (None, [worker]) => Ok((worker.clone(), String::new())),
        (None, _) => Err(Redirect::to("/").into_response()),
        (Some(slug), _) => {
            let found = slugs(&workers).into_iter().find(|(one, _)| *one == slug);
            let why = "This server keeps no repository of that name.";
            let (slug, worker) = found
                .ok_or_else(|| refused(StatusCode::NOT_FOUND, PageError::new("Not here", why)))?;
            Ok((worker, format!("/r/{slug}")))
        }
    }
}

/// The name of each repository in addresses: its own in plain letters, counted where two are alike.
pub fn slugs(workers: &[RepositoryWorker]) -> Vec<(String, RepositoryWorker)> {
    let mut named: Vec<(String, RepositoryWorker)> = Vec::new();
    for worker in workers {
        let stem = slug(&short_name(worker));
        let mut name = stem.clone();
        let mut count = 1;
        while named.iter().any(|(taken, _)| *taken == name) {
            count += 1;
            name = format!("{stem}-{count}");
        }
        named.push((name, worker.clone()));
    }
    named
}

fn slug(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let slug: String = name.chars().map(plain).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() {
        "repository".to_owned()
    } else {
        slug.to_owned()
    }
}

/// How people call it: `OWNER/NAME`, or the name of its folder.
pub fn short_name(worker: &RepositoryWorker) -> String {
    let name = worker.name();
    if worker.github().is_some() {
        return name.to_owned();
    }
    let last = name
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(name);
    last.strip_suffix(".git")
        .filter(|stem| !stem.is_empty())
        .unwrap_or(last)
        .to_owned()
}

/// The value of the session's cookie, if the browser sent one.
pub fn find_cookie(headers: &HeaderMap, listen_config: &ListenConfig) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    let cookie = jar.get(cookie_name(listen_config))?;
    Some(cookie.value().to_owned())
}

pub fn cookie_name(listen_config: &ListenConfig) -> &'static str {
    if listen_config.is_https() {
        SECURE_COOKIE
    } else {
        COOKIE
    }
}

/// Who asks, if their session has been let into this repository, by a token that is still good, and the
/// rules on `main` still know them.
async fn find_viewer(
    headers: &HeaderMap,
    app_state: &AppState,
    worker: &RepositoryWorker,
) -> Option<Viewer> {
    let cookie = find_cookie(headers, app_state.listen_config())?;
    let key = key_of(&cookie);
    let (tokens, asked) = (worker.tokens()?.clone(), key.clone());
    let looked = tokio::task::spawn_blocking(move || tokens.find_session(&asked, Utc::now()));
    let signed_in = match looked.await.ok()? {
        Ok(found) => found?,
        Err(error) => {
            tracing::error!("{error}");
            return None;
        }
    };
    let (sessions, now) = (app_state.sessions(), Instant::now());
    if !sessions.goes_on(&key, signed_in.lasts, now) {
        return None;
    }
    if !headers.contains_key(LIVE_HEADER) {
        sessions.use_now(&key, now);
    }
    match recognise(worker, &signed_in.bearer).await {
        Ok((login, role)) => Some(Viewer {
            login,
            role,
            csrf: csrf_of(&cookie),
            key,
        }),
        Err(error) => {
            tracing::warn!("a session is not taken: {error}");
            None
        }
    }
}

/// The person behind a token. Agents have the API.
async fn recognise(
    worker: &RepositoryWorker,
    bearer: &Bearer,
) -> Result<(Login, Role), NotAuthenticated> {
    match worker.recognise(bearer).await? {
        Caller::Person { name, role } => Ok((name.login().clone(), role)),
        Caller::Agent(name) => Err(NotAuthenticated::NotListed(
            name.to_string(),
            crate::rules::people::PATH,
        )),
    }
}

impl PageContext {
    /// Makes a page from what is known of the repository.
    pub async fn show(
        &self,
        here: &'static str,
        make: impl FnOnce(&mut Reader<'_>, Frame) -> anyhow::Result<Response> + Send + 'static,
    ) -> Response {
        let mut frame = self.frame(here);
        let case_store = self.worker.case_store();
        let made = case_store.read(move |reader| {
            frame.pending = reader.snapshot.index().pending().len();
            frame.frozen = find_freeze(reader)?;
            make(reader, frame)
        });
        match made.await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                tracing::error!("a page cannot be made: {error:#}");
                let why = "The repository could not be read. The server's log says why.";
                refused(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    PageError::new("This page cannot be shown", why),
                )
            }
            Err(error @ CaseStoreError::NotYet(_)) => {
                let mut refusal = PageError::new(
                    "One moment",
                    "The cases are still being read. This takes a few seconds after a start.",
                );
                refusal.detail = Some(
                    self.worker
                        .standing()
                        .failure
                        .unwrap_or_else(|| error.to_string()),
                );
                refused(StatusCode::SERVICE_UNAVAILABLE, refusal)
            }
            Err(error) => {
                tracing::error!("{error}");
                let why = "The repository cannot be opened. The server's log says why.";
                refused(
                    StatusCode::SERVICE_UNAVAILABLE,
                    PageError::new("This page cannot be shown", why),
                )
            }
        }
    }

    fn frame(&self, here: &'static str) -> Frame {
        let sessions = self.app_state.sessions();
        let viewer = self.viewer.as_ref();
        let standing = self.worker.standing();
        Frame {
            assets: addresses(),
            base: self.base.clone(),
            repository: short_name(&self.worker),
            is_one_of_several: self.is_one_of_several,
            here,
            pending: 0,
            edition: *self.worker.case_store().watch().borrow(),
            viewer: viewer.map(|viewer| ShownViewer {
                login: viewer.login.to_string(),
                role: match viewer.role {
                    Role::Admin => "admin",
                    Role::Reviewer => "reviewer",
                    Role::None => "reads only",
                },
                csrf: viewer.csrf.clone(),
            }),
            path: self.path.clone(),
            can_sign_in: self.worker.tokens().is_some(),
            frozen: None,
            failure: standing.failure,
            foreign: standing
                .foreign
                .iter()
                .take(MOST_FOREIGN)
                .map(foreign)
                .collect(),
            notices: viewer.map_or_else(Vec::new, |viewer| sessions.notices(&viewer.key)),
        }
    }

    /// Says something to whoever has signed in, on every page until they dismiss it.
    pub fn tell(&self, class: &'static str, text: impl Into<String>) {
        if let Some(viewer) = &self.viewer {
            let sessions = self.app_state.sessions();
            sessions.tell(&viewer.key, class, text.into());
        }
    }

    /// Waits until everything that was handed in is worked off, as far as that takes only a moment.
    pub async fn settle(&self, before: u64) {
        let mut edition = self.worker.case_store().watch();
        let moved = edition.wait_for(|edition| *edition > before);
        // Whatever takes longer comes by itself.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(3), moved).await;
    }
}

fn find_freeze(reader: &Reader<'_>) -> anyhow::Result<Option<Frozen>> {
    let tip = reader.repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = reader.repo.read_commit(tip)?.tree;
    let Some(bytes) = reader.repo.read_path(root, Freeze::PATH)? else {
        return Ok(None);
    };
    Ok(Some(match yaml::read::<Freeze>(Freeze::PATH, &bytes) {
        Ok(freeze) => Frozen {
            by: freeze.by.to_string(),
            reason: freeze.reason,
            at: Moment::of(freeze.at),
        },
        Err(_) => Frozen {
            by: "somebody".to_owned(),
            reason: "freeze.yaml cannot be read".to_owned(),
            at: Moment::of(Utc::now()),
        },
    }))
}

/// Whether somebody may read a repository without saying who they are.
fn is_open(worker: &RepositoryWorker, app_state: &AppState, headers: &HeaderMap) -> bool {
    worker.github().is_none() && app_state.listen_config().may_all_read(headers)
}

/// The page of a server that keeps several repositories, or none yet: those that whoever asks may read.
pub async fn choose(app_state: &AppState, headers: &HeaderMap) -> Response {
    let workers = app_state.workers();
    let is_empty = workers.is_empty();
    let mut choices = Vec::new();
    for (slug, worker) in slugs(&workers) {
        if is_open(&worker, app_state, headers)
            || find_viewer(headers, app_state, &worker).await.is_some()
        {
            choices.push(Choice {
                href: format!("/r/{slug}/"),
                name: worker.name().to_owned(),
                open: worker.standing().open.len(),
            });
        }
    }
    if choices.is_empty() && !is_empty {
        return Redirect::to("/sign-in").into_response();
    }
    let chooser = Chooser {
        assets: addresses(),
        choices,
    };
    page(StatusCode::OK, &chooser)
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_addresses_are_plain() {
        assert_eq!(slug("Acme/Governance"), "acme-governance");
        assert_eq!(slug("../../"), "repository");
        assert_eq!(slug("größe"), "gr--e");
    }
}
