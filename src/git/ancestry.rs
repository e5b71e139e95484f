//! What is known of a branch's history, explored only as far back as questions need and remembered
//! between them. Thousands of proposals ask about the same `main`: each would walk it again.

use std::collections::{BinaryHeap, HashMap, HashSet};

use super::commit::{Links, parse_links};
use super::error::Result;
use super::objects::Kind;
use super::repository::Repository;
use crate::domain::ids::Sha;

/// Clocks of the machines that commit to `main` may differ by this much, in seconds.
const CLOCK_SLACK: i64 = 600;

/// How many commits a branch may have gained since the last question before it is explored afresh.
const MOST_NEW: usize = 100_000;

/// Some of the commits that are reachable from one tip, and where to look on.
#[derive(Debug, Default)]
pub(super) struct Ancestry {
    tip: Option<Sha>,
    known: HashSet<Sha>,
    /// Known commits whose parents were not looked at yet, newest first.
    frontier: BinaryHeap<(i64, Sha)>,
}

impl Ancestry {
    /// Makes this the ancestry of `tip`. What is known stays if `tip` only added to it.
    pub(super) fn move_to(&mut self, repo: &Repository, tip: Sha) -> Result<()> {
        let Some(before) = self.tip else {
            return self.start(repo, tip);
        };
        let mut added = HashSet::new();
        let mut open = vec![tip];
        let mut met_before = tip == before;
        while let Some(id) = open.pop() {
            met_before |= id == before;
            if self.known.contains(&id) || !added.insert(id) {
                continue;
            }
            if added.len() > MOST_NEW {
                return self.start(repo, tip);
            }
            open.extend(links(repo, id)?.parents);
        }
        if !met_before {
            return self.start(repo, tip);
        }
        self.known.extend(added);
        self.tip = Some(tip);
        Ok(())
    }

    fn start(&mut self, repo: &Repository, tip: Sha) -> Result<()> {
        *self = Self::default();
        let time = links(repo, tip)?.time;
        self.tip = Some(tip);
        self.known.insert(tip);
        self.frontier.push((time, tip));
        Ok(())
    }

    pub(super) fn knows(&self, id: Sha) -> bool {
        self.known.contains(&id)
    }

    /// Whether this commit is reachable, looking only at commits that are not older than it. May miss
    /// one whose descendants claim to be older than it: see [`Ancestry::explore_all`].
    pub(super) fn reaches(&mut self, repo: &Repository, id: Sha, time: i64) -> Result<bool> {
        while !self.known.contains(&id)
            && self
                .frontier
                .peek()
                .is_some_and(|(newest, _)| *newest >= time.saturating_sub(CLOCK_SLACK))
        {
            self.step(repo)?;
        }
        Ok(self.known.contains(&id))
    }

    /// Looks at the whole history, after which [`Ancestry::knows`] is exact.
    pub(super) fn explore_all(&mut self, repo: &Repository) -> Result<()> {
        while !self.frontier.is_empty() {
            self.step(repo)?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn known_count(&self) -> usize {
        self.known.len()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.frontier.is_empty()
    }

    fn step(&mut self, repo: &Repository) -> Result<()> {
        let Some((_, id)) = self.frontier.pop() else {
            return Ok(());
        };
        for parent in links(repo, id)?.parents {
            if self.known.insert(parent) {
                self.frontier.push((links(repo, parent)?.time, parent));
            }
        }
        Ok(())
    }
}

/// Commits on one side of a fork, and where it joins the other.
pub(super) struct Side {
    /// The commits that only this side has, a child always before its parents.
    pub(super) own: Vec<Sha>,
    /// The first commits that both have.
    pub(super) joints: Vec<Sha>,
}

impl Ancestry {
    /// What `head` has that this ancestry has not; `None` if that is more than `most` commits.
    pub(super) fn fork(
        &mut self,
        repo: &Repository,
        head: Sha,
        most: usize,
    ) -> Result<Option<Side>> {
        if let Some(side) = self.try_fork(repo, head, most)? {
            return Ok(Some(side));
        }
        if self.is_complete() {
            return Ok(None);
        }
        // A wrong clock may have hidden where they join.
        self.explore_all(repo)?;
        self.try_fork(repo, head, most)
    }

    fn try_fork(&mut self, repo: &Repository, head: Sha, most: usize) -> Result<Option<Side>> {
        let mut own: HashMap<Sha, Links> = HashMap::new();
        let mut seen = HashSet::from([head]);
        let mut open = vec![head];
        while let Some(id) = open.pop() {
            if self.knows(id) {
                continue;
            }
            let links = links(repo, id)?;
            if self.reaches(repo, id, links.time)? {
                continue;
            }
            let is_root = links.parents.is_empty();
            if own.len() >= most || (is_root && !self.is_complete()) {
                return Ok(None);
            }
            open.extend(
                links
                    .parents
                    .iter()
                    .copied()
                    .filter(|parent| seen.insert(*parent)),
            );
            own.insert(id, links);
        }
        // Exploring for a later one may have shown that an earlier one is reachable after all.
        own.retain(|id, _| !self.known.contains(id));
        let mut joints: Vec<Sha> = match own.is_empty() {
            true => vec![head],
            false => own
                .values()
                .flat_map(|links| links.parents.iter().copied())
                .collect(),
        };
        joints.retain(|id| self.known.contains(id));
        joints.sort_unstable();
        joints.dedup();
        Ok(Some(Side {
            own: children_first(head, &own),
            joints,
        }))
    }
}

/// These commits with every child before its parents.
fn children_first(head: Sha, commits: &HashMap<Sha, Links>) -> Vec<Sha> {
    let mut waiting_for: HashMap<Sha, usize> = HashMap::new();
    for parent in commits.values().flat_map(|links| &links.parents) {
        *waiting_for.entry(*parent).or_default() += 1;
    }
    let mut ordered = Vec::with_capacity(commits.len());
    let mut open = vec![head];
    while let Some(id) = open.pop() {
        let Some(links) = commits.get(&id) else {
            continue;
        };
        ordered.push(id);
        for parent in links.parents.iter().rev() {
            if let Some(children) = waiting_for.get_mut(parent) {
                *children = children.saturating_sub(1);
                if *children == 0 {
                    open.push(*parent);
                }
            }
        }
    }
    ordered
}

fn links(repo: &Repository, id: Sha) -> Result<Links> {
    parse_links(id, &repo.objects().read_kind(id, Kind::Commit)?)
}
