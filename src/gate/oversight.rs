//! What a set of rules asks for, and whether another one asks for more or for less: whoever compares rules compares this.

use serde::Serialize;

use crate::domain::documents::{Assessment, GroupAsk, Requirement, Role, RuleAsk};
use crate::domain::ids::{GrantId, GroupName};
use crate::domain::level::{Level, Score};
use crate::domain::mode::Mode;

/// What a set of rules says about a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RiskAnswer {
    /// How risky it is.
    pub score: Score,
    pub level: Level,
    /// Who has to approve because of the level.
    pub requires: Requirement,
    /// Who has to approve because of rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<RuleAsk>,
    /// The grant by which nobody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<GrantId>,
    /// Whether a rule refuses it, whoever approves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// Whether a rule holds it back for now, whoever approves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

impl RiskAnswer {
    /// What an assessment comes to in a mode, where the level requires this.
    pub fn of(assessment: &Assessment, requires: Requirement, mode: Mode) -> Self {
        let asks = assessment.triggers.iter().filter(|_| mode.asks_people());
        Self {
            score: assessment.score,
            level: assessment.level,
            requires,
            asks: asks.filter_map(|fired| fired.ask.clone()).collect(),
            granted: None,
            refused: assessment.is_refused(),
            held: assessment.is_held(),
        }
    }

    /// What a level alone comes to.
    pub const fn of_level(level: Level, requires: Requirement) -> Self {
        Self {
            score: Score::ZERO,
            level,
            requires,
            asks: Vec::new(),
            granted: None,
            refused: false,
            held: false,
        }
    }

    /// The same where a grant lets it pass without a person, if one does.
    #[must_use]
    pub fn with_grant(self, granted: Option<GrantId>) -> Self {
        match granted {
            Some(_) => Self {
                requires: Requirement::NOBODY,
                granted,
                ..self
            },
            None => self,
        }
    }

    /// What becomes of an earlier answer: `MEDIUM 55.00 → LOW 30.00, asks nobody instead of 1 reviewer`.
    pub fn against(&self, then: &Self) -> String {
        let mut text = format!(
            "{} {} → {} {}",
            then.level, then.score, self.level, self.score
        );
        match (then.refused, self.refused) {
            (false, true) => text.push_str(", refused"),
            (true, false) => {
                text.push_str(&format!(", asks {} instead of being refused", self.whom()));
            }
            (false, false) if then.whom() != self.whom() => {
                text.push_str(&format!(
                    ", asks {} instead of {}",
                    self.whom(),
                    then.whom()
                ));
            }
            _ => {}
        }
        match (then.held, self.held) {
            (false, true) => text.push_str(", waits"),
            (true, false) => text.push_str(", waits no more"),
            _ => {}
        }
        text
    }

    /// Whether it is merged without anybody.
    pub fn passes_alone(&self) -> bool {
        !self.refused && self.requires.role == Role::None && self.asks.is_empty()
    }

    /// Whether it asks for all that the other asks for.
    pub fn covers(&self, other: &Self) -> bool {
        let weight = |answer: &Self| {
            let Requirement {
                role,
                approvals,
                justification,
            } = answer.requires;
            // The role weighs most: fewer admins are more than any number of reviewers.
            (role, approvals, justification)
        };
        let is_asked = |ask: &RuleAsk| {
            let by_level = as_ask(self.requires);
            let mut all = self.asks.iter().chain(by_level.as_ref());
            all.any(|own| ask_covers(own, ask))
        };
        let covers_level = || {
            weight(self) >= weight(other)
                || as_ask(other.requires).is_none_or(|level| is_asked(&level))
        };
        self.refused
            || !other.refused
                && (self.held || !other.held)
                && covers_level()
                && other.asks.iter().all(is_asked)
    }

    /// `1 admin with a justification, 1 approval from dbas`
    pub fn whom(&self) -> String {
        let level = of_level(self.requires);
        let rules = self.asks.iter().map(ToString::to_string);
        let all: Vec<String> = level.into_iter().chain(rules).collect();
        match (all.as_slice(), &self.granted) {
            ([], Some(grant)) => format!("nobody by the grant {grant}"),
            ([], None) => "nobody".to_owned(),
            (all, _) => all.join(", "),
        }
    }
}

/// What a level asks for, as a rule would ask for it; none if it asks for nobody.
fn as_ask(required: Requirement) -> Option<RuleAsk> {
    let from = match required.role {
        Role::None => return None,
        Role::Reviewer => GroupName::reviewers(),
        Role::Admin => GroupName::admins(),
    };
    let part = GroupAsk {
        from,
        approvals: required.approvals,
        justification: required.justification,
    };
    Some(RuleAsk {
        any_of: vec![vec![part]],
        instead: false,
    })
}

/// Whether whoever meets the one has met the other: each of its alternatives asks for all of one of the other's.
pub fn ask_covers(one: &RuleAsk, other: &RuleAsk) -> bool {
    one.any_of.iter().all(|parts| {
        let mut alternatives = other.any_of.iter();
        alternatives.any(|needed| {
            let is_asked = |needed| parts.iter().any(|part| part_covers(part, needed));
            needed.iter().all(is_asked)
        })
    })
}

