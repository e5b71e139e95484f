//! When in doubt, stop: rules that cannot be read, a freeze, a flood of proposals, targets that make no
//! sense. Nothing is merged or executed, the message says why, and it goes on when that is mended.

use crate::support::proposals::{AGENT, LOW, MEDIUM};
use crate::support::{TestRepo, has, has_not};
use chrono::TimeDelta;

#[test]
fn rules_that_cannot_be_read_stop_everything_and_the_message_names_file_and_line() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", LOW);
    stage.propose(AGENT, "b", MEDIUM);
    stage.govern("dana", "c", &[("docs/x.md", "x")]);
    stage.edit_on_main("rules/governance.yaml", "mode: two_tier", "mode: yolo");
    stage.edit_on_main(
        "rules/policy.yaml",
        "when: to_production",
        "when: to_prod ==",
    );
    let before = stage.main();
    stage.run();
    for number in 1..=3 {
        let said = stage.report(number);
        has(&said, "failure: the rules on main cannot be read");
        has(
            &said,
            "Nothing is merged, rejected or executed until this is mended on `main`:",
        );
        has(
            &said,
            "rules/governance.yaml:11:7: mode: unknown value `yolo`",
        );
        has(&said, "rules/policy.yaml");
        has(&said, "not a CEL expression");
    }
    // Neither approval nor rejection nor time changes that.
    for number in 1..=3 {
        let said = stage
            .review(number, "carol", &["--approve"])
            .exits(1)
            .text();
        has(&said, "the rules on `main` cannot be read");
        has(&said, "rules/governance.yaml:11:7: mode");
    }
    let said = stage
        .countersign(&["freeze", "--as", "alice", "--reason", "x"])
        .exits(1)
        .text();
    has(&said, "rules/governance.yaml:11:7: mode");
    stage.wait(TimeDelta::days(30));
    stage.run();
    stage.main_is_still(&before);
    stage.wait(TimeDelta::days(-30));
    stage.edit_on_main("rules/governance.yaml", "mode: yolo", "mode: two_tier");
    stage.run();
    let said = stage.report(1);
    has(&said, "failure: the rules on main cannot be read");
    has_not(&said, "governance.yaml");
    stage.read_all();
    stage.edit_on_main(
        "rules/policy.yaml",
        "when: to_prod ==",
        "when: to_production",
    );
    stage.run();
    has(&stage.report(1), "success: LOW 0.00: merged by the bot");
    has(&stage.report(2), "waiting: MEDIUM 55.00");
    has(&stage.report(3), "waiting: governance change, HIGH");
}

#[test]
fn without_rules_nothing_is_decided() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", LOW);
    let rules = stage.git(&["rev-parse", "main"]);
    stage.commit_to_main(&[("rules", None)]);
    let before = stage.main();
    stage.run();
    has(
        &stage.report(1),
        "rules: there are no rules on `main`: nothing can be decided; restore the folder or start anew with `countersign init`",
    );
    stage.main_is_still(&before);
    stage.git(&["update-ref", "refs/heads/main", rules.trim()]);
    for path in ["rules/people.yaml", "rules/agents.yaml"] {
        stage.commit_to_main(&[(path, None)]);
    }
    let before = stage.main();
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "rules/people.yaml: this rule file is missing: `countersign init` writes one to start from",
    );
    has(&said, "rules/agents.yaml: this rule file is missing");
    stage.main_is_still(&before);
}

#[test]
fn a_target_that_cannot_be_read_decides_nothing() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", LOW);
    stage.propose(AGENT, "b", MEDIUM);
    stage.edit_on_main(
        "targets/rsi-eurusd-draft.yaml",
        "environment: inactive",
        "environment: inactive\nenvironment: paper",
    );
    let before = stage.main();
    stage.run();
    has(
        &stage.report(1),
        "failure: invalid: targets/rsi-eurusd-draft.yaml:5:1: environment: the key `environment` is given twice",
    );
    has(&stage.report(2), "waiting: MEDIUM 55.00");
    stage.main_is_still(&before);
    stage.edit_on_main("targets/rsi-eurusd-draft.yaml", "\nenvironment: paper", "");
    stage.run();
    has(&stage.report(1), "success: LOW 0.00: merged by the bot");
}

#[test]
fn a_trigger_that_fails_counts_as_fired() {
    let mut stage = TestRepo::example();
    stage.edit_on_main(
        "rules/policy.yaml",
        "when: to_production",
        "when: parameters[7] == 'x'",
    );
    stage.propose(AGENT, "a", LOW);
    let before = stage.main();
    stage.run();
    let said = stage.report(1);
    has(&said, "waiting: HIGH 75.00");
    has(&said, "to_production");
    stage.main_is_still(&before);
}

