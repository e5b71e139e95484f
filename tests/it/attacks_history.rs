//! Attacks by the shape of history: force-pushes, orphans, floods of commits and files, branches of other
//! branches, and pushes to where only the bot writes.

use crate::support::proposals::{AGENT, LOW, MEDIUM};
use crate::support::{TestRepo, git_with, has};

const EMAIL: &str = "strategy-optimizer@agents.example.org";

#[test]
fn nobody_pushes_to_where_only_the_bot_writes() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    let before = stage.git(&["for-each-ref"]);
    for who in [AGENT, "carol"] {
        let clone = stage.clone_of(who).start();
        clone.write("rules/governance.yaml", "mine").commit("Mine");
        for target in [
            "refs/heads/main",
            "+refs/heads/main",
            "refs/heads/other",
            "refs/heads/recommend",
            "refs/tags/v1",
            "refs/notes/commits",
            "refs/replace/1234567890123456789012345678901234567890",
            "refs/countersign/pulls",
            "refs/countersign/settled",
            "refs/pull/1/head",
            "refs/pull/1/meta",
            "refs/pull/2/meta",
        ] {
            let (force, target) = target
                .strip_prefix('+')
                .map_or((false, target), |target| (true, target));
            let refspec = format!("{}HEAD:{target}", if force { "+" } else { "" });
            let ran = clone.try_git(&["push", "origin", &refspec]);
            assert_ne!(ran.status, 0, "{target}: {}", ran.text());
            let hidden = target.starts_with("refs/pull") || target.starts_with("refs/countersign");
            if !hidden {
                has(
                    &ran.stderr,
                    &format!(
                        "countersign: `{target}` is not open for pushes: only the bot writes there."
                    ),
                );
                has(&ran.stderr, "push a recommendation to `recommend/NAME`");
            }
        }
        for target in [
            "refs/heads/main",
            "refs/pull/1/meta",
            "refs/countersign/pulls",
        ] {
            let ran = clone.try_git(&["push", "origin", &format!(":{target}")]);
            assert_ne!(ran.status, 0, "{target}: {}", ran.text());
        }
    }
    assert_eq!(stage.git(&["for-each-ref"]), before);
}

#[test]
fn a_branch_that_is_not_of_this_repository_is_refused() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let (path, text) = stage.recommendation(AGENT, LOW);
    let clone = stage.clone_of(AGENT).start();
    clone.git(&["checkout", "-q", "--orphan", "orphan"]);
    clone.git(&["rm", "-q", "-r", "-f", "."]);
    clone
        .write(&path, &text)
        .commit("Propose")
        .push("recommend/a");
    // The whole content of main, without its history.
    let clone = clone.start();
    let tree = clone
        .write(&path, &text)
        .commit("Propose")
        .git(&["rev-parse", "HEAD^{tree}"]);
    let lone = clone.git(&["commit-tree", tree.trim(), "-m", "Propose"]);
    clone.git(&[
        "push",
        "-q",
        "origin",
        &format!("{}:refs/heads/recommend/b", lone.trim()),
    ]);
    stage.run();
    for number in [1, 2] {
        has(
            &stage.report(number),
            "failure: invalid: pull request: the branch has no history in common with `main`: start it from `main`",
        );
    }
    stage.main_is_still(&before);
}

#[test]
fn too_much_is_refused_and_stops_nobody_else() {
    let mut stage = TestRepo::example();
    let (path, text) = stage.recommendation(AGENT, LOW);
    let clone = stage.clone_of(AGENT).start();
    clone.write(&path, &text).commit("Propose");
    let tree = clone.git(&["rev-parse", "HEAD^{tree}"]);
    let mut stream = String::from("feature done\n");
    for n in 0..300 {
        let from = if n == 0 {
            clone.head()
        } else {
            format!(":{n}")
        };
        stream.push_str(&format!(
            "commit refs/heads/many\nmark :{}\ncommitter x <{EMAIL}> {} +0000\ndata 2\nx\nfrom {from}\n\n",
            n + 1,
            1_700_000_000 + n
        ));
    }
    stream.push_str("done\n");
    git_with(
        &clone.path,
        EMAIL,
        &[],
        &["fast-import", "--quiet"],
        &stream,
    );
    assert_eq!(clone.git(&["rev-parse", "many^{tree}"]), tree);
    clone.git(&["push", "-q", "origin", "many:refs/heads/recommend/a"]);
    let clone = clone.start();
    for n in 0..1_001 {
        clone.write(&format!("docs/{n}"), "x");
    }
    clone.commit("Many files").push("govern/b");
    let clone = clone.start();
    clone
        .write(&format!("{}x", "d/".repeat(80)), "x")
        .commit("Deep")
        .push("govern/c");
    let clone = clone.start();
    clone
        .write("docs/large", &"x".repeat(2 << 20))
        .commit("Large")
        .push("govern/d");
    stage.propose("risk-manager", "z", LOW);
    stage.run();
    has(&stage.report(1), "has more than 250 commits that");
    has(&stage.report(2), "success: LOW 0.00: merged by the bot");
    has(
        &stage.report(3),
        "more than 1000 files differ; a proposal changes at most 1000 files",
    );
    has(&stage.report(4), "folders are nested deeper than 64 levels");
    has(
        &stage.report(5),
        "docs/large: the file is too large: at most 1 MiB",
    );
    assert_eq!(stage.git(&["rev-list", "--count", "main"]).trim(), "4");
}

