//! What `countersign doctor` finds, and what it says to do.

use chrono::TimeDelta;

use crate::support::{Ran, TestRepo, redact};

/// With a state folder of its own, and nothing in the environment that the stage does not give.
fn doctor(stage: &TestRepo, arguments: &[&str]) -> Ran {
    let state = stage.folder("state");
    let mut command = stage.command(&[&["doctor"], arguments].concat());
    command.env("COUNTERSIGN_STATE", state);
    Ran::of(&command.output().unwrap())
}

/// The version of git is that of the machine.
fn said(ran: &Ran, stage: &TestRepo) -> String {
    let text = redact(&ran.text());
    let folder = stage.folder("").display().to_string();
    let text = text.replace(folder.trim_end_matches('/'), "[folder]");
    let lines = text
        .lines()
        .map(|line| match line.strip_prefix("ok       git: ") {
            Some(_) => "ok       git: [version]",
            None => line,
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_fresh_example_is_in_order() {
    let stage = TestRepo::example();
    let ran = doctor(&stage, &[]).exits(0);
    insta::assert_snapshot!(said(&ran, &stage), @"
    ok       git: [version]
    ok       state folder: [folder]/state
    ok       repository: [folder]/governance.git, `main` at [commit]
    ok       hook: plain pushes do not reach `main`
    ok       clock: not behind `main`
    ok       rules: they can be read, and 110 policy tests pass
    ok       people: 3 may approve, 1 of them as admins
    warning  signing: the bot's commits are not signed: whoever can write `main` can write in its name
             make a key with `ssh-keygen -t [commit]`, start the bot with it, and list it under `signing.keys` in `rules/governance.yaml`
    ok       executors: those of 8 actions are there

    0 problems, 1 warning
    ");
}

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let mut stage = TestRepo::example();
    let actions = stage.file("rules/actions.yaml");
    let by_apply = "the old values are in git.\n    effect: modify\n    reversibility: easy\n    executor: apply";
    assert!(actions.contains(by_apply));
    let command =
        "executor: command\n    command: {argv: [no-such-program], time_limit_seconds: 5}";
    let actions = actions.replace(by_apply, &by_apply.replace("executor: apply", command));
    let key = stage.give_key(7);
    let governance = format!(
        "{}\nsigning:\n  keys:\n    - {key}\n",
        stage.file("rules/governance.yaml")
    );
    stage.commit_to_main(&[
        ("rules/actions.yaml", Some(&actions)),
        ("rules/governance.yaml", Some(&governance)),
    ]);
    std::fs::remove_file(stage.repo.join("hooks/update")).unwrap();
    stage.wait(-TimeDelta::days(1));
    let ran = doctor(&stage, &["--signing-key", "/nowhere"]).exits(3);
    insta::assert_snapshot!(said(&ran, &stage), @"
    ok       git: [version]
    ok       state folder: [folder]/state
    ok       repository: [folder]/governance.git, `main` at [commit]
    problem  hook: there is no hook `update` of this version: anybody who can push can push to `main`
             the next `countersign run` puts it back
    problem  clock: `main` was written 1440 minutes after this machine's time
             set this clock, or find out whose clock was ahead: the bot waits until then
    ok       rules: they can be read, and 110 policy tests pass
    ok       people: 3 may approve, 1 of them as admins
    problem  signing: cannot read the signing key `/nowhere`: No such file or directory (os error 2)
             name the private key with `--signing-key FILE` or COUNTERSIGN_SIGNING_KEY
    problem  executors: there is no program `no-such-program`, which carries out `modify_parameters`
             install it on the machine of the bot, and see that it is on its PATH

    4 problems, 0 warnings
    ");
    let nowhere = doctor(&stage, &["--repo", "nowhere.git", "--format", "json"]).exits(3);
    insta::assert_snapshot!(nowhere.json()["findings"][2], @r#"{"area":"repository","health":"problem","next":"make one with `countersign init nowhere.git`, or name another with `--repo PATH|OWNER/NAME` or COUNTERSIGN_REPO","what":"there is no git repository at `nowhere.git`"}"#);
}
