//! Registers a GitHub App by its manifest: what is asked for, where it is asked, and what comes back.
//!
//! The permissions are the fewest with which the bot can do its work; each is here with its reason.

use octocrab::Octocrab;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::web_base;
use crate::http::describe;

/// An App to be registered.
#[derive(Debug, Clone)]
pub struct Manifest<'a> {
    /// Its name, which nobody else on the server may have.
    pub name: &'a str,
    /// The organisation that owns it; none for the account of whoever registers it.
    pub organisation: Option<&'a str>,
    /// Where the server is reached from outside, without a slash at its end.
    pub public_url: &'a str,
}

/// A registered App, with its secrets.
#[derive(Debug, Clone)]
pub struct Registered {
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
    pub html_url: String,
    /// Its private key (PEM).
    pub private_key: SecretString,
    /// What its webhooks are signed with.
    pub webhook_secret: SecretString,
}

#[derive(Deserialize)]
struct WireApp {
    id: u64,
    slug: String,
    html_url: String,
    pem: String,
    webhook_secret: Option<String>,
}

impl Manifest<'_> {
    /// As GitHub takes it.
    pub fn json(&self) -> Value {
        let url = self.public_url;
        let mut permissions = json!({
            "contents": "write",      // merges by pushing `main`
            "pull_requests": "write", // closes, asks for reviews
            "checks": "write",        // says what it thinks of a pull request
            "issues": "write",        // comments and labels
            "metadata": "read",       // every App has it
        });
        let mut events = json!([
            "pull_request",
            "pull_request_review",
            "issue_comment",
            "push",
            "check_run",
            "check_suite"
        ]);
        // Only an organisation has teams.
        if self.organisation.is_some() {
            if let Some(permissions) = permissions.as_object_mut() {
                permissions.insert("members".to_owned(), json!("read"));
            }
            if let Some(events) = events.as_array_mut() {
                events.extend([json!("membership"), json!("team")]);
            }
        }
        json!({
            "name": self.name,
            "url": url,
            "description": "Approves what AI agents propose: low risk by itself, the rest by people.",
            "public": false,
            "hook_attributes": {"url": format!("{url}/webhooks"), "active": true},
            "redirect_url": format!("{url}/setup/callback"),
            "default_permissions": permissions,
            "default_events": events,
        })
    }

    /// Where a browser posts it, on the server with this API.
    pub fn address(&self, api_url: &str, state: &str) -> String {
        let web = web_base(api_url);
        match self.organisation {
            Some(login) => format!("{web}/organizations/{login}/settings/apps/new?state={state}"),
            None => format!("{web}/settings/apps/new?state={state}"),
        }
    }
}

/// Exchanges the code that GitHub gave to the browser for the App. It can be done once. Blocks.
///
/// # Errors
/// When the code is not accepted, or GitHub cannot be asked.
pub fn register(api_url: &str, code: &str) -> Result<Registered, ApiError> {
    let is_code = !code.is_empty()
        && code.len() <= 100
        && code
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !is_code {
        return Err(ApiError::SignIn(
            "this is not a code of GitHub's: begin again at `/setup`".to_owned(),
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ApiError::SignIn(error.to_string()))?;
    runtime.block_on(exchange(api_url, code))
}

async fn exchange(api_url: &str, code: &str) -> Result<Registered, ApiError> {
    let failed = |error: octocrab::Error| ApiError::SignIn(describe(&error));
    let crab = Octocrab::builder()
        .base_uri(format!("{}/", api_url.trim_end_matches('/')))
        .map_err(failed)?
        .set_connect_timeout(Some(std::time::Duration::from_secs(20)))
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .build()
        .map_err(failed)?;
    let path = format!("/app-manifests/{code}/conversions");
    let response = crab._post(path, None::<&()>).await.map_err(failed)?;
    let status = response.status().as_u16();
    let body = crab.body_to_string(response).await.map_err(failed)?;
    if status != 201 {
        return Err(ApiError::SignIn(format!(
            "GitHub refused the code with {status}: a code is good for one hour and for one use; begin again at `/setup`"
        )));
    }
    // The body is a secret: it is not quoted.
    let wire: WireApp = serde_json::from_str(&body).map_err(|_| {
        ApiError::SignIn("GitHub's answer about the new App cannot be read".to_owned())
    })?;
    let webhook_secret = wire.webhook_secret.ok_or_else(|| {
        ApiError::SignIn(
            "the new App has no webhook secret: set one in its settings, and give it in COUNTERSIGN_WEBHOOK_SECRET".to_owned(),
        )
    })?;
    Ok(Registered {
        id: wire.id,
        slug: wire.slug,
        html_url: wire.html_url,
        private_key: wire.pem.into(),
        webhook_secret: webhook_secret.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisations_app_reads_its_teams_and_a_persons_does_not() {
        let mut manifest = Manifest {
            name: "countersign",
            organisation: Some("acme"),
            public_url: "https://bot.example.org",
        };
        let asked = manifest.json();
        assert_eq!(asked["default_permissions"]["members"], "read");
        assert_eq!(
            asked["hook_attributes"]["url"],
            "https://bot.example.org/webhooks"
        );
        assert_eq!(
            manifest.address("https://ghe.example.org/api/v3", "s"),
            "https://ghe.example.org/organizations/acme/settings/apps/new?state=s"
        );
        manifest.organisation = None;
        let asked = manifest.json();
        assert!(asked["default_permissions"].get("members").is_none());
        assert!(!asked["default_events"].to_string().contains("team"));
        assert_eq!(
            manifest.address("https://api.github.com", "s"),
            "https://github.com/settings/apps/new?state=s"
        );
    }

    #[test]
    fn a_code_never_changes_the_address() {
        for code in ["", "a/b", "../x", "a?b", "a b"] {
            assert!(register("http://127.0.0.1:1", code).is_err());
        }
    }
}
