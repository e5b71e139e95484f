//! Values of every type, from `rules/parameters.yaml` to what is proposed, decided, carried out, explained and verified.

use countersign::rules::Rules;

use crate::support::{TestRepo, has};

const GUIDANCE: &str = "\
  memory:
    description: What a pod may take.
    type: quantity
    conservative: [64Mi, 512Mi]
    moderate: [64Mi, 1Gi]
    change: {conservative: 10 %, moderate: 50 %}
  budget:
    unit: EUR
    conservative: [0, 100]
    moderate: [0, 500]
    where:
      - label: {tier: payments}
        moderate: [0, 10]
  hosts:
    type: list
    each:
      conservative: {matches: '[a-z]+[.]example'}
    removed: {moderate: 1}
  limits.cpu:
    type: quantity
    conservative: [100m, 2]
  trading_mode:
    description";

const POLICY_TESTS: &str = "\
schema: countersign/policy-test/v1
tests:
  - name: What pays has a small budget
    recommend: {action: modify_parameters, targets: [shop], changes: {budget: 50}}
    given: {targets: {shop: {environment: paper, labels: {tier: payments}, parameters: {budget: 5}}}}
    expect: {level: MEDIUM, reasons: [budget 50 EUR is beyond all tiers where label tier is payments]}
  - name: Nothing else has
    recommend: {action: modify_parameters, targets: [shop], changes: {budget: 50}}
    given: {targets: {shop: {environment: paper, labels: {tier: internal}, parameters: {budget: 5}}}}
    expect: {level: LOW, reasons: [budget 50 EUR is conservative]}
";

const TARGET: &str = "\
schema: countersign/target/v1
description: The interface for everybody.
environment: paper
labels:
  tier: payments  # whoever pays
parameters:
  memory: 512Mi
  budget: 5
  hosts: [a.example, b.example]
  limits: {cpu: 500m}
  trading_mode: paper
";

/// A repository with these rules and this target.
fn platform() -> TestRepo {
    let mut stage = TestRepo::example();
    let rules = stage.file("rules/parameters.yaml");
    let rules = rules.replacen(
        "  trading_mode:\n    description",
        &format!("  {}", GUIDANCE.trim()),
        1,
    );
    stage.govern(
        "alice",
        "rules",
        &[
            ("rules/parameters.yaml", &rules),
            ("rules/tests/platform.yaml", POLICY_TESTS),
            ("targets/api.yaml", TARGET),
        ],
    );
    stage.run();
    // Labels are given by people, and asked of an admin like any other change of what decides.
    has(
        &stage.report(1),
        "Still needed: 1 approval by an admin, with a justification.",
    );
    stage.approve(1, "carol");
    stage.run();
    has(&stage.report(1), "HIGH: approved and merged");
    assert_eq!(stage.file("targets/api.yaml"), TARGET);
    stage
}

