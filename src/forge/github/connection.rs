//! One GitHub server and one identity on it, shared by all repositories that a process serves.
//!
//! It owns the threads that octocrab runs on, and the tokens: an App's token is minted once for all
//! who wait for it, renewed before it ends, and never written down.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use octocrab::Octocrab;
use octocrab::auth::EncodingKey;
use octocrab::models::AppId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::runtime::Runtime;

use super::address::{api_of_web, graphql_base};
use super::error::ApiError;
use super::pace::{Effect, Limits, SystemTimer, Timer};
use super::pull_cache::We;
use super::wire::WireApp;
use crate::http::describe;

/// Where the API of github.com is. A GitHub Enterprise Server has it at `https://HOST/api/v3`.
pub const GITHUB_API: &str = "https://api.github.com";
/// A token that ends sooner than this is renewed.
const RENEW_BEFORE: TimeDelta = TimeDelta::minutes(5);

type Result<T> = std::result::Result<T, ApiError>;

/// Who we are on GitHub.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A GitHub App: its id and its private key (PEM).
    App { id: u64, key: SecretString },
    /// A person's token: it cannot write check runs, so a commit status stands in for them.
    Token(SecretString),
    /// The token of a job in GitHub Actions: it writes check runs, and asks no teams.
    Actions(SecretString),
}

/// A server and our identity on it.
pub struct Connection {
    runtime: Option<Runtime>,
    /// Signs with the App's key, or with nothing.
    plain: Octocrab,
    /// The same where GraphQL is asked.
    graphql: Octocrab,
    who: Who,
    base: String,
    tokens: Mutex<HashMap<u64, Arc<tokio::sync::Mutex<Option<Token>>>>>,
    limits: Mutex<HashMap<Option<u64>, Limits>>,
    timer: Arc<dyn Timer>,
    /// The number of the account whose token we use.
    account: OnceLock<u64>,
}

#[derive(Debug)]
enum Who {
    App(u64),
    Token(Octocrab, SecretString),
    Actions(Octocrab, SecretString),
}

#[derive(Clone)]
struct Token {
    crab: Octocrab,
    secret: SecretString,
    ends_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct WireToken {
    token: String,
    expires_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.base).finish()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Waiting for threads is not allowed where an async server drops us.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Connection {
    /// A connection to the server whose API is at `api_url` ([`GITHUB_API`]). Nothing is sent yet.
    pub fn new(api_url: &str, auth: Auth) -> Result<Self> {
        Self::with_timer(api_url, auth, Arc::new(SystemTimer))
    }

    /// The same, with a time of its own for the limits that GitHub sets.
    ///
    /// # Errors
    /// As [`Connection::new`].
    pub fn with_timer(api_url: &str, auth: Auth, timer: Arc<dyn Timer>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("github")
            .enable_all()
            .build()
            .map_err(|error| ApiError::SignIn(error.to_string()))?;
        let base = api_url.trim_end_matches('/').to_owned();
        if let Some(api) = api_of_web(&base) {
            return Err(ApiError::SignIn(format!(
                "`{base}` is for people, its API is elsewhere: `--api-url {api}`"
            )));
        }
        let (plain, graphql, who) = {
            let _guard = runtime.enter();
            let graphql = unsigned(&graphql_base(&base))?;
            let (plain, who) = Self::sign_in(&base, auth)?;
            (plain, graphql, who)
        };
        Ok(Self {
            runtime: Some(runtime),
            plain,
            graphql,
            who,
            base,
            tokens: Mutex::default(),
            limits: Mutex::default(),
            timer,
            account: OnceLock::new(),
        })
    }

    fn sign_in(base: &str, auth: Auth) -> Result<(Octocrab, Who)> {
        let failed = |error: octocrab::Error| ApiError::SignIn(describe(&error));
        let builder = Octocrab::builder()
            .base_uri(format!("{base}/"))
            .map_err(failed)?
            .set_connect_timeout(Some(std::time::Duration::from_secs(20)))
            .set_read_timeout(Some(std::time::Duration::from_secs(60)));
        Ok(match auth {
            Auth::App { id, key } => {
                let key = EncodingKey::from_rsa_pem(key.expose_secret().as_bytes()).map_err(|_| {
                    ApiError::SignIn(
                        "the App's private key is not an RSA key in PEM form: download it from the App's settings".to_owned(),
                    )
                })?;
                (
                    builder.app(AppId(id), key).build().map_err(failed)?,
                    Who::App(id),
                )
            }
            Auth::Token(token) => {
                let plain = builder.build().map_err(failed)?;
                let crab = plain.user_access_token(token.clone()).map_err(failed)?;
                (plain, Who::Token(crab, token))
            }
            Auth::Actions(token) => {
                let plain = builder.build().map_err(failed)?;
                let crab = plain.user_access_token(token.clone()).map_err(failed)?;
                (plain, Who::Actions(crab, token))
            }
        })
    }

    /// Waits for an answer. Must not be called on a thread that runs async code.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        let runtime = self
            .runtime
            .as_ref()
            .ok_or_else(|| ApiError::SignIn("the connection is closed".to_owned()))?;
        Ok(runtime.block_on(future))
    }

    /// The address of the API, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether we are an App, with a JWT of our own.
    pub const fn is_app(&self) -> bool {
        matches!(self.who, Who::App(_))
    }

