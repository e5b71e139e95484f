//! Evidence on GitHub: what a check run of an App says, and what people and workflows say in comments.

use std::path::PathBuf;

use countersign::domain::attestation::{Attestation, SignedAttestation};
use countersign::git::SigningKey;

use super::LOW;
use super::ways::verified;
use super::world::{GithubFixture, app, decision};
use crate::double::AppCheck;
use crate::support::{TestRepo, has, has_not};

const CHECK_RUNS: &str = "/repos/{owner}/{repo}/commits/{ref}/check-runs";

/// Costs are read of the App infracost, of dana, and of whoever has a key; green is what the App `ci` says.
fn with_evidence(example: &TestRepo, key: &str) {
    let policy = format!(
        "{}\n  - id: costly\n    when: effect != 'none' && evidence.monthly_cost > 100\n    then: MEDIUM\n    reason: costs {{evidence}}\n  - id: red\n    when: effect != 'none' && !evidence.green\n    then: MEDIUM\n    reason: its checks are not green\n",
        example.file("rules/policy.yaml")
    );
    let evidence = format!(
        "schema: countersign/evidence/v1\nevidence:\n  monthly_cost:\n    type: number\n    unit: EUR\n    from: [{{app: infracost, check: plan}}, {{login: bob}}, {{key: {key}}}]\n  green: {{type: boolean, from: [{{app: ci}}]}}\n"
    );
    example.commit_to_main(&[
        ("rules/policy.yaml", Some(&policy)),
        ("rules/evidence.yaml", Some(&evidence)),
    ]);
}

struct Stage {
    fixture: GithubFixture,
    key: PathBuf,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("costs");
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "costs", "-f"])
            .arg(&key)
            .status();
        assert!(
            made.expect("ssh-keygen is needed for the tests: install openssh-client")
                .success()
        );
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let fixture = GithubFixture::with(app, |example| with_evidence(example, public.trim_end()));
        Self {
            fixture,
            key,
            _folder: folder,
        }
    }

    fn head(&self, number: u64) -> String {
        self.fixture.github.pull(number).head_sha
    }

    fn checks(&self, slug: &str, head: &str, name: &str, conclusion: &str, summary: &str) {
        let said = AppCheck {
            name,
            conclusion,
            summary,
        };
        self.fixture.github.app_checks(slug, head, said);
    }

    fn asked(&self) -> usize {
        let calls = self.fixture.github.calls().under_test();
        calls.to("GET", CHECK_RUNS).count()
    }
}

#[test]
fn a_check_run_of_the_app_decides_and_of_no_other() {
    let mut stage = Stage::new();
    let number = stage.fixture.proposes(LOW);
    stage.fixture.hears();
    let said = stage.fixture.check(number);
    has(
        &said,
        "evidence 'monthly_cost' is absent: needs an attestation for this head by the check run plan of the App infracost, bob or the key costs",
    );
    has(
        &said,
        "evidence 'green' is absent: needs an attestation for this head by the App ci",
    );
    let head = stage.head(number);
    // Of another App, under another name, and of another commit.
    let line = "It will cost:\n\n/attest monthly_cost=12\n";
    let main = stage.fixture.github.tip();
    stage.checks("github-actions", &head, "plan", "success", line);
    stage.checks("mallory", &head, "plan", "success", line);
    stage.checks("infracost", &head, "lint", "success", line);
    stage.checks("infracost", &main, "plan", "success", line);
    let elsewhere = format!("/attest monthly_cost=12 at={main}");
    stage.checks("infracost", &head, "plan", "success", &elsewhere);
    stage.checks("mallory", &head, "ci", "success", "");
    stage.fixture.hears();
    let said = stage.fixture.check(number);
    has(&said, "evidence 'monthly_cost' is absent");
    has(&said, "evidence 'green' is absent");
    stage.checks(
        "infracost",
        &head,
        "plan",
        "failure",
        "/attest monthly_cost=120",
    );
    stage.checks("ci", &head, "all", "failure", "");
    stage.fixture.hears();
    let said = stage.fixture.check(number);
    has(
        &said,
        "monthly_cost: 120 EUR, by the check run plan of the App infracost on ",
    );
    has(&said, "MEDIUM 50.00, red: its checks are not green");
    stage.fixture.wait(chrono::TimeDelta::minutes(2));
    stage.checks("infracost", &head, "plan", "success", line);
    stage.checks("ci", &head, "all", "success", "");
    stage.fixture.github.forget_calls();
    stage.fixture.hears();
    assert!(stage.fixture.github.pull(number).merged_at.is_some());
    assert_eq!(stage.asked(), 1);
    let decision = stage.fixture.github.file(&decision(&stage.fixture));
    has(&decision, "  by: infracost\n");
    has(&decision, "    name: plan\n");
    stage.fixture.github.read_all();
    assert!(verified(&stage.fixture.github).ok);
}

