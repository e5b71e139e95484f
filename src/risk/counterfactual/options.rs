//! The edits that might lower the risk: candidates only, none of them is believed until scored.

use rust_decimal::Decimal;

use crate::domain::ids::{ParameterName, TargetName};
use crate::domain::value::{Number, Value};
use crate::risk::factors::parameters::Change;
use crate::risk::risk_context::KnownTarget;
use crate::risk::score::Measured;
use crate::risk::subject::ScoringInput;
use crate::risk::triggers;
use crate::rules::actions::Effect;
use crate::rules::governance::{Aggregate, Governance};
use crate::rules::parameters::{Guidance, Tier, Values};

/// What becomes of one entry of `changes`; none leaves it out.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Edit<'v> {
    pub(super) name: &'v ParameterName,
    pub(super) becomes: Option<&'v Value>,
    /// How far that is from what was proposed.
    pub(super) cost: u32,
}

/// Leaving a change out is further from the proposal than any milder value.
const COST_OF_LEAVING_OUT: u32 = 4;
/// How many changes are tried to be left out, or lowered, one by one.
const MOST_SINGLE: usize = 8;
/// How far a chain of rehearsals is followed.
pub const MOST_REHEARSALS: usize = 4;
/// How many targets are tried alone: on the mildest the change may be none.
const MOST_SINGLE_TARGETS: usize = 4;

/// Where in a tier a value is looked for. A bound may be what the targets have already, or what a
/// condition of somebody's own still objects to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// As near to the proposed value as the tier reaches.
    Nearest,
    /// The nearest round number inside the tier.
    Inside,
    Middle,
    /// The bound on the other side.
    Farthest,
}

impl Place {
    /// How much further from the proposal it is than the nearest value of the tier.
    const fn cost(self) -> u32 {
        match self {
            Self::Nearest => 0,
            Self::Inside => 2,
            Self::Middle => 3,
            Self::Farthest => 4,
        }
    }
}

/// One changed parameter and its milder values.
pub(super) struct Row<'a> {
    change: Change<'a>,
    /// Whether a shipped kind of trigger looks at its value: extreme, deviant, safety control off.
    flagged: bool,
    /// Values of at most a tier, with their cost, as far as there are any.
    milder: Vec<(Tier, Place, Value, u32)>,
}

/// The values that are looked for: under each cap the nearest and one inside, and of the mildest all.
const LOOKED_FOR: [(Tier, Place); 10] = [
    (Tier::Beyond, Place::Nearest),
    (Tier::Aggressive, Place::Nearest),
    (Tier::Moderate, Place::Nearest),
    (Tier::Conservative, Place::Nearest),
    (Tier::Beyond, Place::Inside),
    (Tier::Aggressive, Place::Inside),
    (Tier::Moderate, Place::Inside),
    (Tier::Conservative, Place::Inside),
    (Tier::Conservative, Place::Middle),
    (Tier::Conservative, Place::Farthest),
];

/// The rows of everything that changes, except the environment.
pub(super) fn rows<'a>(subject: &ScoringInput<'a>, measured: &Measured<'a>) -> Vec<Row<'a>> {
    let environment = &subject.rules.governance.environment_parameter;
    let changed = measured.parameters.changed.iter();
    changed
        .filter(|change| change.name != environment)
        .map(|change| Row {
            change: *change,
            flagged: triggers::is_extreme(change)
                || triggers::is_deviant(change)
                || triggers::switches_off(subject, change),
            milder: LOOKED_FOR
                .into_iter()
                .filter_map(|(cap, place)| {
                    let (value, cost) = milder(change, cap, place)?;
                    Some((cap, place, value, cost))
                })
                .collect(),
        })
        .collect()
}

impl<'a> Row<'a> {
    fn leave_out(&self) -> Edit<'_> {
        Edit {
            name: self.change.name,
            becomes: None,
            cost: COST_OF_LEAVING_OUT,
        }
    }

    /// A value of at most this tier: the one at this place where there is one, else the nearest.
    fn at_most(&self, cap: Tier, place: Place) -> Edit<'_> {
        let at = |wanted: Place| {
            let mut found = self.milder.iter();
            found.find(|(of, place, ..)| *of == cap && *place == wanted)
        };
        match at(place).or_else(|| at(Place::Nearest)) {
            Some((.., value, cost)) => Edit {
                name: self.change.name,
                becomes: Some(value),
                cost: *cost,
            },
            None => self.leave_out(),
        }
    }
}

