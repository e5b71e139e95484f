//! A report as data, for a forge that has a place of its own for each thing it says.
//!
//! The comment says what stays true while people decide (the risk, who is needed, which review did not
//! count), so that it is written once; the check says how it stands at the moment.

use std::fmt::Write as _;

use super::report;
use crate::domain::documents::{Role, Status};
use crate::domain::ids::{GroupName, Login};
use crate::forge::{Ask, CommentText, Report};
use crate::gate::eligibility::shown;
use crate::gate::verdict::{GateResult, Verdict};
use crate::risk::code_span;
use crate::rules::Rules;
use crate::rules::people::{People, PersonName};

/// How many people are asked by name.
const MOST_PEOPLE: usize = 15;

/// Whose approvals are still needed. Late, it is the admins who are asked for what the level needs: the reviewers were
/// before.
pub fn asks(gate_result: &GateResult, rules: &Rules) -> Vec<Ask> {
    let Verdict::Wait(wait) = &gate_result.verdict else {
        return Vec::new();
    };
    if wait.frozen || wait.unattributed.is_some() {
        return Vec::new();
    }
    let mut asks = Vec::new();
    let role = match wait.escalated {
        true => Role::Admin,
        false => gate_result.required.role,
    };
    let group = match role {
        Role::None => None,
        Role::Reviewer => Some(GroupName::reviewers()),
        Role::Admin => Some(GroupName::admins()),
    };
    if let Some(group) = group.filter(|_| wait.missing > 0) {
        let eligible = gate_result.eligible.iter();
        let people = eligible.filter(|(_, held)| *held >= role);
        asks.push(Ask {
            teams: rules.people.teams_to_ask(&group),
            people: logins(people.map(|(name, _)| name)),
            group,
        });
    }
    for asked in gate_result.asks.iter().filter(|asked| !asked.is_met()) {
        for part in asked.ask.any_of.iter().flatten() {
            let members = asked.eligible.iter().filter(|name| {
                let person = rules.people.find(name.login());
                person.is_some_and(|person| People::is_in(person, &part.from))
            });
            if asks.iter().all(|ask: &Ask| ask.group != part.from) {
                asks.push(Ask {
                    group: part.from.clone(),
                    teams: rules.people.teams_to_ask(&part.from),
                    people: logins(members),
                });
            }
        }
    }
    asks
}

fn logins<'n>(names: impl Iterator<Item = &'n PersonName>) -> Vec<Login> {
    names
        .map(|name| name.login().clone())
        .take(MOST_PEOPLE)
        .collect()
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
        Verdict::Approve(Status::AutoApproved | Status::Granted)
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
    let is_quiet = gate_result.ignored.is_empty()
        && gate_result.rejected_commands.is_empty()
        && gate_result.open_questions().next().is_none();
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
    report::open_questions(&mut text, gate_result);
    Some(Box::new(CommentText { lead, rest: text }))
}
