//! From the document as written to guidance that cannot contradict itself.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::raw::{
    OneOrMore, RawChange, RawCounts, RawEach, RawGuidance, RawNamed, RawParameters, RawSpecial,
    RawTier,
};
use super::{
    Conditions, Elements, Guidance, Limit, Movement, PATH, Pattern, Special, Tier, UsualValues,
    Values,
};
use crate::domain::ids::{ActionName, ParameterName, quoted};
use crate::domain::problem::{Problem, Problems};
use crate::domain::similar::expected_one_of;
use crate::domain::value::{Value, ValueType};
use crate::rules::actions::ActionType;
use crate::rules::governance::Governance;

/// How many expressions there may be: each takes memory as long as the rules are held.
const MOST_PATTERNS: usize = 100;

/// How many entries of `where` there may be: each is held against each target.
const MOST_SPECIALS: usize = 200;

/// A unit stands behind every number, however little room there is.
const MOST_UNIT_CHARS: usize = 16;

/// Where in the file something is wrong.
struct Report<'p> {
    key: String,
    problems: &'p mut Vec<Problem>,
}

impl Report<'_> {
    fn say(&mut self, key: &str, message: impl Into<String>) {
        let key = format!("{}.{key}", self.key);
        self.problems.push(Problem::of_key(PATH, key, message));
    }

    fn under(&mut self, key: &str) -> Report<'_> {
        Report {
            key: format!("{}.{key}", self.key),
            problems: self.problems,
        }
    }
}

/// The type that values must have, as far as that is said.
#[derive(Clone, Copy)]
struct Expected {
    value_type: Option<ValueType>,
    /// Whether the rules say it; otherwise it follows from what they give.
    is_said: bool,
}

/// What is usual, as the guidance and each entry of its `where` give it.
struct RawUsual {
    tiers: RawTiers,
    mean: Option<Value>,
    standard_deviation: Option<Value>,
    extreme_above: Option<Value>,
    extreme_below: Option<Value>,
    change: Option<RawChange>,
    each: Option<RawEach>,
    added: Option<RawCounts>,
    removed: Option<RawCounts>,
}

type RawTiers = [(Tier, Option<RawTier>); 3];

fn in_order<T>(conservative: T, moderate: T, aggressive: T) -> [(Tier, T); 3] {
    [
        (Tier::Conservative, conservative),
        (Tier::Moderate, moderate),
        (Tier::Aggressive, aggressive),
    ]
}

/// The guidance of the whole document.
pub(super) fn guidance_of(
    raw: RawParameters,
) -> Result<BTreeMap<ParameterName, Guidance>, Problems> {
    let mut problems = Vec::new();
    let mut all = BTreeMap::new();
    for (name, raw) in raw.parameters {
        let report = Report {
            key: format!("parameters.{name}"),
            problems: &mut problems,
        };
        let guidance = guidance(raw, report);
        all.insert(name, guidance);
    }
    add_mappings(&mut all, &mut problems);
    let patterns: usize = all.values().map(Guidance::count_patterns).sum();
    if patterns > MOST_PATTERNS {
        let message = format!(
            "there are {patterns} regular expressions: at most {MOST_PATTERNS}; list values by `any_of` instead"
        );
        problems.push(Problem::of_key(PATH, "parameters", message));
    }
    let specials: usize = all.values().map(|guidance| guidance.specials.len()).sum();
    if specials > MOST_SPECIALS {
        let message = format!(
            "there are {specials} entries of `where`: at most {MOST_SPECIALS}; name several environments, labels or actions in one"
        );
        problems.push(Problem::of_key(PATH, "parameters", message));
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(Problems(problems))
    }
}

/// What guidance for `limits.memory` is a part of is a mapping, whether it is listed or not.
fn add_mappings(all: &mut BTreeMap<ParameterName, Guidance>, problems: &mut Vec<Problem>) {
    let names: Vec<ParameterName> = all.keys().cloned().collect();
    for name in names {
        for (at, _) in name.as_str().match_indices('.') {
            let Some(Ok(whole)) = name.as_str().get(..at).map(str::parse::<ParameterName>) else {
                continue;
            };
            let of_mapping = || Guidance {
                usual: UsualValues {
                    value_type: Some(ValueType::Mapping),
                    ..UsualValues::default()
                },
                ..Guidance::default()
            };
            let listed = all.entry(whole.clone()).or_insert_with(of_mapping);
            if listed.value_type() != Some(ValueType::Mapping) {
                let message = format!(
                    "is a part of `{whole}`, which is no mapping: give `{whole}` nothing but `type: mapping`, or rename one of them"
                );
                let key = format!("parameters.{name}");
                problems.push(Problem::of_key(PATH, key, message));
            }
        }
    }
}

