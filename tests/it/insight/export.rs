//! Exports of a real trail, read back by the libraries of their formats.

use std::path::Path;
use std::process::Stdio;

use countersign::domain::documents::Decision;
use countersign::domain::ids::CaseId;
use countersign::git::Repository;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use rusqlite::Connection;

use super::{MANAGER, TUNER, trail};
use crate::support::{Ran, TestRepo, has, has_not};

fn export(stage: &TestRepo, format: &str, name: &str) -> Ran {
    let arguments = ["export", "--format", format, "--output", name];
    stage.countersign(&arguments)
}

/// The framework's three queries, word for word.
const REJECTIONS: &str = "-- Find most commonly rejected recommendations
SELECT
    agent_name,
    action_type,
    COUNT(*) as rejection_count,
    rejection_reason
FROM agent_governance_log
WHERE approval_status = 'rejected'
GROUP BY agent_name, action_type, rejection_reason
ORDER BY rejection_count DESC
LIMIT 10;";
const SUCCESSES: &str = "-- Find recommendations that led to successful outcomes
SELECT
    agent_name,
    recommended_changes,
    risk_level,
    outcome_details
FROM agent_governance_log
WHERE outcome_success = TRUE
AND risk_level = 'HIGH'  -- HIGH risk but successful
ORDER BY created_at DESC;";
const CALIBRATION: &str = "-- Compare risk scores vs actual outcomes
SELECT
    risk_level,
    AVG(risk_score) as avg_risk_score,
    COUNT(*) as total,
    SUM(CASE WHEN outcome_success THEN 1 ELSE 0 END) as successful,
    AVG(CASE WHEN outcome_success THEN 1.0 ELSE 0.0 END) as success_rate
FROM agent_governance_log
WHERE executed = TRUE
GROUP BY risk_level;";

#[test]
fn the_frameworks_queries_run_on_the_database_word_for_word() {
    let stage = trail();
    has(
        &export(&stage, "sqlite", "trail.sqlite").succeeds().stderr,
        "5 rows in `trail.sqlite`",
    );
    let database = Connection::open(stage.folder("trail.sqlite")).unwrap();
    let rejected: (String, String, i64, String) = database
        .query_row(REJECTIONS, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    assert_eq!(
        rejected,
        (
            TUNER.into(),
            "modify_parameters".into(),
            1,
            "too_risky".into()
        )
    );
    let well: (String, String, String) = database
        .query_row(SUCCESSES, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(
        well,
        (
            MANAGER.into(),
            r#"{"stop_loss_pct":11}"#.into(),
            "HIGH".into()
        )
    );
    let mut calibration = database.prepare(CALIBRATION).unwrap();
    let levels: Vec<(String, f64, i64, i64, f64)> = calibration
        .query_map([], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        levels
            .iter()
            .map(|level| (level.0.as_str(), level.2, level.3))
            .collect::<Vec<_>>(),
        [("HIGH", 1, 1), ("LOW", 1, 1), ("MEDIUM", 1, 1)]
    );
}

#[test]
fn the_database_holds_the_frameworks_table_with_every_case() {
    let stage = trail();
    export(&stage, "sqlite", "trail.sqlite").succeeds();
    let database = Connection::open(stage.folder("trail.sqlite")).unwrap();
    let schema: String = database
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = 'agent_governance_log'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    has(&schema, "id INTEGER PRIMARY KEY AUTOINCREMENT");
    has(&schema, "action_details JSON NOT NULL");
    let mut indexes = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY name")
        .unwrap();
    let indexes: Vec<String> = indexes
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        indexes,
        [
            "idx_agent_name",
            "idx_approval_status",
            "idx_created_at",
            "idx_risk_level",
            "idx_session_id"
        ]
    );
    let whole: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");

    let medium: (String, f64, bool, String, String, String, String, String) = database
        .query_row(
            "SELECT approval_status, risk_score, requires_approval, approved_by, confidence, user_feedback, risk_factors, execution_result
             FROM agent_governance_log WHERE pull_request = 2",
            [],
            |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?))
            },
        )
        .unwrap();
    assert_eq!(
        medium,
        (
            "approved".into(),
            55.0,
            true,
            "alice".into(),
            "uncertain".into(),
            "alice: Drawdown was smaller, `really`.".into(),
            r#"{"environment":100.0,"parameters":50.0,"reversibility":0.0,"scope":0.0}"#.into(),
            "success".into()
        )
    );
    let pending: (i64, String, Option<String>) = database
        .query_row(
            "SELECT id, agent_name, approval_timestamp FROM agent_governance_log WHERE approval_status = 'pending'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(pending, (5, MANAGER.into(), None));
}

