//! How several refs change together: locked, compared, then changed; see [`Repository::update_refs`].
//!
//! - Git writes branches and other refs as well. It, and we, lock the file of such a ref before reading it, and keep the
//!   lock until it has changed.
//! - Refs below `refs/pull/` are written by us alone, and the lock of all our updates keeps the others of us out
//!   ([`with_locks`]). Git only moves them into `packed-refs`, under the lock of that file, and then removes their own,
//!   under the lock of each, if they still say the same. So in large numbers they are written straight into
//!   `packed-refs`, and deleted, under its lock only. A few have files as other refs have, which costs no rewrite.
//! - Git reads the refs one after the other before it removes what none of them needs. What loses its branch while it
//!   reads, and gets into the records of pull requests, which were read before, would be in neither. So such a change is
//!   in their reflog as well, which git reads after all refs.
//! - `packed-refs.lock` is held until the files of what was written there, or deleted, are gone: who packs reads files
//!   without locking them and could bring an old value back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::{GitError, Result, ResultExt};
use super::lock::{LockFile, LockOwner, remove_ref_file, sync_dir, with_locks};
use super::packed_refs::{self, PackedRefs};
use super::refs::{Durability, Expect, Loose, RefEdit, RefsUpdate, broken, is_valid};
use super::repository::Repository;
use super::step;
use crate::domain::ids::Sha;

/// The refs of pull requests, which only we write: a push to them is refused.
pub(super) const PULLS: &str = "refs/pull/";

/// The records of pull requests. The further parents of its commits are kept by nothing else.
const RECORDS: &str = "refs/countersign/pulls";

/// So many new values of them are worth a rewrite of `packed-refs`.
const MANY: usize = 64;

/// The edits, each list by name.
struct Edits<'a> {
    /// Those of refs that have files, or may be written by git.
    locked: Vec<&'a RefEdit>,
    /// Those that are made in `packed-refs`.
    packed: Vec<&'a RefEdit>,
}

/// An edit, and what was found under its lock.
struct Locked<'a, 'o> {
    edit: &'a RefEdit,
    /// None where it is made in `packed-refs`.
    lock: Option<LockFile<'o>>,
    loose: Loose,
}

pub(super) fn update(
    repo: &Repository,
    edits: &[RefEdit],
    durability: Durability,
) -> Result<RefsUpdate> {
    let edits = Edits::sort(repo, edits)?;
    with_locks(&repo.files, |owner| {
        try_to_update(repo, owner, &edits, durability)
    })
}

impl<'a> Edits<'a> {
    fn sort(repo: &Repository, edits: &'a [RefEdit]) -> Result<Self> {
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
        let set = sorted.values().filter(|edit| edit.new.is_some());
        let set: BTreeSet<&str> = set.map(|edit| edit.name.as_str()).collect();
        for name in &set {
            let below = format!("{name}/");
            let next = set.range(below.as_str()..).next();
            if let Some(other) = next.filter(|other| other.starts_with(&below)) {
                return Err(collides(name, other));
            }
        }
        let are_many = set.iter().filter(|name| name.starts_with(PULLS)).count() >= MANY;
        let (packed, locked) = sorted.into_values().partition(|edit| {
            let is_packed = |new| are_many && repo.is_no_tag(new);
            edit.name.starts_with(PULLS) && edit.new.is_none_or(is_packed)
        });
        Ok(Self { locked, packed })
    }
}

fn try_to_update(
    repo: &Repository,
    owner: &LockOwner<'_>,
    edits: &Edits<'_>,
    durability: Durability,
) -> Result<RefsUpdate> {
    let git_dir = repo.common_dir();
    let deletes = edits.locked.iter().any(|edit| edit.new.is_none());
    let _packed_lock = match deletes || !edits.packed.is_empty() {
        true => Some(owner.lock(&git_dir.join("packed-refs"))?),
        false => None,
    };
    let mut all = Vec::new();
    for edit in &edits.locked {
        let lock = Some(owner.lock(&git_dir.join(&edit.name))?);
        let loose = repo.read_loose(&edit.name)?;
        all.push(Locked { edit, lock, loose });
    }
    for edit in &edits.packed {
        let (lock, loose) = (None, repo.read_loose(&edit.name)?);
        all.push(Locked { edit, lock, loose });
    }
    // After the files: a ref that is being packed is in one of them, or in both.
    let packed = repo.packed_refs()?;
    for locked in &all {
        let found = locked.find(&packed)?;
        let is_expected = match locked.edit.expected {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Is(id) => found == Some(id),
        };
        let name = &locked.edit.name;
        if !is_expected {
            let name = name.clone();
            return Ok(RefsUpdate::Lost { name, found });
        }
        if locked.edit.new.is_some() && found.is_none() {
            check_room(repo, &packed, name)?;
        }
    }
    step("refs locked");
    let mut touched = BTreeSet::new();
    for locked in &all {
        locked.write_reflog(repo, &packed)?;
        locked.write_file(durability)?;
        touched.extend(locked.touched_folders(git_dir));
    }
    let mut rewritten = BTreeMap::new();
    for Locked { edit, .. } in all.iter().filter(|locked| locked.loses_file()) {
        if packed.find(&edit.name)? != edit.new {
            rewritten.insert(edit.name.as_str(), edit.new);
        }
    }
    if !rewritten.is_empty() {
        packed_refs::rewrite(&repo.files, &packed, &rewritten)?;
        step("packed refs replaced");
    }
    // Not before what is packed is so, or a reader would see an old value.
    for Locked { edit, .. } in all.iter().filter(|locked| locked.loses_file()) {
        remove_ref_file(&git_dir.join(&edit.name), git_dir)?;
    }
    drop(all);
    if durability == Durability::Durable {
        sync_all(&touched)?;
    }
    Ok(RefsUpdate::Done)
}