fn part_covers(part: &GroupAsk, needed: &GroupAsk) -> bool {
    // An admin is also a reviewer.
    let is_within = part.from == needed.from
        || part.from == GroupName::admins() && needed.from == GroupName::reviewers();
    is_within && part.approvals >= needed.approvals && (part.justification || !needed.justification)
}

fn of_level(required: Requirement) -> Option<String> {
    let (who, count) = match (required.role, required.approvals) {
        (Role::None, _) => return None,
        (Role::Reviewer, 1) => ("reviewer", 1),
        (Role::Reviewer, count) => ("reviewers", count),
        (Role::Admin, 1) => ("admin", 1),
        (Role::Admin, count) => ("admins", count),
    };
    let why = if required.justification {
        " with a justification"
    } else {
        ""
    };
    Some(format!("{count} {who}{why}"))
}

/// How much oversight changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Oversight {
    /// Fewer people, a lower role, other groups, or no justification.
    Weaker,
    /// The same people are asked for the same.
    Same,
    /// More people, a higher role, or a justification.
    Stronger,
}

impl Oversight {
    /// What becomes of it. Where others are asked, and not only more, it is weaker: somebody is not asked any more.
    pub fn of(then: &RiskAnswer, now: &RiskAnswer) -> Self {
        match (now.covers(then), then.covers(now)) {
            (true, true) => Self::Same,
            (true, false) => Self::Stronger,
            (false, _) => Self::Weaker,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(role: Role, approvals: u32, justification: bool) -> RiskAnswer {
        RiskAnswer {
            score: Score::ZERO,
            level: Level::Low,
            requires: Requirement {
                role,
                approvals,
                justification,
            },
            asks: Vec::new(),
            granted: None,
            refused: false,
            held: false,
        }
    }

    fn part(from: &str, approvals: u32) -> GroupAsk {
        GroupAsk {
            from: from.parse().unwrap(),
            approvals,
            justification: false,
        }
    }

    fn any_of(alternatives: &[&[GroupAsk]]) -> RuleAsk {
        RuleAsk {
            any_of: alternatives.iter().map(|parts| parts.to_vec()).collect(),
            instead: false,
        }
    }

    #[test]
    fn a_lower_role_is_weaker_whatever_the_numbers() {
        let admin = &asks(Role::Admin, 1, true);
        let none = &asks(Role::None, 0, false);
        assert_eq!(
            Oversight::of(admin, &asks(Role::Reviewer, 5, true)),
            Oversight::Weaker
        );
        assert_eq!(
            Oversight::of(admin, &asks(Role::Admin, 1, false)),
            Oversight::Weaker
        );
        assert_eq!(Oversight::of(admin, admin), Oversight::Same);
        assert_eq!(
            Oversight::of(none, &asks(Role::Reviewer, 1, false)),
            Oversight::Stronger
        );
        assert_eq!(
            Oversight::of(admin, &asks(Role::Admin, 2, true)),
            Oversight::Stronger
        );
        let dbas = any_of(&[&[part("dbas", 1)]]);
        let both = &RiskAnswer {
            asks: vec![dbas.clone()],
            ..admin.clone()
        };
        let others = &RiskAnswer {
            asks: vec![dbas],
            ..none.clone()
        };
        let refused = &RiskAnswer {
            refused: true,
            ..none.clone()
        };
        let held = &RiskAnswer {
            held: true,
            ..admin.clone()
        };
        assert_eq!(Oversight::of(admin, both), Oversight::Stronger);
        assert_eq!(Oversight::of(both, admin), Oversight::Weaker);
        assert_eq!(Oversight::of(admin, others), Oversight::Weaker);
        assert_eq!(Oversight::of(others, admin), Oversight::Weaker);
        assert_eq!(Oversight::of(both, refused), Oversight::Stronger);
        assert_eq!(Oversight::of(refused, both), Oversight::Weaker);
        assert_eq!(Oversight::of(admin, held), Oversight::Stronger);
        assert_eq!(Oversight::of(held, both), Oversight::Weaker);
        assert!(none.passes_alone() && !others.passes_alone() && !refused.passes_alone());
    }

    #[test]
    fn more_of_the_same_people_is_stronger_whether_the_level_or_a_rule_asks() {
        let one = any_of(&[&[part("dbas", 1)]]);
        let two = any_of(&[&[part("dbas", 2)]]);
        let either = any_of(&[&[part("dbas", 1)], &[part("leads", 1)]]);
        let both = any_of(&[&[part("leads", 1), part("dbas", 1)]]);
        for (less, more) in [
            (&one, &two),
            (&either, &one),
            (&either, &both),
            (&one, &both),
        ] {
            assert!(ask_covers(more, less), "{more} has {less}");
            assert!(!ask_covers(less, more), "{less} has not {more}");
        }
        let by_level = &asks(Role::Reviewer, 1, false);
        let by_rule = &RiskAnswer {
            asks: vec![any_of(&[&[part("reviewers", 1)]])],
            ..asks(Role::None, 0, false)
        };
        let by_admins = &RiskAnswer {
            asks: vec![any_of(&[&[part("admins", 1)]])],
            ..asks(Role::None, 0, false)
        };
        assert_eq!(Oversight::of(by_level, by_rule), Oversight::Same);
        assert_eq!(Oversight::of(by_rule, by_admins), Oversight::Stronger);
        assert_eq!(Oversight::of(by_admins, by_level), Oversight::Weaker);
    }
}
