//! Who must approve a level in a mode (the table in the README's "The gate").

use crate::domain::documents::{Requirement, Role};
use crate::domain::level::Level;
use crate::domain::mode::Mode;
use crate::rules::governance::Governance;

/// What the gate asks for before a recommendation of this level is merged.
pub fn for_recommendation(level: Level, governance: &Governance) -> Requirement {
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

/// What the gate asks for before a governance change is merged: an admin, in every mode.
pub fn for_governance_change(governance: &Governance) -> Requirement {
    Requirement {
        role: Role::Admin,
        approvals: governance.approvals_high,
        justification: governance.mode != Mode::AutoApprove,
    }
}
