//! What makes a recommendation invalid against the rules and `main`: contradictions, not risks.
//!
//! An unknown action, target, parameter or agent is not invalid: it is scored as the highest.

use crate::domain::documents::Recommendation;
use crate::domain::hidden::is_hidden;
use crate::domain::ids::{ActionName, TargetName};
use crate::domain::problem::Problem;
use crate::domain::value::Value;
use crate::risk::proposed_action::ProposedAction;
use crate::risk::situation::Situation;
use crate::rules::Rules;
use crate::rules::actions::Effect;

/// Everything that is wrong with the recommendation, each with its key and the mend.
///
/// `file` is the name that the problems carry.
pub fn problems(
    file: &str,
    recommendation: &Recommendation,
    situation: &Situation,
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
    for (key, message) in against_effect(recommendation, situation, effect) {
        say(key, message);
    }
    if let Some((key, message)) = too_long(recommendation, situation, rules) {
        say(key, message);
    }
    for (parameter, message) in unmet(recommendation, recommendation.targets.iter(), situation) {
        say(&format!("expects.{parameter}"), message);
    }
    found
}

/// What cannot be shown whole to whoever decides. The part that takes most is named.
fn too_long(
    recommendation: &Recommendation,
    situation: &Situation,
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

/// What contradicts the effect of the action.
fn against_effect(
    recommendation: &Recommendation,
    situation: &Situation,
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

/// Each expectation that does not hold on one of these targets. What is not there is nothing.
pub(crate) fn unmet<'a>(
    recommendation: &'a Recommendation,
    targets: impl Iterator<Item = &'a TargetName> + Clone,
    situation: &'a Situation,
) -> impl Iterator<Item = (&'a str, String)> {
    recommendation.expects.iter().flat_map(move |(name, expected)| {
        targets.clone().filter_map(move |target| {
            let known = situation.find_target(target);
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
    use crate::risk::fixtures::{example, recommend, rules};

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
    fn what_is_unknown_is_scored_not_refused() {
        assert_eq!(of("teleport", "nowhere", &[("warp", "1")]), NONE);
        assert_eq!(of("modify_parameters", "nowhere", &[("warp", "1")]), NONE);
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
        assert_eq!(
            expecting("modify_parameters", "nowhere", 4.into()),
            [
                "r.yaml: expects.stop_loss_pct: expected 4, but it is (none) in `targets/nowhere.yaml`: look again and propose anew"
            ]
        );
        assert_eq!(expecting("create_strategy", "fresh", Value::Null), NONE);
    }
}
