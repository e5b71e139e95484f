//! Which cases are asked for, and how what was asked is read.

use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use utoipa::IntoParams;

use super::{Kind, Result, ServiceError};
use crate::insight::{Period, Query, TimeSpec};

/// What is asked for in a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// pending, auto_approved, granted, approved, rejected, refused, withdrawn or expired
    pub status: Option<String>,
    /// Of this agent
    pub agent: Option<String>,
    /// Of this session of an agent
    pub session: Option<String>,
    /// Of this action type; `governance_change` for changes of the rules
    pub action: Option<String>,
    /// That name this target
    pub target: Option<String>,
    /// LOW, MEDIUM or HIGH
    pub level: Option<String>,
    /// That this person approved or rejected
    pub decided_by: Option<String>,
    /// Rejected for this concern
    pub category: Option<String>,
    /// For which this trigger fired
    pub trigger: Option<String>,
    /// success, failure, unknown or open
    pub outcome: Option<String>,
    /// Decided from then on: a day, a moment (RFC 3339), or 7d or 12h ago
    pub since: Option<String>,
    /// Decided before then; a day belongs to it
    pub until: Option<String>,
    /// That mention each of these words
    pub search: Option<String>,
    /// At most so many, up to 200; 50 if nothing is said
    #[param(value_type = Option<u32>)]
    pub limit: Option<String>,
    /// Where the page begins: from the link to it
    pub cursor: Option<String>,
}

impl Filters {
    pub fn query(self) -> Result<Query> {
        Ok(Query {
            kind: None,
            standing: read("status", self.status.as_ref())?,
            agent: self.agent,
            session: self.session,
            action: self.action,
            target: self.target,
            level: read("level", self.level.as_ref())?,
            decided_by: self.decided_by,
            category: read("category", self.category.as_ref())?,
            trigger: self.trigger,
            ending: read("outcome", self.outcome.as_ref())?,
            period: period(self.since.as_ref(), self.until.as_ref())?,
            text: self.search,
        })
    }
}

/// A stretch of time.
pub fn period(since: Option<&String>, until: Option<&String>) -> Result<Period> {
    let now = chrono::Utc::now();
    Ok(Period {
        since: read::<TimeSpec>("since", since)?.map(|when| when.since(now)),
        until: read::<TimeSpec>("until", until)?.map(|when| when.until(now)),
    })
}

/// The value of a parameter.
pub fn read<T: FromStr<Err: Display>>(name: &str, value: Option<&String>) -> Result<Option<T>> {
    let read: std::result::Result<Option<T>, T::Err> = value.map(|value| value.parse()).transpose();
    read.map_err(|error| wrong(name, &error.to_string()))
}

pub fn wrong(name: &str, why: &str) -> ServiceError {
    ServiceError::new(
        Kind::Malformed,
        format!("`{name}` cannot be understood: {why}"),
        "mend that parameter, or leave it out",
    )
}
