//! Attacks on what carries out: words that a shell would obey, secrets that leak, programs that do not end,
//! facts that are no longer so. Nothing runs that was not approved, and nothing runs twice.

use std::os::unix::fs::PermissionsExt;

use crate::support::proposals::AGENT;
use crate::support::{TestRepo, has, has_not};
use serde_json::Value as Json;

const BODY: &str = "action: optimize\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}";

/// Makes `optimize` run this program, by a governance change that carol approves.
fn install(stage: &mut TestRepo, argv: &[&str], seconds: u32) {
    let argv = serde_json::to_string(argv).unwrap();
    let actions = stage.file("rules/actions.yaml");
    let (before, own) = actions.split_once("  optimize:\n").unwrap();
    let command = format!(
        "executor: command\n    command: {{argv: {argv}, time_limit_seconds: {seconds}}}\n"
    );
    let own = own.replacen("executor: apply\n", &command, 1);
    let actions = format!("{before}  optimize:\n{own}");
    stage.govern("dana", "command", &[("rules/actions.yaml", &actions)]);
    stage.run();
    has(&stage.report(1), "waiting: governance change, HIGH");
    stage.approve(1, "carol");
    stage.run();
    has(&stage.report(1), "approved and merged");
}

/// A stage whose program is this script; `FOLDER` stands for a folder that it may write to.
fn stage_of(script: &str, seconds: u32) -> TestRepo {
    let mut stage = TestRepo::example();
    let folder = stage.folder("seen");
    std::fs::create_dir(&folder).unwrap();
    let path = stage.folder("program.sh");
    let script = script.replace("FOLDER", folder.to_str().unwrap());
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    install(&mut stage, &[path.to_str().unwrap(), "--now; id"], seconds);
    stage
}

/// What the program left behind.
fn seen(stage: &TestRepo, name: &str) -> Option<String> {
    std::fs::read_to_string(stage.folder("seen").join(name)).ok()
}

fn outcomes(stage: &TestRepo, id: &str) -> Vec<Json> {
    let shown = stage
        .countersign(&["show", id, "--format", "json"])
        .succeeds()
        .json();
    shown["outcomes"].as_array().unwrap().clone()
}

#[test]
fn nothing_of_a_recommendation_reaches_a_shell() {
    let mut stage = stage_of(
        "printf '%s\\n' \"$#\" \"$1\" > FOLDER/argv; cat > FOLDER/stdin",
        60,
    );
    let folder = stage.folder("seen");
    let orders = format!(
        "$(touch {0}/a) `touch {0}/b` ; touch {0}/c | touch {0}/d && x > {0}/e\\n--now",
        folder.display()
    );
    let body = format!("{BODY}\nrationale: \"{orders}\"\ndetails: {{\"{orders}\": \"{orders}\"}}");
    let id = stage.propose(AGENT, "a", &body);
    stage.run();
    has(&stage.report(2), "success: LOW 5.00: merged by the bot");
    assert_eq!(outcomes(&stage, &id)[0]["success"], true);
    assert_eq!(seen(&stage, "argv").as_deref(), Some("1\n--now; id\n"));
    let told: Json = serde_json::from_str(&seen(&stage, "stdin").unwrap()).unwrap();
    assert_eq!(told["id"], *id);
    has(told["rationale"].as_str().unwrap(), "$(touch ");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["argv", "stdin"]);
    stage.verifies();
}

