//! The rules of each moment, parsed once per version of the `rules/` tree.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::documents::AccountRecord;
use crate::domain::ids::{Sha, quoted};
use crate::domain::problem::{Problem, Problems, Reading};
use crate::domain::yaml;
use crate::gate::policy;
use crate::git::{Found, GitError, Mode, Objects};
use crate::rules::governance::{self, Signing};
use crate::rules::{RuleFiles, Rules, cost};

/// A version of the rules, or what is wrong with it.
#[derive(Debug, Clone)]
pub struct Version {
    /// The tree id of `rules/`.
    pub tree: Sha,
    pub rules: Arc<Rules>,
}

/// Versions of the rules by tree id, with what came of their policy tests. A new clone fills it again; it holds nothing
/// that git does not.
#[derive(Debug)]
pub struct RulesCache {
    versions: HashMap<Sha, Reading<Version>>,
    tested: HashMap<Sha, Arc<Tested>>,
    test_limit: Duration,
    teams: Teams,
}

impl Default for RulesCache {
    fn default() -> Self {
        Self {
            versions: HashMap::new(),
            tested: HashMap::new(),
            test_limit: TEST_LIMIT,
            teams: Teams::new(),
        }
    }
}

/// What came of the policy tests of a version.
#[derive(Debug, Default)]
pub struct Tested {
    /// How many there are.
    pub tests: usize,
    /// What keeps them from being run.
    pub problems: Vec<Problem>,
    /// What each that fails says.
    pub failures: Vec<Problem>,
}

/// The policy tests of one version take no longer: what they may cost is bounded, and a machine may be slow.
const TEST_LIMIT: Duration = Duration::from_secs(10);

/// Who is in which team at this moment, where the rules leave that to the forge.
pub type Teams = BTreeMap<String, TeamMembers>;

/// Who is in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamMembers {
    Known(Vec<AccountRecord>),
    /// The forge could not be asked, for this reason.
    Unknown(String),
}

/// How many versions are kept before the oldest knowledge is thrown away.
const MOST_VERSIONS: usize = 64;

impl RulesCache {
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

    /// The same, with another limit for the policy tests of one version.
    #[must_use]
    pub fn with_test_limit(self, test_limit: Duration) -> Self {
        Self { test_limit, ..self }
    }

    /// How long the policy tests of one version may take.
    pub const fn test_limit(&self) -> Duration {
        self.test_limit
    }

    /// What comes of the policy tests of a version; none if that takes longer than the limit, of which nothing is kept.
    pub fn test(
        &mut self,
        objects: Objects<'_>,
        version: &Version,
    ) -> Result<Option<Arc<Tested>>, GitError> {
        if let Some(known) = self.tested.get(&version.tree) {
            return Ok(Some(Arc::clone(known)));
        }
        let files = rule_files(objects, version.tree)?;
        let Some(tested) = test(&files, &version.rules, self.test_limit) else {
            return Ok(None);
        };
        let tested = Arc::new(tested);
        if self.tested.len() >= MOST_VERSIONS {
            self.tested.clear();
        }
        self.tested.insert(version.tree, Arc::clone(&tested));
        Ok(Some(tested))
    }

    /// The rules in a tree of `main`.
    pub fn read(&mut self, objects: Objects<'_>, root: Sha) -> Result<Reading<Version>, GitError> {
        let found = objects.entry_at(root, Rules::FOLDER)?;
        self.read_found(objects, found)
    }

    /// The rules in this folder, for callers that have found it already.
    ///
    /// # Errors
    /// As [`RulesCache::read`].
    pub fn read_found(
        &mut self,
        objects: Objects<'_>,
        found: Option<Found>,
    ) -> Result<Reading<Version>, GitError> {
        let Some(tree) = found
            .filter(|found| found.mode == Mode::Tree)
            .map(|found| found.id)
        else {
            let message = "there are no rules on `main`: nothing can be decided; restore the folder or start anew with `countersign init`";
            let problem = Problem::of_file(Rules::FOLDER, message);
            return Ok(Reading::Invalid(problem.into()));
        };
        if let Some(known) = self.versions.get(&tree) {
            return Ok(known.clone());
        }
        let files = rule_files(objects, tree)?;
        let read = Reading::from(Rules::read(&files)).map(|mut rules| {
            for (team, members) in &self.teams {
                match members {
                    TeamMembers::Known(members) => rules.people.admit(team, members),
                    TeamMembers::Unknown(reason) => rules.people.miss(team, reason),
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

/// Runs the policy tests among these files; none if they take longer than the limit.
fn test(files: &RuleFiles, rules: &Rules, limit: Duration) -> Option<Tested> {
    let start = Instant::now();
    let tests = match Rules::read_tests(files) {
        Ok(tests) => tests,
        Err(Problems(problems)) => {
            return Some(Tested {
                problems,
                ..Tested::default()
            });
        }
    };
    let mut tested = Tested {
        tests: tests.len(),
        problems: rules.find_costly_test(&tests, files).into_iter().collect(),
        failures: Vec::new(),
    };
    if !tested.problems.is_empty() {
        return Some(tested);
    }
    for placed in tests {
        if start.elapsed() >= limit {
            return None;
        }
        if let Err(differences) = policy::check(&placed.test, rules) {
            let message = format!(
                "the policy test {} fails: {}",
                quoted(&placed.test.name),
                differences.join("; ")
            );
            let key = format!("tests[{}]", placed.index);
            let failure = Problem::of_key(&placed.file, key, message);
            tested.failures.push(failure);
        }
    }
    for (path, bytes) in files {
        let of_file = tested.failures.iter_mut();
        yaml::place(bytes, of_file.filter(|failure| failure.file == *path));
    }
    Some(tested)
}

/// Whose signature the rules in a tree of `main` ask for, even where other files of them cannot be read.
pub fn read_signing(objects: Objects<'_>, root: Sha) -> Result<Option<Signing>, GitError> {
    let Some(bytes) = objects.read_path(root, governance::PATH)? else {
        return Ok(None);
    };
    let files = RuleFiles::from([(governance::PATH.to_owned(), bytes.to_vec())]);
    Ok(governance::read(&files)
        .ok()
        .and_then(|governance| governance.signing))
}

/// The files below a `rules/` tree, policy tests included; of far too many or too large ones only so much that
/// [`Rules::read`] refuses them.
pub fn rule_files(objects: Objects<'_>, tree: Sha) -> Result<RuleFiles, GitError> {
    let mut files = RuleFiles::new();
    let mut bytes = 0;
    for (folder, path) in [("", "rules"), ("tests", "rules/tests")] {
        for entry in objects.list_dir(tree, folder)? {
            if let (Mode::File, Ok(name)) = (entry.mode, std::str::from_utf8(&entry.name)) {
                let content = objects.read_blob(entry.id)?.to_vec();
                bytes += content.len();
                files.insert(format!("{path}/{name}"), content);
                if files.len() > cost::MOST_FILES || bytes > cost::MOST_BYTES {
                    return Ok(files);
                }
            }
        }
    }
    Ok(files)
}
