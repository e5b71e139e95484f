//! Who we are on GitHub, from options and the environment; a secret is never an argument, because
//! everybody on the machine can read those.
//!
//! | identity | given by |
//! | --- | --- |
//! | an App | `--app-id` and `--app-key-file`, or the key itself in COUNTERSIGN_APP_KEY |
//! | a token | COUNTERSIGN_TOKEN |
//! | a job in GitHub Actions | GITHUB_ACTIONS=true with GITHUB_TOKEN |
//! | the App that `/setup` registered | the state folder |
//! | a token that other tools use | GITHUB_TOKEN, GH_TOKEN |
//!
//! The first one in this order that is given counts.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use secrecy::SecretString;

use super::{Result, failure};
use crate::forge::github::{Auth, Connection, GITHUB_API, GithubConfig, GithubForge};
use crate::server::AppCredentials;
use crate::server::make_private_folder;

/// Who we are on GitHub, and where we keep what we bring from there.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "On GitHub")]
pub struct Identity {
    /// Act as this GitHub App; its key is in --app-key-file or in COUNTERSIGN_APP_KEY
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "COUNTERSIGN_APP_ID",
        hide_env_values = true
    )]
    app_id: Option<String>,
    /// The App's private key (PEM)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "COUNTERSIGN_APP_KEY_FILE",
        hide_env_values = true
    )]
    app_key_file: Option<PathBuf>,
    /// The API of a GitHub Enterprise Server, such as https://HOST/api/v3
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "COUNTERSIGN_API_URL",
        hide_env_values = true
    )]
    api_url: Option<String>,
    /// Where clones and the App's credentials are kept [default: countersign in the XDG state folder]
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "COUNTERSIGN_STATE",
        hide_env_values = true
    )]
    state: Option<PathBuf>,
    #[arg(skip)]
    connection: OnceLock<Arc<Connection>>,
}

/// What is missing when nobody says who we are.
const WHO: &str = "set COUNTERSIGN_TOKEN to a token, or COUNTERSIGN_APP_ID and COUNTERSIGN_APP_KEY_FILE to an App's id and key; `countersign serve` registers an App";

impl Identity {
    /// The forge of `OWNER/NAME`.
    ///
    /// # Errors
    /// When it is not clear who we are, or the key cannot be read.
    pub fn forge(&self, repository: &str) -> Result<GithubForge> {
        let connection = self.connection()?.ok_or_else(|| {
            failure::hinted(
                format!("there is no folder `{repository}`, and to reach it on GitHub nothing says who we are"),
                WHO,
            )
        })?;
        self.forge_on(connection, repository)
    }

    /// The forge of `OWNER/NAME` on a connection.
    pub fn forge_on(&self, connection: Arc<Connection>, repository: &str) -> Result<GithubForge> {
        let clone_path = clone_path(&self.state_folder()?, connection.base(), repository);
        let folder = clone_path.parent().unwrap_or(&clone_path);
        make_private_folder(folder).map_err(|error| unwritable(folder, &error))?;
        let config = GithubConfig {
            repository: repository.to_owned(),
            clone_path,
            git_url: None,
        };
        Ok(GithubForge::new(connection, config)?)
    }

    /// The connection as the first identity that is given, made once; none if none is given.
    pub fn connection(&self) -> Result<Option<Arc<Connection>>> {
        if let Some(connection) = self.connection.get() {
            return Ok(Some(Arc::clone(connection)));
        }
        let Some((auth, api)) = self.auth()? else {
            return Ok(None);
        };
        let made = Arc::new(Connection::new(&api, auth)?);
        Ok(Some(Arc::clone(self.connection.get_or_init(|| made))))
    }

    fn auth(&self) -> Result<Option<(Auth, String)>> {
        let api = self.api_url();
        if let Some(app) = self.app()? {
            return Ok(Some((app, api)));
        }
        if let Some(token) = find_secret("COUNTERSIGN_TOKEN") {
            return Ok(Some((Auth::Token(token), api)));
        }
        let token = find_secret("GITHUB_TOKEN");
        if std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
            && let Some(token) = token
        {
            return Ok(Some((Auth::Actions(token), api)));
        }
        if let Some(stored) = self.stored_app()? {
            let auth = Auth::App {
                id: stored.id,
                key: stored.private_key,
            };
            return Ok(Some((auth, stored.api_url)));
        }
        let token = token.or_else(|| find_secret("GH_TOKEN"));
        Ok(token.map(|token| (Auth::Token(token), api)))
    }