/// The value of at most this tier at this place of it that is neither extreme nor deviant, and how far
/// it is from what was proposed.
fn milder(change: &Change<'_>, cap: Tier, place: Place) -> Option<(Value, u32)> {
    // These two names mean something else among the edits, so such a parameter is only left out.
    if super::RESERVED.contains(&change.name.as_str()) {
        return None;
    }
    let guidance = change.guidance?;
    // What is no number at all is near to the usual value; what is removed is near to nothing.
    let number = match change.value {
        Value::Null => None,
        Value::Number(number) => Some(number.decimal()),
        _ => Some(guidance.spread.map_or(Decimal::ZERO, |(mean, _)| mean)),
    };
    let (low, high) = usual(guidance);
    let mut best: Option<(Decimal, Decimal)> = None;
    let mut consider = |from: Option<Decimal>, to: Option<Decimal>| {
        let (Some(number), low, high) = (number, from.max(low), least(to, high)) else {
            return;
        };
        if low.zip(high).is_some_and(|(low, high)| low > high) {
            return;
        }
        let value = match (place, low.zip(high)) {
            (Place::Nearest, _) => {
                let value = low.map_or(number, |low| number.max(low));
                Some(high.map_or(value, |high| value.min(high)))
            }
            (_, Some((low, high))) => within(number, low, high, place),
            (_, None) => None,
        };
        let Some((value, away)) = value.and_then(|value| {
            let away = value.checked_sub(number)?;
            Some((value, away.abs()))
        }) else {
            return;
        };
        if best.is_none_or(|(_, least)| away < least) {
            best = Some((value, away));
        }
    };
    if cap == Tier::Beyond {
        consider(None, None);
    }
    let mut named = None;
    for (_, values) in guidance.tiers.iter().filter(|(tier, _)| *tier <= cap) {
        match values {
            Values::Range(from, to) => consider(Some(*from), Some(*to)),
            Values::AnyOf(values) => {
                let kept = |value: &&Value| {
                    let off = guidance.safety_control && **value == Value::Bool(false);
                    !value.is_null() && !off
                };
                named = named
                    .or_else(|| values.iter().find(kept))
                    .filter(|_| place == Place::Nearest);
            }
        }
    }
    let value = match (best, named) {
        (Some((value, _)), _) => Value::Number(exact(value)?),
        (None, Some(value)) => value.clone(),
        (None, None) => return None,
    };
    let fits =
        value != *change.value && !guidance.is_extreme(&value) && !guidance.is_deviant(&value);
    let tier = guidance.tier_of(&value);
    let cost = (change.tier as u32).saturating_sub(tier as u32) + place.cost();
    (fits && tier <= cap).then_some((value, cost))
}

/// The value at this place between two bounds, for a number outside of them.
fn within(number: Decimal, low: Decimal, high: Decimal, place: Place) -> Option<Decimal> {
    let span = high.checked_sub(low)?;
    if span.is_zero() || (low < number && number < high) {
        return None;
    }
    let is_above = number >= high;
    match place {
        Place::Nearest => Some(if is_above { high } else { low }),
        Place::Farthest => Some(if is_above { low } else { high }),
        Place::Middle => low.checked_add(span.checked_div(Decimal::TWO)?),
        Place::Inside => {
            let step = round_step(span.checked_div(Decimal::TWO)?)?;
            let steps = if is_above {
                high.checked_div(step)?.ceil().checked_sub(Decimal::ONE)?
            } else {
                low.checked_div(step)?.floor().checked_add(Decimal::ONE)?
            };
            let value = steps.checked_mul(step)?;
            (low < value && value < high).then_some(value)
        }
    }
}

/// The largest power of ten that is not above this.
fn round_step(most: Decimal) -> Option<Decimal> {
    let mut step = Decimal::ONE;
    while step > most {
        step = step.checked_div(Decimal::TEN)?;
        if step.is_zero() {
            return None;
        }
    }
    loop {
        let larger = step.checked_mul(Decimal::TEN)?;
        if larger > most {
            return Some(step);
        }
        step = larger;
    }
}

/// The bounds that neither the extreme thresholds nor the two standard deviations reach past.
fn usual(guidance: &Guidance) -> (Option<Decimal>, Option<Decimal>) {
    let spread = guidance.spread.and_then(|(mean, deviation)| {
        let twice = deviation.checked_mul(Decimal::TWO)?;
        Some((mean.checked_sub(twice)?, mean.checked_add(twice)?))
    });
    (
        guidance.extreme_below.max(spread.map(|(low, _)| low)),
        least(guidance.extreme_above, spread.map(|(_, high)| high)),
    )
}

