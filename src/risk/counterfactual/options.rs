//! The edits that might lower the risk: candidates only, none of them is believed until scored.

mod milder;

use crate::domain::ids::{ParameterName, TargetName};
use crate::domain::value::Value;
use crate::risk::factors::parameters::Change;
use crate::risk::risk_context::KnownTarget;
use crate::risk::safety;
use crate::risk::score::Measured;
use crate::risk::subject::ScoringInput;
use crate::rules::actions::Effect;
use crate::rules::governance::{Aggregate, Governance};
use crate::rules::parameters::Tier;

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
    change: &'a Change<'a>,
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
pub(super) fn rows<'a>(subject: &ScoringInput<'a>, measured: &'a Measured<'a>) -> Vec<Row<'a>> {
    let environment = &subject.rules.governance.environment_parameter;
    let changed = measured.parameters.changed.iter();
    changed
        .filter(|change| change.name != environment)
        .map(|change| Row {
            change,
            flagged: change.is_extreme()
                || change.is_deviant()
                || safety::switches_off(subject, change),
            milder: LOOKED_FOR
                .into_iter()
                .filter_map(|(cap, place)| {
                    let (value, cost) = milder::find(subject, change, cap, place)?;
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
        guidance.is_some_and(|guidance| {
            guidance.worst_tier_of(&Value::from(name)) == Tier::Conservative
        })
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
