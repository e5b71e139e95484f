//! Where another version of the rules asks for less, or for more: proposals are made up from the boundaries of both
//! versions, both are asked about each, and what they answer is compared.
//!
//! Of a plain proposal for each kind of action and target every boundary is varied alone, and what the condition of one
//! rule looks at together. What is found is so; where nothing is found, nothing is claimed but what was looked at.

mod boundaries;
mod grants;
mod proposals;
mod standing;
#[cfg(test)]
mod tests;
mod values;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::Serialize;

use crate::domain::documents::{Assessment, FiredTrigger, Requirement, RuleAsk, RuleEffect};
use crate::domain::ids::{
    ActionName, AgentName, EvidenceName, ParameterName, TargetName, TriggerId,
};
use crate::domain::level::Level;
use crate::domain::value::Value;
use crate::gate::oversight::{RiskAnswer, ask_covers};
use crate::gate::{asks, requirement};
use crate::risk::{assess, validity};
use crate::rules::Rules;

use boundaries::{Boundaries, Boundary, RuleBoundaries, Setting};
pub use proposals::Targets;
use proposals::{Base, Proposed};
pub use standing::StandingChange;
pub use words::Section;

/// How two versions of the rules differ, as far as that was looked for.
#[derive(Debug, Clone, Serialize)]
pub struct RuleComparison {
    pub looked_at: LookedAt,
    /// By the level that the old rules give.
    pub levels: BTreeMap<Level, Tally>,
    /// By each rule that fires in either version: what it alone asks for.
    pub rules: BTreeMap<TriggerId, RuleTally>,
    /// The rules that none of the proposals fires.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub never_fired: BTreeSet<TriggerId>,
    /// What holds of every proposal: who approves, and numbers that no proposal depends on.
    pub standing: Vec<StandingChange>,
    /// The smallest example of each laxity.
    pub laxities: Vec<Laxity>,
}

/// What was looked at.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LookedAt {
    /// How many proposals both versions were asked about.
    pub proposals: usize,
    /// How many more could have been made up, but for the limit.
    pub left_out: usize,
    /// How many kinds of actions and of targets they are about.
    pub actions: usize,
    pub targets: usize,
    /// How many kinds of targets are beyond the limit.
    pub targets_left_out: usize,
    /// How many values of each parameter.
    pub parameters: BTreeMap<ParameterName, usize>,
    /// How many values of everything else.
    pub circumstances: BTreeMap<String, usize>,
    /// The rules whose conditions look at several of these, which were varied together.
    pub combined: BTreeSet<TriggerId>,
    /// How many files are looked at of which a change is judged.
    pub files: usize,
}

/// How many proposals come out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub proposals: usize,
    /// Of those: the new rules ask for something that the old ones do not.
    pub stricter: usize,
    /// Of those: the new rules do not ask for all that the old ones do. Where others are asked, it is both.
    pub laxer: usize,
}

/// How one rule comes out.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RuleTally {
    /// Of the proposals for which it fires in either version.
    #[serde(flatten)]
    pub tally: Tally,
    /// The smallest proposal for which it asks for less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub laxity: Option<Example>,
}

/// A proposal that less is asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Laxity {
    /// What was varied for it; nothing: a plain proposal.
    pub varied: Vec<String>,
    pub example: Example,
}

/// A made-up proposal, and what both versions say of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    pub agent: AgentName,
    pub action: ActionName,
    /// The first of the targets.
    pub target: Option<TargetName>,
    pub target_count: usize,
    /// Where that runs; none if it is yet to be made.
    pub environment: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<ParameterName, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<EvidenceName, Value>,
    /// What else is so of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub circumstances: Vec<String>,
    /// What the old rules say; none: it cannot be proposed.
    pub then: Option<RiskAnswer>,
    /// What the new rules say.
    pub now: Option<RiskAnswer>,
}

/// The most proposals that both versions are asked about: of what is varied alone and the versions do not say the same
/// of, of the same together, and of the rest.
const MOST_PROPOSALS: [usize; 3] = [1_000, 500, 1_000];
/// The most combinations for the condition of one rule, of each plain proposal.
const MOST_COMBINATIONS: usize = 256;

