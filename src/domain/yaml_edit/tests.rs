//! Edits change what they should and not one byte more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use proptest::prelude::*;

use super::*;

fn changes(list: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let pair =
        |(key, value): &(&str, &str)| ((*key).to_owned(), Value::from_argument(value).unwrap());
    list.iter().map(pair).collect()
}

fn set(text: &str, list: &[(&str, &str)]) -> String {
    match set_in_mapping("t.yaml", text.as_bytes(), "parameters", &changes(list)) {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(problems) => problems.to_string(),
    }
}

fn set_top(text: &str, list: &[(&str, &str)]) -> String {
    match set_in_mapping("t.yaml", text.as_bytes(), "", &changes(list)) {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(problems) => problems.to_string(),
    }
}

const BLOCK: &str = "# the live one\nschema: s   # kind\n\nenvironment: 'live'\nparameters: # all of them\n  # percent of the price\n  stop_loss_pct: 3.0   # since March\n\n  \"quoted key\": \"x\"\n  note: >-\n    two\n    lines\n  list:\n    - 1 # one\n    - 2\n  # the end\n\nowner: dana\n";

#[test]
fn block_values_are_set_and_everything_else_stays() {
    for (list, from, to) in [
        (
            vec![("stop_loss_pct", "2.5")],
            "3.0   # since",
            "2.5   # since",
        ),
        (
            vec![("stop_loss_pct", "live")],
            "3.0   # since",
            "live   # since",
        ),
        (
            vec![("stop_loss_pct", "no")],
            "3.0   # since",
            "\"no\"   # since",
        ),
        (
            vec![("stop_loss_pct", "[1, {\"a b\": \"c: d\"}]")],
            "3.0   # since",
            "[1, {a b: \"c: d\"}]   # since",
        ),
        (vec![("quoted key", "y")], "\"x\"", "\"y\""),
        (
            vec![("stop_loss_pct", "2026-01-01")],
            "3.0   # since",
            "\"2026-01-01\"   # since",
        ),
        (
            vec![("stop_loss_pct", "2026-01-01T12:00:00Z")],
            "3.0   # since",
            "\"2026-01-01T12:00:00Z\"   # since",
        ),
        (
            vec![("note", "one\nline")],
            ">-\n    two\n    lines\n",
            "\"one\\nline\"\n",
        ),
        (
            vec![("list", "7")],
            "list:\n    - 1 # one\n    - 2\n",
            "list: 7\n",
        ),
        (
            vec![("new", "true"), ("also", "x")],
            "    - 2\n",
            "    - 2\n  also: x\n  new: true\n",
        ),
        (
            vec![("stop_loss_pct", "null")],
            "  stop_loss_pct: 3.0   # since March\n",
            "",
        ),
        (
            vec![("list", "null")],
            "  list:\n    - 1 # one\n    - 2\n",
            "",
        ),
        (
            vec![("note", "null"), ("n", "1")],
            "  note: >-\n    two\n    lines\n  list:\n    - 1 # one\n    - 2\n",
            "  list:\n    - 1 # one\n    - 2\n  \"n\": 1\n",
        ),
        (
            vec![("list", "null"), ("n", "1")],
            "  list:\n    - 1 # one\n    - 2\n",
            "  \"n\": 1\n",
        ),
        (vec![("absent", "null")], "live", "live"),
    ] {
        assert_eq!(set(BLOCK, &list), BLOCK.replacen(from, to, 1), "{list:?}");
    }
}

