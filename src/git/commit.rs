//! Commits as bytes, read and written by hand: a walk over a million of them needs two fields of each, and
//! what a hostile one really says must not be smoothed over.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::error::{GitError, Result};
use crate::domain::ids::Sha;

/// A person or program, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    /// The e-mail address, without the angle brackets.
    pub email: String,
    /// When, to the second.
    pub time: DateTime<Utc>,
}

impl Signature {
    /// Name and address cannot end the line or the address early, whatever they hold.
    fn line(&self) -> String {
        let clean = |text: &str| -> String {
            let kept: String = text
                .chars()
                .filter(|c| !matches!(c, '<' | '>' | '\n' | '\0' | '\r'))
                .collect();
            kept.trim().to_owned()
        };
        // Git dates begin in 1970.
        let seconds = self.time.timestamp().max(0);
        format!(
            "{} <{}> {seconds} +0000",
            clean(&self.name),
            clean(&self.email)
        )
    }
}

/// A commit as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub id: Sha,
    /// The folder at its root.
    pub tree: Sha,
    /// Its parents, the first being the one whose history it continues.
    pub parents: Vec<Sha>,
    pub author: Signature,
    pub committer: Signature,
    /// The whole message, subject first.
    pub message: String,
    /// False if a name, an address or the message was not UTF-8 and had characters replaced.
    pub valid_utf8: bool,
    /// The encoding by which git shows all of it, where a header names another one than UTF-8.
    pub encoding: Option<String>,
}

/// A commit as it is stored, not yet read.
#[derive(Debug, Clone)]
pub struct StoredCommit {
    pub id: Sha,
    pub(super) bytes: Arc<[u8]>,
}

impl StoredCommit {
    /// Reads it; an error if it is malformed.
    pub fn read(&self) -> Result<Commit> {
        parse_commit(self.id, &self.bytes)
    }

    /// The folder at its root; none if it is malformed.
    pub fn tree(&self) -> Option<Sha> {
        take_id(&self.bytes, b"tree ").map(|(tree, _)| tree)
    }

    /// The whole message, subject first; an error if it is malformed.
    pub fn message(&self) -> Result<Cow<'_, str>> {
        let lines = commit_lines(&self.bytes).ok_or_else(|| broken_commit(self.id))?;
        Ok(String::from_utf8_lossy(lines.message))
    }

    /// Whether its headers are as [`NewCommit`] writes them: no others, and each in that one way.
    pub fn has_plain_headers(&self, commit: &Commit) -> bool {
        let signature = self.find_signature();
        let plain = NewCommit {
            tree: commit.tree,
            parents: commit.parents.clone(),
            author: commit.author.clone(),
            committer: commit.committer.clone(),
            message: String::new(),
            signature: signature.map(|signed| signed.signature.armored().to_owned()),
        };
        // Up to the empty line.
        let headers = plain.to_bytes();
        let end = headers.len() - 1;
        self.bytes.get(..end) == headers.get(..end)
    }

    /// The commit that it continues; none if it is the first one, or malformed.
    pub fn first_parent(&self) -> Option<Sha> {
        let (_, rest) = take_id(&self.bytes, b"tree ")?;
        take_id(rest, b"parent ").map(|(parent, _)| parent)
    }

    pub(super) fn links(&self) -> Result<Links> {
        parse_links(self.id, &self.bytes)
    }
}

/// The id of a header line that has to come first.
fn take_id<'b>(bytes: &'b [u8], header: &[u8]) -> Option<(Sha, &'b [u8])> {
    let (id, rest) = bytes.strip_prefix(header)?.split_at_checked(40)?;
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    Some((id, rest.strip_prefix(b"\n")?))
}

/// The parts of a commit that a walk needs.
#[derive(Debug, Clone)]
pub(super) struct Links {
    pub(super) parents: Vec<Sha>,
    /// Seconds since 1970, as the committer claims.
    pub(super) time: i64,
}

struct Lines<'a> {
    tree: Sha,
    parents: Vec<Sha>,
    author: &'a [u8],
    committer: &'a [u8],
    encoding: Option<&'a [u8]>,
    message: &'a [u8],
}

