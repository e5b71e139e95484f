//! A report as data, for a forge that has a place of its own for each thing it says.
//!
//! The comment says what stays true while people decide (the risk, who is needed, which review did not
//! count), so that it is written once; the check says how it stands at the moment.

use std::fmt::Write as _;

use super::report;
use crate::domain::documents::{Role, Status};
use crate::forge::{Ask, CommentText, Report};
use crate::gate::eligibility::shown;
use crate::gate::verdict::{GateResult, Verdict};
use crate::risk::code_span;
use crate::rules::Rules;

/// How many people are asked by name.
const MOST_PEOPLE: usize = 15;

/// Whose approval is still needed. Late, it is the admins who are asked: the reviewers were before.
pub fn ask(gate_result: &GateResult, rules: &Rules) -> Option<Ask> {
    let Verdict::Wait(wait) = &gate_result.verdict else {
        return None;
    };
    if wait.frozen || wait.missing == 0 || wait.unattributed.is_some() {
        return None;
    }
    let role = if wait.escalated {
        Role::Admin
    } else {
        gate_result.required.role
    };
    let team = match role {
        Role::None => return None,
        Role::Reviewer => rules.people.reviewers_team.clone(),
        Role::Admin => rules.people.admins_team.clone(),
    };
    let eligible = gate_result.eligible.iter();
    let people = eligible
        .filter(|(_, held)| *held >= role)
        .map(|(name, _)| name.login().clone())
        .take(MOST_PEOPLE)
        .collect();
    Some(Ask { role, team, people })
}

/// What is worth a comment. After an approval there is nothing new: the check and the merge say it.
pub fn comment(
    report: &Report,
    what: &str,
    case: &str,
    gate_result: &GateResult,
    rules: &Rules,
) -> Option<Box<CommentText>> {
    let wait = match &gate_result.verdict {
        Verdict::Wait(wait) => wait,
        Verdict::Approve(Status::AutoApproved)
        | Verdict::Reject(_)
        | Verdict::Withdraw
        | Verdict::Refuse
        | Verdict::Expire => {
            return Some(Box::new(CommentText {
                lead: format!("**{}**", report.title),
                rest: format!("\n\n{}", report.body),
            }));
        }
        Verdict::Approve(_) => return None,
    };
    let needed = gate_result.needed();
    let lead = format!("**{what}** needs {needed}.");
    let mut text = report::unasked_teams(rules);
    if let Some(reason) = &wait.unattributed {
        let _ = write!(text, " No approval counts: {reason}.");
    }
    if let Some(late) = gate_result.escalation() {
        let _ = write!(text, " {late}");
    }
    let _ = writeln!(text, "\n\n{}", case.trim_end());
    let is_quiet = gate_result.ignored.is_empty() && gate_result.rejected_commands.is_empty();
    if !is_quiet || !wait.blocked_by.is_empty() {
        text.push('\n');
    }
    for ignored in &gate_result.ignored {
        let who = code_span(&shown(&ignored.account));
        let _ = writeln!(
            text,
            "- not counted: the review of {who}: {}",
            ignored.reason
        );
    }
    report::rejected_commands(&mut text, gate_result);
    for who in wait.blockers() {
        let _ = writeln!(
            text,
            "- {who} requested changes: it waits until they approve"
        );
    }
    Some(Box::new(CommentText { lead, rest: text }))
}
