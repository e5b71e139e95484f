//! What an auditor saw last time: a trail that lost any of it was cut or rewritten, however well the rest
//! of it holds together.

// An auditor's own file, wherever they want it.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Verification;
use super::finding::{Finding, FindingKind};
use super::first_parent_chain::FirstParentChain;
use crate::domain::ids::Sha;

/// A trail that was verified and found good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    pub tip: Sha,
    /// How many commits it had.
    pub commits: usize,
    /// When it was verified.
    #[serde(with = "crate::domain::documents::time")]
    pub at: DateTime<Utc>,
}

impl Checkpoint {
    /// What there is to remember of a verification; nothing of one that has findings.
    pub fn of(verification: &Verification, at: DateTime<Utc>) -> Option<Self> {
        verification.ok.then_some(Self {
            tip: verification.tip,
            commits: verification.commits,
            at,
        })
    }

    /// Reads a checkpoint; none if there is no such file yet.
    ///
    /// # Errors
    /// When the file cannot be read or is no checkpoint. That is never taken for "seen nothing".
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => {
                let seen: Self = serde_json::from_slice(&bytes).map_err(io::Error::from)?;
                // It would find nothing missing from any trail.
                match seen.commits {
                    0 => Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "it remembers 0 commits, and no trail that was verified has none",
                    )),
                    _ => Ok(Some(seen)),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it beside the old one and puts it in its place, so that there is always a whole one.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let beside = path.with_file_name(name);
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        let written = fs::write(&beside, text)
            .and_then(|()| fs::File::open(&beside)?.sync_all())
            .and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            // The first error is the one that matters; a leftover does no harm.
            let _ = fs::remove_file(&beside);
        }
        written
    }

    /// What was seen and is gone.
    pub(super) fn find_loss(&self, chain: &FirstParentChain) -> Option<Finding> {
        let place = self.commits.checked_sub(1)?;
        if chain.at(place) == Some(self.tip) {
            return None;
        }
        let what = match (chain.place_of(self.tip), chain.at(place)) {
            (Some(now), _) => format!("is now the {}", nth(now + 1)),
            (None, Some(other)) => {
                format!("is no longer on it: {} stands in its place", other.short())
            }
            (None, None) => format!("is no longer on it: only {} are left", chain.len()),
        };
        let seen = crate::domain::documents::time::text(&self.at);
        let message = format!(
            "when it was last verified, at {seen}, this was the {} commit of the trail and its tip; it {what}",
            nth(self.commits)
        );
        Some(Finding {
            commit: self.tip,
            kind: FindingKind::CutOrRewritten,
            message,
        })
    }
}

fn nth(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}