#[test]
fn flow_mappings_are_edited_in_place() {
    for (before, list, after) in [
        (
            "parameters: {a: 1, b: 2} # c\nz: 1\n",
            vec![("a", "9")],
            "parameters: {a: 9, b: 2} # c\nz: 1\n",
        ),
        (
            "parameters: {a: 1, b: 2}\n",
            vec![("c", "3")],
            "parameters: {a: 1, b: 2, c: 3}\n",
        ),
        (
            "parameters: {a: 1, b: 2}\n",
            vec![("a", "null")],
            "parameters: {b: 2}\n",
        ),
        (
            "parameters: {a: 1, b: 2}\n",
            vec![("b", "null")],
            "parameters: {a: 1}\n",
        ),
        (
            "parameters: {a: 1, b: 2, c: 3}\n",
            vec![("a", "null"), ("b", "null")],
            "parameters: {c: 3}\n",
        ),
        (
            "parameters: {a: 1, b: 2, c: 3}\n",
            vec![("c", "null"), ("b", "null"), ("d", "x")],
            "parameters: {a: 1, d: x}\n",
        ),
        (
            "parameters: {a: 1, b: 2, c: 3}\n",
            vec![("b", "null"), ("c", "[]")],
            "parameters: {a: 1, c: []}\n",
        ),
        (
            "parameters: {a: 1}\n",
            vec![("a", "null")],
            "parameters: {}\n",
        ),
        (
            "parameters: {a: 1}\n",
            vec![("a", "null"), ("b", "2")],
            "parameters: {b: 2}\n",
        ),
        ("parameters: {}\n", vec![("b", "2")], "parameters: {b: 2}\n"),
        (
            "parameters: {\"a\":1,'b':\"x\"}\n",
            vec![("a", "2"), ("b", "y"), ("c", "3")],
            "parameters: {\"a\":2,'b':\"y\", c: 3}\n",
        ),
        (
            "parameters: {a, b: }\n",
            vec![("a", "1"), ("b", "2")],
            "parameters: {a: 1, b: 2 }\n",
        ),
        (
            "parameters:\n  {\n    a: 1, # one\n    b: [x, # two\n      y],\n  }\n",
            vec![("b", "2"), ("c", "3")],
            "parameters:\n  {\n    a: 1, # one\n    b: 2, c: 3,\n  }\n",
        ),
        (
            "{x: 1, parameters: {a: 1}}",
            vec![("a", "2")],
            "{x: 1, parameters: {a: 2}}",
        ),
        ("{x: 1}\n", vec![("a", "2")], "{x: 1, parameters: {a: 2}}\n"),
    ] {
        assert_eq!(set(before, &list), after, "{before}");
    }
}

#[test]
fn odd_files_are_edited_too() {
    for (before, list, after) in [
        (
            "x: 1\n# end\n",
            vec![("a", "2")],
            "x: 1\nparameters:\n  a: 2\n# end\n",
        ),
        (
            "x: 1",
            vec![("a", "2"), ("b", "3")],
            "x: 1\nparameters:\n  a: 2\n  b: 3",
        ),
        ("x: 1\n", vec![("a", "null")], "x: 1\n"),
        (
            "x: 1\nparameters:\ny: 2\n",
            vec![("a", "2")],
            "x: 1\nparameters: {a: 2}\ny: 2\n",
        ),
        (
            "x: 1\nparameters: ~ # none\n",
            vec![("a", "2")],
            "x: 1\nparameters: {a: 2} # none\n",
        ),
        (
            "parameters:\n  a: 1\n",
            vec![("a", "null")],
            "parameters: {}\n",
        ),
        (
            "parameters:\n  a: 1 # x\n  b: 2 # y\nz: 1\n",
            vec![("a", "null"), ("b", "null"), ("c", "3")],
            "parameters: {c: 3}\nz: 1\n",
        ),
        (
            "parameters:\r\n  a: 1 # x\r\n  b: |\r\n    t\r\nz: 1\r\n",
            vec![("a", "2"), ("b", "3"), ("c", "4")],
            "parameters:\r\n  a: 2 # x\r\n  b: 3\r\n  c: 4\r\nz: 1\r\n",
        ),
        (
            "parameters:\n    a: # why\n      deep: 1\n    b:\n",
            vec![("a", "2"), ("b", "x")],
            "parameters:\n    a: 2 # why\n    b: x\n",
        ),
        (
            "parameters:\n  a: 1\n  b: |\n    text\n\n\n",
            vec![("c", "3")],
            "parameters:\n  a: 1\n  b: |\n    text\n  c: 3\n\n\n",
        ),
        (
            "parameters:\n  ? a\n  : 1\n",
            vec![("a", "2")],
            "parameters:\n  ? a\n  : 2\n",
        ),
        (
            "parameters:\n  é: ü # ö\n  b: 1\n",
            vec![("é", "x"), ("b", "2")],
            "parameters:\n  é: x # ö\n  b: 2\n",
        ),
    ] {
        assert_eq!(set(before, &list), after, "{before}");
    }
    assert_eq!(
        set_top("a: 1 # x\nb: 2\n", &[("a", "2"), ("b", "null"), ("c", "z")]),
        "a: 2 # x\nc: z\n"
    );
    assert_eq!(
        set_top("# c\na: 1\n# d\n", &[("a", "null")]),
        "# c\n{}\n# d\n"
    );
    assert_eq!(
        set(
            "parameters: {a: 1, # x\n  b: 2, # y\n  c: 3}\n",
            &[("b", "null")]
        ),
        "parameters: {a: 1 # x\n  , # y\n  c: 3}\n"
    );
    assert_eq!(set_top("{}\n", &[("c", "z")]), "{c: z}\n");
}