impl Locked<'_, '_> {
    fn find(&self, packed: &PackedRefs) -> Result<Option<Sha>> {
        let name = &self.edit.name;
        match self.loose {
            // As a power failure may leave it: it may be replaced by anything.
            Loose::Broken if self.edit.expected == Expect::Any => Ok(None),
            Loose::Broken => Err(broken(name)),
            Loose::Id(id) => Ok(Some(id)),
            Loose::Missing => packed.find(name),
            Loose::Symbolic => Err(GitError::new(format!(
                "`{name}` is a symbolic ref: update the ref it names"
            ))),
        }
    }

    /// Whether it has no file after the change.
    fn loses_file(&self) -> bool {
        self.lock.is_none() || self.edit.new.is_none()
    }

    fn write_file(&self, durability: Durability) -> Result<()> {
        match (&self.lock, self.edit.new) {
            (Some(lock), Some(new)) if self.loose != Loose::Id(new) => {
                lock.publish(lock.prepare(format!("{new}\n").as_bytes(), durability)?)
            }
            _ => Ok(()),
        }
    }

    /// The change that is about to be made, and none of those before it; only where it keeps something more, because
    /// each costs a file.
    fn write_reflog(&self, repo: &Repository, packed: &PackedRefs) -> Result<()> {
        let (Some(lock), Some(new)) = (&self.lock, self.edit.new) else {
            return Ok(());
        };
        if self.edit.name != RECORDS || repo.read_commit(new)?.parents.len() < 2 {
            return Ok(());
        }
        // One that is broken begins anew.
        let old = self.find(packed).ok().flatten();
        let old = old.map_or("0".repeat(40), |id| id.to_string());
        let at = chrono::Utc::now().timestamp();
        let line = format!("{old} {new} countersign <> {at} +0000\tupdate\n");
        lock.replace_reflog(&self.edit.name, &line)
    }

    /// The folder of the ref and, if some were made, all above it up to the git directory.
    fn touched_folders(&self, git_dir: &Path) -> Vec<PathBuf> {
        let path = git_dir.join(&self.edit.name);
        let above = path.ancestors().skip(1);
        let above = above.take_while(|folder| *folder != git_dir);
        let count = match &self.lock {
            Some(lock) if lock.made_folders => usize::MAX,
            _ => 1,
        };
        above.take(count).map(Path::to_owned).collect()
    }
}

fn collides(name: &str, other: &str) -> GitError {
    GitError::new(format!(
        "cannot create the ref `{name}`: `{other}` exists, delete it or choose another name"
    ))
}

/// A ref `a` and a ref `a/b` cannot exist together.
fn check_room(repo: &Repository, packed: &PackedRefs, name: &str) -> Result<()> {
    let below = format!("{name}/");
    if let Some((other, _)) = packed.under(&below)?.first() {
        return Err(collides(name, other));
    }
    let path = repo.common_dir().join(name);
    if path.is_dir() {
        remove_empty_folders(&path);
        if path.is_dir() {
            return Err(collides(name, &below));
        }
    }
    let slashes = name.match_indices('/').skip(2);
    for above in slashes.filter_map(|(slash, _)| name.get(..slash)) {
        if packed.find(above)?.is_some() || repo.read_loose(above)? != Loose::Missing {
            return Err(collides(name, above));
        }
    }
    Ok(())
}

fn sync_all(folders: &BTreeSet<PathBuf>) -> Result<()> {
    for folder in folders {
        match sync_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            synced => synced.context(|| format!("sync `{}`", folder.display()))?,
        }
    }
    Ok(())
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
