//! The monthly review as the framework asks it: how agents develop, whether scores foretell outcomes,
//! how well the approvals flow, and what could be automated.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use foldhash::fast::RandomState;
use serde::Serialize;

use super::{Agents, Calibration, Scope};
use crate::domain::documents::Status;
use crate::domain::level::{Level, Score};
use crate::domain::page::{Line, Page, name, say};
use crate::insight::metrics::{quantile, waits};
use crate::insight::{Case, Index, InternedName, Proportion};

/// Fewer decisions of people than these are no pattern.
const LEAST_DECISIONS: u32 = 10;
/// An opportunity is something of which, with 95 % confidence, people approve at least this part.
const LEAST_APPROVAL: f64 = 0.7;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Month {
    /// Approved of decided.
    pub approval: Proportion,
    /// The same in the time before; none if there is no such time.
    pub approval_before: Option<Proportion>,
    pub agents: Vec<Development>,
    pub calibration: Calibration,
    pub workflow: Workflow,
    /// What people always approve and what never fails: opportunities for automation.
    pub opportunities: Vec<Opportunity>,
    /// What the bot approved alone and what failed: automation that went too far.
    pub second_thoughts: Vec<SecondThought>,
}

/// How an agent fares now and before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Development {
    pub agent: InternedName,
    /// Approved of decided.
    pub approval: Proportion,
    /// The same in the time before.
    pub approval_before: Proportion,
    /// Successful of executed.
    pub success: Proportion,
    /// The same in the time before.
    pub success_before: Proportion,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workflow {
    /// Decided by the bot alone, of all decided.
    pub automatic: Proportion,
    /// Decisions of people.
    pub by_people: usize,
    /// Half of those were made within so many minutes of the pull request.
    pub median_minutes: Option<i64>,
    /// Nine of ten within so many.
    pub p90_minutes: Option<i64>,
    /// Expired because nobody decided.
    pub expired: u32,
    /// Withdrawn by their author.
    pub withdrawn: u32,
    /// Decisions by person, the busiest first.
    pub people: Vec<(InternedName, u32)>,
}

/// An action of an agent that might be LOW.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opportunity {
    pub agent: InternedName,
    pub action: InternedName,
    /// Approved of those that people decided.
    pub approval: Proportion,
    /// Successful of executed.
    pub success: Proportion,
    /// The highest score among them.
    pub highest: Score,
}

/// An action of an agent that the bot approves alone and that fails.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SecondThought {
    pub agent: InternedName,
    pub action: InternedName,
    /// Failed of executed.
    pub failure: Proportion,
}

impl Month {
    pub fn of(index: &Index, scope: &Scope) -> Self {
        let decided: Vec<&Case> = scope.decided(index).collect();
        let before = scope.before();
        let approved = |scope: &Scope| {
            let mut share = Proportion::default();
            let cases = scope.decided(index);
            cases.for_each(|case| share.add(case.is_approved()));
            share
        };
        Self {
            approval: approved(scope),
            approval_before: before.as_ref().map(approved),
            agents: develop(index, scope, before.as_ref()),
            calibration: Calibration::of(decided.iter().copied()),
            workflow: Workflow::of(&decided),
            opportunities: opportunities(index, &decided),
            second_thoughts: second_thoughts(&decided),
        }
    }

    pub(super) fn put(&self, page: &mut Page) {
        let before = self
            .approval_before
            .map(|before| format!("; in the time before {}", before.in_words()));
        page.text(format!(
            "{} of the decided recommendations were approved{}.",
            self.approval.in_words(),
            before.unwrap_or_default()
        ));
        page.section("Agent performance trends");
        if self.agents.is_empty() {
            page.text("No agent proposed anything.");
        }
        let cells = |share: Proportion| say(share.percent()).say(format_args!(" of {}", share.of));
        let rows = self.agents.iter().map(|row| {
            vec![
                name(&row.agent),
                cells(row.approval_before),
                cells(row.approval),
                cells(row.success_before),
                cells(row.success),
                say(row.in_words()),
            ]
        });
        let header = [
            "agent",
            "approved before",
            "approved",
            "successful before",
            "successful",
            "clear change",
        ];
        page.table(&header, rows.collect());
        page.section("Risk score accuracy");
        self.calibration.put(page);
        page.section("Approval workflow efficiency");
        self.workflow.put(page);
        self.put_automation(page);
    }

