//! Attacks on the record and on the rules: past records edited, removed or forged, rules and people changed
//! in passing, a change judged by itself.

use crate::support::proposals::{AGENT, LOW, MEDIUM};
use crate::support::{TestRepo, has, has_not};

/// The path of the one file of this name on `main`.
fn record(stage: &TestRepo, name: &str) -> String {
    let files = stage.git(&["ls-tree", "-r", "--name-only", "main"]);
    files
        .lines()
        .find(|path| path.ends_with(name))
        .unwrap_or_else(|| panic!("no {name} in:\n{files}"))
        .to_owned()
}

#[test]
fn rules_people_agents_and_targets_are_not_changed_in_passing() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let changes = [
        (
            "rules/governance.yaml",
            "mode: two_tier",
            "mode: auto_approve",
        ),
        (
            "rules/people.yaml",
            "members: [carol]",
            "members: [carol, dana]",
        ),
        ("rules/agents.yaml", "owner: dana", "owner: alice"),
        (
            "targets/rsi-eurusd.yaml",
            "environment: live",
            "environment: inactive",
        ),
        ("rules/policy.yaml", "when: to_production", "when: 'false'"),
        (
            "rules/actions.yaml",
            "reversibility: irreversible",
            "reversibility: easy",
        ),
    ];
    for (index, (path, from, to)) in changes.iter().enumerate() {
        let (own, text) = stage.recommendation(AGENT, MEDIUM);
        let changed = stage.file(path).replace(from, to);
        assert_ne!(changed, stage.file(path), "{path}");
        let clone = stage.clone_of(AGENT).start();
        clone.write(&own, &text).write(path, &changed);
        clone.commit("Propose").push(&format!("recommend/a{index}"));
    }
    // The other kind of branch makes no difference.
    let (own, text) = stage.recommendation(AGENT, MEDIUM);
    let clone = stage.clone_of(AGENT).start();
    clone.write(&own, &text).write("docs/why.md", "Why not?\n");
    clone.commit("Propose").push("govern/a");
    stage.run();
    for (number, (path, ..)) in (1..).zip(&changes) {
        has(
            &stage.report(number),
            &format!(
                "failure: invalid: {path}: a recommendation and a governance change in one pull request: propose them one by one, so that neither hides the other"
            ),
        );
    }
    has(
        &stage.report(7),
        "failure: invalid: docs/why.md: a recommendation and a governance change",
    );
    stage.main_is_still(&before);
}

#[test]
fn a_change_of_the_rules_is_judged_by_the_rules_on_main() {
    let mut stage = TestRepo::example();
    let people = stage
        .file("rules/people.yaml")
        .replace("members: [carol]", "members: [carol, dana]");
    let mode = stage
        .file("rules/governance.yaml")
        .replace("mode: two_tier", "mode: auto_approve");
    let actions = stage
        .file("rules/agents.yaml")
        .replace("owner: dana", "owner: bob");
    let before = stage.main();
    stage.govern("dana", "a", &[("rules/people.yaml", &people)]);
    stage.govern(
        "dana",
        "b",
        &[
            ("rules/governance.yaml", &mode),
            ("rules/people.yaml", &people),
        ],
    );
    stage.govern(AGENT, "c", &[("rules/agents.yaml", &actions)]);
    stage.run();
    for number in 1..=3 {
        let said = stage.report(number);
        has(
            &said,
            "waiting: governance change, HIGH: needs 1 approval by an admin, with a justification",
        );
        has(&said, "judged by the rules on `main` and not by its own");
        // The diff above it names whom the change would let in.
        let (_, needed) = said.split_once("Still needed: ").unwrap();
        has(needed, "Who may give it: carol.");
        has_not(needed, "dana");
    }
    has(
        &stage.approve(1, "dana"),
        "it will not count: `dana` opened the pull request",
    );
    has(
        &stage.approve(2, "dana"),
        "it will not count: `dana` opened the pull request",
    );
    // The owner of an agent does not approve its change of the rules either, nor does a reviewer.
    has(
        &stage.approve(3, "dana"),
        "it will not count: `dana` is the owner of the agent",
    );
    has(
        &stage.approve(3, "bob"),
        "it will not count: `bob` is a reviewer: this needs an admin",
    );
    stage.run();
    has(
        &stage.report(1),
        "not counted: the review of `dana`: `dana` opened the pull request",
    );
    stage.read_all();
    stage.main_is_still(&before);
    // Once it is merged, and not before, it decides.
    stage.approve(1, "carol");
    stage.run();
    has(
        &stage.report(1),
        "success: governance change, HIGH: approved and merged",
    );
    // An admin by now, dana is still not asked about what dana opened: there is nothing new to say.
    let said = stage.said_on(2).pop().unwrap();
    has(&said, "needs 1 approval by an admin");
    has(&said, "Who may give it: carol.");
    has(
        &said,
        "not counted: the review of `dana`: `dana` opened the pull request",
    );
    stage.read_all();
}

