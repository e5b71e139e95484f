//! What guidance contradicts itself is refused, with its place and a remedy.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::*;
use crate::rules::Rules;

fn files(guidance: &str) -> RuleFiles {
    let mut files: RuleFiles = BTreeMap::new();
    for path in Rules::FILES {
        let whole = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
        files.insert(path.to_owned(), std::fs::read(whole).unwrap());
    }
    let indented: String = guidance.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("schema: countersign/parameters/v1\nparameters:\n{indented}");
    files.insert(PATH.to_owned(), text.into_bytes());
    files
}

/// Everything that is said of this guidance.
fn refused(guidance: &str) -> String {
    match Rules::read(&files(guidance)) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn what_is_of_another_type_is_refused() {
    insta::assert_snapshot!(refused("memory:\n  conservative: [64Mi, 512Mi]"), @r#"
    rules/parameters.yaml:4:20: parameters.memory.conservative[0]: expected a number, found the text `64Mi`: give `type: quantity` for such values
    rules/parameters.yaml:4:26: parameters.memory.conservative[1]: expected a number, found the text `512Mi`: give `type: quantity` for such values
    "#);
    insta::assert_snapshot!(refused("memory:\n  type: quantity\n  conservative: [64 MiB, 512]\n  moderate: {any_of: [true]}\n  extreme_above: 24h"), @r#"
    rules/parameters.yaml:7:20: parameters.memory.extreme_above: expected a quantity such as `512Mi`, `500m` or `2`, found the text `24h`
    rules/parameters.yaml:5:20: parameters.memory.conservative[0]: expected a quantity such as `512Mi`, `500m` or `2`, found the text `64 MiB`: did you mean `64Mi`?
    rules/parameters.yaml:6:25: parameters.memory.moderate.any_of[0]: expected a quantity such as `512Mi`, `500m` or `2`, found `true`
    "#);
    insta::assert_snapshot!(refused("wait:\n  type: duration\n  conservative: [-1h, 30]\n  mean: 1h\n  standard_deviation: 5"), @r#"
    rules/parameters.yaml:7:25: parameters.wait.standard_deviation: expected a duration such as `30s`, `1h30m` or `7d`, found the number `5`
    rules/parameters.yaml:5:20: parameters.wait.conservative[0]: expected a duration such as `30s`, `1h30m` or `7d`, found the text `-1h`
    rules/parameters.yaml:5:25: parameters.wait.conservative[1]: expected a duration such as `30s`, `1h30m` or `7d`, found the number `30`
    "#);
    insta::assert_snapshot!(refused("image:\n  type: text\n  conservative: [a, b]\n  extreme_above: z\n  change: {conservative: 10 %}"), @r#"
    rules/parameters.yaml:6:20: parameters.image.extreme_above: text has no order: remove it, or give another `type`
    rules/parameters.yaml:5:5: parameters.image.conservative: text has no order: expected `{any_of: [...]}` or `{matches: REGEX}`
    rules/parameters.yaml:7:28: parameters.image.change.conservative: text has no order, so it cannot move by so much: remove `change`
    "#);
    insta::assert_snapshot!(refused("image:\n  type: boolean\n  conservative: {matches: 'x'}\n  moderate: {any_of: [yes please]}\n  unit: EUR"), @r#"
    rules/parameters.yaml:7:11: parameters.image.unit: only a number has a unit: give `type: number`, or remove it
    rules/parameters.yaml:5:29: parameters.image.conservative.matches: only text matches an expression: give `type: text`, or a range
    rules/parameters.yaml:6:25: parameters.image.moderate.any_of[0]: expected `true` or `false`, found the text `yes please`
    "#);
    insta::assert_snapshot!(refused("tags:\n  type: list\n  conservative: {any_of: [a]}"), @"rules/parameters.yaml:5:5: parameters.tags.conservative: a list has no tiers of its own: give them to `each` of its elements, or to how many are `added` and `removed`");
    insta::assert_snapshot!(refused("limits:\n  type: mapping\n  conservative: {any_of: [a]}\n  safety_control: true"), @r#"
    rules/parameters.yaml:6:21: parameters.limits.safety_control: a mapping is none by itself: say it of its parts, such as `limits.memory`
    rules/parameters.yaml:5:5: parameters.limits.conservative: a mapping has no tiers of its own: give them to its parts, such as `limits.memory`
    "#);
    insta::assert_snapshot!(refused("size:\n  conservative: [1, 2]\n  each: {conservative: {any_of: [a]}}"), @"rules/parameters.yaml:5:5: parameters.size.each: is for lists: give `type: list`, or remove it");
    insta::assert_snapshot!(refused("tags:\n  type: list\n  each: {type: duration, conservative: [1, 2]}\n  removed: {conservative: 3, moderate: 3}"), @r#"
    rules/parameters.yaml:5:43: parameters.tags.each.conservative[0]: expected a duration such as `30s`, `1h30m` or `7d`, found the number `1`
    rules/parameters.yaml:5:46: parameters.tags.each.conservative[1]: expected a duration such as `30s`, `1h30m` or `7d`, found the number `2`
    rules/parameters.yaml:6:42: parameters.tags.removed.moderate: must be more than in the milder tier
    "#);
    insta::assert_snapshot!(refused("kind:\n  type: number or text"), @"rules/parameters.yaml:4:11: parameters.kind.type: unknown value `number or text`: expected one of `number`, `quantity`, `duration`, `text`, `boolean`, `list`, `mapping`");
}

#[test]
fn what_contradicts_itself_is_refused() {
    insta::assert_snapshot!(refused("size:\n  type: quantity\n  conservative: [1Gi, 512Mi]"), @"rules/parameters.yaml:5:5: parameters.size.conservative: the range is empty: expected `[from, to]` with from not above to");
    insta::assert_snapshot!(refused("size:\n  conservative: [0, 10]\n  moderate: [2, 8]"), @"rules/parameters.yaml:5:5: parameters.size.moderate: never counts, because `conservative` holds all of it: widen it, or remove it");
    insta::assert_snapshot!(refused("size:\n  conservative: [0, 3]\n  moderate: [5, 10]\n  aggressive: [3, 5]"), @"rules/parameters.yaml:6:5: parameters.size.aggressive: lies between milder tiers, so that a value further away would be less risky: let each tier reach beyond the milder ones");
    insta::assert_snapshot!(refused("size:\n  conservative: [10, 20]\n  moderate: [30, 40]\n  aggressive: [25, 60]"), @"rules/parameters.yaml:6:5: parameters.size.aggressive: lies between milder tiers, so that a value further away would be less risky: let each tier reach beyond the milder ones");
    insta::assert_snapshot!(refused("size:\n  conservative: {any_of: [1, 2]}\n  moderate: {any_of: [2.0, 3]}"), @"rules/parameters.yaml:5:16: parameters.size.moderate.any_of: `2.0` never counts here, because `conservative` holds it: remove it from one of them");
    insta::assert_snapshot!(refused("size:\n  conservative: [0, 10]\n  extreme_above: 5"), @"rules/parameters.yaml:5:20: parameters.size.extreme_above: values that are `conservative` are past it: move the threshold, or the tier");
    insta::assert_snapshot!(refused("size:\n  conservative: [6, 7]\n  aggressive: [0, 5]\n  extreme_below: 6"), @"rules/parameters.yaml:6:20: parameters.size.extreme_below: values that are `aggressive` are past it: move the threshold, or the tier");
    insta::assert_snapshot!(refused("size:\n  extreme_above: 5\n  extreme_below: 6"), @"rules/parameters.yaml:5:20: parameters.size.extreme_below: is above `extreme_above`, so that every value is extreme: exchange the two");
    insta::assert_snapshot!(refused("size:\n  mean: 7\n  standard_deviation: 1\n  extreme_above: 5"), @"rules/parameters.yaml:6:20: parameters.size.extreme_above: the mean is past it: move the threshold, or the mean");
    insta::assert_snapshot!(refused("size:\n  change: {conservative: 10 %, moderate: 5 %}"), @"rules/parameters.yaml:4:44: parameters.size.change.moderate: must be farther than in the milder tier");
    insta::assert_snapshot!(refused("size:\n  change: {conservative: 10 %, moderate: 5}"), @"rules/parameters.yaml:4:44: parameters.size.change.moderate: is measured otherwise than the milder tier: give all in percent, or none");
    insta::assert_snapshot!(refused("size:\n  change: {conservative: -10 %, moderate: far}"), @"rules/parameters.yaml:4:28: parameters.size.change.conservative: expected more than 0");
    insta::assert_snapshot!(refused("size:\n  change: {}"), @"rules/parameters.yaml:4:5: parameters.size.change: names no tier, so that every change is beyond all: give `conservative`, `moderate` or `aggressive`");
    insta::assert_snapshot!(refused("size:\n  conservative: {any_of: [1], matches: x}\n  moderate: {}"), @r#"
    rules/parameters.yaml:4:5: parameters.size.conservative: expected exactly one of `any_of` and `matches`
    rules/parameters.yaml:5:5: parameters.size.moderate: expected exactly one of `any_of` and `matches`
    "#);
    insta::assert_snapshot!(refused("image:\n  conservative: {matches: 'a('}"), @r#"rules/parameters.yaml:4:29: parameters.image.conservative.matches: not a regular expression: unclosed group; `\` stands before a character that means itself"#);
    insta::assert_snapshot!(refused("limits:\n  conservative: [1, 2]\nlimits.memory:\n  conservative: [1, 2]"), @"rules/parameters.yaml:5:3: parameters.limits.memory: is a part of `limits`, which is no mapping: give `limits` nothing but `type: mapping`, or rename one of them");
    // What is legitimate: risk grows on one side, or on both, and a gap between whole numbers.
    for fine in [
        "size:\n  conservative: [5, 10]\n  moderate: [3, 5]\n  aggressive: [0, 3]",
        "size:\n  conservative: [4, 6]\n  moderate: [3, 7]\n  aggressive: [0, 10]\n  extreme_above: 8",
        "size:\n  conservative: [1, 3]\n  moderate: [4, 9]\n  aggressive: [1, 20]",
        "size:\n  change: {moderate: 5}",
        "limits.memory.max:\n  conservative: [1, 2]",
    ] {
        assert_eq!(refused(fine), "", "{fine}");
    }
}

#[test]
fn conditions_that_never_count_are_refused() {
    let usual = "size:\n  conservative: [1, 3]\n  where:\n";
    let refused = |entries: &str| refused(&format!("{usual}{entries}"));
    insta::assert_snapshot!(refused("    - moderate: [1, 2]"), @"rules/parameters.yaml:6:9: parameters.size.where[0]: has no condition, so that nothing outside of `where` would ever count: expected `environment`, `label` or `action`");
    insta::assert_snapshot!(refused("    - environment: [paper, live]\n    - {environment: paper, action: optimize}"), @"rules/parameters.yaml:7:9: parameters.size.where[1]: never counts, because `where[0]` holds wherever this does: put it first, or remove it");
    insta::assert_snapshot!(refused("    - label: {tier: [a, b]}\n    - label: {tier: a, team: x}"), @"rules/parameters.yaml:7:9: parameters.size.where[1]: never counts, because `where[0]` holds wherever this does: put it first, or remove it");
    insta::assert_snapshot!(refused("    - environment: papr\n    - action: optimise"), @r#"
    rules/parameters.yaml:6:22: parameters.size.where[0].environment: `papr` is not an environment of `rules/governance.yaml`: did you mean `paper`? expected one of development, inactive, live, paper, production, staging, test
    rules/parameters.yaml:7:17: parameters.size.where[1].action: `optimise` is not an action of `rules/actions.yaml`: did you mean `optimize`? expected one of analyze, create_strategy, delete_strategy, modify_parameters, optimize, promote_strategy, query_documentation, rebalance_portfolio
    "#);
    insta::assert_snapshot!(refused("    - label: {Tier: a}"), @"rules/parameters.yaml:6:17: parameters.size.where[0].label.Tier: `Tier` is not a label name: expected 1 to 64 of a-z, 0-9 and `-_./`, starting with a letter or digit");
    insta::assert_snapshot!(refused("    - label: {tier: []}"), @"rules/parameters.yaml:6:17: parameters.size.where[0].label.tier: never holds: expected at least one");
    insta::assert_snapshot!(refused("    - label: tier"), @"rules/parameters.yaml:6:16: parameters.size.where[0].label: expected a mapping, found the text `tier`");
    insta::assert_snapshot!(refused("    - labels: {tier: a}"), @"rules/parameters.yaml:6:9: parameters.size.where[0].labels: unknown key `labels`: did you mean `label`? expected one of `environment`, `label`, `action`, `conservative`, `moderate`, `aggressive`, `mean`, `standard_deviation`, `extreme_above`, `extreme_below`, `change`, `each`, `added`, `removed`");
    insta::assert_snapshot!(refused("    - environment: paper\n      moderate: [2, 1]"), @"rules/parameters.yaml:7:9: parameters.size.where[0].moderate: the range is empty: expected `[from, to]` with from not above to");
    let many: String = (0..201)
        .map(|index| format!("    - label: {{tier: t{index}}}\n"))
        .collect();
    insta::assert_snapshot!(refused(&many), @"rules/parameters.yaml:2:1: parameters: there are 201 entries of `where`: at most 200; name several environments, labels or actions in one");
    assert_eq!(
        refused("    - {environment: paper, action: optimize}\n    - environment: paper"),
        ""
    );
}

#[test]
fn what_would_take_exponential_time_elsewhere_takes_linear_time() {
    let pattern = Pattern::parse("(a+)+(a|aa)*b?c").unwrap();
    let value = "a".repeat(60_000);
    let begun = Instant::now();
    assert!(!pattern.matches(&value));
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let many: String = (0..101)
        .map(|index| format!("p{index}: {{conservative: {{matches: a}}}}\n"))
        .collect();
    insta::assert_snapshot!(refused(&many), @"rules/parameters.yaml:2:1: parameters: there are 101 regular expressions: at most 100; list values by `any_of` instead");
}
