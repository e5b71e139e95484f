//! The environment factor: where the change takes effect.
//!
//! **Input** is the riskiest environment in play: of each target, `environment` of its file on
//! `main` and the present value of the rules' `environment_parameter` (where the two disagree the
//! riskier counts), and the environment that the proposal would put it in. A target that is not on
//! `main`, an environment that the rules do not list, and a target to be created without naming
//! its environment are unknown, and what is unknown counts 100. An action without effect counts 0.
//! **Points** come from `points.environment` in `rules/governance.yaml` (production or live 100,
//! staging, test or paper 50, development or inactive 0), **weight** from `weights.environment`
//! (40 as shipped). *Framework: "Mode/Environment".*

use std::collections::BTreeSet;

use super::{FactorText, RECOMMENDATION};
use crate::domain::documents::FactorScore;
use crate::domain::ids::TargetName;
use crate::domain::level::Score;
use crate::domain::value::Value;
use crate::risk::subject::ScoringInput;
use crate::rules::actions::Effect;
use crate::rules::governance::Governance;

/// The riskiest environment in play.
pub(crate) struct Environment<'a> {
    /// Points of the factor.
    pub(crate) points: Score,
    /// Its name; `unknown` when nothing names it, empty when no target is acted on.
    pub(crate) name: &'a str,
    /// Whether it is production. What is unknown counts as production.
    pub(crate) production: bool,
    /// Whether a target is moved into production from elsewhere.
    pub(crate) to_production: bool,
    origin: Origin<'a>,
    no_effect: bool,
}

#[derive(Clone, Copy)]
enum Origin<'a> {
    Nowhere,
    File(&'a TargetName),
    Parameter(&'a TargetName),
    Proposed,
    UnknownTarget(&'a TargetName),
    NotProposed,
}

struct Candidate<'a> {
    name: &'a str,
    points: u32,
    known: bool,
    origin: Origin<'a>,
}

const UNKNOWN: &str = "unknown";

/// Finds the riskiest environment in play.
pub(crate) fn measure<'a>(subject: &ScoringInput<'a>) -> Environment<'a> {
    let governance = &subject.rules.governance;
    let creates = subject.effect() == Some(Effect::Create);
    let no_effect = subject.effect() == Some(Effect::None);
    let proposed = proposed(subject, creates);
    let mut worst = None;
    let mut from_elsewhere = subject.targets.is_empty();
    if subject.targets.is_empty() && !no_effect {
        keep_worse(&mut worst, unknown(Origin::Nowhere));
    }
    for (name, known) in &subject.targets {
        let Some(known) = known else {
            from_elsewhere = true;
            if !creates {
                keep_worse(&mut worst, unknown(Origin::UnknownTarget(name)));
            }
            continue;
        };
        let by_file = named(&known.environment, Origin::File(name), governance);
        from_elsewhere |= !is_known_production(&by_file);
        keep_worse(&mut worst, by_file);
        if let Some(value) = known.parameters.get(&governance.environment_parameter) {
            let by_parameter = of_value(value, Origin::Parameter(name), governance);
            from_elsewhere |= !is_known_production(&by_parameter);
            keep_worse(&mut worst, by_parameter);
        }
    }
    let into_production = proposed.as_ref().is_some_and(|p| p.points >= 100);
    if let Some(proposed) = proposed {
        keep_worse(&mut worst, proposed);
    }
    let worst = worst.unwrap_or(Candidate {
        name: "",
        points: 0,
        known: true,
        origin: Origin::Nowhere,
    });
    Environment {
        points: Score::points(if no_effect { 0 } else { worst.points }),
        name: worst.name,
        production: worst.points >= 100,
        to_production: into_production && from_elsewhere,
        origin: worst.origin,
        no_effect,
    }
}

/// Every environment that a target is in, or would be in; none where one is not known.
pub(crate) fn in_play<'a>(subject: &ScoringInput<'a>) -> Option<BTreeSet<&'a str>> {
    let governance = &subject.rules.governance;
    let creates = subject.effect() == Some(Effect::Create);
    let mut all = BTreeSet::new();
    for (_, known) in &subject.targets {
        match known {
            Some(known) => {
                for name in known.environments(governance) {
                    all.insert(name?);
                }
            }
            None if creates => {}
            None => return None,
        }
    }
    if let Some(proposed) = proposed(subject, creates) {
        all.insert(Some(proposed.name).filter(|_| proposed.known)?);
    }
    Some(all)
}

