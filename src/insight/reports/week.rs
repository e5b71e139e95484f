//! The weekly review, question by question as the framework asks it: which agents get approved most
//! often, which risk factors trigger most rejections, are the scores calibrated, and what do people say.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{Agents, Calibration, Factors, Rejections, Scope};
use crate::domain::documents::time;
use crate::domain::ids::{CaseId, PullNumber};
use crate::domain::page::{Line, Page, name, say};
use crate::domain::review::Confidence;
use crate::insight::case_documents::{Documents, find};
use crate::insight::metrics::Outcomes;
use crate::insight::{Case, Index, InternedName, Proportion, Unseen};

/// So many pieces of feedback are quoted, the newest first.
const MOST_QUOTED: usize = 10;
/// So many waiting cases are listed, the oldest first.
const MOST_WAITING: usize = 10;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Week {
    /// Recommendations that were decided.
    pub decided: u32,
    /// Approved of those.
    pub approval: Proportion,
    /// What came of the approved.
    pub outcomes: Outcomes,
    /// Why it is not known what waits.
    #[serde(rename = "waiting_known", serialize_with = "is_none")]
    pub waiting_unseen: Option<Unseen>,
    /// Recommendations that wait now.
    pub waiting: Vec<Waits>,
    /// How many more wait.
    pub more_waiting: usize,
    /// Which agents get approved most often?
    pub agents: Agents,
    /// Which risk factors trigger most rejections?
    pub factors: Factors,
    /// What was rejected, and why.
    pub rejections: Rejections,
    /// Are risk scores calibrated correctly? In this week.
    pub calibration: Calibration,
    /// And over all of the trail until then.
    pub calibration_of_all: Calibration,
    /// Any patterns in user feedback?
    pub feedback: Feedback,
    /// Commits of `main` that are in no case.
    pub unreadable: usize,
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn is_none<S: Serializer>(unseen: &Option<Unseen>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bool(unseen.is_none())
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waits {
    pub number: Option<PullNumber>,
    pub agent: Option<InternedName>,
    /// What it would do.
    pub action: Option<InternedName>,
    pub since: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feedback {
    /// Pieces of feedback on cases that were decided in the period.
    pub count: u32,
    /// By agent, the most first.
    pub by_agent: Vec<(InternedName, u32)>,
    /// By what became of the case: its status, or its outcome once it has one.
    pub by_end: BTreeMap<&'static str, u32>,
    /// Approved by somebody who was uncertain: successful of those that were executed.
    pub uncertain: Proportion,
    /// How many were approved by somebody who was uncertain.
    pub approved_uncertain: u32,
    pub newest: Vec<Quote>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quote {
    pub by: String,
    /// On which pull request.
    pub number: Option<PullNumber>,
    pub agent: Option<InternedName>,
    pub words: String,
    pub at: String,
}

impl Week {
    pub fn of(index: &Index, scope: &Scope, documents: &Documents) -> Self {
        let decided: Vec<&Case> = scope.decided(index).collect();
        let mut approval = Proportion::default();
        let mut outcomes = Outcomes::default();
        for case in &decided {
            approval.add(case.is_approved());
            outcomes.add(case);
        }
        let mut until_then = scope.clone();
        until_then.period.since = None;
        let waiting = index.pending().iter();
        let mut waiting: Vec<&Case> = waiting.filter(|case| scope.is_about(case)).collect();
        waiting.sort_by_key(|case| case.asked_at());
        Self {
            decided: approval.of,
            approval,
            outcomes,
            waiting_unseen: index.unseen().cloned(),
            more_waiting: waiting.len().saturating_sub(MOST_WAITING),
            waiting: waiting
                .into_iter()
                .take(MOST_WAITING)
                .map(Waits::of)
                .collect(),
            agents: Agents::of(index, scope),
            factors: Factors::of(index, scope),
            rejections: Rejections::of(index, scope, documents),
            calibration: Calibration::of(decided.iter().copied()),
            calibration_of_all: Calibration::of(until_then.decided(index)),
            feedback: Feedback::of(&decided, documents),
            unreadable: index.unreadable().len(),
        }
    }

    /// The cases that it quotes.
    pub(super) fn quoted(index: &Index, scope: &Scope) -> Vec<CaseId> {
        let mut quoted = Rejections::of(index, scope, &Documents::new()).quoted();
        let newest = scope.decided(index).rev();
        let with_feedback = newest.filter(|case| case.feedback > 0);
        quoted.extend(with_feedback.take(MOST_QUOTED).filter_map(|case| case.id));
        quoted.sort_unstable();
        quoted.dedup();
        quoted
    }

    pub(super) fn put(&self, page: &mut Page) {
        let Outcomes {
            success,
            failure,
            unknown,
            rescored,
            open,
        } = self.outcomes;
        page.text(format!(
            "{} recommendations were decided, {} were approved. Of the approved, {success} were carried out well, {failure} failed, of {unknown} the outcome is unknown, {open} have none.",
            self.decided,
            self.approval.in_words(),
        ));
        if rescored > 0 {
            page.text(format!(
                "{rescored} of the approved were not carried out, because they would have been asked more by then: propose them anew, or settle them with countersign outcome."
            ));
        }
        if self.unreadable > 0 {
            page.text(format!("{} commits on main are in no case: countersign verify says what is wrong with them.", self.unreadable));
        }
        self.put_waiting(page);
        page.section("Which agents get approved most often?");
        self.agents.put(page);
        page.section("Which risk factors trigger most rejections?");
        self.factors.put(page);
        self.rejections.put_groups(page);
        page.section("Are risk scores calibrated correctly?");
        self.calibration.put(page);
        page.section("Over the whole trail until then");
        self.calibration_of_all.put(page);
        page.section("Any patterns in user feedback?");
        self.feedback.put(page);
    }

    fn put_waiting(&self, page: &mut Page) {
        page.section("Waiting for people");
        if let Some(unseen) = &self.waiting_unseen {
            page.text(match unseen {
                Unseen::InClone => say(format_args!("Not known: {unseen}.")),
                // The error may hold what others wrote.
                Unseen::Failed(error) => {
                    say("Not known: what waits for people could not be read: ").name(error)
                }
            });
        } else if self.waiting.is_empty() {
            page.text("Nothing.");
        }
        let rows = self.waiting.iter().map(|waits| {
            vec![
                say(waits
                    .number
                    .map_or_else(String::new, |number| number.0.to_string())),
                name(waits.agent.as_deref().unwrap_or_default()),
                name(waits.action.as_deref().unwrap_or_default()),
                say(waits.since.as_deref().unwrap_or_default()),
            ]
        });
        page.table(&["#", "agent", "action", "since"], rows.collect());
        if self.more_waiting > 0 {
            page.text(format!("{} more wait.", self.more_waiting));
        }
    }
}

impl Waits {
    fn of(case: &Case) -> Self {
        Self {
            number: case.number,
            agent: case.agent.clone(),
            action: case.action.clone(),
            since: case.asked_at().map(|at| time::text(&at)),
        }
    }
}

impl Feedback {
    fn of(decided: &[&Case], documents: &Documents) -> Self {
        let mut by_agent: BTreeMap<&InternedName, u32> = BTreeMap::new();
        let mut by_end: BTreeMap<&'static str, u32> = BTreeMap::new();
        let (mut count, mut approved_uncertain, mut uncertain) = (0, 0, Proportion::default());
        for case in decided {
            if case.feedback > 0 {
                count += case.feedback;
                let end = case.outcome().unwrap_or(case.standing.as_str());
                *by_end.entry(end).or_default() += case.feedback;
                if let Some(agent) = &case.agent {
                    *by_agent.entry(agent).or_default() += case.feedback;
                }
            }
            if case.is_approved() && case.confidence.contains(&Confidence::Uncertain) {
                approved_uncertain += 1;
                if let Some(success) = case.success() {
                    uncertain.add(success);
                }
            }
        }
        let mut by_agent: Vec<(InternedName, u32)> = by_agent
            .into_iter()
            .map(|(agent, count)| (agent.clone(), count))
            .collect();
        by_agent.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self {
            count,
            by_agent,
            by_end,
            uncertain,
            approved_uncertain,
            newest: quotes(decided, documents),
        }
    }

    fn put(&self, page: &mut Page) {
        if self.approved_uncertain > 0 {
            page.text(format!(
                "{} were approved by somebody who was uncertain; of those that were executed, {} did what was approved.",
                self.approved_uncertain,
                self.uncertain.in_words()
            ));
        }
        if self.count == 0 {
            page.text("Nobody left any feedback on these cases.");
            return;
        }
        let ends = self.by_end.iter();
        let ends: Vec<String> = ends
            .map(|(end, count)| format!("{count} on {end}"))
            .collect();
        page.text(format!(
            "{} pieces of feedback: {}.",
            self.count,
            ends.join(", ")
        ));
        let agents = self.by_agent.iter();
        page.list(
            agents
                .map(|(agent, count)| name(agent).say(": ").say(count))
                .collect(),
        );
        page.list(self.newest.iter().map(Quote::in_words).collect());
    }
}

impl Quote {
    fn in_words(&self) -> Line {
        let number = self.number.map_or_else(String::new, |number| {
            format!(" on pull request {}", number.0)
        });
        name(&self.by).say(number).say(": ").words(&self.words)
    }
}

fn quotes(decided: &[&Case], documents: &Documents) -> Vec<Quote> {
    let mut quotes = Vec::new();
    for case in decided {
        let found = find(case, documents);
        for feedback in found.into_iter().flat_map(|found| &found.feedback) {
            quotes.push(Quote {
                by: feedback.by.to_string(),
                number: case.number,
                agent: case.agent.clone(),
                words: feedback.message.clone(),
                at: time::text(&feedback.at),
            });
        }
    }
    quotes.sort_by(|a, b| b.at.cmp(&a.at));
    quotes.truncate(MOST_QUOTED);
    quotes
}