/// Compares two versions, for targets such as these.
pub fn compare(old: &Rules, new: &Rules, targets: &Targets) -> RuleComparison {
    let boundaries = Boundaries::of(old, new);
    let kinds = proposals::target_kinds(targets, &boundaries);
    let bases = proposals::bases(&kinds.kinds, &boundaries);
    let mut comparer = Comparer::of(&boundaries);
    comparer.result.looked_at.targets = kinds.kinds.len();
    comparer.result.looked_at.targets_left_out = kinds.left_out;
    let bases: Vec<Base> = bases
        .into_iter()
        .flat_map(|base| comparer.plainest(base))
        .collect();
    for base in &bases {
        comparer.look(base, &[]);
    }
    comparer.vary(&bases);
    comparer.finished(targets)
}

/// What one version says of a proposal.
struct Answer {
    /// None: it cannot be proposed.
    risk: Option<RiskAnswer>,
    level: Level,
    fired: Vec<FiredTrigger>,
}

impl Answer {
    fn of(proposed: &Proposed, rules: &Rules) -> Self {
        let context = proposed.context(rules);
        let about = &proposed.recommendation;
        let assessment = assess(about, &context, rules);
        let is_valid = validity::problems("", about, &context, rules).is_empty();
        let governance = &rules.governance;
        let requires = requirement::for_recommendation(&assessment, governance);
        let risk = is_valid.then(|| of_version(&assessment, requires, rules));
        Self {
            risk,
            level: assessment.level,
            fired: assessment.triggers,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (&self.risk, &other.risk) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => own.covers(other),
        }
    }

    /// Whether nobody's approval could help.
    fn is_blocked(&self) -> bool {
        self.risk.as_ref().is_none_or(|risk| risk.refused)
    }

    /// How much it asks for: the less, the plainer a proposal.
    fn weight(&self) -> impl Ord + use<> {
        let risk = self.risk.as_ref();
        let is_held = risk.is_some_and(|risk| risk.held);
        let score = risk.map(|risk| risk.score);
        (
            risk.is_none(),
            self.is_blocked(),
            is_held,
            self.level,
            self.fired.len(),
            score,
        )
    }
}

/// A plain proposal, and what a version says of it.
struct Tried {
    base: Base,
    /// None: it cannot be written.
    answer: Option<Answer>,
}

/// What a version asks for, as whoever approves meets it.
fn of_version(assessment: &Assessment, requires: Requirement, rules: &Rules) -> RiskAnswer {
    let governance = &rules.governance;
    let level = requirement::of_level(assessment.level, governance);
    let asks = asks::in_force(assessment, level, governance);
    RiskAnswer {
        asks: asks.into_iter().map(|asked| asked.ask).collect(),
        ..RiskAnswer::of(assessment, requires, governance.mode)
    }
}

/// What a rule asks for by itself.
#[derive(Default)]
struct Demand {
    level: Option<Level>,
    held: bool,
    refused: bool,
    ask: Option<RuleAsk>,
}

impl Demand {
    fn of(fired: Option<&FiredTrigger>) -> Self {
        let Some(fired) = fired else {
            return Self::default();
        };
        let lifts = fired.then.map(|lift| lift.level);
        Self {
            level: lifts.or_else(|| fired.effect.is_none().then_some(Level::High)),
            held: fired.has_effect(RuleEffect::Wait),
            refused: fired.has_effect(RuleEffect::Refuse),
            ask: fired.ask.clone(),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        let covers_ask = match (&self.ask, &other.ask) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(other)) => ask_covers(own, other),
        };
        self.refused
            || !other.refused
                && self.level >= other.level
                && (self.held || !other.held)
                && covers_ask
    }
}

/// How small an example is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Size {
    varied: usize,
    targets: usize,
    distance: Decimal,
}

/// What makes two laxities the same one: the level, and what is said then and now.
type Transition = (Level, String);

/// A proposal, and what is varied of it.
type Planned<'b> = (&'b Base, Vec<(Boundary, Setting)>);

struct Comparer<'r> {
    boundaries: &'r Boundaries<'r>,
    result: RuleComparison,
    seen: BTreeMap<Boundary, BTreeSet<Setting>>,
    actions: BTreeSet<ActionName>,
    laxities: BTreeMap<(Transition, Vec<Boundary>), (Size, Example)>,
    of_rules: BTreeMap<TriggerId, (Size, Example)>,
}

