//! What the shipped rules cost, and what is refused: by the numbers, and by the words.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::rules::condition::Condition;

fn steps(expression: &str) -> u64 {
    Condition::compile(expression, None)
        .unwrap()
        .steps(Sizes::most(8))
}

#[test]
fn steps_grow_with_the_nesting_of_loops() {
    assert_eq!(steps("to_production"), 2);
    let flat = steps("changes.exists(c, c.parameter == 'x')");
    let nested = steps("changes.exists(c, changes.exists(d, c.parameter == d.parameter))");
    assert!((64..64 * 20).contains(&flat), "{flat}");
    assert!((64 * 64..64 * 64 * 20).contains(&nested), "{nested}");
    // What a value holds counts with all that it may hold.
    let inside = steps("changes.exists(c, c.value.exists(v, v == 1))");
    assert!(inside > 64 * 256, "{inside}");
    // What is gathered is copied at each turn.
    let gathered = steps("size(changes.map(c, c.parameter)) > 3");
    assert!(gathered > 64 * 64, "{gathered}");
}

fn rule_files() -> RuleFiles {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let mut files = RuleFiles::new();
    for (below, path) in [("", "rules"), ("/tests", "rules/tests")] {
        for entry in std::fs::read_dir(format!("{folder}{below}")).unwrap() {
            let file = entry.unwrap().path();
            if file.is_file() {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                files.insert(format!("{path}/{name}"), std::fs::read(file).unwrap());
            }
        }
    }
    files
}

fn with_rules(count: usize, condition: &str) -> RuleFiles {
    let mut text = "schema: countersign/policy/v1\nrules:\n".to_owned();
    for n in 0..count {
        text.push_str(&format!(
            "- id: t{n}\n  when: {condition}\n  then: HIGH\n  reason: because\n"
        ));
    }
    let mut files = rule_files();
    files.insert(crate::rules::policy::PATH.to_owned(), text.into_bytes());
    files
}

const NESTED: &str =
    "changes.exists(c, changes.exists(d, c.parameter != d.parameter && c.value == d.value))";

#[test]
fn the_shipped_rules_take_a_hundredth_of_what_they_may() {
    let files = rule_files();
    let rules = Rules::read(&files).unwrap_or_else(|problems| panic!("{problems}"));
    let steps = |sizes| -> u64 { rules.policy.iter().map(|t| t.when.steps(sizes)).sum() };
    assert!(
        steps(Sizes::most(8)) * 100 < MOST_STEPS,
        "{}",
        steps(Sizes::most(8))
    );
    let tests = Rules::read_tests(&files).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(rules.find_costly_test(&tests, &files), None);
}

#[test]
fn conditions_that_take_too_long_are_refused_where_they_come_to_it() {
    assert!(Rules::read(&with_rules(4, NESTED)).is_ok());
    let refused = Rules::read(&with_rules(55, NESTED)).unwrap_err();
    let own = steps(NESTED);
    let index = MOST_STEPS / own;
    assert_eq!(
        refused.to_string(),
        format!(
            "rules/policy.yaml:{}:9: rules[{index}].when: up to here the conditions take up to {} steps for the largest proposal, \
             {own} of them this one: at most 5000000; avoid a loop inside of a loop, or drop a rule",
            4 + 4 * index,
            (index + 1) * own,
        )
    );
}

fn tests_of(count: usize, changes: usize) -> Vec<u8> {
    let mut text = "schema: countersign/policy-test/v1\ntests:\n".to_owned();
    let changes: Vec<String> = (0..changes).map(|n| format!("p{n}: 1")).collect();
    for n in 0..count {
        text.push_str(&format!(
            "- name: n{n}\n  recommend: {{action: analyze, targets: [s], changes: {{{}}}}}\n  expect: {{level: LOW}}\n",
            changes.join(", ")
        ));
    }
    text.into_bytes()
}

fn costly(files: &RuleFiles) -> Option<String> {
    let rules = Rules::read(files).unwrap_or_else(|problems| panic!("{problems}"));
    let tests = Rules::read_tests(files).unwrap_or_else(|problems| panic!("{problems}"));
    rules
        .find_costly_test(&tests, files)
        .map(|problem| problem.to_string())
}

#[test]
fn policy_tests_that_take_too_long_are_refused() {
    let mut files = with_rules(4, NESTED);
    files.retain(|path, _| !path.starts_with("rules/tests/"));
    files.insert("rules/tests/a.yaml".to_owned(), tests_of(20, 3));
    assert_eq!(costly(&files), None);
    // A test counts by what it changes itself.
    files.insert("rules/tests/b.yaml".to_owned(), tests_of(110, 60));
    let said = costly(&files).unwrap();
    assert!(
        said.starts_with("rules/tests/b.yaml:180:3: tests[59]: up to here"),
        "{said}"
    );
    assert!(
        said.ends_with("at most 20000000; let it change less, or drop those that show nothing new"),
        "{said}"
    );
    files.remove("rules/tests/b.yaml");
    for n in 0..5 {
        let path = format!("rules/tests/d{n}.yaml");
        files.insert(path, tests_of(500, 0));
    }
    assert_eq!(
        costly(&files).unwrap(),
        "rules/tests/d3.yaml:1443:3: tests[480]: there are 2520 policy tests: at most 2000; drop those that show nothing new"
    );
}

#[test]
fn too_many_files_and_too_many_bytes_are_refused_before_anything_is_read() {
    let mut files = rule_files();
    files.insert("rules/notes.txt".to_owned(), vec![b'x'; MOST_BYTES]);
    assert_eq!(
        Rules::read(&files).unwrap_err().to_string(),
        "rules: there are too many bytes: at most 1 MiB is read; merge policy tests into fewer files, and drop those that show nothing new"
    );
    let mut files = rule_files();
    for n in 0..MOST_FILES {
        files.insert(format!("rules/tests/{n}.yaml"), Vec::new());
    }
    let said = Rules::read_tests(&files).unwrap_err().to_string();
    assert_eq!(
        said,
        "rules: there are too many files: at most 200 are read; merge policy tests into fewer files, and drop those that show nothing new"
    );
}
