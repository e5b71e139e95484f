//! The gate: hears every review, says which counted, and answers approve, reject, wait or expire.
//!
//! A pure function of the case, the rules and the time. The default answer is to wait.

mod answers;
mod uncounted;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::amendments::{ApprovedPart, ApprovedParts};
use super::asks::{self, AskInForce, AskStatus};
use super::eligibility::{Interests, Principal, may_speak, principal_of, shown};
use super::{opinions, requirement};
use crate::domain::amendment::Amendment;
use crate::domain::command::Command;
use crate::domain::documents::{
    AccountRecord, Assessment, CountedApproval, FiredTrigger, GrantRecord, IgnoredReview,
    OpinionRecord, QuestionRecord, Rejection, RejectionCategory, Requirement, Role, RuleEffect,
    Status, TeamMember,
};
use crate::domain::ids::{Login, PullNumber};
use crate::domain::level::Level;
use crate::domain::mode::Mode;
use crate::domain::pull::{Pull, PullState, Pushes};
use crate::domain::review::{Confidence, Opinion, Review};
use crate::rules::Rules;
use crate::rules::people::{People, Person, PersonName};

pub use answers::RejectedCommand;
pub use uncounted::Uncounted;

/// How much of somebody's words goes into the record, in characters.
const MOST_WORDS: usize = 4_000;
/// How many reviews that did not count go into the record.
pub const MOST_IGNORED: usize = 100;

/// How the reason of a request for changes begins that does not block, and of a rejection that ends nothing.
pub const NO_BLOCK: &str = "the request for changes does not block: ";
pub const NO_REJECTION: &str = "the rejection does not count: ";

/// Everything that the gate hears.
#[derive(Debug)]
pub struct Case<'a> {
    /// The pull request with everything said on it.
    pub pull: &'a Pull,
    /// Other open pull requests of the same case: a no on one of them is heard on all, a yes is not.
    pub elsewhere: &'a [&'a Pull],
    pub kind: Kind,
    /// How risky it is, and which rules fired.
    pub assessment: &'a Assessment,
    /// What the grant that it is a case of comes to.
    pub grant: Option<&'a GrantRecord>,
    /// Who may not decide because of their part in it.
    pub interests: Interests<'a>,
    /// Reviews (by id) that were given on an older `main` whose facts were different, and how.
    pub outdated: &'a BTreeMap<String, String>,
    /// What approvals are of that are not of all.
    pub parts: &'a ApprovedParts,
    /// What is decided of it, if that is less than all; the assessment is of that.
    pub amendment: Option<&'a Amendment>,
    /// Whether `main` is frozen: nothing is merged.
    pub frozen: bool,
    /// The time of this evaluation.
    pub now: DateTime<Utc>,
}

/// What a pull request proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Recommendation,
    /// A change of the rules, the targets or anything else on `main`.
    GovernanceChange,
}

/// The gate's answer, with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateResult {
    /// What its level asks for; a grant stands in for it.
    pub required: Requirement,
    /// What the grant that it is a case of comes to.
    pub grant: Option<GrantRecord>,
    /// What the rules ask for beside it, and how far that is met.
    pub asks: Vec<AskStatus>,
    /// The approvals that counted.
    pub approvals: Vec<CountedApproval>,
    /// The reviews that did not, and why.
    pub ignored: Vec<IgnoredReview>,
    pub verdict: Verdict,
    /// Who may approve it, and as what: everybody with a role that is needed and no part in it.
    pub eligible: Vec<(PersonName, Role)>,
    /// Why those do not count who could approve it if the rules had the numeric ids of their accounts.
    pub without_id: Vec<String>,
    /// Whoever had a part in it or spoke on it, and is known or entitled through a team only.
    pub team_members: Vec<TeamMember>,
    /// The commands that were not taken, one for each account and command, and why.
    pub rejected_commands: Vec<RejectedCommand>,
    /// Everything that was said, whether it counted or not.
    pub opinions: Vec<OpinionRecord>,
    /// What its agent was asked, with the answers.
    pub questions: Vec<QuestionRecord>,
    /// The other pull request of the same case that its author closed, if that is why it ends.
    pub withdrawn_on: Option<PullNumber>,
}

