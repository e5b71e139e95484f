//! What a worker's thread does from its start to its end: the loop, its timers, and what follows when
//! something fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

use super::case_store::News;
use super::worker::{BotFactory, NextTask, PollIntervals, Shared, WorkerError, guarded};
use crate::bot::{Bot, BotError, Handled, Summary};
use crate::domain::ids::{PullNumber, Sha};
use crate::forge::local::LocalForge;
use crate::ledger::{LookBack, foreign_commits};

/// The first wait after a failure; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How far back a server that starts looks for commits that the bot did not make.
const LOOK_BACK: TimeDelta = TimeDelta::days(30);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// One worker at work.
pub(super) struct WorkerLoop {
    shared: Arc<Shared>,
    bot_factory: BotFactory,
    intervals: PollIntervals,
    bot: Option<Bot>,
    updater: Sender<News>,
    failures: u32,
    /// When everything is read anew.
    reconcile_at: Instant,
    /// When a run that failed is tried again.
    again_at: Option<Instant>,
    /// When a window of the rules opens or ends next.
    changes_at: Option<Instant>,
    /// Before this, nobody wakes the worker: it has just failed.
    rests_until: Instant,
    /// What a local repository looked like before the last run.
    seen: Option<u64>,
    open: BTreeSet<PullNumber>,
    counted_calls: u64,
    /// The tip of `main` up to which every commit is known to be the bot's, or was told not to be.
    looked_at: Option<Sha>,
}

impl WorkerLoop {
    pub(super) fn new(
        shared: Arc<Shared>,
        bot_factory: BotFactory,
        intervals: PollIntervals,
        updater: Sender<News>,
    ) -> Self {
        let now = Instant::now();
        Self {
            shared,
            bot_factory,
            intervals,
            bot: None,
            updater,
            failures: 0,
            reconcile_at: now + intervals.reconcile,
            again_at: Some(now),
            changes_at: None,
            rests_until: now,
            seen: None,
            open: BTreeSet::new(),
            counted_calls: 0,
            looked_at: None,
        }
    }

    /// Works until the server stops.
    pub(super) fn work(&mut self) {
        loop {
            match self.shared.next(self.rests_until, self.until()) {
                NextTask::Job(job) => {
                    let name = self.shared.name.clone();
                    let bot = self.bot().map_err(|error| WorkerError::Unreachable {
                        name,
                        reason: error.to_string(),
                    });
                    if let Err(panic) = guarded(|| job(bot)) {
                        tracing::error!("work on `{}` {panic}", self.shared.name);
                        self.bot = None;
                        self.read_anew();
                    }
                    self.look_after_work();
                }
                NextTask::Woken => self.run(),
                NextTask::Timer => self.on_timer(),
                NextTask::Stop => return,
            }
        }
    }

    fn until(&self) -> Instant {
        let next = self.again_at.unwrap_or(self.reconcile_at);
        let next = self.changes_at.map_or(next, |at| at.min(next));
        match self.shared.github {
            Some(_) => next,
            None => next.min(Instant::now() + self.intervals.look),
        }
    }

    fn on_timer(&mut self) {
        let now = Instant::now();
        let is_due = match self.again_at {
            Some(at) => now >= at,
            None if self.changes_at.is_some_and(|at| now >= at) => true,
            None => now >= self.reconcile_at || self.shared.github.is_none() && self.has_moved(),
        };
        if is_due {
            self.run();
        }
    }

    /// Whether a local repository looks different from when the last run began.
    fn has_moved(&self) -> bool {
        let bot = self.bot.as_ref();
        let now = bot.and_then(fingerprint);
        now.is_none() || now != self.seen
    }

    /// The bot, made if there is none.
    fn bot(&mut self) -> anyhow::Result<&mut Bot> {
        let bot = match self.bot.take() {
            Some(bot) => bot,
            None => guarded(&mut self.bot_factory).map_err(anyhow::Error::msg)??,
        };
        Ok(self.bot.insert(bot))
    }

    /// Work that was handed in may have moved something.
    fn look_after_work(&mut self) {
        let main = self.bot.as_ref().and_then(|bot| bot.main().ok());
        let known = self.shared.standing.borrow().main;
        let is_behind = if self.shared.github.is_some() {
            main.is_some() && main != known
        } else {
            self.bot.is_some() && self.has_moved()
        };
        if is_behind && self.again_at.is_none() {
            self.again_at = Some(Instant::now());
        }
        if main.is_some() && main != known {
            self.shared
                .standing
                .send_modify(|standing| standing.main = main);
        }
        self.count_calls();
    }

