//! `countersign test`: runs the policy tests that stand beside the rules.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::options::{Options, rules_on_main};
use super::{CommandOutcome, Result, failure, output};
use crate::domain::problem::{Problem, Problems};
use crate::gate::policy;
use crate::ledger::rule_files;
use crate::rules::{RuleFiles, Rules};

/// Run the policy tests of a folder, or of the repository's `main`
///
/// Exit status 3 if the rules cannot be read or a test fails.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// A folder that holds `rules/`, or `rules` itself
    dir: Option<PathBuf>,
}

/// What came out.
#[derive(Debug, Default, Serialize)]
pub struct Tested {
    /// Whether everything is as the tests say.
    pub ok: bool,
    /// How many tests ran.
    pub tests: usize,
    /// Those that failed.
    pub failed: Vec<Failed>,
    /// What keeps the rules or the tests from being read.
    pub errors: Vec<Problem>,
    /// What will not work as it seems to.
    pub warnings: Vec<Problem>,
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
        let files = match &self.dir {
            Some(dir) => from_folder(dir)?,
            None => {
                let repo = options.open()?;
                rule_files(repo.objects(), rules_on_main(&repo)?.tree)?
            }
        };
        let tested = Tested::of(&files);
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
        for placed in &tests {
            if let Err(differences) = policy::run(&placed.test, &rules) {
                let place = placed.problem(files, "");
                failed.push(Failed {
                    file: place.file,
                    line: place.line,
                    name: placed.test.name.clone(),
                    differences,
                });
            }
        }
        Self {
            ok: failed.is_empty(),
            tests: tests.len(),
            failed,
            errors: Vec::new(),
            warnings: rules.find_people_without_id(),
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
        for Failed {
            file,
            line,
            name,
            differences,
        } in &self.failed
        {
            let line = line.map_or_else(String::new, |line| format!(":{line}"));
            text.push_str(&format!(
                "FAILED {file}{line}: {}\n",
                output::one_line(name)
            ));
            for line in differences {
                text.push_str(&format!("    {line}\n"));
            }
        }
        let summary = match (self.tests, self.failed.len()) {
            _ if !self.errors.is_empty() => {
                "the rules cannot be read, so no test was run".to_owned()
            }
            (0, _) => "there are no policy tests: add some in `rules/tests/*.yaml`".to_owned(),
            (all, 0) => format!("{all} policy tests pass"),
            (all, failed) => format!("{failed} of {all} policy tests failed"),
        };
        text.push_str(&summary);
        text
    }
}

/// The rule files below a folder, by the paths they have in a repository.
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
