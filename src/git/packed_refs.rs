//! The file `packed-refs`: looked up by bisection where it lies, and rewritten as a whole under its
//! lock. libgit2 reads all of it for every lookup, and before it takes that lock, so that a deletion
//! through it can undo what another process packed in between.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::{GitError, Result, ResultExt};
use super::lock::{NEW_PACKED_REFS, sync_dir};
use super::refs::pass_over;
use super::sharing::RepositoryFiles;
use crate::domain::ids::Sha;

/// What git writes when every tag below has its `^` line and the names are in order of their bytes.
const HEADER: &[u8] = b"# pack-refs with: peeled fully-peeled sorted \n";

/// So much is read at once: most files of most repositories, and the last step of a bisection.
const BLOCK: u64 = 4096;

/// The content of `packed-refs` at one moment. Nobody changes the file in place (it is always replaced),
/// so one that is open stays as it was; and opening it anew for each question is cheap and never stale.
pub(super) struct PackedRefs {
    path: PathBuf,
    content: Content,
    len: u64,
    /// Where the refs begin, after the header.
    start: u64,
    sorted: bool,
}

enum Content {
    Memory(Vec<u8>),
    File(File),
}

impl PackedRefs {
    /// Opens the file below this git directory; empty if there is none.
    pub(super) fn open(common_dir: &Path) -> Result<Self> {
        let path = common_dir.join("packed-refs");
        let context = || format!("read `{}`", path.display());
        let (content, len) = match File::open(&path) {
            Ok(file) => {
                let len = file.metadata().context(context)?.len();
                (Content::File(file), len)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (Content::Memory(HEADER.to_vec()), HEADER.len() as u64)
            }
            Err(error) => return Err(error).context(context),
        };
        let mut packed = Self {
            path,
            content,
            len,
            start: 0,
            sorted: false,
        };
        if len <= BLOCK {
            packed.load()?;
        }
        packed.read_header()?;
        Ok(packed)
    }

    /// How long a file is that may not be there.
    pub(super) fn size(common_dir: &Path) -> u64 {
        std::fs::metadata(common_dir.join("packed-refs")).map_or(0, |file| file.len())
    }

    /// Whether the header promises it.
    pub(super) fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// Reads it into memory, for many questions.
    pub(super) fn load(&mut self) -> Result<()> {
        if let Content::File(_) = self.content {
            let all = self.block(0, self.len)?.into_owned();
            self.content = Content::Memory(all);
        }
        Ok(())
    }

    fn read_header(&mut self) -> Result<()> {
        let (mut start, mut sorted) = (0, false);
        self.each_line(0, |line| {
            if line.first() != Some(&b'#') {
                return Ok(false);
            }
            start += line.len() as u64;
            sorted |= line
                .split(u8::is_ascii_whitespace)
                .any(|word| word == b"sorted");
            Ok(true)
        })?;
        (self.start, self.sorted) = (start, sorted);
        Ok(())
    }

