//! Every case of a trail in memory, in the order of decision: filled once, then by what is added.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::case::{Case, Execution};
use super::interner::{InternedName, Interner};
use super::query::{Period, Query};
use super::search::Texts;
use crate::domain::ids::{CaseId, PullNumber, Sha};

/// A commit of `main` that tells nothing, or something that cannot be: it is in the trail and in no case.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unreadable {
    pub commit: Sha,
    /// Why nothing could be made of it.
    pub reason: String,
}

/// One event of a trail, as an index takes it in.
#[derive(Debug, Clone, PartialEq)]
pub enum Added {
    /// A case was decided.
    Decided(Box<Case>),
    /// It was scored again and would have been asked more.
    Rescored(CaseId, DateTime<Utc>),
    /// Its execution was announced.
    Claimed(CaseId, DateTime<Utc>),
    /// An attempt to carry it out ended.
    Executed(CaseId, Execution),
    /// A person said something about it.
    Feedback(CaseId),
    /// Everything was stopped, or goes on.
    Freeze,
    /// Something happened that is of no case: genesis, an adoption.
    Nothing,
    /// Nothing can be made of the commit, for this reason.
    Unreadable(String),
}

/// Why it is not known which cases wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    #[default]
    #[error(
        "what waits for people cannot be seen from here, because a clone knows no pull requests: ask the repository that the \
         bot works on"
    )]
    InClone,
    #[error("what waits for people could not be read: {0}")]
    Failed(String),
}

#[derive(Debug, Clone)]
enum Pending {
    Known(Vec<Case>),
    Unseen(Unseen),
}

impl Default for Pending {
    fn default() -> Self {
        Self::Unseen(Unseen::default())
    }
}

/// Every case of a trail.
#[derive(Debug, Clone, Default)]
pub struct Index {
    cases: Vec<Case>,
    texts: Texts,
    by_id: HashMap<CaseId, u32>,
    by_number: HashMap<PullNumber, u32>,
    pending: Pending,
    unreadable: Vec<Unreadable>,
    /// The commits that stopped everything, or let it go on.
    freezes: Vec<Sha>,
    words: Interner,
    tip: Option<Sha>,
    commits: usize,
    /// Whether a case was decided before the one that stands before it: somebody's clock went back.
    is_out_of_order: bool,
}

impl Index {
    /// Every decided case, in the order of decision.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// A part of them that holds at least all those of a period, in the order of decision.
    pub fn cases_about(&self, period: Period) -> &[Case] {
        self.cases.get(self.places(period)).unwrap_or_default()
    }

    fn places(&self, period: Period) -> Range<usize> {
        if self.is_out_of_order {
            return 0..self.cases.len();
        }
        let before = |at| {
            self.cases
                .partition_point(|case| case.decided_at < Some(at))
        };
        period.since.map_or(0, before)..period.until.map_or(self.cases.len(), before)
    }

    /// The cases that wait, as they were last told: see [`Index::know_pending`].
    pub fn pending(&self) -> &[Case] {
        match &self.pending {
            Pending::Known(cases) => cases,
            Pending::Unseen(_) => &[],
        }
    }

    /// Why it is not known what waits; none once somebody has said it.
    pub const fn unseen(&self) -> Option<&Unseen> {
        match &self.pending {
            Pending::Known(_) => None,
            Pending::Unseen(unseen) => Some(unseen),
        }
    }

    /// Says why it cannot be known what waits.
    pub fn miss_pending(&mut self, unseen: Unseen) {
        self.pending = Pending::Unseen(unseen);
    }

    /// Takes over what another index of the same trail was told of what waits.
    pub fn inherit_pending(&mut self, other: &Self) {
        match &other.pending {
            Pending::Known(cases) => self.know_pending(cases.clone()),
            Pending::Unseen(unseen) => self.miss_pending(unseen.clone()),
        }
    }

    /// Says which cases wait now: the trail does not know them. Those that are decided are left out: between the
    /// decision and the end of its pull request a case is both.
    pub fn know_pending(&mut self, mut pending: Vec<Case>) {
        pending.retain(|case| {
            let decided = case.id.and_then(|id| self.by_id.get(&id));
            let decided = decided.and_then(|place| self.cases.get(*place as usize));
            decided.is_none_or(|decided| decided.number != case.number)
        });
        self.pending = Pending::Known(pending);
    }

    /// The case of this id, decided or pending.
    pub fn find(&self, id: CaseId) -> Option<&Case> {
        self.find_decided(id)
            .or_else(|| self.pending().iter().find(|case| case.id == Some(id)))
    }

    /// The decided case of this id.
    pub fn find_decided(&self, id: CaseId) -> Option<&Case> {
        self.cases.get(*self.by_id.get(&id)? as usize)
    }

    /// The case of this pull request, decided or pending.
    pub fn find_number(&self, number: PullNumber) -> Option<&Case> {
        let decided = self.by_number.get(&number);
        decided
            .and_then(|place| self.cases.get(*place as usize))
            .or_else(|| {
                self.pending()
                    .iter()
                    .find(|case| case.number == Some(number))
            })
    }

