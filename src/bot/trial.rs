//! A governance change on trial: are the new rules readable, do their policy tests pass, and which
//! past decisions would have come out differently?

use crate::domain::documents::Target;
use crate::domain::ids::{CaseId, Sha};
use crate::domain::level::Level;
use crate::domain::problem::{Problem, Problems};
use crate::domain::yaml;
use crate::gate::policy;
use crate::git::{Change, Repository};
use crate::ledger::facts::{self, contributions};
use crate::ledger::{CaseFile, Draft, Entry, Event, Rulebook, Version, rule_files};
use crate::risk;
use crate::rules::Rules;

use super::BotError;

/// How many of the newest decisions are decided again under the new rules.
const REPLAYED: usize = 200;
/// How far back in the trail they are looked for.
const LOOKBACK: usize = 2_000;

/// What would follow from a governance change.
#[derive(Debug, Default)]
pub struct Trial {
    problems: Vec<Problem>,
    /// How many policy tests ran.
    pub tests: usize,
    /// What each failing policy test says.
    pub failures: Vec<String>,
    /// How many past decisions were decided again.
    pub replayed: usize,
    /// Those that would have had another level.
    pub changed: Vec<Changed>,
}

/// A past decision that would have come out differently.
#[derive(Debug)]
pub struct Changed {
    /// The case.
    pub id: CaseId,
    /// What it was about.
    pub action: String,
    /// Its level then.
    pub then: Level,
    /// Its level under the new rules.
    pub now: Level,
}

impl Trial {
    /// Tries a change on top of a draft.
    ///
    /// # Errors
    /// When the repository fails.
    pub fn of(
        repo: &Repository,
        draft: &mut Draft<'_>,
        rulebook: &mut Rulebook,
        changes: &[Change],
    ) -> Result<Self, BotError> {
        let mut trial = Self::default();
        let before = draft.root()?;
        let root = draft.preview(changes)?;
        let objects = draft.objects();
        for (path, bytes) in super::inspect::yaml_files(objects, root, "targets")? {
            if let Err(Problems(problems)) = yaml::read::<Target>(&path, &bytes) {
                trial.problems.extend(problems);
            }
        }
        let version = match rulebook.read(objects, root)? {
            Ok(version) => version,
            Err(Problems(problems)) => {
                trial.problems.extend(problems);
                return Ok(trial);
            }
        };
        match Rules::read_tests(&rule_files(objects, version.tree)?) {
            Err(Problems(problems)) => trial.problems.extend(problems),
            Ok(tests) => {
                trial.tests = tests.len();
                for (path, test) in tests {
                    if let Err(failures) = policy::run(&test, &version.rules) {
                        // The lines after the differences explain the whole assessment; `countersign test` shows them.
                        let differences: Vec<&str> = failures
                            .iter()
                            .map(String::as_str)
                            .take_while(|line| !line.contains(" RISK (score "))
                            .collect();
                        trial.failures.push(format!(
                            "{path}: {}: {}",
                            test.name,
                            differences.join("; ")
                        ));
                    }
                }
            }
        }
        let changes_rules = objects
            .entry_at(before, Rules::FOLDER)?
            .map(|entry| entry.id)
            != Some(version.tree);
        if changes_rules && trial.find_problems().is_none() {
            trial.replay(repo, draft.base(), &version)?;
        }
        Ok(trial)
    }

    /// What keeps the change from being merged, whoever approves it.
    pub fn find_problems(&self) -> Option<Problems> {
        let failures = self.failures.iter().map(|failure| {
            Problem::of_file("rules/tests", format!("a policy test fails: {failure}"))
        });
        let all: Vec<Problem> = self.problems.iter().cloned().chain(failures).collect();
        (!all.is_empty()).then_some(Problems(all))
    }

    /// Decides the newest decisions again, on the facts of their moment, under the new rules.
    fn replay(
        &mut self,
        repo: &Repository,
        tip: Option<Sha>,
        version: &Version,
    ) -> Result<(), BotError> {
        let Some(tip) = tip else { return Ok(()) };
        let root = repo.read_commit(tip)?.tree;
        for commit in repo.first_parents(tip).take(LOOKBACK) {
            let commit = commit?;
            let entry = Entry::of(&commit);
            let (Some(Event::Decision), Some(id), Some(parent)) =
                (entry.event, entry.case, commit.parents.first())
            else {
                continue;
            };
            let case = CaseFile::read(repo.objects(), root, id)?;
            let before = repo.read_commit(*parent)?.tree;
            let Ok(targets) = facts::targets(repo.objects(), before, &case.recommendation)? else {
                continue;
            };
            let commits = match commit.parents.get(1) {
                Some(head) => vec![repo.read_commit(*head)?],
                None => Vec::new(),
            };
            let contributions = contributions(
                &case.decision.pull.author,
                case.decision.pull.head,
                &commits,
            );
            let situation = facts::situation(
                &case.recommendation,
                &targets,
                &contributions,
                &version.rules,
            );
            let now = risk::assess(&case.recommendation, &situation, &version.rules).level;
            let then = case.decision.risk.level;
            self.replayed += 1;
            if now != then {
                self.changed.push(Changed {
                    id,
                    action: case.recommendation.action.to_string(),
                    then,
                    now,
                });
            }
            if self.replayed == REPLAYED {
                break;
            }
        }
        Ok(())
    }
}
