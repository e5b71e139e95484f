//! The pack and index formats, written by hand: libgit2's pack builder finds deltas by search and
//! reaches a tenth of the speed, while we know what each new tree was made from.

use std::io::Read as _;

use flate2::read::ZlibDecoder;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use sha1::{Digest, Sha1};

use super::objects::Kind;
use crate::domain::ids::Sha;

/// The bytes before the first object: signature, version and number of objects.
pub(super) const HEADER_LEN: usize = 12;

/// Deflating so little gains less than it costs; it is stored as it is.
const STORED_BELOW: usize = 100;

pub(super) fn header(count: u32) -> [u8; HEADER_LEN] {
    let mut bytes = *b"PACK\0\0\0\x02\0\0\0\0";
    for (to, from) in bytes.iter_mut().skip(8).zip(count.to_be_bytes()) {
        *to = from;
    }
    bytes
}

const fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    }
}

const fn kind_of(code: u8) -> Option<Kind> {
    match code {
        1 => Some(Kind::Commit),
        2 => Some(Kind::Tree),
        3 => Some(Kind::Blob),
        4 => Some(Kind::Tag),
        _ => None,
    }
}

const OFS_DELTA: u8 = 6;
const REF_DELTA: u8 = 7;

fn push_type_and_size(out: &mut Vec<u8>, code: u8, size: usize) {
    let mut rest = size >> 4;
    let mut byte = (code << 4) | low_bits(size, 0x0f);
    while rest > 0 {
        out.push(byte | 0x80);
        byte = low_bits(rest, 0x7f);
        rest >>= 7;
    }
    out.push(byte);
}

fn low_bits(value: usize, mask: usize) -> u8 {
    u8::try_from(value & mask).unwrap_or(0)
}

fn push_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(low_bits(value, 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(low_bits(value, 0x7f));
}

/// The distance back to a delta's base, in git's big-endian form with an offset at each step.
fn push_distance(out: &mut Vec<u8>, mut distance: usize) {
    let mut bytes = vec![low_bits(distance, 0x7f)];
    distance >>= 7;
    while distance > 0 {
        distance -= 1;
        bytes.push(low_bits(distance, 0x7f) | 0x80);
        distance >>= 7;
    }
    out.extend(bytes.iter().rev());
}

/// How a tree differs from the one it was made from: the same bytes at both ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct SameEnds {
    /// The length of the earlier tree in bytes.
    pub(super) base_len: usize,
    /// How many bytes at the start are the same.
    pub(super) prefix: usize,
    /// How many bytes at the end are the same; does not overlap with the prefix in either tree.
    pub(super) suffix: usize,
}

/// The delta that makes `content` out of a base that has these ends in common.
pub(super) fn delta(content: &[u8], ends: SameEnds) -> Vec<u8> {
    let middle_end = content.len().saturating_sub(ends.suffix);
    let middle = content.get(ends.prefix..middle_end).unwrap_or_default();
    let mut out = Vec::with_capacity(middle.len() + 32);
    push_varint(&mut out, ends.base_len);
    push_varint(&mut out, content.len());
    push_copy(&mut out, 0, ends.prefix);
    for piece in middle.chunks(0x7f) {
        out.push(low_bits(piece.len(), 0x7f));
        out.extend_from_slice(piece);
    }
    push_copy(
        &mut out,
        ends.base_len.saturating_sub(ends.suffix),
        ends.suffix,
    );
    out
}

fn push_copy(out: &mut Vec<u8>, mut offset: usize, mut len: usize) {
    while len > 0 {
        let size = len.min(0xff_ffff);
        let at = out.len();
        out.push(0);
        let mut op = 0x80;
        for (bit, shift) in [(0x01, 0), (0x02, 8), (0x04, 16), (0x08, 24)] {
            let byte = low_bits(offset >> shift, 0xff);
            if byte != 0 {
                op |= bit;
                out.push(byte);
            }
        }
        for (bit, shift) in [(0x10, 0), (0x20, 8), (0x40, 16)] {
            let byte = low_bits(size >> shift, 0xff);
            if byte != 0 {
                op |= bit;
                out.push(byte);
            }
        }
        if let Some(first) = out.get_mut(at) {
            *first = op;
        }
        offset += size;
        len -= size;
    }
}

