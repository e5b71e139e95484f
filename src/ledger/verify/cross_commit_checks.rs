//! What holds between commits: nothing is carried out that was not approved, claimed and numbered.
//!
//! Follows the facts of the commits, oldest first; each was examined by itself before.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::commit_verifier::{Ended, Examined, Fact, PullId};
use super::finding::{Finding, FindingKind};
use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::documents::{ExecutorKind, Status, time};
use crate::domain::ids::{CaseId, Sha};

/// What is known of a case so far.
#[derive(Debug)]
struct State {
    status: Status,
    executor: ExecutorKind,
    decided_at_place: usize,
    rescored: bool,
    claimed_at: Option<DateTime<Utc>>,
    attempts: u32,
    last_executor: ExecutorKind,
    last_success: Option<bool>,
}

/// An outcome that is published together with the commit before it.
#[derive(Debug, Clone, Copy)]
struct Due {
    commit: Sha,
    case: CaseId,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// An approved change is carried out with its decision.
    Approved,
    /// What could not be proposed any more when it was claimed fails with its claim.
    Invalid,
}

impl Due {
    fn is_met_by(self, fact: Fact) -> bool {
        match fact {
            Fact::Ended(ended) => {
                ended.case == self.case
                    && (self.why == Why::Approved || ended.success == Some(false))
            }
            _ => false,
        }
    }

    fn missing(self) -> Finding {
        let case = self.case;
        let message = match self.why {
            Why::Approved => format!(
                "`{case}` was approved, but the next commit is not the outcome that was published with it"
            ),
            Why::Invalid => format!(
                "`{case}` could not be proposed any more when it was claimed, but the next commit is not its failure"
            ),
        };
        Finding {
            commit: self.commit,
            kind: FindingKind::MissingOutcome,
            message,
        }
    }
}

/// The state of the trail after the commits so far.
#[derive(Debug, Default)]
pub struct CrossCommitChecks {
    cases: HashMap<CaseId, State>,
    /// What the very next commit has to be.
    due: Option<Due>,
    latest: Option<(DateTime<Utc>, Sha)>,
    /// The time of the commit before.
    previous: Option<DateTime<Utc>>,
    /// Every commit that was merged.
    merged: HashSet<Sha>,
    /// Every pull request that was decided.
    pulls: HashSet<PullId>,
}

