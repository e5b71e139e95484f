//! Every command on `OWNER/NAME`: what works there, and what is said where it does not.

use super::world::{command, stage};
use crate::double::{APP_ID, REPO};
use crate::support::{Ran, has};

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
    std::fs::write(&key, github.private_key_pem()).unwrap();
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
        std::fs::write(github.folder().join(".gitconfig"), told).unwrap();
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
    crate::support::has_not(&ran.stderr, "no-such-token");
}
