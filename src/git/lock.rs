//! Git's own lock files (`<name>.lock`), so that we and every git program exclude each other, with
//! waiting, and with an end to locks that a killed process left behind.
//!
//! All locks of one change are names of one file, its [`LockOwner`]: making a file costs a hundred times
//! what a second name for one does, and the system's lock on that file ends with the process, however
//! it ends. So one of our locks whose life is over is taken over at once. Of a lock of git's nobody
//! can tell; it is taken over when it is far older than git ever keeps one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::error::{GitError, Result, ResultExt};
use super::sharing::{NEW, RepositoryFiles, is_same_file};

/// How long to wait for other people's locks. Git holds one for milliseconds.
const TIMEOUTS: Duration = Duration::from_secs(10);

/// A lock this old belongs to a process that is gone.
const STALE: Duration = Duration::from_secs(60);

/// How often to make a folder that others keep removing.
const MOST_FOLDERS: u32 = 1000;

/// What the file behind our locks begins with.
const MARK: &[u8] = b"locked by countersign\n";

/// How the names of lives begin, in the git directory.
const LIFE: &str = "countersign-life-";

/// What `packed-refs` is to become; whoever holds its lock may write it.
pub(super) const NEW_PACKED_REFS: &str = "packed-refs.new";

/// Where the lock of a folder points: to nothing, by a name that git takes for no ref, and that ends
/// with the name of its life.
const NOWHERE: &str = ".locked-by-";

/// An exclusive right to replace one file, or to make one folder; given up when dropped.
pub(super) struct LockFile {
    target: PathBuf,
    lock: PathBuf,
    /// The new content, ready to take the target's place.
    prepared: Option<PathBuf>,
    /// Whether it was taken to be written to.
    is_own: bool,
    /// Whether folders had to be made for it.
    pub(super) made_folders: bool,
    files: RepositoryFiles,
    life: Arc<LockOwner>,
}

/// The file behind the locks of one change: locked by the system for as long as its process lives.
struct LockOwner {
    path: PathBuf,
    /// Never read: it is the system's lock on it that counts.
    _file: File,
}

impl LockOwner {
    fn begin(files: &RepositoryFiles) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{LIFE}{}-{count}", std::process::id());
        let path = files.git_dir().join(name);
        let begin = || loop {
            // One of this name is of a process that is gone, and had our number.
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut file = files.create_new(&path)?;
            file.lock()?;
            // Unless somebody took it for a leftover before it was locked.
            if is_same_file(&file, &path)? {
                file.write_all(MARK)?;
                return Ok(file);
            }
        };
        let file = begin().context(|| format!("make `{}`", path.display()))?;
        Ok(Self { path, _file: file })
    }

    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

impl Drop for LockOwner {
    fn drop(&mut self) {
        // What is left behind is a short file that means nothing any more.
        fs::remove_file(&self.path).ok();
    }
}

/// Takes the locks of one change, and waits no longer for all of them than it may for one.
pub(super) struct LockSet {
    files: RepositoryFiles,
    timeouts: Duration,
    waited: Duration,
    life: Option<Arc<LockOwner>>,
    folder: Option<PathBuf>,
}

impl LockSet {
    pub(super) fn new(files: &RepositoryFiles) -> Self {
        Self {
            files: files.clone(),
            timeouts: TIMEOUTS,
            waited: Duration::ZERO,
            life: None,
            folder: None,
        }
    }

    /// Waits for the lock of this file, whose new content will be written.
    pub(super) fn for_writing(&mut self, target: &Path) -> Result<LockFile> {
        let mut held = self.hold(target)?;
        held.is_own = true;
        Ok(held)
    }

    /// Waits for the lock of this file, only to keep others out or to remove it.
    pub(super) fn hold(&mut self, target: &Path) -> Result<LockFile> {
        let life = self.life()?;
        let lock = lock_of(target);
        let made_folders = self.acquire(&lock, |lock| fs::hard_link(&life.path, lock))?;
        Ok(self.held(target, lock, made_folders, life))
    }

