//! What a governance change would bring: are the new rules readable, do their policy tests pass, could the bot still
//! write, what would they ask for less, and which past decisions would have come out differently?

use std::time::Instant;

use crate::domain::forge_kind::ForgeKind;
use crate::domain::yaml;
use crate::gate::rule_comparison::{RuleComparison, compare};
use crate::git::{Change, GitError, Repository, SigningKey};
use crate::ledger::backtest::{Backtest, Extent, backtest};
use crate::ledger::facts;
use crate::ledger::proposal::{
    BotKey, Objection, Refusal, RuleChangeValidation, RuleChangeValidator, Trees, find_key_lockout,
};
use crate::ledger::{AppendError, Draft, RulesCache, Version};
use crate::rules::governance;

use super::BotError;

/// So many of the newest commits of the trail are replayed under the new rules; `countersign backtest`
/// replays all of them.
const REPLAYED: usize = 2_000;

/// What would follow from a governance change.
#[derive(Debug, Default)]
pub struct RuleChangePreview {
    pub validation: RuleChangeValidation,
    /// What they ask for, against those that hold; none if the rules stay as they are.
    pub comparison: Option<RuleComparison>,
    /// The newest decisions under the new rules; none if the rules stay as they are.
    pub backtest: Option<Backtest>,
}

impl RuleChangePreview {
    /// What would follow on top of a draft.
    pub fn of(
        repo: &Repository,
        draft: &mut Draft<'_>,
        rules_cache: &mut RulesCache,
        changes: &[Change],
        forge: ForgeKind<'_>,
    ) -> Result<Self, BotError> {
        let before = draft.root()?;
        let after = match draft.preview(changes) {
            Ok(after) => after,
            Err(AppendError::Unrecordable(what)) => {
                let message = format!("what it comes to cannot be recorded: {what}");
                let objection = Objection::of_proposal(Refusal::Unrecordable, message);
                let validation = RuleChangeValidation {
                    objections: vec![objection],
                    ..RuleChangeValidation::default()
                };
                return Ok(Self {
                    validation,
                    ..Self::default()
                });
            }
            Err(AppendError::Failed(error)) => return Err(error.into()),
        };
        let trees = Trees { before, after };
        let mut validation =
            RuleChangeValidator::default().validate(draft.objects(), rules_cache, trees, forge)?;
        let is_valid = validation.objections.is_empty() && validation.took_too_long.is_none();
        let version = validation.version.take();
        let version = version.filter(|_| validation.changes_rules && is_valid);
        let (Some(version), Some(tip)) = (version, draft.base()) else {
            return Ok(Self {
                validation,
                ..Self::default()
            });
        };
        let lockout = find_key_lockout(&version, bot_key(&version, draft.signer())?);
        validation.objections.extend(lockout);
        let (_, name) = governance::PATH.rsplit_once('/').unwrap_or_default();
        if let Some(bytes) = draft.objects().read_path(version.tree, name)? {
            let problems = validation.objections.iter_mut().map(|one| &mut one.problem);
            yaml::place(&bytes, problems);
        }
        let extent = Extent {
            newest: Some(REPLAYED),
            until: Some(Instant::now() + rules_cache.test_limit()),
        };
        // Of the people of a team, past decisions had those who are on record, and not today's.
        let listed = |tree| -> Result<_, GitError> {
            Ok(RulesCache::default().read(draft.objects(), tree)?.valid())
        };
        let (old, new): (_, Option<Version>) = (listed(before)?, listed(after)?);
        let backtest = new
            .as_ref()
            .map(|new| backtest(repo, tip, &new.rules, extent, &mut |_| {}));
        let comparison = match (old, new) {
            (Some(old), Some(new)) => {
                let targets = facts::all_targets(draft.objects(), before)?;
                Some(compare(&old.rules, &new.rules, &targets))
            }
            _ => None,
        };
        Ok(Self {
            validation,
            comparison,
            backtest: backtest.transpose()?,
        })
    }
}

/// Whether the rules list the key that the bot signs with.
fn bot_key(version: &Version, signer: Option<&SigningKey>) -> Result<BotKey, BotError> {
    let Some(signer) = signer else {
        return Ok(BotKey::None);
    };
    let key = signer.public()?;
    let signing = version.rules.governance.signing.as_ref();
    let is_listed = signing.is_none_or(|signing| signing.lists(&key));
    Ok(match is_listed {
        true => BotKey::Listed,
        false => BotKey::NotListed(key.to_string()),
    })
}
