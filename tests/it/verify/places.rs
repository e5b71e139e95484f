//! Repositories that cannot be read as they are: what each command says they need.

use std::path::Path;
use std::process::Command;

use super::story::one_of_each;
use super::world::World;
use crate::support::{COUNTERSIGN, Ran, clean, git};

fn command(world: &World, repo: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(COUNTERSIGN);
    command
        .current_dir(world.folder())
        .args(arguments)
        .arg("--repo")
        .arg(repo);
    clean(&mut command, "auditor@example.org");
    command.env("HOME", world.folder());
    command
}

fn run(world: &World, repo: &Path, arguments: &[&str]) -> Ran {
    Ran::of(&command(world, repo, arguments).output().unwrap())
}

#[test]
fn what_needs_the_whole_history_says_how_to_get_it() {
    let world = one_of_each();
    let from = format!("file://{}", world.path().display());
    let arguments = ["clone", "-q", "--depth", "2", &from, "shallow"];
    git(world.folder(), "auditor@example.org", &arguments);
    let shallow = Path::new("shallow");
    for arguments in [
        &["list"][..],
        &["show", "1"],
        &["report", "weekly"],
        &["export", "--format", "csv", "--output", "o.csv"],
        &["lessons", "--agent", "strategy-optimizer"],
        &["backtest", "--rules", "main"],
        &["run"],
    ] {
        let ran = run(&world, shallow, arguments).exits(1);
        assert_eq!(
            ran.stderr,
            "error: `shallow` is a shallow clone: what is older is not there\n\
             hint: fetch the rest with `git -C shallow fetch --unshallow` (`fetch-depth: 0` for actions/checkout)\n",
            "{arguments:?}"
        );
    }
    // What asks the newest commit alone answers.
    run(&world, shallow, &["test"]).succeeds();
    git(
        &world.folder().join("shallow"),
        "auditor@example.org",
        &["fetch", "-q", "--unshallow"],
    );
    run(&world, shallow, &["list"]).succeeds();
    run(&world, shallow, &["verify"]).succeeds();
}

#[test]
fn other_formats_of_a_repository_are_told_with_what_to_do() {
    let world = one_of_each();
    let from = world.path().display().to_string();
    let auditor = |arguments: &[&str]| git(world.folder(), "auditor@example.org", arguments);
    auditor(&[
        "clone",
        "-q",
        "--bare",
        "--ref-format=reftable",
        &from,
        "tables",
    ]);
    auditor(&["init", "-q", "--bare", "--object-format=sha256", "long"]);
    for arguments in [&["verify"][..], &["list"], &["run"]] {
        assert_eq!(
            run(&world, Path::new("tables"), arguments).exits(1).stderr,
            "error: `tables` keeps its refs in the format `reftable`, which cannot be read here: \
             `git -C tables refs migrate --ref-format=files`, or clone it anew with `git clone --ref-format=files`\n"
        );
        assert_eq!(
            run(&world, Path::new("long"), arguments).exits(1).stderr,
            "error: `long` has SHA-256 object ids, and a trail has SHA-1 ids: make its repository with `countersign init`, and clone that\n"
        );
    }
    let tables = world.folder().join("tables");
    git(
        &tables,
        "auditor@example.org",
        &["refs", "migrate", "--ref-format=files"],
    );
    run(&world, Path::new("tables"), &["verify"]).succeeds();
}

#[test]
fn a_checkpoint_of_nothing_is_refused() {
    let world = one_of_each();
    let tip = world.line()[0];
    let text = format!("{{\"tip\":\"{tip}\",\"commits\":0,\"at\":\"2026-11-02T08:00:00Z\"}}\n");
    std::fs::write(world.folder().join("seen"), text).unwrap();
    let ran = run(&world, &world.path(), &["verify", "--checkpoint", "seen"]).exits(1);
    assert_eq!(
        ran.stderr,
        "error: the checkpoint `seen`: it remembers 0 commits, and no trail that was verified has none\n\
         hint: nothing seen before is taken on trust: mend the file, or name another with `--checkpoint FILE`\n"
    );
}

/// Only root can give a folder away, so nobody else sees this refused; which values name a folder is tested beside
/// the code that reads them.
#[test]
fn the_repository_of_somebody_else_is_opened_where_git_opens_it() {
    let world = one_of_each();
    let given = Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(world.path())
        .output()
        .unwrap();
    if !given.status.success() {
        return;
    }
    let whole = world.path().canonicalize().unwrap();
    let whole = whole.display().to_string();
    let refused = run(&world, &world.path(), &["verify"]).exits(1);
    assert_eq!(
        refused.stderr,
        format!(
            "error: `{}` belongs to another user, and git runs nothing there that its owner could have changed: \
             if you trust it, `git config --global --add safe.directory {whole}`\n",
            world.path().display()
        )
    );
    let above = format!("{}/*", world.folder().canonicalize().unwrap().display());
    for value in ["*", &whole, &above] {
        let file = world.folder().join("settings");
        std::fs::write(&file, format!("[safe]\n\tdirectory = {value}\n")).unwrap();
        let mut by_file = command(&world, &world.path(), &["verify"]);
        by_file.env("GIT_CONFIG_GLOBAL", &file);
        Ran::of(&by_file.output().unwrap()).succeeds();
        let mut by_variable = command(&world, &world.path(), &["list"]);
        by_variable
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "safe.directory")
            .env("GIT_CONFIG_VALUE_0", value);
        Ran::of(&by_variable.output().unwrap()).succeeds();
    }
    std::fs::write(
        world.folder().join(".gitconfig"),
        format!("[safe]\n\tdirectory = {whole}\n"),
    )
    .unwrap();
    let mut by_home = command(&world, &world.path(), &["verify"]);
    by_home.env_remove("GIT_CONFIG_GLOBAL");
    Ran::of(&by_home.output().unwrap()).succeeds();
    std::fs::remove_file(world.folder().join(".gitconfig")).unwrap();
    let mut elsewhere = command(&world, &world.path(), &["verify"]);
    elsewhere
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "/elsewhere/*");
    Ran::of(&elsewhere.output().unwrap()).exits(1);
}