/// What happens to the pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Approve(Status),
    /// A person ended it.
    Reject(Rejection),
    /// Its author took it back.
    Withdraw,
    /// A rule refuses it, whoever approves.
    Refuse,
    /// Nobody decided in time.
    Expire,
    Wait(Wait),
}

/// What a proposal waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wait {
    /// How many approvals are missing.
    pub missing: u32,
    /// Why no approval counts for this head, whoever gives it.
    pub unattributed: Option<String>,
    /// Who asked for changes.
    pub blocked_by: Vec<PersonName>,
    /// Those of them who asked on another pull request of the same case.
    pub blocked_elsewhere: Vec<BlockElsewhere>,
    /// Whether it has waited so long that the admins are asked.
    pub escalated: bool,
    /// Whether it waits only because `main` is frozen.
    pub frozen: bool,
    /// The rules that keep it from being merged while their conditions hold.
    pub held_by: Vec<FiredTrigger>,
}

/// A request for changes on another pull request of the same case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockElsewhere {
    pub by: PersonName,
    pub pull: PullNumber,
}

impl Wait {
    /// Who asked for changes, with the pull request where it is another one: `bob on #1`.
    pub fn blockers(&self) -> impl Iterator<Item = String> {
        self.blocked_by.iter().map(|by| {
            let mut elsewhere = self.blocked_elsewhere.iter();
            match elsewhere.find(|block| block.by == *by) {
                Some(block) => format!("{by} on {}", block.pull),
                None => by.to_string(),
            }
        })
    }
}

pub fn evaluate_gate(case: &Case, rules: &Rules) -> GateResult {
    let (assessment, governance) = (case.assessment, &rules.governance);
    let level = match case.kind {
        Kind::Recommendation => requirement::of_level(assessment.level, governance),
        Kind::GovernanceChange => requirement::of_governance_change(governance),
    };
    let asks = asks::in_force(assessment, level, governance);
    let required = requirement::unless_instead(level, assessment, governance);
    let required = match case.amendment {
        Some(_) => requirement::of_amendment(required, assessment, governance),
        None => required,
    };
    let mut evaluation = GateEvaluation {
        case,
        rules,
        required,
        asks,
        approvals: Vec::new(),
        ignored: Vec::new(),
        blocked_by: Vec::new(),
        blocked_elsewhere: Vec::new(),
    };
    evaluation.apply_reviews();
    evaluation.apply_blocks_elsewhere();
    let asks = evaluation.ask_statuses();
    let verdict = evaluation.verdict(&asks);
    let withdrawn_on = match verdict {
        Verdict::Withdraw => evaluation.find_withdrawal_elsewhere(),
        _ => None,
    };
    let (eligible, rejected_commands) = (evaluation.eligible(), evaluation.rejected_commands());
    let without_id = evaluation.without_id();
    evaluation.ignored.truncate(MOST_IGNORED);
    let team_members = evaluation.team_members(&verdict);
    GateResult {
        required,
        grant: case.grant.cloned(),
        asks,
        approvals: evaluation.approvals,
        ignored: evaluation.ignored,
        verdict,
        eligible,
        without_id,
        team_members,
        rejected_commands,
        opinions: opinions::of(case.pull, Some(rules)),
        questions: Vec::new(),
        withdrawn_on,
    }
}

struct GateEvaluation<'a> {
    case: &'a Case<'a>,
    rules: &'a Rules,
    required: Requirement,
    asks: Vec<AskInForce>,
    approvals: Vec<CountedApproval>,
    ignored: Vec<IgnoredReview>,
    blocked_by: Vec<PersonName>,
    blocked_elsewhere: Vec<BlockElsewhere>,
}

