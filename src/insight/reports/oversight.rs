//! Whether people's oversight is any good: how long they take, how closely they look, and what comes of what they approve.
//!
//! From the trail alone. What needs the text of a case (was anything said, could it be read in that time) is told of the
//! newest cases that people decided, as many as are read.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::Scope;
use super::month::duration;
use crate::domain::documents::{Decision, Status};
use crate::domain::ids::CaseId;
use crate::domain::level::Level;
use crate::domain::page::{Line, Page, name, say};
use crate::domain::review::Confidence;
use crate::insight::case_documents::{self, CaseDocuments, Documents};
use crate::insight::metrics::quantile;
use crate::insight::{Case, Index, Proportion};

/// Of so many of the newest cases the documents are read.
const MOST_READ: usize = 500;
/// Fast readers take in so many words a minute.
const WORDS_A_MINUTE: usize = 400;
/// A share of which less is known says nothing to act on.
const FEWEST: u32 = 10;

/// How people decide.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Oversight {
    /// Cases that people approved or rejected.
    pub decided_by_people: u32,
    /// Of so many of them the texts were read.
    pub texts_read: u32,
    /// How long each level took.
    pub levels: Vec<LevelTimes>,
    /// Whoever decided something, the busiest first.
    pub people: Vec<PersonRow>,
    pub measures: Vec<Measure>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelTimes {
    pub level: Level,
    pub decided: u32,
    /// From the pull request's opening to the decision.
    pub median_minutes: Option<i64>,
    pub p90_minutes: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PersonRow {
    pub person: String,
    pub approved: u32,
    pub rejected: u32,
    pub median_minutes: Option<i64>,
    /// Of the approvals that were read.
    pub without_a_word: Proportion,
    pub faster_than_reading: Proportion,
    /// Of the executed ones that they approved.
    pub failed: Proportion,
}

/// One figure about oversight, and what to do about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    pub name: &'static str,
    pub share: Proportion,
    /// What it is a share of, for people.
    #[serde(skip)]
    said: &'static str,
    /// What to do; none where the figure is as it should be, or says too little.
    pub advice: Option<&'static str>,
}

/// What is known of one person.
#[derive(Default)]
struct Sum {
    approved: u32,
    rejected: u32,
    taken: Vec<TimeDelta>,
    without_a_word: Proportion,
    faster: Proportion,
    failed: Proportion,
}

/// Everything that is counted once.
#[derive(Default)]
struct Counts {
    without_a_word: Proportion,
    faster: Proportion,
    uncertain: Proportion,
    amended: Proportion,
    failed: Proportion,
    high_failed: Proportion,
    failed_alone: Proportion,
    rejected: Proportion,
    expired: Proportion,
}

impl Oversight {
    /// The cases whose texts it looks at: the newest that people decided.
    pub fn quoted(index: &Index, scope: &Scope) -> Vec<CaseId> {
        let decided = scope.decided(index).rev().filter(|case| is_by_people(case));
        decided.take(MOST_READ).filter_map(|case| case.id).collect()
    }

    pub fn of(index: &Index, scope: &Scope, documents: &Documents) -> Self {
        let mut counts = Counts::default();
        let mut people: BTreeMap<String, Sum> = BTreeMap::new();
        let mut times: BTreeMap<Level, Vec<TimeDelta>> = BTreeMap::new();
        let (mut decided_by_people, mut texts_read) = (0, 0);
        for case in scope.decided(index) {
            counts.add(case);
            if !is_by_people(case) {
                continue;
            }
            decided_by_people += 1;
            let taken = time_taken(case);
            if let Some(level) = case.level {
                times.entry(level).or_default().extend(taken);
            }
            for person in case.deciders() {
                let sum = people.entry(person.to_string()).or_default();
                match case.is_approved() {
                    true => sum.approved += 1,
                    false => sum.rejected += 1,
                }
                sum.taken.extend(taken);
                if case.is_approved()
                    && let Some(success) = case.success()
                {
                    sum.failed.add(!success);
                }
            }
            if let Some(documents) = case_documents::find(case, documents) {
                texts_read += 1;
                counts.read(documents, &mut people);
            }
        }
        let levels = times.into_iter().map(|(level, mut taken)| {
            taken.sort_unstable();
            LevelTimes {
                level,
                decided: u32::try_from(taken.len()).unwrap_or(u32::MAX),
                median_minutes: minutes_at(&taken, 0.5),
                p90_minutes: minutes_at(&taken, 0.9),
            }
        });
        let people = people.into_iter();
        let mut people: Vec<PersonRow> = people.map(|(person, sum)| sum.row(person)).collect();
        people.sort_by_key(|row| std::cmp::Reverse(row.approved + row.rejected));
        Self {
            decided_by_people,
            texts_read,
            levels: levels.collect(),
            measures: counts.measures(&people, decided_by_people),
            people,
        }
    }

