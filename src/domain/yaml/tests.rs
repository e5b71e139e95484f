//! Every refusal of the strict reader, with its place and words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::indexing_slicing
)]

pub(super) mod properties;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::*;
use crate::domain::ids::{AgentName, TargetName};
use crate::domain::value::Value;

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    agent: AgentName,
    targets: Vec<TargetName>,
    #[serde(default)]
    changes: BTreeMap<String, Value>,
    #[serde(default)]
    citations: Vec<Citation>,
    expects: Option<BTreeMap<String, Value>>,
    mode: Option<Mode>,
    weight: Option<u8>,
    enabled: Option<bool>,
    ratio: Option<f64>,
    rule: Option<Rule>,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Citation {
    title: String,
    url: String,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    TwoTier,
    SingleTier,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Never,
    Above(u32),
    Between { low: u32, high: u32 },
}

const START: &str = "schema: s\nagent: a\ntargets: [t]\n";

/// What a person sees who offers this after a good beginning.
fn refusal(rest: &str) -> String {
    of_whole(&format!("{START}{rest}"))
}

fn of_whole(text: &str) -> String {
    match read::<Document>("r.yaml", text.as_bytes()) {
        Err(problems) => problems.to_string(),
        Ok(document) => panic!("was read: {document:?}"),
    }
}

fn free(text: &str) -> Result<Value, String> {
    read::<Value>("v.yaml", text.as_bytes()).map_err(|problems| problems.to_string())
}

#[test]
fn a_good_document_is_read() {
    let document: Document = read(
        "r.yaml",
        b"# why\nschema: countersign/recommendation/v1\r\nagent: 'strategy-optimizer'\ntargets:\n- rsi-eurusd # one\n- b\nchanges: {stop_loss_pct: 2.5, on: \"yes\", 'a b': [1, ~, {x: false}]}\ncitations:\n  - title: >-\n      Walk-forward\n      study\n    url: https://example.org/study#a\nmode: two_tier\nrule: {between: {low: 1, high: 2}}\n",
    )
    .unwrap();
    assert_eq!(document.targets.len(), 2);
    assert_eq!(document.citations[0].title, "Walk-forward study");
    assert_eq!(document.citations[0].url, "https://example.org/study#a");
    assert_eq!(document.changes["on"], Value::from("yes"));
    assert_eq!(
        document.changes["a b"].to_string(),
        "[1, (none), {x: false}]"
    );
    assert_eq!(document.mode, Some(Mode::TwoTier));
    assert_eq!(document.rule, Some(Rule::Between { low: 1, high: 2 }));
}

#[test]
fn what_has_the_wrong_type_is_told_with_its_place() {
    for (rest, message) in [
        (
            "weight: 300\n",
            "r.yaml:4:9: weight: expected a whole number from 0 to 255, found the number `300`",
        ),
        (
            "weight: 3.0\n",
            "r.yaml:4:9: weight: expected a whole number from 0 to 255, found the number `3.0`",
        ),
        (
            "weight: '3'\n",
            "r.yaml:4:9: weight: expected a whole number from 0 to 255, found the text `3`: remove the quotes",
        ),
        (
            "weight: 0x1F\n",
            "r.yaml:4:9: weight: expected a whole number from 0 to 255, found `0x1F`",
        ),
        (
            "enabled: yes\n",
            "r.yaml:4:10: enabled: expected `true` or `false`, found `yes`",
        ),
        (
            "enabled: \"true\"\n",
            "r.yaml:4:10: enabled: expected `true` or `false`, found the text `true`: remove the quotes",
        ),
        (
            "ratio: .inf\n",
            "r.yaml:4:8: ratio: expected a finite number, or text in quotes, found `.inf`",
        ),
        (
            "ratio: 1e999\n",
            "r.yaml:4:8: ratio: the number `1e999` cannot be kept exactly: expected at most 15 significant digits and an exponent below 308, or text in quotes",
        ),
        (
            "changes: [1]\n",
            "r.yaml:4:10: changes: expected a mapping, found a list",
        ),
        (
            "citations: {a: 1}\n",
            "r.yaml:4:12: citations: expected a list, found a mapping",
        ),
        (
            "citations:\n  - x\n",
            "r.yaml:5:5: citations[0]: expected a mapping with the keys `title`, `url`, found the text `x`",
        ),
        (
            "citations:\n  - title: 12\n    url: x\n",
            "r.yaml:5:12: citations[0].title: expected text, found the number `12`: put it in quotes if it is meant as text",
        ),
        (
            "citations:\n  - title:\n    url: x\n",
            "r.yaml:5:10: citations[0].title: expected text, found nothing",
        ),
        (
            "mode: two_teir\n",
            "r.yaml:4:7: mode: unknown value `two_teir`: did you mean `two_tier`? expected one of `two_tier`, `single_tier`",
        ),
        (
            "mode: [two_tier]\n",
            "r.yaml:4:7: mode: expected one of `two_tier`, `single_tier`, found a list",
        ),
        (
            "rule: {between: {low: 1, high: x}}\n",
            "r.yaml:4:32: rule.between.high: expected a whole number from 0 to 4294967295, found the text `x`",
        ),
        (
            "rule: above\n",
            "r.yaml:4:7: rule: expected a mapping of this one key, found only its name",
        ),
    ] {
        assert_eq!(refusal(rest), message);
    }
}

