//! The HTTP server: who asks, what befalls the request, whether it is one that GitHub describes, and the answer.
//!
//! One door for everything, so that nothing gets past the counting and the checking.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::Response;
use serde_json::{Value, json};

use super::calls::Call;
use super::crypto;
use super::faults::{self, Asked, Harm};
use super::git_http::{self, GitRequest};
use super::git_room;
use super::openapi::{self, Exchange};
use super::routes;
use super::world::{Actor, Kind, World, stamp};

/// What goes back, as bytes.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn plain(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }
    pub fn json(status: u16, body: &Value) -> Self {
        let mut reply = Self::plain(status, body.to_string().into_bytes());
        let kind = "application/json; charset=utf-8".to_owned();
        reply.headers.push(("content-type".to_owned(), kind));
        reply
    }
}

/// The world, and a bell that rings whenever it changed.
pub struct Shared {
    world: Mutex<World>,
    pub changed: Condvar,
    /// One push at a time, so that what moved is known to be this pusher's doing.
    pushing: Mutex<()>,
}

impl Shared {
    pub fn new(world: World) -> Arc<Self> {
        Arc::new(Self {
            world: Mutex::new(world),
            changed: Condvar::new(),
            pushing: Mutex::new(()),
        })
    }
    /// The world. A handler that panicked is reported by the test that finds out, not by every other one.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.world
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A request, read.
struct Incoming {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Bytes,
}

/// Serves until the runtime is dropped.
pub fn serve(runtime: &tokio::runtime::Runtime, listener: TcpListener, shared: Arc<Shared>) {
    listener.set_nonblocking(true).unwrap();
    let router = axum::Router::new().fallback(handle).with_state(shared);
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}

async fn handle(State(shared): State<Arc<Shared>>, request: HttpRequest) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 256 << 20)
        .await
        .unwrap_or_default();
    let headers = parts.headers.iter().map(|(name, value)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    let incoming = Incoming {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    };
    let also = Arc::clone(&shared);
    let answered = tokio::task::spawn_blocking(move || answer(&also, &incoming)).await;
    let reply = answered.unwrap_or_else(|error| {
        // The test must hear of it: a panic in a server's thread is otherwise only a line on the screen.
        shared
            .lock()
            .violations
            .push(format!("the double itself failed: {error}"));
        Reply::plain(500, b"the double itself failed".to_vec())
    });
    shared.changed.notify_all();
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

fn answer(shared: &Shared, incoming: &Incoming) -> Reply {
    let path = incoming
        .path
        .strip_prefix("/api/v3")
        .unwrap_or(&incoming.path);
    match git_address(path) {
        Some((repo, service)) => answer_git(shared, incoming, &repo, service),
        None => answer_api(shared, incoming, path),
    }
}

/// `/owner/name.git/service`, and the same without `.git`.
fn git_address(path: &str) -> Option<(String, &'static str)> {
    let services = ["info/refs", "git-upload-pack", "git-receive-pack"];
    let service = services
        .into_iter()
        .find(|service| path.ends_with(service))?;
    let repo = path.strip_suffix(service)?.trim_matches('/');
    let repo = repo.strip_suffix(".git").unwrap_or(repo);
    (repo.split('/').count() == 2).then(|| (repo.to_owned(), service))
}

fn answer_git(shared: &Shared, incoming: &Incoming, repo: &str, service: &'static str) -> Reply {
    let mut world = shared.lock();
    let actor = match basic_token(&incoming.headers) {
        Some(token) => world.actor_of(&token),
        None => Ok(Actor::nobody()),
    };
    let Ok(actor) = actor else {
        world.note(&Actor::nobody(), incoming, service, true, 401);
        return unauthorized_git();
    };
    let mut request = GitRequest {
        method: &incoming.method,
        repo,
        service,
        query: &incoming.query,
        headers: &incoming.headers,
        body: &incoming.body,
        actor: &actor.login,
    };
    let writes = request.writes();
    let known = world
        .repos
        .keys()
        .find(|name| name.eq_ignore_ascii_case(repo))
        .cloned();
    let refused = match &known {
        Some(name) => world.git_refusal(name, &actor, writes),
        None => Some(match world.renamed.get(repo) {
            Some(new) => {
                let to = format!("{}/{new}.git/{service}?{}", world.api, incoming.query);
                faults::reply(301, &[("location", to)], "Moved Permanently")
            }
            None => Reply::plain(404, b"Repository not found.".to_vec()),
        }),
    };
    if let Some(reply) = refused {
        // Who did not say who they are is asked first.
        let reply = if actor.kind == Kind::Nobody {
            unauthorized_git()
        } else {
            reply
        };
        world.note(&actor, incoming, service, true, reply.status);
        return reply;
    }
    let name = known.unwrap();
    request.repo = &name;
    let asked = Asked {
        actor: &actor,
        method: &incoming.method,
        route: service,
        git: true,
    };
    let harm = world.befalls(&asked);
    if let Some(reply) = world.suffer(harm.as_ref(), incoming, &name, &actor) {
        world.note(&actor, incoming, service, true, reply.status);
        return reply;
    }
    let root = world.root.clone();
    drop(world);
    let pushing = (service == "git-receive-pack").then(|| {
        shared
            .pushing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    });
    let mut reply = git_http::answer(&root, &request);
    let mut world = shared.lock();
    if pushing.is_some() {
        world.branches_moved(&name, &actor.login);
    }
    if let Some(Harm::AnswerLost { status }) = harm {
        reply = faults::reply(status, &[], "Server Error");
    }
    world.note(&actor, incoming, service, true, reply.status);
    reply
}

fn answer_api(shared: &Shared, incoming: &Incoming, path: &str) -> Reply {
    // An Enterprise Server has it beside its REST, and nowhere else.
    if matches!(incoming.path.as_str(), "/graphql" | "/api/graphql") {
        return answer_graphql(shared, incoming);
    }
    let mut world = shared.lock();
    let path = &world.by_number(path);
    let Some((route, params)) = routes::find(&incoming.method, path) else {
        let (method, whole) = (&incoming.method, &incoming.path);
        world.violations.push(format!(
            "{method} {whole}: the double does not know this operation"
        ));
        world.note(&Actor::nobody(), incoming, path, false, 501);
        return Reply::json(
            501,
            &json!({"message": "the double does not know this operation"}),
        );
    };
    let actor = match bearer(&incoming.headers) {
        Some(token) => world.actor_of(&token),
        None => Ok(Actor::nobody()),
    };
    let actor = match actor {
        Ok(actor) => actor,
        Err(message) => {
            world.note(&Actor::nobody(), incoming, route.path, false, 401);
            return faults::reply(401, &[], &message);
        }
    };
    if let Some(reply) = world.redirect(incoming, path) {
        world.note(&actor, incoming, route.path, false, reply.status);
        return reply;
    }
    if let Some(reply) = world.mind_pace(incoming, &actor) {
        world.note(&actor, incoming, route.path, false, reply.status);
        return reply;
    }
    let body = (!incoming.body.is_empty())
        .then(|| serde_json::from_slice(&incoming.body).unwrap_or(Value::Null));
    let query = routes::query(&incoming.query);
    let exchange = Exchange {
        method: &incoming.method,
        route: route.path,
        query: &query,
        body: body.as_ref(),
    };
    world
        .violations
        .extend(openapi::api().check_request(&exchange));
    let asked = Asked {
        actor: &actor,
        method: &incoming.method,
        route: route.path,
        git: false,
    };
    let harm = world.befalls(&asked);
    if let Some(reply) = world.suffer(harm.as_ref(), incoming, "", &actor) {
        world.note(&actor, incoming, route.path, false, reply.status);
        return reply;
    }
    let request = routes::Request {
        actor: actor.clone(),
        params,
        query: query.clone(),
        body: body.clone().unwrap_or(Value::Null),
        path: path.to_owned(),
    };
    let answer = (route.handler)(&mut world, &request).unwrap_or_else(|refusal| refusal);
    let wrong = openapi::api().check_answer(&exchange, answer.status, answer.body.as_ref());
    world.violations.extend(wrong);
    let mut reply = match &answer.body {
        Some(body) => Reply::json(answer.status, body),
        None => Reply::plain(answer.status, Vec::new()),
    };
    reply.headers.extend(answer.headers);
    reply.headers.extend(world.rate_headers(&actor));
    if let Some(Harm::AnswerLost { status }) = harm {
        reply = faults::reply(status, &[], "Server Error");
    }
    world.note(&actor, incoming, route.path, false, reply.status);
    reply
}

fn answer_graphql(shared: &Shared, incoming: &Incoming) -> Reply {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let text = body["query"].as_str().unwrap_or_default();
    let writes = text.trim_start().starts_with("mutation");
    // A mutation is counted as the write that it is.
    let route = if writes {
        "/graphql (mutation)"
    } else {
        "/graphql"
    };
    let mut world = shared.lock();
    let actor = match bearer(&incoming.headers) {
        Some(token) => world.actor_of(&token),
        None => Err("This endpoint requires you to be authenticated.".to_owned()),
    };
    let actor = match actor {
        Ok(actor) => actor,
        Err(message) => {
            world.note(&Actor::nobody(), incoming, route, false, 401);
            return faults::reply(401, &[], &message);
        }
    };
    if writes && let Some(reply) = world.mind_pace(incoming, &actor) {
        world.note(&actor, incoming, route, false, reply.status);
        return reply;
    }
    let asked = Asked {
        actor: &actor,
        method: &incoming.method,
        route,
        git: false,
    };
    let harm = world.befalls(&asked);
    if let Some(reply) = world.suffer(harm.as_ref(), incoming, "", &actor) {
        world.note(&actor, incoming, route, false, reply.status);
        return reply;
    }
    let may = match actor.kind {
        Kind::Installation => world.app_may("pull_requests", "read"),
        Kind::App => false,
        _ => true,
    };
    let answer = if writes && actor.kind != Kind::App {
        world.graphql_write(&actor, &body)
    } else if may && !writes {
        world.graphql(&body)
    } else {
        json!({"data": null, "errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]})
    };
    let mut reply = Reply::json(200, &answer);
    if let Some(Harm::AnswerLost { status }) = harm {
        reply = faults::reply(status, &[], "Server Error");
    }
    world.note(&actor, incoming, route, false, reply.status);
    reply
}

impl World {
    /// A repository is also reached by its number.
    fn by_number(&self, path: &str) -> String {
        let found = path.strip_prefix("/repositories/").and_then(|rest| {
            let (number, tail) = rest.split_once('/').unwrap_or((rest, ""));
            let number: u64 = number.parse().ok()?;
            let (name, _) = self.repos.iter().find(|(_, repo)| repo.id == number)?;
            Some(format!("/repos/{name}/{tail}"))
        });
        let found = found.unwrap_or_else(|| path.to_owned());
        found.trim_end_matches('/').to_owned()
    }

    /// A renamed repository is redirected to by its number: for good if nothing is to be written, otherwise
    /// once, to be repeated as it was.
    fn redirect(&self, incoming: &Incoming, path: &str) -> Option<Reply> {
        let rest = path.strip_prefix("/repos/")?;
        let mut parts = rest.splitn(3, '/');
        let old = format!("{}/{}", parts.next()?, parts.next()?);
        let new = self.renamed.get(&old)?;
        let tail = parts
            .next()
            .map_or_else(String::new, |tail| format!("/{tail}"));
        let query = match incoming.query.as_str() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        let to = format!(
            "{}/repositories/{}{tail}{query}",
            self.api, self.repos[new].id
        );
        let status = if incoming.method == "GET" { 301 } else { 307 };
        let words = if status == 301 {
            "Moved Permanently"
        } else {
            "Temporary Redirect"
        };
        Some(faults::reply(status, &[("location", to)], words))
    }

    /// Beyond eighty writes a minute GitHub answers with its secondary limit.
    fn mind_pace(&mut self, incoming: &Incoming, actor: &Actor) -> Option<Reply> {
        let is_token = incoming.path.ends_with("/access_tokens");
        if !self.minds_pace || !actor.under_test || incoming.method == "GET" || is_token {
            return None;
        }
        let since = self.now - chrono::TimeDelta::minutes(1);
        self.writes.retain(|at| *at > since);
        if self.writes.len() >= 80 {
            let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
            return Some(faults::reply(
                403,
                &[("retry-after", "60".to_owned())],
                message,
            ));
        }
        self.writes.push(self.now);
        None
    }

    /// Who a token belongs to; the words of the refusal if to nobody.
    fn actor_of(&self, token: &str) -> Result<Actor, String> {
        if let Some(known) = self.tokens.get(token) {
            let valid = known.expires_at.is_none_or(|end| self.now < end);
            let mut actor = known.actor.clone();
            actor.only.clone_from(&known.repos);
            return if valid {
                Ok(actor)
            } else {
                Err("Bad credentials".to_owned())
            };
        }
        if token.matches('.').count() == 2 {
            // The App makes these by the real clock, which the story's does not move.
            crypto::check_app_jwt(token, self.app.id, chrono::Utc::now().timestamp())?;
            let login = self.app.login();
            return Ok(Actor {
                login,
                kind: Kind::App,
                under_test: true,
                only: None,
            });
        }
        Err("Bad credentials".to_owned())
    }

    /// Lets a fault happen; an answer if there is one before the request is carried out.
    fn suffer(
        &mut self,
        harm: Option<&Harm>,
        incoming: &Incoming,
        repo: &str,
        by: &Actor,
    ) -> Option<Reply> {
        match harm? {
            Harm::Answered {
                status,
                headers,
                message,
            } => Some(faults::reply(*status, headers, message)),
            Harm::AnswerLost { .. } => None,
            Harm::TokenExpired => {
                let token = bearer(&incoming.headers).or_else(|| basic_token(&incoming.headers));
                if let Some(known) = token.and_then(|token| self.tokens.get_mut(&token)) {
                    known.expires_at = Some(self.now);
                }
                let _ = by;
                Some(if repo.is_empty() {
                    faults::reply(401, &[], "Bad credentials")
                } else {
                    unauthorized_git()
                })
            }
            Harm::MainMoves { by } => {
                let text = format!("moved {}\n", self.fresh_id());
                let branch = self.repos[repo].default_branch.clone();
                // As another copy of the bot would: nothing is written on top of anything else.
                let bot = ("Countersign", "bot@countersign.invalid");
                let at = stamp(self.now);
                let message = format!("Change by {by} at {at}\n\nEvent: genesis\n");
                let files = [("moved-meanwhile.txt", text.as_str())];
                git_room::commit_files(&self.repo_path(repo), &branch, bot, &message, &files);
                self.branches_moved(repo, by);
                None
            }
        }
    }

    fn note(&mut self, actor: &Actor, incoming: &Incoming, route: &str, git: bool, status: u16) {
        let query = if incoming.query.is_empty() {
            String::new()
        } else {
            format!("?{}", incoming.query)
        };
        self.calls.push(Call {
            method: incoming.method.clone(),
            route: route.to_owned(),
            path: format!("{}{query}", incoming.path),
            actor: actor.login.clone(),
            under_test: actor.under_test,
            git,
            status,
        });
    }

    fn rate_headers(&mut self, actor: &Actor) -> Vec<(String, String)> {
        let limit = if actor.kind == Kind::Actions {
            1000
        } else {
            5000
        };
        let used = self.rate.entry(actor.login.clone()).or_insert(0);
        *used += 1;
        let reset = self.now.timestamp() + 3600;
        let used = *used;
        let texts = [
            ("limit", limit.to_string()),
            ("remaining", u64::saturating_sub(limit, used).to_string()),
            ("used", used.to_string()),
            ("reset", reset.to_string()),
            ("resource", "core".to_owned()),
        ];
        texts
            .into_iter()
            .map(|(name, value)| (format!("x-ratelimit-{name}"), value))
            .collect()
    }
}

fn unauthorized_git() -> Reply {
    let mut reply = Reply::plain(401, b"Repository not found.".to_vec());
    reply.headers.push((
        "www-authenticate".to_owned(),
        "Basic realm=\"GitHub\"".to_owned(),
    ));
    reply
}

fn bearer(headers: &BTreeMap<String, String>) -> Option<String> {
    let (kind, token) = headers.get("authorization")?.split_once(' ')?;
    let known = kind.eq_ignore_ascii_case("bearer") || kind.eq_ignore_ascii_case("token");
    known.then(|| token.trim().to_owned())
}

fn basic_token(headers: &BTreeMap<String, String>) -> Option<String> {
    let (kind, coded) = headers.get("authorization")?.split_once(' ')?;
    if !kind.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(crypto::base64_decode(coded.trim())?).ok()?;
    let (_, token) = text.split_once(':')?;
    Some(token.to_owned())
}
