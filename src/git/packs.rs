//! Packed objects: libgit2 takes locks that all handles of the process share, sets up a decompressor for each object,
//! and keeps up to 16 MB for each pack, of packs that are long gone, too, without a bound for all of them.
//!
//! Only ever a shorter way: what is not found here, is no pack as git writes it, or is unusually large, is left
//! to libgit2, which also says what is wrong with it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering as AtomicOrdering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use super::object_cache::{CacheKey, ObjectCache};
use super::objects::Kind;
use super::pack::{self, Inflate, Made};
use crate::domain::ids::Sha;

/// Git makes no longer chains by itself than 50; somebody may have asked it for more.
const MAX_DEPTH: usize = 4_096;
/// Who reads in bulk keeps up to so many bytes for itself.
const BULK_CACHE: usize = 32 * 1024 * 1024;

/// A pack is read by pieces that begin at every so many bytes: objects of one history are neighbours.
const PIECE: u64 = 16 * 1024;
/// So far a piece reaches into the next one, for what begins near its end.
const OVERLAP: u64 = 4 * 1024;
/// So many pieces are kept, each in the place that follows from where it begins.
const PIECES: usize = 8;
const BULK_PIECES: usize = 512;

/// An index that is not larger than this is held in memory.
const HELD_INDEX: u64 = 1024 * 1024;
/// Of some nine million objects.
const BULK_HELD_INDEX: u64 = 256 * 1024 * 1024;
/// So many packs are open at most, each with one or two files; the others are left to libgit2.
const MOST_OPEN: usize = 100;

/// Ids are spread evenly, so one is found within so many of where it is expected, nearly always.
const NEAR: u64 = 128;
const ID_LEN: u64 = 20;
/// Before the ids of an index: its signature, its version and 256 counts.
const IDS_AT: u64 = 8 + 256 * 4;

/// Where an object is.
pub(super) struct Place {
    pack: Arc<Pack>,
    offset: u64,
}

/// The packs of a repository, for all handles that share them.
pub(super) struct PackSet {
    folder: PathBuf,
    /// How large an index may be that is held in memory.
    held_index: u64,
    /// None until somebody reads.
    packs: RwLock<Option<PackList>>,
}

type PackList = Arc<[Arc<Pack>]>;

/// One handle's way to them.
pub(super) struct Packs {
    set: Arc<PackSet>,
    cache: ObjectCache,
    /// Where the object was that was found last: the next one is likely there, too.
    last: usize,
    inflate: Inflate,
    /// The deltas from the object that is wanted to the one that it is made from, one after the other, and at
    /// the end what is being read.
    deltas: Vec<u8>,
    /// What a delta makes.
    made: Vec<u8>,
    pieces: Vec<Piece>,
}

/// Bytes of a pack, read together. Its memory is used again for the next one that belongs in its place.
#[derive(Default)]
struct Piece {
    /// Of which pack; of none, if there are no bytes.
    pack: u64,
    start: u64,
    bytes: Vec<u8>,
}

struct Pack {
    /// No other pack of this process has it.
    number: u64,
    name: PathBuf,
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

impl PackSet {
    fn new(objects: &Path, held_index: u64) -> Arc<Self> {
        Arc::new(Self {
            folder: objects.join("pack"),
            held_index,
            packs: RwLock::default(),
        })
    }

    /// The one of this process for a folder of objects.
    fn shared(objects: &Path) -> Arc<Self> {
        static ALL: Mutex<Option<HashMap<PathBuf, Weak<PackSet>>>> = Mutex::new(None);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.get_or_insert_default();
        if let Some(set) = all.get(objects).and_then(Weak::upgrade) {
            return set;
        }
        all.retain(|_, set| set.strong_count() > 0);
        let set = Self::new(objects, HELD_INDEX);
        all.insert(objects.to_owned(), Arc::downgrade(&set));
        set
    }

