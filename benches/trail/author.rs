//! Writes a trail: every case is proposed on a branch, scored, heard by the gate and appended to a draft, as
//! the bot does it, in batches; what comes later (outcomes that others report, feedback) is appended then.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use countersign::domain::documents::{
    AccountRecord, Claim, ExecutorKind, Feedback, Freeze, Outcome, PullRecord, Recommendation,
    Requirement, Role, RulesRecord,
};
use countersign::domain::forge_kind::ForgeKind;
use countersign::domain::ids::{CaseId, PullNumber, Sha};
use countersign::domain::mode::Mode as Deployment;
use countersign::domain::pull::{Contribution, Pull, PullState, Pushes};
use countersign::domain::review::{Comment, Opinion, Review};
use countersign::domain::value::Value;
use countersign::execute::{ExecutionResult, apply};
use countersign::gate::eligibility::Interests;
use countersign::gate::permit::{DecidedCase, DecisionOutcome, judge};
use countersign::gate::requirement;
use countersign::gate::verdict::{self, Case, Kind};
use countersign::git::{
    Change, Durability, Entry, Expect, Mode, NewCommit, ObjectBuffer, RefEdit, Repository,
    Signature, TreeEditor, consolidate,
};
use countersign::ledger::facts::{self, Targets};
use countersign::ledger::stale_approvals::{self, About, ApprovalSnapshot};
use countersign::ledger::{Draft, MAIN, RulesCache, Version};
use countersign::risk;
use countersign::rules::executor::Executor;

use super::chance::Chance;
use super::proposal::{self, MadeTargets};
use super::world::{self, ADMINS, OWNERS, REVIEWERS};

/// So many cases are published at a time.
const BATCH: usize = 500;
/// So many governance changes are spread over the whole.
const CHANGES: usize = 20;
/// The mean time between two decisions.
const EVERY: i64 = 72;

/// Makes the repository.
pub fn write(path: &Path, count: usize) {
    let repo = Repository::init_bare(path).unwrap();
    let mut author = Author {
        repo: &repo,
        rules_cache: RulesCache::default(),
        chance: Chance::new(7),
        targets: MadeTargets {
            made: Vec::new(),
            next: 0,
        },
        now: "2024-01-02T08:00:00Z".parse().unwrap(),
        later: VecDeque::new(),
        number: 0,
        closed: Vec::new(),
    };
    author.genesis();
    let batches = count.div_ceil(BATCH);
    for batch in 0..batches {
        let cases = BATCH.min(count - batch * BATCH);
        let every = (batches / CHANGES).max(1);
        author.batch(cases, (batch % every == every / 2).then_some(batch / every));
        if batch % 40 == 39 {
            consolidate(&repo).unwrap();
            eprint!("\rmaking a trail of {count} cases: {}", (batch + 1) * BATCH);
        }
    }
    eprintln!();
}

struct Author<'r> {
    repo: &'r Repository,
    rules_cache: RulesCache,
    chance: Chance,
    targets: MadeTargets,
    now: DateTime<Utc>,
    later: VecDeque<(DateTime<Utc>, Later)>,
    /// Of the newest pull request.
    number: u64,
    /// Heads that only a pull request's ref keeps.
    closed: Vec<(u64, Sha)>,
}

/// What comes after a case was decided.
enum Later {
    Outcome(Box<Recommendation>, u32, bool),
    Feedback(Box<Recommendation>),
}

/// Branches that begin at the tip of the batch.
struct Branches {
    base: Sha,
    editor: TreeEditor,
    buffer: ObjectBuffer,
}

/// A proposed case on its way through the gate.
struct Proposed {
    about: Recommendation,
    blob: Sha,
    pull: Pull,
    contributions: Vec<Contribution>,
    base: Sha,
}

