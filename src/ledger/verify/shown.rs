//! Whether git shows a commit as it was checked: in the encoding that it was read in, and with the tree, the parents,
//! the date and the paths that it has.

use super::commit_check::{CommitCheck, MOST_CHANGES};
use super::finding::FindingKind;
use crate::domain::ids::quoted;
use crate::git::{Change, Commit, CommitGraph, GitError};

/// What is wrong with how git shows a commit that changes these files.
pub fn find(
    graph: &CommitGraph,
    commit: &Commit,
    changes: &[Change],
) -> Vec<(FindingKind, String)> {
    let mut wrong = Vec::new();
    if let Some(encoding) = &commit.encoding {
        wrong.push((
            FindingKind::ForeignEncoding,
            format!(
                "git shows its text in the encoding {}, in which it can read differently",
                quoted(encoding)
            ),
        ));
    }
    const REMEDY: &str = "write it anew with `git commit-graph write --reachable`";
    if let Some(what) = graph.find_difference(commit) {
        wrong.push((
            FindingKind::WrongCommitGraph,
            format!("in git's commit-graph it {what}: {REMEDY}"),
        ));
    }
    let mut paths = changes.iter().map(|change| change.path.as_slice());
    if let Some(path) = graph.find_hidden_path(commit.id, &mut paths) {
        let path = String::from_utf8_lossy(path).into_owned();
        wrong.push((
            FindingKind::WrongCommitGraph,
            format!(
                "git's commit-graph hides it from who asks for the history of {}, which it changes: {REMEDY}",
                quoted(&path)
            ),
        ));
    }
    wrong
}

impl CommitCheck<'_> {
    /// Checks how git shows a commit that this one merges.
    pub fn check_merged_shown(&mut self, commit: &Commit) -> Result<(), GitError> {
        let graph = self.graph;
        // What it changes is asked only where an answer could be wrong.
        let changes = match graph.has_paths() {
            true => {
                let parent = commit.parents.first();
                let parent = parent.map(|id| self.repo.read_commit(*id)).transpose()?;
                self.repo.diff_trees(
                    parent.map(|parent| parent.tree),
                    Some(commit.tree),
                    MOST_CHANGES,
                )?
            }
            false => Vec::new(),
        };
        for (kind, message) in find(graph, commit, &changes) {
            self.say(
                kind,
                format!("the merged commit {}: {message}", commit.id.short()),
            );
        }
        Ok(())
    }
}
