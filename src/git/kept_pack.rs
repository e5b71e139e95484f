//! Between a new pack and the ref that needs it stands a `.keep` file, as git's `receive-pack` makes one: without it a
//! `git repack -a -d` that runs in between removes the pack, because nothing refers to what is in it yet.
//!
//! The file is locked as long as its process lives, so what a killed process left behind can be told and removed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::error::{Result, ResultExt};
use super::sharing::{RepositoryFiles, is_same_file};

/// What our files hold; git's own say `receive-pack` or `fetch-pack`, and people's anything.
const MARK: &[u8] = b"countersign: kept until a ref needs it\n";

/// Keeps a pack from being removed. Dropped once the refs that need its objects have moved, or never will.
#[derive(Debug)]
#[must_use = "the pack may be removed as soon as this is dropped: hold it until the refs have moved"]
pub struct KeptPack {
    held: Option<(PathBuf, File)>,
}

impl KeptPack {
    /// For when nothing was stored.
    pub(super) const fn nothing() -> Self {
        Self { held: None }
    }

    /// Keeps the pack that is about to come into place under this path without its ending.
    pub(super) fn new(files: &RepositoryFiles, pack: &Path) -> io::Result<Self> {
        let path = pack.with_extension("keep");
        loop {
            let file = files.open_or_create(&path, MARK)?;
            // Another process stores the very same objects: it goes first.
            file.lock()?;
            if !is_same_file(&file, &path)? {
                continue;
            }
            let mut content = Vec::new();
            (&file)
                .take(MARK.len() as u64 + 1)
                .read_to_end(&mut content)?;
            if content != MARK {
                // Somebody keeps that pack for good.
                return Ok(Self::nothing());
            }
            return Ok(Self {
                held: Some((path, file)),
            });
        }
    }
}

impl Drop for KeptPack {
    fn drop(&mut self) {
        if let Some((path, _lock)) = self.held.take()
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::debug!("cannot remove `{}`: {error}", path.display());
        }
    }
}

/// Removes the files of processes that are gone.
pub(super) fn sweep(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.context(|| format!("list `{}`", folder.display()))?,
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|ending| ending == "keep") && is_left_over(&path) {
            tracing::info!(file = %path.display(), "removed what a killed process left");
            // Somebody else may have been faster.
            fs::remove_file(&path).ok();
        }
    }
    Ok(())
}

/// Ours, and of a process that is gone.
fn is_left_over(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let mut content = Vec::new();
    let read = (&file)
        .take(MARK.len() as u64 + 1)
        .read_to_end(&mut content);
    read.is_ok() && content == MARK && file.try_lock().is_ok()
}