impl<'a> GateEvaluation<'a> {
    fn apply_reviews(&mut self) {
        for review in self.latest_opinions(self.case.pull) {
            match review.opinion {
                Opinion::Approve => match self.count(review) {
                    Ok(approval) => self.approvals.push(approval),
                    Err(reason) => self.ignored.push(ignored(review, reason.to_string())),
                },
                Opinion::RequestChanges => self.apply_request_for_changes(review),
                Opinion::Dismissed => self
                    .ignored
                    .push(ignored(review, "it was dismissed".to_owned())),
                Opinion::Comment => {}
            }
        }
    }

    fn apply_request_for_changes(&mut self, review: &Review) {
        let is_rejection = is_rejection(review);
        let reason = match self.speaker(&review.account, review.is_bot) {
            Ok(person) => match self.conflict(person, &review.account) {
                None => return self.blocked_by.push(person.name.clone()),
                // Whoever had a part in it may still say no to it.
                Some(_) if is_rejection => return,
                Some(conflict) => conflict,
            },
            Err(reason) => reason.to_string(),
        };
        let what = if is_rejection { NO_REJECTION } else { NO_BLOCK };
        self.ignored
            .push(ignored(review, format!("{what}{reason}")));
    }

    /// A request for changes on another pull request of the case blocks this one, too, until the same person
    /// approves any of them.
    fn apply_blocks_elsewhere(&mut self) {
        for pull in self.case.elsewhere {
            for review in self.latest_opinions(pull) {
                if review.opinion != Opinion::RequestChanges {
                    continue;
                }
                let Ok(person) = self.speaker(&review.account, review.is_bot) else {
                    continue;
                };
                let has_conflict = self.conflict(person, &review.account).is_some();
                if !has_conflict
                    && !self.blocked_by.contains(&person.name)
                    && !self.has_approved_since(person, review.at)
                {
                    self.blocked_by.push(person.name.clone());
                    self.blocked_elsewhere.push(BlockElsewhere {
                        by: person.name.clone(),
                        pull: pull.number,
                    });
                }
            }
        }
    }

    fn has_approved_since(&self, person: &Person, at: DateTime<Utc>) -> bool {
        let pulls = std::iter::once(&self.case.pull).chain(self.case.elsewhere);
        pulls.flat_map(|pull| &pull.reviews).any(|review| {
            let is_theirs = matches!(principal_of(&review.account, self.rules), Principal::Person(other) if other.name == person.name);
            is_theirs && review.opinion == Opinion::Approve && review.at > at
        })
    }

    /// Each person's (or unknown account's) newest opinion on a pull request; a comment changes nothing.
    fn latest_opinions(&self, pull: &'a Pull) -> Vec<&'a Review> {
        let mut latest: BTreeMap<String, &'a Review> = BTreeMap::new();
        for review in pull
            .reviews
            .iter()
            .filter(|review| review.opinion != Opinion::Comment)
        {
            let who = match principal_of(&review.account, self.rules) {
                Principal::Person(person) => {
                    format!("person {}", person.name.as_str().to_ascii_lowercase())
                }
                Principal::Agent(agent) => format!("agent {agent}"),
                Principal::Unknown => {
                    format!("account {}", shown(&review.account).to_ascii_lowercase())
                }
            };
            latest.insert(who, review);
        }
        let mut reviews: Vec<&Review> = latest.into_values().collect();
        reviews.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        reviews
    }

    /// The person behind an account; bots, agents and strangers are none.
    fn person(&self, account: &AccountRecord, is_bot: bool) -> Result<&'a Person, Uncounted> {
        find_person(account, is_bot, self.rules)
    }