#[test]
fn an_agent_in_auto_approve_still_does_not_change_the_rules() {
    let mut stage = TestRepo::in_mode("auto_approve");
    let people = stage
        .file("rules/people.yaml")
        .replace("members: [carol]", "members: [carol, dana]");
    let before = stage.main();
    stage.govern(AGENT, "a", &[("rules/people.yaml", &people)]);
    stage.govern("dana", "b", &[("rules/people.yaml", &people)]);
    // An admin's own is merged at once there, but not what an agent has put into it.
    let clone = stage.clone_of("carol").start();
    clone.write("rules/people.yaml", &people);
    clone.commit_as(
        "carol@example.org",
        "strategy-optimizer@agents.example.org",
        "More admins\n",
    );
    clone.push("govern/c");
    let clone = stage.clone_of("carol").start();
    clone.write("rules/people.yaml", &people);
    clone.commit_as(
        "carol@example.org",
        "carol@example.org",
        "More admins\n\nCo-authored-by: Dana <dana@example.org>\n",
    );
    clone.push("govern/d");
    stage.run();
    for number in 1..=4 {
        has(
            &stage.report(number),
            "waiting: governance change, HIGH: needs 1 approval by an admin",
        );
    }
    stage.main_is_still(&before);
}

#[test]
fn rules_that_cannot_be_read_are_refused_even_when_approved() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let governance = stage.file("rules/governance.yaml");
    let triggers = stage.file("rules/policy.yaml");
    let cases = [
        (
            "rules/governance.yaml",
            governance.replace("mode: two_tier", "mode: yolo"),
            "rules/governance.yaml:11:7: mode: ",
        ),
        (
            "rules/governance.yaml",
            governance.replace("environment: 40", "environment: 41"),
            "rules/governance.yaml:14:1: weights: the four weights make 101: expected exactly 100",
        ),
        (
            "rules/governance.yaml",
            governance.replace("weights:", "weight:"),
            "unknown key `weight`: did you mean `weights`?",
        ),
        (
            "rules/governance.yaml",
            governance.replace("mode: two_tier", "mode: auto_approve\nmode: two_tier"),
            "rules/governance.yaml:12:1: mode: the key `mode` is given twice",
        ),
        (
            "rules/policy.yaml",
            triggers.replace("when: to_production", "when: to_prod"),
            "rules/policy.yaml:80:11: rules[0].when: `to_prod` is not a fact: expected one of action, effect,",
        ),
        (
            "rules/people.yaml",
            "schema: countersign/people/v2\n".to_owned(),
            "is not a schema that this version reads",
        ),
        (
            "rules/people.yaml",
            stage
                .file("rules/people.yaml")
                .replace("bob@example.org", "alice@example.org"),
            "each belongs to one person",
        ),
        (
            "rules/agents.yaml",
            stage
                .file("rules/agents.yaml")
                .replace("[risk-manager@agents.example.org]", "[Alice@example.org]"),
            "an identity of it is also `alice`'s in `rules/people.yaml`: nobody is both an agent and a person",
        ),
        (
            "targets/rsi-eurusd.yaml",
            "schema: countersign/target/v1\n".to_owned(),
            "targets/rsi-eurusd.yaml:1:1: environment: missing key `environment`",
        ),
        (
            "rules/tests/factors.yaml",
            "schema: countersign/policy-test/v1\ntests: 1\n".to_owned(),
            "rules/tests/factors.yaml:2:8: tests: ",
        ),
        // Loops in loops would let a change of the rules stop the bot before anybody has approved it.
        (
            "rules/policy.yaml",
            triggers.replace(
                "when: to_production",
                "when: changes . all (a, changes . all (b, changes . all (c, a == b && b == c)))",
            ),
            "too many loops: at most 2",
        ),
    ];
    for (index, (path, text, _)) in cases.iter().enumerate() {
        stage.govern("dana", &format!("a{index:02}"), &[(path, text)]);
    }
    stage.run();
    for (number, (_, _, expected)) in (1..).zip(&cases) {
        let said = stage.report(number);
        has(&said, "failure: invalid: ");
        has(&said, expected);
        has(
            &stage.approve(number, "carol"),
            "nothing follows until the proposal is mended",
        );
    }
    stage.run();
    stage.main_is_still(&before);
}

