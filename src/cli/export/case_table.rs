//! The first table: the framework's `agent_governance_log`, column by column, with a few columns of ours at its end.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::table::{Cell, Column, Kind, Table, column};
use crate::domain::documents::{
    Assessment, CountedApproval, DecisionSchema, Feedback, Outcome, Recommendation, Rejection,
    Requirement,
};
use crate::domain::ids::{ParameterName, TargetName};
use crate::domain::level::Score;
use crate::domain::value::Value;
use crate::insight::Case;
use crate::ledger::{CaseFolder, LedgerError};

/// The cases that agents proposed.
pub const CASES: Table<CaseRow> = Table {
    name: "agent_governance_log",
    columns: COLUMNS,
    indexes: &[
        ("idx_agent_name", "agent_name"),
        ("idx_session_id", "session_id"),
        ("idx_risk_level", "risk_level"),
        ("idx_approval_status", "approval_status"),
        ("idx_created_at", "created_at"),
    ],
};

/// A case, decided or pending.
pub struct CaseRow {
    /// Decided cases keep theirs for ever, because decisions are only added.
    pub number: i64,
    pub case: Case,
    pub recommendation: Recommendation,
    /// How risky a pending one is; none while it is invalid.
    pub assessment: Option<Assessment>,
    /// Whether people have to approve.
    pub requires_approval: bool,
    pub record: Record,
}

/// What else is on record of a case; nothing of one that is pending.
#[derive(Default)]
pub struct Record {
    pub decision: Option<Decided>,
    /// The first attempt first.
    pub outcomes: Vec<Outcome>,
    /// Oldest first.
    pub feedback: Vec<Feedback>,
}

/// Of a `decision.yaml` what is exported. Whether the rest of it is right is for `verify` to say, and hides no row.
#[derive(Deserialize)]
pub struct Decided {
    #[serde(rename = "schema")]
    _schema: DecisionSchema,
    pub risk: Assessment,
    pub required: Requirement,
    #[serde(default)]
    pub approvals: Vec<CountedApproval>,
    pub rejection: Option<Rejection>,
}

impl Record {
    pub fn read(folder: &CaseFolder<'_>) -> Result<Self, LedgerError> {
        Ok(Self {
            decision: Some(folder.decision()?),
            outcomes: folder.outcomes()?,
            feedback: folder.feedback()?,
        })
    }
}

#[rustfmt::skip]
const COLUMNS: &[Column<CaseRow>] = &[
    column("id",                  Kind::Whole, "INTEGER PRIMARY KEY AUTOINCREMENT",   |row| Cell::Whole(row.number)),
    column("agent_name",          Kind::Text,  "TEXT NOT NULL",                       |row| Cell::text(&row.recommendation.agent)),
    column("session_id",          Kind::Text,  "TEXT NOT NULL",                       |row| Cell::text(&row.recommendation.session)),
    column("action_type",         Kind::Text,  "TEXT NOT NULL",                       |row| Cell::text(&row.recommendation.action)),
    column("action_details",      Kind::Json,  "JSON NOT NULL",                       |row| row.action_details()),
    column("recommended_changes", Kind::Json,  "JSON",                                |row| Cell::json(&row.recommendation.changes)),
    column("rationale",           Kind::Text,  "TEXT",                                |row| Cell::text(&row.recommendation.rationale)),
    column("research_citations",  Kind::Json,  "JSON",                                |row| Cell::json(&row.recommendation.citations)),
    column("risk_score",          Kind::Score, "INTEGER NOT NULL",                    |row| row.score().into()),
    column("risk_level",          Kind::Text,  "TEXT NOT NULL",                       |row| Cell::text(row.level())),
    column("risk_factors",        Kind::Json,  "JSON",                                |row| row.points_by_factor()),
    column("requires_approval",   Kind::Bool,  "BOOLEAN NOT NULL DEFAULT 0",          |row| row.requires_approval.into()),
    column("approval_status",     Kind::Text,  "TEXT",                                |row| Cell::text(row.case.standing)),
    column("approved_by",         Kind::Text,  "TEXT",                                |row| Cell::text(row.case.approvers().unwrap_or_default())),
    column("approval_timestamp",  Kind::Time,  "DATETIME",                            |row| row.case.decided_at.into()),
    column("rejection_reason",    Kind::Text,  "TEXT",                                |row| row.rejection().map_or(Cell::Null, |no| Cell::text(no.category))),
    column("executed",            Kind::Bool,  "BOOLEAN DEFAULT 0",                   |row| row.case.is_executed().into()),
    column("execution_timestamp", Kind::Time,  "DATETIME",                            |row| row.outcome().map(|outcome| outcome.started_at).into()),
    column("execution_result",    Kind::Text,  "TEXT",                                |row| row.execution_result()),
    column("outcome_success",     Kind::Bool,  "BOOLEAN",                             |row| row.outcome().and_then(|outcome| outcome.success).into()),
    column("outcome_details",     Kind::Json,  "JSON",                                |row| row.outcome_details()),
    column("outcome_timestamp",   Kind::Time,  "DATETIME",                            |row| row.outcome().map(|outcome| outcome.finished_at).into()),
    column("user_feedback",       Kind::Text,  "TEXT",                                |row| row.feedback()),
    column("feedback_timestamp",  Kind::Time,  "DATETIME",                            |row| row.record.feedback.last().map(|feedback| feedback.at).into()),
    column("created_at",          Kind::Time,  "DATETIME NOT NULL",                   |row| row.recommendation.created_at.into()),
    column("updated_at",          Kind::Time,  "DATETIME NOT NULL",                   |row| row.updated_at().into()),
    // Ours.
    column("case_id",             Kind::Text,  "TEXT NOT NULL",                       |row| Cell::text(row.recommendation.id)),
    column("pull_request",        Kind::Whole, "INTEGER",                             |row| row.case.number.into()),
    column("targets",             Kind::Json,  "JSON",                                |row| Cell::json(&row.recommendation.targets)),
    column("risk_triggers",       Kind::Json,  "JSON",                                |row| row.risk().map_or(Cell::Null, |risk| Cell::json(&risk.triggers))),
    column("rejection_words",     Kind::Text,  "TEXT",                                |row| row.rejection().map_or(Cell::Null, |no| Cell::text(&no.reason))),
    column("confidence",          Kind::Text,  "TEXT",                                |row| Cell::text(row.case.confidence_in_words())),
    column("executor",            Kind::Text,  "TEXT",                                |row| Cell::text(row.case.executor.as_deref().unwrap_or_default())),
    column("decision_commit",     Kind::Text,  "TEXT",                                |row| row.case.commits.first().map_or(Cell::Null, Cell::text)),
    column("rejected_by",         Kind::Text,  "TEXT",                                |row| Cell::text(row.case.rejected_by.as_deref().unwrap_or_default())),
    column("justification",       Kind::Text,  "TEXT",                                |row| row.justifications()),
];

