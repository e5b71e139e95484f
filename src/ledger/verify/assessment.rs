//! The recorded assessment against the one that is computed again.

use super::commit_check::CommitCheck;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::documents::{
    Assessment, BaselineRecord, Decision, FactorScore, FiredTrigger, Requirement, Rescored,
};
use crate::domain::ids::quoted;

/// A record that holds an assessment, and what was required by it.
pub trait Recorded {
    /// The keys that lead to the assessment and to the requirement.
    const KEYS: &'static [&'static str];
    fn risk(&self) -> &Assessment;
    fn required(&self) -> Requirement;
    fn engine(&self) -> &str;
}

impl Recorded for Decision {
    const KEYS: &'static [&'static str] = &[];
    fn risk(&self) -> &Assessment {
        &self.risk
    }
    fn required(&self) -> Requirement {
        self.required
    }
    fn engine(&self) -> &str {
        &self.engine
    }
}

impl Recorded for Rescored {
    const KEYS: &'static [&'static str] = &["now"];
    fn risk(&self) -> &Assessment {
        &self.now.risk
    }
    fn required(&self) -> Requirement {
        self.now.required
    }
    fn engine(&self) -> &str {
        &self.engine
    }
}

fn place<R: Recorded>(written: &Written<R>, keys: &[&str]) -> String {
    written.place(&[R::KEYS, keys].concat())
}

/// Compares score, level, every factor and every trigger, their wordings included.
pub fn compare<R: Recorded>(check: &mut CommitCheck, written: &Written<R>, computed: &Assessment) {
    let recorded = written.document.risk();
    if recorded == computed {
        return;
    }
    if recorded.score != computed.score {
        let message = format!(
            "{} is {}, but it is {} when computed again",
            place(written, &["risk", "score"]),
            recorded.score,
            computed.score
        );
        check.say(FindingKind::WrongScore, message);
    }
    if recorded.level != computed.level {
        let message = format!(
            "{} is {}, but it is {} when computed again",
            place(written, &["risk", "level"]),
            recorded.level,
            computed.level
        );
        check.say(FindingKind::WrongLevel, message);
    }
    if let Some(message) = find_wrong_factor(&recorded.factors, &computed.factors) {
        check.say(
            FindingKind::WrongFactor,
            format!("{}: {message}", place(written, &["risk", "factors"])),
        );
    }
    if let Some(message) = find_wrong_trigger(&recorded.triggers, &computed.triggers) {
        check.say(
            FindingKind::WrongTrigger,
            format!("{}: {message}", place(written, &["risk", "triggers"])),
        );
    }
    if let Some(message) = find_wrong_baseline(&recorded.baselines, &computed.baselines) {
        check.say(
            FindingKind::WrongBaseline,
            format!("{}: {message}", place(written, &["risk", "baselines"])),
        );
    }
}

/// Where what changes was when people saw it last.
fn find_wrong_baseline(recorded: &[BaselineRecord], computed: &[BaselineRecord]) -> Option<String> {
    let differs = |of: &[BaselineRecord], others: &[BaselineRecord]| {
        let mut of = of.iter();
        of.find(|record| !others.contains(record)).cloned()
    };
    if let Some(missing) = differs(computed, recorded) {
        return Some(format!("it is not recorded that {missing}"));
    }
    let extra = differs(recorded, computed)?;
    Some(format!("computed again, it is not so that {extra}"))
}

/// The requirement that follows from level and rules.
pub fn compare_requirement<R: Recorded>(
    check: &mut CommitCheck,
    written: &Written<R>,
    computed: Requirement,
) {
    let recorded = written.document.required();
    if recorded != computed {
        let message = format!(
            "{} is {}, but the rules ask for {}",
            place(written, &["required"]),
            in_words(recorded),
            in_words(computed)
        );
        check.say(FindingKind::WrongRequirement, message);
    }
}

fn in_words(requirement: Requirement) -> String {
    let justification = if requirement.justification {
        "with"
    } else {
        "without"
    };
    format!(
        "{} of role {} {justification} justification",
        requirement.approvals, requirement.role
    )
}

fn find_wrong_factor(recorded: &[FactorScore], computed: &[FactorScore]) -> Option<String> {
    for theirs in computed {
        let Some(ours) = recorded.iter().find(|factor| factor.name == theirs.name) else {
            return Some(format!("the factor `{}` is missing", theirs.name));
        };
        let numbers = |f: &FactorScore| (f.points, f.weight, f.contribution);
        if numbers(ours) != numbers(theirs) {
            let told = |f: &FactorScore| {
                format!(
                    "{} points at {} % make {}",
                    f.points, f.weight, f.contribution
                )
            };
            return Some(format!(
                "`{}`: {}, but computed again {}",
                theirs.name,
                told(ours),
                told(theirs)
            ));
        }
        let words = |f: &FactorScore| [f.input.clone(), f.source.clone(), f.reason.clone()];
        let difference = words(ours)
            .into_iter()
            .zip(words(theirs))
            .find(|(a, b)| a != b);
        if let Some((said, is)) = difference {
            return Some(format!(
                "`{}` rests on {}, but computed again on {}",
                theirs.name,
                quoted(&said),
                quoted(&is)
            ));
        }
    }
    let extra = recorded
        .iter()
        .find(|factor| !computed.iter().any(|known| known.name == factor.name));
    let extra = extra.map(|factor| format!("there is no factor {}", quoted(&factor.name)));
    extra.or_else(|| {
        (recorded.len() != computed.len()).then(|| "a factor is there twice".to_owned())
    })
}

fn find_wrong_trigger(recorded: &[FiredTrigger], computed: &[FiredTrigger]) -> Option<String> {
    if let Some(missing) = computed
        .iter()
        .find(|trigger| !recorded.iter().any(|known| known.id == trigger.id))
    {
        return Some(format!(
            "`{}` fires, but is not recorded: {}",
            missing.id, missing.reason
        ));
    }
    if let Some(extra) = recorded
        .iter()
        .find(|trigger| !computed.iter().any(|known| known.id == trigger.id))
    {
        return Some(format!("`{}` is recorded, but does not fire", extra.id));
    }
    let paired = || recorded.iter().zip(computed);
    if let Some((said, is)) =
        paired().find(|(a, b)| a.id == b.id && a.effect_in_words() != b.effect_in_words())
    {
        return Some(format!(
            "`{}`: {}, but computed again: {}",
            said.id,
            said.effect_in_words(),
            is.effect_in_words()
        ));
    }
    let differs = |(a, b): &(&FiredTrigger, &FiredTrigger)| a != b;
    let (said, is) = paired().find(differs)?;
    Some(format!(
        "`{}` fired because {}, but computed again `{}` because {}",
        said.id,
        quoted(&said.reason),
        is.id,
        quoted(&is.reason)
    ))
}
