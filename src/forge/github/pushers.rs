//! Who pushed to a branch: everybody who is known to have, and up to which commit that is everybody.
//!
//! The pushes that we were told of are linked by their commits, from the one that made the branch to the head. What
//! we know is carried on by our own check run of each head, and where a link is missing GitHub's account is asked.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::wire::{User, WireActivity};
use crate::domain::documents::AccountRecord;
use crate::domain::ids::Sha;
use crate::domain::pull::Pushes;

/// What helps on a branch of the governance repository.
const NEW_HEAD: &str = "it waits until the agent pushes a new head";
/// What helps on a fork.
const NO_EDITS: &str =
    "switch off `Allow edits by maintainers`, so that nobody else can push to the fork";

/// The longest text about it in our check run.
const LONGEST: usize = 150;

/// Who pushed, as our check run of a head says it: `all=7:alice,99:agent[bot]`, or `some=` where others may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Carried {
    is_all: bool,
    people: Vec<AccountRecord>,
}

impl Carried {
    /// Reads it back; none if somebody in it cannot be read.
    pub(super) fn read(is_all: bool, people: &str) -> Option<Self> {
        let people = people.split(',').filter(|who| !who.is_empty());
        let people = people.map(|who| {
            let (id, login) = who.split_once(':')?;
            Some(AccountRecord {
                id: Some(id.parse().ok()?),
                login: Some(login.parse().ok()?),
                email: None,
            })
        });
        Some(Self {
            is_all,
            people: people.collect::<Option<_>>()?,
        })
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let people = self.people.iter();
        let people: Vec<String> = people
            .filter_map(|who| Some(format!("{}:{}", who.id?, who.login.as_ref()?)))
            .collect();
        let word = if self.is_all { "all" } else { "some" };
        write!(f, "{word}={}", people.join(","))
    }
}

/// A branch of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Branch {
    /// `OWNER/NAME`, in small letters.
    repository: String,
    pub(super) name: String,
}

impl Branch {
    pub(super) fn new(repository: &str, name: &str) -> Self {
        Self {
            repository: repository.to_ascii_lowercase(),
            name: name.to_owned(),
        }
    }

    pub(super) fn is_in(&self, repository: &str) -> bool {
        self.repository.eq_ignore_ascii_case(repository)
    }

    pub(super) fn repository(&self) -> &str {
        &self.repository
    }
}

/// A push that we were told of.
#[derive(Debug, Clone)]
pub(super) struct Pushed<'a> {
    /// Where the branch was; none if the push made it.
    pub(super) before: Option<Sha>,
    pub(super) after: Sha,
    pub(super) by: Option<&'a User>,
}

/// Who pushed to one branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pushers {
    /// Everybody who is known to have pushed.
    known: Vec<AccountRecord>,
    /// The head up to which that is everybody.
    complete: Option<Sha>,
    /// The last push that we were told of: the account's number, and the head.
    last: Option<(u64, Sha)>,
}

impl Pushers {
    /// What our check run of a head says.
    pub(super) fn of_check(carried: Carried, head: Sha) -> Self {
        Self {
            known: carried.people,
            complete: carried.is_all.then_some(head),
            last: None,
        }
    }

    /// What is kept in our check run of a head; none if it does not fit, so that GitHub is asked.
    pub(super) fn carried(&self, head: Sha) -> Option<Carried> {
        let carried = Carried {
            is_all: self.is_complete_for(head),
            people: self.known.clone(),
        };
        let is_whole = self.known.iter().all(|who| who.login.is_some());
        (is_whole && carried.to_string().len() <= LONGEST).then_some(carried)
    }

    pub(super) fn known(&self) -> &[AccountRecord] {
        &self.known
    }

    pub(super) fn is_complete_for(&self, head: Sha) -> bool {
        self.complete == Some(head)
    }

    pub(super) fn hear(&mut self, push: &Pushed<'_>) {
        let follows = match push.before {
            Some(before) => self.complete == Some(before),
            None => self.complete.is_none() && self.known.is_empty(),
        };
        let account = User::record(push.by);
        let is_known = account.id.is_some();
        self.last = account.id.map(|id| (id, push.after));
        self.add(account);
        if follows {
            self.complete = is_known.then_some(push.after);
        }
    }

    fn add(&mut self, account: AccountRecord) {
        let is_news = !self.known.iter().any(|known| known.id == account.id);
        if account.id.is_some() && is_news {
            self.known.push(account);
        }
    }

    /// Takes over what another source knows: nobody who is known to have pushed is ever forgotten.
    pub(super) fn learn(&mut self, other: Self, head: Sha) {
        for account in other.known {
            self.add(account);
        }
        if other.complete == Some(head) {
            self.complete = other.complete;
        }
    }

    /// GitHub's account of the pushes to a branch, newest first, back to the one that made it. It is complete if it
    /// leads from there to the head without a gap; whoever is not named is answered for by the author of the pull
    /// request, if they pushed afterwards.
    pub(super) fn of_activity(all: &[WireActivity], head: Sha, author: &AccountRecord) -> Self {
        let mut pushers = Self::default();
        let mut at = None;
        let mut is_known = false;
        for push in all.iter().rev() {
            match at {
                None => is_known = push.is_creation(),
                Some(at) if at != push.before => is_known = false,
                Some(_) => {}
            }
            let by = User::record(push.actor.as_ref());
            if by.id.is_none() {
                is_known = false;
            } else if by.id == author.id && at.is_none_or(|at| at == push.before) {
                is_known = true;
            }
            pushers.add(by);
            at = Some(push.after);
        }
        pushers.complete = at.filter(|at| is_known && *at == head);
        pushers
    }

    /// Where GitHub accounts for nothing, the author of a pull request answers for a head that they pushed.
    pub(super) fn is_last_of(&self, author: &AccountRecord, head: Sha) -> bool {
        author.id.is_some_and(|id| self.last == Some((id, head)))
    }

    /// Nobody else can have pushed up to this head.
    pub(super) const fn nobody_else(head: Sha) -> Self {
        Self {
            known: Vec::new(),
            complete: Some(head),
            last: None,
        }
    }
}

/// What helps where it is not known who pushed.
pub(super) fn unknown(is_fork: bool) -> Pushes {
    let help = if is_fork { NO_EDITS } else { NEW_HEAD };
    Pushes::Unknown {
        help: help.to_owned(),
    }
}
