//! A repository on a server: its refs, its objects, and one branch that is moved by compare-and-swap.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::error::{GitError, ResultExt};
use super::kept_pack::put_in_place;
use super::repository::oid;
use super::sharing::INCOMING;
use super::transport::{Answer, Endpoint, Line, Lines};
use super::{Credentials, RemoteError, Repository};
use crate::domain::ids::Sha;

const UPLOAD: &str = "git-upload-pack";
const RECEIVE: &str = "git-receive-pack";
/// How many of our commits are named, so that the server does not send what we have.
const MOST_HAVES: usize = 128;
const UNKNOWN: u8 = 0;

/// A repository on a server.
#[derive(Debug)]
pub struct Remote {
    endpoint: Endpoint,
    /// The protocol's version that the server speaks, once it is known.
    version: AtomicU8,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The ref is where it was to go.
    Done,
    /// The server said no, in its words: another writer was faster, or the branch is protected.
    Refused(String),
}

/// One ref to be moved on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push<'a> {
    pub name: &'a str,
    /// What it must be; none: it must not exist.
    pub old: Option<Sha>,
    pub new: Sha,
}

impl Remote {
    /// A repository by its address, which must not hold a password.
    pub fn new(url: &str, credentials: Arc<dyn Credentials>) -> Self {
        Self {
            endpoint: Endpoint::new(url, credentials),
            version: AtomicU8::new(UNKNOWN),
        }
    }

    pub fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// The refs of these names that exist, in the order of the server.
    pub fn find_refs(&self, names: &[String]) -> Result<Vec<(String, Sha)>, RemoteError> {
        let mut found = match self.version.load(Ordering::Relaxed) {
            UNKNOWN | 0..=1 => self.discover(names)?,
            _ => self.list(names)?,
        };
        found.retain(|(name, _)| names.contains(name));
        Ok(found)
    }

    /// Learns which version the server speaks. An old one lists all its refs at once.
    fn discover(&self, names: &[String]) -> Result<Vec<(String, Sha)>, RemoteError> {
        let mut answer = self.endpoint.advertisement(UPLOAD)?;
        let mut refs = Vec::new();
        let mut is_first = true;
        while let Some(line) = answer.next_line()? {
            let Line::Data(data) = line else {
                continue;
            };
            let text = String::from_utf8_lossy(&data);
            let text = text.trim_end_matches('\n');
            if text.starts_with("# service=") {
                continue;
            }
            if is_first && text == "version 2" {
                self.version.store(2, Ordering::Relaxed);
                return self.list(names);
            }
            is_first = false;
            let text = text.split('\0').next().unwrap_or_default();
            refs.extend(parse_ref(&answer, text)?);
        }
        self.version.store(1, Ordering::Relaxed);
        Ok(refs)
    }

    fn list(&self, names: &[String]) -> Result<Vec<(String, Sha)>, RemoteError> {
        let request = Lines::default()
            .line("command=ls-refs\n")
            .delimiter()
            .lines(names.iter().map(|name| format!("ref-prefix {name}\n")))
            .flush();
        let mut answer = self.endpoint.call(UPLOAD, true, request.as_bytes())?;
        let mut refs = Vec::new();
        while let Some(text) = answer.next_text()? {
            refs.extend(parse_ref(&answer, &text)?);
        }
        Ok(refs)
    }

