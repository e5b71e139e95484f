//! What the trail answers, as people and programs see it: lists, reports, lessons and exports of a trail
//! that real commands made.

mod export;
mod index;

use crate::support::{TestRepo, has, has_not};
use chrono::TimeDelta;

const TUNER: &str = "strategy-optimizer";
const MANAGER: &str = "risk-manager";

/// #1 LOW, approved by the bot and applied; #2 MEDIUM, approved by alice who is uncertain, with feedback; #3 HIGH,
/// approved by carol and applied; #4 rejected by bob, whose words are an attack; #5 waits.
fn trail() -> TestRepo {
    let mut stage = TestRepo::example();
    let tune = |target: &str, value: &str| {
        format!(
            "action: modify_parameters\ntargets: [{target}]\nchanges: {{stop_loss_pct: {value}}}\nrationale: \"=1+1 to see\""
        )
    };
    stage.propose(TUNER, "low", &tune("rsi-eurusd-paper", "2.5"));
    stage.run();
    stage.wait(TimeDelta::hours(1));
    let medium = stage.propose(TUNER, "medium", &tune("rsi-eurusd", "4"));
    stage.run();
    stage
        .review(2, "alice", &["--approve", "--confidence", "uncertain"])
        .succeeds();
    stage.run();
    stage.propose(MANAGER, "high", &tune("rsi-eurusd", "11"));
    stage.run();
    stage.wait(TimeDelta::hours(2));
    stage.approve(3, "carol");
    stage.run();
    stage.propose(TUNER, "no", &tune("rsi-eurusd", "9"));
    stage.run();
    let attack = "Far @everyone too wide, [see](https://evil.example) | <b>#1</b>";
    stage
        .review(4, "bob", &["--reject", "too_risky", "--message", attack])
        .succeeds();
    stage.run();
    stage.wait(TimeDelta::hours(1));
    let say = [
        "feedback",
        &medium,
        "--as",
        "alice",
        "--message",
        "Drawdown was smaller, `really`.",
    ];
    stage.countersign(&say).succeeds();
    stage.propose(MANAGER, "waits", &tune("rsi-eurusd", "4.5"));
    stage.run();
    stage.read_all();
    stage
}