    /// The cases that are asked for: pending ones first, then decided ones, each the newest first.
    pub fn query<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Case> {
        let decided = self.query_decided(query, self.cases.len());
        self.query_pending(query)
            .chain(decided.map(|(_, case)| case))
    }

    /// The pending ones that are asked for, the newest first.
    pub fn query_pending<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Case> {
        let search = query.search();
        let is_found = move |case: &Case| search.as_ref().is_none_or(|it| it.finds_case(case));
        let newest_first = self.pending().iter().rev();
        newest_first.filter(move |case| query.is_met_by(case) && is_found(case))
    }

    /// The decided ones that are asked for and stand before a place of [`Index::cases`], each with its own; the
    /// newest first.
    pub fn query_decided<'a>(
        &'a self,
        query: &'a Query,
        before: usize,
    ) -> impl Iterator<Item = (usize, &'a Case)> {
        let search = query.search();
        let Range { start, end } = self.places(query.period);
        let newest_first = (start..end.min(before)).rev();
        newest_first.filter_map(move |place| {
            let case = self.cases.get(place)?;
            // The text first: where it is not found, the case itself is not touched.
            let is_found = search
                .as_ref()
                .is_none_or(|search| search.finds(case, self.texts.get(place)));
            (is_found && query.is_met_by(case)).then_some((place, case))
        })
    }

    /// Every agent with a case, by name.
    pub fn agents(&self) -> Vec<InternedName> {
        let all = self.cases.iter().chain(self.pending());
        let names: BTreeSet<&InternedName> = all.filter_map(|case| case.agent.as_ref()).collect();
        names.into_iter().cloned().collect()
    }

    /// The commits that are in no case, oldest first.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The commits that stopped everything, or let it go on, oldest first.
    pub fn freezes(&self) -> &[Sha] {
        &self.freezes
    }

    /// The commit of `main` up to which everything is in here.
    pub const fn tip(&self) -> Option<Sha> {
        self.tip
    }

    /// How many commits of `main` are in here.
    pub const fn commits(&self) -> usize {
        self.commits
    }

    /// The names of this index.
    pub const fn words(&mut self) -> &mut Interner {
        &mut self.words
    }

    /// Room for so many more events, which are mostly decisions and outcomes by turns.
    pub fn reserve(&mut self, events: usize) {
        self.cases.reserve(events / 2);
        self.texts.reserve(events / 2);
        self.by_id.reserve(events / 2);
        self.by_number.reserve(events / 2);
    }

    /// Takes in the next commit of `main`.
    pub fn add(&mut self, commit: Sha, added: Added) {
        self.tip = Some(commit);
        self.commits += 1;
        let reason = match added {
            Added::Nothing => return,
            Added::Freeze => return self.freezes.push(commit),
            Added::Unreadable(reason) => Some(reason),
            Added::Decided(case) => self.decide(commit, *case),
            Added::Rescored(id, at) => self.change(commit, id, |case| case.rescored_at = Some(at)),
            Added::Claimed(id, at) => self.change(commit, id, |case| case.claimed_at = Some(at)),
            Added::Executed(id, execution) => {
                self.change(commit, id, |case| case.execution = Some(execution))
            }
            Added::Feedback(id) => self.change(commit, id, |case| case.feedback += 1),
        };
        if let Some(reason) = reason {
            self.unreadable.push(Unreadable { commit, reason });
        }
    }

    fn decide(&mut self, commit: Sha, mut case: Case) -> Option<String> {
        let (Some(id), Ok(place)) = (case.id, u32::try_from(self.cases.len())) else {
            return Some("it decides a case without an id".to_owned());
        };
        if self.by_id.contains_key(&id) {
            return Some(format!(
                "it decides `{id}` once more: the first decision stands"
            ));
        }
        self.by_id.insert(id, place);
        if let Some(number) = case.number {
            self.by_number.insert(number, place);
            if let Pending::Known(cases) = &mut self.pending {
                cases.retain(|case| case.number != Some(number));
            }
        }
        let before = self.cases.last().and_then(|case| case.decided_at);
        self.is_out_of_order |= case.decided_at < before;
        // Most cases get two commits, and the next size that a vector takes by itself is four.
        case.commits.reserve_exact(2);
        case.commits.push(commit);
        self.texts.push(&case);
        self.cases.push(case);
        None
    }

    fn change(
        &mut self,
        commit: Sha,
        id: CaseId,
        change: impl FnOnce(&mut Case),
    ) -> Option<String> {
        let place = self.by_id.get(&id).copied();
        let Some(case) = place.and_then(|place| self.cases.get_mut(place as usize)) else {
            return Some(format!("it is about `{id}`, which was not decided before"));
        };
        case.commits.push(commit);
        change(case);
        None
    }
}

#[cfg(test)]
mod tests;
