//! What was restored from a backup, mirrored, or written by somebody else: the bot says so, puts its hook back, and
//! writes nothing on top of what it did not make before an admin has taken it over.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::proposals::{AGENT, LOW, MEDIUM};
use crate::support::trail::{self, decisions, events};
use crate::support::{Ran, TestRepo, clean, has, has_not};

/// A stage whose repository was lost and restored as docs/operators.md says.
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

#[test]
fn nothing_is_written_on_top_of_a_push_to_main_before_an_admin_has_adopted_it() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", LOW);
    stage.propose(AGENT, "b", MEDIUM);
    std::fs::remove_file(stage.repo.join("hooks/update")).unwrap();
    // bob makes himself an admin, and everything LOW.
    let people = stage.file("rules/people.yaml");
    let raised = people.replace("members: [carol]", "members: [carol, bob]");
    assert_ne!(people, raised);
    push_to_main(&stage, "bob", "rules/people.yaml", &raised).succeeds();
    let before = stage.main();
    let short = before[..7].to_owned();
    let ran = stage.countersign(&["run"]).exits(1);
    has(
        &ran.stderr,
        &format!(
            "error: the bot did not make {before}, the newest commit of `main`, and writes nothing on top of it before an admin has adopted it\nhint: look at it with `git log -p main`; then an admin runs `countersign adopt COMMIT --as LOGIN`, or puts `main` back\n"
        ),
    );
    for number in [1, 2] {
        assert_eq!(
            stage.report(number),
            format!(
                "failure: the bot did not make the newest commit of main\n\nNothing is decided or executed on top of {short} before an admin has looked at it, and either takes it over with `countersign adopt {before} --as LOGIN` or puts `main` back to what it was.\n"
            )
        );
    }
    stage
        .countersign(&["freeze", "--as", "alice", "--reason", "x"])
        .exits(1);
    // Who is an admin, the rules before it say.
    for who in ["bob", "alice", "dana", "mallory"] {
        let refused = stage.countersign(&["adopt", &before, "--as", who]).exits(1);
        assert!(
            refused.stderr.contains("was no admin before these commits")
                || refused.stderr.contains("is not listed in"),
            "{who}: {}",
            refused.stderr
        );
    }
    stage.main_is_still(&before);
    let found = stage.countersign(&["verify"]).exits(3);
    has(&found.stdout, "unexplained");
    // What was pushed after she looked is not adopted with it.
    let tree = stage.git(&["rev-parse", "main^{tree}"]);
    let newer = stage.commit_tree(tree.trim(), &["main"], "bob@example.org", "More");
    stage.point("main", &newer);
    let late = stage.countersign(&["adopt", &before, "--as", "carol"]);
    assert_eq!(
        late.exits(1).stderr,
        format!(
            "error: the newest commit of `main` is {newer}, not {short}: look at it, and adopt that one\n"
        )
    );
    stage.git(&["update-ref", "refs/heads/main", &before]);
    // By then the story's clock is not behind the pushed commit, which has the machine's.
    stage.wait(chrono::TimeDelta::minutes(1));
    let adopted = stage
        .countersign(&["adopt", &before, "--as", "carol"])
        .succeeds();
    let adoption = stage.main();
    assert_eq!(
        adopted.stdout,
        format!(
            "{short} By hand by bob\nadopted by carol in commit {}: `countersign run` goes on\n",
            &adoption[..7]
        )
    );
    assert_eq!(
        stage.git(&["log", "-1", "--format=%B", "main"]),
        format!("adopted: commit {short} by carol\n\nEvent: adopted\nBy: carol\n\n")
    );
    let again = stage
        .countersign(&["adopt", &adoption, "--as", "carol"])
        .exits(1);
    has(&again.stderr, "there is nothing to adopt");
    stage.run();
    has(&stage.report(1), "success: LOW 0.00: merged by the bot");
    has(&stage.report(2), "waiting: MEDIUM 55.00");
    let verified = stage.countersign(&["verify"]).succeeds();
    let note = format!(
        "{short}: adopted: `By hand` by `bob`: the bot did not make it, and `carol` adopted it in {}\n",
        &adoption[..7]
    );
    assert!(verified.stdout.starts_with(&note), "{}", verified.stdout);
    stage.verifies();
}