impl Guidance {
    fn count_patterns(&self) -> usize {
        let specials = self.specials.iter().map(|special| &special.usual);
        let each = specials.chain([&self.usual]).flat_map(|usual| {
            let elements = usual.elements.each.as_deref();
            elements
                .into_iter()
                .chain([usual])
                .flat_map(|usual| &usual.tiers)
        });
        each.filter(|(_, values)| matches!(values, Values::Matching(_)))
            .count()
    }
}

fn guidance(raw: RawGuidance, mut report: Report<'_>) -> Guidance {
    let expected = expected(&raw);
    let value_type = expected.value_type;
    let is_number = value_type == Some(ValueType::Number);
    if raw.unit.is_some() && !is_number {
        report.say(
            "unit",
            "only a number has a unit: give `type: number`, or remove it",
        );
    }
    let unit = raw.unit.as_deref().unwrap_or("unit");
    if unit.trim() != unit || unit.is_empty() || unit.chars().count() > MOST_UNIT_CHARS {
        report.say(
            "unit",
            format!("expected 1 to {MOST_UNIT_CHARS} characters, such as `EUR`"),
        );
    }
    if raw.safety_control && value_type == Some(ValueType::Mapping) {
        report.say(
            "safety_control",
            "a mapping is none by itself: say it of its parts, such as `limits.memory`",
        );
    }
    let mut specials: Vec<Special> = Vec::new();
    for (index, raw) in raw.specials.into_iter().enumerate() {
        let key = format!("where[{index}]");
        let conditions = conditions(&raw, &mut report.under(&key));
        if conditions.is_empty() {
            report.say(
                &key,
                "has no condition, so that nothing outside of `where` would ever count: expected `environment`, `label` or `action`",
            );
        }
        let covering = specials
            .iter()
            .position(|earlier| earlier.conditions.cover(&conditions));
        if let Some(earlier) = covering.filter(|_| !conditions.is_empty()) {
            report.say(
                &key,
                format!("never counts, because `where[{earlier}]` holds wherever this does: put it first, or remove it"),
            );
        }
        let usual = usual(raw.into(), expected, report.under(&key));
        specials.push(Special { conditions, usual });
    }
    let raw_usual = RawUsual {
        tiers: in_order(raw.conservative, raw.moderate, raw.aggressive),
        mean: raw.mean,
        standard_deviation: raw.standard_deviation,
        extreme_above: raw.extreme_above,
        extreme_below: raw.extreme_below,
        change: raw.change,
        each: raw.each,
        added: raw.added,
        removed: raw.removed,
    };
    Guidance {
        description: raw.description,
        unit: raw.unit,
        safety_control: raw.safety_control,
        specials,
        usual: usual(raw_usual, expected, report),
    }
}

impl From<RawSpecial> for RawUsual {
    fn from(raw: RawSpecial) -> Self {
        Self {
            tiers: in_order(raw.conservative, raw.moderate, raw.aggressive),
            mean: raw.mean,
            standard_deviation: raw.standard_deviation,
            extreme_above: raw.extreme_above,
            extreme_below: raw.extreme_below,
            change: raw.change,
            each: raw.each,
            added: raw.added,
            removed: raw.removed,
        }
    }
}

/// The type that the rules say; where they say none, a number if anything that has an order is given, and a list if
/// anything of its elements is.
fn expected(raw: &RawGuidance) -> Expected {
    let is_range = |tier: &Option<RawTier>| matches!(tier, Some(RawTier::Range(_)));
    let ordered = raw.mean.is_some()
        || raw.standard_deviation.is_some()
        || raw.extreme_above.is_some()
        || raw.extreme_below.is_some()
        || raw.change.is_some()
        || [&raw.conservative, &raw.moderate, &raw.aggressive]
            .into_iter()
            .any(is_range);
    let ordered_somewhere = ordered
        || raw.specials.iter().any(|special| {
            special.mean.is_some()
                || special.extreme_above.is_some()
                || special.extreme_below.is_some()
                || special.change.is_some()
                || [
                    &special.conservative,
                    &special.moderate,
                    &special.aggressive,
                ]
                .into_iter()
                .any(is_range)
        });
    let listed = raw.each.is_some() || raw.added.is_some() || raw.removed.is_some();
    let found = match (ordered_somewhere || raw.unit.is_some(), listed) {
        (true, _) => Some(ValueType::Number),
        (false, true) => Some(ValueType::List),
        (false, false) => None,
    };
    Expected {
        value_type: raw.value_type.or(found),
        is_said: raw.value_type.is_some(),
    }
}

