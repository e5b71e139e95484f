//! The worker of one governance repository: the thread that owns its bot, and the handle by which
//! everything else in the server reaches it.
//!
//! A bot blocks and cannot be shared, so one thread owns it and does one thing after the other: what
//! others hand in, then a run if somebody woke it, its timer ended or something moved. Wake-ups that
//! come during a run are one more run. A run that fails or panics is reported and tried again.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::{oneshot, watch};

use super::case_store::CaseStore;
use super::metrics::Metrics;
use super::proposals::ProposalQueue;
use super::tokens::Tokens;
use super::worker_loop::WorkerLoop;
use crate::bot::Bot;
use crate::domain::ids::{PullNumber, Sha};
use crate::forge::github::GithubForge;
use crate::ledger::ForeignCommit;

/// Makes the bot, at the start and again after a panic.
pub type BotFactory = Box<dyn FnMut() -> anyhow::Result<Bot> + Send>;

/// What a worker keeps.
pub struct WorkerConfig {
    /// How people know the repository: `OWNER/NAME`, or its path.
    pub name: String,
    /// Makes the bot; may ask the network, and may fail for a while.
    pub bot_factory: BotFactory,
    /// Its forge, if it is on GitHub: webhooks are told to it.
    pub github: Option<GithubForge>,
    /// By what people and agents are let in; none where there is no place to keep it.
    pub tokens: Option<Tokens>,
    /// Whether its bot decides. One that only looks on serves an agent on the agent's own machine, under the
    /// agent's own account.
    pub decides: bool,
}

impl fmt::Debug for WorkerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerConfig").field(&self.name).finish()
    }
}

/// How often a worker looks by itself.
#[derive(Debug, Clone, Copy)]
pub struct PollIntervals {
    /// Whether something moved in a local repository.
    pub look: Duration,
    /// Everything is read anew: what no webhook told is heard then, and what time alone decides happens.
    pub reconcile: Duration,
}

/// Where a repository stands. Whoever watches hears of every change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerStatus {
    /// The tip of `main`.
    pub main: Option<Sha>,
    /// How many runs have ended, well or badly.
    pub runs: u64,
    /// When a run last ended well; none before the first one has.
    pub last_success: Option<DateTime<Utc>>,
    /// The pull requests that were open then, and wait.
    pub open: BTreeSet<PullNumber>,
    /// Why the last run failed; none if it did not.
    pub failure: Option<String>,
    /// Commits on `main` that the bot did not make, the newest first.
    pub foreign: Vec<ForeignCommit>,
}

/// Why a worker did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("the server is stopping: try again when it has started anew")]
    Stopping,
    /// The repository cannot be reached at the moment.
    #[error("`{name}` cannot be reached at the moment: {reason}")]
    Unreachable { name: String, reason: String },
    #[error("an error in the server itself stopped the work on `{0}`: its log says more")]
    Panicked(String),
}

/// The worker of one governance repository. A clone of it is the same worker.
#[derive(Clone)]
pub struct RepositoryWorker {
    pub(super) shared: Arc<Shared>,
}

/// Work for the bot; or why there is no bot.
type Job = Box<dyn FnOnce(Result<&mut Bot, WorkerError>) + Send>;

pub(super) struct Shared {
    pub(super) name: String,
    pub(super) github: Option<GithubForge>,
    pub(super) metrics: Metrics,
    pub(super) case_store: CaseStore,
    /// Where proposals are written; none where an agent opens its pull requests itself.
    proposals: Option<ProposalQueue>,
    tokens: Option<Tokens>,
    pub(super) decides: bool,
    pub(super) standing: watch::Sender<WorkerStatus>,
    inbox: Mutex<Inbox>,
    wakeup: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Inbox {
    is_woken: bool,
    is_stopping: bool,
    /// Whether the thread does something at this moment.
    is_busy: bool,
    jobs: VecDeque<Job>,
}

impl Inbox {
    /// What waits or is being done. At 0 nothing follows from what came so far.
    fn depth(&self) -> usize {
        self.jobs.len() + usize::from(self.is_woken) + usize::from(self.is_busy)
    }
}

/// What the thread is to do next.
pub(super) enum NextTask {
    /// What somebody handed in.
    Job(Job),
    /// A run, because somebody woke the worker.
    Woken,
    /// The time is up.
    Timer,
    /// Nothing is left, and the server stops.
    Stop,
}

impl fmt::Debug for RepositoryWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RepositoryWorker")
            .field(&self.shared.name)
            .finish()
    }
}

