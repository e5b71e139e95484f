//! What would make a proposal less risky: the smallest edits, each of them scored.
//!
//! Nothing here is canned advice. Candidate edits (see `options`) are put in order - fewest edits,
//! then the least distance from what was proposed - and scored one by one with the same code that
//! scores proposals; for each lower level the first that reaches it is shown, the lowest score
//! among equals. An edit that leaves nothing to change is shown only when nothing else helps.
//!
//! The work is bounded: see [`MOST_SCORINGS`].

mod options;
mod reduction;

use std::collections::BTreeMap;

use crate::domain::documents::{Assessment, Recommendation};
use crate::domain::ids::{TargetName, TriggerId};
use crate::domain::level::{Level, Score};
use crate::domain::value::Value;
use crate::risk::score::Measured;
use crate::risk::situation::Situation;
use crate::risk::subject::Subject;
use crate::risk::{triggers, validity};
use crate::rules::Rules;
use crate::rules::actions::Effect;
use crate::rules::triggers::Trigger;
use options::{Edit, TargetPlan};
use reduction::RESERVED;
pub use reduction::{DROP, Reduction, TARGETS};

/// How many edits are scored for one proposal, at most.
pub const MOST_SCORINGS: usize = 40;

/// For each lower level that some edit reaches, the smallest one, the nearer level first.
///
/// `assessment` is what [`super::assess`] says of the same three. Every reduction was scored:
/// applied to the recommendation and assessed again it has exactly this score and level.
pub fn reductions(
    recommendation: &Recommendation,
    situation: &Situation,
    rules: &Rules,
    assessment: &Assessment,
) -> Vec<Reduction> {
    let hopeless = |trigger: &Trigger| triggers::is_lasting(trigger);
    if assessment.level == Level::Low || fired(rules, assessment).any(hopeless) {
        return Vec::new();
    }
    searched(recommendation, situation, rules, |search| {
        search.run(assessment.level)
    })
}

/// The triggers that fired and that no edit of a value or of the targets removes, such as an
/// agent that is not registered. Empty where [`reductions`] of a HIGH proposal is not.
pub fn lasting_triggers(
    recommendation: &Recommendation,
    situation: &Situation,
    rules: &Rules,
    assessment: &Assessment,
) -> Vec<TriggerId> {
    if assessment.triggers.is_empty() {
        return Vec::new();
    }
    searched(recommendation, situation, rules, |search| {
        let lasting = fired(rules, assessment)
            .filter(|trigger| triggers::is_lasting(trigger) || search.cannot_remove(trigger));
        lasting.map(|trigger| trigger.id.clone()).collect()
    })
}

/// Makes the candidates and hands them on: they borrow values that live no longer than this.
fn searched<T>(
    recommendation: &Recommendation,
    situation: &Situation,
    rules: &Rules,
    then: impl FnOnce(&Search<'_>) -> T,
) -> T {
    let base = Subject::new(recommendation, situation, rules);
    let measured = Measured::of(&base);
    let rows = options::rows(&base, &measured);
    let milder = options::milder_environments(&base);
    then(&Search {
        recommendation,
        plans: options::plans(&rows, rules.governance.aggregate),
        environments: options::environment_edits(&base, &milder),
        targets: options::target_plans(&base),
        base,
    })
}

/// The rules' triggers that the assessment says fired.
fn fired<'r>(rules: &'r Rules, assessment: &'r Assessment) -> impl Iterator<Item = &'r Trigger> {
    let has_fired = |trigger: &&Trigger| {
        assessment
            .triggers
            .iter()
            .any(|fired| fired.id == trigger.id)
    };
    rules.triggers.iter().filter(has_fired)
}

/// The candidates: every plan for the changes with every one for the environment and the targets.
struct Search<'v> {
    recommendation: &'v Recommendation,
    base: Subject<'v>,
    plans: Vec<Vec<Edit<'v>>>,
    environments: Vec<Option<Edit<'v>>>,
    targets: Vec<TargetPlan<'v>>,
}