    /// Brings these commits and everything they need into a repository. No ref moves.
    ///
    /// # Errors
    /// When the server cannot be asked, or what it sent cannot be stored.
    pub fn fetch(&self, repo: &Repository, wanted: &[Sha]) -> Result<(), RemoteError> {
        let mut missing: Vec<Sha> = Vec::new();
        for id in wanted {
            if !repo.has_object(*id)? && !missing.contains(id) {
                missing.push(*id);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let is_new = self.version.load(Ordering::Relaxed) >= 2;
        let haves = haves(repo)?.into_iter().map(|id| format!("have {id}\n"));
        let request = if is_new {
            Lines::default()
                .line("command=fetch\n")
                .delimiter()
                .line("no-progress\n")
                .line("ofs-delta\n")
                .lines(missing.iter().map(|id| format!("want {id}\n")))
                .lines(haves)
                .line("done\n")
                .flush()
        } else {
            let wants = missing.iter().enumerate().map(|(index, id)| {
                let asked = if index == 0 {
                    " side-band-64k no-progress ofs-delta"
                } else {
                    ""
                };
                format!("want {id}{asked}\n")
            });
            Lines::default()
                .lines(wants)
                .flush()
                .lines(haves)
                .line("done\n")
        };
        let answer = self.endpoint.call(UPLOAD, is_new, request.as_bytes())?;
        store(repo, answer)?;
        for id in missing {
            if !repo.has_object(id)? {
                return Err(RemoteError::Protocol {
                    url: self.url().to_owned(),
                    reason: format!("commit `{id}` was asked for and not sent"),
                });
            }
        }
        Ok(())
    }

    /// Moves one ref on the server if it is still where we think it is. `pack` holds every object that
    /// the server lacks.
    ///
    /// # Errors
    /// When the server cannot be told, or it is not certain that it heard: look before trying again.
    pub fn push(&self, push: &Push<'_>, pack: &[u8]) -> Result<Pushed, RemoteError> {
        let Push { name, old, new } = push;
        let nothing = Sha::from_bytes([0; 20]);
        let old = old.unwrap_or(nothing);
        let request = Lines::default()
            .line(&format!("{old} {new} {name}\0report-status\n"))
            .flush()
            .bytes(pack);
        let mut answer = self.endpoint.call(RECEIVE, false, request.as_bytes())?;
        let mut is_unpacked = false;
        while let Some(text) = answer.next_text()? {
            if text == "unpack ok" {
                is_unpacked = true;
            } else if let Some(reason) = text.strip_prefix("unpack ") {
                return Ok(Pushed::Refused(shown(reason)));
            } else if let Some(rest) = text.strip_prefix("ng ") {
                let reason = rest.split_once(' ').map_or(rest, |(_, reason)| reason);
                return Ok(Pushed::Refused(shown(reason)));
            } else if text == format!("ok {name}") && is_unpacked {
                return Ok(Pushed::Done);
            }
        }
        Err(answer.wrong("it does not say whether the push was accepted"))
    }
}

fn shown(words: &str) -> String {
    words
        .chars()
        .filter(|c| !c.is_control())
        .take(300)
        .collect()
}

fn parse_ref(answer: &Answer, text: &str) -> Result<Option<(String, Sha)>, RemoteError> {
    if let Some(words) = text.strip_prefix("ERR ") {
        return Err(answer.wrong(shown(words)));
    }
    let Some((id, name)) = text.split_once(' ') else {
        return Err(answer.wrong("a ref has no name"));
    };
    // An unborn branch has no id; a peeled tag comes twice.
    let Ok(id) = id.parse::<Sha>() else {
        return Ok(None);
    };
    let name = name.split(' ').next().unwrap_or_default();
    Ok((!name.ends_with("^{}") && name.starts_with("refs/")).then(|| (name.to_owned(), id)))
}

/// Commits that we have, newest first: the heads of our refs and some of the history of `main`.
fn haves(repo: &Repository) -> Result<Vec<Sha>, GitError> {
    let mut haves = Vec::new();
    if let Some(main) = repo.find_ref("refs/heads/main")? {
        for commit in repo.first_parents(main).take(MOST_HAVES / 2) {
            haves.push(commit?.id);
        }
    }
    let pulls = repo.refs_under("refs/pull/")?;
    haves.extend(pulls.iter().rev().map(|(_, id)| *id).take(MOST_HAVES / 2));
    Ok(haves)
}

/// Stores the pack of an answer.
fn store(repo: &Repository, mut answer: Answer) -> Result<(), RemoteError> {
    let context = || "store what the server sent".to_owned();
    let failed = |error| GitError::new(format!("cannot {}: {error}", context()));
    let odb = repo.inner.odb().context(context)?;
    let objects = repo.common_dir().join("objects");
    // A pack that is not finished, or not for everybody to read who may, is not among the others.
    let incoming = repo
        .files
        .unfinished_folder(&objects, INCOMING)
        .context(context)?;
    let mut writer = git2::Indexer::new(Some(&odb), incoming.path(), 0, false).context(context)?;
    let mut has_begun = false;
    while let Some(line) = answer.next_line()? {
        let Line::Data(data) = line else {
            continue;
        };
        match data.split_first() {
            Some((1, bytes)) => {
                has_begun = true;
                writer.write_all(bytes).map_err(failed)?;
            }
            Some((2, _)) => {}
            Some((3, words)) => {
                return Err(answer.wrong(shown(&String::from_utf8_lossy(words))));
            }
            // `NAK`, `ACK …` and `packfile` come before the pack.
            _ if !has_begun && !data.starts_with(b"ERR ") => {}
            _ => return Err(answer.wrong(shown(&String::from_utf8_lossy(&data)))),
        }
    }
    if !has_begun {
        return Err(answer.wrong("it holds no objects"));
    }
    let name = format!("pack-{}", writer.commit().context(context)?);
    let kept = put_in_place(&repo.files, &name, incoming.path(), &objects.join("pack"));
    kept.map(drop).context(context)?;
    Ok(())
}

impl Repository {
    /// Whether an object is here.
    pub fn has_object(&self, id: Sha) -> Result<bool, GitError> {
        let odb = self.inner.odb().context(|| "open the objects".to_owned())?;
        Ok(odb.exists(oid(id)?))
    }
}
