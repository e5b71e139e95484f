//! One commit of the trail under other rules.

use std::collections::HashSet;

use super::Changed;
use super::past_uses::{PastUse, PastUses};
use crate::domain::documents::{Decision, GrantAnswer, GrantRecord, Recommendation, TrackRecord};
use crate::domain::forge_kind::ForgeKind;
use crate::domain::ids::{CaseId, GrantId, Sha};
use crate::domain::problem::Reading;
use crate::domain::pull::Contribution;
use crate::domain::yaml;
use crate::gate::eligibility::find_unattributed;
use crate::gate::grants::{CaseKind, GrantCase};
use crate::gate::oversight::{Oversight, RiskAnswer};
use crate::gate::requirement;
use crate::git::{Commit, GitError, Repository, StoredCommit};
use crate::ledger::facts::{self, KnownTargets, Opened, TargetCache};
use crate::ledger::{BOT_EMAIL, Event, LedgerError, Trailers, track_records};
use crate::risk::limits::{self, UsedLimits};
use crate::risk::{self, RiskContext};
use crate::rules::Rules;

/// The most commits of a branch: the bot decides none with more.
const MOST_COMMITS: usize = 250;

/// What a commit turned out to be.
#[derive(Debug)]
pub enum Seen {
    /// Nothing that a backtest is about.
    Nothing,
    /// A decision that cannot be replayed.
    Unreadable,
    /// A decision, then and now.
    Decided {
        case: CaseId,
        then: RiskAnswer,
        now: RiskAnswer,
        /// Whether it could not be proposed at all by the other rules.
        is_refused: bool,
        /// All about it, if the answers differ.
        changed: Option<Box<Changed>>,
    },
    Ended {
        case: CaseId,
        success: Option<bool>,
    },
}

/// So many commits of the bot are remembered before they are all forgotten.
const MOST_STEMS: usize = 65_536;

pub struct Replayer<'a> {
    repo: &'a Repository,
    /// The tree of the trail's tip: records only ever are added, so it holds those of every case, and neighbours
    /// share the folders on the way to them.
    root: Sha,
    rules: &'a Rules,
    /// What was used of their limits.
    past_uses: &'a PastUses,
    target_cache: TargetCache,
    /// Commits of the bot that branches began at: many begin at the same.
    stems: HashSet<Sha>,
}

impl<'a> Replayer<'a> {
    /// A replayer that has read nothing yet.
    pub fn new(
        repo: &'a Repository,
        root: Sha,
        rules: &'a Rules,
        past_uses: &'a PastUses,
        target_cache: TargetCache,
    ) -> Self {
        Self {
            repo,
            root,
            rules,
            past_uses,
            target_cache,
            stems: HashSet::new(),
        }
    }

    /// Looks at a commit of the trail, which came after one with this tree; the newest has place 0.
    pub fn see(
        &mut self,
        commit: &StoredCommit,
        before: Option<Sha>,
        place: usize,
    ) -> Result<Seen, GitError> {
        let trailers = Trailers::parse(&commit.message()?);
        Ok(match (trailers.event(), trailers.case()) {
            (Some(Event::Outcome), Some(case)) => Seen::Ended {
                case,
                success: match trailers.find("Outcome") {
                    Some("success") => Some(true),
                    Some("failure") => Some(false),
                    _ => None,
                },
            },
            (Some(Event::Decision), Some(case)) => match self.replay(commit, case, before, place) {
                Ok(Some(seen)) => seen,
                Ok(None) | Err(_) => Seen::Unreadable,
            },
            _ => Seen::Nothing,
        })
    }

