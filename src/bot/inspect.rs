//! What a pull request proposes, told by its diff; and everything that makes it invalid whatever the rules say.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::documents::Recommendation;
use crate::domain::hidden::is_bidirectional;
use crate::domain::ids::{CaseId, Sha, quoted};
use crate::domain::problem::{Problem, Problems};
use crate::domain::pull::{Contribution, Pull};
use crate::domain::yaml;
use crate::git::{Change, Commit, Mode, Objects, Repository};
use crate::ledger::{BOT_EMAIL, Draft, LedgerError, facts, find_forged, is_record};

use super::BotError;
use super::error::{Evaluated, InvalidPull, of_branch};

/// The most commits and the most files of one pull request.
const MOST_COMMITS: usize = 250;
const MOST_FILES: usize = 1_000;
/// The largest file of a governance change, in bytes.
const LARGEST_FILE: usize = 1024 * 1024;

/// What a valid pull request proposes.
#[derive(Debug)]
pub enum Proposal {
    /// An action.
    Recommendation {
        /// The document.
        document: Box<Recommendation>,
        /// Its path.
        path: String,
        /// Its blob.
        blob: Sha,
    },
    /// A change of anything that is not a record.
    Governance {
        /// The changes against where the branch began.
        changes: Vec<Change>,
    },
}

/// A pull request that was looked into.
#[derive(Debug)]
pub struct Inspected {
    /// What it proposes.
    pub proposal: Proposal,
    /// Everyone who had a hand in it.
    pub contributions: Vec<Contribution>,
}

/// Looks into a pull request.
///
/// # Errors
/// Everything that makes it invalid, or that the repository fails.
pub fn inspect(
    repo: &Repository,
    draft: &mut Draft<'_>,
    pull: &Pull,
    now: DateTime<Utc>,
) -> Evaluated<Inspected> {
    let Some(base) = draft.base() else {
        return Err(LedgerError::NoMain.into());
    };
    let commits = match repo.commits_between(base, pull.head, MOST_COMMITS) {
        Err(error) if error.is_content() => {
            return invalid(format!(
                "{error}; a proposal has at most {MOST_COMMITS} commits"
            ));
        }
        commits => commits?,
    };
    let Some(fork) = of_branch(repo.merge_base(base, pull.head))? else {
        return invalid("the branch has no history in common with `main`: start it from `main`");
    };
    if let Some(problem) = commits.iter().find_map(|c| forged(c).or_else(|| hidden(c))) {
        return Err(InvalidPull::new(problem).into());
    }
    let before = repo.read_commit(fork)?.tree;
    let after = of_branch(repo.read_commit(pull.head))?.tree;
    let changes = match repo.diff_trees(Some(before), Some(after), MOST_FILES) {
        Err(error) if error.is_content() => {
            return invalid(format!(
                "{error}; a proposal changes at most {MOST_FILES} files"
            ));
        }
        changes => changes?,
    };
    let contributions = facts::contributions(pull, &commits);
    let proposal = judge(draft, changes, now)?;
    Ok(Inspected {
        proposal,
        contributions,
    })
}

fn invalid<T>(message: impl Into<String>) -> Evaluated<T> {
    Err(InvalidPull::because(message).into())
}

fn invalid_file<T>(path: impl Into<String>, message: impl Into<String>) -> Evaluated<T> {
    Err(InvalidPull::new(Problem::of_file(path, message)).into())
}

/// A message that would read like the bot's own in `git log`.
fn forged(commit: &Commit) -> Option<Problem> {
    let key = find_forged(&commit.message)?;
    let message = format!(
        "the message of commit {} carries the trailer `{key}`, which only the bot writes: reword it (`git commit --amend`)",
        commit.id.short()
    );
    Some(Problem::of_file("pull request", message))
}

/// A commit that would not read in `git log` as what it is: with characters that hide, or in the bot's name.
fn hidden(commit: &Commit) -> Option<Problem> {
    let short = commit.id.short();
    let say = |message: String| Some(Problem::of_file("pull request", message));
    let people = [&commit.author, &commit.committer];
    if people
        .iter()
        .any(|who| who.email.eq_ignore_ascii_case(BOT_EMAIL))
    {
        return say(format!(
            "commit {short} is in the name of the bot: commit in your own (`git commit --amend --reset-author`)"
        ));
    }
    if let Some(encoding) = &commit.encoding {
        return say(format!(
            "commit {short} is in the encoding {}, in which it can read differently: set `i18n.commitEncoding` to UTF-8 and reword it (`git commit --amend`)",
            quoted(encoding)
        ));
    }
    if !commit.valid_utf8 {
        return say(format!(
            "the message of commit {short} or a name in it is not UTF-8: reword it (`git commit --amend`)"
        ));
    }
    let message = commit.message.replace("\r\n", "\n");
    let is_bad = |c: &char| is_bidirectional(*c) || (c.is_control() && !matches!(c, '\n' | '\t'));
    let names = people.iter().flat_map(|who| [&who.name, &who.email]);
    let bad = names
        .chain([&message])
        .find_map(|text| text.chars().find(is_bad))?;
    say(format!(
        "commit {short} has a control or direction character (U+{:04X}) in its message or in a name: reword it (`git commit --amend`)",
        u32::from(bad)
    ))
}

