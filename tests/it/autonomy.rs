//! What agents earn: by which record nobody is asked about their cases, what ends it, and who looks all the same.

use chrono::TimeDelta;

use crate::support::proposals::{AGENT, HIGH, LOW, WHY};
use crate::support::{TestRepo, redact};

/// One grant that four good cases earn, with a sample that is never drawn at first: in the tests the bot's key is
/// always the same.
pub const GRANT: &str = "\
schema: countersign/autonomy/v1
grants:
  - id: tuning
    agents: [strategy-optimizer]
    actions: [modify_parameters]
    environments: [live, paper]
    needs: {decided: 4, within: 90d, approval_rate: 50 %, success_rate: 50 %}
    lost_by: {rejections: 1, failures: 2, within: 30d}
    sample: 1 %
";

/// The example whose bot signs, with grants.
pub fn with_grants(grants: &str) -> TestRepo {
    let stage = TestRepo::example();
    let key = stage.give_key(7);
    let governance = format!(
        "{}\nsigning:\n  keys:\n    - {key}\n",
        stage.file("rules/governance.yaml")
    );
    stage.commit_to_main(&[
        ("rules/governance.yaml", Some(&governance)),
        ("rules/autonomy.yaml", Some(grants)),
    ]);
    stage
}

/// A case that is MEDIUM, each another one than the case before.
pub fn medium(number: u64) -> String {
    let value = if number.is_multiple_of(2) { "4" } else { "4.5" };
    format!("action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {{stop_loss_pct: {value}}}")
}

/// Proposes a case that is MEDIUM, under its number.
pub fn propose(stage: &TestRepo, number: u64) {
    stage.propose(AGENT, &format!("case-{number}"), &medium(number));
    stage.run();
}

/// So many good cases, decided by bob; they are the first.
pub fn earn(stage: &mut TestRepo, count: u64) {
    for number in 1..=count {
        propose(stage, number);
        stage.approve(number, "bob");
        stage.run();
    }
    stage.read_all();
}

/// What the bot says in one line.
pub fn title(stage: &mut TestRepo, number: u64) -> String {
    let report = redact(&stage.report(number));
    report.lines().next().unwrap().to_owned()
}

/// A file on `main`, with the days as they are today.
pub fn on_record(stage: &TestRepo, path: &str) -> String {
    let today = stage.now().format("%Y-%m-%d").to_string();
    redact(&stage.file(path)).replace(&today, "[today]")
}

const LIVE: &str = "track_records/strategy-optimizer/modify_parameters/live.yaml";

