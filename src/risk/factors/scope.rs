//! The scope factor: how much is acted on at once.
//!
//! **Input** is the number of targets that the recommendation names. **Points** come from
//! `points.scope` in `rules/governance.yaml`: one target 0, several 50, and 100 from `bulk_at`
//! targets on (10 as shipped). An action with an effect that names no target may act on any number:
//! it counts as bulk. **Weight** is `weights.scope` (20 as shipped).
//! *Framework: "Scope".*

use super::{FactorText, RECOMMENDATION};
use crate::domain::documents::FactorScore;
use crate::domain::level::Score;
use crate::risk::subject::ScoringInput;
use crate::rules::actions::Effect;
use crate::rules::governance::Governance;

pub(crate) struct Scope {
    /// Points of the factor.
    pub(crate) points: Score,
    pub(crate) count: usize,
    /// Whether that is bulk.
    pub(crate) bulk: bool,
}

pub(crate) fn measure(subject: &ScoringInput<'_>) -> Scope {
    let governance = &subject.rules.governance;
    let count = subject.targets.len();
    let is_unknown = count == 0 && subject.effect() != Some(Effect::None);
    let bulk =
        is_unknown || usize::try_from(governance.bulk_at).is_ok_and(|bulk_at| count >= bulk_at);
    let points = match count {
        _ if bulk => governance.scope.bulk,
        0 | 1 => governance.scope.single,
        _ => governance.scope.several,
    };
    Scope {
        points: Score::points(points),
        count,
        bulk,
    }
}

impl Scope {
    /// The factor's share of the score, and why.
    pub(crate) fn factor(&self, governance: &Governance) -> FactorScore {
        let input = match self.count {
            0 => "no target".to_owned(),
            1 => "1 target".to_owned(),
            count => format!("{count} targets"),
        };
        let reason = match self.count {
            0 if self.bulk => "no target is named, which counts as bulk".to_owned(),
            _ if self.bulk => format!("bulk operation, {} targets or more", governance.bulk_at),
            0 => "nothing is acted on".to_owned(),
            1 => "single entity".to_owned(),
            _ => "multiple entities".to_owned(),
        };
        FactorText {
            name: "scope",
            input,
            source: RECOMMENDATION.to_owned(),
            reason,
        }
        .with(self.points, governance.weights.scope)
    }
}

#[cfg(test)]
mod tests {
    use crate::risk::assess;
    use crate::risk::fixtures::{example, many, recommend, rules, target};

    #[test]
    fn what_acts_on_something_unnamed_counts_as_bulk() {
        for action in ["modify_parameters", "create_strategy", "delete_strategy"] {
            let assessment = assess(&recommend(action, "", &[]), &example(), rules());
            let factor = assessment.factors.get(2).unwrap_or_else(|| unreachable!());
            assert_eq!(
                format!("{} {}: {}", factor.points, factor.input, factor.reason),
                "100.00 no target: no target is named, which counts as bulk"
            );
        }
    }

    #[test]
    fn it_counts_targets() {
        let cases = [
            (0, "0.00 no target: nothing is acted on"),
            (1, "0.00 1 target: single entity"),
            (2, "50.00 2 targets: multiple entities"),
            (9, "50.00 9 targets: multiple entities"),
            (10, "100.00 10 targets: bulk operation, 10 targets or more"),
        ];
        for (count, expected) in cases {
            let (situation, names) = many(count, &target("inactive", ""));
            let assessment = assess(&recommend("analyze", &names, &[]), &situation, rules());
            let factor = assessment.factors.get(2).unwrap_or_else(|| unreachable!());
            assert_eq!(
                format!("{} {}: {}", factor.points, factor.input, factor.reason),
                expected
            );
            assert_eq!(factor.weight, 20);
        }
    }
}
