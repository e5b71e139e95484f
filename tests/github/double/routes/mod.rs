//! The operations that this GitHub knows, by the addresses that GitHub's description gives them.

mod app;
mod checks;
mod issues;
mod people;
mod pulls;
mod repos;
mod reviews;

pub use checks::{SUITE, made_by_other, press};
pub use reviews::edit as edit_review;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::shapes::encoded;
use super::world::{Actor, Kind, World};

/// What a handler is given.
pub struct Request {
    pub actor: Actor,
    pub params: BTreeMap<&'static str, String>,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    pub path: String,
}

impl Request {
    pub fn param(&self, name: &str) -> &str {
        &self.params[name]
    }
    /// A number of the address; what is none matches nothing.
    pub fn number(&self, name: &str) -> u64 {
        self.param(name).parse().unwrap_or(0)
    }
    /// A text of the body.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.body[key].as_str()
    }
    /// A list of texts of the body.
    pub fn texts(&self, key: &str) -> Vec<String> {
        let items = self.body[key].as_array();
        items
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }
}

/// What a handler gives back.
pub struct Answer {
    pub status: u16,
    pub body: Option<Value>,
    pub headers: Vec<(String, String)>,
}

/// An answer, or a refusal.
pub type Handled = Result<Answer, Answer>;
type Handler = fn(&mut World, &Request) -> Handled;

/// One operation.
pub struct Route {
    method: &'static str,
    pub path: &'static str,
    pub handler: Handler,
}

