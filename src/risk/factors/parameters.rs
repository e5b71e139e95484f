//! The parameters factor: how unusual the new values are.
//!
//! **Input** is each entry of `changes` that differs from the present value on at least one target;
//! an entry that changes nothing is no risk and hides none. **Source** is the guidance in
//! `rules/parameters.yaml`: the first tier that holds the new value, and how far it moves where the guidance has
//! `change`; of a list what is added and removed, of a mapping each part that differs. **Points** are those of the
//! tier (conservative 0, moderate 50, aggressive 75, beyond 100 as shipped); a parameter without
//! guidance and one that is removed count as beyond. Where the guidance differs by target the worst counts.
//! `aggregate` in `rules/governance.yaml` makes
//! one number of them: `max` as shipped, because one extreme value must not hide among harmless
//! ones, or `mean` as in the framework. A mapping is one entry with the tier of its worst part, so that parts hide
//! nothing in a mean. **Weight** is `weights.parameters` (30 as shipped).
//! *Framework: "Parameter Extremity".*

mod finding;
mod part;
mod places;

use std::cell::OnceCell;
use std::fmt::Write as _;

use super::{FactorText, RECOMMENDATION};
use crate::domain::documents::FactorScore;
use crate::domain::ids::ParameterName;
use crate::domain::level::Score;
use crate::domain::value::Value;
use crate::risk::subject::ScoringInput;
use crate::risk::words::shown;
use crate::rules::governance::{Aggregate, Governance, TierPoints};
use crate::rules::parameters::{Guidance, PATH, Tier};
pub(crate) use finding::ListChange;
pub(crate) use part::{Part, baseline_of, part_of, present_value};

/// One parameter that changes.
#[derive(Clone)]
pub(crate) struct Change<'a> {
    pub(crate) name: &'a ParameterName,
    pub(crate) value: &'a Value,
    pub(crate) guidance: Option<&'a Guidance>,
    pub(crate) tier: Tier,
    /// The parameter itself, or each part of a mapping that differs; never empty.
    pub(crate) parts: Vec<Part<'a>>,
}

impl Change<'_> {
    /// Whether it puts a value past its extreme threshold.
    pub(crate) fn is_extreme(&self) -> bool {
        self.parts.iter().any(|part| part.extreme)
    }

    /// Whether it puts a value more than two standard deviations from the mean.
    pub(crate) fn is_deviant(&self) -> bool {
        self.parts.iter().any(|part| part.deviant)
    }

    /// Whether there is no guidance for anything of it.
    pub(crate) fn is_unknown(&self) -> bool {
        self.parts.iter().any(|part| part.guidance.is_none())
    }
}

/// All parameters that change.
pub(crate) struct Parameters<'a> {
    /// Points of the factor.
    pub(crate) points: Score,
    /// In the order of their names.
    pub(crate) changed: Vec<Change<'a>>,
}

/// The points of a tier.
pub(crate) const fn points_of(tier: Tier, points: TierPoints) -> u32 {
    match tier {
        Tier::Conservative => points.conservative,
        Tier::Moderate => points.moderate,
        Tier::Aggressive => points.aggressive,
        Tier::Beyond => points.beyond,
    }
}

/// Finds what changes, and how unusual it is.
pub(crate) fn measure<'a>(subject: &ScoringInput<'a>) -> Parameters<'a> {
    let governance = &subject.rules.governance;
    let changed = subject
        .changes
        .iter()
        .filter(|(name, value)| subject.differs(name, value));
    let places = OnceCell::new();
    let changed: Vec<Change<'a>> = changed
        .map(|(name, value)| measure_at(subject, &places, name, value))
        .collect();
    let points = changed
        .iter()
        .map(|change| points_of(change.tier, governance.tiers));
    let points = match governance.aggregate {
        Aggregate::Mean if !subject.targets.is_empty() => {
            Score::mean(&points.map(Score::points).collect::<Vec<_>>())
        }
        // Where no target is named, nobody knows what is harmless because it is so already.
        Aggregate::Mean | Aggregate::Max => Score::points(points.max().unwrap_or(0)),
    };
    Parameters { points, changed }
}

/// How unusual one value would be.
pub(crate) fn measure_change<'a>(
    subject: &ScoringInput<'a>,
    name: &'a ParameterName,
    value: &'a Value,
) -> Change<'a> {
    measure_at(subject, &OnceCell::new(), name, value)
}

fn measure_at<'a>(
    subject: &ScoringInput<'a>,
    places: &OnceCell<Vec<places::Place<'a>>>,
    name: &'a ParameterName,
    value: &'a Value,
) -> Change<'a> {
    let guidance = subject.rules.parameters.get(name);
    let parts = match guidance {
        Some(guidance) if part::depends_on_target(guidance) => {
            let places = places.get_or_init(|| places::places_of(subject));
            part::parts_of(subject, places, name, value)
        }
        _ => vec![Part::everywhere(name, value, guidance)],
    };
    let tiers = parts.iter().map(|part| part.finding.tier);
    Change {
        name,
        value,
        guidance,
        tier: tiers.max().unwrap_or(Tier::Beyond),
        parts,
    }
}

impl<'a> Parameters<'a> {
    /// The factor's share of the score, and why.
    pub(crate) fn factor(&self, governance: &Governance) -> FactorScore {
        let parts: Vec<&Part<'a>> = self
            .changed
            .iter()
            .flat_map(|change| &change.parts)
            .collect();
        // The first of the most unusual.
        let worst = parts.iter().rev().max_by_key(|part| part.finding.tier);
        let (source, reason) = match worst {
            None => (RECOMMENDATION, "nothing changes".to_owned()),
            Some(worst) => (PATH, self.reason(worst, parts.len(), governance.aggregate)),
        };
        FactorText {
            name: "parameters",
            input: input(&parts, worst.copied()),
            source: source.to_owned(),
            reason,
        }
        .with(self.points, governance.weights.parameters)
    }

