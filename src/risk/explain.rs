//! The explanation of an assessment in words, for a terminal and for a forge.
//!
//! It always says the same five things: level and score; each factor's contribution and why; each
//! trigger; what would make it less risky; and what is asked for. Sentences may quote an agent, so
//! both forms make every sentence one visible line without links, mentions or markup, and the
//! Markdown form puts each into a code span as well, where no forge looks for anything.

use std::fmt::Write as _;

use crate::domain::documents::{Assessment, FactorScore, Recommendation, Requirement};
use crate::domain::ids::TriggerId;
use crate::domain::level::Level;
use crate::domain::value::Value;
use crate::risk::counterfactual::{self, DROP, Reduction, TARGETS};
use crate::risk::risk_context::RiskContext;
use crate::risk::words::push_safe;
use crate::rules::Rules;

/// Everything that is said about the risk of one proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation<'a> {
    /// Score, level, factors, triggers.
    pub assessment: &'a Assessment,
    /// What the gate asks for.
    pub requirement: Requirement,
    /// The smallest edits that reach a lower level, or the one that lowers the score most.
    pub reductions: Vec<Reduction>,
    /// The triggers that no edit removes.
    pub lasting: Vec<TriggerId>,
    /// Whether rules ask for approvals beside the level.
    is_asked_by_rules: bool,
}

impl<'a> Explanation<'a> {
    /// Explains the assessment of a recommendation, with the edits that would lower it.
    pub fn of(
        recommendation: &Recommendation,
        situation: &RiskContext,
        rules: &Rules,
        assessment: &'a Assessment,
        requirement: Requirement,
    ) -> Self {
        let advice = counterfactual::advise(recommendation, situation, rules, assessment);
        Self {
            assessment,
            requirement,
            reductions: advice.reductions,
            lasting: advice.lasting,
            is_asked_by_rules: rules.governance.mode.asks_people()
                && assessment.triggers.iter().any(|fired| fired.ask.is_some()),
        }
    }

    /// Explains an assessment that no edit of values lowers: a governance change.
    pub fn of_governance_change(assessment: &'a Assessment, requirement: Requirement) -> Self {
        let fired = assessment.triggers.iter();
        Self {
            assessment,
            requirement,
            reductions: Vec::new(),
            lasting: fired.map(|trigger| trigger.id.clone()).collect(),
            is_asked_by_rules: false,
        }
    }

    /// As lines of plain text, for a terminal.
    pub fn plain(&self) -> String {
        self.render(&PLAIN)
    }

    /// As Markdown, for a check or a comment.
    pub fn markdown(&self) -> String {
        self.render(&MARKDOWN)
    }

    fn render(&self, form: &Form) -> String {
        let mut page = Page {
            form,
            text: String::with_capacity(1_024),
        };
        let (level, score) = (self.assessment.level, self.assessment.score);
        page.raw(format_args!(
            "{}{level} RISK (score {score}){}\n\n",
            form.strong, form.strong
        ));
        page.raw(format_args!("This is {level} risk because:{}", form.gap));
        for factor in &self.assessment.factors {
            page.item(|line| push_factor(line, factor));
        }
        for trigger in &self.assessment.triggers {
            let lasting = self.lasting.contains(&trigger.id);
            page.item(|line| {
                line.push_str(&trigger.effect_in_words());
                line.push_str(", ");
                line.push_str(trigger.id.as_str());
                line.push_str(": ");
                line.push_str(&trigger.reason);
                if lasting {
                    line.push_str(" (no edit removes this)");
                }
            });
        }
        if self.assessment.present().level != Level::Low {
            self.render_reductions(&mut page);
        }
        self.render_unasked(&mut page);
        page.raw(format_args!("\n"));
        self.render_requirement(&mut page);
        page.text
    }

    fn render_reductions(&self, page: &mut Page<'_>) {
        let is_refused = self.assessment.is_refused();
        let reductions = || self.reductions.iter().filter(|edit| !edit.unasked);
        if reductions().next().is_none() {
            let nothing = match is_refused {
                true => "With every edit that was tried it is refused.",
                false => "No edit that was tried makes it less risky.",
            };
            page.raw(format_args!("\n{nothing}\n"));
            return;
        }
        let present = self.assessment.present().level;
        let reaches_lower = reductions().any(|edit| edit.level < present);
        let heading = match (is_refused, reaches_lower) {
            (true, _) => "What would not be refused:",
            (false, true) => "To make it less risky:",
            (false, false) => {
                "No edit that was tried reaches a lower level. What lowers the score most:"
            }
        };
        page.raw(format_args!("\n{heading}{}", page.form.gap));
        for reduction in reductions() {
            page.item(|line| push_reduction(line, reduction, present));
        }
    }

