//! A case as people name it: by its id, or by the number of its pull request.

use std::str::FromStr;

use super::{Result, failure};
use crate::domain::ids::{CaseId, PullNumber, quoted};
use crate::git::Repository;
use crate::insight::{Case, Index};
use crate::ledger::index;

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
    pub fn decided(self, repo: &Repository) -> Result<CaseId> {
        let number = match self {
            Self::Id(id) => return Ok(id),
            Self::Number(number) => number,
        };
        let index = index::read(repo)?;
        index
            .find_number(number)
            .and_then(|case| case.id)
            .ok_or_else(|| {
                failure::hinted(
                    format!("no case of pull request {number} is decided"),
                    "`countersign list` shows all cases, decided and pending",
                )
            })
    }

    /// The decided case, if there is one.
    pub fn find(self, index: &Index) -> Option<&Case> {
        match self {
            Self::Id(id) => index.find_decided(id),
            Self::Number(number) => index.find_number(number),
        }
    }
}