/// The lower of two bounds, where none is no bound.
fn least(a: Option<Decimal>, b: Option<Decimal>) -> Option<Decimal> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (bound, None) | (None, bound) => bound,
    }
}

fn exact(decimal: Decimal) -> Option<Number> {
    match i64::try_from(decimal) {
        Ok(whole) if decimal.is_integer() => Some(Number::from(whole)),
        _ => decimal.normalize().to_string().parse().ok(),
    }
}

/// What may become of the changes, beside keeping them: sets of edits, none twice.
///
/// With `max`, only bringing everything above a tier down to it helps. With `mean`, the riskiest
/// few may be enough. A condition of somebody's own may need any one change left out.
pub(super) fn plans<'v>(rows: &'v [Row<'_>], aggregate: Aggregate) -> Vec<Vec<Edit<'v>>> {
    let mut plans: Vec<Vec<Edit<'v>>> = vec![Vec::new()];
    let mut add = |plan: Vec<Edit<'v>>| {
        if !plans.contains(&plan) {
            plans.push(plan);
        }
    };
    for (cap, place) in LOOKED_FOR {
        for mend in [false, true] {
            let edited = rows
                .iter()
                .filter(|row| row.change.tier > cap || mend && row.flagged);
            add(edited.map(|row| row.at_most(cap, place)).collect());
        }
    }
    if aggregate == Aggregate::Mean {
        let mut riskiest: Vec<&Row<'_>> = rows.iter().collect();
        riskiest.sort_by_key(|row| std::cmp::Reverse((row.flagged, row.change.tier)));
        for count in 1..rows.len().min(MOST_SINGLE) {
            for cap in [Tier::Aggressive, Tier::Moderate, Tier::Conservative] {
                let edited = riskiest.iter().take(count);
                let edited = edited.filter(|row| row.flagged || row.change.tier > cap);
                add(edited.map(|row| row.at_most(cap, Place::Nearest)).collect());
            }
        }
    }
    for row in rows.iter().take(MOST_SINGLE) {
        add(vec![row.leave_out()]);
    }
    plans
}

/// The environments less risky than the proposed one, the nearest first, one for each number of
/// points: one that the guidance of the environment parameter lists, where it lists any.
pub(super) fn milder_environments(subject: &ScoringInput<'_>) -> Vec<Value> {
    let governance = &subject.rules.governance;
    let parameter = &governance.environment_parameter;
    let creates = subject.effect() == Some(Effect::Create);
    let proposed = match subject.proposed(parameter) {
        Some(value) if creates || subject.differs(parameter, value) => value
            .text()
            .map_or(100, |name| governance.environment_points(name)),
        None if creates => 100,
        _ => return Vec::new(),
    };
    let guidance = subject.rules.parameters.get(parameter);
    let is_listed = |name: &str| {
        guidance.is_some_and(|guidance| guidance.tier_of(&Value::from(name)) == Tier::Conservative)
    };
    let mut levels: Vec<u32> = governance.environments.values().copied().collect();
    levels.sort_unstable_by(|a, b| b.cmp(a));
    levels.dedup();
    let milder = levels.into_iter().filter(|points| *points < proposed);
    let named = milder.filter_map(|points| {
        let named = || {
            governance
                .environments
                .iter()
                .filter(move |(_, of)| **of == points)
        };
        let listed = named().find(|(name, _)| is_listed(name));
        listed
            .or_else(|| named().next())
            .map(|(name, _)| Value::from(name.as_str()))
    });
    named.collect()
}

/// What may become of the environment parameter: kept (none), set to a milder one, or left out.
pub(super) fn environment_edits<'v>(
    subject: &ScoringInput<'v>,
    milder: &'v [Value],
) -> Vec<Option<Edit<'v>>> {
    let name = &subject.rules.governance.environment_parameter;
    let mut edits = vec![None];
    if super::RESERVED.contains(&name.as_str()) {
        return edits;
    }
    edits.extend((1..).zip(milder).map(|(cost, value)| {
        Some(Edit {
            name,
            becomes: Some(value),
            cost,
        })
    }));
    let changes = subject.proposed(name).is_some();
    if changes && !milder.is_empty() && subject.effect() != Some(Effect::Create) {
        edits.push(Some(Edit {
            name,
            becomes: None,
            cost: COST_OF_LEAVING_OUT,
        }));
    }
    edits
}

