//! Branches and other refs. The only way one moves is [`Repository::update_refs`], a compare-and-swap
//! under git's own locks that excludes our other threads and processes as well as `git push`.
//!
//! Written by hand because libgit2's transactions compare nothing, give up at once when a lock is
//! held, can lose what another process packs while they delete, and its plain writes go through all
//! packed refs each time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::error::{During, GitError, Result};
use super::lock::{LockFile, sync_dir};
use super::packed_refs::PackedRefs;
use super::repository::{Repository, sha};
use super::step;
use crate::domain::ids::Sha;

/// One change of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefEdit {
    /// The full name, such as `refs/heads/main`.
    pub name: String,
    /// What it must be now.
    pub expected: Expect,
    /// What it becomes; `None` deletes it.
    pub new: Option<Sha>,
}

/// What a ref must be for an update to go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Any,
    /// It must not exist.
    Absent,
    /// It must point exactly here.
    Is(Sha),
}

/// What came of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefsUpdate {
    /// Every ref was changed.
    Done,
    /// No ref was changed, because this one was not as expected.
    Lost {
        /// The ref.
        name: String,
        /// What it is instead.
        found: Option<Sha>,
    },
}

/// What a power failure may do to an update that was reported as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: files and folders are synced, at some milliseconds a ref.
    Durable,
    /// It may be lost, or leave an empty file for a new ref. A crash of the process alone loses nothing.
    Fast,
}