    /// A client that asks in GraphQL with this token.
    pub(super) fn graphql(&self, secret: &SecretString) -> Result<Octocrab> {
        let signed = self.graphql.user_access_token(secret.clone());
        signed.map_err(|error| ApiError::SignIn(describe(&error)))
    }

    /// Whether check runs can be written at all.
    pub(super) const fn may_check(&self) -> bool {
        !matches!(self.who, Who::Token(..))
    }

    /// Whether teams can be seen and asked: a job's token reaches its repository, never the organisation.
    pub(super) const fn sees_teams(&self) -> bool {
        !matches!(self.who, Who::Actions(..))
    }

    /// Our account, as far as it is known without asking.
    pub(super) fn we(&self) -> We {
        match self.who {
            Who::App(id) => We::App(id),
            Who::Actions(..) => We::Actions,
            Who::Token(..) => We::Person(self.account.get().copied()),
        }
    }

    /// The account whose token we use.
    pub(super) fn learn_account(&self, id: u64) {
        self.account.get_or_init(|| id);
    }

    /// Whether something was made through this App of ours.
    pub(super) fn is_own_app(&self, app: Option<&WireApp>) -> bool {
        app.is_some_and(|app| self.we().is_app(app))
    }

    /// The client that signs with the App's own key.
    pub(super) const fn app(&self) -> &Octocrab {
        &self.plain
    }

    /// A client that may work on an installation's repositories. `refused` is a token that was not
    /// accepted: it is replaced, unless somebody has replaced it already.
    pub(super) async fn client(
        &self,
        installation: Option<u64>,
        refused: Option<&SecretString>,
    ) -> Result<(Octocrab, SecretString)> {
        let installation = match (&self.who, installation) {
            (Who::Token(crab, secret) | Who::Actions(crab, secret), _) => {
                return Ok((crab.clone(), secret.clone()));
            }
            (Who::App(_), Some(installation)) => installation,
            (Who::App(_), None) => {
                return Err(ApiError::SignIn(
                    "the App is not installed on this repository".to_owned(),
                ));
            }
        };
        let cell = {
            let mut tokens = lock(&self.tokens);
            Arc::clone(tokens.entry(installation).or_default())
        };
        // Whoever comes while a token is minted waits here for the same one.
        let mut token = cell.lock().await;
        let is_good = |token: &Token| {
            let lasts = token
                .ends_at
                .is_none_or(|at| at - Utc::now() > RENEW_BEFORE);
            let is_refused = refused
                .is_some_and(|refused| refused.expose_secret() == token.secret.expose_secret());
            lasts && !is_refused
        };
        if let Some(token) = token.as_ref().filter(|token| is_good(token)) {
            return Ok((token.crab.clone(), token.secret.clone()));
        }
        let fresh = self.mint(installation).await?;
        let answer = (fresh.crab.clone(), fresh.secret.clone());
        *token = Some(fresh);
        Ok(answer)
    }

    async fn mint(&self, installation: u64) -> Result<Token> {
        let path = format!("/app/installations/{installation}/access_tokens");
        let failed = |error: octocrab::Error| ApiError::SignIn(describe(&error));
        let response = self
            .plain
            ._post(path, Some(&serde_json::json!({})))
            .await
            .map_err(failed)?;
        let status = response.status().as_u16();
        let body = self.plain.body_to_string(response).await.map_err(failed)?;
        if status != 201 && status != 200 {
            return Err(ApiError::SignIn(format!(
                "a token for installation {installation} was refused with {status}: check the App's id and key, and that it is still installed"
            )));
        }
        // The body is a secret: it is not quoted.
        let wire: WireToken = serde_json::from_str(&body).map_err(|_| {
            ApiError::SignIn("GitHub's answer to the request for a token cannot be read".to_owned())
        })?;
        let secret = SecretString::from(wire.token);
        let crab = self
            .plain
            .user_access_token(secret.clone())
            .map_err(failed)?;
        Ok(Token {
            crab,
            secret,
            ends_at: wire.expires_at,
        })
    }

    /// Counts a request of an installation that is sent now; or says when it may be tried again.
    pub(super) fn admit(
        &self,
        installation: Option<u64>,
        effect: Effect,
    ) -> std::result::Result<(), DateTime<Utc>> {
        let now = self.timer.now();
        let mut limits = lock(&self.limits);
        limits.entry(installation).or_default().admit(effect, now)
    }

    /// GitHub wants to hear nothing of this installation until then.
    pub(super) fn keep_quiet(&self, installation: Option<u64>, until: DateTime<Utc>) {
        let mut limits = lock(&self.limits);
        limits.entry(installation).or_default().keep_quiet(until);
    }

    pub(super) fn timer(&self) -> &dyn Timer {
        self.timer.as_ref()
    }
}

/// A client that signs with nothing.
fn unsigned(base: &str) -> Result<Octocrab> {
    let failed = |error: octocrab::Error| ApiError::SignIn(describe(&error));
    Octocrab::builder()
        .base_uri(format!("{base}/"))
        .map_err(failed)?
        .set_connect_timeout(Some(std::time::Duration::from_secs(20)))
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .build()
        .map_err(failed)
}

/// A lock that a panic elsewhere cannot poison: what it guards is replaced whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
