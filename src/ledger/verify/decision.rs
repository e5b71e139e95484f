//! A decision on a recommendation: both files and nothing else, and every number and name of it derived
//! again from the parent's tree and the branch.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::amendment;
use super::approvals::{self, Question};
use super::assessment;
use super::branch::Branch;
use super::commit_check::CommitCheck;
use super::commit_verifier::{CheckResult, CommitVerifier, Fact, PullId};
use super::document::Written;
use super::evidence;
use super::finding::FindingKind;
use super::outcome_files::take_file;
use super::{ignored, record, track_record};
use crate::domain::documents::{Assessment, Decision, ExecutorKind, Recommendation, Status};
use crate::domain::engine::Engine;
use crate::domain::ids::{CaseId, Sha};
use crate::domain::level::Level;
use crate::domain::problem::Reading;
use crate::domain::pull::Contribution;
use crate::gate::eligibility::Interests;
use crate::gate::grants::{CaseKind, GrantCase};
use crate::gate::verdict::Kind;
use crate::git::{GitError, Objects};
use crate::ledger::facts::{self, Targets};
use crate::ledger::proposal::{self, Candidate, Objection, Refusal};
use crate::ledger::stale_approvals::{self, About, ApprovalSnapshot};
use crate::ledger::usage::{self, UsageError};
use crate::ledger::{Version, entry};
use crate::risk::limits::{self, Use, UsedLimits};
use crate::risk::narrowing::{Left, Scored};
use crate::risk::{self, RiskContext};
use crate::rules::Rules;

/// Checks a decision on a recommendation.
pub fn check(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    case: CaseId,
) -> Result<CheckResult, GitError> {
    let said = check
        .entry
        .trailers
        .find("Decision")
        .and_then(|word| word.parse::<Status>().ok());
    let said_executor = check.entry.trailers.find("Executor");
    let said_executor = said_executor.and_then(|word| word.parse::<ExecutorKind>().ok());
    // Even a broken record says to what comes after it that there was a decision.
    let mut answer = CheckResult {
        fact: said.map(|status| Fact::Decided {
            case,
            status,
            executor: said_executor.unwrap_or(ExecutorKind::External),
        }),
        ..CheckResult::default()
    };
    let path = Recommendation::path_of(case);
    let decision = check.take_document::<Decision>(&Decision::path_of(case))?;
    let blob = check.find_added_blob(&path);
    let about = check.take_document_by(&path, Recommendation::read_proposed)?;
    let Some(written) = decision else {
        return Ok(answer);
    };
    answer.engine = Engine::parse(&written.document.engine);
    answer.pull = Some(PullId::from(&written.document.pull));
    record::check(check, &written);
    let decided_at = written.document.decided_at;
    check.object(proposal::find_future_id(&path, case, decided_at));
    check_place(check, case, &written, about.as_ref(), blob);
    let (Some(about), Some(version)) = (about, check.version.clone()) else {
        return Ok(answer);
    };
    let about = Arc::new(about.document);
    verifier.remember(Arc::clone(&about));
    // An unknown action has nobody who carries it out.
    let executor = version
        .rules
        .actions
        .get(&about.action)
        .map_or(ExecutorKind::External, |action| action.executor.kind());
    let status = written.document.status;
    answer.fact = Some(Fact::Decided {
        case,
        status,
        executor,
    });
    check.check_message(&entry::decision_message(
        &written.document,
        &about,
        status.is_approval().then_some(executor.as_str()),
    ));
    let branch = Branch::read(check, written.document.pull.head)?;
    answer.without_branch = branch.is_none();
    answer.merged = merged_by(branch.as_ref(), status);
    if let (Some(branch), Some(blob)) = (&branch, blob) {
        check_branch(check, branch, &about, blob, status)?;
    }
    answer.by_team = recompute(verifier, check, &written, &about, &version, branch.as_ref())?;
    answer.recomputed = true;
    Ok(answer)
}

/// The commits that a decision brings to `main`.
fn merged_by(branch: Option<&Branch>, status: Status) -> Vec<Sha> {
    match branch {
        Some(branch) if status.is_approval() => branch.ids().collect(),
        _ => Vec::new(),
    }
}

