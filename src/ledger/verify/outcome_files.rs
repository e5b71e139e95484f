//! What `none` and `apply` leave behind: nothing, or exactly the targets' files as they are computed again.

use std::borrow::Cow;

use super::commit_check::CommitCheck;
use super::commit_verifier::CommitVerifier;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::documents::{
    Baselines, Decision, ExecutorKind, Outcome, Recommendation, Status, Target,
};
use crate::domain::ids::{Sha, quoted};
use crate::domain::problem::Reading;
use crate::domain::value::Value;
use crate::domain::yaml;
use crate::git::{GitError, blob_id};
use crate::ledger::{
    ApprovedBy, Entry, Files, Inapplicable, REPORTED_BY_BOT, changed_baselines, changed_files,
};

/// Checks the outcome of an execution that was part of the push.
pub fn check(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    written: &Written<Outcome>,
    about: &Recommendation,
) -> Result<(), GitError> {
    let Some((parent, tree)) = check.parent else {
        return Ok(());
    };
    // The decision is the commit before, which was examined by itself.
    let decision = Entry::of(&check.repo.read_commit(parent)?);
    let about = &*executed(check, tree, &decision, about)?;
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
    let baselines = match (&computed, version.rules.actions.get(&about.action)) {
        (Ok(files), Some(action)) if !files.is_empty() => {
            changed_baselines(about, action.effect, &targets, approved_by(&decision))
                .unwrap_or_default()
        }
        _ => Files::new(),
    };
    for (path, content) in computed.unwrap_or_default() {
        let wrong = FindingKind::WrongOutcome;
        take_file(check, tree, &path, content.as_deref(), wrong)?;
    }
    for (path, content) in baselines {
        let wrong = FindingKind::WrongBaseline;
        take_file(check, tree, &path, content.as_deref(), wrong)?;
    }
    Ok(())
}

/// What of a recommendation is carried out, by the decision in the tree.
fn executed<'r>(
    check: &CommitCheck,
    tree: Sha,
    decision: &Entry,
    about: &'r Recommendation,
) -> Result<Cow<'r, Recommendation>, GitError> {
    // Most are carried out as proposed, so most decisions need not be read again.
    if decision.trailers.find("Amended").is_none() {
        return Ok(Cow::Borrowed(about));
    }
    let path = Decision::path_of(about.id);
    let decision = check.repo.read_path(tree, &path)?;
    let decision = decision.map(|bytes| yaml::read::<Decision>(&path, &bytes));
    Ok(match decision {
        Some(Ok(decision)) => Cow::Owned(decision.executed(about).into_owned()),
        _ => Cow::Borrowed(about),
    })
}

/// Who approved what is carried out.
fn approved_by(decision: &Entry) -> ApprovedBy {
    let status = decision.trailers.find("Decision");
    let status = status.and_then(|word| word.parse::<Status>().ok());
    status.map_or(ApprovedBy::Rules, ApprovedBy::from)
}

/// Without the rules or the targets, of which is said that they cannot be read, nobody can compute what becomes of the
/// targets' files.
fn take_what_cannot_be_computed(check: &mut CommitCheck, about: &Recommendation) {
    for target in &about.targets {
        check.take(&Target::path_of(target));
        check.take(&Baselines::path_of(target));
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

/// Takes the change of a file off the list, if it is the computed one.
pub(super) fn take_file(
    check: &mut CommitCheck,
    before: Sha,
    path: &str,
    content: Option<&[u8]>,
    wrong: FindingKind,
) -> Result<(), GitError> {
    let wanted = content.map(blob_id);
    let Some(change) = check.take(path) else {
        let present = check.repo.entry_at(before, path)?;
        if present.map(|entry| entry.id) != wanted {
            check.say(
                wrong,
                format!("`{path}` should be changed by it as approved, but is not"),
            );
        }
        return Ok(());
    };
    if let Some(new) = &change.new {
        check.check_mode(path, new.mode);
    }
    if change.new.as_ref().map(|new| new.id) != wanted {
        check.say(
            wrong,
            format!("`{path}` becomes something else than what was approved"),
        );
    }
    Ok(())
}
