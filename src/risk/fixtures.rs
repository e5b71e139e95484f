//! What the tests of this module start from: the shipped rules and short ways to say a case.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use chrono::DateTime;
use proptest::prelude::*;

use crate::domain::documents::Recommendation;
use crate::domain::ids::CaseId;
use crate::domain::problem::Problems;
use crate::domain::value::Value;
use crate::risk::risk_context::{KnownTarget, RiskContext};
use crate::rules::{RuleFiles, Rules};

macro_rules! shipped_file {
    ($name:literal) => {
        (
            concat!("rules/", $name),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/", $name)),
        )
    };
}

const FILES: [(&str, &str); 6] = [
    shipped_file!("governance.yaml"),
    shipped_file!("parameters.yaml"),
    shipped_file!("actions.yaml"),
    shipped_file!("policy.yaml"),
    shipped_file!("agents.yaml"),
    shipped_file!("people.yaml"),
];

static SHIPPED: LazyLock<Rules> = LazyLock::new(|| rules_with(&[]));

pub(crate) fn rules() -> &'static Rules {
    &SHIPPED
}

/// The shipped rules with some text in them replaced.
pub(crate) fn rules_with(replaced: &[(&str, &str)]) -> Rules {
    try_rules_with(replaced).unwrap_or_else(|problems| panic!("{problems}"))
}

/// As [`rules_with`], where they may be refused.
pub(crate) fn try_rules_with(replaced: &[(&str, &str)]) -> Result<Rules, Problems> {
    let mut unused = replaced.to_vec();
    let files: RuleFiles = FILES
        .into_iter()
        .map(|(path, text)| {
            let mut text = text.to_owned();
            for (old, new) in replaced {
                if text.contains(old) {
                    unused.retain(|(unused, _)| unused != old);
                    text = text.replace(old, new);
                }
            }
            (path.to_owned(), text.into_bytes())
        })
        .collect();
    assert!(unused.is_empty(), "nothing to replace: {unused:?}");
    Rules::read(&files)
}

/// A recommendation of `strategy-optimizer`; targets separated by spaces, values as `--set` takes them.
pub(crate) fn recommend(action: &str, targets: &str, changes: &[(&str, &str)]) -> Recommendation {
    Recommendation {
        schema: Default::default(),
        id: CaseId::from_parts(DateTime::UNIX_EPOCH, 0),
        agent: "strategy-optimizer".parse().unwrap(),
        session: "test".parse().unwrap(),
        action: action.parse().unwrap(),
        targets: targets
            .split_whitespace()
            .map(|name| name.parse().unwrap())
            .collect(),
        changes: changes
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), Value::from_argument(value).unwrap()))
            .collect(),
        rationale: String::new(),
        citations: Vec::new(),
        details: BTreeMap::new(),
        expects: BTreeMap::new(),
        created_at: DateTime::UNIX_EPOCH,
    }
}

/// A target in an environment, with `KEY=VALUE` parameters separated by spaces.
pub(crate) fn target(environment: &str, parameters: &str) -> KnownTarget {
    let parameters = parameters.split_whitespace().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.parse().unwrap(), Value::from_argument(value).unwrap())
    });
    KnownTarget {
        environment: environment.to_owned(),
        labels: BTreeMap::new(),
        parameters: parameters.collect(),
        baselines: BTreeMap::new(),
        rehearsal: None,
    }
}

/// A situation with these targets, a registered agent and attributed commits.
pub(crate) fn situation(targets: &[(&str, KnownTarget)]) -> RiskContext {
    RiskContext {
        targets: targets
            .iter()
            .map(|(name, known)| (name.parse().unwrap(), Arc::new(known.clone())))
            .collect(),
        agent_registered: true,
        unattributed: false,
        windows: Vec::new(),
        evidence: BTreeMap::new(),
        used: Default::default(),
        near: BTreeMap::new(),
    }
}

/// The three targets of the example: `live`, `paper` and `draft`, each the rehearsal of the one before.
pub(crate) fn example() -> RiskContext {
    let of = |environment: &str, rehearsal: Option<&str>| KnownTarget {
        rehearsal: rehearsal.map(|name| name.parse().unwrap()),
        ..target(
            environment,
            &format!("stop_loss_pct=3.0 stop_loss_enabled=true trading_mode={environment}"),
        )
    };
    situation(&[
        ("live", of("live", Some("paper"))),
        ("paper", of("paper", Some("draft"))),
        ("draft", of("inactive", None)),
    ])
}

/// A number of targets alike, `t0`, `t1` and so on, and their names separated by spaces.
pub(crate) fn many(count: usize, like: &KnownTarget) -> (RiskContext, String) {
    let names: Vec<String> = (0..count).map(|index| format!("t{index}")).collect();
    let targets: Vec<(&str, KnownTarget)> = names
        .iter()
        .map(|name| (name.as_str(), like.clone()))
        .collect();
    (situation(&targets), names.join(" "))
}

/// Some changes, of known and unknown parameters, usual and not.
pub(crate) fn changes() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let number = prop_oneof![
        Just("null".to_owned()),
        Just("\"x\"".to_owned()),
        (-20..500_i32).prop_map(|n| format!("{}.{}", n / 10, n.abs() % 10))
    ];
    let one = prop_oneof![
        (
            proptest::sample::select(vec![
                "stop_loss_pct",
                "take_profit_pct",
                "position_size_pct",
                "leverage",
                "max_drawdown_pct",
                "warp",
                "targets",
                "drop"
            ]),
            number
        ),
        (
            proptest::sample::select(vec!["stop_loss_enabled", "circuit_breaker_enabled"]),
            proptest::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned)
        ),
        (
            Just("trading_mode"),
            proptest::sample::select(vec!["live", "paper", "inactive", "moon", "null"])
                .prop_map(str::to_owned)
        ),
    ];
    proptest::collection::vec(one, 0..5)
}

/// Proposals of every effect, on targets of [`example`] and one that is not there.
pub(crate) fn proposals() -> impl Strategy<Value = Recommendation> {
    let action = proptest::sample::select(vec![
        "modify_parameters",
        "optimize",
        "promote_strategy",
        "create_strategy",
        "delete_strategy",
        "rebalance_portfolio",
        "analyze",
        "teleport",
    ]);
    let targets = proptest::sample::subsequence(vec!["live", "paper", "draft", "nowhere"], 0..=4);
    (action, targets, changes()).prop_map(|(action, targets, changes)| {
        let changes: Vec<(&str, &str)> = changes
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        recommend(action, &targets.join(" "), &changes)
    })
}
