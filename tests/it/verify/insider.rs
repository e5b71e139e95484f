//! A bot with every right that asks nothing before it merges: it scores and records as the real one does.

use std::collections::BTreeMap;

use countersign::domain::documents::{
    AccountRecord, Assessment, ExecutorKind, Outcome, PullRecord, Recommendation, RulesRecord,
};
use countersign::domain::ids::{CaseId, PullNumber, Sha};
use countersign::domain::pull::{Pull, PullState, Pushes};
use countersign::domain::review::Comment;
use countersign::gate::eligibility::Interests;
use countersign::gate::permit::{DecidedCase, DecisionOutcome, MergePermit, judge};
use countersign::gate::verdict::{Case, Kind, evaluate_gate};
use countersign::git::{Change, Commit, Entry, Mode};
use countersign::ledger::{Draft, MAIN, REPORTED_BY_BOT, RulesCache, Version, facts};
use countersign::risk;

use super::world::{World, point};

/// The rules under which everything is merged at once.
pub const AUTO: (&str, &str, &str) = (
    "rules/governance.yaml",
    "mode: two_tier",
    "mode: auto_approve",
);
const MOST: usize = 100_000;

/// What the insider knows of a branch.
struct Branch {
    pull: Pull,
    commits: Vec<Commit>,
    changes: Vec<Change>,
}

fn branch(world: &World, head: Sha) -> Branch {
    let repo = &world.repo;
    let base = repo.find_ref(MAIN).unwrap().unwrap();
    let tree_of = |id| repo.read_commit(id).unwrap().tree;
    let fork = repo.merge_base(base, head).unwrap();
    let author = AccountRecord {
        email: Some(repo.read_commit(head).unwrap().author.email),
        ..AccountRecord::default()
    };
    Branch {
        pull: Pull {
            number: PullNumber(1_000 + world.line().len() as u64),
            url: None,
            branch: "insider".to_owned(),
            author,
            pushers: Vec::new(),
            pushes: Pushes::Known,
            base_changed_at: None,
            head,
            opened_with: Some(head),
            opened_at: world.now(),
            state: PullState::Open,
            reviews: Vec::new(),
            comments: Vec::new(),
            last_report: None,
        },
        commits: repo.commits_between(base, head, MOST).unwrap(),
        changes: repo
            .diff_trees(fork.map(tree_of), Some(tree_of(head)), MOST)
            .unwrap(),
    }
}

fn judged(
    world: &World,
    branch: &Branch,
    case: (Kind, CaseId, Option<Sha>),
    assessed: (Assessment, &Version),
) -> DecisionOutcome {
    let (kind, id, recommendation) = case;
    let (risk, version) = assessed;
    let base = world.repo.find_ref(MAIN).unwrap().unwrap();
    let contributions = facts::contributions(&branch.pull, &branch.commits);
    let gate_result = evaluate_gate(
        &Case {
            pull: &branch.pull,
            elsewhere: &[],
            kind,
            assessment: &risk,
            grant: None,
            interests: Interests {
                contributions: &contributions,
                owner: None,
            },
            outdated: &BTreeMap::new(),
            parts: &BTreeMap::new(),
            amendment: None,
            frozen: false,
            now: world.now(),
        },
        &version.rules,
    );
    let pull = &branch.pull;
    let subject = DecidedCase {
        id,
        pull: PullRecord {
            number: pull.number,
            url: None,
            branch: pull.branch.clone(),
            author: pull.author.clone(),
            pushers: Vec::new(),
            base_changed_at: None,
            head: pull.head,
            base,
            opened_at: pull.opened_at,
        },
        recommendation,
        rules: RulesRecord {
            commit: base,
            tree: version.tree,
        },
        mode: version.rules.governance.mode,
        windows: version.rules.governance.windows.recorded_at(world.now()),
        evidence: Vec::new(),
        risk,
        amendment: None,
        track_record: None,
        now: world.now(),
        shortest_justification: 0,
    };
    judge(gate_result, subject)
}

fn permit(
    world: &World,
    branch: &Branch,
    case: (Kind, CaseId, Option<Sha>),
    assessed: (Assessment, &Version),
) -> Box<MergePermit> {
    match judged(world, branch, case, assessed) {
        DecisionOutcome::Merge(permit) => permit,
        other => panic!("expected a merge, found {other:?}"),
    }
}

fn publish(world: &World, draft: Draft<'_>) -> Sha {
    let tip = draft.tip().unwrap();
    drop(draft.into_buffer().flush(&world.repo).unwrap());
    point(&world.repo, MAIN, tip);
    tip
}

