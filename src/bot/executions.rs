//! Executions outside of git: claimed by a commit before they start, recorded when they end, and never
//! started twice.
//!
//! What was decided is scored again on the very tip that the claim is published on. What would be asked more by now is
//! not claimed but recorded as rescored, and never started.
//!
//! A claim without an outcome means that somebody is at it or died at it. While a bot executes it holds
//! a lock on a file of the repository; the lock ends with the process, so on the same machine a free
//! lock is proof of death. A claim of another machine is given its time limit. A workflow that was started
//! is nobody's to wait for: it reports, or its time limit ends. What nobody reported is recorded as
//! `unknown`, for a person to settle.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Bot, BotError, Summary, report};
use crate::domain::documents::{Claim, ExecutorKind, Freeze, Outcome, Rescored, RulesRecord};
use crate::domain::events::EVENTS;
use crate::domain::ids::{CaseId, Sha};
use crate::execute::{self, ExecutionRequest, ExecutionResult};
use crate::files::is_same_file;
use crate::forge::{AfterEnd, Told, WorkflowOrder};
use crate::git::{Durability, Expect, GitError, RefEdit, Repository};
use crate::ledger::rescore::{self, Again, Approved};
use crate::ledger::{CaseFile, Draft, Entry, Event, ForeignCheck, LedgerError, Version, facts};
use crate::rules::executor::Executor;

/// Up to this commit of `main` every execution is settled; only an index, rebuilt when it is missing.
const SETTLED_REF: &str = "refs/countersign/settled";
/// What a claim of another machine gets beyond its time limit.
const GRACE: TimeDelta = TimeDelta::minutes(5);

/// What to do about an approved case.
enum Task {
    /// Nothing: it is settled, or somebody else is at it.
    Nothing,
    Run(Box<Run>),
    /// It was claimed by somebody who died, or by a workflow that does not report.
    Orphaned(Box<CaseFile>),
    /// It would be asked more by now, which is recorded.
    Rescored(Box<Rescored>),
    /// It could not be proposed any more, which is recorded as a failure.
    Invalid,
}

/// What this bot claimed and carries out.
struct Run {
    executor: Executor,
    case: CaseFile,
    claimed_at: DateTime<Utc>,
}

/// How a case was settled.
enum Settled {
    /// It was carried out, or tried, and ended in this word.
    Executed(&'static str),
    /// It would be asked more by now.
    Rescored(Box<Rescored>),
}

impl Bot {
    /// Carries out everything that is approved, is not part of a push, and has no outcome yet.
    pub(super) fn settle_executions(&mut self, summary: &mut Summary) -> Result<(), BotError> {
        ExecutionLock::remove_left_over(&self.repo);
        static AT_START: Once = Once::new();
        AT_START.call_once(execute::command::remove_left_over_folders);
        let tip = self.main()?;
        let commit = self.repo.read_commit(tip)?;
        if ForeignCheck::new(&self.repo).is_foreign(&commit)? {
            return Ok(());
        }
        let unsettled = find_unsettled(&self.repo, tip, (self.clock)())?;
        let mut all_settled = true;
        for id in unsettled.rescored {
            all_settled &= self.tell_rescored(id)? == Told::Done;
        }
        for (id, approved) in unsettled.unfinished {
            let begun = Instant::now();
            let settled = match self.settle(id, approved) {
                // The others are carried out all the same.
                Err(BotError::Unrecordable(what)) => {
                    tracing::warn!("`{id}` is not settled: {what}");
                    None
                }
                settled => settled?,
            };
            match settled {
                Some(Settled::Executed(word)) => {
                    tracing::info!(
                        target: EVENTS,
                        event = "execution",
                        case = %id,
                        executor = %approved,
                        outcome = word,
                        took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                    );
                    summary.executed.push((id, word));
                }
                Some(Settled::Rescored(rescored)) => {
                    step("rescored recorded");
                    all_settled &= self.tell_rescored(id)? == Told::Done;
                    tracing::warn!(
                        "`{id}` was scored again: {}. {}",
                        rescored.change(),
                        rescored.advice()
                    );
                    summary.rescored.push(*rescored);
                }
                None => all_settled = false,
            }
        }
        if all_settled {
            let edit = RefEdit {
                name: SETTLED_REF.to_owned(),
                expected: Expect::Any,
                new: Some(tip),
            };
            self.repo.update_refs(&[edit], Durability::Fast)?;
        }
        Ok(())
    }

