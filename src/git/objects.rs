//! Kinds, ids and trees as bytes, read and written by hand: libgit2's own parsing would cost more than
//! all the rest, and would hide what a hostile tree really says.

use sha1::{Digest, Sha1};

use super::error::{GitError, Result};
use crate::domain::ids::Sha;

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Commit,
    Tree,
    /// The content of a file or symlink.
    Blob,
    Tag,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Commit, Self::Tree, Self::Blob, Self::Tag];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

/// The id an object of this kind and content has.
pub(super) fn object_id(kind: Kind, content: &[u8]) -> Sha {
    let mut hash = Sha1::new();
    hash.update(kind.name());
    hash.update(b" ");
    hash.update(content.len().to_string());
    hash.update([0]);
    hash.update(content);
    Sha::from_bytes(hash.finalize().into())
}

/// The id that a file of this content has in every repository.
pub fn blob_id(content: &[u8]) -> Sha {
    object_id(Kind::Blob, content)
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A regular file (100644).
    File,
    /// An executable file (100755).
    Executable,
    /// A symbolic link (120000).
    Symlink,
    /// A commit of another repository (160000).
    Submodule,
    Tree,
    /// Anything else, as the number that stands in the tree.
    Other(u32),
}

impl Mode {
    pub(super) const fn from_bits(bits: u32) -> Self {
        match bits {
            0o100_644 => Self::File,
            0o100_755 => Self::Executable,
            0o120_000 => Self::Symlink,
            0o160_000 => Self::Submodule,
            0o040_000 => Self::Tree,
            other => Self::Other(other),
        }
    }

    /// The mode as the number git writes.
    pub const fn bits(self) -> u32 {
        match self {
            Self::File => 0o100_644,
            Self::Executable => 0o100_755,
            Self::Symlink => 0o120_000,
            Self::Submodule => 0o160_000,
            Self::Tree => 0o040_000,
            Self::Other(bits) => bits,
        }
    }
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the folder. Not necessarily UTF-8.
    pub name: Vec<u8>,
    pub mode: Mode,
    /// The object it names.
    pub id: Sha,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub mode: Mode,
    pub id: Sha,
}

/// One entry, still inside the bytes of its tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawEntry<'a> {
    pub(super) name: &'a [u8],
    pub(super) mode: Mode,
    pub(super) id: Sha,
    /// The length of the whole entry in bytes.
    pub(super) len: usize,
}

impl RawEntry<'_> {
    pub(super) fn to_entry(self) -> Entry {
        Entry {
            name: self.name.to_vec(),
            mode: self.mode,
            id: self.id,
        }
    }

    pub(super) fn found(self) -> Found {
        Found {
            mode: self.mode,
            id: self.id,
        }
    }

    pub(super) fn is_tree(&self) -> bool {
        self.mode == Mode::Tree
    }

    pub(super) fn cmp_key(&self, name: &[u8], is_tree: bool) -> std::cmp::Ordering {
        cmp_keys((self.name, self.is_tree()), (name, is_tree))
    }
}

/// Git sorts a folder as if its name ended in a slash.
pub(super) fn cmp_keys(a: (&[u8], bool), b: (&[u8], bool)) -> std::cmp::Ordering {
    let common = a.0.len().min(b.0.len());
    let (a_head, a_tail) = a.0.split_at(common);
    let (b_head, b_tail) = b.0.split_at(common);
    let next = |tail: &[u8], is_tree: bool| tail.first().copied().or(is_tree.then_some(b'/'));
    a_head
        .cmp(b_head)
        .then_with(|| next(a_tail, a.1).cmp(&next(b_tail, b.1)))
}

/// The entry that begins these bytes of a tree.
pub(super) fn first_entry(bytes: &[u8]) -> Result<RawEntry<'_>> {
    let broken = broken_tree;
    let space = bytes
        .iter()
        .take(8)
        .position(|b| *b == b' ')
        .ok_or_else(broken)?;
    let (mode, rest) = bytes.split_at(space);
    let mode = std::str::from_utf8(mode)
        .ok()
        .and_then(|text| u32::from_str_radix(text, 8).ok());
    let mode = mode.ok_or_else(broken)?;
    let is_padded = bytes.first() == Some(&b'0');
    let rest = rest.get(1..).ok_or_else(broken)?;
    let nul = rest.iter().position(|b| *b == 0).ok_or_else(broken)?;
    let (name, rest) = rest.split_at(nul);
    if is_padded {
        return Err(malformed(name, "written with a zero before its mode"));
    }
    let id = rest
        .get(1..21)
        .and_then(|id| <[u8; 20]>::try_from(id).ok())
        .ok_or_else(broken)?;
    Ok(RawEntry {
        name,
        mode: Mode::from_bits(mode),
        id: Sha::from_bytes(id),
        len: space + 1 + nul + 21,
    })
}

