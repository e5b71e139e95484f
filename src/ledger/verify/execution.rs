//! Claims and outcomes: who may carry out what, and what it may leave behind.

use super::commit_check::CommitCheck;
use super::commit_verifier::{CheckResult, CommitVerifier, Ended, Fact};
use super::document::Written;
use super::finding::FindingKind;
use super::{outcome_files, rescored, track_record};
use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::documents::{Claim, ExecutorKind, Outcome, Recommendation, time};
use crate::domain::ids::CaseId;
use crate::git::GitError;
use crate::ledger::rescore::Again;
use crate::ledger::{REPORTED_BY_BOT, entry};
use crate::rules::executor::Executor;

pub fn check_claim(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    case: CaseId,
) -> Result<CheckResult, GitError> {
    check.check_parents(None);
    let Some(written) = check.take_document::<Claim>(&Claim::path_of(case))? else {
        let executor = check.entry.trailers.find("Executor");
        let executor = executor.and_then(|word| word.parse().ok());
        return Ok(Fact::Claimed {
            case,
            executor: executor.unwrap_or(ExecutorKind::External),
            at: check.commit.committer.time,
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
        check.say(
            FindingKind::Misplaced,
            format!(
                "{} is `{}`, not the case of its folder",
                written.place(&["id"]),
                claim.id
            ),
        );
    }
    check.check_time(&written.path, "started_at", claim.started_at);
    if check.is_frozen()? {
        check.say(
            FindingKind::WhileFrozen,
            "it was claimed while everything was frozen",
        );
    }
    let Some(about) = verifier.decided_before(check, case)? else {
        return answer(false);
    };
    check.check_message(&entry::claim_message(claim, &about));
    check_claimant(check, &written, &about);
    answer(is_invalid(verifier, check, &about)?)
}

/// Scores the case again, as the bot did before it claimed it. Whether it could not be proposed any more.
fn is_invalid(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    about: &Recommendation,
) -> Result<bool, GitError> {
    Ok(match rescored::again(verifier, check, about)? {
        None | Some(Again::Same) => false,
        Some(Again::Invalid(_)) => true,
        Some(Again::Held) => {
            let message = "it was claimed while a rule held it back";
            check.say(FindingKind::WhileFrozen, message);
            false
        }
        Some(Again::More(more)) => {
            let (was, now) = (&more.was, &more.now.risk);
            let message = format!(
                "it was decided as {} {} and would have been {} {} by then, so it had to go back to people",
                was.level, was.score, now.level, now.score
            );
            check.say(FindingKind::NotRescored, message);
            false
        }
    })
}

/// The rules let exactly this executor at it, for exactly this long.
fn check_claimant(check: &mut CommitCheck, written: &Written<Claim>, about: &Recommendation) {
    let claim = &written.document;
    let Some(version) = check.version.clone() else {
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
                check.say(FindingKind::WrongClaim, message);
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
            check.say(FindingKind::WrongExecutor, message);
        }
    }
}

pub fn check_outcome(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    case: CaseId,
) -> Result<CheckResult, GitError> {
    check.check_parents(None);
    let attempt = check
        .entry
        .trailers
        .find("Attempt")
        .and_then(|number| number.parse().ok())
        .unwrap_or(1);
    let said = check
        .entry
        .trailers
        .find("Executor")
        .and_then(|word| word.parse().ok())
        .unwrap_or(ExecutorKind::External);
    let path = Outcome::path_of(case, attempt);
    let Some(written) = check.take_document::<Outcome>(&path)? else {
        return Ok(Fact::Ended(Ended {
            case,
            attempt,
            executor: said,
            success: None,
            started_at: None,
            is_by_bot: check.entry.trailers.find("By") == Some(REPORTED_BY_BOT),
        })
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
        check.say(FindingKind::Misplaced, message);
    }
    check.check_time(&path, "finished_at", outcome.finished_at);
    if outcome.started_at > outcome.finished_at + CLOCK_TOLERANCE {
        check.say(
            FindingKind::WrongTime,
            format!("{} is later than its end", written.place(&["started_at"])),
        );
    }
    if let Some(about) = verifier.decided_before(check, case)? {
        check.check_message(&entry::outcome_message(outcome, &about));
        track_record::check_outcome(verifier, check, &written)?;
        if outcome.attempt == 1 && outcome.executor.is_part_of_the_push() {
            outcome_files::check(verifier, check, &written, &about)?;
        }
    }
    Ok(Fact::Ended(Ended {
        case,
        attempt,
        executor: outcome.executor,
        success: outcome.success,
        started_at: Some(outcome.started_at),
        is_by_bot: outcome.reported_by == REPORTED_BY_BOT,
    })
    .into())
}