    /// The App that options and environment name.
    fn app(&self) -> Result<Option<Auth>> {
        let id = self.app_id.as_deref().map(str::trim).unwrap_or_default();
        let file = self
            .app_key_file
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty());
        let key = find_secret("COUNTERSIGN_APP_KEY");
        if id.is_empty() {
            return if file.is_some() || key.is_some() {
                Err(failure::hinted(
                    "there is an App's key, but nothing says which App it is",
                    "set COUNTERSIGN_APP_ID to the App's id, which is on its page under `Settings`",
                ))
            } else {
                Ok(None)
            };
        }
        let id = id.parse().map_err(|_| {
            failure::usage(
                "the App's id is a number: it is on the App's page, beside the client id",
            )
        })?;
        let key = match (file, key) {
            (Some(path), _) => std::fs::read_to_string(path)
                .map(SecretString::from)
                .map_err(|error| {
                    let shown = path.display();
                    let reason = failure::plain(&error);
                    failure::hinted(
                        format!("cannot read the App's key `{shown}`: {reason}"),
                        "download a private key from the App's settings, and name it with COUNTERSIGN_APP_KEY_FILE",
                    )
                })?,
            (None, Some(key)) => key,
            (None, None) => {
                return Err(failure::hinted(
                    format!("the key of the App {id} is missing"),
                    "name its file with COUNTERSIGN_APP_KEY_FILE, or give it in COUNTERSIGN_APP_KEY",
                ));
            }
        };
        Ok(Some(Auth::App { id, key }))
    }

    /// The App that `/setup` registered.
    pub fn stored_app(&self) -> Result<Option<AppCredentials>> {
        match self.state_folder() {
            Ok(state) => Ok(AppCredentials::find(&state)?),
            // Without any folder nothing can have been stored.
            Err(_) => Ok(None),
        }
    }

    /// What webhooks are signed with: COUNTERSIGN_WEBHOOK_SECRET, or what `/setup` agreed upon.
    pub fn webhook_secret(&self) -> Result<Option<SecretString>> {
        match find_secret("COUNTERSIGN_WEBHOOK_SECRET") {
            Some(secret) => Ok(Some(secret)),
            None => Ok(self.stored_app()?.map(|app| app.webhook_secret)),
        }
    }

    /// The address of the API, without a slash at its end.
    pub fn api_url(&self) -> String {
        let from_actions = std::env::var("GITHUB_API_URL").ok();
        let given = [self.api_url.clone(), from_actions];
        let mut given = given.into_iter().flatten();
        let url = given.find(|url| !url.trim().is_empty());
        let url = url.unwrap_or_else(|| GITHUB_API.to_owned());
        url.trim().trim_end_matches('/').to_owned()
    }

    /// Where clones and the App's credentials are kept.
    pub fn state_folder(&self) -> Result<PathBuf> {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        self.state
            .clone()
            .filter(|path| !path.as_os_str().is_empty())
            .or_else(|| named("XDG_STATE_HOME").map(|home| PathBuf::from(home).join("countersign")))
            .or_else(|| {
                named("HOME").map(|home| PathBuf::from(home).join(".local/state/countersign"))
            })
            .ok_or_else(|| {
                failure::hinted(
                    "there is no place for clones and credentials",
                    "name a folder with `--state FOLDER` or COUNTERSIGN_STATE",
                )
            })
    }
}

/// One clone for each server and repository; GitHub does not tell names by case.
pub(super) fn clone_path(state: &std::path::Path, api: &str, repository: &str) -> PathBuf {
    let host = api.split_once("://").map_or(api, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let host = host.replace(':', "_");
    let repository = repository.to_ascii_lowercase();
    state
        .join("clones")
        .join(host)
        .join(format!("{repository}.git"))
}

fn unwritable(folder: &std::path::Path, error: &std::io::Error) -> anyhow::Error {
    failure::hinted(
        format!(
            "cannot make the folder `{}`: {}",
            folder.display(),
            failure::plain(error)
        ),
        "name another with `--state FOLDER` or COUNTERSIGN_STATE",
    )
}

fn find_secret(name: &str) -> Option<SecretString> {
    let value = std::env::var(name).ok()?;
    let value = value.trim();
    (!value.is_empty()).then(|| SecretString::from(value.to_owned()))
}
