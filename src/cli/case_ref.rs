//! A case as people name it: by its id, or by the number of its pull request.

use std::str::FromStr;

use super::{Result, failure};
use crate::domain::ids::{CaseId, PullNumber, quoted};
use crate::git::Repository;
use crate::ledger::Trail;

/// An id or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseRef {
    /// The id of a case.
    Id(CaseId),
    /// The number of a pull request.
    Number(PullNumber),
}

impl FromStr for CaseRef {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if let Ok(number) = text.trim_start_matches('#').parse() {
            return Ok(Self::Number(PullNumber(number)));
        }
        text.parse().map(Self::Id).map_err(|_| {
            format!("{} is neither the id of a case (26 upper-case characters) nor the number of a pull request", quoted(text))
        })
    }
}

impl CaseRef {
    /// The id of the decided case.
    ///
    /// # Errors
    /// When no case of this number is decided.
    pub fn decided(self, repo: &Repository) -> Result<CaseId> {
        let number = match self {
            Self::Id(id) => return Ok(id),
            Self::Number(number) => number,
        };
        let trail = Trail::read(repo)?;
        trail
            .cases
            .iter()
            .rev()
            .find(|row| row.number == Some(number.0))
            .map(|row| row.id)
            .ok_or_else(|| {
                failure::hinted(
                    format!("no case of pull request {number} is decided"),
                    "`countersign list` shows all cases, decided and pending",
                )
            })
    }
}
