//! The rules of `rules/policy.yaml` as the people of a repository meet them: what is noted, lifted, held back and
//! refused, and who is asked for what.

use crate::support::proposals::{AGENT, LOW, MEDIUM, WHY};
use crate::support::{TestRepo, has, has_not, redact};
use chrono::TimeDelta;

/// The example with more rules, groups and labels.
pub fn with_rules(rules: &str) -> TestRepo {
    let stage = TestRepo::example();
    let policy = format!("{}\n{rules}", stage.file("rules/policy.yaml"));
    let people = stage.file("rules/people.yaml").replace(
        "reviewers:\n",
        "  erin: {emails: [erin@example.org]}\n  frank: {emails: [frank@example.org]}\n\
         groups:\n  payments: {members: [erin, alice]}\n  security: {members: [frank]}\n  directors: {groups: [admins]}\n\
         reviewers:\n",
    );
    let target = stage.file("targets/rsi-eurusd.yaml").replace(
        "environment: live\n",
        "environment: live\nlabels: {owner: payments}\n",
    );
    stage.commit_to_main(&[
        ("rules/policy.yaml", Some(&policy)),
        ("rules/people.yaml", Some(&people)),
        ("targets/rsi-eurusd.yaml", Some(&target)),
    ]);
    stage
}

/// An approval that says too little for what needs a justification.
fn without_reason(stage: &TestRepo, number: u64, who: &str) -> String {
    let said = ["--approve", "--message", "Ok."];
    stage.review(number, who, &said).succeeds().text()
}

