//! The gate, asked again: the recorded approvals are put before it as reviews, at the recorded time, and
//! its answer has to be the recorded one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::commit_check::CommitCheck;
use super::document::Written;
use super::finding::FindingKind;
use super::{ignored, opinions, questions};
use crate::domain::documents::{
    AccountRecord, Assessment, CountedApproval, Decision, GrantRecord, Rejection,
    RejectionCategory, Role, Status,
};
use crate::domain::ids::AgentName;
use crate::domain::pull::{Contribution, Pull, PullState, Pushes};
use crate::domain::review::{Comment, Opinion, Review};
use crate::gate::amendments::ApprovedParts;
use crate::gate::eligibility::{Interests, Principal, principal_of};
use crate::gate::verdict::{Case, GateResult, Kind, Verdict, evaluate_gate};
use crate::git::GitError;
use crate::rules::Rules;
use crate::rules::people::PersonName;

/// What the gate is asked about, beside the record.
pub struct Question<'a> {
    pub kind: Kind,
    /// The assessment as computed again.
    pub assessment: &'a Assessment,
    /// What a grant comes to, computed again.
    pub grant: Option<&'a GrantRecord>,
    pub contributions: &'a [Contribution],
    /// Whether the commits of the branch are not in this clone.
    pub is_without_branch: bool,
    /// Who proposed it; none for a change of a person.
    pub agent: Option<&'a AgentName>,
    /// The person who answers for the proposing agent.
    pub owner: Option<&'a PersonName>,
    /// Approvals (by review) that other facts have made worthless, and how.
    pub outdated: &'a BTreeMap<String, String>,
    /// What approvals were of that were not of all.
    pub parts: &'a ApprovedParts,
}

/// Asks the gate again, and compares.
pub fn check(
    check: &mut CommitCheck,
    written: &Written<Decision>,
    rules: &Rules,
    question: &Question,
) -> Result<(), GitError> {
    let decision = &written.document;
    let frozen = check.is_frozen()?;
    let pull = rebuild(decision);
    let elsewhere = rebuild_elsewhere(decision, &pull);
    let elsewhere: Vec<&Pull> = elsewhere.iter().collect();
    let mut outdated = question.outdated.clone();
    outdated.extend(ignored::outdated(decision));
    let case = Case {
        pull: &pull,
        elsewhere: &elsewhere,
        kind: question.kind,
        assessment: question.assessment,
        grant: question.grant,
        interests: Interests {
            contributions: question.contributions,
            owner: question.owner,
        },
        outdated: &outdated,
        parts: question.parts,
        amendment: decision
            .amendment
            .as_ref()
            .map(|amendment| &amendment.edits),
        frozen,
        now: decision.decided_at,
    };
    let gate_result = evaluate_gate(&case, rules);
    super::assessment::compare_requirement(check, written, gate_result.required);
    check_windows(check, written, rules);
    check_counted(check, written, &gate_result);
    ignored::check(check, written, &gate_result, question);
    opinions::check(check, written, rules);
    questions::check(check, written, rules, question.agent);
    match decision.status {
        Status::AutoApproved | Status::Granted | Status::Approved => {
            check_merged(check, written, &gate_result);
        }
        Status::Rejected => check_rejected(check, written, &gate_result),
        Status::Refused => check_refused(check, written, &gate_result),
        Status::Expired => check_expired(check, written, rules, frozen),
        // Whoever closed their own pull request, closed it: there is nothing to compute.
        Status::Withdrawn => {}
    }
    Ok(())
}

/// The rules with those as members of a team who are on record as such, and how many of them decided, and how many:
/// who was in a team at that moment, only the forge knew, and a clone cannot ask it. They are known by the record
/// alone, with the numeric id of their account; where the rules name no team for the role, nobody is.
pub fn with_team_members<'r>(decision: &Decision, rules: &'r Rules) -> (Cow<'r, Rules>, usize) {
    let approvals = decision.approvals.iter();
    let spoke = approvals.map(|approval| (&approval.account, approval.role));
    let rejection = decision.rejection.as_ref();
    let rejected = rejection.map(|rejection| (&rejection.account, Role::Reviewer));
    // Any other reason than being unknown was found of somebody who was known.
    let ignored = decision.ignored.iter();
    let ignored = ignored.filter(|ignored| !ignored.reason.contains("is not listed in"));
    let lesser = ignored.map(|ignored| {
        let is_lesser = ignored.reason.contains("is a reviewer: this needs");
        let needed = decision.required.role.max(Role::Reviewer);
        let role = if is_lesser { Role::Reviewer } else { needed };
        (&ignored.account, role)
    });
    let mut admitted = rules.with_team_members(&decision.team_members);
    let mut count = 0;
    let decisive = decision.approvals.len() + usize::from(rejection.is_some());
    for (place, (account, role)) in spoke.chain(rejected).chain(lesser).enumerate() {
        if role_of(account, rules).is_none_or(|listed| listed >= role) {
            continue;
        }
        // An older engine recorded nobody as a member: whoever counted as one is known by that alone.
        if role_of(account, &admitted) < Some(role) {
            let people = &mut admitted.to_mut().people;
            people.admit_recorded(account, role);
        }
        let is_member = role_of(account, &admitted) > role_of(account, rules);
        count += usize::from(is_member && place < decisive);
    }
    (admitted, count)
}

