//! What `/setup` brought back from GitHub: the App's id, its private key and the secret of its webhooks.
//!
//! They are kept in one file of the state folder that nobody but its owner can read, and nowhere else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::private_files::{make_private_folder, write_draft};

/// A registered GitHub App.
#[derive(Debug, Clone)]
pub struct AppCredentials {
    /// The API of the server that it is registered on.
    pub api_url: String,
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
    pub html_url: String,
    /// Its private key (PEM).
    pub private_key: SecretString,
    /// What its webhooks are signed with.
    pub webhook_secret: SecretString,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    api_url: String,
    id: u64,
    slug: String,
    html_url: String,
    private_key: String,
    webhook_secret: String,
}

/// Why the credentials could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} the App's credentials `{path}`: {reason}")]
pub struct CredentialsError {
    what: &'static str,
    path: PathBuf,
    reason: String,
}

impl AppCredentials {
    /// Where they are in a state folder.
    pub fn path_in(state: &Path) -> PathBuf {
        state.join("app.json")
    }

    /// Reads them; none if no App was set up with this state folder.
    pub fn find(state: &Path) -> Result<Option<Self>, CredentialsError> {
        let path = Self::path_in(state);
        let failed = |reason: String| CredentialsError {
            what: "read",
            path: path.clone(),
            reason,
        };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        // The file is a secret: what is wrong with it is not quoted.
        let stored: Stored = serde_json::from_slice(&bytes).map_err(|_| {
            failed("it is not what `/setup` wrote; remove it and set the App up again".to_owned())
        })?;
        Ok(Some(Self {
            api_url: stored.api_url,
            id: stored.id,
            slug: stored.slug,
            html_url: stored.html_url,
            private_key: stored.private_key.into(),
            webhook_secret: stored.webhook_secret.into(),
        }))
    }

    /// Writes them, whole or not at all; an App that is there already is not replaced.
    pub fn write(&self, state: &Path) -> Result<(), CredentialsError> {
        let path = Self::path_in(state);
        self.try_to_write(state, &path)
            .map_err(|error| CredentialsError {
                what: "write",
                path,
                reason: error.to_string(),
            })
    }

    fn try_to_write(&self, state: &Path, path: &Path) -> io::Result<()> {
        make_private_folder(state)?;
        let stored = Stored {
            api_url: self.api_url.clone(),
            id: self.id,
            slug: self.slug.clone(),
            html_url: self.html_url.clone(),
            private_key: self.private_key.expose_secret().to_owned(),
            webhook_secret: self.webhook_secret.expose_secret().to_owned(),
        };
        let draft = state.join(format!("app.json.{}", std::process::id()));
        write_draft(&draft, &stored)?;
        // A link fails where a rename would replace what another process has written meanwhile.
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft)?;
        linked
    }
}
