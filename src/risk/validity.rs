//! What makes a recommendation invalid against the rules and `main`: contradictions and likely typos, not risks.
//!
//! An unknown parameter or agent is not invalid: it is scored as the highest. So are an unknown action or target, and
//! a value of another type, where the rules say `likely_typos: score`.

use serde::Serialize;

use crate::domain::documents::{ExecutorKind, Recommendation};
use crate::domain::hidden::is_hidden;
use crate::domain::ids::{ActionName, ParameterName, TargetName, quoted};
use crate::domain::problem::Problem;
use crate::domain::similar::expected_one_of;
use crate::domain::value::{Value, ValueType};
use crate::risk::proposed_action::ProposedAction;
use crate::risk::risk_context::RiskContext;
use crate::rules::Rules;
use crate::rules::actions::Effect;
use crate::rules::governance::LikelyTypos;
use crate::rules::parameters::{self, Guidance};

/// So many unknown targets are named; the rest is counted.
pub(crate) const MOST_UNKNOWN: usize = 5;

/// GitHub starts a workflow with less than 64 KiB, and the decision needs some of them.
const MOST_BYTES_TO_DISPATCH: usize = 60_000;

/// Everything that is wrong with the recommendation, each with its key and the mend.
///
/// `file` is the name that the problems carry.
pub fn problems(
    file: &str,
    recommendation: &Recommendation,
    situation: &RiskContext,
    rules: &Rules,
) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |key: &str, message: String| found.push(Problem::of_key(file, key, message));
    if let Some(message) = not_allowed(recommendation, rules) {
        say("action", message);
    }
    let effect = rules
        .actions
        .get(&recommendation.action)
        .map(|action| action.effect);
    if rules.governance.likely_typos == LikelyTypos::Refuse {
        for (key, message) in likely_typos(recommendation, situation, rules) {
            say(&key, message);
        }
    }
    for (key, message) in against_effect(recommendation, situation, effect) {
        say(key, message);
    }
    for (key, message) in parts_by_themselves(recommendation, situation) {
        say(&key, message);
    }
    if let Some((key, message)) = too_long(recommendation, situation, rules) {
        say(key, message);
    }
    if let Some((key, message)) = too_large_to_dispatch(recommendation, rules) {
        say(key, message);
    }
    let targets = recommendation.targets.iter();
    for (parameter, message) in unmet(recommendation, effect, targets, situation) {
        say(&format!("expects.{parameter}"), message);
    }
    found
}

/// What cannot be shown whole to whoever decides. The part that takes most is named.
fn too_long(
    recommendation: &Recommendation,
    situation: &RiskContext,
    rules: &Rules,
) -> Option<(&'static str, String)> {
    let action = ProposedAction::of(recommendation, situation);
    let (all, rest) = (action.text().len(), action.rest().len());
    // What hides is shown as a mark of three bytes.
    let shown = |c: char| if is_hidden(c) { 3 } else { c.len_utf8() };
    let rationale: usize = recommendation.rationale.chars().map(shown).sum();
    let length = all + rationale;
    let most = rules.governance.max_shown_bytes;
    if length <= usize::try_from(most).unwrap_or(usize::MAX) {
        return None;
    }
    let parts = [
        ("details", rest),
        ("targets", all - rest),
        ("rationale", rationale),
    ];
    let key = parts.into_iter().max_by_key(|(_, length)| *length);
    let message = format!(
        "what whoever decides is shown would take {length} bytes, and nothing of it may be cut off: at most {most} \
         (`max_shown_bytes` in `rules/governance.yaml`); split the recommendation, or leave something out"
    );
    key.map(|(key, _)| (key, message))
}

/// What a workflow cannot be started with. The part that takes most is named.
fn too_large_to_dispatch(
    recommendation: &Recommendation,
    rules: &Rules,
) -> Option<(&'static str, String)> {
    let action = rules.actions.get(&recommendation.action)?;
    if action.executor.kind() != ExecutorKind::Dispatch {
        return None;
    }
    let length = json_length(recommendation);
    if length <= MOST_BYTES_TO_DISPATCH {
        return None;
    }
    let parts = [
        ("details", json_length(&recommendation.details)),
        ("rationale", json_length(&recommendation.rationale)),
        ("citations", json_length(&recommendation.citations)),
        ("targets", json_length(&recommendation.targets)),
    ];
    let message = format!(
        "the recommendation takes {length} bytes as JSON, and a workflow (`executor: dispatch`) is started with at most \
         {MOST_BYTES_TO_DISPATCH}: leave something out"
    );
    let (key, _) = parts.into_iter().max_by_key(|(_, length)| *length)?;
    Some((key, message))
}