fn commit_lines(bytes: &[u8]) -> Option<Lines<'_>> {
    fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let end = memchr::memchr(b'\n', bytes)?;
        Some((bytes.get(..end)?, bytes.get(end + 1..)?))
    }
    let id = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<Sha>().ok();
    let (tree, mut rest) = line(bytes)?;
    let tree = id(tree.strip_prefix(b"tree ")?)?;
    let mut parents = Vec::new();
    while let Some(after) = rest.strip_prefix(b"parent ") {
        let (parent, after) = line(after)?;
        parents.push(id(parent)?);
        rest = after;
    }
    let (author, after) = line(rest.strip_prefix(b"author ")?)?;
    let (committer, mut rest) = line(after.strip_prefix(b"committer ")?)?;
    // Other headers (encoding, signature) end at the first empty line; their continuations begin with a space.
    let mut encoding = None;
    while !rest.is_empty() {
        let (header, after) = line(rest)?;
        rest = after;
        if header.is_empty() {
            break;
        }
        let named = header.strip_prefix(b"encoding ");
        encoding = encoding.or(named.filter(|name| !is_utf8(name)));
    }
    Some(Lines {
        tree,
        parents,
        author,
        committer,
        encoding,
        message: rest,
    })
}

/// As git takes the name of an encoding.
fn is_utf8(name: &[u8]) -> bool {
    [&b"utf-8"[..], b"utf8"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

fn split_signature(line: &[u8]) -> Option<(&[u8], &[u8], i64)> {
    let open = line.iter().position(|b| *b == b'<')?;
    let close = line.iter().rposition(|b| *b == b'>')?;
    let time = std::str::from_utf8(line.get(close + 1..)?).ok()?;
    let seconds = time.split_ascii_whitespace().next()?.parse().ok()?;
    Some((
        line.get(..open)?.trim_ascii(),
        line.get(open + 1..close)?,
        seconds,
    ))
}

fn lossy(bytes: &[u8], valid: &mut bool) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            *valid = false;
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}

fn parse_signature(line: &[u8], valid: &mut bool) -> Option<Signature> {
    let (name, email, seconds) = split_signature(line)?;
    Some(Signature {
        name: lossy(name, valid),
        email: lossy(email, valid),
        time: DateTime::from_timestamp(seconds, 0)?,
    })
}

pub(super) fn parse_commit(id: Sha, bytes: &[u8]) -> Result<Commit> {
    let parse = || {
        let lines = commit_lines(bytes)?;
        let mut valid_utf8 = true;
        Some(Commit {
            id,
            tree: lines.tree,
            parents: lines.parents,
            author: parse_signature(lines.author, &mut valid_utf8)?,
            committer: parse_signature(lines.committer, &mut valid_utf8)?,
            message: lossy(lines.message, &mut valid_utf8),
            valid_utf8,
            encoding: lines
                .encoding
                .map(|name| String::from_utf8_lossy(name).into_owned()),
        })
    };
    parse().ok_or_else(|| broken_commit(id))
}

pub(super) fn parse_links(id: Sha, bytes: &[u8]) -> Result<Links> {
    let parse = || {
        let lines = commit_lines(bytes)?;
        let (_, _, time) = split_signature(lines.committer)?;
        Some(Links {
            parents: lines.parents,
            time,
        })
    };
    parse().ok_or_else(|| broken_commit(id))
}

fn broken_commit(id: Sha) -> GitError {
    GitError::content(format!(
        "commit `{id}` is malformed: it was not made by git, or run `git fsck`"
    ))
}

/// A commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// The folder at its root.
    pub tree: Sha,
    /// Its parents, the first being the one whose history it continues.
    pub parents: Vec<Sha>,
    /// Who wrote it. Characters that would break the line are left out.
    pub author: Signature,
    pub committer: Signature,
    /// The whole message; NUL is left out, a line end is added.
    pub message: String,
    /// An armored signature of [`NewCommit::payload`], if it is signed.
    pub signature: Option<String>,
}

impl NewCommit {
    /// The bytes that a signature has to cover: the commit without its signature.
    pub fn payload(&self) -> Vec<u8> {
        self.encode(None)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.encode(self.signature.as_deref())
    }

    fn encode(&self, signature: Option<&str>) -> Vec<u8> {
        let mut text = format!("tree {}\n", self.tree);
        for parent in &self.parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        text.push_str(&format!(
            "author {}\ncommitter {}\n",
            self.author.line(),
            self.committer.line()
        ));
        if let Some(signature) = signature {
            text.push_str("gpgsig ");
            text.push_str(&signature.trim_end().replace('\n', "\n "));
            text.push('\n');
        }
        text.push('\n');
        text.extend(self.message.trim_end().chars().filter(|c| *c != '\0'));
        text.push('\n');
        text.into_bytes()
    }
}
