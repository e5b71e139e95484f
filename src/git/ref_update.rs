//! How several refs change together: locked, compared, then changed in order; see
//! [`Repository::update_refs`].
//!
//! A ref's own file costs a file, a lock and often a folder. New refs in large numbers are therefore
//! written straight into `packed-refs`, in one rewrite. Git does so only when it clones, and takes no
//! other lock then, as nobody else is there yet. Here somebody may be, and nobody else may win:
//! - Git, and we, lock a ref before reading it, and keep the lock until it has changed. So each ref in
//!   the batch is locked as well: by its lock file, or by one lock on its folder if that is new
//!   ([`LockSet::folder`]). Who had locked such a ref earlier has made its folder, and we wait for
//!   that lock; who comes later finds the lock, or finds the ref.
//! - All are read while locked, first the files, then `packed-refs`. A ref that is in neither cannot
//!   come to be as long as its lock is held.
//! - `packed-refs.lock` is held from before that reading until all has changed, so that nobody else
//!   rewrites the file, packs what is about to be deleted, or deletes.
//! - A ref that has a file is never changed in `packed-refs`, where it would not be seen.
//! - Locks of refs are taken in the order of their names, then that of `packed-refs`, as git does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::error::{GitError, Result, ResultExt};
use super::lock::{LockFile, LockSet, sync_dir};
use super::packed_refs::{self, PackedRefs};
use super::refs::{Expect, Loose, RefEdit, RefsUpdate, broken, is_valid};
use super::repository::Repository;
use super::step;
use crate::domain::ids::Sha;

/// So many new refs in a row are worth a rewrite of `packed-refs`.
const MANY: usize = 64;

/// How much of `packed-refs` one new ref may cost to be rewritten, in bytes.
const REWRITTEN_FOR_ONE: u64 = 32 * 1024;

/// The locks of one update, and what was found under them.
pub(super) struct Transaction<'a> {
    repo: &'a Repository,
    edits: &'a [RefEdit],
    durable: bool,
    /// One for each ref; none for one in a locked folder.
    locks: BTreeMap<&'a str, Option<LockFile>>,
    _folders: Vec<LockFile>,
    packed_lock: Option<LockFile>,
    packed: PackedRefs,
    loose: BTreeMap<&'a str, Loose>,
}

impl<'a> Transaction<'a> {
    pub(super) fn run(
        repo: &'a Repository,
        edits: &'a [RefEdit],
        durable: bool,
    ) -> Result<RefsUpdate> {
        let sorted = sorted(edits)?;
        if let Some(folders) = new_folders(repo, edits) {
            let update = Self::lock(repo, edits, &sorted, Some(&folders))?;
            if let Some(lost) = update.compare(&sorted)? {
                return Ok(lost);
            }
            if let Some(run) = update.packable()? {
                update.with(durable).apply(run)?;
                return Ok(RefsUpdate::Done);
            }
        }
        let update = Self::lock(repo, edits, &sorted, None)?;
        if let Some(lost) = update.compare(&sorted)? {
            return Ok(lost);
        }
        update.with(durable).apply(0..0)?;
        Ok(RefsUpdate::Done)
    }

