//! What all handlers share: the keepers of every repository that this server serves, and what is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;

use secrecy::SecretString;
use tokio::sync::watch;

use super::attempts::Attempts;
use super::dashboard::Front;
use super::keeper::{Charge, Keeper, Pace, lock};
use super::metrics::Metrics;
use super::search::{Search, search};
use super::setup::Setup;
use super::webhooks::Deliveries;

/// The names of the machine itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Everything that a handler may ask. A clone of it is the same office.
#[derive(Clone)]
pub struct Office {
    room: Arc<Room>,
}

struct Room {
    /// By the repository's name in lower case: GitHub does not tell names by case.
    keepers: RwLock<BTreeMap<String, Keeper>>,
    pace: Pace,
    metrics: Metrics,
    front: Front,
    attempts: Attempts,
    hosts: RwLock<Vec<String>>,
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

impl Office {
    /// An office that keeps nothing yet. With `setup` an App can be registered.
    pub fn new(pace: Pace, setup: Option<Setup>) -> Self {
        Self {
            room: Arc::new(Room {
                keepers: RwLock::default(),
                pace,
                metrics: Metrics::default(),
                front: Front::default(),
                attempts: Attempts::default(),
                hosts: RwLock::new(LOOPBACK.map(str::to_owned).to_vec()),
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
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn search(&self, how: Search) -> std::io::Result<()> {
        let (wake, woken) = mpsc::channel();
        let office = self.clone();
        self.room.is_searched.store(false, Ordering::Relaxed);
        let thread = std::thread::Builder::new()
            .name("search".to_owned())
            .spawn(move || search(&office, how, &woken))?;
        *lock(&self.room.searching) = Some(Searching {
            wake,
            thread: Some(thread),
        });
        Ok(())
    }

    /// Has the search look now.
    pub fn look_around(&self) {
        if let Some(searching) = &*lock(&self.room.searching) {
            // A search that has ended finds nothing more.
            let _ = searching.wake.send(());
        }
    }

    pub(super) fn searched(&self) {
        self.room.is_searched.store(true, Ordering::Relaxed);
    }

    /// Whether it is known which repositories are to be kept.
    pub fn is_searched(&self) -> bool {
        self.room.is_searched.load(Ordering::Relaxed)
    }

    /// What webhooks are signed with; none if there are to be none.
    pub fn webhook_secret(&self) -> Option<SecretString> {
        let secret = self.room.webhook_secret.read();
        secret.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on webhooks are signed with this.
    pub fn use_webhook_secret(&self, secret: SecretString) {
        let known = self.room.webhook_secret.write();
        *known.unwrap_or_else(PoisonError::into_inner) = Some(secret);
    }

    /// Whether a delivery of this id is new.
    pub(super) fn remember_delivery(&self, id: &str) -> bool {
        lock(&self.room.deliveries).remember(id)
    }

    /// The registration of an App, if one can take place here.
    pub fn setup(&self) -> Option<&Setup> {
        self.room.setup.as_ref()
    }

    /// Starts to keep a repository; one that is kept already stays with its keeper.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn keep(&self, charge: Charge) -> std::io::Result<Keeper> {
        let key = charge.name.to_ascii_lowercase();
        let mut keepers = self
            .room
            .keepers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = keepers.get(&key) {
            return Ok(keeper.clone());
        }
        let keeper = Keeper::start(charge, self.room.pace, self.room.metrics.clone())?;
        keepers.insert(key, keeper.clone());
        Ok(keeper)
    }

    /// Lets a repository go, when its keeper has done what it was given.
    pub fn let_go(&self, name: &str) {
        let mut keepers = self
            .room
            .keepers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = keepers.remove(&name.to_ascii_lowercase()) {
            keeper.stop();
        }
    }

    /// Every keeper, by the names of their repositories.
    pub fn keepers(&self) -> Vec<Keeper> {
        let keepers = self.room.keepers.read();
        let keepers = keepers.unwrap_or_else(PoisonError::into_inner);
        keepers.values().cloned().collect()
    }

    /// The keeper of the repository of this name.
    pub fn find_keeper(&self, name: &str) -> Option<Keeper> {
        let keepers = self.room.keepers.read();
        let keepers = keepers.unwrap_or_else(PoisonError::into_inner);
        keepers.get(&name.to_ascii_lowercase()).cloned()
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.room.metrics
    }

    /// Names under which this server may be asked, beside those of its own machine. Said before it serves.
    pub fn answer_to(&self, names: impl IntoIterator<Item = String>) {
        let hosts = self.room.hosts.write();
        hosts.unwrap_or_else(PoisonError::into_inner).extend(names);
    }

    /// Every name under which this server may be asked.
    pub fn hosts(&self) -> Vec<String> {
        let hosts = self.room.hosts.read();
        hosts.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who has failed to be let in.
    pub(super) fn attempts(&self) -> &Attempts {
        &self.room.attempts
    }

    /// What the dashboard remembers, and how it is reached.
    pub fn front(&self) -> &Front {
        &self.room.front
    }

    /// How often keepers look by themselves.
    pub fn pace(&self) -> Pace {
        self.room.pace
    }

    /// Hears when the server stops: an answer that never ends by itself ends then.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.room.closing.subscribe()
    }

    /// Whether the server stops.
    pub fn is_closing(&self) -> bool {
        *self.room.closing.borrow()
    }

    /// Takes no more work.
    pub fn close(&self) {
        self.room.closing.send_replace(true);
        self.look_around();
        for keeper in self.keepers() {
            keeper.stop();
        }
    }

    /// Waits until what was accepted is done.
    pub async fn closed(&self) {
        let office = self.clone();
        let joined = tokio::task::spawn_blocking(move || {
            let searching = lock(&office.room.searching).take();
            let thread = searching.and_then(|searching| searching.thread);
            if thread.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("the search for repositories has panicked");
            }
            // The search may have found one more before it ended.
            let keepers = office.keepers();
            for keeper in &keepers {
                keeper.stop();
            }
            for keeper in keepers {
                keeper.join();
            }
        });
        if joined.await.is_err() {
            tracing::error!("a keeper could not be waited for");
        }
    }
}