#[test]
fn what_people_decide_is_on_record_and_nothing_else() {
    let mut stage = TestRepo::example();
    earn(&mut stage, 2);
    stage.propose(AGENT, "c-low", LOW);
    stage.propose(AGENT, "d-no", &medium(3));
    stage.propose(AGENT, "e-high", HIGH);
    stage.run();
    stage
        .review(4, "alice", &["--reject", "too_risky", "-m", "Not now."])
        .succeeds();
    stage
        .review(5, "carol", &["--approve", "--message", WHY])
        .succeeds();
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(stage.git(&["ls-tree", "-r", "--name-only", "main", "track_records"]), @"track_records/strategy-optimizer/modify_parameters/live.yaml");
    insta::assert_snapshot!(on_record(&stage, LIVE), @r#"
    schema: countersign/track-record/v1
    days:
      "[today]":
        approved: 3
        rejected: 1
        succeeded: 3
    "#);
    stage.verifies();
}

#[test]
fn what_is_earned_passes_until_it_is_lost() {
    let mut stage = with_grants(GRANT);
    propose(&stage, 1);
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4.5
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 4.5 (rules/parameters.yaml): stop_loss_pct 4.5 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    To make it less risky:

    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    It needs the approval of a reviewer.

    People are asked: grant tuning is not earned for modify_parameters by strategy-optimizer in live: people decided 0 of the 4 that it needs within 90 days.

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    stage.approve(1, "bob");
    stage.run();
    for number in 2..=4 {
        propose(&stage, number);
        stage.approve(number, "bob");
        stage.run();
    }
    stage.read_all();
    propose(&stage, 5);
    insta::assert_snapshot!(redact(&stage.report(5)), @"
    success: MEDIUM 55.00: granted, merged by the bot

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 4 → 4.5
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 4.5 (rules/parameters.yaml): stop_loss_pct 4.5 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    To make it less risky:

    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    It needs no approval.

    Nobody is asked: grant tuning is earned for modify_parameters by strategy-optimizer in live: within 90 days, people approved 4 of 4 (at least 51.01 %), and 4 of 4 (at least 51.01 %) of the executions succeeded; its case 1 is not in the sample of 1 %; it ends with 1 rejection or 2 failures within 30 days.
    ");
    insta::assert_snapshot!(redact(&stage.countersign(&["show", "5"]).succeeds().text()), @"
    [id]  granted
    pull request #5 (merged), branch recommend/case-5 at [commit]

    modify_parameters, proposed by strategy-optimizer in session story-1 on [time]
      target rsi-eurusd (live)
        stop_loss_pct: 4 → 4.5

    MEDIUM RISK, score 55.00
      +40.00 environment: live (targets/rsi-eurusd.yaml): counts as production
      +15.00 parameters: stop_loss_pct: 4.5 (rules/parameters.yaml): stop_loss_pct 4.5 is moderate
      +0.00 scope: 1 target (recommendation.yaml): single entity
      +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible

    Decision: granted on [time], in mode two_tier, by the rules of [commit]
      nobody had to approve
      grant tuning is earned for modify_parameters by strategy-optimizer in live: within 90 days, people approved 4 of 4 (at least 51.01 %), and 4 of 4 (at least 51.01 %) of the executions succeeded; its case 1 is not in the sample of 1 %; it ends with 1 rejection or 2 failures within 30 days

    Outcome: success on [time], executor apply, reported by countersign
      files: [targets/rsi-eurusd.yaml]

    Commits on main
      [commit] [time]  decision: approve modify_parameters on rsi-eurusd (MEDIUM 55.00)
      [commit] [time]  outcome: success of modify_parameters on rsi-eurusd
    ");
    insta::assert_snapshot!(on_record(&stage, LIVE), @r#"
    schema: countersign/track-record/v1
    days:
      "[today]":
        approved: 4
        granted: 1
        succeeded: 5
    grants:
      tuning: 1
    "#);
    // One that waits is rejected, and with it the grant is gone.
    stage.propose(AGENT, "case-6", HIGH);
    stage.run();
    stage
        .review(6, "alice", &["--reject", "too_risky", "-m", "Never."])
        .succeeds();
    stage.run();
    stage.read_all();
    propose(&stage, 8);
    insta::assert_snapshot!(redact(&stage.report(7)), @"
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 4.5 → 4 (4 when people saw it last)
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

    To make it less risky:

    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    It needs the approval of a reviewer.

    People are asked: grant tuning is lost for modify_parameters by strategy-optimizer in live: 1 rejection within 30 days.

    Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
    ");
    stage.wait(TimeDelta::days(31));
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 7), @"failure: MEDIUM 55.00: expired, nobody decided in time");
    propose(&stage, 10);
    insta::assert_snapshot!(title(&mut stage, 8), @"waiting: MEDIUM 55.00: needs 1 approval by a reviewer");
    stage.verifies();
    insta::assert_snapshot!(redact(&stage.countersign(&["list"]).succeeds().text()), @"
     #  STATUS    RISK          AGENT               WHAT                    APPROVED  REJECTED  OUTCOME
     8  pending   MEDIUM 55.00  strategy-optimizer  modify_par… rsi-eurusd
     7  expired   MEDIUM 55.00  strategy-optimizer  modify_par… rsi-eurusd
     6  rejected  HIGH 75.00    strategy-optimizer  modif… rsi-eurusd-pap…            alice
     5  granted   MEDIUM 55.00  strategy-optimizer  modify_par… rsi-eurusd                      success
     4  approved  MEDIUM 55.00  strategy-optimizer  modify_par… rsi-eurusd  bob                 success
     3  approved  MEDIUM 55.00  strategy-optimizer  modify_par… rsi-eurusd  bob                 success
     2  approved  MEDIUM 55.00  strategy-optimizer  modify_par… rsi-eurusd  bob                 success
     1  approved  MEDIUM 55.00  strategy-optimizer  modify_par… rsi-eurusd  bob                 success
    warning: 1 of 15 commits on `main` are in no case, the first is `[commit]`: it does not say which event it is: the bot did not make it; `countersign verify` says more
    ");
}

/// What is wrong with rules, as whoever writes them is told.
fn refused(stage: &TestRepo) -> String {
    let ran = stage.countersign(&["explain-rules"]);
    redact(&ran.exits(1).text())
}

#[test]
fn grants_that_cannot_be_meant_are_refused() {
    let stage = TestRepo::example();
    stage.commit_to_main(&[("rules/autonomy.yaml", Some(GRANT))]);
    insta::assert_snapshot!(refused(&stage), @"
    error: the rules on `main` cannot be read:
    rules/autonomy.yaml:2:1: grants: grant `tuning`: nothing draws its sample: list an Ed25519 key of the bot under `signing.keys` in `rules/governance.yaml`, and start the bot with it (`--signing-key`)
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    ");
    let key = stage.give_key(7);
    let governance = format!(
        "{}\nsigning:\n  keys:\n    - {key}\n",
        stage.file("rules/governance.yaml")
    );
    let unknown = GRANT
        .replace("[strategy-optimizer]", "[strategy-optimiser]")
        .replace("[modify_parameters]", "[modify_parameter]")
        .replace("[live, paper]", "[live, papper]");
    stage.commit_to_main(&[
        ("rules/governance.yaml", Some(&governance)),
        ("rules/autonomy.yaml", Some(&unknown)),
    ]);
    insta::assert_snapshot!(refused(&stage), @"
    error: the rules on `main` cannot be read:
    rules/autonomy.yaml:4:5: grants[0].agents: grant `tuning`: `strategy-optimiser` is not in `rules/agents.yaml`: did you mean `strategy-optimizer`?
    rules/autonomy.yaml:5:5: grants[0].actions: grant `tuning`: `modify_parameter` is not an action of `rules/actions.yaml`: did you mean `modify_parameters`?
    rules/autonomy.yaml:6:5: grants[0].environments: grant `tuning`: `papper` is not an environment of `rules/governance.yaml`: did you mean `paper`? expected one of development, inactive, live, paper, production, staging, test
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    ");
    let nothing = "\
schema: countersign/autonomy/v1
grants:
  - id: a
    agents: []
    actions: []
    environments: []
    needs: {decided: 0, within: 90d, approval_rate: 101 %, success_rate: 100 %}
    lost_by: {within: 12h}
    sample: 0 %
  - id: a
    actions: [optimize]
    environments: [live]
    needs: {decided: 1, within: 400d, approval_rate: most, success_rate: 50 %}
    lost_by: {rejections: 0, within: 1d}
    sample: 100 %
";
    stage.commit_to_main(&[("rules/autonomy.yaml", Some(nothing))]);
    insta::assert_snapshot!(refused(&stage), @"
    error: the rules on `main` cannot be read:
    rules/autonomy.yaml:5:5: grants[0].actions: it names no action, so it grants nothing: name some
    rules/autonomy.yaml:4:5: grants[0].agents: it names no agent, so it grants nothing: name some, or leave the key out for every registered agent
    rules/autonomy.yaml:6:5: grants[0].environments: it names no environment, so it grants nothing: name some of `points.environment` in `rules/governance.yaml`
    rules/autonomy.yaml:7:22: grants[0].needs.decided: what nobody ever decided is not earned: expected 1 or more
    rules/autonomy.yaml:8:5: grants[0].lost_by: nothing would ever end it: name `rejections`, `failures` or `amendments`
    rules/autonomy.yaml:7:53: grants[0].needs.approval_rate: `101 %` is not a percentage: expected such as `95 %` or `99.5 %`
    rules/autonomy.yaml:7:74: grants[0].needs.success_rate: no lower bound reaches 100 %, however many there are: expected less
    rules/autonomy.yaml:9:13: grants[0].sample: `0 %` is nothing at all: expected more than 0 %
    rules/autonomy.yaml:8:23: grants[0].lost_by.within: `12h` is out of range: a track record has whole days, so expected 1d to 179d
    rules/autonomy.yaml:10:9: grants[1].id: `a` is there twice: an id is one grant's
    rules/autonomy.yaml:14:27: grants[1].lost_by.rejections: it would be lost before it is earned: expected 1 or more, or leave the key out
    rules/autonomy.yaml:13:54: grants[1].needs.approval_rate: `most` is not a percentage: expected such as `95 %` or `99.5 %`
    rules/autonomy.yaml:13:33: grants[1].needs.within: `400d` is out of range: a track record has whole days, so expected 1d to 179d
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    ");
    // What is refused or asked for by a rule is no matter of a grant, and there is no key that says otherwise.
    let lifting = format!("{GRANT}    lifts: [no_fours]\n");
    stage.commit_to_main(&[("rules/autonomy.yaml", Some(&lifting))]);
    insta::assert_snapshot!(refused(&stage), @"
    error: the rules on `main` cannot be read:
    rules/autonomy.yaml:10:5: grants[0].lifts: unknown key `lifts`: expected one of `id`, `agents`, `actions`, `environments`, `labels`, `needs`, `lost_by`, `sample`
    hint: mend them by hand, with a commit on `main`: the bot does nothing until they can be read
    ");
}

#[test]
fn what_agents_can_earn_is_explained() {
    let grants = format!(
        "{GRANT}  - id: any\n    actions: [optimize, create_strategy]\n    environments: [inactive]\n    labels: {{tier: low}}\n    \
         needs: {{decided: 20, within: 30d, approval_rate: 80 %, success_rate: 90.5 %}}\n    \
         lost_by: {{failures: 1, within: 1d}}\n    sample: 100 %\n"
    );
    let stage = with_grants(&grants);
    let said = stage.countersign(&["explain-rules"]).succeeds().text();
    let (_, said) = said.split_once("What agents can earn").unwrap();
    let (said, _) = said.split_once("What agents may do").unwrap();
    insta::assert_snapshot!(said, @"
    --------------------
    Of several that an agent has earned, the first decides.

    tuning
      Up to MEDIUM, nobody is asked about modify_parameters by strategy-optimizer in live or paper,
      unless a rule asks for somebody.
      Each agent earns it for each action and environment: by 4 that people decided within 90 days, of
      which at least 50 % are approved and at least 50 % of the executions succeed, with a confidence of
      95 %.
      It ends with 1 rejection or 2 failures within 30 days. Of what it lets pass, people decide 1 % all
      the same.

    any
      Up to MEDIUM, nobody is asked about create_strategy or optimize by any registered agent in
      inactive, on targets with tier: low, unless a rule asks for somebody.
      Each agent earns it for each action and environment: by 20 that people decided within 30 days, of
      which at least 80 % are approved and at least 90.5 % of the executions succeed, with a confidence
      of 95 %.
      It ends with 1 failure within 1 day. Of what it lets pass, people decide 100 % all the same.
    ");
}

#[test]
fn rules_that_ask_somebody_are_above_what_is_earned() {
    let mut stage = with_grants(GRANT);
    earn(&mut stage, 4);
    let rules = |rule: &str| {
        let policy = stage.file("rules/policy.yaml");
        let policy = policy
            .split("  - id: added")
            .next()
            .unwrap()
            .trim_end()
            .to_owned();
        let policy = format!(
            "{policy}\n  - id: added\n    when: effect != 'none'\n    {rule}\n    reason: it is so\n"
        );
        stage.commit_to_main(&[("rules/policy.yaml", Some(&policy))]);
    };
    rules("ask: {from: admins}");
    propose(&stage, 5);
    rules("then: HIGH");
    propose(&stage, 7);
    rules("then: refuse");
    propose(&stage, 9);
    let titles = [5, 6, 7].map(|number| title(&mut stage, number));
    insta::assert_snapshot!(titles.join("\n"), @"
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer; 1 approval from admins (added)
    waiting: HIGH 75.00: needs 1 approval by an admin, with a justification
    failure: MEDIUM 55.00: refused by a rule
    ");
    stage.read_all();
}

/// What is earned by 50 cases, put on record by somebody who can write `main`, and adopted.
fn with_record(stage: &TestRepo, approved: u32) {
    let today = stage.now().format("%Y-%m-%d");
    let record = format!(
        "schema: countersign/track-record/v1\ndays:\n  \"{today}\":\n    approved: {approved}\n    succeeded: {approved}\n"
    );
    stage.write_to_main(&[(LIVE, Some(&record))]);
}

#[test]
fn what_is_earned_is_reported_and_can_be_proposed() {
    let mut stage = with_grants(GRANT);
    earn(&mut stage, 2);
    let report = |stage: &TestRepo, more: &[&str]| {
        let ran = stage.countersign(&[&["report", "autonomy"], more].concat());
        redact(&ran.succeeds().text())
    };
    insta::assert_snapshot!(report(&stage, &[]), @"
    Earned autonomy
    ===============

    What people decided within the last 180 days, and what came of that and of what was granted; “at least” is the lower bound of Wilson's interval of 95 %.

     agent               action             environment  approved                 successful              granted
     strategy-optimizer  modify_parameters  live         2 of 2 (at least 34.23   2 of 2 (at least 34.23  0
                                                         %)                       %)

    Grants
    ------

    - modify_parameters by strategy-optimizer in live: tuning is not earned: people decided 2 of the 4 that it needs within 90 days
    ");
    insta::assert_snapshot!(report(&stage, &["--agent", "risk-manager"]), @"
    Earned autonomy
    ===============

    Nothing that people decided is on record yet.
    ");
    insta::assert_snapshot!(report(&stage, &["--format", "json"]), @r#"
    {
      "kinds": [
        {
          "action": "modify_parameters",
          "agent": "strategy-optimizer",
          "approved": {
            "at_least": "34.23 %",
            "count": 2,
            "of": 2
          },
          "environment": "live",
          "granted": 0,
          "grants": [
            {
              "grant": "tuning",
              "is_earned": false,
              "is_lost": false,
              "reason": "people decided 2 of the 4 that it needs within 90 days"
            }
          ],
          "proposed": null,
          "succeeded": {
            "at_least": "34.23 %",
            "count": 2,
            "of": 2
          }
        }
      ],
      "report": "autonomy"
    }
    "#);
    let nothing = stage.countersign(&["report", "autonomy", "--propose", "--as", "carol"]);
    insta::assert_snapshot!(redact(&nothing.exits(1).text()), @"
    error: nothing is earned that is not granted
    hint: `countersign report autonomy` says what is missing
    ");
    // Without a grant for it, as after fifty good cases.
    let other = GRANT.replace("[modify_parameters]", "[optimize]");
    stage.commit_to_main(&[("rules/autonomy.yaml", Some(&other))]);
    with_record(&stage, 50);
    insta::assert_snapshot!(report(&stage, &["--format", "markdown"]), @"
    # Earned autonomy

    What people decided within the last 180 days, and what came of that and of what was granted; “at least” is the lower bound of Wilson's interval of 95 %.

    | agent | action | environment | approved | successful | granted |
    | --- | --- | --- | --- | --- | --- |
    | `strategy-optimizer` | `modify_parameters` | `live` | 50 of 50 (at least 92.86 %) | 50 of 50 (at least 92.86 %) | 0 |

    ## Grants

    - `modify_parameters` by `strategy-optimizer` in `live`: no grant; it is earned by what `--propose` proposes
    ");
    let proposed = stage.countersign(&["report", "autonomy", "--propose", "--as", "dana"]);
    let today = stage.now().format("%Y%m%d-%H%M%S").to_string();
    insta::assert_snapshot!(redact(&proposed.succeeds().text()).replace(&today, "[now]"), @"
    pull request #3, branch govern/autonomy-[now] at [commit], proposes to grant
      strategy-optimizer-modify_parameters-live
    `countersign run` says on it which past decisions would have come out differently
    ");
    let head = stage.git(&[
        "show",
        &format!("govern/autonomy-{today}:rules/autonomy.yaml"),
    ]);
    insta::assert_snapshot!(head, @"
    schema: countersign/autonomy/v1
    grants:
      - id: tuning
        agents: [strategy-optimizer]
        actions: [optimize]
        environments: [live, paper]
        needs: {decided: 4, within: 90d, approval_rate: 50 %, success_rate: 50 %}
        lost_by: {rejections: 1, failures: 2, within: 30d}
        sample: 1 %
      - id: strategy-optimizer-modify_parameters-live
        agents: [strategy-optimizer]
        actions: [modify_parameters]
        environments: [live]
        needs: {decided: 50, within: 90d, approval_rate: 90 %, success_rate: 90 %}
        lost_by: {rejections: 1, failures: 2, amendments: 2, within: 30d}
        sample: 10 %
    ");
}

#[test]
fn a_proposed_grant_is_a_governance_change_like_any() {
    let mut stage = with_grants(GRANT);
    earn(&mut stage, 1);
    let grants = format!(
        "{GRANT}{}",
        "  - id: more\n    actions: [optimize]\n    environments: [paper]\n    \
        needs: {decided: 50, within: 90d, approval_rate: 90 %, success_rate: 90 %}\n    lost_by: {failures: 1, within: 30d}\n    sample: 10 %\n"
    );
    stage.govern("dana", "grants", &[("rules/autonomy.yaml", &grants)]);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(2)), @"
    waiting: governance change, HIGH: needs 1 approval by an admin, with a justification

    **A governance change**, judged by the rules on `main` and not by its own:

    - `rules/autonomy.yaml`: 6 lines added, 0 removed

    ```diff
    --- a/rules/autonomy.yaml
    +++ b/rules/autonomy.yaml
    @@ -7,3 +7,9 @@
         needs: {decided: 4, within: 90d, approval_rate: 50 %, success_rate: 50 %}
         lost_by: {rejections: 1, failures: 2, within: 30d}
         sample: 1 %
    +  - id: more
    +    actions: [optimize]
    +    environments: [paper]
    +    needs: {decided: 50, within: 90d, approval_rate: 90 %, success_rate: 90 %}
    +    lost_by: {failures: 1, within: 30d}
    +    sample: 10 %
    ```

    The same in a clone: `git fetch origin refs/pull/2/head && git diff [commit] [commit]`

    The rules that it would make are readable; 110 policy tests pass.

    What they ask for, against the rules on `main`:

    1503 proposals made up from the bounds of both versions of the rules: the same for all of them.
    - LOW before: 290, the same for all of them
    - MEDIUM before: 457, the same for all of them
    - HIGH before: 756, the same for all of them

    Laxer whatever is proposed:

    - `the grant more lets pass without a person what its agents have earned, as soon as people approved 50 of 50 and 35 of 35 of the executions succeeded`

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), `the agent` (1), `the number of targets` (5), `the target` (1), `who made the commits` (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.


    Under them, the newest decisions again:

    1 past decisions replayed: 0 would have had another level, 0 been asked of other people.
    - MEDIUM → MEDIUM: 1

    Approvals asked for: 1 then, 1 now.


    Still needed: 1 approval by an admin, with a justification. Who may give it: carol.
    ");
    stage
        .review(2, "carol", &["--approve", "--message", WHY])
        .succeeds();
    stage.run();
    insta::assert_snapshot!(title(&mut stage, 2), @"success: governance change, HIGH: approved and merged");
    stage.verifies();
}

#[test]
fn past_decisions_are_replayed_under_other_grants() {
    let mut stage = with_grants(GRANT);
    earn(&mut stage, 4);
    for number in 5..=6 {
        propose(&stage, number);
    }
    stage.read_all();
    let backtest = |grants: &str| {
        let path = stage.folder("other");
        std::fs::create_dir_all(path.join("rules")).unwrap();
        for file in stage
            .git(&["ls-tree", "--name-only", "main", "rules/"])
            .lines()
        {
            if file.ends_with(".yaml") {
                std::fs::write(path.join(file), stage.file(file)).unwrap();
            }
        }
        std::fs::write(path.join("rules/autonomy.yaml"), grants).unwrap();
        let ran = stage.countersign(&["backtest", "--rules", path.to_str().unwrap()]);
        redact(&ran.succeeds().text())
    };
    insta::assert_snapshot!(backtest(GRANT), @"
    6 past decisions replayed: 0 would have had another level, 0 been asked of other people.
      MEDIUM → MEDIUM: 6

    Approvals asked for: 4 then, 4 now.
    2 would have passed by a grant, by the track records of their moments; what was not drawn then counts as not drawn.

    1503 proposals made up from the bounds of both versions of the rules: the same for all of them.
      LOW before: 290, the same for all of them
      MEDIUM before: 457, the same for all of them
      HIGH before: 756, the same for all of them

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
    let sooner = GRANT
        .replace("decided: 4", "decided: 2")
        .replace("50 %", "30 %");
    insta::assert_snapshot!(backtest(&sooner), @"
    6 past decisions replayed: 0 would have had another level, 2 been asked of other people.
      MEDIUM → MEDIUM: 6

    Approvals asked for: 4 then, 2 now.
    4 would have passed by a grant, by the track records of their moments; what was not drawn then counts as not drawn.
    Less, or other people, would be asked in 2, nobody any more in 2 of them: 0 were HIGH, 0 were rejected, 0 failed, 2 succeeded.

    Other decisions that come out differently, newest first:

      #4 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks nobody by the grant tuning instead of 1 reviewer; approved, success
      #3 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks nobody by the grant tuning instead of 1 reviewer; approved, success

    1503 proposals made up from the bounds of both versions of the rules: the same for all of them.
      LOW before: 290, the same for all of them
      MEDIUM before: 457, the same for all of them
      HIGH before: 756, the same for all of them

    Laxer whatever is proposed:

      the grant tuning needs 2 cases that people decided instead of 4
      the grant tuning needs 30 % of approvals at least instead of 50 %: 2 of 2 bear it instead of 4 of 4
      the grant tuning needs 30 % of successful executions at least instead of 50 %: 2 of 2 bear it instead of 4 of 4

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
    insta::assert_snapshot!(backtest("schema: countersign/autonomy/v1\ngrants: []\n"), @"
    6 past decisions replayed: 0 would have had another level, 2 been asked of other people.
      MEDIUM → MEDIUM: 6

    Approvals asked for: 4 then, 6 now.
    More of people would be asked in 2, nobody then in 2 of them: 0 were HIGH, 0 were rejected, 0 failed, 2 succeeded.

    Other decisions that come out differently, newest first:

      #6 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks 1 reviewer instead of nobody by the grant tuning; granted, success
      #5 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks 1 reviewer instead of nobody by the grant tuning; granted, success

    1503 proposals made up from the bounds of both versions of the rules: the same for all of them.
      LOW before: 290, the same for all of them
      MEDIUM before: 457, the same for all of them
      HIGH before: 756, the same for all of them

    Stricter whatever is proposed:

      the grant tuning is gone

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
    // Each boundary by itself.
    let other = "\
schema: countersign/autonomy/v1
grants:
  - id: tuning
    actions: [modify_parameters, optimize]
    environments: [paper]
    labels: {team: core}
    needs: {decided: 3, within: 60d, approval_rate: 80 %, success_rate: 40 %}
    lost_by: {failures: 3, within: 20d}
    sample: 0.5 %
  - id: more
    agents: [risk-manager]
    actions: [optimize]
    environments: [paper]
    needs: {decided: 50, within: 90d, approval_rate: 90 %, success_rate: 95 %}
    lost_by: {failures: 1, within: 30d}
    sample: 10 %
";
    insta::assert_snapshot!(backtest(other), @"
    6 past decisions replayed: 0 would have had another level, 2 been asked of other people.
      MEDIUM → MEDIUM: 6

    Approvals asked for: 4 then, 6 now.
    More of people would be asked in 2, nobody then in 2 of them: 0 were HIGH, 0 were rejected, 0 failed, 2 succeeded.

    Other decisions that come out differently, newest first:

      #6 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks 1 reviewer instead of nobody by the grant tuning; granted, success
      #5 [id] modify_parameters on rsi-eurusd: MEDIUM 55.00 → MEDIUM 55.00, asks 1 reviewer instead of nobody by the grant tuning; granted, success

    1503 proposals made up from the bounds of both versions of the rules: the same for all of them.
      LOW before: 290, the same for all of them
      MEDIUM before: 457, the same for all of them
      HIGH before: 756, the same for all of them

    Laxer whatever is proposed:

      the grant more lets pass without a person what its agents have earned, as soon as people approved 50 of 50 and 73 of 73 of the executions succeeded
      the grant tuning has people decide 0.5 % of its cases instead of 1 %
      the grant tuning holds of cases of every registered agent, and not only of strategy-optimizer
      the grant tuning holds of optimize, too
      the grant tuning is earned by what happened within 60 days instead of 90 days
      the grant tuning is lost by 3 failures instead of by 2 failures
      the grant tuning is lost by no rejection instead of by 1 rejection
      the grant tuning is lost by what happened within 20 days instead of 30 days
      the grant tuning needs 3 cases that people decided instead of 4
      the grant tuning needs 40 % of successful executions at least instead of 50 %: 3 of 3 bear it instead of 4 of 4

    Stricter whatever is proposed:

      the grant tuning does not hold of live any more
      the grant tuning holds only of targets with the label team: core
      the grant tuning is earned by what happened within 60 days instead of 90 days
      the grant tuning needs 80 % of approvals at least instead of 50 %: 16 of 16 bear it instead of 4 of 4

    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (119 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
}

#[test]
fn approval_of_less_ends_a_grant_that_says_so() {
    let mut stage = with_grants(&GRANT.replace("rejections: 1, failures: 2", "amendments: 1"));
    earn(&mut stage, 4);
    stage.propose(
        AGENT,
        "far",
        "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 11}",
    );
    stage.run();
    let words = ["--approve", "--set", "stop_loss_pct=4.8"];
    stage.review(5, "alice", &words).succeeds();
    stage.run();
    stage.read_all();
    insta::assert_snapshot!(on_record(&stage, LIVE), @r#"
    schema: countersign/track-record/v1
    days:
      "[today]":
        approved: 5
        amended: 1
        succeeded: 5
    "#);
    propose(&stage, 6);
    let report = stage.report(6);
    let why = report
        .lines()
        .find(|line| line.starts_with("People are asked"))
        .unwrap();
    insta::assert_snapshot!(why, @"People are asked: grant tuning is lost for modify_parameters by strategy-optimizer in live: 1 amendment within 30 days.");
    stage.verifies();
}