#[test]
fn how_people_decide_is_told_with_what_to_do() {
    let stage = trail();
    insta::assert_snapshot!(report(&stage, &["oversight"]), @"
    How people decide
    =================

    People decided 3 cases; the texts of the newest 3 of them were read.

     level   decided by people  median time  90 % within
     MEDIUM  1                  0 min        0 min
     HIGH    2                  2 h 0 min    2 h 0 min

     person  approved  rejected  median time  without a word  faster than reading  approved and failed
     alice   1         0         0 min        100 % of 1      0 % of 1             0 % of 1
     bob     0         1         0 min        –               –                    –
     carol   1         0         2 h 0 min    0 % of 1        0 % of 1             0 % of 1

    - 0 of 2 (0 %) approvals came sooner than the rationale alone can be read, 95 % interval 0 to 66 %
    - 1 of 2 (50 %) approvals came without a word, 95 % interval 9 to 91 %
    - 1 of 1 (100 %) approvals whose confidence was said were uncertain, 95 % interval 21 to 100 %
    - 0 of 2 (0 %) approvals were of less than was proposed, 95 % interval 0 to 66 %
    - 0 of 2 (0 %) executions that people had approved failed, 95 % interval 0 to 66 %
    - 0 of 1 (0 %) executions of HIGH that people had approved failed, 95 % interval 0 to 79 %
    - 1 of 3 (33 %) cases that people decided were rejected, 95 % interval 6 to 79 %
    - 0 of 3 (0 %) cases that waited for people expired, 95 % interval 0 to 56 %
    - 1 of 3 (33 %) decisions were those of the busiest person, 95 % interval 6 to 79 %
    ");
}

fn report(stage: &TestRepo, arguments: &[&str]) -> String {
    let ran = stage.countersign(&[&["report"], arguments].concat());
    ran.succeeds().stdout
}

fn report_json(stage: &TestRepo, arguments: &[&str]) -> serde_json::Value {
    let json = [&["report"], arguments, &["--format", "json"]].concat();
    stage.countersign(&json).succeeds().json()
}

#[test]
fn every_report_answers_in_every_format() {
    let stage = trail();
    let rejections = report(&stage, &["rejections"]);
    has(
        &rejections,
        "1 of 4 (25 %) of the decided recommendations were rejected.",
    );
    has(&rejections, "too_risky: 1");
    has(
        &rejections,
        "bob on pull request 4: “Far @everyone too wide, [see](https://evil.example) | <b>#1</b>”",
    );
    let json = report_json(&stage, &["rejections"]);
    assert_eq!(json["groups"][0]["agent"], TUNER);
    assert_eq!(json["groups"][0]["category"], "too_risky");
    assert_eq!(json["groups"][0]["newest"][0]["number"], 4);

    let successes = report(&stage, &["successes"]);
    has(
        &successes,
        "1 of 1 (100 %) of the executed HIGH recommendations",
    );
    has(&successes, "stop_loss_pct=11");
    let json = report_json(&stage, &["successes"]);
    assert_eq!(json["newest"][0]["approved_by"][0], "carol");

    let calibration = report_json(&stage, &["calibration"]);
    let success = |place: usize| calibration["levels"][place]["success"]["count"].clone();
    assert_eq!([success(0), success(1), success(2)], [1, 1, 1]);
    assert_eq!(calibration["never_approved"], 1);
    has(&report(&stage, &["calibration"]), "cannot be told apart");

    let agents = report_json(&stage, &["agents"]);
    assert_eq!(agents["agents"][0]["agent"], TUNER);
    assert_eq!(agents["agents"][0]["recommendations"], 3);
    assert_eq!(agents["agents"][0]["approval"]["count"], 2);
    assert_eq!(agents["agents"][0]["main_concern"], "too_risky");
    assert_eq!(agents["agents"][1]["pending"], 1);

    let factors = report_json(&stage, &["factors"]);
    assert_eq!(factors["baseline"]["of"], 4);
    let rows = factors["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["kind"] == "trigger"), "{factors}");
    let much = rows
        .iter()
        .find(|row| row["name"] == "environment" && row["strength"] == "much");
    assert_eq!(much.unwrap()["rejected"]["count"], 1);
    assert_eq!(much.unwrap()["lift"], 1.33);

    let weekly = report(&stage, &["weekly"]);
    for question in [
        "Which agents get approved most often?",
        "Which risk factors trigger most rejections?",
        "Are risk scores calibrated correctly?",
        "Any patterns in user feedback?",
        "alice on pull request 2: “Drawdown was smaller, `really`.”",
        "1 were approved by somebody who was uncertain",
    ] {
        has(&weekly, question);
    }
    let monthly = report(&stage, &["monthly"]);
    for question in [
        "Agent performance trends",
        "Risk score accuracy",
        "Approval workflow efficiency",
        "Opportunities for automation",
        "The bot alone decided 1 of 4 (25 %)",
    ] {
        has(&monthly, question);
    }
}

#[test]
fn a_report_in_an_issue_carries_no_markup_of_others() {
    let stage = trail();
    for name in ["rejections", "weekly"] {
        let text = report(&stage, &[name, "--format", "markdown"]);
        has(&text, "too wide");
        for markup in ["@everyone", "](https", "<b>", "#1<", "`really`"] {
            has_not(&text, markup);
        }
        // Every row of a table has as many cells as its header, whatever is in them.
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let lines: Vec<&str> = text.lines().collect();
        for (place, line) in lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.starts_with("| ---") || line.starts_with("|"))
        {
            if place > 0 && lines[place - 1].starts_with('|') {
                assert_eq!(cells(line), cells(lines[place - 1]), "{line}");
            }
        }
    }
}

#[test]
fn a_period_and_an_agent_narrow_a_report() {
    let stage = trail();
    assert_eq!(
        report_json(&stage, &["rejections", "--agent", MANAGER])["rejected"]["of"],
        1
    );
    let rejected = |arguments: &[&str]| {
        let json = report_json(&stage, &[&["rejections"], arguments].concat());
        json["rejected"]["of"].clone()
    };
    // The first two were decided four and three hours ago, the others one hour ago.
    assert_eq!(rejected(&["--since", "2h"]), 2);
    assert_eq!(
        rejected(&["--until", &(stage.now() - TimeDelta::hours(2)).to_rfc3339()]),
        2
    );
    assert_eq!(rejected(&["--until", "2001-01-01"]), 0);
    let ran = stage.countersign(&["report", "agents", "--since", "lately"]);
    has(&ran.exits(2).stderr, "expected a day such as 2026-11-01");
}

#[test]
fn an_agent_learns_from_its_own_trail() {
    let stage = trail();
    let lessons = stage
        .countersign(&["lessons", "--agent", TUNER])
        .succeeds()
        .stdout;
    for fact in [
        "1 approved by people, 1 by the bot alone, 1 rejected",
        "modify_parameters was rejected once as too_risky; the last would have set “stop_loss_pct=9”. The reason given: “Far @everyone too wide",
        "stop_loss_pct on rsi-eurusd-paper: 2.5 was LOW (once).",
        "Feedback by alice on modify_parameters: “Drawdown was smaller, `really`.”",
        "modify_parameters passed as LOW without anybody once",
    ] {
        has(&lessons, fact);
    }
    has_not(&lessons, "11");
    let short = stage
        .countersign(&[
            "lessons",
            "--agent",
            TUNER,
            "--max-characters",
            "600",
            "--format",
            "markdown",
        ])
        .succeeds()
        .stdout;
    assert!(
        short.chars().count() <= 600,
        "{} characters",
        short.chars().count()
    );
    has(&short, "more facts are left out for want of room.");
    has_not(&short, "@everyone");
    let json = stage
        .countersign(&["lessons", "--agent", TUNER, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(json["facts"][0]["about"], "record");
    assert_eq!(json["facts"][0]["rejected"], 1);
    let none = stage
        .countersign(&["lessons", "--agent", "market-analyst"])
        .succeeds()
        .stdout;
    has(&none, "None yet");
}

#[test]
fn a_format_that_a_command_has_not_is_wrong_usage() {
    let stage = TestRepo::example();
    let ran = stage.countersign(&["list", "--format", "parquet"]).exits(2);
    has(
        &ran.stderr,
        "this command has no results of `--format parquet`: expected text or json",
    );
    let ran = stage.countersign(&["export", "--output", "x"]).exits(2);
    has(
        &ran.stderr,
        "an export needs `--format sqlite`, `csv`, `jsonl` or `parquet`",
    );
    stage.countersign(&["report", "yearly"]).exits(2);
}

/// A clone has `main` and no pull requests: whatever speaks of what waits says so, and does not say "Nothing".
#[test]
fn from_a_clone_it_is_said_that_what_waits_cannot_be_seen() {
    let stage = trail();
    stage.git(&["clone", "-q", ".", "../clone"]);
    let clone = stage.folder("clone");
    let of_clone = |arguments: &[&str]| {
        let repo = ["--repo", clone.to_str().unwrap()];
        stage.countersign(&[arguments, &repo].concat()).succeeds()
    };
    let unseen = "Not known: what waits for people cannot be seen from here, because a clone knows no pull requests: ask the repository \
                  that the bot works on.";
    let weekly = of_clone(&["report", "weekly"]).stdout;
    has(&weekly, unseen);
    has_not(&weekly, "Nothing.");
    has_not(&report(&stage, &["weekly"]), unseen);
    let json = of_clone(&["report", "weekly", "--format", "json"]).json();
    assert_eq!(json["waiting_known"], false);
    let agents = of_clone(&["report", "agents", "--format", "json"]).json();
    assert_eq!(agents["waiting_known"], false);
    let list = of_clone(&["list", "--status", "pending"]);
    let unseen = "what waits for people cannot be seen from here, because a clone knows no pull requests: ask the repository that \
                  the bot works on\n";
    assert_eq!(list.stderr, format!("{unseen}no case matches\n"));
    let output = stage.folder("clone.jsonl");
    let export = of_clone(&[
        "export",
        "--format",
        "jsonl",
        "--output",
        output.to_str().unwrap(),
    ]);
    has(&export.stderr, &format!("left out: {unseen}"));
}
