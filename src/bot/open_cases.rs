//! Open pull requests that are one case: the same commit on two branches, or the same id twice.
//!
//! What is said on one of them is heard on all, on a draft as well, which is not decided itself. The first one with an
//! id owns it: another agent, or another commit, cannot use it up.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use chrono::TimeDelta;

use super::BotError;
use super::decide::Evaluator;
use super::error::{Validated, separate};
use super::inspect::{Inspected, Proposal, inspect};
use crate::domain::command::Command;
use crate::domain::documents::Recommendation;
use crate::domain::ids::{AgentName, CaseId, PullNumber, Sha, quoted};
use crate::domain::problem::Problem;
use crate::domain::pull::{Pull, PullState};
use crate::domain::review::Opinion;
use crate::rules::Rules;

/// What a pull request proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Proposed {
    id: CaseId,
    agent: AgentName,
}

/// What the open pull requests propose, as far as they were looked into: the bot keeps it as long as they are open.
#[derive(Debug, Clone, Default)]
pub struct KnownCases {
    of: BTreeMap<PullNumber, (Sha, Option<Proposed>)>,
    by_id: BTreeMap<CaseId, BTreeSet<PullNumber>>,
}

impl KnownCases {
    /// What is known of these, which are open now. What proposed nothing is looked into again: a later `main` or
    /// time may make it valid.
    pub fn take(&mut self, open: &[Pull]) -> Self {
        let mut known = mem::take(self);
        let heads: BTreeMap<PullNumber, Sha> =
            open.iter().map(|pull| (pull.number, pull.head)).collect();
        known.of.retain(|number, (head, proposed)| {
            proposed.is_some() && heads.get(number) == Some(head)
        });
        known.by_id.clear();
        for (number, (_, proposed)) in &known.of {
            if let Some(proposed) = proposed {
                known.by_id.entry(proposed.id).or_default().insert(*number);
            }
        }
        known
    }

    fn learn(&mut self, pull: &Pull, proposed: Option<Proposed>) {
        if let Some((_, Some(before))) = self.of.get(&pull.number)
            && let Some(numbers) = self.by_id.get_mut(&before.id)
        {
            numbers.remove(&pull.number);
        }
        if let Some(proposed) = &proposed {
            let numbers = self.by_id.entry(proposed.id).or_default();
            numbers.insert(pull.number);
        }
        self.of.insert(pull.number, (pull.head, proposed));
    }
}

/// The open pull requests while one of them is heard.
#[derive(Debug)]
pub struct OpenCases<'p> {
    /// In the order of their numbers.
    pulls: &'p [Pull],
    /// Those on which somebody said no.
    with_objections: Vec<&'p Pull>,
    /// How many of them were looked into, from the first one on.
    looked_into: usize,
    known: KnownCases,
    waiting: Waiting,
}

/// How many proposals wait for people, by agent; under none those of all that are not registered, who
/// could otherwise take a new name for each.
pub type Waiting = BTreeMap<Option<AgentName>, u32>;

impl<'p> OpenCases<'p> {
    pub fn new(pulls: &'p [Pull], known: KnownCases) -> Self {
        Self {
            pulls,
            with_objections: pulls.iter().filter(|pull| has_objection(pull)).collect(),
            looked_into: 0,
            known,
            waiting: Waiting::new(),
        }
    }

    /// The same after so many were found to wait.
    pub fn after(self, waiting: Waiting) -> Self {
        Self { waiting, ..self }
    }

    /// Counts one more that waits; says how many wait by now.
    pub fn count_waiting(&mut self, agent: Option<AgentName>) -> u32 {
        let count = self.waiting.entry(agent).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }

    pub fn into_parts(self) -> (KnownCases, Waiting) {
        (self.known, self.waiting)
    }

    fn find(&self, number: PullNumber) -> Option<&'p Pull> {
        let place = self.pulls.binary_search_by_key(&number, |pull| pull.number);
        self.pulls.get(place.ok()?)
    }
}

fn has_objection(pull: &Pull) -> bool {
    let is_rejection = |body: &str| {
        let is_reject = |command| matches!(command, Ok(Command::Reject { .. }));
        body.contains("/reject") && Command::find_all(body).into_iter().any(is_reject)
    };
    matches!(pull.state, PullState::Closed { .. })
        || pull
            .reviews
            .iter()
            .any(|review| review.opinion == Opinion::RequestChanges || is_rejection(&review.body))
        || pull
            .comments
            .iter()
            .any(|comment| is_rejection(&comment.body))
}

/// A forge's times have no more than seconds, and its clock and an agent's differ a little.
const SAME_MOMENT: TimeDelta = TimeDelta::seconds(2);

/// Whether the branch of a pull request bears the id. It did from the beginning: no branch of a pull request can be
/// renamed.
fn is_named(pull: &Pull, id: CaseId) -> bool {
    pull.branch.to_ascii_uppercase().contains(&id.to_string())
}

/// In which order pull requests come to an id: one that got it after it was opened comes after the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    got_it_later: bool,
    number: PullNumber,
}

impl<'o> Evaluator<'_, 'o, '_> {
    /// Remembers what a pull request proposes, once that is known.
    pub(super) fn learn(&mut self, pull: &Pull, document: Option<&Recommendation>) {
        let proposed = document.map(|document| Proposed {
            id: document.id,
            agent: document.agent.clone(),
        });
        self.open.known.learn(pull, proposed);
    }