    /// The person behind an account, if they may speak here at all.
    fn speaker(&self, account: &AccountRecord, is_bot: bool) -> Result<&'a Person, Uncounted> {
        let person = self.person(account, is_bot)?;
        if may_speak(person) || self.is_asked(person) {
            Ok(person)
        } else {
            Err(Uncounted::NoRole(person.name.clone()))
        }
    }

    /// Whether a rule asks a group that this person is in.
    fn is_asked(&self, person: &Person) -> bool {
        let groups = asks::groups(&self.asks);
        groups.into_iter().any(|group| People::is_in(person, group))
    }

    /// What the rules ask for, and how far that is met.
    fn ask_statuses(&self) -> Vec<AskStatus> {
        let is_unattributed = self.case.interests.find_unattributed(self.rules).is_some();
        asks::statuses(self.asks.clone(), &self.approvals, self.rules, |person| {
            let account = AccountRecord {
                login: Some(person.name.login().clone()),
                id: person.id,
                email: None,
            };
            !is_unattributed
                && self.conflict(person, &account).is_none()
                && (!self.needs_id() || person.id.is_some())
        })
    }

    fn conflict(&self, person: &Person, account: &AccountRecord) -> Option<String> {
        self.case
            .interests
            .find_conflict(person, account, self.rules)
    }

    /// The approval as it counts, or why it does not.
    fn count(&self, review: &Review) -> Result<CountedApproval, Uncounted> {
        let person = self.person(&review.account, review.is_bot)?;
        if let Some(conflict) = self.conflict(person, &review.account) {
            return Err(Uncounted::Conflict(conflict));
        }
        let person = self.speaker(&review.account, review.is_bot)?;
        if review.head == self.case.pull.head {
            self.find_other_part(review)?;
        }
        let has_role = person.role >= self.required.role && may_speak(person);
        if !has_role && !self.is_asked(person) {
            return Err(Uncounted::LesserRole {
                by: person.name.clone(),
                role: person.role,
                needed: self.required.role,
            });
        }
        let head = self.case.pull.head;
        if review.head != head {
            return Err(Uncounted::OtherHead {
                given: review.head,
                head,
            });
        }
        let base_changed_at = self.case.pull.base_changed_at;
        if base_changed_at.is_some_and(|at| review.at <= at) {
            return Err(Uncounted::OtherBase);
        }
        if let Pushes::Unknown { help } = &self.case.pull.pushes {
            return Err(Uncounted::UnknownPushers {
                head,
                help: help.clone(),
            });
        }
        if let Some(how) = self.case.outdated.get(&review.id) {
            return Err(Uncounted::Outdated(how.clone()));
        }
        if let Some(reason) = self.case.interests.find_unattributed(self.rules) {
            return Err(Uncounted::Unattributed(reason));
        }
        if self.needs_id() && person.id.is_none() {
            let missing = without_id(person, review.account.id);
            return Err(Uncounted::WithoutId(missing));
        }
        let text = if review.edited {
            String::new()
        } else {
            words(&review.body)
        };
        let least = self.rules.governance.justification_min_length;
        let counts_for_level = has_role && self.is_justified(&text);
        let parts = self
            .asks
            .iter()
            .flat_map(|asked| asked.ask.any_of.iter().flatten());
        let mut counts_for_rule = parts.filter(|part| {
            asks::counts_for(part, person, Some(text.as_str()), &self.rules.governance)
        });
        if !counts_for_level && counts_for_rule.next().is_none() {
            return Err(Uncounted::NoJustification {
                least,
                edited: review.edited,
            });
        }
        if review.edited && self.case.kind == Kind::Recommendation {
            return Err(Uncounted::Edited);
        }
        Ok(CountedApproval {
            by: person.name.login().clone(),
            account: review.account.clone(),
            role: person.role,
            at: review.at,
            head: review.head,
            main: review.main,
            review: review.id.clone(),
            justification: (!text.is_empty()).then_some(text),
            confidence: self.confidence_of(person, review),
        })
    }

    /// An approval counts for what it is of, and for nothing else.
    fn find_other_part(&self, review: &Review) -> Result<(), Uncounted> {
        match (self.case.parts.get(&review.id), self.case.amendment) {
            (None, None) => Ok(()),
            (Some(ApprovedPart::Less(given)), Some(decided)) if given == decided => Ok(()),
            (Some(given), _) => Err(Uncounted::Less(given.clone())),
            (None, Some(decided)) => Err(Uncounted::All(decided.to_string())),
        }
    }

    /// Whether a text is justification enough for the level.
    fn is_justified(&self, text: &str) -> bool {
        !self.required.justification || self.rules.governance.is_justification(text)
    }

    /// How many of the approvals count for the level: one that counts for a rule may not.
    fn counted_for_level(&self) -> u32 {
        let counted = self.approvals.iter().filter(|approval| {
            let text = approval.justification.as_deref().unwrap_or_default();
            approval.role >= self.required.role.max(Role::Reviewer) && self.is_justified(text)
        });
        u32::try_from(counted.count()).unwrap_or(u32::MAX)
    }

    /// Whether a person counts by the numeric id of their account only: on GitHub a login can be given up, and then
    /// be anybody's.
    fn needs_id(&self) -> bool {
        let is_high =
            self.case.kind == Kind::GovernanceChange || self.case.assessment.level == Level::High;
        is_high && self.case.pull.forge().is_github()
    }

    /// What this person last said about how sure they are, in the review or in a comment.
    fn confidence_of(&self, person: &Person, review: &Review) -> Option<Confidence> {
        let is_theirs = |account: &AccountRecord| matches!(principal_of(account, self.rules), Principal::Person(other) if other == person);
        let comments = self
            .case
            .pull
            .comments
            .iter()
            .filter(|comment| !comment.edited && is_theirs(&comment.account))
            .map(|c| (c.at, &c.body));
        let own = (!review.edited).then_some((review.at, &review.body));
        let mut said: Vec<_> = comments.chain(own).collect();
        said.sort_by_key(|(at, _)| *at);
        let mut commands = said
            .into_iter()
            .rev()
            .flat_map(|(_, body)| Command::find_all(body));
        commands.find_map(|command| match command {
            Ok(Command::Confidence(confidence)) => Some(confidence),
            _ => None,
        })
    }

    fn verdict(&self, asks: &[AskStatus]) -> Verdict {
        if let Some(rejection) = self.find_rejection() {
            return Verdict::Reject(rejection);
        }
        match &self.case.pull.state {
            PullState::Closed { by, at } => return self.closed(by, *at),
            PullState::Open | PullState::Draft | PullState::Done => {}
        }
        if let Some(rejection) = self.find_rejection_by_closing_elsewhere() {
            return Verdict::Reject(rejection);
        }
        if self.find_withdrawal_elsewhere().is_some() {
            return Verdict::Withdraw;
        }
        if self.case.assessment.is_refused() {
            return Verdict::Refuse;
        }
        let missing = self
            .required
            .approvals
            .saturating_sub(self.counted_for_level());
        let granted = self.case.grant.is_some_and(GrantRecord::is_granted);
        let auto = granted || self.required.role == Role::None || self.is_admins_own_in_auto_mode();
        let is_asked_for = asks.iter().all(AskStatus::is_met);
        let held_by = self.held_by();
        if (auto || missing == 0) && is_asked_for && self.blocked_by.is_empty() {
            let status = match (auto && self.approvals.is_empty(), granted) {
                (true, true) => Status::Granted,
                (true, false) => Status::AutoApproved,
                (false, _) => Status::Approved,
            };
            let frozen = self.case.frozen;
            if !frozen && held_by.is_empty() {
                return Verdict::Approve(status);
            }
            if frozen || !self.is_late() {
                return Verdict::Wait(Wait {
                    frozen,
                    held_by,
                    ..Wait::default()
                });
            }
        }
        if self.is_late() && !self.case.frozen {
            return Verdict::Expire;
        }
        let waited = self.case.now - self.case.pull.opened_at;
        let escalated = waited > self.rules.governance.escalate_after;
        let missing = if auto { 0 } else { missing };
        Verdict::Wait(Wait {
            missing,
            unattributed: (missing > 0 || !is_asked_for)
                .then(|| self.case.interests.find_unattributed(self.rules))
                .flatten(),
            blocked_by: self.blocked_by.clone(),
            blocked_elsewhere: self.blocked_elsewhere.clone(),
            escalated,
            frozen: self.case.frozen,
            held_by,
        })
    }

    fn is_late(&self) -> bool {
        let waited = self.case.now - self.case.pull.opened_at;
        waited > self.rules.governance.expire_after
    }

    /// The rules that keep it from being merged as long as their conditions hold.
    fn held_by(&self) -> Vec<FiredTrigger> {
        let fired = self.case.assessment.triggers.iter();
        fired
            .filter(|fired| fired.has_effect(RuleEffect::Wait))
            .cloned()
            .collect()
    }

    /// The first `/reject` by somebody who may speak, on any pull request of the case. Saying no is safe, so the
    /// part that somebody had in the proposal does not matter here.
    fn find_rejection(&self) -> Option<Rejection> {
        let elsewhere = self.case.elsewhere.iter().filter_map(|pull| {
            let rejection = self.find_rejection_on(pull)?;
            Some(Rejection {
                pull: Some(pull.number),
                ..rejection
            })
        });
        let here = self.find_rejection_on(self.case.pull);
        here.into_iter()
            .chain(elsewhere)
            .min_by_key(|rejection| (rejection.at, rejection.pull))
    }

    fn find_rejection_on(&self, pull: &Pull) -> Option<Rejection> {
        let reviews = pull
            .reviews
            .iter()
            .filter(|r| !r.edited)
            .map(|r| (r.at, &r.account, r.is_bot, &r.body));
        let comments = pull
            .comments
            .iter()
            .filter(|c| !c.edited)
            .map(|c| (c.at, &c.account, c.is_bot, &c.body));
        let mut said: Vec<_> = reviews.chain(comments).collect();
        said.sort_by_key(|(at, ..)| *at);
        said.into_iter().find_map(|(at, account, is_bot, body)| {
            let person = self.speaker(account, is_bot).ok()?;
            let (category, reason) =
                Command::find_all(body)
                    .into_iter()
                    .find_map(|command| match command {
                        Ok(Command::Reject { category, reason }) => Some((category, reason)),
                        _ => None,
                    })?;
            let reason = match reason.as_str() {
                "" => words(body),
                reason => cut(reason),
            };
            // One line stands beside the command when it is heard again, several stand below it.
            let reason = match reason.contains('\n') {
                true => reason,
                false => reason.trim().to_owned(),
            };
            Some(Rejection {
                by: person.name.login().clone(),
                account: account.clone(),
                category,
                reason,
                at,
                pull: None,
            })
        })
    }

    /// Another pull request of the case was closed by somebody who may reject it, and had no part in it.
    fn find_rejection_by_closing_elsewhere(&self) -> Option<Rejection> {
        self.case.elsewhere.iter().find_map(|pull| {
            let PullState::Closed { by, at } = &pull.state else {
                return None;
            };
            let person = self.speaker(by, false).ok()?;
            (!is_author(by, self.case, self.rules)).then(|| Rejection {
                pull: Some(pull.number),
                ..closing(person.name.login().clone(), by, *at)
            })
        })
    }

    /// Another pull request of the case that was closed by somebody who had a part in this one. Whoever opened only
    /// the other one has none.
    fn find_withdrawal_elsewhere(&self) -> Option<PullNumber> {
        if let PullState::Closed { .. } = self.case.pull.state {
            return None;
        }
        let mut elsewhere = self.case.elsewhere.iter();
        let withdrawn = elsewhere.find(|pull| {
            matches!(&pull.state, PullState::Closed { by, .. } if is_author(by, self.case, self.rules))
        });
        withdrawn.map(|pull| pull.number)
    }

    /// Closed by hand: by somebody who had a part in it, it is taken back; by anybody else, it is rejected.
    fn closed(&self, by: &AccountRecord, at: DateTime<Utc>) -> Verdict {
        let is_authors = is_author(by, self.case, self.rules);
        match (&by.login, principal_of(by, self.rules)) {
            (_, Principal::Person(person)) if !is_authors => {
                Verdict::Reject(closing(person.name.login().clone(), by, at))
            }
            (Some(login), Principal::Unknown) if !is_authors => {
                Verdict::Reject(closing(login.clone(), by, at))
            }
            _ => Verdict::Withdraw,
        }
    }

    /// A person working alone cannot approve their own pull request: in `auto_approve` an admin's own
    /// governance change is merged at once, provided that nobody else had a hand in it.
    fn is_admins_own_in_auto_mode(&self) -> bool {
        let is_admin = |account: &AccountRecord| match principal_of(account, self.rules) {
            Principal::Person(person) => {
                person.role == Role::Admin && !(self.needs_id() && person.id.is_none())
            }
            Principal::Agent(_) | Principal::Unknown => false,
        };
        self.case.kind == Kind::GovernanceChange
            && self.rules.governance.mode == Mode::AutoApprove
            && !matches!(self.case.pull.pushes, Pushes::Unknown { .. })
            && is_admin(&self.case.pull.author)
            && self
                .case
                .interests
                .contributions
                .iter()
                .all(|contribution| is_admin(&contribution.account))
    }
}