#[test]
fn keys_that_are_unknown_missing_or_twice_are_told() {
    let fields = "expected one of `schema`, `agent`, `targets`, `changes`, `citations`, `expects`, `mode`, `weight`, `enabled`, `ratio`, `rule`";
    assert_eq!(
        refusal("chnages: {}\n"),
        format!("r.yaml:4:1: chnages: unknown key `chnages`: did you mean `changes`? {fields}")
    );
    assert_eq!(
        refusal("\"e\\u202Ex\": 1\n"),
        format!("r.yaml:4:1: `e\\u{{202e}}x`: unknown key `e\\u{{202e}}x`: {fields}")
    );
    assert_eq!(
        of_whole("schema: s\nagent: a\n"),
        "r.yaml:1:1: targets: missing key `targets`: add it"
    );
    assert_eq!(
        refusal("citations:\n  - title: x\n    url: y\n  - title: x\n"),
        "r.yaml:7:5: citations[1].url: missing key `url`: add it"
    );
    assert_eq!(
        refusal("changes:\n  a: 1\n  b: 2\n  'a': 3\n"),
        "r.yaml:7:3: changes.a: the key `a` is given twice: it is also on line 5, so remove one of them"
    );
    assert_eq!(
        refusal("agent: b\n"),
        "r.yaml:4:1: agent: the key `agent` is given twice: it is also on line 2, so remove one of them"
    );
}

#[test]
fn what_a_type_of_ours_refuses_is_told_at_the_value() {
    assert_eq!(
        of_whole("schema: s\nagent: a\ntargets:\n  - ok\n  - ../x\n"),
        "r.yaml:5:5: targets[1]: `../x` is not a target name: expected 1 to 100 of a-z, 0-9 and `-_.`, starting with a letter or digit"
    );
    assert_eq!(
        refusal("changes:\n  x:\n    - 1\n    - 1e-40\n"),
        "r.yaml:7:7: changes.x[1]: the number `1e-40` is too large or too small: expected at most 28 digits before and after the point together"
    );
}

#[test]
fn what_yaml_allows_and_we_do_not_is_refused() {
    for (rest, message) in [
        (
            "changes: {a: &x 1}\n",
            "r.yaml:4:17: changes.a: anchors (`&name`) are not allowed: write the value where it is needed, or put the text in quotes",
        ),
        (
            "changes: {a: *x}\n",
            "r.yaml:4:14: changes.a: aliases (`*name`) are not allowed: write the value itself, or put the text in quotes",
        ),
        (
            "mode: !!str two_tier\n",
            "r.yaml:4:7: mode: tags (`!name`) are not allowed: remove it, or put the text in quotes",
        ),
        (
            "mode: ! two_tier\n",
            "r.yaml:4:7: mode: tags (`!name`) are not allowed: remove it, or put the text in quotes",
        ),
        (
            "citations:\n  - !x {title: a}\n",
            "r.yaml:5:5: citations[0]: tags (`!name`) are not allowed: remove it, or put the text in quotes",
        ),
        (
            "<<: {a: 1}\n",
            "r.yaml:4:1: merge keys (`<<`) are not allowed: write the keys themselves, or put the text in quotes",
        ),
        (
            "changes: {<<: {a: 1}}\n",
            "r.yaml:4:11: changes: merge keys (`<<`) are not allowed: write the keys themselves, or put the text in quotes",
        ),
        (
            "? [a]\n: 1\n",
            "r.yaml:4:3: expected a word or quoted text as the key, found a list or mapping",
        ),
        (
            "---\nschema: x\n",
            "r.yaml:4:1: a second document begins here: expected one document, so remove this `---`",
        ),
        (
            "mode: 'x\n",
            "r.yaml:4:7: mode: this is not valid YAML: unclosed quote",
        ),
        (
            "mode: a: b\n",
            "r.yaml:4:8: this is not valid YAML: mapping values are not allowed in this context",
        ),
    ] {
        assert_eq!(refusal(rest), message);
    }
    assert_eq!(
        of_whole("%YAML 1.1\n---\na: 1\n"),
        "r.yaml:1:1: this is not valid YAML: YAML directives are disallowed"
    );
    for empty in ["", "\n\n", "# only this\n"] {
        assert_eq!(
            of_whole(empty),
            "r.yaml:1:1: the document is empty: expected a mapping"
        );
    }
    assert_eq!(
        of_whole("---\n"),
        "r.yaml:1:4: expected a mapping with the keys `schema`, `agent`, `targets`, `changes`, `citations`, `expects`, `mode`, `weight`, `enabled`, `ratio`, `rule`, found nothing"
    );
}

