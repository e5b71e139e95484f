//! Conditions answer as CEL says, are bounded, and a wrong one is refused in words.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;

use super::facts::TARGET;
use super::*;
use crate::domain::ids::ParameterName;
use crate::domain::page::Span;
use proptest::prelude::*;

#[derive(Debug, Default)]
struct Given {
    truths: [bool; 5],
    count: usize,
    names: Vec<&'static str>,
    text: &'static str,
}

impl Facts for Given {
    fn find_fact(&self, name: &str) -> Option<Fact<'_>> {
        let truths = [
            "agent_registered",
            "unattributed",
            "bulk",
            "production",
            "to_production",
        ];
        if let Some(index) = truths.iter().position(|truth| *truth == name) {
            return Some(Fact::Bool(self.truths[index]));
        }
        Some(match find(name)?.of_type {
            FactType::Bool => return None,
            FactType::Int => Fact::Count(self.count),
            FactType::Names => Fact::Names(&self.names),
            FactType::Text | FactType::Word(_) => Fact::Text(self.text),
            FactType::Records(record) if *record == TARGET => Fact::Targets(&[]),
            FactType::Records(_) => Fact::Changes(&[]),
            FactType::Number | FactType::Map | FactType::Texts | FactType::Evidence => return None,
        })
    }
}

const EXPRESSIONS: [&str; 14] = [
    "to_production",
    "!agent_registered",
    "size(safety_off) > 0",
    "extreme.size() >= 2",
    "bulk && production && effect != 'none'",
    "production && ('real_money' in affects || 'b' in affects)",
    "target_count == 3 || target_count < 2",
    "!(bulk || unattributed) && target_count <= 1",
    "true && production",
    "size(changes) == 0",
    "effect == 'modify'",
    "size(deviant) != 1 || false",
    "parameters.exists(p, p == 'b')",
    "size(environment) > 1",
];

fn facts() -> impl Strategy<Value = Given> {
    let names = proptest::sample::subsequence(vec!["a", "b", "real_money"], 0..=3);
    let text = proptest::sample::select(vec!["none", "modify", ""]);
    (any::<[bool; 5]>(), 0..5_usize, names, text).prop_map(|(truths, count, names, text)| Given {
        truths,
        count,
        names,
        text,
    })
}

proptest! {
    #[test]
    fn whether_any_fires_is_told_as_each_answers(given in facts()) {
        for expression in EXPRESSIONS {
            let condition = Condition::compile(expression, None).unwrap();
            let answers = Evaluator::over(&given).evaluate([&condition]);
            prop_assert!(answers[0].is_ok(), "{}: {:?}", expression, answers);
            prop_assert_eq!(Evaluator::over(&given).any_fires([&condition]), answers[0] == Ok(true));
        }
    }
}

#[test]
fn a_condition_says_what_is_wrong_with_it() {
    let wrong = |expression: &str| {
        Condition::compile(expression, None)
            .unwrap_err()
            .to_string()
    };
    assert!(wrong("productoin").contains("`productoin` is not a fact"));
    assert!(wrong("bulk &&").contains("not a CEL expression"));
    assert!(wrong(&"a".repeat(1_001)).contains("too long"));
    let nested = "parameters.all(a, parameters.all(b, parameters.all(c, a == c)))";
    assert!(wrong(nested).contains("too many loops"));
    assert_eq!(
        Condition::compile("bulk && !production || bulk", None)
            .unwrap()
            .facts(),
        ["bulk", "production"]
    );
}

#[test]
fn a_failing_expression_is_not_false() {
    let conditions = [
        Condition::compile("affects[9] == 'a'", None).unwrap(),
        Condition::compile("changes[0].value", None).unwrap(),
    ];
    for answer in Evaluator::over(&Given::default()).evaluate(&conditions) {
        assert!(answer.is_err());
    }
    assert!(Evaluator::over(&Given::default()).any_fires(&conditions));
}

