//! What became of the cases of an agent, computed again with each decision and outcome that counts, and what a grant
//! came to by it.

use std::collections::HashMap;

use super::commit_check::CommitCheck;
use super::commit_verifier::CommitVerifier;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::documents::{DayCounts, Decision, GrantRecord, Outcome, TrackRecord};
use crate::domain::engine::Engine;
use crate::domain::ids::{CaseId, Sha};
use crate::domain::yaml;
use crate::gate::grants::GrantCase;
use crate::git::{GitError, Mode, blob_id};
use crate::ledger::track_records;

/// So many are kept for what follows.
const MOST_RECORDS: usize = 256;
const MOST_PATHS: usize = 1_024;

/// Track records by blob id: each commit that counts goes on from the one before.
#[derive(Debug, Default)]
pub struct TrackRecords {
    records: HashMap<Sha, TrackRecord>,
    /// Where the cases that were decided last count.
    paths: HashMap<CaseId, Option<String>>,
}

impl TrackRecords {
    fn keep(&mut self, id: Sha, record: TrackRecord) {
        if self.records.len() >= MOST_RECORDS {
            self.records.clear();
        }
        self.records.insert(id, record);
    }

    fn remember(&mut self, decision: &Decision) {
        if self.paths.len() >= MOST_PATHS {
            self.paths.clear();
        }
        self.paths
            .insert(decision.id, decision.track_record.clone());
    }
}

/// The track record before a commit; none, which is said, if it cannot be read.
pub fn read(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    path: &str,
) -> Result<Option<TrackRecord>, GitError> {
    let Some((_, tree)) = check.parent else {
        return Ok(None);
    };
    let entry = check.repo.entry_at(tree, path)?;
    let Some(entry) = entry.filter(|entry| entry.mode == Mode::File) else {
        return Ok(Some(TrackRecord::default()));
    };
    if let Some(known) = verifier.track_records.records.get(&entry.id) {
        return Ok(Some(known.clone()));
    }
    let bytes = check.repo.objects().read_blob(entry.id)?;
    match track_records::read(path, Some(&bytes)) {
        Ok(record) => {
            verifier.track_records.keep(entry.id, record.clone());
            Ok(Some(record))
        }
        Err(error) => {
            check.say(FindingKind::UnreadableDocument, error.to_string());
            Ok(None)
        }
    }
}

/// An older engine knew neither track records nor grants.
fn is_older(decision: &Decision) -> bool {
    Engine::parse(&decision.engine).is_some_and(Engine::is_older)
}

/// What a grant comes to, with the draw that is on record if it is the bot's.
fn find_grant(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    decision: &Decision,
    case: &GrantCase<'_>,
) -> Result<Option<GrantRecord>, GitError> {
    if is_older(decision) || !case.is_grantable() {
        return Ok(None);
    }
    let Some(record) = read(verifier, check, &case.kind.track_record())? else {
        return Ok(None);
    };
    let on_record = decision.grant.as_ref();
    case.evaluate(&record, |text| Ok(case.recorded_draw(on_record, text)))
}

/// The grant on record is the computed one, which is given back, and the case is counted where it counts: nowhere if
/// it is none.
pub fn check_decision(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    written: &Written<Decision>,
    case: Option<&GrantCase<'_>>,
) -> Result<Option<GrantRecord>, GitError> {
    let decision = &written.document;
    let grant = match case {
        Some(case) => find_grant(verifier, check, decision, case)?,
        None => None,
    };
    if decision.grant != grant {
        let place = written.place(&["grant"]);
        let computed = grant.as_ref();
        let computed = computed.map_or("it is a case of none", |grant| grant.reason.as_str());
        let message = format!("{place} is not what it is when computed again: {computed}");
        check.say(FindingKind::WrongGrant, message);
    }
    let expected = match is_older(decision) {
        true => None,
        false => case
            .map(|case| case.kind.track_record())
            .filter(|_| DayCounts::of_decision(decision).is_some()),
    };
    if decision.track_record != expected {
        let place = written.place(&["track_record"]);
        let message = match expected {
            Some(path) => format!("{place}: it counts in `{path}`"),
            None => format!("{place}: it counts in none"),
        };
        check.say(FindingKind::WrongTrackRecord, message);
    }
    verifier.track_records.remember(decision);
    let path = decision.track_record.as_deref();
    take_counted(verifier, check, path, |record| {
        record.add_decision(decision);
    })?;
    Ok(grant)
}

/// An outcome is counted where its decision is.
pub fn check_outcome(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    written: &Written<Outcome>,
) -> Result<(), GitError> {
    let outcome = &written.document;
    let path = match verifier.track_records.paths.get(&outcome.id) {
        Some(known) => known.clone(),
        None => read_path(check, outcome.id)?,
    };
    take_counted(verifier, check, path.as_deref(), |record| {
        record.add_outcome(outcome);
    })
}

/// Where a case counts, as its decision says.
fn read_path(check: &CommitCheck, case: CaseId) -> Result<Option<String>, GitError> {
    let path = Decision::path_of(case);
    let Some((_, tree)) = check.parent else {
        return Ok(None);
    };
    let bytes = check.repo.read_path(tree, &path)?;
    // Found wrong where it was added.
    let decision = bytes.and_then(|bytes| yaml::read::<Decision>(&path, &bytes).ok());
    Ok(decision.and_then(|decision| decision.track_record))
}

/// Takes the change of a track record off the list, if it is the computed one.
fn take_counted(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    path: Option<&str>,
    add: impl FnOnce(&mut TrackRecord),
) -> Result<(), GitError> {
    let Some(path) = path else { return Ok(()) };
    let Some(before) = read(verifier, check, path)? else {
        check.take(path);
        return Ok(());
    };
    let mut record = before.clone();
    add(&mut record);
    if record == before {
        return Ok(());
    }
    let wanted = match track_records::write(path, &record) {
        Ok(text) => blob_id(text.as_bytes()),
        Err(error) => {
            check.say(FindingKind::WrongTrackRecord, error.to_string());
            return Ok(());
        }
    };
    verifier.track_records.keep(wanted, record);
    match check.take(path) {
        None => {
            let message = format!("`{path}` should count it, but is not changed");
            check.say(FindingKind::WrongTrackRecord, message);
        }
        Some(change) => {
            if let Some(new) = &change.new {
                check.check_mode(path, new.mode);
            }
            if change.new.is_none_or(|new| new.id != wanted) {
                let message = format!("`{path}` counts something else than what happened");
                check.say(FindingKind::WrongTrackRecord, message);
            }
        }
    }
    Ok(())
}