#[test]
fn no_secret_of_the_bot_reaches_the_program() {
    let mut stage = stage_of(
        "env > FOLDER/env; pwd > FOLDER/pwd; ls -la > FOLDER/ls; stat -c %a . > FOLDER/mode",
        60,
    );
    let id = stage.propose(AGENT, "a", BODY);
    // Somebody knew the id and has put something into the way.
    let guessed = std::env::temp_dir().join(format!("countersign-{id}"));
    std::fs::create_dir_all(&guessed).unwrap();
    std::fs::write(guessed.join("trap"), "x").unwrap();
    let mut command = stage.command(&["run"]);
    for name in [
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "COUNTERSIGN_WEBHOOK_SECRET",
        "LD_PRELOAD_X",
    ] {
        command.env(name, "hunter2");
    }
    assert!(command.output().unwrap().status.success());
    has(&stage.report(2), "merged by the bot");
    let environment = seen(&stage, "env").unwrap();
    has_not(&environment, "hunter2");
    has_not(&environment, "HOME=");
    has_not(&environment, "COUNTERSIGN_REPO");
    has(&environment, &format!("COUNTERSIGN_CASE={id}"));
    has_not(&seen(&stage, "ls").unwrap(), "trap");
    assert_ne!(
        seen(&stage, "pwd").unwrap().trim(),
        guessed.to_str().unwrap()
    );
    assert_eq!(seen(&stage, "mode").as_deref(), Some("700\n"));
    assert!(
        guessed.join("trap").exists(),
        "what is not ours is not removed"
    );
    std::fs::remove_dir_all(&guessed).unwrap();
    let record = stage
        .countersign(&["show", &id, "--format", "json"])
        .succeeds()
        .stdout;
    has_not(&record, "hunter2");
}

#[test]
fn output_is_capped_and_printable() {
    let mut stage = stage_of(
        "yes spam | head -c 3000000; printf '\\033[2Jbad\\302\\233' >&2; exit 3",
        60,
    );
    let id = stage.propose(AGENT, "a", BODY);
    stage.run();
    stage.read_all();
    let outcome = &outcomes(&stage, &id)[0];
    assert_eq!(outcome["success"], false);
    assert_eq!(outcome["error"], "it ended with exit status 3");
    let stdout = outcome["details"]["stdout"].as_str().unwrap();
    assert!(stdout.len() < 5_000, "{}", stdout.len());
    has(stdout, "[2995904 more bytes]");
    assert_eq!(outcome["details"]["stderr"], "[2Jbad");
    assert_eq!(
        stage.log().last().map(String::as_str),
        Some("outcome: failure of optimize on rsi-eurusd-draft")
    );
}

/// Whether the process whose id the program wrote is gone, or a zombie that nobody has collected yet.
fn is_gone(stage: &TestRepo, file: &str) -> bool {
    let pid = seen(stage, file).unwrap();
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    state.is_empty() || state.contains(") Z ")
}

#[test]
fn the_time_limit_ends_everything_that_the_program_started() {
    // A child, one in a session of its own, and one whose parent has ended.
    for script in [
        "sleep 600 & echo $! > FOLDER/pid; wait",
        "setsid sh -c 'echo $$ > FOLDER/pid; exec sleep 600'; wait",
        "setsid sh -c 'setsid sleep 600 & echo $! > FOLDER/pid'; sleep 600",
    ] {
        let mut stage = stage_of(script, 1);
        let id = stage.propose(AGENT, "a", BODY);
        stage.run();
        stage.read_all();
        let outcome = &outcomes(&stage, &id)[0];
        assert_eq!(outcome["success"], false, "{script}");
        has(
            outcome["error"].as_str().unwrap(),
            "was killed after its time limit of 1 s",
        );
        assert!(is_gone(&stage, "pid"), "{script}");
    }
}

#[test]
fn what_the_program_leaves_behind_ends_with_it() {
    // Both hold its output open.
    for script in [
        "sleep 600 & echo $! > FOLDER/pid",
        "setsid sh -c 'setsid sleep 600 & echo $! > FOLDER/pid'",
    ] {
        let mut stage = stage_of(script, 60);
        let id = stage.propose(AGENT, "a", BODY);
        stage.run();
        stage.read_all();
        assert_eq!(outcomes(&stage, &id)[0]["success"], true, "{script}");
        assert!(is_gone(&stage, "pid"), "{script}");
    }
}

#[test]
fn a_program_that_is_not_there_is_a_failed_outcome() {
    let mut stage = TestRepo::example();
    install(&mut stage, &["/nowhere/deploy --now"], 60);
    let id = stage.propose(AGENT, "a", BODY);
    stage.run();
    has(&stage.report(2), "merged by the bot");
    let outcome = &outcomes(&stage, &id)[0];
    assert_eq!(outcome["success"], false);
    assert_eq!(outcome["error"], "it ended with exit status 127");
    has(
        outcome["details"]["stderr"].as_str().unwrap(),
        "cannot run `/nowhere/deploy --now`: No such file or directory",
    );
    let before = stage.main();
    stage.run();
    stage.main_is_still(&before);
}

