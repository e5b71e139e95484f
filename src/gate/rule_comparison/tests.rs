//! Two versions of the rules against each other.

use super::*;
use crate::domain::documents::Target;
use crate::domain::yaml;
use crate::gate::oversight::Oversight;
use crate::risk::KnownTarget;
use crate::risk::fixtures::{example, rules, rules_with};
use crate::rules::RuleFiles;

fn compared(old: &Rules, new: &Rules) -> RuleComparison {
    compare(old, new, &example().targets)
}

/// A pack with some text in its files replaced, and its targets.
fn pack(name: &str, replaced: &[(&str, &str)]) -> (Rules, Targets) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("rules/packs")
        .join(name);
    let mut unused = replaced.to_vec();
    let mut read = |folder: &str, into: &str| {
        let files = std::fs::read_dir(root.join(folder)).unwrap();
        let files = files
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file());
        let files = files.map(|path| {
            let mut text = std::fs::read_to_string(&path).unwrap();
            for (from, to) in replaced {
                if text.contains(from) {
                    unused.retain(|(unused, _)| unused != from);
                    text = text.replace(from, to);
                }
            }
            let file = path.file_name().unwrap().to_str().unwrap();
            (format!("{into}/{file}"), text.into_bytes())
        });
        files.collect::<RuleFiles>()
    };
    let files = read("", "rules");
    let targets = read("targets", "targets").into_iter().map(|(path, bytes)| {
        let known = KnownTarget::from(yaml::read::<Target>(&path, &bytes).unwrap());
        let name = path
            .trim_start_matches("targets/")
            .trim_end_matches(".yaml");
        (name.parse().unwrap(), known.into())
    });
    let targets = targets.collect();
    assert!(unused.is_empty(), "nothing to replace: {unused:?}");
    (
        Rules::read(&files).unwrap_or_else(|problems| panic!("{problems}")),
        targets,
    )
}

/// Edits of the shipped rules and of the packs, each of which makes a difference.
#[rustfmt::skip]
const EDITS: [(&str, &[(&str, &str)]); 12] = [
    ("", &[("low_up_to: 30", "low_up_to: 60")]),
    ("", &[("mode: two_tier", "mode: high_only")]),
    ("", &[("conservative: [1, 2]\n", "conservative: [1, 3]\n")]),
    ("", &[("bulk_at: 10", "bulk_at: 20"), ("extreme_above: 12", "extreme_above: 11")]),
    ("", &[("when: unattributed\n    then: HIGH", "when: unattributed\n    then: MEDIUM")]),
    ("", &[("members: [alice, bob]", "members: [alice]")]),
    ("support", &[("c.value > evidence.order_total", "c.value > 2.0 * evidence.order_total")]),
    ("support", &[("at_most: 20", "at_most: 25")]),
    ("support", &[("instead: true", "instead: false")]),
    ("platform", &[("label: owner", "label: tier")]),
    ("platform", &[("from: Fri 17:00, to: Mon 09:00", "from: Fri 18:00, to: Mon 09:00")]),
    ("platform", &[("evidence.rows > 10000", "evidence.rows > 20000")]),
];

fn edited(pack_name: &str, edits: &[(&str, &str)]) -> (Rules, Targets) {
    match pack_name {
        "" => (rules_with(edits), example().targets),
        name => pack(name, edits),
    }
}

#[test]
fn no_version_differs_from_itself() {
    for name in ["", "support", "platform"] {
        let (rules, targets) = edited(name, &[]);
        let found = compare(&rules, &rules, &targets);
        let total = found.total();
        assert_eq!((total.laxer, total.stricter), (0, 0), "{name}");
        assert!(total.proposals > 500, "{name}: {total:?}");
        assert!(
            found.standing.is_empty() && found.laxities.is_empty(),
            "{name}"
        );
        assert!(
            found.rules.values().all(|rule| rule.laxity.is_none()),
            "{name}"
        );
    }
}

/// What the one has more of, the other has less of; and that is found, whatever is edited.
#[test]
fn turning_two_versions_around_turns_laxer_and_stricter_around() {
    for (name, edits) in EDITS {
        let (old, targets) = edited(name, &[]);
        let (new, _) = edited(name, edits);
        let there = compare(&old, &new, &targets);
        let back = compare(&new, &old, &targets);
        let (one, other) = (there.total(), back.total());
        assert_eq!(
            (one.proposals, one.laxer, one.stricter),
            (other.proposals, other.stricter, other.laxer),
            "{name} {edits:?}"
        );
        let turned = |comparison: &RuleComparison| {
            let rules = comparison.rules.iter();
            let rules = rules.map(|(id, rule)| (id.clone(), rule.tally.stricter));
            rules.collect::<BTreeMap<_, _>>()
        };
        for (id, rule) in &there.rules {
            assert_eq!(
                turned(&back).get(id),
                Some(&rule.tally.laxer),
                "{id} {edits:?}"
            );
        }
        let of = |comparison: &RuleComparison, oversight| {
            let changes = comparison.standing.iter();
            changes
                .filter(|change| change.oversight == oversight)
                .count()
        };
        assert_eq!(
            of(&there, Oversight::Weaker),
            of(&back, Oversight::Stronger),
            "{edits:?}"
        );
        let differs = one.laxer + one.stricter + there.standing.len();
        let by_rule = there
            .rules
            .values()
            .any(|rule| rule.tally.laxer + rule.tally.stricter > 0);
        assert!(
            differs > 0 || by_rule,
            "{name} {edits:?} is not found:\n{}",
            there.plain()
        );
        assert_eq!(one.laxer > 0, !there.laxities.is_empty(), "{edits:?}");
    }
}

/// What is said to be laxer is: the example, decided anew, is asked less by the new rules.
#[test]
fn the_smallest_example_lies_next_to_the_bound() {
    let old = rules();
    let new = rules_with(&[(
        "conservative: [1, 2]\n    moderate: [2, 5]",
        "conservative: [1, 4]\n    moderate: [4, 5]",
    )]);
    let found = compared(old, &new);
    let changed: Vec<String> = found
        .laxities
        .iter()
        .map(|laxity| {
            let (name, value) = laxity.example.changes.iter().next().unwrap();
            format!("{:?} {name}: {value}", laxity.varied)
        })
        .collect();
    assert_eq!(
        changed,
        [r#"["leverage"] leverage: 2.1"#],
        "{}",
        found.plain()
    );
}
