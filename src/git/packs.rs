//! Packed objects for whoever reads a whole trail: libgit2 takes locks that all handles of the process share,
//! sets up a decompressor for each object, and keeps few of the bases that the next delta is made from.
//!
//! Only ever a shorter way: what is not found here, is no pack as git writes it, or is unusually large, is left
//! to libgit2, which also says what is wrong with it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::generational_cache::GenerationalCache;
use super::objects::Kind;
use super::pack::{self, Inflate, Made};
use crate::domain::ids::Sha;

/// Git makes no longer chains by itself than 50; somebody may have asked it for more.
const MAX_DEPTH: usize = 4_096;
/// What other objects are made from is kept up to so many bytes, and twice as many at most.
const BASES: usize = 16 * 1024 * 1024;

/// A pack is read by pieces that begin at every so many bytes: objects of one history are neighbours.
const PIECE: u64 = 16 * 1024;
/// So far a piece reaches into the next one, for what begins near its end.
const OVERLAP: u64 = 4 * 1024;
/// So many pieces are kept, each in the place that follows from where it begins.
const PIECES: usize = 512;

/// An index that is not larger than this (of some nine million objects) is held in memory.
const HELD_INDEX: u64 = 256 * 1024 * 1024;
/// Ids are spread evenly, so one is found within so many of where it is expected, nearly always.
const NEAR: u64 = 128;
const ID_LEN: u64 = 20;
/// Before the ids of an index: its signature, its version and 256 counts.
const IDS_AT: u64 = 8 + 256 * 4;

/// A pack by its place in the list, and where in it.
type At = (usize, u64);

/// The packs of a repository as they were when somebody began to read, and what was read of them last.
pub(super) struct Packs {
    packs: Arc<[Pack]>,
    /// Where the object was that was found last: the next one is likely there, too.
    last: usize,
    inflate: Inflate,
    /// The deltas from the object that is wanted to the one that it is made from, one after the other, and at
    /// the end what is being read.
    deltas: Vec<u8>,
    /// What a delta makes.
    made: Vec<u8>,
    pieces: Vec<Piece>,
    bases: GenerationalCache<At, (Kind, Arc<[u8]>), BASES>,
}

/// Bytes of a pack, read together. Its memory is used again for the next one that belongs in its place.
#[derive(Default)]
struct Piece {
    /// Which pack, and where in it; nowhere yet, if there are no bytes.
    at: At,
    bytes: Vec<u8>,
}

struct Pack {
    index: Source,
    data: Source,
    /// How many ids there are up to each first byte.
    counts: Vec<u32>,
}

/// What bytes are read from.
enum Source {
    Held(Vec<u8>),
    File(File),
}

impl Packs {
    /// Opens every pack below the folder of objects; one that cannot be read is left to libgit2.
    pub(super) fn open(objects: &Path) -> Self {
        let names = fs::read_dir(objects.join("pack")).into_iter().flatten();
        let indexes = names.filter_map(|entry| Some(entry.ok()?.path()));
        let packs = indexes
            .filter(|path| path.extension().is_some_and(|kind| kind == "idx"))
            .filter_map(|path| Pack::open(&path));
        Self::with(packs.collect())
    }

    /// The same packs, for another thread.
    pub(super) fn share(&self) -> Self {
        Self::with(Arc::clone(&self.packs))
    }

    fn with(packs: Arc<[Pack]>) -> Self {
        Self {
            packs,
            last: 0,
            inflate: Inflate::new(),
            deltas: Vec::new(),
            made: Vec::new(),
            pieces: std::iter::repeat_with(Piece::default)
                .take(PIECES)
                .collect(),
            bases: GenerationalCache::default(),
        }
    }

    /// Whether the object is in one of the packs.
    pub(super) fn contains(&self, id: Sha) -> bool {
        self.packs.iter().any(|pack| pack.find(id).is_some())
    }

    /// The kind and content of an object; none if it has to be looked for otherwise, also if it is made from
    /// anything that is larger than so many bytes.
    pub(super) fn read(&mut self, id: Sha, most: usize) -> Option<(Kind, Arc<[u8]>)> {
        let places = (self.last..self.packs.len()).chain(0..self.last);
        let (place, offset) = places
            .into_iter()
            .find_map(|place| Some((place, self.packs.get(place)?.find(id)?)))?;
        self.last = place;
        self.read_at(place, offset, most)
            .filter(|(_, content)| content.len() <= most)
    }

