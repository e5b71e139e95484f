//! Attacks by what a proposal claims: lies about the environment, harmless names, padding, an agent that
//! is not the one it says. A claim may raise the risk and never lowers it.

use crate::support::{TestRepo, has, has_not};

const LIVE: &str = "targets: [rsi-eurusd]";
const DRAFT: &str = "targets: [rsi-eurusd-draft]";

/// The agent proposes each body on a branch of its own, in one push; gives what the bot says on each.
#[track_caller]
fn answers(stage: &mut TestRepo, agent: &str, bodies: &[&str]) -> Vec<String> {
    for (index, body) in bodies.iter().enumerate() {
        stage.propose(agent, &format!("a{index:02}"), body);
    }
    stage.run();
    (1..).zip(bodies).map(|(n, _)| stage.report(n)).collect()
}

#[test]
fn no_claim_about_the_environment_lowers_the_risk() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let said = answers(
        &mut stage,
        "strategy-optimizer",
        &[
            // By its changes, by its details, by its words, by what it expects.
            &format!(
                "action: modify_parameters\n{LIVE}\nchanges: {{stop_loss_pct: 4, trading_mode: inactive}}"
            ),
            &format!(
                "action: modify_parameters\n{LIVE}\nchanges: {{stop_loss_pct: 4}}\ndetails: {{environment: inactive, risk: LOW, score: 0}}\nrationale: This is a paper account."
            ),
            &format!(
                "action: modify_parameters\n{LIVE}\nchanges: {{stop_loss_pct: 4}}\nexpects: {{trading_mode: live}}"
            ),
            &format!(
                "action: modify_parameters\n{LIVE}\nchanges: {{stop_loss_pct: 4, environment: inactive}}"
            ),
        ],
    );
    has(&said[0], "waiting: MEDIUM 55.00: needs 1 approval");
    has(&said[1], "waiting: MEDIUM 55.00: needs 1 approval");
    has(&said[1], "live (targets/rsi-eurusd.yaml)");
    has(&said[2], "waiting: MEDIUM 55.00: needs 1 approval");
    has(&said[3], "waiting: MEDIUM 70.00: needs 1 approval");
    has(&said[3], "environment");
    stage.main_is_still(&before);
}

#[test]
fn a_claim_about_the_environment_raises_the_risk() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let said = answers(
        &mut stage,
        "strategy-optimizer",
        &[
            &format!("action: modify_parameters\n{DRAFT}\nchanges: {{trading_mode: live}}"),
            &format!("action: modify_parameters\n{DRAFT}\nchanges: {{trading_mode: moon}}"),
            &format!("action: modify_parameters\n{DRAFT}\nchanges: {{trading_mode: null}}"),
            "action: create_strategy\ntargets: [rsi-new]\nchanges: {trading_mode: live}",
            "action: create_strategy\ntargets: [rsi-new]\nchanges: {stop_loss_pct: 2}",
        ],
    );
    has(&said[0], "HIGH 75.00: needs 1 approval by an admin");
    has(&said[0], "switches from test to production (live)");
    has(&said[1], "HIGH");
    has(&said[1], "not an environment of rules/governance.yaml");
    has(&said[2], "HIGH");
    has(&said[3], "HIGH 75.00");
    has(&said[4], "HIGH");
    has(&said[4], "does not name the new target's environment");
    stage.main_is_still(&before);
}

#[test]
fn the_targets_file_in_the_proposing_branch_is_not_believed() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let harmless = stage
        .file("targets/rsi-eurusd.yaml")
        .replace("live", "inactive");
    let body = format!("action: modify_parameters\n{LIVE}\nchanges: {{stop_loss_pct: 4}}");
    let (path, text) = stage.recommendation("strategy-optimizer", &body);
    let clone = stage.clone_of("strategy-optimizer").start();
    clone
        .write("targets/rsi-eurusd.yaml", &harmless)
        .commit("First the target");
    clone.write(&path, &text).commit("Then the proposal");
    clone.push("recommend/both");
    // The lie may also be taken back again, so that only the proposal is left of the branch.
    let clone = stage.clone_of("risk-manager").start();
    clone
        .write("targets/rsi-eurusd.yaml", &harmless)
        .commit("It is inactive");
    clone.git(&["checkout", "-q", "origin/main", "--", "targets"]);
    let (path, text) = stage.recommendation("risk-manager", &body);
    clone.write(&path, &text).commit("It is not");
    clone.push("recommend/taken-back");
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "failure: invalid: targets/rsi-eurusd.yaml: a recommendation and a governance change in one pull request",
    );
    has(&stage.report(2), "waiting: MEDIUM 55.00");
    stage.main_is_still(&before);
}

