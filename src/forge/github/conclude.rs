//! The end of a pull request on GitHub, told once `main` has moved: the check's last word, and for what was
//! not approved the closing.

use chrono::{DateTime, Utc};

use super::client::Method;
use super::pull_cache::TrackedPull;
use super::{GithubForge, Result, read};
use crate::domain::pull::PullState;
use crate::forge::Conclusion;

impl GithubForge {
    /// What is known of these pull requests now.
    pub(super) fn tracked(&self, conclusions: &[Conclusion]) -> Vec<TrackedPull> {
        let pull_cache = self.pull_cache();
        let ends = conclusions.iter();
        ends.filter_map(|end| pull_cache.pulls.get(&end.number).cloned())
            .collect()
    }

    /// Ends pull requests on GitHub. Everything is tried; what fails is owed, and said at the end of the run.
    /// `known` is what was known of them before they were merged: by now their webhooks may have taken them
    /// from the cache.
    pub(super) fn conclude(
        &self,
        conclusions: Vec<Conclusion>,
        known: &[TrackedPull],
        now: DateTime<Utc>,
    ) {
        for conclusion in conclusions {
            let number = conclusion.number;
            let before = known.iter().find(|tracked| tracked.pull.number == number);
            let Err(error) = self.conclude_one(&conclusion, before) else {
                self.pull_cache().end(number, now);
                continue;
            };
            self.note_untold(number, error);
            let mut pull_cache = self.pull_cache();
            if let Some(tracked) = pull_cache.pulls.get_mut(&number) {
                tracked.pull.state = PullState::Done;
            }
            pull_cache.owed.push(conclusion);
        }
    }

    fn conclude_one(&self, conclusion: &Conclusion, before: Option<&TrackedPull>) -> Result<()> {
        let Conclusion { number, report, .. } = conclusion;
        let client = &self.shared.client;
        let known = self.pull_cache().pulls.get(number).cloned();
        let known = known.or_else(|| before.cloned());
        let Some(mut tracked) =
            known.map_or_else(|| read::one(client, *number), |tracked| Ok(Some(tracked)))?
        else {
            return Ok(());
        };
        let told = self.shared.publisher.tell(client, &mut tracked, report);
        self.keep_said(&tracked);
        told?;
        let is_left_open = !conclusion.status.is_approval() || tracked.is_overlooked;
        if is_left_open && tracked.pull.state == PullState::Open {
            let path = client.path(&format!("/pulls/{}", number.0));
            client.write(
                Method::Patch,
                &path,
                &serde_json::json!({ "state": "closed" }),
            )?;
        }
        Ok(())
    }
}