    fn look_into(&mut self, pull: &Pull) -> Result<Option<Proposed>, BotError> {
        if let Some((head, proposed)) = self.open.known.of.get(&pull.number)
            && *head == pull.head
        {
            return Ok(proposed.clone());
        }
        let document = match separate(inspect(self.repo, self.draft, pull, self.now)) {
            Ok(Validated::Valid(Inspected {
                proposal: Proposal::Recommendation { document, .. },
                ..
            })) => Some(document),
            // What is invalid proposes nothing, nor does what is not there.
            Ok(_) => None,
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error),
        };
        self.learn(pull, document.as_deref());
        let known = self.open.known.of.get(&pull.number);
        Ok(known.and_then(|(_, proposed)| proposed.clone()))
    }

    /// The other open pull requests of the same case on which somebody said no.
    pub(super) fn objections_elsewhere(
        &mut self,
        pull: &Pull,
        document: Option<&Recommendation>,
    ) -> Result<Vec<&'o Pull>, BotError> {
        let mut found = Vec::new();
        for other in self.open.with_objections.clone() {
            if other.number == pull.number {
                continue;
            }
            let is_same = match document {
                _ if other.head == pull.head => true,
                None => false,
                Some(document) => self
                    .look_into(other)?
                    .is_some_and(|other| other.id == document.id && other.agent == document.agent),
            };
            if is_same {
                found.push(other);
            }
        }
        Ok(found)
    }

    /// Why a pull request may not use its id: an open one had it first, with another commit.
    pub(super) fn find_owner_of_id(
        &mut self,
        pull: &Pull,
        document: &Recommendation,
        path: &str,
        rules: &Rules,
    ) -> Result<Option<Problem>, BotError> {
        let id = document.id;
        let pulls = self.open.pulls;
        // One that may have got the id later may come after those with higher numbers, too.
        let had_it_first = is_named(pull, id) || pull.opened_with == Some(pull.head);
        let until = match had_it_first {
            true => pulls.partition_point(|other| other.number < pull.number),
            false => pulls.len(),
        };
        while self.open.looked_into < until {
            let place = self.open.looked_into;
            self.open.looked_into += 1;
            if let Some(other) = pulls.get(place).filter(|other| other.number != pull.number) {
                self.look_into(other)?;
            }
        }
        let rivals = self.find_rivals(pull, id, rules);
        if rivals.is_empty() {
            return Ok(None);
        }
        let mut first = (self.rank(pull, id)?, None);
        for rival in rivals {
            let rank = self.rank(rival, id)?;
            if rank < first.0 {
                first = (rank, Some(rival));
            }
        }
        let proposed = first
            .1
            .and_then(|owner| self.open.known.of.get(&owner.number));
        let (Some(owner), Some((_, Some(proposed)))) = (first.1, proposed) else {
            return Ok(None);
        };
        let by = quoted(proposed.agent.as_str());
        let message = format!(
            "{} of {by} was the first with this id, which is its own while it is open: take a fresh id (`countersign new`)",
            owner.number
        );
        Ok(Some(Problem::of_key(path, "id", message)))
    }

    /// The other open pull requests with this id and another commit that their own agents opened.
    fn find_rivals(&self, pull: &Pull, id: CaseId, rules: &Rules) -> Vec<&'o Pull> {
        let numbers = self.open.known.by_id.get(&id).into_iter().flatten();
        let others = numbers.filter_map(|number| self.open.find(*number));
        let is_agents_own = |other: &Pull| match self.open.known.of.get(&other.number) {
            Some((_, Some(proposed))) => rules
                .agents
                .get(&proposed.agent)
                .is_none_or(|agent| agent.owns(&other.author)),
            _ => false,
        };
        others
            .filter(|other| other.number != pull.number && other.head != pull.head)
            .filter(|other| is_agents_own(other))
            .collect()
    }

    fn rank(&mut self, pull: &Pull, id: CaseId) -> Result<Rank, BotError> {
        let got_it_later = !is_named(pull, id)
            && match self.find_whether_opened_with(pull, id)? {
                Some(was_opened_with_it) => !was_opened_with_it,
                // Where the forge does not know it, the id's time decides, which is of its agent's clock.
                None => pull.opened_at + SAME_MOMENT < id.time(),
            };
        Ok(Rank {
            got_it_later,
            number: pull.number,
        })
    }

    /// Whether the commit that a pull request was opened with had the id; none if that is not known, or not here.
    fn find_whether_opened_with(
        &mut self,
        pull: &Pull,
        id: CaseId,
    ) -> Result<Option<bool>, BotError> {
        let mut opened_with = pull.opened_with;
        if let (None, Some(forge)) = (opened_with, self.forge.as_deref_mut()) {
            opened_with = forge.find_opening_head(pull.number)?;
        }
        let Some(first) = opened_with else {
            return Ok(None);
        };
        if first == pull.head {
            return Ok(Some(true));
        }
        let path = Recommendation::path_of(id);
        let found = self.repo.read_commit(first);
        match found.and_then(|commit| self.repo.entry_at(commit.tree, &path)) {
            Ok(found) => Ok(Some(found.is_some())),
            Err(error) if error.is_missing() || error.is_content() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
