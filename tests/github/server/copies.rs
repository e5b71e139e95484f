//! Several copies of the server on one repository: they meet only in compare-and-swap.

use std::collections::BTreeMap;

use super::world::{Host, serve, stage};
use super::{LOW, MEDIUM};
use crate::double::{SECRET, crypto};
use crate::support::serving::Serving;

/// Delivers everything that waits, each to the next server in turn, as a load balancer does.
fn deliver(host: &Host, servers: &[&Serving]) {
    let mut turn = 0;
    loop {
        let waiting = host.github.waiting();
        host.github.forget_webhooks();
        for delivery in &waiting {
            turn += 1;
            let answer = servers[turn % servers.len()].posts(
                "/webhooks",
                &[
                    ("x-github-event", &delivery.event),
                    ("x-github-delivery", &delivery.id),
                    (
                        "x-hub-signature-256",
                        &crypto::hub_signature(SECRET, delivery.body.as_bytes()),
                    ),
                ],
                delivery.body.as_bytes(),
            );
            assert!(matches!(answer.status, 200 | 202), "{}", answer.body);
        }
        for server in servers {
            server.is_idle();
        }
        if waiting.is_empty() && host.github.waiting().is_empty() {
            return;
        }
    }
}

#[test]
fn three_servers_decide_everything_once() {
    let (github, example) = stage(|_| {});
    let start = |state: &str| {
        let serving = Serving::start(&mut serve(&github, state, &[]));
        serving.is_ready();
        serving
    };
    let (second, third) = (start("second"), start("third"));
    let serving = start("first");
    let host = Host {
        github,
        example,
        serving,
    };
    host.github.webhooks_live(false);
    host.github.forget_webhooks();
    let servers = [&host.serving, &second, &third];
    let mut numbers = BTreeMap::new();
    for _ in 0..4 {
        numbers.insert(host.proposes(LOW), 0);
        numbers.insert(host.proposes(MEDIUM), 1);
    }
    deliver(&host, &servers);
    for number in numbers.keys() {
        if host.github.pull(*number).open {
            host.approves("alice", *number, "Fine.");
            // Each changes the target that the next one's approval looks at.
            deliver(&host, &servers);
        }
    }
    // What one heard and another one needed is read by the timer; here at once, by a start.
    let fourth = Serving::start(&mut serve(&host.github, "fourth", &[]));
    fourth.is_ready();
    fourth.is_idle();
    for (number, comments) in numbers {
        host.is_merged(number);
        assert_eq!(host.decisions(number), 1, "{number}");
        let said = host.github.all_comments(number);
        assert_eq!(said.len(), comments, "{number}: {said:?}");
    }
    host.github.read_all();
}