    pub(super) fn put(&self, page: &mut Page) {
        if self.decided_by_people == 0 {
            page.text("People decided nothing.");
            return;
        }
        page.text(format!(
            "People decided {} cases; the texts of the newest {} of them were read.",
            self.decided_by_people, self.texts_read
        ));
        let time = |minutes: Option<i64>| {
            minutes.map_or_else(|| say("–"), |minutes| say(duration(minutes)))
        };
        let rows = self.levels.iter().map(|row| {
            vec![
                say(row.level),
                say(row.decided),
                time(row.median_minutes),
                time(row.p90_minutes),
            ]
        });
        let header = ["level", "decided by people", "median time", "90 % within"];
        page.table(&header, rows.collect());
        let share = |share: Proportion| match share.of {
            0 => say("–"),
            of => say(share.percent()).say(format_args!(" of {of}")),
        };
        let rows = self.people.iter().map(|row| {
            vec![
                name(&row.person),
                say(row.approved),
                say(row.rejected),
                time(row.median_minutes),
                share(row.without_a_word),
                share(row.faster_than_reading),
                share(row.failed),
            ]
        });
        let header = [
            "person",
            "approved",
            "rejected",
            "median time",
            "without a word",
            "faster than reading",
            "approved and failed",
        ];
        page.table(&header, rows.collect());
        page.list(self.measures.iter().map(Measure::in_words).collect());
    }
}

impl Measure {
    fn in_words(&self) -> Line {
        let line = say(self.share.in_words()).say(format_args!(" {}", self.said));
        let line = match self.share.of {
            0 => line,
            _ => line.say(format_args!(", 95 % interval {}", self.share.range())),
        };
        match self.advice {
            Some(advice) => line.say(format_args!(". {advice}")),
            None => line,
        }
    }
}

impl Sum {
    fn row(mut self, person: String) -> PersonRow {
        self.taken.sort_unstable();
        PersonRow {
            person,
            approved: self.approved,
            rejected: self.rejected,
            median_minutes: minutes_at(&self.taken, 0.5),
            without_a_word: self.without_a_word,
            faster_than_reading: self.faster,
            failed: self.failed,
        }
    }
}

impl Counts {
    fn add(&mut self, case: &Case) {
        let is_by_people = is_by_people(case);
        if let Some(success) = case.success().filter(|_| case.is_approved()) {
            match is_by_people {
                true => self.failed.add(!success),
                false => self.failed_alone.add(!success),
            }
            if is_by_people && case.level == Some(Level::High) {
                self.high_failed.add(!success);
            }
        }
        let expired = case.standing.status() == Some(Status::Expired);
        if is_by_people {
            self.rejected.add(case.is_rejected());
        }
        if is_by_people || expired {
            self.expired.add(expired);
        }
        for confidence in &case.confidence {
            self.uncertain.add(*confidence == Confidence::Uncertain);
        }
    }

