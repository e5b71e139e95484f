//! Which repositories an App is to serve: those of its installations that hold a governance repository.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::client::Client;
use super::connection::Connection;
use super::error::ApiError;

/// What tells a governance repository from any other.
const SIGN: &str = "rules/governance.yaml";

/// Looks for governance repositories. What was seen is not asked again until something is pushed there.
#[derive(Debug)]
pub struct InstallationScanner {
    connection: Arc<Connection>,
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    pushed_at: Option<DateTime<Utc>>,
    is_governance: bool,
}

#[derive(Deserialize)]
struct WireInstallation {
    id: u64,
    suspended_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct WireRepository {
    full_name: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    disabled: bool,
    pushed_at: Option<DateTime<Utc>>,
}

impl InstallationScanner {
    /// A scanner of an App.
    ///
    /// # Errors
    /// When the connection is not an App's: a token does not say what is to be served.
    pub fn new(connection: Arc<Connection>) -> Result<Self, ApiError> {
        if !connection.is_app() {
            return Err(ApiError::SignIn(
                "only an App knows which repositories it is installed on: name them with `--repo OWNER/NAME`".to_owned(),
            ));
        }
        Ok(Self {
            connection,
            seen: BTreeMap::new(),
        })
    }

    /// Every governance repository of every installation, as `OWNER/NAME`.
    pub fn look(&mut self) -> Result<BTreeSet<String>, ApiError> {
        let itself = Client::new(Arc::clone(&self.connection), "");
        let installations: Vec<WireInstallation> =
            itself.list_as_app("/app/installations?per_page=100")?;
        let mut found = BTreeSet::new();
        let mut seen = BTreeMap::new();
        for installation in installations {
            if installation.suspended_at.is_some() {
                continue;
            }
            let client = Client::new(Arc::clone(&self.connection), "");
            client.learn_installation(Some(installation.id));
            let path = "/installation/repositories?per_page=100";
            for repository in client.list(path, Some("repositories"), |_| false)? {
                let (name, now) = self.look_at(&client, repository)?;
                if now.is_governance {
                    found.insert(name.clone());
                }
                seen.insert(name, now);
            }
        }
        self.seen = seen;
        Ok(found)
    }

    fn look_at(
        &self,
        client: &Client,
        repository: WireRepository,
    ) -> Result<(String, Seen), ApiError> {
        let WireRepository {
            full_name,
            pushed_at,
            ..
        } = repository;
        let known = self.seen.get(&full_name);
        let is_governance = match known {
            _ if repository.archived || repository.disabled => false,
            Some(known) if pushed_at.is_some() && known.pushed_at == pushed_at => {
                known.is_governance
            }
            _ => {
                let path = format!("/repos/{full_name}/contents/{SIGN}?ref=main");
                client.find::<IgnoredAny>(&path)?.is_some()
            }
        };
        let now = Seen {
            pushed_at,
            is_governance,
        };
        Ok((full_name, now))
    }
}
