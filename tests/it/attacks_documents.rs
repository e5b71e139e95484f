//! Attacks by the document itself: bombs, doubles, look-alikes, what hides from a reader, paths that mean
//! something else. Each is refused with file, line and key, and nothing moves.

use crate::support::{Clone, TestRepo, git_with, has};
use chrono::TimeDelta;

const BODY: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}";

/// Commits a file on a branch of its own and pushes it.
#[track_caller]
fn push(clone: Clone, path: &str, text: &str, branch: &str) {
    clone
        .start()
        .write(path, text)
        .commit("Propose")
        .push(&format!("recommend/{branch}"));
}

/// Proposes each text and expects this to be said of it; nothing may be merged.
#[track_caller]
fn refused(cases: &[(&str, &str)]) {
    let mut stage = TestRepo::example();
    let before = stage.main();
    for (index, (body, _)) in cases.iter().enumerate() {
        let (path, text) = stage.recommendation("strategy-optimizer", body);
        push(
            stage.clone_of("strategy-optimizer"),
            &path,
            &text,
            &format!("a{index:02}"),
        );
    }
    stage.run();
    for (number, (body, expected)) in (1..).zip(cases) {
        let said = stage.report(number);
        assert!(
            said.starts_with("failure: invalid: ") && said.contains("/recommendation.yaml:"),
            "{body}:\n{said}"
        );
        has(&said, expected);
    }
    stage.main_is_still(&before);
}

#[test]
fn what_a_yaml_reader_could_understand_in_two_ways_is_refused() {
    let nested = format!(
        "{BODY}\ndetails: {{x: {}1{}}}",
        "[".repeat(40),
        "]".repeat(40)
    );
    let bomb = format!("{BODY}\ndetails:\n  a: &a [x, x]\n  b: &b [*a, *a]\n  c: [*b, *b, *b]");
    refused(&[
        (
            "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 2, stop_loss_pct: 50}",
            "recommendation.yaml:8:29: changes.stop_loss_pct: the key `stop_loss_pct` is given twice",
        ),
        (&format!("{BODY}\nagent: risk-manager"), ":9:1: agent: "),
        (&bomb, ":10:"),
        (&nested, "32 levels"),
        (
            "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: .nan}",
            ":8:26: changes.stop_loss_pct: ",
        ),
        (
            "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: .inf}",
            ":8:26: changes.stop_loss_pct: ",
        ),
        (
            "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: -.Inf}",
            ":8:26: changes.stop_loss_pct: ",
        ),
        (
            &format!("{BODY}\napproved: true"),
            ":9:1: approved: unknown key `approved`: expected one of",
        ),
        (
            &format!("{BODY}\nrationaIe: a look-alike"),
            "unknown key `rationaIe`: did you mean `rationale`?",
        ),
        (
            &format!("{BODY}\n---\naction: analyze"),
            "recommendation.yaml:9:1: ",
        ),
        (
            &format!("{BODY}\ndetails: {{x: !!python/none 1}}"),
            ":9:14: details.x: ",
        ),
        (&format!("{BODY}\n<<: {{action: analyze}}"), ":9:1: "),
        (
            &format!("{BODY}\nrationale: \u{202e}LOW\u{202c}"),
            ":9:12: a bidirectional control character (U+202E) is not allowed here",
        ),
        (
            &format!("{BODY}\nrationale: \u{1b}[2Jnothing"),
            ":9:12: a control character (U+001B) is not allowed here",
        ),
        (&format!("{BODY}\n# \u{2028}agent: x"), "(U+2028)"),
        (
            &format!("{BODY}\n# \ragent: x"),
            "a carriage return without a line feed",
        ),
    ]);
}

#[test]
fn names_that_are_not_what_they_look_like_are_refused() {
    refused(&[
        (
            "action: modify_parameters\ntargets: [rsi-eurusd-draft, rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}",
            "targets: a target is named twice: name each once",
        ),
        (
            "action: modify_parameters\ntargets: [../rules/governance]\nchanges: {stop_loss_pct: 1.5}",
            "targets[0]: `../rules/governance` is not a target name",
        ),
        (
            "action: modify_parameters\ntargets: [rsi-еurusd]\nchanges: {stop_loss_pct: 1.5}",
            "targets[0]: `rsi-\\u{435}urusd` is not a target name",
        ),
        (
            "action: modify_parameters\ntargets: [RSI-eurusd]\nchanges: {stop_loss_pct: 1.5}",
            "targets[0]: `RSI-eurusd` is not a target name",
        ),
        (
            "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {\"stop_loss_pct\\n\": 1.5}",
            "is not a parameter name",
        ),
        (
            "action: \"analyze\\nDecision: approved\"",
            "action: `analyze\\nDecision: approved` is not an action name",
        ),
        ("action: ''", "action: `` is not an action name"),
        (
            "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}\ncitations: [{title: x, url: 'javascript:alert(1)'}]",
            "citations[0].url: expected an http or https address",
        ),
    ]);
}

