//! The trail replayed from trailers: one row a case, without reading any document.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Entry, Event, LedgerError, MAIN};
use crate::domain::documents::Status;
use crate::domain::ids::{CaseId, Sha};
use crate::domain::level::{Level, Score};
use crate::git::Repository;

/// One case as `list` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseRow {
    /// The case.
    pub id: CaseId,
    /// Its pull request.
    pub number: Option<u64>,
    /// Who proposed it; none for a governance change.
    pub agent: Option<String>,
    /// The agent's session.
    pub session: Option<String>,
    /// The action type, or `governance_change`.
    pub action: String,
    /// What it acts on.
    pub targets: Vec<String>,
    /// Its score.
    pub score: Option<Score>,
    /// Its level.
    pub level: Option<Level>,
    /// `pending`, or how it ended.
    pub status: String,
    /// Who approved or rejected it, several with commas between; none if the bot alone decided.
    pub decided_by: Option<String>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// Whether an execution ended, well or not.
    pub executed: bool,
    /// Whether it did what was approved; null while nobody knows.
    pub success: Option<bool>,
}

/// The trail of a repository.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// Every decided case, oldest first.
    pub cases: Vec<CaseRow>,
    /// The commits of each case, oldest first.
    pub commits: BTreeMap<CaseId, Vec<Sha>>,
}

impl Trail {
    /// Replays the whole trail.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn read(repo: &Repository) -> Result<Self, LedgerError> {
        let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
        let mut entries = Vec::new();
        for commit in repo.first_parents(tip) {
            entries.push(Entry::of(&commit?));
        }
        let mut trail = Self::default();
        let mut places = BTreeMap::new();
        for entry in entries.into_iter().rev() {
            trail.add(&entry, &mut places);
        }
        Ok(trail)
    }

    fn add(&mut self, entry: &Entry, places: &mut BTreeMap<CaseId, usize>) {
        let (Some(event), Some(id)) = (entry.event, entry.case) else {
            return;
        };
        self.commits.entry(id).or_default().push(entry.commit);
        match event {
            Event::Decision | Event::Governance => {
                if let Some(row) = row(id, event, entry) {
                    places.insert(id, self.cases.len());
                    self.cases.push(row);
                }
            }
            Event::Outcome => {
                if let Some(row) = places.get(&id).and_then(|place| self.cases.get_mut(*place)) {
                    let word = entry.trailers.find("Outcome");
                    row.executed = word != Some("unknown");
                    row.success = match word {
                        Some("success") => Some(true),
                        Some("failure") => Some(false),
                        _ => None,
                    };
                }
            }
            Event::Genesis | Event::Claim | Event::Feedback | Event::Freeze => {}
        }
    }
}

fn row(id: CaseId, event: Event, entry: &Entry) -> Option<CaseRow> {
    let trailers = &entry.trailers;
    let text = |key: &str| trailers.find(key).map(str::to_owned);
    let status: Status = trailers.find("Decision")?.parse().ok()?;
    let (level, score) = trailers.find("Risk")?.split_once(' ')?;
    let deciders: Vec<&str> = trailers
        .find_all("Approved-by")
        .chain(trailers.find_all("Rejected-by"))
        .collect();
    Some(CaseRow {
        id,
        number: trailers
            .find("Pull-request")
            .and_then(|n| n.trim_start_matches('#').parse().ok()),
        agent: text("Agent"),
        session: text("Session"),
        action: text("Action").unwrap_or_else(|| {
            if event == Event::Governance {
                "governance_change".to_owned()
            } else {
                String::new()
            }
        }),
        targets: trailers.find_all("Target").map(str::to_owned).collect(),
        score: score.parse().ok(),
        level: level.parse().ok(),
        status: status.to_string(),
        decided_by: (!deciders.is_empty()).then(|| deciders.join(", ")),
        decided_at: Some(entry.at),
        executed: false,
        success: None,
    })
}
