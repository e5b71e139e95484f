//! `countersign serve`: keeps governance repositories by webhooks and timers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::identity::Identity;
use super::options::{BotOptions, Options};
use super::place::{Place, find_github_name};
use super::{CommandOutcome, Result, failure, output};
use crate::forge::github::InstallationScanner;
use crate::git::limit_object_cache;
use crate::server::{
    self, AppState, Finding, ListenConfig, PollIntervals, PublicUrl, Search, Setup, TrustedProxy,
    WorkerConfig, limit_document_cache, signalled,
};

/// Serve governance repositories: dashboard, API, webhooks, timers
///
/// Works off what comes, by webhook or by looking, until it is told to stop. `--repo` may be given
/// several times, for folders and for repositories on GitHub. Without it, an App serves every
/// governance repository that it is installed on; without an App, one is registered in the browser.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Where to listen; port 0 takes a free one and says which
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080",
        env = "COUNTERSIGN_LISTEN",
        hide_env_values = true
    )]
    listen: SocketAddr,
    /// Allow --listen to name an address that other machines reach; everybody then has to sign in
    #[arg(long)]
    remote: bool,
    /// How browsers name this server, where something stands in front of it that speaks TLS:
    /// `https://governance.example.org`
    #[arg(
        long,
        value_name = "URL",
        env = "COUNTERSIGN_PUBLIC_URL",
        hide_env_values = true
    )]
    public_url: Option<PublicUrl>,
    /// Have people sign in to read as well, also on this machine
    #[arg(long)]
    private: bool,
    /// A name under which this server is reached, beside those of its own machine; may be given several times
    ///
    /// Dashboard and MCP answer to no other, so that no page in a browser reaches it under a name of its own.
    #[arg(
        long = "host",
        value_name = "NAME",
        env = "COUNTERSIGN_HOSTS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    hosts: Vec<String>,
    /// A proxy in front of this server, or a network of them: then its `X-Forwarded-For` says who asks; may be given
    /// several times
    #[arg(
        long = "trusted-proxy",
        value_name = "ADDRESS",
        env = "COUNTERSIGN_TRUSTED_PROXIES",
        value_delimiter = ',',
        hide_env_values = true
    )]
    trusted_proxies: Vec<TrustedProxy>,
    /// Seconds between two times that everything is read anew: what no webhook told is heard then
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    reconcile: u64,
    /// Milliseconds between two looks at a folder
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    look: u64,
    /// Megabytes that everything read from repositories may take in memory, to be read faster the next time
    #[arg(long, value_name = "MB", env = "COUNTERSIGN_CACHE_MEMORY", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=65_536), hide_env_values = true)]
    cache_memory: u32,
}

/// So many threads do what blocks; the rest waits. Each keeps memory of its own, and more would not make it faster.
const BLOCKING_THREADS: usize = 16;

const MEGABYTE: usize = 1024 * 1024;

/// Documents that were read into types get this part of what may be kept, objects of git the rest.
const DOCUMENTS_OF_CACHE: usize = 5;

/// The exit status of a program that was interrupted.
const INTERRUPTED: i32 = 130;

impl Serve {
    /// Serves until it is told to stop.
    pub fn run(&self, options: &Options) -> Result {
        options.read_signing_key()?;
        let cache_memory = usize::try_from(self.cache_memory)?.saturating_mul(MEGABYTE);
        let documents = cache_memory / DOCUMENTS_OF_CACHE;
        limit_document_cache(documents);
        limit_object_cache(cache_memory - documents);
        self.refuse_to_be_exposed_by_accident()?;
        let identity = &options.identity;
        let served = Served::of(options)?;
        let setup = served.setup(identity)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .max_blocking_threads(BLOCKING_THREADS)
            .enable_all()
            .build()?;
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(self.listen))
            .map_err(|error| {
                failure::hinted(
                    format!(
                        "cannot listen on {}: {}",
                        self.listen,
                        failure::plain(&error)
                    ),
                    "name another address with `--listen ADDRESS`",
                )
            })?;
        let address = listener.local_addr()?;
        let intervals = PollIntervals {
            look: Duration::from_millis(self.look),
            reconcile: Duration::from_secs(self.reconcile),
        };
        let listen_config = ListenConfig {
            address,
            public_url: self.public_url.clone(),
            names: self.hosts.clone(),
            // Whoever is reached under a name is not alone on this machine.
            is_private: self.private || !self.hosts.is_empty(),
        };
        let app_state = AppState::new(intervals, listen_config, setup);
        match identity.webhook_secret()? {
            Some(secret) => app_state.use_webhook_secret(secret),
            None if served.is_on_github() && app_state.setup().is_none() => {
                output::warning(
                    "webhooks are refused, and only the timer looks: COUNTERSIGN_WEBHOOK_SECRET is not set",
                );
            }
            None => {}
        }
        served.begin(options, &app_state)?;
        output::note(&format!("listening on http://{address}; Ctrl-C stops"));
        if let Some(path) = app_state.setup().and_then(Setup::find_address) {
            let public = self.public_url.as_ref().map(ToString::to_string);
            let base = public.unwrap_or_else(|| format!("http://{address}"));
            output::note(&format!(
                "nothing says who we are on GitHub; register an App at {base}{path}"
            ));
        }
        self.say_who_reads(&app_state);
        let proxies = self.trusted_proxies.iter().copied().collect();
        runtime.block_on(server::serve(listener, app_state, proxies, told_to_stop()));
        output::note("stopped");
        Ok(CommandOutcome::Done)
    }

    /// Other machines reach the server only when that is meant.
    fn refuse_to_be_exposed_by_accident(&self) -> Result<()> {
        if self.listen.ip().is_loopback() || self.remote {
            return Ok(());
        }
        Err(failure::hinted(
            format!("{} is reached from other machines", self.listen),
            "say so with `--remote`; better, listen on 127.0.0.1 behind something that speaks TLS, and name it with `--public-url https://…`",
        ))
    }

    fn say_who_reads(&self, app_state: &AppState) {
        if app_state.listen_config().may_all_read_folders() {
            output::note(
                "everybody on this machine may read what is in folders; `--private` has them sign in (`countersign token create`)",
            );
        }
        let is_https = app_state.listen_config().is_https();
        if self.remote && !is_https {
            output::warning(
                "tokens and cookies travel to other machines without TLS: put something in front that speaks it, and name it with --public-url https://…",
            );
        }
    }
}

