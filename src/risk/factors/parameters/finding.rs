//! How unusual one value is, and why.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use super::places::Place;
use crate::domain::documents::{Baselines, Target};
use crate::domain::ids::TargetName;
use crate::domain::value::{Value, ValueType};
use crate::risk::words::shown;
use crate::rules::parameters::{Applicable, Conditions, Elements, Guidance, Tier, UsualValues};

/// What was found of one value on one target.
#[derive(Clone)]
pub(crate) struct Finding<'a> {
    pub(crate) tier: Tier,
    pub(crate) usual: Option<&'a UsualValues>,
    cause: Cause<'a>,
    conditions: Option<&'a Conditions>,
}

#[derive(Clone)]
enum Cause<'a> {
    NoGuidance,
    TooLarge,
    Removed,
    Value,
    Moved(Move<'a>),
    /// There is nothing to measure a movement against.
    NothingToMoveFrom {
        value_tier: Tier,
        origin: Origin,
    },
    Element {
        element: &'a Value,
        origin: Origin,
    },
    Added {
        count: usize,
        origin: Origin,
    },
    TakenOut {
        count: usize,
        origin: Origin,
    },
    Reordered,
}

#[derive(Clone)]
struct Move<'a> {
    value_tier: Tier,
    tier: Tier,
    from: &'a Value,
    from_amount: Decimal,
    to_amount: Decimal,
    target: Option<&'a TargetName>,
    origin: Origin,
}

/// What a value is measured against.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// What it is now.
    Present,
    /// What it was when people saw it last.
    Baseline,
}

/// A value, and what it is measured against.
#[derive(Clone, Copy)]
pub(super) struct Measurable<'a> {
    pub(super) value: &'a Value,
    pub(super) present: Option<&'a Value>,
    /// What it was when people saw it last, if that is not what it is now; within, none if it was not there.
    pub(super) baseline: Option<Option<&'a Value>>,
    pub(super) target: Option<&'a TargetName>,
}

impl<'a> Measurable<'a> {
    const fn from(&self, origin: Origin) -> Option<&'a Value> {
        match (origin, self.baseline) {
            (Origin::Baseline, Some(baseline)) => baseline,
            _ => self.present,
        }
    }
}

/// What is found of a value wherever it applies.
#[derive(Clone)]
pub(super) struct Found<'a> {
    pub(super) finding: Finding<'a>,
    pub(super) extreme: bool,
    pub(super) deviant: bool,
}

impl<'a> Found<'a> {
    /// The worse of two, the first of equals.
    pub(super) fn worse(self, other: Self) -> Self {
        Self {
            extreme: self.extreme || other.extreme,
            deviant: self.deviant || other.deviant,
            finding: if other.finding.tier > self.finding.tier {
                other.finding
            } else {
                self.finding
            },
        }
    }

    pub(super) const fn without_guidance() -> Self {
        Self::beyond(Cause::NoGuidance)
    }

    /// What nobody looked at could be anything, an extreme value as well.
    pub(super) const fn too_large() -> Self {
        Self {
            extreme: true,
            ..Self::beyond(Cause::TooLarge)
        }
    }

    const fn beyond(cause: Cause<'a>) -> Self {
        Self {
            finding: Finding {
                tier: Tier::Beyond,
                usual: None,
                cause,
                conditions: None,
            },
            extreme: false,
            deviant: false,
        }
    }

    /// The worst of what may apply at a place.
    pub(super) fn at(
        place: &Place<'a>,
        guidance: &'a Guidance,
        measurable: Measurable<'a>,
    ) -> Self {
        let circumstances = place.circumstances();
        let applicable = circumstances.flat_map(|so| guidance.applicable(so));
        let found = applicable.map(|applicable| Self::of(applicable, measurable));
        found
            .reduce(Self::worse)
            .unwrap_or_else(|| Self::everywhere(guidance, measurable))
    }

    /// By the guidance outside of `where`.
    pub(super) fn everywhere(guidance: &'a Guidance, measurable: Measurable<'a>) -> Self {
        let everywhere = Applicable {
            conditions: None,
            usual: &guidance.usual,
        };
        Self::of(everywhere, measurable)
    }

    fn of(applicable: Applicable<'a>, measurable: Measurable<'a>) -> Self {
        let Applicable { conditions, usual } = applicable;
        let measured = |origin| match measurable.value {
            Value::Null => (Tier::Beyond, Cause::Removed),
            Value::List(after) if usual.value_type == Some(ValueType::List) => {
                of_list(usual, measurable.from(origin), after, origin)
            }
            value => of_value(usual, value, measurable, origin),
        };
        let (mut tier, mut cause) = measured(Origin::Present);
        // Many small steps are one large one: the worse of both counts.
        if measurable.baseline.is_some() {
            let (since, by_baseline) = measured(Origin::Baseline);
            if since > tier {
                (tier, cause) = (since, by_baseline);
            }
        }
        Self {
            finding: Finding {
                tier,
                usual: Some(usual),
                cause,
                conditions,
            },
            extreme: usual.is_extreme(measurable.value),
            deviant: usual.is_deviant(measurable.value),
        }
    }
}

