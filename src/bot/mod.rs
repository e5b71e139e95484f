//! The use cases: work off the pull requests, carry out what was approved, record what people report.
//!
//! [`Bot::run`] takes every open pull request through `decide`, appends what was decided to a draft
//! of `main`, publishes it by compare-and-swap, and only then tells anybody. It keeps no state that
//! git and the forge do not hold, so it may die anywhere and the next run goes on.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod adoption;
pub mod amendments;
pub mod attest;
pub mod case_view;
pub mod check;
pub mod choices;
mod commands;
mod decide;
mod details;
pub mod diff;
mod error;
mod evaluation;
mod executions;
mod governance;
mod inspect;
mod open_cases;
pub mod own_proposal;
mod pending;
mod preview;
pub mod propose;
pub mod questions;
mod recommendation;
mod records;
mod report;
pub mod review;
mod rule_change;
mod survival;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::documents::{Freeze, Rescored, Status};
use crate::domain::ids::{CaseId, PullNumber, Sha};
use crate::domain::pull::{Pull, PullState};
use crate::domain::yaml;
use crate::forge::{Conclusion, Forge, Publication, Published, Report, Told};
use crate::git::{Maintenance, Repository, SigningKey, consolidate};
use crate::ledger::{
    Draft, ForeignCheck, LedgerError, MAIN, RulesCache, TeamMembers, Teams, Version, newest_engine,
};

use commands::{CommandReading, Talk};
use decide::{Evaluator, ProposalOutcome};
use open_cases::{KnownCases, OpenCases};

pub use adoption::Adopted;
pub use error::{BotError, EvaluationError, InvalidPull, UnreportedRun};
pub use evaluation::{Evaluation, Pending, evaluate, find_objection};
pub use preview::Preview;
pub use records::{NewFeedback, NewOutcome};
pub use rule_change::RuleChangePreview;

/// How many pull requests are decided before their commits are published.
const BATCH: usize = 250;
/// How often a lost race for `main` is run again.
const MOST_TRIES: u32 = 50;
/// Who writes `main` waits for the others who do: whoever takes longer would lose to them every time.
const TURN: &str = "main";

/// Where the bot reads the time. The core never does: it is told.
pub type Clock = Box<dyn Fn() -> DateTime<Utc> + Send>;

/// The bot at work on one governance repository.
pub struct Bot {
    repo: Repository,
    forge: Box<dyn Forge>,
    rules_cache: RulesCache,
    known: KnownCases,
    clock: Clock,
    signer: Option<SigningKey>,
    /// What contains commands; none for this very program.
    countersign: Option<PathBuf>,
}

/// What became of one pull request in a run.
#[derive(Debug, Clone)]
pub struct Handled {
    pub number: PullNumber,
    /// The case, where it is known.
    pub id: Option<CaseId>,
    /// How it ended; none while it waits.
    pub status: Option<Status>,
    /// As which other pull request its case was decided.
    pub decided_as: Option<PullNumber>,
    /// What people are told.
    pub report: Report,
    /// Whether that is news.
    pub is_news: bool,
    /// Everything that the bot makes of it, while it waits.
    pub pending: Option<Arc<Pending>>,
}

/// A batch of pull requests that was worked off.
#[derive(Default)]
struct Worked {
    handled: Vec<Handled>,
    /// Those that may not be decided at the moment.
    left: Vec<PullNumber>,
    /// Why the first of those was left.
    failure: Option<BotError>,
}

impl Worked {
    /// Leaves a pull request as it is for the next run. What is true of one says nothing of the others.
    fn leave(&mut self, number: PullNumber, error: BotError) {
        tracing::warn!("{number} is left for the next run: {error}");
        self.left.push(number);
        self.failure.get_or_insert(error);
    }
}

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Every pull request that was open.
    pub handled: Vec<Handled>,
    /// Every execution that ended, with its word: success, failure or unknown.
    pub executed: Vec<(CaseId, &'static str)>,
    /// What was approved and is not carried out, because it would be asked more by now.
    pub rescored: Vec<Rescored>,
}