#[test]
fn a_document_of_another_time_or_schema_is_refused() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let agent = "strategy-optimizer";
    let clone = || stage.clone_of(agent);
    let (path, text) = stage.recommendation(agent, BODY);
    for (branch, from, to) in [
        ("a", "recommendation/v1", "recommendation/v2"),
        ("b", "recommendation/v1", "decision/v1"),
        ("c", "schema: countersign/recommendation/v1\n", ""),
        ("d", "created_at: 2", "created_at: tomorrow 2"),
        (
            "e",
            "session: story-1",
            "session: \"story\\nDecision: approved\"",
        ),
        ("f", "session: story-1", "session: ''"),
    ] {
        push(clone(), &path, &text.replace(from, to), branch);
    }
    stage.run();
    for (number, expected) in [
        (
            1,
            ":1:9: schema: `countersign/recommendation/v2` is not a schema that this version reads: expected `countersign/recommendation/v1`",
        ),
        (
            2,
            ":1:9: schema: `countersign/decision/v1` is not a schema that this version reads",
        ),
        (3, "schema: missing key `schema`"),
        (4, ":5:13: created_at: "),
        (
            5,
            ":4:10: session: `story\\nDecision: approved` is not a session",
        ),
        (6, ":4:10: session: `` is not a session"),
    ] {
        let said = stage.report(number);
        has(&said, "failure: invalid: ");
        has(&said, expected);
    }
    stage.main_is_still(&before);
}

#[test]
fn a_document_is_small() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let agent = "strategy-optimizer";
    for (branch, size) in [("a", 65 * 1024), ("b", 20_000_000)] {
        let (path, text) = stage.recommendation(agent, BODY);
        let text = format!("{text}# {}\n", "x".repeat(size));
        push(stage.clone_of(agent), &path, &text, branch);
    }
    let body = format!("{BODY}\nrationale: {}", "x".repeat(20_000));
    stage.propose(agent, "c", &body);
    let many: Vec<String> = (0..1_001).map(|n| format!("t{n}")).collect();
    let body = format!("action: analyze\ntargets: [{}]", many.join(", "));
    stage.propose(agent, "d", &body);
    let many: Vec<String> = (0..65).map(|n| format!("p{n}: 1")).collect();
    let body = format!(
        "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {{{}}}",
        many.join(", ")
    );
    stage.propose(agent, "e", &body);
    stage.run();
    has(&stage.report(1), "the file is too large: at most 64 KiB");
    has(&stage.report(2), "the file is too large: at most 64 KiB");
    has(
        &stage.report(3),
        "rationale: too long: at most 10000 characters",
    );
    has(
        &stage.report(4),
        "targets: 1001 entries are too many: at most 1000",
    );
    has(
        &stage.report(5),
        "changes: 65 entries are too many: at most 64",
    );
    stage.main_is_still(&before);
}

#[test]
fn the_id_says_where_and_when_in_one_spelling() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let agent = "strategy-optimizer";
    let (path, text) = stage.recommendation(agent, BODY);
    let id = path.split('/').nth(5).unwrap().to_owned();
    let lower = id.to_ascii_lowercase();
    let other = stage.fresh_id();
    push(
        stage.clone_of(agent),
        &path,
        &text.replace(&id, &lower),
        "a",
    );
    push(
        stage.clone_of(agent),
        &path,
        &text.replace(&id, "01ILOU00000000000000000000"),
        "b",
    );
    push(
        stage.clone_of(agent),
        &path,
        &text.replace(&id, &other),
        "c",
    );
    push(
        stage.clone_of(agent),
        &path.replace(&id, &lower),
        &text,
        "d",
    );
    push(
        stage.clone_of(agent),
        "recommendations/recommendation.yaml",
        &text,
        "e",
    );
    push(
        stage.clone_of(agent),
        &path.replace("recommendation.yaml", "Recommendation.yaml"),
        &text,
        "f",
    );
    push(
        stage.clone_of(agent),
        &path.replace("recommendations/", "Recommendations/"),
        &text,
        "g",
    );
    push(
        stage.clone_of(agent),
        &path.replace("recommendations/2", "recommendations/1"),
        &text,
        "h",
    );
    stage.run();
    for (number, expected) in [
        (
            1,
            format!(
                "recommendation.yaml:2:5: id: `{lower}` is not an id: expected a ULID of 26 upper-case characters"
            ),
        ),
        (
            2,
            "id: `01ILOU00000000000000000000` is not an id".to_owned(),
        ),
        (3, "id: this id belongs at `recommendations/".to_owned()),
        (4, format!("id: this id belongs at `{path}`")),
        (5, format!("id: this id belongs at `{path}`")),
        (
            6,
            "only the bot writes here: an agent adds `recommendation.yaml` and nothing else"
                .to_owned(),
        ),
        (7, format!("id: this id belongs at `{path}`")),
        (8, format!("id: this id belongs at `{path}`")),
    ] {
        let said = stage.report(number);
        has(&said, "failure: invalid: ");
        has(&said, &expected);
    }
    stage.main_is_still(&before);
}

