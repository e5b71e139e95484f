//! What all handlers share: the workers of every repository that this server serves, and what is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;

use axum::extract::FromRef;
use secrecy::SecretString;
use tokio::sync::{Semaphore, watch};

use super::attempts::Attempts;
use super::dashboard::{MOST_FOLLOWERS, Sessions};
use super::listen_config::ListenConfig;
use super::metrics::Metrics;
use super::search::{Search, search};
use super::setup::Setup;
use super::webhooks::Deliveries;
use super::worker::{PollIntervals, RepositoryWorker, WorkerConfig, lock};

/// Everything that a handler may ask. A clone of it is the same server state.
#[derive(Clone)]
pub struct AppState {
    shared: Arc<Shared>,
}

struct Shared {
    /// By the repository's name in lower case: GitHub does not tell names by case.
    workers: RwLock<BTreeMap<String, RepositoryWorker>>,
    intervals: PollIntervals,
    metrics: Metrics,
    listen_config: Arc<ListenConfig>,
    sessions: Sessions,
    followers: Arc<Semaphore>,
    attempts: Attempts,
    closing: watch::Sender<bool>,
    webhook_secret: RwLock<Option<SecretString>>,
    deliveries: Mutex<Deliveries>,
    setup: Option<Setup>,
    searching: Mutex<Option<Searching>>,
    is_searched: AtomicBool,
}

/// The thread that looks for repositories.
struct Searching {
    wake: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl FromRef<AppState> for Metrics {
    fn from_ref(app_state: &AppState) -> Self {
        app_state.shared.metrics.clone()
    }
}

impl FromRef<AppState> for Sessions {
    fn from_ref(app_state: &AppState) -> Self {
        app_state.sessions().clone()
    }
}

impl FromRef<AppState> for Arc<ListenConfig> {
    fn from_ref(app_state: &AppState) -> Self {
        Self::clone(&app_state.shared.listen_config)
    }
}

impl AppState {
    /// A server state that keeps nothing yet. With `setup` an App can be registered.
    pub fn new(
        intervals: PollIntervals,
        listen_config: ListenConfig,
        setup: Option<Setup>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                workers: RwLock::default(),
                intervals,
                metrics: Metrics::default(),
                listen_config: Arc::new(listen_config),
                sessions: Sessions::default(),
                followers: Arc::new(Semaphore::new(MOST_FOLLOWERS)),
                attempts: Attempts::default(),
                closing: watch::Sender::new(false),
                webhook_secret: RwLock::default(),
                deliveries: Mutex::default(),
                setup,
                searching: Mutex::default(),
                is_searched: AtomicBool::new(true),
            }),
        }
    }

    /// Looks for repositories to keep, now and from time to time.
    pub fn search(&self, how: Search) -> std::io::Result<()> {
        let (wake, woken) = mpsc::channel();
        let app_state = self.clone();
        self.shared.is_searched.store(false, Ordering::Relaxed);
        let thread = std::thread::Builder::new()
            .name("search".to_owned())
            .spawn(move || search(&app_state, how, &woken))?;
        *lock(&self.shared.searching) = Some(Searching {
            wake,
            thread: Some(thread),
        });
        Ok(())
    }

    /// Has the search look now.
    pub fn look_around(&self) {
        if let Some(searching) = &*lock(&self.shared.searching) {
            // A search that has ended finds nothing more.
            let _ = searching.wake.send(());
        }
    }

    pub(super) fn searched(&self) {
        self.shared.is_searched.store(true, Ordering::Relaxed);
    }

    /// Whether it is known which repositories are to be kept.
    pub fn is_searched(&self) -> bool {
        self.shared.is_searched.load(Ordering::Relaxed)
    }

    /// What webhooks are signed with; none if there are to be none.
    pub fn webhook_secret(&self) -> Option<SecretString> {
        let secret = self.shared.webhook_secret.read();
        secret.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on webhooks are signed with this.
    pub fn use_webhook_secret(&self, secret: SecretString) {
        let known = self.shared.webhook_secret.write();
        *known.unwrap_or_else(PoisonError::into_inner) = Some(secret);
    }

    /// Whether a delivery of this id is new.
    pub(super) fn remember_delivery(&self, id: &str) -> bool {
        lock(&self.shared.deliveries).remember(id)
    }

    /// The registration of an App, if one can take place here.
    pub fn setup(&self) -> Option<&Setup> {
        self.shared.setup.as_ref()
    }

    /// Starts to keep a repository; one that is kept already stays with its worker.
    pub fn keep(&self, config: WorkerConfig) -> std::io::Result<RepositoryWorker> {
        let key = config.name.to_ascii_lowercase();
        let mut workers = self
            .shared
            .workers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(worker) = workers.get(&key) {
            return Ok(worker.clone());
        }
        let worker =
            RepositoryWorker::start(config, self.shared.intervals, self.shared.metrics.clone())?;
        workers.insert(key, worker.clone());
        Ok(worker)
    }

    /// Lets a repository go, when its worker has done what it was given.
    pub fn let_go(&self, name: &str) {
        let mut workers = self
            .shared
            .workers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(worker) = workers.remove(&name.to_ascii_lowercase()) {
            worker.stop();
        }
    }

    /// Every worker, by the names of their repositories.
    pub fn workers(&self) -> Vec<RepositoryWorker> {
        let workers = self.shared.workers.read();
        let workers = workers.unwrap_or_else(PoisonError::into_inner);
        workers.values().cloned().collect()
    }

    /// The worker of the repository of this name.
    pub fn find_worker(&self, name: &str) -> Option<RepositoryWorker> {
        let workers = self.shared.workers.read();
        let workers = workers.unwrap_or_else(PoisonError::into_inner);
        workers.get(&name.to_ascii_lowercase()).cloned()
    }

    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Who has failed to be let in.
    pub(super) fn attempts(&self) -> &Attempts {
        &self.shared.attempts
    }

    /// How the server is reached.
    pub fn listen_config(&self) -> &ListenConfig {
        &self.shared.listen_config
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.shared.sessions
    }

    /// One for each page that may follow the trail at this moment.
    pub(super) fn followers(&self) -> Arc<Semaphore> {
        Arc::clone(&self.shared.followers)
    }

    /// How often workers look by themselves.
    pub fn intervals(&self) -> PollIntervals {
        self.shared.intervals
    }

    /// Hears when the server stops: an answer that never ends by itself ends then.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.shared.closing.subscribe()
    }

    /// Whether the server stops.
    pub fn is_closing(&self) -> bool {
        *self.shared.closing.borrow()
    }

    /// Takes no more work.
    pub fn close(&self) {
        self.shared.closing.send_replace(true);
        self.look_around();
        for worker in self.workers() {
            worker.stop();
        }
    }

    /// Waits until what was accepted is done.
    pub async fn closed(&self) {
        let app_state = self.clone();
        let joined = tokio::task::spawn_blocking(move || {
            let searching = lock(&app_state.shared.searching).take();
            let thread = searching.and_then(|searching| searching.thread);
            if thread.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("the search for repositories has panicked");
            }
            // The search may have found one more before it ended.
            let workers = app_state.workers();
            for worker in &workers {
                worker.stop();
            }
            for worker in workers {
                worker.join();
            }
        });
        if joined.await.is_err() {
            tracing::error!("a repository worker could not be waited for");
        }
    }
}
