//! A big trail to measure on: as many decided cases as one likes, of every kind and ending, that
//! `countersign verify` accepts to the last commit.
//!
//! Written by the product's own ledger, gate and scoring (`author`), so a trail cannot be of a shape that the
//! product would not write; only the forge is left out. Packed by `git gc`, and kept below the target folder
//! by the number of cases and [`VERSION`], because the larger ones take minutes: whoever changes what is
//! written counts the version up.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod author;
mod chance;
mod proposal;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is written; counted up with every change of it.
const VERSION: u32 = 3;

/// A bare governance repository with so many decided cases, made now or by an earlier run. Whoever writes
/// to it works on a copy.
pub fn trail(count: usize) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let repo = folder.join(format!("trail-{count}-v{VERSION}.git"));
    if repo.exists() {
        return repo;
    }
    fs::create_dir_all(folder).expect("cannot make the folder");
    let unfinished = folder.join(format!("trail-{count}-{}", std::process::id()));
    fs::remove_dir_all(&unfinished).ok();
    author::write(&unfinished, count);
    let mut gc = Command::new("git");
    gc.arg("-C")
        .arg(&unfinished)
        .args(["gc", "--quiet", "--prune=now"]);
    let status = gc.status().expect("git is needed");
    assert!(status.success(), "git gc failed");
    fs::rename(&unfinished, &repo).expect("cannot keep the repository");
    repo
}
