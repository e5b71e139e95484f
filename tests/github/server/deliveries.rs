//! Webhooks as they really come: unsigned, twice, backwards, not at all; and real ones of every kind.

use serde_json::{Value, json};

use super::world::Host;
use super::{LOW, MEDIUM};
use crate::double::webhooks::real_payloads;
use crate::double::{REPO, SECRET, crypto};
use crate::double::{Weather, openapi};
use crate::support::has;

#[test]
fn what_is_not_signed_by_github_changes_nothing() {
    let host = Host::new();
    let tip = host.github.tip();
    let runs = host.runs();
    for weather in [
        Weather {
            wrong_signature: true,
            ..Weather::default()
        },
        Weather {
            unsigned: true,
            ..Weather::default()
        },
    ] {
        host.github.webhook_weather(weather);
        host.proposes(LOW);
        host.rests();
    }
    assert!(!host.statuses().is_empty());
    assert!(
        host.statuses().iter().all(|status| *status == 401),
        "{:?}",
        host.statuses()
    );
    assert_eq!((host.github.tip(), host.runs()), (tip, runs));
    host.costs_at_most(0);
}

#[test]
fn the_same_delivery_twice_is_heard_once() {
    let host = Host::new();
    host.github.webhook_weather(Weather {
        duplicate: true,
        ..Weather::default()
    });
    let number = host.proposes(MEDIUM);
    host.rests();
    host.approves("alice", number, "Fine.");
    host.rests();
    host.is_merged(number);
    let repeated = host
        .github
        .sent()
        .iter()
        .filter(|sent| sent.answer == "heard before\n")
        .count();
    assert_eq!(repeated * 2, host.statuses().len());
    // One that GitHub sends again much later is the same.
    let first = host.github.sent()[0].delivery.id.clone();
    host.github.redeliver(&first);
    host.rests();
    host.costs_at_most(5);
    assert_eq!(host.decisions(number), 1);
    assert_eq!(host.github.all_comments(number).len(), 1);
    host.github.read_all();
}

#[test]
fn deliveries_in_reverse_lead_to_the_same_end() {
    let host = Host::new();
    host.github.webhooks_live(false);
    host.github.webhook_weather(Weather {
        reverse: true,
        ..Weather::default()
    });
    let number = host.proposes(MEDIUM);
    host.approves("alice", number, "Fine.");
    host.github.deliver();
    host.github.webhooks_live(true);
    host.comes_to_be_merged(number);
    host.rests();
    has(&host.check(number), "approved and merged");
    assert_eq!(host.decisions(number), 1);
    host.github.read_all();
}

#[test]
fn every_second_delivery_lost_is_made_good_by_the_timer() {
    let host = Host::with(&["--reconcile", "1"], |_| {});
    host.github.webhook_weather(Weather {
        drop_every: Some(2),
        ..Weather::default()
    });
    // One after the other: each changes the target that the next one's approval looks at.
    for _ in 0..3 {
        let number = host.proposes(MEDIUM);
        host.approves("alice", number, "Fine.");
        host.comes_to_be_merged(number);
        host.rests();
        assert_eq!(host.decisions(number), 1);
    }
    // And if nothing is told at all, not even the approval.
    let number = host.proposes(MEDIUM);
    host.github.webhook_weather(Weather {
        drop_every: Some(1),
        ..Weather::default()
    });
    host.approves("alice", number, "Fine.");
    host.comes_to_be_merged(number);
    let lost = host.github.lost();
    assert!(lost.iter().any(|one| one.event == "pull_request_review"));
    host.rests();
    host.github.read_all();
}

/// Every kind of webhook that GitHub documents an example of.
fn kinds() -> Vec<String> {
    let all = openapi::npm_json("@octokit/webhooks-examples/api.github.com/index.json");
    let all = all.as_array().unwrap().iter();
    all.map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn real_webhooks_of_every_kind_are_answered() {
    let host = Host::new();
    let (mut count, mut accepted) = (0, 0);
    for kind in kinds() {
        for payload in real_payloads(&kind) {
            for is_ours in [false, true] {
                let payload = if is_ours {
                    ours(&payload)
                } else {
                    payload.clone()
                };
                count += 1;
                let body = payload.to_string();
                let answer = host.serving.posts(
                    "/webhooks",
                    &[
                        ("content-type", "application/json"),
                        ("x-github-event", &kind),
                        ("x-github-delivery", &format!("real-{count}")),
                        (
                            "x-hub-signature-256",
                            &crypto::hub_signature(SECRET, body.as_bytes()),
                        ),
                    ],
                    body.as_bytes(),
                );
                let status = answer.status;
                assert!(
                    status == 200 || status == 202,
                    "{kind}: {status} {}\n{body}",
                    answer.body
                );
                accepted += usize::from(status == 202);
            }
        }
    }
    assert!(count > 600 && accepted > 10, "{count} {accepted}");
    host.rests();
    // And it still does its work.
    let number = host.proposes(LOW);
    host.comes_to_be_merged(number);
    host.rests();
    host.github.read_all();
}

/// The same payload, about the repository that is served.
fn ours(payload: &Value) -> Value {
    let mut payload = payload.clone();
    if payload["repository"].is_object() {
        payload["repository"]["full_name"] = json!(REPO);
    }
    payload
}