/// The role of whoever is behind an account; none of an agent's.
fn role_of(account: &AccountRecord, rules: &Rules) -> Option<Role> {
    match principal_of(account, rules) {
        Principal::Agent(_) => None,
        Principal::Person(person) => Some(person.role),
        Principal::Unknown => Some(Role::None),
    }
}

/// The pull request as the record tells it.
fn rebuild(decision: &Decision) -> Pull {
    let recorded = &decision.pull;
    let mut comments = Vec::new();
    let mut state = PullState::Open;
    match &decision.rejection {
        Some(rejection) if rejection.pull.is_some() => {}
        Some(rejection) if is_closing(rejection) => {
            state = PullState::Closed {
                by: rejection.account.clone(),
                at: rejection.at,
            }
        }
        Some(rejection) => comments.push(comment(rejection)),
        None if decision.status == Status::Withdrawn => {
            state = PullState::Closed {
                by: recorded.author.clone(),
                at: decision.decided_at,
            }
        }
        None => {}
    }
    Pull {
        number: recorded.number,
        url: recorded.url.clone(),
        branch: recorded.branch.clone(),
        author: recorded.author.clone(),
        pushers: recorded.pushers.clone(),
        pushes: Pushes::Known,
        base_changed_at: recorded.base_changed_at,
        head: recorded.head,
        opened_with: None,
        opened_at: recorded.opened_at,
        state,
        reviews: ignored::reviews(decision)
            .chain(decision.approvals.iter().map(review))
            .collect(),
        comments,
        last_report: None,
    }
}

/// The other pull request of the case on which it was rejected.
fn rebuild_elsewhere(decision: &Decision, pull: &Pull) -> Option<Pull> {
    let rejection = decision.rejection.as_ref()?;
    let mut other = Pull {
        number: rejection.pull?,
        reviews: Vec::new(),
        comments: Vec::new(),
        ..pull.clone()
    };
    if is_closing(rejection) {
        other.state = PullState::Closed {
            by: rejection.account.clone(),
            at: rejection.at,
        };
    } else {
        other.comments.push(comment(rejection));
    }
    Some(other)
}

fn review(approval: &CountedApproval) -> Review {
    let mut body = approval.justification.clone().unwrap_or_default();
    if let Some(confidence) = approval.confidence {
        body = format!("/confidence {confidence}\n\n{body}");
    }
    Review {
        id: approval.review.clone(),
        account: approval.account.clone(),
        is_bot: false,
        opinion: Opinion::Approve,
        head: approval.head,
        main: approval.main,
        body,
        at: approval.at,
        edited: false,
    }
}

/// Whether a rejection is what the gate makes of a pull request that was closed by hand.
fn is_closing(rejection: &Rejection) -> bool {
    rejection.category == RejectionCategory::Other
        && rejection.reason == crate::gate::verdict::CLOSED_WITHOUT_REASON
}

fn comment(rejection: &Rejection) -> Comment {
    let (category, reason) = (rejection.category, &rejection.reason);
    // A reason of several lines stood below the command, one of a single line may have stood beside it.
    let body = if reason.contains('\n') {
        format!("/reject {category}\n\n{reason}")
    } else {
        format!("/reject {category}: {reason}")
    };
    Comment {
        id: String::new(),
        account: rejection.account.clone(),
        is_bot: false,
        body,
        at: rejection.at,
        edited: false,
    }
}

/// Each approval that was counted counts, exactly as recorded.
fn check_counted(check: &mut CommitCheck, written: &Written<Decision>, gate_result: &GateResult) {
    let place = || written.place(&["approvals"]);
    for recorded in &written.document.approvals {
        let by = &recorded.by;
        if let Some(counted) = gate_result
            .approvals
            .iter()
            .find(|counted| counted.review == recorded.review)
        {
            if let Some(what) = find_difference(recorded, counted) {
                check.say(
                    FindingKind::WrongApproval,
                    format!(
                        "{}: the approval of `{by}` has another {what} when it is heard again",
                        place()
                    ),
                );
            }
            continue;
        }
        let ignored = gate_result
            .ignored
            .iter()
            .find(|ignored| ignored.review == recorded.review);
        let why = ignored.map_or("the same person approved again later", |ignored| {
            ignored.reason.as_str()
        });
        check.say(
            FindingKind::WrongApproval,
            format!("{}: the approval of `{by}` does not count: {why}", place()),
        );
    }
    if written
        .document
        .approvals
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if (a.at, &a.review) > (b.at, &b.review)))
    {
        check.say(
            FindingKind::WrongApproval,
            format!(
                "{}: they are not in the order in which they were given",
                place()
            ),
        );
    }
}

