//! What is kept of pull requests: the tree of one ref, written by compare-and-swap.
//!
//! | path | content |
//! | --- | --- |
//! | `next` | the next number to give out |
//! | `open/0/12/1234` | the events of pull request 1234, a line of JSON each, until it has ended and its branch is gone |
//! | `ended/0/12/1234` | the same from then on |
//!
//! A record is found by its number alone, and no folder has more than a hundred entries below the first one, so neither
//! reading one nor writing one grows with how many there were. Each commit's first parent is the state before it; its
//! other parents are heads that nothing else keeps: what was pushed over, and what ended without a merge.

use std::collections::{BTreeMap, BTreeSet};

use super::branches::branch_ref;
use super::event::PullEvent;
use super::{Result, old, step};
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::pull::{Pull, PullState};
use crate::forge::ForgeError;
use crate::git::{
    Durability, Expect, InsertError, Mode, NewCommit, ObjectBuffer, RefEdit, Repository, Signature,
    TreeEditor, warn_once,
};
use crate::ledger::{BOT_EMAIL, BOT_NAME, Entry, MAIN};

pub(super) const PULLS_REF: &str = "refs/countersign/pulls";

const NEXT: &str = "next";
const OPEN: &str = "open";
const ENDED: &str = "ended";

/// How much of the trail is asked for the highest number when everything else is lost.
const TRAIL_LOOKBACK: usize = 10_000;

/// So many pull requests are named in the message of a commit.
const MOST_NAMED: usize = 20;

/// The state of all pull requests at one moment.
#[derive(Debug, Clone)]
pub struct Stored {
    expected: Expect,
    /// The commit; none if nothing was stored yet.
    tip: Option<Sha>,
    root: Option<Sha>,
    /// The next number to give out.
    pub next: u64,
}

/// What a record comes to.
#[derive(Debug, Clone)]
pub struct Kept {
    pub pull: Pull,
    /// Whether it ever had a branch: one that had is withdrawn with it.
    pub has_branch: bool,
}

/// Open pull requests that were read before: whoever looks again reads only what has changed.
#[derive(Debug, Default)]
pub struct OpenCache {
    folder: Option<Sha>,
    /// With the blob that each was read from.
    pulls: BTreeMap<PullNumber, (Sha, Kept)>,
    /// Records that cannot be read, which was said.
    unreadable: BTreeSet<Sha>,
}

/// A new state, and what follows from it once it is stored.
#[derive(Debug)]
pub struct Update {
    pub edit: RefEdit,
    /// Open pull requests that were reported on or reviewed: their heads get refs.
    pub shown: Vec<(PullNumber, Sha)>,
}

/// What is to be written of one pull request.
#[derive(Default)]
struct Record {
    lines: Vec<u8>,
    kept: Option<Kept>,
}

fn path_of(folder: &str, number: PullNumber) -> String {
    let PullNumber(n) = number;
    format!("{folder}/{}/{}/{n}", n / 10_000, n / 100 % 100)
}

impl Stored {
    /// Reads the state. One of the form before this one is converted first.
    pub fn read(repo: &Repository) -> Result<Self> {
        let expected = match repo.find_ref(PULLS_REF) {
            Ok(None) => Expect::Absent,
            Ok(Some(tip)) => match Self::at(repo, tip) {
                Some(stored) => return Ok(stored),
                None => Expect::Is(tip),
            },
            // A power failure may leave a ref that names nothing.
            Err(_) => Expect::Any,
        };
        if let Some(stored) = old::convert(repo, expected)? {
            return Ok(stored);
        }
        if expected != Expect::Absent {
            tracing::error!(
                "`{PULLS_REF}` cannot be read: what was said on open pull requests is lost unless you restore it; branches that are still there get new numbers"
            );
        }
        Ok(Self {
            expected,
            tip: None,
            root: None,
            next: first_free_number(repo)?,
        })
    }

    /// The state in a commit; none if it is not one.
    pub fn at(repo: &Repository, tip: Sha) -> Option<Self> {
        let root = repo.read_commit(tip).ok()?.tree;
        let next = repo.read_path(root, NEXT).ok()??;
        Some(Self {
            expected: Expect::Is(tip),
            tip: Some(tip),
            root: Some(root),
            next: std::str::from_utf8(&next).ok()?.trim().parse().ok()?,
        })
    }

    /// One pull request, ended or not.
    pub fn find(&self, repo: &Repository, number: PullNumber) -> Result<Option<Kept>> {
        let found = self.record(repo, number)?;
        Ok(found.and_then(|(_, record)| record.kept))
    }

