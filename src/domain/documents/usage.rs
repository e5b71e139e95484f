//! `usage/<rule>/…/<key>.yaml`: how much of a limit of `rules/policy.yaml` is used.
//!
//! The bot writes it together with each decision that counts, and `verify` computes it again. It is as long as the time
//! of the limit has parts, however much is decided.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema_tag;
use crate::domain::ids::TriggerId;

schema_tag! {
    /// The value of `schema` in the use of a limit.
    UsageSchema, "countersign/usage/v1"
}

/// For each of what a limit counts by itself, which one: `agent: rsi-agent`.
pub type UsageKey = BTreeMap<String, String>;

/// How much of a limit is used, by one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// `countersign/usage/v1`.
    pub schema: UsageSchema,
    /// The rule whose limit it is.
    pub rule: TriggerId,
    /// What is counted, and within which time. Where the rule says something else by now, counting begins anew.
    pub counts: String,
    /// Of what it is counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub per: UsageKey,
    /// How much was used in each part of the time, oldest first.
    pub parts: Vec<UsagePart>,
}

/// What was used in a part of the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsagePart {
    /// When the part began.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub from: DateTime<Utc>,
    #[serde(with = "exact")]
    #[schemars(with = "String")]
    pub used: Decimal,
}

/// How far a proposal goes past a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitRecord {
    /// What is counted, and within which time.
    pub counts: String,
    /// Of what it is counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub per: UsageKey,
    #[serde(with = "exact")]
    #[schemars(with = "String")]
    pub at_most: Decimal,
    /// What was used before.
    #[serde(with = "exact")]
    #[schemars(with = "String")]
    pub used: Decimal,
    /// What the proposal would use.
    #[serde(with = "exact")]
    #[schemars(with = "String")]
    pub adds: Decimal,
    /// When enough is free again; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_at: Option<DateTime<Utc>>,
}

/// Exact numbers, as text.
mod exact {
    use std::borrow::Cow;

    use rust_decimal::Decimal;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&amount.normalize())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Decimal::from_str_exact(&text).map_err(de::Error::custom)
    }
}

impl Usage {
    /// The folder of what is used of all limits.
    pub const FOLDER: &str = "usage";
}