    fn render_unasked(&self, page: &mut Page<'_>) {
        let Some(reduction) = self.reductions.iter().find(|edit| edit.unasked) else {
            return;
        };
        let heading = "For no rule to ask for approvals:";
        page.raw(format_args!("\n{heading}{}", page.form.gap));
        let present = self.assessment.present().level;
        page.item(|line| push_reduction(line, reduction, present));
    }

    fn render_requirement(&self, page: &mut Page<'_>) {
        if self.assessment.is_refused() {
            page.raw(format_args!(
                "A rule refuses it: no approval changes that.\n"
            ));
            return;
        }
        match (self.requirement.in_words(), self.is_asked_by_rules) {
            (Some(approval), _) => page.raw(format_args!("It needs {approval}.\n")),
            (None, true) => page.raw(format_args!(
                "It needs the approvals that the rules ask for, and no others.\n"
            )),
            (None, false) => page.raw(format_args!("It needs no approval.\n")),
        }
    }
}

/// `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`.
fn push_factor(line: &mut String, factor: &FactorScore) {
    // Writing to a string cannot fail.
    let _ = write!(line, "+{} ", factor.contribution);
    let parts = [
        &factor.name,
        ": ",
        &factor.input,
        " (",
        &factor.source,
        "): ",
        &factor.reason,
    ];
    parts.into_iter().for_each(|part| line.push_str(part));
}

/// A set of edits in words, which may name what an agent named: to be shown as text only. `present` is
/// the level without them.
pub fn in_words(reduction: &Reduction, present: Level) -> String {
    let mut line = String::new();
    push_reduction(&mut line, reduction, present);
    line
}

/// `stop_loss_pct: 5, without leverage, only on draft reaches MEDIUM 55.00`.
fn push_reduction(line: &mut String, reduction: &Reduction, present: Level) {
    let names = |key: &str| match reduction.edits.get(key) {
        Some(Value::List(names)) => names.as_slice(),
        _ => &[],
    };
    let mut separator = "";
    for (key, value) in &reduction.edits {
        if key != TARGETS && key != DROP {
            let _ = write!(line, "{separator}{key}: {value}");
            separator = ", ";
        }
    }
    for (words, names) in [("without ", names(DROP)), ("only on ", names(TARGETS))] {
        if !names.is_empty() {
            line.push_str(separator);
            line.push_str(words);
            push_names(line, names);
            separator = ", ";
        }
    }
    let reaches = match (reduction.level < present, reduction.unasked) {
        (true, _) => "reaches",
        (false, true) => "comes to",
        (false, false) => "lowers the score to",
    };
    let _ = write!(line, " {reaches} {} {}", reduction.level, reduction.score);
    if reduction.unasked {
        line.push_str(", of which no rule asks for approvals");
    }
    if let Some(note) = reduction.note {
        let _ = write!(line, " ({note})");
    }
}

fn push_names(line: &mut String, names: &[Value]) {
    const MOST: usize = 10;
    for (index, name) in names.iter().filter_map(Value::text).take(MOST).enumerate() {
        if index > 0 {
            line.push_str(", ");
        }
        line.push_str(name);
    }
    if names.len() > MOST {
        let _ = write!(line, " and {} more", names.len() - MOST);
    }
}

/// How one form of the text looks.
struct Form {
    strong: &'static str,
    /// After a heading, before its items.
    gap: &'static str,
    open: &'static str,
    close: &'static str,
}

const PLAIN: Form = Form {
    strong: "",
    gap: "\n",
    open: "  ",
    close: "\n",
};
const MARKDOWN: Form = Form {
    strong: "**",
    gap: "\n\n",
    open: "- `",
    close: "`\n",
};

struct Page<'f> {
    form: &'f Form,
    text: String,
}

impl Page<'_> {
    /// Our own words: never anything of an agent.
    fn raw(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = self.text.write_fmt(text);
    }

    /// A sentence that may quote an agent, made safe.
    fn item(&mut self, write: impl FnOnce(&mut String)) {
        let mut sentence = String::with_capacity(128);
        write(&mut sentence);
        self.text.push_str(self.form.open);
        push_safe(&mut self.text, &sentence);
        self.text.push_str(self.form.close);
    }
}

#[cfg(test)]
mod tests;
