//! Opens the pull request of a recommendation in the name of its agent: for the command line, the API and
//! MCP. Agents that speak git need none of this.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::BotError;
use crate::domain::documents::{AccountRecord, Decision, Recommendation, Status};
use crate::domain::ids::{AgentName, CaseId, PullNumber, Sha};
use crate::forge::Forge as _;
use crate::forge::github::{GithubForge, NewPull};
use crate::forge::local::{LocalForge, NewPull as NewLocalPull};
use crate::git::{Mode, NewCommit, ObjectBuffer, Repository, Signature, TreeEditor};
use crate::ledger::{CaseFile, LedgerError, MAIN};
use crate::rules::Rules;
use crate::rules::people::Person;

/// A recommendation that is to be proposed.
#[derive(Debug, Clone, Copy)]
pub struct NewProposal<'a> {
    /// What it says.
    pub recommendation: &'a Recommendation,
    /// The same, byte for byte as it goes into its file.
    pub bytes: &'a [u8],
    /// The address of the commit.
    pub email: &'a str,
    /// When.
    pub now: DateTime<Utc>,
}

/// A pull request that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Opened {
    /// The case.
    pub id: CaseId,
    /// The number of the pull request.
    pub number: PullNumber,
    /// Its branch.
    pub branch: String,
    /// Its newest commit.
    pub head: Sha,
}

/// What there is already under the id of a proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Existing {
    /// What it says.
    pub recommendation: Recommendation,
    /// Its pull request.
    pub opened: Opened,
    /// How it was decided, if it was.
    pub status: Option<Status>,
}

/// The address by which an agent's commits are known; none if it is not registered with one.
pub fn find_email<'r>(rules: &'r Rules, agent: &AgentName) -> Option<&'r str> {
    let emails = rules.agents.get(agent).map(|agent| &agent.emails)?;
    emails.first().map(String::as_str)
}

/// The branch of a recommendation, by custom.
pub fn branch_of(id: CaseId) -> String {
    format!("recommend/{id}")
}

impl NewProposal<'_> {
    /// Opens the pull request in a repository that is its own forge, with its branch; none if that exists already.
    pub fn open_here(&self, repo: &Repository) -> Result<Option<Opened>, BotError> {
        let mut forge = LocalForge::new();
        let mut batch = ProposalBatch::on(repo)?;
        batch.add(self)?;
        let opened = batch.open(&mut forge, self.now)?.pop().flatten();
        if let Some(opened) = &opened {
            // Nobody may be there to decide it.
            forge.make_branches(repo, &BTreeSet::from([opened.number]), self.now)?;
            forge.write_seen(repo)?;
        }
        Ok(opened)
    }

    /// The commit that says this on top of another one, with what it needs; none if that says it already.
    pub(super) fn commit_onto(
        &self,
        repo: &Repository,
        parent: Sha,
    ) -> Result<Option<(ObjectBuffer, Sha)>, BotError> {
        let root = repo.read_commit(parent)?.tree;
        let path = Recommendation::path_of(self.recommendation.id);
        let mut tree = TreeEditor::new(Some(root));
        let mut buffer = ObjectBuffer::new();
        let blob = buffer.put_blob(self.bytes);
        let inserted = tree.insert(repo.with(&buffer), &path, Mode::File, blob);
        inserted.map_err(|error| BotError::of_report(error.into()))?;
        let tree = tree.write(&mut buffer);
        if tree == root {
            return Ok(None);
        }
        let head = buffer.put_commit(&self.commit(tree, parent));
        Ok(Some((buffer, head)))
    }

    /// A commit of the agent.
    fn commit(&self, tree: Sha, parent: Sha) -> NewCommit {
        let signature = Signature {
            name: self.recommendation.agent.to_string(),
            email: self.email.to_owned(),
            time: self.now,
        };
        NewCommit {
            tree,
            parents: vec![parent],
            author: signature.clone(),
            committer: signature,
            message: subject(self.recommendation),
            signature: None,
        }
    }

    /// Opens the pull request on GitHub, under the account that we are there.
    pub fn open_on_github(
        &self,
        repo: &Repository,
        forge: &GithubForge,
    ) -> Result<Opened, BotError> {
        let mut batch = ProposalBatch::on(repo)?;
        let head = batch.add(self)?;
        let new = NewPull {
            branch: &branch_of(self.recommendation.id),
            head,
            title: &subject(self.recommendation),
            body: "Proposed with `countersign`.",
        };
        let number = forge.open_pull(repo, new, batch.buffer)?;
        Ok(Opened::new(self.recommendation.id, number, head))
    }
}

