//! The options of every command, and what follows from them: the repository, the time, the bot.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SubsecRound, Utc};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::output::{self, Format};
use super::{Result, failure};
use crate::bot::{Bot, Clock};
use crate::forge::local::LocalForge;
use crate::git::{Repository, SigningKey};
use crate::ledger::{LedgerError, MAIN, Rulebook, Version};

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Options {
    /// The governance repository; for reading, a clone of it will do
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "COUNTERSIGN_REPO",
        default_value = "governance.git",
        hide_env_values = true
    )]
    repo: PathBuf,
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
    /// Say more on standard error (-vv: everything); COUNTERSIGN_LOG takes a filter
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl Options {
    /// Where the governance repository is.
    pub fn repo(&self) -> &Path {
        &self.repo
    }

    /// The time, in whole seconds as documents carry it.
    pub fn now(&self) -> DateTime<Utc> {
        self.now.unwrap_or_else(|| Utc::now().trunc_subsecs(0))
    }

    fn clock(&self) -> Clock {
        let fixed = self.now;
        Box::new(move || fixed.unwrap_or_else(|| Utc::now().trunc_subsecs(0)))
    }

    /// Opens the repository for reading; a clone will do.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(&self) -> Result<Repository> {
        let shown = self.repo.display();
        Repository::open(&self.repo).map_err(|error| {
            if error.is_missing() {
                let hint = format!("make one with `countersign init {shown}`, or name another with `--repo PATH` or COUNTERSIGN_REPO");
                return failure::hinted(format!("there is no git repository at `{shown}`"), hint);
            }
            error.into()
        })
    }

    /// Opens the repository in which pull requests live and `main` is written.
    ///
    /// # Errors
    /// When there is none, or it is somebody's clone.
    pub fn open_forge(&self) -> Result<Repository> {
        let repo = self.open()?;
        if !repo.is_bare() {
            return Err(failure::hinted(
                format!(
                    "`{}` is a clone with a working folder: it can only be read",
                    self.repo.display()
                ),
                "name the bare governance repository itself with `--repo PATH`",
            ));
        }
        if repo.find_ref(MAIN)?.is_none() {
            return Err(LedgerError::NoMain.into());
        }
        Ok(repo)
    }

    /// The bot on the local forge.
    ///
    /// # Errors
    /// When there is no such repository.
    pub fn bot(&self) -> Result<Bot> {
        Ok(Bot::new(
            self.open_forge()?,
            Box::new(LocalForge::new()),
            self.clock(),
        )
        .signed_by(self.read_signing_key()?))
    }

    /// The key that signs the bot's commits, where one is configured.
    ///
    /// # Errors
    /// When it cannot be read: an unsigned commit must not slip in for want of a key.
    pub fn read_signing_key(&self) -> Result<Option<SigningKey>> {
        Ok(self
            .signing_key
            .as_deref()
            .map(SigningKey::read)
            .transpose()?)
    }

    /// Whether results are for programs.
    pub const fn is_json(&self) -> bool {
        matches!(self.format, Format::Json)
    }

    /// Diagnostics go to standard error: warnings always, more on demand.
    pub fn start_tracing(&self) {
        let level = match self.verbose {
            0 => "countersign=warn",
            1 => "countersign=info",
            _ => "countersign=debug",
        };
        let filter =
            EnvFilter::try_from_env("COUNTERSIGN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(output::is_coloured());
        let lines = if self.verbose == 0 {
            lines.without_time().with_target(false).boxed()
        } else {
            lines.boxed()
        };
        let registry = tracing_subscriber::registry().with(lines.with_filter(filter));
        #[cfg(debug_assertions)]
        let registry = registry.with(super::mortal::Mortal::from_environment());
        // Fails only where a host program has set up its own already.
        let _ = registry.try_init();
    }
}

/// The rules on `main`.
///
/// # Errors
/// When there is no `main`, or its rules cannot be read.
pub fn rules_on_main(repo: &Repository) -> Result<Version> {
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    Rulebook::default()
        .read(repo.objects(), root)?
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
