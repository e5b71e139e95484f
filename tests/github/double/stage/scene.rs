//! The repository, and what is to be seen in it.

use std::path::Path;

use serde_json::Value;

use countersign::forge::github::CHECK_NAME;

use super::super::git_room;
use super::super::world::{CheckRun, Comment, Pull};
use super::{GithubStage, REPO};

impl GithubStage {
    /// The files of the first commit, or of one more; nobody is told.
    pub fn starts_with(&self, files: &[(&str, &str)]) {
        self.world(|world| {
            let path = world.repo_path(REPO);
            git_room::commit_files(&path, "main", ("dana", "dana@example.org"), "Start", files);
            world.repos.get_mut(REPO).unwrap().branches = git_room::branches(&path);
        });
    }
    /// Takes `main` from another repository; nobody is told.
    pub fn starts_as(&self, other: &Path) {
        self.world(|world| {
            let path = world.repo_path(REPO);
            git_room::copy(other, &path, "+refs/heads/main:refs/heads/main");
            world.repos.get_mut(REPO).unwrap().branches = git_room::branches(&path);
        });
    }
    /// Only these may move the branch.
    pub fn protects(&self, branch: &str, who: &[&str]) {
        self.world(|world| {
            let path = world.repo_path(REPO);
            let protected = &mut world.repos.get_mut(REPO).unwrap().protected;
            protected.insert(
                branch.to_owned(),
                who.iter().map(|login| (*login).to_owned()).collect(),
            );
            git_room::protect(&path, protected);
        });
    }
    /// Only the App may move `main`, as the product asks to be set up.
    pub fn protects_main(&self) {
        self.protects("main", &["countersign[bot]"]);
    }
    /// A fork of somebody; gives its full name.
    pub fn fork(&self, parent: &str, owner: &str) -> String {
        let name = parent.split('/').nth(1).unwrap();
        let full = format!("{owner}/{name}");
        self.world(|world| {
            if !world.repos.contains_key(&full) {
                world.add_repo(owner, name, Some(parent));
            }
        });
        full
    }
    /// Deletes a fork: its pull requests stay, without a head repository.
    pub fn deletes_fork(&self, full: &str) {
        self.world(|world| {
            world.repos.remove(full);
            std::fs::remove_dir_all(world.repo_path(full)).unwrap();
            let pulls = world
                .repos
                .values_mut()
                .flat_map(|repo| repo.pulls.values_mut());
            for pull in pulls.filter(|pull| pull.head_repo.as_deref() == Some(full)) {
                pull.head_repo = None;
            }
        });
    }
    pub fn git(&self, arguments: &[&str]) -> String {
        git_room::git(&self.repository(), arguments)
    }
    /// The subjects of `main`, oldest first.
    pub fn log(&self) -> Vec<String> {
        let said = self.git(&["log", "--first-parent", "--reverse", "--format=%s", "main"]);
        said.lines().map(str::to_owned).collect()
    }
    /// A file on `main`.
    pub fn file(&self, path: &str) -> String {
        self.git(&["show", &format!("main:{path}")])
    }
    pub fn tip(&self) -> String {
        self.git(&["rev-parse", "main"]).trim().to_owned()
    }
}

impl GithubStage {
    #[track_caller]
    pub fn pull(&self, number: u64) -> Pull {
        self.world(|world| world.repos[REPO].pulls[&number].clone())
    }
    pub fn labels(&self, number: u64) -> Vec<String> {
        self.pull(number).labels
    }
    pub fn all_comments(&self, number: u64) -> Vec<Comment> {
        self.pull(number).comments
    }
    /// The last check run of a pull request's head, leaving out those of jobs and of other Apps.
    pub fn find_check_run(&self, number: u64) -> Option<CheckRun> {
        self.world(|world| {
            let repo = &world.repos[REPO];
            let head = &repo.pulls[&number].head_sha;
            repo.checks
                .iter()
                .rev()
                .find(|run| run.head_sha == *head && !run.is_job && run.name == CHECK_NAME)
                .cloned()
        })
    }
    #[track_caller]
    pub fn check_run(&self, number: u64) -> CheckRun {
        self.find_check_run(number)
            .unwrap_or_else(|| panic!("#{number} has no check"))
    }
    pub fn dispatches(&self) -> Vec<Value> {
        self.world(|world| world.dispatches.clone())
    }
    /// What the bot said next on a pull request; an edit says something as well.
    #[track_caller]
    pub fn read_comment(&self, number: u64) -> String {
        let said = self.said_on(REPO, number);
        let key = (REPO.to_owned(), number);
        let done = self.read.lock().unwrap().get(&key).copied().unwrap_or(0);
        let text = said.get(done).unwrap_or_else(|| {
            panic!(
                "the bot said nothing more on #{number}; it said:\n{}",
                said.join("\n---\n")
            )
        });
        self.read.lock().unwrap().insert(key, done + 1);
        text.clone()
    }
    /// Reads everything there is, for stories that are about something else.
    pub fn read_all(&self) {
        let mut read = self.read.lock().unwrap();
        read.clear();
        for (repo, number, _) in self.world(|world| world.said.clone()) {
            *read.entry((repo, number)).or_insert(0) += 1;
        }
    }
    fn said_on(&self, repo: &str, number: u64) -> Vec<String> {
        self.world(|world| {
            let said = world
                .said
                .iter()
                .filter(|said| said.0 == repo && said.1 == number);
            said.map(|said| said.2.clone()).collect()
        })
    }
}
