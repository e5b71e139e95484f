//! Git's own lock files (`<name>.lock`), so that we and every git program exclude each other, with
//! waiting, and with an end to locks that a killed process left behind.
//!
//! All lock files of ours are further names of one file. Whoever makes some has that file locked by the
//! system, which ends with the process, however it ends. So whoever has it locked knows that every other
//! lock file of ours was left behind, and takes it over at once. Of a lock of git's nobody can tell; it
//! is taken over when it is far older than git ever keeps one.
//!
//! Nobody waits while holding a lock: whoever finds one taken gives back all, and tries again.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::{GitError, Result, ResultExt};
use super::refs::Durability;
use super::sharing::{NEW, RepositoryFiles, UnfinishedFile};
use super::step;
use crate::files::is_same_file;

/// How long to wait for other people's locks. Git holds one for milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// A lock this old belongs to a process that is gone.
const STALE: Duration = Duration::from_secs(60);

/// How often to make a folder that others keep removing.
const MOST_FOLDERS: u32 = 1000;

/// The file that our locks are names of, in the git directory, and what it holds.
const OWNER: &str = "countersign-locks";
const MARK: &[u8] = b"locked by countersign\n";

/// What `packed-refs` is to become; whoever holds its lock may write it.
pub(super) const NEW_PACKED_REFS: &str = "packed-refs.new";

/// Versions before this one had such a file for each change, and locked a folder by a symbolic link in its place, whose
/// target ended with the name of that file.
const OLD_OWNER: &str = "countersign-life-";
const OLD_FOLDER_LOCK: &str = ".locked-by-";

/// The right to make lock files: one at a time among all our threads and processes.
pub(super) struct LockOwner<'f> {
    files: &'f RepositoryFiles,
    path: PathBuf,
    file: File,
}

/// An exclusive right to replace or remove one file; given up when dropped.
pub(super) struct LockFile<'o> {
    owner: &'o LockOwner<'o>,
    target: PathBuf,
    path: PathBuf,
    /// Whether folders had to be made for it.
    pub(super) made_folders: bool,
}