impl CrossCommitChecks {
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
        wrong.extend(self.check_pull(examined));
        let due = self.due.take();
        let mut findings = Vec::new();
        findings.extend(
            due.filter(|due| !due.is_met_by(examined.fact))
                .map(Due::missing),
        );
        match examined.fact {
            Fact::Nothing => {}
            Fact::Decided {
                case,
                status,
                executor,
            } => wrong.extend(self.decide(examined, case, status, executor)),
            Fact::Rescored { case, executor } => wrong.extend(self.rescore(case, executor)),
            Fact::Claimed {
                case,
                executor,
                at,
                is_invalid,
            } => {
                wrong.extend(self.claim(case, executor, at));
                self.due = is_invalid.then_some(Due {
                    commit: examined.commit,
                    case,
                    why: Why::Invalid,
                });
            }
            Fact::Ended(ended) => wrong.extend(self.end(examined.place, ended)),
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

    /// Each pull request has a number, and is decided once.
    fn check_pull(&mut self, examined: &Examined) -> Option<(FindingKind, String)> {
        let pull = examined.pull.as_ref()?;
        let message = if pull.number.0 == 0 {
            "it decides a pull request without a number: they begin with #1".to_owned()
        } else if !self.pulls.insert(pull.clone()) {
            format!("{} was decided before, as another case", pull.number)
        } else {
            return None;
        };
        Some((FindingKind::WrongNumber, message))
    }

    /// Nothing may be due at the tip: an outcome is published together with its decision.
    pub fn finish(self) -> Option<Finding> {
        self.due.map(Due::missing)
    }

    fn check_order(&mut self, examined: &Examined) -> Option<(FindingKind, String)> {
        let (at, before) = (examined.at, self.latest);
        let previous = self.previous.replace(at);
        if let Some(clock) = examined.clock
            && previous != Some(at)
        {
            let (clock, at) = (time::text(&clock), time::text(&at));
            let message = format!(
                "it says that the bot's clock was behind, at {clock}, and so has the time of the commit before; but it is dated {at}"
            );
            return Some((FindingKind::WrongTime, message));
        }
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
        status: Status,
        executor: ExecutorKind,
    ) -> Option<(FindingKind, String)> {
        if self.cases.contains_key(&case) {
            return Some((
                FindingKind::DecidedTwice,
                format!("`{case}` was decided before"),
            ));
        }
        if status.is_approval() && executor.is_part_of_the_push() {
            self.due = Some(Due {
                commit: examined.commit,
                case,
                why: Why::Approved,
            });
        }
        let state = State {
            status,
            executor,
            decided_at_place: examined.place,
            rescored: false,
            claimed_at: None,
            attempts: 0,
            last_executor: executor,
            last_success: None,
        };
        self.cases.insert(case, state);
        None
    }

    fn rescore(&mut self, case: CaseId, executor: ExecutorKind) -> Option<(FindingKind, String)> {
        let Some(state) = self.cases.get_mut(&case) else {
            return Some((
                FindingKind::WithoutDecision,
                format!("there is no decision on `{case}` before it"),
            ));
        };
        let was_rescored = std::mem::replace(&mut state.rescored, true);
        if !state.status.is_approval() {
            let message = format!(
                "`{case}` was {}, so there is nothing to score again",
                state.status
            );
            return Some((FindingKind::WithoutDecision, message));
        }
        if was_rescored || state.claimed_at.is_some() || state.attempts > 0 {
            let message = format!("`{case}` was scored again, claimed or executed before");
            return Some((FindingKind::WrongRescoring, message));
        }
        let approved = state.executor;
        (executor != ExecutorKind::External && executor != approved).then(|| {
            let message = format!(
                "`{case}` was approved for the executor {approved}, but scored again for {executor}"
            );
            (FindingKind::WrongExecutor, message)
        })
    }

    fn claim(
        &mut self,
        case: CaseId,
        claimed: ExecutorKind,
        at: DateTime<Utc>,
    ) -> Option<(FindingKind, String)> {
        let Some(state) = self.cases.get_mut(&case) else {
            return Some((
                FindingKind::WithoutDecision,
                format!("there is no decision on `{case}` before it"),
            ));
        };
        let was_claimed = state.claimed_at.replace(at).is_some();
        if !state.status.is_approval() {
            return Some((
                FindingKind::WithoutDecision,
                format!(
                    "`{case}` was {}, so nothing of it may be executed",
                    state.status
                ),
            ));
        }
        if state.rescored {
            let message = format!(
                "`{case}` was scored again and would be asked more, so the bot may not execute it"
            );
            return Some((FindingKind::NotRescored, message));
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

    fn end(&mut self, place: usize, ended: Ended) -> Option<(FindingKind, String)> {
        let Ended {
            case,
            attempt,
            executor,
            ..
        } = ended;
        let Some(state) = self.cases.get_mut(&case) else {
            return Some((
                FindingKind::WithoutDecision,
                format!("there is no decision on `{case}` before it"),
            ));
        };
        let expected = state.attempts.saturating_add(1);
        state.attempts = attempt;
        let before = std::mem::replace(&mut state.last_executor, executor);
        let last_success = std::mem::replace(&mut state.last_success, ended.success);
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
        if let (Some(claimed_at), Some(started_at)) = (state.claimed_at, ended.started_at)
            && started_at < claimed_at - CLOCK_TOLERANCE
        {
            let message = format!(
                "it was started at {}, before `{case}` was claimed at {}",
                time::text(&started_at),
                time::text(&claimed_at)
            );
            return Some((FindingKind::WrongTime, message));
        }
        if attempt > 1 && executor != before {
            let message = format!(
                "attempt {attempt} of `{case}` names the executor {executor}, the one before it {before}"
            );
            return Some((FindingKind::WrongExecutor, message));
        }
        if attempt > 1 {
            // What the bot did itself is news, whoever reported in the meantime.
            let is_repeated = !ended.is_by_bot && last_success == ended.success;
            return is_repeated.then(|| {
                let message = format!(
                    "attempt {attempt} of `{case}` is reported by somebody else to have ended as the one before it"
                );
                (FindingKind::WrongOutcome, message)
            });
        }
        let is_running =
            state.claimed_at.is_some() && executor.is_claimed() && !executor.is_reported();
        if is_running && !ended.is_by_bot {
            let message = format!(
                "`{case}` was claimed by the bot, which had not ended it, and somebody else reports its outcome"
            );
            return Some((FindingKind::WrongOutcome, message));
        }
        let is_next = place == state.decided_at_place + 1;
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
            _ if executor.is_claimed() && approved == executor && self.claimed_at.is_none() => {
                Some((
                    FindingKind::WithoutClaim,
                    "was executed by the bot without a claim".to_owned(),
                ))
            }
            // A person may report what they did before the bot came to it.
            ExecutorKind::External if approved.is_claimed() && self.claimed_at.is_none() => None,
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