fn find_difference(recorded: &CountedApproval, counted: &CountedApproval) -> Option<&'static str> {
    let parts = [
        ("person", recorded.by == counted.by),
        ("account", recorded.account == counted.account),
        ("role", recorded.role == counted.role),
        (
            "justification",
            recorded.justification == counted.justification,
        ),
        ("confidence", recorded.confidence == counted.confidence),
    ];
    parts
        .into_iter()
        .find(|(_, is_same)| !is_same)
        .map(|(what, _)| what)
}

fn check_merged(check: &mut CommitCheck, written: &Written<Decision>, gate_result: &GateResult) {
    let status = written.document.status;
    match &gate_result.verdict {
        Verdict::Approve(answer) if *answer == status => {}
        Verdict::Approve(answer) => {
            check.say(
                FindingKind::WrongStatus,
                format!(
                    "{} is {status}, but the gate says {answer}",
                    written.place(&["status"])
                ),
            );
        }
        Verdict::Wait(wait) if wait.frozen && wait.missing == 0 => {
            check.say(
                FindingKind::WhileFrozen,
                "it was merged while everything was frozen",
            );
        }
        Verdict::Wait(wait) if !wait.blocked_by.is_empty() => {
            let by: Vec<String> = wait.blocked_by.iter().map(ToString::to_string).collect();
            let message = format!("it was merged although {} requested changes", by.join(", "));
            check.say(FindingKind::WrongStatus, message);
        }
        Verdict::Refuse => {
            let message = "it was merged although a rule refuses it".to_owned();
            check.say(FindingKind::WrongStatus, message);
        }
        Verdict::Wait(wait) if wait.missing == 0 && gate_result.still_needed().is_none() => {
            let message = format!(
                "it was merged although a rule held it back: {}",
                gate_result.held().unwrap_or_default()
            );
            check.say(FindingKind::WrongStatus, message);
        }
        Verdict::Wait(wait) if wait.missing == 0 => {
            let message = format!(
                "it was merged, but it still needed {}",
                gate_result.still_needed().unwrap_or_default()
            );
            check.say(FindingKind::NotEnoughApprovals, message);
        }
        Verdict::Wait(_) | Verdict::Expire => {
            let (required, counted) = (gate_result.required, gate_result.approvals.len());
            let message = format!(
                "it was merged, but {counted} of its approvals count, and {} of role {} are needed",
                required.approvals, required.role
            );
            check.say(FindingKind::NotEnoughApprovals, message);
        }
        Verdict::Reject(_) | Verdict::Withdraw => {
            check.say(
                FindingKind::WrongStatus,
                format!(
                    "{} is {status}, but it was rejected or withdrawn",
                    written.place(&["status"])
                ),
            );
        }
    }
}

fn check_rejected(check: &mut CommitCheck, written: &Written<Decision>, gate_result: &GateResult) {
    let Some(rejection) = &written.document.rejection else {
        return;
    };
    let is_it = matches!(&gate_result.verdict, Verdict::Reject(again) if again == rejection);
    if !is_it {
        let place = written.place(&["rejection"]);
        let message = format!(
            "{place}: `{}` could not reject it like this by the rules of that moment",
            rejection.by
        );
        check.say(FindingKind::WrongRejection, message);
    }
}

/// The windows of the rules, open or not by the time of the decision.
fn check_windows(check: &mut CommitCheck, written: &Written<Decision>, rules: &Rules) {
    let decision = &written.document;
    let computed = rules.governance.windows.recorded_at(decision.decided_at);
    if decision.windows != computed {
        let place = written.place(&["windows"]);
        let message =
            format!("{place}: by the rules and the time of the decision they were otherwise");
        check.say(FindingKind::WrongFactor, message);
    }
}

fn check_refused(check: &mut CommitCheck, written: &Written<Decision>, gate_result: &GateResult) {
    if gate_result.verdict != Verdict::Refuse {
        let place = written.place(&["status"]);
        let message = format!("{place} is refused, but no rule refuses it");
        check.say(FindingKind::WrongStatus, message);
    }
}

fn check_expired(
    check: &mut CommitCheck,
    written: &Written<Decision>,
    rules: &Rules,
    frozen: bool,
) {
    let decision = &written.document;
    let waited = decision.decided_at - decision.pull.opened_at;
    if waited < rules.governance.expire_after {
        let (hours, limit) = (
            waited.num_hours(),
            rules.governance.expire_after.num_hours(),
        );
        check.say(
            FindingKind::NotExpired,
            format!(
                "{} is expired after {hours} hours, but it had {limit}",
                written.place(&["status"])
            ),
        );
    }
    if frozen {
        check.say(
            FindingKind::WhileFrozen,
            "it expired while everything was frozen, when nobody could approve",
        );
    }
}