/// Records that bob rejected a change of governance, whatever it changes.
pub fn reject_governance(world: &World, head: Sha) -> Sha {
    let repo = &world.repo;
    let base = repo.find_ref(MAIN).unwrap().unwrap();
    let root = repo.read_commit(base).unwrap().tree;
    let version = RulesCache::default().read(repo.objects(), root).unwrap();
    let version = version.valid().unwrap();
    let mut branch = branch(world, head);
    branch.pull.comments.push(Comment {
        id: "r1".to_owned(),
        account: AccountRecord {
            login: Some("bob".parse().unwrap()),
            ..AccountRecord::default()
        },
        is_bot: false,
        body: "/reject other: no".to_owned(),
        at: world.now(),
        edited: false,
    });
    let paths: Vec<String> = branch.changes.iter().map(Change::path_text).collect();
    let risk = risk::assess_governance_change(&paths, &version.rules);
    let id = CaseId::from_parts(branch.pull.opened_at, head.seed());
    let case = (Kind::GovernanceChange, id, None);
    let DecisionOutcome::Close(decision) = judged(world, &branch, case, (risk, &version)) else {
        panic!("expected an end without a merge");
    };
    let mut draft = Draft::on(repo, Some(base)).unwrap();
    draft.close_governance(&decision, &paths).unwrap();
    publish(world, draft)
}

/// Merges a change of governance, whatever it changes.
pub fn merge_governance(world: &World, head: Sha) -> Sha {
    let repo = &world.repo;
    let base = repo.find_ref(MAIN).unwrap().unwrap();
    let root = repo.read_commit(base).unwrap().tree;
    let version = RulesCache::default().read(repo.objects(), root).unwrap();
    let version = version.valid().unwrap();
    let branch = branch(world, head);
    let paths: Vec<String> = branch
        .changes
        .iter()
        .map(|change| String::from_utf8_lossy(&change.path).into_owned())
        .collect();
    let risk = risk::assess_governance_change(&paths, &version.rules);
    let id = CaseId::from_parts(branch.pull.opened_at, head.seed());
    let case = (Kind::GovernanceChange, id, None);
    let permit = permit(world, &branch, case, (risk, &version));
    let mut changes = branch.changes;
    // What is in the way is taken away.
    for path in paths {
        for (end, _) in path.match_indices('/') {
            let found = repo.entry_at(root, &path[..end]).unwrap();
            if let Some(found) = found.filter(|found| found.mode == Mode::File) {
                changes.push(Change {
                    path: path[..end].into(),
                    old: Some(Entry {
                        name: path[..end].into(),
                        mode: found.mode,
                        id: found.id,
                    }),
                    new: None,
                });
            }
        }
    }
    let mut draft = Draft::on(repo, Some(base)).unwrap();
    draft.merge_governance(&permit, &changes).unwrap();
    publish(world, draft)
}

/// Merges a recommendation that nobody carries out, with whatever else its branch brings. Gives the decision.
pub fn merge_recommendation(world: &World, head: Sha, path: &str) -> Sha {
    let repo = &world.repo;
    let base = repo.find_ref(MAIN).unwrap().unwrap();
    let root = repo.read_commit(base).unwrap().tree;
    let version = RulesCache::default().read(repo.objects(), root).unwrap();
    let version = version.valid().unwrap();
    let branch = branch(world, head);
    let tree = repo.read_commit(head).unwrap().tree;
    let blob = repo.entry_at(tree, path).unwrap().unwrap().id;
    let about = Recommendation::read(path, &repo.objects().read_blob(blob).unwrap()).unwrap();
    let targets = facts::targets(repo.objects(), root, &about).unwrap();
    let targets = targets
        .valid()
        .map(|targets| targets.known)
        .unwrap_or_default();
    let contributions = facts::contributions(&branch.pull, &branch.commits);
    let situation = facts::situation(
        &about,
        targets,
        &contributions,
        &[],
        &version.rules,
        world.now(),
    );
    let risk = risk::assess(&about, &situation, &version.rules);
    let case = (Kind::Recommendation, about.id, Some(blob));
    let permit = permit(world, &branch, case, (risk, &version));
    let mut draft = Draft::on(repo, Some(base)).unwrap();
    let decision = draft
        .merge(&permit, &about, ExecutorKind::None.as_str(), &[])
        .unwrap();
    let outcome = Outcome {
        schema: Default::default(),
        id: about.id,
        attempt: 1,
        executor: ExecutorKind::None,
        started_at: world.now(),
        finished_at: world.now(),
        success: Some(true),
        details: BTreeMap::new(),
        error: None,
        reported_by: REPORTED_BY_BOT.to_owned(),
    };
    draft
        .outcome(&outcome, &about, permit.decision(), &[])
        .unwrap();
    publish(world, draft);
    decision
}
