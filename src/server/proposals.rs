//! Proposals that come in over HTTP, for a repository that is its own forge: those that arrive together are written
//! together, by one thread, so that they neither race each other nor cost a pack and a look at all branches each; and
//! the packs that this makes are joined by another one.

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

use tokio::sync::oneshot;

use super::case_store::CaseStore;
use super::service::{ProposalText, Proposed, ServiceError, propose_together};
use super::worker::guarded;
use crate::domain::ids::AgentName;
use crate::forge::local::LocalForge;
use crate::git::join_packs;

/// So many are written together at most; the others are next.
const MOST_TOGETHER: usize = 64;

/// Joins packs while they come, so that nobody who writes has to wait for that.
struct PackJoiner {
    wakeup: SyncSender<()>,
}

impl PackJoiner {
    fn start(case_store: CaseStore) -> std::io::Result<Self> {
        let (wakeup, woken) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("packs".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() {
                    join(&case_store);
                }
            })?;
        Ok(Self { wakeup })
    }

    /// Has it look. One look is enough for all that was written before.
    fn wake(&self) {
        let _ = self.wakeup.try_send(());
    }
}

fn join(case_store: &CaseStore) {
    match guarded(|| case_store.with_reader(|repo, _| join_packs(repo))) {
        Ok(Ok(Ok(_))) => {}
        Ok(Ok(Err(error))) => {
            tracing::warn!("{error}; the repository only becomes slower until that works");
        }
        Ok(Err(error)) => tracing::warn!("no packs are joined: {error}"),
        Err(panic) => tracing::error!("joining packs {panic}"),
    }
}

/// The proposals that wait to be written.
#[derive(Debug)]
pub(super) struct ProposalQueue {
    case_store: CaseStore,
    requests: Sender<ProposalRequest>,
}

/// A proposal, and where its answer goes.
#[derive(Debug)]
pub(super) struct ProposalRequest {
    pub agent: AgentName,
    pub text: ProposalText,
    answer: oneshot::Sender<Result<Proposed, ServiceError>>,
}

impl ProposalRequest {
    /// Whoever asked may have gone.
    pub fn answer(self, answer: Result<Proposed, ServiceError>) {
        let _ = self.answer.send(answer);
    }
}

impl ProposalQueue {
    /// An empty queue, and the thread that works it off until the queue is dropped.
    pub fn start(case_store: CaseStore) -> std::io::Result<Self> {
        let (requests, waiting) = mpsc::channel();
        let written_in = case_store.clone();
        let joiner = PackJoiner::start(case_store.clone())?;
        std::thread::Builder::new()
            .name("proposals".to_owned())
            .spawn(move || work(&written_in, &waiting, &joiner))?;
        Ok(Self {
            case_store,
            requests,
        })
    }

    /// Proposes, together with whatever else waits.
    pub async fn propose(
        &self,
        agent: AgentName,
        text: ProposalText,
    ) -> Result<Proposed, ServiceError> {
        self.case_store.opened().await?;
        let (answer, answered) = oneshot::channel();
        let request = ProposalRequest {
            agent,
            text,
            answer,
        };
        let gone = "the thread that writes proposals has ended";
        self.requests
            .send(request)
            .map_err(|_| ServiceError::internal(&gone))?;
        // Without an answer the work has panicked, which the log tells.
        answered.await.map_err(|_| ServiceError::internal(&gone))?
    }
}

fn work(case_store: &CaseStore, waiting: &Receiver<ProposalRequest>, joiner: &PackJoiner) {
    let mut forge = LocalForge::new();
    while let Ok(first) = waiting.recv() {
        let mut together = vec![first];
        together.extend(waiting.try_iter().take(MOST_TOGETHER - 1));
        let written = guarded(|| {
            case_store.with_reader(|repo, rules_cache| {
                propose_together(repo, rules_cache, &mut forge, together);
            })
        });
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("no proposal can be written: {error}"),
            Err(panic) => {
                tracing::error!("writing proposals {panic}");
                forge = LocalForge::new();
            }
        }
        joiner.wake();
    }
}
