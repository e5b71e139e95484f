//! Keeps the number of packs small: each batch adds one, and every lookup of an object has to ask them
//! all. And packs the refs of old pull requests, each of which takes three blocks of the disk and
//! makes every clone slower.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

use super::error::{GitError, Result, ResultExt};
use super::kept_pack;
use super::lock::{process_guard, remove_if_stale, sweep};
use super::repository::Repository;
use super::step;

/// From so many packs on it is worth the work.
const MOST_PACKS: usize = 50;

/// From so many folders with loose refs on they are packed.
const MOST_LOOSE: usize = 2000;

/// The refs that hardly ever change again. Those of open branches are soon deleted, which would cost a
/// rewrite of `packed-refs` each time.
const PACKED_BELOW: &str = "refs/pull";

/// What [`consolidate`] did to the packs.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintenance {
    /// There are few packs.
    NotNeeded,
    /// Another process of ours is at it.
    Busy,
    /// The program `git` is not installed; everything works on, only slower.
    NoGitProgram,
    Consolidated {
        /// How many there were.
        before: usize,
        /// How many are left.
        after: usize,
    },
}

/// Joins the packs if there are more than 50, each time only so many that the work stays in proportion
/// to what was added. Also packs the loose refs of pull requests when those have become thousands, and
/// clears away the lock of all packed refs if a killed process left it. Safe while others read and
/// write. Takes seconds: call it off the decision's path.
pub fn consolidate(repo: &Repository) -> Result<Maintenance> {
    // Nobody else ever would, and nobody could delete a branch.
    let packed_lock = repo.common_dir().join("packed-refs.lock");
    remove_if_stale(&packed_lock, repo.common_dir())?;
    sweep(repo.common_dir())?;
    kept_pack::sweep(&repo.common_dir().join("objects/pack"))?;
    let pulls = repo.common_dir().join(PACKED_BELOW);
    if fs::read_dir(&pulls).is_ok_and(|found| found.take(MOST_LOOSE + 1).count() > MOST_LOOSE)
        && let Some(_guard) = process_guard(repo.common_dir(), "countersign-maintenance")?
    {
        let packed = repo.pack_loose(PACKED_BELOW)?;
        tracing::info!("packed {packed} refs of pull requests");
    }
    consolidate_packs(repo)
}

fn consolidate_packs(repo: &Repository) -> Result<Maintenance> {
    let folder = repo.common_dir().join("objects/pack");
    let before = count_packs(&folder)?;
    if before <= MOST_PACKS {
        return Ok(Maintenance::NotNeeded);
    }
    let Some(_guard) = process_guard(repo.common_dir(), "countersign-maintenance")? else {
        return Ok(Maintenance::Busy);
    };
    let mut git = Command::new("git");
    // Settings of the caller's shell or of a hook must not lead it to another repository.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            git.env_remove(name);
        }
    }
    git.arg("--git-dir")
        .arg(repo.common_dir())
        .args(["repack", "--geometric=2", "-d", "-q"]);
    step("packs about to be joined");
    let output = match git.stdin(Stdio::null()).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            static WARNING: Once = Once::new();
            WARNING.call_once(|| {
                tracing::warn!("the program `git` was not found: packs accumulate and slow everything down, install it");
            });
            return Ok(Maintenance::NoGitProgram);
        }
        other => other.context(|| "run `git repack`")?,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(GitError::new(format!(
            "`git repack` failed: {}",
            said.trim()
        )));
    }
    Ok(Maintenance::Consolidated {
        before,
        after: count_packs(&folder)?,
    })
}

fn count_packs(folder: &Path) -> Result<usize> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).context(|| format!("list `{}`", folder.display())),
    };
    // A pack without its index is what a killed process left: it counts for nothing, here as in git.
    let is_pack = |entry: &fs::DirEntry| entry.path().extension().is_some_and(|end| end == "idx");
    Ok(entries.flatten().filter(is_pack).count())
}