/// As deep as it goes: every stack here is the 2 MiB of a test thread.
#[test]
fn deep_nesting_is_refused_or_answered_but_never_overflows() {
    const KINDS: [(&str, &str, &str, &str); 15] = [
        ("(", "bulk", ")", ""),
        ("[", "1", "]", " == []"),
        ("!", "bulk", "", ""),
        ("-", "1", "", " < 0"),
        ("{1:", "1", "}", " == {}"),
        ("bulk?1:", "1", "", " > 0"),
        ("bulk&&", "bulk", "", ""),
        ("", "changes[0].value", ".a", ""),
        ("", "changes[0].value", "[1]", ""),
        ("1+", "1", "", " > 0"),
        ("bulk==", "bulk", "", ""),
        ("size([", "1", "])", " > 0"),
        ("(1+2*(3-", "1", "))", " > 0"),
        ("(bulk?", "1", ":2)", " > 0"),
        ("{'a':[", "1", "]}", " == {}"),
    ];
    for (open, inner, close, end) in KINDS {
        let mut answered = 0;
        let longest = (Condition::LONGEST - inner.len() - end.len()) / (open.len() + close.len());
        for depth in (1..30).chain([50, 95, 96, 97, 98, 99, longest]) {
            let expression = format!("{}{inner}{}{end}", open.repeat(depth), close.repeat(depth));
            if let Ok(condition) = Condition::compile(&expression, None) {
                let _ = Evaluator::over(&Given::default()).evaluate([&condition]);
                answered = depth;
            }
        }
        assert!(answered > 0, "{open}{close}");
    }
    let deep = format!("{}1{} > 0", "(1 + ".repeat(30), ")".repeat(30));
    assert_eq!(
        Condition::compile(&deep, None).unwrap_err(),
        ConditionError::TooDeep
    );
    let loops = "changes.exists(c, changes.exists(d, c.value != d.value && (c.tier == 'moderate' || d.tier == c.tier)))";
    assert_eq!(
        Evaluator::over(&Given::default()).evaluate([&Condition::compile(loops, None).unwrap()]),
        [Ok(false)]
    );
}

/// What is refused, and what is said.
const REFUSED: &[(&str, &str)] = &[
    (
        "changes.exists(c, c.tier == 'beyond')",
        "what it is compared with is never `beyond`: expected one of aggressive, beyond all tiers, conservative, moderate",
    ),
    (
        "changes.exists(c, c.tier in ['moderate', 'agressive'])",
        "what it is compared with is never `agressive`: did you mean `aggressive`? expected one of aggressive, beyond all tiers, conservative, moderate",
    ),
    (
        "'modfy' != effect",
        "what it is compared with is never `modfy`: did you mean `modify`? expected one of create, delete, modify, none, unknown",
    ),
    (
        "changes.filter(c, bulk).map(c, c.tier)[0] == (bulk ? 'moderate' : 'bold')",
        "what it is compared with is never `bold`: expected one of aggressive, beyond all tiers, conservative, moderate",
    ),
    (
        "'moderate' in changes.map(c, c.teir)",
        "a change has no `teir`: did you mean `tier`? expected one of parameter, value, before, tier, amount, delta, ratio, baseline, baseline_delta, baseline_ratio",
    ),
    (
        "changes.exists(c, has(c.valeu))",
        "a change has no `valeu`: did you mean `value`? expected one of parameter, value, before, tier, amount, delta, ratio, baseline, baseline_delta, baseline_ratio",
    ),
    (
        "changes[0]['teir'] == 'moderate'",
        "a change has no `teir`: did you mean `tier`? expected one of parameter, value, before, tier, amount, delta, ratio, baseline, baseline_delta, baseline_ratio",
    ),
    (
        "agent.startWith('a')",
        "`startWith` is not a function of conditions: did you mean `startsWith`? expected one of size, contains, startsWith, endsWith, string, int, double, has, all, exists, exists_one, map, filter",
    ),
    (
        "action.matches('^del')",
        "`matches` is not a function of conditions: expected one of size, contains, startsWith, endsWith, string, int, double, has, all, exists, exists_one, map, filter",
    ),
    (
        "duration('1h') < duration('2h')",
        "`duration` is not a function of conditions: expected one of size, contains, startsWith, endsWith, string, int, double, has, all, exists, exists_one, map, filter",
    ),
    (
        "changes.exists(bulk)",
        "`exists` is not called like this: write such as `changes.exists(c, c.tier == 'aggressive')`",
    ),
    (
        "sise(affects) > 0",
        "`sise` is not a function of conditions: did you mean `size`? expected one of size, contains, startsWith, endsWith, string, int, double, has, all, exists, exists_one, map, filter",
    ),
    (
        "target_count == '3'",
        "a whole number is never equal to text",
    ),
    ("bulk == null", "true or false is never equal to null"),
    ("3 in affects", "a whole number is never equal to text"),
    (
        "affects.contains('real_money')",
        "`contains` takes text, not a list: write `item in list`",
    ),
    ("affects == 'real_money'", "a list is never equal to text"),
    (
        "affects > 1",
        "`<` and its like take numbers or texts, not a list",
    ),
    (
        "target_count && bulk",
        "`&&`, `||`, `!`, `? :` and loops take true or false, not a whole number",
    ),
    (
        "target_count",
        "the expression gives a whole number: expected one that is true or false, such as a comparison",
    ),
    (
        "environment.name == 'live'",
        "text has no keys, so no `name`",
    ),
    (
        "bulk.exists(b, b)",
        "a loop goes over a list, not over true or false: expected such as `changes.exists(c, c.tier == 'aggressive')`",
    ),
    (
        "affects['real_money'] == 'a'",
        "a list is indexed by a whole number from 0, not by text",
    ),
    (
        "target_count + 0.5 > 1.0",
        "`+` takes two numbers of one kind, not a whole number and a number with a fraction: write `double(…)` around the whole one",
    ),
    (
        "changes.?value == 1",
        "not a CEL expression: ERROR: <input>:1:8: unsupported syntax '.?'",
    ),
    (
        "pamareters.exists(p, q == 'a')",
        "`pamareters` is not a fact: did you mean `parameters`? expected one of action, effect, reversibility, affects, agent, agent_registered, unattributed, session, target_count, bulk, environment, production, to_production, parameters, unknown_parameters, safety_off, extreme, deviant, changes, targets, details, citations, windows, evidence",
    ),
];

