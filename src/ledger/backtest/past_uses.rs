//! What the approved cases of a trail use of the limits of other rules, which nobody counted then.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::domain::documents::Recommendation;
use crate::domain::documents::UsageKey;
use crate::domain::ids::TriggerId;
use crate::ledger::facts::KnownTargets;
use crate::risk::limits::{self, UsedLimits, UsedPart};
use crate::rules::Rules;
use crate::rules::policy::Limit;

/// What one approved case uses of one limit.
#[derive(Debug)]
pub struct PastUse {
    pub rule: TriggerId,
    pub key: UsageKey,
    pub at: DateTime<Utc>,
    pub amount: Decimal,
}

/// A use, with all before it.
#[derive(Debug)]
struct Entry {
    /// The place of the decision on the trail; the newest is 0.
    place: usize,
    at: DateTime<Utc>,
    /// What was used up to here, this included.
    sum: Decimal,
}

/// What was used along a trail.
#[derive(Debug, Default)]
pub struct PastUses {
    /// Oldest first.
    by_key: HashMap<(TriggerId, UsageKey), Vec<Entry>>,
}

impl PastUses {
    /// From the uses of each commit, the newest first.
    pub fn of(newest_first: Vec<Vec<PastUse>>) -> Self {
        let mut all = Self::default();
        for (place, uses) in newest_first.into_iter().enumerate().rev() {
            for PastUse {
                rule,
                key,
                at,
                amount,
            } in uses
            {
                let entries = all.by_key.entry((rule, key)).or_default();
                let before = entries.last().map_or(Decimal::ZERO, |last| last.sum);
                let sum = before.saturating_add(amount);
                entries.push(Entry { place, at, sum });
            }
        }
        all
    }

    /// What was used before the decision at a place.
    pub fn before(
        &self,
        place: usize,
        at: DateTime<Utc>,
        about: &Recommendation,
        targets: &KnownTargets,
        rules: &Rules,
    ) -> UsedLimits {
        let mut used = UsedLimits::default();
        for (rule, limit, key) in limits::possible_keys(about, targets, rules) {
            let by = (rule.id.clone(), key);
            let entries = self.by_key.get(&by).map_or(&[][..], Vec::as_slice);
            let sum = used_within(entries, place, at, limit);
            let (id, key) = by;
            let part = UsedPart {
                used: sum,
                free_at: None,
            };
            used.insert(id, key, vec![part]);
        }
        used
    }
}

fn used_within(entries: &[Entry], place: usize, at: DateTime<Utc>, limit: &Limit) -> Decimal {
    let within = limit.within;
    let older = entries.partition_point(|entry| entry.place > place);
    let is_free = |entry: &Entry| {
        let free_at = within.free_at(within.part_of(entry.at));
        free_at.is_some_and(|free| free <= at)
    };
    let free = entries.partition_point(is_free).min(older);
    let sum_of = |count: usize| {
        let last = count.checked_sub(1).and_then(|last| entries.get(last));
        last.map_or(Decimal::ZERO, |last| last.sum)
    };
    sum_of(older).saturating_sub(sum_of(free))
}
