//! Where the facts come from: each kind is gathered from the agent's cases by itself.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Fact, Range};
use crate::domain::documents::{RejectionCategory, Status, time};
use crate::domain::ids::ParameterName;
use crate::domain::level::{Level, Score};
use crate::insight::case_documents::{CaseDocuments, Documents, find};
use crate::insight::metrics::Tally;
use crate::insight::{Case, InternedName};

/// So many of each kind of fact are told.
const MOST_OF_A_KIND: usize = 5;

/// All facts, the most useful first; `newest` are those of the cases whose documents were asked for.
pub(super) fn all(cases: &[&Case], newest: &[&Case], documents: &Documents) -> Vec<Fact> {
    let mut facts = Vec::new();
    facts.extend(amendments(newest, documents));
    facts.extend(record(cases));
    facts.extend(rejections(cases, documents));
    facts.extend(values(newest, documents));
    facts.extend(triggers(cases, documents));
    facts.extend(failures(cases, documents));
    facts.extend(feedback(newest, documents));
    facts.extend(passes(cases));
    facts
}

fn record(cases: &[&Case]) -> Option<Fact> {
    let mut tally = Tally::default();
    cases.iter().for_each(|case| tally.add(case));
    (tally.cases > 0).then(|| Fact::Record {
        approved: tally.approval.count - tally.automatic.count,
        automatic: tally.automatic.count,
        rejected: tally.rejection.count,
        dropped: tally.approval.of - tally.approval.count - tally.rejection.count,
        successes: tally.success.count,
        failures: tally.success.of - tally.success.count,
    })
}

/// What people approved of one parameter, where one action changes it.
#[derive(Debug, Default)]
struct Amendments {
    lowered: u32,
    left_out: u32,
    of: u32,
    numbers: Vec<Decimal>,
}

impl Amendments {
    fn mean(&self) -> Option<String> {
        let sum: Decimal = self.numbers.iter().sum();
        let mean = sum.checked_div(Decimal::from(self.numbers.len()))?;
        Some(mean.round_dp(2).normalize().to_string())
    }
}

/// What people lower or leave out, the most often first.
fn amendments(cases: &[&Case], documents: &Documents) -> Vec<Fact> {
    let mut groups: BTreeMap<(&InternedName, &ParameterName, Option<&str>), Amendments> =
        BTreeMap::new();
    for case in cases {
        let found = find(case, documents);
        let decision = found.and_then(|found| found.decision.as_ref());
        let decision = decision.filter(|decision| decision.status == Status::Approved);
        let (Some(action), Some(decision), Some(changes)) = (
            &case.action,
            decision,
            found.and_then(CaseDocuments::changes),
        ) else {
            continue;
        };
        let mut factors = decision.risk.factors.iter();
        let environment = factors.find(|factor| factor.name == "environment");
        let environment = environment.map(|factor| factor.input.as_str());
        let edits = decision
            .amendment
            .as_ref()
            .map(|amendment| &amendment.edits);
        for parameter in changes.keys() {
            let group = groups.entry((action, parameter, environment)).or_default();
            group.of += 1;
            let Some(edits) = edits else { continue };
            group.left_out += u32::from(edits.without_parameters.contains(parameter));
            if let Some(value) = edits.set.get(parameter) {
                group.lowered += 1;
                group.numbers.extend(value.number());
            }
        }
    }
    let mut groups: Vec<_> = groups
        .into_iter()
        .filter(|(_, group)| group.lowered + group.left_out > 0)
        .collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.lowered + group.left_out));
    let fact = |((action, parameter, environment), group): (
        (&InternedName, &ParameterName, Option<&str>),
        Amendments,
    )| Fact::Amended {
        action: action.clone(),
        parameter: parameter.clone(),
        environment: environment.map(str::to_owned),
        lowered: group.lowered,
        left_out: group.left_out,
        of: group.of,
        mean: group.mean(),
    };
    groups.into_iter().take(MOST_OF_A_KIND).map(fact).collect()
}

