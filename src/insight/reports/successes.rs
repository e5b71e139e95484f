//! What was HIGH and went well: the risks that were worth it.

use serde::Serialize;

use super::Scope;
use crate::domain::ids::{CaseId, PullNumber};
use crate::domain::level::{Level, Score};
use crate::domain::page::{Line, Page, name, say};
use crate::insight::case_documents::{Documents, find};
use crate::insight::metrics::day;
use crate::insight::{Case, Index, InternedName, Proportion};

/// So many are shown, the newest first.
const MOST_SHOWN: usize = 50;

/// HIGH recommendations that were carried out well.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Successes {
    /// Successful of executed HIGH recommendations.
    pub high: Proportion,
    pub newest: Vec<Success>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Success {
    pub id: Option<CaseId>,
    pub number: Option<PullNumber>,
    pub agent: Option<InternedName>,
    pub action: Option<InternedName>,
    pub targets: Vec<InternedName>,
    pub score: Option<Score>,
    /// When it was decided.
    pub decided: Option<String>,
    pub approved_by: Vec<InternedName>,
    /// What was changed, in words.
    pub changes: Option<String>,
    /// What the executor had to say, in words.
    pub details: Option<String>,
}

impl Successes {
    pub fn of(index: &Index, scope: &Scope, documents: &Documents) -> Self {
        let decided = scope.decided(index);
        let high = decided.filter(|case| case.level == Some(Level::High));
        let executed: Vec<&Case> = high.filter(|case| case.is_executed()).collect();
        let mut share = Proportion::default();
        executed
            .iter()
            .for_each(|case| share.add(case.success() == Some(true)));
        let well = executed
            .iter()
            .rev()
            .filter(|case| case.success() == Some(true));
        Self {
            high: share,
            newest: well
                .take(MOST_SHOWN)
                .map(|case| Success::of(case, documents))
                .collect(),
        }
    }

    /// The cases that it quotes.
    pub(super) fn quoted(&self) -> Vec<CaseId> {
        self.newest
            .iter()
            .filter_map(|success| success.id)
            .collect()
    }

    pub(super) fn put(&self, page: &mut Page) {
        if self.high.of == 0 {
            page.text("No HIGH recommendation was executed.");
            return;
        }
        page.text(format!(
            "{} of the executed HIGH recommendations did what was approved; with 95 % confidence the true rate is {}.",
            self.high.in_words(),
            self.high.range()
        ));
        let rows = self.newest.iter().map(Success::cells).collect();
        page.table(
            &[
                "#",
                "decided",
                "agent",
                "what",
                "score",
                "approved by",
                "changes",
                "outcome",
            ],
            rows,
        );
        if self.high.count as usize > self.newest.len() {
            page.text(format!("The newest {} are shown.", self.newest.len()));
        }
    }
}

impl Success {
    fn of(case: &Case, documents: &Documents) -> Self {
        let found = find(case, documents);
        let told = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id: case.id,
            number: case.number,
            agent: case.agent.clone(),
            action: case.action.clone(),
            targets: case.targets.to_vec(),
            score: case.score,
            decided: case.decided_at.map(day),
            approved_by: case.approved_by.to_vec(),
            changes: found.and_then(|found| told(found.changes_in_words())),
            details: found.and_then(|found| told(found.details_in_words())),
        }
    }

    fn cells(&self) -> Vec<Line> {
        let quote = |text: &Option<String>| match text {
            Some(text) => Line::default().words(text),
            None => say(""),
        };
        let what = name(self.action.as_deref().unwrap_or_default()).say(" ");
        vec![
            say(self
                .number
                .map_or_else(String::new, |number| number.0.to_string())),
            say(self.decided.as_deref().unwrap_or_default()),
            name(self.agent.as_deref().unwrap_or_default()),
            what.names(self.targets.iter().map(InternedName::as_str)),
            say(self
                .score
                .map_or_else(String::new, |score| score.to_string())),
            Line::default().names(self.approved_by.iter().map(InternedName::as_str)),
            quote(&self.changes),
            quote(&self.details),
        ]
    }
}
