//! `init --pack`: the rules of each trade hold, and a proposal of that trade goes from beginning to end.

use chrono::{Datelike as _, TimeDelta, TimeZone as _, Utc, Weekday};

use crate::support::proposals::WHY;
use crate::support::{TestRepo, has, has_not, redact};

/// Each pack, and what it takes to make it where nobody has a name.
const PACKS: [(&str, &[&str]); 4] = [
    ("trading", &["--example"]),
    ("platform", &[]),
    ("support", &[]),
    ("blank", TWO_ADMINS),
];

const TWO_ADMINS: &[&str] = &[
    "--admin",
    "carol=carol@example.org",
    "--admin",
    "alice=alice@example.org",
];

/// Goes on to noon of the next such day.
fn wait_until(stage: &mut TestRepo, day: Weekday) {
    let tomorrow = stage.now().date_naive() + TimeDelta::days(1);
    let mut days = tomorrow.iter_days();
    let day = days.find(|date| date.weekday() == day).unwrap();
    let noon = Utc.from_utc_datetime(&day.and_hms_opt(12, 0, 0).unwrap());
    stage.wait(noon - stage.now());
}

#[test]
fn the_policy_tests_of_each_pack_pass_and_each_of_its_rules_fires_in_one() {
    for (pack, options) in PACKS {
        let stage = TestRepo::of_pack(pack, options);
        let tested = stage.countersign(&["test", "--strict"]).succeeds();
        has(&tested.text(), "policy tests pass");
        has_not(&tested.text(), "warning");
        stage.verifies();
    }
}

#[test]
fn every_pack_describes_all_keys_and_facts() {
    let described = countersign::rules::condition::described();
    for (pack, options) in PACKS {
        let stage = TestRepo::of_pack(pack, options);
        let policy = stage.file("rules/policy.yaml");
        for line in &described {
            has(&policy, line);
        }
        has(&stage.file("rules/parameters.yaml"), "#   change  ");
        has(&stage.file("rules/actions.yaml"), "#   reversibility  ");
        has(&stage.file("rules/people.yaml"), "#   reviewers  ");
        has(&stage.file("rules/agents.yaml"), "#   owner  ");
    }
}

#[test]
fn no_pack_but_its_own_has_a_word_of_trading() {
    let words = [
        "strateg",
        "trading",
        "stop_loss",
        "leverage",
        "drawdown",
        "broker",
        "portfolio",
        "eurusd",
        "backtests",
    ];
    for (pack, options) in PACKS.iter().filter(|(pack, _)| *pack != "trading") {
        let stage = TestRepo::of_pack(pack, options);
        let listed = stage.git(&["ls-tree", "-r", "--name-only", "main"]);
        for path in listed.lines() {
            let text = stage.file(path).to_lowercase();
            let word = words.iter().find(|word| text.contains(**word));
            assert_eq!(word, None, "in `{path}` of `{pack}`");
        }
    }
}

