//! Every error of the rules says where: file, line, column, key, and what was expected.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn shipped() -> RuleFiles {
    let files = Rules::FILES.map(|path| {
        let whole = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
        (path.to_owned(), std::fs::read(whole).unwrap())
    });
    files.into()
}

/// The shipped rules with one text of one file replaced.
fn with(file: &str, old: &str, new: &str) -> RuleFiles {
    let mut files = shipped();
    let path = format!("rules/{file}.yaml");
    let text = String::from_utf8(files.remove(&path).unwrap()).unwrap();
    assert!(text.contains(old), "{path} does not hold {old:?}");
    files.insert(path, text.replacen(old, new, 1).into_bytes());
    files
}

/// What is said of one key, with its place as line and column of the text that is marked by `^`.
struct Wrong {
    file: &'static str,
    old: &'static str,
    new: &'static str,
    key: &'static str,
    says: &'static str,
}

const fn wrong(
    file: &'static str,
    old: &'static str,
    new: &'static str,
    key: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong {
        file,
        old,
        new,
        key,
        says,
    }
}

/// In `new`, `^` stands before the place that is expected.
#[rustfmt::skip]
const WRONG: &[Wrong] = &[
    wrong("governance", "weights:\n  environment: 40", "^weights:\n  environment: 41", "weights", "the four weights make 101: expected exactly 100"),
    wrong("governance", "    moderate: 50", "    moderate: 99", "points.parameters", "expected points from 0 to 100 that do not fall from one line to the next"),
    wrong("governance", "low_up_to: 30", "low_up_to: 80", "thresholds", "expected low_up_to < medium_up_to < 100"),
    wrong("governance", "trigger_score: 75", "trigger_score: ^70", "thresholds.trigger_score", "must be above medium_up_to, so that a trigger always means HIGH"),
    wrong("governance", "aggregate: max", "aggregate: ^maximum", "aggregate", "unknown value `maximum`: expected one of `max`, `mean`"),
    wrong("governance", "bulk_at: 10", "bulk_at: ^1", "bulk_at", "expected at least 2"),
    wrong("governance", "  HIGH: 1", "  HIGH: ^0", "approvals.HIGH", "0 is out of range: expected 1 to 20"),
    wrong("governance", "escalate_after: 24h", "escalate_after: ^1y", "waiting.escalate_after", "`1y` is not a length of time: expected such as `30m`, `24h` or `7d`"),
    wrong("governance", "escalate_after: 24h", "escalate_after: ^8d", "waiting.escalate_after", "must not be longer than `expire_after`"),
    wrong("governance", "pending_limit: 20", "pending_limit: ^0", "pending_limit", "expected at least 1"),
    wrong("governance", "executors: [none, apply, command, external]", "executors: [none, ^aply]", "executors[1]", "unknown value `aply`: did you mean `apply`? expected one of `none`, `apply`, `command`, `http`, `dispatch`, `external`"),
    wrong("governance", "pending_limit: 20", "pending_limit: 20\nsigning: {^keys: []}", "signing.keys", "expected 1 to 64 keys; leave `signing` out if the bot does not sign"),
    wrong("parameters", "conservative: [0.5, 3]", "conservative: ^[0.5, 3, 4]", "parameters.stop_loss_pct.conservative", "expected `[from, to]`, `{any_of: [...]}` or `{matches: REGEX}`, found 3 items"),
    wrong("parameters", "conservative: [0.5, 3]", "conservative: [0.5, ^high]", "parameters.stop_loss_pct.conservative[1]", "expected a number, found the text `high`"),
    wrong("parameters", "conservative: [0.5, 3]", "conservative: ^3", "parameters.stop_loss_pct.conservative", "expected `[from, to]`, `{any_of: [...]}` or `{matches: REGEX}`, found the number `3`"),
    wrong("parameters", "conservative: [0.5, 3]", "conservative: {^anyof: [3]}", "parameters.stop_loss_pct.conservative.anyof", "unknown key `anyof`: did you mean `any_of`? expected one of `any_of`, `matches`"),
    wrong("parameters", "conservative: [0.5, 3]", "^conservative: [3, 0.5]", "parameters.stop_loss_pct.conservative", "the range is empty: expected `[from, to]` with from not above to"),
    wrong("parameters", "    mean: 3\n    standard_deviation: 2", "    mean: ^3", "parameters.stop_loss_pct.mean", "`mean` and `standard_deviation` go together: give both or neither"),
    wrong("parameters", "standard_deviation: 2", "standard_deviation: ^-2", "parameters.stop_loss_pct.standard_deviation", "expected a number from 0 to 10^15"),
    wrong("actions", "executor: external", "executor: http", "actions.rebalance_portfolio.http", "the executor `http` needs `http: {url: https://…, secret: NAME, time_limit_seconds: 30}`"),
    wrong("actions", "executor: external", "executor: command\n    command: {^argv: [], time_limit_seconds: 60}", "actions.rebalance_portfolio.command.argv", "expected the program and its arguments, such as `[/usr/local/bin/deploy, --now]`"),
    wrong("actions", "executor: external", "executor: command\n    command: {argv: [x], time_limit_seconds: ^0}", "actions.rebalance_portfolio.command.time_limit_seconds", "0 is out of range: expected 1 to 3600"),
    wrong("actions", "executor: external", "executor: external\n    ^command: {argv: [x], time_limit_seconds: 1}", "actions.rebalance_portfolio.command", "only the executor `command` takes this: remove it or change the executor"),
    wrong("actions", "executor: external", "executor: ^http\n    http: {url: \"https://x.example/\", secret: D, time_limit_seconds: 1}", "actions.rebalance_portfolio.executor", "`http` is not among the executors that `rules/governance.yaml` allows: add it there or choose another"),
    wrong("policy", "when: to_production", "when: ^to_produktion", "rules[0].when", "`to_produktion` is not a fact: did you mean `to_production`? expected one of action, effect, reversibility, affects, agent, agent_registered, unattributed, session, target_count, bulk, environment, production, to_production, parameters, unknown_parameters, safety_off, extreme, deviant, changes, targets, details, citations, windows, evidence"),
    wrong("policy", "when: size(safety_off) > 0", "when: ^changes.exists(c, c.tier == 'beyond')", "rules[1].when", "what it is compared with is never `beyond`: expected one of aggressive, beyond all tiers, conservative, moderate"),
    wrong("policy", "- id: safety_off", "- id: ^to_production", "rules[1].id", "`to_production` is there twice: give each rule its own id"),
    wrong("policy", "    then: HIGH\n    reason: switches", "    reason: switches", "rules[0].then", "nothing follows from this rule: give `then` (note, MEDIUM, HIGH, wait or refuse), `ask`, or both"),
    wrong("policy", "    then: HIGH\n    reason: switches", "    then: ^LOW\n    reason: switches", "rules[0].then", "unknown value `LOW`: expected one of `note`, `MEDIUM`, `HIGH`, `wait`, `refuse`"),
    wrong("policy", "    then: HIGH\n    reason: switches", "    then: refuse\n    ^ask: {from: admins}\n    reason: switches", "rules[0].ask", "what is refused or only noted asks nobody: leave `ask` out, or choose another `then`"),
    wrong("policy", "    then: HIGH\n    reason: switches", "    ^ask: {from: payment}\n    reason: switches", "rules[0].ask", "`payment` is not a group of `rules/people.yaml`: expected one of reviewers, admins"),
    wrong("policy", "    then: HIGH\n    reason: switches", "    ^ask: {from: admins, approvals: 2}\n    reason: switches", "rules[0].ask", "it asks for 2 approvals from `admins`, which has only 1: nobody could ever approve it; ask for fewer, or add people to the group"),
    wrong("policy", "    then: HIGH\n    reason: switches", "    ask: {from: ^3}\n    reason: switches", "rules[0].ask.from", "expected the name of a group, or `{label: NAME}`, found the number `3`"),
    wrong("policy", "    then: HIGH\n    reason: switches", "    ^ask: {any_of: []}\n    reason: switches", "rules[0].ask", "nobody is asked: name at least one group in each list"),
    wrong("policy", "    then: HIGH\n    reason: switches", "    ask: ^{any_of: [{from: admins}], approvals: 2}\n    reason: switches", "rules[0].ask", "`any_of` stands alone, or beside `instead`: put `from`, `approvals` and `justification` into its entries"),
    wrong("people", "members: [carol]", "members: [carol]\ngroups: {a: {groups: [b]}, b: {groups: [a]}}", "groups.a", "the group is inside of itself: a > b > a"),
    wrong("people", "members: [carol]", "members: [carol]\ngroups: {a: {members: []}}", "groups.a", "nobody is in this group: give `members`, `team` or `groups`"),
    wrong("people", "members: [carol]", "members: [carol]\ngroups: {a: {members: [^zoe]}}", "groups.a.members[0]", "`zoe` is not listed under `people`: add them there with their e-mail"),
    wrong("people", "members: [carol]", "members: [carol]\ngroups: {admins: {members: [bob]}}", "groups.admins", "`admins` is a group already: list its people under `admins` at the top"),
    wrong("agents", "      - query_documentation", "      - query_documentations", "agents.strategy-optimizer.actions", "`query_documentations` is not an action of `rules/actions.yaml`: did you mean `query_documentation`?"),
    wrong("agents", "  market-analyst:\n    description: Reads and reports.\n    owner: dana\n    emails: [market-analyst@agents.example.org]\n    logins: [market-analyst]", "  ^market-analyst:\n    owner: dana", "agents.market-analyst", "has no identity: list at least one of `emails`, `logins`, `ids`"),
    wrong("people", "members: [alice, bob]", "members: [alice, ^bobb]", "reviewers.members[1]", "`bobb` is not listed under `people`: did you mean `bob`?"),
    wrong("people", "members: [carol]", "members: [^zoe]", "admins.members[0]", "`zoe` is not listed under `people`: add them there with their e-mail"),
    wrong("people", "members: [carol]", "members: [carol]\n  team: ^admins", "admins.team", "expected `ORGANISATION/TEAM-SLUG`"),
];

