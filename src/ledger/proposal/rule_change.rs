//! Validates a governance change: are its targets and rules readable, do its policy tests pass, and could anybody still
//! administer and the bot still write?

use std::collections::HashMap;
use std::time::Duration;

use super::{Objection, Refusal};
use crate::domain::documents::Target;
use crate::domain::forge_kind::ForgeKind;
use crate::domain::ids::Sha;
use crate::domain::mode::Mode as Deployment;
use crate::domain::problem::{Problems, Reading};
use crate::domain::yaml;
use crate::gate::requirement;
use crate::git::{GitError, Mode, Objects};
use crate::ledger::{RulesCache, Version};
use crate::rules::{Rules, governance};

/// What there is to say against a governance change.
#[derive(Debug, Default)]
pub struct RuleChangeValidation {
    pub objections: Vec<Objection>,
    /// How many policy tests ran.
    pub tests: usize,
    /// The rules that it makes; none if they cannot be read.
    pub version: Option<Version>,
    /// That the policy tests took longer than this: then nothing else is known.
    pub took_too_long: Option<Duration>,
    /// Whether they are others than before.
    pub changes_rules: bool,
}

/// The trees before and after a change.
#[derive(Debug, Clone, Copy)]
pub struct Trees {
    pub before: Sha,
    pub after: Sha,
}

/// Validates changes, each folder of targets once.
#[derive(Debug, Default)]
pub struct RuleChangeValidator {
    targets: HashMap<Sha, Vec<Objection>>,
}

/// So many folders are remembered.
const MOST_FOLDERS: usize = 256;

impl RuleChangeValidator {
    pub fn validate(
        &mut self,
        objects: Objects<'_>,
        rules_cache: &mut RulesCache,
        trees: Trees,
        forge: ForgeKind<'_>,
    ) -> Result<RuleChangeValidation, GitError> {
        let mut validation = RuleChangeValidation {
            objections: self.validate_targets(objects, trees.after)?,
            ..RuleChangeValidation::default()
        };
        let version = match rules_cache.read(objects, trees.after)? {
            Reading::Valid(version) => version,
            Reading::Invalid(Problems(problems)) => {
                let unreadable = Objection::of_all(Refusal::UnreadableRules, problems);
                validation.objections.extend(unreadable);
                return Ok(validation);
            }
        };
        match rules_cache.test(objects, &version)? {
            Some(tested) => {
                validation.tests = tested.tests;
                let unreadable = tested.problems.iter().cloned();
                let failures = tested.failures.iter().cloned();
                let objections = Objection::of_all(Refusal::UnreadableTests, unreadable);
                validation.objections.extend(objections);
                let objections = Objection::of_all(Refusal::FailingTest, failures);
                validation.objections.extend(objections);
            }
            None => {
                validation.took_too_long = Some(rules_cache.test_limit());
                return Ok(validation);
            }
        }
        let before = objects.entry_at(trees.before, Rules::FOLDER)?;
        validation.changes_rules = before.map(|entry| entry.id) != Some(version.tree);
        if validation.changes_rules {
            let governance = &version.rules.governance;
            let needed = match governance.mode {
                // An admin's own change is merged at once.
                Deployment::AutoApprove => 1,
                _ => requirement::of_governance_change(governance).approvals,
            };
            let lockout = version.rules.people.find_lockout(forge, needed);
            validation
                .objections
                .extend(Objection::of_all(Refusal::NoAdmin, lockout));
        }
        validation.version = Some(version);
        Ok(validation)
    }

    fn validate_targets(
        &mut self,
        objects: Objects<'_>,
        root: Sha,
    ) -> Result<Vec<Objection>, GitError> {
        let Some(folder) = objects.entry_at(root, Target::FOLDER)? else {
            return Ok(Vec::new());
        };
        if let Some(known) = self.targets.get(&folder.id) {
            return Ok(known.clone());
        }
        let mut found = Vec::new();
        for entry in objects.list_dir(root, Target::FOLDER)? {
            if let (Mode::File, Ok(name)) = (entry.mode, std::str::from_utf8(&entry.name))
                && name.ends_with(".yaml")
            {
                let path = format!("{}/{name}", Target::FOLDER);
                let bytes = objects.read_blob(entry.id)?;
                if let Err(Problems(problems)) = yaml::read::<Target>(&path, &bytes) {
                    found.extend(Objection::of_all(Refusal::UnreadableTarget, problems));
                }
            }
        }
        if self.targets.len() >= MOST_FOLDERS {
            self.targets.clear();
        }
        self.targets.insert(folder.id, found.clone());
        Ok(found)
    }
}

/// The key by which the bot signs what it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BotKey {
    None,
    /// One that the rules list.
    Listed,
    /// Another one, as it is shown.
    NotListed(String),
}

/// Rules under which the bot itself could write nothing any more, not even the change that mends them.
pub fn find_key_lockout(version: &Version, key: BotKey) -> Option<Objection> {
    let signing = version.rules.governance.signing.as_ref()?;
    let message = match key {
        BotKey::None if signing.required => {
            "the bot runs without a key, so it could write nothing after this change: start it with `--signing-key` first".to_owned()
        }
        BotKey::None | BotKey::Listed => return None,
        BotKey::NotListed(key) => format!(
            "the bot signs with `{key}`, which is not among them, so it could write nothing after this change: keep it until the bot has another"
        ),
    };
    Some(Objection::of_key(
        Refusal::KeyNotListed,
        governance::PATH,
        "signing.keys",
        message,
    ))
}
