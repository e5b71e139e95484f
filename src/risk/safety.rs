//! Safety controls: which change switches one off, or takes a limit away.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::domain::value::{Value, ValueType};
use crate::risk::factors::parameters::{Change, ListChange, Part, present_value};
use crate::risk::subject::ScoringInput;
use crate::rules::actions::Effect;
use crate::rules::parameters::{Guidance, Tier};

/// Whether a change switches a safety control off, or takes a limit away, on any target.
///
/// A switch stays on only as `true`, or where it is a number now as one above zero; a limit only as an
/// amount that limits something; a text only as a conservative one; a list only with all of its elements. An agent
/// must not turn one off with a value that merely reads like something.
pub(crate) fn switches_off(subject: &ScoringInput<'_>, change: &Change<'_>) -> bool {
    change.parts.iter().any(|part| {
        let guidance = part.guidance.filter(|guidance| guidance.safety_control);
        guidance.is_some_and(|guidance| is_off(subject, change, part, guidance))
    })
}

fn is_off(
    subject: &ScoringInput<'_>,
    change: &Change<'_>,
    part: &Part<'_>,
    guidance: &Guidance,
) -> bool {
    if part.is_too_large() {
        return true;
    }
    let value = part.value;
    let usual = &guidance.usual;
    let has_order = usual.has_order();
    // 0 and -1 are how many systems write "no limit", unless the guidance says that they are usual.
    let amount = usual.measure(value).or_else(|| value.number());
    let is_limit = amount.is_some_and(|amount| {
        let tier = || guidance.worst_tier_of(value);
        match amount.cmp(&Decimal::ZERO) {
            Ordering::Greater => true,
            Ordering::Equal => has_order && tier() == Tier::Conservative,
            Ordering::Less => has_order && tier() != Tier::Beyond,
        }
    });
    let stays_on = match usual.value_type {
        Some(value_type) if value_type.has_order() => is_limit,
        Some(ValueType::Text) => guidance.worst_tier_of(value) == Tier::Conservative,
        Some(ValueType::List) => matches!(value, Value::List(_)),
        _ => *value == Value::Bool(true),
    };
    let off_from = |present: Option<&Value>| match (present, value) {
        (Some(Value::Bool(true)), _) => *value != Value::Bool(true),
        (Some(Value::List(before)), Value::List(after)) => {
            !ListChange::between(before, after).removed.is_empty()
        }
        (Some(present), _) if usual.measure(present).or(present.number()).is_some() => {
            !stays_on && !is_limit
        }
        // Off already; only taking it away altogether goes further.
        (Some(Value::Bool(false)), _) => value.is_null(),
        (Some(Value::Null) | None, Value::Null) => false,
        _ => !stays_on,
    };
    let creates = subject.effect() == Some(Effect::Create);
    let off_from_unknown = if value.is_null() { !creates } else { !stays_on };
    if subject.targets.is_empty() {
        return off_from_unknown;
    }
    subject.targets.iter().any(|(_, known)| match known {
        Some(_) => off_from(present_value(*known, change.name, &part.keys)),
        None => off_from_unknown,
    })
}