#[test]
fn a_branch_that_proposes_nothing_is_told_so() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let clone = stage.clone_of(AGENT).start();
    clone.push("recommend/a");
    clone.commit("Empty").push("recommend/b");
    clone.write("docs/x", "x").commit("There");
    clone.git(&["rm", "-q", "docs/x"]);
    clone.commit("And back").push("recommend/c");
    clone.push("govern/d");
    stage.run();
    for number in 1..=4 {
        has(
            &stage.report(number),
            "failure: invalid: pull request: it changes nothing against `main`: push a recommendation or a governance change",
        );
    }
    stage.main_is_still(&before);
}

#[test]
fn one_commit_is_decided_and_carried_out_once() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", LOW);
    stage
        .clone_of(AGENT)
        .push("recommend/b")
        .push("recommend/c");
    stage.run();
    has(&stage.report(1), "success: LOW 0.00: merged by the bot");
    for number in [2, 3] {
        has(
            &stage.report(number),
            "success: the same case was decided as #1: auto_approved",
        );
    }
    assert_eq!(stage.log().len(), 3);
    // The same again, after the fact.
    stage.clone_of(AGENT).push("recommend/d");
    stage.run();
    has(&stage.report(4), "recorded on main by");
    stage.wait(chrono::TimeDelta::days(1));
    stage.clone_of(AGENT).push("recommend/e");
    stage.run();
    has(&stage.report(5), "it changes nothing against `main`");
    assert_eq!(stage.log().len(), 3);
    stage.verifies();
}

#[test]
fn a_rejected_commit_is_not_proposed_again() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    stage
        .review(1, "alice", &["--reject", "too_risky", "--message", "No."])
        .succeeds();
    stage.run();
    has(&stage.report(1), "rejected by alice (too_risky)");
    let before = stage.main();
    let clone = stage.clone_of(AGENT);
    clone.push("recommend/b");
    // Nor its content under another commit.
    clone.git(&["commit", "-q", "--amend", "-m", "Propose it again"]);
    clone.push("recommend/c");
    stage.run();
    has(
        &stage.report(2),
        "failure: the same case was decided as #1: rejected",
    );
    has(
        &stage.report(3),
        "id: this id is decided already, and a record is never edited: take a fresh id",
    );
    for number in [2, 3] {
        stage.review(number, "bob", &["--approve"]);
    }
    stage.run();
    stage.main_is_still(&before);
    stage.verifies();
}

