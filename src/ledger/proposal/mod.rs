//! What a branch proposes, told by its diff; and everything for which it is refused whatever the rules say.
//!
//! The bot asks this before it decides, of its draft; `verify` asks it again, of the clone. Nothing that one of them
//! refuses passes the other.

mod commits;
mod paths;
mod refusal;
mod rule_change;

use chrono::{DateTime, Utc};

use crate::domain::documents::{AccountRecord, Recommendation};
use crate::domain::ids::{CaseId, Sha, quoted};
use crate::domain::pull::{Contribution, Part};
use crate::domain::yaml;
use crate::gate::eligibility::{Principal, principal_of, shown};
use crate::git::{Change, GitError, Mode, Objects};
use crate::rules::Rules;

use super::is_record;

pub use commits::find_objection as find_commit_objection;
pub use refusal::{Objection, Refusal, problems};
pub use rule_change::{BotKey, RuleChangeValidation, RuleChangeValidator, Trees, find_key_lockout};

/// The most commits and the most files of one proposal.
pub const MOST_COMMITS: usize = 250;
pub const MOST_FILES: usize = 1_000;
/// The largest file of a governance change, in bytes.
const LARGEST_FILE: usize = 1024 * 1024;

/// That a branch does not come from `main`.
pub fn no_common_history() -> Objection {
    Objection::of_proposal(
        Refusal::NoCommonHistory,
        "the branch has no history in common with `main`: start it from `main`",
    )
}

/// That a branch has too many commits; git says how many.
pub fn too_many_commits(error: &GitError) -> Objection {
    Objection::of_proposal(
        Refusal::TooManyCommits,
        format!("{error}; a proposal has at most {MOST_COMMITS} commits"),
    )
}

/// That a branch changes too many files.
pub fn too_many_files(error: &GitError) -> Objection {
    Objection::of_proposal(
        Refusal::TooManyFiles,
        format!("{error}; a proposal changes at most {MOST_FILES} files"),
    )
}

/// The tree of `main` that a proposal would be merged into.
#[derive(Clone, Copy)]
pub struct Main<'a> {
    pub objects: Objects<'a>,
    pub root: Sha,
}

/// Which kind of proposal these changes are.
#[derive(Debug)]
pub enum Candidate {
    /// They add this one file where recommendations lie.
    Recommendation { path: String, blob: Sha },
    /// They change anything that is not a record.
    Governance,
}

/// What a look at a part of a proposal has found.
#[derive(Debug)]
pub enum Examined<T> {
    Accepted(T),
    Refused(Vec<Objection>),
}

/// Tells what these changes are, or why they are refused.
pub fn classify(main: &Main<'_>, changes: &[Change]) -> Result<Examined<Candidate>, GitError> {
    let refuse = |objection| Ok(Examined::Refused(vec![objection]));
    if changes.is_empty() {
        return refuse(Objection::of_proposal(
            Refusal::ChangesNothing,
            "it changes nothing against `main`: push a recommendation or a governance change",
        ));
    }
    let objections = paths::find_objections(main, changes)?;
    if !objections.is_empty() {
        return Ok(Examined::Refused(objections));
    }
    if !changes.iter().any(|change| is_record(&change.path_text())) {
        return Ok(match find_obstacle(main, changes)? {
            Some(objection) => Examined::Refused(vec![objection]),
            None => Examined::Accepted(Candidate::Governance),
        });
    }
    if let Some(change) = changes
        .iter()
        .find(|change| !is_record(&change.path_text()))
    {
        return refuse(Objection::of_file(
            Refusal::Mixed,
            change.path_text(),
            "a recommendation and a governance change in one pull request: propose them one by one, so that neither hides the other",
        ));
    }
    let [change] = changes else {
        let last = changes.last().map(Change::path_text).unwrap_or_default();
        let message = format!(
            "{} records are touched: a recommendation adds exactly one file, its own `{}`",
            changes.len(),
            Recommendation::FILE
        );
        return refuse(Objection::of_file(Refusal::SeveralRecords, last, message));
    };
    let path = change.path_text();
    let (None, Some(new)) = (&change.old, &change.new) else {
        return refuse(Objection::of_file(
            Refusal::EditedRecord,
            path,
            "a record is never edited or removed: a correction is a new record (`countersign feedback`, or a new recommendation)",
        ));
    };
    if !path.ends_with("/recommendation.yaml") {
        return refuse(Objection::of_file(
            Refusal::PlaceOfBot,
            path,
            "only the bot writes here: an agent adds `recommendation.yaml` and nothing else",
        ));
    }
    let blob = new.id;
    let candidate = Candidate::Recommendation { path, blob };
    Ok(Examined::Accepted(candidate))
}