impl Repository {
    /// What a ref points to, following symbolic refs; `None` if there is no such ref. The object
    /// may be of any kind.
    pub fn find_ref(&self, name: &str) -> Result<Option<Sha>> {
        match self.inner.refname_to_id(name) {
            Ok(id) => sha(id).map(Some),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).during(|| format!("read the ref `{}`", name.escape_default())),
        }
    }

    /// All refs whose names begin with `prefix` (a text, such as `refs/pull/`), sorted by name.
    /// Costs what lies below that folder, and one reading of `packed-refs`.
    pub fn refs_under(&self, prefix: &str) -> Result<Vec<(String, Sha)>> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.starts_with("refs") || folder.split('/').any(|part| part == "..") {
            return Err(GitError::new(format!(
                "cannot list refs under `{prefix}`: expected something that begins with `refs/`"
            )));
        }
        // Loose before packed: a ref that is being packed is seen in one of them, or in both.
        let mut names = Vec::new();
        collect_loose(&self.common_dir().join(folder), folder, prefix, &mut names)?;
        let mut refs = BTreeMap::new();
        for name in names {
            if let Some(id) = self.find_ref(&name)? {
                refs.insert(name, id);
            }
        }
        for (name, id) in PackedRefs::read(self.common_dir())?.under(prefix)? {
            refs.entry(name).or_insert(id);
        }
        Ok(refs.into_iter().collect())
    }

    /// Changes all of these refs, or none if any of them is not as expected.
    ///
    /// All are locked and compared before the first is changed; then they change one after the other
    /// in the given order (deletions of packed refs first), so a crash in between leaves the first few
    /// changed. Waits up to 10 s for a lock. Symbolic refs such as `HEAD` are refused. The objects must
    /// have been stored already; no reflog is written.
    pub fn update_refs(&self, edits: &[RefEdit], durability: Durability) -> Result<RefsUpdate> {
        let durable = durability == Durability::Durable;
        let mut sorted: Vec<&RefEdit> = edits.iter().collect();
        // Everybody who locks several in one order cannot wait in a circle.
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        let mut locks: BTreeMap<&str, (LockFile, Option<Sha>)> = BTreeMap::new();
        let mut packed: Option<PackedRefs> = None;
        for edit in sorted {
            check_name(&edit.name)?;
            let mut lock = LockFile::take(&self.common_dir().join(&edit.name), self.common_dir())?;
            let found = self.direct_target(&edit.name)?;
            let as_expected = match edit.expected {
                Expect::Any => true,
                Expect::Absent => found.is_none(),
                Expect::Is(id) => found == Some(id),
            };
            if !as_expected {
                let path = self.common_dir().join(&edit.name);
                drop(lock);
                remove_empty_parents(&path, self.common_dir());
                return Ok(RefsUpdate::Lost {
                    name: edit.name.clone(),
                    found,
                });
            }
            if let Some(new) = edit.new {
                if found.is_none() {
                    let packed = match &mut packed {
                        Some(packed) => packed,
                        none => none.insert(PackedRefs::read(self.common_dir())?),
                    };
                    self.check_room(&edit.name, packed)?;
                }
                lock.write(format!("{new}\n").as_bytes(), durable)?;
            } else {
                lock = lock.without_content();
            }
            if locks.insert(&edit.name, (lock, found)).is_some() {
                return Err(GitError::new(format!(
                    "cannot update `{}` twice at once",
                    edit.name
                )));
            }
        }
        step("refs locked");
        self.apply(edits, locks, durable)?;
        Ok(RefsUpdate::Done)
    }

    fn apply(
        &self,
        edits: &[RefEdit],
        mut locks: BTreeMap<&str, (LockFile, Option<Sha>)>,
        durable: bool,
    ) -> Result<()> {
        let deleted = edits.iter().filter(|edit| edit.new.is_none());
        let _packed_lock =
            self.unpack_deleted(&deleted.map(|edit| edit.name.as_str()).collect::<Vec<_>>())?;
        let mut touched: BTreeSet<PathBuf> = BTreeSet::new();
        for edit in edits {
            let Some((mut lock, found)) = locks.remove(edit.name.as_str()) else {
                continue;
            };
            let path = self.common_dir().join(&edit.name);
            touched.extend(parents(&path, self.common_dir(), lock.made_folders));
            match edit.new {
                Some(new) if found == Some(new) => {}
                Some(_) => lock.publish()?,
                None => {
                    lock.remove_target()?;
                    drop(lock);
                    remove_empty_parents(&path, self.common_dir());
                }
            }
            step("ref changed");
        }
        if durable {
            for folder in touched {
                match sync_dir(&folder) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(error).during(|| format!("sync `{}`", folder.display()));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// What the ref itself holds, compared while its lock is ours.
    fn direct_target(&self, name: &str) -> Result<Option<Sha>> {
        match self.inner.find_reference(name) {
            Ok(reference) => match reference.target() {
                Some(id) => sha(id).map(Some),
                None => Err(GitError::new(format!(
                    "`{name}` is a symbolic ref: update the ref it names"
                ))),
            },
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).during(|| format!("read the ref `{name}`")),
        }
    }

    /// A ref `a` and a ref `a/b` cannot exist together.
    fn check_room(&self, name: &str, packed: &PackedRefs) -> Result<()> {
        let collides = |other: &str| {
            GitError::new(format!(
                "cannot create the ref `{name}`: `{other}` exists, delete it or choose another name"
            ))
        };
        let below = format!("{name}/");
        if let Some((other, _)) = packed.under(&below)?.first() {
            return Err(collides(other));
        }
        let path = self.common_dir().join(name);
        if path.is_dir() {
            remove_empty_folders(&path);
            if path.is_dir() {
                return Err(collides(&below));
            }
        }
        let mut above = name;
        while let Some((folder, _)) = above.rsplit_once('/') {
            if folder.matches('/').count() >= 2 && packed.contains(folder)? {
                return Err(collides(folder));
            }
            above = folder;
        }
        Ok(())
    }

    /// Takes refs out of `packed-refs` before their loose files go, so that no reader sees an old value.
    /// The lock must be kept until those are gone: who packs reads loose refs without locking them
    /// and could bring a deleted one back.
    fn unpack_deleted(&self, names: &[&str]) -> Result<Option<LockFile>> {
        if names.is_empty() {
            return Ok(None);
        }
        let path = self.common_dir().join("packed-refs");
        let lock = LockFile::take(&path, self.common_dir())?;
        let packed = PackedRefs::read(self.common_dir())?;
        for name in names {
            if packed.contains(name)? {
                // Git's own name for it; whoever holds the lock may write it.
                let new = self.common_dir().join("packed-refs.new");
                step("packed refs locked");
                replace(&new, &path, &packed.without(names))
                    .during(|| format!("rewrite `{}`", path.display()))?;
                sync_dir(self.common_dir())
                    .during(|| format!("sync `{}`", self.common_dir().display()))?;
                step("packed refs rewritten");
                break;
            }
        }
        Ok(Some(lock))
    }
}

fn replace(new: &Path, target: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = fs::File::create(new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(new, target)
}

fn check_name(name: &str) -> Result<()> {
    if name.starts_with("refs/") && !name.ends_with(".lock") && git2::Reference::is_valid_name(name)
    {
        return Ok(());
    }
    Err(GitError::new(format!(
        "`{}` is not a ref name: expected one such as `refs/heads/main`",
        name.escape_default()
    )))
}

fn collect_loose(folder: &Path, name: &str, prefix: &str, names: &mut Vec<String>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error).during(|| format!("list `{}`", folder.display())),
    };
    for entry in entries {
        let entry = entry.during(|| format!("list `{}`", folder.display()))?;
        let Ok(child) = entry.file_name().into_string() else {
            continue;
        };
        let child = format!("{name}/{child}");
        let leads_there = child.starts_with(prefix) || prefix.starts_with(&format!("{child}/"));
        if child.ends_with(".lock") || !leads_there {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_loose(&entry.path(), &child, prefix, names)?;
        } else if git2::Reference::is_valid_name(&child) {
            names.push(child);
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

/// Folders of deleted refs would make every listing slower. `refs/heads` and its like stay.
fn remove_empty_parents(path: &Path, git_dir: &Path) {
    let keep = git_dir.components().count() + 2;
    for folder in path.ancestors().skip(1) {
        if folder.components().count() <= keep || fs::remove_dir(folder).is_err() {
            return;
        }
    }
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
