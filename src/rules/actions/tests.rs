//! What an action type without effect may not say of itself.

use super::read;
use crate::rules::RuleFiles;

fn problems(action: &str) -> Vec<String> {
    let text = format!("schema: countersign/actions/v1\nactions:\n  look:\n{action}");
    let files = RuleFiles::from([("rules/actions.yaml".to_owned(), text.into_bytes())]);
    match read(&files) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .0
            .into_iter()
            .map(|problem| format!("{}: {}", problem.key.unwrap_or_default(), problem.message))
            .collect(),
    }
}

#[test]
fn what_has_no_effect_is_carried_out_by_nothing_and_touches_nothing() {
    let none: [String; 0] = [];
    let looks = "    effect: none\n    reversibility: easy\n    executor: none\n";
    assert_eq!(problems(looks), none);
    let executor = |name: &str| {
        format!(
            "actions.look.executor: an action with `effect: none` is not carried out, so `{name}` cannot be its executor: expected `executor: none`, or the effect that it has (modify, create or delete)"
        )
    };
    for name in ["apply", "command", "http", "dispatch", "external"] {
        let runs = looks.replace("executor: none", &format!("executor: {name}"));
        assert_eq!(problems(&runs), [executor(name)]);
        let modifies = runs.replace("effect: none", "effect: modify");
        assert!(!problems(&modifies).contains(&executor(name)));
    }
    let all = looks
        .replace("executor: none", "executor: external")
        .replace("easy", "irreversible\n    affects: [real_money]");
    assert_eq!(
        problems(&all),
        [
            executor("external").as_str(),
            "actions.look.affects: an action with `effect: none` affects nothing: expected no `affects`, or the effect that it has (modify, create or delete)",
            "actions.look.reversibility: an action with `effect: none` leaves nothing to reverse, so it cannot be `irreversible`: expected `reversibility: easy`, or the effect that it has (modify, create or delete)",
        ]
    );
}
