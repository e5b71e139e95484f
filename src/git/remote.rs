//! A repository on a server: its refs, its objects, and one branch that is moved by compare-and-swap. Git's own program
//! does it as a child, as jj and rust-lang/bors have it.
//!
//! What is fetched lies in a folder of its own until all of it is there, and no file of the repository is written beside
//! the packs. What goes on when the bot is killed ends by itself: at the latest when nothing moves for two minutes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::Repository;
use super::error::{GitError, ResultExt};
use super::joining::borrowing_folder;
use super::kept_pack::{KeptPack, put_in_place};
use super::program::{self, ProgramError, Ran, shown};
use super::sharing::UnfinishedFolder;
use crate::domain::ids::Sha;

/// For everything that one child does.
const TIME_LIMIT: Duration = Duration::from_secs(900);

/// Nobody's helper, hook or housekeeping takes part, and what holds a password is sent nowhere else.
const SETTINGS: [(&str, &str); 11] = [
    ("core.hooksPath", "/dev/null"),
    ("credential.helper", ""),
    ("fetch.unpackLimit", "1"),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("http.followRedirects", "false"),
    // A server that says nothing for two minutes is given up.
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "120"),
    ("maintenance.auto", "false"),
    ("push.followTags", "false"),
    // In older versions it comes before `fetch.unpackLimit`.
    ("transfer.unpackLimit", "1"),
];

/// Gives the password for git over HTTPS, anew for each child: tokens of an App end within the hour.
pub trait Credentials: Send + Sync {
    /// The password; none for a server that asks for none. `refused` says that the last one was not accepted.
    fn find_password(&self, refused: bool) -> Result<Option<SecretString>, NoPassword>;
}

/// Why no password is to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoPassword(pub String);

/// Why a remote repository could not be asked or told. No text of it holds a password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RemoteError {
    /// Nobody answered, or the answer broke off: what was sent may have arrived.
    #[error("`{url}` did not answer: {reason}")]
    Unreachable { url: String, reason: String },
    /// The password is not accepted, or may not do this.
    #[error(
        "`{url}` refused the credentials (HTTP {status}): check that the token or App may read and write the repository's contents"
    )]
    Denied {
        url: String,
        /// 401, 403 or 404.
        status: u16,
    },
    /// It answered with an HTTP error.
    #[error("`{url}` answered with HTTP {status}: {words}")]
    Status {
        url: String,
        status: u16,
        /// What it said, or else what git says.
        words: String,
    },
    /// Git gave up for another reason: what was sent may have arrived.
    #[error("git could not exchange commits with `{url}`: {reason}")]
    Failed { url: String, reason: String },
    /// There is no password.
    #[error("no credentials for `{url}`: {reason}")]
    Credentials { url: String, reason: String },
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// What came could not be stored.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A repository on a server.
pub struct Remote {
    url: String,
    credentials: Arc<dyn Credentials>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.url).finish()
    }
}

/// What was brought from a server.
#[derive(Debug)]
pub struct Fetched {
    /// Where these refs are there; one that does not exist is not among them.
    pub refs: BTreeMap<String, Sha>,
    /// To be held until refs of ours have moved to what came.
    pub kept: Vec<KeptPack>,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The ref is where it was to go.
    Done,
    /// The server said no, in its words: another writer was faster, or the branch is protected.
    Refused(String),
}

/// One ref to be moved on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push<'a> {
    pub name: &'a str,
    /// What it must be; none: it must not exist.
    pub old: Option<Sha>,
    /// Stored in the repository, with all that it needs.
    pub new: Sha,
}

impl Remote {
    /// A repository by its address, which must not hold a password.
    pub fn new(url: &str, credentials: Arc<dyn Credentials>) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            credentials,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Brings these refs' commits, and everything they need, into a repository. No ref of its own moves.
    ///
    /// # Errors
    /// When the server cannot be asked, or what it sent cannot be stored.
    pub fn fetch(&self, repo: &Repository, names: &[String]) -> Result<Fetched, RemoteError> {
        let mut wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        wanted.dedup();
        // Without a name git would fetch `HEAD`.
        while !wanted.is_empty() {
            let incoming = Incoming::new(repo)?;
            let list: String = wanted.iter().map(|name| format!("{name}\n")).collect();
            let ran = self.run(|| incoming.fetch(&self.url), &list)?;
            if ran.status.success() {
                return incoming.take_in(&wanted, &self.url);
            }
            // Git names the first one that does not exist, and fetches none of the others.
            let absent = own_lines(&ran.stderr)
                .find_map(|line| line.strip_prefix("fatal: couldn't find remote ref "));
            let left = wanted.len();
            wanted.retain(|name| Some(*name) != absent);
            if wanted.len() == left {
                return Err(self.failed(&ran.stderr));
            }
        }
        Ok(Fetched {
            refs: BTreeMap::new(),
            kept: Vec::new(),
        })
    }