/// Reads the recommendation at a path.
pub fn read_recommendation(
    objects: Objects<'_>,
    path: &str,
    blob: Sha,
    now: DateTime<Utc>,
) -> Result<Examined<Recommendation>, GitError> {
    let Some(bytes) = objects.read_blob_up_to(blob, yaml::MAX_BYTES)? else {
        let message = "the file is too large: at most 64 KiB";
        let objection = Objection::of_file(Refusal::TooLarge, path, message);
        return Ok(Examined::Refused(vec![objection]));
    };
    let document = match Recommendation::read_proposed(path, &bytes) {
        Ok(document) => document,
        Err(problems) => {
            let objections = Objection::of_all(Refusal::Unreadable, problems.0);
            return Ok(Examined::Refused(objections));
        }
    };
    let wrong = find_future_id(path, document.id, now);
    Ok(
        match wrong.or_else(|| find_misplaced_id(path, document.id)) {
            None => Examined::Accepted(document),
            Some(mut objection) => {
                yaml::place(&bytes, [&mut objection.problem]);
                Examined::Refused(vec![objection])
            }
        },
    )
}

/// An id that is from the future.
pub fn find_future_id(path: &str, id: CaseId, now: DateTime<Utc>) -> Option<Objection> {
    let is_ahead = id.time() > now + CaseId::FUTURE_TOLERANCE;
    is_ahead.then(|| {
        Objection::of_file(
            Refusal::FutureId,
            path,
            "the id is from the future: its time is more than ten minutes ahead; take a fresh one with `countersign new`",
        )
    })
}

/// An id that belongs elsewhere.
fn find_misplaced_id(path: &str, id: CaseId) -> Option<Objection> {
    let expected = Recommendation::path_of(id);
    (path != expected).then(|| {
        let message = format!("this id belongs at `{expected}`: move the file or take a fresh id");
        Objection::of_key(Refusal::Misplaced, path, "id", message)
    })
}

/// What keeps a governance change from being made on `main` as it is.
fn find_obstacle(main: &Main<'_>, changes: &[Change]) -> Result<Option<Objection>, GitError> {
    for change in changes {
        let path = change.path_text();
        let say = |refusal, message: String| {
            let path = path.clone();
            Ok(Some(Objection::of_file(refusal, path, message)))
        };
        if let Some(new) = &change.new
            && main.objects.blob_size(new.id)? > LARGEST_FILE
        {
            let message = "the file is too large: at most 1 MiB".to_owned();
            return say(Refusal::TooLarge, message);
        }
        let there = main.objects.entry_at(main.root, &path)?;
        let there = there.map(|entry| (entry.mode, entry.id));
        let was = change.old.as_ref().map(|entry| (entry.mode, entry.id));
        let becomes = change.new.as_ref().map(|entry| (entry.mode, entry.id));
        if matches!(there, Some((Mode::Tree, _))) {
            let message =
                "is a folder on `main`: a file does not take its place; choose another name";
            return say(Refusal::InTheWay, message.to_owned());
        }
        if change.new.is_some()
            && let Some(file) = find_file_above(main, changes, &path)?
        {
            let message = format!(
                "`{file}` is a file on `main`, so nothing can lie below it: choose another name"
            );
            return say(Refusal::InTheWay, message);
        }
        if there != was && there != becomes {
            let message =
                "was changed on `main` in the meantime: bring the branch up to date (`git rebase`)";
            return say(Refusal::ChangedSince, message.to_owned());
        }
    }
    Ok(None)
}

/// What stands on `main` where this path needs a folder, and is not removed by the same change.
fn find_file_above(
    main: &Main<'_>,
    changes: &[Change],
    path: &str,
) -> Result<Option<String>, GitError> {
    let is_removed = |name: &str| {
        let mut removed = changes.iter().filter(|change| change.new.is_none());
        removed.any(|change| change.path == name.as_bytes())
    };
    for (end, _) in path.match_indices('/') {
        let Some(folder) = path.get(..end) else {
            continue;
        };
        match main.objects.entry_at(main.root, folder)? {
            None => return Ok(None),
            Some(found) if found.mode == Mode::Tree => {}
            Some(_) if is_removed(folder) => return Ok(None),
            Some(_) => return Ok(Some(folder.to_owned())),
        }
    }
    Ok(None)
}

/// An agent that is registered proposes from its own account, and nobody else in its name: neither by
/// opening the pull request nor by a commit on its branch. People may help, and then do not decide.
pub fn find_impersonation(
    author: &AccountRecord,
    contributions: &[Contribution],
    document: &Recommendation,
    rules: &Rules,
) -> Option<Objection> {
    let name = &document.agent;
    let agent = rules.agents.get(name)?;
    let say = |refusal, what: String| {
        let message = format!(
            "{what}: propose as the agent itself, or register the account in `rules/agents.yaml`"
        );
        let path = Recommendation::path_of(document.id);
        Some(Objection::of_key(refusal, path, "agent", message))
    };
    if !agent.owns(author) {
        let who = quoted(&shown(author));
        return say(
            Refusal::Impersonation,
            format!("{who} is not an identity of `{name}`"),
        );
    }
    let (other, noun, commit) = contributions.iter().find_map(|contribution| {
        let noun = match contribution.part {
            Part::Author | Part::Committer | Part::Pusher => contribution.part.find_noun()?,
            Part::Opener | Part::CoAuthor => return None,
        };
        match principal_of(&contribution.account, rules) {
            Principal::Agent(other) if other != name => Some((other, noun, contribution.commit)),
            _ => None,
        }
    })?;
    say(
        Refusal::AnotherAgent,
        format!(
            "`{other}` is the {noun} of commit {} and not `{name}`",
            commit.short()
        ),
    )
}
