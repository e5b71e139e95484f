//! What handlers read: every case of one repository in memory, decided and pending, without a bot.
//!
//! The worker's thread says after every run what it found ([`News`]). A thread of the store's own, the updater, then
//! reads what was added to `main` and tells everybody who watches; the worker never waits for it. What is read is
//! never older than `main` at that moment. Handlers ask with [`CaseStore::read`]: from memory, and from a handle on
//! the repository that nothing is written with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::document_cache::{DocumentCache, Wanted};
use super::worker::lock;
use crate::bot::{BotError, Pending};
use crate::domain::ids::{CaseId, PullNumber};
use crate::domain::problem::Reading;
use crate::git::{GitError, Repository};
use crate::insight::case_documents::Documents;
use crate::insight::{Case, Index};
use crate::ledger::index::{self, Update};
use crate::ledger::{LedgerError, MAIN, RulesCache, Teams, Version};

/// How long a question waits for the first reading of the trail.
const TIMEOUT: Duration = Duration::from_secs(20);
/// So many questions are answered at the same time, each with a handle on the repository: the others wait for their
/// turn.
const MOST_READERS: usize = 8;

/// What is known of a repository at one moment.
#[derive(Default)]
pub struct Snapshot {
    index: Index,
    pending: BTreeMap<PullNumber, Arc<Pending>>,
}

impl Snapshot {
    /// Every case, decided and pending.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// What the bot makes of each pull request that waits: proposal, score, gate result, the whole explanation.
    pub const fn pending(&self) -> &BTreeMap<PullNumber, Arc<Pending>> {
        &self.pending
    }

    /// What the bot makes of the pull request of a pending case.
    pub fn find_pending(&self, id: CaseId) -> Option<&Arc<Pending>> {
        let mut pending = self.pending.values();
        pending.find(|pending| pending.evaluation.id == Some(id))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (decided, pending) = (self.index.cases().len(), self.pending.len());
        write!(f, "Snapshot({decided} decided, {pending} pending)")
    }
}

/// What a worker found in a run.
#[derive(Debug)]
pub(super) struct News {
    /// Where the repository is on this machine.
    pub path: PathBuf,
    /// Who is in the teams that the rules name.
    pub teams: Teams,
    /// What waits; none if the run failed, so that nothing new is known about it.
    pub pending: Option<Vec<Arc<Pending>>>,
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum CaseStoreError {
    #[error("the cases of `{0}` are still being read: try again in a moment")]
    NotYet(String),
    /// The repository cannot be opened.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no `main`.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("an error in the server itself stopped the answer: its log says more")]
    Panicked,
}

/// The cases of one repository. Clones share one store.
#[derive(Clone)]
pub struct CaseStore {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    snapshot: RwLock<Snapshot>,
    /// Goes up with every change; 0 before the trail was read.
    edition: watch::Sender<u64>,
    place: RwLock<(PathBuf, Teams)>,
    readers: Mutex<Vec<RepoReader>>,
    turns: Arc<Semaphore>,
    document_cache: DocumentCache,
}

/// A handle on the repository, with the rules read through it.
struct RepoReader {
    repo: Repository,
    rules_cache: RulesCache,
}

impl fmt::Debug for CaseStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaseStore").field(&self.shared.name).finish()
    }
}

/// One question's access: what is in memory, and the repository as it is now.
pub struct Reader<'l> {
    /// Every case, decided and pending. As long as it is held, nothing new is taken in.
    pub snapshot: &'l Snapshot,
    /// The repository, to read from.
    pub repo: &'l Repository,
    rules_cache: &'l mut RulesCache,
    document_cache: &'l DocumentCache,
}

impl Reader<'_> {
    /// The documents of these cases. What cannot be read is said in the log, and left out.
    pub fn documents(&self, cases: &[CaseId]) -> Result<Documents, LedgerError> {
        let wanted = Wanted::of(self.snapshot.index(), cases);
        let (documents, unread) = self.document_cache.read(self.repo, &wanted)?;
        for (id, error) in unread {
            tracing::error!("the documents of `{id}` cannot be read: {error}");
        }
        Ok(documents)
    }

    /// The rules at the tip of `main` at this moment, with the members of teams; or what is wrong with them.
    pub fn rules(&mut self) -> Result<Reading<Version>, BotError> {
        rules_on_main(self.repo, self.rules_cache)
    }

    /// The rules cache, for what reads rules by itself.
    pub const fn rules_cache(&mut self) -> &mut RulesCache {
        self.rules_cache
    }
}

