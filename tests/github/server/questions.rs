//! What an agent does on GitHub with a token of its own account: it answers, amends and withdraws. A server, which has
//! only the bot's, does none of it.

use serde_json::json;

use super::world::{Host, command};
use crate::double::{GithubStage, REPO};
use crate::support::proposals::MEDIUM;
use crate::support::{Ran, has, has_not};

const AGENT: &str = "strategy-optimizer";

/// A command with the token of an account.
fn run(github: &GithubStage, token: &str, arguments: &[&str]) -> Ran {
    let mut command = command(github, &[arguments, &["--repo", REPO]].concat());
    command.env("COUNTERSIGN_TOKEN", token);
    Ran::of(&command.output().unwrap())
}

#[test]
fn an_agent_answers_amends_and_withdraws_with_its_own_token() {
    let host = Host::new();
    let (github, agent) = (&host.github, host.github.token_of(AGENT));
    let number = host.proposes(MEDIUM);
    host.rests();
    host.ticks();
    let asked = github.user("alice").comments(number, "/ask Why 4?");
    host.rests();
    has(&host.check(number), &format!("question `{asked}`"));
    let name = number.to_string();
    host.ticks();
    let given = run(
        github,
        &agent,
        &[
            "answer",
            &name,
            "--agent",
            AGENT,
            "It was stopped out at 3.",
        ],
    );
    has(
        &given.succeeds().stdout,
        &format!(
            "recorded: the answer of {AGENT} to question {asked} on #{number}; no question is open"
        ),
    );
    host.rests();
    let last = github.all_comments(number).pop().unwrap();
    assert_eq!(
        (last.author.as_str(), last.body),
        (AGENT, format!("/answer {asked}: It was stopped out at 3."))
    );
    has(
        &host.check(number),
        "The answer of `strategy-optimizer`:\n\n```text\nIt was stopped out at 3.\n```",
    );
    // Nobody else answers for it, whatever name they give.
    let other = run(
        github,
        &github.token_of("dana"),
        &[
            "answer",
            &name,
            "--agent",
            AGENT,
            "--question",
            &asked.to_string(),
            "Trust me.",
        ],
    );
    has(
        &other.exits(1).stderr,
        "does not count: the account that wrote it is not one of `strategy-optimizer`",
    );
    let before = github.pull(number).head_sha;
    host.ticks();
    let amend = [
        "amend",
        &name,
        "--agent",
        AGENT,
        "--set",
        "stop_loss_pct=3.5",
        "--format",
        "json",
    ];
    let amended = run(github, &agent, &amend).succeeds().json();
    host.rests();
    let head = github.pull(number).head_sha;
    assert_ne!(head, before);
    assert_eq!(amended["head"], json!(head));
    has(&host.check(number), "stop_loss_pct: 3.0 → 3.5");
    host.ticks();
    let withdraw = ["withdraw", &name, "--agent", AGENT];
    has(
        &run(github, &agent, &withdraw).succeeds().stdout,
        "is withdrawn by strategy-optimizer",
    );
    host.rests();
    assert!(!github.pull(number).open);
    has(&host.check(number), "withdrawn by its author");
    let ended = run(
        github,
        &agent,
        &["answer", &name, "--agent", AGENT, "Late."],
    );
    has(
        &ended.exits(1).stderr,
        "has ended: nothing more can be said on it",
    );
    host.github.read_all();
}

#[test]
fn people_ask_and_agents_answer_on_github_itself() {
    let host = Host::new();
    let (github, number) = (&host.github, host.proposes(MEDIUM));
    host.rests();
    let asked = run(
        github,
        &github.personal_token("carol"),
        &["ask", &number.to_string(), "--as", "alice", "Why?"],
    );
    let refused = asked.exits(1).stderr;
    has(
        &refused,
        "people ask on GitHub itself in `acme/governance`, where it is certain who they are",
    );
    has(&refused, "comment `/ask TEXT` on ");
    has_not(&host.check(number), "Question");
    host.github.read_all();
}