/// One candidate: how many edits, how far from the proposal, and which of the plans.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    edits: usize,
    cost: u32,
    target: usize,
    environment: usize,
    plan: usize,
}

/// A candidate that was scored and that no trigger lifts.
#[derive(Clone, Copy)]
struct Scored {
    candidate: Candidate,
    score: Score,
    level: Level,
    changes_nothing: bool,
}

impl<'v> Search<'v> {
    fn run(&self, present: Level) -> Vec<Reduction> {
        let governance = &self.base.rules.governance;
        let mut best: Option<Scored> = None;
        let mut best_low: Option<Scored> = None;
        let mut last_resort: Option<Scored> = None;
        let mut scorings = 0;
        let mut floors = vec![None; self.targets.len() * self.environments.len()];
        for candidate in self.candidates() {
            let size = (candidate.edits, candidate.cost);
            let tied = |scored: &Scored| (scored.candidate.edits, scored.candidate.cost) == size;
            if best_low.is_some_and(|low| !tied(&low)) || scorings >= MOST_SCORINGS {
                break;
            }
            let wants_low = present == Level::Medium || best.is_some_and(|best| !tied(&best));
            let limit = if wants_low {
                governance.low_up_to
            } else {
                governance.medium_up_to
            };
            let floor = floors
                .get_mut(candidate.target * self.environments.len() + candidate.environment)
                .map(|floor| *floor.get_or_insert_with(|| self.floor(candidate)));
            if floor.is_some_and(|floor| floor > limit) {
                continue;
            }
            scorings += 1;
            let Some(scored) = self.score(candidate, limit) else {
                continue;
            };
            if scored.changes_nothing {
                // Doing nothing elsewhere is no advice at all.
                let in_place = candidate.target == 0;
                last_resort = last_resort.or(Some(scored).filter(|_| in_place));
                continue;
            }
            let better = |than: &Option<Scored>| {
                than.is_none_or(|than| tied(&than) && scored.score < than.score)
            };
            if better(&best) && !wants_low {
                best = Some(scored);
            }
            if scored.level == Level::Low && better(&best_low) {
                best_low = Some(scored);
            }
        }
        let found = match (best, best_low) {
            (None, None) => vec![last_resort],
            (Some(best), Some(_)) if best.level == Level::Low => vec![Some(best)],
            (best, low) => vec![best, low],
        };
        found
            .into_iter()
            .flatten()
            .map(|scored| self.reduction(scored))
            .collect()
    }