/// The person behind an account; bots, agents and strangers are none.
pub(super) fn find_person<'r>(
    account: &AccountRecord,
    is_bot: bool,
    rules: &'r Rules,
) -> Result<&'r Person, Uncounted> {
    if is_bot {
        return Err(Uncounted::Bot(shown(account)));
    }
    match principal_of(account, rules) {
        Principal::Agent(agent) => Err(Uncounted::Agent(agent.clone())),
        Principal::Unknown => Err(Uncounted::Unlisted(shown(account))),
        Principal::Person(person) => Ok(person),
    }
}

/// Why somebody does not count whom the rules know by login alone, with the line that is missing.
pub fn without_id(person: &Person, id: Option<u64>) -> String {
    let name = &person.name;
    let line = id.map_or_else(
        || format!("`id: …`, the number that `gh api users/{name} --jq .id` prints"),
        |id| format!("`id: {id}`, if that account is theirs"),
    );
    format!(
        "`rules/people.yaml` knows `{name}` by a login alone, which may become anybody's: add to `{name}` there {line}"
    )
}

fn is_author(account: &AccountRecord, case: &Case, rules: &Rules) -> bool {
    let principal = principal_of(account, rules);
    let mut authors = std::iter::once(&case.pull.author)
        .chain(case.interests.contributions.iter().map(|c| &c.account));
    authors.any(|author| {
        author == account
            || (principal != Principal::Unknown && principal_of(author, rules) == principal)
    })
}