#[test]
fn every_error_has_its_line_and_column() {
    let wrong: Vec<String> = WRONG.iter().filter_map(Wrong::find_difference).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

impl Wrong {
    /// What is said otherwise than expected.
    fn find_difference(&self) -> Option<String> {
        let path = format!("rules/{}.yaml", self.file);
        let files = with(self.file, self.old, &self.new.replacen('^', "", 1));
        let found = Rules::read(&files).unwrap_err();
        let everywhere = |problem: &Problem| {
            problem.line.is_some() && problem.column.is_some() && problem.key.is_some()
        };
        assert!(found.0.iter().all(everywhere), "{found}");
        let first = found.0.first().unwrap();
        let place = if self.new.contains('^') {
            let marked = with(self.file, self.old, self.new);
            let text = String::from_utf8(marked.get(&path).unwrap().clone()).unwrap();
            let before = text.split('^').next().unwrap();
            let line = before.matches('\n').count() + 1;
            (line, before.rsplit('\n').next().unwrap().len() + 1)
        } else {
            let place = (first.line.unwrap(), first.column.unwrap());
            (place.0.try_into().unwrap(), place.1.try_into().unwrap())
        };
        let (line, column) = place;
        let expected = format!("{path}:{line}:{column}: {}: {}", self.key, self.says);
        let said = first.to_string();
        (said != expected).then(|| format!("expected {expected}\nfound    {said}"))
    }
}

#[test]
fn two_policy_tests_of_one_name_are_told_where() {
    let mut files = shipped();
    let text = "schema: countersign/policy-test/v1\ntests:\n  - {name: it, recommend: {action: analyze}, expect: {level: LOW}}\n  - name: it\n    recommend: {action: analyze}\n    expect: {level: LOW}\n";
    files.insert("rules/tests/a.yaml".to_owned(), text.into());
    assert_eq!(
        Rules::read_tests(&files).unwrap_err().to_string(),
        "rules/tests/a.yaml:4:11: tests[1].name: two tests are named `it`: give each its own name"
    );
}
