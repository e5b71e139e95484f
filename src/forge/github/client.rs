//! Requests about one repository: counted, paged, and repeated only where that can do no harm.
//!
//! A read is repeated when the server stumbles. A write never is, because it may have been carried out;
//! only an answer that says that it was not (a token that has ended, a rate limit) lets it go out again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use octocrab::Octocrab;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::connection::{Connection, lock};
use super::error::ApiError;
use super::pace::Effect;
use super::pull_cache::We;
use super::wire::WireApp;
use crate::git::{Credentials, NoPassword};
use crate::http::describe;

/// The longest time that a run waits because GitHub says so; beyond it the run ends and says until when.
const LONGEST_WAIT: TimeDelta = TimeDelta::seconds(60);
/// How often a read is tried, and how often any request is sent again after a rate limit.
const MOST_TRIES: u32 = 3;
/// How many pages of a list are read.
const MOST_PAGES: usize = 100;
const GRAPHQL: &str = "/graphql";

type Result<T> = std::result::Result<T, ApiError>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    /// Reads as well: a query in GraphQL.
    Query,
    Post,
    Patch,
    Delete,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post | Self::Query => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// What GitHub counts a request as.
    fn effect(self, path: &str) -> Effect {
        match self {
            Self::Get => Effect::Read,
            _ if path.contains("/check-runs") || path.contains("/statuses/") => Effect::Check,
            _ => Effect::Content,
        }
    }
}

/// The API of one repository.
#[derive(Debug)]
pub(super) struct Client {
    connection: Arc<Connection>,
    /// `OWNER/NAME`.
    pub(super) repository: String,
    installation: Mutex<Option<u64>>,
    calls: AtomicU64,
}

#[derive(Debug)]
struct GithubResponse {
    body: String,
    next: Option<String>,
}

/// A bad one, as far as it says what to do.
struct ErrorResponse {
    status: u16,
    message: String,
    wait: Option<DateTime<Utc>>,
    /// Where it is instead.
    location: Option<String>,
}

/// What is sent, and on whose account.
struct Request<'r> {
    method: Method,
    path: &'r str,
    body: Option<&'r Value>,
    installation: Option<u64>,
}

#[derive(Deserialize)]
struct WireId {
    id: u64,
}

#[derive(Deserialize)]
struct WireName {
    full_name: String,
}

#[derive(Deserialize)]
pub(super) struct GraphqlAnswer<T> {
    pub(super) data: Option<T>,
    #[serde(default = "Vec::new")]
    pub(super) errors: Vec<GraphqlError>,
}

#[derive(Deserialize)]
pub(super) struct GraphqlError {
    #[serde(default, rename = "type")]
    kind: String,
    message: String,
    #[serde(default)]
    path: Vec<Value>,
}

impl GraphqlError {
    /// Whether it says that this field of a mutation was refused, and so not carried out.
    pub(super) fn refuses(&self, field: &str) -> bool {
        let is_refusal = matches!(
            self.kind.as_str(),
            "FORBIDDEN" | "NOT_FOUND" | "UNPROCESSABLE"
        );
        is_refusal && self.path.first().and_then(Value::as_str) == Some(field)
    }
}

#[derive(Deserialize)]
struct WireMessage {
    message: Option<String>,
    errors: Option<Value>,
}

impl Client {
    pub(super) fn new(connection: Arc<Connection>, repository: &str) -> Self {
        Self {
            connection,
            repository: repository.to_owned(),
            installation: Mutex::default(),
            calls: AtomicU64::new(0),
        }
    }