#[test]
fn while_it_is_frozen_nothing_is_merged_whoever_approves() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", LOW);
    stage.propose(AGENT, "b", MEDIUM);
    stage.govern("dana", "c", &[("docs/x.md", "x")]);
    for who in ["dana", "mallory", AGENT] {
        stage
            .countersign(&["freeze", "--as", who, "--reason", "x"])
            .exits(1);
    }
    stage
        .countersign(&["freeze", "--as", "alice", "--reason", "Exchange outage"])
        .succeeds();
    let before = stage.main();
    stage.run();
    stage.read_all();
    for number in [2, 3] {
        has(
            &stage.approve(number, "carol"),
            "everything is frozen: an admin lifts that with `countersign unfreeze`",
        );
    }
    stage.run();
    for number in [2, 3] {
        let said = stage.report(number);
        has(&said, "everything is frozen");
        has(&said, "approved by carol (admin)");
    }
    // Nor does a frozen proposal expire: nobody could have approved it.
    stage.wait(TimeDelta::days(30));
    stage.run();
    stage.read_all();
    for who in ["alice", "dana", "mallory", AGENT] {
        stage.countersign(&["unfreeze", "--as", who]).exits(1);
    }
    stage.main_is_still(&before);
    stage.wait(TimeDelta::days(-30));
    stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    stage.run();
    for number in 1..=3 {
        has(&stage.report(number), "merged");
    }
    stage.verifies();
}

#[test]
fn a_freeze_in_a_review_is_heard_before_anything_else() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "b", MEDIUM);
    stage.run();
    has(&stage.report(1), "waiting: MEDIUM");
    stage.wait(TimeDelta::minutes(1));
    // Somebody who may not stops nothing.
    let no = ["--request-changes", "--message", "/freeze I say so"];
    stage.review(1, "dana", &no).succeeds();
    stage.propose("risk-manager", "c", LOW);
    stage.run();
    stage.read_all();
    assert_eq!(stage.log().len(), 3);
    stage.wait(TimeDelta::minutes(1));
    let stop = [
        "--request-changes",
        "--message",
        "Something is wrong.\n/freeze exchange outage",
    ];
    stage.propose(AGENT, "d", LOW);
    stage.propose(AGENT, "e", MEDIUM);
    stage.run();
    stage.read_all();
    stage.review(4, "alice", &stop).succeeds();
    stage.propose(AGENT, "a", LOW);
    stage.run();
    let log = stage.log();
    assert_eq!(
        log.last().map(String::as_str),
        Some("freeze: alice stops everything"),
        "{log:?}"
    );
    has(&stage.file("freeze.yaml"), "exchange outage");
    has(
        &stage.report(5),
        "Everything is frozen: nothing is merged until an admin lifts it.",
    );
    stage.read_all();
    // Its time is past: it does not stop anything again.
    stage.wait(TimeDelta::minutes(1));
    stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    stage.wait(TimeDelta::minutes(1));
    stage.run();
    has(&stage.report(5), "success: LOW 0.00: merged by the bot");
    stage.read_all();
    stage.verifies();
}

#[test]
fn a_freeze_is_heard_before_the_first_of_one_run() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "b", MEDIUM);
    stage.run();
    stage.read_all();
    stage.wait(TimeDelta::minutes(1));
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    // The first is approved, the freeze is on the second.
    stage.approve(1, "bob");
    stage
        .review(
            2,
            "alice",
            &["--request-changes", "--message", "/freeze outage"],
        )
        .succeeds();
    stage.run();
    has(
        &stage.report(1),
        "waiting: MEDIUM 55.00: everything is frozen",
    );
    stage.read_all();
    assert_eq!(stage.log()[1..], ["freeze: alice stops everything"]);
}

/// Freezes and their ends on `main`, each with what its trailers say was heard.
fn stops(stage: &TestRepo) -> Vec<String> {
    let format = "--format=%s;%(trailers:key=Said-in,valueonly,separator=%x2C)";
    let log = stage.git(&["log", "--reverse", "--first-parent", format, "main"]);
    let is_stop = |line: &&str| line.starts_with("freeze:") || line.starts_with("unfreeze:");
    log.lines().filter(is_stop).map(str::to_owned).collect()
}

