//! Branches and other refs. The only way one moves is [`Repository::update_refs`], a compare-and-swap
//! under git's own locks that excludes our other threads and processes as well as `git push`.
//!
//! Written by hand because libgit2's transactions compare nothing, give up at once when a lock is
//! held, and can lose what another process packs while they delete.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::error::{GitError, Result, ResultExt};
use super::lock::{is_no_file, wait_for_turn};
use super::once::warn_once;
use super::ref_update;
use super::repository::{Repository, sha};
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

/// The turn to change something; see [`Repository::wait_for_turn`].
#[derive(Debug)]
#[must_use = "others have their turn as soon as this is dropped"]
pub struct Turn {
    _file: Option<fs::File>,
}

/// What the file of a ref says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loose {
    /// There is none; the ref may still be packed.
    Missing,
    /// It points to another ref.
    Symbolic,
    Id(Sha),
    /// It holds no id.
    Broken,
}

/// A file that holds no id, as a power failure may leave it.
pub(super) fn broken(name: &str) -> GitError {
    GitError::new(format!(
        "the file of the ref `{}` is broken: restore or remove it",
        name.escape_default()
    ))
}

impl Repository {
    /// What a ref points to, following symbolic refs; `None` if there is no such ref. The object
    /// may be of any kind.
    pub fn find_ref(&self, name: &str) -> Result<Option<Sha>> {
        // Loose before packed: a ref that is being packed is seen in one of them, or in both.
        if is_plain(name) {
            match self.read_loose(name)? {
                Loose::Id(id) => return Ok(Some(id)),
                Loose::Missing => return self.packed_refs()?.find(name),
                Loose::Broken => return Err(broken(name)),
                Loose::Symbolic => {}
            }
        }
        match self.inner.refname_to_id(name) {
            Ok(id) => sha(id).map(Some),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => {
                Err(error).context(|| format!("read the ref `{}`", name.escape_default()))
            }
        }
    }

    /// All refs whose names begin with `prefix` (a text, such as `refs/pull/`), sorted by name.
    /// Costs what lies below that folder, and what is packed with that prefix.
    pub fn refs_under(&self, prefix: &str) -> Result<Vec<(String, Sha)>> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.starts_with("refs") || folder.split('/').any(|part| part == "..") {
            return Err(GitError::new(format!(
                "cannot list refs under `{prefix}`: expected something that begins with `refs/`"
            )));
        }
        let mut refs = BTreeMap::new();
        for name in self.loose_under(folder, prefix)? {
            match self.read_loose(&name)? {
                Loose::Id(id) => {
                    refs.insert(name, id);
                }
                Loose::Symbolic => {
                    if let Some(id) = self.find_ref(&name)? {
                        refs.insert(name, id);
                    }
                }
                // Packed since it was listed, and so found below; or deleted.
                Loose::Missing => {}
                // One broken branch must not hide the others.
                Loose::Broken => warn_once(&broken(&name).to_string()),
            }
        }
        for (name, id) in self.packed_refs()?.under(prefix)? {
            refs.entry(name).or_insert(id);
        }
        Ok(refs.into_iter().collect())
    }

    /// Changes all of these refs, or none if any of them is not as expected.
    ///
    /// All are locked and compared before the first is changed; then they change one after the other, so a crash in
    /// between leaves some changed. Below `refs/pull/` only other updates of ours are kept out: nobody else writes
    /// there. Waits up to 10 s for locks. Symbolic refs such as `HEAD` are refused. The objects must have been stored
    /// already; no reflog is written.
    pub fn update_refs(&self, edits: &[RefEdit], durability: Durability) -> Result<RefsUpdate> {
        ref_update::update(self, edits, durability)
    }

    /// Waits until none of our other processes and threads changes what goes by this name. Held until it is dropped.
    /// Correctness must not rest on it: whoever waited for long goes on without.
    pub fn wait_for_turn(&self, name: &str) -> Turn {
        let name = format!("countersign-{name}");
        Turn {
            _file: wait_for_turn(&self.files, &name),
        }
    }

    /// What the file of this ref says.
    pub(super) fn read_loose(&self, name: &str) -> Result<Loose> {
        let context = || format!("read the ref `{}`", name.escape_default());
        let content = match fs::read(self.common_dir().join(name)) {
            Ok(content) => content,
            Err(error) if is_no_file(&error) => return Ok(Loose::Missing),
            Err(error) => return Err(error).context(context),
        };
        if content.starts_with(b"ref:") {
            return Ok(Loose::Symbolic);
        }
        let id = std::str::from_utf8(&content).ok();
        match id.and_then(|id| id.trim_end().parse().ok()) {
            Some(id) => Ok(Loose::Id(id)),
            None => Ok(Loose::Broken),
        }
    }

    /// The names that begin with `prefix` among the files below a folder such as `refs/pull`.
    pub(super) fn loose_under(&self, folder: &str, prefix: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        collect_loose(&self.common_dir().join(folder), folder, prefix, &mut names)?;
        Ok(names)
    }
}

/// Names a ref that nobody can ask for, because its name is no text.
pub(super) fn pass_over(name: &[u8]) {
    warn_once(&format!(
        "the name of the ref `{}` is not UTF-8: it is passed over; rename or delete it with git",
        name.escape_ascii()
    ));
}

/// Whether all worktrees share the ref, and it is where its name says.
fn is_plain(name: &str) -> bool {
    const OF_ONE_WORKTREE: [&str; 3] = ["refs/bisect/", "refs/worktree/", "refs/rewritten/"];
    is_valid(name) && !OF_ONE_WORKTREE.iter().any(|own| name.starts_with(own))
}

pub(super) fn is_valid(name: &str) -> bool {
    name.starts_with("refs/") && !name.ends_with(".lock") && git2::Reference::is_valid_name(name)
}

fn collect_loose(folder: &Path, name: &str, prefix: &str, names: &mut Vec<String>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error).context(|| format!("list `{}`", folder.display())),
    };
    for entry in entries {
        let entry = entry.context(|| format!("list `{}`", folder.display()))?;
        let child = match entry.file_name().into_string() {
            Ok(child) => format!("{name}/{child}"),
            Err(child) => {
                pass_over(&[name.as_bytes(), b"/", child.as_encoded_bytes()].concat());
                continue;
            }
        };
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
