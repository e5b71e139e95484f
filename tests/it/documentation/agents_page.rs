//! AGENTS.md, which `init` writes into a governance repository: an agent that has only that page and git proposes, learns
//! what became of it, and mends what was wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::TimeDelta;
use serde_json::Value as Json;

use super::blocks::blocks;
use crate::support::{COUNTERSIGN, Ran, TestRepo, clean, redact};

/// What stands in place of the page's words in capitals.
struct Words {
    target: &'static str,
    value: &'static str,
}

/// An agent with a clone, and nothing else.
struct Agent {
    clone: PathBuf,
    /// The blocks of the page, in order.
    page: Vec<String>,
}

const LOOK: usize = 0;
const PROPOSE: usize = 1;
const ANSWER: usize = 2;
const WAITING: usize = 3;

impl Agent {
    fn of(stage: &TestRepo) -> Self {
        let clone = stage.folder("agent");
        let mut command = Command::new("git");
        command
            .args(["clone", "--quiet"])
            .arg(&stage.repo)
            .arg(&clone);
        clean(&mut command, "nobody@example.org");
        Ran::of(&command.output().unwrap()).succeeds();
        let page = std::fs::read_to_string(clone.join("AGENTS.md")).unwrap();
        let page = blocks(&page);
        assert!(page.iter().all(|block| block.info == "sh"));
        let page: Vec<String> = page.into_iter().map(|block| block.text).collect();
        assert_eq!(page.len(), 4);
        Self { clone, page }
    }

    fn types(&self, commands: &str) -> Ran {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(commands).current_dir(&self.clone);
        clean(&mut shell, "nobody@example.org");
        let path = std::env::var_os("PATH").unwrap();
        let own = Path::new(COUNTERSIGN).parent().unwrap();
        let path = std::env::split_paths(&path)
            .filter(|folder| folder != own && !folder.join("countersign").exists());
        shell.env("PATH", std::env::join_paths(path).unwrap());
        for key in ["AUTHOR", "COMMITTER"] {
            shell.env_remove(format!("GIT_{key}_NAME"));
            shell.env_remove(format!("GIT_{key}_EMAIL"));
        }
        Ran::of(&shell.output().unwrap())
    }

    fn block(&self, block: usize, words: &Words) -> String {
        let mut text = self.page[block].clone();
        for (word, value) in [
            ("AGENT", "strategy-optimizer"),
            ("EMAIL", "strategy-optimizer@agents.example.org"),
            ("SESSION", "nightly/7"),
            ("ACTION", "modify_parameters"),
            ("TARGET", words.target),
            ("PARAMETER", "stop_loss_pct"),
            ("VALUE", words.value),
            ("WHY", "It's `safer`: $5 less at risk."),
        ] {
            text = text.replace(word, value);
        }
        text
    }

    /// Proposes, and keeps the line that the page asks to keep.
    fn proposes(&self, words: &Words) -> String {
        let said = self.types(&self.block(PROPOSE, words)).succeeds();
        assert_eq!(said.stderr, "");
        said.stdout
    }

    fn asks(&self, block: usize, kept: &str, words: &Words) -> Ran {
        self.types(&format!(
            "{}\n{}",
            kept.trim().replace(' ', "\n"),
            self.block(block, words)
        ))
    }
}

