//! The documents of the few cases that a report quotes. Whoever has a repository reads them; a report
//! says which it needs, and goes on without those that could not be read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::case::Case;
use crate::domain::documents::{Decision, Feedback, Outcome, Recommendation};
use crate::domain::ids::{CaseId, ParameterName};
use crate::domain::value::Value;

/// The documents of one case.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CaseDocuments {
    /// What was proposed; none for a governance change.
    pub recommendation: Option<Recommendation>,
    pub decision: Option<Decision>,
    /// What came of it, the first attempt first.
    pub outcomes: Vec<Outcome>,
    /// What people had to say, oldest first.
    pub feedback: Vec<Feedback>,
}

/// The documents of many cases; whoever keeps them shares them.
pub type Documents = HashMap<CaseId, Arc<CaseDocuments>>;

/// The documents of a case, if they were read.
pub fn find<'d>(case: &Case, documents: &'d Documents) -> Option<&'d CaseDocuments> {
    documents.get(&case.id?).map(Arc::as_ref)
}

impl CaseDocuments {
    /// Why it was rejected, in the person's words.
    pub fn reason(&self) -> Option<&str> {
        let rejection = self.decision.as_ref()?.rejection.as_ref()?;
        Some(rejection.reason.as_str()).filter(|reason| !reason.trim().is_empty())
    }

    /// What was to be changed.
    pub fn changes(&self) -> Option<&BTreeMap<ParameterName, Value>> {
        self.recommendation.as_ref().map(|about| &about.changes)
    }

    /// `stop_loss_pct=2.5, leverage=3`.
    pub fn changes_in_words(&self) -> String {
        let changes = self.changes().into_iter().flatten();
        let shown: Vec<String> = changes
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        shown.join(", ")
    }

    /// What went wrong in the last attempt.
    pub fn error(&self) -> Option<&str> {
        self.outcomes.last()?.error.as_deref()
    }

    /// What the executor had to say in the last attempt: `drawdown: 3.1, trades: 20`.
    pub fn details_in_words(&self) -> String {
        let details = self.outcomes.last().map(|outcome| &outcome.details);
        let shown: Vec<String> = details
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}: {value}"))
            .collect();
        shown.join(", ")
    }
}
