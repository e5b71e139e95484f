//! What `init` writes for GitHub Actions, and the action that it pins: read as GitHub reads them, and their scripts
//! run.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::support::{Ran, TestRepo, has};
use countersign::forge::github::CHECK_NAME;
use serde_yaml::Value as Yaml;

const PINNED: &str = "acme/countersign@0123456789abcdef0123456789abcdef01234567";
const NAMES: [&str; 3] = ["countersign", "countersign-review", "countersign-report"];

fn made(options: &[&str]) -> (tempfile::TempDir, Vec<(String, Yaml)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.git");
    let mut command = Command::new(crate::support::binary());
    command.args(["init", path.to_str().unwrap(), "--example"]);
    crate::support::clean(command.args(options), "nobody@example.org");
    Ran::of(&command.output().unwrap()).succeeds();
    let workflows = NAMES.iter().map(|name| {
        let name = format!(".github/workflows/{name}.yml");
        let text = crate::support::git(&path, "a@example.org", &["show", &format!("main:{name}")]);
        (name, serde_yaml::from_str(&text).unwrap())
    });
    let workflows = workflows.collect();
    (folder, workflows)
}

fn jobs(workflow: &Yaml) -> Vec<&Yaml> {
    workflow["jobs"].as_mapping().unwrap().values().collect()
}

fn steps(holder: &Yaml) -> Vec<&Yaml> {
    holder["steps"].as_sequence().unwrap().iter().collect()
}

fn words(value: &Yaml) -> BTreeSet<String> {
    let all = value.as_mapping().unwrap();
    all.iter()
        .map(|(key, value)| format!("{}: {}", key.as_str().unwrap(), value.as_str().unwrap()))
        .collect()
}

fn own_action() -> Yaml {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/actions/countersign/action.yml");
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn everything_is_pinned_and_nothing_of_a_proposal_is_checked_out_or_run() {
    let (_folder, workflows) = made(&["--action", PINNED]);
    let mut scopes: Vec<(String, Yaml)> = Vec::new();
    for (name, workflow) in &workflows {
        // What a job does not ask for, it does not get.
        assert!(
            workflow["permissions"].as_mapping().unwrap().is_empty(),
            "{name}"
        );
        for job in jobs(workflow) {
            assert!(job["timeout-minutes"].as_u64().is_some(), "{name}");
            scopes.push((name.clone(), job.clone()));
        }
    }
    scopes.push(("action.yml".to_owned(), own_action()["runs"].clone()));
    let mut used = 0;
    for (name, scope) in &scopes {
        for step in steps(scope) {
            if let Some(uses) = step["uses"].as_str() {
                let (what, commit) = uses.split_once('@').unwrap();
                assert!(
                    commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()),
                    "{name}: {uses}"
                );
                assert!(!what.contains("checkout"), "{name}: {uses}");
                used += 1;
            }
            // An expression inside a script is how a title or a branch name becomes a program.
            let script = step["run"].as_str().unwrap_or_default();
            assert!(!script.contains("${{"), "{name}: {script}");
        }
    }
    assert!(used >= 5, "only {used} were looked at");
}

#[test]
fn the_workflow_hears_every_event_as_main_and_asks_for_little() {
    let (_folder, workflows) = made(&["--action", PINNED]);
    let (_, run) = &workflows[0];
    let events: BTreeSet<&str> = run["on"]
        .as_mapping()
        .unwrap()
        .keys()
        .map(|key| key.as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        BTreeSet::from([
            "issue_comment",
            "pull_request_target",
            "schedule",
            "workflow_dispatch",
            "workflow_run"
        ])
    );
    let job = jobs(run)[0];
    assert_eq!(
        words(&job["permissions"]),
        BTreeSet::from([
            "checks: write".to_owned(),
            "contents: write".to_owned(),
            "issues: write".to_owned(),
            "pull-requests: write".to_owned()
        ])
    );
    assert_eq!(
        job["concurrency"]["cancel-in-progress"].as_bool(),
        Some(false)
    );
    assert_eq!(
        steps(job)[0]["uses"].as_str().unwrap(),
        "acme/countersign/.github/actions/countersign@0123456789abcdef0123456789abcdef01234567"
    );
    // A review would run the proposal's own workflow, so what hears it may do nothing.
    let (_, review) = &workflows[1];
    assert!(review["on"]["pull_request_review"].as_mapping().is_some());
    assert_eq!(
        run["on"]["workflow_run"]["workflows"][0].as_str(),
        review["name"].as_str()
    );
    let heard = jobs(review)[0];
    assert!(heard["permissions"].is_null());
    assert_eq!(steps(heard)[0]["run"].as_str(), Some("true"));
}