const fn on(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route {
        method,
        path,
        handler,
    }
}

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    on("GET",    "/app", app::itself),
    on("POST",   "/app-manifests/{code}/conversions", app::convert),
    on("GET",    "/app/installations", app::installations),
    on("GET",    "/app/installations/{installation_id}", app::installation),
    on("POST",   "/app/installations/{installation_id}/access_tokens", app::token),
    on("GET",    "/installation/repositories", app::repositories),
    on("GET",    "/repos/{owner}/{repo}/installation", app::of_repository),
    on("GET",    "/orgs/{org}/installation", app::of_org),
    on("GET",    "/user", people::oneself),
    on("GET",    "/users/{username}", people::user),
    on("GET",    "/user/{account_id}", people::by_id),
    on("GET",    "/rate_limit", people::rate_limit),
    on("GET",    "/orgs/{org}/teams/{team_slug}", people::team),
    on("GET",    "/orgs/{org}/teams/{team_slug}/members", people::team_members),
    on("GET",    "/orgs/{org}/teams/{team_slug}/memberships/{username}", people::membership),
    on("GET",    "/repos/{owner}/{repo}", repos::one),
    on("GET",    "/repos/{owner}/{repo}/collaborators/{username}/permission", repos::permission),
    on("GET",    "/repos/{owner}/{repo}/contents/{path}", repos::content),
    on("POST",   "/repos/{owner}/{repo}/dispatches", repos::dispatch),
    on("GET",    "/repos/{owner}/{repo}/branches/{branch}", repos::branch),
    on("GET",    "/repos/{owner}/{repo}/git/ref/{ref}", repos::reference),
    on("DELETE", "/repos/{owner}/{repo}/git/refs/{ref}", repos::delete_reference),
    on("GET",    "/repos/{owner}/{repo}/activity", repos::activity),
    on("GET",    "/repos/{owner}/{repo}/labels", issues::known_labels),
    on("POST",   "/repos/{owner}/{repo}/labels", issues::make_label),
    on("GET",    "/repos/{owner}/{repo}/labels/{name}", issues::known_label),
    on("GET",    "/repos/{owner}/{repo}/pulls", pulls::list),
    on("POST",   "/repos/{owner}/{repo}/pulls", pulls::open),
    on("GET",    "/repos/{owner}/{repo}/pulls/{pull_number}", pulls::one),
    on("PATCH",  "/repos/{owner}/{repo}/pulls/{pull_number}", pulls::edit),
    on("GET",    "/repos/{owner}/{repo}/pulls/{pull_number}/commits", pulls::commits),
    on("GET",    "/repos/{owner}/{repo}/pulls/{pull_number}/files", pulls::files),
    on("GET",    "/repos/{owner}/{repo}/pulls/{pull_number}/merge", pulls::is_merged),
    on("PUT",    "/repos/{owner}/{repo}/pulls/{pull_number}/merge", pulls::merge),
    on("GET",    "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", reviews::asked),
    on("POST",   "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", reviews::ask),
    on("DELETE", "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", reviews::unask),
    on("GET",    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", reviews::list),
    on("POST",   "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", reviews::make),
    on("GET",    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}", reviews::one),
    on("PUT",    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/dismissals", reviews::dismiss),
    on("GET",    "/repos/{owner}/{repo}/issues/{issue_number}", issues::one),
    on("GET",    "/repos/{owner}/{repo}/issues/{issue_number}/comments", issues::comments),
    on("POST",   "/repos/{owner}/{repo}/issues/{issue_number}/comments", issues::comment),
    on("GET",    "/repos/{owner}/{repo}/issues/comments/{comment_id}", issues::one_comment),
    on("PATCH",  "/repos/{owner}/{repo}/issues/comments/{comment_id}", issues::edit_comment),
    on("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}", issues::delete_comment),
    on("GET",    "/repos/{owner}/{repo}/issues/{issue_number}/labels", issues::labels),
    on("POST",   "/repos/{owner}/{repo}/issues/{issue_number}/labels", issues::add_labels),
    on("PUT",    "/repos/{owner}/{repo}/issues/{issue_number}/labels", issues::set_labels),
    on("DELETE", "/repos/{owner}/{repo}/issues/{issue_number}/labels", issues::remove_labels),
    on("DELETE", "/repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", issues::remove_label),
    on("POST",   "/repos/{owner}/{repo}/check-runs", checks::create),
    on("GET",    "/repos/{owner}/{repo}/check-runs/{check_run_id}", checks::one),
    on("PATCH",  "/repos/{owner}/{repo}/check-runs/{check_run_id}", checks::update),
    on("POST",   "/repos/{owner}/{repo}/check-runs/{check_run_id}/rerequest", checks::rerequest),
    on("POST",   "/repos/{owner}/{repo}/check-suites/{check_suite_id}/rerequest", checks::rerequest_suite),
    on("GET",    "/repos/{owner}/{repo}/commits/{ref}/check-runs", checks::of_commit),
    on("POST",   "/repos/{owner}/{repo}/statuses/{sha}", checks::set_status),
    on("GET",    "/repos/{owner}/{repo}/commits/{ref}/statuses", checks::statuses),
    on("GET",    "/repos/{owner}/{repo}/commits/{ref}/status", checks::combined),
    on("GET",    "/repos/{owner}/{repo}/commits/{ref}", repos::commit),
];

/// Every operation that is known here: method and address.
pub fn known() -> Vec<(&'static str, &'static str)> {
    ROUTES
        .iter()
        .map(|route| (route.method, route.path))
        .collect()
}

/// The operation at an address, and what its address says.
pub fn find(method: &str, path: &str) -> Option<(&'static Route, BTreeMap<&'static str, String>)> {
    let parts: Vec<String> = path.split('/').skip(1).map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    ROUTES
        .iter()
        .filter(|route| route.method == method)
        .find_map(|route| {
            let template: Vec<&'static str> = route.path.split('/').skip(1).collect();
            let mut params = BTreeMap::new();
            matches(&template, &parts, &mut params).then_some((route, params))
        })
}

fn matches(
    template: &[&'static str],
    parts: &[&str],
    params: &mut BTreeMap<&'static str, String>,
) -> bool {
    let Some((first, rest)) = template.split_first() else {
        return parts.is_empty();
    };
    let Some(name) = first
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'))
    else {
        return parts.first() == Some(first) && matches(rest, &parts[1..], params);
    };
    // The name of a ref or file has slashes of its own.
    let most = if matches!(name, "ref" | "branch" | "path") {
        parts.len()
    } else {
        parts.len().min(1)
    };
    (1..=most).any(|taken| {
        let found = matches(rest, &parts[taken..], params);
        if found {
            params.insert(name, parts[..taken].join("/"));
        }
        found
    })
}

/// The parameters behind the question mark.
pub fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decoded(key), decoded(&value.replace('+', " "))))
        .collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut made = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                made.push(byte);
                at += 3;
            }
            None => {
                made.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&made).into_owned()
}

fn answer(status: u16, body: Option<Value>) -> Answer {
    Answer {
        status,
        body,
        headers: Vec::new(),
    }
}

pub fn ok(body: Value) -> Handled {
    Ok(answer(200, Some(body)))
}

pub fn created(body: Value) -> Handled {
    Ok(answer(201, Some(body)))
}

pub fn done() -> Handled {
    Ok(answer(204, None))
}

