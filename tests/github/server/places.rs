//! Every command on `OWNER/NAME`: what works there, and what is said where it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::world::{command, stage};
use crate::double::{APP_ID, GithubStage, REPO};
use crate::support::{Ran, has, has_not};

#[test]
fn every_command_works_on_github() {
    let (github, _example) = stage(|_| {});
    let run = |token: &str, arguments: &[&str]| {
        let mut command = command(&github, &[arguments, &["--repo", REPO]].concat());
        command.env("COUNTERSIGN_TOKEN", token);
        Ran::of(&command.output().unwrap())
    };
    let agent = github.token_of("strategy-optimizer");
    let bot = github.personal_token("carol");
    let propose = |target: &str, value: &str| {
        let set = format!("stop_loss_pct={value}");
        let arguments = [
            "propose",
            "--agent",
            "strategy-optimizer",
            "--action",
            "modify_parameters",
            "--target",
            target,
            "--set",
            &set,
            "--session",
            "s-1",
            "--format",
            "json",
        ];
        run(&agent, &arguments).succeeds().json()
    };
    let itself = [
        "propose",
        "--agent",
        "strategy-optimizer",
        "--action",
        "analyze",
        "--target",
        "rsi-eurusd",
        "--repo",
        REPO,
    ];
    let key = github.folder().join("app.pem");
    fs::write(&key, github.private_key_pem()).unwrap();
    let mut as_app = command(&github, &itself);
    as_app.env("COUNTERSIGN_APP_ID", APP_ID.to_string());
    as_app.env("COUNTERSIGN_APP_KEY_FILE", key);
    let ran = Ran::of(&as_app.output().unwrap()).exits(1);
    has(&ran.stderr, "the App does not propose to itself");
    let low = propose("rsi-eurusd-draft", "1.5");
    let medium = propose("rsi-eurusd", "4");
    let number = medium["number"].as_u64().unwrap();
    assert_eq!(github.pull(number).author, "strategy-optimizer");
    has(&run(&bot, &["list"]).succeeds().stdout, "pending");
    has(&run(&bot, &["run"]).succeeds().stdout, "1 merged");
    let id = low["id"].as_str().unwrap();
    has(&run(&bot, &["show", id]).succeeds().stdout, "auto_approved");
    has(
        &run(&bot, &["show", &number.to_string()]).succeeds().stdout,
        "rsi-eurusd",
    );
    let review = ["review", &number.to_string(), "--as", "alice", "--approve"];
    let refused = run(&bot, &review).exits(1);
    has(&refused.stderr, "reviewed on GitHub");
    has(
        &refused.stderr,
        &format!("{}/{REPO}/pull/{number}", github.url()),
    );
    github.user("alice").approves(number, "Fine.");
    has(
        &run(&bot, &["run"]).succeeds().stdout,
        "success: MEDIUM 55.00: approved and merged",
    );
    // Without `--as` it is reported by whoever git says we are, a private address of GitHub's included.
    let mine = format!("{}+carol@users.noreply.github.com", github.id_of("carol"));
    for (email, by) in [
        (mine.as_str(), "carol"),
        ("Bob@users.noreply.GitHub.com", "bob"),
        ("77+stranger@users.noreply.github.com", "stranger"),
    ] {
        let end = if by == "bob" {
            "--success"
        } else {
            "--failure"
        };
        let mut report = command(&github, &["outcome", id, end, "--repo", REPO]);
        report.env("COUNTERSIGN_TOKEN", &bot);
        // The command's home.
        let told = format!("[user]\n\tname = Somebody\n\temail = {email}\n");
        fs::write(github.folder().join(".gitconfig"), told).unwrap();
        let said = Ran::of(&report.output().unwrap()).succeeds().stdout;
        has(&said, &format!("reported by {by}, in commit"));
    }
    let feedback = ["feedback", id, "--as", "bob", "--message", "Worked well."];
    run(&bot, &feedback).succeeds();
    run(&bot, &["freeze", "--as", "bob", "--reason", "Wait."]).succeeds();
    run(&bot, &["unfreeze", "--as", "carol"]).succeeds();
    let verified = run(&bot, &["verify", "--format", "json"]);
    let commits = verified.json()["commits"].as_u64().unwrap();
    assert_eq!(commits, u64::try_from(github.log().len()).unwrap());
    let log = github.log().join("\n");
    has(&log, "feedback");
    has(&log, "freeze");
    github.read_all();
}

