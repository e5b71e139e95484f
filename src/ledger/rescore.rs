//! A decided case, scored again on a later tip of `main`: before it is carried out, and once more by `verify`.

use chrono::{DateTime, Utc};

use super::entry::is_event;
use super::facts::{self, KnownTargets};
use crate::domain::documents::{
    Asked, AskedAgain, Decision, ExecutorKind, Recommendation, Requirement, Rescored, RulesRecord,
    Status, TrackRecord,
};
use crate::domain::engine::ENGINE;
use crate::domain::ids::CaseId;
use crate::domain::problem::{Problems, Reading};
use crate::gate::grants::{CaseKind, GrantCase};
use crate::gate::requirement;
use crate::git::{Commit, GitError, Repository};
use crate::risk::{self, limits::UsedLimits};
use crate::rules::Rules;

/// The most commits of one proposal: the bot decides no larger ones.
const MOST_COMMITS: usize = 250;

/// What a decided case comes to on a later tip.
#[derive(Debug)]
pub enum Again {
    /// It would be asked nothing that it was not asked.
    Same,
    /// It would be asked nothing more, but a rule holds it back for now.
    Held,
    /// It would be asked more.
    More(Box<More>),
    /// It could not be proposed any more, for these reasons: nothing of it may be done.
    Invalid(Problems),
}

/// What was asked of a case, and what would be asked of it now.
#[derive(Debug, Clone, PartialEq)]
pub struct More {
    pub was: Asked,
    pub now: AskedAgain,
}

/// An approved case, with the commits that were merged with it.
#[derive(Debug)]
pub struct Approved<'c> {
    pub about: &'c Recommendation,
    pub decision: &'c Decision,
    pub commits: Vec<Commit>,
}

impl More {
    /// The record of it.
    pub fn record(
        self,
        id: CaseId,
        executor: ExecutorKind,
        rules: RulesRecord,
        at: DateTime<Utc>,
    ) -> Rescored {
        Rescored {
            schema: Default::default(),
            id,
            at,
            executor,
            engine: ENGINE.to_owned(),
            rules,
            was: self.was,
            now: self.now,
        }
    }
}

impl<'c> Approved<'c> {
    /// Reads its commits; none if this clone does not hold them.
    pub fn read(
        repo: &Repository,
        about: &'c Recommendation,
        decision: &'c Decision,
    ) -> Result<Option<Self>, GitError> {
        let pull = &decision.pull;
        if !repo.contains(pull.head)? || !repo.contains(pull.base)? {
            return Ok(None);
        }
        let mut commits = repo.commits_between(pull.base, pull.head, MOST_COMMITS)?;
        commits.retain(|commit| !is_event(commit));
        Ok(Some(Self {
            about,
            decision,
            commits,
        }))
    }

    /// Scores it again, by these rules and with its targets and the track record at a path as they are now.
    pub fn again<E>(
        &self,
        targets: Reading<KnownTargets>,
        rules: &Rules,
        at: DateTime<Utc>,
        track_record: impl FnOnce(&str) -> Result<TrackRecord, E>,
    ) -> Result<Again, E> {
        let targets = match targets {
            Reading::Valid(targets) => targets,
            Reading::Invalid(problems) => return Ok(Again::Invalid(problems)),
        };
        let about = &*self.decision.executed(self.about);
        let before = self.decision.risk_of_executed();
        let contributions = facts::contributions(&self.decision.pull, &self.commits);
        let mut situation = facts::situation(
            about,
            targets,
            &contributions,
            &self.decision.evidence,
            rules,
            at,
        );
        situation.used = UsedLimits::counted();
        let path = Recommendation::path_of(about.id);
        let problems = risk::validity::problems(&path, about, &situation, rules);
        if !problems.is_empty() {
            return Ok(Again::Invalid(Problems(problems)));
        }
        let risk = risk::assess(about, &situation, rules);
        let required = requirement::for_recommendation(&risk, &rules.governance);
        let is_granted = self.decision.status == Status::Granted;
        let is_lost = is_granted && {
            let kind = CaseKind::of(about, &situation, rules);
            let case = kind.as_ref().map(|kind| GrantCase {
                kind,
                situation: &situation,
                assessment: &risk,
                rules,
                now: at,
            });
            match case {
                Some(case) => !case.is_earned(&track_record(&case.kind.track_record())?),
                None => true,
            }
        };
        let now = AskedAgain { risk, required };
        let was = Asked {
            score: before.score,
            level: before.level,
            // What nobody was asked because of a grant that is lost by now.
            required: match is_lost {
                true => Requirement::NOBODY,
                false => self.decision.required,
            },
        };
        let asks_more = rules.governance.mode.asks_people() && now.risk.asks_for_more_than(before);
        let again = if now.exceeds(&was) || asks_more || now.risk.is_refused() {
            Again::More(Box::new(More { was, now }))
        } else if now.risk.is_held() {
            Again::Held
        } else {
            Again::Same
        };
        Ok(again)
    }
}

/// Why nothing was done, in words for the record of the outcome.
pub fn refusal(problems: &Problems) -> String {
    format!("nothing was done: {}", problems.in_one_line())
}