#[test]
fn what_cannot_be_edited_is_told() {
    assert_eq!(
        set("x: 1\nparameters: [1]\n", &[("a", "2")]),
        "t.yaml:2:13: parameters: expected a mapping whose keys can be set"
    );
    assert_eq!(
        set("- 1\n", &[("a", "2")]),
        "t.yaml:1:1: expected a mapping whose keys can be set"
    );
    assert_eq!(
        set(
            "parameters:\n  a: |+\n    keeps blank lines\n  b: 1\n\n  c: 2\n",
            &[("b", "null")]
        ),
        "t.yaml: cannot change `b` without touching anything else (the result would be another document): edit the file by hand, or write it in block style, one key a line"
    );
    assert_eq!(
        set("a: &x 1\n", &[("a", "2")]),
        "t.yaml:1:7: a: anchors (`&name`) are not allowed: write the value where it is needed, or put the text in quotes"
    );
}

fn document() -> impl Strategy<Value = String> {
    let values = vec![
        "1",
        "x # c",
        "'q # q'",
        "\"a\\nb\" # c",
        "",
        "~",
        "{}",
        "[]",
        "{p: 1, q: [2]}",
        "[a, # c\n    b]",
        "{a: 1,\n    b: 2}",
        "|\n    t\n    u",
        ">- # c\n    t\n\n    u\n",
        "|+\n    t\n\n",
        "\n    - 1 # c\n    - 2",
        "\n    # c\n    k: v\n    l: w",
        "\n  - 1\n  - 2",
        "two\n    lines # c",
        "# c\n    below",
        "'two\n    lines'",
    ];
    let entry = (
        prop::sample::select(vec!["a", "b", "'c'", "\"d\"", "? e\n  "]),
        prop::sample::select(values),
    );
    let noise = prop::sample::select(vec!["", "", "\n", "  # note\n", "# note\n\n"]);
    (
        prop::collection::vec((entry, noise), 0..5),
        any::<bool>(),
        prop::sample::select(vec!["", "z: 1\n", "# last", "z:\n  a: 1 # c\n"]),
        any::<bool>(),
    )
        .prop_map(|(mut entries, flow, tail, crlf)| {
            let mut seen = std::collections::HashSet::new();
            entries.retain(|((key, _), _)| seen.insert(*key));
            let mut text = "x: 1 # first\n".to_owned();
            if flow {
                let inside: Vec<_> = entries
                    .iter()
                    .map(|((k, v), _)| {
                        format!(
                            "{k}: {}",
                            v.split('\n').next().unwrap().split('#').next().unwrap()
                        )
                    })
                    .collect();
                text += &format!("parameters: {{{}}}\n", inside.join(", "));
            } else {
                text += "parameters:\n";
                for ((key, value), noise) in entries {
                    text += &format!("  {key}: {value}\n{noise}");
                }
            }
            text += tail;
            if crlf {
                text.replace('\n', "\r\n")
            } else {
                text
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn an_edit_is_right_or_refused_and_loses_no_comment_elsewhere(
        text in document(),
        list in prop::collection::btree_map(
            prop::sample::select(vec!["a", "b", "c", "d", "e", "f g"]),
            prop::sample::select(vec!["1", "2.50", "null", "x", "no", "a: b", "l\nm", "[1, {\"a\": \"# b\"}]", "{}"]),
            0..5,
        ),
    ) {
        let list: Vec<_> = list.into_iter().collect();
        let changes = changes(&list);
        let Ok(root) = yaml::read_tree("t.yaml", text.as_bytes()) else { return Ok(()) };
        let edited = match set_in_mapping("t.yaml", text.as_bytes(), "parameters", &changes) {
            Ok(edited) => edited,
            // Text that takes in every blank line after it (`|+`) may be too much; all else must work.
            Err(problems) => {
                prop_assert!(text.contains("|+"), "{}\n{}", text, problems);
                return Ok(());
            }
        };
        let edited = String::from_utf8(edited).unwrap();
        verify("t.yaml", &root, &edited, "parameters", &changes).unwrap();
        prop_assert!(edited.contains("x: 1 # first"));
        prop_assert!(!text.contains("# last") || edited.contains("# last"), "{}", edited);
        prop_assert_eq!(text.matches("# note").count(), edited.matches("# note").count(), "{}\n=>\n{}", text, edited);
        let again = set_in_mapping("t.yaml", edited.as_bytes(), "parameters", &changes).unwrap();
        prop_assert_eq!(String::from_utf8(again).unwrap(), edited);
    }
}
