//! Examines commits one by one: which event is it, and does the commit do and say exactly that?

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::commit_check::{CommitCheck, Sources};
use super::finding::{Finding, FindingKind};
use super::first_parent_chain::FirstParentChain;
use super::track_record::TrackRecords;
use super::{
    adopted, decision, execution, freeze, genesis, governance, remarks, rescored, signature,
};
use crate::domain::documents::{ExecutorKind, PullRecord, Recommendation, Status};
use crate::domain::engine::Engine;
use crate::domain::ids::{CaseId, Login, PullNumber, Sha};
use crate::domain::problem::Reading;
use crate::git::{Commit, CommitGraph, GitError, Repository};
use crate::ledger::facts::TargetCache;
use crate::ledger::foreign::{ForeignCommit, says_the_bots};
use crate::ledger::proposal::RuleChangeValidator;
use crate::ledger::rules_cache::read_signing;
use crate::ledger::{Entry, Event, RulesCache};

/// So many recommendations are kept for the claims, outcomes and feedback that follow them.
const MOST_CASES: usize = 1_024;

/// What a commit turned out to be.
#[derive(Debug)]
pub struct Examined {
    pub commit: Sha,
    pub place: usize,
    pub at: DateTime<Utc>,
    /// What the bot's clock said, where it was behind the commit before.
    pub clock: Option<DateTime<Utc>>,
    pub event: Option<Event>,
    /// What it is, if the bot did not make it.
    pub foreign: Option<ForeignCommit>,
    /// Who takes over the commits before it.
    pub adopted_by: Option<Login>,
    pub fact: Fact,
    /// The engine of a decision.
    pub engine: Option<Engine>,
    /// The pull request that was decided.
    pub pull: Option<PullId>,
    /// The commits that it merges, beside the trail's own.
    pub merged: Vec<Sha>,
    pub findings: Vec<Finding>,
    pub recomputed: bool,
    pub without_branch: bool,
    pub signed: bool,
    /// How many people spoke as members of a team.
    pub by_team: usize,
}

impl Examined {
    /// What it is, if somebody could adopt it. What says that it is an event is never adopted.
    pub fn find_adoptable(&self) -> Option<&ForeignCommit> {
        self.foreign
            .as_ref()
            .filter(|foreign| foreign.event.is_none())
    }
}

/// A pull request, as a record names it: each has its number once on its forge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PullId {
    pub url: Option<String>,
    pub number: PullNumber,
}

impl From<&PullRecord> for PullId {
    fn from(pull: &PullRecord) -> Self {
        Self {
            url: pull.url.clone(),
            number: pull.number,
        }
    }
}

/// What later commits may rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Nothing rests on it.
    Nothing,
    /// A recommendation was decided; the executor is that of an approved one.
    Decided {
        case: CaseId,
        status: Status,
        executor: ExecutorKind,
    },
    /// An approved case would be asked more by now.
    Rescored {
        case: CaseId,
        executor: ExecutorKind,
    },
    /// An execution was claimed; or, of what could not be proposed any more, only its failure.
    Claimed {
        case: CaseId,
        executor: ExecutorKind,
        at: DateTime<Utc>,
        is_invalid: bool,
    },
    Ended(Ended),
    /// Somebody said something about a case.
    Remarked {
        case: CaseId,
    },
}

/// An attempt that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub case: CaseId,
    pub attempt: u32,
    pub executor: ExecutorKind,
    pub success: Option<bool>,
    /// None if that is not on record.
    pub started_at: Option<DateTime<Utc>>,
    pub is_by_bot: bool,
}

/// What a check says about a commit, beside its findings.
#[derive(Debug, Default)]
pub struct CheckResult {
    pub fact: Option<Fact>,
    pub engine: Option<Engine>,
    pub pull: Option<PullId>,
    pub merged: Vec<Sha>,
    pub recomputed: bool,
    pub without_branch: bool,
    /// How many people spoke as members of a team.
    pub by_team: usize,
    /// Who takes over the commits before it.
    pub adopted_by: Option<Login>,
}

impl From<Fact> for CheckResult {
    fn from(fact: Fact) -> Self {
        Self {
            fact: Some(fact),
            ..Self::default()
        }
    }
}