#[test]
fn a_change_that_breaks_a_policy_test_or_removes_the_rules_is_refused_even_when_approved() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let parameters = stage
        .file("rules/parameters.yaml")
        .replace("extreme_above: 12", "extreme_above: 1200");
    stage.govern("dana", "a", &[("rules/parameters.yaml", &parameters)]);
    for (branch, path) in [("b", "rules"), ("c", "rules/people.yaml")] {
        let clone = stage.clone_of("dana").start();
        clone.git(&["rm", "-q", "-r", path]);
        clone.commit("Less").push(&format!("govern/{branch}"));
    }
    let clone = stage.clone_of("dana").start();
    clone.git(&["rm", "-q", "-r", "rules"]);
    clone
        .write("rules", "none\n")
        .commit("A file")
        .push("govern/d");
    stage.run();
    for (number, expected) in [
        (
            1,
            "` fails: triggers: expected deviant_value, extreme_value, found deviant_value",
        ),
        (2, "rules: there are no rules on `main`"),
        (3, "rules/people.yaml: this rule file is missing"),
        (
            4,
            "rules: is a folder on `main`: a file does not take its place",
        ),
    ] {
        let said = stage.report(number);
        has(&said, "failure: invalid: rules");
        has(&said, expected);
        stage.approve(number, "carol");
    }
    stage.run();
    stage.main_is_still(&before);
}

#[test]
fn everything_that_is_not_a_record_may_be_changed_by_people_and_is_high() {
    let mut stage = TestRepo::example();
    stage.govern(
        "dana",
        "a",
        &[
            (".github/workflows/countersign.yml", "on: push\n"),
            ("CODEOWNERS", "* @dana\n"),
        ],
    );
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "waiting: governance change, HIGH: needs 1 approval by an admin, with a justification",
    );
    has(&said, "- `.github/workflows/countersign.yml`");
    stage.approve(1, "carol");
    stage.run();
    has(&stage.report(1), "approved and merged");
    assert_eq!(
        stage.log()[1],
        "governance: approve change of .github/workflows/countersign.yml and 1 more (HIGH 75.00)"
    );
    stage.verifies();
}

#[test]
fn a_governance_change_does_not_undo_what_happened_on_main_since() {
    let mut stage = TestRepo::example();
    let stale = stage.clone_of("dana").start();
    stage.propose(AGENT, "a", LOW);
    stage.run();
    stage.read_all();
    let before = stage.main();
    // Its own view of the target is older than the change that was approved in the meantime.
    let target = stage
        .file("targets/rsi-eurusd-draft.yaml")
        .replace("stop_loss_pct: 1.5", "stop_loss_pct: 9");
    stale
        .write("targets/rsi-eurusd-draft.yaml", &target)
        .commit("Retune")
        .push("govern/b");
    stage.run();
    has(
        &stage.report(2),
        "failure: invalid: targets/rsi-eurusd-draft.yaml: was changed on `main` in the meantime: bring the branch up to date (`git rebase`)",
    );
    stage.main_is_still(&before);
}

#[test]
fn a_record_is_never_edited_renamed_or_removed() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", LOW);
    stage.run();
    stage.read_all();
    let before = stage.main();
    let records: Vec<String> = ["recommendation.yaml", "decision.yaml", "outcome.yaml"]
        .iter()
        .map(|name| record(&stage, name))
        .collect();
    let mut branches = 0;
    let mut number = 1;
    for path in &records {
        let text = stage.file(path);
        for trick in ["edit", "remove", "rename"] {
            let clone = stage.clone_of("carol").start();
            match trick {
                "edit" => {
                    _ = clone.write(
                        path,
                        &text
                            .replace("1.5", "1.6")
                            .replace("LOW", "HIGH")
                            .replace("true", "false"),
                    )
                }
                "remove" => _ = clone.git(&["rm", "-q", path]),
                _ => _ = clone.git(&["mv", path, &path.replace(".yaml", "-old.yaml")]),
            }
            clone
                .commit("Correct the record")
                .push(&format!("govern/a{branches}"));
            branches += 1;
        }
    }
    stage.run();
    for _ in &records {
        for expected in [
            "a record is never edited or removed: a correction is a new record (`countersign feedback`, or a new recommendation)",
            "a record is never edited or removed",
            "2 records are touched: a recommendation adds exactly one file, its own `recommendation.yaml`",
        ] {
            number += 1;
            let said = stage.report(number);
            has(&said, "failure: invalid: recommendations/");
            has(&said, expected);
            stage.approve(number, "alice");
        }
    }
    stage.run();
    stage.main_is_still(&before);
    stage.verifies();
}

