//! Proposals that come in over HTTP, for a repository that is its own forge: those that arrive together are written
//! together, by one thread, so that they neither race each other nor cost a pack and a look at all branches each.

use std::sync::mpsc::{self, Receiver, Sender};

use tokio::sync::oneshot;

use super::counter::{ProposalText, Proposed, Refusal, propose_together};
use super::keeper::guarded;
use super::library::Library;
use crate::domain::ids::AgentName;
use crate::forge::local::LocalForge;

/// So many are written together at most; the others are next.
const MOST_TOGETHER: usize = 64;

/// The proposals that wait to be written.
#[derive(Debug)]
pub(super) struct ProposalQueue {
    library: Library,
    requests: Sender<ProposalRequest>,
}

/// A proposal, and where its answer goes.
#[derive(Debug)]
pub(super) struct ProposalRequest {
    pub agent: AgentName,
    pub text: ProposalText,
    answer: oneshot::Sender<Result<Proposed, Refusal>>,
}

impl ProposalRequest {
    /// Whoever asked may have gone.
    pub fn answer(self, answer: Result<Proposed, Refusal>) {
        let _ = self.answer.send(answer);
    }
}

impl ProposalQueue {
    /// An empty queue, and the thread that works it off until the queue is dropped.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(library: Library) -> std::io::Result<Self> {
        let (requests, waiting) = mpsc::channel();
        let written_in = library.clone();
        std::thread::Builder::new()
            .name("proposals".to_owned())
            .spawn(move || work(&written_in, &waiting))?;
        Ok(Self { library, requests })
    }

    /// Proposes, together with whatever else waits.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn propose(&self, agent: AgentName, text: ProposalText) -> Result<Proposed, Refusal> {
        self.library.opened().await?;
        let (answer, answered) = oneshot::channel();
        let request = ProposalRequest {
            agent,
            text,
            answer,
        };
        let gone = "the thread that writes proposals has ended";
        self.requests
            .send(request)
            .map_err(|_| Refusal::internal(&gone))?;
        // Without an answer the work has panicked, which the log tells.
        answered.await.map_err(|_| Refusal::internal(&gone))?
    }
}

fn work(library: &Library, waiting: &Receiver<ProposalRequest>) {
    let mut forge = LocalForge::new();
    while let Ok(first) = waiting.recv() {
        let mut together = vec![first];
        together.extend(waiting.try_iter().take(MOST_TOGETHER - 1));
        let written = guarded(|| {
            library.with_desk(|repo, rulebook| {
                propose_together(repo, rulebook, &mut forge, together);
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
    }
}