#[test]
fn several_commits_are_adopted_at_once_and_edited_records_never() {
    let mut stage = TestRepo::example();
    let id = stage.propose(AGENT, "a", LOW);
    stage.run();
    stage.read_all();
    let folder: countersign::domain::ids::CaseId = id.parse().unwrap();
    let decision = format!("recommendations/{}/decision.yaml", folder.folder());
    std::fs::remove_file(stage.repo.join("hooks/update")).unwrap();
    let sound = stage.main();
    push_to_main(&stage, "bob", "docs/a.md", "a").succeeds();
    push_to_main(&stage, "dana", "docs/b.md", "b").succeeds();
    let two = stage.main();
    let text = stage.file(&decision).replace("auto_approved", "approved");
    push_to_main(&stage, "bob", &decision, &text).succeeds();
    let edited = stage.main();
    // That it is put right again by hand makes it no better.
    let back = stage.git(&[
        "commit-tree",
        &format!("{two}^{{tree}}"),
        "-p",
        &edited,
        "-m",
        "Back",
    ]);
    for newest in [edited.as_str(), back.trim()] {
        stage.git(&["update-ref", "refs/heads/main", newest]);
        let refused = stage
            .countersign(&["adopt", newest, "--as", "carol"])
            .exits(1);
        assert_eq!(
            refused.stderr.lines().last().unwrap(),
            format!(
                "error: this is not adopted by anybody: {}: edited_record: `{decision}` is changed: a record is never edited or removed; put `main` back to {sound}",
                &edited[..7]
            )
        );
    }
    stage.git(&["update-ref", "refs/heads/main", &two]);
    stage
        .countersign(&["adopt", &two, "--as", "carol"])
        .succeeds();
    has(stage.log().last().unwrap(), "adopted: 2 commits up to ");
    stage.verifies();
}

#[test]
fn an_adoption_that_nobody_was_entitled_to_explains_nothing() {
    let stage = TestRepo::example();
    std::fs::remove_file(stage.repo.join("hooks/update")).unwrap();
    push_to_main(&stage, "bob", "docs/a.md", "a").succeeds();
    let newest = stage.main();
    let tree = stage.git(&["rev-parse", "main^{tree}"]);
    let forged = |by: &str, tree: &str| {
        let message = format!(
            "adopted: commit {} by {by}\n\nEvent: adopted\nBy: {by}\n",
            &newest[..7]
        );
        let commit = stage.commit_tree_as_bot(tree, &newest, &message);
        stage.point("main", &commit);
        stage.countersign(&["verify", "--format", "json"])
    };
    let kinds = |ran: Ran| -> BTreeSet<String> {
        let found = ran.json()["findings"].clone();
        let found = found.as_array().unwrap().iter();
        found
            .map(|finding| finding["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    let good = forged("carol", tree.trim()).succeeds();
    assert_eq!(kinds(good), BTreeSet::from(["adopted".to_owned()]));
    let bob = kinds(forged("bob", tree.trim()).exits(3));
    assert!(
        bob.contains("not_entitled") && bob.contains("unexplained"),
        "{bob:?}"
    );
    let other = stage.git(&["rev-parse", "main~2^{tree}"]);
    let changed = kinds(forged("carol", other.trim()).exits(3));
    assert!(
        changed.contains("unexpected_change") && changed.contains("unexplained"),
        "{changed:?}"
    );
}

#[test]
fn what_says_that_it_is_an_event_is_adopted_by_nobody() {
    let stage = TestRepo::example();
    let sound = stage.main();
    let message = "freeze: by alice\n\nEvent: freeze\nBy: alice\n";
    let tree = stage.git(&["rev-parse", "main^{tree}"]);
    let forged = stage.commit_tree(tree.trim(), &["main"], "bob@example.org", message);
    stage.point("main", &forged);
    let refused = stage
        .countersign(&["adopt", &forged, "--as", "carol"])
        .exits(1);
    assert_eq!(
        refused.stderr,
        format!(
            "error: this is not adopted by anybody: {}, whose trailers say `Event: freeze`: that is an event, and the bot did not make it; put `main` back to {sound}\n",
            &forged[..7]
        )
    );
    stage.countersign(&["run"]).exits(1);
    stage.main_is_still(&forged);
}
