//! What would make a proposal less risky: the smallest edits, each of them scored.
//!
//! Nothing here is canned advice. Candidate edits (see `options`) are put in order - fewest edits,
//! then the least distance from what was proposed - and scored one by one with the same code that
//! scores proposals; for each lower level the first that reaches it is shown, the lowest score
//! among equals. Where none reaches a lower level, the one that lowers the score most is shown. An
//! edit that leaves nothing to change is shown only when nothing else helps.
//!
//! The work is bounded: see [`MOST_SCORINGS`].

mod options;
mod reduction;

use std::collections::BTreeMap;

use crate::domain::documents::{Assessment, Lift, Recommendation};
use crate::domain::ids::{TargetName, TriggerId};
use crate::domain::level::{Level, Score};
use crate::domain::value::Value;
use crate::risk::risk_context::RiskContext;
use crate::risk::score::Measured;
use crate::risk::subject::ScoringInput;
use crate::risk::triggers::{self, Firing, ProposalFacts};
use crate::risk::validity;
use crate::rules::Rules;
use crate::rules::actions::Effect;
use crate::rules::policy::{Consequence, PolicyRule};
pub use options::MOST_REHEARSALS;
use options::{Edit, TargetPlan};
use reduction::RESERVED;
pub use reduction::{DROP, Reduction, TARGETS};

/// How many edits are scored for one proposal in either search, at most.
pub const MOST_SCORINGS: usize = 40;

/// What can be said to somebody who wants a proposal to be less risky.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Advice {
    /// For each lower level that some edit reaches, the smallest one, the nearer level first; where none
    /// reaches any, the one that lowers the score most. Where rules ask for approvals, last the smallest one of which
    /// none does.
    pub reductions: Vec<Reduction>,
    /// The triggers that no edit of a value or of the targets removes, such as that the agent is not
    /// registered.
    pub lasting: Vec<TriggerId>,
}

/// What would make a proposal less risky, and what cannot be helped.
///
/// `assessment` is what [`super::assess`] says of the same three. Every reduction was scored:
/// applied to the recommendation and assessed again it has exactly this score and level.
pub fn advise(
    recommendation: &Recommendation,
    situation: &RiskContext,
    rules: &Rules,
    assessment: &Assessment,
) -> Advice {
    let present = assessment.present();
    let is_asked = assessment.triggers.iter().any(|fired| fired.ask.is_some());
    let is_asked = is_asked && rules.governance.mode.asks_people() && !assessment.is_refused();
    if present.level == Level::Low {
        let unasked = || {
            searched(recommendation, situation, rules, |search| {
                search.unasked(present)
            })
        };
        return Advice {
            reductions: is_asked.then(unasked).flatten().into_iter().collect(),
            lasting: Vec::new(),
        };
    }
    searched(recommendation, situation, rules, |search| {
        let lasting = fired(rules, assessment).filter(|trigger| triggers::is_lasting(trigger));
        let least = lasting
            .filter_map(PolicyRule::level)
            .map(|level| triggers::lifted_to(level, &rules.governance));
        let mut reductions = search.run(present, least.max().unwrap_or_default());
        let reached = reductions.iter().map(|reduction| reduction.level).min();
        let reached = reached.unwrap_or(assessment.level);
        let lasting = fired(rules, assessment).filter(|rule| {
            let may_last = match rule.level() {
                // An edit that was scored below its level has removed it.
                Some(level) => reached >= level,
                None => rule.then == Some(Consequence::Refuse) && reductions.is_empty(),
            };
            may_last && (triggers::is_lasting(rule) || search.cannot_remove(rule))
        });
        let lasting = lasting.map(|trigger| trigger.id.clone()).collect();
        reductions.extend(is_asked.then(|| search.unasked(present)).flatten());
        Advice {
            reductions,
            lasting,
        }
    })
}