/// What a commit is, if the bot did not make it: the same that [`crate::ledger::ForeignCheck`] finds.
fn find_foreign(check: &CommitCheck) -> Option<ForeignCommit> {
    let lacks_signature = check.findings.iter().any(|finding| {
        matches!(
            finding.kind,
            FindingKind::Unsigned | FindingKind::ForeignSignature | FindingKind::BadSignature
        )
    });
    (lacks_signature || !says_the_bots(&check.commit)).then(|| ForeignCommit::of(&check.commit))
}

/// Examines commits, best in the order of the line; keeps only what saves reading it again.
pub struct CommitVerifier<'v> {
    pub repo: &'v Repository,
    pub chain: &'v FirstParentChain,
    pub rules_cache: RulesCache,
    pub target_cache: TargetCache,
    pub rule_changes: RuleChangeValidator,
    pub track_records: TrackRecords,
    graph: &'v CommitGraph,
    recent: HashMap<CaseId, Arc<Recommendation>>,
    /// The commit examined last, and its tree: the parent of the next one.
    last: Option<(Sha, Sha)>,
}

impl<'v> CommitVerifier<'v> {
    /// A verifier that has seen nothing yet.
    pub fn new(
        repo: &'v Repository,
        chain: &'v FirstParentChain,
        target_cache: TargetCache,
        graph: &'v CommitGraph,
    ) -> Self {
        Self {
            repo,
            chain,
            rules_cache: RulesCache::default(),
            target_cache,
            rule_changes: RuleChangeValidator::default(),
            track_records: TrackRecords::default(),
            graph,
            recent: HashMap::new(),
            last: None,
        }
    }

    /// Examines the commit at a place of the line.
    pub fn examine(&mut self, place: usize) -> Examined {
        let id = self.chain.at(place);
        let mut examined = Examined {
            commit: id.unwrap_or(Sha::from_bytes([0; 20])),
            place,
            at: DateTime::<Utc>::UNIX_EPOCH,
            clock: None,
            event: None,
            foreign: None,
            adopted_by: None,
            fact: Fact::Nothing,
            engine: None,
            pull: None,
            merged: Vec::new(),
            findings: Vec::new(),
            recomputed: false,
            without_branch: false,
            signed: false,
            by_team: 0,
        };
        let Some(id) = id else { return examined };
        if let Err(error) = self.examine_commit(id, place, &mut examined) {
            let message = format!("it cannot be verified: {error}");
            examined.findings.push(Finding {
                commit: id,
                kind: FindingKind::Unreadable,
                message,
            });
        }
        examined
    }

    fn examine_commit(
        &mut self,
        id: Sha,
        place: usize,
        examined: &mut Examined,
    ) -> Result<(), GitError> {
        let stored = self.repo.objects().read_stored_commit(id)?;
        let commit = stored.read()?;
        let entry = Entry::of(&commit);
        examined.at = commit.committer.time;
        examined.event = entry.event;
        let parent = self.parent_of(&commit, place)?;
        self.last = Some((id, commit.tree));
        if place == 0 && self.chain.is_cut {
            return Ok(());
        }
        let sources = Sources {
            repo: self.repo,
            chain: self.chain,
            graph: self.graph,
        };
        let mut check = CommitCheck::new(sources, stored, commit, entry, parent)?;
        let answered = self.ask(&mut check);
        examined.signed = check.signed;
        examined.clock = check.clock();
        examined.foreign = find_foreign(&check);
        // What was found before something could not be read stays found.
        examined.findings.append(&mut check.findings);
        let answer = answered?;
        examined.fact = answer.fact.unwrap_or(Fact::Nothing);
        examined.engine = answer.engine;
        examined.pull = answer.pull;
        examined.merged = answer.merged;
        examined.recomputed = answer.recomputed;
        examined.without_branch = answer.without_branch;
        examined.by_team = answer.by_team;
        examined.adopted_by = answer.adopted_by;
        Ok(())
    }