fn json_length(part: &impl Serialize) -> usize {
    serde_json::to_string(part).map_or(usize::MAX, |json| json.len())
}

fn not_allowed(recommendation: &Recommendation, rules: &Rules) -> Option<String> {
    let agent = rules.agents.get(&recommendation.agent)?;
    let known = rules.actions.contains_key(&recommendation.action);
    if !known || agent.actions.contains(&recommendation.action) {
        return None;
    }
    let allowed: Vec<&str> = agent.actions.iter().map(ActionName::as_str).collect();
    let allowed = match allowed.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    Some(format!(
        "`{}` may not propose `{}`: it may propose {allowed}; an admin can change that in `rules/agents.yaml`",
        recommendation.agent, recommendation.action
    ))
}

/// What names nothing that exists, or gives a value of another type than the present one.
fn likely_typos(
    recommendation: &Recommendation,
    situation: &RiskContext,
    rules: &Rules,
) -> Vec<(String, String)> {
    let action = &recommendation.action;
    let Some(action_type) = rules.actions.get(action) else {
        let known: Vec<&str> = rules.actions.keys().map(ActionName::as_str).collect();
        let message = expected_one_of(action.as_str(), &known);
        return vec![(
            "action".to_owned(),
            format!("`{action}` is not listed in `rules/actions.yaml`{message}"),
        )];
    };
    let mut found = Vec::new();
    if action_type.effect != Effect::Create {
        found.extend(unknown_targets(recommendation, situation));
    }
    for (name, value) in &recommendation.changes {
        if let Some(message) = other_type(name, value, recommendation, situation, rules) {
            found.push((format!("changes.{name}"), message));
        }
        other_types_inside(name.as_str(), value, rules, &mut found);
    }
    found
}

/// What inside of a list or mapping is of another type than the rules say.
fn other_types_inside(path: &str, value: &Value, rules: &Rules, found: &mut Vec<(String, String)>) {
    let guidance = rules.parameters.get(path);
    let place = format!("`{}` says", parameters::PATH);
    match value {
        Value::List(elements) => {
            let each = guidance.and_then(|guidance| guidance.usual.elements.each.as_deref());
            let Some(said) = each.and_then(|each| each.value_type) else {
                return;
            };
            let elements = elements.iter().enumerate();
            found.extend(elements.filter(|(_, element)| !said.holds(element)).map(
                |(index, element)| {
                    let key = format!("changes.{path}[{index}]");
                    (key, expected_instead(said, &place, element))
                },
            ));
        }
        Value::Map(entries) if guidance.is_some() => {
            for (key, value) in entries.iter().filter(|(key, _)| !key.contains('.')) {
                let path = format!("{path}.{key}");
                let guidance = rules.parameters.get(path.as_str());
                let said = guidance.and_then(Guidance::value_type);
                let is_listed = guidance.is_some_and(|guidance| guidance.lists(value));
                if let Some(said) =
                    said.filter(|said| !value.is_null() && !is_listed && !said.holds(value))
                {
                    let key = format!("changes.{path}");
                    found.push((key, expected_instead(said, &place, value)));
                }
                other_types_inside(&path, value, rules, found);
            }
        }
        _ => {}
    }
}

/// A change that names a part of what is a mapping already: who carries it out could take it for that part.
fn parts_by_themselves(
    recommendation: &Recommendation,
    situation: &RiskContext,
) -> Vec<(String, String)> {
    let changes = &recommendation.changes;
    let is_mapping = |whole: &str| {
        let targets = recommendation.targets.iter();
        let present = targets.filter_map(|name| situation.find_target(name)?.parameters.get(whole));
        let mut all = present.chain(changes.get(whole));
        all.any(|value| matches!(value, Value::Map(_)))
    };
    let found = changes.keys().filter_map(|name| {
        let mut dots = name.as_str().match_indices('.');
        let (whole, part) = dots.find_map(|(at, _)| {
            let (whole, part) = name.as_str().split_at_checked(at)?;
            is_mapping(whole).then_some((whole, part.trim_start_matches('.')))
        })?;
        let message = format!(
            "`{whole}` is a mapping: propose it whole, as `{whole}: {{{part}: …}}` with all that is to stay"
        );
        Some((format!("changes.{name}"), message))
    });
    found.collect()
}

