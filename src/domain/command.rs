//! Commands in reviews and comments: lines of prose that begin with a slash.
//!
//! A text is read as forges show it, as CommonMark: what stands in a code block, a code span, a quotation or
//! HTML (a comment above all) is text about commands and gives none.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::attestation::Attestation;
use super::documents::RejectionCategory;
use super::review::Confidence;
use super::unexpected::Unexpected;

/// A line that begins with a slash, in a review or a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `/reject CATEGORY: reason`
    Reject {
        category: RejectionCategory,
        /// In the person's words.
        reason: String,
    },
    /// `/confidence very_confident|confident|uncertain`
    Confidence(Confidence),
    /// `/feedback TEXT`
    Feedback(String),
    /// `/freeze REASON`
    Freeze(String),
    /// `/recheck`
    Recheck,
    /// `/approve with NAME=VALUE without NAME`: what stands behind the word.
    Approve(String),
    /// `/attest NAME=VALUE at=COMMIT`
    Attest(Attestation),
    /// `/ask TEXT`; where the line has no text, what stands beside it is the question.
    Ask(String),
    /// `/answer [QUESTION:] TEXT`
    Answer {
        /// The id of the question; none: the oldest one that is open.
        question: Option<String>,
        /// Empty where what stands beside the line is the answer.
        text: String,
    },
}

impl Command {
    /// The commands in a text, one a line; a line that is meant as one but cannot be read is an error
    /// that says how it is written. Lines that begin with another slash word are nobody's.
    pub fn find_all(text: &str) -> Vec<Result<Self, Unexpected>> {
        let lines = lines(text).into_iter();
        lines.filter_map(|line| line.command).collect()
    }

    /// The text without its command lines: what a justification is measured by. Nothing in it is a command.
    pub fn strip(text: &str) -> String {
        let mut text = text.to_owned();
        loop {
            let lines = lines(&text);
            let kept = lines.iter().filter(|line| line.command.is_none());
            let kept: Vec<&str> = kept.map(|line| line.text).collect();
            // The first line keeps its indent, which may make it code.
            let from = kept.iter().position(|line| !line.trim().is_empty());
            let kept = kept.get(from.unwrap_or(kept.len())..).unwrap_or_default();
            let left = kept.join("\n").trim_end().to_owned();
            // A line may have opened the code span that kept the next one from being a command: look again.
            if left == text {
                return left;
            }
            text = left;
        }
    }

    /// Whether a text holds a signed attestation, which counts whoever wrote it.
    pub fn attests_signed(text: &str) -> bool {
        let mut commands = Self::find_all(text).into_iter();
        commands.any(|command| matches!(command, Ok(Self::Attest(given)) if given.signed.is_some()))
    }

    /// Whether a text holds an answer of an agent, which counts whatever kind of account wrote it.
    pub fn answers(text: &str) -> bool {
        let mut commands = Self::find_all(text).into_iter();
        commands.any(|command| matches!(command, Ok(Self::Answer { .. })))
    }

    /// Whether a word is what a forge names reviews and comments by: `r3` on the local one, a number on GitHub.
    pub fn is_question_id(word: &str) -> bool {
        let digits = word.strip_prefix('r').unwrap_or(word);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The command that a line gives if it is prose.
    fn of_line(line: &str) -> Option<Result<Self, Unexpected>> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let needs = |text: &str, usage: &str| {
            if text.is_empty() {
                Err(Unexpected::expected(format!("`{usage}`")))
            } else {
                Ok(text.to_owned())
            }
        };
        Some(match word {
            "/reject" => {
                let (category, reason) = rest.split_once(':').unwrap_or((rest, ""));
                category.trim().parse().map(|category| Self::Reject {
                    category,
                    reason: reason.trim().to_owned(),
                })
            }
            "/confidence" => rest.parse().map(Self::Confidence),
            "/feedback" => needs(rest, "/feedback TEXT").map(Self::Feedback),
            "/freeze" => needs(rest, "/freeze REASON").map(Self::Freeze),
            "/recheck" => Ok(Self::Recheck),
            "/approve" => Ok(Self::Approve(rest.to_owned())),
            "/attest" => rest.parse().map(Self::Attest),
            "/ask" => Ok(Self::Ask(rest.to_owned())),
            "/answer" => {
                let (question, text) = match rest.split_once(':') {
                    Some((id, text))
                        if Self::is_question_id(id) && !text.starts_with(is_of_a_word) =>
                    {
                        (Some(id.to_owned()), text.trim())
                    }
                    _ => (None, rest),
                };
                Ok(Self::Answer {
                    question,
                    text: text.to_owned(),
                })
            }
            _ => return None,
        })
    }
}

