//! Each fact that a trigger can ask for, and what a failing expression does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::domain::documents::FiredTrigger;
use crate::risk::fixtures::{example, many, recommend, rules, rules_with, situation, target};
use crate::risk::{RiskContext, assess};
use crate::rules::Rules;

fn fired_of(triggers: Vec<FiredTrigger>) -> Vec<String> {
    triggers
        .into_iter()
        .map(|fired| format!("{}: {}", fired.id, fired.reason))
        .collect()
}

fn fired(
    action: &str,
    targets: &str,
    changes: &[(&str, &str)],
    situation: &RiskContext,
) -> Vec<String> {
    fired_by(rules(), action, targets, changes, situation)
}

fn fired_by(
    rules: &Rules,
    action: &str,
    targets: &str,
    changes: &[(&str, &str)],
    situation: &RiskContext,
) -> Vec<String> {
    fired_of(assess(&recommend(action, targets, changes), situation, rules).triggers)
}

fn modify(targets: &str, changes: &[(&str, &str)]) -> Vec<String> {
    fired("modify_parameters", targets, changes, &example())
}

const NONE: [String; 0] = [];

#[test]
fn from_test_to_live() {
    let moved = ["to_production: switches from test to production (live)"];
    assert_eq!(modify("paper", &[("trading_mode", "live")]), moved);
    assert_eq!(modify("draft", &[("trading_mode", "live")]), moved);
    assert_eq!(modify("live paper", &[("trading_mode", "live")]), moved);
    assert_eq!(modify("live", &[("trading_mode", "live")]), NONE);
    assert_eq!(modify("live", &[("trading_mode", "paper")]), NONE);
    assert_eq!(modify("draft", &[("trading_mode", "paper")]), NONE);
    // What cannot be read as an environment may be production.
    assert_eq!(modify("draft", &[("trading_mode", "moon")]).len(), 1);
    assert_eq!(modify("draft", &[("trading_mode", "null")]).len(), 1);
    assert_eq!(modify("nowhere", &[("trading_mode", "live")]).len(), 1);
    let disagree = situation(&[("a", target("live", "trading_mode=paper"))]);
    assert_eq!(
        fired(
            "modify_parameters",
            "a",
            &[("trading_mode", "live")],
            &disagree
        ),
        moved
    );
    // Live by its parameter only: to say so again writes it into the file as well.
    let half_live = situation(&[("a", target("inactive", "trading_mode=live"))]);
    let again = |value| {
        fired(
            "modify_parameters",
            "a",
            &[("trading_mode", value)],
            &half_live,
        )
    };
    assert_eq!(again("live"), moved);
    assert_eq!(again("paper"), NONE);
    let create = |changes: &[(&str, &str)]| fired("create_strategy", "fresh", changes, &example());
    assert_eq!(create(&[("trading_mode", "live")]), moved);
    assert_eq!(create(&[("trading_mode", "paper")]), NONE);
    assert_eq!(
        create(&[]),
        ["to_production: switches from test to production (unknown)"]
    );
}

#[test]
fn a_safety_control_switched_off() {
    let off = ["safety_off: disables a safety control: stop_loss_enabled"];
    for value in [
        "false",
        "null",
        "0",
        "1",
        "off",
        "no",
        "\"\"",
        "\"false\"",
        "disabled",
        "\"true\"",
        "[true]",
        r#"{"on": true}"#,
    ] {
        assert_eq!(
            modify("draft", &[("stop_loss_enabled", value)]),
            off,
            "{value}"
        );
        assert_eq!(
            modify("draft nowhere", &[("stop_loss_enabled", value)]),
            off,
            "{value}"
        );
    }
    assert_eq!(modify("draft", &[("stop_loss_enabled", "true")]), NONE);
    assert_eq!(modify("nowhere", &[("stop_loss_enabled", "true")]), NONE);
    // Its present value is not known, so it may be on.
    assert_eq!(
        modify("draft", &[("circuit_breaker_enabled", "false")]).len(),
        1
    );
    assert_eq!(
        modify("draft", &[("circuit_breaker_enabled", "null")]),
        NONE
    );
    let already_off = situation(&[("a", target("inactive", "stop_loss_enabled=false"))]);
    let on_off = |value| {
        fired(
            "modify_parameters",
            "a",
            &[("stop_loss_enabled", value)],
            &already_off,
        )
    };
    assert_eq!(on_off("false"), NONE);
    assert_eq!(on_off("true"), NONE);
    assert_eq!(on_off("null"), off);
}