    fn current(&self) -> PackList {
        let packs = self.packs.read();
        let packs = packs.unwrap_or_else(PoisonError::into_inner).clone();
        packs.unwrap_or_else(|| self.refresh())
    }

    /// Looks again which packs there are. Those that were open stay so.
    fn refresh(&self) -> PackList {
        let mut packs = self.packs.write().unwrap_or_else(PoisonError::into_inner);
        let before = packs.iter().flat_map(|packs| packs.iter());
        let mut known: HashMap<&Path, &Arc<Pack>> =
            before.map(|pack| (pack.name.as_path(), pack)).collect();
        let names = fs::read_dir(&self.folder).into_iter().flatten();
        let names = names.filter_map(|entry| Some(entry.ok()?.path()));
        let indexes = names.filter(|path| path.extension().is_some_and(|kind| kind == "idx"));
        let now = indexes.filter_map(|path| match known.remove(path.as_path()) {
            Some(pack) => Some(Arc::clone(pack)),
            // One that cannot be read is left to libgit2.
            None => Pack::open(path, self.held_index).map(Arc::new),
        });
        let now: PackList = now.take(MOST_OPEN).collect();
        *packs = Some(Arc::clone(&now));
        now
    }
}

impl Packs {
    /// For whoever reads one thing or another: what is kept is shared with all other handles of this process.
    pub(super) fn shared(objects: &Path) -> Self {
        Self::with(PackSet::shared(objects), ObjectCache::of_process(), PIECES)
    }

    /// For who reads a whole trail: several times as fast, with memory of its own.
    pub(super) fn bulk(objects: &Path) -> Self {
        Self::with(
            PackSet::new(objects, BULK_HELD_INDEX),
            ObjectCache::new(BULK_CACHE),
            BULK_PIECES,
        )
    }

    /// For another handle.
    pub(super) fn again(&self) -> Self {
        let set = Arc::clone(&self.set);
        match self.is_bulk() {
            true => Self::with(set, ObjectCache::new(BULK_CACHE), BULK_PIECES),
            false => Self::with(set, ObjectCache::of_process(), PIECES),
        }
    }

    pub(super) fn is_bulk(&self) -> bool {
        self.pieces.len() == BULK_PIECES
    }

    fn with(set: Arc<PackSet>, cache: ObjectCache, pieces: usize) -> Self {
        Self {
            set,
            cache,
            last: 0,
            inflate: Inflate::new(),
            deltas: Vec::new(),
            made: Vec::new(),
            pieces: std::iter::repeat_with(Piece::default)
                .take(pieces)
                .collect(),
        }
    }

    /// What this handle keeps of what it has read.
    pub(super) const fn cache(&self) -> &ObjectCache {
        &self.cache
    }

    /// From now on this handle keeps what it reads for itself, and has read nothing yet.
    pub(super) fn forget(&mut self) {
        self.cache = ObjectCache::new(BULK_CACHE);
    }

    /// Where an object is, among the packs that are known.
    pub(super) fn find(&mut self, id: Sha) -> Option<Place> {
        self.find_among(&self.set.current(), id)
    }

    /// The same, after another look at which packs there are.
    pub(super) fn find_new(&mut self, id: Sha) -> Option<Place> {
        self.find_among(&self.set.refresh(), id)
    }

    fn find_among(&mut self, packs: &[Arc<Pack>], id: Sha) -> Option<Place> {
        let first = self.last.min(packs.len());
        let mut places = (first..packs.len()).chain(0..first);
        places.find_map(|at| {
            let pack = packs.get(at)?;
            let offset = pack.find(id)?;
            self.last = at;
            Some(Place {
                pack: Arc::clone(pack),
                offset,
            })
        })
    }

    /// Looks which packs there are by now, and closes those that are gone.
    pub(super) fn look(&self) {
        self.set.refresh();
    }

    /// The kind and content of an object; none if it has to be read otherwise, also if it is made from anything that is
    /// larger than so many bytes.
    pub(super) fn read(&mut self, place: &Place, most: usize) -> Option<(Kind, Arc<[u8]>)> {
        self.read_at(&place.pack, place.offset, most)
            .filter(|(_, content)| content.len() <= most)
    }

