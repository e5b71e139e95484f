//! Who may use the files of a repository beside their owner: `core.sharedRepository`, as git takes it. Whatever we write
//! inside of a git directory is made here, so that no file can be forgotten: clippy refuses it elsewhere (`clippy.toml`).
//!
//! What is not finished has a name of its own, and is locked for as long as its process lives: that is how what a killed
//! one left is told.

// The one place where they have their permissions.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{GitError, Result, ResultExt};
use crate::files::is_same_file;

pub(super) const SHARED_REPOSITORY: &str = "core.sharedRepository";
const GROUP: Sharing = Sharing::AtLeast(0o660);
const EVERYBODY: Sharing = Sharing::AtLeast(0o664);
const OWNER: u32 = 0o600;

/// How the names of unfinished files begin, except for those that git has a name for.
pub(super) const NEW: &str = "countersign-new-";
/// How git calls unfinished packs and their indexes; `git gc` clears away old ones.
pub(super) const NEW_PACK: &str = "tmp_pack_";
pub(super) const NEW_INDEX: &str = "tmp_idx_";
/// How the folders begin that a pack is received in.
pub(super) const INCOMING: &str = "countersign-incoming-";

/// What the permissions of a file are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// What the umask leaves.
    Umask,
    /// These and what the umask leaves.
    AtLeast(u32),
    /// These, whatever the umask leaves.
    Exactly(u32),
}

impl Sharing {
    fn read(config: &git2::Config) -> Result<Self> {
        let context = || format!("read `{SHARED_REPOSITORY}`");
        match config.get_entry(SHARED_REPOSITORY) {
            Ok(entry) if !entry.has_value() => Ok(GROUP),
            Ok(entry) => Self::parse(entry.value().context(context)?),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(Self::Umask),
            Err(error) => Err(error).context(context),
        }
    }

    fn parse(value: &str) -> Result<Self> {
        let number = match value {
            "umask" | "" => return Ok(Self::Umask),
            "group" => return Ok(GROUP),
            "all" | "world" | "everybody" => return Ok(EVERYBODY),
            value => u32::from_str_radix(value, 8),
        };
        match number {
            Ok(0) => Ok(Self::Umask),
            Ok(1) => Ok(GROUP),
            Ok(2) => Ok(EVERYBODY),
            // Who may enter a folder follows from who may read.
            Ok(mode) if mode & OWNER == OWNER => Ok(Self::Exactly(mode & 0o666)),
            Err(_) if git2::Config::parse_bool(value).is_ok_and(|is_on| is_on) => Ok(GROUP),
            Err(_) if git2::Config::parse_bool(value).is_ok() => Ok(Self::Umask),
            _ => Err(GitError::new(format!(
                "`{SHARED_REPOSITORY}` is `{value}`: expected `umask`, `group`, `all` or a mode such as `0660`, with which the owner can read and write"
            ))),
        }
    }

    /// What these permissions become.
    #[cfg(unix)]
    fn mode(self, old: u32, is_folder: bool) -> u32 {
        let (kept, mut given) = match self {
            Self::Umask => return old,
            Self::AtLeast(given) => (old, given),
            Self::Exactly(given) => (old & !0o777, given),
        };
        if old & 0o200 == 0 {
            given &= !0o222;
        }
        if old & 0o100 != 0 {
            given |= (given & 0o444) >> 2;
        }
        let mut mode = kept | given;
        if is_folder {
            mode |= (mode & 0o444) >> 2;
            if mode & 0o060 != 0 {
                // What is made in it belongs to its group.
                mode |= 0o2000;
            }
        }
        mode
    }
}

/// Makes the files of one repository, with the permissions that its configuration asks for.
#[derive(Debug, Clone)]
pub struct RepositoryFiles {
    git_dir: Arc<Path>,
    sharing: Sharing,
}

impl RepositoryFiles {
    /// `git_dir` is the one that all worktrees share.
    pub(super) fn new(git_dir: &Path, config: &git2::Config) -> Result<Self> {
        Ok(Self {
            git_dir: Arc::from(git_dir),
            sharing: Sharing::read(config)?,
        })
    }

    pub(super) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    pub(super) fn is_shared(&self) -> bool {
        self.sharing != Sharing::Umask
    }

