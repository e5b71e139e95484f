//! Why a document cannot be read, in words for the person who has to mend it.

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::scalar::{Plain, classify};
use crate::domain::ids::quoted;
use crate::domain::problem::Problem;
use crate::domain::similar::nearest;

/// Where something stands, both counted from 1. A document is never so large that it takes more room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Mark {
    pub(super) fn of(line: usize, column: usize) -> Self {
        Self {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

/// One step of a key path.
#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// A refusal on its way up: the innermost node gives the place, each one above it a step of the path.
#[derive(Debug)]
pub(crate) struct Error {
    message: String,
    mark: Option<Mark>,
    /// Innermost first, because it is collected on the way up.
    steps: Vec<Step>,
}

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            mark: None,
            steps: Vec::new(),
        }
    }

    /// For a word whose meaning is in doubt: what to do about it, where a type does not ask for something else anyway.
    pub(super) fn doubt(word: &str, expected: &dyn Expected, remedy: String) -> Self {
        let found = match classify(word) {
            Plain::Whole(_) | Plain::Fraction(_) => format!("the number {}", quoted(word)),
            _ => quoted(word),
        };
        Self::new(match in_our_words(expected).as_str() {
            "any value" | "a number" => remedy,
            "text" => format!("expected text, found {found}{MEANT_AS_TEXT}"),
            expected => format!("expected {expected}, found {found}"),
        })
    }

    /// Gives the place, unless something further in has given it already.
    pub(super) fn at(mut self, mark: Mark) -> Self {
        self.mark.get_or_insert(mark);
        self
    }

    pub(super) fn within_key(mut self, key: &str) -> Self {
        self.steps.push(Step::Key(key.to_owned()));
        self
    }

    pub(super) fn within_item(mut self, index: usize) -> Self {
        self.steps.push(Step::Index(index));
        self
    }

    pub(super) fn into_problem(self, file: &str) -> Problem {
        let key = path_of(&self.steps);
        Problem {
            file: file.to_owned(),
            line: self.mark.map(|mark| mark.line.into()),
            column: self.mark.map(|mark| mark.column.into()),
            key: (!key.is_empty()).then_some(key),
            message: self.message,
        }
    }
}

fn path_of(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps.iter().rev() {
        match step {
            Step::Key(key) => push_key(&mut path, key),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.len() <= 60 && key.chars().all(plain) {
        path.push_str(key);
    } else {
        path.push_str(&quoted(key));
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(one_line(&message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = in_our_words(expected);
        let hint = hint(found, &expected);
        Self::new(format!(
            "expected {expected}, found {}{hint}",
            in_words(found)
        ))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = in_our_words(expected);
        Self::new(format!("expected {expected}, found {}", in_words(found)))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = in_our_words(expected);
        Self::new(format!("expected {expected}, found {length} items"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(unknown("key", field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(unknown("value", variant, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("missing key `{field}`: add it")).within_key(field)
    }
}

/// Text of unknown origin in a message: one line, nothing invisible, not longer than a paragraph.
pub(super) fn one_line(message: &str) -> String {
    const MAX_CHARS: usize = 600;
    let mut line = String::with_capacity(message.len());
    for c in message.chars().take(MAX_CHARS) {
        match c {
            '\n' | '\r' | '\t' => line.push(' '),
            c if super::chars::refusal(c).is_some() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    if message.chars().nth(MAX_CHARS).is_some() {
        line.push('…');
    }
    line
}

fn unknown(what: &str, found: &str, allowed: &[&str]) -> String {
    let list = match allowed {
        [] => return format!("unknown {what} {}: none is allowed here", quoted(found)),
        [only] => format!("expected `{only}`"),
        several => format!("expected one of `{}`", several.join("`, `")),
    };
    match nearest(found, allowed.iter().copied()) {
        Some(near) => format!(
            "unknown {what} {}: did you mean `{near}`? {list}",
            quoted(found)
        ),
        None => format!("unknown {what} {}: {list}", quoted(found)),
    }
}

/// What serde and its derives call things, said as this product's messages do.
fn in_our_words(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "a boolean" => "`true` or `false`".to_owned(),
        "a string" => "text".to_owned(),
        "u8" => whole_number(u8::MIN, u8::MAX),
        "u16" => whole_number(u16::MIN, u16::MAX),
        "u32" => whole_number(u32::MIN, u32::MAX),
        "u64" | "usize" => whole_number(u64::MIN, u64::MAX),
        "i32" => whole_number(i32::MIN, i32::MAX),
        "i64" => whole_number(i64::MIN, i64::MAX),
        "f64" => "a number".to_owned(),
        "unit" => "`null`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "newtype variant" | "tuple variant" | "struct variant" => {
            "a mapping of this one key".to_owned()
        }
        other if other.starts_with("struct ") => "a mapping".to_owned(),
        other if other.starts_with("tuple ") => "a list".to_owned(),
        other => one_line(other),
    }
}

fn whole_number<N: fmt::Display>(least: N, most: N) -> String {
    format!("a whole number from {least} to {most}")
}

const MEANT_AS_TEXT: &str = ": put it in quotes if it is meant as text";

/// What to do about quotes that are missing or too many.
fn hint(found: Unexpected<'_>, expected: &str) -> &'static str {
    let is_text_expected = expected == "text";
    match found {
        Unexpected::Bool(_)
        | Unexpected::Unsigned(_)
        | Unexpected::Signed(_)
        | Unexpected::Float(_)
            if is_text_expected =>
        {
            MEANT_AS_TEXT
        }
        Unexpected::Str(text)
            if !is_text_expected
                && matches!(
                    classify(text),
                    Plain::Bool(_) | Plain::Whole(_) | Plain::Fraction(_)
                ) =>
        {
            ": remove the quotes"
        }
        _ => "",
    }
}

fn in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number `{value}`"),
        Unexpected::Signed(value) => format!("the number `{value}`"),
        Unexpected::Float(value) => format!("the number `{value:?}`"),
        Unexpected::Str(value) => format!("the text {}", quoted(value)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        Unexpected::UnitVariant => "only its name".to_owned(),
        _ => "something else".to_owned(),
    }
}
