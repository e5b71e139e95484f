//! The YAML documents of the governance repository, one file a kind.
//!
//! Each carries `schema: countersign/<kind>/v1`; a version that this engine does not know is an
//! error, so that an old bot never half-understands a new record.

mod baselines;
mod decision;
mod evidence;
mod freeze;
mod grant;
mod outcome;
mod question;
mod recommendation;
mod rescored;
mod target;
mod track_record;
mod usage;

pub use baselines::{Baseline, BaselineRecord, Baselines};
pub use decision::{
    AccountRecord, AmendmentRecord, Assessment, CountedApproval, Decision, DecisionSchema,
    FactorScore, FiredTrigger, GroupAsk, IgnoredReview, Lift, OpinionKind, OpinionRecord,
    PullRecord, Rejection, RejectionCategory, Requirement, Role, RuleAsk, RuleEffect, RulesRecord,
    Status, TeamMember, WindowRecord,
};
pub use evidence::{CheckRecord, EvidenceRecord, EvidenceSource};
pub use freeze::{Freeze, SaidIn, SaidInKind};
pub use grant::{GrantAnswer, GrantRecord, RateRecord};
pub use outcome::{Claim, ExecutorKind, Feedback, Outcome};
pub use question::{AnswerRecord, QuestionRecord};
pub use recommendation::{Citation, Recommendation, RecommendationSchema};
pub use rescored::{Asked, AskedAgain, Rescored};
pub use target::Target;
pub use track_record::{Day, DayCounts, TrackRecord};
pub use usage::{LimitRecord, Usage, UsageKey, UsagePart};

/// Makes a type that stands for one value of the `schema` key and refuses every other.
macro_rules! schema_tag {
    ($(#[$doc:meta])* $type:ident, $tag:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $type;

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($tag)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                if text == $tag {
                    return Ok(Self);
                }
                Err(serde::de::Error::custom(format!(
                    "{} is not a schema that this version reads: expected `{}`",
                    $crate::domain::ids::quoted(&text), $tag
                )))
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"const": $tag})
            }
        }
    };
}
pub(crate) use schema_tag;

/// Times in documents: RFC 3339, UTC, whole seconds, ending in `Z`.
pub mod time {
    use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    /// The text of a time as documents carry it.
    pub fn text(at: &DateTime<Utc>) -> String {
        at.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// Writes a time.
    pub fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(at))
    }

    /// Reads a time in any offset; keeps whole seconds of UTC.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text)
            .map(|at| at.with_timezone(&Utc).trunc_subsecs(0))
            .map_err(|_| {
                serde::de::Error::custom(format!(
                    "{} is not a time: expected RFC 3339, such as `2026-11-23T14:02:11Z`",
                    crate::domain::ids::quoted(&text)
                ))
            })
    }
}
