//! A waiting pull request with everything that somebody needs to decide on it: first what it changes, then
//! why it is as risky as it is, what would make it less risky, what is needed and from whom, what was not
//! counted and why. And the form by which they decide.

use chrono::{DateTime, Utc};

use super::super::case_store::Reader;
use super::form::{DecisionPanel, Typed, decision_panel};
use super::history::{self, TimelineEntry};
use super::page_context::Viewer;
use super::row::{Risk, targets};
use super::text::{self, Moment, counted, duration};
use crate::bot::diff::Diff;
use crate::bot::{Evaluation, Pending, Preview, RuleChangePreview};
use crate::domain::documents::{Assessment, FactorScore, Recommendation};
use crate::domain::ids::TriggerId;
use crate::domain::level::{Level, Score};
use crate::forge::ReportState;
use crate::gate::eligibility::shown;
use crate::gate::opinions;
use crate::gate::oversight::RiskAnswer;
use crate::gate::rule_comparison::Section;
use crate::gate::verdict::{GateResult, Verdict};
use crate::ledger::backtest::{Backtest, Changed};
use crate::risk::proposed_action::ParameterChange;
use crate::risk::{ProposedAction, explain};
use crate::rules::people::PersonName;

/// So many targets, files or changed decisions are named.
const MOST_NAMED: usize = 20;
/// So many decisions that would come out differently are listed.
const MOST_CHANGED: usize = 10;
/// A longer text of an agent is folded, in characters.
const LONG: usize = 1_500;

/// What is executed: a table of what one target becomes, and everything else as canonical text.
#[derive(Debug, Default)]
pub struct Executed {
    pub changes: Vec<Change>,
    pub text: String,
}

impl Executed {
    pub fn of(action: &ProposedAction) -> Self {
        let [target] = action.targets.as_slice() else {
            return Self {
                changes: Vec::new(),
                text: action.text(),
            };
        };
        let nothing = if action.is_compared {
            "unset"
        } else {
            "unknown"
        };
        let change = |change: &ParameterChange| Change {
            name: change.name.to_string(),
            before: change
                .before
                .as_ref()
                .map_or_else(|| nothing.to_owned(), |before| change.shown(before)),
            baseline: change.baseline.as_ref().map(|value| change.shown(value)),
            after: change.shown(&change.after),
        };
        Self {
            changes: target.changes.iter().map(change).collect(),
            text: if target.changes.is_empty() {
                action.text()
            } else {
                action.rest()
            },
        }
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.text.is_empty()
    }
}

/// A parameter that is to be changed.
#[derive(Debug)]
pub struct Change {
    pub name: String,
    pub before: String,
    /// What it was when people saw it last, if that is something else.
    pub baseline: Option<String>,
    pub after: String,
}

/// What a governance change changes.
#[derive(Debug)]
pub struct Changes {
    /// Each file, and how much of it changes.
    pub files: Vec<(String, String)>,
    pub more: usize,
    pub lines: Vec<DiffLine>,
    pub is_long: bool,
    pub command: String,
}

/// A line of a unified diff.
#[derive(Debug)]
pub struct DiffLine {
    pub class: &'static str,
    pub text: String,
}

impl Changes {
    pub fn of(diff: &Diff) -> Self {
        let files = diff.files.iter().take(MOST_NAMED);
        let patches = diff.files.iter().filter_map(|file| file.patch.as_deref());
        let line = |text: &str| DiffLine {
            class: match text.as_bytes().first() {
                Some(b'+') => "added",
                Some(b'-') => "removed",
                Some(b'@') => "muted",
                _ => "",
            },
            text: text.to_owned(),
        };
        Self {
            files: files
                .map(|file| (file.path.clone(), file.summary()))
                .collect(),
            more: diff.files.len().saturating_sub(MOST_NAMED),
            lines: patches.flat_map(str::lines).map(line).collect(),
            is_long: diff.is_long(),
            command: diff.command.clone(),
        }
    }
}

/// What one factor adds.
#[derive(Debug)]
pub struct Factor {
    pub name: String,
    pub contribution: String,
    pub points: String,
    pub weight: u32,
    pub input: String,
    pub source: String,
    pub reason: String,
}

