//! Which branches are open pull requests, and which number is next: one JSON blob behind one ref.
//!
//! A number is given out by a compare-and-swap of that ref. It is only an index: if it is missing or
//! unreadable it is rebuilt from the pull requests' own refs and from the trail.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{LocalForge, meta_ref, step};
use crate::domain::documents::AccountRecord;
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::pull::PullState;
use crate::forge::ForgeError;
use crate::git::{Durability, Expect, RefEdit, RefsUpdate, Repository};
use crate::ledger::{Entry, MAIN};

pub(super) const INDEX_REF: &str = "refs/countersign/pulls";
/// How much of the trail is asked for the highest number when the index has to be rebuilt.
const TRAIL_LOOKBACK: usize = 10_000;

/// The open pull requests by branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The next number to give out.
    pub next: u64,
    /// Branch (without `refs/heads/`) → pull request.
    pub open: BTreeMap<String, OpenPull>,
}

impl Index {
    /// Gives a new branch the next number.
    pub fn open_new(
        &mut self,
        branch: &str,
        head: Sha,
        author: AccountRecord,
        opened_at: DateTime<Utc>,
    ) {
        let number = PullNumber(self.next);
        self.next = self.next.saturating_add(1);
        self.open.insert(
            branch.to_owned(),
            OpenPull {
                number,
                head,
                author,
                opened_at,
            },
        );
    }
}

/// An open pull request, with all that is needed to write its first event again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPull {
    pub number: PullNumber,
    pub head: Sha,
    pub author: AccountRecord,
    pub opened_at: DateTime<Utc>,
}

/// An index as it was read.
#[derive(Debug, Clone)]
pub struct StoredIndex {
    pub index: Index,
    expected: Expect,
    /// Whether it had to be rebuilt, and so is not stored like this.
    is_rebuilt: bool,
}

impl StoredIndex {
    /// Reads the index, or rebuilds it.
    pub fn read(repo: &Repository) -> Result<Self, ForgeError> {
        let (read, expected) = match repo.find_ref(INDEX_REF) {
            Ok(None) => (None, Expect::Absent),
            Ok(Some(blob)) => (repo.read_blob(blob).ok(), Expect::Is(blob)),
            // A power failure may leave a ref that names nothing.
            Err(_) => (None, Expect::Any),
        };
        if let Some(index) = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(Self {
                index,
                expected,
                is_rebuilt: false,
            });
        }
        if expected != Expect::Absent {
            tracing::warn!(
                "the index of pull requests cannot be read: rebuilding it from their own records"
            );
        }
        Ok(Self {
            index: rebuild(repo)?,
            expected,
            is_rebuilt: true,
        })
    }

    /// Whether this index is what is stored.
    pub fn holds(&self, index: &Index) -> bool {
        !self.is_rebuilt && self.index == *index
    }

    /// Stores a changed index if nobody else did in the meantime.
    pub fn swap(&self, repo: &Repository, index: &Index) -> Result<bool, ForgeError> {
        let bytes = serde_json::to_vec(index).map_err(|error| ForgeError::Record {
            number: PullNumber(index.next),
            reason: error.to_string(),
        })?;
        let blob = repo.store_blob(&bytes)?;
        step("index of pull requests stored");
        let edit = RefEdit {
            name: INDEX_REF.to_owned(),
            expected: self.expected,
            new: Some(blob),
        };
        Ok(repo.update_refs(&[edit], Durability::Fast)? == RefsUpdate::Done)
    }
}

fn rebuild(repo: &Repository) -> Result<Index, ForgeError> {
    let mut index = Index {
        next: 1,
        open: BTreeMap::new(),
    };
    if let Some(tip) = repo.find_ref(MAIN)? {
        for commit in repo.first_parents(tip).take(TRAIL_LOOKBACK) {
            let entry = Entry::of(&commit?);
            let number = entry
                .trailers
                .find("Pull-request")
                .and_then(|n| n.trim_start_matches('#').parse::<u64>().ok());
            index.next = index.next.max(number.map_or(0, |n| n.saturating_add(1)));
        }
    }
    for (name, _) in repo.refs_under("refs/pull/")? {
        let mut parts = name.trim_start_matches("refs/pull/").split('/');
        let Some(number) = parts.next().and_then(|number| number.parse::<u64>().ok()) else {
            continue;
        };
        index.next = index.next.max(number.saturating_add(1));
        let number = PullNumber(number);
        if name != meta_ref(number) {
            continue;
        }
        match LocalForge::read_pull(repo, number) {
            Ok(Some(pull)) if pull.state != PullState::Done => {
                index.open.insert(
                    pull.branch,
                    OpenPull {
                        number,
                        head: pull.head,
                        author: pull.author,
                        opened_at: pull.opened_at,
                    },
                );
            }
            Ok(_) => {}
            // If its branch is still there, it gets a new number.
            Err(error) => tracing::error!("{error}; it is left out"),
        }
    }
    Ok(index)
}
