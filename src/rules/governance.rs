//! `rules/governance.yaml`: mode, weights, points, thresholds, approvals, deadlines.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::windows::{self, RawWindow, Windows};
use super::{RuleFiles, file};
use crate::domain::documents::{ExecutorKind, schema_tag};
use crate::domain::ids::{ParameterName, WindowName, quoted};
use crate::domain::level::{Level, Score};
use crate::domain::mode::Mode;
use crate::domain::problem::{Problem, Problems};
use crate::domain::signing::PublicKey;
use crate::domain::value::Duration;
use crate::domain::yaml;

/// Where this document is kept.
pub const PATH: &str = "rules/governance.yaml";

schema_tag! {
    /// The value of `schema` in the governance rules.
    GovernanceSchema, "countersign/governance/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawGovernance {
    schema: GovernanceSchema,
    /// `auto_approve`, `high_only`, `single_tier` or `two_tier`.
    mode: Mode,
    /// Percent of each factor; together 100.
    weights: Weights,
    points: RawPoints,
    thresholds: RawThresholds,
    /// How the points of several changed parameters become one number.
    aggregate: Aggregate,
    /// From how many targets on an action is bulk.
    bulk_at: u32,
    /// The parameter whose value names the environment of a target.
    environment_parameter: ParameterName,
    /// How many distinct people must approve.
    approvals: RawApprovals,
    justification: RawJustification,
    waiting: RawWaiting,
    /// How many proposals of one agent may wait for people at a time.
    pending_limit: u32,
    /// The longest that an action and its rationale may be as people are shown them, in bytes; 40,000 if nothing
    /// is said.
    #[serde(default = "most_shown_bytes")]
    max_shown_bytes: u32,
    /// The executors that an action type may name.
    executors: BTreeSet<ExecutorKind>,
    /// What becomes of a proposal that looks mistyped; absent: `refuse`.
    #[serde(default)]
    likely_typos: LikelyTypos,
    /// Whose signatures the bot's commits carry; without it, nobody looks at signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing: Option<Signing>,
    /// Named times, such as the weekend, which rules may look at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    windows: BTreeMap<WindowName, RawWindow>,
}

/// Whose signatures the bot's commits carry, from the commit after the one that brings these rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The public keys of the bot, as in the `.pub` files of `ssh-keygen`.
    pub keys: Vec<PublicKey>,
    /// Whether a commit without a signature is refused, too; as shipped it is.
    #[serde(default = "yes")]
    pub required: bool,
}

const fn yes() -> bool {
    true
}

/// GitHub takes 65,535 characters, and the rest of what is said about a case needs room, too.
const MOST_SHOWN_BYTES: u32 = 40_000;

const fn most_shown_bytes() -> u32 {
    MOST_SHOWN_BYTES
}

impl Signing {
    /// The most keys.
    const MOST_KEYS: usize = 64;

    /// The key that draws the sample of a grant: by one key alone, nobody can choose between two draws.
    pub fn drawing_key(&self) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.is_ed25519())
    }

    /// Whether a key is among those that sign, whatever it is called.
    pub fn lists(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|known| known.as_str() == key.as_str())
    }
}

/// Percent of each factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Of the environment.
    pub environment: u32,
    /// Of the parameters.
    pub parameters: u32,
    /// Of the number of targets.
    pub scope: u32,
    /// Of how hard it is to undo.
    pub reversibility: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawPoints {
    /// 0 to 100 for each environment's name.
    environment: BTreeMap<String, u32>,
    parameters: TierPoints,
    scope: ScopePoints,
    reversibility: ReversibilityPoints,
}

/// Points for each tier of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierPoints {
    /// For a conservative value.
    pub conservative: u32,
    /// For a moderate value.
    pub moderate: u32,
    /// For an aggressive value.
    pub aggressive: u32,
    /// For a value beyond all tiers; also for an unknown parameter.
    pub beyond: u32,
}

/// Points for the number of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopePoints {
    /// One target.
    pub single: u32,
    /// More than one.
    pub several: u32,
    /// From `bulk_at` on.
    pub bulk: u32,
}

/// Points for how hard it is to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReversibilityPoints {
    /// Undone at once.
    pub easy: u32,
    /// Undone with effort.
    pub effort: u32,
    /// Not undone; also for an unknown action.
    pub irreversible: u32,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawThresholds {
    /// The highest score that is LOW.
    low_up_to: Score,
    /// The highest score that is MEDIUM.
    medium_up_to: Score,
    /// What a trigger lifts the score to, at least.
    trigger_score: Score,
    /// What a trigger with `then: MEDIUM` lifts the score to, at least; absent: 50, or `medium_up_to` where
    /// 50 is not MEDIUM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    medium_trigger_score: Option<Score>,
}

impl RawThresholds {
    fn is_medium(&self, score: Score) -> bool {
        self.low_up_to < score && score <= self.medium_up_to
    }

