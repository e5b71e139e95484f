//! The file `packed-refs`, read and rewritten under its lock. libgit2 reads it before it takes that
//! lock, so a deletion through it can undo what another process packed in between.

use std::path::Path;

use super::error::{During, GitError, Result};
use crate::domain::ids::Sha;

/// The content of `packed-refs` at one moment.
pub(super) struct PackedRefs {
    text: Vec<u8>,
    /// Where the refs begin, after the header.
    start: usize,
    sorted: bool,
}

impl PackedRefs {
    /// Reads the file below this git directory; empty if there is none.
    pub(super) fn read(common_dir: &Path) -> Result<Self> {
        let path = common_dir.join("packed-refs");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error).during(|| format!("read `{}`", path.display())),
        };
        let mut start = 0;
        let mut sorted = false;
        while text.get(start) == Some(&b'#') {
            let end = line_end(&text, start);
            let header = text.get(start..end).unwrap_or_default();
            sorted |= header
                .split(u8::is_ascii_whitespace)
                .any(|word| word == b"sorted");
            start = end;
        }
        Ok(Self {
            text,
            start,
            sorted,
        })
    }

    /// The refs whose names begin with `prefix`.
    pub(super) fn under(&self, prefix: &str) -> Result<Vec<(String, Sha)>> {
        let mut found = Vec::new();
        let mut at = if self.sorted {
            self.first_not_before(prefix)
        } else {
            self.start
        };
        while at < self.text.len() {
            let end = line_end(&self.text, at);
            let line = self.text.get(at..end).unwrap_or_default();
            at = end;
            let Some(name) = name_of(line) else { continue };
            if name.starts_with(prefix.as_bytes()) {
                found.push(parse_line(line)?);
            } else if self.sorted && name > prefix.as_bytes() {
                break;
            }
        }
        Ok(found)
    }

    /// Whether this very ref is here.
    pub(super) fn contains(&self, name: &str) -> Result<bool> {
        Ok(self.under(name)?.iter().any(|(found, _)| found == name))
    }

    /// The whole file without these refs and what they peel to.
    pub(super) fn without(&self, names: &[&str]) -> Vec<u8> {
        let mut out = self.text.get(..self.start).unwrap_or_default().to_vec();
        let (mut at, mut dropped) = (self.start, false);
        while at < self.text.len() {
            let end = line_end(&self.text, at);
            let line = self.text.get(at..end).unwrap_or_default();
            if let Some(name) = name_of(line) {
                dropped = names.iter().any(|drop| drop.as_bytes() == name);
            }
            if !dropped {
                out.extend_from_slice(line);
            }
            at = end;
        }
        out
    }

    /// The start of the first line whose name is not before `prefix`, by bisection over bytes.
    fn first_not_before(&self, prefix: &str) -> usize {
        let (mut low, mut high) = (self.start, self.text.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let mut line = self.line_start(middle);
            // A line `^…` belongs to the ref above it.
            while line > low && self.text.get(line) == Some(&b'^') {
                line = self.line_start(line - 1);
            }
            let end = line_end(&self.text, line);
            match self.text.get(line..end).and_then(name_of) {
                Some(name) if name >= prefix.as_bytes() => high = line,
                _ => low = line_end(&self.text, middle),
            }
        }
        low
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(self.start..at).unwrap_or_default();
        before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(self.start, |newline| self.start + newline + 1)
    }
}

/// Just behind the line that holds this byte.
fn line_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter()
        .position(|b| *b == b'\n')
        .map_or(text.len(), |newline| at + newline + 1)
}

fn name_of(line: &[u8]) -> Option<&[u8]> {
    if line.first() == Some(&b'^') {
        return None;
    }
    Some(line.get(41..)?.trim_ascii_end())
}

fn parse_line(line: &[u8]) -> Result<(String, Sha)> {
    let parse = || {
        let line = std::str::from_utf8(line).ok()?;
        let (id, name) = line.trim_end().split_once(' ')?;
        Some((name.to_owned(), id.parse().ok()?))
    };
    parse().ok_or_else(|| {
        let line = String::from_utf8_lossy(line);
        GitError::new(format!(
            "`packed-refs` is broken at `{}`: run `git fsck`",
            line.trim_end().escape_default()
        ))
    })
}
