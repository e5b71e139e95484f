//! `countersign init`: makes a governance repository, complete and tested before it exists.

mod files;
mod packs;

use std::path::PathBuf;

use serde_json::json;

use super::options::Options;
use super::place::find_github_name;
use super::test::Tested;
use super::{CommandOutcome, Result, failure, output};
use crate::domain::documents::Target;
use crate::domain::forge_kind::ForgeKind;
use crate::domain::ids::{Login, Sha};
use crate::domain::mode::Mode;
use crate::domain::yaml;
use crate::forge::local::LocalForge;
use crate::forge::{Forge as _, Publication, Published};
use crate::git::{Repository, configured_identity};
use crate::ledger::Draft;
use crate::rules::RuleFiles;

use files::{Admin, Files, PinnedAction, UPDATE_HOOK};
use packs::Pack;

/// Make a governance repository
///
/// A bare repository with the rules of a pack on `main`, ready for pushes. The packs `platform` and `support` bring
/// people, agents and targets to learn from and to replace; the admins given take the place of theirs. The others bring
/// none without --example, and begin with the admins given (by default the person that git's user.name and user.email
/// name).
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Where [default: what --repo says, else governance.git]
    path: Option<PathBuf>,
    /// The trade that its rules are for
    #[arg(long, value_enum, value_name = "PACK", default_value_t)]
    pack: Pack,
    /// Fill it with the pack's example: agents, people and targets
    #[arg(long)]
    example: bool,
    /// How much of the gate is closed: auto_approve, high_only, single_tier or two_tier
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,
    /// An admin
    ///
    /// On GitHub also the numeric id of their account, unless the address is a private one, which tells it
    #[arg(long = "admin", value_name = "LOGIN[:ID]=EMAIL", value_parser = admin, conflicts_with = "example")]
    admins: Vec<Admin>,
    /// Where the workflows on GitHub take Countersign from: its repository, at a commit
    #[arg(
        long,
        value_name = "OWNER/NAME@COMMIT",
        env = "COUNTERSIGN_ACTION",
        hide_env_values = true
    )]
    action: Option<PinnedAction>,
}

/// Wherever it will live, a private address of GitHub's tells whose it is.
const ON_GITHUB: ForgeKind<'static> = ForgeKind::Github { host: None };

const LONELY: &str = "there is only one admin, and nobody approves their own change of the rules: \
    begin again with a second `--admin LOGIN=EMAIL`, or with `--mode auto_approve`";

impl Init {
    /// Makes it.
    ///
    /// # Errors
    /// When there is something at the path already, or it cannot be written.
    pub fn run(&self, options: &Options) -> Result {
        let path = match &self.path {
            Some(path) => path.clone(),
            None => options.repo()?.to_owned(),
        };
        if let Some(name) = find_github_name(&path).filter(|_| self.path.is_none()) {
            return Err(failure::hinted(
                format!("`{name}` is made on GitHub, not here"),
                "make it there, empty; make its content with `countersign init NEW.git`, and push that `main` to it",
            ));
        }
        if self.example && self.pack == Pack::Blank {
            return Err(failure::hinted(
                "the pack `blank` has no example",
                "leave out `--example`, or choose another pack",
            ));
        }
        let with_people = self.example || self.pack.needs_people();
        let admins = if with_people {
            self.admins.clone()
        } else {
            self.admins()?
        };
        let mut files = if with_people {
            Files::example(self.pack, &admins, self.mode)?
        } else {
            Files::plain(self.pack, &admins, self.mode)?
        };
        files.add_workflows(self.action.as_ref());
        let mode = files.mode()?;
        prove(&files)?;
        let repo = Repository::init_bare(&path)?;
        configure(&repo)?;
        let commit = begin(&repo, files, mode, options)?;
        if admins.len() == 1 && mode != Mode::AutoApprove {
            output::warning(LONELY);
        }
        // Only on GitHub is anything run from elsewhere.
        for admin in admins.iter().filter(|admin| admin.id.is_none()) {
            if self.action.is_some() {
                output::warning(&format!(
                    "on GitHub `{login}` will not count without the numeric id of their account: begin again with \
                     `--admin {login}:ID={email}`; `gh api users/{login} --jq .id` prints it",
                    login = admin.login,
                    email = admin.email
                ));
            }
        }
        if options.is_json() {
            output::json(&json!({"path": path, "mode": mode, "commit": commit}))?;
        } else {
            output::text(&self.said(&std::path::absolute(&path)?.display().to_string(), mode))?;
        }
        Ok(CommandOutcome::Done)
    }

    fn admins(&self) -> Result<Vec<Admin>> {
        if !self.admins.is_empty() {
            return Ok(self.admins.clone());
        }
        let from_git = configured_identity().and_then(|(_, email)| {
            let account = ON_GITHUB.account_of(&email);
            if let Some(login) = account.login {
                let id = account.id;
                return Some(Admin { login, id, email });
            }
            let local = email.split('@').next()?;
            let login: String = local
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
                .collect();
            Some(Admin {
                login: login.parse().ok()?,
                id: None,
                email,
            })
        });
        from_git.map(|admin| vec![admin]).ok_or_else(|| {
            failure::hinted(
                "a governance repository needs an admin, and git knows no name and e-mail address of yours",
                "name one with `--admin LOGIN=EMAIL`, or look around first with `--example`",
            )
        })
    }