#[test]
fn a_freeze_is_heard_once_whatever_the_clocks_say() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.propose(AGENT, "b", MEDIUM);
    stage.run();
    stage.read_all();
    let stop = [
        "--request-changes",
        "--message",
        "/freeze the market is mad",
    ];
    // bob's clock is an hour ahead of the bot's.
    stage.wait(TimeDelta::hours(1));
    stage.review(1, "bob", &stop).succeeds();
    stage.wait(TimeDelta::hours(-1));
    stage.run();
    // What is said while everything is frozen has its effect, too: it does not begin another freeze.
    stage.review(2, "alice", &stop).succeeds();
    stage.review(2, "dana", &stop).succeeds();
    stage.run();
    for _ in 0..3 {
        stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
        stage.run();
        stage
            .countersign(&["freeze", "--as", "carol", "--reason", "A drill."])
            .succeeds();
    }
    stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    stage.run();
    let mut expected = vec![
        "freeze: bob stops everything;#1 review r1",
        "unfreeze: by carol;#2 review r1",
    ];
    for _ in 0..3 {
        expected.extend(["freeze: carol stops everything;", "unfreeze: by carol;"]);
    }
    assert_eq!(stops(&stage), expected);
    // One that is new stops everything, also from a clock that is behind.
    stage.wait(TimeDelta::minutes(-10));
    stage.review(1, "alice", &stop).succeeds();
    stage.wait(TimeDelta::minutes(10));
    stage.run();
    assert_eq!(
        stops(&stage).last().map(String::as_str),
        Some("freeze: alice stops everything;#1 review r2")
    );
    has(
        &stage.file("freeze.yaml"),
        "said_in:\n  pull: 1\n  kind: review\n  id: r2\n",
    );
    stage.read_all();
    stage.verifies();
}

#[test]
fn one_agent_does_not_flood_its_reviewers() {
    let mut stage = TestRepo::example();
    stage.edit_on_main(
        "rules/governance.yaml",
        "pending_limit: 20",
        "pending_limit: 2",
    );
    for n in 0..4 {
        stage.propose(AGENT, &format!("a{n}"), MEDIUM);
    }
    stage.propose("risk-manager", "b", MEDIUM);
    stage.propose(AGENT, "c", LOW);
    let before = stage.log().len();
    stage.run();
    for number in [1, 2, 5] {
        has(
            &stage.report(number),
            "waiting: MEDIUM 55.00: needs 1 approval",
        );
    }
    for number in [3, 4] {
        let said = stage.report(number);
        has(
            &said,
            "failure: refused for now: 2 proposals of `strategy-optimizer` wait already",
        );
        has(
            &said,
            "Nobody is asked about this one until they are decided or withdrawn; it would need 1 approval by a reviewer",
        );
        has_not(&said, "Who may give it:");
        // Whoever looks is told the same.
        let shown = stage.countersign(&["show", &number.to_string()]);
        has(
            &shown.succeeds().stdout,
            "refused for now: 2 proposals of `strategy-optimizer` wait already",
        );
        has(
            &stage
                .countersign(&["list", "--status", "pending", "--format", "json"])
                .succeeds()
                .stdout,
            "refused for now: 2 proposals of `strategy-optimizer` wait already",
        );
    }
    has(&stage.report(6), "success: LOW 0.00: merged by the bot");
    assert_eq!(stage.log().len(), before + 2);
    stage
        .review(1, "alice", &["--reject", "other", "--message", "No."])
        .succeeds();
    stage.run();
    has(&stage.report(1), "rejected by alice");
    has(&stage.report(3), "waiting: MEDIUM 55.00: needs 1 approval");
    assert!(
        stage.said_on(4).len() == 1,
        "nothing is new about the last one"
    );
}

#[test]
fn a_new_name_for_each_proposal_does_not_flood_anybody() {
    let mut stage = TestRepo::example();
    stage.edit_on_main(
        "rules/governance.yaml",
        "pending_limit: 20",
        "pending_limit: 2",
    );
    for n in 0..4 {
        let (path, text) = stage.recommendation(&format!("agent-{n}"), MEDIUM);
        let clone = stage.clone_of(AGENT).start();
        clone
            .write(&path, &text)
            .commit("Propose")
            .push(&format!("recommend/a{n}"));
    }
    // Nor do changes of the rules, unless people propose them.
    for n in 0..3 {
        stage.govern(AGENT, &format!("b{n}"), &[(&format!("docs/{n}"), "x")]);
        stage.govern("dana", &format!("c{n}"), &[(&format!("notes/{n}"), "x")]);
    }
    let before = stage.main();
    stage.run();
    for number in [1, 2] {
        has(
            &stage.report(number),
            "waiting: HIGH 75.00: needs 1 approval by an admin",
        );
    }
    for number in [3, 4] {
        has(
            &stage.report(number),
            "failure: refused for now: 2 proposals of those who are not registered wait already",
        );
    }
    for number in [5, 6, 8, 9, 10] {
        has(&stage.report(number), "waiting: governance change, HIGH");
    }
    has(
        &stage.report(7),
        "failure: refused for now: 2 proposals of `strategy-optimizer` wait already",
    );
    stage.main_is_still(&before);
}
