//! `decision.yaml`: what was decided, by whom, under which rules, and every input of it.
//!
//! An auditor recomputes score, level, requirement and verdict from this record and a clone; the
//! commit's trailers are only an index of it.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, FixedOffset, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BaselineRecord, EvidenceRecord, GrantRecord, LimitRecord, QuestionRecord, Recommendation,
    schema_tag,
};
use crate::domain::amendment::Amendment;
use crate::domain::ids::{CaseId, GroupName, Login, PullNumber, Sha, TriggerId, WindowName};
use crate::domain::level::{Level, Score};
use crate::domain::mode::Mode;
use crate::domain::review::Confidence;
use crate::domain::unexpected::Unexpected;

schema_tag! {
    /// The value of `schema` in a decision.
    DecisionSchema, "countersign/decision/v1"
}

/// The record of one decision, on a recommendation or on a governance change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// `countersign/decision/v1`.
    pub schema: DecisionSchema,
    /// The case: the recommendation's id, or the governance change's own.
    pub id: CaseId,
    /// What came of it.
    pub status: Status,
    /// When.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub decided_at: DateTime<Utc>,
    /// The pull request as it was decided.
    pub pull: PullRecord,
    /// The blob id of the `recommendation.yaml` that was decided; absent for a governance change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<Sha>,
    /// The rules that it was decided by.
    pub rules: RulesRecord,
    /// The engine and its version.
    pub engine: String,
    /// The deployment mode at that moment.
    pub mode: Mode,
    /// The windows of the rules, and the local time by which each was open or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowRecord>,
    /// What was vouched for of the commit that was decided, in the order of the names and oldest first; the newest
    /// of a name that is valid counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceRecord>,
    /// The whole risk assessment.
    pub risk: Assessment,
    /// What people approved of it, if that is less than all: that is carried out, and `required` is of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amendment: Option<AmendmentRecord>,
    /// What the gate asked for.
    pub required: Requirement,
    /// The grant of `rules/autonomy.yaml` that it is a case of, and what came of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantRecord>,
    /// The file in which it counts for what its agent has earned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track_record: Option<String>,
    /// Every approval that counted.
    #[serde(default)]
    pub approvals: Vec<CountedApproval>,
    /// Every review that did not count, and why.
    #[serde(default)]
    pub ignored: Vec<IgnoredReview>,
    /// Who rejected it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
    /// Everything that was said on the pull request, whether it counted or not, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opinions: Vec<OpinionRecord>,
    /// So many more were said than this document holds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted_opinions: u64,
    /// What people asked its agent, oldest first, with the answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<QuestionRecord>,
    /// Whoever had a part in it or spoke on it, and was known or entitled through a team only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub team_members: Vec<TeamMember>,
    /// The other pull request of the same case that its author closed, where a withdrawal was not of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_on: Option<PullNumber>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Decision {
    /// Its name in the folder of its case.
    pub const FILE: &str = "decision.yaml";

    /// Where the decision on a recommendation is kept.
    pub fn path_of(id: CaseId) -> String {
        format!("recommendations/{}/{}", id.folder(), Self::FILE)
    }
    /// What of a recommendation is carried out.
    pub fn executed<'r>(&self, proposed: &'r Recommendation) -> Cow<'r, Recommendation> {
        match &self.amendment {
            Some(amendment) => Cow::Owned(amendment.edits.applied_to(proposed)),
            None => Cow::Borrowed(proposed),
        }
    }

    /// How risky what is carried out is.
    pub fn risk_of_executed(&self) -> &Assessment {
        self.amendment
            .as_ref()
            .map_or(&self.risk, |amendment| &amendment.risk)
    }

    /// Where the decision on a governance change is kept.
    pub fn governance_path_of(id: CaseId) -> String {
        format!("governance/{}/{}", id.folder(), Self::FILE)
    }
}

/// What people approved of a proposal, where that is less than all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendmentRecord {
    pub edits: Amendment,
    /// How risky what is left is.
    pub risk: Assessment,
}

impl AmendmentRecord {
    /// `with stop_loss_pct=3 (MEDIUM 55.00)`
    pub fn in_words(&self) -> String {
        let Assessment { level, score, .. } = &self.risk;
        format!("{} ({level} {score})", self.edits)
    }
}