    fn said(&self, path: &str, mode: Mode) -> String {
        let first = format!(
            "made a governance repository in `{path}`, mode {mode}\n\nnext:\n  export COUNTERSIGN_REPO={}\n",
            shell_word(path)
        );
        let first_steps = self.pack.first_steps();
        let rest = first_steps.filter(|_| self.example || self.pack.needs_people()).unwrap_or(
            "  git clone \"$COUNTERSIGN_REPO\" governance   # README.md explains everything
  git -C governance checkout -b govern/first  # register agents in rules/agents.yaml, add targets/
  git -C governance push origin HEAD          # after a commit; then `countersign run`, and an admin approves\n",
        );
        format!("{first}{rest}")
    }
}

/// Nothing is made of rules that cannot be read or whose own tests fail.
fn prove(files: &Files) -> Result<()> {
    let rules: RuleFiles = files
        .all
        .iter()
        .filter(|(path, _)| path.starts_with("rules/"))
        .cloned()
        .collect();
    let tested = Tested::of(&rules);
    if !tested.ok {
        return Err(failure::hinted(
            format!("these rules do not hold:\n{}", tested.said()),
            "choose other options; nothing was made",
        ));
    }
    for (path, bytes) in files
        .all
        .iter()
        .filter(|(path, _)| path.starts_with("targets/") && path.ends_with(".yaml"))
    {
        yaml::read::<Target>(path, bytes)?;
    }
    Ok(())
}

/// Puts back what a restore from a backup and a mirror lack, and an older version of ours lacks of the present one:
/// without it a plain push reaches `main`. A hook of somebody else is left alone.
pub fn put_back_hook(repo: &Repository) {
    let put_back = || -> Result<bool> {
        let hook = find_hook(repo)?;
        if matches!(hook, Hook::Present | Hook::SomebodyElses) {
            return Ok(false);
        }
        configure(repo)?;
        Ok(hook == Hook::Missing)
    };
    let shown = repo.path().display();
    match put_back() {
        Ok(false) => {}
        Ok(true) => tracing::warn!(
            "`{shown}` had no hook `update`, like a mirror or what was restored from one: anybody who could push could \
             push to `main`; the hook is there now"
        ),
        Err(error) => tracing::warn!(
            "`{shown}` has no hook `update`, and it cannot be put back: {error:#}; anybody who can push can push to `main`"
        ),
    }
}

/// What keeps plain pushes off `main`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    Present,
    /// Ours, of an older version.
    Older,
    SomebodyElses,
    Missing,
}

pub fn find_hook(repo: &Repository) -> Result<Hook> {
    let found = repo.find_hook("update")?;
    Ok(match found.as_deref() {
        _ if repo.has_hooks_elsewhere() => Hook::SomebodyElses,
        Some(script) if script == UPDATE_HOOK.as_bytes() => Hook::Present,
        Some(script) if script.starts_with(MADE_BY_INIT) => Hook::Older,
        Some(_) => Hook::SomebodyElses,
        None => Hook::Missing,
    })
}

/// How the hook that we make begins.
const MADE_BY_INIT: &[u8] = b"#!/bin/sh\n# Made by `countersign init`.";

/// Only proposals come in by a push, and what a pull request consists of is not shown to those who push.
fn configure(repo: &Repository) -> Result<()> {
    repo.set_config("receive.denyNonFastForwards", &["false"])?;
    repo.set_config("receive.hideRefs", &["refs/pull", "refs/countersign"])?;
    repo.set_config("transfer.fsckObjects", &["true"])?;
    repo.install_hook("update", UPDATE_HOOK)?;
    Ok(())
}

fn begin(repo: &Repository, files: Files, mode: Mode, options: &Options) -> Result<Sha> {
    let now = options.now();
    let signer = options.read_signing_key()?;
    let mut draft = Draft::on(repo, None)?.signed_by(signer.as_ref());
    let tip = draft.genesis(&files.all, mode, now)?;
    let publication = Publication {
        base: None,
        tip,
        buffer: draft.into_buffer(),
        conclusions: Vec::new(),
        now,
    };
    match LocalForge::new().publish(repo, publication)? {
        Published::Done => Ok(tip),
        Published::Lost => Err(failure::hinted(
            "somebody else began this repository at the same moment",
            "choose another path",
        )),
    }
}

/// A path as a shell takes it.
fn shell_word(text: &str) -> String {
    let is_plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c));
    if is_plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn admin(text: &str) -> std::result::Result<Admin, String> {
    let expected =
        || "expected LOGIN=EMAIL or LOGIN:ID=EMAIL, such as `carol=carol@example.org`".to_owned();
    let (who, email) = text.split_once('=').ok_or_else(expected)?;
    let (login, id) = match who.split_once(':') {
        Some((login, id)) => (login, Some(id.parse().map_err(|_| expected())?)),
        None => (who, None),
    };
    let is_address = email
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if !is_address || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(expected());
    }
    let login: Login = login.parse().map_err(|error| format!("{error}"))?;
    let named = ON_GITHUB.account_of(email);
    let named_id = named.id.filter(|_| named.login.as_ref() == Some(&login));
    Ok(Admin {
        login,
        id: id.or(named_id),
        email: email.to_owned(),
    })
}