#[test]
fn what_was_approved_runs_once_and_what_was_not_never() {
    let mut stage = stage_of("echo run >> FOLDER/runs", 60);
    let medium = BODY.replace("rsi-eurusd-draft", "rsi-eurusd");
    let id = stage.propose(AGENT, "a", &medium);
    stage.propose(AGENT, "b", &medium);
    stage.propose(AGENT, "c", &medium);
    stage.run();
    stage.read_all();
    assert_eq!(seen(&stage, "runs"), None);
    stage
        .review(3, "alice", &["--reject", "other", "--message", "No."])
        .succeeds();
    stage
        .clone_of(AGENT)
        .git(&["push", "-q", "origin", ":recommend/c"]);
    stage.run();
    stage.read_all();
    assert_eq!(seen(&stage, "runs"), None);
    stage.approve(2, "alice");
    stage.run();
    stage.run();
    stage.read_all();
    assert_eq!(seen(&stage, "runs").as_deref(), Some("run\n"));
    assert_eq!(outcomes(&stage, &id).len(), 1);
    // An outcome that is claimed to be missing does not make it run again.
    stage
        .countersign(&["outcome", &id, "--failure", "--as", "alice"])
        .succeeds();
    stage.run();
    assert_eq!(seen(&stage, "runs").as_deref(), Some("run\n"));
    stage.verifies();
}

#[test]
fn nothing_is_executed_while_it_is_frozen() {
    let mut stage = stage_of("echo run >> FOLDER/runs", 60);
    let medium = BODY.replace("rsi-eurusd-draft", "rsi-eurusd");
    stage.propose(AGENT, "a", &medium);
    stage.propose(AGENT, "b", &medium);
    stage.run();
    stage.read_all();
    stage.approve(2, "bob");
    stage
        .review(
            3,
            "alice",
            &["--request-changes", "--message", "/freeze outage"],
        )
        .succeeds();
    stage.run();
    has(&stage.report(2), "everything is frozen");
    stage.read_all();
    assert_eq!(seen(&stage, "runs"), None);
    stage.wait(chrono::TimeDelta::minutes(1));
    stage.countersign(&["unfreeze", "--as", "carol"]).succeeds();
    stage.run();
    stage.read_all();
    assert_eq!(seen(&stage, "runs").as_deref(), Some("run\n"));
}

#[test]
fn what_a_recommendation_relies_on_is_looked_at_again_before_it_runs() {
    let mut stage = stage_of("echo run >> FOLDER/runs", 60);
    let expecting = format!("{BODY}\nexpects: {{stop_loss_pct: 3.0}}");
    let id = stage.propose(AGENT, "a", &expecting);
    // Decided in the same run, and carried out with its decision: then the first is about the past.
    stage.propose(
        "risk-manager",
        "b",
        "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 2}",
    );
    stage.run();
    stage.read_all();
    let outcome = &outcomes(&stage, &id)[0];
    assert_eq!(outcome["success"], false);
    has(
        outcome["error"].as_str().unwrap(),
        "nothing was done: expects.stop_loss_pct: expected 3.0, but it is 2 in `targets/rsi-eurusd-draft.yaml`: look again and propose anew",
    );
    assert_eq!(seen(&stage, "runs"), None);
    // And at the decision.
    stage.propose(AGENT, "c", &expecting);
    stage.run();
    has(
        &stage.report(4),
        "expects.stop_loss_pct: expected 3.0, but it is 2 in `targets/rsi-eurusd-draft.yaml`: look again and propose anew",
    );
    stage.verifies();
}

const PROMOTE: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {trading_mode: live}";
const REASON: &str = "I read it and agree with every line of it.";

/// Approves a pull request that the bot has not worked off yet: the first word makes the forge notice the branches.
fn approve_unseen(stage: &TestRepo, number: u64) {
    let approve = ["--approve", "--message", REASON];
    stage.review(number, "carol", &approve).succeeds();
}

