//! What handlers read: every case of one repository in memory, decided and pending, without a bot.
//!
//! The keeper's thread says after every run what it found ([`News`]). A thread of the library's own, the
//! librarian, then takes in what was added to `main` and tells everybody who watches; the keeper never
//! waits for it. What is read is never older than `main` at that moment. Handlers ask with [`Library::read`]: from memory, and from a handle on the repository
//! that nothing is written with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::keeper::lock;
use super::shelf::{Shelf, Wanted};
use crate::bot::{BotError, Pending};
use crate::domain::ids::{CaseId, PullNumber};
use crate::domain::problem::Reading;
use crate::git::{GitError, Repository};
use crate::insight::papers::Documents;
use crate::insight::{Case, Index};
use crate::ledger::index::{self, Update};
use crate::ledger::{LedgerError, MAIN, Rulebook, Teams, Version};

/// How long a question waits for the first reading of the trail.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many questions are answered at the same time, each with a handle on the repository: the others wait for their turn.
const MOST_DESKS: usize = 8;

/// After so many questions a handle is opened anew: it keeps in memory what was read of packs that are gone by now.
const MOST_USES: u32 = 1_000;

/// What is known of a repository at one moment.
#[derive(Default)]
pub struct Holdings {
    index: Index,
    pending: BTreeMap<PullNumber, Arc<Pending>>,
}

impl Holdings {
    /// Every case, decided and pending.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// What the bot makes of each pull request that waits: proposal, score, ruling, the whole explanation.
    pub const fn pending(&self) -> &BTreeMap<PullNumber, Arc<Pending>> {
        &self.pending
    }

    /// What the bot makes of the pull request of a pending case.
    pub fn find_pending(&self, id: CaseId) -> Option<&Arc<Pending>> {
        let mut pending = self.pending.values();
        pending.find(|pending| pending.hearing.id == Some(id))
    }
}

impl fmt::Debug for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (decided, pending) = (self.index.cases().len(), self.pending.len());
        write!(f, "Holdings({decided} decided, {pending} pending)")
    }
}

/// What a keeper found in a run.
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
pub enum LibraryError {
    /// Not read yet.
    #[error("the cases of `{0}` are still being read: try again in a moment")]
    NotYet(String),
    /// The repository cannot be opened.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no `main`.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The question panicked.
    #[error("an error in the server itself stopped the answer: its log says more")]
    Panicked,
}

/// The cases of one repository. A clone of it is the same library.
#[derive(Clone)]
pub struct Library {
    room: Arc<Room>,
}

struct Room {
    name: String,
    holdings: RwLock<Holdings>,
    /// Goes up with every change; 0 before the trail was read.
    edition: watch::Sender<u64>,
    place: RwLock<(PathBuf, Teams)>,
    desks: Mutex<Vec<Desk>>,
    turns: Arc<Semaphore>,
    shelf: Shelf,
}

/// A handle on the repository, with the rules read through it.
struct Desk {
    repo: Repository,
    rulebook: Rulebook,
    /// How many questions it has answered.
    uses: u32,
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Library").field(&self.room.name).finish()
    }
}

/// One question's access: what is in memory, and the repository as it is now.
pub struct Reader<'l> {
    /// Every case, decided and pending. As long as it is held, nothing new is taken in.
    pub holdings: &'l Holdings,
    /// The repository, to read from.
    pub repo: &'l Repository,
    rulebook: &'l mut Rulebook,
    shelf: &'l Shelf,
}

impl Reader<'_> {
    /// The documents of these cases. What cannot be read is said in the log, and left out.
    ///
    /// # Errors
    /// When there is no `main`.
    pub fn papers(&self, cases: &[CaseId]) -> Result<Documents, LedgerError> {
        let wanted = Wanted::of(self.holdings.index(), cases);
        let (documents, unread) = self.shelf.read(self.repo, &wanted)?;
        for (id, error) in unread {
            tracing::error!("the documents of `{id}` cannot be read: {error}");
        }
        Ok(documents)
    }

    /// The rules at the tip of `main` at this moment, with the members of teams; or what is wrong with them.
    ///
    /// # Errors
    /// When the repository fails.
    pub fn rules(&mut self) -> Result<Reading<Version>, BotError> {
        rules_on_main(self.repo, self.rulebook)
    }

    /// The rulebook, for what reads rules by itself.
    pub const fn rulebook(&mut self) -> &mut Rulebook {
        self.rulebook
    }
}