    /// The same without waiting: `None` if it is taken, or there is no folder for it.
    pub(super) fn try_hold(&mut self, target: &Path) -> Result<Option<LockFile>> {
        let life = self.life()?;
        let lock = lock_of(target);
        match fs::hard_link(&life.path, &lock) {
            Ok(()) => Ok(Some(self.held(target, lock, false, life))),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::NotFound | ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error).context(|| format!("lock `{}`", target.display())),
        }
    }

    fn life(&mut self) -> Result<Arc<LockOwner>> {
        if let Some(life) = &self.life {
            return Ok(Arc::clone(life));
        }
        let life = Arc::new(LockOwner::begin(&self.files)?);
        Ok(Arc::clone(self.life.insert(life)))
    }

    fn held(
        &self,
        target: &Path,
        lock: PathBuf,
        made_folders: bool,
        life: Arc<LockOwner>,
    ) -> LockFile {
        LockFile {
            target: target.to_owned(),
            lock,
            prepared: None,
            is_own: false,
            made_folders,
            files: self.files.clone(),
            life,
        }
    }

    /// Keeps everybody from locking, and so from making, any ref in this folder; `None` if it exists.
    ///
    /// The lock is a symbolic link to nowhere in the folder's place. Who wants to lock a ref in there
    /// has to make the folder first, which fails while the link is there; who looks for a ref in
    /// there finds none; and who lists refs passes over it, git included. Unlike a folder with a lock
    /// for each ref, it costs one more name for a file that is there already.
    pub(super) fn folder(&mut self, folder: &Path) -> Result<Option<LockFile>> {
        let life = self.life()?;
        let first = self.folder.clone();
        let nowhere = format!("{NOWHERE}{}", life.name());
        let mut is_there = false;
        self.acquire(folder, |lock| {
            let linked = first.as_ref().map(|first| fs::hard_link(first, lock));
            let made = match linked {
                Some(Err(error)) if error.kind() == ErrorKind::NotFound => {
                    link_to_nowhere(&nowhere, lock)
                }
                Some(linked) => linked,
                None => link_to_nowhere(&nowhere, lock),
            };
            match made {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && !is_folder_lock(lock) => {
                    // Also if it was a lock and has gone by now; the other way is only slower.
                    is_there = true;
                    Ok(())
                }
                // Not every system can: the other way is only slower.
                Err(error)
                    if !matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) =>
                {
                    is_there = true;
                    Ok(())
                }
                other => other,
            }
        })?;
        if is_there {
            return Ok(None);
        }
        self.folder.get_or_insert_with(|| folder.to_owned());
        Ok(Some(self.held(folder, folder.to_owned(), false, life)))
    }

    /// Makes the lock, and its folder if need be; waits while it is taken. Whether folders were made.
    fn acquire(
        &mut self,
        lock: &Path,
        mut make: impl FnMut(&Path) -> io::Result<()>,
    ) -> Result<bool> {
        let mut pause = Duration::from_millis(1);
        let mut folders = 0;
        loop {
            let taken = match make(lock) {
                Ok(()) => return Ok(folders > 0),
                Err(error) if error.kind() == ErrorKind::NotFound && folders < MOST_FOLDERS => {
                    folders += 1;
                    // The folder may vanish again before the next try, when its last ref is deleted.
                    match self.make_folder(lock)? {
                        Some(folder_lock) => folder_lock,
                        None => continue,
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => lock.to_owned(),
                Err(error) => return Err(error).context(|| format!("lock `{}`", lock.display())),
            };
            if remove_if_stale(&taken, &self.files)? {
                continue;
            }
            if self.waited >= self.timeouts {
                return Err(GitError::new(format!(
                    "`{}` has been locked by another process for 10 s: try again, and if no git process runs, remove that file",
                    taken.display()
                )));
            }
            std::thread::sleep(pause);
            self.waited += pause;
            pause = (pause * 2).min(Duration::from_millis(40));
        }
    }

    /// Makes the folder of a lock; the lock of that folder if that is why it cannot.
    fn make_folder(&self, lock: &Path) -> Result<Option<PathBuf>> {
        let git_dir = self.files.git_dir();
        let folder = lock.parent().unwrap_or(git_dir);
        let error = match self.files.create_folders(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => error,
            _ => return Ok(None),
        };
        let inside = folder
            .ancestors()
            .take_while(|above| above.starts_with(git_dir) && *above != git_dir);
        for above in inside {
            if is_folder_lock(above) {
                return Ok(Some(above.to_owned()));
            }
        }
        if error.kind() == ErrorKind::AlreadyExists && fs::symlink_metadata(folder).is_err() {
            // It was such a lock, and is gone.
            return Ok(None);
        }
        Err(error).context(|| {
            format!(
                "make the folder `{}` (is one of its parents a ref?)",
                folder.display()
            )
        })
    }
}

impl LockFile {
    /// Whether something may be written with it.
    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }

    /// Prepares the new content, in a file of its own. It is closed again at once: a batch may hold
    /// more locks than a process may have files.
    pub(super) fn write(&mut self, content: &[u8], durable: bool) -> Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // It is nobody's once its life is over.
        let life = self.life.name().replacen(LIFE, NEW, 1);
        let path = self.files.git_dir().join(format!("{life}-{count}"));
        let write = || {
            // One of this name is of a process that is gone, and had our number.
            fs::remove_file(&path).ok();
            let mut file = self.files.create_new(&path)?;
            file.write_all(content)?;
            if durable { file.sync_all() } else { Ok(()) }
        };
        write().context(|| format!("write `{}`", path.display()))?;
        self.prepared = Some(path);
        Ok(())
    }

    /// Gives the prepared content the permissions of what it replaces.
    pub(super) fn keep_permissions(&self) -> Result<()> {
        let Some(prepared) = &self.prepared else {
            return Ok(());
        };
        let keep = || fs::set_permissions(prepared, fs::metadata(&self.target)?.permissions());
        keep().context(|| format!("keep the permissions of `{}`", self.target.display()))
    }

    /// Puts the prepared content in place, at once for every reader.
    pub(super) fn publish(&mut self) -> Result<()> {
        let Some(prepared) = self.prepared.take() else {
            return Err(GitError::new(format!(
                "nothing was prepared for `{}`",
                self.target.display()
            )));
        };
        fs::rename(&prepared, &self.target)
            .context(|| format!("replace `{}`", self.target.display()))
    }

    /// Removes the file, if it is there.
    pub(super) fn remove_target(&self) -> Result<()> {
        match fs::remove_file(&self.target) {
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory
                ) =>
            {
                Err(error).context(|| format!("remove `{}`", self.target.display()))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if let Some(prepared) = &self.prepared {
            fs::remove_file(prepared).ok();
        }
        if let Err(error) = fs::remove_file(&self.lock) {
            let life = self.life.path.display();
            tracing::warn!(lock = %self.lock.display(), %life, %error, "a lock could not be removed");
        }
        remove_empty_parents(&self.target, self.files.git_dir());
    }
}

