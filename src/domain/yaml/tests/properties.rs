//! What is written is read back, by this reader and by another one; and what is read says the same to both.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::Document;
use crate::domain::value::Value;
use crate::domain::yaml::{inline, read, write};

/// Words that trip other readers, and pieces to make more of.
fn tricky() -> impl Strategy<Value = String> {
    let words = vec![
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "true",
        "False",
        "null",
        "~",
        "",
        " ",
        "\n",
        "\n\n",
        " a",
        "a ",
        "a: b",
        "a:",
        ":a",
        "a #b",
        "#a",
        "# a",
        "-",
        "- a",
        "--- a",
        "---",
        "...",
        "? a",
        "!a",
        "&a",
        "*a",
        "@a",
        "`a`",
        "%a",
        "|",
        ">",
        "|-",
        "{a}",
        "[a]",
        "{",
        "]",
        ",",
        "a, b",
        "'a'",
        "\"a\"",
        "\\n",
        "1",
        "1.0",
        "1e3",
        "0x1f",
        "010",
        "1_000",
        ".5",
        "5.",
        "+1",
        "-1",
        ".nan",
        "-.inf",
        "2026-11-23",
        "2026-11-23T14:02:11Z",
        "12:30",
        "1:2:3",
        "<<",
        "=",
        "a\nb",
        "a\n b",
        " a\nb",
        "\n a",
        "a\n",
        "a\n\n",
        "a\n\nb",
        "a\r\nb",
        "a\tb",
        "\ta",
        "a\t",
        "é",
        "日本語",
        "😀",
        "a\u{301}",
        "\u{7}",
        "\u{0}",
        "\u{85}",
        "\u{a0}",
        "\u{200b}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "\u{ffff}",
        "\u{1b}[31m",
        "a\u{85}b",
        "a: |\n  b",
        "#\n#",
        "- a\n- b",
        "a \nb",
        "\n\ta",
        "01JDC3V5J9M0K3W8Q2ZT4B6N7R",
        "1234567",
        "12e4567",
    ];
    prop_oneof![
        prop::sample::select(words.clone()).prop_map(str::to_owned),
        prop::collection::vec(prop::sample::select(words), 1..5).prop_map(|parts| parts.concat()),
        any::<String>(),
        "[ -~\n]{0,200}",
    ]
}

pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(|n| Value::Number(n.into())),
        (-1_000_000_000i64..1_000_000_000, 0u32..9).prop_map(|(n, scale)| {
            let value = rust_decimal::Decimal::new(n, scale).to_string();
            Value::Number(value.parse().unwrap())
        }),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number,
        tricky().prop_map(Value::Text)
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::btree_map(
                tricky().prop_filter("short", |k| k.len() <= 150),
                inner,
                0..5
            )
            .prop_map(Value::Map),
        ]
    })
}

/// Documents of every kind of writing, as the bot, people and other programs make them.
const DOCUMENTS: [&str; 4] = [
    "schema: countersign/decision/v1\nid: 01JDC3V5J9M0K3W8Q2ZT4B6N7R\nrisk:\n  score: 45.0\n  factors:\n  - name: environment\n    input: ''\n    reason: 'live: it''s #1'\n    points: 100.0\n  - name: scope\n    points: -0.5\n  triggers: []\napprovals: {}\nignored:\n- reason: \"a \\\"b\\\" \\u200b\\n\"\n  text: |-\n    one\n\n      two #\n    three\n- plain word\nend: (no)\n",
    "# by a program\nschema: \"countersign/recommendation/v1\"\ntargets: [\"a\",\"b-c\"]\nchanges: {\"stop_loss_pct\":3.5,\"mode\": \"live\", \"on\":true}\ncitations: [{\"title\":\"a \\\"b\\\"\",\"url\":\"https://c.d/e\"},{\"title\":\"\"}]\n",
    "# what it is\nschema: countersign/target/v1 # kind\n\nparameters:\n  # in percent\n  stop_loss_pct:  3.0        # close here\n  'quoted key': \"x\"\n  note: >-\n    two\n    lines\n  list:\n    - 1 # one\n    - - 2\n      - ~\n  long: words that\n    go on\n\n  open: {\n    a: 1, # one\n    b: [x, 'y'],\n  }\nmode: live\n\n# the end\n",
    "a: |\n  text\n\nb: >\n  folded\n  text\n\n  more\nc: \"on\n  two lines\"\nd: 'it''s\n\n  so'\n? e\n: f\n",
];

