//! What a case still needs and from whom, in words: the same in the check, the comment, the terminal and on the
//! dashboard.

use super::verdict::{GateResult, Verdict};
use crate::domain::documents::{Requirement, Role};
use crate::rules::people::PersonName;

/// `1 approval by an admin, with a justification`.
pub fn approvals(required: Requirement, count: u32) -> String {
    let who = match (required.role, count) {
        (Role::None, _) => return "no approval".to_owned(),
        (Role::Reviewer, 1) => "1 approval by a reviewer".to_owned(),
        (Role::Admin, 1) => "1 approval by an admin".to_owned(),
        (Role::Reviewer, n) => format!("{n} approvals by different reviewers"),
        (Role::Admin, n) => format!("{n} approvals by different admins"),
    };
    if required.justification {
        format!("{who}, with a justification")
    } else {
        who
    }
}

impl GateResult {
    /// What is still needed while it waits; nothing where no approval is missing.
    pub fn still_needed(&self) -> Option<String> {
        match &self.verdict {
            Verdict::Wait(wait) if wait.missing > 0 => Some(match &wait.unattributed {
                Some(reason) => {
                    format!("a new head, because no approval counts for this one: {reason}")
                }
                None => approvals(self.required, wait.missing),
            }),
            _ => None,
        }
    }

    /// That it has waited too long. What it needs stays the same: the admins are asked as well as the reviewers.
    pub const fn escalation(&self) -> Option<&'static str> {
        match (&self.verdict, self.required.role) {
            (Verdict::Wait(wait), Role::Reviewer) if wait.escalated => {
                Some("It has waited too long for its reviewers, so the admins are asked too.")
            }
            (Verdict::Wait(wait), _) if wait.escalated => Some("It has waited too long."),
            _ => None,
        }
    }

    /// Whose approval would count, where they are known by name.
    pub fn may_approve(&self) -> impl Iterator<Item = &PersonName> {
        let role = self.required.role;
        let eligible = self.eligible.iter();
        eligible
            .filter(move |(_, held)| *held >= role)
            .map(|(name, _)| name)
    }
}
