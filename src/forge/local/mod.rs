//! The embedded forge: a bare repository on disk, without server, account or token.
//!
//! A branch `recommend/…` or `govern/…` *is* a pull request. What is known of it lives in the tree of one ref,
//! `refs/countersign/pulls` (see `store`), written by compare-and-swap, so several bots and reviewers may work at once.
//! While it is open and the bot has reported on it, `refs/pull/<n>/head` is its head. Whoever can write to the folder
//! is trusted with it.

mod branches;
mod event;
mod old;
mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::{
    Conclusion, Forge, ForgeError, NewComment, NewHead, NewReview, Publication, Published, Report,
    Unreported,
};
use crate::domain::documents::AccountRecord;
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::pull::{Pull, PullState};
use crate::git::{Durability, Expect, ObjectBuffer, RefEdit, RefsUpdate, Repository, warn_once};
use crate::ledger::MAIN;

use branches::{Tidying, alive, branch_ref, find_author, head_ref, is_gone};
use event::PullEvent;
use store::{Kept, OpenCache, PULLS_REF, Stored, Update, fold_onto};

/// The prefixes of branches that are pull requests.
pub const BRANCH_PREFIXES: [&str; 2] = ["recommend/", "govern/"];

/// How often a write is tried again when others were faster.
const MOST_TRIES: u32 = 50;

/// Ended pull requests whose branches are gone are put away with the next write, or by themselves, but not more often.
const BETWEEN_SETTLING: Duration = Duration::from_secs(1);

type Result<T> = std::result::Result<T, ForgeError>;

/// Who changes what is known of pull requests waits for the others who do.
const TURN: &str = "pulls";

/// The local forge. Keeps only what it has seen but not yet written down, and what can be read again.
#[derive(Debug, Default)]
pub struct LocalForge {
    seen: BTreeMap<PullNumber, Vec<PullEvent>>,
    cache: OpenCache,
    /// Whether this process has made good what a killed one may have left undone about refs.
    has_repaired: bool,
    /// Whether it is our turn to write.
    has_turn: bool,
    /// When ended ones were last put away by themselves.
    settled_at: Option<Instant>,
}

/// A pull request that is opened through us, and not by a push.
#[derive(Debug, Clone)]
pub struct NewPull {
    /// The branch that it gets when it has to wait.
    pub branch: String,
    pub head: Sha,
    /// Whose commit that is.
    pub author: AccountRecord,
}

