//! `command`: runs a program that the rules on `main` name. No shell, a time limit, capped output.
//!
//! The program gets the recommendation as JSON on standard input, an empty folder to work in, and an
//! environment of `PATH` and the case's id alone, so that no secret of the bot leaks into it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::ExecutionResult;
use super::cgroup::Cgroup;
use super::output::{MOST_OUTPUT, printable};
use crate::domain::documents::Recommendation;
use crate::domain::ids::CaseId;
use crate::domain::value::Value;
use crate::files::is_same_file;
use crate::rules::executor::CommandLine;

/// How many names are tried for the program's folder.
const MOST_FOLDERS: u32 = 100;
/// How long ending the program may take.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the program to its end, or to its time limit, inside of this `countersign`.
pub fn run(command: &CommandLine, about: &Recommendation, countersign: &Path) -> ExecutionResult {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let finished =
        runtime.and_then(|runtime| runtime.block_on(run_in_time(command, about, countersign)));
    finished.unwrap_or_else(|error| {
        ExecutionResult::badly(format!("cannot run `{}`: {error}", command.program))
    })
}

async fn run_in_time(
    command: &CommandLine,
    about: &Recommendation,
    countersign: &Path,
) -> io::Result<ExecutionResult> {
    let folder = Folder::create(&about.id)?;
    let group = Cgroup::create(&format!("countersign-{}", about.id));
    let mut child = contain(command, group.as_ref(), countersign)
        .current_dir(&folder.path)
        .env("COUNTERSIGN_CASE", about.id.to_string())
        .spawn()?;
    let ended = tokio::time::timeout(command.time_limit, talk(&mut child, about)).await;
    let finished = match ended {
        Ok(ended) => ended?,
        Err(_) => {
            end(&mut child, group.as_ref()).await?;
            ExecutionResult::badly(format!(
                "`{}` was killed after its time limit of {} s",
                command.program,
                command.time_limit.as_secs()
            ))
        }
    };
    drop(group);
    Ok(finished)
}

/// The program inside [`contain`](super::contain), which enforces the limit even when the bot is gone.
fn contain(command: &CommandLine, group: Option<&Cgroup>, countersign: &Path) -> Command {
    let limit = command.time_limit.saturating_add(GRACE).as_secs();
    let mut contained = Command::new(countersign);
    contained.args(["contain", "--limit", &limit.to_string()]);
    if let Some(group) = group {
        contained.arg("--cgroup").arg(group.folder());
    }
    contained
        .arg("--")
        .arg(&command.program)
        .args(&command.arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    contained
}

/// Ends the program with everything that it has started.
async fn end(child: &mut Child, group: Option<&Cgroup>) -> io::Result<()> {
    match group {
        Some(group) => group.kill(),
        None => {
            let id = child.id().and_then(|id| i32::try_from(id).ok());
            if let Some(id) = id.and_then(Pid::from_raw) {
                // It may have ended since.
                kill_process(id, Signal::TERM).ok();
            }
        }
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(())
}

/// How the names of the programs' folders begin.
const FOLDER: &str = "countersign-";
const PRIVATE: u32 = 0o700;

/// An empty folder that was not there before and that nobody else may enter: others on this machine
/// know the id, and could have one ready. Removed in the end with all that is in it.
struct Folder {
    path: PathBuf,
    /// Never read: it is the system's lock on it that tells that we live.
    _lock: File,
}

impl Folder {
    fn create(id: &CaseId) -> io::Result<Self> {
        let mut tries = 0..MOST_FOLDERS;
        loop {
            let name = match tries.next() {
                Some(0) => format!("{FOLDER}{id}"),
                Some(n) => format!("{FOLDER}{id}-{n}"),
                None => return Err(io::ErrorKind::AlreadyExists.into()),
            };
            let path = std::env::temp_dir().join(name);
            match fs::DirBuilder::new().mode(PRIVATE).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            // Unless another bot took it for a leftover before it was locked.
            if let Some(lock) = hold_folder(&path)? {
                return Ok(Self { path, _lock: lock });
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A leftover in the temporary folder is no reason to call the execution failed.
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!("cannot remove `{}`: {error}", self.path.display());
        }
    }
}

/// Keeps a folder from being taken for a leftover, beside whoever else does; none if it is gone.
pub(super) fn hold_folder(path: &Path) -> io::Result<Option<File>> {
    let lock = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    lock.lock_shared()?;
    Ok(is_same_file(&lock, path)?.then_some(lock))
}

/// Removes the folders of programs that no bot waits for any more, and that have ended.
pub fn remove_left_over_folders() {
    // Where they cannot be listed, they stay.
    for entry in fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| name.strip_prefix(FOLDER));
        let is_ours = name.is_some_and(is_name_of_folder)
            && entry.metadata().is_ok_and(|found| {
                let is_private = found.is_dir() && found.mode() & 0o777 == PRIVATE;
                is_private && found.uid() == rustix::process::geteuid().as_raw()
            });
        let path = entry.path();
        // It may be gone by now.
        let Some(lock) = is_ours.then(|| File::open(&path).ok()).flatten() else {
            continue;
        };
        if lock.try_lock().is_ok() && fs::remove_dir_all(&path).is_ok() {
            tracing::info!(folder = %path.display(), "removed what a killed process left");
        }
    }
}

/// The id of a case, and perhaps a number: what follows [`FOLDER`] where [`Folder::create`] made one.
fn is_name_of_folder(name: &str) -> bool {
    let (id, number) = match name.split_once('-') {
        Some((id, number)) => (id, Some(number)),
        None => (name, None),
    };
    id.parse::<CaseId>().is_ok() && number.is_none_or(|number| number.parse::<u32>().is_ok())
}

async fn talk(child: &mut Child, about: &Recommendation) -> io::Result<ExecutionResult> {
    let input = serde_json::to_vec(about)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A program that does not read its input closes the pipe; that is its right.
            stdin.write_all(&input).await.ok();
        }
    };
    let ((), stdout, stderr, status) =
        tokio::join!(feed, read_capped(stdout), read_capped(stderr), child.wait());
    let status = status?;
    let mut details = BTreeMap::new();
    for (name, text) in [("stdout", stdout?), ("stderr", stderr?)] {
        if !text.is_empty() {
            details.insert(name.to_owned(), Value::Text(text));
        }
    }
    let error = match status.code() {
        Some(0) => None,
        Some(code) => Some(format!("it ended with exit status {code}")),
        None => Some("it was ended by a signal".to_owned()),
    };
    Ok(ExecutionResult {
        success: Some(error.is_none()),
        details,
        error,
    })
}

/// Reads to the end, so that the program never blocks, and keeps the beginning.
async fn read_capped(stream: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let Some(mut stream) = stream else {
        return Ok(String::new());
    };
    let mut kept = Vec::new();
    let mut dropped = 0usize;
    let mut chunk = vec![0; MOST_OUTPUT];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            break;
        }
        let room = MOST_OUTPUT.saturating_sub(kept.len()).min(count);
        kept.extend(chunk.iter().take(room));
        dropped += count - room;
    }
    let mut text = printable(&kept);
    if dropped > 0 {
        text.push_str(&format!("\n[{dropped} more bytes]"));
    }
    Ok(text)
}
