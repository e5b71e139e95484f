//! Which cases somebody wants to see.

use chrono::{DateTime, Utc};

use super::case::{Case, CaseStatus, Kind};
use super::search::Search;
use crate::domain::documents::{RejectionCategory, Rescored};
use crate::domain::level::Level;
use crate::domain::unexpected::Unexpected;

/// A stretch of time, from its first moment to before its last; open where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// The first moment that belongs to it.
    pub since: Option<DateTime<Utc>>,
    /// The first moment that does not.
    pub until: Option<DateTime<Utc>>,
}

impl Period {
    /// All of time.
    pub const ALL: Self = Self {
        since: None,
        until: None,
    };

    /// Whether a moment belongs to it.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether a case belongs to it: by its decision, or while it is pending by when it came.
    pub fn holds(&self, case: &Case) -> bool {
        *self == Self::ALL || case.time().is_some_and(|at| self.contains(at))
    }
}

/// What came of the execution of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It did what was approved.
    Success,
    Failure,
    /// An attempt was made and nobody knows.
    Unknown,
    /// It would have been asked more before it ran, so it was not executed.
    Rescored,
    /// Approved, and no attempt has ended.
    Open,
}

impl Ending {
    /// The name as people and programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Unknown => "unknown",
            Self::Rescored => Rescored::WORD,
            Self::Open => "open",
        }
    }

    fn is_of(self, case: &Case) -> bool {
        match case.outcome() {
            Some(word) => word == self.as_str(),
            None => self == Self::Open && case.is_approved(),
        }
    }
}
impl std::str::FromStr for Ending {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let all = [
            Self::Success,
            Self::Failure,
            Self::Unknown,
            Self::Rescored,
            Self::Open,
        ];
        all.into_iter()
            .find(|ending| ending.as_str() == text)
            .ok_or_else(|| Unexpected::expected("success, failure, unknown, rescored or open"))
    }
}

/// What is asked for; whatever is not said does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Recommendations or governance changes.
    pub kind: Option<Kind>,
    pub standing: Option<CaseStatus>,
    pub agent: Option<String>,
    pub session: Option<String>,
    /// Of this action type.
    pub action: Option<String>,
    /// That name this target.
    pub target: Option<String>,
    pub level: Option<Level>,
    /// That this person approved or rejected, whatever the case of the login.
    pub decided_by: Option<String>,
    /// Rejected for this concern.
    pub category: Option<RejectionCategory>,
    /// For which this trigger fired.
    pub trigger: Option<String>,
    /// Whose execution ended like this.
    pub ending: Option<Ending>,
    pub period: Period,
    /// Each word of which occurs in its id, number, names or people, whatever the case of letters.
    pub text: Option<String>,
}

impl Query {
    /// Whether anything is asked for.
    pub fn is_filtered(&self) -> bool {
        *self != Self::default()
    }

    /// What has to be looked for; none if no text is asked for.
    pub(super) fn search(&self) -> Option<Search> {
        self.text.as_deref().map(Search::new)
    }

    /// Whether a case is all that is asked for beside the text.
    pub(super) fn is_met_by(&self, case: &Case) -> bool {
        let named = |wanted: &Option<String>, name: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == name
        };
        self.kind.is_none_or(|kind| case.kind == kind)
            && self
                .standing
                .is_none_or(|standing| case.standing == standing)
            && self.level.is_none_or(|level| case.level == Some(level))
            && named(&self.agent, case.agent.as_deref())
            && named(&self.session, case.session.as_deref())
            && named(&self.action, case.action.as_deref())
            && (self.target.as_deref())
                .is_none_or(|target| case.targets.iter().any(|name| *name == target))
            && (self.trigger.as_deref())
                .is_none_or(|trigger| case.triggers.iter().any(|name| *name == trigger))
            && (self.decided_by.as_deref()).is_none_or(|person| {
                let mut people = case.deciders();
                people.any(|name| name.eq_ignore_ascii_case(person))
            })
            && self
                .category
                .is_none_or(|category| case.category == Some(category))
            && self.ending.is_none_or(|ending| ending.is_of(case))
            && self.period.holds(case)
    }
}
