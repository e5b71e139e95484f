//! This module against real git: whatever we write, git itself has to read, and the other way round.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use chrono::DateTime;
use tempfile::TempDir;

use super::*;
use crate::domain::ids::Sha;

mod history;
mod packed;
mod packs;
mod ref_races;
mod refs;
mod remote;
mod storing;
mod trees;

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-C"])
        .arg(dir)
        .args(args)
        .stdin(Stdio::null())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "git {args:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn repo() -> (TempDir, Repository) {
    let dir = tempfile::tempdir().unwrap();
    let repo = Repository::init_bare(&dir.path().join("r.git")).unwrap();
    (dir, repo)
}

fn signature(seconds: i64) -> Signature {
    let time = DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap();
    Signature {
        name: "Bot <x>\n".into(),
        email: "bot@example.org".into(),
        time,
    }
}

fn commit(tree: Sha, parents: &[Sha], seconds: i64) -> NewCommit {
    NewCommit {
        tree,
        parents: parents.to_vec(),
        author: signature(seconds),
        committer: signature(seconds),
        message: format!("event {seconds}\n\nEvent: decision"),
        signature: None,
    }
}

fn set(name: &str, expected: Expect, new: Option<Sha>) -> RefEdit {
    RefEdit {
        name: name.into(),
        expected,
        new,
    }
}

fn update(repo: &Repository, name: &str, expected: Expect, new: Option<Sha>) -> RefsUpdate {
    repo.update_refs(&[set(name, expected, new)], Durability::Fast)
        .unwrap()
}

/// A line of `count` commits with an empty tree, one a second; their ids, oldest first.
fn line(repo: &Repository, buffer: &mut ObjectBuffer, from: Option<Sha>, count: i64) -> Vec<Sha> {
    let tree = TreeEditor::new(None).write(buffer);
    let mut ids: Vec<Sha> = Vec::new();
    for second in 0..count {
        let parent = ids.last().copied().or(from);
        ids.push(buffer.put_commit(&commit(tree, parent.as_slice(), second)));
    }
    drop(buffer.flush(repo).unwrap());
    ids
}

/// Writes records as the bot does; the tip afterwards.
fn record(
    repo: &Repository,
    buffer: &mut ObjectBuffer,
    editor: &mut TreeEditor,
    tip: Option<Sha>,
    numbers: std::ops::Range<u32>,
) -> Sha {
    let mut tip = tip;
    for number in numbers {
        let folder = format!("recommendations/2026/11/23/14/01JDC3V5J9M0K3W8Q2ZT{number:06}");
        let text = "target: rsi-eurusd\nstop_loss_pct: 2.5\nrationale: Backtests show a smaller drawdown.\n";
        let blob = buffer.put_blob(format!("id: {number}\n{}", text.repeat(5)).as_bytes());
        editor
            .insert(
                repo.with(buffer),
                &format!("{folder}/recommendation.yaml"),
                Mode::File,
                blob,
            )
            .unwrap();
        let tree = editor.write(buffer);
        let agent = buffer.put_commit(&commit(tree, tip.as_slice(), i64::from(number)));
        let blob = buffer.put_blob(format!("decision: {number}\n{}", text.repeat(12)).as_bytes());
        editor
            .insert(
                repo.with(buffer),
                &format!("{folder}/decision.yaml"),
                Mode::File,
                blob,
            )
            .unwrap();
        let tree = editor.write(buffer);
        let parents: Vec<Sha> = tip.into_iter().chain([agent]).collect();
        tip = Some(buffer.put_commit(&commit(tree, &parents, i64::from(number))));
    }
    tip.unwrap()
}
