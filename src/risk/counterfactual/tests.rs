//! Every edit that is offered reaches what it promises, and no smaller one does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;
use crate::risk::fixtures::{
    changes, example, many, proposals, recommend, rules, rules_with, situation, target,
};
use crate::risk::{KnownTarget, assess};

/// What is offered, one line each, after every reduction was applied and assessed again.
fn offered_by(
    rules: &Rules,
    recommendation: &Recommendation,
    situation: &RiskContext,
) -> Vec<String> {
    let assessment = assess(recommendation, situation, rules);
    let found = advise(recommendation, situation, rules, &assessment).reductions;
    for reduction in &found {
        let again = assess(&reduction.apply(recommendation), situation, rules);
        assert_eq!(
            (again.score, again.level),
            (reduction.score, reduction.level),
            "{reduction:?}"
        );
        let is_lower = again.level < assessment.level;
        assert!(is_lower || (found.len() == 1 && again.level == assessment.level));
        assert!(again.score < assessment.score || (is_lower && again.score == assessment.score));
        let invalid = validity::problems("", &reduction.apply(recommendation), situation, rules);
        assert!(invalid.is_empty(), "{reduction:?} is invalid: {invalid:?}");
    }
    let line = |reduction: &Reduction| {
        let edits = serde_json::to_string(&reduction.edits).unwrap();
        let note = reduction
            .note
            .map(|note| format!(" ({note})"))
            .unwrap_or_default();
        format!("{edits} {} {}{note}", reduction.level, reduction.score)
    };
    found.iter().map(line).collect()
}

fn offered(action: &str, targets: &str, changes: &[(&str, &str)]) -> Vec<String> {
    offered_by(rules(), &recommend(action, targets, changes), &example())
}

const NOTHING: [String; 0] = [];

