//! An attestation on a pull request of the local forge: recorded, and whether it counts. On GitHub it is a comment.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Bot, BotError};
use crate::domain::attestation::Attestation;
use crate::domain::ids::{EvidenceName, Login, PullNumber, Sha};
use crate::domain::review::Opinion;
use crate::forge::{ForgeError, NewReview};

/// An attestation that is to be recorded.
#[derive(Debug, Clone)]
pub struct NewAttestation {
    pub number: PullNumber,
    /// Who posts it: whoever vouches for it, unless it is signed.
    pub by: Login,
    pub attestation: Attestation,
    pub head: Sha,
    pub at: DateTime<Utc>,
}

/// An attestation that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordedAttestation {
    pub number: PullNumber,
    pub head: Sha,
    pub name: EvidenceName,
    pub value: String,
    /// Whether it counts; unknown as long as the proposal is invalid.
    pub counts: Option<bool>,
    /// Why it does not count.
    pub reason: Option<String>,
    /// How the proposal stands now.
    pub standing: String,
}

impl Bot {
    /// Records an attestation on the local forge, and says whether it counts.
    ///
    /// # Errors
    /// When there is no such open pull request.
    pub fn attest(&mut self, new: &NewAttestation) -> Result<RecordedAttestation, BotError> {
        let review = NewReview {
            number: new.number,
            by: new.by.clone(),
            opinion: Opinion::Comment,
            head: Some(new.head),
            body: new.attestation.to_string(),
            at: new.at,
        };
        let pull = self.forge.review(&self.repo, review)?;
        let recorded = pull.reviews.last().map(|review| review.id.clone());
        let id = recorded.ok_or(ForgeError::NoSuchPull(new.number))?;
        let open = self.open_pulls()?;
        let pending = self.hear(pull, &open)?;
        let evaluation = &pending.evaluation;
        let mut refused = evaluation.attested.refused.iter();
        let refused = refused.find(|refused| refused.review == id);
        Ok(RecordedAttestation {
            number: new.number,
            head: new.head,
            name: new.attestation.name.clone(),
            value: new.attestation.value.clone(),
            counts: evaluation.gate_result.as_ref().map(|_| refused.is_none()),
            reason: refused.map(|refused| refused.reason.to_string()),
            standing: evaluation.report.title.clone(),
        })
    }
}