fn of_value<'a>(
    usual: &'a UsualValues,
    value: &'a Value,
    measurable: Measurable<'a>,
    origin: Origin,
) -> (Tier, Cause<'a>) {
    let value_tier = usual.tier_of(value);
    let Some(movement) = &usual.movement else {
        return (value_tier, Cause::Value);
    };
    let from = measurable
        .from(origin)
        .and_then(|from| Some((from, usual.measure(from)?)));
    match (from, usual.measure(value)) {
        (Some((from, from_amount)), Some(to_amount)) => {
            let tier = movement.tier_of(from_amount, to_amount);
            let moved = Move {
                value_tier,
                tier,
                from,
                from_amount,
                to_amount,
                target: measurable.target,
                origin,
            };
            (value_tier.max(tier), Cause::Moved(moved))
        }
        _ => (
            Tier::Beyond,
            Cause::NothingToMoveFrom { value_tier, origin },
        ),
    }
}

fn of_list<'a>(
    usual: &'a UsualValues,
    before: Option<&'a Value>,
    after: &'a [Value],
    origin: Origin,
) -> (Tier, Cause<'a>) {
    let before = match before {
        Some(Value::List(before)) => before.as_slice(),
        None | Some(Value::Null) if !after.is_empty() => &[],
        // What it was before, or that it was nothing at all, tells nothing of elements.
        _ => return (Tier::Beyond, Cause::Value),
    };
    let Elements {
        each,
        added,
        removed,
    } = &usual.elements;
    let change = ListChange::between(before, after);
    let mut worst = (Tier::Conservative, Cause::Value);
    let mut consider = |tier: Tier, cause: Cause<'a>| {
        if tier > worst.0 {
            worst = (tier, cause);
        }
    };
    for element in &change.added {
        match (each, added) {
            (Some(each), _) => {
                consider(each.tier_of(element), Cause::Element { element, origin });
            }
            (None, Some(_)) => {}
            (None, None) => consider(Tier::Beyond, Cause::Element { element, origin }),
        }
    }
    if let (Some(limits), false) = (added, change.added.is_empty()) {
        let count = change.added.len();
        consider(
            Elements::tier_of_count(Some(limits), count),
            Cause::Added { count, origin },
        );
    }
    if !change.removed.is_empty() {
        let count = change.removed.len();
        let cause = match change.is_reordered {
            true => Cause::Reordered,
            false => Cause::TakenOut { count, origin },
        };
        consider(Elements::tier_of_count(removed.as_deref(), count), cause);
    }
    worst
}

/// What becomes of a list. Where the elements that it keeps are in another order, it is another list: all are removed,
/// and all are added.
pub(crate) struct ListChange<'a> {
    pub(crate) added: Vec<&'a Value>,
    pub(crate) removed: Vec<&'a Value>,
    /// In the order in which they were and are.
    pub(crate) kept: Vec<&'a Value>,
    pub(crate) is_reordered: bool,
}

impl<'a> ListChange<'a> {
    pub(crate) fn between(before: &'a [Value], after: &'a [Value]) -> Self {
        let mut left: BTreeMap<&Value, usize> = BTreeMap::new();
        for element in before {
            *left.entry(element).or_default() += 1;
        }
        let mut kept: BTreeMap<&Value, usize> = BTreeMap::new();
        let (mut kept_after, mut added) = (Vec::new(), Vec::new());
        for element in after {
            match left.get_mut(element) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    *kept.entry(element).or_default() += 1;
                    kept_after.push(element);
                }
                _ => added.push(element),
            }
        }
        let (mut kept_before, mut removed) = (Vec::new(), Vec::new());
        for element in before {
            match kept.get_mut(element) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    kept_before.push(element);
                }
                _ => removed.push(element),
            }
        }
        if kept_before == kept_after {
            return Self {
                added,
                removed,
                kept: kept_before,
                is_reordered: false,
            };
        }
        Self {
            added: after.iter().collect(),
            removed: before.iter().collect(),
            kept: Vec::new(),
            is_reordered: true,
        }
    }
}

/// What a sentence about a finding is about.
#[derive(Clone, Copy)]
pub(super) struct Named<'n> {
    pub(super) path: &'n str,
    pub(super) value: &'n Value,
    pub(super) unit: Option<&'n str>,
}