#[test]
fn a_platform_scales_what_is_critical() {
    let mut stage = TestRepo::of_pack("platform", &[]);
    wait_until(&mut stage, Weekday::Wed);
    stage.propose(
        "autoscaler",
        "a",
        "action: scale\ntargets: [checkout]\nchanges: {replicas: 6, limits: {cpu: 500m, memory: 768Mi}}",
    );
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r#"
    waiting: MEDIUM 40.00: needs 1 approval by a reviewer; 1 approval from web (owners_agree)

    **scale** on `checkout`, proposed by `autoscaler` as `[id]`

    ```text
    target checkout (production)
      limits: {"cpu": "500m", "memory": "512Mi"} → {"cpu": "500m", "memory": "768Mi"}
      replicas: 5 → 6
    ```

    **MEDIUM RISK (score 40.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: production (targets/checkout.yaml): counts as production`
    - `+0.00 parameters: limits.memory: 768Mi, replicas: 6 (rules/parameters.yaml): limits.memory 768Mi is conservative, and moving it by 50 % from 512Mi (targets/checkout.yaml) is conservative; the riskiest of 2 changes counts`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): scale is easily reversible`
    - `needs 1 approval from web, owners_agree: those who own it agree to scale in production`

    To make it less risky:

    - `without replicas, only on checkout-staging reaches LOW 20.00 (on one rehearsal target first)`

    For no rule to ask for approvals:

    - `only on checkout-staging comes to MEDIUM 35.00, of which no rule asks for approvals (on one rehearsal target first)`

    It needs the approval of a reviewer.

    Still needed: 1 approval by a reviewer; 1 approval from web (owners_agree). Who may give it: alice, bob, carol.
    "#);
    insta::assert_snapshot!(redact(&stage.approve(1, "carol")), @"recorded: approval of #1 at [commit]; it still needs 1 approval from web (owners_agree)");
    stage.run();
    insta::assert_snapshot!(redact(stage.report(1).lines().next().unwrap()), @"waiting: MEDIUM 40.00: needs 1 approval from web (owners_agree)");
    // Who reviews and owns it gives both.
    insta::assert_snapshot!(redact(&stage.approve(1, "alice")), @"recorded: approval of #1 at [commit]; `countersign run` merges it");
    stage.run();
    insta::assert_snapshot!(redact(stage.report(1).lines().next().unwrap()), @"success: MEDIUM 40.00: approved and merged");
    insta::assert_snapshot!(stage.file("targets/checkout.yaml"), @"
    # A service that customers pay in. What an agent proposes is scored against this file as it stands on `main`; approved
    # changes are written into it, and the deployment reads it.
    schema: countersign/target/v1
    description: The checkout.
    environment: production
    labels:
      owner: web          # the group whose people agree to changes in production
      tier: critical      # parameters.yaml is stricter with it
    # Where a change can be tried first.
    rehearsal: checkout-staging

    parameters:
      environment: production
      replicas: 6
      limits: {cpu: 500m, memory: 768Mi}
      image: registry.example.org/shop/checkout:2.14.0
    ");
    stage.verifies();
}

#[test]
fn a_platform_stands_still_at_weekends() {
    let mut stage = TestRepo::of_pack("platform", &[]);
    wait_until(&mut stage, Weekday::Sat);
    let body = "action: set_flag\ntargets: [new-search]\nchanges: {rollout: 10}";
    stage.propose("deployer", "a", body);
    stage.run();
    stage.read_all();
    stage.approve(1, "bob");
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @"
    waiting: MEDIUM 40.00: held back: nothing changes in production between Friday 17:00 and Monday 09:00 (weekend_freeze)

    **set_flag** on `new-search`, proposed by `deployer` as `[id]`

    ```text
    target new-search (production)
      rollout: 5 % → 10 %
    ```

    **MEDIUM RISK (score 40.00)**

    This is MEDIUM risk because:

    - `+40.00 environment: production (targets/new-search.yaml): counts as production`
    - `+0.00 parameters: rollout: 10 % (rules/parameters.yaml): rollout 10 % is conservative, and moving it by 5 % from 5 % (targets/new-search.yaml) is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+0.00 reversibility: easy (rules/actions.yaml): set_flag is easily reversible`
    - `not merged while this holds, weekend_freeze: nothing changes in production between Friday 17:00 and Monday 09:00`
    - `needs 1 approval from search, owners_agree: those who own it agree to set_flag in production`

    No edit that was tried makes it less risky.

    It needs the approval of a reviewer.

    - approved by bob (reviewer)

    Nothing is merged while this holds: `nothing changes in production between Friday 17:00 and Monday 09:00 (weekend_freeze)`.
    ");
    wait_until(&mut stage, Weekday::Mon);
    stage.run();
    let said = stage.said_on(1);
    has(said.last().unwrap(), "MEDIUM 40.00: approved and merged");
    has(&stage.file("targets/new-search.yaml"), "rollout: 10");
    stage.read_all();
    stage.verifies();
}

#[test]
fn a_platform_refuses_a_foreign_image_and_leaves_its_database_to_the_dbas() {
    let mut stage = TestRepo::of_pack("platform", &[]);
    wait_until(&mut stage, Weekday::Wed);
    let body = "action: deploy\ntargets: [checkout-staging]\nchanges: {image: \"docker.io/shop/checkout:2.14.1\"}";
    stage.propose("deployer", "a", body);
    let body = "action: migrate_data\ntargets: [orders-db]\nchanges: {migration: migrations/0042-split-names.sql, max_rows: 500}";
    let id = stage.propose("db-tuner", "b", body);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r#"
    failure: MEDIUM 55.00: refused by a rule

    **deploy** on `checkout-staging`, proposed by `deployer` as `[id]`

    ```text
    target checkout-staging (staging)
      image: "registry.example.org/shop/checkout:2.14.0" → "docker.io/shop/checkout:2.14.1"
    ```

    **MEDIUM RISK (score 55.00)**

    This is MEDIUM risk because:

    - `+20.00 environment: staging (targets/checkout-staging.yaml): counts 50 points`
    - `+30.00 parameters: image: docker.io/shop/checkout:2.14.1 (rules/parameters.yaml): image docker.io/shop/checkout:2.14.1 is beyond all tiers`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+5.00 reversibility: effort (rules/actions.yaml): deploy takes effort to reverse`
    - `refused, whoever approves, foreign_image: an image must come from registry.example.org`

    With every edit that was tried it is refused.

    A rule refuses it: no approval changes that.
    "#);
    insta::assert_snapshot!(redact(&stage.report(2)), @r#"
    waiting: HIGH 75.00: needs 1 approval from dbas with a justification (database_is_the_dbas); 2 approvals from data_owners with a justification (production_data)

    **migrate_data** on `orders-db`, proposed by `db-tuner` as `[id]`

    ```text
    target orders-db (production)
      max_rows: unset → 500
      migration: unset → "migrations/0042-split-names.sql"
    ```

    **HIGH RISK (score 75.00)**

    This is HIGH risk because:

    - `+40.00 environment: production (targets/orders-db.yaml): counts as production`
    - `+0.00 parameters: max_rows: 500, migration: migrations/0042-split-names.sql (rules/parameters.yaml): max_rows 500 is conservative; the riskiest of 2 changes counts`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+10.00 reversibility: irreversible (rules/actions.yaml): migrate_data is irreversible`
    - `needs 1 approval from dbas, database_is_the_dbas: migrate_data is decided by the DBAs`
    - `HIGH in any case, needs 2 approvals from data_owners with a justification, production_data: migrate_data touches data of production: two data owners must agree (no edit removes this)`
    - `lifts to at least MEDIUM 50.00, irreversible: migrate_data cannot be undone (no edit removes this)`

    No edit that was tried makes it less risky.

    It needs the approvals that the rules ask for, and no others.

    Still needed: 1 approval from dbas with a justification (database_is_the_dbas); 2 approvals from data_owners with a justification (production_data). Who may give it: erin, frank, grace.
    "#);
    // One of two data owners, who decides about databases as well.
    insta::assert_snapshot!(redact(&stage.approve(2, "erin")), @"recorded: approval of #2 at [commit]; it still needs 1 approval from data_owners with a justification (production_data)");
    stage.run();
    stage.read_all();
    stage.approve(2, "grace");
    stage.run();
    insta::assert_snapshot!(redact(stage.report(2).lines().next().unwrap()), @"success: HIGH 75.00: approved and merged");
    let outcome = ["outcome", &id, "--as", "erin", "--success"];
    stage.countersign(&outcome).succeeds();
    stage.read_all();
    stage.verifies();
}

#[test]
fn a_support_desk_pays_back() {
    let mut stage = TestRepo::of_pack("support", &[]);
    let refund = |amount: &str| {
        format!(
            "action: refund\ntargets: [refunds]\nchanges: {{amount: {amount}, order: ORD-104211, reason: late}}"
        )
    };
    let small = stage.propose("helpdesk", "a", &refund("40"));
    stage.propose("helpdesk", "b", &refund("1500"));
    stage.propose("helpdesk", "c", &refund("2500"));
    let attest = ["attest", "2", "order_total=1800", "--as", "erin"];
    stage.countersign(&attest).succeeds();
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r#"
    success: LOW 25.00: merged by the bot

    **refund** on `refunds`, proposed by `helpdesk` as `[id]`

    ```text
    target refunds (refund_desk)
      amount: unset → 40 EUR
      order: unset → "ORD-104211"
      reason: unset → "late"
    ```

    **LOW RISK (score 25.00)**

    This is LOW risk because:

    - `+20.00 environment: refund_desk (targets/refunds.yaml): counts 50 points`
    - `+0.00 parameters: amount: 40 EUR, order: ORD-104211, reason: late (rules/parameters.yaml): amount 40 EUR is conservative; the riskiest of 3 changes counts`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+5.00 reversibility: effort (rules/actions.yaml): refund takes effort to reverse`

    It needs no approval.
    "#);
    insta::assert_snapshot!(redact(&stage.report(2)), @r#"
    waiting: HIGH 75.00: needs 1 approval by an admin, with a justification; 1 approval from finance (finance_from_200); 1 approval from directors with a justification, or 1 approval from finance and 1 approval from team_leads (large_refund)

    **refund** on `refunds`, proposed by `helpdesk` as `[id]`

    ```text
    target refunds (refund_desk)
      amount: unset → 1500 EUR
      order: unset → "ORD-104211"
      reason: unset → "late"
    ```

    What others vouch for:

    - `order_total: 1800 EUR, attested by erin on [time]`

    **HIGH RISK (score 75.00)**

    This is HIGH risk because:

    - `+20.00 environment: refund_desk (targets/refunds.yaml): counts 50 points`
    - `+30.00 parameters: amount: 1500 EUR, order: ORD-104211, reason: late (rules/parameters.yaml): amount 1500 EUR is beyond all tiers; the riskiest of 3 changes counts`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+5.00 reversibility: effort (rules/actions.yaml): refund takes effort to reverse`
    - `needs 1 approval from finance, finance_from_200: above 200 EUR finance agrees`
    - `HIGH in any case, needs 1 approval from directors with a justification, or 1 approval from finance and 1 approval from team_leads, large_refund: above 1000 EUR`
    - `lifts to at least MEDIUM 50.00, order_refunded_before: the order was refunded before: 1 of 1 decision used for order ord-104211 so far, and this adds 1; that much is never free again (no edit removes this)`

    To make it less risky:

    - `amount: 1000 reaches MEDIUM 50.00`

    For no rule to ask for approvals:

    - `amount: 200 reaches MEDIUM 50.00, of which no rule asks for approvals`

    It needs the approval of an admin, with a justification.

    To approve less, in an approving review:

    - `/approve with amount=1000` (MEDIUM 50.00)
    - `/approve with amount=200` (MEDIUM 50.00)

    Still needed: 1 approval by an admin, with a justification; 1 approval from finance (finance_from_200); 1 approval from directors with a justification, or 1 approval from finance and 1 approval from team_leads (large_refund). Who may give it: bob, carol, erin, frank.
    "#);
    insta::assert_snapshot!(redact(stage.report(3).lines().next().unwrap()), @"failure: HIGH 75.00: refused by a rule");
    // The admin for the level, finance and a team lead for the amount.
    stage.approve(2, "carol");
    insta::assert_snapshot!(redact(&stage.approve(2, "bob")), @"recorded: approval of #2 at [commit]; it still needs 1 approval from finance (finance_from_200); 1 approval from directors with a justification, or 1 approval from finance and 1 approval from team_leads (large_refund)");
    stage.approve(2, "erin");
    stage.run();
    stage.read_all();
    has(stage.said_on(2).last().unwrap(), "approved");
    let outcome = ["outcome", &small, "--as", "bob", "--success"];
    stage.countersign(&outcome).succeeds();
    stage.read_all();
    stage.verifies();
}

#[test]
fn a_support_desk_leaves_deletions_to_the_privacy_officers() {
    let mut stage = TestRepo::of_pack("support", &[]);
    let body = "action: delete_account\ntargets: [accounts]\nchanges: {customer: C-204417}";
    stage.propose("account-keeper", "a", body);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r#"
    waiting: HIGH 75.00: needs 1 approval from privacy_officers with a justification (deletion_is_the_privacy_officers)

    **delete_account** on `accounts`, proposed by `account-keeper` as `[id]`

    ```text
    target accounts (accounts)
      customer: unset → "C-204417"
    ```

    **HIGH RISK (score 75.00)**

    This is HIGH risk because:

    - `+40.00 environment: accounts (targets/accounts.yaml): counts as production`
    - `+0.00 parameters: customer: C-204417 (rules/parameters.yaml): customer C-204417 is conservative`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+10.00 reversibility: irreversible (rules/actions.yaml): delete_account is irreversible`
    - `HIGH in any case, needs 1 approval from privacy_officers, deletion_is_the_privacy_officers: deleting what is known of a customer is decided by the privacy officers (no edit removes this)`
    - `lifts to at least MEDIUM 50.00, irreversible: delete_account cannot be undone (no edit removes this)`

    No edit that was tried makes it less risky.

    It needs the approvals that the rules ask for, and no others.

    Still needed: 1 approval from privacy_officers with a justification (deletion_is_the_privacy_officers). Who may give it: grace.
    "#);
    insta::assert_snapshot!(redact(&stage.approve(1, "carol")), @"recorded: approval of #1 at [commit]; it still needs 1 approval from privacy_officers with a justification (deletion_is_the_privacy_officers)");
    insta::assert_snapshot!(redact(&stage.approve(1, "grace")), @"recorded: approval of #1 at [commit]; `countersign run` merges it");
    stage.run();
    insta::assert_snapshot!(redact(stage.report(1).lines().next().unwrap()), @"success: HIGH 75.00: approved and merged");
    stage.verifies();
}

#[test]
fn a_blank_repository_gets_its_first_agent_and_target() {
    let mut stage = TestRepo::of_pack("blank", TWO_ADMINS);
    let agents = "schema: countersign/agents/v1\nagents:\n  tuner:\n    owner: alice\n    emails: [tuner@agents.example.org]\n    actions: [inspect, change]\n";
    let target = "schema: countersign/target/v1\nenvironment: production\nparameters: {retries: 2, mystery: 1}\n";
    stage.govern(
        "alice",
        "first",
        &[
            ("rules/agents.yaml", agents),
            ("targets/queue.yaml", target),
        ],
    );
    stage.run();
    stage.read_all();
    stage.approve(1, "carol");
    stage.run();
    has(&stage.report(1), "HIGH: approved and merged");
    let body = "action: change\ntargets: [queue]\nchanges: {mystery: 2}";
    stage.propose("tuner", "a", body);
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(2)), @"
    waiting: HIGH 75.00: needs 1 approval by an admin, with a justification

    **change** on `queue`, proposed by `tuner` as `[id]`

    ```text
    target queue (production)
      mystery: 1 → 2
    ```

    **HIGH RISK (score 75.00)**

    This is HIGH risk because:

    - `+40.00 environment: production (targets/queue.yaml): counts as production`
    - `+30.00 parameters: mystery: 2 (rules/parameters.yaml): mystery has no guidance, which counts as beyond all tiers`
    - `+0.00 scope: 1 target (recommendation.yaml): single entity`
    - `+5.00 reversibility: effort (rules/actions.yaml): change takes effort to reverse`
    - `HIGH in any case, unknown_parameter: not described in rules/parameters.yaml: mystery`

    No edit that was tried makes it less risky.

    It needs the approval of an admin, with a justification.

    Still needed: 1 approval by an admin, with a justification. Who may give it: carol.
    ");
    stage
        .review(2, "carol", &["--approve", "--message", WHY])
        .succeeds();
    stage.run();
    insta::assert_snapshot!(redact(stage.report(2).lines().next().unwrap()), @"success: HIGH 75.00: approved and merged");
    stage.verifies();
}

#[test]
fn the_admins_given_take_the_place_of_the_pack_s() {
    let admin = ["--admin", "zoe:42=zoe@example.com"];
    let stage = TestRepo::of_pack("platform", &admin);
    let people = stage.file("rules/people.yaml");
    insta::assert_snapshot!(people.split_once("people:\n").unwrap().1, @r#"
      alice: {emails: [alice@example.org]}
      bob: {emails: [bob@example.org]}
      carol: {emails: [carol@example.org]}
      # The owner of the agents: nobody approves what their own agent proposes.
      dana: {emails: [dana@example.org]}
      erin: {emails: [erin@example.org]}
      frank: {emails: [frank@example.org]}
      grace: {emails: [grace@example.org]}
      zoe: {emails: ["zoe@example.com"], id: 42}

    reviewers:
      members: [alice, bob]

    admins:
      members: [zoe]

    groups:
      # The label `owner` of a target names one of these.
      web: {description: Own what customers see, members: [alice, bob]}
      search: {description: Own the search, members: [bob, grace]}
      dbas: {description: Decide about databases, members: [erin, frank]}
      data_owners: {description: Answer for production data, members: [erin, frank, grace]}
      finance: {description: Answer for what the cloud costs, members: [grace]}
    "#);
    has(&stage.file("CODEOWNERS"), "@zoe");
}

#[test]
fn blank_has_no_example() {
    let stage = TestRepo::example();
    let path = stage.folder("other.git");
    let init = [
        "init",
        path.to_str().unwrap(),
        "--pack",
        "blank",
        "--example",
    ];
    insta::assert_snapshot!(stage.countersign(&init).exits(1).text(), @"
    error: the pack `blank` has no example
    hint: leave out `--example`, or choose another pack
    ");
}