/// The rules at the tip of `main` at this moment, with the members of teams; or what is wrong with them.
pub(super) fn rules_on_main(
    repo: &Repository,
    rules_cache: &mut RulesCache,
) -> Result<Reading<Version>, BotError> {
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    Ok(rules_cache.read(repo.objects(), root)?)
}

impl CaseStore {
    /// An empty store, and where its updater is told of a run.
    pub(super) fn open(name: &str) -> std::io::Result<(Self, Sender<News>)> {
        let case_store = Self {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                snapshot: RwLock::default(),
                edition: watch::Sender::new(0),
                place: RwLock::default(),
                readers: Mutex::default(),
                turns: Arc::new(Semaphore::new(MOST_READERS)),
                document_cache: DocumentCache::of_process(),
            }),
        };
        let (tell, told) = mpsc::channel();
        let updater = case_store.clone();
        std::thread::Builder::new()
            .name("case-store".to_owned())
            .spawn(move || updater.work(&told))?;
        Ok((case_store, tell))
    }

    /// Hears when anything changed: a case decided or carried out, feedback, a pull request opened, pushed
    /// to, reviewed or explained anew. The number only goes up; it is 0 until everything was read once.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.edition.subscribe()
    }

    /// Answers a question on a thread that may block. Keep it short: while it is answered, nothing new is
    /// taken in. For what needs many documents, [`CaseStore::fetch`] has them read before.
    ///
    /// # Errors
    /// When the trail is not read yet, or the repository cannot be opened.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader<'_>) -> T + Send + 'static,
    ) -> Result<T, CaseStoreError> {
        let turn = self.turn().await?;
        let case_store = self.clone();
        let answering = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            case_store.answer(question)
        });
        answering.await.map_err(|_| CaseStoreError::Panicked)?
    }

    /// Lets something be done with the repository alone, as long as it may take.
    pub async fn consult<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Repository, &mut RulesCache) -> T + Send + 'static,
    ) -> Result<T, CaseStoreError> {
        let turn = self.turn().await?;
        let case_store = self.clone();
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            case_store.with_reader(work)
        });
        working.await.map_err(|_| CaseStoreError::Panicked)?
    }

    /// Reads the documents of these cases, so that [`Reader::documents`] has them at hand.
    pub async fn fetch(
        &self,
        cases: impl FnOnce(&Index) -> Vec<CaseId> + Send + 'static,
    ) -> Result<(), CaseStoreError> {
        let which = move |reader: &mut Reader<'_>| {
            let index = reader.snapshot.index();
            Wanted::of(index, &cases(index))
        };
        let wanted = self.read(which).await?;
        let case_store = self.clone();
        // What cannot be read is said when it is asked for.
        let fetching = move |repo: &Repository, _: &mut RulesCache| {
            case_store
                .shared
                .document_cache
                .read(repo, &wanted)
                .map(drop)
        };
        Ok(self.consult(fetching).await??)
    }

    /// Waits until the trail was read once, and for a turn.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, CaseStoreError> {
        self.opened().await?;
        let turn = Arc::clone(&self.shared.turns).acquire_owned().await;
        turn.map_err(|_| CaseStoreError::Panicked)
    }

    /// Waits until the trail was read once.
    pub(super) async fn opened(&self) -> Result<(), CaseStoreError> {
        let mut edition = self.watch();
        let read = edition.wait_for(|edition| *edition > 0);
        match tokio::time::timeout(TIMEOUT, read).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(CaseStoreError::NotYet(self.shared.name.clone())),
        }
    }

    fn answer<T>(&self, question: impl FnOnce(&mut Reader<'_>) -> T) -> Result<T, CaseStoreError> {
        self.with_reader(|repo, rules_cache| {
            // Whoever has just been told of a decision may ask before the updater has read it.
            if let Err(error) = self.catch_up(repo) {
                tracing::error!(
                    "the cases of `{}` cannot be read: {error}",
                    self.shared.name
                );
            }
            let snapshot = self.shared.snapshot.read();
            let snapshot = snapshot.unwrap_or_else(PoisonError::into_inner);
            question(&mut Reader {
                snapshot: &snapshot,
                repo,
                rules_cache,
                document_cache: &self.shared.document_cache,
            })
        })
    }

    /// Takes in what was added to `main` since.
    fn catch_up(&self, repo: &Repository) -> Result<(), LedgerError> {
        let main = repo.find_ref(MAIN)?;
        let snapshot = self.shared.snapshot.read();
        let is_behind = snapshot.unwrap_or_else(PoisonError::into_inner).index.tip() != main;
        if is_behind {
            self.take_in(repo, None)?;
        }
        Ok(())
    }

    /// Lends a handle on the repository. Blocks.
    pub(super) fn with_reader<T>(
        &self,
        work: impl FnOnce(&Repository, &mut RulesCache) -> T,
    ) -> Result<T, CaseStoreError> {
        let free = lock(&self.shared.readers).pop();
        let (path, teams) = {
            let place = self.shared.place.read();
            place.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let mut reader = match free {
            Some(reader) => reader,
            None => RepoReader {
                repo: Repository::open(&path)?,
                rules_cache: RulesCache::default(),
            },
        };
        reader.rules_cache.know_teams(teams);
        let done = work(&reader.repo, &mut reader.rules_cache);
        let mut readers = lock(&self.shared.readers);
        if readers.len() < MOST_READERS {
            readers.push(reader);
        }
        Ok(done)
    }

    /// Takes in what the worker tells, until the worker ends.
    fn work(&self, told: &Receiver<News>) {
        while let Ok(mut news) = told.recv() {
            // Only the last word counts; but a run that failed knows nothing of what waits.
            while let Ok(newer) = told.try_recv() {
                let pending = newer.pending.or(news.pending);
                news = News { pending, ..newer };
            }
            if let Err(error) = self.take_in_news(news) {
                tracing::error!(
                    "the cases of `{}` cannot be read: {error}",
                    self.shared.name
                );
            }
        }
    }

    fn take_in_news(&self, news: News) -> Result<(), LedgerError> {
        let repo = Repository::open(&news.path)?;
        {
            let place = self.shared.place.write();
            *place.unwrap_or_else(PoisonError::into_inner) = (news.path, news.teams);
        }
        self.take_in(&repo, news.pending)
    }

    /// Reads what was added to `main`, notes what waits if that is known anew, and tells everybody.
    fn take_in(
        &self,
        repo: &Repository,
        pending: Option<Vec<Arc<Pending>>>,
    ) -> Result<(), LedgerError> {
        let is_first = *self.shared.edition.borrow() == 0;
        // The whole trail takes seconds where there are hundreds of thousands of cases.
        let first = is_first.then(|| index::read(repo)).transpose()?;
        let snapshot = self.shared.snapshot.write();
        let mut snapshot = snapshot.unwrap_or_else(PoisonError::into_inner);
        let tip = snapshot.index.tip();
        if let Some(index) = first {
            snapshot.index = index;
        } else if let Update::Rebuilt { was } = index::update(repo, &mut snapshot.index)? {
            tracing::error!(
                "`main` of `{}` no longer leads to {was}: its history was rewritten or cut",
                self.shared.name
            );
        }
        let is_changed = pending.is_some_and(|pending| snapshot.learn(pending));
        if is_first || is_changed || snapshot.index.tip() != tip {
            drop(snapshot);
            self.shared.edition.send_modify(|edition| *edition += 1);
        }
        Ok(())
    }
}

impl Snapshot {
    /// Takes in what waits; says whether that is anything new.
    fn learn(&mut self, pending: Vec<Arc<Pending>>) -> bool {
        let cases: Vec<Case> = pending.iter().map(|pending| pending.case()).collect();
        let pending: BTreeMap<PullNumber, Arc<Pending>> = pending
            .into_iter()
            .map(|pending| (pending.pull.number, pending))
            .collect();
        let is_new = pending.len() != self.pending.len()
            || pending.iter().any(|(number, now)| {
                self.pending.get(number).is_none_or(|before| {
                    before.pull != now.pull || before.evaluation.report != now.evaluation.report
                })
            });
        self.index.know_pending(cases);
        self.pending = pending;
        is_new
    }
}
