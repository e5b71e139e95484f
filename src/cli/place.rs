//! Which governance repository is meant: a folder here, or `OWNER/NAME` on GitHub.

use std::path::{Path, PathBuf};

use super::identity::Identity;
use super::init::put_back_hook;
use super::{Result, failure};
use crate::bot::{Bot, Clock};
use crate::domain::documents::AccountRecord;
use crate::domain::forge_kind::ForgeKind;
use crate::domain::ids::PullNumber;
use crate::forge::github::{self, GithubForge};
use crate::forge::local::LocalForge;
use crate::git::{Repository, SigningKey};
use crate::ledger::{LedgerError, MAIN};
use crate::server::Tokens;

#[derive(Debug, Clone)]
pub enum Place {
    /// A folder: the bare repository itself, or somebody's clone.
    Local(PathBuf),
    /// A repository on GitHub, with our clone of it.
    Github(GithubForge),
}

impl Place {
    /// The place that `--repo` names. `OWNER/NAME` is on GitHub unless there is such a path here.
    ///
    /// # Errors
    /// When it is on GitHub, and nothing says who we are there.
    pub fn named(name: &Path, identity: &Identity) -> Result<Self> {
        match find_github_name(name) {
            Some(repository) => Ok(Self::Github(identity.forge(repository)?)),
            None => Ok(Self::Local(name.to_owned())),
        }
    }

    /// What it says of the addresses in commits.
    pub fn forge_kind(&self) -> ForgeKind<'_> {
        match self {
            Self::Local(_) => ForgeKind::Local,
            Self::Github(forge) => ForgeKind::of(Some(forge.web_url()), &AccountRecord::default()),
        }
    }

    /// How people know it.
    pub fn name(&self) -> String {
        match self {
            Self::Local(path) => path.display().to_string(),
            Self::Github(forge) => forge.repository().to_owned(),
        }
    }

    /// Opens it for reading its whole history.
    ///
    /// # Errors
    /// When there is none, it is shallow, or GitHub cannot be asked.
    pub fn open_whole(&self) -> Result<Repository> {
        let repo = self.open()?;
        if repo.shallow_commits()?.is_empty() {
            return Ok(repo);
        }
        Err(failure::hinted(
            format!(
                "`{}` is a shallow clone: what is older is not there",
                self.name()
            ),
            format!(
                "fetch the rest with `git -C {} fetch --unshallow` (`fetch-depth: 0` for actions/checkout)",
                self.name()
            ),
        ))
    }

    /// Opens it for reading, as it is now; a local clone will do.
    pub fn open(&self) -> Result<Repository> {
        let path = match self {
            Self::Github(forge) => return Ok(forge.open_clone()?),
            Self::Local(path) => path,
        };
        let shown = path.display();
        Repository::open(path).map_err(|error| {
            if error.is_missing() {
                let hint = format!("make one with `countersign init {shown}`, or name another with `--repo PATH|OWNER/NAME` or COUNTERSIGN_REPO");
                return failure::hinted(format!("there is no git repository at `{shown}`"), hint);
            }
            error.into()
        })
    }

    /// Opens the repository in which pull requests live and `main` is written.
    pub fn open_forge(&self) -> Result<Repository> {
        let repo = self.open_whole()?;
        if !repo.is_bare() {
            return Err(failure::hinted(
                format!(
                    "`{}` is a clone with a working folder: it can only be read",
                    self.name()
                ),
                "name the bare governance repository itself with `--repo PATH`",
            ));
        }
        if repo.find_ref(MAIN)?.is_none() {
            return Err(match self {
                Self::Local(_) => LedgerError::NoMain.into(),
                Self::Github(forge) => failure::hinted(
                    format!("`{}` has no branch `main` yet", forge.repository()),
                    format!(
                        "make its first commit with `countersign init NEW.git`, then `git -C NEW.git push {}.git main`",
                        forge.web_url()
                    ),
                ),
            });
        }
        Ok(repo)
    }

    /// The bot at work there.
    ///
    /// # Errors
    /// When there is no such repository, or GitHub cannot be asked.
    pub fn bot(&self, clock: Clock, signer: Option<SigningKey>) -> Result<Bot> {
        let repo = self.open_forge()?;
        let bot = match self {
            Self::Local(_) => {
                put_back_hook(&repo);
                Bot::new(repo, Box::new(LocalForge::new()), clock)
            }
            Self::Github(forge) => Bot::new(repo, Box::new(forge.clone()), clock),
        };
        Ok(bot.signed_by(signer))
    }

    /// By what people and agents are let in there.
    pub fn tokens(&self, identity: &Identity) -> Result<Tokens> {
        let state = identity.state_folder()?;
        Ok(match self {
            Self::Local(path) => Tokens::of_folder(&state, path),
            Self::Github(forge) => {
                Tokens::on_github(&state, &identity.api_url(), forge.repository())
            }
        })
    }

    /// For what only the local forge leaves to us: on GitHub, people review on GitHub.
    pub fn review_here(&self, number: PullNumber) -> Result<()> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Github(forge) => Err(failure::hinted(
                format!(
                    "pull requests of `{}` are reviewed on GitHub, where it is certain who you are",
                    forge.repository()
                ),
                format!(
                    "open {}/pull/{} and review its changes there; `/reject CATEGORY: reason` in a review or comment rejects",
                    forge.web_url(),
                    number.0
                ),
            )),
        }
    }
}

/// `OWNER/NAME`, if that is what it is and no path of that name exists.
pub fn find_github_name(name: &Path) -> Option<&str> {
    let text = name.to_str()?;
    let (owner, rest) = text.split_once('/')?;
    let is_login = owner.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    // On GitHub no name ends so; on disk bare repositories do.
    let is_name = is_login && !rest.ends_with(".git") && github::is_repository(text);
    (is_name && !name.exists()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_owner_and_a_name_are_on_github() {
        let found = |name: &'static str| find_github_name(Path::new(name));
        assert_eq!(found("acme/governance"), Some("acme/governance"));
        assert_eq!(found("acme/.github"), Some("acme/.github"));
        for path in [
            "governance.git",
            "./governance",
            "../governance",
            "/srv/governance",
            "repos/governance.git",
            "a/b/c",
            "src/cli",
            "acme/",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn a_clone_is_found_again_however_its_name_is_written() {
        let identity = |name: &str| {
            super::super::identity::clone_path(Path::new("/s"), "https://h:8/api/v3", name)
        };
        assert_eq!(
            identity("Acme/Gov"),
            Path::new("/s/clones/h_8/acme/gov.git")
        );
        assert_eq!(identity("Acme/Gov"), identity("acme/gov"));
    }
}