#[test]
fn what_people_and_workflows_say_in_comments_counts() {
    let mut stage = Stage::new();
    let number = stage.fixture.proposes(LOW);
    stage.fixture.hears();
    let head = stage.head(number);
    stage.checks("ci", &head, "all", "success", "");
    // Edited, by the agent, and by a bot that signs nothing.
    let line = format!("/attest monthly_cost=5 at={head}");
    let comment = stage.fixture.github.user("bob").comments(number, "Soon.");
    stage.fixture.hears();
    stage.fixture.wait(chrono::TimeDelta::minutes(2));
    stage
        .fixture
        .github
        .user("bob")
        .edits_comment(comment, &line);
    stage
        .fixture
        .github
        .agent("strategy-optimizer")
        .comments(number, &line);
    stage
        .fixture
        .github
        .bot_joins("helper[bot]")
        .comments(number, &line);
    stage.fixture.hears();
    let said = stage.fixture.check(number);
    has(&said, "evidence 'monthly_cost' is absent");
    has(
        &said,
        "- not taken: `/attest` of `strategy-optimizer`: `strategy-optimizer` is an agent: an agent vouches for nothing",
    );
    has_not(&said, "helper");
    let mut attestation: Attestation = format!("monthly_cost=500 at={head}").parse().unwrap();
    let (key, on) = (
        SigningKey::read(&stage.key).unwrap(),
        stage.fixture.github.now(),
    );
    let payload = attestation.payload(head.parse().unwrap(), on);
    attestation.signed = Some(SignedAttestation {
        on,
        signature: key
            .sign_for(Attestation::NAMESPACE, payload.as_bytes())
            .unwrap(),
    });
    let signed = attestation.to_string();
    stage
        .fixture
        .github
        .user("helper[bot]")
        .comments(number, &signed);
    stage.fixture.hears();
    let said = stage.fixture.check(number);
    has(
        &said,
        "monthly_cost: 500 EUR, signed with the ssh-ed25519 key …",
    );
    has(&said, "MEDIUM 50.00: needs 1 approval by a reviewer");
    stage.fixture.wait(chrono::TimeDelta::minutes(2));
    stage.fixture.github.user("bob").comments(number, &line);
    stage.fixture.hears();
    assert!(stage.fixture.github.pull(number).merged_at.is_some());
    stage.fixture.github.read_all();
    assert!(verified(&stage.fixture.github).ok);
}

/// Where no App vouches for anything, nobody is asked, and a check run of somebody's is no news.
#[test]
fn check_runs_are_read_only_where_an_app_vouches_for_something() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(super::MEDIUM);
    fixture.hears();
    fixture.github.forget_calls();
    let head = fixture.github.pull(number).head_sha;
    let said = AppCheck {
        name: "plan",
        conclusion: "success",
        summary: "",
    };
    fixture.github.app_checks("infracost", &head, said);
    assert!(!fixture.takes_events());
    fixture.costs_at_most(0);
    fixture.github.read_all();
}
