//! The repositories behind the double: git itself, run as a program. Nothing of git is made up here.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The file beside a repository's refs that says who may move a branch.
const PROTECTED: &str = "double-protected";

/// Refuses what branch protection refuses, in GitHub's words.
const UPDATE_HOOK: &str = r#"#!/bin/sh
[ -f double-protected ] || exit 0
while read -r ref who; do
  [ "$ref" = "$1" ] || continue
  case " $who " in
    *" $DOUBLE_ACTOR "*) ;;
    *)
      echo "error: GH013: Repository rule violations found for $1." >&2
      echo "error: Cannot update this protected ref." >&2
      exit 1
      ;;
  esac
done < double-protected
"#;

/// A commit as git tells of it. People are name, e-mail and time.
pub struct Commit {
    pub sha: String,
    pub tree: String,
    pub parents: Vec<String>,
    pub author: (String, String, String),
    pub committer: (String, String, String),
    pub message: String,
}

/// How large a pull request is.
pub struct Size {
    pub commits: u64,
    pub additions: u64,
    pub deletions: u64,
    pub files: u64,
}

/// One file of a pull request.
pub struct Changed {
    pub path: String,
    pub previous: Option<String>,
    pub status: &'static str,
    pub blob: String,
    pub additions: u64,
    pub deletions: u64,
}

/// Git without the user's own settings.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    let own = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_"));
    for (name, _) in own {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null());
    command
}

/// Lets a command speak for somebody.
pub fn speak_as(command: &mut Command, name: &str, email: &str) {
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), name);
        command.env(format!("GIT_{role}_EMAIL"), email);
    }
}

/// Runs it and gives what it printed; fails the test if it fails.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .expect("git is needed for the tests: install it");
    assert!(
        output.status.success(),
        "{command:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    run(command(folder).args(arguments))
}

/// Runs git, which may say no.
pub fn try_git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = command(folder).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(said)
}

/// Makes an empty repository that is served like one of GitHub's.
pub fn make(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
    git(path, &["init", "-q", "--bare", "-b", "main", "--template="]);
    let settings = [
        ("http.receivepack", "true"),
        // What GitHub keeps for itself is shown to readers and refused to writers.
        ("receive.hideRefs", "refs/pull"),
        ("uploadpack.allowAnySHA1InWant", "true"),
        ("gc.auto", "0"),
        ("receive.autogc", "false"),
    ];
    for (key, value) in settings {
        git(path, &["config", key, value]);
    }
    let hook = path.join("hooks/update");
    std::fs::create_dir_all(path.join("hooks")).unwrap();
    std::fs::write(&hook, UPDATE_HOOK).unwrap();
    let mut mode = std::fs::metadata(&hook).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
}

/// Copies the branches of a repository into a new one.
pub fn fork(parent: &Path, path: &Path) {
    make(path);
    copy(parent, path, "+refs/heads/*:refs/heads/*");
}

/// Brings refs of one repository into another.
pub fn copy(from: &Path, into: &Path, refspec: &str) {
    git(into, &["fetch", "-q", from.to_str().unwrap(), refspec]);
}

/// Writes who may move which branch.
pub fn protect(path: &Path, protected: &BTreeMap<String, Vec<String>>) {
    let lines: String = protected
        .iter()
        .map(|(branch, who)| format!("refs/heads/{branch} {}\n", who.join(" ")))
        .collect();
    std::fs::write(path.join(PROTECTED), lines).unwrap();
}

/// Every branch and its tip.
pub fn branches(path: &Path) -> BTreeMap<String, String> {
    let listed = git(
        path,
        &[
            "for-each-ref",
            "--format=%(refname:lstrip=2) %(objectname)",
            "refs/heads",
        ],
    );
    let lines = listed.lines().filter_map(|line| line.rsplit_once(' '));
    lines
        .map(|(name, sha)| (name.to_owned(), sha.to_owned()))
        .collect()
}

/// What a name stands for.
pub fn resolve(path: &Path, name: &str) -> Option<String> {
    let wanted = format!("{name}^{{commit}}");
    let found = try_git(path, &["rev-parse", "-q", "--verify", &wanted])?;
    Some(found.trim().to_owned())
}

pub fn is_ancestor(path: &Path, ancestor: &str, tip: &str) -> bool {
    try_git(path, &["merge-base", "--is-ancestor", ancestor, tip]).is_some()
}

/// The commit of a branch's own line that brought a head in.
pub fn merge_of(path: &Path, head: &str, tip: &str) -> String {
    let range = format!("{head}..{tip}");
    let listed = git(
        path,
        &["rev-list", "--first-parent", "--ancestry-path", &range],
    );
    listed.lines().last().unwrap_or(tip).to_owned()
}

pub fn set_ref(path: &Path, name: &str, sha: &str) {
    git(path, &["update-ref", name, sha]);
}

/// Moves a branch if it is where it is thought to be.
pub fn swap_ref(path: &Path, name: &str, new: &str, old: &str) -> bool {
    try_git(path, &["update-ref", name, new, old]).is_some()
}

pub fn delete_ref(path: &Path, name: &str) {
    git(path, &["update-ref", "-d", name]);
}