    /// What happened to a pull request, oldest first.
    pub fn events(&self, repo: &Repository, number: PullNumber) -> Result<Vec<PullEvent>> {
        match self.record(repo, number)? {
            Some((_, record)) => read_events(number, &record.lines),
            None => Ok(Vec::new()),
        }
    }

    /// A record, and in which folder it is.
    fn record(
        &self,
        repo: &Repository,
        number: PullNumber,
    ) -> Result<Option<(&'static str, Record)>> {
        let Some(root) = self.root else {
            return Ok(None);
        };
        for folder in [OPEN, ENDED] {
            if let Some(lines) = repo.read_path(root, &path_of(folder, number))? {
                let record = Record {
                    kept: Some(fold(number, &lines)?),
                    lines: lines.to_vec(),
                };
                return Ok(Some((folder, record)));
            }
        }
        Ok(None)
    }

    /// The state with these events added, as objects in the buffer; none if they say nothing new.
    pub fn append(
        &self,
        repo: &Repository,
        buffer: &mut ObjectBuffer,
        events: &BTreeMap<PullNumber, Vec<PullEvent>>,
        cache: &mut OpenCache,
    ) -> Result<Option<Update>> {
        let mut change = Change::of(self, repo, buffer);
        let settled = self.settled(repo, cache)?;
        for (number, events) in events {
            let found = self.record(repo, *number)?;
            let (folder, mut record) = found.unwrap_or((OPEN, Record::default()));
            let before = record.lines.len();
            for event in events {
                record.add(*number, event, &mut change)?;
            }
            if record.lines.len() > before {
                change.put(&path_of(folder, *number), &record.lines)?;
            }
            change.follow(*number, events, record.kept);
        }
        for (number, blob) in settled.into_iter().filter(|(n, _)| !events.contains_key(n)) {
            change.end(number, blob)?;
        }
        change.finish(self)
    }

    /// The records of ended pull requests whose branches are gone.
    fn settled(&self, repo: &Repository, cache: &mut OpenCache) -> Result<Vec<(PullNumber, Sha)>> {
        cache.refresh(repo, self)?;
        let mut settled = Vec::new();
        for (number, (blob, kept)) in &cache.pulls {
            if kept.pull.state == PullState::Done && !has_branch(repo, &kept.pull)? {
                settled.push((*number, *blob));
            }
        }
        Ok(settled)
    }
}

/// Whether its branch is still where it was decided.
fn has_branch(repo: &Repository, pull: &Pull) -> Result<bool> {
    Ok(repo.find_ref(&branch_ref(&pull.branch))? == Some(pull.head))
}

/// A new state in the making.
struct Change<'c> {
    repo: &'c Repository,
    buffer: &'c mut ObjectBuffer,
    tree: TreeEditor,
    next: u64,
    is_changed: bool,
    /// What happened to which pull request, in a word each.
    words: Vec<(PullNumber, &'static str)>,
    pinned: Vec<Sha>,
    shown: Vec<(PullNumber, Sha)>,
    at: chrono::DateTime<chrono::Utc>,
}

