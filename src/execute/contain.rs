//! The process that stands between the bot and a command: whatever the command starts ends with it.
//!
//! On Linux it adopts what the command leaves behind, sessions of their own included (`prctl(2)`,
//! `PR_SET_CHILD_SUBREAPER`), and kills until nothing is left. Elsewhere only the command's process group ends.
//! What kills this very process is not contained, save by a control group.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, wait};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::cgroup;
use super::command::hold_folder;

/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(1);

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit status.
    With(u8),
    /// By a signal, the one for us to stop included.
    BySignal,
}

/// Runs the command with our own input and output, until it ends, until the limit has passed, or until we are told
/// to stop (`SIGTERM`); then ends everything that it started.
pub fn run(command: &[OsString], limit: Duration, group: Option<&Path>) -> io::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(until_ended(command, limit, group))
}

async fn until_ended(
    command: &[OsString],
    limit: Duration,
    group: Option<&Path>,
) -> io::Result<Ended> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    // Also when the bot is gone. Where it cannot be held, the bot holds it.
    let _folder = std::env::current_dir().and_then(|folder| hold_folder(&folder));
    let mut stop = signal(SignalKind::terminate())?;
    adopt_orphans()?;
    if let Some(group) = group {
        cgroup::enter(group)?;
    }
    let mut child = Command::new(program)
        .args(arguments)
        .process_group(0)
        .spawn()?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let id = id.and_then(Pid::from_raw);
    let status = tokio::select! {
        status = child.wait() => Some(status?),
        () = tokio::time::sleep(limit) => None,
        _ = stop.recv() => None,
    };
    if let Some(id) = id {
        // Nothing of it may be left already.
        kill_process_group(id, Signal::KILL).ok();
    }
    if status.is_none() {
        child.wait().await?;
    }
    end_orphans().await?;
    Ok(status.map_or(Ended::BySignal, how))
}

fn how(status: ExitStatus) -> Ended {
    let code = status.code().map(u8::try_from);
    match code {
        Some(Ok(code)) => Ended::With(code),
        Some(Err(_)) | None => Ended::BySignal,
    }
}

/// Ends this process by a signal, for whoever waits for it to see one.
pub fn end_by_signal() -> ! {
    loop {
        kill_process(getpid(), Signal::KILL).ok();
    }
}

#[cfg(target_os = "linux")]
fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(getpid()))?)
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

/// Kills what was adopted, generation by generation, until there is none.
async fn end_orphans() -> io::Result<()> {
    loop {
        let left = children()?;
        if left.is_empty() {
            return Ok(());
        }
        for id in left {
            // It may have ended since.
            kill_process(id, Signal::KILL).ok();
        }
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        tokio::time::sleep(LOOK).await;
    }
}

/// Our children, those that have ended and were not waited for included.
#[cfg(target_os = "linux")]
fn children() -> io::Result<Vec<Pid>> {
    let own = getpid();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.parse().ok());
        let Some(id) = id.and_then(Pid::from_raw) else {
            continue;
        };
        // It may have ended since it was listed.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{name}/stat", name = name.display()))
        else {
            continue;
        };
        // `PID (NAME) STATE PPID …`, where the name may hold anything.
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let parent = after_name.split(' ').nth(1).and_then(|id| id.parse().ok());
        if parent.and_then(Pid::from_raw) == Some(own) {
            found.push(id);
        }
    }
    Ok(found)
}

#[cfg(not(target_os = "linux"))]
fn children() -> io::Result<Vec<Pid>> {
    Ok(Vec::new())
}
