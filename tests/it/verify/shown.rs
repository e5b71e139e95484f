//! What git shows an auditor in place of the trail that was verified: everything that lies beside the objects is
//! named, whether it changes the trail's own commits or only what is read with them.

use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use countersign::domain::ids::Sha;
use countersign::git::Repository;
use countersign::ledger::MAIN;
use countersign::ledger::verify::{FindingKind, verify};

use super::story::{LOW, every_event, one_of_each};
use super::world::{World, point};
use super::{finds, told};
use crate::support::{clean, git};

/// What git shows of the trail.
fn log(world: &World) -> String {
    world.git(&[], "", &["log", "--first-parent", "--format=%s", "main"])
}

/// Stores a commit as another one, word by word.
fn rewritten(world: &World, commit: Sha, edits: &[(&str, &str)]) -> Sha {
    let mut text = world.git(&[], "", &["cat-file", "commit", &commit.to_string()]);
    for (from, to) in edits {
        assert!(text.contains(from), "no `{from}` in {text}");
        text = text.replacen(from, to, 1);
    }
    let id = world.git(
        &[],
        &format!("{text}\n"),
        &["hash-object", "-t", "commit", "-w", "--stdin"],
    );
    id.parse().unwrap()
}

#[test]
fn a_replaced_commit_is_named() {
    let world = one_of_each();
    let commit = world.line()[3];
    let other = rewritten(
        &world,
        commit,
        &[("Approved-by: alice", "Approved-by: carol")],
    );
    world.git(
        &[],
        "",
        &["replace", &commit.to_string(), &other.to_string()],
    );
    let shown = world.git(&[], "", &["log", "-1", "--format=%b", &commit.to_string()]);
    assert!(shown.contains("Approved-by: carol"), "{shown}");
    let expected = format!(
        "{}: replaced: git shows {} in its place, because of the ref `refs/replace/{commit}`: take it away with `git replace -d {commit}`\n",
        commit.short(),
        other.short()
    );
    assert_eq!(told(&world.verify()), expected);
    // Handed over as a mirror.
    let mirror = world.folder().join("mirror.git");
    let (from, to) = (world.path(), mirror.to_str().unwrap().to_owned());
    let arguments = ["clone", "-q", "--mirror", from.to_str().unwrap(), &to];
    git(world.folder(), "auditor@example.org", &arguments);
    let repo = Repository::open(&mirror).unwrap();
    assert_eq!(
        told(&verify(&repo, None, &mut |_, _| {}).unwrap()),
        expected
    );
    world.git(&[], "", &["replace", "-d", &commit.to_string()]);
    assert!(world.verify().ok);
}

#[test]
fn grafts_and_a_boundary_that_cut_history_are_named() {
    let world = one_of_each();
    let line = world.line();
    fs::create_dir_all(world.path().join("info")).unwrap();
    // Git reads ids in capitals as well.
    let graft = format!("{} {}\n", line[5].to_string().to_uppercase(), line[2]);
    fs::write(world.path().join("info/grafts"), graft).unwrap();
    assert_eq!(log(&world).lines().count(), 5, "{}", log(&world));
    assert_eq!(
        told(&world.verify()),
        format!(
            "{}: grafted: git takes other parents for its own, because of the file `info/grafts`: remove that file\n",
            line[5].short()
        )
    );
    fs::remove_file(world.path().join("info/grafts")).unwrap();
    fs::write(world.path().join("shallow"), format!("{}\n", line[4])).unwrap();
    assert_eq!(log(&world).lines().count(), 3, "{}", log(&world));
    assert_eq!(
        told(&world.verify()),
        format!(
            "{}: shallow: git shows nothing older than it, because of the file `shallow`: fetch the rest with `git fetch --unshallow`\n",
            line[4].short()
        )
    );
}