/// The rules at the tip of `main` at this moment, with the members of teams; or what is wrong with them.
///
/// # Errors
/// When the repository fails.
pub(super) fn rules_on_main(
    repo: &Repository,
    rulebook: &mut Rulebook,
) -> Result<Reading<Version>, BotError> {
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    Ok(rulebook.read(repo.objects(), root)?)
}

impl Library {
    /// A library that holds nothing yet, and its librarian's ear.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn open(name: &str) -> std::io::Result<(Self, Sender<News>)> {
        let library = Self {
            room: Arc::new(Room {
                name: name.to_owned(),
                holdings: RwLock::default(),
                edition: watch::Sender::new(0),
                place: RwLock::default(),
                desks: Mutex::default(),
                turns: Arc::new(Semaphore::new(MOST_DESKS)),
                shelf: Shelf::default(),
            }),
        };
        let (tell, told) = mpsc::channel();
        let librarian = library.clone();
        std::thread::Builder::new()
            .name("librarian".to_owned())
            .spawn(move || librarian.work(&told))?;
        Ok((library, tell))
    }

    /// Hears when anything changed: a case decided or carried out, feedback, a pull request opened, pushed
    /// to, reviewed or explained anew. The number only goes up; it is 0 until everything was read once.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.room.edition.subscribe()
    }

    /// Answers a question on a thread that may block. Keep it short: while it is answered, nothing new is
    /// taken in. For what needs many documents, [`Library::fetch`] has them read before.
    ///
    /// # Errors
    /// When the trail is not read yet, or the repository cannot be opened.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader<'_>) -> T + Send + 'static,
    ) -> Result<T, LibraryError> {
        let turn = self.turn().await?;
        let library = self.clone();
        let answering = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            library.answer(question)
        });
        answering.await.map_err(|_| LibraryError::Panicked)?
    }

    /// Lets something be done with the repository alone, as long as it may take.
    ///
    /// # Errors
    /// As [`Library::read`].
    pub async fn consult<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Repository, &mut Rulebook) -> T + Send + 'static,
    ) -> Result<T, LibraryError> {
        let turn = self.turn().await?;
        let library = self.clone();
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            library.with_desk(work)
        });
        working.await.map_err(|_| LibraryError::Panicked)?
    }

    /// Reads the documents of these cases, so that [`Reader::papers`] has them at hand.
    ///
    /// # Errors
    /// As [`Library::read`].
    pub async fn fetch(
        &self,
        cases: impl FnOnce(&Index) -> Vec<CaseId> + Send + 'static,
    ) -> Result<(), LibraryError> {
        let which = move |reader: &mut Reader<'_>| {
            let index = reader.holdings.index();
            Wanted::of(index, &cases(index))
        };
        let wanted = self.read(which).await?;
        let library = self.clone();
        // What cannot be read is said when it is asked for.
        let fetching = move |repo: &Repository, _: &mut Rulebook| {
            library.room.shelf.read(repo, &wanted).map(drop)
        };
        Ok(self.consult(fetching).await??)
    }

    /// Waits until the trail was read once, and for a turn.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, LibraryError> {
        self.opened().await?;
        let turn = Arc::clone(&self.room.turns).acquire_owned().await;
        turn.map_err(|_| LibraryError::Panicked)
    }

    /// Waits until the trail was read once.
    ///
    /// # Errors
    /// When that takes too long.
    pub(super) async fn opened(&self) -> Result<(), LibraryError> {
        let mut edition = self.watch();
        let read = edition.wait_for(|edition| *edition > 0);
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(LibraryError::NotYet(self.room.name.clone())),
        }
    }

    fn answer<T>(&self, question: impl FnOnce(&mut Reader<'_>) -> T) -> Result<T, LibraryError> {
        self.with_desk(|repo, rulebook| {
            // Whoever has just been told of a decision may ask before the librarian has heard of it.
            if let Err(error) = self.catch_up(repo) {
                tracing::error!("the cases of `{}` cannot be read: {error}", self.room.name);
            }
            let holdings = self.room.holdings.read();
            let holdings = holdings.unwrap_or_else(PoisonError::into_inner);
            question(&mut Reader {
                holdings: &holdings,
                repo,
                rulebook,
                shelf: &self.room.shelf,
            })
        })
    }

    /// Takes in what was added to `main` since.
    fn catch_up(&self, repo: &Repository) -> Result<(), LedgerError> {
        let main = repo.find_ref(MAIN)?;
        let holdings = self.room.holdings.read();
        let is_behind = holdings.unwrap_or_else(PoisonError::into_inner).index.tip() != main;
        if is_behind {
            self.take_in(repo, None)?;
        }
        Ok(())
    }

    /// Lends a handle on the repository. Blocks.
    ///
    /// # Errors
    /// When the repository cannot be opened.
    pub(super) fn with_desk<T>(
        &self,
        work: impl FnOnce(&Repository, &mut Rulebook) -> T,
    ) -> Result<T, LibraryError> {
        let free = lock(&self.room.desks).pop();
        let (path, teams) = {
            let place = self.room.place.read();
            place.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let mut desk = match free {
            Some(desk) => desk,
            None => Desk {
                repo: Repository::open(&path)?,
                rulebook: Rulebook::default(),
                uses: 0,
            },
        };
        desk.uses += 1;
        if desk.uses > MOST_USES {
            desk.repo = Repository::open(&path)?;
            desk.uses = 0;
        }
        desk.rulebook.know_teams(teams);
        let done = work(&desk.repo, &mut desk.rulebook);
        let mut desks = lock(&self.room.desks);
        if desks.len() < MOST_DESKS {
            desks.push(desk);
        }
        Ok(done)
    }

    /// Takes in what the keeper tells, until the keeper ends.
    fn work(&self, told: &Receiver<News>) {
        while let Ok(mut news) = told.recv() {
            // Only the last word counts; but a run that failed knows nothing of what waits.
            while let Ok(newer) = told.try_recv() {
                let pending = newer.pending.or(news.pending);
                news = News { pending, ..newer };
            }
            if let Err(error) = self.hear(news) {
                tracing::error!("the cases of `{}` cannot be read: {error}", self.room.name);
            }
        }
    }

    fn hear(&self, news: News) -> Result<(), LedgerError> {
        let repo = Repository::open(&news.path)?;
        {
            let place = self.room.place.write();
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
        let is_first = *self.room.edition.borrow() == 0;
        // The whole trail takes seconds where there are hundreds of thousands of cases.
        let first = is_first.then(|| index::read(repo)).transpose()?;
        let holdings = self.room.holdings.write();
        let mut holdings = holdings.unwrap_or_else(PoisonError::into_inner);
        let tip = holdings.index.tip();
        if let Some(index) = first {
            holdings.index = index;
        } else if let Update::Rebuilt { was } = index::update(repo, &mut holdings.index)? {
            tracing::error!(
                "`main` of `{}` no longer leads to {was}: its history was rewritten or cut",
                self.room.name
            );
        }
        let is_changed = pending.is_some_and(|pending| holdings.learn(pending));
        if is_first || is_changed || holdings.index.tip() != tip {
            drop(holdings);
            self.room.edition.send_modify(|edition| *edition += 1);
        }
        Ok(())
    }
}

impl Holdings {
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
                    before.pull != now.pull || before.hearing.report != now.hearing.report
                })
            });
        self.index.know_pending(cases);
        self.pending = pending;
        is_new
    }
}
