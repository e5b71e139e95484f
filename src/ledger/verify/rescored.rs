//! A case that was scored again before it was carried out: that it was due, and that its numbers are right.

use super::assessment;
use super::document::Written;
use super::examine::{Answer, Examiner, Fact};
use super::finding::FindingKind;
use super::record;
use super::step::Step;
use crate::domain::documents::{Decision, ExecutorKind, Recommendation, Rescored};
use crate::domain::engine::Engine;
use crate::domain::ids::CaseId;
use crate::domain::yaml;
use crate::git::GitError;
use crate::ledger::entry;
use crate::ledger::rescore::{Again, Approved, More};

/// Checks a record of a case that was scored again.
pub fn check(examiner: &mut Examiner, step: &mut Step, case: CaseId) -> Result<Answer, GitError> {
    step.check_parents(None);
    let said = step.entry.trailers.find("Executor");
    let said = said.and_then(|word| word.parse().ok());
    let Some(written) = step.take_document::<Rescored>(&Rescored::path_of(case))? else {
        let executor = said.unwrap_or(ExecutorKind::External);
        return Ok(Fact::Rescored { case, executor }.into());
    };
    let rescored = &written.document;
    let executor = rescored.executor;
    let answer = Ok(Answer {
        engine: Engine::parse(&rescored.engine),
        ..Fact::Rescored { case, executor }.into()
    });
    if rescored.id != case {
        let place = written.place(&["id"]);
        step.say(
            FindingKind::Misplaced,
            format!("{place} is `{}`, not the case of its folder", rescored.id),
        );
    }
    step.check_time(&written.path, "at", rescored.at);
    // A bot stands still then; what somebody reports is recorded all the same.
    if executor != ExecutorKind::External && step.is_frozen()? {
        step.say(
            FindingKind::WhileFrozen,
            "it was scored again while everything was frozen",
        );
    }
    check_rules(step, &written);
    record::check_engine(step, &written);
    let Some(about) = examiner.decided_before(step, case)? else {
        return answer;
    };
    step.check_message(&entry::rescored_message(rescored, &about));
    match again(examiner, step, &about)? {
        None => {}
        Some(Again::More(more)) => compare(step, &written, &more),
        Some(Again::Same) => step.say(
            FindingKind::WrongRescoring,
            format!("{}: computed again, nothing more is asked than was", written.path),
        ),
        Some(Again::Invalid(problems)) => step.say(
            FindingKind::WrongRescoring,
            format!(
                "{}: computed again, it could not be proposed any more, which is a failure and no score: {problems}",
                written.path
            ),
        ),
    }
    answer
}

fn check_rules(step: &mut Step, written: &Written<Rescored>) {
    let (Some((parent, _)), Some(version)) = (step.parent, step.version.clone()) else {
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
        step.say(FindingKind::WrongRules, message);
    }
}

fn compare(step: &mut Step, written: &Written<Rescored>, computed: &More) {
    let was = written.document.was;
    if was != computed.was {
        let message = format!(
            "{} is not what its decision says: {} {}",
            written.place(&["was"]),
            computed.was.level,
            computed.was.score
        );
        step.say(FindingKind::WrongRescoring, message);
    }
    assessment::compare(step, written, &computed.now.risk);
    assessment::compare_requirement(step, written, computed.now.required);
}

/// What an approved case comes to on the tree that a commit stands on; none if this clone does not tell.
pub fn again(
    examiner: &mut Examiner,
    step: &Step,
    about: &Recommendation,
) -> Result<Option<Again>, GitError> {
    let (Some((_, tree)), Some(version)) = (step.parent, &step.version) else {
        return Ok(None);
    };
    let path = Decision::path_of(about.id);
    let decision = step.repo.read_path(tree, &path)?;
    // Found missing or wrong where it was made.
    let Some(Ok(decision)) = decision.map(|bytes| yaml::read::<Decision>(&path, &bytes)) else {
        return Ok(None);
    };
    let Some(approved) = Approved::read(step.repo, about, &decision)? else {
        return Ok(None);
    };
    let targets = examiner.book.known(step.repo.objects(), tree, about)?;
    Ok(Some(approved.again(targets, &version.rules)))
}
