//! Values of every type, from the rules to what is said: the level, the reason and the advice.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::fixtures::{recommend, situation, target, try_rules_with};
use super::{KnownTarget, RiskContext, advise, assess, validity};
use crate::domain::documents::Assessment;
use crate::domain::problem::Problems;
use crate::domain::value::Value;
use crate::rules::Rules;

const ANCHOR: &str = "  trading_mode:\n    description";

/// The shipped rules with more guidance.
fn with(guidance: &str) -> Rules {
    try_with(guidance).unwrap_or_else(|problems| panic!("{problems}"))
}

fn try_with(guidance: &str) -> Result<Rules, Problems> {
    let indented: String = guidance.lines().map(|line| format!("  {line}\n")).collect();
    try_rules_with(&[(ANCHOR, &format!("{indented}{ANCHOR}"))])
}

const PLATFORM: &str = "\
memory:
  type: quantity
  conservative: [64Mi, 512Mi]
  moderate: [64Mi, 1Gi]
  aggressive: [64Mi, 4Gi]
  extreme_above: 16Gi
  change: {conservative: 10 %, moderate: 25 %, aggressive: 100 %}
cpu:
  type: quantity
  conservative: [100m, 2]
  aggressive: [10m, 8]
timeout:
  type: duration
  conservative: [1s, 30s]
  moderate: [1s, 5m]
  mean: 20s
  standard_deviation: 30s
  extreme_above: 1h
budget:
  unit: EUR
  conservative: [0, 100]
  change: {conservative: 10, moderate: 50}
image:
  type: text
  conservative: {any_of: [nginx]}
  moderate: {matches: 'registry\\.example/[a-z]+:v[0-9]+'}
tags:
  type: list
  each:
    conservative: {matches: '[a-z]+'}
    aggressive: {any_of: ['*']}
  added: {conservative: 2, moderate: 3}
  removed: {moderate: 1}
limits.memory:
  type: quantity
  conservative: [64Mi, 512Mi]
  moderate: [64Mi, 1Gi]
limits.cpu:
  type: quantity
  conservative: [100m, 2]
  safety_control: true
replicas:
  conservative: [1, 3]
  where:
    - environment: paper
      conservative: [0, 100]
    - label: {tier: payments}
      moderate: [2, 4]
    - action: optimize
      aggressive: [1, 10]";

fn known(environment: &str, parameters: &[(&str, &str)]) -> KnownTarget {
    let mut known = target(environment, "");
    known.parameters = parameters
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), Value::from_argument(value).unwrap()))
        .collect();
    known
}

fn labelled(environment: &str, tier: &str) -> KnownTarget {
    let mut known = target(environment, "");
    known
        .labels
        .insert("tier".parse().unwrap(), tier.to_owned());
    known
}

