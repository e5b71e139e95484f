//! What every decision record says about itself: the tip, the rules, the engine, the mode, the times.

use super::assessment::Recorded;
use super::commit_check::CommitCheck;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::documents::{Decision, Status, time};
use crate::domain::engine::{ENGINE, Engine};
use crate::domain::ids::quoted;

/// Checks what a decision says about its place in the trail.
pub fn check(check: &mut CommitCheck, written: &Written<Decision>) {
    let decision = &written.document;
    check.check_time(&written.path, "decided_at", decision.decided_at);
    check.check_parents(decision.status.is_approval().then_some(decision.pull.head));
    check_base(check, written);
    check_engine(check, written);
    check_times(check, written);
    let is_rejected = decision.status == Status::Rejected;
    if decision.rejection.is_some() != is_rejected {
        let message = format!(
            "{} is {}, and a rejection is {}recorded",
            written.place(&["status"]),
            decision.status,
            if is_rejected { "not " } else { "" }
        );
        check.say(FindingKind::WrongStatus, message);
    }
}

fn check_base(check: &mut CommitCheck, written: &Written<Decision>) {
    let decision = &written.document;
    let Some((parent, _)) = check.parent else {
        return;
    };
    if decision.pull.base != parent {
        let place = written.place(&["pull", "base"]);
        let message = format!(
            "{place} is {}, but the decision stands on {}: it was made for another tip",
            decision.pull.base.short(),
            parent.short()
        );
        check.say(FindingKind::WrongBase, message);
    }
    let Some(version) = check.version.clone() else {
        return;
    };
    if decision.rules.commit != parent || decision.rules.tree != version.tree {
        let place = written.place(&["rules", "tree"]);
        let (said, is) = (decision.rules.tree.short(), version.tree.short());
        let message = format!(
            "{place} is {said} of commit {}, but the rules of its parent {} are {is}",
            decision.rules.commit.short(),
            parent.short()
        );
        check.say(FindingKind::WrongRules, message);
    }
    let mode = version.rules.governance.mode;
    if decision.mode != mode {
        check.say(
            FindingKind::WrongMode,
            format!(
                "{} is {}, but the rules say {mode}",
                written.place(&["mode"]),
                decision.mode
            ),
        );
    }
}

/// The engine that made a record is one that this one knows.
pub fn check_engine<R: Recorded>(check: &mut CommitCheck, written: &Written<R>) {
    let engine = written.document.engine();
    if Engine::parse(engine).is_none_or(Engine::is_newer) {
        let place = written.place(&["engine"]);
        check.say(FindingKind::UnknownEngine, format!("{place} is {}, which `{ENGINE}` does not know: verify with that version or a later one", quoted(engine)));
    }
}

/// Nothing that a decision rests on can be later than the decision.
fn check_times(check: &mut CommitCheck, written: &Written<Decision>) {
    let decision = &written.document;
    let latest = decision.decided_at + CLOCK_TOLERANCE;
    let mut earlier = vec![("pull.opened_at", decision.pull.opened_at)];
    earlier.extend(
        decision
            .approvals
            .iter()
            .map(|approval| ("approvals.at", approval.at)),
    );
    earlier.extend(
        decision
            .rejection
            .iter()
            .map(|rejection| ("rejection.at", rejection.at)),
    );
    let first = decision.pull.opened_at - CLOCK_TOLERANCE;
    let said = decision.approvals.iter().map(|approval| approval.at);
    for at in said.filter(|at| *at < first) {
        let message = format!(
            "{} is {}, before the pull request was opened at {}",
            written.place(&["approvals", "at"]),
            time::text(&at),
            time::text(&decision.pull.opened_at)
        );
        check.say(FindingKind::WrongTime, message);
    }
    for (key, at) in earlier {
        if at > latest {
            let keys: Vec<&str> = key.split('.').collect();
            let message = format!(
                "{} is {}, after the decision at {}",
                written.place(&keys),
                time::text(&at),
                time::text(&decision.decided_at)
            );
            check.say(FindingKind::WrongTime, message);
        }
    }
}
