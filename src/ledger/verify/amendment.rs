//! What people approved in place of all that was proposed: less of it, no riskier, and scored as recorded.

use super::commit_check::CommitCheck;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::amendment::Amendment;
use crate::domain::documents::{AmendmentRecord, Assessment, Decision, Status};
use crate::domain::ids::Sha;
use crate::domain::problem::Reading;
use crate::git::GitError;
use crate::ledger::usage;
use crate::risk::narrowing::{Left, Scored};
use crate::rules::Rules;

/// What is left of a proposal by the amendment on record, scored again; none if there is none, or none that may be.
pub fn recompute(
    check: &mut CommitCheck,
    before: Sha,
    written: &Written<Decision>,
    proposed: Scored<'_>,
    rules: &Rules,
) -> Result<Option<Left>, GitError> {
    let decision = &written.document;
    let Some(AmendmentRecord { edits, risk }) = &decision.amendment else {
        return Ok(None);
    };
    let found = |check: &mut CommitCheck, message: String| {
        let place = written.place(&["amendment"]);
        check.say(FindingKind::WrongAmendment, format!("{place}: {message}"));
    };
    if decision.status != Status::Approved {
        found(check, "nobody approved it".to_owned());
    }
    let document = edits.applied_to(proposed.about);
    if Amendment::between(proposed.about, &document).as_ref() != Some(edits) {
        found(check, "it is not less of what was proposed".to_owned());
        return Ok(None);
    }
    let known = &proposed.situation.targets;
    let objects = check.repo.objects();
    let used = usage::read(
        objects,
        before,
        &document,
        known,
        rules,
        decision.decided_at,
    )?;
    let left = match used {
        Reading::Valid(used) => Left::score(proposed, edits.clone(), used, rules),
        Reading::Invalid(problems) => Err(problems.in_one_line()),
    };
    match left {
        Ok(left) => {
            if left.assessment != *risk {
                let Assessment { level, score, .. } = &left.assessment;
                found(
                    check,
                    format!("its `risk` is not what it is when computed again: {level} {score}"),
                );
            }
            Ok(Some(left))
        }
        Err(why) => {
            found(check, why);
            Ok(None)
        }
    }
}