fn conditions(raw: &RawSpecial, report: &mut Report<'_>) -> Conditions {
    fn set<T: Ord + Clone>(
        values: &OneOrMore<T>,
        key: &str,
        report: &mut Report<'_>,
    ) -> BTreeSet<T> {
        if values.0.is_empty() {
            report.say(key, "never holds: expected at least one");
        }
        values.0.iter().cloned().collect()
    }
    let environments = raw.environment.as_ref();
    let environments = environments.map(|names| set(names, "environment", report));
    let actions = raw.action.as_ref();
    let actions = actions.map(|names| set(names, "action", report));
    let labels = raw.label.iter().map(|(name, values)| {
        let key = format!("label.{name}");
        (name.clone(), set(values, &key, report))
    });
    Conditions {
        environments,
        labels: labels.collect(),
        actions,
    }
}

fn usual(raw: RawUsual, expected: Expected, mut report: Report<'_>) -> UsualValues {
    let amount = |key: &str, value: Option<&Value>, report: &mut Report<'_>| {
        value.and_then(|value| measured(value, expected, key, report))
    };
    let spread = spread(&raw, expected, &mut report);
    let extreme_above = amount("extreme_above", raw.extreme_above.as_ref(), &mut report);
    let extreme_below = amount("extreme_below", raw.extreme_below.as_ref(), &mut report);
    let tiers = tiers(raw.tiers, expected, &mut report);
    let movement = raw
        .change
        .and_then(|change| movement(change, expected, &mut report.under("change")));
    let lists = [
        ("each", raw.each.is_some()),
        ("added", raw.added.is_some()),
        ("removed", raw.removed.is_some()),
    ];
    for (key, _) in lists
        .into_iter()
        .filter(|(_, given)| *given && expected.value_type != Some(ValueType::List))
    {
        report.say(key, "is for lists: give `type: list`, or remove it");
    }
    let each = raw.each.map(|each| {
        let expected = Expected {
            value_type: each.value_type.or_else(|| {
                let tiers = [&each.conservative, &each.moderate, &each.aggressive];
                let is_range = |tier: &Option<RawTier>| matches!(tier, Some(RawTier::Range(_)));
                tiers.into_iter().any(is_range).then_some(ValueType::Number)
            }),
            is_said: each.value_type.is_some(),
        };
        let tiers = in_order(each.conservative, each.moderate, each.aggressive);
        Box::new(UsualValues {
            value_type: expected.value_type,
            tiers: self::tiers(tiers, expected, &mut report.under("each")),
            ..UsualValues::default()
        })
    });
    let counts = |raw: Option<RawCounts>, key: &str, report: &mut Report<'_>| {
        raw.map(|raw| counts(raw, key, report))
    };
    let elements = Elements {
        each,
        added: counts(raw.added, "added", &mut report),
        removed: counts(raw.removed, "removed", &mut report),
    };
    let usual = UsualValues {
        value_type: expected.value_type,
        tiers,
        spread,
        extreme_above,
        extreme_below,
        movement,
        elements,
    };
    check_extremes(&usual, &mut report);
    usual
}

/// How much a bound is; what is not of the expected type is told.
fn measured(
    value: &Value,
    expected: Expected,
    key: &str,
    report: &mut Report<'_>,
) -> Option<Decimal> {
    let value_type = expected.value_type.unwrap_or(ValueType::Number);
    if !value_type.has_order() {
        report.say(
            key,
            format!(
                "{} has no order: remove it, or give another `type`",
                value_type.described()
            ),
        );
        return None;
    }
    let amount = value_type.measure(value);
    if amount.is_none() {
        report.say(key, not_of(value, value_type, expected));
    }
    amount
}