#[test]
fn a_quantity_is_decided_carried_out_and_verified() {
    let mut stage = platform();
    stage.propose(
        "strategy-optimizer",
        "a",
        "action: modify_parameters\ntargets: [api]\nchanges: {memory: 480Mi}",
    );
    stage.propose(
        "strategy-optimizer",
        "b",
        "action: modify_parameters\ntargets: [api]\nchanges: {memory: 1Gi}",
    );
    stage.run();
    insta::assert_snapshot!(factors(&stage.report(2)), @r#"
    **LOW RISK (score 20.00)**
    - `+20.00 environment: paper (targets/api.yaml): counts 50 points`
    - `+0.00 parameters: memory: 480Mi (rules/parameters.yaml): memory 480Mi is conservative, and moving it by 6.25 % from 512Mi (targets/api.yaml) is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    "#);
    insta::assert_snapshot!(factors(&stage.report(3)), @"
    **MEDIUM RISK (score 50.00)**
    - `+20.00 environment: paper (targets/api.yaml): counts 50 points`
    - `+30.00 parameters: memory: 1Gi (rules/parameters.yaml): memory 1Gi is moderate, and moving it by 113.34 % from 480Mi (targets/api.yaml) is beyond all tiers`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `memory: 512Mi reaches LOW 20.00`
    - `/approve with memory=512Mi` (LOW 20.00)
    ");
    let now = stage.file("targets/api.yaml");
    assert_eq!(now, TARGET.replace("memory: 512Mi", "memory: 480Mi"));
    stage.approve(3, "bob");
    stage.run();
    has(&stage.report(3), "MEDIUM 50.00: approved and merged");
    has(&stage.file("targets/api.yaml"), "  memory: 1Gi\n");
    has(
        &stage.file("targets/api.yaml"),
        "  tier: payments  # whoever pays\n",
    );
    stage.verifies();
    // The same trail under rules that let a value move less.
    let folder = stage.folder("stricter");
    for path in Rules::FILES {
        let rules = stage.file(path);
        let rules = rules.replacen(
            "    change: {conservative: 10 %,",
            "    change: {conservative: 5 %,",
            1,
        );
        std::fs::create_dir_all(folder.join("rules")).unwrap();
        std::fs::write(folder.join(path), rules).unwrap();
    }
    let folder = folder.to_str().unwrap();
    let ran = stage
        .countersign(&["backtest", "--rules", folder])
        .succeeds();
    has(&ran.text(), "LOW → MEDIUM: 1");
}

/// The risk as it is explained, and what would lower it.
fn factors(report: &str) -> String {
    let lines = report
        .lines()
        .filter(|line| line.starts_with("- `") || line.contains("RISK"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_type_is_explained() {
    let mut stage = platform();
    for (branch, changes) in [
        ("a", "{budget: 50}"),
        ("b", "{hosts: [a.example, c.example]}"),
        ("c", "{hosts: [a.example, b.example, evil.test]}"),
        ("d", "{limits: {cpu: 4}}"),
        (
            "e",
            "{memory: 480, budget: 5, hosts: [b.example, a.example]}",
        ),
    ] {
        let body = format!("action: modify_parameters\ntargets: [api]\nchanges: {changes}");
        stage.propose("strategy-optimizer", branch, &body);
    }
    stage.run();
    let said: Vec<String> = (2..7).map(|number| stage.report(number)).collect();
    has(&said[0], "  budget: 5 EUR → 50 EUR\n");
    let said: Vec<String> = said.iter().map(|report| factors(report)).collect();
    insta::assert_snapshot!(said.join("\n\n"), @r#"
    **MEDIUM RISK (score 50.00)**
    - `+20.00 environment: paper (targets/api.yaml): counts 50 points`
    - `+30.00 parameters: budget: 50 EUR (rules/parameters.yaml): budget 50 EUR is beyond all tiers where label tier is payments`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `budget: 10 lowers the score to MEDIUM 35.00`
    - `/approve with budget=10` (MEDIUM 35.00)

    **MEDIUM RISK (score 35.00)**
    - `+20.00 environment: paper (targets/api.yaml): counts 50 points`
    - `+15.00 parameters: hosts: [a.example, c.example] (rules/parameters.yaml): hosts removes 1 element, which is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `hosts: [a.example, b.example, c.example] reaches LOW 20.00`
    - `/approve with hosts=["a.example","b.example","c.example"]` (LOW 20.00)

    **MEDIUM RISK (score 50.00)**
    - `+20.00 environment: paper (targets/api.yaml): counts 50 points`
    - `+30.00 parameters: hosts: [a.example, b.example, evil.test] (rules/parameters.yaml): hosts adds evil.test, which is beyond all tiers`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `hosts: [a.example, b.example] reaches LOW 20.00 (which leaves everything as it is)`
    - `/approve with hosts=["a.example","b.example"]` (LOW 20.00)

    **MEDIUM RISK (score 50.00)**
    - `+20.00 environment: paper (targets/api.yaml): counts 50 points`
    - `+30.00 parameters: limits.cpu: 4 (rules/parameters.yaml): limits.cpu 4 is beyond all tiers`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `limits: {cpu: 2} reaches LOW 20.00`
    - `/approve with limits={"cpu":"2"}` (LOW 20.00)

    **MEDIUM RISK (score 50.00)**
    - `+20.00 environment: paper (targets/api.yaml): counts 50 points`
    - `+30.00 parameters: hosts: [b.example, a.example], memory: 480 (rules/parameters.yaml): hosts has its elements in another order, which counts as replacing all of them and is beyond all tiers; the riskiest of 2 changes counts`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `hosts: [a.example, b.example], memory: 464Mi reaches LOW 20.00`
    - `/approve with hosts=["a.example","b.example"], memory=464Mi` (LOW 20.00)
    "#);
    stage.verifies();
}

#[test]
fn no_claim_gets_a_milder_entry_of_the_guidance() {
    let mut stage = platform();
    let before = stage.main();
    for (branch, body) in [
        // Another label, as a change, as a detail, and as a new target of the same name.
        (
            "a",
            "targets: [api]\nchanges: {budget: 400, labels: {tier: internal}}",
        ),
        (
            "b",
            "targets: [api]\nchanges: {budget: 400}\ndetails: {labels: {tier: internal}}",
        ),
        (
            "c",
            "targets: [api]\nchanges: {budget: 400, trading_mode: inactive}",
        ),
        (
            "d",
            "targets: [api, rsi-eurusd-draft]\nchanges: {budget: 400}",
        ),
    ] {
        let body = format!("action: modify_parameters\n{body}");
        stage.propose("strategy-optimizer", branch, &body);
    }
    stage.run();
    let said: Vec<String> = (2..6).map(|number| stage.report(number)).collect();
    for report in &said {
        has(report, "beyond all tiers");
    }
    has(
        &said[1],
        "budget 400 EUR is beyond all tiers where label tier is payments",
    );
    stage.main_is_still(&before);
}

#[test]
fn a_value_of_another_type_is_refused_with_what_was_probably_meant() {
    let mut stage = platform();
    let before = stage.main();
    for (branch, changes) in [
        ("a", "{memory: 512 MiB}"),
        ("b", "{budget: \"50\"}"),
        ("c", "{limits: {cpu: half}}"),
        ("d", "{limits.cpu: 1}"),
        ("e", "{hosts: a.example}"),
    ] {
        let body = format!("action: modify_parameters\ntargets: [api]\nchanges: {changes}");
        stage.propose("strategy-optimizer", branch, &body);
    }
    stage.run();
    let said: Vec<String> = (2..7)
        .map(|number| {
            let report = stage.report(number);
            let mut lines = report.lines().skip(1);
            let found = lines.find_map(|line| line.split_once("recommendation.yaml:"));
            found.unwrap().1.to_owned()
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    8:19: changes.memory: expected a quantity such as `512Mi`, `500m` or `2`, as in `targets/api.yaml` (512Mi), found the text `512 MiB`: did you mean `512Mi`?
    8:19: changes.budget: expected a number, as in `targets/api.yaml` (5), found the text `50`: did you mean `50`?
    8:25: changes.limits.cpu: expected a quantity such as `512Mi`, `500m` or `2`, as `rules/parameters.yaml` says, found the text `half`
    8:23: changes.limits.cpu: `limits` is a mapping: propose it whole, as `limits: {cpu: …}` with all that is to stay
    8:18: changes.hosts: expected a list, as in `targets/api.yaml` ([a.example, b.example]), found the text `a.example`: did you mean `[a.example]`?
    "#);
    stage.main_is_still(&before);
}

#[test]
fn rules_that_contradict_themselves_are_never_merged() {
    let mut stage = platform();
    let before = stage.main();
    let rules = stage.file("rules/parameters.yaml");
    let rules = rules.replacen(
        "quantity\n    conservative: [64Mi, 512Mi]",
        "quantity\n    conservative: [1Gi, 512Mi]",
        1,
    );
    stage.govern("alice", "wrong", &[("rules/parameters.yaml", &rules)]);
    stage.run();
    has(
        &stage.report(2),
        "parameters.memory.conservative: the range is empty: expected `[from, to]` with from not above to",
    );
    stage.main_is_still(&before);
}