/// A refusal in GitHub's words.
pub fn refused(status: u16, message: &str) -> Answer {
    let body = json!({"message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()});
    answer(status, Some(body))
}

pub fn not_found() -> Answer {
    refused(404, "Not Found")
}

/// 422, with the reason in the long form.
pub fn invalid(resource: &str, field: &str, message: &str) -> Answer {
    let mut made = refused(422, "Validation Failed");
    let error = json!({"resource": resource, "code": "custom", "field": field, "message": message});
    made.body.as_mut().unwrap()["errors"] = json!([error]);
    made
}

/// 422, with the reason in the short form.
pub fn unprocessable(message: &str) -> Answer {
    let mut made = refused(422, "Unprocessable Entity");
    made.body.as_mut().unwrap()["errors"] = json!([message]);
    made
}

/// One page of a list, with links to the others.
pub fn page(world: &World, request: &Request, items: &[Value]) -> Answer {
    let ask = |key: &str, other: usize| {
        request
            .query
            .get(key)
            .and_then(|text| text.parse().ok())
            .unwrap_or(other)
    };
    let per_page = ask("per_page", 30).clamp(1, 100).min(world.page_limit);
    let number = ask("page", 1).max(1);
    let last = items.len().div_ceil(per_page).max(1);
    let shown: Vec<Value> = items
        .iter()
        .skip((number - 1) * per_page)
        .take(per_page)
        .cloned()
        .collect();
    let mut made = answer(200, Some(json!(shown)));
    let link = |page: usize, relation: &str| {
        let mut query = request.query.clone();
        query.insert("page".to_owned(), page.to_string());
        let pairs: Vec<String> = query
            .iter()
            .map(|(key, value)| format!("{key}={}", encoded(value)))
            .collect();
        format!(
            "<{}{}?{}>; rel=\"{relation}\"",
            world.api,
            request.path,
            pairs.join("&")
        )
    };
    let mut links = Vec::new();
    if number > 1 {
        links.extend([link(number - 1, "prev"), link(1, "first")]);
    }
    if number < last {
        links.extend([link(number + 1, "next"), link(last, "last")]);
    }
    if !links.is_empty() {
        made.headers.push(("link".to_owned(), links.join(", ")));
    }
    made
}

/// A page of a list that stands under a key beside its length.
pub fn counted_page(world: &World, request: &Request, key: &str, items: &[Value]) -> Answer {
    let mut made = page(world, request, items);
    made.body = Some(json!({"total_count": items.len(), key: made.body}));
    made
}

/// The repository of the address, for somebody who may read it (1), write (2) or administer it (3).
pub fn repo(world: &World, request: &Request, power: u8) -> Result<String, Answer> {
    let wanted = format!("{}/{}", request.param("owner"), request.param("repo"));
    let known = world
        .repos
        .keys()
        .find(|name| name.eq_ignore_ascii_case(&wanted));
    let name = known.ok_or_else(not_found)?;
    match world.power(&request.actor, name) {
        0 => Err(not_found()),
        held if held < power => Err(refused(
            403,
            "Resource not accessible by personal access token",
        )),
        _ => Ok(name.clone()),
    }
}

/// The pull request of the address.
pub fn pull(
    world: &World,
    request: &Request,
    param: &str,
    power: u8,
) -> Result<(String, u64), Answer> {
    let name = repo(world, request, power)?;
    let number = request.number(param);
    let known = world.repos[&name].pulls.contains_key(&number);
    known.then_some((name, number)).ok_or_else(not_found)
}

impl World {
    /// Whether the App was given a permission (`write` contains `read`).
    pub fn app_may(&self, permission: &str, level: &str) -> bool {
        let held = self
            .app
            .permissions
            .get(permission)
            .map_or("", String::as_str);
        held == level || held == "write"
    }
}

impl World {
    /// Whether the workflow gives its job a permission.
    pub fn job_may(&self, permission: &str, level: &str) -> bool {
        let held = self.job_permissions.get(permission);
        held.is_some_and(|held| held == level || held == "write")
    }
}

/// Refuses what the App was not allowed when it was installed, and what no workflow's token may do.
pub fn allowed(
    world: &World,
    request: &Request,
    permission: &str,
    level: &str,
) -> Result<(), Answer> {
    let may = match request.actor.kind {
        Kind::Installation => world.app_may(permission, level),
        // A workflow's token reaches its repository, never the organisation.
        Kind::Actions => world.job_may(permission, level),
        _ => true,
    };
    may.then_some(())
        .ok_or_else(|| refused(403, "Resource not accessible by integration"))
}
