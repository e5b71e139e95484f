//! A case that was scored again before it was carried out: that it was due, and that its numbers are right.

use super::assessment;
use super::commit_check::CommitCheck;
use super::commit_verifier::{CheckResult, CommitVerifier, Fact};
use super::document::Written;
use super::finding::FindingKind;
use super::{record, track_record};
use crate::domain::documents::{Decision, ExecutorKind, Recommendation, Rescored};
use crate::domain::engine::Engine;
use crate::domain::ids::CaseId;
use crate::domain::yaml;
use crate::git::GitError;
use crate::ledger::entry;
use crate::ledger::rescore::{Again, Approved, More};

/// Checks a record of a case that was scored again.
pub fn check(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    case: CaseId,
) -> Result<CheckResult, GitError> {
    check.check_parents(None);
    let said = check.entry.trailers.find("Executor");
    let said = said.and_then(|word| word.parse().ok());
    let Some(written) = check.take_document::<Rescored>(&Rescored::path_of(case))? else {
        let executor = said.unwrap_or(ExecutorKind::External);
        return Ok(Fact::Rescored { case, executor }.into());
    };
    let rescored = &written.document;
    let executor = rescored.executor;
    let answer = Ok(CheckResult {
        engine: Engine::parse(&rescored.engine),
        ..Fact::Rescored { case, executor }.into()
    });
    if rescored.id != case {
        let place = written.place(&["id"]);
        check.say(
            FindingKind::Misplaced,
            format!("{place} is `{}`, not the case of its folder", rescored.id),
        );
    }
    check.check_time(&written.path, "at", rescored.at);
    // A bot stands still then; what somebody reports is recorded all the same.
    if executor != ExecutorKind::External && check.is_frozen()? {
        check.say(
            FindingKind::WhileFrozen,
            "it was scored again while everything was frozen",
        );
    }
    check_rules(check, &written);
    record::check_engine(check, &written);
    let Some(about) = verifier.decided_before(check, case)? else {
        return answer;
    };
    check.check_message(&entry::rescored_message(rescored, &about));
    match again(verifier, check, &about)? {
        None => {}
        Some(Again::More(more)) => compare(check, &written, &more),
        Some(Again::Same | Again::Held) => check.say(
            FindingKind::WrongRescoring,
            format!("{}: computed again, nothing more is asked than was", written.path),
        ),
        Some(Again::Invalid(problems)) => check.say(
            FindingKind::WrongRescoring,
            format!(
                "{}: computed again, it could not be proposed any more, which is a failure and no score: {problems}",
                written.path
            ),
        ),
    }
    answer
}

fn check_rules(check: &mut CommitCheck, written: &Written<Rescored>) {
    let (Some((parent, _)), Some(version)) = (check.parent, check.version.clone()) else {
        return;
    };
    let rules = &written.document.rules;
    if rules.commit != parent || rules.tree != version.tree {
        let message = format!(
            "{} is {} of commit {}, but the rules of its parent {} are {}",
            written.place(&["rules", "tree"]),
            rules.tree.short(),
            rules.commit.short(),
            parent.short(),
            version.tree.short()
        );
        check.say(FindingKind::WrongRules, message);
    }
}

fn compare(check: &mut CommitCheck, written: &Written<Rescored>, computed: &More) {
    let was = written.document.was;
    if was != computed.was {
        let message = format!(
            "{} is not what its decision says: {} {}",
            written.place(&["was"]),
            computed.was.level,
            computed.was.score
        );
        check.say(FindingKind::WrongRescoring, message);
    }
    assessment::compare(check, written, &computed.now.risk);
    assessment::compare_requirement(check, written, computed.now.required);
}

/// What an approved case comes to on the tree that a commit stands on; none if this clone does not tell.
pub fn again(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    about: &Recommendation,
) -> Result<Option<Again>, GitError> {
    let (Some((_, tree)), Some(version)) = (check.parent, &check.version) else {
        return Ok(None);
    };
    let path = Decision::path_of(about.id);
    let decision = check.repo.read_path(tree, &path)?;
    // Found missing or wrong where it was made.
    let Some(Ok(decision)) = decision.map(|bytes| yaml::read::<Decision>(&path, &bytes)) else {
        return Ok(None);
    };
    let at = check.commit.committer.time;
    let Some(approved) = Approved::read(check.repo, about, &decision)? else {
        return Ok(None);
    };
    let targets = verifier
        .target_cache
        .targets(check.repo.objects(), tree, about)?
        .map(|targets| targets.known);
    let version = version.clone();
    let mut is_readable = true;
    let again = approved.again(targets, &version.rules, at, |path| -> Result<_, GitError> {
        let record = track_record::read(verifier, check, path)?;
        is_readable = record.is_some();
        Ok(record.unwrap_or_default())
    })?;
    Ok(is_readable.then_some(again))
}
