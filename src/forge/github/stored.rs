//! What we know of the open pull requests, kept beside the clone for the next process: a job of GitHub Actions
//! lives for seconds, and would read everything anew each time.
//!
//! It is as trustworthy as the clone that it lies beside, and only spares questions: what has changed on GitHub
//! since is read there, and what cannot be read here is read there as well.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::GithubForge;
use super::connection::lock;
use super::pull_cache::{TrackedPull, We};
use super::wire::Label;
use crate::domain::ids::PullNumber;
use crate::domain::pull::PullState;
use crate::git::Repository;
use crate::ledger::MAIN;

/// The file in the clone.
const FILE: &str = "countersign-pulls.json";
/// Changes with the shapes that are kept; a file of another version is not read.
const VERSION: u32 = 2;
/// So many of the youngest pull requests that ended are remembered as such.
const MOST_ENDED: usize = 1_000;

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    version: u32,
    repository: String,
    /// Whose comments and check runs are taken for our own.
    we: We,
    seen_until: DateTime<Utc>,
    ended: Vec<(PullNumber, DateTime<Utc>)>,
    pulls: Vec<TrackedPull>,
    #[serde(default)]
    labels: Vec<Label>,
}

impl GithubForge {
    /// What a later process would find: `main` in our clone, and what is kept beside it.
    pub fn kept(&self) -> String {
        let clone = Repository::open(&self.shared.clone_path);
        let main = clone.and_then(|clone| clone.find_ref(MAIN)).ok().flatten();
        let stored = std::fs::read_to_string(self.stored_path()).unwrap_or_default();
        format!("{main:?} {stored}")
    }

    fn stored_path(&self) -> PathBuf {
        self.shared.clone_path.join(FILE)
    }

    /// Takes over what the last process knew, once.
    pub(super) fn restore(&self) {
        let mut text = lock(&self.shared.stored);
        if text.is_some() {
            return;
        }
        let found = std::fs::read_to_string(self.stored_path()).unwrap_or_default();
        let stored = serde_json::from_str::<Stored>(&found).ok();
        *text = Some(found);
        let is_ours = |stored: &Stored| {
            stored.version == VERSION
                && stored.we == self.pull_cache().we
                && stored.repository.eq_ignore_ascii_case(self.repository())
        };
        let Some(stored) = stored.filter(is_ours) else {
            return;
        };
        self.shared.publisher.labels.learn(&stored.labels);
        let mut pull_cache = self.pull_cache();
        pull_cache.seen_until = Some(stored.seen_until);
        pull_cache.ended.extend(stored.ended);
        let pulls = stored.pulls.into_iter();
        pull_cache
            .pulls
            .extend(pulls.map(|tracked| (tracked.pull.number, tracked)));
    }

    /// Keeps what we know for the next process. Without it that one reads everything anew.
    pub(super) fn store(&self, repo: &Repository) {
        let mut before = lock(&self.shared.stored);
        let stored = {
            let pull_cache = self.pull_cache();
            let (Some(seen_until), true) = (pull_cache.seen_until, pull_cache.is_synced) else {
                return;
            };
            // What is owed is found again by its record on `main`.
            let pulls = pull_cache.pulls.values();
            let pulls =
                pulls.filter(|tracked| tracked.is_whole && tracked.pull.state != PullState::Done);
            Stored {
                version: VERSION,
                repository: self.repository().to_owned(),
                we: pull_cache.we,
                seen_until,
                ended: {
                    let youngest = pull_cache.ended.iter().rev().take(MOST_ENDED);
                    youngest.map(|(number, at)| (*number, *at)).collect()
                },
                pulls: pulls.cloned().collect(),
                labels: self.shared.publisher.labels.all(),
            }
        };
        let Ok(text) = serde_json::to_string(&stored) else {
            return;
        };
        if before.as_ref() == Some(&text) {
            return;
        }
        let path = self.stored_path();
        match repo.files().replace(&path, text.as_bytes()) {
            Ok(()) => *before = Some(text),
            Err(error) => tracing::warn!("`{}` cannot be written: {error}", path.display()),
        }
    }
}
