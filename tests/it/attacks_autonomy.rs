//! Attempts to be asked less than an agent has earned, or not to be looked at.

use chrono::TimeDelta;

use crate::autonomy::{GRANT, earn, medium, on_record, propose, title, with_grants};
use crate::support::proposals::{AGENT, HIGH, WHY};
use crate::support::{TestRepo, redact};

/// Every case is in the sample.
fn all_drawn() -> String {
    GRANT.replace("sample: 1 %", "sample: 100 %")
}

const LIVE: &str = "track_records/strategy-optimizer/modify_parameters/live.yaml";

/// Whether people are asked, and why.
fn why(stage: &mut TestRepo, number: u64) -> String {
    let report = redact(&stage.report(number));
    let line = report
        .lines()
        .find(|line| line.contains("are asked") || line.contains("is asked"));
    line.unwrap_or(&report).to_owned()
}

#[test]
fn a_drawn_number_stays_due_until_people_have_decided() {
    let mut stage = with_grants(&all_drawn());
    earn(&mut stage, 4);
    propose(&stage, 5);
    insta::assert_snapshot!(why(&mut stage, 5), @"People are asked: grant tuning is earned for modify_parameters by strategy-optimizer in live, but its case 1 is in the sample of 100 % that people decide.");
    // Taken back and proposed anew, under another id.
    let clone = stage.clone_of(AGENT);
    clone.git(&["push", "-q", "origin", ":recommend/case-5"]);
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 5), @"failure: MEDIUM 55.00: withdrawn by its author");
    stage.propose(AGENT, "again", &medium(5));
    stage.run();
    insta::assert_snapshot!(why(&mut stage, 6), @"People are asked: grant tuning is earned for modify_parameters by strategy-optimizer in live, but its case 1 is in the sample of 100 % that people decide.");
    // Another commit of the same.
    stage.propose(AGENT, "again", &medium(7));
    stage.run();
    // Many at once all have the number that is due.
    let many: Vec<(String, String)> = (10..15)
        .map(|number| (format!("many-{number}"), medium(number + 1)))
        .collect();
    stage.propose_many(AGENT, &many);
    stage.run();
    let open = stage
        .countersign(&["list", "--status", "pending", "--format", "json"])
        .succeeds()
        .json();
    let open: Vec<u64> = open
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["number"].as_u64().unwrap())
        .collect();
    let said: std::collections::BTreeSet<String> = open
        .into_iter()
        .map(|number| why(&mut stage, number))
        .collect();
    insta::assert_snapshot!(said.into_iter().collect::<Vec<_>>().join("\n"), @"People are asked: grant tuning is earned for modify_parameters by strategy-optimizer in live, but its case 1 is in the sample of 100 % that people decide.");
    insta::assert_snapshot!(on_record(&stage, LIVE), @r#"
    schema: countersign/track-record/v1
    days:
      "[today]":
        approved: 4
        succeeded: 4
    "#);
    stage.read_all();
    stage.approve(8, "bob");
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(on_record(&stage, LIVE), @r#"
    schema: countersign/track-record/v1
    days:
      "[today]":
        approved: 5
        succeeded: 5
    grants:
      tuning: 1
    "#);
    stage.verifies();
}

#[test]
fn the_draw_depends_on_nothing_that_an_agent_chooses() {
    let grants = GRANT.replace("sample: 1 %", "sample: 50 %");
    let mut stage = with_grants(&grants);
    earn(&mut stage, 4);
    // The same number is drawn, or not, whatever the id, the commit, the value and the time.
    let mut said = Vec::new();
    for number in 5..12 {
        propose(&stage, number);
        said.push(title(&mut stage, number));
        if said.last().unwrap().starts_with("waiting") {
            stage.clone_of(AGENT).git(&[
                "push",
                "-q",
                "origin",
                &format!(":recommend/case-{number}"),
            ]);
            stage.wait(TimeDelta::minutes(7));
            stage.run();
            stage.read_all();
        }
    }
    insta::assert_snapshot!(said.join("\n"), @"
    success: MEDIUM 55.00: granted, merged by the bot
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer
    waiting: MEDIUM 40.00: needs 1 approval by a reviewer
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer
    waiting: MEDIUM 40.00: needs 1 approval by a reviewer
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer
    waiting: MEDIUM 40.00: needs 1 approval by a reviewer
    ");
    stage.verifies();
}

#[test]
fn a_bot_without_the_key_that_draws_lets_nothing_pass() {
    let mut stage = with_grants(GRANT);
    earn(&mut stage, 4);
    // Another bot has another key, which is listed, too; by it this case might not be drawn.
    let first = stage.give_key(7);
    let second = stage.give_key(8);
    let governance = stage.file("rules/governance.yaml");
    let governance = governance.replace(
        &format!("    - {first}\n"),
        &format!("    - {first}\n    - {second}\n"),
    );
    stage.give_key(7);
    stage.commit_to_main(&[("rules/governance.yaml", Some(&governance))]);
    stage.give_key(8);
    propose(&stage, 5);
    insta::assert_snapshot!(why(&mut stage, 5), @"People are asked: grant tuning is earned for modify_parameters by strategy-optimizer in live, but the key that draws its sample was not at hand.");
    stage.give_key(7);
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 5), @"success: MEDIUM 55.00: granted, merged by the bot");
    stage.verifies();
}