/// `expected a number, found the text …`, and what to do.
fn not_of(value: &Value, value_type: ValueType, expected: Expected) -> String {
    let found = match value {
        Value::Text(text) => format!("the text {}", quoted(text)),
        Value::Number(number) => format!("the number `{number}`"),
        value => format!("`{value}`"),
    };
    let mend = match value_type.find_meant(value) {
        Some(meant) => format!(": did you mean `{meant}`?"),
        None if expected.is_said => String::new(),
        None => {
            let ordered = [ValueType::Quantity, ValueType::Duration];
            let fitting = ordered.into_iter().find(|other| other.holds(value));
            fitting.map_or_else(String::new, |fitting| {
                format!(": give `type: {}` for such values", fitting.as_str())
            })
        }
    };
    format!("expected {}, found {found}{mend}", value_type.described())
}

fn spread(
    raw: &RawUsual,
    expected: Expected,
    report: &mut Report<'_>,
) -> Option<(Decimal, Decimal)> {
    match (&raw.mean, &raw.standard_deviation) {
        (Some(mean), Some(deviation)) => {
            let mean = measured(mean, expected, "mean", report);
            let deviation = measured(deviation, expected, "standard_deviation", report)?;
            if deviation < Decimal::ZERO || deviation >= Decimal::from(10_i64.pow(15)) {
                report.say("standard_deviation", "expected a number from 0 to 10^15");
                return None;
            }
            Some((mean?, deviation))
        }
        (None, None) => None,
        _ => {
            report.say(
                "mean",
                "`mean` and `standard_deviation` go together: give both or neither",
            );
            None
        }
    }
}

fn tiers(raw: RawTiers, expected: Expected, report: &mut Report<'_>) -> Vec<(Tier, Values)> {
    let mut tiers: Vec<(Tier, Values)> = Vec::new();
    for (tier, raw) in raw {
        let Some(raw) = raw else { continue };
        let values = match (raw, expected.value_type) {
            (_, Some(ValueType::List)) => {
                report.say(
                    tier.as_str(),
                    "a list has no tiers of its own: give them to `each` of its elements, or to how many are `added` and `removed`",
                );
                None
            }
            (_, Some(ValueType::Mapping)) => {
                report.say(
                    tier.as_str(),
                    "a mapping has no tiers of its own: give them to its parts, such as `limits.memory`",
                );
                None
            }
            (RawTier::Range(bounds), _) => range(tier, &bounds, expected, report),
            (RawTier::Named(named), _) => named_values(tier, named, expected, report),
        };
        if let Some(values) = values {
            check_against_milder(tier, &values, &tiers, expected, report);
            tiers.push((tier, values));
        }
    }
    tiers
}

fn range(
    tier: Tier,
    bounds: &[Value; 2],
    expected: Expected,
    report: &mut Report<'_>,
) -> Option<Values> {
    if let Some(unordered) = expected.value_type.filter(|known| !known.has_order()) {
        let named = match unordered {
            ValueType::Text => "`{any_of: [...]}` or `{matches: REGEX}`",
            _ => "`{any_of: [...]}`",
        };
        report.say(
            tier.as_str(),
            format!("{} has no order: expected {named}", unordered.described()),
        );
        return None;
    }
    let [from, to] = bounds;
    let from = measured(from, expected, &format!("{}[0]", tier.as_str()), report);
    let to = measured(to, expected, &format!("{}[1]", tier.as_str()), report);
    let (from, to) = (from?, to?);
    if from > to {
        report.say(
            tier.as_str(),
            "the range is empty: expected `[from, to]` with from not above to",
        );
        return None;
    }
    Some(Values::Range(from, to))
}

fn named_values(
    tier: Tier,
    named: RawNamed,
    expected: Expected,
    report: &mut Report<'_>,
) -> Option<Values> {
    match (named.any_of, named.matches) {
        (Some(values), None) => {
            let said = expected.value_type.filter(|_| expected.is_said);
            for (index, value) in values.iter().enumerate() {
                if let Some(value_type) = said.filter(|known| !known.holds(value)) {
                    let key = format!("{}.any_of[{index}]", tier.as_str());
                    report.say(&key, not_of(value, value_type, expected));
                }
            }
            Some(Values::AnyOf(values.into_iter().collect()))
        }
        (None, Some(expression)) => {
            let key = format!("{}.matches", tier.as_str());
            if !matches!(expected.value_type, None | Some(ValueType::Text)) {
                report.say(
                    &key,
                    "only text matches an expression: give `type: text`, or a range",
                );
                return None;
            }
            let pattern = Pattern::parse(&expression);
            pattern
                .map(Values::Matching)
                .map_err(|why| report.say(&key, why))
                .ok()
        }
        _ => {
            report.say(
                tier.as_str(),
                "expected exactly one of `any_of` and `matches`",
            );
            None
        }
    }
}