/// GitHub shows each job as a check run of the job's name, and lets nobody change it by the API.
#[test]
fn no_job_has_the_name_of_the_check_run() {
    let (_folder, workflows) = made(&["--action", PINNED]);
    for (path, workflow) in &workflows {
        for (id, job) in workflow["jobs"].as_mapping().unwrap() {
            assert!(job["name"].is_null(), "{path}");
            assert_ne!(id.as_str(), Some(CHECK_NAME), "{path}");
        }
    }
}

#[test]
fn the_clone_is_kept_only_after_a_timer_that_found_something() {
    let action = own_action();
    let all = steps(&action["runs"]);
    let keep = all
        .iter()
        .find(|step| step["name"].as_str() == Some("Keep the clone"));
    assert_eq!(
        keep.unwrap()["if"].as_str(),
        Some("github.event_name == 'schedule' && steps.run.outputs.changed == 'true'")
    );
    let run = all.iter().find(|step| step["id"].as_str() == Some("run"));
    assert!(run.unwrap()["run"].as_str().is_some());
}

#[test]
fn without_an_address_the_runner_brings_the_program() {
    let (_folder, workflows) = made(&[]);
    let job = jobs(&workflows[0].1)[0];
    assert_eq!(steps(job)[0]["run"].as_str(), Some("countersign action"));
    for wrong in ["acme/countersign", "acme/countersign@main", "acme@0123"] {
        let mut command = Command::new(crate::support::binary());
        command.args(["init", "never.git", "--action", wrong]);
        crate::support::clean(&mut command, "nobody@example.org");
        let ran = Ran::of(&command.output().unwrap()).exits(2);
        has(&ran.stderr, "all 40 digits of the commit");
    }
}

#[test]
fn the_weekly_issue_is_made_of_a_report() {
    let (_folder, workflows) = made(&["--action", PINNED]);
    let job = jobs(&workflows[2].1)[0];
    has(
        steps(job)[0]["with"]["run"].as_str().unwrap(),
        "report ${{ env.REVIEW }} --format markdown",
    );
    has(steps(job)[1]["run"].as_str().unwrap(), "gh issue create");
}

/// The scripts of the action itself, on a runner that has everything but GitHub.
#[test]
fn the_actions_scripts_run() {
    let stage = TestRepo::example();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let temporary = stage.folder("runner");
    std::fs::create_dir_all(temporary.join("countersign/bin")).unwrap();
    std::os::unix::fs::symlink(
        crate::support::binary(),
        temporary.join("countersign/bin/countersign"),
    )
    .unwrap();
    let action = own_action();
    let script = |name: &str| {
        let all = steps(&action["runs"]);
        let step = all.iter().find(|step| step["name"].as_str() == Some(name));
        step.unwrap()["run"].as_str().unwrap().to_owned()
    };
    let bash = |script: &str, settings: &[(&str, &str)]| {
        let mut command = Command::new("bash");
        command
            .args(["-c", script])
            .env(
                "GITHUB_ACTION_PATH",
                root.join(".github/actions/countersign"),
            )
            .env("RUNNER_TEMP", &temporary)
            .envs(settings.iter().copied());
        crate::support::clean(&mut command, "nobody@example.org");
        Ran::of(&command.output().unwrap()).succeeds()
    };
    let output = temporary.join("output");
    let settings = [("GITHUB_OUTPUT", output.to_str().unwrap())];
    bash(&script("Which Countersign this is"), &settings);
    let said = std::fs::read_to_string(&output).unwrap();
    let sum = said.trim().strip_prefix("sum=").unwrap();
    assert_eq!(sum.len(), 64, "{said}");

    let shown = temporary.join("shown.txt");
    let settings = [
        ("ARGUMENTS", "list --format json"),
        ("OUTPUT", shown.to_str().unwrap()),
        ("COUNTERSIGN_REPO", stage.repo.to_str().unwrap()),
    ];
    bash(&script("Run"), &settings);
    assert_eq!(std::fs::read_to_string(&shown).unwrap().trim(), "[]");
    let settings = [
        ("ARGUMENTS", "verify"),
        ("OUTPUT", ""),
        ("COUNTERSIGN_REPO", stage.repo.to_str().unwrap()),
    ];
    has(&bash(&script("Run"), &settings).stdout, "1 commit");
}