impl LocalForge {
    /// A forge that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The commits that an open pull request has had, as far as anybody looked, the newest last; empty if there is
    /// no such pull request, or it has ended.
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
        let mut events = Stored::read(repo)?.events(repo, number)?;
        events.extend(self.seen.get(&number).into_iter().flatten().cloned());
        Ok(events.iter().filter_map(PullEvent::head).collect())
    }

    /// Does something when it is our turn.
    fn in_turn<T>(
        &mut self,
        repo: &Repository,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if self.has_turn {
            return work(self);
        }
        let _turn = repo.wait_for_turn(TURN);
        self.has_turn = true;
        let done = work(self);
        self.has_turn = false;
        done
    }

    /// Opens pull requests for commits that are stored, or in the buffer, which is stored with them: whatever their
    /// number, it is one pack and one change of one ref. Gives their numbers; none where the branch is taken.
    ///
    /// # Errors
    /// When they cannot be written. Then none of them is open.
    pub fn open(
        &mut self,
        repo: &Repository,
        buffer: &mut ObjectBuffer,
        new: &[NewPull],
        now: DateTime<Utc>,
    ) -> Result<Vec<Option<PullNumber>>> {
        self.in_turn(repo, |forge| forge.try_to_open(repo, buffer, new, now))
    }

    fn try_to_open(
        &mut self,
        repo: &Repository,
        buffer: &mut ObjectBuffer,
        new: &[NewPull],
        now: DateTime<Utc>,
    ) -> Result<Vec<Option<PullNumber>>> {
        let wanted: BTreeSet<&str> = new.iter().map(|pull| pull.branch.as_str()).collect();
        let mut kept = Vec::new();
        for _ in 0..MOST_TRIES {
            let stored = Stored::read(repo)?;
            let open = self.open_ones(repo, &stored)?;
            let taken: BTreeSet<String> = open
                .filter(|pull| wanted.contains(pull.branch.as_str()))
                .map(|pull| pull.branch.clone())
                .collect();
            let (mut next, mut numbers) = (stored.next, Vec::new());
            let mut events = BTreeMap::new();
            for pull in new {
                if taken.contains(&pull.branch)
                    || repo.find_ref(&branch_ref(&pull.branch))?.is_some()
                {
                    numbers.push(None);
                    continue;
                }
                let number = PullNumber(next);
                next = next.saturating_add(1);
                let opened = PullEvent::Opened {
                    branch: pull.branch.clone(),
                    head: pull.head,
                    author: pull.author.clone(),
                    at: now,
                    has_branch: false,
                };
                events.insert(number, vec![opened]);
                numbers.push(Some(number));
            }
            let update = stored.append(repo, buffer, &events, &mut self.cache)?;
            kept.push(buffer.flush(repo)?);
            step("proposals stored");
            let edits: Vec<RefEdit> = update.into_iter().map(|update| update.edit).collect();
            if edits.is_empty()
                || repo.update_refs(&edits, Durability::Durable)? == RefsUpdate::Done
            {
                step("proposals opened");
                return Ok(numbers);
            }
        }
        Err(ForgeError::Busy(MOST_TRIES))
    }

    /// The pull request that is open from this branch, as far as it was noticed.
    pub fn find_by_branch(&mut self, repo: &Repository, branch: &str) -> Result<Option<Pull>> {
        let stored = Stored::read(repo)?;
        let mut open = self.open_ones(repo, &stored)?;
        Ok(open.find(|pull| pull.branch == branch).cloned())
    }

    /// Those that have not ended, as far as they were noticed.
    fn open_ones(
        &mut self,
        repo: &Repository,
        stored: &Stored,
    ) -> Result<impl Iterator<Item = &Pull>> {
        let all = self.cache.read(repo, stored)?.map(|kept| &kept.pull);
        Ok(all.filter(|pull| pull.state != PullState::Done))
    }

    /// Makes the branches of pull requests that were opened without: agents push to them, or delete them. One that
    /// cannot be made keeps back no other.
    pub fn make_branches(
        &mut self,
        repo: &Repository,
        numbers: &BTreeSet<PullNumber>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let stored = Stored::read(repo)?;
        let all = self.cache.read(repo, &stored)?;
        let lack = all.filter(|kept| !kept.has_branch && kept.pull.state != PullState::Done);
        let lack = lack.map(|kept| &kept.pull);
        let lack: Vec<(PullNumber, RefEdit)> = lack
            .filter(|pull| numbers.contains(&pull.number))
            .map(|pull| (pull.number, branches::creation(&pull.branch, pull.head)))
            .collect();
        let edits: Vec<RefEdit> = lack.iter().map(|(_, edit)| edit.clone()).collect();
        let all_made = !edits.is_empty()
            && matches!(
                repo.update_refs(&edits, Durability::Durable),
                Ok(RefsUpdate::Done)
            );
        for (number, edit) in lack {
            let made = match all_made {
                true => Ok(RefsUpdate::Done),
                false => repo.update_refs(&[edit], Durability::Durable),
            };
            match made {
                // One that is there already was pushed.
                Ok(_) => {
                    let branched = PullEvent::Branched { at: now };
                    self.seen.entry(number).or_default().push(branched);
                }
                Err(error) => tracing::warn!("{number} gets no branch: {error}"),
            }
        }
        step("branches made");
        Ok(())
    }

    /// Writes down what was seen and not yet written.
    pub fn write_seen(&mut self, repo: &Repository) -> Result<()> {
        self.write(repo, None, Tidying::default())
    }

    /// A number that changes whenever there may be something to do: a branch was moved, or something happened to a
    /// pull request. Cheap, however many there are and were.
    pub fn fingerprint(repo: &Repository) -> Result<u64> {
        let mut hasher = DefaultHasher::new();
        repo.refs_under("refs/heads/")?.hash(&mut hasher);
        repo.find_ref(PULLS_REF)?.hash(&mut hasher);
        Ok(hasher.finish())
    }

    fn queue_ends(&mut self, conclusions: &[Conclusion], main: Sha, now: DateTime<Utc>) -> Tidying {
        let mut tidying = Tidying::default();
        for end in conclusions {
            let event = PullEvent::Ended {
                status: end.status,
                head: Some(end.head),
                main,
                text: end.report.text(),
                at: now,
            };
            self.seen.entry(end.number).or_default().push(event);
            tidying.end(end.number, &end.branch, end.head);
        }
        tidying
    }

    /// Compares the branches with what is stored: gives numbers to new ones, notices pushes and deletions.
    fn notice(&mut self, repo: &Repository, now: DateTime<Utc>) -> Result<Vec<Pull>> {
        for _ in 0..MOST_TRIES {
            let stored = Stored::read(repo)?;
            let alive = alive(repo, &BRANCH_PREFIXES)?;
            let known: Vec<Kept> = self.cache.read(repo, &stored)?.cloned().collect();
            let seen = Seen::compare(repo, &known, &alive, stored.next, now)?;
            self.seen = seen.events;
            // The bot died after it ended these and before it deleted their branches.
            seen.ended.carry_out(repo)?;
            if seen.has_new && !self.has_turn {
                return self.in_turn(repo, |forge| forge.notice(repo, now));
            }
            if seen.has_new {
                let mut buffer = ObjectBuffer::new();
                let update = stored.append(repo, &mut buffer, &self.seen, &mut self.cache)?;
                let _kept = buffer.flush(repo)?;
                step("branches noticed");
                let edits: Vec<RefEdit> = update.into_iter().map(|update| update.edit).collect();
                if repo.update_refs(&edits, Durability::Durable)? != RefsUpdate::Done {
                    continue;
                }
                step("numbers given out");
            }
            let mut pulls = Vec::new();
            let mut known: HashMap<PullNumber, Kept> = known
                .into_iter()
                .map(|kept| (kept.pull.number, kept))
                .collect();
            for number in seen.open {
                let mut kept = known.remove(&number);
                for event in self.seen.get(&number).into_iter().flatten() {
                    kept = Some(fold_onto(number, kept, event)?);
                }
                pulls.extend(kept.map(|kept| kept.pull));
            }
            if seen.has_new {
                self.seen.clear();
            }
            return Ok(pulls);
        }
        Err(ForgeError::Busy(MOST_TRIES))
    }

    /// Writes every queued event, and does about refs what follows. `first` is for events that are stored already.
    fn write(&mut self, repo: &Repository, first: Option<Update>, tidying: Tidying) -> Result<()> {
        if self.seen.is_empty() {
            return tidying.carry_out(repo);
        }
        self.in_turn(repo, |forge| forge.try_to_write(repo, first, tidying))
    }

    fn try_to_write(
        &mut self,
        repo: &Repository,
        first: Option<Update>,
        mut tidying: Tidying,
    ) -> Result<()> {
        let mut prepared = first;
        let mut _kept = None;
        for _ in 0..MOST_TRIES {
            let update = match prepared.take() {
                Some(update) => Some(update),
                None => {
                    let stored = Stored::read(repo)?;
                    let mut buffer = ObjectBuffer::new();
                    let update = stored.append(repo, &mut buffer, &self.seen, &mut self.cache)?;
                    if !buffer.is_empty() {
                        _kept = Some(buffer.flush(repo)?);
                        step("events stored");
                    }
                    update
                }
            };
            if let Some(update) = update {
                if repo.update_refs(&[update.edit], Durability::Durable)? != RefsUpdate::Done {
                    continue;
                }
                step("pull requests written");
                for (number, head) in update.shown {
                    tidying.point(number, head);
                }
            }
            self.seen.clear();
            tidying.carry_out(repo)?;
            step("refs of pull requests tidied");
            return Ok(());
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
            let tidying = self.queue_ends(&conclusions, tip, now);
            self.write(repo, None, tidying)?;
            return Ok(Published::Done);
        }
        if repo.find_ref(MAIN)? != base {
            return Ok(Published::Lost);
        }
        // The events go into the same pack as the commits, so that one sync makes both durable.
        let tidying = self.queue_ends(&conclusions, tip, now);
        let update = match self.seen.is_empty() {
            true => None,
            false => {
                let stored = Stored::read(repo)?;
                stored.append(repo, &mut buffer, &self.seen, &mut self.cache)?
            }
        };
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
        self.write(repo, update, tidying)?;
        Ok(Published::Done)
    }

    /// A pull request on which something can still be said.
    fn find_open(
        &mut self,
        repo: &Repository,
        number: PullNumber,
        now: DateTime<Utc>,
    ) -> Result<Pull> {
        self.open_pulls(repo, now)?;
        self.write_seen(repo)?;
        let pull = self.find_pull(repo, number)?;
        let pull = pull.ok_or(ForgeError::NoSuchPull(number))?;
        match pull.state {
            PullState::Done => Err(ForgeError::Ended(number)),
            _ => Ok(pull),
        }
    }

    /// Writes down what happened to a pull request, and gives it as it is then.
    fn record(&mut self, repo: &Repository, number: PullNumber, event: PullEvent) -> Result<Pull> {
        self.seen.entry(number).or_default().push(event);
        self.write(repo, None, Tidying::default())?;
        let pull = self.find_pull(repo, number)?;
        pull.ok_or(ForgeError::NoSuchPull(number))
    }

    /// Puts away what has ended and whose branch is gone: whoever pushes that branch again opens a new pull request.
    fn settle(&mut self, repo: &Repository) -> Result<()> {
        let is_soon = |at: Instant| at.elapsed() < BETWEEN_SETTLING;
        if self.settled_at.is_some_and(is_soon) {
            return Ok(());
        }
        let stored = Stored::read(repo)?;
        let mut buffer = ObjectBuffer::new();
        let nothing = BTreeMap::new();
        if let Some(update) = stored.append(repo, &mut buffer, &nothing, &mut self.cache)? {
            let _kept = buffer.flush(repo)?;
            // Whoever was faster has done it, too.
            repo.update_refs(&[update.edit], Durability::Durable)?;
            step("ended pull requests put away");
            self.settled_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Makes good what a killed process may have left undone about refs, and removes those of the old form.
    fn repair(&self, repo: &Repository) -> Result<()> {
        let stored = Stored::read(repo)?;
        let mut cache = OpenCache::default();
        let open = cache.read(repo, &stored)?;
        let open = open.map(|kept| &kept.pull);
        let is_shown = |pull: &Pull| pull.last_report.is_some() || !pull.reviews.is_empty();
        let open = open.filter(|pull| pull.state != PullState::Done && is_shown(pull));
        let mut tidying = Tidying::default();
        let mut needed = BTreeSet::new();
        for pull in open {
            needed.insert(head_ref(pull.number));
            tidying.point(pull.number, pull.head);
        }
        for (name, _) in repo.refs_under("refs/pull/")? {
            let is_ours = old::is_meta_ref(&name) || name.ends_with("/head");
            if is_ours && !needed.contains(&name) {
                tidying.remove(name);
            }
        }
        tidying.carry_out(repo)
    }
}

/// What a look at the branches shows that the records lack.
struct Seen {
    events: BTreeMap<PullNumber, Vec<PullEvent>>,
    /// The pull requests that are open now, in order.
    open: BTreeSet<PullNumber>,
    /// Whether there are new ones among them.
    has_new: bool,
    ended: Tidying,
}

impl Seen {
    fn compare(
        repo: &Repository,
        known: &[Kept],
        alive: &BTreeMap<String, Sha>,
        mut next: u64,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut seen = Self {
            events: BTreeMap::new(),
            open: BTreeSet::new(),
            has_new: false,
            ended: Tidying::default(),
        };
        let mut taken = BTreeSet::new();
        for Kept { pull, has_branch } in known {
            let head = alive.get(&pull.branch);
            if pull.state == PullState::Done {
                if head == Some(&pull.head) {
                    taken.insert(pull.branch.as_str());
                    seen.ended.end(pull.number, &pull.branch, pull.head);
                }
                continue;
            }
            taken.insert(pull.branch.as_str());
            let mut events = Vec::new();
            match head {
                Some(head) => {
                    if !has_branch {
                        events.push(PullEvent::Branched { at: now });
                    }
                    if let PullState::Closed { .. } = pull.state {
                        events.push(PullEvent::Reopened { at: now });
                    }
                    if *head != pull.head {
                        events.push(PullEvent::Pushed {
                            head: *head,
                            at: now,
                        });
                    }
                }
                None if !has_branch => {}
                // In doubt nothing is called withdrawn: it is left out until the next look.
                None if !is_gone(repo, &pull.branch) => continue,
                None if pull.state == PullState::Open => events.push(PullEvent::Closed {
                    by: pull.author.clone(),
                    at: now,
                }),
                None => {}
            }
            seen.open.insert(pull.number);
            if !events.is_empty() {
                seen.events.insert(pull.number, events);
            }
        }
        // Recommendations before changes of the rules.
        let in_order = BRANCH_PREFIXES.into_iter().flat_map(|prefix| {
            alive
                .iter()
                .filter(move |(name, _)| name.starts_with(prefix))
        });
        for (branch, head) in in_order {
            if taken.contains(branch.as_str()) {
                continue;
            }
            let Some(author) = find_author(repo, *head)? else {
                warn_once(&format!(
                    "the branch `{branch}` names `{head}`, which is not there: it is passed over; restore or delete it"
                ));
                continue;
            };
            let number = PullNumber(next);
            next = next.saturating_add(1);
            let opened = PullEvent::Opened {
                branch: branch.clone(),
                head: *head,
                author,
                at: now,
                has_branch: true,
            };
            seen.events.insert(number, vec![opened]);
            seen.open.insert(number);
            seen.has_new = true;
        }
        Ok(seen)
    }
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
        let mut kept = Stored::read(repo)?.find(repo, number)?;
        for event in self.seen.get(&number).into_iter().flatten() {
            kept = Some(fold_onto(number, kept, event)?);
        }
        Ok(kept.map(|kept| kept.pull))
    }

    fn review(&mut self, repo: &Repository, review: NewReview) -> Result<Pull> {
        let pull = self.find_open(repo, review.number, review.at)?;
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
        self.record(repo, review.number, event)
    }

    fn comment(&mut self, repo: &Repository, comment: NewComment) -> Result<Pull> {
        self.find_open(repo, comment.number, comment.at)?;
        let event = PullEvent::Commented {
            account: comment.by,
            body: comment.body,
            at: comment.at,
        };
        self.record(repo, comment.number, event)
    }

    fn push_head(&mut self, repo: &Repository, new: NewHead) -> Result<()> {
        let NewHead {
            pull,
            head,
            mut buffer,
            at,
        } = new;
        let pull = self.find_open(repo, pull.number, at).and_then(|now| {
            let is_same = now.head == pull.head;
            is_same.then_some(now).ok_or(ForgeError::Moved(pull.number))
        })?;
        let name = branch_ref(&pull.branch);
        // What was proposed through us may not have its branch yet.
        let edit = RefEdit {
            expected: match repo.find_ref(&name)? {
                Some(_) => Expect::Is(pull.head),
                None => Expect::Absent,
            },
            name,
            new: Some(head),
        };
        let _kept = buffer.flush(repo)?;
        if repo.update_refs(&[edit], Durability::Durable)? != RefsUpdate::Done {
            return Err(ForgeError::Moved(pull.number));
        }
        self.open_pulls(repo, at)?;
        self.write_seen(repo)
    }

    fn withdraw(
        &mut self,
        repo: &Repository,
        pull: &Pull,
        by: AccountRecord,
        at: DateTime<Utc>,
    ) -> Result<()> {
        let now = self.find_open(repo, pull.number, at)?;
        if now.head != pull.head {
            return Err(ForgeError::Moved(pull.number));
        }
        let name = branch_ref(&pull.branch);
        if repo.find_ref(&name)?.is_some() {
            let edit = RefEdit {
                name,
                expected: Expect::Is(pull.head),
                new: None,
            };
            if repo.update_refs(&[edit], Durability::Durable)? != RefsUpdate::Done {
                return Err(ForgeError::Moved(pull.number));
            }
        }
        self.record(repo, pull.number, PullEvent::Closed { by, at })?;
        Ok(())
    }

    fn publish(&mut self, repo: &Repository, publication: Publication) -> Result<Published> {
        let seen = self.seen.clone();
        let published = self.in_turn(repo, |forge| forge.try_to_publish(repo, publication));
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
        let numbers = reports.iter().map(|(number, _)| *number).collect();
        self.make_branches(repo, &numbers, now)?;
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

    fn end_run(&mut self, repo: &Repository) -> Vec<Unreported> {
        let mut tidied = self.settle(repo);
        if tidied.is_ok() && !self.has_repaired {
            tidied = self.repair(repo);
            self.has_repaired = tidied.is_ok();
        }
        if let Err(error) = tidied {
            tracing::warn!("{error}; the next run tidies up after ended pull requests");
        }
        Vec::new()
    }
}