    fn with(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Locks all, with a lock on the folder for those in one of `folders`, and reads all.
    fn lock(
        repo: &'a Repository,
        edits: &'a [RefEdit],
        sorted: &BTreeMap<&'a str, &'a RefEdit>,
        folders: Option<&BTreeSet<&str>>,
    ) -> Result<Self> {
        let git_dir = repo.common_dir();
        let mut locker = LockSet::new(&repo.files);
        let (mut locks, mut held_folders) = (BTreeMap::new(), Vec::new());
        let (mut locked, mut refused) = ("", "");
        // Everybody who locks several in one order cannot wait in a circle.
        for (name, edit) in sorted {
            let folder = folder_of(name);
            let is_new = folders.is_some_and(|folders| folders.contains(folder));
            if is_new && folder != locked && folder != refused {
                match locker.folder(&git_dir.join(folder))? {
                    Some(lock) => {
                        held_folders.push(lock);
                        locked = folder;
                    }
                    None => refused = folder,
                }
            }
            let target = git_dir.join(name);
            let lock = if is_new && folder == locked {
                None
            } else if edit.new.is_none() || is_new {
                Some(locker.hold(&target)?)
            } else {
                Some(locker.for_writing(&target)?)
            };
            locks.insert(*name, lock);
        }
        let rewrites = folders.is_some() || edits.iter().any(|edit| edit.new.is_none());
        let packed_lock = if rewrites {
            Some(locker.hold(&git_dir.join("packed-refs"))?)
        } else {
            None
        };
        let loose = read_files(repo, &locks)?;
        let mut packed = PackedRefs::open(git_dir)?;
        if folders.is_some() {
            packed.load()?;
        }
        Ok(Self {
            repo,
            edits,
            durable: false,
            locks,
            _folders: held_folders,
            packed_lock,
            packed,
            loose,
        })
    }

    /// The first ref, by name, that is not as expected.
    fn compare(&self, sorted: &BTreeMap<&str, &RefEdit>) -> Result<Option<RefsUpdate>> {
        for (name, edit) in sorted {
            let found = self.found(name, edit.expected)?;
            let as_expected = match edit.expected {
                Expect::Any => true,
                Expect::Absent => found.is_none(),
                Expect::Is(id) => found == Some(id),
            };
            if !as_expected {
                let name = (*name).to_owned();
                return Ok(Some(RefsUpdate::Lost { name, found }));
            }
            if edit.new.is_some() && found.is_none() {
                self.check_room(name)?;
            }
        }
        Ok(None)
    }

    fn loose(&self, name: &str) -> Loose {
        self.loose.get(name).copied().unwrap_or(Loose::Missing)
    }

    fn found(&self, name: &str, expected: Expect) -> Result<Option<Sha>> {
        match self.loose(name) {
            // As a power failure may leave it: it may be replaced by anything.
            Loose::Broken if expected == Expect::Any => Ok(None),
            Loose::Broken => Err(broken(name)),
            Loose::Id(id) => Ok(Some(id)),
            Loose::Missing => self.packed.find(name),
            Loose::Symbolic => Err(GitError::new(format!(
                "`{name}` is a symbolic ref: update the ref it names"
            ))),
        }
    }

    /// A ref `a` and a ref `a/b` cannot exist together.
    fn check_room(&self, name: &str) -> Result<()> {
        let collides = |other: &str| {
            GitError::new(format!(
                "cannot create the ref `{name}`: `{other}` exists, delete it or choose another name"
            ))
        };
        let below = format!("{name}/");
        if let Some(other) = self.packed.any_under(&below)? {
            return Err(collides(&other));
        }
        let path = self.repo.common_dir().join(name);
        if path.is_dir() {
            remove_empty_folders(&path);
            if path.is_dir() {
                return Err(collides(&below));
            }
        }
        let mut above = folder_of(name);
        while above.matches('/').count() >= 2 {
            if self.packed.find(above)?.is_some() {
                return Err(collides(above));
            }
            above = folder_of(above);
        }
        Ok(())
    }

    /// The longest row of edits that can be written into `packed-refs`; none if it is not worth it, or
    /// another edit cannot be made while its folder is locked.
    fn packable(&self) -> Result<Option<Range<usize>>> {
        if !self.packed.is_sorted() {
            return Ok(None);
        }
        let mut longest = 0..0;
        let mut run = 0..0;
        for (at, edit) in self.edits.iter().enumerate() {
            let fits = match edit.new {
                Some(new) => self.loose(&edit.name) == Loose::Missing && self.repo.is_no_tag(new),
                None => false,
            };
            run = if fits {
                run.start..at + 1
            } else {
                at + 1..at + 1
            };
            if run.len() > longest.len() {
                longest = run.clone();
            }
        }
        // What is locked without a file to write to must be in that row.
        let needs_file = |(at, edit): (usize, &RefEdit)| {
            edit.new.is_some() && !longest.contains(&at) && !self.has_file(&edit.name)
        };
        let all_fit = !self.edits.iter().enumerate().any(needs_file);
        Ok((longest.len() >= MANY && all_fit).then_some(longest))
    }

    /// Whether the lock of this ref may become its new content.
    fn has_file(&self, name: &str) -> bool {
        let lock = self.locks.get(name).and_then(Option::as_ref);
        lock.is_some_and(LockFile::is_own)
    }

    /// Makes the changes, those in `run` by a rewrite of `packed-refs`.
    fn apply(mut self, run: Range<usize>) -> Result<()> {
        let edits = self.edits;
        let writes = edits.iter().enumerate().filter(|(at, _)| !run.contains(at));
        for (_, edit) in writes {
            let is_news = edit
                .new
                .is_some_and(|new| self.loose(&edit.name) != Loose::Id(new));
            if let (Some(new), Some(Some(lock))) =
                (edit.new, self.locks.get_mut(edit.name.as_str()))
                && is_news
            {
                lock.write(format!("{new}\n").as_bytes(), self.durable)?;
            }
        }
        step("refs locked");
        let mut touched = BTreeSet::new();
        let mut has_dropped = false;
        for (at, edit) in edits.iter().enumerate() {
            if run.contains(&at) {
                if at == run.start {
                    // Together with the deletions, if they are next.
                    let next = edits.get(run.end).is_some_and(|next| next.new.is_none());
                    has_dropped |= next;
                    self.rewrite(edits.get(run.clone()).unwrap_or_default(), has_dropped)?;
                }
                continue;
            }
            if edit.new.is_none() && !std::mem::replace(&mut has_dropped, true) {
                self.rewrite(&[], true)?;
            }
            self.change(edit, &mut touched)?;
            step("ref changed");
        }
        sync_all(touched.iter().filter(|_| self.durable))
    }

    fn change(&mut self, edit: &RefEdit, touched: &mut BTreeSet<PathBuf>) -> Result<()> {
        let git_dir = self.repo.common_dir();
        let lock = self.locks.get_mut(edit.name.as_str());
        let Some(mut lock) = lock.and_then(Option::take) else {
            return Ok(());
        };
        let path = git_dir.join(&edit.name);
        touched.extend(parents(&path, git_dir, lock.made_folders));
        match edit.new {
            Some(new) if self.loose(&edit.name) == Loose::Id(new) => Ok(()),
            Some(_) => lock.publish(),
            None => lock.remove_target(),
        }
    }

    /// Writes `packed-refs` with these changes, if they are any. Packed refs are left out before their
    /// files go, so that no reader sees an old value. Its lock is kept until all of those are gone:
    /// who packs reads files without locking them and could bring a deleted ref back.
    fn rewrite(&mut self, new: &[RefEdit], drop_deleted: bool) -> Result<()> {
        let git_dir = self.repo.common_dir();
        let mut changes: BTreeMap<&str, Option<Sha>> = BTreeMap::new();
        changes.extend(new.iter().map(|edit| (edit.name.as_str(), edit.new)));
        let deleted = self.edits.iter().filter(|edit| edit.new.is_none());
        for edit in deleted.filter(|_| drop_deleted) {
            if self.packed.find(&edit.name)?.is_some() {
                changes.insert(&edit.name, None);
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        if self.packed_lock.is_none() {
            return Err(GitError::new(
                "cannot rewrite `packed-refs` without its lock",
            ));
        }
        packed_refs::replace(&self.repo.files, &self.packed.with(&changes)?)?;
        step("packed refs replaced");
        self.packed = PackedRefs::open(git_dir)?;
        Ok(())
    }
}

/// What the files of locked refs say. In a locked folder there are none.
fn read_files<'a>(
    repo: &Repository,
    locks: &BTreeMap<&'a str, Option<LockFile>>,
) -> Result<BTreeMap<&'a str, Loose>> {
    let mut loose = BTreeMap::new();
    for (name, lock) in locks {
        let found = match lock {
            Some(_) => repo.read_loose(name)?,
            None => Loose::Missing,
        };
        loose.insert(*name, found);
    }
    Ok(loose)
}

/// The edits by name, each valid and once.
fn sorted(edits: &[RefEdit]) -> Result<BTreeMap<&str, &RefEdit>> {
    let mut sorted = BTreeMap::new();
    for edit in edits {
        let name = edit.name.as_str();
        if !is_valid(name) {
            return Err(GitError::new(format!(
                "`{}` is not a ref name: expected one such as `refs/heads/main`",
                name.escape_default()
            )));
        }
        if sorted.insert(name, edit).is_some() {
            return Err(GitError::new(format!(
                "cannot update `{name}` twice at once"
            )));
        }
    }
    Ok(sorted)
}

/// Folders that are not there yet, if so many refs are to be made in them that it is worth a rewrite of
/// `packed-refs`. None of them is a ref in this update, or contains another folder.
fn new_folders<'a>(repo: &Repository, edits: &'a [RefEdit]) -> Option<BTreeSet<&'a str>> {
    let made = edits.iter().filter(|edit| edit.new.is_some());
    let git_dir = repo.common_dir();
    let count = made.clone().count();
    if count < MANY || PackedRefs::size(git_dir) > count as u64 * REWRITTEN_FOR_ONE {
        return None;
    }
    let names: BTreeSet<&str> = edits.iter().map(|edit| edit.name.as_str()).collect();
    let folders: BTreeSet<&str> = names.iter().map(|name| folder_of(name)).collect();
    let may_lock = |folder: &str| {
        let below = format!("{folder}/");
        let next = folders.range(below.as_str()..).next();
        folder.matches('/').count() >= 2
            && !names.contains(folder)
            && next.is_none_or(|next| !next.starts_with(&below))
            && !git_dir.join(folder).is_dir()
    };
    let new: BTreeSet<&str> = folders.iter().copied().filter(|f| may_lock(f)).collect();
    let many = made
        .filter(|edit| new.contains(folder_of(&edit.name)))
        .count()
        >= MANY;
    many.then_some(new)
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn sync_all<'p>(folders: impl Iterator<Item = &'p PathBuf>) -> Result<()> {
    for folder in folders {
        match sync_dir(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).context(|| format!("sync `{}`", folder.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The folder of a ref and, if some were made, all above it up to the git directory.
fn parents(path: &Path, git_dir: &Path, all: bool) -> Vec<PathBuf> {
    let above = path
        .ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with(git_dir) && *folder != git_dir);
    above
        .take(if all { usize::MAX } else { 1 })
        .map(Path::to_owned)
        .collect()
}

fn remove_empty_folders(path: &Path) {
    if let Ok(entries) = fs::read_dir(path) {
        entries
            .flatten()
            .filter(|e| e.path().is_dir())
            .for_each(|e| remove_empty_folders(&e.path()));
    }
    // Fails, as it should, if anything is left inside.
    let _ = fs::remove_dir(path);
}
