//! Clauses, and how they are put together to one sentence.

use cel::common::ast::operators;

use crate::domain::page::Line;

/// How deep `either … or …` and `both … and …` may stand inside each other before nobody understands them.
const MOST_NESTED: usize = 2;

/// Whether it is said that something holds, or that it does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    Holds,
    Fails,
}

impl Polarity {
    pub const fn opposite(self) -> Self {
        match self {
            Self::Holds => Self::Fails,
            Self::Fails => Self::Holds,
        }
    }

    pub const fn choose<'t>(self, holds: &'t str, fails: &'t str) -> &'t str {
        match self {
            Self::Holds => holds,
            Self::Fails => fails,
        }
    }
}

/// What an expression says.
pub enum Said {
    Clause(Line),
    /// A clause with an `and` or `or` of its own.
    Composite(Line),
    All(Vec<Said>),
    Any(Vec<Said>),
}

impl Said {
    pub fn clause(text: &str) -> Self {
        Self::Clause(text.into())
    }

    pub fn joined(parts: Vec<Self>, is_all: bool) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::All(inner) if is_all => flat.extend(inner),
                Self::Any(inner) if !is_all => flat.extend(inner),
                part => flat.push(part),
            }
        }
        match is_all {
            true => Self::All(flat),
            false => Self::Any(flat),
        }
    }

    fn nested(&self) -> usize {
        match self {
            Self::Clause(_) | Self::Composite(_) => 0,
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().map(Self::nested).max().unwrap_or(0) + 1
            }
        }
    }

    pub const fn is_clause(&self) -> bool {
        matches!(self, Self::Clause(_))
    }

    /// As a whole sentence.
    pub fn top(self) -> Option<Line> {
        (self.nested() <= MOST_NESTED).then(|| self.line("", ""))
    }

    /// With words before that tell where `and` and `or` begin.
    fn line(self, before_all: &str, before_any: &str) -> Line {
        let (parts, before, word) = match self {
            Self::Clause(line) | Self::Composite(line) => return line,
            Self::All(parts) => (parts, before_all, "and"),
            Self::Any(parts) => (parts, before_any, "or"),
        };
        let is_long = parts.iter().any(|part| !part.is_clause());
        let comma = if is_long { "," } else { "" };
        let parts = parts.into_iter().map(|part| {
            let all = if part.count() == 2 {
                "both "
            } else {
                "all of this: "
            };
            part.line(all, "either ")
        });
        Line::from(before).joined(parts, &format!("{comma} {word} "))
    }

    const fn count(&self) -> usize {
        match self {
            Self::Clause(_) | Self::Composite(_) => 1,
            Self::All(parts) | Self::Any(parts) => parts.len(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    pub fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            operators::EQUALS => Self::Equal,
            operators::NOT_EQUALS => Self::Unequal,
            operators::LESS => Self::Less,
            operators::LESS_EQUALS => Self::AtMost,
            operators::GREATER => Self::More,
            operators::GREATER_EQUALS => Self::AtLeast,
            _ => return None,
        })
    }

    pub const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::More => Self::Less,
            Self::AtLeast => Self::AtMost,
            same => same,
        }
    }

    pub const fn under(self, polarity: Polarity) -> Self {
        match (polarity, self) {
            (Polarity::Holds, same) => same,
            (Polarity::Fails, Self::Equal) => Self::Unequal,
            (Polarity::Fails, Self::Unequal) => Self::Equal,
            (Polarity::Fails, Self::Less) => Self::AtLeast,
            (Polarity::Fails, Self::AtMost) => Self::More,
            (Polarity::Fails, Self::More) => Self::AtMost,
            (Polarity::Fails, Self::AtLeast) => Self::Less,
        }
    }

    pub const fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }

    /// Before a number: `above 3`, `3`.
    pub const fn of_amount(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::Unequal => "other than ",
            Self::Less => "below ",
            Self::AtMost => "of at most ",
            Self::More => "above ",
            Self::AtLeast => "of at least ",
        }
    }

    /// After `is`: `above 3`, `not 3`.
    pub const fn of_value(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::Unequal => "not ",
            Self::Less => "below ",
            Self::AtMost => "at most ",
            Self::More => "above ",
            Self::AtLeast => "at least ",
        }
    }

    /// Before a number of things: `more than 3`.
    pub const fn of_count(self) -> &'static str {
        match self {
            Self::Equal => "exactly ",
            Self::Unequal => "not exactly ",
            Self::Less => "fewer than ",
            Self::AtMost => "at most ",
            Self::More => "more than ",
            Self::AtLeast => "at least ",
        }
    }

    pub const fn polarity(self) -> Polarity {
        match self {
            Self::Unequal => Polarity::Fails,
            _ => Polarity::Holds,
        }
    }
}