impl Opened {
    fn new(id: CaseId, number: PullNumber, head: Sha) -> Self {
        Self {
            id,
            number,
            branch: branch_of(id),
            head,
        }
    }
}

/// Proposals that are opened together in a repository that is its own forge: one pack and one change of one ref,
/// however many there are.
pub struct ProposalBatch<'r> {
    repo: &'r Repository,
    base: Sha,
    root: Sha,
    /// The tree of `base`, and the file of the proposal that was added last. The tree of the next one is then stored
    /// as its difference to that one.
    tree: TreeEditor,
    last_path: Option<String>,
    buffer: ObjectBuffer,
    opened: Vec<(CaseId, NewLocalPull)>,
}

impl<'r> ProposalBatch<'r> {
    /// A batch on the tip of `main`.
    pub fn on(repo: &'r Repository) -> Result<Self, BotError> {
        let base = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
        let root = repo.read_commit(base)?.tree;
        Ok(Self {
            repo,
            base,
            root,
            tree: TreeEditor::new(Some(root)),
            last_path: None,
            buffer: ObjectBuffer::new(),
            opened: Vec::new(),
        })
    }

    /// Adds the file on top of `main`, in one commit of the agent. Each id at most once.
    ///
    /// # Errors
    /// When the file has no place in the tree; the others stay.
    pub fn add(&mut self, new: &NewProposal<'_>) -> Result<Sha, BotError> {
        let id = new.recommendation.id;
        let tree = match self.tree_with(new) {
            Ok(tree) => tree,
            Err(error) => {
                self.tree = TreeEditor::new(Some(self.root));
                self.last_path = None;
                return Err(error);
            }
        };
        let head = self.buffer.put_commit(&new.commit(tree, self.base));
        let pull = NewLocalPull {
            branch: branch_of(id),
            head,
            author: AccountRecord {
                email: Some(new.email.to_owned()),
                ..AccountRecord::default()
            },
        };
        self.opened.push((id, pull));
        Ok(head)
    }

    fn tree_with(&mut self, new: &NewProposal<'_>) -> Result<Sha, BotError> {
        if let Some(last) = self.last_path.take() {
            self.tree.remove(self.repo.with(&self.buffer), &last)?;
        }
        let path = Recommendation::path_of(new.recommendation.id);
        let blob = self.buffer.put_blob(new.bytes);
        let objects = self.repo.with(&self.buffer);
        let inserted = self.tree.insert(objects, &path, Mode::File, blob);
        inserted.map_err(|error| BotError::of_report(error.into()))?;
        self.last_path = Some(path);
        Ok(self.tree.write(&mut self.buffer))
    }

    /// Opens the pull requests, in the order in which they were added; none where the branch exists already. Those that
    /// have to wait get their branches from the bot.
    ///
    /// # Errors
    /// When the repository cannot be written. Then none of them is open.
    pub fn open(
        mut self,
        forge: &mut LocalForge,
        now: DateTime<Utc>,
    ) -> Result<Vec<Option<Opened>>, BotError> {
        let (ids, pulls): (Vec<CaseId>, Vec<NewLocalPull>) = self.opened.into_iter().unzip();
        let numbers = forge.open(self.repo, &mut self.buffer, &pulls, now)?;
        let all = ids.into_iter().zip(pulls).zip(numbers);
        let opened = all.map(|((id, pull), number)| Some(Opened::new(id, number?, pull.head)));
        Ok(opened.collect())
    }
}

/// A change of one file on `main` that a person proposes.
#[derive(Debug, Clone, Copy)]
pub struct NewChange<'a> {
    pub branch: &'a str,
    pub path: &'a str,
    pub text: &'a str,
    pub message: &'a str,
    pub author: &'a Person,
    /// The address of the commit.
    pub email: &'a str,
    pub now: DateTime<Utc>,
}

/// The pull request of such a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenedChange {
    pub number: PullNumber,
    pub branch: String,
    pub head: Sha,
}

