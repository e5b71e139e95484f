//! What an agent can learn from its own decided cases: facts of its trail, the most useful ones first,
//! as many as fit into a prompt.
//!
//! Every line is computed from this agent's records; there is no advice that would be the same for another.

mod gather;
mod words;

use serde::Serialize;

use super::case::Case;
use super::case_documents::{self, Documents};
use super::index::Index;
use super::interner::InternedName;
use super::query::Period;
use super::reports::Scope;
use crate::domain::documents::RejectionCategory;
use crate::domain::ids::{CaseId, ParameterName};
use crate::domain::level::{Level, Score};
use crate::domain::page::{Line, Page};

/// The documents of so many cases are looked at, the newest ones.
const MOST_READ: usize = 200;

/// What an agent can learn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lessons {
    pub agent: String,
    pub decided: u32,
    /// The facts, the most useful first.
    pub facts: Vec<Fact>,
    /// Cases whose documents could not be read, so that nothing is learned from them.
    pub unread: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Fact {
    /// How it fares on the whole.
    Record {
        approved: u32,
        /// Approved by the bot alone.
        automatic: u32,
        rejected: u32,
        dropped: u32,
        successes: u32,
        failures: u32,
    },
    /// People approved less of a parameter than was proposed.
    Amended {
        action: InternedName,
        parameter: ParameterName,
        /// Where, as the decisions say it; none where they do not.
        environment: Option<String>,
        /// How often another value was approved.
        lowered: u32,
        /// How often it was left out.
        left_out: u32,
        /// How often people approved something that changes it.
        of: u32,
        /// The mean of the numbers that were approved instead.
        mean: Option<String>,
    },
    /// The same thing was rejected for the same concern.
    Rejected {
        action: InternedName,
        category: Option<RejectionCategory>,
        times: u32,
        /// The newest reason, in the person's words.
        words: Option<String>,
        /// What the newest would have changed.
        changes: Option<String>,
    },
    /// Which numbers of a parameter came to which level.
    Values {
        parameter: ParameterName,
        /// Where: the one target that they were proposed for; none if it was several at once.
        target: Option<InternedName>,
        /// The numbers by level: level, least, greatest, how often, how often rejected.
        levels: Vec<Range>,
    },
    /// A trigger made it HIGH.
    Trigger {
        id: InternedName,
        times: u32,
        /// How often that was rejected.
        rejected: u32,
        /// The newest reason that it fired.
        reason: Option<String>,
    },
    Failed {
        action: InternedName,
        /// What it would have changed.
        changes: Option<String>,
        error: Option<String>,
    },
    /// What a person said.
    Feedback {
        by: String,
        action: Option<InternedName>,
        words: String,
    },
    /// What passes by itself.
    Passes {
        action: InternedName,
        /// How often the bot approved it alone.
        times: u32,
        /// The highest score among them.
        highest: Score,
    },
}

/// Numbers of one level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Range {
    pub level: Level,
    pub least: String,
    pub greatest: String,
    /// How often it was proposed.
    pub times: u32,
    /// How often that was rejected.
    pub rejected: u32,
}

impl Lessons {
    /// The cases whose documents it looks at: the newest of the agent.
    pub fn wanted(index: &Index, agent: &str, period: Period) -> Vec<CaseId> {
        let scope = of_agent(agent, period);
        let newest = scope.decided(index).rev().take(MOST_READ);
        newest.filter_map(|case| case.id).collect()
    }

    pub fn of(index: &Index, agent: &str, period: Period, documents: &Documents) -> Self {
        let scope = of_agent(agent, period);
        let cases: Vec<&Case> = scope.decided(index).collect();
        let (_, newest) = cases.split_at(cases.len().saturating_sub(MOST_READ));
        let facts = gather::all(&cases, newest, documents);
        let unread = newest
            .iter()
            .filter(|case| case_documents::find(case, documents).is_none())
            .count();
        Self {
            agent: agent.to_owned(),
            decided: u32::try_from(cases.len()).unwrap_or(u32::MAX),
            facts,
            unread,
        }
    }

    /// The facts for a prompt: as many, in order, as `fits` takes; the rest is counted.
    pub fn page(&self, mut fits: impl FnMut(&Line) -> bool) -> Page {
        let mut page = Page::titled(format!("Lessons for {}", self.agent));
        if self.facts.is_empty() {
            page.text("None yet: no recommendation of this agent is decided.");
            return page;
        }
        let lines: Vec<Line> = self.facts.iter().map(Fact::in_words).collect();
        let all = lines.len();
        let told: Vec<Line> = lines.into_iter().take_while(|line| fits(line)).collect();
        let left = all - told.len();
        page.list(told);
        if left > 0 {
            page.text(format!("{left} more facts are left out for want of room."));
        }
        if self.unread > 0 {
            page.text(format!(
                "Cases whose documents could not be read: {}.",
                self.unread
            ));
        }
        page
    }
}

fn of_agent(agent: &str, period: Period) -> Scope {
    Scope {
        period,
        agent: Some(agent.to_owned()),
    }
}
