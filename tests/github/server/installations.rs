//! One server, one App, two organisations that installed it: each is served with a token of its own.

use super::world::{Host, serve_all, stage};
use super::{LOW, MEDIUM};
use crate::double::REPO;
use crate::support::serving::Serving;

const OTHER: &str = "beta/oversight";
const OTHER_INSTALLATION: u64 = 8151;

#[test]
fn two_organisations_are_served_apart() {
    let (github, example) = stage(|_| {});
    github.app_is_installed_by("beta", OTHER_INSTALLATION, "oversight", &example.repo);
    let serving = Serving::start(&mut serve_all(&github, "state", &[]));
    serving.wait_until("/readyz", "both are served", |answer| {
        answer.status == 200 && answer.body.contains(REPO) && answer.body.contains(OTHER)
    });
    let host = Host {
        github,
        example,
        serving,
    };
    host.hears_through(&host.serving);
    // Both have a pull request of the same number, and each hears of its own only.
    let ours = host.proposes(MEDIUM);
    let (path, text) = host.example.recommendation("strategy-optimizer", LOW);
    let mut agent = host.github.agent("strategy-optimizer");
    agent.repo = OTHER.to_owned();
    let theirs = agent.opens_pull("recommend/there", &[(&path, &text)]);
    assert_eq!(ours, theirs);
    host.rests();
    assert!(host.github.pull(ours).open);
    let is_merged = host
        .github
        .world(|world| world.repos[OTHER].pulls[&theirs].merged_at.is_some());
    assert!(is_merged, "{}", host.serving.said());
    host.github.read_comment(ours);
    host.approves("alice", ours, "Fine.");
    host.rests();
    host.is_merged(ours);
    // A token of one installation never opened the other's door.
    let refused = host.github.calls().under_test();
    let refused = refused
        .0
        .iter()
        .filter(|call| call.status == 403 || call.status == 404);
    assert_eq!(refused.count(), 0);
    host.github.read_all();
}