#[test]
fn a_harmless_name_does_not_carry_a_change() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let said = answers(
        &mut stage,
        "strategy-optimizer",
        &[
            &format!("action: analyze\n{LIVE}\nchanges: {{stop_loss_pct: 4}}"),
            &format!("action: query_documentation\n{LIVE}\nchanges: {{stop_loss_enabled: false}}"),
            &format!("action: delete_strategy\n{DRAFT}\nchanges: {{stop_loss_pct: 2}}"),
            "action: create_strategy\ntargets: [rsi-eurusd]\nchanges: {trading_mode: inactive}",
            &format!("action: modify_parameters\n{LIVE}"),
            "action: modify_parameters\nchanges: {stop_loss_pct: 2}",
            &format!("action: rebalance_portfolio\n{LIVE}\nchanges: {{position_size_pct: 1}}"),
        ],
    );
    for said in &said[..2] {
        has(said, "failure: invalid: recommendations/");
        has(said, "recommendation.yaml:8:1: changes: ");
        has(said, "has no effect, so it may carry no changes");
    }
    has(
        &said[2],
        "removes its targets, so it may carry no changes: remove them",
    );
    has(
        &said[3],
        "targets: `targets/rsi-eurusd.yaml` exists already: choose a name that is free",
    );
    has(
        &said[4],
        "changes: `modify_parameters` changes parameters: give at least one new value",
    );
    has(
        &said[5],
        "targets: `modify_parameters` changes targets: name at least one",
    );
    has(
        &said[6],
        "action: `strategy-optimizer` may not propose `rebalance_portfolio`: it may propose analyze",
    );
    stage.main_is_still(&before);
}

#[test]
fn what_is_unknown_counts_as_the_highest() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let said = answers(
        &mut stage,
        "strategy-optimizer",
        &[
            "action: modify_parameters\ntargets: [nowhere]\nchanges: {stop_loss_pct: 2}",
            &format!("action: modify_parameters\n{LIVE}\nchanges: {{warp_factor: 1}}"),
            &format!("action: teleport\n{DRAFT}\nchanges: {{stop_loss_pct: 2}}"),
            "action: modify_parameters\ntargets: [rsi-eurusd-draft, nowhere]\nchanges: {stop_loss_pct: 2}",
        ],
    );
    // An action or target that does not exist is a typo and nobody's work; a parameter may be new.
    for (index, typo) in [
        (
            0,
            "there is no `targets/nowhere.yaml`: name a target that is there, or create it first",
        ),
        (
            2,
            "`teleport` is not listed in `rules/actions.yaml`: expected one of analyze, ",
        ),
        (
            3,
            "there is no `targets/nowhere.yaml`: name a target that is there, or create it first",
        ),
    ] {
        has(&said[index], "failure: invalid: ");
        has(&said[index], typo);
    }
    has(&said[1], "waiting: MEDIUM 70.00");
    has(&said[1], "warp_factor");
    stage.main_is_still(&before);
}

#[test]
fn a_likely_typo_is_told_to_the_agent_with_its_place_and_what_was_probably_meant() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let said = answers(
        &mut stage,
        "strategy-optimizer",
        &[
            "action: modify_paramters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 2}",
            "action: modify_parameters\ntargets: [rsi-eursud]\nchanges: {stop_loss_pct: 2}",
            "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges:\n  stop_loss_pct: 3,5",
            "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4%}",
            "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: }",
            "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: \"\"}",
        ],
    );
    for (said, typo) in said.iter().zip([
        ": action: `modify_paramters` is not listed in `rules/actions.yaml`: did you mean `modify_parameters`? expected one of",
        ": targets[0]: there is no `targets/rsi-eursud.yaml`: did you mean `rsi-eurusd`?",
        ": changes.stop_loss_pct: expected a number, as in `targets/rsi-eurusd.yaml` (3.0), found the text `3,5`: did you mean `3.5`?",
        ": changes.stop_loss_pct: expected a number, as in `targets/rsi-eurusd.yaml` (3.0), found the text `4%`: did you mean `4`?",
        ": changes.stop_loss_pct: the value is empty: write it, or `null` if the parameter is to be removed",
        ": changes.stop_loss_pct: expected a number, as in `targets/rsi-eurusd.yaml` (3.0), found an empty text",
    ]) {
        has(said, "failure: invalid: ");
        has(said, typo);
        let place = said.split("recommendation.yaml:").nth(1).unwrap();
        assert!(place.starts_with(|c: char| c.is_ascii_digit()), "{said}");
    }
    stage.main_is_still(&before);
}