    /// What this very ref points to.
    pub(super) fn find(&self, name: &str) -> Result<Option<Sha>> {
        let mut found = None;
        self.each_line(self.first_not_before(name)?, |line| {
            match name_of(line) {
                Some(here) if here == name.as_bytes() => {
                    found = parse_line(line)?.map(|(_, id)| id);
                }
                Some(_) => return Ok(!self.sorted),
                None => {}
            }
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    /// The refs whose names begin with `prefix`; not those whose names are no text.
    pub(super) fn under(&self, prefix: &str) -> Result<Vec<(String, Sha)>> {
        let mut found = Vec::new();
        self.each_under(prefix, |line| {
            found.extend(parse_line(line)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// One of the refs whose names begin with `prefix`.
    pub(super) fn any_under(&self, prefix: &str) -> Result<Option<String>> {
        let mut found = None;
        self.each_under(prefix, |line| {
            found = parse_line(line)?.map(|(name, _)| name);
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    fn each_under(&self, prefix: &str, mut with: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        self.each_line(self.first_not_before(prefix)?, |line| match name_of(line) {
            Some(name) if name.starts_with(prefix.as_bytes()) => with(line),
            Some(_) => Ok(!self.sorted),
            None => Ok(true),
        })
    }

    /// The whole file with these refs set, or left out, each together with what it peels to. What is
    /// set must not be a tag, which would need a `^` line, and needs a sorted file.
    pub(super) fn with(&mut self, changes: &BTreeMap<&str, Option<Sha>>) -> Result<Vec<u8>> {
        self.load()?;
        let all = self.block(0, self.len)?;
        let mut out = Vec::with_capacity(all.len() + changes.len() * 80);
        let copy = |out: &mut Vec<u8>, from: u64, to: u64| {
            out.extend_from_slice(all.get(offset(from)..offset(to)).unwrap_or_default());
        };
        if !self.sorted {
            copy(&mut out, 0, self.start);
            let mut dropped = false;
            self.each_line(self.start, |line| {
                if let Some(name) = name_of(line) {
                    let name = std::str::from_utf8(name).unwrap_or_default();
                    dropped = changes.contains_key(name);
                }
                if !dropped {
                    out.extend_from_slice(line);
                }
                Ok(true)
            })?;
            return Ok(out);
        }
        let mut copied = 0;
        for (name, new) in changes {
            let at = self.first_not_before(name)?;
            copy(&mut out, copied, at);
            if !out.ends_with(b"\n") {
                out.push(b'\n');
            }
            if let Some(new) = new {
                out.extend_from_slice(format!("{new} {name}\n").as_bytes());
            }
            copied = at;
            let mut is_old = false;
            self.each_line(at, |line| {
                is_old = match name_of(line) {
                    Some(here) => here == name.as_bytes(),
                    None => is_old,
                };
                copied += if is_old { line.len() as u64 } else { 0 };
                Ok(is_old)
            })?;
        }
        copy(&mut out, copied, self.len);
        Ok(out)
    }

    /// The start of the first line whose name is not before `name`; of all lines if they are not sorted.
    fn first_not_before(&self, name: &str) -> Result<u64> {
        // The line that is sought starts at `low` or behind it, and not behind the first line that
        // starts at `high` or behind it.
        let (mut low, mut high) = (self.start, self.len);
        while self.sorted && high.saturating_sub(low) > BLOCK / 2 {
            let middle = low + (high - low) / 2;
            match self.first_ref_from(middle, high)? {
                Some((end, here)) if here.as_slice() < name.as_bytes() => low = end,
                _ => high = middle,
            }
        }
        let mut at = low;
        if self.sorted {
            self.each_line(low, |line| {
                let before = name_of(line).is_none_or(|here| here < name.as_bytes());
                at += if before { line.len() as u64 } else { 0 };
                Ok(before)
            })?;
        }
        Ok(at)
    }

    /// End and name of the first line behind the one at `from` that is a ref and starts before `to`. A
    /// line `^…` belongs to the ref above it.
    fn first_ref_from(&self, from: u64, to: u64) -> Result<Option<(u64, Vec<u8>)>> {
        let (mut at, mut is_first, mut found) = (from, true, None);
        self.each_line(from, |line| {
            let (start, end) = (at, at + line.len() as u64);
            at = end;
            // `from` may be in the middle of a line.
            if !std::mem::take(&mut is_first)
                && let Some(name) = name_of(line)
                && start < to
            {
                found = Some((end, name.to_vec()));
            }
            Ok(found.is_none() && at < to)
        })?;
        Ok(found)
    }

    /// Goes through the lines, with their ends, until told to stop.
    fn each_line(&self, from: u64, mut with: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        // What is sought is mostly near.
        let (mut at, mut size) = (from, BLOCK / 2);
        while at < self.len {
            let block = self.block(at, size)?;
            let is_last = at + block.len() as u64 >= self.len;
            let whole = match block.iter().rposition(|byte| *byte == b'\n') {
                _ if is_last => block.len(),
                Some(newline) => newline + 1,
                None => 0,
            };
            size = (size * 4)
                .min(64 * BLOCK)
                .max(if whole == 0 { size * 2 } else { 0 });
            let lines = block.get(..whole).unwrap_or_default();
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                if !with(line)? {
                    return Ok(());
                }
            }
            at += whole as u64;
        }
        Ok(())
    }

    fn block(&self, at: u64, size: u64) -> Result<Cow<'_, [u8]>> {
        let end = at.saturating_add(size).min(self.len);
        let mut file = match &self.content {
            Content::Memory(all) => {
                let block = all.get(offset(at)..offset(end)).unwrap_or_default();
                return Ok(Cow::Borrowed(block));
            }
            Content::File(file) => file,
        };
        let mut block = vec![0; offset(end.saturating_sub(at))];
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut block))
            .context(|| format!("read `{}`", self.path.display()))?;
        Ok(Cow::Owned(block))
    }
}

/// Puts new content in place, at once for every reader. Only for who holds the lock of `packed-refs`,
/// and always synced: a power failure may not cost the refs that were in it before.
pub(super) fn replace(files: &RepositoryFiles, content: &[u8]) -> Result<()> {
    let common_dir = files.git_dir();
    let path = common_dir.join("packed-refs");
    let new = common_dir.join(NEW_PACKED_REFS);
    let write = || {
        // Whoever left one had the lock before.
        std::fs::remove_file(&new).ok();
        let mut file = files.create_new(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        sync_dir(common_dir)
    };
    write().context(|| format!("rewrite `{}`", path.display()))
}

fn offset(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn name_of(line: &[u8]) -> Option<&[u8]> {
    if matches!(line.first(), Some(b'^' | b'#')) {
        return None;
    }
    Some(line.get(41..)?.trim_ascii_end())
}

/// Name and id; none for a name that is no text, which nobody can ask for.
fn parse_line(line: &[u8]) -> Result<Option<(String, Sha)>> {
    let parse = || {
        let (id, rest) = line.split_at_checked(40)?;
        let id = std::str::from_utf8(id).ok()?.parse().ok()?;
        let name = rest.strip_prefix(b" ")?.trim_ascii_end();
        Some((name, id))
    };
    let parsed = parse().map(|(name, id)| match std::str::from_utf8(name) {
        Ok(name) => Some((name.to_owned(), id)),
        Err(_) => {
            pass_over(name);
            None
        }
    });
    parsed.ok_or_else(|| {
        let line = String::from_utf8_lossy(line);
        GitError::new(format!(
            "`packed-refs` is broken at `{}`: run `git fsck`",
            line.trim_end().escape_default()
        ))
    })
}