fn judge(draft: &mut Draft<'_>, changes: Vec<Change>, now: DateTime<Utc>) -> Evaluated<Proposal> {
    if changes.is_empty() {
        return invalid(
            "it changes nothing against `main`: push a recommendation or a governance change",
        );
    }
    let mut problems = Vec::new();
    for change in &changes {
        problems.extend(path_problem(change));
    }
    problems.extend(twins(&changes));
    if problems.is_empty() {
        // A record's path follows from its id, letter by letter; everything else may have a twin.
        for change in changes
            .iter()
            .filter(|change| change.old.is_none() && !is_record(&text_of(change)))
        {
            problems.extend(look_alike(draft, &text_of(change))?);
        }
    }
    if !problems.is_empty() {
        return Err(InvalidPull::new(Problems(problems)).into());
    }
    if changes.iter().all(|change| !is_record(&text_of(change))) {
        return governance(draft, changes);
    }
    let mixed = changes.iter().find(|change| !is_record(&text_of(change)));
    if let Some(change) = mixed {
        let message = "a recommendation and a governance change in one pull request: propose them one by one, so that neither hides the other";
        return invalid_file(text_of(change), message);
    }
    match changes.as_slice() {
        [change] => recommendation(draft, change, now),
        [.., second] => {
            let message = format!(
                "{} records are touched: a recommendation adds exactly one file, its own `recommendation.yaml`",
                changes.len()
            );
            invalid_file(text_of(second), message)
        }
        [] => invalid("it changes nothing"),
    }
}

fn text_of(change: &Change) -> String {
    String::from_utf8_lossy(&change.path).into_owned()
}

/// What is wrong with a path or with the kind of what is there.
fn path_problem(change: &Change) -> Option<Problem> {
    let path = text_of(change);
    let shown: String = path
        .chars()
        .take(200)
        .flat_map(char::escape_default)
        .collect();
    let say = |message: String| Some(Problem::of_file(shown.clone(), message));
    if !path.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return say("the path is not plain ASCII: look-alikes and other Unicode forms are refused; rename the file".to_owned());
    }
    let lowered = path.to_ascii_lowercase();
    let parts: Vec<&str> = lowered.split('/').collect();
    let tricky = |part: &str| {
        part.trim() != part
            || part.ends_with('.')
            || part.contains(['\\', ':', '~'])
            || matches!(part, ".git" | ".gitattributes" | ".gitmodules")
    };
    if parts.into_iter().any(tricky) {
        return say("a name on this path means something else to git or to a file system: rename it or leave it out".to_owned());
    }
    match change.new.as_ref().map(|entry| entry.mode) {
        None | Some(Mode::File) => None,
        Some(Mode::Symlink) => say("is a symbolic link: add a regular file instead".to_owned()),
        Some(Mode::Submodule) => say("is a submodule: add regular files instead".to_owned()),
        Some(Mode::Executable) => {
            say("is executable: make it a regular file (`chmod -x`, mode 100644)".to_owned())
        }
        Some(Mode::Tree | Mode::Other(_)) => say("is not a regular file (mode 100644)".to_owned()),
    }
}

/// New paths that differ from each other by case only.
fn twins(changes: &[Change]) -> Vec<Problem> {
    let mut spellings: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for path in changes.iter().filter(|c| c.new.is_some()).map(text_of) {
        let ends = path.match_indices('/').map(|(at, _)| at);
        for part in ends.chain([path.len()]).filter_map(|at| path.get(..at)) {
            let spelling = spellings
                .entry(part.to_ascii_lowercase())
                .or_insert_with(|| part.to_owned());
            if spelling != part {
                let message = format!(
                    "differs from {} by case only: use the same spelling",
                    quoted(spelling)
                );
                found.push(Problem::of_file(path.clone(), message));
                break;
            }
        }
    }
    found
}

/// A new path that differs from an old one by case only.
fn look_alike(draft: &mut Draft<'_>, path: &str) -> Result<Option<Problem>, BotError> {
    let root = draft.root()?;
    let mut folder = String::new();
    for part in path.split('/') {
        let siblings = draft.objects().list_dir(root, &folder)?;
        if siblings.iter().any(|entry| entry.name == part.as_bytes()) {
            folder = if folder.is_empty() {
                part.to_owned()
            } else {
                format!("{folder}/{part}")
            };
            continue;
        }
        let twin = siblings
            .iter()
            .find(|entry| entry.name.eq_ignore_ascii_case(part.as_bytes()));
        return Ok(twin.map(|twin| {
            let twin = String::from_utf8_lossy(&twin.name).into_owned();
            Problem::of_file(
                path,
                format!(
                    "differs from {} by case only: use the same spelling",
                    quoted(&twin)
                ),
            )
        }));
    }
    Ok(None)
}