    /// Moves one ref on the server if it is still where we think it is.
    ///
    /// # Errors
    /// When the server cannot be told, or it is not certain that it heard: look before trying again.
    pub fn push(&self, repo: &Repository, push: &Push<'_>) -> Result<Pushed, RemoteError> {
        let Push { name, old, new } = push;
        let old = old.map(|old| old.to_string()).unwrap_or_default();
        let ran = self.run(
            || {
                let mut git = program::command(repo.common_dir());
                git.args(["push", "--porcelain", "--no-verify", "--no-signed"])
                    .args(["--no-progress", "--recurse-submodules=no"])
                    .arg(format!("--force-with-lease={name}:{old}"))
                    .args(["--", &self.url, &format!("{new}:{name}")]);
                git
            },
            "",
        )?;
        match pushed(&ran, name) {
            Some(pushed) => Ok(pushed),
            None => Err(self.failed(&ran.stderr)),
        }
    }

    /// A password that was refused is renewed once, never in a loop.
    fn run(&self, git: impl Fn() -> Command, input: &str) -> Result<Ran, RemoteError> {
        program::check()?;
        let mut refused = false;
        loop {
            let password =
                self.credentials
                    .find_password(refused)
                    .map_err(|NoPassword(reason)| RemoteError::Credentials {
                        url: self.url.clone(),
                        reason,
                    })?;
            let mut git = git();
            self.set_apart(&mut git, password.as_ref());
            let ran = program::run(git, input, TIME_LIMIT).map_err(|error| match error {
                ProgramError::TimedOut(_) => RemoteError::Unreachable {
                    url: self.url.clone(),
                    reason: error.to_string(),
                },
                error => error.into(),
            })?;
            let ran = without(ran, password.as_ref());
            let is_refused = !ran.status.success() && http_status(&ran.stderr) == Some(401);
            if !is_refused || password.is_none() || refused {
                return Ok(ran);
            }
            refused = true;
        }
    }

    /// Has a command ask nobody and read no settings but the repository's own and ours, the password among them.
    fn set_apart(&self, git: &mut Command, password: Option<&SecretString>) {
        let key = format!("http.{}.extraHeader", self.url);
        let header = password.map(|password| format!("Authorization: Basic {}", basic(password)));
        let mut settings = SETTINGS.to_vec();
        // Headers add up; with nothing, those of the repository's own settings are forgotten.
        settings.push((key.as_str(), ""));
        settings.extend(header.as_deref().map(|header| (key.as_str(), header)));
        program::configure(git, &settings);
        git.env("GIT_ASKPASS", "")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "http:https");
        for (ours, gits) in [
            ("SSL_CERT_FILE", "GIT_SSL_CAINFO"),
            ("SSL_CERT_DIR", "GIT_SSL_CAPATH"),
        ] {
            if let Some(path) = std::env::var_os(ours) {
                git.env(gits, path);
            }
        }
    }

    fn failed(&self, said: &str) -> RemoteError {
        let url = self.url.clone();
        let reason = shown(&own_lines(said).collect::<Vec<_>>().join("\n"));
        match http_status(said) {
            Some(status @ (401 | 403 | 404)) => RemoteError::Denied { url, status },
            Some(status) => {
                let words = server_words(said);
                let words = if words.is_empty() { reason } else { words };
                RemoteError::Status { url, status, words }
            }
            None if is_about_connection(said) => RemoteError::Unreachable { url, reason },
            None => RemoteError::Failed { url, reason },
        }
    }
}

/// Where what is fetched lies until all of it is there. For git it is one more worktree's folder of the repository, with
/// objects of its own.
struct Incoming<'a> {
    repo: &'a Repository,
    folder: UnfinishedFolder,
}

impl<'a> Incoming<'a> {
    fn new(repo: &'a Repository) -> Result<Self, GitError> {
        let folder = borrowing_folder(&repo.files)?;
        let head = folder.path().join("HEAD");
        let written = repo
            .files
            .create_new(&head)
            .and_then(|mut file| std::io::Write::write_all(&mut file, b"ref: refs/heads/main\n"));
        written.context(|| format!("write `{}`", head.display()))?;
        Ok(Self { repo, folder })
    }

    /// Reads the names of refs, a line each.
    fn fetch(&self, url: &str) -> Command {
        let mut git = program::command(self.folder.path());
        git.env("GIT_COMMON_DIR", self.repo.common_dir())
            .env("GIT_OBJECT_DIRECTORY", self.folder.path())
            .args(["fetch", "--quiet", "--no-tags", "--no-prune"])
            .args(["--no-auto-maintenance", "--no-recurse-submodules"])
            .args(["--stdin", "--", url]);
        git
    }

