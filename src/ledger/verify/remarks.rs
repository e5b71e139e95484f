//! Feedback: one more file in the folder of a decided case.

use super::commit_check::CommitCheck;
use super::commit_verifier::{CheckResult, CommitVerifier, Fact};
use super::finding::FindingKind;
use crate::domain::documents::{Feedback, Role};
use crate::domain::ids::CaseId;
use crate::git::GitError;
use crate::ledger::entry;

pub fn check(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    case: CaseId,
) -> Result<CheckResult, GitError> {
    check.check_parents(None);
    // The feedback's own id is in no trailer: its place says it.
    let folder = format!("recommendations/{}/feedback/", case.folder());
    let Some(id) = check
        .find_added_in(&folder)
        .and_then(|name| name.strip_suffix(".yaml")?.parse::<CaseId>().ok())
    else {
        check.say(
            FindingKind::MissingChange,
            format!("it adds no feedback in `{folder}`"),
        );
        return Ok(Fact::Remarked { case }.into());
    };
    let path = Feedback::path_of(case, id);
    if let Some(written) = check.take_document::<Feedback>(&path)? {
        let feedback = &written.document;
        if (feedback.id, feedback.recommendation) != (id, case) {
            check.say(
                FindingKind::Misplaced,
                format!(
                    "{} is feedback `{}` on `{}`",
                    written.place(&["id"]),
                    feedback.id,
                    feedback.recommendation
                ),
            );
        }
        check.check_time(&path, "at", feedback.at);
        check.check_role(&feedback.by, Role::None, "gives feedback");
        if let Some(about) = verifier.decided_before(check, case)? {
            check.check_message(&entry::feedback_message(feedback, &about));
        }
    }
    Ok(Fact::Remarked { case }.into())
}