/// A trigger that fired.
#[derive(Debug)]
pub struct Trigger {
    pub id: String,
    /// What it lifts to.
    pub effect: String,
    pub reason: String,
    /// Whether no edit removes it.
    pub is_lasting: bool,
}

/// Why something is as risky as it is.
#[derive(Debug)]
pub struct Why {
    pub risk: Risk,
    pub factors: Vec<Factor>,
    pub triggers: Vec<Trigger>,
    /// What the factors add up to, where the triggers lift it.
    pub sum: Option<String>,
}

/// What an agent wrote.
#[derive(Debug, Default)]
pub struct AgentText {
    pub rationale: String,
    pub is_long: bool,
}

/// Somebody's word that counts, or that does not.
#[derive(Debug)]
pub struct OpinionView {
    pub who: String,
    pub what: String,
    pub at: Moment,
    pub words: Option<String>,
}

/// What came of trying a governance change.
#[derive(Debug)]
pub struct Tried {
    pub tests: String,
    pub compared: Option<Compared>,
    pub replayed: Option<Replayed>,
}

/// What the rules of a governance change ask for, against those that hold.
#[derive(Debug)]
pub struct Compared {
    pub summary: String,
    pub sections: Vec<Section>,
    pub limits: String,
}

/// What the rules of a governance change would have meant for the newest decisions.
#[derive(Debug)]
pub struct Replayed {
    pub decisions: String,
    pub approvals: (usize, usize),
    /// Where less would have been asked, and where more.
    pub oversight: (usize, usize),
    /// What nobody would be asked about any more, although it was HIGH, rejected or failed.
    pub alarming: usize,
    /// What would have come out differently, the alarming first.
    pub changed: Vec<(String, String)>,
    pub more: usize,
}

/// A waiting pull request.
#[derive(Debug)]
pub struct PendingView {
    pub number: u64,
    pub href: String,
    pub action: String,
    pub targets: String,
    pub agent: Option<String>,
    pub session: Option<String>,
    pub author: String,
    pub branch: String,
    pub head: String,
    pub waits: String,
    /// How it stands, in one line.
    pub title: String,
    /// What is wrong with it, if nothing can be decided.
    pub problem: Option<String>,
    pub executed: Executed,
    pub changed: Option<Changes>,
    pub tried: Option<Tried>,
    /// What others vouch for, each with its source.
    pub vouched: Vec<String>,
    pub why: Option<Why>,
    pub reductions: Vec<String>,
    pub may_be_reduced: bool,
    pub needs: Option<String>,
    /// Who was asked for it; where the forge asks nobody, who may give it.
    pub whom: Option<String>,
    pub late: Option<&'static str>,
    pub blocked_by: Vec<String>,
    pub approvals: Vec<OpinionView>,
    pub ignored: Vec<OpinionView>,
    /// What its agent was asked, with the answers, and how much of it waits for one.
    pub questions: Vec<TimelineEntry>,
    pub open_questions: usize,
    /// Everything that was said, in order.
    pub said: Vec<TimelineEntry>,
    pub words: AgentText,
    pub panel: DecisionPanel,
    /// Another value whenever something about it has changed.
    pub state: String,
}

/// For whom a card is made.
#[derive(Debug)]
pub struct ViewContext {
    pub base: String,
    pub viewer: Option<Viewer>,
    pub is_on_github: bool,
    pub now: DateTime<Utc>,
}

