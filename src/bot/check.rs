//! What the bot would say to a recommendation, without a pull request: changes nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::documents::{Assessment, Recommendation, Requirement};
use crate::domain::ids::CaseId;
use crate::domain::problem::{Problem, Reading};
use crate::domain::yaml;
use crate::gate::asks::{self, AskInForce};
use crate::gate::requirement;
use crate::git::Repository;
use crate::ledger::facts;
use crate::ledger::usage;
use crate::ledger::{LedgerError, MAIN, RulesCache};
use crate::risk::{self, Explanation, Reduction};

use super::BotError;

/// The answer to `countersign check`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Checked {
    /// Whether the document could be proposed.
    pub valid: bool,
    /// What keeps it from being.
    pub errors: Vec<Problem>,
    /// How risky it is; none if it cannot be read.
    pub risk: Option<Assessment>,
    /// What approval it would need.
    pub requires: Option<Requirement>,
    /// What rules ask for beside that.
    pub asks: Vec<AskInForce>,
    /// The smallest edits that reach a lower level; where none does, the one that lowers the score most. Where rules ask
    /// for approvals, last the smallest of which none does (`unasked`).
    pub reduce: Vec<Reduction>,
    /// The same in words.
    pub explanation: Option<String>,
}

impl Checked {
    /// The answer to what cannot even be read.
    pub const fn invalid(errors: Vec<Problem>) -> Self {
        Self {
            valid: false,
            errors,
            risk: None,
            requires: None,
            asks: Vec::new(),
            reduce: Vec::new(),
            explanation: None,
        }
    }
}

/// Validates and scores a document against `main`.
pub fn check(
    repo: &Repository,
    file: &str,
    bytes: &[u8],
    now: DateTime<Utc>,
) -> Result<Checked, BotError> {
    check_by(repo, &mut RulesCache::default(), file, bytes, now)
}

/// The same with rules that were read before.
pub fn check_by(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    file: &str,
    bytes: &[u8],
    now: DateTime<Utc>,
) -> Result<Checked, BotError> {
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    let version = rules_cache
        .read(repo.objects(), root)?
        .into_result()
        .map_err(LedgerError::from)?;
    let document = match Recommendation::read_proposed(file, bytes) {
        Ok(document) => document,
        Err(problems) => return Ok(Checked::invalid(problems.0)),
    };
    let targets = match facts::targets(repo.objects(), root, &document)? {
        Reading::Valid(targets) => targets,
        Reading::Invalid(problems) => return Ok(Checked::invalid(problems.0)),
    };
    let rules = &version.rules;
    let mut situation = facts::situation(&document, targets.known.clone(), &[], &[], rules, now);
    let used = usage::read(repo.objects(), root, &document, &targets.known, rules, now)?;
    situation.used = match used {
        Reading::Valid(used) => used,
        Reading::Invalid(problems) => return Ok(Checked::invalid(problems.0)),
    };
    situation.near = facts::find_near(repo.objects(), root, &document, &targets.known)?;
    let mut errors = risk::validity::problems(file, &document, &situation, rules);
    if repo
        .entry_at(root, &Recommendation::path_of(document.id))?
        .is_some()
    {
        errors.push(Problem::of_key(
            file,
            "id",
            "this id is decided already: take a fresh one with `countersign new`",
        ));
    }
    if document.id.time() > now + CaseId::FUTURE_TOLERANCE {
        errors.push(Problem::of_key(
            file,
            "id",
            "this id is from the future: take a fresh one with `countersign new`",
        ));
    }
    yaml::place(bytes, &mut errors);
    let assessment = risk::assess(&document, &situation, rules);
    let requires = requirement::for_recommendation(&assessment, &rules.governance);
    let level = requirement::of_level(assessment.level, &rules.governance);
    let asks = asks::in_force(&assessment, level, &rules.governance);
    let explanation = Explanation::of(&document, &situation, rules, &assessment, requires);
    let (reduce, text) = (explanation.reductions.clone(), explanation.plain());
    Ok(Checked {
        valid: errors.is_empty(),
        errors,
        risk: Some(assessment),
        requires: Some(requires),
        asks,
        reduce,
        explanation: Some(text),
    })
}