    fn run(&mut self) {
        let begun = Instant::now();
        if begun >= self.reconcile_at {
            self.reconcile_at = begun + self.intervals.reconcile;
            self.read_anew();
        }
        self.again_at = None;
        let mut seen = None;
        let (decides, is_local) = (self.shared.decides, self.shared.github.is_none());
        let done = self.bot().map(|bot| {
            // Looked at first: what moves during the run is seen as moved after it.
            seen = is_local.then(|| fingerprint(bot)).flatten();
            guarded(|| {
                if decides {
                    bot.run(&mut |_, _| {})
                } else {
                    bot.look_on()
                }
            })
        });
        let ended = Instant::now();
        self.count_calls();
        self.look_for_foreign_commits();
        let ran = done.as_ref().ok().and_then(|done| done.as_ref().ok());
        let summary = ran.and_then(|ran| match ran {
            Ok(summary) => Some(summary),
            Err(BotError::Unreported(run)) => Some(&run.summary),
            Err(_) => None,
        });
        self.tell_updater(summary);
        let handled = summary.map_or(&[][..], |summary| &summary.handled);
        self.changes_at = self.find_next_change(handled);
        match done {
            Ok(Ok(Ok(summary))) => self.on_success(&summary, ended),
            // Everything was decided: only who was to be told has to wait.
            Ok(Ok(Err(BotError::Unreported(run)))) => {
                self.learn(&run.summary, Some(run.to_string()));
                self.on_failure(&run.to_string(), ended);
            }
            Ok(Ok(Err(error))) => self.on_failure(&error.to_string(), ended),
            Ok(Err(panic)) => {
                // What it held in its hands may be half done.
                self.bot = None;
                self.read_anew();
                self.on_failure(&panic.to_string(), ended);
            }
            Err(error) => self.on_failure(&format!("{error:#}"), ended),
        }
        self.seen = seen;
        self.shared
            .metrics
            .ran(&self.shared.name, self.failures == 0, ended - begun);
    }

    /// When what waits is to be heard again, though nothing happened.
    fn find_next_change(&mut self, handled: &[Handled]) -> Option<Instant> {
        let bot = self.bot.as_mut()?;
        let change = bot.next_change(handled).ok().flatten()?;
        let wait = (change - bot.now()).to_std().ok()?;
        Instant::now().checked_add(wait)
    }

    fn tell_updater(&self, summary: Option<&Summary>) {
        let Some(bot) = &self.bot else { return };
        let pending = summary.map(|summary| {
            let handled = summary.handled.iter();
            handled.filter_map(|one| one.pending.clone()).collect()
        });
        let news = News {
            path: bot.repository().path().to_owned(),
            teams: bot.teams().clone(),
            pending,
        };
        if self.updater.send(news).is_err() {
            tracing::error!(
                "the case store of `{}` has stopped: what is shown grows old",
                self.shared.name
            );
        }
    }

    /// Raises the alarm when somebody else has moved `main`, by the merge button or by a push.
    fn look_for_foreign_commits(&mut self) {
        let Some(bot) = &self.bot else { return };
        let Ok(tip) = bot.main() else { return };
        if self.looked_at == Some(tip) {
            return;
        }
        let look = |look_back| foreign_commits(bot.repository(), tip, look_back);
        let anew = || look(LookBack::Until(Utc::now() - LOOK_BACK));
        let found = match self
            .looked_at
            .map_or_else(anew, |at| look(LookBack::To(at)))
        {
            // Some of those that were found before are adopted.
            Ok(found) if found.has_adoption && found.is_continued => anew(),
            found => found,
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => return tracing::error!("`main` cannot be looked at: {error}"),
        };
        self.looked_at = Some(tip);
        for foreign in &found.unadopted {
            tracing::error!(
                "alarm: {} on `main` of `{}` was not made by the bot: {:?} by {:?}; nothing is decided on top of it before an admin adopts it with `countersign adopt`",
                foreign.commit.short(),
                self.shared.name,
                foreign.subject,
                foreign.by,
            );
        }
        self.shared.standing.send_modify(|standing| {
            if !found.is_continued {
                standing.foreign.clear();
            }
            standing.foreign.splice(0..0, found.unadopted);
        });
        let count = self.shared.standing.borrow().foreign.len();
        self.shared.metrics.found_foreign(&self.shared.name, count);
    }

    /// Has the next run read everything from GitHub.
    fn read_anew(&self) {
        if let Some(github) = &self.shared.github {
            github.reconcile();
        }
    }

    fn on_success(&mut self, summary: &Summary, now: Instant) {
        self.failures = 0;
        self.rests_until = now;
        self.learn(summary, None);
        self.shared
            .standing
            .send_modify(|standing| standing.runs += 1);
    }

    /// Everything was read and decided. Whoever watches sees the success together with what still went wrong.
    fn learn(&mut self, summary: &Summary, failure: Option<String>) {
        let waiting = summary.handled.iter().filter(|one| one.status.is_none());
        self.open = waiting.map(|one| one.number).collect();
        let at = Utc::now();
        self.shared.metrics.learn(&self.shared.name, summary, at);
        let main = self.bot.as_ref().and_then(|bot| bot.main().ok());
        self.shared.standing.send_modify(|standing| {
            standing.main = main;
            standing.last_success = Some(at);
            standing.failure = failure;
            standing.open.clone_from(&self.open);
        });
    }

    fn on_failure(&mut self, words: &str, now: Instant) {
        let wait = FIRST_WAIT
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.rests_until = now + FIRST_WAIT;
        self.again_at = Some(now + wait);
        tracing::error!(
            "the run on `{}` failed: {words}; trying again in {} s",
            self.shared.name,
            wait.as_secs()
        );
        self.shared.standing.send_modify(|standing| {
            standing.runs += 1;
            standing.failure = Some(words.to_owned());
        });
    }

    fn count_calls(&mut self) {
        let Some(github) = &self.shared.github else {
            return;
        };
        let calls = github.api_calls();
        self.shared
            .metrics
            .called(&self.shared.name, calls - self.counted_calls);
        self.counted_calls = calls;
    }
}

/// What a local repository looks like, as far as that calls for a run.
fn fingerprint(bot: &Bot) -> Option<u64> {
    LocalForge::fingerprint(bot.repository()).ok()
}