#[test]
fn where_the_rules_say_so_people_are_asked_about_what_does_not_exist() {
    let mut stage = TestRepo::example();
    let rules = stage
        .file("rules/governance.yaml")
        .replace("likely_typos: refuse", "likely_typos: score");
    stage.govern("dana", "score", &[("rules/governance.yaml", &rules)]);
    stage.run();
    stage.approve(1, "carol");
    stage.run();
    for (index, body) in [
        "action: modify_parameters\ntargets: [nowhere]\nchanges: {stop_loss_pct: 2}".to_owned(),
        format!("action: teleport\n{DRAFT}\nchanges: {{stop_loss_pct: 2}}"),
    ]
    .iter()
    .enumerate()
    {
        stage.propose("strategy-optimizer", &format!("a{index}"), body);
    }
    stage.run();
    let said = stage.report(2);
    has(&said, "waiting: MEDIUM 40.00");
    has(
        &said,
        "the target does not exist on main, which counts as production",
    );
    has(&stage.report(3), "which counts as irreversible");
    stage.read_all();
}

#[test]
fn an_extreme_change_does_not_hide_among_harmless_ones() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let padding: String = (0..40)
        .map(|n| format!(", take_profit_pct{n}: 1"))
        .collect();
    let said = answers(
        &mut stage,
        "strategy-optimizer",
        &[
            &format!("action: modify_parameters\n{LIVE}\nchanges: {{stop_loss_pct: 50}}"),
            &format!(
                "action: modify_parameters\n{LIVE}\nchanges: {{stop_loss_pct: 50, take_profit_pct: 6, position_size_pct: 1, leverage: 1, max_drawdown_pct: 5}}"
            ),
            // What is already so is no change, and counts for nothing.
            &format!(
                "action: modify_parameters\n{LIVE}\nchanges: {{leverage: 8, stop_loss_pct: 3.0, stop_loss_enabled: true, trading_mode: live}}"
            ),
            &format!("action: modify_parameters\n{LIVE}\nchanges: {{leverage: 8}}"),
            &format!("action: modify_parameters\n{LIVE}\nchanges: {{leverage: 1{padding}}}"),
        ],
    );
    for said in &said[..2] {
        has(said, "waiting: HIGH 75.00");
        has(said, "past the extreme threshold: stop_loss_pct");
    }
    for said in &said[2..4] {
        has(said, "waiting: MEDIUM 62.50");
    }
    has(&said[4], "waiting: MEDIUM 70.00");
    stage.main_is_still(&before);
}

#[test]
fn a_safety_control_is_not_switched_off_in_disguise() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let said = answers(
        &mut stage,
        "strategy-optimizer",
        &[
            &format!("action: modify_parameters\n{DRAFT}\nchanges: {{stop_loss_enabled: false}}"),
            &format!("action: modify_parameters\n{DRAFT}\nchanges: {{stop_loss_enabled: null}}"),
            &format!("action: modify_parameters\n{DRAFT}\nchanges: {{stop_loss_pct: null}}"),
            &format!("action: modify_parameters\n{DRAFT}\nchanges: {{stop_loss_pct: 1e9}}"),
            &format!("action: modify_parameters\n{DRAFT}\nchanges: {{stop_loss_pct: -5}}"),
        ],
    );
    for said in &said {
        has(said, "waiting: HIGH 75.00: needs 1 approval by an admin");
    }
    let text = format!("action: modify_parameters\n{DRAFT}\nchanges: {{stop_loss_pct: '2'}}");
    stage.propose("strategy-optimizer", "text", &text);
    stage.run();
    has(
        &stage.report(6),
        "changes.stop_loss_pct: expected a number, as in `targets/rsi-eurusd-draft.yaml` (3.0), found the text `2`: did you mean `2`?",
    );
    stage.main_is_still(&before);
}

#[test]
fn the_rules_number_for_padding_decides_and_not_the_agent() {
    let mut stage = TestRepo::example();
    stage.edit_on_main("rules/governance.yaml", "aggregate: max", "aggregate: mean");
    stage.commit_to_main(&[("rules/tests", None)]);
    let said = answers(
        &mut stage,
        "strategy-optimizer",
        // Unchanged values would lower a mean, if they counted.
        &[&format!(
            "action: modify_parameters\n{LIVE}\nchanges: {{leverage: 8, stop_loss_pct: 3.0, stop_loss_enabled: true, trading_mode: live}}"
        )],
    );
    has(&said[0], "waiting: MEDIUM 62.50");
}

