//! The first commit: the only one without a parent, and without records.

use super::commit_check::CommitCheck;
use super::commit_verifier::CommitVerifier;
use super::finding::FindingKind;
use crate::domain::problem::Reading;
use crate::git::GitError;
use crate::ledger::{Event, entry, is_record};

/// Checks the first commit of the line.
pub fn check_first(verifier: &mut CommitVerifier, check: &mut CommitCheck) -> Result<(), GitError> {
    if check.entry.event != Some(Event::Genesis) {
        check.say(
            FindingKind::NoGenesis,
            "the trail does not begin with a genesis",
        );
    }
    for change in check.take_all() {
        let path = change.path_text();
        if is_record(&path) {
            check.say(
                FindingKind::UnexpectedChange,
                format!(
                    "`{}` is there from the beginning, without a decision",
                    path.escape_default()
                ),
            );
        }
        if let Some(new) = &change.new {
            check.check_mode(&path, new.mode);
        }
    }
    match verifier
        .rules_cache
        .read(check.repo.objects(), check.commit.tree)?
    {
        Reading::Valid(version) => {
            check.check_message(&entry::genesis_message(version.rules.governance.mode))
        }
        Reading::Invalid(problems) => {
            check.say(FindingKind::UnreadableDocument, problems.to_string())
        }
    }
    Ok(())
}
