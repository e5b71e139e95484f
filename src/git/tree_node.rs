//! One folder in memory: its tree object's bytes, edited in place, and which of them are still those
//! of the stored version, so that writing it costs neither a new serialisation nor a comparison.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use super::buffer::ObjectBuffer;
use super::error::{GitError, Result};
use super::objects::{Kind, Mode, RawEntry, first_entry, parse_tree};
use super::pack::SameEnds;
use super::read::{Objects, in_tree};
use crate::domain::ids::Sha;

/// Stands in a tree for a folder that has no id yet; replaced when it is written.
const NOT_YET: Sha = Sha::from_bytes([0; 20]);

#[derive(Debug, Clone)]
pub(super) struct Node {
    raw: Vec<u8>,
    /// Where each entry begins in it.
    starts: Vec<u32>,
    /// The folders below that were loaded or made.
    children: HashMap<Vec<u8>, Node>,
    /// Those of them that have something to write.
    dirty_children: BTreeSet<Vec<u8>>,
    /// The id it was loaded or written as.
    stored: Option<Sha>,
    ends: SameEnds,
    /// The write during which it was last needed.
    used: u64,
}

impl Node {
    pub(super) fn empty(clock: u64) -> Self {
        Self {
            raw: Vec::new(),
            starts: Vec::new(),
            children: HashMap::new(),
            dirty_children: BTreeSet::new(),
            stored: None,
            ends: SameEnds {
                base_len: 0,
                prefix: 0,
                suffix: 0,
            },
            used: clock,
        }
    }

    pub(super) fn load(objects: Objects<'_>, id: Sha, clock: u64) -> Result<Self> {
        let mut node = Self::empty(clock);
        node.raw = objects.read_kind(id, Kind::Tree)?;
        let mut start = 0usize;
        for entry in parse_tree(&node.raw).map_err(|error| in_tree(id, &error))? {
            node.starts.push(offset(start)?);
            start += entry.len;
        }
        node.settle(id);
        Ok(node)
    }

    /// From here on the bytes are those of a stored tree.
    fn settle(&mut self, id: Sha) {
        let len = self.raw.len();
        self.stored = Some(id);
        self.ends = SameEnds {
            base_len: len,
            prefix: len,
            suffix: len,
        };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<RawEntry<'_>> {
        let index = self.index_of(name)?;
        self.entry(index)
    }