/// Of a proposal, what is neither its action nor its changes.
#[derive(Serialize)]
struct Input<'a> {
    details: &'a BTreeMap<String, Value>,
    expects: &'a BTreeMap<ParameterName, Value>,
    targets: &'a [TargetName],
}

impl CaseRow {
    fn risk(&self) -> Option<&Assessment> {
        let decision = self.record.decision.as_ref();
        decision
            .map(|decision| &decision.risk)
            .or(self.assessment.as_ref())
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.record.outcomes.last()
    }

    fn rejection(&self) -> Option<&Rejection> {
        self.record.decision.as_ref()?.rejection.as_ref()
    }

    /// What is invalid is as risky as can be.
    fn score(&self) -> Score {
        self.risk().map_or(Score::MAX, |risk| risk.score)
    }

    fn level(&self) -> &'static str {
        self.risk().map_or("INVALID", |risk| risk.level.as_str())
    }

    fn action_details(&self) -> Cell {
        Cell::json(&Input {
            details: &self.recommendation.details,
            expects: &self.recommendation.expects,
            targets: &self.recommendation.targets,
        })
    }

    fn points_by_factor(&self) -> Cell {
        let Some(risk) = self.risk() else {
            return Cell::Null;
        };
        let factors = risk.factors.iter();
        let points: BTreeMap<&str, Score> = factors
            .map(|factor| (factor.name.as_str(), factor.points))
            .collect();
        Cell::json(&points)
    }

    fn execution_result(&self) -> Cell {
        match self.outcome() {
            Some(outcome) => Cell::text(Outcome::word(outcome.success)),
            None => Cell::text(self.case.outcome().unwrap_or_default()),
        }
    }

    fn outcome_details(&self) -> Cell {
        let Some(outcome) = self.outcome() else {
            return Cell::Null;
        };
        let mut details = outcome.details.clone();
        if let Some(error) = &outcome.error {
            let error = Value::Text(error.clone());
            details.entry("error".to_owned()).or_insert(error);
        }
        Cell::json(&details)
    }

    /// Everything that people said, a line each.
    fn feedback(&self) -> Cell {
        let said = self.record.feedback.iter();
        let lines = said.map(|feedback| format!("{}: {}", feedback.by, feedback.message));
        Cell::text(lines.collect::<Vec<_>>().join("\n"))
    }

    fn justifications(&self) -> Cell {
        let decision = self.record.decision.as_ref();
        decision.map_or(Cell::Null, |decision| {
            Cell::justifications(&decision.approvals)
        })
    }

    fn updated_at(&self) -> DateTime<Utc> {
        let Record {
            outcomes, feedback, ..
        } = &self.record;
        let times = { outcomes.iter() }
            .map(|outcome| outcome.finished_at)
            .chain(feedback.iter().map(|feedback| feedback.at))
            .chain(self.case.rescored_at)
            .chain(self.case.decided_at);
        times.max().unwrap_or(self.recommendation.created_at)
    }
}
