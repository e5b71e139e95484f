//! A stage for stories: a real governance repository in a temporary folder, real pushes through git, the
//! real binary, and a check that everything the bot said was read.
//!
//! Every report of the bot on a pull request has to be read with [`TestRepo::report`]; a test that leaves
//! one unread fails, so that no story ends before its last word (as in rust-lang/bors).

// Not every binary needs all of it.
#![allow(dead_code, unused_macros)]

pub mod asking;
pub mod browser;
#[macro_use]
pub mod forge_contract;
pub mod mcp;
pub mod proposals;
pub mod serving;
mod text;
pub mod trail;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value as Json;

#[allow(unused_imports)]
pub use text::{has, has_not, redact, shown};

/// The binary under test.
/// Where the key of the bot is, once it has one.
const BOT_KEY: &str = "bot-key";
pub const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

/// The binary under test, or the one that `COUNTERSIGN_BINARY` names, such as an installed one.
pub fn binary() -> PathBuf {
    std::env::var_os("COUNTERSIGN_BINARY").map_or_else(|| PathBuf::from(COUNTERSIGN), PathBuf::from)
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
    /// Fails the test unless the command ended like this.
    #[track_caller]
    pub fn exits(self, status: i32) -> Self {
        assert_eq!(
            self.status, status,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.stdout, self.stderr))
    }
    /// Both streams.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// A governance repository and the people and agents around it.
pub struct TestRepo {
    folder: tempfile::TempDir,
    pub repo: PathBuf,
    now: DateTime<Utc>,
    read: BTreeMap<u64, usize>,
    ids: AtomicU64,
}

impl TestRepo {
    /// The example of the design: alice and bob review, carol administers, dana owns three agents.
    pub fn example() -> Self {
        Self::made(&["--example"])
    }

    /// The example, in a place that is prepared for it.
    pub fn example_in(prepare: impl FnOnce(&Path)) -> Self {
        Self::made_in(prepare, &["--example"])
    }

    /// The example in another mode.
    pub fn in_mode(mode: &str) -> Self {
        Self::made(&["--example", "--mode", mode])
    }

    /// What `init --pack` makes, with more options.
    pub fn of_pack(pack: &str, options: &[&str]) -> Self {
        Self::made(&[&["--pack", pack], options].concat())
    }

    fn made(options: &[&str]) -> Self {
        Self::made_in(|_| (), options)
    }