#[test]
fn what_would_be_asked_more_by_now_goes_back_to_people() {
    let mut stage = stage_of("echo run >> FOLDER/runs", 60);
    let id = stage.propose(AGENT, "a", BODY);
    // Decided in the same run, and carried out with its decision: then the draft of the first is live.
    stage.propose(AGENT, "b", PROMOTE);
    approve_unseen(&stage, 3);
    let said = stage.run().stdout;
    has(
        &said,
        &format!(
            "{id} not executed: LOW 5.00 is now MEDIUM 45.00. The bot does not carry it out: propose it anew with a fresh id, or carry it out by hand and report that with `countersign outcome`\n2 merged, 0 closed, 0 waiting, 1 not executed"
        ),
    );
    stage.read_all();
    assert_eq!(seen(&stage, "runs"), None);
    assert_eq!(
        stage.log().last().map(String::as_str),
        Some("rescored: optimize on rsi-eurusd-draft (LOW 5.00 is now MEDIUM 45.00)")
    );
    let before = stage.main();
    has(&stage.run().stdout, "nothing to do");
    stage.main_is_still(&before);
    let text = stage.countersign(&["show", &id]).succeeds().stdout;
    has(
        &text,
        ": LOW 5.00 is now MEDIUM 45.00\nThe bot does not carry it out: propose it anew with a fresh id, or carry it out by hand and report that with `countersign outcome`\n  +40.00 environment: live (targets/rsi-eurusd-draft.yaml)",
    );
    let shown = stage
        .countersign(&["show", &id, "--format", "json"])
        .succeeds()
        .json();
    let rescored = &shown["rescored"];
    assert_eq!(rescored["was"]["level"], "LOW");
    assert_eq!(rescored["was"]["required"]["role"], "none");
    assert_eq!(rescored["now"]["risk"]["level"], "MEDIUM");
    assert_eq!(rescored["now"]["required"]["role"], "reviewer");
    assert_eq!(
        (&shown["claim"], &shown["outcome"]),
        (&Json::Null, &Json::Null)
    );
    let listed = stage
        .countersign(&["list", "--format", "json"])
        .succeeds()
        .json();
    let row = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == *id)
        .unwrap();
    assert_eq!(row["status"], "auto_approved");
    assert_eq!(row["executed"], false);
    assert_eq!(row["outcome"], "rescored");
    assert_eq!(row["rescored_at"], rescored["at"]);
    stage.verifies();
    // A person settles it, and it still never runs.
    let report = ["outcome", &id, "--success", "--as", "carol"];
    stage.countersign(&report).succeeds();
    let settled = &outcomes(&stage, &id)[0];
    assert_eq!(
        (&settled["executor"], &settled["success"]),
        (&"external".into(), &true.into())
    );
    stage.run();
    assert_eq!(seen(&stage, "runs"), None);
    stage.verifies();
}

#[test]
fn stricter_rules_ask_more_of_what_has_not_run_yet() {
    let mut stage = stage_of("echo run >> FOLDER/runs", 60);
    let medium = BODY.replace("rsi-eurusd-draft", "rsi-eurusd");
    stage.propose(AGENT, "a", &medium);
    stage.run();
    stage.read_all();
    let rules = stage.file("rules/governance.yaml");
    let (head, tail) = rules.split_once("\napprovals:").unwrap();
    let stricter = format!(
        "{head}\napprovals:{}",
        tail.replacen("MEDIUM: 1", "MEDIUM: 2", 1)
    );
    assert_ne!(stricter, rules);
    stage.approve(2, "alice");
    let tests = ["framework", "modes"].map(|name| {
        let path = format!("rules/tests/{name}.yaml");
        let text = stage.file(&path);
        let stricter = text
            .lines()
            .map(|line| match line.contains("level: MEDIUM") {
                true => line.replace("approvals: 1", "approvals: 2"),
                false => line.to_owned(),
            });
        (path, stricter.collect::<Vec<_>>().join("\n"))
    });
    let mut files = vec![("rules/governance.yaml", stricter.as_str())];
    files.extend(
        tests
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str())),
    );
    stage.govern("dana", "stricter", &files);
    approve_unseen(&stage, 3);
    stage.run();
    stage.read_all();
    assert_eq!(seen(&stage, "runs"), None);
    assert_eq!(
        stage.log().last().map(String::as_str),
        Some("rescored: optimize on rsi-eurusd (MEDIUM 45.00, for which the rules ask more now)")
    );
    stage.verifies();
}

