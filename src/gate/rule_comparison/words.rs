//! What comparing two versions of the rules came to, in words for a terminal and for a forge.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use chrono::DateTime;

use super::boundaries::{Boundary, Setting};
use super::{Example, Laxity, LookedAt, RuleComparison, Tally};
use crate::domain::ids::TriggerId;
use crate::domain::level::{Level, Score};
use crate::domain::page::counted;
use crate::domain::value::Value;
use crate::gate::oversight::{Oversight, RiskAnswer};
use crate::risk::code_span;

/// How many are named in one list.
const MOST_LISTED: usize = 20;

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "{name}"),
            Self::Detail(keys) => write!(f, "details.{}", keys.join(".")),
            Self::Evidence(name) => write!(f, "the evidence {name}"),
            Self::Label(name) => write!(f, "the label {name}"),
            Self::Present(name) => write!(f, "the present {name}"),
            Self::TargetName => f.write_str("the target"),
            Self::TargetCount => f.write_str("the number of targets"),
            Self::Agent => f.write_str("the agent"),
            Self::Session => f.write_str("the session"),
            Self::Citations => f.write_str("the citations"),
            Self::Authorship => f.write_str("who made the commits"),
            Self::Used(rule) => write!(f, "what is used of the limit of {rule}"),
            Self::Time => f.write_str("the time"),
        }
    }
}

/// What is so of a proposal and stands in no part of it.
pub(super) fn circumstances(varied: &[(Boundary, Setting)]) -> Vec<String> {
    let said = varied
        .iter()
        .filter_map(|(boundary, setting)| match (boundary, setting) {
            (Boundary::Label(name), Some(value)) => Some(format!("label {name}: {value}")),
            (Boundary::Present(name), Some(value)) => Some(format!("{name} is {value} now")),
            (Boundary::Used(rule), Some(value)) => {
                Some(format!("{value} used of the limit of {rule}"))
            }
            (Boundary::Session, Some(value)) => Some(format!("session {value}")),
            (Boundary::Citations, Some(value)) => Some(format!("citing {value}")),
            (Boundary::Authorship, Some(_)) => {
                Some("a commit is by nobody that the rules know".to_owned())
            }
            (Boundary::Time, Some(Value::Number(seconds))) => {
                let seconds = i64::try_from(seconds.decimal()).ok()?;
                let at = DateTime::from_timestamp(seconds, 0)?;
                Some(at.format("on %A %Y-%m-%d %H:%M UTC").to_string())
            }
            (
                Boundary::Label(_)
                | Boundary::Present(_)
                | Boundary::Evidence(_)
                | Boundary::Detail(_),
                None,
            ) => Some(format!("without {boundary}")),
            _ => None,
        });
    said.collect()
}

/// What becomes of what is asked for, whatever the score.
pub(super) fn transition(then: Option<&RiskAnswer>, now: Option<&RiskAnswer>) -> String {
    let plain = |answer: Option<&RiskAnswer>| {
        answer.map(|answer| RiskAnswer {
            score: Score::ZERO,
            ..answer.clone()
        })
    };
    answered(plain(then).as_ref(), plain(now).as_ref())
}

/// `MEDIUM 35.00 → LOW 20.00, asks nobody instead of 1 reviewer`
fn answered(then: Option<&RiskAnswer>, now: Option<&RiskAnswer>) -> String {
    let alone = |answer: &RiskAnswer| {
        let whom = match answer.refused {
            true => "refused".to_owned(),
            false => format!("asks {}", answer.whom()),
        };
        format!("{} {}, {whom}", answer.level, answer.score)
    };
    match (then, now) {
        (Some(then), Some(now)) => now.against(then),
        (None, Some(now)) => format!("{}, and could not be proposed at all", alone(now)),
        (Some(then), None) => format!("cannot be proposed any more, and was {}", alone(then)),
        (None, None) => "cannot be proposed".to_owned(),
    }
}