    fn medium_trigger_score(&self) -> Score {
        let usual = Some(Score::points(50)).filter(|score| self.is_medium(*score));
        self.medium_trigger_score
            .or(usual)
            .unwrap_or(self.medium_up_to)
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)]
struct RawApprovals {
    MEDIUM: u32,
    HIGH: u32,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawJustification {
    /// The least number of characters.
    min_length: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawWaiting {
    /// After this the admins are asked: a length of time such as `30m`, `24h` or `7d`.
    escalate_after: String,
    /// After this it is recorded as expired.
    expire_after: String,
}

/// What becomes of a proposal that names an action or target that does not exist, or gives a value of another
/// type than the present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LikelyTypos {
    /// It is invalid, and its agent is told what was probably meant.
    #[default]
    Refuse,
    /// It is scored, and what is unknown counts as the highest.
    Score,
}

/// How the points of several changed parameters become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// The highest: one extreme value cannot hide among harmless ones.
    Max,
    /// The mean, as in the framework.
    Mean,
}

/// The validated rules of this file.
#[derive(Debug, Clone)]
pub struct Governance {
    /// How much of the gate is closed.
    pub mode: Mode,
    /// Percent of each factor.
    pub weights: Weights,
    /// Points of each environment's name; what is not listed counts 100.
    pub environments: BTreeMap<String, u32>,
    /// Points of each tier.
    pub tiers: TierPoints,
    /// Points of the number of targets.
    pub scope: ScopePoints,
    /// Points of how hard it is to undo.
    pub reversibility: ReversibilityPoints,
    /// How several parameters become one number.
    pub aggregate: Aggregate,
    /// From how many targets on an action is bulk.
    pub bulk_at: u32,
    /// The parameter whose value names the environment of a target.
    pub environment_parameter: ParameterName,
    /// The highest score that is LOW.
    pub low_up_to: Score,
    /// The highest score that is MEDIUM.
    pub medium_up_to: Score,
    /// What a trigger lifts the score to, at least; HIGH by itself.
    pub trigger_score: Score,
    /// What a trigger with `then: MEDIUM` lifts the score to, at least; MEDIUM by itself.
    pub medium_trigger_score: Score,
    /// How many distinct people must approve MEDIUM.
    pub approvals_medium: u32,
    /// How many distinct people must approve HIGH.
    pub approvals_high: u32,
    /// The least number of characters of a justification.
    pub justification_min_length: u32,
    /// How long a proposal waits before the admins are asked.
    pub escalate_after: TimeDelta,
    /// How long a proposal waits before it is recorded as expired.
    pub expire_after: TimeDelta,
    /// How many proposals of one agent may wait for people at a time.
    pub pending_limit: u32,
    /// The longest that an action and its rationale may be as people are shown them, in bytes.
    pub max_shown_bytes: u32,
    /// The executors that an action type may name.
    pub executors: BTreeSet<ExecutorKind>,
    /// What becomes of a proposal that looks mistyped.
    pub likely_typos: LikelyTypos,
    /// Whose signatures the bot's commits carry, if anybody's.
    pub signing: Option<Signing>,
    /// The named times that rules may look at.
    pub windows: Windows,
}

impl Governance {
    /// The level of a score.
    pub fn level_of(&self, score: Score) -> Level {
        if score <= self.low_up_to {
            Level::Low
        } else if score <= self.medium_up_to {
            Level::Medium
        } else {
            Level::High
        }
    }

    /// Whether a text is long enough to justify an approval.
    pub fn is_justification(&self, text: &str) -> bool {
        let least = usize::try_from(self.justification_min_length).unwrap_or(usize::MAX);
        text.chars().count() >= least
    }

    /// The points of an environment; one that is not listed counts as the highest.
    pub fn environment_points(&self, name: &str) -> u32 {
        self.environments.get(name).copied().unwrap_or(100)
    }

    /// Whether an environment is production: worth the full 100 points.
    pub fn is_production(&self, name: &str) -> bool {
        self.environment_points(name) >= 100
    }
}

/// Reads the file.
pub fn read(files: &RuleFiles) -> Result<Governance, Problems> {
    let raw: RawGovernance = yaml::read(PATH, file(files, PATH)?)?;
    let mut problems = Vec::new();
    check_numbers(&raw, &mut problems);
    let escalate_after = duration(
        "waiting.escalate_after",
        &raw.waiting.escalate_after,
        &mut problems,
    );
    let expire_after = duration(
        "waiting.expire_after",
        &raw.waiting.expire_after,
        &mut problems,
    );
    if escalate_after > expire_after {
        problems.push(Problem::of_key(
            PATH,
            "waiting.escalate_after",
            "must not be longer than `expire_after`",
        ));
    }
    let windows = windows::read(PATH, raw.windows, &mut problems);
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    Ok(Governance {
        windows,
        mode: raw.mode,
        weights: raw.weights,
        environments: raw.points.environment,
        tiers: raw.points.parameters,
        scope: raw.points.scope,
        reversibility: raw.points.reversibility,
        aggregate: raw.aggregate,
        bulk_at: raw.bulk_at,
        environment_parameter: raw.environment_parameter,
        low_up_to: raw.thresholds.low_up_to,
        medium_up_to: raw.thresholds.medium_up_to,
        trigger_score: raw.thresholds.trigger_score,
        medium_trigger_score: raw.thresholds.medium_trigger_score(),
        approvals_medium: raw.approvals.MEDIUM,
        approvals_high: raw.approvals.HIGH,
        justification_min_length: raw.justification.min_length,
        escalate_after,
        expire_after,
        pending_limit: raw.pending_limit,
        max_shown_bytes: raw.max_shown_bytes,
        executors: raw.executors,
        likely_typos: raw.likely_typos,
        signing: raw.signing,
    })
}

