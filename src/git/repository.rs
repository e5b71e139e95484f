//! Opening and making repositories, and the handle that the rest of this module uses.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Once};

use super::ancestry::Ancestry;
use super::error::{GitError, Result, ResultExt};
use super::lock::with_locks;
use super::packed_refs::PackedRefs;
use super::packs::Packs;
use super::read::PathCache;
use super::refs::Durability;
use super::sharing::{NEW, RepositoryFiles, SHARED_REPOSITORY};
use super::{step, trusted};
use crate::domain::ids::Sha;

/// A handle on one repository. It may be sent to another thread but not shared: use
/// [`Repository::reopen`] for a second one.
pub struct Repository {
    pub(super) inner: git2::Repository,
    pub(super) files: RepositoryFiles,
    is_bare: bool,
    /// What is known of the history of the branch that was asked about last.
    pub(super) ancestry: RefCell<Ancestry>,
    pub(super) last_way: RefCell<PathCache>,
    pub(super) packs: RefCell<Packs>,
    pub(super) packed_refs: RefCell<Option<Arc<PackedRefs>>>,
    /// Whether every object that is read is hashed again.
    pub(super) checks_ids: Cell<bool>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Repository").field(&self.path()).finish()
    }
}

impl Repository {
    /// Makes an empty bare repository whose `HEAD` is `refs/heads/main`, without hooks. Refuses a
    /// path that is not an empty folder, unless it is such a repository already: then whoever made it
    /// died before the first commit.
    pub fn init_bare(path: &Path) -> Result<Self> {
        let shown = path.display();
        match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
            Ok(false) if is_unborn(path) => {}
            Ok(false) => {
                return Err(GitError::new(format!(
                    "cannot make a repository at `{shown}`: the folder is not empty, choose a new one"
                )));
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context(|| format!("make a repository at `{shown}`"));
            }
            _ => {}
        }
        let context = || format!("make a repository at `{shown}`");
        let mut options = git2::RepositoryInitOptions::new();
        options
            .bare(true)
            .mkpath(true)
            .external_template(false)
            .initial_head("main");
        let inner = git2::Repository::init_opts(path, &options).context(context)?;
        step("repository made");
        match fs::remove_dir_all(inner.path().join("hooks")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context(context);
            }
            _ => {}
        }
        // A push would otherwise start a full repack as soon as there are 50 packs; see `consolidate`.
        let repo = Self::wrap(inner)?;
        let share = || {
            // The library has tried on it whether the file system knows programs.
            repo.files.make_no_program(&repo.path().join("config"))?;
            repo.files.share_all(repo.path())
        };
        share().context(context)?;
        if repo.files.is_shared() {
            // Perhaps only whoever makes it has set that.
            let setting = repo.files.setting();
            repo.set_config(SHARED_REPOSITORY, &[&setting])?;
        }
        repo.set_config("receive.autogc", &["false"])?;
        step("repository configured");
        Ok(repo)
    }

    /// Opens a bare repository, or the clone whose working folder or git directory this is.
    pub fn open(path: &Path) -> Result<Self> {
        match git2::Repository::open(path) {
            Ok(inner) => Self::wrap(inner),
            Err(error) if error.code() == git2::ErrorCode::Owner => {
                Self::wrap(open_trusted(path).map_err(|_| unopened(path, &error))?)
            }
            Err(error) => Err(unopened(path, &error)),
        }
    }

    fn wrap(inner: git2::Repository) -> Result<Self> {
        if inner.object_format() != git2::ObjectFormat::Sha1 {
            return Err(sha256(inner.path()));
        }
        let config = inner
            .config()
            .context(|| "read the repository's configuration")?;
        let format = config.get_string("extensions.refstorage");
        if format.is_ok_and(|format| !format.eq_ignore_ascii_case("files")) {
            return Err(reftable(inner.path()));
        }
        // What was opened because the user trusts it was opened by its git directory, whatever it is.
        let is_bare = inner.is_bare() && config.get_bool("core.bare").unwrap_or(true);
        static SETTINGS: Once = Once::new();
        // Damage is found by zlib's checksum; who must find tampering asks for it (`check_ids`).
        SETTINGS.call_once(|| {
            git2::opts::strict_hash_verification(false);
            // A walk reads each commit once: a cache of them only takes memory (256 MB of it), and a full
            // one looks long for what to throw out. Trees that are asked for again are kept by us.
            git2::opts::enable_caching(false);
        });
        let packs = Packs::shared(&inner.commondir().join("objects"));
        let files = RepositoryFiles::new(inner.commondir(), &config)?;
        Ok(Self {
            inner,
            files,
            is_bare,
            ancestry: RefCell::default(),
            last_way: RefCell::default(),
            packs: RefCell::new(packs),
            packed_refs: RefCell::default(),
            checks_ids: Cell::new(false),
        })
    }

    pub fn path(&self) -> &Path {
        self.inner.path()
    }

    /// Where refs and objects live, which differs from the git directory in a linked worktree.
    pub(super) fn common_dir(&self) -> &Path {
        self.inner.commondir()
    }

    /// Whether it has no working folder: a forge's own repository is bare, a person's clone is not.
    pub fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// Makes the files that lie beside the repository's own.
    pub fn files(&self) -> &RepositoryFiles {
        &self.files
    }

    /// Gives a setting of the repository's own configuration these values, and no others.
    pub fn set_config(&self, name: &str, values: &[&str]) -> Result<()> {
        let path = self.common_dir().join("config");
        with_locks(&self.files, |owner| {
            let lock = owner.lock(&path)?;
            let before = fs::read(&path).context(|| format!("read `{}`", path.display()))?;
            let after = self.edit_config(&before, |config| {
                match config.remove_multivar(name, ".*") {
                    Err(error) if error.code() != git2::ErrorCode::NotFound => return Err(error),
                    _ => {}
                }
                // A pattern that no value matches: one more is added.
                let mut values = values.iter();
                values.try_for_each(|value| config.set_multivar(name, "^$", value))
            });
            let new = lock.prepare(&after?, Durability::Durable)?;
            let keep =
                fs::metadata(&path).and_then(|old| new.file.set_permissions(old.permissions()));
            keep.context(|| format!("keep the permissions of `{}`", path.display()))?;
            lock.publish(new)
        })
    }

    /// A configuration file's text after a change, which the library makes in a copy: it would put it in place before it
    /// has its permissions.
    fn edit_config(
        &self,
        before: &[u8],
        edit: impl FnOnce(&mut git2::Config) -> std::result::Result<(), git2::Error>,
    ) -> Result<Vec<u8>> {
        let context = || "edit a copy of the configuration".to_owned();
        let folder = self.files.unfinished_folder(self.common_dir(), NEW);
        let folder = folder.context(context)?;
        let copy = folder.path().join("config");
        let mut file = self.files.create_new(&copy).context(context)?;
        file.write_all(before).context(context)?;
        let mut config = git2::Config::open(&copy).context(context)?;
        edit(&mut config).context(context)?;
        fs::read(&copy).context(context)
    }

    /// The script that git runs under this name; none if there is none. Where the configuration names another folder
    /// for hooks, that is somebody else's business.
    pub fn find_hook(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.common_dir().join("hooks").join(name);
        match fs::read(&path) {
            Ok(script) => Ok(Some(script)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(|| format!("read the hook `{}`", path.display())),
        }
    }

    /// Whether the configuration names another folder for hooks.
    pub fn has_hooks_elsewhere(&self) -> bool {
        let config = self.inner.config().and_then(|mut config| config.snapshot());
        config.is_ok_and(|config| config.get_str("core.hooksPath").is_ok())
    }

    /// Puts a script where git runs it, such as `update` for every pushed ref.
    pub fn install_hook(&self, name: &str, script: &str) -> Result<()> {
        let folder = self.common_dir().join("hooks");
        let path = folder.join(name);
        let context = || format!("write the hook `{}`", path.display());
        self.files.create_folders(&folder).context(context)?;
        let written = self.files.replace_program(&path, script.as_bytes());
        written.context(context)?;
        step("hook written");
        Ok(())
    }

    /// Looks which packs there are by now, and closes those that are gone, for every handle that shares them.
    pub(super) fn look_for_packs(&self) {
        self.packs.borrow().look();
    }

    /// Another handle on the same repository, for another thread, that checks ids and reads in bulk if this
    /// one does.
    pub fn reopen(&self) -> Result<Self> {
        let other = Self::open(self.path())?;
        other.packs.replace(self.packs.borrow().again());
        if self.checks_ids.get() {
            other.check_ids();
        }
        Ok(other)
    }

    /// Another handle, for reading many objects: several times as fast, with memory of its own.
    pub fn for_bulk(&self) -> Result<Self> {
        let other = self.reopen()?;
        if !other.packs.borrow().is_bulk() {
            let packs = Packs::bulk(&self.common_dir().join("objects"));
            other.packs.replace(packs);
        }
        Ok(other)
    }

    /// From now on every object that this handle reads has to be what its id says. A network transfer
    /// hashes everything on arrival; a folder that somebody hands over was checked by nobody.
    pub fn check_ids(&self) {
        self.checks_ids.set(true);
        // What was read before was not checked.
        self.packs.borrow_mut().forget();
        self.last_way.take();
    }
}