impl<'c> Change<'c> {
    fn of(stored: &Stored, repo: &'c Repository, buffer: &'c mut ObjectBuffer) -> Self {
        Self {
            repo,
            buffer,
            tree: TreeEditor::new(stored.root),
            next: stored.next,
            is_changed: false,
            words: Vec::new(),
            pinned: Vec::new(),
            shown: Vec::new(),
            at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn put(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let blob = self.buffer.put_blob(content);
        self.tree
            .insert(self.repo.with(self.buffer), path, Mode::File, blob)
            .map_err(InsertError::into_damage)?;
        self.is_changed = true;
        Ok(())
    }

    /// Moves a record to the ended ones.
    fn end(&mut self, number: PullNumber, blob: Sha) -> Result<()> {
        let objects = self.repo.with(self.buffer);
        self.tree.remove(objects, &path_of(OPEN, number))?;
        self.tree
            .insert(objects, &path_of(ENDED, number), Mode::File, blob)
            .map_err(InsertError::into_damage)?;
        self.is_changed = true;
        Ok(())
    }

    /// What the events of a pull request mean for its refs and its number.
    fn follow(&mut self, number: PullNumber, events: &[PullEvent], kept: Option<Kept>) {
        let is_seen = |event: &PullEvent| {
            matches!(
                event,
                PullEvent::Reported { .. } | PullEvent::Reviewed { .. }
            )
        };
        let is_seen = events.iter().any(is_seen);
        let kept = kept.filter(|kept| is_seen && kept.pull.state != PullState::Done);
        if let Some(kept) = kept {
            self.shown.push((number, kept.pull.head));
        }
        self.next = self.next.max(number.0.saturating_add(1));
    }

    fn finish(mut self, stored: &Stored) -> Result<Option<Update>> {
        if !self.is_changed {
            return Ok(None);
        }
        if self.next != stored.next || stored.tip.is_none() {
            let next = format!("{}\n", self.next);
            self.put(NEXT, next.as_bytes())?;
        }
        let mut parents: Vec<Sha> = stored.tip.into_iter().collect();
        for head in &self.pinned {
            // What is lost already cannot be kept.
            if !parents.contains(head)
                && (self.buffer.contains(*head) || self.repo.contains(*head)?)
            {
                parents.push(*head);
            }
        }
        let bot = Signature {
            name: BOT_NAME.to_owned(),
            email: BOT_EMAIL.to_owned(),
            time: self.at,
        };
        let tree = self.tree.write(self.buffer);
        let message = self.message();
        let tip = self.buffer.put_commit(&NewCommit {
            tree,
            parents,
            author: bot.clone(),
            committer: bot,
            message,
            signature: None,
        });
        Ok(Some(Update {
            edit: RefEdit {
                name: PULLS_REF.to_owned(),
                expected: stored.expected,
                new: Some(tip),
            },
            shown: self.shown,
        }))
    }

    /// `pull requests: #1 opened, #2 reviewed and 3 more`
    fn message(&self) -> String {
        let named = self.words.iter().take(MOST_NAMED);
        let named: Vec<String> = named
            .map(|(number, word)| format!("{number} {word}"))
            .collect();
        let more = self.words.len().saturating_sub(MOST_NAMED);
        match (named.as_slice(), more) {
            ([], _) => "pull requests: branches of ended ones are gone".to_owned(),
            (named, 0) => format!("pull requests: {}", named.join(", ")),
            (named, more) => format!("pull requests: {} and {more} more", named.join(", ")),
        }
    }
}

impl Record {
    /// Adds an event, unless it says nothing new.
    fn add(
        &mut self,
        number: PullNumber,
        event: &PullEvent,
        change: &mut Change<'_>,
    ) -> Result<()> {
        let before = self.kept.as_ref();
        let has_branch = before.is_some_and(|kept| kept.has_branch);
        let before = before.map(|kept| &kept.pull);
        let is_known = matches!(event, PullEvent::Branched { .. }) && has_branch;
        if is_known || event.is_redundant_on(before) {
            return Ok(());
        }
        if before.is_some_and(|pull| pull.state == PullState::Done) {
            return Err(ForgeError::Ended(number));
        }
        change.pinned.extend(event.leaves_behind(before));
        self.kept = Some(fold_onto(number, self.kept.take(), event)?);
        self.lines.extend(line(number, event)?);
        change.words.push((number, event.word()));
        change.at = change.at.max(event.at());
        Ok(())
    }
}

/// An event as it is stored.
fn line(number: PullNumber, event: &PullEvent) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(event).map_err(|error| ForgeError::Record {
        number,
        reason: error.to_string(),
    })?;
    line.push(b'\n');
    Ok(line)
}

fn read_events(number: PullNumber, lines: &[u8]) -> Result<Vec<PullEvent>> {
    let lines = lines.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|error| ForgeError::Record {
                number,
                reason: format!("line {}: {error}", at + 1),
            })
        })
        .collect()
}

fn fold(number: PullNumber, lines: &[u8]) -> Result<Kept> {
    let mut kept = None;
    for event in read_events(number, lines)? {
        kept = Some(fold_onto(number, kept, &event)?);
    }
    kept.ok_or_else(|| ForgeError::Record {
        number,
        reason: "it is empty".to_owned(),
    })
}

/// What a record comes to with one more event.
pub fn fold_onto(number: PullNumber, kept: Option<Kept>, event: &PullEvent) -> Result<Kept> {
    let has_branch = match event {
        PullEvent::Opened { has_branch, .. } => *has_branch,
        PullEvent::Branched { .. } => true,
        _ => kept.as_ref().is_some_and(|kept| kept.has_branch),
    };
    let pull = event.clone().fold(number, kept.map(|kept| kept.pull));
    let pull = pull.map_err(|misplaced| ForgeError::Record {
        number,
        reason: misplaced.to_string(),
    })?;
    Ok(Kept { pull, has_branch })
}

