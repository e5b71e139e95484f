//! Why a document cannot be read, in words for the person who has to mend it.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::domain::ids::quoted;
use crate::domain::problem::Problem;
use crate::domain::similar::nearest;

/// Where something stands, both counted from 1. A document is never so large that it takes more room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// One step of a key path.
#[derive(Debug)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// A refusal on its way up: the innermost node gives the place, each one above it a step.
#[derive(Debug)]
pub(crate) struct Error(Box<Refusal>);

#[derive(Debug)]
struct Refusal {
    kind: Kind,
    mark: Option<Mark>,
    /// Innermost first, because it is collected on the way up.
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Kind {
    Message(String),
    MissingKey(&'static str),
}

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::of(Kind::Message(message.into()))
    }

    fn of(kind: Kind) -> Self {
        Self(Box::new(Refusal {
            kind,
            mark: None,
            steps: Vec::new(),
        }))
    }

    /// Gives the place, unless something further in has given it already.
    pub(super) fn at(mut self, mark: Mark) -> Self {
        self.0.mark.get_or_insert(mark);
        self
    }

    pub(super) fn within_key(mut self, key: &str) -> Self {
        self.0.steps.push(Step::Key(key.to_owned()));
        self
    }

    pub(super) fn within_item(mut self, index: usize) -> Self {
        self.0.steps.push(Step::Index(index));
        self
    }

    pub(super) fn into_problem(self, file: &str) -> Problem {
        let Refusal { kind, mark, steps } = *self.0;
        let mut key = path_of(&steps);
        let message = match kind {
            Kind::Message(message) => message,
            Kind::MissingKey(field) => {
                let whose = if key.is_empty() {
                    "the document".to_owned()
                } else {
                    "this mapping".to_owned()
                };
                push_key(&mut key, field);
                format!("missing key `{field}`: {whose} must have it")
            }
        };
        Problem {
            file: file.to_owned(),
            line: mark.map(|mark| mark.line.into()),
            column: mark.map(|mark| mark.column.into()),
            key: (!key.is_empty()).then_some(key),
            message,
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
        match &self.0.kind {
            Kind::Message(message) => f.write_str(message),
            Kind::MissingKey(field) => write!(f, "missing key `{field}`"),
        }
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(one_line(&message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!(
            "expected {}, found {}",
            in_our_words(&expected.to_string()),
            found_words(found)
        ))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!(
            "expected {}, found {length} items",
            in_our_words(&expected.to_string())
        ))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(unknown("key", field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(unknown("value", variant, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(Kind::MissingKey(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is given twice"))
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
fn in_our_words(expected: &str) -> String {
    match expected {
        "a boolean" | "bool" => "`true` or `false`".to_owned(),
        "a string" | "str" | "string" | "a borrowed string" => "text".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "isize" => {
            "a whole number".to_owned()
        }
        "f32" | "f64" => "a number".to_owned(),
        "unit" => "`null`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        other if other.starts_with("struct ") => "a mapping".to_owned(),
        other if other.starts_with("tuple ") => "a list".to_owned(),
        other => one_line(other),
    }
}

fn found_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number `{value}`"),
        Unexpected::Signed(value) => format!("the number `{value}`"),
        Unexpected::Float(value) => format!("the number `{value:?}`"),
        Unexpected::Str(value) => format!("the text {}", quoted(value)),
        Unexpected::Char(value) => format!("the text {}", quoted(&value.to_string())),
        Unexpected::Unit | Unexpected::Option => "`null`".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        _ => "something else".to_owned(),
    }
}