/// One of the documents with a few bytes of it cut out, put in or replaced.
fn nearly_a_document() -> impl Strategy<Value = String> {
    let put = prop_oneof![
        "[ -~\n]{0,3}",
        "\n *[-a-z#|'\"]*:? ",
        prop::sample::select(vec![
            "- ", "? ", ": ", ", ", "{", "}", "[", "]", "'", "\"", "\\", "|", ">-", "#", " #",
            "\t", "\r\n", "\n\n", "~", "null", "1e3", "-0", "0.10", "é", "<<", "&a ", "*a", "!b ",
            "---\n", "...\n",
        ])
        .prop_map(str::to_owned),
    ];
    let edit = (any::<prop::sample::Index>(), 0_usize..4, put);
    let edits = prop::collection::vec(edit, 0..4);
    (prop::sample::select(DOCUMENTS.to_vec()), edits).prop_map(|(document, edits)| {
        let mut text: Vec<char> = document.chars().collect();
        for (place, cut, put) in edits {
            let from = place.index(text.len() + 1);
            let to = (from + cut).min(text.len());
            text.splice(from..to, put.chars());
        }
        text.into_iter().collect()
    })
}

#[test]
fn every_kind_of_writing_is_read() {
    for text in DOCUMENTS {
        let ours = read::<Value>("v.yaml", text.as_bytes()).unwrap();
        assert_eq!(ours, serde_yaml::from_str::<Value>(text).unwrap(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// What one reader takes for something else than another could be approved by a person and mean something else
    /// to the program that carries it out.
    #[test]
    fn what_is_accepted_says_the_same_to_another_reader(text in nearly_a_document()) {
        // A word that begins with `?` in brackets is a key of its own to readers of YAML 1.1.
        prop_assume!(!text.contains(",?") && !text.contains("{?") && !text.contains("[?") && !text.contains(" ?"));
        let ours = read::<Value>("v.yaml", text.as_bytes());
        if let (Ok(ours), Ok(theirs)) = (ours, serde_yaml::from_str::<Value>(&text)) {
            prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn whatever_is_written_is_read_back(value in any_value()) {
        let text = write(&value).unwrap();
        let back: Value = read("v.yaml", text.as_bytes()).map_err(|p| TestCaseError::fail(format!("{p}\n{text}")))?;
        prop_assert_eq!(&back, &value, "{}", &text);
        prop_assert_eq!(write(&back).unwrap(), text);
    }

    #[test]
    fn another_reader_reads_the_same(value in any_value()) {
        let text = write(&value).unwrap();
        let theirs: serde_yaml::Value = serde_yaml::from_str(&text).map_err(|p| TestCaseError::fail(format!("{p}\n{text}")))?;
        prop_assert_eq!(serde_yaml::from_value::<Value>(theirs).unwrap(), value, "{}", text);
    }

    #[test]
    fn text_alone_is_read_back(text in tricky()) {
        let written = write(&BTreeMap::from([("a", &text)])).unwrap();
        let back: BTreeMap<String, String> = read("v.yaml", written.as_bytes()).map_err(|p| TestCaseError::fail(format!("{p}\n{written}")))?;
        prop_assert_eq!(&back["a"], &text);
    }

    #[test]
    fn what_is_put_on_one_line_is_read_back(value in any_value()) {
        let line = inline(&value);
        prop_assert!(!line.contains('\n'));
        let text = format!("a: {line}\n");
        let back: BTreeMap<String, Value> = read("v.yaml", text.as_bytes()).map_err(|p| TestCaseError::fail(format!("{p}\n{text}")))?;
        prop_assert_eq!(&back["a"], &value);
    }

    #[test]
    fn nothing_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a-c:{}\\[\\]\\-?&*!|>'\"#,\n \t]{0,80}") {
        let _ = read::<Value>("v.yaml", &bytes);
        let _ = read::<Document>("v.yaml", text.as_bytes());
    }
}