fn unknown_targets(
    recommendation: &Recommendation,
    situation: &RiskContext,
) -> Vec<(String, String)> {
    let unknown: Vec<(usize, &TargetName)> = recommendation
        .targets
        .iter()
        .enumerate()
        .filter(|(_, name)| !situation.targets.contains_key(*name))
        .collect();
    let named = unknown.iter().take(MOST_UNKNOWN).map(|(index, name)| {
        let meant = situation.near.get(*name);
        let meant = meant.map_or_else(
            || ": name a target that is there, or create it first".to_owned(),
            |meant| format!(": did you mean `{meant}`?"),
        );
        (
            format!("targets[{index}]"),
            format!("there is no `targets/{name}.yaml`{meant}"),
        )
    });
    let mut found: Vec<(String, String)> = named.collect();
    if unknown.len() > found.len() {
        let more = unknown.len() - found.len();
        found.push(("targets".to_owned(), format!("{more} more do not exist")));
    }
    found
}

/// Whether a new value is of another type than the rules say, or where they say none, than the present one of any
/// target, and what was probably meant. Nothing stands for a removal, which is of no type.
fn other_type(
    name: &ParameterName,
    value: &Value,
    recommendation: &Recommendation,
    situation: &RiskContext,
    rules: &Rules,
) -> Option<String> {
    let proposed = ValueType::of(value)?;
    let guidance = rules.parameters.get(name);
    let said = guidance.and_then(Guidance::value_type);
    if said.is_some_and(|said| said.holds(value)) || guidance.is_some_and(|it| it.lists(value)) {
        return None;
    }
    let as_is = recommendation.targets.iter().find_map(|target| {
        let present = situation.find_target(target)?.parameters.get(name)?;
        let expected = match said {
            Some(said) => said.holds(present).then_some(said)?,
            None => ValueType::of(present).filter(|expected| *expected != proposed)?,
        };
        let place = format!("in `targets/{target}.yaml` ({present})");
        Some(expected_instead(expected, &place, value))
    });
    as_is.or_else(|| {
        let place = format!("`{}` says", parameters::PATH);
        said.map(|said| expected_instead(said, &place, value))
    })
}

/// `place` is where the expected type is from.
fn expected_instead(expected: ValueType, place: &str, value: &Value) -> String {
    let meant = expected
        .find_meant(value)
        .map_or_else(String::new, |meant| format!(": did you mean `{meant}`?"));
    let found = match value {
        Value::Text(text) if text.trim().is_empty() => "an empty text".to_owned(),
        Value::Text(text) => format!("the text {}", quoted(text)),
        other => {
            let described = ValueType::of(other).map_or("nothing", ValueType::described);
            format!("{described}, {other}")
        }
    };
    format!(
        "expected {}, as {place}, found {found}{meant}",
        expected.described()
    )
}

/// What contradicts the effect of the action.
fn against_effect(
    recommendation: &Recommendation,
    situation: &RiskContext,
    effect: Option<Effect>,
) -> Vec<(&'static str, String)> {
    let action = &recommendation.action;
    let (targets, changes) = (&recommendation.targets, &recommendation.changes);
    let mut found = Vec::new();
    match effect {
        None => {}
        Some(Effect::None) if !changes.is_empty() => found.push((
            "changes",
            format!("`{action}` has no effect, so it may carry no changes: remove them, or propose an action that changes parameters"),
        )),
        Some(Effect::None) => {}
        Some(Effect::Modify) => {
            if targets.is_empty() {
                found.push(("targets", format!("`{action}` changes targets: name at least one")));
            }
            if changes.is_empty() {
                found.push(("changes", format!("`{action}` changes parameters: give at least one new value")));
            }
        }
        Some(Effect::Create) => {
            if targets.len() != 1 {
                found.push(("targets", format!("`{action}` makes one target: name exactly one, not {}", targets.len())));
            }
            for name in targets.iter().filter(|name| situation.targets.contains_key(*name)) {
                found.push(("targets", format!("`targets/{name}.yaml` exists already: choose a name that is free")));
            }
        }
        Some(Effect::Delete) => {
            if targets.is_empty() {
                found.push(("targets", format!("`{action}` removes targets: name at least one")));
            }
            if !changes.is_empty() {
                found.push(("changes", format!("`{action}` removes its targets, so it may carry no changes: remove them")));
            }
        }
    }
    found
}

