//! `countersign backtest`: a trail under other rules, from a folder and from a branch, and the same summary in
//! the report of the governance change that proposes them.

use serde_json::Value as Json;

use crate::support::{COUNTERSIGN, clean, redact};
use crate::verify::story::{HIGH, MEDIUM, every_event};
use crate::verify::world::{World, shipped_rules};

fn backtest(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let mut command = std::process::Command::new(COUNTERSIGN);
    command
        .current_dir(world.folder())
        .args(["backtest", "--repo"])
        .arg(world.path())
        .args(arguments);
    clean(&mut command, "auditor@example.org");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A folder with the shipped rules, one text in one of them replaced.
fn other_rules(world: &World, path: &str, from: &str, to: &str) -> String {
    replaced_rules(world, &[(path, from, to)])
}

fn replaced_rules(world: &World, replaced: &[(&str, &str, &str)]) -> String {
    let folder = world.folder().join("other");
    std::fs::create_dir_all(folder.join("rules")).unwrap();
    for (name, mut text) in shipped_rules() {
        for (_, from, to) in replaced.iter().filter(|(path, ..)| *path == name) {
            assert!(text.contains(from), "{name} has no `{from}`");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder.to_str().unwrap().to_owned()
}

/// What is said of the shipped rules with these texts replaced, against those of a world without decisions.
fn compared(world: &World, replaced: &[(&str, &str, &str)]) -> String {
    let folder = replaced_rules(world, replaced);
    let (status, text, stderr) = backtest(world, &["--rules", &folder]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{text}");
    let (_, compared) = text.split_once("0 now.\n\n").unwrap();
    compared.to_owned()
}

const GOVERNANCE: &str = "rules/governance.yaml";
const PARAMETERS: &str = "rules/parameters.yaml";
const POLICY: &str = "rules/policy.yaml";

#[test]
fn a_raised_bound_is_laxer_just_above_the_old_one() {
    let replaced = [
        (
            PARAMETERS,
            "conservative: [0.5, 3]",
            "conservative: [0.5, 4]",
        ),
        (PARAMETERS, "moderate: [3, 5]", "moderate: [4, 5]"),
    ];
    insta::assert_snapshot!(compared(&World::new(&[]), &replaced), @"
    1536 proposals made up from the bounds of both versions of the rules: laxer for 9.
      LOW before: 299, the same for all of them
      MEDIUM before: 476, laxer for 9
      HIGH before: 761, the same for all of them

    Laxer, the smallest example of each:

      modify_parameters on rsi-eurusd-paper (paper) by risk-manager, stop_loss_pct: 3.1: MEDIUM 35.00 → LOW 20.00, asks nobody instead of 1 reviewer (varied: stop_loss_pct)

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (122 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
}

#[test]
fn fewer_approvals_are_laxer_whatever_is_proposed() {
    let world = World::new(&[(GOVERNANCE, "  MEDIUM: 1", "  MEDIUM: 2")]);
    insta::assert_snapshot!(compared(&world, &[]), @"
    1500 proposals made up from the bounds of both versions of the rules: laxer for 455.
      LOW before: 290, the same for all of them
      MEDIUM before: 455, laxer for 455
      HIGH before: 755, the same for all of them

    Laxer whatever is proposed:

      what is MEDIUM asks 1 reviewer instead of 2 reviewers

    Laxer, the smallest example of each:

      modify_parameters on rsi-eurusd (live) by risk-manager, circuit_breaker_enabled: true: MEDIUM 40.00 → MEDIUM 40.00, asks 1 reviewer instead of 2 reviewers

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
}

#[test]
fn whoever_is_added_to_a_group_is_named() {
    let replaced = [(
        "rules/people.yaml",
        "members: [alice, bob]",
        "members: [alice, bob, dana]",
    )];
    insta::assert_snapshot!(compared(&World::new(&[]), &replaced), @"
    1500 proposals made up from the bounds of both versions of the rules: the same for all of them.
      LOW before: 290, the same for all of them
      MEDIUM before: 455, the same for all of them
      HIGH before: 755, the same for all of them

    Laxer whatever is proposed:

      dana approves in reviewers

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
}

#[test]
fn a_rule_that_is_gone_is_laxer_where_it_fired() {
    let replaced = [(
        POLICY,
        "  - id: unregistered_agent\n    when: \"!agent_registered\"\n    then: HIGH\n    reason: \"{agent} is not registered in rules/agents.yaml\"\n",
        "",
    )];
    insta::assert_snapshot!(compared(&World::new(&[]), &replaced), @"
    1500 proposals made up from the bounds of both versions of the rules: laxer for 15.
      LOW before: 290, the same for all of them
      MEDIUM before: 455, the same for all of them
      HIGH before: 755, laxer for 15
      rule unregistered_agent: fires for 18, laxer for 18

    Laxer, the smallest example of each:

      analyze on rsi-eurusd (live) by unregistered-agent: HIGH 75.00 → LOW 0.00, asks nobody instead of 1 admin with a justification (varied: the agent)
      modify_parameters on rsi-eurusd (live) by unregistered-agent, circuit_breaker_enabled: true: HIGH 75.00 → MEDIUM 40.00, asks 1 reviewer instead of 1 admin with a justification (varied: the agent)

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
}

#[test]
fn what_only_tightens_is_laxer_nowhere() {
    let replaced = [(GOVERNANCE, "low_up_to: 30", "low_up_to: 20")];
    insta::assert_snapshot!(compared(&World::new(&[]), &replaced), @"
    1500 proposals made up from the bounds of both versions of the rules: stricter for 141.
      LOW before: 290, stricter for 141
      MEDIUM before: 455, the same for all of them
      HIGH before: 755, the same for all of them

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
}

#[test]
fn what_is_laxer_here_and_stricter_there_is_both() {
    let replaced = [
        (GOVERNANCE, "    moderate: 50\n", "    moderate: 20\n"),
        (
            POLICY,
            "    when: bulk && effect != 'none'\n    then: MEDIUM",
            "    when: target_count > 5 && effect != 'none'\n    then: wait",
        ),
    ];
    insta::assert_snapshot!(compared(&World::new(&[]), &replaced), @"
    1545 proposals made up from the bounds of both versions of the rules: laxer for 34, stricter for 48.
      LOW before: 308, stricter for 6
      MEDIUM before: 476, laxer for 34, stricter for 22
      HIGH before: 761, stricter for 20
      rule bulk: fires for 48, laxer for 24, stricter for 48, such as modify_parameters on 10 targets like rsi-eurusd (live) by risk-manager, circuit_breaker_enabled: true

    Laxer, the smallest example of each:

      modify_parameters on rsi-eurusd-paper (paper) by risk-manager, stop_loss_pct: 3.1: MEDIUM 35.00 → LOW 26.00, asks nobody instead of 1 reviewer (varied: stop_loss_pct)
      modify_parameters on rsi-eurusd-paper (paper) by risk-manager, leverage: 2.1: MEDIUM 35.00 → LOW 26.00, asks nobody instead of 1 reviewer (varied: leverage)
      modify_parameters on rsi-eurusd-paper (paper) by risk-manager, position_size_pct: 2.1: MEDIUM 35.00 → LOW 26.00, asks nobody instead of 1 reviewer (varied: position_size_pct)
      modify_parameters on rsi-eurusd-paper (paper) by risk-manager, take_profit_pct: 6.1: MEDIUM 35.00 → LOW 26.00, asks nobody instead of 1 reviewer (varied: take_profit_pct)
      modify_parameters on rsi-eurusd-paper (paper) by risk-manager, max_drawdown_pct: 10.1: MEDIUM 35.00 → LOW 26.00, asks nobody instead of 1 reviewer (varied: max_drawdown_pct)
      modify_parameters on 10 targets like rsi-eurusd-draft (inactive) by risk-manager, circuit_breaker_enabled: true: MEDIUM 50.00 → LOW 20.00, asks nobody instead of 1 reviewer, waits (varied: the number of targets)

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (8), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
}

#[test]
fn comments_change_nothing() {
    let replaced = [(GOVERNANCE, "# How risk is scored", "# How risk is measured")];
    insta::assert_snapshot!(compared(&World::new(&[]), &replaced), @"
    1500 proposals made up from the bounds of both versions of the rules: the same for all of them.
      LOW before: 290, the same for all of them
      MEDIUM before: 455, the same for all of them
      HIGH before: 755, the same for all of them

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
}

#[test]
fn softer_rules_say_what_they_would_have_let_through() {
    let world = every_event();
    let folder = other_rules(
        &world,
        "rules/governance.yaml",
        "low_up_to: 30",
        "low_up_to: 60",
    );
    let (status, text, stderr) = backtest(&world, &["--rules", &folder]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{text}");
    // MEDIUM #2 was approved; #4 rejected, #5 withdrawn, #6 expired. `notify` is unknown to these rules.
    assert!(text.contains("MEDIUM → LOW: 4"), "{text}");
    assert!(text.contains("Less, or other people, would be asked in 4, nobody any more in 4 of them: 0 were HIGH, 1 were rejected, 0 failed, 1 succeeded."), "{text}");
    assert!(
        text.contains("Nobody would be asked any more about 1 that went wrong or were HIGH:"),
        "{text}"
    );
    assert!(
        text.contains("modify_parameters on rsi-eurusd: MEDIUM 55.00 → LOW 55.00, asks nobody instead of 1 reviewer; rejected"),
        "{text}"
    );
    let (_, json, _) = backtest(&world, &["--rules", &folder, "--format", "json"]);
    let json: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(json["replayed"], 11);
    assert_eq!(json["weaker"]["rejected"], 1);
    assert_eq!(json["alarming"].as_array().unwrap().len(), 1);
    let two = json["changed"]
        .as_array()
        .unwrap()
        .iter()
        .find(|case| case["number"] == 2)
        .unwrap();
    assert_eq!(
        (&two["then"]["level"], &two["now"]["level"], &two["success"]),
        (&"MEDIUM".into(), &"LOW".into(), &true.into())
    );
}

#[test]
fn stricter_rules_say_what_they_would_have_asked() {
    let world = every_event();
    let folder = other_rules(
        &world,
        "rules/governance.yaml",
        "  MEDIUM: 1",
        "  MEDIUM: 2",
    );
    let (_, text, _) = backtest(&world, &["--rules", &folder, "--format", "markdown"]);
    assert!(
        text.contains("More of people would be asked in 6"),
        "{text}"
    );
    assert!(!text.contains("Less would be asked"), "{text}");
}

#[test]
fn whom_other_rules_ask_and_refuse_is_compared() {
    let world = every_event();
    let asks = "rules:\n  - {id: theirs, when: \"'rsi-eurusd' in targets.map(t, t.name) && 'stop_loss_pct' in parameters\", ask: {from: admins, instead: true}, reason: theirs}\n  - {id: analysis, when: \"targets.exists(t, t.name == 'rsi-eurusd-draft')\", then: refuse, reason: not on drafts}";
    let folder = other_rules(&world, "rules/policy.yaml", "rules:", asks);
    let (status, text, stderr) = backtest(&world, &["--rules", &folder]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{text}");
    insta::assert_snapshot!(redact(&text), @"
    11 past decisions replayed: 0 would have had another level, 8 been asked of other people.
      HIGH → HIGH: 1
      LOW → LOW: 4
      MEDIUM → MEDIUM: 6

    Approvals asked for: 7 then, 7 now.
    More of people would be asked in 8, nobody then in 3 of them: 0 were HIGH, 1 were rejected, 0 failed, 5 succeeded.

    Other decisions that come out differently, newest first:

      #13 [id] rebalance_portfolio on rsi-eurusd-draft: MEDIUM 50.00 → MEDIUM 50.00, refused; approved, success
      #10 [id] notify on rsi-eurusd-draft: LOW 0.00 → LOW 10.00, refused; auto_approved, success
      #9 [id] modify_parameters on rsi-eurusd-draft: LOW 0.00 → LOW 0.00, refused; auto_approved, success
      #6 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks 1 approval from admins instead of 1 reviewer; expired
      #5 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks 1 approval from admins instead of 1 reviewer; withdrawn
      #4 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks 1 approval from admins instead of 1 reviewer; rejected
      #2 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks 1 approval from admins instead of 1 reviewer; approved, success
      #1 [id] modify_parameters on rsi-eurusd-draft: LOW 0.00 → LOW 0.00, refused; auto_approved, success

    1 contradict these rules: they could not be proposed at all.

    1655 proposals made up from the bounds of both versions of the rules: stricter for 982.
      LOW before: 286, stricter for 202
      MEDIUM before: 512, stricter for 374
      HIGH before: 857, stricter for 406
      rule analysis: fires for 528, stricter for 528
      rule theirs: fires for 461, stricter for 461

    Looked at: 7 actions on 4 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (3), who made the commits (1). Together: what the conditions of theirs look at. Beside these, who approves and vouches, and a change of each of 11 files. Left out, because there are too many: 2653 more. Of anything else, nothing is said.
    ");
}

#[test]
fn the_rules_of_its_own_moment_change_nothing() {
    let world = every_event();
    let (status, text, _) = backtest(&world, &["--rules", "main"]);
    assert_eq!(status, 0);
    assert!(text.contains("11 past decisions replayed: 0 would have had another level, 0 been asked of other people."), "{text}");
}

#[test]
fn a_governance_change_shows_the_same_and_its_branch_can_be_named() {
    let mut world = World::new(&[]);
    for body in [MEDIUM, HIGH] {
        world.propose("strategy-optimizer", body);
    }
    world.run();
    world.review(
        1,
        "bob",
        countersign::domain::review::Opinion::Comment,
        "/reject too_risky: no",
    );
    world.run();
    let softer =
        shipped_rules()["rules/governance.yaml"].replacen("low_up_to: 30", "low_up_to: 60", 1);
    world.branch(
        "govern/softer",
        "bob@example.org",
        &[("rules/governance.yaml", &softer)],
        "Soften",
    );
    let summary = world.run();
    let report = summary
        .handled
        .iter()
        .find(|handled| handled.number.0 == 3)
        .unwrap();
    let (status, text, stderr) = backtest(
        &world,
        &["--rules", "govern/softer", "--format", "markdown"],
    );
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(
        text.contains("**Nobody would be asked any more about 1 that went wrong or were HIGH:**"),
        "{text}"
    );
    for line in text.lines() {
        assert!(
            report.report.body.contains(line),
            "`{line}` is not in:\n{}",
            report.report.body
        );
    }
    let (_, pinned, _) = backtest(
        &world,
        &["--rules", "refs/pull/3/head", "--format", "markdown"],
    );
    assert_eq!(pinned, text);
}

#[test]
fn what_cannot_be_read_is_said() {
    let world = every_event();
    let (status, _, stderr) = backtest(&world, &["--rules", "nowhere"]);
    assert_eq!(status, 1);
    assert!(
        stderr.contains("neither a folder nor a branch or commit `nowhere`")
            && stderr.contains("hint:"),
        "{stderr}"
    );
    let folder = other_rules(&world, "rules/governance.yaml", "bulk_at: 10", "bulk_at: 1");
    let (status, _, stderr) = backtest(&world, &["--rules", &folder]);
    assert_eq!(status, 1);
    assert!(stderr.contains("bulk_at"), "{stderr}");
}
