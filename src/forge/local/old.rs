//! The form before this one: a ref `refs/pull/<n>/meta` for each pull request there ever was, whose commits held one
//! event each, and a JSON blob behind `refs/countersign/pulls` that said which are open. Nothing writes it any more.
//! Whoever meets it converts it; the old refs stay until the end of the next run.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Result;
use super::event::PullEvent;
use super::store::{Stored, build, first_free_number};
use crate::domain::documents::AccountRecord;
use crate::domain::ids::{PullNumber, Sha};
use crate::forge::ForgeError;
use crate::git::{Expect, Repository};

/// The open pull requests by branch, as the blob held them.
#[derive(Debug, Default, Deserialize)]
struct Index {
    next: u64,
    open: BTreeMap<String, OpenPull>,
}

#[derive(Debug, Deserialize)]
struct OpenPull {
    number: PullNumber,
    head: Sha,
    author: AccountRecord,
    opened_at: DateTime<Utc>,
}

/// Whether this is the name of a ref that only the old form has.
pub fn is_meta_ref(name: &str) -> bool {
    find_number(name).is_some()
}

fn find_number(name: &str) -> Option<PullNumber> {
    let number = name.strip_prefix("refs/pull/")?.strip_suffix("/meta")?;
    number.parse().ok().map(PullNumber)
}

/// Converts what there is in the old form; none if there is nothing.
pub fn convert(repo: &Repository, expected: Expect) -> Result<Option<Stored>> {
    let index = match expected {
        Expect::Is(blob) => repo.read_blob(blob).ok(),
        Expect::Any | Expect::Absent => None,
    };
    let index: Option<Index> = index.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut all = BTreeMap::new();
    for (name, tip) in repo.refs_under("refs/pull/")? {
        let Some(number) = find_number(&name) else {
            continue;
        };
        match read_events(repo, number, tip) {
            Ok(events) => {
                all.insert(number, events);
            }
            // If its branch is still there, it gets a new number.
            Err(error) => tracing::error!("{error}; it is left out"),
        }
    }
    if all.is_empty() && index.is_none() {
        return Ok(None);
    }
    tracing::info!("converting the records of {} pull requests", all.len());
    let next = match &index {
        Some(index) => index.next,
        None => first_free_number(repo)?,
    };
    for (branch, open) in index.unwrap_or_default().open {
        // Its number was given out, and nothing was written of it yet.
        all.entry(open.number).or_insert_with(|| {
            vec![PullEvent::Opened {
                branch,
                head: open.head,
                author: open.author,
                at: open.opened_at,
                has_branch: true,
            }]
        });
    }
    build(repo, expected, next, &all)
}

/// The body of each commit was one event.
fn read_events(repo: &Repository, number: PullNumber, tip: Sha) -> Result<Vec<PullEvent>> {
    let mut events = Vec::new();
    for commit in repo.first_parents(tip) {
        let commit = commit?;
        let (_, body) = commit.message.split_once("\n\n").unwrap_or_default();
        let event: PullEvent = serde_json::from_str(body).map_err(|error| ForgeError::Record {
            number,
            reason: format!("commit {}: {error}", commit.id),
        })?;
        let is_first = matches!(event, PullEvent::Opened { .. });
        events.push(event);
        if is_first {
            break;
        }
    }
    events.reverse();
    Ok(events)
}
