//! Conditions answer as CEL says, are bounded, and a wrong one is refused in words.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
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
        let of_type = FACTS.iter().find(|(fact, ..)| *fact == name)?.1;
        Some(match of_type {
            "int" => Fact::Count(self.count),
            "list(string)" => Fact::Names(&self.names),
            "string" => Fact::Text(self.text),
            _ => Fact::Changes(&[]),
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
    "effect == 'b'",
    "size(deviant) != 1 || false",
    "parameters.exists(p, p == 'b')",
    "size(environment) > 1",
];

fn facts() -> impl Strategy<Value = Given> {
    let names = proptest::sample::subsequence(vec!["a", "b", "real_money"], 0..=3);
    let text = proptest::sample::select(vec!["none", "b", ""]);
    (any::<[bool; 5]>(), 0..5_usize, names, text).prop_map(|(truths, count, names, text)| Given {
        truths,
        count,
        names,
        text,
    })
}

proptest! {
    #[test]
    fn the_plain_answer_is_cel_s_answer(given in facts()) {
        for expression in EXPRESSIONS {
            let mut condition = Condition::compile(expression).unwrap();
            let quick = evaluate([&condition], &given);
            condition.plain = None;
            prop_assert_eq!(&quick, &evaluate([&condition], &given), "{}", expression);
            prop_assert_eq!(any_fires([&condition], &given), quick[0] == Ok(true));
        }
    }
}

#[test]
fn simple_conditions_need_no_interpreter_and_loops_do() {
    for expression in &EXPRESSIONS[..12] {
        assert!(
            Condition::compile(expression).unwrap().plain.is_some(),
            "{expression}"
        );
    }
    assert!(Condition::compile(EXPRESSIONS[12]).unwrap().plain.is_none());
}

#[test]
fn a_condition_says_what_is_wrong_with_it() {
    let wrong = |expression: &str| Condition::compile(expression).unwrap_err();
    assert!(wrong("productoin").contains("`productoin` is not a fact"));
    assert!(wrong("bulk &&").contains("not a CEL expression"));
    assert!(wrong(&"a".repeat(1_001)).contains("too long"));
    let nested = "parameters.all(a, parameters.all(b, parameters.all(c, a == c)))";
    assert!(wrong(nested).contains("too many loops"));
    assert_eq!(
        Condition::compile("bulk && !production || bulk")
            .unwrap()
            .facts(),
        ["bulk", "production"]
    );
}

#[test]
fn a_failing_expression_is_not_false() {
    let conditions = [
        Condition::compile("affects[9] == 'a'").unwrap(),
        Condition::compile("target_count").unwrap(),
    ];
    for answer in evaluate(&conditions, &Given::default()) {
        assert!(answer.is_err());
    }
    assert!(any_fires(&conditions, &Given::default()));
}

/// As deep as it goes: every stack here is the 2 MiB of a test thread.
#[test]
fn deep_nesting_is_refused_or_answered_but_never_overflows() {
    const KINDS: [(&str, &str, &str); 15] = [
        ("(", "bulk", ")"),
        ("[", "1", "]"),
        ("!", "bulk", ""),
        ("-", "1", ""),
        ("{1:", "1", "}"),
        ("bulk?1:", "1", ""),
        ("bulk&&", "bulk", ""),
        ("a.", "a", ""),
        ("a[", "1", "]"),
        ("1+", "1", ""),
        ("1<", "1", ""),
        ("size([", "1", "])"),
        ("(1+2*(3<", "1", "))"),
        ("(bulk?", "1", ":2)"),
        ("{'a':[", "1", "]}"),
    ];
    for (open, inner, close) in KINDS {
        let mut answered = 0;
        let longest = Condition::LONGEST / (open.len() + close.len());
        for depth in (1..30).chain([50, 95, 96, 97, 98, 99, longest - inner.len()]) {
            let expression = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            if let Ok(condition) = Condition::compile(&expression) {
                let _ = evaluate([&condition], &Given::default());
                answered = depth;
            }
        }
        assert!(answered > 0, "{open}");
    }
    let deep = format!("{}1{} > 0", "(1 + ".repeat(30), ")".repeat(30));
    assert!(
        Condition::compile(&deep)
            .unwrap_err()
            .contains("nests too deep")
    );
    let loops = "changes.exists(c, changes.exists(d, c.value != d.value && (c.tier == 'x' || d.tier == c.tier)))";
    assert_eq!(
        evaluate([&Condition::compile(loops).unwrap()], &Given::default()),
        [Ok(false)]
    );
}
