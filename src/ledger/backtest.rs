//! Past decisions under other rules: what would have had another level, who would have been asked, and how
//! those cases turned out.
//!
//! Every decided recommendation is scored again on the facts of its moment (the targets in the tree that it
//! was decided on, the commits of its branch), by other rules. Nothing is decided: the answer says where the
//! other rules would have asked for less than was asked, and where for more.

mod past_uses;
mod replay;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::iter;
use std::time::Instant;

use serde::Serialize;

use super::LedgerError;
use super::facts::TargetCache;
use super::workers::{self, Work};
use crate::domain::documents::Status;
use crate::domain::ids::{CaseId, Sha};
use crate::domain::level::Level;
use crate::gate::oversight::{Oversight, RiskAnswer};
use crate::git::{GitError, Repository, StoredCommit};
use crate::rules::Rules;

use past_uses::{PastUse, PastUses};
use replay::{Replayer, Seen};

/// A past decision that would have come out differently.
#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    pub id: CaseId,
    pub number: u64,
    /// The commit that decided it.
    pub commit: Sha,
    pub agent: String,
    /// What it was about.
    pub action: String,
    pub targets: Vec<String>,
    /// What the rules of its moment said.
    pub then: RiskAnswer,
    /// What the other rules say.
    pub now: RiskAnswer,
    /// Whether more or less would have been asked.
    pub oversight: Oversight,
    pub status: Status,
    /// Whether it did what was approved; null if it was not carried out or nobody knows.
    pub success: Option<bool>,
}

impl Changed {
    /// Rejected by a person, or carried out and failed.
    pub fn went_wrong(&self) -> bool {
        self.status == Status::Rejected || self.success == Some(false)
    }

    /// Nobody would be asked any more about something that went wrong or was HIGH.
    pub fn is_alarming(&self) -> bool {
        let unasked = self.oversight == Oversight::Weaker && self.now.passes_alone();
        unasked && (self.went_wrong() || self.then.level == Level::High)
    }
}

/// How the cases turned out for which oversight changes in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Turned {
    pub cases: usize,
    /// Of those: nobody is asked any more, or nobody was.
    pub unasked: usize,
    /// Of those: HIGH at their time.
    pub high: usize,
    /// Of those: a person rejected it.
    pub rejected: usize,
    /// Of those: carried out, and failed.
    pub failed: usize,
    /// Of those: carried out, and did what was approved.
    pub succeeded: usize,
}

/// What came of a whole trail under other rules.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Backtest {
    /// How many decisions were replayed.
    pub replayed: usize,
    /// How many could not be, because a document or a target cannot be read.
    pub unreadable: usize,
    /// How many contradict the other rules, so that they could not be proposed at all.
    pub refused: usize,
    /// How many cases went from which level to which, such as `MEDIUM → LOW`; those that stay included.
    pub levels: BTreeMap<String, usize>,
    /// Approvals that were asked for, and that would be.
    pub approvals_then: usize,
    /// Approvals that the other rules ask for.
    pub approvals_now: usize,
    /// How many of these would pass by a grant, by the track record of their moment.
    pub granted: usize,
    /// Where less would be asked.
    pub weaker: Turned,
    /// Where more would be asked.
    pub stronger: Turned,
    /// The cases with another score, level or requirement, in the order of their decisions.
    pub changed: Vec<Changed>,
}

/// How much of a trail is replayed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent {
    /// So many of its newest commits; none: all of them.
    pub newest: Option<usize>,
    /// As many as are begun before this moment.
    pub until: Option<Instant>,
}

