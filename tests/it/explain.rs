//! The rules in sentences: read as somebody reads them who decides and knows no YAML.

use std::fs;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::support::{TestRepo, has, has_not, redact};

/// A Wednesday.
const NOON: &str = "2026-12-02T12:00:00Z";

/// The same pack, at a moment that windows can be told of.
fn at_noon(pack: &str, options: &[&str]) -> TestRepo {
    let mut stage = TestRepo::of_pack(pack, options);
    let noon: DateTime<Utc> = NOON.parse().unwrap();
    stage.wait(noon - stage.now());
    stage
}

#[track_caller]
fn explained(stage: &TestRepo, options: &[&str]) -> String {
    let asked = [["explain-rules"].as_slice(), options].concat();
    stage.countersign(&asked).succeeds().stdout
}

#[test]
fn a_manager_reads_the_rules_of_a_platform() {
    let stage = at_noon("platform", &[]);
    insta::assert_snapshot!(explained(&stage, &[]), @r"
    Who decides
    -----------
    The mode is two_tier. What agents propose is scored from 0 to 100, and the score makes the level.
    Nobody decides on what they, or an agent of theirs, had a hand in. Approvals of bots never count.

    LOW
      A score up to 30 is merged at once, and nobody is asked unless a rule asks for somebody.

    MEDIUM
      A score above 30 and up to 70 needs the approval of a reviewer.

    HIGH
      A score above 70 needs the approval of an admin, with a justification of at least 20 characters.

    Changes of rules, people, agents and targets
      They are always HIGH, whatever they say: each needs the approval of an admin, with a
      justification.

    database_targets
      Changes of targets/*-db.yaml: “databases are described by those who run them”.
      In place of those whom the level asks for, and no fewer of them, 1 of dbas must approve.

    cost_rules
      Changes of rules/parameters.yaml and rules/evidence.yaml: “what may be spent is for finance to
      know”.
      Beside those whom the level asks for, 1 of finance must approve.

    Groups
    ------
    An admin is a reviewer, too.

    reviewers
      alice, bob and carol.

    admins
      carol.

    data_owners
      Answer for production data
      erin, frank and grace.

    dbas
      Decide about databases
      erin and frank.

    finance
      Answer for what the cloud costs
      grace.

    search
      Own the search
      bob and grace.

    web
      Own what customers see
      alice and bob.

    Deadlines and limits
    --------------------
    What has waited for 24 hours the admins are asked about, too; after 7 days it is recorded as
    expired.
    At most 20 proposals of one agent wait for people at a time; more are refused.
    What looks mistyped (an action or target that does not exist, a value of another type) is refused,
    and its agent is told what was probably meant.

    Windows
    -------
    weekend
      Every week from Friday 17:00 to Monday 09:00 (Europe/Berlin); closed now, opens on Friday
      2026-12-04 17:00.
      Looked at by weekend_freeze.

    What others vouch for
    ---------------------
    What is absent, too old or no such value makes a case HIGH where a rule looks at it. Nobody vouches
    for what they, or an agent of theirs, had a hand in.

    monthly_cost
      What a new service adds to the bill of a month, as the plan of the cloud's resources says.
      the App infracost or grace vouches for it.

    rows
      How many rows a migration touches, counted on a copy of the data.
      erin or frank vouches for it, and that counts for 1d.

    How risk is scored
    ------------------
    Where it takes effect is 40 % of the score: production counts 100, staging 50, development 0,
    anything else 100. What counts 100 is production.
    How unusual the new values are is 30 %: conservative counts 0, moderate 50, aggressive 75, beyond
    all tiers 100; of several values the highest counts. What has no guidance, or is removed, is beyond
    all tiers.
    On how many targets is 20 %: one counts 0, several 50, 10 or more 100, which is called bulk, as is a
    change of none that is named.
    How hard it is to undo is 10 %: easy counts 0, with effort 50, irreversible 100. An action that is
    not listed is irreversible.
    A rule that makes it HIGH lifts the score to 75, one that makes it MEDIUM to 50, if it is lower.

    Rules beside the score
    ----------------------
    Below, “it” is what an agent proposes; … stands for what it is about. All rules that apply count
    together. One whose condition cannot be answered counts as one that applies.

    weekend_freeze
      “nothing changes in production between Friday 17:00 and Monday 09:00”
      Applies when it is in production, it has an effect and the window weekend is open.
      It waits: approvals are collected, but nothing is merged while this is so.

    foreign_image
      “an image must come from registry.example.org”
      Applies when a change of image is beyond all tiers.
      It is refused, whoever approves.

    owners_agree
      “those who own it agree to … in production”
      Applies when it is in production, it has an effect, it does not touch database and it does not
      touch cloud_budget.
      Beside those whom the level asks for, 1 of the group that the label owner of each target names, or
      of the admins where it names none, must approve.

    database_is_the_dbas
      “… is decided by the DBAs”
      Applies when it touches database.
      In place of those whom the level asks for, and no fewer of them, 1 of dbas must approve.

    production_data
      “… touches data of production: two data owners must agree”
      Applies when it is in production and it touches production_data.
      It is HIGH.
      Beside those whom the level asks for, 2 (each with a justification) of data_owners must approve.

    migration_without_limit
      “a migration names its file and after how many rows it stops”
      Applies when the action is migrate_data, and either max_rows does not change or migration does not
      change.
      It is refused, whoever approves.

    budget
      “the budget moves by more than 10 %, or above 5000 EUR”
      Applies when a change of monthly_budget is not conservative.
      Beside those whom the level asks for, 1 of finance must approve.

    many_changes
      “an agent that changes so much is looked at”
      Applies when it has an effect, past 30 decisions for each agent within 1h.
      It is at least MEDIUM.

    to_production
      “something starts to run in production (…)”
      Applies when a target is moved into production from elsewhere.
      It is HIGH.

    safety_off
      “switches off what protects it: …”
      Applies when a safety control is switched off.
      It is HIGH.

    extreme_value
      “far beyond what anybody runs: …”
      Applies when a value is extreme.
      It is HIGH.

    bulk_in_production
      “… targets in production at once”
      Applies when it is bulk, it is in production and it has an effect.
      It is HIGH.

    irreversible
      “… cannot be undone”
      Applies when it cannot be undone.
      It is at least MEDIUM.

    unregistered_agent
      “… is not registered in rules/agents.yaml”
      Applies when the agent is not registered.
      It is HIGH.

    unattributed
      “a commit is by nobody that the rules know”
      Applies when a commit is by nobody that the rules know.
      It is HIGH.

    costly_service
      “finance agrees to a service that costs more than 500 EUR a month (…)”
      Applies when it makes a target and the evidence monthly_cost is above 500.
      Beside those whom the level asks for, 1 of finance must approve.

    many_rows
      “a migration of more than 10000 rows is tried like one of production (…)”
      Applies when the action is migrate_data, it is not in production and the evidence rows is above
      10000.
      It is HIGH.

    full_rollout
      “the flag is on for everybody: remove it from the code soon”
      Applies when a change of rollout has the new value 100.
      It is noted; nothing else follows.

    long_statements
      “a statement may hold its locks for more than ten minutes”
      Applies when changes.exists(c, c.parameter == 'statement_timeout' && c.amount > 600.0).
      It is noted; nothing else follows.

    What agents may do
    ------------------
    configure_database
      Sets timeouts, connections and backups of a database.
      It changes parameters of targets; that takes effort to undo. It touches database. The bot writes
      it into the target's file.
      db-tuner may propose it.

    create_service
      Makes a new target; name its `environment`.
      It makes a new target; that is easy to undo. The bot writes it into the target's file.
      deployer may propose it.

    delete_service
      Removes a service together with its volumes.
      It removes targets; that cannot be undone. It touches production_data. The bot writes it into the
      target's file.
      deployer may propose it.

    deploy
      Sets the image; the one before can be set again, what it wrote in between stays.
      It changes parameters of targets; that takes effort to undo. The bot writes it into the target's
      file.
      deployer may propose it.

    inspect
      Reads metrics, logs and settings, and reports.
      It changes nothing. Nothing carries it out.
      autoscaler, db-tuner and deployer may propose it.

    migrate_data
      Changes rows of a database; done by the migration's own pipeline, which reports.
      It changes parameters of targets; that cannot be undone. It touches database and production_data.
      Another system carries it out and reports.
      db-tuner may propose it.

    scale
      Sets replicas and limits; the deployment takes them from the target's file.
      It changes parameters of targets; that is easy to undo. The bot writes it into the target's file.
      autoscaler and deployer may propose it.

    set_budget
      Sets what the cloud may cost.
      It changes parameters of targets; that is easy to undo. It touches cloud_budget. The bot writes it
      into the target's file.
      deployer may propose it.

    set_flag
      Turns a flag on for more or fewer customers.
      It changes parameters of targets; that is easy to undo. The bot writes it into the target's file.
      deployer may propose it.

    Agents
    ------
    autoscaler
      Follows the load.
      It may propose inspect and scale. dana answers for it.

    db-tuner
      Watches the databases.
      It may propose configure_database, inspect and migrate_data. dana answers for it.

    deployer
      Brings releases and flags to where they run, and cleans up behind them.
      It may propose create_service, delete_service, deploy, inspect, scale, set_budget and set_flag.
      dana answers for it.

    Values
    ------
    Where it is said how far a value may move, the worse of value and movement counts. A parameter that
    is not here is beyond all tiers.

    backups
      Whether the database is backed up.
      true is conservative; anything else is beyond all tiers.
      A safety control: the rules say what follows where it is switched off or removed.

    deletion_protection
      Whether it cannot be deleted by accident.
      true is conservative; anything else is beyond all tiers.
      A safety control: the rules say what follows where it is switched off or removed.

    environment
      Where it runs.
      development, production or staging is conservative; anything else is beyond all tiers.

    image
      The image that runs.
      text that matches registry\.example\.org/[a-z0-9/-]+:[0-9]+\.[0-9]+\.[0-9]+ is conservative,
      otherwise text that matches registry\.example\.org/[a-z0-9/-]+(:[A-Za-z0-9._-]+)? aggressive;
      anything else is beyond all tiers.

    kill_switch
      Whether the flag can be turned off at once for everybody.
      true is conservative; anything else is beyond all tiers.
      A safety control: the rules say what follows where it is switched off or removed.

    limits.cpu
      What a container may use of processors.
      100m to 2 is conservative, otherwise 50m to 4 moderate, otherwise 50m to 16 aggressive; anything
      else is beyond all tiers. Moving it by up to 50 % of its present value is conservative, by up to
      100 % moderate, by up to 300 % aggressive; further is beyond all tiers.

    limits.memory
      What a container may use of memory.
      64Mi to 1Gi is conservative, otherwise 64Mi to 4Gi moderate, otherwise 64Mi to 16Gi aggressive;
      anything else is beyond all tiers. Moving it by up to 50 % of its present value is conservative,
      by up to 100 % moderate, by up to 300 % aggressive; further is beyond all tiers.

    max_connections
      How many connections the database takes.
      50 to 200 is conservative, otherwise 20 to 500 moderate, otherwise 10 to 1000 aggressive; anything
      else is beyond all tiers. Moving it by up to 25 % of its present value is conservative, by up to
      50 % moderate, by up to 100 % aggressive; further is beyond all tiers.

    max_rows
      After how many rows a migration stops.
      1 to 1000 is conservative, otherwise 1 to 100000 moderate, otherwise 1 to 1000000 aggressive;
      anything else is beyond all tiers.

    migration
      The migration that is run.
      text that matches migrations/[0-9]{4}-[a-z0-9-]+\.sql is conservative; anything else is beyond all
      tiers.

    monthly_budget
      What the cloud may cost in a month.
      0 to 5000 EUR is conservative, otherwise 0 to 10000 EUR moderate, otherwise 0 to 20000 EUR
      aggressive; anything else is beyond all tiers. Moving it by up to 10 % of its present value is
      conservative, by up to 25 % moderate, by up to 100 % aggressive; further is beyond all tiers.
      Extreme is above 50000 EUR.

    replicas
      How many pods run.
      Where environment is development or staging: 0 to 5 is conservative, otherwise 0 to 10 moderate;
      anything else is beyond all tiers.
      Where label tier is critical: 3 to 20 is conservative, otherwise 3 to 40 moderate; anything else
      is beyond all tiers. Moving it by up to 25 % of its present value is conservative, by up to 50 %
      moderate; further is beyond all tiers. Extreme is above 100.
      Elsewhere: 2 to 10 is conservative, otherwise 1 to 20 moderate, otherwise 1 to 50 aggressive;
      anything else is beyond all tiers. Moving it by up to 50 % of its present value is conservative,
      by up to 100 % moderate, by up to 300 % aggressive; further is beyond all tiers. Extreme is above
      100.

    rollout
      To how many of the customers a flag is on.
      0 to 10 % is conservative, otherwise 0 to 50 % moderate, otherwise 0 to 100 % aggressive; anything
      else is beyond all tiers. Moving it by up to 10 percentage points is conservative, by up to 25
      percentage points moderate, by up to 100 percentage points aggressive; further is beyond all
      tiers.

    statement_timeout
      After what time the database gives a statement up.
      1s to 30s is conservative, otherwise 500ms to 2m moderate, otherwise 100ms to 10m aggressive;
      anything else is beyond all tiers. Extreme is above 1h.
    ");
}

#[test]
fn a_manager_reads_the_rules_of_trading() {
    let stage = at_noon("trading", &["--example"]);
    insta::assert_snapshot!(explained(&stage, &[]), @r"
        Who decides
        -----------
        The mode is two_tier. What agents propose is scored from 0 to 100, and the score makes the level.
        Nobody decides on what they, or an agent of theirs, had a hand in. Approvals of bots never count.

        LOW
          A score up to 30 is merged at once, and nobody is asked unless a rule asks for somebody.

        MEDIUM
          A score above 30 and up to 70 needs the approval of a reviewer.

        HIGH
          A score above 70 needs the approval of an admin, with a justification of at least 20 characters.

        Changes of rules, people, agents and targets
          They are always HIGH, whatever they say: each needs the approval of an admin, with a
          justification.

        Groups
        ------
        An admin is a reviewer, too.

        reviewers
          alice, bob and carol.

        admins
          carol.

        Deadlines and limits
        --------------------
        What has waited for 24 hours the admins are asked about, too; after 7 days it is recorded as
        expired.
        At most 20 proposals of one agent wait for people at a time; more are refused.
        What looks mistyped (an action or target that does not exist, a value of another type) is refused,
        and its agent is told what was probably meant.

        How risk is scored
        ------------------
        Where it takes effect is 40 % of the score: live counts 100, production 100, paper 50, staging 50,
        test 50, development 0, inactive 0, anything else 100. What counts 100 is production.
        How unusual the new values are is 30 %: conservative counts 0, moderate 50, aggressive 75, beyond
        all tiers 100; of several values the highest counts. What has no guidance, or is removed, is beyond
        all tiers.
        On how many targets is 20 %: one counts 0, several 50, 10 or more 100, which is called bulk, as is a
        change of none that is named.
        How hard it is to undo is 10 %: easy counts 0, with effort 50, irreversible 100. An action that is
        not listed is irreversible.
        A rule that makes it HIGH lifts the score to 75, one that makes it MEDIUM to 50, if it is lower.

        Rules beside the score
        ----------------------
        Below, “it” is what an agent proposes; … stands for what it is about. All rules that apply count
        together. One whose condition cannot be answered counts as one that applies.

        to_production
          “switches from test to production (…)”
          Applies when a target is moved into production from elsewhere.
          It is HIGH.

        safety_off
          “disables a safety control: …”
          Applies when a safety control is switched off.
          It is HIGH.

        extreme_value
          “past the extreme threshold: …”
          Applies when a value is extreme.
          It is HIGH.

        deviant_value
          “more than 2 standard deviations from the mean: …”
          Applies when a value is more than 2 standard deviations from its mean.
          It is HIGH.

        bulk_in_production
          “bulk operation in production (… targets)”
          Applies when it is bulk, it is in production and it has an effect.
          It is HIGH.

        bulk
          “bulk operation (… targets)”
          Applies when it is bulk and it has an effect.
          It is at least MEDIUM.

        irreversible
          “… cannot be undone”
          Applies when it cannot be undone.
          It is at least MEDIUM.

        irreversible_bulk
          “… cannot be undone, on … targets”
          Applies when it is bulk and it cannot be undone.
          It is HIGH.

        real_money_or_production_data
          “… affects … in production”
          Applies when it is in production, and either it touches real_money or it touches production_data.
          It is HIGH.

        unregistered_agent
          “… is not registered in rules/agents.yaml”
          Applies when the agent is not registered.
          It is HIGH.

        unattributed
          “a commit is by nobody that the rules know”
          Applies when a commit is by nobody that the rules know.
          It is HIGH.

        What agents may do
        ------------------
        analyze
          Looks at targets and reports; changes nothing.
          It changes nothing. Nothing carries it out.
          market-analyst, risk-manager and strategy-optimizer may propose it.

        create_strategy
          Makes a new target; name its environment in `trading_mode`.
          It makes a new target; that is easy to undo. The bot writes it into the target's file.
          risk-manager and strategy-optimizer may propose it.

        delete_strategy
          Removes targets together with their open state.
          It removes targets; that cannot be undone. It touches production_data. The bot writes it into the
          target's file.
          risk-manager and strategy-optimizer may propose it.

        modify_parameters
          Sets parameters of targets; the old values are in git.
          It changes parameters of targets; that is easy to undo. The bot writes it into the target's file.
          risk-manager and strategy-optimizer may propose it.

        optimize
          Sets parameters found by an optimization, which takes a new study to take back.
          It changes parameters of targets; that takes effort to undo. The bot writes it into the target's
          file.
          risk-manager and strategy-optimizer may propose it.

        promote_strategy
          Moves a target to another environment; positions opened there have to be wound down.
          It changes parameters of targets; that takes effort to undo. The bot writes it into the target's
          file.
          risk-manager and strategy-optimizer may propose it.

        query_documentation
          Answers a question from the documentation.
          It changes nothing. Nothing carries it out.
          market-analyst, risk-manager and strategy-optimizer may propose it.

        rebalance_portfolio
          Buys and sells until the portfolio has the proposed sizes; done by the broker's system.
          It changes parameters of targets; that cannot be undone. It touches real_money. Another system
          carries it out and reports.
          risk-manager may propose it.

        Agents
        ------
        market-analyst
          Reads and reports.
          It may propose analyze and query_documentation. dana answers for it.

        risk-manager
          Tightens limits and moves money out of risk.
          It may propose analyze, create_strategy, delete_strategy, modify_parameters, optimize,
          promote_strategy, query_documentation and rebalance_portfolio. dana answers for it.

        strategy-optimizer
          Searches for better parameters, makes and retires strategies.
          It may propose analyze, create_strategy, delete_strategy, modify_parameters, optimize,
          promote_strategy and query_documentation. dana answers for it.

        Values
        ------
        Where it is said how far a value may move, the worse of value and movement counts. A parameter that
        is not here is beyond all tiers.

        circuit_breaker_enabled
          Whether trading halts by itself after a run of losses.
          true is conservative, otherwise false aggressive; anything else is beyond all tiers.
          A safety control: the rules say what follows where it is switched off or removed.

        leverage
          Borrowed money as a multiple of own money.
          1 to 2 is conservative, otherwise 2 to 5 moderate, otherwise 5 to 10 aggressive; anything else is
          beyond all tiers. Extreme is above 20.

        max_drawdown_pct
          Loss in percent from the highest balance at which everything is stopped.
          1 to 10 is conservative, otherwise 10 to 15 moderate, otherwise 15 to 25 aggressive; anything else
          is beyond all tiers. Extreme is above 30. Usual is 10; below 0 or above 20 is more than 2 standard
          deviations away.
          A safety control: the rules say what follows where it is switched off or removed.

        position_size_pct
          Share of the account in percent that one position may take.
          0 to 2 is conservative, otherwise 2 to 5 moderate, otherwise 5 to 10 aggressive; anything else is
          beyond all tiers. Extreme is above 20. Usual is 2; below -2 or above 6 is more than 2 standard
          deviations away.

        stop_loss_enabled
          Whether positions are closed at the stop loss.
          true is conservative, otherwise false aggressive; anything else is beyond all tiers.
          A safety control: the rules say what follows where it is switched off or removed.

        stop_loss_pct
          Loss in percent of the position at which it is closed.
          0.5 to 3 is conservative, otherwise 3 to 5 moderate, otherwise 5 to 10 aggressive; anything else
          is beyond all tiers. Extreme is above 12. Usual is 3; below -1 or above 7 is more than 2 standard
          deviations away.
          A safety control: the rules say what follows where it is switched off or removed.

        take_profit_pct
          Gain in percent of the position at which it is closed.
          1 to 6 is conservative, otherwise 6 to 12 moderate, otherwise 12 to 25 aggressive; anything else
          is beyond all tiers. Extreme is above 40. Usual is 6; below -4 or above 16 is more than 2 standard
          deviations away.

        trading_mode
          Where orders go - nowhere, to a simulation, or to the market.
          inactive, live or paper is conservative; anything else is beyond all tiers.
        ");
}

#[test]
fn no_word_of_a_trade_is_said_of_another() {
    for (pack, options) in [
        ("platform", [].as_slice()),
        ("support", &[]),
        ("blank", &["--admin", "c=c@example.org"]),
    ] {
        let said = explained(&at_noon(pack, options), &[]).to_lowercase();
        for word in [
            "strateg",
            "trading",
            "stop_loss",
            "leverage",
            "live",
            "paper",
            "broker",
        ] {
            has_not(&said, word);
        }
    }
}

/// A folder of the pack's rules, with other texts in them.
fn odd_rules(stage: &TestRepo, files: &[(&str, &str)]) -> PathBuf {
    let folder = stage.folder("odd/rules");
    fs::create_dir_all(&folder).unwrap();
    for name in [
        "governance",
        "parameters",
        "actions",
        "policy",
        "agents",
        "people",
    ] {
        let odd = files.iter().find(|(odd, _)| *odd == name);
        let text = odd.map_or_else(
            || stage.file(&format!("rules/{name}.yaml")),
            |(_, text)| (*text).to_owned(),
        );
        fs::write(folder.join(format!("{name}.yaml")), text).unwrap();
    }
    stage.folder("odd")
}

/// Everything that the packs do not use, in Markdown, with markup in every text that somebody can write.
#[test]
fn odd_rules_are_explained_as_well() {
    let stage = at_noon("blank", &["--admin", "carol=carol@example.org"]);
    let governance = stage
        .file("rules/governance.yaml")
        .replace("mode: two_tier", "mode: high_only")
        .replace("  HIGH: 1", "  HIGH: 2")
        .replace("likely_typos: score", "likely_typos: refuse")
        .replace("executors: [none, apply]", "executors: [none, apply, command, http, dispatch]")
        .replace("escalate_after: 24h", "escalate_after: 1h30m")
        .replace(
            "# windows:",
            "windows:\n  year_end: {from: 2026-12-18 18:00, to: 2027-01-04 09:00, timezone: UTC}\n  \
             summer: {from: 2026-07-01 00:00, to: 2026-08-01 00:00, timezone: Europe/Berlin}\n  \
             midweek: {from: Wed 08:00, to: Wed 18:00, timezone: America/New_York}\n# windows:",
        );
    let parameters = "schema: countersign/parameters/v1\nparameters:
  hosts:
    description: \"[Click](https://evil.example) @admin `now` <b>\"
    each: {conservative: {matches: '[a-z]+[.]example[.]org'}, aggressive: {any_of: [localhost]}}
    added: {conservative: 1, moderate: 3}
  names:
    type: list
    removed: {conservative: 2}
  timeout:
    type: duration
    mean: 30s
    standard_deviation: 10s
    extreme_below: 1s
    extreme_above: 1h
    change: {conservative: 5s, aggressive: 1m30s}
  disk.size:
    type: quantity
    conservative: [64M, 1Gi]
    moderate: [1, 1536Mi]
  price:
    unit: EUR/h
    conservative: [5, 5]
";
    let actions = "schema: countersign/actions/v1\nactions:
  look: {effect: none, reversibility: easy, executor: none}
  run:
    effect: modify
    reversibility: effort
    affects: [money, data, people]
    executor: command
    command: {argv: [/usr/local/bin/run, --now], time_limit_seconds: 90}
  call:
    effect: delete
    reversibility: irreversible
    executor: http
    http: {url: 'https://deploy.example.org/run', secret: DEPLOY, time_limit_seconds: 30}
  start:
    effect: create
    reversibility: easy
    executor: dispatch
    dispatch: {event_type: deploy, repository: acme/deploy, time_limit_seconds: 3600}
";
    let people = "schema: countersign/people/v1\npeople:
  carol: {emails: [carol@example.org], id: 1}
  bob: {emails: [bob@example.org], id: 2}
reviewers: {team: acme/reviewers}
admins: {members: [carol, bob]}
groups:
  all: {description: '**All** of us', team: acme/all, groups: [admins]}
";
    let policy = "schema: countersign/policy/v1\nrules:
  - id: sums
    when: target_count + 1 > 3 && agent != '`x`'
    then: MEDIUM
    reason: \"{target_count} and [more](https://evil.example) {\"
  - id: owners
    when: targets.all(t, t.labels.tier == 'one')
    ask: {from: {label: owner}, approvals: 2, justification: true, instead: true}
    reason: theirs
  - id: either
    when: \"'midweek' in windows || 'year_end' in windows\"
    ask: {any_of: [{from: all, approvals: 2}, [{from: admins, justification: true}, {from: reviewers}]]}
    reason: quiet
";
    let agents = "schema: countersign/agents/v1\nagents:
  idle: {owner: bob, emails: [idle@agents.example.org], actions: []}
";
    let folder = odd_rules(
        &stage,
        &[
            ("governance", &governance),
            ("parameters", parameters),
            ("actions", actions),
            ("people", people),
            ("policy", policy),
            ("agents", agents),
        ],
    );
    let folder = folder.to_str().unwrap();
    insta::assert_snapshot!(explained(&stage, &[folder, "--format", "markdown"]), @r"
            # What the rules mean

            ## Who decides

            - The mode is high_only. What agents propose is scored from 0 to 100, and the score makes the level.
            - Nobody decides on what they, or an agent of theirs, had a hand in. Approvals of bots never count.
            - **LOW**
              - A score up to 30 is merged at once, and nobody is asked unless a rule asks for somebody.
            - **MEDIUM**
              - A score above 30 and up to 70 is merged at once, and nobody is asked unless a rule asks for somebody.
            - **HIGH**
              - A score above 70 needs the approval of 2 admins, each with a justification of at least 20 characters.
            - **Changes of rules, people, agents and targets**
              - They are always HIGH, whatever they say: each needs the approval of 2 admins, each with a justification.

            ## Groups

            - An admin is a reviewer, too.
            - **`reviewers`**
              - `bob`, `carol` and the members of the GitHub team `acme/reviewers`.
            - **`admins`**
              - `bob` and `carol`.
            - **`all`**
              - `**All** of us`
              - `bob`, `carol` and the members of the GitHub team `acme/all`.

            ## Deadlines and limits

            - What has waited for 90 minutes the admins are asked about, too; after 7 days it is recorded as expired.
            - At most 20 proposals of one agent wait for people at a time; more are refused.
            - What looks mistyped (an action or target that does not exist, a value of another type) is refused, and its agent is told what was probably meant.

            ## Windows

            - **`midweek`**
              - Every week from Wednesday 08:00 to Wednesday 18:00 (America/New_York); closed now, opens on Wednesday 2026-12-02 08:00.
              - Looked at by `either`.
            - **`summer`**
              - From Wednesday 2026-07-01 00:00 to Saturday 2026-08-01 00:00 (Europe/Berlin); over.
            - **`year_end`**
              - From Friday 2026-12-18 18:00 to Monday 2027-01-04 09:00 (UTC); closed now, opens on Friday 2026-12-18 18:00.
              - Looked at by `either`.

            ## How risk is scored

            - Where it takes effect is 40 % of the score: `production` counts 100, anything else 100. What counts 100 is production.
            - How unusual the new values are is 30 %: conservative counts 0, moderate 50, aggressive 75, beyond all tiers 100; of several values the highest counts. What has no guidance, or is removed, is beyond all tiers.
            - On how many targets is 20 %: one counts 0, several 50, 10 or more 100, which is called bulk, as is a change of none that is named.
            - How hard it is to undo is 10 %: easy counts 0, with effort 50, irreversible 100. An action that is not listed is irreversible.
            - A rule that makes it HIGH lifts the score to 75, one that makes it MEDIUM to 50, if it is lower.

            ## Rules beside the score

            - Below, “it” is what an agent proposes; … stands for what it is about. All rules that apply count together. One whose condition cannot be answered counts as one that applies.
            - **`sums`**
              - `… and [more]\u{28}https\u{3a}//evil.example) {`
              - Applies when `` target_count + 1 > 3 && agent != '`x`' ``.
              - It is at least MEDIUM.
            - **`owners`**
              - `theirs`
              - Applies when every target, if there is any, has the label `tier: one`, or that cannot be told.
              - In place of those whom the level asks for, and no fewer of them, 2 (each with a justification) of the group that the label `owner` of each target names, or of the admins where it names none, must approve.
            - **`either`**
              - `quiet`
              - Applies when the window `midweek` is open or the window `year_end` is open.
              - Beside those whom the level asks for, one of these must approve: 2 of `all`, or 1 (with a justification) of `admins` and 1 of `reviewers`.

            ## What agents may do

            - **`call`**
              - It removes targets; that cannot be undone. The bot sends it to `https://deploy.example.org/run`, which answers within 30s.
              - No agent may propose it.
            - **`look`**
              - It changes nothing. Nothing carries it out.
              - No agent may propose it.
            - **`run`**
              - It changes parameters of targets; that takes effort to undo. It touches `data`, `money` and `people`. The bot runs `/usr/local/bin/run`, for at most 1m30s.
              - No agent may propose it.
            - **`start`**
              - It makes a new target; that is easy to undo. The bot starts the GitHub workflow `deploy` of `acme/deploy`, which reports within 1h.
              - No agent may propose it.

            ## Agents

            - **`idle`**
              - It may propose nothing. `bob` answers for it.

            ## Values

            - Where it is said how far a value may move, the worse of value and movement counts. A parameter that is not here is beyond all tiers.
            - **`disk.size`**
              - 64M to 1Gi is conservative, otherwise 1 to 1536Mi moderate; anything else is beyond all tiers.
            - **`hosts`**
              - `[Click]\u{28}https\u{3a}//evil.example) \u{40}admin 'now' \u{3c}b\u{3e}`
              - Of each element that is added, text that matches `[a-z]+[.]example[.]org` is conservative, otherwise `localhost` aggressive; anything else is beyond all tiers. Adding up to 1 element is conservative, up to 3 moderate; more is beyond all tiers. Removing any element is beyond all tiers.
            - **`names`**
              - Adding any element is beyond all tiers. Removing up to 2 elements is conservative; more is beyond all tiers.
            - **`price`**
              - exactly 5 EUR/h is conservative; anything else is beyond all tiers.
            - **`timeout`**
              - Every value is beyond all tiers. Moving it by up to 5s is conservative, by up to 1m30s aggressive; further is beyond all tiers. Extreme is below 1s or above 1h. Usual is 30s; below 10s or above 50s is more than 2 standard deviations away.
            ");
    let json = stage
        .countersign(&["explain-rules", folder, "--format", "json"])
        .succeeds()
        .json();
    let sections = json["sections"].as_array().unwrap();
    let rule = sections
        .iter()
        .find(|section| section["title"] == "Rules beside the score")
        .map(|section| section["items"][0].clone());
    insta::assert_snapshot!(serde_json::to_string_pretty(&rule).unwrap(), @r#"
        {
          "name": "sums",
          "sentences": [
            "“… and [more](https://evil.example) {”",
            "Applies when target_count + 1 > 3 && agent != '`x`'.",
            "It is at least MEDIUM."
          ]
        }
        "#);
}

#[test]
fn rules_that_cannot_be_read_are_not_explained() {
    let stage = at_noon("platform", &[]);
    let policy = stage
        .file("rules/policy.yaml")
        .replace("when: to_production", "when: to_prod");
    let folder = odd_rules(&stage, &[("policy", &policy)]);
    let said = stage
        .countersign(&["explain-rules", folder.to_str().unwrap()])
        .exits(1);
    has(&said.stderr, "error: these rules cannot be read:\n");
    insta::assert_snapshot!(redact(&said.text()), @"
    error: these rules cannot be read:
    rules/policy.yaml:130:11: rules[8].when: `to_prod` is not a fact: expected one of action, effect, reversibility, affects, agent, agent_registered, unattributed, session, target_count, bulk, environment, production, to_production, parameters, unknown_parameters, safety_off, extreme, deviant, changes, targets, details, citations, windows, evidence
    rules/policy.yaml:166:11: rules[15].when: `monthly_cost` is not evidence of `rules/evidence.yaml`: that file has none
    rules/policy.yaml:172:11: rules[16].when: `rows` is not evidence of `rules/evidence.yaml`: that file has none
    hint: mend what is named; `countersign test` tries them
    ");
    // A folder may be `rules` itself, and a clone will do.
    let clone = stage.clone_of("carol");
    let from_clone = ["--repo", clone.path.to_str().unwrap()];
    assert_eq!(explained(&stage, &from_clone), explained(&stage, &[]));
}