fn check_numbers(raw: &RawGovernance, problems: &mut Vec<Problem>) {
    check_points(raw, problems);
    check_thresholds(raw, problems);
    let mut say = |key: &str, message: String| problems.push(Problem::of_key(PATH, key, message));
    if raw.bulk_at < 2 {
        say("bulk_at", "expected at least 2".to_owned());
    }
    for (key, count) in [
        ("approvals.MEDIUM", raw.approvals.MEDIUM),
        ("approvals.HIGH", raw.approvals.HIGH),
    ] {
        if !(1..=20).contains(&count) {
            say(key, format!("{count} is out of range: expected 1 to 20"));
        }
    }
    if raw.pending_limit == 0 {
        say("pending_limit", "expected at least 1".to_owned());
    }
    if !(1_000..=MOST_SHOWN_BYTES).contains(&raw.max_shown_bytes) {
        say(
            "max_shown_bytes",
            format!("expected 1000 to {MOST_SHOWN_BYTES}"),
        );
    }
    let keys = raw.signing.as_ref().map(|signing| signing.keys.len());
    if keys.is_some_and(|count| count == 0 || count > Signing::MOST_KEYS) {
        let message = format!(
            "expected 1 to {} keys; leave `signing` out if the bot does not sign",
            Signing::MOST_KEYS
        );
        say("signing.keys", message);
    }
}

fn check_points(raw: &RawGovernance, problems: &mut Vec<Problem>) {
    let mut say = |key: &str, message: String| problems.push(Problem::of_key(PATH, key, message));
    let w = raw.weights;
    let weights = [w.environment, w.parameters, w.scope, w.reversibility];
    let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    if sum != 100 {
        say(
            "weights",
            format!("the four weights make {sum}: expected exactly 100"),
        );
    }
    let (t, s, r) = (
        raw.points.parameters,
        raw.points.scope,
        raw.points.reversibility,
    );
    let rising: [(&str, &[u32]); 3] = [
        (
            "points.parameters",
            &[t.conservative, t.moderate, t.aggressive, t.beyond],
        ),
        ("points.scope", &[s.single, s.several, s.bulk]),
        ("points.reversibility", &[r.easy, r.effort, r.irreversible]),
    ];
    for (key, points) in rising {
        if !points.is_sorted() || points.iter().any(|p| *p > 100) {
            say(
                key,
                "expected points from 0 to 100 that do not fall from one line to the next"
                    .to_owned(),
            );
        }
    }
    if raw.points.environment.values().any(|points| *points > 100)
        || raw.points.environment.is_empty()
    {
        say(
            "points.environment",
            "expected at least one environment, each with 0 to 100 points".to_owned(),
        );
    }
}

fn check_thresholds(raw: &RawGovernance, problems: &mut Vec<Problem>) {
    let mut say = |key: &str, message: &str| problems.push(Problem::of_key(PATH, key, message));
    let th = raw.thresholds;
    if th.low_up_to >= th.medium_up_to || th.medium_up_to >= Score::MAX {
        say("thresholds", "expected low_up_to < medium_up_to < 100");
    }
    if th.trigger_score <= th.medium_up_to {
        say(
            "thresholds.trigger_score",
            "must be above medium_up_to, so that a trigger always means HIGH",
        );
    }
    if th
        .medium_trigger_score
        .is_some_and(|score| !th.is_medium(score))
    {
        say(
            "thresholds.medium_trigger_score",
            "must be above low_up_to and not above medium_up_to, so that `then: MEDIUM` means MEDIUM",
        );
    }
}

/// The longest that anything may wait.
const MOST_DAYS: i64 = 3_650;

/// A length of time such as `30m`, `24h` or `7d`.
fn duration(key: &str, text: &str, problems: &mut Vec<Problem>) -> TimeDelta {
    let is_usual =
        |length: &TimeDelta| *length > TimeDelta::zero() && *length <= TimeDelta::days(MOST_DAYS);
    let read = text.parse().map(|length: Duration| length.time_delta());
    match read {
        Ok(Some(length)) if is_usual(&length) => length,
        Ok(_) => {
            let shown = quoted(text);
            let message =
                format!("{shown} is out of range: expected more than 0s and at most {MOST_DAYS}d");
            problems.push(Problem::of_key(PATH, key, message));
            TimeDelta::zero()
        }
        Err(error) => {
            problems.push(Problem::of_key(PATH, key, error.to_string()));
            TimeDelta::zero()
        }
    }
}