    /// Stores what came among the repository's packs.
    fn take_in(self, wanted: &[&str], url: &str) -> Result<Fetched, RemoteError> {
        let path = self.folder.path().join("FETCH_HEAD");
        let text = fs::read_to_string(&path).context(|| format!("read `{}`", path.display()))?;
        let refs: BTreeMap<String, Sha> = text.lines().filter_map(parse_fetched).collect();
        if let Some(missing) = wanted.iter().find(|name| !refs.contains_key(**name)) {
            return Err(RemoteError::Failed {
                url: url.to_owned(),
                reason: format!("`{missing}` was asked for and not sent"),
            });
        }
        let (from, to) = (
            self.folder.path().join("pack"),
            self.repo.common_dir().join("objects/pack"),
        );
        let mut kept = Vec::new();
        // There is no such folder if nothing was missing.
        for entry in fs::read_dir(&from).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if let Some(name) = name.filter(|_| path.extension().is_some_and(|end| end == "idx")) {
                let stored = put_in_place(&self.repo.files, name, &from, &to);
                kept.push(stored.context(|| "store what the server sent".to_owned())?);
            }
        }
        Ok(Fetched { refs, kept })
    }
}

/// A line of `FETCH_HEAD`: an id, whether it is to be merged, and `branch 'NAME' of URL` or `'refs/NAME' of URL`.
fn parse_fetched(line: &str) -> Option<(String, Sha)> {
    let mut fields = line.splitn(3, '\t');
    let (id, _, note) = (fields.next()?, fields.next()?, fields.next()?);
    let (kind, rest) = note.split_once('\'')?;
    let (name, _) = rest.split_once("' of ")?;
    let name = match kind {
        "branch " => format!("refs/heads/{name}"),
        _ => name.to_owned(),
    };
    Some((name, id.parse().ok()?))
}

/// What became of a ref, if git says so for certain: `FLAG FROM:TO SUMMARY (REASON)`, with tabs between.
fn pushed(ran: &Ran, name: &str) -> Option<Pushed> {
    let (flag, summary) = ran.stdout.lines().find_map(|line| {
        let mut fields = line.splitn(3, '\t');
        let (flag, refs, summary) = (fields.next()?, fields.next()?, fields.next()?);
        let (_, to) = refs.split_once(':')?;
        (to == name).then_some((flag, summary))
    })?;
    if flag != "!" {
        return ran.status.success().then_some(Pushed::Done);
    }
    let reason = ["[rejected] ", "[remote rejected] "]
        .iter()
        .find_map(|prefix| summary.strip_prefix(prefix))?;
    let reason = reason.trim_start_matches('(').trim_end_matches(')');
    let words = server_words(&ran.stderr);
    let said = if words.is_empty() {
        reason.to_owned()
    } else {
        format!("{reason}: {words}")
    };
    Some(Pushed::Refused(shown(&said)))
}

const FROM_SERVER: &str = "remote: ";

fn own_lines(said: &str) -> impl Iterator<Item = &str> {
    said.lines().filter(|line| !line.starts_with(FROM_SERVER))
}

fn server_words(said: &str) -> String {
    let lines = said
        .lines()
        .filter_map(|line| line.strip_prefix(FROM_SERVER));
    shown(&lines.collect::<Vec<_>>().join("\n"))
}

/// The status that the server answered with, if git gave up because of it.
fn http_status(said: &str) -> Option<u16> {
    own_lines(said).find_map(|line| {
        if let Some((_, status)) = line.split_once("The requested URL returned error: ") {
            return status.get(..3)?.parse().ok();
        }
        // It would ask for another password.
        let asks = [
            "fatal: could not read Username for ",
            "fatal: could not read Password for ",
            "fatal: Authentication failed",
        ];
        if asks.iter().any(|start| line.starts_with(start)) {
            return Some(401);
        }
        let is_absent = line.starts_with("fatal: repository '") && line.ends_with("' not found");
        is_absent.then_some(404)
    })
}

fn is_about_connection(said: &str) -> bool {
    let signs = [
        "fatal: unable to access '",
        "error: RPC failed; ",
        "the remote end hung up unexpectedly",
        "early EOF",
    ];
    own_lines(said).any(|line| signs.iter().any(|sign| line.contains(sign)))
}

fn basic(password: &SecretString) -> String {
    BASE64_STANDARD.encode(format!("x-access-token:{}", password.expose_secret()))
}

/// What git said, should it ever quote the password.
fn without(ran: Ran, password: Option<&SecretString>) -> Ran {
    let Some(password) = password else {
        return ran;
    };
    let (plain, coded) = (password.expose_secret(), basic(password));
    let clean = |text: String| match text.contains(plain) || text.contains(&coded) {
        true => text
            .replace(plain, "[password]")
            .replace(&coded, "[password]"),
        false => text,
    };
    Ran {
        stdout: clean(ran.stdout),
        stderr: clean(ran.stderr),
        ..ran
    }
}