impl RepositoryWorker {
    /// Starts to keep a repository; the first run begins at once.
    pub fn start(
        config: WorkerConfig,
        intervals: PollIntervals,
        metrics: Metrics,
    ) -> std::io::Result<Self> {
        let (case_store, updater) = CaseStore::open(&config.name)?;
        let proposals = match config.github {
            None => Some(ProposalQueue::start(case_store.clone())?),
            Some(_) => None,
        };
        let shared = Arc::new(Shared {
            name: config.name,
            proposals,
            github: config.github,
            metrics,
            case_store,
            tokens: config.tokens,
            decides: config.decides,
            standing: watch::Sender::new(WorkerStatus::default()),
            inbox: Mutex::default(),
            wakeup: Condvar::new(),
            thread: Mutex::default(),
        });
        let mut worker_loop =
            WorkerLoop::new(Arc::clone(&shared), config.bot_factory, intervals, updater);
        let thread = std::thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || worker_loop.work())?;
        *lock(&shared.thread) = Some(thread);
        Ok(Self { shared })
    }

    /// How people know the repository: `OWNER/NAME`, or its path.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Its forge, if it is on GitHub.
    pub fn github(&self) -> Option<&GithubForge> {
        self.shared.github.as_ref()
    }

    /// Every case of the repository in memory, for handlers to read.
    pub fn case_store(&self) -> &CaseStore {
        &self.shared.case_store
    }

    /// Where proposals are written; none where an agent opens its pull requests itself.
    pub(super) fn proposals(&self) -> Option<&ProposalQueue> {
        self.shared.proposals.as_ref()
    }

    /// By what people and agents are let in; none where there is no place to keep it.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.shared.tokens.as_ref()
    }

    /// Whether its bot decides; otherwise it only looks on.
    pub fn decides(&self) -> bool {
        self.shared.decides
    }

    /// Asks for a run. Many such calls before it begins are one run.
    pub fn wake(&self) {
        let mut inbox = lock(&self.shared.inbox);
        inbox.is_woken = true;
        self.shared.count(&inbox);
        drop(inbox);
        self.shared.wakeup.notify_one();
    }

    /// Asks for a run that reads everything from the forge.
    pub fn reconcile(&self) {
        if let Some(github) = self.github() {
            github.reconcile();
        }
        self.wake();
    }

    /// Hands work to the bot: in turn, between two runs. If it moves anything, a run follows by itself.
    ///
    /// # Errors
    /// When there is no bot at the moment, or the work panics.
    pub async fn with_bot<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Bot) -> T + Send + 'static,
    ) -> Result<T, WorkerError> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |bot| {
            // Whoever asked may have gone.
            let _ = tell.send(bot.map(work));
        });
        {
            let mut inbox = lock(&self.shared.inbox);
            if inbox.is_stopping {
                return Err(WorkerError::Stopping);
            }
            inbox.jobs.push_back(job);
            self.shared.count(&inbox);
        }
        self.shared.wakeup.notify_one();
        match told.await {
            Ok(done) => done,
            Err(_) => Err(WorkerError::Panicked(self.shared.name.clone())),
        }
    }

    /// Where it stands now.
    pub fn standing(&self) -> WorkerStatus {
        self.shared.standing.borrow().clone()
    }

    /// Hears when `main` has moved, or a run has ended.
    pub fn watch(&self) -> watch::Receiver<WorkerStatus> {
        self.shared.standing.subscribe()
    }

    /// Takes no more work, and ends when what was accepted is done.
    pub fn stop(&self) {
        lock(&self.shared.inbox).is_stopping = true;
        self.shared.wakeup.notify_one();
    }

    /// Waits until it has ended. Blocks.
    pub fn join(&self) {
        let thread = lock(&self.shared.thread).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the worker of `{}` has panicked", self.shared.name);
        }
    }
}

impl Shared {
    /// Waits for what is to be done next, at most until `until`. A wake-up is heard from `from` on.
    pub(super) fn next(&self, from: Instant, until: Instant) -> NextTask {
        let mut inbox = lock(&self.inbox);
        inbox.is_busy = false;
        let turn = loop {
            if let Some(job) = inbox.jobs.pop_front() {
                break NextTask::Job(job);
            }
            let now = Instant::now();
            if inbox.is_woken && (now >= from || inbox.is_stopping) {
                inbox.is_woken = false;
                break NextTask::Woken;
            }
            if inbox.is_stopping {
                break NextTask::Stop;
            }
            if now >= until {
                break NextTask::Timer;
            }
            self.count(&inbox);
            let end = if inbox.is_woken {
                from.min(until)
            } else {
                until
            };
            let waited = self
                .wakeup
                .wait_timeout(inbox, end.saturating_duration_since(now));
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        inbox.is_busy = true;
        self.count(&inbox);
        turn
    }

    fn count(&self, inbox: &Inbox) {
        self.metrics.queued(&self.name, inbox.depth());
    }
}

/// What something panicked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {0}")]
pub(super) struct Panicked(String);

/// Does something that may panic.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Panicked(words.unwrap_or("without words").to_owned())
    })
}

/// A lock that a panic elsewhere cannot poison: what it guards is whole after every step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