    /// Tells those who decided it what became of it, once.
    fn tell_rescored(&mut self, id: CaseId) -> Result<Told, BotError> {
        let root = self.repo.read_commit(self.main()?)?.tree;
        let case = match CaseFile::read(self.repo.objects(), root, id) {
            Err(LedgerError::NoSuchCase(_)) => return Ok(Told::Done),
            case => case?,
        };
        let Some(rescored) = &case.rescored else {
            return Ok(Told::Done);
        };
        Ok(self.forge.say_after_end(&AfterEnd {
            number: case.decision.pull.number,
            key: format!("rescored-{id}"),
            text: report::rescored(rescored),
        }))
    }

    /// Settles one case: how, if it is settled now; none if it has to wait.
    fn settle(&mut self, id: CaseId, approved: ExecutorKind) -> Result<Option<Settled>, BotError> {
        let Some(lock) = ExecutionLock::take(&self.repo, id)? else {
            return Ok(None);
        };
        let (started_at, finished, is_ours) = match self.claim(id, approved)? {
            Task::Nothing => return Ok(None),
            Task::Rescored(rescored) => {
                lock.release();
                return Ok(Some(Settled::Rescored(rescored)));
            }
            Task::Invalid => {
                lock.release();
                return Ok(Some(Settled::Executed(Outcome::word(Some(false)))));
            }
            Task::Orphaned(case) => {
                let started_at = case
                    .claim
                    .as_ref()
                    .map_or(case.decision.decided_at, |claim| claim.started_at);
                (
                    started_at,
                    ExecutionResult::unknown(orphaned(approved)),
                    false,
                )
            }
            Task::Run(run) => {
                let Run {
                    executor,
                    case,
                    claimed_at,
                } = *run;
                step("execution claimed");
                // The claim may have the time of a commit that this clock is behind.
                let started_at = (self.clock)().max(claimed_at);
                let finished = self.carry_out(&executor, &case)?;
                step("execution ended");
                let Some(finished) = finished else {
                    lock.release();
                    return Ok(None);
                };
                (started_at, finished, true)
            }
        };
        let word = Outcome::word(finished.success);
        let is_recorded = self.record(|draft, _, now| {
            // Somebody may have reported in the meantime; then only what we did ourselves is news.
            let case = CaseFile::read(draft.objects(), draft.root()?, id)?;
            if !is_ours && !case.outcomes.is_empty() {
                return Ok(false);
            }
            let started_at = started_at.min(now);
            let finished = finished.clone();
            let outcome = finished.record(id, case.next_attempt(), approved, started_at, now);
            let appended = draft.outcome(&outcome, &case.recommendation, &case.decision, &[]);
            appended.map_err(BotError::of_report)?;
            Ok(true)
        })?;
        lock.release();
        Ok(is_recorded.then_some(Settled::Executed(word)))
    }

    /// Starts what was claimed: how it ended, none if that is reported later by somebody else.
    fn carry_out(
        &mut self,
        executor: &Executor,
        case: &CaseFile,
    ) -> Result<Option<ExecutionResult>, BotError> {
        let order = ExecutionRequest::of(case, self.main()?);
        let workflow = match executor {
            Executor::Command(command) => {
                let countersign = match &self.countersign {
                    Some(program) => Ok(program.clone()),
                    None => std::env::current_exe(),
                };
                return Ok(Some(match countersign {
                    Ok(program) => execute::command::run(command, &case.executed(), &program),
                    Err(error) => {
                        ExecutionResult::badly(format!("cannot find this program: {error}"))
                    }
                }));
            }
            Executor::Http(hook) => {
                let sent = execute::http::read_secret(hook)
                    .map(|secret| execute::http::send(hook, &secret, &order));
                return Ok(Some(
                    sent.unwrap_or_else(|none| ExecutionResult::badly(none.to_string())),
                ));
            }
            Executor::Dispatch(workflow) => workflow,
            Executor::None | Executor::Apply | Executor::External => return Ok(None),
        };
        let payload = match serde_json::to_value(&order) {
            Ok(payload) => payload,
            Err(error) => {
                let reason = format!("cannot write it as JSON: {error}");
                return Ok(Some(ExecutionResult::badly(reason)));
            }
        };
        let order = WorkflowOrder {
            repository: workflow.repository.clone(),
            event_type: workflow.event_type.clone(),
            payload,
        };
        match self.forge.start_workflow(&order) {
            Ok(()) => Ok(None),
            Err(error) if error.is_uncertain() => {
                tracing::warn!("it is not clear whether the workflow started: {error}");
                Ok(None)
            }
            Err(error) => Ok(Some(ExecutionResult::badly(format!(
                "the workflow was not started: {error}"
            )))),
        }
    }

