//! A GitHub without a server of ours: each event starts a job of Actions, which is a new process with the job's own
//! token.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::double::world::CheckRun;
use crate::double::{Delivery, GithubStage, REPO};
use crate::support::proposals::{HIGH, LOW, MEDIUM, WHY};
use crate::support::{Ran, TestRepo, has};
use chrono::TimeDelta;

/// The name and the text of the job that `countersign init` writes.
fn job_of_workflow() -> (String, serde_yaml::Value) {
    let text = include_str!("../../src/cli/templates/workflows/countersign.yml");
    let text = text.replace("{{action}}", "      - run: \"true\"");
    let workflow: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let jobs = workflow["jobs"].as_mapping().unwrap();
    let (name, job) = jobs.iter().next().unwrap();
    (name.as_str().unwrap().to_owned(), job.clone())
}

/// The example's repository on GitHub, and runners for its jobs.
struct Actions {
    github: GithubStage,
    example: TestRepo,
    /// Whether the runner's cache still holds the clone of the job before.
    keeps_clone: bool,
    jobs: usize,
}

impl Actions {
    fn new() -> Self {
        let (github, example) = (GithubStage::new(), TestRepo::example());
        example.knows_accounts(&github.accounts());
        github.starts_as(&example.repo);
        let (_, job) = job_of_workflow();
        github.world(|world| {
            let held = job["permissions"].as_mapping().unwrap().iter();
            world.job_permissions = held
                .map(|(name, level)| (name.as_str().unwrap(), level.as_str().unwrap()))
                .map(|(name, level)| (name.replace('-', "_"), level.to_owned()))
                .collect();
        });
        Self {
            github,
            example,
            keeps_clone: true,
            jobs: 0,
        }
    }

    fn output(&self) -> PathBuf {
        self.github.folder().join("output")
    }

    /// What the last job hands to the steps after it.
    fn take_output(&self) -> String {
        let said = std::fs::read_to_string(self.output()).unwrap();
        std::fs::remove_file(self.output()).unwrap();
        said
    }

    fn summary(&self) -> PathBuf {
        self.github.folder().join("summary.md")
    }

    /// GitHub shows a job for a pull request as a check run of its head, under the job's name.
    fn shows_job(&self, payload: &str) {
        let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
        let Some(head_sha) = payload["pull_request"]["head"]["sha"].as_str() else {
            return;
        };
        let (name, _) = job_of_workflow();
        self.github.world(|world| {
            let (id, started_at) = (world.fresh_id(), world.now);
            let run = CheckRun {
                id,
                head_sha: head_sha.to_owned(),
                name,
                status: "in_progress".to_owned(),
                conclusion: None,
                external_id: Some("ca395085-040a-526b-2ce8-bdc85f692774".to_owned()),
                details_url: None,
                title: None,
                summary: None,
                text: None,
                annotations: 0,
                actions: Vec::new(),
                started_at,
                completed_at: None,
                app: "github-actions[bot]".to_owned(),
                is_job: true,
            };
            world.repos.get_mut(REPO).unwrap().checks.push(run);
        });
    }

