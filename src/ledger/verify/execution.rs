//! Claims and outcomes: who may carry out what, and what it may leave behind.

use super::document::Written;
use super::examine::{Answer, Examiner, Fact};
use super::finding::FindingKind;
use super::step::Step;
use super::{outcome_files, rescored};
use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::documents::{Claim, ExecutorKind, Outcome, Recommendation, time};
use crate::domain::ids::CaseId;
use crate::git::GitError;
use crate::ledger::rescore::Again;
use crate::ledger::{REPORTED_BY_BOT, entry};
use crate::rules::executor::Executor;

/// Checks a claim.
pub fn check_claim(
    examiner: &mut Examiner,
    step: &mut Step,
    case: CaseId,
) -> Result<Answer, GitError> {
    step.check_parents(None);
    let Some(written) = step.take_document::<Claim>(&Claim::path_of(case))? else {
        let executor = step.entry.trailers.find("Executor");
        let executor = executor.and_then(|word| word.parse().ok());
        return Ok(Fact::Claimed {
            case,
            executor: executor.unwrap_or(ExecutorKind::External),
            at: step.commit.committer.time,
            is_invalid: false,
        }
        .into());
    };
    let claim = &written.document;
    let answer = |is_invalid| {
        let executor = claim.executor;
        Ok(Fact::Claimed {
            case,
            executor,
            at: claim.started_at,
            is_invalid,
        }
        .into())
    };
    if claim.id != case {
        step.say(
            FindingKind::Misplaced,
            format!(
                "{} is `{}`, not the case of its folder",
                written.place(&["id"]),
                claim.id
            ),
        );
    }
    step.check_time(&written.path, "started_at", claim.started_at);
    if step.is_frozen()? {
        step.say(
            FindingKind::WhileFrozen,
            "it was claimed while everything was frozen",
        );
    }
    let Some(about) = examiner.decided_before(step, case)? else {
        return answer(false);
    };
    step.check_message(&entry::claim_message(claim, &about));
    check_claimant(step, &written, &about);
    answer(is_invalid(examiner, step, &about)?)
}

/// Scores the case again, as the bot did before it claimed it. Whether it could not be proposed any more.
fn is_invalid(
    examiner: &mut Examiner,
    step: &mut Step,
    about: &Recommendation,
) -> Result<bool, GitError> {
    Ok(match rescored::again(examiner, step, about)? {
        None | Some(Again::Same) => false,
        Some(Again::Invalid(_)) => true,
        Some(Again::More(more)) => {
            let (was, now) = (&more.was, &more.now.risk);
            let message = format!(
                "it was decided as {} {} and would have been {} {} by then, so it had to go back to people",
                was.level, was.score, now.level, now.score
            );
            step.say(FindingKind::NotRescored, message);
            false
        }
    })
}

/// The rules let exactly this executor at it, for exactly this long.
fn check_claimant(step: &mut Step, written: &Written<Claim>, about: &Recommendation) {
    let claim = &written.document;
    let Some(version) = step.version.clone() else {
        return;
    };
    let action = version.rules.actions.get(&about.action);
    let executor = action.map(|action| &action.executor);
    let same = executor.filter(|executor| executor.kind() == claim.executor);
    match same.and_then(Executor::time_limit) {
        Some(limit) => {
            let limit = chrono::TimeDelta::from_std(limit).unwrap_or_default();
            if claim.ends_by - claim.started_at != limit {
                let message = format!(
                    "{} is {}, but the rules give it {} s",
                    written.place(&["ends_by"]),
                    time::text(&claim.ends_by),
                    limit.num_seconds()
                );
                step.say(FindingKind::WrongClaim, message);
            }
        }
        None => {
            let rules = executor.map_or("nobody", |executor| executor.kind().as_str());
            let message = format!(
                "{} is {}, but the rules let {rules} carry out `{}`",
                written.place(&["executor"]),
                claim.executor,
                about.action
            );
            step.say(FindingKind::WrongExecutor, message);
        }
    }
}

/// Checks an outcome.
pub fn check_outcome(
    examiner: &mut Examiner,
    step: &mut Step,
    case: CaseId,
) -> Result<Answer, GitError> {
    step.check_parents(None);
    let attempt = step
        .entry
        .trailers
        .find("Attempt")
        .and_then(|number| number.parse().ok())
        .unwrap_or(1);
    let said = step
        .entry
        .trailers
        .find("Executor")
        .and_then(|word| word.parse().ok())
        .unwrap_or(ExecutorKind::External);
    let path = Outcome::path_of(case, attempt);
    let Some(written) = step.take_document::<Outcome>(&path)? else {
        return Ok(Fact::Ended {
            case,
            attempt,
            executor: said,
            success: None,
            started_at: None,
            is_by_bot: step.entry.trailers.find("By") == Some(REPORTED_BY_BOT),
        }
        .into());
    };
    let outcome = &written.document;
    if (outcome.id, outcome.attempt) != (case, attempt) {
        let message = format!(
            "{} is attempt {} of `{}`, which belongs elsewhere",
            written.place(&["id"]),
            outcome.attempt,
            outcome.id
        );
        step.say(FindingKind::Misplaced, message);
    }
    step.check_time(&path, "finished_at", outcome.finished_at);
    if outcome.started_at > outcome.finished_at + CLOCK_TOLERANCE {
        step.say(
            FindingKind::WrongTime,
            format!("{} is later than its end", written.place(&["started_at"])),
        );
    }
    if let Some(about) = examiner.decided_before(step, case)? {
        step.check_message(&entry::outcome_message(outcome, &about));
        if outcome.attempt == 1 && outcome.executor.is_part_of_the_push() {
            outcome_files::check(examiner, step, &written, &about)?;
        }
    }
    Ok(Fact::Ended {
        case,
        attempt,
        executor: outcome.executor,
        success: outcome.success,
        started_at: Some(outcome.started_at),
        is_by_bot: outcome.reported_by == REPORTED_BY_BOT,
    }
    .into())
}