/// What may become of the targets; none keeps them.
pub(super) struct TargetPlan<'a> {
    pub(super) targets: Option<Vec<&'a TargetName>>,
    pub(super) note: Option<&'static str>,
    pub(super) cost: u32,
}

/// The sets of targets that might be less risky, beside keeping them.
pub(super) fn target_plans<'a>(subject: &ScoringInput<'a>) -> Vec<TargetPlan<'a>> {
    let governance = &subject.rules.governance;
    let mut plans = vec![TargetPlan {
        targets: None,
        note: None,
        cost: 0,
    }];
    let mut add = |targets: Vec<&'a TargetName>, note, cost| {
        let same = |known: &&'a TargetName| targets.contains(known);
        let kept = targets.len() == subject.targets.len()
            && subject.targets.iter().all(|(name, _)| same(name));
        let is_known = plans
            .iter()
            .any(|plan| plan.targets.as_ref() == Some(&targets));
        if !targets.is_empty() && !kept && !is_known {
            plans.push(TargetPlan {
                targets: Some(targets),
                note: Some(note),
                cost,
            });
        }
    };
    let effect = subject.effect();
    if effect == Some(Effect::Create) {
        return plans;
    }
    let mut by_risk: Vec<(u32, &'a TargetName)> = subject
        .targets
        .iter()
        .map(|(name, known)| (points_of(*known, governance), *name))
        .collect();
    by_risk.sort_by_key(|(points, _)| *points);
    let mildest = || by_risk.iter().map(|(_, name)| *name);
    let most = usize::try_from(governance.bulk_at).unwrap_or(usize::MAX);
    if by_risk.len() >= most {
        add(
            mildest().take(most.saturating_sub(1)).collect(),
            "fewer targets than make it a bulk operation",
            1,
        );
    }
    let outside = by_risk.iter().filter(|(points, _)| *points < 100);
    add(
        outside.map(|(_, name)| *name).collect(),
        "only the targets outside production",
        2,
    );
    for name in mildest().take(MOST_SINGLE_TARGETS) {
        add(vec![name], "one target at a time", 3);
    }
    // Other targets are further from the proposal than the same targets with a change left out.
    if !matches!(effect, Some(Effect::None | Effect::Delete)) {
        let mut present: Vec<_> = subject.targets.iter().map(|(name, _)| *name).collect();
        for further in (0..).step_by(2).take(MOST_REHEARSALS) {
            let rehearsals = rehearsals(&present, subject);
            if rehearsals == present {
                break;
            }
            let is_named =
                |name: &&&TargetName| subject.targets.iter().any(|(own, _)| own == *name);
            let others = rehearsals.iter().filter(|name| !is_named(name));
            for name in others.take(MOST_SINGLE_TARGETS) {
                add(vec![*name], "on one rehearsal target first", 6 + further);
            }
            if rehearsals.len() > 1 {
                let all = rehearsals.clone();
                add(all, "on the rehearsal targets first", 5 + further);
            }
            present = rehearsals;
        }
    }
    plans
}

/// These targets with each replaced by its rehearsal, where that exists and is less risky.
fn rehearsals<'a>(of: &[&'a TargetName], subject: &ScoringInput<'a>) -> Vec<&'a TargetName> {
    let governance = &subject.rules.governance;
    let mut found = Vec::new();
    for name in of {
        let known = subject.situation.find_target(name);
        let own = points_of(known, governance);
        let rehearsal = known.and_then(|known| known.rehearsal.as_ref());
        let rehearsal = rehearsal.filter(|rehearsal| {
            let known = subject.situation.find_target(rehearsal);
            points_of(known, governance) < own
        });
        let name = rehearsal.unwrap_or(name);
        if !found.contains(&name) {
            found.push(name);
        }
    }
    // One that has a rehearsal is the one to begin with.
    found.sort_by_key(|name| points_of(subject.situation.find_target(name), governance));
    found
}

fn points_of(known: Option<&KnownTarget>, governance: &Governance) -> u32 {
    let Some(known) = known else {
        return 100;
    };
    let by_file = governance.environment_points(&known.environment);
    let by_parameter = known.parameters.get(&governance.environment_parameter);
    let by_parameter = by_parameter.map_or(0, |value| {
        value
            .text()
            .map_or(100, |name| governance.environment_points(name))
    });
    by_file.max(by_parameter)
}
