//! What holds between commits: nothing is carried out that was not approved, claimed and numbered.
//!
//! Follows the facts of the commits, oldest first; each was examined by itself before.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::examine::{Examined, Fact};
use super::finding::{Finding, FindingKind};
use super::step::CLOCK_TOLERANCE;
use crate::domain::documents::{ExecutorKind, Status, time};
use crate::domain::ids::{CaseId, Sha};

/// What is known of a case so far.
#[derive(Debug)]
struct State {
    status: Status,
    executor: ExecutorKind,
    decided_at_place: usize,
    claimed: bool,
    attempts: u32,
    last_executor: ExecutorKind,
}

/// The state of the trail after the commits so far.
#[derive(Debug, Default)]
pub struct Links {
    cases: HashMap<CaseId, State>,
    /// An approved change whose outcome has to be the very next commit.
    due: Option<(Sha, CaseId)>,
    latest: Option<(DateTime<Utc>, Sha)>,
    /// Every commit that was merged.
    merged: HashSet<Sha>,
}

impl Links {
    /// Adds the next commit; says what does not follow from those before it.
    pub fn follow(&mut self, examined: &Examined) -> Vec<Finding> {
        let mut wrong: Vec<(FindingKind, String)> = Vec::new();
        wrong.extend(self.check_order(examined));
        for id in &examined.merged {
            if !self.merged.insert(*id) {
                let message = format!(
                    "the commit {} that it merges was on `main` before",
                    id.short()
                );
                wrong.push((FindingKind::InvalidProposal, message));
            }
        }
        let due = self.due.take();
        let mut findings = Vec::new();
        match (due, examined.fact) {
            (Some((_, case)), Fact::Ended { case: ended, .. }) if case == ended => {}
            (Some(due), _) => findings.push(missing(due)),
            (None, _) => {}
        }
        match examined.fact {
            Fact::Nothing => {}
            Fact::Decided {
                case,
                status,
                executor,
            } => wrong.extend(self.decide(examined, case, (status, executor))),
            Fact::Claimed { case, executor } => wrong.extend(self.claim(case, executor)),
            Fact::Ended {
                case,
                attempt,
                executor,
            } => wrong.extend(self.end(examined, case, (attempt, executor))),
            Fact::Remarked { case } => {
                if !self.cases.contains_key(&case) {
                    wrong.push((
                        FindingKind::WithoutDecision,
                        format!("there is no decision on `{case}` before it"),
                    ));
                }
            }
        }
        findings.extend(wrong.into_iter().map(|(kind, message)| Finding {
            commit: examined.commit,
            kind,
            message,
        }));
        findings
    }

    /// Nothing may be due at the tip: an outcome is published together with its decision.
    pub fn finish(self) -> Option<Finding> {
        self.due.map(missing)
    }

    fn check_order(&mut self, examined: &Examined) -> Option<(FindingKind, String)> {
        let (at, before) = (examined.at, self.latest);
        if let Some((latest, id)) = before {
            if at + CLOCK_TOLERANCE < latest {
                self.latest = Some((at, examined.commit));
                let message = format!(
                    "it is dated {}, before {} that it follows, which is dated {}: one of both was re-dated",
                    time::text(&at),
                    id.short(),
                    time::text(&latest)
                );
                return Some((FindingKind::TimeRunsBackwards, message));
            }
            if at < latest {
                return None;
            }
        }
        self.latest = Some((at, examined.commit));
        None
    }

    fn decide(
        &mut self,
        examined: &Examined,
        case: CaseId,
        (status, executor): (Status, ExecutorKind),
    ) -> Option<(FindingKind, String)> {
        if self.cases.contains_key(&case) {
            return Some((
                FindingKind::DecidedTwice,
                format!("`{case}` was decided before"),
            ));
        }
        if status.is_approval() && executor.is_part_of_the_push() {
            self.due = Some((examined.commit, case));
        }
        let state = State {
            status,
            executor,
            decided_at_place: examined.place,
            claimed: false,
            attempts: 0,
            last_executor: executor,
        };
        self.cases.insert(case, state);
        None
    }

