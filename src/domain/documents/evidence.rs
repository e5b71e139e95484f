//! What somebody vouched for, as a decision records it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccountRecord, time};
use crate::domain::ids::EvidenceName;

/// One attestation for the commit that was decided, by somebody who may give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRecord {
    /// Its name in `rules/evidence.yaml`.
    pub name: EvidenceName,
    /// As it was written.
    pub value: String,
    /// How it was vouched for.
    pub source: EvidenceSource,
    /// Who did: a person of `rules/people.yaml`, a public key, or the App of a check run.
    pub by: String,
    /// When it was said on the pull request, or the check run was completed.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
    /// The account that said it; absent for a check run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountRecord>,
    /// The id on the forge of the review or comment that it stood in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// When it was signed, by the clock of whoever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<DateTime<Utc>>,
    /// The signature, as it stood in the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The check run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckRecord>,
}

/// How something was vouched for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSource {
    /// A person said it.
    Login,
    /// It is signed with a key.
    Key,
    /// A check run of an App says it.
    Check,
}

/// The check run that says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckRecord {
    /// Its id on the forge.
    pub id: u64,
    pub name: String,
    /// The numeric id of the App.
    pub app_id: u64,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// How many letters of a key are shown.
const SHOWN_OF_KEY: usize = 8;

impl EvidenceRecord {
    /// When it was vouched for: by that it is newer than another, and gets too old.
    pub fn vouched_at(&self) -> DateTime<Utc> {
        self.signed_at.unwrap_or(self.at)
    }

    /// `monthly_cost: 340, attested by grace on 2026-11-23T14:02:11Z`
    pub fn in_words(&self) -> String {
        format!("{}: {}, {}", self.name, self.value, self.origin())
    }

    /// Who vouched for it, how and when.
    pub fn origin(&self) -> String {
        let (by, at) = (&self.by, time::text(&self.vouched_at()));
        match (self.source, &self.check) {
            (EvidenceSource::Login, _) => format!("attested by {by} on {at}"),
            (EvidenceSource::Key, _) => {
                // The end of a key tells it apart.
                let kind = by.split(' ').next().unwrap_or_default();
                let from = by
                    .char_indices()
                    .rev()
                    .nth(SHOWN_OF_KEY)
                    .map_or(0, |(at, _)| at + 1);
                let end = by.get(from..).unwrap_or_default();
                format!("signed with the {kind} key …{end} on {at}")
            }
            (EvidenceSource::Check, Some(run)) => {
                format!("by the check run {} of the App {by} on {at}", run.name)
            }
            (EvidenceSource::Check, None) => format!("by the App {by} on {at}"),
        }
    }
}