fn told(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn rejections(cases: &[&Case], documents: &Documents) -> Vec<Fact> {
    let mut groups: BTreeMap<(&InternedName, Option<RejectionCategory>), Vec<&Case>> =
        BTreeMap::new();
    for case in cases.iter().filter(|case| case.is_rejected()) {
        if let Some(action) = &case.action {
            groups
                .entry((action, case.category))
                .or_default()
                .push(case);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, cases)| std::cmp::Reverse(cases.len()));
    let fact = |((action, category), cases): ((&InternedName, _), Vec<&Case>)| {
        let newest = cases.last().and_then(|case| find(case, documents));
        Fact::Rejected {
            action: action.clone(),
            category,
            times: u32::try_from(cases.len()).unwrap_or(u32::MAX),
            words: newest.and_then(CaseDocuments::reason).map(str::to_owned),
            changes: newest.and_then(|found| told(found.changes_in_words())),
        }
    };
    groups.into_iter().take(MOST_OF_A_KIND).map(fact).collect()
}

#[derive(Debug, Clone, Copy)]
struct Numbers {
    least: Decimal,
    greatest: Decimal,
    times: u32,
    rejected: u32,
}

/// Numbers only say something about the place that they were for: what is LOW on paper is not LOW in production.
/// Cases in which a trigger fired say nothing about the number.
fn values(cases: &[&Case], documents: &Documents) -> Vec<Fact> {
    let mut groups: BTreeMap<(&ParameterName, Option<&InternedName>), BTreeMap<Level, Numbers>> =
        BTreeMap::new();
    for case in cases.iter().filter(|case| case.triggers.is_empty()) {
        let target = match &*case.targets {
            [only] => Some(only),
            _ => None,
        };
        let (Some(found), Some(level)) = (find(case, documents), case.level) else {
            continue;
        };
        let Some(changes) = found.changes().filter(|changes| changes.len() == 1) else {
            continue;
        };
        for (parameter, value) in changes {
            let Some(number) = value.number() else {
                continue;
            };
            let levels = groups.entry((parameter, target)).or_default();
            let numbers = levels.entry(level).or_insert(Numbers {
                least: number,
                greatest: number,
                times: 0,
                rejected: 0,
            });
            numbers.least = numbers.least.min(number);
            numbers.greatest = numbers.greatest.max(number);
            numbers.times += 1;
            numbers.rejected += u32::from(case.is_rejected());
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, levels)| {
        std::cmp::Reverse(levels.values().map(|numbers| numbers.times).sum::<u32>())
    });
    let fact = |((parameter, target), levels): (
        (&ParameterName, Option<&InternedName>),
        BTreeMap<_, _>,
    )| {
        Fact::Values {
            parameter: parameter.clone(),
            target: target.cloned(),
            levels: levels
                .into_iter()
                .map(|(level, numbers)| range(level, numbers))
                .collect(),
        }
    };
    groups.into_iter().take(MOST_OF_A_KIND).map(fact).collect()
}

fn range(level: Level, numbers: Numbers) -> Range {
    Range {
        level,
        least: numbers.least.normalize().to_string(),
        greatest: numbers.greatest.normalize().to_string(),
        times: numbers.times,
        rejected: numbers.rejected,
    }
}

fn triggers(cases: &[&Case], documents: &Documents) -> Vec<Fact> {
    let mut counts: BTreeMap<&InternedName, (u32, u32, Option<String>)> = BTreeMap::new();
    for case in cases {
        for id in &case.triggers {
            let (times, rejected, reason) = counts.entry(id).or_default();
            *times += 1;
            *rejected += u32::from(case.is_rejected());
            let decision = find(case, documents).and_then(|found| found.decision.as_ref());
            let fired = decision
                .into_iter()
                .flat_map(|decision| &decision.risk.triggers);
            let mut why = fired.filter(|fired| *id == *fired.id.as_str());
            *reason = why
                .next()
                .map(|fired| fired.reason.clone())
                .or(reason.take());
        }
    }
    let mut facts: Vec<_> = counts.into_iter().collect();
    facts.sort_by_key(|(_, (times, _, _))| std::cmp::Reverse(*times));
    let fact = |(id, (times, rejected, reason)): (&InternedName, _)| Fact::Trigger {
        id: id.clone(),
        times,
        rejected,
        reason,
    };
    facts.into_iter().take(MOST_OF_A_KIND).map(fact).collect()
}

fn failures(cases: &[&Case], documents: &Documents) -> Vec<Fact> {
    let newest = cases.iter().rev();
    let failed = newest.filter(|case| case.success() == Some(false));
    let fact = |case: &&Case| {
        let found = find(case, documents);
        Some(Fact::Failed {
            action: case.action.clone()?,
            changes: found.and_then(|found| told(found.changes_in_words())),
            error: found.and_then(CaseDocuments::error).map(str::to_owned),
        })
    };
    failed.take(3).filter_map(fact).collect()
}

fn feedback(cases: &[&Case], documents: &Documents) -> Vec<Fact> {
    let mut said = Vec::new();
    for case in cases.iter().filter(|case| case.feedback > 0) {
        let found = find(case, documents).into_iter();
        said.extend(
            found
                .flat_map(|found| &found.feedback)
                .map(|said| (*case, said)),
        );
    }
    said.sort_by_key(|(_, feedback)| std::cmp::Reverse(time::text(&feedback.at)));
    said.into_iter()
        .take(MOST_OF_A_KIND)
        .map(|(case, feedback)| Fact::Feedback {
            by: feedback.by.to_string(),
            action: case.action.clone(),
            words: feedback.message.clone(),
        })
        .collect()
}

fn passes(cases: &[&Case]) -> Vec<Fact> {
    let mut counts: BTreeMap<&InternedName, (u32, Score)> = BTreeMap::new();
    let automatic = cases
        .iter()
        .filter(|case| case.standing.status() == Some(Status::AutoApproved));
    for case in automatic.filter(|case| case.level == Some(Level::Low)) {
        if let (Some(action), Some(score)) = (&case.action, case.score) {
            let (times, highest) = counts.entry(action).or_default();
            *times += 1;
            *highest = score.max(*highest);
        }
    }
    let mut facts: Vec<_> = counts.into_iter().collect();
    facts.sort_by_key(|(_, (times, _))| std::cmp::Reverse(*times));
    let fact = |(action, (times, highest)): (&InternedName, _)| Fact::Passes {
        action: action.clone(),
        times,
        highest,
    };
    facts.into_iter().take(MOST_OF_A_KIND).map(fact).collect()
}
