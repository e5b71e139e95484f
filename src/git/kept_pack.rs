//! Between a new pack and the ref that needs it stands a `.keep` file, as git's `receive-pack` makes one: without it a
//! `git repack -a -d` that runs in between removes the pack, because nothing refers to what is in it yet.
//!
//! The file is locked as long as its process lives, so what a killed process left behind can be told and removed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::error::{Result, ResultExt};
use super::sharing::RepositoryFiles;
use super::step;
use crate::files::is_same_file;

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

/// Moves a finished pack with all that accompanies it from one folder to another. Its index comes last: from then on it
/// counts for git.
pub(super) fn put_in_place(
    files: &RepositoryFiles,
    name: &str,
    from: &Path,
    to: &Path,
) -> io::Result<KeptPack> {
    files.create_folders(to)?;
    let kept = KeptPack::new(files, &to.join(name).with_extension("pack"))?;
    for ending in ["pack", "rev", "idx"] {
        let file = format!("{name}.{ending}");
        match files.move_to(&from.join(&file), &to.join(&file)) {
            Err(error) if error.kind() == ErrorKind::NotFound && ending == "rev" => {}
            moved => moved?,
        }
        step("part of the pack in place");
    }
    Ok(kept)
}

/// Removes a pack with all that accompanies it, unless somebody keeps it.
pub(super) fn remove(files: &RepositoryFiles, pack: &Path) -> io::Result<()> {
    // Who is killed meanwhile leaves its file, and who finds that goes on.
    let kept = KeptPack::new(files, pack)?;
    if kept.held.is_some() {
        // Without its index it is no pack any more.
        for ending in ["idx", "pack", "rev"] {
            remove_file(&pack.with_extension(ending))?;
            step("part of a pack removed");
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes the files of processes that are gone, and the packs that they had no index for yet, or not any more.
pub(super) fn sweep(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.context(|| format!("list `{}`", folder.display()))?,
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_keep = path.extension().is_some_and(|ending| ending == "keep");
        let Some(_lock) = is_keep.then(|| lock_left_over(&path)).flatten() else {
            continue;
        };
        tracing::info!(file = %path.display(), "removed what a killed process left");
        // Somebody else may have been faster.
        if !path.with_extension("idx").exists() {
            for ending in ["pack", "rev"] {
                fs::remove_file(path.with_extension(ending)).ok();
            }
        }
        fs::remove_file(&path).ok();
    }
    Ok(())
}

/// If it is ours, and of a process that is gone.
fn lock_left_over(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    let mut content = Vec::new();
    let read = (&file)
        .take(MARK.len() as u64 + 1)
        .read_to_end(&mut content);
    let is_ours = read.is_ok() && content == MARK && file.try_lock().is_ok();
    (is_ours && is_same_file(&file, path).unwrap_or(false)).then_some(file)
}