    /// One job, as GitHub starts it for an event.
    fn job(&mut self, event: &str, payload: Option<&str>) -> Ran {
        if !self.keeps_clone {
            self.jobs += 1;
        }
        if let Some(payload) = payload
            && event == "pull_request_target"
        {
            self.shows_job(payload);
        }
        let payload_path = self.github.folder().join("event.json");
        std::fs::write(
            &payload_path,
            payload.unwrap_or(r#"{"schedule": "*/15 * * * *"}"#),
        )
        .unwrap();
        let mut command = Command::new(crate::support::binary());
        command
            .current_dir(self.github.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", event)
            .env("GITHUB_EVENT_PATH", payload_path)
            .env("GITHUB_REPOSITORY", REPO)
            .env("GITHUB_API_URL", self.github.url())
            .env("GITHUB_TOKEN", self.github.actions_token())
            .env("GITHUB_STEP_SUMMARY", self.summary())
            .env("GITHUB_OUTPUT", self.output())
            .env(
                "COUNTERSIGN_STATE",
                self.github.folder().join(format!("state-{}", self.jobs)),
            )
            .stdin(Stdio::null())
            .args(["action", "--now", &self.github.now().to_rfc3339()]);
        Ran::of(&command.output().unwrap())
    }

    /// The jobs that the workflows start for everything that happened since.
    #[track_caller]
    fn jobs(&mut self) -> Vec<Ran> {
        let waiting = self.github.waiting();
        self.github.forget_webhooks();
        let started: Vec<(&str, Option<Delivery>)> = waiting
            .into_iter()
            .filter_map(|delivery| match delivery.event.as_str() {
                "pull_request" => Some(("pull_request_target", Some(delivery))),
                "issue_comment" => Some(("issue_comment", Some(delivery))),
                // Heard by countersign-review.yml; its end carries nothing of the review.
                "pull_request_review" => Some(("workflow_run", None)),
                _ => None,
            })
            .collect();
        started
            .into_iter()
            .map(|(event, delivery)| {
                self.job(
                    event,
                    delivery.as_ref().map(|delivery| delivery.body.as_str()),
                )
                .succeeds()
            })
            .collect()
    }

    fn proposes(&self, body: &str) -> u64 {
        let (path, text) = self.example.recommendation("strategy-optimizer", body);
        let branch = format!("recommend/{}", path.split('/').nth(5).unwrap());
        self.github
            .agent("strategy-optimizer")
            .opens_pull(&branch, &[(&path, &text)])
    }

    fn check(&self, number: u64) -> String {
        let run = self.github.check_run(number);
        format!(
            "{}: {}",
            run.conclusion.unwrap_or(run.status),
            run.title.unwrap_or_default()
        )
    }
}

#[test]
fn jobs_alone_carry_a_recommendation_from_proposal_to_outcome() {
    for keeps_clone in [true, false] {
        let mut actions = Actions::new();
        actions.keeps_clone = keeps_clone;
        let low = actions.proposes(LOW);
        let ran = actions.jobs();
        has(&ran[0].stdout, "#1 success: LOW 0.00: merged by the bot");
        assert!(actions.github.pull(low).merged_at.is_some());
        has(
            actions.github.log().last().unwrap(),
            "outcome: success of modify_parameters on rsi-eurusd-draft",
        );
        let (medium, high) = (actions.proposes(MEDIUM), actions.proposes(HIGH));
        actions.jobs();
        has(
            &actions.check(medium),
            "MEDIUM 55.00: needs 1 approval by a reviewer",
        );
        has(&actions.github.read_comment(medium), "**MEDIUM 55.00**");
        has(&actions.github.read_comment(high), "**HIGH");
        actions.github.user("alice").approves(medium, "Looks fine.");
        actions.github.user("carol").approves(high, WHY);
        actions.jobs();
        assert!(actions.github.pull(medium).merged_at.is_some());
        assert!(actions.github.pull(high).merged_at.is_some());
        has(&actions.check(high), "approved and merged");
        let summary = std::fs::read_to_string(actions.summary()).unwrap();
        has(&summary, "- #1 success: `LOW 0.00: merged by the bot`");
        actions.github.read_all();
    }
}

#[test]
fn a_command_in_a_comment_and_a_close_by_hand_are_heard_with_their_authors() {
    let mut actions = Actions::new();
    let (first, second) = (actions.proposes(MEDIUM), actions.proposes(MEDIUM));
    actions.jobs();
    actions
        .github
        .user("bob")
        .comments(first, "/reject bad_timing: earnings this week");
    actions.github.user("carol").closes(second);
    actions.jobs();
    has(&actions.check(first), "rejected by bob (bad_timing)");
    has(&actions.check(second), "rejected by carol");
    for number in [first, second] {
        actions.github.read_comment(number);
    }
    actions.github.read_all();
}

#[test]
fn the_timer_makes_good_what_no_job_heard() {
    let mut actions = Actions::new();
    let number = actions.proposes(LOW);
    actions.github.forget_webhooks();
    let ran = actions.job("schedule", None).succeeds();
    has(&ran.stdout, "#1 success: LOW 0.00: merged by the bot");
    assert!(actions.github.pull(number).merged_at.is_some());
    // One list, and at most whether the end of what was merged today was told.
    actions.github.forget_calls();
    let ran = actions.job("schedule", None).succeeds();
    has(&ran.stdout, "nothing to do: no pull request is open");
    actions.github.calls().under_test().api().at_most(2);
    actions.github.read_all();
}

#[test]
fn a_timer_that_finds_nothing_costs_two_calls_and_no_entry_in_the_cache() {
    let mut actions = Actions::new();
    for _ in 0..4 {
        actions.proposes(MEDIUM);
    }
    actions.jobs();
    actions.github.wait(TimeDelta::minutes(15));
    // What the jobs themselves wrote is read once more.
    actions.take_output();
    actions.job("schedule", None).succeeds();
    assert_eq!(actions.take_output(), "changed=true\n");
    for _ in 0..2 {
        actions.github.wait(TimeDelta::minutes(15));
        actions.github.forget_calls();
        actions.job("schedule", None).succeeds();
        assert_eq!(actions.take_output(), "changed=false\n");
        actions.github.calls().under_test().api().at_most(2);
    }
    // A runner without the cache reads everything, and says so.
    actions.keeps_clone = false;
    actions.github.forget_calls();
    actions.job("schedule", None).succeeds();
    assert_eq!(actions.take_output(), "changed=true\n");
    actions.github.calls().under_test().api().at_most(2 + 3 * 4);
    for number in 1..=4 {
        actions.github.read_comment(number);
    }
    actions.github.read_all();
}

#[test]
fn a_workflow_of_the_proposals_own_branch_is_refused() {
    let mut actions = Actions::new();
    let number = actions.proposes(LOW);
    let ran = actions.job("pull_request", None).exits(1);
    has(
        &ran.stderr,
        "runs the workflow of the proposal's own branch, which must not judge itself",
    );
    has(&ran.stderr, "use `pull_request_target`");
    // GitHub shows the reason beside the job, not only in its log.
    has(
        &ran.stdout,
        "::error title=Countersign::a job for `pull_request`",
    );
    assert!(actions.github.pull(number).open);
    actions.github.read_all();
}

#[test]
fn a_job_says_what_it_lacks() {
    let mut actions = Actions::new();
    let ran = actions.job("issue_comment", Some("{")).exits(1);
    has(&ran.stderr, "the `issue_comment` webhook cannot be read");
    let mut command = Command::new(crate::support::binary());
    command
        .env_clear()
        .env("HOME", actions.github.folder())
        .env("GITHUB_REPOSITORY", REPO)
        .args(["action", "--event", "schedule"]);
    let ran = Ran::of(&command.output().unwrap()).exits(1);
    has(&ran.stderr, "nothing says who we are");
}