#[test]
fn a_value_is_brought_to_the_nearest_bound_that_is_enough() {
    assert_eq!(
        offered("modify_parameters", "draft", &[("stop_loss_pct", "15")]),
        [r#"{"stop_loss_pct":7} LOW 22.50"#]
    );
    assert_eq!(
        offered("modify_parameters", "live", &[("stop_loss_pct", "15")]),
        [
            r#"{"stop_loss_pct":7} MEDIUM 62.50"#,
            r#"{"stop_loss_pct":7,"targets":["draft"]} LOW 22.50 (on one rehearsal target first)"#
        ]
    );
    assert_eq!(
        offered("modify_parameters", "paper", &[("leverage", "12")]),
        [r#"{"leverage":2} LOW 20.00"#]
    );
}

#[test]
fn it_is_tried_on_the_rehearsal_first() {
    assert_eq!(
        offered("modify_parameters", "live", &[("stop_loss_pct", "2")]),
        [r#"{"targets":["paper"]} LOW 20.00 (on one rehearsal target first)"#]
    );
    assert_eq!(
        offered("modify_parameters", "live paper", &[("stop_loss_pct", "2")]),
        [r#"{"targets":["paper"]} LOW 20.00 (only the targets outside production)"#]
    );
}

#[test]
fn a_value_that_is_not_enough_by_itself_goes_with_the_rehearsal() {
    assert_eq!(
        offered("modify_parameters", "paper", &[("stop_loss_pct", "13")]),
        [
            r#"{"stop_loss_pct":7} MEDIUM 42.50"#,
            r#"{"stop_loss_pct":2} LOW 20.00"#
        ]
    );
    assert_eq!(
        offered("optimize", "paper", &[("leverage", "21")]),
        [
            r#"{"leverage":20} MEDIUM 55.00"#,
            r#"{"leverage":2} LOW 25.00"#
        ]
    );
    assert_eq!(
        offered("optimize", "live", &[("leverage", "21")]),
        [
            r#"{"leverage":10} MEDIUM 67.50"#,
            r#"{"leverage":2,"targets":["paper"]} LOW 25.00 (on one rehearsal target first)"#
        ]
    );
}

#[test]
fn a_safety_control_stays_on() {
    assert_eq!(
        offered(
            "modify_parameters",
            "draft",
            &[("stop_loss_enabled", "false"), ("leverage", "1")]
        ),
        [r#"{"stop_loss_enabled":true} LOW 0.00"#]
    );
    assert_eq!(
        offered(
            "modify_parameters",
            "draft",
            &[("stop_loss_enabled", "false")]
        ),
        [r#"{"stop_loss_enabled":true} LOW 0.00 (which leaves everything as it is)"#]
    );
    assert_eq!(
        offered(
            "modify_parameters",
            "draft",
            &[("stop_loss_pct", "null"), ("leverage", "1")]
        ),
        [r#"{"drop":["stop_loss_pct"]} LOW 0.00"#]
    );
}

#[test]
fn an_environment_is_entered_later() {
    assert_eq!(
        offered(
            "modify_parameters",
            "draft",
            &[("trading_mode", "live"), ("leverage", "2")]
        ),
        [r#"{"trading_mode":"paper"} LOW 20.00"#]
    );
    assert_eq!(
        offered("create_strategy", "fresh", &[("leverage", "2")]),
        [r#"{"trading_mode":"paper"} LOW 20.00"#]
    );
    assert_eq!(
        offered(
            "create_strategy",
            "fresh",
            &[("leverage", "4"), ("trading_mode", "live")]
        ),
        [
            r#"{"trading_mode":"paper"} MEDIUM 35.00"#,
            r#"{"trading_mode":"inactive"} LOW 15.00"#
        ]
    );
}

#[test]
fn fewer_targets() {
    let (live, names) = many(12, &target("live", ""));
    let found = offered_by(
        rules(),
        &recommend("modify_parameters", &names, &[("leverage", "2")]),
        &live,
    );
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("MEDIUM 50.00 (fewer targets than make it a bulk operation)"),
        "{found:?}"
    );
    assert!(
        found[0].contains(r#""t8""#) && !found[0].contains(r#""t9""#),
        "{found:?}"
    );
    let mixed = situation(&[
        ("a", target("live", "")),
        ("b", target("inactive", "")),
        ("c", target("inactive", "")),
    ]);
    assert_eq!(
        offered_by(rules(), &recommend("delete_strategy", "a b c", &[]), &mixed),
        [r#"{"targets":["b","c"]} MEDIUM 50.00 (only the targets outside production)"#]
    );
}

#[test]
fn an_unknown_parameter_is_left_out() {
    assert_eq!(
        offered(
            "modify_parameters",
            "paper",
            &[("warp", "9"), ("leverage", "2")]
        ),
        [r#"{"drop":["warp"]} LOW 20.00"#]
    );
    // Nothing would be left, and an empty proposal is invalid: only another target helps.
    assert_eq!(
        offered("modify_parameters", "paper", &[("warp", "9")]),
        [r#"{"targets":["draft"]} LOW 30.00 (on one rehearsal target first)"#]
    );
}

#[test]
fn numbers_at_the_end_of_the_scale_do_no_harm() {
    for value in [
        "18446744073709551615",
        "-9223372036854775808",
        "1.5e20",
        "-0.000000000000001",
    ] {
        offered(
            "modify_parameters",
            "draft",
            &[("stop_loss_pct", value), ("leverage", value)],
        );
    }
}

#[test]
fn parameters_named_like_the_other_edits_are_only_dropped() {
    let own = rules_with(&[(
        "  leverage:\n",
        "  targets:\n    conservative: [0, 1]\n  drop:\n    conservative: [0, 1]\n  leverage:\n",
    )]);
    let changes = [("targets", "5"), ("drop", "5"), ("leverage", "1")];
    assert_eq!(
        offered_by(
            &own,
            &recommend("modify_parameters", "paper", &changes),
            &example()
        ),
        [r#"{"targets":["draft"]} LOW 30.00 (on one rehearsal target first)"#,]
    );
    let alone = situation(&[("a", target("paper", ""))]);
    assert_eq!(
        offered_by(&own, &recommend("modify_parameters", "a", &changes), &alone),
        [r#"{"drop":["drop","targets"]} LOW 20.00"#]
    );
}

#[test]
fn a_bound_that_is_so_already_is_passed() {
    // 3 is the conservative bound and the present value of every target.
    let alone = situation(&[("live", target("live", "")), ("draft", target("paper", ""))]);
    let with_rehearsal = |rehearsal: &str| {
        let parameters = "stop_loss_pct=3.0 stop_loss_enabled=true";
        let live = KnownTarget {
            rehearsal: Some(rehearsal.parse().unwrap()),
            ..target("live", parameters)
        };
        situation(&[("live", live), (rehearsal, target("paper", parameters))])
    };
    let proposal = recommend("modify_parameters", "live", &[("stop_loss_pct", "4")]);
    assert_eq!(
        offered_by(rules(), &proposal, &with_rehearsal("paper")),
        [r#"{"stop_loss_pct":2,"targets":["paper"]} LOW 20.00 (on one rehearsal target first)"#]
    );
    assert_eq!(
        offered_by(rules(), &proposal, &alone),
        [r#"{"stop_loss_pct":3} MEDIUM 40.00"#]
    );
    // The example's paper target has a rehearsal itself.
    assert_eq!(
        offered("modify_parameters", "live", &[("stop_loss_pct", "4")]),
        [r#"{"targets":["draft"]} LOW 15.00 (on one rehearsal target first)"#]
    );
}

#[test]
fn where_no_level_is_lower_the_lowest_score_is_offered() {
    let alone = situation(&[("a", target("live", "stop_loss_pct=3"))]);
    assert_eq!(
        offered_by(
            rules(),
            &recommend("modify_parameters", "a", &[("stop_loss_pct", "4")]),
            &alone
        ),
        [r#"{"stop_loss_pct":2} MEDIUM 40.00"#]
    );
    let mut proposal = recommend("rebalance_portfolio", "a", &[("leverage", "15")]);
    proposal.agent = "risk-manager".parse().unwrap();
    assert_eq!(
        offered_by(rules(), &proposal, &alone),
        [r#"{"leverage":10} HIGH 75.00"#]
    );
    let stranger = RiskContext {
        agent_registered: false,
        ..alone
    };
    let advice = advise(
        &proposal,
        &stranger,
        rules(),
        &assess(&proposal, &stranger, rules()),
    );
    assert_eq!(
        advice
            .lasting
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [
            "irreversible",
            "real_money_or_production_data",
            "unregistered_agent"
        ]
    );
}

#[test]
fn a_condition_of_ones_own_may_object_to_a_bound() {
    let own = rules_with(&[(
        "  - id: bulk\n",
        "  - id: bold\n    when: changes.exists(c, c.parameter == 'leverage' && c.value >= 1.5)\n    then: HIGH\n    reason: bold\n\n  - id: bulk\n",
    )]);
    assert_eq!(
        offered_by(
            &own,
            &recommend("modify_parameters", "draft", &[("leverage", "4")]),
            &example()
        ),
        [r#"{"leverage":1} LOW 0.00"#]
    );
}

#[test]
fn a_trigger_to_medium_leaves_only_lower_scores_or_levels_below() {
    let delete = |targets: &str, situation: &RiskContext| {
        offered_by(
            rules(),
            &recommend("delete_strategy", targets, &[]),
            situation,
        )
    };
    assert_eq!(delete("draft", &example()), NOTHING);
    let (bulk, names) = many(12, &target("inactive", ""));
    let found = delete(&names, &bulk);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("MEDIUM 50.00 (fewer targets than make it a bulk operation)"),
        "{found:?}"
    );
    let proposal = recommend("modify_parameters", &names, &[("leverage", "1")]);
    let found = offered_by(rules(), &proposal, &bulk);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("LOW 10.00 (fewer targets than make it a bulk operation)"),
        "{found:?}"
    );
}

#[test]
fn expectations_hold_on_the_other_targets_too() {
    let mut recommendation = recommend("modify_parameters", "live", &[("stop_loss_pct", "2")]);
    recommendation
        .expects
        .insert("trading_mode".parse().unwrap(), "live".into());
    assert_eq!(offered_by(rules(), &recommendation, &example()), NOTHING);
}

#[test]
fn with_the_mean_the_riskiest_few_may_be_enough() {
    let mean = rules_with(&[("aggregate: max", "aggregate: mean")]);
    let changes = [
        ("leverage", "12"),
        ("position_size_pct", "6"),
        ("stop_loss_pct", "4"),
        ("take_profit_pct", "8"),
    ];
    let found = offered_by(
        &mean,
        &recommend("modify_parameters", "paper", &changes),
        &situation(&[("paper", target("paper", ""))]),
    );
    assert_eq!(found, [r#"{"leverage":2,"position_size_pct":2} LOW 27.50"#]);
}

#[test]
fn what_no_edit_removes_is_named() {
    let lasting = |action: &str,
                   targets: &str,
                   changes: &[(&str, &str)],
                   situation: &RiskContext|
     -> Vec<String> {
        let recommendation = recommend(action, targets, changes);
        let assessment = assess(&recommendation, situation, rules());
        let advice = advise(&recommendation, situation, rules(), &assessment);
        let lasting = advice.lasting.iter();
        for id in lasting.clone() {
            let level = rules().policy.iter().find(|rule| rule.id == *id);
            let level = level.unwrap().level().unwrap();
            assert!(advice.reductions.iter().all(|edit| edit.level >= level));
        }
        lasting.map(ToString::to_string).collect()
    };
    let stranger = RiskContext {
        agent_registered: false,
        unattributed: true,
        ..example()
    };
    assert_eq!(
        lasting(
            "modify_parameters",
            "draft",
            &[("stop_loss_pct", "15")],
            &stranger
        ),
        ["unregistered_agent", "unattributed"]
    );
    assert_eq!(
        lasting(
            "modify_parameters",
            "draft",
            &[("stop_loss_pct", "15")],
            &example()
        ),
        NOTHING
    );
    assert_eq!(
        lasting(
            "promote_strategy",
            "paper",
            &[("trading_mode", "live")],
            &example()
        ),
        NOTHING
    );
    assert_eq!(
        lasting("delete_strategy", "live", &[], &example()),
        ["irreversible", "real_money_or_production_data"]
    );
    assert_eq!(
        lasting(
            "rebalance_portfolio",
            "live",
            &[("leverage", "1")],
            &example()
        ),
        ["irreversible"]
    );
    assert_eq!(
        lasting(
            "modify_parameters",
            "nowhere",
            &[("trading_mode", "live")],
            &example()
        ),
        NOTHING
    );
}

fn summed(assessment: &Assessment) -> Score {
    assessment
        .factors
        .iter()
        .map(|factor| factor.contribution)
        .sum()
}

/// The proposal with one thing changed, tried blindly. The stop loss is left alone: what is
/// conservative for it is what it has already.
fn single_edits(proposal: &Recommendation) -> Vec<Recommendation> {
    let mut edited = Vec::new();
    let values = [
        "1", "2", "4", "5", "6", "10", "11", "12", "true", "paper", "inactive",
    ];
    for name in proposal
        .changes
        .keys()
        .filter(|name| !["stop_loss_pct", "targets", "drop"].contains(&name.as_str()))
    {
        let mut without = proposal.clone();
        without.changes.remove(name);
        edited.push(without);
        // Another value is no milder way of removing a parameter.
        let removed = proposal.changes.get(name) == Some(&Value::Null);
        for value in values.into_iter().filter(|_| !removed) {
            let mut with = proposal.clone();
            with.changes
                .insert(name.clone(), Value::from_argument(value).unwrap());
            edited.push(with);
        }
    }
    for target in &proposal.targets {
        let mut alone = proposal.clone();
        alone.targets = vec![target.clone()];
        edited.push(alone);
    }
    edited
}

fn reaches(edited: &Recommendation, level: Level) -> bool {
    let situation = example();
    let subject = ScoringInput::new(edited, &situation, rules());
    let does_something = !Measured::of(&subject).parameters.changed.is_empty()
        || !matches!(subject.effect(), None | Some(Effect::Modify));
    does_something
        && validity::problems("", edited, &situation, rules()).is_empty()
        && assess(edited, &situation, rules()).level <= level
}

proptest! {
    #[test]
    fn the_score_is_the_sum_of_the_contributions_unless_lifted(proposal in proposals()) {
        let assessment = assess(&proposal, &example(), rules());
        let sum = summed(&assessment);
        let lifted = assessment.triggers.iter().map(|fired| match fired.then {
            None => Score::points(75),
            Some(lift) => lift.score,
        });
        let lifted = lifted.max().unwrap_or_default().max(sum);
        prop_assert_eq!(assessment.score, lifted);
        prop_assert_eq!(assessment.level == Level::High, lifted > Score::points(70));
    }

    #[test]
    fn reductions_reach_what_they_promise(proposal in proposals(), mean in any::<bool>()) {
        let mean_rules = rules_with(&[("aggregate: max", "aggregate: mean")]);
        let rules = if mean { &mean_rules } else { rules() };
        if validity::problems("", &proposal, &example(), rules).is_empty() {
            offered_by(rules, &proposal, &example());
        }
    }

    #[test]
    fn no_single_edit_is_overlooked(proposal in proposals()) {
        if !validity::problems("", &proposal, &example(), rules()).is_empty() {
            return Ok(());
        }
        let assessment = assess(&proposal, &example(), rules());
        let found = advise(&proposal, &example(), rules(), &assessment).reductions;
        for level in [Level::Low, Level::Medium].into_iter().filter(|level| *level < assessment.level) {
            let offered = found.iter().filter(|reduction| reduction.level <= level);
            let count = |reduction: &Reduction| match reduction.edits.get(DROP) {
                Some(Value::List(dropped)) => reduction.edits.len() - 1 + dropped.len(),
                _ => reduction.edits.len(),
            };
            let single = single_edits(&proposal).into_iter().find(|edited| reaches(edited, level));
            if let Some(edited) = single {
                prop_assert_eq!(offered.map(count).min(), Some(1), "{:?} {:?}: {:?}", edited.changes, edited.targets, found);
            }
        }
    }

    #[test]
    fn one_more_change_never_lowers_the_score(proposal in proposals(), more in changes()) {
        // A target that does not exist yet is the one case in which a claim is all there is.
        if proposal.action.as_str() == "create_strategy" {
            return Ok(());
        }
        let before = assess(&proposal, &example(), rules());
        let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut padded = proposal.clone();
        for (name, value) in recommend("analyze", "", &more).changes {
            padded.changes.entry(name).or_insert(value);
        }
        let after = assess(&padded, &example(), rules());
        prop_assert!(after.score >= before.score, "{:?} {:?}", proposal.changes, padded.changes);
        prop_assert!(after.triggers.len() >= before.triggers.len());
    }

    #[test]
    fn one_more_target_never_lowers_the_score(proposal in proposals()) {
        // Naming no target at all counts as unknown.
        if proposal.action.as_str() == "create_strategy" || proposal.targets.is_empty() {
            return Ok(());
        }
        let before = assess(&proposal, &example(), rules());
        for name in ["live", "paper", "draft", "nowhere"] {
            let mut padded = proposal.clone();
            if padded.targets.iter().all(|target| target.as_str() != name) {
                padded.targets.push(name.parse().unwrap());
            }
            prop_assert!(assess(&padded, &example(), rules()).score >= before.score);
        }
    }

    #[test]
    fn no_claim_lowers_the_risk_below_the_facts(mode in "[a-z]{0,9}|live|paper|inactive", text in ".{0,40}") {
        let mut claim = recommend("modify_parameters", "live", &[("stop_loss_pct", "2")]);
        claim.changes.insert("trading_mode".parse().unwrap(), mode.into());
        claim.details.insert(text.clone(), text.clone().into());
        claim.rationale = text;
        let plain = recommend("modify_parameters", "live", &[("stop_loss_pct", "2")]);
        prop_assert!(assess(&claim, &example(), rules()).score >= assess(&plain, &example(), rules()).score);
    }
}
