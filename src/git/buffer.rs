//! Objects made in memory and stored all at once: libgit2 lists the pack folder again for every
//! object it writes, and a file and an fsync for each would bound us to some dozens a second.

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use sha1::{Digest, Sha1};

use super::commit::NewCommit;
use super::error::{GitError, Result, ResultExt};
use super::kept_pack::KeptPack;
use super::lock::sync_dir;
use super::maintenance::make_room;
use super::objects::{Kind, object_id};
use super::pack::{self, Encoder, IndexEntry, Inflate, Made, SameEnds};
use super::repository::Repository;
use super::sharing::{NEW_INDEX, NEW_PACK, RepositoryFiles, UnfinishedFile};
use super::step;
use crate::domain::ids::Sha;

/// A reader has to apply a whole chain of deltas; git's own packs stop at fifty too.
const MAX_DEPTH: u8 = 50;

/// Offsets in the index have 31 bits.
const MAX_PACK_LEN: usize = 0x7fff_ffff;

/// How often a write is tried that others can disturb.
const MOST_TRIES: u32 = 20;

#[derive(Debug, Clone, Copy)]
struct Place {
    offset: usize,
    kind: Kind,
    depth: u8,
}

/// Objects that are made but not yet stored. It holds them as the pack that [`ObjectBuffer::flush`]
/// writes, so it costs the memory of the compressed pack, about 5 kB a record.
pub struct ObjectBuffer {
    encoder: Encoder,
    pack: Vec<u8>,
    places: HashMap<Sha, Place>,
    order: Vec<(Sha, usize)>,
}

impl std::fmt::Debug for ObjectBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ObjectBuffer({} objects, {} bytes)",
            self.order.len(),
            self.pack.len()
        )
    }
}

impl Default for ObjectBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl ObjectBuffer {
    /// An empty buffer. Reuse it: flushing keeps its memory.
    pub fn new() -> Self {
        Self {
            encoder: Encoder::new(),
            pack: pack::header(0).to_vec(),
            places: HashMap::new(),
            order: Vec::new(),
        }
    }

    /// How many objects wait to be stored.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many bytes the pack has so far.
    pub fn pack_bytes(&self) -> usize {
        self.pack.len()
    }

    /// Adds the content of a file; gives its id.
    pub fn put_blob(&mut self, content: &[u8]) -> Sha {
        self.put(Kind::Blob, content)
    }

    /// Adds the tree without entries; gives its id.
    pub fn put_empty_tree(&mut self) -> Sha {
        self.put(Kind::Tree, &[])
    }

    /// Adds a commit; gives its id.
    pub fn put_commit(&mut self, commit: &NewCommit) -> Sha {
        self.put(Kind::Commit, &commit.to_bytes())
    }

    /// Adds a tree, as a delta if the tree it was made from is in this buffer too.
    pub(super) fn put_tree(&mut self, content: &[u8], made_from: Option<(Sha, SameEnds)>) -> Sha {
        let id = object_id(Kind::Tree, content);
        if self.places.contains_key(&id) {
            return id;
        }
        let base = made_from.and_then(|(base, ends)| Some((*self.places.get(&base)?, ends)));
        if let Some((base, ends)) = base
            && base.depth < MAX_DEPTH
            && base.kind == Kind::Tree
        {
            let delta = pack::delta(content, ends);
            if delta.len() * 2 < content.len() {
                let offset = self.note(id, Kind::Tree, base.depth + 1);
                self.encoder
                    .push_delta(&mut self.pack, offset - base.offset, &delta);
                return id;
            }
        }
        self.note(id, Kind::Tree, 0);
        self.encoder.push_whole(&mut self.pack, Kind::Tree, content);
        id
    }

    fn put(&mut self, kind: Kind, content: &[u8]) -> Sha {
        let id = object_id(kind, content);
        if !self.places.contains_key(&id) {
            self.note(id, kind, 0);
            self.encoder.push_whole(&mut self.pack, kind, content);
        }
        id
    }

    fn note(&mut self, id: Sha, kind: Kind, depth: u8) -> usize {
        let offset = self.pack.len();
        self.places.insert(
            id,
            Place {
                offset,
                kind,
                depth,
            },
        );
        self.order.push((id, offset));
        offset
    }

    /// Whether this object waits here.
    pub fn contains(&self, id: Sha) -> bool {
        self.places.contains_key(&id)
    }