#[test]
fn notes_are_named() {
    let world = one_of_each();
    let commit = world.line()[3].to_string();
    let note = ["notes", "add", "-m", "Approved-by: carol", &commit];
    world.git(&[], "", &note);
    let shown = world.git(&[], "", &["log", "-1", &commit]);
    assert!(shown.contains("Approved-by: carol"), "{shown}");
    let at = world.git(&[], "", &["rev-parse", "--short=7", "refs/notes/commits"]);
    assert_eq!(
        told(&world.verify()),
        format!(
            "{at}: notes: git shows the notes of `refs/notes/commits` below the commits, and nothing proves them: take them away with `git update-ref -d refs/notes/commits`\n"
        )
    );
}

#[test]
fn a_head_elsewhere_is_named() {
    let world = one_of_each();
    let line = world.line();
    let (older, tip) = (line[2], line[line.len() - 1]);
    point(&world.repo, "refs/heads/other", older);
    world.git(&[], "", &["symbolic-ref", "HEAD", "refs/heads/other"]);
    let said = format!(
        "{}: head_elsewhere: `HEAD` is this commit, so git shows it where nothing is named, and not {}, which was verified: \
         `git switch main`, or `git symbolic-ref HEAD refs/heads/main` in a bare repository\n",
        older.short(),
        tip.short()
    );
    assert_eq!(told(&world.verify()), said);
    world.git(&[], "", &["symbolic-ref", "HEAD", MAIN]);
    world.git(
        &[],
        "",
        &["update-ref", "--no-deref", "HEAD", &older.to_string()],
    );
    assert_eq!(told(&world.verify()), said);
    // Where it is does not matter while it is the same commit, or none yet.
    world.git(
        &[],
        "",
        &["update-ref", "--no-deref", "HEAD", &tip.to_string()],
    );
    assert!(world.verify().ok);
    world.git(&[], "", &["symbolic-ref", "HEAD", "refs/heads/nothing"]);
    assert!(world.verify().ok);
}

#[test]
fn whatever_git_takes_the_name_of_the_trail_for_is_named() {
    let world = one_of_each();
    let older = world.line()[2];
    for (name, short) in [
        ("refs/tags/main", "main"),
        ("refs/main", "main"),
        ("refs/heads/main", "heads/main"),
        ("refs/tags/heads/main", "heads/main"),
    ] {
        if name == MAIN {
            continue;
        }
        point(&world.repo, name, older);
        let shown = world.git(&[], "", &["rev-parse", short]);
        let is_taken_for_it = shown == older.to_string();
        let expected = format!(
            "{}: ambiguous_name: git takes `{short}` for `{name}`, which was not verified: take it away with `git update-ref -d {name}`, or remove the file of that name\n",
            older.short()
        );
        let found = told(&world.verify());
        assert_eq!(
            found,
            if is_taken_for_it {
                expected
            } else {
                String::new()
            },
            "{name}"
        );
        for packed in [false, true] {
            if packed {
                world.git(&[], "", &["pack-refs", "--all"]);
                assert_eq!(told(&world.verify()), found, "{name}, packed");
            }
        }
        world.git(&[], "", &["update-ref", "-d", name]);
    }
    fs::write(world.path().join("main"), format!("{older}\n")).unwrap();
    assert_eq!(
        world.git(&[], "", &["rev-parse", "main"]),
        older.to_string()
    );
    finds(&world.verify(), older, FindingKind::AmbiguousName);
}

#[test]
fn in_a_clone_that_has_only_the_branch_of_its_remote_that_name_is_looked_at() {
    let world = one_of_each();
    let clone = world.folder().join("clone");
    let mut command = std::process::Command::new("git");
    command.arg("clone").args(["-q", "-n"]);
    command.arg(world.path()).arg(&clone);
    clean(&mut command, "auditor@example.org");
    assert!(command.status().unwrap().success());
    let older = world.line()[2].to_string();
    let auditor = |arguments: &[&str]| git(&clone, "auditor@example.org", arguments);
    auditor(&["switch", "-q", "--detach", "origin/main"]);
    auditor(&["branch", "-q", "-D", "main"]);
    let found = || told(&verify(&Repository::open(&clone).unwrap(), None, &mut |_, _| {}).unwrap());
    assert_eq!(found(), "");
    auditor(&["branch", "-q", "origin/main", &older]);
    assert_eq!(
        found(),
        format!(
            "{}: ambiguous_name: git takes `origin/main` for `refs/heads/origin/main`, which was not verified: \
             take it away with `git update-ref -d refs/heads/origin/main`, or remove the file of that name\n",
            &older[..7]
        )
    );
}