/// Everything is about the case in whose folder it lies, and the decision about that very file.
fn check_place(
    check: &mut CommitCheck,
    case: CaseId,
    written: &Written<Decision>,
    about: Option<&Written<Recommendation>>,
    blob: Option<Sha>,
) {
    let decision = &written.document;
    if decision.id != case {
        check.say(
            FindingKind::Misplaced,
            format!(
                "{} is `{}`, not the case of its folder",
                written.place(&["id"]),
                decision.id
            ),
        );
    }
    if let Some(about) = about.filter(|about| about.document.id != case) {
        check.say(
            FindingKind::Misplaced,
            format!(
                "{} is `{}`, not the case of its folder",
                about.place(&["id"]),
                about.document.id
            ),
        );
    }
    if decision.recommendation != blob {
        let place = written.place(&["recommendation"]);
        check.say(FindingKind::EditedRecord, format!("{place} is not the blob of the `recommendation.yaml` beside it: another one was decided"));
    }
}

/// The branch proposes exactly this file.
fn check_branch(
    check: &mut CommitCheck,
    branch: &Branch,
    about: &Recommendation,
    blob: Sha,
    status: Status,
) -> Result<(), GitError> {
    branch.check_fork(check);
    branch.check(check, status)?;
    let path = Recommendation::path_of(about.id);
    let is_it = match branch.classify(check)? {
        None => return Ok(()),
        Some(Candidate::Recommendation { path: at, blob: is }) => (at, is) == (path.clone(), blob),
        Some(Candidate::Governance) => false,
    };
    if !is_it {
        check.say(
            FindingKind::InvalidProposal,
            format!("the commit that was decided does not propose this `{path}`"),
        );
    }
    Ok(())
}

/// What the tree that was decided on says of a case.
struct OnMain {
    targets: Targets,
    used: UsedLimits,
}

impl OnMain {
    fn read(
        verifier: &CommitVerifier,
        objects: Objects<'_>,
        tree: Sha,
        about: &Recommendation,
        rules: &Rules,
        at: DateTime<Utc>,
    ) -> Result<Reading<Self>, GitError> {
        let targets = match verifier.target_cache.targets(objects, tree, about)? {
            Reading::Valid(targets) => targets,
            Reading::Invalid(problems) => return Ok(Reading::Invalid(problems)),
        };
        let used = usage::read(objects, tree, about, &targets.known, rules, at)?;
        Ok(used.map(|used| Self { targets, used }))
    }
}

/// Facts, score and verdict, derived again.
fn recompute(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    written: &Written<Decision>,
    about: &Arc<Recommendation>,
    version: &Version,
    branch: Option<&Branch>,
) -> Result<usize, GitError> {
    let Some((_, tree)) = check.parent else {
        return Ok(0);
    };
    let decision = &written.document;
    let (rules, by_team) = approvals::with_team_members(decision, &version.rules);
    let rules = rules.as_ref();
    let at = decision.decided_at;
    let on_main = OnMain::read(verifier, check.repo.objects(), tree, about, rules, at)?;
    let OnMain { targets, used } = match on_main {
        Reading::Valid(on_main) => on_main,
        Reading::Invalid(problems) => {
            check.say(
                FindingKind::UnreadableDocument,
                format!("it was decided on what cannot be read: {problems}"),
            );
            return Ok(0);
        }
    };
    let commits = branch
        .map(|branch| branch.commits.as_slice())
        .unwrap_or_default();
    let contributions = facts::contributions(&decision.pull, commits);
    check.object(proposal::find_impersonation(
        &decision.pull.author,
        &contributions,
        about,
        rules,
    ));
    let mut situation = facts::situation(
        about,
        targets.known.clone(),
        &contributions,
        &decision.evidence,
        rules,
        at,
    );
    situation.used = used;
    let mut computed = risk::assess(about, &situation, rules);
    if branch.is_none() {
        computed = assess_without_branch(computed, decision, about, &mut situation, rules);
    }
    assessment::compare(check, written, &computed);
    let proposed = Scored {
        about,
        situation: &situation,
        assessment: &computed,
    };
    let left = amendment::recompute(check, tree, written, proposed, rules)?;
    let executed = left.as_ref().map_or(proposed, Left::scored);
    if decision.status.is_approval() {
        let uses = limits::uses(executed.about, executed.situation, rules);
        take_usage(check, tree, &uses, decision)?;
    }
    let path = Recommendation::path_of(about.id);
    let problems = risk::validity::problems(&path, about, &situation, rules);
    check.object(Objection::of_all(Refusal::NotAllowed, problems));
    let owner = rules.agents.get(&about.agent).map(|agent| &agent.owner);
    let interests = Interests {
        contributions: &contributions,
        owner,
    };
    if branch.is_some() {
        evidence::check(check, written, rules, interests);
    }
    let mut outdated = find_outdated(
        verifier,
        check,
        written,
        about,
        &targets,
        &contributions,
        computed.level,
    )?;
    outdated.extend(evidence::outdated(decision, rules));
    let kind = CaseKind::of(about, &situation, rules);
    let case = kind.as_ref().map(|kind| GrantCase {
        kind,
        situation: &situation,
        assessment: &computed,
        rules,
        now: decision.decided_at,
    });
    let grant = track_record::check_decision(verifier, check, written, case.as_ref())?;
    let parts = ignored::parts(decision, about);
    let question = Question {
        kind: Kind::Recommendation,
        assessment: executed.assessment,
        grant: grant.as_ref().filter(|_| left.is_none()),
        parts: &parts,
        contributions: &contributions,
        is_without_branch: branch.is_none(),
        agent: Some(&about.agent),
        owner,
        outdated: &outdated,
    };
    approvals::check(check, written, rules, &question)?;
    Ok(by_team)
}