#[test]
fn a_switch_that_is_a_number_or_a_text() {
    let off = ["safety_off: disables a safety control: circuit_breaker_enabled"];
    let from = |present: &str, value: &str| {
        let parameters = format!("circuit_breaker_enabled={present}");
        let known = situation(&[("a", target("inactive", &parameters))]);
        fired(
            "modify_parameters",
            "a",
            &[("circuit_breaker_enabled", value)],
            &known,
        )
    };
    for present in ["1", "2.5", "on", "yes", "enabled"] {
        for value in [
            "0",
            "0.0",
            "-1",
            "off",
            "no",
            "\"\"",
            "\"0\"",
            "false",
            "\"false\"",
            "disabled",
            "none",
            "null",
            "[]",
            "{}",
        ] {
            assert_eq!(from(present, value), off, "{present} to {value}");
        }
        assert_eq!(from(present, "true"), NONE, "{present}");
    }
    assert_eq!(from("1", "2"), NONE);
    assert_eq!(from("0", "1"), NONE);
}

#[test]
fn a_limit_removed() {
    let off = "safety_off: disables a safety control: stop_loss_pct";
    assert_eq!(modify("draft", &[("stop_loss_pct", "null")]), [off]);
    let written_as_text = modify("draft", &[("stop_loss_pct", "\"2\"")]);
    assert_eq!(
        written_as_text,
        [
            off,
            "extreme_value: past the extreme threshold: stop_loss_pct"
        ]
    );
    assert_eq!(modify("draft", &[("max_drawdown_pct", "null")]), NONE);
    assert_eq!(modify("nowhere", &[("max_drawdown_pct", "null")]).len(), 1);
    assert_eq!(modify("draft", &[("stop_loss_pct", "2")]), NONE);
    // No limit, as many systems write it.
    for value in ["0", "0.0", "-1", "off", "\"\"", "false", "none"] {
        let found = modify("draft", &[("stop_loss_pct", value)]);
        assert_eq!(found.first().map(String::as_str), Some(off), "{value}");
        let unknown = modify("draft", &[("max_drawdown_pct", value)]);
        assert!(
            unknown.iter().any(|fired| fired.starts_with("safety_off")),
            "{value}"
        );
    }
    let usual = rules_with(&[("conservative: [1, 10]", "conservative: [0, 10]")]);
    assert_eq!(
        fired_by(
            &usual,
            "modify_parameters",
            "draft",
            &[("max_drawdown_pct", "0")],
            &example()
        ),
        NONE
    );
}

#[test]
fn extreme_and_deviant_values_on_either_side() {
    let extreme = |value: &str| modify("draft", &[("leverage", value)]);
    assert_eq!(extreme("20"), NONE);
    assert_eq!(
        extreme("20.01"),
        ["extreme_value: past the extreme threshold: leverage"]
    );
    assert_eq!(
        extreme("\"50\""),
        ["extreme_value: past the extreme threshold: leverage"]
    );
    let below = rules_with(&[(
        "    extreme_above: 20\n\n  max",
        "    extreme_below: 1\n\n  max",
    )]);
    assert_eq!(
        fired_by(
            &below,
            "modify_parameters",
            "draft",
            &[("leverage", "0.9")],
            &example()
        )
        .len(),
        1
    );
    let deviant = |value: &str| modify("draft", &[("stop_loss_pct", value)]);
    assert_eq!(deviant("7"), NONE);
    assert_eq!(
        modify("draft", &[("take_profit_pct", "-4")]),
        NONE,
        "two standard deviations are not more than two"
    );
    assert_eq!(
        modify("draft", &[("take_profit_pct", "-4.0001")]),
        ["deviant_value: more than 2 standard deviations from the mean: take_profit_pct"]
    );
    assert_eq!(
        deviant("7.0001"),
        ["deviant_value: more than 2 standard deviations from the mean: stop_loss_pct"]
    );
    assert_eq!(deviant("13").len(), 2);
    // The extreme value that is there already is not proposed again.
    let extreme_now = situation(&[("a", target("inactive", "stop_loss_pct=13"))]);
    assert_eq!(
        fired(
            "modify_parameters",
            "a",
            &[("stop_loss_pct", "13.0")],
            &extreme_now
        ),
        NONE
    );
    assert_eq!(
        modify("draft", &[("leverage", "99"), ("take_profit_pct", "99")])
            .first()
            .unwrap(),
        "extreme_value: past the extreme threshold: leverage, take_profit_pct"
    );
}