#[test]
fn what_can_never_be_right_is_refused_with_what_was_expected() {
    let differences = REFUSED.iter().filter_map(|(expression, expected)| {
        let error = Condition::compile(expression, None).err();
        let said = error.map_or_else(String::new, |error| error.to_string());
        (said != *expected).then(|| format!("{expression}\nexpected {expected}\nfound    {said}"))
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // A loop's variable is known in its loop only.
    assert!(Condition::compile("parameters.exists(p, p == 'a') || p == 'a'", None).is_err());
}

/// The changes of a proposal, as JSON.
fn holds(changes: &str, expression: &str) -> Result<bool, AnswerError> {
    struct Changed<'a>(Vec<ChangeFact<'a>>);
    impl Facts for Changed<'_> {
        fn find_fact(&self, name: &str) -> Option<Fact<'_>> {
            (name == "changes").then_some(Fact::Changes(&self.0))
        }
    }
    let changes: BTreeMap<ParameterName, Value> = serde_json::from_str(changes).unwrap();
    let changed = changes.iter().map(|(parameter, value)| ChangeFact {
        parameter,
        value,
        before: None,
        tier: "moderate",
        amount: value.number(),
        delta: None,
        ratio: None,
        baseline: None,
        baseline_delta: None,
        baseline_ratio: None,
    });
    let condition = Condition::compile(expression, None).unwrap();
    Evaluator::over(&Changed(changed.collect()))
        .evaluate([&condition])
        .remove(0)
}

#[test]
fn lists_and_mappings_are_lists_and_mappings() {
    let changes = r#"{"legs": {"eur": 0.5, "usd": 2}, "pairs": ["eurusd", "usdjpy"], "size": 3}"#;
    for expression in [
        "changes.exists(c, c.parameter == 'pairs' && 'usdjpy' in c.value)",
        "changes.exists(c, c.parameter == 'pairs' && c.value[0] == 'eurusd')",
        "changes.exists(c, c.parameter == 'pairs' && size(c.value) == 2 && c.value.size() < 3)",
        "changes.exists(c, c.parameter == 'pairs' && c.value.exists(p, p.startsWith('eur')))",
        "changes.exists(c, c.parameter == 'pairs' && c.value == ['eurusd', 'usdjpy'])",
        "changes.exists(c, c.parameter == 'legs' && has(c.value.eur) && !has(c.value.jpy))",
        "changes.exists(c, c.parameter == 'legs' && 'usd' in c.value && c.value.usd > 1.5)",
        "changes.exists(c, c.parameter == 'legs' && c.value['usd'] == 2 && size(c.value) == 2)",
        "changes.exists(c, c.parameter == 'legs' && c.value.exists(k, k == 'eur'))",
        "changes.exists(c, c.parameter == 'size' && c.value in [1, 2, 3] && c.value >= 3)",
        "changes.exists(c, c.parameter == 'size' && int(c.value) % 2 == 1 && double(3) == c.value)",
        "changes.map(c, c.parameter) == ['legs', 'pairs', 'size']",
        "size(changes.filter(c, c.tier == 'moderate')) == 3 && changes.exists_one(c, c.parameter == 'size')",
        "has(changes[0].tier) && 'tier' in changes[0] && changes[0]['tier'] == 'moderate'",
        "string(size(changes)) == '3' && size(changes[0].parameter + 'x') == 5",
    ] {
        assert_eq!(holds(changes, expression), Ok(true), "{expression}");
    }
}