/// Makes an object from the one that it is a delta of, in place of what is in the room; none if the delta does not
/// fit the base or itself, or if the object is larger than so many bytes.
pub(super) fn apply_delta(
    base: &[u8],
    delta: &[u8],
    most: usize,
    room: &mut Vec<u8>,
) -> Option<()> {
    let (base_len, rest) = take_varint(delta)?;
    let (len, mut rest) = take_varint(rest)?;
    if base_len != base.len() || len > most {
        return None;
    }
    room.clear();
    room.reserve(len);
    while let Some((op, after)) = rest.split_first() {
        rest = after;
        if op & 0x80 == 0 {
            let (piece, after) = rest.split_at_checked(usize::from(*op))?;
            room.extend_from_slice(piece);
            rest = after;
            continue;
        }
        let mut part = |bits: &[u8]| {
            let mut value = 0usize;
            for (step, bit) in bits.iter().enumerate() {
                if op & bit != 0 {
                    let (byte, after) = rest.split_first()?;
                    value |= usize::from(*byte) << (8 * step);
                    rest = after;
                }
            }
            Some(value)
        };
        let (offset, size) = (part(&[0x01, 0x02, 0x04, 0x08])?, part(&[0x10, 0x20, 0x40])?);
        let size = if size == 0 { 0x1_0000 } else { size };
        room.extend_from_slice(base.get(offset..offset.checked_add(size)?)?);
    }
    (room.len() == len).then_some(())
}

fn take_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

/// Writes the objects of a pack one after the other. Keeps its compressor, whose tables cost more to
/// set up than a small object costs to deflate.
pub(super) struct Encoder {
    deflate: Compress,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self {
            deflate: Compress::new(Compression::fast(), true),
        }
    }

    /// Appends a whole object.
    pub(super) fn push_whole(&mut self, out: &mut Vec<u8>, kind: Kind, content: &[u8]) {
        push_type_and_size(out, kind_code(kind), content.len());
        self.push_zlib(out, content);
    }

    /// Appends a delta whose base begins `distance` bytes before this object.
    pub(super) fn push_delta(&mut self, out: &mut Vec<u8>, distance: usize, delta: &[u8]) {
        push_type_and_size(out, OFS_DELTA, delta.len());
        push_distance(out, distance);
        // A delta between trees is mostly one object id, which does not deflate.
        if delta.len() < 0x1000 {
            push_stored(out, delta);
        } else {
            self.push_zlib(out, delta);
        }
    }

    fn push_zlib(&mut self, out: &mut Vec<u8>, content: &[u8]) {
        if content.len() < STORED_BELOW {
            push_stored(out, content);
            return;
        }
        let start = out.len();
        self.deflate.reset();
        let mut rest = content;
        loop {
            out.reserve(rest.len() / 2 + 256);
            let before = self.deflate.total_in();
            let status = self.deflate.compress_vec(rest, out, FlushCompress::Finish);
            let used = usize::try_from(self.deflate.total_in() - before).unwrap_or(0);
            rest = rest.get(used..).unwrap_or_default();
            match status {
                Ok(Status::StreamEnd) => return,
                Ok(_) => {}
                // The compressor does not fail on memory; should it ever, the stored form is right too.
                Err(_) => {
                    out.truncate(start);
                    push_stored(out, content);
                    return;
                }
            }
        }
    }
}

/// A zlib stream of uncompressed blocks.
fn push_stored(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(&[0x78, 0x01]);
    let mut blocks = content.chunks(0xffff).peekable();
    if blocks.peek().is_none() {
        out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let len = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    // So many sums fit 32 bits before they must be reduced.
    for piece in content.chunks(5552) {
        for byte in piece {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65_521;
        b %= 65_521;
    }
    out.extend_from_slice(&((b << 16) | a).to_be_bytes());
}

/// What an object in a pack is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Whole(Kind),
    /// Of the object that begins so many bytes before it, and a delta.
    FromOffset(usize),
    /// Of the object with this id, and a delta.
    FromId(Sha),
}

/// What stands before the deflated bytes of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) made: Made,
    /// The length of what is deflated: the object, or the delta.
    pub(super) size: usize,
    pub(super) len: usize,
}

