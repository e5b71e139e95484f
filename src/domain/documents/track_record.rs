//! `track_records/<agent>/<action>/<environment>.yaml`: what became of the cases of one kind that people decided, and
//! of those that a grant let pass, day by day.
//!
//! The bot writes it with each decision and outcome that counts, and `verify` computes it again. It holds a bounded
//! time, so that it costs no more the longer the trail is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Decision, GrantAnswer, OpinionKind, Outcome, Status, schema_tag};
use crate::domain::ids::{ActionName, AgentName, GrantId};
use crate::domain::proportion::Proportion;
use crate::domain::unexpected::Unexpected;

schema_tag! {
    /// The value of `schema` in a track record.
    TrackRecordSchema, "countersign/track-record/v1"
}

/// What became of the cases of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrackRecord {
    /// `countersign/track-record/v1`.
    pub schema: TrackRecordSchema,
    /// The days on which something happened, of the last 180.
    #[serde(default)]
    pub days: BTreeMap<Day, DayCounts>,
    /// Of each grant, how many of its cases it let pass or people decided as its sample.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grants: BTreeMap<GrantId, u64>,
}

/// What happened on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DayCounts {
    /// Approved by people.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub approved: u32,
    /// Of those, only less than was proposed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub amended: u32,
    /// Rejected by people, or taken back while they requested changes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rejected: u32,
    /// Let pass by a grant.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub granted: u32,
    /// Executions that did what was approved or granted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub succeeded: u32,
    /// Executions that did not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl DayCounts {
    /// Approved of those that people decided.
    pub const fn approval(self) -> Proportion {
        Proportion::new(self.approved, self.approved.saturating_add(self.rejected))
    }

    /// Successful of the executions.
    pub const fn success(self) -> Proportion {
        Proportion::new(self.succeeded, self.succeeded.saturating_add(self.failed))
    }

    /// What a decision adds, if it was people's or a grant's.
    pub fn of_decision(decision: &Decision) -> Option<Self> {
        let mut counts = Self::default();
        match decision.status {
            Status::Approved => {
                counts.approved = 1;
                counts.amended = u32::from(decision.amendment.is_some());
            }
            Status::Rejected => counts.rejected = 1,
            Status::Granted => counts.granted = 1,
            // Whoever takes it back before it is rejected has nothing of that.
            Status::Withdrawn | Status::Expired if has_requested_changes(decision) => {
                counts.rejected = 1;
            }
            Status::AutoApproved | Status::Refused | Status::Withdrawn | Status::Expired => {
                return None;
            }
        }
        Some(counts)
    }

    fn of_outcome(outcome: &Outcome) -> Self {
        Self {
            succeeded: u32::from(outcome.success == Some(true)),
            failed: u32::from(outcome.success == Some(false)),
            ..Self::default()
        }
    }

    const fn add(&mut self, other: Self) {
        self.approved = self.approved.saturating_add(other.approved);
        self.amended = self.amended.saturating_add(other.amended);
        self.rejected = self.rejected.saturating_add(other.rejected);
        self.granted = self.granted.saturating_add(other.granted);
        self.succeeded = self.succeeded.saturating_add(other.succeeded);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

impl TrackRecord {
    /// The folder of all of them.
    pub const FOLDER: &str = "track_records";
    /// How many days it goes back, today included.
    pub const MOST_DAYS: u32 = 180;

    /// Where that of a kind is kept.
    pub fn path_of(agent: &AgentName, action: &ActionName, environment: &str) -> String {
        format!("{}/{agent}/{action}/{environment}.yaml", Self::FOLDER)
    }

    /// Adds a decision. A number that was drawn counts only once people have decided.
    pub fn add_decision(&mut self, decision: &Decision) {
        let Some(counts) = DayCounts::of_decision(decision) else {
            return;
        };
        self.count(decision.decided_at.into(), counts);
        let Some(grant) = &decision.grant else { return };
        let is_by_people = matches!(decision.status, Status::Approved | Status::Rejected);
        let is_drawn = grant.answer == GrantAnswer::Drawn;
        if decision.status == Status::Granted || (is_by_people && is_drawn) {
            self.grants.insert(grant.id.clone(), grant.number);
        }
    }

    /// Adds an outcome, if it is known.
    pub fn add_outcome(&mut self, outcome: &Outcome) {
        let counts = DayCounts::of_outcome(outcome);
        if counts != DayCounts::default() {
            self.count(outcome.finished_at.into(), counts);
        }
    }

    /// The number that the next case of a grant has.
    pub fn next_number(&self, grant: &GrantId) -> u64 {
        let last = self.grants.get(grant).copied().unwrap_or_default();
        last.saturating_add(1)
    }

    /// Counts something that happened on a day, and forgets what is too old by then.
    fn count(&mut self, day: Day, counts: DayCounts) {
        self.days.entry(day).or_default().add(counts);
        let first = day.before(Self::MOST_DAYS - 1);
        self.days.retain(|day, _| *day >= first);
    }

    /// What happened on all days that it holds.
    pub fn all(&self) -> DayCounts {
        self.since(Day(NaiveDate::MIN))
    }

    /// What happened from a day on.
    pub fn since(&self, first: Day) -> DayCounts {
        let mut sum = DayCounts::default();
        for counts in self.days.range(first..).map(|(_, counts)| counts) {
            sum.add(*counts);
        }
        sum
    }
}

/// Whether the last word of anybody was that it should be changed.
fn has_requested_changes(decision: &Decision) -> bool {
    let mut last = BTreeMap::new();
    for opinion in &decision.opinions {
        if let Some(person) = &opinion.person
            && opinion.kind != OpinionKind::Comment
        {
            last.insert(person, opinion.kind);
        }
    }
    let mut last = last.into_values();
    last.any(|kind| kind == OpinionKind::RequestChanges)
}

/// A day, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(NaiveDate);

impl Day {
    /// So many days earlier.
    #[must_use]
    pub fn before(self, days: u32) -> Self {
        let before = self.0.checked_sub_days(Days::new(days.into()));
        Self(before.unwrap_or(NaiveDate::MIN))
    }
}

impl From<DateTime<Utc>> for Day {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.date_naive())
    }
}
impl FromStr for Day {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Self);
        let day = day.filter(|day| day.to_string() == text);
        day.ok_or_else(|| Unexpected::is_not(text, "a day", "such as `2026-11-23`"))
    }
}
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}
impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            "description": "a day, in UTC"
        })
    }
}