/// Loops within loops over what an agent sends would otherwise take as long as it likes.
#[test]
fn more_than_a_condition_can_look_at_fails_it() {
    let of = |count: usize| format!(r#"{{"pairs": [{}]}}"#, vec!["1"; count].join(","));
    let expression = "changes[0].value.all(a, changes[0].value.all(b, a == b))";
    assert_eq!(holds(&of(256), expression), Ok(true));
    assert_eq!(holds(&of(257), expression), Err(AnswerError::TooManyParts));
}

#[test]
fn the_words_of_a_closed_set_are_those_of_the_facts() {
    use crate::rules::actions::Reversibility;
    use crate::rules::parameters::Tier;
    let compares = |fact: &str, word: &str| {
        Condition::compile(&format!("changes.exists(c, {fact} == '{word}')"), None).unwrap();
    };
    for tier in [
        Tier::Conservative,
        Tier::Moderate,
        Tier::Aggressive,
        Tier::Beyond,
    ] {
        compares("c.tier", tier.as_str());
    }
    for how in [
        Reversibility::Easy,
        Reversibility::Effort,
        Reversibility::Irreversible,
    ] {
        compares("reversibility", how.as_str());
    }
    for word in ["none", "modify", "create", "delete", "unknown"] {
        compares("effect", word);
    }
}

fn said(expression: &str) -> String {
    let condition = Condition::compile(expression, None)
        .unwrap_or_else(|error| panic!("{expression}: {error}"));
    let Some(line) = condition.in_words() else {
        return "-".to_owned();
    };
    let spans = line.0.into_iter().map(|span| match span {
        Span::Ours(text) => text,
        Span::Name(text) | Span::Code(text) => format!("`{text}`"),
        Span::Words(text) => format!("“{text}”"),
    });
    spans.collect()
}

const SAYABLE: &[&str] = &[
    "true",
    "false",
    "bulk",
    "!bulk || !agent_registered",
    "production == false",
    "effect != 'none' && reversibility == 'irreversible'",
    "!(effect == 'none')",
    "action == 'deploy' || 'tuner' == agent",
    "action in ['deploy', 'scale']",
    "!(action in ['deploy', 'scale'])",
    "agent.startsWith('test-') && !session.contains('night')",
    "target_count > 3",
    "3 <= target_count",
    "!(target_count > 1)",
    "size(targets) == 0",
    "size(safety_off) > 0 && size(extreme) == 0 && size(parameters) >= 2",
    "'real_money' in affects && !('night' in windows)",
    "production && ('a' in affects || 'b' in affects)",
    "production && !('a' in parameters && 'b' in parameters)",
    "(production && bulk) || (unattributed && to_production)",
    "changes.exists(c, c.parameter == 'image')",
    "!changes.exists(c, c.parameter == 'image')",
    "changes.exists(c, c.parameter == 'image' && c.tier == 'beyond all tiers')",
    "changes.exists(c, c.parameter == 'amount' && c.value > 200.0 && c.tier != 'conservative')",
    "changes.exists(c, c.value == null || c.value == 'goodwill')",
    "changes.exists(c, c.parameter in ['a', 'b'] && c.ratio >= 1.5)",
    "changes.exists(c, c.before == 3.0 && c.delta < -1.0)",
    "changes.all(c, c.tier == 'conservative')",
    "!changes.all(c, c.tier in ['conservative', 'moderate'])",
    "targets.exists(t, has(t.labels.owner) && t.labels.owner == 'payments')",
    "targets.exists(t, 'owner' in t.labels && t.labels['owner'] != 'payments')",
    "targets.exists(t, t.labels.owner == 'payments')",
    "targets.all(t, t.environment == 'staging' || t.parameters.replicas > 3.0)",
    "parameters.exists(p, p.startsWith('limits'))",
    "citations.all(c, c.startsWith('https://example.org/'))",
    "has(details.speed) && details.speed == 'fast'",
    "details.rows > 10.0",
    "evidence.monthly_cost > 100.0 && !evidence.reviewed && evidence.state != 'open'",
    "size(citations) == 0",
    "!has(details.speed) || details.speed == 'slow'",
];

#[test]
fn a_condition_is_said_in_words() {
    let all = SAYABLE
        .iter()
        .map(|expression| format!("{expression}\n    {}", said(expression)));
    insta::assert_snapshot!(all.collect::<Vec<_>>().join("\n"), @"
    true
        always
    false
        never
    bulk
        when it is bulk
    !bulk || !agent_registered
        when it is not bulk or the agent is not registered
    production == false
        when it is not in production
    effect != 'none' && reversibility == 'irreversible'
        when it has an effect and it cannot be undone
    !(effect == 'none')
        when it has an effect
    action == 'deploy' || 'tuner' == agent
        when the action is `deploy` or the agent is `tuner`
    action in ['deploy', 'scale']
        when the action is `deploy` or `scale`
    !(action in ['deploy', 'scale'])
        when the action is none of `deploy` and `scale`
    agent.startsWith('test-') && !session.contains('night')
        when the agent begins with `test-` and the session does not contain `night`
    target_count > 3
        when more than 3 targets are named
    3 <= target_count
        when at least 3 targets are named
    !(target_count > 1)
        when at most 1 target is named
    size(targets) == 0
        when no target is named
    size(safety_off) > 0 && size(extreme) == 0 && size(parameters) >= 2
        when a safety control is switched off, no value is extreme and at least 2 parameters change
    'real_money' in affects && !('night' in windows)
        when it touches `real_money` and the window `night` is not open
    production && ('a' in affects || 'b' in affects)
        when it is in production, and either it touches `a` or it touches `b`
    production && !('a' in parameters && 'b' in parameters)
        when it is in production, and either `a` does not change or `b` does not change
    (production && bulk) || (unattributed && to_production)
        when both it is in production and it is bulk, or both a commit is by nobody that the rules know and a target is moved into production from elsewhere
    changes.exists(c, c.parameter == 'image')
        when `image` changes
    !changes.exists(c, c.parameter == 'image')
        when `image` does not change
    changes.exists(c, c.parameter == 'image' && c.tier == 'beyond all tiers')
        when a change of `image` is beyond all tiers
    changes.exists(c, c.parameter == 'amount' && c.value > 200.0 && c.tier != 'conservative')
        when a change of `amount` has a new value above `200` and is not conservative, or that cannot be told
    changes.exists(c, c.value == null || c.value == 'goodwill')
        when a change removes it or has the new value `goodwill`
    changes.exists(c, c.parameter in ['a', 'b'] && c.ratio >= 1.5)
        when a change is of `a` or `b` and is to at least 1.5 times the present value, where it moves furthest, or that cannot be told
    changes.exists(c, c.before == 3.0 && c.delta < -1.0)
        when a change has the present value `3` on every target and moves down by more than 1 where it moves furthest, or that cannot be told
    changes.all(c, c.tier == 'conservative')
        when every change, if there is any, is conservative
    !changes.all(c, c.tier in ['conservative', 'moderate'])
        when not every change is `conservative` or `moderate`
    targets.exists(t, has(t.labels.owner) && t.labels.owner == 'payments')
        when a target has a label `owner` and has the label `owner: payments`
    targets.exists(t, 'owner' in t.labels && t.labels['owner'] != 'payments')
        when a target has a label `owner` and does not have the label `owner: payments`
    targets.exists(t, t.labels.owner == 'payments')
        when a target has the label `owner: payments`, or that cannot be told
    targets.all(t, t.environment == 'staging' || t.parameters.replicas > 3.0)
        when every target, if there is any, is in the environment `staging` or has a present value above `3` of `replicas`, or that cannot be told
    parameters.exists(p, p.startsWith('limits'))
        when a parameter that changes begins with `limits`
    citations.all(c, c.startsWith('https://example.org/'))
        when every source that it cites, if there is any, begins with `https://example.org/`
    has(details.speed) && details.speed == 'fast'
        when the details name `speed` and the detail `speed` is `fast`
    details.rows > 10.0
        when the detail `rows` is above `10`, or that cannot be told
    evidence.monthly_cost > 100.0 && !evidence.reviewed && evidence.state != 'open'
        when the evidence `monthly_cost` is above `100`, the evidence `reviewed` is false and the evidence `state` is not `open`
    size(citations) == 0
        when no source is cited
    !has(details.speed) || details.speed == 'slow'
        when the details do not name `speed` or the detail `speed` is `slow`
    ");
}

/// Each is a condition, and none has a sentence: a wrong one would be worse.
#[test]
fn what_no_sentence_says_exactly_is_not_said() {
    for expression in [
        "agent == action",
        "target_count + 1 > 3",
        "target_count != 3",
        "production ? bulk : unattributed",
        "string(target_count) == '3'",
        "changes.exists_one(c, c.tier == 'moderate')",
        "size(changes.filter(c, c.tier == 'moderate')) > 1",
        "changes.exists(c, production && c.tier == 'moderate')",
        "changes.exists(c, c.value > 'm')",
        "changes.exists(c, c.delta > -1.0)",
        "changes.exists(c, c.amount > 1.0)",
        "changes.exists(c, targets.exists(t, t.name == 'a'))",
        "changes.exists(c, c.value == c.before)",
        "targets.exists(t, t.parameters.backups)",
        "details.speed.limit == 3.0",
        "parameters == ['a']",
        "parameters[0] == 'a'",
        "size(affects) > 1",
        "(production && (bulk || (unattributed && to_production))) || agent_registered",
    ] {
        assert_eq!(said(expression), "-", "{expression}");
    }
}

#[test]
fn what_a_condition_compares_is_listed() {
    let compared = |expression: &str| {
        let condition = Condition::compile(expression, None).unwrap();
        let all = condition.compared().into_iter().map(|one| {
            let keys: Vec<&str> = [one.fact]
                .into_iter()
                .chain(one.keys.iter().map(String::as_str))
                .collect();
            let with = match one.with {
                Constant::Number(number) => number.to_string(),
                Constant::Text(text) => format!("'{text}'"),
                Constant::Part(text) => format!("'{text}…'"),
                Constant::Size(number) => format!("size {number}"),
                Constant::Other(keys) => format!("as {}", keys.join(".")),
                Constant::Flag => "flag".to_owned(),
            };
            format!("{} {with}", keys.join("."))
        });
        all.collect::<Vec<_>>().join("; ")
    };
    for (expression, expected) in [
        ("target_count > 5 && bulk", "bulk flag; target_count 5"),
        (
            "has(details.order.amount) && details.order.amount > 99.5",
            "details.order.amount 99.5; details.order.amount flag",
        ),
        ("details['limit'] == 'none'", "details.limit 'none'"),
        (
            "agent in ['a', 'b'] || agent.startsWith('test-')",
            "agent 'a'; agent 'b'; agent 'test-…'",
        ),
        ("!('freeze' in windows)", "windows 'freeze'"),
        ("evidence.coverage < 80.0", "evidence.coverage 80"),
        ("size(safety_off) > 0", "safety_off size 0"),
        (
            "changes.exists(c, c.parameter == 'x' && c.ratio > 1.5)",
            "changes.parameter 'x'; changes.ratio 1.5",
        ),
        (
            "changes.exists(c, c.value > 2.0 * evidence.total)",
            "changes.value as evidence.total; changes.value flag; evidence.total flag",
        ),
        (
            "targets.all(t, t.labels.tier == 'pay' && t.parameters.max >= -2)",
            "targets.labels.tier 'pay'; targets.parameters.max -2",
        ),
        (
            "size(changes.filter(c, c.tier == 'moderate')) > 3",
            "changes size 3; changes.tier 'moderate'",
        ),
        (
            "'db' in targets.map(t, t.name) && 'card' in details",
            "details.card flag; targets.name 'db'",
        ),
        (
            "2 * target_count > 7 || citations.exists(c, c.startsWith('https://a/'))",
            "citations 'https://a/…'; target_count flag",
        ),
    ] {
        assert_eq!(compared(expression), expected, "{expression}");
    }
}
