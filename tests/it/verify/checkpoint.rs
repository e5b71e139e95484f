//! What a checkpoint remembers, and what clones and the command line say.

use std::path::Path;

use chrono::TimeDelta;
use countersign::git::Repository;
use countersign::ledger::MAIN;
use countersign::ledger::verify::{Checkpoint, FindingKind, verify};

use super::story::{LOW, every_event, one_of_each};
use super::world::{World, point};
use super::{finds, told};
use crate::support::{COUNTERSIGN, clean, git};

fn run(world: &World, repo: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = std::process::Command::new(COUNTERSIGN);
    command
        .current_dir(world.folder())
        .args(["verify", "--repo"])
        .arg(repo)
        .args(arguments);
    clean(&mut command, "auditor@example.org");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_checkpoint_remembers_the_tip() {
    let mut world = one_of_each();
    let seen = Checkpoint::of(&world.verify(), world.now()).unwrap();
    assert!(world.verify_since(&seen).ok);
    world.propose("strategy-optimizer", &LOW.replace("1.5", "1.75"));
    world.run();
    assert!(world.verify_since(&seen).ok, "a trail may grow");
    let line = world.line();
    // The tail is cut: what is left holds together, and yet it is found.
    point(&world.repo, MAIN, line[4]);
    assert!(world.verify().ok);
    let found = world.verify_since(&seen);
    finds(&found, seen.tip, FindingKind::CutOrRewritten);
    assert!(told(&found).contains("only 5 are left"), "{}", told(&found));
    assert_eq!(
        Checkpoint::of(&found, world.now()),
        None,
        "findings never lower a checkpoint"
    );
}

#[test]
fn a_checkpoint_sees_a_force_pushed_tip() {
    let mut world = one_of_each();
    let seen = Checkpoint::of(&world.verify(), world.now()).unwrap();
    let line = world.line();
    point(&world.repo, MAIN, line[4]);
    world.wait(TimeDelta::hours(1));
    world.propose("strategy-optimizer", &LOW.replace("1.5", "1.75"));
    world.propose("strategy-optimizer", &LOW.replace("1.5", "2"));
    world.run();
    assert!(world.verify().ok, "the new tail is honest in itself");
    let found = world.verify_since(&seen);
    finds(&found, seen.tip, FindingKind::CutOrRewritten);
    assert!(told(&found).contains("in its place"), "{}", told(&found));
}

#[test]
fn a_shallow_clone_proves_nothing() {
    let world = one_of_each();
    let clone = world.folder().join("shallow");
    let from = format!("file://{}", world.path().display());
    git(
        world.folder(),
        "auditor@example.org",
        &[
            "clone",
            "-q",
            "--depth",
            "2",
            &from,
            clone.to_str().unwrap(),
        ],
    );
    let found = verify(&Repository::open(&clone).unwrap(), None, &mut |_, _| {}).unwrap();
    assert!(!found.ok);
    let line = world.line();
    let oldest = line[line.len() - 2];
    assert_eq!(
        told(&found),
        format!(
            "{}: shallow: git shows nothing older than it, because of the file `shallow`: fetch the rest with `git fetch --unshallow`\n\
             {}: without_decision: there is no decision on `01M6DVKZD00000000000000003` before it\n",
            oldest.short(),
            line[line.len() - 1].short()
        )
    );
}

#[test]
fn the_command_proves_an_ordinary_clone_and_keeps_a_checkpoint() {
    let world = every_event();
    let clone = world.folder().join("clone");
    git(
        world.folder(),
        "auditor@example.org",
        &[
            "clone",
            "-q",
            "--no-local",
            world.path().to_str().unwrap(),
            clone.to_str().unwrap(),
        ],
    );
    let (status, stdout, stderr) = run(&world, &clone, &["--checkpoint", "seen.json"]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    assert_eq!(
        stdout,
        "27 commits: 1 claim, 11 decisions, 1 feedback, 1 freeze, 1 genesis, 2 governance, 9 outcomes, 1 unfreeze; 13 recomputed; no findings\n\
         4 cases closed without a merge, whose branches are not in this clone: who wrote their commits is taken from the record\n"
    );
    let seen = std::fs::read_to_string(world.folder().join("seen.json")).unwrap();
    // The tail is cut on the server, and the auditor's clone follows.
    let line = world.line();
    point(&world.repo, MAIN, line[20]);
    git(
        &clone,
        "auditor@example.org",
        &["fetch", "-q", "--force", "origin", "main"],
    );
    git(
        &clone,
        "auditor@example.org",
        &["reset", "-q", "--hard", "FETCH_HEAD"],
    );
    let (status, stdout, _) = run(&world, &clone, &["--checkpoint", "seen.json"]);
    assert_eq!(status, 3);
    let tip = line.last().unwrap().short();
    assert!(
        stdout.starts_with(&format!(
            "{tip}: cut_or_rewritten: when it was last verified, at "
        )),
        "{stdout}"
    );
    assert_eq!(
        std::fs::read_to_string(world.folder().join("seen.json")).unwrap(),
        seen
    );
    let (status, stdout, _) = run(&world, &clone, &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(status, 0);
    assert_eq!(
        (&json["ok"], &json["commits"], &json["findings"]),
        (&true.into(), &21.into(), &serde_json::json!([]))
    );
}

#[test]
fn the_command_says_what_it_found_and_what_it_could_not_read() {
    let world = one_of_each();
    let forged = world.append("hotfix", &[], Some("mallory@example.org"));
    let (status, stdout, _) = run(&world, &world.path(), &["--format", "json"]);
    assert_eq!(status, 3);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["findings"][0]["commit"], forged.to_string());
    assert_eq!(json["findings"][2]["kind"], "unexplained");
    let (status, _, stderr) = run(&world, &world.folder().join("nowhere"), &[]);
    assert_eq!(status, 1);
    assert!(stderr.contains("no git repository"), "{stderr}");
    std::fs::write(world.folder().join("seen.json"), "{}").unwrap();
    let (status, _, stderr) = run(&world, &world.path(), &["--checkpoint", "seen.json"]);
    assert_eq!(status, 1);
    assert!(stderr.contains("the checkpoint `seen.json`"), "{stderr}");
}
