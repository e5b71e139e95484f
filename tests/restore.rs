//! What was restored from a backup, or mirrored: the bot goes on where it was, says so, and puts its hook back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use support::trail::{self, decisions, events};
use support::{Ran, TestRepo, clean, has, has_not};

const AGENT: &str = "strategy-optimizer";
const LOW: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}";
const MEDIUM: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}";

/// A stage whose repository was lost and restored as the README says.
fn restored(stage: &TestRepo) {
    let backup = stage.folder("backup.git");
    let run = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(stage.folder("")).args(arguments);
        clean(&mut command, "root@example.org");
        Ran::of(&command.output().unwrap()).succeeds();
    };
    let (backup, repo) = (backup.to_str().unwrap(), stage.repo.to_str().unwrap());
    run(&["clone", "-q", "--mirror", repo, backup]);
    run(&["-C", backup, "remote", "update", "--prune"]);
    std::fs::remove_dir_all(&stage.repo).unwrap();
    run(&["clone", "-q", "--mirror", backup, repo]);
    run(&["-C", repo, "remote", "remove", "origin"]);
}

/// A push of a change straight to `main`.
fn push_to_main(stage: &TestRepo, who: &str, path: &str, text: &str) -> Ran {
    let clone = stage.clone_of(who).start();
    clone.write(path, text).commit("By hand");
    clone.try_git(&["push", "-q", "origin", "HEAD:main"])
}

#[test]
fn what_is_restored_from_a_mirror_goes_on_where_it_was_and_has_its_hook_again() {
    let mut stage = TestRepo::example();
    let merged = stage.propose(AGENT, "a", LOW);
    stage.propose(AGENT, "b", MEDIUM);
    stage.run();
    stage.approve(2, "alice");
    stage.propose(
        "market-analyst",
        "c",
        "action: analyze\ntargets: [rsi-eurusd]",
    );
    restored(&stage);
    let ran = stage.run();
    has(
        &ran.stderr,
        "had no hook `update`, like a mirror or what was restored from one: anybody who could push could push to `main`; the hook is there now",
    );
    let decided = decisions(&events(&stage));
    assert_eq!(decided.len(), 3, "{decided:?}");
    assert!(decided.contains_key(&merged));
    assert_eq!(trail::branches(&stage), BTreeSet::new());
    // It is said once, and nobody pushes to `main` any more.
    has_not(&stage.run().stderr, "hook");
    let refused = push_to_main(&stage, "carol", "docs/x.md", "x").exits(1);
    has(&refused.stderr, "`refs/heads/main` is not open for pushes");
    assert_eq!(
        stage.git(&["config", "receive.hideRefs"]).lines().count(),
        1
    );
    trail::assert_settled(&stage);
    stage.verifies();
    stage.read_all();
}

#[test]
fn a_hook_of_somebody_else_is_left_alone_and_an_old_one_of_ours_is_renewed() {
    let stage = TestRepo::example();
    let hook = stage.repo.join("hooks/update");
    let ours = std::fs::read_to_string(&hook).unwrap();
    std::fs::write(&hook, "#!/bin/sh\nexit 0\n").unwrap();
    has_not(&stage.run().stderr, "hook");
    assert_eq!(
        std::fs::read_to_string(&hook).unwrap(),
        "#!/bin/sh\nexit 0\n"
    );
    std::fs::write(
        &hook,
        "#!/bin/sh\n# Made by `countersign init`. An older one.\nexit 0\n",
    )
    .unwrap();
    has_not(&stage.run().stderr, "hook");
    assert_eq!(std::fs::read_to_string(&hook).unwrap(), ours);
}