    fn put_automation(&self, page: &mut Page) {
        page.section("Opportunities for automation");
        if self.opportunities.is_empty() {
            page.text(format!("None: no MEDIUM action of an agent was decided by people {LEAST_DECISIONS} times or more, nearly always with a yes and never with a failure, without a trigger or the most exposed environment, scope or reversibility."));
        }
        let found = self.opportunities.iter();
        page.list(found.map(Opportunity::in_words).collect());
        if !self.second_thoughts.is_empty() {
            page.section("Automatic approvals that failed");
            let found = self.second_thoughts.iter();
            page.list(
                found
                    .map(|row| {
                        let what = name(&row.agent)
                            .say(": ")
                            .name(&row.action)
                            .say(" failed in ");
                        what.say(row.failure.in_words())
                            .say(" executions that nobody looked at before")
                    })
                    .collect(),
            );
        }
    }
}

fn develop(index: &Index, scope: &Scope, before: Option<&Scope>) -> Vec<Development> {
    let now = Agents::of(index, scope).agents.into_iter();
    let before: BTreeMap<InternedName, _> = before
        .map(|before| Agents::of(index, before).agents)
        .into_iter()
        .flatten()
        .map(|row| (row.figures.agent.clone(), row.figures))
        .collect();
    now.map(|row| {
        let earlier = before.get(&row.figures.agent);
        Development {
            approval_before: earlier.map_or_else(Proportion::default, |figures| figures.approval),
            success_before: earlier.map_or_else(Proportion::default, |figures| figures.success),
            approval: row.figures.approval,
            success: row.figures.success,
            agent: row.figures.agent,
        }
    })
    .collect()
}

impl Development {
    /// Only what chance does not explain.
    fn in_words(&self) -> &'static str {
        let apart = |now: Proportion, before: Proportion| match (now.interval(), before.interval())
        {
            (Some((low, _)), Some((_, high))) if high < low => Some(true),
            (Some((_, high)), Some((low, _))) if high < low => Some(false),
            _ => None,
        };
        match (
            apart(self.approval, self.approval_before),
            apart(self.success, self.success_before),
        ) {
            (Some(true), None | Some(true)) | (None, Some(true)) => "better",
            (Some(false), None | Some(false)) | (None, Some(false)) => "worse",
            (None, None) => "none",
            _ => "mixed",
        }
    }
}

impl Workflow {
    fn of(decided: &[&Case]) -> Self {
        let mut automatic = Proportion::default();
        let (mut expired, mut withdrawn) = (0, 0);
        let mut people: BTreeMap<&InternedName, u32> = BTreeMap::new();
        for case in decided {
            let status = case.standing.status();
            automatic.add(status.is_some_and(Status::is_automatic));
            expired += u32::from(status == Some(Status::Expired));
            withdrawn += u32::from(status == Some(Status::Withdrawn));
            for person in case.deciders() {
                *people.entry(person).or_default() += 1;
            }
        }
        let waits = waits(decided);
        let minutes = |part| quantile(&waits, part).map(|wait: TimeDelta| wait.num_minutes());
        let mut people: Vec<(InternedName, u32)> = people
            .into_iter()
            .map(|(person, count)| (person.clone(), count))
            .collect();
        people.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self {
            automatic,
            by_people: waits.len(),
            median_minutes: minutes(0.5),
            p90_minutes: minutes(0.9),
            expired,
            withdrawn,
            people,
        }
    }

    fn put(&self, page: &mut Page) {
        page.text(format!(
            "The bot alone decided {}. {} expired because nobody decided, {} were withdrawn.",
            self.automatic.in_words(),
            self.expired,
            self.withdrawn
        ));
        if let (Some(median), Some(p90)) = (self.median_minutes, self.p90_minutes) {
            page.text(format!(
                "People decided {}: half of them within {}, nine of ten within {}.",
                self.by_people,
                duration(median),
                duration(p90)
            ));
        }
        let people = self.people.iter();
        page.list(
            people
                .map(|(person, count)| name(person).say(": ").say(count).say(" decisions"))
                .collect(),
        );
    }
}

