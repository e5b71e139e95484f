//! What carries out approved actions, one file an executor.
//!
//! `none` and `apply` are part of the push that records the decision, so they happen exactly once.
//! `command`, `http` and `dispatch` start after a claim has been published; `dispatch` and `external` are
//! reported by somebody else. A workflow is started by the forge, with an [`ExecutionRequest`] as its payload.

pub mod apply;
mod cgroup;
pub mod command;
pub mod contain;
pub mod http;
mod output;
mod request;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::documents::{ExecutorKind, Outcome};
use crate::domain::ids::CaseId;
use crate::domain::value::Value;

pub use crate::ledger::REPORTED_BY_BOT;
pub use request::ExecutionRequest;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionResult {
    /// Whether it did what was approved; none if nobody knows.
    pub success: Option<bool>,
    /// What it had to say.
    pub details: BTreeMap<String, Value>,
    pub error: Option<String>,
}

impl ExecutionResult {
    /// It did what was approved.
    pub fn well(details: BTreeMap<String, Value>) -> Self {
        Self {
            success: Some(true),
            details,
            error: None,
        }
    }
    pub fn badly(error: impl Into<String>) -> Self {
        Self {
            success: Some(false),
            details: BTreeMap::new(),
            error: Some(error.into()),
        }
    }
    /// Nobody knows: the bot died while it ran, or was not answered.
    pub fn unknown(error: impl Into<String>) -> Self {
        Self {
            success: None,
            details: BTreeMap::new(),
            error: Some(error.into()),
        }
    }

    /// The record of it.
    pub fn record(
        self,
        id: CaseId,
        attempt: u32,
        executor: ExecutorKind,
        started_at: DateTime<Utc>,
        finished_at: DateTime<Utc>,
    ) -> Outcome {
        Outcome {
            schema: Default::default(),
            id,
            attempt,
            executor,
            started_at,
            finished_at,
            success: self.success,
            details: self.details,
            error: self.error,
            reported_by: REPORTED_BY_BOT.to_owned(),
        }
    }
}
