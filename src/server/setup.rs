//! `/setup`: registers a GitHub App without a single value copied by hand.
//!
//! A browser posts a manifest to GitHub, GitHub sends it back with a code, and the code is exchanged for
//! the App's key and webhook secret, which go straight into the state folder. Only while no App is
//! configured, and only for whoever can read the terminal: the address printed there holds a token.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::credentials::AppCredentials;
use super::secrets::{is_equal, random};
use super::state::AppState;
use super::worker::lock;
use crate::forge::github::manifest::{self, Manifest, Registered};
use crate::forge::github::{is_login, web_base};

/// GitHub's code is good for an hour, and so is our state.
const LASTS: Duration = Duration::from_secs(3600);
/// GitHub's limit for an App's name.
const LONGEST_NAME: usize = 34;

/// A registration that may take place.
#[derive(Debug)]
pub struct Setup {
    api_url: String,
    folder: PathBuf,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
enum Progress {
    /// Whoever knows the token may begin.
    Open { token: SecretString },
    /// A browser is on its way to GitHub and back.
    Begun {
        token: SecretString,
        state: SecretString,
        at: Instant,
    },
    /// There is an App.
    Done,
}

impl Setup {
    /// A registration on the server with this API; the credentials go into this folder.
    pub fn new(api_url: &str, folder: PathBuf) -> std::io::Result<Self> {
        Ok(Self {
            api_url: api_url.to_owned(),
            folder,
            progress: Mutex::new(Progress::Open {
                token: random::<16>()?.into(),
            }),
        })
    }

    /// The path, and what follows it, that is to be opened in a browser; none when it is done.
    pub fn find_address(&self) -> Option<String> {
        match &*lock(&self.progress) {
            Progress::Open { token } | Progress::Begun { token, .. } => {
                Some(format!("/setup?token={}", token.expose_secret()))
            }
            Progress::Done => None,
        }
    }

    fn admits(&self, given: &str) -> bool {
        match &*lock(&self.progress) {
            Progress::Open { token } | Progress::Begun { token, .. } => {
                is_equal(token.expose_secret(), given)
            }
            Progress::Done => false,
        }
    }

    /// Begins, and gives the state that GitHub is to bring back. An earlier one is no longer good.
    fn begin(&self) -> std::io::Result<SecretString> {
        let fresh = SecretString::from(random::<16>()?);
        let mut progress = lock(&self.progress);
        if let Progress::Open { token } | Progress::Begun { token, .. } = &*progress {
            *progress = Progress::Begun {
                token: token.clone(),
                state: fresh.clone(),
                at: Instant::now(),
            };
        }
        Ok(fresh)
    }

    /// Whether this state is the one that we gave, which is good for one use.
    fn takes_state(&self, given: &str) -> bool {
        let mut progress = lock(&self.progress);
        let Progress::Begun { token, state, at } = &*progress else {
            return false;
        };
        if !is_equal(state.expose_secret(), given) || at.elapsed() > LASTS {
            return false;
        }
        *progress = Progress::Open {
            token: token.clone(),
        };
        true
    }

    fn end(&self) {
        *lock(&self.progress) = Progress::Done;
    }
}

/// The routes of this file.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/setup", get(ask).post(prepare))
        .route("/setup/callback", get(receive))
        .route("/setup/style.css", get(style))
}

#[derive(Template)]
#[template(path = "setup/ask.html")]
struct AskPage<'a> {
    token: &'a str,
    server: &'a str,
    public_url: &'a str,
    problem: &'a str,
}

#[derive(Template)]
#[template(path = "setup/post.html")]
struct PostPage<'a> {
    address: &'a str,
    manifest: &'a str,
    server: &'a str,
}

#[derive(Template)]
#[template(path = "setup/done.html")]
struct DonePage<'a> {
    slug: &'a str,
    install: String,
    server: &'a str,
}

#[derive(Template)]
#[template(path = "setup/refused.html")]
struct RefusedPage<'a> {
    why: &'a str,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    public_url: String,
}