/// Does something that takes all its locks before it changes anything: again, until none of them is taken.
pub(super) fn with_locks<T>(
    files: &RepositoryFiles,
    mut attempt: impl FnMut(&LockOwner<'_>) -> Result<T>,
) -> Result<T> {
    let (mut waited, mut pause) = (Duration::ZERO, SHORTEST_PAUSE);
    loop {
        let tried = LockOwner::new(files).and_then(|owner| attempt(&owner));
        match tried {
            Err(error) if error.is_locked() && waited < TIMEOUT => {}
            done => return done,
        }
        std::thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

impl<'f> LockOwner<'f> {
    fn new(files: &'f RepositoryFiles) -> Result<Self> {
        let path = files.git_dir().join(OWNER);
        let Some(mut file) = process_guard(files, OWNER)? else {
            return Err(GitError::locked(&path));
        };
        let mut mark = || {
            // Versions before this one left it empty.
            if file.metadata()?.len() == 0 {
                file.write_all(MARK)?;
            }
            is_same_file(&file, &path)
        };
        match mark().context(|| format!("lock `{}`", path.display()))? {
            true => Ok(Self { files, path, file }),
            // Somebody has removed it meanwhile.
            false => Err(GitError::locked(&path)),
        }
    }

    /// Takes the lock of this file. If it is taken, the error is one that [`with_locks`] knows.
    pub(super) fn lock(&self, target: &Path) -> Result<LockFile<'_>> {
        let mut path = target.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let mut folders = 0;
        loop {
            match fs::hard_link(&self.path, &path) {
                Ok(()) => break,
                // The folder may vanish again before the next try, when its last ref is deleted.
                Err(error) if is_no_file(&error) && folders < MOST_FOLDERS => {
                    folders += 1;
                    self.make_folder(path.parent().unwrap_or(target))?;
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if !self.remove_if_left(&path)? {
                        return Err(GitError::locked(&path));
                    }
                }
                Err(error) => return Err(error).context(|| format!("lock `{}`", target.display())),
            }
        }
        Ok(LockFile {
            owner: self,
            target: target.to_owned(),
            path,
            made_folders: folders > 0,
        })
    }

    fn make_folder(&self, folder: &Path) -> Result<()> {
        let error = match self.files.create_folders(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => error,
            _ => return Ok(()),
        };
        if let Some(lock) = folder.ancestors().find(|above| old_owner(above).is_some()) {
            return match self.remove_if_left(lock)? {
                true => Ok(()),
                false => Err(GitError::locked(lock)),
            };
        }
        if error.kind() == ErrorKind::AlreadyExists && fs::symlink_metadata(folder).is_err() {
            // It was there, and others have removed it since.
            return Ok(());
        }
        let shown = folder.display();
        Err(error).context(|| format!("make the folder `{shown}` (is one of its parents a ref?)"))
    }

    /// Removes a lock that a killed process left.
    fn remove_if_left(&self, lock: &Path) -> Result<bool> {
        if !self.is_left(lock) {
            return Ok(false);
        }
        let git_dir = self.files.git_dir();
        if lock == git_dir.join("packed-refs.lock") {
            // Git writes no other while one is there.
            fs::remove_file(git_dir.join(NEW_PACKED_REFS)).ok();
        }
        match fs::remove_file(lock) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            removed => removed.context(|| format!("remove the stale lock `{}`", lock.display()))?,
        }
        tracing::info!(lock = %lock.display(), "removed a lock that a killed process left");
        Ok(true)
    }

    fn is_left(&self, lock: &Path) -> bool {
        let owner = old_owner(lock).map(|name| self.files.git_dir().join(name));
        match File::open(owner.as_deref().unwrap_or(lock)) {
            Ok(file) if has_mark(&file) => self.is_name_of_ours(lock) || file.try_lock().is_ok(),
            Err(error) if owner.is_some() && error.kind() == ErrorKind::NotFound => true,
            _ => is_old(lock),
        }
    }

    /// Nobody else makes any now.
    fn is_name_of_ours(&self, lock: &Path) -> bool {
        cfg!(unix) && is_same_file(&self.file, lock).unwrap_or(false)
    }

    /// Whether there are lock files of ours.
    #[cfg(unix)]
    fn has_names(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        self.file.metadata().is_ok_and(|file| file.nlink() > 1)
    }

    #[cfg(not(unix))]
    fn has_names(&self) -> bool {
        true
    }

    fn sweep(&self) -> Result<()> {
        let git_dir = self.files.git_dir();
        // Nobody else ever would, and nobody could delete a branch or change the configuration.
        for lock in ["packed-refs.lock", "config.lock"] {
            self.remove_if_left(&git_dir.join(lock))?;
        }
        let entries = fs::read_dir(git_dir).context(|| format!("list `{}`", git_dir.display()))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let names: Vec<String> = names.flat_map(|name| name.into_string()).collect();
        let old_owners = names.iter().filter(|name| name.starts_with(OLD_OWNER));
        let paths = old_owners.map(|name| git_dir.join(name));
        // Who died early has not even written its mark.
        let left: Vec<PathBuf> = paths.filter(|path| is_free(path)).collect();
        if self.has_names() || !left.is_empty() {
            self.sweep_folder(&git_dir.join("refs"))?;
        }
        for path in left {
            // Somebody else may have been faster.
            fs::remove_file(path).ok();
        }
        for name in names {
            // What was prepared under a lock was called after its owner.
            let owner = name
                .strip_prefix(NEW)
                .and_then(|rest| rest.rsplit_once('-'));
            if let Some((owner, _)) = owner
                && !git_dir.join(format!("{OLD_OWNER}{owner}")).exists()
            {
                fs::remove_file(git_dir.join(name)).ok();
            }
        }
        Ok(())
    }

    fn sweep_folder(&self, folder: &Path) -> Result<()> {
        // It may be gone by now.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "lock") || old_owner(&path).is_some() {
                self.remove_if_left(&path)?;
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.sweep_folder(&path)?;
            }
        }
        Ok(())
    }
}

/// Removes what killed processes left in the git directory: the locks of refs that nobody asks for any more, and what
/// versions before this one had beside them.
pub(super) fn sweep(files: &RepositoryFiles) -> Result<()> {
    with_locks(files, |owner| owner.sweep())
}

