//! Whatever is on the trail is as the bot writes it, byte for byte: other writing hides something from some reader.

use std::io::Write as _;

use countersign::domain::ids::Sha;
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::{every_event, one_of_each};
use super::world::{Edit, Forgery, World, point, replace};
use super::{edited, finds, forging, only, told};

/// The commit at the tip with other bytes.
fn retold(world: &World, edit: impl FnOnce(String) -> String) -> Sha {
    let tip = world.repo.find_ref(MAIN).unwrap().unwrap();
    let text = world.git(&[], "", &["cat-file", "commit", &tip.to_string()]);
    let input = format!("{}\n", edit(text));
    let arguments = [
        "hash-object",
        "-t",
        "commit",
        "-w",
        "--literally",
        "--stdin",
    ];
    let id = world.git(&[], &input, &arguments).parse().unwrap();
    point(&world.repo, MAIN, id);
    id
}

#[test]
fn a_record_is_in_the_writing_of_the_bot() {
    for (from, to, line, shown) in [
        (
            "score: 55.0",
            "score: 55",
            "20",
            "which has `  score: 55.0` there and not `  score: 55`",
        ),
        (
            "status: approved",
            "status: approved # by me",
            "3",
            "and not `status: approved # by me`",
        ),
        (
            "status: approved",
            "status: \"approved\"",
            "3",
            r#"and not `status: \"approved\"`"#,
        ),
        ("ignored: []\n", "", "", "which has `ignored: []` there"),
        (
            "pull:\n",
            "\npull:\n",
            "5",
            "which has `pull:` there and not ``",
        ),
        (
            "decided_at: 2026-11-02T09:07:00Z",
            "decided_at: 2026-11-02T10:07:00+01:00",
            "4",
            "and not `decided_at: 2026-11-02T10:07:00+01:00`",
        ),
    ] {
        let world = one_of_each();
        let path = world.decision(3);
        let found = forging(
            &world,
            3,
            &edited(&world, 3, &[(from, to)], None),
            FindingKind::NotCanonical,
        );
        only(&found, FindingKind::NotCanonical);
        let message = &found.findings[0].message;
        assert!(message.starts_with(&format!("{path}:{line}")), "{message}");
        assert!(message.contains(shown), "{message}");
    }
    // Every kind of record.
    let world = every_event();
    let tip = *world.line().last().unwrap();
    for (subject, name) in [
        ("claim: command", "claim.yaml"),
        ("outcome: success of rebalance", "outcome-2.yaml"),
        ("feedback: dana", "feedback"),
        ("freeze: alice", "freeze.yaml"),
        ("governance: approve", "decision.yaml"),
    ] {
        let place = world.place(subject);
        let commit = world.line()[place].to_string();
        let names = [
            "show",
            "--first-parent",
            "--format=",
            "--name-only",
            "-m",
            &commit,
        ];
        let names = world.git(&[], "", &names);
        let path = names.lines().find(|path| path.contains(name));
        let path = path.unwrap_or_else(|| panic!("no {name} in {names}"));
        let forgery = Forgery {
            files: vec![replace(path, "schema: ", "# Mine.\nschema: ")],
            ..Forgery::default()
        };
        let line = world.forge(place, &forgery);
        finds(&world.verify(), line[place], FindingKind::NotCanonical);
        point(&world.repo, MAIN, tip);
    }
}

#[test]
fn a_commit_has_the_headers_that_the_bot_writes() {
    let zone = |text: String| text.replacen(" +0000\ncommitter", " +0100\ncommitter", 1);
    let extra = |text: String| text.replacen("\n\n", "\nreviewed-by: carol\n\n", 1);
    let spaced = |text: String| text.replacen("author Countersign <", "author Countersign  <", 1);
    let merge_tag = |text: String| text.replacen("\n\n", "\nmergetag object 0\n tag x\n\n", 1);
    let padded = |text: String| {
        let (before, after) = text
            .split_once("committer Countersign <bot@countersign.invalid> ")
            .unwrap();
        format!("{before}committer Countersign <bot@countersign.invalid> 0{after}")
    };
    let edits: [fn(String) -> String; 5] = [zone, extra, spaced, merge_tag, padded];
    for edit in edits {
        let world = one_of_each();
        let tip = retold(&world, edit);
        assert_eq!(
            told(&world.verify()),
            format!(
                "{}: not_canonical: its headers are not as the bot writes them: there is one more, or a name, an address, \
                 a time or a time zone is written otherwise\n",
                tip.short()
            )
        );
    }
}