    fn made_in(prepare: impl FnOnce(&Path), options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repo = folder.path().join("governance.git");
        prepare(&repo);
        let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).unwrap();
        let stage = Self {
            folder,
            repo,
            now,
            read: BTreeMap::new(),
            ids: AtomicU64::new(1),
        };
        let path = stage.repo.to_str().unwrap().to_owned();
        stage
            .countersign(&[&["init", &path], options].concat())
            .succeeds();
        stage
    }

    /// The same repository once more, at the same moment, with nothing read yet.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repo = folder.path().join("governance.git");
        copy_folder(&self.repo, &repo);
        Self {
            folder,
            repo,
            now: self.now,
            read: BTreeMap::new(),
            ids: AtomicU64::new(self.ids.load(Ordering::Relaxed)),
        }
    }

    /// A folder of its own below the stage.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The story's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: TimeDelta) {
        self.now += time;
    }

    /// A command of the product, at the story's time.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .args(["--now", &self.now.to_rfc3339()]);
        command
            .env("COUNTERSIGN_REPO", &self.repo)
            .env("NO_COLOR", "1")
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .stdin(Stdio::null());
        clean(&mut command, "nobody@example.org");
        let key = self.folder(BOT_KEY);
        if key.exists() {
            command.env("COUNTERSIGN_SIGNING_KEY", key);
        }
        command
    }

    /// Gives the bot a key, the same one for the same seed; its public half as rules list it.
    pub fn give_key(&self, seed: u8) -> String {
        use ssh_key::private::{Ed25519Keypair, KeypairData, PrivateKey};
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32]));
        let key = PrivateKey::new(pair, format!("bot-{seed}")).unwrap();
        let text = key.to_openssh(ssh_key::LineEnding::LF).unwrap();
        std::fs::write(self.folder(BOT_KEY), text.as_bytes()).unwrap();
        key.public_key().to_openssh().unwrap()
    }

    /// Runs a command of the product.
    #[track_caller]
    pub fn countersign(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// Runs the bot once.
    #[track_caller]
    pub fn run(&self) -> Ran {
        self.countersign(&["run"]).succeeds()
    }

    /// Git on the governance repository itself.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.repo, "auditor@example.org", arguments)
    }

    /// The subjects of `main`, oldest first.
    pub fn log(&self) -> Vec<String> {
        self.git(&["log", "--first-parent", "--reverse", "--format=%s", "main"])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// A file on `main`.
    #[track_caller]
    pub fn file(&self, path: &str) -> String {
        self.git(&["show", &format!("main:{path}")])
    }

    /// The commit that `main` is at.
    #[track_caller]
    pub fn main(&self) -> String {
        self.git(&["rev-parse", "main"]).trim().to_owned()
    }

    /// Fails the test if `main` is not where it was: nothing was merged, nothing recorded.
    #[track_caller]
    pub fn main_is_still(&self, before: &str) {
        assert_eq!(
            self.main(),
            before,
            "main moved:\n{}",
            self.log().join("\n")
        );
    }

    /// Fails the test unless the whole trail proves itself: every commit of `main` is an event of the bot.
    #[track_caller]
    pub fn verifies(&self) {
        let ran = self.countersign(&["verify", "--format", "json"]).succeeds();
        let (said, commits) = (ran.json(), self.log().len());
        assert_eq!(said["commits"], commits, "{said}");
        let findings = said["findings"].as_array().unwrap().iter();
        let wrong: Vec<_> = findings
            .filter(|finding| finding["kind"] != "adopted")
            .collect();
        assert!(wrong.is_empty(), "{said}");
    }

    /// A commit straight on `main` that an admin adopts, where its rules can be read.
    #[track_caller]
    pub fn commit_to_main(&self, files: &[(&str, Option<&str>)]) {
        let commit = self.write_to_main(files);
        // Rules that cannot be read are not adopted: then the next commit by hand has to mend them.
        let adopted = self.countersign(&["adopt", &commit, "--as", "carol"]);
        let is_unreadable = adopted.stderr.contains("cannot be read");
        assert!(adopted.status == 0 || is_unreadable, "{}", adopted.text());
    }

    /// A commit straight on `main`, by somebody who has access to the folder: a file's new text, or
    /// none to remove it.
    #[track_caller]
    pub fn write_to_main(&self, files: &[(&str, Option<&str>)]) -> String {
        let index = self.folder("index-of-main");
        let with_index = [("GIT_INDEX_FILE", index.to_str().unwrap())];
        let run = |arguments: &[&str], input: &str| {
            git_with(
                &self.repo,
                "root@example.org",
                &with_index,
                arguments,
                input,
            )
        };
        run(&["read-tree", "main"], "");
        for (path, text) in files {
            match text {
                Some(text) => {
                    let blob = run(&["hash-object", "-w", "--stdin"], text);
                    let entry = format!("100644,{},{path}", blob.trim());
                    run(&["update-index", "--add", "--cacheinfo", &entry], "")
                }
                None => run(&["rm", "-q", "-r", "--cached", path], ""),
            };
        }
        let tree = run(&["write-tree"], "");
        let commit = self.commit_tree(tree.trim(), &["main"], "root@example.org", "By hand");
        self.git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }

    /// Begins anew with the numeric ids of people's accounts in the rules, as on GitHub.
    #[track_caller]
    pub fn knows_accounts(&self, ids: &[(String, u64)]) {
        let path = "rules/people.yaml";
        let mut people = self.file(path);
        for (login, id) in ids {
            let (from, to) = (format!("  {login}: {{"), format!("  {login}: {{id: {id}, "));
            people = people.replace(&from, &to);
        }
        let genesis = self.git(&["cat-file", "commit", "main"]);
        self.commit_to_main(&[(path, Some(&people))]);
        let tree = self.git(&["rev-parse", "main^{tree}"]);
        let (_, rest) = genesis.split_once('\n').unwrap();
        let commit = format!("tree {}\n{rest}", tree.trim());
        let commit = self.plumb(&["hash-object", "-t", "commit", "-w", "--stdin"], &commit);
        self.git(&["update-ref", "refs/heads/main", commit.trim()]);
    }

    /// Replaces a text in a file on `main`, straight.
    #[track_caller]
    pub fn edit_on_main(&self, path: &str, from: &str, to: &str) {
        let text = self.file(path);
        assert!(text.contains(from), "expected `{from}` in {path}:\n{text}");
        self.commit_to_main(&[(path, Some(&text.replacen(from, to, 1)))]);
    }

    /// Stores a blob in the governance repository, past every check of a push.
    #[track_caller]
    pub fn blob(&self, text: &str) -> String {
        self.plumb(&["hash-object", "-w", "--stdin"], text)
    }

    /// Stores a tree: entries as (mode, id, name), beside those of another tree.
    #[track_caller]
    pub fn tree(&self, beside: Option<&str>, entries: &[(&str, &str, &str)]) -> String {
        let mut lines = beside.map_or_else(String::new, |tree| self.git(&["ls-tree", "-z", tree]));
        for (mode, id, name) in entries {
            let kind = match *mode {
                "040000" => "tree",
                "160000" => "commit",
                _ => "blob",
            };
            lines.push_str(&format!("{mode} {kind} {id}\t{name}\0"));
        }
        self.plumb(&["mktree", "-z", "--missing"], &lines)
    }

    /// Stores a commit.
    #[track_caller]
    pub fn commit_tree(&self, tree: &str, parents: &[&str], email: &str, message: &str) -> String {
        let mut arguments = vec!["commit-tree", tree];
        for parent in parents {
            arguments.extend(["-p", parent]);
        }
        git_with(&self.repo, email, &[], &arguments, message)
            .trim()
            .to_owned()
    }

    /// The same by somebody who poses as the bot.
    pub fn commit_tree_as_bot(&self, tree: &str, parent: &str, message: &str) -> String {
        let as_bot = [
            ("GIT_AUTHOR_NAME", "Countersign"),
            ("GIT_COMMITTER_NAME", "Countersign"),
        ];
        let arguments = ["commit-tree", tree, "-p", parent];
        let email = "bot@countersign.invalid";
        git_with(&self.repo, email, &as_bot, &arguments, message)
            .trim()
            .to_owned()
    }

    /// Makes a branch of a commit, past every check of a push.
    #[track_caller]
    pub fn point(&self, branch: &str, commit: &str) {
        self.git(&["update-ref", &format!("refs/heads/{branch}"), commit]);
    }

    #[track_caller]
    fn plumb(&self, arguments: &[&str], input: &str) -> String {
        git_with(&self.repo, "root@example.org", &[], arguments, input)
            .trim()
            .to_owned()
    }

    /// A review by a person.
    #[track_caller]
    pub fn review(&self, number: u64, who: &str, what: &[&str]) -> Ran {
        let number = number.to_string();
        self.countersign(&[&["review", &number, "--as", who], what].concat())
    }

    /// An approval with a justification that is long enough for everything; gives what the command said.
    #[track_caller]
    pub fn approve(&self, number: u64, who: &str) -> String {
        let reason = "I read it and agree with every line of it.";
        self.review(number, who, &["--approve", "--message", reason])
            .succeeds()
            .stdout
    }

    /// The clone of an agent (or person), made when it is first asked for.
    pub fn clone_of(&self, who: &str) -> Clone {
        let path = self.folder(&format!("clone-{who}"));
        let email = match who {
            "strategy-optimizer" | "risk-manager" | "market-analyst" | "autoscaler"
            | "deployer" | "db-tuner" | "helpdesk" | "account-keeper" | "tuner" => {
                format!("{who}@agents.example.org")
            }
            person => format!("{person}@example.org"),
        };
        if !path.exists() {
            git(
                self.folder.path(),
                &email,
                &[
                    "clone",
                    "-q",
                    self.repo.to_str().unwrap(),
                    path.to_str().unwrap(),
                ],
            );
        }
        Clone { path, email }
    }

    /// A fresh id of the story's time.
    pub fn fresh_id(&self) -> String {
        let count = self.ids.fetch_add(1, Ordering::Relaxed);
        countersign::domain::ids::CaseId::from_parts(self.now, u128::from(count)).to_string()
    }

    /// A recommendation as an agent would write it; `body` is everything from `action` on.
    pub fn recommendation(&self, agent: &str, body: &str) -> (String, String) {
        let id = self.fresh_id();
        let path = format!(
            "recommendations/{}/recommendation.yaml",
            id.parse::<countersign::domain::ids::CaseId>()
                .unwrap()
                .folder()
        );
        let text = format!(
            "schema: countersign/recommendation/v1\nid: {id}\nagent: {agent}\nsession: story-1\ncreated_at: {}\n{body}\n",
            self.now.format("%Y-%m-%dT%H:%M:%SZ")
        );
        (path, text)
    }

    /// An agent writes a recommendation, commits it and pushes it; gives its id.
    #[track_caller]
    pub fn propose(&self, agent: &str, branch: &str, body: &str) -> String {
        let (path, text) = self.recommendation(agent, body);
        self.clone_of(agent)
            .start()
            .write(&path, &text)
            .commit("Propose")
            .push(&format!("recommend/{branch}"));
        path.split('/').nth(5).unwrap().to_owned()
    }

    /// An agent proposes many things, as (branch, body), and pushes them all at once; gives their ids.
    #[track_caller]
    pub fn propose_many(&self, agent: &str, proposals: &[(String, String)]) -> Vec<String> {
        use countersign::git::{Mode, NewCommit, ObjectBuffer, Repository, Signature, TreeEditor};
        let clone = self.clone_of(agent).start();
        let repo = Repository::open(&clone.path).unwrap();
        let base = clone.git(&["rev-parse", "HEAD"]).trim().parse().unwrap();
        let root = repo.read_commit(base).unwrap().tree;
        let signature = Signature {
            name: agent.to_owned(),
            email: clone.email.clone(),
            time: self.now,
        };
        let mut buffer = ObjectBuffer::new();
        let (mut ids, mut refspecs) = (Vec::new(), Vec::new());
        for (branch, body) in proposals {
            let (path, text) = self.recommendation(agent, body);
            let blob = buffer.put_blob(text.as_bytes());
            let mut tree = TreeEditor::new(Some(root));
            tree.insert(repo.with(&buffer), &path, Mode::File, blob)
                .unwrap();
            let head = NewCommit {
                tree: tree.write(&mut buffer),
                parents: vec![base],
                author: signature.clone(),
                committer: signature.clone(),
                message: "Propose".to_owned(),
                signature: None,
            };
            let head = buffer.put_commit(&head);
            refspecs.push(format!("{head}:refs/heads/recommend/{branch}"));
            ids.push(path.split('/').nth(5).unwrap().to_owned());
        }
        drop(buffer.flush(&repo).unwrap());
        let push = ["push", "-q", "-f", "origin"].into_iter();
        let push: Vec<&str> = push.chain(refspecs.iter().map(String::as_str)).collect();
        clone.git(&push);
        ids
    }

    /// A governance change by a person: files to write, as (path, text).
    #[track_caller]
    pub fn govern(&self, who: &str, branch: &str, files: &[(&str, &str)]) {
        let clone = self.clone_of(who).start();
        for (path, text) in files {
            clone.write(path, text);
        }
        clone
            .commit("Change governance")
            .push(&format!("govern/{branch}"));
    }

    /// Adds an action type that a shell script carries out, through a real governance change: the first
    /// pull request of the stage.
    #[track_caller]
    pub fn add_command(&self, name: &str, script: &str) {
        let actions = format!(
            "{}\n  {name}:\n    effect: modify\n    reversibility: easy\n    executor: command\n    command: {{argv: [sh, -c, {script:?}], time_limit_seconds: 60}}\n",
            self.file("rules/actions.yaml").trim_end()
        );
        let agents = self.file("rules/agents.yaml").replace(
            "      - analyze\n",
            &format!("      - analyze\n      - {name}\n"),
        );
        let files = [
            ("rules/actions.yaml", actions.as_str()),
            ("rules/agents.yaml", agents.as_str()),
        ];
        self.govern("dana", "a-command", &files);
        let reason = "Looked at it closely, and it is as it should be.";
        self.review(1, "carol", &["--approve", "-m", reason])
            .succeeds();
        self.run();
        assert_eq!(self.file("rules/actions.yaml"), actions, "{:?}", self.log());
    }

    /// The list of all cases, the newest first, after everything that the bot said was read.
    #[track_caller]
    pub fn listed(&mut self) -> String {
        self.read_all();
        redact(&self.countersign(&["list"]).succeeds().text())
    }

    /// What the bot said next on a pull request. Every report has to be read.
    #[track_caller]
    pub fn report(&mut self, number: u64) -> String {
        let said = self.said_on(number);
        let read = self.read.entry(number).or_insert(0);
        let text = said
            .get(*read)
            .unwrap_or_else(|| {
                panic!(
                    "the bot said nothing more on #{number}; it said:\n{}",
                    said.join("\n---\n")
                )
            })
            .clone();
        *read += 1;
        text
    }

    /// Reads every report there is, for stories that are about something else.
    pub fn read_all(&mut self) {
        for number in self.numbers() {
            let count = self.said_on(number).len();
            self.read.insert(number, count);
        }
    }

    /// The number of every pull request that there ever was.
    pub fn numbers(&self) -> Vec<u64> {
        if self.git(&["for-each-ref", PULLS]).is_empty() {
            return Vec::new();
        }
        let list = ["ls-tree", "-r", "--name-only", PULLS, "open", "ended"];
        let mut numbers: Vec<u64> = self
            .git(&list)
            .lines()
            .filter_map(|path| path.rsplit('/').next()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// The events of a pull request, oldest first, as they are stored.
    pub fn events_of(&self, number: u64) -> Vec<Json> {
        let ends = format!("/{number}");
        let list = ["ls-tree", "-r", "--name-only", PULLS, "open", "ended"];
        let paths = self.git(&list);
        let path = paths.lines().find(|path| path.ends_with(&ends));
        let path = path.unwrap_or_else(|| panic!("there is no pull request #{number}"));
        let lines = self.git(&["cat-file", "blob", &format!("{PULLS}:{path}")]);
        // Some stories damage a record.
        let events = lines
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        events.collect()
    }

    /// Everything the bot said on a pull request, oldest first.
    pub fn said_on(&self, number: u64) -> Vec<String> {
        let events = self.events_of(number).into_iter();
        events
            .filter(|event| matches!(event["event"].as_str(), Some("reported" | "ended")))
            .map(|event| event["text"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The ref whose tree holds what is known of pull requests.
pub const PULLS: &str = "refs/countersign/pulls";

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Drop for TestRepo {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for number in self.numbers() {
            let said = self.said_on(number);
            let read = self.read.get(&number).copied().unwrap_or(0);
            assert!(
                said.len() <= read,
                "nobody read what the bot said on #{number}:\n{}",
                said[read..].join("\n---\n")
            );
        }
    }
}

/// A work tree of somebody.
pub struct Clone {
    pub path: PathBuf,
    pub email: String,
}

impl Clone {
    /// Begins anew from the present `main`.
    #[track_caller]
    pub fn start(self) -> Self {
        git(&self.path, &self.email, &["fetch", "-q", "origin"]);
        git(
            &self.path,
            &self.email,
            &["checkout", "-q", "-f", "--detach", "origin/main"],
        );
        self
    }
    /// Writes a file.
    #[track_caller]
    pub fn write(&self, path: &str, text: &str) -> &Self {
        let file = self.path.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        self
    }
    /// Commits everything.
    #[track_caller]
    pub fn commit(&self, message: &str) -> &Self {
        self.git(&["add", "-A", "-f"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self
    }
    /// Commits everything as somebody, committed by somebody; gives the commit.
    #[track_caller]
    pub fn commit_as(&self, author: &str, committer: &str, message: &str) -> String {
        self.git(&["add", "-A", "-f"]);
        let people = [
            ("GIT_AUTHOR_EMAIL", author),
            ("GIT_COMMITTER_EMAIL", committer),
        ];
        let arguments = [
            "commit",
            "-q",
            "--allow-empty",
            "--cleanup=verbatim",
            "-F",
            "-",
        ];
        git_with(&self.path, &self.email, &people, &arguments, message);
        self.head()
    }
    /// The commit that is checked out.
    #[track_caller]
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }
    /// Pushes what is checked out to a branch, again if `git gc` of the other side was in its way.
    #[track_caller]
    pub fn push(&self, branch: &str) -> &Self {
        let target = format!("HEAD:refs/heads/{branch}");
        for _ in 0..20 {
            let ran = self.try_git(&["push", "-q", "-f", "origin", &target]);
            if ran.status == 0 {
                return self;
            }
            // By `git gc`, or by a bot that held the ref for longer than the 0.1 s that git waits.
            let disturbed = ran.stderr.contains("unable to migrate objects")
                || ran.stderr.contains("cannot lock ref");
            assert!(disturbed, "push of {branch}:\n{}", ran.text());
        }
        panic!("push of {branch} was disturbed again and again");
    }
    /// Git in this work tree.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.path, &self.email, arguments)
    }
    /// Git in this work tree, however it ends.
    pub fn try_git(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("git");
        command.current_dir(&self.path).args(arguments);
        clean(&mut command, &self.email);
        Ran::of(&command.output().unwrap())
    }
}

/// Runs git in the name of somebody.
#[track_caller]
pub fn git(folder: &Path, email: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments);
    clean(&mut command, email);
    let ran = Ran::of(
        &command
            .output()
            .expect("git is needed for the tests: install it"),
    );
    assert_eq!(
        ran.status, 0,
        "git {arguments:?}:\n{}{}",
        ran.stdout, ran.stderr
    );
    ran.stdout
}

/// Runs git in the name of somebody, with more of an environment and something to read.
#[track_caller]
pub fn git_with(
    folder: &Path,
    email: &str,
    environment: &[(&str, &str)],
    arguments: &[&str],
    input: &str,
) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments);
    clean(&mut command, email);
    let pipe = Stdio::piped;
    command
        .envs(environment.iter().copied())
        .stdin(pipe())
        .stdout(pipe())
        .stderr(pipe());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(
        ran.status, 0,
        "git {arguments:?}:\n{}{}",
        ran.stdout, ran.stderr
    );
    ran.stdout
}

/// Takes the user's own git settings out of the picture.
pub fn clean(command: &mut Command, email: &str) {
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_"))
    {
        command.env_remove(name);
    }
    let name = email.split('@').next().unwrap_or(email);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    for (key, value) in [
        ("GIT_AUTHOR_NAME", name),
        ("GIT_COMMITTER_NAME", name),
        ("GIT_AUTHOR_EMAIL", email),
        ("GIT_COMMITTER_EMAIL", email),
    ] {
        command.env(key, value);
    }
}