impl NewChange<'_> {
    /// Opens it in a repository that is its own forge; none if its branch exists already.
    pub fn open_here(&self, repo: &Repository) -> Result<Option<OpenedChange>, BotError> {
        let (mut buffer, head) = self.commit(repo)?;
        let mut forge = LocalForge::new();
        let pull = NewLocalPull {
            branch: self.branch.to_owned(),
            head,
            author: AccountRecord {
                email: Some(self.email.to_owned()),
                ..AccountRecord::default()
            },
        };
        let numbers = forge.open(repo, &mut buffer, &[pull], self.now)?;
        let Some(number) = numbers.into_iter().next().flatten() else {
            return Ok(None);
        };
        forge.make_branches(repo, &BTreeSet::from([number]), self.now)?;
        forge.write_seen(repo)?;
        Ok(Some(self.opened(number, head)))
    }

    /// Opens it on GitHub, under the account that we are there.
    pub fn open_on_github(
        &self,
        repo: &Repository,
        forge: &GithubForge,
    ) -> Result<OpenedChange, BotError> {
        let (buffer, head) = self.commit(repo)?;
        let new = NewPull {
            branch: self.branch,
            head,
            title: self.message,
            body: "Proposed with `countersign report autonomy --propose`.",
        };
        let number = forge.open_pull(repo, new, buffer)?;
        Ok(self.opened(number, head))
    }

    fn opened(&self, number: PullNumber, head: Sha) -> OpenedChange {
        OpenedChange {
            number,
            branch: self.branch.to_owned(),
            head,
        }
    }

    fn commit(&self, repo: &Repository) -> Result<(ObjectBuffer, Sha), BotError> {
        let base = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
        let mut tree = TreeEditor::new(Some(repo.read_commit(base)?.tree));
        let mut buffer = ObjectBuffer::new();
        let blob = buffer.put_blob(self.text.as_bytes());
        let inserted = tree.insert(repo.with(&buffer), self.path, Mode::File, blob);
        inserted.map_err(|error| BotError::of_report(error.into()))?;
        let signature = Signature {
            name: self.author.name.to_string(),
            email: self.email.to_owned(),
            time: self.now,
        };
        let tree = tree.write(&mut buffer);
        let head = buffer.put_commit(&NewCommit {
            tree,
            parents: vec![base],
            author: signature.clone(),
            committer: signature,
            message: self.message.to_owned(),
            signature: None,
        });
        Ok((buffer, head))
    }
}

/// What is decided or waits under this id, in a repository that is its own forge.
pub fn find_existing(
    repo: &Repository,
    forge: &mut LocalForge,
    id: CaseId,
    now: DateTime<Utc>,
) -> Result<Option<Existing>, BotError> {
    if let Some(decided) = find_decided(repo, id)? {
        return Ok(Some(decided));
    }
    let branch = branch_of(id);
    let mut pull = forge.find_by_branch(repo, &branch)?;
    if pull.is_none() && repo.find_ref(&format!("refs/heads/{branch}"))?.is_some() {
        // It was pushed, and nobody has looked yet.
        let pulls = forge.open_pulls(repo, now)?;
        forge.write_seen(repo)?;
        pull = pulls.into_iter().find(|pull| pull.branch == branch);
    }
    let Some(pull) = pull else {
        // A bot that looks all the time may have decided it since.
        return find_decided(repo, id);
    };
    let path = Recommendation::path_of(id);
    let bytes = repo.read_path(repo.read_commit(pull.head)?.tree, &path)?;
    let read = Recommendation::read(&path, &bytes.unwrap_or_default());
    Ok(Some(Existing {
        recommendation: read.map_err(LedgerError::from)?,
        opened: Opened::new(id, pull.number, pull.head),
        status: None,
    }))
}

fn find_decided(repo: &Repository, id: CaseId) -> Result<Option<Existing>, BotError> {
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    if repo.entry_at(root, &Decision::path_of(id))?.is_none() {
        return Ok(None);
    }
    let file = CaseFile::read(repo.objects(), root, id)?;
    let pull = &file.decision.pull;
    let opened = Opened {
        id,
        number: pull.number,
        branch: pull.branch.clone(),
        head: pull.head,
    };
    Ok(Some(Existing {
        opened,
        status: Some(file.decision.status),
        recommendation: file.recommendation,
    }))
}

/// `recommend: modify_parameters on rsi-eurusd and 2 more`: all of it are checked names.
fn subject(recommendation: &Recommendation) -> String {
    let mut text = format!("recommend: {}", recommendation.action);
    if let Some(first) = recommendation.targets.first() {
        text.push_str(&format!(" on {first}"));
    }
    if recommendation.targets.len() > 1 {
        text.push_str(&format!(" and {} more", recommendation.targets.len() - 1));
    }
    text
}
