//! The embedded forge: a bare repository on disk, without server, account or token.
//!
//! A branch `recommend/…` or `govern/…` *is* a pull request. Its events live in `refs/pull/<n>/meta`,
//! its newest commit is pinned by `refs/pull/<n>/head`, and `refs/countersign/pulls` says which are
//! open. Everything is written by compare-and-swap, so several bots and reviewers may work at once.
//! Whoever can write to the folder is trusted with it.

mod branches;
mod event;
mod index;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

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

use branches::{author_of, delete, deletion, is_gone};
use event::PullEvent;
use index::{Index, StoredIndex};

/// The prefixes of branches that are pull requests.
pub const BRANCH_PREFIXES: [&str; 2] = ["recommend/", "govern/"];

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

    /// The commits that an open pull request has had, as far as anybody looked, the newest last; empty if there is
    /// no such pull request, or it has ended.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn heads(
        &mut self,
        repo: &Repository,
        number: PullNumber,
        now: DateTime<Utc>,
    ) -> Result<Vec<Sha>> {
        let open = self.open_pulls(repo, now)?;
        if !open.iter().any(|pull| pull.number == number) {
            return Ok(Vec::new());
        }
        let mut events = match repo.find_ref(&meta_ref(number))? {
            Some(tip) => Self::read_events(repo, number, tip)?,
            None => Vec::new(),
        };
        events.extend(self.seen.get(&number).into_iter().flatten().cloned());
        Ok(events.iter().filter_map(PullEvent::pins).collect())
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

    /// A number that changes whenever there may be something to do: a branch, one of these pull requests
    /// or the list of open ones was moved. Cheap, however many have ended.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn fingerprint(repo: &Repository, open: &BTreeSet<PullNumber>) -> Result<u64> {
        let mut hasher = DefaultHasher::new();
        repo.refs_under("refs/heads/")?.hash(&mut hasher);
        repo.find_ref(index::INDEX_REF)?.hash(&mut hasher);
        for number in open {
            repo.find_ref(&meta_ref(*number))?.hash(&mut hasher);
        }
        Ok(hasher.finish())
    }

    fn queue_ends(&mut self, conclusions: &[Conclusion], main: Sha, now: DateTime<Utc>) {
        for end in conclusions {
            let event = PullEvent::Ended {
                status: end.status,
                head: Some(end.head),
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
        fold_onto(number, None, &Self::read_events(repo, number, tip)?)
    }

    /// What happened to a pull request, oldest first.
    fn read_events(repo: &Repository, number: PullNumber, tip: Sha) -> Result<Vec<PullEvent>> {
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
        events.reverse();
        Ok(events)
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
            if !stored.holds(&index) {
                if !stored.swap(repo, &index)? {
                    continue;
                }
                step("branches noticed");
            }
            // In doubt nothing is called withdrawn: it is left out until the next look.
            let is_clear = |branch: &String| alive.contains(branch) || is_gone(repo, branch);
            index.open.retain(|branch, _| is_clear(branch));
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
        let mut ended = Vec::new();
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
                    ended.push((open.number, deletion(branch, pull.head)));
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
            } else if let Some(PullState::Closed { .. }) = stored.as_ref().map(|pull| &pull.state) {
                events.push(PullEvent::Reopened { at: now });
            }
            pulls.extend(fold_onto(open.number, stored, &events)?);
            if !events.is_empty() {
                self.seen.insert(open.number, events);
            }
        }
        // Its branch goes, unless it was pushed to since: that is a new pull request.
        let (ended, branches): (BTreeSet<_>, Vec<_>) = ended.into_iter().unzip();
        delete(repo, branches)?;
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
        let mut _kept = None;
        for _ in 0..MOST_TRIES {
            let edits = match prepared.take() {
                Some(edits) => edits,
                None => {
                    let mut buffer = ObjectBuffer::new();
                    let edits = self.event_edits(repo, &mut buffer)?;
                    if !buffer.is_empty() {
                        _kept = Some(buffer.flush(repo)?);
                        step("events stored");
                    }
                    edits
                }
            };
            if edits.is_empty() || repo.update_refs(&edits, durability)? == RefsUpdate::Done {
                step("refs of pull requests moved");
                self.seen.clear();
                let branches = ended.iter().map(|end| deletion(&end.branch, end.head));
                delete(repo, branches.collect())?;
                return forget(repo, &ended.iter().map(|end| end.number).collect());
            }
        }
        Err(ForgeError::Busy(MOST_TRIES))
    }

    fn try_to_publish(&mut self, repo: &Repository, publication: Publication) -> Result<Published> {
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
        self.queue_ends(&conclusions, tip, now);
        let edits = self.event_edits(repo, &mut buffer)?;
        let _kept = buffer.flush(repo)?;
        step("objects stored");
        let edit = RefEdit {
            name: MAIN.to_owned(),
            expected: base.map_or(Expect::Absent, Expect::Is),
            new: Some(tip),
        };
        if repo.update_refs(&[edit], Durability::Durable)? != RefsUpdate::Done {
            return Ok(Published::Lost);
        }
        step("main published");
        self.write(repo, Some(edits), &conclusions, Durability::Fast)?;
        Ok(Published::Done)
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
            // The head first: a crash between the two is then made good with the event.
            if stored.is_none() || repo.find_ref(&head_ref(*number))? != Some(pull.head) {
                edits.push(RefEdit {
                    name: head_ref(*number),
                    expected: Expect::Any,
                    new: Some(pull.head),
                });
            }
            if tip != stored {
                let expected = stored.map_or(Expect::Absent, Expect::Is);
                edits.push(RefEdit {
                    name: meta_ref(*number),
                    expected,
                    new: tip,
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
        if stored.holds(&index) || stored.swap(repo, &index)? {
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
        let seen = self.seen.clone();
        let published = self.try_to_publish(repo, publication);
        if !matches!(published, Ok(Published::Done)) {
            // What did not come about must not be written down with something else later.
            self.seen = seen;
        }
        published
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