    fn reason(&self, worst: &Part<'_>, parts: usize, aggregate: Aggregate) -> String {
        let mut reason = worst.reason();
        // Writing to a string cannot fail.
        let _ = match (aggregate, parts, self.changed.len()) {
            (Aggregate::Max, 0 | 1, _) | (Aggregate::Mean, _, 0 | 1) => Ok(()),
            (Aggregate::Max, count, _) => {
                write!(reason, "; the riskiest of {count} changes counts")
            }
            (Aggregate::Mean, _, count) => write!(reason, "; the mean of {count} changes counts"),
        };
        reason
    }
}

/// The most unusual first, because a long list is cut.
fn input(parts: &[&Part<'_>], worst: Option<&Part<'_>>) -> String {
    const MOST: usize = 5;
    let Some(worst) = worst else {
        return "no change".to_owned();
    };
    let mut input = String::with_capacity(32);
    let others = parts.iter().copied().filter(|part| part.path != worst.path);
    for (index, part) in std::iter::once(worst).chain(others).take(MOST).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(input, "{separator}{}: {}", shown(&part.path), part.value);
        if let Some(unit) = part.unit() {
            let _ = write!(input, " {unit}");
        }
    }
    if parts.len() > MOST {
        let _ = write!(input, " and {} more", parts.len() - MOST);
    }
    input
}

#[cfg(test)]
mod tests {
    use crate::risk::assess;
    use crate::risk::fixtures::{example, recommend, rules, rules_with};
    use crate::rules::Rules;

    fn parameters(action: &str, targets: &str, changes: &[(&str, &str)], rules: &Rules) -> String {
        let assessment = assess(&recommend(action, targets, changes), &example(), rules);
        let factor = assessment
            .factors
            .into_iter()
            .nth(1)
            .unwrap_or_else(|| unreachable!());
        format!(
            "{} {} ({}): {}",
            factor.points, factor.input, factor.source, factor.reason
        )
    }

    fn modify(changes: &[(&str, &str)]) -> String {
        parameters("modify_parameters", "draft", changes, rules())
    }

    #[test]
    fn each_tier_has_its_points() {
        let cases = [
            ("0.5", "0.00", "conservative"),
            ("3.0001", "50.00", "moderate"),
            ("5", "50.00", "moderate"),
            ("10", "75.00", "aggressive"),
            ("10.01", "100.00", "beyond all tiers"),
            ("0.49", "100.00", "beyond all tiers"),
            ("-1", "100.00", "beyond all tiers"),
            ("tight", "100.00", "beyond all tiers"),
            ("true", "100.00", "beyond all tiers"),
        ];
        for (value, points, tier) in cases {
            let expected = format!(
                "{points} stop_loss_pct: {value} (rules/parameters.yaml): stop_loss_pct {value} is {tier}"
            );
            assert_eq!(modify(&[("stop_loss_pct", value)]), expected);
        }
    }

    #[test]
    fn what_is_unknown_or_removed_is_beyond() {
        assert_eq!(
            modify(&[("warp", "1")]),
            "100.00 warp: 1 (rules/parameters.yaml): warp has no guidance, which counts as beyond all tiers"
        );
        assert_eq!(
            modify(&[("stop_loss_pct", "null")]),
            "100.00 stop_loss_pct: (none) (rules/parameters.yaml): stop_loss_pct is removed, which counts as beyond all tiers"
        );
        assert_eq!(
            modify(&[("leverage", "null")]),
            "0.00 no change (recommendation.yaml): nothing changes"
        );
        let unknown_target = parameters(
            "modify_parameters",
            "nowhere",
            &[("leverage", "null")],
            rules(),
        );
        assert!(unknown_target.starts_with("100.00"));
    }

    #[test]
    fn what_is_so_already_does_not_count() {
        assert_eq!(
            modify(&[("stop_loss_pct", "3")]),
            "0.00 no change (recommendation.yaml): nothing changes"
        );
        let same_on_one = parameters(
            "modify_parameters",
            "draft paper",
            &[("trading_mode", "paper")],
            rules(),
        );
        assert_eq!(
            same_on_one,
            "0.00 trading_mode: paper (rules/parameters.yaml): trading_mode paper is conservative"
        );
    }

    #[test]
    fn harmless_changes_hide_nothing_unless_the_rules_take_the_mean() {
        let changes = [
            ("leverage", "50"),
            ("position_size_pct", "1"),
            ("stop_loss_pct", "2"),
        ];
        assert_eq!(
            modify(&changes),
            "100.00 leverage: 50, position_size_pct: 1, stop_loss_pct: 2 (rules/parameters.yaml): \
             leverage 50 is beyond all tiers; the riskiest of 3 changes counts"
        );
        let mean = rules_with(&[("aggregate: max", "aggregate: mean")]);
        let mean = parameters("modify_parameters", "draft", &changes, &mean);
        assert!(
            mean.starts_with("33.33 ") && mean.ends_with("the mean of 3 changes counts"),
            "{mean}"
        );
    }

    #[test]
    fn a_new_target_changes_everything_it_names() {
        let create =
            |changes: &[(&str, &str)]| parameters("create_strategy", "fresh", changes, rules());
        assert!(create(&[("stop_loss_pct", "3")]).starts_with("0.00 stop_loss_pct: 3"));
        assert!(
            create(&[("stop_loss_pct", "4"), ("leverage", "null")])
                .starts_with("50.00 stop_loss_pct: 4 (")
        );
    }
}