/// What is to be served.
struct Served {
    folders: Vec<PathBuf>,
    /// `OWNER/NAME` each.
    named: Vec<String>,
    /// Whether everything is served that the App is installed on.
    is_everything: bool,
}

impl Served {
    fn of(options: &Options) -> Result<Self> {
        let mut served = Self {
            folders: Vec::new(),
            named: Vec::new(),
            is_everything: false,
        };
        for name in options.repos() {
            match find_github_name(name) {
                Some(repository) => served.named.push(repository.to_owned()),
                None => served.folders.push(name.to_owned()),
            }
        }
        if options.repos().is_empty() {
            let usual = options.repo()?;
            match options.identity.connection()? {
                Some(connection) if connection.is_app() => served.is_everything = true,
                _ if usual.exists() => served.folders.push(usual.to_owned()),
                None => served.is_everything = true,
                Some(_) => {
                    return Err(failure::hinted(
                        "nothing says which repositories are to be served",
                        "name them with `--repo PATH|OWNER/NAME`; only an App knows where it is installed",
                    ));
                }
            }
        }
        Ok(served)
    }

    const fn is_on_github(&self) -> bool {
        self.is_everything || !self.named.is_empty()
    }

    /// An App can be registered while GitHub is to be served and nothing says who we are there.
    fn setup(&self, identity: &Identity) -> Result<Option<Setup>> {
        if !self.is_on_github() || identity.connection()?.is_some() {
            return Ok(None);
        }
        let setup = Setup::new(&identity.api_url(), identity.state_folder()?)?;
        Ok(Some(setup))
    }

    fn begin(self, options: &Options, app_state: &AppState) -> Result<()> {
        for folder in &self.folders {
            let place = Place::Local(folder.clone());
            // A folder must be there from the start; GitHub may be out of reach for a while.
            place.open_forge()?;
            app_state.keep(config(&options.identity, options.bot_options(), place))?;
        }
        if self.is_on_github() {
            app_state.search(self.search(options.identity.clone(), options.bot_options()))?;
        }
        Ok(())
    }

    fn search(self, identity: Identity, bot_options: BotOptions) -> Search {
        let mut scanner = None;
        Box::new(move |kept| {
            let Some(connection) = identity.connection()? else {
                return Ok(Finding::default());
            };
            let all: BTreeSet<String> = if self.is_everything {
                let scanner = match &mut scanner {
                    Some(scanner) => scanner,
                    None => scanner.insert(InstallationScanner::new(Arc::clone(&connection))?),
                };
                scanner.look()?
            } else {
                self.named.iter().cloned().collect()
            };
            let mut new = Vec::new();
            for name in &all {
                if !kept.contains(&name.to_ascii_lowercase()) {
                    let forge = identity.forge_on(Arc::clone(&connection), name)?;
                    new.push(config(&identity, bot_options.clone(), Place::Github(forge)));
                }
            }
            Ok(Finding { all, new })
        })
    }
}

/// What a worker needs for a place.
fn config(identity: &Identity, bot_options: BotOptions, place: Place) -> WorkerConfig {
    let github = match &place {
        Place::Local(_) => None,
        Place::Github(forge) => Some(forge.clone()),
    };
    WorkerConfig {
        name: place.name(),
        // Without any folder for state nobody can have made a token.
        tokens: place.tokens(identity).ok(),
        bot_factory: Box::new(move || bot_options.bot(&place)),
        github,
        decides: true,
    }
}

/// The first signal stops when everything is done, the second one at once.
async fn told_to_stop() {
    if let Err(error) = signalled().await {
        tracing::warn!("signals cannot be heard, so only a kill stops this: {error}");
        return std::future::pending().await;
    }
    output::note("stopping when what was accepted is done; once more stops at once");
    tokio::spawn(async {
        if signalled().await.is_ok() {
            std::process::exit(INTERRUPTED);
        }
    });
}
