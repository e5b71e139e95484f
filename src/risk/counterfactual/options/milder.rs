//! Milder values of one change: bounds of tiers and of movements, points inside of them, lists with fewer new elements,
//! mappings with some parts as they were.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::Place;
use crate::domain::value::{Value, ValueType};
use crate::risk::counterfactual::RESERVED;
use crate::risk::factors::parameters::{
    Change, ListChange, Part, baseline_of, measure_change, part_of, present_value,
};
use crate::risk::subject::ScoringInput;
use crate::rules::parameters::{Elements, Tier, UsualValues, Values};

/// The value of at most this tier at this place of it that is neither extreme nor deviant, and how far
/// it is from what was proposed.
pub(super) fn find(
    subject: &ScoringInput<'_>,
    change: &Change<'_>,
    cap: Tier,
    place: Place,
) -> Option<(Value, u32)> {
    // These two names mean something else among the edits, so such a parameter is only left out.
    if RESERVED.contains(&change.name.as_str()) {
        return None;
    }
    let is_mapping = change.guidance?.value_type() == Some(ValueType::Mapping);
    let value = match (is_mapping, change.parts.as_slice()) {
        (false, [part]) => of_part(subject, change, part, At { cap, place }),
        _ if place == Place::Nearest => of_mapping(subject, change, cap),
        _ => None,
    }?;
    let judged = measure_change(subject, change.name, &value);
    let fits = value != *change.value && !judged.is_extreme() && !judged.is_deviant();
    let cost = (change.tier as u32).saturating_sub(judged.tier as u32) + place.cost();
    (fits && judged.tier <= cap).then_some((value, cost))
}

/// Of at most which tier, and where in it.
#[derive(Clone, Copy)]
struct At {
    cap: Tier,
    place: Place,
}

fn of_part(
    subject: &ScoringInput<'_>,
    change: &Change<'_>,
    part: &Part<'_>,
    at: At,
) -> Option<Value> {
    let usual = part.finding.usual?;
    match part.value {
        Value::List(after) if usual.value_type == Some(ValueType::List) => {
            let is_nearest = at.place == Place::Nearest;
            is_nearest.then(|| of_list(subject, change, part, after, at.cap))
        }
        _ => of_scalar(subject, change, part, at),
    }
}

/// The mapping with each part above the tier milder, or as it is.
fn of_mapping(subject: &ScoringInput<'_>, change: &Change<'_>, cap: Tier) -> Option<Value> {
    let mut value = change.value.clone();
    for part in change.parts.iter().filter(|part| part.finding.tier > cap) {
        let place = Place::Nearest;
        let milder = of_part(subject, change, part, At { cap, place });
        let mut targets = subject.targets.iter();
        let mut present =
            || targets.find_map(|(_, known)| present_value(*known, change.name, &part.keys));
        let becomes = milder.or_else(|| present().cloned());
        set(&mut value, &part.keys, becomes)?;
    }
    Some(value)
}

/// Sets, or removes, what the keys lead to.
fn set(value: &mut Value, keys: &[&str], becomes: Option<Value>) -> Option<()> {
    let [key, rest @ ..] = keys else {
        *value = becomes?;
        return Some(());
    };
    let Value::Map(entries) = value else {
        return None;
    };
    match (rest, becomes) {
        ([], Some(becomes)) => {
            entries.insert((*key).to_owned(), becomes);
            Some(())
        }
        ([], None) => {
            entries.remove(*key);
            Some(())
        }
        (rest, becomes) => {
            let inner = entries
                .entry((*key).to_owned())
                .or_insert_with(|| Value::Map(BTreeMap::new()));
            set(inner, rest, becomes)
        }
    }
}