#[test]
fn an_id_from_the_future_is_refused_until_its_time() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    stage.wait(TimeDelta::minutes(11));
    stage.propose("strategy-optimizer", "a", BODY);
    stage.wait(TimeDelta::minutes(-11));
    stage.run();
    has(
        &stage.report(1),
        "the id is from the future: its time is more than ten minutes ahead; take a fresh one with `countersign new`",
    );
    stage.main_is_still(&before);
}

#[test]
fn a_decided_id_is_not_decided_again_with_another_content() {
    let mut stage = TestRepo::example();
    let agent = "strategy-optimizer";
    let (path, text) = stage.recommendation(agent, BODY);
    push(stage.clone_of(agent), &path, &text, "a");
    // The same id at the same time, more harmful: one of the two is first.
    let more = text.replace("rsi-eurusd-draft", "rsi-eurusd");
    let before_decision = stage.clone_of("risk-manager").start();
    push(stage.clone_of(agent), &path, &more, "b");
    stage.run();
    has(&stage.report(1), "merged by the bot");
    has(
        &stage.report(2),
        "id: this id is decided already, and a record is never edited: take a fresh id",
    );
    let before = stage.main();
    // From a clone that does not know of the decision, and from one that does.
    let theirs = text.replace("strategy-optimizer", "risk-manager");
    before_decision
        .write(&path, &theirs)
        .commit("Propose")
        .push("recommend/c");
    push(stage.clone_of(agent), &path, &more, "d");
    stage.run();
    has(&stage.report(3), "id: this id is decided already");
    has(
        &stage.report(4),
        "a record is never edited or removed: a correction is a new record",
    );
    stage.main_is_still(&before);
    stage.verifies();
}

#[test]
fn what_is_not_a_regular_file_is_refused() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let agent = "strategy-optimizer";
    let (path, text) = stage.recommendation(agent, BODY);
    let clone = stage.clone_of(agent).start();
    let folder = path.rsplit_once('/').unwrap().0;
    std::fs::create_dir_all(clone.path.join(folder)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", clone.path.join(&path)).unwrap();
    clone.commit("A link").push("recommend/a");
    let clone = clone.start();
    clone.write(&path, &text);
    let program = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(clone.path.join(&path), program).unwrap();
    clone.commit("A program").push("recommend/b");
    let clone = clone.start();
    let entry = format!("160000,{},{path}", stage.main());
    clone.git(&["update-index", "--add", "--cacheinfo", &entry]);
    clone.git(&["commit", "-q", "-m", "A submodule"]);
    clone.push("recommend/c");
    let clone = clone.start();
    std::fs::remove_dir_all(clone.path.join("targets")).unwrap();
    std::os::unix::fs::symlink("rules", clone.path.join("targets")).unwrap();
    clone.commit("Targets are rules").push("recommend/d");
    stage.run();
    has(
        &stage.report(1),
        "is a symbolic link: add a regular file instead",
    );
    has(
        &stage.report(2),
        "is executable: make it a regular file (`chmod -x`, mode 100644)",
    );
    has(
        &stage.report(3),
        "is a submodule: add regular files instead",
    );
    has(
        &stage.report(4),
        "targets: is a symbolic link: add a regular file instead",
    );
    stage.main_is_still(&before);
}