fn lock_of(target: &Path) -> PathBuf {
    let mut lock = target.as_os_str().to_owned();
    lock.push(".lock");
    PathBuf::from(lock)
}

#[cfg(unix)]
fn link_to_nowhere(nowhere: &str, lock: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(nowhere, lock)
}

#[cfg(not(unix))]
fn link_to_nowhere(_nowhere: &str, _lock: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

fn is_folder_lock(path: &Path) -> bool {
    find_life_of_folder_lock(path).is_some()
}

/// The name of the life behind the lock of a folder.
fn find_life_of_folder_lock(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    target.to_str()?.strip_prefix(NOWHERE).map(str::to_owned)
}

/// The name of the life that a prepared content belongs to.
fn find_life_of_content(name: &str) -> Option<String> {
    let (life, _) = name.strip_prefix(NEW)?.rsplit_once('-')?;
    life.contains('-').then(|| format!("{LIFE}{life}"))
}

/// Whether the process behind one of our locks is gone; `None` if the lock is not ours.
fn find_end(lock: &Path, git_dir: &Path) -> Option<bool> {
    let file = match find_life_of_folder_lock(lock) {
        Some(life) => match File::open(git_dir.join(life)) {
            Err(error) => return Some(error.kind() == ErrorKind::NotFound),
            Ok(file) => file,
        },
        None => File::open(lock).ok()?,
    };
    let mut mark = Vec::new();
    let read = (&file).take(MARK.len() as u64).read_to_end(&mut mark);
    // A life has its mark only once it is locked.
    (read.is_ok() && mark == MARK).then(|| file.try_lock().is_ok())
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

/// Removes a lock that a killed process left. Looking and removing happen under a guard that the
/// system gives back by itself, so that two of us never remove the lock that the faster one then took.
pub(super) fn remove_if_stale(lock: &Path, files: &RepositoryFiles) -> Result<bool> {
    let git_dir = files.git_dir();
    let is_over = |lock: &Path| {
        find_end(lock, git_dir).unwrap_or_else(|| age(lock).is_some_and(|age| age >= STALE))
    };
    if !is_over(lock) {
        return Ok(false);
    }
    let Some(_guard) = process_guard(files, "countersign-locks")? else {
        return Ok(false);
    };
    if !is_over(lock) {
        return Ok(false);
    }
    if lock == git_dir.join("packed-refs.lock") {
        // Git writes no other while one is there.
        fs::remove_file(git_dir.join(NEW_PACKED_REFS)).ok();
    }
    fs::remove_file(lock).context(|| format!("remove the stale lock `{}`", lock.display()))?;
    tracing::info!(lock = %lock.display(), "removed a lock that a killed process left");
    Ok(true)
}

/// Removes what killed processes left in the git directory: their lives, the locks of refs that nobody asks for any
/// more, and contents that never took their place. A content is written and used within one change, so an old one is
/// nobody's.
pub(super) fn sweep(files: &RepositoryFiles) -> Result<()> {
    let git_dir = files.git_dir();
    let entries = fs::read_dir(git_dir).context(|| format!("list `{}`", git_dir.display()))?;
    let names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let is_old = |path: &Path| age(path).is_some_and(|age| age >= STALE);
    let mut has_swept_refs = false;
    for name in names.iter().filter(|name| name.starts_with(LIFE)) {
        let path = git_dir.join(name);
        // Who died early has not even written its mark.
        if take_ended(&path).is_none() {
            continue;
        }
        if !std::mem::replace(&mut has_swept_refs, true) {
            sweep_locks(&git_dir.join("refs"), files)?;
        }
        if let Some(_lock) = take_ended(&path) {
            // Somebody else may have been faster.
            fs::remove_file(&path).ok();
        }
    }
    for name in names.iter().filter(|name| name.starts_with(NEW)) {
        let path = git_dir.join(name);
        let is_over = match find_life_of_content(name) {
            Some(life) => !git_dir.join(life).exists(),
            None => is_old(&path),
        };
        if is_over {
            fs::remove_file(&path).ok();
        }
    }
    Ok(())
}

/// The file of a life that is over, locked by us: who has just made it and comes to lock it next sees that it is gone.
fn take_ended(life: &Path) -> Option<File> {
    let file = File::open(life).ok()?;
    file.try_lock().is_ok().then_some(file)
}

fn age(path: &Path) -> Option<Duration> {
    let modified = fs::symlink_metadata(path).and_then(|m| m.modified()).ok()?;
    SystemTime::now().duration_since(modified).ok()
}

fn sweep_locks(folder: &Path, files: &RepositoryFiles) -> Result<()> {
    // It may be gone by now.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_lock = path.extension().is_some_and(|end| end == "lock") || is_folder_lock(&path);
        if is_lock {
            remove_if_stale(&path, files)?;
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep_locks(&path, files)?;
        }
    }
    Ok(())
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
    let pause = Duration::from_millis(1);
    while waited < TIMEOUTS {
        match process_guard(files, name) {
            Ok(Some(turn)) => return Some(turn),
            Ok(None) => {
                std::thread::sleep(pause);
                waited += pause;
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