impl<'r> Comparer<'r> {
    fn of(boundaries: &'r Boundaries<'r>) -> Self {
        Self {
            boundaries,
            result: RuleComparison {
                looked_at: LookedAt::default(),
                levels: BTreeMap::new(),
                rules: BTreeMap::new(),
                never_fired: BTreeSet::new(),
                standing: Vec::new(),
                laxities: Vec::new(),
            },
            seen: BTreeMap::new(),
            actions: BTreeSet::new(),
            laxities: BTreeMap::new(),
            of_rules: BTreeMap::new(),
        }
    }

    /// The same for each version, with what its conditions look at set so that it asks for as little as it can.
    fn plainest(&self, base: Base) -> Vec<Base> {
        let [old, new] = self.boundaries.versions().map(|rules| {
            let bare = self.plainer(base.clone(), rules);
            if bare
                .answer
                .as_ref()
                .is_some_and(|answer| !answer.is_blocked())
            {
                return bare.base;
            }
            let with_filler = self.with_filler(&bare.base, rules);
            let filled = self.plainer(self.filled(&base), rules);
            let all = [bare, with_filler, filled].into_iter();
            let least = all.min_by_key(|tried| {
                let weight = tried.answer.as_ref().map(Answer::weight);
                (weight.is_none(), weight)
            });
            least.map_or_else(|| base.clone(), |tried| tried.base)
        });
        let is_same = (&old.settings, &old.filler) == (&new.settings, &new.filler);
        std::iter::once(old)
            .chain((!is_same).then_some(new))
            .collect()
    }

    fn tried(&self, base: Base, rules: &Rules) -> Tried {
        let proposed = base.proposed(&[], self.boundaries);
        let answer = proposed.map(|proposed| Answer::of(&proposed, rules));
        Tried { base, answer }
    }

    /// With the most harmless change: what changes nothing cannot be proposed.
    fn with_filler(&self, base: &Base, rules: &Rules) -> Tried {
        let known = base.known.as_deref();
        let names = self.boundaries.parameters().filter(|_| base.takes_changes);
        let changes = names.filter_map(|name| {
            let boundary = Boundary::Parameter(name.clone());
            let settings = self.boundaries.settings_of(&boundary, known).into_iter();
            let guidance = rules.parameters.get(name)?;
            let value = settings
                .flatten()
                .min_by_key(|value| (guidance.worst_tier_of(value), value.is_null()))?;
            Some((boundary, Some(value)))
        });
        let tried = changes.map(|change| {
            let filled = Base {
                filler: Some(change),
                ..base.clone()
            };
            self.tried(filled, rules)
        });
        let least = tried.min_by_key(|tried| {
            let weight = tried.answer.as_ref().map(Answer::weight);
            (weight.is_none(), weight)
        });
        least.unwrap_or_else(|| self.tried(base.clone(), rules))
    }

    /// Everything that conditions name is there: some ask for it all.
    fn filled(&self, base: &Base) -> Base {
        let mut filled = base.clone();
        for boundary in self.conditional(base) {
            let settings = self.boundaries.settings_of(boundary, base.known.as_deref());
            let is_there =
                |setting: &Setting| setting.as_ref().is_some_and(|value| !value.is_null());
            if let Some(setting) = settings.into_iter().find(is_there) {
                let own = filled.settings.entry(boundary.clone());
                own.or_insert(setting);
            }
        }
        filled
    }

