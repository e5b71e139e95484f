//! Whether what is left of a proposal may be approved in its place: it is no riskier, and lies between what is so now
//! and what was proposed.

use super::limits::UsedLimits;
use super::{RiskContext, advise, assess, validity};
use crate::domain::amendment::Amendment;
use crate::domain::documents::{AmendmentRecord, Assessment, Recommendation};
use crate::domain::ids::{ParameterName, TargetName};
use crate::domain::level::{Level, Score};
use crate::domain::problem::Problems;
use crate::domain::value::{Value, ValueType};
use crate::rules::Rules;

/// A proposal that was scored.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    pub about: &'a Recommendation,
    pub situation: &'a RiskContext,
    pub assessment: &'a Assessment,
}

/// What an amendment leaves of a proposal.
#[derive(Debug)]
pub struct Left {
    pub amendment: Amendment,
    pub document: Recommendation,
    pub situation: RiskContext,
    pub assessment: Assessment,
}

impl Left {
    /// What an amendment leaves, where so much of limits is used; or why that cannot be approved in place of what is
    /// proposed.
    pub fn score(
        proposed: Scored<'_>,
        amendment: Amendment,
        used: UsedLimits,
        rules: &Rules,
    ) -> Result<Self, String> {
        let document = amendment.applied_to(proposed.about);
        let situation = RiskContext {
            used,
            ..proposed.situation.clone()
        };
        let path = Recommendation::path_of(document.id);
        let problems = validity::problems(&path, &document, &situation, rules);
        if !problems.is_empty() {
            return Err(Problems(problems).in_one_line());
        }
        let left = Self {
            assessment: assess(&document, &situation, rules),
            amendment,
            document,
            situation,
        };
        match find_widening(proposed, left.scored(), &left.amendment, rules) {
            Some(widening) => Err(widening.to_string()),
            None => Ok(left),
        }
    }

    pub fn scored(&self) -> Scored<'_> {
        Scored {
            about: &self.document,
            situation: &self.situation,
            assessment: &self.assessment,
        }
    }

    pub fn record(&self) -> AmendmentRecord {
        AmendmentRecord {
            edits: self.amendment.clone(),
            risk: self.assessment.clone(),
        }
    }
}

/// Why it has to be proposed anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Widening {
    #[error(
        "`{parameter}: {value}` does not lie between the present `{present}` of `{target}` and the proposed `{proposed}`: the agent \
         has to propose it"
    )]
    Outside {
        parameter: ParameterName,
        value: Value,
        target: TargetName,
        present: Value,
        proposed: Value,
    },
    #[error("it is {level} {score}, riskier than what is proposed: the agent has to propose it")]
    Riskier { level: Level, score: Score },
    #[error("the rules ask other people about it: the agent has to propose it")]
    AsksOthers,
    #[error("a rule refuses it")]
    Refused,
}

/// Why what an amendment leaves of a proposal cannot be approved in its place, if it cannot.
fn find_widening(
    proposed: Scored<'_>,
    left: Scored<'_>,
    amendment: &Amendment,
    rules: &Rules,
) -> Option<Widening> {
    let (before, after) = (proposed.assessment, left.assessment);
    if after.is_refused() && !before.is_refused() {
        return Some(Widening::Refused);
    }
    if after.level > before.level || after.score > before.score {
        return Some(Widening::Riskier {
            level: after.level,
            score: after.score,
        });
    }
    if rules.governance.mode.asks_people() && after.asks_for_more_than(before) {
        return Some(Widening::AsksOthers);
    }
    let outside = find_outside(proposed, left.about, amendment, rules)?;
    // What was computed to be less risky may lie elsewhere, such as another word.
    let advice = advise(proposed.about, proposed.situation, rules, before);
    let mut computed = advice.reductions.iter();
    let is_computed = computed.any(|one| one.apply(proposed.about) == *left.about);
    (!is_computed).then_some(outside)
}

/// A value that is not between the present one of a target and the proposed one.
fn find_outside(
    proposed: Scored<'_>,
    left: &Recommendation,
    amendment: &Amendment,
    rules: &Rules,
) -> Option<Widening> {
    let of_pair = |name: &ParameterName, value: &Value, target: &TargetName| {
        let asked = proposed.about.changes.get(name)?;
        let known = proposed.situation.find_target(target);
        let present = known.and_then(|known| known.parameters.get(name));
        let rule = rules.parameters.get(name);
        let value_type = rule.and_then(|rule| rule.value_type());
        let is_between = present.is_some_and(|present| {
            is_between(
                value_type.unwrap_or(ValueType::Number),
                [present, value, asked],
            )
        });
        (!is_between).then(|| Widening::Outside {
            parameter: name.clone(),
            value: value.clone(),
            target: target.clone(),
            present: present.cloned().unwrap_or(Value::Null),
            proposed: asked.clone(),
        })
    };
    amendment.set.iter().find_map(|(name, value)| {
        left.targets
            .iter()
            .find_map(|target| of_pair(name, value, target))
    })
}

fn is_between(value_type: ValueType, [present, value, asked]: [&Value; 3]) -> bool {
    let measure = |value| value_type.measure(value);
    match (measure(present), measure(value), measure(asked)) {
        (Some(present), Some(value), Some(asked)) => {
            (present.min(asked)..=present.max(asked)).contains(&value)
        }
        _ => false,
    }
}