impl Example {
    /// `modify_parameters on db (live) by tuner, max: 5`
    fn in_words(&self) -> String {
        let mut text = self.action.to_string();
        let environment = self
            .environment
            .as_deref()
            .map_or_else(String::new, |name| format!(" ({name})"));
        match (&self.target, self.target_count) {
            (None, _) | (_, 0) => text.push_str(" on nothing"),
            (Some(target), 1) => {
                let _ = write!(text, " on {target}{environment}");
            }
            (Some(target), count) => {
                let _ = write!(text, " on {count} targets like {target}{environment}");
            }
        }
        let _ = write!(text, " by {}", self.agent);
        let value = |value: &Value| match value {
            Value::Null => "null".to_owned(),
            value => value.to_string(),
        };
        let changes = self
            .changes
            .iter()
            .map(|(name, new)| format!("{name}: {}", value(new)));
        let details = self
            .details
            .iter()
            .map(|(name, is)| format!("details.{name}: {}", value(is)));
        let evidence = self
            .evidence
            .iter()
            .map(|(name, is)| format!("evidence {name}: {}", value(is)));
        let circumstances = self.circumstances.iter().cloned();
        for one in changes.chain(details).chain(evidence).chain(circumstances) {
            let _ = write!(text, ", {one}");
        }
        text
    }

    fn answered(&self) -> String {
        answered(self.then.as_ref(), self.now.as_ref())
    }
}

/// How text is marked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Markdown,
}

impl Form {
    /// What somebody wrote.
    fn code(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Markdown => code_span(text),
        }
    }

    const fn item(self) -> &'static str {
        match self {
            Self::Plain => "  ",
            Self::Markdown => "- ",
        }
    }

    fn names(self, names: &BTreeSet<TriggerId>) -> String {
        let names: Vec<String> = names.iter().map(|id| self.code(id.as_str())).collect();
        names.join(", ")
    }
}

/// Lines under a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Empty where it follows what all of it says.
    pub heading: &'static str,
    pub lines: Vec<String>,
    /// How many lines are left out.
    pub more: usize,
}

impl Section {
    fn of(heading: &'static str, lines: impl Iterator<Item = String>) -> Self {
        let mut lines: Vec<String> = lines.collect();
        let more = lines.len().saturating_sub(MOST_LISTED);
        lines.truncate(MOST_LISTED);
        Self {
            heading,
            lines,
            more,
        }
    }
}

impl RuleComparison {
    pub fn plain(&self) -> String {
        self.told(Form::Plain)
    }

    /// For a forge: the same in Markdown.
    pub fn markdown(&self) -> String {
        self.told(Form::Markdown)
    }

    /// What all of it comes to, as a sentence.
    pub fn summary(&self) -> String {
        let total = self.total();
        format!(
            "{} proposals made up from the bounds of both versions of the rules: {}.",
            total.proposals,
            outcome(total)
        )
    }

    /// What differs, and where, as plain text.
    pub fn sections(&self) -> Vec<Section> {
        self.sections_in(Form::Plain)
    }

    /// What was looked at, and what was not, as plain text.
    pub fn limits(&self) -> String {
        self.limits_in(Form::Plain)
    }