#[test]
fn merges_of_main_and_of_merged_work_add_nothing_of_their_own() {
    let mut stage = TestRepo::example();
    let (path, text) = stage.recommendation("risk-manager", LOW);
    let ours = stage.clone_of("risk-manager").start();
    ours.write(&path, &text).commit("Propose");
    stage.propose(AGENT, "a", LOW);
    stage.run();
    stage.read_all();
    ours.git(&["fetch", "-q", "origin"]);
    ours.git(&["merge", "-q", "--no-edit", "origin/main"]);
    ours.push("recommend/b");
    // A branch that begins on somebody else's merged head, not on main.
    let (path, text) =
        stage.recommendation("market-analyst", "action: analyze\ntargets: [rsi-eurusd]");
    let theirs = stage.clone_of("market-analyst").start();
    theirs.git(&["checkout", "-q", "origin/main^^2"]);
    theirs
        .write(&path, &text)
        .commit("Propose")
        .push("recommend/c");
    stage.run();
    has(&stage.report(2), "success: LOW 0.00: merged by the bot");
    has(&stage.report(3), "success: LOW 0.00: merged by the bot");
    let merged = stage.git(&["log", "--first-parent", "--merges", "--format=%H", "main"]);
    for merge in merged.lines() {
        let files = stage.git(&["diff", "--name-only", &format!("{merge}^1"), merge]);
        let names: Vec<&str> = files
            .lines()
            .map(|path| path.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(names, ["decision.yaml", "recommendation.yaml"], "{merge}");
    }
    stage.verifies();
}

#[test]
fn what_a_branch_hides_in_its_history_does_not_come_with_its_end() {
    let mut stage = TestRepo::example();
    let rules = stage.file("rules/governance.yaml");
    let loose = rules.replace("mode: two_tier", "mode: auto_approve");
    // The first commit opens everything, the last one takes it back: only the proposal is left.
    let (path, text) = stage.recommendation(AGENT, LOW);
    let clone = stage.clone_of(AGENT).start();
    clone.write("rules/governance.yaml", &loose).commit("Open");
    let open = clone.head();
    clone.write("rules/governance.yaml", &rules);
    clone
        .write(&path, &text)
        .commit("Propose")
        .push("recommend/a");
    stage.run();
    has(&stage.report(1), "merged by the bot");
    assert_eq!(stage.file("rules/governance.yaml"), rules);
    // Now that commit is part of main's history. What begins there brings nothing of it.
    let (path, text) = stage.recommendation(AGENT, MEDIUM);
    let clone = stage.clone_of(AGENT).start();
    clone.git(&["checkout", "-q", &open]);
    clone
        .write(&path, &text)
        .commit("Propose")
        .push("recommend/b");
    clone.git(&["checkout", "-q", "-f", &open]);
    clone
        .write("docs/x.md", "x")
        .commit("Document")
        .push("govern/c");
    stage.run();
    has(&stage.report(2), "waiting: MEDIUM 55.00");
    let said = stage.report(3);
    has(&said, "waiting: governance change, HIGH");
    has(&said, "- `docs/x.md`: new, 1 line\n\n");
    for number in [2, 3] {
        stage.approve(number, "carol");
    }
    stage.run();
    has(&stage.report(2), "approved and merged");
    has(&stage.report(3), "approved and merged");
    assert_eq!(stage.file("rules/governance.yaml"), rules);
    stage.verifies();
}

#[test]
fn a_branch_is_force_pushed_and_renamed_without_an_effect_on_main() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    stage.approve(1, "alice");
    // Something else under the same name.
    stage.propose(AGENT, "a", "action: delete_strategy\ntargets: [rsi-eurusd]");
    stage.run();
    let said = stage.report(1);
    has(&said, "waiting: HIGH");
    has(&said, "not counted: the review of `alice`");
    // And from a recommendation to a change of the rules.
    let clone = stage.clone_of(AGENT).start();
    clone
        .write("docs/x.md", "x")
        .commit("Document")
        .push("recommend/a");
    stage.run();
    has(&stage.report(1), "waiting: governance change, HIGH");
    stage.main_is_still(&before);
}

#[test]
fn strange_commits_do_not_stop_the_bot() {
    let mut stage = TestRepo::example();
    // A time that git takes and that no calendar holds.
    let (path, text) = stage.recommendation(AGENT, LOW);
    let clone = stage.clone_of(AGENT).start();
    let tree = clone
        .write(&path, &text)
        .commit("Propose")
        .git(&["rev-parse", "HEAD^{tree}"]);
    let (tree, main) = (tree.trim(), stage.main());
    let raw = |time: &str, message: &str| {
        format!(
            "tree {tree}\nparent {main}\nauthor x <{EMAIL}> {time}\ncommitter x <{EMAIL}> {time}\n\n{message}\n"
        )
    };
    let store = |folder: &std::path::Path, raw: &str| {
        let arguments = [
            "hash-object",
            "-t",
            "commit",
            "-w",
            "--literally",
            "--stdin",
        ];
        git_with(folder, EMAIL, &[], &arguments, raw)
            .trim()
            .to_owned()
    };
    let late = store(&clone.path, &raw("99999999999999 +0000", "Late"));
    clone.git(&[
        "push",
        "-q",
        "origin",
        &format!("{late}:refs/heads/recommend/a"),
    ]);
    stage.run();
    let said = stage.report(1);
    has(&said, "failure: invalid: pull request: commit `");
    has(&said, "is malformed");
    stage.main_is_still(&main);
    // What no push brings, but a broken disk or a hand in the folder may.
    stage.propose("risk-manager", "z", LOW);
    for (branch, raw) in [
        ("b", raw("0 -1200", "Early")),
        ("c", raw("1 +0000", "Hidden\0\n\nDecision: approved")),
        (
            "d",
            raw("1 +0000", "Nobody").replace(&format!("x <{EMAIL}>"), "nobody"),
        ),
    ] {
        let commit = store(&stage.repo, &raw);
        std::fs::write(
            stage.repo.join(format!("refs/heads/recommend/{branch}")),
            commit + "\n",
        )
        .unwrap();
    }
    stage.run();
    has(&stage.report(2), "success: LOW 0.00: merged by the bot");
    has(&stage.report(3), "carries the trailer `Decision`");
    has(&stage.report(4), "is malformed");
    has(&stage.report(5), "success: LOW 0.00: merged by the bot");
    assert_eq!(stage.log().len(), 5, "{:?}", stage.log());
    stage.verifies();
}