#[test]
fn a_spreadsheet_gets_no_formula() {
    let stage = trail();
    export(&stage, "csv", "trail.csv").succeeds();
    let mut reader = csv::Reader::from_path(stage.folder("trail.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5);
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let bytes = std::fs::read(stage.folder("trail.csv")).unwrap();
    assert!(bytes.starts_with(b"\xef\xbb\xbfid,agent_name,"));
    // Where a semicolon separates, it begins no new field in what somebody wrote.
    let text = String::from_utf8(bytes).unwrap();
    has(&text, "\n1,\"strategy-optimizer\",\"story-1\",");
    assert_eq!(&rows[0][place("session_id")], "story-1");
    assert_eq!(&rows[0][place("rationale")], "'=1+1 to see");
    assert_eq!(&rows[0][place("risk_score")], "20.00");
    assert_eq!(&rows[3][place("rejection_reason")], "too_risky");
    for field in rows.iter().flatten() {
        assert!(
            !field.starts_with(['=', '+', '-', '@', '\t', '\r']),
            "{field}"
        );
    }
}

/// Excel would make 123 of it, and of a date its own.
#[test]
fn a_spreadsheet_leaves_ids_as_they_are() {
    let mut stage = TestRepo::example();
    let mut command = vec!["propose", "--agent", TUNER, "--action", "modify_parameters"];
    command.extend(["--target", "rsi-eurusd-draft", "--set", "stop_loss_pct=1.5"]);
    command.extend(["--session", "00123", "--rationale", "größe ✓"]);
    stage.countersign(&command).succeeds();
    stage.run();
    stage.read_all();
    export(&stage, "csv", "trail.csv").succeeds();
    let mut reader = csv::Reader::from_path(stage.folder("trail.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let cell =
        |name: &str| row[header.iter().position(|column| column == name).unwrap()].to_owned();
    assert_eq!(cell("session_id"), "'00123");
    assert_eq!(cell("rationale"), "größe ✓");
}

#[test]
fn who_approved_and_who_rejected_are_told_apart() {
    let mut stage = TestRepo::example();
    let tune = "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 11}";
    stage.propose(TUNER, "both", tune);
    stage.run();
    stage.approve(1, "carol");
    stage
        .review(
            1,
            "bob",
            &["--reject", "bad_timing", "--message", "not now"],
        )
        .succeeds();
    stage.run();
    stage.propose(TUNER, "high", tune);
    stage.run();
    stage.approve(2, "carol");
    stage.run();
    stage.read_all();
    let listed = stage.countersign(&["list", "--format", "json"]).json();
    let rejected = &listed[1];
    assert_eq!(rejected["status"], "rejected");
    assert_eq!(rejected["approved_by"], serde_json::json!(["carol"]));
    assert_eq!(rejected["rejected_by"], "bob");
    assert_eq!(rejected["decided_by"], "carol, bob");
    let table = stage.countersign(&["list"]).stdout;
    let names: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        names,
        [
            "#", "STATUS", "RISK", "AGENT", "WHAT", "APPROVED", "REJECTED", "OUTCOME"
        ]
    );
    let message = stage.git(&[
        "log",
        "-1",
        "--format=%B",
        "--grep=^Decision: rejected",
        "main",
    ]);
    has(&message, "\nApproved-by: carol\nRejected-by: bob\n");

    export(&stage, "sqlite", "trail.sqlite").succeeds();
    let database = Connection::open(stage.folder("trail.sqlite")).unwrap();
    let told: Vec<(String, String, Option<String>, Option<String>)> = database
        .prepare("SELECT approval_status, approved_by, rejected_by, justification FROM agent_governance_log ORDER BY id")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let why = Some("carol: I read it and agree with every line of it.".to_owned());
    assert_eq!(
        told,
        [
            (
                "rejected".into(),
                "carol".into(),
                Some("bob".into()),
                why.clone()
            ),
            ("approved".into(), "carol".into(), None, why),
        ]
    );
}

#[test]
fn governance_changes_and_freezes_are_a_table_of_their_own() {
    let mut stage = trail();
    let rules = stage
        .file("rules/governance.yaml")
        .replace("pending_limit: 20", "pending_limit: 19");
    stage.govern("dana", "limit", &[("rules/governance.yaml", &rules)]);
    stage.run();
    stage.approve(6, "carol");
    stage.run();
    stage
        .countersign(&["freeze", "--as", "bob", "--reason", "Look into #3"])
        .succeeds();
    stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    stage.read_all();

    export(&stage, "sqlite", "trail.sqlite").succeeds();
    let database = Connection::open(stage.folder("trail.sqlite")).unwrap();
    let cases: i64 = database
        .query_row("SELECT COUNT(*) FROM agent_governance_log", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(cases, 5);
    type Event = (
        i64,
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    let events: Vec<Event> = database
        .prepare("SELECT id, event, approved_by, justification, acted_by, reason FROM governance_events ORDER BY id")
        .unwrap()
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let why = Some("carol: I read it and agree with every line of it.".to_owned());
    assert_eq!(
        events,
        [
            (
                1,
                "governance".into(),
                Some("carol".into()),
                why,
                None,
                None
            ),
            (
                2,
                "freeze".into(),
                None,
                None,
                Some("bob".into()),
                Some("Look into #3".into())
            ),
            (3, "unfreeze".into(), None, None, Some("carol".into()), None),
        ]
    );

    let ran = export(&stage, "jsonl", "trail.jsonl").succeeds();
    has(
        &ran.stderr,
        "governance changes and freezes: 3 rows in `trail.events.jsonl`",
    );
    let text = std::fs::read_to_string(stage.folder("trail.events.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "unfreeze");
    assert_eq!(last["acted_by"], "carol");
}

#[test]
fn json_lines_and_parquet_have_the_same_rows() {
    let stage = trail();
    export(&stage, "jsonl", "trail.jsonl").succeeds();
    let text = std::fs::read_to_string(stage.folder("trail.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[2]["recommended_changes"]["stop_loss_pct"], 11);
    assert_eq!(rows[2]["executed"], true);
    assert_eq!(rows[3]["outcome_success"], serde_json::Value::Null);
    has(rows[3]["rejection_words"].as_str().unwrap(), "@everyone");

    export(&stage, "parquet", "trail.parquet").succeeds();
    let file = std::fs::File::open(stage.folder("trail.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let columns = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .columns()
        .to_vec();
    let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(names.len(), keys.len());
    let read: Vec<parquet::record::Row> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(read.len(), 5);
    for (row, json) in read.iter().zip(&rows) {
        let value = row.to_json_value_of("case_id");
        assert_eq!(value, json["case_id"]);
    }
}

trait JsonOf {
    fn to_json_value_of(&self, column: &str) -> serde_json::Value;
}

impl JsonOf for parquet::record::Row {
    fn to_json_value_of(&self, column: &str) -> serde_json::Value {
        let field = self.get_column_iter().find(|(name, _)| *name == column);
        match field.unwrap().1 {
            parquet::record::Field::Str(text) => text.clone().into(),
            other => panic!("{other:?}"),
        }
    }
}

/// The second case of the trail, and where its decision is.
fn second_decision(stage: &TestRepo) -> (CaseId, String) {
    let repo = Repository::open(&stage.repo).unwrap();
    let index = countersign::ledger::index::read(&repo).unwrap();
    let id = index.cases()[1].id.unwrap();
    (id, Decision::path_of(id))
}

/// A decision that nobody can read is left out, said and counted.
#[test]
fn what_cannot_be_read_is_left_out_and_said() {
    let stage = trail();
    let (id, path) = second_decision(&stage);
    let text = stage.file(&path).replace("decision/v1", "decision/v9");
    stage.write_to_main(&[(&path, Some(&text))]);
    let ran = export(&stage, "csv", "trail.csv").exits(3);
    has(&ran.stderr, &format!("`{id}` is left out: {path}"));
    has(
        &ran.stderr,
        "pull request #5 is left out: the bot did not make the newest commit of main",
    );
    has(
        &ran.stderr,
        "cases left out, because they cannot be read: 2",
    );
    has(&ran.stderr, "3 rows");
    let lessons = stage.countersign(&["lessons", "--agent", TUNER]).exits(3);
    has(
        &lessons.stderr,
        &format!("the documents of `{id}` cannot be read"),
    );
    has(
        &lessons.stdout,
        "Cases whose documents could not be read: 1.",
    );
}

/// No column tells of the engine: that its key is wrong hides no row, and is for `verify` to say.
#[test]
fn what_is_in_no_column_hides_no_row() {
    let stage = trail();
    let (id, path) = second_decision(&stage);
    let text = stage.file(&path).replace("\nengine:", "\nmachine:");
    stage.write_to_main(&[(&path, Some(&text))]);
    has(&stage.countersign(&["verify"]).exits(3).stdout, &path);
    let ran = export(&stage, "csv", "trail.csv");
    // The fifth waits, and is not looked at before somebody has adopted the commit.
    has(&ran.stderr, "4 rows");
    has_not(&ran.stderr, &format!("`{id}` is left out"));
}

fn remnants(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("trail.")).collect()
}

#[test]
fn a_failed_export_leaves_the_old_file_and_nothing_else() {
    let stage = trail();
    let folder = stage.folder("out");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("trail.csv"), "old").unwrap();
    // A tree that is not there: reading fails half-way.
    stage.git(&["update-ref", "-d", "refs/heads/main"]);
    export(&stage, "csv", "out/trail.csv").exits(1);
    assert_eq!(
        std::fs::read_to_string(folder.join("trail.csv")).unwrap(),
        "old"
    );
    assert_eq!(remnants(&folder), ["trail.csv"]);
    export(&stage, "sqlite", "nowhere/trail.sqlite").exits(1);
    export(&stage, "sqlite", "out").exits(1);
}

/// Killed at moments of its whole life: the old file is there, or the new one, whole.
#[test]
fn a_killed_export_leaves_the_old_file_or_the_new_one() {
    let stage = trail();
    let place = stage.folder("trail.jsonl");
    export(&stage, "jsonl", "trail.jsonl").succeeds();
    let whole = std::fs::read(&place).unwrap();
    let (mut old, mut new) = (0, 0);
    for delay in 0..40u64 {
        std::fs::write(&place, "old").unwrap();
        let mut command =
            stage.command(&["export", "--format", "jsonl", "--output", "trail.jsonl"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay * 2));
        child.kill().unwrap();
        child.wait().unwrap();
        match std::fs::read(&place).unwrap() {
            text if text == b"old" => old += 1,
            text if text == whole => new += 1,
            text => panic!("half a file: {}", String::from_utf8_lossy(&text)),
        }
    }
    assert!(old > 0, "never killed before the end: {old} old, {new} new");
}