    fn replay(
        &mut self,
        commit: &StoredCommit,
        case: CaseId,
        before: Option<Sha>,
        place: usize,
    ) -> Result<Option<Seen>, GitError> {
        let Some(past) = self.read(commit, case, before)? else {
            return Ok(None);
        };
        let PastCase {
            about, decision, ..
        } = &past;
        // Who was in a team at that moment, only the record says.
        let rules = self.rules.with_team_members(&decision.team_members);
        let at = decision.decided_at;
        let used = self
            .past_uses
            .before(place, at, about, &past.targets, &rules);
        let answer = past.answer(used, &rules, |path| {
            let bytes = self.repo.objects().read_path(past.tree, path)?;
            track_records::read(path, bytes.as_deref())
        });
        let Ok((now, is_refused)) = answer else {
            return Ok(None);
        };
        let granted = decision.grant.as_ref().filter(|grant| grant.is_granted());
        let then = RiskAnswer::of(
            decision.risk_of_executed(),
            decision.required,
            decision.mode,
        )
        .with_grant(granted.map(|grant| grant.id.clone()));
        let changed = (then != now).then(|| Changed {
            id: case,
            number: decision.pull.number.0,
            commit: commit.id,
            agent: about.agent.to_string(),
            action: about.action.to_string(),
            targets: about.targets.iter().map(ToString::to_string).collect(),
            oversight: Oversight::of(&then, &now),
            then: then.clone(),
            now: now.clone(),
            status: decision.status,
            success: None,
        });
        Ok(Some(Seen::Decided {
            case,
            then,
            now,
            is_refused,
            changed: changed.map(Box::new),
        }))
    }

    /// What the case that a commit approves uses of the limits of these rules.
    pub fn uses(
        &mut self,
        commit: &StoredCommit,
        before: Option<Sha>,
    ) -> Result<Vec<PastUse>, GitError> {
        let trailers = Trailers::parse(&commit.message()?);
        let (Some(Event::Decision), Some(case)) = (trailers.event(), trailers.case()) else {
            return Ok(Vec::new());
        };
        // What cannot be read is said when it is replayed.
        let past = self.read(commit, case, before).ok().flatten();
        let approved = past.filter(|past| past.decision.status.is_approval());
        let Some(past) = approved else {
            return Ok(Vec::new());
        };
        let rules = self.rules.with_team_members(&past.decision.team_members);
        let situation = past.situation(UsedLimits::default(), &rules);
        let uses = limits::uses(&past.about, &situation, &rules).into_iter();
        let uses = uses.map(|used| PastUse {
            rule: used.rule.id.clone(),
            key: used.key,
            at: past.decision.decided_at,
            amount: used.amount,
        });
        Ok(uses.collect())
    }

    /// A decided case with the facts of its moment; none if it cannot be read.
    fn read(
        &mut self,
        commit: &StoredCommit,
        case: CaseId,
        before: Option<Sha>,
    ) -> Result<Option<PastCase>, GitError> {
        let (path, objects) = (Recommendation::path_of(case), self.repo.objects());
        let about = objects.read_path(self.root, &path)?;
        let Some(Ok(about)) = about.map(|bytes| Recommendation::read(&path, &bytes)) else {
            return Ok(None);
        };
        let record = Decision::path_of(case);
        let decision = objects.read_path(self.root, &record)?;
        let Some(Ok(decision)) = decision.map(|bytes| yaml::read::<Decision>(&record, &bytes))
        else {
            return Ok(None);
        };
        let (Some(before), Some(base)) = (before, commit.first_parent()) else {
            return Ok(None);
        };
        let Reading::Valid(targets) = self.target_cache.targets(objects, before, &about)? else {
            return Ok(None);
        };
        let commits = self.branch(base, decision.pull.head)?;
        let pull = &decision.pull;
        let opened = Opened {
            forge: ForgeKind::of(pull.url.as_deref(), &pull.author),
            author: &pull.author,
            pushers: &pull.pushers,
            head: pull.head,
        };
        let mut contributions = facts::contributions(opened, &commits);
        let rules = self.rules.with_team_members(&decision.team_members);
        // Somebody who is not known may have made a commit of `main` that is not the bot's, and not one of the branch.
        if find_unattributed(&contributions, &rules).is_some()
            && let Ok(exact) = self.repo.commits_between(base, pull.head, MOST_COMMITS)
        {
            contributions = facts::contributions(opened, &exact);
        }
        Ok(Some(PastCase {
            path,
            about: decision.executed(&about).into_owned(),
            targets: targets.known,
            contributions,
            decision,
            tree: before,
        }))
    }