/// Takes what changes of the use of limits off the list, if it is the computed change.
fn take_usage(
    check: &mut CommitCheck,
    before: Sha,
    uses: &[Use<'_>],
    decision: &Decision,
) -> Result<(), GitError> {
    let objects = check.repo.objects();
    let files = usage::changed(uses, decision.decided_at, |path| {
        Ok(facts::read_file(objects, before, path)?.map(|(_, bytes)| bytes))
    });
    match files {
        Ok(files) => {
            for (path, content) in files {
                let wrong = FindingKind::WrongUsage;
                take_file(check, before, &path, content.as_deref(), wrong)?;
            }
            Ok(())
        }
        Err(UsageError::Lookup(error)) => Err(error),
        // Said of the decision itself.
        Err(UsageError::Unreadable(_) | UsageError::Unwritable(_)) => Ok(()),
    }
}

/// Who wrote the commits of a branch that is not here is not known: both answers are possible.
fn assess_without_branch(
    computed: Assessment,
    decision: &Decision,
    about: &Recommendation,
    situation: &mut RiskContext,
    rules: &Rules,
) -> Assessment {
    if computed == decision.risk || situation.unattributed {
        return computed;
    }
    situation.unattributed = true;
    let other = risk::assess(about, situation, rules);
    match other.level == decision.risk.level {
        true => other,
        false => computed,
    }
}

/// Approvals that were given while `main` said something else about the case.
fn find_outdated(
    verifier: &mut CommitVerifier,
    check: &mut CommitCheck,
    written: &Written<Decision>,
    about: &Recommendation,
    targets: &Targets,
    contributions: &[Contribution],
    level: Level,
) -> Result<BTreeMap<String, String>, GitError> {
    let mut outdated = BTreeMap::new();
    for (review, main) in given_on_other_main(check, written) {
        let root = check.repo.read_commit(main)?.tree;
        let then = ApprovalSnapshot::read_by(
            check.repo.objects(),
            &mut verifier.rules_cache,
            &verifier.target_cache,
            root,
            About {
                recommendation: about,
                contributions,
                evidence: &written.document.evidence,
                at: written.document.decided_at,
                team_members: &written.document.team_members,
            },
        )?;
        if let Some(how) = stale_approvals::find_change(&then, targets, level) {
            outdated.insert(review, how);
        }
    }
    Ok(outdated)
}

/// Approvals given on an older tip than the one that was merged into; says so if it was never a tip.
pub fn given_on_other_main(
    check: &mut CommitCheck,
    written: &Written<Decision>,
) -> Vec<(String, Sha)> {
    let Some((parent, _)) = check.parent else {
        return Vec::new();
    };
    let newest = check.chain.place_of(parent);
    let mut older = Vec::new();
    for approval in &written.document.approvals {
        let Some(main) = approval.main.filter(|main| *main != parent) else {
            continue;
        };
        let place = check.chain.place_of(main);
        if place.is_none() || place > newest {
            let message = format!(
                "{}: the approval of `{}` was given on {}, which `main` never was before",
                written.place(&["approvals", "main"]),
                approval.by,
                main.short()
            );
            check.say(FindingKind::WrongApproval, message);
        } else {
            older.push((approval.review.clone(), main));
        }
    }
    older
}
