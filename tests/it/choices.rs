//! What an agent may propose: the same answer on the command line, by the API and by MCP.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use crate::support::asking::Asking;
use crate::support::mcp::Client;
use crate::support::serving::{nobody, token};
use crate::support::{TestRepo, has, has_not, redact};

/// A Wednesday.
const NOON: &str = "2026-12-02T12:00:00Z";

fn platform() -> TestRepo {
    let mut stage = TestRepo::of_pack("platform", &[]);
    let noon: DateTime<Utc> = NOON.parse().unwrap();
    stage.wait(noon - stage.now());
    stage
}

#[track_caller]
fn listed(stage: &TestRepo, options: &[&str]) -> String {
    let asked = [["new", "--list"].as_slice(), options].concat();
    stage.countersign(&asked).succeeds().stdout
}

#[track_caller]
fn json_of(stage: &TestRepo, options: &[&str]) -> Json {
    let text = listed(stage, &[options, &["--format", "json"]].concat());
    serde_json::from_str(&text).unwrap()
}

/// Without the ends of lines.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The names of what an answer lists.
fn names(list: &Json, key: &str) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one[key].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_agent_reads_what_it_may_propose() {
    let stage = platform();
    let scaling = [
        "--agent",
        "autoscaler",
        "--action",
        "scale",
        "--target",
        "checkout",
    ];
    insta::assert_snapshot!(listed(&stage, &scaling), @r"
    Actions
    -------
    autoscaler may propose what follows; at most 20 proposals of it may wait for people at a time.

    scale
      Sets replicas and limits; the deployment takes them from the target's file.
      It changes parameters of targets; that is easy to undo.
      It takes one target or more, and new values of their parameters.

    Targets
    -------
    checkout
      The checkout.
      In production; owner: web; tier: critical; try it first on checkout-staging.
      environment is production. Where it runs. development, production or staging is conservative;
      anything else is beyond all tiers.
      image is registry.example.org/shop/checkout:2.14.0. The image that runs. text that matches
      registry\.example\.org/[a-z0-9/-]+:[0-9]+\.[0-9]+\.[0-9]+ is conservative, otherwise text that
      matches registry\.example\.org/[a-z0-9/-]+(:[A-Za-z0-9._-]+)? aggressive; anything else is beyond
      all tiers.
      limits.cpu is 500m. What a container may use of processors. 100m to 2 is conservative, otherwise
      50m to 4 moderate, otherwise 50m to 16 aggressive; anything else is beyond all tiers. As a move
      from there, 250m to 750m is conservative, 0 to 1 moderate, -1 to 2 aggressive; further is beyond
      all tiers. A part of limits, which is proposed whole.
      limits.memory is 512Mi. What a container may use of memory. 64Mi to 1Gi is conservative, otherwise
      64Mi to 4Gi moderate, otherwise 64Mi to 16Gi aggressive; anything else is beyond all tiers. As a
      move from there, 256Mi to 768Mi is conservative, 0 to 1Gi moderate, -1Gi to 2Gi aggressive;
      further is beyond all tiers. A part of limits, which is proposed whole.
      replicas is 5. How many pods run. 3 to 20 is conservative, otherwise 3 to 40 moderate; anything
      else is beyond all tiers. As a move from there, 3.75 to 6.25 is conservative, 2.5 to 7.5 moderate;
      further is beyond all tiers. Extreme is above 100.

    Parameters that none of these targets has
    -----------------------------------------
    backups
      Whether the database is backed up.
      true is conservative; anything else is beyond all tiers.
      A safety control: the rules say what follows where it is switched off or removed.

    deletion_protection
      Whether it cannot be deleted by accident.
      true is conservative; anything else is beyond all tiers.
      A safety control: the rules say what follows where it is switched off or removed.

    kill_switch
      Whether the flag can be turned off at once for everybody.
      true is conservative; anything else is beyond all tiers.
      A safety control: the rules say what follows where it is switched off or removed.

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

    What each level asks for
    ------------------------
    LOW
      A score up to 30 is merged at once, and nobody is asked unless a rule asks for somebody.

    MEDIUM
      A score above 30 and up to 70 needs the approval of a reviewer.

    HIGH
      A score above 70 needs the approval of an admin, with a justification of at least 20 characters.

    Windows
    -------
    weekend
      It is open every week from Friday 17:00 to Monday 09:00 (Europe/Berlin); closed now, opens on
      Friday 2026-12-04 17:00.

    Rules that may apply
    --------------------
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

    unattributed
      “a commit is by nobody that the rules know”
      Applies when a commit is by nobody that the rules know.
      It is HIGH.

    full_rollout
      “the flag is on for everybody: remove it from the code soon”
      Applies when a change of rollout has the new value 100.
      It is noted; nothing else follows.

    long_statements
      “a statement may hold its locks for more than ten minutes”
      Applies when changes.exists(c, c.parameter == 'statement_timeout' && c.amount > 600.0).
      It is noted; nothing else follows.
    ");
    let checkout = json_of(&stage, &scaling);
    let replicas = &checkout["targets"][0]["parameters"];
    let replicas = replicas
        .as_array()
        .unwrap()
        .iter()
        .find(|known| known["name"] == "replicas");
    insta::assert_snapshot!(serde_json::to_string_pretty(replicas.unwrap()).unwrap(), @r#"
        {
          "description": "How many pods run.",
          "guidance": [
            "3 to 20 is conservative, otherwise 3 to 40 moderate; anything else is beyond all tiers. As a move from there, 3.75 to 6.25 is conservative, 2.5 to 7.5 moderate; further is beyond all tiers. Extreme is above 100."
          ],
          "name": "replicas",
          "safety_control": false,
          "type": "number",
          "unit": null,
          "value": 5
        }
        "#);
    // What it reads is so: a value of the conservative tier and a conservative step.
    let check = |value: &str| {
        let new = [
            "new",
            "--agent",
            "autoscaler",
            "--action",
            "scale",
            "--target",
            "checkout",
            "--set",
            value,
        ];
        let text = stage.countersign(&new).succeeds().stdout;
        std::fs::write(stage.folder("proposed.yaml"), text).unwrap();
        stage
            .countersign(&["check", "proposed.yaml"])
            .succeeds()
            .stdout
    };
    has(&check("replicas=6"), "replicas 6 is conservative");
    has(&check("replicas=6"), "is conservative\n");
    has(
        &check("replicas=7"),
        "from 5 (targets/checkout.yaml) is moderate",
    );
}

/// Only what may concern it: no rule about other actions and no other agent.
#[test]
fn rules_that_cannot_apply_are_left_out() {
    let stage = TestRepo::example();
    let policy = stage.file("rules/policy.yaml")
        + "\n  - id: other_agent\n    when: agent == 'risk-manager' && effect != 'none'\n    then: MEDIUM\n    reason: not for everybody\n";
    stage.commit_to_main(&[("rules/policy.yaml", Some(&policy))]);
    let rules = |agent: &str| names(&json_of(&stage, &["--agent", agent])["rules"], "id").join(" ");
    insta::assert_snapshot!(rules("market-analyst"), @"unattributed");
    insta::assert_snapshot!(rules("strategy-optimizer"), @"to_production safety_off extreme_value deviant_value bulk_in_production bulk irreversible irreversible_bulk real_money_or_production_data unattributed");
    insta::assert_snapshot!(rules("risk-manager"), @"to_production safety_off extreme_value deviant_value bulk_in_production bulk irreversible irreversible_bulk real_money_or_production_data unattributed other_agent");
    // Nobody knows this one: it may ask, and is told so.
    insta::assert_snapshot!(rules("stranger"), @"to_production safety_off extreme_value deviant_value bulk_in_production bulk irreversible irreversible_bulk real_money_or_production_data unregistered_agent unattributed");
    let stranger = listed(&stage, &["--agent", "stranger"]);
    has(&stranger, "stranger is not listed in rules/agents.yaml.");
    let analyst = listed(&stage, &["--agent", "market-analyst"]);
    insta::assert_snapshot!(analyst, @r"
        Actions
        -------
        market-analyst may propose what follows; at most 20 proposals of it may wait for people at a time.

        analyze
          Looks at targets and reports; changes nothing.
          It changes nothing.
          It takes no new values; targets where it is about some.

        query_documentation
          Answers a question from the documentation.
          It changes nothing.
          It takes no new values; targets where it is about some.

        Targets
        -------
        rsi-eurusd
          RSI strategy on EUR/USD, live account.
          In live, which counts as production; try it first on rsi-eurusd-paper.
          stop_loss_enabled is true. Whether positions are closed at the stop loss. true is conservative,
          otherwise false aggressive; anything else is beyond all tiers. A safety control: the rules say
          what follows where it is switched off or removed.
          stop_loss_pct is 3.0. Loss in percent of the position at which it is closed. 0.5 to 3 is
          conservative, otherwise 3 to 5 moderate, otherwise 5 to 10 aggressive; anything else is beyond all
          tiers. Extreme is above 12. Usual is 3; below -1 or above 7 is more than 2 standard deviations
          away. A safety control: the rules say what follows where it is switched off or removed.
          trading_mode is live. Where orders go - nowhere, to a simulation, or to the market. inactive, live
          or paper is conservative; anything else is beyond all tiers.

        rsi-eurusd-draft
          RSI strategy on EUR/USD, a draft.
          In inactive.
          stop_loss_enabled is true. Whether positions are closed at the stop loss. true is conservative,
          otherwise false aggressive; anything else is beyond all tiers. A safety control: the rules say
          what follows where it is switched off or removed.
          stop_loss_pct is 3.0. Loss in percent of the position at which it is closed. 0.5 to 3 is
          conservative, otherwise 3 to 5 moderate, otherwise 5 to 10 aggressive; anything else is beyond all
          tiers. Extreme is above 12. Usual is 3; below -1 or above 7 is more than 2 standard deviations
          away. A safety control: the rules say what follows where it is switched off or removed.
          trading_mode is inactive. Where orders go - nowhere, to a simulation, or to the market. inactive,
          live or paper is conservative; anything else is beyond all tiers.

        rsi-eurusd-paper
          RSI strategy on EUR/USD, paper account.
          In paper.
          stop_loss_enabled is true. Whether positions are closed at the stop loss. true is conservative,
          otherwise false aggressive; anything else is beyond all tiers. A safety control: the rules say
          what follows where it is switched off or removed.
          stop_loss_pct is 3.0. Loss in percent of the position at which it is closed. 0.5 to 3 is
          conservative, otherwise 3 to 5 moderate, otherwise 5 to 10 aggressive; anything else is beyond all
          tiers. Extreme is above 12. Usual is 3; below -1 or above 7 is more than 2 standard deviations
          away. A safety control: the rules say what follows where it is switched off or removed.
          trading_mode is paper. Where orders go - nowhere, to a simulation, or to the market. inactive,
          live or paper is conservative; anything else is beyond all tiers.

        What each level asks for
        ------------------------
        LOW
          A score up to 30 is merged at once, and nobody is asked unless a rule asks for somebody.

        MEDIUM
          A score above 30 and up to 70 needs the approval of a reviewer.

        HIGH
          A score above 70 needs the approval of an admin, with a justification of at least 20 characters.

        Rules that may apply
        --------------------
        unattributed
          “a commit is by nobody that the rules know”
          Applies when a commit is by nobody that the rules know.
          It is HIGH.
        ");
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let stage = platform();
    let refused = |options: &[&str], status| {
        let asked = [["new", "--list"].as_slice(), options].concat();
        let text = stage.countersign(&asked).exits(status).stderr;
        redact(text.split("\n\n").next().unwrap())
    };
    insta::assert_snapshot!(refused(&["--agent", "db-tuner", "--action", "deploy"], 1), @r"
        error: `deploy` is not an action that `db-tuner` may propose: expected one of configure_database, inspect, migrate_data
        hint: leave it out to see all there are
        ");
    insta::assert_snapshot!(refused(&["--agent", "db-tuner", "--target", "orders-bd"], 1), @r"
        error: there is no `targets/orders-bd.yaml`: did you mean `orders-db`?
        hint: leave it out to see all there are
        ");
    insta::assert_snapshot!(refused(&[], 2), @"error: `--agent` is missing: what may be proposed differs from agent to agent");
    insta::assert_snapshot!(refused(&["--agent", "db-tuner", "--set", "a=1"], 2), @"error: the argument '--list' cannot be used with '--set <KEY=VALUE>...'");
}

#[test]
fn many_targets_are_counted_and_one_that_cannot_be_read_is_named() {
    let stage = platform();
    let target = |number: u32| {
        format!(
            "schema: countersign/target/v1\ndescription: Number {number}.\nenvironment: production\nparameters: {{note: {}}}\n",
            "x".repeat(1_500)
        )
    };
    let files: Vec<(String, String)> = (0..130)
        .map(|number| (format!("targets/t{number:03}.yaml"), target(number)))
        .collect();
    let mut written: Vec<(&str, Option<&str>)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    written.push(("targets/broken.yaml", Some("schema: nonsense\n")));
    written.push((
        "freeze.yaml",
        Some("schema: countersign/freeze/v1\nby: carol\nat: 2026-12-02T11:00:00Z\nreason: Stop.\n"),
    ));
    stage.write_to_main(&written);
    let all = json_of(&stage, &["--agent", "autoscaler"]);
    assert_eq!(
        (
            names(&all["targets"], "name").len(),
            &all["more_targets"],
            all["more_target_names"].as_array().unwrap().len()
        ),
        (19, &json!(116), 100)
    );
    assert_eq!(all["errors"][0]["file"], "targets/broken.yaml");
    assert_eq!(all["frozen"], true);
    let bytes = all.to_string().len();
    assert!(bytes < 40_000, "{bytes} bytes");
    let text = listed(&stage, &["--agent", "autoscaler"]);
    let text = unwrapped(&text);
    has(&text, "Everything is stopped at present");
    has(&text, "t113, and 16 that are not named here.");
    let one = listed(&stage, &["--agent", "autoscaler", "--target", "t129"]);
    let one = unwrapped(&one);
    has(&one, "Number 129.");
    has(
        &one,
        "note is too long to be shown here. The rules say nothing of it: any change is beyond all tiers.",
    );
    has_not(&one, "t128");
}

#[test]
fn the_api_and_mcp_answer_the_same() {
    let stage = platform();
    let agent = token(&stage, &["--agent", "autoscaler"]);
    let person = token(&stage, &["--as", "alice"]);
    let asking = Asking::start(&stage);
    let by_api = |token: &str, path: &str| asking.get(token, path);
    // Windows stand as the server's clock says.
    let lasting = |mut answer: Json| {
        answer["windows"] = Json::Null;
        answer
    };
    let printed = lasting(json_of(&stage, &["--agent", "autoscaler"]));
    let own = by_api(&agent, "/choices").gives(200).json();
    assert_eq!(lasting(own), printed);
    let of_person = by_api(&person, "/choices?agent=autoscaler")
        .gives(200)
        .json();
    assert_eq!(lasting(of_person), printed);
    let refused = |token: &str, path: &str, status| {
        let problem = by_api(token, path).gives(status).json();
        format!(
            "{}\n{}",
            problem["detail"].as_str().unwrap(),
            problem["next"].as_str().unwrap()
        )
    };
    insta::assert_snapshot!(refused(&agent, "/choices?agent=deployer", 403), @r"
        `autoscaler` may ask for its own cases only
        leave the agent out, or ask with a person's token
        ");
    insta::assert_snapshot!(refused(&agent, "/choices?action=deploy", 404), @r"
        `deploy` is not an action that `autoscaler` may propose: expected one of inspect, scale
        leave it out to see all there are
        ");
    insta::assert_snapshot!(refused(&agent, "/choices?target=chekout", 404), @r"
        there is no `targets/chekout.yaml`: did you mean `checkout`?
        leave it out to see all there are
        ");
    insta::assert_snapshot!(refused(&person, "/choices", 400), @r"
        it is not said which agent's choices
        name the agent in `agent`
        ");
    insta::assert_snapshot!(refused(&agent, "/choices?target=UPPER", 400), @r"
        `target` cannot be understood: `UPPER` is not a target name: expected 1 to 100 of a-z, 0-9 and `-_.`, starting with a letter or digit
        mend that parameter, or leave it out
        ");
    asking.serving.stops();

    let mut client = Client::start(nobody(&mut stage.command(&[
        "mcp",
        "--agent",
        "autoscaler",
    ])));
    assert_eq!(lasting(client.call("list_choices", &json!({}))), printed);
    let asked = json!({"action": "scale", "targets": ["checkout"]});
    let one = client.call("list_choices", &asked);
    assert_eq!(names(&one["targets"], "name"), ["checkout"]);
    client.refused(
        "list_choices",
        &json!({"targets": ["chekout"]}),
        "did you mean `checkout`?",
    );
    client.ends();
}

/// What rules that may apply read of others is named, with who vouches for it.
#[test]
fn evidence_that_is_needed_is_named() {
    let stage = TestRepo::example();
    let evidence = "schema: countersign/evidence/v1\nevidence:\n  monthly_cost: {description: What it adds to the bill., type: number, unit: EUR, valid_for: 24h, from: [{login: alice}]}\n";
    let policy = stage.file("rules/policy.yaml")
        + "\n  - id: costly\n    when: effect != 'none' && evidence.monthly_cost > 100\n    then: MEDIUM\n    reason: it costs\n";
    stage.commit_to_main(&[
        ("rules/evidence.yaml", Some(evidence)),
        ("rules/policy.yaml", Some(&policy)),
    ]);
    let analyst = json_of(&stage, &["--agent", "market-analyst"]);
    assert_eq!(analyst["evidence"], json!([]));
    let optimizer = json_of(&stage, &["--agent", "strategy-optimizer"]);
    let rule = optimizer["rules"].as_array().unwrap().last().unwrap();
    insta::assert_snapshot!(format!("{}\n{}", rule["when"], optimizer["evidence"]), @r#"
    "when it has an effect and the evidence monthly_cost is above 100"
    [{"description":"What it adds to the bill.","name":"monthly_cost","text":"alice vouches for it, and that counts for 1d.","type":"number","unit":"EUR"}]
    "#);
}