    /// What conditions look at and a plain proposal may have one way or the other.
    fn conditional(&self, base: &Base) -> BTreeSet<&'r Boundary> {
        let rules = self.boundaries.rules.values();
        let looked_at = rules.flat_map(|rule| &rule.looks_at);
        let is_free = |boundary: &&Boundary| match boundary {
            Boundary::Parameter(_) => base.takes_changes,
            Boundary::Detail(_) | Boundary::Evidence(_) => true,
            boundary => matches!(boundary, Boundary::Citations | Boundary::Time),
        };
        looked_at.filter(is_free).collect()
    }

    /// With each of these set to what makes least of it, one after the other.
    fn plainer(&self, base: Base, rules: &Rules) -> Tried {
        let conditional = self.conditional(&base);
        let mut least = self.tried(base, rules);
        for boundary in conditional {
            let Some(answer) = &least.answer else {
                return least;
            };
            // What no rule that fires looks at makes no difference to these.
            let mut fired = answer.fired.iter();
            let is_looked_at = fired.any(|fired| {
                let rule = self.boundaries.rules.get(&fired.id);
                rule.is_some_and(|rule| rule.looks_at.contains(boundary))
            });
            if answer.risk.is_some() && !is_looked_at {
                continue;
            }
            let known = least.base.known.as_deref();
            let settings = self.boundaries.settings_of(boundary, known);
            for setting in settings {
                let mut base = least.base.clone();
                base.settings.insert(boundary.clone(), setting);
                let tried = self.tried(base, rules);
                let weight = |tried: &Tried| tried.answer.as_ref().map(Answer::weight);
                if tried.answer.is_some() && weight(&tried) < weight(&least) {
                    least = tried;
                }
            }
        }
        least
    }

    /// Each boundary alone, and what the condition of a rule looks at together.
    fn vary(&mut self, bases: &[Base]) {
        let boundaries = self.boundaries;
        let parameters = boundaries.parameters().cloned();
        let (changed, same): (Vec<_>, Vec<_>) =
            parameters.partition(|name| boundaries.is_changed(name));
        let changed = changed.into_iter().map(Boundary::Parameter);
        let mut first = Vec::new();
        for boundary in changed.chain(boundaries.circumstances().cloned()) {
            first.extend(self.each(&boundary, bases));
        }
        let (mut together, mut rest) = (Vec::new(), Vec::new());
        for (id, rule) in &boundaries.rules {
            let combined = self.together(rule, bases);
            if !combined.is_empty() {
                self.result.looked_at.combined.insert(id.clone());
            }
            match rule.is_changed {
                true => together.extend(combined),
                false => rest.extend(combined),
            }
        }
        for name in same {
            rest.extend(self.each(&Boundary::Parameter(name), bases));
        }
        let mut unused = 0;
        for (planned, most) in [first, together, rest].iter().zip(MOST_PROPOSALS) {
            let (all, most) = (planned.len(), most + unused);
            unused = most.saturating_sub(all);
            self.result.looked_at.left_out += all.saturating_sub(most);
            // Evenly over all of them.
            let is_taken =
                |index: usize| all <= most || index * most / all != (index + 1) * most / all;
            for (index, (base, varied)) in planned.iter().enumerate() {
                if is_taken(index) {
                    self.look(base, varied);
                }
            }
        }
    }

    fn each<'b>(&self, boundary: &Boundary, bases: &'b [Base]) -> Vec<Planned<'b>> {
        let planned = bases.iter().flat_map(|base| {
            let varied = self.settings_beside(base, boundary).into_iter();
            varied.map(move |one| (base, vec![one]))
        });
        planned.collect()
    }

    fn together<'b>(&mut self, rule: &RuleBoundaries, bases: &'b [Base]) -> Vec<Planned<'b>> {
        let mut planned = Vec::new();
        for base in bases {
            let combinations = self.combinations(rule, base).into_iter();
            planned.extend(combinations.map(|varied| (base, varied)));
        }
        planned
    }

    /// What a boundary may be beside what it is.
    fn settings_beside(&self, base: &Base, boundary: &Boundary) -> Vec<(Boundary, Setting)> {
        if matches!(boundary, Boundary::Parameter(_)) && !base.takes_changes {
            return Vec::new();
        }
        let known = base.known.as_deref();
        let settings = self.boundaries.settings_of(boundary, known).into_iter();
        let settings = settings.filter(|setting| !base.is(boundary, setting));
        settings
            .map(|setting| (boundary.clone(), setting))
            .collect()
    }

    /// Every combination in which at least two are varied.
    fn combinations(
        &mut self,
        rule: &RuleBoundaries,
        base: &Base,
    ) -> Vec<Vec<(Boundary, Setting)>> {
        let boundaries = self.boundaries;
        let varied = |boundary: &Boundary| self.settings_beside(base, boundary);
        let mut all: Vec<Vec<(Boundary, Setting)>> = rule.looks_at.iter().map(varied).collect();
        if rule.looks_at_any_parameter {
            let names = boundaries.parameters().cloned().map(Boundary::Parameter);
            all.push(names.flat_map(|boundary| varied(&boundary)).collect());
        }
        let mut combinations: Vec<Vec<(Boundary, Setting)>> = vec![Vec::new()];
        for settings in all {
            let mut more = Vec::new();
            for combination in &combinations {
                let added = settings.iter().map(|setting| {
                    [combination.as_slice(), std::slice::from_ref(setting)].concat()
                });
                more.extend(added);
            }
            combinations.extend(more);
            if combinations.len() > MOST_COMBINATIONS {
                let step = combinations.len().div_ceil(MOST_COMBINATIONS);
                let all = combinations.len();
                combinations = combinations.into_iter().step_by(step).collect();
                self.result.looked_at.left_out += all - combinations.len();
            }
        }
        combinations.retain(|combination| combination.len() > 1);
        combinations
    }

    /// Asks both versions about one proposal.
    fn look(&mut self, base: &Base, varied: &[(Boundary, Setting)]) {
        let Some(proposed) = base.proposed(varied, self.boundaries) else {
            return;
        };
        let [then, now] = self
            .boundaries
            .versions()
            .map(|rules| Answer::of(&proposed, rules));
        if then.risk.is_none() && now.risk.is_none() {
            return;
        }
        self.result.looked_at.proposals += 1;
        self.actions.insert(base.action.clone());
        for (boundary, setting) in varied {
            self.seen
                .entry(boundary.clone())
                .or_default()
                .insert(setting.clone());
        }
        let is_stricter = !then.covers(&now);
        let is_laxer = !now.covers(&then);
        let tally = self.result.levels.entry(then.level).or_default();
        tally.add(is_stricter, is_laxer);
        let size = Size {
            varied: varied.len(),
            targets: proposed.recommendation.targets.len(),
            distance: base.distance(varied),
        };
        let mut example = None;
        let mut made = || {
            let example =
                example.get_or_insert_with(|| Example::of(&proposed, varied, &then, &now));
            example.clone()
        };
        if is_laxer {
            let transition = (
                then.level,
                words::transition(then.risk.as_ref(), now.risk.as_ref()),
            );
            let boundaries = varied.iter().map(|(boundary, _)| boundary.clone());
            let key = (transition, boundaries.collect());
            keep_smaller(&mut self.laxities, key, size, &mut made);
        }
        let find = |answer: &Answer, id: &TriggerId| {
            Demand::of(answer.fired.iter().find(|fired| fired.id == *id))
        };
        let ids = then
            .fired
            .iter()
            .chain(&now.fired)
            .map(|fired| fired.id.clone());
        for id in ids.collect::<BTreeSet<TriggerId>>() {
            let (demanded, demands) = (find(&then, &id), find(&now, &id));
            let (is_stricter, is_laxer) = (!demanded.covers(&demands), !demands.covers(&demanded));
            let rule = self.result.rules.entry(id.clone()).or_default();
            rule.tally.add(is_stricter, is_laxer);
            if is_laxer {
                keep_smaller(&mut self.of_rules, id, size, &mut made);
            }
        }
    }

    fn finished(mut self, targets: &Targets) -> RuleComparison {
        let [old, new] = self.boundaries.versions();
        let files = standing::files(targets);
        let looked_at = &mut self.result.looked_at;
        looked_at.actions = self.actions.len();
        looked_at.files = files.len();
        for (boundary, settings) in self.seen {
            match boundary {
                Boundary::Parameter(name) => {
                    looked_at.parameters.insert(name, settings.len());
                }
                other => {
                    looked_at
                        .circumstances
                        .insert(other.to_string(), settings.len());
                }
            }
        }
        for (id, (_, example)) in self.of_rules {
            if let Some(rule) = self.result.rules.get_mut(&id) {
                rule.laxity = Some(example);
            }
        }
        let fired = &self.result.rules;
        let all = self.boundaries.rules.keys();
        self.result.never_fired = all.filter(|id| !fired.contains_key(*id)).cloned().collect();
        self.result.standing = standing::changes(old, new, &files);
        self.result.laxities = smallest(self.laxities);
        self.result
    }
}

