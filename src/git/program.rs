//! Git's own program: whether it is there and new enough, and how it is started so that nobody's settings lead it
//! elsewhere.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

/// The first that takes settings from `GIT_CONFIG_COUNT`, and so a password that no argument shows.
const OLDEST: Version = Version {
    major: 2,
    minor: 31,
};
/// For saying its version.
const VERSION_LIMIT: Duration = Duration::from_secs(30);
/// How much of each stream is kept, in bytes.
const MOST_OUTPUT: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

/// Why git's own program was of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    #[error(
        "the program `git` was not found: install git {}.{} or newer, in a folder of `PATH`",
        OLDEST.major,
        OLDEST.minor
    )]
    Missing,
    #[error(
        "the program `git` says that it is `{version}`: install git {}.{} or newer",
        OLDEST.major,
        OLDEST.minor
    )]
    TooOld {
        /// What it says of itself.
        version: String,
    },
    #[error("the program `git` cannot be run: {0}")]
    Failed(String),
    #[error("`git` was killed after {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl From<io::Error> for ProgramError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// How a run of it ended, and the beginning of what it said.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Git at this repository, without the settings of the caller's shell or of a hook, which could lead it to another, and
/// without our own, which hold secrets.
pub(super) fn command(git_dir: &Path) -> Command {
    let mut git = Command::new("git");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("GIT_") || name.starts_with("COUNTERSIGN_") {
            git.env_remove(name);
        }
    }
    git.env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        // Where curl would look for passwords of its own, and git 2.31 for settings.
        .env("HOME", "/dev/null")
        .env("XDG_CONFIG_HOME", "/dev/null")
        .env("LC_ALL", "C");
    // Named so, it is not asked whose it is (`safe.directory`): that was checked when it was opened.
    git.arg("--git-dir").arg(git_dir).stdin(Stdio::null());
    git
}

/// Fails if there is no git, or one that is too old. Asked until it was good once; as [`run`], not on a thread that runs
/// async code.
pub(super) fn check() -> Result<(), ProgramError> {
    program_version().map(|_| ())
}

/// What git says of itself: `git version 2.39.5`. Fails if there is no git, or one that is too old.
pub fn program_version() -> Result<&'static str, ProgramError> {
    static GOOD: OnceLock<String> = OnceLock::new();
    if let Some(said) = GOOD.get() {
        return Ok(said);
    }
    let mut git = Command::new("git");
    git.arg("--version");
    let said = shown(&run(git, "", VERSION_LIMIT)?.stdout);
    if parse_version(&said).is_none_or(|version| version < OLDEST) {
        return Err(ProgramError::TooOld { version: said });
    }
    Ok(GOOD.get_or_init(|| said))
}

/// `git version 2.39.3 (Apple Git-146)`
fn parse_version(said: &str) -> Option<Version> {
    let mut numbers = said.strip_prefix("git version ")?.split('.');
    let (major, minor) = (numbers.next()?, numbers.next()?);
    Some(Version {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
    })
}

/// Gives a command settings that no argument shows, and that come before those of any file.
pub(super) fn configure(git: &mut Command, settings: &[(&str, &str)]) {
    git.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (number, (key, value)) in settings.iter().enumerate() {
        git.env(format!("GIT_CONFIG_KEY_{number}"), key);
        git.env(format!("GIT_CONFIG_VALUE_{number}"), value);
    }
}

/// Runs it to its end. After `limit` it is killed, with everything that it has started. Must not be called on a thread
/// that runs async code.
pub(super) fn run(git: Command, input: &str, limit: Duration) -> Result<Ran, ProgramError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(run_in_time(git, input, limit))?
        .ok_or(ProgramError::TimedOut(limit))
}

async fn run_in_time(git: Command, input: &str, limit: Duration) -> io::Result<Option<Ran>> {
    let mut child = tokio::process::Command::from(git)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // If it stops before it has read all, it says why.
            stdin.write_all(input.as_bytes()).await.ok();
        }
    };
    let whole = async {
        tokio::join!(
            feed,
            read_beginning(stdout),
            read_beginning(stderr),
            child.wait()
        )
    };
    let Ok(((), stdout, stderr, status)) = tokio::time::timeout(limit, whole).await else {
        if let Some(group) = group.and_then(Pid::from_raw) {
            // Nothing of it may be left already.
            kill_process_group(group, Signal::KILL).ok();
        }
        child.wait().await?;
        return Ok(None);
    };
    Ok(Some(Ran {
        status: status?,
        stdout: stdout?,
        stderr: stderr?,
    }))
}

/// Reads to the end, so that the program never blocks, and keeps the beginning.
async fn read_beginning(stream: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let Some(mut stream) = stream else {
        return Ok(String::new());
    };
    let mut kept = Vec::new();
    (&mut stream)
        .take(MOST_OUTPUT as u64)
        .read_to_end(&mut kept)
        .await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

/// The beginning of what a program or a server said, without what could disturb a terminal.
pub(super) fn shown(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join("; ");
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_needed_is_told() {
        for (said, is_good) in [
            ("git version 2.30.2", false),
            ("git version 1.9.1", false),
            ("git version 2.31.0", true),
            ("git version 2.39.3 (Apple Git-146)", true),
            ("git version 2.53.GIT", true),
            ("git version 3.0.0-rc1", true),
            ("hub version 2.14.2", false),
            ("", false),
        ] {
            let version = parse_version(said);
            assert_eq!(
                version.is_some_and(|version| version >= OLDEST),
                is_good,
                "{said}"
            );
        }
    }

    #[test]
    fn what_takes_too_long_is_killed_with_all_that_it_started() {
        let mut slow = Command::new("sh");
        slow.args(["-c", "sleep 600 & wait"]);
        let limit = Duration::from_millis(100);
        let ended = run(slow, "", limit).unwrap_err();
        assert_eq!(ended, ProgramError::TimedOut(limit));
    }

    #[test]
    fn of_what_is_said_the_beginning_is_kept_and_the_rest_is_read() {
        let mut loud = Command::new("sh");
        loud.args(["-c", "cat >&2; head -c 1000000 /dev/zero | tr '\\0' x"]);
        let ran = run(loud, "heard\n", Duration::from_secs(60)).unwrap();
        assert!(ran.status.success());
        assert_eq!(
            (ran.stdout.len(), ran.stderr.as_str()),
            (MOST_OUTPUT, "heard\n")
        );
        assert_eq!(shown("a\u{1b}[2J\n\n  b\t\n"), "a[2J; b");
    }
}