/// Stores a tree as these bytes.
fn tree(world: &World, bytes: &[u8]) -> String {
    let path = world.folder().join("raw-tree");
    std::fs::File::create(&path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
    let path = path.to_str().unwrap().to_owned();
    world.git(
        &[],
        "",
        &["hash-object", "-t", "tree", "-w", "--literally", &path],
    )
}

/// The tip's tree with one more entry at its end, or with another mode for its folders.
fn retold_tree(world: &World, edit: impl FnOnce(&mut Vec<u8>)) -> Sha {
    let tip = world.repo.find_ref(MAIN).unwrap().unwrap();
    let root = world.repo.read_commit(tip).unwrap().tree.to_string();
    let mut raw = std::process::Command::new("git");
    raw.arg("-C")
        .arg(world.path())
        .args(["cat-file", "tree", &root]);
    let mut bytes = raw.output().unwrap().stdout;
    edit(&mut bytes);
    let tree = tree(world, &bytes);
    retold(world, |text| text.replacen(&root, &tree, 1))
}

#[test]
fn folders_are_as_git_stores_them() {
    let world = one_of_each();
    let empty: Sha = tree(&world, b"").parse().unwrap();
    let tip = retold_tree(&world, |bytes| {
        bytes.extend(b"40000 zz\0");
        bytes.extend(empty.as_bytes());
    });
    let words =
        "it cannot be verified: the folder `zz` is empty, which git never stores: leave it out";
    let found = told(&world.verify());
    let start = format!("{}: unreadable: {words}\n", tip.short());
    assert!(found.starts_with(&start), "{found}");
    let world = one_of_each();
    let tip = retold_tree(&world, |bytes| {
        let at = bytes
            .windows(8)
            .position(|window| window == b"40000 ta")
            .unwrap();
        bytes.insert(at, b'0');
    });
    let found = told(&world.verify());
    assert!(
        found.starts_with(&format!(
            "{}: unreadable: it cannot be verified: ",
            tip.short()
        )) && found.contains("its entry `targets` is written with a zero before its mode"),
        "{found}"
    );
}

#[test]
fn a_pull_request_has_a_number_and_is_decided_once() {
    for (number, words) in [
        (
            "0",
            "it decides a pull request without a number: they begin with #1",
        ),
        ("1", "#1 was decided before, as another case"),
    ] {
        let world = one_of_each();
        let forgery = edited(
            &world,
            3,
            &[("number: 2", &format!("number: {number}"))],
            Some(("Pull-request: #2", &format!("Pull-request: #{number}"))),
        );
        let found = forging(&world, 3, &forgery, FindingKind::WrongNumber);
        only(&found, FindingKind::WrongNumber);
        assert_eq!(found.findings[0].message, words);
    }
}

#[test]
fn nothing_happens_before_what_it_follows() {
    let world = one_of_each();
    let given = ("  at: 2026-11-02T09:07:00Z", "  at: 2026-11-02T08:50:00Z");
    let found = forging(
        &world,
        3,
        &edited(&world, 3, &[given], None),
        FindingKind::WrongTime,
    );
    assert!(
        told(&found).contains("`approvals.at` is 2026-11-02T08:50:00Z, before the pull request was opened at 2026-11-02T09:00:00Z"),
        "{}",
        told(&found)
    );
    let world = every_event();
    let place = world.place(" of notify on");
    let path = format!("{}/outcome.yaml", world.case_folder(place));
    let text = world.git(&[], "", &["show", &format!("main:{path}")]);
    let line = text
        .lines()
        .find(|line| line.starts_with("started_at: "))
        .unwrap();
    let forgery = Forgery {
        files: vec![replace(path, line, "started_at: 2026-11-02T08:00:00Z")],
        ..Forgery::default()
    };
    let found = forging(&world, place, &forgery, FindingKind::WrongTime);
    assert!(
        told(&found).contains("it was started at 2026-11-02T08:00:00Z, before `"),
        "{}",
        told(&found)
    );
}

#[test]
fn somebody_else_does_not_report_what_the_bot_carries_out_or_the_same_again() {
    let world = every_event();
    let place = world.place(" of notify on");
    let path = format!("{}/outcome.yaml", world.case_folder(place));
    let forgery = Forgery {
        files: vec![replace(
            path,
            "reported_by: countersign",
            "reported_by: alice",
        )],
        message: Some(("By: countersign".to_owned(), "By: alice".to_owned())),
        ..Forgery::default()
    };
    let found = forging(&world, place, &forgery, FindingKind::WrongOutcome);
    only(&found, FindingKind::WrongOutcome);
    let world = every_event();
    let place = world.place("outcome: success of rebalance");
    let path = format!("{}/outcome-2.yaml", world.case_folder(place));
    let text = world.git(&[], "", &["show", &format!("main:{path}")]);
    let message = world.repo.read_commit(world.line()[place]).unwrap().message;
    let third = world.append(
        &message.replace("Attempt: 2", "Attempt: 3"),
        &[(
            path.replace("outcome-2", "outcome-3"),
            Edit::Put(format!("{}\n", text.replace("attempt: 2", "attempt: 3"))),
        )],
        None,
    );
    let found = world.verify();
    finds(&found, third, FindingKind::WrongOutcome);
    assert!(
        told(&found).contains("is reported by somebody else to have ended as the one before it"),
        "{}",
        told(&found)
    );
}

#[test]
fn an_engine_that_no_release_had_is_not_known() {
    use countersign::domain::engine::ENGINE;
    for engine in [
        "countersign 0.1.0 engine 2",
        "countersign 0.2.0",
        "countersign 0.2.0 engine 3",
    ] {
        let world = one_of_each();
        let forgery = edited(
            &world,
            5,
            &[(&format!("engine: {ENGINE}"), &format!("engine: {engine}"))],
            None,
        );
        let found = forging(&world, 5, &forgery, FindingKind::UnknownEngine);
        only(&found, FindingKind::UnknownEngine);
    }
}