impl Bot {
    /// A bot for a repository and the forge that holds its pull requests.
    pub fn new(repo: Repository, forge: Box<dyn Forge>, clock: Clock) -> Self {
        Self {
            repo,
            forge,
            rules_cache: RulesCache::default(),
            known: KnownCases::default(),
            clock,
            signer: None,
            countersign: None,
        }
    }

    /// The same bot, which contains commands by this `countersign` and not by the program that it is part of.
    #[must_use]
    pub fn containing_by(self, countersign: PathBuf) -> Self {
        Self {
            countersign: Some(countersign),
            ..self
        }
    }

    /// The same bot, whose commits on `main` are signed.
    #[must_use]
    pub fn signed_by(self, signer: Option<SigningKey>) -> Self {
        Self { signer, ..self }
    }

    /// The same bot, with another limit for the policy tests of one version of the rules.
    #[must_use]
    pub fn with_test_limit(self, limit: Duration) -> Self {
        Self {
            rules_cache: self.rules_cache.with_test_limit(limit),
            ..self
        }
    }

    pub const fn repository(&self) -> &Repository {
        &self.repo
    }

    /// Who is in the teams that the rules name, as the forge said last.
    pub const fn teams(&self) -> &Teams {
        self.rules_cache.teams()
    }

    /// Works off every open pull request and every unfinished execution. `progress` is told how many
    /// of how many pull requests are done.
    ///
    /// # Errors
    /// When the repository or the forge fails; what was published by then stays published.
    pub fn run(&mut self, progress: &mut dyn FnMut(usize, usize)) -> Result<Summary, BotError> {
        // The forge takes the time of this clock for when it saw things.
        Draft::on(&self.repo, Some(self.main()?))?.now((self.clock)())?;
        newest_engine::check(&self.repo, self.main()?)?;
        let mut summary = Summary::default();
        let ended = self.work(&mut summary, progress);
        // Also after a failure: what was told by now is not told again by the next process.
        let untold = self.forge.end_run(&self.repo);
        ended?;
        if untold.is_empty() {
            return Ok(summary);
        }
        Err(BotError::Unreported(Box::new(UnreportedRun {
            summary,
            untold,
        })))
    }

