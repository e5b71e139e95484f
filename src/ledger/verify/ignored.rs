//! Reviews that did not count, heard again: nobody's no, and nobody's yes, was left out under a pretext.
//!
//! The record keeps of such a review who, when, for which commit, and why it did not count; not its text, and
//! what it said only by that reason. So a missing justification is believed; everything else follows again.

use super::approvals::Question;
use super::commit_check::CommitCheck;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::documents::{Decision, IgnoredReview, Recommendation, RejectionCategory};
use crate::domain::ids::quoted;
use crate::domain::review::{Opinion, Review};
use crate::gate::amendments::{self, ApprovedPart, ApprovedParts};
use crate::gate::eligibility::shown;
use crate::gate::verdict::{GateResult, NO_BLOCK, NO_REJECTION, Uncounted, Verdict};

const DISMISSED: &str = "it was dismissed";
const BOT: &str = " is a bot: bots never count";
const EDITED: &str = "; a text that was edited does not count";
const SINCE: (&str, &str) = ("since it was given, ", ": approve again");

/// The reviews behind the record's reasons.
pub fn reviews(decision: &Decision) -> impl Iterator<Item = Review> + '_ {
    decision.ignored.iter().map(|ignored| {
        let reason = ignored.reason.as_str();
        let is_rejection = reason.starts_with(NO_REJECTION);
        let opinion = if is_rejection || reason.starts_with(NO_BLOCK) {
            Opinion::RequestChanges
        } else if reason == DISMISSED {
            Opinion::Dismissed
        } else {
            Opinion::Approve
        };
        Review {
            id: ignored.review.clone(),
            account: ignored.account.clone(),
            is_bot: reason.ends_with(BOT),
            opinion,
            head: ignored.head,
            main: None,
            body: if is_rejection {
                format!("/reject {}", RejectionCategory::Other)
            } else {
                String::new()
            },
            at: ignored.at,
            edited: reason.ends_with(EDITED) || reason == Uncounted::Edited.to_string(),
        }
    })
}

/// The approvals that are on record as outdated, and by what: on which `main` they were given is not.
pub fn outdated(decision: &Decision) -> impl Iterator<Item = (String, String)> + '_ {
    decision.ignored.iter().filter_map(|ignored| {
        let how = ignored
            .reason
            .strip_prefix(SINCE.0)?
            .strip_suffix(SINCE.1)?;
        Some((ignored.review.clone(), how.to_owned()))
    })
}

/// What each approval on record was of, where that was less than all: those that counted of what was decided, the others
/// by their reasons.
pub fn parts(decision: &Decision, about: &Recommendation) -> ApprovedParts {
    let counted = decision.approvals.iter().filter_map(|approval| {
        let amendment = decision.amendment.as_ref()?;
        let part = ApprovedPart::Less(amendment.edits.clone());
        Some((approval.review.clone(), part))
    });
    let ignored = decision.ignored.iter().filter_map(|ignored| {
        let part = amendments::of_reason(&ignored.reason, about)?;
        Some((ignored.review.clone(), part))
    });
    counted.chain(ignored).collect()
}

/// The same of a governance change, which is approved as it is.
pub fn parts_of_governance_change(decision: &Decision) -> ApprovedParts {
    let ignored = decision.ignored.iter();
    let parts = ignored.filter_map(|ignored| {
        let part = amendments::wrong_of_reason(&ignored.reason)?;
        Some((ignored.review.clone(), part))
    });
    parts.collect()
}

/// Each review that was left out is left out again, for the same reason.
pub fn check(
    check: &mut CommitCheck,
    written: &Written<Decision>,
    gate_result: &GateResult,
    question: &Question<'_>,
) {
    let decision = &written.document;
    for recorded in &decision.ignored {
        let again = gate_result.ignored.iter().find(|ignored| {
            ignored.review == recorded.review && ignored.account == recorded.account
        });
        let rests_on_commits = [" of commit ", " in commit "];
        if question.is_without_branch
            && rests_on_commits
                .iter()
                .any(|part| recorded.reason.contains(part))
        {
            continue;
        }
        let who = quoted(&shown(&recorded.account));
        let what = match again {
            Some(again) if again.reason == recorded.reason => continue,
            Some(again) => format!(
                "the review of {who} was left out because {}, but heard again because {}",
                quoted(&recorded.reason),
                quoted(&again.reason)
            ),
            None => format!(
                "the review of {who} was left out, but {}",
                counts(recorded, gate_result)
            ),
        };
        let place = written.place(&["ignored"]);
        check.say(FindingKind::WrongIgnored, format!("{place}: {what}"));
    }
}

fn counts(recorded: &IgnoredReview, gate_result: &GateResult) -> &'static str {
    let approves = gate_result
        .approvals
        .iter()
        .any(|approval| approval.review == recorded.review);
    match &gate_result.verdict {
        _ if approves => "it counts when it is heard again",
        Verdict::Wait(wait) if !wait.blocked_by.is_empty() => {
            "its request for changes blocks when it is heard again"
        }
        _ => "is not heard when everything is heard again",
    }
}
