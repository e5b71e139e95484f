//! One commit under examination: what it changes, and everything that was found wrong with it.
//!
//! A check takes from the list of changes what its event may change. What is left at the end nobody
//! explains.

use chrono::{DateTime, Utc};

use super::finding::{Finding, FindingKind};
use super::first_parent_chain::FirstParentChain;
use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::documents::{Freeze, time};
use crate::domain::ids::{Sha, quoted};
use crate::git::{Change, Commit, CommitGraph, GitError, Mode, Repository, StoredCommit};
use crate::ledger::entry::split_clock;
use crate::ledger::{BOT_EMAIL, BOT_NAME, Entry, Version, is_record};
use crate::rules::governance::Signing;

/// More changed files than any event makes.
pub const MOST_CHANGES: usize = 100_000;
/// So many unexplained files of one commit are named.
const MOST_NAMED: usize = 10;

/// What a commit is held against.
#[derive(Clone, Copy)]
pub struct Sources<'v> {
    pub repo: &'v Repository,
    pub chain: &'v FirstParentChain,
    pub graph: &'v CommitGraph,
}

/// A commit under examination.
pub struct CommitCheck<'v> {
    pub repo: &'v Repository,
    pub chain: &'v FirstParentChain,
    pub graph: &'v CommitGraph,
    pub stored: StoredCommit,
    pub commit: Commit,
    /// The first parent, and the tree that everything is judged by.
    pub parent: Option<(Sha, Sha)>,
    pub entry: Entry,
    /// The rules in the parent's tree.
    pub version: Option<Version>,
    /// Whose signature those rules ask for.
    pub signing: Option<Signing>,
    changes: Vec<Change>,
    pub findings: Vec<Finding>,
    /// Whether it carries a good signature that the rules ask for.
    pub signed: bool,
}

impl<'v> CommitCheck<'v> {
    /// Begins with a commit and its first parent.
    pub fn new(
        Sources { repo, chain, graph }: Sources<'v>,
        stored: StoredCommit,
        commit: Commit,
        entry: Entry,
        parent: Option<(Sha, Sha)>,
    ) -> Result<Self, GitError> {
        let changes = repo.diff_trees(
            parent.map(|(_, tree)| tree),
            Some(commit.tree),
            MOST_CHANGES,
        )?;
        let mut check = Self {
            repo,
            chain,
            graph,
            stored,
            commit,
            parent,
            entry,
            version: None,
            signing: None,
            changes,
            findings: Vec::new(),
            signed: false,
        };
        check.check_shown();
        Ok(check)
    }

    /// Writes down that something is wrong.
    pub fn say(&mut self, kind: FindingKind, message: impl Into<String>) {
        self.findings.push(Finding {
            commit: self.commit.id,
            kind,
            message: message.into(),
        });
    }

    /// Git shows it as it is.
    fn check_shown(&mut self) {
        for (kind, message) in super::shown::find(self.graph, &self.commit, &self.changes) {
            self.say(kind, message);
        }
    }

    /// Made by the bot, author and committer alike.
    pub fn check_identity(&mut self) {
        for (part, who) in [
            ("author", self.commit.author.clone()),
            ("committer", self.commit.committer.clone()),
        ] {
            if who.name != BOT_NAME || who.email != BOT_EMAIL {
                let shown = quoted(&format!("{} <{}>", who.name, who.email));
                self.say(
                    FindingKind::ForeignIdentity,
                    format!("its {part} is {shown}, not `{BOT_NAME} <{BOT_EMAIL}>`"),
                );
            }
        }
        // Another encoding is a finding of its own.
        if self.commit.encoding.is_none() && !self.stored.has_plain_headers(&self.commit) {
            self.say(
                FindingKind::NotCanonical,
                "its headers are not as the bot writes them: there is one more, or a name, an address, a time or a time zone is written otherwise",
            );
        }
    }

    /// What the bot notes of its clock: that it was behind the commit before, and by no more than it may be.
    pub fn check_clock(&mut self) {
        let Some(clock) = self.clock() else { return };
        let at = self.commit.committer.time;
        if clock >= at || clock < at - CLOCK_TOLERANCE {
            let (clock, at) = (time::text(&clock), time::text(&at));
            self.say(
                FindingKind::WrongTime,
                format!("it is dated {at}, which does not follow from a clock that said {clock}"),
            );
        }
    }

    /// What the bot's clock said, where it was behind the commit before.
    pub fn clock(&self) -> Option<DateTime<Utc>> {
        split_clock(&self.commit.message).1
    }

    /// The message without what it says of the clock.
    pub fn message(&self) -> &str {
        split_clock(&self.commit.message).0
    }

    /// The commit carries exactly the time that its record does.
    pub fn check_time(&mut self, path: &str, key: &str, recorded: DateTime<Utc>) {
        for (part, at) in [
            ("author", self.commit.author.time),
            ("committer", self.commit.committer.time),
        ] {
            if at != recorded {
                let (at, recorded) = (time::text(&at), time::text(&recorded));
                self.say(
                    FindingKind::WrongTime,
                    format!("{path}: `{key}` is {recorded}, but the commit's {part} time is {at}"),
                );
                return;
            }
        }
    }

