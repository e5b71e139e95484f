//! What is told to people, as a value: terminal, Markdown and HTML each show it in their own way.
//!
//! What is ours and what others wrote are different things here, so that no renderer can mistake one
//! for the other: [`Span::Ours`] may stand as it is, the others have to be made harmless.

use std::fmt;

/// The longest piece of somebody's free text that a page carries, in characters.
pub const MOST_WORDS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Its parts, in order.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading of ours; level 1 is the page's own.
    Heading(u8, String),
    Text(Line),
    List(Vec<Line>),
    Table {
        /// The columns' names, ours.
        header: Vec<&'static str>,
        /// The rows, each as long as the header.
        rows: Vec<Vec<Line>>,
    },
}

/// A sentence or cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(pub Vec<Span>);

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Our own words and numbers.
    Ours(String),
    /// A name or value from the trail, such as an agent's or a target's.
    Name(String),
    /// A value or expression of the rules, to the letter.
    Code(String),
    /// What somebody wrote, in their words; cut to [`MOST_WORDS`].
    Words(String),
}

impl Page {
    /// A page with this title.
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            blocks: vec![Block::Heading(1, title.into())],
        }
    }
    /// Adds a section's heading.
    pub fn section(&mut self, heading: impl Into<String>) -> &mut Self {
        self.blocks.push(Block::Heading(2, heading.into()));
        self
    }
    pub fn text(&mut self, line: impl Into<Line>) -> &mut Self {
        self.blocks.push(Block::Text(line.into()));
        self
    }
    /// Adds points; none are nothing.
    pub fn list(&mut self, lines: Vec<Line>) -> &mut Self {
        if !lines.is_empty() {
            self.blocks.push(Block::List(lines));
        }
        self
    }
    /// Adds a table; one without rows is nothing.
    pub fn table(&mut self, header: &[&'static str], rows: Vec<Vec<Line>>) -> &mut Self {
        if !rows.is_empty() {
            let header = header.to_vec();
            self.blocks.push(Block::Table { header, rows });
        }
        self
    }
}

impl Line {
    /// Adds words of ours.
    #[must_use]
    pub fn say(mut self, text: impl std::fmt::Display) -> Self {
        self.0.push(Span::Ours(text.to_string()));
        self
    }
    #[must_use]
    pub fn name(mut self, name: impl std::fmt::Display) -> Self {
        self.0.push(Span::Name(cut(&name.to_string())));
        self
    }
    /// Adds what would say something else if it were cut or escaped.
    #[must_use]
    pub fn code(mut self, text: impl std::fmt::Display) -> Self {
        self.0.push(Span::Code(text.to_string()));
        self
    }
    #[must_use]
    pub fn line(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
    /// Adds several with commas between, and ` and ` or the like before the last.
    #[must_use]
    pub fn joined(mut self, lines: impl IntoIterator<Item = Self>, last: &str) -> Self {
        let mut lines = lines.into_iter().peekable();
        let mut is_first = true;
        while let Some(line) = lines.next() {
            if !is_first {
                let is_last = lines.peek().is_none();
                self = self.say(if is_last { last } else { ", " });
            }
            self = self.line(line);
            is_first = false;
        }
        self
    }
    /// Adds what somebody wrote.
    #[must_use]
    pub fn words(mut self, text: &str) -> Self {
        self.0.push(Span::Words(cut(text.trim())));
        self
    }
    /// Adds names with commas between; more than three are counted.
    #[must_use]
    pub fn names<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        for (place, name) in names.iter().take(3).enumerate() {
            if place > 0 {
                self = self.say(", ");
            }
            self = self.name(name);
        }
        match names.len().saturating_sub(3) {
            0 => self,
            more => self.say(format_args!(" and {more} more")),
        }
    }
}
/// Free text in quotation marks.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|span| match span {
            Span::Ours(text) | Span::Name(text) | Span::Code(text) => f.write_str(text),
            Span::Words(text) => write!(f, "“{text}”"),
        })
    }
}
impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::default().say(text)
    }
}
impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::default().say(text)
    }
}

/// A line that begins with words of ours.
pub fn say(text: impl std::fmt::Display) -> Line {
    Line::default().say(text)
}

/// A line that begins with a name.
pub fn name(text: impl std::fmt::Display) -> Line {
    Line::default().name(text)
}

/// A line that is somebody's words.
pub fn words(text: &str) -> Line {
    Line::default().words(text)
}

/// `1 day`, `2 days`.
pub fn counted<N: fmt::Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A text cut to [`MOST_WORDS`].
pub fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST_WORDS).collect();
    if text.chars().nth(MOST_WORDS).is_some() {
        shown.push('…');
    }
    shown
}