    /// All levels together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in self.levels.values() {
            total.proposals += tally.proposals;
            total.stricter += tally.stricter;
            total.laxer += tally.laxer;
        }
        total
    }

    fn told(&self, form: Form) -> String {
        let mut text = self.summary();
        text.push('\n');
        let item = form.item();
        for section in self.sections_in(form) {
            if !section.heading.is_empty() {
                let _ = writeln!(text, "\n{}\n", section.heading);
            }
            for line in &section.lines {
                let _ = writeln!(text, "{item}{line}");
            }
            if section.more > 0 {
                let _ = writeln!(text, "{item}and {} more", section.more);
            }
        }
        let _ = writeln!(text, "\n{}", self.limits_in(form));
        text
    }

    fn sections_in(&self, form: Form) -> Vec<Section> {
        let standing = |oversight: Oversight| {
            let changes = self.standing.iter();
            let changes = changes.filter(move |change| change.oversight == oversight);
            changes.map(move |change| form.code(&change.what))
        };
        let sections = [
            Section::of("", self.tallies(form)),
            Section::of("Laxer whatever is proposed:", standing(Oversight::Weaker)),
            Section::of(
                "Laxer, the smallest example of each:",
                self.laxities.iter().map(|laxity| laxity.in_words(form)),
            ),
            Section::of(
                "Stricter whatever is proposed:",
                standing(Oversight::Stronger),
            ),
        ];
        let sections = sections.into_iter();
        sections
            .filter(|section| !section.lines.is_empty())
            .collect()
    }

    fn tallies(&self, form: Form) -> impl Iterator<Item = String> {
        let levels = [Level::Low, Level::Medium, Level::High].into_iter();
        let levels = levels.filter_map(|level| {
            let tally = self.levels.get(&level)?;
            Some(format!(
                "{level} before: {}, {}",
                tally.proposals,
                outcome(*tally)
            ))
        });
        let differ = |tally: Tally| tally.laxer + tally.stricter > 0;
        let rules = self
            .rules
            .iter()
            .filter(move |(_, rule)| differ(rule.tally));
        let rules = rules.map(move |(id, rule)| {
            let tally = rule.tally;
            let id = form.code(id.as_str());
            let line = format!(
                "rule {id}: fires for {}, {}",
                tally.proposals,
                outcome(tally)
            );
            // Where others ask for as much all the same, no level is laxer.
            let is_shown = |example: &Example| {
                let mut shown = self.laxities.iter();
                shown.any(|laxity| laxity.example == *example)
            };
            match rule.laxity.as_ref().filter(|example| !is_shown(example)) {
                Some(example) => format!("{line}, such as {}", form.code(&example.in_words())),
                None => line,
            }
        });
        levels.chain(rules)
    }

    fn limits_in(&self, form: Form) -> String {
        let LookedAt {
            left_out,
            actions,
            targets,
            targets_left_out,
            parameters,
            circumstances,
            combined,
            files,
            ..
        } = &self.looked_at;
        let values: usize = parameters.values().sum();
        let mut text = format!(
            "Looked at: {} on {}, one of each kind; of each of these proposals, one at a time, {} ({})",
            counted(*actions, "action"),
            counted(*targets, "target"),
            counted(parameters.len(), "parameter"),
            counted(values, "value"),
        );
        for (name, count) in circumstances {
            let _ = write!(text, ", {} ({count})", form.code(name));
        }
        text.push('.');
        if !combined.is_empty() {
            let _ = write!(
                text,
                " Together: what the conditions of {} look at.",
                form.names(combined)
            );
        }
        let _ = write!(
            text,
            " Beside these, who approves and vouches, and a change of each of {}.",
            counted(*files, "file")
        );
        if *left_out > 0 {
            let _ = write!(
                text,
                " Left out, because there are too many: {left_out} more."
            );
        }
        if *targets_left_out > 0 {
            let more = counted(*targets_left_out, "kind");
            let _ = write!(text, " Left out as well: {more} of targets.");
        }
        if !self.never_fired.is_empty() {
            let names = form.names(&self.never_fired);
            let _ = write!(text, " Rules that none of them fires: {names}.");
        }
        text.push_str(" Of anything else, nothing is said.");
        text
    }
}

impl Laxity {
    fn in_words(&self, form: Form) -> String {
        let example = &self.example;
        let line = format!("{}: {}", form.code(&example.in_words()), example.answered());
        match self.varied.as_slice() {
            [] => line,
            varied => format!("{line} (varied: {})", form.code(&varied.join(", "))),
        }
    }
}

fn outcome(tally: Tally) -> String {
    match (tally.laxer, tally.stricter) {
        (0, 0) => "the same for all of them".to_owned(),
        (laxer, 0) => format!("laxer for {laxer}"),
        (0, stricter) => format!("stricter for {stricter}"),
        (laxer, stricter) => format!("laxer for {laxer}, stricter for {stricter}"),
    }
}
