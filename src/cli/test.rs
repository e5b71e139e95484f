//! `countersign test`: runs the policy tests that stand beside the rules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::options::{Options, rules_on_main};
use super::{CommandOutcome, Result, failure, output};
use crate::domain::ids::TriggerId;
use crate::domain::problem::{Problem, Problems};
use crate::domain::yaml;
use crate::gate::policy;
use crate::ledger::rule_files;
use crate::rules::{RuleFiles, Rules};

/// Run the policy tests of a folder, or of the repository's `main`
///
/// Warns of each rule that fires in no test. Exit status 3 if the rules cannot be read or a test fails.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// A folder that holds `rules/`, or `rules` itself
    dir: Option<PathBuf>,
    /// Fail on warnings, too
    #[arg(long)]
    strict: bool,
}

/// What came out.
#[derive(Debug, Default, Serialize)]
pub struct Tested {
    /// Whether everything is as the tests say, and with `--strict` nothing is warned of.
    pub ok: bool,
    /// How many tests ran.
    pub tests: usize,
    /// Those that failed.
    pub failed: Vec<Failed>,
    /// What keeps the rules or the tests from being read.
    pub errors: Vec<Problem>,
    /// What will not work as it seems to.
    pub warnings: Vec<Problem>,
    /// The rules that fire in no test.
    pub untested: Vec<UntestedRule>,
}

/// A rule that fires in no test.
#[derive(Debug, Serialize)]
pub struct UntestedRule {
    /// Its name.
    pub id: TriggerId,
    /// Where it stands.
    pub file: String,
    /// In which line of that file.
    pub line: Option<u64>,
}

/// A test that failed.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// Where it stands.
    pub file: String,
    /// In which line of that file.
    pub line: Option<u64>,
    /// What it shows.
    pub name: String,
    /// What was expected and what came out, then the explanation.
    pub differences: Vec<String>,
}

impl Test {
    /// Runs them.
    pub fn run(&self, options: &Options) -> Result {
        let mut tested = Tested::of(&rules_of(self.dir.as_deref(), options)?);
        let has_warnings = !tested.warnings.is_empty() || !tested.untested.is_empty();
        tested.ok &= !(self.strict && has_warnings);
        if options.is_json() {
            output::json(&tested)?;
        } else {
            output::text(&tested.said())?;
        }
        Ok(if tested.ok {
            CommandOutcome::Done
        } else {
            CommandOutcome::No
        })
    }
}

impl Tested {
    /// Runs the tests among these files.
    pub fn of(files: &RuleFiles) -> Self {
        let (rules, tests) = match (Rules::read(files), Rules::read_tests(files)) {
            (Ok(rules), Ok(tests)) => match rules.find_costly_test(&tests, files) {
                None => (rules, tests),
                Some(problem) => {
                    return Self {
                        errors: vec![problem],
                        ..Self::default()
                    };
                }
            },
            (rules, tests) => {
                let problems = [rules.err(), tests.err()]
                    .into_iter()
                    .flatten()
                    .flat_map(|Problems(problems)| problems);
                return Self {
                    errors: problems.collect(),
                    ..Self::default()
                };
            }
        };
        let mut failed = Vec::new();
        let mut fired = BTreeSet::new();
        for placed in &tests {
            let run = policy::run(&placed.test, &rules);
            fired.extend(run.fired);
            if !run.failures.is_empty() {
                let place = placed.problem(files, "");
                failed.push(Failed {
                    file: place.file,
                    line: place.line,
                    name: placed.test.name.clone(),
                    differences: run.failures,
                });
            }
        }
        let of_recommendations = rules.policy.iter().map(|rule| (&rule.id, rule.place()));
        let of_changes = rules.path_rules.iter().map(|rule| (&rule.id, rule.place()));
        let all = of_recommendations.chain(of_changes);
        let untested = all.filter(|(id, _)| !fired.contains(*id));
        let untested = untested.map(|(id, place)| UntestedRule::of(id, place, files));
        Self {
            ok: failed.is_empty(),
            tests: tests.len(),
            failed,
            errors: Vec::new(),
            warnings: rules.find_people_without_id(),
            untested: untested.collect(),
        }
    }

    /// The result in words.
    pub fn said(&self) -> String {
        let mut text = String::new();
        for problem in &self.errors {
            text.push_str(&format!("{problem}\n"));
        }
        for problem in &self.warnings {
            text.push_str(&format!("warning: {problem}\n"));
        }
        if !self.untested.is_empty() {
            let rules = match self.untested.len() {
                1 => "1 rule fires".to_owned(),
                count => format!("{count} rules fire"),
            };
            text.push_str(&format!("warning: {rules} in no policy test:\n"));
        }
        for UntestedRule { id, file, line } in &self.untested {
            text.push_str(&format!("    {}: {id}\n", placed(file, *line)));
        }
        for Failed {
            file,
            line,
            name,
            differences,
        } in &self.failed
        {
            let (place, name) = (placed(file, *line), output::one_line(name));
            text.push_str(&format!("FAILED {place}: {name}\n"));
            for line in differences {
                text.push_str(&format!("    {line}\n"));
            }
        }
        let summary = match (self.tests, self.failed.len()) {
            _ if !self.errors.is_empty() => {
                "the rules cannot be read, so no test was run".to_owned()
            }
            (0, _) => "there are no policy tests: add some in `rules/tests/*.yaml`".to_owned(),
            (all, 0) if self.ok => format!("{all} policy tests pass"),
            (all, 0) => format!("{all} policy tests pass, and `--strict` fails on the warnings"),
            (all, failed) => format!("{failed} of {all} policy tests failed"),
        };
        text.push_str(&summary);
        text
    }
}

impl UntestedRule {
    fn of(id: &TriggerId, mut place: Problem, files: &RuleFiles) -> Self {
        if let Some(bytes) = files.get(&place.file) {
            yaml::place(bytes, [&mut place]);
        }
        Self {
            id: id.clone(),
            file: place.file,
            line: place.line,
        }
    }
}

/// `rules/policy.yaml:12`.
fn placed(file: &str, line: Option<u64>) -> String {
    line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
}

/// The rule files of a folder, or those on `main`.
pub fn rules_of(dir: Option<&Path>, options: &Options) -> Result<RuleFiles> {
    let Some(dir) = dir else {
        let repo = options.open()?;
        return Ok(rule_files(repo.objects(), rules_on_main(&repo)?.tree)?);
    };
    from_folder(dir)
}

/// The rule files of a folder that holds `rules/`, or is it.
pub fn from_folder(dir: &Path) -> Result<RuleFiles> {
    let rules = if dir.join(Rules::FOLDER).is_dir() {
        dir.join(Rules::FOLDER)
    } else {
        dir.to_owned()
    };
    if !rules.join("governance.yaml").is_file() {
        return Err(failure::hinted(
            format!("there are no rules in `{}`", dir.display()),
            "name the folder `rules` that holds `governance.yaml`, or the folder above it",
        ));
    }
    let mut files = RuleFiles::new();
    for (folder, path) in [
        (rules.clone(), "rules"),
        (rules.join("tests"), "rules/tests"),
    ] {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if let (true, Ok(name)) = (entry.path().is_file(), entry.file_name().into_string()) {
                files.insert(format!("{path}/{name}"), std::fs::read(entry.path())?);
            }
        }
    }
    Ok(files)
}