/// What is there, without what may be removed, and with those new elements that are of at most this tier.
fn of_list(
    subject: &ScoringInput<'_>,
    change: &Change<'_>,
    part: &Part<'_>,
    after: &[Value],
    cap: Tier,
) -> Value {
    let mut targets = subject.targets.iter();
    let before = targets.find_map(|(_, known)| present_value(*known, change.name, &part.keys));
    let before = match before {
        Some(Value::List(before)) => before.as_slice(),
        _ => &[],
    };
    let nothing = Elements::default();
    let elements = part.finding.usual.map_or(&nothing, |usual| &usual.elements);
    let list = ListChange::between(before, after);
    let present: BTreeSet<&Value> = before.iter().collect();
    let is_mild = |element: &&Value| match &elements.each {
        Some(each) => each.tier_of(element) <= cap,
        None => elements.added.is_some(),
    };
    let limits = elements.added.iter().flatten();
    let most = limits
        .filter(|(tier, _)| *tier <= cap)
        .map(|(_, most)| *most)
        .max();
    let most = match &elements.added {
        Some(_) if cap < Tier::Beyond => usize::try_from(most.unwrap_or(0)).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    let added = list.added.iter().copied().filter(is_mild);
    let added = added
        .filter(|element| !list.is_reordered || !present.contains(element))
        .take(most);
    let removal = Elements::tier_of_count(elements.removed.as_deref(), list.removed.len());
    let kept: Vec<&Value> = if removal <= cap && !list.is_reordered {
        list.kept
    } else {
        before.iter().collect()
    };
    Value::List(kept.into_iter().chain(added).cloned().collect())
}

fn of_scalar(
    subject: &ScoringInput<'_>,
    change: &Change<'_>,
    part: &Part<'_>,
    at: At,
) -> Option<Value> {
    let At { cap, place } = at;
    let usual = part.finding.usual?;
    // What is no amount at all is near to the usual value; what is removed is near to nothing.
    let amount = match part.value {
        Value::Null => None,
        value => {
            let own = usual.measure(value).or_else(|| value.number());
            let mean = || usual.spread.map_or(Decimal::ZERO, |(mean, _)| mean);
            Some(own.unwrap_or_else(mean))
        }
    };
    let value_type = usual.value_type.unwrap_or(ValueType::Number);
    // As the agent writes it, or where that tells nothing, as it is now.
    let mut targets = subject.targets.iter();
    let present = targets.find_map(|(_, known)| present_value(*known, change.name, &part.keys));
    let like = match part.value {
        Value::Text(_) => part.value,
        _ => present.unwrap_or(part.value),
    };
    let round_step = |most| value_type.round_step(most, like);
    let (low, high) = within_reach(subject, change, part, usual, cap, round_step)?;
    let mut best: Option<(Decimal, Decimal)> = None;
    let mut consider = |from: Option<Decimal>, to: Option<Decimal>| {
        let (Some(amount), low, high) = (amount, from.max(low), least(to, high)) else {
            return;
        };
        if low.zip(high).is_some_and(|(low, high)| low > high) {
            return;
        }
        let value = match (place, low.zip(high)) {
            (Place::Nearest, _) => {
                let value = low.map_or(amount, |low| amount.max(low));
                Some(high.map_or(value, |high| value.min(high)))
            }
            (_, Some((low, high))) => within(amount, low, high, place, round_step),
            (_, None) => None,
        };
        let Some((value, away)) = value.and_then(|value| {
            let away = value.checked_sub(amount)?;
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
    let is_safety_control = part
        .guidance
        .is_some_and(|guidance| guidance.safety_control);
    for (_, values) in usual.tiers.iter().filter(|(tier, _)| *tier <= cap) {
        match values {
            Values::Range(from, to) => consider(Some(*from), Some(*to)),
            Values::AnyOf(values) => {
                let kept = |value: &&Value| {
                    let off = is_safety_control && **value == Value::Bool(false);
                    !value.is_null() && !off
                };
                named = named
                    .or_else(|| values.iter().find(kept))
                    .filter(|_| place == Place::Nearest);
            }
            Values::Matching(_) => {}
        }
    }
    match (best, named) {
        (Some((value, _)), _) => value_type.write(value, like),
        (None, Some(value)) => Some(value.clone()),
        (None, None) => None,
    }
}

/// The value at this place between two bounds, for an amount outside of them.
fn within(
    amount: Decimal,
    low: Decimal,
    high: Decimal,
    place: Place,
    round_step: impl Fn(Decimal) -> Option<Decimal>,
) -> Option<Decimal> {
    let span = high.checked_sub(low)?;
    if span.is_zero() || (low < amount && amount < high) {
        return None;
    }
    let is_above = amount >= high;
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

/// The bounds that neither the extreme thresholds nor the two standard deviations reach past, nor a movement of at
/// most this tier on any target; none if nothing moves so little.
fn within_reach(
    subject: &ScoringInput<'_>,
    change: &Change<'_>,
    part: &Part<'_>,
    usual: &UsualValues,
    cap: Tier,
    round_step: impl Fn(Decimal) -> Option<Decimal>,
) -> Option<(Option<Decimal>, Option<Decimal>)> {
    let spread = usual.spread.and_then(|(mean, deviation)| {
        let twice = deviation.checked_mul(Decimal::TWO)?;
        Some((mean.checked_sub(twice)?, mean.checked_add(twice)?))
    });
    let mut low = usual.extreme_below.max(spread.map(|(low, _)| low));
    let mut high = least(usual.extreme_above, spread.map(|(_, high)| high));
    if let Some(movement) = usual.movement.as_ref().filter(|_| cap < Tier::Beyond) {
        for from in moved_from(subject, change, part) {
            let (lowest, highest) = movement.reach(cap, usual.measure(from?)?)?;
            // A tenth short of the limit at most, for the sake of a round value.
            let distance = highest.checked_sub(lowest)?.checked_div(Decimal::TWO)?;
            let step = round_step(distance.checked_div(Decimal::TEN)?)?;
            let lowest = lowest.checked_div(step)?.ceil().checked_mul(step)?;
            let highest = highest.checked_div(step)?.floor().checked_mul(step)?;
            low = low.max(Some(lowest));
            high = least(high, Some(highest));
        }
    }
    Some((low, high))
}

/// The values that a movement is measured from: what each target has, and what people saw of it last.
fn moved_from<'a>(
    subject: &ScoringInput<'a>,
    change: &Change<'_>,
    part: &Part<'_>,
) -> impl Iterator<Item = Option<&'a Value>> {
    subject.targets.iter().flat_map(|(_, known)| {
        let baseline = baseline_of(*known, change.name);
        let baseline = baseline.map(|baseline| part_of(&baseline.value, &part.keys));
        std::iter::once(present_value(*known, change.name, &part.keys)).chain(baseline)
    })
}

/// The lower of two bounds, where none is no bound.
fn least(a: Option<Decimal>, b: Option<Decimal>) -> Option<Decimal> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (bound, None) | (None, bound) => bound,
    }
}