#[test]
fn what_a_reviewer_cannot_see_is_refused() {
    for (rest, message) in [
        (
            "mode: a\u{202e}b\n",
            "r.yaml:4:8: a bidirectional control character (U+202E) is not allowed here: remove it, or write it as an escape in double quotes",
        ),
        (
            "# é\u{200f}\n",
            "r.yaml:4:4: a bidirectional control character (U+200F) is not allowed here: remove it, or write it as an escape in double quotes",
        ),
        (
            "\u{7}",
            "r.yaml:4:1: a control character (U+0007) is not allowed here: remove it, or write it as an escape in double quotes",
        ),
        (
            "a\u{85}b: 1\n",
            "r.yaml:4:2: a control character (U+0085) is not allowed here: remove it, or write it as an escape in double quotes",
        ),
        (
            "# x\u{2028}mode: y\n",
            "r.yaml:4:4: a Unicode line separator (U+2028) is not allowed here: remove it, or write it as an escape in double quotes",
        ),
        (
            "# x\rmode: y\n",
            "r.yaml:4:4: a carriage return without a line feed is not allowed: end lines with a line feed, or with both",
        ),
    ] {
        assert_eq!(refusal(rest), message);
    }
    assert_eq!(
        of_whole("\u{feff}schema: s\n"),
        "r.yaml:1:1: a byte order mark (U+FEFF) is not allowed here: remove it, or write it as an escape in double quotes"
    );
    let invalid = read::<Value>("r.yaml", b"a: 1\nb: \xff\n").unwrap_err();
    assert_eq!(
        invalid.to_string(),
        "r.yaml:2:4: the document is not valid UTF-8: save it with that encoding"
    );
    let large = read::<Value>("r.yaml", "a".repeat(65_537).as_bytes()).unwrap_err();
    assert_eq!(
        large.to_string(),
        "r.yaml: the document has 65537 bytes: expected at most 65536 (64 KiB)"
    );
}

#[test]
fn words_that_other_readers_take_for_something_else_are_refused_where_no_type_decides() {
    for (text, message) in [
        (
            "a: no",
            "v.yaml:1:4: a: `no` is text to some readers of YAML and a boolean to others: put it in quotes if it is text, write `true` or `false` if not",
        ),
        (
            "a: 010",
            "v.yaml:1:4: a: `010` is text to some readers of YAML and a number to others: put it in quotes if it is text, write it in plain decimal digits if not",
        ),
        (
            "a: .nan",
            "v.yaml:1:4: a: expected a finite number, or text in quotes, found `.nan`",
        ),
        (
            "a: 18446744073709551616",
            "v.yaml:1:4: a: expected a whole number from -9223372036854775808 to 18446744073709551615, or text in quotes, found the number `18446744073709551616`",
        ),
        (
            "a: 0.12345678901234567891",
            "v.yaml:1:4: a: the number `0.12345678901234567891` cannot be kept exactly: expected at most 15 significant digits and an exponent below 308, or text in quotes",
        ),
    ] {
        assert_eq!(free(text).unwrap_err(), message);
    }
    for text in [
        "0x1f", "+5", ".5", "5.", "1_000", "0o7", "0b1", "On", "OFF", "00",
    ] {
        assert!(free(&format!("a: {text}")).is_err(), "{text}");
        assert_eq!(
            free(&format!("a: '{text}'")).unwrap().to_string(),
            format!("{{a: {text}}}")
        );
    }
    for text in [
        "2026-11-23",
        "12:30",
        "1.2.3",
        "1e",
        "e5",
        "-",
        "v1",
        "0x",
        "01JDC3V5J9M0K3W8Q2ZT4B6N7R",
    ] {
        let shown = free(&format!("a: {text}"));
        if text == "-" || text == "0x" {
            continue;
        }
        assert_eq!(shown.unwrap().to_string(), format!("{{a: {text}}}"));
    }
}