/// The name and the e-mail address that the user has told git, where they have told both.
pub fn configured_identity() -> Option<(String, String)> {
    let config = git2::Config::open_default().ok()?;
    let read = |name: &str| {
        config
            .get_string(name)
            .ok()
            .filter(|value| !value.trim().is_empty())
    };
    Some((read("user.name")?, read("user.email")?))
}

/// Opens the repository of somebody else, if the user says that it may be.
fn open_trusted(path: &Path) -> std::result::Result<git2::Repository, git2::Error> {
    let found = git2::Repository::open_bare(path)
        .or_else(|_| git2::Repository::open_bare(path.join(".git")))?;
    match trusted::is_trusted(found.path()) {
        true => Ok(found),
        false => Err(git2::Error::from_str("it is not trusted")),
    }
}

/// Why a repository cannot be opened, and what to do about it.
fn unopened(path: &Path, error: &git2::Error) -> GitError {
    let shown = path.display();
    let message = error.message();
    match error.code() {
        git2::ErrorCode::NotFound => GitError::missing(format!(
            "no git repository at `{shown}`: make one with `countersign init {shown}`, or name another with `--repo`"
        )),
        git2::ErrorCode::Owner => {
            let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            GitError::new(format!(
                "`{shown}` belongs to another user, and git runs nothing there that its owner could have changed: if you trust it, `git config --global --add safe.directory {}`",
                whole.display()
            ))
        }
        _ if message.contains("object format") => sha256(path),
        _ if message.contains("extensions.refstorage") => reftable(path),
        _ => GitError::new(format!("cannot open the repository `{shown}`: {message}")),
    }
}

fn sha256(path: &Path) -> GitError {
    GitError::new(format!(
        "`{}` has SHA-256 object ids, and a trail has SHA-1 ids: make its repository with `countersign init`, and clone that",
        path.display()
    ))
}

fn reftable(path: &Path) -> GitError {
    GitError::new(format!(
        "`{}` keeps its refs in the format `reftable`, which cannot be read here: `git -C {0} refs migrate --ref-format=files`, or clone it anew with `git clone --ref-format=files`",
        path.display()
    ))
}

/// A bare repository without any ref.
fn is_unborn(path: &Path) -> bool {
    let repo = git2::Repository::open_bare(path);
    repo.is_ok_and(|repo| {
        repo.references()
            .is_ok_and(|mut refs| refs.next().is_none())
    })
}

pub(super) fn oid(id: Sha) -> Result<git2::Oid> {
    git2::Oid::from_bytes(id.as_bytes()).context(|| format!("use the id `{id}`"))
}

pub(super) fn sha(id: git2::Oid) -> Result<Sha> {
    <[u8; 20]>::try_from(id.as_bytes())
        .map(Sha::from_bytes)
        .map_err(|_| GitError::new(format!("`{id}` is not a SHA-1 id")))
}