    fn read(&mut self, documents: &CaseDocuments, people: &mut BTreeMap<String, Sum>) {
        let Some(decision) = &documents.decision else {
            return;
        };
        if decision.status.is_approval() {
            self.amended.add(decision.amendment.is_some());
        }
        let words = documents.recommendation.as_ref();
        let words = words.map_or(0, |about| about.rationale.split_whitespace().count());
        for approval in &decision.approvals {
            let said = approval.justification.as_deref().unwrap_or_default();
            let is_silent = said.trim().is_empty();
            let is_faster = is_faster_than_reading(decision, approval.at, words);
            self.without_a_word.add(is_silent);
            self.faster.add(is_faster);
            if let Some(sum) = people.get_mut(approval.by.as_str()) {
                sum.without_a_word.add(is_silent);
                sum.faster.add(is_faster);
            }
        }
    }

    fn measures(&self, people: &[PersonRow], decided: u32) -> Vec<Measure> {
        let low = |share: Proportion| share.interval().map_or(0.0, |(low, _)| low);
        let high = |share: Proportion| share.interval().map_or(1.0, |(_, high)| high);
        let busiest = people.first().map_or(0, |row| row.approved + row.rejected);
        let by_all: u32 = people.iter().map(|row| row.approved + row.rejected).sum();
        let busiest = Proportion::new(busiest, by_all);
        let measure = |name, share: Proportion, said, advice: &'static str, holds: bool| Measure {
            name,
            share,
            said,
            advice: (holds && share.of >= FEWEST).then_some(advice),
        };
        vec![
            measure(
                "faster_than_reading",
                self.faster,
                "approvals came sooner than the rationale alone can be read",
                "Ask for a justification there, or let fewer cases wait for people: whoever is asked too often stops reading.",
                low(self.faster) > 0.05,
            ),
            measure(
                "without_a_word",
                self.without_a_word,
                "approvals came without a word",
                "One sentence on what was checked is what an auditor, and the next reviewer, looks for.",
                low(self.without_a_word) > 0.5,
            ),
            measure(
                "uncertain",
                self.uncertain,
                "approvals whose confidence was said were uncertain",
                "Agents propose what people cannot judge: ask them for a rehearsal, or for evidence, first.",
                low(self.uncertain) > 0.25,
            ),
            measure(
                "amended",
                self.amended,
                "approvals were of less than was proposed",
                "People lower the same things again and again: have the agents read their lessons, or the rules ask for less.",
                low(self.amended) > 0.25,
            ),
            measure(
                "approved_and_failed",
                self.failed,
                "executions that people had approved failed",
                "What people approve fails more often than what nobody is asked about: look at those cases together.",
                low(self.failed) > high(self.failed_alone),
            ),
            measure(
                "high_and_failed",
                self.high_failed,
                "executions of HIGH that people had approved failed",
                "An approval of HIGH is worth a second opinion: let two people approve it.",
                low(self.high_failed) > 0.1,
            ),
            measure(
                "rejected",
                self.rejected,
                "cases that people decided were rejected",
                "Hardly anything is rejected: let the rules ask less, or find out whether anybody looks.",
                high(self.rejected) < 0.05,
            ),
            measure(
                "expired",
                self.expired,
                "cases that waited for people expired",
                "What waits is not seen in time: name more reviewers, or let fewer cases wait.",
                low(self.expired) > 0.05,
            ),
            measure(
                "by_the_busiest",
                busiest,
                "decisions were those of the busiest person",
                "Nearly everything is one person's to decide: name more reviewers.",
                people.len() > 1 && decided >= FEWEST && low(busiest) > 0.7,
            ),
        ]
    }
}

fn is_by_people(case: &Case) -> bool {
    case.deciders().next().is_some()
}

fn time_taken(case: &Case) -> Option<TimeDelta> {
    Some((case.decided_at? - case.asked_at()?).max(TimeDelta::zero()))
}

fn minutes_at(sorted: &[TimeDelta], part: f64) -> Option<i64> {
    quantile(sorted, part).map(|time: TimeDelta| time.num_minutes())
}

/// Whether so many words cannot be read between the opening and the approval.
fn is_faster_than_reading(decision: &Decision, approved_at: DateTime<Utc>, words: usize) -> bool {
    let seconds = (approved_at - decision.pull.opened_at).num_seconds();
    let needed = i64::try_from(words * 60 / WORDS_A_MINUTE).unwrap_or(i64::MAX);
    seconds < needed
}