    /// An object that waits here: its kind and content.
    pub fn find(&self, id: Sha) -> Result<Option<(Kind, Vec<u8>)>> {
        let Some(place) = self.places.get(&id) else {
            return Ok(None);
        };
        let broken = || GitError::new(format!("object `{id}` in memory cannot be read back"));
        let mut deltas = Vec::new();
        let mut offset = place.offset;
        let mut content = loop {
            let (made, content) = self.decode(offset).ok_or_else(broken)?;
            let Made::FromOffset(distance) = made else {
                break content;
            };
            deltas.push(content);
            offset = offset.saturating_sub(distance);
        };
        for delta in deltas.iter().rev() {
            let mut made = Vec::new();
            pack::apply_delta(&content, delta, pack::MAX_OBJECT_LEN, &mut made)
                .ok_or_else(broken)?;
            content = made;
        }
        Ok(Some((place.kind, content)))
    }

    fn decode(&self, offset: usize) -> Option<(Made, Vec<u8>)> {
        let bytes = self.pack.get(offset..)?;
        let head = pack::head(bytes)?;
        let stream = bytes.get(head.len..)?;
        let mut content = Vec::new();
        Inflate::new().append(stream, head.size, &mut content)?;
        Some((head.made, content))
    }

    /// Stores everything as one pack, durably, and empties the buffer. Waits while there are too many packs. If it
    /// fails, nothing of it can be seen in the repository and the buffer is as it was, so it may be tried again.
    pub fn flush(&mut self, repo: &Repository) -> Result<KeptPack> {
        if self.is_empty() {
            return Ok(KeptPack::nothing());
        }
        make_room(repo);
        let folder = repo.common_dir().join("objects/pack");
        let count = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        if self.pack.len() > MAX_PACK_LEN {
            return Err(GitError::new(
                "cannot store more than 2 GiB at once: flush more often",
            ));
        }
        if let Some(start) = self.pack.get_mut(..pack::HEADER_LEN) {
            start.copy_from_slice(&pack::header(count));
        }
        let hash: [u8; 20] = Sha1::digest(&self.pack).into();
        let index = pack::index(&mut self.index_entries(), &hash);
        let name = format!("pack-{}", Sha::from_bytes(hash));
        let mut tries = 1;
        let kept = loop {
            match store(&repo.files, &folder, &name, &[&self.pack, &hash], &index) {
                // `git prune` removed what was not finished.
                Err(error) if error.kind() == ErrorKind::NotFound && tries < MOST_TRIES => {
                    tries += 1;
                }
                stored => break stored,
            }
        };
        let kept = kept.context(|| format!("store {count} objects in `{}`", folder.display()))?;
        self.pack.truncate(pack::HEADER_LEN);
        self.places.clear();
        self.order.clear();
        Ok(kept)
    }

    fn index_entries(&self) -> Vec<IndexEntry> {
        let ends = self
            .order
            .iter()
            .skip(1)
            .map(|(_, offset)| *offset)
            .chain([self.pack.len()]);
        let entry = |((id, offset), end): (&(Sha, usize), usize)| IndexEntry {
            id: *id,
            crc: crc32fast::hash(self.pack.get(*offset..end).unwrap_or_default()),
            offset: u32::try_from(*offset).unwrap_or(u32::MAX),
        };
        self.order.iter().zip(ends).map(entry).collect()
    }
}

/// A pack counts for git from the moment its index is there, so the index comes last.
fn store(
    files: &RepositoryFiles,
    folder: &Path,
    name: &str,
    pack: &[&[u8]],
    index: &[u8],
) -> std::io::Result<KeptPack> {
    files.create_folders(folder)?;
    let pack_file = write_unfinished(files, folder, NEW_PACK, pack)?;
    step("pack written");
    let index_file = write_unfinished(files, folder, NEW_INDEX, &[index])?;
    step("index of the pack written");
    let final_pack = folder.join(format!("{name}.pack"));
    let kept = KeptPack::new(files, &final_pack)?;
    step("pack kept");
    pack_file.put_at(&final_pack)?;
    step("pack in place");
    if let Err(error) = index_file.put_at(&folder.join(format!("{name}.idx"))) {
        let _ = fs::remove_file(&final_pack);
        return Err(error);
    }
    sync_dir(folder)?;
    Ok(kept)
}

fn write_unfinished(
    files: &RepositoryFiles,
    folder: &Path,
    prefix: &str,
    parts: &[&[u8]],
) -> std::io::Result<UnfinishedFile> {
    let mut unfinished = files.unfinished(folder, prefix)?;
    for part in parts {
        unfinished.file.write_all(part)?;
    }
    files.make_read_only(&unfinished.file)?;
    unfinished.file.sync_all()?;
    Ok(unfinished)
}