    /// All candidates but the proposal itself, the smallest first.
    fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::with_capacity(32);
        for (target, targets) in self.targets.iter().enumerate() {
            for (environment, moved) in self.environments.iter().enumerate() {
                for (plan, edits) in self.plans.iter().enumerate() {
                    let cost: u32 = edits.iter().map(|edit| edit.cost).sum();
                    candidates.push(Candidate {
                        edits: edits.len()
                            + usize::from(moved.is_some())
                            + usize::from(targets.targets.is_some()),
                        cost: cost + targets.cost + moved.map_or(0, |edit| edit.cost),
                        target,
                        environment,
                        plan,
                    });
                }
            }
        }
        candidates.retain(|candidate| candidate.edits > 0);
        candidates.sort_unstable();
        candidates
    }

    fn edits(&self, candidate: Candidate) -> impl Iterator<Item = &Edit<'v>> {
        let plan = self.plans.get(candidate.plan).into_iter().flatten();
        plan.chain(
            self.environments
                .get(candidate.environment)
                .and_then(Option::as_ref),
        )
    }

    /// The subject with the candidate's targets, and with its changes where `with_changes`.
    fn subject(&self, candidate: Candidate) -> Subject<'v> {
        let mut subject = self.base.clone();
        if let Some(targets) = self
            .targets
            .get(candidate.target)
            .and_then(|plan| plan.targets.as_ref())
        {
            let situation = self.base.situation;
            subject.targets = targets
                .iter()
                .map(|name| (*name, situation.find_target(name)))
                .collect();
        }
        for edit in self.edits(candidate) {
            let at = subject
                .changes
                .binary_search_by(|(name, _)| (*name).cmp(edit.name));
            match (at, edit.becomes) {
                (Ok(at), Some(value)) => {
                    if let Some(change) = subject.changes.get_mut(at) {
                        change.1 = value;
                    }
                }
                (Ok(at), None) => {
                    subject.changes.remove(at);
                }
                (Err(at), Some(value)) => subject.changes.insert(at, (edit.name, value)),
                (Err(_), None) => {}
            }
        }
        subject
    }

    /// The least score that any plan for the changes can reach with these targets and environment.
    fn floor(&self, candidate: Candidate) -> Score {
        Measured::sum_without_parameters(&self.subject(candidate))
    }

    /// Scores a candidate; none if it is above the limit, lifted by a trigger, or invalid.
    fn score(&self, candidate: Candidate, limit: Score) -> Option<Scored> {
        let governance = &self.base.rules.governance;
        let subject = self.subject(candidate);
        let effect = subject.effect();
        let is_empty = subject.changes.is_empty() || subject.targets.is_empty();
        if effect == Some(Effect::Modify) && is_empty {
            return None;
        }
        let measured = Measured::of(&subject);
        let score = measured.sum(governance);
        if score > limit || triggers::any_fires(&subject, &measured) {
            return None;
        }
        let targets = subject.targets.iter().map(|(name, _)| *name);
        let mut unmet = validity::unmet(self.recommendation, targets, self.base.situation);
        if unmet.next().is_some() {
            return None;
        }
        Some(Scored {
            candidate,
            score,
            level: governance.level_of(score),
            changes_nothing: matches!(effect, None | Some(Effect::Modify))
                && measured.parameters.changed.is_empty(),
        })
    }

    /// Whether a trigger fires even with the mildest values, whatever the targets.
    fn cannot_remove(&self, trigger: &Trigger) -> bool {
        let mildest = |plan: &usize| {
            let edits = self.plans.get(*plan);
            edits.map_or(0, |edits| edits.iter().map(|edit| edit.cost).sum::<u32>())
        };
        let plan = (0..self.plans.len()).max_by_key(mildest).unwrap_or(0);
        (0..self.targets.len()).all(|target| {
            (0..self.environments.len()).all(|environment| {
                [0, plan].into_iter().all(|plan| {
                    let candidate = Candidate {
                        edits: 0,
                        cost: 0,
                        target,
                        environment,
                        plan,
                    };
                    let subject = self.subject(candidate);
                    triggers::fires(trigger, &subject, &Measured::of(&subject))
                })
            })
        })
    }

    fn reduction(&self, scored: Scored) -> Reduction {
        let mut edits = BTreeMap::new();
        let mut dropped = Vec::new();
        for edit in self.edits(scored.candidate) {
            match edit.becomes {
                Some(value) => {
                    edits.insert(edit.name.to_string(), value.clone());
                }
                None => dropped.push(Value::from(edit.name.as_str())),
            }
        }
        if !dropped.is_empty() {
            dropped.sort();
            edits.insert(DROP.to_owned(), Value::List(dropped));
        }
        let plan = self.targets.get(scored.candidate.target);
        if let Some(targets) = plan.and_then(|plan| plan.targets.as_ref()) {
            let names = targets
                .iter()
                .map(|name: &&TargetName| Value::from(name.as_str()));
            edits.insert(TARGETS.to_owned(), Value::List(names.collect()));
        }
        let note = if scored.changes_nothing {
            Some("which leaves everything as it is")
        } else {
            plan.and_then(|plan| plan.note)
        };
        Reduction {
            edits,
            score: scored.score,
            level: scored.level,
            note,
        }
    }
}

#[cfg(test)]
mod tests;