#[test]
fn bulk_in_production() {
    let (live, names) = many(10, &target("live", ""));
    let anywhere = ["bulk: bulk operation (10 targets)"];
    let bulk = [
        "bulk_in_production: bulk operation in production (10 targets)",
        anywhere[0],
    ];
    assert_eq!(
        fired("modify_parameters", &names, &[("leverage", "1")], &live),
        bulk
    );
    assert_eq!(fired("analyze", &names, &[], &live), NONE);
    let (paper, names) = many(10, &target("paper", ""));
    assert_eq!(
        fired("modify_parameters", &names, &[("leverage", "1")], &paper),
        anywhere
    );
    assert_eq!(
        fired("delete_strategy", &names, &[], &paper),
        [
            anywhere[0],
            "irreversible: delete_strategy cannot be undone",
            "irreversible_bulk: delete_strategy cannot be undone, on 10 targets",
        ]
    );
    let (few, names) = many(9, &target("live", ""));
    assert_eq!(
        fired("modify_parameters", &names, &[("leverage", "1")], &few),
        NONE
    );
}

#[test]
fn real_money_and_production_data() {
    let money =
        "real_money_or_production_data: rebalance_portfolio affects real_money in production";
    let final_money = "irreversible: rebalance_portfolio cannot be undone";
    assert_eq!(
        fired(
            "rebalance_portfolio",
            "live",
            &[("position_size_pct", "1")],
            &example()
        ),
        [final_money, money]
    );
    assert_eq!(
        fired(
            "rebalance_portfolio",
            "paper",
            &[("position_size_pct", "1")],
            &example()
        ),
        [final_money]
    );
    assert_eq!(fired("delete_strategy", "live", &[], &example()).len(), 2);
    assert_eq!(fired("delete_strategy", "draft", &[], &example()).len(), 1);
}

#[test]
fn strangers() {
    let stranger = RiskContext {
        agent_registered: false,
        unattributed: true,
        ..example()
    };
    assert_eq!(
        fired("analyze", "draft", &[], &stranger),
        [
            "unregistered_agent: strategy-optimizer is not registered in rules/agents.yaml",
            "unattributed: a commit is by nobody that the rules know",
        ]
    );
}

#[test]
fn a_condition_that_fails_counts_as_fired_and_says_so() {
    let broken = rules_with(&[("when: to_production\n", "when: affects[7] == 'x'\n")]);
    let found = fired_by(&broken, "analyze", "draft", &[], &example());
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("counts as fired, because its expression fails"),
        "{}",
        found[0]
    );
}

#[test]
fn a_condition_of_ones_own_may_use_every_fact() {
    let own = "when: changes.exists(c, c.parameter == 'leverage' && c.tier != 'conservative') && session == 'test' && size(unknown_parameters) == 0\n    then: HIGH\n    reason: \"{changes} by {agent} on {target_count}, {bulk}\"\n#";
    let own = rules_with(&[
        ("when: to_production\n", own),
        ("    reason: switches", "#"),
    ]);
    let found = fired_by(
        &own,
        "modify_parameters",
        "draft",
        &[("leverage", "4")],
        &example(),
    );
    assert_eq!(
        found,
        ["to_production: leverage: 4 by strategy-optimizer on 1, false"]
    );
    assert_eq!(
        fired_by(
            &own,
            "modify_parameters",
            "draft",
            &[("leverage", "2")],
            &example()
        ),
        NONE
    );
}

#[test]
fn a_trigger_to_medium_lifts_no_further() {
    let delete = recommend("delete_strategy", "draft", &[]);
    let assessment = assess(&delete, &example(), rules());
    assert_eq!(assessment.score.to_string(), "50.00");
    let json = serde_json::to_string(&assessment.triggers).unwrap();
    assert_eq!(
        json,
        r#"[{"id":"irreversible","reason":"delete_strategy cannot be undone","then":{"level":"MEDIUM","score":50.0}}]"#
    );
    let lifted = |rules: &Rules| {
        let assessment = assess(&delete, &example(), rules);
        assessment.score.to_string()
    };
    let own = rules_with(&[(
        "  # medium_trigger_score: 50",
        "  medium_trigger_score: 31.5",
    )]);
    assert_eq!(lifted(&own), "31.50");
    let narrow = rules_with(&[("medium_up_to: 70", "medium_up_to: 45")]);
    assert_eq!(lifted(&narrow), "45.00");
    let wide = rules_with(&[("low_up_to: 30", "low_up_to: 60")]);
    assert_eq!(lifted(&wide), "70.00");
    let live = recommend("delete_strategy", "live", &[]);
    assert_eq!(
        assess(&live, &example(), rules()).score.to_string(),
        "75.00"
    );
}
