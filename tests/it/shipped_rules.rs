//! The rules that are shipped: they are valid, they say what they mean, and their tests hold.

use std::fs;
use std::path::Path;

use countersign::gate::policy;
use countersign::rules::condition::described;
use countersign::rules::{RuleFiles, Rules};

fn shipped() -> RuleFiles {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = RuleFiles::new();
    for folder in ["rules", "rules/tests"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                files.insert(format!("{folder}/{name}"), fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn all_shipped_policy_tests_hold() {
    let files = shipped();
    let rules = Rules::read(&files).unwrap_or_else(|problems| panic!("{problems}"));
    let tests = Rules::read_tests(&files).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(
        tests.len() > 60,
        "only {} policy tests were found",
        tests.len()
    );
    let failures: Vec<String> = tests
        .iter()
        .filter_map(|placed| {
            let failures = policy::run(&placed.test, &rules).failures;
            let problem = placed.problem(&files, placed.test.name.clone());
            (!failures.is_empty()).then(|| format!("{problem}\n{}", failures.join("\n")))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn the_comment_in_the_triggers_names_every_fact_and_its_type() {
    let files = shipped();
    let triggers = String::from_utf8(files["rules/policy.yaml"].clone()).unwrap();
    let described: Vec<String> = described()
        .iter()
        .map(|line| format!("#   {line}"))
        .collect();
    let described = described.join("\n");
    assert!(
        triggers.contains(&described),
        "the comment of rules/policy.yaml must hold:\n{described}"
    );
}

#[test]
fn every_tier_and_every_mode_has_a_policy_test() {
    let files = shipped();
    let all: String = files
        .iter()
        .filter(|(path, _)| path.starts_with("rules/tests/"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    for word in [
        "is conservative",
        "is moderate",
        "is aggressive",
        "is beyond all tiers",
        "mode: auto_approve",
        "mode: high_only",
        "mode: single_tier",
        "mode: two_tier",
        "test_risk_calculation_low",
        "test_risk_calculation_high",
        "test_approval_workflow",
    ] {
        assert!(all.contains(word), "no test says `{word}`");
    }
}