#[test]
fn paths_that_mean_something_else_are_refused() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let tricks = [
        ("rules/e\u{301}vil.yaml", "the path is not plain ASCII"),
        ("rules/\u{e9}vil.yaml", "the path is not plain ASCII"),
        ("rules/gοvernance.yaml", "the path is not plain ASCII"),
        ("docs/tab\there", "the path is not plain ASCII"),
        (
            "RULES/governance.yaml",
            "differs from `rules` by case only: use the same spelling",
        ),
        (
            "rules/Governance.yaml",
            "differs from `governance.yaml` by case only",
        ),
        ("readme.md", "differs from `README.md` by case only"),
        (
            "docs/trailing ",
            "means something else to git or to a file system",
        ),
        (
            "docs/trailing.",
            "means something else to git or to a file system",
        ),
        (
            "docs. /x",
            "means something else to git or to a file system",
        ),
        ("docs\\x", "means something else to git or to a file system"),
        (
            "rules/governance.yaml::$DATA",
            "means something else to git or to a file system",
        ),
        (
            "docs/PROGRA~1",
            "means something else to git or to a file system",
        ),
        (
            ".gitattributes",
            "means something else to git or to a file system",
        ),
        (
            "docs/.GitAttributes",
            "means something else to git or to a file system",
        ),
        (
            ".gitmodules",
            "means something else to git or to a file system",
        ),
    ];
    let clone = stage.clone_of("dana");
    for (index, (path, _)) in tricks.iter().enumerate() {
        let blob = stage.blob("x\n");
        clone.git(&["fetch", "-q", "origin"]);
        clone.git(&["read-tree", "origin/main"]);
        clone
            .write(".blob", "x\n")
            .git(&["hash-object", "-w", ".blob"]);
        clone.git(&[
            "-c",
            "core.protectHFS=false",
            "-c",
            "core.protectNTFS=false",
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{blob},{path}"),
        ]);
        let tree = clone.git(&["write-tree"]);
        let commit = clone.git(&[
            "commit-tree",
            tree.trim(),
            "-p",
            "origin/main",
            "-m",
            "Trick",
        ]);
        clone.git(&[
            "push",
            "-q",
            "origin",
            &format!("{}:refs/heads/govern/a{index:02}", commit.trim()),
        ]);
    }
    stage.run();
    for (number, (path, expected)) in (1..).zip(tricks) {
        let said = stage.report(number);
        assert!(said.starts_with("failure: invalid: "), "{path}:\n{said}");
        has(&said, expected);
    }
    stage.main_is_still(&before);
}

#[test]
fn two_new_files_of_one_name_are_refused() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    stage.govern(
        "dana",
        "a",
        &[("docs/Notes.md", "x"), ("docs/notes.md", "y")],
    );
    stage.govern("dana", "b", &[("docs/a/x.md", "x"), ("Docs/b.md", "y")]);
    stage.run();
    has(
        &stage.report(1),
        "docs/notes.md: differs from `docs/Notes.md` by case only: use the same spelling",
    );
    has(
        &stage.report(2),
        "differs from `Docs` by case only: use the same spelling",
    );
    stage.main_is_still(&before);
}

#[test]
fn git_itself_refuses_the_worst_paths_and_so_does_the_bot() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let agent = "strategy-optimizer@agents.example.org";
    let clone = stage.clone_of("strategy-optimizer").start();
    let blob = stage.blob("x\n");
    for (index, name) in [".git", "..", ".", ".GIT"].iter().enumerate() {
        let inner = stage.tree(None, &[("100644", &blob, name)]);
        let root = stage.tree(Some("main"), &[("040000", &inner, "docs")]);
        let commit = stage.commit_tree(&root, &["main"], agent, "Trick\n");
        stage.point(&format!("recommend/a{index}"), &commit);
    }
    // A push of the like is not even taken.
    let git = |arguments: &[&str], input: &str| {
        let ran = git_with(&clone.path, agent, &[], arguments, input);
        ran.trim().to_owned()
    };
    let blob = git(&["hash-object", "-w", "--stdin"], "y\n");
    let tree = git(&["mktree"], &format!("100644 blob {blob}\t.git\n"));
    let commit = git(&["commit-tree", &tree, "-p", "origin/main"], "Trick\n");
    let ran = clone.try_git(&[
        "push",
        "origin",
        &format!("{commit}:refs/heads/recommend/z"),
    ]);
    assert_ne!(ran.status, 0, "{}", ran.text());
    has(&ran.stderr, "hasDotgit");
    stage.run();
    for number in 1..=4 {
        let said = stage.report(number);
        has(
            &said,
            "failure: invalid: pull request: cannot read the tree",
        );
        has(
            &said,
            "is not a name that a file can have: it was not made by git",
        );
    }
    stage.main_is_still(&before);
}
