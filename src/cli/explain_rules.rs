//! `countersign explain-rules`: what the rules in force mean, in sentences for people who do not read them.

mod sections;

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::options::Options;
use super::output::Format;
use super::page::{line_markdown, line_text};
use super::test::rules_of;
use super::{CommandOutcome, Result, failure, output};
use crate::domain::page::Line;
use crate::rules::Rules;

/// Say in sentences what the rules in force mean
///
/// Who decides what, until when, what agents may do, which values are usual, and what follows from what. A condition
/// that no sentence says exactly is shown as it is written.
#[derive(Debug, clap::Args)]
pub struct ExplainRules {
    /// A folder that holds `rules/`, or `rules` itself; without it, `main` of the repository
    dir: Option<PathBuf>,
}

/// What the rules mean.
#[derive(Debug, Serialize)]
struct Explained {
    sections: Vec<Section>,
}

#[derive(Debug, Serialize)]
struct Section {
    title: &'static str,
    /// What is so of all of it.
    about: Vec<Sentence>,
    items: Vec<Item>,
}

/// One group, action, parameter or rule.
#[derive(Debug, Serialize)]
struct Item {
    name: Sentence,
    sentences: Vec<Sentence>,
}

#[derive(Debug)]
struct Sentence(Line);

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

impl ExplainRules {
    pub fn run(&self, options: &Options) -> Result {
        let files = rules_of(self.dir.as_deref(), options)?;
        let rules = Rules::read(&files).map_err(|problems| {
            failure::hinted(
                format!("these rules cannot be read:\n{problems}"),
                "mend what is named; `countersign test` tries them",
            )
        })?;
        let explained = Explained {
            sections: sections::of(&rules, options.now()),
        };
        match options.format {
            Format::Json => output::json(&explained)?,
            Format::Markdown => output::text(&explained.markdown())?,
            _ => output::text(&explained.text())?,
        }
        Ok(CommandOutcome::Done)
    }
}

/// How wide a line is.
const WIDTH: usize = 100;

impl Explained {
    fn text(&self) -> String {
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

    fn markdown(&self) -> String {
        let mut shown = "# What the rules mean\n".to_owned();
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
