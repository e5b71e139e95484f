//! The first commit: the only one without a parent, and without records.

use super::examine::Examiner;
use super::finding::FindingKind;
use super::step::Step;
use crate::domain::problem::Reading;
use crate::git::GitError;
use crate::ledger::{Event, entry, is_record};

/// Checks the first commit of the line.
pub fn check_first(examiner: &mut Examiner, step: &mut Step) -> Result<(), GitError> {
    if step.entry.event != Some(Event::Genesis) {
        step.say(
            FindingKind::NoGenesis,
            "the trail does not begin with a genesis",
        );
    }
    for change in step.take_all() {
        let path = change.path_text();
        if is_record(&path) {
            step.say(
                FindingKind::UnexpectedChange,
                format!(
                    "`{}` is there from the beginning, without a decision",
                    path.escape_default()
                ),
            );
        }
        if let Some(new) = &change.new {
            step.check_mode(&path, new.mode);
        }
    }
    match examiner
        .rulebook
        .read(step.repo.objects(), step.commit.tree)?
    {
        Reading::Valid(version) => {
            step.check_message(&entry::genesis_message(version.rules.governance.mode))
        }
        Reading::Invalid(problems) => {
            step.say(FindingKind::UnreadableDocument, problems.to_string())
        }
    }
    Ok(())
}
