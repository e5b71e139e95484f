//! What came of a backtest, in words for a terminal and for a forge.

use std::fmt::Write as _;

use super::{Backtest, Changed, Turned};
use crate::domain::documents::Outcome;
use crate::gate::oversight::Oversight;

/// How many cases are named in one list.
const MOST_CASES: usize = 20;

impl Backtest {
    pub fn plain(&self) -> String {
        self.told(false)
    }

    /// For a forge: the same in Markdown.
    pub fn markdown(&self) -> String {
        self.told(true)
    }

    fn told(&self, markdown: bool) -> String {
        let mut text = format!(
            "{} past decisions replayed: {} would have had another level, {} been asked of other people.\n",
            self.replayed,
            self.other_level(),
            self.weaker.cases + self.stronger.cases
        );
        let item = if markdown { "- " } else { "  " };
        for (levels, count) in &self.levels {
            let _ = writeln!(text, "{item}{levels}: {count}");
        }
        let _ = writeln!(
            text,
            "\nApprovals asked for: {} then, {} now.",
            self.approvals_then, self.approvals_now
        );
        if self.granted > 0 {
            let _ = writeln!(
                text,
                "{} would have passed by a grant, by the track records of their moments; what was not drawn then counts as not drawn.",
                self.granted
            );
        }
        let turned = [
            ("Less, or other people,", "any more", self.weaker),
            ("More of people", "then", self.stronger),
        ];
        for (word, unasked, turned) in turned.into_iter().filter(|(.., turned)| turned.cases > 0) {
            let _ = writeln!(text, "{}", direction(word, unasked, turned));
        }
        self.list_alarming(&mut text, markdown);
        self.list_others(&mut text, markdown);
        if self.refused > 0 {
            let _ = writeln!(
                text,
                "\n{} contradict these rules: they could not be proposed at all.",
                self.refused
            );
        }
        if self.unreadable > 0 {
            let _ = writeln!(
                text,
                "\n{} could not be replayed: `countersign verify` says what is wrong with them.",
                self.unreadable
            );
        }
        text
    }

    fn list_alarming(&self, text: &mut String, markdown: bool) {
        let count = self.alarming().count();
        if count == 0 {
            return;
        }
        let mark = if markdown { "**" } else { "" };
        let _ = writeln!(
            text,
            "\n{mark}Nobody would be asked any more about {count} that went wrong or were HIGH:{mark}\n"
        );
        list(text, self.alarming(), count, markdown);
    }

    fn list_others(&self, text: &mut String, markdown: bool) {
        let other = |case: &&Changed| {
            let is_other = case.then.level != case.now.level || case.oversight != Oversight::Same;
            is_other && !case.is_alarming()
        };
        let count = self.changed.iter().filter(other).count();
        if count == 0 {
            return;
        }
        let _ = writeln!(
            text,
            "\nOther decisions that come out differently, newest first:\n"
        );
        list(
            text,
            self.changed.iter().rev().filter(other),
            count,
            markdown,
        );
    }
}

/// `Less, or other people, would be asked in 3, nobody any more in 1 of them: …`
fn direction(word: &str, unasked: &str, turned: Turned) -> String {
    let Turned {
        cases,
        high,
        rejected,
        failed,
        succeeded,
        ..
    } = turned;
    format!(
        "{word} would be asked in {cases}, nobody {unasked} in {} of them: {high} were HIGH, {rejected} were rejected, {failed} failed, {succeeded} succeeded.",
        turned.unasked
    )
}

fn list<'a>(
    text: &mut String,
    cases: impl Iterator<Item = &'a Changed>,
    count: usize,
    markdown: bool,
) {
    for case in cases.take(MOST_CASES) {
        let _ = writeln!(text, "{}", line(case, markdown));
    }
    if count > MOST_CASES {
        let item = if markdown { "- " } else { "  " };
        let _ = writeln!(text, "{item}and {} more", count - MOST_CASES);
    }
}

/// `#12 01J… modify_parameters on rsi-eurusd: MEDIUM 55.00 → LOW 30.00, asks nobody instead of 1 reviewer; rejected`
fn line(case: &Changed, markdown: bool) -> String {
    let (item, tick) = if markdown { ("- ", "`") } else { ("  ", "") };
    let mut what = case.action.clone();
    if let Some(first) = case.targets.first() {
        let _ = write!(what, " on {tick}{first}{tick}");
    }
    if case.targets.len() > 1 {
        let _ = write!(what, " and {} more", case.targets.len() - 1);
    }
    let mut text = format!(
        "{item}#{} {tick}{}{tick} {what}: {}",
        case.number,
        case.id,
        case.now.against(&case.then)
    );
    let _ = write!(text, "; {}", case.status);
    if case.success.is_some() {
        let _ = write!(text, ", {}", Outcome::word(case.success));
    }
    text
}