impl OpenCache {
    /// The pull requests whose records are among the open ones, also those that have ended and have a branch.
    pub fn read(
        &mut self,
        repo: &Repository,
        stored: &Stored,
    ) -> Result<impl Iterator<Item = &Kept>> {
        self.refresh(repo, stored)?;
        Ok(self.pulls.values().map(|(_, kept)| kept))
    }

    fn refresh(&mut self, repo: &Repository, stored: &Stored) -> Result<()> {
        let folder = match stored.root {
            Some(root) => repo.entry_at(root, OPEN)?.map(|found| found.id),
            None => None,
        };
        if folder == self.folder {
            return Ok(());
        }
        let mut before = std::mem::take(&mut self.pulls);
        for (number, blob) in records(repo, folder)? {
            match before.remove(&number) {
                Some(known) if known.0 == blob => {
                    self.pulls.insert(number, known);
                }
                _ => match repo
                    .read_blob(blob)
                    .map_err(ForgeError::from)
                    .and_then(|lines| fold(number, &lines))
                {
                    Ok(kept) => {
                        self.pulls.insert(number, (blob, kept));
                    }
                    Err(error) => {
                        if self.unreadable.insert(blob) {
                            warn_once(&format!("{error}; it is left out until that is mended"));
                        }
                    }
                },
            }
        }
        self.folder = folder;
        Ok(())
    }
}

/// The records below a folder of the state, with their blobs.
fn records(repo: &Repository, folder: Option<Sha>) -> Result<Vec<(PullNumber, Sha)>> {
    let mut records = Vec::new();
    let mut folders: Vec<Sha> = folder.into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in repo.read_tree(folder)? {
            let number = std::str::from_utf8(&entry.name).ok().map(str::parse);
            match (entry.mode, number) {
                (Mode::Tree, _) => folders.push(entry.id),
                (Mode::File, Some(Ok(number))) => records.push((PullNumber(number), entry.id)),
                _ => {}
            }
        }
    }
    Ok(records)
}

/// A number that no pull request has had, as far as anything tells.
pub fn first_free_number(repo: &Repository) -> Result<u64> {
    let mut next = 1;
    if let Some(tip) = repo.find_ref(MAIN)? {
        for commit in repo.first_parents(tip).take(TRAIL_LOOKBACK) {
            if let Some(PullNumber(number)) = Entry::of(&commit?).pull() {
                next = next.max(number.saturating_add(1));
            }
        }
    }
    for (name, _) in repo.refs_under("refs/pull/")? {
        let number = name.trim_start_matches("refs/pull/").split('/').next();
        let number = number.and_then(|number| number.parse::<u64>().ok());
        next = next.max(number.map_or(0, |n| n.saturating_add(1)));
    }
    Ok(next)
}

/// A whole state at once, as it is made of the form before this one.
pub fn build(
    repo: &Repository,
    expected: Expect,
    next: u64,
    all: &BTreeMap<PullNumber, Vec<PullEvent>>,
) -> Result<Option<Stored>> {
    let nothing = Stored {
        expected,
        tip: None,
        root: None,
        next,
    };
    let mut buffer = ObjectBuffer::new();
    let mut change = Change::of(&nothing, repo, &mut buffer);
    change.is_changed = true;
    for (number, events) in all {
        let mut record = Record::default();
        for event in events {
            match record.add(*number, event, &mut change) {
                // Nothing that was said after the end counts.
                Ok(()) | Err(ForgeError::Ended(_)) => {}
                Err(error) => {
                    tracing::error!("{error}; what came after that is left out");
                    break;
                }
            }
        }
        let Some(Kept { pull, .. }) = &record.kept else {
            continue;
        };
        let folder = match pull.state {
            PullState::Done if !has_branch(repo, pull)? => ENDED,
            _ => OPEN,
        };
        change.put(&path_of(folder, *number), &record.lines)?;
        change.next = change.next.max(number.0.saturating_add(1));
    }
    let update = change.finish(&nothing)?;
    let Some(tip) = update.as_ref().and_then(|update| update.edit.new) else {
        return Ok(None);
    };
    let _kept = buffer.flush(repo)?;
    step("pull requests of the old form stored");
    let edits: Vec<RefEdit> = update.into_iter().map(|update| update.edit).collect();
    repo.update_refs(&edits, Durability::Durable)?;
    step("pull requests of the old form converted");
    // Whoever was faster has done the same.
    Ok(Stored::at(repo, tip))
}