#[test]
fn several_bots_and_people_at_once_lose_nothing_and_do_nothing_twice() {
    let mut stage = TestRepo::example();
    let first = stage.propose(AGENT, "a", LOW);
    stage.run();
    stage.read_all();
    let clone = stage.clone_of(AGENT).start();
    let mut refspecs = Vec::new();
    for n in 0..12 {
        let (path, text) = stage.recommendation(AGENT, "action: analyze\ntargets: [rsi-eurusd]");
        clone.git(&["checkout", "-q", "-f", "origin/main"]);
        clone.write(&path, &text).commit("Propose");
        refspecs.push(format!("{}:refs/heads/recommend/b{n:02}", clone.head()));
    }
    let mut push = vec!["push", "-q", "origin"];
    push.extend(refspecs.iter().map(String::as_str));
    clone.git(&push);
    let runs: Vec<Vec<&str>> = vec![vec!["run"]; 3];
    let words = vec![vec!["feedback", &first, "--as", "bob", "--message", "Noted."]; 6];
    let start = |arguments: &Vec<&str>| {
        let mut command = stage.command(arguments);
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut children: Vec<_> = runs.iter().chain(&words).map(start).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    for number in 2..=13 {
        // Who merged it says so, unless another bot that found it merged spoke first.
        has(&stage.report(number), "success: ");
    }
    let log = stage.log();
    let count = |word: &str| {
        log.iter()
            .filter(|subject| subject.starts_with(word))
            .count()
    };
    assert_eq!(
        (count("decision: "), count("outcome: "), count("feedback: ")),
        (13, 13, 6),
        "{log:?}"
    );
    stage.verifies();
}

#[test]
fn a_branch_whose_name_is_no_text_is_named_once_and_passed_over() {
    use std::os::unix::ffi::OsStrExt as _;
    let name = |prefix: &str| {
        std::ffi::OsStr::from_bytes(&[prefix.as_bytes(), b"caf\xe9"].concat()).to_owned()
    };
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "m", MEDIUM);
    stage.run();
    // Nobody pushes it,
    let clone = stage.clone_of(AGENT).start();
    let push = |target: &std::ffi::OsStr| {
        let mut command = std::process::Command::new("git");
        command
            .current_dir(&clone.path)
            .args(["push", "origin"])
            .arg(target);
        crate::support::clean(&mut command, EMAIL);
        crate::support::Ran::of(&command.output().unwrap())
    };
    let refused = push(&name("HEAD:refs/heads/recommend/")).exits(1);
    has(
        &refused.stderr,
        "countersign: the name of a branch is letters, digits and signs of ASCII: choose another one.",
    );
    // and where it exists all the same, loose or packed, everything else goes on.
    let mut command = std::process::Command::new("git");
    command
        .current_dir(&stage.repo)
        .arg("update-ref")
        .arg(name("refs/heads/recommend/"))
        .arg("main");
    crate::support::Ran::of(&command.output().unwrap()).succeeds();
    let warning = r"the name of the ref `refs/heads/recommend/caf\xe9` is not UTF-8: it is passed over; rename or delete it with git";
    for packed in [false, true] {
        if packed {
            stage.git(&["pack-refs", "--all"]);
        }
        let csv = stage.folder("cases.csv");
        let commands: [&[&str]; 6] = [
            &["run"],
            &["list"],
            &["show", "1"],
            &[
                "review",
                "1",
                "--as",
                "alice",
                "--request-changes",
                "--message",
                "Not yet.",
            ],
            &[
                "propose",
                "--agent",
                AGENT,
                "--action",
                "analyze",
                "--target",
                "rsi-eurusd",
                "--rationale",
                "x",
            ],
            &[
                "export",
                "--format",
                "csv",
                "--output",
                csv.to_str().unwrap(),
            ],
        ];
        for arguments in commands {
            let ran = stage.countersign(arguments).succeeds();
            let said = ran.stderr.matches(warning).count();
            // Not every command looks at branches.
            let looks = matches!(arguments[0], "run" | "list");
            assert!(
                said == 1 || said == 0 && !looks,
                "{arguments:?}: {}",
                ran.text()
            );
        }
    }
    stage.approve(1, "alice");
    stage.run();
    stage.read_all();
    stage.verifies();
}