impl Opportunity {
    fn in_words(&self) -> Line {
        name(&self.agent)
            .say(": ")
            .name(&self.action)
            .say(format_args!(
                ": people approved {}, {} succeeded, the highest score was {}. Rules that made it LOW would spare their time",
                self.approval.in_words(),
                self.success.in_words(),
                self.highest
            ))
    }
}

/// `3 days 4 h`, `2 h 5 min`, `7 min`.
pub(super) fn duration(minutes: i64) -> String {
    let (hours, days) = (minutes / 60, minutes / (60 * 24));
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} days {} h", hours % 24),
    }
}

/// MEDIUM actions that people always approve, that never fail, and that are none of the framework's bad candidates:
/// no trigger, and neither the most exposed environment nor bulk nor irreversible, as far as the trail has ever seen
/// these.
fn opportunities(index: &Index, decided: &[&Case]) -> Vec<Opportunity> {
    let candidates = decided
        .iter()
        .filter(|case| case.level == Some(Level::Medium) && case.deciders().next().is_some());
    let candidates: Vec<&Case> = candidates.copied().collect();
    let mut most: HashMap<&InternedName, Score, RandomState> = HashMap::default();
    if !candidates.is_empty() {
        for share in index.cases().iter().flat_map(|case| &case.factors) {
            let known = most.entry(&share.name).or_default();
            *known = share.contribution.max(*known);
        }
    }
    let is_exposed = |case: &Case| {
        !case.triggers.is_empty()
            || case.factors.is_empty()
            || case.factors.iter().any(|share| {
                let is_fixed =
                    ["environment", "scope", "reversibility"].contains(&share.name.as_str());
                is_fixed
                    && share.contribution > Score::ZERO
                    && most.get(&share.name) == Some(&share.contribution)
            })
    };
    let mut groups: BTreeMap<(&InternedName, &InternedName), (Proportion, Proportion, Score)> =
        BTreeMap::new();
    for case in candidates.into_iter().filter(|case| !is_exposed(case)) {
        let (Some(agent), Some(action), Some(score)) = (&case.agent, &case.action, case.score)
        else {
            continue;
        };
        let (approval, success, highest) = groups.entry((agent, action)).or_default();
        approval.add(case.is_approved());
        if let Some(succeeded) = case.success() {
            success.add(succeeded);
        }
        *highest = score.max(*highest);
    }
    let is_good = |(approval, success): (Proportion, Proportion)| {
        approval.of >= LEAST_DECISIONS
            && approval
                .interval()
                .is_some_and(|(low, _)| low >= LEAST_APPROVAL)
            && success.count == success.of
    };
    let mut found: Vec<Opportunity> = groups
        .into_iter()
        .filter(|(_, (approval, success, _))| is_good((*approval, *success)))
        .map(
            |((agent, action), (approval, success, highest))| Opportunity {
                agent: agent.clone(),
                action: action.clone(),
                approval,
                success,
                highest,
            },
        )
        .collect();
    found.sort_by_key(|row| std::cmp::Reverse(row.approval.of));
    found
}

fn second_thoughts(decided: &[&Case]) -> Vec<SecondThought> {
    let mut groups: BTreeMap<(&InternedName, &InternedName), Proportion> = BTreeMap::new();
    let automatic = decided
        .iter()
        .filter(|case| case.standing.status().is_some_and(Status::is_automatic));
    for case in automatic {
        if let (Some(agent), Some(action), Some(success)) =
            (&case.agent, &case.action, case.success())
        {
            groups.entry((agent, action)).or_default().add(!success);
        }
    }
    let failed = groups.into_iter().filter(|(_, failure)| failure.count > 0);
    let mut found: Vec<SecondThought> = failed
        .map(|((agent, action), failure)| SecondThought {
            agent: agent.clone(),
            action: action.clone(),
            failure,
        })
        .collect();
    found.sort_by_key(|row| std::cmp::Reverse(row.failure.count));
    found
}
