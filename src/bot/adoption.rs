//! An admin takes over commits of `main` that the bot did not make: somebody pressed the merge button, pushed to a
//! repository without its hook, or mended rules that the bot could not.

use super::records::person;
use super::{Bot, BotError};
use crate::domain::documents::Role;
use crate::domain::ids::{Login, Sha};
use crate::ledger::verify::find_unadoptable;
use crate::ledger::{ForeignCommit, LedgerError, Unadopted, find_unadopted};

/// Commits that were taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The newest first.
    pub commits: Vec<ForeignCommit>,
    /// The commit that records it.
    pub commit: Sha,
}

impl Bot {
    /// Takes over every commit since the last one that the bot made, up to the newest one that the person looked at.
    /// Whoever wrote them does not make themselves an admin by it: the rules before them say who is.
    ///
    /// # Errors
    /// When there is none, or a newer one, when the person is no admin, when the rules cannot be read now, or when
    /// `verify` would find more about them than that the bot did not make them.
    pub fn adopt(&mut self, newest: Sha, by: &Login) -> Result<Adopted, BotError> {
        let refused = |why: String| Err(BotError::Refused(why));
        let tip = self.main()?;
        let Some(Unadopted { commits, base }) = find_unadopted(&self.repo, tip)? else {
            return refused(format!(
                "the bot made {}, the newest commit of `main`: there is nothing to adopt",
                tip.short()
            ));
        };
        if newest != tip {
            return refused(newer(tip, newest));
        }
        let Some(base) = base else {
            return refused(
                "the bot made no commit of `main`: this is no governance repository, and there is no admin".to_owned(),
            );
        };
        if let Some(finding) = find_unadoptable(&self.repo, &commits)? {
            return refused(format!(
                "this is not adopted by anybody: {finding}; put `main` back to {base}"
            ));
        }
        let before = self.repo.read_commit(base)?.tree;
        self.learn_teams_of(before)?;
        let version = self.rules_cache.read(self.repo.objects(), before)?;
        let version = version.into_result().map_err(LedgerError::from)?;
        let admin = person(&version, by)?;
        if admin.role < Role::Admin {
            return refused(format!(
                "`{by}` was no admin before these commits: only one adopts what the bot did not make"
            ));
        }
        let admin = admin.name.login().clone();
        let commit = self.record(|draft, _, now| {
            let tip = draft.tip()?;
            if tip != newest {
                return Err(BotError::Refused(newer(tip, newest)));
            }
            let adopted = draft.adopted(&admin, commits.len(), now);
            adopted.map_err(BotError::of_report)
        })?;
        Ok(Adopted { commits, commit })
    }
}

fn newer(tip: Sha, newest: Sha) -> String {
    format!(
        "the newest commit of `main` is {tip}, not {}: look at it, and adopt that one",
        newest.short()
    )
}