impl Finding<'_> {
    pub(super) const fn is_too_large(&self) -> bool {
        matches!(self.cause, Cause::TooLarge)
    }

    /// Why it has its tier, as a sentence without an end.
    pub(super) fn reason(&self, of: Named<'_>) -> String {
        let path = shown(of.path);
        let tier = self.tier.as_str();
        let beyond = Tier::Beyond.as_str();
        let unit = of.unit.map_or_else(String::new, |unit| format!(" {unit}"));
        let value = of.value;
        let under = self.conditions.map_or_else(String::new, |conditions| {
            format!(" where {}", shown(&conditions.to_string()))
        });
        match &self.cause {
            Cause::NoGuidance => format!("{path} has no guidance, which counts as {beyond}"),
            Cause::TooLarge => format!(
                "{path} is too much to compare with what so many targets have, which counts as {beyond}: propose it for fewer"
            ),
            Cause::Removed => format!("{path} is removed, which counts as {beyond}"),
            Cause::Value => format!("{path} {value}{unit} is {tier}{under}"),
            Cause::Moved(moved) => {
                let by = moved.distance(self.usual, unit.as_str());
                let on = moved.target.map_or_else(String::new, |target| {
                    let folder = moved.origin.folder();
                    format!(" ({folder}/{target}.yaml)")
                });
                let seen = moved.origin.in_words();
                format!(
                    "{path} {value}{unit} is {}{under}, and moving it{by} from {}{unit}{on}{seen} is {}",
                    moved.value_tier.as_str(),
                    moved.from,
                    moved.tier.as_str(),
                )
            }
            Cause::NothingToMoveFrom { value_tier, origin } => {
                let has = match origin {
                    Origin::Present => "has no present value",
                    Origin::Baseline => "had no value when people saw it last",
                };
                let own = value_tier.as_str();
                format!(
                    "{path} {value}{unit} is {own}{under}, and it {has} to move from, which counts as {beyond}"
                )
            }
            Cause::Element { element, origin } => {
                let since = origin.since_in_words();
                format!("{path} adds {element}{since}, which is {tier}{under}")
            }
            Cause::Added { count, origin } => {
                let (elements, since) = (elements(*count), origin.since_in_words());
                format!("{path} adds {elements}{since}, which is {tier}{under}")
            }
            Cause::TakenOut { count, origin } => {
                let (elements, since) = (elements(*count), origin.since_in_words());
                format!("{path} removes {elements}{since}, which is {tier}{under}")
            }
            Cause::Reordered => format!(
                "{path} has its elements in another order, which counts as replacing all of them and is {tier}{under}"
            ),
        }
    }
}

fn elements(count: usize) -> String {
    match count {
        1 => "1 element".to_owned(),
        count => format!("{count} elements"),
    }
}

impl Origin {
    const fn folder(self) -> &'static str {
        match self {
            Self::Present => Target::FOLDER,
            Self::Baseline => Baselines::FOLDER,
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::Present => "",
            Self::Baseline => ", where people saw it last,",
        }
    }

    const fn since_in_words(self) -> &'static str {
        match self {
            Self::Present => "",
            Self::Baseline => " since people saw it last",
        }
    }
}

impl Move<'_> {
    /// ` by 50 %`, or ` by 256Mi`; nothing where it cannot be written.
    fn distance(&self, usual: Option<&UsualValues>, unit: &str) -> String {
        let Some(usual) = usual else {
            return String::new();
        };
        let moved = self.to_amount.checked_sub(self.from_amount);
        let Some(moved) = moved.map(|moved| moved.abs()) else {
            return String::new();
        };
        let is_relative = usual
            .movement
            .as_ref()
            .is_some_and(|movement| movement.is_relative());
        if is_relative {
            let percent = moved
                .checked_mul(Decimal::ONE_HUNDRED)
                .and_then(|moved| moved.checked_div(self.from_amount.abs()));
            return percent.map_or_else(String::new, |percent| {
                // Away from zero, so that what is past a limit never reads like it.
                let rounded = percent.round_dp_with_strategy(2, RoundingStrategy::AwayFromZero);
                format!(" by {} %", rounded.normalize())
            });
        }
        let value_type = usual.value_type.unwrap_or(ValueType::Number);
        let written = value_type.write(moved, self.from);
        written.map_or_else(String::new, |written| format!(" by {written}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: &str, after: &str) -> String {
        let list =
            |text: &str| -> Vec<Value> { text.split_whitespace().map(Value::from).collect() };
        let (before, after) = (list(before), list(after));
        let change = ListChange::between(&before, &after);
        let said = |values: &[&Value]| {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            values.join(" ")
        };
        format!(
            "+{} -{}{}",
            said(&change.added),
            said(&change.removed),
            if change.is_reordered {
                " reordered"
            } else {
                ""
            }
        )
    }

    #[test]
    fn what_is_added_and_removed_does_not_hide_in_order_or_number() {
        assert_eq!(change("a b", "a b"), "+ -");
        assert_eq!(change("a b", "a x b"), "+x -");
        assert_eq!(change("a b", "a"), "+ -b");
        assert_eq!(change("a b", "a b b"), "+b -");
        assert_eq!(change("a b", "b a"), "+b a -a b reordered");
        assert_eq!(change("a b c", "x c"), "+x -a b");
        assert_eq!(change("a b a", "b a"), "+b a -a b a reordered");
        assert_eq!(change("", "a"), "+a -");
    }
}
