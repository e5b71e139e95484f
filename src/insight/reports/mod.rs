//! Questions that people ask the trail again and again, each answered in a file of its own.
//!
//! A report is computed from the [`Index`] and the documents of the few cases that it quotes
//! ([`Name::wanted`]); it is a value that serialises for programs and becomes a [`Page`] for people.

mod agents;
mod calibration;
mod factors;
mod month;
mod oversight;
mod rejections;
mod successes;
mod week;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

pub use agents::Agents;
pub use calibration::Calibration;
pub use factors::Factors;
pub use month::Month;
pub use oversight::Oversight;
pub use rejections::Rejections;
pub use successes::Successes;
pub use week::Week;

use super::case::Case;
use super::case_documents::Documents;
use super::index::Index;
use super::metrics::day;
use super::query::Period;
use crate::domain::ids::CaseId;
use crate::domain::page::{Page, say};
use crate::domain::unexpected::Unexpected;

/// The reports there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// What was rejected, and why.
    Rejections,
    /// What was HIGH and went well.
    Successes,
    Calibration,
    /// How each agent fares.
    Agents,
    /// Which factors and triggers lead to rejections.
    Factors,
    /// How people decide.
    Oversight,
    Weekly,
    Monthly,
}

impl Name {
    pub const ALL: [Self; 8] = [
        Self::Rejections,
        Self::Successes,
        Self::Calibration,
        Self::Agents,
        Self::Factors,
        Self::Oversight,
        Self::Weekly,
        Self::Monthly,
    ];
    /// As people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejections => "rejections",
            Self::Successes => "successes",
            Self::Calibration => "calibration",
            Self::Agents => "agents",
            Self::Factors => "factors",
            Self::Oversight => "oversight",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// The time that it looks at, where nothing else is said: reviews the last week or month, others all.
    pub fn period(self, asked: Period, now: DateTime<Utc>) -> Period {
        let back = match self {
            Self::Weekly => TimeDelta::days(7),
            Self::Monthly => TimeDelta::days(30),
            _ => return asked,
        };
        let until = asked.until.unwrap_or(now + TimeDelta::seconds(1));
        Period {
            since: asked.since.or(Some(until - back)),
            until: Some(until),
        }
    }

    /// The cases whose documents it quotes.
    pub fn wanted(self, index: &Index, scope: &Scope) -> Vec<CaseId> {
        match self {
            Self::Rejections => Rejections::of(index, scope, &Documents::new()).quoted(),
            Self::Successes => Successes::of(index, scope, &Documents::new()).quoted(),
            Self::Weekly => Week::quoted(index, scope),
            Self::Oversight => Oversight::quoted(index, scope),
            Self::Calibration | Self::Agents | Self::Factors | Self::Monthly => Vec::new(),
        }
    }

    pub fn report(self, index: &Index, scope: &Scope, documents: &Documents) -> Report {
        match self {
            Self::Rejections => Report::Rejections(Rejections::of(index, scope, documents)),
            Self::Successes => Report::Successes(Successes::of(index, scope, documents)),
            Self::Calibration => Report::Calibration(Calibration::of(scope.decided(index))),
            Self::Agents => Report::Agents(Agents::of(index, scope)),
            Self::Factors => Report::Factors(Factors::of(index, scope)),
            Self::Oversight => Report::Oversight(Box::new(Oversight::of(index, scope, documents))),
            Self::Weekly => Report::Weekly(Box::new(Week::of(index, scope, documents))),
            Self::Monthly => Report::Monthly(Box::new(Month::of(index, scope))),
        }
    }
}
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl FromStr for Name {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::as_str).join(", ");
                Unexpected::expected(format!("one of {names}"))
            })
    }
}

/// Which part of the trail a report is about.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    pub period: Period,
    /// Of this agent only.
    pub agent: Option<String>,
}

impl Scope {
    /// The decided recommendations, oldest first.
    pub fn decided<'a>(&'a self, index: &'a Index) -> impl DoubleEndedIterator<Item = &'a Case> {
        let cases = index.cases_about(self.period).iter();
        cases.filter(|case| self.holds(case))
    }

    /// Whether a recommendation is of this part.
    pub fn holds(&self, case: &Case) -> bool {
        case.is_recommendation() && self.period.holds(case) && self.is_about(case)
    }

    /// Whether a case is of the agent that is asked about.
    fn is_about(&self, case: &Case) -> bool {
        let wanted = self.agent.as_deref();
        wanted.is_none_or(|agent| case.agent.as_deref() == Some(agent))
    }

    /// The same part of the time before, of the same length; none if the period is open.
    pub fn before(&self) -> Option<Self> {
        let (since, until) = (self.period.since?, self.period.until?);
        Some(Self {
            period: Period {
                since: Some(since - (until - since)),
                until: Some(since),
            },
            agent: self.agent.clone(),
        })
    }

    /// ` from 2026-11-01 to 2026-11-08`, or nothing for all of time.
    pub fn in_words(&self) -> String {
        let since = self.period.since.map(|at| format!(" from {}", day(at)));
        // The last day that belongs to it.
        let last = self.period.until.map(|at| at - TimeDelta::seconds(1));
        let until = last.map(|at| format!(" to {}", day(at)));
        format!("{}{}", since.unwrap_or_default(), until.unwrap_or_default())
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// What was rejected, and why.
    Rejections(Rejections),
    /// What was HIGH and went well.
    Successes(Successes),
    Calibration(Calibration),
    /// How each agent fares.
    Agents(Agents),
    /// Which factors and triggers lead to rejections.
    Factors(Factors),
    /// How people decide.
    Oversight(Box<Oversight>),
    Weekly(Box<Week>),
    Monthly(Box<Month>),
}

impl Report {
    /// What it has to say to people.
    pub fn page(&self, scope: &Scope) -> Page {
        let title = match self {
            Self::Rejections(_) => "Rejections",
            Self::Successes(_) => "HIGH and successful",
            Self::Calibration(_) => "Scores against outcomes",
            Self::Agents(_) => "Agents",
            Self::Factors(_) => "What leads to rejections",
            Self::Oversight(_) => "How people decide",
            Self::Weekly(_) => "Weekly review",
            Self::Monthly(_) => "Monthly review",
        };
        let mut page = Page::titled(format!("{title}{}", scope.in_words()));
        if let Some(agent) = &scope.agent {
            page.text(say("Only recommendations of ").name(agent).say("."));
        }
        match self {
            Self::Rejections(report) => report.put(&mut page),
            Self::Successes(report) => report.put(&mut page),
            Self::Calibration(report) => report.put(&mut page),
            Self::Agents(report) => report.put(&mut page),
            Self::Factors(report) => report.put(&mut page),
            Self::Oversight(report) => report.put(&mut page),
            Self::Weekly(report) => report.put(&mut page),
            Self::Monthly(report) => report.put(&mut page),
        }
        page
    }
}

/// A report for programs: what it is about, and its figures.
#[derive(Debug, Serialize)]
pub struct ForPrograms<'a> {
    report: &'static str,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    agent: Option<&'a str>,
    #[serde(flatten)]
    figures: &'a Report,
}

impl<'a> ForPrograms<'a> {
    /// A report with what it is about.
    pub fn new(name: Name, scope: &'a Scope, figures: &'a Report) -> Self {
        Self {
            report: name.as_str(),
            since: scope.period.since,
            until: scope.period.until,
            agent: scope.agent.as_deref(),
            figures,
        }
    }
}

#[cfg(test)]
mod tests;
