//! `core.sharedRepository`: what we write inside of a git directory can be read and written by whom the setting lets,
//! as what git itself writes there. Held against git's own files, under a umask that lets nobody but the owner.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::proposals::{ANALYZE, LOW, MEDIUM, NOTIFY};
use crate::support::serving::{Serving, serve};
use crate::support::{Ran, TestRepo, git, trail};

/// More than are needed for refs to be written straight into `packed-refs`.
const MANY: usize = 70;

/// Tells the test below how it is run.
const SETTING: &str = "TEST_SHARED_REPOSITORY";

/// The umask is the process's: each row of the table has a process of its own.
fn under_umask(umask: &str, setting: &str) {
    let ran = Command::new("sh")
        .args(["-c", "umask \"$0\" && exec \"$@\"", umask])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "shared_repository::one_row", "--nocapture"])
        .env(SETTING, setting)
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    let passed = ran.status.success() && stdout.contains("1 passed");
    assert!(passed, "{umask} {setting}:\n{stdout}{stderr}");
}

#[test]
fn a_group_may_write() {
    under_umask("077", "group");
}

#[test]
fn everybody_may_read() {
    under_umask("077", "all");
}

#[test]
fn a_mode_is_exact() {
    under_umask("077", "0660");
    under_umask("022", "0640");
}

#[test]
fn without_a_setting_the_umask_counts() {
    under_umask("077", "umask");
}

#[test]
fn what_its_maker_has_set_is_kept_for_everybody() {
    let mut stage = TestRepo::example();
    let home = stage.folder("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join(".gitconfig"), "[include]\n\tpath = shared\n").unwrap();
    fs::write(home.join("shared"), "[core]\n\tsharedRepository\n").unwrap();
    stage.repo = stage.folder("shared.git");
    let path = stage.repo.to_str().unwrap().to_owned();
    let mut command = stage.command(&["init", &path, "--example"]);
    command.env("HOME", &home).env_remove("XDG_CONFIG_HOME");
    Ran::of(&command.output().unwrap()).succeeds();
    assert_eq!(stage.git(&["config", "core.sharedRepository"]), "1\n");
    let expected = Expected::of_git(&stage, "group");
    stage.propose("strategy-optimizer", "low", LOW);
    stage.run();
    expected.hold(&stage, "a decision");
    stage.read_all();
}

#[test]
fn one_row() {
    let Ok(setting) = std::env::var(SETTING) else {
        return;
    };
    let mut stage = TestRepo::example_in(|repo| {
        let shared = format!("--shared={setting}");
        git(
            repo.parent().unwrap(),
            "root@example.org",
            &["init", "-q", "--bare", &shared, repo.to_str().unwrap()],
        );
    });
    let expected = Expected::of_git(&stage, &setting);
    expected.hold(&stage, "init");
    stage.add_command("notify", "cat > /dev/null");
    expected.hold(&stage, "a governance change");
    live(&stage);
    expected.hold(&stage, "decisions");
    serve_one(&stage);
    expected.hold(&stage, "a server");
    die_at_every_step(&stage, &expected);
    stage.run();
    expected.hold(&stage, "the run after");
    for maintenance in [
        &["pack-refs", "--all"][..],
        &["repack", "-A", "-d", "-q"],
        &["gc", "-q"],
    ] {
        stage.git(maintenance);
    }
    stage.propose("strategy-optimizer", "last", LOW);
    stage.run();
    expected.hold(&stage, "maintenance");
    trail::assert_settled(&stage);
    stage.read_all();
}

/// Everything that people, agents and the bot do.
fn live(stage: &TestRepo) {
    let id = stage.propose("strategy-optimizer", "low", LOW);
    stage.propose("strategy-optimizer", "medium", MEDIUM);
    stage.propose("strategy-optimizer", "notify", NOTIFY);
    let propose = "propose --agent strategy-optimizer --action modify_parameters --target rsi-eurusd \
                   --set stop_loss_pct=4.5 --rationale Why";
    let propose: Vec<&str> = propose.split_whitespace().collect();
    stage.countersign(&propose).succeeds();
    stage.run();
    let mut pulls = trail::pulls(stage).into_iter();
    let (number, _) = pulls
        .find(|(_, branch)| branch == "recommend/medium")
        .unwrap();
    stage.review(number, "alice", &["--approve"]).succeeds();
    stage
        .countersign(&["freeze", "--as", "alice", "--reason", "Exchange outage"])
        .succeeds();
    stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    stage
        .countersign(&["feedback", &id, "--as", "alice", "-m", "Noted."])
        .succeeds();
    let many: Vec<(String, String)> = (0..MANY)
        .map(|n| (format!("n{n}"), ANALYZE.to_owned()))
        .collect();
    stage.propose_many("strategy-optimizer", &many);
    stage.run();
}

fn serve_one(stage: &TestRepo) {
    let serving = Serving::start(&mut serve(stage, &[]));
    stage.propose("strategy-optimizer", "served", LOW);
    let began = Instant::now();
    while trail::branches(stage)
        .iter()
        .any(|name| name.ends_with("/served"))
    {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "still not decided"
        );
        std::thread::yield_now();
    }
    serving.stops();
}

