//! Evidence: facts that somebody other than the agent vouches for, by a login and by a key; and what does not count.

use std::path::PathBuf;

use chrono::TimeDelta;
use countersign::domain::ids::PullNumber;
use countersign::domain::review::Opinion;
use countersign::forge::local::LocalForge;
use countersign::forge::{Forge as _, NewReview};
use countersign::git::Repository;

use crate::support::browser::Browser;
use crate::support::proposals::{AGENT, LOW, MEDIUM};
use crate::support::serving::{Serving, serve};
use crate::support::{Ran, TestRepo, has, has_not, redact, shown};

const COSTLY: &str = "  - id: costly
    when: effect != 'none' && evidence.monthly_cost > 100
    then: MEDIUM
    reason: \"costs more than 100 EUR a month ({evidence})\"
";

/// The example with finn, who vouches for what things cost, and a key that does.
struct EvidenceFixture {
    repo: TestRepo,
    key: PathBuf,
}

impl EvidenceFixture {
    fn with(rules: &str, more: &str) -> Self {
        let repo = TestRepo::example();
        let (key, public) = new_key(&repo, "cost-estimates");
        let evidence = format!(
            "schema: countersign/evidence/v1
evidence:
  monthly_cost:
    description: What it adds to the bill of a month.
    type: number
    unit: EUR
    from:
      - {{login: finn}}
      - {{key: {public}}}
{more}"
        );
        let people = repo.file("rules/people.yaml").replace(
            "reviewers:\n",
            "  finn: {emails: [finn@example.org]}\nreviewers:\n",
        );
        let policy = format!("{}\n{rules}", repo.file("rules/policy.yaml"));
        repo.commit_to_main(&[
            ("rules/evidence.yaml", Some(&evidence)),
            ("rules/people.yaml", Some(&people)),
            ("rules/policy.yaml", Some(&policy)),
        ]);
        Self { repo, key }
    }

    fn attest(&self, number: u64, fact: &str, by: &[&str]) -> Ran {
        let number = number.to_string();
        let all = [&["attest", &number, fact], by].concat();
        self.repo.countersign(&all)
    }

    #[track_caller]
    fn attested(&self, number: u64, fact: &str, by: &[&str]) -> String {
        redact(&self.attest(number, fact, by).succeeds().stdout)
    }

    fn head(&self, number: u64) -> String {
        let head = format!("refs/pull/{number}/head");
        self.repo.git(&["rev-parse", &head]).trim().to_owned()
    }

    /// Somebody writes this as it stands.
    fn comment(&self, number: u64, who: &str, text: &str) {
        let repo = Repository::open(&self.repo.repo).unwrap();
        let comment = NewReview {
            number: PullNumber(number),
            by: who.parse().unwrap(),
            opinion: Opinion::Comment,
            head: None,
            body: text.to_owned(),
            at: self.repo.now(),
        };
        LocalForge::new().review(&repo, comment).unwrap();
    }
}

fn new_key(repo: &TestRepo, name: &str) -> (PathBuf, String) {
    let path = repo.folder(name);
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(&path)
        .status();
    assert!(
        made.expect("ssh-keygen is needed for the tests: install openssh-client")
            .success()
    );
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    (path, public.trim_end().to_owned())
}