/// What follows a colon that stands inside of a word, as in `10:30`.
fn is_of_a_word(c: char) -> bool {
    !c.is_whitespace()
}

/// A line of a text, with the command that it gives.
struct Line<'t> {
    text: &'t str,
    command: Option<Result<Command, Unexpected>>,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    let mut found: Vec<(usize, Line)> = Vec::new();
    for whole in text.split_inclusive('\n') {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let indent = line.len() - line.trim_start().len();
        let command = Command::of_line(line.trim());
        found.push((
            start + indent,
            Line {
                text: line,
                command,
            },
        ));
        start += whole.len();
    }
    // Most texts have no such line, and need not be parsed.
    if found.iter().any(|(_, line)| line.command.is_some()) {
        let prose = prose(text);
        for (at, line) in &mut found {
            line.command = line.command.take().filter(|_| is_in(&prose, *at));
        }
    }
    found.into_iter().map(|(_, line)| line).collect()
}

fn is_in(ranges: &[Range<usize>], at: usize) -> bool {
    let next = ranges.partition_point(|range| range.end <= at);
    ranges.get(next).is_some_and(|range| range.contains(&at))
}

/// Where a text speaks for itself, in order.
fn prose(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut inside = 0_usize;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(
                Tag::BlockQuote(_) | Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::Image { .. },
            ) => inside += 1,
            Event::End(
                TagEnd::BlockQuote(_) | TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::Image,
            ) => inside = inside.saturating_sub(1),
            Event::Text(_) if inside == 0 => ranges.push(range),
            _ => {}
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_lines_that_begin_with_a_slash() {
        let found = Command::find_all(
            "looks wrong\n/reject too_risky: leverage\n  /confidence uncertain\n/usr/bin is a path\nsee /reject",
        );
        assert_eq!(
            found,
            [
                Ok(Command::Reject {
                    category: RejectionCategory::TooRisky,
                    reason: "leverage".into()
                }),
                Ok(Command::Confidence(Confidence::Uncertain)),
            ]
        );
        let wrong = Command::find_all("/reject because").remove(0).unwrap_err();
        let said = "`because` is not a category: expected too_risky, unclear_benefit, bad_timing, need_more_information or other";
        assert_eq!(wrong.to_string(), said);
        assert_eq!(
            Command::strip("fine\n/confidence confident\nby me"),
            "fine\nby me"
        );
    }

    #[test]
    fn an_answer_names_a_question_or_none() {
        let answer = |question: Option<&str>, text: &str| {
            Ok(Command::Answer {
                question: question.map(str::to_owned),
                text: text.to_owned(),
            })
        };
        for (line, expected) in [
            ("/answer r3: because", answer(Some("r3"), "because")),
            (
                "/answer 2781239123: because",
                answer(Some("2781239123"), "because"),
            ),
            ("/answer r3:", answer(Some("r3"), "")),
            ("/answer", answer(None, "")),
            ("/answer because", answer(None, "because")),
            (
                "/answer 10:30 is the time",
                answer(None, "10:30 is the time"),
            ),
            ("/answer note: it is so", answer(None, "note: it is so")),
            ("/answer 3.5: no id", answer(None, "3.5: no id")),
            ("/ask why 4?", Ok(Command::Ask("why 4?".to_owned()))),
            ("/ask", Ok(Command::Ask(String::new()))),
        ] {
            assert_eq!(Command::find_all(line), [expected], "{line}");
        }
    }

    /// Each text holds `/freeze x` on a line of its own, where a forge shows it as prose.
    const GIVEN: [&str; 16] = [
        "/freeze x",
        "\r\n/freeze x\r\n",
        "para\n/freeze x",
        "para\n      /freeze x",
        "para\n\t/freeze x",
        "   /freeze x",
        "\u{a0}/freeze x",
        "- my reasons\n- two of them\n\n/freeze x",
        "- my reasons\n/freeze x",
        "> quoted\n\n/freeze x",
        "```\ncode\n```\n/freeze x",
        "~~~ text\ncode\n~~~\n/freeze x",
        "<!-- a remark -->\n/freeze x",
        "<!-- a remark\n-->\n\n/freeze x",
        "/freeze x\n---\nbelow",
        "a ` that closes nowhere\n/freeze x",
    ];

    /// Each text holds `/freeze x` on a line of its own, where a forge shows it as code or a quotation, or not.
    const TEXT: [&str; 24] = [
        "```\n/freeze x\n```",
        "```text\n/freeze x",
        "````\n```\n/freeze x\n```\n````",
        "~~~\n/freeze x\n~~~",
        "~~~\n```\n/freeze x\n~~~",
        "```\r\n/freeze x\r\n```",
        "  ```\n  /freeze x\n  ```",
        "- item\n\n  ```\n  /freeze x\n  ```",
        "    /freeze x\nand more",
        "code:\n\n    /freeze x",
        "code:\n\n\t/freeze x",
        "- item\n\n      /freeze x",
        "> said before:\n/freeze x",
        "> ```\n> /freeze x\n> ```",
        "<!--\n/freeze x\n-->",
        "<!-- to stop everything write\n/freeze x\n\nor nothing",
        "fine <!-- not\n/freeze x\n--> at all",
        "<div>\n/freeze x\n</div>",
        "<pre>\n\n/freeze x\n</pre>",
        "<script>\n/freeze x\n</script>",
        "`one span\n/freeze x\nends here`",
        "``a ` b\n/freeze x\n``",
        "![a picture of\n/freeze x\n](https://example.org/x.png)",
        "[a]:\n/freeze 'x'\n\nsee [a]",
    ];

    #[test]
    fn what_is_shown_as_code_or_quoted_or_hidden_is_no_command() {
        let freeze = [Ok(Command::Freeze("x".to_owned()))];
        for text in GIVEN {
            assert_eq!(Command::find_all(text), freeze, "{text:?}");
            assert!(!Command::strip(text).contains("/freeze"), "{text:?}");
        }
        for text in TEXT {
            assert_eq!(Command::find_all(text), [], "{text:?}");
            assert_eq!(Command::strip(text), text.replace('\r', ""), "{text:?}");
        }
    }

    #[test]
    fn what_is_stripped_uncovers_no_command() {
        let text = "/confidence confident `\n/freeze x` is a command";
        assert_eq!(Command::find_all(text).len(), 1);
        assert_eq!(Command::strip(text), "");
    }

    /// Texts of everything that means something to CommonMark.
    fn nasty() -> impl Strategy<Value = String> {
        let pieces = [
            "/freeze x",
            "/reject other: y",
            "/confidence confident",
            "/recheck",
            "word",
            " ",
            "    ",
            "\t",
            "\n",
            "\n",
            "\n",
            "\n\n",
            "\r\n",
            "```",
            "~~~",
            "````",
            "`",
            "``",
            "> ",
            ">",
            "- ",
            "1. ",
            "* ",
            "# ",
            "<!--",
            "-->",
            "<div>",
            "</div>",
            "<pre>",
            "</pre>",
            "<b>",
            "<?",
            "?>",
            "[a]:",
            "[a]",
            "![",
            "](/x)",
            "\\",
            "&#47;",
            "===",
            "---",
            "***",
            "_",
            "|",
            "\u{a0}",
            "\u{2028}",
            "\r",
            "\0",
            "é",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24)
            .prop_map(|all| all.concat())
    }

    fn each_line(text: &str, before: &str) -> String {
        let lines = text
            .split(['\n', '\r'])
            .map(|line| format!("{before}{line}\n"));
        lines.collect()
    }

    proptest! {
        #[test]
        fn nothing_is_given_inside(text in nasty()) {
            for text in [
                format!("~~~~~~\n{}\n~~~~~~", text.replace('~', "")),
                format!("``````\n{}\n``````", text.replace('`', "")),
                each_line(&text, "> "),
                format!("code:\n\n{}", each_line(&text, "    ")),
                format!("<!-- \n{}\n-->", text.replace("--", "")),
            ] {
                prop_assert_eq!(Command::find_all(&text), [], "{:?}", text);
            }
        }

        #[test]
        fn what_is_left_holds_no_command(text in nasty()) {
            let left = Command::strip(&text);
            prop_assert_eq!(Command::find_all(&left), []);
            prop_assert_eq!(&Command::strip(&left), &left);
            // A command above it and an empty line do not change what it is.
            let again = format!("/confidence confident\n\n{left}");
            prop_assert_eq!(Command::find_all(&again), [Ok(Command::Confidence(Confidence::Confident))]);
            prop_assert_eq!(Command::strip(&again), left);
        }
    }
}
