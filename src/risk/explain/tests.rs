//! The explanation as people read it, word for word; and that no text of an agent passes for ours.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::documents::Role;
use crate::risk::fixtures::{example, recommend, rules};
use crate::risk::{RiskContext, assess, assess_governance_change};

fn asks(role: Role, approvals: u32, justification: bool) -> Requirement {
    Requirement {
        role,
        approvals,
        justification,
    }
}

fn explained(recommendation: &Recommendation, situation: &RiskContext) -> (String, String) {
    let assessment = assess(recommendation, situation, rules());
    let required = match assessment.level {
        Level::Low => asks(Role::None, 0, false),
        Level::Medium => asks(Role::Reviewer, 1, false),
        Level::High => asks(Role::Admin, 1, true),
    };
    let explanation = Explanation::of(recommendation, situation, rules(), &assessment, required);
    (explanation.plain(), explanation.markdown())
}

#[test]
fn the_example_dialog() {
    let changes = [("trading_mode", "live"), ("stop_loss_pct", "8")];
    let (plain, markdown) = explained(&recommend("optimize", "paper", &changes), &example());
    assert_eq!(
        plain,
        "\
HIGH RISK (score 75.00)

This is HIGH risk because:
  +40.00 environment: live (recommendation.yaml): counts as production, where the proposal moves it
  +22.50 parameters: stop_loss_pct: 8, trading_mode: live (rules/parameters.yaml): stop_loss_pct 8 is aggressive; the riskiest of 2 changes counts
  +0.00 scope: 1 target (recommendation.yaml): single entity
  +5.00 reversibility: effort (rules/actions.yaml): optimize takes effort to reverse
  HIGH in any case, to_production: switches from test to production (live)
  HIGH in any case, deviant_value: more than 2 standard deviations from the mean: stop_loss_pct

To make it less risky:
  stop_loss_pct: 7, trading_mode: paper reaches MEDIUM 47.50
  stop_loss_pct: 3, trading_mode: inactive reaches LOW 25.00

It needs the approval of an admin, with a justification.
"
    );
    assert_eq!(
        markdown,
        "\
**HIGH RISK (score 75.00)**

This is HIGH risk because:

- `+40.00 environment: live (recommendation.yaml): counts as production, where the proposal moves it`
- `+22.50 parameters: stop_loss_pct: 8, trading_mode: live (rules/parameters.yaml): stop_loss_pct 8 is aggressive; the riskiest of 2 changes counts`
- `+0.00 scope: 1 target (recommendation.yaml): single entity`
- `+5.00 reversibility: effort (rules/actions.yaml): optimize takes effort to reverse`
- `HIGH in any case, to_production: switches from test to production (live)`
- `HIGH in any case, deviant_value: more than 2 standard deviations from the mean: stop_loss_pct`

To make it less risky:

- `stop_loss_pct: 7, trading_mode: paper reaches MEDIUM 47.50`
- `stop_loss_pct: 3, trading_mode: inactive reaches LOW 25.00`

It needs the approval of an admin, with a justification.
"
    );
}

#[test]
fn low_says_why_and_asks_for_nothing() {
    let (plain, _) = explained(&recommend("analyze", "live", &[]), &example());
    assert_eq!(
        plain,
        "\
LOW RISK (score 0.00)

This is LOW risk because:
  +0.00 environment: live (targets/live.yaml): the action has no effect on its targets
  +0.00 parameters: no change (recommendation.yaml): nothing changes
  +0.00 scope: 1 target (recommendation.yaml): single entity
  +0.00 reversibility: easy (rules/actions.yaml): analyze has no effect to reverse

It needs no approval.
"
    );
}

#[test]
fn a_trigger_that_no_edit_removes_is_marked() {
    let stranger = RiskContext {
        agent_registered: false,
        ..example()
    };
    let (plain, _) = explained(
        &recommend("modify_parameters", "draft", &[("stop_loss_pct", "15")]),
        &stranger,
    );
    assert!(plain.contains(
        "unregistered_agent: strategy-optimizer is not registered in rules/agents.yaml (no edit removes this)\n"
    ));
    assert!(
        plain.contains("past the extreme threshold: stop_loss_pct\n"),
        "{plain}"
    );
    assert!(plain.contains("\nNo edit that was tried makes it less risky.\n"));
}

#[test]
fn a_trigger_to_medium_says_how_far_it_lifts() {
    let (plain, markdown) = explained(&recommend("delete_strategy", "draft", &[]), &example());
    assert_eq!(
        plain,
        "\
MEDIUM RISK (score 50.00)

This is MEDIUM risk because:
  +0.00 environment: inactive (targets/draft.yaml): counts 0 points
  +0.00 parameters: no change (recommendation.yaml): nothing changes
  +0.00 scope: 1 target (recommendation.yaml): single entity
  +10.00 reversibility: irreversible (rules/actions.yaml): delete_strategy is irreversible
  lifts to at least MEDIUM 50.00, irreversible: delete_strategy cannot be undone (no edit removes this)

No edit that was tried makes it less risky.

It needs the approval of a reviewer.
"
    );
    assert!(markdown.contains(
        "\n- `lifts to at least MEDIUM 50.00, irreversible: delete_strategy cannot be undone (no edit removes this)`\n"
    ));
}

#[test]
fn an_edit_that_reaches_no_lower_level_says_so() {
    let stranger = RiskContext {
        agent_registered: false,
        ..example()
    };
    let (plain, _) = explained(
        &recommend("rebalance_portfolio", "live", &[("leverage", "15")]),
        &stranger,
    );
    assert!(
        plain.contains("\nNo edit that was tried reaches a lower level. What lowers the score most:\n  leverage: 10 lowers the score to HIGH 75.00\n"),
        "{plain}"
    );
}