#[test]
fn what_cannot_be_reached_is_named() {
    let (github, _example) = stage(|_| {});
    let mut list = command(&github, &["list", "--repo", "acme/nothing"]);
    list.env("COUNTERSIGN_TOKEN", github.personal_token("carol"));
    let ran = Ran::of(&list.output().unwrap()).exits(1);
    has(&ran.stderr, "acme/nothing");
    let mut list = command(&github, &["list", "--repo", REPO]);
    list.env("COUNTERSIGN_TOKEN", "no-such-token");
    let ran = Ran::of(&list.output().unwrap()).exits(1);
    has(&ran.stderr, "check that the token or App may read");
    has_not(&ran.stderr, "no-such-token");
}

const PROPOSE: [&str; 11] = [
    "propose",
    "--agent",
    "strategy-optimizer",
    "--action",
    "analyze",
    "--target",
    "rsi-eurusd",
    "--session",
    "s-1",
    "--repo",
    REPO,
];

/// A new folder with a program of this name.
fn folder_with(github: &GithubStage, folder: &str, name: &str, script: &str) -> PathBuf {
    let folder = github.folder().join(folder);
    fs::create_dir(&folder).unwrap();
    let program = folder.join(name);
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn without_a_git_that_is_new_enough_it_says_what_to_install() {
    let (github, _example) = stage(|_| {});
    let none = github.folder().join("none");
    fs::create_dir(&none).unwrap();
    let old = folder_with(&github, "old", "git", "echo git version 2.30.2");
    for (path, says) in [
        (
            none,
            "the program `git` was not found: install git 2.31 or newer, in a folder of `PATH`",
        ),
        (
            old,
            "the program `git` says that it is `git version 2.30.2`: install git 2.31 or newer",
        ),
    ] {
        let mut list = command(&github, &["list", "--repo", REPO]);
        list.env("COUNTERSIGN_TOKEN", github.personal_token("carol"))
            .env("PATH", path);
        let ran = Ran::of(&list.output().unwrap()).exits(1);
        has(&ran.stderr, says);
    }
}

#[test]
fn no_setting_of_the_user_takes_part_in_what_git_does_with_a_server() {
    let (github, _example) = stage(|_| {});
    let settings = format!(
        "[url \"http://127.0.0.1:9/\"]\n\tinsteadOf = {}\n[core]\n\thooksPath = {}\n[credential]\n\thelper = \"!echo password=wrong\"\n[http]\n\tproxy = http://127.0.0.1:9\n",
        github.url(),
        folder_with(&github, "hooks", "pre-push", "exit 1").display(),
    );
    let file = github.folder().join(".gitconfig");
    fs::write(&file, settings).unwrap();
    let mut propose = command(&github, &PROPOSE);
    propose
        .env("COUNTERSIGN_TOKEN", github.token_of("strategy-optimizer"))
        .env("GIT_CONFIG_GLOBAL", file);
    Ran::of(&propose.output().unwrap()).succeeds();
    assert!(github.pull(1).open);
}

#[test]
fn no_argument_and_no_error_of_git_shows_the_token() {
    let (github, _example) = stage(|_| {});
    let token = github.personal_token("carol");
    let coded = BASE64_STANDARD.encode(format!("x-access-token:{token}"));
    let arguments = github.folder().join("arguments");
    let real = std::env::var("PATH").unwrap();
    let note = format!("echo \"$@\" >> '{}'", arguments.display());
    let honest = format!("{note}\nPATH='{real}' exec git \"$@\"");
    let loud = format!(
        "{note}\n[ \"$1\" = --version ] && echo git version 2.40.0 && exit\nenv >&2\nexit 128"
    );
    for (name, script, status) in [("honest", honest, 0), ("loud", loud, 1)] {
        let path = folder_with(&github, name, "git", &script);
        let mut list = command(&github, &["list", "--repo", REPO]);
        list.env("COUNTERSIGN_TOKEN", &token)
            .env("PATH", format!("{}:{real}", path.display()))
            .env("RUST_LOG", "trace");
        let ran = Ran::of(&list.output().unwrap()).exits(status);
        let seen = fs::read_to_string(&arguments).unwrap();
        has(&seen, "fetch ");
        for secret in [&token, &coded] {
            has_not(&ran.text(), secret);
            has_not(&seen, secret);
        }
    }
}
