//! The commits of the trail, oldest first, and where each stands.

use std::collections::HashMap;

use super::finding::{Finding, FindingKind};
use crate::domain::ids::Sha;
use crate::git::{GitError, Repository};

/// The first-parent line of `main`.
#[derive(Debug)]
pub struct FirstParentChain {
    ids: Vec<Sha>,
    places: HashMap<Sha, usize>,
    /// The places that merge a commit.
    merges: HashMap<Sha, usize>,
    /// Whether the oldest commit has a parent that cannot be read.
    pub is_cut: bool,
}

impl FirstParentChain {
    /// Walks from the tip to the beginning, or as far as it can be read.
    pub fn read(repo: &Repository, tip: Sha) -> Result<(Self, Vec<Finding>), GitError> {
        let mut ids = Vec::new();
        let mut merged: Vec<(Sha, usize)> = Vec::new();
        let mut findings = Vec::new();
        let shallow = repo.shallow_commits()?;
        let mut is_cut = false;
        for commit in repo.first_parent_links(tip) {
            match (commit, ids.last()) {
                (Ok((id, parents)), _) => {
                    merged.extend(parents.iter().skip(1).map(|parent| (*parent, ids.len())));
                    ids.push(id);
                }
                (Err(error), None) => return Err(error),
                // That git's history ends there is a finding of its own.
                (Err(_), Some(oldest)) if shallow.contains(oldest) => is_cut = true,
                (Err(error), Some(oldest)) => {
                    is_cut = true;
                    let message = format!(
                        "what came before it cannot be read, so nothing older is verified: {error}"
                    );
                    findings.push(Finding {
                        commit: *oldest,
                        kind: FindingKind::Unreadable,
                        message,
                    });
                }
            }
        }
        ids.reverse();
        let places = ids
            .iter()
            .enumerate()
            .map(|(place, id)| (*id, place))
            .collect();
        let newest = ids.len().saturating_sub(1);
        let merges = merged
            .into_iter()
            .map(|(head, from_tip)| (head, newest.saturating_sub(from_tip)))
            .collect();
        Ok((
            Self {
                ids,
                places,
                merges,
                is_cut,
            },
            findings,
        ))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn tip(&self) -> Option<Sha> {
        self.ids.last().copied()
    }

    /// The commit at a place, the oldest being at 0.
    pub fn at(&self, place: usize) -> Option<Sha> {
        self.ids.get(place).copied()
    }

    /// Whether a commit was merged by one that comes before a place.
    pub fn is_merged_before(&self, head: Sha, place: usize) -> bool {
        // Newest first, so the oldest merge is the one that is kept.
        self.merges.get(&head).is_some_and(|merge| *merge < place)
    }

    /// The place of a commit, if it is on the line.
    pub fn place_of(&self, id: Sha) -> Option<usize> {
        self.places.get(&id).copied()
    }
}