    fn read_at(&mut self, place: usize, offset: u64, most: usize) -> Option<(Kind, Arc<[u8]>)> {
        let packs = Arc::clone(&self.packs);
        let pack = packs.get(place)?;
        self.deltas.clear();
        // Where each is in the pack, and where its delta begins.
        let mut steps: Vec<(u64, usize)> = Vec::new();
        let mut at = offset;
        let (kind, mut content) = loop {
            if let Some(known) = self.bases.find((place, at)) {
                break known;
            }
            let start = self.deltas.len();
            let base = match self.decode(pack, (place, at), most)? {
                Made::Whole(kind) => {
                    let content: Arc<[u8]> = self.deltas.get(start..)?.into();
                    self.deltas.truncate(start);
                    // Nothing is made from most commits and files that are whole.
                    if kind == Kind::Tree || !steps.is_empty() {
                        self.keep_base((place, at), kind, &content);
                    }
                    break (kind, content);
                }
                Made::FromOffset(distance) => at.checked_sub(u64::try_from(distance).ok()?)?,
                Made::FromId(id) => pack.find(id)?,
            };
            steps.push((at, start));
            at = base;
            if steps.len() > MAX_DEPTH {
                return None;
            }
        };
        for (at, start) in steps.into_iter().rev() {
            let delta = self.deltas.get(start..)?;
            pack::apply_delta(&content, delta, most, &mut self.made)?;
            content = self.made.as_slice().into();
            self.deltas.truncate(start);
            self.keep_base((place, at), kind, &content);
        }
        Some((kind, content))
    }

    /// Appends what stands at a place of a pack to the deltas: an object, or the delta that makes it.
    fn decode(&mut self, pack: &Pack, (place, offset): At, most: usize) -> Option<Made> {
        let start = offset - offset % PIECE;
        let slot = usize::try_from(start / PIECE).ok()? % PIECES;
        let piece = self.pieces.get_mut(slot)?;
        if piece.at != (place, start) || piece.bytes.is_empty() {
            piece.fill(pack, (place, start))?;
        }
        let bytes = piece.bytes.get(usize::try_from(offset - start).ok()?..)?;
        let head = pack::head(bytes).filter(|head| head.size <= most)?;
        // What deflating adds at most to what cannot be deflated.
        let deflated = head.len + head.size.checked_add(head.size / 512 + 64)?;
        let larger;
        let bytes = if deflated <= bytes.len() || deflated > pack::MAX_OBJECT_LEN {
            bytes
        } else {
            larger = pack.data.read(offset, deflated)?;
            &larger
        };
        let stream = bytes.get(head.len..)?;
        self.inflate.append(stream, head.size, &mut self.deltas)?;
        Some(head.made)
    }

    fn keep_base(&mut self, at: At, kind: Kind, content: &Arc<[u8]>) {
        self.bases
            .keep(at, (kind, Arc::clone(content)), content.len());
    }
}

impl Piece {
    fn fill(&mut self, pack: &Pack, at: At) -> Option<()> {
        self.bytes.resize(usize::try_from(PIECE + OVERLAP).ok()?, 0);
        // If it cannot be read, this is no piece of anything.
        let read = pack.data.read_into(at.1, &mut self.bytes);
        self.bytes.truncate(read.unwrap_or_default());
        self.at = at;
        read.map(drop)
    }
}

impl Pack {
    fn open(index: &Path) -> Option<Self> {
        let data = Source::File(File::open(index.with_extension("pack")).ok()?);
        let held = fs::metadata(index).ok()?.len() <= HELD_INDEX;
        let index = match held {
            true => Source::Held(fs::read(index).ok()?),
            false => Source::File(File::open(index).ok()?),
        };
        let head = index.read(0, usize::try_from(IDS_AT).ok()?)?;
        let counts = head.strip_prefix(b"\xfftOc\0\0\0\x02")?.chunks_exact(4);
        let counts = counts.map(|count| Some(u32::from_be_bytes(count.try_into().ok()?)));
        let counts = counts.collect::<Option<_>>()?;
        Some(Self {
            index,
            data,
            counts,
        })
    }

