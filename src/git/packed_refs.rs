//! The file `packed-refs`: read as a whole, kept until it is replaced, and rewritten as a whole under its
//! lock. libgit2 reads it before it takes that lock, so that a deletion through it can undo what another
//! process packed in between.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read as _, Write as _};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::error::{GitError, Result, ResultExt};
use super::lock::{NEW_PACKED_REFS, sync_dir};
use super::refs::pass_over;
use super::repository::Repository;
use super::sharing::RepositoryFiles;
use crate::domain::ids::Sha;

/// What git writes when every tag below has its `^` line and the names are in order of their bytes.
const HEADER: &[u8] = b"# pack-refs with: peeled fully-peeled sorted \n";

/// How the first line of git's begins, before it says what holds for the others.
const HEADER_START: &[u8] = b"# pack-refs with:";

/// The content of `packed-refs` at one moment.
pub(super) struct PackedRefs {
    content: Vec<u8>,
    /// Where the refs begin, after the header.
    start: usize,
    /// Where each ref is, with what it peels to; in order of the names, whatever the file is.
    entries: Vec<Range<usize>>,
    /// None where there is no file.
    source: Option<Source>,
}

/// The file, as long as it is open no other one can be taken for it; and how it was when it was read.
struct Source {
    _file: File,
    read: Metadata,
}

impl Repository {
    /// `packed-refs` as it is now.
    pub(super) fn packed_refs(&self) -> Result<Arc<PackedRefs>> {
        let path = self.common_dir().join("packed-refs");
        let mut known = self.packed_refs.borrow_mut();
        if let Some(known) = &*known
            && known.is_current(&path)
        {
            return Ok(Arc::clone(known));
        }
        let read = PackedRefs::read(&path);
        let read = Arc::new(read.context(|| format!("read `{}`", path.display()))?);
        Ok(Arc::clone(known.insert(read)))
    }
}

impl PackedRefs {
    fn read(path: &Path) -> std::io::Result<Self> {
        let (mut content, mut source) = (Vec::new(), None);
        match File::open(path) {
            Ok(mut file) => {
                let read = file.metadata()?;
                file.read_to_end(&mut content)?;
                source = Some(Source { _file: file, read });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => content.extend(HEADER),
            Err(error) => return Err(error),
        }
        let mut packed = Self {
            content,
            start: 0,
            entries: Vec::new(),
            source,
        };
        let mut at = 0;
        for line in packed.content.split_inclusive(|byte| *byte == b'\n') {
            let end = at + line.len();
            match (name_of(line), packed.entries.last_mut()) {
                (Some(_), _) => packed.entries.push(at..end),
                // A line `^…` belongs to the ref above it.
                (None, Some(above)) => above.end = end,
                (None, None) => packed.start = end,
            }
            at = end;
        }
        let mut entries = std::mem::take(&mut packed.entries);
        if !entries.is_sorted_by_key(|entry| packed.name(entry)) {
            entries.sort_by_key(|entry| packed.name(entry));
        }
        packed.entries = entries;
        Ok(packed)
    }

    #[cfg(unix)]
    fn is_current(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let identity = |file: &Metadata| {
            let modified = (file.mtime(), file.mtime_nsec());
            (file.dev(), file.ino(), file.len(), modified)
        };
        match (&self.source, fs::metadata(path)) {
            (Some(source), Ok(now)) => identity(&source.read) == identity(&now),
            _ => false,
        }
    }

    #[cfg(not(unix))]
    fn is_current(&self, _path: &Path) -> bool {
        false
    }

    fn lines(&self, entry: &Range<usize>) -> &[u8] {
        self.content.get(entry.clone()).unwrap_or_default()
    }

    fn name(&self, entry: &Range<usize>) -> &[u8] {
        let mut lines = self.lines(entry).split(|byte| *byte == b'\n');
        lines.next().and_then(name_of).unwrap_or_default()
    }

    /// Those whose names are not before this one.
    fn entries_from(&self, name: &str) -> &[Range<usize>] {
        let is_before = |entry: &Range<usize>| self.name(entry) < name.as_bytes();
        let first = self.entries.partition_point(is_before);
        self.entries.get(first..).unwrap_or_default()
    }

    /// What this very ref points to.
    pub(super) fn find(&self, name: &str) -> Result<Option<Sha>> {
        match self.entries_from(name).first() {
            Some(entry) if self.name(entry) == name.as_bytes() => {
                Ok(parse_entry(self.lines(entry))?.map(|(_, id)| id))
            }
            _ => Ok(None),
        }
    }

    /// The refs whose names begin with `prefix`; not those whose names are no text.
    pub(super) fn under(&self, prefix: &str) -> Result<Vec<(String, Sha)>> {
        let entries = self.entries_from(prefix).iter();
        entries
            .take_while(|entry| self.name(entry).starts_with(prefix.as_bytes()))
            .filter_map(|entry| parse_entry(self.lines(entry)).transpose())
            .collect()
    }

    /// The whole file with these refs set, or left out, each together with what it peels to. What is
    /// set must not be a tag, which would need a `^` line.
    fn with(&self, changes: &BTreeMap<&str, Option<Sha>>) -> Vec<u8> {
        let mut content = Vec::with_capacity(self.content.len() + changes.len() * 80);
        let header = self.lines(&(0..self.start));
        content.extend(header);
        if !header
            .split(u8::is_ascii_whitespace)
            .any(|word| word == b"sorted")
        {
            // An old git wrote it.
            content.truncate(header.trim_ascii_end().len());
            if !header.starts_with(HEADER_START) {
                content = HEADER_START.to_vec();
            }
            content.extend(b" sorted \n");
        }
        let copy = |content: &mut Vec<u8>, entry: &Range<usize>| {
            content.extend(self.lines(entry));
            if !content.ends_with(b"\n") {
                content.push(b'\n');
            }
        };
        let mut entries = self.entries.iter().peekable();
        for (name, new) in changes {
            let name_bytes = name.as_bytes();
            while let Some(before) = entries.next_if(|entry| self.name(entry) < name_bytes) {
                copy(&mut content, before);
            }
            while entries
                .next_if(|entry| self.name(entry) == name_bytes)
                .is_some()
            {}
            if let Some(new) = new {
                content.extend(format!("{new} {name}\n").as_bytes());
            }
        }
        entries.for_each(|entry| copy(&mut content, entry));
        content
    }
}

/// Sets these refs, or leaves them out, at once for every reader. Only for who holds the lock of `packed-refs` and has
/// read it since; and always synced: a power failure may not cost the refs that were in it before.
pub(super) fn rewrite(
    files: &RepositoryFiles,
    packed: &PackedRefs,
    changes: &BTreeMap<&str, Option<Sha>>,
) -> Result<()> {
    let common_dir = files.git_dir();
    let path = common_dir.join("packed-refs");
    let new = common_dir.join(NEW_PACKED_REFS);
    let write = || {
        // Whoever left one had the lock before.
        fs::remove_file(&new).ok();
        let mut file = files.create_new(&new)?;
        file.write_all(&packed.with(changes))?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        sync_dir(common_dir)
    };
    write().context(|| format!("rewrite `{}`", path.display()))
}

fn name_of(line: &[u8]) -> Option<&[u8]> {
    if matches!(line.first(), Some(b'^' | b'#')) {
        return None;
    }
    Some(line.get(41..)?.trim_ascii_end())
}

/// Name and id; none for a name that is no text, which nobody can ask for.
fn parse_entry(lines: &[u8]) -> Result<Option<(String, Sha)>> {
    let line = lines
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
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
