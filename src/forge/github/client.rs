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

use super::connection::{Connection, lock, words};
use super::error::ApiError;
use crate::git::Credentials;

/// The longest time that a run waits because GitHub says so; beyond it the run ends and says until when.
const LONGEST_WAIT: TimeDelta = TimeDelta::seconds(60);
/// How often a read is tried, and how often any request is sent again after a rate limit.
const MOST_TRIES: u32 = 3;
/// How many pages of a list are read.
const MOST_PAGES: usize = 100;

type Result<T> = std::result::Result<T, ApiError>;

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Reads.
    Get,
    /// Adds.
    Post,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
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

/// A good answer.
#[derive(Debug)]
struct Answer {
    body: String,
    next: Option<String>,
}

/// A bad one, as far as it says what to do.
struct Refusal {
    status: u16,
    message: String,
    wait: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct WireId {
    id: u64,
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

    /// Whether we act as an App.
    pub(super) fn is_app(&self) -> bool {
        self.connection.is_app()
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

    async fn call_as_app(&self, method: Method, path: &str) -> Result<Answer> {
        let itself = || async { Ok((self.connection.app().clone(), None)) };
        self.try_to(method, path, None, |_| itself()).await
    }

    /// Writes, once.
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

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let installation = self.installation().await?;
        self.try_to(method, path, body, |refused| async move {
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
        method: Method,
        path: &str,
        body: Option<&Value>,
        sign: impl Fn(Option<SecretString>) -> F,
    ) -> Result<Answer>
    where
        F: Future<Output = Result<(Octocrab, Option<SecretString>)>>,
    {
        let request = || format!("{} {path}", method.as_str());
        let mut refused = None;
        let mut tries = 0;
        loop {
            tries += 1;
            if let Some(until) = self.connection.find_quiet(Utc::now()) {
                wait_until(until).await?;
            }
            let (crab, secret) = sign(refused.clone()).await?;
            self.calls.fetch_add(1, Ordering::Relaxed);
            let again = method == Method::Get && tries < MOST_TRIES;
            match send(&crab, method, path, body).await {
                Err(_) if again => pause(tries).await,
                Err(reason) => {
                    return Err(ApiError::Unreachable {
                        request: request(),
                        reason,
                    });
                }
                Ok(Ok(answer)) => {
                    return Ok(Answer {
                        next: answer.next.map(|url| self.relative(&url)),
                        ..answer
                    });
                }
                Ok(Err(refusal)) => {
                    if let Some(until) = refusal.wait {
                        self.connection.keep_quiet(until);
                        if tries < MOST_TRIES {
                            continue;
                        }
                        return Err(ApiError::Limited { until });
                    }
                    let is_stale = refusal.status == 401 && refused.is_none() && secret.is_some();
                    if is_stale && self.connection.is_app() {
                        refused = secret;
                    } else if refusal.status >= 500 && again {
                        pause(tries).await;
                    } else {
                        return Err(ApiError::Status {
                            request: request(),
                            status: refusal.status,
                            message: refusal.message,
                        });
                    }
                }
            }
        }
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
    fn find_password(&self, refused: bool) -> std::result::Result<Option<SecretString>, String> {
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
            Ok(Err(error)) | Err(error) => Err(error.to_string()),
        }
    }
}

async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(250 * u64::from(tries))).await;
}

async fn wait_until(until: DateTime<Utc>) -> Result<()> {
    let wait = until - Utc::now();
    if wait > LONGEST_WAIT {
        return Err(ApiError::Limited { until });
    }
    if let Ok(wait) = wait.to_std() {
        tracing::info!("GitHub asks to wait {} s", wait.as_secs());
        tokio::time::sleep(wait).await;
    }
    Ok(())
}

/// Sends once. The outer error says that nobody answered.
async fn send(
    crab: &Octocrab,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> std::result::Result<std::result::Result<Answer, Refusal>, String> {
    let sent = match method {
        Method::Get => crab._get(path).await,
        Method::Post => crab._post(path, body).await,
        Method::Patch => crab._patch(path, body).await,
        Method::Delete => crab._delete(path, body).await,
    };
    let response = sent.map_err(|error| words(&error))?;
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
    let body = crab
        .body_to_string(response)
        .await
        .map_err(|error| words(&error))?;
    if (200..300).contains(&status) {
        return Ok(Ok(Answer { body, next }));
    }
    let message = message_of(&body);
    let is_limit = matches!(status, 403 | 429);
    let wait = if is_limit {
        limit(retry_after, remaining, reset, &message)
    } else {
        None
    };
    Ok(Err(Refusal {
        status,
        message,
        wait,
    }))
}

/// Until when a refused request has to wait; none if it was not refused because of a limit.
fn limit(
    retry_after: Option<String>,
    remaining: Option<String>,
    reset: Option<String>,
    message: &str,
) -> Option<DateTime<Utc>> {
    let number = |text: Option<String>| text.and_then(|text| text.trim().parse::<i64>().ok());
    if let Some(seconds) = number(retry_after) {
        return Some(Utc::now() + TimeDelta::seconds(seconds.clamp(0, 86_400)));
    }
    if number(remaining) == Some(0) {
        return DateTime::from_timestamp(number(reset)?, 0);
    }
    let message = message.to_ascii_lowercase();
    let is_abuse = message.contains("secondary rate limit") || message.contains("abuse detection");
    is_abuse.then(|| Utc::now() + LONGEST_WAIT)
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
        let some = |text: &str| Some(text.to_owned());
        assert!(limit(some("2"), None, None, "").is_some());
        assert!(limit(None, some("0"), some("4102444800"), "").is_some());
        assert!(
            limit(
                None,
                some("12"),
                None,
                "Resource not accessible by integration"
            )
            .is_none()
        );
        assert!(limit(None, None, None, "You have exceeded a secondary rate limit").is_some());
    }
}