/// One for each boundary, unless the same is so with less varied.
fn smallest(found: BTreeMap<(Transition, Vec<Boundary>), (Size, Example)>) -> Vec<Laxity> {
    let mut fewest: BTreeMap<Transition, usize> = BTreeMap::new();
    for ((transition, _), (size, _)) in &found {
        let least = fewest.entry(transition.clone()).or_insert(size.varied);
        *least = size.varied.min(*least);
    }
    let mut smallest: Vec<_> = found
        .into_iter()
        .filter(|((transition, _), (size, _))| fewest.get(transition) == Some(&size.varied))
        .collect();
    // What was HIGH first, and then what is the plainest.
    smallest.sort_by_key(|(((level, _), _), (size, _))| (std::cmp::Reverse(*level), *size));
    let laxities = smallest
        .into_iter()
        .map(|((_, varied), (_, example))| Laxity {
            varied: varied.iter().map(Boundary::to_string).collect(),
            example,
        });
    laxities.collect()
}

fn keep_smaller<K: Ord>(
    kept: &mut BTreeMap<K, (Size, Example)>,
    key: K,
    size: Size,
    example: &mut impl FnMut() -> Example,
) {
    match kept.get_mut(&key) {
        Some((least, _)) if *least <= size => {}
        Some(kept) => *kept = (size, example()),
        None => {
            kept.insert(key, (size, example()));
        }
    }
}