    /// Publishes a claim, unless there is nothing to do, somebody was here before, or what was decided is no longer so.
    fn claim(&mut self, id: CaseId, approved: ExecutorKind) -> Result<Task, BotError> {
        self.record(|draft, version, now| {
            if draft.find(Freeze::PATH)?.is_some() {
                return Ok(Task::Nothing);
            }
            // The commit's trailers led here; only the documents say whether it may be carried out.
            let case = match CaseFile::read(draft.objects(), draft.root()?, id) {
                Ok(case) => case,
                Err(LedgerError::NoSuchCase(_)) => {
                    tracing::warn!("a commit of `main` claims a decision on `{id}` that is not there: `countersign verify` says which");
                    return Ok(Task::Nothing);
                }
                Err(error) => return Err(error.into()),
            };
            let is_settled = case.rescored.is_some() || !case.outcomes.is_empty();
            if !case.decision.status.is_approval() || is_settled {
                return Ok(Task::Nothing);
            }
            if let Some(claim) = &case.claim {
                let is_dead = if claim.executor.is_reported() {
                    now > claim.ends_by
                } else {
                    claim.host == host() || now > claim.ends_by + GRACE
                };
                return Ok(if is_dead {
                    Task::Orphaned(Box::new(case))
                } else {
                    Task::Nothing
                });
            }
            let action = version.rules.actions.get(&case.recommendation.action);
            let executor = action.map(|action| &action.executor);
            let Some(executor) = executor.filter(|executor| executor.kind() == approved) else {
                tracing::warn!("`{id}` was approved for the executor {approved}, which the rules no longer name: carry it out yourself and report it with `countersign outcome`");
                return Ok(Task::Nothing);
            };
            let Some(again) = score_again(draft, &case, version, now)? else {
                tracing::warn!("`{id}` is not carried out: the commits that were merged with it are not in this repository, so it cannot be scored again");
                return Ok(Task::Nothing);
            };
            if let Again::More(more) = again {
                let rescored = more.record(id, approved, rules_of(draft, version)?, now);
                let appended = draft.rescored(&rescored, &case.recommendation);
                appended.map_err(BotError::of_report)?;
                return Ok(Task::Rescored(Box::new(rescored)));
            }
            if let Again::Held = again {
                // The run after the one in which that ends carries it out.
                return Ok(Task::Nothing);
            }
            let Some(claim) = claim(id, executor, now) else {
                return Ok(Task::Nothing);
            };
            if let Again::Invalid(problems) = again {
                // Published in one piece with its claim, so that nobody takes it for one that runs.
                let outcome = ExecutionResult::badly(rescore::refusal(&problems))
                    .record(id, case.next_attempt(), approved, now, now);
                let claimed = draft.claim(&claim, &case.recommendation);
                claimed.map_err(BotError::of_report)?;
                let appended = draft.outcome(&outcome, &case.recommendation, &case.decision, &[]);
                appended.map_err(BotError::of_report)?;
                return Ok(Task::Invalid);
            }
            if let Executor::Http(hook) = executor
                && let Err(reason) = execute::http::read_secret(hook)
            {
                tracing::warn!("`{id}` is not carried out: {reason}");
                return Ok(Task::Nothing);
            }
            let claimed = draft.claim(&claim, &case.recommendation);
            claimed.map_err(BotError::of_report)?;
            Ok(Task::Run(Box::new(Run {
                executor: executor.clone(),
                case,
                claimed_at: claim.started_at,
            })))
        })
    }
}

/// The claim of an execution; none for an executor that needs none.
fn claim(id: CaseId, executor: &Executor, now: DateTime<Utc>) -> Option<Claim> {
    let limit = TimeDelta::from_std(executor.time_limit()?).unwrap_or(GRACE);
    Some(Claim {
        schema: Default::default(),
        id,
        executor: executor.kind(),
        started_at: now,
        ends_by: now + limit,
        host: host(),
    })
}

/// What an approved case comes to on the tip of a draft; none if its commits are not in this repository.
pub(super) fn score_again(
    draft: &mut Draft<'_>,
    case: &CaseFile,
    version: &Version,
    at: DateTime<Utc>,
) -> Result<Option<Again>, BotError> {
    let (about, decision) = (&case.recommendation, &case.decision);
    let Some(approved) = Approved::read(draft.repository(), about, decision)? else {
        return Ok(None);
    };
    let targets = facts::targets(draft.objects(), draft.root()?, about)?;
    let targets = targets.map(|targets| targets.known);
    let again = approved.again(targets, &version.rules, at, |path| {
        draft.read_track_record(path)
    })?;
    Ok(Some(again))
}

/// The rules on the tip of a draft, as records name them.
pub(super) fn rules_of(draft: &Draft<'_>, version: &Version) -> Result<RulesRecord, BotError> {
    Ok(RulesRecord {
        commit: draft.tip()?,
        tree: version.tree,
    })
}

/// Why nobody knows what came of a claim.
fn orphaned(executor: ExecutorKind) -> String {
    let why = if executor.is_reported() {
        "nobody reported within the time limit"
    } else {
        "the bot died while this ran"
    };
    format!("{why}: look what happened, then report it with `countersign outcome`")
}

/// What there may be to do about executions.
#[derive(Default)]
struct Unsettled {
    /// Approved cases of an executor that is claimed, and which, that have no outcome; oldest first.
    unfinished: Vec<(CaseId, ExecutorKind)>,
    /// Cases whose people may not be told yet that they would be asked more.
    rescored: Vec<CaseId>,
}

/// A repository that does not know what is settled takes it for told what was rescored earlier than this.
const TOLD_WITHIN: TimeDelta = TimeDelta::days(1);

fn find_unsettled(repo: &Repository, tip: Sha, now: DateTime<Utc>) -> Result<Unsettled, GitError> {
    let settled = repo.find_ref(SETTLED_REF)?;
    let mut ended = BTreeSet::new();
    let mut unsettled = Unsettled::default();
    let unfinished = &mut unsettled.unfinished;
    for commit in repo.first_parents(tip) {
        let commit = commit?;
        if Some(commit.id) == settled {
            break;
        }
        let entry = Entry::of(&commit);
        let Some(id) = entry.case else { continue };
        let may_be_untold = settled.is_some() || entry.at > now - TOLD_WITHIN;
        if entry.event == Some(Event::Rescored) && may_be_untold {
            unsettled.rescored.push(id);
        }
        match entry.event {
            Some(Event::Outcome | Event::Rescored) => {
                ended.insert(id);
            }
            Some(Event::Decision) if !ended.contains(&id) => {
                let executor = entry.trailers.find("Executor");
                let executor = executor.and_then(|word| word.parse::<ExecutorKind>().ok());
                unfinished.extend(
                    executor
                        .filter(|kind| kind.is_claimed())
                        .map(|kind| (id, kind)),
                );
            }
            _ => {}
        }
    }
    unfinished.reverse();
    Ok(unsettled)
}

/// Marks a point at which the process may die without harm; the crash tests kill it at each of them.
fn step(name: &'static str) {
    tracing::trace!(target: "countersign::step", "{name}");
}

/// The name of this machine, as far as the system tells it.
fn host() -> String {
    let name =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    name.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

/// Held while an execution runs; the system releases it when the process ends, however it ends.
struct ExecutionLock {
    file: File,
    path: PathBuf,
}

impl ExecutionLock {
    fn folder(repo: &Repository) -> PathBuf {
        repo.path().join("countersign-executions")
    }

    /// Removes the locks that killed processes held.
    fn remove_left_over(repo: &Repository) {
        // There is none before the first execution.
        let entries = std::fs::read_dir(Self::folder(repo)).into_iter();
        for path in entries.flatten().flatten().map(|entry| entry.path()) {
            let Ok(file) = File::open(&path) else {
                continue;
            };
            if file.try_lock().is_ok() && is_same_file(&file, &path).unwrap_or(false) {
                Self { file, path }.release();
            }
        }
    }

    /// Takes the lock; none if somebody else holds it.
    fn take(repo: &Repository, id: CaseId) -> Result<Option<Self>, BotError> {
        let folder = Self::folder(repo);
        let path = folder.join(id.to_string());
        let files = repo.files();
        let take = || {
            files.create_folders(&folder)?;
            let file = files.open_or_create(&path, b"")?;
            // Who had it before may have removed it meanwhile.
            let is_taken = file.try_lock().is_ok() && is_same_file(&file, &path)?;
            Ok(is_taken.then_some(file))
        };
        let taken = take().map_err(|error: std::io::Error| {
            BotError::Refused(format!("cannot lock `{}`: {error}", path.display()))
        })?;
        Ok(taken.map(|file| Self { file, path }))
    }

    fn release(self) {
        // The lock ends with the file's handle; what is left behind is an empty file.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!("cannot remove `{}`: {error}", self.path.display());
        }
        drop(self.file);
    }
}
