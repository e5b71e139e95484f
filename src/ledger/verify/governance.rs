//! A decision on a governance change: exactly the changes of its branch, and the decision.

use std::collections::BTreeMap;

use super::approvals::{self, Question};
use super::assessment;
use super::branch::Branch;
use super::commit_check::CommitCheck;
use super::commit_verifier::{CheckResult, CommitVerifier, PullId};
use super::decision::given_on_other_main;
use super::document::Written;
use super::finding::FindingKind;
use super::{ignored, record, signature};
use crate::domain::documents::Decision;
use crate::domain::engine::Engine;
use crate::domain::ids::CaseId;
use crate::gate::eligibility::agent_of;
use crate::gate::verdict::Kind;
use crate::git::{Change, Entry as TreeEntry, GitError, InsertError, ObjectBuffer, TreeEditor};
use crate::ledger::proposal::{Candidate, Objection, Refusal, Trees, find_key_lockout};
use crate::ledger::{Version, entry, facts, is_record};
use crate::risk;
use crate::rules::Rules;

/// Stands for paths that are not known; no path is spelled like this.
const UNKNOWN_PATH: &str = "../..";

/// Checks a decision on a governance change.
pub fn check(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    case: CaseId,
) -> Result<CheckResult, GitError> {
    let mut answer = CheckResult::default();
    let Some(written) = check.take_document::<Decision>(&Decision::governance_path_of(case))?
    else {
        return Ok(answer);
    };
    let decision = &written.document;
    answer.engine = Engine::parse(&decision.engine);
    answer.pull = Some(PullId::from(&decision.pull));
    record::check(check, &written);
    check_id(check, &written, case);
    let branch = Branch::read(check, decision.pull.head)?;
    answer.without_branch = branch.is_none();
    match &branch {
        Some(branch) => {
            branch.check_fork(check);
            check.check_message(&entry::governance_message(
                decision,
                &paths_of(&branch.changes),
            ));
            branch.check(check, decision.status)?;
            if let Some(Candidate::Recommendation { path, .. }) = branch.classify(check)? {
                check.say(
                    FindingKind::InvalidProposal,
                    format!(
                        "the commit that was decided proposes `{path}`, and no change of governance"
                    ),
                );
            }
            if decision.status.is_approval() {
                answer.merged = branch.ids().collect();
                take_changes(check, &branch.changes)?;
            }
        }
        None => check_message_without_paths(check, decision),
    }
    let branch_changes = branch.as_ref().map(|branch| branch.changes.as_slice());
    validate_rule_change(verifier, check, decision, branch_changes)?;
    let version = check.version.clone();
    let Some(version) = version else {
        return Ok(answer);
    };
    answer.by_team = recompute(check, &written, &version, branch.as_ref())?;
    answer.recomputed = true;
    Ok(answer)
}

/// Validates what was decided as the bot did before: it decides nothing that fails, neither by merging nor by closing
/// it.
fn validate_rule_change(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    decision: &Decision,
    branch_changes: Option<&[Change]>,
) -> Result<(), GitError> {
    let is_older = Engine::parse(&decision.engine).is_some_and(Engine::is_older);
    let Some((_, before)) = check.parent else {
        return Ok(());
    };
    let mut buffer = ObjectBuffer::new();
    let after = match (decision.status.is_approval(), branch_changes) {
        (true, _) => check.commit.tree,
        // An older engine recorded the end of what it had refused.
        (false, Some(changes)) if !is_older => {
            let mut tree = TreeEditor::new(Some(before));
            match tree.apply(check.repo.objects(), changes) {
                Ok(()) => tree.write(&mut buffer),
                // That is an objection by itself.
                Err(InsertError::Occupied(_)) => return Ok(()),
                Err(InsertError::Git(error)) => return Err(error),
            }
        }
        (false, _) => return Ok(()),
    };
    let validation = verifier.rule_changes.validate(
        check.repo.with(&buffer),
        &mut verifier.rules_cache,
        Trees { before, after },
        decision.pull.forge(),
    )?;
    // What is expected of an older engine, only that engine answers.
    let is_answerable =
        |objection: &Objection| !is_older || objection.refusal != Refusal::FailingTest;
    check.object(validation.objections.into_iter().filter(is_answerable));
    if let Some(version) = validation.version.filter(|_| validation.changes_rules) {
        let key = signature::bot_key(check, &version);
        check.object(find_key_lockout(&version, key));
    }
    Ok(())
}

fn paths_of(changes: &[Change]) -> Vec<String> {
    changes.iter().map(Change::path_text).collect()
}

