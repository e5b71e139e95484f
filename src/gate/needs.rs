//! What a case still needs and from whom, in words: the same in the check, the comment, the terminal and on the
//! dashboard.

use std::collections::BTreeSet;

use super::asks::AskStatus;
use super::verdict::{GateResult, Verdict};
use crate::domain::documents::{GrantRecord, Requirement, Role};
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

/// The approvals that rules ask for, each with the rule: `1 approval from payments (payments_owner)`.
fn of_rules(asks: &[AskStatus], parts: impl Fn(&AskStatus) -> Option<String>) -> Vec<String> {
    let said = asks.iter().filter_map(|asked| {
        let needed = parts(asked)?;
        Some(format!("{needed} ({})", asked.rule))
    });
    said.collect()
}

fn joined(level: Option<String>, rules: Vec<String>) -> String {
    let all: Vec<String> = level.into_iter().chain(rules).collect();
    all.join("; ")
}

impl GateResult {
    /// What its level asks for, unless a grant stands in for it.
    pub fn asked(&self) -> Requirement {
        let is_granted = self.grant.as_ref().is_some_and(GrantRecord::is_granted);
        match is_granted {
            true => Requirement::NOBODY,
            false => self.required,
        }
    }

    /// Everything that it needs, whether given or not.
    pub fn needed(&self) -> String {
        let level = approvals(self.required, self.required.approvals);
        let rules = of_rules(&self.asks, |asked| Some(asked.ask.to_string()));
        let is_asked_by_level = self.required.role > Role::None || rules.is_empty();
        joined(is_asked_by_level.then_some(level), rules)
    }

    /// What is still needed while it waits; nothing where no approval is missing.
    pub fn still_needed(&self) -> Option<String> {
        let Verdict::Wait(wait) = &self.verdict else {
            return None;
        };
        if wait.missing == 0 && self.asks.iter().all(AskStatus::is_met) {
            return None;
        }
        if let Some(reason) = &wait.unattributed {
            return Some(format!(
                "a new head, because no approval counts for this one: {reason}"
            ));
        }
        let level = (wait.missing > 0).then(|| approvals(self.required, wait.missing));
        let rules = of_rules(&self.asks, |asked| {
            let is_single = asked.ask.any_of.len() == 1;
            match (asked.is_met(), is_single) {
                (true, _) => None,
                (false, true) => {
                    let parts: Vec<String> =
                        asked.missing.iter().map(ToString::to_string).collect();
                    Some(parts.join(" and "))
                }
                (false, false) => Some(asked.ask.to_string()),
            }
        });
        Some(joined(level, rules))
    }

    /// What it is held by, though nobody's approval is missing any more.
    pub fn held(&self) -> Option<String> {
        let Verdict::Wait(wait) = &self.verdict else {
            return None;
        };
        let held = wait.held_by.iter();
        let held: Vec<String> = held
            .map(|fired| format!("{} ({})", fired.reason, fired.id))
            .collect();
        (!held.is_empty()).then(|| held.join("; "))
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
        let missing = match &self.verdict {
            Verdict::Wait(wait) => wait.missing > 0,
            _ => false,
        };
        let is_asked = missing || self.asks.iter().all(AskStatus::is_met);
        let role = self.required.role;
        let eligible = self.eligible.iter();
        let eligible = eligible.filter(move |(_, held)| is_asked && *held >= role);
        let by_level = eligible.map(|(name, _)| name);
        let by_rules = self.asks.iter().flat_map(|asked| &asked.eligible);
        let all: BTreeSet<&PersonName> = by_level.chain(by_rules).collect();
        all.into_iter()
    }
}
