//! The documents of a case, each read by itself: one that cannot be read hides none of the others.

use serde::de::DeserializeOwned;

use crate::domain::documents::{Claim, Decision, Feedback, Outcome, Recommendation, Rescored};
use crate::domain::ids::{CaseId, Sha};
use crate::domain::yaml;
use crate::git::Repository;
use crate::insight::Case;

/// The documents of a case, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Records {
    pub recommendation: Option<Recommendation>,
    pub decision: Option<Decision>,
    pub rescored: Option<Rescored>,
    pub claim: Option<Claim>,
    pub outcomes: Vec<Outcome>,
    pub feedback: Vec<Feedback>,
    pub problems: Vec<String>,
}

/// A tree to read from.
pub struct TreeReader<'r> {
    pub repo: &'r Repository,
    pub root: Sha,
}

impl TreeReader<'_> {
    /// A document; nothing if there is none, and a problem if it cannot be read.
    pub fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        problems: &mut Vec<String>,
    ) -> anyhow::Result<Option<T>> {
        let Some(bytes) = self.repo.read_path(self.root, path)? else {
            return Ok(None);
        };
        Ok(yaml::read(path, &bytes)
            .map_err(|problem| problems.push(problem.to_string()))
            .ok())
    }

    /// Everything on record about a case.
    pub fn records(&self, case: &Case, id: CaseId) -> anyhow::Result<Records> {
        let mut found = Records::default();
        let problems = &mut found.problems;
        let decision = if case.is_recommendation() {
            Decision::path_of(id)
        } else {
            Decision::governance_path_of(id)
        };
        found.decision = self.read(&decision, problems)?;
        if found.decision.is_none() && problems.is_empty() {
            problems.push(format!(
                "{decision} is not on main: somebody has removed it"
            ));
        }
        if !case.is_recommendation() {
            return Ok(found);
        }
        let before = problems.len();
        found.recommendation = self.read(&Recommendation::path_of(id), problems)?;
        if found.recommendation.is_none() && problems.len() == before {
            problems.push(format!(
                "{} is not on main: somebody has removed it",
                Recommendation::path_of(id)
            ));
        }
        found.rescored = self.read(&Rescored::path_of(id), problems)?;
        found.claim = self.read(&Claim::path_of(id), problems)?;
        // As many as the trail tells of, and no gap ends the search early.
        let attempts = case
            .execution
            .map_or(1, |execution| execution.attempt.max(1));
        for attempt in 1..=attempts.min(100) {
            found
                .outcomes
                .extend(self.read(&Outcome::path_of(id, attempt), problems)?);
        }
        let folder = format!("recommendations/{}/feedback", id.folder());
        for entry in self.repo.objects().list_dir(self.root, &folder)? {
            let path = format!("{folder}/{}", String::from_utf8_lossy(&entry.name));
            found.feedback.extend(self.read(&path, problems)?);
        }
        found
            .feedback
            .sort_by_key(|feedback: &Feedback| (feedback.at, feedback.id));
        Ok(found)
    }
}