#[test]
fn only_the_bot_writes_decisions_outcomes_and_freezes() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let (path, text) = stage.recommendation(AGENT, MEDIUM);
    let folder = path.rsplit_once('/').unwrap().0;
    let cases = [
        (
            vec![format!("{folder}/decision.yaml")],
            "only the bot writes here: an agent adds `recommendation.yaml` and nothing else",
        ),
        (
            vec![format!("{folder}/outcome.yaml")],
            "only the bot writes here",
        ),
        (
            vec![format!("{folder}/feedback/{}.yaml", stage.fresh_id())],
            "only the bot writes here",
        ),
        (
            vec![path.clone(), format!("{folder}/decision.yaml")],
            "2 records are touched",
        ),
        (
            vec![path.clone(), format!("{folder}/notes.md")],
            "2 records are touched",
        ),
        (vec!["freeze.yaml".to_owned()], "only the bot writes here"),
        (vec!["freeze.yaml/x".to_owned()], "only the bot writes here"),
        (vec!["FREEZE.yaml".to_owned()], "only the bot writes here"),
        (
            vec!["governance/2026/01/01/00/x/decision.yaml".to_owned()],
            "only the bot writes here",
        ),
        (
            vec!["Governance/x.yaml".to_owned()],
            "only the bot writes here",
        ),
        (
            vec!["recommendations".to_owned()],
            "only the bot writes here",
        ),
    ];
    for (index, (paths, _)) in cases.iter().enumerate() {
        let clone = stage.clone_of(AGENT).start();
        for path in paths {
            clone.write(path, &text);
        }
        clone
            .commit("Propose")
            .push(&format!("recommend/a{index:02}"));
    }
    // Two proposals at once are none.
    let clone = stage.clone_of(AGENT).start();
    for body in [LOW, MEDIUM] {
        let (path, text) = stage.recommendation(AGENT, body);
        clone.write(&path, &text);
    }
    clone.commit("Propose").push("recommend/b");
    stage.run();
    for (number, (_, expected)) in (1..).zip(&cases) {
        let said = stage.report(number);
        has(&said, "failure: invalid: ");
        has(&said, expected);
    }
    has(&stage.report(12), "2 records are touched");
    stage.main_is_still(&before);
}

#[test]
fn a_freeze_is_not_lifted_by_a_branch() {
    let mut stage = TestRepo::example();
    stage
        .countersign(&["freeze", "--as", "alice", "--reason", "Outage"])
        .succeeds();
    let before = stage.main();
    for (branch, prefix) in [("a", "recommend"), ("b", "govern")] {
        let clone = stage.clone_of("carol").start();
        clone.git(&["rm", "-q", "freeze.yaml"]);
        clone.commit("Go on").push(&format!("{prefix}/{branch}"));
    }
    stage.run();
    for number in [1, 2] {
        has(
            &stage.report(number),
            "failure: invalid: freeze.yaml: a record is never edited or removed",
        );
    }
    stage.main_is_still(&before);
    stage.verifies();
}

#[test]
fn a_file_where_another_change_needs_a_folder_stops_nobody_else() {
    let mut stage = TestRepo::example();
    // Both branches begin before either is merged.
    stage.govern("alice", "a", &[("docs", "A file.\n")]);
    stage.govern("bob", "b", &[("docs/a", "In a folder.\n")]);
    let clone = stage.clone_of("strategy-optimizer").start();
    clone
        .write("targets/zz.yaml/x", "hello\n")
        .commit("A folder of that name")
        .push("govern/c");
    stage.propose(
        "strategy-optimizer",
        "create",
        "action: create_strategy\ntargets: [zz]\nchanges: {trading_mode: inactive}",
    );
    stage.run();
    has(&stage.report(1), "success: LOW 0.00: merged by the bot");
    let title = |stage: &mut TestRepo, number| {
        let said = stage.report(number);
        said.lines().next().unwrap().to_owned()
    };
    assert_eq!(
        title(&mut stage, 4),
        "failure: invalid: targets/zz.yaml/x: `targets/zz.yaml` is a file on `main`, so nothing can lie below it: choose another name"
    );
    stage.read_all();
    stage.approve(2, "carol");
    stage.run();
    assert_eq!(
        title(&mut stage, 2),
        "success: governance change, HIGH: approved and merged"
    );
    assert_eq!(
        title(&mut stage, 3),
        "failure: invalid: docs/a: `docs` is a file on `main`, so nothing can lie below it: choose another name"
    );
    stage.propose(
        "risk-manager",
        "another",
        "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1}",
    );
    stage.run();
    has(&stage.report(5), "success: LOW 0.00: merged by the bot");
    stage.verifies();
}