/// Replays the newest decisions of a trail, or all of them, under other rules. `progress` is told how many
/// commits are done.
pub fn backtest(
    repo: &Repository,
    tip: Sha,
    rules: &Rules,
    extent: Extent,
    progress: &mut dyn FnMut(usize),
) -> Result<Backtest, LedgerError> {
    let repo = &repo.for_bulk()?;
    let newest = extent.newest.unwrap_or(usize::MAX);
    let is_in_time = |_: &_| extent.until.is_none_or(|until| Instant::now() < until);
    let line = || -> Result<_, GitError> {
        let line = trail(repo, tip)?.enumerate();
        Ok(line.take(newest).take_while(is_in_time))
    };
    let root = repo.read_commit(tip)?.tree;
    let mut handles = workers::handles(repo, newest)?;
    let target_cache = TargetCache::default();
    let nothing = PastUses::default();
    let past_uses = match rules.policy.iter().any(|rule| rule.limit.is_some()) {
        true => {
            let start = |handle| -> Work<'_, Placed, Result<Vec<PastUse>, GitError>> {
                let cache = target_cache.clone();
                let mut replayer = Replayer::new(handle, root, rules, &nothing, cache);
                Box::new(move |(_, link)| {
                    let (commit, before) = link?;
                    replayer.uses(&commit, before)
                })
            };
            let mut uses = Vec::new();
            workers::in_order(&mut handles, line()?, &start, &mut |used| uses.push(used));
            PastUses::of(uses.into_iter().collect::<Result<_, _>>()?)
        }
        false => PastUses::default(),
    };
    let start = |handle| -> Work<'_, Placed, Result<Seen, GitError>> {
        let mut replayer = Replayer::new(handle, root, rules, &past_uses, target_cache.clone());
        Box::new(move |(place, link)| {
            let (commit, before) = link?;
            replayer.see(&commit, before, place)
        })
    };
    let mut whole = Backtest::default();
    let mut ends = HashMap::new();
    let (mut done, mut broken) = (0, None);
    workers::in_order(&mut handles, line()?, &start, &mut |seen| {
        match seen {
            Ok(seen) => whole.add(seen, &mut ends),
            Err(error) => broken = Some(error),
        }
        done += 1;
        progress(done);
    });
    if let Some(error) = broken {
        return Err(error.into());
    }
    whole.sum_up();
    Ok(whole)
}

/// A commit of the trail, and the tree of the one before it.
type Link = (StoredCommit, Option<Sha>);
/// The same with its place, the newest first.
type Placed = (usize, Result<Link, GitError>);

/// Every commit with the tree that it was decided on, newest first: that needs no list of them all.
fn trail(
    repo: &Repository,
    tip: Sha,
) -> Result<impl Iterator<Item = Result<Link, GitError>> + Send, GitError> {
    let mut commits = repo.reopen()?.into_first_parents(tip).peekable();
    Ok(iter::from_fn(move || {
        let commit = commits.next()?;
        let before = commits.peek().and_then(|before| before.as_ref().ok());
        let before = before.and_then(StoredCommit::tree);
        Some(commit.map(|commit| (commit, before)))
    }))
}

impl Backtest {
    /// Takes in what was seen, newest first: `ends` are the outcomes of cases that are still to come.
    fn add(&mut self, seen: Seen, ends: &mut HashMap<CaseId, Option<bool>>) {
        match seen {
            Seen::Nothing => {}
            Seen::Unreadable => self.unreadable += 1,
            Seen::Ended { case, success } => {
                ends.entry(case).or_insert(success);
            }
            Seen::Decided {
                case,
                then,
                now,
                is_refused,
                changed,
            } => {
                self.replayed += 1;
                self.refused += usize::from(is_refused);
                let levels = format!("{} → {}", then.level, now.level);
                *self.levels.entry(levels).or_default() += 1;
                self.approvals_then += approvals_of(&then);
                self.approvals_now += approvals_of(&now);
                self.granted += usize::from(now.granted.is_some());
                let success = ends.remove(&case).flatten();
                self.changed.extend(changed.map(|changed| Changed {
                    success,
                    ..*changed
                }));
            }
        }
    }

    fn sum_up(&mut self) {
        self.changed.reverse();
        for case in &self.changed {
            let (turned, least) = match case.oversight {
                Oversight::Same => continue,
                Oversight::Weaker => (&mut self.weaker, &case.now),
                Oversight::Stronger => (&mut self.stronger, &case.then),
            };
            turned.cases += 1;
            turned.unasked += usize::from(least.passes_alone());
            turned.high += usize::from(case.then.level == Level::High);
            turned.rejected += usize::from(case.status == Status::Rejected);
            turned.failed += usize::from(case.success == Some(false));
            turned.succeeded += usize::from(case.success == Some(true));
        }
    }

    /// Cases with another level.
    pub fn other_level(&self) -> usize {
        let other = |case: &&Changed| case.then.level != case.now.level;
        self.changed.iter().filter(other).count()
    }

    /// Cases about which nobody would be asked any more, though they went wrong or were HIGH.
    pub fn alarming(&self) -> impl Iterator<Item = &Changed> {
        self.changed.iter().filter(|case| case.is_alarming())
    }
}

/// How many it asks for at least; of alternatives, those of the one that asks for least.
fn approvals_of(answer: &RiskAnswer) -> usize {
    let of_rules = answer.asks.iter().map(|ask| {
        let alternatives = ask.any_of.iter();
        let needed = alternatives.map(|parts| parts.iter().map(|part| part.approvals).sum());
        needed.min().unwrap_or(0)
    });
    let all: u32 = of_rules.chain([answer.requires.approvals]).sum();
    usize::try_from(all).unwrap_or(usize::MAX)
}
