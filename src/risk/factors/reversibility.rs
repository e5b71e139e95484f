//! The reversibility factor: how hard the action is to undo.
//!
//! **Input** is the action type's `reversibility` in `rules/actions.yaml`; nothing that the agent
//! writes changes it. **Points** come from `points.reversibility` in `rules/governance.yaml`: easy
//! 0, effort 50, irreversible 100. An action that the rules do not list counts as irreversible; one
//! without effect counts 0. **Weight** is `weights.reversibility` (10 as shipped).
//! *Framework: "Reversibility".*

use super::FactorText;
use crate::domain::documents::FactorScore;
use crate::domain::ids::ActionName;
use crate::domain::level::Score;
use crate::risk::subject::ScoringInput;
use crate::rules::actions::{Effect, PATH, Reversibility as Kind};
use crate::rules::governance::Governance;

/// How hard the action is to undo.
pub(crate) struct Reversibility<'a> {
    /// Points of the factor.
    pub(crate) points: Score,
    kind: Option<Kind>,
    no_effect: bool,
    action: &'a ActionName,
}

/// Looks the action up.
pub(crate) fn measure<'a>(subject: &ScoringInput<'a>) -> Reversibility<'a> {
    let points = subject.rules.governance.reversibility;
    let kind = subject.action_type.map(|action| action.reversibility);
    let no_effect = subject.effect() == Some(Effect::None);
    let points = match kind {
        _ if no_effect => 0,
        Some(Kind::Easy) => points.easy,
        Some(Kind::Effort) => points.effort,
        Some(Kind::Irreversible) | None => points.irreversible,
    };
    Reversibility {
        points: Score::points(points),
        kind,
        no_effect,
        action: subject.action,
    }
}

impl Reversibility<'_> {
    /// The factor's share of the score, and why.
    pub(crate) fn factor(&self, governance: &Governance) -> FactorScore {
        let action = self.action;
        let reason = match self.kind {
            _ if self.no_effect => format!("{action} has no effect to reverse"),
            None => format!("{action} is not listed, which counts as irreversible"),
            Some(Kind::Easy) => format!("{action} is easily reversible"),
            Some(Kind::Effort) => format!("{action} takes effort to reverse"),
            Some(Kind::Irreversible) => format!("{action} is irreversible"),
        };
        FactorText {
            name: "reversibility",
            input: self.kind.map_or("unknown", Kind::as_str).to_owned(),
            source: PATH.to_owned(),
            reason,
        }
        .with(self.points, governance.weights.reversibility)
    }
}

#[cfg(test)]
mod tests {
    use crate::risk::assess;
    use crate::risk::fixtures::{example, recommend, rules};

    #[test]
    fn it_is_the_action_s() {
        let cases = [
            (
                "modify_parameters",
                "0.00 easy: modify_parameters is easily reversible",
            ),
            ("optimize", "50.00 effort: optimize takes effort to reverse"),
            (
                "delete_strategy",
                "100.00 irreversible: delete_strategy is irreversible",
            ),
            (
                "teleport",
                "100.00 unknown: teleport is not listed, which counts as irreversible",
            ),
            ("analyze", "0.00 easy: analyze has no effect to reverse"),
        ];
        for (action, expected) in cases {
            let assessment = assess(&recommend(action, "draft", &[]), &example(), rules());
            let factor = assessment.factors.get(3).unwrap_or_else(|| unreachable!());
            assert_eq!(
                format!("{} {}: {}", factor.points, factor.input, factor.reason),
                expected
            );
            assert_eq!(factor.source, "rules/actions.yaml");
        }
    }
}
