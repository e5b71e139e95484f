//! What `none` and `apply` leave behind: nothing, or exactly the targets' files as they are computed again.

use super::commit_check::CommitCheck;
use super::commit_verifier::CommitVerifier;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::documents::{ExecutorKind, Outcome, Recommendation, Target};
use crate::domain::ids::quoted;
use crate::domain::problem::Reading;
use crate::domain::value::Value;
use crate::git::{GitError, blob_id};
use crate::ledger::facts::Targets;
use crate::ledger::{Files, Inapplicable, REPORTED_BY_BOT, changed_files};

/// Checks the outcome of an execution that was part of the push.
pub fn check(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    written: &Written<Outcome>,
    about: &Recommendation,
) -> Result<(), GitError> {
    let Some((_, tree)) = check.parent else {
        return Ok(());
    };
    let outcome = &written.document;
    if outcome.reported_by != REPORTED_BY_BOT {
        let place = written.place(&["reported_by"]);
        check.say(
            FindingKind::WrongOutcome,
            format!(
                "{place} is {}, but only the bot itself does this",
                quoted(&outcome.reported_by)
            ),
        );
    }
    if check.is_frozen()? {
        check.say(
            FindingKind::WhileFrozen,
            "it was executed while everything was frozen",
        );
    }
    let Some(version) = check.version.clone() else {
        take_what_cannot_be_computed(check, about);
        return Ok(());
    };
    let targets = match verifier
        .target_cache
        .targets(check.repo.objects(), tree, about)?
    {
        Reading::Valid(targets) => targets,
        Reading::Invalid(problems) => {
            check.say(
                FindingKind::UnreadableDocument,
                format!("it was executed on a target that cannot be read: {problems}"),
            );
            take_what_cannot_be_computed(check, about);
            return Ok(());
        }
    };
    let computed = match (outcome.executor, version.rules.actions.get(&about.action)) {
        (ExecutorKind::Apply, Some(action)) => {
            changed_files(about, action.effect, &targets, &version.rules.governance)
        }
        _ => Ok(Files::new()),
    };
    compare(check, written, &computed);
    for (path, content) in computed.unwrap_or_default() {
        take_file(check, &path, content.as_deref(), about, &targets);
    }
    Ok(())
}

/// Without the rules or the targets, of which is said that they cannot be read, nobody can compute what becomes of the
/// targets' files.
fn take_what_cannot_be_computed(check: &mut CommitCheck, about: &Recommendation) {
    for target in &about.targets {
        check.take(&Target::path_of(target));
    }
}

/// Success, files and reason as recorded and as computed.
fn compare(
    check: &mut CommitCheck,
    written: &Written<Outcome>,
    computed: &Result<Files, Inapplicable>,
) {
    let outcome = &written.document;
    let (success, error) = match computed {
        Ok(_) => (true, None),
        Err(reason) => (false, Some(reason.to_string())),
    };
    if outcome.success != Some(success) {
        let word = |success| Outcome::word(success);
        let message = format!(
            "{} says {}, but computed again it is {}",
            written.place(&["success"]),
            word(outcome.success),
            word(Some(success))
        );
        check.say(FindingKind::WrongOutcome, message);
    } else if outcome.error != error {
        check.say(
            FindingKind::WrongOutcome,
            format!(
                "{} is not the one that is computed again",
                written.place(&["error"])
            ),
        );
    }
    let Ok(files) = computed else { return };
    let named: Vec<Value> = files
        .iter()
        .map(|(path, _)| Value::Text(path.clone()))
        .collect();
    let recorded = match outcome.details.get("files") {
        Some(Value::List(files)) => files.as_slice(),
        _ => &[],
    };
    if recorded != named.as_slice() {
        check.say(
            FindingKind::WrongOutcome,
            format!(
                "{} does not name the files that it changes",
                written.place(&["details", "files"])
            ),
        );
    }
}

/// Takes the change of a target's file off the list, if it is the computed one.
fn take_file(
    check: &mut CommitCheck,
    path: &str,
    content: Option<&[u8]>,
    about: &Recommendation,
    targets: &Targets,
) {
    let wanted = content.map(blob_id);
    let Some(change) = check.take(path) else {
        let name = about
            .targets
            .iter()
            .find(|name| Target::path_of(name) == path);
        let present = name.and_then(|name| targets.blobs.get(name)).copied();
        if present != wanted {
            check.say(
                FindingKind::WrongOutcome,
                format!("`{path}` should be changed by it as approved, but is not"),
            );
        }
        return;
    };
    if let Some(new) = &change.new {
        check.check_mode(path, new.mode);
    }
    if change.new.as_ref().map(|new| new.id) != wanted {
        check.say(
            FindingKind::WrongOutcome,
            format!("`{path}` becomes something else than what was approved"),
        );
    }
}