#[test]
fn an_expectation_on_a_target_that_is_gone_is_broken() {
    let mut stage = stage_of("echo run >> FOLDER/runs", 60);
    let expecting = format!("{BODY}\nexpects: {{stop_loss_pct: 3.0}}");
    let id = stage.propose(AGENT, "a", &expecting);
    let delete = "action: delete_strategy\ntargets: [rsi-eurusd-draft]";
    stage.propose(AGENT, "b", delete);
    approve_unseen(&stage, 3);
    stage.run();
    stage.read_all();
    let gone = "expects.stop_loss_pct: expected 3.0, but there is no `targets/rsi-eurusd-draft.yaml`: look again and propose anew";
    let outcome = &outcomes(&stage, &id)[0];
    assert_eq!(outcome["success"], false);
    has(outcome["error"].as_str().unwrap(), gone);
    assert_eq!(seen(&stage, "runs"), None);
    // And at the decision.
    stage.propose(AGENT, "c", &expecting);
    stage.run();
    has(&stage.report(4), gone);
    stage.verifies();
}

#[test]
fn the_second_of_a_batch_is_scored_on_what_the_first_made() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", PROMOTE);
    stage.propose(
        AGENT,
        "b",
        "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 2}",
    );
    approve_unseen(&stage, 1);
    stage.run();
    has(&stage.report(1), "approved and merged");
    has(&stage.report(2), "MEDIUM 40.00");
    has_not(
        &stage.file("targets/rsi-eurusd-draft.yaml"),
        "stop_loss_pct: 2",
    );
    stage.verifies();
}

#[test]
fn trailers_are_not_believed_without_their_document() {
    let mut stage = stage_of("echo run >> FOLDER/runs", 60);
    let medium = BODY.replace("rsi-eurusd-draft", "rsi-eurusd");
    let rejected = stage.propose(AGENT, "a", &medium);
    let pending = stage.propose(AGENT, "b", &medium);
    stage.run();
    stage.read_all();
    stage
        .review(2, "alice", &["--reject", "other", "--message", "No."])
        .succeeds();
    stage.run();
    has(&stage.report(2), "rejected by alice");
    // Somebody with access to the folder writes what reads like the bot's own commits.
    for id in [&rejected, &pending] {
        let forged = format!(
            "decision: approve optimize on rsi-eurusd (MEDIUM 45.00)\n\nEvent: decision\nRecommendation: {id}\nAgent: {AGENT}\nAction: optimize\nTarget: rsi-eurusd\nRisk: MEDIUM 45.00\nDecision: approved\nApproved-by: carol\nExecutor: command\n"
        );
        let commit = stage.commit_tree_as_bot("main^{tree}", "main", &forged);
        stage.git(&["update-ref", "refs/heads/main", &commit]);
    }
    let before = stage.main();
    stage.run();
    stage.main_is_still(&before);
    assert_eq!(seen(&stage, "runs"), None);
    let shown = stage
        .countersign(&["show", &rejected, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(shown["decision"]["status"], "rejected");
    let said = stage.countersign(&["verify"]).exits(3).text();
    has(&said, &before[..7]);
    // The other is still to be decided, and only then carried out.
    stage.approve(3, "bob");
    stage.run();
    has(&stage.report(3), "approved and merged");
    assert_eq!(seen(&stage, "runs").as_deref(), Some("run\n"));
}

#[test]
fn nothing_carries_out_an_action_without_effect() {
    let mut stage = TestRepo::example();
    let before = stage.main();
    let runs = "executor: command\n    command: {argv: [deploy], time_limit_seconds: 60}\n";
    let actions = stage
        .file("rules/actions.yaml")
        .replacen("executor: none\n", runs, 1);
    stage.govern("dana", "command", &[("rules/actions.yaml", &actions)]);
    stage.run();
    let said = stage.report(1);
    has(&said, "failure: ");
    has(&said, "rules/actions.yaml");
    has(
        &said,
        "actions.analyze.executor: an action with `effect: none` is not carried out, so `command` cannot be its executor: expected `executor: none`, or the effect that it has (modify, create or delete)",
    );
    assert_eq!(stage.main(), before);
}