#[test]
fn an_agent_needs_nothing_but_the_page_and_git() {
    let mut stage = TestRepo::example();
    let agent = Agent::of(&stage);
    agent.types("command -v countersign").exits(127);
    let paper = Words {
        target: "rsi-eurusd-paper",
        value: "2.5",
    };
    let seen = agent.types(&agent.block(LOOK, &paper)).succeeds().stdout;
    for path in [
        "rules/agents.yaml",
        "rules/actions.yaml",
        "targets/rsi-eurusd-paper.yaml",
        "rules/parameters.yaml",
        "rules/policy.yaml",
    ] {
        assert!(seen.contains(&stage.file(path)), "{path}");
    }

    let kept = agent.proposes(&paper);
    stage.wait(TimeDelta::minutes(1));
    insta::assert_snapshot!(stage.run().stdout, @r#"
    #1 success: LOW 20.00: merged by the bot
    1 merged, 0 closed, 0 waiting
    "#);
    stage.report(1);
    insta::assert_snapshot!(redact(&agent.asks(ANSWER, &kept, &paper).succeeds().stdout), @r#"
    schema: countersign/decision/v1
    id: [id]
    status: auto_approved
    decided_at: [time]
    pull:
      number: 1
      branch: recommend/[id]
      author:
        email: strategy-optimizer@agents.example.org
      head: [commit]
      base: [commit]
      opened_at: [time]
    recommendation: [commit]
    rules:
      commit: [commit]
      tree: [commit]
    engine: countersign 0.4.0 engine 4
    mode: two_tier
    risk:
      score: 20.0
      level: LOW
      factors:
      - name: environment
        input: paper
        source: targets/rsi-eurusd-paper.yaml
        points: 50.0
        weight: 40
        contribution: 20.0
        reason: counts 50 points
      - name: parameters
        input: 'stop_loss_pct: 2.5'
        source: rules/parameters.yaml
        points: 0.0
        weight: 30
        contribution: 0.0
        reason: stop_loss_pct 2.5 is conservative
      - name: scope
        input: 1 target
        source: recommendation.yaml
        points: 0.0
        weight: 20
        contribution: 0.0
        reason: single entity
      - name: reversibility
        input: easy
        source: rules/actions.yaml
        points: 0.0
        weight: 10
        contribution: 0.0
        reason: modify_parameters is easily reversible
      triggers: []
    required:
      role: none
      approvals: 0
      justification: false
    approvals: []
    ignored: []
    schema: countersign/outcome/v1
    id: [id]
    attempt: 1
    executor: apply
    started_at: [time]
    finished_at: [time]
    success: true
    details:
      files:
      - targets/rsi-eurusd-paper.yaml
    reported_by: countersign
    decision.yaml
    outcome.yaml
    recommendation.yaml
    "#);
    let seen = agent.types(&agent.block(LOOK, &paper)).succeeds().stdout;
    insta::assert_snapshot!(seen.lines().rev().take(2).collect::<Vec<_>>().join("\n"), @r#"
    decision: approve modify_parameters on rsi-eurusd-paper (LOW 20.00)
    outcome: success of modify_parameters on rsi-eurusd-paper
    "#);
}

#[test]
fn whoever_waits_reads_why_and_mends_what_is_wrong() {
    let mut stage = TestRepo::example();
    let agent = Agent::of(&stage);
    let wrong = Words {
        target: "rsi-eurusd",
        value: "wide",
    };
    let kept = agent.proposes(&wrong);
    stage.wait(TimeDelta::minutes(1));
    stage.run();
    stage.report(1);
    agent.asks(ANSWER, &kept, &wrong).exits(128);
    let told = |ran: Ran| {
        let event: Json = serde_json::from_str(&ran.stdout).unwrap();
        redact(event["text"].as_str().unwrap())
    };
    insta::assert_snapshot!(told(agent.asks(WAITING, &kept, &wrong).succeeds()), @r#"
    failure: invalid: recommendations/[date]/[id]/recommendation.yaml:8:26: changes.stop_loss_pct: expected a number, as in `targets/rsi-eurusd.yaml` (3.0), found the text `wide`

    Mend this and push again; nothing is merged until then:

    ```text
    recommendations/[date]/[id]/recommendation.yaml:8:26: changes.stop_loss_pct: expected a number, as in `targets/rsi-eurusd.yaml` (3.0), found the text `wide`
    ```
    "#);

    let amend = "git checkout -q \"recommend/$id\"
sed -i 's/wide/4/' \"$folder/recommendation.yaml\"
git -c user.name=strategy-optimizer -c user.email=strategy-optimizer@agents.example.org commit -q -a --amend --no-edit
git push -q --force-with-lease origin \"recommend/$id\"";
    agent
        .types(&format!("{}\n{amend}", kept.trim().replace(' ', "\n")))
        .succeeds();
    stage.wait(TimeDelta::minutes(1));
    stage.run();
    stage.report(1);
    insta::assert_snapshot!(told(agent.asks(WAITING, &kept, &wrong).succeeds()), @r#"
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    To make it less risky:

    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    It needs the approval of a reviewer.

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.

    The agent's words:

    ```text
    It's `safer`: $5 less at risk.
    ```
    "#);
}

#[test]
fn the_page_names_every_key_and_every_status() {
    let stage = TestRepo::example();
    let page = stage.file("AGENTS.md");
    let schema = |kind: &str| stage.countersign(&["schema", kind]).succeeds().json();
    let keys = schema("recommendation");
    let keys = keys["properties"].as_object().unwrap().keys();
    let statuses = schema("decision");
    let statuses = statuses["$defs"]["Status"]["oneOf"].as_array().unwrap();
    let statuses = statuses
        .iter()
        .map(|status| status["const"].as_str().unwrap());
    let missing: Vec<String> = keys
        .map(|key| format!("| `{key}` |"))
        .filter(|row| {
            !["schema", "id", "created_at"]
                .iter()
                .any(|key| row.contains(key))
        })
        .chain(statuses.map(|status| format!("`{status}`")))
        .filter(|words| !page.contains(words))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}