    fn entry(&self, index: usize) -> Option<RawEntry<'_>> {
        let start = usize::try_from(*self.starts.get(index)?).ok()?;
        first_entry(self.raw.get(start..)?).ok()
    }

    fn index_of(&self, name: &[u8]) -> Option<usize> {
        self.place_of(name, false)
            .or_else(|_| self.place_of(name, true))
            .ok()
    }

    fn place_of(&self, name: &[u8], is_tree: bool) -> std::result::Result<usize, usize> {
        self.starts.binary_search_by(|start| {
            let bytes = usize::try_from(*start)
                .ok()
                .and_then(|start| self.raw.get(start..));
            let entry = bytes.and_then(|bytes| first_entry(bytes).ok());
            entry.map_or(Ordering::Less, |entry| entry.cmp_key(name, is_tree))
        })
    }

    /// Adds or replaces an entry.
    pub(super) fn set(&mut self, name: &[u8], mode: Mode, id: Sha) -> Result<()> {
        if self
            .find(name)
            .is_some_and(|entry| entry.mode == mode && entry.id == id)
        {
            return Ok(());
        }
        self.take_out(name);
        let Err(index) = self.place_of(name, mode == Mode::Tree) else {
            return Err(GitError::new("a tree in memory has lost its order"));
        };
        let start = match self.starts.get(index) {
            Some(start) => usize::try_from(*start).unwrap_or(self.raw.len()),
            None => self.raw.len(),
        };
        let mut bytes = format!("{:o} ", mode.bits()).into_bytes();
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
        self.touch(start, 0);
        let len = offset(bytes.len())?;
        offset(self.raw.len() + bytes.len())?;
        self.raw.splice(start..start, bytes);
        self.starts.insert(index, offset(start)?);
        self.starts
            .iter_mut()
            .skip(index + 1)
            .for_each(|start| *start += len);
        Ok(())
    }

    /// Removes an entry and what was loaded below it. Whether there was one.
    pub(super) fn take_out(&mut self, name: &[u8]) -> bool {
        let Some(index) = self.index_of(name) else {
            return false;
        };
        let Some(len) = self.entry(index).map(|entry| entry.len) else {
            return false;
        };
        let start = usize::try_from(self.starts.remove(index)).unwrap_or(self.raw.len());
        self.touch(start, len);
        self.raw.drain(start..start + len);
        let len = u32::try_from(len).unwrap_or(0);
        self.starts
            .iter_mut()
            .skip(index)
            .for_each(|start| *start -= len);
        self.children.remove(name);
        self.dirty_children.remove(name);
        true
    }

    /// Gives a child that was written its new id.
    fn patch(&mut self, name: &[u8], id: Sha) {
        let Some(entry) = self.place_of(name, true).ok().and_then(|index| {
            let start = usize::try_from(*self.starts.get(index)?).ok()?;
            let entry = self.entry(index)?;
            Some((start + entry.len - 20, entry.id))
        }) else {
            return;
        };
        if entry.1 != id {
            self.touch(entry.0, 20);
            let to = self.raw.iter_mut().skip(entry.0).zip(id.as_bytes());
            to.for_each(|(to, from)| *to = *from);
        }
    }

    /// Notes that these bytes are about to change.
    fn touch(&mut self, start: usize, len: usize) {
        self.ends.prefix = self.ends.prefix.min(start);
        self.ends.suffix = self
            .ends
            .suffix
            .min(self.raw.len().saturating_sub(start + len));
    }

    fn is_changed(&self) -> bool {
        self.stored.is_none()
            || self.ends.prefix < self.raw.len()
            || self.ends.base_len != self.raw.len()
    }

    /// The folder of this name, loaded if need be; `None` if there is none.
    pub(super) fn child(
        &mut self,
        objects: Objects<'_>,
        name: &[u8],
        clock: u64,
    ) -> Result<Option<&mut Self>> {
        self.used = clock;
        if !self.children.contains_key(name) {
            let id = match self.find(name) {
                Some(entry) if entry.is_tree() => entry.id,
                _ => return Ok(None),
            };
            let node = Self::load(objects, id, clock)?;
            self.children.insert(name.to_vec(), node);
        }
        Ok(self.children.get_mut(name))
    }

    /// The folder of this name, to be changed; made if there is none.
    pub(super) fn child_to_edit(
        &mut self,
        objects: Objects<'_>,
        name: &[u8],
        clock: u64,
    ) -> Result<&mut Self> {
        if let Some(other) = self.find(name).filter(|entry| !entry.is_tree()) {
            let name = String::from_utf8_lossy(other.name);
            return Err(GitError::new(format!(
                "`{}` is a file, not a folder",
                name.escape_default()
            )));
        }
        if self.child(objects, name, clock)?.is_none() {
            self.set(name, Mode::Tree, NOT_YET)?;
            self.children.insert(name.to_vec(), Self::empty(clock));
        }
        self.dirty_children.insert(name.to_vec());
        self.children
            .get_mut(name)
            .ok_or_else(|| GitError::new("a tree in memory has lost a folder"))
    }

    /// Puts this folder and every changed one below it into the buffer.
    pub(super) fn write(&mut self, buffer: &mut ObjectBuffer) -> Sha {
        for name in std::mem::take(&mut self.dirty_children) {
            if let Some(child) = self.children.get_mut(&name) {
                let id = child.write(buffer);
                self.patch(&name, id);
            }
        }
        if let Some(id) = self.stored.filter(|_| !self.is_changed()) {
            return id;
        }
        let mut ends = self.ends;
        ends.suffix = ends.suffix.min(
            ends.base_len
                .min(self.raw.len())
                .saturating_sub(ends.prefix),
        );
        let id = buffer.put_tree(&self.raw, self.stored.map(|base| (base, ends)));
        self.settle(id);
        id
    }

    /// Forgets folders that were not needed since the given write.
    pub(super) fn forget_unused(&mut self, since: u64) {
        let dirty = &self.dirty_children;
        self.children
            .retain(|name, child| child.used >= since || dirty.contains(name));
        self.children
            .values_mut()
            .for_each(|child| child.forget_unused(since));
    }

    /// Becomes the folder of this id and keeps what is the same below.
    pub(super) fn become_tree(&mut self, objects: Objects<'_>, id: Sha, clock: u64) -> Result<()> {
        if self.stored == Some(id) && self.dirty_children.is_empty() && !self.is_changed() {
            return Ok(());
        }
        let mut fresh = Self::load(objects, id, clock)?;
        for (name, mut child) in std::mem::take(&mut self.children) {
            if let Some(entry) = fresh.find(&name).filter(RawEntry::is_tree) {
                child.become_tree(objects, entry.id, clock)?;
                fresh.children.insert(name, child);
            }
        }
        *self = fresh;
        Ok(())
    }
}

fn offset(value: usize) -> Result<u32> {
    u32::try_from(value).map_err(|_| GitError::new("a tree of more than 4 GiB cannot be edited"))
}