/// The reason on record when somebody closed a pull request by hand.
pub const CLOSED_WITHOUT_REASON: &str = "closed the pull request without giving a reason";

fn closing(by: Login, account: &AccountRecord, at: DateTime<Utc>) -> Rejection {
    let reason = CLOSED_WITHOUT_REASON.to_owned();
    Rejection {
        by,
        account: account.clone(),
        category: RejectionCategory::Other,
        reason,
        at,
        pull: None,
    }
}

/// What goes into the record of somebody's words. Heard again, it is the same.
fn words(text: &str) -> String {
    let stripped = Command::strip(text);
    if stripped.chars().count() <= MOST_WORDS {
        return stripped;
    }
    // What is cut may lose the end of its code block.
    Command::strip(&cut(&stripped))
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_WORDS).collect()
}

/// Whether a review ends the proposal, if its author may.
fn is_rejection(review: &Review) -> bool {
    let is_reject = |command: &_| matches!(command, Ok(Command::Reject { .. }));
    !review.edited && Command::find_all(&review.body).iter().any(is_reject)
}

fn ignored(review: &Review, reason: String) -> IgnoredReview {
    IgnoredReview {
        account: review.account.clone(),
        at: review.at,
        head: review.head,
        review: review.id.clone(),
        reason,
    }
}