/// The tree that a merge would give; none where it conflicts.
pub fn merged_tree(path: &Path, base: &str, head: &str) -> Option<String> {
    let said = try_git(path, &["merge-tree", "--write-tree", base, head])?;
    Some(said.trim().to_owned())
}

pub fn size(path: &Path, base: &str, head: &str) -> Size {
    let range = format!("{base}..{head}");
    let commits = git(path, &["rev-list", "--count", &range]);
    let changed = changed(path, base, head);
    Size {
        commits: commits.trim().parse().unwrap(),
        additions: changed.iter().map(|file| file.additions).sum(),
        deletions: changed.iter().map(|file| file.deletions).sum(),
        files: changed.len() as u64,
    }
}

/// What a pull request changes against where it left its base.
pub fn changed(path: &Path, base: &str, head: &str) -> Vec<Changed> {
    let range = format!("{base}...{head}");
    let options = ["diff", "-M", "-z", "--no-abbrev", "--raw", "--numstat"];
    let said = git(path, &[&options[..], &[&range]].concat());
    let mut fields = said.split('\0').filter(|field| !field.is_empty());
    let mut files: Vec<Changed> = Vec::new();
    while let Some(field) = fields.next() {
        if let Some(raw) = field.strip_prefix(':') {
            let raw: Vec<&str> = raw.split(' ').collect();
            let status = match raw[4].chars().next().unwrap() {
                'A' => "added",
                'D' => "removed",
                'R' => "renamed",
                'C' => "copied",
                _ => "modified",
            };
            let previous =
                matches!(status, "renamed" | "copied").then(|| fields.next().unwrap().to_owned());
            let blob = if status == "removed" { raw[2] } else { raw[3] };
            files.push(Changed {
                path: fields.next().unwrap().to_owned(),
                previous,
                status,
                blob: blob.to_owned(),
                additions: 0,
                deletions: 0,
            });
        } else {
            let counts: Vec<&str> = field.split('\t').collect();
            let name = match counts[2] {
                "" => fields.nth(1).unwrap(),
                name => name,
            };
            let file = files.iter_mut().find(|file| file.path == name).unwrap();
            // Binary files are counted as `-`.
            file.additions = counts[0].parse().unwrap_or(0);
            file.deletions = counts[1].parse().unwrap_or(0);
        }
    }
    files
}

/// The commits of a range, oldest first, or one commit.
pub fn commits(path: &Path, range: &[&str]) -> Vec<Commit> {
    let format = "--format=%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B%x1e";
    let said = git(path, &[&["log", "--reverse", format][..], range].concat());
    let records = said
        .split('\u{1e}')
        .map(str::trim)
        .filter(|record| !record.is_empty());
    let read = |record: &str| {
        let part: Vec<String> = record.split('\u{1f}').map(str::to_owned).collect();
        // GitHub writes times in UTC.
        let utc = |text: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
            super::world::stamp(time.into())
        };
        Commit {
            sha: part[0].clone(),
            tree: part[1].clone(),
            parents: part[2].split_whitespace().map(str::to_owned).collect(),
            author: (part[3].clone(), part[4].clone(), utc(&part[5])),
            committer: (part[6].clone(), part[7].clone(), utc(&part[8])),
            message: part[9].trim_end().to_owned(),
        }
    };
    records.map(read).collect()
}

/// Makes a commit of a tree.
pub fn commit_tree(
    path: &Path,
    who: (&str, &str),
    tree: &str,
    parents: &[&str],
    message: &str,
) -> String {
    let mut made = command(path);
    speak_as(&mut made, who.0, who.1);
    made.args(["commit-tree", tree, "-m", message]);
    for parent in parents {
        made.args(["-p", parent]);
    }
    run(&mut made).trim().to_owned()
}

/// Adds files to a branch without a work tree, as somebody does on GitHub's own pages.
pub fn commit_files(
    path: &Path,
    branch: &str,
    who: (&str, &str),
    message: &str,
    files: &[(&str, &str)],
) -> String {
    let tip = resolve(path, &format!("refs/heads/{branch}"));
    let index = tempfile::tempdir().unwrap();
    let indexed = || {
        let mut command = command(path);
        command.env("GIT_INDEX_FILE", index.path().join("index"));
        command
    };
    if let Some(tip) = &tip {
        run(indexed().args(["read-tree", tip]));
    }
    for (name, text) in files {
        let mut hashing = command(path);
        hashing.args(["hash-object", "-w", "--stdin"]);
        let blob = String::from_utf8(feed(&mut hashing, text.as_bytes()).stdout).unwrap();
        let entry = format!("100644,{},{name}", blob.trim());
        run(indexed().args(["update-index", "--add", "--cacheinfo", &entry]));
    }
    let tree = run(indexed().arg("write-tree"));
    let parents: Vec<&str> = tip.as_deref().into_iter().collect();
    let made = commit_tree(path, who, tree.trim(), &parents, message);
    set_ref(path, &format!("refs/heads/{branch}"), &made);
    made
}

/// Runs a command and gives it something to read.
pub fn feed(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is needed for the tests: install it");
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // Written beside the reading: both pipes may fill. A reader that stops early is its own affair.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().unwrap()
    })
}