impl PendingView {
    /// The card of a pull request.
    pub fn of(
        pending: &Pending,
        view_context: &ViewContext,
        reader: &mut Reader<'_>,
        typed: Typed,
    ) -> anyhow::Result<Self> {
        let (pull, evaluation) = (&pending.pull, &pending.evaluation);
        let preview = &evaluation.preview;
        let document = evaluation.document.as_ref();
        let mut card = Self {
            number: pull.number.0,
            href: match evaluation.id {
                Some(id) => format!("{}/cases/{id}", view_context.base),
                None => format!("{}/cases/{}", view_context.base, pull.number.0),
            },
            action: action(evaluation, &pull.branch),
            targets: document.map(named_targets).unwrap_or_default(),
            agent: document.map(|document| document.agent.to_string()),
            session: document.map(|document| document.session.to_string()),
            author: shown(&pull.author),
            branch: pull.branch.clone(),
            head: pull.head.short(),
            waits: duration(view_context.now - pull.opened_at),
            title: text::unquoted(&evaluation.report.title),
            problem: None,
            executed: preview
                .action
                .as_ref()
                .map(Executed::of)
                .unwrap_or_default(),
            changed: preview.diff.as_ref().map(Changes::of),
            tried: preview.rule_change.as_ref().map(tried),
            vouched: preview.vouched.clone(),
            why: evaluation
                .assessment
                .as_ref()
                .map(|risk| Why::of(risk, &preview.lasting)),
            reductions: reductions(preview, evaluation.assessment.as_ref()),
            may_be_reduced: !evaluation.is_governance
                && evaluation
                    .assessment
                    .as_ref()
                    .is_some_and(|risk| risk.score > Score::ZERO || !preview.reductions.is_empty()),
            needs: None,
            whom: None,
            late: None,
            blocked_by: Vec::new(),
            approvals: Vec::new(),
            ignored: Vec::new(),
            questions: Vec::new(),
            open_questions: 0,
            said: match &evaluation.gate_result {
                Some(gate_result) => history::said_before(&gate_result.opinions),
                None => history::said_before(&opinions::of(pull, None)),
            },
            words: document.map(AgentText::of).unwrap_or_default(),
            panel: decision_panel(pending, view_context, reader, typed)?,
            state: String::new(),
        };
        card.state = state(pending, &card.panel);
        if evaluation.report.state == ReportState::Failure {
            card.problem = Some(plain(&evaluation.report.body));
        }
        if let Some(gate_result) = &evaluation.gate_result {
            card.rule(gate_result, pending);
        }
        Ok(card)
    }

    /// What is needed, what counted, and what did not.
    fn rule(&mut self, gate_result: &GateResult, pending: &Pending) {
        self.approvals = gate_result
            .approvals
            .iter()
            .map(|approval| OpinionView {
                who: format!("{} ({})", approval.by, approval.role),
                what: approval
                    .confidence
                    .map(|sure| text::confidence(sure).to_owned())
                    .unwrap_or_default(),
                at: Moment::of(approval.at),
                words: None,
            })
            .collect();
        self.ignored = gate_result
            .ignored
            .iter()
            .map(|ignored| OpinionView {
                who: shown(&ignored.account),
                what: text::unquoted(&ignored.reason),
                at: Moment::of(ignored.at),
                words: None,
            })
            .collect();
        self.questions = history::questions(&gate_result.questions);
        self.open_questions = gate_result.open_questions().count();
        let Verdict::Wait(wait) = &gate_result.verdict else {
            return;
        };
        self.late = gate_result.escalation();
        self.blocked_by = wait.blockers().collect();
        if let Some(needed) = gate_result.still_needed() {
            let grant = gate_result.grant.as_ref();
            let grant = grant.map(|grant| format!(" {}", grant.sentence()));
            self.needs = Some(format!(
                "{}.{}",
                text::unquoted(&needed),
                grant.unwrap_or_default()
            ));
            let whom = match &pending.asked {
                Some(asked) => asked.to_string(),
                None => {
                    let people = gate_result.may_approve().take(MOST_NAMED);
                    let people: Vec<&str> = people.map(PersonName::as_str).collect();
                    match people.as_slice() {
                        [] => String::new(),
                        names => format!("Who may give it: {}.", names.join(", ")),
                    }
                }
            };
            self.whom = (!whom.is_empty()).then_some(whom);
        }
    }
}

fn action(evaluation: &Evaluation, branch: &str) -> String {
    match (&evaluation.document, evaluation.is_governance) {
        (Some(document), _) => document.action.to_string(),
        (None, true) => "Governance change".to_owned(),
        (None, false) => branch.to_owned(),
    }
}

