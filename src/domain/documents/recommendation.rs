//! `recommendation.yaml`: what an agent proposes, on its own branch.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema_tag;
use crate::domain::ids::{ActionName, AgentName, CaseId, ParameterName, Session, TargetName};
use crate::domain::problem::{Problem, Problems};
use crate::domain::value::Value;
use crate::domain::yaml;

schema_tag! {
    /// The value of `schema` in a recommendation.
    RecommendationSchema, "countersign/recommendation/v1"
}

/// An agent's proposal to act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// `countersign/recommendation/v1`.
    pub schema: RecommendationSchema,
    /// The case's id, a fresh ULID: `countersign new` makes one.
    pub id: CaseId,
    /// The registered name of the proposing agent.
    pub agent: AgentName,
    /// The agent's own name for the run that this came from.
    pub session: Session,
    /// The action type, as listed in `rules/actions.yaml`.
    pub action: ActionName,
    /// What is acted on: names of files in `targets/`.
    #[serde(default)]
    pub targets: Vec<TargetName>,
    /// The new values of the targets' parameters; null removes one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<ParameterName, Value>,
    /// Why, in the agent's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rationale: String,
    /// What the rationale rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
    /// Anything the executor needs; never part of the score.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Value>,
    /// Present values the proposal relies on: refused when they are no longer so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expects: BTreeMap<ParameterName, Value>,
    /// When the agent made it.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub created_at: DateTime<Utc>,
}

/// A source that the rationale rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Citation {
    /// What it is called.
    pub title: String,
    /// Where it is: an http or https address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Recommendation {
    /// The most targets one recommendation may name.
    pub const MOST_TARGETS: usize = 1_000;
    /// The most parameters one recommendation may change.
    pub const MOST_CHANGES: usize = 64;
    const MOST_CITATIONS: usize = 32;
    const LONGEST_RATIONALE: usize = 10_000;
    const LONGEST_TITLE: usize = 300;
    const LONGEST_URL: usize = 2_000;

    /// Reads and checks a recommendation by itself, without the rules.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place in the file.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, Problems> {
        let read: Self = yaml::read(file, bytes)?;
        let mut problems = read.problems(file);
        if problems.is_empty() {
            Ok(read)
        } else {
            yaml::place(bytes, &mut problems);
            Err(Problems(problems))
        }
    }

    /// As [`Recommendation::read`], for what is proposed now: a new value that is left empty was forgotten, and does
    /// not remove the parameter. Records are read without this.
    ///
    /// # Errors
    /// As [`Recommendation::read`].
    pub fn read_proposed(file: &str, bytes: &[u8]) -> Result<Self, Problems> {
        let read = Self::read(file, bytes)?;
        if !read.changes.values().any(Value::is_null) {
            return Ok(read);
        }
        let empty = yaml::empty_values(bytes, "changes");
        let mut problems: Vec<Problem> = empty
            .iter()
            .map(|name| {
                Problem::of_key(
                    file,
                    format!("changes.{name}"),
                    "the value is empty: write it, or `null` if the parameter is to be removed",
                )
            })
            .collect();
        if problems.is_empty() {
            return Ok(read);
        }
        yaml::place(bytes, &mut problems);
        Err(Problems(problems))
    }

    /// Its name in the folder of its case.
    pub const FILE: &str = "recommendation.yaml";

    /// Where the document of this id belongs in the repository.
    pub fn path_of(id: CaseId) -> String {
        format!("recommendations/{}/{}", id.folder(), Self::FILE)
    }

    fn problems(&self, file: &str) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut say = |key: &str, message: String| found.push(Problem::of_key(file, key, message));
        let unique: BTreeSet<_> = self.targets.iter().collect();
        if unique.len() != self.targets.len() {
            say(
                "targets",
                "a target is named twice: name each once".to_owned(),
            );
        }
        let limits = [
            ("targets", self.targets.len(), Self::MOST_TARGETS),
            ("changes", self.changes.len(), Self::MOST_CHANGES),
            ("expects", self.expects.len(), Self::MOST_CHANGES),
            ("citations", self.citations.len(), Self::MOST_CITATIONS),
        ];
        for (key, count, most) in limits {
            if count > most {
                say(
                    key,
                    format!(
                        "{count} entries are too many: at most {most}; split the recommendation"
                    ),
                );
            }
        }
        if self.rationale.chars().count() > Self::LONGEST_RATIONALE {
            say(
                "rationale",
                format!(
                    "too long: at most {} characters; put the rest behind a citation",
                    Self::LONGEST_RATIONALE
                ),
            );
        }
        for (index, citation) in self.citations.iter().enumerate() {
            if citation.title.is_empty() || citation.title.chars().count() > Self::LONGEST_TITLE {
                say(
                    &format!("citations[{index}].title"),
                    format!("expected 1 to {} characters", Self::LONGEST_TITLE),
                );
            }
            let good = |url: &str| {
                (url.starts_with("https://") || url.starts_with("http://"))
                    && url.len() <= Self::LONGEST_URL
                    && !url.chars().any(|c| c.is_whitespace() || c.is_control())
            };
            if citation.url.as_deref().is_some_and(|url| !good(url)) {
                say(
                    &format!("citations[{index}].url"),
                    "expected an http or https address without spaces".to_owned(),
                );
            }
        }
        found
    }
}