/// Makes the candidates and hands them on: they borrow values that live no longer than this.
fn searched<T>(
    recommendation: &Recommendation,
    situation: &RiskContext,
    rules: &Rules,
    then: impl FnOnce(&Search<'_>) -> T,
) -> T {
    let base = ScoringInput::new(recommendation, situation, rules);
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
fn fired<'r>(rules: &'r Rules, assessment: &'r Assessment) -> impl Iterator<Item = &'r PolicyRule> {
    let has_fired = |trigger: &&PolicyRule| {
        assessment
            .triggers
            .iter()
            .any(|fired| fired.id == trigger.id)
    };
    rules.policy.iter().filter(has_fired)
}

/// The candidates: every plan for the changes with every one for the environment and the targets.
struct Search<'v> {
    recommendation: &'v Recommendation,
    base: ScoringInput<'v>,
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

/// A candidate that was scored.
#[derive(Clone, Copy)]
struct Scored {
    candidate: Candidate,
    score: Score,
    level: Level,
    changes_nothing: bool,
}

/// The smallest candidates that reach a lower level.
#[derive(Default)]
struct Reached {
    lower: Option<Scored>,
    low: Option<Scored>,
    /// One that leaves the targets as they are.
    by_doing_nothing: Option<Scored>,
}

impl<'v> Search<'v> {
    /// `least` is what the triggers that no edit removes make of any score.
    fn run(&self, present: Lift, least: Score) -> Vec<Reduction> {
        let reached = self.reach(present.level, least);
        let found = match (reached.lower, reached.low) {
            (None, None) => {
                let lowest = self.lower_most(present.score, least);
                [lowest.or(reached.by_doing_nothing), None]
            }
            (Some(lower), Some(_)) if lower.level == Level::Low => [Some(lower), None],
            (lower, low) => [lower, low],
        };
        found
            .into_iter()
            .flatten()
            .map(|scored| self.reduction(scored))
            .collect()
    }

    /// Looks for lower levels, the smallest edits first.
    fn reach(&self, present: Level, least: Score) -> Reached {
        let governance = &self.base.rules.governance;
        let may_be_medium = present == Level::High && least <= governance.medium_up_to;
        let may_be_low = least <= governance.low_up_to;
        let mut reached = Reached::default();
        let mut scorings = 0;
        let mut floors = vec![None; self.targets.len() * self.environments.len()];
        for candidate in self.candidates() {
            let size = (candidate.edits, candidate.cost);
            let tied = |scored: &Scored| (scored.candidate.edits, scored.candidate.cost) == size;
            let wants_medium = may_be_medium && reached.lower.is_none_or(|scored| tied(&scored));
            let wants_low = may_be_low && reached.low.is_none_or(|scored| tied(&scored));
            let is_low_found = may_be_low && !wants_low;
            if is_low_found || !(wants_medium || wants_low) || scorings >= MOST_SCORINGS {
                break;
            }
            let limit = if wants_medium {
                governance.medium_up_to
            } else {
                governance.low_up_to
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
                let scored = Some(scored).filter(|_| in_place);
                reached.by_doing_nothing = reached.by_doing_nothing.or(scored);
                continue;
            }
            let better = |than: &Option<Scored>| {
                than.is_none_or(|than| tied(&than) && scored.score < than.score)
            };
            if wants_medium && better(&reached.lower) {
                reached.lower = Some(scored);
            }
            if scored.level == Level::Low && better(&reached.low) {
                reached.low = Some(scored);
            }
        }
        reached
    }

    /// The candidate with the lowest score below `present`, the smallest of equals.
    fn lower_most(&self, present: Score, least: Score) -> Option<Scored> {
        let mut candidates: Vec<(Score, Candidate)> = self
            .candidates()
            .into_iter()
            .map(|candidate| (self.floor(candidate).max(least), candidate))
            .collect();
        candidates.sort_unstable();
        let mut best: Option<Scored> = None;
        for (floor, candidate) in candidates.into_iter().take(MOST_SCORINGS) {
            let below = best.map_or(present, |best| best.score);
            if floor >= below {
                break;
            }
            let limit = Score::hundredths(below.as_hundredths().saturating_sub(1));
            let scored = self.score(candidate, limit);
            best = scored.filter(|scored| !scored.changes_nothing).or(best);
        }
        best
    }

    /// The smallest candidate that is no riskier and of which no rule asks for approvals.
    fn unasked(&self, present: Lift) -> Option<Reduction> {
        let candidates = self.candidates().into_iter().take(MOST_SCORINGS);
        let mut scored = candidates.filter_map(|candidate| {
            self.score_if(candidate, present.score, |firing| !firing.asks_somebody())
        });
        let scored = scored.find(|scored| !scored.changes_nothing);
        scored.map(|scored| Reduction {
            unasked: true,
            ..self.reduction(scored)
        })
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
    fn subject(&self, candidate: Candidate) -> ScoringInput<'v> {
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

    /// Scores a candidate; none if it is above the limit or invalid.
    fn score(&self, candidate: Candidate, limit: Score) -> Option<Scored> {
        self.score_if(candidate, limit, |_| true)
    }

    /// The same, and none if the rules that fire are not as wanted.
    fn score_if(
        &self,
        candidate: Candidate,
        limit: Score,
        is_wanted: impl FnOnce(&Firing<'_>) -> bool,
    ) -> Option<Scored> {
        let governance = &self.base.rules.governance;
        let subject = self.subject(candidate);
        let effect = subject.effect();
        let is_empty = subject.changes.is_empty() || subject.targets.is_empty();
        if effect == Some(Effect::Modify) && is_empty {
            return None;
        }
        let measured = Measured::of(&subject);
        let sum = measured.sum(governance);
        if sum > limit {
            return None;
        }
        let facts = ProposalFacts::of(&subject, &measured);
        let firing = Firing::over(&facts);
        let score = sum.max(firing.least_score());
        if score > limit || !is_wanted(&firing) {
            return None;
        }
        let targets = subject.targets.iter().map(|(name, _)| *name);
        let mut unmet = validity::unmet(self.recommendation, effect, targets, self.base.situation);
        if unmet.next().is_some() || firing.is_refused() {
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
    fn cannot_remove(&self, trigger: &PolicyRule) -> bool {
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
                    let measured = Measured::of(&subject);
                    Firing::over(&ProposalFacts::of(&subject, &measured)).fires(trigger)
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
            unasked: false,
            note,
        }
    }
}

#[cfg(test)]
mod tests;