    /// How many requests were sent about this repository, tokens not counted.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn owner_and_name(&self) -> (&str, &str) {
        self.repository
            .split_once('/')
            .unwrap_or((&self.repository, ""))
    }

    /// Whether we act as an App.
    pub(super) fn is_app(&self) -> bool {
        self.connection.is_app()
    }

    /// Whether our token shows the teams of the organisation.
    pub(super) fn sees_teams(&self) -> bool {
        self.connection.sees_teams()
    }

    /// Our account; a person's token is asked once whose it is.
    pub(super) fn we(&self) -> Result<We> {
        let we = self.connection.we();
        if we != We::Person(None) {
            return Ok(we);
        }
        let WireId { id } = self.read("/user")?;
        self.connection.learn_account(id);
        Ok(self.connection.we())
    }

    /// The installation that a webhook names saves asking for it.
    pub(super) fn learn_installation(&self, id: Option<u64>) {
        *lock(&self.installation) = id;
    }

    /// Reads one thing; `path` begins with `/`.
    pub(super) fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.connection.wait(self.call(Method::Get, path, None))??;
        parse(path, &answer.body)
    }

    /// Asks in GraphQL. An answer that names an error is one, whatever else it holds.
    pub(super) fn query<T: DeserializeOwned>(&self, query: &str, variables: &Value) -> Result<T> {
        let GraphqlAnswer { data, errors } = self.graphql(Method::Query, query, variables)?;
        match (errors.first(), data) {
            (None, Some(data)) => Ok(data),
            // GitHub knows no such pull request: that is said beside an empty answer.
            (Some(error), Some(data)) if error.kind == "NOT_FOUND" => Ok(data),
            (error, _) => Err(ApiError::Unreadable {
                request: format!("POST {GRAPHQL}"),
                reason: error.map_or_else(
                    || "there is nothing in it".to_owned(),
                    |error| error.message.clone(),
                ),
            }),
        }
    }

    /// Writes in GraphQL, once. Each field of it comes about or fails by itself.
    pub(super) fn mutate<T: DeserializeOwned>(
        &self,
        mutation: &str,
        variables: &Value,
    ) -> Result<GraphqlAnswer<T>> {
        self.graphql(Method::Post, mutation, variables)
    }

    fn graphql<T: DeserializeOwned>(
        &self,
        method: Method,
        text: &str,
        variables: &Value,
    ) -> Result<GraphqlAnswer<T>> {
        let body = serde_json::json!({ "query": text, "variables": variables });
        let answer = self.connection.wait(async {
            let installation = self.installation().await?;
            let request = Request {
                method,
                path: GRAPHQL,
                body: Some(&body),
                installation,
            };
            self.try_to(&request, |refused| async move {
                let (_, secret) = self
                    .connection
                    .client(installation, refused.as_ref())
                    .await?;
                Ok((self.connection.graphql(&secret)?, Some(secret)))
            })
            .await
        })??;
        parse(GRAPHQL, &answer.body)
    }

    /// Reads one thing that need not be there.
    pub(super) fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        match self.read(path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a list, page by page, until `enough` says so. With `key` the list is in that field.
    pub(super) fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        key: Option<&str>,
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        for _ in 0..MOST_PAGES {
            let Some(path) = next else { break };
            let answer = self
                .connection
                .wait(self.call(Method::Get, &path, None))??;
            let page: Vec<T> = match key {
                None => parse(&path, &answer.body)?,
                Some(key) => {
                    let mut object: serde_json::Map<String, Value> = parse(&path, &answer.body)?;
                    let list = object.remove(key).unwrap_or(Value::Null);
                    serde_json::from_value(list).map_err(|error| unreadable(&path, &error))?
                }
            };
            all.extend(page);
            next = answer.next.filter(|_| !enough(&all));
        }
        Ok(all)
    }

    /// Reads a list about the App itself.
    pub(super) fn list_as_app<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        for _ in 0..MOST_PAGES {
            let Some(path) = next else { break };
            let answer = self
                .connection
                .wait(self.call_as_app(Method::Get, &path))??;
            all.extend(parse::<Vec<T>>(&path, &answer.body)?);
            next = answer.next;
        }
        Ok(all)
    }

    async fn call_as_app(&self, method: Method, path: &str) -> Result<GithubResponse> {
        let itself = || async { Ok((self.connection.app().clone(), None)) };
        let request = Request {
            method,
            path,
            body: None,
            installation: None,
        };
        self.try_to(&request, |_| itself()).await
    }

    pub(super) fn write(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let answer = self
            .connection
            .wait(self.call(method, path, Some(body)))??;
        if answer.body.trim().is_empty() {
            return Ok(Value::Null);
        }
        parse(path, &answer.body)
    }

    /// Sends a request under `/repos/OWNER/NAME`.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.repository)
    }

    /// Which installation of the App holds this repository.
    async fn installation(&self) -> Result<Option<u64>> {
        if !self.connection.is_app() {
            return Ok(None);
        }
        if let Some(id) = *lock(&self.installation) {
            return Ok(Some(id));
        }
        let path = self.path("/installation");
        let answer = self
            .call_as_app(Method::Get, &path)
            .await
            .map_err(|error| match error.status() {
                Some(404) => ApiError::SignIn(format!(
                    "the App is not installed on `{}`: install it there",
                    self.repository
                )),
                _ => error,
            })?;
        let WireId { id } = parse(&path, &answer.body)?;
        self.learn_installation(Some(id));
        Ok(Some(id))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<GithubResponse> {
        let installation = self.installation().await?;
        let request = Request {
            method,
            path,
            body,
            installation,
        };
        self.try_to(&request, |refused| async move {
            let (crab, secret) = self
                .connection
                .client(installation, refused.as_ref())
                .await?;
            Ok((crab, Some(secret)))
        })
        .await
    }

    /// Sends until there is an answer, as often as is harmless.
    async fn try_to<F>(
        &self,
        request: &Request<'_>,
        sign: impl Fn(Option<SecretString>) -> F,
    ) -> Result<GithubResponse>
    where
        F: Future<Output = Result<(Octocrab, Option<SecretString>)>>,
    {
        let method = request.method;
        let shown = || format!("{} {}", method.as_str(), request.path);
        let mut refused = None;
        let mut tries = 0;
        loop {
            tries += 1;
            self.wait_for_turn(request).await?;
            let (crab, secret) = sign(refused.clone()).await?;
            self.calls.fetch_add(1, Ordering::Relaxed);
            let again = matches!(method, Method::Get | Method::Query) && tries < MOST_TRIES;
            match send(&crab, request, self.connection.timer().now()).await {
                Sent::Lost(_) if again => self.pause(tries).await,
                Sent::Lost(reason) => {
                    return Err(ApiError::Unreachable {
                        request: shown(),
                        reason,
                    });
                }
                Sent::Answered(answer) => {
                    return Ok(GithubResponse {
                        next: answer.next.map(|url| self.relative(&url)),
                        ..answer
                    });
                }
                Sent::Refused(refusal) => {
                    if let Some(until) = refusal.wait {
                        self.connection.keep_quiet(request.installation, until);
                        if tries < MOST_TRIES {
                            continue;
                        }
                        return Err(ApiError::Limited { until });
                    }
                    let is_stale = refusal.status == 401 && refused.is_none() && secret.is_some();
                    if is_stale && self.connection.is_app() {
                        refused = secret;
                    } else if refusal.status >= 500 && again {
                        self.pause(tries).await;
                    } else if matches!(refusal.status, 301 | 302 | 307 | 308) {
                        let to = self.find_new_name(request, refusal.location).await;
                        return Err(ApiError::Moved {
                            repository: self.repository.clone(),
                            to,
                        });
                    } else {
                        return Err(ApiError::Status {
                            request: shown(),
                            status: refusal.status,
                            message: refusal.message,
                        });
                    }
                }
            }
        }
    }

    /// Waits until this request may be sent.
    async fn wait_for_turn(&self, request: &Request<'_>) -> Result<()> {
        let effect = request.method.effect(request.path);
        while let Err(until) = self.connection.admit(request.installation, effect) {
            let wait = until - self.connection.timer().now();
            if wait > LONGEST_WAIT {
                return Err(ApiError::Limited { until });
            }
            if let Ok(wait) = wait.to_std() {
                tracing::info!("waiting {} s, as GitHub asks", wait.as_secs());
                self.connection.timer().sleep(wait).await;
            }
        }
        Ok(())
    }

    async fn pause(&self, tries: u32) {
        let wait = Duration::from_millis(250 * u64::from(tries));
        self.connection.timer().sleep(wait).await;
    }

    /// What a repository is called that GitHub redirects us to: it does so by number.
    async fn find_new_name(
        &self,
        request: &Request<'_>,
        location: Option<String>,
    ) -> Option<String> {
        let path = self.relative(&location?);
        let number = path.strip_prefix("/repositories/")?;
        let number: u64 = number.split(['/', '?']).next()?.parse().ok()?;
        let mut installation = request.installation;
        if self.connection.is_app() && installation.is_none() {
            let path = format!("/repositories/{number}/installation");
            let found: WireId = self.read_once(self.connection.app(), &path).await?;
            installation = Some(found.id);
        }
        let signed = self.connection.client(installation, None).await;
        let path = format!("/repositories/{number}");
        let found: WireName = self.read_once(&signed.ok()?.0, &path).await?;
        Some(found.full_name)
    }

    /// Reads something that is only good to know.
    async fn read_once<T: DeserializeOwned>(&self, crab: &Octocrab, path: &str) -> Option<T> {
        let request = Request {
            method: Method::Get,
            path,
            body: None,
            installation: None,
        };
        self.calls.fetch_add(1, Ordering::Relaxed);
        match send(crab, &request, self.connection.timer().now()).await {
            Sent::Answered(answer) => parse(path, &answer.body).ok(),
            Sent::Refused(_) | Sent::Lost(_) => None,
        }
    }

    /// Whether something was made through this App of ours.
    pub(super) fn is_own_app(&self, app: Option<&WireApp>) -> bool {
        self.connection.is_own_app(app)
    }

    /// A link as a path below the API's address: to any other host our token would not be sent, and
    /// must not be.
    fn relative(&self, url: &str) -> String {
        if let Some(path) = url.strip_prefix(self.connection.base()) {
            return path.to_owned();
        }
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
        let base = self.connection.base();
        let own = base.split_once("://").map_or(base, |(_, rest)| rest);
        let prefix = own.find('/').and_then(|at| own.get(at..)).unwrap_or("");
        path.strip_prefix(prefix).unwrap_or(path).to_owned()
    }
}