#[derive(Deserialize)]
struct Returned {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

const CLOSED: &str = "An App is configured already, so there is nothing to set up here. To register another one, stop the server, \
    remove app.json from its state folder (and COUNTERSIGN_APP_ID from its environment), and start it again.";
const WHO: &str = "The address is not complete. Open the one that the server printed on its terminal: it holds a token.";

async fn ask(
    State(app_state): State<AppState>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(setup) = app_state
        .setup()
        .filter(|setup| setup.find_address().is_some())
    else {
        return refused(StatusCode::NOT_FOUND, CLOSED);
    };
    if !setup.admits(&asked.token) {
        return refused(StatusCode::FORBIDDEN, WHO);
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let named = app_state.listen_config().public_url.as_ref();
    let public_url = named
        .map(ToString::to_string)
        .or_else(|| host.map(|host| format!("http://{host}")));
    let page = AskPage {
        token: &asked.token,
        server: &web_base(&setup.api_url),
        public_url: public_url.as_deref().unwrap_or_default(),
        problem: "",
    };
    shown(StatusCode::OK, &page, "'self'")
}

async fn prepare(State(app_state): State<AppState>, Form(chosen): Form<Chosen>) -> Response {
    let Some(setup) = app_state
        .setup()
        .filter(|setup| setup.find_address().is_some())
    else {
        return refused(StatusCode::NOT_FOUND, CLOSED);
    };
    if !setup.admits(&chosen.token) {
        return refused(StatusCode::FORBIDDEN, WHO);
    }
    let public_url = chosen.public_url.trim().trim_end_matches('/');
    let organisation = chosen.organisation.trim();
    let name = chosen.name.trim();
    let server = web_base(&setup.api_url);
    if let Some(problem) = find_problem(name, organisation, public_url) {
        let page = AskPage {
            token: &chosen.token,
            server: &server,
            public_url,
            problem,
        };
        return shown(StatusCode::UNPROCESSABLE_ENTITY, &page, "'self'");
    }
    let Ok(state) = setup.begin() else {
        return refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "This machine has no randomness.",
        );
    };
    let manifest = Manifest {
        name,
        organisation: Some(organisation).filter(|login| !login.is_empty()),
        public_url,
    };
    let page = PostPage {
        address: &manifest.address(&setup.api_url, state.expose_secret()),
        manifest: &manifest.json().to_string(),
        server: &server,
    };
    shown(StatusCode::OK, &page, &server)
}

fn find_problem(name: &str, organisation: &str, public_url: &str) -> Option<&'static str> {
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Some("The App needs a name of at most 34 characters.");
    }
    if !organisation.is_empty() && !is_login(organisation) {
        return Some("An organisation is named as in its address: letters, digits and hyphens.");
    }
    let is_url = public_url.starts_with("https://") || public_url.starts_with("http://");
    let is_plain = public_url
        .chars()
        .all(|c| c.is_ascii_graphic() && !"\"'<>\\?#@".contains(c));
    (!is_url || !is_plain)
        .then_some("The address must begin with https:// (or http://) and hold neither ? nor #.")
}

async fn receive(State(app_state): State<AppState>, Query(returned): Query<Returned>) -> Response {
    let Some(setup) = app_state.setup() else {
        return refused(StatusCode::NOT_FOUND, CLOSED);
    };
    if !setup.takes_state(&returned.state) {
        return refused(
            StatusCode::FORBIDDEN,
            "This answer belongs to no registration that began here within the last hour. Begin again with the address on the server's terminal.",
        );
    }
    let api_url = setup.api_url.clone();
    let exchanged =
        tokio::task::spawn_blocking(move || manifest::register(&api_url, &returned.code)).await;
    let registered = match exchanged {
        Ok(Ok(registered)) => registered,
        Ok(Err(error)) => return refused(StatusCode::BAD_GATEWAY, &error.to_string()),
        Err(_) => return refused(StatusCode::INTERNAL_SERVER_ERROR, "The exchange broke off."),
    };
    let app = credentials(&setup.api_url, registered);
    if let Err(error) = app.write(&setup.folder) {
        tracing::error!("{error}");
        let why = "The App is registered, but its credentials could not be written: the server's log says why. Remove the App on GitHub and begin again.";
        return refused(StatusCode::INTERNAL_SERVER_ERROR, why);
    }
    setup.end();
    app_state.use_webhook_secret(app.webhook_secret.clone());
    app_state.look_around();
    let page = DonePage {
        slug: &app.slug,
        install: format!("{}/installations/new", app.html_url),
        server: &web_base(&setup.api_url),
    };
    shown(StatusCode::OK, &page, "'none'")
}

fn credentials(api_url: &str, registered: Registered) -> AppCredentials {
    AppCredentials {
        api_url: api_url.to_owned(),
        id: registered.id,
        slug: registered.slug,
        html_url: registered.html_url,
        private_key: registered.private_key,
        webhook_secret: registered.webhook_secret,
    }
}

async fn style() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("templates/setup/style.css")).into_response()
}

fn refused(status: StatusCode, why: &str) -> Response {
    shown(status, &RefusedPage { why }, "'none'")
}

/// A page whose forms may only be sent there.
fn shown(status: StatusCode, page: &impl Template, form_action: &str) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
    );
    let headers: [(HeaderName, String); 1] = [(header::CONTENT_SECURITY_POLICY, policy)];
    match page.render() {
        Ok(text) => (status, headers, Html(text)).into_response(),
        Err(error) => {
            tracing::error!("a page cannot be made: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