    /// Exactly these parents, the first being the one on the line.
    pub fn check_parents(&mut self, merged: Option<Sha>) {
        let expected: Vec<Sha> = self
            .parent
            .map(|(id, _)| id)
            .into_iter()
            .chain(merged)
            .collect();
        if self.commit.parents == expected {
            return;
        }
        let others: Vec<String> = self.commit.parents.iter().skip(1).map(Sha::short).collect();
        let has = if others.is_empty() {
            "merges nothing".to_owned()
        } else {
            format!("merges {}", others.join(" and "))
        };
        let message = match merged {
            Some(head) => format!(
                "it {has}, but its record says that it merges {}",
                head.short()
            ),
            None => format!("it {has}, but this event merges nothing"),
        };
        self.say(FindingKind::WrongParents, message);
    }

    /// The whole message is the one that the record gives.
    pub fn check_message(&mut self, expected: &str) {
        let expected = format!("{}\n", expected.trim_end());
        if self.message() == expected {
            return;
        }
        let difference = super::message::first_difference(self.message(), &expected);
        self.say(FindingKind::WrongMessage, difference);
    }

    /// Takes the change of one path off the list.
    pub fn take(&mut self, path: &str) -> Option<Change> {
        let place = self
            .changes
            .iter()
            .position(|change| change.path == path.as_bytes())?;
        Some(self.changes.remove(place))
    }

    /// Takes the addition of a file off the list; says what is wrong if there is no such addition.
    pub fn take_added(&mut self, path: &str) -> Option<Sha> {
        let Some(change) = self.take(path) else {
            self.say(
                FindingKind::MissingChange,
                format!("`{path}` should be added by it, but is not"),
            );
            return None;
        };
        let (None, Some(new)) = (&change.old, &change.new) else {
            // Named as an edit with what is left over.
            self.changes.push(change);
            return None;
        };
        let (mode, id) = (new.mode, new.id);
        self.check_mode(path, mode);
        Some(id)
    }

    /// Everything that the bot writes is a regular file.
    pub fn check_mode(&mut self, path: &str, mode: Mode) {
        if mode != Mode::File {
            self.say(
                FindingKind::WrongFileMode,
                format!(
                    "`{path}` has the mode {:o}, expected a regular file (100644)",
                    mode.bits()
                ),
            );
        }
    }

    /// Whether a file is added, without saying anything about it.
    pub fn adds(&self, path: &str) -> bool {
        self.changes.iter().any(|change| {
            change.path == path.as_bytes() && change.old.is_none() && change.new.is_some()
        })
    }

    /// The blob that is added at a path.
    pub fn find_added_blob(&self, path: &str) -> Option<Sha> {
        let change = self
            .changes
            .iter()
            .find(|change| change.path == path.as_bytes() && change.old.is_none())?;
        change.new.as_ref().map(|new| new.id)
    }

    /// The name of the first file that is added in a folder, which ends in a slash.
    pub fn find_added_in(&self, folder: &str) -> Option<&str> {
        self.changes
            .iter()
            .filter(|change| change.old.is_none())
            .find_map(|change| {
                let name = std::str::from_utf8(&change.path)
                    .ok()?
                    .strip_prefix(folder)?;
                (!name.contains('/')).then_some(name)
            })
    }

    /// Takes all changes off the list.
    pub fn take_all(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Whether everything was stopped when this happened.
    pub fn is_frozen(&self) -> Result<bool, GitError> {
        match self.parent {
            Some((_, tree)) => Ok(self.repo.entry_at(tree, Freeze::PATH)?.is_some()),
            None => Ok(false),
        }
    }

    /// Takes the additions of records off the list that only the bot makes, whoever adopts the rest: a recommendation
    /// may have been merged by hand.
    pub fn refuse_added_records(&mut self) {
        let is_bots = |change: &Change| {
            change.old.is_none()
                && is_record(&change.path_text())
                && !change.path.ends_with(b"/recommendation.yaml")
        };
        let all = self.take_all().into_iter();
        let (added, rest): (Vec<Change>, Vec<Change>) = all.partition(is_bots);
        self.changes = rest;
        for change in added.into_iter().take(MOST_NAMED) {
            self.say(
                FindingKind::EditedRecord,
                format!(
                    "{} is added: only the bot writes a record",
                    quoted_path(&change.path_text())
                ),
            );
        }
    }

    /// What is left on the list is explained by nothing.
    pub fn refuse_rest(&mut self) {
        let rest = self.take_all();
        let count = rest.len();
        for change in rest.into_iter().take(MOST_NAMED) {
            let path = change.path_text();
            let shown = quoted_path(&path);
            let what = match (&change.old, &change.new) {
                (None, _) => "is added",
                (_, None) => "is removed",
                (Some(_), Some(_)) => "is changed",
            };
            if is_record(&path) && change.old.is_some() {
                self.say(
                    FindingKind::EditedRecord,
                    format!("{shown} {what}: a record is never edited or removed"),
                );
            } else {
                self.say(
                    FindingKind::UnexpectedChange,
                    format!("{shown} {what}, which this event does not explain"),
                );
            }
        }
        if count > MOST_NAMED {
            self.say(
                FindingKind::UnexpectedChange,
                format!(
                    "and {} more files that this event does not explain",
                    count - MOST_NAMED
                ),
            );
        }
    }
}

/// A path in a message: escaped, and longer than [`quoted`] shows.
fn quoted_path(path: &str) -> String {
    let shown: String = path
        .chars()
        .take(200)
        .flat_map(char::escape_default)
        .collect();
    format!("`{shown}`")
}