    fn parent_of(&self, commit: &Commit, place: usize) -> Result<Option<(Sha, Sha)>, GitError> {
        let Some(before) = place.checked_sub(1).and_then(|place| self.chain.at(place)) else {
            return Ok(None);
        };
        debug_assert_eq!(commit.parents.first(), Some(&before));
        match self.last {
            Some((id, tree)) if id == before => Ok(Some((id, tree))),
            _ => Ok(Some((before, self.repo.read_commit(before)?.tree))),
        }
    }

    fn ask(&mut self, check: &mut CommitCheck) -> Result<CheckResult, GitError> {
        check.check_identity();
        check.check_clock();
        if check.parent.is_none() {
            genesis::check_first(self, check)?;
            return Ok(CheckResult::default());
        }
        self.read_rules(check)?;
        signature::check(check);
        let answer = match (check.entry.event, check.entry.case) {
            (Some(Event::Genesis), _) => {
                check.say(
                    FindingKind::SecondGenesis,
                    "a second genesis: a trail begins once, with its first commit",
                );
                CheckResult::default()
            }
            (Some(Event::Freeze | Event::Unfreeze), _) => freeze::check(check)?,
            (Some(Event::Adopted), _) => adopted::check(self, check)?,
            (Some(event), Some(case)) => match event {
                Event::Decision => decision::check(self, check, case)?,
                Event::Governance => governance::check(self, check, case)?,
                Event::Rescored => rescored::check(self, check, case)?,
                Event::Claim => execution::check_claim(self, check, case)?,
                Event::Outcome => execution::check_outcome(self, check, case)?,
                Event::Feedback => remarks::check(self, check, case)?,
                Event::Genesis | Event::Freeze | Event::Unfreeze | Event::Adopted => {
                    CheckResult::default()
                }
            },
            (Some(event), None) => {
                check.say(
                    FindingKind::Unexplained,
                    format!("its trailers say `Event: {event}`, but not of which case"),
                );
                CheckResult::default()
            }
            (None, _) => {
                let subject = check.commit.message.lines().next().unwrap_or_default();
                let subject = crate::domain::ids::quoted(subject);
                check.refuse_added_records();
                check.say(FindingKind::Unexplained, format!("no event explains this commit, {subject}: it has no trailer `Event` that is known"));
                CheckResult::default()
            }
        };
        check.refuse_rest();
        Ok(answer)
    }

    /// The rules of the moment: those in the parent's tree.
    fn read_rules(&mut self, check: &mut CommitCheck) -> Result<(), GitError> {
        let Some((_, tree)) = check.parent else {
            return Ok(());
        };
        match self.rules_cache.read(self.repo.objects(), tree)? {
            Reading::Valid(version) => {
                check.signing.clone_from(&version.rules.governance.signing);
                check.version = Some(version);
            }
            Reading::Invalid(problems) => {
                let message =
                    format!("the rules that it was decided by cannot be read: {problems}");
                check.say(FindingKind::UnreadableDocument, message);
                // Whose signature it needs does not depend on the rest of them.
                check.signing = read_signing(self.repo.objects(), tree)?;
            }
        }
        Ok(())
    }

    /// Keeps a recommendation for what follows it.
    pub fn remember(&mut self, about: Arc<Recommendation>) {
        if self.recent.len() >= MOST_CASES {
            self.recent.clear();
        }
        self.recent.insert(about.id, about);
    }

    /// The recommendation of a case that was decided before; says so if there is none.
    pub fn decided_before(
        &mut self,
        check: &mut CommitCheck,
        case: CaseId,
    ) -> Result<Option<Arc<Recommendation>>, GitError> {
        if let Some(known) = self.recent.get(&case) {
            return Ok(Some(Arc::clone(known)));
        }
        let path = Recommendation::path_of(case);
        let Some((_, tree)) = check.parent else {
            return Ok(None);
        };
        let Some(bytes) = self.repo.read_path(tree, &path)? else {
            check.say(
                FindingKind::WithoutDecision,
                format!("nothing was decided about `{case}` before: there is no `{path}`"),
            );
            return Ok(None);
        };
        match Recommendation::read(&path, &bytes) {
            Ok(about) => {
                let about = Arc::new(about);
                self.remember(Arc::clone(&about));
                Ok(Some(about))
            }
            // Found wrong where it was added.
            Err(_) => Ok(None),
        }
    }
}
