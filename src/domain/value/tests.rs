//! What a value from a document is equal to, how it is shown, and that numbers stay exact.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;

use super::*;

fn argument(text: &str) -> Value {
    Value::from_argument(text).unwrap()
}

#[test]
fn numbers_are_exact_and_remember_how_they_were_written() {
    let three: Number = "3".parse().unwrap();
    let three_point: Number = "3.0".parse().unwrap();
    assert_eq!(three, three_point);
    assert_eq!(HashSet::from([three, three_point]).len(), 1);
    let all: Value =
        serde_json::from_str(r#"[3, 3.0, 0.1, -7, 1e3, 18446744073709551615, -0.0]"#).unwrap();
    assert_eq!(
        serde_json::to_string(&all).unwrap(),
        "[3,3.0,0.1,-7,1000.0,18446744073709551615,0.0]"
    );
    assert_eq!(
        yaml::write(&all).unwrap(),
        "- 3\n- 3.0\n- 0.1\n- -7\n- 1000.0\n- 18446744073709551615\n- 0.0\n"
    );
    let sum = argument("0.1").number().unwrap() + argument("0.2").number().unwrap();
    assert_eq!(Some(sum), argument("0.3").number());
}

#[test]
fn numbers_that_would_be_changed_are_refused() {
    for (text, message) in [
        (
            "1e29",
            "the number `1e29` is too large or too small: expected at most 28 digits before and after the point together",
        ),
        (
            "1e-29",
            "the number `1e-29` is too large or too small: expected at most 28 digits before and after the point together",
        ),
        (
            "0.12345678901234567891",
            "the number `0.12345678901234567891` cannot be kept exactly: expected at most 15 significant digits",
        ),
        (
            "18446744073709551616",
            "the number `18446744073709551616` is too large: expected a whole number from -9223372036854775808 to 18446744073709551615",
        ),
    ] {
        assert_eq!(Value::from_argument(text).unwrap_err().to_string(), message);
    }
    assert_eq!(
        Number::try_from(f64::NAN).unwrap_err().to_string(),
        "`NaN` is not a number: expected a finite one"
    );
    assert_eq!(
        "no".parse::<Number>().unwrap_err().to_string(),
        "`no` is not a number: expected decimal digits such as `2.5`"
    );
}

#[test]
fn an_argument_becomes_what_it_looks_like() {
    for (text, json) in [
        ("2.5", "2.5"),
        ("-3", "-3"),
        ("true", "true"),
        ("null", "null"),
        ("live", "\"live\""),
        ("007", "\"007\""),
        ("yes", "\"yes\""),
        ("", "\"\""),
        (" 2", "\" 2\""),
        ("\"2.5\"", "\"2.5\""),
        ("[1, {\"a\": null}]", "[1,{\"a\":null}]"),
    ] {
        assert_eq!(serde_json::to_string(&argument(text)).unwrap(), json);
    }
    assert_eq!(
        Value::from_argument("[1,").unwrap_err().to_string(),
        "`[1,` begins like JSON but is not: EOF while parsing a value at line 1 column 3"
    );
    assert_eq!(
        Value::from_argument("{\"a\": 1, \"a\": 2}")
            .unwrap_err()
            .to_string(),
        "`{\\\"a\\\": 1, \\\"a\\\": 2}` begins like JSON but is not: the key `a` is given twice at line 1 column 16"
    );
}

#[test]
fn people_see_values_escaped_and_short() {
    for (value, shown) in [
        (argument("2.50"), "2.5"),
        (argument("3.0"), "3.0"),
        (Value::Null, "(none)"),
        (argument("live"), "live"),
        (Value::from("it's \"x\""), "it's \"x\""),
        (
            Value::from("a\nb\u{202e}\u{1b}[31m"),
            "a\\nb\\u{202e}\\u{1b}[31m",
        ),
        (
            argument("{\"b\": [1, null], \"a\": true}"),
            "{a: true, b: [1, (none)]}",
        ),
    ] {
        assert_eq!(value.to_string(), shown);
    }
    assert_eq!(
        Value::from("é".repeat(81)).to_string(),
        format!("{}…", "é".repeat(80))
    );
    assert_eq!(Value::from("é".repeat(80)).to_string(), "é".repeat(80));
}

#[test]
fn the_schema_allows_anything() {
    let schema = schemars::schema_for!(Value);
    assert_eq!(schema.get("type"), None);
}