impl Author<'_> {
    fn genesis(&mut self) {
        let mut draft = Draft::on(self.repo, None).unwrap();
        let tip = draft
            .genesis(&world::files(), Deployment::TwoTier, self.now)
            .unwrap();
        drop(draft.into_buffer().flush(self.repo).unwrap());
        point(self.repo, MAIN, tip);
    }

    fn batch(&mut self, cases: usize, change: Option<usize>) {
        let base = self.repo.find_ref(MAIN).unwrap().unwrap();
        let tree = self.repo.read_commit(base).unwrap().tree;
        let mut branches = Branches {
            base,
            editor: TreeEditor::new(Some(tree)),
            buffer: ObjectBuffer::new(),
        };
        let mut draft = Draft::on(self.repo, Some(base)).unwrap();
        if let Some(number) = change {
            self.change_rules(&mut draft, &mut branches, number);
            if number % 3 == 0 {
                self.stop_and_go(&mut draft);
            }
        }
        for _ in 0..cases {
            self.now += TimeDelta::seconds(self.chance.between(1, 2 * EVERY as usize) as i64);
            self.catch_up(&mut draft);
            self.case(&mut draft, &mut branches);
        }
        let tip = draft.tip().unwrap();
        drop(branches.buffer.flush(self.repo).unwrap());
        drop(draft.into_buffer().flush(self.repo).unwrap());
        point(self.repo, MAIN, tip);
        for (number, head) in self.closed.drain(..) {
            point(self.repo, &format!("refs/pull/{number}/head"), head);
        }
    }

    /// One case from its proposal to its decision, and to its outcome where that is part of the push.
    fn case(&mut self, draft: &mut Draft<'_>, branches: &mut Branches) {
        let timeouts = self.chance.below(100);
        let opened = match timeouts {
            0 => self.now - TimeDelta::days(8),
            1..=30 => self.now - TimeDelta::minutes(self.chance.between(2, 400) as i64),
            _ => self.now - TimeDelta::seconds(self.chance.between(1, 40) as i64),
        };
        let mut proposed = self.propose(branches, opened);
        let version = self.version(draft);
        let rules = &version.rules;
        let targets = facts::targets_by(&proposed.about, |path| draft.read_file(path)).unwrap();
        let targets = targets.valid().unwrap();
        let situation = facts::situation(
            &proposed.about,
            targets.known.clone(),
            &proposed.contributions,
            rules,
        );
        let problems = risk::validity::problems("", &proposed.about, &situation, rules);
        if !problems.is_empty() {
            // The bot would ask for a mend; this one is proposed anew.
            return self.case(draft, branches);
        }
        let risk = risk::assess(&proposed.about, &situation, rules);
        let required = requirement::for_recommendation(risk.level, &rules.governance);
        self.speak(&mut proposed, required, timeouts, branches.base);
        let outdated = self.find_outdated(&mut proposed, &targets, risk.level, draft);
        let owner = rules.agents.get(&proposed.about.agent);
        let case = Case {
            pull: &proposed.pull,
            elsewhere: &[],
            kind: Kind::Recommendation,
            level: risk.level,
            interests: Interests {
                contributions: &proposed.contributions,
                owner: owner.map(|agent| &agent.owner),
            },
            outdated: &outdated,
            frozen: false,
            now: self.now,
        };
        let gate_result = verdict::evaluate_gate(&case, rules);
        let subject = DecidedCase {
            id: proposed.about.id,
            pull: record(&proposed.pull, draft.tip().unwrap()),
            recommendation: Some(proposed.blob),
            rules: RulesRecord {
                commit: draft.tip().unwrap(),
                tree: version.tree,
            },
            mode: rules.governance.mode,
            risk,
            now: self.now,
            shortest_justification: 0,
        };
        self.write_down(
            draft,
            judge(gate_result, subject),
            &proposed,
            (&targets, &version),
        );
    }

    fn write_down(
        &mut self,
        draft: &mut Draft<'_>,
        judgement: DecisionOutcome,
        proposed: &Proposed,
        (targets, version): (&Targets, &Version),
    ) {
        let about = &proposed.about;
        match judgement {
            DecisionOutcome::Wait => panic!("`{}` still waits", about.id),
            DecisionOutcome::Close(decision) => {
                draft.close(&decision, about).unwrap();
                if about.action.as_str() == "delete_strategy" {
                    self.targets.made.push(about.targets[0].to_string());
                }
                self.closed
                    .push((proposed.pull.number.0, proposed.pull.head));
            }
            DecisionOutcome::Merge(permit) => {
                let action = version.rules.actions.get(&about.action).unwrap();
                let executor = action.executor.kind();
                draft.merge(&permit, about, executor.as_str()).unwrap();
                let (files, finished) = match &action.executor {
                    Executor::None => (Vec::new(), ExecutionResult::well(BTreeMap::new())),
                    Executor::Apply => {
                        let governance = &version.rules.governance;
                        apply::apply(about, action.effect, targets, governance)
                    }
                    Executor::Command(_) => {
                        self.claim(draft, about);
                        return;
                    }
                    _ => {
                        let succeeds = self.chance.percent(80);
                        let outcome = Later::Outcome(Box::new(about.clone()), 1, succeeds);
                        self.plan(outcome);
                        return;
                    }
                };
                let outcome = finished.record(about.id, 1, executor, self.now, self.now);
                draft.outcome(&outcome, about, &files).unwrap();
                if about.action.as_str() == "create_strategy" {
                    self.targets.made.push(about.targets[0].to_string());
                }
            }
        }
        if self.chance.percent(8) {
            self.plan(Later::Feedback(Box::new(about.clone())));
        }
    }

    fn plan(&mut self, later: Later) {
        let after = TimeDelta::minutes(self.chance.between(1, 3_000) as i64);
        let due = self.now + after;
        let place = self.later.partition_point(|(other, _)| *other <= due);
        self.later.insert(place, (due, later));
    }

    /// A command is claimed, and ends a few seconds later.
    fn claim(&mut self, draft: &mut Draft<'_>, about: &Recommendation) {
        let claim = Claim {
            schema: Default::default(),
            id: about.id,
            executor: ExecutorKind::Command,
            started_at: self.now,
            ends_by: self.now + TimeDelta::seconds(5),
            host: "bot-1".to_owned(),
        };
        draft.claim(&claim, about).unwrap();
        let started = self.now;
        self.now += TimeDelta::seconds(self.chance.between(0, 4) as i64);
        let finished = match self.chance.percent(93) {
            true => ExecutionResult::well(BTreeMap::from([("status".to_owned(), Value::from(0))])),
            false => ExecutionResult::badly("it ended with status 1: the channel is closed"),
        };
        let outcome = finished.record(about.id, 1, ExecutorKind::Command, started, self.now);
        draft.outcome(&outcome, about, &[]).unwrap();
    }

    /// What was planned for before now.
    fn catch_up(&mut self, draft: &mut Draft<'_>) {
        while self.later.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, later)) = self.later.pop_front() else {
                return;
            };
            match later {
                Later::Outcome(about, attempt, success) => {
                    let outcome = Outcome {
                        schema: Default::default(),
                        id: about.id,
                        attempt,
                        executor: ExecutorKind::External,
                        started_at: self.now,
                        finished_at: self.now,
                        success: Some(success),
                        details: BTreeMap::from([("fills".to_owned(), Value::from(3))]),
                        error: (!success).then(|| "the broker refused the order".to_owned()),
                        reported_by: "alice".to_owned(),
                    };
                    draft.outcome(&outcome, &about, &[]).unwrap();
                    if !success && self.chance.percent(30) {
                        self.plan(Later::Outcome(about, attempt + 1, true));
                    }
                }
                Later::Feedback(about) => self.remark(draft, &about),
            }
            self.now += TimeDelta::seconds(1);
        }
    }

    fn remark(&mut self, draft: &mut Draft<'_>, about: &Recommendation) {
        let messages = [
            "It was late.",
            "Good call: the drawdown is half of what it was.",
            "Ask the desk first next time.\nThe position was hedged elsewhere.",
        ];
        let feedback = Feedback {
            schema: Default::default(),
            id: CaseId::from_parts(self.now, u128::from(self.chance.next())),
            recommendation: about.id,
            by: self.chance.of(&OWNERS).parse().unwrap(),
            message: (*self.chance.of(&messages)).to_owned(),
            at: self.now,
        };
        draft.feedback(&feedback, about).unwrap();
    }

    fn stop_and_go(&mut self, draft: &mut Draft<'_>) {
        self.now += TimeDelta::minutes(1);
        let freeze = Freeze {
            schema: Default::default(),
            by: "erin".parse().unwrap(),
            reason: "prices are wrong".to_owned(),
            at: self.now,
            said_in: None,
        };
        draft.freeze(&freeze).unwrap();
        self.now += TimeDelta::minutes(20);
        draft
            .unfreeze(&"carol".parse().unwrap(), &[], self.now)
            .unwrap();
    }

    /// A branch with one more file, and its pull request.
    fn propose(&mut self, branches: &mut Branches, opened: DateTime<Utc>) -> Proposed {
        self.number += 1;
        let numbered = (self.number as usize, opened);
        let (about, text) = proposal::propose(&mut self.chance, &mut self.targets, numbered);
        let blob = branches.buffer.put_blob(text.as_bytes());
        let path = Recommendation::path_of(about.id);
        let email = world::proposers_email(about.agent.as_str());
        let head = branches.commit(self.repo, (&path, blob), (&email, opened), "Propose");
        let author = AccountRecord {
            email: Some(email),
            ..AccountRecord::default()
        };
        let who = branches.signature(author.email.as_deref().unwrap(), opened);
        let contributions = facts::contributions(
            branch_of(&author, head),
            &[commit_of(head, branches.base, who)],
        );
        let pull = self.pull((format!("recommend/{}", about.id), author), head, opened);
        Proposed {
            about,
            blob,
            pull,
            contributions,
            base: branches.base,
        }
    }

    fn pull(
        &self,
        (branch, author): (String, AccountRecord),
        head: Sha,
        opened_at: DateTime<Utc>,
    ) -> Pull {
        Pull {
            number: PullNumber(self.number),
            url: None,
            branch,
            author,
            pushers: Vec::new(),
            pushes: Pushes::Known,
            base_changed_at: None,
            head,
            opened_with: Some(head),
            opened_at,
            state: PullState::Open,
            reviews: Vec::new(),
            comments: Vec::new(),
            last_report: None,
        }
    }

    /// What people say: yes, no, or nothing until it is too late.
    fn speak(
        &mut self,
        proposed: &mut Proposed,
        required: Requirement,
        timeouts: usize,
        base: Sha,
    ) {
        if required.role == Role::None {
            return;
        }
        let is_high = required.role == Role::Admin;
        let ending = self.chance.below(100);
        let person = match is_high {
            true => *self.chance.of(&ADMINS),
            false => *self.chance.of(&REVIEWERS),
        };
        let at = self.now - TimeDelta::seconds(1);
        match ending {
            _ if timeouts == 0 => {}
            0..=5 => {
                let by = proposed.pull.author.clone();
                proposed.pull.state = PullState::Closed { by, at };
            }
            6..=7 => {
                let by = account(person);
                proposed.pull.state = PullState::Closed { by, at };
            }
            n if n < if is_high { 35 } else { 16 } => {
                let words = [
                    "/reject too_risky: not in this market",
                    "/reject unclear_benefit: the study does not cover this pair",
                    "Wait for the meeting.\n/reject bad_timing",
                    "/reject need_more_information: which account?",
                ];
                proposed.pull.comments.push(Comment {
                    id: format!("c{}", self.number),
                    account: account(person),
                    is_bot: false,
                    body: (*self.chance.of(&words)).to_owned(),
                    at,
                    edited: false,
                });
            }
            _ => self.approve(proposed, (person, required), (base, at)),
        }
    }

    fn approve(
        &mut self,
        proposed: &mut Proposed,
        (person, required): (&str, Requirement),
        (base, at): (Sha, DateTime<Utc>),
    ) {
        let mut review = |id: &str, by: &str, body: &str, head: Sha| {
            proposed.pull.reviews.push(Review {
                id: id.to_owned(),
                account: account(by),
                is_bot: false,
                opinion: Opinion::Approve,
                head,
                main: Some(base),
                body: body.to_owned(),
                at,
                edited: false,
            });
        };
        let head = proposed.pull.head;
        if self.chance.percent(12) {
            let owner = *self.chance.of(&OWNERS);
            review("r1", owner, "I own it, and I like it.", head);
        }
        let confidence = ["", "\n/confidence confident", "\n/confidence uncertain"];
        let why = match required.justification {
            true => "Thirty clean days on paper, and the limits stay as they are.",
            false => *self.chance.of(&["fine", "", "Agreed, go on."]),
        };
        let body = format!("{why}{}", self.chance.of(&confidence));
        review("r2", person, &body, head);
    }

    /// Approvals were given on the tip of the batch; where `main` says something else now, anew.
    fn find_outdated(
        &mut self,
        proposed: &mut Proposed,
        targets: &Targets,
        level: countersign::domain::level::Level,
        draft: &Draft<'_>,
    ) -> BTreeMap<String, String> {
        let tip = draft.tip().unwrap();
        if !proposed.pull.reviews.is_empty() && proposed.base != tip {
            let root = self.repo.read_commit(proposed.base).unwrap().tree;
            let about = About {
                recommendation: &proposed.about,
                contributions: &proposed.contributions,
                team_members: &[],
            };
            let then =
                ApprovalSnapshot::read(self.repo.objects(), &mut self.rules_cache, root, about)
                    .unwrap();
            if stale_approvals::find_change(&then, targets, level).is_some() {
                for review in &mut proposed.pull.reviews {
                    review.main = Some(tip);
                }
            }
        }
        BTreeMap::new()
    }

    fn version(&mut self, draft: &Draft<'_>) -> Version {
        self.rules_cache
            .read(draft.objects(), draft.root().unwrap())
            .unwrap()
            .valid()
            .unwrap()
    }

    /// A threshold moves: proposed by a reviewer, approved by an admin.
    fn change_rules(&mut self, draft: &mut Draft<'_>, branches: &mut Branches, number: usize) {
        self.now += TimeDelta::hours(1);
        self.number += 1;
        let path = "rules/governance.yaml";
        let (old, bytes) = draft.read_file(path).unwrap().unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let before = text
            .lines()
            .find(|line| line.trim_start().starts_with("low_up_to:"))
            .unwrap();
        let after = format!("  low_up_to: {}", [28, 32, 30, 25, 35][number % 5]);
        let changed = text.replacen(before, &after, 1);
        let new = branches.buffer.put_blob(changed.as_bytes());
        let email = world::email("bob");
        let opened = self.now - TimeDelta::minutes(30);
        let head = branches.commit(self.repo, (path, new), (&email, opened), "Move a threshold");
        // The next decision already reads the new rules.
        drop(branches.buffer.flush(self.repo).unwrap());
        branches.editor = TreeEditor::new(Some(self.repo.read_commit(branches.base).unwrap().tree));
        let author = AccountRecord {
            email: Some(email.clone()),
            ..AccountRecord::default()
        };
        let who = branches.signature(&email, opened);
        let contributions = facts::contributions(
            branch_of(&author, head),
            &[commit_of(head, branches.base, who)],
        );
        let mut pull = self.pull((format!("govern/threshold-{number}"), author), head, opened);
        pull.reviews.push(Review {
            id: "r1".to_owned(),
            account: account("carol"),
            is_bot: false,
            opinion: Opinion::Approve,
            head,
            main: Some(branches.base),
            body: "Agreed in the risk meeting of this week.".to_owned(),
            at: self.now - TimeDelta::minutes(1),
            edited: false,
        });
        let entry = |id| Entry {
            name: b"governance.yaml".to_vec(),
            mode: Mode::File,
            id,
        };
        let change = Change {
            path: path.as_bytes().to_vec(),
            old: Some(entry(old)),
            new: Some(entry(new)),
        };
        self.decide_change(draft, (&pull, &contributions), change);
    }

    fn decide_change(
        &mut self,
        draft: &mut Draft<'_>,
        (pull, contributions): (&Pull, &[Contribution]),
        change: Change,
    ) {
        let version = self.version(draft);
        let rules = &version.rules;
        let path = String::from_utf8(change.path.clone()).unwrap();
        let risk = risk::assess_governance_change(&[path], rules);
        let case = Case {
            pull,
            elsewhere: &[],
            kind: Kind::GovernanceChange,
            level: risk.level,
            interests: Interests {
                contributions,
                owner: None,
            },
            outdated: &BTreeMap::new(),
            frozen: false,
            now: self.now,
        };
        let tip = draft.tip().unwrap();
        let subject = DecidedCase {
            id: CaseId::from_parts(pull.opened_at, pull.head.seed()),
            pull: record(pull, tip),
            recommendation: None,
            rules: RulesRecord {
                commit: tip,
                tree: version.tree,
            },
            mode: rules.governance.mode,
            risk,
            now: self.now,
            shortest_justification: 0,
        };
        match judge(verdict::evaluate_gate(&case, rules), subject) {
            DecisionOutcome::Merge(permit) => draft.merge_governance(&permit, &[change]).unwrap(),
            other => panic!("a governance change came to {other:?}"),
        };
    }
}