    fn read_at(&mut self, pack: &Pack, offset: u64, most: usize) -> Option<(Kind, Arc<[u8]>)> {
        let key = |offset| CacheKey::Packed {
            pack: pack.number,
            offset,
        };
        self.deltas.clear();
        // Where each is in the pack, and where its delta begins.
        let mut steps: Vec<(u64, usize)> = Vec::new();
        let mut at = offset;
        let (kind, mut content) = loop {
            if let Some(known) = self.cache.find(key(at)) {
                break known;
            }
            let start = self.deltas.len();
            let base = match self.decode(pack, at, most)? {
                Made::Whole(kind) => {
                    let content: Arc<[u8]> = self.deltas.get(start..)?.into();
                    self.deltas.truncate(start);
                    // Nothing is made from most commits and files that are whole.
                    if kind == Kind::Tree || !steps.is_empty() {
                        self.cache.keep(key(at), kind, &content);
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
            self.cache.keep(key(at), kind, &content);
        }
        Some((kind, content))
    }

    /// Appends what stands at a place of a pack to the deltas: an object, or the delta that makes it.
    fn decode(&mut self, pack: &Pack, offset: u64, most: usize) -> Option<Made> {
        let start = offset - offset % PIECE;
        let slot = usize::try_from(start / PIECE).ok()? % self.pieces.len();
        let piece = self.pieces.get_mut(slot)?;
        if (piece.pack, piece.start) != (pack.number, start) || piece.bytes.is_empty() {
            piece.fill(pack, start)?;
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
}

impl Piece {
    fn fill(&mut self, pack: &Pack, start: u64) -> Option<()> {
        self.bytes.resize(usize::try_from(PIECE + OVERLAP).ok()?, 0);
        // If it cannot be read, this is no piece of anything.
        let read = pack.data.read_into(start, &mut self.bytes);
        self.bytes.truncate(read.unwrap_or_default());
        (self.pack, self.start) = (pack.number, start);
        read.map(drop)
    }
}

impl Pack {
    fn open(name: PathBuf, held_index: u64) -> Option<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let data = Source::File(File::open(name.with_extension("pack")).ok()?);
        let held = fs::metadata(&name).ok()?.len() <= held_index;
        let index = match held {
            true => Source::Held(fs::read(&name).ok()?),
            false => Source::File(File::open(&name).ok()?),
        };
        let head = index.read(0, usize::try_from(IDS_AT).ok()?)?;
        let counts = head.strip_prefix(b"\xfftOc\0\0\0\x02")?.chunks_exact(4);
        let counts = counts.map(|count| Some(u32::from_be_bytes(count.try_into().ok()?)));
        let counts = counts.collect::<Option<_>>()?;
        Some(Self {
            number: COUNTER.fetch_add(1, AtomicOrdering::Relaxed),
            name,
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

/// The ids of all objects of a pack, in the order in which they are in it; an error if its index is none.
pub(super) fn object_ids(index: &Path) -> io::Result<Vec<Sha>> {
    let broken = || io::Error::other("it is no index of a pack");
    let pack = Pack::open(index.to_owned(), u64::MAX).ok_or_else(broken)?;
    let count =
        usize::try_from(*pack.counts.last().ok_or_else(broken)?).map_err(io::Error::other)?;
    let ids = pack.index.read(IDS_AT, count * 20).ok_or_else(broken)?;
    let (ids, _) = ids.as_chunks::<20>();
    let place = |(at, id): (u64, &[u8; 20])| Some((pack.offset(at)?, Sha::from_bytes(*id)));
    let mut placed: Vec<(u64, Sha)> = (0..)
        .zip(ids)
        .map(place)
        .collect::<Option<_>>()
        .ok_or_else(broken)?;
    placed.sort_unstable();
    Ok(placed.into_iter().map(|(_, id)| id).collect())
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
