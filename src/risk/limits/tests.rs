//! By what a proposal is counted, and how much it uses.

use proptest::prelude::*;

use super::*;
use crate::domain::level::Level;
use crate::risk::assess;
use crate::risk::fixtures::{example, proposals, recommend, rules_with};

/// The shipped rules with one more, of such a limit.
fn limited(limit: &str) -> Rules {
    let rule = format!(
        "rules:\n  - {{id: limited, when: \"target_count >= 0\", limit: {limit}, then: HIGH, reason: so much}}\n"
    );
    rules_with(&[("rules:\n", &rule)])
}

/// What a proposal uses: `agent=strategy-optimizer: 1`.
fn uses_of(limit: &str, about: &Recommendation) -> Vec<String> {
    let rules = limited(limit);
    let uses = uses(about, &example(), &rules).into_iter();
    let told = uses.map(|used| {
        let key: Vec<String> = used
            .key
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{}: {}", key.join(" "), used.amount.normalize())
    });
    told.collect()
}

#[test]
fn it_is_counted_by_everything_that_it_is_about() {
    let about = recommend(
        "modify_parameters",
        "live paper",
        &[("stop_loss_pct", "4"), ("leverage", "2")],
    );
    for (limit, expected) in [
        ("{at_most: 1, within: 1h}", vec![": 1"]),
        (
            "{at_most: 1, per: [agent, action], within: 1h}",
            vec!["action=modify_parameters agent=strategy-optimizer: 1"],
        ),
        (
            "{at_most: 1, per: target, within: 1h}",
            vec!["target=live: 1", "target=paper: 1"],
        ),
        (
            "{at_most: 1, per: [target, parameter], within: 1h}",
            vec![
                "parameter=leverage target=live: 1",
                "parameter=stop_loss_pct target=live: 1",
                "parameter=leverage target=paper: 1",
                "parameter=stop_loss_pct target=paper: 1",
            ],
        ),
        // Neither has such a label.
        (
            "{at_most: 1, per: label.owner, within: 1h}",
            vec!["label.owner=: 1"],
        ),
        (
            "{at_most: 1, per: parameter.leverage, within: 1h}",
            vec!["parameter.leverage=2: 1"],
        ),
        // The same is proposed for each of two targets.
        (
            "{of: parameter.stop_loss_pct, at_most: 1, within: 1h}",
            vec![": 8"],
        ),
        (
            "{of: parameter.stop_loss_pct, at_most: 1, per: target, within: 1h}",
            vec!["target=live: 4", "target=paper: 4"],
        ),
        (
            "{of: parameter.take_profit_pct, at_most: 1, within: 1h}",
            vec![": 0"],
        ),
    ] {
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        let mut told = uses_of(limit, &about);
        expected.sort();
        told.sort();
        assert_eq!(told, expected, "{limit}");
    }
}

#[test]
fn other_spellings_are_the_same_proposal() {
    let of = |value: &str| {
        let about = recommend("modify_parameters", "paper", &[("stop_loss_pct", value)]);
        uses_of("{at_most: 1, per: proposal, within: ever}", &about)
    };
    assert_eq!(of("4"), of("4.00"));
    assert_ne!(of("4"), of("4.01"));
    for (written, other, same) in [
        ("Ab c", " ab C ", true),
        ("42", "042.0", true),
        ("42", "43", false),
    ] {
        let [written, other] = [written, other].map(|text| plain(&Value::from(text)));
        assert_eq!(written == other, same, "{written:?} {other:?}");
    }
    let long = "x".repeat(LONGEST_KEY + 1);
    assert_eq!(plain(&Value::from(long.as_str())).unwrap().len(), 40);
}

#[test]
fn what_is_no_amount_is_past_every_limit() {
    let rules = limited("{of: parameter.stop_loss_pct, at_most: 1000, within: 1h}");
    let level = |value: &str| {
        let about = recommend("modify_parameters", "draft", &[("stop_loss_pct", value)]);
        let mut situation = example();
        situation.used = UsedLimits::nothing(&about, &situation.targets, &rules);
        assess(&about, &situation, &rules).level
    };
    assert_eq!(level("2"), Level::Low);
    assert_eq!(level("-2"), Level::High);
    assert_eq!(level("null"), Level::High);
    // Nobody read what was used.
    let about = recommend("modify_parameters", "draft", &[("stop_loss_pct", "2")]);
    assert_eq!(assess(&about, &example(), &rules).level, Level::High);
}

const LIMITS: [&str; 6] = [
    "{at_most: 2, within: 1h}",
    "{at_most: 2, per: [agent, target], within: 1h}",
    "{at_most: 2, per: [action, parameter], within: day}",
    "{at_most: 2, per: proposal, within: month}",
    "{at_most: 2, per: [label.owner, parameter.leverage], within: ever}",
    "{of: parameter.stop_loss_pct, at_most: 20, per: target, within: 7d}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is read before a decision holds everything that the decision will use, and of each variation of its targets.
    #[test]
    fn whatever_is_used_was_read(about in proposals(), limit in 0..LIMITS.len(), kept in 0usize..4) {
        let (rules, situation) = (limited(LIMITS[limit]), example());
        let read: BTreeSet<UsageKey> = possible_keys(&about, &situation.targets, &rules)
            .into_iter()
            .map(|(.., key)| key)
            .collect();
        for used in uses(&about, &situation, &rules) {
            prop_assert!(read.contains(&used.key), "{:?}", used.key);
        }
        let fewer = Recommendation {
            targets: about.targets.iter().take(kept).cloned().collect(),
            ..about
        };
        if LIMITS[limit].contains("proposal") {
            return Ok(());
        }
        for used in uses(&fewer, &situation, &rules) {
            prop_assert!(read.contains(&used.key), "{:?}", used.key);
        }
    }

    /// The more was used, the more is asked.
    #[test]
    fn what_was_used_never_lowers_anything(about in proposals(), limit in 0..LIMITS.len(), before in 0i64..40) {
        let (rules, mut situation) = (limited(LIMITS[limit]), example());
        let score = |situation: &RiskContext| assess(&about, situation, &rules).score;
        let mut last = None;
        for used in [0, before, before + 1, before + 100] {
            let mut limits = UsedLimits::default();
            for (rule, _, key) in possible_keys(&about, &situation.targets, &rules) {
                let part = UsedPart { used: used.into(), free_at: None };
                limits.insert(rule.id.clone(), key, vec![part]);
            }
            situation.used = limits;
            let now = score(&situation);
            prop_assert!(last.is_none_or(|last| now >= last));
            last = Some(now);
        }
    }
}
