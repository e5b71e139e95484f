//! What is told in sections of sentences: in a terminal, as Markdown, and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::page::{line_markdown, line_text};
use crate::domain::page::Line;

/// A page of sections.
#[derive(Debug, Serialize)]
pub struct Told {
    pub title: &'static str,
    pub sections: Vec<Section>,
}

#[derive(Debug, Serialize)]
pub struct Section {
    pub title: &'static str,
    /// What is so of all of it.
    pub about: Vec<Sentence>,
    pub items: Vec<Item>,
}

/// One group, action, parameter or rule.
#[derive(Debug, Serialize)]
pub struct Item {
    pub name: Sentence,
    pub sentences: Vec<Sentence>,
}

#[derive(Debug)]
pub struct Sentence(pub Line);

impl<T: Into<Line>> From<T> for Sentence {
    fn from(line: T) -> Self {
        Self(line.into())
    }
}

impl Serialize for Sentence {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&line_text(&self.0))
    }
}

/// How wide a line is.
const WIDTH: usize = 100;

impl Told {
    pub fn text(&self) -> String {
        let mut shown = String::new();
        for Section {
            title,
            about,
            items,
        } in &self.sections
        {
            let separator = if shown.is_empty() { "" } else { "\n" };
            let rule = "-".repeat(title.chars().count());
            let _ = writeln!(shown, "{separator}{title}\n{rule}");
            for Sentence(line) in about {
                wrap(&mut shown, "", &line_text(line));
            }
            for Item { name, sentences } in items {
                let gap = if shown.ends_with("-\n") { "" } else { "\n" };
                let _ = writeln!(shown, "{gap}{}", line_text(&name.0));
                for Sentence(line) in sentences {
                    wrap(&mut shown, "  ", &line_text(line));
                }
            }
        }
        shown
    }

    pub fn markdown(&self) -> String {
        let mut shown = format!("# {}\n", self.title);
        for Section {
            title,
            about,
            items,
        } in &self.sections
        {
            let _ = writeln!(shown, "\n## {title}\n");
            for Sentence(line) in about {
                let _ = writeln!(shown, "- {}", line_markdown(line));
            }
            for Item { name, sentences } in items {
                let _ = writeln!(shown, "- **{}**", line_markdown(&name.0));
                for Sentence(line) in sentences {
                    let _ = writeln!(shown, "  - {}", line_markdown(line));
                }
            }
        }
        shown
    }
}

/// Adds a sentence, with what does not fit into a line below it.
fn wrap(shown: &mut String, indent: &str, sentence: &str) {
    let mut column = 0;
    for word in sentence.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            shown.push('\n');
            column = 0;
        }
        if column == 0 {
            let indent = if shown.ends_with('\n') { indent } else { "" };
            shown.push_str(indent);
            column = indent.len();
        } else {
            shown.push(' ');
            column += 1;
        }
        shown.push_str(word);
        column += width;
    }
    shown.push('\n');
}