#[test]
fn what_is_refused_ends_without_anybody_and_is_recorded() {
    let mut stage = with_rules(
        "  - id: no_fours\n    when: changes.exists(c, c.value == 4.0)\n    then: refuse\n    reason: \"nobody sets {parameters} to 4\"\n",
    );
    let id = stage.propose(AGENT, "a", MEDIUM);
    let checked = stage.countersign(&["show", "1"]);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    failure: MEDIUM 55.00: refused by a rule

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `refused, whoever approves, no_fours: nobody sets stop_loss_pct to 4`

    What would not be refused:

    - `stop_loss_pct: 2 reaches MEDIUM 40.00`
    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    A rule refuses it: no approval changes that.
    ");
    insta::assert_snapshot!(redact(&checked.text()), @"
    [id]  pending
    pull request #1 (open), branch recommend/a at [commit]

    waiting: MEDIUM 55.00: the next run of the bot closes it

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `refused, whoever approves, no_fours: nobody sets stop_loss_pct to 4`

    What would not be refused:

    - `stop_loss_pct: 2 reaches MEDIUM 40.00`
    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    A rule refuses it: no approval changes that.
    ");
    has(
        stage.log().last().unwrap(),
        "decision: refuse modify_parameters on rsi-eurusd (MEDIUM 55.00)",
    );
    let decided = stage
        .countersign(&["show", &id, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(decided["decision"]["status"], "refused");
    assert_eq!(
        decided["decision"]["risk"]["triggers"],
        serde_json::json!([{"id": "no_fours", "reason": "nobody sets stop_loss_pct to 4", "effect": "refuse"}])
    );
    let listed = stage.countersign(&["list", "--status", "refused"]);
    insta::assert_snapshot!(listed.succeeds().stdout, @"
     #  STATUS   RISK          AGENT               WHAT                          OUTCOME
     1  refused  MEDIUM 55.00  strategy-optimizer  modify_parameters rsi-eurusd
    ");
    // Nothing of it is on the target.
    has(&stage.file("targets/rsi-eurusd.yaml"), "stop_loss_pct: 3");
    stage.verifies();
}

#[test]
fn what_is_noted_is_shown_and_changes_nothing() {
    let mut stage = with_rules(
        "  - id: small_steps\n    when: target_count == 1\n    then: note\n    reason: only {target_count} target\n",
    );
    stage.propose(AGENT, "a", LOW);
    stage.run();
    let said = stage.report(1);
    has(&said, "success: LOW 0.00: merged by the bot");
    has(
        &said,
        "- `noted, changes nothing, small_steps: only 1 target`",
    );
    stage.verifies();
}

#[test]
fn what_is_held_back_collects_approvals_and_is_merged_when_the_rule_is_gone() {
    let mut stage = with_rules(
        "  - id: stand_still\n    when: production\n    then: wait\n    reason: the desk moves house\n",
    );
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    has(
        &stage.report(1),
        "waiting: MEDIUM 55.00: needs 1 approval by a reviewer",
    );
    has(
        &stage.approve(1, "bob"),
        "it counts, but a rule holds it back: the desk moves house (stand_still)",
    );
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "waiting: MEDIUM 55.00: held back: the desk moves house (stand_still)",
    );
    has(
        &said,
        "Nothing is merged while this holds: `the desk moves house (stand_still)`.",
    );
    stage.edit_on_main(
        "rules/policy.yaml",
        "    when: production\n    then: wait",
        "    when: bulk\n    then: wait",
    );
    stage.approve(1, "alice");
    stage.run();
    has(&stage.report(1), "MEDIUM 55.00: approved and merged");
    stage.verifies();
}

#[test]
fn a_group_that_a_label_names_is_asked_beside_the_level() {
    let mut stage = with_rules(
        "  - id: owners\n    when: production\n    ask: {from: {label: owner}}\n    reason: its owners agree\n",
    );
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 55.00: needs 1 approval by a reviewer; 1 approval from payments (owners)

    **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd (live)
      stop_loss_pct: 3.0 → 4
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
    - `+15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `needs 1 approval from payments, owners: its owners agree`

    To make it less risky:

    - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

    For no rule to ask for approvals:

    - `only on rsi-eurusd-paper comes to MEDIUM 35.00, of which no rule asks for approvals (on one rehearsal target first)`

    It needs the approval of a reviewer.

    Still needed: 1 approval by a reviewer; 1 approval from payments (owners). Who may give it: alice, bob, carol, erin.
    ");
    insta::assert_snapshot!(redact(&stage.approve(1, "bob")), @"recorded: approval of #1 at [commit]; it still needs 1 approval from payments (owners)");
    stage.run();
    has(
        &stage.report(1),
        "waiting: MEDIUM 55.00: needs 1 approval from payments (owners)",
    );
    // Who is in neither group is told so.
    insta::assert_snapshot!(redact(&stage.approve(1, "frank")), @"recorded: approval of #1 at [commit]; it will not count: `frank` is neither reviewer nor admin");
    stage.approve(1, "erin");
    stage.run();
    has(&stage.report(1), "MEDIUM 55.00: approved and merged");
    stage.verifies();
}

#[test]
fn one_approval_counts_for_the_level_and_for_a_rule() {
    let mut stage = with_rules(
        "  - id: owners\n    when: production\n    ask: {from: payments}\n    reason: its owners agree\n",
    );
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    stage.approve(1, "alice");
    stage.run();
    has(&stage.report(1), "MEDIUM 55.00: approved and merged");
    stage.verifies();
}

#[test]
fn a_low_change_waits_for_whom_a_rule_asks() {
    let mut stage = with_rules(
        "  - id: two_of_us\n    when: \"'stop_loss_pct' in parameters\"\n    ask: {any_of: [{from: directors, justification: true}, [{from: payments}, {from: security}]]}\n    reason: limits are everybody's\n",
    );
    stage.propose(AGENT, "a", LOW);
    stage.run();
    let said = stage.report(1);
    insta::assert_snapshot!(redact(&said), @"
    waiting: LOW 0.00: needs 1 approval from directors with a justification, or 1 approval from payments and 1 approval from security (two_of_us)

    **modify_parameters** on `rsi-eurusd-draft`, proposed by `strategy-optimizer` as `[id]`

    ```text
    target rsi-eurusd-draft (inactive)
      stop_loss_pct: 3.0 → 1.5
    ```

    **LOW RISK (score 0.00)**

    This is LOW risk because:

    - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
    - `+0.00 parameters: stop_loss_pct: 1.5 (rules/parameters.yaml): stop_loss_pct 1.5 is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
    - `needs 1 approval from directors with a justification, or 1 approval from payments and 1 approval from security, two_of_us: limits are everybody's`

    It needs the approvals that the rules ask for, and no others.

    Still needed: 1 approval from directors with a justification, or 1 approval from payments and 1 approval from security (two_of_us). Who may give it: alice, carol, erin, frank.
    ");
    stage.approve(1, "erin");
    stage.run();
    has(
        &stage.report(1),
        "needs 1 approval from directors with a justification, or 1 approval from payments and 1 approval from security (two_of_us)",
    );
    stage.approve(1, "frank");
    stage.run();
    has(&stage.report(1), "LOW 0.00: approved and merged");
    // A director alone is enough, with a reason.
    stage.propose(AGENT, "b", &LOW.replace("1.5", "1.25"));
    stage.run();
    stage.read_all();
    has(
        &without_reason(&stage, 2, "carol"),
        "it still needs 1 approval from directors with a justification, or",
    );
    stage
        .review(2, "carol", &["--approve", "--message", WHY])
        .succeeds();
    stage.run();
    has(&stage.report(2), "LOW 0.00: approved and merged");
    stage.verifies();
}

#[test]
fn those_who_are_asked_instead_are_asked_for_no_less() {
    let mut stage = with_rules(
        "  - id: payments_decide\n    when: production\n    ask: {from: payments, instead: true}\n    reason: these are theirs\n",
    );
    stage.propose(
        AGENT,
        "a",
        "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 20}",
    );
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "needs 1 approval from payments with a justification (payments_decide)",
    );
    has_not(&said, "admin");
    has(
        &without_reason(&stage, 1, "erin"),
        "it will not count: it has no justification",
    );
    // An admin is not asked any more.
    let carol = stage
        .review(1, "carol", &["--approve", "--message", WHY])
        .succeeds();
    has(
        &carol.text(),
        "it still needs 1 approval from payments with a justification",
    );
    stage
        .review(1, "erin", &["--approve", "--message", WHY])
        .succeeds();
    stage.run();
    has(&stage.report(1), "HIGH 75.00: approved and merged");
    stage.verifies();
}

/// A condition that fails counts as fired, but only to ask for more.
#[test]
fn a_rule_that_cannot_be_evaluated_asks_nobody_instead() {
    let mut stage = with_rules(
        "  - id: theirs\n    when: targets.all(t, t.labels.nothing == 'payments')\n    ask: {from: payments, instead: true}\n    reason: these are theirs\n",
    );
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    has(
        &stage.report(1),
        "waiting: MEDIUM 55.00: needs 1 approval by a reviewer; 1 approval from payments (theirs)",
    );
    stage.approve(1, "erin");
    stage.run();
    has(
        &stage.report(1),
        "waiting: MEDIUM 55.00: needs 1 approval by a reviewer",
    );
    stage.verifies();
}

#[test]
fn a_member_of_an_asked_group_may_block_and_reject() {
    let mut stage = with_rules(
        "  - id: owners\n    when: production\n    ask: {from: payments}\n    reason: its owners agree\n",
    );
    stage.propose(AGENT, "a", MEDIUM);
    stage.propose(AGENT, "b", &LOW.replace("1.5", "2"));
    stage.run();
    stage.read_all();
    stage
        .review(1, "erin", &["--request-changes", "--message", "Not yet."])
        .succeeds();
    stage.approve(1, "alice");
    stage.run();
    has(&stage.report(1), "waiting: MEDIUM 55.00: changes requested");
    stage
        .review(1, "erin", &["--reject", "bad_timing", "--message", "No."])
        .succeeds();
    stage.run();
    has(&stage.report(1), "rejected by erin (bad_timing)");
    stage.verifies();
}

#[test]
fn a_window_holds_back_until_it_ends_and_is_on_record() {
    let mut stage = with_rules(
        "  - id: still\n    when: \"'quiet' in windows\"\n    then: wait\n    reason: a quiet time\n",
    );
    let local = |hours| {
        let at = stage.now() + TimeDelta::hours(hours);
        at.format("%Y-%m-%d %H:%M").to_string()
    };
    let (from, to) = (local(-1), local(1));
    let governance = format!(
        "{}\nwindows: {{quiet: {{from: {from}, to: {to}, timezone: UTC}}}}\n",
        stage.file("rules/governance.yaml")
    );
    stage.commit_to_main(&[("rules/governance.yaml", Some(&governance))]);
    stage.propose(AGENT, "a", LOW);
    stage.run();
    has(
        &stage.report(1),
        "waiting: LOW 0.00: held back: a quiet time (still)",
    );
    stage.verifies();
    stage.wait(TimeDelta::hours(2));
    stage.run();
    has(&stage.report(1), "success: LOW 0.00: merged by the bot");
    let shown = stage
        .countersign(&["show", "1", "--format", "json"])
        .succeeds()
        .json();
    let windows = &shown["decision"]["windows"];
    assert_eq!(windows[0]["name"], "quiet");
    assert_eq!(windows[0]["open"], false);
    stage.verifies();
}

#[test]
fn a_window_that_nobody_defined_is_refused() {
    let stage = TestRepo::example();
    let policy = format!(
        "{}\n  - id: still\n    when: \"'weekend' in windows\"\n    then: wait\n    reason: a quiet time\n",
        stage.file("rules/policy.yaml")
    );
    let folder = stage.folder("rules-to-test");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["governance", "parameters", "actions", "agents", "people"] {
        let name = format!("rules/{file}.yaml");
        std::fs::write(folder.join(format!("{file}.yaml")), stage.file(&name)).unwrap();
    }
    std::fs::write(folder.join("policy.yaml"), policy).unwrap();
    let tested = stage
        .countersign(&["test", folder.to_str().unwrap()])
        .exits(3);
    has(
        &tested.text(),
        "`weekend` is not among the `windows` of `rules/governance.yaml`",
    );
}

/// What rules see of the present: the value before, how far it moves, the labels of the target, the agent's details.
#[test]
fn a_rule_sees_the_present_value_the_labels_and_the_details() {
    let mut stage = with_rules(concat!(
        "  - id: half_again\n    when: changes.exists(c, c.parameter == 'stop_loss_pct' && c.ratio > 1.25)\n    then: note\n    reason: moves by more than a quarter\n",
        "  - id: from_three\n    when: changes.exists(c, c.before == 3.0 && c.delta == 1.0 && c.amount == 4.0)\n    then: note\n    reason: from 3 to 4\n",
        "  - id: theirs\n    when: targets.exists(t, has(t.labels.owner) && t.labels.owner == 'payments' && t.parameters.trading_mode == 'live')\n    then: note\n    reason: \"{targets} is of payments\"\n",
        "  - id: fast\n    when: has(details.speed) && details.speed == 'fast'\n    then: note\n    reason: \"asks for {details}\"\n",
        "  - id: uncited\n    when: size(citations) == 0\n    then: note\n    reason: cites nothing\n",
    ));
    stage.propose(AGENT, "a", &format!("{MEDIUM}\ndetails: {{speed: fast}}"));
    stage.propose(AGENT, "b", LOW);
    stage.run();
    let noted = |said: &str| {
        let lines = said.lines().filter(|line| line.contains("noted"));
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(noted(&stage.report(1)), @"
    - `noted, changes nothing, half_again: moves by more than a quarter`
    - `noted, changes nothing, from_three: from 3 to 4`
    - `noted, changes nothing, theirs: rsi-eurusd is of payments`
    - `noted, changes nothing, fast: asks for speed: fast`
    - `noted, changes nothing, uncited: cites nothing`
    ");
    insta::assert_snapshot!(noted(&stage.report(2)), @"- `noted, changes nothing, uncited: cites nothing`");
    stage.verifies();
}

/// A label is what `main` says of a target; without one the admins are asked.
#[test]
fn a_target_without_the_label_asks_the_admins() {
    let mut stage = with_rules(
        "  - id: owners\n    when: effect != 'none'\n    ask: {from: {label: owner}}\n    reason: its owners agree\n",
    );
    stage.propose(AGENT, "a", LOW);
    stage.run();
    has(
        &stage.report(1),
        "waiting: LOW 0.00: needs 1 approval from admins (owners)",
    );
    stage.approve(1, "carol");
    stage.run();
    has(&stage.report(1), "LOW 0.00: approved and merged");
    stage.verifies();
}

#[test]
fn the_triggers_of_older_rules_are_read_as_they_were() {
    let mut stage = TestRepo::example();
    let triggers = "schema: countersign/triggers/v1\ntriggers:\n  - id: fours\n    when: changes.exists(c, c.value == 4.0)\n    reason: four is bold\n";
    stage.commit_to_main(&[
        ("rules/policy.yaml", None),
        ("rules/tests/policy.yaml", None),
        ("rules/tests/framework.yaml", None),
        ("rules/tests/factors.yaml", None),
        ("rules/tests/modes.yaml", None),
        ("rules/triggers.yaml", Some(triggers)),
    ]);
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "waiting: HIGH 75.00: needs 1 approval by an admin, with a justification",
    );
    has(&said, "- `HIGH in any case, fours: four is bold`");
    stage.verifies();
}

const PATHS: &str = "paths:\n  - id: desk_targets\n    touches: [targets/rsi-*.yaml]\n    ask: {from: payments, instead: true}\n    reason: the desk's targets\n  - id: people\n    touches: [rules/people.yaml, rules/tests/**]\n    ask: {from: security}\n    reason: who people are\n";

/// The target's file, with another description.
fn described(stage: &TestRepo, path: &str) -> String {
    let lines = stage.file(path);
    let lines = lines
        .lines()
        .map(|line| match line.starts_with("description:") {
            true => "description: Changed.",
            false => line,
        });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn files_that_a_rule_names_are_left_to_their_owners() {
    let mut stage = with_rules(PATHS);
    let path = "targets/rsi-eurusd.yaml";
    let described = described(&stage, path);
    stage.govern("dana", "mine", &[(path, &described)]);
    stage.run();
    let waiting = stage.report(1);
    let said = waiting.split("pass.").nth(1).unwrap().trim();
    insta::assert_snapshot!(redact(said), @r"
        - the desk's targets (desk_targets)

        Still needed: 1 approval from payments with a justification (desk_targets). Who may give it: alice, erin.
        ");
    // An admin is not asked, and does not count; nor does an approval without words.
    stage
        .review(1, "carol", &["--approve", "--message", WHY])
        .succeeds();
    without_reason(&stage, 1, "erin");
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)).lines().next().unwrap(), @"waiting: governance change, HIGH: needs 1 approval from payments with a justification (desk_targets)");
    stage
        .review(1, "erin", &["--approve", "--message", WHY])
        .succeeds();
    stage.run();
    has(
        &stage.report(1),
        "success: governance change, HIGH: approved",
    );
    has(&stage.file(path), "description: Changed.");
    stage.verifies();
}

#[test]
fn one_file_more_and_an_admin_is_asked_as_well() {
    let mut stage = with_rules(PATHS);
    let path = "targets/rsi-eurusd.yaml";
    let described = described(&stage, path);
    let people = format!("{}# More to come.\n", stage.file("rules/people.yaml"));
    let files = [(path, &*described), ("rules/people.yaml", &people)];
    stage.govern("dana", "more", &files);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)).lines().next().unwrap(), @"waiting: governance change, HIGH: needs 1 approval by an admin, with a justification; 1 approval from payments (desk_targets); 1 approval from security (people)");
    for who in ["erin", "frank"] {
        stage
            .review(1, who, &["--approve", "--message", WHY])
            .succeeds();
    }
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)).lines().next().unwrap(), @"waiting: governance change, HIGH: needs 1 approval by an admin, with a justification");
    stage
        .review(1, "carol", &["--approve", "--message", WHY])
        .succeeds();
    stage.run();
    has(
        &stage.report(1),
        "success: governance change, HIGH: approved",
    );
    stage.verifies();
    // What ends without a merge has no branch that tells its files.
    let again = stage.file(path).replace("Changed.", "Changed again.");
    stage.govern("dana", "again", &[(path, &again)]);
    stage.run();
    has(&stage.report(2), "needs 1 approval from payments");
    let no = ["--reject", "other", "--message", "Not today."];
    stage.review(2, "erin", &no).succeeds();
    stage.run();
    has(&stage.report(2), "rejected by erin");
    stage.verifies();
}