fn recommendation(
    draft: &mut Draft<'_>,
    change: &Change,
    now: DateTime<Utc>,
) -> Evaluated<Proposal> {
    let path = text_of(change);
    let fail = |message: &str| invalid_file(path.clone(), message);
    let (None, Some(new)) = (&change.old, &change.new) else {
        return fail(
            "a record is never edited or removed: a correction is a new record (`countersign feedback`, or a new recommendation)",
        );
    };
    if !path.ends_with("/recommendation.yaml") {
        return fail(
            "only the bot writes here: an agent adds `recommendation.yaml` and nothing else",
        );
    }
    let objects = draft.objects();
    let bytes = of_branch(objects.read_blob_up_to(new.id, yaml::MAX_BYTES))?;
    let Some(bytes) = bytes else {
        return fail("the file is too large: at most 64 KiB");
    };
    let document = Recommendation::read_proposed(&path, &bytes).map_err(InvalidPull::new)?;
    let at = document.id.time();
    if at > now + CaseId::FUTURE_TOLERANCE {
        return fail(
            "the id is from the future: its time is more than ten minutes ahead; take a fresh one with `countersign new`",
        );
    }
    let expected = Recommendation::path_of(document.id);
    if path != expected {
        let mut problem = Problem::of_key(
            path,
            "id",
            format!("this id belongs at `{expected}`: move the file or take a fresh id"),
        );
        yaml::place(&bytes, [&mut problem]);
        return Err(InvalidPull::new(problem).into());
    }
    Ok(Proposal::Recommendation {
        document: Box::new(document),
        path,
        blob: new.id,
    })
}

fn governance(draft: &mut Draft<'_>, changes: Vec<Change>) -> Evaluated<Proposal> {
    for change in &changes {
        let path = text_of(change);
        if let Some(new) = &change.new
            && of_branch(draft.objects().blob_size(new.id))? > LARGEST_FILE
        {
            return invalid_file(path, "the file is too large: at most 1 MiB");
        }
        let there = draft.find(&path)?.map(|entry| (entry.mode, entry.id));
        let was = change.old.as_ref().map(|entry| (entry.mode, entry.id));
        let becomes = change.new.as_ref().map(|entry| (entry.mode, entry.id));
        if matches!(there, Some((Mode::Tree, _))) {
            let message =
                "is a folder on `main`: a file does not take its place; choose another name";
            return invalid_file(path, message);
        }
        if change.new.is_some()
            && let Some(file) = find_file_above(draft, &changes, &path)?
        {
            let message = format!(
                "`{file}` is a file on `main`, so nothing can lie below it: choose another name"
            );
            return invalid_file(path, message);
        }
        if there != was && there != becomes {
            let message =
                "was changed on `main` in the meantime: bring the branch up to date (`git rebase`)";
            return invalid_file(path, message);
        }
    }
    Ok(Proposal::Governance { changes })
}

/// What stands on `main` where this path needs a folder, and is not removed by the same change.
fn find_file_above(
    draft: &mut Draft<'_>,
    changes: &[Change],
    path: &str,
) -> Result<Option<String>, BotError> {
    let is_removed = |name: &str| {
        let mut removed = changes.iter().filter(|change| change.new.is_none());
        removed.any(|change| change.path == name.as_bytes())
    };
    for (end, _) in path.match_indices('/') {
        let Some(folder) = path.get(..end) else {
            continue;
        };
        match draft.find(folder)? {
            None => return Ok(None),
            Some(found) if found.mode == Mode::Tree => {}
            Some(_) if is_removed(folder) => return Ok(None),
            Some(_) => return Ok(Some(folder.to_owned())),
        }
    }
    Ok(None)
}

/// Reads the files of a tree below a folder, for validation.
///
/// # Errors
/// When the repository fails.
pub fn yaml_files(
    objects: Objects<'_>,
    root: Sha,
    folder: &str,
) -> Result<Vec<(String, Vec<u8>)>, BotError> {
    let mut files = Vec::new();
    for entry in objects.list_dir(root, folder)? {
        if let (Mode::File, Ok(name)) = (entry.mode, std::str::from_utf8(&entry.name))
            && name.ends_with(".yaml")
        {
            files.push((
                format!("{folder}/{name}"),
                objects.read_blob(entry.id)?.to_vec(),
            ));
        }
    }
    Ok(files)
}