#[test]
fn edits_are_said_in_words() {
    let (plain, _) = explained(
        &recommend(
            "optimize",
            "live",
            &[("warp", "1"), ("stop_loss_pct", "15"), ("leverage", "1")],
        ),
        &example(),
    );
    assert!(
        plain.contains("  stop_loss_pct: 7, without warp reaches MEDIUM 67.50\n"),
        "{plain}"
    );
    assert!(
        plain.contains("  stop_loss_pct: 3, without warp, only on paper reaches LOW 25.00 (on one rehearsal target first)\n"),
        "{plain}"
    );
}

#[test]
fn a_governance_change_is_high_by_itself() {
    let paths = [
        "rules/people.yaml".to_owned(),
        "targets/a\n@b.yaml".to_owned(),
    ];
    let assessment = assess_governance_change(&paths, rules());
    let required = asks(Role::Admin, 1, true);
    assert_eq!(
        Explanation::of_governance_change(&assessment, required).plain(),
        "\
HIGH RISK (score 75.00)

This is HIGH risk because:
  HIGH in any case, governance_change: changes what decisions are made by: 'rules/people.yaml', 'targets/a\\n\\u{40}b.yaml' (no edit removes this)

No edit that was tried makes it less risky.

It needs the approval of an admin, with a justification.
"
    );
    let many: Vec<String> = (0..9)
        .map(|index| format!("targets/{index}.yaml"))
        .collect();
    let assessment = assess_governance_change(&many, rules());
    assert!(
        assessment
            .triggers
            .first()
            .unwrap()
            .reason
            .ends_with(" and 4 more")
    );
}

/// What an agent can put into a value, a parameter's value or an environment's name.
const ATTACKS: [&str; 14] = [
    "x` **LOW RISK** `",
    "```\n# LOW RISK\n```",
    "live\n\nIt needs no approval.",
    "live\r  +0.00 environment: inactive",
    "\u{1b}[2K\u{1b}[1A+0.00",
    "\u{202e}eruces si siht",
    "a\u{200b}b\u{feff}c\u{2028}d",
    "@carol please approve",
    "<script>alert(1)</script><!--",
    "[approve](https://evil.example)",
    "![](https://evil.example/pixel.png)",
    "www.evil.example https://evil.example",
    "fixes #1, owner/repo#2",
    "| a | b |\n|---|---|",
];

#[test]
fn nothing_of_an_agent_s_comes_through_as_more_than_text() {
    for attack in ATTACKS {
        for parameter in ["trading_mode", "stop_loss_pct", "warp"] {
            let mut proposal = recommend("modify_parameters", "draft", &[("leverage", "1")]);
            proposal
                .changes
                .insert(parameter.parse().unwrap(), attack.into());
            let mut nested = proposal.clone();
            let list = Value::List(vec![
                attack.into(),
                Value::Map([(attack.to_owned(), attack.into())].into()),
            ]);
            nested.changes.insert(parameter.parse().unwrap(), list);
            for proposal in [proposal, nested] {
                let (plain, markdown) = explained(&proposal, &example());
                let harmless = explained(
                    &recommend(
                        "modify_parameters",
                        "draft",
                        &[("leverage", "1"), (parameter, "zz")],
                    ),
                    &example(),
                );
                assert_eq!(plain.lines().count(), harmless.0.lines().count(), "{plain}");
                for text in [&plain, &markdown] {
                    for forbidden in [
                        "@", "<", "](", "![", "://", "www.", "#1", "#2", "\r", "\u{1b}", "\n#",
                        "\n|",
                    ] {
                        assert!(
                            !text.contains(forbidden),
                            "{attack:?} put {forbidden:?} into {text}"
                        );
                    }
                    let visible = |c: char| c == '\n' || c == '…' || (' '..='~').contains(&c);
                    assert!(text.chars().all(visible), "{text:?}");
                    assert_eq!(
                        text.lines()
                            .filter(|line| line.starts_with("It needs"))
                            .count(),
                        1
                    );
                }
                for line in markdown.lines().filter(|line| line.starts_with('-')) {
                    let inside = line
                        .strip_prefix("- `")
                        .and_then(|line| line.strip_suffix('`'))
                        .unwrap();
                    assert!(!inside.contains('`'), "{line}");
                }
                let structural = |line: &&str| !line.starts_with("- `") && !line.is_empty();
                assert!(
                    markdown.lines().filter(structural).count() <= 4,
                    "{markdown}"
                );
            }
        }
    }
}

#[test]
fn records_read_back_are_escaped_as_well() {
    let attack = "x`\n**LOW**\n@carol <b> [a](https://b)";
    let mut assessment = assess(&recommend("analyze", "", &[]), &example(), rules());
    for factor in &mut assessment.factors {
        for text in [
            &mut factor.name,
            &mut factor.input,
            &mut factor.source,
            &mut factor.reason,
        ] {
            attack.clone_into(text);
        }
    }
    let required = asks(Role::None, 0, false);
    let explanation = Explanation::of_governance_change(&assessment, required);
    for text in [explanation.plain(), explanation.markdown()] {
        assert!(
            !text.contains('@')
                && !text.contains('<')
                && !text.contains("](")
                && !text.contains("\n**LOW**"),
            "{text}"
        );
        assert_eq!(
            text.lines().filter(|line| line.contains("+0.00")).count(),
            4
        );
    }
}