    /// The value of `core.sharedRepository`, as git writes it.
    pub(super) fn setting(&self) -> String {
        match self.sharing {
            Sharing::Umask => "0".to_owned(),
            GROUP => "1".to_owned(),
            EVERYBODY => "2".to_owned(),
            Sharing::AtLeast(mode) | Sharing::Exactly(mode) => format!("0{mode:o}"),
        }
    }

    /// Makes a folder and those above it, if they are not there.
    pub fn create_folders(&self, folder: &Path) -> io::Result<()> {
        if self.create_folder(folder)? {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            self.create_folders(above)?;
        }
        match self.create_folder(folder)? {
            true => Ok(()),
            // The one above it was removed again.
            false => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Whether it is there now; it is not if the one above it is not.
    fn create_folder(&self, folder: &Path) -> io::Result<bool> {
        match fs::create_dir(folder) {
            Ok(()) => match self.share(folder) {
                // Others remove empty folders.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
                shared => shared.map(|()| true),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(_) if folder.is_dir() => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Opens a file to read and to append to; made with this content if it is not there.
    pub fn open_or_create(&self, path: &Path, content: &[u8]) -> io::Result<File> {
        loop {
            match OpenOptions::new().read(true).append(true).open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => return opened,
            }
            let mut new = self.unfinished(folder_of(path), NEW)?;
            new.file.write_all(content)?;
            match fs::hard_link(&new.path, path) {
                // Somebody was faster, or took this one for a leftover before it was locked.
                Err(error)
                    if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
                linked => linked?,
            }
        }
    }

    /// Replaces a file, at once for every reader. A power failure may lose it.
    pub fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut new = self.unfinished(folder_of(path), NEW)?;
        new.file.write_all(content)?;
        new.put_at(path)
    }

    /// The same for a program.
    pub(super) fn replace_program(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut new = self.unfinished_with_mode(folder_of(path), NEW, 0o777)?;
        new.file.write_all(content)?;
        new.put_at(path)
    }

    /// Makes a file that is not there. Others may see it before it has its permissions: it is for what they do not look
    /// for under this name.
    pub(super) fn create_new(&self, path: &Path) -> io::Result<File> {
        self.create(path, 0o666)
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        let file = options.open(path)?;
        self.share_file(&file)?;
        Ok(file)
    }

    /// A new file in this folder, which is to get another name.
    pub(super) fn unfinished(&self, folder: &Path, prefix: &str) -> io::Result<UnfinishedFile> {
        self.unfinished_with_mode(folder, prefix, 0o666)
    }

    fn unfinished_with_mode(
        &self,
        folder: &Path,
        prefix: &str,
        mode: u32,
    ) -> io::Result<UnfinishedFile> {
        loop {
            let path = folder.join(new_name(prefix));
            match self.create(&path, mode) {
                Ok(file) => {
                    file.lock()?;
                    // Unless somebody took it for a leftover before it was locked.
                    if is_same_file(&file, &path)? {
                        return Ok(UnfinishedFile { path, file });
                    }
                }
                // Of a process that had our number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A new folder in this one, for files that are to be moved elsewhere.
    pub(super) fn unfinished_folder(
        &self,
        folder: &Path,
        prefix: &str,
    ) -> io::Result<UnfinishedFolder> {
        loop {
            let path = folder.join(new_name(prefix));
            match fs::create_dir(&path) {
                Ok(()) => {
                    let lock = match File::open(&path) {
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        opened => opened?,
                    };
                    lock.lock()?;
                    if is_same_file(&lock, &path)? {
                        // Others remove it if we are killed.
                        self.share(&path)?;
                        return Ok(UnfinishedFolder { path, _lock: lock });
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves a finished file, whose permissions are somebody else's choice, to its place.
    pub(super) fn move_to(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.share(from)?;
        fs::rename(from, to)
    }

    /// From now on nobody writes to it.
    pub(super) fn make_read_only(&self, file: &File) -> io::Result<()> {
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
        self.share_file(file)
    }

    /// Takes back the permission to run it.
    pub(super) fn make_no_program(&self, path: &Path) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(path)?.permissions().mode();
            fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o666))?;
        }
        self.share(path)
    }

    /// For what a library made: gives a folder, and all below it, its permissions.
    pub(super) fn share_all(&self, path: &Path) -> io::Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        let kind = fs::symlink_metadata(path)?.file_type();
        if kind.is_dir() {
            for entry in fs::read_dir(path)? {
                self.share_all(&entry?.path())?;
            }
        }
        match kind.is_symlink() {
            true => Ok(()),
            false => self.share(path),
        }
    }

    #[cfg(unix)]
    fn share(&self, path: &Path) -> io::Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        match self.shared(&fs::symlink_metadata(path)?) {
            Some(permissions) => fs::set_permissions(path, permissions),
            None => Ok(()),
        }
    }

    #[cfg(unix)]
    fn share_file(&self, file: &File) -> io::Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        match self.shared(&file.metadata()?) {
            Some(permissions) => file.set_permissions(permissions),
            None => Ok(()),
        }
    }

    /// The permissions that it has to get; none if it has them.
    #[cfg(unix)]
    fn shared(&self, found: &fs::Metadata) -> Option<fs::Permissions> {
        use std::os::unix::fs::PermissionsExt as _;
        let old = found.permissions().mode() & 0o7777;
        let new = self.sharing.mode(old, found.is_dir());
        (old != new).then(|| fs::Permissions::from_mode(new))
    }

    #[cfg(not(unix))]
    fn share(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    #[cfg(not(unix))]
    fn share_file(&self, _file: &File) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is removed again unless it is given its final name.
pub(super) struct UnfinishedFile {
    path: PathBuf,
    pub(super) file: File,
}

impl UnfinishedFile {
    /// Takes the place of whatever is there.
    pub(super) fn put_at(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }
}

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        // Gone if it was renamed.
        fs::remove_file(&self.path).ok();
    }
}

/// A folder that is removed in the end, with all that is left in it.
pub(super) struct UnfinishedFolder {
    path: PathBuf,
    /// Never read: it is the system's lock on it that counts.
    _lock: File,
}

impl UnfinishedFolder {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UnfinishedFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::debug!("cannot remove `{}`: {error}", self.path.display());
        }
    }
}

/// Removes what killed processes left unfinished in a folder under names that begin like one of these.
pub(super) fn sweep_unfinished(folder: &Path, prefixes: &[&str]) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.context(|| format!("list `{}`", folder.display()))?,
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let mut rests = prefixes
            .iter()
            .filter_map(|prefix| name.strip_prefix(prefix));
        if !rests.any(is_number_of_ours) {
            continue;
        }
        let path = entry.path();
        // Whoever is at it has it locked; and it may be gone by now.
        let Ok(file) = File::open(&path) else {
            continue;
        };
        if file.try_lock().is_ok() {
            tracing::info!(file = %path.display(), "removed what a killed process left");
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = match is_folder {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            removed.ok();
        }
    }
    Ok(())
}

fn new_name(prefix: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{}_{count}", std::process::id())
}

/// As [`new_name`] ends; git's own names have no such end.
fn is_number_of_ours(rest: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    rest.split_once('_')
        .is_some_and(|(process, count)| is_number(process) && is_number(count))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_read_as_git_reads_it() {
        for (value, expected) in [
            ("umask", Sharing::Umask),
            ("false", Sharing::Umask),
            ("no", Sharing::Umask),
            ("0", Sharing::Umask),
            ("", Sharing::Umask),
            ("group", GROUP),
            ("true", GROUP),
            ("on", GROUP),
            ("1", GROUP),
            ("all", EVERYBODY),
            ("world", EVERYBODY),
            ("everybody", EVERYBODY),
            ("2", EVERYBODY),
            ("0660", Sharing::Exactly(0o660)),
            ("640", Sharing::Exactly(0o640)),
            ("0777", Sharing::Exactly(0o666)),
        ] {
            assert_eq!(Sharing::parse(value).unwrap(), expected, "{value}");
        }
        let error = Sharing::parse("0460").unwrap_err().to_string();
        assert!(
            error.starts_with("`core.sharedRepository` is `0460`: expected"),
            "{error}"
        );
        Sharing::parse("everyone").unwrap_err();
    }
}
