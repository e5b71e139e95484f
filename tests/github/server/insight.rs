//! What the dashboard, the API and MCP say of a repository on GitHub: they show everything, and leave to GitHub
//! what only GitHub can know.

use serde_json::json;

use super::world::{Host, as_app, command};
use super::{LOW, MEDIUM, WHY};
use crate::double::REPO;
use crate::support::asking::{Asking, medium};
use crate::support::browser::Browser;
use crate::support::mcp::Client;
use crate::support::{Ran, has, has_not};

/// A token for the server of this host, made by the command line.
#[track_caller]
pub fn token(host: &Host, whose: &[&str]) -> String {
    let create = [&["token", "create", "--repo", REPO], whose].concat();
    let made = Ran::of(&as_app(&host.github, "state", &create).output().unwrap());
    made.succeeds().stdout.trim().to_owned()
}

#[test]
fn the_dashboard_shows_everything_and_leads_to_the_review() {
    let host = Host::new();
    let (low, waits) = (host.proposes(LOW), host.proposes(MEDIUM));
    host.rests();
    host.is_merged(low);
    // Who may read a repository on GitHub is not for us to say: nobody who has not signed in.
    let stranger = Browser::at(&host.serving);
    for page in ["/", "/pending", "/cases", "/cases/1"] {
        has(
            stranger.gets(page).gives(303).header("location"),
            "/sign-in",
        );
    }
    let alice = Browser::signed_in(&host.serving, &token(&host, &["--as", "alice"]));
    let pending = alice.gets("/pending").gives(200).body;
    let review = format!("{}/{REPO}/pull/{waits}/files", host.github.url());
    has(&pending, &format!("href=\"{review}\""));
    has(&pending, "rsi-eurusd");
    has_not(&pending, "<textarea");
    has(
        &alice.gets(&format!("/cases/{waits}")).gives(200).body,
        &review,
    );
    has(&alice.gets("/cases").gives(200).body, "rsi-eurusd-draft");
    // A form that somebody makes all the same decides nothing.
    let page = alice.gets("/").body;
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
    let csrf = csrf.split('"').next().unwrap();
    let head = host.github.pull(waits).head_sha;
    let form = [
        ("csrf", csrf),
        ("once", "1"),
        ("head", head.as_str()),
        ("decision", "approve"),
        ("message", WHY),
    ];
    let refused = alice.sends(&format!("/pending/{waits}"), &form).gives(409);
    has(&refused.body, "reviewed on GitHub");
    host.rests();
    assert!(host.github.pull(waits).open);
    // What is decided there is seen here.
    host.approves("alice", waits, "Fine.");
    host.rests();
    let case = alice.gets(&format!("/cases/{waits}")).gives(200).body;
    has(&case, "Decided: approved");
    has_not(&alice.gets("/pending").body, &review);
    host.github.read_all();
}

#[test]
fn the_card_names_who_was_asked_as_the_comment_does() {
    let host = Host::new();
    host.github.joins("bob", "none");
    let number = host.proposes(MEDIUM);
    host.rests();
    let alice = Browser::signed_in(&host.serving, &token(&host, &["--as", "alice"]));
    let asked = "Asked: alice, carol. Not asked: bob (GitHub takes no request for people without access to the repository).";
    has(&host.github.read_comment(number), asked);
    let needed = "<p><strong>1 approval by a reviewer.</strong></p><p class=\"under\">";
    let page = alice.gets(&format!("/cases/{number}")).gives(200).body;
    has(&page, &format!("{needed}{asked}</p>"));
    host.github.read_all();
}

#[test]
fn the_api_reads_and_leaves_proposals_and_reviews_to_github() {
    let host = Host::new();
    let (low, waits) = (host.proposes(LOW), host.proposes(MEDIUM));
    host.rests();
    let agent = token(&host, &["--agent", "strategy-optimizer"]);
    let alice = token(&host, &["--as", "alice"]);
    let Host {
        github,
        example: _example,
        serving,
    } = host;
    let asking = Asking::with(serving);
    let refused = asking.post(&agent, "/recommendations", &medium());
    has(&refused.gives(403).body, "GitHub");
    let head = github.pull(waits).head_sha;
    let word = json!({"opinion": "approve", "head": head});
    let review = format!("/recommendations/{waits}/review");
    has(
        &asking.post(&alice, &review, &word).gives(403).body,
        "GitHub",
    );
    let checked = asking.post(&agent, "/check", &medium()).gives(200).json();
    assert_eq!(checked["risk"]["level"], "MEDIUM", "{checked}");
    let shown = asking.get(&agent, &format!("/recommendations/{waits}"));
    assert_eq!(shown.gives(200).json()["status"], "pending");
    let shown = asking.get(&alice, &format!("/recommendations/{low}"));
    assert_eq!(shown.gives(200).json()["status"], "auto_approved");
    let listed = asking.get(&agent, "/recommendations").gives(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    let metrics = asking.get(&alice, "/metrics").gives(200).json();
    assert_eq!(metrics["pending"], 1, "{metrics}");
    asking.get("", "/recommendations").gives(401);
    asking.serving.stops();
    assert!(github.pull(waits).open);
    github.read_all();
}

#[test]
fn an_agent_proposes_by_mcp_under_its_own_account() {
    let host = Host::new();
    let arguments = ["mcp", "--agent", "strategy-optimizer", "--repo", REPO];
    let mut started = command(&host.github, &arguments);
    started.env(
        "COUNTERSIGN_TOKEN",
        host.github.token_of("strategy-optimizer"),
    );
    let mut client = Client::start(&mut started);
    host.ticks();
    let proposed = client.call("propose_recommendation", &medium());
    let number = proposed["number"].as_u64().unwrap();
    assert_eq!(host.github.pull(number).author, "strategy-optimizer");
    host.rests();
    has(&host.check(number), "needs 1 approval by a reviewer");
    host.approves("alice", number, "Fine.");
    host.rests();
    host.is_merged(number);
    client.ends();
    host.github.read_all();
}

#[test]
fn a_merge_by_the_button_raises_the_alarm_at_once() {
    let host = Host::new();
    let number = host.proposes(MEDIUM);
    host.rests();
    let before = host.serving.at("/readyz").gives(200).json();
    assert_eq!(before["repositories"][0]["alarm"], serde_json::Value::Null);
    host.github.user("carol").merges(number);
    host.rests();
    let ready = host.serving.at("/readyz").gives(200).json();
    assert_eq!(
        ready["repositories"][0]["alarm"],
        "`main` holds commits that the bot did not make: the log and the dashboard name them"
    );
    has(
        &host.serving.find_line("alarm: ").unwrap(),
        "on `main` of `acme/governance` was not made by the bot: \"Merge pull request #1",
    );
    assert_eq!(host.serving.counts("countersign_foreign_commits", &[]), 1.0);
    let alice = Browser::signed_in(&host.serving, &token(&host, &["--as", "alice"]));
    let page = alice.gets("/").gives(200).body;
    has(
        &page,
        "The bot did not make everything on <code>main</code>.",
    );
    has(&page, "Merge pull request #1");
    host.github.read_all();
}