/// A riskier tier must lie outside of the milder ones: otherwise it never counts, or moving a value further away would
/// make it less risky.
fn check_against_milder(
    tier: Tier,
    values: &Values,
    milder: &[(Tier, Values)],
    expected: Expected,
    report: &mut Report<'_>,
) {
    let usual = UsualValues {
        value_type: expected.value_type,
        tiers: milder.to_vec(),
        ..UsualValues::default()
    };
    match values {
        Values::Range(from, to) => {
            let ranges = milder.iter().filter_map(|(tier, values)| match values {
                Values::Range(from, to) => Some((*tier, *from, *to)),
                _ => None,
            });
            let ranges: Vec<(Tier, Decimal, Decimal)> = ranges.collect();
            let holding = ranges
                .iter()
                .find(|(_, low, high)| low <= from && to <= high);
            let lowest = ranges.iter().map(|(_, low, _)| low).min();
            let highest = ranges.iter().map(|(.., high)| high).max();
            if let Some((holding, ..)) = holding {
                report.say(
                    tier.as_str(),
                    format!(
                        "never counts, because `{}` holds all of it: widen it, or remove it",
                        holding.as_str()
                    ),
                );
            } else if lowest.is_some_and(|low| low <= from)
                && highest.is_some_and(|high| to <= high)
                || fills_gap(*from, *to, ranges)
            {
                report.say(
                    tier.as_str(),
                    "lies between milder tiers, so that a value further away would be less risky: let each tier reach beyond the milder ones",
                );
            }
        }
        Values::AnyOf(values) => {
            for value in values {
                let already = usual.tier_of(value);
                if already != Tier::Beyond {
                    report.say(
                        &format!("{}.any_of", tier.as_str()),
                        format!("{} never counts here, because `{}` holds it: remove it from one of them", quoted(&value.to_string()), already.as_str()),
                    );
                }
            }
        }
        Values::Matching(_) => {}
    }
}

/// Whether a range reaches into what lies between others, unless no whole number does.
fn fills_gap(from: Decimal, to: Decimal, mut others: Vec<(Tier, Decimal, Decimal)>) -> bool {
    others.sort_by_key(|(_, low, _)| *low);
    let mut reached: Option<Decimal> = None;
    others.into_iter().any(|(_, low, high)| {
        let before = reached.unwrap_or(low);
        reached = Some(before.max(high));
        let is_wide = low.checked_sub(before).is_none_or(|gap| gap > Decimal::ONE);
        low > before && is_wide && from < low && before < to
    })
}

/// What is harmless cannot be extreme.
fn check_extremes(usual: &UsualValues, report: &mut Report<'_>) {
    let (below, above) = (usual.extreme_below, usual.extreme_above);
    if below.zip(above).is_some_and(|(below, above)| below > above) {
        report.say(
            "extreme_below",
            "is above `extreme_above`, so that every value is extreme: exchange the two",
        );
        return;
    }
    for (key, bound) in [("extreme_above", above), ("extreme_below", below)] {
        let Some(bound) = bound else { continue };
        let is_past = |amount: Decimal| match key {
            "extreme_above" => amount > bound,
            _ => amount < bound,
        };
        for (tier, values) in &usual.tiers {
            let Values::Range(from, to) = values else {
                continue;
            };
            let is_wholly = is_past(*from) && is_past(*to);
            let is_partly = is_past(*from) || is_past(*to);
            if is_wholly || is_partly && *tier == Tier::Conservative {
                report.say(
                    key,
                    format!(
                        "values that are `{}` are past it: move the threshold, or the tier",
                        tier.as_str()
                    ),
                );
            }
        }
        if usual.spread.is_some_and(|(mean, _)| is_past(mean)) {
            report.say(key, "the mean is past it: move the threshold, or the mean");
        }
    }
}