#[test]
fn rules_of_files_are_tested_and_checked() {
    let stage = with_rules("");
    let folder = stage.folder("rules-of-files");
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for path in ["governance", "parameters", "actions", "agents", "people"] {
        let path = format!("rules/{path}.yaml");
        write(&path, &stage.file(&path));
    }
    let tested = |more: &str, tests: &str| {
        write(
            "rules/policy.yaml",
            &format!("schema: countersign/policy/v1\nrules: []\n{more}"),
        );
        let tests = format!("schema: countersign/policy-test/v1\ntests:\n{tests}");
        write("rules/tests/paths.yaml", &tests);
        let ran = stage.countersign(&["test", folder.to_str().unwrap()]);
        ran.text()
    };
    insta::assert_snapshot!(tested(PATHS, "  - name: The desk decides on its targets.
    change: [targets/rsi-eurusd.yaml, targets/rsi-gbp.yaml]
    expect: {level: HIGH, triggers: [governance_change, desk_targets], asks: [payments], role: none}
  - name: But on no others.
    change: [targets/rsi-eurusd.yaml, targets/other.yaml]
    expect: {level: HIGH, asks: [payments], role: none}
"), @r"
        warning: 1 rule fires in no policy test:
            rules/policy.yaml:8: people
        FAILED rules/tests/paths.yaml:6: But on no others.
            role: expected none, found admin
        1 of 2 policy tests failed
        ");
    let wrong = "paths:\n  - {id: a, touches: [rules/people.yaml], ask: {from: payments, instead: true}, reason: r}\n  - {id: a, touches: [/etc, 'targets/../x'], ask: {from: {label: owner}}, reason: r}\n  - {id: b, touches: [], ask: {from: nobody}, reason: r}\n";
    insta::assert_snapshot!(tested(wrong, "  - {name: A., change: [a], expect: {level: HIGH}}\n"), @r"
        rules/policy.yaml:4:43: paths[0].ask: `rules/people.yaml` is for the admins to decide: only files below `targets/` can be left to others; leave `instead` out
        rules/policy.yaml:5:46: paths[1].ask: a file has no labels: name the group
        rules/policy.yaml:5:13: paths[1].touches: `/etc` is not a path in the repository: expected one such as `targets/db-*.yaml` or `rules/**`
        rules/policy.yaml:5:13: paths[1].touches: `targets/../x` is not a path in the repository: expected one such as `targets/db-*.yaml` or `rules/**`
        rules/policy.yaml:6:13: paths[2].touches: it is about no file: give at least one, such as `targets/db-*.yaml`
        rules/policy.yaml:5:10: paths[1].id: `a` is there twice: give each rule its own id
        the rules cannot be read, so no test was run
        ");
    insta::assert_snapshot!(tested("", "  - {name: Neither., expect: {level: LOW}}\n"), @r"
        rules/tests/paths.yaml:3:5: tests[0]: give either `recommend`, or `change` with the files that a governance change touches
        the rules cannot be read, so no test was run
        ");
}
