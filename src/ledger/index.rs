//! The trail read into the index of all cases: once as a whole, then what was added since.
//!
//! Trailers say everything that an index holds, so no document is read. Whatever cannot be understood
//! is kept as such; it never hides a case, and never passes for one.

use std::sync::mpsc::sync_channel;
use std::thread;

use chrono::DateTime;

use super::{Entry, Event, LedgerError, MAIN, Trailers};
use crate::domain::documents::Status;
use crate::domain::ids::{CaseId, PullNumber, Sha};
use crate::domain::level::{Level, Score};
use crate::git::{FirstParents, GitError, Repository, StoredCommit};
use crate::insight::{
    Added, Case, CaseStatus, Execution, FactorShare, GOVERNANCE_CHANGE, Index, InternedName,
    Interner, Kind,
};

/// So many commits go from the thread that reads to the one that understands.
const BATCH: usize = 512;

/// What an update found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// So many new commits, which are now in the index.
    Appended(usize),
    /// The index stood at a commit that `main` no longer leads to: history was rewritten or cut. The index
    /// was read anew from what there is now; say so.
    Rebuilt {
        /// Where the index stood.
        was: Sha,
    },
}

/// Reads the whole trail.
pub fn read(repo: &Repository) -> Result<Index, LedgerError> {
    let mut index = Index::default();
    let tip = tip(repo)?;
    append(&repo.for_bulk()?, &mut index, tip)?;
    Ok(index)
}

/// Reads what was added since.
///
/// # Errors
/// When the history cannot be read; the index then stays as it was.
pub fn update(repo: &Repository, index: &mut Index) -> Result<Update, LedgerError> {
    let tip = tip(repo)?;
    let before = index.commits();
    if append(repo, index, tip)? {
        return Ok(Update::Appended(index.commits() - before));
    }
    let was = index.tip().unwrap_or(tip);
    let mut anew = Index::default();
    append(repo, &mut anew, tip)?;
    anew.inherit_pending(index);
    *index = anew;
    Ok(Update::Rebuilt { was })
}

fn tip(repo: &Repository) -> Result<Sha, LedgerError> {
    repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)
}

/// Adds the commits between the index's tip and this one; false, and nothing added, if this one does not
/// follow from it.
fn append(repo: &Repository, index: &mut Index, tip: Sha) -> Result<bool, LedgerError> {
    let known = index.tip();
    if known == Some(tip) {
        return Ok(true);
    }
    let mut back = Back {
        commits: repo.first_parents_as_stored(tip),
        known,
        found: known.is_none(),
    };
    let words = index.words();
    // One new case is the rule, and starting a thread takes longer than reading it.
    let newest = back.batch()?;
    let mut events = Vec::new();
    understand_all(&newest, words, &mut events)?;
    if newest.len() == BATCH {
        read_rest(&mut back, words, &mut events)?;
    }
    if !back.found {
        return Ok(false);
    }
    index.reserve(events.len());
    for (commit, event) in events.into_iter().rev() {
        index.add(commit, event);
    }
    Ok(true)
}

/// Inflating commits takes longer than understanding them, and each is a processor's work.
fn read_rest(
    back: &mut Back<'_>,
    words: &mut Interner,
    events: &mut Vec<(Sha, Added)>,
) -> Result<(), GitError> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Vec<StoredCommit>>(4);
        let understanding = scope.spawn(move || {
            receiver
                .into_iter()
                .try_for_each(|batch| understand_all(&batch, words, events))
        });
        let walked = loop {
            match back.batch() {
                Ok(batch) => {
                    let is_last = batch.len() < BATCH;
                    // Whoever understands them ends early at what cannot be read, and says so.
                    if sender.send(batch).is_err() || is_last {
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
        };
        drop(sender);
        let understood = understanding.join();
        walked.and(understood.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The commits from a tip back to a known one.
struct Back<'r> {
    commits: FirstParents<&'r Repository>,
    known: Option<Sha>,
    /// Whether the known one was reached, if there is one.
    found: bool,
}

impl Back<'_> {
    /// The next ones; a full batch unless these are the last.
    fn batch(&mut self) -> Result<Vec<StoredCommit>, GitError> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            match self.commits.next().transpose()? {
                Some(commit) if Some(commit.id) != self.known => batch.push(commit),
                end => {
                    self.found |= end.is_some();
                    break;
                }
            }
        }
        Ok(batch)
    }
}

