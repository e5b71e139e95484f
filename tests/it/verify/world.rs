//! A small world with a real trail: the shipped rules, three targets, agents that propose, people that
//! review, the bot on a clock that stands still between steps; and a forger who knows git well.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use countersign::bot::{Bot, Clock, Summary};
use countersign::domain::documents::Decision;
use countersign::domain::ids::{CaseId, PullNumber, Sha};
use countersign::domain::mode::Mode as Deployment;
use countersign::domain::review::Opinion;
use countersign::forge::local::LocalForge;
use countersign::forge::{Forge, NewReview};
use countersign::git::{
    Durability, Expect, Mode, NewCommit, ObjectBuffer, RefEdit, Repository, Signature, SigningKey,
    TreeEditor,
};
use countersign::ledger::verify::{Checkpoint, Verification, verify};
use countersign::ledger::{Draft, MAIN};

use crate::support::{COUNTERSIGN, clean};

/// A governance repository and everybody around it.
pub struct World {
    folder: tempfile::TempDir,
    pub repo: Repository,
    now: Arc<Mutex<DateTime<Utc>>>,
    next: u64,
    /// The private key that the bot signs with.
    pub key: Option<PathBuf>,
}

const TARGETS: [(&str, &str); 3] = [
    ("rsi-eurusd", "live"),
    ("rsi-eurusd-paper", "paper"),
    ("rsi-eurusd-draft", "inactive"),
];

fn target(environment: &str) -> String {
    format!(
        "schema: countersign/target/v1\nenvironment: {environment} # where it runs\nparameters:\n  stop_loss_pct: 3.0\n  stop_loss_enabled: true\n  trading_mode: {environment}\n"
    )
}

