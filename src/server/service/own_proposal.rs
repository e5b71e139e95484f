//! What an agent does with a proposal of its own that waits: a new head, or taking it back.

use super::proposal::{Sent, prepare_amendment};
use super::{AuthContext, CaseName, Result, now};
use crate::bot::own_proposal::{Amended, NewAmendment, NewWithdrawal, Withdrawn};

impl AuthContext {
    /// Replaces what a pending case of the agent that asks proposes.
    ///
    /// # Errors
    /// When there is no such pending case, what is sent is invalid, or it is of another case.
    pub async fn amend(&self, case: CaseName, sent: Sent) -> Result<Amended> {
        let agent = self.agent("amending")?.clone();
        let pending = self.find_pending(case).await?;
        self.refuse_bots_account(pending.number, "amends its proposals")?;
        let number = pending.number;
        let ready = self
            .worker
            .case_store()
            .consult(move |repo, rules_cache| {
                prepare_amendment(repo, rules_cache, &agent, pending.id, sent)
            })
            .await??;
        let amended = self
            .worker
            .with_bot(move |bot| {
                bot.amend(NewAmendment {
                    number,
                    proposal: ready.proposal(),
                })
            })
            .await??;
        self.worker.wake();
        Ok(amended)
    }

    /// Takes a pending case back, in the name of the agent that asks.
    ///
    /// # Errors
    /// When there is no such pending case, or who asks is a person.
    pub async fn withdraw(&self, case: CaseName) -> Result<Withdrawn> {
        let by = self.agent("withdrawing")?.clone();
        let number = self.find_pending(case).await?.number;
        self.refuse_bots_account(number, "takes its proposals back")?;
        let at = now();
        let withdrawn = self
            .worker
            .with_bot(move |bot| bot.withdraw(&NewWithdrawal { number, by, at }))
            .await??;
        self.worker.wake();
        Ok(withdrawn)
    }
}