#[test]
fn what_a_person_vouches_for_decides() {
    let mut stage = EvidenceFixture::with(COSTLY, "");
    let id = stage.repo.propose(AGENT, "a", LOW);
    stage.repo.run();
    insta::assert_snapshot!(redact(&stage.repo.report(1)), @r"
        waiting: HIGH 75.00: needs 1 approval by an admin, with a justification

        **modify_parameters** on `rsi-eurusd-draft`, proposed by `strategy-optimizer` as `[id]`

        ```text
        target rsi-eurusd-draft (inactive)
          stop_loss_pct: 3.0 → 1.5
        ```

        **HIGH RISK (score 75.00)**

        This is HIGH risk because:

        - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
        - `+0.00 parameters: stop_loss_pct: 1.5 (rules/parameters.yaml): stop_loss_pct 1.5 is conservative`
        - `+0.00 scope: 1 target (recommendation.yaml): single entity`
        - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
        - `HIGH in any case, costly: evidence 'monthly_cost' is absent: needs an attestation for this head by finn or the key cost-estimates (no edit removes this)`

        No edit that was tried makes it less risky.

        It needs the approval of an admin, with a justification.

        Still needed: 1 approval by an admin, with a justification. Who may give it: carol.
        ");
    insta::assert_snapshot!(stage.attested(1, "monthly_cost=340", &["--as", "finn"]), @"recorded: monthly_cost=340 of #1 at [commit]; MEDIUM 50.00: needs 1 approval by a reviewer");
    stage.repo.run();
    insta::assert_snapshot!(redact(&stage.repo.report(1)), @r"
        waiting: MEDIUM 50.00: needs 1 approval by a reviewer

        **modify_parameters** on `rsi-eurusd-draft`, proposed by `strategy-optimizer` as `[id]`

        ```text
        target rsi-eurusd-draft (inactive)
          stop_loss_pct: 3.0 → 1.5
        ```

        What others vouch for:

        - `monthly_cost: 340 EUR, attested by finn on [time]`

        **MEDIUM RISK (score 50.00)**

        This is MEDIUM risk because:

        - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
        - `+0.00 parameters: stop_loss_pct: 1.5 (rules/parameters.yaml): stop_loss_pct 1.5 is conservative`
        - `+0.00 scope: 1 target (recommendation.yaml): single entity`
        - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`
        - `lifts to at least MEDIUM 50.00, costly: costs more than 100 EUR a month (monthly_cost: 340 EUR) (no edit removes this)`

        No edit that was tried makes it less risky.

        It needs the approval of a reviewer.

        Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.
        ");
    stage.repo.verifies();
    stage.repo.wait(TimeDelta::minutes(5));
    insta::assert_snapshot!(stage.attested(1, "monthly_cost=12.5", &["--as", "finn"]), @"recorded: monthly_cost=12.5 of #1 at [commit]; LOW 0.00: the next run of the bot merges it");
    stage.repo.run();
    insta::assert_snapshot!(redact(&stage.repo.report(1)), @r"
        success: LOW 0.00: merged by the bot

        **modify_parameters** on `rsi-eurusd-draft`, proposed by `strategy-optimizer` as `[id]`

        ```text
        target rsi-eurusd-draft (inactive)
          stop_loss_pct: 3.0 → 1.5
        ```

        What others vouch for:

        - `monthly_cost: 340 EUR, attested by finn on [time] (older: does not count)`
        - `monthly_cost: 12.5 EUR, attested by finn on [time]`

        **LOW RISK (score 0.00)**

        This is LOW risk because:

        - `+0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points`
        - `+0.00 parameters: stop_loss_pct: 1.5 (rules/parameters.yaml): stop_loss_pct 1.5 is conservative`
        - `+0.00 scope: 1 target (recommendation.yaml): single entity`
        - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

        It needs no approval.
        ");
    let shown = stage.repo.countersign(&["show", &id]).succeeds().stdout;
    insta::assert_snapshot!(redact(&shown), @r"
        [id]  auto_approved
        pull request #1 (merged), branch recommend/a at [commit]

        modify_parameters, proposed by strategy-optimizer in session story-1 on [time]
          target rsi-eurusd-draft (inactive)
            stop_loss_pct: 3.0 → 1.5

        LOW RISK, score 0.00
          +0.00 environment: inactive (targets/rsi-eurusd-draft.yaml): counts 0 points
          +0.00 parameters: stop_loss_pct: 1.5 (rules/parameters.yaml): stop_loss_pct 1.5 is conservative
          +0.00 scope: 1 target (recommendation.yaml): single entity
          +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible

        What others vouched for
          monthly_cost: 340, attested by finn on [time]
          monthly_cost: 12.5, attested by finn on [time]

        Decision: auto_approved on [time], in mode two_tier, by the rules of [commit]
          nobody had to approve

        What was said
          finn commented on [time], commit [commit]
          | /attest monthly_cost=340 at=[commit]
          finn commented on [time], commit [commit]
          | /attest monthly_cost=12.5 at=[commit]

        Outcome: success on [time], executor apply, reported by countersign
          files: [targets/rsi-eurusd-draft.yaml]

        Commits on main
          [commit] [time]  decision: approve modify_parameters on rsi-eurusd-draft (LOW 0.00)
          [commit] [time]  outcome: success of modify_parameters on rsi-eurusd-draft
        ");
    let shown = stage.repo.countersign(&["show", &id, "--format", "json"]);
    let shown = shown.succeeds().json();
    let evidence = serde_json::to_string_pretty(&shown["decision"]["evidence"]).unwrap();
    insta::assert_snapshot!(redact(&evidence), @r#"
        [
          {
            "account": {
              "login": "finn"
            },
            "at": "[time]",
            "by": "finn",
            "name": "monthly_cost",
            "review": "r1",
            "source": "login",
            "value": "340"
          },
          {
            "account": {
              "login": "finn"
            },
            "at": "[time]",
            "by": "finn",
            "name": "monthly_cost",
            "review": "r2",
            "source": "login",
            "value": "12.5"
          }
        ]
        "#);
    stage.repo.verifies();
}

#[test]
fn what_a_key_signs_counts_whoever_posts_it() {
    let mut stage = EvidenceFixture::with(COSTLY, "");
    let id = stage.repo.propose(AGENT, "a", LOW);
    stage.repo.run();
    stage.repo.read_all();
    let key = stage.key.to_str().unwrap().to_owned();
    let head = stage.head(1);
    let printed = [
        "attest",
        "--head",
        &head,
        "monthly_cost=99",
        "--key",
        &key,
        "--print",
    ];
    let line = stage.repo.countersign(&printed).succeeds().stdout;
    let (said, signature) = line.trim_end().split_once(" signature=").unwrap();
    assert!(signature.len() > 100, "{line}");
    insta::assert_snapshot!(redact(said), @"/attest monthly_cost=99 at=[commit] on=[time]");
    // The agent itself may carry it over.
    stage.comment(1, AGENT, &line);
    stage.repo.run();
    has(
        &stage.repo.report(1),
        "success: LOW 0.00: merged by the bot",
    );
    let shown = stage.repo.countersign(&["show", &id, "--format", "json"]);
    let shown = shown.succeeds().json();
    let evidence = &shown["decision"]["evidence"][0];
    assert_eq!(evidence["source"], "key");
    assert_eq!(evidence["account"]["login"], AGENT);
    assert_eq!(evidence["signature"], signature);
    stage.repo.verifies();
}

#[test]
fn a_key_posts_for_itself_on_the_local_forge() {
    let mut stage = EvidenceFixture::with(COSTLY, "");
    stage.repo.propose(AGENT, "a", LOW);
    stage.repo.run();
    stage.repo.read_all();
    let key = stage.key.to_str().unwrap().to_owned();
    insta::assert_snapshot!(stage.attested(1, "monthly_cost=101", &["--key", &key]), @"recorded: monthly_cost=101 of #1 at [commit]; MEDIUM 50.00: needs 1 approval by a reviewer");
    stage.repo.run();
    let said = stage.repo.report(1);
    has(
        &said,
        "waiting: MEDIUM 50.00: needs 1 approval by a reviewer",
    );
    has(
        &said,
        "- `lifts to at least MEDIUM 50.00, costly: costs more than 100 EUR a month (monthly_cost: 101 EUR)",
    );
    stage.repo.verifies();
}

/// What is not read asks nothing, what is missing asks whatever the rule would do.
#[test]
fn only_what_a_rule_reads_is_missed() {
    let rules = "  - id: of_deletions
    when: action == 'delete_strategy' && evidence.monthly_cost > 100
    then: MEDIUM
    reason: costs something
  - id: tried
    when: evidence.monthly_cost > 1000
    then: note
    reason: costs a lot
";
    let mut stage = EvidenceFixture::with(rules, "");
    stage.repo.propose(AGENT, "a", LOW);
    stage.repo.run();
    let said = stage.repo.report(1);
    has(&said, "success: LOW 0.00: merged by the bot");
    has(
        &said,
        "- `noted, changes nothing, tried: evidence 'monthly_cost' is absent: needs an attestation for this head by finn or the key cost-estimates`",
    );
    stage.repo.verifies();
}

#[test]
fn what_might_be_refused_or_held_waits_for_its_evidence() {
    let rules = "  - id: too_much
    when: evidence.monthly_cost > 1000
    then: refuse
    reason: nobody pays that
  - id: held
    when: evidence.monthly_cost > 500
    then: wait
    reason: until the budget is there
";
    let mut stage = EvidenceFixture::with(rules, "");
    stage.repo.propose(AGENT, "a", LOW);
    stage.repo.run();
    let said = stage.repo.report(1);
    has(
        &said,
        "- `lifts to at least HIGH 75.00, not merged while this holds, too_much: evidence 'monthly_cost' is absent",
    );
    stage.repo.approve(1, "carol");
    stage.repo.run();
    has(
        &stage.repo.report(1),
        "waiting: HIGH 75.00: held back: evidence",
    );
    stage.repo.wait(TimeDelta::minutes(1));
    stage.attested(1, "monthly_cost=600", &["--as", "finn"]);
    stage.repo.run();
    has(
        &stage.repo.report(1),
        "waiting: LOW 0.00: held back: until the budget is there (held)",
    );
    stage.repo.wait(TimeDelta::minutes(1));
    stage.attested(1, "monthly_cost=6000", &["--as", "finn"]);
    stage.repo.run();
    has(
        &stage.repo.report(1),
        "failure: LOW 0.00: refused by a rule",
    );
    stage.repo.verifies();
}

#[test]
fn an_evidence_of_another_group_is_asked_instead_only_if_it_is_there() {
    let rules = "  - id: cheap
    when: evidence.monthly_cost <= 10
    ask: {from: reviewers, instead: true}
    reason: it costs next to nothing
";
    let mut stage = EvidenceFixture::with(rules, "");
    stage.repo.propose(
        AGENT,
        "a",
        "action: modify_parameters\ntargets: [rsi-eurusd-paper]\nchanges: {trading_mode: live}",
    );
    stage.repo.run();
    has(&stage.repo.report(1), "needs 1 approval by an admin");
    stage.attested(1, "monthly_cost=5", &["--as", "finn"]);
    stage.repo.run();
    let said = stage.repo.report(1);
    has(
        &said,
        "needs 1 approval from reviewers with a justification (cheap)",
    );
    has_not(&said, "by an admin");
    stage.repo.verifies();
}

#[test]
fn what_is_stale_counts_as_high() {
    let more = "  reviewed_load:
    type: duration
    valid_for: 2h
    from: [{login: finn}, {login: bob}]
";
    let rules = "  - id: slow
    when: evidence.reviewed_load > 90.0
    then: MEDIUM
    reason: takes longer than 90 s
";
    let mut stage = EvidenceFixture::with(rules, more);
    stage.repo.propose(AGENT, "a", MEDIUM);
    stage.repo.run();
    stage.repo.read_all();
    stage.attested(1, "reviewed_load=30s", &["--as", "finn"]);
    stage.repo.run();
    has(
        &stage.repo.report(1),
        "waiting: MEDIUM 55.00: needs 1 approval by a reviewer",
    );
    stage.repo.wait(TimeDelta::hours(3));
    stage.repo.run();
    let said = redact(&stage.repo.report(1));
    let lines = said.lines().filter(|line| line.contains("reviewed_load"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        - `reviewed_load: 30s, attested by finn on [time] (stale (30s, valid until [time]): does not count)`
        - `HIGH in any case, slow: evidence 'reviewed_load' is stale (30s, valid until [time]): needs an attestation for this head by finn or bob (no edit removes this)`
        ");
    // Two who differ: the newest counts, and both are shown.
    stage.attested(1, "reviewed_load=20s", &["--as", "finn"]);
    stage.repo.wait(TimeDelta::minutes(1));
    stage.attested(1, "reviewed_load=1h", &["--as", "bob"]);
    stage.repo.run();
    let said = redact(&stage.repo.report(1));
    let lines = said
        .lines()
        .filter(|line| line.contains("reviewed_load") || line.contains("slow"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        - `reviewed_load: 30s, attested by finn on [time] (stale (30s, valid until [time]): does not count)`
        - `reviewed_load: 20s, attested by finn on [time] (older: does not count)`
        - `reviewed_load: 1h, attested by bob on [time]`
        - `lifts to at least MEDIUM 50.00, slow: takes longer than 90 s (no edit removes this)`
        ");
    stage.repo.verifies();
}

#[test]
fn what_is_malformed_counts_as_high_and_is_said_at_once() {
    let mut stage = EvidenceFixture::with(COSTLY, "");
    stage.repo.propose(AGENT, "a", LOW);
    stage.repo.run();
    stage.repo.read_all();
    let refused = stage
        .attest(1, "monthly_cost=a lot", &["--as", "finn"])
        .exits(2);
    insta::assert_snapshot!(refused.stderr, @r"
        error: `monthly_cost`: `a lot` is not a number

        Usage: countersign [OPTIONS] <COMMAND>

        For more information, try '--help'.
        ");
    let refused = stage
        .attest(1, "monthly_costs=3", &["--as", "finn"])
        .exits(1);
    insta::assert_snapshot!(refused.stderr, @r"
        error: `monthly_costs` is not in `rules/evidence.yaml`
        hint: did you mean `monthly_cost`? expected one of monthly_cost
        ");
    let head = stage.head(1);
    stage.comment(1, "finn", &format!("/attest monthly_cost=a lot at={head}"));
    stage.repo.run();
    let said = redact(&stage.repo.report(1));
    let lines = said.lines().filter(|line| line.contains("monthly_cost"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        - `monthly_cost: a lot, attested by finn on [time] (malformed ('a lot' is not a number): does not count)`
        - `HIGH in any case, costly: evidence 'monthly_cost' is malformed ('a lot' is not a number): needs an attestation for this head by finn or the key cost-estimates (no edit removes this)`
        ");
    stage.repo.verifies();
}

/// Nobody but those whom the rules name, and nobody for their own work.
#[test]
fn what_does_not_count_is_said_with_the_reason() {
    let more = "  rows:
    type: number
    from: [{login: bob}, {login: dana}]
";
    let rules = "  - id: many
    when: evidence.rows > 100
    then: MEDIUM
    reason: many rows
";
    let mut stage = EvidenceFixture::with(&format!("{COSTLY}{rules}"), more);
    // Bob has committed to the branch.
    let (path, text) = stage.repo.recommendation(AGENT, LOW);
    let clone = stage.repo.clone_of(AGENT).start();
    clone.write(&path, &text).commit_as(
        "strategy-optimizer@agents.example.org",
        "bob@example.org",
        "Propose\n",
    );
    clone.push("recommend/a");
    stage.repo.run();
    stage.repo.read_all();
    let said: Vec<String> = [
        ("monthly_cost=1", AGENT),
        ("monthly_cost=1", "bob"),
        ("rows=1", "bob"),
        ("rows=1", "dana"),
    ]
    .into_iter()
    .map(|(fact, who)| stage.attested(1, fact, &["--as", who]))
    .collect();
    insta::assert_snapshot!(said.concat(), @r"
        recorded: monthly_cost=1 of #1 at [commit]; it will not count: `strategy-optimizer` is an agent: an agent vouches for nothing
        recorded: monthly_cost=1 of #1 at [commit]; it will not count: `bob` may not attest `monthly_cost`: finn or the key cost-estimates may
        recorded: rows=1 of #1 at [commit]; it will not count: `bob` is the committer of commit [commit]
        recorded: rows=1 of #1 at [commit]; it will not count: `dana` is the owner of the agent
        ");
    stage.comment(
        1,
        "mallory",
        &format!("/attest monthly_cost=1 at={}", stage.head(1)),
    );
    stage.comment(1, "finn", "/attest monthly_cost=1");
    stage.comment(
        1,
        "finn",
        &format!("> /attest monthly_cost=1 at={}", stage.head(1)),
    );
    stage.repo.run();
    let said = redact(&stage.repo.report(1));
    let lines = said.lines().filter(|line| line.contains("attest"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        - `HIGH in any case, costly: evidence 'monthly_cost' is absent: needs an attestation for this head by finn or the key cost-estimates (no edit removes this)`
        - `HIGH in any case, many: evidence 'rows' is absent: needs an attestation for this head by bob or dana (no edit removes this)`
        - not taken: `/attest` of `strategy-optimizer`: `strategy-optimizer` is an agent: an agent vouches for nothing
        - not taken: `/attest` of `bob`: `bob` may not attest `monthly_cost`: finn or the key cost-estimates may
        - not taken: `/attest` of `bob`: `bob` is the committer of commit [commit]
        - not taken: `/attest` of `dana`: `dana` is the owner of the agent
        - not taken: `/attest` of `mallory`: `mallory` is not listed in `rules/people.yaml`
        - not taken: `/attest` of `finn`: it names no commit: add `at=[commit]`
        ");
    stage.repo.verifies();
}

/// An attestation is for one commit, a signature for one commit, value and time.
#[test]
fn nothing_that_was_attested_of_another_head_counts() {
    let mut stage = EvidenceFixture::with(COSTLY, "");
    stage.repo.propose(AGENT, "a", LOW);
    stage.repo.run();
    stage.repo.read_all();
    let key = stage.key.to_str().unwrap().to_owned();
    let head = stage.head(1);
    let printed = [
        "attest",
        "--head",
        &head,
        "monthly_cost=1",
        "--key",
        &key,
        "--print",
    ];
    let line = stage.repo.countersign(&printed).succeeds().stdout;
    let unsigned = format!("/attest monthly_cost=1 at={head}");
    let clone = stage.repo.clone_of(AGENT);
    clone.commit("More").push("recommend/a");
    stage.repo.run();
    let new = stage.head(1);
    assert_ne!(head, new);
    stage.comment(1, AGENT, &line);
    stage.comment(1, AGENT, &line.replace(&head, &new));
    stage.comment(1, "finn", &unsigned);
    let cheaper = line.replace("monthly_cost=1 ", "monthly_cost=0 ");
    stage.comment(1, AGENT, &cheaper.replace(&head, &new));
    // Signed with a key of its own.
    let (own, _) = new_key(&stage.repo, "agents-own");
    let own = own.to_str().unwrap();
    let said = stage.attested(
        1,
        "monthly_cost=1",
        &["--key", own, "--as", "bob", "--head", &new],
    );
    has(
        &said,
        "it will not count: its signature is not by a key that may attest `monthly_cost`",
    );
    stage.repo.run();
    let said = redact(&stage.repo.report(1));
    let lines = said.lines().filter(|line| line.contains("attest"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        - `HIGH in any case, costly: evidence 'monthly_cost' is absent: needs an attestation for this head by finn or the key cost-estimates (no edit removes this)`
        - not taken: `/attest` of `strategy-optimizer`: it is for commit [commit]: the head is now [commit]
        - not taken: `/attest` of `strategy-optimizer`: its signature is not by a key that may attest `monthly_cost`, or not for this value, commit and time
        - not taken: `/attest` of `finn`: it is for commit [commit]: the head is now [commit]
        - not taken: `/attest` of `bob`: its signature is not by a key that may attest `monthly_cost`, or not for this value, commit and time
        ");
    stage.repo.verifies();
}

/// Whoever approved did so on what was known.
#[test]
fn an_approval_survives_only_the_same_facts() {
    let mut stage = EvidenceFixture::with(COSTLY, "");
    stage.repo.propose(AGENT, "a", MEDIUM);
    stage.repo.run();
    stage.repo.read_all();
    stage.attested(1, "monthly_cost=50", &["--as", "finn"]);
    stage
        .repo
        .edit_on_main("rules/governance.yaml", "MEDIUM: 1", "MEDIUM: 2");
    stage.repo.run();
    stage.repo.read_all();
    stage.repo.wait(TimeDelta::minutes(1));
    stage.repo.approve(1, "alice");
    stage.repo.wait(TimeDelta::minutes(1));
    stage.attested(1, "monthly_cost=50.0", &["--as", "finn"]);
    stage.repo.run();
    has(&stage.repo.report(1), "- approved by alice (reviewer)");
    stage.repo.wait(TimeDelta::minutes(1));
    stage.attested(1, "monthly_cost=5000", &["--as", "finn"]);
    stage.repo.run();
    has(
        &stage.repo.report(1),
        "- not counted: the review of `alice`: since it was given, evidence `monthly_cost` has changed from 50 EUR to 5000 EUR: approve again",
    );
    stage.repo.wait(TimeDelta::minutes(1));
    stage.repo.approve(1, "bob");
    stage.repo.approve(1, "alice");
    stage.repo.run();
    has(
        &stage.repo.report(1),
        "success: MEDIUM 55.00: approved and merged",
    );
    stage.repo.verifies();
}

#[test]
fn rules_that_nobody_can_meet_are_refused() {
    let refused = |evidence: &str, policy: &str| {
        let repo = TestRepo::example();
        let folder = repo.folder("rules-to-test");
        std::fs::create_dir_all(&folder).unwrap();
        for file in ["governance", "parameters", "actions", "agents", "people"] {
            let name = format!("rules/{file}.yaml");
            std::fs::write(folder.join(format!("{file}.yaml")), repo.file(&name)).unwrap();
        }
        let policy = format!("{}\n{policy}", repo.file("rules/policy.yaml"));
        std::fs::write(folder.join("policy.yaml"), policy).unwrap();
        let evidence = format!("schema: countersign/evidence/v1\nevidence:\n{evidence}");
        std::fs::write(folder.join("evidence.yaml"), evidence).unwrap();
        let tested = repo
            .countersign(&["test", folder.to_str().unwrap()])
            .exits(3);
        let said = tested.text();
        let lines = said.lines().filter(|line| line.contains("rules/"));
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(refused("  cost: {type: list, from: []}\n  rows: {type: text, unit: EUR, valid_for: 1y, from: [{app: GitHub}, {app: github-actions}, {login: bob, app: x}]}\n", ""), @r"
        rules/evidence.yaml:3:16: evidence.cost.type: nobody vouches for a list: expected number, quantity, duration, text or boolean
        rules/evidence.yaml:3:22: evidence.cost.from: nobody could ever vouch for it: name an App, a login or a key
        rules/evidence.yaml:4:28: evidence.rows.unit: only a number has a unit: leave it out
        rules/evidence.yaml:4:44: evidence.rows.valid_for: `1y` is not a length of time: expected such as `30m`, `24h` or `7d`
        rules/evidence.yaml:4:55: evidence.rows.from[0]: `app` is not the slug of an App: expected what its page `https://github.com/apps/SLUG` ends in
        rules/evidence.yaml:4:70: evidence.rows.from[1]: whoever pushes a branch decides what GitHub Actions says about it: name another App, or let a workflow of `main` sign with a key
        rules/evidence.yaml:4:93: evidence.rows.from[2]: expected one of `{app: SLUG}` (with `check: NAME` where only that one counts), `{login: LOGIN}` and `{key: PUBLIC KEY}`
        ");
    insta::assert_snapshot!(refused("  cost: {type: number, from: [{login: bobb}, {login: strategy-optimizer}, {app: infracost}, {app: infracost}]}\n", ""), @"rules/evidence.yaml:3:93: evidence.cost.from[3]: it is there twice");
    insta::assert_snapshot!(refused("  cost: {type: number, from: [{login: bobb}, {login: strategy-optimizer}]}\n", ""), @r"
        rules/evidence.yaml:3:39: evidence.cost.from[0].login: `bobb` is not listed in `rules/people.yaml`: did you mean `bob`?
        rules/evidence.yaml:3:54: evidence.cost.from[1].login: `strategy-optimizer` is an agent of `rules/agents.yaml`, and an agent vouches for nothing: name a person, a key or an App
        ");
    let rule =
        |when: &str| format!("  - id: x\n    when: \"{when}\"\n    then: HIGH\n    reason: x\n");
    let cost = "  cost: {type: number, from: [{login: bob}]}\n  ticket: {type: text, from: [{login: bob}]}\n";
    let all = [
        "evidence.costs > 1",
        "evidence.cost == 'a'",
        "has(evidence.cost)",
        "size(evidence) > 0",
        "evidence.ticket && true",
        "evidence['tickt'] == 'x'",
        "'cost' in evidence",
    ];
    let said: Vec<String> = all.iter().map(|when| refused(cost, &rule(when))).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    rules/policy.yaml:161:11: rules[11].when: `costs` is not evidence of `rules/evidence.yaml`: did you mean `cost`? expected one of cost, ticket
    rules/policy.yaml:161:11: rules[11].when: a number with a fraction is never equal to text
    rules/policy.yaml:161:11: rules[11].when: what is absent makes a case HIGH by itself: leave `has` out
    rules/policy.yaml:161:11: rules[11].when: `evidence` is read by name only: write `evidence.NAME`
    rules/policy.yaml:161:11: rules[11].when: `&&`, `||`, `!`, `? :` and loops take true or false, not text
    rules/policy.yaml:161:11: rules[11].when: `tickt` is not evidence of `rules/evidence.yaml`: did you mean `ticket`? expected one of cost, ticket
    rules/policy.yaml:161:11: rules[11].when: `evidence` is read by name only: write `evidence.NAME`
    ");
}

/// Policy tests say what is vouched for; what they do not say is absent.
#[test]
fn policy_tests_give_evidence() {
    let stage = EvidenceFixture::with(COSTLY, "");
    let test = |evidence: &str, expect: &str| {
        format!(
            "  - name: '{evidence}'\n    recommend: {{action: modify_parameters, targets: [a], changes: {{stop_loss_pct: 1}}}}\n    given: {{targets: {{a: {{environment: inactive}}}}, evidence: {{{evidence}}}}}\n    expect: {expect}\n"
        )
    };
    let tests = [
        test(
            "",
            "{level: HIGH, triggers: [costly], reasons: ['evidence `monthly_cost` is absent: needs an attestation for this head by finn or the key cost-estimates']}",
        ),
        test("monthly_cost: 100", "{level: LOW, triggers: []}"),
        test(
            "monthly_cost: 100.5",
            "{level: MEDIUM, triggers: [costly], reasons: ['(monthly_cost: 100.5 EUR)']}",
        ),
        test("monthly_cost: 500", "{level: LOW}"),
        test("monthly_cost: lots", "{level: HIGH}"),
        test("monthly_costs: 1", "{level: HIGH}"),
    ];
    let tests = format!(
        "schema: countersign/policy-test/v1\ntests:\n{}",
        tests.concat()
    );
    let mut files = vec![("rules/tests/evidence.yaml", Some(tests.as_str()))];
    let others = ["factors", "framework", "modes", "policy"];
    let others = others.map(|name| format!("rules/tests/{name}.yaml"));
    files.extend(others.iter().map(|path| (path.as_str(), None)));
    stage.repo.commit_to_main(&files);
    let tested = stage.repo.countersign(&["test"]).exits(3);
    insta::assert_snapshot!(tested.stdout, @"
    warning: 11 rules fire in no policy test:
        rules/policy.yaml:79: to_production
        rules/policy.yaml:84: safety_off
        rules/policy.yaml:89: extreme_value
        rules/policy.yaml:94: deviant_value
        rules/policy.yaml:100: bulk_in_production
        rules/policy.yaml:106: bulk
        rules/policy.yaml:111: irreversible
        rules/policy.yaml:116: irreversible_bulk
        rules/policy.yaml:121: real_money_or_production_data
        rules/policy.yaml:126: unregistered_agent
        rules/policy.yaml:131: unattributed
    FAILED rules/tests/evidence.yaml:15: monthly_cost: 500
        level: expected LOW, found MEDIUM
        MEDIUM RISK (score 50.00)
        This is MEDIUM risk because:
          +0.00 environment: inactive (targets/a.yaml): counts 0 points
          +0.00 parameters: stop_loss_pct: 1 (rules/parameters.yaml): stop_loss_pct 1 is conservative
          +0.00 scope: 1 target (recommendation.yaml): single entity
          +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible
          lifts to at least MEDIUM 50.00, costly: costs more than 100 EUR a month (monthly_cost: 500 EUR) (no edit removes this)
        No edit that was tried makes it less risky.
        It needs the approval of a reviewer.
    FAILED rules/tests/evidence.yaml:19: monthly_cost: lots
        given.evidence.monthly_cost: `lots` is not a number
    FAILED rules/tests/evidence.yaml:23: monthly_costs: 1
        given.evidence: `monthly_costs` is not in `rules/evidence.yaml`: did you mean `monthly_cost`? expected one of monthly_cost
    3 of 6 policy tests failed
    ");
}

#[test]
fn the_rules_say_in_sentences_who_vouches_for_what() {
    let stage = EvidenceFixture::with(COSTLY, "");
    let said = stage.repo.countersign(&["explain-rules"]).succeeds().stdout;
    let section = said.split("What others vouch for").nth(1).unwrap();
    insta::assert_snapshot!(section.split("\n\nHow").next().unwrap(), @r"
        ---------------------
        What is absent, too old or no such value makes a case HIGH where a rule looks at it. Nobody vouches
        for what they, or an agent of theirs, had a hand in.

        monthly_cost
          What it adds to the bill of a month.
          finn or the key cost-estimates vouches for it.
        ");
    let rule = said.lines().skip_while(|line| !line.contains("costly"));
    insta::assert_snapshot!(rule.take(3).collect::<Vec<_>>().join("\n"), @"
    costly
      “costs more than 100 EUR a month (…)”
      Applies when it has an effect and the evidence monthly_cost is above 100.
    ");
}

#[test]
fn the_dashboard_shows_what_was_vouched_for() {
    let mut stage = EvidenceFixture::with(COSTLY, "");
    let id = stage.repo.propose(AGENT, "a", LOW);
    stage.repo.run();
    stage.attested(1, "monthly_cost=340", &["--as", "finn"]);
    stage.repo.run();
    stage.repo.read_all();
    let section = |stage: &TestRepo, title: &str| {
        let serving = Serving::start(&mut serve(stage, &[]));
        serving.is_ready();
        let page = shown(
            &Browser::at(&serving)
                .gets(&format!("/cases/{id}"))
                .gives(200)
                .body,
        );
        let section = page.split(title).nth(1).unwrap_or_else(|| panic!("{page}"));
        let line = section.lines().nth(1).unwrap();
        line.rsplit_once(" on ").unwrap().0.to_owned()
    };
    insta::assert_snapshot!(section(&stage.repo, "What others vouch for"), @"monthly_cost: 340 EUR, attested by finn");
    stage.repo.approve(1, "bob");
    stage.repo.run();
    stage.repo.read_all();
    insta::assert_snapshot!(section(&stage.repo, "What others vouched for"), @"monthly_cost: 340, attested by finn");
}