/// How a case ended. A case that has not ended is `pending`: an open pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Merged by the bot: the gate asked for nobody.
    AutoApproved,
    /// Merged by the bot: its agent has earned that nobody is asked.
    Granted,
    /// Merged after people approved.
    Approved,
    /// Ended by a person.
    Rejected,
    /// Ended by a rule that no approval lifts.
    Refused,
    /// Taken back by its author.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

impl Status {
    /// All statuses.
    pub const ALL: [Self; 7] = [
        Self::AutoApproved,
        Self::Granted,
        Self::Approved,
        Self::Rejected,
        Self::Refused,
        Self::Withdrawn,
        Self::Expired,
    ];
    /// The name as documents write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AutoApproved => "auto_approved",
            Self::Granted => "granted",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
    /// Whether the proposal was merged.
    pub const fn is_approval(self) -> bool {
        matches!(self, Self::AutoApproved | Self::Granted | Self::Approved)
    }
    /// Whether it was merged without anybody being asked.
    pub const fn is_automatic(self) -> bool {
        matches!(self, Self::AutoApproved | Self::Granted)
    }
}
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl std::str::FromStr for Status {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| {
                let expected =
                    "auto_approved, granted, approved, rejected, refused, withdrawn or expired";
                Unexpected::is_not(text, "a status", expected)
            })
    }
}

/// The pull request as it was when it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PullRecord {
    /// Its number on the forge.
    pub number: PullNumber,
    /// Its address, where the forge has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its branch.
    pub branch: String,
    /// Who opened it.
    pub author: AccountRecord,
    /// Who is known to have pushed to its branch, where the forge says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pushers: Vec<AccountRecord>,
    /// When it was aimed at `main`, if it was aimed at another branch before: no older approval counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_changed_at: Option<DateTime<Utc>>,
    /// The commit that was decided.
    pub head: Sha,
    /// The tip of `main` that it was decided against: the first parent of the decision's commit.
    pub base: Sha,
    /// When it was opened.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub opened_at: DateTime<Utc>,
}

/// An account as the forge or a commit names it; at least one of the three is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRecord {
    /// Its login on the forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// Its numeric id on the forge, which outlives a change of login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// The e-mail address of its commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Which version of the rules decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulesRecord {
    /// The commit on `main` they were read from.
    pub commit: Sha,
    /// The tree id of `rules/` there.
    pub tree: Sha,
}

/// A window of the rules at the moment of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowRecord {
    /// Its name in `rules/governance.yaml`.
    pub name: WindowName,
    /// Whether it was open.
    pub open: bool,
    /// The time of the decision in the window's timezone.
    pub local_time: DateTime<FixedOffset>,
}

/// How risky a proposal is, and every input of that answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// The sum of the contributions, lifted by the triggers.
    pub score: Score,
    /// What the score means.
    pub level: Level,
    /// Each factor and what it adds.
    pub factors: Vec<FactorScore>,
    /// Each trigger that fired.
    #[serde(default)]
    pub triggers: Vec<FiredTrigger>,
    /// Where parameters that it changes were when people saw them last, if that is not where they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<BaselineRecord>,
}

impl Assessment {
    /// Whether a rule refuses it.
    pub fn is_refused(&self) -> bool {
        let mut fired = self.triggers.iter();
        fired.any(|fired| fired.has_effect(RuleEffect::Refuse))
    }

    /// Whether a rule holds it back for now.
    pub fn is_held(&self) -> bool {
        let mut fired = self.triggers.iter();
        fired.any(|fired| fired.has_effect(RuleEffect::Wait))
    }

    /// Whether rules ask for approvals here that they did not ask for there.
    pub fn asks_for_more_than(&self, other: &Self) -> bool {
        let asks = |of: &Self, ask: &RuleAsk| {
            let mut fired = of.triggers.iter();
            fired.any(|fired| fired.ask.as_ref() == Some(ask))
        };
        let mut here = self.triggers.iter().filter_map(|fired| fired.ask.as_ref());
        here.any(|ask| !asks(other, ask))
    }

    /// The level and score that an edit has to get below to be worth proposing. Where it is refused, everything that
    /// is not refused is.
    pub fn present(&self) -> Lift {
        if self.is_refused() {
            return Lift {
                level: Level::High,
                score: Score::hundredths(u32::MAX),
            };
        }
        Lift {
            level: self.level,
            score: self.score,
        }
    }
}