    /// Where an object begins in the pack.
    fn find(&self, id: Sha) -> Option<u64> {
        let (first, rest) = id.as_bytes().split_first()?;
        let count = |place: usize| self.counts.get(place).map(|count| u64::from(*count));
        let first = usize::from(*first);
        let mut low = first.checked_sub(1).map_or(Some(0), count)?;
        let mut high = count(first)?;
        let fraction = u64::from(u32::from_be_bytes(rest.get(..4)?.try_into().ok()?));
        let mut middle = low + ((high.checked_sub(low)? * fraction) >> 32);
        while low < high {
            let (from, to) = (
                low.max(middle.saturating_sub(NEAR)),
                high.min(middle + NEAR),
            );
            let len = usize::try_from((to - from) * ID_LEN).ok()?;
            let ids = self.index.read(IDS_AT + from * ID_LEN, len)?;
            let (ids, _) = ids.as_chunks::<20>();
            match search(
                ids,
                id.as_bytes(),
                u64::MAX / u64::from(*self.counts.last()?),
            ) {
                Ok(place) => return self.offset(from + u64::try_from(place).ok()?),
                Err(0) if from > low => high = from,
                Err(place) if place == ids.len() && to < high => low = to,
                Err(_) => return None,
            }
            middle = low + (high - low) / 2;
        }
        None
    }

    fn offset(&self, place: u64) -> Option<u64> {
        let count = u64::from(*self.counts.last()?);
        let number = |at: u64, len: usize| -> Option<u64> {
            let bytes = self.index.read(at, len)?;
            Some(
                bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            )
        };
        // After the ids come as many checksums, offsets of 31 bits, and those that need more.
        let offsets = IDS_AT + count * (ID_LEN + 4);
        let offset = number(offsets + place * 4, 4)?;
        match offset.checked_sub(1 << 31) {
            None => Some(offset),
            Some(large) => number(offsets + count * 4 + large * 8, 8),
        }
    }
}

/// As a binary search of sorted ids, but it goes where an id is expected among ids that are this far apart: each
/// one that is looked at is likely not in the processor's cache.
pub(super) fn search(ids: &[[u8; 20]], id: &[u8; 20], spacing: u64) -> Result<usize, usize> {
    let number = |id: &[u8; 20]| {
        id.first_chunk()
            .map_or(0, |first| u64::from_be_bytes(*first))
    };
    let (mut low, mut high) = (0, ids.len());
    let mut guess = ids.len() / 2;
    while low < high {
        let at = guess.clamp(low, high - 1);
        let Some(found) = ids.get(at) else { break };
        let step = number(found).abs_diff(number(id)) / spacing.max(1);
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        match found.cmp(id) {
            Ordering::Equal => return Ok(at),
            Ordering::Less => {
                low = at + 1;
                guess = low.saturating_add(step);
            }
            Ordering::Greater => {
                high = at;
                guess = at.saturating_sub(1).saturating_sub(step);
            }
        }
    }
    Err(low)
}

impl Source {
    /// So many bytes from here, or as many as there are.
    fn read(&self, at: u64, len: usize) -> Option<Cow<'_, [u8]>> {
        if let Self::Held(bytes) = self {
            let rest = bytes.get(usize::try_from(at).ok()?..)?;
            return Some(Cow::Borrowed(rest.get(..len).unwrap_or(rest)));
        }
        let mut bytes = vec![0; len];
        let read = self.read_into(at, &mut bytes)?;
        bytes.truncate(read);
        Some(Cow::Owned(bytes))
    }

    /// Fills the room from here, or with as many bytes as there are; how many.
    fn read_into(&self, at: u64, room: &mut [u8]) -> Option<usize> {
        let file = match self {
            Self::File(file) => file,
            Self::Held(_) => {
                let bytes = self.read(at, room.len())?;
                room.get_mut(..bytes.len())?.copy_from_slice(&bytes);
                return Some(bytes.len());
            }
        };
        let mut have = 0;
        while let Some(rest) = room.get_mut(have..).filter(|rest| !rest.is_empty()) {
            match read_at(file, rest, at + u64::try_from(have).ok()?) {
                Ok(0) => break,
                Ok(count) => have += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(have)
    }
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(windows)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, at)
}
