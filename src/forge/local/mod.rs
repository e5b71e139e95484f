//! The embedded forge: a bare repository on disk, without server, account or token.
//!
//! A branch `recommend/…` or `govern/…` *is* a pull request. Its events live in `refs/pull/<n>/meta`,
//! its newest commit is pinned by `refs/pull/<n>/head`, and `refs/countersign/pulls` says which are
//! open. Everything is written by compare-and-swap, so several bots and reviewers may work at once.
//! Whoever can write to the folder is trusted with it.

mod event;
mod index;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Conclusion, Forge, ForgeError, Publication, Published, Report};
use crate::domain::documents::AccountRecord;
use crate::domain::ids::{Login, PullNumber, Sha};
use crate::domain::pull::{Pull, PullState};
use crate::domain::review::Opinion;
use crate::git::{
    Durability, Expect, NewCommit, ObjectBuffer, RefEdit, RefsUpdate, Repository, Signature,
};
use crate::ledger::{BOT_EMAIL, BOT_NAME, MAIN};

use event::PullEvent;
use index::{Index, StoredIndex};

/// The prefixes of branches that are pull requests.
pub const BRANCH_PREFIXES: [&str; 2] = ["recommend/", "govern/"];

/// The longest address that is kept, in characters; real ones have at most 254.
const MOST_EMAIL: usize = 320;

/// How often a write is tried again when others were faster.
const MOST_TRIES: u32 = 50;

type Result<T> = std::result::Result<T, ForgeError>;

/// The local forge. Keeps only what it has seen but not yet written down.
#[derive(Debug, Default)]
pub struct LocalForge {
    seen: BTreeMap<PullNumber, Vec<PullEvent>>,
}

/// A review to be recorded.
#[derive(Debug, Clone)]
pub struct NewReview {
    /// Which pull request.
    pub number: PullNumber,
    /// Who.
    pub by: Login,
    /// What they think.
    pub opinion: Opinion,
    /// For which commit; none: the newest one.
    pub head: Option<Sha>,
    /// In their words.
    pub body: String,
    /// When.
    pub at: DateTime<Utc>,
}

fn meta_ref(number: PullNumber) -> String {
    format!("refs/pull/{}/meta", number.0)
}

fn head_ref(number: PullNumber) -> String {
    format!("refs/pull/{}/head", number.0)
}

impl LocalForge {
    /// A forge that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a review, and says for which commit.
    ///
    /// # Errors
    /// When there is no such open pull request, or it cannot be written.
    pub fn review(&mut self, repo: &Repository, review: NewReview) -> Result<Pull> {
        self.open_pulls(repo, review.at)?;
        self.write_seen(repo)?;
        let pull =
            Self::read_pull(repo, review.number)?.ok_or(ForgeError::NoSuchPull(review.number))?;
        if pull.state == PullState::Done {
            return Err(ForgeError::Ended(review.number));
        }
        let event = PullEvent::Reviewed {
            account: AccountRecord {
                login: Some(review.by),
                ..AccountRecord::default()
            },
            opinion: review.opinion,
            head: review.head.unwrap_or(pull.head),
            main: repo.find_ref(MAIN)?,
            body: review.body,
            at: review.at,
        };
        self.seen.entry(review.number).or_default().push(event);
        self.write(repo, None, &[], Durability::Durable)?;
        Self::read_pull(repo, review.number)?.ok_or(ForgeError::NoSuchPull(review.number))
    }