fn platform() -> RiskContext {
    let api = known(
        "inactive",
        &[
            ("memory", "512Mi"),
            ("cpu", "500m"),
            ("timeout", "20s"),
            ("budget", "90"),
            ("tags", r#"["a", "b", "c"]"#),
            ("limits", r#"{"memory": "256Mi", "cpu": "500m"}"#),
        ],
    );
    situation(&[
        ("api", api),
        ("bare", target("inactive", "")),
        ("staging", target("paper", "")),
        (
            "prod",
            known("live", &[("memory", "512Mi"), ("budget", "90")]),
        ),
        ("pay", labelled("inactive", "payments")),
        ("stage-pay", labelled("paper", "payments")),
    ])
}

fn assessed(targets: &str, changes: &[(&str, &str)]) -> Assessment {
    let recommendation = recommend("modify_parameters", targets, changes);
    assess(&recommendation, &platform(), &with(PLATFORM))
}

/// The reason of the parameters factor.
fn why(targets: &str, changes: &[(&str, &str)]) -> String {
    let factors = assessed(targets, changes).factors;
    factors.into_iter().nth(1).unwrap().reason
}

fn invalid(targets: &str, changes: &[(&str, &str)]) -> String {
    let recommendation = recommend("modify_parameters", targets, changes);
    let found = validity::problems("r.yaml", &recommendation, &platform(), &with(PLATFORM));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    found.join("\n")
}

fn offered(targets: &str, changes: &[(&str, &str)]) -> Vec<String> {
    let rules = with(PLATFORM);
    let recommendation = recommend("modify_parameters", targets, changes);
    let situation = platform();
    let assessment = assess(&recommendation, &situation, &rules);
    let advice = advise(&recommendation, &situation, &rules, &assessment);
    let said = advice.reductions.iter().map(|reduction| {
        let edited = reduction.apply(&recommendation);
        let again = assess(&edited, &situation, &rules);
        assert_eq!(
            (again.score, again.level),
            (reduction.score, reduction.level)
        );
        super::explain::in_words(reduction, assessment.level)
    });
    said.collect()
}

#[test]
fn amounts_are_compared_whatever_their_suffix() {
    for (value, why_it_is) in [
        ("250m", "cpu 250m is conservative"),
        ("0.25", "cpu 0.25 is conservative"),
        ("2", "cpu 2 is conservative"),
        ("2001m", "cpu 2001m is aggressive"),
        ("8001m", "cpu 8001m is beyond all tiers"),
        ("9m", "cpu 9m is beyond all tiers"),
        ("-1", "cpu -1 is beyond all tiers"),
        ("1e3", "cpu 1000.0 is beyond all tiers"),
    ] {
        assert_eq!(why("api", &[("cpu", value)]), why_it_is);
    }
    for (value, why_it_is) in [
        ("30s", "timeout 30s is conservative"),
        ("0h30s", "timeout 0h30s is conservative"),
        ("31s", "timeout 31s is moderate"),
        ("1h30m", "timeout 1h30m is beyond all tiers"),
        ("-30s", "timeout -30s is beyond all tiers"),
        ("30", "timeout 30 is beyond all tiers"),
    ] {
        assert_eq!(why("api", &[("timeout", value)]), why_it_is);
    }
}

#[test]
fn extremes_and_deviation_are_of_every_type_that_has_an_order() {
    let fired = |value: &str| -> Vec<String> {
        let triggers = assessed("api", &[("timeout", value)]).triggers;
        triggers
            .into_iter()
            .map(|fired| format!("{}: {}", fired.id, fired.reason))
            .collect()
    };
    insta::assert_snapshot!(fired("2h").join("\n"), @r#"
    extreme_value: past the extreme threshold: timeout
    deviant_value: more than 2 standard deviations from the mean: timeout
    "#);
    insta::assert_snapshot!(fired("2m").join("\n"), @"deviant_value: more than 2 standard deviations from the mean: timeout");
    insta::assert_snapshot!(fired("30s").join("\n"), @"");
    // What is no duration is not shown to be within the threshold.
    insta::assert_snapshot!(fired("7200").join("\n"), @"extreme_value: past the extreme threshold: timeout");
}

#[test]
fn the_worse_of_value_and_movement_counts() {
    let memory = |value: &str| why("api", &[("memory", value)]);
    insta::assert_snapshot!(memory("480Mi"), @"memory 480Mi is conservative, and moving it by 6.25 % from 512Mi (targets/api.yaml) is conservative");
    insta::assert_snapshot!(memory("256Mi"), @"memory 256Mi is conservative, and moving it by 50 % from 512Mi (targets/api.yaml) is aggressive");
    insta::assert_snapshot!(memory("768Mi"), @"memory 768Mi is moderate, and moving it by 50 % from 512Mi (targets/api.yaml) is aggressive");
    insta::assert_snapshot!(memory("2Gi"), @"memory 2Gi is aggressive, and moving it by 300 % from 512Mi (targets/api.yaml) is beyond all tiers");
    // Written otherwise, it does not move.
    insta::assert_snapshot!(memory("524288Ki"), @"memory 524288Ki is conservative, and moving it by 0 % from 512Mi (targets/api.yaml) is conservative");
    insta::assert_snapshot!(why("bare", &[("memory", "128Mi")]), @"memory 128Mi is conservative, and it has no present value to move from, which counts as beyond all tiers");
    // The worst of all targets.
    insta::assert_snapshot!(why("api bare", &[("memory", "500Mi")]), @"memory 500Mi is conservative, and it has no present value to move from, which counts as beyond all tiers");
    insta::assert_snapshot!(why("api", &[("budget", "100")]), @"budget 100 EUR is conservative, and moving it by 10 EUR from 90 EUR (targets/api.yaml) is conservative");
    insta::assert_snapshot!(why("api", &[("budget", "80.5")]), @"budget 80.5 EUR is conservative, and moving it by 9.5 EUR from 90 EUR (targets/api.yaml) is conservative");
    insta::assert_snapshot!(why("api", &[("budget", "5")]), @"budget 5 EUR is conservative, and moving it by 85 EUR from 90 EUR (targets/api.yaml) is beyond all tiers");
}

#[test]
fn a_text_is_in_a_tier_as_a_whole() {
    let image = |value: &str| why("api", &[("image", value)]);
    insta::assert_snapshot!(image("nginx"), @"image nginx is conservative");
    insta::assert_snapshot!(image("registry.example/api:v2"), @"image registry.example/api:v2 is moderate");
    insta::assert_snapshot!(image("evil.example/registry.example/api:v2"), @"image evil.example/registry.example/api:v2 is beyond all tiers");
    insta::assert_snapshot!(image("registry.example/api:v٢"), @"image registry.example/api:v٢ is beyond all tiers");
}

#[test]
fn a_list_is_scored_by_what_is_added_and_removed() {
    let tags = |value: &str| why("api", &[("tags", value)]);
    insta::assert_snapshot!(tags(r#"["a", "b", "c", "d"]"#), @"tags [a, b, c, d] is conservative");
    insta::assert_snapshot!(tags(r#"["a", "b", "c", "*"]"#), @"tags adds *, which is aggressive");
    insta::assert_snapshot!(tags(r#"["a", "b", "c", "D"]"#), @"tags adds D, which is beyond all tiers");
    insta::assert_snapshot!(tags(r#"["a", "b", "c", "d", "e", "f"]"#), @"tags adds 3 elements, which is moderate");
    insta::assert_snapshot!(tags(r#"["a", "b", "c", "c", "c", "c", "c"]"#), @"tags adds 4 elements, which is beyond all tiers");
    insta::assert_snapshot!(tags(r#"["a", "c"]"#), @"tags removes 1 element, which is moderate");
    insta::assert_snapshot!(tags("[]"), @"tags removes 3 elements, which is beyond all tiers");
    insta::assert_snapshot!(tags(r#"["b", "a", "c"]"#), @"tags has its elements in another order, which counts as replacing all of them and is beyond all tiers");
    insta::assert_snapshot!(why("bare", &[("tags", "[]")]), @"tags [] is beyond all tiers");
    insta::assert_snapshot!(why("bare", &[("tags", r#"["a"]"#)]), @"tags [a] is conservative");
}

#[test]
fn a_mapping_is_scored_by_each_part_that_differs() {
    let limits = |value: &str| why("api", &[("limits", value)]);
    insta::assert_snapshot!(limits(r#"{"memory": "512Mi", "cpu": "500m"}"#), @"limits.memory 512Mi is conservative");
    insta::assert_snapshot!(limits(r#"{"memory": "1Gi", "cpu": "1"}"#), @"limits.memory 1Gi is moderate; the riskiest of 2 changes counts");
    // A part that is left out is removed, and one that nobody knows hides nowhere.
    insta::assert_snapshot!(limits(r#"{"memory": "256Mi"}"#), @"limits.cpu is removed, which counts as beyond all tiers");
    insta::assert_snapshot!(limits(r#"{"memory": "256Mi", "cpu": "500m", "gpu": 1}"#), @"limits.gpu has no guidance, which counts as beyond all tiers");
    insta::assert_snapshot!(limits(r#"{"memory": {"max": "256Mi"}, "cpu": "500m"}"#), @"limits.memory {max: 256Mi} is beyond all tiers");
    insta::assert_snapshot!(limits(r#"{"memory": "256Mi", "cpu": "500m", "x.memory": "1Mi"}"#), @"limits.x.memory has no guidance, which counts as beyond all tiers");
    insta::assert_snapshot!(limits("{}"), @"limits.cpu is removed, which counts as beyond all tiers; the riskiest of 2 changes counts");
    insta::assert_snapshot!(limits("null"), @"limits is removed, which counts as beyond all tiers; the riskiest of 3 changes counts");
    insta::assert_snapshot!(limits("5"), @"limits 5 is beyond all tiers; the riskiest of 3 changes counts");
    let triggers = assessed("api", &[("limits", r#"{"memory": "256Mi"}"#)]).triggers;
    assert_eq!(triggers[0].reason, "disables a safety control: limits");
}

#[test]
fn guidance_differs_by_label_environment_and_action_and_the_worst_counts() {
    let replicas = |targets: &str, value: &str| why(targets, &[("replicas", value)]);
    insta::assert_snapshot!(replicas("bare", "50"), @"replicas 50 is beyond all tiers");
    insta::assert_snapshot!(replicas("staging", "50"), @"replicas 50 is conservative where environment is paper");
    insta::assert_snapshot!(replicas("pay", "3"), @"replicas 3 is moderate where label tier is payments");
    // The first whose conditions hold.
    insta::assert_snapshot!(replicas("stage-pay", "50"), @"replicas 50 is conservative where environment is paper");
    insta::assert_snapshot!(replicas("staging bare", "50"), @"replicas 50 is beyond all tiers");
    // What nobody knows may be anything.
    insta::assert_snapshot!(replicas("nowhere", "2"), @"replicas 2 is moderate where label tier is payments");
}

#[test]
fn no_claim_chooses_a_milder_entry() {
    // Moving to staging in the same proposal: the present environment counts, too.
    let moved = [("replicas", "50"), ("trading_mode", "paper")];
    insta::assert_snapshot!(why("bare", &moved), @"replicas 50 is beyond all tiers; the riskiest of 2 changes counts");
    // An environment that nobody knows.
    let moved = [("replicas", "50"), ("trading_mode", "moon")];
    insta::assert_snapshot!(why("staging", &moved), @"replicas 50 is beyond all tiers; the riskiest of 2 changes counts");
    // Labels among the changes are parameters like any other.
    let labelled = [("labels", r#"{"tier": "internal"}"#), ("replicas", "1")];
    insta::assert_snapshot!(why("pay", &labelled), @"labels has no guidance, which counts as beyond all tiers; the riskiest of 2 changes counts");
    // A new target has no label, and an action says nothing of an agent that may not propose it.
    let rules = with(PLATFORM);
    let said = |agent: &str, action: &str, registered: bool| {
        let mut asked = recommend(action, "bare", &[("replicas", "8")]);
        asked.agent = agent.parse().unwrap();
        let mut situation = platform();
        situation.agent_registered = registered;
        let assessment = assess(&asked, &situation, &rules);
        assessment.factors.into_iter().nth(1).unwrap().reason
    };
    insta::assert_snapshot!(said("strategy-optimizer", "optimize", true), @"replicas 8 is aggressive where action is optimize");
    insta::assert_snapshot!(said("strategy-optimizer", "modify_parameters", true), @"replicas 8 is beyond all tiers");
    insta::assert_snapshot!(said("market-analyst", "optimize", true), @"replicas 8 is beyond all tiers");
    insta::assert_snapshot!(said("stranger", "optimize", false), @"replicas 8 is beyond all tiers");
}

#[test]
fn a_value_of_another_type_is_invalid_with_what_was_probably_meant() {
    for (name, value) in [
        ("memory", "512 MiB"),
        ("memory", "lots"),
        ("memory", "true"),
        ("timeout", "30"),
        ("timeout", "-30s"),
        ("timeout", "1 hour"),
        ("timeout", "1m1h"),
        ("budget", "\"50\""),
        ("budget", "٥٠"),
        ("image", "3"),
        ("tags", "a"),
        ("limits", "512Mi"),
        ("limits", r#"{"memory": "512MiB", "cpu": "half"}"#),
    ] {
        let found = invalid("api", &[(name, value)]);
        assert!(!found.is_empty(), "{name} {value}");
    }
    insta::assert_snapshot!(invalid("api", &[("memory", "512 MiB")]), @"r.yaml: changes.memory: expected a quantity such as `512Mi`, `500m` or `2`, as in `targets/api.yaml` (512Mi), found the text `512 MiB`: did you mean `512Mi`?");
    insta::assert_snapshot!(invalid("bare", &[("timeout", "1 hour")]), @"r.yaml: changes.timeout: expected a duration such as `30s`, `1h30m` or `7d`, as `rules/parameters.yaml` says, found the text `1 hour`: did you mean `1h`?");
    insta::assert_snapshot!(invalid("api", &[("limits", r#"{"memory": "512MiB", "cpu": "half"}"#)]), @r#"
    r.yaml: changes.limits.cpu: expected a quantity such as `512Mi`, `500m` or `2`, as `rules/parameters.yaml` says, found the text `half`
    r.yaml: changes.limits.memory: expected a quantity such as `512Mi`, `500m` or `2`, as `rules/parameters.yaml` says, found the text `512MiB`: did you mean `512Mi`?
    "#);
    insta::assert_snapshot!(invalid("api", &[("limits.memory", "128Mi")]), @"r.yaml: changes.limits.memory: `limits` is a mapping: propose it whole, as `limits: {memory: …}` with all that is to stay");
    for (name, value) in [
        ("cpu", "0.5"),
        ("cpu", "500m"),
        ("memory", "2"),
        ("timeout", "null"),
    ] {
        assert_eq!(invalid("api", &[(name, value)]), "");
    }
}

#[test]
fn the_advice_is_of_every_type() {
    insta::assert_snapshot!(offered("prod", &[("memory", "8Gi")]).join("\n"), @"memory: 496Mi lowers the score to MEDIUM 40.00");
    insta::assert_snapshot!(offered("prod", &[("budget", "300")]).join("\n"), @"budget: 100 lowers the score to MEDIUM 40.00");
    insta::assert_snapshot!(offered("staging", &[("timeout", "2h")]).join("\n"), @r#"
    timeout: 1m20s reaches MEDIUM 35.00
    timeout: 30s reaches LOW 20.00
    "#);
    insta::assert_snapshot!(offered("staging", &[("tags", r#"["a", "*", "B"]"#)]).join("\n"), @"tags: [a] reaches LOW 20.00");
    insta::assert_snapshot!(offered("staging", &[("limits", r#"{"memory": "8Gi", "cpu": "1"}"#)]).join("\n"), @"limits: {cpu: 1, memory: 512Mi} reaches LOW 20.00");
}

/// Some guidance for what has an order, and how its values are written.
#[derive(Debug, Clone)]
struct SomeGuidance {
    value_type: &'static str,
    suffix: &'static str,
    tiers: [Option<(u32, u32)>; 3],
    extreme_above: Option<u32>,
    change: Option<(u32, &'static str)>,
    special: bool,
}

fn some_guidance() -> impl Strategy<Value = SomeGuidance> {
    let tier =
        || proptest::option::of((0..60_u32, 0..60_u32).prop_map(|(a, b)| (a.min(b), a.max(b))));
    let types = vec![
        ("number", ""),
        ("quantity", "Mi"),
        ("quantity", "m"),
        ("duration", "s"),
    ];
    let change = proptest::option::of((1..60_u32, proptest::sample::select(vec!["", " %"])));
    (
        proptest::sample::select(types),
        [tier(), tier(), tier()],
        proptest::option::of(0..80_u32),
        change,
        any::<bool>(),
    )
        .prop_map(
            |((value_type, suffix), tiers, extreme_above, change, special)| SomeGuidance {
                value_type,
                suffix,
                tiers,
                extreme_above,
                change,
                special,
            },
        )
}

impl SomeGuidance {
    fn written(&self) -> String {
        let mut usual = Vec::new();
        let suffix = self.suffix;
        for (name, tier) in ["conservative", "moderate", "aggressive"]
            .into_iter()
            .zip(self.tiers)
        {
            usual.extend(tier.map(|(from, to)| format!("{name}: [{from}{suffix}, {to}{suffix}]")));
        }
        usual.extend(
            self.extreme_above
                .map(|most| format!("extreme_above: {most}{suffix}")),
        );
        usual.extend(self.change.map(|(most, unit)| {
            let unit = if unit.is_empty() { suffix } else { unit };
            format!("change: {{moderate: {most}{unit}}}")
        }));
        let usual: Vec<String> = usual.iter().map(|line| format!("{line}\n")).collect();
        let special: String = match self.special {
            false => String::new(),
            true => {
                let lines = usual.iter().map(|line| format!("      {line}"));
                format!(
                    "  where:\n    - environment: inactive\n{}",
                    lines.collect::<String>()
                )
            }
        };
        let everywhere: String = match self.special {
            true => String::new(),
            false => usual.iter().map(|line| format!("  {line}")).collect(),
        };
        let value_type = self.value_type;
        format!(
            "some:\n  type: {value_type}\n{everywhere}{special}whole.some:\n  type: {value_type}\n{everywhere}{special}"
        )
    }

    /// Whether a value stands between ranges, and in none: then it is beyond all tiers.
    fn is_between(&self, value: u32) -> bool {
        let ranges = || self.tiers.iter().flatten();
        !ranges().any(|(from, to)| (*from..=*to).contains(&value))
            && ranges().any(|(_, to)| *to < value)
            && ranges().any(|(from, _)| value < *from)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever the guidance, moving a value further away from the harmless ones and from the present one, or leaving a
    /// part of a mapping out, never lowers the score.
    #[test]
    fn further_away_is_never_less_risky(
        guidance in some_guidance(), present in 0..60_u32, x in 0..90_u32, further in 0..60_u32, up in any::<bool>(),
    ) {
        let y = if up { x + further } else { x.saturating_sub(further) };
        // The harmless values, and the present one, are on the same side of both.
        let harmless = guidance.tiers.iter().flatten().next().copied().unwrap_or((x, x));
        let is_behind = match up {
            true => harmless.1 <= x && present <= x,
            // What is past the threshold above comes nearer as it falls.
            false => {
                harmless.0 >= x && present >= x && guidance.extreme_above.is_none_or(|most| x <= most)
            }
        };
        prop_assume!(is_behind && !guidance.is_between(x) && x != present);
        let Ok(rules) = try_with(&guidance.written()) else {
            return Ok(());
        };
        let suffix = guidance.suffix;
        let written = |value: u32| format!("{value}{suffix}");
        let own = known("inactive", &[
            ("some", &written(present)),
            ("whole", &format!("{{\"some\": \"{}\", \"other\": 1}}", written(present))),
        ]);
        let situation = situation(&[("own", own)]);
        let score = |name: &str, value: &str| {
            let proposal = recommend("modify_parameters", "own", &[(name, value)]);
            let assessment = assess(&proposal, &situation, &rules);
            let points = assessment.factors.get(1).map(|factor| factor.points);
            (assessment.level, assessment.score, points)
        };
        let (near, far) = (score("some", &written(x)), score("some", &written(y)));
        prop_assert!(far >= near, "{} is {near:?}, {} is {far:?}", written(x), written(y));
        let whole = |value: u32| format!("{{\"some\": \"{}\", \"other\": 1}}", written(value));
        if !suffix.is_empty() {
            let (near, far) = (score("whole", &whole(x)), score("whole", &whole(y)));
            prop_assert!(far >= near, "of a mapping, {} is {near:?}, {} is {far:?}", written(x), written(y));
            let without = score("whole", "{\"other\": 1}");
            prop_assert!(without.2 >= near.2, "without it: {without:?}, with it: {near:?}");
        }
    }
}

#[test]
fn a_long_list_for_many_targets_takes_bounded_time_and_counts_as_the_highest() {
    let rules = with(PLATFORM);
    let names: Vec<String> = (0..300).map(|index| format!("t{index}")).collect();
    let targets: Vec<(&str, KnownTarget)> = names
        .iter()
        .map(|name| {
            (
                name.as_str(),
                known("inactive", &[("tags", &format!("[\"{name}\"]"))]),
            )
        })
        .collect();
    let situation = situation(&targets);
    let tags = format!("[{}]", vec!["\"a\""; 3_000].join(","));
    let begun = std::time::Instant::now();
    let proposal = recommend("modify_parameters", &names.join(" "), &[("tags", &tags)]);
    let assessment = assess(&proposal, &situation, &rules);
    advise(&proposal, &situation, &rules, &assessment);
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    insta::assert_snapshot!(assessment.factors[1].reason, @"tags is too much to compare with what so many targets have, which counts as beyond all tiers: propose it for fewer");
}