#[test]
fn depth_is_limited_and_hostile_documents_cost_little() {
    let at_limit = format!("{}1{}", "[".repeat(32), "]".repeat(32));
    assert!(free(&at_limit).is_ok());
    assert_eq!(
        free(&format!("[{at_limit}]")).unwrap_err(),
        format!(
            "v.yaml:1:33: {}: lists and mappings are nested too deeply: expected at most 32 levels",
            "[0]".repeat(32)
        )
    );
    let full = |unit: &str| unit.repeat(MAX_BYTES / unit.len());
    let keys: String = (0..9000).map(|n| format!("k{n}: 1\n")).collect();
    let hostile = [
        full("{a: "),
        full("["),
        full("- "),
        full("a:\n "),
        full("? "),
        full("*a "),
        full("&a [*a]\n"),
        full("!!str "),
        full("'"),
        full("\""),
        full("\"\\x"),
        full("a: b\n"),
        full("- a\n"),
        full("#"),
        full("\n"),
        full(" "),
        full("\t"),
        full("a"),
        full("a "),
        full("a\n"),
        full("a: |\n "),
        full("%"),
        full("a,"),
        full("{a}"),
        full("[a],"),
        full("---\n"),
        full("é"),
        full("1"),
        full(": "),
        full("- |\n"),
        format!("[{}", full("a,")),
        format!("{{{}", full("a:,")),
        format!("[{}", full("a: b,")),
        format!("a: '{}", full("\n ")),
        format!("a: >\n {}", full("x\n\n ")),
        keys,
        format!("a: 1{}", full("0")),
        format!("a: 1e{}", full("0")),
        format!("a: {}", full("_0")),
    ];
    // Alone and optimized the worst takes 10 ms; the rest is room for what runs beside it.
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 600 } else { 60 });
    for text in hostile {
        let text = &text[..text.floor_char_boundary(MAX_BYTES)];
        let fastest = (0..5).map(|_| {
            let start = Instant::now();
            let _ = read::<Value>("v.yaml", text.as_bytes());
            let _ = read::<Document>("v.yaml", text.as_bytes());
            start.elapsed() / 2
        });
        let fastest = fastest.min().unwrap();
        assert!(
            fastest < limit,
            "{fastest:?} for {:?}",
            &text[..text.floor_char_boundary(20)]
        );
    }
}

#[test]
fn errors_stay_on_one_line_and_short() {
    let message = of_whole(&format!(
        "schema: s\nagent: \"{}\\n\\u202e\"\ntargets: []\n",
        "x".repeat(500)
    ));
    assert!(
        !message.contains('\n') && message.chars().count() < 300,
        "{message}"
    );
}

#[test]
fn a_document_of_ours_is_pleasant_to_read() {
    let document = Document {
        schema: "countersign/x/v1".to_owned(),
        agent: "a".parse().unwrap(),
        targets: vec!["t".parse().unwrap()],
        changes: BTreeMap::from([
            ("flag".to_owned(), Value::from("no")),
            (
                "pct".to_owned(),
                "2.50"
                    .parse::<crate::domain::value::Number>()
                    .unwrap()
                    .into(),
            ),
            ("sha".to_owned(), Value::from("0123456")),
        ]),
        citations: vec![Citation {
            title: "two\nlines".to_owned(),
            url: "a\u{202e}b".to_owned(),
        }],
        expects: None,
        mode: Some(Mode::SingleTier),
        weight: None,
        enabled: Some(true),
        ratio: Some(3.0),
        rule: Some(Rule::Above(3)),
    };
    let text = write(&document).unwrap();
    assert_eq!(
        text,
        "schema: countersign/x/v1\nagent: a\ntargets:\n- t\nchanges:\n  flag: \"no\"\n  pct: 2.5\n  sha: \"0123456\"\ncitations:\n- title: |-\n    two\n    lines\n  url: \"a\\u202eb\"\nexpects: null\nmode: single_tier\nweight: null\nenabled: true\nratio: 3.0\nrule:\n  above: 3\n"
    );
    assert_eq!(
        read::<Document>("d.yaml", text.as_bytes()).unwrap(),
        document
    );
}