#[test]
fn nobody_proposes_in_the_name_of_a_registered_agent() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let body = format!("action: modify_parameters\n{DRAFT}\nchanges: {{stop_loss_pct: 1.5}}");
    for (who, branch) in [
        ("market-analyst", "a"),
        ("dana", "b"),
        ("carol", "c"),
        ("mallory", "d"),
    ] {
        let (path, text) = stage.recommendation("risk-manager", &body);
        stage
            .clone_of(who)
            .start()
            .write(&path, &text)
            .commit("Propose")
            .push(&format!("recommend/{branch}"));
    }
    stage.run();
    for (number, who) in [
        (1, "market-analyst@agents.example.org"),
        (2, "dana@example.org"),
        (3, "carol@example.org"),
        (4, "mallory@example.org"),
    ] {
        let said = stage.report(number);
        has(&said, "failure: invalid: ");
        has(&said, "recommendation.yaml: agent: ");
        has(
            &said,
            &format!("`{who}` is not an identity of `risk-manager`: propose as the agent itself"),
        );
    }
    stage.main_is_still(&before);
}

#[test]
fn nobody_pushes_a_proposal_onto_the_branch_of_another_agent() {
    let mut stage = TestRepo::example();
    let body = "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}";
    stage.propose("risk-manager", "a", body);
    stage.propose("risk-manager", "b", body);
    stage.run();
    stage.read_all();
    let before = stage.main();
    let draft = format!("action: modify_parameters\n{DRAFT}\nchanges: {{stop_loss_pct: 1.5}}");
    // One replaces the branch, one adds to it, hiding behind the author's name.
    let (path, text) = stage.recommendation("risk-manager", &draft);
    let clone = stage.clone_of("market-analyst").start();
    clone
        .write(&path, &text)
        .commit("Propose")
        .push("recommend/a");
    let clone = stage.clone_of("market-analyst").start();
    let (path, text) = stage.recommendation("risk-manager", &draft);
    clone.write(&path, &text).commit_as(
        "risk-manager@agents.example.org",
        "market-analyst@agents.example.org",
        "Propose",
    );
    clone.push("recommend/b");
    stage.run();
    for (number, noun) in [(1, "author"), (2, "committer")] {
        let said = stage.report(number);
        has(&said, "failure: invalid: ");
        has(&said, "agent: ");
        has(&said, &format!("`market-analyst` is the {noun} of commit"));
        has(&said, "propose as the agent itself");
    }
    stage.main_is_still(&before);
}

#[test]
fn an_unregistered_agent_is_high_whatever_it_proposes() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let body = format!("action: analyze\n{LIVE}");
    let (path, text) = stage.recommendation("free-agent", &body);
    stage
        .clone_of("free-agent")
        .start()
        .write(&path, &text)
        .commit("Propose")
        .push("recommend/a");
    // The same in the name of nobody at all, by a registered agent.
    let (path, text) = stage.recommendation("free-agent", &body);
    stage
        .clone_of("market-analyst")
        .start()
        .write(&path, &text)
        .commit("Propose")
        .push("recommend/b");
    stage.run();
    let said = stage.report(1);
    has(&said, "waiting: HIGH 75.00");
    has(&said, "free-agent is not registered in rules/agents.yaml");
    has(&said, "a commit is by nobody that the rules know");
    let said = stage.report(2);
    has(&said, "waiting: HIGH 75.00");
    has_not(&said, "by nobody that the rules know");
    stage.main_is_still(&before);
}

#[test]
fn a_commit_by_nobody_that_the_rules_know_is_high() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let body = format!("action: modify_parameters\n{DRAFT}\nchanges: {{stop_loss_pct: 1.5}}");
    let agent = "strategy-optimizer@agents.example.org";
    let stranger = "somebody@elsewhere.example";
    let co_author = format!("Propose\n\nCo-authored-by: Somebody <{stranger}>\n");
    let addresses = "Propose\n\nCo-authored-by: Somebody\n".to_owned();
    for (branch, author, committer, message) in [
        ("a", agent, stranger, "Propose\n"),
        ("b", agent, agent, co_author.as_str()),
        ("c", agent, agent, addresses.as_str()),
    ] {
        let (path, text) = stage.recommendation("strategy-optimizer", &body);
        let clone = stage.clone_of("strategy-optimizer").start();
        clone
            .write(&path, &text)
            .commit_as(author, committer, message);
        clone.push(&format!("recommend/{branch}"));
    }
    // An older commit of the branch by a stranger, with the agent's own on top.
    let (path, text) = stage.recommendation("strategy-optimizer", &body);
    let clone = stage.clone_of("strategy-optimizer").start();
    clone
        .write(&path, &text)
        .commit_as(stranger, stranger, "Theirs\n");
    clone.commit("Mine").push("recommend/d");
    stage.run();
    for number in 1..=4 {
        let said = stage.report(number);
        has(&said, "waiting: HIGH 75.00");
        has(&said, "a commit is by nobody that the rules know");
    }
    stage.main_is_still(&before);
    stage.verifies();
}
