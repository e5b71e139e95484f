//! `command`: runs a program that the rules on `main` name. No shell, a time limit, capped output.
//!
//! The program gets the recommendation as JSON on standard input, an empty folder to work in, and an
//! environment of `PATH` and the case's id alone, so that no secret of the bot leaks into it.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::Finished;
use super::output::{MOST_OUTPUT, printable};
use crate::domain::documents::Recommendation;
use crate::domain::ids::CaseId;
use crate::domain::value::Value;
use crate::rules::executor::CommandLine;

/// How many names are tried for the program's folder.
const MOST_FOLDERS: u32 = 100;

/// Runs the program to its end, or to its time limit.
pub fn run(command: &CommandLine, about: &Recommendation) -> Finished {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let finished = runtime.and_then(|runtime| runtime.block_on(run_in_time(command, about)));
    finished.unwrap_or_else(|error| {
        Finished::badly(format!("cannot run `{}`: {error}", command.program))
    })
}

async fn run_in_time(command: &CommandLine, about: &Recommendation) -> io::Result<Finished> {
    let folder = own_folder(&about.id)?;
    let mut child = Command::new(&command.program)
        .args(&command.arguments)
        .current_dir(&folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("COUNTERSIGN_CASE", about.id.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = child.id();
    let ended = tokio::time::timeout(command.time_limit, talk(&mut child, about)).await;
    let finished = match ended {
        Ok(ended) => ended?,
        Err(_) => {
            kill_group(group);
            child.wait().await?;
            Finished::badly(format!(
                "`{}` was killed after its time limit of {} s",
                command.program,
                command.time_limit.as_secs()
            ))
        }
    };
    // A leftover in the temporary folder is no reason to call the execution failed.
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::warn!("cannot remove `{}`: {error}", folder.display());
    }
    Ok(finished)
}

/// An empty folder that was not there before and that nobody else may enter: others on this machine
/// know the id, and could have one ready.
fn own_folder(id: &CaseId) -> io::Result<PathBuf> {
    let mut tries = 0..MOST_FOLDERS;
    loop {
        let name = match tries.next() {
            Some(0) => format!("countersign-{id}"),
            Some(n) => format!("countersign-{id}-{n}"),
            None => return Err(io::ErrorKind::AlreadyExists.into()),
        };
        let folder = std::env::temp_dir().join(name);
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder),
        }
    }
}

/// The program is the leader of its own group, so that what it started ends with it, even when the
/// program itself has ended before.
fn kill_group(group: Option<u32>) {
    if let Some(id) = group {
        let killed = std::process::Command::new("kill")
            .args(["-9", "--", &format!("-{id}")])
            .stderr(Stdio::null())
            .status();
        if let Err(error) = killed {
            tracing::warn!("cannot kill what `{id}` started: {error}");
        }
    }
}

async fn talk(child: &mut Child, about: &Recommendation) -> io::Result<Finished> {
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
    Ok(Finished {
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
