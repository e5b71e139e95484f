//! A case in one line, for lists.

use super::charts::class;
use super::text::{self, Moment};
use crate::domain::level::{Level, Score};
use crate::insight::Case;

/// So many targets are named.
const MOST_TARGETS: usize = 2;

/// How risky something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    pub class: &'static str,
    pub level: &'static str,
    pub score: String,
}

impl Risk {
    pub fn new(level: Level, score: Score) -> Self {
        Self {
            class: class(level),
            level: level.as_str(),
            score: score.to_string(),
        }
    }
}

/// A case in one line.
#[derive(Debug, Clone)]
pub struct Row {
    pub href: String,
    pub action: String,
    pub targets: String,
    pub agent: Option<String>,
    pub number: Option<u64>,
    pub risk: Option<Risk>,
    pub standing: &'static str,
    pub by: Option<String>,
    /// What came of it, and its colour.
    pub outcome: Option<(&'static str, &'static str)>,
    pub at: Option<Moment>,
}

/// What is proposed, in words.
pub fn action(case: &Case) -> String {
    if !case.is_recommendation() {
        return "Governance change".to_owned();
    }
    match (&case.action, &case.place) {
        (Some(action), _) => action.to_string(),
        (None, Some(place)) => place.branch.clone(),
        (None, None) => "unreadable proposal".to_owned(),
    }
}

/// On what, in words.
pub fn targets<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The address of a case below a repository's.
pub fn href(base: &str, case: &Case) -> String {
    match (case.id, case.number) {
        (Some(id), _) => format!("{base}/cases/{id}"),
        (None, Some(number)) => format!("{base}/cases/{}", number.0),
        (None, None) => format!("{base}/cases"),
    }
}

impl Row {
    /// A case in one line.
    pub fn of(base: &str, case: &Case) -> Self {
        let names: Vec<&str> = case.targets.iter().map(|target| target.as_str()).collect();
        Self {
            href: href(base, case),
            action: action(case),
            targets: targets(&names, MOST_TARGETS),
            agent: case.agent.as_ref().map(ToString::to_string),
            number: case.number.map(|number| number.0),
            risk: case
                .level
                .zip(case.score)
                .map(|(level, score)| Risk::new(level, score)),
            standing: text::standing(case.standing),
            by: case.decided_by(),
            outcome: outcome(case),
            at: case.time().map(Moment::of),
        }
    }
}

/// What came of carrying it out; its word is its colour as well.
fn outcome(case: &Case) -> Option<(&'static str, &'static str)> {
    let word = case.outcome()?;
    Some((word, word))
}