/// What one factor adds to the score, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactorScore {
    /// `environment`, `parameters`, `scope` or `reversibility`.
    pub name: String,
    /// What was looked at, such as `live`.
    pub input: String,
    /// Where that came from, such as `targets/checkout.yaml`.
    pub source: String,
    /// 0 to 100.
    pub points: Score,
    /// Percent.
    pub weight: u32,
    /// Weight × points / 100.
    pub contribution: Score,
    /// Why these points, in words.
    pub reason: String,
}

/// A rule of `rules/policy.yaml` whose condition holds, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FiredTrigger {
    /// Its id in `rules/policy.yaml`.
    pub id: TriggerId,
    /// Why it fired, in words.
    pub reason: String,
    /// What it lifts to, at least; absent: HIGH, unless `effect` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Lift>,
    /// What it does beside what `then` lifts to, or instead of lifting; absent: it lifts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<RuleEffect>,
    /// Who must approve because of it, beside whom the level asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<RuleAsk>,
    /// The limit that it goes past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitRecord>,
}

/// The least that a rule makes of score and level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// The level that the score means.
    pub level: Level,
    /// The least score.
    pub score: Score,
}

/// What a rule does but lift the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleEffect {
    /// It is shown, and changes nothing.
    Note,
    /// It only asks for approvals.
    Ask,
    /// Nothing is merged while it holds.
    Wait,
    /// The proposal ends, whoever approves.
    Refuse,
}

/// Approvals that a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleAsk {
    /// One of these is enough; of each, all parts are needed.
    pub any_of: Vec<Vec<GroupAsk>>,
    /// Whether they take the place of those that the level asks for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub instead: bool,
}

/// Approvals by people of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupAsk {
    /// The group in `rules/people.yaml`.
    pub from: GroupName,
    /// How many distinct people.
    pub approvals: u32,
    /// Whether each must write why.
    pub justification: bool,
}

impl FiredTrigger {
    /// Whether it does this.
    pub fn has_effect(&self, effect: RuleEffect) -> bool {
        self.effect == Some(effect)
    }

    /// `HIGH in any case`, or `lifts to at least MEDIUM 50.00`.
    pub fn effect_in_words(&self) -> String {
        let effect = match (self.effect, self.then) {
            (Some(RuleEffect::Wait), Some(Lift { level, score })) => {
                format!("lifts to at least {level} {score}, not merged while this holds")
            }
            (Some(RuleEffect::Ask), _) => String::new(),
            (Some(RuleEffect::Note), _) => "noted, changes nothing".to_owned(),
            (Some(RuleEffect::Wait), _) => "not merged while this holds".to_owned(),
            (Some(RuleEffect::Refuse), _) => "refused, whoever approves".to_owned(),
            (None, None) => "HIGH in any case".to_owned(),
            (None, Some(Lift { level, score })) => format!("lifts to at least {level} {score}"),
        };
        match &self.ask {
            None => effect,
            Some(ask) if effect.is_empty() => format!("needs {ask}"),
            Some(ask) => format!("{effect}, needs {ask}"),
        }
    }
}

impl fmt::Display for RuleAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, parts) in self.any_of.iter().enumerate() {
            if index > 0 {
                f.write_str(", or ")?;
            }
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    f.write_str(" and ")?;
                }
                fmt::Display::fmt(part, f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for GroupAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.approvals == 1 {
            "approval"
        } else {
            "approvals"
        };
        write!(f, "{} {noun} from {}", self.approvals, self.from)?;
        if self.justification {
            f.write_str(" with a justification")?;
        }
        Ok(())
    }
}

/// Who must approve.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Nobody.
    None,
    /// A reviewer or an admin.
    Reviewer,
    /// An admin.
    Admin,
}

impl Role {
    /// The name as documents write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reviewer => "reviewer",
            Self::Admin => "admin",
        }
    }
}
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the gate asks for before it lets a proposal through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The least role that counts.
    pub role: Role,
    /// How many distinct people.
    pub approvals: u32,
    /// Whether each must write why.
    pub justification: bool,
}

impl Requirement {
    pub const NOBODY: Self = Self {
        role: Role::None,
        approvals: 0,
        justification: false,
    };
    pub const ONE_REVIEWER: Self = Self {
        role: Role::Reviewer,
        approvals: 1,
        justification: false,
    };

    /// `the approval of an admin, with a justification`; none if nobody is asked.
    pub fn in_words(self) -> Option<String> {
        let (one, many) = match self.role {
            Role::None => return None,
            Role::Reviewer => ("a reviewer", "reviewers"),
            Role::Admin => ("an admin", "admins"),
        };
        let who = match self.approvals {
            1 => one.to_owned(),
            count => format!("{count} {many}"),
        };
        let why = match (self.justification, self.approvals) {
            (false, _) => "",
            (true, 1) => ", with a justification",
            (true, _) => ", each with a justification",
        };
        Some(format!("the approval of {who}{why}"))
    }
}

