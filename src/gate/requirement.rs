//! Who must approve a level in a mode (the table of "The gate" in docs/admins.md).

use crate::domain::documents::{Assessment, Requirement, Role};
use crate::domain::level::Level;
use crate::domain::mode::Mode;
use crate::rules::governance::Governance;

/// What the gate asks for before a recommendation is merged, beside what the rules ask for.
pub fn for_recommendation(assessment: &Assessment, governance: &Governance) -> Requirement {
    unless_instead(
        of_level(assessment.level, governance),
        assessment,
        governance,
    )
}

/// What the gate asks for before a governance change is merged, beside what the rules ask for.
pub fn for_governance_change(assessment: &Assessment, governance: &Governance) -> Requirement {
    unless_instead(of_governance_change(governance), assessment, governance)
}

/// Nothing where a rule asks others instead.
pub(super) fn unless_instead(
    requirement: Requirement,
    assessment: &Assessment,
    governance: &Governance,
) -> Requirement {
    let mut asks = assessment
        .triggers
        .iter()
        .filter_map(|fired| fired.ask.as_ref());
    if governance.mode.asks_people() && asks.any(|ask| ask.instead) {
        return Requirement::NOBODY;
    }
    requirement
}

/// What is asked about less than was proposed: somebody has to say that it is less.
pub fn of_amendment(
    required: Requirement,
    assessment: &Assessment,
    governance: &Governance,
) -> Requirement {
    let mut fired = assessment.triggers.iter();
    let is_asked_by_rules = governance.mode.asks_people() && fired.any(|fired| fired.ask.is_some());
    match required.role == Role::None && !is_asked_by_rules {
        true => Requirement::ONE_REVIEWER,
        false => required,
    }
}

/// What a level asks for.
pub fn of_level(level: Level, governance: &Governance) -> Requirement {
    let (role, justification) = match (governance.mode, level) {
        (Mode::AutoApprove, _) | (_, Level::Low) | (Mode::HighOnly, Level::Medium) => {
            (Role::None, false)
        }
        (Mode::HighOnly | Mode::TwoTier, Level::High) => (Role::Admin, true),
        (Mode::SingleTier, Level::Medium | Level::High) | (Mode::TwoTier, Level::Medium) => {
            (Role::Reviewer, false)
        }
    };
    let approvals = match (role, level) {
        (Role::None, _) => 0,
        (_, Level::High) => governance.approvals_high,
        (_, _) => governance.approvals_medium,
    };
    Requirement {
        role,
        approvals,
        justification,
    }
}

/// What a level is, and asks for, as a sentence.
pub fn level_in_words(level: Level, governance: &Governance) -> String {
    let (low, medium) = (governance.low_up_to, governance.medium_up_to);
    let range = match level {
        Level::Low => format!("up to {}", low.short()),
        Level::Medium => format!("above {} and up to {}", low.short(), medium.short()),
        Level::High => format!("above {}", medium.short()),
    };
    let required = of_level(level, governance);
    let least = governance.justification_min_length;
    let follows = match required.in_words() {
        Some(approval) if required.justification => {
            format!("needs {approval} of at least {least} characters")
        }
        Some(approval) => format!("needs {approval}"),
        None if governance.mode.asks_people() => {
            "is merged at once, and nobody is asked unless a rule asks for somebody".to_owned()
        }
        None => "is merged at once; it is scored and shown".to_owned(),
    };
    format!("A score {range} {follows}.")
}

/// What a governance change asks for: an admin, in every mode.
pub fn of_governance_change(governance: &Governance) -> Requirement {
    Requirement {
        role: Role::Admin,
        approvals: governance.approvals_high,
        justification: governance.mode != Mode::AutoApprove,
    }
}