fn understand_all(
    commits: &[StoredCommit],
    words: &mut Interner,
    events: &mut Vec<(Sha, Added)>,
) -> Result<(), GitError> {
    for commit in commits {
        let entry = Entry::of(&commit.read()?);
        let added = try_understand(&entry, words)
            .unwrap_or_else(|reason| Added::Unreadable(reason.to_owned()));
        events.push((commit.id, added));
    }
    Ok(())
}

fn try_understand(entry: &Entry, words: &mut Interner) -> Result<Added, &'static str> {
    let event = entry
        .event
        .ok_or("it does not say which event it is: the bot did not make it")?;
    let id = || entry.case.ok_or("it does not say which case it is about");
    let trailers = &entry.trailers;
    Ok(match event {
        Event::Genesis | Event::Adopted => Added::Nothing,
        Event::Freeze | Event::Unfreeze => Added::Freeze,
        Event::Rescored => Added::Rescored(id()?, entry.at),
        Event::Claim => Added::Claimed(id()?, entry.at),
        Event::Feedback => Added::Feedback(id()?),
        Event::Outcome => Added::Executed(
            id()?,
            Execution {
                success: match trailers.find("Outcome") {
                    Some("success") => Some(true),
                    Some("failure") => Some(false),
                    Some("unknown") => None,
                    _ => return Err("it does not say how the execution ended"),
                },
                at: entry.at,
                attempt: trailers
                    .find("Attempt")
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(1),
            },
        ),
        Event::Decision => {
            Added::Decided(Box::new(case(id()?, Kind::Recommendation, entry, words)?))
        }
        Event::Governance => Added::Decided(Box::new(case(id()?, Kind::Governance, entry, words)?)),
    })
}

fn case(id: CaseId, kind: Kind, entry: &Entry, words: &mut Interner) -> Result<Case, &'static str> {
    let trailers = &entry.trailers;
    let status: Option<Status> = trailers.find("Decision").and_then(|word| word.parse().ok());
    let status = status.ok_or("it does not say what was decided")?;
    let (level, score) = trailers
        .find("Risk")
        .and_then(risk)
        .ok_or("it does not say how risky the case is")?;
    let mut all = |key: &str| -> Box<[InternedName]> {
        let values = trailers.find_all(key);
        values.map(|value| words.word(value)).collect()
    };
    let (targets, triggers) = (all("Target"), all("Trigger"));
    let (approved_by, rejected_by) = (all("Approved-by"), all("Rejected-by"));
    let mut one = |key: &str| trailers.find(key).map(|value| words.word(value));
    let (agent, session, executor) = (one("Agent"), one("Session"), one("Executor"));
    let action = match kind {
        Kind::Recommendation => Some(one("Action").ok_or("it does not say what was proposed")?),
        Kind::Governance => Some(words.word(GOVERNANCE_CHANGE)),
    };
    let confidence = trailers.find_all("Confidence");
    Ok(Case {
        number: trailers
            .find("Pull-request")
            .and_then(|n| n.trim_start_matches('#').parse().ok())
            .map(PullNumber),
        agent,
        session,
        action,
        targets,
        score: Some(score),
        level: Some(level),
        factors: trailers
            .find("Factors")
            .map_or_else(Box::default, |value| shares(value, words)),
        triggers,
        approved_by,
        rejected_by: rejected_by.into_iter().next(),
        category: trailers.find("Category").and_then(|word| word.parse().ok()),
        confidence: confidence.filter_map(|word| word.parse().ok()).collect(),
        opened_at: opened_at(trailers),
        decided_at: Some(entry.at),
        executor,
        ..Case::new(Some(id), kind, CaseStatus::Decided(status))
    })
}

fn risk(value: &str) -> Option<(Level, Score)> {
    let (level, score) = value.split_once(' ')?;
    Some((level.parse().ok()?, score.parse().ok()?))
}

/// `environment=40.00 parameters=15.00`.
fn shares(value: &str, words: &mut Interner) -> Box<[FactorShare]> {
    let share = |word: &str| {
        let (name, contribution) = word.split_once('=')?;
        Some(FactorShare {
            contribution: contribution.parse().ok()?,
            name: words.word(name),
        })
    };
    value.split(' ').filter_map(share).collect()
}

fn opened_at(trailers: &Trailers) -> Option<DateTime<chrono::Utc>> {
    let value = trailers.find("Opened")?;
    DateTime::parse_from_rfc3339(value)
        .ok()
        .map(|at| at.to_utc())
}