    /// Writes down what was seen and not yet written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_seen(&mut self, repo: &Repository) -> Result<()> {
        if self.seen.is_empty() {
            return Ok(());
        }
        self.write(repo, None, &[], Durability::Fast)
    }

    fn queue_ends(&mut self, conclusions: &[Conclusion], main: Sha, now: DateTime<Utc>) {
        for end in conclusions {
            let event = PullEvent::Ended {
                status: end.status,
                main,
                text: end.report.text(),
                at: now,
            };
            self.seen.entry(end.number).or_default().push(event);
        }
    }

    /// A pull request as its own record tells it.
    fn read_pull(repo: &Repository, number: PullNumber) -> Result<Option<Pull>> {
        let Some(tip) = repo.find_ref(&meta_ref(number))? else {
            return Ok(None);
        };
        let unreadable = |reason: String| ForgeError::Record { number, reason };
        let mut events = Vec::new();
        for commit in repo.first_parents(tip) {
            let commit = commit?;
            let body = commit
                .message
                .split_once("\n\n")
                .map_or("", |(_, body)| body);
            let event: PullEvent = serde_json::from_str(body)
                .map_err(|error| unreadable(format!("commit {}: {error}", commit.id)))?;
            let is_first = matches!(event, PullEvent::Opened { .. });
            events.push(event);
            if is_first {
                break;
            }
        }
        let mut pull = None;
        for event in events.into_iter().rev() {
            pull = Some(event.fold(number, pull).map_err(unreadable)?);
        }
        Ok(pull)
    }

    /// Compares the branches with the index: gives numbers to new ones, notices pushes and deletions.
    fn notice(&mut self, repo: &Repository, now: DateTime<Utc>) -> Result<Vec<Pull>> {
        for _ in 0..MOST_TRIES {
            let stored = StoredIndex::read(repo)?;
            let mut index = stored.index.clone();
            let mut alive = BTreeSet::new();
            for prefix in BRANCH_PREFIXES {
                for (name, head) in repo.refs_under(&format!("refs/heads/{prefix}"))? {
                    let Some(branch) = name.strip_prefix("refs/heads/") else {
                        continue;
                    };
                    alive.insert(branch.to_owned());
                    match index.open.get_mut(branch) {
                        Some(open) => open.head = head,
                        None => index.open_new(branch, head, author_of(repo, head), now),
                    }
                }
            }
            if index != stored.index {
                if !stored.swap(repo, &index)? {
                    continue;
                }
                step("branches noticed");
            }
            return self.see(repo, &index, &alive, now);
        }
        Err(ForgeError::Busy(MOST_TRIES))
    }

    /// The open pull requests as they are now; events that their own records lack are queued.
    fn see(
        &mut self,
        repo: &Repository,
        index: &Index,
        alive: &BTreeSet<String>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Pull>> {
        self.seen.clear();
        let mut pulls = Vec::new();
        let mut ended = BTreeSet::new();
        for (branch, open) in &index.open {
            let stored = match Self::read_pull(repo, open.number) {
                Ok(stored) => stored,
                Err(error) => {
                    tracing::error!("{error}; it is left out until that is mended");
                    continue;
                }
            };
            let mut events = Vec::new();
            match &stored {
                // The bot died after it ended this one and before it took it out of the index.
                Some(pull) if pull.state == PullState::Done => {
                    ended.insert(open.number);
                    continue;
                }
                Some(pull) if pull.head != open.head => events.push(PullEvent::Pushed {
                    head: open.head,
                    at: now,
                }),
                Some(_) => {}
                None => {
                    let (branch, head, author) = (branch.clone(), open.head, open.author.clone());
                    events.push(PullEvent::Opened {
                        branch,
                        head,
                        author,
                        at: open.opened_at,
                    });
                }
            }
            if !alive.contains(branch) {
                events.push(PullEvent::Closed {
                    by: open.author.clone(),
                    at: now,
                });
            }
            pulls.extend(fold_onto(open.number, stored, &events)?);
            if !events.is_empty() {
                self.seen.insert(open.number, events);
            }
        }
        forget(repo, &ended)?;
        pulls.sort_by_key(|pull| pull.number);
        Ok(pulls)
    }

    /// Writes every queued event, and deletes the branches of what has ended. `first` holds the ref
    /// edits for events that are stored already.
    fn write(
        &mut self,
        repo: &Repository,
        first: Option<Vec<RefEdit>>,
        ended: &[Conclusion],
        durability: Durability,
    ) -> Result<()> {
        let mut prepared = first;
        let mut kept_branches = BTreeSet::new();
        for _ in 0..MOST_TRIES {
            let mut edits = match prepared.take() {
                Some(edits) => edits,
                None => {
                    let mut buffer = ObjectBuffer::new();
                    let edits = self.event_edits(repo, &mut buffer)?;
                    if !buffer.is_empty() {
                        buffer.flush(repo)?;
                        step("events stored");
                    }
                    edits
                }
            };
            let deletions = ended
                .iter()
                .filter(|end| !kept_branches.contains(&end.branch));
            edits.extend(deletions.map(|end| RefEdit {
                name: format!("refs/heads/{}", end.branch),
                expected: Expect::Is(end.head),
                new: None,
            }));
            let update = if edits.is_empty() {
                RefsUpdate::Done
            } else {
                repo.update_refs(&edits, durability)?
            };
            match update {
                RefsUpdate::Done => {
                    step("refs of pull requests moved");
                    self.seen.clear();
                    return forget(repo, &ended.iter().map(|end| end.number).collect());
                }
                // A branch that is gone already, or was pushed to after the decision, is left alone.
                RefsUpdate::Lost { name, .. } => {
                    if let Some(branch) = name.strip_prefix("refs/heads/") {
                        kept_branches.insert(branch.to_owned());
                    }
                }
            }
        }
        Err(ForgeError::Busy(MOST_TRIES))
    }

    /// Puts the queued events into the buffer, and says which refs have to move for them.
    fn event_edits(&self, repo: &Repository, buffer: &mut ObjectBuffer) -> Result<Vec<RefEdit>> {
        let mut edits = Vec::new();
        for (number, events) in &self.seen {
            let stored = repo.find_ref(&meta_ref(*number))?;
            let mut pull = if stored.is_some() {
                Self::read_pull(repo, *number)?
            } else {
                None
            };
            let mut tip = stored;
            for event in events {
                if event.is_redundant_on(pull.as_ref()) {
                    continue;
                }
                tip = Some(put_event(buffer, event, tip)?);
                pull = fold_onto(*number, pull, std::slice::from_ref(event))?;
            }
            let Some(pull) = pull else { continue };
            if tip != stored {
                let expected = stored.map_or(Expect::Absent, Expect::Is);
                edits.push(RefEdit {
                    name: meta_ref(*number),
                    expected,
                    new: tip,
                });
            }
            if stored.is_none() || repo.find_ref(&head_ref(*number))? != Some(pull.head) {
                edits.push(RefEdit {
                    name: head_ref(*number),
                    expected: Expect::Any,
                    new: Some(pull.head),
                });
            }
        }
        Ok(edits)
    }
}