impl Branches {
    fn signature(&self, email: &str, time: DateTime<Utc>) -> Signature {
        Signature {
            name: email.split('@').next().unwrap().to_owned(),
            email: email.to_owned(),
            time,
        }
    }

    /// A commit on the tip of the batch that adds or replaces one file.
    fn commit(
        &mut self,
        repo: &Repository,
        (path, blob): (&str, Sha),
        (email, at): (&str, DateTime<Utc>),
        message: &str,
    ) -> Sha {
        let objects = repo.with(&self.buffer);
        self.editor.insert(objects, path, Mode::File, blob).unwrap();
        let tree = self.editor.write(&mut self.buffer);
        let who = self.signature(email, at);
        let head = self.buffer.put_commit(&NewCommit {
            tree,
            parents: vec![self.base],
            author: who.clone(),
            committer: who,
            message: message.to_owned(),
            signature: None,
        });
        self.editor.remove(repo.with(&self.buffer), path).unwrap();
        head
    }
}

/// The commit as it will be read back, as far as contributions depend on it.
fn commit_of(id: Sha, parent: Sha, who: Signature) -> countersign::git::Commit {
    countersign::git::Commit {
        id,
        tree: id,
        parents: vec![parent],
        author: who.clone(),
        committer: who,
        message: String::new(),
        valid_utf8: true,
        encoding: None,
    }
}

fn account(person: &str) -> AccountRecord {
    AccountRecord {
        login: Some(person.parse().unwrap()),
        email: Some(world::email(person)),
        ..AccountRecord::default()
    }
}

fn record(pull: &Pull, base: Sha) -> PullRecord {
    PullRecord {
        number: pull.number,
        url: None,
        branch: pull.branch.clone(),
        author: pull.author.clone(),
        pushers: Vec::new(),
        base_changed_at: None,
        head: pull.head,
        base,
        opened_at: pull.opened_at,
    }
}

fn point(repo: &Repository, name: &str, to: Sha) {
    let edit = RefEdit {
        name: name.to_owned(),
        expected: Expect::Any,
        new: Some(to),
    };
    repo.update_refs(&[edit], Durability::Fast).unwrap();
}

fn branch_of(author: &AccountRecord, head: Sha) -> facts::Opened<'_> {
    facts::Opened {
        forge: ForgeKind::Local,
        author,
        pushers: &[],
        head,
    }
}