impl LockFile<'_> {
    /// The new content, in a file of its own.
    pub(super) fn prepare(&self, content: &[u8], durability: Durability) -> Result<UnfinishedFile> {
        let files = self.owner.files;
        let write = || -> io::Result<UnfinishedFile> {
            let mut new = files.unfinished(files.git_dir(), NEW)?;
            new.file.write_all(content)?;
            match durability {
                Durability::Durable => new.file.sync_all()?,
                Durability::Fast => {}
            }
            Ok(new)
        };
        write().context(|| format!("write what `{}` becomes", self.target.display()))
    }

    /// Replaces the reflog of the ref that is locked. It is for git programs that run now: a power failure may lose it.
    pub(super) fn replace_reflog(&self, name: &str, line: &str) -> Result<()> {
        let files = self.owner.files;
        let path = files.git_dir().join("logs").join(name);
        let replace = || {
            if let Some(folder) = path.parent() {
                files.create_folders(folder)?;
            }
            let mut new = files.unfinished(files.git_dir(), NEW)?;
            new.file.write_all(line.as_bytes())?;
            new.put_at(&path)
        };
        replace().context(|| format!("write `{}`", path.display()))
    }

    /// Puts a content that was prepared in place, at once for every reader.
    pub(super) fn publish(&self, new: UnfinishedFile) -> Result<()> {
        step("new content prepared");
        new.put_at(&self.target)
            .context(|| format!("replace `{}`", self.target.display()))
    }
}

impl Drop for LockFile<'_> {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(lock = %self.path.display(), %error, "a lock could not be removed");
        }
        remove_empty_parents(&self.target, self.owner.files.git_dir());
    }
}

/// Removes the file of a ref, if it has one, and the folders that are empty then.
pub(super) fn remove_ref_file(path: &Path, git_dir: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => step("ref removed"),
        Err(error) if is_no_file(&error) => {}
        Err(error) => return Err(error).context(|| format!("remove `{}`", path.display())),
    }
    remove_empty_parents(path, git_dir);
    Ok(())
}

/// Whether the error says that there is no file of that name, or no folder for it.
pub(super) fn is_no_file(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory
    )
}

/// The name of the file behind a lock on a folder.
fn old_owner(folder: &Path) -> Option<String> {
    let target = fs::read_link(folder).ok()?;
    let name = target.to_str()?.strip_prefix(OLD_FOLDER_LOCK)?;
    Some(name.to_owned())
}

fn has_mark(file: &File) -> bool {
    let mut mark = Vec::new();
    let read = file.take(MARK.len() as u64).read_to_end(&mut mark);
    read.is_ok() && mark == MARK
}

fn is_free(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

fn is_old(path: &Path) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|file| file.modified());
    let age = modified.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    age.is_ok_and(|age| age >= STALE)
}

/// Folders of deleted refs would make every listing slower. `refs/heads` and its like stay.
fn remove_empty_parents(path: &Path, git_dir: &Path) {
    let keep = git_dir.components().count() + 2;
    for folder in path.ancestors().skip(1) {
        if folder.components().count() <= keep || fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

/// A guard among our own processes; the system releases it when its holder ends. `None` if it is taken.
pub(super) fn process_guard(files: &RepositoryFiles, name: &str) -> Result<Option<File>> {
    let path = files.git_dir().join(name);
    let file = files.open_or_create(&path, b"");
    let file = file.context(|| format!("open `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).context(|| format!("lock `{}`", path.display()))
        }
    }
}

/// Waits for the turn among our own processes and threads to change something: whoever has it is not raced. Nothing
/// rests on it. After ten seconds, for instance when whoever has it was stopped by a debugger, it goes on without;
/// and so it does where no such file can be made.
pub(super) fn wait_for_turn(files: &RepositoryFiles, name: &str) -> Option<File> {
    let mut waited = Duration::ZERO;
    while waited < TIMEOUT {
        match process_guard(files, name) {
            Ok(Some(turn)) => return Some(turn),
            Ok(None) => {
                std::thread::sleep(SHORTEST_PAUSE);
                waited += SHORTEST_PAUSE;
            }
            Err(error) => {
                tracing::debug!("{error}");
                return None;
            }
        }
    }
    None
}

/// Makes renames in a folder survive a power failure. Other systems than Unix cannot, and need not.
pub(super) fn sync_dir(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