/// The id follows from the pull request: its time and its head.
fn check_id(check: &mut CommitCheck, written: &Written<Decision>, case: CaseId) {
    let decision = &written.document;
    let follows = CaseId::from_parts(case.time(), decision.pull.head.seed()) == case
        && opened_with(case, decision);
    if decision.id != case || !follows {
        let message = format!(
            "{} is `{}`, which does not follow from its pull request and its folder",
            written.place(&["id"]),
            decision.id
        );
        check.say(FindingKind::Misplaced, message);
    }
    if decision.recommendation.is_some() {
        check.say(
            FindingKind::Misplaced,
            format!(
                "{}: a governance change decides no recommendation",
                written.place(&["recommendation"])
            ),
        );
    }
}

/// Whether the time of the id is when the pull request was opened; by whichever clock, if that was ahead of the
/// decision.
fn opened_with(case: CaseId, decision: &Decision) -> bool {
    let opened_at = decision.pull.opened_at;
    let is_ahead = case.time() > decision.decided_at && opened_at == decision.decided_at;
    case.time().timestamp() == opened_at.timestamp() || is_ahead
}

/// Takes what the branch changes off the list; what is the same on `main` already needs no change.
fn take_changes(check: &mut CommitCheck, changes: &[Change]) -> Result<(), GitError> {
    let Some((_, tree)) = check.parent else {
        return Ok(());
    };
    let kept = |entry: Option<&TreeEntry>| entry.map(|entry| (entry.mode, entry.id));
    for change in changes {
        let path = change.path_text();
        let shown = path.escape_default();
        if is_record(&path) {
            continue;
        }
        if let Some(new) = &change.new {
            check.check_mode(&path, new.mode);
        }
        let becomes = kept(change.new.as_ref());
        match check.take(&path) {
            Some(taken) if kept(taken.new.as_ref()) == becomes => {}
            Some(_) => check.say(
                FindingKind::UnexpectedChange,
                format!("`{shown}` becomes something else than its branch proposes"),
            ),
            None => {
                let there = check.repo.entry_at(tree, &path)?;
                if there.map(|found| (found.mode, found.id)) != becomes {
                    check.say(
                        FindingKind::MissingChange,
                        format!("`{shown}` should become what its branch proposes, but does not"),
                    );
                }
            }
        }
    }
    Ok(())
}

/// The branch is not in this clone, so the paths in the subject cannot be known; all the rest can.
fn check_message_without_paths(check: &mut CommitCheck, decision: &Decision) {
    let expected = entry::governance_message(decision, &[UNKNOWN_PATH.to_owned()]);
    let (start, end) = expected.split_once(UNKNOWN_PATH).unwrap_or((&expected, ""));
    let found = check.message().to_owned();
    let fits = found
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(&format!("{}\n", end.trim_end())))
        .is_some_and(|paths| !paths.contains('\n'));
    if !fits {
        check.check_message(&expected.replace(UNKNOWN_PATH, "…"));
    }
}

fn recompute(
    check: &mut CommitCheck,
    written: &Written<Decision>,
    version: &Version,
    branch: Option<&Branch>,
) -> Result<usize, GitError> {
    let decision = &written.document;
    let (rules, by_team) = approvals::with_team_members(decision, &version.rules);
    let rules = rules.as_ref();
    let commits = branch
        .map(|branch| branch.commits.as_slice())
        .unwrap_or_default();
    let contributions = facts::contributions(&decision.pull, commits);
    let mut computed = risk::assess_governance_change(
        &branch
            .map(|branch| paths_of(&branch.changes))
            .unwrap_or_default(),
        rules,
    );
    if branch.is_none() {
        // Which files it would have changed is only on record.
        for (trigger, recorded) in computed.triggers.iter_mut().zip(&decision.risk.triggers) {
            trigger.reason.clone_from(&recorded.reason);
        }
        for recorded in decision.risk.triggers.iter().skip(1) {
            let mut rules = rules.path_rules.iter();
            let rule = rules.find(|rule| rule.id == recorded.id);
            let is_instead = recorded.ask.as_ref().is_some_and(|ask| ask.instead);
            computed
                .triggers
                .extend(rule.map(|rule| rule.fired(is_instead && rule.ask.instead)));
        }
    }
    assessment::compare(check, written, &computed);
    let mut outdated = BTreeMap::new();
    for (review, main) in given_on_other_main(check, written) {
        let root = check.repo.read_commit(main)?.tree;
        if check
            .repo
            .entry_at(root, Rules::FOLDER)?
            .map(|entry| entry.id)
            != Some(version.tree)
        {
            outdated.insert(review, "the rules have changed on `main`".to_owned());
        }
    }
    let agent = agent_of(&decision.pull.author, rules);
    let owner = agent.and_then(|name| Some(&rules.agents.get(name)?.owner));
    let parts = ignored::parts_of_governance_change(decision);
    let question = Question {
        kind: Kind::GovernanceChange,
        assessment: &computed,
        grant: None,
        contributions: &contributions,
        is_without_branch: branch.is_none(),
        agent,
        owner,
        outdated: &outdated,
        parts: &parts,
    };
    approvals::check(check, written, rules, &question)?;
    Ok(by_team)
}
