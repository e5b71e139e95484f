//! Paths that look like others, or mean something else to git or a file system; and what may stand at a path.

use std::collections::BTreeMap;

use super::{Main, Objection, Refusal};
use crate::domain::ids::quoted;
use crate::git::{Change, GitError, Mode};
use crate::ledger::is_record;

/// Everything that is wrong with the paths of these changes, by themselves and beside those of `main`.
pub fn find_objections(main: &Main<'_>, changes: &[Change]) -> Result<Vec<Objection>, GitError> {
    let mut found: Vec<Objection> = changes.iter().filter_map(of_path).collect();
    found.extend(twins(changes));
    if found.is_empty() {
        // A record's path follows from its id, letter by letter; everything else may have a twin.
        for change in changes.iter().filter(|change| change.old.is_none()) {
            let path = change.path_text();
            if !is_record(&path) {
                found.extend(twin_on_main(main, &path)?);
            }
        }
    }
    Ok(found)
}

/// What is wrong with a path or with the kind of what is there.
fn of_path(change: &Change) -> Option<Objection> {
    let path = change.path_text();
    let shown: String = path
        .chars()
        .take(200)
        .flat_map(char::escape_default)
        .collect();
    let say = |refusal, message: &str| Some(Objection::of_file(refusal, shown.clone(), message));
    if !path.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return say(
            Refusal::ForeignPath,
            "the path is not plain ASCII: look-alikes and other Unicode forms are refused; rename the file",
        );
    }
    let lowered = path.to_ascii_lowercase();
    let tricky = |part: &str| {
        part.trim() != part
            || part.ends_with('.')
            || part.contains(['\\', ':', '~'])
            || matches!(part, ".git" | ".gitattributes" | ".gitmodules" | ".mailmap")
    };
    if lowered.split('/').any(tricky) {
        return say(
            Refusal::TrickyPath,
            "a name on this path means something else to git or to a file system: rename it or leave it out",
        );
    }
    let message = match change.new.as_ref().map(|entry| entry.mode) {
        None | Some(Mode::File) => return None,
        Some(Mode::Symlink) => "is a symbolic link: add a regular file instead",
        Some(Mode::Submodule) => "is a submodule: add regular files instead",
        Some(Mode::Executable) => "is executable: make it a regular file (`chmod -x`, mode 100644)",
        Some(Mode::Tree | Mode::Other(_)) => "is not a regular file (mode 100644)",
    };
    say(Refusal::NoRegularFile, message)
}

fn twin(path: String, other: &str) -> Objection {
    let message = format!(
        "differs from {} by case only: use the same spelling",
        quoted(other)
    );
    Objection::of_file(Refusal::CaseTwin, path, message)
}

/// New paths that differ from each other by case only.
fn twins(changes: &[Change]) -> Vec<Objection> {
    let mut spellings: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for path in changes
        .iter()
        .filter(|c| c.new.is_some())
        .map(Change::path_text)
    {
        let ends = path.match_indices('/').map(|(at, _)| at);
        for part in ends.chain([path.len()]).filter_map(|at| path.get(..at)) {
            let spelling = spellings
                .entry(part.to_ascii_lowercase())
                .or_insert_with(|| part.to_owned());
            if spelling != part {
                found.push(twin(path.clone(), spelling));
                break;
            }
        }
    }
    found
}

/// A new path that differs from an old one by case only.
fn twin_on_main(main: &Main<'_>, path: &str) -> Result<Option<Objection>, GitError> {
    let mut folder = String::new();
    for part in path.split('/') {
        let siblings = main.objects.list_dir(main.root, &folder)?;
        if siblings.iter().any(|entry| entry.name == part.as_bytes()) {
            folder = if folder.is_empty() {
                part.to_owned()
            } else {
                format!("{folder}/{part}")
            };
            continue;
        }
        let other = siblings
            .iter()
            .find(|entry| entry.name.eq_ignore_ascii_case(part.as_bytes()));
        return Ok(other.map(|other| twin(path.to_owned(), &String::from_utf8_lossy(&other.name))));
    }
    Ok(None)
}
