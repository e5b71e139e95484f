//! The options of every command, and what follows from them: the repository, the time, the bot.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chrono::{DateTime, SubsecRound, Utc};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::identity::Identity;
use super::output::{self, Format};
use super::place::Place;
use super::{Result, failure};
use crate::bot::{Bot, Clock};
use crate::git::{Repository, SigningKey};
use crate::ledger::{LedgerError, MAIN, RulesCache, Version};

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Options {
    /// The governance repository: a folder, or OWNER/NAME on GitHub; for reading, a clone will do
    ///
    /// `serve` takes several.
    #[arg(
        long = "repo",
        global = true,
        value_name = "PATH|OWNER/NAME",
        env = "COUNTERSIGN_REPO",
        hide_env_values = true
    )]
    repos: Vec<PathBuf>,
    /// What results look like
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// Sign the commits on `main` with this OpenSSH private key, which has no passphrase
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "COUNTERSIGN_SIGNING_KEY",
        hide_env_values = true
    )]
    signing_key: Option<PathBuf>,
    /// Take this for the time: for replays and tests
    #[arg(long, global = true, hide = true, value_name = "RFC3339", value_parser = rfc3339)]
    now: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub identity: Identity,
    /// Say more on standard error (-vv: everything); COUNTERSIGN_LOG takes a filter
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// What the log on standard error looks like
    ///
    /// As JSON it holds, beside warnings, a line for each decision, execution, sign-in and refusal; as text, with -v.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        env = "COUNTERSIGN_LOG_FORMAT",
        hide_env_values = true
    )]
    log_format: LogFormat,
    #[arg(skip)]
    place: OnceLock<Place>,
}

/// What the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The repository where none is named.
const DEFAULT_REPO: &str = "governance.git";

impl Options {
    /// The governance repositories that are named, in that order; none if none is.
    pub fn repos(&self) -> Vec<&Path> {
        let named = self.repos.iter().map(PathBuf::as_path);
        // An empty variable names none.
        named.filter(|name| !name.as_os_str().is_empty()).collect()
    }

    /// The one governance repository that is named, or the usual one.
    pub fn repo(&self) -> Result<&Path> {
        match self.repos().as_slice() {
            [] => Ok(Path::new(DEFAULT_REPO)),
            [repo] => Ok(repo),
            _ => Err(failure::usage(
                "this command works on one repository: give `--repo` once",
            )),
        }
    }

    /// The place of the one governance repository that is named.
    ///
    /// # Errors
    /// When several are named, or it is on GitHub and nothing says who we are there.
    pub fn place(&self) -> Result<&Place> {
        if let Some(place) = self.place.get() {
            return Ok(place);
        }
        let place = Place::named(self.repo()?, &self.identity)?;
        Ok(self.place.get_or_init(|| place))
    }

    /// What makes bots when these options are out of reach: on a server's threads.
    pub fn bot_options(&self) -> BotOptions {
        BotOptions {
            now: self.now,
            signing_key: self.signing_key.clone(),
        }
    }

    /// The time, in whole seconds as documents carry it.
    pub fn now(&self) -> DateTime<Utc> {
        self.now.unwrap_or_else(|| Utc::now().trunc_subsecs(0))
    }

    /// Opens the repository for reading, as it is now; a clone will do.
    pub fn open(&self) -> Result<Repository> {
        self.place()?.open()
    }

    /// Opens the repository for reading its whole history.
    pub fn open_whole(&self) -> Result<Repository> {
        self.place()?.open_whole()
    }

    /// Opens the repository in which pull requests live and `main` is written.
    pub fn open_forge(&self) -> Result<Repository> {
        self.place()?.open_forge()
    }

    /// The bot on the forge of the repository.
    pub fn bot(&self) -> Result<Bot> {
        self.bot_options().bot(self.place()?)
    }

    /// The key that signs the bot's commits, where one is configured.
    ///
    /// # Errors
    /// When it cannot be read: an unsigned commit must not slip in for want of a key.
    pub fn read_signing_key(&self) -> Result<Option<SigningKey>> {
        self.bot_options().read_signing_key()
    }

    /// Whether results are for programs.
    pub const fn is_json(&self) -> bool {
        matches!(self.format, Format::Json)
    }

    /// Diagnostics go to standard error: warnings always, more on demand.
    pub fn start_tracing(&self) {
        let level = match self.verbose {
            0 if self.log_format == LogFormat::Json => "countersign=warn,countersign::events=info",
            0 => "countersign=warn",
            1 => "countersign=info",
            _ => "countersign=debug",
        };
        let filter =
            EnvFilter::try_from_env("COUNTERSIGN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(output::is_coloured());
        let lines = if self.log_format == LogFormat::Json {
            let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
            lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .boxed()
        } else if self.verbose == 0 {
            lines.without_time().with_target(false).boxed()
        } else {
            lines.boxed()
        };
        let registry = tracing_subscriber::registry().with(lines.with_filter(filter));
        #[cfg(debug_assertions)]
        let registry = registry.with(super::crash_point::CrashPoint::from_environment());
        // Fails only where a host program has set up its own already.
        let _ = registry.try_init();
    }
}

/// What makes bots: the time and the key that all of them use.
#[derive(Debug, Clone)]
pub struct BotOptions {
    now: Option<DateTime<Utc>>,
    signing_key: Option<PathBuf>,
}

impl BotOptions {
    /// A bot at work at a place.
    pub fn bot(&self, place: &Place) -> Result<Bot> {
        let fixed = self.now;
        let clock: Clock = Box::new(move || fixed.unwrap_or_else(|| Utc::now().trunc_subsecs(0)));
        place.bot(clock, self.read_signing_key()?)
    }

    fn read_signing_key(&self) -> Result<Option<SigningKey>> {
        let key = self.signing_key.as_deref();
        Ok(key.map(SigningKey::read).transpose()?)
    }
}

/// The rules on `main`.
///
/// # Errors
/// When there is no `main`, or its rules cannot be read.
pub fn rules_on_main(repo: &Repository) -> Result<Version> {
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    RulesCache::default()
        .read(repo.objects(), root)?
        .into_result()
        .map_err(|problems| {
            failure::hinted(
                format!("the rules on `main` cannot be read:\n{problems}"),
                "mend them by hand, with a commit on `main`: the bot does nothing until they can be read",
            )
        })
}

fn rfc3339(text: &str) -> std::result::Result<DateTime<Utc>, String> {
    let read = DateTime::parse_from_rfc3339(text)
        .map_err(|_| "expected RFC 3339, such as `2026-11-23T14:02:11Z`".to_owned())?;
    Ok(read.with_timezone(&Utc).trunc_subsecs(0))
}