/// Git over HTTPS takes the same tokens.
impl Credentials for Client {
    fn find_password(
        &self,
        refused: bool,
    ) -> std::result::Result<Option<SecretString>, NoPassword> {
        let signed = self.connection.wait(async {
            let installation = self.installation().await?;
            let (_, secret) = self.connection.client(installation, None).await?;
            if !refused {
                return Ok(secret);
            }
            let (_, secret) = self.connection.client(installation, Some(&secret)).await?;
            Ok::<_, ApiError>(secret)
        });
        match signed {
            Ok(Ok(secret)) => Ok(Some(secret)),
            Ok(Err(error)) | Err(error) => Err(NoPassword(error.to_string())),
        }
    }
}

/// What came of a request that was sent once.
enum Sent {
    Answered(GithubResponse),
    Refused(ErrorResponse),
    /// Nobody answered, for this reason.
    Lost(String),
}

async fn send(crab: &Octocrab, request: &Request<'_>, now: DateTime<Utc>) -> Sent {
    let Request { path, body, .. } = *request;
    let sent = match request.method {
        Method::Get => crab._get(path).await,
        Method::Post | Method::Query => crab._post(path, body).await,
        Method::Patch => crab._patch(path, body).await,
        Method::Delete => crab._delete(path, body).await,
    };
    let response = match sent {
        Ok(response) => response,
        Err(error) => return Sent::Lost(describe(&error)),
    };
    let status = response.status().as_u16();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let next = header("link").as_deref().and_then(next_link);
    let (retry_after, remaining, reset) = (
        header("retry-after"),
        header("x-ratelimit-remaining"),
        header("x-ratelimit-reset"),
    );
    let location = header("location");
    let body = match crab.body_to_string(response).await {
        Ok(body) => body,
        Err(error) => return Sent::Lost(describe(&error)),
    };
    if (200..300).contains(&status) {
        return Sent::Answered(GithubResponse { body, next });
    }
    let message = message_of(&body);
    let is_limit = matches!(status, 403 | 429);
    let wait = if is_limit {
        limit(retry_after, remaining, reset, &message, now)
    } else {
        None
    };
    Sent::Refused(ErrorResponse {
        status,
        message,
        wait,
        location,
    })
}