/// Whoever reads a larger object leaves it to libgit2, which does not hold it in memory twice.
pub(super) const MAX_OBJECT_LEN: usize = 64 * 1024 * 1024;

/// Reads what begins an object in a pack; none if no pack begins one like this.
pub(super) fn head(bytes: &[u8]) -> Option<Head> {
    let mut at = 0;
    let mut next = || {
        let byte = bytes.get(at).copied();
        at += 1;
        byte
    };
    let first = next()?;
    let code = (first >> 4) & 0x07;
    let mut size = usize::from(first & 0x0f);
    let (mut byte, mut shift) = (first, 4);
    while byte & 0x80 != 0 {
        byte = next()?;
        size |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
    }
    let made = match code {
        OFS_DELTA => {
            byte = next()?;
            let mut distance = usize::from(byte & 0x7f);
            while byte & 0x80 != 0 {
                byte = next()?;
                distance = (distance.checked_add(1)?).checked_mul(0x80)? | usize::from(byte & 0x7f);
            }
            Made::FromOffset(distance)
        }
        REF_DELTA => {
            let id = bytes.get(at..at + 20)?;
            at += 20;
            Made::FromId(Sha::from_bytes(id.try_into().ok()?))
        }
        code => Made::Whole(kind_of(code)?),
    };
    Some(Head {
        made,
        size,
        len: at,
    })
}

/// Inflates objects one after the other: its tables cost more to make than a small object to inflate.
pub(super) struct Inflate(Decompress);

impl Inflate {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// Appends the content that follows a [`Head`], from a stream that holds at least all of it; none if it is not
    /// an object of this size.
    pub(super) fn append(&mut self, stream: &[u8], size: usize, to: &mut Vec<u8>) -> Option<()> {
        if size > MAX_OBJECT_LEN {
            return None;
        }
        let start = to.len();
        // One more, so that the end of the stream is read even where there is nothing to write.
        to.resize(start + size + 1, 0);
        self.0.reset(true);
        let room = to.get_mut(start..)?;
        let status = self.0.decompress(stream, room, FlushDecompress::Finish);
        to.truncate(start + size);
        let has_ended = matches!(status, Ok(Status::StreamEnd));
        (has_ended && self.0.total_out() == size as u64).then_some(())
    }
}

/// A whole stream whose length is not known before; none if it is cut short, damaged or inflates to more than 256 MB.
pub(super) fn inflate_all(stream: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let inflated = ZlibDecoder::new(stream)
        .take(4 * MAX_OBJECT_LEN as u64)
        .read_to_end(&mut content);
    (inflated.is_ok() && content.len() < 4 * MAX_OBJECT_LEN).then_some(content)
}

/// One line of an index.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexEntry {
    pub(super) id: Sha,
    pub(super) crc: u32,
    /// Where the object begins in the pack.
    pub(super) offset: u32,
}

/// An index, version 2, of a pack that is smaller than 2 GiB.
pub(super) fn index(entries: &mut [IndexEntry], pack_hash: &[u8; 20]) -> Vec<u8> {
    entries.sort_unstable_by_key(|entry| entry.id);
    let mut out = Vec::with_capacity(8 + 1024 + entries.len() * 28 + 40);
    out.extend_from_slice(b"\xfftOc\0\0\0\x02");
    let mut counted = 0usize;
    let mut rest = entries.iter().peekable();
    for first in 0..=255u8 {
        while rest
            .next_if(|e| e.id.as_bytes().first().is_some_and(|b| *b <= first))
            .is_some()
        {
            counted += 1;
        }
        out.extend_from_slice(&u32::try_from(counted).unwrap_or(u32::MAX).to_be_bytes());
    }
    entries
        .iter()
        .for_each(|e| out.extend_from_slice(e.id.as_bytes()));
    entries
        .iter()
        .for_each(|e| out.extend_from_slice(&e.crc.to_be_bytes()));
    entries
        .iter()
        .for_each(|e| out.extend_from_slice(&e.offset.to_be_bytes()));
    out.extend_from_slice(pack_hash);
    let hash = Sha1::digest(&out);
    out.extend_from_slice(&hash);
    out
}
