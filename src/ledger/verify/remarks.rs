//! Feedback: one more file in the folder of a decided case.

use super::examine::{Answer, Examiner, Fact};
use super::finding::FindingKind;
use super::step::Step;
use crate::domain::documents::{Feedback, Role};
use crate::domain::ids::CaseId;
use crate::git::GitError;
use crate::ledger::entry;

/// Checks a feedback.
pub fn check(examiner: &mut Examiner, step: &mut Step, case: CaseId) -> Result<Answer, GitError> {
    step.check_parents(None);
    // The feedback's own id is in no trailer: its place says it.
    let folder = format!("recommendations/{}/feedback/", case.folder());
    let Some(id) = step
        .find_added_in(&folder)
        .and_then(|name| name.strip_suffix(".yaml")?.parse::<CaseId>().ok())
    else {
        step.say(
            FindingKind::MissingChange,
            format!("it adds no feedback in `{folder}`"),
        );
        return Ok(Fact::Remarked { case }.into());
    };
    let path = Feedback::path_of(case, id);
    if let Some(written) = step.take_document::<Feedback>(&path)? {
        let feedback = &written.document;
        if (feedback.id, feedback.recommendation) != (id, case) {
            step.say(
                FindingKind::Misplaced,
                format!(
                    "{} is feedback `{}` on `{}`",
                    written.place(&["id"]),
                    feedback.id,
                    feedback.recommendation
                ),
            );
        }
        step.check_time(&path, "at", feedback.at);
        step.check_role(&feedback.by, Role::None, "gives feedback");
        if let Some(about) = examiner.decided_before(step, case)? {
            step.check_message(&entry::feedback_message(feedback, &about));
        }
    }
    Ok(Fact::Remarked { case }.into())
}