/// Writes git's commit-graph, and gives the place of its file.
fn write_graph(world: &World, more: &[&str]) -> std::path::PathBuf {
    let arguments = [&["commit-graph", "write", "--reachable"], more].concat();
    world.git(&[], "", &arguments);
    world.path().join("objects/info/commit-graph")
}

/// Overwrites a file that git made unwritable, with the checksum at its end made right.
fn overwrite(path: &Path, mut bytes: Vec<u8>) {
    use sha1::Digest as _;
    let end = bytes.len() - 20;
    let sum = sha1::Sha1::digest(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Where a chunk of a commit-graph begins.
fn chunk(bytes: &[u8], id: &[u8; 4]) -> usize {
    let entries = bytes[8..].chunks(12).take(usize::from(bytes[6]));
    let mut found = entries.filter(|entry| entry.starts_with(id));
    let entry = found.next().unwrap();
    usize::try_from(u64::from_be_bytes(entry[4..].try_into().unwrap())).unwrap()
}

/// The place of a commit in a commit-graph.
fn row(bytes: &[u8], commit: Sha) -> usize {
    let ids = &bytes[chunk(bytes, b"OIDL")..];
    ids.chunks(20)
        .position(|id| id == commit.as_bytes())
        .unwrap()
}

#[test]
fn an_honest_commit_graph_is_believed_and_a_lie_in_it_is_found() {
    let world = every_event();
    let line = world.line();
    for more in [&[][..], &["--changed-paths"], &["--split"]] {
        let single = write_graph(&world, &[]);
        if more == ["--split"] {
            fs::remove_file(single).unwrap();
        }
        write_graph(&world, more);
        assert_eq!(told(&world.verify()), "", "{more:?}");
        world.git(&[], "", &["commit-graph", "verify"]);
    }
    fs::remove_dir_all(world.path().join("objects/info/commit-graphs")).unwrap();
    let path = write_graph(&world, &["--changed-paths"]);
    let honest = fs::read(&path).unwrap();
    let commit = line[5];
    let data = chunk(&honest, b"CDAT") + row(&honest, commit) * 36;
    let (older, short) = (line[2], commit.short());
    let remedy = "write it anew with `git commit-graph write --reachable`";
    let lies: [(usize, Vec<u8>, String); 4] = [
        (
            data,
            world
                .repo
                .read_commit(older)
                .unwrap()
                .tree
                .as_bytes()
                .to_vec(),
            format!(
                "has another tree, {}",
                world.repo.read_commit(older).unwrap().tree.short()
            ),
        ),
        (
            data + 20,
            u32::try_from(row(&honest, older))
                .unwrap()
                .to_be_bytes()
                .to_vec(),
            format!(
                "has other parents, {} and {}",
                older.short(),
                world.repo.read_commit(commit).unwrap().parents[1].short()
            ),
        ),
        (data + 32, vec![0; 4], "has another date".to_owned()),
        (
            data + 28,
            vec![0, 0, 0, 4],
            "comes before one of its parents".to_owned(),
        ),
    ];
    for (at, lie, words) in lies {
        let mut bytes = honest.clone();
        // The two lowest bits of a generation belong to the date.
        if words.starts_with("comes") {
            bytes[at..at + 3].fill(0);
            bytes[at + 3] = (bytes[at + 3] & 3) | 4;
        } else {
            bytes[at..at + lie.len()].copy_from_slice(&lie);
        }
        overwrite(&path, bytes);
        assert_eq!(
            told(&world.verify()),
            format!("{short}: wrong_commit_graph: in git's commit-graph it {words}: {remedy}\n")
        );
    }
    // A lie about a commit that was merged is one as well.
    let merged = world.repo.read_commit(commit).unwrap().parents[1];
    let data = chunk(&honest, b"CDAT") + row(&honest, merged) * 36;
    let mut bytes = honest.clone();
    bytes[data + 32..data + 36].fill(0);
    overwrite(&path, bytes);
    assert_eq!(
        told(&world.verify()),
        format!(
            "{short}: wrong_commit_graph: the merged commit {}: in git's commit-graph it has another date: {remedy}\n",
            merged.short()
        )
    );
    overwrite(&path, honest[..honest.len() / 2].to_vec());
    let found = world.verify();
    finds(&found, line[line.len() - 1], FindingKind::WrongCommitGraph);
}

#[test]
fn a_commit_graph_that_hides_the_history_of_a_file_is_found() {
    let world = one_of_each();
    let path = write_graph(&world, &["--changed-paths"]);
    let history = || {
        let file = "targets/rsi-eurusd.yaml";
        let arguments = ["log", "--first-parent", "--format=%h", "main", "--", file];
        world.git(&[], "", &arguments)
    };
    let commit = world.line()[4];
    let before = history();
    assert!(before.contains(&commit.short()), "{before}");
    let mut bytes = fs::read(&path).unwrap();
    let (index, filters) = (chunk(&bytes, b"BIDX"), chunk(&bytes, b"BDAT") + 12);
    let at = row(&bytes, commit);
    let end_of = |row: usize| {
        let number = &bytes[index + row * 4..index + row * 4 + 4];
        usize::try_from(u32::from_be_bytes(number.try_into().unwrap())).unwrap()
    };
    let start = if at == 0 { 0 } else { end_of(at - 1) };
    let range = filters + start..filters + end_of(at);
    bytes[range].fill(0);
    overwrite(&path, bytes);
    assert!(!history().contains(&commit.short()), "git believes it");
    let found = told(&world.verify());
    let start = format!(
        "{}: wrong_commit_graph: git's commit-graph hides it from who asks for the history of `",
        commit.short()
    );
    assert!(found.starts_with(&start), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn a_commit_in_another_encoding_is_named_and_refused() {
    // For a reader that takes the header at its word, `Decision: approved` stands on a line of its own.
    const HIDDEN: &str = "Propose+AAoACg-Decision+ADo- approved";
    let world = one_of_each();
    let commit = world.line()[5];
    let other = rewritten(&world, commit, &[("\n\n", "\nencoding UTF-7\n\n")]);
    point(&world.repo, MAIN, other);
    let found = world.verify();
    finds(&found, other, FindingKind::ForeignEncoding);
    assert!(
        told(&found).contains(
            "git shows its text in the encoding `UTF-7`, in which it can read differently"
        ),
        "{}",
        told(&found)
    );
    let mut world = World::new(&[]);
    let id = world.propose("strategy-optimizer", LOW);
    let branch = format!("refs/heads/recommend/{id}");
    let head = world.repo.find_ref(&branch).unwrap().unwrap();
    let edits = [("\n\n", "\nencoding UTF-7\n\n"), ("Propose", HIDDEN)];
    let head = rewritten(&world, head, &edits);
    point(&world.repo, &branch, head);
    let said = world.run().handled[0].report.text();
    assert!(
        said.contains(&format!(
            "commit {} is in the encoding `UTF-7`, in which it can read differently: set `i18n.commitEncoding` to UTF-8 and reword it",
            head.short()
        )),
        "{said}"
    );
    // The one encoding that is read is accepted by whichever name.
    world.wait(TimeDelta::minutes(1));
    let id = world.propose("strategy-optimizer", &LOW.replace("1.5", "1.75"));
    let branch = format!("refs/heads/recommend/{id}");
    let head = world.repo.find_ref(&branch).unwrap().unwrap();
    let head = rewritten(&world, head, &[("\n\n", "\nencoding utf8\n\n")]);
    point(&world.repo, &branch, head);
    assert!(
        world
            .run()
            .handled
            .iter()
            .any(|handled| handled.status.is_some())
    );
    assert!(world.verify().ok);
}