/// The rules as they are shipped.
pub fn shipped_rules() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    files
        .map(|path| {
            (
                format!("rules/{}", path.file_name().unwrap().to_str().unwrap()),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

impl World {
    /// A fresh trail with the shipped rules, some of them replaced; what is not shipped has nothing to replace.
    pub fn new(replaced: &[(&str, &str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(&folder.path().join("governance.git")).unwrap();
        let now: DateTime<Utc> = "2026-11-02T08:00:00Z".parse().unwrap();
        let mut files = shipped_rules();
        for (path, from, to) in replaced {
            let text = files.entry((*path).to_owned()).or_default();
            assert!(text.contains(from), "{path} has no `{from}`");
            *text = text.replacen(from, to, 1);
        }
        for (name, environment) in TARGETS {
            files.insert(format!("targets/{name}.yaml"), target(environment));
        }
        let files: Vec<(String, Vec<u8>)> = files
            .into_iter()
            .map(|(path, text)| (path, text.into_bytes()))
            .collect();
        let mut draft = Draft::on(&repo, None).unwrap();
        let mode = if replaced.iter().any(|(.., to)| *to == "mode: auto_approve") {
            Deployment::AutoApprove
        } else {
            Deployment::TwoTier
        };
        let tip = draft.genesis(&files, mode, now).unwrap();
        drop(draft.into_buffer().flush(&repo).unwrap());
        point(&repo, MAIN, tip);
        Self {
            folder,
            repo,
            now: Arc::new(Mutex::new(now)),
            next: 1,
            key: None,
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }
    pub fn wait(&self, time: TimeDelta) {
        *self.now.lock().unwrap() += time;
    }
    pub fn path(&self) -> PathBuf {
        self.repo.path().to_owned()
    }
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The bot, as one process of it.
    pub fn bot(&self) -> Bot {
        let now = Arc::clone(&self.now);
        let clock: Clock = Box::new(move || *now.lock().unwrap());
        Bot::new(
            Repository::open(&self.path()).unwrap(),
            Box::new(LocalForge::new()),
            clock,
        )
        .containing_by(COUNTERSIGN.into())
        .signed_by(
            self.key
                .as_deref()
                .map(|key| SigningKey::read(key).unwrap()),
        )
    }

    /// A fresh key in the folder of the world: the path of its private half, and its public line.
    pub fn new_key(&self, name: &str) -> (PathBuf, String) {
        let path = self.folder().join(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(&path)
            .status();
        assert!(
            made.expect("ssh-keygen is needed for the tests: install openssh-client")
                .success()
        );
        let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        (path, public.trim_end().to_owned())
    }
    /// One run of the bot.
    pub fn run(&self) -> Summary {
        self.bot().run(&mut |_, _| {}).unwrap()
    }

    /// A branch that adds or replaces files on top of `main`.
    pub fn branch(&self, name: &str, email: &str, files: &[(&str, &str)], message: &str) -> Sha {
        let tip = self.repo.find_ref(MAIN).unwrap().unwrap();
        let mut tree = TreeEditor::new(Some(self.repo.read_commit(tip).unwrap().tree));
        let mut buffer = ObjectBuffer::new();
        for (path, text) in files {
            let blob = buffer.put_blob(text.as_bytes());
            tree.insert(self.repo.with(&buffer), path, Mode::File, blob)
                .unwrap();
        }
        let who = Signature {
            name: email.split('@').next().unwrap().to_owned(),
            email: email.to_owned(),
            time: self.now(),
        };
        let tree = tree.write(&mut buffer);
        let commit = NewCommit {
            tree,
            parents: vec![tip],
            author: who.clone(),
            committer: who,
            message: message.to_owned(),
            signature: None,
        };
        let id = buffer.put_commit(&commit);
        drop(buffer.flush(&self.repo).unwrap());
        point(&self.repo, &format!("refs/heads/{name}"), id);
        id
    }

    /// An agent proposes; `body` is everything from `action` on.
    pub fn propose(&mut self, agent: &str, body: &str) -> CaseId {
        let id = CaseId::from_parts(self.now(), u128::from(self.next));
        self.next += 1;
        let path = format!("recommendations/{}/recommendation.yaml", id.folder());
        let at = self.now().format("%Y-%m-%dT%H:%M:%SZ");
        let text = format!(
            "schema: countersign/recommendation/v1\nid: {id}\nagent: {agent}\nsession: story-1\ncreated_at: {at}\n{body}\n"
        );
        self.branch(
            &format!("recommend/{id}"),
            &format!("{agent}@agents.example.org"),
            &[(&path, &text)],
            "Propose",
        );
        id
    }

    /// Somebody speaks on a pull request.
    pub fn review(&self, number: u64, by: &str, opinion: Opinion, body: &str) {
        let review = NewReview {
            number: PullNumber(number),
            by: by.parse().unwrap(),
            opinion,
            head: None,
            body: body.to_owned(),
            at: self.now(),
        };
        LocalForge::new().review(&self.repo, review).unwrap();
    }

    /// The first-parent line, oldest first.
    pub fn line(&self) -> Vec<Sha> {
        let tip = self.repo.find_ref(MAIN).unwrap().unwrap();
        let mut ids: Vec<Sha> = self
            .repo
            .first_parents(tip)
            .map(|commit| commit.unwrap().id)
            .collect();
        ids.reverse();
        ids
    }
    pub fn subjects(&self) -> Vec<String> {
        let commits = self
            .line()
            .into_iter()
            .map(|id| self.repo.read_commit(id).unwrap());
        commits
            .map(|commit| commit.message.lines().next().unwrap().to_owned())
            .collect()
    }
    /// Where on the line the newest commit with this in its subject is.
    pub fn place(&self, subject: &str) -> usize {
        let subjects = self.subjects();
        subjects
            .iter()
            .rposition(|line| line.contains(subject))
            .unwrap_or_else(|| panic!("no `{subject}` in {subjects:#?}"))
    }

    pub fn verify(&self) -> Verification {
        verify(&self.repo, None, &mut |_, _| {}).unwrap()
    }
    pub fn verify_since(&self, seen: &Checkpoint) -> Verification {
        verify(&self.repo, Some(seen), &mut |_, _| {}).unwrap()
    }

    /// Git on the bare repository, with an index of its own.
    pub fn git(&self, environment: &[(&str, &str)], input: &str, arguments: &[&str]) -> String {
        use std::io::Write as _;
        let mut command = Command::new("git");
        command.current_dir(self.path()).args(arguments);
        clean(&mut command, "mallory@example.org");
        command
            .env("GIT_INDEX_FILE", self.folder().join("forged-index"))
            .envs(environment.iter().copied());
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let mut child = command
            .spawn()
            .expect("git is needed for the tests: install it");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// Rewrites the trail from one commit on, as a careful forger would: what is changed in one tree stays
    /// changed in all that follow, and later decisions name the rewritten commits as those they stand on.
    /// Gives the new line.
    pub fn forge(&self, place: usize, forgery: &Forgery) -> Vec<Sha> {
        let line = self.line();
        let mut forged: Vec<Sha> = line[..place].to_vec();
        let mut files = forgery.files.clone();
        let mut renamed: Vec<(String, String)> = Vec::new();
        for (at, id) in line.iter().enumerate().skip(place) {
            let commit = self.repo.read_commit(*id).unwrap();
            let first = at == place;
            if first && forgery.drop {
                renamed.push((id.to_string(), forged.last().unwrap().to_string()));
                continue;
            }
            if !first {
                let before = self.repo.read_commit(line[at - 1]).unwrap().tree;
                files.extend(self.mended(before, commit.tree, &renamed));
            }
            let tree = self.forged_tree(commit.tree, &files);
            let mut parents: Vec<Sha> = forged
                .last()
                .copied()
                .into_iter()
                .chain(commit.parents.iter().skip(1).copied())
                .collect();
            if let (true, Some(merged)) = (first, &forgery.merges) {
                parents.truncate(1);
                parents.extend(merged);
            }
            let message = match &forgery.message {
                Some((from, to)) if first => commit.message.replace(from, to),
                _ => commit.message.clone(),
            };
            let later = if first {
                forgery.later
            } else {
                TimeDelta::zero()
            };
            let who = if first { forgery.who } else { None };
            let new =
                self.commit_tree(&tree, &parents, (&message, &commit.committer), (later, who));
            renamed.push((id.to_string(), new.to_string()));
            forged.push(new);
        }
        point(&self.repo, MAIN, *forged.last().unwrap());
        forged
    }

    /// The records between two trees that name commits, with the rewritten ones in place of the old ones.
    fn mended(&self, before: Sha, after: Sha, renamed: &[(String, String)]) -> Vec<(String, Edit)> {
        let changes = self
            .repo
            .diff_trees(Some(before), Some(after), 100)
            .unwrap();
        let records = changes
            .iter()
            .map(|change| String::from_utf8(change.path.clone()).unwrap())
            .filter(|path| path.ends_with("/decision.yaml") || path.ends_with("/rescored.yaml"));
        let mended = records.map(|path| {
            let mut text =
                String::from_utf8(self.repo.read_path(after, &path).unwrap().unwrap().to_vec())
                    .unwrap();
            for (from, to) in renamed {
                text = text.replace(from, to);
            }
            (path, Edit::Put(text))
        });
        mended.collect()
    }

    /// One more commit at the tip.
    pub fn append(&self, message: &str, files: &[(String, Edit)], who: Option<&str>) -> Sha {
        let tip = *self.line().last().unwrap();
        let commit = self.repo.read_commit(tip).unwrap();
        let tree = self.forged_tree(commit.tree, files);
        let new = self.commit_tree(
            &tree,
            &[tip],
            (message, &commit.committer),
            (TimeDelta::zero(), who),
        );
        point(&self.repo, MAIN, new);
        new
    }

    /// The folder of the case that the commit at a place is about.
    pub fn case_folder(&self, place: usize) -> String {
        let id = self.trailer(place, "Recommendation").unwrap();
        format!("recommendations/{}", id.folder())
    }
    /// The decision that the commit at a place records, of a recommendation or a change of governance.
    pub fn decision(&self, place: usize) -> String {
        self.trailer(place, "Governance").map_or_else(
            || format!("{}/decision.yaml", self.case_folder(place)),
            Decision::governance_path_of,
        )
    }
    fn trailer(&self, place: usize, name: &str) -> Option<CaseId> {
        let message = self.repo.read_commit(self.line()[place]).unwrap().message;
        let value = message
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        Some(value.parse().unwrap())
    }

    /// A commit made by git itself.
    pub fn commit_tree(
        &self,
        tree: &str,
        parents: &[Sha],
        (message, like): (&str, &Signature),
        (later, who): (TimeDelta, Option<&str>),
    ) -> Sha {
        let date = format!("{} +0000", (like.time + later).timestamp());
        let email = who.unwrap_or(&like.email);
        let environment = [
            ("GIT_AUTHOR_NAME", like.name.as_str()),
            ("GIT_COMMITTER_NAME", like.name.as_str()),
            ("GIT_AUTHOR_EMAIL", email),
            ("GIT_COMMITTER_EMAIL", email),
            ("GIT_AUTHOR_DATE", &date),
            ("GIT_COMMITTER_DATE", &date),
        ];
        let parents: Vec<String> = parents.iter().map(Sha::to_string).collect();
        let mut arguments = vec!["commit-tree", tree];
        for parent in &parents {
            arguments.extend(["-p", parent]);
        }
        self.git(&environment, message, &arguments).parse().unwrap()
    }

    /// A tree with some files replaced, added or removed.
    pub fn forged_tree(&self, tree: Sha, files: &[(String, Edit)]) -> String {
        if files.is_empty() {
            return tree.to_string();
        }
        let mut texts: BTreeMap<&str, Option<String>> = BTreeMap::new();
        let mut executable = Vec::new();
        for (path, edit) in files {
            let stored = self
                .repo
                .read_path(tree, path)
                .unwrap()
                .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
            let present = texts.remove(path.as_str()).unwrap_or(stored);
            let text = match (edit, present) {
                (Edit::Replace(from, to), Some(text)) => {
                    assert!(text.contains(from), "{path} has no `{from}`:\n{text}");
                    Some(text.replace(from, to))
                }
                (Edit::Put(text), _) => Some(text.clone()),
                (Edit::Run, present) => {
                    executable.push(path.as_str());
                    present
                }
                (Edit::Remove, _) | (Edit::Replace(..), None) => None,
            };
            texts.insert(path, text);
        }
        self.git(&[], "", &["read-tree", &tree.to_string()]);
        for (path, text) in texts {
            let entry = match text {
                Some(text) => format!(
                    "{} {}\t{path}\n",
                    if executable.contains(&path) {
                        "100755"
                    } else {
                        "100644"
                    },
                    self.git(&[], &text, &["hash-object", "-w", "--stdin"])
                ),
                None => format!("0 {}\t{path}\n", "0".repeat(40)),
            };
            self.git(&[], &entry, &["update-index", "--index-info"]);
        }
        self.git(&[], "", &["write-tree"])
    }
}

/// What the forger does to one commit.
#[derive(Default)]
pub struct Forgery {
    /// To its tree, and to all that follow.
    pub files: Vec<(String, Edit)>,
    /// In its message: this becomes that.
    pub message: Option<(String, String)>,
    /// What it merges instead.
    pub merges: Option<Vec<Sha>>,
    /// How much later it is dated.
    pub later: TimeDelta,
    /// By whom it seems to be.
    pub who: Option<&'static str>,
    /// It is left out, with its changes kept in what follows.
    pub drop: bool,
}

/// What is done to one file.
#[derive(Clone)]
pub enum Edit {
    Replace(String, String),
    Put(String),
    /// Made executable.
    Run,
    Remove,
}

/// Replaces a text in a file.
pub fn replace(path: impl Into<String>, from: &str, to: &str) -> (String, Edit) {
    (path.into(), Edit::Replace(from.to_owned(), to.to_owned()))
}

/// Moves a ref, whatever it was.
pub fn point(repo: &Repository, name: &str, to: Sha) {
    repo.update_refs(
        &[RefEdit {
            name: name.to_owned(),
            expected: Expect::Any,
            new: Some(to),
        }],
        Durability::Fast,
    )
    .unwrap();
}
