//! What we keep in the `external_id` of our own check run. Only the App that made a check run can change it, so
//! it is the one text on a pull request that nobody else writes.
//!
//! `countersign:v1:report=<40 digits>;asked=admins,payments;comment=17;level=MEDIUM;all=7:alice`: the prefix tells our
//! check run from every other of the same name, the job's own among them. Each part may be missing; unknown ones are
//! ignored.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::pushers::Carried;
use super::wire::WireCheckRun;
use crate::domain::ids::{GroupName, Sha};
use crate::domain::level::Level;

/// What every `external_id` of ours begins with.
const PREFIX: &str = "countersign:v1:";

/// The longest list of groups.
const LONGEST_ASKED: usize = 60;

/// What a check run of ours says to ourselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ExternalId {
    /// The fingerprint of the report that it shows.
    pub(super) report: Option<Sha>,
    /// The groups that were asked for a review of this commit.
    pub(super) asked: BTreeSet<GroupName>,
    /// The id of our comment.
    pub(super) comment: Option<u64>,
    /// The level that the report gave it, which its label says too.
    pub(super) level: Option<Level>,
    /// Who pushed to the branch; none if that is too long to be kept.
    pub(super) pushed: Option<Carried>,
}

impl ExternalId {
    /// What this check run says to us; none if it is not ours.
    pub(super) fn of(run: &WireCheckRun) -> Option<Self> {
        run.external_id.as_deref()?.parse().ok()
    }
}

/// The text does not begin as ours do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotOurs;

impl FromStr for ExternalId {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let parts = text.strip_prefix(PREFIX).ok_or(NotOurs)?;
        let mut id = Self::default();
        for (key, value) in parts.split(';').filter_map(|part| part.split_once('=')) {
            match key {
                "report" => id.report = value.parse().ok(),
                "asked" => {
                    id.asked = value
                        .split(',')
                        .filter_map(|name| name.parse().ok())
                        .collect()
                }
                "comment" => id.comment = value.parse().ok(),
                "level" => id.level = value.parse().ok(),
                "all" | "some" => id.pushed = Carried::read(key == "all", value),
                _ => {}
            }
        }
        Ok(id)
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = asked_text(&self.asked);
        let parts = [
            self.report.map(|report| format!("report={report}")),
            (!asked.is_empty()).then(|| format!("asked={asked}")),
            self.comment.map(|id| format!("comment={id}")),
            self.level.map(|level| format!("level={level}")),
            self.pushed.as_ref().map(Carried::to_string),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(f, "{PREFIX}{}", parts.join(";"))
    }
}

/// What is too long to be kept is asked again by the next process, if the pull request does not show that it was.
fn asked_text(groups: &BTreeSet<GroupName>) -> String {
    let mut text = String::new();
    for group in groups {
        let comma = if text.is_empty() { "" } else { "," };
        if text.len() + group.as_str().len() < LONGEST_ASKED {
            text.push_str(comma);
            text.push_str(group.as_str());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nobody_elses_is_ours() {
        let full = ExternalId {
            report: Some("0123456789abcdef0123456789abcdef01234567".parse().unwrap()),
            asked: ["admins", "payments"]
                .map(|name| name.parse().unwrap())
                .into(),
            comment: Some(17),
            level: Some(Level::Medium),
            pushed: Carried::read(true, "7:alice,99:agent[bot]"),
        };
        let text = "countersign:v1:report=0123456789abcdef0123456789abcdef01234567;asked=admins,payments;comment=17;level=MEDIUM;all=7:alice,99:agent[bot]";
        assert_eq!(full.to_string(), text);
        for id in [full, ExternalId::default()] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        // A later version keeps more.
        let later: ExternalId = "countersign:v1:new=x;comment=3".parse().unwrap();
        assert_eq!(later.comment, Some(3));
        for other in ["", "ca395085-040a-526b-2ce8-bdc85f692774", "countersign"] {
            assert_eq!(other.parse::<ExternalId>(), Err(NotOurs), "{other}");
        }
    }
}
