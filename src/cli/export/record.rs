//! What the table tells of a case, read from its documents. Whether the rest of them is right is for `verify` to say.

use serde::Deserialize;

use crate::domain::documents::{
    Assessment, DecisionSchema, Feedback, FiredTrigger, Outcome, Recommendation, RejectionCategory,
    Requirement,
};
use crate::domain::ids::Login;
use crate::domain::level::{Level, Score};
use crate::ledger::{CaseFolder, LedgerError};

/// Of a decided case.
pub struct Record {
    pub about: Recommendation,
    pub decision: Decided,
    /// What came of it, first attempt first.
    pub outcomes: Vec<Outcome>,
    /// What people had to say, oldest first.
    pub feedback: Vec<Feedback>,
}

/// Of a `decision.yaml`.
#[derive(Deserialize)]
pub struct Decided {
    #[serde(rename = "schema")]
    _schema: DecisionSchema,
    /// How risky it was.
    pub risk: Rated,
    /// What the gate asked for.
    pub required: Requirement,
    /// The approvals that counted.
    #[serde(default)]
    pub approvals: Vec<Approved>,
    /// Why it was rejected, if it was.
    pub rejection: Option<Refused>,
}

#[derive(Deserialize)]
pub struct Approved {
    pub by: Login,
    pub justification: Option<String>,
}

#[derive(Deserialize)]
pub struct Rated {
    pub score: Score,
    pub level: Level,
    pub factors: Vec<Factor>,
    /// Each trigger that fired.
    #[serde(default)]
    pub triggers: Vec<FiredTrigger>,
}

#[derive(Deserialize)]
pub struct Factor {
    pub name: String,
    pub points: Score,
}

/// Of a person's no.
#[derive(Deserialize)]
pub struct Refused {
    pub category: RejectionCategory,
    pub reason: String,
}

impl Record {
    /// Reads it.
    ///
    /// # Errors
    /// When there is no such case or a document of it cannot be read.
    pub fn read(folder: &CaseFolder<'_>) -> Result<Self, LedgerError> {
        Ok(Self {
            about: folder.recommendation()?,
            decision: folder.decision()?,
            outcomes: folder.outcomes()?,
            feedback: folder.feedback()?,
        })
    }
}

impl From<&Assessment> for Rated {
    fn from(whole: &Assessment) -> Self {
        let factors = whole.factors.iter().map(|factor| Factor {
            name: factor.name.clone(),
            points: factor.points,
        });
        Self {
            score: whole.score,
            level: whole.level,
            factors: factors.collect(),
            triggers: whole.triggers.clone(),
        }
    }
}