    fn claim(&mut self, case: CaseId, claimed: ExecutorKind) -> Option<(FindingKind, String)> {
        let Some(state) = self.cases.get_mut(&case) else {
            return Some((
                FindingKind::WithoutDecision,
                format!("there is no decision on `{case}` before it"),
            ));
        };
        let was_claimed = std::mem::replace(&mut state.claimed, true);
        if !state.status.is_approval() {
            return Some((
                FindingKind::WithoutDecision,
                format!(
                    "`{case}` was {}, so nothing of it may be executed",
                    state.status
                ),
            ));
        }
        if was_claimed || state.attempts > 0 {
            return Some((
                FindingKind::WrongClaim,
                format!("`{case}` was claimed or executed before"),
            ));
        }
        let executor = state.executor;
        let message = if !executor.is_claimed() {
            format!("`{case}` was approved for the executor {executor}, which nobody claims")
        } else if claimed != executor {
            format!("`{case}` was approved for the executor {executor}, but {claimed} claims it")
        } else {
            return None;
        };
        Some((FindingKind::WrongExecutor, message))
    }

    fn end(
        &mut self,
        examined: &Examined,
        case: CaseId,
        (attempt, executor): (u32, ExecutorKind),
    ) -> Option<(FindingKind, String)> {
        let Some(state) = self.cases.get_mut(&case) else {
            return Some((
                FindingKind::WithoutDecision,
                format!("there is no decision on `{case}` before it"),
            ));
        };
        let expected = state.attempts.saturating_add(1);
        state.attempts = attempt;
        let before = std::mem::replace(&mut state.last_executor, executor);
        if !state.status.is_approval() {
            return Some((
                FindingKind::WithoutDecision,
                format!(
                    "`{case}` was {}, so there is nothing that could have an outcome",
                    state.status
                ),
            ));
        }
        if attempt != expected {
            return Some((
                FindingKind::WrongAttempt,
                format!("it is attempt {attempt} of `{case}`, but attempt {expected} comes next"),
            ));
        }
        if attempt > 1 {
            let message = || {
                format!(
                    "attempt {attempt} of `{case}` names the executor {executor}, the one before it {before}"
                )
            };
            return (executor != before).then(|| (FindingKind::WrongExecutor, message()));
        }
        let is_next = examined.place == state.decided_at_place + 1;
        state
            .find_wrong_first(executor, is_next)
            .map(|(kind, message)| (kind, format!("`{case}` {message}")))
    }
}

impl State {
    /// Whether this executor could carry out the first attempt.
    fn find_wrong_first(
        &self,
        executor: ExecutorKind,
        is_next: bool,
    ) -> Option<(FindingKind, String)> {
        let approved = self.executor;
        match executor {
            _ if executor.is_claimed() && approved == executor && !self.claimed => Some((
                FindingKind::WithoutClaim,
                "was executed by the bot without a claim".to_owned(),
            )),
            // A person may report what they did before the bot came to it.
            ExecutorKind::External if approved.is_claimed() && !self.claimed => None,
            _ if approved != executor => Some((
                FindingKind::WrongExecutor,
                format!("was approved for the executor {approved}, but carried out by {executor}"),
            )),
            _ if executor.is_part_of_the_push() && !is_next => Some((
                FindingKind::MissingOutcome,
                "was not carried out together with its decision".to_owned(),
            )),
            _ => None,
        }
    }
}

fn missing((commit, case): (Sha, CaseId)) -> Finding {
    let message = format!(
        "`{case}` was approved, but the next commit is not the outcome that was published with it"
    );
    Finding {
        commit,
        kind: FindingKind::MissingOutcome,
        message,
    }
}
