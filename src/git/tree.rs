//! An editable copy of a tree that is kept from commit to commit: only folders on the way to a change
//! are read, once, and only changed ones are written.

use std::sync::Arc;

use super::buffer::ObjectBuffer;
use super::diff::Change;
use super::error::{GitError, Result};
use super::objects::{Found, Mode, check_name};
use super::read::Objects;
use super::tree_node::Node;
use crate::domain::ids::Sha;

/// A folder that was not needed during so many writes is forgotten, so that memory stays bounded.
const KEEP_WRITES: u64 = 64;

/// Why something cannot be put at a path.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    /// Something else stands in its way.
    #[error("{0}")]
    Occupied(String),
    /// The tree cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl InsertError {
    /// For a tree that nobody else writes: whatever stands in the way is damage.
    pub fn into_damage(self) -> GitError {
        match self {
            Self::Occupied(what) => GitError::new(what),
            Self::Git(error) => error,
        }
    }
}

/// A tree in memory that can be changed and written again and again.
#[derive(Debug, Clone)]
pub struct TreeEditor {
    base: Option<Sha>,
    root: Option<Node>,
    clock: u64,
}

impl TreeEditor {
    /// An editor that begins with this tree, or with an empty one. Nothing is read yet.
    pub fn new(root: Option<Sha>) -> Self {
        Self {
            base: root,
            root: None,
            clock: 0,
        }
    }

    /// Continues with another tree and drops unwritten changes; folders that are the same in both are
    /// not read again.
    pub fn reset(&mut self, objects: Objects<'_>, root: Sha) -> Result<()> {
        let kept = match self.root.take() {
            Some(mut node) => {
                node.become_tree(objects, root, self.clock)?;
                Some(node)
            }
            None => None,
        };
        self.base = Some(root);
        self.root = kept;
        Ok(())
    }

    fn root(&mut self, objects: Objects<'_>) -> Result<&mut Node> {
        let node = match (self.root.take(), self.base) {
            (Some(node), _) => node,
            (None, Some(id)) => Node::load(objects, id, self.clock)?,
            (None, None) => Node::empty(self.clock),
        };
        Ok(self.root.insert(node))
    }

    /// What is at this path (`a/b/c`); `None` if nothing is. A folder that was changed has its former
    /// id, or zeros if it is new, until it is written.
    pub fn find(&mut self, objects: Objects<'_>, path: &str) -> Result<Option<Found>> {
        let clock = self.clock;
        let mut node = self.root(objects)?;
        let (folders, name) = split(path)?;
        for folder in folders {
            match node.child(objects, folder, clock)? {
                Some(child) => node = child,
                None => return Ok(None),
            }
        }
        Ok(node.find(name).map(super::objects::RawEntry::found))
    }

    /// The content of the regular file at this path; `None` if nothing is there, an error if something
    /// else is.
    pub fn read(&mut self, objects: Objects<'_>, path: &str) -> Result<Option<Arc<[u8]>>> {
        match self.find(objects, path)? {
            None => Ok(None),
            Some(entry) if matches!(entry.mode, Mode::File | Mode::Executable) => {
                objects.read_blob(entry.id).map(Some)
            }
            Some(_) => Err(GitError::new(format!(
                "`{}` is not a regular file",
                path.escape_default()
            ))),
        }
    }

    /// Adds or replaces what is at this path; folders are made as needed. `mode` must not be a folder's. A path that
    /// is occupied leaves the tree as it was.
    pub fn insert(
        &mut self,
        objects: Objects<'_>,
        path: &str,
        mode: Mode,
        id: Sha,
    ) -> std::result::Result<(), InsertError> {
        let (folders, name) = split(path)?;
        if mode == Mode::Tree {
            return Err(GitError::new(format!(
                "cannot put a whole folder at `{path}`: insert its files"
            ))
            .into());
        }
        if let Some(way) = self.find_in_the_way(objects, path)? {
            return Err(InsertError::Occupied(way));
        }
        let clock = self.clock;
        let mut node = self.root(objects)?;
        for folder in folders {
            node = node.child_to_edit(objects, folder, clock)?;
        }
        Ok(node.set(name, mode, id)?)
    }

