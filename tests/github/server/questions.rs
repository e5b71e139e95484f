//! What an agent does on GitHub with a token of its own account: it answers, amends and withdraws. A server, which has
//! only the bot's, does none of it.

use serde_json::json;

use super::insight::token;
use super::world::{Host, as_app, command};
use crate::double::{GithubStage, REPO};
use crate::support::asking::{Asking, medium};
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

#[test]
fn who_is_the_bot_speaks_for_no_agent() {
    let host = Host::new();
    let number = host.proposes(MEDIUM);
    host.rests();
    host.ticks();
    host.github.user("alice").comments(number, "/ask Why 4?");
    host.rests();
    let name = number.to_string();
    let answer = [
        "answer", &name, "--agent", AGENT, "Because.", "--repo", REPO,
    ];
    let withdraw = ["withdraw", &name, "--agent", AGENT, "--repo", REPO];
    let amend = [
        "amend",
        &name,
        "--agent",
        AGENT,
        "--set",
        "stop_loss_pct=3.5",
        "--repo",
        REPO,
    ];
    for arguments in [answer.as_slice(), &withdraw, &amend] {
        let ran = as_app(&host.github, "state", arguments).output().unwrap();
        has(
            &Ran::of(&ran).exits(1).stderr,
            "the App does not speak for an agent: set COUNTERSIGN_TOKEN to the token of the agent's own account",
        );
    }
    let (agent, alice) = (
        token(&host, &["--agent", AGENT]),
        token(&host, &["--as", "alice"]),
    );
    let Host {
        github,
        example: _example,
        serving,
    } = host;
    let asking = Asking::with(serving);
    let (case, text) = (
        format!("/recommendations/{number}"),
        json!({"text": "Because."}),
    );
    let answers = format!("{case}/answers");
    for (method, path, body) in [
        ("POST", &answers, Some(text.clone())),
        ("PUT", &case, Some(medium())),
        ("DELETE", &case, None),
    ] {
        let refused = asking
            .ask(&agent, method, path, body.as_ref())
            .gives(403)
            .json();
        let detail = refused["detail"].as_str().unwrap();
        has(
            detail,
            "under its own account, and this server has only the bot's in `acme/governance`",
        );
    }
    let refused = asking
        .post(&alice, &format!("{case}/questions"), &text)
        .gives(403)
        .json();
    has(
        refused["detail"].as_str().unwrap(),
        "people ask on GitHub itself in `acme/governance`",
    );
    asking.serving.stops();
    assert!(github.pull(number).open);
    assert_eq!(github.all_comments(number).len(), 2);
    github.read_all();
}