/// Each expectation that does not hold on one of these targets: none holds on a target that is gone. What an action
/// is yet to make is not gone, and its parameters are nothing.
pub(crate) fn unmet<'a>(
    recommendation: &'a Recommendation,
    effect: Option<Effect>,
    targets: impl Iterator<Item = &'a TargetName> + Clone,
    situation: &'a RiskContext,
) -> impl Iterator<Item = (&'a str, String)> {
    recommendation.expects.iter().flat_map(move |(name, expected)| {
        targets.clone().filter_map(move |target| {
            let known = situation.find_target(target);
            if known.is_none() && effect != Some(Effect::Create) {
                let message = format!("expected {expected}, but there is no `targets/{target}.yaml`: look again and propose anew");
                return Some((name.as_str(), message));
            }
            let present = known.and_then(|known| known.parameters.get(name)).unwrap_or(&Value::Null);
            (present != expected).then(|| {
                let message = format!(
                    "expected {expected}, but it is {present} in `targets/{target}.yaml`: look again and propose anew"
                );
                (name.as_str(), message)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::fixtures::{example, recommend, rules, rules_with};

    fn said(recommendation: &Recommendation) -> Vec<String> {
        let found = problems("r.yaml", recommendation, &example(), rules());
        found.iter().map(ToString::to_string).collect()
    }

    fn of(action: &str, targets: &str, changes: &[(&str, &str)]) -> Vec<String> {
        said(&recommend(action, targets, changes))
    }

    const NONE: [String; 0] = [];

    #[test]
    fn each_effect_has_its_shape() {
        let change = [("leverage", "1")];
        assert_eq!(of("analyze", "live", &[]), NONE);
        assert_eq!(of("analyze", "", &[]), NONE);
        assert_eq!(
            of("analyze", "live", &change),
            [
                "r.yaml: changes: `analyze` has no effect, so it may carry no changes: remove them, or propose an action that changes parameters"
            ]
        );
        assert_eq!(of("modify_parameters", "live", &change), NONE);
        assert_eq!(
            of("modify_parameters", "", &[]),
            [
                "r.yaml: targets: `modify_parameters` changes targets: name at least one",
                "r.yaml: changes: `modify_parameters` changes parameters: give at least one new value"
            ]
        );
        assert_eq!(of("create_strategy", "fresh", &change), NONE);
        assert_eq!(
            of("create_strategy", "live", &change),
            ["r.yaml: targets: `targets/live.yaml` exists already: choose a name that is free"]
        );
        assert_eq!(
            of("create_strategy", "a b", &change),
            ["r.yaml: targets: `create_strategy` makes one target: name exactly one, not 2"]
        );
        assert_eq!(of("delete_strategy", "live", &[]), NONE);
        assert_eq!(
            of("delete_strategy", "", &change),
            [
                "r.yaml: targets: `delete_strategy` removes targets: name at least one",
                "r.yaml: changes: `delete_strategy` removes its targets, so it may carry no changes: remove them"
            ]
        );
    }

    #[test]
    fn a_likely_typo_is_refused_with_what_was_probably_meant() {
        assert_eq!(
            of("modify_paramters", "live", &[("leverage", "1")]),
            [
                "r.yaml: action: `modify_paramters` is not listed in `rules/actions.yaml`: did you mean `modify_parameters`? expected one of analyze, create_strategy, delete_strategy, modify_parameters, optimize, promote_strategy, query_documentation, rebalance_portfolio"
            ]
        );
        assert_eq!(
            of("teleport", "nowhere", &[("warp", "1")]),
            [
                "r.yaml: action: `teleport` is not listed in `rules/actions.yaml`: expected one of analyze, create_strategy, delete_strategy, modify_parameters, optimize, promote_strategy, query_documentation, rebalance_portfolio"
            ]
        );
        let mut near = example();
        near.near = [("liev".parse().unwrap(), "live".parse().unwrap())].into();
        let typo = recommend("delete_strategy", "live liev nowhere", &[]);
        let found = problems("r.yaml", &typo, &near, rules());
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "r.yaml: targets[1]: there is no `targets/liev.yaml`: did you mean `live`?",
                "r.yaml: targets[2]: there is no `targets/nowhere.yaml`: name a target that is there, or create it first"
            ]
        );
        let many: Vec<String> = (0..8).map(|index| format!("t{index}")).collect();
        let said = of("delete_strategy", &many.join(" "), &[]);
        assert_eq!(said.len(), 6);
        assert_eq!(said[5], "r.yaml: targets: 3 more do not exist");
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_what_was_probably_meant() {
        let said = |change: (&str, &str)| of("modify_parameters", "live", &[change]).concat();
        for (value, meant) in [
            ("3,5", "the text `3,5`: did you mean `3.5`?"),
            ("4%", "the text `4%`: did you mean `4`?"),
            ("", "an empty text"),
            ("\"4\"", "the text `4`: did you mean `4`?"),
            ("wide", "the text `wide`"),
            ("true", "`true` or `false`, true"),
            ("[4]", "a list, [4]"),
        ] {
            assert_eq!(
                said(("stop_loss_pct", value)),
                format!(
                    "r.yaml: changes.stop_loss_pct: expected a number, as in `targets/live.yaml` (3.0), found {meant}"
                ),
            );
        }
        assert_eq!(
            said(("stop_loss_enabled", "off")),
            "r.yaml: changes.stop_loss_enabled: expected `true` or `false`, as in `targets/live.yaml` (true), found the text `off`: did you mean `false`?"
        );
        assert_eq!(
            said(("trading_mode", "3")),
            "r.yaml: changes.trading_mode: expected text, as in `targets/live.yaml` (live), found a number, 3: did you mean `\"3\"`?"
        );
        // Removing a parameter is no typo.
        assert_eq!(said(("stop_loss_pct", "null")), "");
        assert_eq!(
            said(("leverage", "wide")),
            "r.yaml: changes.leverage: expected a number, as `rules/parameters.yaml` says, found the text `wide`"
        );
    }

    #[test]
    fn where_the_rules_say_so_what_is_unknown_is_scored() {
        let score = rules_with(&[("likely_typos: refuse", "likely_typos: score")]);
        for (action, targets, change) in [
            ("teleport", "nowhere", ("warp", "1")),
            ("modify_parameters", "nowhere", ("warp", "1")),
            ("modify_parameters", "live", ("stop_loss_pct", "3,5")),
        ] {
            let asked = recommend(action, targets, &[change]);
            assert_eq!(problems("r.yaml", &asked, &example(), &score), []);
        }
    }

    #[test]
    fn an_unknown_parameter_or_agent_is_scored_not_refused() {
        assert_eq!(of("modify_parameters", "live", &[("warp", "1")]), NONE);
        let mut stranger = recommend("modify_parameters", "live", &[("leverage", "1")]);
        stranger.agent = "stranger".parse().unwrap_or_else(|_| unreachable!());
        assert_eq!(said(&stranger), NONE);
    }

    #[test]
    fn an_agent_proposes_only_what_it_may() {
        let mut analyst = recommend("modify_parameters", "live", &[("leverage", "1")]);
        analyst.agent = "market-analyst".parse().unwrap_or_else(|_| unreachable!());
        assert_eq!(
            said(&analyst),
            [
                "r.yaml: action: `market-analyst` may not propose `modify_parameters`: it may propose analyze, query_documentation; an admin can change that in `rules/agents.yaml`"
            ]
        );
    }

    #[test]
    fn an_expectation_that_does_not_hold_asks_for_a_new_proposal() {
        let expecting = |action: &str, targets: &str, value: Value| {
            let mut expecting = recommend(action, targets, &[("leverage", "1")]);
            expecting.expects.insert(
                "stop_loss_pct".parse().unwrap_or_else(|_| unreachable!()),
                value,
            );
            said(&expecting)
        };
        assert_eq!(expecting("modify_parameters", "live paper", 3.into()), NONE);
        assert_eq!(
            expecting("modify_parameters", "live", 4.into()),
            [
                "r.yaml: expects.stop_loss_pct: expected 4, but it is 3.0 in `targets/live.yaml`: look again and propose anew"
            ]
        );
        for (gone, told) in [(4.into(), "4"), (Value::Null, "(none)")] {
            assert_eq!(
                expecting("modify_parameters", "nowhere", gone),
                [
                    "r.yaml: targets[0]: there is no `targets/nowhere.yaml`: name a target that is there, or create it first".to_owned(),
                    format!("r.yaml: expects.stop_loss_pct: expected {told}, but there is no `targets/nowhere.yaml`: look again and propose anew"),
                ]
            );
        }
        assert_eq!(expecting("create_strategy", "fresh", Value::Null), NONE);
    }
}
