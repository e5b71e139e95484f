//! Whom the rules ask beside the level, and how far they have approved.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::documents::{Assessment, CountedApproval, GroupAsk, Requirement, Role, RuleAsk};
use crate::domain::ids::{GroupName, TriggerId};
use crate::rules::Rules;
use crate::rules::governance::Governance;
use crate::rules::people::{People, Person, PersonName};

/// What a rule that fired asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AskInForce {
    pub rule: TriggerId,
    pub ask: RuleAsk,
}

/// What a rule asks for, and how far that is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskStatus {
    pub rule: TriggerId,
    pub ask: RuleAsk,
    /// What is missing of the alternative that misses least; empty: it is met.
    pub missing: Vec<GroupAsk>,
    /// Whose approval would count for it, where they are known by name.
    pub eligible: Vec<PersonName>,
}

impl AskStatus {
    pub const fn is_met(&self) -> bool {
        self.missing.is_empty()
    }
}

/// What the rules that fired ask for. What takes the place of the level's approvals asks for no less than those.
/// `level` is what those ask for.
pub fn in_force(
    assessment: &Assessment,
    level: Requirement,
    governance: &Governance,
) -> Vec<AskInForce> {
    if !governance.mode.asks_people() {
        return Vec::new();
    }
    let asks = assessment.triggers.iter().filter_map(|fired| {
        let mut ask = fired.ask.clone()?;
        if ask.instead && level.role > Role::None {
            ask.any_of
                .iter_mut()
                .for_each(|parts| raise_to(parts, level));
        }
        Some(AskInForce {
            rule: fired.id.clone(),
            ask,
        })
    });
    asks.collect()
}

fn raise_to(parts: &mut [GroupAsk], level: Requirement) {
    let all: u32 = parts.iter().map(|part| part.approvals).sum();
    if let Some(first) = parts.first_mut() {
        first.approvals = first
            .approvals
            .saturating_add(level.approvals.saturating_sub(all));
    }
    for part in parts {
        part.justification |= level.justification;
    }
}

/// Whether an approval is enough for a part of what a rule asks for.
pub fn counts_for(
    part: &GroupAsk,
    person: &Person,
    justification: Option<&str>,
    governance: &Governance,
) -> bool {
    let is_justified = || governance.is_justification(justification.unwrap_or_default());
    People::is_in(person, &part.from) && (!part.justification || is_justified())
}

/// The groups that are asked, each once.
pub fn groups(asks: &[AskInForce]) -> Vec<&GroupName> {
    let parts = asks
        .iter()
        .flat_map(|asked| asked.ask.any_of.iter().flatten());
    let mut groups: Vec<&GroupName> = parts.map(|part| &part.from).collect();
    groups.sort();
    groups.dedup();
    groups
}

/// How far each is met by these approvals; `may` says whose approval could still count.
pub fn statuses(
    asks: Vec<AskInForce>,
    approvals: &[CountedApproval],
    rules: &Rules,
    may: impl Fn(&Person) -> bool,
) -> Vec<AskStatus> {
    let asks = asks.into_iter().map(|AskInForce { rule, ask }| {
        let missing = ask
            .any_of
            .iter()
            .map(|parts| missing_of(parts, approvals, rules))
            .min_by_key(|parts| parts.iter().map(|part| part.approvals).sum::<u32>());
        let missing = missing.unwrap_or_default();
        let has_approved = |person: &Person| {
            approvals
                .iter()
                .any(|given| given.by == *person.name.login())
        };
        let mut eligible: Vec<PersonName> = Vec::new();
        if !missing.is_empty() {
            let groups = ask.any_of.iter().flatten().map(|part| &part.from);
            let people = groups.flat_map(|group| rules.people.members(group));
            let people = people.filter(|person| !has_approved(person) && may(person));
            eligible.extend(people.map(|person| person.name.clone()));
            eligible.sort();
            eligible.dedup();
        }
        AskStatus {
            rule,
            ask,
            missing,
            eligible,
        }
    });
    asks.collect()
}

fn missing_of(parts: &[GroupAsk], approvals: &[CountedApproval], rules: &Rules) -> Vec<GroupAsk> {
    let missing = parts.iter().filter_map(|part| {
        let given = approvals.iter().filter(|approval| {
            let person = rules.people.find(&approval.by);
            let justification = approval.justification.as_deref();
            person.is_some_and(|person| counts_for(part, person, justification, &rules.governance))
        });
        let given = u32::try_from(given.count()).unwrap_or(u32::MAX);
        let left = part.approvals.saturating_sub(given);
        (left > 0).then(|| GroupAsk {
            approvals: left,
            ..part.clone()
        })
    });
    missing.collect()
}
