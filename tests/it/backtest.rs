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
    let folder = world.folder().join("other");
    std::fs::create_dir_all(folder.join("rules")).unwrap();
    for (name, text) in shipped_rules() {
        let text = if name == path {
            assert!(text.contains(from), "{name} has no `{from}`");
            text.replacen(from, to, 1)
        } else {
            text
        };
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder.to_str().unwrap().to_owned()
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
    insta::assert_snapshot!(redact(&text), @r"
        11 past decisions replayed: 0 would have had another level, 8 been asked of other people.
          HIGH → HIGH: 1
          LOW → LOW: 4
          MEDIUM → MEDIUM: 6

        Approvals asked for: 7 then, 7 now.
        Less, or other people, would be asked in 4, nobody any more in 0 of them: 0 were HIGH, 1 were rejected, 0 failed, 1 succeeded.
        More of people would be asked in 4, nobody then in 3 of them: 0 were HIGH, 0 were rejected, 0 failed, 4 succeeded.

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
