//! Whatever the quick reader accepts, the strict one reads the same, to the byte; and it does accept what our
//! own writer makes, or it would be there for nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::parse;
use crate::domain::value::Value;
use crate::domain::yaml::tree;

/// Fails if the quick reader accepts this and the strict one refuses it or reads something else.
#[track_caller]
fn reads_alike(text: &str) -> bool {
    let Some(quick) = parse(text) else {
        return false;
    };
    match tree::parse(text) {
        Ok(strict) => assert_eq!(format!("{quick:?}"), format!("{strict:?}"), "\n{text}"),
        Err(error) => panic!("only the quick reader takes this: {error:?}\n{text}"),
    }
    true
}

const DECISION: &str = "schema: countersign/decision/v1\nid: 01JDC3V5J9M0K3W8Q2ZT4B6N7R\npull:\n  number: 12\n  author:\n    email: a@b.c\nrisk:\n  score: 45.0\n  factors:\n  - name: environment\n    input: ''\n    reason: 'live: it''s #1'\n    points: 100.0\n  - name: scope\n    points: -0.5\n  triggers: []\napprovals: {}\nignored:\n- reason: \"a \\\"b\\\" \\u200b\\n\"\n  text: |-\n    one\n\n      two #\n    three\n- plain word\nend: (no)\n";

/// As programs write it that know only JSON.
const PROPOSAL: &str = "# by a program\nschema: \"countersign/recommendation/v1\"\ntargets: [\"a\",\"b-c\"]\nchanges: {\"stop_loss_pct\":3.5,\"mode\": \"live\", \"on\":true}\ncitations: [{\"title\":\"a \\\"b\\\"\",\"url\":\"https://c.d/e\"},{\"title\":\"\"}]\n";

#[test]
fn our_own_documents_are_read_quickly() {
    assert!(reads_alike(DECISION));
    let target = "# what it is\nschema: countersign/target/v1 # kind\n\nparameters:\n  # in percent\n  stop_loss_pct:  3.0        # close here\n  mode: live\n\n# the end\n";
    assert!(reads_alike(target));
    assert!(reads_alike(PROPOSAL));
    assert!(reads_alike("a: [ 1 , -2.5 ,\"x\", [ ] , { } ]  # c\n"));
    assert!(reads_alike("a: |\n  text\nb: 1\n"));
    assert!(reads_alike("a: x é ü # ö\nb: \"é\"\nc: 'é' # x\n"));
}

#[test]
fn what_is_doubtful_is_left_to_the_strict_reader() {
    for text in [
        "",
        "# nothing\n",
        "a\n",
        "a: b: c\n",
        "a: b:\n",
        "a: &x 1\n",
        "a: *x\n",
        "a: !t 1\n",
        "<<: 1\n",
        "a: 1\na: 2\n",
        "a: 1\n b: 2\n",
        "a: x\n  y\n",
        "a: {b: 1}\n",
        "a: [a b]\n",
        "a: [a: 1]\n",
        "a: [\"a\": 1]\n",
        "a: [1, 2,]\n",
        "a: [, 1]\n",
        "a: [1, 2\n  ]\n",
        "a: [1] x\n",
        "a: [1]: x\n",
        "a: [1]#c\n",
        "a: [~]\n",
        "a: [*x]\n",
        "a: ['x']\n",
        "a: [é, 1]\n",
        "a: {\"b\"}\n",
        "a: {\"b\" : 1}\n",
        "a: {\"b\": 1, \"b\": 2}\n",
        "a: {\"b\": }\n",
        "a: [1}\n",
        "a: [-]\n",
        "a: [- 1]\n",
        "a: [1 # c]\n",
        "a: \"x\n  y\"\n",
        "a: >-\n  x\n",
        "a: |2\n  x\n",
        "a: |-\n\n  x\n",
        "a: |-\n  x\n\nb: 1\n",
        "a: |-\n  x\n# c\n",
        "a:\n",
        "a:\nb: 1\n",
        "--- \na: 1\n",
        "a: 1\n---\nb: 2\n",
        "a: 1\n...\n",
        "? a\n: b\n",
        "- - a\n",
        "- a\n  b\n",
        "a: - b\n",
        "a: 'x' y\n",
        "a: \"x\" y\n",
        "a: 'x'#c\n",
        "a: \"\\x41\"\n",
        "a: \"\\ud83d\"\n",
        "a: @x\n",
        "a: `x`\n",
        "a: %x\n",
        "%YAML 1.2\n",
        "a: \tx\n",
        "a: x\r\n",
        "a: ?\n",
        "a: -\n",
        "a: ~\n",
        " a: 1\n",
        "a:\n- b\n - c\n",
        "a:\n  - b\n c: 1\n",
        "a: |-\n  x",
        "a: |-\n   x\n  y\n",
    ] {
        assert!(parse(text).is_none(), "{text:?} was accepted");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        "[ -~]{0,30}",
        "[a-z]{1,8}(: | #|\n|\n\n|- )[a-z]{0,8}",
        "\\PC{0,12}",
        "(yes|no|null|~|1|-2.5|1e3|0x1f|\\.inf|---|- a|a: b)",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let keys = prop_oneof!["[a-z_][a-z0-9_.-]{0,8}", "[ -~]{1,8}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map(keys, inner, 0..4).prop_map(Value::Map),
        ]
    })
}

fn document() -> impl Strategy<Value = BTreeMap<String, Value>> {
    prop::collection::btree_map("[a-z_]{1,8}", value(), 1..6)
}

#[test]
fn brackets_are_as_deep_as_lists_may_be() {
    for depth in [super::MAX_DEPTH - 2, super::MAX_DEPTH - 1, super::MAX_DEPTH] {
        let text = format!("a: {}{}\n", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(reads_alike(&text), depth < super::MAX_DEPTH, "{depth}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_our_writer_makes_is_read_alike(document in document()) {
        if let Ok(text) = crate::domain::yaml::write(&document) {
            reads_alike(&text);
        }
    }

    /// Real documents with a few bytes of them cut out, put in or replaced.
    #[test]
    fn what_is_nearly_a_document_is_read_alike(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, "[ -~\n]{0,3}|\n *[-a-z#|'\"]*:? "), 1..4),
        document in document(),
        kind in 0..3,
    ) {
        let mut text = match crate::domain::yaml::write(&document) {
            Ok(text) if kind == 0 => text,
            _ if kind == 1 => PROPOSAL.to_owned(),
            _ => DECISION.to_owned(),
        };
        for (place, cut, put) in edits {
            let from = floor(&text, place.index(text.len()));
            let to = floor(&text, (from + cut).min(text.len()));
            text.replace_range(from..to.max(from), &put);
        }
        if crate::domain::yaml::chars::checked_text("", text.as_bytes()).is_ok() {
            reads_alike(&text);
        }
    }
}

/// The next place before this one at which a character begins.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
