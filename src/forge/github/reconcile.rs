//! Reads from GitHub what no webhook told: everything once, and after that only what has changed since, which
//! one page of one list says.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::pull_cache::{Change, PullRequestCache, SAME_MOMENT, TrackedPull};
use super::read::{self, Listed, Recorded};
use super::wire::WirePull;
use super::{BASE, GithubForge, Result};
use crate::domain::ids::PullNumber;
use crate::git::Repository;

/// GitHub marks what a push has merged within seconds, and forgets it at times. After so long it is not waited for.
const NOTICES_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// Reading everything takes less, and clocks differ by less.
const READING: TimeDelta = TimeDelta::minutes(2);

impl GithubForge {
    /// Brings the cache up to date with GitHub's lists.
    pub(super) fn read_lists(&self, repo: &Repository, now: DateTime<Utc>) -> Result<()> {
        let recorded = read::recorded(repo, now)?;
        let since = self.pull_cache().seen_until;
        match since {
            None => self.read_everything(&recorded, now)?,
            Some(since) => self.read_changed(since, &recorded, now)?,
        }
        self.leave_what_was_told(now)
    }

    fn read_everything(
        &self,
        recorded: &BTreeMap<PullNumber, Recorded>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let Listed {
            pulls: mut tracked,
            changed_after_end,
            labels,
        } = read::all(&self.shared.client, recorded, now)?;
        self.shared.publisher.labels.learn(&labels);
        self.read_afterwords(changed_after_end.keys().copied())?;
        let mut pull_cache = self.pull_cache();
        // A late event about one of these says nothing new: to tell its end again would only overwrite it.
        let ended = recorded.iter().map(|(number, record)| (*number, record.at));
        let ended = ended.filter(|(number, _)| !tracked.contains_key(number));
        pull_cache.ended.extend(ended);
        pull_cache.ended.extend(changed_after_end);
        let waits = wait_for_github(&mut tracked, recorded, now);
        pull_cache.sync(tracked);
        // What changed while the lists were read is in none of them.
        let begun = now - READING;
        pull_cache.seen_until = Some(waits.map_or(begun, |waits| waits.min(begun)));
        Ok(())
    }

    fn read_changed(
        &self,
        since: DateTime<Utc>,
        recorded: &BTreeMap<PullNumber, Recorded>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let client = &self.shared.client;
        let mut seen_until = since;
        let mut waits = None;
        let mut changes = Vec::new();
        let mut changed_after_end = BTreeMap::new();
        for wire in read::changed(client, since)? {
            self.shared.publisher.labels.learn(&wire.labels);
            let number = PullNumber(wire.number);
            let changed_at = wire.updated_at.unwrap_or(wire.created_at);
            seen_until = seen_until.max(changed_at);
            let record = recorded.get(&number);
            let looked = look(&self.pull_cache(), &wire, record, now);
            match looked {
                Look::Nothing => {}
                Look::ChangedAfterEnd => {
                    changed_after_end.insert(number, changed_at);
                }
                Look::Later => {
                    waits = Some(waits.map_or(changed_at, |at: DateTime<Utc>| at.min(changed_at)))
                }
                Look::Gone => changes.push(Change::Gone(number)),
                Look::Open => {
                    let tracked = TrackedPull::new(&wire, false);
                    changes.push(Change::Read(Box::new(tracked)));
                }
                Look::Overlooked => changes.push(Change::Read(Box::new(overlooked(&wire)))),
                Look::Merged => changes.push(Change::Read(Box::new(read::merged(&wire)))),
                Look::Closed => {
                    let tracked = read::closed_by_hand(client, &wire)?;
                    changes.push(Change::Read(Box::new(tracked)));
                }
            }
        }
        self.read_afterwords(changed_after_end.keys().copied())?;
        let mut pull_cache = self.pull_cache();
        pull_cache.ended.extend(changed_after_end);
        pull_cache.sync_changed(changes);
        pull_cache.seen_until = Some(waits.map_or(seen_until, |waits| waits.min(seen_until)));
        Ok(())
    }
}

/// What is to be done about a pull request of the list.
enum Look {
    /// It is as we know it, or ended.
    Nothing,
    /// It has ended, and somebody may have said something since.
    ChangedAfterEnd,
    /// GitHub has yet to notice that it is merged.
    Later,
    Gone,
    Open,
    Overlooked,
    Merged,
    Closed,
}

fn look(
    pull_cache: &PullRequestCache,
    wire: &WirePull,
    record: Option<&Recorded>,
    now: DateTime<Utc>,
) -> Look {
    let number = PullNumber(wire.number);
    let known = pull_cache.pulls.get(&number);
    if wire.base.branch != BASE {
        return if known.is_some() {
            Look::Gone
        } else {
            Look::Nothing
        };
    }
    let ended_at = pull_cache.ended.get(&number);
    let changed_at = wire.updated_at.unwrap_or(wire.created_at);
    if pull_cache.owed.iter().any(|owed| owed.number == number) {
        return Look::Nothing;
    }
    if wire.state == "open" {
        return match record {
            Some(record) if record.is_approval && now - record.at < NOTICES_WITHIN => Look::Later,
            Some(record) if record.is_approval => Look::Overlooked,
            _ if known.is_some_and(|known| known.is_known(wire)) => Look::Nothing,
            _ => Look::Open,
        };
    }
    match (wire.merged_at, record, known) {
        _ if ended_at.is_some_and(|at| changed_at > *at + SAME_MOMENT) => Look::ChangedAfterEnd,
        _ if ended_at.is_some() => Look::Nothing,
        // Merged by us, and we did not come to say so.
        (Some(_), Some(_), _) => Look::Merged,
        (Some(_), None, Some(_)) => Look::Gone,
        (Some(_), None, None) | (None, Some(_), _) => Look::Nothing,
        (None, None, Some(known)) if known.is_known(wire) => Look::Nothing,
        (None, None, _) => Look::Closed,
    }
}

/// Its commit is on `main`: there is nothing to read of it, and nothing to decide.
fn overlooked(wire: &WirePull) -> TrackedPull {
    let mut tracked = TrackedPull::new(wire, false);
    tracked.is_overlooked = true;
    tracked.is_whole = true;
    tracked
}

/// Leaves out what GitHub has yet to notice as merged, and marks what it has overlooked; gives when the oldest of
/// those that are waited for changed.
fn wait_for_github(
    tracked: &mut BTreeMap<PullNumber, TrackedPull>,
    recorded: &BTreeMap<PullNumber, Recorded>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let mut waits = None;
    tracked.retain(|number, tracked| {
        let Some(record) = recorded.get(number).filter(|record| record.is_approval) else {
            return true;
        };
        if tracked.is_merged {
            return true;
        }
        if now - record.at < NOTICES_WITHIN {
            let at = tracked.changed_at;
            waits = Some(waits.map_or(at, |waits: DateTime<Utc>| waits.min(at)));
            return false;
        }
        tracked.is_overlooked = true;
        tracked.is_whole = true;
        true
    });
    waits
}
