//! One case as everything that looks at many of them sees it: the facts that its commits carry, and no
//! document. It is small on purpose, because a hundred thousand of them stay in memory.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::interner::InternedName;
use crate::domain::documents::{Outcome, RejectionCategory, Rescored, Status, time};
use crate::domain::ids::{CaseId, PullNumber, Sha};
use crate::domain::level::{Level, Score};
use crate::domain::review::Confidence;
use crate::domain::unexpected::Unexpected;

/// The action of a change to the rules or to anything else on `main`.
pub const GOVERNANCE_CHANGE: &str = "governance_change";
const PENDING: &str = "pending";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Recommendation,
    /// A change to the rules or to anything else on `main`.
    Governance,
}

impl Kind {
    /// The name as programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recommendation => "recommendation",
            Self::Governance => "governance",
        }
    }
}

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseStatus {
    /// An open pull request.
    Pending,
    /// It has ended like this.
    Decided(Status),
}

impl CaseStatus {
    /// The name as people and programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => PENDING,
            Self::Decided(status) => status.as_str(),
        }
    }
    /// How it ended, if it has.
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::Pending => None,
            Self::Decided(status) => Some(status),
        }
    }
    /// Whether it was merged.
    pub fn is_approval(self) -> bool {
        self.status().is_some_and(Status::is_approval)
    }
}
impl fmt::Display for CaseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl FromStr for CaseStatus {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        if text == PENDING {
            return Ok(Self::Pending);
        }
        text.parse().map(Self::Decided).map_err(|_| {
            Unexpected::expected(
                "pending, auto_approved, granted, approved, rejected, refused, withdrawn or expired",
            )
        })
    }
}

/// What one factor added to the score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorShare {
    /// Its name, such as `environment`.
    pub name: InternedName,
    pub contribution: Score,
}

/// How the last attempt to carry a case out ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execution {
    /// Whether it did what was approved; none when nobody knows.
    pub success: Option<bool>,
    pub at: DateTime<Utc>,
    /// Which attempt it was, counted from 1.
    pub attempt: u32,
}

impl Execution {
    /// `success`, `failure` or `unknown`.
    pub const fn word(self) -> &'static str {
        Outcome::word(self.success)
    }
}

/// Where a pending case waits, and what the bot says to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub branch: String,
    /// What the bot says to it, in one line.
    pub title: String,
    /// How many questions to its agent have no answer.
    pub open_questions: usize,
}

/// One case, decided or pending.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its id; unknown only while the document of a pending one cannot be read.
    pub id: Option<CaseId>,
    pub kind: Kind,
    pub number: Option<PullNumber>,
    /// Who proposed it; none for a governance change.
    pub agent: Option<InternedName>,
    pub session: Option<InternedName>,
    /// The action type, or [`GOVERNANCE_CHANGE`]; unknown only while a document cannot be read.
    pub action: Option<InternedName>,
    /// What it acts on.
    pub targets: Box<[InternedName]>,
    /// Its score; none while it is invalid.
    pub score: Option<Score>,
    /// Its level; none while it is invalid.
    pub level: Option<Level>,
    /// What each factor added.
    pub factors: Box<[FactorShare]>,
    /// The triggers that fired.
    pub triggers: Box<[InternedName]>,
    pub standing: CaseStatus,
    /// The people whose approval counted.
    pub approved_by: Box<[InternedName]>,
    /// The person who ended it.
    pub rejected_by: Option<InternedName>,
    /// The main concern of a rejection.
    pub category: Option<RejectionCategory>,
    /// How sure the approvers were who said so, in the order of their approvals.
    pub confidence: Box<[Confidence]>,
    /// When its pull request was opened.
    pub opened_at: Option<DateTime<Utc>>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// What carries it out; none unless it was approved.
    pub executor: Option<InternedName>,
    /// When it was scored again and would have been asked more, so that the bot does not carry it out.
    pub rescored_at: Option<DateTime<Utc>>,
    /// When an execution was announced.
    pub claimed_at: Option<DateTime<Utc>>,
    /// How the last attempt ended.
    pub execution: Option<Execution>,
    /// How often people had something to say.
    pub feedback: u32,
    /// The commits that tell of it, oldest first.
    pub commits: Vec<Sha>,
    /// Where a pending one waits.
    pub place: Option<Box<Place>>,
}

impl Case {
    /// A case about which nothing more is known.
    pub fn new(id: Option<CaseId>, kind: Kind, standing: CaseStatus) -> Self {
        Self {
            id,
            kind,
            number: None,
            agent: None,
            session: None,
            action: None,
            targets: Box::default(),
            score: None,
            level: None,
            factors: Box::default(),
            triggers: Box::default(),
            standing,
            approved_by: Box::default(),
            rejected_by: None,
            category: None,
            confidence: Box::default(),
            opened_at: None,
            decided_at: None,
            executor: None,
            rescored_at: None,
            claimed_at: None,
            execution: None,
            feedback: 0,
            commits: Vec::new(),
            place: None,
        }
    }

