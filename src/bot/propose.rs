//! Opens the pull request of a recommendation in the name of its agent: for the command line, the API and
//! MCP. Agents that speak git need none of this.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::BotError;
use crate::domain::documents::{Decision, Recommendation, Status};
use crate::domain::ids::{AgentName, CaseId, PullNumber, Sha};
use crate::forge::github::{GithubForge, NewPull};
use crate::forge::local::LocalForge;
use crate::forge::{Forge as _, ForgeError};
use crate::git::{
    Durability, Expect, Mode, NewCommit, ObjectBuffer, RefEdit, RefsUpdate, Repository, Signature,
    TreeEditor,
};
use crate::ledger::{CaseFile, LedgerError, MAIN};
use crate::rules::Rules;

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
    /// Opens the pull request in a repository that is its own forge; none if its branch exists already.
    ///
    /// # Errors
    /// When the repository cannot be written.
    pub fn open_here(&self, repo: &Repository) -> Result<Option<Opened>, BotError> {
        let (head, mut buffer) = self.commit(repo)?;
        let branch = branch_of(self.recommendation.id);
        let _kept = buffer.flush(repo)?;
        let edit = RefEdit {
            name: format!("refs/heads/{branch}"),
            expected: Expect::Absent,
            new: Some(head),
        };
        if repo.update_refs(&[edit], Durability::Durable)? != RefsUpdate::Done {
            return Ok(None);
        }
        if let Some(number) = find_number(repo, &branch, self.now)? {
            return Ok(Some(self.opened(number, head)));
        }
        // A bot that looks all the time may have decided it since.
        let decided = find_decided(repo, self.recommendation.id)?;
        let decided = decided.ok_or_else(|| ForgeError::Record {
            number: PullNumber(0),
            reason: format!("the new branch `{branch}` was not noticed"),
        })?;
        Ok(Some(decided.opened))
    }

    /// Opens the pull request on GitHub, under the account that we are there.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub fn open_on_github(
        &self,
        repo: &Repository,
        forge: &GithubForge,
    ) -> Result<Opened, BotError> {
        let (head, buffer) = self.commit(repo)?;
        let new = NewPull {
            branch: &branch_of(self.recommendation.id),
            head,
            title: &subject(self.recommendation),
            body: "Proposed with `countersign`.",
        };
        let number = forge.open_pull(repo, new, buffer)?;
        Ok(self.opened(number, head))
    }

    fn opened(&self, number: PullNumber, head: Sha) -> Opened {
        let id = self.recommendation.id;
        let branch = branch_of(id);
        Opened {
            id,
            number,
            branch,
            head,
        }
    }

    /// The file on top of `main`, in one commit of the agent.
    fn commit(&self, repo: &Repository) -> Result<(Sha, ObjectBuffer), BotError> {
        let base = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
        let mut buffer = ObjectBuffer::new();
        let blob = buffer.put_blob(self.bytes);
        let mut tree = TreeEditor::new(Some(repo.read_commit(base)?.tree));
        let path = Recommendation::path_of(self.recommendation.id);
        tree.insert(repo.objects(), &path, Mode::File, blob)?;
        let signature = Signature {
            name: self.recommendation.agent.to_string(),
            email: self.email.to_owned(),
            time: self.now,
        };
        let tree = tree.write(&mut buffer);
        let head = buffer.put_commit(&NewCommit {
            tree,
            parents: vec![base],
            author: signature.clone(),
            committer: signature,
            message: subject(self.recommendation),
            signature: None,
        });
        Ok((head, buffer))
    }
}

/// What is decided or waits under this id, in a repository that is its own forge.
///
/// # Errors
/// When the repository cannot be read.
pub fn find_existing(
    repo: &Repository,
    id: CaseId,
    now: DateTime<Utc>,
) -> Result<Option<Existing>, BotError> {
    if let Some(decided) = find_decided(repo, id)? {
        return Ok(Some(decided));
    }
    let branch = branch_of(id);
    let Some(head) = repo.find_ref(&format!("refs/heads/{branch}"))? else {
        return Ok(None);
    };
    let path = Recommendation::path_of(id);
    let bytes = repo.read_path(repo.read_commit(head)?.tree, &path)?;
    let read = Recommendation::read(&path, &bytes.unwrap_or_default());
    let recommendation = read.map_err(LedgerError::from)?;
    let Some(number) = find_number(repo, &branch, now)? else {
        return find_decided(repo, id);
    };
    let opened = Opened {
        id,
        number,
        branch,
        head,
    };
    Ok(Some(Existing {
        recommendation,
        opened,
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

/// Has the local forge notice a branch; none if it has gone.
fn find_number(
    repo: &Repository,
    branch: &str,
    now: DateTime<Utc>,
) -> Result<Option<PullNumber>, BotError> {
    let mut forge = LocalForge::new();
    let pulls = forge.open_pulls(repo, now)?;
    forge.write_seen(repo)?;
    let mut pulls = pulls.iter();
    let found = pulls.find(|pull| pull.branch == branch);
    Ok(found.map(|pull| pull.number))
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