fn named_targets(document: &Recommendation) -> String {
    let names: Vec<&str> = document
        .targets
        .iter()
        .map(|target| target.as_str())
        .collect();
    targets(&names, MOST_NAMED)
}

fn tried(rule_change: &RuleChangePreview) -> Tried {
    let backtest = rule_change.backtest.as_ref();
    Tried {
        tests: counted(rule_change.validation.tests as i64, "policy test"),
        compared: rule_change.comparison.as_ref().map(|comparison| Compared {
            summary: comparison.summary(),
            sections: comparison.sections(),
            limits: comparison.limits(),
        }),
        replayed: backtest
            .filter(|backtest| backtest.replayed > 0)
            .map(replayed),
    }
}

fn replayed(backtest: &Backtest) -> Replayed {
    let mut changed: Vec<&Changed> = backtest.changed.iter().rev().collect();
    changed.sort_by_key(|one| !one.is_alarming());
    let in_words = |one: &&Changed| {
        let (then, now) = (&one.then, &one.now);
        let asked = |answer: &RiskAnswer| {
            let whom = match answer.refused {
                true => "refused".to_owned(),
                false => answer.whom(),
            };
            format!("{} {}, {whom}", answer.level, answer.score)
        };
        let what = format!(
            "{} of {}: {} → {}",
            one.action,
            one.agent,
            asked(then),
            asked(now)
        );
        (one.id.to_string(), what)
    };
    Replayed {
        decisions: counted(backtest.replayed as i64, "newest decision"),
        approvals: (backtest.approvals_then, backtest.approvals_now),
        oversight: (backtest.weaker.cases, backtest.stronger.cases),
        alarming: backtest.alarming().count(),
        changed: changed.iter().take(MOST_CHANGED).map(in_words).collect(),
        more: changed.len().saturating_sub(MOST_CHANGED),
    }
}

fn reductions(preview: &Preview, assessment: Option<&Assessment>) -> Vec<String> {
    let present = assessment.map_or(Level::High, |risk| risk.present().level);
    let edits = preview.reductions.iter();
    edits.map(|edit| explain::in_words(edit, present)).collect()
}

impl Why {
    /// Why an assessment came out as it did.
    pub fn of(risk: &Assessment, lasting: &[TriggerId]) -> Self {
        let triggers = risk.triggers.iter().map(|trigger| Trigger {
            id: trigger.id.to_string(),
            effect: trigger.effect_in_words(),
            reason: text::unquoted(&trigger.reason),
            is_lasting: lasting.contains(&trigger.id),
        });
        let sum: Score = risk.factors.iter().map(|factor| factor.contribution).sum();
        Self {
            risk: Risk::new(risk.level, risk.score),
            factors: risk.factors.iter().map(factor).collect(),
            triggers: triggers.collect(),
            sum: (sum < risk.score && !risk.factors.is_empty()).then(|| sum.to_string()),
        }
    }
}

fn factor(factor: &FactorScore) -> Factor {
    Factor {
        name: factor.name.clone(),
        contribution: factor.contribution.to_string(),
        points: factor.points.to_string(),
        weight: factor.weight,
        input: factor.input.clone(),
        source: factor.source.clone(),
        reason: factor.reason.clone(),
    }
}

impl AgentText {
    /// What the agent wrote.
    pub fn of(document: &Recommendation) -> Self {
        Self {
            is_long: document.rationale.chars().nth(LONG).is_some(),
            rationale: document.rationale.clone(),
        }
    }

    /// Whether there is anything to read.
    pub fn is_empty(&self) -> bool {
        self.rationale.is_empty()
    }
}

/// Our Markdown is readable as it is; only the fences around a list are noise.
fn plain(body: &str) -> String {
    let lines = body.lines().filter(|line| !line.starts_with("```"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn state(pending: &Pending, panel: &DecisionPanel) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    pending.pull.head.hash(&mut hasher);
    pending.evaluation.report.text().hash(&mut hasher);
    let asked = pending.asked.as_ref().map(ToString::to_string);
    asked.hash(&mut hasher);
    if let DecisionPanel::Open(form) = panel {
        form.csrf.hash(&mut hasher);
        form.objection.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}