    /// How many questions to its agent have no answer, while it waits.
    pub fn open_questions(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.open_questions)
    }

    /// Whether an agent proposed it.
    pub fn is_recommendation(&self) -> bool {
        self.kind == Kind::Recommendation
    }

    pub fn is_pending(&self) -> bool {
        self.standing == CaseStatus::Pending
    }

    /// Whether it was merged.
    pub fn is_approved(&self) -> bool {
        self.standing.is_approval()
    }

    /// Whether a person said no.
    pub fn is_rejected(&self) -> bool {
        self.standing == CaseStatus::Decided(Status::Rejected)
    }

    /// When the agent made it, as its id tells.
    pub fn created_at(&self) -> Option<DateTime<Utc>> {
        self.id.map(CaseId::time)
    }

    /// When it came to the gate: opened, or for older records made.
    pub fn asked_at(&self) -> Option<DateTime<Utc>> {
        self.opened_at.or_else(|| self.created_at())
    }

    /// What its time is reckoned by: the decision, or for a pending one when it came.
    pub fn time(&self) -> Option<DateTime<Utc>> {
        self.decided_at.or_else(|| self.asked_at())
    }

    /// Whether an execution ended, well or not.
    pub fn is_executed(&self) -> bool {
        self.success().is_some()
    }

    /// What became of it after it was approved: how its execution ended, or that it was scored again and therefore
    /// not executed.
    pub fn outcome(&self) -> Option<&'static str> {
        let ended = self.execution.map(Execution::word);
        ended.or_else(|| self.rescored_at.map(|_| Rescored::WORD))
    }

    /// Whether it did what was approved; none while nobody knows.
    pub fn success(&self) -> Option<bool> {
        self.execution.and_then(|execution| execution.success)
    }

    /// The people who approved or rejected it.
    pub fn deciders(&self) -> impl Iterator<Item = &InternedName> {
        self.approved_by.iter().chain(&self.rejected_by)
    }

    /// The people who approved or rejected it, with commas between; none if the bot alone decided.
    pub fn decided_by(&self) -> Option<String> {
        let names: Vec<&str> = self.deciders().map(InternedName::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The people who approved it, with commas between; none if nobody did.
    pub fn approvers(&self) -> Option<String> {
        let names: Vec<&str> = self.approved_by.iter().map(InternedName::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// How sure its approvers were, with commas between.
    pub fn confidence_in_words(&self) -> String {
        let words: Vec<&str> = self.confidence.iter().map(|word| word.as_str()).collect();
        words.join(", ")
    }

    /// What a factor added.
    pub fn contribution(&self, factor: &str) -> Option<Score> {
        let mut shares = self.factors.iter();
        shares
            .find(|share| share.name == factor)
            .map(|share| share.contribution)
    }
}

/// The shape of `list`, of the API and of exports for programs. Keys may be added, never changed.
impl Serialize for Case {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let at = |at: Option<DateTime<Utc>>| at.map(|at| time::text(&at));
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("number", &self.number)?;
        map.serialize_entry("kind", self.kind.as_str())?;
        map.serialize_entry("agent", &self.agent)?;
        map.serialize_entry("session", &self.session)?;
        map.serialize_entry("action", &self.action)?;
        map.serialize_entry("targets", &self.targets)?;
        map.serialize_entry("score", &self.score)?;
        map.serialize_entry("level", &self.level)?;
        map.serialize_entry("factors", &Shares(&self.factors))?;
        map.serialize_entry("triggers", &self.triggers)?;
        map.serialize_entry("status", self.standing.as_str())?;
        map.serialize_entry("decided_by", &self.decided_by())?;
        map.serialize_entry("approved_by", &self.approved_by)?;
        map.serialize_entry("rejected_by", &self.rejected_by)?;
        map.serialize_entry("category", &self.category)?;
        map.serialize_entry("confidence", &self.confidence)?;
        map.serialize_entry("opened_at", &at(self.opened_at))?;
        map.serialize_entry("decided_at", &at(self.decided_at))?;
        map.serialize_entry("executor", &self.executor)?;
        map.serialize_entry("executed", &self.is_executed())?;
        map.serialize_entry("success", &self.success())?;
        map.serialize_entry("outcome", &self.outcome())?;
        map.serialize_entry(
            "outcome_at",
            &at(self.execution.map(|execution| execution.at)),
        )?;
        map.serialize_entry("rescored_at", &at(self.rescored_at))?;
        map.serialize_entry("feedback", &self.feedback)?;
        if let Some(place) = &self.place {
            map.serialize_entry("branch", &place.branch)?;
            map.serialize_entry("title", &place.title)?;
            map.serialize_entry("open_questions", &place.open_questions)?;
        }
        map.end()
    }
}

/// Contributions by the name of their factor.
struct Shares<'a>(&'a [FactorShare]);

impl Serialize for Shares<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|share| (&share.name, share.contribution)))
    }
}
