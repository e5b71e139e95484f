//! `freeze.yaml`: there only while nothing may be merged or executed.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema_tag;
use crate::domain::ids::Login;

schema_tag! {
    /// The value of `schema` in a freeze.
    FreezeSchema, "countersign/freeze/v1"
}

/// Everything is stopped: by whom, since when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// `countersign/freeze/v1`.
    pub schema: FreezeSchema,
    /// Who stopped it: a reviewer or an admin.
    pub by: Login,
    /// Why.
    pub reason: String,
    /// Since when.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
}

impl Freeze {
    /// Where the document is kept.
    pub const PATH: &'static str = "freeze.yaml";
}
