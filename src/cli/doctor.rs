//! `countersign doctor`: whether everything is there that a set-up needs, and what to do about what is not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::failure;
use super::init::{Hook, find_hook};
use super::options::{Options, rules_on_main};
use super::place::Place;
use super::test::Tested;
use super::{CommandOutcome, Result, output};
use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::documents::{Freeze, Role};
use crate::domain::ids::Sha;
use crate::domain::page::counted;
use crate::execute;
use crate::forge::Forge as _;
use crate::git::{self, Repository};
use crate::ledger::{MAIN, rule_files};
use crate::rules::Rules;
use crate::rules::executor::Executor;
use crate::rules::people::Person;

/// Look at everything that a set-up needs, and say what to do about what is missing
///
/// Looks at git, the repository and its hook, the clock, the rules and their policy tests, who may decide, the signing
/// key, the executors, the state folder and, on GitHub, whether it can be asked. Changes nothing. Give it the options
/// and the environment that the bot runs with. Exit status 3 if something keeps the bot from its work.
#[derive(Debug, clap::Args)]
pub struct Doctor {}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Ok,
    /// It works, but not as it seems to.
    Warning,
    /// It keeps the bot from its work.
    Problem,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    area: &'static str,
    health: Health,
    what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct Examination {
    problems: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

impl Doctor {
    pub fn run(&self, options: &Options) -> Result {
        let mut examination = Examination::default();
        examination.everything(options);
        if options.is_json() {
            output::json(&examination)?;
        } else {
            output::text(&examination.in_words())?;
        }
        Ok(match examination.problems {
            0 => CommandOutcome::Done,
            _ => CommandOutcome::No,
        })
    }
}

impl Examination {
    fn ok(&mut self, area: &'static str, what: impl Into<String>) {
        self.say(area, Health::Ok, what, None);
    }

    fn warn(&mut self, area: &'static str, what: impl Into<String>, next: impl Into<String>) {
        self.say(area, Health::Warning, what, Some(next.into()));
    }

    fn problem(&mut self, area: &'static str, what: impl Into<String>, next: impl Into<String>) {
        self.say(area, Health::Problem, what, Some(next.into()));
    }

    /// What a command would have failed with.
    fn fail(&mut self, area: &'static str, error: &anyhow::Error) {
        let (what, next) = failure::in_parts(error);
        self.say(area, Health::Problem, what, next);
    }

    fn say(
        &mut self,
        area: &'static str,
        health: Health,
        what: impl Into<String>,
        next: Option<String>,
    ) {
        self.problems += usize::from(health == Health::Problem);
        self.warnings += usize::from(health == Health::Warning);
        self.findings.push(Finding {
            area,
            health,
            what: what.into(),
            next,
        });
    }

    fn everything(&mut self, options: &Options) {
        self.git();
        self.state(options);
        let place = match options.place() {
            Ok(place) => place,
            Err(error) => return self.fail("repository", &error),
        };
        // On GitHub this asks it, and fetches.
        let repo = match options.open_forge() {
            Ok(repo) => repo,
            Err(error) => return self.fail("repository", &error),
        };
        self.repository(place, &repo, options);
        match rules_on_main(&repo) {
            Ok(version) => {
                self.rules(&repo, version.tree);
                self.people(place, &version.rules);
                self.signing(options, &version.rules);
                self.executors(place, &version.rules);
                self.teams(place, &version.rules);
            }
            Err(error) => self.fail("rules", &error),
        }
    }

    fn git(&mut self) {
        match git::program_version() {
            Ok(version) => self.ok("git", version),
            Err(error) => self.problem(
                "git",
                error.to_string(),
                "install git, and see that it is on the PATH of whoever starts the bot",
            ),
        }
    }

    fn state(&mut self, options: &Options) {
        let folder = match options.identity.state_folder() {
            Ok(folder) => folder,
            Err(error) => return self.fail("state folder", &error),
        };
        let shown = folder.display();
        let existing = folder.ancestors().find(|path| path.exists());
        match existing.map(tempfile_in) {
            Some(Ok(())) => self.ok("state folder", shown.to_string()),
            Some(Err(error)) => self.problem(
                "state folder",
                format!(
                    "nothing can be written in `{shown}`: {}",
                    failure::plain(&error)
                ),
                "give the bot's user the folder, or name another with `--state FOLDER`",
            ),
            None => self.problem(
                "state folder",
                format!("there is no place for `{shown}`"),
                "name another with `--state FOLDER`",
            ),
        }
    }

    fn repository(&mut self, place: &Place, repo: &Repository, options: &Options) {
        let tip = match repo.find_ref(MAIN) {
            Ok(Some(tip)) => tip,
            // Opening it has found it.
            Ok(None) => return,
            Err(error) => return self.fail("repository", &error.into()),
        };
        self.ok(
            "repository",
            format!("{}, `main` at {}", place.name(), tip.short()),
        );
        if let Place::Local(_) = place {
            match find_hook(repo) {
                Ok(Hook::Present) => self.ok("hook", "plain pushes do not reach `main`"),
                Ok(Hook::SomebodyElses) => self.warn(
                    "hook",
                    "the hook `update` is somebody else's: it has to keep plain pushes off `main` and the bot's refs",
                    "compare it with the one that `countersign init` makes in a new folder",
                ),
                Ok(Hook::Missing | Hook::Older) => self.problem(
                    "hook",
                    "there is no hook `update` of this version: anybody who can push can push to `main`",
                    "the next `countersign run` puts it back",
                ),
                Err(error) => self.fail("hook", &error),
            }
        }
        let commit = match repo.read_commit(tip) {
            Ok(commit) => commit,
            Err(error) => return self.fail("clock", &error.into()),
        };
        let ahead = commit.committer.time - options.now();
        match ahead > CLOCK_TOLERANCE {
            true => self.problem(
                "clock",
                format!(
                    "`main` was written {} minutes after this machine's time",
                    ahead.num_minutes()
                ),
                "set this clock, or find out whose clock was ahead: the bot waits until then",
            ),
            false => self.ok("clock", "not behind `main`"),
        }
        if let Ok(Some(_)) = repo.entry_at(commit.tree, Freeze::PATH) {
            self.warn(
                "freeze",
                "everything is frozen: nothing is merged or executed",
                "an admin lifts it with `countersign unfreeze --as LOGIN`",
            );
        }
    }

    fn rules(&mut self, repo: &Repository, tree: Sha) {
        let tested = match rule_files(repo.objects(), tree) {
            Ok(files) => Tested::of(&files),
            Err(error) => return self.fail("rules", &error.into()),
        };
        match (tested.errors.first(), tested.failed.first()) {
            (Some(error), _) => self.problem("rules", error.to_string(), "mend them on `main`"),
            (None, Some(failed)) => self.problem(
                "rules",
                format!(
                    "{} of {} policy tests fail, such as `{}` in {}",
                    tested.failed.len(),
                    tested.tests,
                    failed.name,
                    failed.file
                ),
                "`countersign test` says what differs",
            ),
            (None, None) => self.ok(
                "rules",
                format!("they can be read, and {} policy tests pass", tested.tests),
            ),
        }
        for warning in &tested.warnings {
            self.warn("rules", warning.to_string(), "`countersign test` says more");
        }
    }

    /// Whether somebody can decide what each agent proposes.
    fn people(&mut self, place: &Place, rules: &Rules) {
        let is_github = place.forge_kind().is_github();
        let has_id = |person: &&Person| !is_github || person.id.is_some();
        let admins = rules.people.with_role(Role::Admin);
        let admins: Vec<&Person> = admins.filter(has_id).collect();
        let has_teams = !rules.people.teams().is_empty();
        for (name, agent) in &rules.agents {
            let mut others = admins.iter();
            if !has_teams && !others.any(|admin| admin.name != agent.owner) {
                self.warn(
                    "people",
                    format!(
                        "nobody can approve what is HIGH of `{name}`: whoever owns an agent does not decide on it, and there is no other admin"
                    ),
                    "list another admin in `rules/people.yaml`, or another owner in `rules/agents.yaml`",
                );
            }
        }
        let reviewers = rules.people.with_role(Role::Reviewer).count();
        self.ok(
            "people",
            format!(
                "{reviewers} may approve, {} of them as admins",
                admins.len()
            ),
        );
    }

    fn signing(&mut self, options: &Options, rules: &Rules) {
        let key = match options.read_signing_key() {
            Ok(key) => key,
            Err(error) => {
                let next =
                    "name the private key with `--signing-key FILE` or COUNTERSIGN_SIGNING_KEY";
                return self.problem("signing", error.to_string(), next);
            }
        };
        let public = match key.map(|key| key.public()).transpose() {
            Ok(public) => public,
            Err(error) => return self.fail("signing", &error.into()),
        };
        let start = "start the bot with its key (`--signing-key FILE`)";
        match (&rules.governance.signing, public) {
            (None, None) => self.warn(
                "signing",
                "the bot's commits are not signed: whoever can write `main` can write in its name",
                "make a key with `ssh-keygen -t ed25519`, start the bot with it, and list it under `signing.keys` in `rules/governance.yaml`",
            ),
            (None, Some(key)) => self.warn(
                "signing",
                format!("the rules ask for no signature, so nobody misses that of {key}"),
                "list it under `signing.keys` in `rules/governance.yaml`",
            ),
            (Some(_), None) => self.problem("signing", "the rules ask for a signature, and there is no key", start),
            (Some(signing), Some(key)) if !signing.lists(&key) => self.problem(
                "signing",
                format!("the rules do not list the key {key}"),
                "start the bot with one that they list, or have an admin list this one",
            ),
            (Some(signing), Some(key)) => {
                let draws = signing.drawing_key().is_some_and(|one| one.as_str() == key.as_str());
                self.ok("signing", format!("with {key}"));
                if !rules.grants.is_empty() && !draws {
                    self.warn(
                        "signing",
                        "another key draws the sample of grants, so nothing passes by a grant",
                        "start the bot with the first Ed25519 key under `signing.keys`",
                    );
                }
            }
        }
    }

    fn executors(&mut self, place: &Place, rules: &Rules) {
        let mut found = 0;
        for (name, action) in rules.actions.iter() {
            match &action.executor {
                Executor::Command(command) if find_program(&command.program).is_none() => self
                    .problem(
                        "executors",
                        format!(
                            "there is no program `{}`, which carries out `{name}`",
                            command.program
                        ),
                        "install it on the machine of the bot, and see that it is on its PATH",
                    ),
                Executor::Http(hook) => match execute::http::read_secret(hook) {
                    Ok(_) => found += 1,
                    Err(missing) => self.problem(
                        "executors",
                        format!("`{name}` is not carried out: {missing}"),
                        "set the variable where the bot is started",
                    ),
                },
                Executor::Dispatch(_) if !place.forge_kind().is_github() => self.problem(
                    "executors",
                    format!(
                        "`{name}` starts a workflow on GitHub, and this repository is not there"
                    ),
                    "give it another executor in `rules/actions.yaml`",
                ),
                Executor::None
                | Executor::Apply
                | Executor::Command(_)
                | Executor::Dispatch(_)
                | Executor::External => found += 1,
            }
        }
        if found == rules.actions.len() {
            self.ok("executors", format!("those of {found} actions are there"));
        }
    }

    fn teams(&mut self, place: &Place, rules: &Rules) {
        let Place::Github(forge) = place else { return };
        self.ok("github", format!("{} answers", forge.repository()));
        let mut forge = forge.clone();
        for team in rules.people.teams() {
            match forge.team_members(team) {
                Ok(members) if members.is_empty() => self.warn(
                    "teams",
                    format!("nobody is in the team {team}"),
                    "add somebody there, or take it out of `rules/people.yaml`",
                ),
                Ok(members) => self.ok("teams", format!("{team}: {} members", members.len())),
                Err(error) => self.problem(
                    "teams",
                    format!("cannot ask who is in {team}: {error}"),
                    "give the App `members: read`, or list people in `rules/people.yaml`",
                ),
            }
        }
    }

    fn in_words(&self) -> String {
        let mut text = String::new();
        for Finding {
            area,
            health,
            what,
            next,
        } in &self.findings
        {
            let word = match health {
                Health::Ok => "ok",
                Health::Warning => "warning",
                Health::Problem => "problem",
            };
            text.push_str(&format!("{word:<8} {area}: {what}\n"));
            if let Some(next) = next {
                text.push_str(&format!("         {next}\n"));
            }
        }
        text.push_str(&match (self.problems, self.warnings) {
            (0, 0) => "\neverything is there\n".to_owned(),
            (problems, warnings) => format!(
                "\n{}, {}\n",
                counted(problems, "problem"),
                counted(warnings, "warning")
            ),
        });
        text
    }
}

/// Whether something can be written in a folder.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".countersign-doctor-{}", std::process::id()));
    std::fs::write(&path, "")?;
    std::fs::remove_file(path)
}

/// A program by its path, or on PATH.
fn find_program(name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        let found = std::fs::metadata(path);
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(name.into()).filter(is_program);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(is_program)
}