/// Until when a refused request has to wait; none if it was not refused because of a limit.
fn limit(
    retry_after: Option<String>,
    remaining: Option<String>,
    reset: Option<String>,
    message: &str,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let number = |text: Option<String>| text.and_then(|text| text.trim().parse::<i64>().ok());
    if let Some(seconds) = number(retry_after) {
        return Some(now + TimeDelta::seconds(seconds.clamp(0, 86_400)));
    }
    if number(remaining) == Some(0) {
        return DateTime::from_timestamp(number(reset)?, 0);
    }
    let message = message.to_ascii_lowercase();
    let is_abuse = message.contains("secondary rate limit") || message.contains("abuse detection");
    is_abuse.then(|| now + LONGEST_WAIT)
}

fn message_of(body: &str) -> String {
    let text = match serde_json::from_str::<WireMessage>(body) {
        Ok(WireMessage { message, errors }) => {
            let errors = errors.map_or_else(String::new, |errors| format!(" {errors}"));
            format!("{}{errors}", message.unwrap_or_default())
        }
        Err(_) => body.to_owned(),
    };
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// The address of the next page.
fn next_link(header: &str) -> Option<String> {
    header.split(',').find_map(|link| {
        let (url, rel) = link.split_once(';')?;
        rel.contains("rel=\"next\"").then(|| {
            url.trim()
                .trim_start_matches('<')
                .trim_end_matches('>')
                .to_owned()
        })
    })
}

fn parse<T: DeserializeOwned>(path: &str, body: &str) -> Result<T> {
    serde_json::from_str(body).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &str, error: &serde_json::Error) -> ApiError {
    ApiError::Unreadable {
        request: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_the_link_header() {
        let header = r#"<https://h/api/v3/repositories/1/pulls?page=1>; rel="prev", <https://h/api/v3/repositories/1/pulls?page=3>; rel="next""#;
        assert_eq!(
            next_link(header).as_deref(),
            Some("https://h/api/v3/repositories/1/pulls?page=3")
        );
        assert_eq!(next_link(r#"<https://h/x>; rel="last""#), None);
    }

    #[test]
    fn a_limit_is_told_from_a_refusal() {
        let now = Utc::now();
        let some = |text: &str| Some(text.to_owned());
        assert!(limit(some("2"), None, None, "", now).is_some());
        assert!(limit(None, some("0"), some("4102444800"), "", now).is_some());
        assert!(
            limit(
                None,
                some("12"),
                None,
                "Resource not accessible by integration",
                now,
            )
            .is_none()
        );
        assert!(
            limit(
                None,
                None,
                None,
                "You have exceeded a secondary rate limit",
                now
            )
            .is_some()
        );
    }
}