/// An approval that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountedApproval {
    /// The person, as `rules/people.yaml` names them.
    pub by: Login,
    /// The account it was given with.
    pub account: AccountRecord,
    /// The role it counted as.
    pub role: Role,
    /// When it was given.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
    /// The commit that it is for.
    pub head: Sha,
    /// The tip of `main` when it was given, where the forge records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<Sha>,
    /// The review's id on the forge.
    pub review: String,
    /// The review's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// How sure the person is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
}

/// Somebody in a team of the rules, at that moment: only the forge could say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamMember {
    /// Their login.
    pub login: Login,
    /// The numeric id of their account.
    pub id: u64,
    /// The role of the team.
    pub role: Role,
    /// The groups that hold the team.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupName>,
}

/// A review that did not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IgnoredReview {
    /// The account it was given with.
    pub account: AccountRecord,
    /// When it was given.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
    /// The commit that it was for.
    pub head: Sha,
    /// The review's id on the forge.
    pub review: String,
    /// Why it did not count.
    pub reason: String,
}

/// What somebody said on the pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpinionRecord {
    /// The account it was said with.
    pub account: AccountRecord,
    /// The person behind it, as `rules/people.yaml` names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Login>,
    /// What it is.
    pub kind: OpinionKind,
    /// When.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
    /// The commit that a review is for; a comment is for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Sha>,
    /// The id of the review or comment on the forge.
    pub review: String,
    /// Whether its text was changed afterwards: then nobody knows whose words they were, and none are kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub edited: bool,
    /// The text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
    /// So many more characters were said than are kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted_characters: u64,
}

/// What an opinion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpinionKind {
    /// Yes, to exactly that commit.
    Approve,
    /// Not like this.
    RequestChanges,
    /// A question or a remark.
    Comment,
    /// Taken back, by its author or somebody entitled.
    Dismissed,
    /// No: it says `/reject`.
    Reject,
}

impl OpinionRecord {
    /// Who did what, and in which words.
    pub fn sentence(&self) -> String {
        let who = match (&self.person, &self.account) {
            (Some(login), _)
            | (
                None,
                AccountRecord {
                    login: Some(login), ..
                },
            ) => login.as_str(),
            (
                None,
                AccountRecord {
                    email: Some(email), ..
                },
            ) => email,
            _ => "somebody",
        };
        let what = self.kind.verb();
        if self.words.is_empty() {
            format!("{who} {what}")
        } else {
            format!("{who} {what}: {}", self.words)
        }
    }
}

impl OpinionKind {
    /// What its author did, behind their name.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::RequestChanges => "requested changes",
            Self::Comment => "commented",
            Self::Dismissed => "gave a review that was dismissed",
            Self::Reject => "rejected it",
        }
    }
}

/// A person's no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// Who rejected it.
    pub by: Login,
    /// The account it was given with.
    pub account: AccountRecord,
    /// The main concern.
    pub category: RejectionCategory,
    /// In their words.
    pub reason: String,
    /// When.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
    /// The pull request it was said on, where that is another one of the same case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullNumber>,
}

/// The main concern behind a rejection.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RejectionCategory {
    /// The risk is not worth it.
    TooRisky,
    /// It is not clear what it is good for.
    UnclearBenefit,
    /// Not now.
    BadTiming,
    /// Not enough to decide on.
    NeedMoreInformation,
    /// Something else.
    Other,
}

impl RejectionCategory {
    /// All categories.
    pub const ALL: [Self; 5] = [
        Self::TooRisky,
        Self::UnclearBenefit,
        Self::BadTiming,
        Self::NeedMoreInformation,
        Self::Other,
    ];
    /// The name as people and documents write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooRisky => "too_risky",
            Self::UnclearBenefit => "unclear_benefit",
            Self::BadTiming => "bad_timing",
            Self::NeedMoreInformation => "need_more_information",
            Self::Other => "other",
        }
    }
}
impl fmt::Display for RejectionCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl std::str::FromStr for RejectionCategory {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == text)
            .ok_or_else(|| {
                let expected =
                    "too_risky, unclear_benefit, bad_timing, need_more_information or other";
                Unexpected::is_not(text, "a category", expected)
            })
    }
}