#[test]
fn what_is_earned_in_one_place_counts_in_no_other() {
    let mut stage = with_grants(GRANT);
    earn(&mut stage, 4);
    // Where the targets are and would be, all count.
    let paper =
        "action: modify_parameters\ntargets: [rsi-eurusd-paper]\nchanges: {stop_loss_pct: 8}";
    let both = "action: modify_parameters\ntargets: [rsi-eurusd, rsi-eurusd-draft]\nchanges: {stop_loss_pct: 3.5}";
    let other = "action: optimize\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}";
    stage.propose(AGENT, "a", paper);
    stage.propose(AGENT, "b", both);
    stage.propose(AGENT, "c", other);
    stage.propose("risk-manager", "d", &medium(5));
    stage.propose(AGENT, "e", HIGH);
    stage.run();
    let said: Vec<String> = (5..10)
        .map(|number| {
            let report = redact(&stage.report(number));
            let mut lines = report.lines();
            let first = lines.next().unwrap().to_owned();
            let grant = lines.find(|line| line.contains("grant"));
            format!("{first} | {}", grant.unwrap_or("no grant"))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    waiting: HIGH 75.00: needs 1 approval by an admin, with a justification | no grant
    waiting: MEDIUM 65.00: needs 1 approval by a reviewer | no grant
    waiting: MEDIUM 45.00: needs 1 approval by a reviewer | no grant
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer | no grant
    waiting: HIGH 75.00: needs 1 approval by an admin, with a justification | no grant
    ");
    stage.read_all();
}

#[test]
fn labels_are_those_on_main_and_of_every_target() {
    let grants = GRANT.replace("    needs:", "    labels: {tier: low}\n    needs:");
    let mut stage = with_grants(&grants);
    let labelled = |stage: &TestRepo, name: &str| {
        let path = format!("targets/{name}.yaml");
        let target = stage.file(&path);
        let target = target.replacen("parameters:", "labels: {tier: low}\nparameters:", 1);
        stage.commit_to_main(&[(&path, Some(&target))]);
    };
    earn(&mut stage, 4);
    propose(&stage, 5);
    labelled(&stage, "rsi-eurusd-paper");
    let both = "action: modify_parameters\ntargets: [rsi-eurusd, rsi-eurusd-paper]\nchanges: {stop_loss_pct: 3.5}";
    stage.propose(AGENT, "both", both);
    stage.run();
    let before = [5, 6].map(|number| title(&mut stage, number));
    labelled(&stage, "rsi-eurusd");
    stage.run();
    let after = [5, 6].map(|number| title(&mut stage, number));
    insta::assert_snapshot!([before, after].concat().join("\n"), @"
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer
    waiting: MEDIUM 65.00: needs 1 approval by a reviewer
    success: MEDIUM 55.00: granted, merged by the bot
    success: MEDIUM 65.00: granted, merged by the bot
    ");
}

#[test]
fn a_rejection_resets_nothing_and_is_not_escaped() {
    let mut stage = with_grants(GRANT);
    earn(&mut stage, 4);
    // What people want changed, and its agent takes back instead, is as good as rejected.
    stage.propose(AGENT, "case-5", HIGH);
    stage.run();
    stage
        .review(5, "alice", &["--request-changes", "--message", WHY])
        .succeeds();
    stage.run();
    stage
        .clone_of(AGENT)
        .git(&["push", "-q", "origin", ":recommend/case-5"]);
    stage.run();
    stage.read_all();
    propose(&stage, 6);
    insta::assert_snapshot!(why(&mut stage, 6), @"People are asked: grant tuning is lost for modify_parameters by strategy-optimizer in live: 1 rejection within 30 days.");
    insta::assert_snapshot!(on_record(&stage, LIVE), @r#"
    schema: countersign/track-record/v1
    days:
      "[today]":
        approved: 4
        rejected: 1
        succeeded: 4
    "#);
    // A day before the rejection is forgotten it still counts, and then everything before is forgotten with it.
    stage.wait(TimeDelta::days(30));
    stage.run();
    stage.read_all();
    propose(&stage, 8);
    insta::assert_snapshot!(why(&mut stage, 7), @"People are asked: grant tuning is lost for modify_parameters by strategy-optimizer in live: 1 rejection within 30 days.");
    stage.verifies();
}

#[test]
fn nobody_but_the_bot_writes_what_is_on_record() {
    let mut stage = with_grants(GRANT);
    let forged = "schema: countersign/track-record/v1\ndays:\n  \"2026-11-23\":\n    approved: 99\n    succeeded: 99\n";
    stage.govern("bob", "forged", &[(LIVE, forged)]);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    failure: invalid: track_records/strategy-optimizer/modify_parameters/live.yaml: only the bot writes here: an agent adds `recommendation.yaml` and nothing else

    Mend this and push again; nothing is merged until then:

    ```text
    track_records/strategy-optimizer/modify_parameters/live.yaml: only the bot writes here: an agent adds `recommendation.yaml` and nothing else
    ```
    ");
    stage.write_to_main(&[(LIVE, Some(forged))]);
    let found = stage.countersign(&["verify"]);
    insta::assert_snapshot!(redact(&found.text()), @"
    [commit]: adopted: `By hand` by `root`: the bot did not make it, and `carol` adopted it in [commit]
    [commit]: foreign_identity: its author is `root <root@example.org>`, not `Countersign <bot@countersign.invalid>`
    [commit]: foreign_identity: its committer is `root <root@example.org>`, not `Countersign <bot@countersign.invalid>`
    [commit]: unsigned: it is not signed, but the rules of its parent ask for the bot's signature
    [commit]: edited_record: `track_records/strategy-optimizer/modify_parameters/live.yaml` is added: only the bot writes a record
    [commit]: unexplained: no event explains this commit, `By hand`: it has no trailer `Event` that is known
    4 commits: 1 adopted, 1 genesis; 0 recomputed; 1 signed by the bot's keys; 6 findings
    ");
}

#[test]
fn two_bots_at_once_give_each_case_a_number_of_its_own() {
    let mut stage = with_grants(GRANT);
    earn(&mut stage, 4);
    let many: Vec<(String, String)> = (5..11)
        .map(|number| (format!("many-{number:02}"), medium(number)))
        .collect();
    stage.propose_many(AGENT, &many);
    let bots: Vec<_> = (0..2)
        .map(|_| stage.command(&["run"]).spawn().unwrap())
        .collect();
    for mut bot in bots {
        assert!(bot.wait().unwrap().success());
    }
    stage.read_all();
    let granted = stage
        .countersign(&["list", "--status", "granted", "--format", "json"])
        .succeeds()
        .json();
    let numbers: Vec<u64> = granted
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            let shown = ["show", case["id"].as_str().unwrap(), "--format", "json"];
            let shown = stage.countersign(&shown).succeeds().json();
            shown["decision"]["grant"]["number"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(numbers, [6, 5, 4, 3, 2, 1]);
    insta::assert_snapshot!(on_record(&stage, LIVE), @r#"
    schema: countersign/track-record/v1
    days:
      "[today]":
        approved: 4
        granted: 6
        succeeded: 10
    grants:
      tuning: 6
    "#);
    stage.verifies();
}

#[test]
fn what_was_granted_goes_back_to_people_once_the_grant_is_lost() {
    let mut stage = with_grants(&GRANT.replace("failures: 2", "failures: 1"));
    let broken = stage.folder("broken");
    let command = format!(
        "executor: command\n    command: {{argv: [test, \"!\", -e, {broken:?}], time_limit_seconds: 60}}"
    );
    let actions = stage.file("rules/actions.yaml");
    let by_apply = "the old values are in git.\n    effect: modify\n    reversibility: easy\n    executor: apply";
    assert!(actions.contains(by_apply));
    let by_command = by_apply.replace("executor: apply", &command);
    let actions = actions.replace(by_apply, &by_command);
    stage.commit_to_main(&[("rules/actions.yaml", Some(&actions))]);
    earn(&mut stage, 4);
    std::fs::write(&broken, "").unwrap();
    // Both are granted before either is carried out.
    let both = [5, 6].map(|number| (format!("case-{number}"), medium(number)));
    stage.propose_many(AGENT, &both);
    stage.run();
    stage.read_all();
    let log = stage.log();
    insta::assert_snapshot!(log[log.len() - 5..].join("\n"), @"
    decision: approve modify_parameters on rsi-eurusd (MEDIUM 55.00)
    decision: approve modify_parameters on rsi-eurusd (MEDIUM 55.00)
    claim: command for modify_parameters on rsi-eurusd
    outcome: failure of modify_parameters on rsi-eurusd
    rescored: modify_parameters on rsi-eurusd (MEDIUM 55.00, for which the rules ask more now)
    ");
    insta::assert_snapshot!(redact(&stage.countersign(&["show", "6"]).succeeds().text()), @"
    [id]  granted
    pull request #6 (merged), branch recommend/case-6 at [commit]

    modify_parameters, proposed by strategy-optimizer in session story-1 on [time]
      target rsi-eurusd (live)
        stop_loss_pct: 3.0 → 4

    MEDIUM RISK, score 55.00
      +40.00 environment: live (targets/rsi-eurusd.yaml): counts as production
      +15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate
      +0.00 scope: 1 target (recommendation.yaml): single entity
      +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible

    Decision: granted on [time], in mode two_tier, by the rules of [commit]
      nobody had to approve
      grant tuning is earned for modify_parameters by strategy-optimizer in live: within 90 days, people approved 4 of 4 (at least 51.01 %), and 4 of 4 (at least 51.01 %) of the executions succeeded; its case 2 is not in the sample of 1 %; it ends with 1 rejection or 1 failure within 30 days

    Scored again on [time]: MEDIUM 55.00, for which the rules ask more now
    The bot does not carry it out: propose it anew with a fresh id, or carry it out by hand and report that with `countersign outcome`
      +40.00 environment: live (targets/rsi-eurusd.yaml): counts as production
      +15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate
      +0.00 scope: 1 target (recommendation.yaml): single entity
      +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible

    Commits on main
      [commit] [time]  decision: approve modify_parameters on rsi-eurusd (MEDIUM 55.00)
      [commit] [time]  rescored: modify_parameters on rsi-eurusd (MEDIUM 55.00, for which the rules ask more now)
    ");
    stage.verifies();
}