fn movement(raw: RawChange, expected: Expected, report: &mut Report<'_>) -> Option<Movement> {
    let mut limits: Vec<(Tier, Limit)> = Vec::new();
    for (tier, value) in in_order(raw.conservative, raw.moderate, raw.aggressive) {
        let Some(value) = value else { continue };
        let limit = limit(tier, &value, expected, report)?;
        let before = limits.last().map(|(_, limit)| *limit);
        let says = match (before, limit) {
            (Some(Limit::Relative(before)), Limit::Relative(now))
            | (Some(Limit::Absolute(before)), Limit::Absolute(now))
                if now <= before =>
            {
                Some("must be farther than in the milder tier")
            }
            (Some(Limit::Relative(_)), Limit::Absolute(_))
            | (Some(Limit::Absolute(_)), Limit::Relative(_)) => {
                Some("is measured otherwise than the milder tier: give all in percent, or none")
            }
            _ => None,
        };
        if let Some(says) = says {
            report.say(tier.as_str(), says);
        }
        limits.push((tier, limit));
    }
    if limits.is_empty() {
        report.problems.push(Problem::of_key(
            PATH,
            report.key.clone(),
            "names no tier, so that every change is beyond all: give `conservative`, `moderate` or `aggressive`",
        ));
    }
    Some(Movement(limits))
}

fn limit(tier: Tier, value: &Value, expected: Expected, report: &mut Report<'_>) -> Option<Limit> {
    let value_type = expected.value_type.unwrap_or(ValueType::Number);
    if !value_type.has_order() {
        report.say(
            tier.as_str(),
            format!(
                "{} has no order, so it cannot move by so much: remove `change`",
                value_type.described()
            ),
        );
        return None;
    }
    let percent = value.text().and_then(|text| text.strip_suffix('%'));
    let (limit, amount) = match percent {
        Some(digits) => {
            let number = Value::from_argument(digits.trim_end()).ok();
            let number = number.as_ref().and_then(Value::number);
            let part = number.and_then(|number| number.checked_div(Decimal::ONE_HUNDRED));
            (part.map(Limit::Relative), part)
        }
        None => {
            let amount = value_type.measure(value);
            (amount.map(Limit::Absolute), amount)
        }
    };
    match (limit, amount) {
        (Some(limit), Some(amount)) if amount > Decimal::ZERO => Some(limit),
        (Some(_), _) => {
            report.say(tier.as_str(), "expected more than 0");
            None
        }
        (None, _) => {
            let told = not_of(value, value_type, expected);
            report.say(tier.as_str(), format!("{told}, or a part such as `10 %`"));
            None
        }
    }
}

fn counts(raw: RawCounts, key: &str, report: &mut Report<'_>) -> Vec<(Tier, u64)> {
    let written = in_order(raw.conservative, raw.moderate, raw.aggressive);
    let written = written.into_iter();
    let counts: Vec<(Tier, u64)> = written
        .filter_map(|(tier, most)| Some((tier, most?)))
        .collect();
    for ((_, before), (tier, now)) in counts.iter().zip(counts.iter().skip(1)) {
        if now <= before {
            let key = format!("{key}.{}", tier.as_str());
            report.say(&key, "must be more than in the milder tier");
        }
    }
    counts
}

/// What `where` names that other files do not list.
pub(in crate::rules) fn find_unlisted(
    all: &BTreeMap<ParameterName, Guidance>,
    governance: &Governance,
    listed_actions: &BTreeMap<ActionName, ActionType>,
) -> Vec<Problem> {
    let mut found = Vec::new();
    for (name, guidance) in all {
        for (index, special) in guidance.specials.iter().enumerate() {
            let mut say = |key: &str, message: String| {
                let key = format!("parameters.{name}.where[{index}].{key}");
                found.push(Problem::of_key(PATH, key, message));
            };
            for environment in special.conditions.environments.iter().flatten() {
                if !governance.environments.contains_key(environment) {
                    let known: Vec<&str> =
                        governance.environments.keys().map(String::as_str).collect();
                    let message = format!(
                        "{} is not an environment of `rules/governance.yaml`{}",
                        quoted(environment),
                        expected_one_of(environment, &known)
                    );
                    say("environment", message);
                }
            }
            for action in special.conditions.actions.iter().flatten() {
                if !listed_actions.contains_key(action) {
                    let known: Vec<&str> = listed_actions.keys().map(ActionName::as_str).collect();
                    let message = format!(
                        "`{action}` is not an action of `rules/actions.yaml`{}",
                        expected_one_of(action.as_str(), &known)
                    );
                    say("action", message);
                }
            }
        }
    }
    found
}