/// How long the entry is that begins these bytes of a tree; none if it is broken.
#[inline]
pub(super) fn first_entry_len(bytes: &[u8]) -> Option<usize> {
    // A mode has five or six digits; another one would hide from who looks for the zero behind it.
    let has_mode = bytes.get(5) == Some(&b' ') || bytes.get(6) == Some(&b' ');
    let nul = bytes.get(6..).filter(|_| has_mode).and_then(find_zero);
    nul.map(|nul| 6 + nul + 21)
        .filter(|len| *len <= bytes.len())
}

/// Where the first zero is. Names are short: to look at eight bytes at a time takes less than to call somebody who
/// looks at more.
#[inline]
fn find_zero(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A zero borrows from the byte above it, so the lowest marked byte is the first zero.
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return Some(at * 8 + usize::try_from(zeros.trailing_zeros() / 8).ok()?);
        }
    }
    let at = rest.iter().position(|byte| *byte == 0)?;
    Some(words.len() * 8 + at)
}

/// So many bytes at the end of two names are compared before the rest is.
const LAST: usize = 8;

fn last_bytes(text: &[u8]) -> Option<u64> {
    text.last_chunk::<LAST>().copied().map(u64::from_le_bytes)
}

pub(super) fn broken_tree() -> GitError {
    GitError::content("the tree is cut short or broken: run `git fsck`")
}

/// All entries of a tree. A tree that git itself would never write (unsorted, a name twice, a name
/// that leads elsewhere) is an error, because two readers could see two different things in it.
pub(super) fn parse_tree(bytes: &[u8]) -> Result<Vec<RawEntry<'_>>> {
    let mut entries: Vec<RawEntry<'_>> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let entry = first_entry(rest)?;
        check_name(entry.name)?;
        if let Some(before) = entries.last()
            && before.cmp_key(entry.name, entry.is_tree()) != std::cmp::Ordering::Less
        {
            return Err(out_of_order(entry.name));
        }
        // A file `a` and a folder `a` need not be neighbours; whatever stands between begins with `a`.
        let alike = entries
            .iter()
            .rev()
            .take_while(|e| e.name.starts_with(entry.name));
        if entry.is_tree() && alike.into_iter().any(|e| e.name == entry.name) {
            return Err(malformed(entry.name, "there twice"));
        }
        rest = rest.get(entry.len..).unwrap_or_default();
        entries.push(entry);
    }
    Ok(entries)
}

/// The entry of this name, without reading the others more than needed: a lookup in a large folder is
/// the commonest thing a reader does. The order does not matter here, so only a second one is an error.
pub(super) fn find_entry<'a>(bytes: &'a [u8], name: &[u8]) -> Result<Option<RawEntry<'a>>> {
    let mut found = [None];
    find_entries(bytes, &[name], &mut found)?;
    let [found] = found;
    Ok(found)
}

/// As [`find_entry`] for several names, each with a place for what is found.
#[inline]
pub(super) fn find_entries<'a>(
    bytes: &'a [u8],
    names: &[&[u8]],
    found: &mut [Option<RawEntry<'a>>],
) -> Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = first_entry_len(rest).ok_or_else(broken_tree)?;
        let (entry, after) = rest.split_at(len);
        rest = after;
        // Mode, space, name, zero, id. Most names are of another length, and equally long neighbours begin alike.
        let before_zero = entry.get(..len - 21).unwrap_or_default();
        for (name, found) in names.iter().zip(&mut *found) {
            let is_as_long = matches!(before_zero.len().wrapping_sub(name.len()), 6 | 7);
            if !is_as_long || last_bytes(before_zero) != last_bytes(name) && name.len() >= LAST {
                continue;
            }
            let entry = first_entry(entry)?;
            if entry.name == *name && found.replace(entry).is_some() {
                return Err(malformed(name, "there twice"));
            }
        }
    }
    Ok(())
}

pub(super) fn out_of_order(name: &[u8]) -> GitError {
    malformed(name, "out of order or there twice")
}

fn malformed(name: &[u8], what: &str) -> GitError {
    let name = String::from_utf8_lossy(name);
    GitError::content(format!(
        "the tree is malformed: its entry `{}` is {what}: it was not made by git",
        name.escape_default()
    ))
}

/// Refuses names that mean something else than a child of this folder.
pub(super) fn check_name(name: &[u8]) -> Result<()> {
    let leads_elsewhere = name.is_empty()
        || matches!(name, b"." | b"..")
        || name.eq_ignore_ascii_case(b".git")
        || name.iter().any(|b| matches!(*b, b'/' | 0));
    if leads_elsewhere {
        return Err(malformed(name, "not a name that a file can have"));
    }
    Ok(())
}
