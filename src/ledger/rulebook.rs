//! The rules of each moment, parsed once per version of the `rules/` tree.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::documents::AccountRecord;
use crate::domain::ids::Sha;
use crate::domain::problem::{Problem, Problems};
use crate::git::{Found, GitError, Mode, Objects};
use crate::rules::governance::{self, Signing};
use crate::rules::{RuleFiles, Rules};

/// A version of the rules, or what is wrong with it.
#[derive(Debug, Clone)]
pub struct Version {
    /// The tree id of `rules/`.
    pub tree: Sha,
    /// The rules.
    pub rules: Arc<Rules>,
}

/// Versions of the rules by tree id. A new clone fills it again; it holds nothing that git does not.
#[derive(Debug, Default)]
pub struct Rulebook {
    versions: HashMap<Sha, Result<Version, Problems>>,
    teams: Teams,
}

/// Who is in which team at this moment, where the rules leave that to the forge; or why that is not known.
pub type Teams = BTreeMap<String, Result<Vec<AccountRecord>, String>>;

/// How many versions are kept before the oldest knowledge is thrown away.
const MOST_VERSIONS: usize = 64;

impl Rulebook {
    /// From now on these are the members of the teams that rules name.
    pub fn know_teams(&mut self, teams: Teams) {
        if teams != self.teams {
            self.teams = teams;
            self.versions.clear();
        }
    }

    /// Who is in which team, as it was last told.
    pub const fn teams(&self) -> &Teams {
        &self.teams
    }

    /// The rules in a tree of `main`.
    ///
    /// # Errors
    /// The outer error when the repository fails, the inner one when the rules cannot be read.
    pub fn read(
        &mut self,
        objects: Objects<'_>,
        root: Sha,
    ) -> Result<Result<Version, Problems>, GitError> {
        let found = objects.entry_at(root, Rules::FOLDER)?;
        self.read_found(objects, found)
    }

    /// The rules in this folder, for callers that have found it already.
    ///
    /// # Errors
    /// As [`Rulebook::read`].
    pub fn read_found(
        &mut self,
        objects: Objects<'_>,
        found: Option<Found>,
    ) -> Result<Result<Version, Problems>, GitError> {
        let Some(tree) = found
            .filter(|found| found.mode == Mode::Tree)
            .map(|found| found.id)
        else {
            let message = "there are no rules on `main`: nothing can be decided; restore the folder or start anew with `countersign init`";
            return Ok(Err(Problem::of_file(Rules::FOLDER, message).into()));
        };
        if let Some(known) = self.versions.get(&tree) {
            return Ok(known.clone());
        }
        let files = rule_files(objects, tree)?;
        let read = Rules::read(&files).map(|mut rules| {
            for (team, members) in &self.teams {
                match members {
                    Ok(members) => rules.people.admit(team, members),
                    Err(reason) => rules.people.miss(team, reason),
                }
            }
            Version {
                tree,
                rules: Arc::new(rules),
            }
        });
        if self.versions.len() >= MOST_VERSIONS {
            self.versions.clear();
        }
        self.versions.insert(tree, read.clone());
        Ok(read)
    }
}

/// Whose signature the rules in a tree of `main` ask for, even where other files of them cannot be read.
///
/// # Errors
/// When the repository fails.
pub fn read_signing(objects: Objects<'_>, root: Sha) -> Result<Option<Signing>, GitError> {
    let Some(found) = objects.entry_at(root, Rules::FOLDER)? else {
        return Ok(None);
    };
    let files = rule_files(objects, found.id)?;
    Ok(governance::read(&files)
        .ok()
        .and_then(|governance| governance.signing))
}

/// The files below a `rules/` tree, policy tests included.
///
/// # Errors
/// When the repository fails.
pub fn rule_files(objects: Objects<'_>, tree: Sha) -> Result<RuleFiles, GitError> {
    let mut files = RuleFiles::new();
    for (folder, path) in [("", "rules"), ("tests", "rules/tests")] {
        for entry in objects.list_dir(tree, folder)? {
            if let (Mode::File, Ok(name)) = (entry.mode, std::str::from_utf8(&entry.name)) {
                files.insert(
                    format!("{path}/{name}"),
                    objects.read_blob(entry.id)?.to_vec(),
                );
            }
        }
    }
    Ok(files)
}