/// What a killed process leaves, such as locks, packs that are not finished and those that are kept, is seen by others.
fn die_at_every_step(stage: &TestRepo, expected: &Expected) {
    stage.propose("strategy-optimizer", "killed", NOTIFY);
    let before = stage.folder("before.git");
    copy_with_permissions(&stage.repo, &before);
    let mut seen = BTreeSet::new();
    // Most files of ours are there for several steps, and the others come again.
    for step in (1..).step_by(3) {
        let mut command = stage.command(&["run"]);
        command.env("COUNTERSIGN_DIE_AT_STEP", step.to_string());
        let output = command.output().unwrap();
        seen.extend(expected.hold(stage, &format!("step {step}")));
        if output.status.success() {
            break;
        }
        stage.run();
        seen.extend(expected.hold(stage, &format!("the run after step {step}")));
        fs::remove_dir_all(&stage.repo).unwrap();
        copy_with_permissions(&before, &stage.repo);
    }
    for part in [
        "countersign-new-",
        "countersign-executions/",
        "countersign-locks",
        "countersign-main",
        "tmp_pack_",
        "tmp_idx_",
        ".keep",
        ".lock",
    ] {
        assert!(seen.iter().any(|path| path.contains(part)), "no {part}");
    }
}

fn copy_with_permissions(from: &Path, to: &Path) {
    let mut copying = Command::new("cp");
    assert!(
        copying
            .arg("-a")
            .args([from, to])
            .status()
            .unwrap()
            .success()
    );
}

/// The permissions that git gives.
#[derive(Debug)]
struct Expected {
    folder: u32,
    file: u32,
    object: u32,
    hook: u32,
}

impl Expected {
    fn of_git(stage: &TestRepo, setting: &str) -> Self {
        let template = stage.folder("template");
        fs::create_dir_all(template.join("hooks")).unwrap();
        let hook = template.join("hooks/update");
        fs::write(&hook, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let path = stage.folder("by-git.git");
        let run = |arguments: &[&str]| git(&path, "root@example.org", arguments);
        fs::create_dir(&path).unwrap();
        let template = format!("--template={}", template.display());
        run(&[
            "init",
            "-q",
            "--bare",
            &template,
            &format!("--shared={setting}"),
        ]);
        let tree = run(&["write-tree"]);
        let commit = run(&["commit-tree", tree.trim(), "-m", "One"]);
        run(&["update-ref", "refs/heads/a/main", commit.trim()]);
        let object = mode(&path.join("objects").join(&tree[..2]).join(tree[2..].trim()));
        let file = mode(&path.join("refs/heads/a/main"));
        let folder = mode(&path.join("refs/heads/a"));
        run(&["gc", "-q"]);
        assert_eq!(mode(&path.join("packed-refs")), file);
        assert_eq!(mode(&path.join("objects/pack")), folder);
        for pack in trail::files(&path, ".pack") {
            assert_eq!(mode(&pack), object);
        }
        Self {
            folder,
            file,
            object,
            hook: mode(&path.join("hooks/update")),
        }
    }

    fn of(&self, path: &str, is_folder: bool) -> u32 {
        if is_folder {
            return self.folder;
        }
        match path.split_once('/') {
            Some(("hooks", _)) => self.hook,
            Some(("objects", rest))
                if !["info/packs", "info/alternates", ".keep"]
                    .iter()
                    .any(|end| rest.ends_with(end)) =>
            {
                self.object
            }
            _ => self.file,
        }
    }

    /// Fails the test unless every path has its permissions; gives the paths.
    fn hold(&self, stage: &TestRepo, after: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut wrong = Vec::new();
        let mut folders = vec![stage.repo.clone()];
        while let Some(folder) = folders.pop() {
            let name = |path: &Path| {
                let inside = path.strip_prefix(&stage.repo).unwrap();
                inside.to_str().unwrap().to_owned()
            };
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let kind = fs::symlink_metadata(&path).unwrap().file_type();
                if kind.is_symlink() {
                    continue;
                }
                let (name, mode) = (name(&path), mode(&path));
                let expected = self.of(&name, kind.is_dir());
                if mode != expected {
                    wrong.push(format!("{name}: {mode:o}, not {expected:o}"));
                }
                found.insert(name);
                if kind.is_dir() {
                    folders.push(path);
                }
            }
        }
        assert_eq!(mode(&stage.repo), self.folder, "after {after}");
        assert!(wrong.is_empty(), "after {after}:\n{}", wrong.join("\n"));
        found
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