    /// The commits of a branch, as far as this clone holds them: who wrote them is a fact of its risk.
    fn branch(&mut self, base: Sha, head: Sha) -> Result<Vec<Commit>, GitError> {
        let mut commits = Vec::new();
        let mut next = head;
        while !self.stems.contains(&next) {
            let commit = match self.repo.read_commit(next) {
                Ok(commit) => commit,
                Err(error) if error.is_missing() => break,
                Err(error) => return Err(error),
            };
            // Where it left the trail: no branch has commits in the name of the bot.
            if commit.committer.email == BOT_EMAIL {
                if self.stems.len() >= MOST_STEMS {
                    self.stems.clear();
                }
                self.stems.insert(next);
                break;
            }
            // A branch that merges something is followed where it began.
            match commit.parents.first() {
                Some(parent) if commits.len() < MOST_COMMITS => next = *parent,
                // It left `main` before there was a trail.
                _ => return self.repo.commits_between(base, head, MOST_COMMITS),
            }
            commits.push(commit);
        }
        Ok(commits)
    }
}

/// A decided recommendation with the facts of its moment.
struct PastCase {
    path: String,
    /// What was decided of it.
    about: Recommendation,
    targets: KnownTargets,
    contributions: Vec<Contribution>,
    decision: Decision,
    /// What it was decided on.
    tree: Sha,
}

impl PastCase {
    fn situation(&self, used: UsedLimits, rules: &Rules) -> RiskContext {
        let situation = facts::situation(
            &self.about,
            self.targets.clone(),
            &self.contributions,
            &self.decision.evidence,
            rules,
            self.decision.decided_at,
        );
        RiskContext { used, ..situation }
    }

    /// What these rules say of it, and whether it contradicts them.
    fn answer(
        &self,
        used: UsedLimits,
        rules: &Rules,
        track_record: impl FnOnce(&str) -> Result<TrackRecord, LedgerError>,
    ) -> Result<(RiskAnswer, bool), LedgerError> {
        let about = &self.about;
        let situation = self.situation(used, rules);
        let assessment = risk::assess(about, &situation, rules);
        let governance = &rules.governance;
        let requires = requirement::for_recommendation(&assessment, governance);
        let requires = match self.decision.amendment {
            Some(_) => requirement::of_amendment(requires, &assessment, governance),
            None => requires,
        };
        let granted = match CaseKind::of(about, &situation, rules) {
            Some(kind) => self.granted(
                &GrantCase {
                    kind: &kind,
                    situation: &situation,
                    assessment: &assessment,
                    rules,
                    now: self.decision.decided_at,
                },
                track_record,
            )?,
            None => None,
        };
        let answer = RiskAnswer::of(&assessment, requires, governance.mode).with_grant(granted);
        let problems = risk::validity::problems(&self.path, about, &situation, rules);
        Ok((answer, !problems.is_empty()))
    }

    /// The grant that lets it pass, by the track record of its moment. What was drawn then is drawn again; where nothing
    /// was, it counts as not drawn.
    fn granted(
        &self,
        case: &GrantCase<'_>,
        track_record: impl FnOnce(&str) -> Result<TrackRecord, LedgerError>,
    ) -> Result<Option<GrantId>, LedgerError> {
        if !case.is_grantable() {
            return Ok(None);
        }
        let record = track_record(&case.kind.track_record())?;
        let then = self.decision.grant.as_ref();
        let grant = case.evaluate(&record, |text| {
            Ok::<_, LedgerError>(case.recorded_draw(then, text))
        })?;
        let passes = |grant: &GrantRecord| match grant.answer {
            GrantAnswer::Granted => true,
            GrantAnswer::NotDrawn => then.is_none_or(|then| {
                let was_earned = matches!(then.answer, GrantAnswer::Drawn | GrantAnswer::NotDrawn);
                then.id != grant.id || !was_earned
            }),
            GrantAnswer::Drawn | GrantAnswer::Lost | GrantAnswer::NotEarned => false,
        };
        Ok(grant.filter(passes).map(|grant| grant.id))
    }
}