/// Readers of YAML 1.1 (PyYAML, Ruby, Go's older ones) take these for booleans, dates and numbers to the base of 60.
#[test]
fn what_any_reader_takes_for_something_else_is_quoted() {
    for text in [
        "y",
        "N",
        "no",
        "On",
        "~",
        "null",
        "2026-01-01",
        "2026-1-1",
        "2026-01-01 12:00:00",
        "1:30",
        "12:30:45",
        "-1:30.5",
        "0777",
        "0o17",
        "0x1F",
        "1_000",
        "1e3",
        "+1",
        ".5",
        ".inf",
        "3",
        "",
    ] {
        let quoted = format!("{text:?}");
        assert_eq!(write(&text).unwrap(), format!("{quoted}\n"), "{text}");
        assert_eq!(inline(&Value::from(text)), quoted, "{text}");
        assert_eq!(write_without_moments(&text).unwrap(), format!("{quoted}\n"));
    }
    for text in ["2026-01-01x", "12-30", "yes-man", "v1", "rsi-eurusd"] {
        assert_eq!(write(&text).unwrap(), format!("{text}\n"));
        assert_eq!(inline(&Value::from(text)), text);
    }
    // A moment of our own documents is one to every reader; in a target it would be somebody's text.
    let moment = "2026-11-23T14:02:11Z";
    assert_eq!(write(&moment).unwrap(), format!("{moment}\n"));
    assert_eq!(
        write_without_moments(&moment).unwrap(),
        format!("\"{moment}\"\n")
    );
    assert_eq!(inline(&Value::from(moment)), format!("\"{moment}\""));
}

#[test]
fn what_could_not_be_read_is_not_written() {
    assert_eq!(
        write(&"x".repeat(70_000)).unwrap_err().to_string(),
        "the document would have 70001 bytes: at most 65536 (64 KiB) can be written"
    );
    assert_eq!(
        write(&f64::NAN).unwrap_err().to_string(),
        "`NaN` is not a number that a document can hold"
    );
    let deep = (0..33).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    assert!(write(&deep).is_err());
    let Value::List(inner) = deep else { panic!() };
    let text = write(&inner[0]).unwrap();
    assert_eq!(free(&text).unwrap(), inner[0]);
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Tagged {
    Command { argv: Vec<String> },
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a number or a list of numbers")]
enum Untagged {
    One(u8),
    Many(Vec<u8>),
}

#[derive(Debug, Deserialize)]
struct Flat {
    own: u8,
    #[serde(flatten)]
    other: Citation,
}

#[test]
fn buffered_types_are_told_at_their_own_place_without_inner_paths() {
    fn told<T: serde::de::DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        read::<Vec<T>>("b.yaml", text.as_bytes())
            .unwrap_err()
            .to_string()
    }
    let good: (Vec<Tagged>, Vec<Untagged>, Vec<Flat>) = (
        read("b", b"- {kind: command, argv: [a]}").unwrap(),
        read("b", b"[1, [2]]").unwrap(),
        read("b", b"- {own: 1, title: t, url: u}").unwrap(),
    );
    assert!(matches!(&good.0[0], Tagged::Command { argv } if argv == &["a"]));
    assert!(matches!(&good.1[..], [Untagged::One(1), Untagged::Many(many)] if many == &[2]));
    assert_eq!((good.2[0].own, good.2[0].other.url.as_str()), (1, "u"));
    assert_eq!(
        told::<Tagged>("- {kind: command,\n   argv: [1]}"),
        "b.yaml:1:3: [0]: expected text, found the number `1`: put it in quotes if it is meant as text"
    );
    assert_eq!(
        told::<Tagged>("- {kind: comand}"),
        "b.yaml:1:10: [0].kind: unknown value `comand`: did you mean `command`? expected `command`"
    );
    assert_eq!(
        told::<Untagged>("- 1\n- x"),
        "b.yaml:2:3: [1]: expected a number or a list of numbers"
    );
    assert_eq!(
        told::<Flat>("- own: 1\n  title: t\n  url: 2"),
        "b.yaml:1:3: [0]: expected text, found the number `2`: put it in quotes if it is meant as text"
    );
    assert_eq!(
        told::<Flat>("- own: 300\n  title: t\n  url: u"),
        "b.yaml:1:8: [0].own: expected a whole number from 0 to 255, found the number `300`"
    );
}
