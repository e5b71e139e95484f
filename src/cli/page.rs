//! A report's page for people: in a terminal, or as Markdown that is safe to put into an issue.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};

use super::output;
use crate::domain::page::{Block, Line, Page, Span};
use crate::risk::code_span;

/// How wide a terminal is taken to be.
const WIDTH: u16 = 110;

pub fn text(page: &Page) -> String {
    let mut shown = String::new();
    for block in &page.blocks {
        if !shown.is_empty() {
            shown.push('\n');
        }
        match block {
            Block::Heading(level, text) => {
                let rule = if *level <= 1 { "=" } else { "-" };
                let _ = writeln!(shown, "{text}\n{}", rule.repeat(text.chars().count()));
            }
            Block::Text(line) => {
                let _ = writeln!(shown, "{}", line_text(line));
            }
            Block::List(lines) => {
                for line in lines {
                    let _ = writeln!(shown, "- {}", line_text(line));
                }
            }
            Block::Table { header, rows } => shown.push_str(&table(header, rows)),
        }
    }
    shown
}

fn table(header: &[&'static str], rows: &[Vec<Line>]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .force_no_tty();
    table.set_header(header);
    table.add_rows(rows.iter().map(|row| row.iter().map(line_text)));
    table.lines().fold(String::new(), |mut shown, line| {
        let _ = writeln!(shown, "{}", line.trim_end());
        shown
    })
}

/// One line for a terminal: names as they are, free text in quotation marks.
pub fn line_text(line: &Line) -> String {
    output::one_line(&line.to_string())
}

/// As Markdown. Whatever others wrote is a code span that nothing in it can end: no markup, no link, no mention.
pub fn markdown(page: &Page) -> String {
    let mut shown = String::new();
    for block in &page.blocks {
        if !shown.is_empty() {
            shown.push('\n');
        }
        match block {
            Block::Heading(level, text) => {
                let _ = writeln!(shown, "{} {}", "#".repeat(usize::from(*level)), plain(text));
            }
            Block::Text(line) => {
                let _ = writeln!(shown, "{}", line_markdown(line));
            }
            Block::List(lines) => {
                for line in lines {
                    let _ = writeln!(shown, "- {}", line_markdown(line));
                }
            }
            Block::Table { header, rows } => {
                let _ = writeln!(shown, "| {} |", header.join(" | "));
                let _ = writeln!(shown, "|{}", " --- |".repeat(header.len()));
                for row in rows {
                    let cells: Vec<String> = row.iter().map(cell).collect();
                    let _ = writeln!(shown, "| {} |", cells.join(" | "));
                }
            }
        }
    }
    shown
}

/// One line as Markdown.
pub fn line_markdown(line: &Line) -> String {
    line.0.iter().fold(String::new(), |mut shown, span| {
        match span {
            Span::Ours(text) => shown.push_str(text),
            // An empty code span is none.
            Span::Name(text) | Span::Words(text) if text.is_empty() => {}
            Span::Name(text) | Span::Words(text) => shown.push_str(&code_span(text)),
            Span::Code(text) => shown.push_str(&exact_code(text)),
        }
        shown
    })
}

/// A code span that shows every character but the hidden ones: its fence is longer than any that is inside.
fn exact_code(text: &str) -> String {
    let text = output::one_line(&text.replace('\n', " "));
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    match longest {
        0 => format!("{fence}{text}{fence}"),
        _ => format!("{fence} {text} {fence}"),
    }
}

/// A bar ends a cell even inside of a code span, unless it is escaped.
fn cell(line: &Line) -> String {
    line_markdown(line).replace('|', "\\|")
}

/// A heading of ours may name an agent.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_punctuation() && !"-_.:,?()".contains(c) {
                ' '
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::page::{name, say};

    fn page() -> Page {
        let mut page = Page::titled("Rejections");
        page.text(
            say("By ")
                .name("bob")
                .say(": ")
                .words("@admin see [x](https://evil.example) `now` <b>"),
        );
        page.table(&["a", "b"], vec![vec![name("x|y"), say("1")]]);
        page.list(vec![Line::default().words("one\n- two\u{1b}[31m")]);
        page
    }

    #[test]
    fn markdown_shows_what_others_wrote_and_nothing_more() {
        assert_eq!(
            markdown(&page()),
            "# Rejections\n\nBy `bob`: `\\u{40}admin see [x]\\u{28}https\\u{3a}//evil.example) 'now' \\u{3c}b\\u{3e}`\n\n\
             | a | b |\n| --- | --- |\n| `x\\|y` | 1 |\n\n- `one\\n- two\\u{1b}[31m`\n"
        );
    }

    #[test]
    fn a_terminal_gets_every_text_on_one_line() {
        let shown = text(&page());
        assert!(
            shown.contains("By bob: “@admin see [x](https://evil.example) `now` <b>”"),
            "{shown}"
        );
        assert!(shown.contains("- “one\\u{a}- two\\u{1b}[31m”"), "{shown}");
    }
}
