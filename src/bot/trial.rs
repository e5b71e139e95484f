//! A governance change on trial: are the new rules readable, do their policy tests pass, could the bot still
//! write, and which past decisions would have come out differently?

use std::time::{Duration, Instant};

use crate::domain::documents::Target;
use crate::domain::forge_kind::ForgeKind;
use crate::domain::problem::{Problem, Problems};
use crate::domain::yaml;
use crate::git::{Change, Repository, SigningKey};
use crate::ledger::backtest::{Backtest, Extent, backtest};
use crate::ledger::{Draft, Rulebook, Version, rule_files};
use crate::rules::{Rules, governance};

use super::BotError;
use super::error::{of_record, separate};

/// So many of the newest commits of the trail are replayed under the new rules; `countersign backtest`
/// replays all of them.
const REPLAYED: usize = 2_000;

/// What would follow from a governance change.
#[derive(Debug, Default)]
pub struct Trial {
    problems: Vec<Problem>,
    /// How many policy tests ran.
    pub tests: usize,
    /// What each failing policy test says.
    pub failures: Vec<Problem>,
    /// That the policy tests took longer than this: then nothing else is known, and nothing is decided.
    pub took_too_long: Option<Duration>,
    /// The newest decisions under the new rules; none if the rules stay as they are.
    pub backtest: Option<Backtest>,
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
        forge: ForgeKind<'_>,
    ) -> Result<Self, BotError> {
        let mut trial = Self::default();
        let before = draft.root()?;
        let root = match separate(of_record(draft.preview(changes)))? {
            Ok(root) => root,
            Err(invalid) => {
                trial.problems.extend(invalid.problems.0);
                return Ok(trial);
            }
        };
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
        match rulebook.test(objects, &version)? {
            Some(tested) => {
                trial.tests = tested.tests;
                trial.problems.extend(tested.problems.iter().cloned());
                trial.failures.extend(tested.failures.iter().cloned());
            }
            None => {
                trial.took_too_long = Some(rulebook.test_limit());
                return Ok(trial);
            }
        }
        let changes_rules = objects
            .entry_at(before, Rules::FOLDER)?
            .map(|entry| entry.id)
            != Some(version.tree);
        if changes_rules {
            let people = &version.rules.people;
            trial.problems.extend(people.find_lockout(forge));
        }
        if changes_rules && trial.find_problems().is_none() {
            let mut lockout = find_lockout(&version, draft.signer())?;
            let files = rule_files(objects, version.tree)?;
            if let Some(bytes) = files.get(governance::PATH) {
                yaml::place(bytes, &mut lockout);
            }
            trial.problems.extend(lockout);
            trial.backtest = match draft.base() {
                Some(tip) => {
                    let rules = &version.rules;
                    let extent = Extent {
                        newest: Some(REPLAYED),
                        until: Some(Instant::now() + rulebook.test_limit()),
                    };
                    Some(backtest(repo, tip, rules, extent, &mut |_| {})?)
                }
                None => None,
            };
        }
        Ok(trial)
    }

    /// What keeps the change from being merged, whoever approves it.
    pub fn find_problems(&self) -> Option<Problems> {
        let failures = self.failures.iter().cloned();
        let all: Vec<Problem> = self.problems.iter().cloned().chain(failures).collect();
        (!all.is_empty()).then_some(Problems(all))
    }
}

/// Rules under which the bot itself could write nothing any more, not even the change that mends them.
fn find_lockout(
    version: &Version,
    signer: Option<&SigningKey>,
) -> Result<Option<Problem>, BotError> {
    let Some(signing) = &version.rules.governance.signing else {
        return Ok(None);
    };
    let message = match signer {
        None if signing.required => {
            "the bot runs without a key, so it could write nothing after this change: start it with `--signing-key` first".to_owned()
        }
        None => return Ok(None),
        Some(signer) => {
            let key = signer.public()?;
            if signing.lists(&key) {
                return Ok(None);
            }
            format!(
                "the bot signs with `{key}`, which is not among them, so it could write nothing after this change: keep it until the bot has another"
            )
        }
    };
    Ok(Some(Problem::of_key(
        governance::PATH,
        "signing.keys",
        message,
    )))
}