/// Takes ended pull requests out of the index.
fn forget(repo: &Repository, numbers: &BTreeSet<PullNumber>) -> Result<()> {
    if numbers.is_empty() {
        return Ok(());
    }
    for _ in 0..MOST_TRIES {
        let stored = StoredIndex::read(repo)?;
        let mut index = stored.index.clone();
        index.open.retain(|_, open| !numbers.contains(&open.number));
        if index == stored.index || stored.swap(repo, &index)? {
            step("index of pull requests swapped");
            return Ok(());
        }
    }
    Err(ForgeError::Busy(MOST_TRIES))
}

fn fold_onto(number: PullNumber, pull: Option<Pull>, events: &[PullEvent]) -> Result<Option<Pull>> {
    events.iter().try_fold(pull, |pull, event| {
        let folded = event.clone().fold(number, pull);
        folded
            .map(Some)
            .map_err(|reason| ForgeError::Record { number, reason })
    })
}

/// By whom the newest commit is; nobody if it cannot be read, which never approves anything.
fn author_of(repo: &Repository, head: Sha) -> AccountRecord {
    // One that is longer than any real one is cut: it becomes part of a record, which has its limits.
    let email = repo
        .read_commit(head)
        .ok()
        .map(|commit| commit.author.email.chars().take(MOST_EMAIL).collect());
    AccountRecord {
        email,
        ..AccountRecord::default()
    }
}

fn put_event(buffer: &mut ObjectBuffer, event: &PullEvent, parent: Option<Sha>) -> Result<Sha> {
    let body = serde_json::to_string(event).map_err(|error| ForgeError::Record {
        number: PullNumber(0),
        reason: error.to_string(),
    })?;
    let bot = Signature {
        name: BOT_NAME.to_owned(),
        email: BOT_EMAIL.to_owned(),
        time: event.at(),
    };
    let tree = buffer.put_empty_tree();
    Ok(buffer.put_commit(&NewCommit {
        tree,
        parents: parent.into_iter().chain(event.pins()).collect(),
        author: bot.clone(),
        committer: bot,
        message: format!("{}\n\n{body}", event.subject()),
        signature: None,
    }))
}

/// Marks a point at which the process may die without harm; the crash tests kill it at each of them.
fn step(name: &'static str) {
    tracing::trace!(target: "countersign::step", "{name}");
}

impl Forge for LocalForge {
    fn open_pulls(&mut self, repo: &Repository, now: DateTime<Utc>) -> Result<Vec<Pull>> {
        self.notice(repo, now)
    }

    fn find_pull(&mut self, repo: &Repository, number: PullNumber) -> Result<Option<Pull>> {
        let stored = Self::read_pull(repo, number)?;
        match self.seen.get(&number) {
            Some(events) => fold_onto(number, stored, events),
            None => Ok(stored),
        }
    }

    fn publish(&mut self, repo: &Repository, publication: Publication) -> Result<Published> {
        let Publication {
            base,
            tip,
            mut buffer,
            conclusions,
            now,
        } = publication;
        if Some(tip) == base {
            self.queue_ends(&conclusions, tip, now);
            self.write(repo, None, &conclusions, Durability::Fast)?;
            return Ok(Published::Done);
        }
        if repo.find_ref(MAIN)? != base {
            return Ok(Published::Lost);
        }
        // The events go into the same pack as the commits, so that one sync makes both durable.
        let seen = self.seen.clone();
        self.queue_ends(&conclusions, tip, now);
        let edits = self.event_edits(repo, &mut buffer)?;
        buffer.flush(repo)?;
        step("objects stored");
        let edit = RefEdit {
            name: MAIN.to_owned(),
            expected: base.map_or(Expect::Absent, Expect::Is),
            new: Some(tip),
        };
        if repo.update_refs(&[edit], Durability::Durable)? != RefsUpdate::Done {
            self.seen = seen;
            return Ok(Published::Lost);
        }
        step("main published");
        self.write(repo, Some(edits), &conclusions, Durability::Fast)?;
        Ok(Published::Done)
    }

    fn report(
        &mut self,
        repo: &Repository,
        reports: Vec<(PullNumber, Report)>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        for (number, report) in reports {
            self.seen
                .entry(number)
                .or_default()
                .push(PullEvent::Reported {
                    text: report.text(),
                    at: now,
                });
        }
        self.write_seen(repo)
    }
}