/// The environment that the targets would be in afterwards, where the proposal changes it.
fn proposed<'a>(subject: &ScoringInput<'a>, creates: bool) -> Option<Candidate<'a>> {
    let governance = &subject.rules.governance;
    let parameter = &governance.environment_parameter;
    match subject.proposed(parameter) {
        Some(value) if creates && value.is_null() => Some(unknown(Origin::NotProposed)),
        Some(value) if subject.differs(parameter, value) => {
            Some(of_value(value, Origin::Proposed, governance))
        }
        Some(_) => None,
        None if creates => Some(unknown(Origin::NotProposed)),
        None => None,
    }
}

/// The first of the riskiest stays, but what is unknown goes before what is known to be as risky.
fn keep_worse<'a>(worst: &mut Option<Candidate<'a>>, other: Candidate<'a>) {
    let rank = |candidate: &Candidate<'_>| (candidate.points, !candidate.known);
    if worst
        .as_ref()
        .is_none_or(|worst| rank(&other) > rank(worst))
    {
        *worst = Some(other);
    }
}

const fn is_known_production(candidate: &Candidate<'_>) -> bool {
    candidate.known && candidate.points >= 100
}

const fn unknown(origin: Origin<'_>) -> Candidate<'_> {
    Candidate {
        name: UNKNOWN,
        points: 100,
        known: false,
        origin,
    }
}

fn of_value<'a>(value: &'a Value, origin: Origin<'a>, governance: &Governance) -> Candidate<'a> {
    match value.text() {
        Some(name) => named(name, origin, governance),
        None => unknown(origin),
    }
}

fn named<'a>(name: &'a str, origin: Origin<'a>, governance: &Governance) -> Candidate<'a> {
    Candidate {
        name,
        points: governance.environment_points(name),
        known: governance.environments.contains_key(name),
        origin,
    }
}

impl Environment<'_> {
    /// The factor's share of the score, and why.
    pub(crate) fn factor(&self, governance: &Governance) -> FactorScore {
        let source = match self.origin {
            Origin::File(target) | Origin::Parameter(target) | Origin::UnknownTarget(target) => {
                format!("targets/{target}.yaml")
            }
            Origin::Proposed | Origin::NotProposed | Origin::Nowhere => RECOMMENDATION.to_owned(),
        };
        let input = match self.origin {
            Origin::Nowhere => "no target".to_owned(),
            _ => crate::risk::words::shown(self.name),
        };
        FactorText {
            name: "environment",
            input,
            source,
            reason: self.reason(governance),
        }
        .with(self.points, governance.weights.environment)
    }

    fn reason(&self, governance: &Governance) -> String {
        if self.no_effect {
            return "the action has no effect on its targets".to_owned();
        }
        let counts = "which counts as production";
        match self.origin {
            Origin::Nowhere => format!("no target is named, {counts}"),
            Origin::UnknownTarget(_) => format!("the target does not exist on main, {counts}"),
            Origin::NotProposed => format!(
                "{} does not name the new target's environment, {counts}",
                governance.environment_parameter
            ),
            _ if !governance.environments.contains_key(self.name) => {
                format!("not an environment of rules/governance.yaml, {counts}")
            }
            origin => {
                let words = match governance.environment_points(self.name) {
                    100.. => "counts as production".to_owned(),
                    points => format!("counts {points} points"),
                };
                match origin {
                    Origin::Proposed => format!("{words}, where the proposal moves it"),
                    Origin::Parameter(_) => {
                        format!("{words}, by {}", governance.environment_parameter)
                    }
                    _ => words,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::documents::FactorScore;
    use crate::risk::fixtures::{example, recommend, rules, situation, target};
    use crate::risk::{RiskContext, assess};

    fn environment(
        action: &str,
        targets: &str,
        mode: Option<&str>,
        situation: &RiskContext,
    ) -> FactorScore {
        let changes: Vec<(&str, &str)> = mode
            .map(|mode| ("trading_mode", mode))
            .into_iter()
            .collect();
        let assessment = assess(&recommend(action, targets, &changes), situation, rules());
        assessment
            .factors
            .into_iter()
            .next()
            .unwrap_or_else(|| unreachable!())
    }

    fn said(factor: &FactorScore) -> String {
        format!(
            "{} {} ({}): {}",
            factor.points, factor.input, factor.source, factor.reason
        )
    }

    #[test]
    fn it_is_the_highest_of_the_targets() {
        let modify = |targets| said(&environment("modify_parameters", targets, None, &example()));
        assert_eq!(
            modify("draft"),
            "0.00 inactive (targets/draft.yaml): counts 0 points"
        );
        assert_eq!(
            modify("draft paper"),
            "50.00 paper (targets/paper.yaml): counts 50 points"
        );
        assert_eq!(
            modify("draft live paper"),
            "100.00 live (targets/live.yaml): counts as production"
        );
    }

    #[test]
    fn where_file_and_parameter_disagree_the_riskier_counts() {
        let known = situation(&[
            ("a", target("inactive", "trading_mode=live")),
            ("b", target("live", "trading_mode=inactive")),
        ]);
        let modify = |targets| said(&environment("modify_parameters", targets, None, &known));
        assert_eq!(
            modify("a"),
            "100.00 live (targets/a.yaml): counts as production, by trading_mode"
        );
        assert_eq!(
            modify("b"),
            "100.00 live (targets/b.yaml): counts as production"
        );
    }

    #[test]
    fn a_claim_only_raises() {
        let modify = |targets, mode| {
            said(&environment(
                "modify_parameters",
                targets,
                Some(mode),
                &example(),
            ))
        };
        assert_eq!(
            modify("live", "inactive"),
            "100.00 live (targets/live.yaml): counts as production"
        );
        assert_eq!(
            modify("draft", "paper"),
            "50.00 paper (recommendation.yaml): counts 50 points, where the proposal moves it"
        );
        assert_eq!(
            modify("paper", "paper"),
            "50.00 paper (targets/paper.yaml): counts 50 points"
        );
    }

    #[test]
    fn what_is_unknown_counts_as_production() {
        let all = |action, targets, mode| said(&environment(action, targets, mode, &example()));
        assert_eq!(
            all("modify_parameters", "draft nowhere", None),
            "100.00 unknown (targets/nowhere.yaml): the target does not exist on main, which counts as production"
        );
        let odd = "not an environment of rules/governance.yaml, which counts as production";
        assert_eq!(
            all("modify_parameters", "draft", Some("moon")),
            format!("100.00 moon (recommendation.yaml): {odd}")
        );
        for value in ["1", "true", "[1]", "null"] {
            let shown = all("modify_parameters", "draft", Some(value));
            assert_eq!(
                shown,
                format!("100.00 unknown (recommendation.yaml): {odd}"),
                "{value}"
            );
        }
        let known = situation(&[("a", target("moon", "")), ("b", target("live", ""))]);
        assert!(
            said(&environment("modify_parameters", "b a", None, &known)).starts_with("100.00 moon")
        );
        assert_eq!(
            all("modify_parameters", "", None),
            "100.00 no target (recommendation.yaml): no target is named, which counts as production"
        );
    }

    #[test]
    fn a_new_target_runs_where_the_proposal_says() {
        let create = |mode| said(&environment("create_strategy", "fresh", mode, &example()));
        assert!(create(Some("inactive")).starts_with("0.00 inactive (recommendation.yaml)"));
        assert!(create(Some("live")).starts_with("100.00 live"));
        let unnamed = "100.00 unknown (recommendation.yaml): trading_mode does not name the new target's environment, which counts as production";
        assert_eq!(create(None), unnamed);
        assert_eq!(create(Some("null")), unnamed);
    }

    #[test]
    fn an_action_without_effect_counts_nothing() {
        let analyze = |targets| said(&environment("analyze", targets, None, &example()));
        assert_eq!(
            analyze("live"),
            "0.00 live (targets/live.yaml): the action has no effect on its targets"
        );
        assert_eq!(
            analyze(""),
            "0.00 no target (recommendation.yaml): the action has no effect on its targets"
        );
    }
}
