//! What moves by git and not by the API: `main` and the heads of pull requests into our clone, new
//! commits of `main` out of it.

use std::collections::BTreeMap;

use crate::domain::ids::{PullNumber, Sha};
use crate::forge::{ForgeError, Published};
use crate::git::{
    Durability, Expect, Fetched, ProgramError, Push, Pushed, RefEdit, RefsUpdate, Remote,
    RemoteError, Repository,
};
use crate::ledger::MAIN;

/// How often our own `main` is tried to be moved while others of our processes move it.
const MOST_TRIES: u32 = 10;

type Result<T> = std::result::Result<T, ForgeError>;

fn head_ref(number: PullNumber) -> String {
    format!("refs/pull/{}/head", number.0)
}

/// The governance repository on the server.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) remote: Remote,
    pub(super) repository: String,
}

impl Content {
    /// Brings `main` and these heads into the clone; gives where `main` is, and the heads that the
    /// server shows.
    pub(super) fn fetch(
        &self,
        repo: &Repository,
        pulls: &[PullNumber],
    ) -> Result<(Option<Sha>, BTreeMap<PullNumber, Sha>)> {
        let mut names = vec![MAIN.to_owned()];
        names.extend(pulls.iter().map(|number| head_ref(*number)));
        let Fetched { refs: found, kept } = self.remote.fetch(repo, &names)?;
        let main = found.get(MAIN).copied();
        if let Some(main) = main {
            self.move_main(repo, main)?;
        }
        let mut heads = BTreeMap::new();
        let mut edits = Vec::new();
        for number in pulls {
            let name = head_ref(*number);
            let Some(head) = found.get(&name).copied() else {
                continue;
            };
            heads.insert(*number, head);
            if repo.find_ref(&name)? != Some(head) {
                let expected = Expect::Any;
                let new = Some(head);
                edits.push(RefEdit {
                    name,
                    expected,
                    new,
                });
            }
        }
        if !edits.is_empty() {
            repo.update_refs(&edits, Durability::Fast)?;
        }
        drop(kept);
        Ok((main, heads))
    }

    fn find_main(&self, repo: &Repository) -> Result<Option<Sha>> {
        let fetched = self.remote.fetch(repo, &[MAIN.to_owned()])?;
        Ok(fetched.refs.get(MAIN).copied())
    }

    /// Our `main` follows the server's, and only ever forward: it remembers what was there.
    fn move_main(&self, repo: &Repository, to: Sha) -> Result<()> {
        for _ in 0..MOST_TRIES {
            let was = repo.find_ref(MAIN)?;
            if was == Some(to) {
                return Ok(());
            }
            if let Some(was) = was {
                let common = repo.merge_base(to, was)?;
                // Behind ours: another of our processes has published since the server was asked, or
                // somebody has cut the end off. A second look tells which.
                if common == Some(to) && self.find_main(repo)? != Some(to) {
                    return Ok(());
                }
                if common != Some(was) {
                    return Err(ForgeError::Rewritten {
                        repository: self.repository.clone(),
                        was,
                        is: to,
                        clone: repo.path().display().to_string(),
                    });
                }
            }
            let edit = RefEdit {
                name: MAIN.to_owned(),
                expected: was.map_or(Expect::Absent, Expect::Is),
                new: Some(to),
            };
            if repo.update_refs(&[edit], Durability::Durable)? == RefsUpdate::Done {
                return Ok(());
            }
        }
        Err(ForgeError::Busy(MOST_TRIES))
    }

    /// Moves `main` on the server from `base` to `tip`, if it is still there. The objects are in the clone already.
    pub(super) fn publish(
        &self,
        repo: &Repository,
        base: Option<Sha>,
        tip: Sha,
    ) -> Result<Published> {
        let push = Push {
            name: MAIN,
            old: base,
            new: tip,
        };
        let published = match self.remote.push(repo, &push) {
            Ok(Pushed::Done) => Published::Done,
            Ok(Pushed::Refused(reason)) => match self.look(repo, base, tip)? {
                Some(published) => published,
                None => {
                    return Err(ForgeError::Protected {
                        repository: self.repository.clone(),
                        reason,
                    });
                }
            },
            // It may have arrived: whether it did is looked up, and it is never sent blindly again.
            Err(error) if is_uncertain(&error) => match self.look(repo, base, tip)? {
                Some(published) => published,
                None => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        };
        if published == Published::Done {
            self.move_main(repo, tip)?;
        }
        Ok(published)
    }

    /// What became of a push; none if `main` is where it was.
    fn look(&self, repo: &Repository, base: Option<Sha>, tip: Sha) -> Result<Option<Published>> {
        let (main, _) = self.fetch(repo, &[])?;
        if main == base {
            return Ok(None);
        }
        let Some(main) = main else {
            return Ok(Some(Published::Lost));
        };
        let contains = main == tip || repo.merge_base(main, tip)? == Some(tip);
        Ok(Some(if contains {
            Published::Done
        } else {
            Published::Lost
        }))
    }
}

const fn is_uncertain(error: &RemoteError) -> bool {
    matches!(
        error,
        RemoteError::Unreachable { .. }
            | RemoteError::Failed { .. }
            | RemoteError::Program(ProgramError::Failed(_))
    ) || matches!(error, RemoteError::Status { status, .. } if *status >= 500)
}