    fn work(
        &mut self,
        summary: &mut Summary,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(), BotError> {
        let mut open = self.open_pulls()?;
        let total = open.iter().filter(|pull| is_decidable(pull)).count();
        // What is opened from now on is for the next run: this one ends, however much is proposed meanwhile.
        let last = open.last().map(|pull| pull.number);
        self.learn_teams()?;
        self.take_freeze_commands(&open)?;
        self.settle_executions(summary)?;
        if !summary.executed.is_empty() {
            // That may have taken long.
            open = self.open_pulls()?;
            self.take_freeze_commands(&open)?;
        }
        let mut done = BTreeSet::new();
        let mut waiting = open_cases::Waiting::new();
        let mut known = self.known.take(&open);
        let mut lost = 0;
        let mut failure = None;
        loop {
            let is_left = |pull: &&Pull| {
                is_decidable(pull) && Some(pull.number) <= last && !done.contains(&pull.number)
            };
            let left: Vec<&Pull> = open.iter().filter(is_left).collect();
            let pulls = left.get(..BATCH).unwrap_or(&left);
            if pulls.is_empty() {
                break;
            }
            let mut cases = OpenCases::new(&open, known).after(waiting.clone());
            let worked_off = self.work_off(pulls, &mut cases)?;
            let (known_by_now, waiting_by_now) = cases.into_parts();
            known = known_by_now;
            let undecided = left.len();
            match worked_off {
                None => {
                    lost += 1;
                    if lost > MOST_TRIES {
                        return Err(BotError::Busy(lost));
                    }
                }
                Some(worked) => {
                    let is_all = worked.left.len() + worked.handled.len() == undecided;
                    let mut ended = worked.handled.iter().filter_map(|handled| handled.status);
                    let may_execute = ended.any(Status::is_approval);
                    lost = 0;
                    waiting = waiting_by_now;
                    done.extend(worked.left);
                    done.extend(worked.handled.iter().map(|handled| handled.number));
                    summary.handled.extend(worked.handled);
                    failure = failure.or(worked.failure);
                    progress(done.len(), total.max(done.len()));
                    if is_all && !may_execute {
                        break;
                    }
                }
            }
            // Read anew for every batch, and before anything is executed: a review, a push or a `/freeze` in the meantime
            // is heard.
            open = self.open_pulls()?;
            self.take_freeze_commands(&open)?;
        }
        self.known = known;
        self.settle_executions(summary)?;
        self.record_afterwords()?;
        let failure = match failure {
            None => self.find_unadopted()?,
            failure => failure,
        };
        match consolidate(&self.repo) {
            Ok(Maintenance::Consolidated { before, after }) => {
                tracing::info!("consolidated {before} packs to {after}");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("{error}; the repository only becomes slower until that works")
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// That nothing was written because somebody else wrote to `main`. Where the rules cannot be read either, that is
    /// said on each pull request, and has to be mended first.
    fn find_unadopted(&mut self) -> Result<Option<BotError>, BotError> {
        let tip = self.main()?;
        let commit = self.repo.read_commit(tip)?;
        let rules = self.rules_cache.read(self.repo.objects(), commit.tree)?;
        if rules.valid().is_none() || !ForeignCheck::new(&self.repo).is_foreign(&commit)? {
            return Ok(None);
        }
        Ok(Some(LedgerError::Unadopted(tip).into()))
    }

    /// Stops everything before anything is merged or executed, if somebody asks for that on any of these pull requests,
    /// or on one that has ended. Returns where the answer to that could not be given: it has to be heard again.
    fn take_freeze_commands(&mut self, pulls: &[Pull]) -> Result<BTreeSet<PullNumber>, BotError> {
        let afterwords = self.forge.afterwords();
        let talks = Talk::of_all(pulls, &afterwords);
        if !talks.iter().any(Talk::may_freeze) {
            return Ok(BTreeSet::new());
        }
        self.append(pulls, |evaluator| evaluator.take_freeze_commands(&talks))?;
        self.answer_freeze_commands(&Talk::of_all(&[], &afterwords))
    }

    /// On an open pull request the report says that everything is frozen; on one that has ended, this does. Returns
    /// where that failed.
    fn answer_freeze_commands(
        &mut self,
        talks: &[Talk<'_>],
    ) -> Result<BTreeSet<PullNumber>, BotError> {
        let mut unanswered = BTreeSet::new();
        if !talks.iter().any(Talk::may_freeze) {
            return Ok(unanswered);
        }
        let root = self.repo.read_commit(self.main()?)?.tree;
        let version = self.rules_cache.read(self.repo.objects(), root)?;
        let bytes = self.repo.read_path(root, Freeze::PATH)?;
        let (Some(version), Some(bytes)) = (version.valid(), bytes) else {
            return Ok(unanswered);
        };
        let Ok(freeze) = yaml::read::<Freeze>(Freeze::PATH, &bytes) else {
            return Ok(unanswered);
        };
        for command in commands::freeze_commands(talks, &version.rules) {
            if let Some(answer) = command.answer(&freeze)
                && self.forge.say_after_end(&answer) == Told::Later
            {
                unanswered.insert(answer.number);
            }
        }
        Ok(unanswered)
    }

    /// Hears what was said on pull requests after they had ended: feedback is recorded, and a freeze stops everything.
    fn record_afterwords(&mut self) -> Result<(), BotError> {
        let mut said = self.forge.afterwords();
        if said.is_empty() {
            return Ok(());
        }
        let unanswered = self.take_freeze_commands(&[])?;
        let read = self.append(&[], |evaluator| evaluator.record_afterwords(&said))?;
        if read != CommandReading::Nothing {
            said.retain(|said| !unanswered.contains(&said.number));
            self.forge.forget_afterwords(&said);
        }
        Ok(())
    }

    /// Appends to `main` whatever `append` makes of its tip, as often as others are faster.
    fn append<T>(
        &mut self,
        pulls: &[Pull],
        mut append: impl FnMut(&mut Evaluator<'_, '_, '_>) -> Result<T, BotError>,
    ) -> Result<T, BotError> {
        let _turn = self.repo.wait_for_turn(TURN);
        for _ in 0..MOST_TRIES {
            let base = self.main()?;
            let mut draft = Draft::on(&self.repo, Some(base))?.signed_by(self.signer.as_ref());
            let now = draft.now((self.clock)())?;
            let appended = append(&mut Evaluator {
                repo: &self.repo,
                rules_cache: &mut self.rules_cache,
                draft: &mut draft,
                now,
                open: &mut OpenCases::new(pulls, KnownCases::default()),
                forge: None,
            })?;
            let published = match publication(draft, now, Vec::new())? {
                Some(publication) => self.forge.publish(&self.repo, publication)?,
                None => Published::Done,
            };
            if published == Published::Done {
                return Ok(appended);
            }
        }
        Err(BotError::Busy(MOST_TRIES))
    }

    /// Asks the forge who is in the teams that the rules name. A team that cannot be asked has no members.
    fn learn_teams(&mut self) -> Result<(), BotError> {
        let root = self.repo.read_commit(self.main()?)?.tree;
        self.learn_teams_of(root)
    }

    /// The same for the rules of a tree.
    fn learn_teams_of(&mut self, root: Sha) -> Result<(), BotError> {
        let version = self.rules_cache.read(self.repo.objects(), root)?;
        let Some(version) = version.valid() else {
            return Ok(());
        };
        let mut teams = Teams::new();
        for team in version.rules.people.teams() {
            let members = match self.forge.team_members(team) {
                Ok(members) => TeamMembers::Known(members),
                Err(error) => {
                    tracing::warn!("nobody counts as a member of `{team}` for now: {error}");
                    TeamMembers::Unknown(error.brief())
                }
            };
            teams.insert(team.to_owned(), members);
        }
        self.rules_cache.know_teams(teams);
        Ok(())
    }

    /// Every pull request that is not ended yet, drafts among them.
    pub fn open_pulls(&mut self) -> Result<Vec<Pull>, BotError> {
        let now = (self.clock)();
        Ok(self.forge.open_pulls(&self.repo, now)?)
    }

    /// One pull request, ended or not.
    pub fn find_pull(&mut self, number: PullNumber) -> Result<Option<Pull>, BotError> {
        Ok(self.forge.find_pull(&self.repo, number)?)
    }

    /// The time, as this bot is told it.
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// When what waits is to be heard again though nothing happens: a window of the rules opens or ends, enough of a limit
    /// is free again, or evidence grows stale.
    pub fn next_change(&mut self, handled: &[Handled]) -> Result<Option<DateTime<Utc>>, BotError> {
        let now = (self.clock)();
        let root = self.repo.read_commit(self.main()?)?.tree;
        let version = self.rules_cache.read(self.repo.objects(), root)?;
        let Some(Version { rules, .. }) = version.valid() else {
            return Ok(None);
        };
        let pending = handled.iter().filter_map(|one| one.pending.as_ref());
        let evaluations = pending.map(|pending| &pending.evaluation);
        let stale = evaluations
            .clone()
            .filter_map(|waiting| rules.evidence_stale_at(&waiting.attested.evidence, now));
        let assessed = evaluations.filter_map(|waiting| waiting.assessment.as_ref());
        let fired = assessed.flat_map(|assessment| &assessment.triggers);
        let free = fired.filter_map(|fired| fired.limit.as_ref()?.free_at);
        let windows = rules.governance.windows.next_change(now);
        let all = free.filter(|at| *at > now).chain(stale).chain(windows);
        Ok(all.min())
    }

    /// The tip of `main`.
    pub fn main(&self) -> Result<Sha, BotError> {
        Ok(self.repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?)
    }

    /// Decides a batch of pull requests and publishes what was decided; none if the race was lost.
    fn work_off(
        &mut self,
        pulls: &[&Pull],
        open: &mut OpenCases<'_>,
    ) -> Result<Option<Worked>, BotError> {
        let _turn = self.repo.wait_for_turn(TURN);
        let base = self.main()?;
        newest_engine::check(&self.repo, base)?;
        let mut draft = Draft::on(&self.repo, Some(base))?.signed_by(self.signer.as_ref());
        let now = draft.now((self.clock)())?;
        let mut evaluator = Evaluator {
            repo: &self.repo,
            rules_cache: &mut self.rules_cache,
            draft: &mut draft,
            now,
            open,
            forge: Some(self.forge.as_mut()),
        };
        let asks_before_merge = evaluator.asks_before_merge();
        let mut worked = Worked::default();
        let (mut conclusions, mut reports) = (Vec::new(), Vec::new());
        let mut decisions = Vec::new();
        for pull in pulls.iter().copied() {
            let mut evaluation = match evaluator.evaluate(pull) {
                Ok(evaluation) => evaluation,
                // Objects of this one are gone; if it is the repository that loses them, none is decided.
                Err(error) if error.is_missing() => {
                    worked.leave(pull.number, error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut confirmed = None;
            let basis = evaluation.find_basis();
            let ends_batch = basis.is_some() && asks_before_merge;
            if let Some(basis) = basis {
                match evaluator.confirm(pull, basis) {
                    // Nothing new was said, so the answer is the same.
                    Ok(Some(asked)) if asked == *pull => {}
                    Ok(Some(asked)) => {
                        evaluation = evaluator.evaluate(&asked)?;
                        confirmed = Some(asked);
                    }
                    Ok(None) => {
                        worked.left.push(pull.number);
                        continue;
                    }
                    Err(error) => {
                        worked.leave(pull.number, error.into());
                        continue;
                    }
                }
            }
            let pull = confirmed.as_ref().unwrap_or(pull);
            let decision = evaluation.as_decision(pull);
            let answer = evaluator.act(pull, evaluation)?;
            let conclude = |status, report: &Report| Conclusion {
                number: pull.number,
                branch: pull.branch.clone(),
                head: pull.head,
                status,
                report: report.clone(),
            };
            let is_news = pull.last_report.as_deref() != Some(answer.report().text().as_str());
            match &answer {
                ProposalOutcome::Ended { status, .. } => {
                    conclusions.push(conclude(*status, answer.report()));
                    decisions.extend(decision.map(|decision| (*status, decision)));
                }
                ProposalOutcome::Waiting { evaluation } if is_news => {
                    reports.push((pull.number, evaluation.report.clone()))
                }
                ProposalOutcome::Waiting { .. } => {}
            }
            worked.handled.push(answer.handled(pull, is_news));
            if ends_batch {
                break;
            }
        }
        if let Some(publication) = publication(draft, now, conclusions)?
            && self.forge.publish(&self.repo, publication)? == Published::Lost
        {
            return Ok(None);
        }
        for (status, decision) in decisions {
            decision.log(status, now);
        }
        self.forge.report(&self.repo, reports, now)?;
        let pending = worked.handled.iter_mut();
        for pending in pending.filter_map(|handled| handled.pending.as_mut()) {
            if let Some(pending) = Arc::get_mut(pending) {
                pending.learn_asked(self.forge.as_ref());
            }
        }
        Ok(Some(worked))
    }
}

fn is_decidable(pull: &Pull) -> bool {
    pull.state != PullState::Draft
}

/// What is to be published of a draft; none if there is nothing in it and nothing follows from it.
fn publication(
    draft: Draft<'_>,
    now: DateTime<Utc>,
    conclusions: Vec<Conclusion>,
) -> Result<Option<Publication>, BotError> {
    if draft.is_empty() && conclusions.is_empty() {
        return Ok(None);
    }
    Ok(Some(Publication {
        base: draft.base(),
        tip: draft.tip()?,
        buffer: draft.into_buffer(),
        conclusions,
        now,
    }))
}
