//! Git's own lock files (`<name>.lock`), so that we and every git program exclude each other, with
//! waiting, and with an end to locks that a killed process left behind.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::error::{During, GitError, Result};

/// How long to wait for somebody else's lock. Git holds one for milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A lock this old belongs to a process that is gone.
const STALE: Duration = Duration::from_secs(60);

/// An exclusive right to replace one file; given up when dropped.
pub(super) struct LockFile {
    target: PathBuf,
    lock: PathBuf,
    /// Closed as soon as possible: a batch may hold more locks than a process may have files.
    file: Option<File>,
    published: bool,
    /// Whether folders had to be made for it.
    pub(super) made_folders: bool,
}

impl LockFile {
    /// Waits for the lock of this file. `git_dir` is where the guard of stale locks lives.
    pub(super) fn take(target: &Path, git_dir: &Path) -> Result<Self> {
        let mut lock = target.as_os_str().to_owned();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        let started = Instant::now();
        let mut pause = Duration::from_millis(1);
        let mut made_folders = false;
        loop {
            let error = match OpenOptions::new().write(true).create_new(true).open(&lock) {
                Ok(file) => {
                    return Ok(Self {
                        target: target.to_owned(),
                        lock,
                        file: Some(file),
                        published: false,
                        made_folders,
                    });
                }
                Err(error) => error,
            };
            let patient = started.elapsed() < PATIENCE;
            match error.kind() {
                // The folder may also vanish between these two steps, when its last ref is deleted.
                ErrorKind::NotFound if patient => {
                    let folder = target.parent().unwrap_or(git_dir);
                    made_folders = true;
                    match fs::create_dir_all(folder) {
                        Err(error) if error.kind() != ErrorKind::NotFound => {
                            return Err(error).during(|| {
                                format!(
                                    "make the folder `{}` (is one of its parents a ref?)",
                                    folder.display()
                                )
                            });
                        }
                        _ => continue,
                    }
                }
                ErrorKind::AlreadyExists if patient => {
                    if remove_if_stale(&lock, git_dir)? {
                        continue;
                    }
                }
                ErrorKind::AlreadyExists => {
                    return Err(GitError::new(format!(
                        "`{}` has been locked by another process for 10 s: try again, and if no git process runs, remove that file",
                        lock.display()
                    )));
                }
                _ => return Err(error).during(|| format!("lock `{}`", target.display())),
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(40));
        }
    }

    /// Prepares the new content, once.
    pub(super) fn write(&mut self, content: &[u8], durable: bool) -> Result<()> {
        let Some(mut file) = self.file.take() else {
            return Err(GitError::new(format!(
                "`{}` was written already",
                self.lock.display()
            )));
        };
        let written = file
            .write_all(content)
            .and_then(|()| if durable { file.sync_all() } else { Ok(()) });
        written.during(|| format!("write `{}`", self.lock.display()))
    }

    /// For a lock that nothing will be written to.
    pub(super) fn without_content(mut self) -> Self {
        self.file = None;
        self
    }

    /// Puts the prepared content in place, at once for every reader.
    pub(super) fn publish(&mut self) -> Result<()> {
        fs::rename(&self.lock, &self.target)
            .during(|| format!("replace `{}`", self.target.display()))?;
        // The lock is gone with the rename; removing it now could remove the next holder's.
        self.published = true;
        Ok(())
    }

    /// Removes the file, if it is there.
    pub(super) fn remove_target(&self) -> Result<()> {
        match fs::remove_file(&self.target) {
            Err(error)
                if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) =>
            {
                Err(error).during(|| format!("remove `{}`", self.target.display()))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        if let Err(error) = fs::remove_file(&self.lock) {
            tracing::warn!(lock = %self.lock.display(), %error, "a lock could not be removed");
        }
    }
}

/// Removes a lock that a killed process left. Looking and removing happen under a guard that the
/// system gives back by itself, so that two of us never remove the lock that the faster one then took.
fn remove_if_stale(lock: &Path, git_dir: &Path) -> Result<bool> {
    let age = |lock: &Path| {
        let modified = fs::metadata(lock).and_then(|m| m.modified()).ok()?;
        SystemTime::now().duration_since(modified).ok()
    };
    if age(lock).is_none_or(|age| age < STALE) {
        return Ok(false);
    }
    let Some(_guard) = process_guard(git_dir, "countersign-locks")? else {
        return Ok(false);
    };
    let Some(age) = age(lock).filter(|age| *age >= STALE) else {
        return Ok(false);
    };
    fs::remove_file(lock).during(|| format!("remove the stale lock `{}`", lock.display()))?;
    tracing::warn!(lock = %lock.display(), age_s = age.as_secs(), "removed a lock that a killed process left");
    Ok(true)
}

/// A guard among our own processes; the system releases it when its holder ends. `None` if it is taken.
pub(super) fn process_guard(git_dir: &Path, name: &str) -> Result<Option<File>> {
    let path = git_dir.join(name);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let file = file.during(|| format!("open `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).during(|| format!("lock `{}`", path.display()))
        }
    }
}

/// Makes renames in a folder survive a power failure. Other systems than Unix cannot, and need not.
pub(super) fn sync_dir(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