    /// What keeps a file from being put at this path, in words.
    fn find_in_the_way(&mut self, objects: Objects<'_>, path: &str) -> Result<Option<String>> {
        let clock = self.clock;
        let (folders, name) = split(path)?;
        let mut node = self.root(objects)?;
        let mut end = 0;
        for folder in folders {
            end += folder.len();
            match node.find(folder) {
                None => return Ok(None),
                Some(entry) if entry.is_tree() => {}
                Some(_) => {
                    let file = path.get(..end).unwrap_or(path);
                    return Ok(Some(format!(
                        "`{file}` is a file, not a folder, so nothing can lie below it: choose another name"
                    )));
                }
            }
            end += 1;
            match node.child(objects, folder, clock)? {
                Some(child) => node = child,
                None => return Ok(None),
            }
        }
        let is_folder = node.find(name).is_some_and(|entry| entry.is_tree());
        Ok(is_folder.then(|| {
            format!("`{path}` is a folder, and a file does not take its place: choose another name")
        }))
    }

    /// Makes these changes.
    ///
    /// # Errors
    /// When something stands in the way of one of them, or a tree cannot be read.
    pub fn apply(
        &mut self,
        objects: Objects<'_>,
        changes: &[Change],
    ) -> std::result::Result<(), InsertError> {
        // Removals first: a file may give way to a folder of the same name.
        let (removals, others): (Vec<&Change>, Vec<&Change>) =
            changes.iter().partition(|change| change.new.is_none());
        for change in removals.into_iter().chain(others) {
            let path = change.path_text();
            match &change.new {
                Some(new) => self.insert(objects, &path, new.mode, new.id)?,
                None => _ = self.remove(objects, &path)?,
            }
        }
        Ok(())
    }

    /// Removes what is at this path, and the folders that become empty. Whether there was anything.
    pub fn remove(&mut self, objects: Objects<'_>, path: &str) -> Result<bool> {
        let (folders, name) = split(path)?;
        if self.find(objects, path)?.is_none() {
            return Ok(false);
        }
        let clock = self.clock;
        remove_below(self.root(objects)?, objects, &folders, name, clock)?;
        Ok(true)
    }

    /// Puts every changed folder into the buffer; gives the id of the root.
    pub fn write(&mut self, buffer: &mut ObjectBuffer) -> Sha {
        self.clock += 1;
        let root = match (&mut self.root, self.base) {
            (Some(node), _) => node.write(buffer),
            (None, Some(id)) => id,
            (None, None) => buffer.put_tree(&[], None),
        };
        self.base = Some(root);
        if self.clock.is_multiple_of(KEEP_WRITES)
            && let Some(node) = &mut self.root
        {
            node.forget_unused(self.clock.saturating_sub(KEEP_WRITES));
        }
        root
    }
}

fn remove_below(
    node: &mut Node,
    objects: Objects<'_>,
    folders: &[&[u8]],
    name: &[u8],
    clock: u64,
) -> Result<()> {
    let Some((first, rest)) = folders.split_first() else {
        node.take_out(name);
        return Ok(());
    };
    let child = node.child_to_edit(objects, first, clock)?;
    remove_below(child, objects, rest, name, clock)?;
    if child.is_empty() {
        node.take_out(first);
    }
    Ok(())
}

/// The folders of a path and the name at its end.
fn split(path: &str) -> Result<(Vec<&[u8]>, &[u8])> {
    let mut parts: Vec<&[u8]> = path.split('/').map(str::as_bytes).collect();
    for part in &parts {
        check_name(part).map_err(|_| {
            GitError::new(format!(
                "`{}` is not a path inside a repository: expected one such as `rules/people.yaml`",
                path.escape_default()
            ))
        })?;
    }
    let name = parts.pop().unwrap_or_default();
    Ok((parts, name))
}