impl Tally {
    fn add(&mut self, is_stricter: bool, is_laxer: bool) {
        self.proposals += 1;
        self.stricter += usize::from(is_stricter);
        self.laxer += usize::from(is_laxer);
    }
}

impl Base {
    /// Whether a boundary is set like this already.
    fn is(&self, boundary: &Boundary, setting: &Setting) -> bool {
        let known = self.known.as_deref();
        match (self.settings.get(boundary), boundary) {
            (Some(own), _) => own == setting,
            (None, Boundary::TargetCount) => *setting == Some(1.into()),
            (None, Boundary::Time) => *setting == Some(boundaries::start().timestamp().into()),
            (None, Boundary::Label(label)) => {
                let own = known.and_then(|known| known.labels.get(label));
                own.map(|own| Value::from(own.as_str())) == *setting
            }
            (None, Boundary::Present(name)) => {
                known.and_then(|known| known.parameters.get(name)) == setting.as_ref()
            }
            (None, Boundary::Agent) => *setting == Some(self.agent.as_str().into()),
            (None, Boundary::Session) => *setting == Some(self.session.as_str().into()),
            (None, Boundary::TargetName) => *setting == Some(self.target.as_str().into()),
            (None, _) => setting.is_none(),
        }
    }

    /// How far what is varied lies from what is there.
    fn distance(&self, varied: &[(Boundary, Setting)]) -> Decimal {
        let of_one = |(boundary, setting): &(Boundary, Setting)| {
            let now = setting.as_ref().and_then(Value::number)?;
            let own = self.settings.get(boundary).cloned().flatten();
            let present = match boundary {
                Boundary::Parameter(name) => {
                    let known = self.known.as_deref();
                    known.and_then(|known| known.parameters.get(name)).cloned()
                }
                _ => None,
            };
            let from = own
                .or(present)
                .and_then(|value| value.number())
                .unwrap_or_default();
            now.checked_sub(from).map(|distance| distance.abs())
        };
        let distances = varied.iter().filter_map(of_one);
        distances.fold(Decimal::ZERO, |sum, one| {
            sum.checked_add(one).unwrap_or(sum)
        })
    }
}

impl Example {
    fn of(
        proposed: &Proposed,
        varied: &[(Boundary, Setting)],
        then: &Answer,
        now: &Answer,
    ) -> Self {
        let about = &proposed.recommendation;
        let target = about.targets.first();
        let known = target.and_then(|target| proposed.targets.get(target));
        Self {
            agent: about.agent.clone(),
            action: about.action.clone(),
            target: target.cloned(),
            target_count: about.targets.len(),
            environment: known.map(|known| known.environment.clone()),
            changes: about.changes.clone(),
            details: about.details.clone(),
            evidence: proposed.evidence.clone(),
            circumstances: words::circumstances(varied),
            then: then.risk.clone(),
            now: now.risk.clone(),
        }
    }
}
