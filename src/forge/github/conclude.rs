//! The end of a pull request on GitHub, told once `main` has moved: the check's last word, and for what was
//! not approved the closing.

use chrono::{DateTime, Utc};

use super::client::Method;
use super::desk::Held;
use super::{GithubForge, Result, read};
use crate::domain::pull::PullState;
use crate::forge::Conclusion;

impl GithubForge {
    /// What is known of these pull requests now.
    pub(super) fn held(&self, conclusions: &[Conclusion]) -> Vec<Held> {
        let desk = self.desk();
        let ends = conclusions.iter();
        ends.filter_map(|end| desk.pulls.get(&end.number).cloned())
            .collect()
    }

    /// Ends pull requests on GitHub. Everything is tried; what fails is owed, and said at the end of the run.
    /// `known` is what was known of them before they were merged: by now their webhooks may have taken them
    /// from the desk.
    pub(super) fn conclude(
        &self,
        conclusions: Vec<Conclusion>,
        known: &[Held],
        now: DateTime<Utc>,
    ) {
        for conclusion in conclusions {
            let number = conclusion.number;
            let before = known.iter().find(|held| held.pull.number == number);
            let Err(error) = self.conclude_one(&conclusion, before) else {
                self.desk().end(number, now);
                continue;
            };
            self.note_untold(number, error);
            let mut desk = self.desk();
            if let Some(held) = desk.pulls.get_mut(&number) {
                held.pull.state = PullState::Done;
            }
            desk.owed.push(conclusion);
        }
    }

    fn conclude_one(&self, conclusion: &Conclusion, before: Option<&Held>) -> Result<()> {
        let Conclusion { number, report, .. } = conclusion;
        let client = &self.room.client;
        let known = self.desk().pulls.get(number).cloned();
        let known = known.or_else(|| before.cloned());
        let Some(mut held) =
            known.map_or_else(|| read::one(client, *number), |held| Ok(Some(held)))?
        else {
            return Ok(());
        };
        let told = self.room.teller.tell(client, &mut held, report);
        self.keep_said(&held);
        told?;
        let is_left_open = !conclusion.status.is_approval() || held.is_overlooked;
        if is_left_open && held.pull.state == PullState::Open {
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
